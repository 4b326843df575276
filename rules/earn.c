/* earn.c - what a bill earns, and the sentence that says why.  The sum itself is rate.c.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/tr.h"
#include "rules/rate.h"
#include "rules/say.h"

#include <inttypes.h>

/* "12.00 of 20.00 GBP at 1 point a GBP, x 2 (Christmas) on 8.00, +50 (tea), x 5/4 (Gold), at most
 * 200 a bill: 71 points" */
static void explain(const struct pack *pack, const struct rate *r, char out[RULES_WHY_SIZE])
{
    static const int64_t units[] = {1, 10, 100, 1000};
    char money[PACK_MONEY_SIZE], whole[PACK_MONEY_SIZE], ratio[SAY_RATIO_SIZE];
    struct say s = say_on(out, RULES_WHY_SIZE);
    int64_t unit = units[pack->currency_digits];
    struct ratio per_unit = {pack->earn.num, pack->earn.den}; /* points a major unit */
    int64_t common = per_unit.den % unit == 0 ? unit : 1;
    per_unit.den /= common;
    per_unit.num *= unit / common;

    if (money_cmp(r->counted, r->total) == 0)
        say(&s, "%s", pack_money_text(money, pack, r->counted));
    else
        say(&s, tr("%s of %s %s"), pack_amount_text(money, pack, r->counted), pack_amount_text(whole, pack, r->total),
            pack->currency);
    say(&s, per_unit.num == per_unit.den ? tr(" at %s point a %s") : tr(" at %s points a %s"),
        say_ratio(ratio, per_unit), pack->currency);
    for (int32_t i = 0; i < pack->multiplier_count; i++) {
        if (money_minor(r->multiplied[i]) == 0)
            continue;
        say(&s, tr(", x %s (%s)"), say_ratio(ratio, pack->multipliers[i].factor),
            pack->multipliers[i].name);
        if (money_cmp(r->multiplied[i], r->counted) != 0)
            say(&s, tr(" on %s"), pack_amount_text(money, pack, r->multiplied[i]));
    }
    for (int32_t i = 0; i < pack->bonus_count; i++)
        if (points_n(r->bonus[i]))
            say(&s, tr(", +%" PRId64 " (%s)"), points_n(r->bonus[i]), pack->bonuses[i].name);
    if (r->tier->factor.num != r->tier->factor.den)
        say(&s, tr(", x %s (%s)"), say_ratio(ratio, r->tier->factor), r->tier->name);
    for (int32_t i = 0; i < pack->stamp_count; i++)
        if (r->stamps_given[i])
            say(&s, tr(", +%" PRId64 " (%s)"), r->stamps_given[i] * points_n(pack->stamps[i].points),
                pack->stamps[i].name);
    if (r->cap == CAP_PER_BILL)
        say(&s, tr(", at most %" PRId64 " a bill"), points_n(pack->cap_per_bill));
    if (r->cap == CAP_PER_DAY)
        say(&s, tr(", at most %" PRId64 " a day"), points_n(pack->cap_per_day));
    if (r->cap == CAP_PER_MONTH)
        say(&s, tr(", at most %" PRId64 " a month"), points_n(pack->cap_per_month));
    say_last(&s, points_n(r->points) == 1 ? tr(": %" PRId64 " point") : tr(": %" PRId64 " points"),
             points_n(r->points));
}

struct bill rules_bill(const struct txn *t)
{
    return (struct bill){.lines = t->lines,
                         .line_count = t->line_count,
                         .paid_by_points = t->redeemed_value,
                         .time_s = t->time_s,
                         .shop = t->shop,
                         .tier = t->tier,
                         .tenders = t->tenders,
                         .tender_count = t->tender_count,
                         .coupons = t->coupons,
                         .coupon_count = t->coupon_count,
                         .marks = t->marks,
                         .mark_count = t->mark_count,
                         .stamps = t->stamps,
                         .stamp_count = t->stamp_count};
}

enum err rules_earn(const struct pack *pack, const struct bill *bill, struct earning *out,
                    struct errmsg *why)
{
    struct rate r;
    enum err e = rate(pack, bill, NULL, money_of(0), &r, why);
    if (e)
        return e;
    out->points = r.points;
    out->counted = r.counted;
    for (int32_t i = 0; i < PACK_STAMPS_MAX; i++) {
        out->stamps[i].collected = r.stamps[i];
        out->stamps[i].given = r.stamps_given[i];
    }
    explain(pack, &r, out->why);
    return OK;
}
