/* journal_memos.c - what was answered at a door: see journal.h, under memos.
 * SPDX-License-Identifier: Apache-2.0 */
#include "db/journal_inside.h"

#include <assert.h>

enum { COUNTED_SIZE = 16 };

/* For ever: the message that this entry came from.  Zeros: from none that is known again. */
static bool count_whole(struct journal *j, const uint8_t whole[32], uint32_t entry)
{
    static const uint8_t none[COUNTED_SIZE];
    if (memcmp(whole, none, sizeof none) == 0)
        return true;
    bind_bytes(j->st[COUNTED_ADD], 1, bytes_of(whole, COUNTED_SIZE));
    bind_seq(j->st[COUNTED_ADD], 2, entry);
    return run(j, COUNTED_ADD);
}

bool journal_write_memo(struct journal *j, const struct journal_memo *m, uint32_t entry, uint32_t *id)
{
    enum statement s = m->id ? MEMO_COMPLETE : MEMO_INSERT;
    sqlite3_stmt *st = j->st[s];
    bind_seq(st, 1, m->id);
    bind_text(st, 2, m->door);
    bind_text(st, 3, m->asker);
    bind_text(st, 4, m->key);
    bind_text(st, 5, m->what);
    bind_bytes(st, 6, bytes_of(m->digest, sizeof m->digest));
    sqlite3_bind_int64(st, 7, m->time_s);
    bind_seq(st, 8, entry);
    sqlite3_bind_int64(st, 9, m->amount);
    sqlite3_bind_int(st, 10, m->open);
    bind_bytes(st, 11, m->reply);
    bool good = sqlite3_step(st) == SQLITE_ROW;
    if (good) {
        *id = (uint32_t)sqlite3_column_int64(st, 0);
        good = sqlite3_step(st) == SQLITE_DONE; /* RETURNING ends with its second step */
    }
    done(j, s);
    if (good && entry && !m->open)
        good = count_whole(j, m->whole, entry);
    if (!good || m->id)
        return good;
    sqlite3_bind_int64(j->st[MEMO_PRUNE], 1, m->time_s - 2 * MEMO_KEEP_S);
    return run(j, MEMO_PRUNE);
}

enum err journal_check_memo(struct journal *j, const struct journal_memo *m, struct errmsg *why)
{
    uint32_t id = 0;
    sqlite3_stmt *st = j->st[MEMO_TAKEN];
    assert(m->reply.size <= MEMO_REPLY_MAX);
    if (m->id)
        return OK;
    bind_text(st, 1, m->door);
    bind_text(st, 2, m->asker);
    bind_text(st, 3, m->key);
    sqlite3_bind_int64(st, 4, m->time_s - MEMO_KEEP_S);
    enum err e = journal_find_number(j, MEMO_TAKEN, &id, why);
    if (e == OK)
        return err_set(why, ERR_EXISTS, "%s has used %s for request %u", m->asker, m->key, id);
    return e == ERR_NOT_FOUND ? OK : e;
}

enum err journal_memo_save(struct journal *j, struct journal_memo *memo, struct errmsg *why)
{
    static const char what[] = "keeping what was answered";
    uint32_t id = 0;
    enum err e = journal_may_write(j, why);
    if (!e)
        e = journal_check_memo(j, memo, why);
    if (e)
        return e;
    if (!run(j, BEGIN))
        return journal_failed(j, why, what);
    e = journal_commit(j, journal_write_memo(j, memo, memo->entry.seq, &id), why, what);
    if (!e)
        memo->id = id;
    return e;
}

