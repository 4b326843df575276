/* api_close.c - operations of the console: periods, what points are worth, lines for the general ledger.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "base/tr.h"
#include "office/console/api.h"
#include "office/books/books_int.h"
#include "office/close/close.h"
#include "office/books/rows.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PERIOD_COLUMNS                                                                             \
    "n, from_day, to_day, sales, opening, earned, clawed, redeemed, returned, expired, adjusted, closing," \
    " worth_of_closing, liability_before, allocated, recognised, liability, expected_ppm, pack_version, closed_s," \
    " user, remark"
#define PERIOD_SHAPE                                                                               \
    "period:int from:day to:day sales:money opening:points earned:points clawed:points redeemed:points returned:points" \
    " expired:points adjusted:points closing:points worth:money liability_before:money allocated:money"   \
    " recognised:money liability:money expected_ppm:int pack:int closed:time user:int remark:text"
#define DAYS_SHAPE                                                                                 \
    "day:day shop:text opening:points earned:points clawed:points redeemed:points returned:points expired:points" \
    " adjusted:points closing:points late:int"
#define COHORTS_SHAPE                                                                              \
    "year:int issued:points redeemed:points expired:points left:points allocated:money recognised:money"
#define LIABILITY_SHAPE                                                                            \
    "held:points on_cards:points in_transit:points reserved:points pending:points owed:points outstanding:points worth:money" \
    " currency:text digits:int next_close:day expected_ppm:int"

static enum err put_period(struct books *b, json_t *out, int64_t n, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "SELECT " PERIOD_COLUMNS " FROM period WHERE n = ?");
    query_int(&q, n);
    enum err e = rows_one(&q, PERIOD_SHAPE, out, why);
    if (e == ERR_NOT_FOUND)
        return err_set(why, e, tr("no period %" PRId64 " is closed"), n);
    json_t *days = json_array(), *cohorts = json_array();
    json_object_set_new(out, "days", days);
    json_object_set_new(out, "cohorts", cohorts);
    if (!e) {
        q = query_text_of(b->store, "SELECT day, shop, opening, earned, clawed, redeemed, returned, expired, adjusted,"
                                    " closing, late FROM period_day WHERE period = ? ORDER BY day, shop");
        query_int(&q, n);
        e = rows_of(&q, DAYS_SHAPE, days, why);
    }
    if (!e) {
        q = query_text_of(b->store, "SELECT year, issued, redeemed, expired, left, allocated, recognised"
                                    " FROM period_cohort WHERE period = ? ORDER BY year");
        query_int(&q, n);
        e = rows_of(&q, COHORTS_SHAPE, cohorts, why);
    }
    return e;
}

static enum err list_periods(struct api_call *c, struct errmsg *why)
{
    json_t *rows = json_array();
    json_object_set_new(c->out, "rows", rows);
    struct query q = query_text_of(c->office->books->store, "SELECT " PERIOD_COLUMNS " FROM period ORDER BY n DESC");
    return rows_of(&q, PERIOD_SHAPE, rows, why);
}

static enum err show_period(struct api_call *c, struct errmsg *why)
{
    int64_t n;
    enum err e = api_number(c->arg[0], INT64_MAX, &n, why);
    return e ? e : put_period(c->office->books, c->out, n, why);
}

static enum err list_period_days(struct api_call *c, struct errmsg *why)
{
    int64_t n;
    json_t *rows = json_array();
    json_object_set_new(c->out, "rows", rows);
    enum err e = api_number(c->arg[0], INT64_MAX, &n, why);
    if (e)
        return e;
    struct query q = query_text_of(c->office->books->store,
                                   "SELECT day, shop, opening, earned, clawed, redeemed, returned, expired, adjusted,"
                                   " closing, late FROM period_day WHERE period = ? ORDER BY day, shop");
    query_int(&q, n);
    return rows_of(&q, DAYS_SHAPE, rows, why);
}

static enum err wanted_of(const struct api_call *c, const char *to, int64_t expected_ppm, struct close_wanted *out,
                          struct errmsg *why)
{
    *out = (struct close_wanted){.expected_ppm = expected_ppm, .user = c->user.id, .remark = ""};
    return api_day(to, &out->to_day, why);
}

/* Looked at by closing it and taking that back, so that it is what closing will say. */
static enum err try_close(struct api_call *c, struct errmsg *why)
{
    struct close_wanted wanted;
    struct books *b = c->office->books;
    char *end = NULL;
    const char *ppm = api_text(c->query, "expected_ppm");
    int64_t n = 0, expected = strtoll(ppm, &end, 10);
    if (!*ppm || *end)
        return err_set(why, ERR_FORMAT, tr("expected_ppm is a whole number of millionths: 950000 for 95 of 100"));
    enum err e = wanted_of(c, api_text(c->query, "to"), expected, &wanted, why);
    if (e || (e = books_begin(b, why)))
        return e;
    e = close_period(b, &wanted, c->now_s, &n, why);
    if (!e)
        e = put_period(b, c->out, n, why);
    books_rollback(b);
    return e;
}

