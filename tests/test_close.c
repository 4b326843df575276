/* test_close.c - a closed period says what the ledger says, means in money what was published, and stays.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/close/close.h"
#include "tests/apis.h"
#include "tests/ledgers.h"
#include "tests/test.h"

#include <stdlib.h>
#include <string.h>

static struct ledgers l;
static struct errmsg why;

#define TOP "\"redeem\": {\"worth\": 1, \"offline_days\": 7}, \"expiry\": {\"kind\": \"rolling\", \"days\": 2000}"

static void must_close(int32_t to_day, int64_t expected_ppm, int32_t now_day)
{
    struct close_wanted wanted = {LEDGERS_DAY_0 + to_day, expected_ppm, 3, ""};
    int64_t period;
    enum err e = books_begin(l.books, &why);
    if (!e)
        e = close_period(l.books, &wanted, ledgers_day(now_day), &period, &why);
    if (!e)
        e = books_commit(l.books, &why);
    if (e)
        fail_msg("%s", why.text);
}

static enum err try_close(int32_t to_day, int64_t expected_ppm, int32_t now_day)
{
    struct close_wanted wanted = {LEDGERS_DAY_0 + to_day, expected_ppm, 3, ""};
    int64_t period;
    assert_int_equal(books_begin(l.books, &why), OK);
    enum err e = close_period(l.books, &wanted, ledgers_day(now_day), &period, &why);
    books_rollback(l.books);
    return e;
}

static void redeem(struct real_card *c, int32_t points, const char *lines, int32_t day)
{
    struct txn_evidence done;
    struct entry_id intent = ledgers_intent(&l, 1, c, 7, points, day, true, &done);
    ledgers_outcome(&l, 1, TXN_SALE, c, 7, intent, points, COMMIT_DONE, &done, lines, day);
}

static int64_t of_period(int64_t n, const char *column)
{
    char sql[120];
    snprintf(sql, sizeof sql, "SELECT %s FROM period WHERE n = %lld", column, (long long)n);
    return ledgers_sql(&l, sql);
}

/* IFRS 15 Illustrative Example 52 in real books: 1,000.00 sold, 10,000 points of 0.01, 95 then 97 in 100 expected. */
TEST(close, two_years_of_real_entries_give_the_published_revenue_and_liability)
{
    struct real_card c;
    ledgers_open(&l, "ifrs", "\"multipliers\": [{\"name\": \"ten\", \"factor\": 10}]", TOP);
    ledgers_member(&l, 7, 0);
    ledgers_card(&l, &c, CARD_EV2, 1, 7, 0);
    ledgers_sale(&l, 1, 7, "A 1 1000.00", 1);
    ledgers_load(&l, &c, 2, COMMIT_DONE, true);
    redeem(&c, 4500, "A 1 45.00", 100);
    must_close(364, 950000, 365);
    assert_int_equal(of_period(1, "sales"), 100000);
    assert_int_equal(of_period(1, "allocated"), 8676);
    assert_int_equal(of_period(1, "recognised"), 4110);
    assert_int_equal(of_period(1, "liability"), 4566);
    assert_int_equal(of_period(1, "closing"), 5500);
    assert_int_equal(of_period(1, "worth_of_closing"), 5500);
    redeem(&c, 4000, "A 1 40.00", 500);
    must_close(364 + 366, 970000, 800);
    assert_int_equal(of_period(2, "allocated"), 0);
    assert_int_equal(of_period(2, "recognised"), 3493);
    assert_int_equal(of_period(2, "liability"), 1073);
    assert_int_equal(of_period(2, "closing"), 1500);

    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(close_journal(l.books, 1, out, &why), OK);
    fclose(out);
    assert_string_equal(text,
                        "date,document,account,name,debit,credit,currency,text\n"
                        "2011-12-31,P1,4000,sales,86.76,,GBP,share of the prices that belongs to points\n"
                        "2011-12-31,P1,2450,points liability,,86.76,GBP,share of the prices that belongs to points\n"
                        "2011-12-31,P1,2450,points liability,41.10,,GBP,points redeemed and points that will not be\n"
                        "2011-12-31,P1,4010,points revenue,,41.10,GBP,points redeemed and points that will not be\n");
    free(text);
    ledgers_sound(&l);
    ledgers_close(&l);
}

