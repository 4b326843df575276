/* cipher.h - the few block-cipher shapes a DESFire needs, on the plain AES block call of mbedTLS: nothing
 * here allocates.  SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_CARDPROTO_CIPHER_H
#define PATRON_CARDPROTO_CIPHER_H

#include "base/bytes.h"

enum { AES_KEY_SIZE = 16, AES_BLOCK = 16, MACT_SIZE = 8 };

struct aes_key {
    uint8_t b[AES_KEY_SIZE];
};

/* CBC over size bytes (a multiple of 16), in place allowed; iv is updated to the next one. */
void aes_cbc_encrypt(const struct aes_key *key, uint8_t iv[AES_BLOCK], uint8_t *out, const uint8_t *in,
                     size_t size);
void aes_cbc_decrypt(const struct aes_key *key, uint8_t iv[AES_BLOCK], uint8_t *out, const uint8_t *in,
                     size_t size);
/* RFC 4493 with a given first chaining value (EV1 chains it; zeros otherwise). */
void aes_cmac(const struct aes_key *key, const uint8_t iv[AES_BLOCK], struct bytes message,
              uint8_t mac[AES_BLOCK]);
/* The 8 bytes 1,3,..15 of a CMAC with zero IV: what EV2 sends. */
void aes_mact(const struct aes_key *key, struct bytes message, uint8_t mact[MACT_SIZE]);
/* AN10922 for AES-128: input is 1..31 bytes. */
void aes_diversify(const struct aes_key *master, struct bytes input, struct aes_key *out);
/* CRC32 as DESFire EV1 uses it: no last inversion.  crc starts at 0xffffffff. */
uint32_t crc32_desfire(uint32_t crc, struct bytes data);

#endif
