/* complaint.c - see complaint.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/care/complaint.h"
#include "base/date.h"
#include "base/tr.h"
#include "office/care/care_int.h"
#include "office/care/message.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is kept ---- */

struct kept {
    struct complaint_now now;
    member_id member;
    char kind[16];
    int64_t received_s, answered_s;
    int32_t reopened;
};

static enum err load(struct books *b, int64_t id, struct kept *out, struct errmsg *why)
{
    char state[16];
    struct query q = query_text_of(
        b->store, "SELECT member, kind, received_s, answered_s, state, sampled, limit_s, due_s, recorded_by,"
                  " handled_by, passed_on, reopened FROM complaint WHERE id = ?");
    memset(out, 0, sizeof *out);
    query_int(&q, id);
    bool found = query_row(&q), known = false;
    if (found) {
        out->member = (member_id)query_get_int(&q);
        query_get_text(&q, out->kind, sizeof out->kind);
        out->received_s = query_get_int(&q);
        out->answered_s = query_get_int(&q);
        query_get_text(&q, state, sizeof state);
        known = complaint_state_parse(state, &out->now.state);
        out->now.sampled = query_get_int(&q) != 0;
        out->now.limit_s = query_get_int(&q);
        out->now.due_s = query_get_int(&q);
        out->now.recorded_by = (uint32_t)query_get_int(&q);
        out->now.handled_by = (uint32_t)query_get_int(&q);
        out->now.passed_on = query_get_int(&q) != 0;
        out->reopened = (int32_t)query_get_int(&q);
        out->now.reopened = out->reopened > 0;
        out->now.anonymous = out->member == 0;
    }
    enum err e = query_done(&q, why);
    if (!e && !found)
        e = err_set(why, ERR_NOT_FOUND, tr("there is no complaint C%" PRId64), id);
    if (!e && !known)
        e = err_set(why, ERR_CORRUPT, tr("complaint C%" PRId64 " is in no state"), id);
    return e;
}

static enum err add_step(struct books *b, int64_t id, const char *step, enum complaint_state state, int64_t now_s,
                         uint32_t user, const char *text, bool shown, enum care_opinion opinion, struct errmsg *why)
{
    struct query q = query_text_of(
        b->store, "INSERT INTO complaint_step (complaint, n, step, state, time_s, user, text, shown, opinion)"
                  " VALUES (?1, (SELECT coalesce(max(n), 0) + 1 FROM complaint_step WHERE complaint = ?1),"
                  " ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
    query_int(&q, id);
    query_text(&q, step);
    query_text(&q, complaint_state_text(state));
    query_int(&q, now_s);
    query_int(&q, user);
    query_text(&q, text);
    query_int(&q, shown);
    query_text(&q, care_opinion_text(opinion));
    return query_run(&q, why);
}

static enum err limit_of(struct books *b, const char *kind, int64_t *limit_s, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "SELECT limit_h FROM complaint_kind WHERE kind = ?");
    query_text(&q, kind);
    bool found = query_row(&q);
    *limit_s = found ? query_get_int(&q) * 3600 : 0;
    enum err e = query_done(&q, why);
    return e || found ? e : err_set(why, ERR_NOT_FOUND, tr("there is no kind of complaint '%s'"), kind);
}

/* ---- received ---- */

static enum err setting(struct books *b, const char *name, int64_t *out, struct errmsg *why)
{
    char text[32] = "";
    enum err e = care_setting(b, name, text, sizeof text, why);
    *out = strtoll(text, NULL, 10);
    return e;
}

/* Drawn once, when it comes in: another percentage later does not change the sample of the past. */
static enum err draw(struct books *b, int64_t id, struct errmsg *why)
{
    int64_t percent = 0, seed = 0;
    enum err e = setting(b, "audit_percent", &percent, why);
    if (!e)
        e = setting(b, "audit_seed", &seed, why);
    if (e)
        return e;
    struct query q = query_text_of(b->store, "UPDATE complaint SET sampled = ?2 WHERE id = ?1");
    query_int(&q, id);
    query_int(&q, care_sampled((uint64_t)seed, (uint64_t)id, (int32_t)percent));
    return query_run(&q, why);
}

