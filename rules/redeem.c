/* redeem.c - what a member may redeem, and what for.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/tr.h"
#include "rules/rate.h"

#include <assert.h>
#include <string.h>

const char *redeem_answer_text(enum redeem_answer answer)
{
    static const char *const texts[REDEEM_ANSWERS] = {
        [REDEEM_OK] = TR_LATER("These points may be redeemed."),
        [REDEEM_NOTHING_HELD] = TR_LATER("There are no points to redeem."),
        [REDEEM_BELOW_MINIMUM] = TR_LATER("These are fewer points than the least that may be redeemed."),
        [REDEEM_NOT_A_STEP] = TR_LATER("Points are redeemed in whole steps only."),
        [REDEEM_ABOVE_BILL_SHARE] = TR_LATER("Points may not pay that much of this bill."),
        [REDEEM_ABOVE_PURSE] = TR_LATER("There are not that many points."),
        [REDEEM_OFFLINE_TAP_LIMIT] = TR_LATER("The line is cut: fewer points at a time, please."),
        [REDEEM_OFFLINE_DAY_LIMIT] =
            TR_LATER("The line is cut, and this card has redeemed enough for today."),
        [REDEEM_OFFLINE_TOO_LONG] =
            TR_LATER("This till has been without the line for too long to redeem points."),
        [REDEEM_CARD_BLOCKED] = TR_LATER("This card is blocked."),
        [REDEEM_NOT_OFFERED] = TR_LATER("Points are not redeemed in this programme."),
        [REDEEM_OFFLINE_NEVER] = TR_LATER("Points cannot be redeemed while the line is cut."),
        [REDEEM_NO_REWARD] = TR_LATER("There is no such reward."),
        [REDEEM_REWARD_DAY] = TR_LATER("This reward is not given today."),
        [REDEEM_REWARD_TIER] = TR_LATER("This reward is for members of another tier."),
        [REDEEM_REWARD_COUNTED] =
            TR_LATER("There are only so many of this reward, so head office gives it out, and the line to it is cut. "
                     "Offer another reward, or points off the bill."),
        [REDEEM_REWARD_ITEM] = TR_LATER("What this reward pays for is not on the bill."),
        [REDEEM_REWARD_NOTHING] = TR_LATER("This reward would pay nothing of this bill."),
    };
    assert((unsigned)answer < REDEEM_ANSWERS);
    return tr(texts[answer]);
}

struct money rules_worth(const struct pack *pack, struct points points)
{
    int64_t minor;
    if (points_n(points) <= 0 || pack->worth.num == 0)
        return money_of(0);
    if (!ratio_floor(&minor, points_n(points), pack->worth.num, pack->worth.den))
        minor = INT64_MAX; /* no bill is that large */
    return money_of(minor);
}

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Most money of the bill that points may pay. */
static int64_t most_of_bill(const struct pack *pack, const struct redeem_facts *facts)
{
    int64_t minor;
    struct money total = facts->total;
    if (facts->alone)
        return INT64_MAX;
    if (money_minor(total) <= 0 ||
        !ratio_floor(&minor, money_minor(total), pack->redeem_max_share.num,
                     pack->redeem_max_share.den))
        return 0;
    return min64(minor, money_minor(total));
}

/* Most points that are worth no more than this; exact for whole steps. */
static int64_t points_within(const struct pack *pack, int64_t minor)
{
    int64_t most;
    return ratio_floor(&most, minor, pack->worth.den, pack->worth.num) ? most : INT64_MAX;
}

static int64_t left_today(const struct pack *pack, const struct redeem_facts *facts)
{
    int64_t left = points_n(pack_get_tier(pack, facts->tier)->offline_per_day) -
                   points_n(facts->offline_today);
    return left > 0 ? left : 0;
}

static enum redeem_answer within_reach(const struct pack *pack, const struct redeem_facts *facts)
{
    if (!facts->online && pack->offline_days == 0)
        return REDEEM_OFFLINE_NEVER;
    if (!facts->online && facts->days_since_contact > pack->offline_days)
        return REDEEM_OFFLINE_TOO_LONG;
    return REDEEM_OK;
}

