/* sale.h - one customer's sale: state and event in, effects out.  Pure: time, entry numbers and
 * what the journal or head office said arrive inside the event.
 *
 *                  line, tap, known                                 card failed | not written
 *                 +--------+                     give up, +------------------------------------+
 *   refund        v        |         total     redeem     v      ready             written     |
 *   +-------- IDLE, IDENTIFIED ----------> TOTALLED ---> PREPARING ---> INTENDING ---> COMMITTING
 *   |             ^   ^     ^   line, tap     |  ^ |                                    |       |
 *   |      cancel |   |     +-----------------+  | | give up | settled: not done        |       |
 *   |             |   |                       |  +-(-------- DOUBT <----------- lost ---+       |
 *   |             |   |                   pay |    | redeem,   |  ^ resume (restart)           |
 *   |             |   |  written (cancel)     |    v no card   |                          done |
 *   |             |   |                       |  HOLDING       | settled: done                 |
 *   |             |   |                       |    | held      v                               |
 *   +----------> CLOSING <--------------------+    +-------> DEBITED <-------------------------+
 *                 |  ^                                         |
 *         written |  +-----------------------------------------+ pay, cancel
 *                 v
 *                DONE --- line, tap, refund: a new sale begins
 *
 * Each arrow is taken by the function of its event: sale_who.c who taps, sale_bill.c the bill, sale_redeem.c from
 * redeem to DEBITED, sale.c the end, sale_refund.c goods and money that come back, sale_beside.c what is written
 * beside a sale and leaves it as it is (a gift, a join, a rating, a witness: through CLOSING and back).
 * HOLDING is redeeming without a full card: head office is asked to set points aside.  With a full card it is asked for a
 * piece of a reward of which there are only so many, and the card is debited after that: HOLDING goes on to PREPARING.
 * It is left to TOTALLED when head office refuses or the cashier gives up; no answer leaves it there, to ask again by
 * the same name.
 * A redemption alone (a bill that is nothing else) goes from IDENTIFIED, and from DEBITED on by itself.
 * What holds in each state:
 *  I1  a point is taken once: at most one INTENT of a sale is open, and a new one names the one it
 *      supersedes, which the card has shown not done.  A hold that was given up is never used.
 *  I2  the register's reference is answered once: the same again gets the first answer, other
 *      contents get SALE_CONFLICT, and nothing is written either time.
 *  I3  INTENDING comes before COMMITTING, CLOSING before DONE: the append is on disk before the
 *      card's commit is sent, and before anybody is told.  DEBITED is told before SALE is on disk:
 *      the INTENT is, and the card itself keeps the rest, so that a restart finds it (DOUBT, then
 *      settled); or head office keeps the hold, and lets it go by itself.
 *  I4  a SALE whose redeemed_value is above 0 carries the card's evidence, or names head office's hold.
 *  I5  no event raises a purse.
 *  I6  a SALE is rated with the pack, tier and time it names.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_SALE_H
#define PATRON_TERMINAL_SALE_H

#include "base/txn.h"
#include "cardproto/card.h"
#include "rules/rules.h"

enum sale_state {
    SALE_IDLE,       /* no card; there may be lines */
    SALE_IDENTIFIED, /* card known, bill open */
    SALE_TOTALLED,   /* bill closed; a redemption may be chosen */
    SALE_PREPARING,  /* the card's debit is being prepared; nothing is written or committed */
    SALE_INTENDING,  /* card at CARD_READY; the INTENT is being written */
    SALE_COMMITTING, /* INTENT on disk; the card's commit is sent */
    SALE_HOLDING,    /* head office is asked, or is to be asked again, to set points or a piece aside */
    SALE_DEBITED,    /* the card did it, or head office holds it; the rest of the bill is to be paid */
    SALE_DOUBT,      /* commit sent, no answer: the same card must be tapped again */
    SALE_CLOSING,    /* an entry other than an INTENT is being written */
    SALE_DONE,       /* confirmed; the next event begins a new sale */
    SALE_STATES
};
const char *sale_state_text(enum sale_state state); /* "idle", ... for status and traces */

