/* api_rules.c - rules: what is in force, drafts, previews, publishing, which till has which; rows of the console's table
 * (office/console/api.h).
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "base/tr.h"
#include "office/console/api.h"
#include "office/books/books_int.h"
#include "office/plan/diff.h"
#include "office/plan/drafts.h"
#include "office/plan/jobs.h"
#include "office/plan/proposal.h"
#include "office/plan/publish.h"
#include "office/plan/rerate.h"
#include "office/books/rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* They read rules; they write them. */
#define READERS (ROLE_MARKETER | ROLE_CONTROLLER | ROLE_APPROVER | ROLE_AUDITOR | ROLE_ADMIN)
#define WRITERS (ROLE_MARKETER | ROLE_CONTROLLER)

static enum err no_memory(struct errmsg *why)
{
    return err_set(why, ERR_FULL, "no memory");
}

/* ---- what is in force ---- */

static enum err list_rules(struct api_call *c, struct errmsg *why)
{
    json_t *rows = json_array();
    const struct pack *now = books_pack_on(c->office->books, day_of_time(c->now_s));
    struct query q = query_text_of(
        c->office->books->store,
        "SELECT k.version, k.effective_day, json_extract(CAST(k.json AS TEXT), '$.name'), length(k.json), u.published_s,"
        " u.proposal, a.name, d.name FROM pack k LEFT JOIN publication u USING (version)"
        " LEFT JOIN proposal p ON p.id = u.proposal LEFT JOIN user a ON a.id = p.author LEFT JOIN user d ON d.id = p.decided_by"
        " ORDER BY k.version DESC");
    enum err e = rows_of(&q, "version:int effective:day name:text bytes:int published:time proposal:int author:text"
                             " approver:text", rows, why);
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        int64_t version = json_integer_value(json_object_get(row, "version"));
        json_object_set_new(row, "state", json_string(!now || version > now->version ? "coming"
                                                      : version == now->version      ? "in force"
                                                                                     : "past"));
    }
    json_object_set_new(c->out, "rows", rows);
    return e;
}

static enum err get_rules(struct api_call *c, struct errmsg *why)
{
    int64_t version = 0;
    struct pack_text *p = pack_text_create();
    enum err e = p ? api_number(c->arg[0], UINT32_MAX, &version, why) : no_memory(why);
    if (!e)
        e = pack_text_find(p, c->office->books, (uint32_t)version, why);
    if (!e) {
        json_object_set_new(c->out, "version", json_integer(version));
        api_put_day(c->out, "effective", p->pack.effective_day);
        json_object_set_new(c->out, "text", rows_text(p->json));
    }
    free(p);
    return e;
}

/* In one layout, so that only what it means differs; what cannot be read as it is. */
static void in_one_layout(struct pack_text *p)
{
    size_t size;
    char *text = malloc(PACK_JSON_MAX + 1);
    if (text && pack_write(&p->pack, text, PACK_JSON_MAX + 1, &size, NULL) == OK)
        memcpy(p->json, text, size + 1);
    free(text);
}

static enum err put_diff(json_t *out, const char *name, struct pack_text *before, struct pack_text *after,
                         struct errmsg *why)
{
    in_one_layout(before);
    in_one_layout(after);
    json_t *rows = diff_lines(before->json, after->json);
    if (!rows)
        return no_memory(why);
    json_object_set_new(out, name, rows);
    return OK;
}

static enum err diff_rules(struct api_call *c, struct errmsg *why)
{
    int64_t first = 0, second = 0;
    struct pack_text *p = pack_text_create(), *o = pack_text_create();
    enum err e = p && o ? api_number(c->arg[0], UINT32_MAX, &first, why) : no_memory(why);
    if (!e)
        e = api_number(c->arg[1], UINT32_MAX, &second, why);
    if (!e)
        e = pack_text_find(p, c->office->books, (uint32_t)first, why);
    if (!e)
        e = pack_text_find(o, c->office->books, (uint32_t)second, why);
    if (!e)
        e = put_diff(c->out, "rows", p, o, why);
    free(p);
    free(o);
    return e;
}

/* A till that has been told of newer rules again and again does not take them: its program is too old for them. */
enum { TELL_S = 900 };

