/* seal.h - EC P-256 keys and ECDSA-SHA-256 signatures, for both ends of the line: head office signs rule
 * packs, a till signs its batches and asks for its certificate.  Randomness comes from the machine.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_SYNC_SEAL_H
#define PATRON_SYNC_SEAL_H

#include "base/bytes.h"

#include <mbedtls/pk.h>

enum {
    SEAL_SIGNATURE_MAX = 80, /* DER: at most 72 bytes for P-256 */
    SEAL_PUBLIC_MAX = 128,   /* SubjectPublicKeyInfo, DER: 91 bytes for P-256 */
    SEAL_CSR_MAX = 512,      /* PKCS#10, DER */
    SEAL_PEM_MAX = 512,      /* private key, PEM, with the final 0 */
};

/* A fresh key in an initialised, empty context.  Errors: ERR_CRYPTO. */
MUST_CHECK enum err seal_key_make(mbedtls_pk_context *key, struct errmsg *why);
/* A private key as PEM text and back; text is terminated, size counts the 0.  Only a P-256 key is taken.
 * Errors: ERR_CRYPTO, ERR_FULL; ERR_FORMAT. */
MUST_CHECK enum err seal_key_write(char *text, size_t size, mbedtls_pk_context *key, struct errmsg *why);
MUST_CHECK enum err seal_key_read(mbedtls_pk_context *key, const char *text, struct errmsg *why);
/* The public half, DER, into der (emptied first). */
MUST_CHECK enum err seal_public(struct buf *der, mbedtls_pk_context *key, struct errmsg *why);

/* Signature over SHA-256 of exactly these bytes, DER (emptied first).  Errors: ERR_CRYPTO, ERR_FULL. */
MUST_CHECK enum err seal_sign(struct buf *signature, mbedtls_pk_context *key, struct bytes data,
                              struct errmsg *why);
/* The same over a hash that exists already (a journal's). */
MUST_CHECK enum err seal_sign_hash(struct buf *signature, mbedtls_pk_context *key,
                                   const uint8_t hash[32], struct errmsg *why);
/* public_key: as seal_public gives it.  Errors: ERR_FORMAT (no P-256 key), ERR_MAC (not its signature). */
MUST_CHECK enum err seal_verify(struct bytes public_key, struct bytes data, struct bytes signature,
                                struct errmsg *why);
MUST_CHECK enum err seal_verify_hash(struct bytes public_key, const uint8_t hash[32],
                                     struct bytes signature, struct errmsg *why);

/* A certificate request for a key: what a till sends in Enrol.  Head office chooses the names itself. */
MUST_CHECK enum err seal_csr(struct buf *der, mbedtls_pk_context *key, struct errmsg *why);

#endif
