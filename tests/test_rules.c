/* test_rules.c - earning, refunds, redeeming, tiers.  Tables: the last column is the answer.
 * Complaints of other systems' users that a row answers are named beside it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "rules/rules.h"
#include "tests/packs.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

static int64_t at(const char *text)
{
    int64_t time_s;
    assert_int_equal(time_parse(&time_s, text), OK);
    return time_s;
}

static int32_t on(const char *text)
{
    int32_t day;
    assert_int_equal(day_parse(&day, text), OK);
    return day;
}

#define TIERS                                                                                      \
    "\"tiers\": {\"levels\": [{\"code\": \"bronze\", \"name\": \"Bronze\"},"                       \
    "{\"code\": \"gold\", \"name\": \"Gold\", \"upgrade_at\": 100000, \"factor\": \"5/4\"}]}"
#define DOUBLE(when)                                                                               \
    "\"multipliers\": [{\"name\": \"double\", \"factor\": 2, \"when\": {" when "}}]"
#define BONUS "\"bonuses\": [{\"name\": \"tea\", \"points\": 50, \"when\": {\"sku\": \"T\"}}]"
#define TWO_MULTIPLIERS                                                                            \
    "\"multipliers\": [{\"name\": \"double\", \"factor\": 2, \"when\": {\"category\": \"food\"}}," \
    "{\"name\": \"half more\", \"factor\": \"3/2\", \"when\": {\"shop\": \"Leeds\"}}]"

/* 2011-06-02 was a Thursday. */
TEST(rules, a_bill_earns_what_the_pack_says)
{
    static const struct {
        const char *earn, *lines, *when, *tier;
        int64_t paid_by_points, earned_today;
        int64_t counted, points;
    } rows[] = {
        /* base, floor per bill.  nopCommerce#5235: 6 points instead of 5 */
        {"", "A 1 20.00", "2011-06-02T12:00", "", 0, 0, 2000, 20},
        {"", "A 1 5.99", "2011-06-02T12:00", "", 0, 0, 599, 5},
        {"", "A 1 0.99", "2011-06-02T12:00", "", 0, 0, 99, 0},
        {"", "A 1 0.00", "2011-06-02T12:00", "", 0, 0, 0, 0},
        {"", "", "2011-06-02T12:00", "", 0, 0, 0, 0},
        /* erpnext#36466, #47193: one rounding for the bill, not one for each line */
        {"", "A 1 0.60, B 1 0.60, C 1 0.80", "2011-06-02T12:00", "", 0, 0, 200, 2},
        {"\"round_per\": \"line\"", "A 1 0.60, B 1 0.60, C 1 1.80", "2011-06-02T12:00", "", 0, 0,
         300, 1},
        {"\"rounding\": \"nearest\"", "A 1 1.49", "2011-06-02T12:00", "", 0, 0, 149, 1},
        {"\"rounding\": \"nearest\"", "A 1 1.50", "2011-06-02T12:00", "", 0, 0, 150, 2},
        {"\"rounding\": \"ceiling\"", "A 1 1.01", "2011-06-02T12:00", "", 0, 0, 101, 2},
        {"\"rounding\": \"ceiling\"", "A 1 1.00", "2011-06-02T12:00", "", 0, 0, 100, 1},
        {"\"rounding\": \"ceiling\", \"round_per\": \"line\"", "A 1 0.01, B 1 0.01",
         "2011-06-02T12:00", "", 0, 0, 2, 2},
        /* exclusions: OCA/sale-promotion#361, erpnext#14847 (what counts is said, not guessed);
         * RepairDesk#1050: a gift card earns nothing when bought */
        {"\"exclude\": [{\"sku\": \"POST\"}, {\"sku\": \"gift_*\"}]",
         "A 1 10.00, POST 1 5.00, gift_0001 1 20.00, POSTER 1 2.00, giftwrap 1 1.00",
         "2011-06-02T12:00", "", 0, 0, 1300, 13},
        {"\"exclude\": [{\"category\": \"tax\"}]", "A 1 10.00, B/tax 1 2.00", "2011-06-02T12:00",
         "", 0, 0, 1000, 10},
        /* multipliers: scope by category, day, weekday, hour, shop, tier; the best one, or all */
        {DOUBLE("\"category\": \"food\""), "A/food 1 3.00, B 1 4.00", "2011-06-02T12:00", "", 0, 0,
         700, 10},
        {DOUBLE("\"from\": \"2011-06-02\", \"to\": \"2011-06-02\""), "A 1 3.00",
         "2011-06-02T23:59:59", "", 0, 0, 300, 6},
        {DOUBLE("\"from\": \"2011-06-02\", \"to\": \"2011-06-02\""), "A 1 3.00", "2011-06-03T00:00",
         "", 0, 0, 300, 3},
        {DOUBLE("\"to\": \"2011-06-01\""), "A 1 3.00", "2011-06-02T00:00", "", 0, 0, 300, 3},
        {DOUBLE("\"from\": \"2011-06-03\""), "A 1 3.00", "2011-06-02T23:59", "", 0, 0, 300, 3},
        {DOUBLE("\"weekdays\": [\"thu\"]"), "A 1 3.00", "2011-06-02T12:00", "", 0, 0, 300, 6},
        {DOUBLE("\"weekdays\": [\"mon\", \"fri\"]"), "A 1 3.00", "2011-06-02T12:00", "", 0, 0, 300,
         3},
        {DOUBLE("\"weekdays\": [\"sun\"]"), "A 1 3.00", "2011-06-05T12:00", "", 0, 0, 300, 6},
        {DOUBLE("\"from_time\": \"17:00\", \"to_time\": \"19:00\""), "A 1 3.00", "2011-06-02T17:00",
         "", 0, 0, 300, 6},
        {DOUBLE("\"from_time\": \"17:00\", \"to_time\": \"19:00\""), "A 1 3.00", "2011-06-02T19:00",
         "", 0, 0, 300, 3},
        {DOUBLE("\"from_time\": \"22:00\", \"to_time\": \"02:00\""), "A 1 3.00", "2011-06-02T22:00",
         "", 0, 0, 300, 6},
        {DOUBLE("\"from_time\": \"22:00\", \"to_time\": \"02:00\""), "A 1 3.00", "2011-06-02T01:59",
         "", 0, 0, 300, 6},
        {DOUBLE("\"from_time\": \"22:00\", \"to_time\": \"02:00\""), "A 1 3.00", "2011-06-02T02:00",
         "", 0, 0, 300, 3},
        {DOUBLE("\"shop\": \"Leeds\""), "A 1 3.00", "2011-06-02T12:00", "", 0, 0, 300, 6},
        {DOUBLE("\"shop\": \"York\""), "A 1 3.00", "2011-06-02T12:00", "", 0, 0, 300, 3},
        {DOUBLE("\"tier\": \"gold\""), "A 1 4.00", "2011-06-02T12:00", "gold", 0, 0, 400, 10},
        {DOUBLE("\"tier\": \"gold\""), "A 1 4.00", "2011-06-02T12:00", "bronze", 0, 0, 400, 4},
        {TWO_MULTIPLIERS, "A/food 1 4.00, B 1 4.00", "2011-06-02T12:00", "", 0, 0, 800, 14},
        {"\"multipliers_stack\": true, " TWO_MULTIPLIERS, "A/food 1 4.00, B 1 4.00",
         "2011-06-02T12:00", "", 0, 0, 800, 18},
        {"\"multipliers\": [{\"name\": \"less\", \"factor\": \"1/2\"}]", "A 1 4.00",
         "2011-06-02T12:00", "", 0, 0, 400, 2},
        {"\"multipliers\": [{\"name\": \"none\", \"factor\": 0}]", "A 1 4.00", "2011-06-02T12:00",
         "", 0, 0, 400, 0},
        /* bonus: after the multiplier, each piece, also of a free thing; not of an excluded one */
        {DOUBLE("\"sku\": \"T\"") ", " BONUS, "T 3 3.00", "2011-06-02T12:00", "", 0, 0, 300, 156},
        {BONUS, "T 2 0.00", "2011-06-02T12:00", "", 0, 0, 0, 100},
        {BONUS ", \"exclude\": [{\"sku\": \"T\"}]", "T 2 5.00", "2011-06-02T12:00", "", 0, 0, 0, 0},
        /* tier factor: after the bonus; an unknown tier is the lowest */
        {BONUS, "T 1 2.00", "2011-06-02T12:00", "gold", 0, 0, 200, 65},
        {BONUS, "T 1 2.00", "2011-06-02T12:00", "platinum", 0, 0, 200, 52},
        {"", "A 1 0.80", "2011-06-02T12:00", "gold", 0, 0, 80, 1},
        /* caps: after everything */
        {"\"cap_per_bill\": 100", "A 1 90.00", "2011-06-02T12:00", "gold", 0, 0, 9000, 100},
        {"\"cap_per_bill\": 100", "A 1 80.00", "2011-06-02T12:00", "gold", 0, 0, 8000, 100},
        {"\"cap_per_day\": 100", "A 1 60.00", "2011-06-02T12:00", "", 0, 70, 6000, 30},
        {"\"cap_per_day\": 100", "A 1 60.00", "2011-06-02T12:00", "", 0, 130, 6000, 0},
        {"\"cap_per_day\": 100, \"cap_per_bill\": 20", "A 1 60.00", "2011-06-02T12:00", "", 0, 70,
         6000, 20},
        /* paid with points, and not counted as spend (POSpire PR#75): RepairDesk#1050, odoo#114004,
           #120131, #124480: one stated policy */
        {"", "A 1 20.00", "2011-06-02T12:00", "", 500, 0, 1500, 15},
        {"\"points_paid_earns\": true", "A 1 20.00", "2011-06-02T12:00", "", 500, 0, 2000, 20},
        {"", "A 1 20.00", "2011-06-02T12:00", "", 2000, 0, 0, 0},
        {"\"exclude\": [{\"sku\": \"POST\"}]", "A 1 10.00, POST 1 10.00", "2011-06-02T12:00", "",
         1000, 0, 500, 5},
        {"", "A 1 0.33, B 1 0.33, C 1 0.34", "2011-06-02T12:00", "", 50, 0, 50, 0},
        {BONUS, "T 1 2.00", "2011-06-02T12:00", "", 200, 0, 0, 50},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct txn_line lines[8];
        struct pack p;
        struct earning e;
        struct errmsg why = {""};
        packs_make(&p, rows[i].earn, TIERS);
        struct bill b = {lines,
                         packs_lines(lines, rows[i].lines),
                         money_of(rows[i].paid_by_points),
                         at(rows[i].when),
                         "Leeds",
                         rows[i].tier,
                         .earned_today = points_of(rows[i].earned_today)};
        if (rules_earn(&p, &b, &e, &why) || points_n(e.points) != rows[i].points ||
            money_minor(e.counted) != rows[i].counted)
            fail_msg("row %zu: %s %s gave %lld points, %lld counted (%s) not %lld, %lld; %s", i,
                     rows[i].earn, rows[i].lines, (long long)points_n(e.points),
                     (long long)money_minor(e.counted), e.why, (long long)rows[i].points,
                     (long long)rows[i].counted, why.text);
    }
}

