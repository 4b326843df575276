/* job_kinds.c - the kinds of long work: a row for each.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "base/tr.h"
#include "office/daily.h"
#include "office/plan/jobs.h"
#include "office/care/message_send.h"
#include "office/plan/preview.h"
#include "office/members/profile.h"
#include "office/plan/proposal.h"
#include "office/plan/publish.h"
#include "office/plan/rerate.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Two processes at most: the other one of this machine's is the tills'. */
enum { PREVIEW_WORKERS = 2 };

/* {"text": pack, "from": day, "to": day} */
static enum err run_preview(struct job_run *r, struct errmsg *why)
{
    const char *text = json_string_value(json_object_get(r->arguments, "text"));
    const char *from = json_string_value(json_object_get(r->arguments, "from"));
    const char *to = json_string_value(json_object_get(r->arguments, "to"));
    struct preview_wanted w = {.books = r->books, .dir = r->dir, .workers = PREVIEW_WORKERS};
    struct pack_text *p = pack_text_create();
    json_t *out = NULL;
    enum err e = OK;
    if (!p || !text || strlen(text) > PACK_JSON_MAX || !from || !to || day_parse(&w.from_day, from) ||
        day_parse(&w.to_day, to))
        e = err_set(why, ERR_FORMAT, tr("a preview needs rules and two days"));
    if (!e) {
        p->size = strlen(text);
        memcpy(p->json, text, p->size + 1);
        /* A version of its own, so that it is none of those in the books. */
        e = pack_text_stamp(p, UINT32_MAX, w.from_day, why);
        w.draft = &p->pack;
    }
    if (!e)
        e = preview_run(&w, job_progress, r, &out, why);
    if (!e) {
        json_decref(r->result);
        r->result = out;
    }
    free(p);
    return e;
}

static void tell_step(const struct daily_step *step, int64_t count, void *arg)
{
    struct job_run *r = arg;
    json_object_set_new(r->result, step->name, json_integer((json_int_t)count));
}

/* {"day": day, "now": seconds of the business clock} */
static enum err run_daily(struct job_run *r, struct errmsg *why)
{
    const char *day_said = json_string_value(json_object_get(r->arguments, "day"));
    int64_t now_s = json_integer_value(json_object_get(r->arguments, "now"));
    struct books *b = NULL;
    int32_t day;
    if (!day_said || day_parse(&day, day_said))
        return err_set(why, ERR_FORMAT, "a day is needed");
    enum err e = books_open(&b, r->books, NULL, why);
    if (!e)
        e = daily_run(b, day, now_s, tell_step, r, why);
    books_close(b);
    return e;
}

/* Head office's books, with the keys they want. */
struct opened {
    struct home home;
    struct books *books;
};

static enum err open_books(const struct job_run *r, struct opened *o, struct errmsg *why)
{
    memset(o, 0, sizeof *o);
    enum err e = home_open(&o->home, r->home, why);
    return e ? e : books_open(&o->books, r->books, &o->home.card_keys, why);
}

static void close_books(struct opened *o)
{
    books_close(o->books);
    home_finish(&o->home);
}

/* {"version", "from", "to", "shop", "now_s"}: what an order would change, listed. */
static enum err run_rerate_list(struct job_run *r, struct errmsg *why)
{
    char path[HOME_PATH_MAX + 16];
    struct opened o;
    struct rerate_order order;
    json_t *out = NULL;
    FILE *csv = NULL;
    enum err e = open_books(r, &o, why);
    if (!e)
        e = rerate_read(&order, o.books, r->arguments, why);
    snprintf(path, sizeof path, "%s/rerate.csv", r->dir);
    if (!e && !(csv = fopen(path, "w")))
        e = err_set(why, ERR_IO, "%s cannot be written", path);
    order.now_s = e ? 0 : json_integer_value(json_object_get(r->arguments, "now_s"));
    if (!e)
        e = rerate_list(o.books, &order, csv, job_progress, r, &out, why);
    if (csv && (ferror(csv) | fclose(csv)) && !e)
        e = err_set(why, ERR_IO, tr("the result could not be written: is the disk full?"));
    close_books(&o);
    if (!e) {
        json_decref(r->result);
        r->result = out;
    }
    return e;
}

