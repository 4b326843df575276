/* test_campaign.c - campaigns in the books: started once, held out, told, paid within the budget, coupons used once,
 * games imported once, and what it all brought.
 * SPDX-License-Identifier: Apache-2.0 */
#include "ledgers.h"
#include "office/care/campaign.h"
#include "office/care/coupon.h"
#include "office/care/message.h"
#include "office/care/segment.h"
#include "test.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEMBERS = 60, DAY = 100 };
static struct errmsg why;
static int64_t now;
#define CHECK(call) do { if ((call) != OK) fail_msg("%s", why.text); } while (0)

/* Sixty members who agree to messages, all with a telephone but the first. */
static void open_books(struct ledgers *l)
{
    ledgers_open(l, "campaigns", "", "\"redeem\": {\"worth\": \"1/1\", \"min\": 100, \"step\": 100}");
    now = ledgers_day(DAY);
    for (member_id m = 1; m <= MEMBERS; m++) {
        struct person p = {.member = m};
        char sql[200];
        ledgers_member(l, m, 10);
        snprintf(p.phone, sizeof p.phone, "+4930123%04d", (int)m);
        if (m > 1)
            CHECK(books_save_person(l->books, &p, &why));
        snprintf(sql, sizeof sql, "INSERT INTO consent (member, purpose, given, time_s, channel, version, user) VALUES"
                                  " (%d, 'messages', 1, 0, 'desk', '1', 1)", (int)m);
        ledgers_exec(l, sql);
    }
    CHECK(segment_save(l->books, "ALL", "Everybody", "{\"fact\":\"days_since_joining\",\"least\":0}", false, 1, &why));
}

static enum err save(struct ledgers *l, const char *code, const char *offer, int64_t budget, int32_t holdout)
{
    json_t *o = json_loads(offer, 0, NULL);
    struct campaign_new in = {.code = code, .name = "Spring", .segment = "ALL", .offer = o, .template_name = "spring",
                              .from_day = LEDGERS_DAY_0 + DAY, .to_day = LEDGERS_DAY_0 + DAY + 10,
                              .budget = money_of(budget), .cost_each = money_of(50), .holdout = holdout, .user = 1};
    enum err e = campaign_save(l->books, &in, &why);
    json_decref(o);
    return e;
}

static void start(struct ledgers *l, const char *code, const char *offer, int64_t budget, int32_t holdout)
{
    int64_t members;
    CHECK(save(l, code, offer, budget, holdout));
    CHECK(campaign_start(l->books, code, now, &members, &why));
    assert_int_equal(members, MEMBERS);
}

static int64_t number(const json_t *o, const char *name)
{
    return json_integer_value(json_object_get(o, name));
}

TEST(campaign, what_does_not_fit_is_refused_and_what_has_started_is_not_changed)
{
    static const struct {
        const char *code, *offer;
        enum err e;
    } rows[] = {
        {"spring", "{\"kind\":\"mark\"}", ERR_FORMAT}, {"TOOLONG99", "{\"kind\":\"mark\"}", ERR_FORMAT},
        {"A-B", "{\"kind\":\"mark\"}", ERR_FORMAT}, {"S1", "{}", ERR_FORMAT}, {"S1", "{\"kind\":\"money\"}", ERR_FORMAT},
        {"S1", "{\"kind\":\"points\",\"points\":0}", ERR_FORMAT}, {"S1", "{\"kind\":\"points\"}", ERR_FORMAT},
        {"S1", "{\"kind\":\"mark\",\"points\":5}", ERR_FORMAT}, {"S1", "{\"kind\":\"coupon\",\"days\":0}", ERR_FORMAT},
        {"S1", "{\"kind\":\"reward\",\"days\":5}", ERR_FORMAT}, {"ALL", "{\"kind\":\"mark\"}", ERR_EXISTS},
        {"S1", "{\"kind\":\"reward\",\"days\":5,\"reward\":\"MUG\"}", OK}, {"S1", "{\"kind\":\"mark\"}", OK},
    };
    struct ledgers l;
    int64_t members;
    open_books(&l);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (save(&l, rows[i].code, rows[i].offer, 0, 10) != rows[i].e)
            fail_msg("%s %s: %s", rows[i].code, rows[i].offer, why.text);
    assert_int_equal(save(&l, "S1", "{\"kind\":\"mark\"}", 0, 91), ERR_RANGE);
    CHECK(campaign_start(l.books, "S1", now, &members, &why));
    assert_int_equal(save(&l, "S1", "{\"kind\":\"mark\"}", 0, 10), ERR_STATE);
    assert_int_equal(campaign_start(l.books, "S1", now, &members, &why), ERR_STATE);
    assert_int_equal(campaign_start(l.books, "NONE", now, &members, &why), ERR_NOT_FOUND);
    assert_int_equal(segment_drop(l.books, "ALL", &why), ERR_STATE);
    assert_int_equal(segment_save(l.books, "S1", "x", "{\"fact\":\"rating\",\"least\":1}", true, 1, &why), ERR_EXISTS);
    CHECK(save(&l, "S2", "{\"kind\":\"mark\"}", 0, 10));
    assert_int_equal(campaign_start(l.books, "S2", now + 11 * 86400, &members, &why), ERR_STATE);
    ledgers_close(&l);
}

