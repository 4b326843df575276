/* test_books_merge.c - two numbers, one person, and points passed on: docs/office.md, "The hardest case".
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "office/care/coupon.h"
#include "office/books/known.h"
#include "tests/ledgers.h"
#include "tests/packs.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ledgers l;

#define EXPIRY_100 "\"expiry\": {\"kind\": \"rolling\", \"days\": 100}"
#define REDEEM "\"redeem\": {\"worth\": 1, \"min\": 1, \"step\": 1, \"max_share\": 1, \"offline_days\": 7}"
#define MAY_OWE "\"refund\": {\"may_owe\": true}"
#define TIERS                                                                                      \
    "\"tiers\": {\"metric\": \"spend\", \"window\": \"rolling\", \"window_days\": 400, \"levels\": ["      \
    "{\"code\": \"base\", \"name\": \"Base\", \"upgrade_at\": 0, \"keep_at\": 0},"                  \
    "{\"code\": \"gold\", \"name\": \"Gold\", \"upgrade_at\": 50000, \"keep_at\": 50000, \"factor\": 2}]}"

#define TIERS_3                                                                                    \
    "\"tiers\": {\"metric\": \"spend\", \"window\": \"rolling\", \"window_days\": 400, \"levels\": ["      \
    "{\"code\": \"base\", \"name\": \"Base\"},"                                                 \
    "{\"code\": \"silver\", \"name\": \"Silver\", \"upgrade_at\": 50000, \"factor\": 2},"       \
    "{\"code\": \"gold\", \"name\": \"Gold\", \"upgrade_at\": 100000, \"factor\": 3}]}"

static enum err pair(enum txn_kind kind, member_id member, member_id other, int64_t points, struct entry_id original,
                     int32_t day, struct errmsg *why)
{
    struct txn *t = &l.t;
    memset(t, 0, sizeof *t);
    t->kind = kind;
    t->member = member;
    t->other = other;
    t->points = points_of(points);
    t->original = original;
    t->user = 3;
    snprintf(t->reason, sizeof t->reason, "same telephone");
    return books_post_own(l.books, t, ledgers_day(day), why);
}

static struct entry_id merge(member_id member, member_id other, int32_t day)
{
    struct errmsg why = {""};
    if (pair(TXN_MERGE, member, other, 0, (struct entry_id){0}, day, &why))
        fail_msg("%s", why.text);
    return l.t.id;
}

static void unmerge(struct entry_id id, int32_t day)
{
    struct errmsg why = {""};
    if (pair(TXN_UNMERGE, 0, 0, 0, id, day, &why))
        fail_msg("%s", why.text);
}

static void refused(enum txn_kind kind, member_id member, member_id other, int64_t points, struct entry_id original,
                    enum err should, const char *text)
{
    struct errmsg why = {""};
    int64_t entries = ledgers_sql(&l, "SELECT count(*) FROM entry");
    assert_int_equal(pair(kind, member, other, points, original, 60, &why), should);
    assert_string_equal(why.text, text);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM entry"), entries);
}

static member_id survivor(member_id member)
{
    member_id is = 0;
    assert_int_equal(books_survivor(l.books, member, &is, NULL), OK);
    return is;
}

static int64_t total(member_id member)
{
    struct member_view m;
    assert_int_equal(books_member(l.books, member, &m, NULL), OK);
    return points_n(m.held) + points_n(m.on_cards) + points_n(m.in_transit) + points_n(m.reserved);
}

/* M12 with card a and 100 points, M40 with card b and 60. */
static void open_two(const char *name, const char *top, struct real_card *a, struct real_card *b)
{
    bool pending = strcmp(name, "pending") == 0;
    ledgers_open(&l, name, pending ? "\"vest_days\": 14" : "", top);
    ledgers_member(&l, 12, 0);
    ledgers_member(&l, 40, 0);
    ledgers_card(&l, a, CARD_EV2, 1, 12, 0);
    ledgers_card(&l, b, CARD_EV2, 2, 40, 0);
    ledgers_sale(&l, 1, 12, "A 1 100.00", 1);
    ledgers_sale(&l, 1, 40, "A 1 60.00", 2);
}

