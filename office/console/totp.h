/* totp.h - one-time codes of a second factor, as authenticator programs make them: RFC 6238 with SHA-1, 30 seconds,
 * six figures.  No state here: who keeps the step of the last code taken sees to it that each is good once.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_TOTP_H
#define PATRON_OFFICE_TOTP_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    TOTP_SECRET_SIZE = 20,
    TOTP_STEP_S = 30,
    TOTP_SKEW = 1,         /* steps to either side that are let pass */
    TOTP_TEXT_SIZE = 33,   /* the secret in base32 */
    TOTP_URI_SIZE = 256
};

/* The code of this step (utc_s / 30): 0..999999. */
uint32_t totp_code(const uint8_t secret[TOTP_SECRET_SIZE], int64_t step);
/* Is code ("012345", blanks are left out) one of now, and of a step above last?  *step: of which. */
bool totp_is(const uint8_t secret[TOTP_SECRET_SIZE], const char *code, int64_t utc_s, int64_t last, int64_t *step);
/* For typing, and for a QR code: otpauth://totp/ISSUER:USER?secret=...&issuer=ISSUER. */
void totp_text(char out[TOTP_TEXT_SIZE], const uint8_t secret[TOTP_SECRET_SIZE]);
void totp_uri(char out[TOTP_URI_SIZE], const uint8_t secret[TOTP_SECRET_SIZE], const char *issuer, const char *user);

#endif
