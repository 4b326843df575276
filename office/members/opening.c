/* opening.c - see opening.h.  The text is read in place: each field becomes a text of its own in a copy of the file.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/members/opening.h"
#include "base/date.h"
#include "base/mbed.h"
#include "base/tr.h"
#include "office/books/books_int.h"
#include "office/books/known.h"
#include "office/books/rows.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS_MAX = 1000000000 };
enum column { COL_MEMBER, COL_CARD, COL_PHONE, COL_POINTS, COL_LAST_DAY, COL_TIER, COL_REASON, COLUMNS };
static const char *const column_names[COLUMNS] = {"member", "card", "phone", "points", "last_day", "tier", "reason"};

struct line {
    int64_t number; /* in the file, from 1; of its first row when quotes hold a line break */
    member_id member;
    int64_t points;
    int32_t day;
    const char *tier, *reason; /* in the copy */
};

struct import {
    struct books *b;
    const struct known_keys *keys;
    const struct pack *pack;
    int32_t today;
    char *text, *at; /* the copy, and where reading is */
    char separator;
    int64_t row;     /* of the file, from 1 */
    int32_t field_count;
    const char *fields[2 * COLUMNS];
    int32_t place[COLUMNS]; /* of each column in fields; -1 = not there */
    struct line *lines;
    int64_t count, cap;
    json_t *faults;
    int64_t fault_count;
    struct errmsg *why;
};

__attribute__((format(printf, 3, 4))) static void fault(struct import *m, int64_t line, const char *format, ...)
{
    char text[300];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (m->fault_count++ < OPENING_FAULTS_MAX)
        json_array_append_new(m->faults, json_pack("{sI so}", "line", (json_int_t)line, "text", rows_text(text)));
}

/* ---- CSV ---- */

/* One field, ended with 0 in place.  True = another follows on this line. */
static bool take_field(struct import *m, const char **field)
{
    char *in = m->at, *out = m->at;
    *field = out;
    bool quoted = *in == '"';
    in += quoted;
    while (*in) {
        if (quoted && in[0] == '"' && in[1] == '"') {
            in++;
        } else if (quoted && in[0] == '"') {
            quoted = false;
            in++;
            continue;
        } else if (!quoted && (*in == m->separator || *in == '\n' || *in == '\r')) {
            break;
        }
        m->row += *in == '\n';
        *out++ = *in++;
    }
    bool more = *in == m->separator && *in;
    if (*in == '\r' && in[1] == '\n')
        in++;
    m->row += !more && *in == '\n';
    m->at = *in ? in + 1 : in;
    *out = 0;
    return more;
}

/* The fields of the next line that is not empty.  False = there is none. */
static bool take_line(struct import *m, int64_t *number)
{
    do {
        const char *field;
        bool more = true;
        *number = m->row;
        m->field_count = 0;
        if (!*m->at)
            return false;
        while (more) {
            more = take_field(m, &field);
            if (m->field_count < 2 * COLUMNS)
                m->fields[m->field_count++] = field;
        }
    } while (m->field_count == 1 && !*m->fields[0]);
    return true;
}

static enum err take_head(struct import *m)
{
    int64_t number;
    m->separator = strcspn(m->at, ";\n") < strcspn(m->at, ",\n") ? ';' : ',';
    if (!take_line(m, &number))
        return err_set(m->why, ERR_FORMAT, tr("the file is empty"));
    for (int c = 0; c < COLUMNS; c++)
        m->place[c] = -1;
    for (int32_t i = 0; i < m->field_count; i++) {
        int c = 0;
        while (c < COLUMNS && strcmp(m->fields[i], column_names[c]) != 0)
            c++;
        if (c == COLUMNS || m->place[c] >= 0)
            return err_set(m->why, ERR_FORMAT,
                           tr("column %d of the first line is \"%.40s\": there are member, card, phone, points, last_day, "
                              "tier and reason, each once"),
                           (int)i + 1, m->fields[i]);
        m->place[c] = i;
    }
    int32_t ways = (m->place[COL_MEMBER] >= 0) + (m->place[COL_CARD] >= 0) + (m->place[COL_PHONE] >= 0);
    if (ways == 0 || m->place[COL_POINTS] < 0 || m->place[COL_LAST_DAY] < 0)
        return err_set(m->why, ERR_FORMAT,
                       tr("the first line has to name points, last_day, and one of member, card and phone"));
    return OK;
}

static const char *get(const struct import *m, enum column c)
{
    return m->place[c] < 0 || m->place[c] >= m->field_count ? "" : m->fields[m->place[c]];
}

/* ---- a line ---- */

