/* test_rules_bill.c - what a bill earns by how it was paid, what was shown and who came; stamps; the growth value.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "rules/rules.h"
#include "tests/packs.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

/* "gift 25.00, cash 1.00" */
static int32_t tenders_of(struct txn_tender *out, const char *text)
{
    int32_t count = 0;
    while (*text) {
        long long whole, cents;
        int used = 0;
        memset(&out[count], 0, sizeof out[count]);
        if (sscanf(text, " %15s %lld.%2lld%n", out[count].code, &whole, &cents, &used) != 3)
            fail_msg("no tender: %s", text);
        out[count++].amount = money_of(whole * 100 + cents);
        text += used;
        text += *text == ',';
    }
    return count;
}

/* "A B" into names; NULL and "" are none. */
static int32_t names_of(char (*out)[TXN_NAME_SIZE], const char *text)
{
    int32_t count = 0;
    int used = 0;
    while (text && sscanf(text, " %15s%n", out[count], &used) == 1) {
        text += used;
        count++;
    }
    return count;
}

#define TENDERS "\"exclude_tenders\": [\"giftcard\", \"meal\"]"
#define WELCOME "\"bonuses\": [{\"name\": \"welcome\", \"points\": 50, \"when\": {\"mark\": \"first\"}}]"
#define SPRING  "\"bonuses\": [{\"name\": \"spring\", \"points\": 20, \"when\": {\"coupon\": \"SPRING-*\"}}]"
#define VISIT   "\"bonuses\": [{\"name\": \"visit\", \"points\": 5}]"

TEST(rules_bill, what_was_paid_and_shown_decides)
{
    static const struct {
        const char *earn, *lines, *tenders, *coupons, *marks;
        int64_t by_points, month, points, counted;
    } rows[] = {
        /* tenders */
        {TENDERS, "A 1 40.00", "cash 40.00", "", "", 0, 0, 40, 4000},
        {TENDERS, "A 1 40.00", "giftcard 15.00, cash 25.00", "", "", 0, 0, 25, 2500},
        {TENDERS, "A 1 40.00", "giftcard 15.00, meal 10.00", "", "", 0, 0, 15, 1500},
        {TENDERS, "A 1 40.00", "giftcard 15.00, giftcard 25.00", "", "", 0, 0, 0, 0},
        {TENDERS, "A 1 40.00", "Giftcard 15.00", "", "", 0, 0, 40, 4000},
        {TENDERS, "A 1 40.00", "giftcard 15.00", "", "", 1000, 0, 15, 1500},
        {TENDERS ", \"points_paid_earns\": true", "A 1 40.00", "giftcard 15.00", "", "", 1000, 0, 25, 2500},
        {TENDERS ", \"exclude\": [{\"sku\": \"X\"}]", "A 1 30.00, X 1 10.00", "giftcard 20.00", "", "", 0, 0, 15, 1500},
        /* shares over the lines, to the penny: 6.66 and 3.34 */
        {TENDERS ", \"exclude\": [{\"sku\": \"X\"}]", "A 1 20.00, X 1 10.00", "meal 10.00", "", "", 0, 0, 13, 1334},
        /* visits */
        {VISIT, "A 3 10.00, B 1 1.00", "", "", "", 0, 0, 16, 1100},
        {VISIT, "A 1 0.00", "", "", "", 0, 0, 0, 0},
        {VISIT, "A 1 10.00", "", "", "", 1000, 0, 0, 0},
        {VISIT ", \"exclude\": [{\"sku\": \"A\"}]", "A 1 10.00", "", "", "", 0, 0, 0, 0},
        {VISIT ", \"round_per\": \"line\"", "A 1 1.50, B 1 1.50", "", "", "", 0, 0, 7, 300},
        /* marks */
        {WELCOME, "A 2 10.00", "", "", "first birthday", 0, 0, 60, 1000},
        {WELCOME, "A 2 10.00", "", "", "birthday", 0, 0, 10, 1000},
        {WELCOME, "A 2 10.00", "", "", "", 0, 0, 10, 1000},
        {"\"multipliers\": [{\"name\": \"b\", \"factor\": 2, \"when\": {\"mark\": \"birthday\", \"category\": \"cake\"}}]",
         "A/cake 1 10.00, B 1 5.00", "", "", "birthday", 0, 0, 25, 1500},
        {"\"exclude\": [{\"mark\": \"staff\"}]", "A 1 10.00", "", "", "staff", 0, 0, 0, 0},
        /* coupons */
        {SPRING, "A 1 10.00", "", "SPRING-7K2", "", 0, 0, 30, 1000},
        {SPRING, "A 1 10.00", "", "SUMMER-1 SPRING-7K2", "", 0, 0, 30, 1000},
        {SPRING, "A 1 10.00", "", "SPRING", "", 0, 0, 10, 1000},
        {SPRING, "A 1 10.00", "", "spring-7K2", "", 0, 0, 10, 1000},
        {"\"bonuses\": [{\"name\": \"tea\", \"points\": 3, \"when\": {\"coupon\": \"TEA\", \"sku\": \"A\"}}]", "A 4 10.00", "",
         "TEA", "", 0, 0, 22, 1000},
        /* caps */
        {"\"cap_per_month\": 30", "A 1 25.00", "", "", "", 0, 0, 25, 2500},
        {"\"cap_per_month\": 30", "A 1 25.00", "", "", "", 0, 10, 20, 2500},
        {"\"cap_per_month\": 30", "A 1 25.00", "", "", "", 0, 31, 0, 2500},
        {"\"cap_per_month\": 30, \"cap_per_bill\": 12", "A 1 25.00", "", "", "", 0, 10, 12, 2500},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pack p;
        struct txn_line lines[4];
        struct txn_tender tenders[4];
        char coupons[4][TXN_NAME_SIZE], marks[4][TXN_NAME_SIZE];
        struct earning e;
        struct errmsg why;
        packs_make(&p, rows[i].earn, "");
        struct bill b = {.lines = lines,
                         .line_count = packs_lines(lines, rows[i].lines),
                         .paid_by_points = money_of(rows[i].by_points),
                         .shop = "",
                         .tier = "",
                         .earned_month = points_of(rows[i].month),
                         .tenders = tenders,
                         .tender_count = tenders_of(tenders, rows[i].tenders)};
        b.coupon_count = names_of(coupons, rows[i].coupons);
        b.mark_count = names_of(marks, rows[i].marks);
        b.coupons = (const char(*)[TXN_NAME_SIZE])coupons;
        b.marks = (const char(*)[TXN_NAME_SIZE])marks;
        if (rules_earn(&p, &b, &e, &why))
            fail_msg("row %zu: %s", i, why.text);
        if (points_n(e.points) != rows[i].points || money_minor(e.counted) != rows[i].counted)
            fail_msg("row %zu: %s (counted %lld)", i, e.why, (long long)money_minor(e.counted));
    }
}

