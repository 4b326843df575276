/* test_pass.c - wallet passes: every published vector, and whole conversations with phones made here.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cardproto/apple_vas.h"
#include "cardproto/ndef.h"
#include "cardproto/smart_tap.h"
#include "cardproto/tlv.h"
#include "tests/android.h"
#include "tests/test.h"
#include "tests/vectors.h"

#include <mbedtls/gcm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* ---- vectors ---- */

static void copy(uint8_t *out, size_t size, struct bytes in)
{
    assert_int_equal(in.size, size);
    memcpy(out, in.data, size);
}

/* "6f/a5/bf0c" of a message; ngr+2/ses: skip two bytes of ngr's payload. */
static struct bytes down(struct bytes in, const char *path, bool ndef)
{
    char step[32];
    while (*path) {
        size_t n = strcspn(path, "/"), skip = 0;
        memcpy(step, path, n);
        step[n] = 0;
        path += n + (path[n] == '/');
        char *plus = strchr(step, '+');
        if (plus) {
            skip = strtoul(plus + 1, NULL, 10);
            *plus = 0;
        }
        if (ndef) {
            struct ndef_record r;
            assert_int_equal(ndef_find(&r, in, step), OK);
            in = r.payload;
        } else {
            assert_int_equal(tlv_find(&in, in, (uint32_t)strtoul(step, NULL, 16)), OK);
        }
        assert_true(skip <= in.size);
        in = bytes_of(in.data + skip, in.size - skip);
    }
    return in;
}

static void check_tree(const json_t *c, const char *field, bool ndef)
{
    uint8_t raw[VECTOR_BYTES_MAX];
    struct bytes in = vector_hex(c, "bytes");
    memcpy(raw, in.data, in.size);
    in.data = raw;
    const char *path;
    json_t *value;
    json_object_foreach(json_object_get(c, field), path, value)
        vector_equal(down(in, path, ndef), vector_hex(value, path));
    if (vector_has(c, "c_apdu")) { /* CLA INS P1 P2 Lc, then these bytes, then Le */
        struct bytes apdu = vector_hex(c, "c_apdu");
        assert_int_equal(apdu.size, 5 + in.size + 1);
        assert_int_equal(apdu.data[4], in.size);
        vector_equal(bytes_of(apdu.data + 5, in.size), in);
    }
}
static void check_tlv(const json_t *c)
{
    check_tree(c, "expect_tlv", false);
}
static void check_ndef(const json_t *c)
{
    check_tree(c, "expect_ndef", true);
}

static void check_keypair(const json_t *c)
{
    uint8_t point[MBED_POINT_SIZE];
    struct bytes full = vector_hex(c, "public_key");
    struct vas_keys keys = {.memory = NULL};
    copy(keys.private_key, 32, vector_hex(c, "private_key"));
    assert_int_equal(mbed_p256_public(point, keys.private_key, NULL), OK);
    assert_int_equal(point[0], 2 + (full.data[64] & 1));
    vector_equal(bytes_of(point + 1, 32), bytes_of(full.data + 1, 32));
    if (vector_has(c, "key_id")) {
        uint8_t id[4];
        assert_int_equal(vas_key_id(id, &keys, NULL), OK);
        vector_equal(bytes_of(id, 4), vector_hex(c, "key_id"));
    }
}

static void check_sha256(const json_t *c)
{
    uint8_t hash[MBED_HASH_SIZE];
    const char *text = vector_text(c, "ascii");
    mbed_sha256(hash, bytes_of(text, strlen(text)));
    vector_equal(bytes_of(hash, sizeof hash), vector_hex(c, "sha256"));
}

static void check_frame(const json_t *c) /* CRC_A of ISO 14443-3, which the chip adds */
{
    struct bytes f = vector_hex(c, "frame");
    uint16_t crc = 0x6363;
    for (size_t i = 0; i + 2 < f.size; i++) {
        crc ^= f.data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc & 1 ? crc >> 1 ^ 0x8408 : crc >> 1);
    }
    assert_int_equal(f.data[f.size - 2] | f.data[f.size - 1] << 8, crc);
}