TEST(campaign, who_is_held_out_gets_nothing_and_the_others_all_of_it)
{
    struct ledgers l;
    open_books(&l);
    start(&l, "SPRING", "{\"kind\":\"coupon\",\"days\":14}", 0, 30);
    int64_t out = ledgers_sql(&l, "SELECT count(*) FROM campaign_member WHERE held_out");
    assert_in_range(out, 8, 28);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM coupon"), MEMBERS - out);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM campaign_member m WHERE held_out AND"
                                     " (EXISTS (SELECT 1 FROM coupon c WHERE c.member = m.member) OR"
                                     " EXISTS (SELECT 1 FROM message s WHERE s.member = m.member))"), 0);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM message WHERE purpose = 'marketing' AND json_extract(vals,"
                                     " '$.coupon') LIKE 'SPRING-______'"),
                     ledgers_sql(&l, "SELECT count(*) FROM campaign_member WHERE contact = 'queued'"));
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM campaign_member WHERE contact = 'no address'"),
                     ledgers_sql(&l, "SELECT count(*) FROM campaign_member WHERE member = 1 AND NOT held_out"));
    ledgers_close(&l);
}

TEST(campaign, marks_last_as_long_as_the_campaign)
{
    struct ledgers l;
    int64_t given;
    open_books(&l);
    start(&l, "M1", "{\"kind\":\"mark\"}", 0, 30);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM member_mark WHERE mark = 'M1'"),
                     ledgers_sql(&l, "SELECT count(*) FROM campaign_member WHERE NOT held_out"));
    CHECK(campaign_tick(l.books, ledgers_day(DAY + 10), &given, &why));
    assert_true(ledgers_sql(&l, "SELECT count(*) FROM member_mark") > 0); /* its last day */
    CHECK(campaign_tick(l.books, ledgers_day(DAY + 11), &given, &why));
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM member_mark"), 0);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM campaign WHERE state = 'ended'"), 1);
    start(&l, "M2", "{\"kind\":\"mark\"}", 0, 0);
    CHECK(campaign_stop(l.books, "M2", &why));
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM member_mark"), 0);
    assert_int_equal(campaign_stop(l.books, "M2", &why), ERR_STATE);
    ledgers_close(&l);
}

