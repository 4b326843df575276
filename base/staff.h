/* staff.h - who works at a till, and PINs: cashiers' and members', kept only as slow hashes.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_BASE_STAFF_H
#define PATRON_BASE_STAFF_H

#include "base/amount.h"
#include "base/bytes.h"
#include "base/ids.h"

enum {
    STAFF_NAME_SIZE = 64,
    STAFF_LANGUAGE_SIZE = 8,
    PIN_SALT_SIZE = 16,
    PIN_HASH_SIZE = 32,
    PIN_ROUNDS = 20000, /* of PBKDF2: some 20 ms at head office, some 100 ms on a small till */
    PIN_LEAST = 4,      /* digits */
    PIN_MOST = 8
};

/* A PIN as it is kept.  Zeros: there is none. */
struct pin {
    uint8_t salt[PIN_SALT_SIZE], hash[PIN_HASH_SIZE]; /* PBKDF2-HMAC-SHA256(PIN, salt, PIN_ROUNDS) */
};

/* The numbers are on the line. */
enum staff_role { STAFF_GONE = 0, STAFF_CASHIER = 1, STAFF_SUPERVISOR = 2 };

/* One person: Staff in sync/link.proto. */
struct staff {
    uint32_t id; /* > 0; what entries name them by */
    char name[STAFF_NAME_SIZE];
    enum staff_role role;
    char language[STAFF_LANGUAGE_SIZE]; /* "en", "zh"; "" = the till's */
    struct pin pin;
    struct card_uid badge;       /* the card they log in with; zeros = none */
    struct points grant_limit;   /* goodwill points in one gift, on their own */
    struct points grant_day_limit; /* ... on one day */
};

bool pin_is_set(const struct pin *pin);
/* PIN_LEAST to PIN_MOST digits?  Errors: ERR_FORMAT, with what is wrong in why. */
MUST_CHECK enum err pin_check(const char *typed, struct errmsg *why);
/* salt: fresh random bytes.  Errors: ERR_FORMAT (pin_check), ERR_CRYPTO. */
MUST_CHECK enum err pin_make(struct pin *out, const char *typed, const uint8_t salt[PIN_SALT_SIZE],
                             struct errmsg *why);
/* Is it this one?  False also when there is none.  Takes as long as PIN_ROUNDS say, whatever was typed. */
MUST_CHECK bool pin_matches(const struct pin *pin, const char *typed);

#endif
