/* ledger_sale.c - a purchase: what it earns and which tier follows.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "office/ledger/ledger_int.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct bill work_bill_here(const struct txn *t, const struct ledger_before *here)
{
    struct bill bill = rules_bill(t);
    bill.earned_today = here->today;
    bill.earned_month = here->month;
    return bill;
}

struct bill work_bill(const struct txn *t, const char *tier, const struct ledger_before *before)
{
    struct bill bill = work_bill_here(t, before);
    bill.tier = tier;
    bill.stamps = before->stamps; /* never what a till says of them (I5) */
    bill.stamp_count = before->stamp_count;
    return bill;
}

/* The tier to post with: the till's, when the member may have it. */
static const char *tier_for(struct work *w)
{
    struct ledger_facts *in = w->in;
    const char *said = pack_get_tier(in->pack, in->t->tier)->code;
    bool named = in->t->member || uid_is(&in->t->card) || txn_has_token(in->t);
    if (!named)
        return in->member.tier;
    if (in->tier_ever || strcmp(said, in->pack->tiers[0].code) == 0)
        return said;
    work_note(w, LEDGER_TIER_NOT_HELD, "%s; posted with %s", said, in->member.tier);
    return in->member.tier;
}

/* Head office's own number is posted; the till's is compared by the same facts (I6). */
static bool rate_sale(struct work *w, struct earning *posted)
{
    struct errmsg why;
    struct ledger_facts *in = w->in;
    const struct txn *t = in->t;
    struct ledger_effects *out = w->out;
    struct earning same;
    if (!in->pack)
        work_note(w, LEDGER_PACK_UNKNOWN, "pack %" PRIu32, t->pack_version);
    else if (in->pack->effective_day > w->day)
        work_note(w, LEDGER_PACK_EARLY, "pack %" PRIu32, t->pack_version);
    bool own = in->pack != NULL;
    if (!own)
        in->pack = in->pack_now;
    if (!in->pack)
        return false;
    struct bill bill = work_bill_here(t, &in->had_here);
    if (rules_earn(in->pack, &bill, &same, &why)) {
        work_note(w, LEDGER_CANNOT_POST, "%s", why.text);
        return false;
    }
    bool named = t->member || uid_is(&t->card) || txn_has_token(t);
    if (own && named) { /* of nobody the till had nothing to work out */
        out->rated = true;
        out->points_rated = same.points;
        if (points_cmp(same.points, t->points) != 0)
            work_note(w, LEDGER_POINTS_DIFFER, "till %" PRId64 ", head office %" PRId64 ": %s",
                      points_n(t->points), points_n(same.points), same.why);
    }
    const char *tier = tier_for(w);
    bill = work_bill(t, tier, &in->had);
    *posted = same;
    if (strcmp(tier, pack_get_tier(in->pack, t->tier)->code) != 0 ||
        points_cmp(in->had_here.today, in->had.today) != 0 ||
        points_cmp(in->had_here.month, in->had.month) != 0 || in->had.stamp_count || t->stamp_count) {
        enum err e = rules_earn(in->pack, &bill, posted, &why);
        assert(!e); /* the same bill was fine just now */
    }
    snprintf(out->tier, sizeof out->tier, "%s", pack_get_tier(in->pack, tier)->code);
    out->pack_version = in->pack->version;
    return true;
}

static void count_metric(struct work *w, const struct earning *earned)
{
    struct ledger_facts *in = w->in;
    struct tier_sums sums = in->sums;
    w->out->metric.day = w->day;
    w->out->metric.spend = money_minor(earned->counted);
    w->out->metric.points = points_n(earned->points);
    w->out->metric.bills = money_minor(earned->counted) > 0;
    if (!in->pack_now)
        return;
    if (w->day >= rules_tier_window_start(in->pack_now, in->member.enrolled_day, in->today)) {
        sums.spend += w->out->metric.spend;
        sums.points += w->out->metric.points;
        sums.visits += w->out->metric.bills && in->bills_on_day == 0;
    }
    work_decide_tier(w, &sums, in->today, false);
}

void ledger_post_sale(struct work *w)
{
    struct ledger_facts *in = w->in;
    const struct txn *t = in->t;
    struct ledger_effects *out = w->out;
    struct earning earned = {0};
    bool member = work_has_member(w);
    out->sale = true;
    out->lot_day = DAY_NEVER;
    if (t->commit != COMMIT_DONE && !txn_is_held(t) && money_minor(t->redeemed_value) > 0)
        work_note(w, LEDGER_REWARD_UNPROVEN, "%" PRId64 " minor units",
                  money_minor(t->redeemed_value));
    if (t->piece)
        ledger_post_piece(w);
    if (t->commit == COMMIT_DONE && *t->reward)
        ledger_compare_redemption(w);
    if (t->commit != COMMIT_NONE)
        ledger_post_commit(w, t->redeemed);
    else if (txn_is_held(t))
        ledger_post_held(w);
    else if (!member)
        work_leave_unclaimed(w);
    if (!member)
        return;
    out->sale_member = in->member.id;
    if (!rate_sale(w, &earned))
        return;
    out->lot_day = work_lot_day(w, in->pack);
    work_move_by_purchase(w, out->lot_day);
    if (!work_earn(w, CAUSE_EARN, out->lot_day, earned.points, &in->vesting))
        return;
    out->earned = earned.points;
    out->counted = earned.counted;
    for (int32_t i = 0; i < in->pack->stamp_count; i++) {
        out->stamps[i].collected = earned.stamps[i].collected;
        out->stamps[i].given = earned.stamps[i].given;
        if (earned.stamps[i].collected)
            out->stamped = in->pack;
    }
    snprintf(out->why, sizeof out->why, "%s", earned.why);
    count_metric(w, &earned);
}
