/* audit.c - see audit.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/console/audit.h"

#include "base/date.h"
#include "base/mbed.h"
#include "office/books/books_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS "id, time_s, user, name, member, operation, target, subject, result, text, address"

static void put_text(struct buf *b, const char *text)
{
    buf_put_le(b, strlen(text), 4);
    buf_put(b, text, strlen(text));
}

static void put_number(struct buf *b, int64_t n)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, n);
    put_text(b, text);
}

/* In the order of COLUMNS. */
static void hash_line(uint8_t hash[32], const uint8_t before[32], const struct audit_line *l)
{
    uint8_t room[1024];
    struct buf b = BUF_ON(room);
    put_number(&b, l->id);
    put_number(&b, l->time_s);
    put_number(&b, l->user);
    put_text(&b, l->name);
    put_number(&b, (int64_t)l->member);
    put_text(&b, l->operation);
    put_text(&b, l->target);
    put_number(&b, (int64_t)l->subject);
    put_text(&b, l->result);
    put_text(&b, l->text);
    put_text(&b, l->address);
    mbed_sha256_two(hash, bytes_of(before, 32), buf_bytes(&b));
}

static enum err add(struct books *b, const struct audit_line *line, struct errmsg *why)
{
    struct audit_line l = *line;
    uint8_t before[32] = {0}, hash[32];
    struct query q = query_text_of(b->store, "SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1");
    l.id = 1;
    if (query_row(&q)) {
        l.id = query_get_int(&q) + 1;
        struct bytes h = query_get_blob(&q);
        if (h.size == sizeof before)
            memcpy(before, h.data, sizeof before);
    }
    enum err e = query_done(&q, why);
    if (e)
        return e;
    hash_line(hash, before, &l);
    q = query_text_of(b->store, "INSERT INTO audit (" COLUMNS ", hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    query_int(&q, l.id);
    query_int(&q, l.time_s);
    query_int(&q, l.user);
    query_text(&q, l.name);
    query_int(&q, (int64_t)l.member);
    query_text(&q, l.operation);
    query_text(&q, l.target);
    query_int(&q, (int64_t)l.subject);
    query_text(&q, l.result);
    query_text(&q, l.text);
    query_text(&q, l.address);
    query_blob(&q, hash, sizeof hash);
    return query_run(&q, why);
}

enum err audit_add(struct books *b, const struct audit_line *line, struct errmsg *why)
{
    if (store_office_is_open(b->store))
        return add(b, line, why);
    enum err e = books_begin(b, why);
    if (e)
        return e;
    e = add(b, line, why);
    if (!e)
        return books_commit(b, why);
    books_rollback(b);
    return e;
}

static void read_line(struct query *q, struct audit_line *l)
{
    *l = (struct audit_line){.id = query_get_int(q)};
    l->time_s = query_get_int(q);
    l->user = (uint32_t)query_get_int(q);
    query_get_text(q, l->name, sizeof l->name);
    l->member = (member_id)query_get_int(q);
    query_get_text(q, l->operation, sizeof l->operation);
    query_get_text(q, l->target, sizeof l->target);
    l->subject = (member_id)query_get_int(q);
    query_get_text(q, l->result, sizeof l->result);
    query_get_text(q, l->text, sizeof l->text);
    query_get_text(q, l->address, sizeof l->address);
}

enum err audit_list(struct books *b, const struct audit_filter *f, audit_fn *each, void *arg, struct errmsg *why)
{
    char member[MEMBER_TEXT_SIZE] = "";
    struct audit_line l;
    if (f->subject)
        member_text(member, f->subject);
    struct query q = query_text_of(
        b->store, "SELECT " COLUMNS " FROM audit WHERE time_s >= ?1 AND time_s < ?2 AND (?3 = 0 OR user = ?3)"
                  " AND (?4 = 0 OR subject = ?4 OR member = ?4 OR ' ' || target || ' ' LIKE '% ' || ?5 || ' %')"
                  " AND (?6 = '' OR operation = ?6) AND (?7 = 0 OR subject > 0) AND (?8 = 0 OR result <> 'done')"
                  " AND (?9 = 0 OR id < ?9) ORDER BY id DESC LIMIT ?10");
    query_int(&q, f->from_day ? (int64_t)f->from_day * SECONDS_PER_DAY : INT64_MIN);
    query_int(&q, f->to_day == DAY_NEVER ? INT64_MAX : ((int64_t)f->to_day + 1) * SECONDS_PER_DAY);
    query_int(&q, f->user);
    query_int(&q, (int64_t)f->subject);
    query_text(&q, member);
    query_text(&q, f->operation);
    query_int(&q, f->looks_only);
    query_int(&q, f->refused_only);
    query_int(&q, f->before_id);
    query_int(&q, f->limit);
    while (query_row(&q)) {
        read_line(&q, &l);
        each(&l, arg);
    }
    return query_done(&q, why);
}

enum err audit_verify(struct books *b, int64_t *rows, int64_t *broken, uint8_t head[32], struct errmsg *why)
{
    struct audit_line l;
    uint8_t hash[32];
    struct query q = query_text_of(b->store, "SELECT " COLUMNS ", hash FROM audit ORDER BY id");
    *rows = *broken = 0;
    memset(head, 0, 32);
    while (query_row(&q)) {
        read_line(&q, &l);
        hash_line(hash, head, &l);
        struct bytes said = query_get_blob(&q);
        ++*rows;
        if (!*broken && (l.id != *rows || said.size != 32 || memcmp(said.data, hash, 32) != 0))
            *broken = l.id;
        if (said.size == 32)
            memcpy(head, said.data, 32);
    }
    return query_done(&q, why);
}
