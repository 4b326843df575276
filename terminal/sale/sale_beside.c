/* sale_beside.c - what is written beside a sale and leaves the bill as it is: a gift, a card that joins, a rating,
 * and what a card tells of an earlier sale.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/sale/sale_inside.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

static const struct entry_id none = {0, 0};

/* An earlier sale was given up in doubt; its card came by and told.  The bill in hand stays as it
 * is. */
void sale_on_witness(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    const struct txn *intent = in->txn;
    if (s->state == SALE_DONE)
        sale_init(s);
    if (!sale_is_quiet(s)) {
        sale_not_now(s, in, out);
        return;
    }
    if (in->verdict != COMMIT_DONE && in->verdict != COMMIT_NOT_DONE)
        return; /* the card knows no more either: head office settles it by the commit after */
    struct txn *t = &s->other;
    sale_begin_entry(t, in->facts, TXN_SETTLE);
    t->member = intent->member;
    t->card = intent->card;
    t->redeemed = intent->redeemed;
    t->original = intent->id;
    t->commit = in->verdict;
    if (in->verdict == COMMIT_DONE)
        t->evidence = *in->evidence;
    sale_write(s, t, intent->id, out);
}

/* ---- gifts ---- */

static void take_back(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    const struct txn *o = in->original;
    char entry[ENTRY_TEXT_SIZE];
    entry_text(entry, in->receipt);
    if (!o || o->kind != TXN_GRANT || points_n(o->points) <= 0) {
        sale_say(out, SALE_NOT_SOLD, tr("There is no gift %s at this till."), entry);
        return;
    }
    if (in->undone) {
        sale_say(out, SALE_NOT_SOLD, tr("The gift %s was taken back before."), entry);
        return;
    }
    struct txn *t = &s->other;
    sale_begin_entry(t, in->facts, TXN_GRANT);
    t->member = o->member;
    t->card = o->card;
    t->means = o->means;
    memcpy(t->token, o->token, sizeof t->token);
    t->points = points_of(-points_n(o->points));
    t->original = o->id;
    t->approved_by = in->approved_by;
    sale_text_copy(t->reason, sizeof t->reason, in->text && *in->text ? in->text : o->reason);
    sale_write(s, t, none, out);
}

/* Within the programme's limits, and the cashier's own or what a supervisor allows. */
static bool may_give(const struct sale_event *in, struct sale_effects *out)
{
    const struct sale_facts *f = in->facts;
    int64_t n = points_n(in->points);
    bool by_person = f->cashier || in->approved_by;
    enum grant_answer answer = rules_grant(f->pack, in->points, f->granted_today, !by_person);
    if (answer != GRANT_OK) {
        sale_say(out, SALE_NO_REDEEM, "%s", tr(grant_answer_text(answer)));
        return false;
    }
    if (!f->cashier || sale_approver(in))
        return true;
    if (n > points_n(f->grant_limit)) {
        sale_say(out, SALE_NEEDS_APPROVAL,
                 tr("More than %" PRId64 " points in one gift need a supervisor."),
                 points_n(f->grant_limit));
        return false;
    }
    if (n > points_n(f->grant_left)) {
        sale_say(out, SALE_NEEDS_APPROVAL,
                 tr("Only %" PRId64 " points are left to give today; more need a supervisor."),
                 points_n(f->grant_left));
        return false;
    }
    return true;
}

void sale_on_grant(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    const struct sale_facts *f = in->facts;
    if (!sale_is_quiet(s)) {
        sale_not_now(s, in, out);
        return;
    }
    if (!sale_unlocked(f, out))
        return;
    if (entry_is(in->receipt)) {
        take_back(s, in, out);
        return;
    }
    if (s->means == MEANS_NONE) {
        sale_say(out, SALE_NO_CARD, tr("To whom? Tap the member's card first."));
        return;
    }
    if (points_n(in->points) <= 0 || points_n(in->points) > PACK_POINTS_MAX) {
        sale_say(out, SALE_BAD_LINE, tr("That is no number of points."));
        return;
    }
    if (!in->text || !*in->text || strlen(in->text) >= TXN_REASON_SIZE) {
        sale_say(out, SALE_BAD_LINE, tr("A gift needs a reason, of at most %d characters."),
                 TXN_REASON_SIZE - 1);
        return;
    }
    if (!sale_has_pack(f, out) || !may_give(in, out))
        return;
    struct txn *t = &s->other;
    sale_begin_entry(t, f, TXN_GRANT);
    t->member = s->member;
    t->card = s->card;
    t->means = s->means;
    if (!s->member)
        memcpy(t->token, s->token, sizeof t->token);
    t->points = in->points;
    t->pack_version = f->pack->version;
    t->approved_by = sale_approver(in);
    sale_text_copy(t->reason, sizeof t->reason, in->text);
    sale_write(s, t, none, out);
}

