/* journal.h - the till's memory: an append-only, hash-chained journal and a few settings, in SQLite (WAL,
 * synchronous=FULL).  An append is on disk when it returns (I3): one transaction, one fsync.
 *
 * What is written without an fsync of its own - the acknowledged watermark, the hot list - is on disk with
 * the next append or save.  A power cut may take it back to an earlier state; head office sends both again.
 *
 * An append that failed may still be there after a power cut (the disk took it but did not say so): ask by
 * reference, as for any sale whose answer was lost.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_DB_JOURNAL_H
#define PATRON_DB_JOURNAL_H

#include "base/bytes.h"
#include "base/staff.h"
#include "base/txn.h"

struct journal;

enum { JOURNAL_ENTRY_MAX = 32768 };

/* Opens or makes it, checks the end of the chain, and that it goes as far as PATH.lock says.  One program at a time (a lock on PATH.lock), but anyone
 * may read it with the sqlite3 shell meanwhile.
 * Errors: ERR_IO; ERR_BUSY (open in another program); ERR_CONFLICT (another terminal's journal);
 * ERR_FORMAT (no journal at all); ERR_UNSUPPORTED (made by a newer program);
 * ERR_CORRUPT: says what is damaged.  When *out is not NULL then, it is open for reading what is sound and has to
 * be closed; journal_may_write tells whether it takes anything.  *out is NULL after any other error. */
MUST_CHECK enum err journal_open(struct journal **out, const char *path, uint32_t terminal,
                                 struct errmsg *why);
void journal_close(struct journal *j); /* NULL is fine */
/* Housekeeping, to be called when no customer waits: moves the write-ahead log into the database once it
 * is 1 MB long, so that no append has to.  Usually returns at once; takes a few fsyncs when it works.
 * Errors: ERR_IO, nothing lost. */
MUST_CHECK enum err journal_idle(struct journal *j, struct errmsg *why);

/* The sequence number the next entry will have. */
uint32_t journal_next_seq(const struct journal *j);
/* Append t as encoded in entry (1..JOURNAL_ENTRY_MAX bytes); t->id must be this terminal's journal_next_seq.
 * closes: the INTENT that is no longer open after this, seq 0 = none, another terminal's = nothing to do.
 * On disk on return.  Errors: ERR_EXISTS (a SALE or REFUND has this reference; also for an INTENT), ERR_IO
 * (also disk full), ERR_CORRUPT (damaged); nothing is half done then.  After a failed fsync every
 * append is refused until the journal is opened again, for the kernel may have dropped what it held. */
MUST_CHECK enum err journal_append(struct journal *j, const struct txn *t, struct bytes entry,
                                   struct entry_id closes, struct errmsg *why);

/* ---- reading ---- */

/* Encoded entries are copied into out (emptied first), after their hash was checked.  Errors:
 * ERR_NOT_FOUND, ERR_FULL, ERR_CORRUPT, ERR_IO. */
MUST_CHECK enum err journal_get(struct journal *j, uint32_t seq, struct buf *out, struct errmsg *why);
/* The SALE or REFUND that closed this reference. */
MUST_CHECK enum err journal_find_ref(struct journal *j, const char *ref, struct buf *out,
                                     struct errmsg *why);
/* The n-th REFUND (0..) of a SALE. */
MUST_CHECK enum err journal_find_refund(struct journal *j, struct entry_id sale, int32_t n,
                                        struct buf *out, struct errmsg *why);
/* The n-th entry (0..) of this kind that names the original. */
MUST_CHECK enum err journal_find_about(struct journal *j, struct entry_id original, enum txn_kind kind,
                                       int32_t n, struct buf *out, struct errmsg *why);
/* The last JOIN with this card. */
MUST_CHECK enum err journal_find_join(struct journal *j, const struct card_uid *card, struct buf *out,
                                      struct errmsg *why);
/* The oldest INTENT that is open, of this card or (NULL) of any. */
MUST_CHECK enum err journal_open_intent(struct journal *j, const struct card_uid *card, struct buf *out,
                                        struct errmsg *why);
/* The oldest INTENT of this card whose SALE or CANCEL was written in doubt, and that no SETTLE of this till
 * has settled: a reading of the card may still tell. */
MUST_CHECK enum err journal_doubtful_intent(struct journal *j, const struct card_uid *card,
                                            struct buf *out, struct errmsg *why);
