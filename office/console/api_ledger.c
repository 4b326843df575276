/* api_ledger.c - operations of the console: points by hand, two numbers that are one person, households, later ends, tiers
 * by hand, opening balances.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "base/tr.h"
#include "office/members/adjust.h"
#include "office/console/api.h"
#include "office/books/books_int.h"
#include "office/members/opening.h"
#include "office/members/pool.h"
#include "office/books/rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEES (ROLE_CLERK | ROLE_CONTROLLER | ROLE_APPROVER | ROLE_AUDITOR)

/* ---- what several do ---- */

/* A member of the path, as the number says; who that is now is the books' matter. */
static enum err get_member(const struct api_call *c, member_id *out, struct errmsg *why)
{
    return api_member(c->arg[0], out, why);
}

/* A member named in the body. */
static enum err get_other(struct api_call *c, const char *name, member_id *out, struct errmsg *why)
{
    enum err e = api_member(api_text(c->in, name), out, why);
    if (e)
        snprintf(c->field, sizeof c->field, "%s", name);
    return e;
}

static enum err get_reason(struct api_call *c, char out[TXN_REASON_SIZE], struct errmsg *why)
{
    const char *text = api_text(c->in, "reason");
    if (*text && strlen(text) < TXN_REASON_SIZE) {
        snprintf(out, TXN_REASON_SIZE, "%s", text);
        return OK;
    }
    snprintf(c->field, sizeof c->field, "reason");
    return *text ? err_set(why, ERR_RANGE, tr("the reason is longer than %d bytes"), TXN_REASON_SIZE - 1)
                 : err_set(why, ERR_FORMAT, tr("a reason is needed: it stays in the books for ever, so no names"));
}

/* "2027-12-31", or "" = never. */
static enum err get_last_day(struct api_call *c, const char *name, int32_t *out, struct errmsg *why)
{
    const char *text = api_text(c->in, name);
    *out = DAY_NEVER;
    return *text ? api_day(text, out, why) : OK;
}

static struct txn *start(struct api_call *c, enum txn_kind kind)
{
    struct txn *t = &c->office->books->own;
    memset(t, 0, sizeof *t);
    t->kind = kind;
    t->user = c->user.id;
    return t;
}

/* Posts it; what a person would have to look at is refused. */
static enum err post(struct api_call *c, struct txn *t, struct errmsg *why)
{
    char remark[300] = "";
    enum err e = books_post_own(c->office->books, t, c->now_s, why);
    if (!e)
        e = books_remark(c->office->books, t->id, remark, sizeof remark, why);
    if (!e && *remark)
        return err_set(why, ERR_REFUSED, "%s", remark);
    if (!e)
        api_put_entry(c->out, "entry", t->id);
    return e;
}

/* ---- by hand ---- */

static enum err adjust(struct api_call *c, struct errmsg *why)
{
    struct adjust_asked a = {.points = points_of(api_int(c->in, "points", 0)),
                             .reason = api_text(c->in, "reason"),
                             .complaint = api_int(c->in, "complaint", 0),
                             .user = c->user.id,
                             .roles = c->user.roles};
    struct entry_id entry;
    int64_t proposal;
    enum err e = get_member(c, &a.member, why);
    if (!e)
        e = adjust_ask(c->office, &a, c->now_s, &entry, &proposal, why);
    if (e)
        return e;
    if (proposal)
        json_object_set_new(c->out, "proposal", json_integer((json_int_t)proposal));
    else
        api_put_entry(c->out, "entry", entry);
    snprintf(c->audit, sizeof c->audit, "%" PRId64 " points%s", points_n(a.points), proposal ? ", proposed" : "");
    return OK;
}

