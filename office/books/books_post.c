/* books_post.c - entries in: their facts are read (books_facts.c), ledger.c decides, the effects are written.
 * See books.h; what the effects mean is in ledger.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/crash.h"
#include "base/date.h"
#include "base/tr.h"
#include "office/books/books_int.h"
#include "office/books/known.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { CLAIM_DAYS = 30 };

/* ---- writing effects ---- */

static enum err write_balances(struct books *b, struct errmsg *why)
{
    const struct ledger_effects *out = &b->effects;
    int64_t held = 0, transit = 0, owed = 0, reserved = 0, pending = 0;
    enum err e = OK;
    for (int32_t i = 0; i < out->posting_count && !e; i++) {
        const struct ledger_posting *p = &out->postings[i];
        if (p->account == ACCOUNT_HELD)
            held += points_n(p->amount);
        else if (p->account == ACCOUNT_TRANSIT)
            transit += points_n(p->amount);
        else if (p->account == ACCOUNT_RESERVED)
            reserved += points_n(p->amount);
        else if (p->account == ACCOUNT_PENDING)
            pending += points_n(p->amount);
        else if (p->account == ACCOUNT_CARD) {
            struct query q = query_of(b->store, Q_CARD_PURSE);
            query_uid(&q, &p->card);
            query_int(&q, points_n(p->amount));
            e = query_run(&q, why);
        }
    }
    for (int32_t i = 0; i < out->move_count; i++)
        owed += points_n(out->moves[i].debt ? out->moves[i].owed : points_of(0));
    if (e || (held == 0 && transit == 0 && owed == 0 && reserved == 0 && pending == 0))
        return e;
    struct query q = query_of(b->store, Q_MEMBER_BALANCE);
    query_int(&q, (int64_t)b->facts.member.id);
    query_int(&q, held);
    query_int(&q, transit);
    query_int(&q, owed);
    query_int(&q, reserved);
    query_int(&q, pending);
    return query_run(&q, why);
}

static enum err change_lot(struct books *b, const struct lot_move *m, struct errmsg *why)
{
    for (enum office_query name = Q_LOT_CHANGE;; name = Q_LOT_ADD) {
        struct query q = query_of(b->store, name);
        query_int(&q, (int64_t)b->facts.member.id);
        query_int(&q, m->expires_day);
        query_int(&q, points_n(m->left));
        query_int(&q, points_n(m->expired));
        bool was_there = query_row(&q);
        enum err e = query_done(&q, why);
        if (e || was_there || name == Q_LOT_ADD)
            return e;
    }
}

/* It came for a number that is merged. */
static enum err note_owner(struct books *b, int64_t position, int32_t n, struct errmsg *why)
{
    struct query q = query_of(b->store, Q_MERGED_MOVE_ADD);
    query_int(&q, (int64_t)b->facts.owner);
    query_int(&q, b->at);
    query_int(&q, position);
    query_int(&q, n);
    return query_run(&q, why);
}

static member_id owner(const struct books *b)
{
    return b->facts.owner ? b->facts.owner : b->facts.member.id;
}

static enum err write_postings(struct books *b, int64_t position, struct errmsg *why)
{
    const struct ledger_effects *out = &b->effects;
    int64_t member = (int64_t)b->facts.member.id;
    enum err e = OK;
    for (int32_t i = 0; i < out->posting_count && !e; i++) {
        const struct ledger_posting *p = &out->postings[i];
        struct query q = query_of(b->store, Q_POSTING_ADD);
        query_int(&q, position);
        query_int(&q, b->posting_n++);
        query_int(&q, member);
        query_text(&q, ledger_account_text(p->account));
        query_uid(&q, p->account == ACCOUNT_CARD ? &p->card : NULL);
        query_int(&q, points_n(p->amount));
        e = query_run(&q, why);
    }
    for (int32_t i = 0; i < out->move_count && !e; i++) {
        const struct ledger_move *m = &out->moves[i];
        struct query q = query_of(b->store, Q_LOT_MOVE_ADD);
        int32_t n = b->move_n++;
        query_int(&q, position);
        query_int(&q, n);
        query_int(&q, member);
        query_text(&q, ledger_cause_text(m->cause));
        if (m->debt)
            query_null(&q);
        else
            query_int(&q, m->lot.expires_day);
        query_int(&q, m->debt ? 0 : points_n(m->lot.left));
        query_int(&q, m->debt ? 0 : points_n(m->lot.expired));
        query_int(&q, m->debt ? points_n(m->owed) : 0);
        e = query_run(&q, why);
        if (!e && b->facts.owner && b->facts.owner != b->facts.member.id)
            e = note_owner(b, position, n, why);
        if (!e && !m->debt)
            e = change_lot(b, &m->lot, why);
    }
    return e ? e : write_balances(b, why);
}

