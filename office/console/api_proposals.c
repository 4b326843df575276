/* api_proposals.c - what waits for a second person: rows of the console's table (office/console/api.h).
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/tr.h"
#include "office/console/api.h"
#include "office/books/books_int.h"
#include "office/plan/diff.h"
#include "office/plan/jobs.h"
#include "office/plan/proposal.h"
#include "office/plan/publish.h"
#include "office/books/rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVERYBODY (ROLE_STAFF)

static enum err list_proposals(struct api_call *c, struct errmsg *why)
{
    json_t *rows = json_array();
    bool open_only = strcmp(api_text(c->query, "open"), "1") == 0;
    struct query q = query_text_of(c->office->books->store,
                                   "SELECT p.id, p.kind, p.state, a.name, p.reason, p.created_s, d.name, p.decided_s, p.remark,"
                                   " p.result, p.author = ?2 FROM proposal p LEFT JOIN user a ON a.id = p.author"
                                   " LEFT JOIN user d ON d.id = p.decided_by WHERE ?1 = 0 OR p.state = 'open'"
                                   " ORDER BY p.id DESC LIMIT 1000");
    query_int(&q, open_only);
    query_int(&q, c->user.id);
    enum err e = rows_of(&q, "proposal:int kind:text state:text author:text reason:text created:time decided_by:text"
                             " decided:time remark:text result:text mine:bool", rows, why);
    json_object_set_new(c->out, "rows", rows);
    return e;
}

/* What the rules that are proposed change of those they follow. */
static enum err put_diff(struct api_call *c, const struct proposal *p, struct errmsg *why)
{
    const char *text = json_string_value(json_object_get(p->subject, "text"));
    int64_t follows = json_integer_value(json_object_get(p->subject, "follows"));
    struct pack_text *before = pack_text_create(), *after = pack_text_create();
    char *one = malloc(2 * ((size_t)PACK_JSON_MAX + 1)), *other = one ? one + PACK_JSON_MAX + 1 : NULL;
    size_t size;
    enum err e = before && after && one ? OK : err_set(why, ERR_FULL, "no memory");
    if (!e && (!text || strlen(text) > PACK_JSON_MAX))
        e = err_set(why, ERR_CORRUPT, "a proposal without rules");
    if (!e)
        e = pack_text_find(before, c->office->books, (uint32_t)follows, why);
    if (!e) {
        after->size = strlen(text);
        memcpy(after->json, text, after->size + 1);
        e = pack_text_stamp(after, before->pack.version, before->pack.effective_day, why);
    }
    if (!e)
        e = pack_write(&before->pack, one, PACK_JSON_MAX + 1, &size, why);
    if (!e)
        e = pack_write(&after->pack, other, PACK_JSON_MAX + 1, &size, why);
    json_t *rows = e ? NULL : diff_lines(one, other);
    if (rows)
        json_object_set_new(c->out, "diff", rows);
    free(before);
    free(after);
    free(one);
    return e;
}

static enum err put_preview(struct api_call *c, const struct proposal *p, struct errmsg *why)
{
    int64_t id = json_integer_value(json_object_get(p->subject, "preview"));
    struct job job;
    if (id == 0)
        return OK;
    enum err e = job_get(c->office->books, id, &job, why);
    if (e)
        return e == ERR_NOT_FOUND ? OK : e;
    /* Of exactly this text: a preview of another revision would say something else. */
    const char *of = json_string_value(json_object_get(job.arguments, "text"));
    const char *text = json_string_value(json_object_get(p->subject, "text"));
    if (of && text && strcmp(of, text) == 0 && job.result) {
        json_object_set(c->out, "preview", job.result);
        json_object_set_new(c->out, "preview_job", json_integer(id));
    }
    job_finish(&job);
    return OK;
}

static enum err put_names(struct api_call *c, const struct proposal *p, struct errmsg *why)
{
    struct query q = query_text_of(c->office->books->store,
                                   "SELECT (SELECT name FROM user WHERE id = ?1), (SELECT name FROM user WHERE id = ?2),"
                                   " EXISTS (SELECT 1 FROM proposal_writer WHERE proposal = ?3 AND user = ?4)");
    query_int(&q, p->author);
    query_int(&q, p->decided_by);
    query_int(&q, p->id);
    query_int(&q, c->user.id);
    enum err e = rows_one(&q, "author:text decided_by:text wrote:bool", c->out, why);
    const struct proposal_kind *k = proposal_find_kind(p->kind);
    bool wrote = json_is_true(json_object_get(c->out, "wrote")) || p->author == c->user.id;
    json_object_del(c->out, "wrote");
    json_object_set_new(c->out, "may_decide",
                        json_boolean(p->state == PROPOSAL_OPEN && !wrote && k && (k->decide & c->user.roles)));
    json_object_set_new(c->out, "mine", json_boolean(p->author == c->user.id));
    return e;
}

