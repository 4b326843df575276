/* test_books_long.c - the long run: every purchase of 23,570 people over 18 months goes through the books in
 * batches, with expiry runs between; then every member's points are worked out once more in SQL from the
 * bare data, by a query that shares nothing with the program.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "hw/clock.h"
#include "sync/wire.h"
#include "tests/ledgers.h"
#include "tests/test.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PEOPLE = 23570, PURCHASES = 69659, EPOCH = 14975 + 1 /* the data's days count from 1997-01-01 */,
       EXPIRY = 120, TILLS = 4, BATCH = 1000 };

struct purchase {
    int32_t person, day;
    int64_t cents;
};
static struct purchase purchases[PURCHASES];
static struct ledgers l;

static int by_day(const void *a, const void *b)
{
    const struct purchase *x = a, *y = b;
    if (x->day != y->day)
        return x->day < y->day ? -1 : 1;
    if (x->person != y->person)
        return x->person < y->person ? -1 : 1;
    return (x->cents > y->cents) - (x->cents < y->cents);
}

static int32_t load(void)
{
    char path[512], end;
    int day, pieces, person = 1;
    int32_t count = 0;
    long long cents;
    snprintf(path, sizeof path, "%s/cdnow/purchases.txt", test_data_dir());
    FILE *f = fopen(path, "r");
    if (!f)
        fail_msg("%s: cannot be opened", path);
    while (count < PURCHASES && fscanf(f, "%d:%d:%lld%c", &day, &pieces, &cents, &end) == 4) {
        purchases[count++] = (struct purchase){person, EPOCH + day, cents};
        person += end == '\n';
    }
    fclose(f);
    qsort(purchases, (size_t)count, sizeof purchases[0], by_day);
    return count;
}

static int64_t entries;
static int32_t in_batch;

static void batch(bool more)
{
    struct errmsg why;
    if (in_batch && (!more || ++in_batch > BATCH)) {
        if (books_commit(l.books, &why))
            fail_msg("%s", why.text);
        in_batch = 0;
    }
    if (more && !in_batch) {
        if (books_begin(l.books, &why))
            fail_msg("%s", why.text);
        in_batch = 1;
    }
}

static void own(struct txn *t, int64_t time_s)
{
    struct errmsg why;
    batch(true);
    t->time_s = time_s;
    if (books_post_own(l.books, t, time_s, &why))
        fail_msg("%s", why.text);
    entries++;
}

static void sell(const struct purchase *p)
{
    static uint8_t bytes[WIRE_ENTRY_MAX];
    struct buf entry = BUF_ON(bytes);
    struct errmsg why;
    enum post_result result;
    struct txn *t = ledgers_entry(&l, 1 + (uint32_t)p->person % TILLS, TXN_SALE,
                                  (int64_t)p->day * SECONDS_PER_DAY + 36000);
    t->member = (member_id)p->person;
    t->line_count = 1;
    snprintf(t->lines[0].sku, sizeof t->lines[0].sku, "CD");
    t->lines[0].quantity = 1;
    t->lines[0].amount = t->total = money_of(p->cents);
    t->points = points_of(p->cents / 100);
    batch(true);
    if (wire_encode_txn(&entry, t, &why) ||
        books_post(l.books, t, buf_bytes(&entry), t->time_s, &result, &why))
        fail_msg("%s", why.text);
    assert_int_equal(result, POST_NEW);
    entries++;
}

/* The bare data beside the books' own tables, and the answer by hand. */
static void compare(int32_t count, int32_t last_run)
{
    sqlite3 *db;
    sqlite3_stmt *insert, *wrong;
    char sql[1024];
    assert_int_equal(sqlite3_open(l.path, &db), SQLITE_OK);
    sqlite3_exec(db, "CREATE TEMP TABLE bare (person INTEGER, day INTEGER, cents INTEGER)", NULL, NULL,
                 NULL);
    sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
    sqlite3_prepare_v2(db, "INSERT INTO bare VALUES (?, ?, ?)", -1, &insert, NULL);
    for (int32_t i = 0; i < count; i++) {
        sqlite3_bind_int(insert, 1, purchases[i].person);
        sqlite3_bind_int(insert, 2, purchases[i].day);
        sqlite3_bind_int64(insert, 3, purchases[i].cents);
        sqlite3_step(insert);
        sqlite3_reset(insert);
    }
    sqlite3_finalize(insert);
    sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    /* Points of a purchase live to day + EXPIRY; a run ends those before its day.  Silver from 100.00. */
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM (SELECT person, sum(iif(day + %d < %d, 0, cents / 100)) AS points,"
             " sum(cents) AS spent FROM bare GROUP BY person) JOIN member m ON m.member = person"
             " WHERE m.held IS NOT points OR m.tier IS NOT iif(spent >= 10000, 'silver', 'bronze')",
             EXPIRY, last_run);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &wrong, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(wrong), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int64(wrong, 0), 0);
    sqlite3_finalize(wrong);
    sqlite3_close(db);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM member"), PEOPLE);
}

TEST(books, balances_of_69659_purchases_are_those_worked_out_in_sql)
{
    int32_t count = load(), last_run = 0, run = EPOCH;
    assert_int_equal(count, PURCHASES);
#ifdef __SANITIZE_ADDRESS__
    count = PURCHASES / 6; /* the first months: the whole run is for the fast build */
#endif
    ledgers_open(&l, "long", "",
                 "\"expiry\": {\"kind\": \"rolling\", \"days\": 120}, \"tiers\": {\"metric\": \"spend\","
                 " \"window\": \"lifetime\", \"levels\": [{\"code\": \"bronze\", \"name\": \"Bronze\"},"
                 " {\"code\": \"silver\", \"name\": \"Silver\", \"upgrade_at\": 10000}]}");
    struct txn *t = &l.t;
    int64_t start = clock_tick_ms(), sold = 0;
    for (int32_t i = 0; i < PEOPLE; i++) {
        memset(t, 0, sizeof *t);
        t->kind = TXN_MEMBER;
        t->member = (member_id)i + 1;
        own(t, (int64_t)EPOCH * SECONDS_PER_DAY);
    }
    int64_t enrolled = clock_tick_ms();
    for (int32_t i = 0; i < count; i++) {
        if (purchases[i].day > run + 90) {
            int64_t before = clock_tick_ms();
            run = last_run = purchases[i].day;
            memset(t, 0, sizeof *t);
            t->kind = TXN_RUN;
            t->day = run;
            own(t, (int64_t)run * SECONDS_PER_DAY);
            sold -= clock_tick_ms() - before;
        }
        sell(&purchases[i]);
    }
    batch(false);
    int64_t end = clock_tick_ms();
    sold += end - enrolled;
    print_message("%d enrolments in %lld ms, %d purchases in %lld ms (%lld a second), runs %lld ms\n",
                  PEOPLE, (long long)(enrolled - start), count, (long long)sold,
                  (long long)count * 1000 / (long long)(sold ? sold : 1),
                  (long long)(end - enrolled - sold));
    int64_t compared = clock_tick_ms();
    compare(count, last_run);
    print_message("compare %lld ms\n", (long long)(clock_tick_ms() - compared));
    int64_t before = clock_tick_ms();
    ledgers_sound(&l);
    print_message("verify and replay %lld ms\n", (long long)(clock_tick_ms() - before));
    ledgers_close(&l);
}
