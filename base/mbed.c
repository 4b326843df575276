/* mbed.c - see mbed.h.
 * SPDX-License-Identifier: Apache-2.0 */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS /* a CSR's signature has no accessor in 3.x */
#include "base/mbed.h"
#include "base/date.h"

#include <mbedtls/aes.h>
#include <mbedtls/ecp.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/gcm.h>
#include <mbedtls/oid.h>
#include <mbedtls/pem.h>
#include <mbedtls/pkcs5.h>
#include <mbedtls/sha256.h>
#include <mbedtls/x509_csr.h>

#define MBED_IS_3 (MBEDTLS_VERSION_MAJOR >= 3)

#if MBED_IS_3
#include <psa/crypto.h>
#else
#define MBEDTLS_PRIVATE(member) member
#endif

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum err mbed_init(struct errmsg *why)
{
#if MBED_IS_3
    psa_status_t status = psa_crypto_init(); /* TLS 1.3 refuses to work without */
    if (status != PSA_SUCCESS)
        return err_set(why, ERR_CRYPTO, "psa_crypto_init: status %d", (int)status);
#endif
    (void)why;
    return OK;
}

enum err mbed_fail(struct errmsg *why, enum err e, int rc, const char *what)
{
    char text[128];
    mbedtls_strerror(rc, text, sizeof text);
    return err_set(why, e, "%s: %s (-0x%04x)", what, text, (unsigned)-rc);
}

int mbed_random(void *context, unsigned char *out, size_t size)
{
    (void)context;
    for (size_t at = 0; at < size;) {
        ssize_t got = getrandom(out + at, size - at, 0);
        if (got < 0 && errno != EINTR)
            return MBEDTLS_ERR_ENTROPY_SOURCE_FAILED;
        if (got > 0)
            at += (size_t)got;
    }
    return 0;
}

void mbed_sha256(uint8_t out[MBED_HASH_SIZE], struct bytes data)
{
    mbed_sha256_two(out, data, bytes_of("", 0));
}

#if MBED_IS_3
#define sha256_starts mbedtls_sha256_starts
#define sha256_update mbedtls_sha256_update
#define sha256_finish mbedtls_sha256_finish
#else
#define sha256_starts mbedtls_sha256_starts_ret
#define sha256_update mbedtls_sha256_update_ret
#define sha256_finish mbedtls_sha256_finish_ret
#endif

void mbed_sha256_two(uint8_t out[MBED_HASH_SIZE], struct bytes a, struct bytes b)
{
    mbedtls_sha256_context c;
    mbedtls_sha256_init(&c);
    /* These can fail only where a hardware replacement is compiled in. */
    int rc = sha256_starts(&c, 0);
    rc |= sha256_update(&c, a.data, a.size);
    rc |= sha256_update(&c, b.data, b.size);
    rc |= sha256_finish(&c, out);
    assert(rc == 0);
    mbedtls_sha256_free(&c);
}

/* HMAC is RFC 2104's; mbedTLS's own allocates, and cannot end in more than one place. */
enum { HMAC_BLOCK = 64 };

/* A hash that has taken the key already: inner (0x36) or outer (0x5c). */
static void hmac_start(mbedtls_sha256_context *c, struct bytes key, uint8_t pad)
{
    uint8_t block[HMAC_BLOCK] = {0};
    if (key.size > sizeof block)
        mbed_sha256(block, key);
    else if (key.size)
        memcpy(block, key.data, key.size);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] ^= pad;
    mbedtls_sha256_init(c);
    int rc = sha256_starts(c, 0);
    rc |= sha256_update(c, block, sizeof block);
    assert(rc == 0);
    bytes_wipe(block, sizeof block);
}

/* Ends a copy of inner, so that inner can go on. */
static void hmac_finish(uint8_t out[MBED_HASH_SIZE], const mbedtls_sha256_context *inner,
                        const mbedtls_sha256_context *outer, struct bytes rest)
{
    mbedtls_sha256_context c;
    mbedtls_sha256_init(&c);
    mbedtls_sha256_clone(&c, inner);
    int rc = sha256_update(&c, rest.data, rest.size);
    rc |= sha256_finish(&c, out);
    mbedtls_sha256_clone(&c, outer);
    rc |= sha256_update(&c, out, MBED_HASH_SIZE);
    rc |= sha256_finish(&c, out);
    assert(rc == 0);
    mbedtls_sha256_free(&c);
}

void mbed_hmac_sha256(uint8_t out[MBED_HASH_SIZE], struct bytes key, struct bytes a, struct bytes b)
{
    mbedtls_sha256_context inner, outer;
    hmac_start(&inner, key, 0x36);
    hmac_start(&outer, key, 0x5c);
    int rc = sha256_update(&inner, a.data, a.size);
    assert(rc == 0);
    hmac_finish(out, &inner, &outer, b);
    mbedtls_sha256_free(&inner);
    mbedtls_sha256_free(&outer);
}