static enum err write_notes(struct books *b, int64_t position, struct errmsg *why)
{
    enum err e = OK;
    for (int32_t i = 0; i < b->effects.note_count && !e; i++) {
        const struct ledger_note *n = &b->effects.notes[i];
        struct query q = query_of(b->store, Q_REVIEW_ADD);
        query_int(&q, position);
        query_int(&q, b->note_n++);
        query_int(&q, (int64_t)b->facts.member.id);
        query_text(&q, ledger_answer_text(n->answer));
        query_text(&q, n->detail);
        e = query_run(&q, why);
    }
    return e;
}

static enum err add_counter(struct books *b, uint32_t tmc, struct entry_id name, bool named,
                            int64_t position, struct errmsg *why)
{
    const struct txn *t = b->facts.t;
    struct query q = query_of(b->store, Q_TMC_ADD);
    query_uid(&q, &t->card);
    query_int(&q, tmc);
    query_int(&q, name.terminal);
    query_int(&q, name.seq);
    query_int(&q, named);
    query_int(&q, position);
    return query_run(&q, why);
}

static enum err write_counters(struct books *b, int64_t position, struct errmsg *why)
{
    const struct txn *t = b->facts.t;
    const struct ledger_effects *out = &b->effects;
    enum err e = OK;
    if (out->counter)
        e = add_counter(b, t->evidence.tmc, b->facts.intent.name, false, position, why);
    if (!e && out->counter_before)
        e = add_counter(b, t->evidence.tmc - 1, b->facts.evidence_before, true, position, why);
    if (e || t->evidence.kind == CARD_NONE || !(out->counter || out->new_intent))
        return e;
    struct query q = query_of(b->store, Q_CARD_TMC);
    query_uid(&q, &t->card);
    query_int(&q, t->evidence.tmc);
    return query_run(&q, why);
}

static enum err write_intents(struct books *b, int64_t position, struct errmsg *why)
{
    const struct txn *t = b->facts.t;
    const struct ledger_effects *out = &b->effects;
    enum err e = OK;
    if (out->new_intent) {
        bool load = t->kind == TXN_LOAD_INTENT;
        struct query q = query_of(b->store, Q_INTENT_ADD);
        query_int(&q, t->id.terminal);
        query_int(&q, t->id.seq);
        query_int(&q, txn_commit_name(t).seq);
        query_int(&q, position);
        query_int(&q, load);
        query_uid(&q, &t->card);
        query_int(&q, b->facts.member.known ? (int64_t)b->facts.member.id : 0);
        query_int(&q, points_n(load ? t->points : t->redeemed));
        query_int(&q, t->time_s);
        e = query_run(&q, why);
    }
    for (int32_t i = 0; i < out->set_count && !e; i++) {
        const struct ledger_intent *n = &out->set[i];
        struct query q = query_of(b->store, Q_INTENT_SET);
        query_int(&q, n->id.terminal);
        query_int(&q, n->id.seq);
        query_int(&q, n->proof);
        query_int(&q, n->how);
        query_int(&q, n->outcome);
        query_int(&q, position);
        e = query_run(&q, why);
    }
    if (!e && out->set_sale) {
        struct query q = query_of(b->store, Q_INTENT_SALE);
        query_int(&q, t->original.terminal);
        query_int(&q, t->original.seq);
        query_int(&q, position);
        e = query_run(&q, why);
    }
    return e ? e : write_counters(b, position, why);
}

