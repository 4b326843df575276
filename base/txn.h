/* txn.h - one change of points: made at a till or at head office, kept in a journal, carried by sync/,
 * posted in office/.  If you read one header, read this one.
 *
 * A txn is a fact and is never changed after it was written.  Everything else - balances, lots, tiers,
 * reports - is derived from the txns in the order head office took them (I7).  A till's txns are
 * journal entries with a gapless sequence; head office writes its own as terminal 0.
 *
 *   till     INTENT --+--> SALE      a purchase; earns; with an INTENT before it when a card is debited
 *                     +--> CANCEL    the purchase did not happen after an INTENT was written
 *                     +--> INTENT    the card showed the first was not done; tried again (supersedes)
 *            SETTLE                  later: a card reading shows what became of an INTENT left in doubt
 *                                    (a till's, or head office's own when it loads the card)
 *            REFUND                  goods came back, whole or in part; without lines: money alone
 *            GRANT                   points given by a person at the till, with a reason, or such a gift undone
 *            JOIN                    a card of ours that is nobody's gets a new, anonymous member
 *            RATING                  what the member thought of a sale
 *   office   MEMBER, CARD            enrolment; a card bound, blocked, replaced
 *            LOAD_INTENT -> LOAD     the purse of a card brought to what the ledger says
 *            ADJUST                  goodwill and corrections, with a reason
 *            RUN                     the day's run: expiry, tier review
 *            HOLD -> RELEASE         points of a member set aside for a sale at a till, without the card, or a piece of a
 *                                    reward of which there are only so many; the till's SALE takes them, CANCEL or the
 *                                    time that ran out lets them go
 *            CLAIM                   whose the SALE or GRANT is that came with a token nobody was known by; whose the SALE
 *                                    of nobody is, by its receipt
 *            MERGE, UNMERGE          two member numbers are one person, or were not after all
 *            TRANSFER                points of one member to another
 *            EXTEND                  points that end, or ended, from a day on are good until a later one
 *            OPENING                 what a member brought from the programme before
 *            TIER                    a tier given by hand
 *            REDEEM -> RETURN        a reward taken at head office, without a till; given back
 *            RERATE                  a SALE of the past rated by another pack, by order
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_BASE_TXN_H
#define PATRON_BASE_TXN_H

#include "base/amount.h"
#include "base/ids.h"

#include <stddef.h>
#include <stdint.h>

/* The numbers are on the wire and in stored entries: never reuse one. */
enum txn_kind {
    TXN_SALE = 1,
    TXN_INTENT = 2,
    TXN_CANCEL = 3,
    TXN_SETTLE = 4,
    TXN_REFUND = 5,
    TXN_GRANT = 6,
    TXN_JOIN = 7,
    TXN_RATING = 8,
    TXN_MEMBER = 16,
    TXN_CARD = 17,
    TXN_LOAD_INTENT = 18,
    TXN_LOAD = 19,
    TXN_ADJUST = 20,
    TXN_RUN = 21,
    TXN_HOLD = 22,
    TXN_RELEASE = 23,
    TXN_CLAIM = 24,
    TXN_MERGE = 25,
    TXN_UNMERGE = 26,
    TXN_TRANSFER = 27,
    TXN_EXTEND = 28,
    TXN_OPENING = 29,
    TXN_TIER = 30,
    TXN_REDEEM = 31,
    TXN_RETURN = 32,
    TXN_RERATE = 33,
};

/* How a member was known at the till.  What each may do is in docs/till.md. */
enum txn_means {
    MEANS_NONE = 0,     /* nobody, or an entry where it does not matter */
    MEANS_CARD = 1,     /* a full member card, authenticated */
    MEANS_SUN = 2,      /* NTAG 424 DNA with a secure dynamic message: proves that it is there */
    MEANS_TAG = 3,      /* NTAG21x with our NDEF text: may be copied */
    MEANS_UID = 4,      /* any tag, by its UID alone: may be copied */
    MEANS_CODE = 5,     /* the member page's short-lived signed code, as a barcode or typed */
    MEANS_PHONE = 6,    /* telephone number, typed */
    MEANS_PASS = 7,     /* a pass in a phone's wallet (Apple VAS, Google Smart Tap) */
    MEANS_REGISTER = 8, /* the cash register named the member */
};

/* What is known of a card's commit. */
enum txn_commit {
    COMMIT_NONE = 0,     /* no card commit belongs to this txn */
    COMMIT_DONE = 1,     /* the card did it; evidence is attached */
    COMMIT_NOT_DONE = 2, /* the card showed that it did not */
    COMMIT_DOUBT = 3,    /* sent, no answer: either */
};

enum card_kind {
    CARD_NONE = 0,
    CARD_EV1 = 1, /* AES, log record as evidence */
    CARD_EV2 = 2, /* EV2, EV3, Light: Transaction MAC as evidence */
};