/* ---- joining ---- */

void sale_on_join(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    if (!sale_is_quiet(s)) {
        sale_not_now(s, in, out);
        return;
    }
    if (!sale_unlocked(in->facts, out) || !sale_has_pack(in->facts, out))
        return;
    if (!uid_is(&s->fresh)) {
        sale_say(out, SALE_NO_CARD, tr("Tap the new card first, one that is nobody's."));
        return;
    }
    struct txn *t = &s->other;
    sale_begin_entry(t, in->facts, TXN_JOIN);
    t->card = s->fresh;
    t->card_kind = s->fresh_kind;
    t->means = MEANS_CARD;
    sale_write(s, t, none, out);
}

/* From now on the sale is the new member's. */
static void joined(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    bool totalled = s->before == SALE_TOTALLED;
    struct card_uid card = s->fresh;
    enum card_kind kind = s->fresh_kind;
    if (s->before == SALE_DONE)
        sale_init(s);
    s->means = MEANS_CARD;
    s->card = card;
    s->card_kind = kind;
    s->member = 0;
    memset(&s->profile, 0, sizeof s->profile);
    memset(&s->fresh, 0, sizeof s->fresh);
    s->purse = 0;
    s->spendable = points_of(0);
    sale_text_copy(s->tier, sizeof s->tier, in->facts->pack->tiers[0].code);
    s->state = SALE_IDENTIFIED;
    if (totalled)
        sale_do_total(s, in, out);
    sale_say(out, SALE_OK, tr("Welcome: this card is a member's now, and this sale earns for it."));
}

/* ---- ratings ---- */

void sale_on_rate(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    bool just = s->state == SALE_DONE && s->last.kind == TXN_SALE;
    struct entry_id sale = entry_is(in->receipt) ? in->receipt
                           : just                ? s->last.entry
                                                 : none;
    if (!sale_is_quiet(s)) {
        sale_not_now(s, in, out);
        return;
    }
    if (in->number < 1 || in->number > TXN_RATING_MAX) {
        sale_say(out, SALE_BAD_LINE,
                 tr("1 is satisfied, 2 satisfied and will return, 3 will recommend us."));
        return;
    }
    if (!entry_is(sale)) {
        sale_say(out, SALE_NOT_SOLD, tr("Rate which sale? Give its receipt."));
        return;
    }
    just = just && entry_equal(sale, s->last.entry);
    if (in->undone || (just && s->rated)) {
        sale_say(out, SALE_CONFLICT, tr("That sale has its rating already."));
        return;
    }
    struct txn *t = &s->other;
    sale_begin_entry(t, in->facts, TXN_RATING);
    t->member = just ? s->last.member : 0;
    t->original = sale;
    t->rating = in->number;
    sale_write(s, t, none, out);
}

/* ---- on disk ---- */

void sale_beside_written(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    const struct txn *t = s->writing;
    char who[SALE_WHO_SIZE];
    s->state = s->before;
    if (t->kind == TXN_SETTLE)
        return; /* nobody asked */
    sale_receipt_of(&out->confirm, t);
    if (t->kind == TXN_GRANT && points_n(t->points) > 0) {
        sale_say(out, SALE_OK, tr("%" PRId64 " points given to %s."), points_n(t->points), sale_who(who, t));
    } else if (t->kind == TXN_GRANT) {
        sale_say(out, SALE_OK, tr("The gift of %" PRId64 " points to %s is taken back."),
                 -points_n(t->points), sale_who(who, t));
    } else if (t->kind == TXN_JOIN) {
        joined(s, in, out);
    } else {
        assert(t->kind == TXN_RATING); /* nothing else is written beside a sale */
        if (s->state == SALE_DONE && entry_equal(t->original, s->last.entry))
            s->rated = true;
        sale_say(out, SALE_OK, tr("Thank you for the rating."));
    }
}
