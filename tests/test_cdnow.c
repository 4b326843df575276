/* test_cdnow.c - the long run: every purchase of 23,570 people over 18 months, rated by rules/ and
 * once more in SQL.  The SQL is written from docs/programme.md and shares no code with rules/; so
 * are the lots, which the SQL finds by a closed formula instead of a queue.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "rules/rules.h"
#include "tests/packs.h"
#include "tests/sql.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PEOPLE = 23570, PURCHASES = 69659, EPOCH = 9862 /* 1997-01-01 */, EXPIRY = 90 };

struct purchase {
    int32_t person, day, pieces;
    int64_t cents, time_s;
    int64_t paid; /* with points: cents */
    int64_t points, counted, spent;
};
static struct purchase purchases[PURCHASES];
static int32_t count;

static void load(void)
{
    char path[512];
    snprintf(path, sizeof path, "%s/cdnow/purchases.txt", test_data_dir());
    FILE *f = fopen(path, "r");
    if (!f)
        fail_msg("%s: cannot be opened", path);
    count = 0;
    int day, pieces, person = 1;
    long long cents;
    char end;
    while (fscanf(f, "%d:%d:%lld%c", &day, &pieces, &cents, &end) == 4) {
        struct purchase *p = &purchases[count];
        /* The data has days only; hours, and which part was paid with points, are ours. */
        int64_t second = (int64_t)count * 7919 % SECONDS_PER_DAY;
        *p = (struct purchase){person,
                               EPOCH + day,
                               pieces,
                               cents,
                               (int64_t)(EPOCH + day) * SECONDS_PER_DAY + second,
                               count % 7 == 0 ? cents * (count % 10) / 9 : 0,
                               0,
                               0,
                               0};
        person += end == '\n';
        if (++count == PURCHASES)
            break;
    }
    fclose(f);
    assert_int_equal(count, PURCHASES);
    assert_int_equal(person, PEOPLE + 1);
}

/* A bill of two lines: the discs, and up to 2.99 of it shipping, which earns nothing. */
static struct bill bill_of(const struct purchase *p, struct txn_line lines[2], const char *tier)
{
    int64_t shipping = p->cents < 299 ? p->cents : 299;
    lines[0] = (struct txn_line){"CD", "music", p->pieces, money_of(p->cents - shipping)};
    lines[1] = (struct txn_line){"SHIP", "shipping", 1, money_of(shipping)};
    return (struct bill){lines, 2, money_of(p->paid), p->time_s, "web", tier, .earned_today = points_of(0)};
}

/* Rates everybody's purchases in order; the tier rises with what has counted before. */
static int64_t rate_all(const struct pack *pack)
{
    int64_t total = 0, metric = 0;
    const char *tier = "";
    for (int32_t i = 0; i < count; i++) {
        struct purchase *p = &purchases[i];
        struct txn_line lines[2];
        struct earning e;
        struct tier_decision d;
        if (i == 0 || purchases[i - 1].person != p->person) {
            metric = 0;
            tier = pack->tiers[0].code;
        }
        struct bill b = bill_of(p, lines, tier);
        assert_int_equal(rules_earn(pack, &b, &e, NULL), OK);
        p->points = points_n(e.points);
        p->counted = money_minor(e.counted);
        total += p->points;
        metric += p->counted;
        struct tier_facts f = {tier, DAY_NEVER, metric, 0, p->day, false};
        rules_tier(pack, &f, &d);
        tier = d.tier->code;
    }
    return total;
}

/* ---- the other side: SQL ---- */

