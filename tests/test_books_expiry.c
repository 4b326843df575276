/* test_books_expiry.c - when points end, and what makes them end later: a purchase, an extension by hand, a return.
 * Tables of days; the last column is what is left.  A row that carries a number is a complaint published of another
 * system (docs/programme.md says what holds here).
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "tests/ledgers.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

#define REDEEM "\"redeem\": {\"worth\": 1, \"min\": 1, \"step\": 1, \"max_share\": 1}"
#define ACTIVITY "\"expiry\": {\"kind\": \"activity\", \"days\": 100}, " REDEEM

static struct ledgers l;

static uint32_t below(uint32_t n)
{
    return (uint32_t)(test_random() % n);
}

/* "12: 50, 90: 30": the lots with points left, days as in ledgers.h. */
static const char *lots(void)
{
    static char text[600];
    size_t used = 0;
    text[0] = 0;
    int64_t count = ledgers_sql(&l, "SELECT count(*) FROM lot WHERE left > 0");
    for (int64_t i = 0; i < count; i++) {
        char sql[160];
        snprintf(sql, sizeof sql, "SELECT expires_day FROM lot WHERE left > 0 ORDER BY member, expires_day LIMIT 1 OFFSET %d", (int)i);
        int64_t day = ledgers_sql(&l, sql);
        snprintf(sql, sizeof sql, "SELECT left FROM lot WHERE left > 0 ORDER BY member, expires_day LIMIT 1 OFFSET %d", (int)i);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%lld: %lld", used ? ", " : "",
                                 day == DAY_NEVER ? -1LL : (long long)day - LEDGERS_DAY_0, (long long)ledgers_sql(&l, sql));
    }
    return text;
}

static void extend(member_id member, int32_t from_day, int32_t to_day, int32_t day)
{
    struct txn *t = &l.t;
    memset(t, 0, sizeof *t);
    t->kind = TXN_EXTEND;
    t->member = member;
    t->from_day = LEDGERS_DAY_0 + from_day;
    t->day = to_day < 0 ? DAY_NEVER : LEDGERS_DAY_0 + to_day;
    snprintf(t->reason, sizeof t->reason, "was ill");
    ledgers_own(&l, t, ledgers_day(day));
}

/* ---- a little world in words: what happens, and the lots afterwards ----
 *
 *   sale 5 100      a purchase on day 5 that earns 100       late ones come as they stand
 *   redeem 5 80     80 points off the desk's hold on day 5
 *   back 9          the newest redemption is given back on day 9, money and points
 *   run 11          the day's run
 *   give 5 50       50 points by hand
 *   extend 5 10 60  on day 5, what ends from day 10 on ends on day 60 */
static struct entry_id redeemed;
static int32_t redeemed_points;

static void redeem(int32_t points, int32_t day)
{
    struct hold_view hold;
    struct errmsg why;
    char name[16];
    snprintf(name, sizeof name, "h%u", (unsigned)l.seq[1] + 1);
    struct hold_wanted w = {.member = 7, .points = points_of(points), .means = MEANS_CODE, .factor = true, .terminal = 1, .name = name};
    if (books_hold(l.books, &w, ledgers_day(day), &hold, &why))
        fail_msg("%s", why.text);
    struct txn *t = ledgers_entry(&l, 1, TXN_SALE, ledgers_day(day));
    t->member = 7;
    t->line_count = 1;
    snprintf(t->lines[0].sku, sizeof t->lines[0].sku, "R");
    t->lines[0].quantity = 1;
    t->lines[0].amount = t->total = t->redeemed_value = money_of(points);
    t->redeemed = points_of(points);
    t->original = hold.entry;
    t->means = MEANS_CODE;
    ledgers_post(&l, t, POST_NEW);
    redeemed = t->id;
    redeemed_points = points;
}

