/* journal_find.c - entries by what they say, and sums over them: see journal.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "db/journal_inside.h"

#include <assert.h>

enum err journal_find_number(struct journal *j, enum statement s, uint32_t *out, struct errmsg *why)
{
    enum err e = journal_row(j, s, why, "searching the journal");
    if (!e)
        *out = (uint32_t)sqlite3_column_int64(j->st[s], 0);
    done(j, s);
    return e;
}

static enum err find_and_get(struct journal *j, enum statement s, struct buf *out, struct errmsg *why)
{
    uint32_t seq = 0;
    out->size = 0;
    enum err e = journal_find_number(j, s, &seq, why);
    if (!e && seq > j->last)
        return ERR_NOT_FOUND; /* its fsync failed: it may be read and still not be on disk */
    return e ? e : journal_get(j, seq, out, why);
}

enum err journal_find_ref(struct journal *j, const char *ref, struct buf *out, struct errmsg *why)
{
    bind_text(j->st[FIND_REF], 1, ref);
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

/* ---- sums ---- */

/* A sum over nothing is NULL, which SQLite reads as 0. */
int64_t journal_sum(struct journal *j, enum statement s, int64_t when_unreadable)
{
    int64_t n = when_unreadable;
    if (journal_row(j, s, NULL, "adding up") == OK)
        n = sqlite3_column_int64(j->st[s], 0);
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
    return points_of(journal_sum(j, OFFLINE_REDEEMED, INT64_MAX));
}

struct points journal_earned(struct journal *j, const struct card_uid *card, member_id member,
                             int32_t from_day, int32_t to_day, uint32_t before_seq)
{
    bind_card(j->st[EARNED], 1, card);
    sqlite3_bind_int(j->st[EARNED], 2, from_day);
    sqlite3_bind_int(j->st[EARNED], 5, to_day);
    sqlite3_bind_int64(j->st[EARNED], 3, before_seq ? before_seq : INT64_MAX);
    bind_member(j->st[EARNED], 4, member);
    return points_of(journal_sum(j, EARNED, 0));
}

struct points journal_pending(struct journal *j, const struct card_uid *card, member_id member)
{
    bind_card(j->st[PENDING], 1, card);
    sqlite3_bind_int64(j->st[PENDING], 2, j->acked);
    bind_member(j->st[PENDING], 3, member);
    return points_of(journal_sum(j, PENDING, 0));
}

struct points journal_granted(struct journal *j, uint32_t cashier, int32_t day)
{
    if (cashier == 0) {
        sqlite3_bind_int(j->st[GIVEN], 1, day);
        return points_of(journal_sum(j, GIVEN, INT64_MAX));
    }
    bind_seq(j->st[GRANTED], 1, cashier);
    sqlite3_bind_int(j->st[GRANTED], 2, day);
    return points_of(journal_sum(j, GRANTED, INT64_MAX));
}
