/* books_post.c - entries in: the facts an entry needs are read, ledger.c decides, the effects are written.
 * See books.h; what the effects mean is in ledger.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/crash.h"
#include "base/date.h"
#include "office/books_int.h"
#include "office/known.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIER_VALID_DAYS = 366, TIER_RENEW_DAYS = 183, CLAIM_DAYS = 30 };

/* ---- reading facts ---- */

static enum err load_card(struct books *b, const struct card_uid *uid, struct ledger_card *out,
                          struct errmsg *why)
{
    *out = (struct ledger_card){.uid = *uid};
    if (!uid_is(uid))
        return OK;
    struct query q = query_of(b->store, Q_CARD_GET);
    query_uid(&q, uid);
    if ((out->known = query_row(&q))) {
        out->member = (member_id)query_get_int(&q);
        out->kind = (enum card_kind)query_get_int(&q);
        out->status = (enum card_status)query_get_int(&q);
        out->purse = points_of(query_get_int(&q));
    }
    return query_done(&q, why);
}

static enum err load_member(struct books *b, member_id member, int32_t from_day,
                            struct ledger_facts *in, struct errmsg *why)
{
    in->member = (struct ledger_member){.id = member};
    in->lots = b->lots;
    in->lot_count = 0;
    in->today = INT32_MIN;
    if (member == 0)
        return OK;
    struct query q = query_of(b->store, Q_MEMBER_GET);
    query_int(&q, (int64_t)member);
    if ((in->member.known = query_row(&q))) {
        query_get_text(&q, in->member.tier, sizeof in->member.tier);
        in->member.short_since_day = (int32_t)query_get_int(&q);
        in->today = (int32_t)query_get_int(&q);
        (void)query_get_int(&q);
        (void)query_get_int(&q);
        in->member.owed = points_of(query_get_int(&q));
    }
    enum err e = query_done(&q, why);
    if (e || !in->member.known)
        return e;
    q = query_of(b->store, Q_LOTS);
    query_int(&q, (int64_t)member);
    query_int(&q, from_day);
    while (in->lot_count < LOTS_MAX && query_row(&q)) {
        struct lot *lot = &b->lots[in->lot_count++];
        lot->expires_day = (int32_t)query_get_int(&q);
        lot->left = points_of(query_get_int(&q));
        lot->expired = points_of(query_get_int(&q));
    }
    return query_done(&q, why);
}

/* by: Q_INTENT_GET for the entry, Q_INTENT_NAMED as a card names its commit. */
static enum err find_intent(struct books *b, enum office_query by, struct entry_id id,
                            struct ledger_intent *out, struct errmsg *why)
{
    struct query q = query_of(b->store, by);
    query_int(&q, id.terminal);
    query_int(&q, id.seq);
    if ((out->known = query_row(&q))) {
        out->id.terminal = out->name.terminal = (uint32_t)query_get_int(&q);
        out->id.seq = (uint32_t)query_get_int(&q);
        out->name.seq = (uint32_t)query_get_int(&q);
        out->load = query_get_int(&q) != 0;
        query_get_uid(&q, &out->card);
        out->amount = points_of(query_get_int(&q));
        out->time_s = query_get_int(&q);
        out->proof = (enum ledger_proof)query_get_int(&q);
        out->how = (enum ledger_how)query_get_int(&q);
        out->outcome = (enum ledger_outcome)query_get_int(&q);
        out->sale_position = query_get_int(&q);
    }
    return query_done(&q, why);
}

enum err books_load_intent(struct books *b, struct entry_id id, struct ledger_intent *out,
                           struct errmsg *why)
{
    *out = (struct ledger_intent){.id = id};
    if (id.terminal != OFFICE_TERMINAL)
        out->name = id; /* known or not */
    return entry_is(id) ? find_intent(b, Q_INTENT_GET, id, out, why) : OK;
}

static void read_hold(struct query *q, struct ledger_hold *out, int64_t *until_s)
{
    out->known = true;
    out->id = (struct entry_id){OFFICE_TERMINAL, (uint32_t)query_get_int(q)};
    out->terminal = (uint32_t)query_get_int(q);
    out->member = (member_id)query_get_int(q);
    out->amount = points_of(query_get_int(q));
    out->means = (enum txn_means)query_get_int(q);
    out->state = (int)query_get_int(q);
    *until_s = query_get_int(q);
}

enum err books_load_hold(struct books *b, uint32_t seq, struct ledger_hold *out, struct errmsg *why)
{
    int64_t until_s;
    *out = (struct ledger_hold){.id = {OFFICE_TERMINAL, seq}};
    struct query q = query_of(b->store, Q_HOLD_GET);
    query_int(&q, seq);
    if (query_row(&q))
        read_hold(&q, out, &until_s);
    return query_done(&q, why);
}

