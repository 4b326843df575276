/* refund.c - what comes back when goods come back: points, redeemed points, money.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/tr.h"
#include "rules/rate.h"
#include "rules/say.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

/* What has come back so far of something spent on the whole bill, when money_back of total has. */
static int64_t returned(int64_t whole, int64_t money_back, int64_t total, bool all_back)
{
    int64_t back;
    if (total == 0)
        return all_back ? whole : 0;
    bool fits64 = ratio_floor(&back, whole, money_back, total);
    assert(fits64); /* a part of whole */
    return back;
}

static enum err take_off(const struct bill *bill, int32_t *after,
                         const struct rules_return *returns, int32_t return_count,
                         struct errmsg *why)
{
    for (int32_t i = 0; i < return_count; i++) {
        const struct rules_return *r = &returns[i];
        if (r->line < 0 || r->line >= bill->line_count)
            return err_set(why, ERR_RANGE, "the bill has no line %d", (int)r->line + 1);
        if (r->quantity < 1)
            return err_set(why, ERR_RANGE, "line %d: %d came back, which is no quantity",
                           (int)r->line + 1, (int)r->quantity);
        if (r->quantity > after[r->line])
            return err_set(why, ERR_RANGE, "line %d: %d came back, but only %d of %d are left to",
                           (int)r->line + 1, (int)r->quantity, (int)after[r->line],
                           (int)bill->lines[r->line].quantity);
        after[r->line] -= r->quantity;
    }
    return OK;
}

/* "12.00 GBP back, 3.00 of it as 300 points; 12 of 40 points taken back, 28 stay" */
static void explain(const struct pack *pack, const struct rate *before, const struct rate *after,
                    struct clawback *c)
{
    char money[PACK_MONEY_SIZE];
    struct say s = say_on(c->why, sizeof c->why);
    say(&s, tr("%s back"), pack_money_text(money, pack, c->refund));
    if (points_n(c->points_back))
        say(&s, tr(", %s of it as %" PRId64 " points"),
            pack_amount_text(money, pack, c->points_value), points_n(c->points_back));
    say(&s, tr("; %" PRId64 " of %" PRId64 " points earned are taken back"), points_n(c->clawed),
        points_n(before->points));
    if (points_n(after->points))
        say(&s, tr(", %" PRId64 " stay"), points_n(after->points));
}

/* What came back of a line is rounded down, as rate.c does. */
static int64_t still(const struct txn_line *line, int32_t left)
{
    int64_t back;
    bool fits64 =
        ratio_floor(&back, money_minor(line->amount), line->quantity - left, line->quantity);
    assert(fits64); /* a part of the amount */
    return money_minor(line->amount) - back;
}

struct money rules_money_left(const struct txn_line *lines, int32_t line_count, const int32_t *left,
                              struct money given, struct money *of_lines)
{
    int64_t value = 0, so_far = 0, told = 0;
    for (int32_t i = 0; i < line_count; i++)
        value += still(&lines[i], left[i]);
    int64_t kept = money_minor(given) < value ? value - money_minor(given) : 0;
    for (int32_t i = 0; i < line_count && of_lines; i++) {
        int64_t now = 0;
        so_far += still(&lines[i], left[i]);
        bool fits64 = value == 0 || ratio_floor(&now, kept, so_far, value);
        assert(fits64); /* a part of kept */
        of_lines[i] = money_of(now - told);
        told = now;
    }
    return money_of(kept);
}

static enum err check_left(const struct bill *bill, const int32_t *left, struct money given,
                           struct errmsg *why)
{
    for (int32_t i = 0; i < bill->line_count; i++)
        if (left[i] < 0 || left[i] > bill->lines[i].quantity)
            return err_set(why, ERR_RANGE, "line %d: %d of %d cannot be left", (int)i + 1,
                           (int)left[i], (int)bill->lines[i].quantity);
    return money_minor(given) < 0
               ? err_set(why, ERR_RANGE, "the money given back before is negative")
               : OK;
}

