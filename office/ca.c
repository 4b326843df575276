/* ca.c - see ca.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/ca.h"

#include "base/date.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Begins a day early: a till's clock may be a little behind head office's. */
static enum err make(struct buf *der, struct mbed_cert *cert, int64_t now_s, struct errmsg *why)
{
    cert->from_s = now_s - SECONDS_PER_DAY;
    cert->to_s = now_s + (int64_t)CA_YEARS * 365 * SECONDS_PER_DAY;
    if (mbed_random(NULL, cert->serial, sizeof cert->serial))
        return err_set(why, ERR_CRYPTO, "no random numbers");
    return mbed_cert_make(der, cert, why);
}

enum err ca_make_root(struct buf *der, const mbedtls_pk_context *ca_key, int64_t now_s,
                      struct errmsg *why)
{
    uint8_t tag[4];
    char hex[2 * sizeof tag + 1], name[MBED_NAME_SIZE];
    if (mbed_random(NULL, tag, sizeof tag))
        return err_set(why, ERR_CRYPTO, "no random numbers");
    hex_encode(hex, tag, sizeof tag);
    /* two programmes on one machine are told apart by it */
    snprintf(name, sizeof name, "patron CA %s", hex);
    struct mbed_cert cert = {
        .name = name, .key = ca_key, .issuer = name, .issuer_key = ca_key, .use = MBED_CA};
    return make(der, &cert, now_s, why);
}

static enum err make_leaf(struct buf *der, const mbedtls_x509_crt *ca,
                          const mbedtls_pk_context *ca_key, const mbedtls_pk_context *key,
                          const char *name, enum mbed_use use, int64_t now_s, struct errmsg *why)
{
    char issuer[MBED_NAME_SIZE];
    mbed_cert_name(issuer, ca);
    struct mbed_cert cert = {
        .name = name, .key = key, .issuer = issuer, .issuer_key = ca_key, .use = use};
    return make(der, &cert, now_s, why);
}

enum err ca_make_office(struct buf *der, const mbedtls_x509_crt *ca,
                        const mbedtls_pk_context *ca_key, const mbedtls_pk_context *key,
                        int64_t now_s, struct errmsg *why)
{
    return make_leaf(der, ca, ca_key, key, CA_OFFICE_NAME, MBED_SERVER, now_s, why);
}

enum err ca_make_console(struct buf *der, const mbedtls_x509_crt *ca, const mbedtls_pk_context *ca_key,
                         const mbedtls_pk_context *key, const char *name, int64_t now_s, int32_t days,
                         struct errmsg *why)
{
    char issuer[MBED_NAME_SIZE];
    if (strcmp(name, CA_OFFICE_NAME) == 0 || strncmp(name, "till-", 5) == 0 || strlen(name) >= MBED_NAME_SIZE)
        return err_set(why, ERR_FORMAT, "%.80s cannot be the console's host name", name);
    mbed_cert_name(issuer, ca);
    struct mbed_cert cert = {.name = name, .local = true, .key = key, .issuer = issuer, .issuer_key = ca_key,
                             .from_s = now_s - SECONDS_PER_DAY, .to_s = now_s + (int64_t)days * SECONDS_PER_DAY,
                             .use = MBED_SERVER};
    if (mbed_random(NULL, cert.serial, sizeof cert.serial))
        return err_set(why, ERR_CRYPTO, "no random numbers");
    return mbed_cert_make(der, &cert, why);
}

enum err ca_make_till(struct buf *der, const mbedtls_x509_crt *ca, const mbedtls_pk_context *ca_key,
                      uint32_t terminal, struct bytes csr, int64_t now_s, struct errmsg *why)
{
    assert(terminal >= 1);
    assert(terminal <= 9999);
    char name[16];
    mbedtls_pk_context key;
    enum err e = mbed_csr_read(&key, csr, why);
    snprintf(name, sizeof name, "till-%04u", (unsigned)terminal);
    if (!e)
        e = make_leaf(der, ca, ca_key, &key, name, MBED_CLIENT, now_s, why);
    mbedtls_pk_free(&key);
    return e;
}

enum err ca_terminal(uint32_t *terminal, const mbedtls_x509_crt *crt, struct errmsg *why)
{
    char name[MBED_NAME_SIZE];
    uint32_t n = 0;
    mbed_cert_name(name, crt);
    bool good = strlen(name) == 9 && strncmp(name, "till-", 5) == 0;
    for (int i = 5; good && i < 9; i++) {
        good = name[i] >= '0' && name[i] <= '9';
        n = n * 10 + (uint32_t)(name[i] - '0');
    }
    if (!good || n == 0)
        return err_set(why, ERR_FORMAT, "a certificate of \"%s\", not of a till", name);
    *terminal = n;
    return OK;
}

enum err ca_check(mbedtls_x509_crt *ca, mbedtls_x509_crt *crt, enum ca_role role,
                  struct errmsg *why)
{
    static const struct {
        const char *oid, *text;
    } roles[] = {
        [CA_ROLE_OFFICE] = {"\x2b\x06\x01\x05\x05\x07\x03\x01", "head office"},
        [CA_ROLE_TILL] = {"\x2b\x06\x01\x05\x05\x07\x03\x02", "a till"},
    };
    uint32_t flags = 0;
    int rc = mbedtls_x509_crt_verify(crt, ca, NULL, role == CA_ROLE_OFFICE ? CA_OFFICE_NAME : NULL,
                                     &flags, NULL, NULL);
    if (rc) {
        char text[256];
        int size = mbedtls_x509_crt_verify_info(text, sizeof text, "", flags);
        text[size > 0 ? strcspn(text, "\n") : 0] = 0;
        return err_set(why, ERR_AUTH, "the certificate is not good: %s", text);
    }
    /* Without the extension mbedTLS says yes to every use: ours must carry it. */
    if (!crt->ext_key_usage.buf.p ||
        mbedtls_x509_crt_check_extended_key_usage(crt, roles[role].oid, 8) != 0)
        return err_set(why, ERR_AUTH, "the certificate is not one of %s", roles[role].text);
    return OK;
}

enum err ca_sign_pack(struct buf *signature, const mbedtls_pk_context *pack_key, struct bytes json,
                      struct errmsg *why)
{
    uint8_t hash[MBED_HASH_SIZE];
    mbed_sha256(hash, json);
    return mbed_sign(signature, pack_key, hash, why);
}
