/* rules.h - what a purchase earns, what a member may redeem, what a refund takes back, when points end,
 * which tier follows.  Pure, linked by till and head office alike (I6): same facts and same pack give the
 * same answer.  Read rules_earn first; the others mirror it.  Source: docs/programme.md.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_RULES_RULES_H
#define PATRON_RULES_RULES_H

#include "rules/pack.h"

enum { RULES_WHY_SIZE = 160 };

/* The facts of a bill.  What is borrowed outlives it. */
struct bill {
    const struct txn_line *lines; /* borrowed */
    int32_t line_count;           /* 0..TXN_LINES_MAX */
    struct money paid_by_points;  /* part of the total paid with points, 0..total */
    int64_t time_s;
    const char *shop, *tier;      /* borrowed; an unknown tier counts as the lowest */
    struct points earned_today;   /* already earned on the bill's day, for cap_per_day; 0 when unknown */
    struct points earned_month;   /* ... in its month, today included, for cap_per_month */
    const struct txn_tender *tenders; /* borrowed; what was not paid with points, as far as it is known */
    int32_t tender_count;
    const char (*coupons)[TXN_NAME_SIZE], (*marks)[TXN_NAME_SIZE]; /* borrowed */
    int32_t coupon_count, mark_count;
    const struct txn_stamp *stamps; /* borrowed; before the bill; a stamp card that is not in it is not known: it gives nothing */
    int32_t stamp_count;
};

/* The bill of a SALE or INTENT, by what it says itself: nothing earned before.  Borrows from t. */
struct bill rules_bill(const struct txn *t);

struct earning {
    struct points points;     /* >= 0 */
    struct money counted;     /* of the bill, what earned: also the spend that counts for a tier */
    /* By the pack's stamps: what the bill adds to collected, and, where the card is known, to given. */
    struct { int64_t collected, given; } stamps[PACK_STAMPS_MAX];
    char why[RULES_WHY_SIZE]; /* one line for people: "20.00 GBP x 1/100 x 3/2 (double Friday) = 30" */
};

/* What the bill earns: base -> best multiplier (or all) -> bonus -> tier factor -> round once -> stamps -> caps.
 * Lines that a rule excludes earn nothing, no bonus and no stamp either.  A line of amount 0 earns its bonus only.
 * What was paid with points (unless pack->points_paid_earns) or by an excluded tender is spread over all lines
 * in proportion to their amounts, and each line counts for the rest.
 * Errors: ERR_RANGE (a negative amount, a quantity below 1, more paid than the total, overflow), out
 * untouched. */
MUST_CHECK enum err rules_earn(const struct pack *pack, const struct bill *bill, struct earning *out,
                               struct errmsg *why);

/* One line of the original bill that came back, now or earlier. */
struct rules_return {
    int32_t line;     /* index into the original bill */
    int32_t quantity; /* 1..what is left of that line */
};

/* Telescoping refund: clawed = earned(what was left before) - earned(what is left after), by the pack
 * of the original sale; never below 0, and over any split of a bill into returns it adds up to what the
 * bill earned.  original must be the facts of the sale, earned_today too.
 *
 * What is left is two things: left[i], the quantity of line i still bought, and given, the money given back
 * so far without goods, >= 0; both before this refund (in), and after it (out).  Now come back: goods
 * (returns), money without goods (amount, >= 0), or both, the goods first.  Of a line's amount, what came
 * back so far is in proportion to the quantity that came back so far, floor, so that the last unit carries
 * the rest.  Money without goods lies on all that is left in proportion, as a fraction, never rounded; goods
 * that come back are worth their whole price, as far as there is money left.  So the same left and given
 * is the same answer, whatever the order was.  Of redeemed points and of what they paid,
 * floor(x * money back so far / total) have returned so far. */
struct clawback {
    struct points clawed;       /* >= 0: to be taken back */
    struct points points_back;  /* >= 0: redeemed points that return to the member */
    struct money refund;        /* value of the goods that came back, and the money without goods */
    struct money points_value;  /* of that, the part that had been paid with points: not for the till
                                 * to pay out */
    struct money counted_back;  /* what no longer counts for the tier: earning.counted telescopes too */
    struct { int64_t collected, given; } stamps_back[PACK_STAMPS_MAX]; /* likewise, >= 0 */
    char why[RULES_WHY_SIZE];
};
/* Errors: ERR_RANGE (more came back than is left, bad index, a bad bill); out, left, given untouched. */
MUST_CHECK enum err rules_clawback(const struct pack *pack, const struct bill *original,
                                   struct points redeemed, int32_t *left, struct money *given,
                                   const struct rules_return *returns, int32_t return_count,
                                   struct money amount, struct clawback *out, struct errmsg *why);

