/* ca.h - the programme's own certificate authority: who may call itself head office, and who is till 7.
 * Keys, requests and signatures of packs: sync/seal.h.  All keys are EC P-256, all signatures ECDSA with SHA-256, all certificates valid for ten years and
 * named by a random serial.  A till is known by its CN "till-0007", head office by CN and SAN
 * "patron-office"; extended key usage keeps a till from posing as head office and the reverse.
 * Certificates live by the machine's real time (UTC), never by a simulated clock.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_CA_H
#define PATRON_OFFICE_CA_H

#include "base/bytes.h"

#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>
#include <stdint.h>

enum {
    CA_DER_MAX = 1024, /* a certificate of ours */
    CA_YEARS = 10,
};
#define CA_OFFICE_NAME "patron-office" /* the name a till expects in head office's certificate */

enum ca_role { CA_ROLE_OFFICE, CA_ROLE_TILL };

/* Certificates, DER, into der (emptied first).  now_s: real time, UTC.  Errors: ERR_CRYPTO, ERR_FULL. */
MUST_CHECK enum err ca_make_root(struct buf *der, mbedtls_pk_context *ca_key, const char *programme,
                                 int64_t now_s, struct errmsg *why);
MUST_CHECK enum err ca_make_office(struct buf *der, const mbedtls_x509_crt *ca,
                                   mbedtls_pk_context *ca_key, mbedtls_pk_context *office_key,
                                   int64_t now_s, struct errmsg *why);
/* csr: PKCS#10, DER, of an EC P-256 key; its own signature is checked, its names are not used.
 * Errors: also ERR_FORMAT, ERR_MAC (the CSR is not signed by its key). */
MUST_CHECK enum err ca_make_till(struct buf *der, const mbedtls_x509_crt *ca,
                                 mbedtls_pk_context *ca_key, uint32_t terminal, struct bytes csr,
                                 int64_t now_s, struct errmsg *why);

/* Which till is this certificate of?  Looks at the CN only: the chain was checked before (by TLS, or
 * ca_check).  Errors: ERR_FORMAT. */
MUST_CHECK enum err ca_terminal(uint32_t *terminal, const mbedtls_x509_crt *crt);
/* Is crt signed by ca, in date, and for this role?  Errors: ERR_AUTH with the reason. */
MUST_CHECK enum err ca_check(mbedtls_x509_crt *ca, mbedtls_x509_crt *crt, enum ca_role role,
                             struct errmsg *why);
/* SHA-256 of a certificate (struct terminal_view.cert_hash). */
void ca_hash(uint8_t out[32], struct bytes der);

#endif