static void check_vas(const json_t *c)
{
    struct vas_keys keys = {.memory = NULL};
    struct vas_pass pass;
    struct errmsg why = {""};
    uint8_t shared[32], point[MBED_POINT_SIZE] = {2}, bent[256];
    struct bytes cryptogram = vector_hex(c, "cryptogram");
    copy(keys.private_key, 32, vector_hex(c, "reader_private_key"));
    copy(keys.pass_hash, 32, vector_hex(c, "pass_id_sha256"));
    memcpy(point + 1, cryptogram.data + 4, 32);
    assert_int_equal(mbed_p256_ecdh(shared, keys.private_key, point, &why), OK);
    vector_equal(bytes_of(shared, 32), vector_hex(c, "ecdh_shared_secret"));
    point[0] = 3; /* the sign of Y does not matter */
    assert_int_equal(mbed_p256_ecdh(shared, keys.private_key, point, &why), OK);
    vector_equal(bytes_of(shared, 32), vector_hex(c, "ecdh_shared_secret"));

    assert_int_equal(vas_open(&pass, cryptogram, &keys, &why), OK);
    assert_int_equal(pass.utc_s - 978307200, json_integer_value(json_object_get(c, "timestamp_since_2001")));
    assert_int_equal(pass.value_size, strlen(vector_text(c, "pass_value")));
    assert_memory_equal(pass.value, vector_text(c, "pass_value"), pass.value_size);

    for (size_t i = 0; i < cryptogram.size; i++) {
        memcpy(bent, cryptogram.data, cryptogram.size);
        bent[i] ^= 1;
        enum err e = vas_open(&pass, bytes_of(bent, cryptogram.size), &keys, &why);
        if (i < 4)
            assert_int_equal(e, ERR_AUTH);
        else if (i < 36) /* half of all X are on the curve, and then another key follows */
            assert_true(e == ERR_MAC || e == ERR_FORMAT);
        else
            assert_int_equal(e, ERR_MAC);
    }
    assert_int_equal(vas_open(&pass, bytes_of(cryptogram.data, 55), &keys, &why), ERR_FORMAT);
    assert_int_equal(vas_open(&pass, bytes_of(cryptogram.data, cryptogram.size - 1), &keys, &why), ERR_MAC);
    keys.pass_hash[0] ^= 1;
    assert_int_equal(vas_open(&pass, cryptogram, &keys, &why), ERR_MAC);
}

TEST(pass, every_published_vector_of_apple_vas)
{
    assert_int_equal(mbed_init(NULL), OK);
    int count = vectors_run("apple_vas.json", "vas", check_vas);
    assert_int_equal(count, 2);
    count += vectors_run("apple_vas.json", "p256_keypair", check_keypair);
    count += vectors_run("apple_vas.json", "tlv", check_tlv);
    count += vectors_run("apple_vas.json", "sha256", check_sha256);
    count += vectors_run("apple_vas.json", "iso14443_frame", check_frame);
    assert_int_equal(count, 10);
    assert_int_equal(vectors_count("apple_vas.json"), count);
}

static void check_point(const json_t *c)
{
    uint8_t out[SMART_TAP_SIGNED_SIZE], shared[32], one[32] = {0};
    one[31] = 1;
    struct bytes key = vector_hex(c, "reader_ephemeral_public_key");
    smart_tap_to_sign(out, vector_hex(c, "reader_nonce").data, vector_hex(c, "device_nonce").data,
                      vector_hex(c, "collector_id").data, key.data);
    vector_equal(bytes_of(out, sizeof out), vector_hex(c, "data_to_sign"));
    assert_int_equal(mbed_p256_ecdh(shared, one, key.data, NULL), OK); /* 1 * point: it is on the curve */
    assert_memory_equal(shared, key.data + 1, 32);
}