enum err books_load_entry(struct books *b, struct entry_id id, struct txn *out, int64_t *position,
                          struct errmsg *why)
{
    enum err e = OK, ended;
    struct query q = query_of(b->store, Q_ENTRY_FIND);
    query_int(&q, id.terminal);
    query_int(&q, id.seq);
    if (query_row(&q)) {
        e = wire_decode_txn(out, query_get_blob(&q), why);
        if (e)
            e = err_add(why, ERR_CORRUPT, "T%04" PRIu32 "-%" PRIu32, id.terminal, id.seq);
        *position = query_get_int(&q);
    } else {
        e = ERR_NOT_FOUND;
    }
    ended = query_done(&q, why);
    if (ended)
        return ended;
    return e == ERR_NOT_FOUND ? err_set(why, e, "T%04" PRIu32 "-%" PRIu32 " is not here", id.terminal,
                                        id.seq)
                              : e;
}

enum err books_check_evidence(const struct books *b, const struct txn *t,
                              const struct ledger_intent *intent, struct entry_id *before,
                              struct errmsg *why)
{
    int64_t change = t->kind == TXN_LOAD ? points_n(t->points) : -points_n(t->redeemed);
    *before = (struct entry_id){0};
    if (!b->keys)
        return err_set(why, ERR_MAC, "no keys to check it with");
    if (change < INT32_MIN || change > INT32_MAX)
        return err_set(why, ERR_FORMAT, "no card holds that much");
    return card_evidence_check(b->keys, &t->card, intent->name, (int32_t)change, &t->evidence, before,
                               why);
}

static enum err load_evidence(struct books *b, struct ledger_facts *in, struct errmsg *why)
{
    const struct txn *t = in->t;
    struct errmsg fault = {""};
    enum err e = OK;
    in->evidence = EVIDENCE_NONE;
    in->evidence_before = (struct entry_id){0};
    in->counter_taken = in->named = false;
    in->before = (struct ledger_intent){0};
    if (t->commit == COMMIT_DONE) {
        enum err bad = books_check_evidence(b, t, &in->intent, &in->evidence_before, &fault);
        in->evidence = bad == OK ? EVIDENCE_GOOD : bad == ERR_NOT_FOUND ? EVIDENCE_LOST : EVIDENCE_BAD;
        snprintf(in->evidence_why, sizeof in->evidence_why, "%.159s", fault.text);
        if (entry_is(in->evidence_before))
            e = find_intent(b, Q_INTENT_NAMED, in->evidence_before, &in->before, why);
        in->before.known &= uid_equal(&in->before.card, &t->card);
        if (!e) {
            struct query q = query_of(b->store, Q_TMC_GET);
            query_uid(&q, &t->card);
            query_int(&q, t->evidence.tmc);
            if (query_row(&q)) {
                struct entry_id name = {(uint32_t)query_get_int(&q), 0};
                name.seq = (uint32_t)query_get_int(&q);
                in->counter_taken = !entry_equal(name, in->intent.name);
            }
            e = query_done(&q, why);
        }
    } else if (t->kind == TXN_INTENT) { /* a load is posted before it is done */
        struct query q = query_of(b->store, Q_TMC_NAMES);
        query_int(&q, t->id.terminal);
        query_int(&q, t->id.seq);
        query_uid(&q, &t->card);
        in->named = query_row(&q);
        e = query_done(&q, why);
    }
    return e;
}

static enum err sum_metric(struct books *b, member_id member, enum pack_metric metric, int32_t from_day,
                           int32_t to_day, int64_t *out, struct errmsg *why)
{
    struct query q = query_of(b->store, Q_METRIC_SUM);
    query_int(&q, (int64_t)member);
    query_int(&q, from_day);
    query_int(&q, to_day);
    if (query_row(&q)) {
        int64_t spend = query_get_int(&q), points = query_get_int(&q), visits = query_get_int(&q);
        *out = metric == METRIC_SPEND ? spend : metric == METRIC_POINTS ? points : visits;
    }
    return query_done(&q, why);
}

/* What counts for the tier, as it stands on in->today. */
static enum err load_metric(struct books *b, struct ledger_facts *in, int32_t day, struct errmsg *why)
{
    const struct pack *p = in->pack_now;
    member_id member = in->member.id;
    in->metric = in->metric_last_year = in->bills_on_day = 0;
    if (!p || p->tier_count < 2 || !in->member.known)
        return OK;
    int32_t start = rules_tier_window_start(p, in->today);
    enum err e = sum_metric(b, member, p->metric, start, in->today, &in->metric, why);
    if (!e && p->window == WINDOW_CALENDAR_YEAR)
        e = sum_metric(b, member, p->metric, rules_tier_window_start(p, start - 1), start - 1,
                       &in->metric_last_year, why);
    if (!e && p->metric == METRIC_VISITS)
        e = sum_metric(b, member, p->metric, day, day, &in->bills_on_day, why);
    return e;
}

