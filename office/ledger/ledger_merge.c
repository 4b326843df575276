/* ledger_merge.c - see ledger_merge.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/ledger/ledger_merge.h"
#include "base/date.h"
#include "office/ledger/ledger_int.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t above0(int64_t n)
{
    return n > 0 ? n : 0;
}

enum ledger_answer ledger_pair_answer(const struct txn *t, const struct ledger_pair *pair)
{
    if (t->kind == TXN_UNMERGE && !pair->merge_stands)
        return LEDGER_NO_MERGE;
    if (!pair->into_known || !pair->from_known)
        return LEDGER_UNKNOWN_MEMBER;
    if (t->kind == TXN_UNMERGE && pair->into_merged)
        return LEDGER_MERGED_SINCE;
    if (t->kind == TXN_MERGE && (pair->from_is != pair->from || pair->into == pair->from))
        return LEDGER_MERGED_ALREADY;
    if (t->kind == TXN_TRANSFER && pair->into == pair->from)
        return LEDGER_MERGED_ALREADY;
    if (t->kind == TXN_TRANSFER && points_cmp(t->points, pair->spendable) > 0)
        return LEDGER_NOT_THERE;
    if (pair->too_many_cards)
        return LEDGER_CANNOT_POST;
    return LEDGER_ANSWER_COUNT;
}

void ledger_moving_transfer(const struct lot *lots, int32_t lot_count, int32_t day, struct points points,
                            struct ledger_moving *out)
{
    int64_t want = points_n(points);
    memset(out, 0, sizeof *out);
    out->cause = CAUSE_TRANSFER;
    out->place[ACCOUNT_HELD] = points;
    for (int32_t i = 0; i < lot_count && want > 0; i++) {
        int64_t take = lots[i].expires_day < day ? 0 : min64(points_n(lots[i].left), want);
        if (take == 0)
            continue;
        want -= take;
        out->lots[out->lot_count++] = (struct lot){lots[i].expires_day, points_of(take), points_of(0)};
    }
    assert(want == 0); /* ledger_pair_answer */
}

/* What is not in a lot is in a place: the rest is held. */
static void hold_the_rest(struct ledger_moving *m)
{
    int64_t held = -points_n(m->owed);
    for (int32_t i = 0; i < m->lot_count; i++)
        held += points_n(m->lots[i].left); /* within int64: rules.h, struct lot */
    for (int a = 0; a < ACCOUNT_ISSUED; a++)
        if (a != ACCOUNT_HELD && a != ACCOUNT_CARD)
            held -= points_n(m->place[a]);
    for (int32_t i = 0; i < m->card_count; i++)
        held -= points_n(m->cards[i].purse);
    m->place[ACCOUNT_HELD] = points_of(held);
}

void ledger_moving_share(const struct lot_move *net, int32_t net_count, struct points owed, const struct lot *there,
                         int32_t there_count, struct points owed_there, struct ledger_moving *out)
{
    int64_t lacking = points_n(owed);
    out->cause = CAUSE_MERGE;
    out->lot_count = 0;
    for (int32_t i = 0; i < net_count; i++)
        lacking += above0(-points_n(net[i].left));
    lacking = above0(lacking);
    for (int32_t i = 0; i < net_count; i++) {
        int32_t k = 0;
        int64_t own = above0(points_n(net[i].left)), paid = min64(own, lacking);
        lacking -= paid;
        own -= paid;
        while (k < there_count && there[k].expires_day != net[i].expires_day)
            k++;
        if (k == there_count)
            continue;
        int64_t left = min64(own, points_n(there[k].left));
        int64_t ended = own - left + above0(points_n(net[i].expired));
        ended = min64(ended, points_n(there[k].expired));
        if (left || ended)
            out->lots[out->lot_count++] =
                (struct lot){net[i].expires_day, points_of(left), points_of(ended)};
    }
    out->owed = points_of(min64(lacking, points_n(owed_there)));
    hold_the_rest(out);
}

/* ---- posting ---- */

static void keep_lot(struct work *w, enum ledger_cause cause, int32_t day, int64_t left, int64_t expired)
{
    struct ledger_effects *out = w->out;
    if (left == 0 && expired == 0)
        return;
    assert(out->move_count < LEDGER_MOVES_MAX);
    out->moves[out->move_count++] = (struct ledger_move){
        .cause = cause, .lot = {day, points_of(left), points_of(expired)}};
}

/* sign: 1 = to the member, -1 = away. */
static void post_places(struct work *w, const struct ledger_moving *m, int64_t sign)
{
    static const struct card_uid none = {{0}};
    int64_t sum = 0, n;
    for (int a = 0; a < ACCOUNT_ISSUED; a++) {
        if (a == ACCOUNT_CARD)
            continue;
        sum += n = points_n(m->place[a]);
        work_post_on(w, (enum ledger_account)a, &none, points_of(sign * n));
    }
    for (int32_t i = 0; i < m->card_count; i++) {
        sum += n = points_n(m->cards[i].purse);
        work_post_on(w, ACCOUNT_CARD, &m->cards[i].uid, points_of(sign * n));
    }
    for (int32_t i = 0; i < m->lot_count; i++) {
        sum += n = points_n(m->lots[i].expired);
        work_post_on(w, ACCOUNT_EXPIRED, &none, points_of(sign * n));
    }
    work_post_on(w, ACCOUNT_MOVED, &none, points_of(-sign * sum));
}