static void check_zlib(const json_t *c)
{
    uint8_t compressed[1024], room[SMART_TAP_INFLATED_MAX], hash[MBED_HASH_SIZE];
    size_t size;
    uLongf inflated = sizeof room;
    assert_int_equal(hex_decode(compressed, sizeof compressed, &size, vector_text(c, "compressed")), OK);
    assert_int_equal(uncompress(room, &inflated, compressed, size), Z_OK);
    assert_int_equal(inflated, json_integer_value(json_object_get(c, "inflated_len")));
    mbed_sha256(hash, bytes_of(room, inflated));
    vector_equal(bytes_of(hash, sizeof hash), vector_hex(c, "inflated_sha256"));
    struct bytes rest = bytes_of(room, inflated), ly, value;
    struct ndef_record r;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(ndef_next(&r, &rest), OK);
        assert_int_equal(r.payload.size,
                         json_integer_value(json_array_get(json_object_get(c, "top_payload_len"), i)));
    }
    assert_int_equal(ndef_next(&r, &rest), ERR_NOT_FOUND);
    ly = down(bytes_of(room, inflated), "asv/ly", true);
    assert_int_equal(ly.size, json_integer_value(json_object_get(c, "loyalty_payload_len")));
    vector_equal(down(ly, "oid", true), vector_hex(json_object_get(c, "loyalty_records"), "oid"));
    assert_int_equal(smart_tap_loyalty(&value, bytes_of(room, inflated)), OK);
    assert_memory_equal(value.data, "{\"data-0\":", 10);
    for (size_t n = 0; n < 1200; n += 7) /* cut anywhere before the value ends */
        assert_int_not_equal(smart_tap_loyalty(&value, bytes_of(room, n)), OK);
}

TEST(pass, every_published_vector_of_smart_tap)
{
    assert_int_equal(mbed_init(NULL), OK);
    int count = vectors_run("google_smart_tap.json", "tlv", check_tlv);
    count += vectors_run("google_smart_tap.json", "ndef", check_ndef);
    count += vectors_run("google_smart_tap.json", "gst_point", check_point);
    count += vectors_run("google_smart_tap.json", "p256_keypair", check_keypair);
    count += vectors_run("google_smart_tap.json", "gst_zlib", check_zlib);
    assert_int_equal(count, 11);
    assert_int_equal(vectors_count("google_smart_tap.json"), count);
}

static void check_messages(const json_t *c)
{
    uint8_t room[255];
    struct buf b = BUF_ON(room);
    struct smart_tap_session s = {{0}, 0};
    struct bytes raw = vector_hex(c, "bytes");
    if (strcmp(vector_text(c, "id"), "negotiate-request") == 0) {
        struct smart_tap_keys keys;
        struct bytes ses = down(raw, "ngr+2/ses", true), cpr = down(raw, "ngr+2/cpr", true);
        struct bytes signature = down(cpr, "", true);
        signature = down(bytes_of(cpr.data + 70, cpr.size - 70), "sig+1", true);
        memcpy(s.id, ses.data, 8);
        s.sequence = ses.data[8];
        memcpy(keys.key_version, cpr.data + 66, 4);
        memcpy(keys.collector, "\x01\x02\x03\x04", 4);
        smart_tap_put_negotiate(&b, &s, cpr.data, cpr.data + 33, &keys, signature);
        vector_equal(buf_bytes(&b), raw);
    } else if (strcmp(vector_text(c, "id"), "getdata-request") == 0) {
        struct bytes ses = down(raw, "srq+2/ses", true);
        memcpy(s.id, ses.data, 8);
        s.sequence = ses.data[8];
        smart_tap_put_get_data(&b, &s, (const uint8_t *)"\x01\x02\x03\x04", SMART_TAP_ANYTHING);
        vector_equal(buf_bytes(&b), raw);
    }
}

