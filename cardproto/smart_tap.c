/* smart_tap.c - Google Smart Tap 2.x: a loyalty object for one collector.  SPEC.md section 19.
 *
 *   SELECT -> device nonce --> NEGOTIATE (nonce, our key, signature) -> device key --> GET DATA -> bundle
 *                                                                     91 00: [GET MORE] --^
 * The library that inflates the bundle allocates while it does.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cardproto/smart_tap.h"

#include "cardproto/cipher.h"
#include "cardproto/ndef.h"

#include <assert.h>
#include <string.h>
#include <zlib.h>

enum { ENCIPHERED = 0x01, COMPRESSED = 0x02, IV_SIZE = 12, NONCE_SIZE = 32, BINARY = 0x04 };

/* ---- messages ---- */

void smart_tap_to_sign(uint8_t out[SMART_TAP_SIGNED_SIZE], const uint8_t reader_nonce[32],
                       const uint8_t device_nonce[32], const uint8_t collector[4],
                       const uint8_t reader_key[MBED_POINT_SIZE])
{
    memcpy(out, reader_nonce, NONCE_SIZE);
    memcpy(out + 32, device_nonce, NONCE_SIZE);
    memcpy(out + 64, collector, 4);
    memcpy(out + 68, reader_key, MBED_POINT_SIZE);
}

static void put_record(struct buf *out, const char *type, const struct buf *payload, bool first, bool last)
{
    ndef_put(out, NDEF_EXTERNAL, type, buf_bytes(payload), first, last);
}

static void put_session(struct buf *out, const struct smart_tap_session *s)
{
    uint8_t room[16];
    struct buf b = BUF_ON(room);
    buf_put(&b, s->id, sizeof s->id);
    buf_put_u8(&b, s->sequence);
    buf_put_u8(&b, 0x01); /* status ok */
    put_record(out, "ses", &b, true, false);
}

/* A value that is bytes, not text. */
static void put_binary(struct buf *out, const char *type, struct bytes value, bool first, bool last)
{
    uint8_t room[128];
    struct buf b = BUF_ON(room);
    buf_put_u8(&b, BINARY);
    buf_put(&b, value.data, value.size);
    put_record(out, type, &b, first, last);
}

void smart_tap_put_negotiate(struct buf *out, const struct smart_tap_session *session,
                             const uint8_t reader_nonce[32], const uint8_t reader_key[MBED_POINT_SIZE],
                             const struct smart_tap_keys *keys, struct bytes signature)
{
    uint8_t cpr_room[200], ngr_room[250];
    struct buf cpr = BUF_ON(cpr_room), ngr = BUF_ON(ngr_room);
    buf_put(&cpr, reader_nonce, NONCE_SIZE);
    buf_put_u8(&cpr, 0x01); /* live authentication */
    buf_put(&cpr, reader_key, MBED_POINT_SIZE);
    buf_put(&cpr, keys->key_version, sizeof keys->key_version);
    put_binary(&cpr, "sig", signature, true, false);
    put_binary(&cpr, "cld", bytes_of(keys->collector, sizeof keys->collector), false, true);
    buf_put(&ngr, "\x00\x01", 2);
    put_session(&ngr, session);
    put_record(&ngr, "cpr", &cpr, false, true);
    put_record(out, "ngr", &ngr, true, true);
}

void smart_tap_put_get_data(struct buf *out, const struct smart_tap_session *session,
                            const uint8_t collector[4], uint8_t object)
{
    static const uint8_t capabilities[] = {0x41, 0x00, 0x00, 0x00, 0x04};
    uint8_t one[32], two[32], all[96];
    struct buf merchant = BUF_ON(one), list = BUF_ON(two), srq = BUF_ON(all);
    put_binary(&merchant, "cld", bytes_of(collector, 4), true, true);
    ndef_put(&list, NDEF_EXTERNAL, "str", bytes_of(&object, 1), true, true);
    buf_put(&srq, "\x00\x01", 2);
    put_session(&srq, session);
    put_record(&srq, "mer", &merchant, false, false);
    put_record(&srq, "slr", &list, false, false);
    ndef_put(&srq, NDEF_EXTERNAL, "pcr", bytes_of(capabilities, sizeof capabilities), false, true);
    put_record(out, "srq", &srq, true, true);
}

/* ---- keys and bundle ---- */

