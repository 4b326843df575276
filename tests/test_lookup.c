/* test_lookup.c - telephone numbers in one spelling, and the digests that stand for them; HMAC.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/lookup.h"
#include "base/mbed.h"
#include "tests/test.h"

#include <string.h>

TEST(lookup, every_usual_spelling_of_a_number_is_the_same_number)
{
    static const struct {
        const char *text, *country, *is;
    } rows[] = {
        {"030 1234567", "49", "+49301234567"},
        {"030/123 45-67", "+49", "+49301234567"},
        {"+49 30 1234567", "86", "+49301234567"},
        {"+49 (0)30 1234567", "86", "+49301234567"},
        {"0049 (0) 30 1234567", "86", "+49301234567"},
        {"0049.30.1234567", "1", "+49301234567"},
        {"(030) 1234567", "49", "+49301234567"},
        {"138 0013 8000", "86", "+8613800138000"},
        {"010-65529988", "86", "+861065529988"},
        {"+86 138 0013 8000", "49", "+8613800138000"},
        {"(212) 555-0123", "1", "+12125550123"},
        {"1 212 555 0123", "1", "+12125550123"},
        {"06 6982 1234", "39", "+390669821234"},
        {"123456789012345", "49", NULL}, /* 17 with the country */
        {"+123456789012345", "49", "+123456789012345"},
        {"+1234567890123456", "49", NULL},
        {"00123456789012345", "49", "+123456789012345"},
        {"001234567890123456", "49", NULL},
        {"0", "49", NULL},
        {"00", "49", NULL},
        {"000", "49", NULL},
        {"", "49", NULL},
        {"+", "49", NULL},
        {"+49 30", "49", NULL},
        {"12345", "49", "+4912345"},
        {"07911 123456", "44", "+447911123456"},
        {"+44 (0)20 7946 0958", "86", "+442079460958"},
        {"0044 20 7946 0958", "44", "+442079460958"},
        {"0086 138 0013 8000", "44", "+8613800138000"},
        {"13800138000", "+86", "+8613800138000"},
        {"138-0013-8000", "86", "+8613800138000"},
        {"\xef\xbc\x91\xef\xbc\x93", "86", NULL}, /* digits of another width: an input method left on */
        {"1234", "49", NULL},
        {"+0301234567", "49", NULL},
        {"++49301234567", "49", NULL},
        {"4930+1234567", "49", NULL},
        {"0800 FLOWERS", "49", NULL},
        {"030 1234567 x", "49", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[PHONE_TEXT_SIZE] = "untouched";
        struct errmsg why = {""};
        enum err e = phone_normalise(out, rows[i].text, rows[i].country, &why);
        if (e != (rows[i].is ? OK : ERR_FORMAT) || strcmp(out, rows[i].is ? rows[i].is : "untouched") != 0)
            fail_msg("\"%s\" in %s became \"%s\" (%s)", rows[i].text, rows[i].country, out, why.text);
        assert_true(e == OK || why.text[0]);
    }
}

TEST(lookup, what_was_normalised_once_stays_as_it_is)
{
    for (int i = 0; i < 2000; i++) {
        char text[24], once[PHONE_TEXT_SIZE], twice[PHONE_TEXT_SIZE];
        static const char of[] = "0123456789 0-(+)/.x";
        size_t n = test_below(sizeof text - 1);
        for (size_t k = 0; k < n; k++)
            text[k] = of[test_below(sizeof of - 1)];
        text[n] = 0;
        if (phone_normalise(once, text, "49", NULL))
            continue;
        assert_int_equal(phone_normalise(twice, once, "86", NULL), OK);
        assert_string_equal(once, twice);
    }
}

TEST(lookup, hmac_is_the_published_one)
{
    /* RFC 4231, cases 1, 2, 6 (a key longer than a block). */
    static const struct {
        int key_byte;
        size_t key_size;
        const char *key, *a, *b, *mac;
    } rows[] = {
        {0x0b, 20, NULL, "Hi ", "There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {0, 4, "Jefe", "what do ya want ", "for nothing?",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {0xaa, 131, NULL, "Test Using Larger Than Block-Size Key - Hash Key First", "",
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t key[131], mac[MBED_HASH_SIZE];
        char hex[2 * MBED_HASH_SIZE + 1];
        memset(key, rows[i].key_byte, sizeof key);
        if (rows[i].key)
            memcpy(key, rows[i].key, rows[i].key_size);
        mbed_hmac_sha256(mac, bytes_of(key, rows[i].key_size), bytes_of(rows[i].a, strlen(rows[i].a)),
                         bytes_of(rows[i].b, strlen(rows[i].b)));
        hex_encode(hex, mac, sizeof mac);
        assert_string_equal(hex, rows[i].mac);
    }
}

TEST(lookup, a_token_depends_on_key_means_and_value)
{
    uint8_t key[LOOKUP_KEY_SIZE] = {1}, other[LOOKUP_KEY_SIZE] = {2};
    uint8_t a[TXN_TOKEN_SIZE], b[TXN_TOKEN_SIZE], whole[MBED_HASH_SIZE];
    struct bytes phone = bytes_of("+49301234567", 12);
    lookup_token(a, key, MEANS_PHONE, phone);
    mbed_hmac_sha256(whole, bytes_of(key, sizeof key), bytes_of("\x06", 1), phone);
    assert_memory_equal(a, whole, sizeof a);
    lookup_token(b, other, MEANS_PHONE, phone);
    assert_memory_not_equal(a, b, sizeof a);
    lookup_token(b, key, MEANS_UID, phone);
    assert_memory_not_equal(a, b, sizeof a);
    lookup_token(b, key, MEANS_PHONE, bytes_of("+49301234568", 12));
    assert_memory_not_equal(a, b, sizeof a);
}