TEST(pass, our_smart_tap_messages_are_the_published_ones_byte_for_byte)
{
    assert_int_equal(vectors_run("google_smart_tap.json", "ndef", check_messages), 6);
}

/* ---- phones made here ---- */

static const struct kind_facts phone = {
    .uid = {0x08, 1, 2, 3}, .uid_size = 4, .atqa = {0x00, 0x04}, .sak = 0x20};
enum { UTC = 1760000000 };

/* An iPhone with one pass for the reader's key. */
static void apple_cryptogram(struct buf *out, const struct vas_keys *reader, uint32_t since_2001,
                             const char *value)
{
    uint8_t own[32] = {0x77, (uint8_t)test_random()}, point[MBED_POINT_SIZE], shared[32], key[32], id[4];
    uint8_t plain[80], cipher[80], tag[16], room[128];
    struct buf info = BUF_ON(room), text = BUF_ON(plain);
    assert_int_equal(mbed_p256_public(point, reader->private_key, NULL), OK);
    assert_int_equal(mbed_p256_ecdh(shared, own, point, NULL), OK);
    assert_int_equal(mbed_p256_public(point, own, NULL), OK);
    assert_int_equal(vas_key_id(id, reader, NULL), OK);
    buf_put(&info, shared, 32);
    buf_put(&info, "\0\0\0\1\x0did-aes256-GCMApplePay encrypted VAS data", 4 + 1 + 13 + 27);
    mbed_sha256_two(key, buf_bytes(&info), bytes_of(reader->pass_hash, 32));
    for (int i = 3; i >= 0; i--)
        buf_put_u8(&text, (uint8_t)(since_2001 >> 8 * i));
    buf_put(&text, value, strlen(value));
    mbedtls_gcm_context c;
    mbedtls_gcm_init(&c);
    assert_int_equal(mbedtls_gcm_setkey(&c, MBEDTLS_CIPHER_ID_AES, key, 256), 0);
    assert_int_equal(mbedtls_gcm_crypt_and_tag(&c, MBEDTLS_GCM_ENCRYPT, text.size, (uint8_t[16]){0}, 16, NULL,
                                               0, plain, cipher, 16, tag),
                     0);
    mbedtls_gcm_free(&c);
    buf_put(out, id, 4);
    buf_put(out, point + 1, 32);
    buf_put(out, cipher, text.size);
    buf_put(out, tag, 16);
}

static struct bytes apple_phone(const struct vas_keys *reader, struct bytes frame, struct bytes cryptogram,
                                const char *sw_hex)
{
    static uint8_t raw[KIND_ANSWER_MAX];
    static const uint8_t wallet[] = {0x6f, 0x1d, 0x50, 0x08, 'A',  'p',  'p',  'l',  'e',  'P',  'a',
                                     'y',  0x9f, 0x21, 0x02, 0x01, 0x00, 0x9f, 0x24, 0x04, 1,    2,
                                     3,    4,    0x9f, 0x23, 0x04, 0,    0,    0,    0x1e, 0x90, 0x00};
    struct buf out = BUF_ON(raw);
    size_t size;
    if (frame.data[1] == 0xa4 && frame.size == 16 && memcmp(frame.data + 5, "OSE.VAS.01", 10) == 0) {
        buf_put(&out, wallet, sizeof wallet);
        return buf_bytes(&out);
    }
    if (frame.data[1] != 0xca) {
        buf_put(&out, "\x6a\x82", 2);
        return buf_bytes(&out);
    }
    assert_memory_equal(frame.data + 13, reader->pass_hash, 32);
    if (sw_hex) {
        assert_int_equal(hex_decode(raw, sizeof raw, &size, sw_hex), OK);
        return bytes_of(raw, size);
    }
    const uint8_t head[] = {0x70, (uint8_t)(cryptogram.size + 6), 0x9f, 0x2a, 0x00,
                            0x9f, 0x27, (uint8_t)cryptogram.size};
    buf_put(&out, head, sizeof head);
    buf_put(&out, cryptogram.data, cryptogram.size);
    buf_put(&out, "\x90\x00", 2);
    return buf_bytes(&out);
}