TEST(campaign, the_bonus_is_for_who_buys_in_the_period_once_and_ends_with_the_budget)
{
    struct ledgers l;
    int64_t given;
    open_books(&l);
    ledgers_exec(&l, "DELETE FROM consent"); /* who is not told gets the bonus all the same */
    start(&l, "BONUS", "{\"kind\":\"points\",\"points\":100}", 250, 0); /* 100 points are worth 1.00 */
    ledgers_sale(&l, 1, 5, "A 1 10.00", DAY - 1);
    ledgers_sale(&l, 1, 6, "A 1 10.00", DAY + 1);
    CHECK(campaign_tick(l.books, ledgers_day(DAY + 1), &given, &why));
    assert_int_equal(given, 1);
    ledgers_expect(&l, 6, 110, 0, 0, 0);
    ledgers_expect(&l, 5, 10, 0, 0, 0);
    CHECK(campaign_tick(l.books, ledgers_day(DAY + 1), &given, &why)); /* again: nothing */
    assert_int_equal(given, 0);
    for (member_id m = 7; m <= 9; m++)
        ledgers_sale(&l, 1, m, "A 1 10.00", DAY + 2);
    CHECK(campaign_tick(l.books, ledgers_day(DAY + 2), &given, &why));
    assert_int_equal(given, 1); /* the third would cost 3.00 of 2.50 */
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM campaign WHERE state = 'spent'"), 1);
    ledgers_sound(&l);
    ledgers_close(&l);
}

/* A sale with coupons. */
static void sale_with(struct ledgers *l, member_id member, const char *const coupons[], int count, int32_t day)
{
    ledgers_entry(l, 1, TXN_SALE, ledgers_day(day));
    l->t.member = member;
    snprintf(l->t.shop, sizeof l->t.shop, "MAIN");
    snprintf(l->t.tier, sizeof l->t.tier, "BASE");
    l->t.pack_version = 1;
    l->t.line_count = 1;
    snprintf(l->t.lines[0].sku, sizeof l->t.lines[0].sku, "A");
    l->t.lines[0].quantity = 1;
    l->t.lines[0].amount = l->t.total = money_of(1000);
    l->t.points = points_of(10);
    l->t.coupon_count = count;
    for (int i = 0; i < count; i++)
        snprintf(l->t.coupons[i], sizeof l->t.coupons[i], "%s", coupons[i]);
    ledgers_post(l, &l->t, POST_NEW);
}

TEST(campaign, a_coupon_is_used_once_by_its_member_in_its_time_and_the_rest_is_for_a_person_to_see)
{
    struct ledgers l;
    char a[COUPON_SIZE], b[COUPON_SIZE], c[COUPON_SIZE];
    int64_t used, odd;
    json_t *rows = json_array();
    open_books(&l);
    start(&l, "SPRING", "{\"kind\":\"coupon\",\"days\":14}", 0, 90);
    CHECK(coupon_issue(l.books, "SPRING", 5, LEDGERS_DAY_0 + DAY + 5, now, a, &why));
    CHECK(coupon_issue(l.books, "SPRING", 5, LEDGERS_DAY_0 + DAY + 5, now, b, &why));
    CHECK(coupon_issue(l.books, "SPRING", 6, LEDGERS_DAY_0 + DAY + 5, now, c, &why));
    sale_with(&l, 5, (const char *const[]){a, "SPRING-ABCDEF"}, 2, DAY + 5);
    sale_with(&l, 5, (const char *const[]){a}, 1, DAY + 5);  /* used before */
    sale_with(&l, 5, (const char *const[]){c}, 1, DAY + 5);  /* another's */
    sale_with(&l, 0, (const char *const[]){c}, 1, DAY + 5);  /* nobody's sale */
    sale_with(&l, 5, (const char *const[]){b}, 1, DAY + 6);  /* a day late */
    sale_with(&l, 5, (const char *const[]){"SPRING-ABCDEF"}, 0, DAY + 5);
    CHECK(coupon_scan(l.books, &used, &odd, &why));
    assert_int_equal(used, 1);
    assert_int_equal(odd, 5);
    CHECK(coupon_scan(l.books, &used, &odd, &why));
    assert_int_equal(used + odd, 0);
    CHECK(coupon_reviews(l.books, rows, &why));
    static const char *const answers[] = {"it was not good on that day", "used without a member", "it is another member's",
                                          "it was used before", "no such coupon was given out"};
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(json_string_value(json_object_get(json_array_get(rows, i), "answer")), answers[i]);
    json_array_clear(rows);
    CHECK(coupon_list(l.books, "SPRING", 5, LEDGERS_DAY_0 + DAY + 6, rows, &why));
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *r = json_array_get(rows, i);
        if (strcmp(json_string_value(json_object_get(r, "coupon")), a) == 0)
            assert_string_equal(json_string_value(json_object_get(r, "state")), "used");
    }
    ledgers_exec(&l, "UPDATE care_setting SET value = '0' WHERE name = 'coupon_position'");
    CHECK(coupon_scan(l.books, &used, &odd, &why)); /* from the start: the same */
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM coupon WHERE position IS NOT NULL"), 1);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM coupon_review"), 5);
    json_decref(rows);
    ledgers_sound(&l);
    ledgers_close(&l);
}