static enum err list_rollout(struct api_call *c, struct errmsg *why)
{
    json_t *rows = json_array(), *row;
    size_t i;
    struct query q = query_text_of(
        c->office->books->store,
        "SELECT printf('T%04d', terminal), shop, pack_version, pack_since_s, contact_s, program,"
        " CASE WHEN contact_s = 0 THEN 'never seen' WHEN pack_version >= (SELECT coalesce(max(version), 0) FROM pack)"
        " THEN 'has it' WHEN pack_behind_s > 0 AND contact_s - pack_behind_s > ? THEN 'does not take it'"
        " WHEN pack_behind_s > 0 THEN 'was sent' ELSE 'not yet' END"
        " FROM terminal WHERE revoked = 0 ORDER BY terminal");
    query_int(&q, TELL_S);
    enum err e = rows_of(&q, "till:text shop:text rules:int since:time contact:time program:text state:text", rows, why);
    int64_t has = 0;
    json_array_foreach(rows, i, row)
        has += strcmp(json_string_value(json_object_get(row, "state")), "has it") == 0;
    json_object_set_new(c->out, "rows", rows);
    json_object_set_new(c->out, "have_it", json_integer(has));
    return e;
}

/* ---- drafts ---- */

#define FAULTS "faults:[pointer:text! line:int! text:text!]!"

/* What is wrong with this text, all of it. */
static enum err put_faults(json_t *out, const char *text, size_t size, struct errmsg *why)
{
    struct pack_fault *faults = calloc(PACK_FAULTS_MAX, sizeof *faults);
    struct pack_text *p = pack_text_create();
    json_t *list = json_array();
    int32_t count = 0;
    struct errmsg other = {""};
    if (faults && p && size <= PACK_JSON_MAX) {
        memcpy(p->json, text, size);
        p->size = size;
        if (pack_check(&p->pack, p->json, p->size, faults, &count) == OK && pack_text_read(p, tr("rules"), &other)) {
            count = 1;
            snprintf(faults[0].pointer, sizeof faults[0].pointer, "/tiers/levels");
            snprintf(faults[0].text, sizeof faults[0].text, "%.250s", other.text);
        }
        for (int32_t i = 0; i < count; i++)
            json_array_append_new(list, json_pack("{s:o, s:i, s:o}", "pointer", rows_text(faults[i].pointer), "line",
                                                  (int)faults[i].line, "text", rows_text(faults[i].text)));
    }
    enum err e = faults && p ? OK : no_memory(why);
    json_object_set_new(out, "faults", list);
    json_object_set_new(out, "good", json_boolean(count == 0 && size <= PACK_JSON_MAX));
    free(faults);
    free(p);
    return e;
}

static enum err check_rules(struct api_call *c, struct errmsg *why)
{
    const char *text = api_text(c->in, "text");
    return put_faults(c->out, text, strlen(text), why);
}

static enum err list_drafts(struct api_call *c, struct errmsg *why)
{
    json_t *rows = json_array();
    struct query q = query_text_of(c->office->books->store,
                                   "SELECT d.id, d.name, d.revision, a.name, w.name, d.base_version, d.created_s, d.changed_s"
                                   " FROM draft d LEFT JOIN user a ON a.id = d.author LEFT JOIN user w ON w.id = d.changed_by"
                                   " ORDER BY d.changed_s DESC, d.id DESC");
    enum err e = rows_of(&q, "draft:int name:text revision:int author:text changed_by:text base:int created:time"
                             " changed:time", rows, why);
    json_object_set_new(c->out, "rows", rows);
    return e;
}

static enum err load_draft(struct api_call *c, struct draft **out, struct errmsg *why)
{
    int64_t id = 0;
    *out = calloc(1, sizeof **out);
    enum err e = *out ? api_number(c->arg[0], INT64_MAX, &id, why) : no_memory(why);
    return e ? e : draft_get(c->office->books, id, *out, why);
}

static enum err get_draft(struct api_call *c, struct errmsg *why)
{
    struct draft *d;
    enum err e = load_draft(c, &d, why);
    if (!e) {
        json_object_set_new(c->out, "draft", json_integer(d->id));
        json_object_set_new(c->out, "revision", json_integer(d->revision));
        json_object_set_new(c->out, "name", rows_text(d->name));
        json_object_set_new(c->out, "base", json_integer(d->base_version));
        api_put_time(c->out, "changed", d->changed_s);
        json_object_set_new(c->out, "text", rows_text(d->text));
        e = put_faults(c->out, d->text, d->size, why);
    }
    free(d);
    return e;
}

