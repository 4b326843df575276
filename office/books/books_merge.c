/* books_merge.c - MERGE, UNMERGE, TRANSFER: entries of two members.  The decisions are in ledger_merge.c; here the facts
 * are brought, both sides are written, and rows of a number follow it to its survivor and back.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "office/books/books_int.h"

#include <inttypes.h>
#include <string.h>

/* The number and all that were merged into it, one into the other. */
#define GROUP                                                                                      \
    "WITH RECURSIVE group_of (m) AS (SELECT ?1 UNION SELECT member FROM member"                    \
    " JOIN group_of ON merged_into = m AND merged_into <> 0) "

enum err books_survivor(struct books *b, member_id member, member_id *out, struct errmsg *why)
{
    struct member_view m = {.merged_into = member};
    enum err e = OK;
    while (!e && m.merged_into)
        e = books_member(b, m.merged_into, &m, why);
    if (!e)
        *out = m.member;
    return e;
}

/* ---- facts ---- */

struct pair {
    struct ledger_pair facts;
    int64_t merge_position; /* UNMERGE: of its MERGE */
};

static enum err load_merger(struct books *b, const struct txn *t, struct pair *p, struct errmsg *why)
{
    struct query q = query_of(b->store, Q_MERGER_GET);
    query_int(&q, t->original.seq);
    if (t->original.terminal == OFFICE_TERMINAL && query_row(&q)) {
        p->merge_position = query_get_int(&q);
        p->facts.into = (member_id)query_get_int(&q);
        p->facts.from = (member_id)query_get_int(&q);
        p->facts.merge_stands = query_get_int(&q) != 0;
    }
    return query_done(&q, why);
}

static enum err is_known(struct books *b, member_id member, member_id *is, bool *known, struct errmsg *why)
{
    enum err e = member ? books_survivor(b, member, is, why) : ERR_NOT_FOUND;
    *known = e == OK;
    return e == ERR_NOT_FOUND ? OK : e;
}

static enum err count_cards(struct books *b, member_id member, bool *too_many, struct errmsg *why)
{
    struct query q = query_text_of(b->store, GROUP "SELECT count(*) FROM card WHERE purse <> 0"
                                                   " AND owner IN (SELECT m FROM group_of)");
    query_int(&q, (int64_t)member);
    *too_many = query_row(&q) && query_get_int(&q) > MOVING_CARDS_MAX;
    return query_done(&q, why);
}

/* MERGE, UNMERGE: from is the number that is, or was, taken up; into the one that took it.  TRANSFER: from gives. */
static enum err load_pair(struct books *b, const struct txn *t, struct pair *p, struct errmsg *why)
{
    struct ledger_pair *f = &p->facts;
    member_id is = 0;
    enum err e = OK;
    memset(p, 0, sizeof *p);
    if (t->kind == TXN_UNMERGE)
        e = load_merger(b, t, p, why);
    else
        f->into = t->kind == TXN_MERGE ? t->member : t->other, f->from = t->kind == TXN_MERGE ? t->other : t->member;
    if (!e)
        e = is_known(b, f->into, &is, &f->into_known, why);
    if (!e)
        e = is_known(b, f->from, &f->from_is, &f->from_known, why);
    if (e || !f->into_known || !f->from_known)
        return e;
    f->into_merged = is != f->into;
    if (t->kind != TXN_UNMERGE)
        f->into = is;
    if (t->kind == TXN_TRANSFER) {
        f->from = f->from_is;
        return books_spendable(b, f->from, t->time_s, &f->spendable, why);
    }
    return count_cards(b, f->from, &f->too_many_cards, why);
}

enum err books_refuse_pair(struct books *b, const struct txn *t, struct errmsg *why)
{
    struct pair p;
    if (t->kind != TXN_MERGE && t->kind != TXN_UNMERGE && t->kind != TXN_TRANSFER)
        return OK;
    enum err e = load_pair(b, t, &p, why);
    if (e)
        return e;
    enum ledger_answer answer = ledger_pair_answer(t, &p.facts);
    if (answer == LEDGER_UNKNOWN_MEMBER)
        return err_set(why, ERR_NOT_FOUND, "%s", ledger_answer_text(answer));
    return answer == LEDGER_ANSWER_COUNT ? OK : err_set(why, ERR_STATE, "%s", ledger_answer_text(answer));
}