/* The money of a bill that has not come back yet: the most that may be given back.  of_lines (NULL, or
 * line_count of them): how it lies on the lines, to the penny, for a receipt that lists them. */
struct money rules_money_left(const struct txn_line *lines, int32_t line_count, const int32_t *left,
                              struct money given, struct money *of_lines);

/* What of an original bill a list of returned lines means: match by sku, lines of the same price per
 * unit before others, later lines first.  Writes at most cap returns, each line once.
 * Errors: ERR_NOT_FOUND (never bought, or no longer there), ERR_FULL; *count untouched. */
MUST_CHECK enum err rules_match_returns(const struct txn_line *original, int32_t original_count,
                                        const int32_t *left, const struct txn_line *back,
                                        int32_t back_count, struct rules_return *out, int32_t cap,
                                        int32_t *count, struct errmsg *why);

/* ---- redeeming ---- */

enum redeem_answer {
    REDEEM_OK,
    REDEEM_NOTHING_HELD,     /* the purse is empty */
    REDEEM_BELOW_MINIMUM,
    REDEEM_NOT_A_STEP,
    REDEEM_ABOVE_BILL_SHARE,
    REDEEM_ABOVE_PURSE,
    REDEEM_OFFLINE_TAP_LIMIT,
    REDEEM_OFFLINE_DAY_LIMIT,
    REDEEM_OFFLINE_TOO_LONG, /* head office not reached for more than pack->offline_days */
    REDEEM_CARD_BLOCKED,
    REDEEM_NOT_OFFERED,      /* points are worth nothing in this programme */
    REDEEM_OFFLINE_NEVER,    /* pack->offline_days is 0 */
    /* Of rewards alone. */
    REDEEM_NO_REWARD,
    REDEEM_REWARD_DAY,       /* before from, after to */
    REDEEM_REWARD_TIER,
    REDEEM_REWARD_COUNTED,   /* stock or per_member, and head office cannot be asked */
    REDEEM_REWARD_ITEM,      /* not on the bill */
    REDEEM_REWARD_NOTHING,   /* it would pay nothing on this bill */
    REDEEM_ANSWERS
};
/* A sentence for the cashier. */
const char *redeem_answer_text(enum redeem_answer answer);

struct redeem_facts {
    struct money total;           /* of the bill */
    struct points purse;          /* what the card holds; without the card what head office would set aside */
    const char *tier;             /* borrowed */
    bool online, blocked;
    struct points offline_today;  /* by this card here, with the line cut, on this day */
    int32_t days_since_contact;
    bool alone;                   /* no bill is known: the share of it is not asked, total and lines are not read */
    /* For rewards. */
    const struct txn_line *lines; /* borrowed; of the bill */
    int32_t line_count;
    int32_t day;
    bool counted;                 /* head office sees to stock and per_member: it can be asked, or was */
};

/* The most that may be redeemed now (a multiple of the step), and why no more; 0 when nothing.  Every
 * multiple of the step from pack->redeem_min up to most may be redeemed. */
struct redeem_offer {
    struct points most;
    struct money most_value;
    enum redeem_answer limit; /* most 0: why nothing.  Else the offline limit that bounded it,
                               * REDEEM_OK when only the purse or the bill did */
};
void rules_redeem_offer(const struct pack *pack, const struct redeem_facts *facts,
                        struct redeem_offer *out);
/* May exactly these points be redeemed, and what do they pay? */
enum redeem_answer rules_redeem(const struct pack *pack, const struct redeem_facts *facts,
                                struct points points, struct money *value);

struct reward {
    const struct pack_reward *reward; /* into pack */
    struct points points;             /* its price for this tier, > 0 */
    struct money value;               /* what it pays of the bill, > 0; alone: 0 for percent and item */
};
/* The price of a reward for a tier; step: of a sliding one, else 0. */
struct points rules_reward_price(const struct pack *pack, const struct pack_reward *reward, int32_t step,
                                 const char *tier);
/* May this reward be taken, for how many points, and what does it pay?  points: which step of a sliding one, by
 * its price; 0: the largest that may be taken.  For others 0 or the price.  out is filled when REDEEM_OK. */
enum redeem_answer rules_reward(const struct pack *pack, const char *code, const struct redeem_facts *facts,
                                struct points points, struct reward *out);

/* ---- money off ---- */

