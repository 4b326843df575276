/* journal.c - the till's journal on SQLite: see journal.h, and till.sql for the tables.
 *
 * Where the fsyncs are.  A commit in WAL mode with synchronous=FULL is one fsync of the log, with two
 * exceptions that we move out of the sale path:
 *   - a checkpoint copies the log into the database (fsync of the log, of the database): only journal_idle
 *     does it, auto-checkpoints are off; LOG_PAGES_MOST is the brake for a till that is never idle;
 *   - the first commit after a checkpoint starts the log anew and syncs its header as well: so opening and
 *     journal_idle make that commit themselves, by counting state.opened.
 * SPDX-License-Identifier: Apache-2.0 */
#include "db/journal.h"

#include "base/crash.h"
#include "base/date.h"
#include "base/mbed.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

extern const char db_till_sql[], db_till_from_1_sql[], db_till_from_1_copy_sql[];

enum {
    SCHEMA_VERSION = 2,
    APPLICATION_ID = 0x5054524E,
    HASH_SIZE = 32,
    TAIL_CHECKED = 32,      /* entries at the end of the chain that opening checks */
    LOG_PAGES_IDLE = 256,   /* 1 MB of log: journal_idle checkpoints */
    LOG_PAGES_MOST = 20000, /* 80 MB: append checkpoints, or the disk would fill */
    BUSY_MS = 1000          /* someone else reads with a shell */
};

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

/* All are prepared when the journal is opened, so that a slip shows at once. */
static const char *const sql[STATEMENT_COUNT] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [STATE] = "SELECT terminal, acked FROM state",
    [LAST] = "SELECT seq, hash FROM entry ORDER BY seq DESC LIMIT 1",
    [APPEND] = "INSERT INTO entry (seq, kind, day, card, ref, points, redeemed, commit_state,"
               " original_terminal, original_seq, closes, hash, entry, member, cashier)"
               " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
    [OPEN_INTENT] = "INSERT INTO open_intent (seq, card) VALUES (?1, ?2)",
    [CLOSE_INTENT] = "DELETE FROM open_intent WHERE seq = ?1",
    [SET_ACKED] = "UPDATE state SET acked = ?1",
    [COUNT_OPENED] = "UPDATE state SET opened = opened + 1, acked = ?1",
    [GET] = "SELECT e.entry, e.hash, p.hash FROM entry e LEFT JOIN entry p ON p.seq = ?1 - 1"
            " WHERE e.seq = ?1",
    [WALK] = "SELECT seq, entry, hash FROM entry WHERE seq > ?1 ORDER BY seq",
    [HASH] = "SELECT hash FROM entry WHERE seq = ?1",
    [FIND_REF] = "SELECT seq FROM entry WHERE ref = ?1 AND kind IN (1, 5)",
    [FIND_ABOUT] = "SELECT seq FROM entry WHERE original_seq = ?1 AND original_terminal = ?2"
                   " AND kind = ?4 ORDER BY seq LIMIT 1 OFFSET ?3",
    [FIND_JOIN] = "SELECT seq FROM entry WHERE card = ?1 AND kind = 7 ORDER BY seq DESC LIMIT 1",
    [FIND_INTENT] = "SELECT seq FROM open_intent ORDER BY seq LIMIT 1",
    [FIND_INTENT_OF] = "SELECT seq FROM open_intent WHERE card = ?1 ORDER BY seq LIMIT 1",
    [FIND_DOUBTFUL] = "SELECT seq FROM entry i WHERE card = ?1 AND kind = 2"
                      " AND EXISTS (SELECT 1 FROM entry o WHERE o.original_seq = i.seq"
                      " AND o.original_terminal = ?2 AND o.kind IN (1, 3) AND o.commit_state = 3)"
                      " AND NOT EXISTS (SELECT 1 FROM entry o WHERE o.original_seq = i.seq"
                      " AND o.original_terminal = ?2 AND o.kind = 4) ORDER BY seq LIMIT 1",
    [OFFLINE_REDEEMED] = "SELECT sum(redeemed) FROM entry i WHERE card = ?1 AND day = ?2 AND kind = 2"
                         " AND seq > ?3 AND NOT EXISTS (SELECT 1 FROM entry o"
                         " WHERE o.original_seq = i.seq AND o.original_terminal = ?4"
                         " AND (o.kind = 2 OR o.commit_state = 2))",
    /* Each entry of a card or of its member once; the card alone is known in entries of a version 1 journal. */
    [EARNED] = "SELECT sum(points) FROM entry WHERE (card = ?1 OR member = ?4) AND day = ?2 AND kind = 1"
               " AND seq < ?3",
    [PENDING] = "SELECT sum(CASE kind WHEN 5 THEN -points ELSE points END) FROM entry"
                " WHERE (card = ?1 OR member = ?3) AND seq > ?2 AND kind IN (1, 5, 6)",
    [GRANTED] = "SELECT sum(points) FROM entry WHERE cashier = ?1 AND day = ?2 AND kind = 6",
    [GIVEN] = "SELECT sum(points) FROM entry WHERE day = ?1 AND kind = 6 AND points > 0",
    [TELL] = "INSERT INTO told (shown, time_s, value) VALUES (?1, ?2, ?3)"
             " ON CONFLICT (shown) DO UPDATE SET time_s = excluded.time_s, value = excluded.value",
    [TOLD] = "SELECT time_s, value FROM told WHERE shown = ?1",
    [LOAD] = "SELECT value FROM setting WHERE name = ?1",
    [SAVE] = "INSERT INTO setting (name, value) VALUES (?1, ?2)"
             " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    [STAFF] = "SELECT id, name, role, language, pin_salt, pin_hash, badge, grant_limit, grant_day_limit"
              " FROM staff WHERE id = ?1",
    [STAFF_BADGE] = "SELECT id, name, role, language, pin_salt, pin_hash, badge, grant_limit,"
                    " grant_day_limit FROM staff WHERE badge = ?1 ORDER BY id LIMIT 1",
    [STAFF_COUNT] = "SELECT count(*) FROM staff",
    [STAFF_SET] = "INSERT OR REPLACE INTO staff (id, name, role, language, pin_salt, pin_hash, badge,"
                  " grant_limit, grant_day_limit) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [STAFF_REMOVE] = "DELETE FROM staff WHERE id = ?1",
    [STATUS] = "SELECT status FROM hot WHERE card = ?1",
    [SET_STATUS] = "INSERT INTO hot (card, status) VALUES (?1, ?2)"
                   " ON CONFLICT (card) DO UPDATE SET status = excluded.status",
    [CLEAR_STATUS] = "DELETE FROM hot WHERE card = ?1",
    [RECEIPT_PUT] = "INSERT OR REPLACE INTO receipt (seq, state, boot, balance, purse, expiring, expiring_day, why,"
                    " language) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [RECEIPT_SET] = "UPDATE receipt SET state = ?2 WHERE seq = ?1",
    [RECEIPT_FORGET] = "DELETE FROM receipt WHERE state = 5 AND seq <= ?1",
    [RECEIPT_GET] = "SELECT seq, state, boot, balance, purse, expiring, expiring_day, why, language"
                    " FROM receipt WHERE seq = ?1",
    [RECEIPT_NEXT] = "SELECT seq, state, boot, balance, purse, expiring, expiring_day, why, language"
                     " FROM receipt WHERE state < 5 ORDER BY seq LIMIT 1",
    [RECEIPTS_WAITING_COUNT] = "SELECT count(*) FROM receipt WHERE state < 5",
    [RECEIPTS_START] = "UPDATE receipt SET state = 4"
                       " WHERE state < 5 AND (state = 3 OR (state = 2 AND (boot <> ?1 OR ?1 = '')))",
    [RECEIPTS_END] = "UPDATE receipt SET state = 1 WHERE state = 2",