/* ---- what goes ---- */

static enum err load_cards(struct books *b, const char *sql, member_id member, struct ledger_moving *m,
                           struct errmsg *why)
{
    struct query q = query_text_of(b->store, sql);
    query_int(&q, (int64_t)member);
    while (m->card_count < MOVING_CARDS_MAX && query_row(&q)) {
        query_get_uid(&q, &m->cards[m->card_count].uid);
        m->cards[m->card_count++].purse = points_of(query_get_int(&q));
    }
    return query_done(&q, why);
}

/* Rows of account and points, into the places. */
static enum err load_places(struct books *b, const char *sql, member_id member, struct ledger_moving *m,
                            struct errmsg *why)
{
    struct query q = query_text_of(b->store, sql);
    query_int(&q, (int64_t)member);
    while (query_row(&q)) {
        char account[16];
        query_get_text(&q, account, sizeof account);
        struct points points = points_of(query_get_int(&q));
        for (int a = 0; a < ACCOUNT_ISSUED; a++)
            if (a != ACCOUNT_CARD && strcmp(account, ledger_account_text((enum ledger_account)a)) == 0)
                m->place[a] = points;
    }
    return query_done(&q, why);
}

/* All that a member has. */
static enum err load_all(struct books *b, member_id member, int32_t day, struct ledger_moving *m, struct errmsg *why)
{
    struct member_view view;
    memset(m, 0, sizeof *m);
    m->cause = CAUSE_MERGE;
    enum err e = books_member(b, member, &view, why);
    m->owed = view.owed;
    if (!e)
        e = load_places(b, "SELECT account, sum(amount) FROM posting WHERE member = ? GROUP BY account", member, m, why);
    if (!e)
        e = load_cards(b, "SELECT uid, purse FROM card WHERE member = ? AND purse <> 0 ORDER BY uid", member, m, why);
    if (e)
        return e;
    struct query q = query_text_of(b->store, "SELECT expires_day, left, iif(expires_day >= ?2, expired, 0) FROM lot"
                                             " WHERE member = ?1 AND (left > 0 OR (expired > 0 AND expires_day >= ?2))"
                                             " ORDER BY expires_day");
    query_int(&q, (int64_t)member);
    query_int(&q, day - MOVING_EXPIRED_DAYS);
    while (m->lot_count < LOTS_MAX && query_row(&q)) {
        struct lot *lot = &m->lots[m->lot_count++];
        lot->expires_day = (int32_t)query_get_int(&q);
        lot->left = points_of(query_get_int(&q));
        lot->expired = points_of(query_get_int(&q));
    }
    return query_done(&q, why);
}

/* Lots that were extended since are another day's now. */
static enum err to_days_of_now(struct books *b, const struct pair *p, struct lot_move *net, int32_t *count,
                               struct errmsg *why)
{
    int32_t kept = 0;
    enum err e = OK;
    for (int32_t i = 0; i < *count && !e; i++) {
        struct lot_move m = net[i];
        int32_t k = 0;
        e = books_lot_now(b, p->facts.into, p->facts.from, &m.expires_day, why);
        while (k < kept && net[k].expires_day < m.expires_day)
            k++;
        if (k < kept && net[k].expires_day == m.expires_day) {
            net[k].left = points_of(points_n(net[k].left) + points_n(m.left));
            net[k].expired = points_of(points_n(net[k].expired) + points_n(m.expired));
            continue;
        }
        memmove(&net[k + 1], &net[k], (size_t)(kept++ - k) * sizeof net[0]);
        net[k] = m;
    }
    *count = kept;
    return e;
}

