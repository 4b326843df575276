/* job_kinds.c - the kinds of long work: a row for each.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "base/tr.h"
#include "office/daily.h"
#include "office/jobs.h"
#include "office/preview.h"
#include "office/publish.h"

#include <stdlib.h>
#include <string.h>

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

const struct job_kind job_kinds[] = {
    {"preview", run_preview},
    {"daily", run_daily},
    {0},
};
