/* test_daily.c - what is done once a day is done once, whatever fails or is cut off in between.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/members/cards.h"
#include "office/daily.h"
#include "office/care/segment.h"
#include "tests/ledgers.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

enum { DAY = 100 };

static struct ledgers l;
static struct errmsg why;
static char said[400];

static void hear(const struct daily_step *step, int64_t count, void *arg)
{
    char line[80];
    (void)arg;
    snprintf(line, sizeof line, "%s %lld\n", step->name, (long long)count);
    strncat(said, line, sizeof said - strlen(said) - 1);
}

static enum err run_daily(void)
{
    said[0] = 0;
    return daily_run(l.books, LEDGERS_DAY_0 + DAY, ledgers_day(DAY), hear, NULL, &why);
}

static bool is_due(void)
{
    bool due = false;
    assert_int_equal(daily_is_due(l.books, LEDGERS_DAY_0 + DAY, &due, &why), OK);
    return due;
}

/* Ada has a telephone and points that end in ten days; Bob's card ends today; a segment marks both. */
static void open_books(void)
{
    struct real_card c;
    struct person ada = {.member = 7, .phone = "+4930123456"};
    ledgers_open(&l, "daily", "", "\"expiry\": {\"kind\": \"rolling\", \"days\": 30}, \"redeem\": {\"worth\": 1}");
    ledgers_member(&l, 7, 0);
    ledgers_member(&l, 8, 0);
    ledgers_card(&l, &c, CARD_EV2, 1, 8, 0);
    assert_int_equal(cards_set_end(l.books, &c.uid, LEDGERS_DAY_0 + DAY - 1, &why), OK);
    assert_int_equal(books_save_person(l.books, &ada, &why), OK);
    ledgers_sale(&l, 1, 7, "A 1 50.00", DAY - 20);
    ledgers_sale(&l, 1, 8, "A 1 50.00", DAY - 20); /* cannot be reached */
    assert_int_equal(segment_save(l.books, "ALL", "Everybody", "{\"fact\":\"days_since_joining\",\"least\":0}", true, 1,
                                  &why), OK);
}

TEST(daily, after_the_days_run_each_step_is_done_and_only_once)
{
    open_books();
    assert_false(is_due());
    assert_int_equal(run_daily(), ERR_STATE); /* points that ended would be reminded of */
    ledgers_run(&l, DAY);
    assert_true(is_due());
    assert_int_equal(run_daily(), OK);
    assert_non_null(strstr(said, "cards 1\n"));
    assert_non_null(strstr(said, "segments 2\n"));
    assert_non_null(strstr(said, "reminders 1\n"));
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM message WHERE template = 'points-ending' AND member = 7"), 1);
    assert_false(is_due());
    assert_int_equal(run_daily(), OK);
    assert_string_equal(said, "");
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(daily, the_next_day_says_nothing_again_of_points_that_were_spoken_of)
{
    open_books();
    ledgers_run(&l, DAY);
    assert_int_equal(run_daily(), OK);
    ledgers_adjust(&l, 7, 5, DAY - 20); /* the lot of that day has more points now */
    ledgers_run(&l, DAY + 1);
    said[0] = 0;
    assert_int_equal(daily_run(l.books, LEDGERS_DAY_0 + DAY + 1, ledgers_day(DAY + 1), hear, NULL, &why), OK);
    assert_non_null(strstr(said, "reminders 0\n"));
    assert_non_null(strstr(said, "cards 0\n"));
    ledgers_close(&l);
}

TEST(daily, a_regular_is_reminded_once_a_week_of_what_ends_next)
{
    open_books();
    for (int32_t day = DAY - 19; day < DAY; day++)
        (void)ledgers_sale(&l, 1, 7, "A 1 50.00", day);
    ledgers_run(&l, DAY);
    assert_int_equal(run_daily(), OK);
    assert_non_null(strstr(said, "reminders 1\n"));
    for (int32_t day = DAY + 1; day <= DAY + 7; day++) {
        ledgers_run(&l, day);
        said[0] = 0;
        assert_int_equal(daily_run(l.books, LEDGERS_DAY_0 + day, ledgers_day(day), hear, NULL, &why), OK);
        assert_non_null(strstr(said, day == DAY + 7 ? "reminders 1\n" : "reminders 0\n"));
    }
    assert_int_equal(ledgers_sql(&l, "SELECT count(DISTINCT vals) FROM message WHERE template = 'points-ending' AND member = 7"), 2);
    ledgers_close(&l);
}

TEST(daily, a_step_that_fails_leaves_the_others_done_and_is_done_when_it_can_be)
{
    open_books();
    ledgers_run(&l, DAY);
    ledgers_exec(&l, "CREATE TRIGGER broken BEFORE INSERT ON member_mark WHEN NEW.member = 8"
                     " BEGIN SELECT raise(ABORT, 'no'); END");
    assert_int_not_equal(run_daily(), OK);
    assert_non_null(strstr(why.text, "members marked for the tills: "));
    assert_null(strstr(said, "segments"));
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM member_mark"), 0); /* nothing half done */
    assert_non_null(strstr(said, "reminders 1\n"));
    assert_true(is_due());
    ledgers_exec(&l, "DROP TRIGGER broken");
    assert_int_equal(run_daily(), OK);
    assert_string_equal(said, "segments 2\n");
    assert_false(is_due());
    ledgers_close(&l);
}

TEST(daily, head_office_starts_it_once_a_day_and_again_an_hour_after_it_failed)
{
    open_books();
    assert_int_equal(daily_start(l.books, ledgers_day(DAY), &why), OK);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM job"), 0); /* the day's run comes first */
    ledgers_run(&l, DAY);
    for (int i = 0; i < 2; i++)
        assert_int_equal(daily_start(l.books, ledgers_day(DAY), &why), OK);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM job WHERE kind = 'daily'"), 1);
    char sql[200];
    snprintf(sql, sizeof sql, "UPDATE job SET state = 'failed', ended_s = %lld", (long long)ledgers_day(DAY));
    ledgers_exec(&l, sql);
    assert_int_equal(daily_start(l.books, ledgers_day(DAY) + 60, &why), OK);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM job"), 1);
    assert_int_equal(daily_start(l.books, ledgers_day(DAY) + DAILY_AGAIN_S, &why), OK);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM job"), 2);
    assert_int_equal(run_daily(), OK);
    ledgers_exec(&l, "UPDATE job SET state = 'done', ended_s = 1");
    assert_int_equal(daily_start(l.books, ledgers_day(DAY) + 2 * DAILY_AGAIN_S, &why), OK);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM job"), 2);
    ledgers_close(&l);
}