/* What a merged number brought, and what came for it since. */
static enum err load_net(struct books *b, const struct pair *p, struct lot_move *net, int32_t *count,
                         struct points *owed, struct errmsg *why)
{
    struct query q = query_text_of(
        b->store, GROUP ", net (day, left, expired, owed) AS ("
                        " SELECT expires_day, -left, -expired, -owed FROM lot_move WHERE position = ?2 AND member = ?1"
                        " UNION ALL SELECT expires_day, left, expired, owed FROM merged_move"
                        " JOIN lot_move USING (position, n) WHERE owner IN (SELECT m FROM group_of) AND at > ?2)"
                        " SELECT day, sum(left), sum(expired), sum(owed) FROM net GROUP BY day ORDER BY day");
    query_int(&q, (int64_t)p->facts.from);
    query_int(&q, p->merge_position);
    *count = 0;
    *owed = points_of(0);
    while (*count < LOTS_MAX && query_row(&q)) {
        bool debt = query_is_null(&q);
        struct lot_move *m = &net[*count];
        m->expires_day = (int32_t)query_get_int(&q);
        m->left = points_of(query_get_int(&q));
        m->expired = points_of(query_get_int(&q));
        if (debt)
            *owed = points_of(query_get_int(&q));
        else
            ++*count;
    }
    enum err e = query_done(&q, why);
    return e ? e : to_days_of_now(b, p, net, count, why);
}

/* Of the survivor's places those that are of the number's own cards and holds; its lots; the rest is held. */
static enum err load_share(struct books *b, const struct pair *p, struct ledger_moving *m, struct errmsg *why)
{
    struct lot_move *net = b->effects.scratch; /* nothing is posted yet */
    struct points owed;
    int32_t count = 0;
    memset(m, 0, sizeof *m);
    enum err e = load_net(b, p, net, &count, &owed, why);
    if (!e)
        e = load_cards(b, GROUP "SELECT uid, purse FROM card WHERE owner IN (SELECT m FROM group_of) AND purse <> 0"
                                " ORDER BY uid", p->facts.from, m, why);
    if (!e)
        e = load_places(b, GROUP
                        "SELECT 'reserved', coalesce(sum(amount), 0) FROM hold WHERE state = 0"
                        " AND owner IN (SELECT m FROM group_of)"
                        " UNION ALL SELECT 'transit', coalesce(sum(amount), 0) FROM intent JOIN card USING (uid)"
                        " WHERE owner IN (SELECT m FROM group_of) AND iif(load, proof = 0, proof = 2 AND outcome = 0)"
                        " UNION ALL SELECT 'pending', coalesce(sum(v.left), 0) FROM vesting v"
                        " LEFT JOIN sale s ON s.position = v.position LEFT JOIN card c ON c.uid = v.uid"
                        " WHERE coalesce(s.owner, c.owner) IN (SELECT m FROM group_of)",
                        p->facts.from, m, why);
    if (!e)
        e = books_load_member(b, p->facts.into, INT32_MIN, &b->facts, why);
    if (!e)
        ledger_moving_share(net, count, owed, b->lots, b->facts.lot_count, b->facts.member.owed, m);
    return e;
}

static enum err load_moving(struct books *b, const struct txn *t, const struct pair *p, struct errmsg *why)
{
    int32_t day = day_of_time(t->time_s);
    struct ledger_moving *m = &b->moving;
    if (t->kind == TXN_MERGE)
        return load_all(b, p->facts.from, day, m, why);
    if (t->kind == TXN_UNMERGE)
        return load_share(b, p, m, why);
    enum err e = books_load_member(b, p->facts.from, day, &b->facts, why);
    if (!e)
        ledger_moving_transfer(b->lots, b->facts.lot_count, day, t->points, m);
    return e;
}

/* ---- rows follow their number ---- */

static enum err run(struct books *b, const char *sql, member_id number, member_id to, struct errmsg *why)
{
    struct query q = query_text_of(b->store, sql);
    query_int(&q, (int64_t)number);
    query_int(&q, (int64_t)to);
    return query_run(&q, why);
}

