/* journal.c - the till's journal on SQLite: see journal.h, and till.sql for the tables.  Here it is opened,
 * appended to, read by number and checked; journal_find.c, _memos.c, _receipts.c and _lists.c do the rest.
 *
 * Where the fsyncs are.  A commit in WAL mode with synchronous=FULL is one fsync of the log, with two
 * exceptions that we move out of the sale path:
 *   - a checkpoint copies the log into the database (fsync of the log, of the database): only journal_idle
 *     does it, auto-checkpoints are off; LOG_PAGES_MOST is the brake for a till that is never idle;
 *   - the first commit after a checkpoint starts the log anew and syncs its header as well: so opening and
 *     journal_idle make that commit themselves, by counting state.opened.
 *
 * A log whose bits were flipped ends before them, without a word: SQLite takes it for a commit that was never
 * finished.  So the number of the last entry stands in PATH.lock too, written after the entry is on disk and never
 * synced: it may be behind the journal, and when it is ahead, entries are gone.
 * SPDX-License-Identifier: Apache-2.0 */
#include "db/journal_inside.h"

#include "base/crash.h"
#include "base/date.h"
#include "base/mbed.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

extern const char db_till_sql[], db_till_from_1_sql[], db_till_from_1_copy_sql[];

enum {
    SCHEMA_VERSION = 2,
    APPLICATION_ID = 0x5054524E,
    TAIL_CHECKED = 32,      /* entries at the end of the chain that opening checks */
    LOG_PAGES_IDLE = 256,   /* 1 MB of log: journal_idle checkpoints */
    LOG_PAGES_MOST = 20000, /* 80 MB: append checkpoints, or the disk would fill */
    BUSY_MS = 1000          /* someone else reads with a shell */
};
#define SETTINGS                                                                                    \
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;"            \
    "PRAGMA cell_size_check = ON"

/* ---- helpers ---- */

/* The same as sync/wire.h's wire_chain, which db may not include. */
static void chain(uint8_t next[HASH_SIZE], const uint8_t previous[HASH_SIZE], struct bytes entry)
{
    mbed_sha256_two(next, bytes_of(previous, HASH_SIZE), entry);
}

/* The database's error as ours; the sentence starts with what was tried. */
enum err journal_failed(struct journal *j, struct errmsg *why, const char *what)
{
    int rc = sqlite3_extended_errcode(j->db);
    const char *file = j->path;
    if (rc == SQLITE_IOERR_FSYNC || rc == SQLITE_IOERR_DIR_FSYNC)
        j->sync_failed = true;
    switch (rc & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        j->spoilt = true;
        return err_set(why, ERR_CORRUPT, "%s: %s: %s", what, file, sqlite3_errmsg(j->db));
    case SQLITE_FULL:
        return err_set(why, ERR_IO, "%s: the disk is full (%s); make room and try again", what, file);
    case SQLITE_BUSY:
        return err_set(why, ERR_IO, "%s: another program is writing to %s", what, file);
    default:
        return err_set(why, ERR_IO, "%s: %s: %s", what, file, sqlite3_errmsg(j->db));
    }
}

/* The same of an entry that is read by its number: the others are none the worse for it. */
static enum err entry_failed(struct journal *j, struct errmsg *why, uint32_t seq)
{
    bool spoilt = j->spoilt;
    enum err e = journal_failed(j, why, "reading the journal");
    j->spoilt = spoilt;
    return err_add(why, e, "entry %u cannot be read", seq);
}