unsigned mbed_hmac_padded(const uint8_t mac[MBED_HASH_SIZE], struct bytes key, struct bytes text)
{
    enum { PAD_MAX = 16 };
    assert(text.size >= PAD_MAX);
    mbedtls_sha256_context inner, outer;
    hmac_start(&inner, key, 0x36);
    hmac_start(&outer, key, 0x5c);
    size_t sure = text.size - PAD_MAX;
    const uint8_t *tail = text.data + sure;
    int rc = sha256_update(&inner, text.data, sure);
    assert(rc == 0);
    volatile unsigned found = 0;
    for (unsigned pad = 1; pad <= PAD_MAX; pad++) {
        uint8_t is[MBED_HASH_SIZE];
        hmac_finish(is, &inner, &outer, bytes_of(tail, PAD_MAX - pad));
        uint8_t diff = 0;
        for (unsigned i = 0; i < MBED_HASH_SIZE; i++)
            diff |= is[i] ^ mac[i];
        for (unsigned i = PAD_MAX - pad; i < PAD_MAX; i++)
            diff |= (uint8_t)(tail[i] ^ pad);
        found |= pad & ((unsigned)diff - 1) >> 8; /* all ones only when diff is 0 */
    }
    mbedtls_sha256_free(&inner);
    mbedtls_sha256_free(&outer);
    return found;
}

void mbed_hmac_sha1(uint8_t out[MBED_SHA1_SIZE], struct bytes key, struct bytes data)
{
    int rc = mbedtls_md_hmac(mbedtls_md_info_from_type(MBEDTLS_MD_SHA1), key.data, key.size, data.data, data.size, out);
    assert(rc == 0);
    (void)rc;
}

static enum err pbkdf2(mbedtls_md_type_t type, uint8_t *out, size_t size, struct bytes password,
                       struct bytes salt, uint32_t rounds, struct errmsg *why)
{
#if MBED_IS_3
    int rc = mbedtls_pkcs5_pbkdf2_hmac_ext(type, password.data, password.size, salt.data, salt.size,
                                           rounds, (uint32_t)size, out);
#else
    mbedtls_md_context_t c;
    mbedtls_md_init(&c);
    int rc = mbedtls_md_setup(&c, mbedtls_md_info_from_type(type), 1);
    if (rc == 0)
        rc = mbedtls_pkcs5_pbkdf2_hmac(&c, password.data, password.size, salt.data, salt.size,
                                       rounds, (uint32_t)size, out);
    mbedtls_md_free(&c);
#endif
    return rc ? mbed_fail(why, ERR_CRYPTO, rc, "derive a key from a password") : OK;
}

enum err mbed_pbkdf2_sha1(uint8_t *out, size_t size, struct bytes password, struct bytes salt,
                          uint32_t rounds, struct errmsg *why)
{
    return pbkdf2(MBEDTLS_MD_SHA1, out, size, password, salt, rounds, why);
}

enum err mbed_pbkdf2_sha256(uint8_t *out, size_t size, struct bytes password, struct bytes salt,
                            uint32_t rounds, struct errmsg *why)
{
    return pbkdf2(MBEDTLS_MD_SHA256, out, size, password, salt, rounds, why);
}

void mbed_aes256_cbc(bool encrypt, const uint8_t key[32], uint8_t iv[16], uint8_t *data,
                     size_t size)
{
    assert(size % 16 == 0);
    mbedtls_aes_context c;
    mbedtls_aes_init(&c);
    int rc = encrypt ? mbedtls_aes_setkey_enc(&c, key, 256) : mbedtls_aes_setkey_dec(&c, key, 256);
    if (rc == 0)
        rc = mbedtls_aes_crypt_cbc(&c, encrypt ? MBEDTLS_AES_ENCRYPT : MBEDTLS_AES_DECRYPT, size,
                                   iv, data, data);
    assert(rc == 0); /* only sizes and key lengths can be wrong */
    mbedtls_aes_free(&c);
}

/* ---- keys ---- */

enum err mbed_key_make(mbedtls_pk_context *key, struct errmsg *why)
{
    mbedtls_pk_init(key);
    int rc = mbedtls_pk_setup(key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));
    if (rc == 0)
        rc = mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(*key), mbed_random, NULL);
    return rc ? mbed_fail(why, ERR_CRYPTO, rc, "make a key") : OK;
}

/* mbedTLS takes PEM only with its final 0 counted in, and DER only without. */
static bool is_pem(struct bytes text)
{
    static const char mark[] = "-----BEGIN";
    return memmem(text.data, text.size, mark, sizeof mark - 1) != NULL;
}

static bool with_zero(char out[MBED_PEM_MAX], struct bytes *text)
{
    if (!text->size)
        return false;
    if (!is_pem(*text))
        return true;
    if (text->size >= MBED_PEM_MAX)
        return false;
    memcpy(out, text->data, text->size);
    out[text->size] = 0;
    *text = bytes_of(out, text->size + 1);
    return true;
}

