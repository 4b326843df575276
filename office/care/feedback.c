/* feedback.c - see feedback.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/care/feedback.h"
#include "base/date.h"
#include "base/tr.h"
#include "office/care/care_int.h"
#include "office/care/message.h"

#include <inttypes.h>
#include <stdlib.h>

const char *const feedback_reasons[] = {"price", "delivery", "installation", "order", "repair", "failure",
                                        "goods", "staff",    "speed",        "shop",  "points", NULL};

/* ---- in ---- */

static enum err check_reasons(const char *reasons, struct errmsg *why)
{
    for (const char *p = reasons; *p; p += *p == ',') {
        size_t n = strcspn(p, ",");
        int i = 0;
        while (feedback_reasons[i] && !(strlen(feedback_reasons[i]) == n && memcmp(feedback_reasons[i], p, n) == 0))
            i++;
        if (!feedback_reasons[i])
            return err_set(why, ERR_FORMAT, tr("'%.*s' is no reason"), (int)n, p);
        p += n;
    }
    return care_text(tr("the reasons"), reasons, 0, 120, why);
}

static enum err check(struct books *b, const struct feedback_new *in, struct errmsg *why)
{
    const int32_t said[] = {in->scores.expected, in->scores.value, in->scores.interaction, in->scores.result,
                            in->scores.environment};
    static const char *const channels[] = {"page", "desk", "phone", "survey"};
    struct member_view view;
    bool any = in->nps >= 0 || *in->text || *in->reasons;
    size_t c = 0;
    while (c < 4 && strcmp(channels[c], in->channel) != 0)
        c++;
    if (c == 4)
        return err_set(why, ERR_FORMAT, tr("'%s' is no way feedback comes: page, desk, phone, survey"), in->channel);
    for (int i = 0; i < 5; i++) {
        if (said[i] < 0 || said[i] > 5)
            return err_set(why, ERR_RANGE, tr("a score is 1 to 5"));
        any |= said[i] > 0;
    }
    if (in->nps < -1 || in->nps > 10)
        return err_set(why, ERR_RANGE, tr("the recommendation is 0 to 10"));
    if (!any)
        return err_set(why, ERR_FORMAT, tr("nothing was said"));
    enum err e = check_reasons(in->reasons, why);
    if (!e)
        e = care_text(tr("the text"), in->text, 0, 2000, why);
    if (!e)
        e = care_text(tr("the shop"), in->shop, 0, TXN_NAME_SIZE - 1, why);
    return e || !in->member ? e : books_member(b, in->member, &view, why);
}

/* Shop and cashier of the purchase, when there is one. */
static enum err find_sale(struct books *b, const struct feedback_new *in, char shop[TXN_NAME_SIZE], uint32_t *cashier,
                          struct errmsg *why)
{
    char name[ENTRY_TEXT_SIZE];
    snprintf(shop, TXN_NAME_SIZE, "%s", in->shop);
    *cashier = in->cashier;
    if (!entry_is(in->entry))
        return OK;
    struct query q = query_text_of(b->store, "SELECT shop, cashier FROM sale WHERE terminal = ?1 AND seq = ?2"
                                             " AND (?3 = 0 OR member = ?3)");
    query_int(&q, in->entry.terminal);
    query_int(&q, in->entry.seq);
    query_int(&q, in->user ? 0 : (int64_t)in->member);
    bool found = query_row(&q);
    if (found) {
        query_get_text(&q, shop, TXN_NAME_SIZE);
        *cashier = (uint32_t)query_get_int(&q);
    }
    enum err e = query_done(&q, why);
    entry_text(name, in->entry);
    return e || found ? e : err_set(why, ERR_NOT_FOUND, tr("%s is no such purchase"), name);
}