static enum err write_sale(struct books *b, int64_t position, struct errmsg *why)
{
    const struct ledger_facts *in = &b->facts;
    const struct ledger_effects *out = &b->effects;
    const struct txn *t = in->t;
    struct query q = query_of(b->store, Q_SALE_ADD);
    query_int(&q, position);
    query_int(&q, t->id.terminal);
    query_int(&q, t->id.seq);
    query_int(&q, (int64_t)out->sale_member);
    query_int(&q, (int64_t)(out->sale_member ? owner(b) : 0));
    query_int(&q, (int64_t)t->member);
    query_uid(&q, uid_is(&t->card) ? &t->card : NULL);
    query_text(&q, t->shop);
    query_int(&q, day_of_time(t->time_s));
    query_int(&q, out->pack_version);
    query_text(&q, out->tier);
    query_int(&q, money_minor(t->total));
    query_int(&q, money_minor(out->counted));
    query_int(&q, points_n(t->points));
    if (out->rated)
        query_int(&q, points_n(out->points_rated));
    else
        query_null(&q);
    query_int(&q, points_n(out->earned));
    query_int(&q, out->lot_day);
    query_int(&q, money_minor(t->redeemed_value));
    query_int(&q, points_n(in->had_here.today));
    query_int(&q, points_n(in->had.today));
    query_int(&q, points_n(in->had_here.month));
    query_int(&q, points_n(in->had.month));
    query_text(&q, out->why);
    query_int(&q, t->means);
    query_int(&q, t->cashier);
    query_int(&q, t->approved_by);
    enum err e = query_run(&q, why);
    if (e || !in->member.known)
        return e;
    q = query_of(b->store, Q_MEMBER_SEEN);
    query_int(&q, (int64_t)in->member.id);
    query_int(&q, day_of_time(t->time_s));
    return query_run(&q, why);
}

static enum err write_refund(struct books *b, int64_t position, struct errmsg *why)
{
    const struct ledger_facts *in = &b->facts;
    const struct ledger_effects *out = &b->effects;
    const struct txn *t = in->t;
    enum err e = OK;
    for (int32_t i = 0; i < out->return_count && !e; i++) {
        struct query q = query_of(b->store, Q_RETURN_ADD);
        query_int(&q, in->sale.position);
        query_int(&q, out->returns[i].line);
        query_int(&q, position);
        query_int(&q, out->returns[i].quantity);
        e = query_run(&q, why);
    }
    if (e)
        return e;
    struct query q = query_of(b->store, Q_REFUND_ADD);
    query_int(&q, position);
    query_int(&q, in->sale.position);
    query_int(&q, (int64_t)in->sale.member);
    query_int(&q, day_of_time(t->time_s));
    query_int(&q, money_minor(t->total));
    query_int(&q, money_minor(out->given));
    query_int(&q, points_n(t->points));
    if (out->refund_rated)
        query_int(&q, points_n(out->points_rated));
    else
        query_null(&q);
    query_int(&q, points_n(out->clawed));
    query_int(&q, points_n(out->let_go));
    query_int(&q, points_n(out->points_back));
    query_text(&q, out->why);
    query_int(&q, t->cashier);
    query_int(&q, t->approved_by);
    if ((e = query_run(&q, why)))
        return e;
    q = query_of(b->store, Q_SALE_RETURNED);
    query_int(&q, in->sale.position);
    query_int(&q, points_n(out->points_back));
    query_int(&q, money_minor(out->counted_back));
    return query_run(&q, why);
}

static enum err write_redeemed(struct books *b, int64_t position, struct errmsg *why)
{
    const struct ledger_effects *out = &b->effects;
    struct query q = query_of(b->store, Q_SALE_REDEEMED);
    query_int(&q, out->redeemed.sale_position ? out->redeemed.sale_position : position);
    query_int(&q, points_n(out->redeemed.points));
    query_int(&q, position);
    return query_run(&q, why);
}

static enum err write_stamps(struct books *b, int64_t position, struct errmsg *why)
{
    const struct ledger_effects *out = &b->effects;
    enum err e = OK;
    for (int32_t i = 0; out->stamped && i < out->stamped->stamp_count && !e; i++) {
        const struct ledger_before *before = &b->facts.had;
        bool known = !out->refund && i < before->stamp_count;
        if (out->stamps[i].collected == 0)
            continue;
        struct query q = query_of(b->store, Q_STAMP_ADD);
        query_int(&q, position);
        query_text(&q, out->stamped->stamps[i].name);
        query_int(&q, (int64_t)b->facts.member.id);
        query_int(&q, (int64_t)owner(b));
        query_int(&q, out->stamps[i].collected);
        query_int(&q, out->stamps[i].given);
        query_int(&q, known ? before->stamps[i].collected : 0);
        query_int(&q, known ? before->stamps[i].given : 0);
        e = query_run(&q, why);
    }
    return e;
}