enum card_status {
    CARD_ACTIVE = 1,
    CARD_BLOCKED = 2,  /* not to be used until unblocked */
    CARD_REPLACED = 3, /* for ever; what its purse held went to the member's held points */
};

enum {
    TXN_LINES_MAX = 512, /* the longest real invoice of a named customer in tests/data has 399 lines */
    TXN_SKU_SIZE = 20,   /* with the final 0 */
    TXN_NAME_SIZE = 16,  /* tier, category, shop codes, with the final 0 */
    TXN_REF_SIZE = 40,   /* the cash register's own reference, with the final 0 */
    TXN_REASON_SIZE = 80,
    TXN_TMI_MAX = 512, /* Transaction MAC input of our longest transaction: cardproto/SPEC.md */
    TXN_RECORD_SIZE = 32,
    TXN_TOKEN_SIZE = 16,
    TXN_RATING_MAX = 3,
    TXN_TENDERS_MAX = 6,
    TXN_COUPONS_MAX = 4,
    TXN_MARKS_MAX = 4,
    TXN_STAMPS_MAX = 8,
};

/* One line of a bill, as the register totals it: tax included, discounts taken off. */
struct txn_line {
    char sku[TXN_SKU_SIZE];
    char category[TXN_NAME_SIZE]; /* "" = none */
    int32_t quantity;             /* > 0; on a REFUND the quantity that came back */
    struct money amount;          /* of the whole line, >= 0 */
};

/* How a part of a bill was paid, other than with points. */
struct txn_tender {
    char code[TXN_NAME_SIZE]; /* the register's: "cash", "giftcard" */
    struct money amount;      /* > 0 */
};

/* A member's stamp card, as head office had it before a bill. */
struct txn_stamp {
    char name[TXN_NAME_SIZE]; /* of the pack's stamp */
    int64_t collected;        /* >= 0: stamps of all purchases, less what came back */
    int64_t given;            /* >= 0: how many full cards were rewarded */
};

/* What the card itself says about its commit (I4). */
struct txn_evidence {
    enum card_kind kind;            /* CARD_NONE = no evidence */
    uint32_t tmc;                   /* Transaction MAC counter (EV1: number of the log record); INTENT:
                                     * before, else after the commit */
    uint8_t tmv[8];                 /* EV2: Transaction MAC value; INTENT: zeros; zeros also when a later
                                     * commit had overwritten it before it was read */
    uint16_t tmi_size;              /* EV2: 0..TXN_TMI_MAX */
    uint8_t tmi[TXN_TMI_MAX];       /* EV2: exactly what went into the MAC, in the order sent */
    uint8_t record[TXN_RECORD_SIZE]; /* the log record of the same commit: cardproto/SPEC.md 10 */
    int32_t purse_before;           /* points on the card before the commit */
};

struct txn {
    enum txn_kind kind;
    struct entry_id id;
    int64_t time_s;            /* event time, shop-local; office keeps the receive time beside it */
    member_id member;          /* 0 = none */
    struct card_uid card;      /* zeros = none */
    char ref[TXN_REF_SIZE];    /* SALE, REFUND, INTENT, CANCEL: register's reference, "" = none.  HOLD: the
                                * till's own name for it */
    char shop[TXN_NAME_SIZE];  /* SALE, INTENT, REFUND */
    char tier[TXN_NAME_SIZE];  /* SALE, INTENT: tier the till used.  MEMBER: tier given at enrolment */
    uint32_t pack_version;     /* SALE, INTENT, REFUND, GRANT: the rules the till used (I6, I8) */

    /* SALE, INTENT: the bill.  REFUND: the lines that came back. */
    int32_t line_count;
    struct txn_line lines[TXN_LINES_MAX];
    struct money total; /* sum of the lines.  REFUND without lines: the money that was given back, > 0 */

    int32_t tender_count;       /* SALE, INTENT: as far as the till was told */
    struct txn_tender tenders[TXN_TENDERS_MAX]; /* together at most total - redeemed_value */
    int32_t coupon_count;       /* SALE, INTENT: e-coupons that were shown, each once; the part before '-' is the
                                 * campaign's */
    char coupons[TXN_COUPONS_MAX][TXN_NAME_SIZE];
    int32_t mark_count;         /* SALE, INTENT: what head office said of the member at the tap ("first",
                                 * "birthday", a segment), each once */
    char marks[TXN_MARKS_MAX][TXN_NAME_SIZE];
    int32_t stamp_count;        /* SALE, INTENT: what head office said at the tap of the member's stamp cards, each once */
    struct txn_stamp stamps[TXN_STAMPS_MAX];
    char reward[TXN_NAME_SIZE]; /* SALE, INTENT, HOLD, REDEEM: what the points are redeemed for, by the pack's
                                 * catalogue; "" = money off */