enum err smart_tap_derive(struct smart_tap_secrets *out, const uint8_t private_key[MBED_P256_SIZE],
                          const uint8_t device_key[MBED_POINT_SIZE], struct bytes to_sign,
                          struct bytes signature, struct errmsg *why)
{
    uint8_t shared[MBED_P256_SIZE], prk[MBED_HASH_SIZE], t[2 * MBED_HASH_SIZE], room[300];
    struct buf info = BUF_ON(room);
    enum err e = mbed_p256_ecdh(shared, private_key, device_key, why);
    if (e)
        return e;
    /* HKDF-SHA256, 48 bytes: two blocks. */
    mbed_hmac_sha256(prk, bytes_of(device_key, MBED_POINT_SIZE), bytes_of(shared, sizeof shared),
                     bytes_of("", 0));
    buf_put(&info, to_sign.data, to_sign.size);
    buf_put(&info, signature.data, signature.size);
    buf_put_u8(&info, 1);
    assert(!info.full);
    mbed_hmac_sha256(t, bytes_of(prk, sizeof prk), buf_bytes(&info), bytes_of("", 0));
    info.data[info.size - 1] = 2;
    mbed_hmac_sha256(t + MBED_HASH_SIZE, bytes_of(prk, sizeof prk), bytes_of(t, MBED_HASH_SIZE),
                     buf_bytes(&info));
    memcpy(out->aes, t, sizeof out->aes);
    memcpy(out->hmac, t + sizeof out->aes, sizeof out->hmac);
    bytes_wipe(shared, sizeof shared);
    bytes_wipe(prk, sizeof prk);
    bytes_wipe(t, sizeof t);
    return OK;
}

/* AES-CTR: a counter block is IV 12 || number 4, from 0. */
static void aes_ctr(uint8_t *out, const uint8_t key[16], const uint8_t *iv, struct bytes in)
{
    struct aes_key k;
    memcpy(k.b, key, sizeof k.b);
    for (size_t at = 0; at < in.size; at += AES_BLOCK) {
        uint8_t block[AES_BLOCK] = {0}, zero[AES_BLOCK] = {0};
        size_t number = at / AES_BLOCK;
        memcpy(block, iv, IV_SIZE);
        block[14] = (uint8_t)(number >> 8);
        block[15] = (uint8_t)number;
        aes_cbc_encrypt(&k, zero, block, block, AES_BLOCK);
        for (size_t i = 0; i < AES_BLOCK && at + i < in.size; i++)
            out[at + i] = in.data[at + i] ^ block[i];
    }
    bytes_wipe(&k, sizeof k);
}

enum err smart_tap_open(struct buf *out, struct bytes reb, const struct smart_tap_secrets *secrets,
                        struct errmsg *why)
{
    uint8_t mac[MBED_HASH_SIZE], plain[KIND_BUNDLE_MAX];
    out->size = 0;
    if (reb.size < 1 + IV_SIZE + 1 + sizeof mac || reb.size > sizeof plain || !(reb.data[0] & ENCIPHERED))
        return err_set(why, ERR_FORMAT, "a bundle of %zu bytes, or one in the clear", reb.size);
    struct bytes iv_and_cipher = bytes_of(reb.data + 1, reb.size - 1 - sizeof mac);
    mbed_hmac_sha256(mac, bytes_of(secrets->hmac, sizeof secrets->hmac), iv_and_cipher, bytes_of("", 0));
    if (!bytes_equal_const_time(mac, reb.data + reb.size - sizeof mac, sizeof mac))
        return err_set(why, ERR_MAC, "the phone's bundle does not verify");
    struct bytes cipher = bytes_of(reb.data + 1 + IV_SIZE, iv_and_cipher.size - IV_SIZE);
    aes_ctr(plain, secrets->aes, reb.data + 1, cipher);
    if (reb.data[0] & COMPRESSED) {
        uLongf size = (uLongf)out->cap;
        int rc = uncompress(out->data, &size, plain, (uLong)cipher.size);
        if (rc != Z_OK)
            return err_set(why, rc == Z_BUF_ERROR ? ERR_FULL : ERR_FORMAT, "the phone's bundle does not inflate");
        out->size = (size_t)size;
        return OK;
    }
    buf_put(out, plain, cipher.size);
    return out->full ? err_set(why, ERR_FULL, "the phone's bundle is too long") : OK;
}

