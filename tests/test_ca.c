/* test_ca.c - the certificate authority: who is believed to be head office, who to be till 7.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "office/ca.h"
#include "sync/code.h"
#include "tests/test.h"

#include <string.h>
#include <time.h>

/* An authority with one office and one till, made new for each test. */
struct pki {
    mbedtls_pk_context ca_key, office_key, till_key;
    mbedtls_x509_crt ca, office, till;
    uint8_t csr_room[MBED_CERT_DER_MAX];
    struct buf csr;
};

#define good(call) assert_int_equal(call, OK)

static int64_t now_s(void)
{
    return (int64_t)time(NULL);
}

static void pki_make(struct pki *p, uint32_t terminal, int64_t when_s)
{
    struct errmsg why;
    uint8_t room[MBED_CERT_DER_MAX];
    struct buf der = BUF_ON(room);
    memset(p, 0, sizeof *p);
    p->csr = BUF_ON(p->csr_room);
    good(mbed_init(&why));
    good(mbed_key_make(&p->ca_key, &why));
    good(mbed_key_make(&p->office_key, &why));
    good(mbed_key_make(&p->till_key, &why));
    good(ca_make_root(&der, &p->ca_key, when_s, &why));
    good(mbed_cert_parse(&p->ca, buf_bytes(&der), &why));
    der.size = 0;
    good(ca_make_office(&der, &p->ca, &p->ca_key, &p->office_key, when_s, &why));
    good(mbed_cert_parse(&p->office, buf_bytes(&der), &why));
    der.size = 0;
    /* the name the till asks for is not what it gets */
    good(mbed_csr_make(&p->csr, &p->till_key, "patron-office", &why));
    good(ca_make_till(&der, &p->ca, &p->ca_key, terminal, buf_bytes(&p->csr), when_s, &why));
    good(mbed_cert_parse(&p->till, buf_bytes(&der), &why));
}

static void pki_finish(struct pki *p)
{
    mbedtls_pk_free(&p->ca_key);
    mbedtls_pk_free(&p->office_key);
    mbedtls_pk_free(&p->till_key);
    mbedtls_x509_crt_free(&p->ca);
    mbedtls_x509_crt_free(&p->office);
    mbedtls_x509_crt_free(&p->till);
}

TEST(ca, each_certificate_is_good_for_its_own_role_only)
{
    struct pki p;
    struct errmsg why;
    pki_make(&p, 7, now_s());
    good(ca_check(&p.ca, &p.office, CA_ROLE_OFFICE, &why));
    good(ca_check(&p.ca, &p.till, CA_ROLE_TILL, &why));
    assert_int_equal(ca_check(&p.ca, &p.office, CA_ROLE_TILL, &why), ERR_AUTH);
    assert_string_equal(why.text, "the certificate is not one of a till");
    assert_int_equal(ca_check(&p.ca, &p.till, CA_ROLE_OFFICE, &why), ERR_AUTH);
    /* the CA itself is neither */
    assert_int_equal(ca_check(&p.ca, &p.ca, CA_ROLE_TILL, &why), ERR_AUTH);
    pki_finish(&p);
}

TEST(ca, a_till_is_named_by_head_office_and_not_by_its_request)
{
    static const uint32_t numbers[] = {1, 7, 9999};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct pki p;
        struct errmsg why;
        uint32_t terminal = 0;
        pki_make(&p, numbers[i], now_s());
        good(ca_terminal(&terminal, &p.till, &why));
        assert_int_equal(terminal, numbers[i]);
        assert_int_equal(ca_terminal(&terminal, &p.office, &why), ERR_FORMAT);
        assert_int_equal(ca_terminal(&terminal, &p.ca, &why), ERR_FORMAT);
        pki_finish(&p);
    }
}

TEST(ca, another_programmes_certificates_are_refused)
{
    struct pki p, q;
    struct errmsg why;
    pki_make(&p, 7, now_s());
    pki_make(&q, 7, now_s());
    assert_int_equal(ca_check(&p.ca, &q.office, CA_ROLE_OFFICE, &why), ERR_AUTH);
    assert_int_equal(ca_check(&p.ca, &q.till, CA_ROLE_TILL, &why), ERR_AUTH);
    pki_finish(&p);
    pki_finish(&q);
}

