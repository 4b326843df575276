/* cipher.c - see cipher.h.  CMAC sits on the plain AES block call because mbedTLS's own CMAC
 * allocates.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cardproto/cipher.h"

#include <assert.h>
#include <mbedtls/aes.h>
#include <string.h>

static void xor_block(uint8_t *a, const uint8_t *b)
{
    for (int i = 0; i < AES_BLOCK; i++)
        a[i] ^= b[i];
}

/* The key schedule of a good size cannot fail, and one block cannot either: only our own mistakes
 * could. */
static void aes_open(mbedtls_aes_context *aes, const struct aes_key *key, int mode)
{
    mbedtls_aes_init(aes);
    int e = mode == MBEDTLS_AES_ENCRYPT ? mbedtls_aes_setkey_enc(aes, key->b, 8 * AES_KEY_SIZE)
                                        : mbedtls_aes_setkey_dec(aes, key->b, 8 * AES_KEY_SIZE);
    assert(e == 0);
    (void)e;
}

static void aes_block(mbedtls_aes_context *aes, int mode, uint8_t *out, const uint8_t *in)
{
    int e = mbedtls_aes_crypt_ecb(aes, mode, in, out);
    assert(e == 0);
    (void)e;
}

void aes_cbc_encrypt(const struct aes_key *key, uint8_t iv[AES_BLOCK], uint8_t *out,
                     const uint8_t *in, size_t size)
{
    assert(size % AES_BLOCK == 0);
    mbedtls_aes_context aes;
    aes_open(&aes, key, MBEDTLS_AES_ENCRYPT);
    for (size_t i = 0; i < size; i += AES_BLOCK) {
        xor_block(iv, in + i);
        aes_block(&aes, MBEDTLS_AES_ENCRYPT, iv, iv);
        memcpy(out + i, iv, AES_BLOCK);
    }
    mbedtls_aes_free(&aes);
}

void aes_cbc_decrypt(const struct aes_key *key, uint8_t iv[AES_BLOCK], uint8_t *out,
                     const uint8_t *in, size_t size)
{
    assert(size % AES_BLOCK == 0);
    mbedtls_aes_context aes;
    aes_open(&aes, key, MBEDTLS_AES_DECRYPT);
    for (size_t i = 0; i < size; i += AES_BLOCK) {
        uint8_t next[AES_BLOCK], plain[AES_BLOCK];
        memcpy(next, in + i, AES_BLOCK);
        aes_block(&aes, MBEDTLS_AES_DECRYPT, plain, next);
        xor_block(plain, iv);
        memcpy(out + i, plain, AES_BLOCK);
        memcpy(iv, next, AES_BLOCK);
        bytes_wipe(plain, sizeof plain);
    }
    mbedtls_aes_free(&aes);
}

/* Times x in GF(2^128), RFC 4493 section 2.3. */
static void double_block(uint8_t out[AES_BLOCK], const uint8_t in[AES_BLOCK])
{
    uint8_t carry = (uint8_t)(in[0] >> 7);
    for (int i = 0; i < AES_BLOCK - 1; i++)
        out[i] = (uint8_t)(in[i] << 1 | in[i + 1] >> 7);
    out[AES_BLOCK - 1] = (uint8_t)(in[AES_BLOCK - 1] << 1 ^ (carry ? 0x87 : 0));
}

/* chain goes in as the first chaining value and comes out as the MAC.  padded_to: the message is
 * filled with 80 00.. to a multiple of this; 16 is RFC 4493, 32 is AN10922. */
static void cmac(const struct aes_key *key, uint8_t chain[AES_BLOCK], struct bytes message,
                 size_t padded_to)
{
    mbedtls_aes_context aes;
    uint8_t k1[AES_BLOCK] = {0}, k2[AES_BLOCK];
    aes_open(&aes, key, MBEDTLS_AES_ENCRYPT);
    aes_block(&aes, MBEDTLS_AES_ENCRYPT, k1, k1);
    double_block(k1, k1);
    double_block(k2, k1);

    size_t total =
        message.size ? (message.size + padded_to - 1) / padded_to * padded_to : padded_to;
    for (size_t at = 0; at < total; at += AES_BLOCK) {
        uint8_t block[AES_BLOCK] = {0};
        if (at < message.size) {
            size_t n = message.size - at < AES_BLOCK ? message.size - at : AES_BLOCK;
            memcpy(block, message.data + at, n);
        }
        if (message.size >= at && message.size < at + AES_BLOCK)
            block[message.size - at] = 0x80;
        if (at + AES_BLOCK == total)
            xor_block(block, message.size == total ? k1 : k2);
        xor_block(chain, block);
        aes_block(&aes, MBEDTLS_AES_ENCRYPT, chain, chain);
        bytes_wipe(block, sizeof block);
    }
    mbedtls_aes_free(&aes);
    bytes_wipe(k1, sizeof k1);
    bytes_wipe(k2, sizeof k2);
}

void aes_cmac(const struct aes_key *key, const uint8_t iv[AES_BLOCK], struct bytes message,
              uint8_t mac[AES_BLOCK])
{
    uint8_t chain[AES_BLOCK]; /* mac may be iv itself */
    memcpy(chain, iv, AES_BLOCK);
    cmac(key, chain, message, AES_BLOCK);
    memcpy(mac, chain, AES_BLOCK);
}

void aes_mact(const struct aes_key *key, struct bytes message, uint8_t mact[MACT_SIZE])
{
    uint8_t mac[AES_BLOCK] = {0};
    cmac(key, mac, message, AES_BLOCK);
    for (int i = 0; i < MACT_SIZE; i++)
        mact[i] = mac[2 * i + 1];
}

void aes_diversify(const struct aes_key *master, struct bytes input, struct aes_key *out)
{
    assert(input.size >= 1);
    assert(input.size <= 31);
    uint8_t message[32] = {0x01}, mac[AES_BLOCK] = {0};
    memcpy(message + 1, input.data, input.size);
    cmac(master, mac, bytes_of(message, 1 + input.size), sizeof message);
    memcpy(out->b, mac, AES_KEY_SIZE);
    bytes_wipe(mac, sizeof mac);
}

uint32_t crc32_desfire(uint32_t crc, struct bytes data)
{
    for (size_t i = 0; i < data.size; i++) {
        crc ^= data.data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
    }
    return crc;
}