enum err smart_tap_loyalty(struct bytes *value, struct bytes bundle)
{
    struct ndef_record asv, object, r;
    enum err e;
    while ((e = ndef_find(&asv, bundle, "asv")) == OK) {
        bundle = bytes_of(asv.payload.data + asv.payload.size,
                          (size_t)(bundle.data + bundle.size - asv.payload.data) - asv.payload.size);
        if (ndef_find(&object, asv.payload, "ly"))
            continue;
        struct bytes rest = object.payload;
        while ((e = ndef_next(&r, &rest)) == OK) {
            bool by_type = r.type.size == 1 && *r.type.data == 'n';
            bool by_id = r.id.size == 1 && *r.id.data == 'n';
            if (by_id && ndef_text(value, &r) == OK)
                return OK;
            if (by_type && r.payload.size > 1) {
                *value = bytes_of(r.payload.data + 1, r.payload.size - 1);
                return OK;
            }
        }
        if (e != ERR_NOT_FOUND)
            return e;
    }
    return e;
}

/* ---- the kind ---- */

static bool recognise(const struct kind_facts *f, const struct kind_keys *keys)
{
    return keys->smart_tap && (f->sak & 0x20) && kind_random_uid(f);
}

/* 90 ins 00 00 Lc message 00 */
static enum card_next send_message(struct kind_op *op, uint8_t ins, struct bytes message)
{
    uint8_t frame[KIND_FRAME_MAX] = {0x90, ins, 0x00, 0x00, (uint8_t)message.size};
    if (message.size == 0)
        return kind_send(op, frame, 5);
    assert(message.size <= 255);
    memcpy(frame + 5, message.data, message.size);
    return kind_send(op, frame, 6 + message.size);
}

static enum card_next negotiate(struct kind_op *op, struct bytes data)
{
    struct kind_smart_tap *s = &op->u.smart_tap;
    const struct smart_tap_keys *keys = op->keys->smart_tap;
    const uint8_t *nonce = op->random, *ephemeral = op->random + NONCE_SIZE;
    uint8_t to_sign[SMART_TAP_SIGNED_SIZE], hash[MBED_HASH_SIZE], room[255];
    struct ndef_record mdn;
    struct errmsg why = {""};
    if (data.size < 4 || ndef_find(&mdn, bytes_of(data.data + 4, data.size - 4), "mdn") ||
        mdn.payload.size != 1 + NONCE_SIZE) /* behind the two versions */
        return kind_fail(op, CARD_NOT_OURS, "no Smart Tap");
    memcpy(s->device_nonce, mdn.payload.data + 1, NONCE_SIZE);
    memcpy(s->session, op->random + 2 * NONCE_SIZE, sizeof s->session);
    enum err e = mbed_p256_public(s->reader_public, ephemeral, &why);
    smart_tap_to_sign(to_sign, nonce, s->device_nonce, keys->collector, s->reader_public);
    mbed_sha256(hash, bytes_of(to_sign, sizeof to_sign));
    struct buf signature = BUF_ON(s->signature), message = BUF_ON(room);
    if (!e)
        e = mbed_p256_sign(&signature, keys->private_key, hash, &why);
    if (e)
        return kind_fail(op, CARD_BAD_ANSWER, "%s", why.text);
    s->signature_size = signature.size;
    struct smart_tap_session session = {.sequence = 0};
    memcpy(session.id, s->session, sizeof session.id);
    smart_tap_put_negotiate(&message, &session, nonce, s->reader_public, keys, buf_bytes(&signature));
    return send_message(op, 0x53, buf_bytes(&message));
}

/* Is it of this session, and the next in it? */
static bool take_session(struct kind_smart_tap *s, struct bytes message)
{
    struct ndef_record ses;
    if (ndef_find(&ses, message, "ses") || ses.payload.size != 10 ||
        memcmp(ses.payload.data, s->session, sizeof s->session) != 0 ||
        ses.payload.data[8] != s->sequence + 1)
        return false;
    s->sequence++;
    return true;
}

