/* rerate.c - see rerate.h.  What a sale would come to is asked of the ledger itself: its facts are gathered and posted in
 * memory, and only a run writes.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/plan/rerate.h"
#include "base/date.h"
#include "base/tr.h"
#include "office/books/books_int.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum err rerate_read(struct rerate_order *out, struct books *b, const json_t *in, struct errmsg *why)
{
    const char *from = json_string_value(json_object_get(in, "from"));
    const char *to = json_string_value(json_object_get(in, "to"));
    const char *shop = json_string_value(json_object_get(in, "shop"));
    json_int_t version = json_integer_value(json_object_get(in, "version"));
    memset(out, 0, sizeof *out);
    if (!from || !to || day_parse(&out->from_day, from) || day_parse(&out->to_day, to))
        return err_set(why, ERR_FORMAT, tr("the first and the last day are needed"));
    if (out->from_day > out->to_day)
        return err_set(why, ERR_RANGE, tr("the first day is after the last"));
    if (shop && strlen(shop) >= sizeof out->shop)
        return err_set(why, ERR_RANGE, tr("a shop's code has at most %zu bytes"), sizeof out->shop - 1);
    snprintf(out->shop, sizeof out->shop, "%s", shop ? shop : "");
    if (version < 1 || version > UINT32_MAX || !books_find_pack(b, (uint32_t)version))
        return err_set(why, ERR_NOT_FOUND, tr("there are no rules of this version"));
    out->version = (uint32_t)version;
    return OK;
}

/* ---- which sales ---- */

struct sales {
    struct entry_id *ids;
    int32_t count, cap;
};

static enum err find_sales(struct books *b, const struct rerate_order *o, struct sales *s, struct errmsg *why)
{
    enum err e = OK;
    struct query q = query_text_of(b->store, "SELECT terminal, seq FROM sale WHERE member <> 0 AND pack_version <> 0"
                                             " AND pack_version <> ?1 AND day BETWEEN ?2 AND ?3 AND (?4 = '' OR shop = ?4)"
                                             " ORDER BY position");
    query_int(&q, o->version);
    query_int(&q, o->from_day);
    query_int(&q, o->to_day);
    query_text(&q, o->shop);
    while (!e && query_row(&q)) {
        if (s->count == s->cap) {
            s->cap = s->cap ? 2 * s->cap : 1024;
            struct entry_id *more = realloc(s->ids, (size_t)s->cap * sizeof *more);
            if (!more) {
                e = err_set(why, ERR_IO, "out of memory");
                break;
            }
            s->ids = more;
        }
        s->ids[s->count].terminal = (uint32_t)query_get_int(&q);
        s->ids[s->count++].seq = (uint32_t)query_get_int(&q);
    }
    enum err ended = query_done(&q, why);
    return e ? e : ended;
}

/* ---- one sale ---- */

static void make_entry(struct txn *t, const struct rerate_order *o, struct entry_id sale)
{
    memset(t, 0, sizeof *t);
    t->kind = TXN_RERATE;
    t->time_s = o->now_s;
    t->original = sale;
    t->pack_version = o->version;
    t->user = o->user;
    t->approved_by = o->approved_by;
    snprintf(t->reason, sizeof t->reason, "%s", o->reason);
}

/* What the ledger would make of it; false: nothing, or it cannot be. */
static enum err try_entry(struct books *b, struct txn *t, bool *changes, struct errmsg *why)
{
    enum err e = books_gather(b, t, t->time_s, 0, why);
    if (e)
        return e;
    ledger_post(&b->facts, &b->effects);
    *changes = b->effects.rerated && points_n(points_of(b->effects.metric.points)) != 0;
    t->points = points_of(b->effects.metric.points);
    return OK;
}

struct sums {
    int64_t changing, up, down, members;
    member_id *seen; /* open addresses */
    size_t seen_cap;
};

static bool add_member(struct sums *s, member_id member)
{
    if (2 * (size_t)s->members >= s->seen_cap) {
        size_t old_cap = s->seen_cap, cap = old_cap ? 2 * old_cap : 1024;
        member_id *old = s->seen, *more = calloc(cap, sizeof *more);
        if (!more)
            return false;
        s->seen = more;
        s->seen_cap = cap;
        s->members = 0;
        for (size_t i = 0; i < old_cap; i++)
            if (old[i])
                (void)add_member(s, old[i]);
        free(old);
    }
    size_t i = (size_t)(member * 0x9e3779b97f4a7c15u >> 20) & (s->seen_cap - 1);
    while (s->seen[i] && s->seen[i] != member)
        i = (i + 1) & (s->seen_cap - 1);
    s->members += s->seen[i] == 0;
    s->seen[i] = member;
    return true;
}

