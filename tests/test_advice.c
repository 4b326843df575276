/* test_advice.c - what a cashier is told of a member, and which one sentence.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "office/members/advice.h"
#include "tests/packs.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

static struct pack pack;
static struct advice a;

static int32_t day(const char *text)
{
    int32_t d;
    assert_int_equal(day_parse(&d, text), OK);
    return d;
}

/* Somebody of whom there is nothing to say. */
static struct advice_facts nobody(const char *today)
{
    if (!pack.version) {
        struct errmsg why = {""};
        char path[512];
        size_t size;
        snprintf(path, sizeof path, "%s/packs/demo.json", test_data_dir());
        const char *json = packs_file(path, &size);
        if (pack_read(&pack, json, size, "demo.json", &why))
            fail_msg("%s", why.text);
    }
    return (struct advice_facts){.today = day(today),
                                 .tier = pack.tiers[0].code,
                                 .birthday = "",
                                 .language = "",
                                 .first_day = day(today),
                                 .last_day = day(today)};
}

TEST(advice, a_birthday_is_about_now_three_days_either_way_and_over_the_year)
{
    static const struct {
        const char *today, *birthday;
        bool now;
    } rows[] = {
        {"2011-03-04", "03-01", true},  {"2011-03-05", "03-01", false}, {"2011-02-26", "03-01", true},
        {"2011-02-25", "03-01", false}, {"2011-12-31", "01-02", true},  {"2012-01-02", "12-31", true},
        {"2012-01-03", "12-30", false}, {"2011-02-25", "02-29", true},  {"2011-03-03", "02-29", true},
        {"2011-03-04", "02-29", false}, {"2012-03-03", "02-29", true},  {"2011-06-15", "", false},
        {"2011-06-15", "06-15", true},  {"2011-06-15", "6-15", false},  {"2011-06-15", "06-31", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct advice_facts f = nobody(rows[i].today);
        f.birthday = rows[i].birthday;
        advice_of(&pack, &f, &a);
        if (a.birthday != rows[i].now)
            fail_msg("%s on %s", rows[i].birthday, rows[i].today);
    }
    static const char *const bad[] = {"", "13-01", "00-10", "01-00", "01-32", "02-30", "1-1", "01/02", "01-2x",
                                      "01-021"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(advice_is_birthday(bad[i]));
    assert_true(advice_is_birthday("02-29"));
}

TEST(advice, at_risk_is_who_stayed_away_twice_as_long_as_usual_and_a_month)
{
    static const struct {
        int64_t visits;
        int32_t span, away;
        bool at_risk;
    } rows[] = {
        {3, 40, 40, false}, /* every 20 days: from the 41st on */
        {3, 40, 41, true},
        {11, 10, 30, false}, /* every day: but not before a month is over */
        {11, 10, 31, true},
        {2, 10, 300, false}, /* one interval is none */
        {0, 0, 300, false},
        {3, 400, 300, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct advice_facts f = nobody("2011-06-15");
        f.visits = rows[i].visits;
        f.last_day = f.today - rows[i].away;
        f.first_day = f.last_day - rows[i].span;
        advice_of(&pack, &f, &a);
        if (a.at_risk != rows[i].at_risk)
            fail_msg("row %zu", i);
    }
}

TEST(advice, the_next_tier_and_what_is_missing_to_it)
{
    struct advice_facts f = nobody("2011-06-15");
    const struct pack_tier *next = &pack.tiers[1], *last = &pack.tiers[pack.tier_count - 1];
    f.metric = next->upgrade_at - 1;
    advice_of(&pack, &f, &a);
    assert_ptr_equal(a.next, next);
    assert_int_equal(a.missing, 1);
    f.metric = next->upgrade_at; /* the tier follows with the next purchase or run */
    advice_of(&pack, &f, &a);
    assert_null(a.next);
    assert_int_equal(a.missing, 0);
    f.tier = last->code;
    f.metric = 0;
    advice_of(&pack, &f, &a);
    assert_null(a.next);
    assert_string_equal(a.suggestion, "");
}

/* Everything at once; then one after the other is taken away. */
TEST(advice, one_sentence_the_first_that_fits_in_the_members_language)
{
    struct advice_facts f = nobody("2011-06-15");
    int64_t upgrade_at = pack.tiers[1].upgrade_at;
    f.birthday = "06-14";
    f.expiring = points_of(70);
    f.metric = upgrade_at - upgrade_at / 5;
    f.visits = 9;
    f.first_day = f.today - 100;
    f.last_day = f.today - 60;
    advice_of(&pack, &f, &a);
    assert_true(a.birthday);
    assert_true(a.at_risk);
    assert_string_equal(a.suggestion, "Happy birthday!");
    f.language = "zh";
    advice_of(&pack, &f, &a);
    assert_string_equal(a.suggestion, "祝您生日快乐！");
    f.birthday = "";
    advice_of(&pack, &f, &a);
    assert_string_equal(a.suggestion, "您有 70 积分将在 30 天内到期，今天要使用吗？");
    f.language = "fr"; /* not spoken here */
    advice_of(&pack, &f, &a);
    assert_string_equal(a.suggestion,
                        "70 of your points end within 30 days: would you like to use them today?");
    f.expiring = points_of(0);
    advice_of(&pack, &f, &a);
    char money[PACK_MONEY_SIZE], expected[ADVICE_TEXT_SIZE];
    snprintf(expected, sizeof expected, "Only %s more to %s.",
             pack_money_text(money, &pack, money_of(upgrade_at / 5)), pack.tiers[1].name);
    assert_string_equal(a.suggestion, expected);
    f.metric--;
    advice_of(&pack, &f, &a);
    assert_string_equal(a.suggestion, "It is good to see you again.");
    f.last_day = f.today - 5;
    advice_of(&pack, &f, &a);
    assert_string_equal(a.suggestion, "");
}