TEST(rules, the_reason_reads_well_to_a_cashier)
{
    static const struct {
        const char *earn, *lines, *tier;
        int64_t paid_by_points;
        const char *says;
    } rows[] = {
        {"", "A 1 20.00", "", 0, "20.00 GBP at 1 point a GBP: 20 points"},
        {"", "A 1 1.00", "", 0, "1.00 GBP at 1 point a GBP: 1 point"},
        {DOUBLE(""), "A 1 15.00", "gold", 0,
         "15.00 GBP at 1 point a GBP, x 2 (double), x 5/4 (Gold): 37 points"},
        {TWO_MULTIPLIERS ", " BONUS ", \"exclude\": [{\"sku\": \"POST\"}]",
         "A/food 1 8.00, T 2 4.00, POST 1 3.00", "", 300,
         "9.60 of 15.00 GBP at 1 point a GBP, x 2 (double) on 6.40, x 3/2 (half more) on 3.20, "
         "+100 (tea): 117 points"},
        {"\"cap_per_bill\": 10", "A 1 20.00", "", 0,
         "20.00 GBP at 1 point a GBP, at most 10 a bill: 10 points"},
        {"\"cap_per_day\": 10", "A 1 20.00", "", 0,
         "20.00 GBP at 1 point a GBP, at most 10 a day: 10 points"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct txn_line lines[8];
        struct pack p;
        struct earning e;
        char earn[1024];
        /* DOUBLE("") is the multiplier without a scope. */
        snprintf(earn, sizeof earn, "%s",
                 strcmp(rows[i].earn, DOUBLE(""))
                     ? rows[i].earn
                     : "\"multipliers\": [{\"name\": \"double\", \"factor\": 2}]");
        packs_make(&p, earn, TIERS);
        struct bill b = {lines,
                         packs_lines(lines, rows[i].lines),
                         money_of(rows[i].paid_by_points),
                         at("2011-06-02T12:00"),
                         "Leeds",
                         rows[i].tier,
                         .earned_today = points_of(0)};
        assert_int_equal(rules_earn(&p, &b, &e, NULL), OK);
        assert_string_equal(e.why, rows[i].says);
    }
}

TEST(rules, money_without_digits_is_written_without_a_point)
{
    struct pack p;
    struct txn_line lines[1];
    struct earning e;
    packs_make(&p, "", "\"currency_digits\": 0");
    struct bill b = {lines, packs_lines(lines, "A 1 15.00"), money_of(0), 0, "", "", .earned_today = points_of(0)};
    assert_int_equal(rules_earn(&p, &b, &e, NULL), OK);
    assert_string_equal(e.why, "1500 GBP at 1/100 points a GBP: 15 points");
}

TEST(rules, a_reason_that_is_too_long_ends_with_the_points_all_the_same)
{
    struct pack p;
    struct txn_line lines[40];
    struct earning e;
    char earn[4096] = "\"multipliers_stack\": true, \"multipliers\": [";
    for (int i = 0; i < 20; i++)
        snprintf(earn + strlen(earn), sizeof earn - strlen(earn),
                 "%s{\"name\": \"multiplier %02d\", \"factor\": 1}", i ? "," : "", i);
    strcat(earn, "]");
    packs_make(&p, earn, "");
    struct bill b = {lines, packs_lines(lines, "A 1 20.00"), money_of(0), 0, "", "", .earned_today = points_of(0)};
    assert_int_equal(rules_earn(&p, &b, &e, NULL), OK);
    assert_in_range(strlen(e.why), 130, sizeof e.why - 1);
    assert_non_null(strstr(e.why, " ...: 20 points"));
}

/* smartstore#1239: no rounding of negative numbers is needed, since none enters. */
TEST(rules, a_bill_that_is_no_bill_is_refused)
{
    static const struct {
        const char *lines;
        int64_t paid_by_points, earned_today;
        const char *says;
    } rows[] = {
        {"A 0 1.00", 0, 0, "line 1: the quantity is below 1"},
        {"A 1 1.00, B -1 1.00", 0, 0, "line 2: the quantity is below 1"},
        {"A 1 -1.00", 0, 0, "line 1: the amount is negative"},
        {"A 1 1.00", 101, 0, "the part paid with points is not between 0 and the total"},
        {"A 1 1.00", -1, 0, "the part paid with points is not between 0 and the total"},
        {"A 1 1.00", 0, -1, "the points earned before are negative"},
        {"A 1 92233720368547758.07, B 1 0.01", 0, 0, "the bill is too large to be rated"},
    };
    struct pack p;
    packs_make(&p, "", "");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct txn_line lines[8];
        struct errmsg why = {""};
        struct earning e = {.points = points_of(77)};
        struct bill b = {
            lines, packs_lines(lines, rows[i].lines), money_of(rows[i].paid_by_points), 0, "",
            "",    .earned_today = points_of(rows[i].earned_today)};
        assert_int_equal(rules_earn(&p, &b, &e, &why), ERR_RANGE);
        assert_string_equal(why.text, rows[i].says);
        assert_int_equal(points_n(e.points), 77);
    }
    struct bill b = {NULL, TXN_LINES_MAX + 1, money_of(0), 0, "", "", .earned_today = points_of(0)};
    struct earning e;
    struct errmsg why;
    assert_int_equal(rules_earn(&p, &b, &e, &why), ERR_RANGE);
    assert_string_equal(why.text, "513 lines are outside 0..512");
}

TEST(rules, the_largest_bill_and_the_worst_rates_do_not_overflow_unseen)
{
    struct pack p;
    struct txn_line lines[2];
    struct earning e;
    packs_make(&p,
               "\"multipliers_stack\": true, \"multipliers\": ["
               "{\"name\": \"a\", \"factor\": \"1000/997\"}, {\"name\": \"b\", \"factor\": "
               "\"1000/991\"}, {\"name\": \"c\", \"factor\": \"1000/3\"}]",
               "");
    struct bill b = {lines,       packs_lines(lines, "A 1 5000000000.00, B 1 5000000000.00"),
                     money_of(0), 0,
                     "",          "",
                     .earned_today = points_of(0)};
    assert_int_equal(rules_earn(&p, &b, &e, NULL), OK);
    /* 10^10 x 10^9 / (997 x 991 x 3) */
    assert_int_equal(points_n(e.points), 3373726966300);
    b.line_count = packs_lines(lines, "A 1 90000000000000000.00");
    packs_make(&p, "\"multipliers\": [{\"name\": \"a\", \"factor\": 1000000}]", "");
    assert_int_equal(rules_earn(&p, &b, &e, NULL), ERR_RANGE);
}

/* pack.h promises it of PACK_PRODUCT_MAX. */
TEST(rules, the_worst_pack_there_is_rates_a_bill_of_ten_million)
{
    struct pack p;
    struct txn_line lines[1];
    struct earning e;
    char earn[8192] = "\"multipliers\": [{\"name\": \"a\", \"factor\": \"1000/997\"}], "
                      "\"bonuses\": [";
    for (int i = 0; i < PACK_BONUSES_MAX; i++)
        snprintf(earn + strlen(earn), sizeof earn - strlen(earn),
                 "%s{\"name\": \"%d\", \"points\": 1000000, \"when\": {\"sku\": \"A\"}}",
                 i ? "," : "", i);
    strcat(earn, "]");
    packs_make(&p, earn, "\"tiers\": {\"levels\": [{\"code\": \"a\", \"factor\": 1000000}]}");
    struct bill b = {lines,       packs_lines(lines, "A 1000 10000000.00"), money_of(0), 0, "", "",
                     .earned_today = points_of(0)};
    assert_int_equal(rules_earn(&p, &b, &e, NULL), OK);
    /* (10^9 / 100 x 1000 / 997 + 1000 x 32 x 10^6) x 10^6 = 10^16 / 997 + 32 x 10^15 */
    assert_int_equal(points_n(e.points), 10030090270812 + 32000000000000000);
}