enum err rules_clawback(const struct pack *pack, const struct bill *original,
                        struct points redeemed, int32_t *left, struct money *given,
                        const struct rules_return *returns, int32_t return_count,
                        struct money amount, struct clawback *out, struct errmsg *why)
{
    int32_t after[TXN_LINES_MAX];
    struct money given_after;
    char money[PACK_MONEY_SIZE];
    struct rate whole, kept_before, kept_after;
    bool none_left = true, none_left_before = true;
    enum err e = rate(pack, original, NULL, money_of(0), &whole, why);
    if (e)
        return e;
    if (points_n(redeemed) < 0)
        return err_set(why, ERR_RANGE, "the redeemed points are negative");
    if ((e = check_left(original, left, *given, why)))
        return e;
    if (original->line_count)
        memcpy(after, left, (size_t)original->line_count * sizeof left[0]);
    if ((e = take_off(original, after, returns, return_count, why)))
        return e;
    if (money_minor(amount) < 0)
        return err_set(why, ERR_RANGE, "the money given back is negative");
    struct money most =
        rules_money_left(original->lines, original->line_count, after, *given, NULL);
    if (money_cmp(amount, most) > 0)
        return err_set(why, ERR_RANGE, "only %s of this bill have not come back yet",
                       pack_money_text(money, pack, most));
    if (!money_add(&given_after, *given, amount))
        return err_set(why, ERR_RANGE, "the money given back before is too large");
    e = rate(pack, original, left, *given, &kept_before, why);
    if (!e)
        e = rate(pack, original, after, given_after, &kept_after, why);
    if (e)
        return e;
    for (int32_t i = 0; i < original->line_count; i++) {
        none_left_before &= left[i] == 0;
        none_left &= after[i] == 0;
    }

    int64_t total = money_minor(whole.total), paid = money_minor(original->paid_by_points);
    int64_t back_before = total - money_minor(kept_before.total);
    int64_t back_after = total - money_minor(kept_after.total);
    *out = (struct clawback){
        .clawed = points_of(points_n(kept_before.points) - points_n(kept_after.points)),
        .points_back =
            points_of(returned(points_n(redeemed), back_after, total, none_left) -
                      returned(points_n(redeemed), back_before, total, none_left_before)),
        .refund = money_of(back_after - back_before),
        .points_value = money_of(returned(paid, back_after, total, none_left) -
                                 returned(paid, back_before, total, none_left_before)),
        .counted_back =
            money_of(money_minor(kept_before.counted) - money_minor(kept_after.counted)),
    };
    for (int32_t i = 0; i < PACK_STAMPS_MAX; i++) {
        out->stamps_back[i].collected = kept_before.stamps[i] - kept_after.stamps[i];
        out->stamps_back[i].given = kept_before.stamps_given[i] - kept_after.stamps_given[i];
    }
    explain(pack, &kept_before, &kept_after, out);
    if (original->line_count)
        memcpy(left, after, (size_t)original->line_count * sizeof left[0]);
    *given = given_after;
    return OK;
}

/* ---- which lines of the bill came back ---- */

__extension__ typedef __int128 wide;

static bool same_price(const struct txn_line *a, const struct txn_line *b)
{
    return (wide)money_minor(a->amount) * b->quantity == (wide)money_minor(b->amount) * a->quantity;
}

enum err rules_match_returns(const struct txn_line *original, int32_t original_count,
                             const int32_t *left, const struct txn_line *back, int32_t back_count,
                             struct rules_return *out, int32_t cap, int32_t *count,
                             struct errmsg *why)
{
    int32_t matched[TXN_LINES_MAX] = {0}, lines = 0, written = 0;
    if (original_count < 0 || original_count > TXN_LINES_MAX)
        return err_set(why, ERR_RANGE, "%d lines are outside 0..%d", (int)original_count,
                       TXN_LINES_MAX);
    for (int32_t i = 0; i < back_count; i++) {
        int32_t want = back[i].quantity;
        for (int pass = 0; pass < 2; pass++)
            for (int32_t k = original_count; k-- > 0 && want > 0;) {
                if (strcmp(original[k].sku, back[i].sku) != 0 ||
                    (pass == 0 && !same_price(&original[k], &back[i])))
                    continue;
                int32_t there = left[k] - matched[k];
                int32_t taken = there < want ? there : want;
                lines += taken > 0 && matched[k] == 0;
                matched[k] += taken;
                want -= taken;
            }
        if (want > 0 && want == back[i].quantity)
            return err_set(why, ERR_NOT_FOUND,
                           "%s was not on this bill, or has all come back before", back[i].sku);
        if (want > 0)
            return err_set(why, ERR_NOT_FOUND,
                           "%s: %d came back, but only %d are left on this bill", back[i].sku,
                           (int)back[i].quantity, (int)(back[i].quantity - want));
    }
    if (lines > cap)
        return err_set(why, ERR_FULL, "%d lines came back, %d have room", (int)lines, (int)cap);
    for (int32_t k = 0; k < original_count; k++)
        if (matched[k])
            out[written++] = (struct rules_return){k, matched[k]};
    *count = written;
    return OK;
}