static enum err check_curve(const mbedtls_pk_context *key, struct errmsg *why)
{
    if (!mbedtls_pk_can_do(key, MBEDTLS_PK_ECKEY) || mbedtls_pk_get_bitlen(key) != 256 ||
        mbedtls_pk_ec(*key)->grp.id != MBEDTLS_ECP_DP_SECP256R1)
        return err_set(why, ERR_FORMAT, "the key is not of the curve P-256");
    return OK;
}

enum err mbed_key_parse(mbedtls_pk_context *key, struct bytes text, struct errmsg *why)
{
    char pem[MBED_PEM_MAX];
    mbedtls_pk_init(key);
    if (!with_zero(pem, &text))
        return err_set(why, ERR_FORMAT, "a private key of %zu bytes", text.size);
#if MBED_IS_3
    int rc = mbedtls_pk_parse_key(key, text.data, text.size, NULL, 0, mbed_random, NULL);
#else
    int rc = mbedtls_pk_parse_key(key, text.data, text.size, NULL, 0);
#endif
    bytes_wipe(pem, sizeof pem);
    if (rc)
        return mbed_fail(why, ERR_FORMAT, rc, "read a private key");
    return check_curve(key, why);
}

enum err mbed_public_parse(mbedtls_pk_context *key, struct bytes text, struct errmsg *why)
{
    char pem[MBED_PEM_MAX];
    mbedtls_pk_init(key);
    if (!with_zero(pem, &text))
        return err_set(why, ERR_FORMAT, "a public key of %zu bytes", text.size);
    int rc = mbedtls_pk_parse_public_key(key, text.data, text.size);
    if (rc)
        return mbed_fail(why, ERR_FORMAT, rc, "read a public key");
    return check_curve(key, why);
}

static enum err put(struct buf *out, const uint8_t *data, size_t size, struct errmsg *why)
{
    buf_put(out, data, size);
    return out->full ? err_set(why, ERR_FULL, "no room for %zu bytes", size) : OK;
}

/* mbedTLS writes DER at the end of the room it is given; rc is the size or an error. */
static enum err put_tail(struct buf *out, uint8_t *room, size_t size, int rc, const char *what,
                         struct errmsg *why)
{
    enum err e = rc < 0 ? mbed_fail(why, ERR_CRYPTO, rc, what)
                        : put(out, room + size - (size_t)rc, (size_t)rc, why);
    bytes_wipe(room, size);
    return e;
}

#if MBED_IS_3
#define PK_IN(key) (key)
#else
/* 2.28 forgot some const; nothing is written. */
#define PK_IN(key) ((mbedtls_pk_context *)(uintptr_t)(key))
#endif

enum err mbed_key_write(struct buf *out, const mbedtls_pk_context *key, struct errmsg *why)
{
    uint8_t room[MBED_KEY_DER_MAX];
    int rc = mbedtls_pk_write_key_der(PK_IN(key), room, sizeof room);
    return put_tail(out, room, sizeof room, rc, "write a private key", why);
}

enum err mbed_public_write(struct buf *out, const mbedtls_pk_context *key, struct errmsg *why)
{
    uint8_t room[MBED_KEY_DER_MAX];
    int rc = mbedtls_pk_write_pubkey_der(PK_IN(key), room, sizeof room);
    return put_tail(out, room, sizeof room, rc, "write a public key", why);
}

bool mbed_same_key(const mbedtls_pk_context *a, const mbedtls_pk_context *b)
{
    uint8_t room_a[MBED_KEY_DER_MAX], room_b[MBED_KEY_DER_MAX];
    struct buf der_a = BUF_ON(room_a), der_b = BUF_ON(room_b);
    return mbed_public_write(&der_a, a, NULL) == OK && mbed_public_write(&der_b, b, NULL) == OK &&
           der_a.size == der_b.size && memcmp(room_a, room_b, der_a.size) == 0;
}

enum err mbed_pem_write(struct buf *out, const char *label, struct bytes der, struct errmsg *why)
{
    char head[64], foot[64];
    uint8_t room[MBED_PEM_MAX];
    size_t size = 0;
    snprintf(head, sizeof head, "-----BEGIN %s-----\n", label);
    snprintf(foot, sizeof foot, "-----END %s-----\n", label);
    int rc = mbedtls_pem_write_buffer(head, foot, der.data, der.size, room, sizeof room, &size);
    enum err e = rc ? mbed_fail(why, ERR_CRYPTO, rc, "write PEM") : put(out, room, size - 1, why);
    bytes_wipe(room, sizeof room);
    return e;
}