    struct points points;       /* SALE, INTENT: earned.  REFUND: clawed back (>= 0).  ADJUST,
                                 * LOAD_INTENT, LOAD, RERATE: change, may be negative.  TRANSFER, OPENING: > 0.  GRANT: given, or, when it names an earlier
                                 * GRANT, taken back again (negative) */
    struct points redeemed;     /* SALE, INTENT, CANCEL, SETTLE: points the card was to be debited, or that
                                 * head office held.  HOLD: points set aside; 0 = a piece of the reward alone, for points of a card.  REDEEM: of the reward.  REFUND, RETURN:
                                 * redeemed points that come back */
    struct money redeemed_value; /* SALE, INTENT: what they paid of total.  REFUND: of that, undone */

    struct entry_id original;   /* REFUND: the SALE.  SALE, CANCEL, SETTLE: their INTENT.  INTENT: the
                                 * one it supersedes, shown not done.  LOAD: its LOAD_INTENT.  SALE and CANCEL
                                 * with redeemed points and commit NONE, CANCEL of a piece alone, RELEASE: the HOLD.  RATING: the SALE.
                                 * GRANT below 0: the GRANT it takes back.  HOLD: (the till it is for, 0), (0, 0) =
                                * head office's own desk.
                                 * CLAIM: the SALE or GRANT of a till.
                                   * UNMERGE: the MERGE.  REDEEM: the HOLD, or none.  RETURN: the REDEEM.  RERATE:
                                   * the SALE */
    uint32_t piece;             /* SALE, INTENT, CANCEL of a card: head office's HOLD of a piece of the reward; 0 = none.
                                 * A SALE that does not give it, and a CANCEL, let it go */
    enum txn_commit commit;     /* SALE, CANCEL, SETTLE, LOAD */
    struct txn_evidence evidence; /* INTENT, LOAD_INTENT; SALE, SETTLE, LOAD when commit is DONE */

    enum card_kind card_kind;     /* CARD, JOIN */
    enum card_status card_status; /* CARD */
    struct card_uid replaces;     /* CARD: the old card, zeros = none */
    int32_t day;                  /* RUN: the day it is for.  EXTEND: the new last good day.  OPENING: the last good
                                   * day of the points, DAY_NEVER.  TIER: the last day it is held whatever the rules
                                   * say, DAY_NEVER */
    char reason[TXN_REASON_SIZE]; /* ADJUST, CARD, GRANT, MERGE to RERATE: why, for people; all but ADJUST and CARD
                                   * have one */
    uint32_t load;                /* LOAD_INTENT: number of the load, of no other one; may have gaps */

    /* Who was at the till, and how the member was known. */
    uint32_t cashier;                /* a till's: number of the person logged in; 0 = nobody, a register.  A
                                      * GRANT with neither was decided by a cash register */
    uint32_t approved_by;            /* a till's: the supervisor who allowed it; 0 = not asked for */
    enum txn_means means;            /* SALE, INTENT, GRANT, JOIN, HOLD */
    uint8_t token[TXN_TOKEN_SIZE];   /* SALE, GRANT: member is 0 and head office is to find who it is: digest
                                      * of what was shown (docs/till.md); zeros = none */
    int32_t rating;                  /* RATING: 1 satisfied, 2 satisfied and will return, 3 will recommend */
    int64_t until_s;                 /* HOLD: let go after this; later than its time */

    /* Head office's own. */
    member_id other;                 /* MERGE: the number that is no longer used, of the same person as member.
                                      * TRANSFER: to whom */
    int32_t from_day;                /* EXTEND: lots that end on or after this day, and before day */
    uint32_t user;                   /* who decided it: a user of the console; 0 = the program, or patronctl */
};

/* "sale", "load intent", ...; never NULL, "?" for a number that is no kind. */
const char *txn_kind_text(enum txn_kind kind);

bool txn_has_token(const struct txn *t);

/* Was it redeemed from what head office held?  A SALE, or the CANCEL of one, that names a HOLD (CANCEL: perhaps of a
 * piece alone). */
bool txn_is_held(const struct txn *t);

/* What this SALE really redeemed: what the card did, or head office held; not what failed or is in doubt. */
struct points txn_redeemed(const struct txn *t);

/* How a card names the commit of this INTENT or LOAD_INTENT, in its log and to whoever commits next: a
 * till's by its entry, head office's by (0, load).  The card has to be told before the LOAD_INTENT is
 * whole, and many cards are loaded at once, so which entry it will be nobody knows yet. */
struct entry_id txn_commit_name(const struct txn *t);

/* Is this txn well formed: kind known, strings terminated, counts and amounts in range, total the sum
 * of the lines, the fields its kind needs present?  Checked before one is journalled and again when
 * one arrives.  Errors: ERR_FORMAT, ERR_RANGE, with the field in why. */
MUST_CHECK enum err txn_check(const struct txn *t, struct errmsg *why);

#endif
