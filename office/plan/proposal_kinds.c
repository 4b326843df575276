/* proposal_kinds.c - what can be proposed: a row for each kind, and how rules are published by one.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "base/tr.h"
#include "office/members/adjust.h"
#include "office/books/books_int.h"
#include "office/plan/jobs.h"
#include "office/plan/proposal.h"
#include "office/plan/publish.h"
#include "office/plan/rerate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- publish: {"text": pack, "effective": day, "follows": the newest version when it was proposed} ---- */

/* *p: the pack as it would be published now. */
static enum err make_pack(struct head_office *o, const json_t *subject, int64_t now_s, struct pack_text *p,
                          struct errmsg *why)
{
    const char *text = json_string_value(json_object_get(subject, "text"));
    const char *effective = json_string_value(json_object_get(subject, "effective"));
    int64_t follows = json_integer_value(json_object_get(subject, "follows"));
    int32_t day = 0;
    if (!text || strlen(text) > PACK_JSON_MAX || !effective || day_parse(&day, effective))
        return err_set(why, ERR_FORMAT, tr("rules and the day from which they count are needed"));
    struct pack_text *last = pack_text_create();
    enum err e = last ? pack_text_newest(last, o->books, why) : err_set(why, ERR_IO, "out of memory");
    if (!e && last->pack.version != follows)
        e = err_set(why, ERR_STATE,
                    tr("version %u was published since this was written: look at it, and propose yours again"),
                    (unsigned)last->pack.version);
    if (!e) {
        p->size = strlen(text);
        memcpy(p->json, text, p->size + 1);
        e = pack_text_stamp(p, last->pack.version + 1, day, why);
    }
    if (!e)
        e = publish_check(&p->pack, &last->pack, day_of_time(now_s), why);
    free(last);
    return e;
}

static enum err check_publish(struct head_office *o, const json_t *subject, int64_t now_s, struct errmsg *why)
{
    struct pack_text *p = pack_text_create();
    enum err e = p ? make_pack(o, subject, now_s, p, why) : err_set(why, ERR_IO, "out of memory");
    free(p);
    return e;
}

static enum err do_publish(struct head_office *o, const struct proposal *proposal, uint32_t approver, int64_t now_s,
                           bool *done, char result[PROPOSAL_RESULT_SIZE], struct errmsg *why)
{
    char day[DAY_TEXT_SIZE];
    struct pack_text *p = pack_text_create();
    (void)approver; /* the proposal's own row says who */
    enum err e = p ? make_pack(o, proposal->subject, now_s, p, why) : err_set(why, ERR_IO, "out of memory");
    if (!e)
        e = publish_store(p, o->books, &o->home->pack_key, why);
    if (!e) {
        struct query q = query_text_of(o->books->store, "INSERT INTO publication (version, proposal, published_s)"
                                                        " VALUES (?, ?, ?)");
        query_int(&q, p->pack.version);
        query_int(&q, proposal->id);
        query_int(&q, now_s);
        e = query_run(&q, why);
    }
    if (!e) {
        day_text(day, p->pack.effective_day);
        snprintf(result, PROPOSAL_RESULT_SIZE, tr("version %" PRIu32 " from %s"), p->pack.version, day);
        *done = true;
    }
    free(p);
    return e;
}

/* ---- rerate: {"version", "from", "to", "shop", "list": the job that listed it} ---- */

/* Only what was listed is ordered: the list is of these very words. */
static enum err check_rerate(struct head_office *o, const json_t *subject, int64_t now_s, struct errmsg *why)
{
    static const char *const same[] = {"version", "from", "to", "shop"};
    struct rerate_order order;
    struct job job = {0};
    (void)now_s;
    enum err e = rerate_read(&order, o->books, subject, why);
    if (!e)
        e = job_get(o->books, json_integer_value(json_object_get(subject, "list")), &job, why);
    bool listed = !e && strcmp(job.kind, "rerate_list") == 0 && job.result;
    for (size_t i = 0; i < sizeof same / sizeof *same && listed; i++)
        listed = json_equal(json_object_get(subject, same[i]), json_object_get(job.arguments, same[i]));
    if (!e && !listed)
        e = err_set(why, ERR_STATE, tr("an order needs its list first: which sales would change"));
    if (!e && json_integer_value(json_object_get(job.result, "changing")) == 0)
        e = err_set(why, ERR_STATE, tr("no sale would change"));
    job_finish(&job);
    return e;
}

enum err rerate_start(struct head_office *o, const struct proposal *p, uint32_t user, int64_t now_s, int64_t *job,
                      struct errmsg *why)
{
    json_t *arguments = json_copy(p->subject);
    json_object_set_new(arguments, "proposal", json_integer(p->id));
    enum err e = job_add(o->books, "rerate", arguments, user, now_s, job, why);
    json_decref(arguments);
    return e;
}

static enum err do_rerate(struct head_office *o, const struct proposal *p, uint32_t approver, int64_t now_s, bool *done,
                          char result[PROPOSAL_RESULT_SIZE], struct errmsg *why)
{
    int64_t job = 0;
    *done = false;
    enum err e = rerate_start(o, p, approver, now_s, &job, why);
    if (!e)
        snprintf(result, PROPOSAL_RESULT_SIZE, tr("job %lld does it"), (long long)job);
    return e;
}

const struct proposal_kind proposal_kinds[] = {
    {"adjust", ROLE_CLERK | ROLE_CONTROLLER, ROLE_APPROVER, adjust_check, adjust_carry_out},
    {"publish", ROLE_MARKETER | ROLE_CONTROLLER, ROLE_APPROVER, check_publish, do_publish},
    {"rerate", ROLE_CONTROLLER, ROLE_APPROVER, check_rerate, do_rerate},
    {0},
};
