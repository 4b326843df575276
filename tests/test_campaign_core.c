/* test_campaign_core.c - the letters of a coupon, lift against the holdout, the four dispositions of win-back; response
 * rates of real campaigns.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/care/campaign_core.h"
#include "office/care/care_core.h"
#include "test.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

TEST(campaign_core, a_coupon_is_known_by_its_check_letter)
{
    char code[COUPON_SIZE], campaign[CAMPAIGN_CODE_SIZE];
    for (int i = 0; i < 2000; i++) {
        coupon_make(code, i % 2 ? "SPRING" : "A2345678", test_random());
        assert_true(coupon_is(code));
        assert_true(coupon_campaign(code, campaign));
        assert_string_equal(campaign, i % 2 ? "SPRING" : "A2345678");
        assert_true(strlen(code) < COUPON_SIZE);
    }
}

TEST(campaign_core, one_wrong_letter_and_two_that_changed_places_are_always_seen)
{
    static const char alphabet[] = "23456789ABCDEFGHJKLMNPQRSTVWXYZ";
    for (int n = 0; n < 200; n++) {
        char code[COUPON_SIZE];
        coupon_make(code, "SPRING", test_random());
        for (size_t i = 7; i < 13; i++) {
            char was = code[i];
            for (const char *p = alphabet; *p; p++) {
                code[i] = *p;
                assert_int_equal(coupon_is(code), *p == was);
            }
            code[i] = was;
            if (i < 12 && code[i] != code[i + 1]) {
                code[i] = code[i + 1], code[i + 1] = was;
                assert_false(coupon_is(code));
                code[i + 1] = code[i], code[i] = was;
            }
        }
    }
}

TEST(campaign_core, what_is_no_coupon_is_refused)
{
    static const char *const bad[] = {"", "-", "SPRING", "SPRING-", "SPRING-222222X", "spring-222222", "A23456789-222222",
                                      "-222222", "SPRING-O22222", "SPRING-2222 2"};
    char code[COUPON_SIZE];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(coupon_is(bad[i]));
    coupon_make(code, "SPRING", 12345); /* the same letters under another name */
    char other[COUPON_SIZE];
    snprintf(other, sizeof other, "WINTER-%s", code + 7);
    assert_false(coupon_is(other));
}

TEST(campaign_core, lift_is_the_rate_of_the_treated_less_that_of_the_holdout)
{
    static const struct {
        int64_t members, buyers, money, h_members, h_buyers, h_money;
        struct campaign_lift l;
    } rows[] = {
        /* 90 of 900 and 8 of 100: 10.0 % - 8.0 %; by the holdout's rate 72 would have bought, for 14,400 */
        {900, 90, 20000, 100, 8, 1600, {100, 80, 20, {22}, {16}, 18, {5600}, true}},
        {900, 45, 900, 100, 8, 1600, {50, 80, -30, {1}, {16}, -27, {-13500}, true}},
        {99, 9, 990, 100, 8, 800, {91, 80, 11, {10}, {8}, 2, {198}, false}}, /* too few to say much */
        {100, 50, 5000, 0, 0, 0, {500, -1, 0, {50}, {0}, 0, {0}, false}},    /* nobody was left alone */
        {0, 0, 0, 100, 50, 500, {-1, 500, 0, {0}, {5}, 0, {0}, false}},
        {0, 0, 0, 0, 0, 0, {-1, -1, 0, {0}, {0}, 0, {0}, false}},
        {100, 5, -3, 100, 5, -1, {50, 50, 0, {-1}, {-1}, 0, {-2}, true}},    /* more came back than was bought */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct campaign_side t = {rows[i].members, rows[i].buyers, money_of(rows[i].money)};
        struct campaign_side h = {rows[i].h_members, rows[i].h_buyers, money_of(rows[i].h_money)};
        struct campaign_lift l = campaign_lift_of(&t, &h), x = rows[i].l;
        assert_int_equal(l.treated_permille, x.treated_permille);
        assert_int_equal(l.holdout_permille, x.holdout_permille);
        assert_int_equal(l.lift_permille, x.lift_permille);
        assert_int_equal(money_minor(l.treated_each), money_minor(x.treated_each));
        assert_int_equal(money_minor(l.holdout_each), money_minor(x.holdout_each));
        assert_int_equal(l.buyers_more, x.buyers_more);
        assert_int_equal(money_minor(l.money_more), money_minor(x.money_more));
        assert_int_equal(l.enough, x.enough);
    }
}

TEST(campaign_core, response_rates_are_those_of_27_real_campaigns)
{
    char path[600], line[200];
    int campaigns = 0;
    snprintf(path, sizeof path, "%s/campaigns/completejourney_response.csv", test_data_dir());
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f));
    while (fgets(line, sizeof line, f)) {
        int64_t id, targeted, redeeming;
        char rate[16];
        assert_int_equal(sscanf(line, "%" SCNd64 ",%" SCNd64 ",%" SCNd64 ",%15[0-9.]", &id, &targeted, &redeeming, rate), 4);
        int whole, millionths;
        assert_int_equal(sscanf(rate, "%d.%6d", &whole, &millionths), 2);
        int printed = whole * 1000000 + millionths;
        struct campaign_side t = {targeted, redeeming, money_of(0)}, nobody = {0};
        struct campaign_lift l = campaign_lift_of(&t, &nobody);
        assert_in_range(printed + 500, l.treated_permille * 1000, l.treated_permille * 1000 + 1000);
        campaigns++;
    }
    fclose(f);
    assert_int_equal(campaigns, 27);
}

TEST(campaign_core, who_stopped_coming_is_won_back_as_much_as_they_were_worth)
{
    static const struct {
        int64_t value;
        bool reachable;
        enum winback w;
    } rows[] = {
        {50000, true, WINBACK_STRIVE}, {49999, true, WINBACK_AS_IT_COMES}, {5000, true, WINBACK_AS_IT_COMES},
        {4999, true, WINBACK_MOSTLY_LET_GO}, {-10, true, WINBACK_MOSTLY_LET_GO}, {99999, false, WINBACK_LET_GO},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(winback_of(money_of(rows[i].value), money_of(50000), money_of(5000), rows[i].reachable), rows[i].w);
}
