/* api_members.c - operations on members: found, shown, changed, what they agreed to, given to themselves, erased.
 * The work is in profile.h and erase.h.  A change answers with numbers only: answers are kept for a while.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "base/tr.h"
#include "office/console/api.h"
#include "office/console/audit.h"
#include "office/members/erase.h"
#include "office/plan/jobs.h"
#include "office/books/known.h"
#include "office/members/profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEE = ROLE_CLERK | ROLE_CONTROLLER | ROLE_APPROVER | ROLE_AUDITOR, TIMELINE_ROWS = 500, DUE_ROWS = 500 };

static const struct known_keys *keys_of(const struct api_call *c)
{
    return &c->office->home->known_keys;
}

static struct profile_by by_desk(const struct api_call *c)
{
    return (struct profile_by){.user = c->user.id, .channel = "desk", .now_s = c->now_s};
}

/* ---- found and shown ---- */

static enum err find_members(struct api_call *c, struct errmsg *why)
{
    bool more = false;
    json_t *rows = json_array(), *row;
    size_t i;
    json_object_set_new(c->out, "rows", rows);
    enum err e = profile_find(c->office->books, keys_of(c), api_text(c->query, "text"), rows, &more, why);
    json_object_set_new(c->out, "more", json_boolean(more));
    json_array_foreach(rows, i, row) {
        member_id member;
        if (!e && member_parse(&member, json_string_value(json_object_get(row, "member"))) == OK)
            api_looked(c, member);
    }
    return e;
}

static enum err show_member(struct api_call *c, struct errmsg *why)
{
    member_id member;
    enum err e = api_member(c->arg[0], &member, why);
    return e ? e : profile_show(c->office->books, member, day_of_time(c->now_s), c->out, why);
}

static enum err member_timeline(struct api_call *c, struct errmsg *why)
{
    member_id member;
    json_t *rows = json_array();
    json_object_set_new(c->out, "rows", rows);
    enum err e = api_member(c->arg[0], &member, why);
    return e ? e : profile_timeline(c->office->books, member, TIMELINE_ROWS, rows, why);
}

/* ---- changed ---- */

static bool take(char *field, size_t size, const char *text)
{
    return (size_t)snprintf(field, size, "%s", text) < size;
}

