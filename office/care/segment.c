/* segment.c - see segment.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/care/segment.h"
#include "base/date.h"
#include "base/tr.h"
#include "office/care/care_int.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- kept ---- */

static bool is_code(const char *code)
{
    size_t n = strlen(code);
    return n > 0 && n < TXN_NAME_SIZE && strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == n;
}

enum err segment_save(struct books *b, const char *code, const char *name, const char *rule, bool marks, uint32_t user,
                      struct errmsg *why)
{
    struct segment_faults faults;
    if (!is_code(code)) /* "first" and "birthday", which tills find out by themselves, are in small letters */
        return err_set(why, ERR_FORMAT, tr("a segment's code is 1 to 15 capital letters, digits, - or _"));
    enum err e = care_text(tr("the name"), name, 1, 80, why);
    struct segment *s = e ? NULL : malloc(sizeof *s);
    if (!e && !s)
        e = err_set(why, ERR_IO, "out of memory");
    if (!e)
        e = segment_read(s, rule, &faults, why);
    free(s);
    if (e)
        return e;
    struct query q = query_text_of(b->store, "SELECT 1 FROM campaign WHERE campaign = ?");
    query_text(&q, code);
    bool taken = query_row(&q);
    if ((e = query_done(&q, why)))
        return e;
    if (taken)
        return err_set(why, ERR_EXISTS, tr("%s is a campaign's code: both are marks at the tills"), code);
    q = query_text_of(
        b->store, "INSERT INTO segment (segment, name, rule, marks, user) VALUES (?, ?, ?, ?, ?)"
                  " ON CONFLICT (segment) DO UPDATE SET name = excluded.name, rule = excluded.rule,"
                  " marks = excluded.marks, user = excluded.user");
    query_text(&q, code);
    query_text(&q, name);
    query_text(&q, rule);
    query_int(&q, marks);
    query_int(&q, user);
    e = query_run(&q, why);
    if (e || marks)
        return e;
    q = query_text_of(b->store, "DELETE FROM member_mark WHERE mark = ?");
    query_text(&q, code);
    return query_run(&q, why);
}

enum err segment_drop(struct books *b, const char *code, struct errmsg *why)
{
    bool own;
    enum err e = care_begin(b, &own, why);
    if (e)
        return e;
    struct query q = query_text_of(b->store, "DELETE FROM segment WHERE segment = ?1 AND NOT EXISTS"
                                             " (SELECT 1 FROM campaign WHERE segment = ?1) RETURNING 1");
    query_text(&q, code);
    bool gone = query_row(&q);
    e = query_done(&q, why);
    if (!e && !gone) {
        q = query_text_of(b->store, "SELECT 1 FROM segment WHERE segment = ?");
        query_text(&q, code);
        bool there = query_row(&q);
        e = query_done(&q, why);
        if (!e)
            e = there ? err_set(why, ERR_STATE, tr("a campaign is for segment %s"), code)
                      : err_set(why, ERR_NOT_FOUND, tr("there is no segment %s"), code);
    }
    if (!e) {
        q = query_text_of(b->store, "DELETE FROM member_mark WHERE mark = ?");
        query_text(&q, code);
        e = query_run(&q, why);
    }
    return care_end(b, own, e, why);
}

static void put_sentence(json_t *row, const struct segment *s, const struct pack *pack)
{
    char text[SEGMENT_SAY_SIZE];
    segment_say(text, sizeof text, s, pack);
    json_object_set_new(row, "says", rows_text(text));
}

/* The newest pack that came into force, for money in sentences; NULL = none. */
static const struct pack *any_pack(const struct books *b)
{
    return books_pack_on(b, DAY_NEVER);
}

enum err segment_list(struct books *b, json_t *rows, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "SELECT segment, name, rule, marks, ran_s, size FROM segment ORDER BY 1");
    enum err e = rows_of(&q, "segment:text name:text rule:text marks:bool ran:time size:int", rows, why);
    struct segment *s = malloc(sizeof *s);
    struct segment_faults faults;
    size_t i;
    json_t *row;
    if (!e && !s)
        e = err_set(why, ERR_IO, "out of memory");
    json_array_foreach(rows, i, row)
        if (!e && !(e = segment_read(s, json_string_value(json_object_get(row, "rule")), &faults, why)))
            put_sentence(row, s, any_pack(b));
    free(s);
    return e;
}

