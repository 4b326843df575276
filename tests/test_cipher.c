/* test_cipher.c - CMAC, key diversification and CRC32 against the published vectors, and against a
 * second CMAC written here, which also does the DES and longer-key cases that no card of ours uses.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cardproto/cipher.h"
#include "tests/test.h"
#include "tests/vectors.h"

#include <mbedtls/aes.h>
#include <mbedtls/des.h>
#include <string.h>

/* A block cipher of any kind the vectors name. */
struct block_cipher {
    bool des;
    struct bytes key;
    size_t block;
};

static void encrypt_block(const struct block_cipher *b, uint8_t *block)
{
    if (b->des) {
        mbedtls_des3_context c;
        mbedtls_des3_init(&c);
        assert_int_equal(b->key.size == 16 ? mbedtls_des3_set2key_enc(&c, b->key.data)
                                           : mbedtls_des3_set3key_enc(&c, b->key.data),
                         0);
        assert_int_equal(mbedtls_des3_crypt_ecb(&c, block, block), 0);
        mbedtls_des3_free(&c);
    } else {
        mbedtls_aes_context c;
        mbedtls_aes_init(&c);
        assert_int_equal(mbedtls_aes_setkey_enc(&c, b->key.data, (unsigned)b->key.size * 8), 0);
        assert_int_equal(mbedtls_aes_crypt_ecb(&c, MBEDTLS_AES_ENCRYPT, block, block), 0);
        mbedtls_aes_free(&c);
    }
}

static void times_x(uint8_t *v, size_t size)
{
    int carry = v[0] >> 7;
    for (size_t i = 0; i < size; i++)
        v[i] = (uint8_t)(v[i] << 1 | (i + 1 < size ? v[i + 1] >> 7 : 0));
    if (carry)
        v[size - 1] ^= size == 16 ? 0x87 : 0x1b;
}

static void plain_cmac(const struct block_cipher *b, struct bytes message, size_t padded_to,
                       uint8_t *mac, uint8_t *k1, uint8_t *k2)
{
    uint8_t m[1024] = {0};
    memset(k1, 0, b->block);
    encrypt_block(b, k1);
    times_x(k1, b->block);
    memcpy(k2, k1, b->block);
    times_x(k2, b->block);
    size_t total = padded_to;
    while (total < message.size)
        total += padded_to;
    memcpy(m, message.data, message.size);
    if (message.size < total)
        m[message.size] = 0x80;
    for (size_t i = 0; i < b->block; i++)
        m[total - b->block + i] ^= message.size < total ? k2[i] : k1[i];
    memset(mac, 0, b->block);
    for (size_t at = 0; at < total; at += b->block) {
        for (size_t i = 0; i < b->block; i++)
            mac[i] ^= m[at + i];
        encrypt_block(b, mac);
    }
}

static int ours; /* cases that ran through cardproto, not only through plain_cmac */

static void check_cmac(const json_t *c)
{
    struct block_cipher b = {.des = strcmp(vector_text(c, "alg"), "des") == 0,
                             .key = vector_hex(c, "key")};
    b.block = b.des ? 8 : 16;
    uint8_t mac[16], k1[16], k2[16];
    plain_cmac(&b, vector_hex(c, "msg"), b.block, mac, k1, k2);
    if (vector_has(c, "k1"))
        vector_equal(bytes_of(k1, b.block), vector_hex(c, "k1"));
    if (vector_has(c, "k2"))
        vector_equal(bytes_of(k2, b.block), vector_hex(c, "k2"));
    if (vector_has(c, "mac"))
        vector_equal(bytes_of(mac, b.block), vector_hex(c, "mac"));
    if (b.des)
        return;
    ours++;
    struct aes_key key = vector_key(c, "key");
    static const uint8_t zero[AES_BLOCK];
    uint8_t got[AES_BLOCK];
    aes_cmac(&key, zero, vector_hex(c, "msg"), got);
    assert_memory_equal(got, mac, 16);
}

TEST(cipher, cmac_gives_every_published_value)
{
    ours = 0;
    assert_int_equal(vectors_run("aes_cmac.json", "cmac", check_cmac), 18);
    assert_int_equal(ours, 6);
}

