/* ledger_refund.c - goods or money that came back: what it takes back, and what returns to the member.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "office/ledger/ledger_int.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void give_back(struct work *w, struct points points)
{
    struct errmsg why;
    struct ledger_facts *in = w->in;
    const struct ledger_sale *s = &in->sale;
    struct points owed_before = in->member.owed, change;
    int32_t moved = 0, fallback = work_back_day(w, in->pack);
    if (points_n(points) == 0)
        return;
    if (lots_give_back(in->lots, &in->lot_count, LOTS_MAX, s->taken, s->taken_count, s->uncovered,
                       s->redeemed_back, points, &in->member.owed,
                       fallback, w->out->scratch, &moved, &why)) {
        work_note(w, LEDGER_CANNOT_POST, "%s", why.text);
        return;
    }
    w->out->points_back = points;
    work_post(w, ACCOUNT_REDEEMED, ACCOUNT_HELD, points);
    work_keep_moves(w, CAUSE_RETURN, moved);
    bool fits = points_sub(&change, in->member.owed, owed_before);
    assert(fits);
    work_keep_debt(w, CAUSE_RETURN, change);
    work_expire(w, in->run_day);
}

static void claw(struct work *w, struct points points)
{
    struct ledger_facts *in = w->in;
    struct ledger_effects *out = w->out;
    int32_t moved = 0;
    struct points uncovered =
        lots_claw(in->lots, in->lot_count, in->sale.lot_day, w->day, points, out->scratch, &moved);
    work_keep_moves(w, CAUSE_CLAW, moved);
    out->clawed = points;
    if (in->pack->refund_may_owe) {
        work_owe(w, CAUSE_CLAW, uncovered);
    } else {
        bool fits = points_sub(&out->clawed, points, uncovered);
        assert(fits);
        out->let_go = uncovered;
    }
    work_unvest(w, &in->vesting, out->clawed);
    work_post(w, ACCOUNT_HELD, ACCOUNT_CLAWED, out->clawed);
}

/* Money given back without goods. */
static struct money without_goods(const struct txn *t)
{
    return t->line_count ? money_of(0) : t->total;
}

/* What the till should have said, from what is in its journal (I6).  Another till's sale is not. */
static void compare_refund(struct work *w)
{
    const struct ledger_facts *in = w->in;
    const struct txn *t = in->t, *o = in->original;
    struct rules_return returns[TXN_LINES_MAX];
    int32_t left[TXN_LINES_MAX], count = 0;
    struct bill bill = work_bill_here(o, &in->sale.had_here);
    struct points redeemed = txn_redeemed(o);
    struct money given = in->sale.given_here;
    struct clawback same;
    if (t->id.terminal != t->original.terminal || t->pack_version != o->pack_version ||
        in->pack->version != o->pack_version)
        return;
    memcpy(left, in->sale.left_here, sizeof left);
    if (rules_match_returns(o->lines, o->line_count, left, t->lines, t->line_count, returns,
                            TXN_LINES_MAX, &count, NULL) ||
        rules_clawback(in->pack, &bill, redeemed, left, &given, returns, count, without_goods(t),
                       &same, NULL))
        return;
    w->out->refund_rated = true;
    w->out->points_rated = same.clawed;
    if (points_cmp(same.clawed, t->points) != 0 || points_cmp(same.points_back, t->redeemed) != 0)
        work_note(w, LEDGER_POINTS_DIFFER,
                  "till takes %" PRId64 " and gives back %" PRId64 ", head office %" PRId64
                  " and %" PRId64 ": %s",
                  points_n(t->points), points_n(t->redeemed), points_n(same.clawed),
                  points_n(same.points_back), same.why);
}

void ledger_post_refund(struct work *w)
{
    struct ledger_facts *in = w->in;
    const struct txn *t = in->t, *o = in->original;
    struct ledger_effects *out = w->out;
    struct clawback own;
    struct errmsg why;
    int32_t left[TXN_LINES_MAX];
    char name[ENTRY_TEXT_SIZE];
    entry_text(name, t->original);
    if (in->original_is_other) {
        work_note(w, LEDGER_NOT_A_SALE, "%s", name);
        return;
    }
    if (!o) {
        out->waits = true;
        out->note_count = 0; /* said when it is posted */
        return;
    }
    if (rules_match_returns(o->lines, o->line_count, in->sale.left, t->lines, t->line_count,
                            out->returns, TXN_LINES_MAX, &out->return_count, &why)) {
        work_note(w, LEDGER_NOT_BOUGHT, "%s", why.text);
        return;
    }
    out->given = without_goods(t);
    struct money most =
        rules_money_left(o->lines, o->line_count, in->sale.left, in->sale.given, NULL);
    if (money_cmp(out->given, most) > 0) {
        work_note(w, LEDGER_NOT_BOUGHT,
                  "%" PRId64 " minor units were given back, %" PRId64 " were left on the bill",
                  money_minor(out->given), money_minor(most));
        out->given = most; /* so that two tills' refunds come to the same in any order */
    }
    out->refund = true;
    if (!in->pack || !in->member.known)
        return;
    compare_refund(w);
    struct bill bill = work_bill(o, in->sale.tier, &in->sale.had);
    struct money given = in->sale.given;
    memcpy(left, in->sale.left, sizeof left);
    enum err e = rules_clawback(in->pack, &bill, in->sale.redeemed, left, &given, out->returns,
                                out->return_count, out->given, &own, &why);
    if (e) {
        work_note(w, LEDGER_CANNOT_POST, "%s", why.text);
        return;
    }
    snprintf(out->why, sizeof out->why, "%s", own.why);
    give_back(w, own.points_back);
    claw(w, own.clawed);
    for (int32_t i = 0; i < in->pack->stamp_count; i++) {
        out->stamps[i].collected = -own.stamps_back[i].collected;
        out->stamps[i].given = -own.stamps_back[i].given;
        if (own.stamps_back[i].collected)
            out->stamped = in->pack;
    }
    int64_t counted_before = money_minor(in->sale.counted) - money_minor(in->sale.counted_back);
    out->counted_back = own.counted_back;
    out->metric.day = day_of_time(o->time_s);
    out->metric.spend = -money_minor(own.counted_back);
    out->metric.points = -points_n(own.clawed);
    out->metric.bills = -(counted_before > 0 && counted_before == money_minor(own.counted_back));
}
