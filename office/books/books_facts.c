/* books_facts.c - what has to be known to post an entry, read from the database into struct ledger_facts.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "office/books/books_int.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum err books_load_card(struct books *b, const struct card_uid *uid, struct ledger_card *out,
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
        out->owner = (member_id)query_get_int(&q);
    }
    return query_done(&q, why);
}

enum err books_load_member(struct books *b, member_id member, int32_t from_day,
                           struct ledger_facts *in, struct errmsg *why)
{
    in->member = (struct ledger_member){.id = member, .enrolled_day = DAY_NEVER};
    in->lots = b->lots;
    in->lot_count = 0;
    in->today = INT32_MIN;
    if (member == 0)
        return OK;
    enum err e = OK;
    for (member_id next = member; next && !e;) {
        struct query q = query_of(b->store, Q_MEMBER_GET);
        query_int(&q, (int64_t)next);
        in->member.id = next;
        next = 0;
        if ((in->member.known = query_row(&q))) {
            query_get_text(&q, in->member.tier, sizeof in->member.tier);
            in->member.short_since_day = (int32_t)query_get_int(&q);
            in->today = (int32_t)query_get_int(&q);
            query_skip(&q, 2); /* held, transit */
            in->member.owed = points_of(query_get_int(&q));
            query_skip(&q, 2); /* reserved, pending */
            in->member.enrolled_day = (int32_t)query_get_int(&q);
            query_get_text(&q, in->member.hand_tier, sizeof in->member.hand_tier);
            in->member.hand_until_day = (int32_t)query_get_int(&q);
            next = (member_id)query_get_int(&q); /* merged into that one */
        }
        e = query_done(&q, why);
    }
    if (e || !in->member.known)
        return e;
    member = in->member.id;
    struct query q = query_of(b->store, Q_LOTS);
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

enum err books_find_intent(struct books *b, enum office_query by, struct entry_id id,
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
    return entry_is(id) ? books_find_intent(b, Q_INTENT_GET, id, out, why) : OK;
}

