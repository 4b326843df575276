/* test_nexo_crypto.c - the seal around nexo messages against the published vectors, and against everything one
 * can do to a sealed body; numbers keep their text.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/mbed.h"
#include "terminal/nexo/nexo_crypto.h"
#include "terminal/nexo/nexo_json.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct bytes text_of(const char *s)
{
    return bytes_of(s, strlen(s));
}

static json_t *vectors(void)
{
    char path[512];
    json_error_t error;
    snprintf(path, sizeof path, "%s/nexo/vector.json", test_data_dir());
    json_t *v = json_load_file(path, 0, &error);
    if (!v)
        fail_msg("%s: %s", path, error.text);
    return v;
}

static const char *field(const json_t *v, const char *name)
{
    const char *text = json_string_value(json_object_get(v, name));
    if (!text)
        fail_msg("no field %s", name);
    return text;
}

static void hex_is(const void *data, size_t size, const char *hex)
{
    char text[256];
    hex_encode(text, data, size);
    assert_string_equal(text, hex);
}

static void both_keys(struct nexo_keys *keys, const json_t *v)
{
    const char *name;
    json_t *k;
    *keys = (struct nexo_keys){0};
    json_object_foreach(json_object_get(v, "keys"), name, k)
    {
        struct errmsg why = {""};
        if (nexo_keys_add(keys, field(k, "KeyIdentifier"),
                          json_integer_value(json_object_get(k, "KeyVersion")),
                          field(k, "Passphrase"), &why))
            fail_msg("%s", why.text);
    }
}

static const struct nexo_key *key_named(const struct nexo_keys *keys, const char *name)
{
    return &keys->key[name[1] - '1']; /* "v1", "v2", in this order in the file */
}

static enum nexo_refusal opened(const struct nexo_keys *keys, const char *body, size_t size)
{
    struct nexo_opened o;
    nexo_open(&o, keys, bytes_of(body, size));
    assert_int_equal(o.request != NULL, o.refusal == NEXO_TAKEN);
    json_decref(o.request);
    return o.refusal;
}

TEST(nexo_crypto, keys_are_derived_as_published)
{
    json_t *v = vectors(), *k;
    struct nexo_keys keys;
    const char *name;
    both_keys(&keys, v);
    assert_int_equal(keys.count, 2);
    json_object_foreach(json_object_get(v, "keys"), name, k)
    {
        const struct nexo_key *key = key_named(&keys, name);
        hex_is(key->hmac, sizeof key->hmac, field(k, "hmac_key_hex"));
        hex_is(key->cipher, sizeof key->cipher, field(k, "cipher_key_hex"));
        hex_is(key->iv, sizeof key->iv, field(k, "iv_hex"));
    }
    json_decref(v);
}

TEST(nexo_crypto, every_published_message_is_sealed_to_its_very_bytes_and_requests_open)
{
    json_t *v = vectors(), *c;
    struct nexo_keys keys;
    both_keys(&keys, v);
    size_t i, requests = 0;
    json_array_foreach(json_object_get(v, "vectors"), i, c)
    {
        printf("  %s\n", field(c, "name"));
        struct errmsg why = {""};
        const char *plain = field(c, "plaintext"), *body = field(c, "body");
        json_t *whole = nexo_json_read(text_of(plain), &why);
        assert_non_null(whole);
        const char *name = json_object_iter_key(json_object_iter(whole));
        uint8_t nonce[NEXO_NONCE_SIZE];
        size_t size;
        assert_int_equal(hex_decode(nonce, sizeof nonce, &size, field(c, "nonce_hex")), OK);
        char *sealed = nexo_seal_create(key_named(&keys, field(c, "key")), name,
                                        json_object_get(whole, name), nonce);
        assert_string_equal(sealed, body);
        free(sealed);
        if (strcmp(name, "SaleToPOIRequest") == 0) {
            struct nexo_opened o;
            nexo_open(&o, &keys, text_of(body));
            assert_int_equal(o.refusal, NEXO_TAKEN);
            assert_ptr_equal(o.key, key_named(&keys, field(c, "key")));
            assert_true(json_equal(o.request, json_object_get(whole, name)));
            json_decref(o.request);
            requests++;
        }
        json_decref(whole);
    }
    assert_int_equal(i, 5);
    assert_int_equal(requests, 4);
    json_decref(v);
}