/* What a card redeemed here on a day and head office has not acknowledged: the sum of its INTENTs but those
 * shown not done, so an open or doubtful one counts.  INT64_MAX when the journal cannot be read. */
struct points journal_offline_redeemed(struct journal *j, const struct card_uid *card, int32_t day);
/* What a card (zeros = none) or its member (0 = none) earned here on these days by the entries before before_seq
 * (0 = by all); refunds are not taken off.  0 when it cannot be read. */
struct points journal_earned(struct journal *j, const struct card_uid *card, member_id member,
                             int32_t from_day, int32_t to_day, uint32_t before_seq);
/* Earned and given here less clawed back here, not yet acknowledged by head office: shown to the member as
 * pending. */
struct points journal_pending(struct journal *j, const struct card_uid *card, member_id member);
/* What a cashier gave away on a day, less what was taken back.  cashier 0: all that this till gave, as
 * rules_grant wants it, what was taken back included.  INT64_MAX when it cannot be read. */
struct points journal_granted(struct journal *j, uint32_t cashier, int32_t day);

/* ---- the chain: how far it goes, is acknowledged, and is sound ---- */

/* The chain's hash after seq (zeros for 0), and how far head office has acknowledged. */
MUST_CHECK enum err journal_hash(struct journal *j, uint32_t seq, uint8_t hash[32], struct errmsg *why);
uint32_t journal_acked(const struct journal *j);
/* Never goes back: a smaller seq is ignored.  Errors: ERR_RANGE (no such entry yet). */
MUST_CHECK enum err journal_set_acked(struct journal *j, uint32_t seq, struct errmsg *why);
/* Walk the whole chain, then check the tables derived from it and the database's own structure.  count:
 * entries that are sound, from the first.  Errors: ERR_CORRUPT with the first entry that is wrong. */
MUST_CHECK enum err journal_verify(struct journal *j, uint32_t *count, struct errmsg *why);

/* Housekeeping, when nobody waits: walk on from where the last call ended, at most count entries.
 * journal_checked: how far, from the first.  Errors: ERR_CORRUPT: the entry named is wrong; where head office has
 * it, the next call goes on with what is owed, else nothing is appended any more; ERR_IO. */
MUST_CHECK enum err journal_check_some(struct journal *j, uint32_t count, struct errmsg *why);
uint32_t journal_checked(const struct journal *j);
/* The first entry that is damaged, as far as is known, of those that are owed if one is; 0 = none. */
uint32_t journal_damaged_from(const struct journal *j);
/* Does it take entries?  Errors: ERR_CORRUPT: what is owed is damaged or missing, or the file is damaged beside the
 * entries (what head office has may be damaged without harm); ERR_IO: an fsync failed. */
MUST_CHECK enum err journal_may_write(const struct journal *j, struct errmsg *why);
/* Head office has entries of this journal up to seq, and they are not in it: their numbers must not be given again,
 * nor after another start. */
void journal_lacks(struct journal *j, uint32_t seq);
/* After an append failed: does the disk take anything again?  Writes a little, with fsyncs; opens the database
 * anew when an fsync had failed: then the entry that failed may be there after all, and journal_next_seq tells, once
 * this has succeeded.
 * Errors: ERR_IO (not yet), ERR_CORRUPT. */
MUST_CHECK enum err journal_recover(struct journal *j, struct errmsg *why);

/* ---- memos: what was answered at a door (nexo, HTTP), so that the same request gets the same answer ---- */

enum { MEMO_NAME_SIZE = 48, MEMO_REPLY_MAX = 65536, MEMO_KEEP_S = 48 * 3600 };
struct journal_memo {
    uint32_t id;                /* from 1, never given twice; 0 = new: the journal gives it */
    char door[8];               /* "nexo", "http" */
    char asker[MEMO_NAME_SIZE]; /* the register: SaleID, or name of its token */
    char key[MEMO_NAME_SIZE];   /* ServiceID, or ref */
    char what[MEMO_NAME_SIZE];  /* category and type: "Loyalty/Award" */
    uint8_t digest[32];         /* SHA-256 of the request in a form that compares equal when it is the same */
    int64_t time_s;
    struct entry_id entry;      /* its effect; seq 0 = none (yet) */
    int64_t amount;             /* points or minor units, for totals */
    bool open;                  /* still under way: reply is what is needed to make it later, if anything */
    uint8_t whole[32];          /* digest of the request and its key, with its time stamp: once it has an entry it is
                                 * kept for ever, for journal_counted; zeros = none.  Not read back */
    struct bytes reply;         /* borrowed; after a find, from the caller's buffer */
};
/* As journal_append, and memo is written in the same transaction, with no fsync more: as a new one (id 0), or
 * in the place of the one with its id, which it completes.  Its entry becomes t's, id is filled in.  memo NULL:
 * journal_append.  Errors: also ERR_EXISTS when the key of a new one is taken (as below): nothing was appended. */