/* Packs come from pack_read, which keeps rates small; here they are as large as the struct holds.
 */
TEST(rules, no_product_and_no_sum_overflows_unseen)
{
    struct pack p;
    struct txn_line lines[2];
    struct earning e;
    struct errmsg why;
    struct bill b = {lines,       packs_lines(lines, "A 1 1.00, B 1 1.00"), money_of(0), 0, "", "",
                     .earned_today = points_of(0)};
    packs_make(&p, "\"multipliers\": [{\"name\": \"a\", \"factor\": 1}]", "");
    struct ratio *factor = &p.multipliers[0].factor;
    p.earn = (struct ratio){15, 1};
    *factor = (struct ratio){INT64_C(1) << 62, INT64_C(1) << 62};
    assert_int_equal(rules_earn(&p, &b, &e, &why), OK);
    assert_int_equal(points_n(e.points), 3000);

    factor->den = 1; /* a sum: each line is just below 2^127 */
    lines[0].amount = lines[1].amount = money_of(INT64_C(1) << 61);
    assert_int_equal(rules_earn(&p, &b, &e, &why), ERR_RANGE);
    p.earn.num = 32; /* a product: 2^128 */
    assert_int_equal(rules_earn(&p, &b, &e, &why), ERR_RANGE);
    p.earn = (struct ratio){1, 16}; /* a product below the line */
    *factor = (struct ratio){1, INT64_MAX};
    p.tiers[0].factor = (struct ratio){1, INT64_MAX};
    assert_int_equal(rules_earn(&p, &b, &e, &why), ERR_RANGE);
    assert_string_equal(why.text, "the bill is too large to be rated");
}

/* ---- refunds ---- */

static struct clawback refund(const struct pack *p, const struct bill *b, int64_t redeemed,
                              int32_t *left, int32_t line, int32_t quantity)
{
    struct clawback c;
    struct errmsg why;
    struct money given = money_of(0);
    struct rules_return r = {line, quantity};
    if (rules_clawback(p, b, points_of(redeemed), left, &given, &r, 1, money_of(0), &c, &why))
        fail_msg("%s", why.text);
    return c;
}

static void all_left(const struct bill *b, int32_t *left)
{
    for (int32_t i = 0; i < b->line_count; i++)
        left[i] = b->lines[i].quantity;
}