static enum err check_new(struct books *b, const struct complaint_new *in, struct errmsg *why)
{
    static const char *const channels[] = {"page", "desk", "till", "phone", "letter"};
    struct member_view view;
    size_t i = 0;
    while (i < 5 && strcmp(channels[i], in->channel) != 0)
        i++;
    if (i == 5)
        return err_set(why, ERR_FORMAT, tr("'%s' is no way a complaint comes: page, desk, till, phone, letter"), in->channel);
    enum err e = care_text(tr("what the complaint says"), in->text, 1, COMPLAINT_TEXT_MAX, why);
    if (!e)
        e = care_text(tr("the shop"), in->shop, 0, TXN_NAME_SIZE - 1, why);
    if (!e && in->member)
        e = books_member(b, in->member, &view, why);
    return e;
}

static enum err insert(struct books *b, const struct complaint_new *in, int64_t limit_s, int64_t now_s, int64_t *id,
                       struct errmsg *why)
{
    struct query q = query_text_of(
        b->store, "INSERT INTO complaint (member, channel, kind, shop, cashier, terminal, seq, text, received_s, due_s,"
                  " limit_s, sampled) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0) RETURNING id");
    query_int(&q, (int64_t)in->member);
    query_text(&q, in->channel);
    query_text(&q, in->kind);
    query_text(&q, in->shop);
    query_int(&q, in->cashier);
    query_int(&q, in->entry.terminal);
    query_int(&q, in->entry.seq);
    query_text(&q, in->text);
    query_int(&q, now_s);
    query_int(&q, now_s + limit_s);
    query_int(&q, limit_s);
    if (query_row(&q))
        *id = query_get_int(&q);
    return query_done(&q, why);
}

enum err complaint_receive(struct books *b, const struct complaint_new *in, int64_t now_s, int64_t *id,
                           struct errmsg *why)
{
    int64_t limit_s;
    bool own;
    enum err e = care_begin(b, &own, why);
    if (e)
        return e;
    e = check_new(b, in, why);
    if (!e)
        e = limit_of(b, in->kind, &limit_s, why);
    if (!e)
        e = insert(b, in, limit_s, now_s, id, why);
    if (!e)
        e = draw(b, *id, why);
    if (!e)
        e = add_step(b, *id, "receive", COMPLAINT_RECEIVED, now_s, in->user, "", true, OPINION_NONE, why);
    if (!e && in->user) {
        struct complaint_deed record = {.step = STEP_RECORD, .by = {CARE_CLERK, in->user, now_s, OPINION_NONE, false}};
        e = complaint_do(b, *id, &record, why);
    }
    return care_end(b, own, e, why);
}

/* ---- the steps ---- */

static enum err refuse(enum care_answer a, struct errmsg *why)
{
    bool person = a == CARE_NOT_YOURS || a == CARE_OWN_WORK;
    bool said = a == CARE_NO_OPINION || a == CARE_NOBODY_TO_ASK;
    return err_set(why, person ? ERR_AUTH : said ? ERR_FORMAT : ERR_STATE, "%s", tr(care_answer_text(a)));
}

static enum err check_deed(const struct kept *k, const struct complaint_deed *d, struct errmsg *why)
{
    const char *text = d->text ? d->text : "";
    bool member = d->by.who == CARE_MEMBER;
    bool words = d->step == STEP_HANDLE || d->step == STEP_AUDIT || (d->step == STEP_WITHDRAW && !member);
    if (member && (d->member == 0 || d->member != k->member))
        return err_set(why, ERR_NOT_FOUND, tr("there is no such complaint of yours"));
    enum err e = care_text(tr("what was done"), text, words ? 1 : 0, COMPLAINT_TEXT_MAX, why);
    if (!e && d->step == STEP_PASS_ON)
        e = care_text(tr("to whom it is passed on"), d->owner ? d->owner : "", 1, COMPLAINT_OWNER_MAX, why);
    return e;
}