enum sale_event_kind {
    SALE_TAP,          /* card identified: seen */
    SALE_TAP_REFUSED,  /* a card that is not one of ours: word */
    SALE_WRONG_CARD,   /* another card while the sale's own is wanted */
    SALE_KNOWN,        /* the member is known by something else than a full card: known_as */
    SALE_LINE,         /* line */
    SALE_LINE_OFF,     /* number: of the line that is taken off the bill */
    SALE_COUPON,       /* text: of an e-coupon that was shown */
    SALE_TOTAL,        /* money above 0: of a bill without lines */
    SALE_REDEEM,       /* points, money, all, or reward (and points: which step of a sliding one); alone,
                        * second_factor, name */
    SALE_PAY,          /* ref, known, tenders */
    SALE_WRITTEN,      /* the append asked for is on disk */
    SALE_NOT_WRITTEN,  /* it could not be written */
    SALE_CARD_READY,   /* evidence */
    SALE_CARD_DONE,    /* evidence, purse */
    SALE_CARD_FAILED,  /* word; the card did nothing */
    SALE_CARD_LOST,    /* no answer to the commit */
    SALE_SETTLED,      /* the card of the sale was read: verdict, evidence, purse */
    SALE_HELD,         /* head office set points, or a piece, aside: receipt (its HOLD), points, until_s */
    SALE_HOLD_REFUSED, /* it does not: text */
    SALE_HOLD_LOST,    /* it did not answer */
    SALE_GIVE_UP,      /* the card does not come, or not back, nor head office's answer: pay whole */
    SALE_CANCEL,
    SALE_REFUND,  /* receipt, original, left, pack_then, back or money or all, ref, known */
    SALE_RESUME,  /* at start: txn, an INTENT that is open in the journal */
    SALE_WITNESS, /* an earlier INTENT (txn) left in doubt was read off its card: verdict */
    SALE_GRANT,   /* points, text: to the member.  Or receipt, original, undone: taken back again */
    SALE_JOIN,    /* the unbound card tapped last gets a new member */
    SALE_RATE,    /* number 1..3, receipt (0 = of the sale just done) */
    SALE_PARK,    /* the bill was put aside (kept by the caller) */
    SALE_TAKE_UP, /* txn: a bill that was put aside */
    SALE_EVENTS
};
const char *sale_event_text(enum sale_event_kind kind);

/* A member known by something else than a full card. */
struct sale_known {
    enum txn_means means;
    member_id member;               /* 0 = head office is to find who it is, by token */
    uint8_t token[TXN_TOKEN_SIZE];  /* with member 0 */
    const char *tier;               /* NULL, "" = not known: the lowest */
    struct points spendable;        /* what a hold could take now; 0 when head office was not asked */
};

/* The world as the till knows it when an event happens.  All borrowed for the call. */
struct sale_facts {
    int64_t now_s;
    struct entry_id next;    /* the number the next journal entry will have */
    const struct pack *pack; /* in effect; the caller keeps it the same while a sale is open (I6).
                                  * NULL: none yet */
    const char *shop;
    bool online; /* head office answered at this tap */
    int32_t days_since_contact;
    /* of the card tapped, or of the sale's card: */
    enum card_status hot;  /* by the hot list; CARD_ACTIVE when not on it */
    struct points pending; /* earned: not yet at head office, or there and not to be spent yet */
    struct points held;    /* at head office, loaded at an online tap; 0 when offline */
    struct points earned_today, earned_month, offline_today;
    /* TAP, KNOWN: what head office says of the member now */
    const char (*marks)[TXN_NAME_SIZE];
    int32_t mark_count;
    const struct txn_stamp *stamps; /* of what head office has of this till, nothing is missing */
    int32_t stamp_count;
    /* TAP: of a card without a member on it: whose head office or this till's journal says it is */
    member_id card_member;
    const char *card_tier; /* NULL = not known.  Online also that of a member's card: the card says the tier as of
                            * its last load */
    bool joined;           /* it joined at this till, and no number is known yet */