static enum err find_member(struct import *m, struct line *l, struct errmsg *why)
{
    const char *member = get(m, COL_MEMBER), *card = get(m, COL_CARD), *phone = get(m, COL_PHONE);
    struct card_view view;
    struct card_uid uid;
    char normal[PHONE_TEXT_SIZE];
    enum err e;
    if (!!*member + !!*card + !!*phone != 1)
        return err_set(why, ERR_FORMAT, tr("one of member, card and phone has to be filled in"));
    if (*member) {
        if (member_parse(&l->member, member))
            return err_set(why, ERR_FORMAT, tr("\"%.40s\" is no member number"), member);
        return books_survivor(m->b, l->member, &l->member, why);
    }
    if (*card) {
        if (uid_parse(&uid, card))
            return err_set(why, ERR_FORMAT, tr("\"%.40s\" is no card"), card);
        if ((e = books_card(m->b, &uid, &view, why)))
            return e;
        l->member = view.member;
        return l->member ? OK : err_set(why, ERR_NOT_FOUND, tr("the card is nobody's"));
    }
    if ((e = known_phone(normal, phone, why)))
        return e;
    return known_find(m->b, m->keys, MEANS_PHONE, bytes_of(normal, strlen(normal)), &l->member, why);
}

static bool find_day(const struct import *m, const char *text, int32_t *day)
{
    if (strcmp(text, "never") == 0) {
        *day = DAY_NEVER;
        return true;
    }
    if (*text)
        return day_parse(day, text) == OK;
    *day = m->pack ? rules_expiry_day(m->pack, m->today, m->today) : DAY_NEVER;
    return true;
}

static void check_line(struct import *m, struct line *l)
{
    struct errmsg why = {""};
    const char *points = get(m, COL_POINTS), *day = get(m, COL_LAST_DAY);
    char *end;
    if (m->field_count > COLUMNS)
        fault(m, l->number, tr("there are more fields than columns"));
    enum err e = find_member(m, l, &why);
    if (e)
        fault(m, l->number, "%s", why.text);
    l->points = strtoll(points, &end, 10);
    if (*points < '0' || *points > '9' || *end || l->points < 1 || l->points > POINTS_MAX)
        fault(m, l->number, tr("points are \"%.40s\": a whole number from 1 to 1000000000 is needed"), points);
    if (!find_day(m, day, &l->day))
        fault(m, l->number, tr("last_day is \"%.40s\": write 2027-12-31, never, or nothing"), day);
    else if (l->day < m->today)
        fault(m, l->number, tr("the last good day %s has passed"), day);
    l->tier = get(m, COL_TIER);
    if (*l->tier && (!m->pack || !pack_find_tier(m->pack, l->tier)))
        fault(m, l->number, tr("the rules in force have no tier \"%.40s\""), l->tier);
    l->reason = get(m, COL_REASON);
    if (strlen(l->reason) >= TXN_REASON_SIZE)
        fault(m, l->number, tr("the reason is longer than %d bytes"), TXN_REASON_SIZE - 1);
}

