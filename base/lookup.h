/* lookup.h - telephone numbers in one spelling, and the digest that stands for what a member showed.
 * Pure.  docs/till.md: the number itself is never in a journal.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_BASE_LOOKUP_H
#define PATRON_BASE_LOOKUP_H

#include "base/bytes.h"
#include "base/txn.h"

enum {
    PHONE_TEXT_SIZE = 17, /* "+", 7 to 15 digits (E.164), the final 0 */
    LOOKUP_KEY_SIZE = 16
};

/* As typed or stored, in any usual spelling, to "+49301234567": blanks and - . / ( ) are dropped, 00 is +,
 * "(0)" behind a country code is dropped, and a number without a country gets country ("49", "+86") in place of its leading 0.  Italy's (39) keeps its 0; in country "1" a leading 1 is the country's.
 * Errors: ERR_FORMAT, out untouched, with what is wrong in why. */
MUST_CHECK enum err phone_normalise(char out[PHONE_TEXT_SIZE], const char *text, const char *country,
                                    struct errmsg *why);

/* First bytes of HMAC-SHA256(key, means || value).  value: MEANS_PHONE: as phone_normalise gives it,
 * without the final 0; others: the name of cardproto/kind.h. */
void lookup_token(uint8_t token[TXN_TOKEN_SIZE], const uint8_t key[LOOKUP_KEY_SIZE],
                  enum txn_means means, struct bytes value);

#endif
