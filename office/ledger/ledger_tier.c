/* ledger_tier.c - which tier a member has: by the rules, and by hand for a while.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "office/ledger/ledger_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A tier given by hand is a floor: not below it until its last day, whatever the metric; then the rules go on, and a
 * review that finds the member short begins the grace.  What the rules give above it stands. */
static void hold_by_hand(const struct ledger_facts *in, int32_t today, struct tier_decision *d)
{
    const struct pack_tier *hand = pack_find_tier(in->pack_now, in->member.hand_tier);
    char day[DAY_TEXT_SIZE];
    if (!hand || today > in->member.hand_until_day || hand < d->tier)
        return;
    day_text(day, in->member.hand_until_day);
    d->tier = hand;
    d->short_since_day = DAY_NEVER;
    snprintf(d->why, sizeof d->why, "%s by hand until %s", hand->name, day);
}

void work_decide_tier(struct work *w, const struct tier_sums *sums, int32_t today, bool review)
{
    struct ledger_facts *in = w->in;
    struct ledger_effects *out = w->out;
    struct tier_decision d;
    struct tier_facts facts = {
        in->member.tier, in->member.short_since_day, rules_tier_metric(in->pack_now, sums),
        rules_tier_metric(in->pack_now, &in->sums_last_year), today, review};
    rules_tier(in->pack_now, &facts, &d);
    hold_by_hand(in, today, &d);
    out->tier_moved = strcmp(d.tier->code, in->member.tier) != 0;
    out->tier_set = out->tier_moved || d.short_since_day != in->member.short_since_day;
    snprintf(out->new_tier, sizeof out->new_tier, "%s", d.tier->code);
    snprintf(out->tier_why, sizeof out->tier_why, "%s", d.why);
    out->short_since_day = d.short_since_day;
    out->tier_day = today;
}

void ledger_post_tier(struct work *w)
{
    struct ledger_facts *in = w->in;
    const struct txn *t = in->t;
    struct ledger_effects *out = w->out;
    const struct pack_tier *tier = in->pack_now ? pack_find_tier(in->pack_now, t->tier) : NULL;
    char day[DAY_TEXT_SIZE];
    if (!in->member.known) {
        work_note(w, LEDGER_UNKNOWN_MEMBER, "M%" PRIu64, t->member);
        return;
    }
    if (!tier) {
        work_note(w, LEDGER_NO_TIER, "%s", t->tier);
        return;
    }
    day_text(day, t->day);
    out->hand_set = true;
    snprintf(in->member.hand_tier, sizeof in->member.hand_tier, "%s", tier->code);
    in->member.hand_until_day = t->day;
    out->tier_set = out->tier_moved = true; /* of the same tier too: the history says why it stays */
    snprintf(out->new_tier, sizeof out->new_tier, "%s", tier->code);
    snprintf(out->tier_why, sizeof out->tier_why, "by hand until %s: %s", day, t->reason);
    out->short_since_day = DAY_NEVER;
    out->tier_day = w->day;
}
