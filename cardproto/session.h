/* session.h - one authenticated conversation with a card, of either kind, so that an operation is written
 * once for both.  SPEC.md sections 4 and 5.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_CARDPROTO_SESSION_H
#define PATRON_CARDPROTO_SESSION_H

#include "base/txn.h"
#include "cardproto/ev1.h"
#include "cardproto/ev2.h"

struct session {
    enum card_kind kind; /* CARD_NONE = not authenticated */
    struct ev1_session ev1;
    struct ev2_session ev2;
};

/* A handshake, begun with the command byte AA, 71 or 77. */
struct session_auth {
    uint8_t cmd;
    struct ev1_auth ev1;
    struct ev2_auth ev2;
};
void session_auth_reply(struct session_auth *a, uint8_t cmd, const struct aes_key *key,
                        const uint8_t rnd_a[AUTH_RND_SIZE], const uint8_t enc_rnd_b[AUTH_RND_SIZE],
                        uint8_t reply[AUTH_REPLY_SIZE]);
/* Errors: ERR_AUTH, the card does not know the key.  Wipes a. */
MUST_CHECK enum err session_auth_finish(struct session_auth *a, struct bytes answer, struct session *s);

/* Append to body what goes out after cmd.  file: how the file's data travels.  On EV2 everything but
 * COMM_PLAIN carries a MAC; on EV1 only data that is written does.  Errors: ERR_STATE, counter run out. */
MUST_CHECK enum err session_command(struct session *s, uint8_t cmd, struct bytes header,
                                    struct bytes data, enum comm file, struct buf *body);
/* size: plain bytes expected, which EV1 must know.  plain: appended.  Errors: ERR_MAC, ERR_FORMAT,
 * ERR_FULL. */
MUST_CHECK enum err session_answer(struct session *s, uint8_t status, struct bytes raw, enum comm file,
                                   size_t size, struct buf *plain);
MUST_CHECK enum err session_change_key(struct session *s, uint8_t key_no,
                                       const struct aes_key *new_key, uint8_t version,
                                       const struct aes_key *old_key, struct buf *body);

#endif
