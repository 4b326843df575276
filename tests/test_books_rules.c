/* test_books_rules.c - what the books keep for the rules: stamp cards, the month's points, growth value, years of
 * membership, tenders and marks of an entry; birthdays.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "office/members/birthday.h"
#include "tests/ledgers.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

static struct ledgers l;

#define COFFEE                                                                                     \
    "\"stamps\": [{\"name\": \"coffee\", \"every\": 10, \"points\": 300, \"when\": {\"category\": \"coffee\"}}," \
    "{\"name\": \"come\", \"per\": \"visit\", \"every\": 3, \"points\": 40}]"

static void expect_stamps(member_id member, int64_t coffee, int64_t given, int64_t come, int64_t come_given)
{
    char sql[300];
    static const char *const what[] = {"collected", "given"};
    static const char *const names[] = {"coffee", "come"};
    int64_t want[] = {coffee, given, come, come_given};
    for (int i = 0; i < 4; i++) {
        snprintf(sql, sizeof sql, "SELECT coalesce(sum(%s), 0) FROM stamp_move WHERE member = %d AND name = '%s'",
                 what[i % 2], (int)member, names[i / 2]);
        assert_int_equal(ledgers_sql(&l, sql), want[i]);
    }
}

TEST(books_rules, stamps_are_counted_by_head_office_and_come_back_with_the_goods)
{
    ledgers_open(&l, "a", "", COFFEE);
    ledgers_member(&l, 7, 0);
    ledgers_sale(&l, 1, 7, "x/coffee 8 8.00", 1);
    ledgers_expect(&l, 7, 8, 0, 0, 0);
    expect_stamps(7, 8, 0, 1, 0);
    struct entry_id three = ledgers_sale(&l, 2, 7, "x/coffee 3 9.00", 2);
    ledgers_expect(&l, 7, 8 + 9 + 300, 0, 0, 0);
    expect_stamps(7, 11, 1, 2, 0);
    assert_int_equal(ledgers_sql(&l, "SELECT till = 9 AND rated = 9 AND earned = 309 FROM sale"
                                     " ORDER BY position DESC LIMIT 1"), 1);
    ledgers_refund(&l, 2, three, "x/coffee 2 6.00", 3);
    ledgers_expect(&l, 7, 8 + 3, 0, 0, 0);
    expect_stamps(7, 9, 0, 2, 0);
    ledgers_sale(&l, 1, 7, "x/coffee 1 3.00", 4); /* the tenth coffee again, and the third visit */
    ledgers_expect(&l, 7, 8 + 3 + 3 + 300 + 40, 0, 0, 0);
    expect_stamps(7, 10, 1, 3, 1);
    ledgers_refund(&l, 3, three, "x/coffee 1 3.00", 5); /* of a till that was not told anything */
    ledgers_expect(&l, 7, 8 + 3 + 300 + 40, 0, 0, 0);
    expect_stamps(7, 9, 1, 2, 1);
    ledgers_sale(&l, 1, 7, "x/coffee 1 3.00", 6); /* both are full, and were rewarded */
    ledgers_expect(&l, 7, 8 + 3 + 300 + 40 + 3, 0, 0, 0);
    expect_stamps(7, 10, 1, 3, 1);
    ledgers_expect_reviews(&l, ""); /* the till promised less, which is no fault */
    ledgers_sound(&l);
    ledgers_close(&l);
}