static void merge(struct ledgers *l, member_id member, member_id other)
{
    static struct txn t;
    t = (struct txn){.kind = TXN_MERGE, .member = member, .other = other, .reason = "one person", .user = 1};
    ledgers_own(l, &t, now);
}

TEST(campaign, two_numbers_of_one_person_are_one)
{
    struct ledgers l;
    char code[COUPON_SIZE];
    int64_t used, odd, members;
    json_t *out = json_object();
    open_books(&l);
    start(&l, "FIRST", "{\"kind\":\"mark\"}", 0, 0);
    merge(&l, 5, 7);
    CHECK(save(&l, "SPRING", "{\"kind\":\"coupon\",\"days\":14}", 0, 0));
    CHECK(campaign_start(l.books, "SPRING", now, &members, &why));
    assert_int_equal(members, MEMBERS - 1);
    CHECK(coupon_issue(l.books, "SPRING", 7, LEDGERS_DAY_0 + DAY + 5, now, code, &why)); /* given to the other number */
    sale_with(&l, 5, (const char *const[]){code}, 1, DAY + 1);
    CHECK(coupon_scan(l.books, &used, &odd, &why));
    assert_int_equal(used, 1);
    ledgers_sale(&l, 1, 7, "A 1 10.00", DAY + 1); /* what the number of then buys is its own still */
    CHECK(campaign_result(l.books, "FIRST", out, &why));
    assert_int_equal(number(out, "treated_buyers"), 2);
    json_decref(out);
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(campaign, the_result_compares_with_those_left_alone)
{
    struct ledgers l;
    json_t *out = json_object();
    open_books(&l);
    start(&l, "SPRING", "{\"kind\":\"coupon\",\"days\":14}", 0, 50);
    int64_t bought[2] = {0, 0}, members[2];
    for (member_id m = 1; m <= 30; m++) { /* every treated one of the first thirty buys, and every third held out one */
        bool held = segment_held_out("SPRING", m, 50);
        if (!held || m % 3 == 0) {
            ledgers_sale(&l, 1, m, "A 1 10.00", DAY + 3);
            bought[held]++;
        }
    }
    ledgers_sale(&l, 1, 40, "A 1 10.00", DAY + 11); /* after it */
    members[1] = ledgers_sql(&l, "SELECT count(*) FROM campaign_member WHERE held_out");
    members[0] = MEMBERS - members[1];
    CHECK(campaign_result(l.books, "SPRING", out, &why));
    assert_int_equal(number(out, "treated"), members[0]);
    assert_int_equal(number(out, "treated_buyers"), bought[0]);
    assert_int_equal(number(out, "treated_money"), bought[0] * 1000);
    assert_int_equal(number(out, "holdout"), members[1]);
    assert_int_equal(number(out, "holdout_buyers"), bought[1]);
    assert_int_equal(number(out, "buyers_more"), bought[0] - bought[1] * members[0] / members[1]);
    assert_int_equal(number(out, "coupons"), members[0]);
    assert_int_equal(number(out, "cost"), 0);
    ledgers_exec(&l, "UPDATE coupon SET position = 70 WHERE member < 10");
    int64_t used = ledgers_sql(&l, "SELECT count(*) FROM coupon WHERE position IS NOT NULL");
    CHECK(campaign_result(l.books, "SPRING", out, &why));
    assert_int_equal(number(out, "coupons_used"), used);
    assert_int_equal(number(out, "cost"), used * 50);
    assert_int_equal(campaign_result(l.books, "NONE", out, &why), ERR_NOT_FOUND);
    json_decref(out);
    ledgers_close(&l);
}

static enum err games(struct ledgers *l, const char *csv, bool dry, int64_t *taken, int64_t *known, json_t *faults)
{
    char text[1000];
    snprintf(text, sizeof text, "key,member,result,points\n%s", csv);
    return campaign_games(l->books, "GAME", text, dry, 1, now, taken, known, faults, &why);
}

TEST(campaign, who_is_held_out_buys_and_gets_no_bonus)
{
    struct ledgers l;
    int64_t given;
    open_books(&l);
    start(&l, "HALF", "{\"kind\":\"points\",\"points\":100}", 0, 50);
    for (member_id m = 1; m <= MEMBERS; m++)
        ledgers_sale(&l, 1, m, "A 1 10.00", DAY + 1);
    CHECK(campaign_tick(l.books, ledgers_day(DAY + 1), &given, &why));
    assert_int_equal(given, ledgers_sql(&l, "SELECT count(*) FROM campaign_member WHERE NOT held_out"));
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM member m JOIN campaign_member c USING (member) WHERE held_out AND"
                                     " m.held <> 10"), 0);
    ledgers_close(&l);
}