static enum err close_now(struct api_call *c, struct errmsg *why)
{
    struct close_wanted wanted;
    int64_t n = 0;
    enum err e = wanted_of(c, api_text(c->in, "to"), api_int(c->in, "expected_ppm", -1), &wanted, why);
    if (e)
        return e;
    wanted.remark = api_text(c->in, "remark");
    e = close_period(c->office->books, &wanted, c->now_s, &n, why);
    if (e)
        return e;
    snprintf(c->audit, sizeof c->audit, "period %" PRId64 " to %s", n, api_text(c->in, "to"));
    return put_period(c->office->books, c->out, n, why);
}

static enum err journal(struct api_call *c, struct errmsg *why)
{
    int64_t n;
    char *text = NULL;
    size_t size = 0;
    enum err e = api_number(c->arg[0], INT64_MAX, &n, why);
    FILE *out = e ? NULL : open_memstream(&text, &size);
    if (!out)
        return e ? e : err_set(why, ERR_FULL, "no memory");
    e = close_journal(c->office->books, n, out, why);
    if (fclose(out) && !e)
        e = err_set(why, ERR_FULL, "no memory");
    if (!e) {
        char name[60];
        snprintf(name, sizeof name, "general-ledger-P%" PRId64 ".csv", n);
        e = api_file(c, "text/csv; charset=utf-8", name, text, size, why);
    }
    free(text);
    return e;
}

static enum err liability(struct api_call *c, struct errmsg *why)
{
    struct books *b = c->office->books;
    struct books_totals t;
    const struct pack *pack = books_pack_on(b, day_of_time(c->now_s));
    struct points all = points_of(0);
    struct money worth = money_of(0);
    int64_t expected;
    int32_t next;
    enum err e = books_totals(b, &t, why);
    if (!e)
        e = close_next_day(b, &next, why);
    if (!e)
        e = close_last_expected(b, &expected, why);
    if (e)
        return e;
    const struct {
        const char *name;
        struct points p;
    } places[] = {{"held", t.held}, {"on_cards", t.on_cards}, {"in_transit", t.in_transit},
                  {"reserved", t.reserved}, {"pending", t.pending}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        api_put_points(c->out, places[i].name, places[i].p);
        if (!points_add(&all, all, places[i].p))
            return err_set(why, ERR_RANGE, tr("the points do not fit"));
    }
    if (pack && !accounting_value(all, pack->worth, &worth))
        return err_set(why, ERR_RANGE, tr("the points do not fit"));
    api_put_points(c->out, "owed", t.owed);
    api_put_points(c->out, "outstanding", all);
    api_put_money(c->out, "worth", worth);
    json_object_set_new(c->out, "currency", rows_text(pack ? pack->currency : ""));
    json_object_set_new(c->out, "digits", json_integer(pack ? pack->currency_digits : 2));
    api_put_day(c->out, "next_close", next == INT32_MAX ? DAY_NEVER : next);
    json_object_set_new(c->out, "expected_ppm", expected < 0 ? json_null() : json_integer((json_int_t)expected));
    return OK;
}

/* Points by the month in which they end. */
static enum err ending(struct api_call *c, struct errmsg *why)
{
    json_t *rows = json_array();
    json_object_set_new(c->out, "rows", rows);
    struct query q = query_text_of(c->office->books->store,
                                   "SELECT iif(expires_day = 2147483647, 'never',"
                                   " strftime('%Y-%m', expires_day * 86400, 'unixepoch')) AS month,"
                                   " count(DISTINCT member), sum(left) FROM lot WHERE left > 0 GROUP BY month"
                                   " ORDER BY month");
    return rows_of(&q, "month:text members:int points:points", rows, why);
}

