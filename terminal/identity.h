/* identity.h - what makes this till itself: number, keys, certificate, whom it trusts.  Made by
 * enrol, kept in the till's home:
 *
 *     DIR/             0700
 *         key.pem      the till's own private key; never leaves this folder
 *         till.conf    all that head office gave at enrolment, one "word value" a line; written
 *                      last and at once, so that it is there whole or not at all
 *         till.db      the journal
 *         lock         held while a program uses the folder
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_IDENTITY_H
#define PATRON_TERMINAL_IDENTITY_H

#include "base/mbed.h"
#include "base/txn.h"
#include "cardproto/card.h"

enum { IDENTITY_PATH_MAX = 512, IDENTITY_DER_MAX = 1024 };

struct identity {
    uint32_t terminal;
    char shop[TXN_NAME_SIZE];
    struct card_till_keys card;
    mbedtls_pk_context key;
    mbedtls_x509_crt certificate, ca;
    mbedtls_pk_context pack_key; /* public: signs rule packs */
    mbedtls_pk_context code_key; /* public: signs member codes */
    uint8_t lookup_key[16];      /* base/lookup.h */
    uint8_t sun_meta_key[16];    /* NTAG 424: who it is */
};

/* What an enrolment gave, before it is parsed. */
struct identity_given {
    uint32_t terminal;
    char shop[TXN_NAME_SIZE];
    struct bytes certificate, ca, pack_key; /* DER */
    uint8_t aid[3];
    uint8_t key_version;
    uint8_t k2[16];
    struct bytes code_key; /* DER */
    uint8_t lookup_key[16], sun_meta_key[16];
};

/* Take the folder (made if it is not there) for this process: *lock_fd to be closed at the end.
 * Errors: ERR_BUSY (another till runs in it), ERR_IO (read-only, another user's: says what to do). */
MUST_CHECK enum err identity_lock(int *lock_fd, const char *dir, struct errmsg *why);
/* The till's private key; made when there is none yet. */
MUST_CHECK enum err identity_key(mbedtls_pk_context *key, const char *dir, struct errmsg *why);
/* Errors: ERR_EXISTS (enrolled already), ERR_IO. */
MUST_CHECK enum err identity_save(const char *dir, const struct identity_given *given,
                                  struct errmsg *why);
/* Errors: ERR_NOT_FOUND (not enrolled), ERR_REFUSED (others may read the keys), ERR_CORRUPT.
 * id is the caller's memory, any contents; finish it after OK. */
MUST_CHECK enum err identity_load(struct identity *id, const char *dir, struct errmsg *why);
/* By order of head office: the keys and till.conf are overwritten and removed; the journal stays.  The till
 * cannot sell points any more, and has to be enrolled anew in another folder.  Errors: ERR_IO. */
MUST_CHECK enum err identity_wipe(const char *dir, struct errmsg *why);
/* Other small files in the same folder, 0600.  Write: whole or not at all, and on disk on return.  Read: text
 * into data, terminated.  Errors: ERR_NOT_FOUND, ERR_IO, ERR_REFUSED (others may read it), ERR_CORRUPT (does
 * not fit), ERR_RANGE. */
MUST_CHECK enum err identity_write_file(const char *dir, const char *name, struct bytes data,
                                        struct errmsg *why);
MUST_CHECK enum err identity_read_file(char *data, size_t cap, const char *dir, const char *name,
                                       struct errmsg *why);
void identity_finish(struct identity *id); /* wipes; safe on a zeroed one */

#endif