static enum card_next get_data(struct kind_op *op, struct bytes data)
{
    struct kind_smart_tap *s = &op->u.smart_tap;
    const struct smart_tap_keys *keys = op->keys->smart_tap;
    uint8_t to_sign[SMART_TAP_SIGNED_SIZE], room[160];
    struct ndef_record nrs, dpk;
    struct smart_tap_secrets secrets;
    struct errmsg why = {""};
    if (ndef_find(&nrs, data, "nrs") || !take_session(s, nrs.payload) ||
        ndef_find(&dpk, nrs.payload, "dpk") || dpk.payload.size != MBED_POINT_SIZE)
        return kind_fail(op, CARD_BAD_ANSWER, "the wallet's answer is no key");
    smart_tap_to_sign(to_sign, op->random, s->device_nonce, keys->collector, s->reader_public);
    if (smart_tap_derive(&secrets, op->random + NONCE_SIZE, dpk.payload.data,
                         bytes_of(to_sign, sizeof to_sign), bytes_of(s->signature, s->signature_size), &why))
        return kind_fail(op, CARD_BAD_ANSWER, "%s", why.text);
    memcpy(s->aes, secrets.aes, sizeof s->aes);
    memcpy(s->hmac, secrets.hmac, sizeof s->hmac);
    bytes_wipe(&secrets, sizeof secrets);
    struct smart_tap_session session = {.sequence = s->sequence};
    memcpy(session.id, s->session, sizeof session.id);
    struct buf message = BUF_ON(room);
    smart_tap_put_get_data(&message, &session, keys->collector, SMART_TAP_LOYALTY);
    return send_message(op, 0x50, buf_bytes(&message));
}

static enum card_next read_bundle(struct kind_op *op)
{
    struct kind_smart_tap *s = &op->u.smart_tap;
    uint8_t room[SMART_TAP_INFLATED_MAX];
    struct buf bundle = BUF_ON(room);
    struct smart_tap_secrets secrets;
    struct ndef_record srs, reb;
    struct bytes value;
    struct errmsg why = {""};
    memcpy(secrets.aes, s->aes, sizeof s->aes);
    memcpy(secrets.hmac, s->hmac, sizeof s->hmac);
    if (ndef_find(&srs, bytes_of(s->bundle, s->bundle_size), "srs") || !take_session(s, srs.payload) ||
        ndef_find(&reb, srs.payload, "reb"))
        return kind_fail(op, CARD_BAD_ANSWER, "the wallet's answer is no bundle");
    enum err e = smart_tap_open(&bundle, reb.payload, &secrets, &why);
    bytes_wipe(&secrets, sizeof secrets);
    if (e)
        return kind_fail(op, CARD_BAD_ANSWER, "%s", why.text);
    if (smart_tap_loyalty(&value, buf_bytes(&bundle)))
        return kind_fail(op, CARD_PHONE, "no pass of ours in this phone's wallet");
    if (value.size == 0 || value.size > KIND_NAME_MAX)
        return kind_fail(op, CARD_BAD_ANSWER, "a pass that says %zu bytes", value.size);
    return kind_done(op, MEANS_PASS, value, bytes_of(NULL, 0));
}

static enum card_next refused(struct kind_op *op, unsigned word)
{
    if (word == 0x9001)
        return kind_fail(op, CARD_PHONE, "no pass of ours in this phone's wallet");
    if (word == 0x9302 || word >> 8 == 0x92)
        return kind_fail(op, CARD_PHONE_LOCKED, "the wallet wants its owner first");
    return kind_fail(op, CARD_PHONE, "the wallet refused (%04x)", word);
}

static enum card_next step(struct kind_op *op, struct bytes answer)
{
    static const uint8_t select_smart_tap[] = {0x00, 0xa4, 0x04, 0x00, 0x09, 0xa0, 0x00, 0x00,
                                               0x04, 0x76, 0xd0, 0x00, 0x01, 0x11, 0x00};
    struct kind_smart_tap *s = &op->u.smart_tap;
    if (op->at == 0)
        return kind_send(op, select_smart_tap, sizeof select_smart_tap);
    if (answer.size < 2)
        return kind_fail(op, CARD_BAD_ANSWER, "an answer of %zu bytes", answer.size);
    unsigned word = (unsigned)answer.data[answer.size - 2] << 8 | answer.data[answer.size - 1];
    struct bytes data = bytes_of(answer.data, answer.size - 2);
    bool more = word == 0x9100 && op->at >= 3;
    if (word != 0x9000 && !more)
        return op->at == 1 ? kind_fail(op, CARD_NOT_OURS, "no Smart Tap") : refused(op, word);
    if (op->at == 1)
        return negotiate(op, data);
    if (op->at == 2)
        return get_data(op, data);
    if (data.size > sizeof s->bundle - s->bundle_size || (more && data.size == 0))
        return kind_fail(op, CARD_BAD_ANSWER, "the wallet's answer is too long, or has no end");
    memcpy(s->bundle + s->bundle_size, data.data, data.size);
    s->bundle_size += data.size;
    return more ? send_message(op, 0xc0, bytes_of(NULL, 0)) : read_bundle(op);
}

const struct kind_ops kind_smart_tap = {"Smart Tap", recognise, step};