static enum err runoff_of(struct api_call *c, struct errmsg *why)
{
    int32_t first;
    json_t *rows = json_array();
    json_object_set_new(c->out, "rows", rows);
    struct runoff *r = malloc(sizeof *r);
    if (!r)
        return err_set(why, ERR_FULL, "no memory");
    enum err e = close_runoff(c->office->books, r, &first, why);
    for (int i = 0; !e && i < r->years; i++) {
        json_t *row = json_object();
        json_object_set_new(row, "year", json_integer(first + i));
        json_object_set_new(row, "redeemed", json_integer((json_int_t)r->redeemed[i][r->years - 1 - i]));
        json_object_set_new(row, "expected", json_integer((json_int_t)(r->ultimate[i] + 0.5)));
        json_object_set_new(row, "still", json_integer((json_int_t)(r->still[i] + 0.5)));
        json_object_set_new(row, "error", json_integer((json_int_t)(r->error[i] + 0.5)));
        json_array_append_new(rows, row);
    }
    if (!e) {
        json_object_set_new(c->out, "still", json_integer((json_int_t)(r->total_still + 0.5)));
        json_object_set_new(c->out, "error", json_integer((json_int_t)(r->total_error + 0.5)));
    }
    free(r);
    return e;
}

static enum err list_accounts(struct api_call *c, struct errmsg *why)
{
    json_t *rows = json_array();
    json_object_set_new(c->out, "rows", rows);
    struct query q = query_text_of(c->office->books->store, "SELECT name, code FROM gl_account ORDER BY name");
    return rows_of(&q, "name:text code:text", rows, why);
}

static enum err set_account(struct api_call *c, struct errmsg *why)
{
    const char *code = api_text(c->in, "code"), *name = api_text(c->in, "name");
    if (!*code || strlen(code) > 20 || strpbrk(code, ",\"\n\r"))
        return err_set(why, ERR_FORMAT, tr("an account number has 1 to 20 characters, no comma and no quote"));
    struct query q = query_text_of(c->office->books->store, "UPDATE gl_account SET code = ? WHERE name = ? RETURNING name");
    query_text(&q, code);
    query_text(&q, name);
    bool found = query_row(&q);
    enum err e = query_done(&q, why);
    if (!e && !found)
        e = err_set(why, ERR_NOT_FOUND, tr("there is no account \"%.40s\": sales, points liability, points revenue"), name);
    snprintf(c->audit, sizeof c->audit, "%s is %s", name, code);
    return e;
}

enum { SEES = ROLE_CONTROLLER | ROLE_AUDITOR | ROLE_APPROVER };

const struct api_op api_close[] = {
    {"GET", "/api/periods", "list_periods", "Closed periods, newest first", SEES, API_READ, NULL, NULL,
     "rows:[" PERIOD_SHAPE "]", list_periods},
    {"GET", "/api/periods/{period}", "show_period", "A closed period: its days by shop, its points by the year they end",
     SEES, API_READ, NULL, NULL, PERIOD_SHAPE " days:[" DAYS_SHAPE "] cohorts:[" COHORTS_SHAPE "]", show_period},
    {"GET", "/api/periods/{period}/days", "list_period_days", "A closed period by shop and day", SEES, API_READ, NULL,
     NULL, "rows:[" DAYS_SHAPE "]", list_period_days},
    {"GET", "/api/periods/{period}/journal", "period_journal", "Lines of a closed period for the general ledger, as CSV",
     SEES, API_READ, NULL, NULL, NULL, journal},
    {"GET", "/api/closing", "try_close", "What closing up to a day would say; nothing is closed", SEES, API_READ,
     "to:day! expected_ppm:int!", NULL, PERIOD_SHAPE " days:[" DAYS_SHAPE "] cohorts:[" COHORTS_SHAPE "]", try_close},
    {"POST", "/api/periods", "close_period", "Close the books up to a day, for good", ROLE_CONTROLLER, API_CHANGE, NULL,
     "to:day! expected_ppm:int! remark:text", PERIOD_SHAPE " days:[" DAYS_SHAPE "] cohorts:[" COHORTS_SHAPE "]",
     close_now},
    {"GET", "/api/liability", "show_liability", "Points of all members by place, and what they are worth", SEES, API_READ,
     NULL, NULL, LIABILITY_SHAPE, liability},
    {"GET", "/api/liability/ending", "list_ending_months", "Points by the month in which they end", SEES, API_READ, NULL,
     NULL, "rows:[month:text members:int points:points]", ending},
    {"GET", "/api/liability/runoff", "show_runoff",
     "How many points of each year will still be redeemed, by how earlier years ran off", SEES, API_READ, NULL, NULL,
     "rows:[year:int redeemed:points expected:points still:points error:points] still:points error:points", runoff_of},
    {"GET", "/api/gl-accounts", "list_gl_accounts", "Account numbers of the general ledger", SEES, API_READ, NULL, NULL,
     "rows:[name:text code:text]", list_accounts},
    {"POST", "/api/gl-accounts", "set_gl_account", "Change an account number", ROLE_CONTROLLER, API_CHANGE, NULL,
     "name:text! code:text!", NULL, set_account},
    {0},
};