TEST(rules_bill, more_paid_than_the_total_is_refused)
{
    struct pack p;
    struct txn_line lines[1];
    struct txn_tender tenders[2];
    struct earning e;
    struct errmsg why;
    packs_make(&p, TENDERS, "");
    struct bill b = {.lines = lines,
                     .line_count = packs_lines(lines, "A 1 10.00"),
                     .paid_by_points = money_of(500),
                     .tenders = tenders,
                     .tender_count = tenders_of(tenders, "cash 3.00, giftcard 2.01")};
    assert_int_equal(rules_earn(&p, &b, &e, &why), ERR_RANGE);
    b.paid_by_points = money_of(499);
    assert_int_equal(rules_earn(&p, &b, &e, &why), OK);
    assert_int_equal(points_n(e.points), 3);
    tenders[0].amount = money_of(-1);
    assert_int_equal(rules_earn(&p, &b, &e, &why), ERR_RANGE);
    b.tender_count = 0;
    b.earned_month = points_of(-1);
    assert_int_equal(rules_earn(&p, &b, &e, &why), ERR_RANGE);
}

TEST(rules_bill, a_bill_is_taken_from_an_entry_whole)
{
    static struct txn t;
    snprintf(t.shop, sizeof t.shop, "s");
    snprintf(t.tier, sizeof t.tier, "gold");
    snprintf(t.coupons[0], sizeof t.coupons[0], "C");
    snprintf(t.marks[1], sizeof t.marks[1], "first");
    t.line_count = 3;
    t.tender_count = t.coupon_count = 1;
    t.mark_count = 2;
    t.redeemed_value = money_of(7);
    t.time_s = 99;
    struct bill b = rules_bill(&t);
    assert_ptr_equal(b.lines, t.lines);
    assert_ptr_equal(b.tenders, t.tenders);
    assert_string_equal(b.shop, "s");
    assert_string_equal(b.tier, "gold");
    assert_string_equal(b.coupons[0], "C");
    assert_string_equal(b.marks[1], "first");
    assert_int_equal(b.line_count * 1000 + b.tender_count * 100 + b.coupon_count * 10 + b.mark_count, 3112);
    assert_int_equal(money_minor(b.paid_by_points), 7);
    assert_int_equal(b.time_s, 99);
    assert_int_equal(points_n(b.earned_today) + points_n(b.earned_month) + b.stamp_count, 0);
}

