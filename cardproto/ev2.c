/* ev2.c - see ev2.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cardproto/ev2.h"

#include <assert.h>
#include <string.h>

enum { MESSAGE_MAX = 400, CMD_CHANGE_KEY = 0xc4, CAP_SIZE = 6, FIRST_ANSWER_SIZE = 32 };

static const uint8_t zero_iv[AES_BLOCK];

static void rotate_left(uint8_t out[AUTH_RND_SIZE], const uint8_t in[AUTH_RND_SIZE])
{
    memcpy(out, in + 1, AUTH_RND_SIZE - 1);
    out[AUTH_RND_SIZE - 1] = in[0];
}

void ev2_auth_reply(struct ev2_auth *a, const struct aes_key *key,
                    const uint8_t rnd_a[AUTH_RND_SIZE], const uint8_t enc_rnd_b[AUTH_RND_SIZE],
                    uint8_t reply[AUTH_REPLY_SIZE])
{
    uint8_t iv[AES_BLOCK] = {0};
    *a = (struct ev2_auth){.key = *key};
    memcpy(a->rnd_a, rnd_a, AUTH_RND_SIZE);
    aes_cbc_decrypt(key, iv, a->rnd_b, enc_rnd_b, AUTH_RND_SIZE);
    memcpy(reply, rnd_a, AUTH_RND_SIZE);
    rotate_left(reply + AUTH_RND_SIZE, a->rnd_b);
    memset(iv, 0, sizeof iv);
    aes_cbc_encrypt(key, iv, reply, reply, AUTH_REPLY_SIZE);
}

void ev2_session_keys(const struct ev2_auth *a, struct ev2_session *session)
{
    uint8_t sv[32] = {0xa5, 0x5a, 0x00, 0x01, 0x00, 0x80};
    memcpy(sv + 6, a->rnd_a, 2);
    for (int i = 0; i < 6; i++)
        sv[8 + i] = (uint8_t)(a->rnd_a[2 + i] ^ a->rnd_b[i]);
    memcpy(sv + 14, a->rnd_b + 6, 10);
    memcpy(sv + 24, a->rnd_a + 8, 8);
    aes_cmac(&a->key, zero_iv, bytes_of(sv, sizeof sv), session->enc.b);
    sv[0] = 0x5a;
    sv[1] = 0xa5;
    aes_cmac(&a->key, zero_iv, bytes_of(sv, sizeof sv), session->mac.b);
    bytes_wipe(sv, sizeof sv);
}

static bool knows_rnd_a(const struct ev2_auth *a, const uint8_t *got)
{
    uint8_t want[AUTH_RND_SIZE];
    rotate_left(want, a->rnd_a);
    return bytes_equal_const_time(got, want, sizeof want);
}

enum err ev2_auth_finish_first(struct ev2_auth *a, struct bytes answer, struct ev2_session *session)
{
    uint8_t iv[AES_BLOCK] = {0}, plain[FIRST_ANSWER_SIZE];
    if (answer.size != sizeof plain)
        return ERR_AUTH;
    aes_cbc_decrypt(&a->key, iv, plain, answer.data, sizeof plain);
    /* TI 4, RndA' 16, the card's capabilities 6, ours as it took them 6: we send none. */
    static const uint8_t none[CAP_SIZE];
    bool knows = knows_rnd_a(a, plain + TI_SIZE);
    bool ok = knows && bytes_equal_const_time(plain + FIRST_ANSWER_SIZE - CAP_SIZE, none, CAP_SIZE);
    if (ok) {
        ev2_session_keys(a, session);
        memcpy(session->ti, plain, TI_SIZE);
        session->ctr = 0;
    }
    bytes_wipe(plain, sizeof plain);
    return ok ? OK : ERR_AUTH;
}

enum err ev2_auth_finish_nonfirst(struct ev2_auth *a, struct bytes answer,
                                  struct ev2_session *session)
{
    uint8_t iv[AES_BLOCK] = {0}, plain[AUTH_RND_SIZE];
    if (answer.size != sizeof plain)
        return ERR_AUTH;
    aes_cbc_decrypt(&a->key, iv, plain, answer.data, sizeof plain);
    if (!knows_rnd_a(a, plain))
        return ERR_AUTH;
    ev2_session_keys(a, session);
    return OK;
}

void ev2_iv(const struct ev2_session *s, bool answer, uint16_t ctr, uint8_t iv[AES_BLOCK])
{
    uint8_t plain[AES_BLOCK] = {answer ? 0x5a : 0xa5, answer ? 0xa5 : 0x5a};
    memcpy(plain + 2, s->ti, TI_SIZE);
    put_le(plain + 6, ctr, 2);
    memset(iv, 0, AES_BLOCK);
    aes_cbc_encrypt(&s->enc, iv, plain, plain, AES_BLOCK); /* one block: iv is now the result */
}

