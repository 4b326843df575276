/* android.c - see android.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/android.h"

#include "cardproto/cipher.h"
#include "cardproto/ndef.h"
#include "tests/test.h"

#include <string.h>
#include <zlib.h>

void android_start(struct android *a)
{
    for (size_t i = 0; i < sizeof a->nonce; i++)
        a->nonce[i] = (uint8_t)test_random();
    memset(a->own, 0x33, sizeof a->own);
    assert_int_equal(mbed_p256_public(a->own_public, a->own, NULL), OK);
    a->size = a->sent = 0;
}

/* The payload of a record, without its first bytes. */
static struct bytes inside(struct bytes message, const char *type, size_t skip)
{
    struct ndef_record r;
    assert_int_equal(ndef_find(&r, message, type), OK);
    assert_true(r.payload.size >= skip);
    return bytes_of(r.payload.data + skip, r.payload.size - skip);
}

/* ---- the channel ---- */

/* The phone knows the collector's public key; here it is made from the private one. */
static bool believes(const struct android *a, const uint8_t to_sign[SMART_TAP_SIGNED_SIZE], struct bytes signature)
{
    static const uint8_t curve[] = {0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    uint8_t der[51] = {0x30, 0x31, 0x02, 0x01, 0x01, 0x04, 0x20}, hash[MBED_HASH_SIZE];
    mbedtls_pk_context key;
    memcpy(der + 7, a->reader->private_key, 32);
    memcpy(der + 39, curve, sizeof curve);
    mbed_sha256(hash, bytes_of(to_sign, SMART_TAP_SIGNED_SIZE));
    assert_int_equal(mbed_key_parse(&key, bytes_of(der, sizeof der), NULL), OK);
    bool good = mbed_verify(&key, hash, signature, NULL) == OK;
    mbedtls_pk_free(&key);
    return good;
}

/* HKDF-SHA256: salt our key, info what was signed and its signature. */
static void derive(struct android *a, const uint8_t *reader_key, const uint8_t to_sign[SMART_TAP_SIGNED_SIZE],
                   struct bytes signature)
{
    uint8_t shared[32], prk[32], t[64], room[340];
    struct buf b = BUF_ON(room);
    assert_int_equal(mbed_p256_ecdh(shared, a->own, reader_key, NULL), OK);
    mbed_hmac_sha256(prk, bytes_of(a->own_public, MBED_POINT_SIZE), bytes_of(shared, 32), bytes_of("", 0));
    buf_put(&b, to_sign, SMART_TAP_SIGNED_SIZE);
    buf_put(&b, signature.data, signature.size);
    mbed_hmac_sha256(t, bytes_of(prk, 32), buf_bytes(&b), bytes_of("\1", 1));
    b.size = 0;
    buf_put(&b, t, 32);
    buf_put(&b, to_sign, SMART_TAP_SIGNED_SIZE);
    buf_put(&b, signature.data, signature.size);
    mbed_hmac_sha256(t + 32, bytes_of(prk, 32), buf_bytes(&b), bytes_of("\2", 1));
    memcpy(a->secrets.aes, t, 16);
    memcpy(a->secrets.hmac, t + 16, 32);
}

static bool negotiate(struct android *a, struct bytes message, struct buf *out)
{
    enum { NONCE = 32, LIVE = 1, KEY = MBED_POINT_SIZE, VERSION = 4 };
    uint8_t to_sign[SMART_TAP_SIGNED_SIZE], answer[10], room[80];
    struct buf nrs = BUF_ON(room);
    struct bytes ngr = inside(message, "ngr", 2), ses = inside(ngr, "ses", 0), cpr = inside(ngr, "cpr", 0);
    const uint8_t *reader_key = cpr.data + NONCE + LIVE;
    struct bytes nested = inside(ngr, "cpr", NONCE + LIVE + KEY + VERSION);
    struct bytes signature = inside(nested, "sig", 1), collector = inside(nested, "cld", 1);
    assert_memory_equal(collector.data, a->reader->collector, 4);
    smart_tap_to_sign(to_sign, cpr.data, a->nonce, collector.data, reader_key);
    if (!believes(a, to_sign, signature))
        return false;
    derive(a, reader_key, to_sign, signature);
    memcpy(a->session, ses.data, 8);
    memcpy(answer, ses.data, 10);
    answer[0] ^= a->lie_about_session;
    answer[8] = (uint8_t)(ses.data[8] + !a->repeat_sequence);
    ndef_put(&nrs, NDEF_EXTERNAL, "ses", bytes_of(answer, 10), true, false);
    uint8_t key[MBED_POINT_SIZE];
    memcpy(key, a->own_public, sizeof key);
    if (a->bend_key)
        memset(key + 1, 0xff, sizeof key - 1); /* above the prime: on no curve */
    ndef_put(&nrs, NDEF_EXTERNAL, "dpk", bytes_of(key, sizeof key), false, true);
    ndef_put(out, NDEF_EXTERNAL, "nrs", buf_bytes(&nrs), true, true);
    return true;
}

/* ---- the pass ---- */

/* asv{ly{oid, n}}, deflated or not. */
static size_t pass(const struct android *a, uint8_t *packed, size_t size)
{
    uint8_t n_room[200], ly_room[300], asv_room[400], records[600];
    struct buf n = BUF_ON(n_room), ly = BUF_ON(ly_room), asv = BUF_ON(asv_room), all = BUF_ON(records);
    uLongf packed_size = (uLongf)size;
    buf_put_u8(&n, 0x04);
    buf_put(&n, a->value, strlen(a->value));
    ndef_put(&ly, NDEF_EXTERNAL, "oid", bytes_of("\x04\x21", 2), true, false);
    ndef_put(&ly, NDEF_EXTERNAL, "n", buf_bytes(&n), false, true);
    ndef_put(&asv, NDEF_EXTERNAL, "ly", buf_bytes(&ly), true, true);
    ndef_put(&all, NDEF_EXTERNAL, "asv", buf_bytes(&asv), true, true);
    if (a->compress)
        assert_int_equal(compress(packed, &packed_size, all.data, all.size), Z_OK);
    else
        memcpy(packed, all.data, packed_size = all.size);
    return (size_t)packed_size;
}

static void aes_ctr(const uint8_t key[16], const uint8_t iv[12], uint8_t *text, size_t size)
{
    struct aes_key k;
    memcpy(k.b, key, sizeof k.b);
    for (size_t at = 0; at < size; at += 16) {
        uint8_t block[16] = {0}, zero[16] = {0};
        memcpy(block, iv, 12);
        put_le(block + 15, at / 16, 1);
        aes_cbc_encrypt(&k, zero, block, block, 16);
        for (size_t i = 0; i < 16 && at + i < size; i++)
            text[at + i] ^= block[i];
    }
}

/* srs{ses, reb} in a->bundle. */
static void make_bundle(struct android *a)
{
    static const uint8_t iv[12] = {5, 5, 5};
    uint8_t text[800], mac[MBED_HASH_SIZE], reb_room[1000], ses_room[10], srs_room[1100];
    struct buf reb = BUF_ON(reb_room), ses = BUF_ON(ses_room), srs = BUF_ON(srs_room), out = BUF_ON(a->bundle);
    size_t size = pass(a, text, sizeof text);
    aes_ctr(a->secrets.aes, iv, text, size);
    buf_put_u8(&reb, a->compress ? 0x03 : 0x01);
    buf_put(&reb, iv, sizeof iv);
    buf_put(&reb, text, size);
    mbed_hmac_sha256(mac, bytes_of(a->secrets.hmac, 32), bytes_of(reb.data + 1, reb.size - 1), bytes_of("", 0));
    buf_put(&reb, mac, sizeof mac);
    if (a->bend_bundle)
        reb.data[20] ^= 1;
    buf_put(&ses, a->session, sizeof a->session);
    buf_put(&ses, "\2\1", 2);
    ndef_put(&srs, NDEF_EXTERNAL, "ses", buf_bytes(&ses), true, false);
    ndef_put(&srs, NDEF_EXTERNAL, "reb", buf_bytes(&reb), false, true);
    ndef_put(&out, NDEF_EXTERNAL, "srs", buf_bytes(&srs), true, true);
    a->size = out.size;
    a->sent = 0;
}

static void put_word(struct buf *out, unsigned word)
{
    buf_put_u8(out, (uint8_t)(word >> 8));
    buf_put_u8(out, (uint8_t)word);
}

struct bytes android_answer(struct android *a, struct bytes frame)
{
    static uint8_t raw[KIND_ANSWER_MAX];
    struct buf out = BUF_ON(raw);
    struct bytes message = frame.size > 6 ? bytes_of(frame.data + 5, frame.size - 6) : bytes_of(NULL, 0);
    uint8_t mdn[33] = {0x04}, cmd = frame.data[1];
    unsigned word = 0x9000;
    if (a->word && cmd == 0x50) {
        word = a->word;
    } else if (cmd == 0xa4 && frame.data[5] == 0xa0) {
        memcpy(mdn + 1, a->nonce, sizeof a->nonce);
        buf_put(&out, "\0\0\0\1", 4);
        ndef_put(&out, NDEF_EXTERNAL, "mdn", bytes_of(mdn, sizeof mdn), true, true);
    } else if (cmd == 0x53) {
        word = negotiate(a, message, &out) ? 0x9000 : 0x9500;
    } else if ((cmd == 0x50 || cmd == 0xc0) && a->endless) {
        memset(raw, 0x55, out.size = 200);
        word = 0x9100;
    } else if (cmd == 0x50 || cmd == 0xc0) {
        if (cmd == 0x50)
            make_bundle(a);
        size_t n = a->size - a->sent < 100 ? a->size - a->sent : 100;
        buf_put(&out, a->bundle + a->sent, n);
        a->sent += n;
        word = a->sent < a->size ? 0x9100 : 0x9000;
    } else {
        word = 0x6a82;
    }
    put_word(&out, word);
    return buf_bytes(&out);
}