/* ---- stamps ---- */

#define STAMPS                                                                                                   \
    "\"stamps\": [{\"name\": \"coffee\", \"every\": 10, \"points\": 300, \"when\": {\"category\": \"coffee\"}},"     \
    "{\"name\": \"come\", \"per\": \"visit\", \"every\": 5, \"points\": 40, \"when\": {\"weekdays\": [\"thu\"]}}]"

TEST(rules_bill, a_full_stamp_card_gives_its_points_once)
{
    static const struct {
        const char *earn, *lines;
        int64_t coffee, given, come, come_given; /* before; -1 = that card is not known */
        int64_t points, stamps, full, visits, visits_full;
    } rows[] = {
        {"", "a/coffee 3 9.00", 8, 0, 0, 0, 309, 3, 1, 1, 0},
        {"", "a/coffee 1 3.00", 8, 0, 0, 0, 3, 1, 0, 1, 0},
        {"", "a/coffee 1 3.00, b/coffee 1 3.00", 8, 0, 0, 0, 306, 2, 1, 1, 0},
        {"", "a/coffee 25 1.00", 8, 0, 0, 0, 901, 25, 3, 1, 0},
        {"", "a/coffee 25 1.00", 8, 2, 0, 0, 301, 25, 1, 1, 0},
        {"", "a/tea 3 9.00", 8, 0, 0, 0, 9, 0, 0, 1, 0},
        /* less is there than was rewarded: bought, rewarded, brought back */
        {"", "a/coffee 3 9.00", 7, 1, 0, 0, 9, 3, 0, 1, 0},
        {"", "a/coffee 1 3.00", -1, 0, -1, 0, 3, 1, 0, 1, 0},
        {"", "a/tea 1 3.00", 0, 0, 4, 0, 43, 0, 0, 1, 1},
        {"", "a/tea 1 0.00", 0, 0, 4, 0, 0, 0, 0, 0, 0},
        {"\"exclude\": [{\"sku\": \"a\"}]", "a/coffee 1 3.00, b/coffee 1 3.00", 8, 0, 0, 0, 3, 1, 0, 1, 0},
        {"\"cap_per_bill\": 100", "a/coffee 3 9.00", 8, 0, 0, 0, 100, 3, 1, 1, 0},
    };
    int64_t thursday;
    assert_int_equal(time_parse(&thursday, "2011-05-12T18:00"), OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pack p;
        struct txn_line lines[2];
        struct txn_stamp cards[2] = {{"come", rows[i].come, rows[i].come_given},
                                      {"coffee", rows[i].coffee, rows[i].given}};
        struct earning e;
        struct errmsg why;
        packs_make(&p, rows[i].earn, STAMPS);
        struct bill b = {.lines = lines,
                         .line_count = packs_lines(lines, rows[i].lines),
                         .time_s = thursday,
                         .stamps = cards,
                         .stamp_count = rows[i].coffee < 0 ? 0 : 2};
        if (rules_earn(&p, &b, &e, &why))
            fail_msg("row %zu: %s", i, why.text);
        if (points_n(e.points) != rows[i].points || e.stamps[0].collected != rows[i].stamps ||
            e.stamps[0].given != rows[i].full || e.stamps[1].collected != rows[i].visits ||
            e.stamps[1].given != rows[i].visits_full)
            fail_msg("row %zu: %s; stamps %d %d, visits %d %d", i, e.why, (int)e.stamps[0].collected,
                     (int)e.stamps[0].given, (int)e.stamps[1].collected, (int)e.stamps[1].given);
        b.time_s += SECONDS_PER_DAY;
        assert_int_equal(rules_earn(&p, &b, &e, &why), OK);
        assert_int_equal(e.stamps[1].collected, 0); /* Friday */
    }
}

