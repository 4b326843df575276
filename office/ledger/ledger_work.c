/* ledger_work.c - what every posting is made of: notes, points from one account to another, lots and debt.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "office/ledger/ledger_int.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void work_note(struct work *w, enum ledger_answer answer, const char *format, ...)
{
    struct ledger_effects *out = w->out;
    if (out->note_count == LEDGER_NOTES_MAX)
        return;
    struct ledger_note *n = &out->notes[out->note_count++];
    va_list args;
    n->answer = answer;
    va_start(args, format);
    vsnprintf(n->detail, sizeof n->detail, format, args);
    va_end(args);
}

void work_post_on(struct work *w, enum ledger_account account, const struct card_uid *card,
                  struct points amount)
{
    struct ledger_effects *out = w->out;
    int32_t i = 0;
    while (i < out->posting_count &&
           (out->postings[i].account != account ||
            (account == ACCOUNT_CARD && !uid_equal(&out->postings[i].card, card))))
        i++;
    if (i == out->posting_count) {
        assert(i < LEDGER_POSTINGS_MAX);
        out->posting_count++;
        out->postings[i] = (struct ledger_posting){.account = account};
        if (account == ACCOUNT_CARD)
            out->postings[i].card = *card;
    }
    bool fits = points_add(&out->postings[i].amount, out->postings[i].amount, amount);
    assert(fits); /* rules keep every number of a member within int64 */
}

/* The points of a replaced card were swept to held or are pending, and so is all that still happens to it. */
void work_post(struct work *w, enum ledger_account from, enum ledger_account to,
               struct points amount)
{
    struct ledger_facts *in = w->in;
    int64_t n = points_n(amount);
    bool swept = in->card.status == CARD_REPLACED && n != 0 && from != to;
    enum ledger_account off = n > 0 ? from : to, onto = n > 0 ? to : from;
    struct points size = points_of(n > 0 ? n : -n);
    if (swept && off == ACCOUNT_CARD)
        work_unvest(w, &in->of_card, size);
    if (swept && from == ACCOUNT_CARD)
        from = ACCOUNT_HELD;
    if (swept && to == ACCOUNT_CARD)
        to = ACCOUNT_HELD;
    if (from != to && n != 0) {
        work_post_on(w, from, &in->card.uid, points_of(-n));
        work_post_on(w, to, &in->card.uid, amount);
    }
    if (swept && onto == ACCOUNT_CARD && in->of_card.known)
        work_vest(w, &in->of_card, size);
}

static void change_vesting(struct work *w, struct ledger_vesting *v, int64_t change)
{
    struct ledger_effects *out = w->out;
    int32_t i = 0;
    while (i < out->vest_count &&
           (out->vests[i].of.position != v->position || out->vests[i].of.n != v->n))
        i++;
    assert(i < LEDGER_VESTS_MAX);
    if (i == out->vest_count) {
        out->vest_count++;
        out->vests[i].change = points_of(0);
    }
    v->left = points_of(points_n(v->left) + change); /* a part of what a member has */
    out->vests[i].of = *v;
    out->vests[i].change = points_of(points_n(out->vests[i].change) + change);
}

void work_vest(struct work *w, struct ledger_vesting *v, struct points points)
{
    if (w->in->run_day != INT32_MIN && v->day <= w->in->run_day)
        return; /* its day has come */
    work_post(w, ACCOUNT_HELD, ACCOUNT_PENDING, points);
    change_vesting(w, v, points_n(points));
}

void work_unvest(struct work *w, struct ledger_vesting *v, struct points most)
{
    struct points part = points_cmp(most, v->left) < 0 ? most : v->left;
    if (!v->known || points_n(part) == 0)
        return;
    work_post(w, ACCOUNT_PENDING, ACCOUNT_HELD, part);
    change_vesting(w, v, -points_n(part));
}

void work_drop_zeros(struct ledger_effects *out)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < out->posting_count; i++)
        if (points_n(out->postings[i].amount) != 0)
            out->postings[kept++] = out->postings[i];
    out->posting_count = kept;
}

/* The moves that a rules function left in scratch.  What changes in the expired part of a lot is posted. */
void work_keep_moves(struct work *w, enum ledger_cause cause, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        struct lot_move *m = &w->out->scratch[i];
        assert(w->out->move_count < LEDGER_MOVES_MAX);
        w->out->moves[w->out->move_count++] = (struct ledger_move){.cause = cause, .lot = *m};
        work_post(w, ACCOUNT_HELD, ACCOUNT_EXPIRED, m->expired);
    }
}