/* Two shops and head office; what happens there day by day. */
TEST(close, points_roll_forward_by_shop_and_day_and_what_comes_late_is_of_the_next_period)
{
    ledgers_open(&l, "roll", "", "\"redeem\": {\"worth\": 1}, \"expiry\": {\"kind\": \"rolling\", \"days\": 10}");
    ledgers_exec(&l, "INSERT INTO terminal (terminal, shop) VALUES (1, 'York'), (2, 'York')"
                     " ON CONFLICT DO UPDATE SET shop = excluded.shop"); /* the sales say Leeds: tills move */
    ledgers_member(&l, 7, 0);
    struct entry_id sale = ledgers_sale(&l, 1, 7, "A 2 100.00", 1);
    ledgers_sale(&l, 2, 7, "A 1 30.00", 1);
    ledgers_refund(&l, 1, sale, "A 1 50.00", 2);
    ledgers_adjust(&l, 7, 5, 2);
    must_close(3, 900000, 4);
    assert_int_equal(of_period(1, "earned"), 130);
    assert_int_equal(of_period(1, "clawed"), 50);
    assert_int_equal(of_period(1, "adjusted"), 5);
    assert_int_equal(of_period(1, "closing"), 85);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM period_day"), 3); /* sales in Leeds, a refund in York, head office */
    assert_int_equal(ledgers_sql(&l, "SELECT closing FROM period_day WHERE shop = 'Leeds'"), 130);
    assert_int_equal(ledgers_sql(&l, "SELECT closing FROM period_day WHERE shop = 'York'"), -50);
    assert_int_equal(ledgers_sql(&l, "SELECT closing FROM period_day WHERE shop = ''"), 5);
    assert_int_equal(ledgers_sql(&l, "SELECT sum(closing) FROM period_day WHERE (shop, day) IN"
                                     " (SELECT shop, max(day) FROM period_day GROUP BY shop)"), 85);
    /* a till that was cut off sends a sale of day 2 on day 6; the closed period does not know of it */
    l.now_s = ledgers_day(6);
    ledgers_sale(&l, 2, 7, "A 1 20.00", 2);
    l.now_s = 0;
    ledgers_run(&l, 13); /* 105 less what the refund took have ended */
    must_close(13, 900000, 14);
    assert_int_equal(of_period(2, "opening"), 85);
    assert_int_equal(of_period(2, "earned"), 20);
    assert_int_equal(of_period(2, "expired"), 105);
    assert_int_equal(of_period(2, "closing"), 0);
    assert_int_equal(ledgers_sql(&l, "SELECT late FROM period_day WHERE period = 2 AND shop != '' AND day = 14975 + 6"), 1);
    assert_int_equal(of_period(2, "liability"), 0); /* nothing is left to be redeemed: all of it is earned */
    assert_int_equal(of_period(1, "closing"), 85);
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(close, a_period_is_closed_once_after_its_end_and_never_changed)
{
    ledgers_open(&l, "once", "", TOP);
    assert_int_equal(try_close(1, 900000, 5), ERR_STATE);
    assert_string_equal(why.text, "there is nothing to close: the books have no entry yet");
    ledgers_member(&l, 7, 0);
    ledgers_sale(&l, 1, 7, "A 1 100.00", 1);
    assert_int_equal(try_close(5, 900000, 5), ERR_STATE);
    assert_string_equal(why.text, "2011-01-06 is not over yet: close it from the next day on");
    assert_int_equal(try_close(3, 1000001, 5), ERR_RANGE);
    assert_int_equal(try_close(3, -1, 5), ERR_RANGE);
    must_close(3, 900000, 5);
    assert_int_equal(try_close(3, 900000, 5), ERR_STATE);
    assert_string_equal(why.text, "2011-01-04 is closed already, or before the first entry");
    int32_t next;
    assert_int_equal(close_next_day(l.books, &next, &why), OK);
    assert_int_equal(next, LEDGERS_DAY_0 + 4);
    must_close(4, 900000, 6); /* a period in which nothing happened */
    assert_int_equal(of_period(2, "closing"), 100);
    assert_int_equal(of_period(2, "allocated"), 0);
    ledgers_close(&l);
}

TEST(close, books_that_do_not_add_up_are_not_closed)
{
    ledgers_open(&l, "spoilt", "", TOP);
    ledgers_member(&l, 7, 0);
    ledgers_sale(&l, 1, 7, "A 1 100.00", 1);
    must_close(2, 900000, 5);
    ledgers_exec(&l, "DROP TRIGGER posting_not_changed; UPDATE posting SET amount = amount - 1 WHERE account = 'issued'");
    assert_int_equal(try_close(3, 900000, 5), ERR_CORRUPT);
    assert_string_equal(why.text, "the periods add up to 100 points, the ledger to 101: see patronctl ledger verify");
    ledgers_close(&l);
}

/* More came back than was sold: the sides of the lines change, and they balance all the same. */
TEST(close, a_period_of_returns_goes_to_the_general_ledger_on_the_other_side)
{
    ledgers_open(&l, "returns", "", TOP);
    ledgers_member(&l, 7, 0);
    struct entry_id sale = ledgers_sale(&l, 1, 7, "A 2 1000.00", 1);
    must_close(2, 950000, 5);
    assert_int_equal(of_period(1, "allocated"), 941);
    ledgers_refund(&l, 1, sale, "A 1 500.00", 4);
    must_close(4, 950000, 6);
    assert_int_equal(of_period(2, "sales"), -50000);
    assert_int_equal(of_period(2, "allocated"), -471);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(close_journal(l.books, 2, out, &why), OK);
    fclose(out);
    assert_non_null(strstr(text, ",2450,points liability,4.71,,GBP,"));
    assert_non_null(strstr(text, ",4000,sales,,4.71,GBP,"));
    free(text);
    ledgers_close(&l);
}

/* Points bought in one period that end in two years, and some that are given a later end. */
TEST(close, the_money_of_points_goes_by_the_year_they_end_and_with_them_when_that_is_moved)
{
    ledgers_open(&l, "years", "", "\"redeem\": {\"worth\": 1}, \"expiry\": {\"kind\": \"rolling\", \"days\": 40}");
    ledgers_member(&l, 7, 0);
    ledgers_sale(&l, 1, 7, "A 1 100.00", 320); /* ends on day 360, in 2011 */
    ledgers_sale(&l, 1, 7, "A 1 233.00", 330); /* day 370, in 2012 */
    must_close(330, 1000000, 335);
    assert_int_equal(of_period(1, "allocated"), 330);
    assert_int_equal(ledgers_sql(&l, "SELECT allocated FROM period_cohort WHERE period = 1 AND year = 2011"), 99);
    assert_int_equal(ledgers_sql(&l, "SELECT allocated FROM period_cohort WHERE period = 1 AND year = 2012"), 231);
    struct txn t = {.kind = TXN_EXTEND, .member = 7, .from_day = LEDGERS_DAY_0 + 360, .day = LEDGERS_DAY_0 + 380};
    snprintf(t.reason, sizeof t.reason, "the shop was closed");
    ledgers_own(&l, &t, ledgers_day(340));
    must_close(345, 1000000, 350);
    assert_int_equal(of_period(2, "recognised"), 0); /* moved, not ended */
    assert_int_equal(of_period(2, "liability"), 330);
    assert_int_equal(ledgers_sql(&l, "SELECT allocated FROM period_cohort WHERE period = 2 AND year = 2011"), 0);
    assert_int_equal(ledgers_sql(&l, "SELECT allocated FROM period_cohort WHERE period = 2 AND year = 2012"), 330);
    ledgers_run(&l, 381);
    must_close(381, 1000000, 382);
    assert_int_equal(of_period(3, "liability"), 0);
    ledgers_close(&l);
}

TEST(close, looking_changes_nothing_and_shows_what_closing_will_say)
{
    ledgers_open(&l, "look", "", TOP);
    ledgers_member(&l, 7, 0);
    ledgers_sale(&l, 1, 7, "A 1 100.00", 1);
    assert_int_equal(try_close(3, 900000, 5), OK);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM period"), 0);
    must_close(3, 900000, 5);
    ledgers_close(&l);
}

/* Over random days the chain of periods says what the ledger says, in points and in money. */
TEST(close, whatever_happens_the_periods_follow_the_ledger_and_no_money_is_lost)
{
    for (int round = 0; round < 6; round++) {
        char name[20];
        struct entry_id sale = {0, 0};
        snprintf(name, sizeof name, "random%d", round);
        ledgers_open(&l, name, "", "\"redeem\": {\"worth\": \"3/2\", \"step\": 2, \"min\": 2}, \"expiry\": {\"kind\": \"rolling\", \"days\": 40}");
        ledgers_member(&l, 7, 0);
        for (int32_t day = 1; day < 200; day++) {
            char lines[40];
            snprintf(lines, sizeof lines, "A 2 %u.00", 2 * (1 + test_below(50)));
            if (test_below(3) == 0)
                sale = ledgers_sale(&l, 1 + test_below(3), 7, lines, day);
            else if (test_below(6) == 0 && sale.seq)
                ledgers_refund(&l, sale.terminal, sale, "A 1 1.00", day), sale.seq = 0;
            else if (test_below(9) == 0)
                ledgers_adjust(&l, 7, 1 + test_below(40), day);
            ledgers_run(&l, day);
            if (day % 30 == 0)
                must_close(day - 1, 1000 * test_below(1001), day);
        }
        assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM period"), 6);
        assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM period p WHERE liability <> (SELECT sum(allocated - recognised)"
                                         " FROM period_cohort c WHERE c.period = p.n)"), 0);
        assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM period p WHERE closing <> (SELECT sum(left)"
                                         " FROM period_cohort c WHERE c.period = p.n)"), 0);
        assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM period p JOIN period q ON q.n = p.n + 1"
                                         " WHERE q.opening <> p.closing OR q.from_day <> p.to_day + 1"
                                         " OR q.after_position <> p.through_position OR q.liability_before <> p.liability"), 0);
        ledgers_close(&l);
    }
}

