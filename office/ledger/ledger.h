/* ledger.h - what an entry does to the books: facts in, effects out.  Pure: books.c brings the facts from
 * the database and writes the effects; nothing here asks anybody for anything.
 *
 * Where the points of an announced card commit (an intent) are follows from two things that may become
 * known in any order: did the card do it (proof), and what did the till make of it (outcome).
 *
 *     debit:  proof \ outcome    none        rewarded     dropped (no reward was given)
 *             none, not done     card        card         card
 *             done               transit     redeemed     held
 *     load:   none: transit      not done: held           done: card
 *
 * A change of either moves the points from the old place to the new one, so nothing is booked twice
 * (I1) and the answer does not depend on the order of arrival.  Lots are touched when points become
 * redeemed.
 *
 * Points that are redeemed without a card are set aside first:
 *
 *     HOLD: held -> reserved     SALE: reserved -> redeemed, what it did not need -> held
 *                                CANCEL, RELEASE: reserved -> held
 *                                SALE after that: held -> redeemed, and a person looks at it
 *
 * A HOLD for a reward sets a piece of it aside too: given when the hold is taken, free again when it is let go, or when
 * all the points that paid it have come back.  For points of a card it is a HOLD of 0 points, and the SALE names it
 * beside its INTENT (txn.piece).
 *
 * Points earned wait until the pack's earn.vest_days are over, and so does what a replaced card held
 * (cards.replace_days): pending.  What is owed is paid first.  The run of the day makes them held.
 *
 *     SALE: issued -> pending    REFUND: what is taken back comes from pending of its sale first
 *     CARD: the old card -> pending    what a till that was cut off took off the old card: from there, else held
 *
 * Source of the rules: rules/rules.h; of the evidence: cardproto/card.h.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_LEDGER_H
#define PATRON_OFFICE_LEDGER_H

#include "base/txn.h"
#include "rules/rules.h"

enum ledger_account {
    ACCOUNT_HELD,     /* at head office, spendable after a load; negative: the next load takes off */
    ACCOUNT_CARD,     /* on the purse of a card */
    ACCOUNT_TRANSIT,  /* a load or a debit that is not settled */
    ACCOUNT_RESERVED, /* at head office, set aside for a sale */
    ACCOUNT_PENDING,  /* earned, or of a replaced card, and not to be spent yet.  To here an account is a place of a
                       * member's points */
    ACCOUNT_ISSUED,   /* where earned points come from: negative */
    ACCOUNT_REDEEMED,
    ACCOUNT_EXPIRED,
    ACCOUNT_CLAWED,
    ACCOUNT_ADJUSTED,
    ACCOUNT_MOVED, /* between members: its sum over all is 0 */
    ACCOUNTS
};
const char *ledger_account_text(enum ledger_account account); /* as in db/office.sql */

enum ledger_cause {
    CAUSE_EARN,
    CAUSE_REDEEM,
    CAUSE_RETURN,
    CAUSE_CLAW,
    CAUSE_EXPIRE,
    CAUSE_ADJUST,
    CAUSE_EXTEND,   /* a later end, by hand */
    CAUSE_ACTIVITY, /* a later end, by a purchase */
    CAUSE_MERGE,
    CAUSE_TRANSFER,
    CAUSE_OPENING,
    CAUSE_RERATE
};
const char *ledger_cause_text(enum ledger_cause cause);

enum ledger_proof { PROOF_NONE, PROOF_NOT_DONE, PROOF_DONE };
enum ledger_outcome { OUTCOME_NONE, OUTCOME_REWARDED, OUTCOME_DROPPED };
/* How it was proved.  The numbers are in the database. */
enum ledger_how {
    HOW_NONE,
    HOW_TILL = 1,    /* not done: the till saw that on the card */
    HOW_TMAC = 2,    /* done: Transaction MAC */
    HOW_RECORD = 3,  /* done: EV1 log record sent by the till */
    HOW_READING = 4, /* either: head office read the card itself */
    HOW_NAMED = 5,   /* done: the card's next transaction named it (EncTMRI) */
};

