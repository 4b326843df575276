/* pack.h - a programme pack: everything head office can decide about points, as data.
 * A pack is versioned, dated and signed; its JSON form is described in docs/programme.md and read by
 * pack_read.  Fixed size, so that a till takes its memory at start.  Rates are ratios of integers.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_RULES_PACK_H
#define PATRON_RULES_PACK_H

#include "base/amount.h"
#include "base/txn.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    PACK_TIERS_MAX = 8,
    PACK_MULTIPLIERS_MAX = 32,
    PACK_BONUSES_MAX = 32,
    PACK_EXCLUSIONS_MAX = 64,
    PACK_REBATES_MAX = 32,
    PACK_TENDERS_MAX = 8,
    PACK_STAMPS_MAX = TXN_STAMPS_MAX,
    PACK_REWARDS_MAX = 64,
    PACK_STEPS_MAX = 8, /* of a sliding reward */
    PACK_JSON_MAX = 32768, /* bytes of JSON; one frame carries it */
    PACK_RATIO_MAX = 1000000, /* largest numerator and denominator of a ratio */
};
/* Largest product of the numerators, and largest common denominator, of all the rates that can meet on
 * one bill.  pack_read holds a pack to it; then no bill of up to 10^9 minor units and 1,000 pieces can
 * overflow, and one beyond is refused when it does. */
#define PACK_PRODUCT_MAX INT64_C(1000000000)
#define PACK_POINTS_MAX INT64_C(1000000000) /* largest count of points written in a pack */

struct ratio {
    int64_t num, den; /* den > 0, num >= 0 */
};

/* Which lines or bills a rule speaks of: all that is given must hold.  Empty text and zero = no
 * restriction.  Texts compare byte for byte.  The time is the bill's own (event time). */
struct pack_scope {
    char sku[TXN_SKU_SIZE];          /* whole code, or a prefix when it ends in '*' */
    char category[TXN_NAME_SIZE];
    char shop[TXN_NAME_SIZE];
    char tier[TXN_NAME_SIZE];
    char coupon[TXN_NAME_SIZE];      /* one that was shown; as sku */
    char mark[TXN_NAME_SIZE];        /* "first", "birthday", a segment's code */
    int32_t from_day, to_day;        /* inclusive; 0 = open */
    uint8_t weekdays;                /* bit 0 = Monday; 0 = all */
    int32_t from_minute, to_minute;  /* of the day 0..1440, half open; equal = all day; from > to
                                      * goes over midnight, the weekday being that of the bill */
};

enum pack_rounding { ROUND_FLOOR, ROUND_NEAREST, ROUND_CEILING };
enum pack_round_per { ROUND_PER_BILL, ROUND_PER_LINE };

struct pack_multiplier {
    char name[TXN_NAME_SIZE];
    struct pack_scope scope;
    struct ratio factor;
};

/* Points for a thing bought: per unit of quantity, whatever it cost and however it was paid.  Without sku
 * and category for a visit: once for a bill of which something counts. */
struct pack_bonus {
    char name[TXN_NAME_SIZE];
    struct pack_scope scope;
    struct points points;
};

/* A stamp card: every so many pieces, or visits, give points.  How many a member has is known at head office. */
struct pack_stamp {
    char name[TXN_NAME_SIZE];  /* in the books: counting goes on under this name in the next pack */
    struct pack_scope scope;
    bool per_visit;            /* a stamp for a bill of which something counts; else for each piece, and the
                                * scope has sku or category */
    int32_t every;             /* 2..1000 */
    struct points points;      /* > 0 */
    char reward[TXN_NAME_SIZE]; /* "" or the reward whose price points is */
};

/* Money off a line for members, when the cash register asks for rebates.  The bill is rated with what is
 * left to be paid. */
struct pack_rebate {
    char name[TXN_NAME_SIZE];
    struct pack_scope scope;
    struct ratio rate; /* of the line's amount, above 0, at most 1 */
};