static void play(const char *story)
{
    char word[16], lines[32];
    int day, a, b, used;
    for (; sscanf(story, " %15s %d%n", word, &day, &used) == 2; story += used, story += *story == ';') {
        story += used, used = 0;
        a = b = 0;
        if (strcmp(word, "run") == 0) {
            ledgers_run(&l, day);
        } else if (strcmp(word, "back") == 0) {
            struct txn *t = ledgers_entry(&l, 2, TXN_REFUND, ledgers_day(day));
            t->original = redeemed;
            t->pack_version = 0;
            t->total = money_of(redeemed_points);
            ledgers_post(&l, t, POST_NEW);
        } else {
            assert_int_equal(sscanf(story, "%d%n", &a, &used), 1);
            if (strcmp(word, "sale") == 0) {
                snprintf(lines, sizeof lines, "A 1 %d.00", a);
                (void)ledgers_sale(&l, 1, 7, lines, day);
            } else if (strcmp(word, "redeem") == 0) {
                redeem(a, day);
            } else if (strcmp(word, "give") == 0) {
                ledgers_adjust(&l, 7, a, day);
            } else if (strcmp(word, "extend") == 0) {
                story += used;
                assert_int_equal(sscanf(story, "%d%n", &b, &used), 1);
                extend(7, a, b, day);
            } else {
                fail_msg("no word: %s", word);
            }
        }
    }
}

struct story {
    const char *name, *story, *lots;
};

static void tell(const char *top, const struct story *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char name[48];
        snprintf(name, sizeof name, "s%zu-%u", i, below(1000000));
        ledgers_open(&l, name, "", top);
        ledgers_member(&l, 7, 0);
        play(rows[i].story);
        if (strcmp(lots(), rows[i].lots) != 0)
            fail_msg("%s: %s\n is  %s\n not %s", rows[i].name, rows[i].story, lots(), rows[i].lots);
        ledgers_sound(&l);
        ledgers_close(&l);
    }
}

TEST(expiry, all_points_of_a_member_end_so_many_days_after_the_last_purchase)
{
    static const struct story rows[] = {
        {"one purchase", "sale 1 10", "101: 10"},
        {"the next one moves them all", "sale 1 10; sale 50 20", "150: 30"},
        {"on the last day still", "sale 1 10; run 101; sale 101 20", "201: 30"},
        {"a day later they have ended", "sale 1 10; run 102; sale 102 20", "202: 20"},
        {"... run or not", "sale 1 10; sale 102 20; run 103", "202: 20"},
        {"points given are good from their own day, and move with the rest",
         "sale 1 10; give 30 5; sale 50 20", "150: 35"},
        {"a later end is not shortened", "give 40 5; sale 20 10", "120: 10, 140: 5"},
        {"a purchase that earns nothing moves them too", "sale 1 10; sale 60 0", "160: 10"},
        {"a purchase that comes late", "sale 1 10; sale 60 5; sale 30 7", "160: 22"},
        {"... after the run that would not have been", "sale 1 10; run 110; sale 90 5", "190: 15"},
        {"... and moves them into the reach of a later one", "sale 1 10; run 110; sale 150 5; sale 90 7", "250: 22"},
        {"... but not beyond where that ended", "sale 1 10; run 110; sale 195 5; sale 90 7; run 196", "295: 5"},
        {"... over two later ones", "sale 1 10; sale 190 1; sale 280 1; sale 100 1; run 300", "380: 13"},
        {"a redemption is a purchase", "sale 1 90; redeem 50 40", "150: 50"},
        {"what is given back ends with the rest", "sale 1 90; redeem 50 40; back 60", "150: 90"},
        {"... wherever that has moved to", "sale 1 90; redeem 50 90; sale 120 10; back 130", "220: 100"},
        {"points that come back when all has ended end", "sale 1 90; redeem 50 40; back 200; run 201", ""},
    };
    tell(ACTIVITY, rows, sizeof rows / sizeof rows[0]);
}

