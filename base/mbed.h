/* mbed.h - keys, certificates, hashes and signatures by mbedTLS: everything that differs between 2.28
 * and 3.6 is in this pair and nowhere else.  P-256 only.
 *
 * Random numbers come from the kernel (getrandom): no state to seed, none to share after a fork.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_BASE_MBED_H
#define PATRON_BASE_MBED_H

#include "base/bytes.h"

#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>

/* Does a second connection resume the first?  A TLS 1.3 ticket of mbedTLS 3.6 does not carry the client's
 * certificate, so with 1.3 none is given. */
#define MBED_TLS_RESUMES (MBEDTLS_VERSION_MAJOR < 3)

enum {
    MBED_HASH_SIZE = 32,
    MBED_SHA1_SIZE = 20,
    MBED_SIGNATURE_MAX = 80, /* ECDSA P-256 in DER: 72 at most; room for what pk_sign asks */
    MBED_RAW_SIGNATURE_SIZE = 64, /* r || s */
    MBED_KEY_DER_MAX = 256,
    MBED_CERT_DER_MAX = 1024,
    MBED_PEM_MAX = 2048,
    MBED_NAME_SIZE = 64
};

/* Once in each process, before any other call here or any TLS. */
MUST_CHECK enum err mbed_init(struct errmsg *why);

/* err_set with what mbedTLS says about its return code rc. */
enum err mbed_fail(struct errmsg *why, enum err e, int rc, const char *what);

/* In the shape mbedTLS asks for; context is not used.  0, or a negative number. */
int mbed_random(void *context, unsigned char *out, size_t size);

void mbed_sha256(uint8_t out[MBED_HASH_SIZE], struct bytes data);
/* Of a followed by b. */
void mbed_sha256_two(uint8_t out[MBED_HASH_SIZE], struct bytes a, struct bytes b);
/* HMAC-SHA256 of a followed by b.  Allocates nothing. */
void mbed_hmac_sha256(uint8_t out[MBED_HASH_SIZE], struct bytes key, struct bytes a, struct bytes b);

/* For one-time codes alone (RFC 4226), which know no other.  Asserts that mbedTLS has SHA-1. */
void mbed_hmac_sha1(uint8_t out[MBED_SHA1_SIZE], struct bytes key, struct bytes data);

/* Is mac the HMAC-SHA256 of text without its last 1, 2 ... or 16 bytes, each of those bytes saying how many
 * they are (PKCS#7)?  Returns that number, or 0.  text: 16 bytes or more.  The time depends on text.size
 * alone: every length is tried, and the answer is one. */
MUST_CHECK unsigned mbed_hmac_padded(const uint8_t mac[MBED_HASH_SIZE], struct bytes key,
                                     struct bytes text);
/* PBKDF2-HMAC-SHA1 and PBKDF2-HMAC-SHA256. */
MUST_CHECK enum err mbed_pbkdf2_sha1(uint8_t *out, size_t size, struct bytes password,
                                     struct bytes salt, uint32_t rounds, struct errmsg *why);
MUST_CHECK enum err mbed_pbkdf2_sha256(uint8_t *out, size_t size, struct bytes password,
                                       struct bytes salt, uint32_t rounds, struct errmsg *why);
/* AES-256-CBC without padding, in place.  size: a multiple of 16.  iv is used up. */
void mbed_aes256_cbc(bool encrypt, const uint8_t key[32], uint8_t iv[16], uint8_t *data,
                     size_t size);

/* ---- keys.  key is initialised by the call; mbedtls_pk_free it, also after an error. ---- */

MUST_CHECK enum err mbed_key_make(mbedtls_pk_context *key, struct errmsg *why);
/* A private key, DER or PEM.  Errors: ERR_FORMAT (also: not P-256). */
MUST_CHECK enum err mbed_key_parse(mbedtls_pk_context *key, struct bytes text, struct errmsg *why);
/* A public key (SubjectPublicKeyInfo), DER or PEM. */
MUST_CHECK enum err mbed_public_parse(mbedtls_pk_context *key, struct bytes text, struct errmsg *why);
/* Appended to out as DER.  Errors: ERR_FULL, ERR_CRYPTO. */
MUST_CHECK enum err mbed_key_write(struct buf *out, const mbedtls_pk_context *key, struct errmsg *why);
MUST_CHECK enum err mbed_public_write(struct buf *out, const mbedtls_pk_context *key,
                                      struct errmsg *why);
/* Is it the same public key?  Either may be private or public. */
MUST_CHECK bool mbed_same_key(const mbedtls_pk_context *a, const mbedtls_pk_context *b);
/* The PEM form of der, appended, without a final 0.  label: "CERTIFICATE", "EC PRIVATE KEY",
 * "PUBLIC KEY", "CERTIFICATE REQUEST". */
MUST_CHECK enum err mbed_pem_write(struct buf *out, const char *label, struct bytes der,
                                   struct errmsg *why);

/* ECDSA in DER over a SHA-256 hash, appended to signature. */
MUST_CHECK enum err mbed_sign(struct buf *signature, const mbedtls_pk_context *key,
                              const uint8_t hash[MBED_HASH_SIZE], struct errmsg *why);
