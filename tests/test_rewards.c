/* test_rewards.c - rewards at head office's desk: authorised, had, let go, given back; stock; vouchers used once; a
 * receipt's refund seen before it happens, and a missed receipt claimed.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "office/books/books_int.h"
#include "office/members/receipts.h"
#include "office/members/rewards.h"
#include "tests/ledgers.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ledgers l;
static struct errmsg why;
static const struct known_keys keys = {.sun_file = {7, 7, 7}};

static void expect(enum err expected, enum err e, const char *what)
{
    if (e != expected)
        fail_msg("%s: %s (%s)", what, err_text(e), why.text);
}
#define EXPECT(expected, call) expect((expected), (call), #call)

/* As an operation of the console does it. */
#define CHANGE(expected, call)                                                                     \
    do {                                                                                           \
        EXPECT(OK, books_begin(l.books, &why));                                                    \
        enum err e_ = (call);                                                                      \
        expect((expected), e_, #call);                                                             \
        if (e_)                                                                                    \
            books_rollback(l.books);                                                               \
        else                                                                                       \
            EXPECT(OK, books_commit(l.books, &why));                                               \
    } while (0)

#define REWARDS                                                                                    \
    "\"redeem\": {\"worth\": 1, \"min\": 1, \"step\": 1, \"max_share\": 1, \"offline_days\": 7,"    \
    " \"second_factor_above\": 100, \"hold_minutes\": 10},"                                        \
    "\"expiry\": {\"kind\": \"rolling\", \"days\": 100},"                                           \
    "\"rewards\": [{\"code\": \"CUP\", \"name\": \"A cup\", \"name_zh\": \"杯子\", \"kind\": \"item\", \"points\": 30,"   \
    " \"sku\": \"CUP1\", \"stock\": 2, \"per_member\": 1},"                                        \
    "{\"code\": \"FIVER\", \"name\": \"5.00 off\", \"kind\": \"money\", \"points\": 50, \"value\": 500},"              \
    "{\"code\": \"BIG\", \"name\": \"A lamp\", \"kind\": \"item\", \"points\": 150, \"sku\": \"LAMP\"},"                \
    "{\"code\": \"SLIDE\", \"name\": \"Off\", \"kind\": \"sliding\", \"steps\": [{\"points\": 10, \"value\": 100},"      \
    " {\"points\": 20, \"value\": 250}]},"                                                         \
    "{\"code\": \"XMAS\", \"name\": \"Tree\", \"kind\": \"item\", \"points\": 5, \"sku\": \"TREE\","                     \
    " \"from\": \"2011-12-01\", \"to\": \"2011-12-24\"}]"

/* M7 and M8 with 200 points each. */
static void open_books(const char *name)
{
    ledgers_open(&l, name, "", REWARDS);
    ledgers_member(&l, 7, 1);
    ledgers_member(&l, 8, 1);
    ledgers_sale(&l, 1, 7, "A 1 200.00", 1);
    ledgers_sale(&l, 1, 8, "A 1 200.00", 1);
}

static struct reward_wanted wanted(member_id member, const char *reward, const char *name)
{
    return (struct reward_wanted){.member = member, .reward = reward, .name = name, .channel = "desk", .user = 3, .factor = true};
}

static int64_t authorise(enum err expected, struct reward_wanted w, int64_t now_s)
{
    int64_t id = 0;
    CHANGE(expected, rewards_authorise(l.books, &w, now_s, &id, &why));
    return id;
}

static int64_t left_of(const char *reward, member_id member)
{
    int64_t left = -2;
    json_t *rows = json_array(), *row;
    size_t i;
    EXPECT(OK, rewards_list(l.books, member, ledgers_day(2), rows, &why));
    json_array_foreach(rows, i, row)
        if (strcmp(json_string_value(json_object_get(row, "reward")), reward) == 0) {
            json_t *n = json_object_get(row, "left");
            left = json_is_null(n) ? -1 : json_integer_value(n);
        }
    json_decref(rows);
    return left;
}

static void expect_points(member_id member, int64_t held, int64_t reserved)
{
    struct member_view m;
    EXPECT(OK, books_member(l.books, member, &m, &why));
    assert_int_equal(points_n(m.held), held);
    assert_int_equal(points_n(m.reserved), reserved);
}

TEST(rewards, points_and_a_piece_are_set_aside_then_had_or_let_go)
{
    open_books("way");
    int64_t now = ledgers_day(2);
    assert_int_equal(left_of("CUP", 7), 2);
    int64_t a = authorise(OK, wanted(7, "CUP", "first"), now);
    expect_points(7, 170, 30);
    assert_int_equal(left_of("CUP", 7), 1);
    assert_int_equal(authorise(OK, wanted(7, "CUP", "first"), now), a); /* asked again */
    expect_points(7, 170, 30);
    int64_t b = authorise(OK, wanted(8, "CUP", "second"), now);
    assert_int_equal(left_of("CUP", 8), 0);
    CHANGE(OK, rewards_release(l.books, b, 3, now, &why));
    CHANGE(OK, rewards_release(l.books, b, 3, now, &why));
    expect_points(8, 200, 0);
    assert_int_equal(left_of("CUP", 8), 1);
    CHANGE(ERR_STATE, rewards_confirm(l.books, &keys, b, false, 3, now, &why));
    CHANGE(OK, rewards_confirm(l.books, &keys, a, false, 3, now, &why));
    CHANGE(OK, rewards_confirm(l.books, &keys, a, false, 3, now, &why));
    CHANGE(ERR_STATE, rewards_confirm(l.books, &keys, a, true, 3, now, &why));
    CHANGE(ERR_STATE, rewards_release(l.books, a, 3, now, &why));
    expect_points(7, 170, 0);
    assert_int_equal(left_of("CUP", 7), 1);
    CHANGE(ERR_NOT_FOUND, rewards_confirm(l.books, &keys, 99, false, 3, now, &why));
    authorise(ERR_STATE, wanted(7, "CUP", "first"), now); /* the name was of one that is had */
    ledgers_expect_reviews(&l, "");
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(rewards, who_may_not_have_it_is_told_why)
{
    static const struct {
        member_id member;
        const char *reward;
        int64_t points;
        bool factor;
        enum err e;
        const char *part;
    } cases[] = {
        {7, "NONE", 0, true, ERR_NOT_FOUND, "no reward"},
        {99, "CUP", 0, true, ERR_NOT_FOUND, "member"},
        {7, "XMAS", 0, true, ERR_REFUSED, "not yet"},
        {7, "BIG", 0, false, ERR_AUTH, "PIN"},
        {7, "SLIDE", 15, true, ERR_REFUSED, "so many"},
        {7, "CUP", 29, true, ERR_CONFLICT, "costs 30"},
        {7, "BIG", 0, true, OK, ""},
        {7, "FIVER", 0, true, OK, ""},
        {7, "CUP", 0, true, ERR_REFUSED, "0 can be redeemed"},
        {8, "CUP", 0, true, OK, ""},
        {8, "CUP", 0, true, ERR_REFUSED, "as many"},
        {8, "SLIDE", 20, true, OK, ""},
    };
    open_books("refused");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%zu", i);
        struct reward_wanted w = wanted(cases[i].member, cases[i].reward, name);
        w.points = points_of(cases[i].points);
        w.factor = cases[i].factor;
        why.text[0] = 0;
        authorise(cases[i].e, w, ledgers_day(2));
        if (cases[i].e && !strstr(why.text, cases[i].part))
            fail_msg("case %zu: %s", i, why.text);
    }
    authorise(ERR_FORMAT, wanted(7, "CUP", ""), ledgers_day(2));
    authorise(ERR_CONFLICT, wanted(8, "FIVER", "n9"), ledgers_day(2));
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(rewards, a_stock_that_ran_out_is_filled_again)
{
    open_books("stock");
    CHANGE(OK, rewards_set_stock(l.books, "CUP", 1, 3, ledgers_day(1), &why));
    authorise(OK, wanted(7, "CUP", "a"), ledgers_day(2));
    authorise(ERR_REFUSED, wanted(8, "CUP", "b"), ledgers_day(2));
    CHANGE(OK, rewards_set_stock(l.books, "CUP", 2, 3, ledgers_day(1), &why));
    authorise(OK, wanted(8, "CUP", "c"), ledgers_day(2));
    CHANGE(ERR_NOT_FOUND, rewards_set_stock(l.books, "NONE", 1, 3, ledgers_day(1), &why));
    CHANGE(ERR_STATE, rewards_set_stock(l.books, "BIG", 1, 3, ledgers_day(1), &why));
    CHANGE(ERR_RANGE, rewards_set_stock(l.books, "CUP", -1, 3, ledgers_day(1), &why));
    ledgers_close(&l);
}

TEST(rewards, a_stock_counts_as_long_as_the_rules_limit_the_reward)
{
    open_books("limit");
    CHANGE(OK, rewards_set_stock(l.books, "CUP", 0, 3, ledgers_day(1), &why));
    authorise(ERR_REFUSED, wanted(7, "CUP", "a"), ledgers_day(2));
    ledgers_add_pack(&l, 2, "2011-01-04", "", "\"redeem\": {\"worth\": 1, \"min\": 1, \"step\": 1, \"max_share\": 1, \"offline_days\": 7},"
                     "\"rewards\": [{\"code\": \"CUP\", \"kind\": \"item\", \"points\": 30, \"sku\": \"CUP1\"}]");
    authorise(OK, wanted(7, "CUP", "b"), ledgers_day(4));
    ledgers_close(&l);
}

TEST(rewards, what_is_not_confirmed_in_time_is_let_go)
{
    int32_t count;
    open_books("time");
    int64_t now = ledgers_day(2), id = authorise(OK, wanted(7, "CUP", "a"), now);
    CHANGE(ERR_STATE, rewards_confirm(l.books, &keys, id, false, 3, now + 601, &why));
    authorise(ERR_STATE, wanted(7, "CUP", "a"), now + 601);
    EXPECT(OK, books_release_due(l.books, now + 601, &count, &why));
    assert_int_equal(count, 1);
    expect_points(7, 200, 0);
    authorise(OK, wanted(7, "CUP", "b"), now + 602); /* one for each member, and the first does not count */
    int64_t entries = ledgers_sql(&l, "SELECT count(*) FROM entry");
    CHANGE(OK, rewards_release(l.books, id, 3, now + 603, &why)); /* its hold is gone already: no second entry */
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM entry"), entries);
    ledgers_expect_reviews(&l, "");
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(rewards, given_back_points_go_to_the_lots_they_came_from_and_the_piece_into_the_stock)
{
    open_books("back");
    ledgers_sale(&l, 1, 7, "A 1 10.00", 5); /* a second lot */
    int64_t id = authorise(OK, wanted(7, "BIG", "a"), ledgers_day(6));
    CHANGE(ERR_STATE, rewards_give_back(l.books, id, "broken", 3, ledgers_day(6), &why));
    CHANGE(OK, rewards_confirm(l.books, &keys, id, false, 3, ledgers_day(6), &why));
    CHANGE(ERR_FORMAT, rewards_give_back(l.books, id, "", 3, ledgers_day(7), &why));
    CHANGE(OK, rewards_give_back(l.books, id, "broken", 3, ledgers_day(7), &why));
    CHANGE(ERR_STATE, rewards_give_back(l.books, id, "broken", 3, ledgers_day(7), &why));
    expect_points(7, 210, 0);
    assert_int_equal(ledgers_sql(&l, "SELECT left FROM lot WHERE member = 7 ORDER BY expires_day LIMIT 1"), 200);
    struct redemption r;
    EXPECT(OK, rewards_get(l.books, id, &r, &why));
    assert_int_equal(r.state, REDEMPTION_RETURNED);
    ledgers_expect_reviews(&l, "");
    ledgers_sound(&l);
    ledgers_close(&l);
}

/* ---- vouchers ---- */

static int64_t voucher(member_id member, const char *name)
{
    int64_t id = authorise(OK, wanted(member, "FIVER", name), ledgers_day(2));
    CHANGE(OK, rewards_confirm(l.books, &keys, id, true, 3, ledgers_day(2), &why));
    return id;
}

TEST(rewards, a_voucher_is_found_by_its_code_and_used_once)
{
    char code[VOUCHER_TEXT_SIZE], other[VOUCHER_TEXT_SIZE], small[VOUCHER_TEXT_SIZE];
    int64_t found = 0;
    open_books("voucher");
    int64_t id = voucher(7, "a"), second = voucher(8, "b");
    EXPECT(OK, voucher_code(l.books, &keys, id, code, &why));
    EXPECT(OK, voucher_code(l.books, &keys, id, other, &why));
    assert_string_equal(code, other);
    EXPECT(OK, voucher_code(l.books, &keys, second, other, &why));
    assert_string_not_equal(code, other);
    assert_int_equal(strlen(code), 14);
    EXPECT(OK, voucher_find(l.books, &keys, code, &found, &why));
    assert_int_equal(found, id);
    for (size_t i = 0; i < sizeof code; i++)
        small[i] = (char)(code[i] >= 'A' ? code[i] + 32 : code[i] == '-' ? ' ' : code[i]);
    EXPECT(OK, voucher_find(l.books, &keys, small, &found, &why));
    EXPECT(ERR_FORMAT, voucher_find(l.books, &keys, "ABCD", &found, &why));
    EXPECT(ERR_FORMAT, voucher_find(l.books, &keys, "ABCD-EFGH-JKL0", &found, &why));
    EXPECT(ERR_FORMAT, voucher_find(l.books, &keys, "ABCD-EFGH-JKLM-N", &found, &why));
    EXPECT(ERR_NOT_FOUND, voucher_find(l.books, &keys, "2222-2222-2222", &found, &why));
    static const struct known_keys others = {.sun_file = {8}};
    EXPECT(ERR_NOT_FOUND, voucher_find(l.books, &others, code, &found, &why));
    CHANGE(OK, voucher_use(l.books, id, "SOHO", 4, ledgers_day(3), &why));
    CHANGE(ERR_STATE, voucher_use(l.books, id, "SOHO", 4, ledgers_day(3), &why));
    assert_string_equal(why.text, "this voucher is used");
    CHANGE(ERR_STATE, rewards_give_back(l.books, id, "too late", 3, ledgers_day(3), &why));
    CHANGE(ERR_STATE, voucher_use(l.books, second, "SOHO", 4, ledgers_day(3 + VOUCHER_DAYS), &why));
    CHANGE(OK, rewards_give_back(l.books, second, "not wanted", 3, ledgers_day(3), &why));
    CHANGE(ERR_STATE, voucher_use(l.books, second, "SOHO", 4, ledgers_day(3), &why));
    CHANGE(ERR_NOT_FOUND, voucher_use(l.books, 99, "SOHO", 4, ledgers_day(3), &why));
    expect_points(8, 200, 0);
    json_t *o = json_object();
    EXPECT(OK, voucher_show(l.books, id, ledgers_day(3), o, &why));
    assert_string_equal(json_string_value(json_object_get(o, "used_at")), "SOHO");
    assert_string_equal(json_string_value(json_object_get(o, "state")), "used");
    json_decref(o);
    ledgers_close(&l);
}

/* Neither the code nor its letters stand in the database. */
TEST(rewards, the_code_of_a_voucher_is_in_no_file)
{
    static uint8_t data[1 << 22];
    char code[VOUCHER_TEXT_SIZE], plain[13], path[600];
    open_books("nowhere");
    EXPECT(OK, voucher_code(l.books, &keys, voucher(7, "a"), code, &why));
    snprintf(plain, sizeof plain, "%.4s%.4s%.4s", code, code + 5, code + 10);
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s%s", l.path, i ? "-wal" : "");
        FILE *f = fopen(path, "rb");
        size_t size = f ? fread(data, 1, sizeof data, f) : 0;
        if (f)
            fclose(f);
        assert_null(memmem(data, size, code, strlen(code)));
        assert_null(memmem(data, size, plain, strlen(plain)));
    }
    ledgers_close(&l);
}

/* ---- the refund desk ---- */

static int64_t int_at(const json_t *o, const char *name)
{
    return json_integer_value(json_object_get(o, name));
}

TEST(receipts, a_receipt_is_found_and_shows_what_is_left_of_each_line)
{
    open_books("receipt");
    struct entry_id sale = ledgers_sale(&l, 2, 7, "A 2 20.00, B 1 5.00", 3);
    ledgers_refund(&l, 2, sale, "A 1 10.00", 4);
    json_t *rows = json_array(), *o = json_object();
    EXPECT(OK, receipts_find(l.books, " t0002-1", rows, &why));
    assert_int_equal(json_array_size(rows), 1);
    EXPECT(OK, receipts_find(l.books, "nothing", rows, &why));
    assert_int_equal(json_array_size(rows), 1);
    EXPECT(ERR_FORMAT, receipts_find(l.books, " ", rows, &why));
    EXPECT(OK, receipts_show(l.books, sale, o, &why));
    const json_t *lines = json_object_get(o, "lines");
    assert_int_equal(int_at(json_array_get(lines, 0), "left"), 1);
    assert_int_equal(int_at(json_array_get(lines, 1), "left"), 1);
    assert_int_equal(int_at(o, "earned"), 25);
    assert_int_equal(int_at(json_array_get(json_object_get(o, "refunds"), 0), "clawed"), 10);
    json_decref(o);
    o = json_object();
    EXPECT(ERR_NOT_FOUND, receipts_show(l.books, (struct entry_id){2, 99}, o, &why));
    EXPECT(ERR_NOT_FOUND, receipts_show(l.books, (struct entry_id){2, 2}, o, &why)); /* the refund */
    json_decref(o);
    json_decref(rows);
    ledgers_close(&l);
}

/* What is shown is what then happens, and showing it changes nothing. */
TEST(receipts, a_refund_is_seen_before_it_happens)
{
    open_books("what_if");
    struct entry_id sale = ledgers_sale(&l, 2, 7, "A 2 20.00, B 1 5.00", 3);
    int64_t entries = ledgers_sql(&l, "SELECT count(*) FROM entry");
    const int32_t one[] = {1}, many[] = {3}, none[] = {0, 0};
    json_t *o = json_object();
    EXPECT(OK, receipts_what_if(l.books, sale, one, 1, ledgers_day(4), o, &why));
    assert_int_equal(int_at(o, "money"), 1000);
    assert_int_equal(int_at(o, "clawed"), 10);
    assert_int_equal(int_at(o, "held_after"), 215);
    assert_int_equal(int_at(o, "till"), 2);
    EXPECT(OK, receipts_what_if(l.books, sale, NULL, 0, ledgers_day(4), o, &why));
    assert_int_equal(int_at(o, "clawed"), 25);
    assert_int_equal(int_at(o, "money"), 2500);
    EXPECT(ERR_RANGE, receipts_what_if(l.books, sale, many, 1, ledgers_day(4), o, &why));
    EXPECT(ERR_STATE, receipts_what_if(l.books, sale, none, 2, ledgers_day(4), o, &why));
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM entry"), entries);
    expect_points(7, 225, 0);
    ledgers_refund(&l, 2, sale, "A 1 10.00", 4);
    expect_points(7, 215, 0);
    EXPECT(OK, receipts_what_if(l.books, sale, NULL, 0, ledgers_day(4), o, &why));
    assert_int_equal(int_at(o, "clawed"), 15);
    json_decref(o);
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(receipts, who_is_right_does_not_wait)
{
    struct points points;
    open_books("right");
    for (int i = 0; i < RECEIPT_TRIES + 2; i++) {
        struct entry_id sale = ledgers_sale(&l, 2, 0, "A 1 10.00", 3);
        EXPECT(OK, receipts_claim(l.books, 7, sale, money_of(1000), 0, ledgers_day(4), &points, &why));
    }
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(receipts, a_missed_receipt_is_claimed_once_with_its_total_in_time_and_not_by_trying)
{
    struct points points;
    open_books("claim");
    struct entry_id sale = ledgers_sale(&l, 2, 0, "A 1 40.00", 3), old = ledgers_sale(&l, 3, 0, "A 1 9.00", 1);
    const struct money right = money_of(4000), wrong = money_of(4001);
    EXPECT(ERR_NOT_FOUND, receipts_claim(l.books, 99, sale, right, 0, ledgers_day(4), &points, &why));
    EXPECT(ERR_NOT_FOUND, receipts_claim(l.books, 7, sale, wrong, 0, ledgers_day(4), &points, &why));
    EXPECT(ERR_REFUSED, receipts_claim(l.books, 7, old, money_of(900), 0, ledgers_day(16), &points, &why));
    EXPECT(OK, receipts_claim(l.books, 7, sale, right, 0, ledgers_day(17), &points, &why));
    assert_int_equal(points_n(points), 40);
    expect_points(7, 240, 0);
    EXPECT(ERR_CONFLICT, receipts_claim(l.books, 8, sale, right, 0, ledgers_day(17), &points, &why));
    for (int i = 0; i < RECEIPT_TRIES; i++)
        EXPECT(ERR_NOT_FOUND, receipts_claim(l.books, 7, sale, wrong, 0, ledgers_day(18), &points, &why));
    EXPECT(ERR_BUSY, receipts_claim(l.books, 7, sale, wrong, 0, ledgers_day(18) + 60, &points, &why));
    EXPECT(ERR_NOT_FOUND, receipts_claim(l.books, 7, sale, wrong, 0, ledgers_day(19) + 60, &points, &why));
    ledgers_sound(&l);
    ledgers_close(&l);
}