enum err feedback_add(struct books *b, const struct feedback_new *in, int64_t now_s, int64_t *id, struct errmsg *why)
{
    struct care_weights weights;
    char shop[TXN_NAME_SIZE];
    uint32_t cashier;
    int32_t score = 0;
    enum err e = check(b, in, why);
    if (e || (e = find_sale(b, in, shop, &cashier, why)) || (e = feedback_weights(b, &weights, why)))
        return e;
    bool scored = care_score(&in->scores, &weights, &score);
    struct query q = query_text_of(
        b->store, "INSERT INTO feedback (member, channel, time_s, shop, cashier, terminal, seq, expected, value,"
                  " interaction, result, environment, reasons, text, user, nps, score)"
                  " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, nullif(?, -1), nullif(?, 9999)) RETURNING id");
    query_int(&q, (int64_t)in->member);
    query_text(&q, in->channel);
    query_int(&q, now_s);
    query_text(&q, shop);
    query_int(&q, cashier);
    query_int(&q, in->entry.terminal);
    query_int(&q, in->entry.seq);
    query_int(&q, in->scores.expected);
    query_int(&q, in->scores.value);
    query_int(&q, in->scores.interaction);
    query_int(&q, in->scores.result);
    query_int(&q, in->scores.environment);
    query_text(&q, in->reasons);
    query_text(&q, in->text);
    query_int(&q, in->user);
    query_int(&q, in->nps);
    query_int(&q, scored ? score : 9999);
    if (query_row(&q))
        *id = query_get_int(&q);
    return query_done(&q, why);
}

enum err feedback_weights(struct books *b, struct care_weights *out, struct errmsg *why)
{
    char text[64];
    *out = care_weights_usual();
    enum err e = care_setting(b, "weights", text, sizeof text, why);
    if (e)
        return e;
    int32_t *w[] = {&out->interaction, &out->result, &out->environment, &out->quality, &out->value};
    char *p = text;
    for (int i = 0; i < 5; i++, p += *p == ',')
        *w[i] = (int32_t)strtol(p, &p, 10);
    return OK;
}

enum err feedback_set_weights(struct books *b, const struct care_weights *w, struct errmsg *why)
{
    const int32_t all[] = {w->interaction, w->result, w->environment, w->quality, w->value};
    char text[64];
    for (int i = 0; i < 5; i++)
        if (all[i] < 0 || all[i] > 100)
            return err_set(why, ERR_RANGE, tr("a weight is 0 to 100"));
    if (all[0] + all[1] + all[2] == 0 || all[3] + all[4] == 0)
        return err_set(why, ERR_RANGE, tr("something has to count"));
    snprintf(text, sizeof text, "%d,%d,%d,%d,%d", all[0], all[1], all[2], all[3], all[4]);
    struct query q = query_text_of(b->store, "UPDATE care_setting SET value = ? WHERE name = 'weights'");
    query_text(&q, text);
    return query_run(&q, why);
}

/* ---- lists and numbers ---- */

enum err feedback_list(struct books *b, const char *shop, int32_t from_day, int32_t to_day, int32_t most, json_t *rows,
                       struct errmsg *why)
{
    struct query q = query_text_of(
        b->store, "SELECT id, member, channel, time_s, shop, cashier, terminal, seq, expected, value, interaction,"
                  " result, environment, nps, reasons, text, score FROM feedback"
                  " WHERE time_s >= ?1 AND time_s < ?2 AND (?3 = '' OR shop = ?3)"
                  " ORDER BY score IS NULL, score, nps IS NULL, nps, id DESC LIMIT ?4");
    query_int(&q, (int64_t)from_day * SECONDS_PER_DAY);
    query_int(&q, ((int64_t)to_day + 1) * SECONDS_PER_DAY);
    query_text(&q, shop);
    query_int(&q, most);
    return rows_of(&q, "id:int member:member channel:text time:time shop:text cashier:int entry:entry expected:int"
                       " value:int interaction:int result:int environment:int nps:int reasons:text text:text score:int",
                   rows, why);
}

static int64_t number(const json_t *row, const char *name)
{
    return json_integer_value(json_object_get(row, name));
}

static void put_permille(json_t *row, const char *name, const char *part, const char *whole)
{
    int32_t n = care_permille(number(row, part), number(row, whole));
    json_object_set_new(row, name, n < 0 ? json_null() : json_integer(n));
}