void work_keep_debt(struct work *w, enum ledger_cause cause, struct points change)
{
    if (points_n(change) == 0)
        return;
    assert(w->out->move_count < LEDGER_MOVES_MAX);
    w->out->moves[w->out->move_count++] =
        (struct ledger_move){.cause = cause, .debt = true, .owed = change};
}

/* Points the lots could not cover: the member owes them. */
void work_owe(struct work *w, enum ledger_cause cause, struct points more)
{
    bool fits = points_add(&w->in->member.owed, w->in->member.owed, more);
    assert(fits);
    work_keep_debt(w, cause, more);
}

/* What a late entry brought into a lot that has ended already ends at once. */
void work_expire(struct work *w, int32_t day)
{
    int32_t moved = 0;
    if (day == INT32_MIN)
        return;
    (void)lots_expire(w->in->lots, w->in->lot_count, day, w->out->scratch, &moved);
    work_keep_moves(w, CAUSE_EXPIRE, moved);
}

/* Points come in: all of it, or nothing and a note. */
bool work_add(struct work *w, enum ledger_account from, enum ledger_cause cause,
              int32_t expires_day, struct points points)
{
    struct ledger_facts *in = w->in;
    struct points owed_before = in->member.owed, change;
    struct errmsg why;
    int32_t moved = 0;
    if (lots_add(in->lots, &in->lot_count, LOTS_MAX, expires_day, w->day, points, &in->member.owed,
                 w->out->scratch, &moved, &why)) {
        work_note(w, LEDGER_CANNOT_POST, "%s", why.text);
        return false;
    }
    work_post(w, from, ACCOUNT_HELD, points);
    work_keep_moves(w, cause, moved);
    bool fits = points_sub(&change, in->member.owed, owed_before);
    assert(fits);
    work_keep_debt(w, cause, change);
    work_expire(w, in->run_day);
    return true;
}

bool work_earn(struct work *w, enum ledger_cause cause, int32_t expires_day, struct points points,
               struct ledger_vesting *v)
{
    const struct pack *pack = w->in->pack;
    struct points owed = w->in->member.owed, repaid, rest;
    if (!work_add(w, ACCOUNT_ISSUED, cause, expires_day, points))
        return false;
    bool fits = points_sub(&repaid, owed, w->in->member.owed) && points_sub(&rest, points, repaid);
    assert(fits);
    if (!v->known) {
        if (pack->vest_days == 0)
            return true;
        v->day = w->day + pack->vest_days;
        if (expires_day < v->day)
            v->day = expires_day; /* they may be spent before they end */
    }
    if (points_n(rest) > 0 && v->day > w->day)
        work_vest(w, v, rest);
    return true;
}

void work_take(struct work *w, enum ledger_cause cause, int32_t day, struct points points)
{
    int32_t moved = 0;
    struct points uncovered =
        lots_take(w->in->lots, w->in->lot_count, day, points, w->out->scratch, &moved);
    work_keep_moves(w, cause, moved);
    work_owe(w, cause, uncovered);
}

/* Whom is it for?  False = nobody, and points are asked for all the same or not. */
bool work_has_member(struct work *w)
{
    const struct ledger_facts *in = w->in;
    const struct txn *t = in->t;
    if (uid_is(&t->card) && !in->card.known && (t->member == 0 || t->commit != COMMIT_NONE))
        work_note(w, LEDGER_UNKNOWN_CARD, "%s", "");
    if (in->card.known && in->card.member && t->member && in->said != in->card.member)
        work_note(w, LEDGER_MEMBER_DIFFERS, "M%" PRIu64 ", the entry says M%" PRIu64,
                  in->card.member, t->member);
    if (t->member && !in->member.known)
        work_note(w, LEDGER_UNKNOWN_MEMBER, "M%" PRIu64, t->member);
    return in->member.known;
}

/* Of nobody, but it came with something that may become somebody's. */
void work_leave_unclaimed(struct work *w)
{
    const struct txn *t = w->in->t;
    if (t->member || points_n(t->redeemed) || !(uid_is(&t->card) || txn_has_token(t)))
        return;
    w->out->unclaimed = true;
    if (txn_has_token(t))
        work_note(w, LEDGER_UNCLAIMED, "%s", "");
}