    bool locked;       /* by head office: no points are given or taken here */
    bool clock_behind; /* the clock stands before what was written: days cannot be told */
    uint32_t cashier;  /* 0 = nobody */
    bool supervisor;   /* the cashier is one: approves what is asked */
    bool staffed;      /* head office has named who works here: limits hold */
    struct points granted_today;           /* by this till */
    struct points grant_limit, grant_left; /* of the cashier: in one gift, today */
    struct money refund_limit;             /* above it, and for other tills' receipts: approval */
};

struct sale_event {
    enum sale_event_kind kind;
    const struct sale_facts *facts; /* never NULL */

    /* by kind, see enum sale_event_kind; borrowed for the call */
    const struct card_seen *seen;
    enum card_status_word word;
    bool several; /* TAP_REFUSED, CARD_FAILED: more than one card lay there */
    bool absent;  /* CARD_FAILED: none came in time.  HOLD_REFUSED: head office was not asked, the line is cut */
    const struct txn_line *line;
    struct points points;
    struct money money;      /* TOTAL, REFUND; REDEEM: the fewest points whose worth covers it */
    bool all;                /* REDEEM: as much as is allowed.  REFUND: all that is left */
    bool alone;              /* REDEEM: it is the whole bill, and paid at once */
    bool second_factor;      /* REDEEM: the member's PIN goes to head office with the question */
    const char *name;        /* REDEEM without a card: a fresh name for the hold */
    uint32_t approved_by;    /* the supervisor who allows it; 0 = nobody was asked */
    const struct sale_known *known_as;
    const char *reward;      /* REDEEM: NULL or "" = money off */
    const struct txn_tender *tenders; /* PAY: how the rest is paid, as far as it is known */
    int32_t tender_count;
    const char *text;        /* GRANT: the reason.  COUPON: the code.  HOLD_REFUSED: head office's sentence */
    int32_t number;
    int64_t until_s;
    bool undone;             /* GRANT: it was taken back before.  RATE: the sale has a rating */
    const char *ref;         /* REDEEM, PAY, REFUND; NULL or "" = none */
    const struct txn *known; /* PAY, REFUND: the entry that closed this ref; NULL = none */
    const struct txn_evidence *evidence;
    int32_t purse; /* after */
    enum txn_commit verdict;
    const struct txn *txn; /* RESUME, WITNESS: the INTENT */

    struct entry_id receipt;      /* REFUND: the SALE it is about.  GRANT: the GRANT.  HELD: the HOLD */
    const struct txn *original;   /* that SALE or GRANT; NULL = not in this journal */
    const int32_t *left;          /* quantity of each of its lines after earlier refunds */
    struct money given;           /* money earlier refunds gave back without goods */
    const struct pack *pack_then; /* its rules; NULL = not held any more */
    struct points earned_before;  /* earned by this card that day before it, for cap_per_day */
    struct points month_before;   /* ... that month */
    const struct txn_line *back;
    int32_t back_count;
};

