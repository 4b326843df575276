/* journal.h - the till's memory: an append-only, hash-chained journal and a few settings, in SQLite (WAL,
 * synchronous=FULL).  An append is on disk when it returns (I3): one fsync.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_DB_JOURNAL_H
#define PATRON_DB_JOURNAL_H

#include "base/bytes.h"
#include "base/txn.h"

struct journal;

/* Opens or makes it, checks the end of the chain.  Errors: ERR_IO, ERR_CORRUPT (says from which entry). */
MUST_CHECK enum err journal_open(struct journal **out, const char *path, uint32_t terminal,
                                 struct errmsg *why);
void journal_close(struct journal *j);

/* The sequence number the next entry will have. */
uint32_t journal_next_seq(const struct journal *j);
/* Append t as encoded in entry; t->id.seq must be journal_next_seq.  closes: the INTENT that is no longer
 * open after this, seq 0 = none.  On disk on return.  Errors: ERR_IO (also disk full), ERR_EXISTS (ref). */
MUST_CHECK enum err journal_append(struct journal *j, const struct txn *t, struct bytes entry,
                                   struct entry_id closes, struct errmsg *why);

/* Encoded entries are copied into out (emptied first).  Errors: ERR_NOT_FOUND, ERR_FULL, ERR_CORRUPT. */
MUST_CHECK enum err journal_get(struct journal *j, uint32_t seq, struct buf *out, struct errmsg *why);
/* The SALE or REFUND that closed this reference. */
MUST_CHECK enum err journal_find_ref(struct journal *j, const char *ref, struct buf *out,
                                     struct errmsg *why);
/* The n-th REFUND (0..) of a SALE. */
MUST_CHECK enum err journal_find_refund(struct journal *j, struct entry_id sale, int32_t n,
                                        struct buf *out, struct errmsg *why);
/* The oldest INTENT that is open, of this card or (NULL) of any. */
MUST_CHECK enum err journal_open_intent(struct journal *j, const struct card_uid *card, struct buf *out,
                                        struct errmsg *why);
/* What a card redeemed / earned here on a day while the line was cut / in all. */
struct points journal_offline_redeemed(struct journal *j, const struct card_uid *card, int32_t day);
struct points journal_earned(struct journal *j, const struct card_uid *card, int32_t day);
/* Earned here and not yet acknowledged by head office: shown to the member as pending. */
struct points journal_pending(struct journal *j, const struct card_uid *card);

/* The chain's hash after seq (zeros for 0), and how far head office has acknowledged. */
MUST_CHECK enum err journal_hash(struct journal *j, uint32_t seq, uint8_t hash[32], struct errmsg *why);
uint32_t journal_acked(const struct journal *j);
MUST_CHECK enum err journal_set_acked(struct journal *j, uint32_t seq, struct errmsg *why);
/* Walk the whole chain.  Errors: ERR_CORRUPT with the first entry that is wrong. */
MUST_CHECK enum err journal_verify(struct journal *j, uint32_t *count, struct errmsg *why);

/* Settings: small named blobs (pack, hot list, enrolment, last contact).  Errors: ERR_NOT_FOUND. */
MUST_CHECK enum err journal_load(struct journal *j, const char *name, struct buf *out,
                                 struct errmsg *why);
MUST_CHECK enum err journal_save(struct journal *j, const char *name, struct bytes value,
                                 struct errmsg *why);
/* Hot list. */
enum card_status journal_card_status(struct journal *j, const struct card_uid *card);
MUST_CHECK enum err journal_set_card_status(struct journal *j, const struct card_uid *card,
                                            enum card_status status, struct errmsg *why);

#endif