static enum err get_proposal(struct api_call *c, struct errmsg *why)
{
    struct proposal p = {0};
    int64_t id = 0;
    enum err e = api_number(c->arg[0], INT64_MAX, &id, why);
    if (!e)
        e = proposal_get(c->office->books, id, &p, why);
    if (!e) {
        json_object_set_new(c->out, "proposal", json_integer(p.id));
        json_object_set_new(c->out, "kind", rows_text(p.kind));
        json_object_set_new(c->out, "state", json_string(proposal_state_text(p.state)));
        json_object_set_new(c->out, "reason", rows_text(p.reason));
        api_put_time(c->out, "created", p.created_s);
        api_put_time(c->out, "decided", p.decided_s);
        json_object_set_new(c->out, "remark", rows_text(p.remark));
        json_object_set_new(c->out, "result", rows_text(p.result));
        json_object_set(c->out, "subject", p.subject);
        e = put_names(c, &p, why);
    }
    if (!e && strcmp(p.kind, "publish") == 0)
        e = put_diff(c, &p, why);
    if (!e)
        e = put_preview(c, &p, why);
    proposal_finish(&p);
    return e;
}

static enum err decide(struct api_call *c, struct errmsg *why)
{
    struct proposal p = {0};
    int64_t id = 0;
    bool approve = api_bool(c->in, "approve");
    enum err e = api_number(c->arg[0], INT64_MAX, &id, why);
    if (!e)
        e = proposal_get(c->office->books, id, &p, why);
    const struct proposal_kind *k = e ? NULL : proposal_find_kind(p.kind);
    if (!e && k && !(k->decide & c->user.roles))
        e = err_set(why, ERR_REFUSED, tr("this kind is decided by others"));
    if (!e)
        e = proposal_decide(c->office, id, approve, c->user.id, api_text(c->in, "remark"), c->now_s, why);
    proposal_finish(&p);
    snprintf(c->audit, sizeof c->audit, "proposal %" PRId64 " %s", id, approve ? "approved" : "refused");
    if (!e)
        e = proposal_get(c->office->books, id, &p, why);
    if (!e) {
        json_object_set_new(c->out, "state", json_string(proposal_state_text(p.state)));
        json_object_set_new(c->out, "result", rows_text(p.result));
    }
    proposal_finish(&p);
    return e;
}

static enum err withdraw(struct api_call *c, struct errmsg *why)
{
    int64_t id = 0;
    enum err e = api_number(c->arg[0], INT64_MAX, &id, why);
    return e ? e : proposal_withdraw(c->office, id, c->user.id, c->now_s, why);
}

const struct api_op api_proposals[] = {
    {"GET", "/api/proposals", "list_proposals", "What waits for a second person (open=1), and what was decided.", EVERYBODY,
     API_READ, "open:text", NULL,
     "rows:[proposal:int! kind:text! state:text! author:text reason:text! created:time! decided_by:text decided:time"
     " remark:text! result:text! mine:bool!]!",
     list_proposals},
    {"GET", "/api/proposals/{proposal}", "get_proposal", "All that would be done; of rules what they change, and their preview.",
     EVERYBODY, API_READ, NULL, NULL,
     "proposal:int! kind:text! state:text! author:text reason:text! created:time! decided_by:text decided:time remark:text!"
     " result:text! subject:json! may_decide:bool! mine:bool! diff:[sign:text! before:int! after:int! text:text!]"
     " preview:json preview_job:int",
     get_proposal},
    {"POST", "/api/proposals/{proposal}/decide", "decide_proposal", "Approves, and then it is done; or refuses, with a remark.",
     ROLE_APPROVER, API_CHANGE, NULL, "approve:bool! remark:text", "state:text! result:text!", decide},
    {"POST", "/api/proposals/{proposal}/withdraw", "withdraw_proposal", "The author takes it back.", EVERYBODY & ~ROLE_AUDITOR, API_CHANGE, NULL,
     NULL, NULL, withdraw},
    {0},
};