#define MEMO_COLUMNS "id, door, asker, key, what, digest, time_s, entry, amount, open, reply"
    [MEMO_INSERT] = "INSERT INTO memo (" MEMO_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
                    " RETURNING id",
    [MEMO_COMPLETE] = "INSERT OR REPLACE INTO memo (" MEMO_COLUMNS ")"
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) RETURNING id",
    /* Never all of them (the new one is not old), so that no id is given again. */
    [MEMO_PRUNE] = "DELETE FROM memo WHERE id < (SELECT min(id) + 8 FROM memo) AND time_s < ?1",
    [MEMO_TAKEN] = "SELECT id FROM memo WHERE door = ?1 AND asker = ?2 AND key = ?3 AND time_s > ?4 LIMIT 1",
    [MEMO_FIND] = "SELECT " MEMO_COLUMNS " FROM memo WHERE door = ?1 AND asker = ?2 AND key = ?3"
                  " ORDER BY id DESC LIMIT 1",
    [MEMO_LAST] = "SELECT " MEMO_COLUMNS " FROM memo WHERE door = ?1 AND asker = ?2 ORDER BY id DESC LIMIT 1",
    [MEMO_GET] = "SELECT " MEMO_COLUMNS " FROM memo WHERE id = ?1",
    [MEMO_NEXT] = "SELECT coalesce(max(id), 0) + 1 FROM memo",
    [MEMO_WHAT] = "SELECT id FROM memo WHERE door = ?1 AND what = ?2 LIMIT 1",
    [MEMO_TOTALS] = "SELECT what, asker, count(*), sum(amount) FROM memo WHERE door = ?1 AND time_s >= ?2"
                    " AND open = 0 AND (?3 IS NULL OR asker = ?3) GROUP BY what, asker ORDER BY asker, what",
    [COUNTED_ADD] = "INSERT OR IGNORE INTO counted (digest, entry) VALUES (?1, ?2)",
    [COUNTED_FIND] = "SELECT entry FROM counted WHERE digest = ?1",
};

struct journal {
    char *path;
    sqlite3 *db;
    sqlite3_stmt *st[STATEMENT_COUNT];
    uint32_t terminal, last, acked, acked_on_disk;
    uint8_t last_hash[HASH_SIZE];
    uint32_t damaged_from; /* 0 = sound as far as was looked */
    uint32_t checked;      /* by journal_check_some */
    bool sync_failed;
    int log_pages; /* in the write-ahead log after the last commit */
    struct journal_receipt receipt; /* to be written with the next entry; state 0 = none */
    int lock;
};

/* ---- helpers ---- */

/* The same as sync/wire.h's wire_chain, which db may not include. */
static void chain(uint8_t next[HASH_SIZE], const uint8_t previous[HASH_SIZE], struct bytes entry)
{
    mbed_sha256_two(next, bytes_of(previous, HASH_SIZE), entry);
}

/* The database's error as ours; the sentence starts with what was tried. */
static enum err failed(struct journal *j, struct errmsg *why, const char *what)
{
    int rc = sqlite3_extended_errcode(j->db);
    const char *file = j->path;
    if (rc == SQLITE_IOERR_FSYNC || rc == SQLITE_IOERR_DIR_FSYNC)
        j->sync_failed = true;
    switch (rc & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return err_set(why, ERR_CORRUPT, "%s: %s: %s", what, file, sqlite3_errmsg(j->db));
    case SQLITE_FULL:
        return err_set(why, ERR_IO, "%s: the disk is full (%s); make room and try again", what, file);
    case SQLITE_BUSY:
        return err_set(why, ERR_IO, "%s: another program is writing to %s", what, file);
    default:
        return err_set(why, ERR_IO, "%s: %s: %s", what, file, sqlite3_errmsg(j->db));
    }
}

static bool has_row(struct journal *j, enum statement s, int *rc)
{
    *rc = sqlite3_step(j->st[s]);
    return *rc == SQLITE_ROW;
}

/* Run a statement that gives no rows we want.  False: ask failed(). */
static bool run(struct journal *j, enum statement s)
{
    int rc;
    do
        rc = sqlite3_step(j->st[s]);
    while (rc == SQLITE_ROW);
    sqlite3_reset(j->st[s]);
    sqlite3_clear_bindings(j->st[s]);
    return rc == SQLITE_DONE;
}

static void done(struct journal *j, enum statement s)
{
    sqlite3_reset(j->st[s]);
    sqlite3_clear_bindings(j->st[s]);
}

static void bind_card(sqlite3_stmt *st, int column, const struct card_uid *card)
{
    if (card && uid_is(card))
        sqlite3_bind_blob(st, column, card->b, sizeof card->b, SQLITE_STATIC);
}

static void bind_member(sqlite3_stmt *st, int column, member_id member)
{
    if (member)
        sqlite3_bind_int64(st, column, (int64_t)member);
}

static void bind_seq(sqlite3_stmt *st, int column, uint32_t seq)
{
    if (seq)
        sqlite3_bind_int64(st, column, seq);
}

static bool column_hash(uint8_t out[HASH_SIZE], sqlite3_stmt *st, int column)
{
    if (sqlite3_column_type(st, column) != SQLITE_BLOB ||
        sqlite3_column_bytes(st, column) != HASH_SIZE)
        return false;
    memcpy(out, sqlite3_column_blob(st, column), HASH_SIZE);
    return true;
}

static struct bytes column_bytes(sqlite3_stmt *st, int column)
{
    const void *data = sqlite3_column_blob(st, column);
    return bytes_of(data, (size_t)sqlite3_column_bytes(st, column));
}

static int on_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
    (void)db, (void)name;
    ((struct journal *)arg)->log_pages = pages;
    return SQLITE_OK;
}

/* ---- opening ---- */

static enum err take_lock(struct journal *j, const char *path, struct errmsg *why)
{
    char name[512];
    int size = snprintf(name, sizeof name, "%s.lock", path);
    if (size < 0 || (size_t)size >= sizeof name)
        return err_set(why, ERR_IO, "the journal's path is too long: %s", path);
    j->lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (j->lock < 0)
        return err_set(why, ERR_IO, "%s: %s", name, strerror(errno));
    if (flock(j->lock, LOCK_EX | LOCK_NB) != 0)
        return err_set(why, ERR_BUSY, "%s is open in another program; end that first", path);
    return OK;
}

static int64_t pragma_number(struct journal *j, const char *text, int *rc)
{
    sqlite3_stmt *st = NULL;
    int64_t n = -1;
    *rc = sqlite3_prepare_v2(j->db, text, -1, &st, NULL);
    if (*rc == SQLITE_OK && (*rc = sqlite3_step(st)) == SQLITE_ROW) {
        n = sqlite3_column_int64(st, 0);
        *rc = SQLITE_OK;
    }
    sqlite3_finalize(st);
    return n;
}

