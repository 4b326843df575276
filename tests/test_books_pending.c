/* test_books_pending.c - points that wait: earned ones until the return period is over, those of a lost card until
 * every till has been heard.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "tests/ledgers.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REDEEM "\"redeem\": {\"worth\": 1, \"min\": 1, \"step\": 1, \"max_share\": 1}"
#define VEST "\"vest_days\": 14"

static struct ledgers l;

static uint32_t below(uint32_t n)
{
    return (uint32_t)(test_random() % n);
}

static void expect_pending(member_id member, int64_t held, int64_t pending)
{
    struct member_view m;
    struct errmsg why;
    assert_int_equal(books_member(l.books, member, &m, &why), OK);
    if (points_n(m.held) != held || points_n(m.pending) != pending)
        fail_msg("held %lld, pending %lld", (long long)points_n(m.held), (long long)points_n(m.pending));
}

static int64_t spendable(int32_t day)
{
    struct points p;
    assert_int_equal(books_spendable(l.books, 7, ledgers_day(day), &p, NULL), OK);
    return points_n(p);
}

TEST(pending, points_earned_are_spendable_when_the_return_period_is_over)
{
    ledgers_open(&l, "a", VEST, REDEEM);
    ledgers_member(&l, 7, 0);
    ledgers_sale(&l, 1, 7, "A 1 100.00", 1);
    expect_pending(7, 0, 100);
    assert_int_equal(spendable(1), 0);
    ledgers_run(&l, 14);
    expect_pending(7, 0, 100);
    ledgers_run(&l, 15);
    expect_pending(7, 100, 0);
    assert_int_equal(spendable(15), 100);
    ledgers_sale(&l, 1, 7, "A 1 1.00", 1); /* the run has had its day */
    expect_pending(7, 101, 0);
    ledgers_adjust(&l, 7, -1, 15);
    ledgers_sale(&l, 1, 7, "A 1 10.00", 2); /* comes late: its days are nearly over */
    expect_pending(7, 100, 10);
    ledgers_run(&l, 30); /* one day without a run is no matter */
    expect_pending(7, 110, 0);
    ledgers_sale(&l, 1, 7, "A 1 5.00", 3); /* ... and over */
    expect_pending(7, 115, 0);
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(pending, what_is_owed_is_paid_at_once_and_the_rest_waits)
{
    ledgers_open(&l, "a", VEST, REDEEM);
    ledgers_member(&l, 7, 0);
    ledgers_adjust(&l, 7, -30, 1);
    ledgers_expect(&l, 7, -30, 0, 0, 30);
    ledgers_sale(&l, 1, 7, "A 1 100.00", 1);
    ledgers_expect(&l, 7, 0, 0, 0, 0);
    expect_pending(7, 0, 70);
    ledgers_sale(&l, 1, 7, "A 1 0.50", 1); /* earns nothing, and nothing waits */
    ledgers_adjust(&l, 7, 5, 2);           /* goodwill may be spent today */
    expect_pending(7, 5, 70);
    assert_int_equal(spendable(2), 5);
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(pending, goods_that_come_back_in_time_take_from_what_waits)
{
    static const struct {
        int32_t run, day; /* the run before the refund; 0 = none */
        const char *lines;
        int64_t before, held, pending, owed;
    } rows[] = {
        {0, 5, "A 1 40.00", 0, 0, 60, 0},   /* a part */
        {0, 5, "A 1 40.00, B 1 60.00", 0, 0, 0, 0},
        {15, 16, "A 1 40.00", 0, 60, 0, 0}, /* too late: from held */
        {0, 5, "A 1 40.00", 20, 20, 60, 0}, /* other points are not touched */
        {15, 16, "A 1 40.00, B 1 60.00", -30, -30, 0, 30},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char name[16];
        snprintf(name, sizeof name, "back%zu", i);
        ledgers_open(&l, name, VEST, REDEEM);
        ledgers_member(&l, 7, 0);
        struct entry_id sale = ledgers_sale(&l, 1, 7, "A 1 40.00, B 1 60.00", 1);
        if (rows[i].before)
            ledgers_adjust(&l, 7, rows[i].before, 2);
        if (rows[i].run)
            ledgers_run(&l, rows[i].run);
        ledgers_refund(&l, 1, sale, rows[i].lines, rows[i].day);
        struct member_view m;
        assert_int_equal(books_member(l.books, 7, &m, NULL), OK);
        if (points_n(m.held) != rows[i].held || points_n(m.pending) != rows[i].pending ||
            points_n(m.owed) != rows[i].owed)
            fail_msg("row %zu: held %lld, pending %lld, owed %lld", i, (long long)points_n(m.held),
                     (long long)points_n(m.pending), (long long)points_n(m.owed));
        ledgers_run(&l, 40);
        expect_pending(7, rows[i].held + rows[i].pending, 0);
        ledgers_sound(&l);
        ledgers_close(&l);
    }
}

TEST(pending, points_that_end_before_their_days_are_over_may_be_spent_on_their_last_day)
{
    ledgers_open(&l, "a", VEST, "\"expiry\": {\"kind\": \"rolling\", \"days\": 10}, " REDEEM);
    ledgers_member(&l, 7, 0);
    ledgers_sale(&l, 1, 7, "A 1 100.00", 1);
    ledgers_run(&l, 10);
    expect_pending(7, 0, 100);
    ledgers_run(&l, 11);
    expect_pending(7, 100, 0);
    ledgers_run(&l, 12);
    expect_pending(7, 0, 0);
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(pending, points_earned_on_their_last_day_do_not_wait)
{
    ledgers_open(&l, "a", VEST, "\"expiry\": {\"kind\": \"year_end\", \"years\": 0}, " REDEEM);
    ledgers_member(&l, 7, 0);
    ledgers_sale(&l, 1, 7, "A 1 10.00", 363);
    expect_pending(7, 0, 10);
    ledgers_sale(&l, 1, 7, "A 1 20.00", 364); /* 31 December */
    expect_pending(7, 20, 10);
    ledgers_run(&l, 364);
    expect_pending(7, 30, 0);
    ledgers_sound(&l);
    ledgers_close(&l);
}

/* Lots do not know what waits, so when others end, those that wait are not spent in their place. */
TEST(pending, what_waits_is_not_spent_in_the_place_of_points_that_ended)
{
    ledgers_open(&l, "a", VEST, "\"expiry\": {\"kind\": \"rolling\", \"days\": 20}, " REDEEM);
    ledgers_member(&l, 7, 0);
    ledgers_adjust(&l, 7, 50, 1); /* good to day 21 */
    ledgers_sale(&l, 1, 7, "A 1 70.00", 15);
    assert_int_equal(spendable(21), 50);
    assert_int_equal(spendable(22), 0);
    ledgers_run(&l, 22);
    expect_pending(7, 0, 70);
    ledgers_sound(&l);
    ledgers_close(&l);
}

/* ---- replaced cards ---- */

#define WAIT "\"cards\": {\"replace_days\": 7}, " REDEEM

static struct real_card old, fresh;

/* A card with 100 points on it, lost on day 3. */
static void lost(const char *name, const char *top)
{
    struct txn *t = &l.t;
    ledgers_open(&l, name, "", top);
    ledgers_member(&l, 7, 0);
    ledgers_card(&l, &old, CARD_EV2, 1, 7, 0);
    ledgers_adjust(&l, 7, 100, 1);
    ledgers_load(&l, &old, 2, COMMIT_DONE, true);
    memset(t, 0, sizeof *t);
    memset(&fresh, 0, sizeof fresh);
    fresh.kind = CARD_EV2;
    fresh.uid = (struct card_uid){{4, 9, 9, 9, 9, 9, 9}};
    t->kind = TXN_CARD;
    t->member = 7;
    t->card = fresh.uid;
    t->card_kind = CARD_EV2;
    t->card_status = CARD_ACTIVE;
    t->replaces = old.uid;
    ledgers_own(&l, t, ledgers_day(3));
}

static void redeem_offline(int32_t points, int32_t day)
{
    struct txn_evidence done;
    struct entry_id intent = ledgers_intent(&l, 1, &old, 7, points, day, true, &done);
    ledgers_outcome(&l, 1, TXN_SALE, &old, 7, intent, points, COMMIT_DONE, &done, "A 1 0.90", day);
}

TEST(pending, what_a_lost_card_held_waits_for_tills_that_were_cut_off)
{
    lost("a", WAIT);
    expect_pending(7, 0, 100);
    ledgers_expect(&l, 7, 0, 0, 0, 0);
    assert_int_equal(ledgers_load(&l, &fresh, 4, COMMIT_NONE, false), 0); /* not yet for the new card */
    redeem_offline(30, 2);
    expect_pending(7, 0, 70);
    ledgers_expect(&l, 7, 0, 0, 0, 0);
    ledgers_run(&l, 9);
    expect_pending(7, 0, 70);
    ledgers_run(&l, 10);
    expect_pending(7, 70, 0);
    redeem_offline(20, 3); /* comes after all that: the new card pays */
    expect_pending(7, 50, 0);
    assert_int_equal(ledgers_load(&l, &fresh, 11, COMMIT_DONE, true), 50);
    redeem_offline(40, 3);
    ledgers_expect(&l, 7, -40, 50, 0, 0); /* the next load takes it off again */
    assert_int_equal(ledgers_load(&l, &fresh, 12, COMMIT_DONE, true), -40);
    ledgers_expect(&l, 7, 0, 10, 0, 0);
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(pending, a_lost_card_that_is_found_and_emptied_waits_no_longer)
{
    lost("a", WAIT);
    assert_int_equal(ledgers_load(&l, &old, 5, COMMIT_DONE, true), -100);
    expect_pending(7, 100, 0);
    ledgers_run(&l, 20);
    expect_pending(7, 100, 0);
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(pending, a_load_in_doubt_of_a_lost_card_waits_with_the_rest)
{
    struct txn *t = &l.t;
    ledgers_open(&l, "a", "", WAIT);
    ledgers_member(&l, 7, 0);
    ledgers_card(&l, &old, CARD_EV2, 1, 7, 0);
    ledgers_adjust(&l, 7, 100, 1);
    ledgers_load(&l, &old, 2, COMMIT_DOUBT, true);
    ledgers_expect(&l, 7, 0, 0, 100, 0);
    memset(t, 0, sizeof *t);
    t->kind = TXN_CARD;
    t->member = 7;
    t->card = (struct card_uid){{4, 9, 9, 9, 9, 9, 9}};
    t->card_kind = CARD_EV2;
    t->card_status = CARD_ACTIVE;
    t->replaces = old.uid;
    ledgers_own(&l, t, ledgers_day(3));
    expect_pending(7, 0, 0);
    redeem_offline(30, 2); /* names the load as the commit before: the card has them */
    ledgers_expect(&l, 7, 0, 0, 0, 0);
    expect_pending(7, 0, 70);
    ledgers_run(&l, 10);
    expect_pending(7, 70, 0);
    ledgers_sound(&l);
    ledgers_close(&l);
}

/* ---- what people are shown ---- */

struct seen {
    char text[600];
    size_t used;
};

static bool add_line(const struct statement_line *line, void *arg)
{
    struct seen *s = arg;
    s->used += (size_t)snprintf(s->text + s->used, sizeof s->text - s->used, "%s %s%+lld = %lld (%s)\n",
                                txn_kind_text(line->kind), line->account, (long long)points_n(line->amount),
                                (long long)points_n(line->total_after), line->why);
    return true;
}

TEST(pending, a_statement_says_what_waits_and_since_when_it_does_not)
{
    struct seen s = {.used = 0};
    struct books_totals totals;
    ledgers_open(&l, "a", VEST, REDEEM);
    ledgers_member(&l, 7, 0);
    ledgers_sale(&l, 1, 7, "A 1 100.00", 1);
    ledgers_sale(&l, 1, 7, "A 1 50.00", 5);
    ledgers_run(&l, 15);
    assert_int_equal(books_statement(l.books, 7, add_line, &s, NULL), OK);
    assert_string_equal(s.text, "sale issued-100 = 100 (100.00 GBP at 1 point a GBP: 100 points)\n"
                                "sale pending+100 = 100 (100.00 GBP at 1 point a GBP: 100 points)\n"
                                "sale issued-50 = 150 (50.00 GBP at 1 point a GBP: 50 points)\n"
                                "sale pending+50 = 150 (50.00 GBP at 1 point a GBP: 50 points)\n"
                                "run pending-100 = 150 (pending no longer: they may be spent)\n"
                                "run held+100 = 150 (pending no longer: they may be spent)\n");
    assert_int_equal(books_totals(l.books, &totals, NULL), OK);
    assert_int_equal(points_n(totals.pending), 50);
    assert_int_equal(points_n(totals.held), 100);
    ledgers_close(&l);
}

/* A bit of everything that waits, ends later and is given by hand. */
static void everything(const char *name)
{
    struct txn *t = &l.t;
    ledgers_open(&l, name, VEST, "\"expiry\": {\"kind\": \"activity\", \"days\": 50}, " REDEEM);
    ledgers_member(&l, 7, 0);
    ledgers_sale(&l, 1, 7, "A 1 100.00", 1);
    ledgers_sale(&l, 1, 7, "A 1 50.00", 5);
    ledgers_run(&l, 15);
    for (int i = 0; i < 2; i++) {
        memset(t, 0, sizeof *t);
        t->kind = i ? TXN_TIER : TXN_EXTEND;
        t->member = 7;
        t->day = LEDGERS_DAY_0 + 200;
        if (i)
            snprintf(t->tier, sizeof t->tier, "member");
        else
            t->from_day = LEDGERS_DAY_0;
        snprintf(t->reason, sizeof t->reason, "test");
        ledgers_own(&l, t, ledgers_day(16));
    }
}

TEST(pending, verify_and_replay_find_what_was_changed)
{
    static const struct {
        bool replay;
        const char *damage, *line;
    } rows[] = {
        {false, "UPDATE vesting SET left = left + 1 WHERE left > 0", "BROKEN  I1 balances kept beside the postings are their sums"},
        {false, "UPDATE member SET pending = pending - 1", "BROKEN  I1 balances kept beside the postings are their sums"},
        {false, "UPDATE vesting SET day = 14975 + 15", "BROKEN  what is pending is of a purchase"},
        {false, "UPDATE vesting SET n = 1, uid = zeroblob(7) WHERE left > 0", "BROKEN  what is pending is of a purchase"},
        {false, "UPDATE sale SET earned = 49 WHERE earned = 50", "BROKEN  what is pending is of a purchase"},
        {false, "DROP TRIGGER lot_move_not_changed; UPDATE lot_move SET left = left + 1 WHERE cause = 'extend' AND left > 0",
         "BROKEN  a later end makes no points and loses none"},
        {false, "UPDATE member SET hand_tier = 'gold'", "BROKEN  a tier given by hand is in the history"},
        {true, "UPDATE vesting SET day = day + 1 WHERE left > 0", "BROKEN  I7 vesting"},
        {true, "UPDATE member SET hand_until_day = 1", "BROKEN  I7 member"},
        {true, "UPDATE member SET enrolled_day = 1", "BROKEN  I7 member"},
        {true, "DROP TRIGGER lot_move_not_changed; UPDATE lot_move SET cause = 'adjust' WHERE cause = 'activity'", "BROKEN  I7 lot_move"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char name[16], *text = NULL;
        size_t size = 0;
        int broken = 0;
        struct errmsg why;
        snprintf(name, sizeof name, "v%zu", i);
        everything(name);
        ledgers_sound(&l);
        ledgers_exec(&l, rows[i].damage);
        FILE *out = open_memstream(&text, &size);
        assert_non_null(out);
        enum err e = rows[i].replay ? books_replay(l.books, out, &broken, &why) : books_verify(l.books, out, &broken, &why);
        fclose(out);
        if (e || !broken || !strstr(text, rows[i].line))
            fail_msg("row %zu: %d broken\n%s", i, broken, text);
        free(text);
        ledgers_close(&l);
    }
}

TEST(pending, the_example_query_says_what_waits)
{
    lost("example", WAIT);
    ledgers_add_pack(&l, 2, "2011-01-01", VEST, WAIT);
    ledgers_sale(&l, 1, 7, "A 1 100.00", 1);
    struct txn *t = ledgers_entry(&l, 1, TXN_SALE, ledgers_day(5));
    t->member = 7;
    t->pack_version = 2;
    t->line_count = 1;
    snprintf(t->lines[0].sku, sizeof t->lines[0].sku, "A");
    t->lines[0].quantity = 1;
    t->lines[0].amount = t->total = money_of(3000);
    t->points = points_of(30);
    ledgers_post(&l, t, POST_NEW);
    ledgers_example(&l, "what_waits");
    ledgers_sound(&l);
    ledgers_close(&l);
}

/* Anything may happen in any order of arrival: the places add up, and after the last run nothing waits. */
TEST(pending, whatever_comes_the_books_balance_and_in_the_end_nothing_waits)
{
    for (int round = 0; round < 20; round++) {
        char name[16];
        struct entry_id sales[12];
        int sale_count = 0;
        int32_t run = 0;
        snprintf(name, sizeof name, "any%d", round);
        ledgers_open(&l, name, VEST, "\"expiry\": {\"kind\": \"rolling\", \"days\": 25}, " REDEEM);
        ledgers_member(&l, 7, 0);
        for (int i = 0; i < 24; i++) {
            int32_t day = 1 + (int32_t)below(60);
            switch (below(4)) {
            case 0:
                if (sale_count < 12)
                    sales[sale_count++] = ledgers_sale(&l, 1 + (uint32_t)below(2), 7, "A 2 40.00", day);
                break;
            case 1:
                if (sale_count)
                    ledgers_refund(&l, 3, sales[below((uint32_t)sale_count)], "A 1 20.00", day);
                break;
            case 2:
                ledgers_adjust(&l, 7, (int64_t)below(60) - 30, day);
                break;
            default:
                ledgers_run(&l, run += 1 + (int32_t)below(6));
            }
        }
        ledgers_run(&l, 200);
        struct member_view m;
        assert_int_equal(books_member(l.books, 7, &m, NULL), OK);
        assert_int_equal(points_n(m.pending), 0);
        assert_int_equal(points_n(m.held), -points_n(m.owed));
        ledgers_sound(&l);
        ledgers_close(&l);
    }
}