static enum err write_tier(struct books *b, int64_t position, struct errmsg *why)
{
    const struct ledger_effects *out = &b->effects;
    int64_t member = (int64_t)b->facts.member.id;
    enum err e = OK;
    if (out->new_member) {
        struct query q = query_of(b->store, Q_MEMBER_ADD);
        query_int(&q, member);
        query_int(&q, position);
        query_int(&q, out->tier_day); /* a new member's: the day of enrolment */
        query_text(&q, out->new_tier);
        e = query_run(&q, why);
    }
    if (!e && out->tier_set) {
        struct query q = query_of(b->store, Q_MEMBER_TIER);
        query_int(&q, member);
        query_text(&q, out->new_tier);
        query_int(&q, out->short_since_day);
        e = query_run(&q, why);
    }
    if (!e && out->hand_set) {
        struct query q = query_of(b->store, Q_MEMBER_HAND);
        query_int(&q, member);
        query_text(&q, b->facts.member.hand_tier);
        query_int(&q, b->facts.member.hand_until_day);
        e = query_run(&q, why);
    }
    if (!e && (out->new_member || out->tier_moved)) {
        struct query q = query_of(b->store, Q_TIER_ADD);
        query_int(&q, member);
        query_int(&q, position);
        query_int(&q, out->tier_day);
        query_text(&q, out->new_tier);
        query_text(&q, out->tier_why);
        e = query_run(&q, why);
    }
    if (e || (out->metric.spend == 0 && out->metric.points == 0 && out->metric.bills == 0))
        return e;
    struct query q = query_of(b->store, Q_METRIC_ADD);
    query_int(&q, member);
    query_int(&q, (int64_t)owner(b));
    query_int(&q, out->metric.day);
    query_int(&q, out->metric.spend);
    query_int(&q, out->metric.points);
    query_int(&q, out->metric.bills);
    return query_run(&q, why);
}

static enum err write_vests(struct books *b, int64_t position, struct errmsg *why)
{
    const struct ledger_effects *out = &b->effects;
    int64_t member = (int64_t)b->facts.member.id;
    enum err e = OK;
    for (int32_t i = 0; i < out->vest_count && !e; i++) {
        const struct ledger_vesting *v = &out->vests[i].of;
        struct query q = query_of(b->store, v->known ? Q_VESTING_SET : Q_VESTING_ADD);
        query_int(&q, v->known ? v->position : position);
        query_int(&q, v->n);
        query_int(&q, points_n(v->left));
        if (!v->known) {
            query_int(&q, member);
            query_uid(&q, v->n ? &v->card : NULL);
            query_int(&q, v->day);
        }
        e = query_run(&q, why);
    }
    if (e || !out->vested)
        return e;
    struct query q = query_of(b->store, Q_VESTED);
    query_int(&q, member);
    query_int(&q, b->facts.today); /* the day of the run */
    return query_run(&q, why);
}

static enum err write_card(struct books *b, const struct ledger_card *c,
                           const struct card_uid *next, bool hot, int64_t position,
                           struct errmsg *why)
{
    struct query q = query_of(b->store, Q_CARD_SAVE);
    query_uid(&q, &c->uid);
    query_int(&q, position);
    query_int(&q, (int64_t)c->member);
    query_int(&q, (int64_t)c->owner);
    query_int(&q, c->kind);
    query_int(&q, c->status);
    query_uid(&q, next);
    enum err e = query_run(&q, why);
    if (e || !hot)
        return e;
    q = query_of(b->store, Q_HOT_ADD);
    query_uid(&q, &c->uid);
    query_int(&q, c->status);
    query_int(&q, position);
    return query_run(&q, why);
}