static enum err add_draft(struct api_call *c, struct errmsg *why)
{
    int64_t id = 0, base = api_int(c->in, "base", 0);
    const char *text = api_text(c->in, "text");
    struct pack_text *p = pack_text_create();
    enum err e = p ? OK : no_memory(why);
    if (!e && (base < 0 || base > UINT32_MAX))
        e = err_set(why, ERR_RANGE, tr("there are no rules of this version"));
    if (!e)
        e = base ? pack_text_find(p, c->office->books, (uint32_t)base, why) : pack_text_newest(p, c->office->books, why);
    if (!e)
        e = draft_add(c->office->books, api_text(c->in, "name"), *text ? text : p->json, p->pack.version, c->user.id, c->now_s,
                      &id, why);
    if (!e) {
        json_object_set_new(c->out, "draft", json_integer(id));
        snprintf(c->audit, sizeof c->audit, "draft %" PRId64, id);
    }
    free(p);
    return e;
}

static enum err save_draft(struct api_call *c, struct errmsg *why)
{
    int64_t id = 0, revision = api_int(c->in, "revision", 0);
    const char *text = api_text(c->in, "text");
    enum err e = api_number(c->arg[0], INT64_MAX, &id, why);
    if (!e)
        e = draft_save(c->office->books, id, revision, api_text(c->in, "name"), text, c->user.id, c->now_s, why);
    if (!e)
        e = put_faults(c->out, text, strlen(text), why);
    json_object_set_new(c->out, "revision", json_integer(revision + 1));
    return e;
}

static enum err drop_draft(struct api_call *c, struct errmsg *why)
{
    int64_t id = 0;
    enum err e = api_number(c->arg[0], INT64_MAX, &id, why);
    return e ? e : draft_drop(c->office->books, id, api_int(c->in, "revision", 0), why);
}

static enum err diff_draft(struct api_call *c, struct errmsg *why)
{
    struct draft *d;
    struct pack_text *p = pack_text_create(), *now = pack_text_create();
    enum err e = load_draft(c, &d, why);
    if (!e && !(p && now))
        e = no_memory(why);
    if (!e)
        e = pack_text_newest(now, c->office->books, why);
    if (!e) {
        memcpy(p->json, d->text, d->size + 1);
        p->size = d->size;
        /* Version and day come when it is published. */
        e = pack_text_stamp(p, now->pack.version, now->pack.effective_day, why);
    }
    if (!e)
        e = put_diff(c->out, "rows", now, p, why);
    free(p);
    free(now);
    free(d);
    return e;
}

static enum err preview_draft(struct api_call *c, struct errmsg *why)
{
    struct draft *d;
    int32_t from = 0, to = 0;
    int64_t id = 0;
    enum err e = load_draft(c, &d, why);
    struct pack_text *p = pack_text_create();
    if (!e && !p)
        e = no_memory(why);
    if (!e && ((e = api_day(api_text(c->in, "from"), &from, why)) || (e = api_day(api_text(c->in, "to"), &to, why))))
        snprintf(c->field, sizeof c->field, "from");
    if (!e && from > to)
        e = err_set(why, ERR_RANGE, tr("the first day is after the last"));
    if (!e) { /* a fault is said now, not by the job */
        memcpy(p->json, d->text, d->size + 1);
        p->size = d->size;
        e = pack_text_stamp(p, UINT32_MAX, from, why);
    }
    if (!e) {
        json_t *arguments = json_pack("{s:s, s:s, s:s, s:I, s:I}", "text", d->text, "from", api_text(c->in, "from"), "to",
                                      api_text(c->in, "to"), "draft", (json_int_t)d->id, "revision", (json_int_t)d->revision);
        e = arguments ? job_add(c->office->books, "preview", arguments, c->user.id, c->now_s, &id, why) : no_memory(why);
        json_decref(arguments);
    }
    json_object_set_new(c->out, "job", json_integer(id));
    free(p);
    free(d);
    return e;
}

/* ---- publishing ---- */

struct writers {
    struct api_call *call;
    int64_t proposal;
    enum err e;
    struct errmsg *why;
};

static bool add_writer(uint32_t user, void *arg)
{
    struct writers *w = arg;
    w->e = proposal_add_writer(w->call->office, w->proposal, user, w->why);
    return !w->e;
}

