/* member_code.c - see member_code.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "sync/member_code.h"
#include "base/tr.h"

#include <string.h>

enum { RAW = MEMBER_CODE_NAME_SIZE + MBED_RAW_SIGNATURE_SIZE, DIGITS = RAW * 8 / 5 };

static const char alphabet[33] = "0123456789ABCDEFGHJKLMNPQRSTUVWX";
static const char front[] = "P1";

static int digit_of(char c)
{
    if (c >= 'a' && c <= 'z')
        c = (char)(c - 'a' + 'A');
    const char *at = c ? strchr(alphabet, c) : NULL;
    return at ? (int)(at - alphabet) : -1;
}

static void put_be(uint8_t *p, uint64_t v, int count)
{
    while (count-- > 0) {
        p[count] = (uint8_t)v;
        v >>= 8;
    }
}

static uint64_t get_be(const uint8_t *p, int count)
{
    uint64_t v = 0;
    for (int i = 0; i < count; i++)
        v = v << 8 | p[i];
    return v;
}

static void hash_of(uint8_t hash[MBED_HASH_SIZE], const uint8_t *raw)
{
    static const char purpose[] = "patron member code 1";
    mbed_sha256_two(hash, bytes_of(purpose, sizeof purpose - 1), bytes_of(raw, MEMBER_CODE_NAME_SIZE));
}

enum err member_code_make(char out[MEMBER_CODE_TEXT_SIZE], member_id member, int64_t now_s,
                          const mbedtls_pk_context *code_key, struct errmsg *why)
{
    uint8_t raw[RAW], hash[MBED_HASH_SIZE];
    if (member == 0 || member > UINT32_MAX || now_s < 0 || now_s > UINT32_MAX)
        return err_set(why, ERR_RANGE, "member %llu has no code at this time", (unsigned long long)member);
    put_be(raw, member, 4);
    put_be(raw + 4, (uint64_t)now_s, 4);
    if (mbed_random(NULL, raw + 8, 3))
        return err_set(why, ERR_CRYPTO, "no random numbers");
    hash_of(hash, raw);
    enum err e = mbed_sign_raw(raw + MEMBER_CODE_NAME_SIZE, code_key, hash, why);
    if (e)
        return e;
    memcpy(out, front, 2);
    out += 2;
    for (int i = 0, bit = 0; i < DIGITS; i++, bit += 5) {
        unsigned two = (unsigned)raw[bit / 8] << 8 | (bit / 8 + 1 < RAW ? raw[bit / 8 + 1] : 0);
        *out++ = alphabet[two >> (11 - bit % 8) & 31];
    }
    *out = 0;
    return OK;
}

/* Where the characters behind the front begin; NULL: it is no code. */
static const char *behind_front(const char *text)
{
    text += strspn(text, " \t\r\n");
    if ((text[0] != 'P' && text[0] != 'p') || text[1] != '1')
        return NULL;
    return text + 2;
}

bool member_code_is(const char *text)
{
    const char *at = behind_front(text);
    int count = 0;
    while (at && digit_of(at[count]) >= 0 && count <= DIGITS)
        count++;
    return at && count == DIGITS && at[count + (int)strspn(at + count, " \t\r\n")] == 0;
}

enum err member_code_read(struct member_code *out, const char *text, int64_t now_s, int32_t skew_s,
                          const mbedtls_pk_context *code_key, struct errmsg *why)
{
    uint8_t raw[RAW] = {0}, hash[MBED_HASH_SIZE];
    if (!member_code_is(text))
        return err_set(why, ERR_FORMAT, TR_LATER("this is no member code, or not all of it"));
    const char *at = behind_front(text);
    for (int b = 0; b < DIGITS * 5; b++)
        if (digit_of(at[b / 5]) >> (4 - b % 5) & 1)
            raw[b / 8] |= (uint8_t)(0x80 >> b % 8);
    hash_of(hash, raw);
    enum err e = mbed_verify_raw(code_key, hash, raw + MEMBER_CODE_NAME_SIZE, why);
    if (e)
        return err_set(why, e, TR_LATER("this member code was not made by our head office"));
    struct member_code code = {.member = get_be(raw, 4), .issued_s = (int64_t)get_be(raw + 4, 4)};
    memcpy(code.name, raw, sizeof code.name);
    if (code.member == 0)
        return err_set(why, ERR_FORMAT, TR_LATER("this member code names nobody"));
    if (now_s > code.issued_s + MEMBER_CODE_VALID_S + skew_s)
        return err_set(why, ERR_RANGE, TR_LATER("this member code has run out: show a fresh one"));
    if (now_s < code.issued_s - skew_s)
        return err_set(why, ERR_RANGE, TR_LATER("this member code is of a later time: look at the clock of this till"));
    *out = code;
    return OK;
}
