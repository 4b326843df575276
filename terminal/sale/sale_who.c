/* sale_who.c - who it is: a card tapped, somebody known by something else, and what is none of ours.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/sale/sale_inside.h"

#include "base/date.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool is_same_card(const struct sale *s, const struct card_uid *uid)
{
    return uid_equal(&s->card, uid);
}

/* The tier that rates: what the card says while head office vouches for it, else the lowest. */
static const char *tier_of(const struct pack *pack, const struct card_profile *profile,
                           int32_t today)
{
    if (today <= profile->tier_valid_day && pack_find_tier(pack, profile->tier))
        return profile->tier;
    return pack->tiers[0].code;
}

/* Somebody else's thing is shown while this sale has an INTENT on disk. */
static bool is_anothers(struct sale *s, const struct card_uid *uid, struct sale_effects *out)
{
    char who[SALE_WHO_SIZE];
    if (!entry_is(s->intent) || (uid && is_same_card(s, uid)))
        return false;
    sale_say(out, SALE_OTHER_CARD,
             tr("This is another card. Use the card of %s, or cancel this sale."),
             sale_whose(who, s));
    return true;
}

/* Whose card is it?  False: nobody's, or not to be used; said. */
static bool card_is_good(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    const struct sale_facts *f = in->facts;
    const struct card_profile *p = &in->seen->profile;
    char who[SALE_WHO_SIZE];
    sale_who_is(who, p->member ? p->member : f->card_member, &in->seen->uid);
    if (f->hot == CARD_REPLACED) {
        sale_say(out, SALE_BLOCKED_CARD,
                 tr("This card of %s was replaced by another. Ask for the new one."), who);
        return false;
    }
    if (f->hot == CARD_BLOCKED || p->flags & CARD_FLAG_BLOCKED) {
        sale_say(out, SALE_BLOCKED_CARD,
                 tr("The card of %s is blocked. Sell without it; the member can ask head office."),
                 who);
        return false;
    }
    if (p->member == 0 && f->card_member == 0 && !f->joined) {
        s->fresh = in->seen->uid;
        s->fresh_kind = in->seen->kind;
        sale_say(out, SALE_UNBOUND_CARD,
                 tr("This card belongs to nobody yet. Let the member join with it, or sell without."));
        return false;
    }
    return true;
}

/* With the line cut there are neither marks nor stamps: what depends on them is not promised. */
static void take_told(struct sale *s, const struct sale_facts *f)
{
    struct txn *t = &s->t;
    memset(t->marks, 0, sizeof t->marks);
    t->mark_count = 0;
    for (int32_t i = 0; f->online && i < f->mark_count && i < TXN_MARKS_MAX; i++)
        sale_text_copy(t->marks[t->mark_count++], sizeof t->marks[0], f->marks[i]);
    memset(t->stamps, 0, sizeof t->stamps);
    t->stamp_count = 0;
    for (int32_t i = 0; f->online && i < f->stamp_count && i < TXN_STAMPS_MAX; i++)
        if (*f->stamps[i].name && f->stamps[i].collected >= 0 && f->stamps[i].given >= 0)
            t->stamps[t->stamp_count++] = f->stamps[i];
}

/* Somebody is known now; a bill that was closed is closed again, for them. */
static bool identified(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    bool totalled = s->state == SALE_TOTALLED;
    s->online = in->facts->online;
    take_told(s, in->facts);
    memset(&s->fresh, 0, sizeof s->fresh);
    s->state = SALE_IDENTIFIED;
    s->times_known++;
    if (totalled)
        sale_do_total(s, in, out);
    return totalled;
}

void sale_on_tap(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    const struct sale_facts *f = in->facts;
    const struct card_profile *p = &in->seen->profile;
    char who[SALE_WHO_SIZE], pending[64] = "";
    if (s->state == SALE_DONE)
        sale_init(s);
    if (!sale_is_open(s)) {
        sale_not_now(s, in, out);
        return;
    }
    if (!sale_has_pack(f, out) || is_anothers(s, &in->seen->uid, out) || !sale_unlocked(f, out) ||
        !card_is_good(s, in, out))
        return;
    if (!is_same_card(s, &in->seen->uid)) /* a piece for another card: head office lets it go by time */
        s->piece = (struct entry_id){0, 0};
    s->means = MEANS_CARD;
    s->card = in->seen->uid;
    s->card_kind = in->seen->kind;
    s->member = p->member ? p->member : f->card_member;
    memset(s->token, 0, sizeof s->token);
    s->profile = *p;
    s->purse = in->seen->purse;
    s->spendable = points_of(0);
    const char *tier = tier_of(f->pack, p, day_of_time(f->now_s));
    if ((!p->member || f->online) && f->card_tier && pack_find_tier(f->pack, f->card_tier))
        tier = f->card_tier;
    sale_text_copy(s->tier, sizeof s->tier, tier);
    if (identified(s, in, out))
        return;
    if (points_n(f->pending) > 0)
        snprintf(pending, sizeof pending, tr(", %" PRId64 " more pending"), points_n(f->pending));
    sale_say(out, SALE_OK, tr("%s, %s, %d points on the card%s%s."), sale_whose(who, s),
             pack_find_tier(f->pack, s->tier)->name, s->purse, pending,
             f->online ? "" : tr(" (no line to head office)"));
}

void sale_on_known(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    const struct sale_facts *f = in->facts;
    const struct sale_known *k = in->known_as;
    char who[SALE_WHO_SIZE];
    if (s->state == SALE_DONE)
        sale_init(s);
    if (!sale_is_open(s)) {
        sale_not_now(s, in, out);
        return;
    }
    if (!sale_has_pack(f, out) || is_anothers(s, NULL, out) || !sale_unlocked(f, out))
        return;
    s->means = k->means;
    s->piece = (struct entry_id){0, 0};
    memset(&s->card, 0, sizeof s->card);
    memset(&s->profile, 0, sizeof s->profile);
    s->card_kind = CARD_NONE;
    s->member = k->member;
    memset(s->token, 0, sizeof s->token);
    if (!k->member)
        memcpy(s->token, k->token, sizeof s->token);
    s->purse = 0;
    s->spendable = f->online ? k->spendable : points_of(0);
    sale_text_copy(s->tier, sizeof s->tier, pack_get_tier(f->pack, k->tier)->code);
    if (identified(s, in, out))
        return;
    sale_whose(who, s);
    if (f->online)
        sale_say(out, SALE_OK, tr("%s, %s, %" PRId64 " points at head office."), who,
                 pack_find_tier(f->pack, s->tier)->name, points_n(s->spendable));
    else
        sale_say(out, SALE_OK, tr("%s, %s (no line to head office): this sale earns."), who,
                 pack_find_tier(f->pack, s->tier)->name);
}

void sale_on_tap_refused(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    if (s->state == SALE_PREPARING || s->state == SALE_DOUBT || s->state == SALE_HOLDING)
        sale_not_now(s, in, out);
    else
        sale_say_card(out, in);
}