static enum err load_sale_facts(struct books *b, struct ledger_facts *in, int32_t day,
                                struct errmsg *why)
{
    const struct txn *t = in->t;
    enum err e = OK;
    in->tier_ever = strcmp(t->tier, in->member.tier) == 0;
    in->earned_here = in->earned_today = points_of(0);
    if (!in->member.known)
        return OK;
    if (day > in->today)
        in->today = day;
    if (!in->tier_ever) {
        struct query q = query_of(b->store, Q_TIER_EVER);
        query_int(&q, (int64_t)in->member.id);
        query_text(&q, t->tier);
        in->tier_ever = query_row(&q);
        e = query_done(&q, why);
    }
    if (!e && in->pack && points_n(in->pack->cap_per_day) > 0) {
        struct query q = query_of(b->store, Q_SALE_EARNED_ON);
        query_int(&q, (int64_t)in->member.id);
        query_int(&q, day);
        if (query_row(&q))
            in->earned_today = points_of(query_get_int(&q));
        if ((e = query_done(&q, why)))
            return e;
        q = query_of(b->store, Q_SALE_EARNED_HERE);
        query_int(&q, (int64_t)in->member.id);
        query_int(&q, day);
        query_int(&q, t->id.terminal);
        query_uid(&q, uid_is(&t->card) ? &t->card : NULL);
        if (query_row(&q))
            in->earned_here = points_of(query_get_int(&q));
        e = query_done(&q, why);
    }
    return e ? e : load_metric(b, in, day, why);
}

/* What its posting left of the purchase.  *redeem_position: of the entry that took its reward; 0 = none. */
static enum err load_sale(struct books *b, struct ledger_facts *in, int64_t *redeem_position,
                          struct errmsg *why)
{
    struct ledger_sale *s = &in->sale;
    struct query q = query_of(b->store, Q_SALE_GET);
    query_int(&q, in->t->original.terminal);
    query_int(&q, in->t->original.seq);
    if ((s->known = query_row(&q))) {
        s->position = query_get_int(&q);
        s->member = (member_id)query_get_int(&q);
        (void)query_get_int(&q);
        in->pack = books_find_pack(b, (uint32_t)query_get_int(&q));
        query_get_text(&q, s->tier, sizeof s->tier);
        s->counted = money_of(query_get_int(&q));
        s->earned = points_of(query_get_int(&q));
        s->lot_day = (int32_t)query_get_int(&q);
        s->redeemed = points_of(query_get_int(&q));
        s->redeemed_back = points_of(query_get_int(&q));
        *redeem_position = query_get_int(&q);
        s->earned_here = points_of(query_get_int(&q));
        s->earned_today = points_of(query_get_int(&q));
        s->counted_back = money_of(query_get_int(&q));
    }
    return query_done(&q, why);
}

/* How many of each line earlier refunds have left, and the money they gave back without goods. */
static enum err load_left(struct books *b, struct ledger_facts *in, struct errmsg *why)
{
    struct ledger_sale *s = &in->sale;
    for (int32_t i = 0; i < b->original.line_count; i++)
        s->left[i] = s->left_here[i] = b->original.lines[i].quantity;
    struct query q = query_of(b->store, Q_RETURNS);
    query_int(&q, s->position);
    query_int(&q, in->t->id.terminal);
    while (query_row(&q)) {
        int64_t line = query_get_int(&q);
        if (line < 0 || line >= b->original.line_count)
            continue;
        s->left[line] -= (int32_t)query_get_int(&q);
        s->left_here[line] -= (int32_t)query_get_int(&q);
    }
    enum err e = query_done(&q, why);
    if (e)
        return e;
    q = query_of(b->store, Q_REFUNDS_GIVEN);
    query_int(&q, s->position);
    query_int(&q, in->t->id.terminal);
    if (query_row(&q)) {
        s->given = money_of(query_get_int(&q));
        s->given_here = money_of(query_get_int(&q));
    }
    return query_done(&q, why);
}

/* The lots its reward was taken from. */
static enum err load_taken(struct books *b, struct ledger_sale *s, int64_t redeem_position,
                           struct errmsg *why)
{
    struct query q = query_of(b->store, Q_REDEEM_MOVES);
    query_int(&q, redeem_position);
    query_int(&q, (int64_t)s->member);
    while (s->taken_count < LOTS_MAX && query_row(&q)) {
        bool debt = query_is_null(&q);
        struct lot_move *m = &s->taken[s->taken_count];
        m->expires_day = (int32_t)query_get_int(&q);
        m->left = points_of(query_get_int(&q));
        m->expired = points_of(query_get_int(&q));
        if (debt) {
            s->uncovered = points_of(query_get_int(&q));
            continue;
        }
        s->taken_count++;
    }
    return query_done(&q, why);
}

/* What a till gave, of which some is taken back. */
static enum err load_gift(struct books *b, struct ledger_facts *in, int32_t *from_day, struct errmsg *why)
{
    struct ledger_gift *g = &in->gift;
    struct query q = query_of(b->store, Q_GIFT_GET);
    query_int(&q, in->t->original.terminal);
    query_int(&q, in->t->original.seq);
    if ((g->known = query_row(&q))) {
        g->position = query_get_int(&q);
        g->member = (member_id)query_get_int(&q);
        g->points = points_of(query_get_int(&q));
        g->taken_back = points_of(query_get_int(&q));
        g->lot_day = (int32_t)query_get_int(&q);
        if (g->lot_day < *from_day)
            *from_day = g->lot_day;
    }
    return query_done(&q, why);
}