static int by_what(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    if (x->member != y->member)
        return x->member < y->member ? -1 : 1;
    if (x->day != y->day)
        return x->day < y->day ? -1 : 1;
    if (x->points != y->points)
        return x->points < y->points ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

static int by_number(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    return x->number < y->number ? -1 : x->number > y->number;
}

/* The same points of the same member with the same end: more likely a slip than meant.  Counts the members. */
static int64_t check_twice(struct import *m)
{
    int64_t members = 0;
    qsort(m->lines, (size_t)m->count, sizeof *m->lines, by_what);
    for (int64_t i = 0; i < m->count; i++) {
        const struct line *l = &m->lines[i], *before = l - 1;
        members += l->member && (i == 0 || before->member != l->member);
        if (i && l->member && l->member == before->member && l->day == before->day && l->points == before->points)
            fault(m, l->number, tr("it says the same as line %lld"), (long long)before->number);
    }
    qsort(m->lines, (size_t)m->count, sizeof *m->lines, by_number);
    return members;
}

static enum err read_lines(struct import *m)
{
    int64_t number;
    enum err e = take_head(m);
    while (!e && take_line(m, &number)) {
        if (m->count == OPENING_LINES_MAX)
            return err_set(m->why, ERR_FULL, tr("the file has more than %d lines: make several of it"), OPENING_LINES_MAX);
        if (m->count == m->cap) {
            int64_t cap = m->cap ? 2 * m->cap : 1024;
            struct line *more = realloc(m->lines, (size_t)cap * sizeof *more);
            if (!more)
                return err_set(m->why, ERR_IO, "out of memory");
            m->lines = more;
            m->cap = cap;
        }
        struct line *l = &m->lines[m->count++];
        memset(l, 0, sizeof *l);
        l->number = number;
        check_line(m, l);
    }
    return e;
}

/* ---- the whole file ---- */

static enum err refuse_again(struct books *b, const uint8_t digest[MBED_HASH_SIZE], struct errmsg *why)
{
    char name[80] = "", time[TIME_TEXT_SIZE];
    int64_t time_s = 0;
    struct query q = query_text_of(b->store, "SELECT name, time_s FROM opening_file WHERE digest = ?");
    query_blob(&q, digest, MBED_HASH_SIZE);
    bool found = query_row(&q);
    if (found) {
        query_get_text(&q, name, sizeof name);
        time_s = query_get_int(&q);
    }
    enum err e = query_done(&q, why);
    time_text(time, time_s);
    return !e && found ? err_set(why, ERR_EXISTS, tr("this file was taken before: %s, as %s"), time, name) : e;
}

static enum err post_all(struct import *m, const char *file, uint32_t user, int64_t now_s)
{
    enum err e = OK;
    for (int64_t i = 0; i < m->count && !e; i++) {
        const struct line *l = &m->lines[i];
        struct txn *t = &m->b->own;
        memset(t, 0, sizeof *t);
        t->kind = TXN_OPENING;
        t->member = l->member;
        t->points = points_of(l->points);
        t->day = l->day;
        t->user = user;
        snprintf(t->tier, sizeof t->tier, "%s", l->tier);
        if (*l->reason)
            snprintf(t->reason, sizeof t->reason, "%s", l->reason);
        else
            snprintf(t->reason, sizeof t->reason, "opening balance, %.60s", file);
        e = books_post_own(m->b, t, now_s, m->why);
        if (e)
            e = err_add(m->why, e, "line %lld", (long long)l->number);
    }
    return e;
}

static enum err keep_file(struct import *m, const uint8_t digest[MBED_HASH_SIZE], const char *file, int64_t points,
                          uint32_t user, int64_t now_s)
{
    struct query q = query_text_of(m->b->store, "INSERT INTO opening_file (digest, name, lines, points, time_s, user)"
                                                " VALUES (?, ?, ?, ?, ?, ?)");
    query_blob(&q, digest, MBED_HASH_SIZE);
    query_text(&q, file);
    query_int(&q, m->count);
    query_int(&q, points);
    query_int(&q, now_s);
    query_int(&q, user);
    return query_run(&q, m->why);
}

enum err opening_import(struct books *b, const struct known_keys *keys, const char *file, struct bytes csv, bool dry_run,
                        uint32_t user, int64_t now_s, json_t *out, struct errmsg *why)
{
    uint8_t digest[MBED_HASH_SIZE];
    char hex[2 * MBED_HASH_SIZE + 1];
    int64_t points = 0, members = 0;
    struct import m = {.b = b, .keys = keys, .today = day_of_time(now_s), .row = 1, .why = why};
    assert(store_office_is_open(b->store));
    mbed_sha256(digest, csv);
    hex_encode(hex, digest, sizeof digest);
    enum err e = refuse_again(b, digest, why);
    if (!e && memchr(csv.data, 0, csv.size))
        e = err_set(why, ERR_FORMAT, tr("the file is no text"));
    if (e)
        return e;
    m.pack = books_pack_on(b, m.today);
    m.faults = json_array();
    m.text = malloc(csv.size + 1);
    if (!m.text)
        return err_set(why, ERR_IO, "out of memory");
    memcpy(m.text, csv.data, csv.size);
    m.text[csv.size] = 0;
    m.at = m.text + (strncmp(m.text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0); /* as spreadsheets begin a file */
    e = read_lines(&m);
    if (!e)
        members = check_twice(&m);
    for (int64_t i = 0; i < m.count; i++)
        points += m.lines[i].points > 0 && m.lines[i].points <= POINTS_MAX ? m.lines[i].points : 0;
    bool done = !e && !dry_run && m.fault_count == 0 && m.count > 0;
    if (done)
        e = post_all(&m, file, user, now_s);
    if (done && !e)
        e = keep_file(&m, digest, file, points, user, now_s);
    if (!e) {
        json_object_set_new(out, "file", rows_text(file));
        json_object_set_new(out, "digest", json_string(hex));
        json_object_set_new(out, "lines", json_integer((json_int_t)m.count));
        json_object_set_new(out, "members", json_integer((json_int_t)members));
        json_object_set_new(out, "points", json_integer((json_int_t)points));
        json_object_set_new(out, "done", json_boolean(done));
        json_object_set(out, "faults", m.faults);
    }
    json_decref(m.faults);
    free(m.lines);
    free(m.text);
    return e;
}

enum err opening_list(struct books *b, json_t *rows, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "SELECT name, lines, points, time_s, user FROM opening_file ORDER BY time_s");
    return rows_of(&q, "file:text lines:int points:points time:time user:int", rows, why);
}
