/* apple_vas.c - Apple VAS: one pass of one pass type, asked for by its hash.  SPEC.md section 18.
 *
 *   SELECT OSE.VAS.01 -> "ApplePay" --> GET DATA (pass type) -> cryptogram
 * SPDX-License-Identifier: Apache-2.0 */
#include "cardproto/apple_vas.h"

#include "base/mbed.h"
#include "cardproto/tlv.h"

#include <string.h>

enum {
    TAG_FCI = 0x6f,
    TAG_LABEL = 0x50,
    TAG_DATA = 0x70,
    TAG_CRYPTOGRAM = 0x9f27,
    SW_NO_PASS = 0x6a83,
    SW_LOCKED = 0x6287,
    SW_ACTION = 0x6984,
    X_AT = 4,
    CIPHER_AT = X_AT + MBED_P256_SIZE,
    GCM_TAG = 16,
    TIME_SIZE = 4
};
#define SECONDS_TO_2001 978307200

enum err vas_key_id(uint8_t id[4], const struct vas_keys *keys, struct errmsg *why)
{
    uint8_t point[MBED_POINT_SIZE], hash[MBED_HASH_SIZE];
    enum err e = mbed_p256_public(point, keys->private_key, why);
    if (e)
        return e;
    mbed_sha256(hash, bytes_of(point + 1, MBED_P256_SIZE));
    memcpy(id, hash, 4);
    return OK;
}

/* ANSI X9.63 with SHA-256, one block: shared || 00000001 || info. */
static void derive(uint8_t key[32], const uint8_t shared[MBED_P256_SIZE], const uint8_t pass_hash[32])
{
    static const char label[] = "\x0did-aes256-GCMApplePay encrypted VAS data";
    uint8_t room[MBED_P256_SIZE + 4 + sizeof label];
    struct buf b = BUF_ON(room);
    buf_put(&b, shared, MBED_P256_SIZE);
    buf_put(&b, "\0\0\0\1", 4);
    buf_put(&b, label, sizeof label - 1);
    mbed_sha256_two(key, buf_bytes(&b), bytes_of(pass_hash, 32));
    bytes_wipe(room, sizeof room);
}

enum err vas_open(struct vas_pass *out, struct bytes cryptogram, const struct vas_keys *keys,
                  struct errmsg *why)
{
    uint8_t id[4], point[MBED_POINT_SIZE] = {0x02}, shared[MBED_P256_SIZE], key[32];
    uint8_t plain[TIME_SIZE + VAS_VALUE_MAX];
    static const uint8_t iv[16];
    const uint8_t *c = cryptogram.data;
    if (cryptogram.size < CIPHER_AT + TIME_SIZE + GCM_TAG ||
        cryptogram.size > CIPHER_AT + sizeof plain + GCM_TAG)
        return err_set(why, ERR_FORMAT, "a pass of %zu bytes", cryptogram.size);
    enum err e = vas_key_id(id, keys, why);
    if (!e && memcmp(id, c, sizeof id) != 0)
        e = err_set(why, ERR_AUTH, "the pass is for another reader key");
    memcpy(point + 1, c + X_AT, MBED_P256_SIZE); /* the sign of Y does not matter for X of the product */
    if (!e)
        e = mbed_p256_ecdh(shared, keys->private_key, point, why);
    if (e)
        return e;
    size_t size = cryptogram.size - CIPHER_AT - GCM_TAG;
    derive(key, shared, keys->pass_hash);
    e = mbed_gcm_open(plain, key, bytes_of(iv, sizeof iv), bytes_of(c + CIPHER_AT, size),
                      c + CIPHER_AT + size, why);
    bytes_wipe(shared, sizeof shared);
    bytes_wipe(key, sizeof key);
    if (e)
        return e;
    uint32_t since = 0;
    for (int i = 0; i < TIME_SIZE; i++)
        since = since << 8 | plain[i];
    out->utc_s = SECONDS_TO_2001 + (int64_t)since;
    out->value_size = size - TIME_SIZE;
    memcpy(out->value, plain + TIME_SIZE, out->value_size);
    return OK;
}

/* ---- the kind ---- */

