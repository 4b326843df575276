/* view.c - see view.h: what is known of the till, put together for those who show it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/view.h"

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
    v->pack = t->packs.in_effect;
    v->pack_version = v->pack ? v->pack->version : 0;
    v->selling = v->pack && !t->trouble.text[0];
    text(v->trouble, sizeof v->trouble, t->trouble.text);
}

/* What could be redeemed here and now, whatever the bill. */
static void view_spendable(struct till *t, struct till_view *v)
{
    const struct sale *s = &t->sale;
    struct redeem_facts facts = {.total = money_of(INT32_MAX),
                                 .purse = points_of(s->purse),
                                 .tier = s->tier,
                                 .online = s->online,
                                 .blocked = t->facts.hot != CARD_ACTIVE,
                                 .offline_today = t->facts.offline_today,
                                 .days_since_contact = t->facts.days_since_contact};
    struct redeem_offer offer;
    if (!v->pack || v->means != MEANS_CARD)
        return;
    rules_redeem_offer(v->pack, &facts, &offer);
    v->spendable = offer.most;
    v->spendable_value = offer.most_value;
}

static void view_member(struct till *t, struct till_view *v)
{
    const struct sale *s = &t->sale;
    if (!uid_is(&s->card))
        return;
    v->means = MEANS_CARD;
    v->member = s->member;
    text(v->tier, sizeof v->tier, s->tier);
    v->purse = points_of(s->purse);
    v->held = t->facts.held;
    v->pending = t->facts.pending;
    v->told = t->tap.known && t->tap.told.known && t->tap.told.member == s->member;
    if (v->told) {
        const struct wire_tapped *told = &t->tap.told;
        text(v->name, sizeof v->name, told->name);
        text(v->next_tier, sizeof v->next_tier, told->next_tier);
        text(v->suggestion, sizeof v->suggestion, told->suggestion);
        v->missing = told->missing;
        v->expiring = told->expiring;
        v->flags = told->flags;
    }
    view_spendable(t, v);
}

static void view_bill(struct till *t, struct till_view *v)
{
    const struct sale *s = &t->sale;
    v->state = s->state;
    v->bill = &s->t;
    if (s->state != SALE_IDLE && s->state != SALE_IDENTIFIED) {
        v->earns = s->earning.points;
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
    v->receipt = t->looked_at ? &t->original : NULL;
    v->left = t->left;
}

void till_view(struct till *t, struct till_view *v)
{
    memset(v, 0, sizeof *v);
    view_till(t, v);
    view_member(t, v);
    view_bill(t, v);
}