void books_read_hold(struct query *q, struct ledger_hold *out, int64_t *until_s)
{
    out->known = true;
    out->id = (struct entry_id){OFFICE_TERMINAL, (uint32_t)query_get_int(q)};
    out->terminal = (uint32_t)query_get_int(q);
    out->member = (member_id)query_get_int(q);
    out->owner = (member_id)query_get_int(q);
    out->amount = points_of(query_get_int(q));
    query_get_text(q, out->reward, sizeof out->reward);
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
        books_read_hold(&q, out, &until_s);
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
    return e == ERR_NOT_FOUND
               ? err_set(why, e, "T%04" PRIu32 "-%" PRIu32 " is not here", id.terminal, id.seq)
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
    return card_evidence_check(b->keys, &t->card, intent->name, (int32_t)change, &t->evidence,
                               before, why);
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
        in->evidence = bad == OK              ? EVIDENCE_GOOD
                       : bad == ERR_NOT_FOUND ? EVIDENCE_LOST
                                              : EVIDENCE_BAD;
        snprintf(in->evidence_why, sizeof in->evidence_why, "%.159s", fault.text);
        if (entry_is(in->evidence_before))
            e = books_find_intent(b, Q_INTENT_NAMED, in->evidence_before, &in->before, why);
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

static enum err sum_metric(struct books *b, member_id member, int32_t from_day, int32_t to_day,
                           struct tier_sums *out, struct errmsg *why)
{
    struct query q = query_of(b->store, Q_METRIC_SUM);
    query_int(&q, (int64_t)member);
    query_int(&q, from_day);
    query_int(&q, to_day);
    if (query_row(&q)) {
        out->spend = query_get_int(&q);
        out->points = query_get_int(&q);
        out->visits = query_get_int(&q);
    }
    return query_done(&q, why);
}

static enum err sum_window(struct books *b, member_id member, const struct pack *p, int32_t enrolled_day,
                           int32_t today, struct tier_sums *now, struct tier_sums *last_year, struct errmsg *why)
{
    int32_t start = rules_tier_window_start(p, enrolled_day, today);
    enum err e = sum_metric(b, member, start, today, now, why);
    if (!e && rules_tier_by_year(p))
        e = sum_metric(b, member, rules_tier_window_start(p, enrolled_day, start - 1), start - 1, last_year, why);
    return e;
}

enum err books_load_metric(struct books *b, struct ledger_facts *in, int32_t day,
                           struct errmsg *why)
{
    const struct pack *p = in->pack_now;
    member_id member = in->member.id;
    struct tier_sums on_day = {0};
    in->sums = in->sums_last_year = on_day;
    in->bills_on_day = 0;
    if (!p || p->tier_count < 2 || !in->member.known)
        return OK;
    enum err e = sum_window(b, member, p, in->member.enrolled_day, in->today, &in->sums, &in->sums_last_year, why);
    if (!e)
        e = sum_metric(b, member, day, day, &on_day, why);
    in->bills_on_day = on_day.visits;
    return e;
}

enum err books_metric(struct books *b, member_id member, const struct pack *pack, int32_t today, int64_t *now,
                      int64_t *last_year, struct errmsg *why)
{
    struct tier_sums sums = {0}, before = {0};
    struct member_view m;
    enum err e = books_member(b, member, &m, why);
    if (!e)
        e = sum_window(b, member, pack, m.enrolled_day, today, &sums, &before, why);
    *now = rules_tier_metric(pack, &sums);
    *last_year = rules_tier_metric(pack, &before);
    return e;
}

static void read_vesting(struct query *q, struct ledger_vesting *v)
{
    v->known = true;
    v->position = query_get_int(q);
    v->n = (int32_t)query_get_int(q);
    v->day = (int32_t)query_get_int(q);
    v->left = points_of(query_get_int(q));
}

/* What is pending of a purchase. */
enum err books_load_vesting(struct books *b, int64_t position, struct ledger_vesting *out,
                            struct errmsg *why)
{
    struct query q = query_of(b->store, Q_VESTING_GET);
    query_int(&q, position);
    if (query_row(&q))
        read_vesting(&q, out);
    return query_done(&q, why);
}

static enum err load_vesting_of_card(struct books *b, struct ledger_facts *in, struct errmsg *why)
{
    in->of_card.card = in->card.uid;
    struct query q = query_of(b->store, Q_VESTING_OF_CARD);
    query_uid(&q, &in->card.uid);
    if (query_row(&q))
        read_vesting(&q, &in->of_card);
    return query_done(&q, why);
}

enum err books_load_due(struct books *b, int32_t day, struct ledger_facts *in, struct errmsg *why)
{
    int64_t due = 0;
    enum err e = books_number(b, Q_VESTING_DUE, (int64_t)in->member.id, day, &due, why);
    in->due = points_of(due);
    return e;
}

/* EXPIRY_ACTIVITY: a purchase that comes late is followed by others that moved its points on, each as long as they
 * had not ended. */
static enum err load_active_end(struct books *b, struct ledger_facts *in, int32_t day, struct errmsg *why)
{
    const struct pack *pack = in->pack ? in->pack : in->pack_now;
    in->active_end = INT32_MIN;
    if (!pack || pack->expiry != EXPIRY_ACTIVITY || day >= in->today)
        return OK;
    int32_t end = rules_expiry_day(pack, day, in->member.enrolled_day);
    struct query q = query_of(b->store, Q_SALE_DAYS_AFTER);
    query_int(&q, (int64_t)in->member.id);
    query_int(&q, day);
    while (query_row(&q)) {
        int32_t next = (int32_t)query_get_int(&q);
        if (next > end)
            break;
        in->active_end = end = rules_expiry_day(pack, next, in->member.enrolled_day);
    }
    return query_done(&q, why);
}

/* What the member earned from a day to a day before this entry: by this till's own numbers, and in all. */
static enum err sum_earned(struct books *b, const struct ledger_facts *in, int32_t from_day, int32_t to_day,
                           struct points *here, struct points *all, struct errmsg *why)
{
    const struct txn *t = in->t;
    struct query q = query_of(b->store, Q_SALE_EARNED_ON);
    query_int(&q, (int64_t)in->member.id);
    query_int(&q, from_day);
    query_int(&q, to_day);
    if (query_row(&q))
        *all = points_of(query_get_int(&q));
    enum err e = query_done(&q, why);
    if (e)
        return e;
    q = query_of(b->store, Q_SALE_EARNED_HERE);
    query_int(&q, (int64_t)in->member.id);
    query_int(&q, from_day);
    query_int(&q, to_day);
    query_int(&q, t->id.terminal);
    query_int(&q, t->id.seq); /* a sale that is claimed is posted after later ones */
    query_uid(&q, uid_is(&t->card) ? &t->card : NULL);
    query_int(&q, (int64_t)t->member);
    if (query_row(&q))
        *here = points_of(query_get_int(&q));
    return query_done(&q, why);
}

/* Every stamp card of the pack; one without rows is empty. */
static enum err load_stamps(struct books *b, enum office_query by, int64_t of, const struct pack *pack,
                            struct ledger_before *out, struct errmsg *why)
{
    struct query q = query_of(b->store, by);
    out->stamp_count = pack->stamp_count;
    memset(out->stamps, 0, sizeof out->stamps);
    for (int32_t i = 0; i < pack->stamp_count; i++)
        memcpy(out->stamps[i].name, pack->stamps[i].name, sizeof out->stamps[i].name);
    query_int(&q, of);
    while (query_row(&q)) {
        char name[TXN_NAME_SIZE];
        query_get_text(&q, name, sizeof name);
        int64_t collected = query_get_int(&q), given = query_get_int(&q);
        for (int32_t i = 0; i < pack->stamp_count; i++)
            if (strcmp(pack->stamps[i].name, name) == 0) {
                out->stamps[i].collected = collected;
                out->stamps[i].given = given;
            }
    }
    return query_done(&q, why);
}

static enum err load_sale_facts(struct books *b, struct ledger_facts *in, int32_t day,
                                struct errmsg *why)
{
    const struct txn *t = in->t;
    enum err e = OK;
    in->tier_ever = strcmp(t->tier, in->member.tier) == 0;
    in->had_here = in->had = (struct ledger_before){0};
    if (!in->member.known)
        return OK;
    if ((e = load_active_end(b, in, day, why)))
        return e;
    if (day > in->today)
        in->today = day;
    if (!in->tier_ever) {
        struct query q = query_of(b->store, Q_TIER_EVER);
        query_int(&q, (int64_t)in->member.id);
        query_int(&q, (int64_t)in->owner);
        query_text(&q, t->tier);
        in->tier_ever = query_row(&q);
        e = query_done(&q, why);
    }
    if (!e && in->pack && points_n(in->pack->cap_per_day) > 0)
        e = sum_earned(b, in, day, day, &in->had_here.today, &in->had.today, why);
    if (!e && in->pack && points_n(in->pack->cap_per_month) > 0)
        e = sum_earned(b, in, month_first_day(day), month_last_day(day), &in->had_here.month, &in->had.month, why);
    if (!e && in->pack && in->pack->stamp_count)
        e = load_stamps(b, Q_STAMPS, (int64_t)in->member.id, in->pack, &in->had, why);
    return e ? e : books_load_metric(b, in, day, why);
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
        s->had_here.today = points_of(query_get_int(&q));
        s->had.today = points_of(query_get_int(&q));
        s->had_here.month = points_of(query_get_int(&q));
        s->had.month = points_of(query_get_int(&q));
        s->counted_back = money_of(query_get_int(&q));
        s->owner = (member_id)query_get_int(&q);
    }
    enum err e = query_done(&q, why);
    s->had_here.stamp_count = s->had.stamp_count = 0;
    if (!e && s->known && in->pack && in->pack->stamp_count)
        e = load_stamps(b, Q_STAMPS_BEFORE, s->position, in->pack, &s->had, why);
    return e;
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
        s->taken_back = points_of(query_get_int(&q));
    }
    return query_done(&q, why);
}

