/* api_care.c - operations of the console: complaints, feedback, improvements.  The work is in
 * complaint.h and feedback.h; a member's own are in api_mine.c.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "base/tr.h"
#include "office/members/adjust.h"
#include "office/console/api.h"
#include "office/care/complaint.h"
#include "office/care/feedback.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert((int)CARE_CLERK == (int)ROLE_CLERK && (int)CARE_CONTROLLER == (int)ROLE_CONTROLLER &&
                   (int)CARE_APPROVER == (int)ROLE_APPROVER && (int)CARE_MEMBER == (int)ROLE_MEMBER,
               "care_core.h names the console's roles");

enum { SEE = ROLE_CLERK | ROLE_MARKETER | ROLE_CONTROLLER | ROLE_APPROVER | ROLE_AUDITOR, ROWS = 1000 };

static json_t *rows_in(struct api_call *c)
{
    json_t *rows = json_array();
    json_object_set_new(c->out, "rows", rows);
    return rows;
}

static struct books *books_of(const struct api_call *c)
{
    return c->office->books;
}

/* "C12": with its letter, so that it is not taken for a member's number. */
static enum err complaint_of(const char *text, int64_t *id, struct errmsg *why)
{
    char *end;
    *id = *text == 'C' ? strtoll(text + 1, &end, 10) : 0;
    return *id < 1 || *end ? err_set(why, ERR_FORMAT, tr("a complaint is written like C12")) : OK;
}

static enum err entry_in(const struct api_call *c, struct entry_id *out, struct errmsg *why)
{
    const char *text = api_text(c->in, "entry");
    *out = (struct entry_id){0, 0};
    return !*text || entry_parse(out, text) == OK ? OK : err_set(why, ERR_FORMAT, tr("a purchase is written like T0007-12"));
}

/* from and to of the query; missing: the last 90 days. */
static enum err days_in(const struct api_call *c, int32_t *from, int32_t *to, struct errmsg *why)
{
    const char *f = api_text(c->query, "from"), *t = api_text(c->query, "to");
    *to = day_of_time(c->now_s);
    enum err e = *t ? api_day(t, to, why) : OK;
    *from = *to - 89;
    return e || !*f ? e : api_day(f, from, why);
}

/* ---- complaints ---- */

static enum err list_complaints(struct api_call *c, struct errmsg *why)
{
    struct complaint_filter f = {.state = api_text(c->query, "state"), .kind = api_text(c->query, "kind"),
                                 .shop = api_text(c->query, "shop"), .most = ROWS};
    const char *member = api_text(c->query, "member");
    f.cashier = (uint32_t)strtoul(api_text(c->query, "cashier"), NULL, 10);
    f.below = strtoll(api_text(c->query, "below"), NULL, 10);
    enum err e = *member ? api_member(member, &f.member, why) : OK;
    return e ? e : complaint_list(books_of(c), &f, c->now_s, rows_in(c), why);
}

/* The member in the body, 0 when there is none. */
static enum err member_in(const struct api_call *c, member_id *out, struct errmsg *why)
{
    const char *text = api_text(c->in, "member");
    *out = 0;
    return *text ? api_member(text, out, why) : OK;
}

static enum err add_complaint(struct api_call *c, struct errmsg *why)
{
    struct complaint_new in = {.channel = api_text(c->in, "channel"), .kind = api_text(c->in, "kind"),
                               .shop = api_text(c->in, "shop"), .cashier = (uint32_t)api_int(c->in, "cashier", 0),
                               .text = api_text(c->in, "text"), .user = c->user.id};
    char number[24];
    int64_t id;
    enum err e = entry_in(c, &in.entry, why);
    if (!e)
        e = member_in(c, &in.member, why);
    if (!e)
        e = complaint_receive(books_of(c), &in, c->now_s, &id, why);
    if (e)
        return e;
    snprintf(number, sizeof number, "C%" PRId64, id);
    json_object_set_new(c->out, "id", json_integer(id));
    json_object_set_new(c->out, "number", json_string(number));
    snprintf(c->audit, sizeof c->audit, "%s", number);
    return OK;
}

static enum err show_complaint(struct api_call *c, struct errmsg *why)
{
    int64_t id;
    member_id member = 0;
    enum err e = complaint_of(c->arg[0], &id, why);
    if (!e)
        e = complaint_show(books_of(c), id, c->user.roles, c->user.id, c->now_s, c->out, &member, why);
    if (!e && member)
        api_looked(c, member);
    return e;
}