/* How an event was answered: code word for the register, and whether it is good news. */
#define SALE_ANSWER_LIST(X)                                                                        \
    X(SALE_OK, "OK")                                                                               \
    X(SALE_NOT_NOW, "STATE")        /* not possible in this state; say names what is */            \
    X(SALE_NO_PACK, "NO_PACK")      /* no programme was received yet */                            \
    X(SALE_BAD_LINE, "RANGE")       /* a line, amount or total out of range */                     \
    X(SALE_FULL, "FULL")            /* too many lines */                                           \
    X(SALE_EMPTY, "EMPTY")          /* no lines */                                                 \
    X(SALE_NO_CARD, "NO_CARD")      /* redeeming needs a card */                                   \
    X(SALE_FOREIGN_CARD, "FOREIGN") /* not one of ours */                                          \
    X(SALE_BAD_CARD, "CARD")        /* ours, but it answers wrongly */                             \
    X(SALE_TWO_CARDS, "TWO_CARDS")  /* more than one lies there */                                 \
    X(SALE_PHONE, "PHONE")          /* a phone, or a number that changes: nobody can be told */    \
    X(SALE_UNBOUND_CARD, "UNBOUND") /* ours, but nobody's yet */                                   \
    X(SALE_BLOCKED_CARD, "BLOCKED")                                                                \
    X(SALE_OTHER_CARD, "WRONG_CARD") /* not the card of this sale */                               \
    X(SALE_CARD_GONE, "GONE")        /* it left before anything was taken */                       \
    X(SALE_NO_REDEEM, "REFUSED")     /* the rules say no */                                        \
    X(SALE_IN_DOUBT, "DOUBT")        /* tap the same card again */                                 \
    X(SALE_UNSAVED, "IO")            /* the journal could not be written */                        \
    X(SALE_CONFLICT, "CONFLICT")     /* the reference is known with other contents */              \
    X(SALE_NOT_SOLD, "NOT_FOUND")    /* no such receipt, or not on it, or back already */          \
    X(SALE_NO_LINE, "NO_LINE")       /* head office alone can give it, and the line to it is cut */ \
    X(SALE_NO_ANSWER, "NO_ANSWER")   /* head office was asked and did not answer: ask again */     \
    X(SALE_NEEDS_APPROVAL, "NEEDS_APPROVAL") /* a supervisor has to allow it */                    \
    X(SALE_LOCKED, "LOCKED")         /* by head office: no points here */

#define SALE_ANSWER_ENUM(name, text) name,
enum sale_answer { SALE_ANSWER_LIST(SALE_ANSWER_ENUM) SALE_ANSWERS };
#undef SALE_ANSWER_ENUM
const char *sale_answer_code(enum sale_answer answer);

enum sale_card {
    SALE_CARD_KEEP,    /* nothing new */
    SALE_CARD_DEBIT,   /* debit amount of the sale's card as entry, up to CARD_READY */
    SALE_CARD_COMMIT,  /* card_commit */
    SALE_CARD_SETTLE,  /* read the sale's card, when it comes, for intent and its evidence */
    SALE_CARD_RELEASE, /* end whatever is going on */
};

/* What was decided, for the register and the receipt. */
struct sale_receipt {
    enum txn_kind kind;    /* SALE, REFUND, GRANT, JOIN, RATING */
    bool refund, repeated; /* repeated: the first answer, given again */
    struct entry_id entry; /* seq 0 = nothing to confirm */
    int64_t time_s;
    member_id member;
    bool known; /* it is a member's, though the number may be 0 here */
    char tier[TXN_NAME_SIZE];
    struct money total;
    struct money by_points; /* of total, paid with points (REFUND: gone back to points) */
    struct money due;       /* the rest: to be paid (REFUND: to be given back) in money */
    struct points earned;   /* REFUND: taken back.  GRANT: given, or below 0 */
    struct points redeemed; /* REFUND: given back */
    enum txn_commit commit;
};

/* To be carried out in this order: append, card, say, confirm.  After append the caller feeds
 * SALE_WRITTEN or SALE_NOT_WRITTEN before any other event. */
struct sale_effects {
    const struct txn *append; /* into the sale, valid until the next step; NULL = nothing */
    struct entry_id closes;   /* the INTENT that is no longer open after it */

    enum sale_card card;
    int32_t amount;        /* SALE_CARD_DEBIT */
    struct entry_id entry; /* SALE_CARD_DEBIT: the INTENT it will be */
    bool second_tap;       /* SALE_CARD_DEBIT: the card must be taken away first and come again */
    bool hold;             /* ask head office to set sale_asks of sale->wanted_reward aside, as sale->hold_name; the
                            * answer is SALE_HELD, _HOLD_REFUSED or _HOLD_LOST */

    bool answered; /* the command that led here has its answer: */
    enum sale_answer answer;
    struct errmsg say; /* what happened and what to do next; "" = nothing to say */
    struct sale_receipt confirm;
};

/* One fixed block; sale_init before the first step.  Read what you like, change nothing. */
struct sale {
    enum sale_state state;
    enum sale_state before; /* CLOSING: where to go back to when it cannot be written */