/* Errors: ERR_MAC. */
MUST_CHECK enum err mbed_verify(const mbedtls_pk_context *key, const uint8_t hash[MBED_HASH_SIZE],
                                struct bytes signature, struct errmsg *why);

/* The same in 64 bytes, r || s, for where room is short. */
MUST_CHECK enum err mbed_sign_raw(uint8_t signature[MBED_RAW_SIGNATURE_SIZE],
                                  const mbedtls_pk_context *key, const uint8_t hash[MBED_HASH_SIZE],
                                  struct errmsg *why);
MUST_CHECK enum err mbed_verify_raw(const mbedtls_pk_context *key, const uint8_t hash[MBED_HASH_SIZE],
                                    const uint8_t signature[MBED_RAW_SIGNATURE_SIZE],
                                    struct errmsg *why);

/* ---- bare P-256 numbers, for those who speak neither DER nor TLS (wallet passes); these allocate ---- */

enum { MBED_P256_SIZE = 32, MBED_POINT_SIZE = 33 }; /* a point: 02 or 03, then X */

/* Errors of all: ERR_FORMAT (a private key out of range, a point that is not on the curve), ERR_CRYPTO. */
MUST_CHECK enum err mbed_p256_public(uint8_t point[MBED_POINT_SIZE],
                                     const uint8_t private_key[MBED_P256_SIZE], struct errmsg *why);
/* The X of private_key * point. */
MUST_CHECK enum err mbed_p256_ecdh(uint8_t shared[MBED_P256_SIZE],
                                   const uint8_t private_key[MBED_P256_SIZE],
                                   const uint8_t point[MBED_POINT_SIZE], struct errmsg *why);
/* As mbed_sign. */
MUST_CHECK enum err mbed_p256_sign(struct buf *signature, const uint8_t private_key[MBED_P256_SIZE],
                                   const uint8_t hash[MBED_HASH_SIZE], struct errmsg *why);
/* AES-256-GCM without further data: cipher.size bytes of plain.  Errors: ERR_MAC, plain is then zeros. */
MUST_CHECK enum err mbed_gcm_open(uint8_t *plain, const uint8_t key[32], struct bytes iv,
                                  struct bytes cipher, const uint8_t tag[16], struct errmsg *why);

/* ---- certificates ---- */

/* A request for key, PKCS#10 DER appended to out.  name: the common name, letters, digits, "-", "_",
 * "." and blank only. */
MUST_CHECK enum err mbed_csr_make(struct buf *out, const mbedtls_pk_context *key, const char *name,
                                  struct errmsg *why);
/* Checks that the asker holds the key (its signature) and gives the public key.  The name asked for is
 * not returned: who signs decides the name.  Errors: ERR_FORMAT, ERR_MAC. */
MUST_CHECK enum err mbed_csr_read(mbedtls_pk_context *key, struct bytes der, struct errmsg *why);

struct mbed_cert {
    const char *name;                  /* common name, and DNS name when server */
    bool local;                        /* server: also localhost, 127.0.0.1 and ::1 */
    const mbedtls_pk_context *key;     /* public part is enough */
    const char *issuer;                /* common name; the same as name when self-signed */
    const mbedtls_pk_context *issuer_key;
    int64_t from_s, to_s;              /* UTC seconds since 1970 */
    uint8_t serial[16];                /* random; made positive by the call */
    enum mbed_use { MBED_CA, MBED_SERVER, MBED_CLIENT } use;
};
/* X.509 v3 DER, appended to out. */
MUST_CHECK enum err mbed_cert_make(struct buf *out, const struct mbed_cert *cert, struct errmsg *why);
/* DER, or one or more PEM.  cert is initialised by the call; mbedtls_x509_crt_free it, also after an
 * error.  Errors: ERR_FORMAT. */
MUST_CHECK enum err mbed_cert_parse(mbedtls_x509_crt *cert, struct bytes text, struct errmsg *why);
/* Common name of the subject; "" when it has none or it does not fit. */
void mbed_cert_name(char out[MBED_NAME_SIZE], const mbedtls_x509_crt *cert);
/* May it sign others? */
MUST_CHECK bool mbed_cert_is_ca(const mbedtls_x509_crt *cert);

/* ---- TLS ---- */

/* What all our connections are held to: TLS 1.2 or later, P-256, AES-GCM, certificates of our own making,
 * no renegotiation.  config has its defaults already. */
void mbed_tls_narrow(mbedtls_ssl_config *config);
/* What a server for programs not our own is held to: TLS 1.2 or later, ephemeral keys, AES-GCM or ChaCha20. */
void mbed_tls_serve(mbedtls_ssl_config *config);
/* A certificate of somebody else's making, with what is between it and its CA, and its key: PEM files, P-256
 * or RSA of 2048 bits and more.  Both are initialised by the call; free them, also after an error.
 * Errors: ERR_FORMAT (also: they do not belong together), ERR_IO. */
MUST_CHECK enum err mbed_pair_load(mbedtls_x509_crt *certificate, mbedtls_pk_context *key,
                                   const char *certificate_path, const char *key_path,
                                   struct errmsg *why);

#endif