TEST(campaign, what_was_bought_before_it_started_is_not_its_work)
{
    struct ledgers l;
    int64_t given;
    json_t *out = json_object();
    open_books(&l);
    ledgers_sale(&l, 1, 5, "A 1 10.00", DAY + 1); /* in the period, but nobody knew of it yet */
    now = ledgers_day(DAY + 2);
    start(&l, "LATE", "{\"kind\":\"points\",\"points\":100}", 0, 0);
    CHECK(campaign_tick(l.books, now, &given, &why));
    assert_int_equal(given, 0);
    CHECK(campaign_result(l.books, "LATE", out, &why));
    assert_int_equal(number(out, "treated_buyers"), 0);
    ledgers_sale(&l, 1, 5, "A 1 10.00", DAY + 3);
    CHECK(campaign_tick(l.books, ledgers_day(DAY + 3), &given, &why));
    assert_int_equal(given, 1);
    json_decref(out);
    ledgers_close(&l);
}

TEST(campaign, a_file_of_game_results_counts_once_however_often_it_comes)
{
    struct ledgers l;
    json_t *faults = json_array();
    int64_t taken, known;
    open_books(&l);
    CHECK(save(&l, "GAME", "{\"kind\":\"mark\"}", 100, 0));
    assert_int_equal(games(&l, "a,M5,won,40\n", false, &taken, &known, faults), ERR_STATE);
    CHECK(campaign_start(l.books, "GAME", now, &taken, &why));
    CHECK(games(&l, "a,M5,won,40\nb,M6,lost,0\r\n\nc,7,won,50\n", true, &taken, &known, faults));
    assert_int_equal(taken, 3);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM game_result"), 0);
    ledgers_expect(&l, 5, 0, 0, 0, 0);
    CHECK(games(&l, "a,M5,won,40\nb,M6,lost,0\r\n\nc,7,won,50\n", false, &taken, &known, faults));
    assert_int_equal(taken, 3);
    CHECK(games(&l, "a,M5,won,40\nd,M8,won,10\n", false, &taken, &known, faults));
    assert_int_equal(taken, 1);
    assert_int_equal(known, 1);
    ledgers_expect(&l, 5, 40, 0, 0, 0);
    ledgers_expect(&l, 7, 50, 0, 0, 0);
    assert_int_equal(games(&l, "e,M5,won,1\n", false, &taken, &known, faults), ERR_REFUSED); /* 1.00 is spent */
    assert_int_equal(games(&l, "f,M5,lost,0\ne,M99,won,1\ng,M5,won,-1\n,M5,x,1\nh,M5,x,1,1\n", false, &taken, &known,
                           faults), ERR_FORMAT);
    assert_int_equal(json_array_size(faults), 4);
    assert_string_equal(json_string_value(json_array_get(faults, 0)), "line 3: there is no such member");
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM game_result"), 4);
    assert_int_equal(campaign_games(l.books, "GAME", "member\n", false, 1, now, &taken, &known, faults, &why), ERR_FORMAT);
    ledgers_sound(&l);
    json_decref(faults);
    ledgers_close(&l);
}
