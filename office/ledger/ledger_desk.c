/* ledger_desk.c - what head office's desk does without a till: points brought from the programme before, rewards taken
 * and given back.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "office/ledger/ledger_int.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void ledger_post_opening(struct work *w)
{
    struct ledger_facts *in = w->in;
    const struct txn *t = in->t;
    struct ledger_effects *out = w->out;
    if (!in->member.known) {
        work_note(w, LEDGER_UNKNOWN_MEMBER, "M%" PRIu64, t->member);
        return;
    }
    if (!work_add(w, ACCOUNT_ADJUSTED, CAUSE_OPENING, t->day, t->points))
        return;
    if (!*t->tier || !in->pack_now || !pack_find_tier(in->pack_now, t->tier) ||
        strcmp(t->tier, in->member.tier) == 0)
        return;
    out->tier_set = out->tier_moved = true;
    out->tier_day = w->day;
    out->short_since_day = DAY_NEVER;
    snprintf(out->new_tier, sizeof out->new_tier, "%s", t->tier);
    snprintf(out->tier_why, sizeof out->tier_why, "held in the programme before");
}

/* From what was set aside for it, or from held: that it is there was asked before it was written. */
void ledger_post_redeem(struct work *w)
{
    struct ledger_facts *in = w->in;
    const struct txn *t = in->t;
    const struct ledger_hold *h = &in->hold;
    struct points rest;
    char name[ENTRY_TEXT_SIZE];
    entry_text(name, t->original);
    if (!in->member.known) {
        work_note(w, LEDGER_UNKNOWN_MEMBER, "M%" PRIu64, t->member);
        return;
    }
    if (!entry_is(t->original)) {
        work_post(w, ACCOUNT_HELD, ACCOUNT_REDEEMED, t->redeemed);
    } else if (!h->known) {
        work_note(w, LEDGER_NO_HOLD, "%s", name);
        return;
    } else if (h->terminal != OFFICE_TERMINAL || in->said != h->member || points_cmp(t->redeemed, h->amount) > 0 ||
               !points_sub(&rest, h->amount, t->redeemed)) {
        work_note(w, LEDGER_HOLD_DIFFERS, "%s is of %" PRId64 " points of M%" PRIu64, name, points_n(h->amount),
                  h->member);
        return;
    } else if (h->state != HOLD_OPEN) {
        work_note(w, h->state == HOLD_RELEASED ? LEDGER_HOLD_RELEASED : LEDGER_HOLD_USED, "%s", name);
        return;
    } else {
        work_post(w, ACCOUNT_RESERVED, ACCOUNT_REDEEMED, t->redeemed);
        work_post(w, ACCOUNT_RESERVED, ACCOUNT_HELD, rest);
        w->out->hold_set = true;
        w->out->hold_state = HOLD_TAKEN;
    }
    work_take(w, CAUSE_REDEEM, w->day, t->redeemed);
    w->out->desk_taken = true;
}

/* Into the lots they came from, the last taken first: two halves are the whole. */
void ledger_post_return(struct work *w)
{
    struct ledger_facts *in = w->in;
    const struct ledger_sale *s = &in->sale;
    const struct txn *t = in->t;
    struct points owed_before = in->member.owed, change, left;
    struct errmsg why;
    char name[ENTRY_TEXT_SIZE];
    int32_t moved = 0;
    entry_text(name, t->original);
    if (!s->known || !in->member.known || !points_sub(&left, s->redeemed, s->redeemed_back) ||
        points_cmp(t->redeemed, left) > 0) {
        work_note(w, LEDGER_NO_REDEEM, "%s", name);
        return;
    }
    int32_t fallback = work_back_day(w, in->pack_now);
    if (lots_give_back(in->lots, &in->lot_count, LOTS_MAX, s->taken, s->taken_count, s->uncovered, s->redeemed_back,
                       t->redeemed, &in->member.owed, fallback, w->out->scratch, &moved, &why)) {
        work_note(w, LEDGER_CANNOT_POST, "%s", why.text);
        return;
    }
    w->out->desk_back = true;
    work_post(w, ACCOUNT_REDEEMED, ACCOUNT_HELD, t->redeemed);
    work_keep_moves(w, CAUSE_RETURN, moved);
    bool fits = points_sub(&change, in->member.owed, owed_before);
    assert(fits);
    work_keep_debt(w, CAUSE_RETURN, change);
    work_expire(w, in->run_day);
}
