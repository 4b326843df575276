/* bench_preview.c - how long a preview of a million purchases takes: seeded books of two years, 50,000 members, a run
 * each day, refunds and redemptions; then preview_run with two workers.  `make bench` runs it.
 *
 * The entries are put into the log as they are and not posted: the preview posts them itself, and what it reads of the
 * derived tables (whose a sale is, what was refunded) is filled in.  So every member counts as left out here.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "office/books/books_int.h"
#include "office/plan/preview.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SALES = 1000000, MEMBERS = 50000, DAYS = 730, DAY_0 = 14975 };

static uint64_t state = 20101201;
static uint32_t below(uint32_t n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) % n);
}

static void must(enum err e, const struct errmsg *why)
{
    if (e) {
        fprintf(stderr, "bench_preview: %s\n", why->text);
        exit(1);
    }
}

#define PACK(version, rate, gold, days)                                                                                \
    "{\"version\": " version ", \"effective\": \"2011-01-01\", \"name\": \"Bench\", \"currency\": \"GBP\", \"earn\": "   \
    "{\"rate\": \"" rate "\", \"exclude\": [{\"category\": \"service\"}], \"multipliers\": [{\"name\": \"Friday\","    \
    " \"factor\": 2, \"when\": {\"weekdays\": [\"fri\"]}}], \"cap_per_day\": 5000}, \"tiers\": {\"metric\": \"spend\"," \
    " \"window\": \"rolling\", \"window_days\": 365, \"grace_days\": 30, \"levels\": [{\"code\": \"base\", \"name\": "  \
    "\"Base\"}, {\"code\": \"silver\", \"name\": \"Silver\", \"upgrade_at\": 50000, \"keep_at\": 40000, \"factor\": "   \
    "\"5/4\"}, {\"code\": \"gold\", \"name\": \"Gold\", \"upgrade_at\": " gold ", \"keep_at\": 80000, \"factor\": 2}]}," \
    " \"expiry\": {\"kind\": \"rolling\", \"days\": " days "}, \"redeem\": {\"worth\": 1, \"min\": 10, \"step\": 10,"   \
    " \"max_share\": 1}}"

static struct store_office *store;
static int64_t position;
static uint32_t seqs[9];

static void put_entry(struct txn *t)
{
    static uint8_t bytes[WIRE_ENTRY_MAX];
    static const uint8_t hash[32];
    struct buf entry = BUF_ON(bytes);
    struct errmsg why = {""};
    t->id.seq = ++seqs[t->id.terminal];
    must(wire_encode_txn(&entry, t, &why), &why);
    struct query q = query_of(store, Q_ENTRY_APPEND);
    query_int(&q, t->id.terminal);
    query_int(&q, t->id.seq);
    query_int(&q, t->kind);
    query_int(&q, t->time_s);
    query_int(&q, t->time_s);
    query_blob(&q, hash, sizeof hash);
    query_blob(&q, entry.data, entry.size);
    (void)query_row(&q);
    must(query_done(&q, &why), &why);
    position++;
}

static void put_sale(const struct txn *t)
{
    struct errmsg why = {""};
    struct query q = query_text_of(store, "INSERT INTO sale (position, terminal, seq, member, owner, said, shop, day,"
                                          " pack_version, tier, total, counted, till, earned, lot_day, redeemed_value,"
                                          " earned_here, earned_today, month_here, earned_month, means, cashier,"
                                          " approved_by, why) VALUES (?1, ?2, ?3, ?4, ?4, ?4, ?5, ?6, 1, ?7, ?8, ?8,"
                                          " 0, 0, 2147483647, 0, 0, 0, 0, 0, 0, 0, 0,"
                                          " '60.00 GBP at 1 point a GBP, x 5/4 (Silver): 75 points')");
    query_int(&q, position);
    query_int(&q, t->id.terminal);
    query_int(&q, t->id.seq);
    query_int(&q, (int64_t)t->member);
    query_text(&q, t->shop);
    query_int(&q, day_of_time(t->time_s));
    query_text(&q, t->tier);
    query_int(&q, money_minor(t->total));
    must(query_run(&q, &why), &why);
}

static void run(const char *sql, int64_t a, int64_t b)
{
    struct errmsg why = {""};
    struct query q = query_text_of(store, sql);
    if (a >= 0)
        query_int(&q, a);
    if (b >= 0)
        query_int(&q, b);
    (void)query_row(&q);
    must(query_done(&q, &why), &why);
}

static void buy(struct txn *t, int64_t time_s, struct entry_id refunded[], int *refunds)
{
    memset(t, 0, offsetof(struct txn, lines));
    t->original = (struct entry_id){0};
    t->kind = TXN_SALE;
    t->id.terminal = 1 + below(8);
    t->time_s = time_s;
    t->member = 1 + (uint64_t)below(MEMBERS) * below(1000) / 1000; /* some come more often */
    t->pack_version = 1;
    snprintf(t->shop, sizeof t->shop, "S%u", (unsigned)t->id.terminal);
    snprintf(t->tier, sizeof t->tier, "base");
    t->line_count = 1 + (int32_t)below(5);
    int64_t sum = 0;
    for (int32_t i = 0; i < t->line_count; i++) {
        struct txn_line *l = &t->lines[i];
        memset(l, 0, sizeof *l);
        snprintf(l->sku, sizeof l->sku, "%05u", (unsigned)below(3000));
        snprintf(l->category, sizeof l->category, "%s", below(20) ? "goods" : "service");
        l->quantity = 1 + (int32_t)below(3);
        l->amount = money_of(50 + below(3000));
        sum += money_minor(l->amount);
    }
    t->total = money_of(sum);
    put_entry(t);
    put_sale(t);
    if (below(50))
        return;
    refunded[(*refunds)++ % 1000] = t->id;
    struct entry_id sale = t->id;
    run("INSERT INTO refund VALUES (?1 + 1, ?1, 1, 0, 0, 0, 0, NULL, 0, 0, 0, 0, 0, '')", position, -1);
    t->kind = TXN_REFUND;
    t->original = sale;
    t->line_count = 1;
    t->total = t->lines[0].amount;
    t->time_s += 60;
    put_entry(t);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double cpu_s(void)
{
    struct rusage u;
    getrusage(RUSAGE_CHILDREN, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static void fill(const char *path)
{
    static struct txn t;
    static struct entry_id refunded[1000];
    static struct pack pack;
    static const char json[] = PACK("1", "1/100", "120000", "365");
    struct card_office_keys keys = {0};
    struct books *b;
    struct errmsg why = {""};
    int refunds = 0;
    must(books_create(path, &why), &why);
    must(books_open(&b, path, &keys, &why), &why);
    store = b->store;
    run("PRAGMA synchronous = OFF", -1, -1);
    must(pack_read(&pack, json, sizeof json - 1, "pack", &why), &why);
    must(books_add_pack(b, &pack, bytes_of(json, sizeof json - 1), bytes_of("s", 1), &why), &why);
    must(books_begin(b, &why), &why);
    for (int i = 1; i <= MEMBERS; i++) {
        memset(&t, 0, sizeof t);
        t.kind = TXN_MEMBER;
        t.member = (member_id)i;
        t.time_s = (int64_t)DAY_0 * SECONDS_PER_DAY;
        put_entry(&t);
        run("INSERT INTO member (member, position, tier, short_since_day, last_day, enrolled_day)"
            " VALUES (?1, ?2, 'base', 2147483647, 0, 0)", i, position);
    }
    memset(&t, 0, sizeof t);
    for (int i = 0; i < SALES; i++) {
        int64_t day = DAY_0 + (int64_t)i * DAYS / SALES, second = (int64_t)i * DAYS % SALES * 86400 / SALES;
        buy(&t, day * SECONDS_PER_DAY + second, refunded, &refunds);
        if ((int64_t)(i + 1) * DAYS / SALES == day - DAY_0)
            continue;
        memset(&t, 0, sizeof t);
        t.kind = TXN_RUN;
        t.day = (int32_t)day;
        t.time_s = (day + 1) * SECONDS_PER_DAY;
        put_entry(&t);
    }
    must(books_commit(b, &why), &why);
    books_close(b);
}

int main(int argc, char **argv)
{
    static struct pack draft;
    static const char json[] = PACK("2", "3/200", "150000", "300");
    char path[400], dir[400];
    struct errmsg why = {""};
    struct rusage used;
    struct stat s;
    if (argc != 2)
        return 2;
    snprintf(path, sizeof path, "%s/bench.db", argv[1]);
    snprintf(dir, sizeof dir, "%s/preview", argv[1]);
    (void)mkdir(argv[1], 0700);
    (void)mkdir(dir, 0700);
    double start = now();
    if (stat(path, &s) != 0)
        fill(path);
    fprintf(stderr, "  books of %d purchases made in %.0f s\n", SALES, now() - start);
    must(pack_read(&draft, json, sizeof json - 1, "draft", &why), &why);
    for (int half = 0; half < 2; half++) {
        json_t *out = NULL;
        struct preview_wanted w = {path, dir, &draft, DAY_0 + half * DAYS / 2, DAY_0 + DAYS + 1, 2, NULL};
        double cpu = cpu_s();
        start = now();
        must(preview_run(&w, NULL, NULL, &out, &why), &why);
        double took = now() - start;
        getrusage(RUSAGE_CHILDREN, &used);
        printf("  preview of %d purchases, the draft from %s: %.1f s (%.1f s of the processor, two workers), %ld MB at most in a worker; %" JSON_INTEGER_FORMAT
               " entries differ\n",
               SALES, half ? "the second year on" : "the first day on", took, cpu_s() - cpu, used.ru_maxrss / 1024,
               json_integer_value(json_object_get(out, "differing")));
        json_decref(out);
    }
    return 0;
}
