/* session.c - see session.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cardproto/session.h"

enum { CMD_AUTH_EV1 = 0xaa, CMD_AUTH_FIRST = 0x71 };

void session_auth_reply(struct session_auth *a, uint8_t cmd, const struct aes_key *key,
                        const uint8_t rnd_a[AUTH_RND_SIZE], const uint8_t enc_rnd_b[AUTH_RND_SIZE],
                        uint8_t reply[AUTH_REPLY_SIZE])
{
    a->cmd = cmd;
    if (cmd == CMD_AUTH_EV1)
        ev1_auth_reply(&a->ev1, key, rnd_a, enc_rnd_b, reply);
    else
        ev2_auth_reply(&a->ev2, key, rnd_a, enc_rnd_b, reply);
}

enum err session_auth_finish(struct session_auth *a, struct bytes answer, struct session *s)
{
    enum err e;
    if (a->cmd == CMD_AUTH_EV1)
        e = ev1_auth_finish(&a->ev1, answer, &s->ev1);
    else if (a->cmd == CMD_AUTH_FIRST)
        e = ev2_auth_finish_first(&a->ev2, answer, &s->ev2);
    else
        e = ev2_auth_finish_nonfirst(&a->ev2, answer, &s->ev2);
    if (!e)
        s->kind = a->cmd == CMD_AUTH_EV1 ? CARD_EV1 : CARD_EV2;
    bytes_wipe(a, sizeof *a);
    return e;
}

enum err session_command(struct session *s, uint8_t cmd, struct bytes header, struct bytes data,
                         enum comm file, struct buf *body)
{
    if (s->kind == CARD_EV2)
        return ev2_command(&s->ev2, cmd, header, data, file, body);
    /* EV1 sends a MAC with data only, and has nothing to encipher where there is none. */
    ev1_command(&s->ev1, cmd, header, data, data.size ? file : COMM_PLAIN, body);
    return OK;
}

enum err session_answer(struct session *s, uint8_t status, struct bytes raw, enum comm file,
                        size_t size, struct buf *plain)
{
    if (s->kind == CARD_EV2)
        return ev2_answer(&s->ev2, status, raw, file, plain);
    return ev1_answer(&s->ev1, status, raw, size ? file : COMM_MAC, size, plain);
}

enum err session_change_key(struct session *s, uint8_t key_no, const struct aes_key *new_key,
                            uint8_t version, const struct aes_key *old_key, struct buf *body)
{
    if (s->kind == CARD_EV2)
        return ev2_change_key(&s->ev2, key_no, new_key, version, old_key, body);
    ev1_change_key(&s->ev1, key_no, new_key, version, old_key, body);
    return OK;
}
