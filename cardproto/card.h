/* card.h - what a till and head office do with a member card: issue, identify, debit, load, settle.
 *
 * Every operation is one struct card_op that is stepped: answer in, next frame out, no I/O.  The caller
 * carries the frames (a reader here, or the line between office and till), so the same code runs over a
 * wire, over the network and against a virtual card in a test.
 *
 *   card_X_start --> card_step(answer) --> CARD_SEND  send op->frame, step again with the answer
 *                                     \-> CARD_READY all is prepared, nothing committed: journal
 *                                     |              op->evidence, then card_commit
 *                                     \-> CARD_DONE  results are in op->seen, op->evidence, op->verdict
 *                                     \-> CARD_FAILED op->status, op->why say it; nothing was committed
 *   exchange failed  --> card_lost(op): true when the commit had been sent: in doubt
 *
 * When the commit's answer comes but is an error or does not verify, nobody knows either what the card
 * did: CARD_DONE with verdict COMMIT_DOUBT, to be treated like card_lost() == true.  A debit or load is
 * done only when verdict is COMMIT_DONE.
 *
 * Frames are ISO 7816 wrapped (90 cmd 00 00 Lc .. 00), at most 60 bytes out and 64 in: SPEC.md section 2.
 * A card that knows no EV2 session is talked to as EV1; SPEC.md section 1 says why that is no way around
 * the Transaction MAC.
 * Everything a card sends is checked for length, status and MAC before it is used.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_CARDPROTO_CARD_H
#define PATRON_CARDPROTO_CARD_H

#include "base/txn.h"
#include "cardproto/cipher.h"

#include <stdbool.h>

enum { CARD_FRAME_MAX = 64, CARD_ANSWER_MAX = 64, CARD_RANDOM_SIZE = 32, CARD_LOG_MAX = 8 };

/* The application and the class keys from which each card's own are made (AN10922). */
struct card_scheme {
    uint8_t aid[3];       /* as sent, least significant byte first */
    uint8_t key_version;
};
struct card_till_keys { /* what every till holds: it can read, debit and log, never credit */
    struct card_scheme scheme;
    struct aes_key k2;
};
struct card_office_keys { /* never leave head office (I5), but for k2 */
    struct card_scheme scheme;
    struct aes_key k0, k1, k2, k3, tmac;
};

/* What the profile on a card says: SPEC.md section 8. */
struct card_profile {
    member_id member;            /* 0 = not bound to a member yet */
    char tier[TXN_NAME_SIZE];
    int32_t tier_valid_day;      /* last day the till may trust tier */
    uint8_t flags;               /* CARD_FLAG_... */
    uint8_t layout;              /* CARD_LAYOUT */
};
enum { CARD_LAYOUT = 1, CARD_FLAG_BLOCKED = 1 };

/* A record of the card's log: SPEC.md section 10. */
struct card_record {
    struct entry_id entry;   /* the commit's name: txn_commit_name of its INTENT or LOAD_INTENT */
    int64_t time_s;
    char type;               /* 'D' debit, 'L' load, 'I' issue */
    int32_t amount;          /* change of the purse, negative for a debit */
    int32_t after;           /* the purse after it */
    uint32_t number;         /* of this commit on this card, from 1: the Transaction MAC counter after it;
                              * EV1: one more than the record before, SPEC.md section 10 */
};
void card_record_encode(uint8_t out[TXN_RECORD_SIZE], const struct card_record *record);
/* Errors: ERR_FORMAT. */
MUST_CHECK enum err card_record_decode(struct card_record *out, const uint8_t raw[TXN_RECORD_SIZE]);

struct card_seen {
    enum card_kind kind;
    struct card_uid uid;
    struct card_profile profile;
    int32_t purse;           /* points on the card */
    bool has_tmc;            /* identify does not read it */
    uint32_t tmc;            /* as the TMAC file says, after the last commit; EV1: number of the newest
                              * log record */
    uint8_t tmv[8];          /* EV2 */
    int32_t record_count;
    struct card_record records[CARD_LOG_MAX]; /* newest first; settle and load read them */
    uint8_t raw_records[CARD_LOG_MAX][TXN_RECORD_SIZE];
};

enum card_status_word { /* why an operation failed, for the one who asks what to do next */
    CARD_OK,
    CARD_NOT_OURS,       /* no application of ours: another shop's card, a bank card */
    CARD_BAD_KEY,        /* authentication failed: not issued by us, or another key version */
    CARD_BAD_ANSWER,     /* wrong length, status or MAC: a broken or hostile card */
    CARD_TOO_LITTLE,     /* purse below the amount */
    CARD_LIMIT,          /* above the purse's upper limit */
    CARD_LEFT,           /* it left before the commit: nothing happened; start over */
    CARD_ISSUED_ALREADY, /* issue: the application is there */
    CARD_NO_ROOM,
    CARD_PHONE,          /* a phone without our pass, or a card with another number at every tap */
    CARD_PHONE_LOCKED,   /* its pass wants the phone unlocked, or chosen, first */
};
const char *card_status_text(enum card_status_word s);