/* Buying, bringing back and buying again gives no card twice, however it is mixed. */
TEST(rules_bill, stamps_that_come_and_go_fill_no_card_twice)
{
    struct pack p;
    packs_make(&p, "", STAMPS);
    for (int round = 0; round < 500; round++) {
        struct {
            struct txn_line line;
            struct txn_stamp card;
            int32_t left;
        } bills[12];
        int64_t collected = 0, given = 0, peak = 0;
        int count = 0;
        struct errmsg why;
        for (int step = 0; step < 24; step++) {
            if (count < 12 && test_below(2)) {
                struct earning e;
                struct txn_line *line = &bills[count].line;
                assert_int_equal(packs_lines(line, "a/coffee 1 3.00"), 1);
                line->quantity = bills[count].left = (int32_t)test_below(12) + 1;
                bills[count].card = (struct txn_stamp){"coffee", collected, given};
                struct bill b = {.lines = line, .line_count = 1, .stamps = &bills[count].card, .stamp_count = 1};
                assert_int_equal(rules_earn(&p, &b, &e, &why), OK);
                collected += e.stamps[0].collected;
                given += e.stamps[0].given;
                count++;
            } else if (count) {
                struct clawback c;
                struct money nothing = money_of(0);
                uint32_t k = test_below((uint32_t)count);
                struct bill b = {.lines = &bills[k].line, .line_count = 1, .stamps = &bills[k].card, .stamp_count = 1};
                if (bills[k].left == 0)
                    continue;
                struct rules_return r = {0, (int32_t)test_below((uint32_t)bills[k].left) + 1};
                assert_int_equal(rules_clawback(&p, &b, points_of(0), &bills[k].left, &nothing, &r, 1, money_of(0), &c,
                                                &why),
                                 OK);
                collected -= c.stamps_back[0].collected;
                given -= c.stamps_back[0].given;
            }
            peak = collected > peak ? collected : peak;
            assert_true(collected >= 0);
            assert_true(given >= 0);
            assert_true(given <= peak / 10);
        }
    }
}

/* ---- tiers ---- */

TEST(rules_bill, a_growth_value_is_weighed_and_rounded_down_part_by_part)
{
    static const struct {
        const char *mix;
        struct tier_sums sums;
        int64_t metric;
    } rows[] = {
        {"\"spend\": \"1/100\", \"visits\": 10", {64099, 7, 12}, 760}, /* docs/programme.md */
        {"\"spend\": \"1/100\"", {99, 7, 12}, 0},
        {"\"spend\": \"1/2\", \"points\": \"1/2\", \"visits\": \"1/2\"", {1, 1, 1}, 0},
        {"\"spend\": \"1/2\", \"points\": \"1/2\", \"visits\": \"1/2\"", {3, 5, 7}, 6},
        {"\"points\": 3", {64099, 7, 12}, 21},
        {"\"spend\": 1, \"visits\": 1", {-5, 0, 3}, 3}, /* more came back in the window than was bought */
        {"\"spend\": 1000000", {INT64_MAX, INT64_MAX, 1}, INT64_MAX / 16},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pack p;
        char top[300];
        snprintf(top, sizeof top, "\"tiers\": {\"metric\": \"mix\", \"mix\": {%s}, \"levels\": [{\"code\": \"a\"}]}",
                 rows[i].mix);
        packs_make(&p, "", top);
        if (rules_tier_metric(&p, &rows[i].sums) != rows[i].metric)
            fail_msg("row %zu: %lld", i, (long long)rules_tier_metric(&p, &rows[i].sums));
    }
    struct pack p;
    struct tier_sums sums = {1, 2, 3};
    packs_make(&p, "", "");
    for (int m = METRIC_SPEND; m <= METRIC_VISITS; m++) {
        p.metric = (enum pack_metric)m;
        assert_int_equal(rules_tier_metric(&p, &sums), m + 1);
    }
}