/* What had to be said about an entry, for a person to look at. */
#define LEDGER_ANSWERS(X)                                                                          \
    X(LEDGER_UNKNOWN_MEMBER, "the member is not known")                                            \
    X(LEDGER_UNKNOWN_CARD, "the card is not known")                                                \
    X(LEDGER_MEMBER_DIFFERS, "the card belongs to another member")                                 \
    X(LEDGER_CARD_NOT_ACTIVE, "redeemed from a card that is blocked or replaced")                  \
    X(LEDGER_PACK_UNKNOWN, "head office does not have the pack it was rated by")                   \
    X(LEDGER_PACK_EARLY, "the pack was not in force yet")                                          \
    X(LEDGER_TIER_NOT_HELD, "the member never held this tier")                                     \
    X(LEDGER_POINTS_DIFFER, "till and head office compute different points")                       \
    X(LEDGER_CLOCK_OFF, "the till's clock is off")                                                 \
    X(LEDGER_NO_INTENT, "the intent it names is not there")                                        \
    X(LEDGER_INTENT_DIFFERS, "the intent it names is of another card or amount")                   \
    X(LEDGER_OUTCOME_CHANGED, "the till had said otherwise before")                                \
    X(LEDGER_EVIDENCE_FAILS, "the card's evidence does not hold")                                  \
    X(LEDGER_COUNTER_TAKEN, "another entry has this transaction of the card")                      \
    X(LEDGER_REWARD_UNPROVEN, "a reward was given that the card did not pay")                      \
    X(LEDGER_DONE_AFTER_ALL, "said not done, but the card did it")                                 \
    X(LEDGER_NOT_A_SALE, "what it refunds is no sale")                                             \
    X(LEDGER_NOT_BOUGHT, "goods came back that are not left on the bill")                          \
    X(LEDGER_MEMBER_EXISTS, "the member is enrolled already")                                      \
    X(LEDGER_CARD_TAKEN, "the card belongs to another member")                                     \
    X(LEDGER_CARD_GONE, "a replaced card stays replaced")                                          \
    X(LEDGER_NO_HOLD, "the points it redeems were not set aside")                                  \
    X(LEDGER_HOLD_DIFFERS, "the points were set aside for another sale")                           \
    X(LEDGER_HOLD_RELEASED, "the points set aside had been let go before the sale came")           \
    X(LEDGER_HOLD_USED, "the points set aside had been redeemed before")                           \
    X(LEDGER_REDEEM_DIFFERS, "redeemed otherwise than the programme says")                         \
    X(LEDGER_UNCLAIMED, "nobody is known by what was shown")                                       \
    X(LEDGER_NOTHING_TO_CLAIM, "what it claims is somebody's, or not there")                       \
    X(LEDGER_GRANT_REFUSED, "more points were given than the programme lets a till give")          \
    X(LEDGER_NO_GRANT, "the points it takes back were not given, or are back already")             \
    X(LEDGER_MERGED_ALREADY, "the two numbers are one member already")                             \
    X(LEDGER_NO_MERGE, "what it undoes is no merge, or is undone already")                         \
    X(LEDGER_MERGED_SINCE, "the member was merged into another one since: that is undone first")   \
    X(LEDGER_NOT_THERE, "more points than are there to spend")                                     \
    X(LEDGER_ENDED_TOO_LONG, "they ended too long ago to be brought back")                          \
    X(LEDGER_NO_TIER, "the programme has no such tier")                                            \
    X(LEDGER_NO_REDEEM, "what it gives back was not redeemed, or is back already")                 \
    X(LEDGER_CANNOT_POST, "the numbers do not fit")

#define LEDGER_ANSWER_NAME(name, text) name,
enum ledger_answer { LEDGER_ANSWERS(LEDGER_ANSWER_NAME) LEDGER_ANSWER_COUNT };
#undef LEDGER_ANSWER_NAME
const char *ledger_answer_text(enum ledger_answer answer);

/* ---- the books as far as one entry touches them ---- */

struct ledger_member {
    bool known;
    member_id id;
    char tier[TXN_NAME_SIZE];
    int32_t short_since_day;
    int32_t enrolled_day;
    char hand_tier[TXN_NAME_SIZE]; /* given by hand: not below it to hand_until_day; "" = none */
    int32_t hand_until_day;
    struct points owed;
};

struct ledger_card {
    bool known;
    struct card_uid uid;
    member_id member; /* 0 = not bound */
    enum card_kind kind;
    enum card_status status;
    struct points purse;
    member_id owner; /* the number it was bound to: another one while that is merged */
};

struct ledger_intent {
    bool known;
    struct entry_id id;
    struct entry_id name; /* of its commit on the card: txn_commit_name; seq 0 = a load not known */
    bool load;
    struct card_uid card;
    struct points amount; /* debit: off the card, > 0; load: change of it */
    int64_t time_s;
    enum ledger_proof proof;
    enum ledger_outcome outcome;
    enum ledger_how how;
    int64_t sale_position; /* the SALE it belongs to, 0 = none yet */
};

/* Points set aside. */
struct ledger_hold {
    bool known;
    struct entry_id id;
    uint32_t terminal; /* the till it is for */
    member_id member, owner;
    struct points amount; /* 0: a piece of reward alone */
    char reward[TXN_NAME_SIZE];
    enum txn_means means;
    enum { HOLD_OPEN, HOLD_TAKEN, HOLD_RELEASED, HOLD_TAKEN_LATE } state; /* numbers are in the database */
};