static sqlite3 *database(void)
{
    sqlite3 *db;
    sqlite3_stmt *s;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    sql_run(db, "CREATE TABLE purchase(n INTEGER PRIMARY KEY, person INTEGER, date TEXT, hour INTEGER, "
            "pieces INTEGER, cents INTEGER, paid INTEGER, c_points INTEGER, c_counted INTEGER, "
            "spent INTEGER) STRICT; BEGIN");
    assert_int_equal(
        sqlite3_prepare_v2(db, "INSERT INTO purchase VALUES(?,?,?,?,?,?,?,?,?,?)", -1, &s, NULL),
        SQLITE_OK);
    for (int32_t i = 0; i < count; i++) {
        const struct purchase *p = &purchases[i];
        char date[DAY_TEXT_SIZE];
        day_text(date, p->day);
        sqlite3_bind_int(s, 1, i);
        sqlite3_bind_int(s, 2, p->person);
        sqlite3_bind_text(s, 3, date, -1, SQLITE_TRANSIENT);
        sqlite3_bind_int64(s, 4, p->time_s % SECONDS_PER_DAY / 3600);
        sqlite3_bind_int(s, 5, p->pieces);
        sqlite3_bind_int64(s, 6, p->cents);
        sqlite3_bind_int64(s, 7, p->paid);
        sqlite3_bind_int64(s, 8, p->points);
        sqlite3_bind_int64(s, 9, p->counted);
        sqlite3_bind_int64(s, 10, p->spent);
        assert_int_equal(sqlite3_step(s), SQLITE_DONE);
        sqlite3_reset(s);
    }
    sqlite3_finalize(s);
    sql_run(db, "COMMIT");
    return db;
}

/* What counts: the discs less their share of the part paid with points.  The tier: by what counted
 * before.  weekday: 0 = Sunday. */
#define FACTS(paid)                                                                                \
    "CREATE TABLE fact AS SELECT *,"                                                               \
    " CASE WHEN before >= 40000 THEN 125 WHEN before >= 10000 THEN 110 ELSE 100 END AS tier100"    \
    " FROM (SELECT *, coalesce(sum(counted) OVER (PARTITION BY person ORDER BY n"                  \
    "         ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before"                     \
    " FROM (SELECT *, cast(strftime('%w', date) AS INTEGER) AS weekday,"                           \
    "         discs - CASE WHEN cents > 0 THEN " paid " * discs / cents ELSE 0 END AS counted"     \
    " FROM (SELECT *, max(cents - 299, 0) AS discs FROM purchase)));"

/* (counted x 1/50 x multiplier + pieces x 1) x tier, over 50 x 4 x 100; floor; at most 500. */
static const char best_of[] = FACTS(
    "paid") "CREATE TABLE answer AS SELECT n, person, counted, tier100,"
            " min(500, (counted * best4 + pieces * 200) * tier100 / 20000) AS points"
            " FROM (SELECT *, max(CASE WHEN date BETWEEN '1997-11-28' AND '1997-12-24' THEN 8 ELSE "
            "0 END,"
            "   CASE WHEN date BETWEEN '1997-07-01' AND '1997-08-31' THEN 7 ELSE 0 END,"
            "   CASE WHEN weekday IN (0, 6) THEN 6 ELSE 0 END,"
            "   CASE WHEN weekday = 4 AND hour >= 18 THEN 5 ELSE 0 END, 4) AS best4 FROM fact)";

/* All that apply, over 50 x 2 x 1 x 4 x 4 x 100; nearest, half up; the part paid with points
 * counts. */
static const char stacked[] = FACTS(
    "0") "CREATE TABLE answer AS SELECT n, person, counted, tier100,"
         " (2 * (counted * product + pieces * 1600) * tier100 + 160000) / 320000 AS points"
         " FROM (SELECT *, CASE WHEN date BETWEEN '1997-11-28' AND '1997-12-24' THEN 2 ELSE 1 END"
         "   * CASE WHEN date BETWEEN '1997-07-01' AND '1997-08-31' THEN 7 ELSE 4 END"
         "   * CASE WHEN weekday IN (0, 6) THEN 3 ELSE 2 END"
         "   * CASE WHEN weekday = 4 AND hour >= 18 THEN 5 ELSE 4 END AS product FROM fact)";

