/* api_reviews.c - operations of the console: entries that did not hold in part or whole, and who looked at them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/tr.h"
#include "office/console/api.h"
#include "office/books/books_int.h"
#include "office/books/rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REVIEW_SHAPE                                                                               \
    "review:text entry:entry kind:kind time:time received:time shop:text member:member answer:text detail:text" \
    " done:time user:int remark:text"
#define REVIEW_OUT                                                                                 \
    "review:text! entry:text! kind:text! time:time received:time shop:text! member:text answer:text! detail:text!"  \
    " done:time user:int remark:text"

/* The sentences of the ledger are in the language of who reads them. */
static void translate(json_t *rows)
{
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        const char *answer = json_string_value(json_object_get(row, "answer"));
        json_object_set_new(row, "answer", rows_text(answer ? tr(answer) : ""));
    }
}

static enum err list_reviews(struct api_call *c, struct errmsg *why)
{
    json_t *rows = json_array();
    json_object_set_new(c->out, "rows", rows);
    struct query q = query_text_of(
        c->office->books->store,
        "SELECT r.position || '-' || r.n, e.terminal, e.seq, e.kind, e.time_s, e.received_s, coalesce(t.shop, ''),"
        " r.member, r.answer, r.detail, d.time_s, d.user, d.remark FROM review r JOIN entry e USING (position)"
        " LEFT JOIN terminal t ON t.terminal = e.terminal"
        " LEFT JOIN review_done d ON d.position = r.position AND d.n = r.n"
        " WHERE ?1 OR d.position IS NULL ORDER BY r.position DESC, r.n LIMIT 2000");
    query_int(&q, strcmp(api_text(c->query, "all"), "1") == 0);
    enum err e = rows_of(&q, REVIEW_SHAPE, rows, why);
    translate(rows);
    return e;
}

static enum err finish_review(struct api_call *c, struct errmsg *why)
{
    int64_t position = 0, n = 0, found = 0;
    const char *remark = api_text(c->in, "remark");
    char more;
    if (sscanf(c->arg[0], "%" SCNd64 "-%" SCNd64 "%c", &position, &n, &more) != 2)
        return err_set(why, ERR_FORMAT, tr("\"%.20s\" is no row of the list"), c->arg[0]);
    if (!*remark || strlen(remark) > 200) {
        snprintf(c->field, sizeof c->field, "remark");
        return err_set(why, ERR_RANGE, tr("say in a few words what was found and done (at most 200 bytes)"));
    }
    struct query q = query_text_of(c->office->books->store,
                                   "SELECT 1 + (SELECT count(*) FROM review_done d WHERE d.position = r.position"
                                   " AND d.n = r.n) FROM review r WHERE position = ? AND n = ?");
    query_int(&q, position);
    query_int(&q, n);
    if (query_row(&q))
        found = query_get_int(&q);
    enum err e = query_done(&q, why);
    if (e)
        return e;
    if (found != 1)
        return found ? err_set(why, ERR_STATE, tr("somebody has looked at it already"))
                     : err_set(why, ERR_NOT_FOUND, tr("there is nothing to review under %.20s"), c->arg[0]);
    q = query_text_of(c->office->books->store, "INSERT INTO review_done VALUES (?, ?, ?, ?, ?)");
    query_int(&q, position);
    query_int(&q, n);
    query_int(&q, c->user.id);
    query_int(&q, c->now_s);
    query_text(&q, remark);
    return query_run(&q, why);
}

enum { LOOKS = ROLE_CLERK | ROLE_CONTROLLER | ROLE_APPROVER | ROLE_AUDITOR };

const struct api_op api_reviews[] = {
    {"GET", "/api/reviews", "list_reviews", "Entries that did not hold in part or whole; all=1: also those somebody looked at",
     LOOKS, API_READ, "all:bool", NULL, "rows:[" REVIEW_OUT "]!", list_reviews},
    {"POST", "/api/reviews/{review}/done", "finish_review", "Say what was found about an entry and done",
     ROLE_CLERK | ROLE_CONTROLLER, API_CHANGE, NULL, "remark:text!", NULL, finish_review},
    {0},
};
