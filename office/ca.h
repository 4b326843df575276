/* ca.h - the programme's own certificate authority: who may call itself head office, and who is
 * till 7. All keys are EC P-256, all signatures ECDSA with SHA-256, all certificates valid for ten
 * years and named by a random serial. A till is known by its CN "till-0007", head office by CN and
 * SAN "patron-office"; extended key usage keeps a till from posing as head office and the reverse.
 * Certificates live by the machine's real time (UTC), never by a simulated clock. The ciphers and
 * the bytes are base/mbed.h; here is only what our authority says.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_CA_H
#define PATRON_OFFICE_CA_H

#include "base/mbed.h"

enum { CA_YEARS = 10 };
#define CA_OFFICE_NAME "patron-office" /* the name a till expects in head office's certificate */

enum ca_role { CA_ROLE_OFFICE, CA_ROLE_TILL };

/* Certificates, DER, appended to der.  now_s: real time, UTC.  Errors: ERR_CRYPTO, ERR_FULL. */
MUST_CHECK enum err ca_make_root(struct buf *der, const mbedtls_pk_context *ca_key, int64_t now_s,
                                 struct errmsg *why);
/* key: the public half is enough. */
MUST_CHECK enum err ca_make_office(struct buf *der, const mbedtls_x509_crt *ca,
                                   const mbedtls_pk_context *ca_key, const mbedtls_pk_context *key,
                                   int64_t now_s, struct errmsg *why);
/* For browsers: of this host name, localhost, 127.0.0.1 and ::1, good for so many days.  Errors: also ERR_FORMAT (the
 * name is no host name, or one that tills know somebody by). */
MUST_CHECK enum err ca_make_console(struct buf *der, const mbedtls_x509_crt *ca, const mbedtls_pk_context *ca_key,
                                    const mbedtls_pk_context *key, const char *name, int64_t now_s, int32_t days,
                                    struct errmsg *why);
/* csr: PKCS#10, DER, as a till sends it; its own signature is checked, the names in it are not
 * used. terminal: 1..9999. Errors: also ERR_FORMAT, ERR_MAC (the asker does not hold the key). */
MUST_CHECK enum err ca_make_till(struct buf *der, const mbedtls_x509_crt *ca,
                                 const mbedtls_pk_context *ca_key, uint32_t terminal,
                                 struct bytes csr, int64_t now_s, struct errmsg *why);

/* Which till is this certificate of? Looks at the CN only: the chain was checked before (by TLS,
 * or ca_check). Errors: ERR_FORMAT. */
MUST_CHECK enum err ca_terminal(uint32_t *terminal, const mbedtls_x509_crt *crt,
                                struct errmsg *why);
/* Is crt signed by ca, in date, and for this role?  Errors: ERR_AUTH with the reason. */
MUST_CHECK enum err ca_check(mbedtls_x509_crt *ca, mbedtls_x509_crt *crt, enum ca_role role,
                             struct errmsg *why);

/* Rule packs are signed over SHA-256 of exactly their bytes; the signature is appended.
 * Errors: ERR_CRYPTO, ERR_FULL. */
MUST_CHECK enum err ca_sign_pack(struct buf *signature, const mbedtls_pk_context *pack_key,
                                 struct bytes json, struct errmsg *why);

#endif