static enum card_next tap_apple(struct kind_op *op, const struct kind_keys *keys, struct bytes cryptogram,
                                const char *sw_hex, int64_t utc_s)
{
    uint8_t random[KIND_RANDOM_SIZE] = {1};
    kind_start(op, &phone, keys, NULL, random, utc_s);
    enum card_next next = kind_step(op, bytes_of(NULL, 0));
    while (next == CARD_SEND)
        next = kind_step(op, apple_phone(keys->vas, kind_frame(op), cryptogram, sw_hex));
    return next;
}

TEST(pass, an_apple_pass_is_taken_once_and_only_when_it_is_fresh)
{
    assert_int_equal(mbed_init(NULL), OK);
    static struct vas_memory memory;
    static struct kind_op op;
    struct vas_keys vas = {.pass_hash = {9, 8, 7}, .private_key = {0x42}, .memory = &memory};
    struct kind_keys keys = {.vas = &vas};
    uint8_t room[160];
    struct buf c = BUF_ON(room);
    apple_cryptogram(&c, &vas, UTC - 978307200, "M12345");
    assert_int_equal(tap_apple(&op, &keys, buf_bytes(&c), NULL, UTC + 5), CARD_DONE);
    assert_int_equal(op.exchanges, 2);
    assert_int_equal(op.seen.means, MEANS_PASS);
    assert_int_equal(op.seen.name_size, 6);
    assert_memory_equal(op.seen.name, "M12345", 6);
    assert_int_equal(op.seen.member, 12345); /* so that it earns with the line cut */
    assert_false(uid_is(&op.seen.uid));
    assert_int_equal(tap_apple(&op, &keys, buf_bytes(&c), NULL, UTC + 6), CARD_FAILED); /* a copy */
    assert_int_equal(op.status, CARD_BAD_ANSWER);
    static const int32_t late[] = {VAS_TIME_WINDOW_S + 1, -VAS_TIME_WINDOW_S - 1};
    for (int i = 0; i < 2; i++) {
        c.size = 0;
        apple_cryptogram(&c, &vas, UTC - 978307200, "M12345");
        assert_int_equal(tap_apple(&op, &keys, buf_bytes(&c), NULL, UTC + late[i]), CARD_FAILED);
        assert_int_equal(op.status, CARD_BAD_ANSWER);
    }
    c.size = 0;
    apple_cryptogram(&c, &vas, UTC - 978307200, ""); /* it opens, and says nothing */
    assert_int_equal(tap_apple(&op, &keys, buf_bytes(&c), NULL, UTC), CARD_FAILED);
    assert_int_equal(op.status, CARD_BAD_ANSWER);
    struct vas_keys other = vas;
    other.private_key[0] ^= 1;
    c.size = 0;
    apple_cryptogram(&c, &other, UTC - 978307200, "M12345");
    assert_int_equal(tap_apple(&op, &keys, buf_bytes(&c), NULL, UTC), CARD_FAILED);
    assert_int_equal(op.status, CARD_BAD_KEY);
    static const struct {
        const char *sw;
        enum card_status_word status;
    } rows[] = {{"6a83", CARD_PHONE}, {"6287", CARD_PHONE_LOCKED}, {"6984", CARD_PHONE_LOCKED},
                {"6d00", CARD_BAD_ANSWER}, {"", CARD_BAD_ANSWER}, {"9000", CARD_BAD_ANSWER},
                {"70039f27009000", CARD_BAD_ANSWER}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(tap_apple(&op, &keys, buf_bytes(&c), rows[i].sw, UTC), CARD_FAILED);
        assert_int_equal(op.status, rows[i].status);
    }
    keys.vas = NULL; /* switched off: not asked at all */
    kind_start(&op, &phone, &keys, NULL, (uint8_t[KIND_RANDOM_SIZE]){0}, UTC);
    assert_int_equal(kind_step(&op, bytes_of(NULL, 0)), CARD_FAILED);
    assert_int_equal(op.exchanges, 0);
}