/* The refund of a purchase whose points have moved takes them where they are now. */
TEST(expiry, what_is_taken_back_is_taken_from_where_its_points_have_moved)
{
    ledgers_open(&l, "a", "", ACTIVITY ", \"refund\": {\"may_owe\": true}");
    ledgers_member(&l, 7, 0);
    struct entry_id sale = ledgers_sale(&l, 1, 7, "A 1 50.00", 1);
    ledgers_sale(&l, 1, 7, "B 1 20.00", 60);
    ledgers_run(&l, 161); /* all ended unused on day 160 */
    ledgers_sale(&l, 1, 7, "C 1 30.00", 165);
    ledgers_refund(&l, 1, sale, "A 1 50.00", 170);
    ledgers_expect(&l, 7, 30, 0, 0, 0); /* what ended unused is not asked for again */
    assert_string_equal(lots(), "265: 30");
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(expiry, whatever_the_order_of_arrival_the_ends_are_the_same)
{
    for (int round = 0; round < 6; round++) {
        int32_t days[7];
        char expected[600];
        for (int i = 0; i < 7; i++)
            days[i] = 1 + (int32_t)below(420);
        for (int order = 0; order < 4; order++) {
            char name[24], story[400] = "";
            size_t used = 0;
            for (int i = 6; i > 0; i--) { /* order 0: sorted */
                int k = (int)below((uint32_t)i + 1);
                int32_t d = days[i];
                days[i] = days[k], days[k] = d;
            }
            for (int i = 0; i < 7 && order == 0; i++)
                for (int k = i + 1; k < 7; k++)
                    if (days[k] < days[i]) {
                        int32_t d = days[i];
                        days[i] = days[k], days[k] = d;
                    }
            snprintf(name, sizeof name, "o%d-%d", round, order);
            for (int i = 0; i < 7; i++)
                used += (size_t)snprintf(story + used, sizeof story - used, "%ssale %d 10", i ? "; " : "", (int)days[i]);
            ledgers_open(&l, name, "", ACTIVITY);
            ledgers_member(&l, 7, 0);
            play(story);
            ledgers_run(&l, 421);
            if (order == 0)
                snprintf(expected, sizeof expected, "%s", lots());
            else if (strcmp(lots(), expected) != 0)
                fail_msg("%s\n is  %s\n not %s", story, lots(), expected);
            if (order == 3)
                ledgers_sound(&l);
            ledgers_close(&l);
        }
    }
}

TEST(expiry, an_anniversary_ends_what_was_earned_in_the_year_of_membership_before)
{
    /* enrolled on 2011-01-01 (day 0): years of membership end on 31 December, days 364 and 730 (2012 has 366) */
    static const struct story rows[] = {
        {"the first day and the last", "sale 0 10; sale 364 5", "364: 15"},
        {"the next year", "sale 365 10; run 365", "730: 10"},
        {"ended by the run after", "sale 0 10; sale 365 7; run 365", "730: 7"},
    };
    tell("\"expiry\": {\"kind\": \"anniversary\", \"years\": 0}, " REDEEM, rows, sizeof rows / sizeof rows[0]);
    ledgers_open(&l, "middle", "", "\"expiry\": {\"kind\": \"anniversary\", \"years\": 1}");
    ledgers_member(&l, 7, 100);
    ledgers_sale(&l, 1, 7, "A 1 10.00", 120);
    assert_string_equal(lots(), "830: 10"); /* enrolled 2011-04-11: ends 2013-04-10 */
    struct member_view m;
    assert_int_equal(books_member(l.books, 7, &m, NULL), OK);
    assert_int_equal(m.enrolled_day, LEDGERS_DAY_0 + 100);
    ledgers_sound(&l);
    ledgers_close(&l);
}

#define ROLLING(reinstate) "\"expiry\": {\"kind\": \"rolling\", \"days\": 10, \"reinstate_days\": " #reinstate "}, " REDEEM

TEST(expiry, an_extension_moves_what_ends_and_brings_back_what_ended_lately)
{
    static const struct story rows[] = {
        {"moves", "sale 1 10; sale 5 20; extend 6 0 40", "40: 30"},
        {"from a day on", "sale 1 10; sale 5 20; extend 6 12 40", "11: 10, 40: 20"},
        {"... and not what ends later anyway", "sale 1 10; sale 5 20; extend 6 0 12", "12: 10, 15: 20"},
        {"brings back", "sale 1 10; run 12; extend 15 0 40", "40: 10"},
        {"ended on the last day of the window", "sale 1 10; run 12; extend 18 0 40", "40: 10"},
        {"... and a day after it", "sale 1 10; run 12; extend 19 0 40", ""},
        {"... run or not", "sale 1 10; extend 18 0 40; run 19", "40: 10"},
        {"... which the run then ends", "sale 1 10; extend 19 0 40; run 19", ""},
        {"of two the younger", "sale 1 10; sale 6 5; run 17; extend 20 0 40", "40: 5"},
        {"to a day that is over", "sale 1 10; extend 8 0 7", "11: 10"},
        {"again", "sale 1 10; extend 5 0 40; extend 6 0 60", "60: 10"},
        {"what was redeemed before comes back to where the rest went",
         "sale 1 90; redeem 2 40; extend 3 0 60; back 50", "60: 90"},
        {"... and when nothing of that lot was left, it has ended", "sale 1 90; redeem 2 90; extend 3 0 60; back 50; run 51", ""},
        {"back, to a day that is over", "sale 1 10; run 12; extend 15 0 14", ""},
        {"to a day the run has passed", "sale 1 10; run 25; extend 18 0 22", ""},
        {"an extension ends as any other", "sale 1 10; extend 5 0 40; run 41", ""},
    };
    tell(ROLLING(7), rows, sizeof rows / sizeof rows[0]);
}

TEST(expiry, what_an_extension_does_not_bring_back_is_said)
{
    ledgers_open(&l, "a", "", ROLLING(7));
    ledgers_member(&l, 7, 0);
    play("sale 1 10; sale 6 5; run 17; extend 20 0 40; extend 20 0 19");
    extend(9, 0, 40, 20);
    ledgers_expect_reviews(&l, "HQ-3 they ended too long ago to be brought back\n"
                               "HQ-4 they ended too long ago to be brought back\n"
                               "HQ-5 the member is not known\n");
    ledgers_expect(&l, 7, 5, 0, 0, 0);
    assert_int_equal(ledgers_sql(&l, "SELECT detail LIKE '10 points that ended by 2011-01-12, more than 7 days before'"
                                     " FROM review ORDER BY position LIMIT 1"), 1);
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(expiry, without_a_window_nothing_that_ended_comes_back)
{
    static const struct story rows[] = {
        {"ended", "sale 1 10; run 12; extend 12 0 40", ""},
        {"on its last day", "sale 1 10; extend 11 0 40", "40: 10"},
    };
    tell(ROLLING(0), rows, sizeof rows / sizeof rows[0]);
}

/* ---- published complaints ---- */

TEST(expiry, published_cases_end_as_they_should)
{
    /* Two lots that end on day 10 and on day 90, as by a rule for each: by extension. */
    static const struct story rows[] = {
        {"FloCafe#78: earn 100 to day 10, 50 to day 90, spend 80 on day 5: on day 11 50 are left",
         "give 0 100; give 1 50; extend 1 11 90; redeem 5 80; run 11", "90: 50"},
        {"FloCafe#78, the redemption arrives after the run", "give 0 100; give 1 50; extend 1 11 90; run 10; redeem 5 80; run 11",
         "90: 50"},
        {"odoo#206048: spent oldest first, and what comes back goes where it was",
         "give 0 100; give 1 50; extend 1 11 90; redeem 5 120; back 6", "10: 100, 90: 50"},
        {"odoo#206048, returned after the first has ended", "give 0 100; give 1 50; extend 1 11 90; redeem 5 120; back 20; run 21",
         "90: 50"},
        {"POS-Awesome#3069: the day is the pack's, not 27 years", "sale 5 10", "15: 10"},
        {"FloCafe#62: each purchase has its own end", "sale 5 10; sale 6 20; sale 7 30", "15: 10, 16: 20, 17: 30"},
    };
    tell(ROLLING(0), rows, sizeof rows / sizeof rows[0]);
}

/* ---- reminders ---- */

static bool add_ending(const struct ending_line *line, void *arg)
{
    char *text = arg;
    size_t used = strlen(text);
    snprintf(text + used, 300 - used, "M%d %d on %d\n", (int)line->member, (int)points_n(line->points), (int)line->day - LEDGERS_DAY_0);
    return true;
}

TEST(expiry, who_has_points_that_end_soon_is_listed)
{
    char text[300] = "";
    ledgers_open(&l, "a", "", ROLLING(0));
    for (member_id m = 7; m <= 9; m++)
        ledgers_member(&l, m, 0);
    ledgers_sale(&l, 1, 9, "A 1 10.00", 1);
    ledgers_sale(&l, 1, 7, "A 1 20.00", 1);
    ledgers_sale(&l, 1, 7, "A 1 30.00", 4);
    ledgers_sale(&l, 1, 8, "A 1 40.00", 5);
    assert_int_equal(books_ending(l.books, LEDGERS_DAY_0 + 5, LEDGERS_DAY_0 + 14, add_ending, text, NULL), OK);
    assert_string_equal(text, "M7 20 on 11\nM9 10 on 11\nM7 30 on 14\n"); /* nopCommerce#1912 */
    ledgers_close(&l);
}