static enum err step_complaint(struct api_call *c, struct errmsg *why)
{
    const char *opinion = api_text(c->in, "opinion"), *kind = api_text(c->in, "kind");
    struct complaint_deed d = {.text = api_text(c->in, "text"),
                               .owner = api_text(c->in, "owner"), .kind = *kind ? kind : NULL};
    json_t *after = json_object();
    member_id member;
    int64_t id;
    enum err e = complaint_of(c->arg[0], &id, why);
    if (!e && (!complaint_step_parse(api_text(c->in, "step"), &d.step) || !care_opinion_parse(opinion, &d.by.opinion)))
        e = err_set(why, ERR_FORMAT, tr("there is no such step, or nobody can say that"));
    if (!e) {
        d.by.who = c->user.roles;
        d.by.user = c->user.id;
        d.by.time_s = c->now_s;
        d.by.good = api_bool(c->in, "good");
        e = complaint_do(books_of(c), id, &d, why);
    }
    if (!e)
        e = complaint_show(books_of(c), id, d.by.who, d.by.user, c->now_s, after, &member, why);
    if (!e) {
        json_object_set(c->out, "state", json_object_get(after, "state"));
        snprintf(c->audit, sizeof c->audit, "C%" PRId64 " %s", id, complaint_step_text(d.step));
    }
    json_decref(after);
    return e;
}

static enum err note_complaint(struct api_call *c, struct errmsg *why)
{
    int64_t id;
    enum err e = complaint_of(c->arg[0], &id, why);
    return e ? e : complaint_note(books_of(c), id, c->user.id, api_text(c->in, "text"), api_bool(c->in, "shown"), c->now_s, why);
}

/* Within the limits of the role at once, above them a second person is asked (adjust.h). */
static enum err recover(struct api_call *c, struct errmsg *why)
{
    struct adjust_asked asked = {.points = points_of(api_int(c->in, "points", 0)), .reason = api_text(c->in, "text"),
                                 .user = c->user.id, .roles = c->user.roles};
    struct entry_id entry;
    int64_t id, proposal = 0;
    enum err e = complaint_of(c->arg[0], &id, why);
    if (!e)
        e = complaint_may_recover(books_of(c), id, &asked.member, why);
    if (e)
        return e;
    asked.complaint = id;
    if ((e = adjust_ask(c->office, &asked, c->now_s, &entry, &proposal, why)))
        return e;
    if (entry_is(entry))
        api_put_entry(c->out, "entry", entry);
    json_object_set_new(c->out, "proposal", json_integer(proposal));
    snprintf(c->audit, sizeof c->audit, "C%" PRId64 ": %" PRId64 " points%s", id, points_n(asked.points),
             proposal ? ", proposed" : "");
    return OK;
}

static enum err complaint_figures(struct api_call *c, struct errmsg *why)
{
    int32_t from, to;
    enum err e = days_in(c, &from, &to, why);
    return e ? e : complaint_numbers(books_of(c), api_text(c->query, "by"), from, to, c->now_s, rows_in(c), why);
}

static enum err list_kinds(struct api_call *c, struct errmsg *why)
{
    return complaint_kinds(books_of(c), rows_in(c), why);
}

static enum err set_limit(struct api_call *c, struct errmsg *why)
{
    snprintf(c->field, sizeof c->field, "limit_h");
    return complaint_set_limit(books_of(c), c->arg[0], api_int(c->in, "limit_h", 0), why);
}

/* ---- satisfaction ---- */

static enum err add_feedback(struct api_call *c, struct errmsg *why)
{
    struct feedback_new in = {.channel = api_text(c->in, "channel"), .shop = api_text(c->in, "shop"),
                              .cashier = (uint32_t)api_int(c->in, "cashier", 0),
                              .scores = {(int32_t)api_int(c->in, "expected", 0), (int32_t)api_int(c->in, "value", 0),
                                         (int32_t)api_int(c->in, "interaction", 0), (int32_t)api_int(c->in, "result", 0),
                                         (int32_t)api_int(c->in, "environment", 0)},
                              .nps = (int32_t)api_int(c->in, "nps", -1), .reasons = api_text(c->in, "reasons"),
                              .text = api_text(c->in, "text"), .user = c->user.id};
    int64_t id;
    enum err e = entry_in(c, &in.entry, why);
    if (!e)
        e = member_in(c, &in.member, why);
    if (!e)
        e = feedback_add(books_of(c), &in, c->now_s, &id, why);
    if (!e)
        json_object_set_new(c->out, "id", json_integer(id));
    return e;
}