enum err mbed_sign(struct buf *signature, const mbedtls_pk_context *key,
                   const uint8_t hash[MBED_HASH_SIZE], struct errmsg *why)
{
    uint8_t room[MBEDTLS_PK_SIGNATURE_MAX_SIZE];
    size_t size = 0;
#if MBED_IS_3
    int rc = mbedtls_pk_sign((mbedtls_pk_context *)(uintptr_t)key, MBEDTLS_MD_SHA256, hash,
                             MBED_HASH_SIZE, room, sizeof room, &size, mbed_random, NULL);
#else
    int rc = mbedtls_pk_sign(PK_IN(key), MBEDTLS_MD_SHA256, hash, MBED_HASH_SIZE, room, &size,
                             mbed_random, NULL);
#endif
    return rc ? mbed_fail(why, ERR_CRYPTO, rc, "sign") : put(signature, room, size, why);
}

enum err mbed_verify(const mbedtls_pk_context *key, const uint8_t hash[MBED_HASH_SIZE],
                     struct bytes signature, struct errmsg *why)
{
    int rc = mbedtls_pk_verify((mbedtls_pk_context *)(uintptr_t)key, MBEDTLS_MD_SHA256, hash,
                               MBED_HASH_SIZE, signature.data, signature.size);
    return rc ? mbed_fail(why, ERR_MAC, rc, "signature") : OK;
}

/* SEQUENCE { INTEGER r, INTEGER s }, as mbedTLS signs it, to r || s: each 32 bytes. */
static bool raw_of_der(uint8_t raw[MBED_RAW_SIGNATURE_SIZE], struct bytes der)
{
    size_t at = 2;
    memset(raw, 0, MBED_RAW_SIGNATURE_SIZE);
    for (size_t i = 0; i < 2; i++) {
        if (at + 2 > der.size || der.data[at] != 0x02 || at + 2 + der.data[at + 1] > der.size)
            return false;
        size_t size = der.data[at + 1];
        const uint8_t *n = der.data + at + 2;
        at += 2 + size;
        for (; size && *n == 0; n++)
            size--;
        if (size > 32)
            return false;
        memcpy(raw + 32 * i + 32 - size, n, size);
    }
    return at == der.size;
}

enum err mbed_sign_raw(uint8_t signature[MBED_RAW_SIGNATURE_SIZE], const mbedtls_pk_context *key,
                       const uint8_t hash[MBED_HASH_SIZE], struct errmsg *why)
{
    uint8_t room[MBED_SIGNATURE_MAX];
    struct buf der = BUF_ON(room);
    enum err e = mbed_sign(&der, key, hash, why);
    if (!e && !raw_of_der(signature, buf_bytes(&der)))
        e = err_set(why, ERR_CRYPTO, "a signature of another shape");
    return e;
}

enum err mbed_verify_raw(const mbedtls_pk_context *key, const uint8_t hash[MBED_HASH_SIZE],
                         const uint8_t signature[MBED_RAW_SIGNATURE_SIZE], struct errmsg *why)
{
    uint8_t room[MBED_SIGNATURE_MAX];
    struct buf der = BUF_ON(room);
    buf_put(&der, "\x30\x00", 2);
    for (int i = 0; i < 2; i++) {
        const uint8_t *n = signature + 32 * i;
        size_t size = 32;
        for (; size > 1 && *n == 0; n++)
            size--;
        bool negative = *n & 0x80; /* it would be read as */
        buf_put_u8(&der, 0x02);
        buf_put_u8(&der, (uint8_t)(size + negative));
        if (negative)
            buf_put_u8(&der, 0);
        buf_put(&der, n, size);
    }
    room[1] = (uint8_t)(der.size - 2);
    return mbed_verify(key, hash, buf_bytes(&der), why);
}

/* ---- bare P-256 ---- */

struct p256 {
    mbedtls_ecp_group group;
    mbedtls_ecp_point point, result;
    mbedtls_mpi d;
};

static int p256_init(struct p256 *c, const uint8_t private_key[MBED_P256_SIZE])
{
    mbedtls_ecp_group_init(&c->group);
    mbedtls_ecp_point_init(&c->point);
    mbedtls_ecp_point_init(&c->result);
    mbedtls_mpi_init(&c->d);
    int rc = mbedtls_ecp_group_load(&c->group, MBEDTLS_ECP_DP_SECP256R1);
    if (!rc)
        rc = mbedtls_mpi_read_binary(&c->d, private_key, MBED_P256_SIZE);
    return rc ? rc : mbedtls_ecp_check_privkey(&c->group, &c->d);
}

static void p256_finish(struct p256 *c)
{
    mbedtls_mpi_free(&c->d);
    mbedtls_ecp_point_free(&c->result);
    mbedtls_ecp_point_free(&c->point);
    mbedtls_ecp_group_free(&c->group);
}

/* Y of an X: y^2 = x^3 - 3x + b, and as p = 3 mod 4 the root is the (p + 1) / 4-th power.  (2.28 reads no
 * compressed points.) */