/* Points a till gave. */
struct ledger_gift {
    bool known;
    int64_t position;
    member_id member, owner;
    struct points points, taken_back;
    int32_t lot_day;
};

/* Points that are pending until a day. */
struct ledger_vesting {
    bool known;
    int64_t position;     /* the SALE or CARD that made them so; 0 = this entry */
    int32_t n;            /* of it: 0 = the purchase's, 1 = of the CARD's own card, 2 = of the one it replaces */
    struct card_uid card; /* n > 0 */
    int32_t day;          /* its run makes them held */
    struct points left;
};

/* What had been earned before a purchase. */
struct ledger_before {
    struct points today, month; /* for the caps */
    int32_t stamp_count;        /* 0 of what the till knew: its entry says that itself */
    struct txn_stamp stamps[PACK_STAMPS_MAX]; /* of the pack it is rated by */
};

/* The purchase a refund speaks of; of a RETURN the REDEEM. */
struct ledger_sale {
    bool known;
    int64_t position;
    member_id member, owner;
    int32_t lot_day;
    char tier[TXN_NAME_SIZE]; /* it was posted with */
    struct points earned;
    struct ledger_before had_here, had; /* as the terminal knew, and as it was */
    struct money counted, counted_back;
    struct points redeemed, redeemed_back;
    struct points taken_back; /* by refunds, what they let go included */
    int32_t left[TXN_LINES_MAX];    /* quantity of each line still bought */
    int32_t left_here[TXN_LINES_MAX]; /* ... as far as the terminal of the refund knew */
    struct money given, given_here;   /* money given back without goods, likewise */
    struct lot_move taken[LOTS_MAX + 1]; /* by its redemption, in order */
    int32_t taken_count;
    struct points uncovered;
};

/* One entry and all that has to be known to post it. */
struct ledger_facts {
    const struct txn *t;
    int64_t received_s;
    int64_t clock_before_s;      /* event time of the terminal's entry before; 0 = first */
    const struct pack *pack;     /* t's (REFUND: its sale's) version; NULL = unknown */
    const struct pack *pack_now; /* in force on the day of the event; NULL = none */
    int32_t run_day;             /* last RUN; INT32_MIN = none yet */

    struct ledger_member member; /* the card's; t->member when the card is of nobody.  Of a merged number: who it is
                                  * now */
    member_id owner;             /* the number it came for, of the same person as member.id */
    member_id said;              /* who t->member is now */
    struct ledger_card card;     /* t->card */
    struct ledger_card other;    /* CARD: the one it replaces */
    struct lot *lots;            /* of the member, room for LOTS_MAX; used up by the posting */
    int32_t lot_count;

    struct ledger_intent intent; /* t->original; REFUND: not */
    struct ledger_hold hold;     /* t->piece; t->original of a RELEASE, and where txn_is_held */
    struct ledger_intent before; /* the intent that the evidence names as the one before */
    bool named;                  /* INTENT: an earlier arrival already named it as done */
    /* LOST: all fits, but the Transaction MAC was overwritten before anybody read it. */
    enum { EVIDENCE_NONE, EVIDENCE_GOOD, EVIDENCE_LOST, EVIDENCE_BAD } evidence;
    char evidence_why[160];
    struct entry_id evidence_before; /* as the card enciphered it; seq 0 = none */
    bool counter_taken;              /* the card's counter belongs to another entry */

    bool tier_ever;                  /* the member has held t->tier */
    struct ledger_before had_here, had; /* SALE: as the till knew, and as it is */
    struct tier_sums sums, sums_last_year; /* over the window that ends today, before this */
    int32_t today;                    /* newest day the member is known on, t's included */
    int32_t active_end;               /* SALE, EXPIRY_ACTIVITY: the end that the member's later purchases, known
                                       * already, have moved these points to; INT32_MIN = there are none */
    int32_t last_sale_day;            /* REFUND, RETURN: of the member's newest purchase; INT32_MIN = none */
    int64_t bills_on_day;             /* that counted, on the day of the event, before this */

    struct ledger_vesting vesting;   /* REFUND, RERATE: of the SALE */
    struct ledger_vesting of_card;   /* of card, when that is replaced */
    struct points due;               /* RUN: of all that vest by that day */

    const struct txn *original;      /* REFUND, RATING: the SALE; GRANT below 0: the GRANT; NULL = not there yet */
    struct ledger_sale sale;
    struct ledger_gift gift;
    bool original_is_other;          /* it is there, and of another kind */
    struct points given_today;       /* GRANT: by this till on that day, before this */
    member_id next_member;           /* JOIN: the number for a new member; 0 = there is none */
    bool unclaimed;                  /* CLAIM, GRANT below 0: t->original is nobody's still */
    bool run_done;                   /* RUN: that day had one */
};

