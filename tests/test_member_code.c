/* test_member_code.c - the rotating member code: made, scanned, mistyped, run out, forged.
 * SPDX-License-Identifier: Apache-2.0 */
#include "sync/member_code.h"
#include "tests/test.h"

#include <ctype.h>
#include <qrencode.h>
#include <stdio.h>
#include <string.h>

static void must(enum err e, const struct errmsg *why)
{
    if (e)
        fail_msg("%s", why->text);
}

static mbedtls_pk_context make_key(void)
{
    struct errmsg why = {""};
    mbedtls_pk_context key;
    must(mbed_init(&why), &why);
    must(mbed_key_make(&key, &why), &why);
    return key;
}

enum { NOW = 1900000000 };

TEST(member_code, what_head_office_makes_the_till_reads)
{
    struct errmsg why = {""};
    mbedtls_pk_context key = make_key();
    static const member_id members[] = {1, 42, 12345, 0xdeadbeef, UINT32_MAX};
    static const int64_t times[] = {0, 1, NOW, UINT32_MAX};
    for (size_t i = 0; i < 5; i++)
        for (size_t k = 0; k < 4; k++) {
            char text[MEMBER_CODE_TEXT_SIZE], typed[MEMBER_CODE_TEXT_SIZE + 8];
            struct member_code code;
            must(member_code_make(text, members[i], times[k], &key, &why), &why);
            assert_int_equal(strlen(text), MEMBER_CODE_TEXT_SIZE - 1);
            assert_memory_equal(text, "P1", 2);
            for (const char *p = text + 2; *p; p++)
                assert_true(isdigit((unsigned char)*p) || (isupper((unsigned char)*p) && !strchr("IOYZ", *p)));
            must(member_code_read(&code, text, times[k], 0, &key, &why), &why);
            assert_int_equal(code.member, members[i]);
            assert_int_equal(code.issued_s, times[k]);
            /* a scanner with another idea of capitals, and an Enter behind it */
            snprintf(typed, sizeof typed, " %s\r\n", text);
            for (char *p = typed; *p; p++)
                *p = (char)tolower((unsigned char)*p);
            must(member_code_read(&code, typed, times[k], 0, &key, &why), &why);
        }
    mbedtls_pk_free(&key);
}

TEST(member_code, two_codes_of_one_second_have_two_names)
{
    struct errmsg why = {""};
    mbedtls_pk_context key = make_key();
    char text[2][MEMBER_CODE_TEXT_SIZE];
    struct member_code code[2];
    for (int i = 0; i < 2; i++) {
        must(member_code_make(text[i], 7, NOW, &key, &why), &why);
        must(member_code_read(&code[i], text[i], NOW, 0, &key, &why), &why);
    }
    assert_memory_not_equal(code[0].name, code[1].name, MEMBER_CODE_NAME_SIZE);
    mbedtls_pk_free(&key);
}

TEST(member_code, it_is_good_for_a_minute_give_or_take_the_clocks)
{
    struct errmsg why = {""};
    mbedtls_pk_context key = make_key();
    char text[MEMBER_CODE_TEXT_SIZE];
    must(member_code_make(text, 7, NOW, &key, &why), &why);
    static const struct {
        int64_t at_s;
        int32_t skew_s;
        enum err e;
    } rows[] = {
        {NOW, 0, OK},        {NOW + 60, 0, OK},       {NOW + 61, 0, ERR_RANGE}, {NOW - 1, 0, ERR_RANGE},
        {NOW + 90, 30, OK},  {NOW + 91, 30, ERR_RANGE}, {NOW - 30, 30, OK},       {NOW - 31, 30, ERR_RANGE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct member_code code = {.member = 99};
        assert_int_equal(member_code_read(&code, text, rows[i].at_s, rows[i].skew_s, &key, &why), rows[i].e);
        assert_int_equal(code.member, rows[i].e ? 99 : 7);
    }
    mbedtls_pk_free(&key);
}

TEST(member_code, every_changed_character_is_refused)
{
    struct errmsg why = {""};
    mbedtls_pk_context key = make_key();
    char text[MEMBER_CODE_TEXT_SIZE];
    struct member_code code;
    must(member_code_make(text, 7, NOW, &key, &why), &why);
    for (size_t i = 0; i < sizeof text - 1; i++) {
        char was = text[i];
        text[i] = was == '7' ? '8' : '7';
        enum err e = member_code_read(&code, text, NOW, 0, &key, &why);
        assert_int_equal(e, i < 2 ? ERR_FORMAT : ERR_MAC);
        text[i] = was;
    }
    assert_int_equal(member_code_read(&code, text, NOW, 0, &key, &why), OK);
    mbedtls_pk_free(&key);
}

TEST(member_code, what_is_cut_too_long_or_of_another_key_is_refused)
{
    struct errmsg why = {""};
    mbedtls_pk_context key = make_key(), other = make_key();
    char text[MEMBER_CODE_TEXT_SIZE], longer[MEMBER_CODE_TEXT_SIZE + 1];
    struct member_code code;
    must(member_code_make(text, 7, NOW, &key, &why), &why);
    assert_int_equal(member_code_read(&code, text, NOW, 0, &other, &why), ERR_MAC);
    snprintf(longer, sizeof longer, "%s0", text);
    assert_false(member_code_is(longer));
    assert_true(member_code_is(text));
    for (size_t n = 0; n < sizeof text - 1; n++) {
        char cut[MEMBER_CODE_TEXT_SIZE];
        memcpy(cut, text, n);
        cut[n] = 0;
        assert_false(member_code_is(cut));
        assert_int_equal(member_code_read(&code, cut, NOW, 0, &key, &why), ERR_FORMAT);
    }
    assert_int_equal(member_code_make(text, 0, NOW, &key, &why), ERR_RANGE);
    assert_int_equal(member_code_make(text, 1ull << 32, NOW, &key, &why), ERR_RANGE);
    mbedtls_pk_free(&key);
    mbedtls_pk_free(&other);
}

TEST(member_code, raw_signatures_of_any_size_of_r_and_s_pass)
{
    /* Short r and s come once in 128 signatures: some runs see one. */
    struct errmsg why = {""};
    mbedtls_pk_context key = make_key();
    for (int i = 0; i < 80; i++) {
        uint8_t hash[MBED_HASH_SIZE] = {(uint8_t)i}, raw[MBED_RAW_SIGNATURE_SIZE], zero[MBED_RAW_SIGNATURE_SIZE] = {0};
        must(mbed_sign_raw(raw, &key, hash, &why), &why);
        must(mbed_verify_raw(&key, hash, raw, &why), &why);
        raw[63] ^= 1;
        assert_int_equal(mbed_verify_raw(&key, hash, raw, &why), ERR_MAC);
        assert_int_equal(mbed_verify_raw(&key, hash, zero, &why), ERR_MAC);
    }
    mbedtls_pk_free(&key);
}

TEST(member_code, it_fits_a_qr_code_of_version_5_at_correction_m)
{
    struct errmsg why = {""};
    mbedtls_pk_context key = make_key();
    char text[MEMBER_CODE_TEXT_SIZE];
    must(member_code_make(text, UINT32_MAX, NOW, &key, &why), &why);
    QRcode *qr = QRcode_encodeString(text, 0, QR_ECLEVEL_M, QR_MODE_8, 1);
    assert_non_null(qr);
    assert_int_equal(qr->version, 5);
    QRcode_free(qr);
    mbedtls_pk_free(&key);
}