enum card_next { CARD_SEND, CARD_READY, CARD_DONE, CARD_FAILED };

struct card_op;   /* fixed size, defined in card_op.h; holds session keys until card_finish */
#include "cardproto/card_op.h"

/* random: CARD_RANDOM_SIZE fresh random bytes, used for the authentications of this operation.
 * keys, uid, evidence: copied where needed; nothing is kept.
 * entry, intent, previous are names of commits everywhere: txn_commit_name. */

/* Who is it, what is on the purse?  5 exchanges (EV1: 6).  The session stays open for a debit. */
void card_identify_start(struct card_op *op, const struct card_till_keys *keys,
                         const struct card_uid *uid, const uint8_t random[CARD_RANDOM_SIZE]);

/* Take amount (> 0) from the purse and log it as entry.  op is either just identified or settled, with
 * the card still in the field (the session goes on: 5 more exchanges), or zeroed or finished (it starts
 * over: 10).  Stops at CARD_READY.  CARD_LEFT: the session was gone, start over with a finished op. */
void card_debit_start(struct card_op *op, const struct card_till_keys *keys, const struct card_uid *uid,
                      const uint8_t random[CARD_RANDOM_SIZE], int32_t amount, struct entry_id entry,
                      int64_t time_s);

/* What became of an earlier INTENT or LOAD_INTENT (its evidence, as journalled)?  Ends CARD_DONE with
 * op->verdict COMMIT_DONE (op->evidence is then complete), COMMIT_NOT_DONE, or COMMIT_DOUBT (the log has
 * rolled over).  op->seen is complete too.  A debit may follow on the same op. */
void card_settle_start(struct card_op *op, const struct card_till_keys *keys,
                       const struct card_uid *uid, const uint8_t random[CARD_RANDOM_SIZE],
                       struct entry_id intent, const struct txn_evidence *evidence);

/* Head office, through a till: change the purse by delta (any sign, 0 allowed) and write the profile.
 * First reads: at CARD_READY op->seen is complete (purse, tmc, records) and the caller may still change
 * its mind: card_load_set decides delta, profile and entry, and stepping goes on to a second CARD_READY
 * with the evidence; then card_commit. */
void card_load_start(struct card_op *op, const struct card_office_keys *keys,
                     const struct card_uid *uid, const uint8_t random[CARD_RANDOM_SIZE]);
void card_load_set(struct card_op *op, int32_t delta, const struct card_profile *profile,
                   struct entry_id entry, int64_t time_s);

/* The same verdict as card_settle_start gives, from a reading that is there already (op->seen of a load
 * or settle).  COMMIT_DONE: *complete is the evidence with the counter and, when no later commit has
 * overwritten it, the Transaction MAC; else tmv is zeros.  complete may be evidence itself. */
enum txn_commit card_judge(const struct card_seen *seen, struct entry_id intent,
                           const struct txn_evidence *evidence, struct txn_evidence *complete);

/* Make a blank DESFire EV1, EV2 or EV3 (factory keys) a card of ours: application, keys, files, profile.
 * Runs to CARD_DONE without stopping.  Lost or failed at any exchange: start it again, an unfinished
 * application is deleted first; once finished the answer is CARD_ISSUED_ALREADY.  purse_limit: most
 * points the purse will ever take, > 0. */
void card_issue_start(struct card_op *op, const struct card_office_keys *keys,
                      const struct card_uid *uid, const uint8_t random[CARD_RANDOM_SIZE],
                      const struct card_profile *profile, int32_t purse_limit);

/* answer: what the card sent, empty at the first call. */
MUST_CHECK enum card_next card_step(struct card_op *op, struct bytes answer);
/* After CARD_READY: go on to the commit. */
void card_commit(struct card_op *op);
/* No answer came.  True = the commit had been sent: only a later reading tells.  Ends the operation.
 * An issue is never in doubt: start it again. */
MUST_CHECK bool card_lost(struct card_op *op);
/* Wipes keys; safe on a zeroed op, and twice. */
void card_finish(struct card_op *op);

/* Head office: is this evidence of a debit or load true, and does it say what the txn says?  Checks the
 * Transaction MAC, the amounts and the log record inside the MAC input, the reader id.  previous: the
 * commit that came before this one on the card, as the card itself enciphered it; zero at first, when a
 * foreign reader committed, and on EV1, where the record is all there is.
 * Errors: ERR_MAC; ERR_FORMAT (the evidence is of something else); ERR_NOT_FOUND: all fits, but a later
 * commit has overwritten the Transaction MAC (tmv is zeros), so it is only a till's word; with why. */
MUST_CHECK enum err card_evidence_check(const struct card_office_keys *keys, const struct card_uid *uid,
                                        struct entry_id entry, int32_t change,
                                        const struct txn_evidence *evidence, struct entry_id *previous,
                                        struct errmsg *why);

#endif