/* A sale of a card, the member not named: as a till that was cut off sends it. */
static struct entry_id card_sale(uint32_t till, const struct real_card *c, const char *lines, int32_t day)
{
    struct entry_id id;
    struct txn *t = ledgers_entry(&l, till, TXN_SALE, ledgers_day(day));
    t->card = c->uid;
    t->line_count = packs_lines(t->lines, lines);
    for (int32_t i = 0; i < t->line_count; i++)
        t->total = money_of(money_minor(t->total) + money_minor(t->lines[i].amount));
    t->points = points_of(money_minor(t->total) / 100);
    id = t->id;
    ledgers_post(&l, t, POST_NEW);
    return id;
}

TEST(merge, every_place_and_lot_goes_to_the_survivor_and_comes_back)
{
    struct real_card a, b;
    open_two("all", EXPIRY_100 ", " REDEEM, &a, &b);
    assert_int_equal(ledgers_load(&l, &b, 3, COMMIT_DONE, true), 60);
    ledgers_sale(&l, 1, 40, "A 1 7.00", 4);
    struct entry_id m = merge(12, 40, 5);
    ledgers_expect(&l, 12, 107, 60, 0, 0);
    ledgers_expect(&l, 40, 0, 0, 0, 0);
    assert_int_equal(survivor(40), 12);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM lot WHERE member = 12 AND left > 0"), 3);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM card WHERE member = 12"), 2);
    ledgers_expect_reviews(&l, "");
    ledgers_sound(&l);
    unmerge(m, 6);
    ledgers_expect(&l, 12, 100, 0, 0, 0);
    ledgers_expect(&l, 40, 7, 60, 0, 0);
    assert_int_equal(survivor(40), 40);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM lot_move WHERE cause NOT IN ('earn', 'merge')"), 0);
    assert_int_equal(ledgers_sql(&l, "SELECT sum(left) FROM lot WHERE member = 40"), 67);
    assert_int_equal(ledgers_sql(&l, "SELECT sum(spend) FROM metric_day WHERE member = 40"), 6700);
    ledgers_expect_reviews(&l, "");
    ledgers_sound(&l);
    ledgers_close(&l);
}

/* Ada, her daughter, and a till that was cut off. */
TEST(merge, the_hardest_case)
{
    struct real_card a, b;
    open_two("hard", EXPIRY_100 ", " REDEEM ", " MAY_OWE, &a, &b);
    struct entry_id old = card_sale(2, &b, "A 2 40.00", 3); /* 40 for M40 */
    struct entry_id m = merge(12, 40, 30);
    ledgers_expect(&l, 12, 200, 0, 0, 0);
    (void)card_sale(3, &b, "A 1 30.00", 20); /* late; earns for M12 */
    ledgers_expect(&l, 12, 230, 0, 0, 0);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM sale WHERE member = 12 AND owner = 40"), 3);
    ledgers_refund(&l, 1, old, "A 1 20.00", 31); /* claws 20 from M12 */
    ledgers_expect(&l, 12, 210, 0, 0, 0);
    ledgers_expect(&l, 40, 0, 0, 0, 0);
    ledgers_sound(&l);
    unmerge(m, 32);
    ledgers_expect(&l, 12, 100, 0, 0, 0);
    ledgers_expect(&l, 40, 110, 0, 0, 0);    /* 60 + 40 + 30 - 20 */
    ledgers_refund(&l, 1, old, "A 1 20.00", 33); /* the rest of the bill is M40's again */
    ledgers_expect(&l, 12, 100, 0, 0, 0);
    ledgers_expect(&l, 40, 90, 0, 0, 0);
    ledgers_expect_reviews(&l, "");
    ledgers_sound(&l);
    ledgers_close(&l);
}