TEST(rules, a_refund_takes_back_what_the_rest_would_not_have_earned)
{
    static const struct {
        const char *earn, *lines;
        int64_t paid_by_points, redeemed;
        int32_t line, first, second; /* quantities that come back */
        struct {
            int64_t clawed, points_back, refund, points_value, counted_back;
        } once, twice;
    } rows[] = {
        {"", "A 3 10.00", 0, 0, 0, 1, 1, {4, 0, 333, 0, 333}, {3, 0, 333, 0, 333}},
        {"", "A 2 20.00, B 1 5.00", 0, 0, 0, 1, 1, {10, 0, 1000, 0, 1000}, {10, 0, 1000, 0, 1000}},
        /* odoo#177312: a refunded excluded line claws nothing */
        {"\"exclude\": [{\"sku\": \"POST\"}]",
         "A 1 10.00, POST 2 8.00",
         0,
         0,
         1,
         1,
         1,
         {0, 0, 400, 0, 0},
         {0, 0, 400, 0, 0}},
        /* a cap: what remains would still have earned it */
        {"\"cap_per_bill\": 15",
         "A 4 40.00",
         0,
         0,
         0,
         2,
         1,
         {0, 0, 2000, 0, 2000},
         {5, 0, 1000, 0, 1000}},
        /* odoo#212922, #221928, Square: redeemed points come back, once; mollie/magento2#951: their
         * part is not paid out as cash */
        {"",
         "A 4 40.00",
         1000,
         1000,
         0,
         1,
         3,
         {8, 250, 1000, 250, 750},
         {22, 750, 3000, 750, 2250}},
        {"", "A 3 10.00", 100, 100, 0, 1, 2, {3, 33, 333, 33, 300}, {6, 67, 667, 67, 600}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct txn_line lines[8];
        int32_t left[8];
        struct pack p;
        packs_make(&p, rows[i].earn, "");
        struct bill b = {lines,
                         packs_lines(lines, rows[i].lines),
                         money_of(rows[i].paid_by_points),
                         at("2011-06-02T12:00"),
                         "",
                         "",
                         .earned_today = points_of(0)};
        all_left(&b, left);
        struct clawback c = refund(&p, &b, rows[i].redeemed, left, rows[i].line, rows[i].first);
        assert_int_equal(points_n(c.clawed), rows[i].once.clawed);
        assert_int_equal(points_n(c.points_back), rows[i].once.points_back);
        assert_int_equal(money_minor(c.refund), rows[i].once.refund);
        assert_int_equal(money_minor(c.points_value), rows[i].once.points_value);
        assert_int_equal(money_minor(c.counted_back), rows[i].once.counted_back);
        c = refund(&p, &b, rows[i].redeemed, left, rows[i].line, rows[i].second);
        assert_int_equal(points_n(c.clawed), rows[i].twice.clawed);
        assert_int_equal(points_n(c.points_back), rows[i].twice.points_back);
        assert_int_equal(money_minor(c.refund), rows[i].twice.refund);
        assert_int_equal(money_minor(c.points_value), rows[i].twice.points_value);
        assert_int_equal(money_minor(c.counted_back), rows[i].twice.counted_back);
    }
}

/* Square forum 22747: floor at each refund lets $9.99 refunds of a $10 step claw nothing, for ever.
 */
TEST(rules, many_small_refunds_leak_nothing)
{
    struct pack p;
    struct txn_line lines[1];
    int32_t left[1];
    struct errmsg why;
    static const char json[] = "{\"version\": 1, \"effective\": \"2011-01-01\", \"name\": \"T\","
                               "\"currency\": \"USD\", \"earn\": {\"rate\": \"1/1000\"}}";
    assert_int_equal(pack_read(&p, json, strlen(json), "t.json", &why), OK);
    struct bill b = {lines,       packs_lines(lines, "A 100 999.00"), money_of(0), 0, "", "",
                     .earned_today = points_of(0)};
    struct earning e;
    assert_int_equal(rules_earn(&p, &b, &e, NULL), OK);
    assert_int_equal(points_n(e.points), 99);
    all_left(&b, left);
    int64_t clawed = 0;
    for (int i = 0; i < 100; i++) {
        struct clawback c = refund(&p, &b, 0, left, 0, 1);
        assert_int_equal(money_minor(c.refund), 999);
        clawed += points_n(c.clawed);
    }
    assert_int_equal(clawed, 99);
}

/* nopCommerce#5757: the clawback is by the rules of the sale, also when today's are others. */
TEST(rules, a_refund_is_rated_by_the_pack_of_the_sale)
{
    struct pack then, now;
    struct txn_line lines[1];
    int32_t left[1];
    packs_make(&then, "\"multipliers\": [{\"name\": \"triple\", \"factor\": 3}]", "");
    packs_make(&now, "", "");
    struct bill b = {lines, packs_lines(lines, "A 1 20.00"), money_of(0), 0, "", "", .earned_today = points_of(0)};
    all_left(&b, left);
    assert_int_equal(points_n(refund(&then, &b, 0, left, 0, 1).clawed), 60);
    all_left(&b, left);
    assert_int_equal(points_n(refund(&now, &b, 0, left, 0, 1).clawed), 20);
}

TEST(rules, the_reason_of_a_refund_reads_well)
{
    struct pack p;
    struct txn_line lines[2];
    int32_t left[2];
    packs_make(&p, "", "");
    struct bill b = {lines,       packs_lines(lines, "A 4 40.00"), money_of(1000), 0, "", "",
                     .earned_today = points_of(0)};
    all_left(&b, left);
    assert_string_equal(
        refund(&p, &b, 1000, left, 0, 1).why,
        "10.00 GBP back, 2.50 of it as 250 points; 8 of 30 points earned are taken back, "
        "22 stay");
    assert_string_equal(
        refund(&p, &b, 1000, left, 0, 3).why,
        "30.00 GBP back, 7.50 of it as 750 points; 22 of 22 points earned are taken back");
}

TEST(rules, a_refund_of_what_was_not_bought_is_refused)
{
    struct pack p;
    struct txn_line lines[2];
    int32_t left[2];
    struct clawback c = {.clawed = points_of(7)};
    struct money given = money_of(0);
    struct errmsg why;
    packs_make(&p, "", "");
    struct bill b = {lines,       packs_lines(lines, "A 4 40.00, B 1 1.00"), money_of(0), 0, "", "",
                     .earned_today = points_of(0)};
    static const struct {
        int32_t line, quantity;
        const char *says;
    } rows[] = {
        {2, 1, "the bill has no line 3"},
        {-1, 1, "the bill has no line 0"},
        {0, 0, "line 1: 0 came back, which is no quantity"},
        {0, -2, "line 1: -2 came back, which is no quantity"},
        {1, 2, "line 2: 2 came back, but only 1 of 1 are left to"},
        {0, 4, "line 1: 4 came back, but only 3 of 4 are left to"}, /* one comes back before it */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rules_return r[2] = {{0, 1}, {rows[i].line, rows[i].quantity}};
        all_left(&b, left);
        assert_int_equal(rules_clawback(&p, &b, points_of(0), left, &given, r, 2, money_of(0), &c, &why), ERR_RANGE);
        assert_string_equal(why.text, rows[i].says);
        assert_int_equal(points_n(c.clawed), 7);
        assert_int_equal(left[0], 4);
    }
    b.paid_by_points = money_of(-1);
    all_left(&b, left);
    assert_int_equal(rules_clawback(&p, &b, points_of(0), left, &given, NULL, 0, money_of(0), &c, &why), ERR_RANGE);
    b.paid_by_points = money_of(0);
    left[1] = 2;
    assert_int_equal(rules_clawback(&p, &b, points_of(0), left, &given, NULL, 0, money_of(0), &c, &why), ERR_RANGE);
    assert_string_equal(why.text, "line 2: 2 of 1 cannot be left");
    all_left(&b, left);
    assert_int_equal(rules_clawback(&p, &b, points_of(-1), left, &given, NULL, 0, money_of(0), &c, &why), ERR_RANGE);
    assert_string_equal(why.text, "the redeemed points are negative");
}

/* A pack and a bill out of the hat; most of what a pack can say. */
static void random_case(struct pack *p, struct bill *b, struct txn_line *lines)
{
    static const char *const roundings[] = {"floor", "nearest", "ceiling"};
    char earn[2048], cap[64] = "";
    if (test_below(3) == 0)
        snprintf(cap, sizeof cap, ", \"cap_per_bill\": %u, \"cap_per_day\": %u, \"cap_per_month\": %u", test_below(60),
                 test_below(90), test_below(120));
    snprintf(earn, sizeof earn,
             "\"rounding\": \"%s\", \"round_per\": \"%s\", \"multipliers_stack\": %s, "
             "\"points_paid_earns\": %s, \"exclude\": [{\"sku\": \"X\"}], \"multipliers\": ["
             "{\"name\": \"a\", \"factor\": \"%u/%u\", \"when\": {\"sku\": \"A\"}},"
             "{\"name\": \"b\", \"factor\": \"%u/%u\", \"when\": {\"category\": \"c\"}},"
             "{\"name\": \"c\", \"factor\": \"%u/%u\"}],"
             "\"bonuses\": [{\"name\": \"b\", \"points\": %u, \"when\": {\"sku\": \"B\"}},"
             "{\"name\": \"visit\", \"points\": %u}], \"exclude_tenders\": [\"gift\", \"meal\"]%s",
             roundings[test_below(3)], test_below(2) ? "bill" : "line",
             test_below(2) ? "true" : "false", test_below(4) ? "false" : "true", test_below(5),
             test_below(7) + 1, test_below(5), test_below(7) + 1, test_below(5), test_below(7) + 1,
             test_below(9) + 1, test_below(9) + 1, cap);
    packs_make(p, earn,
               TIERS ", \"stamps\": [{\"name\": \"c\", \"every\": 4, \"points\": 7, \"when\": {\"category\": \"c\"}},"
                     "{\"name\": \"v\", \"per\": \"visit\", \"every\": 3, \"points\": 5},"
                     "{\"name\": \"unknown\", \"per\": \"visit\", \"every\": 2, \"points\": 5}]");
    int32_t count = (int32_t)test_below(6) + 1;
    int64_t total = 0;
    for (int32_t i = 0; i < count; i++) {
        struct txn_line *l = &lines[i];
        memset(l, 0, sizeof *l);
        l->sku[0] = "ABCX"[test_below(4)];
        l->category[0] = test_below(2) ? 'c' : 0;
        l->quantity = (int32_t)test_below(test_below(4) ? 5 : 60) + 1;
        l->amount = money_of(test_below(10) ? test_below(5000) : 0);
        total += money_minor(l->amount);
    }
    *b = (struct bill){lines,
                       count,
                       money_of(0),
                       at("2011-06-02T12:00"),
                       "Leeds",
                       test_below(2) ? "gold" : "bronze",
                       .earned_today = points_of(test_below(3) ? 0 : test_below(40))};
    if (test_below(2))
        b->paid_by_points = money_of(test_below((uint32_t)total + 1));
    static struct txn_tender tenders[3];
    static struct txn_stamp cards[2];
    static const char *const codes[] = {"gift", "cash", "meal"};
    int64_t rest = total - money_minor(b->paid_by_points);
    b->tenders = tenders;
    b->tender_count = (int32_t)test_below(4);
    for (int32_t i = 0; i < b->tender_count; i++) {
        snprintf(tenders[i].code, sizeof tenders[i].code, "%s", codes[test_below(3)]);
        tenders[i].amount = money_of(test_below((uint32_t)rest + 1));
        rest -= money_minor(tenders[i].amount);
    }
    b->earned_month = points_of(points_n(b->earned_today) + test_below(40));
    b->stamps = cards;
    b->stamp_count = 2;
    for (int32_t i = 0; i < 2; i++)
        cards[i] = (struct txn_stamp){{i ? 'v' : 'c'}, test_below(20), test_below(6)};
}

/* Some of what is left comes back: pieces, money without goods, or both. */
static struct clawback some_back(const struct pack *p, const struct bill *b, int64_t redeemed, int32_t *left,
                                 struct money *given)
{
    struct rules_return r[4];
    struct clawback c;
    struct errmsg why = {""};
    int32_t n = 0, after[6];
    memcpy(after, left, (size_t)b->line_count * sizeof left[0]);
    for (uint32_t k = test_below(4) + 1; k > 0; k--) {
        int32_t line = (int32_t)test_below((uint32_t)b->line_count);
        if (after[line] == 0)
            continue;
        int32_t q = (int32_t)test_below((uint32_t)after[line]) + 1;
        after[line] -= q;
        r[n++] = (struct rules_return){line, q};
    }
    if (test_below(3) == 0)
        n = 0;
    struct money most = rules_money_left(b->lines, b->line_count, n ? after : left, *given, NULL);
    int64_t amount = test_below(2) ? test_below((uint32_t)money_minor(most) + 1) : 0;
    if (rules_clawback(p, b, points_of(redeemed), left, given, r, n, money_of(amount), &c, &why))
        fail_msg("%s", why.text);
    return c;
}

/* Any way of bringing a bill back, piece by piece and penny by penny, adds up to bringing it back at once. */
TEST(rules, refunds_telescope_over_any_number_and_order)
{
    int with_money = 0;
    for (int round = 0; round < 3000; round++) {
        struct pack p;
        struct txn_line lines[6];
        struct bill b;
        struct earning e;
        struct money given = money_of(0);
        int32_t left[6], pieces;
        random_case(&p, &b, lines);
        assert_int_equal(rules_earn(&p, &b, &e, NULL), OK);
        int64_t total = 0, clawed = 0, back = 0, money = 0, value = 0, counted = 0;
        int64_t redeemed = money_minor(b.paid_by_points) * 3;
        all_left(&b, left);
        for (int32_t i = 0; i < b.line_count; i++)
            total += money_minor(lines[i].amount);
        do {
            struct clawback c = some_back(&p, &b, redeemed, left, &given);
            assert_true(points_n(c.clawed) >= 0);
            assert_true(points_n(c.points_back) >= 0);
            assert_true(money_minor(c.refund) >= 0);
            assert_true(money_minor(c.counted_back) >= 0);
            assert_true(money_cmp(c.points_value, c.refund) <= 0);
            clawed += points_n(c.clawed);
            back += points_n(c.points_back);
            money += money_minor(c.refund);
            value += money_minor(c.points_value);
            counted += money_minor(c.counted_back);
            for (int i = 0; i < 3; i++) {
                assert_true(c.stamps_back[i].collected >= 0);
                assert_true(c.stamps_back[i].given >= 0);
                e.stamps[i].collected -= c.stamps_back[i].collected;
                e.stamps[i].given -= c.stamps_back[i].given;
            }
            pieces = 0;
            for (int32_t i = 0; i < b.line_count; i++)
                pieces += left[i];
        } while (pieces);
        with_money += money_minor(given) > 0;
        assert_int_equal(clawed, points_n(e.points));
        for (int i = 0; i < 3; i++) {
            assert_int_equal(e.stamps[i].collected, 0);
            assert_int_equal(e.stamps[i].given, 0);
        }
        assert_int_equal(back, total ? redeemed : 0);
        assert_int_equal(money, total);
        assert_int_equal(value, money_minor(b.paid_by_points));
        assert_int_equal(counted, money_minor(e.counted));
    }
    assert_true(with_money > 1000);
}

/* The same pieces and money back are the same points back, whatever came first and in how many parts. */
TEST(rules, what_came_back_decides_and_not_in_which_order)
{
    for (int round = 0; round < 2000; round++) {
        struct pack p;
        struct txn_line lines[6];
        struct bill b;
        struct clawback c;
        struct money given = money_of(0), at_once = money_of(0);
        int32_t left[6], left_at_once[6], n = 0;
        struct rules_return r[6];
        random_case(&p, &b, lines);
        all_left(&b, left);
        all_left(&b, left_at_once);
        int64_t clawed = 0, back = 0, counted = 0, redeemed = money_minor(b.paid_by_points) * 3;
        for (int part = 0; part < 4; part++) {
            c = some_back(&p, &b, redeemed, left, &given);
            clawed += points_n(c.clawed);
            back += points_n(c.points_back);
            counted += money_minor(c.counted_back);
        }
        for (int32_t i = 0; i < b.line_count; i++)
            if (left[i] < lines[i].quantity)
                r[n++] = (struct rules_return){i, lines[i].quantity - left[i]};
        struct money all = rules_money_left(lines, b.line_count, left_at_once, at_once, NULL);
        struct money rest = rules_money_left(lines, b.line_count, left, at_once, NULL);
        if (money_cmp(given, rest) > 0)
            continue; /* money for goods that came back later: not possible at once */
        assert_int_equal(rules_clawback(&p, &b, points_of(redeemed), left_at_once, &at_once, r, n, given, &c, NULL),
                         OK);
        assert_int_equal(points_n(c.clawed), clawed);
        assert_int_equal(points_n(c.points_back), back);
        assert_int_equal(money_minor(c.counted_back), counted);
        assert_true(money_cmp(given, all) <= 0);
        assert_int_equal(money_minor(at_once), money_minor(given));
    }
}

/* Worked by hand: a bill of 30.00 at a point a pound, A with a bonus of 5 and double points. */
TEST(rules, money_without_goods_lies_on_what_is_left_in_proportion)
{
    static const struct {
        int32_t line;   /* that comes back whole; -1 = money */
        int64_t amount;
        int64_t clawed, points_back, refund, points_value, counted_back;
        int64_t kept[2]; /* money of the lines after it */
    } rows[] = {
        /* 6.00 paid with 600 points leave 24.00 that counts, A 8.00 and B 16.00: 16 + 5 + 16 = 37 points */
        {-1, 300, 4, 60, 300, 60, 240, {900, 1800}},  /* 32 x 9/10 + 5 = 33.8: 33; 24.00 x 9/10 = 21.60 */
        {-1, 1, 0, 0, 1, 0, 1, {899, 1800}},          /* 32 x 2699/3000 + 5 = 33.79: 33; 21.592 count */
        {0, 0, 20, 200, 1000, 200, 800, {0, 1699}},   /* 16 x 1699/2000 = 13.59: 13; 13.592 count */
        {-1, 1699, 13, 340, 1699, 340, 1359, {0, 0}}, /* no money is left, B was kept */
    };
    struct pack p;
    struct txn_line lines[2];
    int32_t left[2];
    struct money given = money_of(0);
    packs_make(&p, "\"multipliers\": [{\"name\": \"twice\", \"factor\": 2, \"when\": {\"sku\": \"A\"}}],"
                   "\"bonuses\": [{\"name\": \"five\", \"points\": 5, \"when\": {\"sku\": \"A\"}}]", "");
    struct bill b = {lines, packs_lines(lines, "A 1 10.00, B 1 20.00"), money_of(600), 0, "", "", .earned_today = points_of(0)};
    struct earning e;
    assert_int_equal(rules_earn(&p, &b, &e, NULL), OK);
    assert_int_equal(points_n(e.points), 37);
    all_left(&b, left);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct clawback c;
        struct money kept[2];
        struct rules_return r = {rows[i].line, 1};
        assert_int_equal(rules_clawback(&p, &b, points_of(600), left, &given, &r, rows[i].line >= 0,
                                        money_of(rows[i].amount), &c, NULL), OK);
        (void)rules_money_left(lines, 2, left, given, kept);
        int64_t is[] = {points_n(c.clawed), points_n(c.points_back), money_minor(c.refund),
                        money_minor(c.points_value), money_minor(c.counted_back), money_minor(kept[0]),
                        money_minor(kept[1])};
        const int64_t should[] = {rows[i].clawed, rows[i].points_back, rows[i].refund, rows[i].points_value,
                                  rows[i].counted_back, rows[i].kept[0], rows[i].kept[1]};
        for (size_t k = 0; k < sizeof is / sizeof is[0]; k++)
            if (is[k] != should[k])
                fail_msg("refund %zu, number %zu is %ld, expected %ld", i + 1, k + 1, (long)is[k],
                         (long)should[k]);
    }
}