static enum err make_tables(struct journal *j, uint32_t terminal, struct errmsg *why)
{
    char state[80];
    snprintf(state, sizeof state, "INSERT INTO state (only_one, terminal) VALUES (1, %u)", terminal);
    if (sqlite3_exec(j->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(j->db, db_till_sql, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(j->db, state, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(j->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        return failed(j, why, "making the journal");
    return OK;
}

/* Entry bytes, hashes and numbers are copied; the file is either all of the old version or all of today's. */
static enum err upgrade(struct journal *j, struct errmsg *why)
{
    const char *const steps[] = {"BEGIN IMMEDIATE", db_till_from_1_sql, db_till_sql,
                                 db_till_from_1_copy_sql, "COMMIT"};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (sqlite3_exec(j->db, steps[i], NULL, NULL, NULL) != SQLITE_OK) {
            enum err e = failed(j, why, "bringing the journal to this version");
            (void)sqlite3_exec(j->db, "ROLLBACK", NULL, NULL, NULL);
            return e;
        }
    return OK;
}

static enum err check_format(struct journal *j, const char *path, uint32_t terminal,
                             struct errmsg *why)
{
    int rc;
    int64_t tables = pragma_number(j, "SELECT count(*) FROM sqlite_schema", &rc);
    if ((rc & 0xff) == SQLITE_NOTADB)
        return err_set(why, ERR_FORMAT, "%s is not a till's journal", path);
    if (rc != SQLITE_OK)
        return failed(j, why, "opening the journal");
    if (tables == 0)
        return make_tables(j, terminal, why);
    int64_t id = pragma_number(j, "PRAGMA application_id", &rc);
    int64_t version = pragma_number(j, "PRAGMA user_version", &rc);
    if (id != APPLICATION_ID)
        return err_set(why, ERR_FORMAT, "%s is a database, but not a till's journal", path);
    if (version == 1)
        return upgrade(j, why);
    if (version != SCHEMA_VERSION)
        return err_set(why, ERR_UNSUPPORTED,
                       "%s has version %d, this program knows %d: use the newer program", path,
                       (int)version, SCHEMA_VERSION);
    return OK;
}

static enum err open_database(struct journal *j, const char *path, uint32_t terminal,
                              struct errmsg *why)
{
    /* Settings hold what enrolled this till, so the file is its owner's alone; SQLite gives the log
     * the same rights. */
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(why, ERR_IO, "%s: %s", path, strerror(errno));
    close(fd);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if (sqlite3_open_v2(path, &j->db, flags, NULL) != SQLITE_OK)
        return err_set(why, ERR_IO, "%s: %s", path, j->db ? sqlite3_errmsg(j->db) : "no memory");
    sqlite3_busy_timeout(j->db, BUSY_MS);
    if (sqlite3_exec(j->db,
                     "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                     "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON",
                     NULL, NULL, NULL) != SQLITE_OK) {
        if ((sqlite3_errcode(j->db) & 0xff) == SQLITE_NOTADB)
            return err_set(why, ERR_FORMAT, "%s is not a till's journal", path);
        return failed(j, why, "opening the journal");
    }
    sqlite3_wal_hook(j->db, on_commit, j); /* takes the place of auto-checkpoints */
    enum err e = check_format(j, path, terminal, why);
    for (int s = 0; e == OK && s < STATEMENT_COUNT; s++)
        if (sqlite3_prepare_v3(j->db, sql[s], -1, SQLITE_PREPARE_PERSISTENT, &j->st[s], NULL) !=
            SQLITE_OK)
            e = failed(j, why, sql[s]);
    return e;
}

static enum err read_state(struct journal *j, uint32_t terminal, struct errmsg *why)
{
    int rc;
    if (!has_row(j, STATE, &rc)) {
        enum err e = rc == SQLITE_DONE ? err_set(why, ERR_CORRUPT, "the journal's state is missing")
                                       : failed(j, why, "reading the journal's state");
        done(j, STATE);
        return e;
    }
    int64_t owner = sqlite3_column_int64(j->st[STATE], 0);
    j->acked = j->acked_on_disk = (uint32_t)sqlite3_column_int64(j->st[STATE], 1);
    done(j, STATE);
    if (owner != terminal)
        return err_set(why, ERR_CONFLICT, "the journal %s belongs to terminal %d, not to %u",
                       j->path, (int)owner, terminal);
    j->terminal = terminal;
    return OK;
}

/* Walk the chain after the entry `from`; stops at the first that is wrong.  sound: the last good one. */
static enum err walk(struct journal *j, uint32_t from, uint32_t most, uint32_t *sound,
                     struct errmsg *why)
{
    uint8_t hash[HASH_SIZE], stored[HASH_SIZE];
    enum err e = journal_hash(j, from, hash, why);
    if (e)
        return e;
    *sound = from;
    sqlite3_bind_int64(j->st[WALK], 1, from);
    int rc = SQLITE_DONE;
    while (e == OK && *sound - from < most && has_row(j, WALK, &rc)) {
        int64_t seq = sqlite3_column_int64(j->st[WALK], 0);
        chain(hash, hash, column_bytes(j->st[WALK], 1));
        if (seq != (int64_t)*sound + 1)
            e = err_set(why, ERR_CORRUPT, "entry %u is missing", *sound + 1);
        else if (!column_hash(stored, j->st[WALK], 2) || memcmp(hash, stored, HASH_SIZE) != 0)
            e = err_set(why, ERR_CORRUPT, "entry %u was changed after it was written", *sound + 1);
        else
            *sound = (uint32_t)seq;
    }
    if (e == OK && rc != SQLITE_DONE && rc != SQLITE_ROW) {
        e = failed(j, why, "reading the journal");
        err_add(why, e, "entry %u cannot be read", *sound + 1);
    }
    done(j, WALK);
    return e;
}

/* Only the end of the chain, so that a long journal opens as fast as a short one. */
static enum err check_end(struct journal *j, struct errmsg *why)
{
    int rc;
    enum err e = OK;
    if (has_row(j, LAST, &rc)) {
        j->last = (uint32_t)sqlite3_column_int64(j->st[LAST], 0);
        if (!column_hash(j->last_hash, j->st[LAST], 1))
            e = err_set(why, ERR_CORRUPT, "entry %u has no hash", j->last);
    } else if (rc != SQLITE_DONE) {
        e = failed(j, why, "reading the end of the journal");
    }
    done(j, LAST);
    uint32_t sound = 0;
    if (e == OK)
        e = walk(j, j->last > TAIL_CHECKED ? j->last - TAIL_CHECKED : 0, UINT32_MAX, &sound, why);
    if (e == OK && j->acked > j->last)
        e = err_set(why, ERR_CORRUPT, "head office acknowledged entry %u, the journal ends at %u",
                    j->acked, j->last);
    if (e == ERR_CORRUPT) {
        j->damaged_from = sound + 1;
        err_add(why, e, "the journal is damaged from entry %u on; what is before it can be read",
                j->damaged_from);
    }
    return e;
}

/* The commit that pays for a fresh log's header: see the top of this file. */
static enum err count_opened(struct journal *j, struct errmsg *why)
{
    sqlite3_bind_int64(j->st[COUNT_OPENED], 1, j->acked);
    if (!run(j, COUNT_OPENED))
        return failed(j, why, "writing to the journal");
    j->acked_on_disk = j->acked;
    return OK;
}

enum err journal_open(struct journal **out, const char *path, uint32_t terminal, struct errmsg *why)
{
    assert(terminal >= 1 && terminal <= 9999);
    *out = NULL;
    struct journal *j = calloc(1, sizeof *j);
    if (!j)
        return err_set(why, ERR_IO, "no memory for the journal");
    j->lock = -1;
    j->path = strdup(path);
    if (!j->path) {
        free(j);
        return err_set(why, ERR_IO, "no memory for the journal");
    }
    enum err e = take_lock(j, path, why);
    if (e == OK)
        e = open_database(j, path, terminal, why);
    if (e == OK)
        e = read_state(j, terminal, why);
    if (e == OK)
        e = check_end(j, why);
    if (e == OK)
        e = count_opened(j, why);
    if (e == OK || (e == ERR_CORRUPT && j->damaged_from))
        *out = j;
    else
        journal_close(j);
    return e;
}

void journal_close(struct journal *j)
{
    if (!j)
        return;
    for (int s = 0; s < STATEMENT_COUNT; s++)
        sqlite3_finalize(j->st[s]);
    sqlite3_close(j->db); /* checkpoints and removes the log */
    if (j->lock >= 0)
        close(j->lock);
    free(j->path);
    free(j);
}

static enum err checkpoint(struct journal *j, struct errmsg *why)
{
    int rc = sqlite3_wal_checkpoint_v2(j->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (rc != SQLITE_OK && rc != SQLITE_BUSY)
        return failed(j, why, "moving the log into the journal");
    return count_opened(j, why);
}

/* Start a change that needs no fsync of its own; end_unsynced always follows.  No prepared statements:
 * this pragma acts when it is prepared. */
static void begin_unsynced(struct journal *j)
{
    (void)sqlite3_exec(j->db, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL);
}

static enum err end_unsynced(struct journal *j, bool good, struct errmsg *why, const char *what)
{
    enum err e = good ? OK : failed(j, why, what);
    int rc = sqlite3_exec(j->db, "PRAGMA synchronous = FULL", NULL, NULL, NULL);
    if (rc != SQLITE_OK && e == OK)
        e = failed(j, why, what);
    return e;
}

enum err journal_idle(struct journal *j, struct errmsg *why)
{
    if (j->damaged_from || j->sync_failed)
        return OK;
    if (j->log_pages >= LOG_PAGES_IDLE)
        return checkpoint(j, why);
    if (j->acked == j->acked_on_disk)
        return OK;
    begin_unsynced(j);
    sqlite3_bind_int64(j->st[SET_ACKED], 1, j->acked);
    enum err e = end_unsynced(j, run(j, SET_ACKED), why, "noting what head office has");
    if (e == OK)
        j->acked_on_disk = j->acked;
    return e;
}

/* ---- appending ---- */

static bool insert_entry(struct journal *j, const struct txn *t, struct bytes entry, uint32_t closes,
                         const uint8_t hash[HASH_SIZE])
{
    sqlite3_stmt *st = j->st[APPEND];
    sqlite3_bind_int64(st, 1, t->id.seq);
    sqlite3_bind_int(st, 2, (int)t->kind);
    sqlite3_bind_int(st, 3, day_of_time(t->time_s));
    bind_card(st, 4, &t->card);
    if (t->ref[0])
        sqlite3_bind_text(st, 5, t->ref, -1, SQLITE_STATIC);
    sqlite3_bind_int64(st, 6, points_n(t->points));
    sqlite3_bind_int64(st, 7, points_n(t->redeemed));
    sqlite3_bind_int(st, 8, (int)t->commit);
    if (entry_is(t->original)) {
        sqlite3_bind_int64(st, 9, t->original.terminal);
        sqlite3_bind_int64(st, 10, t->original.seq);
    }
    bind_seq(st, 11, closes);
    sqlite3_bind_blob(st, 12, hash, HASH_SIZE, SQLITE_STATIC);
    sqlite3_bind_blob(st, 13, entry.data, (int)entry.size, SQLITE_STATIC);
    bind_member(st, 14, t->member);
    bind_seq(st, 15, t->cashier);
    return run(j, APPEND);
}

static bool keep_open_intents(struct journal *j, const struct txn *t, uint32_t closes)
{
    if (closes) {
        sqlite3_bind_int64(j->st[CLOSE_INTENT], 1, closes);
        if (!run(j, CLOSE_INTENT))
            return false;
    }
    if (t->kind != TXN_INTENT)
        return true;
    sqlite3_bind_int64(j->st[OPEN_INTENT], 1, t->id.seq);
    bind_card(j->st[OPEN_INTENT], 2, &t->card);
    return run(j, OPEN_INTENT);
}

static bool put_receipt(struct journal *j, const struct journal_receipt *r)
{
    sqlite3_stmt *st = j->st[RECEIPT_PUT];
    sqlite3_bind_int64(st, 1, r->seq);
    sqlite3_bind_int(st, 2, (int)r->state);
    sqlite3_bind_text(st, 3, r->boot, -1, SQLITE_STATIC);
    sqlite3_bind_int64(st, 4, points_n(r->balance));
    sqlite3_bind_int64(st, 5, points_n(r->purse));
    sqlite3_bind_int64(st, 6, points_n(r->expiring));
    sqlite3_bind_int(st, 7, r->expiring_day);
    sqlite3_bind_text(st, 8, r->why, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 9, r->language, -1, SQLITE_STATIC);
    return run(j, RECEIPT_PUT);
}

static bool keep_receipt(struct journal *j, const struct journal_receipt *r, uint32_t seq)
{
    struct journal_receipt own = *r;
    own.seq = seq;
    return own.state == 0 || put_receipt(j, &own);
}

static bool keep_acked(struct journal *j)
{
    if (j->acked == j->acked_on_disk)
        return true;
    sqlite3_bind_int64(j->st[SET_ACKED], 1, j->acked);
    return run(j, SET_ACKED);
}

static enum err find(struct journal *j, enum statement s, uint32_t *seq, struct errmsg *why)
{
    int rc;
    enum err e = OK;
    if (has_row(j, s, &rc))
        *seq = (uint32_t)sqlite3_column_int64(j->st[s], 0);
    else
        e = rc == SQLITE_DONE ? ERR_NOT_FOUND : failed(j, why, "searching the journal");
    done(j, s);
    return e;
}

static enum err check_ref(struct journal *j, const struct txn *t, struct errmsg *why)
{
    if (!t->ref[0] || (t->kind != TXN_SALE && t->kind != TXN_REFUND && t->kind != TXN_INTENT))
        return OK;
    uint32_t seq = 0;
    sqlite3_bind_text(j->st[FIND_REF], 1, t->ref, -1, SQLITE_STATIC);
    enum err e = find(j, FIND_REF, &seq, why);
    if (e == OK)
        return err_set(why, ERR_EXISTS, "reference %s was closed by entry %u", t->ref, seq);
    return e == ERR_NOT_FOUND ? OK : e;
}

/* ---- memos ---- */

enum { COUNTED_SIZE = 16 };

/* For ever: the message that this entry came from.  Zeros: from none that is known again. */
static bool count_whole(struct journal *j, const uint8_t whole[32], uint32_t entry)
{
    static const uint8_t none[COUNTED_SIZE];
    if (memcmp(whole, none, sizeof none) == 0)
        return true;
    sqlite3_bind_blob(j->st[COUNTED_ADD], 1, whole, COUNTED_SIZE, SQLITE_STATIC);
    bind_seq(j->st[COUNTED_ADD], 2, entry);
    return run(j, COUNTED_ADD);
}

static bool write_memo(struct journal *j, const struct journal_memo *m, uint32_t entry, uint32_t *id)
{
    enum statement s = m->id ? MEMO_COMPLETE : MEMO_INSERT;
    sqlite3_stmt *st = j->st[s];
    int rc;
    bind_seq(st, 1, m->id);
    sqlite3_bind_text(st, 2, m->door, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 3, m->asker, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 4, m->key, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 5, m->what, -1, SQLITE_STATIC);
    sqlite3_bind_blob(st, 6, m->digest, sizeof m->digest, SQLITE_STATIC);
    sqlite3_bind_int64(st, 7, m->time_s);
    bind_seq(st, 8, entry);
    sqlite3_bind_int64(st, 9, m->amount);
    sqlite3_bind_int(st, 10, m->open);
    sqlite3_bind_blob(st, 11, m->reply.size ? (const void *)m->reply.data : "", (int)m->reply.size,
                      SQLITE_STATIC);
    bool good = has_row(j, s, &rc);
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

static enum err check_memo(struct journal *j, const struct journal_memo *m, struct errmsg *why)
{
    uint32_t id = 0;
    sqlite3_stmt *st = j->st[MEMO_TAKEN];
    assert(m->reply.size <= MEMO_REPLY_MAX);
    if (m->id)
        return OK;
    sqlite3_bind_text(st, 1, m->door, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 2, m->asker, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 3, m->key, -1, SQLITE_STATIC);
    sqlite3_bind_int64(st, 4, m->time_s - MEMO_KEEP_S);
    enum err e = find(j, MEMO_TAKEN, &id, why);
    if (e == OK)
        return err_set(why, ERR_EXISTS, "%s has used %s for request %u", m->asker, m->key, id);
    return e == ERR_NOT_FOUND ? OK : e;
}

static enum err may_write(const struct journal *j, struct errmsg *why)
{
    if (j->damaged_from > j->acked) /* else head office has what is damaged here */
        return err_set(why, ERR_CORRUPT, "the journal is damaged from entry %u on: nothing is added",
                       j->damaged_from);
    if (j->sync_failed)
        return err_set(why, ERR_IO, "the disk failed to store an earlier entry: check the disk, "
                                    "then start the till again");
    return OK;
}

static enum err commit(struct journal *j, bool good, const char *what, struct errmsg *why)
{
    crash_point("journal-before-commit");
    if (!good || !run(j, COMMIT)) {
        enum err e = failed(j, why, what);
        if (!sqlite3_get_autocommit(j->db))
            (void)run(j, ROLLBACK);
        return e;
    }
    crash_point("journal-after-commit");
    return OK;
}

enum err journal_memo_save(struct journal *j, struct journal_memo *memo, struct errmsg *why)
{
    static const char what[] = "keeping what was answered";
    uint32_t id = 0;
    enum err e = may_write(j, why);
    if (!e)
        e = check_memo(j, memo, why);
    if (e)
        return e;
    if (!run(j, BEGIN))
        return failed(j, why, what);
    e = commit(j, write_memo(j, memo, memo->entry.seq, &id), what, why);
    if (!e)
        memo->id = id;
    return e;
}

static bool column_name(char *out, size_t size, sqlite3_stmt *st, int column)
{
    int n = snprintf(out, size, "%s", (const char *)sqlite3_column_text(st, column));
    return n >= 0 && (size_t)n < size;
}

static enum err read_memo(struct journal *j, enum statement s, struct journal_memo *m, struct buf *buffer,
                          struct errmsg *why)
{
    sqlite3_stmt *st = j->st[s];
    enum err e = OK;
    int rc;
    buffer->size = 0;
    buffer->full = false;
    *m = (struct journal_memo){0};
    if (has_row(j, s, &rc)) {
        struct bytes reply = column_bytes(st, 10);
        m->id = (uint32_t)sqlite3_column_int64(st, 0);
        m->time_s = sqlite3_column_int64(st, 6);
        m->entry.seq = (uint32_t)sqlite3_column_int64(st, 7);
        m->entry.terminal = m->entry.seq ? j->terminal : 0;
        m->amount = sqlite3_column_int64(st, 8);
        m->open = sqlite3_column_int(st, 9) != 0;
        if (!column_name(m->door, sizeof m->door, st, 1) || !column_name(m->asker, sizeof m->asker, st, 2) ||
            !column_name(m->key, sizeof m->key, st, 3) || !column_name(m->what, sizeof m->what, st, 4) ||
            !column_hash(m->digest, st, 5))
            e = err_set(why, ERR_CORRUPT, "the answer to request %u was changed", m->id);
        buf_put(buffer, reply.data, reply.size);
        if (buffer->full)
            e = err_set(why, ERR_FULL, "the answer to request %u is too large (%zu bytes)", m->id, reply.size);
        m->reply = buf_bytes(buffer);
    } else {
        e = rc == SQLITE_DONE ? err_set(why, ERR_NOT_FOUND, "no such request was answered here")
                              : failed(j, why, "looking for an answer");
    }
    done(j, s);
    return e;
}

enum err journal_memo_find(struct journal *j, const char *door, const char *asker, const char *key,
                           struct journal_memo *out, struct buf *buffer, struct errmsg *why)
{
    enum statement s = key ? MEMO_FIND : MEMO_LAST;
    sqlite3_bind_text(j->st[s], 1, door, -1, SQLITE_STATIC);
    sqlite3_bind_text(j->st[s], 2, asker, -1, SQLITE_STATIC);
    if (key)
        sqlite3_bind_text(j->st[s], 3, key, -1, SQLITE_STATIC);
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
    return find(j, MEMO_NEXT, &id, NULL) ? 0 : id;
}

enum err journal_counted(struct journal *j, const uint8_t whole[32], struct entry_id *out,
                         struct errmsg *why)
{
    uint32_t seq = 0;
    sqlite3_bind_blob(j->st[COUNTED_FIND], 1, whole, COUNTED_SIZE, SQLITE_STATIC);
    enum err e = find(j, COUNTED_FIND, &seq, why);
    if (!e)
        *out = (struct entry_id){j->terminal, seq};
    return e;
}

bool journal_memo_is(struct journal *j, const char *door, const char *what)
{
    uint32_t id = 0;
    sqlite3_bind_text(j->st[MEMO_WHAT], 1, door, -1, SQLITE_STATIC);
    sqlite3_bind_text(j->st[MEMO_WHAT], 2, what, -1, SQLITE_STATIC);
    return find(j, MEMO_WHAT, &id, NULL) != ERR_NOT_FOUND;
}

enum err journal_memo_totals(struct journal *j, const char *door, const char *asker, int64_t from_s,
                             struct memo_total *out, int32_t cap, int32_t *count, struct errmsg *why)
{
    sqlite3_stmt *st = j->st[MEMO_TOTALS];
    int rc = SQLITE_ROW;
    *count = 0;
    sqlite3_bind_text(st, 1, door, -1, SQLITE_STATIC);
    sqlite3_bind_int64(st, 2, from_s);
    if (asker)
        sqlite3_bind_text(st, 3, asker, -1, SQLITE_STATIC);
    while (*count < cap && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct memo_total *m = &out[(*count)++];
        (void)column_name(m->what, sizeof m->what, st, 0);
        (void)column_name(m->asker, sizeof m->asker, st, 1);
        m->count = sqlite3_column_int64(st, 2);
        m->amount = sqlite3_column_int64(st, 3);
    }
    enum err e = rc == SQLITE_ROW || rc == SQLITE_DONE ? OK : failed(j, why, "adding up what was answered");
    done(j, MEMO_TOTALS);
    return e;
}

/* ---- an entry, and what is written with it ---- */

enum err journal_append(struct journal *j, const struct txn *t, struct bytes entry,
                        struct entry_id closes, struct errmsg *why)
{
    return journal_append_with(j, t, entry, closes, NULL, why);
}

enum err journal_append_with(struct journal *j, const struct txn *t, struct bytes entry,
                             struct entry_id closes, struct journal_memo *memo, struct errmsg *why)
{
    assert(t->id.terminal == j->terminal);
    assert(j->damaged_from || t->id.seq == journal_next_seq(j));
    assert(entry.size >= 1 && entry.size <= JOURNAL_ENTRY_MAX);
    assert(closes.terminal != j->terminal || closes.seq < t->id.seq);
    struct journal_receipt receipt = j->receipt;
    j->receipt.state = 0;
    enum err e = may_write(j, why);
    if (!e)
        e = check_ref(j, t, why);
    if (!e && memo)
        e = check_memo(j, memo, why);
    if (e)
        return e;
    uint32_t memo_id = 0;
    char what[48];
    snprintf(what, sizeof what, "appending %s %u", txn_kind_text(t->kind), t->id.seq);
    uint32_t own = closes.terminal == j->terminal ? closes.seq : 0;
    uint8_t hash[HASH_SIZE];
    chain(hash, j->last_hash, entry);
    if (!run(j, BEGIN))
        return failed(j, why, what);
    bool good = insert_entry(j, t, entry, own, hash) && keep_open_intents(j, t, own) && keep_acked(j) &&
                keep_receipt(j, &receipt, t->id.seq) &&
                (!memo || write_memo(j, memo, t->id.seq, &memo_id));
    e = commit(j, good, what, why);
    if (e)
        return e;
    if (memo) {
        memo->id = memo_id;
        memo->entry = t->id;
    }
    j->last = t->id.seq;
    memcpy(j->last_hash, hash, HASH_SIZE);
    j->acked_on_disk = j->acked;
    if (j->log_pages >= LOG_PAGES_MOST)
        (void)checkpoint(j, NULL); /* the entry is safe; a failing disk shows at the next one */
    return OK;
}

uint32_t journal_next_seq(const struct journal *j)
{
    return j->last + 1;
}

/* ---- reading ---- */

enum err journal_get(struct journal *j, uint32_t seq, struct buf *out, struct errmsg *why)
{
    uint8_t before[HASH_SIZE] = {0}, hash[HASH_SIZE], stored[HASH_SIZE];
    sqlite3_stmt *st = j->st[GET];
    enum err e = OK;
    int rc;
    out->size = 0;
    out->full = false;
    sqlite3_bind_int64(st, 1, seq);
    if (has_row(j, GET, &rc)) {
        struct bytes entry = column_bytes(st, 0);
        bool whole = column_hash(stored, st, 1) && (seq == 1 || column_hash(before, st, 2));
        chain(hash, before, entry);
        if (!whole || memcmp(hash, stored, HASH_SIZE) != 0)
            e = err_set(why, ERR_CORRUPT, "entry %u was changed after it was written", seq);
        else
            buf_put(out, entry.data, entry.size);
        if (out->full)
            e = err_set(why, ERR_FULL, "entry %u is too large (%zu bytes)", seq, entry.size);
    } else if (rc == SQLITE_DONE) {
        e = err_set(why, ERR_NOT_FOUND, "there is no entry %u", seq);
    } else {
        e = failed(j, why, "reading the journal");
        err_add(why, e, "entry %u cannot be read", seq);
    }
    done(j, GET);
    return e;
}

static enum err find_and_get(struct journal *j, enum statement s, struct buf *out, struct errmsg *why)
{
    uint32_t seq = 0;
    out->size = 0;
    enum err e = find(j, s, &seq, why);
    return e ? e : journal_get(j, seq, out, why);
}

enum err journal_find_ref(struct journal *j, const char *ref, struct buf *out, struct errmsg *why)
{
    sqlite3_bind_text(j->st[FIND_REF], 1, ref, -1, SQLITE_STATIC);
    enum err e = find_and_get(j, FIND_REF, out, why);
    return e == ERR_NOT_FOUND ? err_set(why, e, "no sale or refund has the reference %s", ref) : e;
}

enum err journal_find_about(struct journal *j, struct entry_id original, enum txn_kind kind, int32_t n,
                            struct buf *out, struct errmsg *why)
{
    assert(n >= 0);
    sqlite3_bind_int64(j->st[FIND_ABOUT], 1, original.seq);
    sqlite3_bind_int64(j->st[FIND_ABOUT], 2, original.terminal);
    sqlite3_bind_int(j->st[FIND_ABOUT], 3, n);
    sqlite3_bind_int(j->st[FIND_ABOUT], 4, (int)kind);
    enum err e = find_and_get(j, FIND_ABOUT, out, why);
    return e == ERR_NOT_FOUND ? err_set(why, e, "entry %u has no %s number %d", original.seq,
                                        txn_kind_text(kind), n + 1)
                              : e;
}

enum err journal_find_refund(struct journal *j, struct entry_id sale, int32_t n, struct buf *out,
                             struct errmsg *why)
{
    return journal_find_about(j, sale, TXN_REFUND, n, out, why);
}

enum err journal_find_join(struct journal *j, const struct card_uid *card, struct buf *out,
                           struct errmsg *why)
{
    bind_card(j->st[FIND_JOIN], 1, card);
    enum err e = find_and_get(j, FIND_JOIN, out, why);
    return e == ERR_NOT_FOUND ? err_set(why, e, "nobody joined with this card here") : e;
}

enum err journal_open_intent(struct journal *j, const struct card_uid *card, struct buf *out,
                             struct errmsg *why)
{
    if (card)
        bind_card(j->st[FIND_INTENT_OF], 1, card);
    enum err e = find_and_get(j, card ? FIND_INTENT_OF : FIND_INTENT, out, why);
    return e == ERR_NOT_FOUND ? err_set(why, e, "no intent is open") : e;
}

enum err journal_doubtful_intent(struct journal *j, const struct card_uid *card, struct buf *out,
                                 struct errmsg *why)
{
    bind_card(j->st[FIND_DOUBTFUL], 1, card);
    sqlite3_bind_int64(j->st[FIND_DOUBTFUL], 2, j->terminal);
    enum err e = find_and_get(j, FIND_DOUBTFUL, out, why);
    return e == ERR_NOT_FOUND ? err_set(why, e, "no intent of this card was left in doubt") : e;
}

/* A sum over nothing is NULL, which SQLite reads as 0. */
static int64_t sum(struct journal *j, enum statement s, int64_t when_unreadable)
{
    int rc;
    int64_t n = has_row(j, s, &rc) ? sqlite3_column_int64(j->st[s], 0) : when_unreadable;
    done(j, s);
    return n;
}

struct points journal_offline_redeemed(struct journal *j, const struct card_uid *card, int32_t day)
{
    sqlite3_stmt *st = j->st[OFFLINE_REDEEMED];
    bind_card(st, 1, card);
    sqlite3_bind_int(st, 2, day);
    sqlite3_bind_int64(st, 3, j->acked);
    sqlite3_bind_int64(st, 4, j->terminal);
    return points_of(sum(j, OFFLINE_REDEEMED, INT64_MAX));
}

struct points journal_earned(struct journal *j, const struct card_uid *card, member_id member,
                             int32_t day, uint32_t before_seq)
{
    bind_card(j->st[EARNED], 1, card);
    sqlite3_bind_int(j->st[EARNED], 2, day);
    sqlite3_bind_int64(j->st[EARNED], 3, before_seq ? before_seq : INT64_MAX);
    bind_member(j->st[EARNED], 4, member);
    return points_of(sum(j, EARNED, 0));
}

struct points journal_pending(struct journal *j, const struct card_uid *card, member_id member)
{
    bind_card(j->st[PENDING], 1, card);
    sqlite3_bind_int64(j->st[PENDING], 2, j->acked);
    bind_member(j->st[PENDING], 3, member);
    return points_of(sum(j, PENDING, 0));
}

struct points journal_granted(struct journal *j, uint32_t cashier, int32_t day)
{
    if (cashier == 0) {
        sqlite3_bind_int(j->st[GIVEN], 1, day);
        return points_of(sum(j, GIVEN, INT64_MAX));
    }
    bind_seq(j->st[GRANTED], 1, cashier);
    sqlite3_bind_int(j->st[GRANTED], 2, day);
    return points_of(sum(j, GRANTED, INT64_MAX));
}

enum err journal_hash(struct journal *j, uint32_t seq, uint8_t hash[32], struct errmsg *why)
{
    memset(hash, 0, HASH_SIZE);
    if (seq == 0)
        return OK;
    sqlite3_bind_int64(j->st[HASH], 1, seq);
    int rc;
    enum err e = OK;
    if (has_row(j, HASH, &rc)) {
        if (!column_hash(hash, j->st[HASH], 0))
            e = err_set(why, ERR_CORRUPT, "entry %u has no hash", seq);
    } else {
        e = rc == SQLITE_DONE ? err_set(why, ERR_NOT_FOUND, "there is no entry %u", seq)
                              : failed(j, why, "reading the journal");
    }
    done(j, HASH);
    return e;
}

uint32_t journal_acked(const struct journal *j)
{
    return j->acked;
}

enum err journal_set_acked(struct journal *j, uint32_t seq, struct errmsg *why)
{
    if (seq > j->last)
        return err_set(why, ERR_RANGE, "head office acknowledged entry %u, the last one is %u", seq,
                       j->last);
    if (seq > j->acked)
        j->acked = seq; /* written with the next append, or by journal_idle */
    return OK;
}

static enum err verify_tables(struct journal *j, struct errmsg *why)
{
    int rc;
    int64_t wrong = pragma_number(
        j,
        "WITH should (seq, card) AS (SELECT seq, card FROM entry WHERE kind = 2"
        " EXCEPT SELECT i.seq, i.card FROM entry c JOIN entry i ON i.seq = c.closes)"
        "SELECT count(*) FROM (SELECT * FROM (SELECT * FROM should EXCEPT SELECT * FROM open_intent)"
        " UNION ALL SELECT * FROM (SELECT * FROM open_intent EXCEPT SELECT * FROM should))",
        &rc);
    if (rc != SQLITE_OK)
        return failed(j, why, "checking the open intents");
    if (wrong)
        return err_set(why, ERR_CORRUPT, "%d open intents do not follow from the entries", (int)wrong);
    sqlite3_stmt *st = NULL;
    enum err e = OK;
    if (sqlite3_prepare_v2(j->db, "PRAGMA integrity_check(1)", -1, &st, NULL) != SQLITE_OK ||
        sqlite3_step(st) != SQLITE_ROW)
        e = failed(j, why, "checking the journal's structure");
    else if (strcmp((const char *)sqlite3_column_text(st, 0), "ok") != 0)
        e = err_set(why, ERR_CORRUPT, "the journal's structure: %s", sqlite3_column_text(st, 0));
    sqlite3_finalize(st);
    return e;
}

enum err journal_verify(struct journal *j, uint32_t *count, struct errmsg *why)
{
    *count = 0;
    enum err e = walk(j, 0, UINT32_MAX, count, why);
    return e ? e : verify_tables(j, why);
}

/* ---- receipts ---- */

void journal_with_receipt(struct journal *j, const struct journal_receipt *r)
{
    j->receipt = *r;
}

static enum err receipts_writable(struct journal *j, struct errmsg *why)
{
    return j->damaged_from > j->acked || j->sync_failed ? err_set(why, ERR_IO, "the journal takes nothing") : OK;
}

enum err journal_receipts_start(struct journal *j, const char *boot, struct errmsg *why)
{
    enum err e = receipts_writable(j, why);
    if (e)
        return e;
    begin_unsynced(j);
    sqlite3_bind_text(j->st[RECEIPTS_START], 1, boot, -1, SQLITE_STATIC);
    return end_unsynced(j, run(j, RECEIPTS_START), why, "looking through the receipts");
}

void journal_receipts_end(struct journal *j)
{
    if (receipts_writable(j, NULL))
        return;
    begin_unsynced(j);
    (void)!end_unsynced(j, run(j, RECEIPTS_END), NULL, "putting the receipts aside");
}

static void text_column(char *out, size_t size, sqlite3_stmt *st, int column)
{
    const char *text = (const char *)sqlite3_column_text(st, column);
    snprintf(out, size, "%s", text ? text : "");
}

static enum err read_receipt(struct journal *j, enum statement s, struct journal_receipt *out,
                             struct errmsg *why)
{
    int rc;
    enum err e = OK;
    sqlite3_stmt *st = j->st[s];
    *out = (struct journal_receipt){0};
    if (has_row(j, s, &rc)) {
        out->seq = (uint32_t)sqlite3_column_int64(st, 0);
        out->state = (enum receipt_state)sqlite3_column_int(st, 1);
        text_column(out->boot, sizeof out->boot, st, 2);
        out->balance = points_of(sqlite3_column_int64(st, 3));
        out->purse = points_of(sqlite3_column_int64(st, 4));
        out->expiring = points_of(sqlite3_column_int64(st, 5));
        out->expiring_day = sqlite3_column_int(st, 6);
        text_column(out->why, sizeof out->why, st, 7);
        text_column(out->language, sizeof out->language, st, 8);
    } else {
        e = rc == SQLITE_DONE ? err_set(why, ERR_NOT_FOUND, "no such receipt is kept")
                              : failed(j, why, "reading the receipts");
    }
    done(j, s);
    return e;
}

enum err journal_receipt_next(struct journal *j, struct journal_receipt *out, struct errmsg *why)
{
    return read_receipt(j, RECEIPT_NEXT, out, why);
}

enum err journal_receipt_get(struct journal *j, uint32_t seq, struct journal_receipt *out,
                             struct errmsg *why)
{
    sqlite3_bind_int64(j->st[RECEIPT_GET], 1, seq);
    return read_receipt(j, RECEIPT_GET, out, why);
}

uint32_t journal_receipts_waiting(struct journal *j)
{
    return (uint32_t)sum(j, RECEIPTS_WAITING_COUNT, 0);
}

enum err journal_receipt_put(struct journal *j, const struct journal_receipt *r, struct errmsg *why)
{
    enum err e = receipts_writable(j, why);
    if (e)
        return e;
    if (r->state == RECEIPT_BEGUN)
        return put_receipt(j, r) ? OK : failed(j, why, "queueing a receipt");
    begin_unsynced(j);
    return end_unsynced(j, put_receipt(j, r), why, "queueing a receipt");
}

static bool set_receipt(struct journal *j, uint32_t seq, enum receipt_state state)
{
    sqlite3_bind_int64(j->st[RECEIPT_SET], 1, seq);
    sqlite3_bind_int(j->st[RECEIPT_SET], 2, (int)state);
    if (!run(j, RECEIPT_SET))
        return false;
    if (state != RECEIPT_PRINTED || seq <= RECEIPTS_KEPT)
        return true;
    sqlite3_bind_int64(j->st[RECEIPT_FORGET], 1, seq - RECEIPTS_KEPT);
    return run(j, RECEIPT_FORGET);
}

enum err journal_receipt_set(struct journal *j, const struct journal_receipt *r, enum receipt_state state,
                             struct errmsg *why)
{
    enum err e = receipts_writable(j, why);
    if (e)
        return e;
    if (state == RECEIPT_BEGUN && r->state != RECEIPT_PROMISED)
        return set_receipt(j, r->seq, state) ? OK : failed(j, why, "noting that a receipt is printed");
    begin_unsynced(j);
    return end_unsynced(j, set_receipt(j, r->seq, state), why, "noting what became of a receipt");
}

enum err journal_check_some(struct journal *j, uint32_t count, struct errmsg *why)
{
    if (j->damaged_from || j->checked >= j->last)
        return OK;
    enum err e = walk(j, j->checked, count, &j->checked, why);
    if (e != ERR_CORRUPT)
        return e;
    j->damaged_from = j->checked + 1;
    return err_add(why, e, "the journal is damaged from entry %u on", j->damaged_from);
}

uint32_t journal_checked(const struct journal *j)
{
    return j->checked;
}

uint32_t journal_damaged_from(const struct journal *j)
{
    return j->damaged_from;
}

/* What the kernel holds of a failed fsync is not to be trusted: read again what the disk has. */
static enum err open_again(struct journal *j, struct errmsg *why)
{
    for (int s = 0; s < STATEMENT_COUNT; s++) {
        sqlite3_finalize(j->st[s]);
        j->st[s] = NULL;
    }
    sqlite3_close(j->db);
    j->db = NULL;
    enum err e = open_database(j, j->path, j->terminal, why);
    if (!e)
        e = read_state(j, j->terminal, why);
    if (!e)
        e = check_end(j, why);
    return e;
}

enum err journal_recover(struct journal *j, struct errmsg *why)
{
    if (j->damaged_from > j->acked)
        return err_set(why, ERR_CORRUPT, "the journal is damaged from entry %u on", j->damaged_from);
    enum err e = j->sync_failed ? open_again(j, why) : OK;
    if (!e)
        j->sync_failed = false;
    return e ? e : count_opened(j, why);
}

/* ---- settings and hot list ---- */

enum err journal_load(struct journal *j, const char *name, struct buf *out, struct errmsg *why)
{
    int rc;
    enum err e = OK;
    out->size = 0;
    out->full = false;
    sqlite3_bind_text(j->st[LOAD], 1, name, -1, SQLITE_STATIC);
    if (has_row(j, LOAD, &rc)) {
        struct bytes value = column_bytes(j->st[LOAD], 0);
        buf_put(out, value.data, value.size);
        if (out->full)
            e = err_set(why, ERR_FULL, "the setting %s is too large (%zu bytes)", name, value.size);
    } else {
        e = rc == SQLITE_DONE ? err_set(why, ERR_NOT_FOUND, "there is no setting %s", name)
                              : failed(j, why, "reading a setting");
    }
    done(j, LOAD);
    return e;
}

enum err journal_save(struct journal *j, const char *name, struct bytes value, struct errmsg *why)
{
    sqlite3_bind_text(j->st[SAVE], 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_blob(j->st[SAVE], 2, value.size ? (const void *)value.data : "", (int)value.size,
                      SQLITE_STATIC);
    return run(j, SAVE) ? OK : failed(j, why, "saving a setting");
}

enum err journal_tell(struct journal *j, struct bytes shown, int64_t time_s, struct bytes value,
                      struct errmsg *why)
{
    begin_unsynced(j);
    sqlite3_bind_blob(j->st[TELL], 1, shown.data, (int)shown.size, SQLITE_STATIC);
    sqlite3_bind_int64(j->st[TELL], 2, time_s);
    sqlite3_bind_blob(j->st[TELL], 3, value.size ? (const void *)value.data : "", (int)value.size,
                      SQLITE_STATIC);
    return end_unsynced(j, run(j, TELL), why, "noting what head office told");
}

enum err journal_told(struct journal *j, struct bytes shown, int64_t *time_s, struct buf *out,
                      struct errmsg *why)
{
    int rc;
    enum err e = OK;
    out->size = 0;
    out->full = false;
    sqlite3_bind_blob(j->st[TOLD], 1, shown.data, (int)shown.size, SQLITE_STATIC);
    if (has_row(j, TOLD, &rc)) {
        struct bytes value = column_bytes(j->st[TOLD], 1);
        *time_s = sqlite3_column_int64(j->st[TOLD], 0);
        buf_put(out, value.data, value.size);
        if (out->full)
            e = err_set(why, ERR_FULL, "what head office told is too large (%zu bytes)", value.size);
    } else {
        e = rc == SQLITE_DONE ? err_set(why, ERR_NOT_FOUND, "head office told nothing of this")
                              : failed(j, why, "reading what head office told");
    }
    done(j, TOLD);
    return e;
}

/* ---- staff ---- */

uint32_t journal_staff_version(struct journal *j)
{
    uint8_t raw[4];
    struct buf b = BUF_ON(raw);
    struct errmsg why;
    return journal_load(j, "staff", &b, &why) == OK && b.size == sizeof raw
               ? (uint32_t)get_le(raw, sizeof raw)
               : 0;
}

static bool set_one(struct journal *j, const struct staff *p)
{
    enum statement s = p->role == STAFF_GONE ? STAFF_REMOVE : STAFF_SET;
    sqlite3_stmt *st = j->st[s];
    sqlite3_bind_int64(st, 1, p->id);
    if (s == STAFF_SET) {
        sqlite3_bind_text(st, 2, p->name, -1, SQLITE_STATIC);
        sqlite3_bind_int(st, 3, (int)p->role);
        sqlite3_bind_text(st, 4, p->language, -1, SQLITE_STATIC);
        sqlite3_bind_blob(st, 5, p->pin.salt, sizeof p->pin.salt, SQLITE_STATIC);
        sqlite3_bind_blob(st, 6, p->pin.hash, sizeof p->pin.hash, SQLITE_STATIC);
        bind_card(st, 7, &p->badge);
        sqlite3_bind_int64(st, 8, points_n(p->grant_limit));
        sqlite3_bind_int64(st, 9, points_n(p->grant_day_limit));
    }
    return run(j, s);
}

enum err journal_set_staff(struct journal *j, const struct staff *changes, int32_t count,
                           uint32_t version, struct errmsg *why)
{
    uint8_t raw[4];
    put_le(raw, version, sizeof raw);
    begin_unsynced(j);
    bool good = run(j, BEGIN);
    for (int32_t i = 0; i < count && good; i++)
        good = set_one(j, &changes[i]);
    good = good && journal_save(j, "staff", bytes_of(raw, sizeof raw), why) == OK && run(j, COMMIT);
    enum err e = good ? OK : failed(j, why, "writing who works here"), ended;
    if (!good)
        (void)run(j, ROLLBACK);
    ended = end_unsynced(j, true, why, "writing who works here");
    return e ? e : ended;
}

int32_t journal_staff_count(struct journal *j)
{
    int rc;
    int32_t count = has_row(j, STAFF_COUNT, &rc) ? sqlite3_column_int(j->st[STAFF_COUNT], 0) : 0;
    done(j, STAFF_COUNT);
    return count;
}

static void column_fixed(void *out, size_t size, sqlite3_stmt *st, int column)
{
    struct bytes b = column_bytes(st, column);
    memset(out, 0, size);
    if (b.size == size)
        memcpy(out, b.data, size);
}

static enum err find_staff(struct journal *j, enum statement s, struct staff *out, struct errmsg *why)
{
    int rc;
    enum err e = OK;
    sqlite3_stmt *st = j->st[s];
    memset(out, 0, sizeof *out);
    if (has_row(j, s, &rc)) {
        out->id = (uint32_t)sqlite3_column_int64(st, 0);
        snprintf(out->name, sizeof out->name, "%s", (const char *)sqlite3_column_text(st, 1));
        out->role = (enum staff_role)sqlite3_column_int(st, 2);
        snprintf(out->language, sizeof out->language, "%s", (const char *)sqlite3_column_text(st, 3));
        column_fixed(out->pin.salt, sizeof out->pin.salt, st, 4);
        column_fixed(out->pin.hash, sizeof out->pin.hash, st, 5);
        column_fixed(out->badge.b, sizeof out->badge.b, st, 6);
        out->grant_limit = points_of(sqlite3_column_int64(st, 7));
        out->grant_day_limit = points_of(sqlite3_column_int64(st, 8));
    } else {
        e = rc == SQLITE_DONE ? err_set(why, ERR_NOT_FOUND, "nobody of that number or badge works here")
                              : failed(j, why, "reading who works here");
    }
    done(j, s);
    return e;
}

enum err journal_staff(struct journal *j, uint32_t id, struct staff *out, struct errmsg *why)
{
    sqlite3_bind_int64(j->st[STAFF], 1, id);
    return find_staff(j, STAFF, out, why);
}

enum err journal_staff_by_badge(struct journal *j, const struct card_uid *badge, struct staff *out,
                                struct errmsg *why)
{
    assert(uid_is(badge));
    bind_card(j->st[STAFF_BADGE], 1, badge);
    return find_staff(j, STAFF_BADGE, out, why);
}

enum card_status journal_card_status(struct journal *j, const struct card_uid *card)
{
    int rc;
    enum card_status status = CARD_BLOCKED;
    bind_card(j->st[STATUS], 1, card);
    if (has_row(j, STATUS, &rc))
        status = (enum card_status)sqlite3_column_int(j->st[STATUS], 0);
    else if (rc == SQLITE_DONE)
        status = CARD_ACTIVE;
    done(j, STATUS);
    return status;
}

enum err journal_set_card_status(struct journal *j, const struct card_uid *card,
                                 enum card_status status, struct errmsg *why)
{
    assert(uid_is(card));
    enum statement s = status == CARD_ACTIVE ? CLEAR_STATUS : SET_STATUS;
    begin_unsynced(j);
    bind_card(j->st[s], 1, card);
    if (s == SET_STATUS)
        sqlite3_bind_int(j->st[s], 2, (int)status);
    return end_unsynced(j, run(j, s), why, "writing the hot list");
}