static enum card_next tap_android(struct kind_op *op, struct android *a)
{
    struct kind_keys keys = {.smart_tap = a->reader};
    uint8_t random[KIND_RANDOM_SIZE];
    for (size_t i = 0; i < sizeof random; i++)
        random[i] = (uint8_t)(test_random() >> 8);
    random[32] = 0x11; /* a private key below the order */
    android_start(a);
    kind_start(op, &phone, &keys, NULL, random, UTC);
    enum card_next next = kind_step(op, bytes_of(NULL, 0));
    while (next == CARD_SEND)
        next = kind_step(op, android_answer(a, kind_frame(op)));
    return next;
}

TEST(pass, a_google_pass_comes_over_its_channel_plain_or_deflated_in_one_answer_or_three)
{
    assert_int_equal(mbed_init(NULL), OK);
    static struct kind_op op;
    static struct android a;
    struct smart_tap_keys keys = {{1, 2, 3, 4}, {0, 0, 0, 1}, {0x55}};
    static const char *const values[] = {"M12345", "a-value-of-sixty-four-characters-which-is-as-long-as-it-may-be--"};
    for (int deflate = 0; deflate < 2; deflate++)
        for (size_t i = 0; i < 2; i++) {
            a = (struct android){.reader = &keys, .value = values[i], .compress = deflate};
            if (tap_android(&op, &a) != CARD_DONE)
                fail_msg("%s", op.why.text);
            assert_int_equal(op.seen.means, MEANS_PASS);
            assert_int_equal(op.seen.member, i ? 0 : 12345);
            assert_int_equal(op.seen.name_size, strlen(values[i]));
            assert_memory_equal(op.seen.name, values[i], op.seen.name_size);
            assert_in_range(op.exchanges, 4, 5);
        }
}

TEST(pass, a_google_pass_that_is_bent_of_another_session_or_refused_is_no_pass)
{
    assert_int_equal(mbed_init(NULL), OK);
    static struct kind_op op;
    static struct android a;
    struct smart_tap_keys keys = {{1, 2, 3, 4}, {0, 0, 0, 1}, {0x55}};
    a = (struct android){.reader = &keys, .value = "M1", .bend_bundle = true};
    assert_int_equal(tap_android(&op, &a), CARD_FAILED);
    assert_int_equal(op.status, CARD_BAD_ANSWER);
    a = (struct android){.reader = &keys, .value = "M1", .lie_about_session = true};
    assert_int_equal(tap_android(&op, &a), CARD_FAILED);
    assert_int_equal(op.status, CARD_BAD_ANSWER);
    a = (struct android){.reader = &keys, .value = "M1", .repeat_sequence = true};
    assert_int_equal(tap_android(&op, &a), CARD_FAILED);
    assert_int_equal(op.status, CARD_BAD_ANSWER);
    a = (struct android){.reader = &keys, .value = "M1", .bend_key = true};
    assert_int_equal(tap_android(&op, &a), CARD_FAILED);
    assert_int_equal(op.status, CARD_BAD_ANSWER);
    assert_int_equal(op.exchanges, 2); /* and is asked for nothing more */
    a = (struct android){.reader = &keys, .value = "M1", .endless = true};
    assert_int_equal(tap_android(&op, &a), CARD_FAILED);
    assert_int_equal(op.status, CARD_BAD_ANSWER);
    assert_int_equal(op.exchanges, 3 + KIND_BUNDLE_MAX / 200);
    a = (struct android){.reader = &keys, .value = ""};
    assert_int_equal(tap_android(&op, &a), CARD_FAILED);
    static const struct {
        unsigned word;
        enum card_status_word status;
    } rows[] = {{0x9001, CARD_PHONE}, {0x9302, CARD_PHONE_LOCKED}, {0x9201, CARD_PHONE_LOCKED},
                {0x9401, CARD_PHONE}, {0x9500, CARD_PHONE},        {0x6d00, CARD_PHONE}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        a = (struct android){.reader = &keys, .value = "M1", .word = rows[i].word};
        assert_int_equal(tap_android(&op, &a), CARD_FAILED);
        assert_int_equal(op.status, rows[i].status);
    }
}