TEST(rules, more_money_than_is_left_of_a_bill_does_not_come_back)
{
    struct pack p;
    struct txn_line lines[2];
    int32_t left[2];
    struct money given = money_of(0);
    struct clawback c = {.clawed = points_of(7)};
    struct errmsg why;
    packs_make(&p, "", "");
    struct bill b = {lines, packs_lines(lines, "A 4 40.00, B 1 1.00"), money_of(0), 0, "", "", .earned_today = points_of(0)};
    struct rules_return a = {0, 4};
    all_left(&b, left);
    assert_int_equal(rules_clawback(&p, &b, points_of(0), left, &given, NULL, 0, money_of(4101), &c, &why), ERR_RANGE);
    assert_string_equal(why.text, "only 41.00 GBP of this bill have not come back yet");
    assert_int_equal(rules_clawback(&p, &b, points_of(0), left, &given, NULL, 0, money_of(-1), &c, &why), ERR_RANGE);
    assert_string_equal(why.text, "the money given back is negative");
    assert_int_equal(rules_clawback(&p, &b, points_of(0), left, &given, &a, 1, money_of(101), &c, &why), ERR_RANGE);
    assert_int_equal(points_n(c.clawed), 7);
    assert_int_equal(left[0], 4);
    assert_int_equal(money_minor(given), 0);
    given = money_of(-1);
    assert_int_equal(rules_clawback(&p, &b, points_of(0), left, &given, NULL, 0, money_of(0), &c, &why), ERR_RANGE);
    assert_string_equal(why.text, "the money given back before is negative");
}

TEST(rules, what_is_paid_with_points_is_spread_to_the_penny)
{
    for (int round = 0; round < 2000; round++) {
        struct txn_line lines[6];
        struct pack p;
        struct bill b;
        struct earning e;
        random_case(&p, &b, lines);
        p.exclusion_count = 0;
        p.points_paid_earns = false;
        int64_t total = 0;
        for (int32_t i = 0; i < b.line_count; i++)
            total += money_minor(lines[i].amount);
        assert_int_equal(rules_earn(&p, &b, &e, NULL), OK);
        for (int32_t i = 0; i < b.tender_count; i++)
            if (strcmp(b.tenders[i].code, "cash") != 0)
                total -= money_minor(b.tenders[i].amount);
        assert_int_equal(money_minor(e.counted), total - money_minor(b.paid_by_points));
    }
}

/* ---- which lines came back ---- */

TEST(rules, returned_goods_are_found_on_the_bill)
{
    static const struct {
        const char *bill, *back;
        int32_t left[4];
        const char *found; /* "line x quantity", or the refusal */
    } rows[] = {
        {"A 2 4.00, B 1 1.00", "A 1 2.00", {2, 1}, "0x1 "},
        {"A 2 4.00, B 1 1.00", "B 1 1.00, A 2 4.00", {2, 1}, "0x2 1x1 "},
        /* same price first, later lines first */
        {"A 1 2.00, A 1 1.00, A 1 2.00", "A 1 2.00", {1, 1, 1}, "2x1 "},
        {"A 1 2.00, A 1 1.00, A 1 2.00", "A 1 1.00", {1, 1, 1}, "1x1 "},
        {"A 1 2.00, A 1 1.00, A 1 2.00", "A 2 4.00", {1, 1, 1}, "0x1 2x1 "},
        {"A 1 2.00, A 1 1.00, A 1 2.00", "A 3 5.00", {1, 1, 1}, "0x1 1x1 2x1 "},
        {"A 1 2.00, A 1 1.00", "A 1 9.00", {1, 1}, "1x1 "},
        {"A 3 3.00, A 3 3.00", "A 2 2.00, A 2 2.00", {3, 3}, "0x1 1x3 "},
        {"A 3 3.00, A 3 3.00", "A 2 2.00", {3, 0}, "0x2 "},
        {"A 2 4.00", "B 1 2.00", {2}, "B was not on this bill, or has all come back before"},
        {"A 2 4.00", "A 1 2.00", {0}, "A was not on this bill, or has all come back before"},
        {"A 2 4.00", "A 3 6.00", {2}, "A: 3 came back, but only 2 are left on this bill"},
        {"A 2 4.00", "A 1 2.00, A 2 4.00", {2}, "A: 2 came back, but only 1 are left on this bill"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct txn_line bill[4], back[4];
        struct rules_return out[4];
        struct errmsg why;
        char found[128] = "";
        int32_t count = -1, lines = packs_lines(bill, rows[i].bill);
        enum err e = rules_match_returns(bill, lines, rows[i].left, back,
                                         packs_lines(back, rows[i].back), out, 4, &count, &why);
        for (int32_t k = 0; !e && k < count; k++)
            snprintf(found + strlen(found), sizeof found - strlen(found), "%dx%d ",
                     (int)out[k].line, (int)out[k].quantity);
        assert_string_equal(e ? why.text : found, rows[i].found);
        assert_int_equal(e, strchr(rows[i].found, 'x') && rows[i].found[1] == 'x' ? OK
                                                                                  : ERR_NOT_FOUND);
    }
    struct txn_line bill[2];
    struct rules_return out[1];
    struct errmsg why;
    int32_t count = 5, left[2] = {1, 1};
    assert_int_equal(packs_lines(bill, "A 1 1.00, B 1 1.00"), 2);
    assert_int_equal(rules_match_returns(bill, 2, left, bill, 2, out, 1, &count, &why), ERR_FULL);
    assert_string_equal(why.text, "2 lines came back, 1 have room");
    assert_int_equal(count, 5);
}

/* ---- money off ---- */

TEST(rules, a_rebate_takes_the_largest_rate_off_each_line_and_never_more_than_it)
{
    static const struct {
        const char *lines, *tier;
        int64_t off[3], total;
        const char *why;
    } rows[] = {
        {"A 1 10.00, B 1 9.99", "bronze", {50, 99}, 149, "1.49 GBP off: members 0.50, tea 0.99"},
        {"A 1 10.00, B 1 9.99", "gold", {1000, 999}, 1999, "19.99 GBP off: all 19.99"},
        {"A 1 0.19, C 3 0.00", "bronze", {0, 0}, 0, ""},
        {"A 1 0.20", "?", {1}, 1, "0.01 GBP off: members 0.01"},
        {"X 1 10.00", "bronze", {500}, 500, "5.00 GBP off: half 5.00"}, /* the first of equals */
    };
    struct pack p;
    packs_make(&p, "", TIERS ", \"rebates\": ["
                   "{\"name\": \"members\", \"rate\": \"1/20\"},"
                   "{\"name\": \"tea\", \"rate\": \"1/10\", \"when\": {\"sku\": \"B\"}},"
                   "{\"name\": \"half\", \"rate\": \"1/2\", \"when\": {\"sku\": \"X\"}},"
                   "{\"name\": \"two quarters\", \"rate\": \"2/4\", \"when\": {\"sku\": \"X\"}},"
                   "{\"name\": \"all\", \"rate\": 1, \"when\": {\"tier\": \"gold\"}}]");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct txn_line lines[3];
        struct rebate r;
        struct bill b = {lines, packs_lines(lines, rows[i].lines), money_of(0), at("2011-06-02T12:00"), "",
                         rows[i].tier, .earned_today = points_of(0)};
        assert_int_equal(rules_rebate(&p, &b, &r, NULL), OK);
        for (int32_t k = 0; k < b.line_count; k++)
            assert_int_equal(money_minor(r.of_line[k]), rows[i].off[k]);
        assert_int_equal(money_minor(r.total), rows[i].total);
        assert_string_equal(r.why, rows[i].why);
    }
    struct txn_line bad = {.sku = "A", .quantity = 0, .amount = {100}};
    struct bill b = {&bad, 1, money_of(0), 0, "", "", .earned_today = points_of(0)};
    struct rebate r = {.total = money_of(7)};
    assert_int_equal(rules_rebate(&p, &b, &r, NULL), ERR_RANGE);
    assert_int_equal(money_minor(r.total), 7);
}

