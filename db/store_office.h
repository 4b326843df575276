/* store_office.h - the database of head office: opening it, and its statements by name.
 *
 * A statement is used like this; mistakes in between are kept and come out at the end:
 *
 *     struct query q = query_of(store, Q_CARD_GET);
 *     query_uid(&q, &uid);
 *     if (query_row(&q))
 *         member = query_get_int(&q);         columns in order, one call each
 *     return query_done(&q, why);             must be called; resets the statement
 *
 * db/office.sql says what the tables mean.  WAL, synchronous=FULL: a commit is on disk (I3).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_DB_STORE_OFFICE_H
#define PATRON_DB_STORE_OFFICE_H

#include "base/bytes.h"
#include "base/ids.h"

#include <stdbool.h>
#include <stdint.h>

struct store_office;

#define OFFICE_QUERIES(X)                                                                          \
    X(ENTRY_APPEND) X(ENTRY_LAST) X(ENTRY_FIND) X(ENTRY_AT) X(ENTRY_POSITION) X(ENTRIES)           \
    X(ENTRIES_BY_TERMINAL) X(PACKS) X(PACK_ADD) X(PACK_FIND) X(PACK_AFTER) X(CONFLICT_ADD)         \
    X(TERMINAL_GET) X(TERMINAL_SAVE) X(TERMINAL_CONTACT) X(TERMINALS) X(PERSON_GET)                \
    X(PERSON_SAVE) X(POSTING_ADD) X(LOT_MOVE_ADD) X(MEMBER_GET) X(MEMBER_ADD)      \
    X(MEMBER_BALANCE) X(MEMBER_TIER) X(MEMBER_HAND) X(MEMBER_SEEN) X(MEMBER_MAX) X(MEMBERS) X(LOTS)               \
    X(LOT_CHANGE) X(LOT_ADD) X(LOT_NEXT) X(TIER_ADD) X(TIER_EVER) X(METRIC_ADD) X(METRIC_SUM) X(STAMP_ADD) X(STAMPS) X(STAMPS_BEFORE)      \
    X(CARD_GET) X(CARD_SAVE) X(CARD_PURSE) X(CARD_TMC) X(CARDS) X(CARD_SUM) X(TMC_GET)             \
    X(TMC_ADD) X(TMC_NAMES) X(HOT_ADD) X(HOT_SINCE) X(HOT_LAST) X(INTENT_GET) X(INTENT_NAMED)      \
    X(LOAD_LAST) X(INTENT_ADD) X(INTENT_SET) X(INTENT_SALE) X(INTENT_OLDEST) X(INTENTS_OPEN)       \
    X(HOLD_ADD) X(HOLD_GET) X(HOLD_NAMED) X(HOLD_SET) X(HOLD_DUE) X(VESTING_ADD) X(VESTING_SET) X(VESTING_GET) X(VESTING_OF_CARD)          \
    X(VESTING_DUE) X(VESTED) X(SALE_DAYS_AFTER) X(LOT_NOW) X(LOTS_GOOD) X(SALE_ADD)         \
    X(SALE_GET) X(SALE_REDEEMED) X(SALE_RETURNED) X(SALE_EARNED_ON) X(SALE_EARNED_HERE)            \
    X(RETURN_ADD) X(RETURNS) X(REDEEM_MOVES) X(REFUND_ADD) X(REFUNDS_GIVEN) X(GIFT_ADD)            \
    X(GIFT_GET) X(GIFT_BACK) X(GIFTS_ON) X(RATING_ADD) X(RATING_CLAIM) X(UNCLAIMED_ADD)            \
    X(UNCLAIMED_GET) X(UNCLAIMED_BY_CARD) X(UNCLAIMED_BY_TOKEN) X(UNCLAIMED_DONE) X(POSITION_OF)   \
    X(REFUNDS_WAIT) X(REFUNDS_FORGET) X(RETURNS_FORGET) X(REFUNDS_UNREVIEW) X(UNREVIEW)            \
    X(SALE_FORGET) X(MEMBER_NEXT) X(WAITING_ADD) X(WAITING_FOR) X(WAITING_DONE) X(REVIEW_ADD)      \
    X(REVIEWS) X(RUN_ADD) X(RUN_LAST) X(RUN_MEMBERS) X(STATEMENT) X(EXPORT) X(MERGED_MOVE_ADD)  \
    X(MERGER_ADD) X(MERGER_GET) X(MERGER_END) X(DESK_ADD) X(DESK_GET) X(DESK_BACK) X(SALE_RERATE)

/* What is not in the log: people, what they are known by, staff. */
#define OFFICE_QUERIES_OF_PEOPLE(X)                                                                \
    X(KNOWN_GET) X(KNOWN_ADD) X(KNOWN_DROP) X(KNOWN_NO_PHONE) X(KNOWN_LIST) X(CODE_GET)            \
    X(CODE_ADD) X(CODE_TIDY) X(SUN_GET) X(SUN_SET) X(PIN_GET) X(PIN_SET) X(PIN_COUNT)       \
    X(PIN_DROP) X(STAFF_GET) X(STAFF_SAVE) X(STAFF_SINCE) X(STAFF_LIST) X(STAFF_NEXT) \
    X(ORDERS_GET) X(ORDERS_SET) X(LOT_ENDING) X(SALE_DAYS) X(CARD_REPLACED_BY)

