/* test_accounting.c - published cases of what points are in money, and of how they run off.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/close/accounting.h"
#include "office/close/runoff.h"
#include "tests/test.h"

#include <math.h>
#include <stdio.h>

static const struct ratio one = {1, 1};

TEST(accounting, a_price_is_shared_between_goods_and_points_as_published)
{
    static const struct {
        const char *source;
        int64_t price, points, ppm, allocated;
        struct ratio worth;
    } rows[] = {
        {"IFRS 15 Illustrative Example 52, IE267", 100000, 10000, 950000, 8676, {1, 1}},
        {"the same in minor units", 10000000, 10000, 950000, 867580, {100, 1}},
        {"a worldwide auditor's handbook: 9,700 of 109,700", 100000, 10000, 970000, 8842, {1, 1}},
        {"two points a penny", 100000, 20000, 950000, 8676, {1, 2}},
        {"nobody is expected to redeem", 100000, 10000, 0, 0, {1, 1}},
        {"more came back than was sold", -100000, -10000, 950000, -8676, {1, 1}},
        {"only points came back", 100000, -10000, 950000, -10497, {1, 1}},
        {"nothing was sold", 0, 10000, 950000, 0, {1, 1}},
        {"nothing at all", 0, 0, 950000, 0, {1, 1}},
        {"goods and points cancel", 9500, -10000, 950000, 0, {1, 1}},
        {"half a minor unit goes up", 1, 1, 1000000, 1, {1, 1}},
        {"and down when it comes back", -1, -1, 1000000, -1, {1, 1}},
        {"a large chain", INT64_C(900000000000000), INT64_C(9000000000000), 900000, INT64_C(8027750247770), {1, 1}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct money out = money_of(-1);
        assert_true(accounting_allocate(money_of(rows[i].price), points_of(rows[i].points), rows[i].worth, rows[i].ppm,
                                        &out));
        if (money_minor(out) != rows[i].allocated)
            fail_msg("%s: %lld, not %lld", rows[i].source, (long long)money_minor(out), (long long)rows[i].allocated);
    }
}

/* The published cases, year after year: what is revenue by then, and of it in this year. */
TEST(accounting, revenue_follows_redemption_and_catches_up_when_the_expectation_moves_as_published)
{
    static const struct {
        const char *source;
        int64_t issued, redeemed, left, ppm, allocated, recognised, in_year;
    } rows[] = {
        {"IFRS 15 Example 52, year 1: 4,500 of 9,500", 10000, 4500, 5500, 950000, 8676, 4110, 4110},
        {"IFRS 15 Example 52, year 2: 8,500 of 9,700", 10000, 8500, 1500, 970000, 8676, 7603, 3493},
        {"a worldwide auditor's handbook, year 2: 4,500 of 9,700", 10000, 4500, 5500, 970000, 9000, 4175, 4175},
        {"the same, year 3: 8,500 of 9,900", 10000, 8500, 1500, 990000, 9000, 7727, 3552},
        {"before anything is redeemed", 10000, 0, 10000, 950000, 8676, 0, 0},
        {"all that was left has ended: breakage is revenue", 10000, 8500, 0, 970000, 8676, 8676, 8676},
        {"more was redeemed than expected", 10000, 9800, 200, 950000, 8676, 8676, 8676},
        {"nobody ever redeemed, and all has ended", 10000, 0, 0, 950000, 8676, 8676, 8676},
        {"nothing was issued", 0, 0, 0, 950000, 0, 0, 0},
        {"fewer are left than were expected to be redeemed", 10000, 4000, 1000, 950000, 8676, 6941, 6941},
        {"goodwill is redeemed beside what was bought", 10000, 9000, 3000, 950000, 8676, 8219, 8219},
    };
    int64_t before = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct accounting_cohort c = {points_of(rows[i].issued), points_of(rows[i].redeemed), points_of(rows[i].left),
                                      money_of(rows[i].allocated)};
        struct money out = money_of(-1);
        assert_true(accounting_recognised(&c, rows[i].ppm, &out));
        int64_t earlier = rows[i].in_year == rows[i].recognised ? 0 : before;
        if (money_minor(out) != rows[i].recognised || money_minor(out) - earlier != rows[i].in_year)
            fail_msg("%s: %lld, in the year %lld", rows[i].source, (long long)money_minor(out),
                     (long long)(money_minor(out) - earlier));
        before = money_minor(out);
    }
}