enum err books_lot_now(struct books *b, member_id member, member_id owner, int32_t *day, struct errmsg *why)
{
    struct query q = query_of(b->store, Q_LOT_NOW);
    query_int(&q, (int64_t)member);
    query_int(&q, *day);
    query_int(&q, (int64_t)owner);
    if (query_row(&q))
        *day = (int32_t)query_get_int(&q);
    return query_done(&q, why);
}

static enum err lot_now(struct books *b, member_id member, member_id owner, int32_t *day, int32_t *from_day,
                        struct errmsg *why)
{
    enum err e = books_lot_now(b, member, owner, day, why);
    if (!e && *day < *from_day)
        *from_day = *day;
    return e;
}

/* The lots its reward was taken from. */
static enum err load_taken(struct books *b, struct ledger_sale *s, int64_t redeem_position,
                           int32_t *from_day, struct errmsg *why)
{
    struct query q = query_of(b->store, Q_REDEEM_MOVES);
    query_int(&q, redeem_position);
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
    enum err e = query_done(&q, why);
    for (int32_t i = 0; i < s->taken_count && !e; i++)
        e = lot_now(b, s->member, s->owner, &s->taken[i].expires_day, from_day, why);
    return e;
}

/* The reward that comes back. */
static enum err load_redeem(struct books *b, struct ledger_facts *in, int32_t *from_day, struct errmsg *why)
{
    struct ledger_sale *s = &in->sale;
    struct query q = query_of(b->store, Q_DESK_GET);
    query_int(&q, in->t->original.seq);
    if ((s->known = query_row(&q))) {
        s->position = query_get_int(&q);
        s->member = (member_id)query_get_int(&q);
        s->owner = (member_id)query_get_int(&q);
        s->redeemed = points_of(query_get_int(&q));
        s->redeemed_back = points_of(query_get_int(&q));
    }
    enum err e = query_done(&q, why);
    return e || !s->known ? e : load_taken(b, s, s->position, from_day, why);
}