/* A row's numbers after the step. */
static enum err update(struct books *b, int64_t id, const struct kept *k, const struct complaint_deed *d,
                       const struct complaint_next *next, struct errmsg *why)
{
    bool handled = d->step == STEP_HANDLE;
    struct query q = query_text_of(
        b->store, "UPDATE complaint SET state = ?2, due_s = ?3, answered_s = ?4,"
                  " recorded_by = iif(?5 = 'record', ?6, recorded_by), handled_by = iif(?5 = 'handle', ?6, handled_by),"
                  " handled_s = iif(?5 = 'handle', ?7, handled_s), late = max(late, ?8),"
                  " passed_on = max(passed_on, ?5 = 'pass on'), reopened = reopened + ?9,"
                  " first_contact = iif(?9, 0, max(first_contact, ?10)), opinion = iif(?11 = '', opinion, ?11),"
                  " owner = iif(?12 = '', owner, ?12), audit_good = ?13, closed_s = ?14 WHERE id = ?1");
    query_int(&q, id);
    query_text(&q, complaint_state_text(next->state));
    query_int(&q, next->due_s);
    query_int(&q, k->answered_s || !d->by.user ? k->answered_s : d->by.time_s);
    query_text(&q, complaint_step_text(d->step));
    query_int(&q, d->by.user);
    query_int(&q, d->by.time_s);
    query_int(&q, handled && d->by.time_s > k->now.due_s);
    query_int(&q, next->reopened);
    query_int(&q, next->first_contact);
    query_text(&q, care_opinion_text(d->by.opinion));
    query_text(&q, d->step == STEP_PASS_ON ? d->owner : "");
    if (d->step == STEP_AUDIT)
        query_int(&q, d->by.good);
    else
        query_null(&q);
    query_int(&q, next->closed ? d->by.time_s : 0);
    return query_run(&q, why);
}

/* RECORD may say that it is of another kind: then the limit is that one's, from when it was received. */
static enum err set_kind(struct books *b, int64_t id, struct kept *k, const char *kind, struct errmsg *why)
{
    if (!kind || strcmp(kind, k->kind) == 0)
        return OK;
    enum err e = limit_of(b, kind, &k->now.limit_s, why);
    if (e)
        return e;
    k->now.due_s = k->received_s + k->now.limit_s;
    struct query q = query_text_of(b->store, "UPDATE complaint SET kind = ?2, limit_s = ?3, due_s = ?4 WHERE id = ?1");
    query_int(&q, id);
    query_text(&q, kind);
    query_int(&q, k->now.limit_s);
    query_int(&q, k->now.due_s);
    return query_run(&q, why);
}

/* Who complained is told that it was handled, and asked.  No way to reach them is no error. */
static enum err tell(struct books *b, int64_t id, const struct kept *k, int64_t now_s, struct errmsg *why)
{
    enum message_channel channel;
    enum message_answer answer;
    char key[MESSAGE_KEY_SIZE], number[24];
    int64_t message;
    enum err e = k->member ? message_best_channel(b, k->member, &channel, why) : ERR_NOT_FOUND;
    if (e)
        return e == ERR_NOT_FOUND ? OK : e;
    snprintf(key, sizeof key, "complaint-%" PRId64 "-handled-%d", id, k->reopened);
    snprintf(number, sizeof number, "C%" PRId64, id);
    json_t *values = json_pack("{s:s}", "complaint", number);
    struct message_wanted w = {k->member, channel, MESSAGE_SERVICE, "complaint-handled", "", values, key};
    e = message_queue(b, &w, now_s, &message, &answer, why);
    json_decref(values);
    return e;
}

enum err complaint_do(struct books *b, int64_t id, const struct complaint_deed *deed, struct errmsg *why)
{
    struct kept k;
    struct complaint_next next;
    bool own;
    enum err e = care_begin(b, &own, why);
    if (e)
        return e;
    e = load(b, id, &k, why);
    if (!e)
        e = check_deed(&k, deed, why);
    if (!e) {
        enum care_answer a = care_step(&k.now, deed->step, &deed->by, &next);
        e = a ? refuse(a, why) : OK;
    }
    if (!e && deed->step == STEP_RECORD) {
        e = set_kind(b, id, &k, deed->kind, why);
        next.due_s = k.now.due_s;
    }
    if (!e)
        e = update(b, id, &k, deed, &next, why);
    if (!e) /* what is said to the member, and by the member, the member may read */
        e = add_step(b, id, complaint_step_text(deed->step), next.state, deed->by.time_s, deed->by.user,
                     deed->text ? deed->text : "", deed->step == STEP_HANDLE || deed->by.who == CARE_MEMBER,
                     deed->by.opinion, why);
    if (!e && deed->step == STEP_HANDLE)
        e = tell(b, id, &k, deed->by.time_s, why);
    return care_end(b, own, e, why);
}