static enum err write_hold(struct books *b, int64_t position, struct errmsg *why)
{
    const struct ledger_effects *out = &b->effects;
    const struct txn *t = b->facts.t;
    struct query q = query_of(b->store, out->hold_new ? Q_HOLD_ADD : Q_HOLD_SET);
    query_int(&q, out->hold_new ? t->id.seq : b->facts.hold.id.seq);
    if (out->hold_new) {
        query_int(&q, position);
        query_int(&q, t->original.terminal);
        query_text(&q, t->ref);
        query_int(&q, (int64_t)b->facts.member.id);
        query_int(&q, (int64_t)owner(b));
        query_int(&q, points_n(t->redeemed));
        query_text(&q, t->reward);
        query_int(&q, t->means);
        query_int(&q, t->until_s);
    } else {
        query_int(&q, out->hold_state);
        query_int(&q, position);
    }
    return query_run(&q, why);
}

static enum err write_gift(struct books *b, int64_t position, struct errmsg *why)
{
    const struct ledger_facts *in = &b->facts;
    const struct txn *t = in->t;
    struct query q = query_of(b->store, b->effects.gift ? Q_GIFT_ADD : Q_GIFT_BACK);
    if (b->effects.gift_back) {
        query_int(&q, in->gift.position);
        query_int(&q, -points_n(t->points));
        return query_run(&q, why);
    }
    query_int(&q, position);
    query_int(&q, t->id.terminal);
    query_int(&q, t->id.seq);
    query_int(&q, (int64_t)in->member.id);
    query_int(&q, (int64_t)owner(b));
    query_int(&q, day_of_time(t->time_s));
    query_int(&q, points_n(t->points));
    query_int(&q, b->effects.lot_day);
    query_int(&q, t->cashier);
    query_int(&q, t->approved_by);
    query_text(&q, t->reason);
    return query_run(&q, why);
}

static enum err write_desk(struct books *b, int64_t position, struct errmsg *why)
{
    const struct ledger_facts *in = &b->facts;
    const struct txn *t = in->t;
    struct query q = query_of(b->store, b->effects.desk_taken ? Q_DESK_ADD : Q_DESK_BACK);
    if (b->effects.desk_back) {
        query_int(&q, in->sale.position);
        query_int(&q, points_n(t->redeemed));
        return query_run(&q, why);
    }
    query_int(&q, position);
    query_int(&q, t->id.seq);
    query_int(&q, (int64_t)in->member.id);
    query_int(&q, (int64_t)owner(b));
    query_int(&q, day_of_time(t->time_s));
    query_text(&q, t->reward);
    query_int(&q, points_n(t->redeemed));
    return query_run(&q, why);
}

static enum err write_rerated(struct books *b, int64_t position, struct errmsg *why)
{
    const struct ledger_effects *out = &b->effects;
    struct query q = query_of(b->store, Q_SALE_RERATE);
    query_int(&q, b->facts.sale.position);
    query_int(&q, position);
    query_int(&q, out->pack_version);
    query_int(&q, points_n(out->earned));
    query_int(&q, money_minor(out->counted));
    query_int(&q, money_minor(out->counted_back));
    query_int(&q, points_n(out->rerated_back));
    query_text(&q, out->why);
    return query_run(&q, why);
}

static enum err write_unclaimed(struct books *b, int64_t position, struct errmsg *why)
{
    const struct txn *t = b->facts.t;
    struct query q = query_of(b->store, Q_UNCLAIMED_ADD);
    query_int(&q, position);
    query_uid(&q, uid_is(&t->card) ? &t->card : NULL);
    if (txn_has_token(t))
        query_blob(&q, t->token, sizeof t->token);
    else
        query_null(&q);
    query_int(&q, t->time_s);
    return query_run(&q, why);
}

static enum err write_rating(struct books *b, int64_t position, struct errmsg *why)
{
    struct query q = query_of(b->store, Q_RATING_ADD);
    query_int(&q, position);
    query_int(&q, b->facts.t->rating);
    query_int(&q, b->facts.sale.position);
    return query_run(&q, why);
}

