/* code.c - see code.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "sync/code.h"

#include <assert.h>
#include <mbedtls/md.h>
#include <stdio.h>
#include <string.h>

enum { GROUPS = 6, GROUP_DATA = 5, GROUP = GROUP_DATA + 1, DATA = GROUPS * GROUP_DATA };

static const char alphabet[33] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static int digit_of(char c)
{
    if (c >= 'a' && c <= 'z')
        c = (char)(c - 'a' + 'A');
    if (c == 'I' || c == 'L')
        c = '1';
    if (c == 'O')
        c = '0';
    const char *at = c ? strchr(alphabet, c) : NULL;
    return at ? (int)(at - alphabet) : -1;
}

/* a times 2 in the field of 32 elements, x^5 + x^2 + 1. */
static unsigned twice(unsigned a)
{
    a <<= 1;
    return a & 32 ? a ^ 37 : a;
}

/* Weights 2, 4, 8 ... in the field: no two alike, none zero, so one wrong character and any two
 * exchanged ones are always noticed.  start tells the groups apart. */
static unsigned check_of(const uint8_t *digits, int count, unsigned start)
{
    unsigned sum = start;
    for (int i = count; i-- > 0;)
        sum = twice(sum ^ digits[i]);
    return sum;
}

static unsigned check_number(uint32_t terminal)
{
    uint8_t d[4]; /* the digits as typed */
    for (int i = 4; i-- > 0; terminal /= 10)
        d[i] = (uint8_t)(terminal % 10);
    return check_of(d, 4, 7);
}

/* Five bits at a time, most significant first. */
static void bits_to_digits(uint8_t digits[DATA], const uint8_t raw[19])
{
    for (int i = 0; i < DATA; i++) {
        unsigned v = 0;
        for (int b = i * 5; b < i * 5 + 5; b++)
            v = v << 1 | ((unsigned)raw[b / 8] >> (7 - b % 8) & 1);
        digits[i] = (uint8_t)v;
    }
}

static void digits_to_bits(uint8_t raw[19], const uint8_t digits[DATA])
{
    memset(raw, 0, 19);
    for (int b = 0; b < DATA * 5; b++)
        if (digits[b / 5] >> (4 - b % 5) & 1)
            raw[b / 8] |= (uint8_t)(0x80 >> b % 8);
}

void code_text(char out[CODE_TEXT_SIZE], const struct code *code)
{
    assert(code->terminal >= 1);
    assert(code->terminal <= 9999);
    uint8_t raw[19], digits[DATA];
    memcpy(raw, code->secret, CODE_SECRET_SIZE);
    memcpy(raw + CODE_SECRET_SIZE, code->print, CODE_PRINT_SIZE);
    raw[18] = (uint8_t)(check_number(code->terminal) << 3);
    bits_to_digits(digits, raw);
    out += snprintf(out, 5, "%04u", (unsigned)code->terminal % 10000);
    for (unsigned g = 0; g < GROUPS; g++) {
        *out++ = '-';
        for (int i = 0; i < GROUP_DATA; i++)
            *out++ = alphabet[digits[g * GROUP_DATA + (unsigned)i]];
        *out++ = alphabet[check_of(digits + g * GROUP_DATA, GROUP_DATA, g + 1)];
    }
    *out = 0;
    bytes_wipe(raw, sizeof raw);
    bytes_wipe(digits, sizeof digits);
}

/* The characters that count, as digits; -1 when there is another one, written to *other. */
static int squeeze(uint8_t *out, int cap, const char *text, char *other)
{
    int count = 0;
    for (; *text; text++) {
        if (*text == '-' || *text == ' ' || *text == '\t' || *text == '\r' || *text == '\n')
            continue;
        int d = digit_of(*text);
        if (d < 0) {
            *other = *text;
            return -1;
        }
        if (count < cap)
            out[count] = (uint8_t)d;
        count++;
    }
    return count;
}

enum err code_parse(struct code *out, const char *text, struct errmsg *why)
{
    uint8_t in[4 + GROUPS * GROUP], digits[DATA], raw[19];
    char other = 0;
    int count = squeeze(in, sizeof in, text, &other);
    if (count < 0)
        return err_set(why, ERR_FORMAT, "'%c' is in no enrolment code", other >= ' ' ? other : '?');
    if (count != sizeof in)
        return err_set(why, ERR_FORMAT,
                       "an enrolment code has %d characters without the dashes, not %d",
                       (int)sizeof in, count);
    struct code code = {0};
    for (int i = 0; i < 4; i++) {
        if (in[i] > 9)
            return err_set(why, ERR_FORMAT, "the code starts with the four digits of the terminal");
        code.terminal = code.terminal * 10 + in[i];
    }
    for (unsigned g = 0; g < GROUPS; g++) {
        const uint8_t *group = in + 4 + g * GROUP;
        if (check_of(group, GROUP_DATA, g + 1) != group[GROUP_DATA])
            return err_set(why, ERR_FORMAT,
                           "group %u of the code is not right (%.6s): compare it again", g + 1,
                           (char[]){alphabet[group[0]], alphabet[group[1]], alphabet[group[2]],
                                    alphabet[group[3]], alphabet[group[4]], alphabet[group[5]]});
        memcpy(digits + g * GROUP_DATA, group, GROUP_DATA);
    }
    digits_to_bits(raw, digits);
    if (raw[18] & 7)
        return err_set(why, ERR_FORMAT, "this code is of a newer kind: update this program");
    if (code.terminal == 0 || raw[18] >> 3 != check_number(code.terminal))
        return err_set(why, ERR_FORMAT,
                       "the terminal number %04u at the front is not right: compare it again",
                       (unsigned)code.terminal);
    memcpy(code.secret, raw, CODE_SECRET_SIZE);
    memcpy(code.print, raw + CODE_SECRET_SIZE, CODE_PRINT_SIZE);
    *out = code;
    bytes_wipe(raw, sizeof raw);
    bytes_wipe(digits, sizeof digits);
    bytes_wipe(in, sizeof in);
    return OK;
}

static void sha256(uint8_t out[CODE_HASH_SIZE], struct bytes data)
{
    int r = mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), data.data, data.size, out);
    assert(r == 0); /* a library without SHA-256 is no library for us */
    (void)r;
}

void code_hash(uint8_t out[CODE_HASH_SIZE], const struct code *code)
{
    uint8_t raw[64];
    struct buf b = BUF_ON(raw);
    buf_put(&b, "patron enrol", 12);
    buf_put_le(&b, code->terminal, 4);
    buf_put(&b, code->secret, sizeof code->secret);
    sha256(out, buf_bytes(&b));
    bytes_wipe(raw, sizeof raw);
}

void code_print(uint8_t out[CODE_PRINT_SIZE], struct bytes ca_der)
{
    uint8_t hash[CODE_HASH_SIZE];
    sha256(hash, ca_der);
    memcpy(out, hash, CODE_PRINT_SIZE);
}

bool code_is_of_ca(const struct code *code, struct bytes ca_der)
{
    uint8_t print[CODE_PRINT_SIZE];
    code_print(print, ca_der);
    return bytes_equal_const_time(print, code->print, sizeof print);
}
