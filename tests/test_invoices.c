/* test_invoices.c - whole invoices of a gift shop under the demo's pack: every sale, and every
 * return matched to its sale, rated by rules/ and once more in SQL written from docs/programme.md.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "rules/rules.h"
#include "tests/packs.h"
#include "tests/sql.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INVOICES_MAX = 4096, LINES_MAX = 65536 };

struct invoice {
    char kind; /* 'S'ale, 'R'eturn */
    int number, original;
    int64_t time_s;
    char when[24];
    struct txn_line *lines;
    int32_t line_count;
    /* of a sale; what is left, tier and part paid with points are ours */
    int32_t *left;
    const char *tier;
    int64_t paid, points, counted, clawed, points_back;
};
static struct invoice invoices[INVOICES_MAX];
static struct txn_line lines[LINES_MAX];
static int32_t lefts[LINES_MAX];
static int invoice_count, line_count, returns;

static struct invoice *sale_of(int number)
{
    for (int i = 0; i < invoice_count; i++)
        if (invoices[i].kind == 'S' && invoices[i].number == number)
            return &invoices[i];
    fail_msg("no sale %d", number);
    return NULL;
}

static void load(void)
{
    static const char *const tiers[] = {"bronze", "silver", "gold"};
    char path[512], row[256];
    snprintf(path, sizeof path, "%s/online_retail/invoices.txt", test_data_dir());
    FILE *f = fopen(path, "r");
    if (!f)
        fail_msg("%s: cannot be opened", path);
    invoice_count = line_count = returns = 0;
    while (fgets(row, sizeof row, f)) {
        char code[64], kind[16];
        int quantity;
        long long pence;
        struct invoice *v = &invoices[invoice_count];
        if (*row != 'L') {
            assert_in_range(invoice_count, 0, INVOICES_MAX - 1);
            *v = (struct invoice){
                .kind = *row, .lines = &lines[line_count], .left = &lefts[line_count]};
            const char *number = row + 2 + (*row == 'R');
            assert_int_equal(
                sscanf(number, "%d %23s %*s %*s %d", &v->number, v->when, &v->original),
                *row == 'R' ? 3 : 2);
            assert_int_equal(time_parse(&v->time_s, v->when), OK);
            v->tier = tiers[v->number % 3];
            returns += *row == 'R';
            invoice_count++;
            continue;
        }
        assert_int_equal(sscanf(row, "L %63s %d %lld %15s", code, &quantity, &pence, kind), 4);
        assert_in_range(line_count, 0, LINES_MAX - 1);
        struct txn_line *l = &lines[line_count];
        *l = (struct txn_line){.quantity = quantity, .amount = money_of(pence)};
        snprintf(l->sku, sizeof l->sku, "%.19s", code);
        snprintf(l->category, sizeof l->category, "%s", kind);
        lefts[line_count++] = quantity;
        v[-1].line_count++;
    }
    fclose(f);
    for (int i = 0; i < invoice_count; i++) {
        int64_t total = 0;
        for (int32_t k = 0; k < invoices[i].line_count; k++)
            total += money_minor(invoices[i].lines[k].amount);
        invoices[i].paid = total * (invoices[i].number % 5) / 12;
    }
}

static struct bill bill_of(const struct invoice *v)
{
    return (struct bill){v->lines, v->line_count, money_of(v->paid), v->time_s,
                         "",       v->tier,       .earned_today = points_of(0)};
}

static void take_back(const struct pack *pack, const struct invoice *back)
{
    static struct rules_return found[TXN_LINES_MAX];
    struct invoice *sale = sale_of(back->original);
    struct bill b = bill_of(sale);
    struct clawback c;
    struct errmsg why;
    struct money given = money_of(0);
    int32_t count;
    if (rules_match_returns(sale->lines, sale->line_count, sale->left, back->lines,
                            back->line_count, found, TXN_LINES_MAX, &count, &why))
        fail_msg("C%d of %d: %s", back->number, back->original, why.text);
    if (rules_clawback(pack, &b, points_of(sale->paid), sale->left, &given, found, count, money_of(0), &c, &why))
        fail_msg("C%d of %d: %s", back->number, back->original, why.text);
    sale->clawed += points_n(c.clawed);
    sale->points_back += points_n(c.points_back);
}

static sqlite3 *database(void)
{
    sqlite3 *db;
    char text[512];
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    sql_run(db, "CREATE TABLE sale(n INTEGER PRIMARY KEY, at TEXT, tier TEXT, paid INTEGER, c_points "
            "INTEGER, "
            "c_counted INTEGER, c_clawed INTEGER, c_back INTEGER);"
            "CREATE TABLE line(n INTEGER, i INTEGER, sku TEXT, kind TEXT, quantity INTEGER, pence "
            "INTEGER, "
            "remain INTEGER); BEGIN");
    for (int i = 0; i < invoice_count; i++) {
        const struct invoice *v = &invoices[i];
        if (v->kind != 'S')
            continue;
        snprintf(text, sizeof text,
                 "INSERT INTO sale VALUES(%d,'%s','%s',%lld,%lld,%lld,%lld,%lld)", v->number,
                 v->when, v->tier, (long long)v->paid, (long long)v->points, (long long)v->counted,
                 (long long)v->clawed, (long long)v->points_back);
        sql_run(db, text);
        for (int32_t k = 0; k < v->line_count; k++) {
            snprintf(text, sizeof text, "INSERT INTO line VALUES(%d,%d,'%s','%s',%d,%lld,%d)",
                     v->number, (int)k, v->lines[k].sku, v->lines[k].category,
                     (int)v->lines[k].quantity, (long long)money_minor(v->lines[k].amount),
                     (int)v->left[k]);
            sql_run(db, text);
        }
    }
    sql_run(db, "COMMIT");
    return db;
}