static enum err person_of(struct api_call *c, struct person *p, struct errmsg *why)
{
    const struct {
        const char *name;
        char *field;
        size_t size;
    } fields[] = {{"name", p->name, sizeof p->name},          {"contact", p->contact, sizeof p->contact},
                  {"note", p->note, sizeof p->note},          {"phone", p->phone, sizeof p->phone},
                  {"birthday", p->birthday, sizeof p->birthday}, {"language", p->language, sizeof p->language}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (json_object_get(c->in, fields[i].name) && !take(fields[i].field, fields[i].size, api_text(c->in, fields[i].name)))
            return err_set(why, ERR_RANGE, tr("this is too long: at most %d bytes"), (int)fields[i].size - 1);
    return OK;
}

static enum err add_member(struct api_call *c, struct errmsg *why)
{
    struct person p = {0};
    struct profile_by by = by_desk(c);
    member_id member = 0;
    struct books *b = c->office->books;
    const char *version = api_text(c->in, "consent_version");
    bool birthday = *api_text(c->in, "birthday") != 0;
    enum err e = person_of(c, &p, why);
    memset(p.birthday, 0, sizeof p.birthday); /* its consent comes first */
    if (!e)
        e = profile_add(b, keys_of(c), &p, api_text(c->in, "tier"), &by, &member, why);
    if (!e && api_bool(c->in, "consent_name"))
        e = profile_consent(b, member, PURPOSE_NAME, true, version, &by, why);
    if (!e && birthday)
        e = profile_consent(b, member, PURPOSE_BIRTHDAY, true, version, &by, why);
    if (!e && birthday) {
        e = books_person(b, member, &p, why);
        if (!e && !take(p.birthday, sizeof p.birthday, api_text(c->in, "birthday")))
            e = err_set(why, ERR_FORMAT, tr("a birthday is MM-DD"));
        if (!e)
            e = profile_save(b, keys_of(c), &p, &by, why);
    }
    api_put_member(c->out, "member", member);
    return e;
}

static enum err save_person(struct api_call *c, struct errmsg *why)
{
    struct person p = {0};
    struct profile_by by = by_desk(c);
    enum err e = api_member(c->arg[0], &p.member, why);
    if (e)
        return e;
    e = books_person(c->office->books, p.member, &p, why);
    if (e && e != ERR_NOT_FOUND)
        return e;
    e = person_of(c, &p, why);
    api_put_member(c->out, "member", p.member);
    return e ? e : profile_save(c->office->books, keys_of(c), &p, &by, why);
}

static enum err set_consent(struct api_call *c, struct errmsg *why)
{
    member_id member;
    enum profile_purpose purpose;
    struct profile_by by = by_desk(c);
    enum err e = api_member(c->arg[0], &member, why);
    if (!e)
        e = profile_purpose_of(api_text(c->in, "purpose"), &purpose, why);
    if (e)
        return e;
    api_put_member(c->out, "member", member);
    snprintf(c->audit, sizeof c->audit, "%s %s", profile_purpose_name(purpose),
             api_bool(c->in, "given") ? "given" : "withdrawn");
    return profile_consent(c->office->books, member, purpose, api_bool(c->in, "given"), api_text(c->in, "version"),
                           &by, why);
}

static enum err set_tag(struct api_call *c, struct errmsg *why)
{
    member_id member;
    struct profile_by by = by_desk(c);
    enum err e = api_member(c->arg[0], &member, why);
    api_put_member(c->out, "member", e ? 0 : member);
    return e ? e : profile_tag(c->office->books, member, api_text(c->in, "kind"), api_text(c->in, "tag"),
                               api_bool(c->in, "put"), &by, why);
}

static enum err set_type(struct api_call *c, struct errmsg *why)
{
    member_id member;
    enum err e = api_member(c->arg[0], &member, why);
    api_put_member(c->out, "member", e ? 0 : member);
    return e ? e : profile_set_type(c->office->books, member, api_text(c->in, "type"), why);
}

static enum err add_note(struct api_call *c, struct errmsg *why)
{
    member_id member;
    struct profile_by by = by_desk(c);
    enum err e = api_member(c->arg[0], &member, why);
    api_put_member(c->out, "member", e ? 0 : member);
    return e ? e : profile_note(c->office->books, member, api_text(c->in, "text"), &by, why);
}

/* ---- for the person: a file ---- */

static enum err export_json(struct api_call *c, struct errmsg *why)
{
    member_id member;
    char name[64];
    enum err e = api_member(c->arg[0], &member, why);
    json_t *all = json_object();
    if (!e)
        e = profile_export(c->office->books, member, c->now_s, all, why);
    char *text = e ? NULL : json_dumps(all, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
    if (!e && !text)
        e = err_set(why, ERR_IO, "out of memory");
    snprintf(name, sizeof name, "member-%s.json", c->arg[0]);
    if (!e)
        e = api_file(c, "application/json", name, text, strlen(text), why);
    free(text);
    json_decref(all);
    return e;
}

static enum err export_csv(struct api_call *c, struct errmsg *why)
{
    member_id member;
    char name[64], *text = NULL;
    size_t size = 0;
    enum err e = api_member(c->arg[0], &member, why);
    json_t *all = json_object();
    if (!e)
        e = profile_export(c->office->books, member, c->now_s, all, why);
    FILE *f = e ? NULL : open_memstream(&text, &size);
    if (!e && !f)
        e = err_set(why, ERR_IO, "out of memory");
    if (f) {
        profile_csv(all, f);
        fclose(f);
    }
    snprintf(name, sizeof name, "member-%s.csv", c->arg[0]);
    if (!e)
        e = api_file(c, "text/csv; charset=utf-8", name, text, size, why);
    free(text);
    json_decref(all);
    return e;
}

/* ---- privacy ---- */

static enum err erase_member(struct api_call *c, struct errmsg *why)
{
    member_id member;
    char number[MEMBER_TEXT_SIZE];
    enum err e = api_member(c->arg[0], &member, why);
    if (e)
        return e;
    member_text(number, member);
    if (strcmp(api_text(c->in, "confirm"), number) != 0)
        return err_set(why, ERR_FORMAT, tr("type %s to say that it is this member"), number);
    api_put_member(c->out, "member", member);
    return erase_person(c->office->books, member, "asked", c->user.id, c->now_s, why);
}

static void add_look(const struct audit_line *line, void *rows)
{
    json_t *row = json_object();
    api_put_time(row, "time", line->time_s);
    json_object_set_new(row, "user", json_string(line->member ? "" : line->name));
    json_object_set_new(row, "operation", json_string(line->operation));
    json_object_set_new(row, "result", json_string(line->result));
    json_array_append_new(rows, row);
}

static enum err member_looks(struct api_call *c, struct errmsg *why)
{
    json_t *rows = json_array();
    struct audit_filter f = {.to_day = DAY_NEVER, .operation = "", .limit = 500};
    json_object_set_new(c->out, "rows", rows);
    enum err e = api_member(c->arg[0], &f.subject, why);
    return e ? e : audit_list(c->office->books, &f, add_look, rows, why);
}

static enum err show_retention(struct api_call *c, struct errmsg *why)
{
    int64_t months = 0;
    json_t *rows = json_array();
    json_object_set_new(c->out, "rows", rows);
    enum err e = profile_retention(c->office->books, &months, why);
    json_object_set_new(c->out, "months", json_integer(months));
    return e ? e : profile_due(c->office->books, day_of_time(c->now_s), DUE_ROWS, rows, why);
}

static enum err set_retention(struct api_call *c, struct errmsg *why)
{
    int64_t months = api_int(c->in, "months", 0);
    json_object_set_new(c->out, "months", json_integer(months));
    snprintf(c->audit, sizeof c->audit, "%d months", (int)months);
    return profile_set_retention(c->office->books, months, why);
}

/* A job: each of them goes through all texts. */
static enum err erase_due(struct api_call *c, struct errmsg *why)
{
    int64_t job = 0;
    const json_t *members = json_object_get(c->in, "members");
    json_t *arguments = json_pack("{s:O, s:I}", "members", members, "now", (json_int_t)c->now_s);
    enum err e = job_add(c->office->books, "erase", arguments, c->user.id, c->now_s, &job, why);
    json_decref(arguments);
    json_object_set_new(c->out, "job", json_integer((json_int_t)job));
    snprintf(c->audit, sizeof c->audit, "%zu persons", json_array_size(members));
    return e;
}

#define PERSON_FIELDS "name:text contact:text note:text phone:text birthday:text language:text"
#define TIMELINE_ROW                                                                               \
    "time:time! what:text! entry:text points:points moves:text total_after:points pack:int why:text"
#define EXPORT_TEXT "Everything that is kept of a member, as a file for themself"

const struct api_op api_members[] = {
    {"GET", "/api/members", "find_members", "Find members by number, card, telephone, name or contact", SEE, API_LOOK,
     "text:text!", NULL,
     "rows:[member:text! name:text! contact:text! tier:text! points:points! last_day:day]! more:bool!", find_members},
    {"POST", "/api/members", "add_member", "A new member", ROLE_CLERK, API_CHANGE, NULL,
     PERSON_FIELDS " tier:text consent_name:bool consent_version:text", "member:text!", add_member},
    {"GET", "/api/members/{member}", "show_member",
     "One view of a member: person, consent, points, tier, cards and channels, notes", SEE, API_LOOK, NULL, NULL,
     "member:text! " PERSON_FIELDS
     " type:text! since:time last_purchase:day points:points! pending:points held:points! on_cards:points! in_transit:points!"
     " reserved:points! owed:points! redeemable:points! is:text lots:[points:points! last_day:day]!"
     " consent:{name:bool! messages:bool! birthday:bool! research:bool!}!"
     " consent_history:[purpose:text! given:bool! time:time channel:text! version:text!]!"
     " tier:{code:text! name:text metric:text reached:int to_keep:int next:text next_name:text to_rise:int falls:day by_hand:text by_hand_until:day}!"
     " tier_history:[day:day tier:text! why:text!]! stamps:[name:text! stamps:int! every:int! points:points!]!"
     " cards:[card:text! status:text! kind:text! points:points! batch:int last_day:day uses:int! used:day]!"
     " channels:[means:text! known:int! uses:int! used:day]! tags:[kind:text! tag:text! since:time]!"
     " notes:[id:int! time:time user:int! text:text!]!"
     " complaints:[id:int! kind:text! state:text! received:time opinion:text!]! feedback:[time:time nps:int score:int text:text!]!"
     " campaigns:[campaign:text! name:text! state:text! contact:text! points:points!]! merged_into:text merged:[member:text!]!"
     " redemptions:[id:int! reward:text! points:points! state:text! time:time channel:text! voucher:text last_day:day]!",
     show_member},
    {"GET", "/api/members/{member}/timeline", "member_timeline",
     "What happened, newest first, with the why of every point", SEE, API_LOOK, NULL, NULL,
     "rows:[" TIMELINE_ROW "]!", member_timeline},
    {"POST", "/api/members/{member}/person", "save_person", "Change what is known of the person; what is not said stays",
     ROLE_CLERK, API_CHANGE, NULL, PERSON_FIELDS, "member:text!", save_person},
    {"POST", "/api/members/{member}/consent", "set_consent", "A consent is given or withdrawn, by a version of its text",
     ROLE_CLERK, API_CHANGE, NULL, "purpose:text! given:bool! version:text!", "member:text!", set_consent},
    {"POST", "/api/members/{member}/tags", "set_tag", "Put or take away a tag or an interest",
     ROLE_CLERK | ROLE_MARKETER, API_CHANGE, NULL, "kind:text! tag:text! put:bool!", "member:text!", set_tag},
    {"POST", "/api/members/{member}/type", "set_member_type", "Person, company, reseller or staff", ROLE_CLERK,
     API_CHANGE, NULL, "type:text!", "member:text!", set_type},
    {"POST", "/api/members/{member}/notes", "add_note", "A note of the desk", ROLE_CLERK, API_CHANGE, NULL,
     "text:text!", "member:text!", add_note},
    {"GET", "/api/members/{member}/export", "export_member", EXPORT_TEXT " (JSON)", ROLE_CLERK | ROLE_CONTROLLER,
     API_LOOK, NULL, NULL, NULL, export_json},
    {"GET", "/api/members/{member}/export.csv", "export_member_csv", EXPORT_TEXT " (CSV: a line for each value)",
     ROLE_CLERK | ROLE_CONTROLLER, API_LOOK, NULL, NULL, NULL, export_csv},
    {"POST", "/api/members/{member}/erase", "erase_member",
     "Forget the person; points, cards and entries stay under the number", ROLE_CLERK | ROLE_CONTROLLER, API_ALONE, NULL,
     "confirm:text!", "member:text!", erase_member},
    {"GET", "/api/members/{member}/looks", "member_looks", "Who looked at this member's data or changed it, newest first",
     ROLE_CONTROLLER | ROLE_AUDITOR | ROLE_ADMIN, API_READ, NULL, NULL,
     "rows:[time:time user:text! operation:text! result:text!]!", member_looks},
    {"GET", "/api/retention", "show_retention",
     "After how many months without a purchase or a word a person is to be erased (0 = never), and who is due",
     ROLE_CONTROLLER | ROLE_AUDITOR, API_READ, NULL, NULL,
     "months:int! rows:[member:text! last_day:day points:points!]!", show_retention},
    {"POST", "/api/retention", "set_retention", "Change the number of months", ROLE_CONTROLLER, API_CHANGE, NULL,
     "months:int!", "months:int!", set_retention},
    {"POST", "/api/retention/erase", "erase_due", "Forget these persons, as far as they are still due: a job", ROLE_CONTROLLER,
     API_CHANGE, NULL, "members:[text]!", "job:int!", erase_due},
    {0},
};
