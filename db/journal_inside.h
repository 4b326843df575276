/* journal_inside.h - what the files of the journal share.  Inside db/journal*.c only.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_DB_JOURNAL_INSIDE_H
#define PATRON_DB_JOURNAL_INSIDE_H

#include "db/journal.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

enum { HASH_SIZE = 32 };

enum statement {
    BEGIN,
    COMMIT,
    ROLLBACK,
    STATE,
    LAST,
    APPEND,
    OPEN_INTENT,
    CLOSE_INTENT,
    SET_ACKED,
    COUNT_OPENED,
    GET,
    WALK,
    HASH,
    FIND_REF,
    FIND_ABOUT,
    FIND_JOIN,
    FIND_INTENT,
    FIND_INTENT_OF,
    FIND_DOUBTFUL,
    OFFLINE_REDEEMED,
    EARNED,
    PENDING,
    GRANTED,
    GIVEN,
    TELL,
    TOLD,
    LOAD,
    SAVE,
    STAFF,
    STAFF_BADGE,
    STAFF_COUNT,
    STAFF_SET,
    STAFF_REMOVE,
    STATUS,
    SET_STATUS,
    CLEAR_STATUS,
    RECEIPT_PUT,
    RECEIPT_SET,
    RECEIPT_FORGET,
    RECEIPT_GET,
    RECEIPT_NEXT,
    RECEIPTS_WAITING_COUNT,
    RECEIPTS_START,
    RECEIPTS_DROP,
    RECEIPTS_END,
    MEMO_INSERT,
    MEMO_COMPLETE,
    MEMO_PRUNE,
    MEMO_TAKEN,
    MEMO_FIND,
    MEMO_LAST,
    MEMO_GET,
    MEMO_NEXT,
    MEMO_WHAT,
    MEMO_TOTALS,
    COUNTED_ADD,
    COUNTED_FIND,
    STATEMENT_COUNT
};

extern const char *const journal_sql[STATEMENT_COUNT];

struct journal {
    char *path;
    sqlite3 *db;
    sqlite3_stmt *st[STATEMENT_COUNT];
    uint32_t terminal, last, acked, acked_on_disk;
    uint8_t last_hash[HASH_SIZE];
    uint32_t damaged_from; /* the first entry that is wrong; 0 = sound as far as was looked */
    bool stopped;          /* entries that are owed are damaged or missing: nothing is added */
    bool spoilt;           /* the file is damaged beside the entries: nothing is added */
    uint32_t checked;      /* by journal_check_some */
    bool sync_failed;
    bool full;             /* the disk took nothing when it was opened */
    int log_pages; /* in the write-ahead log after the last commit */
    struct journal_receipt receipt; /* to be written with the next entry; state 0 = none */
    int lock;
};

/* The database's error as ours; the sentence starts with what was tried. */
enum err journal_failed(struct journal *j, struct errmsg *why, const char *what);
/* The first row of a bound statement, until done().  Errors: ERR_NOT_FOUND (none; nothing is said), and the
 * database's. */
MUST_CHECK enum err journal_row(struct journal *j, enum statement s, struct errmsg *why, const char *what);
/* The end of what BEGIN started; not good: taken back, with the database's error. */
MUST_CHECK enum err journal_commit(struct journal *j, bool good, struct errmsg *why, const char *what);
/* Start a change that needs no fsync of its own; end_unsynced always follows. */
void journal_begin_unsynced(struct journal *j);
MUST_CHECK enum err journal_end_unsynced(struct journal *j, bool good, struct errmsg *why, const char *what);

/* journal_find.c: the number that a bound statement gives.  Errors: ERR_NOT_FOUND (no row; nothing is said),
 * ERR_IO. */
MUST_CHECK enum err journal_find_number(struct journal *j, enum statement s, uint32_t *out,
                                        struct errmsg *why);
/* Likewise a sum or a count; over nothing it is 0. */
int64_t journal_sum(struct journal *j, enum statement s, int64_t when_unreadable);

/* journal_memos.c, within the transaction of an entry (0 = of none).  May it be written?  Then write it,
 * and tell its id. */
MUST_CHECK enum err journal_check_memo(struct journal *j, const struct journal_memo *m, struct errmsg *why);
MUST_CHECK bool journal_write_memo(struct journal *j, const struct journal_memo *m, uint32_t entry,
                                   uint32_t *id);

/* journal_receipts.c: what journal_with_receipt gave, for its entry. */
MUST_CHECK bool journal_keep_receipt(struct journal *j, const struct journal_receipt *r, uint32_t seq);

static inline void done(struct journal *j, enum statement s)
{
    sqlite3_reset(j->st[s]);
    sqlite3_clear_bindings(j->st[s]);
}

/* Run a statement that gives no rows we want.  False: ask journal_failed(). */
static inline bool run(struct journal *j, enum statement s)
{
    int rc;
    do
        rc = sqlite3_step(j->st[s]);
    while (rc == SQLITE_ROW);
    done(j, s);
    return rc == SQLITE_DONE;
}

/* What is bound is borrowed until done(). */
static inline void bind_text(sqlite3_stmt *st, int column, const char *text)
{
    sqlite3_bind_text(st, column, text, -1, SQLITE_STATIC);
}

static inline void bind_bytes(sqlite3_stmt *st, int column, struct bytes b)
{
    const void *data = b.size ? (const void *)b.data : ""; /* no bytes are not NULL */
    sqlite3_bind_blob(st, column, data, (int)b.size, SQLITE_STATIC);
}

/* No card, no member, no entry: NULL. */
static inline void bind_card(sqlite3_stmt *st, int column, const struct card_uid *card)
{
    if (card && uid_is(card))
        sqlite3_bind_blob(st, column, card->b, sizeof card->b, SQLITE_STATIC);
}

static inline void bind_member(sqlite3_stmt *st, int column, member_id member)
{
    if (member)
        sqlite3_bind_int64(st, column, (int64_t)member);
}

static inline void bind_seq(sqlite3_stmt *st, int column, uint32_t seq)
{
    if (seq)
        sqlite3_bind_int64(st, column, seq);
}

static inline bool column_hash(uint8_t out[HASH_SIZE], sqlite3_stmt *st, int column)
{
    if (sqlite3_column_type(st, column) != SQLITE_BLOB ||
        sqlite3_column_bytes(st, column) != HASH_SIZE)
        return false;
    memcpy(out, sqlite3_column_blob(st, column), HASH_SIZE);
    return true;
}

static inline struct bytes column_bytes(sqlite3_stmt *st, int column)
{
    const void *data = sqlite3_column_blob(st, column);
    return bytes_of(data, (size_t)sqlite3_column_bytes(st, column));
}

/* False: it was cut. */
static inline bool column_text(char *out, size_t size, sqlite3_stmt *st, int column)
{
    const char *text = (const char *)sqlite3_column_text(st, column);
    int n = snprintf(out, size, "%s", text ? text : "");
    return n >= 0 && (size_t)n < size;
}

static inline void empty(struct buf *b)
{
    b->size = 0;
    b->full = false;
}

#endif