/* Bottom first: the share of grade 1, then of what was below expectation. */
static int64_t badness(const json_t *row)
{
    return number(row, "bottom_permille") + number(row, "below_permille");
}

static void sort_worst(json_t *rows)
{
    for (size_t i = 1; i < json_array_size(rows); i++)
        for (size_t k = i; k > 0 && badness(json_array_get(rows, k)) > badness(json_array_get(rows, k - 1)); k--) {
            json_t *up = json_incref(json_array_get(rows, k));
            json_array_remove(rows, k);
            json_array_insert_new(rows, k - 1, up);
        }
}

enum err feedback_numbers(struct books *b, const char *by, int32_t from_day, int32_t to_day, json_t *rows,
                          struct errmsg *why)
{
    static const struct {
        const char *by, *rating, *feedback;
    } groups[] = {
        {"shop", "s.shop", "shop"},
        {"cashier", "CAST(r.cashier AS TEXT)", "CAST(cashier AS TEXT)"},
        {"month", "strftime('%Y-%m', e.time_s, 'unixepoch')", "strftime('%Y-%m', time_s, 'unixepoch')"},
    };
    char sql[1500];
    size_t i = 0;
    while (i < 3 && strcmp(groups[i].by, by) != 0)
        i++;
    if (i == 3)
        return err_set(why, ERR_FORMAT, tr("satisfaction is counted by shop, cashier or month"));
    snprintf(sql, sizeof sql,
             "SELECT g, sum(r1 + r2 + r3), sum(r1), sum(r2), sum(r3), sum(f), sum(below),"
             " iif(sum(n) > 0, (sum(score + 400 * n) / sum(n)) - 400, NULL),"
             " sum(promoter), sum(detractor), sum(said)"
             " FROM (SELECT %s AS g, r.rating = 1 AS r1, r.rating = 2 AS r2, r.rating = 3 AS r3, 0 AS f, 0 AS below,"
             " 0 AS score, 0 AS n, 0 AS promoter, 0 AS detractor, 0 AS said FROM rating r"
             " JOIN sale s ON s.position = r.sale JOIN entry e ON e.position = r.position"
             " WHERE e.time_s >= ?1 AND e.time_s < ?2"
             " UNION ALL SELECT %s, 0, 0, 0, 1, coalesce(score < 0, 0), coalesce(score, 0), score IS NOT NULL,"
             " coalesce(nps >= 9, 0), coalesce(nps <= 6, 0), nps IS NOT NULL FROM feedback"
             " WHERE time_s >= ?1 AND time_s < ?2) GROUP BY g ORDER BY g",
             groups[i].rating, groups[i].feedback);
    struct query q = query_text_of(b->store, sql);
    query_int(&q, (int64_t)from_day * SECONDS_PER_DAY);
    query_int(&q, ((int64_t)to_day + 1) * SECONDS_PER_DAY);
    enum err e = rows_of(&q, "by:text ratings:int bottom:int middle:int top:int feedback:int below:int score:int"
                             " promoters:int detractors:int nps_count:int", rows, why);
    size_t n;
    json_t *row;
    json_array_foreach(rows, n, row) {
        int64_t said = number(row, "nps_count"), up = number(row, "promoters"), down = number(row, "detractors");
        const int64_t counts[11] = {[0] = down, [7] = said - up - down, [10] = up};
        int32_t nps;
        put_permille(row, "bottom_permille", "bottom", "ratings");
        put_permille(row, "below_permille", "below", "feedback");
        json_object_set_new(row, "nps", care_nps(counts, &nps) ? json_integer(nps) : json_null());
        json_object_del(row, "promoters");
        json_object_del(row, "detractors");
    }
    if (strcmp(by, "month") != 0)
        sort_worst(rows);
    return e;
}

/* ---- the running score ---- */