/* The console: what was looked at is what is closed, once, and the lines go out as a file. */
TEST(close, in_the_console_what_was_looked_at_is_what_is_closed)
{
    struct apis a;
    ledgers_open(&l, "console", "", TOP);
    ledgers_member(&l, 7, 0);
    ledgers_sale(&l, 1, 7, "A 1 100.00", 1);
    apis_begin(&a, l.books);
    apis_user(&a, ROLE_CONTROLLER);
    json_decref(apis_ask(&a, "GET", "/api/closing?to=2011-01-31&expected_ppm=950000", NULL));
    assert_int_equal(a.status, 200);
    char *looked = strdup(a.raw);
    json_decref(apis_ask(&a, "POST", "/api/periods", "{\"to\": \"2011-01-31\", \"expected_ppm\": 950000}"));
    assert_int_equal(a.status, 200);
    assert_string_equal(a.raw, looked);
    free(looked);
    apis_expect(&a, 409, "POST", "/api/periods", "{\"to\": \"2011-01-31\", \"expected_ppm\": 950000}");
    apis_expect(&a, 409, "GET", "/api/closing?to=2011-03-01&expected_ppm=950000", NULL); /* today */
    apis_expect(&a, 400, "GET", "/api/closing?to=2011-02-28&expected_ppm=1000001", NULL);
    apis_expect(&a, 200, "POST", "/api/gl-accounts", "{\"name\": \"sales\", \"code\": \"8400\"}");
    apis_expect(&a, 404, "POST", "/api/gl-accounts", "{\"name\": \"cash\", \"code\": \"1\"}");
    apis_expect(&a, 400, "POST", "/api/gl-accounts", "{\"name\": \"sales\", \"code\": \"1,2\"}");
    json_decref(apis_ask(&a, "GET", "/api/periods/1/journal", NULL));
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.raw, "\n2011-01-31,P1,8400,sales,0.94,,GBP,"));
    assert_string_equal(a.file_name, "general-ledger-P1.csv");
    json_t *now = apis_ask(&a, "GET", "/api/liability", NULL);
    assert_int_equal(json_integer_value(json_object_get(now, "outstanding")), 100);
    assert_int_equal(json_integer_value(json_object_get(now, "worth")), 100);
    assert_string_equal(json_string_value(json_object_get(now, "next_close")), "2011-02-01");
    json_decref(now);
    apis_expect(&a, 404, "GET", "/api/periods/2", NULL);
    apis_expect(&a, 400, "GET", "/api/periods/x", NULL);
    apis_expect(&a, 200, "GET", "/api/periods/1/days?format=csv", NULL);
    apis_expect(&a, 200, "GET", "/api/liability/ending", NULL);
    apis_expect(&a, 409, "GET", "/api/liability/runoff", NULL); /* one year is no run-off */
    apis_end(&a);
    ledgers_close(&l);
}