static void check_mact(const json_t *c)
{
    struct aes_key key = vector_key(c, "key");
    uint8_t mact[MACT_SIZE];
    aes_mact(&key, vector_hex(c, "msg"), mact);
    vector_equal(bytes_of(mact, sizeof mact), vector_hex(c, "mact"));
}

TEST(cipher, the_truncated_cmac_keeps_every_second_byte)
{
    assert_int_equal(vectors_run("aes_cmac.json", "mact", check_mact), 1);
    assert_int_equal(vectors_run("ev2_secure_messaging.json", "mact", check_mact), 1);
}

static void check_kdf(const json_t *c)
{
    struct bytes input = vector_hex(c, "div_input"), master = vector_hex(c, "master_key");
    if (vector_has(c, "uid")) {
        uint8_t m[31];
        struct buf b = BUF_ON(m);
        const char *parts[] = {"uid", "aid", "system_id"};
        for (int i = 0; i < 3; i++)
            buf_put(&b, vector_hex(c, parts[i]).data, vector_hex(c, parts[i]).size);
        vector_equal(buf_bytes(&b), input);
    }
    if (strcmp(vector_text(c, "kind"), "aes128") == 0) {
        struct aes_key key = vector_key(c, "master_key"), got;
        aes_diversify(&key, input, &got);
        vector_equal(bytes_of(got.b, sizeof got.b), vector_hex(c, "diversified_key"));
        ours++;
        return;
    }
    /* Kinds no card of ours uses: several CMACs under constants 11.. (AES-192), 41..
     * (AES-256), 21.. (2TDEA), 31.. (3TDEA), over two blocks each; AES-192 takes the first 8 bytes
     * of the first, the exclusive-or of the middle, and so on. */
    struct block_cipher b = {.des = strstr(vector_text(c, "kind"), "tdea") != NULL, .key = master};
    b.block = b.des ? 8 : 16;
    bool aes192 = !b.des && master.size == 24;
    uint8_t first = aes192 ? 0x11 : !b.des ? 0x41 : master.size == 16 ? 0x21 : 0x31;
    uint8_t out[48], k1[16], k2[16], m[32];
    size_t parts = b.des ? master.size / 8 : 2;
    for (size_t i = 0; i < parts; i++) {
        m[0] = (uint8_t)(first + i);
        memcpy(m + 1, input.data, input.size);
        plain_cmac(&b, bytes_of(m, 1 + input.size), 2 * b.block, out + i * b.block, k1, k2);
    }
    if (aes192) { /* A[0..7] || A[8..15] ^ B[0..7] || B[8..15] */
        for (size_t i = 0; i < 8; i++)
            out[8 + i] ^= out[16 + i];
        memmove(out + 16, out + 24, 8);
    }
    if (vector_has(c, "k1"))
        vector_equal(bytes_of(k1, b.block), vector_hex(c, "k1"));
    struct bytes want = vector_hex(c, "diversified_key");
    if (b.des) /* the parity bits of a DES key carry its version */
        for (size_t i = 0; i < want.size; i++)
            out[i] = (uint8_t)((out[i] & 0xfe) | (want.data[i] & 1));
    vector_equal(bytes_of(out, want.size), want);
}

TEST(cipher, diversified_keys_are_those_of_an10922)
{
    ours = 0;
    assert_int_equal(vectors_run("key_diversification_an10922.json", "kdf", check_kdf), 10);
    assert_int_equal(ours, 6);
}

static void check_trap(const json_t *c)
{
    struct aes_key key = vector_key(c, "master_key"), got;
    static const uint8_t zero[AES_BLOCK];
    struct bytes input = vector_hex(c, "div_input"), trap = vector_hex(c, "diversified_key");
    uint8_t m[32] = {1}, mac[AES_BLOCK];
    memcpy(m + 1, input.data, input.size);
    aes_cmac(&key, zero, bytes_of(m, 1 + input.size), mac);
    vector_equal(bytes_of(mac, sizeof mac), trap);
    aes_diversify(&key, input, &got);
    assert_memory_not_equal(got.b, trap.data, sizeof got.b);
}

