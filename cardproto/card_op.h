/* card_op.h - the state of one operation on a card: plain memory of fixed size, made by card_X_start.
 * Included by card.h.  SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_CARDPROTO_CARD_OP_H
#define PATRON_CARDPROTO_CARD_OP_H

#include "cardproto/frame.h"
#include "cardproto/session.h"
#include "cardproto/tmac.h"

enum {
    CARD_BODY_MAX = 64,    /* longest command: ChangeKey and WriteRecord, 47 bytes with MAC */
    CARD_REPLY_MAX = 304,  /* longest answer: 8 log records and a MAC, 264 bytes */
    CARD_KEY_COUNT = 5,    /* K0..K3 and the Transaction MAC key of this card */
};

struct card_frame {
    uint8_t data[CARD_FRAME_MAX];
    size_t size;
};

enum card_plan { PLAN_NONE, PLAN_IDENTIFY, PLAN_DEBIT, PLAN_SETTLE, PLAN_LOAD, PLAN_ISSUE };

struct card_op {
    /* For the caller to read. */
    struct card_frame frame;      /* at CARD_SEND: what to send */
    struct card_seen seen;
    struct txn_evidence evidence; /* at CARD_READY: as an INTENT carries it; at CARD_DONE: complete */
    enum txn_commit verdict;
    enum card_status_word status; /* at CARD_FAILED, or DONE in doubt: the kind of failure ... */
    struct errmsg why;            /* ... and the sentence */

    /* Its own: card.c, card_steps.c, card_issue.c. */
    enum card_plan plan;
    uint8_t at;           /* index into the plan's steps */
    bool jumped;          /* at was set, do not step on */
    bool waiting;         /* a frame is out */
    bool paused;          /* stands at CARD_READY */
    bool ended;           /* DONE or FAILED */
    enum card_next end;
    bool resumed;         /* the session is an older one: an error now only means that the card left */
    bool commit_sent;
    bool cleaned;         /* issue: an unfinished application was deleted once */
    bool log_empty;       /* reading it ended the session once: not tried again */

    struct card_scheme scheme;
    struct aes_key keys[CARD_KEY_COUNT];
    uint8_t random[CARD_RANDOM_SIZE];
    uint32_t random_count;
    struct session session;
    struct session_auth auth;

    uint8_t body[CARD_BODY_MAX];
    uint8_t reply[CARD_REPLY_MAX];
    struct frame_chain chain;
    bool secure;          /* the answer carries a MAC or is enciphered */
    enum comm comm;
    size_t expected;      /* plain bytes the answer must have; SIZE_MAX: the step looks itself */

    int32_t change;       /* of the purse */
    int32_t purse_limit;
    struct entry_id entry;
    int64_t time_s;
    char type;
    struct card_profile profile; /* to be written */
    uint8_t reader[READER_ID_SIZE];
    bool is_set;          /* card_load_set was called */
    uint8_t raw_profile[32]; /* as read */
    struct txn_evidence asked; /* settle: the INTENT's */
};

/* What to send at CARD_SEND. */
static inline struct bytes card_frame(const struct card_op *op)
{
    return bytes_of(op->frame.data, op->frame.size);
}

#endif