TEST(rules_bill, a_year_of_membership_begins_on_the_day_of_joining)
{
    static const struct {
        const char *joined, *today, *start;
    } rows[] = {
        {"2009-03-15", "2011-03-15", "2011-03-15"}, {"2009-03-15", "2011-03-14", "2010-03-15"},
        {"2009-03-15", "2011-12-31", "2011-03-15"}, {"2009-03-15", "2012-01-01", "2011-03-15"},
        {"2008-02-29", "2011-02-28", "2010-03-01"}, {"2008-02-29", "2011-03-01", "2011-03-01"},
        {"2008-02-29", "2012-02-29", "2012-02-29"}, {"2011-01-01", "2011-06-01", "2011-01-01"},
        {"", "2011-06-01", "2011-01-01"},
    };
    struct pack p;
    packs_make(&p, "", "\"tiers\": {\"window\": \"anniversary\", \"levels\": [{\"code\": \"a\"},"
                       "{\"code\": \"b\", \"upgrade_at\": 100}]}");
    assert_true(rules_tier_by_year(&p));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int32_t joined = DAY_NEVER, today, start;
        assert_int_equal(*rows[i].joined ? day_parse(&joined, rows[i].joined) : OK, OK);
        assert_int_equal(day_parse(&today, rows[i].today), OK);
        assert_int_equal(day_parse(&start, rows[i].start), OK);
        if (rules_tier_window_start(&p, joined, today) != start)
            fail_msg("row %zu", i);
    }
    /* What the year before reached keeps the tier, as with calendar_year. */
    struct tier_facts f = {"b", DAY_NEVER, 0, 100, 15000, true};
    struct tier_decision d;
    rules_tier(&p, &f, &d);
    assert_string_equal(d.tier->code, "b");
    f.metric_last_year = 99;
    rules_tier(&p, &f, &d);
    assert_string_equal(d.tier->code, "a");
    p.window = WINDOW_LIFETIME;
    assert_false(rules_tier_by_year(&p));
}

/* ---- rewards ---- */

#define REWARDS                                                                                                       \
    "\"redeem\": {\"worth\": 1, \"offline_days\": 7}, \"tiers\": {\"levels\": [{\"code\": \"bronze\", "                      \
    "\"offline_per_tap\": 100, \"offline_per_day\": 150}, {\"code\": \"gold\", \"upgrade_at\": 9, "                        \
    "\"reward_factor\": \"9/10\", \"offline_per_tap\": 1000}]},"                                                        \
    "\"rewards\": [{\"code\": \"tenth\", \"kind\": \"percent\", \"points\": 500, \"percent\": \"1/10\", \"value\": 1500},"    \
    "{\"code\": \"cup\", \"kind\": \"item\", \"points\": 80, \"sku\": \"cup*\"},"                                          \
    "{\"code\": \"off\", \"kind\": \"sliding\", \"steps\": [{\"points\": 100, \"value\": 500}, {\"points\": 180, \"value\": 1000}]}," \
    "{\"code\": \"fiver\", \"kind\": \"money\", \"points\": 100, \"value\": 500, \"max_share\": \"1/2\"},"                 \
    "{\"code\": \"may\", \"kind\": \"money\", \"points\": 1, \"value\": 1, \"from\": \"2011-05-01\", \"to\": \"2011-05-31\"},"  \
    "{\"code\": \"noble\", \"kind\": \"money\", \"points\": 1, \"value\": 1, \"tiers\": [\"gold\"]},"                       \
    "{\"code\": \"few\", \"kind\": \"money\", \"points\": 1, \"value\": 1, \"stock\": 5},"                                \
    "{\"code\": \"once\", \"kind\": \"money\", \"points\": 1, \"value\": 1, \"per_member\": 1},"                          \
    "{\"code\": \"mug\", \"kind\": \"item\", \"points\": 80, \"sku\": \"mug\", \"value\": 200}]"

enum { ONLINE = 0, CUT = 1, BLOCKED = 2, COUNTED = 4, ALONE = 8 };