/* One exchange's answer with bytes changed, cut, doubled, or another one's in its place. */
static void spoil(struct buf *answer, const struct buf *before)
{
    size_t at = answer->size ? test_below((uint32_t)answer->size) : 0;
    switch (test_below(6)) {
    case 0: /* a bit */
        if (answer->size)
            answer->data[at] ^= (uint8_t)(1 << test_below(8));
        return;
    case 1:
        answer->size = at;
        return;
    case 2:
        buf_put(answer, "\x90\x00", 2);
        return;
    case 3: /* what it said before */
        memcpy(answer->data, before->data, answer->size = before->size);
        return;
    case 4: /* the same, twice */
        buf_put(answer, answer->data, answer->size < answer->cap - answer->size ? answer->size : 0);
        return;
    case 5:
        for (size_t i = at; i < answer->size; i++)
            answer->data[i] = (uint8_t)test_random();
        return;
    }
}

/* A tap at which the n-th answer (from 1) is spoilt.  google: which wallet; the other one is not asked. */
static enum card_next tap_spoilt(struct kind_op *op, bool google, const struct kind_keys *keys, struct android *a,
                                 struct bytes cryptogram, int n)
{
    uint8_t random[KIND_RANDOM_SIZE] = {1}, raw[2][KIND_ANSWER_MAX];
    struct buf answer = BUF_ON(raw[0]), before = BUF_ON(raw[1]);
    for (size_t i = 1; i < sizeof random; i++)
        random[i] = (uint8_t)test_random();
    random[32] = 0x11;
    android_start(a);
    kind_start(op, &phone, keys, NULL, random, UTC);
    enum card_next next = kind_step(op, bytes_of(NULL, 0));
    for (int i = 1; next == CARD_SEND; i++) {
        assert_true(i < 20);
        struct bytes true_one = google ? android_answer(a, kind_frame(op)) : apple_phone(keys->vas, kind_frame(op), cryptogram, NULL);
        memcpy(answer.data, true_one.data, answer.size = true_one.size);
        if (i == n)
            spoil(&answer, &before);
        memcpy(before.data, answer.data, before.size = answer.size);
        next = kind_step(op, buf_bytes(&answer));
    }
    return next;
}

TEST(pass, whatever_is_spoilt_on_the_way_no_wallet_says_what_it_did_not)
{
    enum { ROUNDS = 150 };
    assert_int_equal(mbed_init(NULL), OK);
    static struct kind_op op;
    static struct android a;
    int refused[2] = {0};
    struct smart_tap_keys collector = {{1, 2, 3, 4}, {0, 0, 0, 1}, {0x55}};
    struct vas_keys vas = {.pass_hash = {9, 8, 7}, .private_key = {0x42}};
    uint8_t room[160];
    struct buf c = BUF_ON(room);
    apple_cryptogram(&c, &vas, UTC - 978307200, "M12345");
    for (int i = 0; i < 2 * ROUNDS; i++) {
        bool google = i % 2;
        struct kind_keys keys = {.vas = google ? NULL : &vas, .smart_tap = google ? &collector : NULL};
        a = (struct android){.reader = &collector, .value = "M12345", .compress = i % 4 == 1};
        enum card_next next = tap_spoilt(&op, google, &keys, &a, buf_bytes(&c), 1 + (int)test_below(google ? 4 : 2));
        if (next == CARD_DONE) { /* by chance nothing that counts was spoilt */
            assert_int_equal(op.seen.means, MEANS_PASS);
            assert_int_equal(op.seen.value_size, 6);
            assert_memory_equal(op.seen.value, "M12345", 6);
            continue;
        }
        assert_int_equal(next, CARD_FAILED);
        assert_int_not_equal(op.status, CARD_OK);
        assert_true(op.why.text[0]);
        refused[google]++;
    }
    printf("  %d and %d refused\n", refused[0], refused[1]);
    assert_true(refused[0] > ROUNDS / 2 && refused[1] > ROUNDS / 2);
}