static enum err list_adjustments(struct api_call *c, struct errmsg *why)
{
    int32_t from, to;
    enum err e = api_day(api_text(c->query, "from"), &from, why);
    if (!e)
        e = api_day(api_text(c->query, "to"), &to, why);
    if (e)
        return e;
    json_t *rows = json_array();
    json_object_set_new(c->out, "rows", rows);
    struct query q = query_text_of(c->office->books->store,
                                   "SELECT 0, seq, day, member, points, user, approved_by, complaint FROM adjustment"
                                   " WHERE day BETWEEN ? AND ? ORDER BY seq DESC");
    query_int(&q, from);
    query_int(&q, to);
    return rows_of(&q, "entry:entry day:day member:member points:points user:int approved_by:int complaint:int", rows, why);
}

static const struct {
    unsigned role;
    const char *name;
} limited[] = {{ROLE_CLERK, "clerk"}, {ROLE_MARKETER, "marketer"}, {ROLE_CONTROLLER, "controller"}, {ROLE_APPROVER, "approver"}};
enum { LIMITED = sizeof limited / sizeof *limited };

static enum err list_limits(struct api_call *c, struct errmsg *why)
{
    json_t *rows = json_array();
    struct points today;
    enum err e = OK;
    json_object_set_new(c->out, "rows", rows);
    for (int i = 0; i < LIMITED && !e; i++) {
        struct adjust_limit limit;
        e = adjust_limit_of(c->office->books, limited[i].role, &limit, why);
        json_t *row = json_pack("{ss}", "role", limited[i].name);
        api_put_points(row, "at_once", limit.at_once);
        api_put_points(row, "a_day", limit.a_day);
        json_array_append_new(rows, row);
    }
    if (!e)
        e = adjust_today(c->office->books, c->user.id, c->now_s, &today, why);
    if (!e)
        api_put_points(c->out, "today", today);
    return e;
}

static enum err set_limit(struct api_call *c, struct errmsg *why)
{
    struct adjust_limit limit = {points_of(api_int(c->in, "at_once", 0)), points_of(api_int(c->in, "a_day", 0))};
    int i = 0;
    while (i < LIMITED && strcmp(limited[i].name, c->arg[0]) != 0)
        i++;
    if (i == LIMITED)
        return err_set(why, ERR_NOT_FOUND, tr("there are limits for clerk, marketer, controller and approver"));
    snprintf(c->audit, sizeof c->audit, "%s: %" PRId64 " at once, %" PRId64 " a day", c->arg[0], points_n(limit.at_once),
             points_n(limit.a_day));
    return adjust_set_limit(c->office->books, limited[i].role, &limit, c->user.id, c->now_s, why);
}

static enum err extend(struct api_call *c, struct errmsg *why)
{
    struct txn *t = start(c, TXN_EXTEND);
    enum err e = get_member(c, &t->member, why);
    if (!e)
        e = api_day(api_text(c->in, "from"), &t->from_day, why);
    if (!e)
        e = get_last_day(c, "to", &t->day, why);
    if (!e)
        e = get_reason(c, t->reason, why);
    return e ? e : post(c, t, why);
}

static enum err give_tier(struct api_call *c, struct errmsg *why)
{
    struct txn *t = start(c, TXN_TIER);
    enum err e = get_member(c, &t->member, why);
    const char *tier = api_text(c->in, "tier");
    const struct pack *pack = books_pack_on(c->office->books, day_of_time(c->now_s));
    if (!e && (!pack || !pack_find_tier(pack, tier))) {
        snprintf(c->field, sizeof c->field, "tier");
        e = err_set(why, ERR_FORMAT, tr("the rules in force have no tier \"%.40s\""), tier);
    }
    if (!e)
        e = get_last_day(c, "until", &t->day, why);
    if (!e)
        e = get_reason(c, t->reason, why);
    if (e)
        return e;
    snprintf(t->tier, sizeof t->tier, "%s", tier);
    return post(c, t, why);
}

static enum err transfer(struct api_call *c, struct errmsg *why)
{
    struct txn *t = start(c, TXN_TRANSFER);
    enum err e = get_member(c, &t->member, why);
    if (!e)
        e = get_other(c, "to", &t->other, why);
    if (!e)
        e = get_reason(c, t->reason, why);
    if (e)
        return e;
    t->points = points_of(api_int(c->in, "points", 0));
    snprintf(c->audit, sizeof c->audit, "%" PRId64 " points to M%" PRIu64, points_n(t->points), t->other);
    return post(c, t, why);
}