enum err books_write(struct books *b, int64_t position, struct errmsg *why)
{
    const struct ledger_effects *out = &b->effects;
    const struct txn *t = b->facts.t;
    enum err e = OK;
    if (out->card_set) /* first: postings go to it */
        e = write_card(b, &out->card, NULL, out->card_hot, position, why);
    if (!e && out->other_set)
        e = write_card(b, &out->other, &out->card.uid, out->other_hot, position, why);
    if (!e)
        e = write_tier(b, position, why);
    if (!e)
        e = write_stamps(b, position, why);
    if (!e)
        e = write_vests(b, position, why);
    if (!e)
        e = write_intents(b, position, why);
    if (!e && (out->hold_new || out->hold_set))
        e = write_hold(b, position, why);
    if (!e && out->sale)
        e = write_sale(b, position, why);
    if (!e && points_n(out->redeemed.points) > 0)
        e = write_redeemed(b, position, why);
    if (!e && out->refund)
        e = write_refund(b, position, why);
    if (!e && (out->gift || out->gift_back))
        e = write_gift(b, position, why);
    if (!e && out->rating)
        e = write_rating(b, position, why);
    if (!e && (out->desk_taken || out->desk_back))
        e = write_desk(b, position, why);
    if (!e && out->rerated)
        e = write_rerated(b, position, why);
    if (!e && out->unclaimed)
        e = write_unclaimed(b, position, why);
    if (!e && out->waits) {
        struct query q = query_of(b->store, Q_WAITING_ADD);
        query_int(&q, t->original.terminal);
        query_int(&q, t->original.seq);
        query_int(&q, position);
        e = query_run(&q, why);
    }
    if (!e)
        e = write_postings(b, position, why);
    return e ? e : write_notes(b, position, why);
}

/* ---- one entry ---- */

static enum err post_one(struct books *b, const struct txn *t, int64_t position, int64_t received_s,
                         int64_t before_s, struct errmsg *why)
{
    b->posting_n = b->move_n = b->note_n = 0;
    enum err e = books_gather(b, t, received_s, before_s, why);
    if (e)
        return e;
    ledger_post(&b->facts, &b->effects);
    return books_write(b, position, why);
}

/* Refunds, ratings and gifts taken back that came before what they speak of: now they can be posted. */
static enum err post_waiting(struct books *b, struct entry_id sale, struct errmsg *why)
{
    for (;;) {
        int64_t position = 0, received_s = 0;
        struct query q = query_of(b->store, Q_WAITING_FOR);
        query_int(&q, sale.terminal);
        query_int(&q, sale.seq);
        if (query_row(&q))
            position = query_get_int(&q);
        enum err e = query_done(&q, why);
        if (e || position == 0)
            return e;
        q = query_of(b->store, Q_WAITING_DONE);
        query_int(&q, position);
        if ((e = query_run(&q, why)))
            return e;
        q = query_of(b->store, Q_ENTRY_AT);
        query_int(&q, position);
        if (query_row(&q)) {
            e = wire_decode_txn(&b->waiting, query_get_blob(&q), why);
            received_s = query_get_int(&q);
        }
        enum err ended = query_done(&q, why);
        if (e || ended)
            return e ? err_add(why, ERR_CORRUPT, "entry at %" PRId64, position) : ended;
        if ((e = post_one(b, &b->waiting, position, received_s, 0, why)))
            return e;
    }
}

/* ---- entries of nobody that become somebody's ---- */

/* Everything that was noted of it while it was nobody's goes, its refunds wait, and all is posted again as if
 * it came now.  Nothing of it was in an account: only members have any. */
static enum err forget(struct books *b, int64_t position, struct errmsg *why)
{
    static const enum office_query steps[] = {
        Q_UNCLAIMED_DONE, Q_UNREVIEW,       Q_REFUNDS_UNREVIEW, Q_REFUNDS_WAIT,
        Q_RETURNS_FORGET, Q_REFUNDS_FORGET, Q_SALE_FORGET};
    enum err e = OK;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && !e; i++) {
        struct query q = query_of(b->store, steps[i]);
        query_int(&q, position);
        e = query_run(&q, why);
    }
    return e;
}

static enum err post_claimed(struct books *b, int64_t position, member_id member,
                             struct errmsg *why)
{
    int64_t received_s = 0;
    enum err e = forget(b, position, why);
    if (e)
        return e;
    struct query q = query_of(b->store, Q_ENTRY_AT);
    query_int(&q, position);
    if (query_row(&q)) {
        e = wire_decode_txn(&b->waiting, query_get_blob(&q), why);
        received_s = query_get_int(&q);
    }
    enum err ended = query_done(&q, why);
    if (e || ended)
        return e ? err_add(why, ERR_CORRUPT, "entry at %" PRId64, position) : ended;
    struct entry_id id = b->waiting.id;
    b->claimed = member;
    e = post_one(b, &b->waiting, position, received_s, 0, why);
    b->claimed = 0;
    member = b->facts.member.id; /* who it is now */
    if (!e)
        e = post_waiting(b, id, why);
    if (e)
        return e;
    q = query_of(b->store, Q_RATING_CLAIM);
    query_int(&q, position);
    query_int(&q, (int64_t)member);
    return query_run(&q, why);
}