/* The purchase a refund names; its lots may reach back further than the refund's own day. */
static enum err load_original(struct books *b, struct ledger_facts *in, int32_t *from_day,
                              struct errmsg *why)
{
    struct ledger_sale *s = &in->sale;
    int64_t position = 0, redeem_position = 0;
    in->original = NULL;
    in->original_is_other = false;
    s->known = false;
    s->taken_count = 0;
    s->uncovered = points_of(0);
    enum err e = books_load_entry(b, in->t->original, &b->original, &position, why);
    if (e == ERR_NOT_FOUND)
        return OK;
    if (e)
        return e;
    in->original_is_other = b->original.kind != (in->t->kind == TXN_GRANT ? TXN_GRANT : TXN_SALE);
    if (in->original_is_other)
        return OK;
    in->original = &b->original;
    if (in->t->kind == TXN_GRANT)
        return load_gift(b, in, from_day, why);
    e = load_sale(b, in, &redeem_position, why);
    if (e || in->t->kind == TXN_RATING)
        return e;
    if ((e = load_left(b, in, why)))
        return e;
    if (s->lot_day < *from_day)
        *from_day = s->lot_day;
    return redeem_position ? load_taken(b, s, redeem_position, why) : OK;
}

static enum err load_run_day(struct books *b, struct errmsg *why)
{
    if (b->run_known)
        return OK;
    b->run_day = INT32_MIN;
    struct query q = query_of(b->store, Q_RUN_LAST);
    if (query_row(&q) && !query_is_null(&q))
        b->run_day = (int32_t)query_get_int(&q);
    enum err e = query_done(&q, why);
    b->run_known = e == OK;
    return e;
}

enum err books_run_day(struct books *b, int32_t *day, struct errmsg *why)
{
    b->run_known = false; /* another process may have run it */
    enum err e = load_run_day(b, why);
    *day = b->run_day;
    return e;
}

/* One number, of a statement with up to two numbers to bind. */
static enum err one_number(struct books *b, enum office_query name, int64_t first, int64_t second, int64_t *out,
                           struct errmsg *why)
{
    struct query q = query_of(b->store, name);
    *out = 0;
    query_int(&q, first);
    query_int(&q, second);
    if (query_row(&q))
        *out = query_get_int(&q);
    return query_done(&q, why);
}

/* What only goodwill, joining and claiming ask for. */
static enum err load_beside(struct books *b, struct ledger_facts *in, int32_t day, struct errmsg *why)
{
    const struct txn *t = in->t;
    enum err e = OK;
    int64_t n = 0;
    in->given_today = points_of(0);
    in->next_member = 0;
    in->unclaimed = false;
    if (t->kind == TXN_GRANT) {
        e = one_number(b, Q_GIFTS_ON, t->id.terminal, day, &n, why);
        in->given_today = points_of(n);
    } else if (t->kind == TXN_JOIN) {
        struct query q = query_of(b->store, Q_MEMBER_NEXT);
        if (query_row(&q))
            n = query_get_int(&q);
        e = query_done(&q, why);
        in->next_member = n >= 0 && n < INT64_MAX ? (member_id)n + 1 : 0;
    }
    if (!e && (t->kind == TXN_CLAIM || t->kind == TXN_GRANT)) {
        e = one_number(b, Q_UNCLAIMED_GET, t->original.terminal, t->original.seq, &n, why);
        in->unclaimed = n != 0;
    }
    return e;
}

/* Of an entry that speaks of a SALE or GRANT: which need not have come yet. */
static bool is_of_original(const struct txn *t)
{
    return t->kind == TXN_REFUND || t->kind == TXN_RATING || (t->kind == TXN_GRANT && points_n(t->points) < 0);
}

