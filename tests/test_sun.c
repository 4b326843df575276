/* test_sun.c - the messages of NTAG 424 tags against the published vectors, and our own against forgery,
 * replay and wrong lengths.  SPDX-License-Identifier: Apache-2.0 */
#include "cardproto/sun.h"
#include "tests/test.h"
#include "tests/vectors.h"

#include <string.h>

static const uint8_t zero[AES_BLOCK];

static void check_cmac(const json_t *c)
{
    struct aes_key key = vector_key(c, "key");
    uint8_t mac[AES_BLOCK];
    aes_cmac(&key, zero, vector_hex(c, "msg"), mac);
    vector_equal(bytes_of(mac, sizeof mac), vector_hex(c, "mac"));
}

/* Enciphered file data is on none of our tags, so this half is only here. */
static void check_file(const json_t *c, const struct sun_tag *tag, const struct aes_key *key)
{
    uint8_t sv[AES_BLOCK] = {0xc3, 0x3c, 0x00, 0x01, 0x00, 0x80}, iv[AES_BLOCK] = {0}, plain[AES_BLOCK];
    struct aes_key session;
    memcpy(sv + 6, tag->uid.b, 7);
    put_le(sv + 13, tag->counter, 3);
    aes_cmac(key, zero, bytes_of(sv, sizeof sv), session.b);
    if (vector_has(c, "ses_enc_key"))
        vector_equal(bytes_of(session.b, sizeof session.b), vector_hex(c, "ses_enc_key"));
    if (!vector_has(c, "file_plain"))
        return;
    uint8_t in[AES_BLOCK] = {0};
    put_le(in, tag->counter, 3);
    aes_cbc_encrypt(&session, (uint8_t[AES_BLOCK]){0}, iv, in, sizeof in);
    struct bytes file = vector_hex(c, "enc_file");
    assert_int_equal(file.size, sizeof plain);
    aes_cbc_decrypt(&session, iv, plain, file.data, file.size);
    vector_equal(bytes_of(plain, sizeof plain), vector_hex(c, "file_plain"));
}

static int refused;

static void check_sdm(const json_t *c)
{
    struct sun_tag tag = {.counter = (uint32_t)json_integer_value(json_object_get(c, "read_ctr"))};
    memcpy(tag.uid.b, vector_hex(c, "uid").data, 7);
    if (vector_has(c, "picc_enc")) {
        struct aes_key meta = vector_key(c, "meta_read_key");
        struct sun_tag read;
        assert_int_equal(sun_meta(&read, vector_hex(c, "picc_enc").data, &meta), OK);
        assert_true(uid_equal(&read.uid, &tag.uid));
        assert_int_equal(read.counter, tag.counter);
    }
    struct aes_key key = vector_key(c, "file_read_key");
    check_file(c, &tag, &key);
    if (!vector_has(c, "mac"))
        return;
    uint8_t mac[MACT_SIZE];
    const char *input = vector_text(c, "mac_input_ascii");
    sun_mac(mac, &key, &tag, bytes_of(input, strlen(input)));
    if (vector_refused(c)) {
        refused++;
        assert_memory_not_equal(mac, vector_hex(c, "mac").data, sizeof mac);
    } else {
        vector_equal(bytes_of(mac, sizeof mac), vector_hex(c, "mac"));
    }
}

TEST(sun, every_published_vector)
{
    refused = 0;
    assert_int_equal(vectors_run("sdm_ntag424.json", "cmac", check_cmac), 1);
    assert_int_equal(vectors_run("sdm_ntag424.json", "sdm", check_sdm), 16);
    assert_int_equal(vectors_count("sdm_ntag424.json"), 17);
    assert_int_equal(refused, 3);
}

/* The application note's tag, in our spelling. */
static const char note[] = "patron.example/t?p=EF963FF7828658A599F3041510671E88&c=94EED9EE65337086";

static struct bytes text_of(const char *text)
{
    return bytes_of(text, strlen(text));
}

