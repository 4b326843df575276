/* pool.c - see pool.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/members/pool.h"
#include "base/date.h"
#include "base/tr.h"
#include "office/books/books_int.h"
#include "office/books/rows.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct pool {
    int64_t id;
    char name[POOL_NAME_MAX + 1];
    member_id head;
    int32_t most, stay_days, count;
    bool persons_only, ended;
};

static enum err load(struct books *b, int64_t id, struct pool *p, struct errmsg *why)
{
    char who[16] = "";
    struct query q = query_text_of(b->store,
                                   "SELECT name, head, most, stay_days, who, ended_s IS NOT NULL, (SELECT count(*) FROM"
                                   " pool_member m WHERE m.pool = p.pool AND to_day IS NULL) FROM pool p WHERE pool = ?");
    memset(p, 0, sizeof *p);
    p->id = id;
    query_int(&q, id);
    bool found = query_row(&q);
    if (found) {
        query_get_text(&q, p->name, sizeof p->name);
        p->head = (member_id)query_get_int(&q);
        p->most = (int32_t)query_get_int(&q);
        p->stay_days = (int32_t)query_get_int(&q);
        query_get_text(&q, who, sizeof who);
        p->persons_only = strcmp(who, "persons") == 0;
        p->ended = query_get_int(&q) != 0;
        p->count = (int32_t)query_get_int(&q);
    }
    enum err e = query_done(&q, why);
    return !e && (!found || p->ended) ? err_set(why, ERR_NOT_FOUND, tr("there is no such household")) : e;
}

/* ---- who may ---- */

/* Who the number is now; that one is in no pool, and of a kind that may be. */
static enum err may_join(struct books *b, const struct pool *p, member_id *member, struct errmsg *why)
{
    bool in_one = false, no_person = false;
    char name[MEMBER_TEXT_SIZE];
    enum err e = books_survivor(b, *member, member, why);
    if (e)
        return e;
    member_text(name, *member);
    struct query q = query_text_of(b->store, "SELECT 1 FROM pool_member WHERE member = ? AND to_day IS NULL");
    query_int(&q, (int64_t)*member);
    in_one = query_row(&q);
    if ((e = query_done(&q, why)))
        return e;
    if (in_one)
        return err_set(why, ERR_CONFLICT, tr("%s is in a household already"), name);
    q = query_text_of(b->store, "SELECT 1 FROM member_type WHERE member = ? AND type <> 'person'");
    query_int(&q, (int64_t)*member);
    no_person = query_row(&q);
    if ((e = query_done(&q, why)))
        return e;
    if (p->persons_only && no_person)
        return err_set(why, ERR_REFUSED, tr("%s is a company, a reseller or staff: this household takes persons"), name);
    return OK;
}

static enum err add(struct books *b, int64_t pool, member_id member, uint32_t user, int64_t now_s, struct errmsg *why)
{
    /* Left and back on one day is one stay. */
    struct query q = query_text_of(b->store, "INSERT INTO pool_member (pool, member, from_day, user) VALUES (?, ?, ?, ?)"
                                             " ON CONFLICT DO UPDATE SET to_day = NULL");
    query_int(&q, pool);
    query_int(&q, (int64_t)member);
    query_int(&q, day_of_time(now_s));
    query_int(&q, user);
    return query_run(&q, why);
}

enum err pool_create(struct books *b, const struct pool_rules *r, uint32_t user, int64_t now_s, int64_t *pool,
                     struct errmsg *why)
{
    struct pool p = {.persons_only = r->persons_only};
    member_id head = r->head;
    size_t size = strlen(r->name);
    if (size < 1 || size > POOL_NAME_MAX || r->most < 2 || r->most > 50 || r->stay_days < 0 || r->stay_days > 3650)
        return err_set(why, ERR_RANGE,
                       tr("a household has a name of at most %d bytes, 2 to 50 members, and 0 to 3650 days to stay"),
                       POOL_NAME_MAX);
    enum err e = may_join(b, &p, &head, why);
    if (e)
        return e;
    struct query q = query_text_of(b->store, "INSERT INTO pool (name, head, most, who, stay_days, made_s, user)"
                                             " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING pool");
    query_text(&q, r->name);
    query_int(&q, (int64_t)head);
    query_int(&q, r->most);
    query_text(&q, r->persons_only ? "persons" : "anyone");
    query_int(&q, r->stay_days);
    query_int(&q, now_s);
    query_int(&q, user);
    *pool = query_row(&q) ? query_get_int(&q) : 0;
    e = query_done(&q, why);
    return e ? e : add(b, *pool, head, user, now_s, why);
}

enum err pool_join(struct books *b, int64_t pool, member_id member, uint32_t user, int64_t now_s, struct errmsg *why)
{
    struct pool p;
    enum err e = load(b, pool, &p, why);
    if (!e)
        e = may_join(b, &p, &member, why);
    if (!e && p.count >= p.most)
        e = err_set(why, ERR_REFUSED, tr("the household is full: %d members"), (int)p.most);
    return e ? e : add(b, pool, member, user, now_s, why);
}