static int32_t min_day(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static enum err gather(struct books *b, const struct txn *t, int64_t received_s, int64_t before_s,
                       struct errmsg *why)
{
    struct ledger_facts *in = &b->facts;
    int32_t day = day_of_time(t->time_s), from_day = day;
    in->t = t;
    in->received_s = received_s;
    in->clock_before_s = before_s;
    in->pack = books_find_pack(b, t->pack_version);
    in->pack_now = books_pack_on(b, day);
    in->original = NULL;
    in->intent = (struct ledger_intent){0};
    in->hold = (struct ledger_hold){0};
    in->gift = (struct ledger_gift){0};
    bool of_hold = t->kind == TXN_RELEASE || txn_is_held(t);
    enum err e = load_run_day(b, why);
    in->run_day = b->run_day;
    if (!e)
        e = load_card(b, &t->card, &in->card, why);
    if (!e)
        e = load_card(b, &t->replaces, &in->other, why);
    if (!e)
        e = load_beside(b, in, day, why);
    if (!e && is_of_original(t))
        e = load_original(b, in, &from_day, why);
    else if (!e && of_hold)
        e = books_load_hold(b, t->original.seq, &in->hold, why);
    else if (!e)
        e = books_load_intent(b, t->original, &in->intent, why);
    if (!e)
        e = load_evidence(b, in, why);
    if (e)
        return e;
    if (in->intent.known)
        from_day = min_day(from_day, day_of_time(in->intent.time_s));
    if (in->before.known)
        from_day = min_day(from_day, day_of_time(in->before.time_s));
    member_id member = b->claimed ? b->claimed : ledger_member_of(t, &in->card);
    if (t->kind == TXN_REFUND || t->kind == TXN_RATING)
        member = in->original && in->sale.known ? in->sale.member : 0;
    else if (is_of_original(t))
        member = in->gift.member;
    else if (t->kind == TXN_JOIN)
        member = 0; /* a new one */
    if (of_hold && t->kind != TXN_SALE)
        member = in->hold.member;
    e = load_member(b, member, from_day, in, why);
    if (!e && t->kind == TXN_SALE)
        e = load_sale_facts(b, in, day, why);
    return e;
}

/* ---- writing effects ---- */

static enum err write_balances(struct books *b, struct errmsg *why)
{
    const struct ledger_effects *out = &b->effects;
    int64_t held = 0, transit = 0, owed = 0, reserved = 0;
    enum err e = OK;
    for (int32_t i = 0; i < out->posting_count && !e; i++) {
        const struct ledger_posting *p = &out->postings[i];
        if (p->account == ACCOUNT_HELD)
            held += points_n(p->amount);
        else if (p->account == ACCOUNT_TRANSIT)
            transit += points_n(p->amount);
        else if (p->account == ACCOUNT_RESERVED)
            reserved += points_n(p->amount);
        else if (p->account == ACCOUNT_CARD) {
            struct query q = query_of(b->store, Q_CARD_PURSE);
            query_uid(&q, &p->card);
            query_int(&q, points_n(p->amount));
            e = query_run(&q, why);
        }
    }
    for (int32_t i = 0; i < out->move_count; i++)
        owed += points_n(out->moves[i].debt ? out->moves[i].owed : points_of(0));
    if (e || (held == 0 && transit == 0 && owed == 0 && reserved == 0))
        return e;
    struct query q = query_of(b->store, Q_MEMBER_BALANCE);
    query_int(&q, (int64_t)b->facts.member.id);
    query_int(&q, held);
    query_int(&q, transit);
    query_int(&q, owed);
    query_int(&q, reserved);
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
        query_int(&q, position);
        query_int(&q, b->move_n++);
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
        if (e || m->debt)
            continue;
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
    query_int(&q, points_n(in->earned_here));
    query_int(&q, points_n(in->earned_today));
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

static enum err write_tier(struct books *b, int64_t position, struct errmsg *why)
{
    const struct ledger_effects *out = &b->effects;
    int64_t member = (int64_t)b->facts.member.id;
    enum err e = OK;
    if (out->new_member) {
        struct query q = query_of(b->store, Q_MEMBER_ADD);
        query_int(&q, member);
        query_int(&q, position);
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
    query_int(&q, out->metric.day);
    query_int(&q, out->metric.spend);
    query_int(&q, out->metric.points);
    query_int(&q, out->metric.bills);
    return query_run(&q, why);
}

static enum err write_card(struct books *b, const struct ledger_card *c, const struct card_uid *next,
                           bool hot, int64_t position, struct errmsg *why)
{
    struct query q = query_of(b->store, Q_CARD_SAVE);
    query_uid(&q, &c->uid);
    query_int(&q, position);
    query_int(&q, (int64_t)c->member);
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
        query_int(&q, (int64_t)t->member);
        query_int(&q, points_n(t->redeemed));
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
    query_int(&q, day_of_time(t->time_s));
    query_int(&q, points_n(t->points));
    query_int(&q, b->effects.lot_day);
    query_int(&q, t->cashier);
    query_int(&q, t->approved_by);
    query_text(&q, t->reason);
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

static enum err write_effects(struct books *b, int64_t position, struct errmsg *why)
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
    enum err e = gather(b, t, received_s, before_s, why);
    if (e)
        return e;
    ledger_post(&b->facts, &b->effects);
    return write_effects(b, position, why);
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
    static const enum office_query steps[] = {Q_UNCLAIMED_DONE, Q_UNREVIEW,       Q_REFUNDS_UNREVIEW, Q_REFUNDS_WAIT,
                                              Q_RETURNS_FORGET, Q_REFUNDS_FORGET, Q_SALE_FORGET};
    enum err e = OK;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && !e; i++) {
        struct query q = query_of(b->store, steps[i]);
        query_int(&q, position);
        e = query_run(&q, why);
    }
    return e;
}

static enum err post_claimed(struct books *b, int64_t position, member_id member, struct errmsg *why)
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
static enum err claim_by_card(struct books *b, const struct card_uid *card, member_id member, int64_t time_s,
                              struct errmsg *why)
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
enum err books_claim(struct books *b, const uint8_t token[TXN_TOKEN_SIZE], member_id member, int64_t now_s,
                     struct errmsg *why)
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
static enum err follow_up(struct books *b, const struct txn *t, int64_t received_s, struct errmsg *why)
{
    const struct ledger_effects *out = &b->effects;
    struct ledger_card card = out->card;
    bool bound = out->card_set && card.member, of_token = out->unclaimed && txn_has_token(t), claim = out->claim;
    int64_t position = 0;
    member_id member = 0;
    enum err e = OK;
    if (t->kind == TXN_SALE || t->kind == TXN_GRANT)
        e = post_waiting(b, t->id, why);
    if (!e && bound)
        e = claim_by_card(b, &card.uid, card.member, t->time_s, why);
    if (!e && claim) {
        e = one_number(b, Q_POSITION_OF, t->original.terminal, t->original.seq, &position, why);
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
    enum err e = load_run_day(b, why);
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
        e = load_member(b, (member_id)members[i], t->day, &b->facts, why);
        b->facts.today = t->day;
        if (!e)
            e = load_metric(b, &b->facts, t->day, why);
        if (e)
            break;
        ledger_run(&b->facts, t->day, &b->effects);
        e = write_effects(b, position, why);
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

enum err books_post(struct books *b, const struct txn *t, struct bytes entry, int64_t received_s,
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
    e = post_one(b, t, position, received_s, before_s, why);
    if (!e)
        e = follow_up(b, t, received_s, why);
    if (!e && t->kind == TXN_RUN)
        e = post_run(b, t, position, why);
    crash_point("office-posted");
    return e;
}

/* ---- head office's own ---- */

/* A LOAD_INTENT that may not be: its number is another's, or the points are gone. */
static enum err refuse_load(struct books *b, const struct txn *t, struct errmsg *why)
{
    struct ledger_card card;
    struct ledger_intent other;
    struct member_view m;
    if (t->kind != TXN_LOAD_INTENT)
        return OK;
    enum err e = find_intent(b, Q_INTENT_NAMED, txn_commit_name(t), &other, why);
    if (!e && other.known)
        return err_set(why, ERR_EXISTS, "load %" PRIu32 " is another one", t->load);
    if (!e)
        e = load_card(b, &t->card, &card, why);
    if (e || points_n(t->points) <= 0)
        return e;
    if (!card.known || card.member == 0)
        return err_set(why, ERR_STATE, "the card is of no member");
    if ((e = books_member(b, card.member, &m, why)))
        return e;
    if (points_cmp(t->points, m.held) > 0)
        return err_set(why, ERR_STATE, "%" PRId64 " points are to be loaded, %" PRId64 " are held by now",
                       points_n(t->points), points_n(m.held));
    return OK;
}

/* A HOLD of more than there is. */
static enum err refuse_hold(struct books *b, const struct txn *t, struct errmsg *why)
{
    struct points most;
    if (t->kind != TXN_HOLD)
        return OK;
    enum err e = books_spendable(b, t->member, t->time_s, &most, why);
    if (!e && points_cmp(t->redeemed, most) > 0)
        e = err_set(why, ERR_STATE, "%" PRId64 " points are to be set aside, %" PRId64 " are there",
                    points_n(t->redeemed), points_n(most));
    return e;
}

enum err books_post_own(struct books *b, struct txn *t, int64_t now_s, struct errmsg *why)
{
    uint8_t hash[WIRE_HASH_SIZE];
    struct buf entry = BUF_ON(b->bytes);
    enum post_result result = POST_GAP;
    bool own = !store_office_is_open(b->store);
    enum err e = own ? books_begin(b, why) : OK;
    if (e)
        return e;
    t->id.terminal = OFFICE_TERMINAL;
    if (t->time_s == 0)
        t->time_s = now_s;
    e = books_next_seq(b, OFFICE_TERMINAL, &t->id.seq, hash, why);
    if (!e)
        e = txn_check(t, why);
    if (!e)
        e = refuse_load(b, t, why);
    if (!e)
        e = refuse_hold(b, t, why);
    if (!e)
        e = wire_encode_txn(&entry, t, why);
    if (!e)
        e = books_post(b, t, buf_bytes(&entry), now_s, &result, why);
    assert(e || result == POST_NEW);
    if (own && e)
        books_rollback(b);
    return own && !e ? books_commit(b, why) : e;
}

/* ---- points set aside ---- */

enum err books_spendable(struct books *b, member_id member, int64_t now_s, struct points *out,
                         struct errmsg *why)
{
    struct member_view m;
    int64_t good = 0;
    enum err e = books_member(b, member, &m, why);
    if (e)
        return e;
    struct query q = query_of(b->store, Q_LOTS_GOOD);
    query_int(&q, (int64_t)member);
    query_int(&q, day_of_time(now_s));
    if (query_row(&q))
        good = query_get_int(&q);
    int64_t most = points_n(m.held) < good ? points_n(m.held) : good;
    most -= points_n(m.owed); /* both are far from the ends of int64: rules/lots.c */
    *out = points_of(most > 0 ? most : 0);
    return query_done(&q, why);
}

enum err books_hold_named(struct books *b, uint32_t terminal, const char *name, struct hold_view *out,
                          struct errmsg *why)
{
    struct ledger_hold h = {0};
    int64_t until_s = 0;
    struct query q = query_of(b->store, Q_HOLD_NAMED);
    query_int(&q, terminal);
    query_text(&q, name);
    if (query_row(&q))
        read_hold(&q, &h, &until_s);
    enum err e = query_done(&q, why);
    if (!e && !h.known)
        e = err_set(why, ERR_NOT_FOUND, "nothing was set aside as %s", name);
    if (!e)
        *out = (struct hold_view){h.id, h.member, h.amount, until_s, h.state == HOLD_OPEN};
    return e;
}

/* The hold of this name, if the till has asked before: ERR_NOT_FOUND if it has not. */
static enum err hold_again(struct books *b, const struct hold_wanted *w, struct hold_view *out,
                           struct errmsg *why)
{
    char name[ENTRY_TEXT_SIZE];
    enum err e = books_hold_named(b, w->terminal, w->name, out, why);
    if (e)
        return e;
    entry_text(name, out->entry);
    if (out->member != w->member || points_cmp(out->points, w->points) != 0)
        return err_set(why, ERR_CONFLICT, "%s of this name is of other points", name);
    return out->open ? OK : err_set(why, ERR_STATE, "%s was redeemed or let go before", name);
}

/* What the programme says, by the same rules as at the till (I6). */
static enum err refuse_redemption(struct books *b, const struct hold_wanted *w, int64_t now_s,
                                  const struct pack *pack, struct errmsg *why)
{
    struct member_view m;
    struct money value;
    enum err e = books_member(b, w->member, &m, why);
    struct redeem_facts facts = {.tier = m.tier, .online = true, .alone = true};
    if (!e)
        e = books_spendable(b, w->member, now_s, &facts.purse, why);
    if (e)
        return e;
    enum means_answer means = rules_means_may(pack, w->means, true, w->points, w->factor);
    if (means != MEANS_MAY)
        return err_set(why, ERR_AUTH, "%s", means_answer_text(means));
    enum redeem_answer answer = rules_redeem(pack, &facts, w->points, &value);
    if (answer == REDEEM_NOTHING_HELD || answer == REDEEM_ABOVE_PURSE)
        return err_set(why, ERR_REFUSED, "only %" PRId64 " points can be redeemed here without the card",
                       points_n(facts.purse));
    return answer == REDEEM_OK ? OK : err_set(why, ERR_REFUSED, "%s", redeem_answer_text(answer));
}

static enum err hold(struct books *b, const struct hold_wanted *w, int64_t now_s, struct hold_view *out,
                     struct errmsg *why)
{
    struct txn *t = &b->own;
    const struct pack *pack = books_pack_on(b, day_of_time(now_s));
    if (!pack)
        return err_set(why, ERR_STATE, "no rules are in force yet");
    if (!*w->name)
        return err_set(why, ERR_FORMAT, "a hold needs a name");
    enum err e = hold_again(b, w, out, why);
    if (e != ERR_NOT_FOUND)
        return e;
    e = refuse_redemption(b, w, now_s, pack, why);
    if (e)
        return e;
    memset(t, 0, sizeof *t);
    t->kind = TXN_HOLD;
    t->time_s = now_s;
    t->member = w->member;
    t->redeemed = w->points;
    t->means = w->means;
    t->approved_by = w->approved_by;
    t->original.terminal = w->terminal;
    t->until_s = now_s + (int64_t)pack->hold_minutes * 60;
    snprintf(t->ref, sizeof t->ref, "%s", w->name);
    e = books_post_own(b, t, now_s, why);
    if (!e)
        *out = (struct hold_view){t->id, t->member, t->redeemed, t->until_s, true};
    return e;
}

enum err books_hold(struct books *b, const struct hold_wanted *wanted, int64_t now_s,
                    struct hold_view *out, struct errmsg *why)
{
    bool own = !store_office_is_open(b->store);
    enum err e = own ? books_begin(b, why) : OK;
    if (e)
        return e;
    e = hold(b, wanted, now_s, out, why);
    if (own && e)
        books_rollback(b);
    return own && !e ? books_commit(b, why) : e;
}

static enum err release_one(struct books *b, int64_t now_s, bool *any, struct errmsg *why)
{
    struct ledger_hold h;
    struct txn *t = &b->own;
    uint32_t seq = 0;
    struct query q = query_of(b->store, Q_HOLD_DUE);
    query_int(&q, now_s);
    if ((*any = query_row(&q)))
        seq = (uint32_t)query_get_int(&q);
    enum err e = query_done(&q, why);
    if (!e && *any)
        e = books_load_hold(b, seq, &h, why);
    if (e || !*any)
        return e;
    memset(t, 0, sizeof *t);
    t->kind = TXN_RELEASE;
    t->time_s = now_s;
    t->member = h.member;
    t->original = h.id;
    return books_post_own(b, t, now_s, why);
}

enum err books_release_due(struct books *b, int64_t now_s, int32_t *count, struct errmsg *why)
{
    bool own = !store_office_is_open(b->store), any = true;
    enum err e = own ? books_begin(b, why) : OK;
    if (e)
        return e;
    for (*count = 0; any && !e; *count += any)
        e = release_one(b, now_s, &any, why);
    if (own && e)
        books_rollback(b);
    return own && !e ? books_commit(b, why) : e;
}

/* ---- a load ---- */

/* Head office's own SETTLE or LOAD of an intent, from what the card shows. */
static enum err settle_by_reading(struct books *b, const struct card_seen *seen, struct entry_id id,
                                  int64_t now_s, struct errmsg *why)
{
    struct ledger_intent intent;
    struct txn_evidence complete = {0};
    int64_t position;
    struct txn *t = &b->own;
    enum err e = books_load_intent(b, id, &intent, why);
    if (!e)
        e = books_load_entry(b, id, &b->original, &position, why);
    if (e)
        return e;
    enum txn_commit verdict = card_judge(seen, intent.name, &b->original.evidence, &complete);
    if (verdict != COMMIT_DONE && verdict != COMMIT_NOT_DONE)
        return OK;
    memset(t, 0, sizeof *t);
    t->kind = intent.load ? TXN_LOAD : TXN_SETTLE;
    t->time_s = now_s;
    t->card = seen->uid;
    t->member = b->original.member;
    t->original = id;
    t->points = intent.load ? intent.amount : points_of(0);
    t->redeemed = intent.load ? points_of(0) : intent.amount;
    t->commit = verdict;
    if (verdict == COMMIT_DONE)
        t->evidence = complete;
    return books_post_own(b, t, now_s, why);
}

static bool has_gap(struct books *b, const struct card_seen *seen)
{
    bool gap = seen->has_tmc;
    struct query q = query_text_of(b->store, "SELECT tmc_last, missing FROM tmc_gap WHERE uid = ?");
    query_uid(&q, &seen->uid);
    if (seen->has_tmc && query_row(&q)) {
        int64_t last = query_get_int(&q);
        gap = last != seen->tmc || query_get_int(&q) != 0;
    }
    return query_done(&q, NULL) || gap;
}

/* Points on the card that the books do not have there, and no load in doubt explains.  A till can write a
 * log record, or name an entry, of a debit that it did not do; what head office gave back for that is then
 * here a second time.  So the purse is never brought above what the books say (I5). */
static enum err surplus_of(struct books *b, const struct card_seen *seen, const struct card_view *card,
                           int64_t *surplus, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "SELECT coalesce(sum(amount), 0) FROM intent"
                                             " WHERE uid = ? AND load AND proof = 0 AND amount > 0");
    *surplus = seen->purse - points_n(card->purse);
    query_uid(&q, &seen->uid);
    if (query_row(&q))
        *surplus -= query_get_int(&q);
    if (*surplus < 0)
        *surplus = 0; /* fewer than the books say: a till has still to send what it took off */
    return query_done(&q, why);
}

static void plan(struct books *b, const struct card_seen *seen, const struct card_view *card,
                 const struct member_view *m, int64_t surplus, int32_t today, struct load_plan *out)
{
    int64_t held = points_n(m->held) - surplus, delta = 0;
    const struct pack *pack = books_pack_on(b, today);
    const struct card_profile *on = &seen->profile;
    struct card_profile *p = &out->profile;
    p->member = card->member;
    p->layout = CARD_LAYOUT;
    p->flags = card->status == CARD_ACTIVE ? 0 : CARD_FLAG_BLOCKED;
    snprintf(p->tier, sizeof p->tier, "%s", m->tier);
    p->tier_valid_day = on->tier_valid_day;
    bool lowest = !pack || strcmp(m->tier, pack->tiers[0].code) == 0;
    bool renew = strcmp(on->tier, p->tier) != 0 ||
                 (!lowest && on->tier_valid_day < today + TIER_RENEW_DAYS);
    if (renew)
        p->tier_valid_day = today + TIER_VALID_DAYS;
    if (card->status == CARD_REPLACED)
        delta = -(int64_t)seen->purse;
    else if (held < 0)
        delta = -held < seen->purse ? held : -(int64_t)seen->purse;
    else if (card->status == CARD_ACTIVE)
        delta = held < INT32_MAX - seen->purse ? held : INT32_MAX - seen->purse;
    out->delta = (int32_t)delta;
    out->needed = delta != 0 || renew || on->member != p->member || on->flags != p->flags ||
                  on->layout != p->layout;
}

enum err books_plan_load(struct books *b, const struct card_seen *seen, int64_t now_s,
                         struct load_plan *out, struct errmsg *why)
{
    struct card_view card;
    struct member_view member = {0};
    struct entry_id open[16];
    int32_t open_count = 0;
    int64_t surplus = 0;
    memset(out, 0, sizeof *out);
    enum err e = books_card(b, &seen->uid, &card, why);
    if (e)
        return e;
    struct query q = query_of(b->store, Q_INTENTS_OPEN);
    query_uid(&q, &seen->uid);
    while (open_count < 16 && query_row(&q)) {
        open[open_count].terminal = (uint32_t)query_get_int(&q);
        open[open_count++].seq = (uint32_t)query_get_int(&q);
    }
    e = query_done(&q, why);
    for (int32_t i = 0; i < open_count && !e; i++)
        e = settle_by_reading(b, seen, open[i], now_s, why);
    if (!e)
        e = books_card(b, &seen->uid, &card, why);
    if (!e && card.member)
        e = books_member(b, card.member, &member, why);
    if (!e)
        e = surplus_of(b, seen, &card, &surplus, why);
    if (e)
        return e;
    plan(b, seen, &card, &member, surplus, day_of_time(now_s), out);
    if (card.status != CARD_REPLACED && points_n(card.purse) != seen->purse)
        snprintf(out->note, sizeof out->note,
                 "the card shows %" PRId32 " points, the books %" PRId64 "%s", seen->purse,
                 points_n(card.purse),
                 entry_is(card.open_intent) ? ": an intent is in doubt"
                 : has_gap(b, seen)         ? ": a till has not sent everything"
                                            : ": nothing explains it");
    return OK;
}