/* ---- ways of being known, goodwill ---- */

TEST(rules, what_is_copied_in_seconds_redeems_on_line_with_a_second_factor_only)
{
    static const struct {
        enum txn_means means;
        /* redeeming 100 on line, with a second factor; then the same with the line cut; limit 0, limit 99 */
        enum means_answer online, with_factor, cut, above, above_with_factor, at_limit;
    } rows[] = {
        {MEANS_CARD, MEANS_MAY, MEANS_MAY, MEANS_MAY, MEANS_WANTS_FACTOR, MEANS_MAY, MEANS_MAY},
        {MEANS_SUN, MEANS_MAY, MEANS_MAY, MEANS_ONLINE_ONLY, MEANS_WANTS_FACTOR, MEANS_MAY, MEANS_MAY},
        {MEANS_CODE, MEANS_WANTS_FACTOR, MEANS_MAY, MEANS_ONLINE_ONLY, MEANS_WANTS_FACTOR, MEANS_MAY,
         MEANS_MAY},
        {MEANS_PASS, MEANS_WANTS_FACTOR, MEANS_MAY, MEANS_ONLINE_ONLY, MEANS_WANTS_FACTOR, MEANS_MAY,
         MEANS_WANTS_FACTOR},
        {MEANS_TAG, MEANS_WANTS_FACTOR, MEANS_MAY, MEANS_ONLINE_ONLY, MEANS_WANTS_FACTOR, MEANS_MAY,
         MEANS_WANTS_FACTOR},
        {MEANS_UID, MEANS_WANTS_FACTOR, MEANS_MAY, MEANS_ONLINE_ONLY, MEANS_WANTS_FACTOR, MEANS_MAY,
         MEANS_WANTS_FACTOR},
        {MEANS_PHONE, MEANS_WANTS_FACTOR, MEANS_MAY, MEANS_ONLINE_ONLY, MEANS_WANTS_FACTOR, MEANS_MAY,
         MEANS_WANTS_FACTOR},
        {MEANS_REGISTER, MEANS_WANTS_FACTOR, MEANS_MAY, MEANS_ONLINE_ONLY, MEANS_WANTS_FACTOR, MEANS_MAY,
         MEANS_WANTS_FACTOR},
        {MEANS_NONE, MEANS_NOBODY, MEANS_NOBODY, MEANS_NOBODY, MEANS_NOBODY, MEANS_NOBODY, MEANS_NOBODY},
        {(enum txn_means)99, MEANS_NOBODY, MEANS_NOBODY, MEANS_NOBODY, MEANS_NOBODY, MEANS_NOBODY,
         MEANS_NOBODY},
    };
    struct pack p, limited;
    packs_make(&p, "", "\"redeem\": {\"worth\": 1}");
    packs_make(&limited, "", "\"redeem\": {\"worth\": 1, \"second_factor_above\": 99}");
    struct points some = points_of(100), at_limit = points_of(99);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum txn_means m = rows[i].means;
        bool nobody = rows[i].online == MEANS_NOBODY;
        assert_int_equal(rules_means_may(&p, m, false, points_of(0), false), nobody ? MEANS_NOBODY : MEANS_MAY);
        assert_int_equal(rules_means_may(&p, m, true, some, false), rows[i].online);
        assert_int_equal(rules_means_may(&p, m, true, some, true), rows[i].with_factor);
        assert_int_equal(rules_means_may(&p, m, false, some, true), rows[i].cut);
        assert_int_equal(rules_means_may(&limited, m, true, some, false), rows[i].above);
        assert_int_equal(rules_means_may(&limited, m, true, some, true), rows[i].above_with_factor);
        assert_int_equal(rules_means_may(&limited, m, true, at_limit, false), rows[i].at_limit);
    }
}