/* What it was told stands in its entry and is rated alike (I6); what is posted is what the books say (I5). */
TEST(books_rules, a_till_that_was_told_of_stamps_promises_them_and_one_that_makes_them_up_gains_nothing)
{
    ledgers_open(&l, "a", "", COFFEE);
    ledgers_member(&l, 7, 0);
    ledgers_sale(&l, 1, 7, "x/coffee 8 8.00", 1);
    for (int made_up = 0; made_up < 2; made_up++) {
        struct txn *t = ledgers_entry(&l, 1, TXN_SALE, ledgers_day(2 + made_up));
        t->member = 7;
        t->means = MEANS_PHONE;
        t->line_count = 1;
        t->lines[0] = (struct txn_line){.sku = "x", .category = "coffee", .quantity = 3, .amount = money_of(900)};
        t->total = money_of(900);
        t->pack_version = 1;
        t->points = points_of(309);
        t->stamp_count = 1;
        t->stamps[0] = (struct txn_stamp){"coffee", made_up ? 19 : 8, made_up ? 1 : 0};
        ledgers_post(&l, t, POST_NEW);
        assert_int_equal(ledgers_sql(&l, "SELECT till = 309 AND rated = 309 FROM sale ORDER BY position DESC LIMIT 1"), 1);
        assert_int_equal(ledgers_sql(&l, "SELECT earned FROM sale ORDER BY position DESC LIMIT 1"), made_up ? 49 : 309);
    }
    /* Rated by rules that head office never had: not by what the till says either. */
    struct txn *t = ledgers_entry(&l, 1, TXN_SALE, ledgers_day(5));
    t->member = 7;
    t->line_count = 1;
    t->lines[0] = (struct txn_line){.sku = "x", .category = "coffee", .quantity = 1, .amount = money_of(300)};
    t->total = money_of(300);
    t->pack_version = 99;
    t->stamp_count = 1;
    t->stamps[0] = (struct txn_stamp){"coffee", 999, 0};
    ledgers_post(&l, t, POST_NEW);
    assert_int_equal(ledgers_sql(&l, "SELECT earned FROM sale ORDER BY position DESC LIMIT 1"), 3);
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(books_rules, a_stamp_card_goes_on_in_the_next_pack_and_merges_with_its_member)
{
    ledgers_open(&l, "a", "", COFFEE);
    ledgers_member(&l, 7, 0);
    ledgers_member(&l, 8, 0);
    ledgers_sale(&l, 1, 7, "x/coffee 6 6.00", 1);
    struct entry_id five = ledgers_sale(&l, 2, 8, "x/coffee 5 5.00", 1);
    ledgers_add_pack(&l, 2, "2011-01-10", "",
                     "\"stamps\": [{\"name\": \"coffee\", \"every\": 12, \"points\": 500, \"when\": {\"category\": \"coffee\"}}]");
    struct txn *t = &l.t;
    memset(t, 0, sizeof *t);
    t->kind = TXN_MERGE;
    t->member = 7;
    t->other = 8;
    snprintf(t->reason, sizeof t->reason, "the same");
    ledgers_own(&l, t, ledgers_day(11));
    expect_stamps(7, 11, 0, 2, 0);
    t = ledgers_entry(&l, 1, TXN_SALE, ledgers_day(12));
    t->member = 8; /* a till that does not know yet */
    t->pack_version = 2;
    snprintf(t->lines[0].sku, sizeof t->lines[0].sku, "x");
    snprintf(t->lines[0].category, sizeof t->lines[0].category, "coffee");
    t->line_count = t->lines[0].quantity = 1;
    t->lines[0].amount = t->total = money_of(100);
    t->points = points_of(1);
    ledgers_post(&l, t, POST_NEW);
    ledgers_expect(&l, 7, 6 + 5 + 1 + 500, 0, 0, 0);
    expect_stamps(7, 12, 1, 2, 0);
    ledgers_refund(&l, 2, five, "x/coffee 5 5.00", 13); /* by its own pack, in which it filled nothing */
    ledgers_expect(&l, 7, 6 + 1 + 500, 0, 0, 0);
    expect_stamps(7, 7, 1, 1, 0);
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(books_rules, a_month_has_its_cap_over_all_tills)
{
    ledgers_open(&l, "a", "\"cap_per_month\": 100", "");
    ledgers_member(&l, 7, 0);
    struct entry_id first = ledgers_sale(&l, 1, 7, "A 1 60.00", 1); /* 2011-01-02 */
    ledgers_sale(&l, 2, 7, "A 1 60.00", 30);                        /* 2011-01-31: another till promised 60 */
    ledgers_expect(&l, 7, 100, 0, 0, 0);
    ledgers_sale(&l, 2, 7, "A 1 60.00", 31); /* 2011-02-01 */
    ledgers_expect(&l, 7, 160, 0, 0, 0);
    ledgers_sale(&l, 3, 7, "A 1 60.00", 58); /* 2011-02-28 */
    ledgers_expect(&l, 7, 200, 0, 0, 0);
    ledgers_sale(&l, 3, 7, "A 1 60.00", 59); /* 2011-03-01 */
    ledgers_expect(&l, 7, 260, 0, 0, 0);
    assert_int_equal(ledgers_sql(&l, "SELECT group_concat(month_here || '/' || earned_month, ' ')"
                                     " = '0/0 0/60 0/0 0/60 0/0' FROM sale"), 1);
    ledgers_expect_reviews(&l, "");
    ledgers_refund(&l, 1, first, "A 1 60.00", 60);
    ledgers_expect(&l, 7, 200, 0, 0, 0);
    ledgers_sale(&l, 4, 7, "A 1 10.00", 40); /* late, of February, which is full by what came after it */
    ledgers_expect(&l, 7, 200, 0, 0, 0);
    /* The till's own month is what it is held to. */
    struct txn *t = ledgers_entry(&l, 3, TXN_SALE, ledgers_day(61));
    t->member = 7;
    snprintf(t->lines[0].sku, sizeof t->lines[0].sku, "A");
    t->line_count = t->lines[0].quantity = 1;
    t->lines[0].amount = t->total = money_of(6000);
    t->pack_version = 1;
    t->points = points_of(40);
    ledgers_post(&l, t, POST_NEW);
    ledgers_expect(&l, 7, 240, 0, 0, 0);
    ledgers_expect_reviews(&l, "");
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(books_rules, tenders_coupons_and_marks_of_an_entry_count)
{
    ledgers_open(&l, "a", "\"exclude_tenders\": [\"giftcard\"], \"bonuses\": [{\"name\": \"w\", \"points\": 50, \"when\": "
                          "{\"mark\": \"first\"}}, {\"name\": \"s\", \"points\": 20, \"when\": {\"coupon\": \"S-*\"}}]", "");
    ledgers_member(&l, 7, 0);
    struct txn *t = ledgers_entry(&l, 1, TXN_SALE, ledgers_day(1));
    t->member = 7;
    snprintf(t->lines[0].sku, sizeof t->lines[0].sku, "A");
    t->line_count = 1;
    t->lines[0].quantity = 2;
    t->lines[0].amount = t->total = money_of(6000);
    t->pack_version = 1;
    t->tender_count = t->coupon_count = t->mark_count = 1;
    snprintf(t->tenders[0].code, sizeof t->tenders[0].code, "giftcard");
    t->tenders[0].amount = money_of(2000);
    snprintf(t->coupons[0], sizeof t->coupons[0], "S-1");
    snprintf(t->marks[0], sizeof t->marks[0], "first");
    t->points = points_of(110);
    ledgers_post(&l, t, POST_NEW);
    ledgers_expect_reviews(&l, "");
    ledgers_expect(&l, 7, 110, 0, 0, 0);
    ledgers_refund(&l, 1, t->id, "A 1 30.00", 2);
    ledgers_expect(&l, 7, 90, 0, 0, 0);
    ledgers_sound(&l);
    ledgers_close(&l);
}

#define TIERS(members) "\"tiers\": {" members ", \"levels\": [{\"code\": \"a\"}, {\"code\": \"b\", \"upgrade_at\": 100}]}"

static int64_t tier_is(const char *code)
{
    struct member_view m;
    assert_int_equal(books_member(l.books, 7, &m, NULL), OK);
    return strcmp(m.tier, code) == 0;
}

TEST(books_rules, a_growth_value_lifts_at_once_and_a_second_bill_of_a_day_is_no_visit)
{
    ledgers_open(&l, "a", "", TIERS("\"metric\": \"mix\", \"mix\": {\"spend\": \"1/100\", \"visits\": 20}, \"window\": \"lifetime\""));
    ledgers_member(&l, 7, 0);
    ledgers_sale(&l, 1, 7, "A 1 39.99", 1); /* 39 + 20 */
    ledgers_sale(&l, 1, 7, "A 1 20.00", 1); /* 59 + 20 */
    assert_true(tier_is("a"));
    struct entry_id last = ledgers_sale(&l, 1, 7, "A 1 0.02", 2); /* 60 + 40 */
    assert_true(tier_is("b"));
    int64_t now, before;
    assert_int_equal(books_metric(l.books, 7, books_pack_on(l.books, LEDGERS_DAY_0), LEDGERS_DAY_0 + 2, &now, &before, NULL), OK);
    assert_int_equal(now, 100);
    ledgers_refund(&l, 1, last, "A 1 0.02", 3);
    ledgers_run(&l, 4);
    assert_true(tier_is("a"));
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(books_rules, a_year_of_membership_is_what_counts_and_the_one_before_keeps)
{
    ledgers_open(&l, "a", "", TIERS("\"metric\": \"visits\", \"window\": \"anniversary\""));
    ledgers_member(&l, 7, 100); /* 2011-04-11 */
    ledgers_add_pack(&l, 2, "2011-01-01", "", "\"tiers\": {\"metric\": \"spend\", \"window\": \"anniversary\", \"levels\": "
                                              "[{\"code\": \"a\"}, {\"code\": \"b\", \"upgrade_at\": 10000}]}");
    ledgers_sale(&l, 1, 7, "A 1 60.00", 300);
    ledgers_sale(&l, 1, 7, "A 1 39.00", 400); /* over the turn of the year: the same year of membership */
    assert_true(tier_is("a"));
    ledgers_sale(&l, 1, 7, "A 1 1.00", 464);
    assert_true(tier_is("b"));
    ledgers_run(&l, 466); /* 2012-04-11: a new one */
    assert_true(tier_is("b"));
    ledgers_run(&l, 830); /* 2013-04-10 */
    assert_true(tier_is("b"));
    ledgers_run(&l, 831);
    assert_true(tier_is("a"));
    ledgers_sound(&l);
    ledgers_close(&l);
}

/* ---- birthdays ---- */

static void born(member_id member, const char *birthday)
{
    struct person p = {.member = member};
    snprintf(p.birthday, sizeof p.birthday, "%s", birthday);
    assert_int_equal(books_save_person(l.books, &p, NULL), OK);
}

static int64_t birthdays(const char *on)
{
    int32_t day;
    int64_t count;
    struct errmsg why;
    assert_int_equal(day_parse(&day, on), OK);
    assert_int_equal(books_begin(l.books, &why), OK);
    if (birthday_give(l.books, day, (int64_t)day * SECONDS_PER_DAY + 3600, &count, &why))
        fail_msg("%s", why.text);
    assert_int_equal(books_commit(l.books, &why), OK);
    return count;
}

TEST(books_rules, a_birthday_gives_the_points_of_the_tier_once_a_year)
{
    static const struct {
        const char *on;
        int64_t given, seven; /* how many, and what member 7 has then */
    } days[] = {
        {"2011-03-14", 0, 100}, {"2011-03-15", 1, 150}, {"2011-03-15", 0, 150}, {"2011-03-22", 0, 150},
        {"2011-03-23", 0, 150}, {"2012-03-14", 0, 150}, {"2012-03-15", 1, 200},
        {"2013-03-22", 1, 250}, /* a week late */
        {"2014-03-23", 0, 250}, /* too late */
    };
    ledgers_open(&l, "a", "", "\"tiers\": {\"window\": \"lifetime\", \"levels\": [{\"code\": \"a\", \"birthday_points\": 20}, "
                          "{\"code\": \"b\", \"upgrade_at\": 10000, \"birthday_points\": 50}]},"
                          "\"expiry\": {\"kind\": \"rolling\", \"days\": 3660}");
    ledgers_member(&l, 7, 0);
    ledgers_member(&l, 8, 0);
    ledgers_sale(&l, 1, 7, "A 1 100.00", 1);
    born(7, "03-15");
    born(8, "");
    for (size_t i = 0; i < sizeof days / sizeof days[0]; i++) {
        if (birthdays(days[i].on) != days[i].given)
            fail_msg("%s", days[i].on);
        ledgers_expect(&l, 7, days[i].seven, 0, 0, 0);
    }
    assert_int_equal(ledgers_sql(&l, "SELECT sum(points) FROM metric_day"), 100); /* lifts no tier */
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(books_rules, a_birthday_moved_about_or_on_a_leap_day_comes_once_and_none_is_in_the_replay)
{
    ledgers_open(&l, "a", "", "\"tiers\": {\"levels\": [{\"code\": \"a\", \"birthday_points\": 20}]}");
    ledgers_member(&l, 7, 0);
    ledgers_member(&l, 8, 0);
    born(7, "02-29");
    assert_int_equal(birthdays("2011-02-27"), 0);
    assert_int_equal(birthdays("2011-02-28"), 1);
    born(7, "06-01");
    assert_int_equal(birthdays("2011-06-01"), 0);
    born(7, "02-29");
    assert_int_equal(birthdays("2012-02-28"), 0);
    assert_int_equal(birthdays("2012-02-29"), 1);
    born(8, "12-31");
    assert_int_equal(birthdays("2013-01-02"), 1); /* over the turn of the year */
    assert_int_equal(birthdays("2013-12-31"), 1);
    ledgers_exec(&l, "DELETE FROM person");
    ledgers_sound(&l); /* replay needs no person */
    ledgers_expect(&l, 7, 40, 0, 0, 0);
    ledgers_close(&l);
}

TEST(books_rules, a_birthday_of_nobody_of_a_merged_number_or_of_a_programme_without_gives_nothing)
{
    ledgers_open(&l, "a", "", "\"tiers\": {\"levels\": [{\"code\": \"a\", \"birthday_points\": 20}]}");
    ledgers_member(&l, 7, 0);
    ledgers_member(&l, 8, 0);
    born(7, "02-01");
    born(8, "02-01");
    born(99, "02-01");
    struct txn *t = &l.t;
    memset(t, 0, sizeof *t);
    t->kind = TXN_MERGE;
    t->member = 7;
    t->other = 8;
    snprintf(t->reason, sizeof t->reason, "the same");
    ledgers_own(&l, t, ledgers_day(1));
    assert_int_equal(birthdays("2011-02-01"), 1);
    ledgers_expect(&l, 7, 20, 0, 0, 0);
    ledgers_add_pack(&l, 2, "2012-01-01", "", "");
    assert_int_equal(birthdays("2012-02-01"), 0);
    ledgers_sound(&l);
    ledgers_close(&l);
}

/* ---- rewards ---- */

TEST(books_rules, a_reward_is_held_by_its_price_and_one_that_pays_otherwise_is_looked_at)
{
    static const struct {
        const char *reward;
        int64_t points;
        enum err e;
    } rows[] = {
        {"fiver", 100, OK},          {"fiver", 90, ERR_REFUSED}, {"none", 100, ERR_REFUSED},
        {"few", 10, OK},          {"few", 10, ERR_REFUSED}, /* there was one */
        {"", 100, ERR_REFUSED},   /* points have no worth here */
    };
    struct errmsg why;
    struct hold_view h;
    ledgers_open(&l, "a", "", "\"redeem\": {\"offline_days\": 7}, \"rewards\": [{\"code\": \"fiver\", \"kind\": \"money\", "
                          "\"points\": 100, \"value\": 500}, {\"code\": \"few\", \"kind\": \"money\", \"points\": 10, "
                          "\"value\": 5, \"stock\": 1}]");
    ledgers_member(&l, 7, 0);
    ledgers_sale(&l, 1, 7, "A 1 400.00", 1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%zu", i);
        struct hold_wanted w = {.member = 7, .points = points_of(rows[i].points), .means = MEANS_SUN, .factor = true,
                                .terminal = 1, .name = name, .reward = rows[i].reward};
        if (books_hold(l.books, &w, ledgers_day(2), &h, &why) != rows[i].e)
            fail_msg("row %zu: %s", i, why.text);
    }
    for (int wrong = 0; wrong < 2; wrong++) {
        struct hold_wanted w = {.member = 7, .points = points_of(100), .means = MEANS_SUN, .factor = true, .terminal = 1,
                                .name = wrong ? "b" : "a", .reward = "fiver"};
        assert_int_equal(books_hold(l.books, &w, ledgers_day(2), &h, &why), OK);
        assert_int_equal(ledgers_sql(&l, "SELECT max(position) FROM entry"), ledgers_sql(&l, "SELECT count(*) FROM entry"));
        struct txn *t = ledgers_entry(&l, 1, TXN_SALE, ledgers_day(2));
        t->member = 7;
        t->means = MEANS_SUN;
        snprintf(t->lines[0].sku, sizeof t->lines[0].sku, "A");
        t->line_count = t->lines[0].quantity = 1;
        t->lines[0].amount = t->total = money_of(2000);
        t->pack_version = 1;
        t->redeemed = points_of(100);
        t->redeemed_value = money_of(wrong ? 600 : 500);
        t->original = h.entry;
        t->points = points_of(wrong ? 14 : 15);
        snprintf(t->reward, sizeof t->reward, "fiver");
        ledgers_post(&l, t, POST_NEW);
    }
    ledgers_expect_reviews(&l, "T0001-3 redeemed otherwise than the programme says\n");
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(books_rules, a_reward_off_a_card_is_held_against_the_catalogue_too)
{
    struct real_card c;
    struct txn_evidence done;
    ledgers_open(&l, "a", "", "\"redeem\": {\"offline_days\": 7}, \"rewards\": [{\"code\": \"fiver\", \"kind\": \"money\", "
                          "\"points\": 100, \"value\": 500}]");
    ledgers_member(&l, 7, 0);
    ledgers_card(&l, &c, CARD_EV2, 1, 7, 0);
    ledgers_sale(&l, 1, 7, "A 1 400.00", 1);
    ledgers_load(&l, &c, 1, COMMIT_DONE, true);
    for (int wrong = 0; wrong < 2; wrong++) {
        struct entry_id intent = ledgers_intent(&l, 1, &c, 7, 100, 2, true, &done);
        struct txn *t = ledgers_entry(&l, 1, TXN_SALE, ledgers_day(2));
        t->member = 7;
        t->card = c.uid;
        t->means = MEANS_CARD;
        snprintf(t->lines[0].sku, sizeof t->lines[0].sku, "A");
        t->line_count = t->lines[0].quantity = 1;
        t->lines[0].amount = t->total = money_of(2000);
        t->pack_version = 1;
        t->redeemed = points_of(100);
        t->redeemed_value = money_of(wrong ? 600 : 500);
        t->original = intent;
        t->commit = COMMIT_DONE;
        t->evidence = done;
        t->points = points_of(wrong ? 14 : 15);
        snprintf(t->reward, sizeof t->reward, "fiver");
        ledgers_post(&l, t, POST_NEW);
    }
    ledgers_expect_reviews(&l, "T0001-5 redeemed otherwise than the programme says\n");
    ledgers_sound(&l);
    ledgers_close(&l);
}