static bool recognise(const struct kind_facts *f, const struct kind_keys *keys)
{
    return keys->vas && (f->sak & 0x20) && kind_random_uid(f);
}

static enum card_next get_data(struct kind_op *op)
{
    static const uint8_t head[] = {0x80, 0xca, 0x01, 0x01, 0x2f, 0x9f, 0x22, 0x02, 0x01, 0x00, 0x9f, 0x25, 0x20};
    static const uint8_t vas_only[] = {0x9f, 0x26, 0x04, 0x00, 0x80, 0x00, 0x02, 0x00};
    uint8_t room[64];
    struct buf b = BUF_ON(room);
    buf_put(&b, head, sizeof head);
    buf_put(&b, op->keys->vas->pass_hash, 32);
    buf_put(&b, vas_only, sizeof vas_only);
    return kind_send(op, room, b.size);
}

/* A copy of what a phone sent before. */
static bool seen_before(struct vas_memory *m, struct bytes cryptogram)
{
    if (!m)
        return false;
    for (int i = 0; i < VAS_SEEN_MAX; i++)
        if (memcmp(m->x[i], cryptogram.data + X_AT, sizeof m->x[i]) == 0)
            return true;
    memcpy(m->x[m->next++ % VAS_SEEN_MAX], cryptogram.data + X_AT, sizeof m->x[0]);
    return false;
}

static enum card_next take_pass(struct kind_op *op, struct bytes data)
{
    struct bytes value, cryptogram;
    struct vas_pass pass;
    struct errmsg why = {""};
    if (tlv_find(&value, data, TAG_DATA) || tlv_find(&cryptogram, value, TAG_CRYPTOGRAM))
        return kind_fail(op, CARD_BAD_ANSWER, "the phone's answer holds no pass");
    enum err e = vas_open(&pass, cryptogram, op->keys->vas, &why);
    if (e)
        return kind_fail(op, e == ERR_AUTH ? CARD_BAD_KEY : CARD_BAD_ANSWER, "%s", why.text);
    int64_t late_s = op->utc_s - pass.utc_s;
    if (late_s > VAS_TIME_WINDOW_S || late_s < -VAS_TIME_WINDOW_S)
        return kind_fail(op, CARD_BAD_ANSWER, "the phone's pass is of another time than now");
    if (seen_before(op->keys->vas->memory, cryptogram))
        return kind_fail(op, CARD_BAD_ANSWER, "this pass was shown here before, byte for byte");
    if (pass.value_size == 0 || pass.value_size > KIND_NAME_MAX)
        return kind_fail(op, CARD_BAD_ANSWER, "a pass that says nothing");
    return kind_done(op, MEANS_PASS, bytes_of(pass.value, pass.value_size), bytes_of(NULL, 0));
}

static enum card_next step(struct kind_op *op, struct bytes answer)
{
    static const uint8_t select_vas[] = {0x00, 0xa4, 0x04, 0x00, 0x0a, 'O', 'S', 'E', '.',
                                         'V',  'A',  'S',  '.',  '0',  '1', 0x00};
    struct bytes data = {NULL, 0}, fci, label;
    bool good = op->at > 0 && kind_ok(answer, &data);
    switch (op->at) {
    case 0:
        return kind_send(op, select_vas, sizeof select_vas);
    case 1:
        if (!good || tlv_find(&fci, data, TAG_FCI) || tlv_find(&label, fci, TAG_LABEL) ||
            label.size != 8 || memcmp(label.data, "ApplePay", 8) != 0)
            return kind_fail(op, CARD_NOT_OURS, "no Apple wallet");
        return get_data(op);
    default:
        if (good)
            return take_pass(op, data);
        switch (answer.size == 2 ? answer.data[0] << 8 | answer.data[1] : 0) {
        case SW_NO_PASS:
            return kind_fail(op, CARD_PHONE, "no pass of ours in this phone's wallet");
        case SW_LOCKED:
        case SW_ACTION:
            return kind_fail(op, CARD_PHONE_LOCKED, "the wallet wants its owner first");
        default:
            return kind_fail(op, CARD_BAD_ANSWER, "the wallet refused to show its pass");
        }
    }
}

const struct kind_ops kind_apple_vas = {"Apple VAS", recognise, step};