TEST(nexo_crypto, all_nineteen_published_refusals_carry_their_number_and_service_id)
{
    json_t *v = vectors(), *c;
    struct nexo_keys keys;
    both_keys(&keys, v);
    size_t i;
    json_array_foreach(json_object_get(v, "reject"), i, c)
    {
        printf("  %s\n", field(c, "name"));
        struct nexo_opened o;
        const char *body = field(c, "body");
        nexo_open(&o, &keys, text_of(body));
        assert_null(o.request);
        assert_int_equal(o.refusal, json_integer_value(json_object_get(c, "crypto_error")));
        char expected[160], *said = nexo_refusal_create(&o);
        const char *id = strstr(field(c, "name"), "header-missing")     ? "-NULL-"
                         : strstr(field(c, "name"), "other-service-id") ? "S000000043"
                                                                        : "S000000042";
        snprintf(expected, sizeof expected,
                 "{\"errors\":[\"Nexo Service: crypto error (%d)\"],\"ServiceID\":\"%s\"}",
                 (int)o.refusal, id);
        assert_string_equal(said, expected);
        free(said);
    }
    assert_int_equal(i, 19);
    json_decref(v);
}

/* A sealed body whose last block ends in what padding says, sealed right or not. */
static char *sealed_with(const struct nexo_key *key, uint8_t pad, bool right_mac,
                         bool whole_padding)
{
    static const uint8_t nonce[NEXO_NONCE_SIZE] = {7};
    uint8_t text[64], iv[16], mac[MBED_HASH_SIZE];
    static const char inner[] = "{\"SaleToPOIRequest\":{\"MessageHeader\":{}}}";
    memset(text, ' ', sizeof text);
    memcpy(text, inner, sizeof inner - 1);
    size_t whole = pad >= 1 && pad <= 16 ? sizeof text - pad : sizeof text;
    memset(text + whole, pad, sizeof text - whole);
    text[sizeof text - 1] = pad;
    if (!whole_padding)
        text[whole] ^= 0x40; /* its first byte; the HMAC does not cover it */
    mbed_hmac_sha256(mac, bytes_of(key->hmac, 32), bytes_of(text, whole), bytes_of("", 0));
    mac[9] ^= !right_mac;
    for (int i = 0; i < 16; i++)
        iv[i] = key->iv[i] ^ nonce[i];
    mbed_aes256_cbc(true, key->cipher, iv, text, sizeof text);
    /* The numbers are read as hex by nobody: base64 by hand for three fixed sizes. */
    static const char abc[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char out[3][100];
    struct bytes in[3] = {{text, sizeof text}, {nonce, sizeof nonce}, {mac, sizeof mac}};
    for (int n = 0; n < 3; n++) {
        char *to = out[n];
        for (size_t at = 0; at < in[n].size; at += 3) {
            uint32_t bits = 0;
            for (size_t b = 0; b < 3; b++)
                bits = bits << 8 | (at + b < in[n].size ? in[n].data[at + b] : 0);
            for (size_t b = 0; b < 4; b++)
                *to++ = at + b > in[n].size ? '=' : abc[bits >> (18 - 6 * b) & 63];
        }
        *to = 0;
    }
    char *body = malloc(1000);
    snprintf(
        body, 1000,
        "{\"SaleToPOIRequest\":{\"MessageHeader\":{},\"NexoBlob\":\"%s\",\"SecurityTrailer\":"
        "{\"AdyenCryptoVersion\":1,\"KeyIdentifier\":\"%s\",\"KeyVersion\":%d,\"Nonce\":\"%s\","
        "\"Hmac\":\"%s\"}}}",
        out[0], key->identifier, (int)key->version, out[1], out[2]);
    return body;
}

TEST(nexo_crypto, of_all_paddings_sixteen_open_and_the_others_say_the_same_as_a_wrong_mac)
{
    json_t *v = vectors();
    struct nexo_keys keys;
    both_keys(&keys, v);
    int good = 0;
    for (int pad = 0; pad < 256; pad++)
        for (int right = 0; right < 2; right++) {
            struct nexo_opened o;
            char *body = sealed_with(&keys.key[0], (uint8_t)pad, right, true);
            nexo_open(&o, &keys, text_of(body));
            bool should = right && pad >= 1 && pad <= 16;
            char *said = nexo_refusal_create(&o);
            assert_int_equal(o.refusal, should ? NEXO_TAKEN : NEXO_BROKEN);
            if (!should)
                assert_string_equal(
                    said,
                    "{\"errors\":[\"Nexo Service: crypto error (9)\"],\"ServiceID\":\"-NULL-\"}");
            good += o.refusal == NEXO_TAKEN;
            json_decref(o.request);
            free(said);
            free(body);
        }
    assert_int_equal(good, 16);
    for (int pad = 2; pad <= 16; pad++) {
        char *body = sealed_with(&keys.key[0], (uint8_t)pad, true, false);
        assert_int_equal(opened(&keys, body, strlen(body)), NEXO_BROKEN);
        free(body);
    }
    json_decref(v);
}

TEST(nexo_crypto, a_body_cut_anywhere_or_with_any_byte_changed_never_opens_as_another)
{
    json_t *v = vectors();
    struct nexo_keys keys;
    both_keys(&keys, v);
    const char *body = field(json_array_get(json_object_get(v, "vectors"), 2), "body");
    size_t size = strlen(body);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(opened(&keys, body, i), NEXO_NO_MESSAGE);
    char *changed = strdup(body);
    int taken = 0;
    for (size_t i = 0; i < size; i++) {
        changed[i] = (char)(changed[i] ^ (1 << test_below(8)));
        taken += opened(&keys, changed, size) == NEXO_TAKEN;
        changed[i] = body[i];
    }
    assert_true(taken <= 2); /* bits of base64's last character that carry nothing */
    free(changed);
    json_decref(v);
}

TEST(nexo_crypto, clear_text_and_no_message_are_told_apart)
{
    struct nexo_keys keys = {0};
    static const struct {
        const char *body;
        enum nexo_refusal refusal;
    } cases[] = {
        {"", NEXO_NO_MESSAGE},
        {"[]", NEXO_NO_MESSAGE},
        {"{}", NEXO_NO_MESSAGE},
        {"null", NEXO_NO_MESSAGE},
        {"{\"SaleToPOIRequest\":7}", NEXO_NO_MESSAGE},
        {"{\"SaleToPOIResponse\":{}}", NEXO_NO_MESSAGE},
        {"{\"SaleToPOIRequest\":{\"MessageHeader\":{\"ServiceID\":\"1\"},\"DiagnosisRequest\":{}}}",
         NEXO_NO_TRAILER},
        {"{\"SaleToPOIRequest\":{}}", NEXO_NO_TRAILER},
        {"{\"SaleToPOIRequest\":{}} x", NEXO_NO_MESSAGE},
        {"{\"SaleToPOIRequest\":{},\"SaleToPOIRequest\":{}}", NEXO_NO_MESSAGE},
        {"\xff\xfe", NEXO_NO_MESSAGE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(opened(&keys, cases[i].body, strlen(cases[i].body)), cases[i].refusal);
    assert_int_equal(opened(&keys, "{\"a\":\0}", 7), NEXO_NO_MESSAGE);
}

TEST(nexo_crypto, passphrases_are_ascii_and_a_pair_given_again_is_replaced)
{
    struct nexo_keys keys = {0};
    struct errmsg why;
    assert_int_equal(nexo_keys_add(&keys, "k", 1, "p\xc3\xa4ss", &why), ERR_FORMAT);
    assert_int_equal(nexo_keys_add(&keys, "k", 1, "", &why), ERR_FORMAT);
    assert_int_equal(nexo_keys_add(&keys, "", 1, "pass", &why), ERR_FORMAT);
    assert_int_equal(keys.count, 0);
    assert_int_equal(nexo_keys_add(&keys, "k", 1, "pass", &why), OK);
    struct nexo_key first = keys.key[0];
    assert_int_equal(nexo_keys_add(&keys, "k", 1, "word", &why), OK);
    assert_int_equal(keys.count, 1);
    assert_memory_not_equal(first.hmac, keys.key[0].hmac, 32);
    for (int i = 2; i <= NEXO_KEYS_MAX; i++)
        assert_int_equal(nexo_keys_add(&keys, "k", i, "word", &why), OK);
    assert_int_equal(nexo_keys_add(&keys, "k", 99, "word", &why), ERR_FULL);
}

TEST(nexo_json, numbers_keep_their_text_and_strings_are_what_they_were)
{
    static const char *const same[] = {
        "{\"a\":12.40,\"b\":[0,-1,1e400,1E+2,0.1,123456789012345678901234567890],\"c\":\"12.40\"}",
        "[\"\\u0001\",\"\\u00015\",\"\\u0001\\u00015\",5]",
        "[\"a\\\"5\\\\\",true,false,null]",
        "{\"5\":{\"\\u00016\":7}}",
        "[]",
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        struct errmsg why = {""};
        json_t *v = nexo_json_read(text_of(same[i]), &why);
        if (!v)
            fail_msg("%s: %s", same[i], why.text);
        char *text = nexo_json_write_create(v);
        assert_string_equal(text, same[i]);
        free(text);
        json_decref(v);
    }
    static const char *const bad[] = {"01",
                                      "-",
                                      "1.",
                                      ".5",
                                      "1e",
                                      "[1 2]",
                                      "[1,]",
                                      "+1",
                                      "1x",
                                      "x1",
                                      "NaN",
                                      "1\"",
                                      "{\"a\":1,\"a\":2}",
                                      "\"",
                                      "\"\\",
                                      "[\"\\u0000\"]",
                                      "tru",
                                      "--1",
                                      "1-1",
                                      "1\"2\"",
                                      "0x10",
                                      "\"a\"1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct errmsg why = {""};
        json_t *v = nexo_json_read(text_of(bad[i]), &why);
        if (v)
            fail_msg("%s was read", bad[i]);
        assert_true(why.text[0]);
    }
}

TEST(nexo_json, depth_and_number_of_values_are_bounded_before_memory_is_spent)
{
    struct errmsg why;
    size_t size = 250000;
    char *text = malloc(size);
    memset(text, '[', size);
    assert_null(nexo_json_read(bytes_of(text, size), &why));
    assert_non_null(strstr(why.text, "nested"));
    for (size_t i = 0; i < size; i++)
        text[i] = i % 2 ? ',' : '1';
    text[0] = '[';
    text[size - 1] = ']';
    assert_null(nexo_json_read(bytes_of(text, size), &why));
    assert_non_null(strstr(why.text, "values"));
    free(text);
}

/* Before the seal is looked at, so that a stranger can ask for it: it took 10 s when each digit was read anew. */
TEST(nexo_json, no_text_takes_longer_than_its_length)
{
    static const char *const repeated[] = {"0", "1", "1.", "-", "1e", "\"\\\"", "tru", "\"\\u0001\"", "1\"2\""};
    enum { SIZE = 256 * 1024 };
    char *text = malloc(SIZE);
    struct errmsg why;
    struct timespec from, to;
    assert_non_null(text);
    for (size_t i = 0; i < sizeof repeated / sizeof *repeated; i++) {
        size_t part = strlen(repeated[i]);
        for (size_t at = 0; at < SIZE; at++)
            text[at] = repeated[i][at % part];
        for (int last = 0; last < 3; last++) { /* a number that never ends well */
            text[SIZE - 1] = last == 0 ? text[SIZE - 1] : ".e"[last - 1];
            clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
            json_decref(nexo_json_read(bytes_of(text, SIZE), &why));
            clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
            int64_t ms = (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
            if (ms > 500) /* some take 10 */
                fail_msg("%s: %d ms", repeated[i], (int)ms);
        }
    }
    free(text);
}