enum err segment_load(struct books *b, const char *code, struct segment *out, struct errmsg *why)
{
    char rule[16384] = "";
    struct segment_faults faults;
    struct query q = query_text_of(b->store, "SELECT rule FROM segment WHERE segment = ?");
    query_text(&q, code);
    bool found = query_row(&q);
    if (found)
        query_get_text(&q, rule, sizeof rule);
    enum err e = query_done(&q, why);
    if (!e && !found)
        e = err_set(why, ERR_NOT_FOUND, tr("there is no segment %s"), code);
    return e ? e : segment_read(out, rule, &faults, why);
}

/* ---- whom it holds for ---- */

/* All facts of all members in one statement; a window is a join. */
static void facts_sql(char *sql, size_t size, int32_t windows)
{
    static const char *const select =
        "SELECT m.member, m.tier, coalesce((SELECT shop FROM sale WHERE member = m.member ORDER BY day DESC,"
        " position DESC LIMIT 1), ''), coalesce(t.tags, ''),"
        " (SELECT max(day) FROM metric_day WHERE member = m.member AND bills > 0), m.enrolled_day, coalesce(p.birthday, ''),"
        " coalesce(r.rating, 0)";
    size_t n = (size_t)snprintf(sql, size, "%s", select);
    for (int32_t w = 0; w < windows; w++)
        n += (size_t)snprintf(sql + n, size - n, ", coalesce(w%d.spend, 0), coalesce(w%d.visits, 0)", w, w);
    n += (size_t)snprintf(sql + n, size - n,
                          " FROM member m LEFT JOIN person p USING (member) LEFT JOIN (SELECT member, char(10) ||"
                          " group_concat(tag, char(10)) || char(10) AS tags FROM tag GROUP BY member) t USING (member)"
                          " LEFT JOIN (SELECT member, rating, max(position) FROM rating GROUP BY member) r"
                          " USING (member)");
    for (int32_t w = 0; w < windows; w++)
        n += (size_t)snprintf(sql + n, size - n,
                              " LEFT JOIN (SELECT member, sum(spend) AS spend, count(DISTINCT iif(bills > 0, day, NULL)) AS visits FROM metric_day"
                              " WHERE day > ?%d AND day <= ?1 GROUP BY member) w%d USING (member)", w + 2, w);
    snprintf(sql + n, size - n, " WHERE m.merged_into = 0 ORDER BY m.member");
}

struct kept_facts {
    struct segment_facts f;
    char tier[TXN_NAME_SIZE], shop[TXN_NAME_SIZE], tags[4096];
};

static member_id read_facts(struct query *q, struct kept_facts *k, int32_t windows, int32_t today)
{
    char birthday[8];
    member_id member = (member_id)query_get_int(q);
    query_get_text(q, k->tier, sizeof k->tier);
    query_get_text(q, k->shop, sizeof k->shop);
    query_get_text(q, k->tags, sizeof k->tags);
    bool never = query_is_null(q);
    int64_t last = query_get_int(q);
    k->f.since_joining = today - (int32_t)query_get_int(q);
    query_get_text(q, birthday, sizeof birthday);
    k->f.rating = (int32_t)query_get_int(q);
    k->f.tier = k->tier;
    k->f.shop = k->shop;
    k->f.tags = k->tags;
    k->f.since_purchase = never ? -1 : last > today ? 0 : (int32_t)(today - last);
    k->f.birthday_month = (int32_t)strtol(birthday, NULL, 10);
    for (int32_t w = 0; w < windows; w++) {
        k->f.windows[w].spend = query_get_int(q);
        k->f.windows[w].visits = query_get_int(q);
    }
    return member;
}

enum err segment_each(struct books *b, const struct segment *s, int32_t today, segment_member_fn *each, void *arg,
                      struct errmsg *why)
{
    char sql[4096];
    struct kept_facts k;
    facts_sql(sql, sizeof sql, s->window_count);
    struct query q = query_text_of(b->store, sql);
    if (s->window_count) {
        query_int(&q, today);
        for (int32_t w = 0; w < s->window_count; w++)
            query_int(&q, (int64_t)today - s->windows[w]);
    }
    while (query_row(&q)) {
        memset(&k.f, 0, sizeof k.f);
        member_id member = read_facts(&q, &k, s->window_count, today);
        if (segment_holds(s, &k.f) && !each(member, arg))
            break;
    }
    return query_done(&q, why);
}

struct preview {
    int64_t size;
    json_t *some;
};

