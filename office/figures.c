/* figures.c - see figures.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/figures.h"

#include "base/date.h"
#include "hw/clock.h"
#include "hw/machine.h"
#include "office/books/books_int.h"
#include "sync/http.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_MAX = 1 << 20 };

struct figures {
    struct server_extra extra; /* first */
    struct figures_parts parts;
    struct http *http;
    int64_t started_ms;
    size_t size;
    char text[TEXT_MAX];
};

__attribute__((format(printf, 2, 3))) static void add(struct figures *m, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(m->text + m->size, sizeof m->text - m->size, format, args);
    va_end(args);
    if (n > 0 && (size_t)n < sizeof m->text - m->size)
        m->size += (size_t)n;
}

static void head(struct figures *m, const char *name, const char *type, const char *help)
{
    add(m, "# HELP patron_office_%s %s\n# TYPE patron_office_%s %s\n", name, help, name, type);
}

static void figure(struct figures *m, const char *name, const char *type, const char *help, int64_t value)
{
    head(m, name, type, help);
    add(m, "patron_office_%s %" PRId64 "\n", name, value);
}

static int64_t number(struct figures *m, const char *sql)
{
    struct query q = query_text_of(m->parts.books->store, sql);
    int64_t n = -1;
    if (query_row(&q))
        n = query_get_int(&q);
    return query_done(&q, NULL) == OK ? n : -1;
}

struct tills {
    struct figures *m;
    int64_t now_s;
    enum { TILL_CONTACT, TILL_WAITING, TILL_LAST } column;
    int64_t silent, count;
};

static bool add_till(const struct fleet_line *t, void *arg)
{
    struct tills *x = arg;
    if (t->terminal.revoked)
        return true;
    x->count++;
    x->silent += x->now_s - t->contact_s > FIGURES_SILENT_S;
    int64_t value = x->column == TILL_CONTACT ? t->contact_s : x->column == TILL_WAITING ? t->waiting : t->last_seq;
    static const char *const names[] = {"till_contact_seconds", "till_entries_waiting", "till_entries_taken"};
    add(x->m, "patron_office_%s{till=\"T%04u\"} %" PRId64 "\n", names[x->column], (unsigned)t->terminal.terminal, value);
    return true;
}

static void write_tills(struct figures *m)
{
    static const char *const help[][2] = {{"till_contact_seconds", "when the till was heard of last, 0 never"},
                                          {"till_entries_waiting", "entries it still had to send then"},
                                          {"till_entries_taken", "newest entry head office has of it"}};
    struct tills x = {.m = m, .now_s = clock_now_s()};
    for (int i = 0; i < 3; i++) {
        head(m, help[i][0], "gauge", help[i][1]);
        x.silent = x.count = 0;
        x.column = i == 0 ? TILL_CONTACT : i == 1 ? TILL_WAITING : TILL_LAST;
        if (books_terminals(m->parts.books, add_till, &x, NULL) != OK)
            return;
    }
    figure(m, "tills", "gauge", "tills that are not revoked", x.count);
    figure(m, "tills_silent", "gauge", "of them not heard of for an hour", x.silent);
}

