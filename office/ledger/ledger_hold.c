/* ledger_hold.c - points of a member set aside at head office, redeemed or let go.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "office/ledger/ledger_int.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void ledger_post_hold(struct work *w)
{
    const struct txn *t = w->in->t;
    if (!w->in->member.known) {
        work_note(w, LEDGER_UNKNOWN_MEMBER, "M%" PRIu64, t->member);
        return;
    }
    w->out->hold_new = true;
    work_post(w, ACCOUNT_HELD, ACCOUNT_RESERVED, t->redeemed);
}

static void set_hold(struct work *w, int state)
{
    w->out->hold_set = true;
    w->out->hold_state = state;
}

/* Is the HOLD there, and for this till? */
static bool has_hold(struct work *w)
{
    const struct ledger_hold *h = &w->in->hold;
    const struct txn *t = w->in->t;
    char name[ENTRY_TEXT_SIZE];
    entry_text(name, h->id);
    if (!h->known || !w->in->member.known) {
        work_note(w, LEDGER_NO_HOLD, "%s", name);
        return false;
    }
    if (t->id.terminal != OFFICE_TERMINAL && h->terminal != t->id.terminal) {
        work_note(w, LEDGER_HOLD_DIFFERS, "%s is for terminal %" PRIu32, name, h->terminal);
        return false;
    }
    return true;
}

/* RELEASE, CANCEL: the sale does not come. */
void ledger_post_release(struct work *w)
{
    const struct ledger_hold *h = &w->in->hold;
    char name[ENTRY_TEXT_SIZE];
    entry_text(name, h->id);
    if (!has_hold(w))
        return;
    if (h->state == HOLD_OPEN) {
        work_post(w, ACCOUNT_RESERVED, ACCOUNT_HELD, h->amount);
        set_hold(w, HOLD_RELEASED);
    } else if (h->state != HOLD_RELEASED && w->in->t->kind == TXN_CANCEL) {
        work_note(w, LEDGER_OUTCOME_CHANGED, "%s had been redeemed", name);
    }
}

/* A SALE or CANCEL of a card that names a piece of a reward: given if the card paid for that, else let go. */
void ledger_post_piece(struct work *w)
{
    const struct ledger_hold *h = &w->in->hold;
    const struct txn *t = w->in->t;
    bool given = t->kind == TXN_SALE && t->commit == COMMIT_DONE && strcmp(t->reward, h->reward) == 0;
    char name[ENTRY_TEXT_SIZE];
    entry_text(name, h->id);
    if (!has_hold(w))
        return;
    if (h->member != w->in->member.id || points_n(h->amount) != 0)
        work_note(w, LEDGER_HOLD_DIFFERS, "%s is of %" PRId64 " points of M%" PRIu64, name, points_n(h->amount), h->member);
    else if (h->state == HOLD_OPEN)
        set_hold(w, given ? HOLD_TAKEN : HOLD_RELEASED);
    else if (given && h->state == HOLD_RELEASED) {
        work_note(w, LEDGER_HOLD_RELEASED, "%s, a piece of %s", name, h->reward);
        set_hold(w, HOLD_TAKEN_LATE);
    } else if (given) {
        work_note(w, LEDGER_HOLD_USED, "%s", name);
    }
}

void ledger_compare_redemption(struct work *w)
{
    const struct txn *t = w->in->t;
    const struct pack *pack = w->in->pack ? w->in->pack : w->in->pack_now;
    struct reward reward;
    struct redeem_facts facts = {.total = t->total,
                                 .purse = t->redeemed,
                                 .tier = t->tier,
                                 .online = true,
                                 .lines = t->lines,
                                 .line_count = t->line_count,
                                 .day = w->day,
                                 .counted = w->in->hold.known && strcmp(w->in->hold.reward, t->reward) == 0,
                                 .alone = money_cmp(t->total, t->redeemed_value) == 0};
    struct money value = money_of(0); /* refused: it stays 0 */
    if (pack && !*t->reward)
        (void)rules_redeem(pack, &facts, t->redeemed, &value);
    else if (pack && rules_reward(pack, t->reward, &facts, t->redeemed, &reward) == REDEEM_OK)
        value = reward.value;
    if (pack && money_cmp(value, t->redeemed_value) != 0)
        work_note(w, LEDGER_REDEEM_DIFFERS,
                  "%" PRId64 " points paid %" PRId64 " minor units, by the rules %" PRId64,
                  points_n(t->redeemed), money_minor(t->redeemed_value), money_minor(value));
    if (txn_is_held(t) && t->means != w->in->hold.means)
        work_note(w, LEDGER_REDEEM_DIFFERS, "known by means %d, the points were set aside for %d",
                  (int)t->means, (int)w->in->hold.means);
}

/* A SALE that redeems what was set aside for it.  Let go meanwhile: the member was told all the same. */
void ledger_post_held(struct work *w)
{
    struct ledger_facts *in = w->in;
    const struct ledger_hold *h = &in->hold;
    const struct txn *t = in->t;
    struct points rest;
    char name[ENTRY_TEXT_SIZE];
    entry_text(name, t->original);
    if (!has_hold(w))
        return;
    if (h->member != in->member.id || points_cmp(t->redeemed, h->amount) > 0 ||
        !points_sub(&rest, h->amount, t->redeemed)) {
        work_note(w, LEDGER_HOLD_DIFFERS, "%s is of %" PRId64 " points of M%" PRIu64, name,
                  points_n(h->amount), h->member);
        return;
    }
    if (h->state == HOLD_TAKEN || h->state == HOLD_TAKEN_LATE) {
        work_note(w, LEDGER_HOLD_USED, "%s", name);
        return;
    }
    if (h->state == HOLD_OPEN) {
        work_post(w, ACCOUNT_RESERVED, ACCOUNT_REDEEMED, t->redeemed);
        work_post(w, ACCOUNT_RESERVED, ACCOUNT_HELD, rest);
        set_hold(w, HOLD_TAKEN);
    } else {
        work_note(w, LEDGER_HOLD_RELEASED, "%s", name);
        work_post(w, ACCOUNT_HELD, ACCOUNT_REDEEMED, t->redeemed);
        set_hold(w, HOLD_TAKEN_LATE);
    }
    ledger_compare_redemption(w);
    work_take(w, CAUSE_REDEEM, w->day, t->redeemed);
    w->out->redeemed.sale_position = 0;
    w->out->redeemed.points = t->redeemed;
}