/* Under a good HMAC, from a phone that deflates badly, or too well. */
TEST(pass, a_bundle_that_does_not_inflate_or_too_far_is_none)
{
    static const struct smart_tap_secrets secrets = {{1}, {2}};
    static uint8_t zeros[SMART_TAP_INFLATED_MAX + 1], room[SMART_TAP_INFLATED_MAX], packed[200];
    static const struct {
        size_t inflated; /* 0: what is no stream at all */
        enum err e;
    } rows[] = {{0, ERR_FORMAT}, {SMART_TAP_INFLATED_MAX, OK}, {SMART_TAP_INFLATED_MAX + 1, ERR_FULL}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t reb_room[300], stream[16] = {0}, zero[16] = {0}, block[16] = {0};
        struct buf reb = BUF_ON(reb_room), out = BUF_ON(room);
        uLongf size = sizeof packed;
        memset(packed, 0x5a, sizeof packed);
        if (rows[i].inflated)
            assert_int_equal(compress(packed, &size, zeros, rows[i].inflated), Z_OK);
        buf_put(&reb, "\x03\0\0\0\0\0\0\0\0\0\0\0\0", 13); /* enciphered, deflated; IV of zeros */
        struct aes_key key;
        memcpy(key.b, secrets.aes, sizeof key.b);
        for (size_t at = 0; at < size && at < 100; at++) {
            if (at % 16 == 0) {
                memset(block, 0, sizeof block);
                memset(zero, 0, sizeof zero);
                block[15] = (uint8_t)(at / 16);
                aes_cbc_encrypt(&key, zero, stream, block, 16);
            }
            buf_put_u8(&reb, packed[at] ^ stream[at % 16]);
        }
        uint8_t mac[MBED_HASH_SIZE];
        mbed_hmac_sha256(mac, bytes_of(secrets.hmac, 32), bytes_of(reb.data + 1, reb.size - 1), bytes_of("", 0));
        buf_put(&reb, mac, sizeof mac);
        assert_int_equal(smart_tap_open(&out, buf_bytes(&reb), &secrets, NULL), rows[i].e);
        assert_int_equal(out.size, rows[i].e ? 0 : rows[i].inflated);
    }
}

TEST(pass, points_off_the_curve_and_keys_out_of_range_are_refused)
{
    assert_int_equal(mbed_init(NULL), OK);
    uint8_t key[32] = {0}, point[MBED_POINT_SIZE], shared[32];
    assert_int_equal(mbed_p256_public(point, key, NULL), ERR_FORMAT); /* 0 */
    memset(key, 0xff, sizeof key);
    assert_int_equal(mbed_p256_public(point, key, NULL), ERR_FORMAT); /* above the order */
    memset(key, 1, sizeof key);
    int off = 0;
    for (uint8_t i = 0; i < 40; i++) {
        uint8_t p[MBED_POINT_SIZE] = {2};
        p[32] = i;
        off += mbed_p256_ecdh(shared, key, p, NULL) == ERR_FORMAT;
    }
    assert_in_range(off, 10, 30); /* half of all X have no point */
    uint8_t p[MBED_POINT_SIZE];
    memset(p, 0xff, sizeof p);
    p[0] = 2;
    assert_int_equal(mbed_p256_ecdh(shared, key, p, NULL), ERR_FORMAT); /* X above the prime */
    assert_int_equal(mbed_p256_public(p, key, NULL), OK);
    p[0] = 4;
    assert_int_equal(mbed_p256_ecdh(shared, key, p, NULL), ERR_FORMAT);
}