enum err complaint_note(struct books *b, int64_t id, uint32_t user, const char *text, bool shown, int64_t now_s,
                        struct errmsg *why)
{
    struct kept k;
    enum err e = care_text(tr("the remark"), text, 1, COMPLAINT_TEXT_MAX, why);
    if (!e)
        e = load(b, id, &k, why);
    return e ? e : add_step(b, id, "note", k.now.state, now_s, user, text, shown, OPINION_NONE, why);
}

/* ---- points ---- */

/* A text that was cut ends with a whole character (UTF-8). */
static void drop_half_character(char *text)
{
    size_t n = strlen(text), i = n;
    while (i > 0 && ((unsigned char)text[i - 1] & 0xc0) == 0x80)
        i--;
    unsigned char lead = i > 0 ? (unsigned char)text[i - 1] : 0;
    size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    if (i > 0 && n - (i - 1) < size)
        text[i - 1] = 0;
}

static enum err post_points(struct books *b, int64_t id, member_id member, struct points points, uint32_t user,
                            uint32_t approved_by, const char *text, int64_t now_s, struct entry_id *entry,
                            struct errmsg *why)
{
    struct txn *t = calloc(1, sizeof *t);
    if (!t)
        return err_set(why, ERR_IO, "out of memory");
    t->kind = TXN_ADJUST;
    t->time_s = now_s;
    t->member = member;
    t->points = points;
    t->user = user;
    t->approved_by = approved_by;
    snprintf(t->reason, sizeof t->reason, "complaint C%" PRId64 ": %s", id, text);
    drop_half_character(t->reason);
    enum err e = books_post_own(b, t, now_s, why);
    *entry = t->id;
    free(t);
    return e;
}

enum err complaint_may_recover(struct books *b, int64_t id, member_id *member, struct errmsg *why)
{
    struct kept k;
    enum err e = load(b, id, &k, why);
    *member = k.member;
    if (!e && !k.member)
        e = err_set(why, ERR_STATE, tr("an anonymous complaint has no member to give points to"));
    if (!e && k.now.state == COMPLAINT_WITHDRAWN)
        e = err_set(why, ERR_STATE, tr("the complaint was withdrawn"));
    return e;
}

enum err complaint_recover(struct books *b, int64_t id, struct points points, struct points most, uint32_t user,
                           uint32_t approved_by, const char *text, int64_t now_s, struct entry_id *entry,
                           struct errmsg *why)
{
    struct kept k;
    int64_t given = 0;
    bool own;
    if (points_n(points) <= 0)
        return err_set(why, ERR_RANGE, tr("points for a complaint are 1 or more"));
    enum err e = care_text(tr("the reason"), text, 1, COMPLAINT_TEXT_MAX, why);
    if (e || (e = care_begin(b, &own, why)))
        return e;
    member_id member;
    e = complaint_may_recover(b, id, &member, why);
    if (!e)
        e = load(b, id, &k, why);
    if (!e)
        e = care_number(b, "SELECT coalesce(sum(points), 0) FROM complaint_points WHERE complaint = ?", id, &given, why);
    if (!e && points_n(points) > points_n(most) - given)
        e = err_set(why, ERR_REFUSED, tr("you may give %" PRId64 " points for one complaint, %" PRId64 " were given"),
                    points_n(most), given);
    if (!e)
        e = post_points(b, id, k.member, points, user, approved_by, text, now_s, entry, why);
    if (!e) {
        struct query q = query_text_of(b->store, "INSERT INTO complaint_points (seq, complaint, points, user,"
                                                 " approved_by, time_s) VALUES (?, ?, ?, ?, ?, ?)");
        query_int(&q, entry->seq);
        query_int(&q, id);
        query_int(&q, points_n(points));
        query_int(&q, user);
        query_int(&q, approved_by);
        query_int(&q, now_s);
        e = query_run(&q, why);
    }
    if (!e)
        e = add_step(b, id, "points", k.now.state, now_s, user, text, true, OPINION_NONE, why);
    return care_end(b, own, e, why);
}