/* MACt over first || ctr || TI || header || data. */
static void message_mac(const struct ev2_session *s, uint8_t first, uint16_t ctr,
                        struct bytes header, struct bytes data, uint8_t mact[MACT_SIZE])
{
    uint8_t raw[MESSAGE_MAX];
    struct buf m = BUF_ON(raw);
    buf_put_u8(&m, first);
    buf_put_le(&m, ctr, 2);
    buf_put(&m, s->ti, TI_SIZE);
    buf_put(&m, header.data, header.size);
    buf_put(&m, data.data, data.size);
    assert(!m.full);
    aes_mact(&s->mac, buf_bytes(&m), mact);
    bytes_wipe(raw, sizeof raw);
}

enum err ev2_command(struct ev2_session *s, uint8_t cmd, struct bytes header, struct bytes data,
                     enum comm mode, struct buf *body)
{
    if (s->ctr > EV2_CTR_MAX)
        return ERR_STATE;
    uint8_t raw[MESSAGE_MAX], mact[MACT_SIZE];
    struct buf payload = BUF_ON(raw);
    buf_put(&payload, data.data, data.size);
    if (mode == COMM_FULL && data.size) {
        uint8_t iv[AES_BLOCK];
        buf_put_u8(&payload, 0x80);
        while (payload.size % AES_BLOCK)
            buf_put_u8(&payload, 0);
        assert(!payload.full);
        ev2_iv(s, false, s->ctr, iv);
        aes_cbc_encrypt(&s->enc, iv, raw, raw, payload.size);
    }
    assert(!payload.full);
    buf_put(body, header.data, header.size);
    buf_put(body, payload.data, payload.size);
    if (mode != COMM_PLAIN) {
        message_mac(s, cmd, s->ctr, header, buf_bytes(&payload), mact);
        buf_put(body, mact, sizeof mact);
    }
    bytes_wipe(raw, sizeof raw);
    return OK;
}

/* Takes 80 00.. off.  False when it is not there. */
static bool unpad(const uint8_t *data, size_t *size)
{
    size_t n = *size;
    while (n > 0 && data[n - 1] == 0)
        n--;
    if (n == 0 || data[n - 1] != 0x80 || *size - n >= AES_BLOCK)
        return false;
    *size = n - 1;
    return true;
}

enum err ev2_answer(struct ev2_session *s, uint8_t status, struct bytes raw, enum comm mode,
                    struct buf *plain)
{
    uint16_t ctr = ++s->ctr;
    if (mode == COMM_PLAIN) {
        buf_put(plain, raw.data, raw.size);
        return plain->full ? ERR_FULL : OK;
    }
    uint8_t mact[MACT_SIZE], data[MESSAGE_MAX], iv[AES_BLOCK];
    if (raw.size < MACT_SIZE)
        return ERR_FORMAT;
    size_t size = raw.size - MACT_SIZE;
    if (size > MESSAGE_MAX - 16)
        return ERR_FULL;
    message_mac(s, status, ctr, bytes_of(NULL, 0), bytes_of(raw.data, size), mact);
    if (!bytes_equal_const_time(mact, raw.data + size, MACT_SIZE))
        return ERR_MAC;
    if (mode == COMM_MAC || size == 0) {
        buf_put(plain, raw.data, size);
        return plain->full ? ERR_FULL : OK;
    }
    if (size % AES_BLOCK)
        return ERR_FORMAT;
    ev2_iv(s, true, ctr, iv);
    aes_cbc_decrypt(&s->enc, iv, data, raw.data, size);
    bool padded = unpad(data, &size);
    if (padded)
        buf_put(plain, data, size);
    bytes_wipe(data, sizeof data);
    if (!padded)
        return ERR_FORMAT;
    return plain->full ? ERR_FULL : OK;
}

enum err ev2_change_key(struct ev2_session *s, uint8_t key_no, const struct aes_key *new_key,
                        uint8_t version, const struct aes_key *old_key, struct buf *body)
{
    uint8_t raw[AES_KEY_SIZE + 1 + 4];
    struct buf plain = BUF_ON(raw);
    buf_put(&plain, new_key->b, AES_KEY_SIZE);
    for (int i = 0; old_key && i < AES_KEY_SIZE; i++)
        raw[i] ^= old_key->b[i];
    buf_put_u8(&plain, version);
    if (old_key)
        buf_put_le(&plain, crc32_desfire(0xffffffff, bytes_of(new_key->b, AES_KEY_SIZE)), 4);
    enum err e =
        ev2_command(s, CMD_CHANGE_KEY, bytes_of(&key_no, 1), buf_bytes(&plain), COMM_FULL, body);
    bytes_wipe(raw, sizeof raw);
    return e;
}
