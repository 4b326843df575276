/* test_mbed.c - keys, signatures and certificates, and the points where a program can be killed.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/crash.h"
#include "base/mbed.h"
#include "tests/test.h"

#include <mbedtls/oid.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(enum err e, const struct errmsg *why)
{
    if (e)
        fail_msg("%s", why->text);
}

TEST(mbed, sha256_is_the_published_one_and_two_parts_are_one_message)
{
    uint8_t one[MBED_HASH_SIZE], two[MBED_HASH_SIZE];
    char hex[2 * MBED_HASH_SIZE + 1];
    mbed_sha256(one, bytes_of("abc", 3)); /* FIPS 180-2, B.1 */
    hex_encode(hex, one, sizeof one);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    mbed_sha256_two(two, bytes_of("a", 1), bytes_of("bc", 2));
    assert_memory_equal(one, two, sizeof one);
}

TEST(mbed, hmac_and_password_keys_are_the_published_ones)
{
    uint8_t mac[MBED_HASH_SIZE], key[25];
    char hex[2 * MBED_HASH_SIZE + 1];
    struct errmsg why;
    static const char text[] = "what do ya want for nothing?"; /* RFC 4231, test case 2 */
    for (size_t cut = 0; cut < sizeof text; cut++) {
        mbed_hmac_sha256(mac, bytes_of("Jefe", 4), bytes_of(text, cut),
                         bytes_of(text + cut, sizeof text - 1 - cut));
        hex_encode(hex, mac, sizeof mac);
        assert_string_equal(hex,
                            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
    uint8_t long_key[131]; /* test case 6 */
    memset(long_key, 0xaa, sizeof long_key);
    mbed_hmac_sha256(mac, bytes_of(long_key, sizeof long_key),
                     bytes_of("Test Using Larger Than Block-Size Key - Hash Key First", 54),
                     bytes_of("", 0));
    hex_encode(hex, mac, sizeof mac);
    assert_string_equal(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    /* RFC 6070, test case 5; RFC 7914, section 11 */
    must(mbed_pbkdf2_sha1(key, 25, bytes_of("passwordPASSWORDpassword", 24),
                          bytes_of("saltSALTsaltSALTsaltSALTsaltSALTsalt", 36), 4096, &why),
         &why);
    hex_encode(hex, key, 25);
    assert_string_equal(hex, "3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038");
    must(mbed_pbkdf2_sha256(key, 16, bytes_of("passwd", 6), bytes_of("salt", 4), 1, &why), &why);
    hex_encode(hex, key, 16);
    assert_string_equal(hex, "55ac046e56e3089fec1691c22544b605");
}

TEST(mbed, a_signature_holds_for_its_key_and_hash_only)
{
    struct errmsg why = {""};
    mbedtls_pk_context key, other, read;
    must(mbed_init(&why), &why);
    must(mbed_key_make(&key, &why), &why);
    must(mbed_key_make(&other, &why), &why);
    uint8_t hash[MBED_HASH_SIZE] = {1, 2, 3}, sig_room[MBED_SIGNATURE_MAX], room[MBED_KEY_DER_MAX];
    struct buf sig = BUF_ON(sig_room), der = BUF_ON(room);
    must(mbed_sign(&sig, &key, hash, &why), &why);
    must(mbed_verify(&key, hash, buf_bytes(&sig), &why), &why);
    assert_int_equal(mbed_verify(&other, hash, buf_bytes(&sig), &why), ERR_MAC);
    hash[31] ^= 1;
    assert_int_equal(mbed_verify(&key, hash, buf_bytes(&sig), &why), ERR_MAC);
    hash[31] ^= 1;
    assert_int_equal(mbed_verify(&key, hash, bytes_of("", 0), &why), ERR_MAC);

    must(mbed_public_write(&der, &key, &why), &why);
    must(mbed_public_parse(&read, buf_bytes(&der), &why), &why);
    must(mbed_verify(&read, hash, buf_bytes(&sig), &why), &why);
    mbedtls_pk_free(&read);
    der.size = 0;
    char pem_room[MBED_PEM_MAX];
    struct buf pem = {.data = (uint8_t *)pem_room, .cap = sizeof pem_room};
    must(mbed_key_write(&der, &key, &why), &why);
    must(mbed_pem_write(&pem, "EC PRIVATE KEY", buf_bytes(&der), &why), &why);
    must(mbed_key_parse(&read, buf_bytes(&pem), &why), &why);
    sig.size = 0;
    must(mbed_sign(&sig, &read, hash, &why), &why);
    must(mbed_verify(&key, hash, buf_bytes(&sig), &why), &why);
    mbedtls_pk_free(&read);
    mbedtls_pk_free(&key);
    mbedtls_pk_free(&other);
}

TEST(mbed, a_request_must_be_signed_by_the_key_it_asks_for)
{
    struct errmsg why = {""};
    mbedtls_pk_context key, read;
    must(mbed_key_make(&key, &why), &why);
    uint8_t room[MBED_CERT_DER_MAX];
    struct buf csr = BUF_ON(room);
    must(mbed_csr_make(&csr, &key, "terminal", &why), &why);
    must(mbed_csr_read(&read, buf_bytes(&csr), &why), &why);
    assert_true(mbed_same_key(&read, &key));
    mbedtls_pk_free(&read);
    csr.data[csr.size - 1] ^= 1;
    assert_int_equal(mbed_csr_read(&read, buf_bytes(&csr), &why), ERR_MAC);
    mbedtls_pk_free(&read);
    for (size_t size = 0; size < csr.size; size++) {
        assert_int_not_equal(mbed_csr_read(&read, bytes_of(csr.data, size), &why), OK);
        mbedtls_pk_free(&read);
    }
    csr.size = 0;
    assert_int_equal(mbed_csr_make(&csr, &key, "a,O=b", &why), ERR_FORMAT);
    mbedtls_pk_free(&key);
}

TEST(mbed, a_certificate_chains_to_its_authority_with_name_and_use)
{
    struct errmsg why = {""};
    mbedtls_pk_context ca_key, key;
    must(mbed_key_make(&ca_key, &why), &why);
    must(mbed_key_make(&key, &why), &why);
    uint8_t room[2 * MBED_CERT_DER_MAX];
    struct buf ca_der = {.data = room, .cap = MBED_CERT_DER_MAX};
    struct buf der = {.data = room + MBED_CERT_DER_MAX, .cap = MBED_CERT_DER_MAX};
    struct mbed_cert c = {.name = "patron test CA",
                          .key = &ca_key,
                          .issuer = "patron test CA",
                          .issuer_key = &ca_key,
                          .from_s = 1500000000,
                          .to_s = 4000000000,
                          .serial = {9},
                          .use = MBED_CA};
    must(mbed_cert_make(&ca_der, &c, &why), &why);
    c.name = "patron-office", c.key = &key, c.use = MBED_SERVER;
    must(mbed_cert_make(&der, &c, &why), &why);
    mbedtls_x509_crt ca, cert;
    must(mbed_cert_parse(&ca, buf_bytes(&ca_der), &why), &why);
    must(mbed_cert_parse(&cert, buf_bytes(&der), &why), &why);
    char name[MBED_NAME_SIZE];
    mbed_cert_name(name, &cert);
    assert_string_equal(name, "patron-office");
    uint32_t flags = 0;
    assert_int_equal(
        mbedtls_x509_crt_verify(&cert, &ca, NULL, "patron-office", &flags, NULL, NULL), 0);
    assert_int_not_equal(
        mbedtls_x509_crt_verify(&cert, &ca, NULL, "patron-other", &flags, NULL, NULL), 0);
    assert_int_equal(mbedtls_x509_crt_check_extended_key_usage(
                         &cert, MBEDTLS_OID_SERVER_AUTH, MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH)),
                     0);
    assert_int_not_equal(mbedtls_x509_crt_check_extended_key_usage(
                             &cert, MBEDTLS_OID_CLIENT_AUTH, MBEDTLS_OID_SIZE(MBEDTLS_OID_CLIENT_AUTH)),
                         0);
    mbedtls_x509_crt_free(&ca);
    mbedtls_x509_crt_free(&cert);
    mbedtls_pk_free(&ca_key);
    mbedtls_pk_free(&key);
}

/* The signal that ended a child which passes three points under PATRON_CRASH=setting; 0 = it ended whole. */
static int crash_child(const char *setting)
{
    pid_t pid = fork();
    if (pid == 0) {
        setenv("PATRON_CRASH", setting, 1);
        if (!freopen("/dev/null", "w", stderr))
            _exit(3);
        crash_point("one");
        crash_point("two");
        crash_point("one");
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

TEST(crash, a_program_dies_at_the_point_asked_for_and_at_no_other)
{
    static const struct {
        const char *setting;
        int signal;
    } rows[] = {{"1", SIGKILL},     {"3", SIGKILL}, {"4", 0},       {"", 0}, {"0", 0},
                {"one:2", SIGKILL}, {"one:3", 0},   {"two:1", SIGKILL}, {"x:1", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(crash_child(rows[i].setting), rows[i].signal);
}