/* ---- two numbers, one person ---- */

static enum err put_one(struct api_call *c, const char *name, member_id member, struct errmsg *why)
{
    struct member_view m;
    enum err e = books_member(c->office->books, member, &m, why);
    if (e)
        return e;
    int64_t all = points_n(m.held) + points_n(m.on_cards) + points_n(m.in_transit) + points_n(m.reserved) +
                  points_n(m.pending);
    json_t *one = json_object();
    api_put_member(one, "member", member);
    api_put_member(one, "is", m.merged_into);
    json_object_set_new(one, "tier", rows_text(m.tier));
    api_put_points(one, "points", points_of(all));
    api_put_points(one, "owed", m.owed);
    struct query q = query_text_of(c->office->books->store, "SELECT count(*) FROM card WHERE member = ?");
    query_int(&q, (int64_t)member);
    json_object_set_new(one, "cards", json_integer(query_row(&q) ? (json_int_t)query_get_int(&q) : 0));
    json_object_set_new(c->out, name, one);
    api_looked(c, member);
    return query_done(&q, why);
}

#define ONE_SHAPE "{member:text! is:text tier:text! points:points! owed:points! cards:int!}"

static enum err try_merge(struct api_call *c, struct errmsg *why)
{
    struct errmsg no = {""};
    struct txn *t = start(c, TXN_MERGE);
    enum err e = get_member(c, &t->member, why);
    if (!e)
        e = api_member(api_text(c->query, "other"), &t->other, why);
    if (!e)
        e = put_one(c, "member", t->member, why);
    if (!e)
        e = put_one(c, "other", t->other, why);
    if (e)
        return e;
    t->time_s = c->now_s;
    enum err not_so = t->member == t->other ? err_set(&no, ERR_STATE, tr("it is one number"))
                                            : books_refuse_pair(c->office->books, t, &no);
    json_object_set_new(c->out, "may", json_boolean(!not_so));
    json_object_set_new(c->out, "why", rows_text(no.text));
    return OK;
}

static enum err merge(struct api_call *c, struct errmsg *why)
{
    struct txn *t = start(c, TXN_MERGE);
    enum err e = get_member(c, &t->member, why);
    if (!e)
        e = get_other(c, "other", &t->other, why);
    if (!e)
        e = get_reason(c, t->reason, why);
    if (e)
        return e;
    snprintf(c->audit, sizeof c->audit, "M%" PRIu64 " into M%" PRIu64, t->other, t->member);
    return post(c, t, why);
}

static enum err unmerge(struct api_call *c, struct errmsg *why)
{
    struct txn *t = start(c, TXN_UNMERGE);
    enum err e = entry_parse(&t->original, c->arg[0]) ? err_set(why, ERR_FORMAT, tr("\"%s\" is no entry"), c->arg[0]) : OK;
    if (!e)
        e = get_reason(c, t->reason, why);
    return e ? e : post(c, t, why);
}

static enum err list_merges(struct api_call *c, struct errmsg *why)
{
    json_t *rows = json_array();
    json_object_set_new(c->out, "rows", rows);
    struct query q = query_text_of(c->office->books->store,
                                   "SELECT 0, r.seq, e.time_s, r.member, r.other, 0, coalesce(u.seq, 0), u.time_s"
                                   " FROM merger r JOIN entry e USING (position) LEFT JOIN entry u ON u.position = r.ended_by"
                                   " ORDER BY r.position DESC");
    return rows_of(&q, "entry:entry time:time member:member other:member undone:entry undone_at:time", rows, why);
}

/* ---- households ---- */

static enum err list_pools(struct api_call *c, struct errmsg *why)
{
    json_t *rows = json_array();
    json_object_set_new(c->out, "rows", rows);
    return pool_list(c->office->books, rows, why);
}

static enum err show_pool(struct api_call *c, struct errmsg *why)
{
    int64_t pool;
    enum err e = api_number(c->arg[0], INT64_MAX, &pool, why);
    return e ? e : pool_show(c->office->books, pool, c->out, why);
}