/* A line counts for its pence less its share of the part paid with points; what came back of that
 * is rounded down.  (counted / 100 x best / 2 + 5 x cakestands) x tier / 4. */
static const char answer[] =
    "CREATE TABLE share AS SELECT *, sum(pence) OVER (PARTITION BY n ORDER BY i) AS upto,"
    "   sum(pence) OVER (PARTITION BY n) AS total FROM line JOIN sale USING (n);"
    "CREATE TABLE counts AS SELECT *, pence - (paid * upto / total - paid * (upto - pence) / "
    "total) AS whole"
    "   FROM share WHERE kind <> 'service' AND sku NOT GLOB 'gift_*' AND sku NOT IN ('POST', "
    "'DOT', 'C2',"
    "   'D', 'M', 'S', 'B', 'BANK CHARGES', 'BANK_CHARGES', 'AMAZONFEE', 'CRUK');"
    "CREATE TABLE summed AS SELECT n, sum(whole) AS counted,"
    "   sum(whole - whole * (quantity - remain) / quantity) AS counted_left,"
    "   sum((sku = '22423') * quantity * 5) AS bonus, sum((sku = '22423') * remain * 5) AS "
    "bonus_left"
    "   FROM counts GROUP BY n;"
    "CREATE TABLE answer AS SELECT n, counted, min(20000, (counted * best2 + bonus * 200) * tier4 "
    "/ 800) AS"
    "   points, min(20000, (counted_left * best2 + bonus_left * 200) * tier4 / 800) AS points_left "
    "FROM ("
    " SELECT n, coalesce(counted, 0) AS counted, coalesce(counted_left, 0) AS counted_left,"
    "   coalesce(bonus, 0) AS bonus, coalesce(bonus_left, 0) AS bonus_left,"
    "   CASE tier WHEN 'gold' THEN 6 WHEN 'silver' THEN 5 ELSE 4 END AS tier4,"
    "   CASE WHEN substr(at, 1, 10) BETWEEN '2010-12-01' AND '2010-12-23' THEN 4"
    "        WHEN substr(at, 1, 10) BETWEEN '2011-11-25' AND '2011-12-23' THEN 4"
    "        WHEN strftime('%w', substr(at, 1, 10)) = '4' AND substr(at, 12, 5) >= '17:00'"
    "             AND substr(at, 12, 5) < '21:00' THEN 3 ELSE 2 END AS best2"
    " FROM sale LEFT JOIN summed USING (n));"
    "CREATE TABLE back AS SELECT n, paid * sum(pence * (quantity - remain) / quantity) / total AS "
    "back"
    "   FROM share GROUP BY n";

TEST(invoices, every_sale_and_every_return_is_what_sql_says)
{
    struct pack pack;
    int64_t points = 0, clawed = 0;
    packs_load(&pack, "demo");
    load();
    for (int i = 0; i < invoice_count; i++) {
        struct invoice *v = &invoices[i];
        struct bill b = bill_of(v);
        struct earning e;
        if (v->kind == 'R')
            continue;
        assert_int_equal(rules_earn(&pack, &b, &e, NULL), OK);
        v->points = points_n(e.points);
        v->counted = money_minor(e.counted);
        points += v->points;
    }
    for (int i = 0; i < invoice_count; i++)
        if (invoices[i].kind == 'R')
            take_back(&pack, &invoices[i]);
    for (int i = 0; i < invoice_count; i++)
        clawed += invoices[i].clawed;

    sqlite3 *db = database();
    sql_run(db, answer);
    assert_int_equal(sql_number(db, "SELECT count(*) FROM answer"), invoice_count - returns);
    assert_int_equal(
        sql_number(db, "SELECT count(*) FROM answer JOIN sale USING (n) WHERE points <> c_points"), 0);
    assert_int_equal(
        sql_number(db, "SELECT count(*) FROM answer JOIN sale USING (n) WHERE counted <> c_counted"),
        0);
    assert_int_equal(sql_number(db, "SELECT count(*) FROM answer JOIN sale USING (n) "
                                "WHERE points - points_left <> c_clawed"),
                     0);
    assert_int_equal(
        sql_number(db, "SELECT count(*) FROM back JOIN sale USING (n) WHERE back <> c_back"), 0);
    assert_int_equal(sql_number(db, "SELECT sum(points) FROM answer"), points);
    /* The data must have something of everything. */
    assert_in_range(returns, 300, 1000);
    assert_true(clawed > 1000);
    assert_true(sql_number(db, "SELECT sum(c_back) FROM sale") > 1000);
    assert_true(sql_number(db, "SELECT count(*) FROM line WHERE sku = '22423'") > 50);
    print_message("%d sales: %lld points; %d returns: %lld taken back\n", invoice_count - returns,
                  (long long)points, returns, (long long)clawed);
    sqlite3_close(db);
}
