/* ev2.h - the session of DESFire EV2, EV3 and Light after AuthenticateEV2First (71) or NonFirst (77):
 * a transaction identifier and a command counter in every MAC.  SPEC.md section 5.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_CARDPROTO_EV2_H
#define PATRON_CARDPROTO_EV2_H

#include "cardproto/ev1.h"

enum { TI_SIZE = 4, EV2_CTR_MAX = 0xfffe };

struct ev2_session {
    struct aes_key enc, mac;
    uint8_t ti[TI_SIZE];
    uint16_t ctr; /* of the next command */
};

/* A handshake between its two exchanges; everything has a zero IV. */
struct ev2_auth {
    struct aes_key key;
    uint8_t rnd_a[AUTH_RND_SIZE], rnd_b[AUTH_RND_SIZE];
};
void ev2_auth_reply(struct ev2_auth *a, const struct aes_key *key,
                    const uint8_t rnd_a[AUTH_RND_SIZE], const uint8_t enc_rnd_b[AUTH_RND_SIZE],
                    uint8_t reply[AUTH_REPLY_SIZE]);
/* First: answer has 32 bytes, the session is new.  NonFirst: 16 bytes, identifier and counter of session
 * carry on.  Errors: ERR_AUTH, the card does not know the key; session is then untouched. */
MUST_CHECK enum err ev2_auth_finish_first(struct ev2_auth *a, struct bytes answer,
                                          struct ev2_session *session);
MUST_CHECK enum err ev2_auth_finish_nonfirst(struct ev2_auth *a, struct bytes answer,
                                             struct ev2_session *session);
/* The keys alone, of session. */
void ev2_session_keys(const struct ev2_auth *a, struct ev2_session *session);
/* The IV of a command (answer false) or of an answer, whose counter is ctr. */
void ev2_iv(const struct ev2_session *s, bool answer, uint16_t ctr, uint8_t iv[AES_BLOCK]);

/* Append to body what goes out after the command byte.  Errors: ERR_STATE when the counter has run out:
 * authenticate anew. */
MUST_CHECK enum err ev2_command(struct ev2_session *s, uint8_t cmd, struct bytes header,
                                struct bytes data, enum comm mode, struct buf *body);
/* The answer to a command; the counter goes up, also when it is refused.  plain: appended.
 * Errors: ERR_MAC, ERR_FORMAT, ERR_FULL. */
MUST_CHECK enum err ev2_answer(struct ev2_session *s, uint8_t status, struct bytes raw, enum comm mode,
                               struct buf *plain);
/* ChangeKey (C4).  old_key: NULL when key_no is the key the session was opened with: the answer is then
 * bare and the session over. */
MUST_CHECK enum err ev2_change_key(struct ev2_session *s, uint8_t key_no, const struct aes_key *new_key,
                                   uint8_t version, const struct aes_key *old_key,
                                   struct buf *body);

#endif