enum err journal_row(struct journal *j, enum statement s, struct errmsg *why, const char *what)
{
    int rc = sqlite3_step(j->st[s]);
    return rc == SQLITE_ROW ? OK : rc == SQLITE_DONE ? ERR_NOT_FOUND : journal_failed(j, why, what);
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

/* The number and its complement, so that a file of anything else says nothing. */
static void note_last(struct journal *j, uint32_t seq)
{
    uint8_t raw[8];
    put_le(raw, seq, 4);
    put_le(raw + 4, ~seq, 4);
    (void)!pwrite(j->lock, raw, sizeof raw, 0); /* on a full disk the older number stays */
}

static uint32_t noted_last(const struct journal *j)
{
    uint8_t raw[8];
    if (pread(j->lock, raw, sizeof raw, 0) != (ssize_t)sizeof raw)
        return 0;
    uint32_t seq = (uint32_t)get_le(raw, 4);
    return (uint32_t)get_le(raw + 4, 4) == (uint32_t)~seq ? seq : 0;
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
        return journal_failed(j, why, "making the journal");
    return OK;
}

/* Entry bytes, hashes and numbers are copied; the file is either all of the old version or all of today's. */
static enum err upgrade(struct journal *j, struct errmsg *why)
{
    const char *const steps[] = {"BEGIN IMMEDIATE", db_till_from_1_sql, db_till_sql,
                                 db_till_from_1_copy_sql, "COMMIT"};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (sqlite3_exec(j->db, steps[i], NULL, NULL, NULL) != SQLITE_OK) {
            enum err e = journal_failed(j, why, "bringing the journal to this version");
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
        return journal_failed(j, why, "opening the journal");
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

/* Settings hold what enrolled this till, so the file is its owner's alone; SQLite gives the log the same
 * rights. */
static enum err make_file(const char *path, struct errmsg *why)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(why, ERR_IO, "%s: %s", path, strerror(errno));
    close(fd);
    return OK;
}

static enum err open_database(struct journal *j, bool alone, struct errmsg *why)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if (sqlite3_open_v2(j->path, &j->db, flags, NULL) != SQLITE_OK)
        return err_set(why, ERR_IO, "%s: %s", j->path, j->db ? sqlite3_errmsg(j->db) : "no memory");
    sqlite3_busy_timeout(j->db, BUSY_MS);
    if (sqlite3_exec(j->db,
                     alone ? "PRAGMA locking_mode = EXCLUSIVE; " SETTINGS : SETTINGS, NULL, NULL, NULL) != SQLITE_OK) {
        if ((sqlite3_errcode(j->db) & 0xff) == SQLITE_NOTADB)
            return err_set(why, ERR_FORMAT, "%s is not a till's journal", j->path);
        return journal_failed(j, why, "opening the journal");
    }
    sqlite3_wal_hook(j->db, on_commit, j); /* takes the place of auto-checkpoints */
    enum err e = check_format(j, j->path, j->terminal, why);
    for (int s = 0; e == OK && s < STATEMENT_COUNT; s++)
        if (sqlite3_prepare_v3(j->db, journal_sql[s], -1, SQLITE_PREPARE_PERSISTENT, &j->st[s], NULL) !=
            SQLITE_OK)
            e = journal_failed(j, why, journal_sql[s]);
    return e;
}

static void close_database(struct journal *j)
{
    for (int s = 0; s < STATEMENT_COUNT; s++) {
        sqlite3_finalize(j->st[s]);
        j->st[s] = NULL;
    }
    sqlite3_close(j->db); /* checkpoints and removes the log */
    j->db = NULL;
}

/* On a full disk there is no room for the index of the log, which it shares with who looks at it by a shell: alone
 * it needs none, and what is owed can be read. */
static enum err open_or_read(struct journal *j, struct errmsg *why)
{
    enum err e = open_database(j, false, why);
    if (e != ERR_IO)
        return e;
    close_database(j);
    j->full = true;
    return open_database(j, true, NULL) ? e : OK;
}

static enum err read_state(struct journal *j, uint32_t terminal, struct errmsg *why)
{
    int64_t owner = 0;
    enum err e = journal_row(j, STATE, why, "reading the journal's state");
    if (!e) {
        owner = sqlite3_column_int64(j->st[STATE], 0);
        j->acked = j->acked_on_disk = (uint32_t)sqlite3_column_int64(j->st[STATE], 1);
    }
    done(j, STATE);
    if (e == ERR_NOT_FOUND) {
        j->spoilt = true;
        e = err_set(why, ERR_CORRUPT, "the journal's state is missing");
    }
    if (e)
        return e;
    if (owner != terminal)
        return err_set(why, ERR_CONFLICT, "the journal %s belongs to terminal %d, not to %u",
                       j->path, (int)owner, terminal);
    return OK;
}

/* Walk the chain after the entry `from`; stops at the first that is wrong.  sound: the last good one. */
static enum err walk(struct journal *j, uint32_t from, uint32_t most, uint32_t *sound,
                     struct errmsg *why)
{
    uint8_t hash[HASH_SIZE], stored[HASH_SIZE];
    *sound = from;
    enum err e = journal_hash(j, from, hash, why);
    if (e)
        return e;
    sqlite3_bind_int64(j->st[WALK], 1, from);
    int rc = SQLITE_DONE;
    while (e == OK && *sound - from < most && (rc = sqlite3_step(j->st[WALK])) == SQLITE_ROW) {
        int64_t seq = sqlite3_column_int64(j->st[WALK], 0);
        chain(hash, hash, column_bytes(j->st[WALK], 1));
        if (seq != (int64_t)*sound + 1)
            e = err_set(why, ERR_CORRUPT, "entry %u is missing", *sound + 1);
        else if (!column_hash(stored, j->st[WALK], 2) || memcmp(hash, stored, HASH_SIZE) != 0)
            e = err_set(why, ERR_CORRUPT, "entry %u was changed after it was written", *sound + 1);
        else
            *sound = (uint32_t)seq;
    }
    if (e == OK && rc != SQLITE_DONE && rc != SQLITE_ROW)
        e = entry_failed(j, why, *sound + 1);
    if (e == OK && rc == SQLITE_DONE && *sound < j->last && *sound - from < most)
        e = err_set(why, ERR_CORRUPT, "entry %u is missing", *sound + 1);
    done(j, WALK);
    return e;
}

/* An entry is wrong.  What head office has can be wrong here without harm; what is owed ends before it. */
static void damaged(struct journal *j, uint32_t seq)
{
    bool owed = seq > j->acked, known_owed = j->damaged_from > j->acked;
    if (!j->damaged_from || (owed && (!known_owed || seq < j->damaged_from)))
        j->damaged_from = seq;
    j->stopped |= owed;
}

/* The end of the chain is wrong, first at seq: how far is what is owed sound?  last_known: is j->last? */
static enum err find_damage(struct journal *j, uint32_t seq, bool last_known, struct errmsg *why)
{
    struct errmsg owed = {""};
    uint32_t sound = j->acked;
    if (last_known && j->acked > j->last) { /* acknowledged, and gone: their numbers must not be given again */
        j->damaged_from = j->last + 1;
        j->stopped = true;
    } else if (walk(j, j->acked, UINT32_MAX, &sound, &owed) || !last_known) {
        if (!last_known)
            j->last = sound;
        damaged(j, sound + 1);
        if (owed.text[0] && why)
            *why = owed;
    } else if (last_known && noted_last(j) > j->last) { /* told to customers, perhaps not to head office */
        j->damaged_from = j->last + 1;
        j->stopped = true;
    } else {
        damaged(j, seq);
    }
    return err_add(why, ERR_CORRUPT, "the journal is damaged from entry %u on; what is before it can be read",
                   j->damaged_from);
}

/* Only the end of the chain, so that a long journal opens as fast as a short one. */
static enum err check_end(struct journal *j, struct errmsg *why)
{
    bool last_known = true;
    uint32_t sound = 0;
    j->last = 0;
    enum err e = journal_row(j, LAST, why, "reading the end of the journal");
    if (e == ERR_NOT_FOUND) { /* it is new */
        e = OK;
    } else if (!e) {
        j->last = (uint32_t)sqlite3_column_int64(j->st[LAST], 0);
        if (!column_hash(j->last_hash, j->st[LAST], 1))
            e = err_set(why, ERR_CORRUPT, "entry %u has no hash", j->last);
    } else {
        last_known = false;
    }
    done(j, LAST);
    if (e == OK)
        e = walk(j, j->last > TAIL_CHECKED ? j->last - TAIL_CHECKED : 0, UINT32_MAX, &sound, why);
    if (e == OK && j->acked > j->last)
        e = err_set(why, ERR_CORRUPT, "head office acknowledged entry %u, the journal ends at %u",
                    j->acked, j->last);
    if (e == OK && noted_last(j) > j->last)
        e = err_set(why, ERR_CORRUPT, "entry %u was written, the journal ends at %u: the disk lost the rest, or an "
                                      "old copy was put back", noted_last(j), j->last);
    return e == ERR_CORRUPT ? find_damage(j, sound + 1, last_known, why) : e;
}

/* The commit that pays for a fresh log's header: see the top of this file. */
static enum err count_opened(struct journal *j, struct errmsg *why)
{
    sqlite3_bind_int64(j->st[COUNT_OPENED], 1, j->acked);
    if (!run(j, COUNT_OPENED))
        return journal_failed(j, why, "writing to the journal");
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
    j->terminal = terminal;
    j->path = strdup(path);
    if (!j->path) {
        free(j);
        return err_set(why, ERR_IO, "no memory for the journal");
    }
    enum err e = take_lock(j, path, why);
    if (e == OK)
        e = make_file(path, why);
    if (e == OK)
        e = open_or_read(j, why);
    bool opened = e == OK; /* whatever of it is damaged, the entries that are sound can be read */
    if (e == OK)
        e = read_state(j, terminal, why);
    if (e == OK)
        e = check_end(j, why);
    else if (opened && e == ERR_CORRUPT)
        (void)check_end(j, NULL);
    if (e == OK && count_opened(j, why))
        j->full = true; /* it can be read and sent; journal_recover tries again */
    if (e == OK)
        note_last(j, j->last);
    if (e == OK || (e == ERR_CORRUPT && opened))
        *out = j;
    else
        journal_close(j);
    return e;
}

void journal_close(struct journal *j)
{
    if (!j)
        return;
    close_database(j);
    if (j->lock >= 0)
        close(j->lock);
    free(j->path);
    free(j);
}

/* ---- writing ---- */

static enum err checkpoint(struct journal *j, struct errmsg *why)
{
    int rc = sqlite3_wal_checkpoint_v2(j->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (rc != SQLITE_OK && rc != SQLITE_BUSY)
        return journal_failed(j, why, "moving the log into the journal");
    return count_opened(j, why);
}

/* Start a change that needs no fsync of its own; end_unsynced always follows.  No prepared statements:
 * this pragma acts when it is prepared. */
void journal_begin_unsynced(struct journal *j)
{
    (void)sqlite3_exec(j->db, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL);
}

enum err journal_end_unsynced(struct journal *j, bool good, struct errmsg *why, const char *what)
{
    enum err e = good ? OK : journal_failed(j, why, what);
    int rc = sqlite3_exec(j->db, "PRAGMA synchronous = FULL", NULL, NULL, NULL);
    if (rc != SQLITE_OK && e == OK)
        e = journal_failed(j, why, what);
    return e;
}

static bool keep_acked(struct journal *j)
{
    if (j->acked == j->acked_on_disk)
        return true;
    sqlite3_bind_int64(j->st[SET_ACKED], 1, j->acked);
    return run(j, SET_ACKED);
}

enum err journal_idle(struct journal *j, struct errmsg *why)
{
    if (journal_may_write(j, NULL))
        return OK;
    if (j->log_pages >= LOG_PAGES_IDLE)
        return checkpoint(j, why);
    if (j->acked == j->acked_on_disk)
        return OK;
    journal_begin_unsynced(j);
    enum err e = journal_end_unsynced(j, keep_acked(j), why, "noting what head office has");
    if (e == OK)
        j->acked_on_disk = j->acked;
    return e;
}

enum err journal_may_write(const struct journal *j, struct errmsg *why)
{
    if (j->stopped)
        return err_set(why, ERR_CORRUPT, "the journal is damaged from entry %u on: nothing is added",
                       j->damaged_from);
    if (j->spoilt)
        return err_set(why, ERR_CORRUPT, "the journal's file %s is damaged: nothing is added", j->path);
    if (j->full)
        return err_set(why, ERR_IO, "nothing can be written to %s: make room on its disk", j->path);
    if (j->sync_failed)
        return err_set(why, ERR_IO, "the disk failed to store an earlier entry: check the disk, "
                                    "then start the till again");
    return OK;
}

enum err journal_commit(struct journal *j, bool good, struct errmsg *why, const char *what)
{
    crash_point("journal-before-commit");
    if (!good || !run(j, COMMIT)) {
        enum err e = journal_failed(j, why, what);
        if (!sqlite3_get_autocommit(j->db))
            (void)run(j, ROLLBACK);
        return e;
    }
    crash_point("journal-after-commit");
    return OK;
}

/* ---- an entry, and what is written with it ---- */

static bool insert_entry(struct journal *j, const struct txn *t, struct bytes entry, uint32_t closes,
                         const uint8_t hash[HASH_SIZE])
{
    sqlite3_stmt *st = j->st[APPEND];
    sqlite3_bind_int64(st, 1, t->id.seq);
    sqlite3_bind_int(st, 2, (int)t->kind);
    sqlite3_bind_int(st, 3, day_of_time(t->time_s));
    bind_card(st, 4, &t->card);
    if (t->ref[0])
        bind_text(st, 5, t->ref);
    sqlite3_bind_int64(st, 6, points_n(t->points));
    sqlite3_bind_int64(st, 7, points_n(t->redeemed));
    sqlite3_bind_int(st, 8, (int)t->commit);
    if (entry_is(t->original)) {
        sqlite3_bind_int64(st, 9, t->original.terminal);
        sqlite3_bind_int64(st, 10, t->original.seq);
    }
    bind_seq(st, 11, closes);
    bind_bytes(st, 12, bytes_of(hash, HASH_SIZE));
    bind_bytes(st, 13, entry);
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

static enum err check_ref(struct journal *j, const struct txn *t, struct errmsg *why)
{
    if (!t->ref[0] || (t->kind != TXN_SALE && t->kind != TXN_REFUND && t->kind != TXN_INTENT))
        return OK;
    uint32_t seq = 0;
    bind_text(j->st[FIND_REF], 1, t->ref);
    enum err e = journal_find_number(j, FIND_REF, &seq, why);
    if (e == OK)
        return err_set(why, ERR_EXISTS, "reference %s was closed by entry %u", t->ref, seq);
    return e == ERR_NOT_FOUND ? OK : e;
}

enum err journal_append(struct journal *j, const struct txn *t, struct bytes entry,
                        struct entry_id closes, struct errmsg *why)
{
    return journal_append_with(j, t, entry, closes, NULL, why);
}

enum err journal_append_with(struct journal *j, const struct txn *t, struct bytes entry,
                             struct entry_id closes, struct journal_memo *memo, struct errmsg *why)
{
    assert(t->id.terminal == j->terminal);
    assert(entry.size >= 1 && entry.size <= JOURNAL_ENTRY_MAX);
    assert(closes.terminal != j->terminal || closes.seq < t->id.seq);
    struct journal_receipt receipt = j->receipt;
    j->receipt.state = 0;
    if (j->full)
        (void)!journal_recover(j, NULL);
    enum err e = journal_may_write(j, why);
    assert(e || t->id.seq == journal_next_seq(j));
    if (!e)
        e = check_ref(j, t, why);
    if (!e && memo)
        e = journal_check_memo(j, memo, why);
    if (e)
        return e;
    uint32_t memo_id = 0;
    char what[48];
    snprintf(what, sizeof what, "appending %s %u", txn_kind_text(t->kind), t->id.seq);
    uint32_t own = closes.terminal == j->terminal ? closes.seq : 0;
    uint8_t hash[HASH_SIZE];
    chain(hash, j->last_hash, entry);
    if (!run(j, BEGIN))
        return journal_failed(j, why, what);
    bool good = insert_entry(j, t, entry, own, hash) && keep_open_intents(j, t, own) && keep_acked(j) &&
                journal_keep_receipt(j, &receipt, t->id.seq) &&
                (!memo || journal_write_memo(j, memo, t->id.seq, &memo_id));
    e = journal_commit(j, good, why, what);
    if (e)
        return e;
    if (memo) {
        memo->id = memo_id;
        memo->entry = t->id;
    }
    j->last = t->id.seq;
    memcpy(j->last_hash, hash, HASH_SIZE);
    note_last(j, j->last);
    j->acked_on_disk = j->acked;
    if (j->log_pages >= LOG_PAGES_MOST)
        (void)checkpoint(j, NULL); /* the entry is safe; a failing disk shows at the next one */
    return OK;
}

uint32_t journal_next_seq(const struct journal *j)
{
    return j->last + 1;
}

/* ---- reading by number ---- */

enum err journal_get(struct journal *j, uint32_t seq, struct buf *out, struct errmsg *why)
{
    uint8_t before[HASH_SIZE] = {0}, hash[HASH_SIZE], stored[HASH_SIZE];
    sqlite3_stmt *st = j->st[GET];
    empty(out);
    sqlite3_bind_int64(st, 1, seq);
    int rc = sqlite3_step(st);
    enum err e = OK;
    if (rc == SQLITE_DONE) {
        e = err_set(why, seq && seq <= j->last ? ERR_CORRUPT : ERR_NOT_FOUND, "there is no entry %u", seq);
    } else if (rc != SQLITE_ROW) {
        e = entry_failed(j, why, seq);
    } else {
        struct bytes entry = column_bytes(st, 0);
        bool whole = column_hash(stored, st, 1) && (seq == 1 || column_hash(before, st, 2));
        chain(hash, before, entry);
        if (!whole || memcmp(hash, stored, HASH_SIZE) != 0)
            e = err_set(why, ERR_CORRUPT, "entry %u was changed after it was written", seq);
        else
            buf_put(out, entry.data, entry.size);
        if (out->full)
            e = err_set(why, ERR_FULL, "entry %u is too large (%zu bytes)", seq, entry.size);
    }
    done(j, GET);
    if (e == ERR_CORRUPT)
        damaged(j, seq);
    return e;
}

enum err journal_hash(struct journal *j, uint32_t seq, uint8_t hash[32], struct errmsg *why)
{
    memset(hash, 0, HASH_SIZE);
    if (seq == 0)
        return OK;
    sqlite3_bind_int64(j->st[HASH], 1, seq);
    int rc = sqlite3_step(j->st[HASH]);
    enum err e = OK;
    if (rc == SQLITE_DONE)
        e = err_set(why, seq && seq <= j->last ? ERR_CORRUPT : ERR_NOT_FOUND, "there is no entry %u", seq);
    else if (rc != SQLITE_ROW)
        e = entry_failed(j, why, seq);
    else if (!column_hash(hash, j->st[HASH], 0))
        e = err_set(why, ERR_CORRUPT, "entry %u has no hash", seq);
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

/* ---- is it sound ---- */

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
        return journal_failed(j, why, "checking the open intents");
    if (wrong)
        return err_set(why, ERR_CORRUPT, "%d open intents do not follow from the entries", (int)wrong);
    sqlite3_stmt *st = NULL;
    enum err e = OK;
    if (sqlite3_prepare_v2(j->db, "PRAGMA integrity_check(1)", -1, &st, NULL) != SQLITE_OK ||
        sqlite3_step(st) != SQLITE_ROW)
        e = journal_failed(j, why, "checking the journal's structure");
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

enum err journal_check_some(struct journal *j, uint32_t count, struct errmsg *why)
{
    if (j->stopped || j->checked >= j->last)
        return OK;
    uint32_t from = j->checked;
    enum err e = walk(j, from, count, &j->checked, why);
    if (e != ERR_CORRUPT)
        return e;
    uint32_t seq = j->checked + 1;
    damaged(j, seq);
    if (!j->stopped && j->checked < j->acked)
        j->checked = j->acked; /* go on with what is owed */
    return err_add(why, e, "the journal is damaged from entry %u on", seq);
}

uint32_t journal_checked(const struct journal *j)
{
    return j->checked;
}

uint32_t journal_damaged_from(const struct journal *j)
{
    return j->damaged_from;
}

void journal_lacks(struct journal *j, uint32_t seq)
{
    note_last(j, seq); /* the next start knows it with the line cut */
    if (!j->stopped)
        j->damaged_from = j->last + 1;
    j->stopped = true;
}

/* Read again what is there.  After a failed fsync the kernel may show what the disk has not got, and a second fsync
 * may say nothing: so all of it is written once more, into the database, and that is synced. */
static enum err open_again(struct journal *j, struct errmsg *why)
{
    close_database(j);
    enum err e = open_or_read(j, why);
    if (!e)
        e = read_state(j, j->terminal, why);
    if (!e)
        e = check_end(j, why);
    return e;
}

enum err journal_recover(struct journal *j, struct errmsg *why)
{
    if (j->stopped || j->spoilt)
        return journal_may_write(j, why);
    bool was_full = j->full;
    uint32_t last = j->last;
    uint8_t last_hash[HASH_SIZE];
    memcpy(last_hash, j->last_hash, sizeof last_hash);
    j->full = false;
    enum err e = j->sync_failed || was_full ? open_again(j, why) : OK;
    if (!e && !j->full && j->sync_failed &&
        sqlite3_wal_checkpoint_v2(j->db, NULL, SQLITE_CHECKPOINT_FULL, NULL, NULL) != SQLITE_OK)
        e = journal_failed(j, why, "writing the journal again");
    if (!e && !j->full) {
        j->sync_failed = false;
        e = count_opened(j, why);
    }
    j->full |= was_full && e;
    if (e == ERR_IO) { /* the entry that failed may be read, but is not on disk: it has its number still to come */
        j->last = last;
        memcpy(j->last_hash, last_hash, sizeof last_hash);
    }
    return e ? e : journal_may_write(j, why);
}