static int decompress(struct p256 *c, const uint8_t in[MBED_POINT_SIZE])
{
    const mbedtls_ecp_group *g = &c->group;
    mbedtls_mpi *x = &c->point.MBEDTLS_PRIVATE(X), *y = &c->point.MBEDTLS_PRIVATE(Y), t, e;
    if (in[0] != 0x02 && in[0] != 0x03)
        return MBEDTLS_ERR_ECP_INVALID_KEY;
    mbedtls_mpi_init(&t);
    mbedtls_mpi_init(&e);
    int rc = mbedtls_mpi_read_binary(x, in + 1, MBED_P256_SIZE);
    rc = rc ? rc : mbedtls_mpi_mul_mpi(&t, x, x);
    rc = rc ? rc : mbedtls_mpi_sub_int(&t, &t, 3);
    rc = rc ? rc : mbedtls_mpi_mul_mpi(&t, &t, x);
    rc = rc ? rc : mbedtls_mpi_add_mpi(&t, &t, &g->B);
    rc = rc ? rc : mbedtls_mpi_mod_mpi(&t, &t, &g->P);
    rc = rc ? rc : mbedtls_mpi_add_int(&e, &g->P, 1);
    rc = rc ? rc : mbedtls_mpi_shift_r(&e, 2);
    rc = rc ? rc : mbedtls_mpi_exp_mod(y, &t, &e, &g->P, NULL);
    if (!rc && mbedtls_mpi_get_bit(y, 0) != (in[0] & 1))
        rc = mbedtls_mpi_sub_mpi(y, &g->P, y);
    rc = rc ? rc : mbedtls_mpi_lset(&c->point.MBEDTLS_PRIVATE(Z), 1);
    mbedtls_mpi_free(&t);
    mbedtls_mpi_free(&e);
    return rc ? rc : mbedtls_ecp_check_pubkey(g, &c->point); /* no root: not on the curve */
}

static enum err p256_fail(struct errmsg *why, int rc)
{
    return mbed_fail(why, rc == MBEDTLS_ERR_ECP_INVALID_KEY ? ERR_FORMAT : ERR_CRYPTO, rc, "P-256");
}

enum err mbed_p256_public(uint8_t point[MBED_POINT_SIZE], const uint8_t private_key[MBED_P256_SIZE],
                          struct errmsg *why)
{
    struct p256 c;
    size_t size;
    int rc = p256_init(&c, private_key);
    if (!rc)
        rc = mbedtls_ecp_mul(&c.group, &c.result, &c.d, &c.group.G, mbed_random, NULL);
    if (!rc)
        rc = mbedtls_ecp_point_write_binary(&c.group, &c.result, MBEDTLS_ECP_PF_COMPRESSED, &size, point,
                                            MBED_POINT_SIZE);
    p256_finish(&c);
    return rc ? p256_fail(why, rc) : OK;
}

enum err mbed_p256_ecdh(uint8_t shared[MBED_P256_SIZE], const uint8_t private_key[MBED_P256_SIZE],
                        const uint8_t point[MBED_POINT_SIZE], struct errmsg *why)
{
    struct p256 c;
    int rc = p256_init(&c, private_key);
    if (!rc)
        rc = decompress(&c, point);
    if (!rc)
        rc = mbedtls_ecp_mul(&c.group, &c.result, &c.d, &c.point, mbed_random, NULL);
    if (!rc)
        rc = mbedtls_mpi_write_binary(&c.result.MBEDTLS_PRIVATE(X), shared, MBED_P256_SIZE);
    p256_finish(&c);
    return rc ? p256_fail(why, rc) : OK;
}

enum err mbed_p256_sign(struct buf *signature, const uint8_t private_key[MBED_P256_SIZE],
                        const uint8_t hash[MBED_HASH_SIZE], struct errmsg *why)
{
    struct p256 c;
    mbedtls_pk_context key;
    mbedtls_pk_init(&key);
    int rc = p256_init(&c, private_key);
    if (!rc)
        rc = mbedtls_pk_setup(&key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));
    if (!rc) {
        mbedtls_ecp_keypair *pair = mbedtls_pk_ec(key);
        rc = mbedtls_ecp_group_copy(&pair->MBEDTLS_PRIVATE(grp), &c.group);
        rc = rc ? rc : mbedtls_mpi_copy(&pair->MBEDTLS_PRIVATE(d), &c.d);
        rc = rc ? rc : mbedtls_ecp_mul(&c.group, &pair->MBEDTLS_PRIVATE(Q), &c.d, &c.group.G, mbed_random, NULL);
    }
    enum err e = rc ? p256_fail(why, rc) : mbed_sign(signature, &key, hash, why);
    mbedtls_pk_free(&key);
    p256_finish(&c);
    return e;
}