#define OFFICE_QUERY_NAME(name) Q_##name,
enum office_query {
    OFFICE_QUERIES(OFFICE_QUERY_NAME) OFFICE_QUERIES_OF_PEOPLE(OFFICE_QUERY_NAME) Q_COUNT
};
#undef OFFICE_QUERY_NAME

/* Makes a new database.  Errors: ERR_EXISTS, ERR_IO. */
MUST_CHECK enum err store_office_create(const char *path, struct errmsg *why);
/* Opens one and prepares every statement.  path NULL: a fresh one in memory, ended by close.
 * Errors: ERR_NOT_FOUND, ERR_IO, ERR_CORRUPT (not a database of ours, or of a newer program). */
MUST_CHECK enum err store_office_open(struct store_office **out, const char *path, struct errmsg *why);
/* One of a schema before, for query_text_of alone.  Errors: ERR_NOT_FOUND, ERR_IO, ERR_STATE (it is of this
 * schema), ERR_CORRUPT (of none). */
MUST_CHECK enum err store_office_open_old(struct store_office **out, const char *path, struct errmsg *why);
/* The database as it is now, whatever is written meanwhile, into a new file.  Errors: ERR_IO, ERR_FULL. */
MUST_CHECK enum err store_office_backup(struct store_office *s, const char *path, struct errmsg *why);
/* From now on every change is refused with ERR_FULL and a sentence about the disk, until it is called with false. */
MUST_CHECK enum err store_office_refuse(struct store_office *s, bool changes, struct errmsg *why);
/* For reading beside the program that writes: query_text_of alone, everything as it is now, whatever is written
 * meanwhile.  Errors: ERR_NOT_FOUND, ERR_IO, ERR_CORRUPT. */
MUST_CHECK enum err store_office_open_snapshot(struct store_office **out, const char *path, struct errmsg *why);
void store_office_close(struct store_office *s);

MUST_CHECK enum err store_office_begin(struct store_office *s, struct errmsg *why);
MUST_CHECK enum err store_office_commit(struct store_office *s, struct errmsg *why);
void store_office_rollback(struct store_office *s);
bool store_office_is_open(const struct store_office *s); /* between begin and commit */
/* A number that is another one after another connection (patronctl beside patron-office) has committed. */
int64_t store_office_data_version(struct store_office *s);

struct query {
    struct store_office *store;
    void *stmt;
    bool own;                /* compiled for this use */
    int bound, column, code; /* code: first SQLite error */
};
struct query query_of(struct store_office *s, enum office_query name);
/* Any statement, for reports and checks; compiled for this use. */
struct query query_text_of(struct store_office *s, const char *sql);

void query_int(struct query *q, int64_t value);
void query_text(struct query *q, const char *text);            /* must outlive query_done */
void query_blob(struct query *q, const void *data, size_t size); /* must outlive query_done */
void query_uid(struct query *q, const struct card_uid *uid);   /* must outlive it; NULL = NULL */
void query_null(struct query *q);

/* True: a row is there.  False: no more, or an error. */
bool query_row(struct query *q);
int64_t query_get_int(struct query *q); /* NULL reads as 0 */
void query_skip(struct query *q, int columns);
bool query_is_null(const struct query *q); /* the next column */
/* Cut at size. */
void query_get_text(struct query *q, char *out, size_t size);
/* Borrowed until the next row. */
struct bytes query_get_blob(struct query *q);
void query_get_uid(struct query *q, struct card_uid *out); /* NULL reads as zeros */
int query_column_count(const struct query *q);
/* Compares the next column of both; moves on in both. */
bool query_same(struct query *a, struct query *b);
/* The next column as people read it; moves on. */
void query_say(struct query *q, char *out, size_t size);

/* Ends the use of the statement.  Errors: ERR_IO, ERR_CORRUPT (a rule of the tables was broken, or the
 * file is damaged). */
MUST_CHECK enum err query_done(struct query *q, struct errmsg *why);
/* Run a statement that gives no rows: query_row and query_done. */
MUST_CHECK enum err query_run(struct query *q, struct errmsg *why);

#endif