/* ---- shown ---- */

#define OVERDUE "(state IN ('received', 'recorded', 'passed on') AND due_s < ?1)"

static json_t *list_into(json_t *out, const char *name)
{
    json_t *rows = json_array();
    json_object_set_new(out, name, rows);
    return rows;
}

static enum err put_steps(struct books *b, int64_t id, bool member, json_t *out, struct errmsg *why)
{
    struct query q = query_text_of(
        b->store, "SELECT n, step, state, time_s, iif(?2, 0, user), iif(?2 AND NOT shown, '', text), shown"
                  " FROM complaint_step WHERE complaint = ?1 AND (NOT ?2 OR step <> 'note' OR shown) ORDER BY n");
    query_int(&q, id);
    query_int(&q, member);
    enum err e = rows_of(&q, "n:int step:text state:text time:time user:int text:text shown:bool",
                         list_into(out, "steps"), why);
    if (e)
        return e;
    q = query_text_of(b->store, "SELECT 0, seq, points, time_s, iif(?2, 0, user), iif(?2, 0, approved_by)"
                                " FROM complaint_points WHERE complaint = ?1 ORDER BY seq");
    query_int(&q, id);
    query_int(&q, member);
    return rows_of(&q, "entry:entry points:points time:time user:int approved_by:int", list_into(out, "points"), why);
}

enum err complaint_show(struct books *b, int64_t id, unsigned who, uint32_t user, int64_t now_s, json_t *out,
                        member_id *member, struct errmsg *why)
{
    struct kept k;
    bool own = who == CARE_MEMBER;
    enum err e = load(b, id, &k, why);
    if (e)
        return e;
    *member = k.member;
    struct query q = query_text_of(
        b->store, "SELECT id, 'C' || id, member, channel, kind, shop, iif(?3, 0, cashier), terminal, seq, text,"
                  " received_s, answered_s, state, due_s, iif(?3, '', owner), handled_s, late, passed_on, reopened,"
                  " first_contact, opinion, iif(?3, 0, sampled), closed_s, " OVERDUE " FROM complaint WHERE id = ?2");
    query_int(&q, now_s);
    query_int(&q, id);
    query_int(&q, own);
    e = rows_one(&q, "id:int number:text member:member channel:text kind:text shop:text cashier:int entry:entry"
                     " text:text received:time answered:time state:text due:time owner:text handled:time late:bool"
                     " passed_on:bool reopened:int first_contact:bool opinion:text sampled:bool closed:time"
                     " overdue:bool", out, why);
    if (e)
        return e;
    json_t *may = list_into(out, "may");
    unsigned open = care_steps_open(&k.now, who, user);
    for (int s = 0; s < STEPS; s++)
        if (open & 1u << s)
            json_array_append_new(may, json_string(complaint_step_text((enum complaint_step)s)));
    return put_steps(b, id, own, out, why);
}

enum err complaint_list(struct books *b, const struct complaint_filter *f, int64_t now_s, json_t *rows,
                        struct errmsg *why)
{
    struct query q = query_text_of(
        b->store,
        "SELECT id, 'C' || id, member, channel, kind, shop, iif(?9, 0, cashier), received_s, state, due_s,"
        " iif(?9, '', owner), handled_s,"
        " " OVERDUE ", first_contact, reopened, opinion FROM complaint WHERE (?2 = '' OR state = ?2"
        " OR (?2 = 'open' AND state IN ('received', 'recorded', 'passed on')) OR (?2 = 'overdue' AND " OVERDUE ")"
        " OR (?2 = 'audit' AND state = 'followed up' AND sampled))"
        " AND (?3 = '' OR kind = ?3) AND (?4 = '' OR shop = ?4) AND (?5 = 0 OR cashier = ?5)"
        " AND (?6 = 0 OR member = ?6) AND (?7 = 0 OR id < ?7)"
        " ORDER BY iif(?2 = 'overdue', due_s, -id) LIMIT ?8");
    query_int(&q, now_s);
    query_text(&q, f->state);
    query_text(&q, f->kind);
    query_text(&q, f->shop);
    query_int(&q, f->cashier);
    query_int(&q, (int64_t)f->member);
    query_int(&q, f->below);
    query_int(&q, f->most);
    query_int(&q, f->own);
    return rows_of(&q, "id:int number:text member:member channel:text kind:text shop:text cashier:int received:time"
                       " state:text due:time owner:text handled:time overdue:bool first_contact:bool reopened:int"
                       " opinion:text", rows, why);
}