MUST_CHECK enum err journal_append_with(struct journal *j, const struct txn *t, struct bytes entry,
                                        struct entry_id closes, struct journal_memo *memo,
                                        struct errmsg *why);
/* A memo without an entry: a refusal, a card acquisition; or, with its id, the end of one.  On disk on return:
 * one fsync.  Errors: ERR_EXISTS (door, asker and key were used less than MEMO_KEEP_S before its time_s),
 * ERR_IO, ERR_CORRUPT. */
MUST_CHECK enum err journal_memo_save(struct journal *j, struct journal_memo *memo, struct errmsg *why);
/* The newest of this key, whatever its age (the caller looks at time_s); key NULL: the newest of this asker.
 * reply is copied into buffer, emptied first.  A memo is kept for MEMO_KEEP_S and as long again; then later
 * ones take it away, a few each.  Errors: ERR_NOT_FOUND, ERR_FULL (buffer), ERR_IO. */
MUST_CHECK enum err journal_memo_find(struct journal *j, const char *door, const char *asker,
                                      const char *key, struct journal_memo *out, struct buf *buffer,
                                      struct errmsg *why);
/* The id the next new memo will have: for a reply that names itself. */
uint32_t journal_memo_next(struct journal *j);
/* The entry that this very message (whole) was counted as, however long ago.  Errors: ERR_NOT_FOUND. */
MUST_CHECK enum err journal_counted(struct journal *j, const uint8_t whole[32], struct entry_id *out,
                                    struct errmsg *why);
/* Is there a memo of this door that is of exactly this what?  An error counts as yes. */
bool journal_memo_is(struct journal *j, const char *door, const char *what);
/* Of a door since a time, for each asker (NULL: all of them) and first word of what, in this order: how many, and the
 * sum of their amounts.  Open ones do not count.  Errors: ERR_FULL (more than cap), ERR_IO. */
struct memo_total {
    char what[MEMO_NAME_SIZE], asker[MEMO_NAME_SIZE];
    int64_t count, amount;
};
MUST_CHECK enum err journal_memo_totals(struct journal *j, const char *door, const char *asker,
                                        int64_t from_s, struct memo_total *out, int32_t cap,
                                        int32_t *count, struct errmsg *why);
/* By its id. */
MUST_CHECK enum err journal_memo_get(struct journal *j, uint32_t id, struct journal_memo *out,
                                     struct buf *buffer, struct errmsg *why);

/* ---- receipts: what became of the paper of each SALE and REFUND ----
 *
 *   journal_with_receipt, append --> WAITING or PROMISED --begun--> BEGUN --reported--> PRINTED
 *                                          ^                          |
 *                                          +---- certainly not begun -+   found at start: COPY --> PRINTED
 *
 * Only an original on its way from WAITING to the printer costs an fsync of its own: after a power cut it must not
 * come again as an original.  PROMISED saves it: that the printer was ready is on disk with the entry, and after
 * another start of the machine such a one counts as printed in part.  Whatever else is written here may be
 * lost in a power cut; then at worst a copy is printed. */

enum receipt_state {
    RECEIPT_WAITING = 1, /* certainly not begun */
    RECEIPT_PROMISED,    /* certainly not begun while this machine runs */
    RECEIPT_BEGUN,
    RECEIPT_COPY, /* to be printed, marked as a copy */
    RECEIPT_PRINTED
};
enum { RECEIPT_BOOT_SIZE = 40, RECEIPT_WHY_SIZE = 400, RECEIPT_LANGUAGE_SIZE = 8, RECEIPTS_KEPT = 200 };
struct journal_receipt {
    uint32_t seq; /* the SALE or REFUND */
    enum receipt_state state;
    char boot[RECEIPT_BOOT_SIZE]; /* this start of the machine; "" = not known */
    struct points balance, purse; /* -1 = not told */
    struct points expiring;       /* 0 = not known */
    int32_t expiring_day;
    char why[RECEIPT_WHY_SIZE], language[RECEIPT_LANGUAGE_SIZE];
};
/* The next journal_append writes r too, in the same transaction, for its own seq.  Forgotten after it, whether or
 * not it was written.  r is copied. */