/* number: with all that was merged into it.  to: whose its rows are from now on. */
static enum err follow(struct books *b, member_id number, member_id to, struct errmsg *why)
{
#define OWN "WHERE owner IN (SELECT m FROM group_of)"
    static const char *const steps[] = {
        GROUP "UPDATE card SET member = ?2 " OWN,
        GROUP "UPDATE hold SET member = ?2 " OWN,
        GROUP "UPDATE vesting SET member = ?2 WHERE position IN (SELECT position FROM sale " OWN ")"
              " OR uid IN (SELECT uid FROM card " OWN ")",
        GROUP "UPDATE sale SET member = ?2 " OWN,
        GROUP "UPDATE gift SET member = ?2 " OWN,
        GROUP "UPDATE desk SET member = ?2 " OWN,
        GROUP "UPDATE metric_day SET member = ?2 " OWN,
        GROUP "UPDATE stamp_move SET member = ?2 " OWN,
        GROUP "UPDATE refund SET member = ?2 WHERE sale_position IN (SELECT position FROM sale " OWN ")",
        GROUP "UPDATE rating SET member = ?2 WHERE sale IN (SELECT position FROM sale " OWN ")",
        "UPDATE member SET last_day = max(last_day, (SELECT o.last_day FROM member o WHERE o.member = ?1))"
        " WHERE member = ?2",
    };
    enum err e = OK;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && !e; i++)
        e = run(b, steps[i], number, to, why);
    return e;
}

static enum err keep_merger(struct books *b, const struct txn *t, const struct pair *p, int64_t position,
                            struct errmsg *why)
{
    bool merge = t->kind == TXN_MERGE;
    struct query q = query_of(b->store, merge ? Q_MERGER_ADD : Q_MERGER_END);
    if (merge) {
        query_int(&q, position);
        query_int(&q, t->id.seq);
        query_int(&q, (int64_t)p->facts.into);
        query_int(&q, (int64_t)p->facts.from);
    } else {
        query_int(&q, p->merge_position);
        query_int(&q, position);
    }
    return query_run(&q, why);
}

static enum err join_numbers(struct books *b, const struct txn *t, const struct pair *p, int64_t position,
                             struct errmsg *why)
{
    const struct ledger_pair *f = &p->facts;
    bool merge = t->kind == TXN_MERGE;
    enum err e = keep_merger(b, t, p, position, why);
    if (!e)
        e = follow(b, f->from, merge ? f->into : f->from, why);
    if (!e)
        e = run(b, "UPDATE member SET merged_into = ?2 WHERE member = ?1", f->from, merge ? f->into : 0, why);
    return e;
}

/* ---- posting ---- */

static enum err load_side(struct books *b, const struct txn *t, member_id member, member_id owner, struct errmsg *why)
{
    int32_t day = day_of_time(t->time_s), from_day = b->moving.lot_count ? b->moving.lots[0].expires_day : day;
    memset(&b->facts.card, 0, sizeof b->facts.card);
    b->facts.t = t;
    enum err e = books_load_member(b, member, from_day < day ? from_day : day, &b->facts, why);
    b->facts.owner = t->kind == TXN_TRANSFER ? owner : b->facts.member.id;
    return e;
}

/* The receiver first: only there something may not fit. */
enum err books_post_pair(struct books *b, const struct txn *t, int64_t position, struct errmsg *why)
{
    struct pair p;
    struct ledger_member of_giver = {0};
    enum err e = load_pair(b, t, &p, why);
    if (e)
        return e;
    enum ledger_answer answer = ledger_pair_answer(t, &p.facts);
    if (answer != LEDGER_ANSWER_COUNT) {
        ledger_move_not(&b->facts, answer, &b->effects);
        return books_write(b, position, why);
    }
    bool apart = t->kind == TXN_UNMERGE;
    member_id giver = apart ? p.facts.into : p.facts.from, receiver = apart ? p.facts.from : p.facts.into;
    e = load_moving(b, t, &p, why);
    if (!e && t->kind == TXN_MERGE) {
        e = load_side(b, t, giver, giver, why);
        of_giver = b->facts.member;
    }
    if (!e && apart)
        e = join_numbers(b, t, &p, position, why);
    if (!e)
        e = load_side(b, t, receiver, t->other, why);
    if (e)
        return e;
    bool fits = ledger_move_in(&b->facts, &b->moving, t->kind == TXN_MERGE ? &of_giver : NULL, &b->effects);
    e = books_write(b, position, why);
    if (e || !fits)
        return e;
    e = load_side(b, t, giver, t->member, why);
    if (e)
        return e;
    ledger_move_out(&b->facts, &b->moving, &b->effects);
    e = books_write(b, position, why);
    return e || t->kind != TXN_MERGE ? e : join_numbers(b, t, &p, position, why);
}
