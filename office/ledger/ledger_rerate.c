/* ledger_rerate.c - a purchase of the past rated by another pack, by order.
 *
 * What the sale has left is what it earned less what refunds took back (or let go).  By the other pack the whole bill
 * earns, and all that came back so far is clawed at once; the difference of the two is posted.  From then on the sale
 * is one of the other pack: a refund after it claws by the new rating, and the sum over all refunds is again what the
 * bill earned.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "office/ledger/ledger_int.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What the bill earns by in->pack, and what of it has come back by now. */
static enum err rate_again(const struct ledger_facts *in, struct earning *earned, struct clawback *back,
                           struct errmsg *why)
{
    const struct txn *o = in->original;
    struct rules_return returns[TXN_LINES_MAX];
    int32_t left[TXN_LINES_MAX], count = 0;
    struct money given = money_of(0);
    struct bill bill = work_bill(o, in->sale.tier, &in->sale.had);
    memset(back, 0, sizeof *back);
    enum err e = rules_earn(in->pack, &bill, earned, why);
    for (int32_t i = 0; i < o->line_count; i++) {
        left[i] = o->lines[i].quantity;
        if (in->sale.left[i] < left[i])
            returns[count++] = (struct rules_return){i, left[i] - in->sale.left[i]};
    }
    if (e || (count == 0 && money_minor(in->sale.given) == 0))
        return e;
    return rules_clawback(in->pack, &bill, points_of(0), left, &given, returns, count, in->sale.given, back, why);
}

static struct points take_back(struct work *w, struct points points)
{
    struct ledger_facts *in = w->in;
    int32_t moved = 0;
    struct points taken = points, uncovered =
        lots_claw(in->lots, in->lot_count, in->sale.lot_day, w->day, points, w->out->scratch, &moved);
    work_keep_moves(w, CAUSE_RERATE, moved);
    if (in->pack->refund_may_owe) {
        work_owe(w, CAUSE_RERATE, uncovered);
    } else {
        bool fits = points_sub(&taken, points, uncovered);
        assert(fits);
    }
    work_unvest(w, &in->vesting, taken);
    work_post(w, ACCOUNT_HELD, ACCOUNT_CLAWED, taken);
    return taken;
}

void ledger_post_rerate(struct work *w)
{
    struct ledger_facts *in = w->in;
    struct ledger_effects *out = w->out;
    const struct ledger_sale *s = &in->sale;
    const struct txn *t = in->t;
    struct earning earned;
    struct clawback back;
    struct errmsg why;
    char name[ENTRY_TEXT_SIZE];
    entry_text(name, t->original);
    if (!in->original || !s->known || !in->member.known) {
        work_note(w, LEDGER_NOT_A_SALE, "%s", name);
        return;
    }
    if (!in->pack) {
        work_note(w, LEDGER_PACK_UNKNOWN, "pack %" PRIu32, t->pack_version);
        return;
    }
    if (rate_again(in, &earned, &back, &why)) {
        work_note(w, LEDGER_CANNOT_POST, "%s", why.text);
        return;
    }
    int64_t was = points_n(s->earned) - points_n(s->taken_back);
    int64_t is = points_n(earned.points) - points_n(back.clawed), change = is - was;
    if (change != points_n(t->points))
        work_note(w, LEDGER_POINTS_DIFFER, "ordered were %" PRId64 ", by pack %" PRIu32 " it is %" PRId64,
                  points_n(t->points), t->pack_version, change);
    if (change > 0 && !work_earn(w, CAUSE_RERATE, s->lot_day, points_of(change), &in->vesting))
        return;
    if (change < 0)
        (void)take_back(w, points_of(-change));
    int64_t counted_was = money_minor(s->counted) - money_minor(s->counted_back);
    int64_t counted_is = money_minor(earned.counted) - money_minor(back.counted_back);
    out->rerated = true;
    out->pack_version = in->pack->version;
    out->earned = earned.points;
    out->counted = earned.counted;
    out->counted_back = back.counted_back;
    out->rerated_back = points_of(points_n(back.clawed) - points_n(s->taken_back));
    snprintf(out->why, sizeof out->why, "%s", earned.why);
    out->metric.day = day_of_time(in->original->time_s);
    out->metric.spend = counted_is - counted_was;
    out->metric.points = change;
    out->metric.bills = (counted_is > 0) - (counted_was > 0);
}