static enum err list_feedback(struct api_call *c, struct errmsg *why)
{
    int32_t from, to;
    enum err e = days_in(c, &from, &to, why);
    return e ? e : feedback_list(books_of(c), api_text(c->query, "shop"), from, to, ROWS, rows_in(c), why);
}

static enum err feedback_figures(struct api_call *c, struct errmsg *why)
{
    int32_t from, to;
    enum err e = days_in(c, &from, &to, why);
    return e ? e : feedback_numbers(books_of(c), api_text(c->query, "by"), from, to, rows_in(c), why);
}

static enum err list_running(struct api_call *c, struct errmsg *why)
{
    return feedback_running_all(books_of(c), ROWS, rows_in(c), why);
}

static enum err member_running(struct api_call *c, struct errmsg *why)
{
    member_id member;
    enum err e = api_member(c->arg[0], &member, why);
    return e ? e : feedback_running(books_of(c), member, c->out, why);
}

static enum err get_weights(struct api_call *c, struct errmsg *why)
{
    struct care_weights w;
    enum err e = feedback_weights(books_of(c), &w, why);
    json_object_set_new(c->out, "interaction", json_integer(w.interaction));
    json_object_set_new(c->out, "result", json_integer(w.result));
    json_object_set_new(c->out, "environment", json_integer(w.environment));
    json_object_set_new(c->out, "quality", json_integer(w.quality));
    json_object_set_new(c->out, "value", json_integer(w.value));
    return e;
}

static int32_t weight(const struct api_call *c, const char *name)
{
    int64_t n = api_int(c->in, name, -1);
    return n < 0 || n > 100 ? -1 : (int32_t)n;
}

static enum err set_weights(struct api_call *c, struct errmsg *why)
{
    struct care_weights w = {weight(c, "interaction"), weight(c, "result"), weight(c, "environment"),
                             weight(c, "quality"), weight(c, "value")};
    return feedback_set_weights(books_of(c), &w, why);
}

/* ---- improvements ---- */

static enum err list_improvements(struct api_call *c, struct errmsg *why)
{
    return improvement_list(books_of(c), rows_in(c), why);
}

static enum err add_improvement(struct api_call *c, struct errmsg *why)
{
    int32_t due = DAY_NEVER;
    int64_t id = 0;
    const char *text = api_text(c->in, "due");
    enum err e = *text ? api_day(text, &due, why) : OK;
    if (!e)
        e = improvement_add(books_of(c), api_text(c->in, "title"), api_text(c->in, "owner"), due, c->user.id, &id, why);
    json_object_set_new(c->out, "id", json_integer(id));
    return e;
}

static enum err next_improvement(struct api_call *c, struct errmsg *why)
{
    return improvement_next(books_of(c), strtoll(c->arg[0], NULL, 10), api_bool(c->in, "good"), api_text(c->in, "text"),
                            c->user.id, c->now_s, why);
}

static enum err link_improvement(struct api_call *c, struct errmsg *why)
{
    int64_t id;
    enum err e = complaint_of(api_text(c->in, "complaint"), &id, why);
    return e ? e : improvement_link(books_of(c), strtoll(c->arg[0], NULL, 10), id, why);
}

#define SAYS "expected:int value:int interaction:int result:int environment:int nps:int reasons:text text:text shop:text entry:text"
#define WEIGHTS "interaction:int! result:int! environment:int! quality:int! value:int!"
#define STEP "step:text! text:text owner:text kind:text opinion:text good:bool"