struct rebate {
    struct money of_line[TXN_LINES_MAX]; /* 0..the line's amount */
    int32_t by[TXN_LINES_MAX];           /* index into pack->rebates; -1 = none */
    struct money total;                  /* of them: 0..the bill's total */
    char why[RULES_WHY_SIZE];            /* "2.00 GBP off: members 2.00"; "" = nothing is off */
};
/* What comes off each line for a member: the largest rate in scope, of equals the first; rounded down.
 * Errors: ERR_RANGE (a bad bill), out untouched. */
MUST_CHECK enum err rules_rebate(const struct pack *pack, const struct bill *bill, struct rebate *out,
                                 struct errmsg *why);

/* ---- stamps ---- */

/* A stamp card of the member. */
struct rules_stamp {
    char name[TXN_NAME_SIZE];
    int32_t every;        /* stamps that fill it */
    struct points points; /* that a full one gives */
    int64_t have;         /* on it before this bill; -1 = not known */
    int64_t now;          /* that this bill adds */
    int64_t full;         /* cards it fills; 0 where that is not promised */
};
enum { RULES_STAMP_SIZE = 120 };
/* "coffee: 7 of 10, 3 missing"; "" = nothing is known and nothing added. */
const char *rules_stamp_text(char out[RULES_STAMP_SIZE], const struct rules_stamp *s);

/* ---- ways of being known ---- */

enum means_answer {
    MEANS_MAY,
    MEANS_NOBODY,      /* nobody is identified */
    MEANS_ONLINE_ONLY, /* redeems while head office is reached only */
    MEANS_WANTS_FACTOR,
    MEANS_ANSWERS
};
/* A sentence for the cashier. */
const char *means_answer_text(enum means_answer answer);

/* May so many points be redeemed by somebody known like this?  points 0: may anything be earned?  factor: a
 * second thing was shown that belongs to the member - PIN, or for a full card the second tap - or a
 * supervisor has allowed it.  Till, head office and doors ask this one function (docs/till.md). */
enum means_answer rules_means_may(const struct pack *pack, enum txn_means means, bool online,
                                  struct points points, bool factor);

/* ---- goodwill ---- */

enum grant_answer {
    GRANT_OK,
    GRANT_NOT_HERE,   /* this programme lets no till give points */
    GRANT_NOTHING,    /* points below 1 */
    GRANT_ABOVE_GIFT,
    GRANT_ABOVE_DAY,
    GRANT_REGISTER,   /* a cash register may not decide points by itself */
    GRANT_ANSWERS
};
const char *grant_answer_text(enum grant_answer answer);

/* May a till give these points?  given_today: what it gave on this day before, what was taken back again
 * included.  by_register: no person decided. */
enum grant_answer rules_grant(const struct pack *pack, struct points points, struct points given_today,
                              bool by_register);

/* ---- time ---- */

/* The last day on which points earned on this day are good; DAY_NEVER.  enrolled_day: of the member, asked for
 * EXPIRY_ANNIVERSARY alone; DAY_NEVER = not known (then never).  EXPIRY_ACTIVITY: as if the day earned were that of
 * the last purchase. */
int32_t rules_expiry_day(const struct pack *pack, int32_t earned_day, int32_t enrolled_day);

/* What points pay when redeemed, rounded down; 0 when points are below 0. */
struct money rules_worth(const struct pack *pack, struct points points);

/* ---- tiers ---- */

struct tier_facts {
    const char *tier;       /* held now; borrowed; an unknown one counts as the lowest */
    int32_t short_since_day; /* first review day on which the keep threshold was missed; DAY_NEVER = not */
    int64_t metric;         /* rules_tier_metric over the pack's window, from rules_tier_window_start to today */
    int64_t metric_last_year; /* windows of a year: of the whole year before; keeps a tier, gives none */
    int32_t today;
    bool review;            /* a scheduled run: only then is a tier taken away */
};
struct tier_decision {
    const struct pack_tier *tier; /* into pack */
    int32_t short_since_day;      /* to be kept for the next decision */
    char why[RULES_WHY_SIZE];
};
/* First day of the window that ends on this day; INT32_MIN for WINDOW_LIFETIME.  enrolled_day: of the member's
 * enrolment, for WINDOW_ANNIVERSARY
 * (29 February: 1 March in other years); DAY_NEVER = not known, then 1 January. */
int32_t rules_tier_window_start(const struct pack *pack, int32_t enrolled_day, int32_t today);
/* Does the window begin anew each year, so that the year before keeps a tier too? */
bool rules_tier_by_year(const struct pack *pack);

