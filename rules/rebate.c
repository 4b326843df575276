/* rebate.c - money off for members, line by line.  Source: docs/programme.md, "Rebates".
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/tr.h"
#include "rules/rate.h"
#include "rules/say.h"

#include <assert.h>

__extension__ typedef __int128 wide;

static bool more(struct ratio a, struct ratio b)
{
    return (wide)a.num * b.den > (wide)b.num * a.den;
}

static int32_t best_of(const struct pack *pack, const struct bill *bill, const char *tier,
                       const struct txn_line *line)
{
    int32_t best = -1;
    for (int32_t i = 0; i < pack->rebate_count; i++)
        if (rate_scope_fits(&pack->rebates[i].scope, bill, tier, line) &&
            (best < 0 || more(pack->rebates[i].rate, pack->rebates[best].rate)))
            best = i;
    return best;
}

/* "3.50 GBP off: members 2.00, tea 1.50" */
static void explain(const struct pack *pack, const struct bill *bill, struct rebate *r)
{
    char money[PACK_MONEY_SIZE];
    struct say s = say_on(r->why, sizeof r->why);
    if (money_minor(r->total) == 0)
        return;
    say(&s, tr("%s off"), pack_money_text(money, pack, r->total));
    const char *joint = ": ";
    for (int32_t i = 0; i < pack->rebate_count; i++) {
        int64_t sum = 0;
        for (int32_t k = 0; k < bill->line_count; k++)
            sum += r->by[k] == i ? money_minor(r->of_line[k]) : 0;
        if (sum == 0)
            continue;
        say(&s, "%s%s %s", joint, pack->rebates[i].name,
            pack_amount_text(money, pack, money_of(sum)));
        joint = ", ";
    }
}

enum err rules_rebate(const struct pack *pack, const struct bill *bill, struct rebate *out,
                      struct errmsg *why)
{
    const char *tier = pack_get_tier(pack, bill->tier)->code;
    int64_t bill_total = 0, total = 0;
    enum err e = rate_check(bill, &bill_total, why);
    if (e)
        return e;
    for (int32_t i = 0; i < bill->line_count; i++) {
        int64_t off = 0;
        out->by[i] = best_of(pack, bill, tier, &bill->lines[i]);
        if (out->by[i] >= 0) {
            struct ratio rate = pack->rebates[out->by[i]].rate;
            bool fits64 = ratio_floor(&off, money_minor(bill->lines[i].amount), rate.num, rate.den);
            assert(fits64); /* pack_read: at most 1 */
        }
        out->of_line[i] = money_of(off);
        total += off;
    }
    assert(total <= bill_total);
    out->total = money_of(total);
    explain(pack, bill, out);
    return OK;
}
