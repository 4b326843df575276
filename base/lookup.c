/* lookup.c - see lookup.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/lookup.h"
#include "base/mbed.h"
#include "base/tr.h"

#include <assert.h>
#include <string.h>

enum { DIGITS_MAX = 15, DIGITS_LEAST = 7 };

/* The digits of text; international: it began with + or 00.  NULL: good, else what is wrong. */
static const char *digits_of(char digits[DIGITS_MAX + 3], bool *international, const char *text)
{
    size_t n = 0;
    *international = false;
    for (const char *p = text; *p; p++) {
        if (*p == '+' && n == 0 && !*international) {
            *international = true;
        } else if (*p >= '0' && *p <= '9') {
            if (n >= DIGITS_MAX + 2) /* 00 in front is no part of the number */
                return TR_LATER("too long for a telephone number");
            digits[n++] = *p;
        } else if (!strchr(" -./()", *p)) {
            return TR_LATER("only digits, blanks and + - . / ( ) are in a telephone number");
        } else if (strncmp(p, "(0)", 3) == 0 && n > 0 &&
                   (*international || (n > 1 && memcmp(digits, "00", 2) == 0))) {
            p += 2;
        }
    }
    digits[n] = 0;
    if (!*international && strncmp(digits, "00", 2) == 0) {
        *international = true;
        memmove(digits, digits + 2, n - 1);
    }
    return NULL;
}

enum err phone_normalise(char out[PHONE_TEXT_SIZE], const char *text, const char *country,
                         struct errmsg *why)
{
    char digits[DIGITS_MAX + 3], whole[2 * DIGITS_MAX];
    bool international;
    const char *wrong = digits_of(digits, &international, text);
    if (wrong)
        return err_set(why, ERR_FORMAT, "%s", wrong);
    const char *national = digits;
    country += *country == '+';
    size_t front = 0;
    if (!international) {
        front = strlen(country);
        assert(front >= 1);
        assert(front <= 3);
        bool keeps_zero = strcmp(country, "39") == 0, american = strcmp(country, "1") == 0;
        if ((*national == '0' && !keeps_zero) ||
            (american && *national == '1' && strlen(national) == 11))
            national++;
        memcpy(whole, country, front);
    }
    size_t size = strlen(national);
    memcpy(whole + front, national, size + 1);
    size += front;
    if (size < DIGITS_LEAST || size > DIGITS_MAX || *whole == '0')
        return err_set(why, ERR_FORMAT, "+%s has %d digits; a telephone number with its country has %d to %d",
                       whole, (int)size, (int)DIGITS_LEAST, (int)DIGITS_MAX);
    out[0] = '+';
    memcpy(out + 1, whole, size + 1);
    return OK;
}

void lookup_token(uint8_t token[TXN_TOKEN_SIZE], const uint8_t key[LOOKUP_KEY_SIZE],
                  enum txn_means means, struct bytes value)
{
    uint8_t kind = (uint8_t)means, mac[MBED_HASH_SIZE];
    mbed_hmac_sha256(mac, bytes_of(key, LOOKUP_KEY_SIZE), bytes_of(&kind, 1), value);
    memcpy(token, mac, TXN_TOKEN_SIZE);
    bytes_wipe(mac, sizeof mac);
}