/* ---- numbers ---- */

static void put_permille(json_t *row, const char *name, const char *part, const char *whole)
{
    int32_t n = care_permille(json_integer_value(json_object_get(row, part)),
                              json_integer_value(json_object_get(row, whole)));
    json_object_set_new(row, name, n < 0 ? json_null() : json_integer(n));
}

enum err complaint_numbers(struct books *b, const char *by, int32_t from_day, int32_t to_day, int64_t now_s,
                           json_t *rows, struct errmsg *why)
{
    static const struct {
        const char *by, *sql;
    } groups[] = {
        {"shop", "shop"}, {"cashier", "CAST(cashier AS TEXT)"}, {"kind", "kind"}, {"channel", "channel"},
        {"month", "strftime('%Y-%m', received_s, 'unixepoch')"},
    };
    char sql[1200];
    size_t i = 0;
    while (i < 5 && strcmp(groups[i].by, by) != 0)
        i++;
    if (i == 5)
        return err_set(why, ERR_FORMAT, tr("complaints are counted by shop, cashier, kind, channel or month"));
    snprintf(sql, sizeof sql,
             "SELECT %s AS g, count(*), sum(state IN ('received', 'recorded', 'passed on')), sum(" OVERDUE "),"
             " sum(handled_s > 0), sum(late), sum(first_contact),"
             " sum(iif(answered_s > 0, answered_s - received_s, 0)) / nullif(sum(answered_s > 0), 0),"
             " sum(iif(handled_s > 0, handled_s - received_s, 0)) / nullif(sum(handled_s > 0), 0),"
             " sum(opinion IN ('satisfied', 'not satisfied')), sum(opinion = 'satisfied'), sum(reopened > 0),"
             " sum((SELECT coalesce(sum(points), 0) FROM complaint_points WHERE complaint = complaint.id))"
             " FROM complaint WHERE received_s >= ?2 AND received_s < ?3 AND state <> 'withdrawn'"
             " GROUP BY g ORDER BY g",
             groups[i].sql);
    struct query q = query_text_of(b->store, sql);
    query_int(&q, now_s);
    query_int(&q, (int64_t)from_day * SECONDS_PER_DAY);
    query_int(&q, ((int64_t)to_day + 1) * SECONDS_PER_DAY);
    enum err e = rows_of(&q, "by:text received:int open:int overdue:int handled:int late:int first_contact:int"
                             " response_s:int handling_s:int asked:int satisfied:int reopened:int points:points",
                         rows, why);
    size_t n;
    json_t *row;
    json_array_foreach(rows, n, row) {
        put_permille(row, "first_contact_permille", "first_contact", "handled");
        put_permille(row, "satisfied_permille", "satisfied", "asked");
    }
    return e;
}

/* ---- kinds ---- */

enum err complaint_kinds(struct books *b, json_t *rows, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "SELECT kind, name, name_zh, limit_h FROM complaint_kind ORDER BY kind");
    return rows_of(&q, "kind:text name:text name_zh:text limit_h:int", rows, why);
}

enum err complaint_set_limit(struct books *b, const char *kind, int64_t limit_h, struct errmsg *why)
{
    if (limit_h < 1 || limit_h > 8760)
        return err_set(why, ERR_RANGE, tr("a time limit is 1 to 8760 hours"));
    struct query q = query_text_of(b->store, "UPDATE complaint_kind SET limit_h = ?2 WHERE kind = ?1 RETURNING kind");
    query_text(&q, kind);
    query_int(&q, limit_h);
    bool found = query_row(&q);
    enum err e = query_done(&q, why);
    return e || found ? e : err_set(why, ERR_NOT_FOUND, tr("there is no kind of complaint '%s'"), kind);
}