TEST(ca, a_till_cannot_sign_certificates)
{
    struct pki p;
    struct errmsg why;
    uint8_t room[MBED_CERT_DER_MAX];
    struct buf der = BUF_ON(room);
    mbedtls_x509_crt forged;
    pki_make(&p, 7, now_s());
    /* signed by till 7's key and in its name */
    good(ca_make_till(&der, &p.till, &p.till_key, 8, buf_bytes(&p.csr), now_s(), &why));
    good(mbed_cert_parse(&forged, buf_bytes(&der), &why));
    assert_int_equal(ca_check(&p.ca, &forged, CA_ROLE_TILL, &why), ERR_AUTH);
    assert_int_equal(ca_check(&p.till, &forged, CA_ROLE_TILL, &why), ERR_AUTH);
    /* and with the till's certificate put in between as a chain */
    assert_int_equal(mbedtls_x509_crt_parse_der(&forged, p.till.raw.p, p.till.raw.len), 0);
    assert_int_equal(ca_check(&p.ca, &forged, CA_ROLE_TILL, &why), ERR_AUTH);
    mbedtls_x509_crt_free(&forged);
    pki_finish(&p);
}

TEST(ca, ten_years_and_not_eleven)
{
    struct pki p;
    struct errmsg why;
    int64_t year = 365 * (int64_t)SECONDS_PER_DAY;
    pki_make(&p, 7, now_s() - 9 * year);
    good(ca_check(&p.ca, &p.till, CA_ROLE_TILL, &why));
    pki_finish(&p);
    pki_make(&p, 7, now_s() - 11 * year);
    assert_int_equal(ca_check(&p.ca, &p.till, CA_ROLE_TILL, &why), ERR_AUTH);
    pki_finish(&p);
    pki_make(&p, 7, now_s() + 2 * SECONDS_PER_DAY);
    assert_int_equal(ca_check(&p.ca, &p.till, CA_ROLE_TILL, &why), ERR_AUTH);
    pki_finish(&p);
}

TEST(ca, serials_differ)
{
    struct pki p;
    pki_make(&p, 7, now_s());
    assert_true(p.till.serial.len >= 16);
    assert_true(p.till.serial.len != p.office.serial.len ||
                memcmp(p.till.serial.p, p.office.serial.p, p.till.serial.len) != 0);
    pki_finish(&p);
}

TEST(ca, a_request_with_any_byte_changed_is_refused)
{
    struct pki p;
    struct errmsg why;
    uint8_t room[MBED_CERT_DER_MAX];
    pki_make(&p, 7, now_s());
    int refused = 0;
    for (size_t i = 0; i < p.csr.size; i++) {
        struct buf der = BUF_ON(room);
        p.csr_room[i] ^= 1;
        enum err e = ca_make_till(&der, &p.ca, &p.ca_key, 7, buf_bytes(&p.csr), now_s(), &why);
        refused += e != OK;
        p.csr_room[i] ^= 1;
    }
    assert_int_equal(refused, p.csr.size);
    for (size_t size = 0; size < p.csr.size; size++) {
        struct buf der = BUF_ON(room);
        assert_int_not_equal(
            ca_make_till(&der, &p.ca, &p.ca_key, 7, bytes_of(p.csr_room, size), now_s(), &why), OK);
    }
    pki_finish(&p);
}

TEST(ca, a_pack_with_a_byte_changed_or_another_signer_is_refused)
{
    static const char json[] = "{\"version\": 1}", other[] = "{\"version\": 2}";
    struct pki p;
    struct errmsg why;
    uint8_t room[MBED_SIGNATURE_MAX], hash[MBED_HASH_SIZE];
    struct buf signature = BUF_ON(room);
    pki_make(&p, 7, now_s());
    good(ca_sign_pack(&signature, &p.office_key, bytes_of(json, strlen(json)), &why));
    mbed_sha256(hash, bytes_of(json, strlen(json)));
    good(mbed_verify(&p.office_key, hash, buf_bytes(&signature), &why));
    assert_int_equal(mbed_verify(&p.till_key, hash, buf_bytes(&signature), &why), ERR_MAC);
    mbed_sha256(hash, bytes_of(other, strlen(other)));
    assert_int_equal(mbed_verify(&p.office_key, hash, buf_bytes(&signature), &why), ERR_MAC);
    pki_finish(&p);
}

TEST(ca, the_code_pins_the_ca_that_made_it)
{
    struct pki p, q;
    pki_make(&p, 7, now_s());
    pki_make(&q, 7, now_s());
    struct code code = {.terminal = 7};
    code_print(code.print, bytes_of(p.ca.raw.p, p.ca.raw.len));
    assert_true(code_is_of_ca(&code, bytes_of(p.ca.raw.p, p.ca.raw.len)));
    assert_false(code_is_of_ca(&code, bytes_of(q.ca.raw.p, q.ca.raw.len)));
    pki_finish(&p);
    pki_finish(&q);
}
