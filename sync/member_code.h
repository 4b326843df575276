/* member_code.h - the rotating member code: what the member page shows as a QR and a till scans.  Signed
 * by head office, short-lived, used once.
 *
 *     P1 0C4R8...   "P1" and 120 characters, 5 bits each: 75 bytes
 *     OFFSET SIZE MEANING
 *          0    4 member number, most significant byte first
 *          4    4 issued, seconds since 1970 of head office's clock
 *          8    3 random, so that two codes of one second differ
 *         11   64 ECDSA P-256 over SHA-256("patron member code 1" || bytes 0..10), r || s
 *
 * Bytes 0..10 name the code: head office takes each name once.  (The signature does not: who has one can
 * make a second that is also good.)  122 characters are what a QR code of version 5 holds with error
 * correction M in its alphanumeric mode.  The 32 characters are digits and capital letters without
 * I, O, Y and Z: small ones are read too, and a scanner that types on a US keyboard into a German one
 * (Y and Z exchanged) does no harm.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_SYNC_MEMBER_CODE_H
#define PATRON_SYNC_MEMBER_CODE_H

#include "base/bytes.h"
#include "base/ids.h"
#include "base/mbed.h"

enum {
    MEMBER_CODE_TEXT_SIZE = 123, /* with the final 0 */
    MEMBER_CODE_NAME_SIZE = 11,
    MEMBER_CODE_VALID_S = 60
};

struct member_code {
    member_id member; /* 1..4294967295 */
    int64_t issued_s;
    uint8_t name[MEMBER_CODE_NAME_SIZE]; /* of this code, of no other */
};

/* Head office: a fresh code.  Errors: ERR_RANGE (the member number or time does not fit), ERR_CRYPTO. */
MUST_CHECK enum err member_code_make(char out[MEMBER_CODE_TEXT_SIZE], member_id member, int64_t now_s,
                                     const mbedtls_pk_context *code_key, struct errmsg *why);

/* Does text look like one (any case, blanks around it)?  Not whether it is good. */
MUST_CHECK bool member_code_is(const char *text);

/* Till and head office: a code that head office's key signed and that is good at now_s, give or take
 * skew_s (what the clocks may differ by).  Errors: ERR_FORMAT (no code of ours, or mistyped), ERR_MAC (not
 * signed by us), ERR_RANGE (too old, or from the future); out is then untouched.  Whether it was used
 * before only head office knows. */
MUST_CHECK enum err member_code_read(struct member_code *out, const char *text, int64_t now_s,
                                     int32_t skew_s, const mbedtls_pk_context *code_key,
                                     struct errmsg *why);

#endif