enum err mbed_gcm_open(uint8_t *plain, const uint8_t key[32], struct bytes iv, struct bytes cipher,
                       const uint8_t tag[16], struct errmsg *why)
{
    mbedtls_gcm_context c;
    mbedtls_gcm_init(&c);
    int rc = mbedtls_gcm_setkey(&c, MBEDTLS_CIPHER_ID_AES, key, 256);
    if (!rc)
        rc = mbedtls_gcm_auth_decrypt(&c, cipher.size, iv.data, iv.size, NULL, 0, tag, 16, cipher.data, plain);
    mbedtls_gcm_free(&c);
    return rc == 0 ? OK : mbed_fail(why, rc == MBEDTLS_ERR_GCM_AUTH_FAILED ? ERR_MAC : ERR_CRYPTO, rc, "AES-GCM");
}

/* ---- certificates ---- */

static enum err subject(char out[MBED_NAME_SIZE + 4], const char *name, struct errmsg *why)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_. ";
    size_t size = strlen(name);
    if (size == 0 || size >= MBED_NAME_SIZE || strspn(name, allowed) != size)
        return err_set(why, ERR_FORMAT, "\"%s\" cannot be the name in a certificate", name);
    snprintf(out, MBED_NAME_SIZE + 4, "CN=%s", name);
    return OK;
}

enum err mbed_csr_make(struct buf *out, const mbedtls_pk_context *key, const char *name,
                       struct errmsg *why)
{
    char cn[MBED_NAME_SIZE + 4];
    uint8_t room[MBED_CERT_DER_MAX];
    enum err e = subject(cn, name, why);
    if (e)
        return e;
    mbedtls_x509write_csr csr;
    mbedtls_x509write_csr_init(&csr);
    mbedtls_x509write_csr_set_md_alg(&csr, MBEDTLS_MD_SHA256);
    mbedtls_x509write_csr_set_key(&csr, (mbedtls_pk_context *)(uintptr_t)key);
    int rc = mbedtls_x509write_csr_set_subject_name(&csr, cn);
    if (rc == 0)
        rc = mbedtls_x509write_csr_der(&csr, room, sizeof room, mbed_random, NULL);
    mbedtls_x509write_csr_free(&csr);
    return put_tail(out, room, sizeof room, rc, "write a certificate request", why);
}

enum err mbed_csr_read(mbedtls_pk_context *key, struct bytes der, struct errmsg *why)
{
    mbedtls_x509_csr csr;
    uint8_t hash[MBED_HASH_SIZE], copy[MBED_KEY_DER_MAX];
    struct buf public_key = BUF_ON(copy);
    mbedtls_pk_init(key);
    mbedtls_x509_csr_init(&csr);
    enum err e = OK;
    int rc = der.size ? mbedtls_x509_csr_parse_der(&csr, der.data, der.size) : -1;
    if (rc)
        e = mbed_fail(why, ERR_FORMAT, rc, "read a certificate request");
    else if (csr.sig_md != MBEDTLS_MD_SHA256)
        e = err_set(why, ERR_FORMAT, "a certificate request not signed over SHA-256");
    if (!e)
        e = check_curve(&csr.pk, why);
    if (!e) { /* mbedTLS leaves this check to us: without it one could ask for another's key */
        mbed_sha256(hash, bytes_of(csr.cri.p, csr.cri.len));
        e = mbed_verify(&csr.pk, hash, bytes_of(csr.sig.p, csr.sig.len), why);
    }
    if (!e)
        e = mbed_public_write(&public_key, &csr.pk, why);
    if (!e)
        e = mbed_public_parse(key, buf_bytes(&public_key), why);
    mbedtls_x509_csr_free(&csr);
    return e;
}

/* "20101201083400", as mbedTLS wants it. */
static void x509_time(char out[32], int64_t time_s)
{
    int32_t day = day_of_time(time_s);
    struct date d = date_of_day(day);
    int s = (int)(time_s - (int64_t)day * SECONDS_PER_DAY);
    snprintf(out, 32, "%04d%02d%02d%02d%02d%02d", (int)d.year % 10000, (int)d.month % 100,
             (int)d.day % 100, s / 3600 % 100, s / 60 % 60, s % 60);
}

/* Two extensions for which 2.28 has no writer: short DER, made by hand. */
static size_t put_alt(uint8_t *alt, uint8_t tag, const void *data, size_t size)
{
    alt[0] = tag;
    alt[1] = (uint8_t)size;
    memcpy(alt + 2, data, size);
    return 2 + size;
}