void journal_with_receipt(struct journal *j, const struct journal_receipt *r);
/* At start, before all below: what was begun, or promised at another start of the machine, is now COPY. */
MUST_CHECK enum err journal_receipts_start(struct journal *j, const char *boot, struct errmsg *why);
/* At the end: what was promised is certainly not begun. */
void journal_receipts_end(struct journal *j);
/* All that are not BEGUN count as PRINTED: how many.  A power cut may undo it. */
MUST_CHECK enum err journal_receipts_drop(struct journal *j, uint32_t *count, struct errmsg *why);
/* Of those that are not PRINTED the next, and how many they are.  WAITING comes last, the oldest first: whoever stands
 * at the counter does not wait for those of a weekend without paper.  Errors: ERR_NOT_FOUND, ERR_IO. */
MUST_CHECK enum err journal_receipt_next(struct journal *j, struct journal_receipt *out, struct errmsg *why);
uint32_t journal_receipts_waiting(struct journal *j);
/* Errors: ERR_NOT_FOUND (older than the RECEIPTS_KEPT last ones, or never queued). */
MUST_CHECK enum err journal_receipt_get(struct journal *j, uint32_t seq, struct journal_receipt *out,
                                        struct errmsg *why);
/* Written anew, whatever was there.  On disk on return only when state is BEGUN.  Errors: ERR_IO. */
MUST_CHECK enum err journal_receipt_put(struct journal *j, const struct journal_receipt *r, struct errmsg *why);
/* Likewise, of one that is there.  From PROMISED to BEGUN it is not synced. */
MUST_CHECK enum err journal_receipt_set(struct journal *j, const struct journal_receipt *r,
                                        enum receipt_state state, struct errmsg *why);

/* ---- settings, what head office told, staff, the hot list ---- */

/* Settings: small named blobs (pack, hot list, enrolment, last contact).  Errors: ERR_NOT_FOUND. */
MUST_CHECK enum err journal_load(struct journal *j, const char *name, struct buf *out,
                                 struct errmsg *why);
MUST_CHECK enum err journal_save(struct journal *j, const char *name, struct bytes value,
                                 struct errmsg *why);
/* What head office told of whoever showed this (1..16 bytes), for the days without a line; the newer takes the
 * place of the older.  A power cut may take it back.  Errors: ERR_NOT_FOUND, ERR_FULL, ERR_IO. */
MUST_CHECK enum err journal_tell(struct journal *j, struct bytes shown, int64_t time_s,
                                 struct bytes value, struct errmsg *why);
MUST_CHECK enum err journal_told(struct journal *j, struct bytes shown, int64_t *time_s, struct buf *out,
                                 struct errmsg *why);
/* Who may work here, as head office says.  Changes: a role of STAFF_GONE takes a person out.  All of it and the
 * version, or nothing; without an fsync of its own. */
MUST_CHECK enum err journal_set_staff(struct journal *j, const struct staff *changes, int32_t count,
                                      uint32_t version, struct errmsg *why);
uint32_t journal_staff_version(struct journal *j); /* 0 = nothing has come yet */
/* How many there are: with 0 nobody has to log in. */
int32_t journal_staff_count(struct journal *j);
/* Errors: ERR_NOT_FOUND. */
MUST_CHECK enum err journal_staff(struct journal *j, uint32_t id, struct staff *out, struct errmsg *why);
MUST_CHECK enum err journal_staff_by_badge(struct journal *j, const struct card_uid *badge,
                                           struct staff *out, struct errmsg *why);
/* Hot list.  A card that is not in it, CARD_ACTIVE; one that cannot be looked up, CARD_BLOCKED. */
enum card_status journal_card_status(struct journal *j, const struct card_uid *card);
MUST_CHECK enum err journal_set_card_status(struct journal *j, const struct card_uid *card,
                                            enum card_status status, struct errmsg *why);

#endif
