/* test_books_desk.c - head office's desk: points brought along, rewards taken and given back, a receipt that was missed,
 * a purchase rated again.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "tests/ledgers.h"
#include "tests/packs.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

static struct ledgers l;

#define TOP                                                                                        \
    "\"expiry\": {\"kind\": \"rolling\", \"days\": 100}, \"refund\": {\"may_owe\": true},"          \
    " \"redeem\": {\"worth\": 1, \"min\": 1, \"step\": 1, \"max_share\": 1, \"offline_days\": 7}"

static struct txn *own(enum txn_kind kind, member_id member)
{
    struct txn *t = &l.t;
    memset(t, 0, sizeof *t);
    t->kind = kind;
    t->member = member;
    t->user = 3;
    snprintf(t->reason, sizeof t->reason, "asked at the desk");
    return t;
}

static void refused(struct txn *t, int32_t day, enum err should, const char *text)
{
    struct errmsg why = {""};
    int64_t entries = ledgers_sql(&l, "SELECT count(*) FROM entry");
    assert_int_equal(books_post_own(l.books, t, ledgers_day(day), &why), should);
    assert_string_equal(why.text, text);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM entry"), entries);
}

static int64_t lot(member_id member, int32_t day)
{
    char sql[120];
    snprintf(sql, sizeof sql, "SELECT coalesce(sum(left), 0) FROM lot WHERE member = %llu AND expires_day = %d",
             (unsigned long long)member, LEDGERS_DAY_0 + day);
    return ledgers_sql(&l, sql);
}

/* ---- the programme before ---- */

TEST(opening, points_come_with_their_last_day_and_end_on_it)
{
    ledgers_open(&l, "opening", "", TOP);
    ledgers_member(&l, 7, 0);
    struct txn *t = own(TXN_OPENING, 7);
    t->points = points_of(300);
    t->day = LEDGERS_DAY_0 + 40;
    ledgers_own(&l, t, ledgers_day(1));
    t = own(TXN_OPENING, 7);
    t->points = points_of(50);
    t->day = DAY_NEVER;
    ledgers_own(&l, t, ledgers_day(1));
    ledgers_expect(&l, 7, 350, 0, 0, 0);
    assert_int_equal(lot(7, 40), 300);
    ledgers_run(&l, 41);
    ledgers_expect(&l, 7, 50, 0, 0, 0);
    t = own(TXN_OPENING, 7);
    t->points = points_of(5);
    t->day = LEDGERS_DAY_0 + 40;
    refused(t, 41, ERR_RANGE, "the last good day of the points has passed");
    t = own(TXN_OPENING, 8);
    t->points = points_of(5);
    t->day = DAY_NEVER;
    refused(t, 41, ERR_NOT_FOUND, "the member is not known: M8");
    ledgers_expect_reviews(&l, "");
    ledgers_sound(&l);
    ledgers_close(&l);
}

/* ---- rewards ---- */

/* M7: 30 points to day 101, 50 to day 110. */
static void open_lots(const char *name)
{
    ledgers_open(&l, name, "", TOP);
    ledgers_member(&l, 7, 0);
    ledgers_sale(&l, 1, 7, "A 1 30.00", 1);
    ledgers_sale(&l, 1, 7, "A 1 50.00", 10);
}

static struct txn *reward(enum txn_kind kind, int64_t points, struct entry_id original)
{
    struct txn *t = own(kind, 7);
    t->redeemed = points_of(points);
    t->original = original;
    if (kind == TXN_REDEEM)
        snprintf(t->reward, sizeof t->reward, "MUG");
    return t;
}

static struct entry_id hold(int64_t points, int32_t day)
{
    struct txn *t = own(TXN_HOLD, 7);
    t->redeemed = points_of(points);
    t->until_s = ledgers_day(day) + 60;
    t->reason[0] = 0;
    snprintf(t->ref, sizeof t->ref, "desk");
    ledgers_own(&l, t, ledgers_day(day));
    return t->id;
}