/* What one number spends is taken from all lots, first-ending first; an UNMERGE tells them apart again. */
TEST(merge, what_an_unmerge_gives_back)
{
    static const struct {
        const char *name;
        int32_t by_12, by_40; /* spent by each after the merge */
        int32_t earned_40;    /* by its card after it */
        int32_t run_day;      /* 0 = no run */
        int64_t is_12, is_40;
    } rows[] = {
        {"nothing happened", 0, 0, 0, 0, 100, 60},
        {"it earned", 0, 0, 25, 0, 100, 85},
        {"it spent of its own", 0, 50, 0, 0, 100, 10},
        {"it spent and earned", 0, 50, 25, 0, 100, 35},
        {"it spent all it brought and more", 0, 90, 0, 0, 70, 0},
        {"it spent more, and earned that later", 0, 90, 40, 0, 100, 10},
        {"the survivor spent less than its own", 70, 0, 0, 0, 30, 60},
        {"the survivor spent of both", 130, 0, 0, 0, 0, 30},
        {"both spent, nothing is left", 100, 60, 0, 0, 0, 0},
        {"what it brought has ended since", 0, 0, 0, 110, 0, 0},
        {"what it earned has not", 0, 0, 25, 110, 0, 25},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct real_card a, b;
        open_two(rows[i].name, EXPIRY_100 ", " REDEEM, &a, &b);
        struct entry_id m = merge(12, 40, 5);
        if (rows[i].by_12)
            ledgers_adjust(&l, 12, -rows[i].by_12, 7);
        if (rows[i].by_40)
            ledgers_adjust(&l, 40, -rows[i].by_40, 8);
        if (rows[i].earned_40)
            card_sale(2, &b, rows[i].earned_40 == 25 ? "A 1 25.00" : "A 1 40.00", 50);
        if (rows[i].run_day)
            ledgers_run(&l, rows[i].run_day);
        int64_t both = total(12) + total(40);
        ledgers_sound(&l);
        unmerge(m, 120);
        assert_int_equal(total(12) + total(40), both);
        if (total(12) != rows[i].is_12 || total(40) != rows[i].is_40)
            fail_msg("%s: %lld and %lld", rows[i].name, (long long)total(12), (long long)total(40));
        ledgers_sound(&l);
        ledgers_close(&l);
    }
}

