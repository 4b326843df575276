/* ev1.h - the session DESFire EV1 speaks after AuthenticateAES (AA): one initial vector that runs on through
 * every command and answer, CMAC over both, CRC32 inside what is enciphered.  SPEC.md section 4.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_CARDPROTO_EV1_H
#define PATRON_CARDPROTO_EV1_H

#include "cardproto/cipher.h"

/* How a file's data travels. */
enum comm { COMM_PLAIN, COMM_MAC, COMM_FULL };

enum { AUTH_RND_SIZE = 16, AUTH_REPLY_SIZE = 32 };

struct ev1_session {
    struct aes_key key;
    uint8_t iv[AES_BLOCK];
};

/* A handshake between its two exchanges. */
struct ev1_auth {
    struct aes_key key;
    uint8_t rnd_a[AUTH_RND_SIZE], rnd_b[AUTH_RND_SIZE], iv[AES_BLOCK];
};
/* enc_rnd_b: what the card sent; reply: what to send it. */
void ev1_auth_reply(struct ev1_auth *a, const struct aes_key *key,
                    const uint8_t rnd_a[AUTH_RND_SIZE], const uint8_t enc_rnd_b[AUTH_RND_SIZE],
                    uint8_t reply[AUTH_REPLY_SIZE]);
/* Errors: ERR_AUTH, the card does not know the key; session is then untouched. */
MUST_CHECK enum err ev1_auth_finish(struct ev1_auth *a, struct bytes answer,
                                    struct ev1_session *session);

/* Append to body what goes out after the command byte.  COMM_PLAIN: the MAC is computed for the chain
 * but not sent; COMM_MAC: it is sent; COMM_FULL: data is enciphered with its CRC. */
void ev1_command(struct ev1_session *s, uint8_t cmd, struct bytes header, struct bytes data,
                 enum comm mode, struct buf *body);
/* The answer to a command, status included in its MAC.  mode COMM_FULL: size plain bytes are expected
 * (the padding does not tell how many).  plain: appended.  Errors: ERR_MAC, ERR_FORMAT, ERR_FULL. */
MUST_CHECK enum err ev1_answer(struct ev1_session *s, uint8_t status, struct bytes raw, enum comm mode,
                               size_t size, struct buf *plain);
/* ChangeKey (C4).  old_key: NULL when key_no is the key the session was opened with: the answer is then
 * bare and the session over. */
void ev1_change_key(struct ev1_session *s, uint8_t key_no, const struct aes_key *new_key,
                    uint8_t version, const struct aes_key *old_key, struct buf *body);

#endif
