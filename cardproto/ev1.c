/* ev1.c - see ev1.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cardproto/ev1.h"

#include <assert.h>
#include <string.h>

enum { MAC_SENT = 8, CRC_SIZE = 4, ENCIPHERED_MAX = 384, CMD_CHANGE_KEY = 0xc4 };

static void rotate_left(uint8_t out[AUTH_RND_SIZE], const uint8_t in[AUTH_RND_SIZE])
{
    memcpy(out, in + 1, AUTH_RND_SIZE - 1);
    out[AUTH_RND_SIZE - 1] = in[0];
}

void ev1_auth_reply(struct ev1_auth *a, const struct aes_key *key,
                    const uint8_t rnd_a[AUTH_RND_SIZE], const uint8_t enc_rnd_b[AUTH_RND_SIZE],
                    uint8_t reply[AUTH_REPLY_SIZE])
{
    *a = (struct ev1_auth){.key = *key};
    memcpy(a->rnd_a, rnd_a, AUTH_RND_SIZE);
    aes_cbc_decrypt(key, a->iv, a->rnd_b, enc_rnd_b, AUTH_RND_SIZE);
    memcpy(reply, rnd_a, AUTH_RND_SIZE);
    rotate_left(reply + AUTH_RND_SIZE, a->rnd_b);
    aes_cbc_encrypt(key, a->iv, reply, reply, AUTH_REPLY_SIZE);
}

enum err ev1_auth_finish(struct ev1_auth *a, struct bytes answer, struct ev1_session *session)
{
    uint8_t got[AUTH_RND_SIZE], want[AUTH_RND_SIZE];
    if (answer.size != AUTH_RND_SIZE)
        return ERR_AUTH;
    aes_cbc_decrypt(&a->key, a->iv, got, answer.data, AUTH_RND_SIZE);
    rotate_left(want, a->rnd_a);
    if (!bytes_equal_const_time(got, want, sizeof got))
        return ERR_AUTH;
    memset(session, 0, sizeof *session);
    memcpy(session->key.b, a->rnd_a, 4);
    memcpy(session->key.b + 4, a->rnd_b, 4);
    memcpy(session->key.b + 8, a->rnd_a + 12, 4);
    memcpy(session->key.b + 12, a->rnd_b + 12, 4);
    return OK;
}

/* CMAC over cmd || header || data (or data || status): the chain's next value. */
static void chain_mac(struct ev1_session *s, const uint8_t *first, struct bytes a, struct bytes b,
                      const uint8_t *last)
{
    uint8_t raw[ENCIPHERED_MAX];
    struct buf m = BUF_ON(raw);
    if (first)
        buf_put_u8(&m, *first);
    buf_put(&m, a.data, a.size);
    buf_put(&m, b.data, b.size);
    if (last)
        buf_put_u8(&m, *last);
    assert(!m.full);
    aes_cmac(&s->key, s->iv, buf_bytes(&m), s->iv);
    bytes_wipe(raw, sizeof raw);
}

/* Zero-pad, encipher, append. */
static void put_enciphered(struct ev1_session *s, struct buf *plain, struct buf *body)
{
    while (plain->size % AES_BLOCK)
        buf_put_u8(plain, 0);
    assert(!plain->full);
    aes_cbc_encrypt(&s->key, s->iv, plain->data, plain->data, plain->size);
    buf_put(body, plain->data, plain->size);
}

void ev1_command(struct ev1_session *s, uint8_t cmd, struct bytes header, struct bytes data,
                 enum comm mode, struct buf *body)
{
    buf_put(body, header.data, header.size);
    if (mode != COMM_FULL) {
        chain_mac(s, &cmd, header, data, NULL);
        buf_put(body, data.data, data.size);
        if (mode == COMM_MAC)
            buf_put(body, s->iv, MAC_SENT);
        return;
    }
    uint8_t raw[ENCIPHERED_MAX];
    struct buf plain = BUF_ON(raw);
    uint32_t crc = crc32_desfire(0xffffffff, bytes_of(&cmd, 1));
    crc = crc32_desfire(crc, header);
    crc = crc32_desfire(crc, data);
    buf_put(&plain, data.data, data.size);
    buf_put_le(&plain, crc, CRC_SIZE);
    put_enciphered(s, &plain, body);
    bytes_wipe(raw, sizeof raw);
}

static enum err answer_enciphered(struct ev1_session *s, uint8_t status, struct bytes raw,
                                  size_t size, struct buf *plain)
{
    uint8_t data[ENCIPHERED_MAX];
    size_t padded = (size + CRC_SIZE + AES_BLOCK - 1) / AES_BLOCK * AES_BLOCK;
    if (raw.size != padded)
        return ERR_FORMAT;
    if (padded > sizeof data)
        return ERR_FULL;
    aes_cbc_decrypt(&s->key, s->iv, data, raw.data, raw.size);
    uint32_t crc = crc32_desfire(0xffffffff, bytes_of(data, size));
    crc = crc32_desfire(crc, bytes_of(&status, 1));
    uint32_t wrong = crc ^ (uint32_t)get_le(data + size, CRC_SIZE);
    for (size_t i = size + CRC_SIZE; i < padded; i++)
        wrong |= data[i];
    if (!wrong)
        buf_put(plain, data, size);
    bytes_wipe(data, sizeof data);
    if (wrong)
        return ERR_MAC;
    return plain->full ? ERR_FULL : OK;
}

enum err ev1_answer(struct ev1_session *s, uint8_t status, struct bytes raw, enum comm mode,
                    size_t size, struct buf *plain)
{
    if (mode == COMM_FULL)
        return answer_enciphered(s, status, raw, size, plain);
    if (raw.size < MAC_SENT)
        return ERR_FORMAT;
    struct bytes data = bytes_of(raw.data, raw.size - MAC_SENT);
    if (data.size >= ENCIPHERED_MAX)
        return ERR_FULL;
    chain_mac(s, NULL, data, bytes_of(NULL, 0), &status);
    if (!bytes_equal_const_time(s->iv, raw.data + data.size, MAC_SENT))
        return ERR_MAC;
    buf_put(plain, data.data, data.size);
    return plain->full ? ERR_FULL : OK;
}

void ev1_change_key(struct ev1_session *s, uint8_t key_no, const struct aes_key *new_key,
                    uint8_t version, const struct aes_key *old_key, struct buf *body)
{
    uint8_t raw[48];
    const uint8_t head[] = {CMD_CHANGE_KEY, key_no};
    struct buf plain = BUF_ON(raw);
    buf_put(&plain, new_key->b, AES_KEY_SIZE);
    for (int i = 0; old_key && i < AES_KEY_SIZE; i++)
        raw[i] ^= old_key->b[i];
    buf_put_u8(&plain, version);
    uint32_t crc = crc32_desfire(0xffffffff, bytes_of(head, sizeof head));
    buf_put_le(&plain, crc32_desfire(crc, buf_bytes(&plain)), CRC_SIZE);
    if (old_key) {
        crc = crc32_desfire(0xffffffff, bytes_of(new_key->b, AES_KEY_SIZE));
        buf_put_le(&plain, crc, CRC_SIZE);
    }
    buf_put_u8(body, key_no);
    put_enciphered(s, &plain, body);
    bytes_wipe(raw, sizeof raw);
}
