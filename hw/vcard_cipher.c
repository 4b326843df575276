/* vcard_cipher.c - the virtual card's ciphers: DES, 3DES and AES under one roof, CBC, CMAC, CRC.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cardproto/cipher.h"
#include "hw/vcard_int.h"

#include <assert.h>
#include <mbedtls/des.h>
#include <string.h>

size_t vc_block(const struct vcard_key *key)
{
    return key->type == VCARD_AES ? 16 : 8;
}

size_t vc_key_size(const struct vcard_key *key)
{
    return key->type == VCARD_3K3DES ? 24 : 16;
}

bool vc_is_des(const struct vcard_key *key)
{
    if (key->type != VCARD_DES)
        return false;
    for (size_t i = 0; i < 8; i++)
        if ((key->b[i] ^ key->b[i + 8]) & 0xfe)
            return false;
    return true;
}

struct vcard_key vc_aes(const uint8_t key[16])
{
    struct vcard_key k = {.type = VCARD_AES};
    memcpy(k.b, key, 16);
    return k;
}

/* One DES block; the two-key triple with equal halves is single DES. */
static void des_block(const struct vcard_key *key, bool encrypt, uint8_t b[8])
{
    mbedtls_des3_context c;
    mbedtls_des3_init(&c);
    int rc;
    if (key->type == VCARD_3K3DES)
        rc = encrypt ? mbedtls_des3_set3key_enc(&c, key->b) : mbedtls_des3_set3key_dec(&c, key->b);
    else
        rc = encrypt ? mbedtls_des3_set2key_enc(&c, key->b) : mbedtls_des3_set2key_dec(&c, key->b);
    rc |= mbedtls_des3_crypt_ecb(&c, b, b);
    assert(rc == 0);
    mbedtls_des3_free(&c);
}

static void xor8(uint8_t *a, const uint8_t *b)
{
    for (size_t i = 0; i < 8; i++)
        a[i] ^= b[i];
}

void vc_cbc_encrypt(const struct vcard_key *key, uint8_t *iv, uint8_t *data, size_t size)
{
    assert(size % vc_block(key) == 0);
    if (key->type == VCARD_AES) {
        struct aes_key k;
        memcpy(k.b, key->b, sizeof k.b);
        aes_cbc_encrypt(&k, iv, data, data, size);
        return;
    }
    for (; size; size -= 8, data += 8) {
        xor8(data, iv);
        des_block(key, true, data);
        memcpy(iv, data, 8);
    }
}

void vc_cbc_decrypt(const struct vcard_key *key, uint8_t *iv, uint8_t *data, size_t size)
{
    assert(size % vc_block(key) == 0);
    if (key->type == VCARD_AES) {
        struct aes_key k;
        memcpy(k.b, key->b, sizeof k.b);
        aes_cbc_decrypt(&k, iv, data, data, size);
        return;
    }
    for (; size; size -= 8, data += 8) {
        uint8_t c[8];
        memcpy(c, data, 8);
        des_block(key, false, data);
        xor8(data, iv);
        memcpy(iv, c, 8);
    }
}

void vc_cbc_undecipher(const struct vcard_key *key, uint8_t *data, size_t size)
{
    uint8_t iv[8] = {0};
    for (; size; size -= 8, data += 8) {
        uint8_t c[8];
        memcpy(c, data, 8);
        des_block(key, true, data);
        xor8(data, iv);
        memcpy(iv, c, 8);
    }
}

static void double_it(uint8_t *b, size_t size)
{
    uint8_t carry = (uint8_t)(b[0] >> 7);
    for (size_t i = 0; i + 1 < size; i++)
        b[i] = (uint8_t)(b[i] << 1 | b[i + 1] >> 7);
    b[size - 1] = (uint8_t)(b[size - 1] << 1);
    if (carry)
        b[size - 1] ^= size == 8 ? 0x1b : 0x87;
}

void vc_cmac(const struct vcard_key *key, uint8_t *iv, const uint8_t *data, size_t size)
{
    size_t bs = vc_block(key);
    uint8_t sub[16] = {0}, zero[16] = {0}, last[16] = {0};
    vc_cbc_encrypt(key, zero, sub, bs);
    double_it(sub, bs);
    size_t whole = size ? (size - 1) / bs * bs : 0;
    size_t rest = size - whole;
    if (rest < bs) {
        double_it(sub, bs);
        last[rest] = 0x80;
    }
    if (rest)
        memcpy(last, data + whole, rest);
    for (size_t i = 0; i < whole; i += bs) {
        uint8_t b[16];
        memcpy(b, data + i, bs);
        vc_cbc_encrypt(key, iv, b, bs);
    }
    for (size_t i = 0; i < bs; i++)
        last[i] ^= sub[i];
    vc_cbc_encrypt(key, iv, last, bs);
}

/* ISO 14443 type A. */
uint16_t vc_crc16(const uint8_t *data, size_t size)
{
    uint16_t crc = 0x6363;
    for (size_t i = 0; i < size; i++) {
        crc = (uint16_t)(crc ^ data[i]);
        for (int bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc & 1 ? crc >> 1 ^ 0x8408 : crc >> 1);
    }
    return crc;
}

uint32_t vc_crc32(uint32_t crc, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
    }
    return crc;
}

uint8_t vc_key_version(const struct vcard_key *key)
{
    if (key->type == VCARD_AES)
        return key->version;
    uint8_t version = 0;
    for (size_t i = 0; i < 8; i++)
        version = (uint8_t)(version << 1 | (key->b[i] & 1));
    return version;
}
