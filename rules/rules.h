/* rules.h - what a purchase earns, what a member may redeem, what a refund takes back, when points end,
 * which tier follows.  Pure, linked by till and head office alike (I6): same facts and same pack give the
 * same answer.  Read rules_earn first; the others mirror it.  Source: docs/programme.md.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_RULES_RULES_H
#define PATRON_RULES_RULES_H

#include "rules/pack.h"

enum { RULES_WHY_SIZE = 160 };

/* The facts of a bill. */
struct bill {
    const struct txn_line *lines; /* borrowed */
    int32_t line_count;           /* 0..TXN_LINES_MAX */
    struct money paid_by_points;  /* part of the total paid with points, 0..total */
    int64_t time_s;
    const char *shop, *tier;      /* borrowed; an unknown tier counts as the lowest */
    struct points earned_today;   /* already earned on the bill's day, for cap_per_day; 0 when unknown */
};

struct earning {
    struct points points;     /* >= 0 */
    struct money counted;     /* of the bill, what earned: also the spend that counts for a tier */
    char why[RULES_WHY_SIZE]; /* one line for people: "20.00 GBP x 1/100 x 3/2 (double Friday) = 30" */
};

/* What the bill earns: base -> best multiplier (or all) -> bonus -> tier factor -> cap -> round once.
 * Errors: ERR_RANGE (overflow), out untouched. */
MUST_CHECK enum err rules_earn(const struct pack *pack, const struct bill *bill, struct earning *out,
                               struct errmsg *why);

/* One line of the original bill that came back, now or earlier. */
struct rules_return {
    int32_t line;     /* index into the original bill */
    int32_t quantity; /* 1..what is left of that line */
};

/* Telescoping refund: clawed = earned(what was left before) - earned(what is left after), by the pack
 * of the original sale.  left[i] is the quantity of line i still bought before this refund (in), and
 * after it (out).  A line's amount shrinks in proportion to its quantity, floor, so that the last unit
 * carries the rest.  out->refund is the money of what came back; out->clawed points to take back;
 * out->points_back of redeemed_points return, telescoping in the same way by money. */
struct clawback {
    struct points clawed;
    struct points points_back;  /* redeemed points that return to the member */
    struct money refund;        /* value of the goods that came back */
    struct money points_value;  /* of that, the part that had been paid with points */
    char why[RULES_WHY_SIZE];
};
/* Errors: ERR_RANGE (more came back than is left, bad index), out and left untouched. */
MUST_CHECK enum err rules_clawback(const struct pack *pack, const struct bill *original,
                                   struct points redeemed, int32_t *left,
                                   const struct rules_return *returns, int32_t return_count,
                                   struct clawback *out, struct errmsg *why);

/* What of an original bill a list of returned lines means: match by sku, then by amount per unit, later
 * lines first.  Writes at most cap returns.  Errors: ERR_NOT_FOUND (never bought, or no longer there),
 * ERR_FULL. */
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
    REDEEM_ANSWERS
};
/* A sentence for the cashier. */
const char *redeem_answer_text(enum redeem_answer answer);

struct redeem_facts {
    struct money total;           /* of the bill */
    struct points purse;          /* what the card holds */
    const char *tier;             /* borrowed */
    bool online, blocked;
    struct points offline_today;  /* by this card here, with the line cut, on this day */
    int32_t days_since_contact;
};

/* The most that may be redeemed now (a multiple of the step), and why no more; 0 when nothing. */
struct redeem_offer {
    struct points most;
    struct money most_value;
    enum redeem_answer limit; /* what bounded it: REDEEM_OK when only the purse or the bill did */
};
void rules_redeem_offer(const struct pack *pack, const struct redeem_facts *facts,
                        struct redeem_offer *out);
/* May exactly these points be redeemed, and what do they pay? */
enum redeem_answer rules_redeem(const struct pack *pack, const struct redeem_facts *facts,
                                struct points points, struct money *value);

/* ---- time ---- */

/* The last day on which points earned on this day are good; DAY_NEVER. */
int32_t rules_expiry_day(const struct pack *pack, int32_t earned_day);

/* ---- tiers ---- */

struct tier_facts {
    const char *tier;       /* held now; borrowed */
    int32_t since_day;
    int32_t short_since_day; /* first review day on which the keep threshold was missed; DAY_NEVER = not */
    int64_t metric;         /* over the pack's window, ending today */
    int32_t today;
    bool review;            /* a scheduled run: only then is a tier taken away */
};
struct tier_decision {
    const struct pack_tier *tier; /* into pack */
    int32_t short_since_day;      /* to be kept for the next review */
    char why[RULES_WHY_SIZE];
};
/* First day of the window that ends on this day. */
int32_t rules_tier_window_start(const struct pack *pack, int32_t today);
void rules_tier(const struct pack *pack, const struct tier_facts *facts, struct tier_decision *out);

/* ---- lots ---- */

/* The points of one member that end on the same day. */
struct lot {
    int32_t expires_day;   /* the last good day; DAY_NEVER */
    struct points left;    /* >= 0: still to spend */
    struct points expired; /* >= 0: taken by expiry; comes back for a late entry that was in time */
};
/* One change of a lot. */
struct lot_move {
    int32_t expires_day;
    struct points left;    /* change of left */
    struct points expired; /* change of expired */
};
enum { LOTS_MAX = 2048 };

/* Take points from the lots, first-expiring first, only those still good on day.  A lot that expired
 * after day gives too (a late entry): its expired part comes back first.  lots are in order of
 * expires_day and are changed.  Returns what could not be covered (>= 0): the member owes it. */
struct points lots_take(struct lot *lots, int32_t count, int32_t day, struct points points,
                        struct lot_move *moves, int32_t *move_count);

#endif