/* All that moves it, in order; kind is enum care_event_kind. */
#define EVENTS                                                                                                         \
    "SELECT member, time_s, kind, number, tie FROM ("                                                                      \
    "SELECT r.member AS member, e.time_s AS time_s, 0 AS kind, r.rating AS number, r.position AS tie FROM rating r"   \
    " JOIN entry e ON e.position = r.position WHERE r.member <> 0"                                                    \
    " UNION ALL SELECT member, time_s, 1, score, id FROM feedback WHERE member <> 0 AND score IS NOT NULL"            \
    " UNION ALL SELECT member, received_s, 2, 0, id FROM complaint WHERE member <> 0 AND state <> 'withdrawn'"        \
    " UNION ALL SELECT c.member, t.time_s, 3, t.opinion = 'satisfied', c.id FROM complaint_step t"                    \
    " JOIN complaint c ON c.id = t.complaint WHERE c.member <> 0 AND (t.opinion = 'not satisfied'"                    \
    " OR (t.step = 'ask' AND t.opinion = 'satisfied')))"

struct move {
    member_id member;
    int64_t time_s;
    struct care_event e;
};

static bool next_move(struct query *q, struct move *m)
{
    if (!query_row(q))
        return false;
    m->member = (member_id)query_get_int(q);
    m->time_s = query_get_int(q);
    m->e.kind = (enum care_event_kind)query_get_int(q);
    m->e.number = (int32_t)query_get_int(q);
    return true;
}

static json_t *json_time(int64_t time_s)
{
    char text[TIME_TEXT_SIZE];
    time_text(text, time_s);
    return json_string(text);
}

enum err feedback_running(struct books *b, member_id member, json_t *out, struct errmsg *why)
{
    static const char *const what[] = {"rating", "feedback", "complaint", "complaint over"};
    struct query q = query_text_of(b->store, EVENTS " WHERE member = ? ORDER BY time_s, kind, tie");
    struct move m;
    int32_t running = 0;
    json_t *events = json_array();
    query_int(&q, (int64_t)member);
    while (next_move(&q, &m)) {
        running = care_running(running, &m.e);
        json_array_append_new(events, json_pack("{s:o, s:s, s:i, s:i}", "time", json_time(m.time_s), "what",
                                                what[m.e.kind], "number", m.e.number, "running", running));
    }
    json_object_set_new(out, "running", json_integer(running));
    json_object_set_new(out, "events", events);
    return query_done(&q, why);
}

struct running_row {
    member_id member;
    int64_t last_s;
    int32_t running, events;
};

static int worse(const void *a, const void *b)
{
    const struct running_row *x = a, *y = b;
    if (x->running != y->running)
        return x->running < y->running ? -1 : 1;
    return (x->last_s < y->last_s) - (x->last_s > y->last_s);
}

enum err feedback_running_all(struct books *b, int32_t most, json_t *rows, struct errmsg *why)
{
    struct query q = query_text_of(b->store, EVENTS " ORDER BY member, time_s, kind, tie");
    struct running_row *all = NULL;
    size_t count = 0, cap = 0;
    struct move m;
    enum err e = OK;
    while (!e && next_move(&q, &m)) {
        if (count == 0 || all[count - 1].member != m.member) {
            if (count == cap) {
                cap = cap ? 2 * cap : 1024;
                struct running_row *more = realloc(all, cap * sizeof *all);
                if (!more) {
                    e = err_set(why, ERR_IO, "out of memory");
                    break;
                }
                all = more;
            }
            all[count++] = (struct running_row){.member = m.member};
        }
        struct running_row *r = &all[count - 1];
        r->running = care_running(r->running, &m.e);
        r->last_s = m.time_s;
        r->events++;
    }
    enum err done = query_done(&q, e ? NULL : why);
    e = e ? e : done;
    if (count)
        qsort(all, count, sizeof *all, worse);
    for (size_t i = 0; !e && i < count && i < (size_t)most; i++) {
        char text[MEMBER_TEXT_SIZE];
        member_text(text, all[i].member);
        json_array_append_new(rows, json_pack("{s:s, s:i, s:i, s:o}", "member", text, "running", all[i].running,
                                              "events", all[i].events, "last", json_time(all[i].last_s)));
    }
    free(all);
    return e;
}

/* ---- improvements ---- */

