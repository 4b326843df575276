/* totp.c - see totp.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/console/totp.h"

#include "base/mbed.h"

#include <stdio.h>
#include <string.h>

uint32_t totp_code(const uint8_t secret[TOTP_SECRET_SIZE], int64_t step)
{
    uint8_t counter[8], mac[MBED_SHA1_SIZE];
    for (int i = 0; i < 8; i++)
        counter[i] = (uint8_t)((uint64_t)step >> (56 - 8 * i));
    mbed_hmac_sha1(mac, bytes_of(secret, TOTP_SECRET_SIZE), bytes_of(counter, sizeof counter));
    const uint8_t *p = mac + (mac[MBED_SHA1_SIZE - 1] & 15); /* RFC 4226, 5.3 */
    uint32_t n = (uint32_t)(p[0] & 0x7f) << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    return n % 1000000;
}

bool totp_is(const uint8_t secret[TOTP_SECRET_SIZE], const char *code, int64_t utc_s, int64_t last, int64_t *step)
{
    char given[7], right[7];
    int size = 0;
    for (; *code; code++) {
        if (*code == ' ')
            continue;
        if (*code < '0' || *code > '9' || size == 6)
            return false;
        given[size++] = *code;
    }
    if (size != 6)
        return false;
    bool found = false;
    int64_t now = utc_s / TOTP_STEP_S;
    for (int64_t s = now - TOTP_SKEW; s <= now + TOTP_SKEW; s++) {
        snprintf(right, sizeof right, "%06u", (unsigned)(totp_code(secret, s) % 1000000));
        if (s > last && bytes_equal_const_time(given, right, 6)) {
            found = true;
            *step = s;
        }
    }
    return found;
}

void totp_text(char out[TOTP_TEXT_SIZE], const uint8_t secret[TOTP_SECRET_SIZE])
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"; /* RFC 4648, 6 */
    for (int i = 0; i < TOTP_TEXT_SIZE - 1; i++) {
        int bit = 5 * i;
        unsigned two = (unsigned)secret[bit / 8] << 8 | (bit / 8 + 1 < TOTP_SECRET_SIZE ? secret[bit / 8 + 1] : 0u);
        out[i] = letters[two >> (11 - bit % 8) & 31];
    }
    out[TOTP_TEXT_SIZE - 1] = 0;
}

static size_t put_escaped(char *out, size_t size, size_t at, const char *text)
{
    for (; *text && at + 4 < size; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || strchr("-._~", c);
        at += (size_t)snprintf(out + at, size - at, plain ? "%c" : "%%%02X", c);
    }
    return at;
}

void totp_uri(char out[TOTP_URI_SIZE], const uint8_t secret[TOTP_SECRET_SIZE], const char *issuer, const char *user)
{
    char text[TOTP_TEXT_SIZE], name[110];
    size_t n = put_escaped(name, 100, 0, issuer);
    name[n] = 0;
    totp_text(text, secret);
    size_t at = (size_t)snprintf(out, TOTP_URI_SIZE, "otpauth://totp/%.60s:", name);
    at = put_escaped(out, TOTP_URI_SIZE - 110, at, user);
    snprintf(out + at, TOTP_URI_SIZE - at, "?secret=%s&issuer=%.60s", text, name);
    bytes_wipe(text, sizeof text);
}