TEST(sun, a_message_is_parsed_exactly)
{
    struct sun sun;
    assert_int_equal(sun_parse(&sun, text_of(note)), OK);
    assert_memory_equal(sun.picc, "\xef\x96\x3f\xf7", 4);
    assert_memory_equal(sun.mac, "\x94\xee\xd9\xee\x65\x33\x70\x86", 8);
    static const char *const bad[] = {
        "", "?p=", "patron.example/t",
        "patron.example/t?p=EF963FF7828658A599F3041510671E8&c=94EED9EE65337086",    /* short by one */
        "patron.example/t?p=EF963FF7828658A599F3041510671E880&c=94EED9EE65337086",  /* long by one */
        "patron.example/t?p=EF963FF7828658A599F3041510671E88&c=94EED9EE6533708",
        "patron.example/t?p=EF963FF7828658A599F3041510671E88&c=94EED9EE653370860",
        "patron.example/t?p=EF963FF7828658A599F3041510671E88&c=94EED9EE65337086&x=1",
        "patron.example/t?p=EF963FF7828658A599F3041510671E8G&c=94EED9EE65337086",
        "patron.example/t?xp=EF963FF7828658A599F3041510671E88&xc=94EED9EE65337086",
        "patron.example/t?c=94EED9EE65337086&p=EF963FF7828658A599F3041510671E88",
        "patron.example/t?p=EF963FF7828658A599F3041510671E88c=94EED9EE65337086",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (sun_parse(&sun, text_of(bad[i])) != ERR_FORMAT)
            fail_msg("taken: %s", bad[i]);
    for (size_t n = 0; n < sizeof note - 1; n++)
        assert_int_equal(sun_parse(&sun, bytes_of(note, n)), ERR_FORMAT);
}

/* A message as a tag of ours would make it. */
static struct sun_tag make(struct sun *sun, const struct aes_key *meta, const struct aes_key *class,
                           uint8_t uid, uint32_t counter)
{
    struct sun_tag tag = {.uid = {{4, 1, 2, 3, 4, 5, uid}}, .counter = counter};
    uint8_t plain[SUN_PICC_SIZE] = {0xc7}, iv[AES_BLOCK] = {0};
    struct aes_key key;
    memcpy(plain + 1, tag.uid.b, 7);
    put_le(plain + 8, counter, 3);
    aes_cbc_encrypt(meta, iv, sun->picc, plain, sizeof plain);
    sun_file_key(&key, class, &tag.uid);
    sun_mac(sun->mac, &key, &tag, bytes_of(NULL, 0));
    return tag;
}

TEST(sun, head_office_takes_a_message_once_and_none_that_is_older)
{
    struct aes_key meta = {{1}}, class = {{2}};
    struct sun sun;
    struct errmsg why = {""};
    struct sun_tag tag = make(&sun, &meta, &class, 9, 5), read;
    assert_int_equal(sun_meta(&read, sun.picc, &meta), OK);
    assert_true(uid_equal(&read.uid, &tag.uid));
    assert_int_equal(read.counter, 5);
    assert_int_equal(sun_verify(&sun, &read, &class, 0, &why), OK);
    assert_int_equal(sun_verify(&sun, &read, &class, 4, &why), OK);
    assert_int_equal(sun_verify(&sun, &read, &class, 5, &why), ERR_EXISTS);
    assert_int_equal(sun_verify(&sun, &read, &class, 6, &why), ERR_EXISTS);
}

TEST(sun, the_file_key_of_a_tag_is_made_from_its_uid_as_the_spec_says)
{
    static const uint8_t input[] = {0x04, 0xde, 0x5f, 0x1e, 0xac, 0xc0, 0x40, 'S', 'U', 'N'};
    const struct card_uid uid = {{0x04, 0xde, 0x5f, 0x1e, 0xac, 0xc0, 0x40}};
    struct aes_key class = {{2}}, key, expected;
    aes_diversify(&class, bytes_of(input, sizeof input), &expected);
    sun_file_key(&key, &class, &uid);
    assert_memory_equal(key.b, expected.b, sizeof key.b);
}

TEST(sun, a_till_that_knows_the_meta_key_makes_no_tag)
{
    struct aes_key meta = {{1}}, class = {{2}}, other = {{3}};
    struct sun sun, forged;
    struct errmsg why = {""};
    struct sun_tag read;
    (void)make(&sun, &meta, &class, 9, 5);
    (void)make(&forged, &meta, &other, 9, 6); /* right counter, wrong file key */
    assert_int_equal(sun_meta(&read, forged.picc, &meta), OK);
    assert_int_equal(sun_verify(&forged, &read, &class, 5, &why), ERR_MAC);
    memcpy(forged.mac, sun.mac, sizeof sun.mac); /* the MAC of an older message */
    assert_int_equal(sun_verify(&forged, &read, &class, 0, &why), ERR_MAC);
    (void)make(&forged, &meta, &class, 8, 5); /* another tag's */
    assert_int_equal(sun_meta(&read, sun.picc, &meta), OK);
    assert_int_equal(sun_verify(&forged, &read, &class, 0, &why), ERR_MAC);
    for (int bit = 0; bit < 64; bit++) {
        struct sun bent = sun;
        bent.mac[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(sun_verify(&bent, &read, &class, 0, &why), ERR_MAC);
    }
}

TEST(sun, what_another_key_enciphered_is_refused)
{
    struct aes_key meta = {{1}}, class = {{2}}, other = {{3}};
    struct sun sun;
    struct sun_tag read;
    (void)make(&sun, &meta, &class, 9, 5);
    assert_int_equal(sun_meta(&read, sun.picc, &other), ERR_MAC);
    uint8_t plain[SUN_PICC_SIZE] = {0x87, 4, 1, 2, 3, 4, 5, 9}, iv[AES_BLOCK] = {0}; /* no counter in it */
    aes_cbc_encrypt(&meta, iv, sun.picc, plain, sizeof plain);
    assert_int_equal(sun_meta(&read, sun.picc, &meta), ERR_MAC);
}
