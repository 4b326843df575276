/* journal_receipts.c - what became of the paper of each sale: see journal.h, under receipts.
 * SPDX-License-Identifier: Apache-2.0 */
#include "db/journal_inside.h"

static bool put_receipt(struct journal *j, const struct journal_receipt *r)
{
    sqlite3_stmt *st = j->st[RECEIPT_PUT];
    sqlite3_bind_int64(st, 1, r->seq);
    sqlite3_bind_int(st, 2, (int)r->state);
    bind_text(st, 3, r->boot);
    sqlite3_bind_int64(st, 4, points_n(r->balance));
    sqlite3_bind_int64(st, 5, points_n(r->purse));
    sqlite3_bind_int64(st, 6, points_n(r->expiring));
    sqlite3_bind_int(st, 7, r->expiring_day);
    bind_text(st, 8, r->why);
    bind_text(st, 9, r->language);
    return run(j, RECEIPT_PUT);
}

bool journal_keep_receipt(struct journal *j, const struct journal_receipt *r, uint32_t seq)
{
    struct journal_receipt own = *r;
    own.seq = seq;
    return own.state == 0 || put_receipt(j, &own);
}

void journal_with_receipt(struct journal *j, const struct journal_receipt *r)
{
    j->receipt = *r;
}

static enum err receipts_writable(struct journal *j, struct errmsg *why)
{
    return journal_may_write(j, NULL) ? err_set(why, ERR_IO, "the journal takes nothing") : OK;
}

enum err journal_receipts_start(struct journal *j, const char *boot, struct errmsg *why)
{
    enum err e = receipts_writable(j, why);
    if (e)
        return e;
    journal_begin_unsynced(j);
    bind_text(j->st[RECEIPTS_START], 1, boot);
    return journal_end_unsynced(j, run(j, RECEIPTS_START), why, "looking through the receipts");
}

void journal_receipts_end(struct journal *j)
{
    if (receipts_writable(j, NULL))
        return;
    journal_begin_unsynced(j);
    (void)!journal_end_unsynced(j, run(j, RECEIPTS_END), NULL, "putting the receipts aside");
}

enum err journal_receipts_drop(struct journal *j, uint32_t *count, struct errmsg *why)
{
    *count = 0;
    enum err e = receipts_writable(j, why);
    if (e)
        return e;
    journal_begin_unsynced(j);
    bool good = run(j, RECEIPTS_DROP);
    uint32_t dropped = good ? (uint32_t)sqlite3_changes(j->db) : 0;
    e = journal_end_unsynced(j, good, why, "dropping the receipts that wait");
    if (!e)
        *count = dropped;
    return e;
}

static enum err read_receipt(struct journal *j, enum statement s, struct journal_receipt *out,
                             struct errmsg *why)
{
    sqlite3_stmt *st = j->st[s];
    *out = (struct journal_receipt){0};
    enum err e = journal_row(j, s, why, "reading the receipts");
    if (e == ERR_NOT_FOUND)
        err_set(why, e, "no such receipt is kept");
    if (!e) {
        out->seq = (uint32_t)sqlite3_column_int64(st, 0);
        out->state = (enum receipt_state)sqlite3_column_int(st, 1);
        (void)column_text(out->boot, sizeof out->boot, st, 2);
        out->balance = points_of(sqlite3_column_int64(st, 3));
        out->purse = points_of(sqlite3_column_int64(st, 4));
        out->expiring = points_of(sqlite3_column_int64(st, 5));
        out->expiring_day = sqlite3_column_int(st, 6);
        (void)column_text(out->why, sizeof out->why, st, 7);
        (void)column_text(out->language, sizeof out->language, st, 8);
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
    return (uint32_t)journal_sum(j, RECEIPTS_WAITING_COUNT, 0);
}

enum err journal_receipt_put(struct journal *j, const struct journal_receipt *r, struct errmsg *why)
{
    enum err e = receipts_writable(j, why);
    if (e)
        return e;
    if (r->state == RECEIPT_BEGUN)
        return put_receipt(j, r) ? OK : journal_failed(j, why, "queueing a receipt");
    journal_begin_unsynced(j);
    return journal_end_unsynced(j, put_receipt(j, r), why, "queueing a receipt");
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
        return set_receipt(j, r->seq, state) ? OK : journal_failed(j, why, "noting that a receipt is printed");
    journal_begin_unsynced(j);
    return journal_end_unsynced(j, set_receipt(j, r->seq, state), why, "noting what became of a receipt");
}
