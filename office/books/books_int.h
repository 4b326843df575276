/* books_int.h - what the files of office/books share: books.c (opening, views), books_facts.c and books_post.c
 * (entries in), books_own.c (head office's own), books_report.c (lists and totals), books_verify.c
 * (invariants, replay).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_BOOKS_INT_H
#define PATRON_OFFICE_BOOKS_INT_H

#include "db/store_office.h"
#include "office/books/books.h"
#include "office/ledger/ledger.h"
#include "office/ledger/ledger_merge.h"
#include "sync/wire.h"

struct books_pack {
    struct pack pack;
    struct books_pack *next; /* in order of versions */
};

/* One; from books_open, large. */
struct books {
    struct store_office *store;
    const struct card_office_keys *keys; /* NULL: no evidence can be checked */
    struct books_pack *packs;
    int64_t data_version; /* packs and run_day are as of this */
    bool run_known;
    int32_t run_day;

    /* for the entry being posted */
    struct ledger_facts facts;
    struct ledger_effects effects;
    struct lot lots[LOTS_MAX];
    struct txn original, waiting, own;
    struct ledger_moving moving; /* from one member to another */
    int64_t at; /* position of the entry that came in: what waited for it is posted at its own */
    member_id claimed; /* whom the entry is posted for, whatever it says; 0 = as it says */
    int32_t posting_n, move_n, note_n; /* next row numbers of the entry */
    uint8_t bytes[WIRE_ENTRY_MAX];
};

/* A books around an empty store in memory, for replay. */
enum err books_open_store(struct books **out, const char *path, const struct card_office_keys *keys,
                          struct errmsg *why);
const struct pack *books_find_pack(const struct books *b, uint32_t version);
enum err books_load_pack(struct books *b, struct bytes json, struct errmsg *why);
enum err books_load_intent(struct books *b, struct entry_id id, struct ledger_intent *out,
                           struct errmsg *why);
/* by: Q_INTENT_GET for the entry, Q_INTENT_NAMED as a card names its commit. */
enum err books_find_intent(struct books *b, enum office_query by, struct entry_id id,
                           struct ledger_intent *out, struct errmsg *why);
/* A row of Q_HOLD_GET or Q_HOLD_NAMED. */
void books_read_hold(struct query *q, struct ledger_hold *out, int64_t *until_s);
enum err books_load_hold(struct books *b, uint32_t seq, struct ledger_hold *out, struct errmsg *why);
/* Reads and decodes an entry.  Errors: ERR_NOT_FOUND. */
enum err books_load_entry(struct books *b, struct entry_id id, struct txn *out, int64_t *position,
                          struct errmsg *why);
enum err books_load_card(struct books *b, const struct card_uid *uid, struct ledger_card *out,
                         struct errmsg *why);
/* The member, and of the lots those with points left or good on from_day. */
enum err books_load_member(struct books *b, member_id member, int32_t from_day, struct ledger_facts *in,
                           struct errmsg *why);
/* What counts for the tier, as it stands on in->today. */
enum err books_load_metric(struct books *b, struct ledger_facts *in, int32_t day, struct errmsg *why);
/* What is pending of the purchase at this position; untouched when nothing is. */
enum err books_load_vesting(struct books *b, int64_t position, struct ledger_vesting *out, struct errmsg *why);
/* in->due of in->member. */
enum err books_load_due(struct books *b, int32_t day, struct ledger_facts *in, struct errmsg *why);
enum err books_load_run_day(struct books *b, struct errmsg *why);
/* All of it, into b->facts.  before_s: event time of the terminal's entry before. */
enum err books_gather(struct books *b, const struct txn *t, int64_t received_s, int64_t before_s,
                      struct errmsg *why);
/* One number, of a statement with two numbers to bind. */
enum err books_number(struct books *b, enum office_query name, int64_t first, int64_t second, int64_t *out,
                      struct errmsg *why);
/* Somebody is known by this token from now on: CLAIMs of what came with it in the last 30 days.  In a
 * transaction. */
enum err books_claim(struct books *b, const uint8_t token[TXN_TOKEN_SIZE], member_id member, int64_t now_s,
                     struct errmsg *why);
/* Posts a log, entry by entry, each with the packs that had come in before it.  In a transaction of to. */
enum err books_post_log(struct store_office *from, struct books *to, int64_t *entries, struct errmsg *why);
/* The day that the lot of a day ends now, after extensions; of a merged number (owner) also before it was merged. */
enum err books_lot_now(struct books *b, member_id member, member_id owner, int32_t *day, struct errmsg *why);
/* OPENING, REDEEM, RETURN, RERATE that a person would have to look at.  Errors: ERR_STATE, ERR_NOT_FOUND, ERR_RANGE. */
enum err books_refuse_desk(struct books *b, const struct txn *t, int64_t now_s, struct errmsg *why);
/* The effects of b->facts, in b->effects, at this position. */
enum err books_write(struct books *b, int64_t position, struct errmsg *why);
/* MERGE, UNMERGE, TRANSFER: both members. */
enum err books_post_pair(struct books *b, const struct txn *t, int64_t position, struct errmsg *why);
/* One that may not be, asked before it is written.  Errors: ERR_STATE, with the sentence. */
enum err books_refuse_pair(struct books *b, const struct txn *t, struct errmsg *why);
/* Checks the evidence of t (a SALE, CANCEL, SETTLE or LOAD with commit DONE) as posting does.  intent:
 * t's; before: the commit before it, as the card names it. */
enum err books_check_evidence(const struct books *b, const struct txn *t,
                              const struct ledger_intent *intent, struct entry_id *before,
                              struct errmsg *why);
/* Every derived table: what the log gives again. */
extern const struct books_derived {
    const char *table, *key; /* in the order of its key */
} books_derived[];
extern const size_t books_derived_count;
/* What was read at the entry of this name is not to be called again: packs and runs may have gone. */
enum err books_reload(struct books *b, struct errmsg *why);

#endif