const struct api_op api_care[] = {
    {"GET", "/api/complaints", "list_complaints",
     "Complaints, newest first; state also open, overdue, audit (to be audited); below: the next page", SEE, API_READ,
     "state:text kind:text shop:text cashier:int member:text below:int", NULL, "rows:[" COMPLAINT_ROW_SHAPE "]!",
     list_complaints},
    {"POST", "/api/complaints", "add_complaint", "A complaint that came at the desk, by telephone, letter or from a till",
     ROLE_CLERK, API_CHANGE, NULL, "member:text channel:text! kind:text! shop:text cashier:int entry:text text:text!",
     "id:int! number:text!", add_complaint},
    {"GET", "/api/complaints/{complaint}", "show_complaint", "One complaint (C12) with its steps, points and what may be done now",
     SEE, API_LOOK, NULL, NULL, COMPLAINT_SHAPE, show_complaint},
    {"POST", "/api/complaints/{complaint}/steps", "step_complaint",
     "The next step: record, pass on, handle, ask, follow up, audit, withdraw", ROLE_CLERK | ROLE_CONTROLLER | ROLE_APPROVER,
     API_CHANGE, NULL, STEP, "state:text!", step_complaint},
    {"POST", "/api/complaints/{complaint}/notes", "note_complaint", "A remark; shown: the member may read it",
     ROLE_CLERK | ROLE_CONTROLLER, API_CHANGE, NULL, "text:text! shown:bool", NULL, note_complaint},
    {"POST", "/api/complaints/{complaint}/points", "give_recovery_points",
     "Points to put things right; above the limits of the role a second person is asked", ROLE_CLERK | ROLE_CONTROLLER,
     API_CHANGE, NULL, "points:points! text:text!", "entry:text proposal:int!", recover},
    {"GET", "/api/complaint-numbers", "complaint_numbers", "What complaints came to, by shop, cashier, kind, channel or month",
     SEE, API_READ, "by:text! from:day to:day", NULL, "rows:[" COMPLAINT_NUMBERS_SHAPE "]!", complaint_figures},
    {"GET", "/api/complaint-kinds", "list_complaint_kinds", "What complaints are about, with the hours for handling one",
     SEE | ROLE_MEMBER, API_READ, NULL, NULL, "rows:[" COMPLAINT_KIND_SHAPE "]!", list_kinds},
    {"POST", "/api/complaint-kinds/{kind}", "set_complaint_limit", "The hours for handling one of this kind, from the next one on",
     ROLE_CONTROLLER, API_CHANGE, NULL, "limit_h:int!", NULL, set_limit},

    {"GET", "/api/feedback", "list_feedback", "What members said, the worst first", SEE, API_READ,
     "shop:text from:day to:day", NULL, "rows:[" FEEDBACK_ROW_SHAPE "]!", list_feedback},
    {"POST", "/api/feedback", "add_feedback", "What a member said, written down by somebody", ROLE_CLERK, API_CHANGE, NULL,
     "member:text channel:text! cashier:int " SAYS, "id:int!", add_feedback},
    {"GET", "/api/feedback-numbers", "feedback_numbers", "Satisfaction by shop, cashier or month, the worst first", SEE, API_READ,
     "by:text! from:day to:day", NULL, "rows:[" FEEDBACK_NUMBERS_SHAPE "]!", feedback_figures},
    {"GET", "/api/satisfaction", "list_satisfaction", "The running score of each member, the lowest first", SEE, API_READ, NULL, NULL,
     "rows:[" FEEDBACK_RUNNING_ROW_SHAPE "]!", list_running},
    {"GET", "/api/members/{member}/satisfaction", "member_satisfaction", "A member's running score and how it came to be", SEE,
     API_LOOK, NULL, NULL, FEEDBACK_RUNNING_SHAPE, member_running},
    {"GET", "/api/feedback-weights", "get_feedback_weights", "How much each part of satisfaction counts", SEE, API_READ, NULL, NULL,
     WEIGHTS, get_weights},
    {"POST", "/api/feedback-weights", "set_feedback_weights", "... from now on: 0 to 100 each", ROLE_CONTROLLER, API_CHANGE, NULL,
     WEIGHTS, NULL, set_weights},

    {"GET", "/api/improvements", "list_improvements", "What is being improved: plan, do, check, act", SEE, API_READ, NULL, NULL,
     "rows:[" IMPROVEMENT_ROW_SHAPE "]!", list_improvements},
    {"POST", "/api/improvements", "add_improvement", "Something to be improved", ROLE_CLERK | ROLE_CONTROLLER, API_CHANGE, NULL,
     "title:text! owner:text due:day", "id:int!", add_improvement},
    {"POST", "/api/improvements/{improvement}/next", "next_improvement",
     "This stage is over; a check that is not good goes back to plan", ROLE_CLERK | ROLE_CONTROLLER, API_CHANGE, NULL,
     "text:text! good:bool", NULL, next_improvement},
    {"POST", "/api/improvements/{improvement}/complaints", "link_improvement", "It is because of this complaint",
     ROLE_CLERK | ROLE_CONTROLLER, API_CHANGE, NULL, "complaint:text!", NULL, link_improvement},
    {0},
};