/* What forbids redeeming whatever the points. */
static enum redeem_answer allowed(const struct pack *pack, const struct redeem_facts *facts)
{
    if (facts->blocked)
        return REDEEM_CARD_BLOCKED;
    if (pack->worth.num == 0)
        return REDEEM_NOT_OFFERED;
    if (points_n(facts->purse) <= 0)
        return REDEEM_NOTHING_HELD;
    return within_reach(pack, facts);
}

enum redeem_answer rules_redeem(const struct pack *pack, const struct redeem_facts *facts,
                                struct points points, struct money *value)
{
    enum redeem_answer answer = allowed(pack, facts);
    int64_t n = points_n(points);
    *value = money_of(0);
    if (answer != REDEEM_OK)
        return answer;
    if (n <= 0 || n < points_n(pack->redeem_min))
        return REDEEM_BELOW_MINIMUM;
    assert(points_n(pack->redeem_step) >= 1);
    if (n % points_n(pack->redeem_step))
        return REDEEM_NOT_A_STEP;
    if (n > points_n(facts->purse))
        return REDEEM_ABOVE_PURSE;
    struct money worth = rules_worth(pack, points);
    if (money_minor(worth) > most_of_bill(pack, facts))
        return REDEEM_ABOVE_BILL_SHARE;
    if (!facts->online && n > points_n(pack_get_tier(pack, facts->tier)->offline_per_tap))
        return REDEEM_OFFLINE_TAP_LIMIT;
    if (!facts->online && n > left_today(pack, facts))
        return REDEEM_OFFLINE_DAY_LIMIT;
    *value = worth;
    return REDEEM_OK;
}

void rules_redeem_offer(const struct pack *pack, const struct redeem_facts *facts,
                        struct redeem_offer *out)
{
    *out = (struct redeem_offer){.limit = allowed(pack, facts)};
    if (out->limit != REDEEM_OK)
        return;

    /* The bounds in the order of rules_redeem; the first of the tightest is the one to name. */
    const struct {
        int64_t most;
        enum redeem_answer named, when_nothing;
    } bounds[] = {
        {points_n(facts->purse), REDEEM_OK, REDEEM_BELOW_MINIMUM},
        {points_within(pack, most_of_bill(pack, facts)), REDEEM_OK, REDEEM_ABOVE_BILL_SHARE},
        {facts->online ? INT64_MAX : points_n(pack_get_tier(pack, facts->tier)->offline_per_tap),
         REDEEM_OFFLINE_TAP_LIMIT, REDEEM_OFFLINE_TAP_LIMIT},
        {facts->online ? INT64_MAX : left_today(pack, facts), REDEEM_OFFLINE_DAY_LIMIT,
         REDEEM_OFFLINE_DAY_LIMIT},
    };
    int64_t step = points_n(pack->redeem_step), most = INT64_MAX;
    enum redeem_answer when_nothing = REDEEM_OK;
    assert(step >= 1);
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        int64_t whole = bounds[i].most / step * step;
        if (whole < most) {
            most = whole;
            out->limit = bounds[i].named;
            when_nothing = bounds[i].when_nothing;
        }
    }
    if (most < points_n(pack->redeem_min)) {
        out->limit = when_nothing;
        return;
    }
    out->most = points_of(most);
    out->most_value = rules_worth(pack, out->most);
}

/* ---- rewards; source: docs/programme.md, "Rewards" ---- */

struct points rules_reward_price(const struct pack *pack, const struct pack_reward *r, int32_t step,
                                 const char *tier)
{
    struct ratio factor = pack_get_tier(pack, tier)->reward_factor;
    struct points list = r->kind == REWARD_SLIDING ? r->steps[step].points : r->points;
    int64_t price;
    bool fits64 = ratio_floor(&price, points_n(list), factor.num, factor.den);
    assert(fits64); /* pack_read: at most 10^9 and 10^6 */
    return points_of(price > 1 ? price : 1);
}