static enum err rerate_is_done(struct opened *o, int64_t proposal, const json_t *out, struct errmsg *why)
{
    char result[PROPOSAL_RESULT_SIZE];
    snprintf(result, sizeof result, tr("%lld sales rated by version %lld: %lld points more, %lld less"),
             (long long)json_integer_value(json_object_get(out, "changing")),
             (long long)json_integer_value(json_object_get(out, "version")),
             (long long)json_integer_value(json_object_get(out, "up")),
             (long long)json_integer_value(json_object_get(out, "down")));
    enum err e = books_begin(o->books, why);
    if (e)
        return e;
    e = proposal_done(o->books, proposal, result, why);
    if (!e)
        return books_commit(o->books, why);
    books_rollback(o->books);
    return e;
}

/* The same with "proposal", "reason", "user", "approved_by": does it. */
static enum err run_rerate(struct job_run *r, struct errmsg *why)
{
    struct opened o;
    struct rerate_order order;
    struct proposal p = {0};
    json_t *out = NULL;
    int64_t proposal = json_integer_value(json_object_get(r->arguments, "proposal"));
    enum err e = open_books(r, &o, why);
    if (!e)
        e = rerate_read(&order, o.books, r->arguments, why);
    if (!e)
        e = proposal_get(o.books, proposal, &p, why);
    if (!e && p.state != PROPOSAL_APPROVED)
        e = err_set(why, ERR_STATE, tr("nobody has approved it"));
    if (!e) {
        order.user = p.author;
        order.approved_by = p.decided_by;
        order.now_s = p.decided_s;
        snprintf(order.reason, sizeof order.reason, "%.60s (%lld)", p.reason, (long long)p.id);
        e = rerate_run(o.books, &order, job_progress, r, &out, why);
    }
    if (!e)
        e = rerate_is_done(&o, proposal, out, why);
    proposal_finish(&p);
    close_books(&o);
    if (!e) {
        json_decref(r->result);
        r->result = out;
    }
    return e;
}

/* {"now": seconds of the business clock}: what is due in the outbox. */
static enum err run_messages(struct job_run *r, struct errmsg *why)
{
    struct message_sent sent = {0};
    struct opened o = {0};
    uint8_t key[HOOK_KEY_SIZE];
    enum err e = open_books(r, &o, why);
    if (!e)
        e = message_hook_key(&o.home, key, why);
    if (!e)
        e = message_send(o.books, key, json_integer_value(json_object_get(r->arguments, "now")), (int64_t)time(NULL), 1000,
                         &sent, why);
    bytes_wipe(key, sizeof key);
    close_books(&o);
    json_object_set_new(r->result, "sent", json_integer(sent.sent));
    json_object_set_new(r->result, "failed", json_integer(sent.failed));
    return e;
}

/* {"members": ["M12", ...], "now": seconds of the business clock} */
static enum err run_erase(struct job_run *r, struct errmsg *why)
{
    int64_t count = 0;
    struct books *b = NULL;
    enum err e = books_open(&b, r->books, NULL, why);
    if (!e)
        e = profile_erase_due(b, json_object_get(r->arguments, "members"), r->user,
                              json_integer_value(json_object_get(r->arguments, "now")), job_progress, r, &count, why);
    json_object_set_new(r->result, "erased", json_integer((json_int_t)count));
    books_close(b);
    return e;
}

const struct job_kind job_kinds[] = {
    {"preview", run_preview},
    {"rerate_list", run_rerate_list},
    {"rerate", run_rerate},
    {"daily", run_daily},
    {"erase", run_erase},
    {"messages", run_messages},
    {0},
};