static int set_use(mbedtls_x509write_cert *w, bool server, const char *name, bool local)
{
    static const uint8_t oid_use[] = {0x55, 0x1d, 0x25}, oid_alt[] = {0x55, 0x1d, 0x11};
    /* SEQUENCE { OID 1.3.6.1.5.5.7.3.1 (server) or .2 (client) } */
    uint8_t use[] = {0x30, 0x0a, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02};
    if (server)
        use[11] = 0x01;
    int rc = mbedtls_x509write_crt_set_extension(w, (const char *)oid_use, sizeof oid_use, 0, use,
                                                 sizeof use);
    if (rc || !server)
        return rc;
    static const uint8_t v4[] = {127, 0, 0, 1}, v6[16] = {[15] = 1};
    uint8_t alt[127]; /* SEQUENCE { [2] name, [7] address ... }: the name is shorter than 64, all of it than 128 */
    size_t at = 2;
    at += put_alt(alt + at, 0x82, name, strlen(name));
    if (local) {
        if (strcmp(name, "localhost") != 0)
            at += put_alt(alt + at, 0x82, "localhost", 9);
        at += put_alt(alt + at, 0x87, v4, sizeof v4);
        at += put_alt(alt + at, 0x87, v6, sizeof v6);
    }
    alt[0] = 0x30, alt[1] = (uint8_t)(at - 2);
    return mbedtls_x509write_crt_set_extension(w, (const char *)oid_alt, sizeof oid_alt, 0, alt, at);
}

static int set_serial(mbedtls_x509write_cert *w, const uint8_t serial[16])
{
    uint8_t s[16];
    memcpy(s, serial, sizeof s);
    s[0] = (uint8_t)((s[0] & 0x7f) | 0x40); /* positive, and of one length */
#if MBED_IS_3
    return mbedtls_x509write_crt_set_serial_raw(w, s, sizeof s);
#else
    mbedtls_mpi n;
    mbedtls_mpi_init(&n);
    int rc = mbedtls_mpi_read_binary(&n, s, sizeof s);
    if (rc == 0)
        rc = mbedtls_x509write_crt_set_serial(w, &n);
    mbedtls_mpi_free(&n);
    return rc;
#endif
}

enum err mbed_cert_make(struct buf *out, const struct mbed_cert *cert, struct errmsg *why)
{
    char cn[MBED_NAME_SIZE + 4], issuer[MBED_NAME_SIZE + 4], from[32], to[32];
    uint8_t room[MBED_CERT_DER_MAX];
    enum err e = subject(cn, cert->name, why);
    if (!e)
        e = subject(issuer, cert->issuer, why);
    if (e)
        return e;
    x509_time(from, cert->from_s);
    x509_time(to, cert->to_s);
    bool ca = cert->use == MBED_CA;
    mbedtls_x509write_cert w;
    mbedtls_x509write_crt_init(&w);
    mbedtls_x509write_crt_set_version(&w, MBEDTLS_X509_CRT_VERSION_3);
    mbedtls_x509write_crt_set_md_alg(&w, MBEDTLS_MD_SHA256);
    mbedtls_x509write_crt_set_subject_key(&w, (mbedtls_pk_context *)(uintptr_t)cert->key);
    mbedtls_x509write_crt_set_issuer_key(&w, (mbedtls_pk_context *)(uintptr_t)cert->issuer_key);
    int rc = mbedtls_x509write_crt_set_subject_name(&w, cn);
    if (rc == 0)
        rc = mbedtls_x509write_crt_set_issuer_name(&w, issuer);
    if (rc == 0)
        rc = set_serial(&w, cert->serial);
    if (rc == 0)
        rc = mbedtls_x509write_crt_set_validity(&w, from, to);
    if (rc == 0)
        rc = mbedtls_x509write_crt_set_basic_constraints(&w, ca, ca ? 0 : -1);
    if (rc == 0)
        rc = mbedtls_x509write_crt_set_key_usage(
            &w, ca ? MBEDTLS_X509_KU_KEY_CERT_SIGN | MBEDTLS_X509_KU_CRL_SIGN
                   : MBEDTLS_X509_KU_DIGITAL_SIGNATURE);
    if (rc == 0 && !ca)
        rc = set_use(&w, cert->use == MBED_SERVER, cert->name, cert->local);
    if (rc == 0)
        rc = mbedtls_x509write_crt_der(&w, room, sizeof room, mbed_random, NULL);
    mbedtls_x509write_crt_free(&w);
    return put_tail(out, room, sizeof room, rc, "write a certificate", why);
}

enum err mbed_cert_parse(mbedtls_x509_crt *cert, struct bytes text, struct errmsg *why)
{
    char pem[MBED_PEM_MAX];
    mbedtls_x509_crt_init(cert);
    if (!with_zero(pem, &text))
        return err_set(why, ERR_FORMAT, "a certificate of %zu bytes", text.size);
    int rc = mbedtls_x509_crt_parse(cert, text.data, text.size);
    return rc ? mbed_fail(why, ERR_FORMAT, rc, "read a certificate") : OK;
}

