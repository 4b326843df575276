/* card_int.h - how an operation on a card is put together, for card.c, card_steps.c and card_issue.c only:
 * a plan is a list of steps; a step is one command, or a thought between two.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_CARDPROTO_CARD_INT_H
#define PATRON_CARDPROTO_CARD_INT_H

#include "cardproto/card.h"
#include "cardproto/layout.h"

enum {
    CMD_SELECT = 0x5a,
    CMD_VERSION = 0x60,
    CMD_CREATE_APPLICATION = 0xca,
    CMD_DELETE_APPLICATION = 0xda,
    CMD_AUTH_EV1 = 0xaa,
    CMD_AUTH_FIRST = 0x71,
    CMD_AUTH_NONFIRST = 0x77,
    CMD_MORE = 0xaf,
    CMD_READ = 0xbd,
    CMD_WRITE = 0x3d,
    CMD_GET_VALUE = 0x6c,
    CMD_CREDIT = 0x0c,
    CMD_DEBIT = 0xdc,
    CMD_READ_RECORDS = 0xbb,
    CMD_WRITE_RECORD = 0x3b,
    CMD_READER_ID = 0xc8,
    CMD_COMMIT = 0xc7,
};

enum step_id {
    END,
    READY,
    SELECT,
    AUTH,
    AUTH_REPLY,
    PROFILE,
    VALUE,
    COUNTER,
    LOG,
    PREPARE,
    CHANGE,
    RECORD,
    READER,
    CREDIT_AUTH,
    CREDIT_AUTH_REPLY,
    WRITE_PROFILE,
    COMMIT,
    VERDICT,
    /* of an issue alone */
    SELECT_PICC,
    VERSION,
    CREATE_APPLICATION,
    BLANK_AUTH,
    CREATE_MEMBER,
    WRITE_MEMBER,
    CREATE_PROFILE,
    CREATE_PURSE,
    CREATE_LOG,
    CREATE_TMAC,
    CHANGE_KEY_1,
    CHANGE_KEY_2,
    CHANGE_KEY_3,
    FIRST_COUNT,
    CHANGE_KEY_0,
    DELETE,
    CREATE_AGAIN,
    STEP_COUNT
};

/* Places in the plan of an issue that it jumps to; card.c holds the plans. */
enum { ISSUE_CREATE_AT = 2, ISSUE_CLEAN_AT = 30 };

struct step {
    const char *doing;
    bool (*skip)(const struct card_op *op);
    void (*think)(struct card_op *op); /* no exchange; then send and take are NULL */
    void (*send)(struct card_op *op);
    void (*take)(struct card_op *op, struct bytes data);  /* length, status and MAC are good */
    bool (*refused)(struct card_op *op, unsigned status); /* true: it has dealt with the status */
};
/* By step_id; a step is in one of them. */
extern const struct step card_steps[STEP_COUNT];       /* card_steps.c: SELECT to VERDICT */
extern const struct step card_issue_steps[STEP_COUNT]; /* card_issue.c: the rest */

/* ---- ways out (card.c) ---- */

/* Before the commit went out a failure means that nothing happened; after it nobody knows (I4). */
void card_fail(struct card_op *op, enum card_status_word status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The next step is another than the one that follows. */
void card_jump(struct card_op *op, uint8_t to);

/* ---- ways of sending, and steps that others are made of (card_steps.c) ---- */

struct buf card_body(struct card_op *op); /* where parameters are put together */
void card_start_chain(struct card_op *op, uint8_t cmd, const struct buf *params);
void card_send_plain(struct card_op *op, uint8_t cmd, struct bytes params);
/* expected: plain bytes of the answer; SIZE_MAX: take looks itself. */
void card_send_secure(struct card_op *op, uint8_t cmd, struct bytes header, struct bytes data,
                      enum comm comm, size_t expected);
static const struct bytes card_nothing = {NULL, 0};
void card_take_nothing(struct card_op *op, struct bytes data);
void card_start_auth(struct card_op *op, uint8_t cmd, int key_no, const struct aes_key *key);
void card_take_auth(struct card_op *op, struct bytes data);
void card_send_write(struct card_op *op, uint8_t file, const uint8_t raw[PROFILE_SIZE]);
bool card_skip_ev1(const struct card_op *op);

/* ---- of an issue, where an authentication may be of one that broke off (card_issue.c) ---- */

bool card_refused_blank_auth(struct card_op *op, unsigned status);

#endif
