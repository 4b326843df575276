/* ledger_people.c - members come, points given by people, opinions, whose a purchase was.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "office/ledger/ledger_int.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void take_back(struct work *w)
{
    struct ledger_facts *in = w->in;
    const struct ledger_gift *g = &in->gift;
    struct points back = points_of(-points_n(in->t->points)), left;
    char name[ENTRY_TEXT_SIZE];
    int32_t moved = 0;
    entry_text(name, in->t->original);
    if ((!in->original && !in->original_is_other) || in->unclaimed) {
        w->out->waits = true;
        w->out->note_count = 0; /* said when it is posted */
        return;
    }
    if (!g->known || !in->member.known || !points_sub(&left, g->points, g->taken_back) ||
        points_cmp(back, left) > 0) {
        work_note(w, LEDGER_NO_GRANT, "%s", name);
        return;
    }
    struct points uncovered =
        lots_claw(in->lots, in->lot_count, g->lot_day, w->day, back, w->out->scratch, &moved);
    work_keep_moves(w, CAUSE_ADJUST, moved);
    work_owe(w, CAUSE_ADJUST, uncovered);
    work_post(w, ACCOUNT_HELD, ACCOUNT_ADJUSTED, back);
    w->out->gift_back = true;
}

void ledger_post_grant(struct work *w)
{
    struct ledger_facts *in = w->in;
    const struct txn *t = in->t;
    const struct pack *pack = in->pack ? in->pack : in->pack_now;
    if (points_n(t->points) < 0) {
        take_back(w);
        return;
    }
    if (!work_has_member(w)) {
        work_leave_unclaimed(w);
        return;
    }
    if (!pack) {
        work_note(w, LEDGER_PACK_UNKNOWN, "pack %" PRIu32, t->pack_version);
        return;
    }
    bool by_register = t->cashier == 0 && t->approved_by == 0;
    if (rules_grant(pack, t->points, in->given_today, by_register) != GRANT_OK) {
        work_note(w, LEDGER_GRANT_REFUSED,
                  "%" PRId64 "%s; %" PRId64 " were given before, %" PRId64 " at once and %" PRId64
                  " a day may be",
                  points_n(t->points), by_register ? " by a register" : "",
                  points_n(in->given_today), points_n(pack->grant_per_gift),
                  points_n(pack->grant_per_day));
        return;
    }
    w->out->lot_day = rules_expiry_day(pack, w->day, w->in->member.enrolled_day);
    w->out->gift = work_add(w, ACCOUNT_ADJUSTED, CAUSE_ADJUST, w->out->lot_day, t->points);
}

void ledger_post_rating(struct work *w)
{
    const struct ledger_facts *in = w->in;
    char name[ENTRY_TEXT_SIZE];
    entry_text(name, in->t->original);
    if (in->original_is_other)
        work_note(w, LEDGER_NOT_A_SALE, "%s", name);
    w->out->waits = !in->original && !in->original_is_other;
    w->out->rating = in->original && in->sale.known;
}

/* A card that is nobody's becomes a new member's.  One that is somebody's stays so, and a person looks. */
void ledger_post_join(struct work *w)
{
    struct ledger_facts *in = w->in;
    const struct txn *t = in->t;
    const struct ledger_card *card = &in->card;
    struct ledger_effects *out = w->out;
    if (card->known && card->member) {
        work_note(w, LEDGER_CARD_TAKEN, "M%" PRIu64, card->member);
        return;
    }
    if (card->known && card->status == CARD_REPLACED) {
        work_note(w, LEDGER_CARD_GONE, "%s", "");
        return;
    }
    if (in->next_member == 0) {
        work_note(w, LEDGER_CANNOT_POST, "there is no number for another member");
        return;
    }
    in->member = (struct ledger_member){.id = in->next_member, .short_since_day = DAY_NEVER};
    out->new_member = true;
    out->tier_day = w->day;
    snprintf(out->new_tier, sizeof out->new_tier, "%s",
             in->pack_now ? in->pack_now->tiers[0].code : "");
    snprintf(out->tier_why, sizeof out->tier_why, "joined");
    out->card_set = true;
    out->card = *card;
    out->card.known = true;
    out->card.uid = t->card;
    out->card.member = out->card.owner = in->next_member;
    out->card.kind = t->card_kind ? t->card_kind : card->kind;
    out->card.status = card->known ? card->status : CARD_ACTIVE;
}

void ledger_post_claim(struct work *w)
{
    const struct ledger_facts *in = w->in;
    char name[ENTRY_TEXT_SIZE];
    entry_text(name, in->t->original);
    if (!in->member.known)
        work_note(w, LEDGER_UNKNOWN_MEMBER, "M%" PRIu64, in->t->member);
    else if (!in->unclaimed)
        work_note(w, LEDGER_NOTHING_TO_CLAIM, "%s", name);
    else
        w->out->claim = true;
}

void ledger_post_member(struct work *w)
{
    struct ledger_facts *in = w->in;
    const struct txn *t = in->t;
    if (in->member.known) {
        work_note(w, LEDGER_MEMBER_EXISTS, "M%" PRIu64, t->member);
        return;
    }
    w->out->new_member = true;
    w->out->tier_day = w->day;
    snprintf(w->out->new_tier, sizeof w->out->new_tier, "%s",
             in->pack_now ? pack_get_tier(in->pack_now, t->tier)->code : t->tier);
    snprintf(w->out->tier_why, sizeof w->out->tier_why, "enrolled");
}

void ledger_post_adjust(struct work *w)
{
    struct ledger_facts *in = w->in;
    struct points points = in->t->points;
    if (!in->member.known) {
        work_note(w, LEDGER_UNKNOWN_MEMBER, "M%" PRIu64, in->t->member);
        return;
    }
    if (points_n(points) < 0) {
        work_post(w, ACCOUNT_ADJUSTED, ACCOUNT_HELD, points);
        work_take(w, CAUSE_ADJUST, w->day, points_of(-points_n(points)));
        return;
    }
    int32_t expires_day = in->pack_now ? rules_expiry_day(in->pack_now, w->day, in->member.enrolled_day) : DAY_NEVER;
    (void)work_add(w, ACCOUNT_ADJUSTED, CAUSE_ADJUST, expires_day, points);
}