TEST(rules_bill, a_reward_has_a_price_and_pays_or_is_refused)
{
    static const struct {
        const char *code, *lines, *tier, *day;
        int64_t wanted, purse;
        int how; /* of the above */
        int64_t offline_today;
        enum redeem_answer answer;
        int64_t points, value;
    } rows[] = {
        /* the examples of docs/programme.md */
        {"tenth", "A 1 123.45", "gold", "2011-05-12", 0, 5000, ONLINE, 0, REDEEM_OK, 450, 1234},
        {"tenth", "A 1 200.00", "gold", "2011-05-12", 0, 5000, ONLINE, 0, REDEEM_OK, 450, 1500},
        {"cup", "cup-blue 3 10.00", "gold", "2011-05-12", 0, 5000, ONLINE, 0, REDEEM_OK, 72, 333},
        {"off", "A 1 9.99", "gold", "2011-05-12", 0, 5000, ONLINE, 0, REDEEM_OK, 90, 500},
        /* money */
        {"fiver", "A 1 10.00", "bronze", "2011-05-12", 0, 100, ONLINE, 0, REDEEM_OK, 100, 500},
        {"fiver", "A 1 10.00", "bronze", "2011-05-12", 100, 100, ONLINE, 0, REDEEM_OK, 100, 500},
        {"fiver", "A 1 10.00", "bronze", "2011-05-12", 99, 100, ONLINE, 0, REDEEM_NOT_A_STEP, 0, 0},
        {"fiver", "A 1 9.99", "bronze", "2011-05-12", 0, 100, ONLINE, 0, REDEEM_ABOVE_BILL_SHARE, 0, 0},
        {"fiver", "A 1 10.00", "bronze", "2011-05-12", 0, 99, ONLINE, 0, REDEEM_ABOVE_PURSE, 0, 0},
        {"fiver", "A 1 10.00", "gold", "2011-05-12", 0, 90, ONLINE, 0, REDEEM_OK, 90, 500},
        {"fiver", "A 1 10.00", "bronze", "2011-05-12", 0, 0, ONLINE, 0, REDEEM_NOTHING_HELD, 0, 0},
        {"fiver", "A 1 10.00", "bronze", "2011-05-12", 0, 100, BLOCKED, 0, REDEEM_CARD_BLOCKED, 0, 0},
        {"fiver", "", "bronze", "2011-05-12", 0, 100, ALONE, 0, REDEEM_OK, 100, 500},
        {"other", "A 1 10.00", "bronze", "2011-05-12", 0, 100, ONLINE, 0, REDEEM_NO_REWARD, 0, 0},
        /* whose, when, how many */
        {"may", "A 1 1.00", "", "2011-05-01", 0, 9, ONLINE, 0, REDEEM_OK, 1, 1},
        {"may", "A 1 1.00", "", "2011-04-30", 0, 9, ONLINE, 0, REDEEM_REWARD_DAY, 0, 0},
        {"may", "A 1 1.00", "", "2011-06-01", 0, 9, ONLINE, 0, REDEEM_REWARD_DAY, 0, 0},
        {"may", "A 1 1.00", "gold", "2011-05-31", 0, 9, ONLINE, 0, REDEEM_OK, 1, 1}, /* 9/10 of 1 is 1 */
        {"noble", "A 1 1.00", "gold", "2011-05-12", 0, 9, ONLINE, 0, REDEEM_OK, 1, 1},
        {"noble", "A 1 1.00", "bronze", "2011-05-12", 0, 9, ONLINE, 0, REDEEM_REWARD_TIER, 0, 0},
        {"noble", "A 1 1.00", "unknown", "2011-05-12", 0, 9, ONLINE, 0, REDEEM_REWARD_TIER, 0, 0},
        {"few", "A 1 1.00", "", "2011-05-12", 0, 9, ONLINE, 0, REDEEM_REWARD_COUNTED, 0, 0},
        {"once", "A 1 1.00", "", "2011-05-12", 0, 9, ONLINE, 0, REDEEM_REWARD_COUNTED, 0, 0},
        {"once", "A 1 1.00", "", "2011-05-12", 0, 9, COUNTED, 0, REDEEM_OK, 1, 1},
        /* items */
        {"cup", "A 1 10.00", "", "2011-05-12", 0, 999, ONLINE, 0, REDEEM_REWARD_ITEM, 0, 0},
        {"cup", "cup 1 0.00", "", "2011-05-12", 0, 999, ONLINE, 0, REDEEM_REWARD_NOTHING, 0, 0},
        {"cup", "cup-a 1 2.00, cup-b 2 8.00, cup-c 1 3.00", "", "2011-05-12", 0, 999, ONLINE, 0, REDEEM_OK, 80, 400},
        {"mug", "mug 1 5.00, mugs 1 9.00", "", "2011-05-12", 0, 999, ONLINE, 0, REDEEM_OK, 80, 200},
        {"cup", "", "", "2011-05-12", 0, 999, ALONE, 0, REDEEM_OK, 80, 0},
        {"tenth", "", "", "2011-05-12", 0, 999, ALONE, 0, REDEEM_OK, 500, 0},
        {"tenth", "A 1 0.09", "", "2011-05-12", 0, 999, ONLINE, 0, REDEEM_REWARD_NOTHING, 0, 0},
        /* sliding */
        {"off", "A 1 10.00", "", "2011-05-12", 0, 999, ONLINE, 0, REDEEM_OK, 180, 1000},
        {"off", "A 1 10.00", "", "2011-05-12", 0, 179, ONLINE, 0, REDEEM_OK, 100, 500},
        {"off", "A 1 10.00", "", "2011-05-12", 100, 999, ONLINE, 0, REDEEM_OK, 100, 500},
        {"off", "A 1 10.00", "", "2011-05-12", 180, 179, ONLINE, 0, REDEEM_ABOVE_PURSE, 0, 0},
        {"off", "A 1 10.00", "", "2011-05-12", 150, 999, ONLINE, 0, REDEEM_NOT_A_STEP, 0, 0},
        {"off", "A 1 4.99", "", "2011-05-12", 0, 999, ONLINE, 0, REDEEM_ABOVE_BILL_SHARE, 0, 0},
        /* with the line cut */
        {"fiver", "A 1 10.00", "bronze", "2011-05-12", 0, 999, CUT, 0, REDEEM_OK, 100, 500},
        {"fiver", "A 1 10.00", "bronze", "2011-05-12", 0, 999, CUT, 51, REDEEM_OFFLINE_DAY_LIMIT, 0, 0},
        {"off", "A 1 10.00", "bronze", "2011-05-12", 0, 999, CUT, 0, REDEEM_OK, 100, 500},
        {"off", "A 1 10.00", "bronze", "2011-05-12", 180, 999, CUT, 0, REDEEM_OFFLINE_TAP_LIMIT, 0, 0},
        {"few", "A 1 10.00", "bronze", "2011-05-12", 0, 999, CUT, 0, REDEEM_REWARD_COUNTED, 0, 0},
    };
    struct pack p;
    packs_make(&p, "", REWARDS);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct txn_line lines[4];
        struct reward r = {0};
        int64_t total = 0;
        struct redeem_facts f = {.purse = points_of(rows[i].purse),
                                 .tier = rows[i].tier,
                                 .online = !(rows[i].how & CUT),
                                 .blocked = rows[i].how & BLOCKED,
                                 .counted = rows[i].how & COUNTED,
                                 .alone = rows[i].how & ALONE,
                                 .offline_today = points_of(rows[i].offline_today),
                                 .days_since_contact = 7,
                                 .lines = lines,
                                 .line_count = packs_lines(lines, rows[i].lines)};
        assert_int_equal(day_parse(&f.day, rows[i].day), OK);
        for (int32_t k = 0; k < f.line_count; k++)
            total += money_minor(lines[k].amount);
        f.total = money_of(total);
        enum redeem_answer answer = rules_reward(&p, rows[i].code, &f, points_of(rows[i].wanted), &r);
        if (answer != rows[i].answer || points_n(r.points) != rows[i].points || money_minor(r.value) != rows[i].value)
            fail_msg("row %zu: %s %lld points, %lld", i, redeem_answer_text(answer), (long long)points_n(r.points),
                     (long long)money_minor(r.value));
        if (answer == REDEEM_OK)
            assert_string_equal(r.reward->code, rows[i].code);
        if (!f.online) {
            f.days_since_contact = 8;
            assert_int_equal(rules_reward(&p, rows[i].code, &f, points_of(0), &r), REDEEM_OFFLINE_TOO_LONG);
        }
    }
}