void mbed_cert_name(char out[MBED_NAME_SIZE], const mbedtls_x509_crt *cert)
{
    out[0] = 0;
    for (const mbedtls_x509_name *n = &cert->subject; n; n = n->next) {
        if (MBEDTLS_OID_CMP(MBEDTLS_OID_AT_CN, &n->oid) != 0)
            continue;
        if (n->val.len < MBED_NAME_SIZE && !memchr(n->val.p, 0, n->val.len)) {
            memcpy(out, n->val.p, n->val.len);
            out[n->val.len] = 0;
        }
        return;
    }
}

bool mbed_cert_is_ca(const mbedtls_x509_crt *cert)
{
    return cert->MBEDTLS_PRIVATE(ca_istrue) != 0;
}

/* ---- TLS ---- */

/* Nothing but what our own CA makes. */
static const mbedtls_x509_crt_profile profile = {
    .allowed_mds = MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA256),
    .allowed_pks = MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_ECDSA) | MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_ECKEY),
    .allowed_curves = MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP256R1),
};

static const int suites[] = {
#if MBED_IS_3 && defined(MBEDTLS_SSL_PROTO_TLS1_3)
    MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
    MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
#endif
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    0,
};

void mbed_tls_narrow(mbedtls_ssl_config *c)
{
#if MBED_IS_3
    static const uint16_t groups[] = {MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1,
                                      MBEDTLS_SSL_IANA_TLS_GROUP_NONE};
    mbedtls_ssl_conf_min_tls_version(c, MBEDTLS_SSL_VERSION_TLS1_2);
    mbedtls_ssl_conf_groups(c, groups);
#ifdef MBEDTLS_SSL_PROTO_TLS1_3
    if (mbedtls_ssl_conf_get_endpoint(c) == MBEDTLS_SSL_IS_SERVER)
        mbedtls_ssl_conf_new_session_tickets(c, 0); /* see MBED_TLS_RESUMES */
#endif
#else
    static const mbedtls_ecp_group_id curves[] = {MBEDTLS_ECP_DP_SECP256R1, MBEDTLS_ECP_DP_NONE};
    mbedtls_ssl_conf_min_version(c, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
    mbedtls_ssl_conf_curves(c, curves);
#endif
    mbedtls_ssl_conf_ciphersuites(c, suites);
    mbedtls_ssl_conf_cert_profile(c, &profile);
    mbedtls_ssl_conf_renegotiation(c, MBEDTLS_SSL_RENEGOTIATION_DISABLED);
}

static const int serve_suites[] = {
#if MBED_IS_3 && defined(MBEDTLS_SSL_PROTO_TLS1_3)
    MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
    MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
    MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
#endif
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    0,
};

void mbed_tls_serve(mbedtls_ssl_config *c)
{
#if MBED_IS_3
    mbedtls_ssl_conf_min_tls_version(c, MBEDTLS_SSL_VERSION_TLS1_2);
#ifdef MBEDTLS_SSL_PROTO_TLS1_3
    mbedtls_ssl_conf_new_session_tickets(c, 0);
#endif
#else
    mbedtls_ssl_conf_min_version(c, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
#endif
    mbedtls_ssl_conf_ciphersuites(c, serve_suites);
    mbedtls_ssl_conf_renegotiation(c, MBEDTLS_SSL_RENEGOTIATION_DISABLED);
}

static enum err file_failed(struct errmsg *why, int rc, const char *path)
{
    enum err e = rc == MBEDTLS_ERR_PK_FILE_IO_ERROR || rc == MBEDTLS_ERR_X509_FILE_IO_ERROR ? ERR_IO
                                                                                            : ERR_FORMAT;
    return mbed_fail(why, e, rc, path);
}

enum err mbed_pair_load(mbedtls_x509_crt *certificate, mbedtls_pk_context *key,
                        const char *certificate_path, const char *key_path, struct errmsg *why)
{
    mbedtls_x509_crt_init(certificate);
    mbedtls_pk_init(key);
    int rc = mbedtls_x509_crt_parse_file(certificate, certificate_path);
    if (rc)
        return file_failed(why, rc, certificate_path);
#if MBED_IS_3
    rc = mbedtls_pk_parse_keyfile(key, key_path, NULL, mbed_random, NULL);
#else
    rc = mbedtls_pk_parse_keyfile(key, key_path, NULL);
#endif
    if (rc)
        return file_failed(why, rc, key_path);
    if (mbedtls_pk_can_do(key, MBEDTLS_PK_RSA) ? mbedtls_pk_get_bitlen(key) < 2048
                                               : check_curve(key, NULL) != OK)
        return err_set(why, ERR_FORMAT, "%s: the key is neither P-256 nor RSA of 2048 bits", key_path);
#if MBED_IS_3
    rc = mbedtls_pk_check_pair(&certificate->pk, key, mbed_random, NULL);
#else
    rc = mbedtls_pk_check_pair(&certificate->pk, key);
#endif
    return rc ? err_set(why, ERR_FORMAT, "the key %s does not belong to the certificate %s", key_path,
                        certificate_path)
              : OK;
}