static void compare(const char *pack_name, const char *recompute)
{
    struct pack pack;
    packs_load(&pack, pack_name);
    load();
    int64_t total = rate_all(&pack);
    sqlite3 *db = database();
    sql_run(db, recompute);
    assert_int_equal(sql_number(db, "SELECT count(*) FROM answer"), PURCHASES);
    assert_int_equal(sql_number(db, "SELECT count(*) FROM answer JOIN purchase USING (n) "
                                "WHERE points <> c_points OR counted <> c_counted"),
                     0);
    assert_int_equal(
        sql_number(db, "SELECT count(*) FROM (SELECT sum(points) AS p, sum(c_points) AS c FROM "
                   "answer JOIN purchase USING (n) GROUP BY answer.person) WHERE p <> c"),
        0);
    assert_int_equal(sql_number(db, "SELECT sum(points) FROM answer"), total);
    /* It would say little if every case were the plain one. */
    assert_in_range(sql_number(db, "SELECT count(*) FROM answer WHERE tier100 = 125"), 1000, PURCHASES);
    assert_in_range(sql_number(db, "SELECT count(*) FROM answer WHERE tier100 = 110"), 1000, PURCHASES);
    assert_in_range(sql_number(db, "SELECT count(*) FROM purchase WHERE paid > 0"), 5000, PURCHASES);
    print_message("%s: %lld points for %d purchases\n", pack.name, (long long)total, PURCHASES);
    sqlite3_close(db);
}

TEST(cdnow, every_purchase_earns_what_sql_says)
{
    compare("cdnow", best_of);
}

TEST(cdnow, stacked_multipliers_rounded_by_line_earn_what_sql_says)
{
    compare("cdnow_stacked", stacked);
}

/* Every bill is brought back disc by disc: what was earned is what is taken back. */
TEST(cdnow, refunds_piece_by_piece_take_back_what_was_earned)
{
    struct pack pack;
    packs_load(&pack, "cdnow");
    load();
    int64_t earned = rate_all(&pack), clawed = 0, money = 0, refunds = 0, sum = 0;
    for (int32_t i = 0; i < count; i++) {
        struct txn_line lines[2];
        struct bill b = bill_of(&purchases[i], lines, "");
        struct earning e;
        assert_int_equal(rules_earn(&pack, &b, &e, NULL), OK);
        int32_t left[2] = {lines[0].quantity, 1};
        int64_t of_bill = 0;
        sum += purchases[i].cents;
        while (left[0] + left[1]) {
            int32_t line = left[0] > (purchases[i].pieces / 2) || !left[1] ? 0 : 1;
            struct rules_return r = {line, 1};
            struct clawback c;
            struct money given = money_of(0);
            assert_int_equal(rules_clawback(&pack, &b, points_of(0), left, &given, &r, 1, money_of(0), &c, NULL), OK);
            of_bill += points_n(c.clawed);
            money += money_minor(c.refund);
            refunds++;
        }
        assert_int_equal(of_bill, points_n(e.points));
        clawed += of_bill;
    }
    assert_int_equal(money, sum);
    assert_true(clawed <= earned); /* here without the tiers' factors */
    print_message("%lld refunds took back all %lld points\n", (long long)refunds,
                  (long long)clawed);
}

/* ---- lots ---- */

struct member {
    struct lot lots[1024];
    int32_t count;
    struct points owed;
    int64_t expired;
};

static void expire(struct member *m, int32_t day)
{
    static struct lot_move moves[1025];
    int32_t n;
    m->expired += points_n(lots_expire(m->lots, m->count, day, moves, &n));
}

static void spend(struct member *m, int64_t points, int32_t day)
{
    static struct lot_move moves[1025];
    int32_t n;
    assert_int_equal(points_n(lots_take(m->lots, m->count, day, points_of(points), moves, &n)), 0);
    for (int32_t i = 0; i < n; i++)
        m->expired += points_n(moves[i].expired);
}

static void earn(struct member *m, const struct pack *pack, const struct purchase *p)
{
    static struct lot_move moves[1025];
    int32_t n;
    assert_int_equal(lots_add(m->lots, &m->count, 1024, rules_expiry_day(pack, p->day, DAY_NEVER), p->day,
                              points_of(p->points), &m->owed, moves, &n, NULL),
                     OK);
}

/* Each event: the morning's run, then a redemption of half of what is left at every third purchase,
 * then the earning.  Spent is kept as a fact.  SQL: with one life for all points, first-expiring is
 * first-earned, so what is gone after event t is a running maximum:
 *     gone(t) = max(gone(t-1), earned up to day(t) - 91) + spent(t).  */