enum err improvement_add(struct books *b, const char *title, const char *owner, int32_t due_day, uint32_t user,
                         int64_t *id, struct errmsg *why)
{
    enum err e = care_text(tr("what is to be improved"), title, 1, 200, why);
    if (!e)
        e = care_text(tr("who does it"), owner, 0, 60, why);
    if (e)
        return e;
    struct query q = query_text_of(b->store, "INSERT INTO improvement (title, owner, due_day, state, user)"
                                             " VALUES (?, ?, ?, 'plan', ?) RETURNING id");
    query_text(&q, title);
    query_text(&q, owner);
    query_int(&q, due_day);
    query_int(&q, user);
    if (query_row(&q))
        *id = query_get_int(&q);
    return query_done(&q, why);
}

enum err improvement_next(struct books *b, int64_t id, bool good, const char *text, uint32_t user, int64_t now_s,
                          struct errmsg *why)
{
    static const char *const states[] = {"plan", "do", "check", "act", "done"};
    char state[16] = "";
    bool own;
    enum err e = care_text(tr("what was planned, done or found"), text, 1, 2000, why);
    if (e || (e = care_begin(b, &own, why)))
        return e;
    struct query q = query_text_of(b->store, "SELECT state FROM improvement WHERE id = ?");
    query_int(&q, id);
    if (query_row(&q))
        query_get_text(&q, state, sizeof state);
    e = query_done(&q, why);
    int i = 0;
    while (i < 4 && strcmp(states[i], state) != 0)
        i++;
    if (!e && !*state)
        e = err_set(why, ERR_NOT_FOUND, tr("there is no improvement %" PRId64), id);
    if (!e && i == 4)
        e = err_set(why, ERR_STATE, tr("it is done"));
    if (!e) {
        q = query_text_of(b->store, "INSERT INTO improvement_step (improvement, n, state, time_s, user, text) VALUES (?1,"
                                    " (SELECT coalesce(max(n), 0) + 1 FROM improvement_step WHERE improvement = ?1),"
                                    " ?2, ?3, ?4, ?5)");
        query_int(&q, id);
        query_text(&q, state);
        query_int(&q, now_s);
        query_int(&q, user);
        query_text(&q, text);
        e = query_run(&q, why);
    }
    if (!e) {
        q = query_text_of(b->store, "UPDATE improvement SET state = ?2 WHERE id = ?1");
        query_int(&q, id);
        query_text(&q, i == 2 && !good ? "plan" : states[i + 1]);
        e = query_run(&q, why);
    }
    return care_end(b, own, e, why);
}

enum err improvement_link(struct books *b, int64_t id, int64_t complaint, struct errmsg *why)
{
    struct query q = query_text_of(b->store,
                                   "INSERT OR IGNORE INTO improvement_complaint (improvement, complaint)"
                                   " SELECT i.id, c.id FROM improvement i, complaint c WHERE i.id = ?1 AND c.id = ?2");
    query_int(&q, id);
    query_int(&q, complaint);
    enum err e = query_run(&q, why);
    int64_t there = 0;
    if (e)
        return e;
    q = query_text_of(b->store, "SELECT 1 FROM improvement_complaint WHERE improvement = ? AND complaint = ?");
    query_int(&q, id);
    query_int(&q, complaint);
    there = query_row(&q);
    e = query_done(&q, why);
    return e || there ? e : err_set(why, ERR_NOT_FOUND, tr("there is no such improvement or complaint"));
}

enum err improvement_list(struct books *b, json_t *rows, struct errmsg *why)
{
    struct query q = query_text_of(
        b->store, "SELECT id, title, owner, due_day, state,"
                  " (SELECT count(*) FROM improvement_complaint WHERE improvement = i.id),"
                  " coalesce((SELECT text FROM improvement_step WHERE improvement = i.id ORDER BY n DESC LIMIT 1), '')"
                  " FROM improvement i ORDER BY state = 'done', due_day, id");
    return rows_of(&q, "id:int title:text owner:text due:day state:text complaints:int last:text", rows, why);
}