/* A card has become somebody's: so is what it bought in the days before. */
static enum err claim_by_card(struct books *b, const struct card_uid *card, member_id member,
                              int64_t time_s, struct errmsg *why)
{
    for (;;) {
        int64_t position = 0;
        struct query q = query_of(b->store, Q_UNCLAIMED_BY_CARD);
        query_uid(&q, card);
        query_int(&q, time_s - (int64_t)CLAIM_DAYS * SECONDS_PER_DAY);
        if (query_row(&q))
            position = query_get_int(&q);
        enum err e = query_done(&q, why);
        if (!e && position)
            e = post_claimed(b, position, member, why);
        if (e || position == 0)
            return e;
    }
}

/* Head office's own entry for each, so that a replay does not have to know who was known by what. */
enum err books_claim(struct books *b, const uint8_t token[TXN_TOKEN_SIZE], member_id member,
                     int64_t now_s, struct errmsg *why)
{
    struct member_view known;
    assert(store_office_is_open(b->store));
    enum err e = books_member(b, member, &known, why);
    while (!e) {
        struct txn *t = &b->own;
        memset(t, 0, sizeof *t);
        struct query q = query_of(b->store, Q_UNCLAIMED_BY_TOKEN);
        query_blob(&q, token, TXN_TOKEN_SIZE);
        query_int(&q, now_s - (int64_t)CLAIM_DAYS * SECONDS_PER_DAY);
        if (query_row(&q)) {
            t->original.terminal = (uint32_t)query_get_int(&q);
            t->original.seq = (uint32_t)query_get_int(&q);
        }
        e = query_done(&q, why);
        if (e || !entry_is(t->original))
            break;
        t->kind = TXN_CLAIM;
        t->time_s = now_s;
        t->member = member;
        e = books_post_own(b, t, now_s, why);
    }
    return e;
}

/* What an entry brings about beyond itself. */
static enum err follow_up(struct books *b, const struct txn *t, int64_t received_s,
                          struct errmsg *why)
{
    const struct ledger_effects *out = &b->effects;
    struct ledger_card card = out->card;
    bool bound = out->card_set && card.member, of_token = out->unclaimed && txn_has_token(t),
         claim = out->claim;
    int64_t position = 0;
    member_id member = 0;
    enum err e = OK;
    if (t->kind == TXN_SALE || t->kind == TXN_GRANT)
        e = post_waiting(b, t->id, why);
    if (!e && bound)
        e = claim_by_card(b, &card.uid, card.owner, t->time_s, why);
    if (!e && claim) {
        e = books_number(b, Q_POSITION_OF, t->original.terminal, t->original.seq, &position, why);
        if (!e)
            e = post_claimed(b, position, t->member, why);
    }
    if (e || !of_token)
        return e;
    e = books_member_of_token(b, t->token, &member, why);
    if (e)
        return e == ERR_NOT_FOUND ? OK : e;
    return books_claim(b, t->token, member, received_s, why);
}