TEST(cdnow, lots_and_expiry_are_what_sql_says)
{
    static const int32_t end_day = EPOCH + 600;
    static struct member m;
    static int64_t left_of[PEOPLE + 1], expired_of[PEOPLE + 1];
    struct pack pack;
    packs_load(&pack, "cdnow");
    assert_int_equal(pack.expiry_days, EXPIRY);
    load();
    int64_t earned = rate_all(&pack), spent = 0, expired = 0, left = 0;
    for (int32_t i = 0; i < count;) {
        int32_t first = i, person = purchases[i].person;
        memset(&m, 0, sizeof m);
        for (; i < count && purchases[i].person == person; i++) {
            struct purchase *p = &purchases[i];
            expire(&m, p->day);
            p->spent = i % 3 == 0 ? lots_left(m.lots, m.count) / 2 : 0;
            spend(&m, p->spent, p->day);
            earn(&m, &pack, p);
            spent += p->spent;
        }
        expire(&m, end_day - 40); /* so that some are left */
        left_of[person] = lots_left(m.lots, m.count);
        expired_of[person] = m.expired;
        left += left_of[person];
        expired += m.expired;

        /* Once more, every redemption arriving after the last run, the latest first. */
        struct member in_time = m;
        memset(&m, 0, sizeof m);
        for (int32_t k = first; k < i; k++)
            earn(&m, &pack, &purchases[k]);
        expire(&m, end_day - 40);
        for (int32_t k = i - 1; k >= first; k--)
            spend(&m, purchases[k].spent, purchases[k].day);
        assert_int_equal(m.expired, in_time.expired);
        assert_int_equal(m.count, in_time.count);
        for (int32_t k = 0; k < m.count; k++) {
            assert_int_equal(points_n(m.lots[k].left), points_n(in_time.lots[k].left));
            assert_int_equal(points_n(m.lots[k].expired), points_n(in_time.lots[k].expired));
        }
    }
    assert_int_equal(earned, spent + expired + left);

    sqlite3 *db = database();
    sql_run(db,
        "CREATE TABLE event AS SELECT person, n, julianday(date) - julianday('1997-01-01') AS day,"
        " c_points AS earned, spent FROM purchase"
        " UNION ALL SELECT person, 1000000, 560, 0, 0 FROM purchase GROUP BY person;"
        "CREATE TABLE result AS SELECT person, max(earned_so_far) - max(gone) AS left,"
        " max(gone) - max(spent_so_far) AS expired FROM ("
        "  SELECT *, spent_so_far + max(0, max(dead - spent_before) OVER (PARTITION BY person"
        "    ORDER BY n ROWS UNBOUNDED PRECEDING)) AS gone FROM ("
        "   SELECT person, n,"
        "    sum(earned) OVER (PARTITION BY person ORDER BY n) AS earned_so_far,"
        "    sum(spent) OVER (PARTITION BY person ORDER BY n) AS spent_so_far,"
        "    sum(spent) OVER (PARTITION BY person ORDER BY n) - spent AS spent_before,"
        "    coalesce(sum(earned) OVER (PARTITION BY person ORDER BY day"
        "      RANGE BETWEEN UNBOUNDED PRECEDING AND 91 PRECEDING), 0) AS dead FROM event))"
        " GROUP BY person");
    assert_int_equal(sql_number(db, "SELECT count(*) FROM result"), PEOPLE);
    sqlite3_stmt *s;
    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT person, left, expired FROM result", -1, &s, NULL),
        SQLITE_OK);
    while (sqlite3_step(s) == SQLITE_ROW) {
        int person = sqlite3_column_int(s, 0);
        assert_in_range(person, 1, PEOPLE);
        if (sqlite3_column_int64(s, 1) != left_of[person] ||
            sqlite3_column_int64(s, 2) != expired_of[person])
            fail_msg("person %d: left %lld, expired %lld here; %lld, %lld in SQL", person,
                     (long long)left_of[person], (long long)expired_of[person],
                     (long long)sqlite3_column_int64(s, 1), (long long)sqlite3_column_int64(s, 2));
    }
    sqlite3_finalize(s);
    assert_int_equal(sql_number(db, "SELECT sum(left) FROM result"), left);
    assert_true(left > 0);
    assert_true(spent > 100000);
    assert_true(expired > 100000);
    print_message("%lld earned = %lld spent + %lld expired + %lld left\n", (long long)earned,
                  (long long)spent, (long long)expired, (long long)left);
    sqlite3_close(db);
}