TEST(rules, a_till_gives_no_more_than_the_programme_lets_it)
{
    static const struct {
        const char *grants;
        int64_t points, given_today;
        bool by_register;
        enum grant_answer answer;
    } rows[] = {
        {"", 10, 0, false, GRANT_NOT_HERE},
        {"\"grants\": {\"per_gift\": 0, \"per_day\": 50}", 10, 0, false, GRANT_NOT_HERE},
        {"\"grants\": {\"per_gift\": 20, \"per_day\": 50}", 20, 0, false, GRANT_OK},
        {"\"grants\": {\"per_gift\": 20, \"per_day\": 50}", 21, 0, false, GRANT_ABOVE_GIFT},
        {"\"grants\": {\"per_gift\": 20, \"per_day\": 50}", 20, 30, false, GRANT_OK},
        {"\"grants\": {\"per_gift\": 20, \"per_day\": 50}", 20, 31, false, GRANT_ABOVE_DAY},
        {"\"grants\": {\"per_gift\": 20, \"per_day\": 50}", 1, 60, false, GRANT_ABOVE_DAY},
        {"\"grants\": {\"per_gift\": 20, \"per_day\": 50}", 0, 0, false, GRANT_NOTHING},
        {"\"grants\": {\"per_gift\": 20, \"per_day\": 50}", -5, 0, false, GRANT_NOTHING},
        {"\"grants\": {\"per_gift\": 20, \"per_day\": 50}", 10, 0, true, GRANT_REGISTER},
        {"\"grants\": {\"per_gift\": 20, \"per_day\": 50, \"register\": true}", 10, 0, true, GRANT_OK},
        {"\"grants\": {\"per_gift\": 20, \"per_day\": 50, \"register\": true}", 21, 0, true, GRANT_ABOVE_GIFT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pack p;
        packs_make(&p, "", rows[i].grants);
        enum grant_answer answer =
            rules_grant(&p, points_of(rows[i].points), points_of(rows[i].given_today), rows[i].by_register);
        if (answer != rows[i].answer)
            fail_msg("row %zu: %s", i, grant_answer_text(answer));
    }
}

/* ---- redeeming ---- */

#define REDEEM                                                                                     \
    "\"redeem\": {\"worth\": \"1/2\", \"min\": 100, \"step\": 20, \"max_share\": \"1/2\", "        \
    "\"offline_days\": 7},\n\"tiers\": {\"levels\": [{\"code\": \"bronze\", \"offline_per_tap\": " \
    "200, "                                                                                        \
    "\"offline_per_day\": 300}, {\"code\": \"gold\", \"upgrade_at\": 5, \"offline_per_tap\": "     \
    "1000, "                                                                                       \
    "\"offline_per_day\": 2000}]}"

TEST(rules, a_redemption_is_answered)
{
    static const struct {
        int64_t points, purse, total;
        bool online, blocked;
        int64_t offline_today;
        int32_t days;
        const char *tier;
        enum redeem_answer answer;
        int64_t value;
    } rows[] = {
        {100, 500, 10000, true, false, 0, 0, "", REDEEM_OK, 50},
        {500, 500, 10000, true, false, 0, 0, "", REDEEM_OK, 250},
        {100, 500, 100, true, false, 0, 0, "", REDEEM_OK, 50},
        {120, 500, 100, true, false, 0, 0, "", REDEEM_ABOVE_BILL_SHARE, 0},
        {120, 500, 119, true, false, 0, 0, "", REDEEM_ABOVE_BILL_SHARE, 0},
        {120, 500, 120, true, false, 0, 0, "", REDEEM_OK, 60},
        {100, 500, 0, true, false, 0, 0, "", REDEEM_ABOVE_BILL_SHARE, 0},
        {80, 500, 10000, true, false, 0, 0, "", REDEEM_BELOW_MINIMUM, 0},
        {0, 500, 10000, true, false, 0, 0, "", REDEEM_BELOW_MINIMUM, 0},
        {-100, 500, 10000, true, false, 0, 0, "", REDEEM_BELOW_MINIMUM, 0},
        {110, 500, 10000, true, false, 0, 0, "", REDEEM_NOT_A_STEP, 0},
        {520, 500, 10000, true, false, 0, 0, "", REDEEM_ABOVE_PURSE, 0},
        {100, 0, 10000, true, false, 0, 0, "", REDEEM_NOTHING_HELD, 0},
        {100, 500, 10000, true, true, 0, 0, "", REDEEM_CARD_BLOCKED, 0},
        /* with the line cut */
        {200, 500, 10000, false, false, 0, 0, "bronze", REDEEM_OK, 100},
        {220, 500, 10000, false, false, 0, 0, "bronze", REDEEM_OFFLINE_TAP_LIMIT, 0},
        {220, 500, 10000, false, false, 0, 0, "unknown", REDEEM_OFFLINE_TAP_LIMIT, 0},
        {220, 500, 10000, false, false, 0, 0, "gold", REDEEM_OK, 110},
        {100, 500, 10000, false, false, 200, 0, "bronze", REDEEM_OK, 50},
        {120, 500, 10000, false, false, 200, 0, "bronze", REDEEM_OFFLINE_DAY_LIMIT, 0},
        {100, 500, 10000, false, false, 900, 0, "bronze", REDEEM_OFFLINE_DAY_LIMIT, 0},
        {100, 500, 10000, false, false, 0, 7, "bronze", REDEEM_OK, 50},
        {100, 500, 10000, false, false, 0, 8, "bronze", REDEEM_OFFLINE_TOO_LONG, 0},
        /* the limits of the cut line do not bind when it is there */
        {400, 500, 10000, true, false, 900, 99, "bronze", REDEEM_OK, 200},
    };
    struct pack p;
    packs_make(&p, "", REDEEM);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct redeem_facts f = {
            money_of(rows[i].total), points_of(rows[i].purse),         rows[i].tier, rows[i].online,
            rows[i].blocked,         points_of(rows[i].offline_today), rows[i].days, .alone = false};
        struct money value;
        enum redeem_answer answer = rules_redeem(&p, &f, points_of(rows[i].points), &value);
        if (answer != rows[i].answer || money_minor(value) != rows[i].value)
            fail_msg("row %zu: %s, %lld", i, redeem_answer_text(answer),
                     (long long)money_minor(value));
    }
    struct money value;
    struct redeem_facts f = {money_of(10000), points_of(500), "", false, false, points_of(0), 0, .alone = false};
    f = (struct redeem_facts){.purse = points_of(500), .tier = "", .online = true, .alone = true};
    assert_int_equal(rules_redeem(&p, &f, points_of(500), &value), REDEEM_OK);
    assert_int_equal(money_minor(value), 250);
    assert_int_equal(rules_redeem(&p, &f, points_of(520), &value), REDEEM_ABOVE_PURSE);
    struct redeem_offer offer;
    rules_redeem_offer(&p, &f, &offer);
    assert_int_equal(points_n(offer.most), 500);
    f.online = false;
    p.offline_days = 0;
    assert_int_equal(rules_redeem(&p, &f, points_of(100), &value), REDEEM_OFFLINE_NEVER);
    p.worth.num = 0;
    assert_int_equal(rules_redeem(&p, &f, points_of(100), &value), REDEEM_NOT_OFFERED);
}

TEST(rules, each_refusal_has_its_own_sentence)
{
    for (int a = 0; a < REDEEM_ANSWERS; a++) {
        const char *text = redeem_answer_text((enum redeem_answer)a);
        assert_non_null(text);
        assert_int_equal(text[strlen(text) - 1], '.');
        for (int b = 0; b < a; b++)
            assert_string_not_equal(text, redeem_answer_text((enum redeem_answer)b));
    }
}

TEST(rules, the_offer_names_what_bounds_it)
{
    static const struct {
        int64_t purse, total;
        bool online;
        int64_t offline_today;
        int32_t days;
        int64_t most, value;
        enum redeem_answer limit;
    } rows[] = {
        {519, 10000, true, 0, 0, 500, 250, REDEEM_OK},
        {500, 300, true, 0, 0, 300, 150, REDEEM_OK},
        {500, 319, true, 0, 0, 300, 150, REDEEM_OK},
        {99, 10000, true, 0, 0, 0, 0, REDEEM_BELOW_MINIMUM},
        {500, 99, true, 0, 0, 0, 0, REDEEM_ABOVE_BILL_SHARE},
        {0, 10000, true, 0, 0, 0, 0, REDEEM_NOTHING_HELD},
        {500, 10000, false, 0, 0, 200, 100, REDEEM_OFFLINE_TAP_LIMIT},
        {500, 10000, false, 150, 0, 140, 70, REDEEM_OFFLINE_DAY_LIMIT},
        {500, 10000, false, 250, 0, 0, 0, REDEEM_OFFLINE_DAY_LIMIT},
        {200, 10000, false, 0, 0, 200, 100, REDEEM_OK},
        {500, 10000, false, 0, 8, 0, 0, REDEEM_OFFLINE_TOO_LONG},
    };
    struct pack p;
    packs_make(&p, "", REDEEM);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct redeem_facts f = {money_of(rows[i].total),
                                 points_of(rows[i].purse),
                                 "bronze",
                                 rows[i].online,
                                 false,
                                 points_of(rows[i].offline_today),
                                 rows[i].days,
                                 .alone = false};
        struct redeem_offer o;
        rules_redeem_offer(&p, &f, &o);
        if (points_n(o.most) != rows[i].most || money_minor(o.most_value) != rows[i].value ||
            o.limit != rows[i].limit)
            fail_msg("row %zu: %lld, %lld, %s", i, (long long)points_n(o.most),
                     (long long)money_minor(o.most_value), redeem_answer_text(o.limit));
    }
}

TEST(rules, the_offer_and_the_answer_agree_on_every_number_of_points)
{
    for (int round = 0; round < 400; round++) {
        static const char *const worths[] = {"1", "1/2", "3/4", "2", "5/3"};
        static const uint32_t steps[] = {1, 2, 4, 12, 3};
        uint32_t w = test_below(5), step = steps[w] * (test_below(4) + 1);
        if (w == 4)
            step = 3 * (test_below(4) + 1);
        char top[512];
        snprintf(
            top, sizeof top,
            "\"redeem\": {\"worth\": \"%s\", \"step\": %u, \"min\": %u, \"max_share\": \"%u/7\", "
            "\"offline_days\": %u}, \"tiers\": {\"levels\": [{\"code\": \"a\", "
            "\"offline_per_tap\": %u, \"offline_per_day\": 130}]}",
            worths[w], step, step * (test_below(2) + 1), test_below(7) + 1, test_below(5),
            110 + test_below(20));
        struct pack p;
        packs_make(&p, "", top);
        struct redeem_facts f = {money_of(test_below(400)),
                                 points_of(test_below(300)),
                                 "a",
                                 test_below(2),
                                 test_below(9) == 0,
                                 points_of(test_below(100)),
                                 (int32_t)test_below(6),
                                 .alone = test_below(4) == 0};
        struct redeem_offer o;
        rules_redeem_offer(&p, &f, &o);
        int64_t most = 0;
        for (int64_t n = -1; n <= 310; n++) {
            struct money value;
            if (rules_redeem(&p, &f, points_of(n), &value) != REDEEM_OK)
                continue;
            assert_true(f.alone || money_cmp(value, f.total) <= 0);
            assert_int_equal(money_minor(value), money_minor(rules_worth(&p, points_of(n))));
            most = n;
        }
        assert_int_equal(points_n(o.most), most);
        if (most == 0)
            assert_int_not_equal(o.limit, REDEEM_OK);
    }
}

/* ---- expiry days ---- */

TEST(rules, points_end_on_the_day_the_pack_says)
{
    static const struct {
        const char *expiry, *earned, *ends;
    } rows[] = {
        {"{\"kind\": \"never\"}", "2011-06-02", "never"},
        {"{\"kind\": \"rolling\", \"days\": 1}", "2011-12-31", "2012-01-01"},
        {"{\"kind\": \"rolling\", \"days\": 365}", "2011-06-02", "2012-06-01"},
        {"{\"kind\": \"rolling\", \"days\": 365}", "2010-06-02", "2011-06-02"},
        {"{\"kind\": \"year_end\", \"years\": 0}", "2011-06-02", "2011-12-31"},
        {"{\"kind\": \"year_end\", \"years\": 1}", "2011-12-31", "2012-12-31"},
        /* as if the last purchase had been then */
        {"{\"kind\": \"activity\", \"days\": 90}", "2011-06-02", "2011-08-31"},
        /* enrolled on 29 February 2008 */
        {"{\"kind\": \"anniversary\", \"years\": 0}", "2011-02-28", "2011-02-28"},
        {"{\"kind\": \"anniversary\", \"years\": 0}", "2011-03-01", "2012-02-28"},
        {"{\"kind\": \"anniversary\", \"years\": 0}", "2012-02-28", "2012-02-28"},
        {"{\"kind\": \"anniversary\", \"years\": 0}", "2012-02-29", "2013-02-28"},
        {"{\"kind\": \"anniversary\", \"years\": 2}", "2011-12-31", "2014-02-28"},
        {"{\"kind\": \"anniversary\", \"years\": 0}", "2007-12-31", "2008-02-28"}, /* claimed later */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pack p;
        char top[128], text[DAY_TEXT_SIZE];
        snprintf(top, sizeof top, "\"expiry\": %s", rows[i].expiry);
        packs_make(&p, "", top);
        day_text(text, rules_expiry_day(&p, on(rows[i].earned), on("2008-02-29")));
        assert_string_equal(text, rows[i].ends);
    }
}