/* Every member's expiry and tier.  A day has one run; a second one finds nothing to do. */
static enum err post_run(struct books *b, const struct txn *t, int64_t position, struct errmsg *why)
{
    int64_t *members = NULL;
    size_t count = 0, cap = 0;
    enum err e = books_load_run_day(b, why);
    if (e || t->day <= b->run_day)
        return e;
    const struct pack *pack = books_pack_on(b, t->day);
    struct query q = query_of(b->store, Q_RUN_MEMBERS);
    query_int(&q, t->day);
    query_int(&q, pack ? pack->tier_count : 0);
    while (!e && query_row(&q)) {
        if (count == cap) {
            cap = cap ? 2 * cap : 1024;
            int64_t *more = realloc(members, cap * sizeof *more);
            if (!more) {
                e = err_set(why, ERR_IO, "out of memory");
                break;
            }
            members = more;
        }
        members[count++] = query_get_int(&q);
    }
    enum err ended = query_done(&q, why);
    e = e ? e : ended;
    b->facts.pack_now = pack;
    for (size_t i = 0; i < count && !e; i++) {
        e = books_load_member(b, (member_id)members[i], t->day, &b->facts, why);
        b->facts.owner = b->facts.member.id;
        b->facts.today = t->day;
        if (!e)
            e = books_load_metric(b, &b->facts, t->day, why);
        if (!e)
            e = books_load_due(b, t->day, &b->facts, why);
        if (e)
            break;
        ledger_run(&b->facts, t->day, &b->effects);
        e = books_write(b, position, why);
    }
    free(members);
    if (e)
        return e;
    q = query_of(b->store, Q_RUN_ADD);
    query_int(&q, t->day);
    query_int(&q, position);
    e = query_run(&q, why);
    b->run_day = t->day;
    return e;
}

static enum err look_at_known(struct books *b, const struct txn *t, struct bytes entry,
                              int64_t received_s, enum post_result *result, struct errmsg *why)
{
    bool same = false;
    struct query q = query_of(b->store, Q_ENTRY_FIND);
    query_int(&q, t->id.terminal);
    query_int(&q, t->id.seq);
    if (query_row(&q)) {
        struct bytes known = query_get_blob(&q);
        same = known.size == entry.size && memcmp(known.data, entry.data, entry.size) == 0;
    }
    enum err e = query_done(&q, why);
    *result = same ? POST_REPEATED : POST_CONFLICT;
    if (e || same)
        return e;
    q = query_of(b->store, Q_CONFLICT_ADD);
    query_int(&q, t->id.terminal);
    query_int(&q, t->id.seq);
    query_int(&q, received_s);
    query_blob(&q, entry.data, entry.size);
    return query_run(&q, why);
}

static enum err post(struct books *b, const struct txn *t, struct bytes entry, int64_t received_s,
                     enum post_result *result, struct errmsg *why)
{
    uint8_t before[WIRE_HASH_SIZE] = {0}, hash[WIRE_HASH_SIZE];
    uint32_t last = 0;
    int64_t before_s = 0, position = 0;
    assert(store_office_is_open(b->store));
    struct query q = query_of(b->store, Q_ENTRY_LAST);
    query_int(&q, t->id.terminal);
    if (query_row(&q)) {
        last = (uint32_t)query_get_int(&q);
        struct bytes h = query_get_blob(&q);
        before_s = query_get_int(&q);
        if (h.size == sizeof before)
            memcpy(before, h.data, sizeof before);
    }
    enum err e = query_done(&q, why);
    if (e)
        return e;
    if (t->id.seq <= last)
        return look_at_known(b, t, entry, received_s, result, why);
    *result = POST_GAP;
    if (t->id.seq != last + 1)
        return OK;
    *result = POST_NEW;
    wire_chain(hash, before, entry);
    q = query_of(b->store, Q_ENTRY_APPEND);
    query_int(&q, t->id.terminal);
    query_int(&q, t->id.seq);
    query_int(&q, t->kind);
    query_int(&q, t->time_s);
    query_int(&q, received_s);
    query_blob(&q, hash, sizeof hash);
    query_blob(&q, entry.data, entry.size);
    if (query_row(&q))
        position = query_get_int(&q);
    if ((e = query_done(&q, why)))
        return e;
    b->at = position;
    e = post_one(b, t, position, received_s, before_s, why);
    if (!e && (t->kind == TXN_MERGE || t->kind == TXN_UNMERGE || t->kind == TXN_TRANSFER))
        e = books_post_pair(b, t, position, why);
    if (!e)
        e = follow_up(b, t, received_s, why);
    if (!e && t->kind == TXN_RUN)
        e = post_run(b, t, position, why);
    crash_point("office-posted");
    return e;
}

/* In English, whoever's language it is just now: what is derived is the same however often it is (I7). */
enum err books_post(struct books *b, const struct txn *t, struct bytes entry, int64_t received_s,
                    enum post_result *result, struct errmsg *why)
{
    const char *language = tr_language();
    (void)tr_use("en");
    enum err e = post(b, t, entry, received_s, result, why);
    (void)tr_use(language);
    return e;
}