static enum err propose(struct api_call *c, const char *text, int64_t draft, int64_t preview, struct errmsg *why)
{
    int32_t day;
    int64_t id = 0;
    struct pack_text *now = pack_text_create();
    enum err e = now ? pack_text_newest(now, c->office->books, why) : no_memory(why);
    if (!e && (e = api_day(api_text(c->in, "effective"), &day, why)))
        snprintf(c->field, sizeof c->field, "effective");
    if (!e) {
        json_t *subject = json_pack("{s:s, s:s, s:I, s:I, s:I}", "text", text, "effective", api_text(c->in, "effective"),
                                    "follows", (json_int_t)now->pack.version, "draft", (json_int_t)draft, "preview",
                                    (json_int_t)preview);
        e = proposal_add(c->office, "publish", subject, c->user.id, api_text(c->in, "reason"), c->now_s, &id, why);
        json_decref(subject);
    }
    struct writers w = {c, id, OK, why};
    if (!e && draft)
        e = draft_writers(c->office->books, draft, add_writer, &w, why);
    if (!e)
        e = w.e;
    json_object_set_new(c->out, "proposal", json_integer(id));
    snprintf(c->audit, sizeof c->audit, "proposal %" PRId64, id);
    free(now);
    return e;
}

static enum err propose_draft(struct api_call *c, struct errmsg *why)
{
    struct draft *d;
    enum err e = load_draft(c, &d, why);
    if (!e && d->revision != api_int(c->in, "revision", 0))
        e = err_set(why, ERR_CONFLICT,
                    tr("somebody saved this draft while you wrote: look at theirs before you save yours"));
    if (!e)
        e = propose(c, d->text, d->id, api_int(c->in, "preview", 0), why);
    free(d);
    return e;
}

static enum err roll_back(struct api_call *c, struct errmsg *why)
{
    int64_t version = 0;
    struct pack_text *p = pack_text_create();
    enum err e = p ? api_number(c->arg[0], UINT32_MAX, &version, why) : no_memory(why);
    if (!e)
        e = pack_text_find(p, c->office->books, (uint32_t)version, why);
    if (!e)
        e = propose(c, p->json, 0, 0, why);
    free(p);
    return e;
}

/* ---- re-rating ---- */

static enum err list_rerate(struct api_call *c, struct errmsg *why)
{
    struct rerate_order order;
    int64_t id = 0;
    enum err e = rerate_read(&order, c->office->books, c->in, why);
    if (!e) {
        json_t *arguments = json_copy((json_t *)c->in);
        json_object_set_new(arguments, "now_s", json_integer(c->now_s));
        if (!json_object_get(arguments, "shop"))
            json_object_set_new(arguments, "shop", json_string(""));
        e = job_add(c->office->books, "rerate_list", arguments, c->user.id, c->now_s, &id, why);
        json_decref(arguments);
    }
    json_object_set_new(c->out, "job", json_integer(id));
    return e;
}

static enum err propose_rerate(struct api_call *c, struct errmsg *why)
{
    struct job job = {0};
    int64_t list = 0, id = 0;
    enum err e = api_number(c->arg[0], INT64_MAX, &list, why);
    if (!e)
        e = job_get(c->office->books, list, &job, why);
    if (!e) {
        json_t *subject = job.arguments ? json_copy(job.arguments) : json_object();
        json_object_del(subject, "now_s");
        json_object_set_new(subject, "list", json_integer(list));
        if (job.result)
            json_object_set(subject, "result", job.result); /* shown to who approves */
        e = proposal_add(c->office, "rerate", subject, c->user.id, api_text(c->in, "reason"), c->now_s, &id, why);
        json_decref(subject);
    }
    json_object_set_new(c->out, "proposal", json_integer(id));
    snprintf(c->audit, sizeof c->audit, "proposal %" PRId64, id);
    job_finish(&job);
    return e;
}

static enum err resume_rerate(struct api_call *c, struct errmsg *why)
{
    struct proposal p = {0};
    int64_t id = 0, job = 0, busy = 0;
    enum err e = api_number(c->arg[0], INT64_MAX, &id, why);
    if (!e)
        e = proposal_get(c->office->books, id, &p, why);
    if (!e && (p.state != PROPOSAL_APPROVED || strcmp(p.kind, "rerate") != 0))
        e = err_set(why, ERR_STATE, tr("there is nothing of it left to do"));
    struct query q = query_text_of(c->office->books->store, "SELECT count(*) FROM job WHERE kind = 'rerate'"
                                                            " AND state IN ('waiting', 'running')");
    if (query_row(&q))
        busy = query_get_int(&q);
    enum err ended = query_done(&q, why);
    e = e ? e : ended;
    if (!e && busy)
        e = err_set(why, ERR_STATE, tr("it is being done"));
    if (!e)
        e = rerate_start(c->office, &p, c->user.id, c->now_s, &job, why);
    json_object_set_new(c->out, "job", json_integer(job));
    proposal_finish(&p);
    return e;
}