static enum err make_pool(struct api_call *c, struct errmsg *why)
{
    const char *who = api_text(c->in, "who");
    struct pool_rules r = {.name = api_text(c->in, "name"), .persons_only = strcmp(who, "persons") == 0};
    int64_t pool, most = api_int(c->in, "most", 6), stay = api_int(c->in, "stay_days", 90);
    if (*who && !r.persons_only && strcmp(who, "anyone") != 0)
        return err_set(why, ERR_FORMAT, tr("who may join is \"anyone\" or \"persons\""));
    r.most = most < 0 || most > 1000 ? -1 : (int32_t)most;
    r.stay_days = stay < 0 || stay > 10000 ? -1 : (int32_t)stay;
    enum err e = get_other(c, "head", &r.head, why);
    if (!e)
        e = pool_create(c->office->books, &r, c->user.id, c->now_s, &pool, why);
    if (!e)
        json_object_set_new(c->out, "pool", json_integer((json_int_t)pool));
    return e;
}

static enum err change_pool(struct api_call *c, bool join, struct errmsg *why)
{
    struct books *b = c->office->books;
    int64_t pool;
    member_id member;
    enum err e = api_number(c->arg[0], INT64_MAX, &pool, why);
    if (!e)
        e = get_other(c, "member", &member, why);
    if (e)
        return e;
    snprintf(c->audit, sizeof c->audit, "M%" PRIu64, member);
    return join ? pool_join(b, pool, member, c->user.id, c->now_s, why)
                : pool_leave(b, pool, member, c->user.id, c->now_s, why);
}

static enum err join_pool(struct api_call *c, struct errmsg *why)
{
    return change_pool(c, true, why);
}

static enum err leave_pool(struct api_call *c, struct errmsg *why)
{
    return change_pool(c, false, why);
}

static enum err end_pool(struct api_call *c, struct errmsg *why)
{
    int64_t pool;
    enum err e = api_number(c->arg[0], INT64_MAX, &pool, why);
    return e ? e : pool_end(c->office->books, pool, c->now_s, why);
}

/* ---- opening balances ---- */

static enum err import_opening(struct api_call *c, struct errmsg *why)
{
    const char *csv = api_text(c->in, "csv"), *file = api_text(c->in, "file");
    if (!*file)
        return err_set(why, ERR_FORMAT, tr("the file has no name"));
    enum err e = opening_import(c->office->books, &c->office->home->known_keys, file, bytes_of(csv, strlen(csv)),
                                api_bool(c->in, "dry_run"), c->user.id, c->now_s, c->out, why);
    if (!e)
        snprintf(c->audit, sizeof c->audit, "%" JSON_INTEGER_FORMAT " lines, %" JSON_INTEGER_FORMAT " points%s",
                 json_integer_value(json_object_get(c->out, "lines")), json_integer_value(json_object_get(c->out, "points")),
                 json_is_true(json_object_get(c->out, "done")) ? "" : ", not done");
    return e;
}

static enum err list_opening(struct api_call *c, struct errmsg *why)
{
    json_t *rows = json_array();
    json_object_set_new(c->out, "rows", rows);
    return opening_list(c->office->books, rows, why);
}

/* ---- the rows ---- */

#define MAY_MOVE (ROLE_CLERK | ROLE_CONTROLLER)