/* What points are redeemed for, by name. */
enum pack_reward_kind {
    REWARD_MONEY,   /* value off the bill */
    REWARD_PERCENT, /* percent of the bill, at most value */
    REWARD_ITEM,    /* one piece of sku that is on the bill, the dearest that fits, at most value */
    REWARD_SLIDING, /* one of steps */
};
struct pack_step {
    struct points points; /* > 0, rising */
    struct money value;   /* > 0, rising */
};
struct pack_reward {
    char code[TXN_NAME_SIZE];
    char name[32], name_zh[32]; /* for people; name_zh "" = name */
    enum pack_reward_kind kind;
    struct points points;       /* its price, > 0, before the tier's reward_factor; SLIDING: 0 */
    struct money value;         /* MONEY: > 0.  PERCENT, ITEM: 0 = no limit */
    struct ratio percent;       /* PERCENT: above 0, at most 1; else 0 */
    char sku[TXN_SKU_SIZE];     /* ITEM: as in a scope */
    int32_t step_count;         /* SLIDING */
    struct pack_step steps[PACK_STEPS_MAX];
    struct ratio max_share;     /* of the bill, 0..1 */
    uint8_t tiers;              /* bit 0 = the lowest: who may take it; 0 = all */
    int32_t from_day, to_day;   /* inclusive; 0 = open */
    int32_t stock, per_member;  /* how many there are, and for one member; 0 = no limit.  Counted by head
                                 * office: at a till such a reward is given on line only */
};

/* What lifts a member.  All are net of refunds; none is ever lowered by redeeming or expiry. */
enum pack_metric {
    METRIC_SPEND,  /* minor units that counted (earning.counted) */
    METRIC_POINTS, /* points earned by purchases */
    METRIC_VISITS, /* days with a purchase that counted; a day with ten bills is one visit */
    METRIC_MIX,    /* the three above, each by its weight */
};
enum pack_window { WINDOW_ROLLING, WINDOW_CALENDAR_YEAR, WINDOW_LIFETIME, WINDOW_ANNIVERSARY };

struct pack_tier {
    char code[TXN_NAME_SIZE];
    char name[32];             /* for people */
    int64_t upgrade_at;        /* metric needed to come in; 0 for the first */
    int64_t keep_at;           /* metric needed to stay (保级); <= upgrade_at */
    struct ratio factor;       /* on points earned */
    struct points offline_per_tap, offline_per_day; /* most that may be redeemed with the line cut */
    struct ratio reward_factor; /* above 0: on the prices of rewards */
    struct points birthday_points; /* given by the day's run, once a year; 0 = none */
};

struct pack {
    uint32_t version;          /* 1.. */
    int32_t effective_day;     /* first day it is used: I8 */
    char name[32];
    char currency[4];          /* ISO 4217 */
    int32_t currency_digits;   /* 0..3 */

    /* earning */
    struct ratio earn;         /* points for each minor unit of what counts */
    bool points_paid_earns;    /* does the part of a bill paid with points earn? */
    enum pack_rounding rounding;
    enum pack_round_per round_per;
    bool multipliers_stack;    /* false: the best one only */
    struct points cap_per_bill, cap_per_day, cap_per_month; /* 0 = none */
    int32_t exclude_tender_count; /* what was paid so earns nothing */
    char exclude_tenders[PACK_TENDERS_MAX][TXN_NAME_SIZE];
    int32_t vest_days;         /* points earned are spendable from the day earned + this; until then pending */
    int32_t exclusion_count;
    struct pack_scope exclusions[PACK_EXCLUSIONS_MAX];
    int32_t multiplier_count;
    struct pack_multiplier multipliers[PACK_MULTIPLIERS_MAX];
    int32_t bonus_count;
    struct pack_bonus bonuses[PACK_BONUSES_MAX];
    int32_t stamp_count;
    struct pack_stamp stamps[PACK_STAMPS_MAX];

    /* tiers, lowest first; at least one */
    enum pack_metric metric;
    struct ratio mix[3];       /* METRIC_MIX: of spend (for each minor unit), points, visits; else 0 */
    enum pack_window window;
    int32_t window_days;       /* WINDOW_ROLLING */
    int32_t grace_days;        /* after losing the right to a tier, before it is taken */
    bool downgrade_one_step;
    int32_t tier_count;
    struct pack_tier tiers[PACK_TIERS_MAX];