TEST(cipher, a_short_input_is_not_diversified_by_a_plain_cmac)
{
    assert_int_equal(vectors_run("key_diversification_an10922.json", "kdf_cmac_plain", check_trap),
                     1);
    assert_int_equal(vectors_count("key_diversification_an10922.json"), 11);
}

static void check_crc32(const json_t *c)
{
    uint8_t raw[4];
    struct bytes data = vector_hex(c, "data");
    put_le(raw, crc32_desfire(0xffffffff, data), 4);
    vector_equal(bytes_of(raw, 4), vector_hex(c, "crc"));
    if (data.size > 1) { /* in two parts it is the same */
        uint32_t crc = crc32_desfire(0xffffffff, bytes_of(data.data, 1));
        put_le(raw, crc32_desfire(crc, bytes_of(data.data + 1, data.size - 1)), 4);
        vector_equal(bytes_of(raw, 4), vector_hex(c, "crc"));
    }
}

/* CRC_A is made by the reader chip, so only this test has it. */
static void check_crc16(const json_t *c)
{
    bool frame = vector_has(c, "frame");
    struct bytes data = vector_hex(c, frame ? "frame" : "data");
    size_t size = frame ? data.size - 2 : data.size;
    unsigned crc = 0x6363;
    for (size_t i = 0; i < size; i++) {
        crc ^= data.data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0x8408 : crc >> 1;
    }
    uint8_t raw[2];
    put_le(raw, crc, 2);
    vector_equal(bytes_of(raw, 2), frame ? bytes_of(data.data + size, 2) : vector_hex(c, "crc"));
}

TEST(cipher, crc32_has_no_last_inversion)
{
    assert_int_equal(vectors_run("crc_desfire.json", "crc32", check_crc32), 6);
    assert_int_equal(vectors_run("crc_desfire.json", "crc16", check_crc16), 1);
    assert_int_equal(vectors_run("crc_desfire.json", "iso14443_frame", check_crc16), 1);
    assert_int_equal(vectors_count("crc_desfire.json"), 8);
}

TEST(cipher, cmac_of_any_length_agrees_with_a_second_implementation)
{
    static const uint8_t zero[AES_BLOCK];
    for (size_t size = 0; size <= 100; size++) {
        uint8_t message[100], want[16], got[16], k1[16], k2[16];
        struct aes_key key;
        for (size_t i = 0; i < sizeof message; i++)
            message[i] = (uint8_t)test_random();
        for (size_t i = 0; i < sizeof key.b; i++)
            key.b[i] = (uint8_t)test_random();
        struct block_cipher b = {.key = bytes_of(key.b, sizeof key.b), .block = 16};
        plain_cmac(&b, bytes_of(message, size), 16, want, k1, k2);
        aes_cmac(&key, zero, bytes_of(message, size), got);
        assert_memory_equal(got, want, 16);
    }
}

TEST(cipher, cbc_in_two_calls_is_cbc_in_one_and_decrypts_in_place)
{
    struct aes_key key;
    uint8_t plain[64], one[64], two[64], iv[AES_BLOCK] = {7}, iv2[AES_BLOCK] = {7};
    for (size_t i = 0; i < sizeof key.b; i++)
        key.b[i] = (uint8_t)test_random();
    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] = (uint8_t)test_random();
    aes_cbc_encrypt(&key, iv, one, plain, sizeof plain);
    aes_cbc_encrypt(&key, iv2, two, plain, 16);
    aes_cbc_encrypt(&key, iv2, two + 16, plain + 16, 48);
    assert_memory_equal(one, two, sizeof one);
    assert_memory_equal(iv, iv2, sizeof iv);
    assert_memory_equal(iv, one + 48, sizeof iv);

    memset(iv, 0, sizeof iv);
    iv[0] = 7;
    aes_cbc_decrypt(&key, iv, one, one, sizeof one);
    assert_memory_equal(one, plain, sizeof one);
    assert_memory_equal(iv, two + 48, sizeof iv);
}