static bool count_member(member_id member, void *arg)
{
    struct preview *p = arg;
    char text[MEMBER_TEXT_SIZE];
    member_text(text, member);
    if (p->size++ < 10)
        json_array_append_new(p->some, json_string(text));
    return true;
}

enum err segment_preview(struct books *b, const char *rule, int32_t today, json_t *out, struct errmsg *why)
{
    struct segment *s = malloc(sizeof *s);
    struct segment_faults faults;
    struct preview p = {0};
    json_t *list = json_array();
    int64_t all = 0;
    json_object_set_new(out, "faults", list);
    if (!s)
        return err_set(why, ERR_IO, "out of memory");
    enum err e = segment_read(s, rule, &faults, why);
    for (int32_t i = 0; i < faults.count && i < SEGMENT_FAULTS_MAX; i++)
        json_array_append_new(list, json_pack("{s:o, s:o}", "where", rows_text(faults.faults[i].where), "what",
                                              rows_text(faults.faults[i].what)));
    if (!e) {
        p.some = json_array();
        json_object_set_new(out, "some", p.some);
        e = segment_each(b, s, today, count_member, &p, why);
    }
    if (!e)
        e = care_number(b, "SELECT count(*) FROM member WHERE member <> ?", 0, &all, why);
    if (!e) {
        json_object_set_new(out, "size", json_integer(p.size));
        json_object_set_new(out, "of", json_integer(all));
        put_sentence(out, s, any_pack(b));
    }
    free(s);
    return e;
}

/* ---- run ---- */

struct marking {
    struct books *b;
    const char *code;
    int64_t size;
    enum err e;
    struct errmsg *why;
};

static bool mark_member(member_id member, void *arg)
{
    struct marking *m = arg;
    struct query q = query_text_of(m->b->store, "INSERT INTO member_mark (member, mark) VALUES (?, ?)");
    query_int(&q, (int64_t)member);
    query_text(&q, m->code);
    m->e = query_run(&q, m->why);
    m->size++;
    return m->e == OK;
}

static enum err run_one(struct books *b, const char *code, int64_t now_s, int64_t *size, struct errmsg *why)
{
    struct segment *s = malloc(sizeof *s);
    if (!s)
        return err_set(why, ERR_IO, "out of memory");
    struct marking m = {.b = b, .code = code, .why = why};
    enum err e = segment_load(b, code, s, why);
    if (!e) {
        struct query q = query_text_of(b->store, "DELETE FROM member_mark WHERE mark = ?");
        query_text(&q, code);
        e = query_run(&q, why);
    }
    if (!e)
        e = segment_each(b, s, day_of_time(now_s), mark_member, &m, why);
    free(s);
    if (!e)
        e = m.e;
    if (e)
        return e;
    *size = m.size;
    struct query q = query_text_of(b->store, "UPDATE segment SET ran_s = ?2, size = ?3 WHERE segment = ?1");
    query_text(&q, code);
    query_int(&q, now_s);
    query_int(&q, m.size);
    return query_run(&q, why);
}

/* The next segment that marks, after this code; "" = none. */
static enum err next_marking(struct books *b, const char *after, char code[TXN_NAME_SIZE], struct errmsg *why)
{
    char before[TXN_NAME_SIZE];
    snprintf(before, sizeof before, "%s", after);
    struct query q = query_text_of(b->store, "SELECT segment FROM segment WHERE marks AND segment > ? ORDER BY 1 LIMIT 1");
    query_text(&q, before);
    *code = 0;
    if (query_row(&q))
        query_get_text(&q, code, TXN_NAME_SIZE);
    return query_done(&q, why);
}

enum err segment_run(struct books *b, const char *code, int64_t now_s, int64_t *size, struct errmsg *why)
{
    char at[TXN_NAME_SIZE] = "";
    bool own;
    enum err e = care_begin(b, &own, why);
    *size = 0;
    if (e)
        return e;
    if (code) {
        int64_t marks = 0;
        struct query q = query_text_of(b->store, "SELECT marks FROM segment WHERE segment = ?");
        query_text(&q, code);
        bool found = query_row(&q);
        if (found)
            marks = query_get_int(&q);
        e = query_done(&q, why);
        if (!e && found && !marks)
            e = err_set(why, ERR_STATE, tr("segment %s does not mark its members"), code);
        if (!e)
            e = run_one(b, code, now_s, size, why);
    } else {
        while (!(e = next_marking(b, at, at, why)) && *at && !(e = run_one(b, at, now_s, size, why)))
            ;
    }
    return care_end(b, own, e, why);
}