TEST(merge, merge_redeem_with_the_other_card_unmerge)
{
    struct real_card a, b;
    struct txn_evidence done;
    open_two("redeem", EXPIRY_100 ", " REDEEM, &a, &b);
    assert_int_equal(ledgers_load(&l, &b, 3, COMMIT_DONE, true), 60);
    struct entry_id m = merge(12, 40, 5);
    assert_int_equal(ledgers_load(&l, &b, 6, COMMIT_DONE, true), 100); /* all is one person's */
    struct entry_id intent = ledgers_intent(&l, 2, &b, 40, 90, 7, true, &done);
    struct entry_id sale = ledgers_outcome(&l, 2, TXN_SALE, &b, 40, intent, 90, COMMIT_DONE, &done, "A 1 0.90", 7);
    intent = ledgers_intent(&l, 2, &b, 40, 20, 8, true, &done);
    ledgers_expect(&l, 12, 0, 70, 0, 0);
    unmerge(m, 9); /* 60 brought, 90 redeemed: nothing of it is left, the card has 70 all the same */
    ledgers_expect(&l, 12, 70, 0, 0, 0);
    ledgers_expect(&l, 40, -70, 70, 0, 0);
    ledgers_sound(&l);
    /* the redemption that was under way is the card's, and so is a reward that comes back */
    ledgers_outcome(&l, 2, TXN_CANCEL, &b, 40, intent, 20, COMMIT_DONE, &done, "", 8);
    ledgers_expect(&l, 40, -50, 50, 0, 0);
    ledgers_refund(&l, 2, sale, "A 1 0.90", 10);
    ledgers_expect(&l, 40, 40, 50, 0, 0);
    assert_int_equal(total(12), 70);
    ledgers_expect_reviews(&l, "");
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(merge, debt_is_paid_by_the_other_numbers_points_and_otherwise_goes_along)
{
    struct real_card a, b;
    static const struct {
        int64_t adjust_12, adjust_40, is_12, owed_12, back_12, back_40, back_owed_40;
    } rows[] = {
        {-130, 0, 30, 0, 0, 30, 0},    /* M12 owes 30: M40's points pay it */
        {0, -80, 80, 0, 80, 0, 0},     /* M40 owes 20 */
        {-100, -80, -20, 20, 0, -20, 20}, /* M40 owes 20, nobody can pay: the debt goes back with it */
        {-110, -70, -20, 20, -10, -10, 10},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char name[] = "debt0";
        name[4] = (char)('0' + i);
        open_two(name, EXPIRY_100 ", " REDEEM, &a, &b);
        ledgers_adjust(&l, 12, rows[i].adjust_12 ? rows[i].adjust_12 : 1, 3);
        ledgers_adjust(&l, 12, rows[i].adjust_12 ? 0 : -1, 3);
        ledgers_adjust(&l, 40, rows[i].adjust_40 ? rows[i].adjust_40 : 0, 3);
        struct entry_id m = merge(12, 40, 5);
        ledgers_expect(&l, 12, rows[i].is_12, 0, 0, rows[i].owed_12);
        ledgers_sound(&l);
        unmerge(m, 6);
        assert_int_equal(total(12), rows[i].back_12);
        ledgers_expect(&l, 40, rows[i].back_40, 0, 0, rows[i].back_owed_40);
        ledgers_sound(&l);
        ledgers_close(&l);
    }
}

TEST(merge, what_is_shown_of_the_merged_number_is_the_survivor)
{
    static struct home home;
    struct real_card a, b;
    struct known_who who;
    struct errmsg why = {""};
    open_two("shown", EXPIRY_100 ", " REDEEM, &a, &b);
    assert_int_equal(books_begin(l.books, &why), OK);
    assert_int_equal(known_bind(l.books, &home.known_keys, MEANS_UID, bytes_of("tag", 3), 40, ledgers_day(3), &why), OK);
    assert_int_equal(books_commit(l.books, &why), OK);
    struct entry_id m = merge(12, 40, 5);
    const struct {
        struct known_shown shown;
        const char *what;
    } rows[] = {
        {{.means = MEANS_CARD, .card = b.uid}, "its card"},
        {{.means = MEANS_UID, .value = bytes_of("tag", 3)}, "its tag"},
        {{.means = MEANS_REGISTER, .value = bytes_of("M40", 3)}, "its number"},
    };
    for (int apart = 0; apart < 2; apart++) {
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
            if (known_who(l.books, &home, &rows[i].shown, &who, &why) || who.member != (apart ? 40 : 12))
                fail_msg("%s: M%llu %s", rows[i].what, (unsigned long long)who.member, why.text);
        if (!apart)
            unmerge(m, 6);
    }
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(merge, a_coupon_of_the_merged_number_is_the_survivors)
{
    struct real_card a, b;
    struct errmsg why = {""};
    int64_t used = 0, odd = 0;
    open_two("coupon", EXPIRY_100 ", " REDEEM, &a, &b);
    ledgers_member(&l, 7, 0);
    ledgers_exec(&l, "PRAGMA foreign_keys = OFF; INSERT INTO coupon (coupon, campaign, member, last_day, made_s) VALUES"
                     " ('C-1', 'C', 40, 20000, 0), ('C-2', 'C', 40, 20000, 0)");
    merge(12, 40, 5);
    for (int i = 1; i <= 2; i++) {
        struct txn *t = ledgers_entry(&l, 2, TXN_SALE, ledgers_day(6));
        t->member = i == 1 ? 12 : 7;
        t->line_count = packs_lines(t->lines, "A 1 10.00");
        t->total = money_of(1000);
        t->points = points_of(10);
        t->coupon_count = 1;
        snprintf(t->coupons[0], sizeof t->coupons[0], "C-%d", i);
        ledgers_post(&l, t, POST_NEW);
    }
    assert_int_equal(coupon_scan(l.books, &used, &odd, &why), OK);
    assert_int_equal(used, 1);
    assert_int_equal(odd, 1);
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(merge, a_chain_goes_to_the_last_and_is_undone_from_there)
{
    struct real_card a, b;
    open_two("chain", EXPIRY_100 ", " REDEEM, &a, &b);
    ledgers_member(&l, 7, 0);
    ledgers_sale(&l, 1, 7, "A 1 5.00", 3);
    struct entry_id first = merge(12, 40, 5);   /* M40 into M12 */
    card_sale(2, &b, "A 1 10.00", 6);
    struct entry_id second = merge(7, 12, 7);   /* M12 into M7 */
    card_sale(2, &b, "A 1 20.00", 8);
    ledgers_sale(&l, 1, 12, "A 1 3.00", 8);
    assert_int_equal(survivor(40), 7);
    ledgers_expect(&l, 7, 5 + 100 + 60 + 10 + 20 + 3, 0, 0, 0);
    ledgers_sound(&l);
    refused(TXN_UNMERGE, 0, 0, 0, first, ERR_STATE, "the member was merged into another one since: that is undone first");
    refused(TXN_MERGE, 40, 7, 0, (struct entry_id){0}, ERR_STATE, "the two numbers are one member already");
    unmerge(second, 9);
    assert_int_equal(survivor(40), 12);
    ledgers_expect(&l, 7, 5, 0, 0, 0);
    ledgers_expect(&l, 12, 193, 0, 0, 0);
    ledgers_sound(&l);
    card_sale(2, &b, "A 1 2.00", 10);
    unmerge(first, 11);
    ledgers_expect(&l, 12, 103, 0, 0, 0);
    ledgers_expect(&l, 40, 92, 0, 0, 0); /* with what its card earned while it was two steps away */
    ledgers_sound(&l);
    /* and once more: nothing of the time before counts again */
    struct entry_id third = merge(12, 40, 12);
    card_sale(2, &b, "A 1 1.00", 13);
    unmerge(third, 14);
    ledgers_expect(&l, 12, 103, 0, 0, 0);
    ledgers_expect(&l, 40, 93, 0, 0, 0);
    ledgers_expect_reviews(&l, "");
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(merge, what_may_not_be_is_refused_before_it_is_written)
{
    struct real_card a, b;
    struct entry_id none = {0}, adjust;
    open_two("refused", EXPIRY_100 ", " REDEEM, &a, &b);
    ledgers_member(&l, 7, 0);
    refused(TXN_MERGE, 12, 99, 0, none, ERR_NOT_FOUND, "the member is not known");
    refused(TXN_MERGE, 99, 12, 0, none, ERR_NOT_FOUND, "the member is not known");
    refused(TXN_MERGE, 12, 12, 0, none, ERR_FORMAT, "a merge of a member with itself");
    struct entry_id m = merge(12, 40, 5);
    refused(TXN_MERGE, 12, 40, 0, none, ERR_STATE, "the two numbers are one member already");
    refused(TXN_MERGE, 7, 40, 0, none, ERR_STATE, "the two numbers are one member already");
    refused(TXN_MERGE, 40, 12, 0, none, ERR_STATE, "the two numbers are one member already");
    refused(TXN_TRANSFER, 12, 40, 5, none, ERR_STATE, "the two numbers are one member already");
    ledgers_adjust(&l, 12, 1, 6);
    adjust = l.t.id;
    refused(TXN_UNMERGE, 0, 0, 0, adjust, ERR_STATE, "what it undoes is no merge, or is undone already");
    unmerge(m, 7);
    refused(TXN_UNMERGE, 0, 0, 0, m, ERR_STATE, "what it undoes is no merge, or is undone already");
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(merge, what_is_set_aside_goes_along_and_back)
{
    struct real_card a, b;
    struct hold_view hold;
    struct errmsg why = {""};
    open_two("hold", EXPIRY_100 ", " REDEEM, &a, &b);
    struct hold_wanted w = {.member = 40, .points = points_of(25), .means = MEANS_CODE, .factor = true,
                            .terminal = 2, .name = "a"};
    assert_int_equal(books_hold(l.books, &w, ledgers_day(3), &hold, &why), OK);
    struct entry_id m = merge(12, 40, 4);
    assert_int_equal(ledgers_sql(&l, "SELECT reserved FROM member WHERE member = 12"), 25);
    assert_int_equal(books_hold(l.books, &w, ledgers_day(4), &hold, &why), OK); /* asked again: the same */
    assert_int_equal(hold.member, 12);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM hold"), 1);
    w.name = "b", w.points = points_of(40);
    assert_int_equal(books_hold(l.books, &w, ledgers_day(4), &hold, &why), OK);
    struct entry_id second = hold.entry;
    ledgers_sound(&l);
    unmerge(m, 4);
    assert_int_equal(ledgers_sql(&l, "SELECT reserved FROM member WHERE member = 12"), 0);
    assert_int_equal(ledgers_sql(&l, "SELECT reserved FROM member WHERE member = 40"), 65);
    assert_int_equal(total(40), 60);
    ledgers_sound(&l);
    struct txn *t = ledgers_entry(&l, 2, TXN_SALE, ledgers_day(4));
    t->member = 40;
    t->means = MEANS_CODE;
    t->line_count = packs_lines(t->lines, "A 1 0.30");
    t->total = t->redeemed_value = money_of(30);
    t->redeemed = points_of(30);
    t->original = second;
    ledgers_post(&l, t, POST_NEW);
    assert_int_equal(total(40), 30);
    ledgers_expect_reviews(&l, "");
    ledgers_sound(&l);
    ledgers_close(&l);
}

/* What a token brought while its owner was unknown is posted at its own, older place: it still counts as come since. */
TEST(merge, a_claim_of_before_is_posted_for_the_survivor_and_given_back)
{
    struct real_card a, b;
    open_two("claim", EXPIRY_100 ", " REDEEM, &a, &b);
    struct txn *t = ledgers_entry(&l, 2, TXN_SALE, ledgers_day(3));
    t->token[0] = 9;
    t->means = MEANS_PHONE;
    t->line_count = packs_lines(t->lines, "A 1 11.00");
    t->total = money_of(1100);
    t->points = points_of(11);
    struct entry_id sale = t->id;
    ledgers_post(&l, t, POST_NEW);
    struct entry_id m = merge(12, 40, 5);
    memset(t, 0, sizeof *t);
    t->kind = TXN_CLAIM;
    t->member = 40;
    t->original = sale;
    ledgers_own(&l, t, ledgers_day(6));
    ledgers_expect(&l, 12, 171, 0, 0, 0);
    ledgers_sound(&l);
    unmerge(m, 7);
    ledgers_expect(&l, 40, 71, 0, 0, 0);
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(merge, lots_that_end_later_since_are_told_apart_all_the_same)
{
    struct real_card a, b;
    for (int by_40 = 0; by_40 < 2; by_40++) {
        open_two(by_40 ? "extend40" : "extend12", EXPIRY_100 ", " REDEEM, &a, &b);
        struct entry_id m = merge(12, 40, 5);
        card_sale(2, &b, "A 1 9.00", 6);
        struct txn *t = &l.t;
        memset(t, 0, sizeof *t);
        t->kind = TXN_EXTEND;
        t->member = by_40 ? 40 : 12;
        t->from_day = LEDGERS_DAY_0;
        t->day = LEDGERS_DAY_0 + 200;
        snprintf(t->reason, sizeof t->reason, "closed for weeks");
        ledgers_own(&l, t, ledgers_day(7));
        ledgers_adjust(&l, 40, -20, 8);
        unmerge(m, 9);
        ledgers_expect(&l, 12, 100, 0, 0, 0);
        ledgers_expect(&l, 40, 49, 0, 0, 0);
        assert_int_equal(ledgers_sql(&l, "SELECT left FROM lot WHERE member = 40 AND expires_day = 14975 + 200"), 49);
        ledgers_expect_reviews(&l, "");
        ledgers_sound(&l);
        ledgers_close(&l);
    }
}

TEST(merge, what_is_pending_goes_along_and_back)
{
    struct real_card a, b;
    open_two("pending", EXPIRY_100 ", " REDEEM, &a, &b);
    struct entry_id m = merge(12, 40, 5);
    card_sale(2, &b, "A 1 9.00", 6);
    assert_int_equal(ledgers_sql(&l, "SELECT pending FROM member WHERE member = 12"), 169);
    ledgers_sound(&l);
    unmerge(m, 7);
    assert_int_equal(ledgers_sql(&l, "SELECT pending FROM member WHERE member = 12"), 100);
    assert_int_equal(ledgers_sql(&l, "SELECT pending FROM member WHERE member = 40"), 69);
    ledgers_run(&l, 40);
    ledgers_expect(&l, 12, 100, 0, 0, 0);
    ledgers_expect(&l, 40, 69, 0, 0, 0);
    ledgers_expect_reviews(&l, "");
    ledgers_sound(&l);
    ledgers_close(&l);
}

static const char *tier(member_id member)
{
    static struct member_view m;
    assert_int_equal(books_member(l.books, member, &m, NULL), OK);
    return m.tier;
}

TEST(merge, the_higher_tier_and_what_counts_for_it_go_along)
{
    struct real_card a, b;
    open_two("tier", EXPIRY_100 ", " REDEEM ", " TIERS, &a, &b);
    card_sale(2, &b, "A 1 450.00", 3); /* 510 in all: gold */
    assert_string_equal(tier(40), "gold");
    assert_string_equal(tier(12), "base");
    struct entry_id m = merge(12, 40, 5);
    assert_string_equal(tier(12), "gold");
    ledgers_run(&l, 6);
    assert_string_equal(tier(12), "gold"); /* by the purchases of both */
    struct txn *t = ledgers_entry(&l, 2, TXN_SALE, ledgers_day(7));
    t->card = b.uid;
    snprintf(t->tier, sizeof t->tier, "gold");
    t->line_count = packs_lines(t->lines, "A 1 10.00");
    t->total = money_of(1000);
    t->points = points_of(20);
    ledgers_post(&l, t, POST_NEW);
    ledgers_sound(&l);
    unmerge(m, 8);
    ledgers_run(&l, 9);
    assert_string_equal(tier(12), "base"); /* alone it has 100.00 */
    assert_string_equal(tier(40), "gold");
    ledgers_expect_reviews(&l, "");
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(merge, a_tier_by_hand_goes_along_while_it_lasts)
{
    struct real_card a, b;
    open_two("hand", EXPIRY_100 ", " REDEEM ", " TIERS, &a, &b);
    struct txn *t = &l.t;
    memset(t, 0, sizeof *t);
    t->kind = TXN_TIER;
    t->member = 40;
    t->day = LEDGERS_DAY_0 + 30;
    snprintf(t->tier, sizeof t->tier, "gold");
    snprintf(t->reason, sizeof t->reason, "a trial");
    ledgers_own(&l, t, ledgers_day(3));
    merge(12, 40, 5);
    assert_string_equal(tier(12), "gold");
    ledgers_run(&l, 30);
    assert_string_equal(tier(12), "gold");
    ledgers_run(&l, 31);
    assert_string_equal(tier(12), "base");
    ledgers_sound(&l);
    ledgers_close(&l);
}

/* A till that was cut off for weeks sends a redemption of then: it takes what has ended since, whoever has it now. */
TEST(merge, what_has_ended_goes_along_for_a_redemption_that_comes_late)
{
    struct real_card a, b;
    struct txn_evidence done;
    for (int undone = 0; undone < 2; undone++) {
        open_two(undone ? "late_undone" : "late", EXPIRY_100 ", " REDEEM, &a, &b);
        assert_int_equal(ledgers_load(&l, &b, 3, COMMIT_DONE, true), 60);
        ledgers_run(&l, 110);
        ledgers_expect(&l, 40, -60, 60, 0, 0);
        struct entry_id m = merge(12, 40, 111);
        if (undone)
            unmerge(m, 112);
        assert_int_equal(ledgers_sql(&l, "SELECT sum(expired) FROM lot WHERE member = 40"), undone ? 60 : 0);
        ledgers_sound(&l);
        struct entry_id intent = ledgers_intent(&l, 2, &b, 40, 50, 90, true, &done);
        ledgers_outcome(&l, 2, TXN_SALE, &b, 40, intent, 50, COMMIT_DONE, &done, "A 1 0.50", 90);
        assert_int_equal(total(undone ? 40 : 12), 0);
        assert_int_equal(ledgers_sql(&l, "SELECT sum(owed) FROM member"), 0);
        assert_int_equal(ledgers_sql(&l, "SELECT sum(expired) FROM lot"), undone ? 110 : 110);
        ledgers_sound(&l);
        ledgers_close(&l);
    }
}

TEST(merge, a_till_that_was_cut_off_may_still_name_the_tier_the_number_had)
{
    struct real_card a, b;
    open_two("tiers", EXPIRY_100 ", " REDEEM ", " TIERS_3, &a, &b);
    card_sale(2, &b, "A 1 450.00", 3); /* 510: silver */
    card_sale(2, &a, "A 1 950.00", 3); /* 1050: gold, never silver */
    merge(12, 40, 5);
    struct txn *t = ledgers_entry(&l, 2, TXN_SALE, ledgers_day(4));
    t->card = b.uid;
    snprintf(t->tier, sizeof t->tier, "silver");
    t->line_count = packs_lines(t->lines, "A 1 10.00");
    t->total = money_of(1000);
    t->points = points_of(20);
    ledgers_post(&l, t, POST_NEW);
    ledgers_expect_reviews(&l, "");
    ledgers_sound(&l);
    ledgers_close(&l);
}

/* ---- points passed on ---- */

TEST(transfer, takes_the_first_ending_points_and_keeps_their_last_days)
{
    struct real_card a, b;
    struct errmsg why = {""};
    open_two("transfer", EXPIRY_100 ", " REDEEM, &a, &b);
    ledgers_sale(&l, 1, 12, "A 1 50.00", 20);
    assert_int_equal(pair(TXN_TRANSFER, 12, 40, 120, (struct entry_id){0}, 21, &why), OK);
    ledgers_expect(&l, 12, 30, 0, 0, 0);
    ledgers_expect(&l, 40, 180, 0, 0, 0);
    assert_int_equal(ledgers_sql(&l, "SELECT left FROM lot WHERE member = 40 AND expires_day = 14975 + 101"), 100);
    assert_int_equal(ledgers_sql(&l, "SELECT left FROM lot WHERE member = 40 AND expires_day = 14975 + 120"), 20);
    refused(TXN_TRANSFER, 12, 40, 31, (struct entry_id){0}, ERR_STATE, "more points than are there to spend");
    ledgers_run(&l, 150);
    ledgers_expect(&l, 40, 0, 0, 0, 0);
    ledgers_sound(&l);
    ledgers_close(&l);
}

/* The day's run comes later than the last good day: what has ended meanwhile is not passed on. */
TEST(transfer, what_ends_before_the_run_has_seen_it_stays)
{
    struct real_card a, b;
    struct errmsg why = {""};
    open_two("transfer_ended", EXPIRY_100 ", " REDEEM, &a, &b);
    ledgers_sale(&l, 1, 12, "A 1 50.00", 20);
    assert_int_equal(pair(TXN_TRANSFER, 12, 40, 50, (struct entry_id){0}, 110, &why), OK); /* 100 ended on day 101 */
    assert_int_equal(ledgers_sql(&l, "SELECT left FROM lot WHERE member = 40 AND expires_day = 14975 + 120"), 50);
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(transfer, what_is_on_a_card_or_owed_is_not_passed_on)
{
    struct real_card a, b;
    struct errmsg why = {""};
    open_two("transfer_card", EXPIRY_100 ", " REDEEM, &a, &b);
    ledgers_load(&l, &a, 3, COMMIT_DONE, true);
    refused(TXN_TRANSFER, 12, 40, 1, (struct entry_id){0}, ERR_STATE, "more points than are there to spend");
    ledgers_adjust(&l, 40, -80, 4); /* owes 20 */
    ledgers_sale(&l, 1, 12, "A 1 50.00", 5);
    assert_int_equal(pair(TXN_TRANSFER, 12, 40, 50, (struct entry_id){0}, 6, &why), OK);
    ledgers_expect(&l, 40, 30, 0, 0, 0); /* the debt is paid first */
    ledgers_sound(&l);
    ledgers_close(&l);
}
