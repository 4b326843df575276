/* view.c - see view.h: what is known of the till, put together for those who show it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/view.h"

#include "base/date.h"
#include "hw/clock.h"
#include "terminal/till.h"

#include <string.h>

static void text(char *out, size_t size, const char *from)
{
    memset(out, 0, size);
    memcpy(out, from, strnlen(from, size - 1));
}

static void view_till(struct till *t, struct till_view *v)
{
    v->terminal = t->parts.identity->terminal;
    text(v->shop, sizeof v->shop, t->parts.identity->shop);
    v->now_s = clock_now_s();
    v->has_line = t->up.link != NULL;
    v->online = uplink_is_up(t);
    v->contact_s = t->up.contact_s;
    v->owed = outbox_waiting(&t->up.outbox);
    v->reader = !t->reader ? PART_NONE : t->tap.reader_away ? PART_AWAY : PART_THERE;
    paper_view(t, v);
    if (sale_is_idle(&t->sale))
        packs_choose(t, day_of_time(v->now_s));
    v->pack = t->packs.in_effect;
    v->pack_version = v->pack ? v->pack->version : 0;
    v->selling = v->pack && !t->trouble.text[0];
    text(v->trouble, sizeof v->trouble, t->trouble.text);
}

static void view_people(struct till *t, struct till_view *v)
{
    const struct people *p = &t->people;
    v->staffed = p->staffed;
    v->cashier = p->cashier.id;
    text(v->cashier_name, sizeof v->cashier_name, p->cashier.name);
    text(v->language, sizeof v->language, p->cashier.language);
    v->supervisor = p->cashier.id && p->cashier.role == STAFF_SUPERVISOR;
    v->training = t->training;
    v->locked = t->locked;
    if (p->cashier.id)
        v->shift = p->shift;
    for (int i = 0; i < VIEW_PARKED_MAX; i++)
        if (p->parked[i].number)
            v->parked[v->parked_count++] = p->parked[i];
}

/* What could be redeemed here and now, whatever the bill. */
static void view_spendable(struct till *t, struct till_view *v)
{
    struct sale_facts facts = t->facts;
    struct redeem_offer offer;
    if (!v->pack)
        return;
    facts.pack = v->pack;
    facts.locked = t->locked;
    v->spendable_why = sale_spendable(&t->sale, &facts, &offer);
    v->spendable = offer.most;
    v->spendable_value = offer.most_value;
}

/* ---- stamps ---- */

/* What is on the member's card of this name; -1 = nobody told. */
static int64_t stamps_on(const struct wire_tapped *told, const struct pack_stamp *of)
{
    for (int32_t i = 0; i < told->stamp_count; i++)
        if (strcmp(told->stamps[i].name, of->name) == 0) {
            int64_t on = told->stamps[i].collected - told->stamps[i].given * of->every;
            return on > 0 ? on : 0;
        }
    return -1;
}

int32_t till_stamps(const struct till *t, struct rules_stamp *out)
{
    const struct sale *s = &t->sale;
    const struct wire_tapped *told = &t->tap.told;
    const struct pack *pack = t->packs.in_effect;
    bool theirs = told->known && (told->member == s->member || s->member == 0);
    bool known = theirs && (t->tap.known || t->tap.told_s), totalled = s->state != SALE_IDLE && s->state != SALE_IDENTIFIED;
    if (s->means == MEANS_NONE || !pack)
        return 0;
    for (int32_t i = 0; i < pack->stamp_count; i++) {
        const struct pack_stamp *of = &pack->stamps[i];
        out[i] = (struct rules_stamp){.every = of->every, .points = of->points, .have = known ? stamps_on(told, of) : -1};
        memcpy(out[i].name, of->name, sizeof out[i].name);
        out[i].now = totalled ? s->earning.stamps[i].collected : 0;
        out[i].full = totalled ? s->earning.stamps[i].given : 0;
    }
    return pack->stamp_count;
}

static void view_member(struct till *t, struct till_view *v)
{
    const struct sale *s = &t->sale;
    const struct wire_tapped *told = &t->tap.told;
    if (s->means == MEANS_NONE)
        return;
    v->means = s->means;
    v->member = s->member;
    v->times_known = s->times_known;
    text(v->tier, sizeof v->tier, s->tier);
    v->purse = points_of(s->purse);
    v->held = t->facts.held;
    v->pending = t->facts.pending;
    bool theirs = told->known && (told->member == s->member || s->member == 0);
    v->told = t->tap.known && theirs;
    v->told_s = v->told ? v->now_s : theirs ? t->tap.told_s : 0;
    if (v->told_s) {
        text(v->name, sizeof v->name, told->name);
        text(v->next_tier, sizeof v->next_tier, told->next_tier);
        text(v->suggestion, sizeof v->suggestion, told->suggestion);
        text(v->member_language, sizeof v->member_language, told->language);
        v->missing = told->missing;
        v->expiring = told->expiring;
        v->flags = told->flags;
        if (!v->told)
            v->held = told->held;
        else if (s->means != MEANS_CARD)
            v->on_cards = told->purse;
    }
    v->stamp_count = till_stamps(t, v->stamps);
    view_spendable(t, v);
}

static void view_bill(struct till *t, struct till_view *v)
{
    const struct sale *s = &t->sale;
    v->state = s->state;
    v->bill = &s->t;
    if (s->state != SALE_IDLE && s->state != SALE_IDENTIFIED) {
        v->earns = s->earning.points;
        v->counted = s->earning.counted;
        text(v->earns_why, sizeof v->earns_why, s->earning.why);
        v->offer = s->offer;
    }
    v->due = s->t.total;
    if (points_n(s->wanted) > 0 && s->state != SALE_DONE) {
        v->redeemed = s->wanted;
        v->redeemed_value = s->wanted_value;
        if (!money_sub(&v->due, s->t.total, s->wanted_value))
            v->due = s->t.total;
    }
    if (s->state == SALE_DONE)
        v->last = s->last;
    v->second_tap = s->state == SALE_PREPARING && t->tap.second;
    v->fresh_card = uid_is(&s->fresh);
    v->receipt = t->looked_at ? &t->original : NULL;
    v->left = t->left;
}

void till_view(struct till *t, struct till_view *v)
{
    memset(v, 0, sizeof *v);
    view_till(t, v);
    view_people(t, v);
    view_member(t, v);
    view_bill(t, v);
}