/* What purchases less returns come to in some window. */
struct tier_sums {
    int64_t spend;  /* minor units that counted */
    int64_t points; /* earned by purchases */
    int64_t visits; /* days with a purchase that counted */
};
/* In the pack's metric; METRIC_MIX: each by its weight and rounded down (a sum below 0 counts 0), at most
 * INT64_MAX / 4 in all. */
int64_t rules_tier_metric(const struct pack *pack, const struct tier_sums *sums);
/* Up at once, to the highest tier whose upgrade_at is reached.  Down only in a review, when keep_at has
 * been missed for grace_days; then one step, or to the highest tier whose keep_at is reached. */
void rules_tier(const struct pack *pack, const struct tier_facts *facts, struct tier_decision *out);

/* ---- lots ---- */

/* The points of one member that end on the same day.  A list of lots is in order of expires_day, each
 * day once; lots that are 0 and 0 may be left out.  left and expired of a list add up to at most
 * 2^63 - 1 (lots_add and lots_give_back see to it), so that no sum of them overflows. */
struct lot {
    int32_t expires_day;   /* the last good day; DAY_NEVER */
    struct points left;    /* >= 0: still to spend */
    struct points expired; /* >= 0: taken by expiry; comes back for a late entry that was in time */
};
/* One change of a lot, never 0 and 0.  A negative change of expired is an expiry undone: post it
 * expired -> held before the rest. */
struct lot_move {
    int32_t expires_day;
    struct points left;    /* change of left */
    struct points expired; /* change of expired */
};
enum { LOTS_MAX = 2048 };
/* In all of these: lots are changed; moves (room for count + 1 of them, lots_give_back taken_count + 1) and
 * move_count are written, moves in the order made.  What is asked for is >= 0. */

/* Points come in: earned, or given.  What the member owes is paid first, if the points are still good
 * on day: *owed shrinks, and only the rest enters the lot.  Errors: ERR_FULL (cap lots are there),
 * ERR_RANGE; all untouched. */
MUST_CHECK enum err lots_add(struct lot *lots, int32_t *count, int32_t cap, int32_t expires_day,
                             int32_t day, struct points points, struct points *owed,
                             struct lot_move *moves, int32_t *move_count, struct errmsg *why);

/* Take points from the lots, first-expiring first, only those still good on day (the event's day).  A
 * lot that was good then and has expired since gives too (a late entry), its expired part first.
 * Returns what could not be covered (>= 0): the member owes it. */
struct points lots_take(struct lot *lots, int32_t count, int32_t day, struct points points,
                        struct lot_move *moves, int32_t *move_count);

/* Undo part of a lots_take: points that had been redeemed come back, to the lots they came from.
 * taken are the moves of that take, uncovered what it returned, back_before how much of it came back
 * earlier.  The last taken comes back first: take 80 and give back 30 is take 50.  What had been
 * uncovered lowers *owed; if it has been repaid meanwhile, it enters the lot fallback_expires_day.
 * A lot that has expired takes its points back too, and the next lots_expire ends them.
 * Errors: ERR_RANGE (more than was taken), ERR_FULL; all untouched. */
MUST_CHECK enum err lots_give_back(struct lot *lots, int32_t *count, int32_t cap,
                                   const struct lot_move *taken, int32_t taken_count,
                                   struct points uncovered, struct points back_before,
                                   struct points points, struct points *owed,
                                   int32_t fallback_expires_day, struct lot_move *moves,
                                   int32_t *move_count, struct errmsg *why);

/* Clawback of points earned into the lot first_expires_day: from that lot (what is left, then what has
 * expired of it: points that ended unused are not asked for again), then first-expiring first from what
 * is left and good on day.  Returns what could not be covered (>= 0): the member owes it, or it is let
 * go (pack->refund_may_owe). */
struct points lots_claw(struct lot *lots, int32_t count, int32_t first_expires_day, int32_t day,
                        struct points points, struct lot_move *moves, int32_t *move_count);

/* A later end: what ends on from_day or after it and before to_day, what of it has expired too, is left in the lot
 * to_day.  Errors: ERR_FULL (cap lots are there); all untouched. */
MUST_CHECK enum err lots_move_end(struct lot *lots, int32_t *count, int32_t cap, int32_t from_day, int32_t to_day,
                                  struct lot_move *moves, int32_t *move_count, struct errmsg *why);

/* The run for a day: all that was last good before it expires.  Returns how much. */
struct points lots_expire(struct lot *lots, int32_t count, int32_t day, struct lot_move *moves,
                          int32_t *move_count);

#endif