    /* expiry of lots */
    enum { EXPIRY_NEVER, EXPIRY_ROLLING, EXPIRY_YEAR_END, EXPIRY_ACTIVITY, EXPIRY_ANNIVERSARY } expiry;
    int32_t expiry_days;       /* EXPIRY_ROLLING: the last good day is the day earned + this; EXPIRY_ACTIVITY: the
                                * day of the member's last purchase + this, for all points of the member */
    int32_t expiry_years;      /* EXPIRY_YEAR_END: end of the year earned + this; EXPIRY_ANNIVERSARY: end of the
                                * year of membership earned + this */
    int32_t reinstate_days;    /* points that ended so many days ago at most may be brought back by EXTEND */

    /* redeeming */
    struct ratio worth;        /* minor units for each point; 0 = nothing but rewards is redeemed.
                                * redeem_step points are worth a whole number of minor units */
    struct points redeem_min, redeem_step; /* step >= 1, min a multiple of it */
    struct ratio redeem_max_share;         /* of the bill, 0..1 */
    int32_t offline_days;      /* longest time since head office was reached; 0 = no offline redeeming */

    struct points second_factor_above;     /* redeemed at once: more than this wants a PIN or a second tap,
                                * rules_means_may; 0 = no limit for what proves that it is there */
    int32_t hold_minutes;      /* 1..1440: points set aside for a sale are let go after that */

    int32_t reward_count;
    struct pack_reward rewards[PACK_REWARDS_MAX];

    /* money off */
    int32_t rebate_count;
    struct pack_rebate rebates[PACK_REBATES_MAX];

    /* goodwill at a till: the most whatever the cashier's own limit is; 0 = a till gives none */
    struct points grant_per_gift, grant_per_day; /* in one gift; by one till on one day */
    bool register_grants;      /* may a cash register decide by itself how many points are given? */

    /* refunds */
    bool refund_may_owe;       /* true: clawback may leave the member owing; false: what the lots cannot
                                * cover is let go */
    int32_t replace_days;      /* what a replaced card held is spendable so many days later; until then pending, for
                                * what a till that is cut off still redeemed from it */
    int32_t clock_skew_s;      /* entries further off than this go to review */
};

/* Read a pack from JSON text.  file is used in messages only: "file:line: what is wrong, what is
 * expected".  On any error out is untouched.  Errors: ERR_FORMAT, ERR_RANGE, ERR_FULL. */
MUST_CHECK enum err pack_read(struct pack *out, const char *json, size_t size, const char *file,
                              struct errmsg *why);

/* The same, with all that is wrong: for forms.  Of what follows from another fault nothing is said. */
struct pack_fault {
    enum err e;
    int line;          /* 1.. */
    char pointer[128]; /* JSON pointer to the value, or to the object in which it is missing: "/earn/rate"; "" =
                        * the whole */
    char text[256];    /* a sentence: what is wrong; what is expected */
};
enum { PACK_FAULTS_MAX = 50 };
/* out is untouched when there are faults; faults (room for PACK_FAULTS_MAX) in the order of reading, *count how
 * many.  Errors: of the first fault, as pack_read. */
MUST_CHECK enum err pack_check(struct pack *out, const char *json, size_t size, struct pack_fault *faults,
                               int32_t *count);

/* The pack as JSON text, in one form only: keys in the order of docs/programme.md, defaults left out.  pack_read
 * gives the same pack again.  Notes are not in a struct pack and so are lost.  *size: without the final 0 that is
 * written too.  Errors: ERR_FULL (it does not fit into cap, or PACK_JSON_MAX). */
MUST_CHECK enum err pack_write(const struct pack *pack, char *out, size_t cap, size_t *size, struct errmsg *why);

/* The reward by code; NULL when the pack has none such. */
const struct pack_reward *pack_find_reward(const struct pack *pack, const char *code);
/* Does it speak of everything? */
bool pack_scope_is_empty(const struct pack_scope *scope);
/* The tier by code; NULL when the pack has none such. */
const struct pack_tier *pack_find_tier(const struct pack *pack, const char *code);
/* The tier by code, the lowest when the pack has none such (or code is NULL): what the rules use. */
const struct pack_tier *pack_get_tier(const struct pack *pack, const char *code);

/* Money as people read it: "12.50", and "12.50 GBP".  pack NULL: "1250".  Both give out. */
enum { PACK_MONEY_SIZE = 48 };
const char *pack_amount_text(char out[PACK_MONEY_SIZE], const struct pack *pack, struct money m);
const char *pack_money_text(char out[PACK_MONEY_SIZE], const struct pack *pack, struct money m);

#endif