    /* who */
    enum txn_means means; /* MEANS_NONE = nobody */
    struct card_uid card; /* MEANS_CARD; zeros = none */
    member_id member;     /* 0 = not known here */
    uint8_t token[TXN_TOKEN_SIZE];
    enum card_kind card_kind;
    struct card_profile profile;
    char tier[TXN_NAME_SIZE]; /* the one that rates */
    int32_t purse;
    struct points spendable; /* without a card: what a hold could take */
    bool online;
    uint32_t times_known; /* so often was somebody known in this sale: the same card again counts */

    /* the last card that is nobody's: zeros = none */
    struct card_uid fresh;
    enum card_kind fresh_kind;

    /* what */
    struct points wanted; /* redemption chosen: points and what they pay */
    struct money wanted_value;
    char wanted_reward[TXN_NAME_SIZE]; /* what for; "" = money off */
    struct redeem_offer offer; /* as of the last total */
    struct earning earning;    /* as of the last total or redemption */

    /* the open INTENT of this sale; seq 0 = none */
    struct entry_id intent;
    enum txn_commit fate;         /* what is known of it */
    bool resumed;                 /* found open at start */
    struct txn_evidence evidence; /* INTENT's, then the card's answer */

    /* the hold of this sale, at head office; seq 0 = none (yet) */
    struct entry_id hold;
    char hold_name[TXN_REF_SIZE];
    int64_t hold_until_s;
    bool hold_asked;      /* HOLDING: the question is out */
    uint32_t approved_by; /* of the redemption */

    /* the piece of a reward that head office set aside for this card; seq 0 = none.  It goes with the SALE or CANCEL */
    struct entry_id piece;
    char piece_of[TXN_NAME_SIZE];
    int64_t piece_until_s;
    bool second_tap; /* HOLDING: the card has to be taken away before the debit */

    struct entry_id planned;   /* PREPARING, INTENDING: the number the INTENT will have */
    struct txn t;              /* the bill, and the INTENT or SALE made of it */
    struct txn other;          /* CANCEL, REFUND, SETTLE: the bill stays as it is meanwhile */
    const struct txn *writing; /* INTENDING, CLOSING: which of the two */
    struct sale_receipt last;  /* DONE: what was confirmed */
    bool rated;                /* DONE: it has its rating */
};

void sale_init(struct sale *s);

/* What could be redeemed of the member here and now, whatever the bill; and what else than purse, least and step
 * bounds it, as a sentence: NULL = nothing else.  facts->pack is there, and a member is known. */
const char *sale_spendable(const struct sale *s, const struct sale_facts *f, struct redeem_offer *out);

/* Advance one customer's sale.  Same state and event, same effects; asks nobody for anything. */
void sale_step(struct sale *s, const struct sale_event *in, struct sale_effects *out);

/* Which card is wanted now: none, any, or the sale's own (s->card), to debit or to settle. */
enum sale_want { SALE_WANT_ANY, SALE_WANT_DEBIT, SALE_WANT_SETTLE, SALE_WANT_NONE };
enum sale_want sale_wants(const struct sale *s);
/* Nothing of this sale would be missed: packs may change. */
bool sale_is_idle(const struct sale *s);
/* No INTENT of this sale is on disk, and something may be written beside it. */
bool sale_is_quiet(const struct sale *s);
/* The points that head office is asked to set aside: none for a piece that the card pays. */
struct points sale_asks(const struct sale *s);
/* There is a bill that may be put aside: as txn it is s->t, filled by sale_parked. */
bool sale_can_park(const struct sale *s);
/* The bill as a SALE that was not made (its number is that of the next entry): for SALE_TAKE_UP. */
void sale_parked(struct txn *out, const struct sale *s, const struct sale_facts *f);

/* Take an earlier refund off what is left of a bill's lines, or add it to the money given back without
 * goods.  Errors: ERR_CORRUPT (it does not fit). */
MUST_CHECK enum err sale_refunded(int32_t *left, struct money *given, const struct txn *original,
                                  const struct txn *refund, struct errmsg *why);

/* The receipt of a SALE or REFUND that was written. */
void sale_receipt_of(struct sale_receipt *out, const struct txn *t);

#endif