TEST(accounting, what_is_revenue_never_exceeds_what_was_allocated_and_never_falls_as_points_are_redeemed)
{
    for (int n = 0; n < 2000; n++) {
        int64_t issued = 1 + test_below(100000), allocated = test_below(1000000), before = 0;
        int64_t ppm = test_below(ACCOUNTING_PPM + 1);
        for (int64_t redeemed = 0, step = 1 + issued / 7; redeemed <= issued; redeemed += step) {
            struct accounting_cohort c = {points_of(issued), points_of(redeemed), points_of(issued - redeemed),
                                          money_of(allocated)};
            struct money out = money_of(-1);
            assert_true(accounting_recognised(&c, ppm, &out));
            assert_true(money_minor(out) >= before && money_minor(out) <= allocated);
            before = money_minor(out);
        }
    }
}

TEST(accounting, what_does_not_fit_is_refused)
{
    struct money out;
    struct accounting_cohort c = {points_of(1), points_of(INT64_MAX), points_of(1), money_of(1)};
    struct accounting_roll roll = {.opening = points_of(INT64_MAX), .earned = points_of(1)};
    assert_false(accounting_recognised(&c, 1, &out));
    assert_false(accounting_close(&roll));
    assert_false(accounting_value(points_of(INT64_MAX), (struct ratio){3, 2}, &out));
}

TEST(accounting, a_roll_closes_on_what_came_in_and_went_out)
{
    struct accounting_roll r = {.opening = points_of(1000), .earned = points_of(500), .clawed = points_of(40),
                                .redeemed = points_of(300), .returned = points_of(30), .expired = points_of(100),
                                .adjusted = points_of(-5)};
    assert_true(accounting_close(&r));
    assert_int_equal(points_n(r.closing), 1085);
    struct money value;
    assert_true(accounting_value(points_of(-3), (struct ratio){1, 2}, &value));
    assert_int_equal(money_minor(value), -2); /* toward minus infinity: owed points are never worth more than they are */
    assert_true(accounting_value(points_of(3), one, &value));
    assert_int_equal(money_minor(value), 3);
}

/* The run-off triangle of the Reinsurance Association of America (1991) as printed in Mack 1994, Insurance:
 * Mathematics and Economics 15:133, with the results printed there. */
TEST(runoff, a_published_triangle_gives_the_published_factors_reserves_and_error)
{
    static const int triangle[10][10] = {
        {5012, 8269, 10907, 11805, 13539, 16181, 18009, 18608, 18662, 18834},
        {106, 4285, 5396, 10666, 13782, 15599, 15496, 16169, 16704},
        {3410, 8992, 13873, 16141, 18735, 22214, 22863, 23466},
        {5655, 11555, 15766, 21266, 23425, 26083, 27067},
        {1092, 9565, 15836, 22169, 25955, 26180},
        {1513, 6445, 11702, 12935, 15852},
        {557, 4020, 10946, 12314},
        {1351, 6947, 13112},
        {3133, 5395},
        {2063}};
    static const double factor[9] = {2.999, 1.624, 1.271, 1.172, 1.113, 1.042, 1.033, 1.017, 1.009};
    static const double still[10] = {0, 154, 617, 1636, 2747, 3649, 5435, 10907, 10650, 16339};
    struct runoff r = {.years = 10};
    struct errmsg why;
    for (int i = 0; i < 10; i++)
        for (int k = 0; k < 10; k++)
            r.redeemed[i][k] = triangle[i][k];
    assert_int_equal(runoff_estimate(&r, &why), OK);
    for (int k = 0; k < 9; k++)
        assert_true(fabs(r.factor[k] - factor[k]) < 0.00051);
    for (int i = 0; i < 10; i++)
        assert_true(fabs(r.still[i] - still[i]) < 0.51);
    assert_true(fabs(r.latest - 160987) < 0.5);
    assert_true(fabs(r.total_ultimate - 213122) < 0.5);
    assert_true(fabs(r.total_still - 52135) < 0.5);
    assert_true(fabs(r.total_error - 26909) < 0.5);
}

TEST(runoff, without_anything_redeemed_it_says_so)
{
    struct runoff r = {.years = 3};
    struct errmsg why;
    r.redeemed[0][0] = 10;
    r.redeemed[1][0] = 5;
    assert_int_equal(runoff_estimate(&r, &why), ERR_STATE);
    assert_string_equal(why.text, "no points of age 2 were redeemed yet: there is no run-off to go by");
    r.years = 1;
    assert_int_equal(runoff_estimate(&r, &why), ERR_RANGE);
}