/* ---- tiers ---- */

#define LEVELS                                                                                     \
    "\"levels\": [{\"code\": \"a\", \"name\": \"Bronze\"},"                                        \
    "{\"code\": \"b\", \"name\": \"Silver\", \"upgrade_at\": 1000, \"keep_at\": 800},"             \
    "{\"code\": \"c\", \"name\": \"Gold\", \"upgrade_at\": 5000, \"keep_at\": 4000}]}"

/* open-loyalty#131: by what was earned or bought, never by a balance; redeeming cannot lower it. */
TEST(rules, tiers_rise_at_once_and_fall_only_in_a_review)
{
    static const struct {
        const char *tiers; /* the pack's members before the levels */
        const char *held;
        int32_t short_since;
        int64_t metric, last_year;
        int32_t today;
        bool review;
        const char *tier;
        int32_t short_since_after;
        const char *why;
    } rows[] = {
        /* up, also over a tier; erpnext#24672, #22167, #14930, #41564: the threshold itself, not
           one below */
        {"", "a", DAY_NEVER, 999, 0, 100, false, "a", DAY_NEVER,
         "Bronze: 9.99 GBP, Silver from 10.00 GBP"},
        {"", "a", DAY_NEVER, 1000, 0, 100, false, "b", DAY_NEVER,
         "Silver reached: 10.00 GBP, from 10.00 GBP"},
        {"", "a", DAY_NEVER, 4999, 0, 100, false, "b", DAY_NEVER,
         "Silver reached: 49.99 GBP, from 10.00 GBP"},
        {"", "a", DAY_NEVER, 5000, 0, 100, false, "c", DAY_NEVER,
         "Gold reached: 50.00 GBP, from 50.00 GBP"},
        {"", "b", 90, 5000, 0, 100, true, "c", DAY_NEVER,
         "Gold reached: 50.00 GBP, from 50.00 GBP"},
        {"", "gone", DAY_NEVER, 1200, 0, 100, false, "b", DAY_NEVER,
         "Silver reached: 12.00 GBP, from 10.00 GBP"},
        /* not down outside a review */
        {"", "c", DAY_NEVER, 0, 0, 100, false, "c", DAY_NEVER,
         "Gold kept: 0.00 GBP, from 40.00 GBP"},
        {"", "c", 90, 0, 0, 100, false, "c", 90, "Gold kept: 0.00 GBP, from 40.00 GBP"},
        /* kept in a review: by the lower threshold */
        {"", "c", DAY_NEVER, 4000, 0, 100, true, "c", DAY_NEVER,
         "Gold kept: 40.00 GBP, from 40.00 GBP"},
        {"", "c", 90, 4000, 0, 100, true, "c", DAY_NEVER, "Gold kept: 40.00 GBP, from 40.00 GBP"},
        {"", "a", DAY_NEVER, 0, 0, 100, true, "a", DAY_NEVER,
         "Bronze kept: 0.00 GBP, from 0.00 GBP"},
        /* down at once without grace: to the tier it keeps */
        {"", "c", DAY_NEVER, 3999, 0, 100, true, "b", DAY_NEVER,
         "Silver instead of Gold: 39.99 GBP, to keep that 40.00 GBP"},
        {"", "c", DAY_NEVER, 800, 0, 100, true, "b", DAY_NEVER,
         "Silver instead of Gold: 8.00 GBP, to keep that 40.00 GBP"},
        {"", "c", DAY_NEVER, 799, 0, 100, true, "a", DAY_NEVER,
         "Bronze instead of Gold: 7.99 GBP, to keep that 40.00 GBP"},
        /* one step; the next step has a grace of its own */
        {"\"downgrade_one_step\": true, ", "c", DAY_NEVER, 0, 0, 100, true, "b", 100,
         "Silver instead of Gold: 0.00 GBP, to keep that 40.00 GBP"},
        {"\"downgrade_one_step\": true, ", "b", DAY_NEVER, 0, 0, 100, true, "a", DAY_NEVER,
         "Bronze instead of Silver: 0.00 GBP, to keep that 8.00 GBP"},
        /* grace */
        {"\"grace_days\": 30, ", "c", DAY_NEVER, 0, 0, 14975, true, "c", 14975,
         "Gold until 2011-01-30: 0.00 GBP, to keep it 40.00 GBP"},
        {"\"grace_days\": 30, ", "c", 14975, 0, 0, 15004, true, "c", 14975,
         "Gold until 2011-01-30: 0.00 GBP, to keep it 40.00 GBP"},
        {"\"grace_days\": 30, ", "c", 14975, 0, 0, 15005, true, "a", DAY_NEVER,
         "Bronze instead of Gold: 0.00 GBP, to keep that 40.00 GBP"},
        {"\"grace_days\": 30, ", "c", 14975, 4000, 0, 15005, true, "c", DAY_NEVER,
         "Gold kept: 40.00 GBP, from 40.00 GBP"},
        {"\"grace_days\": 30, \"downgrade_one_step\": true, ", "c", 14975, 0, 0, 15005, true, "b",
         15005, "Silver instead of Gold: 0.00 GBP, to keep that 40.00 GBP"},
        /* calendar year: the year before keeps, but does not lift */
        {"\"window\": \"calendar_year\", ", "c", DAY_NEVER, 0, 4500, 100, true, "c", DAY_NEVER,
         "Gold kept: 45.00 GBP, from 40.00 GBP"},
        {"\"window\": \"calendar_year\", ", "b", DAY_NEVER, 0, 9000, 100, true, "b", DAY_NEVER,
         "Silver kept: 90.00 GBP, from 8.00 GBP"},
        {"", "c", DAY_NEVER, 0, 4500, 100, true, "a", DAY_NEVER,
         "Bronze instead of Gold: 0.00 GBP, to keep that 40.00 GBP"},
        /* other metrics */
        {"\"metric\": \"points\", ", "a", DAY_NEVER, 1000, 0, 100, false, "b", DAY_NEVER,
         "Silver reached: 1000 points, from 1000 points"},
        {"\"metric\": \"visits\", ", "b", DAY_NEVER, 900, 0, 100, true, "b", DAY_NEVER,
         "Silver kept: 900 visits, from 800 visits"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pack p;
        struct tier_decision d;
        char top[1024];
        snprintf(top, sizeof top, "\"tiers\": {%s" LEVELS, rows[i].tiers);
        packs_make(&p, "", top);
        struct tier_facts f = {rows[i].held,      rows[i].short_since, rows[i].metric,
                               rows[i].last_year, rows[i].today,       rows[i].review};
        rules_tier(&p, &f, &d);
        if (strcmp(d.tier->code, rows[i].tier) != 0 ||
            d.short_since_day != rows[i].short_since_after || strcmp(d.why, rows[i].why) != 0)
            fail_msg("row %zu: %s, %d, %s", i, d.tier->code, (int)d.short_since_day, d.why);
    }
}

/* No member bounces: what rules_tier decides, it decides again on the same day. */
TEST(rules, a_tier_decision_is_stable)
{
    struct pack p;
    for (int round = 0; round < 2000; round++) {
        char top[1024];
        snprintf(top, sizeof top,
                 "\"tiers\": {\"grace_days\": %u, \"downgrade_one_step\": %s, " LEVELS,
                 test_below(3) * 10, test_below(2) ? "true" : "false");
        packs_make(&p, "", top);
        struct tier_facts f = {.tier = p.tiers[test_below(3)].code,
                               .short_since_day =
                                   test_below(2) ? DAY_NEVER : 80 + (int32_t)test_below(21),
                               .metric = test_below(6000),
                               .today = 100,
                               .review = true};
        struct tier_decision once, twice;
        rules_tier(&p, &f, &once);
        f.tier = once.tier->code;
        f.short_since_day = once.short_since_day;
        rules_tier(&p, &f, &twice);
        if (p.grace_days > 0 || !p.downgrade_one_step)
            assert_string_equal(once.tier->code, twice.tier->code);
        assert_true(once.tier->keep_at <= f.metric || p.downgrade_one_step || p.grace_days);
    }
}

TEST(rules, the_window_of_a_tier_starts_where_the_pack_says)
{
    static const struct {
        const char *tiers;
        int32_t start;
    } rows[] = {
        {"\"window_days\": 1, ", 15000},
        {"\"window_days\": 365, ", 14636},
        {"\"window\": \"calendar_year\", ", 14975},
        {"\"window\": \"lifetime\", ", INT32_MIN},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pack p;
        char top[1024];
        snprintf(top, sizeof top, "\"tiers\": {%s" LEVELS, rows[i].tiers);
        packs_make(&p, "", top);
        assert_int_equal(rules_tier_window_start(&p, DAY_NEVER, 15000), rows[i].start);
    }
}