/* What a till gave, of which some is taken back. */
static enum err load_gift(struct books *b, struct ledger_facts *in, int32_t *from_day,
                          struct errmsg *why)
{
    struct ledger_gift *g = &in->gift;
    struct query q = query_of(b->store, Q_GIFT_GET);
    query_int(&q, in->t->original.terminal);
    query_int(&q, in->t->original.seq);
    if ((g->known = query_row(&q))) {
        g->position = query_get_int(&q);
        g->member = (member_id)query_get_int(&q);
        g->owner = (member_id)query_get_int(&q);
        g->points = points_of(query_get_int(&q));
        g->taken_back = points_of(query_get_int(&q));
        g->lot_day = (int32_t)query_get_int(&q);
    }
    enum err e = query_done(&q, why);
    return e || !g->known ? e : lot_now(b, g->member, g->owner, &g->lot_day, from_day, why);
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
    if (in->t->kind == TXN_RETURN)
        return b->original.kind == TXN_REDEEM ? load_redeem(b, in, from_day, why) : OK;
    in->original_is_other = b->original.kind != (in->t->kind == TXN_GRANT ? TXN_GRANT : TXN_SALE);
    if (in->original_is_other)
        return OK;
    in->original = &b->original;
    if (in->t->kind == TXN_GRANT)
        return load_gift(b, in, from_day, why);
    e = load_sale(b, in, &redeem_position, why);
    if (e || in->t->kind == TXN_RATING)
        return e;
    if ((e = load_left(b, in, why)) || (e = books_load_vesting(b, s->position, &in->vesting, why)))
        return e;
    e = lot_now(b, s->member, s->owner, &s->lot_day, from_day, why);
    return !e && redeem_position ? load_taken(b, s, redeem_position, from_day, why) : e;
}

enum err books_load_run_day(struct books *b, struct errmsg *why)
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
    enum err e = books_load_run_day(b, why);
    *day = b->run_day;
    return e;
}

enum err books_number(struct books *b, enum office_query name, int64_t first, int64_t second,
                      int64_t *out, struct errmsg *why)
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
static enum err load_beside(struct books *b, struct ledger_facts *in, int32_t day,
                            struct errmsg *why)
{
    const struct txn *t = in->t;
    enum err e = OK;
    int64_t n = 0;
    in->given_today = points_of(0);
    in->next_member = 0;
    in->unclaimed = false;
    if (t->kind == TXN_GRANT) {
        e = books_number(b, Q_GIFTS_ON, t->id.terminal, day, &n, why);
        in->given_today = points_of(n);
    } else if (t->kind == TXN_JOIN) {
        struct query q = query_of(b->store, Q_MEMBER_NEXT);
        if (query_row(&q))
            n = query_get_int(&q);
        e = query_done(&q, why);
        in->next_member = n >= 0 && n < INT64_MAX ? (member_id)n + 1 : 0;
    }
    if (!e && (t->kind == TXN_CLAIM || t->kind == TXN_GRANT)) {
        e = books_number(b, Q_UNCLAIMED_GET, t->original.terminal, t->original.seq, &n, why);
        in->unclaimed = n != 0;
    }
    return e;
}

