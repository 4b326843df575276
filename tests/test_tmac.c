/* test_tmac.c - the Transaction MAC against real card data, its input built and read back.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cardproto/tmac.h"
#include "tests/test.h"
#include "tests/vectors.h"

#include <string.h>

static struct card_uid uid_of(const json_t *c)
{
    struct card_uid uid;
    assert_int_equal(vector_hex(c, "uid").size, sizeof uid.b);
    memcpy(uid.b, vector_hex(c, "uid").data, sizeof uid.b);
    return uid;
}

static uint32_t tmc_of(const json_t *c)
{
    return (uint32_t)json_integer_value(json_object_get(c, "tmc"));
}

static void check_keys(const json_t *c)
{
    struct aes_key app = vector_key(c, "app_tmac_key"), mac, enc;
    struct card_uid uid = uid_of(c);
    tmac_session_keys(&app, &uid, tmc_of(c), &mac, &enc);
    vector_equal(bytes_of(mac.b, 16), vector_hex(c, "ses_tmac_mac_key"));
    vector_equal(bytes_of(enc.b, 16), vector_hex(c, "ses_tmac_enc_key"));
}

static void check_reader(const json_t *c)
{
    struct aes_key app = vector_key(c, "app_tmac_key");
    struct card_uid uid = uid_of(c);
    uint8_t reader[READER_ID_SIZE];
    tmac_previous_reader(&app, &uid, tmc_of(c), vector_hex(c, "enc_tmri").data, reader);
    vector_equal(bytes_of(reader, sizeof reader), vector_hex(c, "prev_reader_id"));
}

static int refused;

static void check_tmv(const json_t *c)
{
    struct aes_key app = vector_key(c, "app_tmac_key");
    struct card_uid uid = uid_of(c);
    uint8_t tmv[TMV_SIZE];
    tmac_value(&app, &uid, tmc_of(c), vector_hex(c, "tmi"), tmv);
    bool same = memcmp(tmv, vector_hex(c, "tmv").data, sizeof tmv) == 0;
    assert_int_equal(same, !vector_refused(c));
    refused += vector_refused(c);
    if (!vector_has(c, "tmi_parts"))
        return;
    /* WriteRecord and CommitReaderID, built here, give the same input. */
    uint8_t raw[128];
    struct buf tmi = BUF_ON(raw);
    struct bytes all = vector_hex(c, "tmi");
    tmi_put_data(&tmi, 0x8b, 1, 0, bytes_of(all.data + 16, 16));
    tmi_put_reader(&tmi, all.data + 33, all.data + 49);
    vector_equal(buf_bytes(&tmi), all);
}

TEST(tmac, keys_values_and_readers_are_those_of_a_real_card)
{
    refused = 0;
    assert_int_equal(vectors_run("tmac.json", "tmac_keys", check_keys), 6);
    assert_int_equal(vectors_run("tmac.json", "tmac_reader_id", check_reader), 2);
    assert_int_equal(vectors_run("tmac.json", "tmac_tmv", check_tmv), 6);
    assert_int_equal(refused, 4);
    assert_int_equal(vectors_count("tmac.json"), 14);
}

/* The construction examples of the rule text, worked out in tmac.json. */
TEST(tmac, the_input_is_built_as_the_rule_says)
{
    static const uint8_t five[] = {1, 2, 3, 4, 5};
    static const char *const wanted[] = {
        "dc037100000000000000000000000000",
        "0c039900000000000000000000000000",
        "1c030500000000000000000000000000",
        "6c032800000000000000000000000000",
        "8d02000000050000000000000000000001020304050000000000000000000000",
        "ad02000000050000000000000000000001020304050000000000000000000000",
    };
    for (int i = 0; i < 6; i++) {
        uint8_t raw[64];
        char hex[129];
        struct buf tmi = BUF_ON(raw);
        switch (i) {
        case 0:
            tmi_put_value(&tmi, 0xdc, 3, 113);
            break;
        case 1:
            tmi_put_value(&tmi, 0x0c, 3, 153);
            break;
        case 2:
            tmi_put_value(&tmi, 0x1c, 3, 5);
            break;
        case 3:
            tmi_put_value(&tmi, 0x6c, 3, 40);
            break;
        case 4:
            tmi_put_data(&tmi, 0x8d, 2, 0, bytes_of(five, 5));
            break;
        default:
            tmi_put_data(&tmi, 0xad, 2, 0, bytes_of(five, 5));
            break;
        }
        hex_encode(hex, raw, tmi.size);
        assert_string_equal(hex, wanted[i]);
    }
}

static size_t build(uint8_t *raw, size_t cap)
{
    static const uint8_t data[64] = {9, 8, 7};
    struct buf tmi = {.data = raw, .cap = cap};
    tmi_put_data(&tmi, 0xbd, 2, 0, bytes_of(data, 30));
    tmi_put_value(&tmi, 0x6c, 3, 40);
    tmi_put_records(&tmi, 0xbb, 4, 0, 2, bytes_of(data, 64));
    tmi_put_value(&tmi, 0xdc, 3, INT32_MAX);
    tmi_put_data(&tmi, 0x3b, 4, 0, bytes_of(data, 32));
    tmi_put_reader(&tmi, data, data + 16);
    assert_false(tmi.full);
    return tmi.size;
}

TEST(tmac, an_input_is_read_back_part_by_part)
{
    uint8_t raw[512];
    struct bytes rest = bytes_of(raw, build(raw, sizeof raw));
    struct tmi_part p;
    static const struct {
        uint8_t cmd, file;
        size_t size;
    } want[] = {{0xbd, 2, 30}, {0x6c, 3, 0},  {0xbb, 4, 64},
                {0xdc, 3, 0},  {0x3b, 4, 32}, {0xc8, 0, 32}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        assert_int_equal(tmi_next(&rest, 32, &p), OK);
        assert_int_equal(p.cmd, want[i].cmd);
        assert_int_equal(p.file, want[i].file);
        assert_int_equal(p.data.size, want[i].size);
        if (p.cmd == 0xdc)
            assert_int_equal(p.value, INT32_MAX);
    }
    assert_int_equal(tmi_next(&rest, 32, &p), ERR_NOT_FOUND);
}

TEST(tmac, a_mangled_input_is_refused_or_read_but_never_overrun)
{
    int whole = 0;
    for (int run = 0; run < 20000; run++) {
        uint8_t raw[512];
        size_t size = build(raw, sizeof raw);
        size_t cut = test_below(4) == 0 ? test_below((uint32_t)size + 1) : size;
        for (uint32_t n = test_below(3); n > 0; n--)
            raw[test_below((uint32_t)size)] = (uint8_t)test_random();
        uint8_t exact[512]; /* its own bytes at the end of an array, so that a sanitizer sees */
        uint8_t *at = exact + sizeof exact - cut;
        memcpy(at, raw, cut);
        struct bytes rest = bytes_of(at, cut);
        struct tmi_part p;
        enum err e;
        while ((e = tmi_next(&rest, 32, &p)) == OK)
            assert_true(p.data.size == 0 ||
                        (p.data.data >= at && p.data.data + p.data.size <= exact + sizeof exact));
        whole += e == ERR_NOT_FOUND;
    }
    assert_true(whole > 1000);
    assert_true(whole < 19000);
}