static void write_figures(struct figures *m)
{
    struct server_counts n = server_counts(m->parts.server);
    int32_t run_day = 0;
    m->size = 0;
    figure(m, "up_seconds", "counter", "since it was started", (clock_tick_ms() - m->started_ms) / 1000);
    figure(m, "refusing", "gauge", "1: the disk is nearly full and nothing is taken", m->parts.guard->refusing);
    figure(m, "disk_free_bytes", "gauge", "where the books are", m->parts.guard->free_mb * 1024 * 1024);
    figure(m, "database_bytes", "gauge", "the books",
           number(m, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"));
    figure(m, "resident_bytes", "gauge", "memory of this process", machine_resident_bytes());
    figure(m, "connections_total", "counter", "lines of tills", (int64_t)n.connections);
    figure(m, "questions_total", "counter", "questions of tills", (int64_t)n.requests);
    figure(m, "entries_total", "counter", "entries taken since the start", (int64_t)n.entries);
    figure(m, "entries_repeated_total", "counter", "entries that were known already", (int64_t)n.repeated);
    figure(m, "refused_total", "counter", "questions and lines refused", (int64_t)n.refused);
    figure(m, "loads_total", "counter", "cards loaded", (int64_t)n.loads);
    figure(m, "log_entries", "gauge", "entries in the log", number(m, "SELECT coalesce(max(position), 0) FROM entry"));
    figure(m, "reviews", "gauge", "entries for a person to look at", number(m, "SELECT count(*) FROM review"));
    figure(m, "conflicts", "gauge", "entries refused because their number was taken", number(m, "SELECT count(*) FROM conflict"));
    figure(m, "commits_in_doubt", "gauge", "card commits of which nobody knows yet",
           number(m, "SELECT count(*) FROM intent WHERE proof = 0 AND outcome = 0"));
    if (books_run_day(m->parts.books, &run_day, NULL) == OK)
        figure(m, "run_seconds", "gauge", "beginning of the newest day whose run was done",
               run_day == INT32_MIN ? 0 : (int64_t)run_day * 86400);
    write_tills(m);
}

/* The first thing that is wrong; NULL = nothing. */
static const char *what_is_wrong(struct figures *m)
{
    int32_t run_day = INT32_MIN;
    if (number(m, "SELECT count(*) FROM sqlite_schema") <= 0)
        return "the database cannot be read";
    if (m->parts.guard->refusing)
        return "the disk is nearly full: nothing is taken until there is room";
    if (books_run_day(m->parts.books, &run_day, NULL) != OK || run_day < day_of_time(clock_now_s()))
        return "the day's run was not done";
    return NULL;
}

static void on_health(void *door, struct http_request *r)
{
    struct figures *m = door;
    const char *wrong = what_is_wrong(m);
    char body[200];
    int size = snprintf(body, sizeof body, wrong ? "{\"state\":\"bad\",\"text\":\"%s\"}\n" : "{\"state\":\"ok\"}\n",
                        wrong ? wrong : "");
    http_reply(r, wrong ? 503 : 200, NULL, body, (size_t)size, NULL, 0);
}

static void on_metrics(void *door, struct http_request *r)
{
    struct figures *m = door;
    write_figures(m);
    http_reply(r, 200, "text/plain; version=0.0.4; charset=utf-8", m->text, m->size, NULL, 0);
}

/* ---- the loop ---- */

static int fds(struct server_extra *x, struct pollfd *f, int cap)
{
    struct figures *m = (struct figures *)x;
    return cap < HTTP_POLLS_MAX ? 0 : http_polls(m->http, f);
}

static int64_t due_ms(struct server_extra *x, int64_t now_ms)
{
    struct figures *m = (struct figures *)x;
    (void)now_ms;
    return http_due_ms(m->http);
}

static void turn(struct server_extra *x, const struct pollfd *f, int count, int64_t now_ms)
{
    struct figures *m = (struct figures *)x;
    (void)f, (void)count;
    http_turn(m->http, now_ms);
}

enum err figures_open(struct figures **out, const struct figures_parts *parts, struct errmsg *why)
{
    struct http_config config = {.listen = parts->listen};
    struct figures *m = calloc(1, sizeof *m);
    if (!m)
        return err_set(why, ERR_FULL, "no memory");
    m->parts = *parts;
    m->started_ms = clock_tick_ms();
    m->extra = (struct server_extra){.fds = fds, .due_ms = due_ms, .turn = turn};
    enum err e = http_open(&m->http, &config, why);
    if (e) {
        free(m);
        return err_add(why, e, "the door for figures (metrics)");
    }
    http_route(m->http, "GET", "/health", m, on_health);
    http_route(m->http, "GET", "/metrics", m, on_metrics);
    server_add_extra(parts->server, &m->extra);
    *out = m;
    return OK;
}

void figures_close(struct figures *m)
{
    if (!m)
        return;
    http_close(m->http);
    free(m);
}

const char *figures_address(const struct figures *m)
{
    return http_address(m->http);
}
