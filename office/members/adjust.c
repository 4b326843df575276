/* adjust.c - see adjust.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/members/adjust.h"
#include "base/date.h"
#include "base/tr.h"
#include "office/books/books_int.h"
#include "office/care/complaint.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { ADJUST_MAX = 1000000000 };

static const struct {
    unsigned role;
    const char *name;
    int64_t at_once, a_day;
} roles_known[] = {
    {ROLE_CLERK, "clerk", 200, 1000},
    {ROLE_MARKETER, "marketer", 0, 0},
    {ROLE_CONTROLLER, "controller", 5000, 20000},
    {ROLE_APPROVER, "approver", 0, 0},
};
enum { ROLES_KNOWN = sizeof roles_known / sizeof *roles_known };

/* ---- limits ---- */

enum err adjust_limit_of(struct books *b, unsigned roles, struct adjust_limit *out, struct errmsg *why)
{
    int64_t at_once = 0, a_day = 0;
    enum err e = OK;
    for (int i = 0; i < ROLES_KNOWN && !e; i++) {
        if (!(roles & roles_known[i].role))
            continue;
        int64_t once = roles_known[i].at_once, day = roles_known[i].a_day;
        struct query q = query_text_of(b->store, "SELECT at_once, a_day FROM role_limit WHERE role = ?");
        query_text(&q, roles_known[i].name);
        if (query_row(&q)) {
            once = query_get_int(&q);
            day = query_get_int(&q);
        }
        e = query_done(&q, why);
        at_once = once > at_once ? once : at_once;
        a_day = day > a_day ? day : a_day;
    }
    *out = (struct adjust_limit){points_of(at_once), points_of(a_day)};
    return e;
}

enum err adjust_set_limit(struct books *b, unsigned role, const struct adjust_limit *limit, uint32_t user,
                          int64_t now_s, struct errmsg *why)
{
    int i = 0;
    while (i < ROLES_KNOWN && roles_known[i].role != role)
        i++;
    int64_t at_once = points_n(limit->at_once), a_day = points_n(limit->a_day);
    if (i == ROLES_KNOWN || at_once < 0 || at_once > ADJUST_MAX || a_day < at_once || a_day > ADJUST_MAX)
        return err_set(why, ERR_RANGE, tr("a limit is 0 or more, and at least as much for a day as for once"));
    struct query q = query_text_of(b->store, "INSERT OR REPLACE INTO role_limit (role, at_once, a_day, user, time_s)"
                                             " VALUES (?, ?, ?, ?, ?)");
    query_text(&q, roles_known[i].name);
    query_int(&q, at_once);
    query_int(&q, a_day);
    query_int(&q, user);
    query_int(&q, now_s);
    return query_run(&q, why);
}

enum err adjust_today(struct books *b, uint32_t user, int64_t now_s, struct points *out, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "SELECT coalesce(sum(abs(points)), 0) FROM adjustment"
                                             " WHERE user = ? AND day = ? AND approved_by = 0");
    query_int(&q, user);
    query_int(&q, day_of_time(now_s));
    *out = points_of(query_row(&q) ? query_get_int(&q) : 0);
    return query_done(&q, why);
}

/* ---- the adjustment itself ---- */

/* It is this member's. */
static enum err check_complaint(struct books *b, const struct adjust_asked *a, struct errmsg *why)
{
    member_id whose = 0, is = a->member;
    struct query q = query_text_of(b->store, "SELECT coalesce(member, 0) FROM complaint WHERE id = ?");
    query_int(&q, a->complaint);
    bool found = query_row(&q);
    whose = found ? (member_id)query_get_int(&q) : 0;
    enum err e = query_done(&q, why);
    if (!e && !found)
        return err_set(why, ERR_NOT_FOUND, tr("there is no complaint C%lld"), (long long)a->complaint);
    if (!e && whose)
        e = books_survivor(b, whose, &whose, why);
    if (!e)
        e = books_survivor(b, a->member, &is, why);
    return !e && whose != is ? err_set(why, ERR_STATE, tr("complaint C%lld is not of this member"), (long long)a->complaint) : e;
}

static enum err check_asked(struct books *b, const struct adjust_asked *a, struct errmsg *why)
{
    struct member_view m;
    int64_t n = points_n(a->points);
    if (n == 0 || n > ADJUST_MAX || n < -ADJUST_MAX)
        return err_set(why, ERR_RANGE, tr("points are between -1,000,000,000 and 1,000,000,000, and not 0"));
    if (!*a->reason)
        return err_set(why, ERR_FORMAT, tr("points given or taken by hand need a reason"));
    if (strlen(a->reason) >= TXN_REASON_SIZE)
        return err_set(why, ERR_RANGE, tr("the reason is longer than %d bytes"), TXN_REASON_SIZE - 1);
    if (a->complaint && n < 0)
        return err_set(why, ERR_RANGE, tr("for a complaint points are given, not taken"));
    enum err e = books_member(b, a->member, &m, why);
    return e || !a->complaint ? e : check_complaint(b, a, why);
}