const struct api_op api_rules[] = {
    {"GET", "/api/rules", "list_rules", "The rules of all time, the newest first.", READERS, API_READ, NULL, NULL,
     "rows:[version:int! effective:day! name:text bytes:int! published:time proposal:int author:text approver:text"
     " state:text!]!",
     list_rules},
    {"GET", "/api/rules/{version}", "get_rules", "The text of one version.", READERS, API_READ, NULL, NULL,
     "version:int! effective:day! text:text!", get_rules},
    {"GET", "/api/rules/{version}/diff/{other}", "diff_rules", "What differs between two versions, in one layout.", READERS,
     API_READ, NULL, NULL, "rows:[sign:text! before:int! after:int! text:text!]!", diff_rules},
    {"POST", "/api/rules/{version}/back", "roll_back", "Proposes the text of this version as a new one.", WRITERS, API_CHANGE,
     NULL, "effective:day! reason:text!", "proposal:int!", roll_back},
    {"GET", "/api/rollout", "list_rollout", "Which till has which rules, since when.", READERS, API_READ, NULL, NULL,
     "rows:[till:text! shop:text! rules:int! since:time contact:time program:text! state:text!]! have_it:int!", list_rollout},
    {"POST", "/api/rules-check", "check_rules", "All that is wrong with a text; nothing is changed.", WRITERS, API_ALONE, NULL,
     "text:text!", "good:bool! " FAULTS, check_rules},
    {"GET", "/api/drafts", "list_drafts", "Rules being written, the newest change first.", READERS, API_READ, NULL, NULL,
     "rows:[draft:int! name:text! revision:int! author:text changed_by:text base:int! created:time! changed:time!]!",
     list_drafts},
    {"POST", "/api/drafts", "add_draft", "A new draft, by the text of a version (0: the newest) or one given.", WRITERS,
     API_CHANGE, NULL, "name:text! base:int text:text", "draft:int!", add_draft},
    {"GET", "/api/drafts/{draft}", "get_draft", "A draft and all that is wrong with it.", READERS, API_READ, NULL, NULL,
     "draft:int! revision:int! name:text! base:int! changed:time! text:text! good:bool! " FAULTS, get_draft},
    {"POST", "/api/drafts/{draft}", "save_draft", "Saves it, if nobody else did since this revision.", WRITERS, API_CHANGE, NULL,
     "revision:int! name:text! text:text!", "revision:int! good:bool! " FAULTS, save_draft},
    {"POST", "/api/drafts/{draft}/drop", "drop_draft", "Throws it away.", WRITERS, API_CHANGE, NULL, "revision:int!", NULL,
     drop_draft},
    {"GET", "/api/drafts/{draft}/diff", "diff_draft", "What differs from the newest rules.", READERS, API_READ, NULL, NULL,
     "rows:[sign:text! before:int! after:int! text:text!]!", diff_draft},
    {"POST", "/api/drafts/{draft}/preview", "preview_draft", "Runs it over the purchases of the past: a job.", WRITERS, API_CHANGE,
     NULL, "from:day! to:day!", "job:int!", preview_draft},
    {"POST", "/api/drafts/{draft}/propose", "propose_draft", "Asks a second person to publish it from a day on.", WRITERS,
     API_CHANGE, NULL, "revision:int! effective:day! reason:text! preview:int", "proposal:int!", propose_draft},
    {"POST", "/api/rerate", "list_rerate", "Lists the sales of the past that other rules would change: a job.", ROLE_CONTROLLER,
     API_CHANGE, NULL, "version:int! from:day! to:day! shop:text", "job:int!", list_rerate},
    {"POST", "/api/rerate/{job}/propose", "propose_rerate", "Asks a second person to order what was listed.", ROLE_CONTROLLER,
     API_CHANGE, NULL, "reason:text!", "proposal:int!", propose_rerate},
    {"POST", "/api/proposals/{proposal}/resume", "resume_rerate", "Goes on with an order that was interrupted.", ROLE_CONTROLLER,
     API_CHANGE, NULL, NULL, "job:int!", resume_rerate},
    {0},
};
