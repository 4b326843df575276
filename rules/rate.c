/* rate.c - see rate.h.  Source: docs/programme.md, "How points are computed".
 *
 * Points are kept as a fraction of two integers until the one rounding.  A line gives
 *
 *     (counted x earn x multipliers x kept + quantity x bonus) x tier factor
 *
 * and the bill, while anything of it counts, a visit's bonus x tier factor and, after rounding, the points of
 * stamp cards that are full now; where kept = (money of what is left - money given back without goods) / money of what is left.  Each of
 * these only falls when a quantity falls or more money is given back, so that what is left of a bill never
 * earns more than the bill did: refunds telescope without a leak, in any order. SPDX-License-Identifier: Apache-2.0 */
#include "rules/rate.h"

#include "base/date.h"

#include <assert.h>
#include <string.h>

/* ---- fractions; nothing here is negative ---- */

__extension__ typedef __int128 wide;
#define WIDE_MAX ((((wide)1 << 126) - 1) * 2 + 1)

struct fraction {
    wide num, den;
};

static bool multiply(wide *out, wide a, wide b)
{
    if (b != 0 && a > WIDE_MAX / b)
        return false;
    *out = a * b;
    return true;
}

static wide divisor(wide a, wide b)
{
    while (b) {
        wide rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static bool scale(struct fraction *f, struct ratio by)
{
    return multiply(&f->num, f->num, by.num) && multiply(&f->den, f->den, by.den);
}

static bool add(struct fraction *sum, struct fraction f)
{
    if (sum->den != f.den) {
        wide common = divisor(sum->den, f.den), up = f.den / common;
        if (!multiply(&f.num, f.num, sum->den / common) || !multiply(&sum->num, sum->num, up) ||
            !multiply(&sum->den, sum->den, up))
            return false;
    }
    if (sum->num > WIDE_MAX - f.num)
        return false;
    sum->num += f.num;
    return true;
}

static bool round_once(int64_t *out, struct fraction f, enum pack_rounding rounding)
{
    assert(f.den > 0);
    wide whole = f.num / f.den, rest = f.num % f.den;
    switch (rounding) {
    case ROUND_FLOOR:
        break;
    case ROUND_NEAREST:
        whole += rest >= f.den - rest;
        break;
    case ROUND_CEILING:
        whole += rest > 0;
        break;
    }
    if (whole > INT64_MAX)
        return false;
    *out = (int64_t)whole;
    return true;
}

/* ---- does a rule speak of this line? ---- */

static bool text_fits(const char *wanted, const char *text)
{
    return !*wanted || (text && strcmp(wanted, text) == 0);
}

static bool sku_fits(const char *wanted, const char *sku)
{
    size_t size = strlen(wanted);
    if (size && wanted[size - 1] == '*')
        return strncmp(wanted, sku, size - 1) == 0;
    return text_fits(wanted, sku);
}

static bool any_fits(const char *wanted, const char (*of)[TXN_NAME_SIZE], int32_t count)
{
    bool fits = !*wanted;
    for (int32_t i = 0; i < count && !fits; i++)
        fits = sku_fits(wanted, of[i]);
    return fits;
}

static bool time_fits(const struct pack_scope *s, int64_t time_s)
{
    int32_t day = day_of_time(time_s);
    int32_t weekday = (day % 7 + 7 + 3) % 7; /* 1970-01-01 was a Thursday */
    int32_t minute = (int32_t)((time_s - (int64_t)day * SECONDS_PER_DAY) / 60);
    if ((s->from_day && day < s->from_day) || (s->to_day && day > s->to_day))
        return false;
    if (s->weekdays && !(s->weekdays >> weekday & 1))
        return false;
    if (s->from_minute == s->to_minute)
        return true;
    if (s->from_minute < s->to_minute)
        return minute >= s->from_minute && minute < s->to_minute;
    return minute >= s->from_minute || minute < s->to_minute;
}

bool rate_scope_fits(const struct pack_scope *s, const struct bill *bill, const char *tier,
                     const struct txn_line *line)
{
    return (!line || (sku_fits(s->sku, line->sku) && text_fits(s->category, line->category))) &&
           text_fits(s->shop, bill->shop) && text_fits(s->tier, tier) && time_fits(s, bill->time_s) &&
           any_fits(s->coupon, bill->coupons, bill->coupon_count) &&
           any_fits(s->mark, bill->marks, bill->mark_count);
}

static bool is_excluded(const struct pack *pack, const struct bill *bill, const char *tier,
                        const struct txn_line *line)
{
    for (int32_t i = 0; i < pack->exclusion_count; i++)
        if (rate_scope_fits(&pack->exclusions[i], bill, tier, line))
            return true;
    return false;
}

/* ---- the sum ---- */

static enum err too_large(struct errmsg *why)
{
    return err_set(why, ERR_RANGE, "the bill is too large to be rated");
}

enum err rate_check(const struct bill *bill, int64_t *total, struct errmsg *why)
{
    struct money sum = money_of(0);
    if (bill->line_count < 0 || bill->line_count > TXN_LINES_MAX)
        return err_set(why, ERR_RANGE, "%d lines are outside 0..%d", (int)bill->line_count,
                       TXN_LINES_MAX);
    for (int32_t i = 0; i < bill->line_count; i++) {
        if (money_minor(bill->lines[i].amount) < 0)
            return err_set(why, ERR_RANGE, "line %d: the amount is negative", (int)i + 1);
        if (bill->lines[i].quantity < 1)
            return err_set(why, ERR_RANGE, "line %d: the quantity is below 1", (int)i + 1);
        if (!money_add(&sum, sum, bill->lines[i].amount))
            return too_large(why);
    }
    if (money_minor(bill->paid_by_points) < 0 || money_cmp(bill->paid_by_points, sum) > 0)
        return err_set(why, ERR_RANGE, "the part paid with points is not between 0 and the total");
    if (points_n(bill->earned_today) < 0 || points_n(bill->earned_month) < 0)
        return err_set(why, ERR_RANGE, "the points earned before are negative");
    struct money paid = bill->paid_by_points;
    for (int32_t i = 0; i < bill->tender_count; i++)
        if (money_minor(bill->tenders[i].amount) < 0 || !money_add(&paid, paid, bill->tenders[i].amount) ||
            money_cmp(paid, sum) > 0)
            return err_set(why, ERR_RANGE, "more was paid than the total, or less than nothing");
    *total = money_minor(sum);
    return OK;
}

static wide smaller(wide a, wide b)
{
    return a < b ? a : b;
}

/* What is left of an amount: what came back is rounded down, so that the last unit carries the
 * rest. */
static int64_t still(int64_t amount, int32_t left, int32_t quantity)
{
    int64_t back;
    bool fits64 = ratio_floor(&back, amount, quantity - left, quantity);
    assert(fits64); /* a part of amount */
    return amount - back;
}

/* Of the money of what is left, the part that was not given back; 1 when none was. */
static struct ratio kept_of(const struct bill *bill, const int32_t *left, struct money given)
{
    int64_t value = 0, back;
    for (int32_t i = 0; i < bill->line_count; i++) {
        const struct txn_line *line = &bill->lines[i];
        value += still(money_minor(line->amount), left ? left[i] : line->quantity, line->quantity);
    }
    back = (int64_t)smaller(money_minor(given), value);
    if (back == 0 || value == 0)
        return (struct ratio){1, 1};
    int64_t common = (int64_t)divisor(value, value - back);
    return (struct ratio){(value - back) / common, value / common};
}

/* What was paid so that it earns nothing. */
static struct money paid_idle(const struct pack *pack, const struct bill *bill)
{
    struct money sum = pack->points_paid_earns ? money_of(0) : bill->paid_by_points;
    for (int32_t i = 0; i < bill->tender_count; i++)
        for (int32_t k = 0; k < pack->exclude_tender_count; k++)
            if (strcmp(bill->tenders[i].code, pack->exclude_tenders[k]) == 0) {
                bool fits64 = money_add(&sum, sum, bill->tenders[i].amount);
                assert(fits64); /* rate_check: at most the total */
                break;
            }
    return sum;
}

/* The multiplier of a line: the largest in scope, the first of equals; all of them when they stack.
 */
static bool multiplied(const struct pack *pack, const struct bill *bill,
                       const struct txn_line *line, int64_t counted, struct fraction *f,
                       struct rate *r)
{
    int32_t best = -1;
    for (int32_t i = 0; i < pack->multiplier_count; i++) {
        const struct ratio *factor = &pack->multipliers[i].factor;
        if (!rate_scope_fits(&pack->multipliers[i].scope, bill, r->tier->code, line))
            continue;
        if (pack->multipliers_stack) {
            if (!scale(f, *factor))
                return false;
            r->multiplied[i] = money_of(money_minor(r->multiplied[i]) + counted);
        } else if (best < 0 || (wide)factor->num * pack->multipliers[best].factor.den >
                                   (wide)pack->multipliers[best].factor.num * factor->den) {
            best = i;
        }
    }
    if (best < 0)
        return true;
    r->multiplied[best] = money_of(money_minor(r->multiplied[best]) + counted);
    return scale(f, pack->multipliers[best].factor);
}

/* Of each piece, not of a visit. */
static bool is_of_pieces(const struct pack_scope *s)
{
    return *s->sku || *s->category;
}

static bool bonus(const struct pack *pack, const struct bill *bill, const struct txn_line *line,
                  int32_t left, struct fraction *f, struct rate *r)
{
    for (int32_t i = 0; i < pack->bonus_count; i++) {
        if (!is_of_pieces(&pack->bonuses[i].scope) ||
            !rate_scope_fits(&pack->bonuses[i].scope, bill, r->tier->code, line))
            continue;
        int64_t points;
        if (!ratio_floor(&points, points_n(pack->bonuses[i].points), left, 1) ||
            !points_add(&r->bonus[i], r->bonus[i], points_of(points)) ||
            !add(f, (struct fraction){points, 1}))
            return false;
    }
    return true;
}

/* Points for coming at all. */
static bool visit_bonus(const struct pack *pack, const struct bill *bill, struct fraction *f, struct rate *r)
{
    for (int32_t i = 0; i < pack->bonus_count; i++) {
        const struct pack_bonus *b = &pack->bonuses[i];
        if (is_of_pieces(&b->scope) || !rate_scope_fits(&b->scope, bill, r->tier->code, NULL))
            continue;
        r->bonus[i] = b->points;
        if (!add(f, (struct fraction){points_n(b->points), 1}))
            return false;
    }
    return true;
}

static void stamp_line(const struct pack *pack, const struct bill *bill, const struct txn_line *line, int32_t left,
                       struct rate *r)
{
    for (int32_t i = 0; i < pack->stamp_count; i++)
        if (!pack->stamps[i].per_visit &&
            rate_scope_fits(&pack->stamps[i].scope, bill, r->tier->code, line))
            r->stamps[i] += left;
}

static bool stamp_bill(const struct pack *pack, const struct bill *bill, int64_t *points, struct rate *r)
{
    for (int32_t i = 0; i < pack->stamp_count; i++) {
        const struct pack_stamp *s = &pack->stamps[i];
        if (s->per_visit)
            r->stamps[i] = money_minor(r->counted) > 0 &&
                           rate_scope_fits(&s->scope, bill, r->tier->code, NULL);
        for (int32_t k = 0; k < bill->stamp_count; k++) {
            const struct txn_stamp *card = &bill->stamps[k];
            int64_t more, full;
            if (strcmp(card->name, s->name) != 0)
                continue;
            if (__builtin_add_overflow(card->collected, r->stamps[i], &full))
                return false;
            full = full / s->every - card->given;
            r->stamps_given[i] = r->stamps[i] && full > 0 ? full : 0;
            if (!ratio_floor(&more, r->stamps_given[i], points_n(s->points), 1) ||
                __builtin_add_overflow(*points, more, points))
                return false;
            break;
        }
    }
    return true;
}

static int64_t capped(const struct pack *pack, const struct bill *bill, int64_t points,
                      enum rate_cap *cap)
{
    int64_t most = points_n(pack->cap_per_bill);
    if (most && points > most) {
        points = most;
        *cap = CAP_PER_BILL;
    }
    if (points_n(pack->cap_per_day)) {
        most = points_n(pack->cap_per_day) - points_n(bill->earned_today);
        if (points > most) {
            points = most > 0 ? most : 0;
            *cap = CAP_PER_DAY;
        }
    }
    if (points_n(pack->cap_per_month)) {
        most = points_n(pack->cap_per_month) - points_n(bill->earned_month);
        if (points > most) {
            points = most > 0 ? most : 0;
            *cap = CAP_PER_MONTH;
        }
    }
    return points;
}

static struct money part(struct money whole, struct ratio of)
{
    int64_t minor;
    bool fits64 = ratio_floor(&minor, money_minor(whole), of.num, of.den);
    assert(fits64);
    return money_of(minor);
}

enum err rate(const struct pack *pack, const struct bill *bill, const int32_t *left,
              struct money given, struct rate *out, struct errmsg *why)
{
    int64_t total = 0, before = 0, share_before = 0, points = 0;
    struct rate r = {.tier = pack_get_tier(pack, bill->tier)};
    struct fraction sum = {0, 1};
    enum err e = rate_check(bill, &total, why);
    if (e)
        return e;
    assert(money_minor(given) >= 0);
    struct ratio kept = kept_of(bill, left, given);
    int64_t idle = money_minor(paid_idle(pack, bill));
    for (int32_t i = 0; i < bill->line_count; i++) {
        const struct txn_line *line = &bill->lines[i];
        int32_t quantity = left ? left[i] : line->quantity;
        assert(quantity >= 0);
        assert(quantity <= line->quantity);
        int64_t amount = money_minor(line->amount), share = 0;

        /* Shares of what was paid and earns nothing: by the running total, so that they add up to it. */
        before += amount;
        if (total && idle) {
            int64_t share_now;
            bool fits64 = ratio_floor(&share_now, idle, before, total);
            assert(fits64); /* a part of what was paid */
            share = share_now - share_before;
            share_before = share_now;
        }
        r.total = money_of(money_minor(r.total) + still(amount, quantity, line->quantity));
        if (is_excluded(pack, bill, r.tier->code, line))
            continue;
        int64_t counted = still(amount - share, quantity, line->quantity);
        r.counted = money_of(money_minor(r.counted) + counted);

        stamp_line(pack, bill, line, quantity, &r);
        struct fraction f = {counted, 1};
        if (!scale(&f, pack->earn) || !multiplied(pack, bill, line, counted, &f, &r) ||
            (kept.num != kept.den && !scale(&f, kept)) ||
            !bonus(pack, bill, line, quantity, &f, &r))
            return too_large(why);
        if (pack->round_per == ROUND_PER_LINE) {
            int64_t of_line;
            if (!scale(&f, r.tier->factor) || !round_once(&of_line, f, pack->rounding) ||
                __builtin_add_overflow(points, of_line, &points))
                return too_large(why);
        } else if (!add(&sum, f)) {
            return too_large(why);
        }
    }
    r.total = part(r.total, kept); /* exact */
    r.counted = part(r.counted, kept);
    if (money_minor(r.counted) > 0 && !visit_bonus(pack, bill, &sum, &r))
        return too_large(why);
    int64_t of_bill; /* per line: of the visit */
    if (!scale(&sum, r.tier->factor) || !round_once(&of_bill, sum, pack->rounding) ||
        __builtin_add_overflow(points, of_bill, &points) || !stamp_bill(pack, bill, &points, &r))
        return too_large(why);
    r.points = points_of(capped(pack, bill, points, &r.cap));
    *out = r;
    return OK;
}