static enum err post(struct books *b, const struct adjust_asked *a, uint32_t approved_by, int64_t now_s,
                     struct entry_id *entry, struct errmsg *why)
{
    enum err e;
    if (a->complaint) {
        e = complaint_recover(b, a->complaint, a->points, points_of(INT64_MAX), a->user, approved_by, a->reason, now_s,
                              entry, why);
    } else {
        struct txn *t = &b->own;
        memset(t, 0, sizeof *t);
        t->kind = TXN_ADJUST;
        t->member = a->member;
        t->points = a->points;
        t->user = a->user;
        t->approved_by = approved_by;
        snprintf(t->reason, sizeof t->reason, "%s", a->reason);
        e = books_post_own(b, t, now_s, why);
        *entry = t->id;
    }
    if (e)
        return e;
    struct query q = query_text_of(b->store, "INSERT INTO adjustment (seq, member, points, user, approved_by, complaint,"
                                             " day) VALUES (?, ?, ?, ?, ?, ?, ?)");
    query_int(&q, entry->seq);
    query_int(&q, (int64_t)a->member);
    query_int(&q, points_n(a->points));
    query_int(&q, a->user);
    query_int(&q, approved_by);
    query_int(&q, a->complaint);
    query_int(&q, day_of_time(now_s));
    return query_run(&q, why);
}

static enum err propose(struct head_office *o, const struct adjust_asked *a, int64_t now_s, int64_t *proposal,
                        struct errmsg *why)
{
    json_t *subject = json_pack("{sI sI sI ss}", "member", (json_int_t)a->member, "points",
                                (json_int_t)points_n(a->points), "complaint", (json_int_t)a->complaint, "reason", a->reason);
    enum err e = subject ? proposal_add(o, "adjust", subject, a->user, a->reason, now_s, proposal, why)
                         : err_set(why, ERR_FORMAT, "the reason is no UTF-8");
    json_decref(subject);
    return e;
}

enum err adjust_ask(struct head_office *o, const struct adjust_asked *asked, int64_t now_s, struct entry_id *entry,
                    int64_t *proposal, struct errmsg *why)
{
    struct adjust_limit limit;
    struct points today;
    *entry = (struct entry_id){0};
    *proposal = 0;
    enum err e = check_asked(o->books, asked, why);
    if (!e)
        e = adjust_limit_of(o->books, asked->roles, &limit, why);
    if (!e)
        e = adjust_today(o->books, asked->user, now_s, &today, why);
    if (e)
        return e;
    int64_t size = points_n(asked->points) < 0 ? -points_n(asked->points) : points_n(asked->points);
    bool within = size <= points_n(limit.at_once) && size <= points_n(limit.a_day) - points_n(today);
    return within ? post(o->books, asked, 0, now_s, entry, why) : propose(o, asked, now_s, proposal, why);
}

/* ---- by two persons ---- */

static void read_subject(const json_t *subject, struct adjust_asked *a)
{
    memset(a, 0, sizeof *a);
    a->member = (member_id)json_integer_value(json_object_get(subject, "member"));
    a->points = points_of(json_integer_value(json_object_get(subject, "points")));
    a->complaint = json_integer_value(json_object_get(subject, "complaint"));
    a->reason = json_string_value(json_object_get(subject, "reason"));
    if (!a->reason)
        a->reason = "";
}

enum err adjust_check(struct head_office *o, const json_t *subject, int64_t now_s, struct errmsg *why)
{
    struct adjust_asked a;
    (void)now_s;
    read_subject(subject, &a);
    return check_asked(o->books, &a, why);
}

enum err adjust_carry_out(struct head_office *o, const struct proposal *p, uint32_t approver, int64_t now_s, bool *done,
                          char result[PROPOSAL_RESULT_SIZE], struct errmsg *why)
{
    struct adjust_asked a;
    struct entry_id entry = {0};
    char name[ENTRY_TEXT_SIZE];
    read_subject(p->subject, &a);
    a.user = p->author;
    enum err e = check_asked(o->books, &a, why);
    if (!e)
        e = post(o->books, &a, approver, now_s, &entry, why);
    if (e)
        return e;
    entry_text(name, entry);
    snprintf(result, PROPOSAL_RESULT_SIZE, "%s", name);
    *done = true;
    return OK;
}