TEST(reward, a_reward_takes_the_first_ending_points_and_what_comes_back_goes_where_it_was)
{
    struct entry_id none = {0};
    open_lots("reward");
    struct txn *t = reward(TXN_REDEEM, 60, none);
    ledgers_own(&l, t, ledgers_day(20));
    struct entry_id id = t->id;
    ledgers_expect(&l, 7, 20, 0, 0, 0);
    assert_int_equal(lot(7, 101), 0);
    assert_int_equal(lot(7, 110), 20);
    ledgers_own(&l, reward(TXN_RETURN, 35, id), ledgers_day(21)); /* the last taken first */
    assert_int_equal(lot(7, 101), 5);
    assert_int_equal(lot(7, 110), 50);
    refused(reward(TXN_RETURN, 26, id), 22, ERR_STATE, "what it gives back was not redeemed, or is back already: HQ-2");
    ledgers_own(&l, reward(TXN_RETURN, 25, id), ledgers_day(22));
    assert_int_equal(lot(7, 101), 30);
    refused(reward(TXN_RETURN, 1, id), 23, ERR_STATE, "what it gives back was not redeemed, or is back already: HQ-2");
    ledgers_expect(&l, 7, 80, 0, 0, 0);
    refused(reward(TXN_REDEEM, 81, none), 23, ERR_STATE, "81 points are to be redeemed, 80 are there");
    refused(reward(TXN_REDEEM, 51, none), 105, ERR_STATE, "51 points are to be redeemed, 50 are there");
    ledgers_expect_reviews(&l, "");
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(reward, set_aside_confirmed_let_go_by_the_clock)
{
    struct entry_id id;
    int32_t count = 0;
    open_lots("settle");
    id = hold(60, 20);
    refused(reward(TXN_REDEEM, 30, (struct entry_id){0}), 20, ERR_STATE, "30 points are to be redeemed, 20 are there");
    refused(reward(TXN_REDEEM, 61, id), 20, ERR_STATE, "the points were set aside for another sale: HQ-2 is of 60 points of M7");
    ledgers_own(&l, reward(TXN_REDEEM, 45, id), ledgers_day(20));
    ledgers_expect(&l, 7, 35, 0, 0, 0);
    assert_int_equal(ledgers_sql(&l, "SELECT reserved FROM member WHERE member = 7"), 0);
    refused(reward(TXN_REDEEM, 1, id), 20, ERR_STATE, "the points set aside had been redeemed before: HQ-2");
    ledgers_sound(&l);
    id = hold(10, 21);
    assert_int_equal(books_release_due(l.books, ledgers_day(22), &count, NULL), OK);
    assert_int_equal(count, 1);
    refused(reward(TXN_REDEEM, 10, id), 22, ERR_STATE, "the points set aside had been let go before the sale came: HQ-4");
    ledgers_expect(&l, 7, 35, 0, 0, 0);
    ledgers_expect_reviews(&l, "");
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(reward, what_the_desk_set_aside_pays_no_till)
{
    open_lots("till");
    struct entry_id id = hold(60, 20);
    struct txn *t = ledgers_entry(&l, 1, TXN_SALE, ledgers_day(20));
    t->member = 7;
    t->line_count = packs_lines(t->lines, "A 1 0.60");
    t->total = t->redeemed_value = money_of(60);
    t->redeemed = points_of(60);
    t->original = id;
    ledgers_post(&l, t, POST_NEW);
    ledgers_expect(&l, 7, 20, 0, 0, 0);
    ledgers_expect_reviews(&l, "T0001-3 the points were set aside for another sale\n");
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(reward, what_a_till_set_aside_pays_no_reward_of_the_desk)
{
    open_lots("of_till");
    struct txn *t = own(TXN_HOLD, 7);
    t->redeemed = points_of(60);
    t->until_s = ledgers_day(20) + 60;
    t->original.terminal = 1;
    t->reason[0] = 0;
    snprintf(t->ref, sizeof t->ref, "till");
    ledgers_own(&l, t, ledgers_day(20));
    struct entry_id id = t->id;
    refused(reward(TXN_REDEEM, 60, id), 20, ERR_STATE,
            "the points were set aside for another sale: HQ-2 is of 60 points of M7");
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(reward, a_reward_taken_before_a_merge_comes_back_to_the_survivor)
{
    open_lots("merged");
    ledgers_member(&l, 9, 0);
    struct txn *t = reward(TXN_REDEEM, 60, (struct entry_id){0});
    ledgers_own(&l, t, ledgers_day(20));
    struct entry_id id = t->id;
    t = own(TXN_MERGE, 9);
    t->other = 7;
    ledgers_own(&l, t, ledgers_day(21));
    assert_int_equal(ledgers_sql(&l, "SELECT member FROM desk"), 9);
    ledgers_own(&l, reward(TXN_RETURN, 60, id), ledgers_day(22));
    ledgers_expect(&l, 9, 80, 0, 0, 0);
    assert_int_equal(lot(9, 101), 30);
    ledgers_sound(&l);
    ledgers_close(&l);
}

/* ---- a receipt ---- */

static struct entry_id nobodys(const char *lines)
{
    struct txn *t = ledgers_entry(&l, 2, TXN_SALE, ledgers_day(3));
    t->line_count = packs_lines(t->lines, lines);
    for (int32_t i = 0; i < t->line_count; i++)
        t->total = money_of(money_minor(t->total) + money_minor(t->lines[i].amount));
    ledgers_post(&l, t, POST_NEW);
    return t->id;
}

TEST(claim, a_sale_of_nobody_becomes_a_members_by_its_receipt_once)
{
    ledgers_open(&l, "receipt", "", TOP);
    ledgers_member(&l, 7, 0);
    ledgers_member(&l, 8, 0);
    ledgers_add_pack(&l, 2, "2011-01-08", "", TOP);
    struct entry_id sale = nobodys("A 2 40.00");
    ledgers_refund(&l, 2, sale, "A 1 20.00", 4); /* half of it had come back */
    struct txn *t = own(TXN_CLAIM, 7);
    t->original = sale;
    t->reason[0] = 0;
    ledgers_own(&l, t, ledgers_day(12));
    ledgers_expect(&l, 7, 20, 0, 0, 0);
    assert_int_equal(ledgers_sql(&l, "SELECT pack_version FROM sale"), 1); /* the sale's own rules */
    assert_int_equal(lot(7, 103), 20);
    t = own(TXN_CLAIM, 8);
    t->original = sale;
    t->reason[0] = 0;
    ledgers_own(&l, t, ledgers_day(13));
    ledgers_expect(&l, 8, 0, 0, 0, 0);
    ledgers_expect_reviews(&l, "HQ-4 what it claims is somebody's, or not there\n");
    ledgers_sound(&l);
    ledgers_close(&l);
}

/* ---- rated again ---- */

/* Pack 1: a point a pound.  Pack 2: two, and none for B. */
static void open_packs(const char *name, const char *lines, struct entry_id *sale)
{
    ledgers_open(&l, name, "", TOP);
    ledgers_add_pack(&l, 2, "2011-01-01", "\"multipliers\": [{\"name\": \"twice\", \"factor\": 2}],"
                                          " \"exclude\": [{\"sku\": \"B\"}]", TOP);
    ledgers_member(&l, 7, 0);
    struct txn *t = ledgers_entry(&l, 1, TXN_SALE, ledgers_day(2));
    t->member = 7;
    t->line_count = packs_lines(t->lines, lines);
    for (int32_t i = 0; i < t->line_count; i++)
        t->total = money_of(money_minor(t->total) + money_minor(t->lines[i].amount));
    t->points = points_of(money_minor(t->total) / 100);
    ledgers_post(&l, t, POST_NEW);
    *sale = t->id;
}

static struct txn *rerate(struct entry_id sale, uint32_t version, int64_t points)
{
    struct txn *t = own(TXN_RERATE, 0);
    t->original = sale;
    t->pack_version = version;
    t->points = points_of(points);
    t->user = 3, t->approved_by = 4;
    return t;
}

TEST(rerate, the_difference_is_posted_and_refunds_claw_by_the_new_rating)
{
    static const struct {
        const char *lines, *back_before, *back_after;
        int64_t change, is, end;
    } rows[] = {
        {"A 4 40.00", "", "A 4 40.00", 40, 80, 0},
        {"A 4 40.00", "", "A 1 10.00", 40, 80, 60},
        {"A 4 40.00", "A 1 10.00", "A 3 30.00", 30, 60, 0}, /* what came back before counts by the new rating too */
        {"A 4 40.00", "A 4 40.00", "", 0, 0, 0},
        {"B 4 40.00", "", "", -40, 0, 0},
        {"B 4 40.00", "B 1 10.00", "B 3 30.00", -30, 0, 0},
        {"A 1 10.00, B 1 40.00", "", "A 1 10.00", -30, 20, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct entry_id sale;
        char name[] = "rerate0";
        name[6] = (char)('0' + i);
        open_packs(name, rows[i].lines, &sale);
        if (*rows[i].back_before)
            ledgers_refund(&l, 1, sale, rows[i].back_before, 3);
        ledgers_own(&l, rerate(sale, 2, rows[i].change), ledgers_day(20));
        ledgers_expect(&l, 7, rows[i].is, 0, 0, 0);
        ledgers_sound(&l);
        refused(rerate(sale, 2, 1), 21, ERR_STATE,
                "till and head office compute different points: ordered were 1, by pack 2 it is 0");
        if (*rows[i].back_after)
            ledgers_refund(&l, 1, sale, rows[i].back_after, 22);
        ledgers_expect(&l, 7, rows[i].end, 0, 0, 0);
        ledgers_expect_reviews(&l, "");
        ledgers_sound(&l);
        ledgers_close(&l);
    }
}

TEST(rerate, points_come_into_the_lot_of_the_sale_and_what_is_spent_is_owed)
{
    struct entry_id sale;
    open_packs("lots", "A 1 40.00", &sale);
    ledgers_own(&l, rerate(sale, 2, 40), ledgers_day(20));
    assert_int_equal(lot(7, 102), 80);
    ledgers_adjust(&l, 7, -80, 21);
    ledgers_own(&l, rerate(sale, 1, -40), ledgers_day(22)); /* and back again */
    ledgers_expect(&l, 7, -40, 0, 0, 40);
    assert_int_equal(ledgers_sql(&l, "SELECT first_earned FROM sale"), 40);
    assert_int_equal(ledgers_sql(&l, "SELECT earned FROM sale"), 40);
    assert_int_equal(ledgers_sql(&l, "SELECT first_pack * 10 + pack_version FROM sale"), 11);
    refused(rerate(sale, 9, 0), 23, ERR_STATE, "head office does not have the pack it was rated by: pack 9");
    refused(rerate((struct entry_id){3, 1}, 2, 0), 23, ERR_STATE, "what it refunds is no sale: T0003-1");
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(rerate, what_ended_comes_and_ends_at_once)
{
    struct entry_id sale;
    open_packs("ended", "A 1 40.00", &sale);
    ledgers_run(&l, 110);
    ledgers_own(&l, rerate(sale, 2, 40), ledgers_day(111));
    ledgers_expect(&l, 7, 0, 0, 0, 0);
    assert_int_equal(ledgers_sql(&l, "SELECT expired FROM lot"), 80);
    ledgers_sound(&l);
    ledgers_close(&l);
}

/* ---- why ---- */

static bool add_why(const struct statement_line *line, void *arg)
{
    char *text = arg;
    if (strcmp(line->account, "held") == 0)
        snprintf(text + strlen(text), 2000 - strlen(text), "%+lld %s\n", (long long)points_n(line->amount), line->why);
    return true;
}

TEST(statement, says_why_for_every_kind_of_the_desk)
{
    char text[2000] = "";
    struct entry_id sale, redeem;
    open_packs("why", "A 1 40.00", &sale);
    ledgers_member(&l, 9, 0);
    struct txn *t = own(TXN_OPENING, 7);
    t->points = points_of(50);
    t->day = DAY_NEVER;
    ledgers_own(&l, t, ledgers_day(3));
    t = reward(TXN_REDEEM, 20, (struct entry_id){0});
    ledgers_own(&l, t, ledgers_day(4));
    redeem = t->id;
    ledgers_own(&l, reward(TXN_RETURN, 5, redeem), ledgers_day(5));
    ledgers_own(&l, rerate(sale, 2, 40), ledgers_day(6));
    t = own(TXN_TRANSFER, 7);
    t->other = 9;
    t->points = points_of(10);
    ledgers_own(&l, t, ledgers_day(7));
    (void)hold(1, 8);
    t = own(TXN_MERGE, 9);
    t->other = 7;
    ledgers_own(&l, t, ledgers_day(8));
    assert_int_equal(books_statement(l.books, 7, add_why, text, NULL), OK);
    assert_string_equal(text, "+40 40.00 GBP at 1 point a GBP: 40 points\n"
                              "+50 brought along: asked at the desk\n"
                              "-20 redeemed for MUG: asked at the desk\n"
                              "+5 the reward of HQ-4 came back: asked at the desk\n"
                              "+40 T0001-1 rated by pack 2: asked at the desk: 40.00 GBP at 1 point a GBP, x 2 (twice): 80 points\n"
                              "-10 from M7 to M9: asked at the desk\n"
                              "-1 set aside for a reward\n"
                              "-104 M7 is M9 now: asked at the desk\n");
    ledgers_sound(&l);
    ledgers_close(&l);
}