/* The price of one piece of what the reward is for, the dearest on the bill. */
static enum redeem_answer piece(const struct pack_reward *r, const struct redeem_facts *facts, int64_t *minor)
{
    struct pack_scope of = {.sku = ""};
    struct bill bill = {.shop = ""};
    enum redeem_answer answer = REDEEM_REWARD_ITEM;
    memcpy(of.sku, r->sku, sizeof of.sku);
    *minor = 0;
    for (int32_t i = 0; i < facts->line_count; i++) {
        int64_t one = money_minor(facts->lines[i].amount) / facts->lines[i].quantity;
        if (!rate_scope_fits(&of, &bill, "", &facts->lines[i]))
            continue;
        answer = REDEEM_OK;
        *minor = one > *minor ? one : *minor;
    }
    return answer;
}

static int64_t part_of(struct money whole, struct ratio part)
{
    int64_t minor;
    bool fits64 = ratio_floor(&minor, money_minor(whole), part.num, part.den);
    assert(fits64); /* pack_read: at most 1 */
    return minor;
}

/* What it pays, before its share of the bill is asked. */
static enum redeem_answer pays(const struct pack_reward *r, int32_t step, const struct redeem_facts *facts,
                               int64_t *minor)
{
    enum redeem_answer answer = REDEEM_OK;
    int64_t most = money_minor(r->value);
    *minor = 0;
    switch (r->kind) {
    case REWARD_MONEY:
        *minor = most;
        break;
    case REWARD_SLIDING:
        *minor = money_minor(r->steps[step].value);
        break;
    case REWARD_PERCENT:
        if (facts->alone)
            return REDEEM_OK;
        *minor = part_of(facts->total, r->percent);
        break;
    case REWARD_ITEM:
        if (facts->alone)
            return REDEEM_OK;
        answer = piece(r, facts, minor);
        break;
    }
    if (most && *minor > most)
        *minor = most;
    return answer != REDEEM_OK ? answer : *minor ? REDEEM_OK : REDEEM_REWARD_NOTHING;
}

static enum redeem_answer take_step(const struct pack *pack, const struct pack_reward *r, int32_t step,
                                    const struct redeem_facts *facts, struct reward *out)
{
    int64_t minor, price;
    enum redeem_answer answer = pays(r, step, facts, &minor);
    struct reward taken = {r, rules_reward_price(pack, r, step, facts->tier), money_of(minor)};
    if (answer != REDEEM_OK)
        return answer;
    if (!facts->alone && minor > part_of(facts->total, r->max_share))
        return REDEEM_ABOVE_BILL_SHARE;
    price = points_n(taken.points);
    if (price > points_n(facts->purse))
        return points_n(facts->purse) > 0 ? REDEEM_ABOVE_PURSE : REDEEM_NOTHING_HELD;
    if (!facts->online && price > points_n(pack_get_tier(pack, facts->tier)->offline_per_tap))
        return REDEEM_OFFLINE_TAP_LIMIT;
    if (!facts->online && price > left_today(pack, facts))
        return REDEEM_OFFLINE_DAY_LIMIT;
    *out = taken;
    return REDEEM_OK;
}

enum redeem_answer rules_reward(const struct pack *pack, const char *code, const struct redeem_facts *facts,
                                struct points points, struct reward *out)
{
    const struct pack_reward *r = pack_find_reward(pack, code);
    if (facts->blocked)
        return REDEEM_CARD_BLOCKED;
    if (!r)
        return REDEEM_NO_REWARD;
    if ((r->from_day && facts->day < r->from_day) || (r->to_day && facts->day > r->to_day))
        return REDEEM_REWARD_DAY;
    if (r->tiers && !(r->tiers >> (pack_get_tier(pack, facts->tier) - pack->tiers) & 1))
        return REDEEM_REWARD_TIER;
    enum redeem_answer answer = within_reach(pack, facts);
    if (answer != REDEEM_OK)
        return answer;
    if ((r->stock || r->per_member) && !facts->counted)
        return REDEEM_REWARD_COUNTED;

    /* The chosen step, or the largest that may be taken; other kinds have one. */
    answer = REDEEM_NOT_A_STEP;
    for (int32_t i = r->kind == REWARD_SLIDING ? r->step_count : 1; i-- > 0;) {
        bool chosen = points_cmp(rules_reward_price(pack, r, i, facts->tier), points) == 0;
        if (points_n(points) && !chosen)
            continue;
        answer = take_step(pack, r, i, facts, out);
        if (answer == REDEEM_OK)
            break;
    }
    return answer;
}