TEST(rules_bill, rewards_need_no_worth)
{
    struct pack p;
    struct reward r;
    struct money value;
    struct txn_line line;
    assert_int_equal(packs_lines(&line, "A 1 10.00"), 1);
    packs_make(&p, "", "\"redeem\": {\"offline_days\": 1}, \"rewards\": [{\"code\": \"r\", \"kind\": \"money\", \"points\": 5, "
                       "\"value\": 100}]");
    struct redeem_facts f = {.total = money_of(1000), .purse = points_of(9), .tier = "", .online = true, .lines = &line, .line_count = 1};
    assert_int_equal(rules_redeem(&p, &f, points_of(5), &value), REDEEM_NOT_OFFERED);
    assert_int_equal(rules_reward(&p, "r", &f, points_of(0), &r), REDEEM_OK);
    p.offline_days = 0;
    f.online = false;
    assert_int_equal(rules_reward(&p, "r", &f, points_of(0), &r), REDEEM_OFFLINE_NEVER);
}

/* ---- docs/programme.md ---- */

TEST(rules_bill, the_example_with_coupon_mark_and_gift_card_is_what_is_computed)
{
    char path[512];
    size_t size;
    struct pack p;
    struct txn_line lines[2];
    struct txn_tender tenders[1];
    static const char coupons[][TXN_NAME_SIZE] = {"SPRING-7K2"}, marks[][TXN_NAME_SIZE] = {"first"};
    struct earning e;
    snprintf(path, sizeof path, "%s/../../docs/programme.md", test_data_dir());
    const char *manual = packs_file(path, &size);
    packs_make(&p,
               "\"exclude_tenders\": [\"giftcard\"], \"cap_per_month\": 150, \"bonuses\": ["
               "{\"name\": \"welcome\", \"points\": 50, \"when\": {\"mark\": \"first\"}},"
               "{\"name\": \"spring\", \"points\": 20, \"when\": {\"coupon\": \"SPRING-*\"}}]",
               "");
    struct bill b = {.lines = lines,
                     .line_count = packs_lines(lines, "A 1 60.00, B 1 40.00"),
                     .tenders = tenders,
                     .tender_count = tenders_of(tenders, "giftcard 25.00"),
                     .coupons = coupons,
                     .coupon_count = 1,
                     .marks = marks,
                     .mark_count = 1,
                     .earned_month = points_of(30)};
    assert_int_equal(rules_earn(&p, &b, &e, NULL), OK);
    assert_int_equal(points_n(e.points), 120);
    if (!strstr(manual, e.why))
        fail_msg("docs/programme.md does not say: %s", e.why);

    /* A coffee is the tenth, comes back, and is the tenth again. */
    packs_make(&p, "", "\"stamps\": [{\"name\": \"coffee\", \"every\": 10, \"points\": 300, \"when\": {\"category\": \"coffee\"}}]");
    struct txn_stamp card = {"coffee", 8, 0};
    struct clawback c;
    struct money given = money_of(0);
    struct rules_return two = {0, 2};
    int32_t left = 3;
    struct bill first = {.lines = lines, .line_count = packs_lines(lines, "x/coffee 3 9.00"), .stamps = &card, .stamp_count = 1};
    assert_int_equal(rules_earn(&p, &first, &e, NULL), OK);
    assert_int_equal(points_n(e.points), 309);
    assert_int_equal(rules_clawback(&p, &first, points_of(0), &left, &given, &two, 1, money_of(0), &c, NULL), OK);
    assert_int_equal(points_n(c.clawed), 306);
    struct txn_stamp then = {"coffee", 8 + e.stamps[0].collected - c.stamps_back[0].collected,
                              e.stamps[0].given - c.stamps_back[0].given};
    assert_int_equal(then.collected, 9);
    struct bill next = {.lines = lines, .line_count = packs_lines(lines, "x/coffee 1 3.00"), .stamps = &then, .stamp_count = 1};
    assert_int_equal(rules_earn(&p, &next, &e, NULL), OK);
    assert_int_equal(points_n(e.points), 303);
}

TEST(rules_bill, a_stamp_card_says_what_is_on_it_and_what_is_missing_and_nothing_that_is_not_known)
{
    static const struct {
        struct rules_stamp stamp;
        const char *says;
    } rows[] = {
        {{"coffee", 10, {300}, 7, 0, 0}, "coffee: 7 of 10, 3 missing"},
        {{"coffee", 10, {300}, 7, 2, 0}, "coffee: 9 of 10 with this sale, 1 missing"},
        {{"coffee", 10, {300}, 8, 3, 1}, "coffee: full, 300 points; then 1 of 10"},
        {{"coffee", 2, {300}, 1, 5, 3}, "coffee: full, 900 points; then 0 of 2"},
        {{"coffee", 10, {300}, 8, 2, 0}, "coffee: 10 of 10"}, /* as of the last contact: nothing is promised */
        {{"coffee", 10, {300}, -1, 2, 0}, "coffee: 2 more with this sale"},
        {{"coffee", 10, {300}, -1, 0, 0}, ""},
    };
    char text[RULES_STAMP_SIZE];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(rules_stamp_text(text, &rows[i].stamp), rows[i].says);
}