const struct api_op api_ledger[] = {
    {"POST", "/api/members/{member}/adjust", "adjust_points",
     "Give or take points by hand; above the limits of the role a second person is asked (proposal)", MAY_MOVE, API_CHANGE,
     NULL, "points:points! reason:text! complaint:int", "entry:text proposal:int", adjust},
    {"GET", "/api/adjustments", "list_adjustments", "Points given and taken by hand, newest first", SEES, API_READ,
     "from:day! to:day!", NULL,
     "rows:[entry:text! day:day! member:text! points:points! user:int! approved_by:int! complaint:int!]!", list_adjustments},
    {"GET", "/api/limits", "list_limits", "What each role may give or take by hand, and what I did today", ROLE_STAFF,
     API_READ, NULL, NULL, "rows:[role:text! at_once:points! a_day:points!]! today:points!", list_limits},
    {"POST", "/api/limits/{role}", "set_limit", "Change what a role may give or take by hand", ROLE_ADMIN, API_CHANGE, NULL,
     "at_once:points! a_day:points!", NULL, set_limit},
    {"POST", "/api/members/{member}/extend", "extend_points",
     "Points that end, or ended, from a day on are good until a later one; no day = for ever", ROLE_CONTROLLER, API_CHANGE,
     NULL, "from:day! to:day reason:text!", "entry:text!", extend},
    {"POST", "/api/members/{member}/tier", "give_tier", "A tier by hand, kept until a day whatever the rules say",
     ROLE_CONTROLLER, API_CHANGE, NULL, "tier:text! until:day reason:text!", "entry:text!", give_tier},
    {"POST", "/api/members/{member}/transfer", "transfer_points",
     "Points of one member to another, those that end first, with their last days", ROLE_CONTROLLER, API_CHANGE, NULL,
     "to:text! points:points! reason:text!", "entry:text!", transfer},
    {"GET", "/api/members/{member}/merge", "try_merge", "Two numbers side by side, and whether they may become one member",
     MAY_MOVE, API_LOOK, "other:text!", NULL, "member:" ONE_SHAPE "! other:" ONE_SHAPE "! may:bool! why:text!", try_merge},
    {"POST", "/api/members/{member}/merge", "merge_members",
     "The other number is the same person: its points, cards and purchases are this member's", MAY_MOVE, API_CHANGE, NULL,
     "other:text! reason:text!", "entry:text!", merge},
    {"GET", "/api/merges", "list_merges", "Numbers that were found to be one person, newest first", SEES, API_READ, NULL,
     NULL, "rows:[entry:text! time:time! member:text! other:text! undone:text undone_at:time]!", list_merges},
    {"POST", "/api/merges/{entry}/undo", "unmerge_members",
     "They were two persons: the number gets back what it brought and what its own cards did, as far as it is there",
     MAY_MOVE, API_CHANGE, NULL, "reason:text!", "entry:text!", unmerge},
    {"GET", "/api/pools", "list_pools", "Households that collect together", SEES, API_READ, NULL, NULL,
     "rows:[" POOL_SHAPE "]!", list_pools},
    {"POST", "/api/pools", "make_pool", "A new household with its head and rules", MAY_MOVE, API_CHANGE, NULL,
     "name:text! head:text! most:int who:text stay_days:int", "pool:int!", make_pool},
    {"GET", "/api/pools/{pool}", "show_pool", "A household: who is in it, and what came from each", SEES, API_READ, NULL,
     NULL, POOL_SHAPE " rows:[" POOL_MEMBER_SHAPE "]!", show_pool},
    {"POST", "/api/pools/{pool}/join", "join_pool", "A member joins a household", MAY_MOVE, API_CHANGE, NULL,
     "member:text!", NULL, join_pool},
    {"POST", "/api/pools/{pool}/leave", "leave_pool", "A member leaves a household; what went to the head stays there",
     MAY_MOVE, API_CHANGE, NULL, "member:text!", NULL, leave_pool},
    {"POST", "/api/pools/{pool}/end", "end_pool", "A household is no more", MAY_MOVE, API_CHANGE, NULL, NULL, NULL,
     end_pool},
    {"POST", "/api/opening", "import_opening",
     "Opening balances from the text of a CSV file: all lines, or none and every fault; dry_run only looks",
     ROLE_CONTROLLER, API_CHANGE, NULL, "file:text! csv:text! dry_run:bool", OPENING_SHAPE "!", import_opening},
    {"GET", "/api/opening", "list_opening", "Files of opening balances that were taken", SEES, API_READ, NULL, NULL,
     "rows:[" OPENING_FILE_SHAPE "]!", list_opening},
    {0},
};