static enum err add_up(struct sums *s, const struct books *b, struct points change, struct errmsg *why)
{
    int64_t n = points_n(change);
    s->changing++;
    s->up += n > 0 ? n : 0;
    s->down -= n < 0 ? n : 0;
    return add_member(s, b->facts.member.id) ? OK : err_set(why, ERR_IO, "out of memory");
}

static json_t *sums_json(const struct rerate_order *o, int32_t sales, const struct sums *s)
{
    char from[DAY_TEXT_SIZE], to[DAY_TEXT_SIZE];
    day_text(from, o->from_day);
    day_text(to, o->to_day);
    return json_pack("{s:I, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "version", (json_int_t)o->version, "from", from, "to",
                     to, "shop", o->shop, "sales", (json_int_t)sales, "changing", (json_int_t)s->changing, "members",
                     (json_int_t)s->members, "up", (json_int_t)s->up, "down", (json_int_t)s->down);
}

static void put_quoted(FILE *f, const char *text)
{
    fputc('"', f);
    if (*text && strchr("=+-@", *text)) /* a spreadsheet would take it for a formula */
        fputc('\'', f);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', f);
        fputc(*text, f);
    }
    fputc('"', f);
}

static void put_line(FILE *csv, const struct books *b, const struct txn *t)
{
    char id[ENTRY_TEXT_SIZE], day[DAY_TEXT_SIZE];
    const struct ledger_sale *s = &b->facts.sale;
    int64_t was = points_n(s->earned) - points_n(s->taken_back);
    entry_text(id, t->original);
    day_text(day, day_of_time(b->facts.original->time_s));
    fprintf(csv, "%s,M%" PRIu64 ",%s,", id, b->facts.member.id, day);
    put_quoted(csv, b->facts.original->shop);
    fprintf(csv, ",%" PRId64 ",%" PRId64 ",", was, was + points_n(t->points));
    put_quoted(csv, b->effects.why);
    fputc('\n', csv);
}

/* ---- the whole ---- */

static bool tell(rerate_progress_fn *progress, void *arg, int32_t at, int32_t count)
{
    return !progress || progress(count ? (int)((int64_t)at * 1000 / count) : 1000, arg);
}

enum err rerate_list(struct books *b, const struct rerate_order *order, FILE *csv, rerate_progress_fn *progress,
                     void *arg, json_t **out, struct errmsg *why)
{
    struct sales sales = {0};
    struct sums sums = {0};
    struct txn *t = calloc(1, sizeof *t);
    enum err e = t ? find_sales(b, order, &sales, why) : err_set(why, ERR_IO, "out of memory");
    if (csv)
        fputs("sale,member,day,shop,points_before,points_after,why_after\n", csv);
    for (int32_t i = 0; i < sales.count && !e; i++) {
        bool changes = false;
        make_entry(t, order, sales.ids[i]);
        e = try_entry(b, t, &changes, why);
        if (!e && changes)
            e = add_up(&sums, b, t->points, why);
        if (!e && changes && csv)
            put_line(csv, b, t);
        if (!e && i % 64 == 0 && !tell(progress, arg, i, sales.count))
            e = err_set(why, ERR_STATE, tr("it was ended"));
    }
    if (!e)
        *out = sums_json(order, sales.count, &sums);
    free(sales.ids);
    free(sums.seen);
    free(t);
    return e;
}

static enum err run_batch(struct books *b, const struct rerate_order *order, const struct entry_id *ids, int32_t count,
                          struct txn *t, struct sums *sums, struct errmsg *why)
{
    enum err e = books_begin(b, why);
    if (e)
        return e;
    for (int32_t i = 0; i < count && !e; i++) {
        bool changes = false;
        make_entry(t, order, ids[i]);
        e = try_entry(b, t, &changes, why);
        /* Meanwhile it may have been rated by this version: somebody else's order. */
        if (e || !changes)
            continue;
        e = books_post_own(b, t, order->now_s, why);
        if (!e)
            e = add_up(sums, b, t->points, why);
    }
    if (!e)
        return books_commit(b, why);
    books_rollback(b);
    return e;
}

enum err rerate_run(struct books *b, const struct rerate_order *order, rerate_progress_fn *progress, void *arg,
                    json_t **out, struct errmsg *why)
{
    struct sales sales = {0};
    struct sums sums = {0};
    struct txn *t = calloc(1, sizeof *t);
    enum err e = t ? find_sales(b, order, &sales, why) : err_set(why, ERR_IO, "out of memory");
    for (int32_t i = 0; i < sales.count && !e; i += RERATE_BATCH) {
        int32_t count = sales.count - i < RERATE_BATCH ? sales.count - i : RERATE_BATCH;
        if (!tell(progress, arg, i, sales.count))
            e = err_set(why, ERR_STATE, tr("it was ended"));
        else
            e = run_batch(b, order, &sales.ids[i], count, t, &sums, why);
    }
    if (!e)
        *out = sums_json(order, sales.count, &sums);
    free(sales.ids);
    free(sums.seen);
    free(t);
    return e;
}