/* Of an entry that speaks of a SALE or GRANT: which need not have come yet. */
static bool is_of_original(const struct txn *t)
{
    return t->kind == TXN_REFUND || t->kind == TXN_RATING || t->kind == TXN_RERATE || t->kind == TXN_RETURN ||
           (t->kind == TXN_GRANT && points_n(t->points) < 0);
}

static int32_t min_day(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* The number the entry came for, before anybody asks who that is now. */
static member_id owner_of(const struct books *b, const struct txn *t, const struct ledger_facts *in, bool of_hold)
{
    if (b->claimed)
        return b->claimed;
    if (t->kind == TXN_RETURN)
        return in->sale.known ? in->sale.owner : 0;
    if (t->kind == TXN_REFUND || t->kind == TXN_RATING || t->kind == TXN_RERATE)
        return in->original && in->sale.known ? in->sale.owner : 0;
    if (is_of_original(t))
        return in->gift.owner;
    if (t->kind == TXN_JOIN)
        return 0; /* a new one */
    if (of_hold && t->kind != TXN_SALE)
        return in->hold.owner;
    member_id member = ledger_member_of(t, &in->card);
    return in->card.known && member == in->card.member ? in->card.owner : member;
}

/* Who the member is now that the entry names; asked only if it is not the card's. */
static enum err load_said(struct books *b, struct ledger_facts *in, struct errmsg *why)
{
    member_id named = in->t->member;
    in->said = named;
    bool asked = in->t->kind == TXN_REDEEM || (in->card.known && named != in->card.member);
    if (named == 0 || !asked)
        return OK;
    enum err e = books_survivor(b, named, &in->said, why);
    return e == ERR_NOT_FOUND ? OK : e;
}

enum err books_gather(struct books *b, const struct txn *t, int64_t received_s, int64_t before_s,
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
    in->vesting = in->of_card = (struct ledger_vesting){0};
    bool of_hold = t->kind == TXN_RELEASE || txn_is_held(t) || (t->kind == TXN_REDEEM && entry_is(t->original));
    in->sale.known = false;
    enum err e = books_load_run_day(b, why);
    in->run_day = b->run_day;
    if (!e)
        e = books_load_card(b, &t->card, &in->card, why);
    if (!e && in->card.status == CARD_REPLACED)
        e = load_vesting_of_card(b, in, why);
    if (!e)
        e = books_load_card(b, &t->replaces, &in->other, why);
    if (!e)
        e = load_beside(b, in, day, why);
    if (!e && is_of_original(t))
        e = load_original(b, in, &from_day, why);
    else if (!e && of_hold)
        e = books_load_hold(b, t->original.seq, &in->hold, why);
    else if (!e)
        e = books_load_intent(b, t->original, &in->intent, why);
    if (!e && t->piece)
        e = books_load_hold(b, t->piece, &in->hold, why);
    if (t->kind == TXN_RERATE) /* not the one it was rated by */
        in->pack = books_find_pack(b, t->pack_version);
    if (!e)
        e = load_evidence(b, in, why);
    if (e)
        return e;
    if (in->intent.known)
        from_day = min_day(from_day, day_of_time(in->intent.time_s));
    if (in->before.known)
        from_day = min_day(from_day, day_of_time(in->before.time_s));
    in->owner = owner_of(b, t, in, of_hold);
    if (t->kind == TXN_EXTEND)
        from_day = min_day(from_day, t->from_day);
    e = load_said(b, in, why);
    if (!e)
        e = books_load_member(b, in->owner, from_day, in, why);
    in->last_sale_day = in->today;
    if (!e && t->kind == TXN_SALE)
        e = load_sale_facts(b, in, day, why);
    return e;
}
