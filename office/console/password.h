/* password.h - passwords of the console: argon2id, and which are too easy.
 * Source: RFC 9106; parameters as OWASP's Password Storage Cheat Sheet has them.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_PASSWORD_H
#define PATRON_OFFICE_PASSWORD_H

#include "base/err.h"

#include <stdbool.h>

enum {
    PASSWORD_LEAST = 12,         /* characters */
    PASSWORD_MOST = 128,         /* bytes */
    PASSWORD_HASH_SIZE = 128,    /* "$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH" */
    PASSWORD_MEMORY_KIB = 19456, /* 19 MiB */
    PASSWORD_PASSES = 2,
    PASSWORD_LANES = 1,
    PASSWORD_MADE_SIZE = 20      /* of password_make: "k7mq-x2tn-9pwd-4hcz" */
};

/* Errors: ERR_CRYPTO (no memory for it, no random numbers). */
MUST_CHECK enum err password_hash(char out[PASSWORD_HASH_SIZE], const char *password, struct errmsg *why);
/* hash NULL: the same work, and false. */
bool password_is(const char *hash, const char *password);
/* Why it will not do, as a sentence in the language in use: too short, too long, one of those everybody tries, the
 * user's name or the programme's in it.  NULL = it will do.  No composition is asked for. */
const char *password_fault(const char *password, const char *user, const char *programme);
/* One of 79 random bits, to be given to somebody and changed by them.  Errors: ERR_CRYPTO. */
MUST_CHECK enum err password_make(char out[PASSWORD_MADE_SIZE], struct errmsg *why);

#endif