/* ---- effects ---- */

enum { LEDGER_POSTINGS_MAX = 48, LEDGER_NOTES_MAX = 12, LEDGER_VESTS_MAX = 4, LEDGER_MOVES_MAX = 4 * (LOTS_MAX + 2) };

struct ledger_posting {
    enum ledger_account account;
    struct card_uid card; /* ACCOUNT_CARD */
    struct points amount; /* never 0 */
};

struct ledger_move {
    enum ledger_cause cause;
    bool debt;            /* owed speaks, else lot */
    struct lot_move lot;
    struct points owed;
};

struct ledger_note {
    enum ledger_answer answer;
    char detail[200];
};

struct ledger_effects {
    int32_t posting_count;
    struct ledger_posting postings[LEDGER_POSTINGS_MAX];
    int32_t move_count;
    struct ledger_move moves[LEDGER_MOVES_MAX];
    int32_t note_count;
    struct ledger_note notes[LEDGER_NOTES_MAX];

    bool new_intent;                 /* t is one */
    struct ledger_intent set[3];     /* intents with their new state */
    int32_t set_count;
    bool set_sale;                   /* the intent belongs to this SALE */
    struct {                         /* a redemption was posted by this entry, if points > 0 */
        int64_t sale_position;       /* 0 = of this very SALE */
        struct points points;
    } redeemed;

    bool hold_new;                   /* t is a HOLD that was posted */
    bool hold_set;                   /* in->hold has this new state */
    int hold_state;

    int32_t vest_count;
    struct ledger_vest {             /* left of it changes; one that is not known is new */
        struct ledger_vesting of;    /* as it is afterwards */
        struct points change;
    } vests[LEDGER_VESTS_MAX];
    bool vested;                     /* RUN: nothing of what was due is left */

    bool counter;                    /* evidence held: the card's counter is t's intent's */
    bool counter_before;             /* ... and the one before belongs to evidence_before */

    bool sale;                       /* a purchase to be kept */
    member_id sale_member;
    bool rated;
    struct points points_rated, earned;
    struct money counted;
    int32_t lot_day;
    uint32_t pack_version;
    char tier[TXN_NAME_SIZE];

    bool unclaimed;                  /* SALE, GRANT of nobody: kept until somebody is known by its card or token */
    bool claim;                      /* t->original is to be posted again, as t->member's */
    bool gift, gift_back;            /* a GRANT posted; into lot_day */
    bool rating;
    bool desk_taken, desk_back;      /* REDEEM, RETURN were posted */
    struct points rerated_back;      /* what refunds took back by the new rating, less what they had */
    bool rerated;                    /* in->sale has this earned, counted, counted_back, pack_version, why now */

    bool refund, waits;              /* a refund posted; kept until its original comes (GRANT, RATING too) */
    bool refund_rated;
    struct points clawed, let_go, points_back;
    struct money counted_back;
    struct money given;              /* without goods, as far as there was money left */
    int32_t return_count;
    struct rules_return returns[TXN_LINES_MAX];
    char why[RULES_WHY_SIZE];        /* of the sale or refund */

    struct { int64_t spend, points, bills; int32_t day; } metric; /* changes; all 0 = none */
    const struct pack *stamped;      /* whose stamps the next speak of; NULL = none changed */
    struct { int64_t collected, given; } stamps[PACK_STAMPS_MAX]; /* changes */
    bool hand_set;                   /* a tier given by hand: member.hand_tier, hand_until_day of the facts */
    bool tier_set;                   /* tier or short_since_day changed */
    bool tier_moved;
    char new_tier[TXN_NAME_SIZE];
    int32_t short_since_day;
    int32_t tier_day;
    char tier_why[RULES_WHY_SIZE];

    bool new_member;                 /* in->member.id; JOIN: in->next_member */
    bool card_set, other_set;        /* CARD: card and other have their new state below */
    struct ledger_card card, other;
    bool card_hot, other_hot;        /* tills have to know */

    struct lot_move scratch[LOTS_MAX + 2];
};

/* Post one entry.  RUN does nothing here but for the day: ledger_run does each member. */
void ledger_post(struct ledger_facts *in, struct ledger_effects *out);

/* The run of a day for one member: what is due is held, expiry, tier review.  Of in: pack_now, member, lots, due,
 * sums, sums_last_year; day = the day of the run. */
void ledger_run(struct ledger_facts *in, int32_t day, struct ledger_effects *out);

/* The member an entry is for, as far as its card and itself tell: 0 = nobody. */
member_id ledger_member_of(const struct txn *t, const struct ledger_card *card);

/* Where the points of an intent are. */
enum ledger_account ledger_place(bool load, enum ledger_proof proof, enum ledger_outcome outcome);

#endif