static enum err read_memo(struct journal *j, enum statement s, struct journal_memo *m, struct buf *buffer,
                          struct errmsg *why)
{
    sqlite3_stmt *st = j->st[s];
    empty(buffer);
    *m = (struct journal_memo){0};
    enum err e = journal_row(j, s, why, "looking for an answer");
    if (e == ERR_NOT_FOUND)
        err_set(why, e, "no such request was answered here");
    if (!e) {
        struct bytes reply = column_bytes(st, 10);
        m->id = (uint32_t)sqlite3_column_int64(st, 0);
        m->time_s = sqlite3_column_int64(st, 6);
        m->entry.seq = (uint32_t)sqlite3_column_int64(st, 7);
        m->entry.terminal = m->entry.seq ? j->terminal : 0;
        m->amount = sqlite3_column_int64(st, 8);
        m->open = sqlite3_column_int(st, 9) != 0;
        if (!column_text(m->door, sizeof m->door, st, 1) || !column_text(m->asker, sizeof m->asker, st, 2) ||
            !column_text(m->key, sizeof m->key, st, 3) || !column_text(m->what, sizeof m->what, st, 4) ||
            !column_hash(m->digest, st, 5))
            e = err_set(why, ERR_CORRUPT, "the answer to request %u was changed", m->id);
        buf_put(buffer, reply.data, reply.size);
        if (buffer->full)
            e = err_set(why, ERR_FULL, "the answer to request %u is too large (%zu bytes)", m->id, reply.size);
        m->reply = buf_bytes(buffer);
    }
    done(j, s);
    return e;
}

enum err journal_memo_find(struct journal *j, const char *door, const char *asker, const char *key,
                           struct journal_memo *out, struct buf *buffer, struct errmsg *why)
{
    enum statement s = key ? MEMO_FIND : MEMO_LAST;
    bind_text(j->st[s], 1, door);
    bind_text(j->st[s], 2, asker);
    if (key)
        bind_text(j->st[s], 3, key);
    return read_memo(j, s, out, buffer, why);
}

enum err journal_memo_get(struct journal *j, uint32_t id, struct journal_memo *out, struct buf *buffer,
                          struct errmsg *why)
{
    sqlite3_bind_int64(j->st[MEMO_GET], 1, id);
    return read_memo(j, MEMO_GET, out, buffer, why);
}

uint32_t journal_memo_next(struct journal *j)
{
    uint32_t id = 0;
    return journal_find_number(j, MEMO_NEXT, &id, NULL) ? 0 : id;
}

enum err journal_counted(struct journal *j, const uint8_t whole[32], struct entry_id *out,
                         struct errmsg *why)
{
    uint32_t seq = 0;
    bind_bytes(j->st[COUNTED_FIND], 1, bytes_of(whole, COUNTED_SIZE));
    enum err e = journal_find_number(j, COUNTED_FIND, &seq, why);
    if (!e)
        *out = (struct entry_id){j->terminal, seq};
    return e;
}

bool journal_memo_is(struct journal *j, const char *door, const char *what)
{
    uint32_t id = 0;
    bind_text(j->st[MEMO_WHAT], 1, door);
    bind_text(j->st[MEMO_WHAT], 2, what);
    return journal_find_number(j, MEMO_WHAT, &id, NULL) != ERR_NOT_FOUND;
}

enum err journal_memo_totals(struct journal *j, const char *door, const char *asker, int64_t from_s,
                             struct memo_total *out, int32_t cap, int32_t *count, struct errmsg *why)
{
    sqlite3_stmt *st = j->st[MEMO_TOTALS];
    int rc = SQLITE_ROW;
    *count = 0;
    bind_text(st, 1, door);
    sqlite3_bind_int64(st, 2, from_s);
    if (asker)
        bind_text(st, 3, asker);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW && *count < cap) {
        struct memo_total *m = &out[(*count)++];
        (void)column_text(m->what, sizeof m->what, st, 0);
        (void)column_text(m->asker, sizeof m->asker, st, 1);
        m->count = sqlite3_column_int64(st, 2);
        m->amount = sqlite3_column_int64(st, 3);
    }
    enum err e = rc == SQLITE_DONE  ? OK
                 : rc == SQLITE_ROW ? err_set(why, ERR_FULL, "more registers and kinds than %d", (int)cap)
                                    : journal_failed(j, why, "adding up what was answered");
    done(j, MEMO_TOTALS);
    return e;
}