enum err pool_leave(struct books *b, int64_t pool, member_id member, uint32_t user, int64_t now_s, struct errmsg *why)
{
    struct pool p;
    int32_t today = day_of_time(now_s), since = 0;
    (void)user;
    enum err e = load(b, pool, &p, why);
    if (e)
        return e;
    if (member == p.head)
        return err_set(why, ERR_REFUSED, tr("the head does not leave a household: it is ended"));
    struct query q = query_text_of(b->store, "SELECT from_day FROM pool_member WHERE pool = ? AND member = ?"
                                             " AND to_day IS NULL");
    query_int(&q, pool);
    query_int(&q, (int64_t)member);
    bool found = query_row(&q);
    since = found ? (int32_t)query_get_int(&q) : 0;
    e = query_done(&q, why);
    if (!e && !found)
        e = err_set(why, ERR_NOT_FOUND, tr("this member is not in the household"));
    if (e)
        return e;
    if (today < since + p.stay_days) {
        char day[DAY_TEXT_SIZE];
        day_text(day, since + p.stay_days);
        return err_set(why, ERR_REFUSED, tr("by this household's rules one may leave it from %s on"), day);
    }
    q = query_text_of(b->store, "UPDATE pool_member SET to_day = ?3 WHERE pool = ?1 AND member = ?2 AND to_day IS NULL");
    query_int(&q, pool);
    query_int(&q, (int64_t)member);
    query_int(&q, today);
    return query_run(&q, why);
}

enum err pool_end(struct books *b, int64_t pool, int64_t now_s, struct errmsg *why)
{
    struct pool p;
    enum err e = load(b, pool, &p, why);
    if (e)
        return e;
    struct query q = query_text_of(b->store, "UPDATE pool SET ended_s = ?2 WHERE pool = ?1");
    query_int(&q, pool);
    query_int(&q, now_s);
    if ((e = query_run(&q, why)))
        return e;
    q = query_text_of(b->store, "UPDATE pool_member SET to_day = ?2 WHERE pool = ?1 AND to_day IS NULL");
    query_int(&q, pool);
    query_int(&q, day_of_time(now_s));
    return query_run(&q, why);
}

/* ---- the sweep ---- */

static enum err sweep_one(struct books *b, const struct pool *p, member_id member, int64_t now_s, int32_t *transfers,
                          struct errmsg *why)
{
    struct points points;
    struct txn *t = &b->own;
    member_id is = member, head = p->head;
    enum err e = books_survivor(b, member, &is, why);
    if (!e)
        e = books_survivor(b, p->head, &head, why);
    if (e || is == head) /* merged with the head meanwhile: it is there already */
        return e;
    e = books_spendable(b, is, now_s, &points, why);
    if (e || points_n(points) == 0)
        return e;
    memset(t, 0, sizeof *t);
    t->kind = TXN_TRANSFER;
    t->member = is;
    t->other = head;
    t->points = points;
    snprintf(t->reason, sizeof t->reason, "household pool %" PRId64, p->id); /* no name: it stays for ever */
    e = books_post_own(b, t, now_s, why);
    ++*transfers;
    if (e)
        return e;
    struct query q = query_text_of(b->store, "UPDATE pool_member SET swept = swept + ?3 WHERE pool = ?1 AND member = ?2"
                                             " AND to_day IS NULL");
    query_int(&q, p->id);
    query_int(&q, (int64_t)member);
    query_int(&q, points_n(points));
    return query_run(&q, why);
}

/* The next one after this pool and member, who is not the head. */
static enum err next_one(struct books *b, int64_t *pool, member_id *member, bool *found, struct errmsg *why)
{
    struct query q = query_text_of(b->store,
                                   "SELECT pool, member FROM pool_member JOIN pool USING (pool) WHERE to_day IS NULL"
                                   " AND member <> head AND (pool, member) > (?, ?) ORDER BY pool, member LIMIT 1");
    query_int(&q, *pool);
    query_int(&q, (int64_t)*member);
    if ((*found = query_row(&q))) {
        *pool = query_get_int(&q);
        *member = (member_id)query_get_int(&q);
    }
    return query_done(&q, why);
}

enum err pool_sweep(struct books *b, int64_t now_s, int32_t *transfers, struct errmsg *why)
{
    int64_t pool = 0;
    member_id member = 0;
    bool found = true;
    enum err e = OK;
    assert(store_office_is_open(b->store));
    *transfers = 0;
    while (!e && found) {
        struct pool p;
        e = next_one(b, &pool, &member, &found, why);
        if (!e && found)
            e = load(b, pool, &p, why);
        if (!e && found)
            e = sweep_one(b, &p, member, now_s, transfers, why);
    }
    return e;
}

/* ---- shown ---- */

#define POOL_COLUMNS                                                                              \
    "pool:int name:text head:member most:int who:text stay_days:int made:time ended:time members:int"
#define SELECT_POOL                                                                               \
    "SELECT pool, name, head, most, who, stay_days, made_s, ended_s, (SELECT count(*) FROM pool_member m"      \
    " WHERE m.pool = p.pool AND to_day IS NULL) FROM pool p"

enum err pool_list(struct books *b, json_t *rows, struct errmsg *why)
{
    struct query q = query_text_of(b->store, SELECT_POOL " ORDER BY ended_s IS NOT NULL, name, pool");
    return rows_of(&q, POOL_COLUMNS, rows, why);
}

enum err pool_show(struct books *b, int64_t pool, json_t *out, struct errmsg *why)
{
    struct query q = query_text_of(b->store, SELECT_POOL " WHERE pool = ?");
    query_int(&q, pool);
    enum err e = rows_one(&q, POOL_COLUMNS, out, why);
    if (e == ERR_NOT_FOUND)
        return err_set(why, e, tr("there is no such household"));
    if (e)
        return e;
    json_t *rows = json_array();
    json_object_set_new(out, "rows", rows);
    q = query_text_of(b->store, "SELECT m.member, m.from_day, m.to_day, m.from_day + p.stay_days, m.swept"
                                " FROM pool_member m JOIN pool p USING (pool) WHERE pool = ?"
                                " ORDER BY to_day IS NOT NULL, member <> head, member, from_day");
    query_int(&q, pool);
    return rows_of(&q, "member:member since:day until:day may_leave:day swept:points", rows, why);
}