static bool enter(struct work *w, const struct ledger_moving *m)
{
    struct ledger_facts *in = w->in;
    for (int32_t i = 0; i < m->lot_count; i++) {
        struct points before = in->member.owed, change;
        struct errmsg why;
        int32_t moved = 0, day = m->lots[i].expires_day;
        if (lots_add(in->lots, &in->lot_count, LOTS_MAX, day, w->day, m->lots[i].left, &in->member.owed,
                     w->out->scratch, &moved, &why)) {
            ledger_move_not(in, LEDGER_CANNOT_POST, w->out);
            snprintf(w->out->notes[0].detail, sizeof w->out->notes[0].detail, "%.199s", why.text);
            return false;
        }
        for (int32_t k = 0; k < moved; k++)
            keep_lot(w, m->cause, w->out->scratch[k].expires_day, points_n(w->out->scratch[k].left), 0);
        keep_lot(w, m->cause, day, 0, points_n(m->lots[i].expired));
        bool fits = points_sub(&change, in->member.owed, before);
        assert(fits);
        work_keep_debt(w, m->cause, change);
    }
    if (points_n(m->owed))
        work_take(w, m->cause, w->day, m->owed);
    return true;
}

static int32_t rank(const struct pack *pack, const char *tier)
{
    const struct pack_tier *t = pack_get_tier(pack, tier);
    return (int32_t)(t - pack->tiers);
}

/* A tier that was given by hand goes along while it lasts, if it is the higher one. */
static void keep_hand(struct work *w, const struct ledger_member *giver)
{
    struct ledger_member *m = &w->in->member;
    const struct pack *pack = w->in->pack_now;
    bool has = pack_find_tier(pack, giver->hand_tier) && giver->hand_until_day >= w->day;
    bool own = pack_find_tier(pack, m->hand_tier) && m->hand_until_day >= w->day;
    if (!has || (own && rank(pack, m->hand_tier) >= rank(pack, giver->hand_tier)))
        return;
    memcpy(m->hand_tier, giver->hand_tier, sizeof m->hand_tier);
    m->hand_until_day = giver->hand_until_day;
    w->out->hand_set = true;
}

/* Of two tiers the higher one; of equal ones the longer way to losing it. */
static void keep_higher(struct work *w, const struct ledger_member *giver)
{
    const struct ledger_facts *in = w->in;
    struct ledger_effects *out = w->out;
    const char *tier = giver->tier;
    int32_t short_since_day = giver->short_since_day;
    char other[MEMBER_TEXT_SIZE];
    if (!in->pack_now)
        return;
    keep_hand(w, giver);
    int32_t is = rank(in->pack_now, in->member.tier), was = rank(in->pack_now, tier);
    if (was < is || (was == is && short_since_day <= in->member.short_since_day))
        return;
    member_text(other, in->t->other);
    out->tier_set = true;
    out->tier_moved = was > is;
    out->short_since_day = short_since_day;
    out->tier_day = w->day;
    snprintf(out->new_tier, sizeof out->new_tier, "%s", was > is ? tier : in->member.tier);
    snprintf(out->tier_why, sizeof out->tier_why, "%s had it", other);
}

bool ledger_move_in(struct ledger_facts *in, const struct ledger_moving *moving,
                    const struct ledger_member *giver, struct ledger_effects *out)
{
    struct work w = {in, out, day_of_time(in->t->time_s)};
    ledger_start(out);
    if (!enter(&w, moving))
        return false;
    post_places(&w, moving, 1);
    work_expire(&w, in->run_day);
    if (giver)
        keep_higher(&w, giver);
    work_drop_zeros(out);
    return true;
}

void ledger_move_out(struct ledger_facts *in, const struct ledger_moving *moving, struct ledger_effects *out)
{
    struct work w = {in, out, day_of_time(in->t->time_s)};
    ledger_start(out);
    for (int32_t i = 0; i < moving->lot_count; i++)
        keep_lot(&w, moving->cause, moving->lots[i].expires_day, -points_n(moving->lots[i].left),
                 -points_n(moving->lots[i].expired));
    work_keep_debt(&w, moving->cause, points_of(-points_n(moving->owed)));
    post_places(&w, moving, -1);
    work_drop_zeros(out);
}

void ledger_move_not(struct ledger_facts *in, enum ledger_answer answer, struct ledger_effects *out)
{
    struct work w = {in, out, day_of_time(in->t->time_s)};
    char one[MEMBER_TEXT_SIZE], other[MEMBER_TEXT_SIZE], named[ENTRY_TEXT_SIZE];
    ledger_start(out);
    entry_text(named, in->t->original);
    member_text(one, in->t->member);
    member_text(other, in->t->other);
    if (in->t->kind == TXN_UNMERGE)
        work_note(&w, answer, "%s", named);
    else
        work_note(&w, answer, "%s and %s", one, other);
}
