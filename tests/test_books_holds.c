/* test_books_holds.c - points set aside for a sale without the card: taken once, let go once, never lost.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "tests/ledgers.h"
#include "tests/packs.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

static struct ledgers l;

#define REDEEM                                                                                     \
    "\"redeem\": {\"worth\": 1, \"min\": 10, \"step\": 10, \"max_share\": 1, \"hold_minutes\": "   \
    "15,"                                                                                          \
    " \"second_factor_above\": 200}"
#define EXPIRY "\"expiry\": {\"kind\": \"rolling\", \"days\": 10}"

static void open_new(const char *top)
{
    static int count;
    char name[16];
    snprintf(name, sizeof name, "holds%d", count++);
    ledgers_open(&l, name, "", top);
}

/* Member 7 earns points on day 1 that are good to day 11. */
static void open_with(int64_t points)
{
    char lines[32];
    open_new(REDEEM ", " EXPIRY);
    ledgers_member(&l, 7, 0);
    ledgers_member(&l, 8, 0);
    snprintf(lines, sizeof lines, "A 1 %lld.00", (long long)points);
    if (points)
        ledgers_sale(&l, 1, 7, lines, 1);
}

static struct hold_wanted wanted(int64_t points, const char *name)
{
    return (struct hold_wanted){.member = 7,
                                .points = points_of(points),
                                .means = MEANS_SUN,
                                .factor = true,
                                .terminal = 1,
                                .name = name};
}

static enum err ask(int64_t points, const char *name, int32_t day, struct hold_view *out,
                    struct errmsg *why)
{
    struct hold_wanted w = wanted(points, name);
    return books_hold(l.books, &w, ledgers_day(day), out, why);
}

static struct entry_id hold(int64_t points, const char *name, int32_t day)
{
    struct errmsg why = {""};
    struct hold_view h;
    if (ask(points, name, day, &h, &why))
        fail_msg("%s", why.text);
    assert_int_equal(points_n(h.points), points);
    assert_true(h.until_s == ledgers_day(day) + 15 * 60);
    return h.entry;
}

/* The till's SALE or CANCEL of it; points earned 0: nothing is left to be paid. */
static struct entry_id outcome(enum txn_kind kind, uint32_t till, struct entry_id held,
                               int64_t points, int32_t day)
{
    struct txn *t = ledgers_entry(&l, till, kind, ledgers_day(day));
    t->member = 7;
    t->means = MEANS_SUN;
    t->original = held;
    t->redeemed = points_of(points);
    if (kind == TXN_SALE) {
        t->line_count = 1;
        t->lines[0] = (struct txn_line){.sku = "A", .quantity = 1, .amount = money_of(points)};
        t->total = t->redeemed_value = money_of(points);
    }
    ledgers_post(&l, t, POST_NEW);
    return t->id;
}

static int32_t release_due(int64_t now_s)
{
    struct errmsg why = {""};
    int32_t count = -1;
    if (books_release_due(l.books, now_s, &count, &why))
        fail_msg("%s", why.text);
    return count;
}

static void expect(int64_t held, int64_t reserved, int64_t owed, const char *reviews)
{
    struct errmsg why;
    struct member_view m;
    assert_int_equal(books_member(l.books, 7, &m, &why), OK);
    if (points_n(m.held) != held || points_n(m.reserved) != reserved || points_n(m.owed) != owed)
        fail_msg("held %lld, reserved %lld, owed %lld", (long long)points_n(m.held),
                 (long long)points_n(m.reserved), (long long)points_n(m.owed));
    ledgers_expect_reviews(&l, reviews);
    ledgers_sound(&l);
}

TEST(holds, points_are_set_aside_and_the_sale_takes_them)
{
    open_with(100);
    struct entry_id h = hold(80, "a", 2);
    expect(20, 80, 0, "");
    outcome(TXN_SALE, 1, h, 80, 2);
    expect(20, 0, 0, "");
    assert_int_equal(ledgers_sql(&l, "SELECT redeemed FROM sale WHERE seq = 2"), 80);
    assert_int_equal(release_due(ledgers_day(3)), 0);
    ledgers_close(&l);
}

TEST(holds, what_the_sale_does_not_need_is_let_go_with_it)
{
    open_with(100);
    outcome(TXN_SALE, 1, hold(80, "a", 2), 50, 2);
    expect(50, 0, 0, "");
    ledgers_close(&l);
}

TEST(holds, a_cancelled_sale_and_the_end_of_the_time_let_go_once)
{
    open_with(100);
    struct entry_id h = hold(80, "a", 2);
    outcome(TXN_CANCEL, 1, h, 80, 2);
    expect(100, 0, 0, "");
    h = hold(40, "b", 2);
    (void)hold(20, "c", 3);
    assert_int_equal(release_due(ledgers_day(2) + 15 * 60), 0); /* good until then */
    assert_int_equal(release_due(ledgers_day(2) + 15 * 60 + 1), 1);
    assert_int_equal(release_due(ledgers_day(2) + 15 * 60 + 1), 0);
    expect(80, 20, 0, "");
    outcome(TXN_CANCEL, 1, h, 40, 2); /* the till's word comes after that: nothing more to do */
    expect(80, 20, 0, "");
    assert_int_equal(release_due(ledgers_day(9)), 1);
    expect(100, 0, 0, "");
    ledgers_close(&l);
}

TEST(holds, a_sale_that_comes_after_its_points_were_let_go_counts_and_is_looked_at)
{
    open_with(100);
    struct entry_id h = hold(80, "a", 2);
    assert_int_equal(release_due(ledgers_day(3)), 1);
    outcome(TXN_SALE, 1, h, 80, 2);
    expect(20, 0, 0, "T0001-2 the points set aside had been let go before the sale came\n");
    assert_int_equal(ledgers_sql(&l, "SELECT state FROM hold"), 3);
    ledgers_close(&l);

    open_with(100); /* and somebody spent them meanwhile: held goes below zero, and the lots owe */
    h = hold(80, "a", 2);
    assert_int_equal(release_due(ledgers_day(3)), 1);
    ledgers_adjust(&l, 7, -100, 3);
    outcome(TXN_SALE, 1, h, 80, 2);
    expect(-80, 0, 80, "T0001-2 the points set aside had been let go before the sale came\n");
    ledgers_close(&l);
}

TEST(holds, one_hold_pays_one_sale)
{
    open_with(100);
    struct entry_id h = hold(40, "a", 2);
    outcome(TXN_SALE, 1, h, 40, 2);
    outcome(TXN_SALE, 1, h, 40, 2);
    expect(60, 0, 0, "T0001-3 the points set aside had been redeemed before\n");
    outcome(TXN_CANCEL, 1, h, 40, 2);
    expect(60, 0, 0,
           "T0001-3 the points set aside had been redeemed before\n"
           "T0001-4 the till had said otherwise before\n");
    h = hold(20, "b", 2);
    assert_int_equal(release_due(ledgers_day(3)), 1);
    outcome(TXN_SALE, 1, h, 20, 2);
    outcome(TXN_SALE, 1, h, 20, 2);
    assert_int_equal(ledgers_sql(&l, "SELECT sum(redeemed) FROM sale"), 60);
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(holds, a_hold_of_another_till_member_or_amount_pays_nothing)
{
    static const struct {
        uint32_t till;
        member_id member;
        int64_t points;
        uint32_t seq; /* of the HOLD named, beside the right one */
        const char *review;
    } rows[] = {
        {2, 7, 40, 0, "T0002-1 the points were set aside for another sale\n"},
        {1, 8, 40, 0, "T0001-2 the points were set aside for another sale\n"},
        {1, 7, 50, 0, "T0001-2 the points were set aside for another sale\n"},
        {1, 7, 40, 1, "T0001-2 the points it redeems were not set aside\n"},
        {1, 7, 40, 90, "T0001-2 the points it redeems were not set aside\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        open_with(100);
        struct entry_id h = hold(40, "a", 2);
        if (rows[i].seq)
            h.seq = rows[i].seq; /* HQ-1 is a member's enrolment */
        struct txn *t = ledgers_entry(&l, rows[i].till, TXN_SALE, ledgers_day(2));
        t->member = rows[i].member;
        t->means = MEANS_SUN;
        t->original = h;
        t->redeemed = points_of(rows[i].points);
        t->line_count = 1;
        t->lines[0] = (struct txn_line){.sku = "A", .quantity = 1, .amount = money_of(100)};
        t->total = money_of(100);
        t->redeemed_value = money_of(rows[i].points);
        ledgers_post(&l, t, POST_NEW);
        ledgers_expect_reviews(&l, rows[i].review);
        assert_int_equal(ledgers_sql(&l, "SELECT coalesce(sum(redeemed), 0) FROM sale"), 0);
        assert_int_equal(ledgers_sql(&l, "SELECT reserved FROM member WHERE member = 7"), 40);
        ledgers_sound(&l);
        ledgers_close(&l);
    }
}

TEST(holds, the_rules_are_asked_at_the_hold_and_compared_at_the_sale)
{
    struct errmsg why;
    struct hold_view out;
    open_with(300);
    static const struct {
        int64_t points;
        enum txn_means means;
        bool factor;
        enum err e;
        const char *says;
    } rows[] = {
        {15, MEANS_SUN, true, ERR_REFUSED, "Points are redeemed in whole steps only."},
        {0, MEANS_SUN, true, ERR_REFUSED,
         "These are fewer points than the least that may be redeemed."},
        {310, MEANS_SUN, true, ERR_REFUSED,
         "only 300 points can be redeemed here without the card"},
        {210, MEANS_SUN, false, ERR_AUTH,
         "That many points want the member's PIN or second tap, or a supervisor."},
        {10, MEANS_PHONE, false, ERR_AUTH,
         "That many points want the member's PIN or second tap, or a supervisor."},
        {10, MEANS_NONE, true, ERR_AUTH,
         "Nobody is identified: tap the card or type the number first."},
        {200, MEANS_SUN, false, OK, ""},
        {10, MEANS_PHONE, true, OK, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char name[8];
        struct hold_wanted w = wanted(rows[i].points, name);
        snprintf(name, sizeof name, "n%zu", i);
        w.means = rows[i].means;
        w.factor = rows[i].factor;
        why.text[0] = 0;
        assert_int_equal(books_hold(l.books, &w, ledgers_day(2), &out, &why), rows[i].e);
        if (rows[i].e)
            assert_string_equal(why.text, rows[i].says);
    }
    struct hold_wanted nobody = wanted(10, "x");
    nobody.member = 99;
    assert_int_equal(books_hold(l.books, &nobody, ledgers_day(2), &out, &why), ERR_NOT_FOUND);
    nobody = wanted(10, "");
    assert_int_equal(books_hold(l.books, &nobody, ledgers_day(2), &out, &why), ERR_FORMAT);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM hold"), 2);

    struct txn *t =
        ledgers_entry(&l, 1, TXN_SALE, ledgers_day(2)); /* by telephone, and worth too much */
    t->member = 7;
    t->means = MEANS_PHONE;
    t->original = (struct entry_id){OFFICE_TERMINAL, 3};
    t->redeemed = points_of(200);
    t->line_count = 1;
    t->lines[0] = (struct txn_line){.sku = "A", .quantity = 1, .amount = money_of(1000)};
    t->total = money_of(1000);
    t->redeemed_value = money_of(900);
    t->points = points_of(1);
    ledgers_post(&l, t, POST_NEW);
    expect(91, 10, 0,
           "T0001-2 redeemed otherwise than the programme says\n"
           "T0001-2 redeemed otherwise than the programme says\n");
    ledgers_close(&l);
}

TEST(holds, the_same_name_again_is_the_same_hold)
{
    struct errmsg why = {""};
    struct hold_view first, again;
    open_with(100);
    assert_int_equal(ask(80, "a", 2, &first, &why), OK);
    assert_int_equal(ask(80, "a", 2, &again, &why), OK);
    assert_true(entry_equal(first.entry, again.entry));
    assert_true(first.until_s == again.until_s);
    assert_int_equal(ask(70, "a", 2, &again, &why), ERR_CONFLICT);
    assert_int_equal(ask(30, "b", 2, &again, &why), ERR_REFUSED); /* 20 are left */
    struct hold_wanted other = wanted(20, "a");                   /* another till's name */
    other.terminal = 2;
    assert_int_equal(books_hold(l.books, &other, ledgers_day(2), &again, &why), OK);
    assert_false(entry_equal(first.entry, again.entry));
    expect(0, 100, 0, "");
    outcome(TXN_CANCEL, 1, first.entry, 80, 2);
    assert_int_equal(ask(80, "a", 2, &again, &why), ERR_STATE);
    assert_string_equal(why.text, "HQ-3 was redeemed or let go before");
    ledgers_close(&l);
}

TEST(holds, what_has_ended_or_is_owed_is_not_set_aside)
{
    struct errmsg why;
    struct points most;
    open_with(100);
    assert_int_equal(books_spendable(l.books, 7, ledgers_day(11), &most, &why), OK);
    assert_int_equal(points_n(most), 100);
    assert_int_equal(books_spendable(l.books, 7, ledgers_day(12), &most, &why),
                     OK); /* before the day's run */
    assert_int_equal(points_n(most), 0);
    struct hold_view out;
    assert_int_equal(ask(100, "a", 12, &out, &why), ERR_REFUSED);
    assert_int_equal(books_spendable(l.books, 99, ledgers_day(11), &most, &why), ERR_NOT_FOUND);
    ledgers_close(&l);
}

/* FloCafe#78 with points set aside: they end while they are, and the sale was in time. */
TEST(holds, points_that_end_while_set_aside_are_spent_when_the_sale_was_in_time)
{
    for (int late = 0; late < 2; late++) {
        open_with(100);                         /* good to day 11 */
        ledgers_sale(&l, 1, 7, "A 1 50.00", 9); /* good to day 19 */
        struct entry_id h = hold(80, "a", 11);
        if (late)
            ledgers_run(&l, 12);
        outcome(TXN_SALE, 1, h, 80, 11);
        if (!late)
            ledgers_run(&l, 12);
        expect(50, 0, 0, "");
        assert_int_equal(ledgers_sql(&l, "SELECT sum(expired) FROM lot"), 20);
        ledgers_close(&l);
    }
    open_with(100); /* the end, and nobody came for them */
    (void)hold(80, "a", 11);
    ledgers_run(&l, 12);
    expect(-80, 80, 0, "");
    assert_int_equal(release_due(ledgers_day(12)), 1);
    expect(0, 0, 0, "");
    ledgers_close(&l);
}

TEST(holds, what_a_held_redemption_took_goes_back_to_its_lots)
{
    open_with(100);                         /* good to day 11 */
    ledgers_sale(&l, 1, 7, "A 1 50.00", 9); /* good to day 19 */
    struct entry_id h = hold(120, "a", 10);
    struct entry_id s = outcome(TXN_SALE, 1, h, 120, 10);
    expect(30, 0, 0, "");
    ledgers_refund(&l, 2, s, "A 1 1.20", 12); /* all of it */
    assert_int_equal(ledgers_sql(&l, "SELECT left FROM lot WHERE expires_day = 14975 + 11"), 100);
    assert_int_equal(ledgers_sql(&l, "SELECT left FROM lot WHERE expires_day = 14975 + 19"), 50);
    expect(150, 0, 0, "");
    ledgers_close(&l);

    open_with(100); /* a part, by money: 0.30 of 1.20 are 30 of 120 points, the last taken first */
    ledgers_sale(&l, 1, 7, "A 1 50.00", 9);
    s = outcome(TXN_SALE, 1, hold(120, "a", 10), 120, 10);
    struct txn *t = ledgers_entry(&l, 1, TXN_REFUND, ledgers_day(10));
    t->original = s;
    t->total = money_of(30);
    t->redeemed = points_of(30);
    t->redeemed_value = money_of(30);
    ledgers_post(&l, t, POST_NEW);
    assert_int_equal(ledgers_sql(&l, "SELECT sum(left) FROM lot WHERE expires_day = 14975 + 19"),
                     50);
    assert_int_equal(ledgers_sql(&l, "SELECT sum(left) FROM lot WHERE expires_day = 14975 + 11"),
                     10);
    expect(60, 0, 0, "");
    ledgers_close(&l);
}

/* Money given back mixed with goods, at two tills that do not know of each other: by hand, as in
 * docs/programme.md.  A 1 20.00 and B 2 20.00 earn 40. */
TEST(holds, amounts_and_goods_given_back_add_up_in_any_order)
{
    static const struct {
        const char *order; /* m: 10.00, b: one B, a: A, r: 5.00, x: 30.00, more than there is */
        int64_t held[5];
        const char *reviews;
    } rows[] = {
        {"mbar", {30, 20, 0, 0}, "T0002-4 goods came back that are not left on the bill\n"},
        {"bma", {30, 20, 0}, ""},
        {"rrb", {35, 30, 20}, ""},
        {"brr", {30, 25, 20}, ""},
        {"abx", {20, 10, 0}, "T0002-3 goods came back that are not left on the bill\n"},
        {"xab", {10, 0, 0}, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        open_new("");
        ledgers_member(&l, 7, 0);
        struct entry_id s = ledgers_sale(&l, 1, 7, "A 1 20.00, B 2 20.00", 1);
        for (int k = 0; rows[i].order[k]; k++) {
            char what = rows[i].order[k];
            if (what == 'a' || what == 'b') {
                ledgers_refund(&l, 2, s, what == 'a' ? "A 1 20.00" : "B 1 10.00", 2);
            } else {
                struct txn *t = ledgers_entry(&l, 2, TXN_REFUND, ledgers_day(2));
                t->pack_version = 0;
                t->original = s;
                t->total = money_of(what == 'm' ? 1000 : what == 'r' ? 500 : 3000);
                ledgers_post(&l, t, POST_NEW);
            }
            if (ledgers_sql(&l, "SELECT held FROM member") != rows[i].held[k])
                fail_msg("%s, refund %d: held %lld", rows[i].order, k + 1,
                         (long long)ledgers_sql(&l, "SELECT held FROM member"));
        }
        ledgers_expect_reviews(&l, rows[i].reviews);
        ledgers_sound(&l);
        ledgers_close(&l);
    }
}

/* The till works out its refund by what it knows; what another gave back meanwhile it does not (I6). */
TEST(holds, a_tills_own_amount_given_back_is_compared_by_what_it_knew)
{
    open_new("");
    ledgers_member(&l, 7, 0);
    struct entry_id s = ledgers_sale(&l, 1, 7, "A 1 40.00", 1);
    for (uint32_t till = 2; till >= 1; till--) {
        struct txn *t = ledgers_entry(&l, till, TXN_REFUND, ledgers_day(2));
        t->original = s;
        t->total = money_of(50);
        t->points = points_of(till == 1); /* 39.50 earn 39: it takes 1 back; head office did so before */
        if (till == 2)
            t->pack_version = 0;
        ledgers_post(&l, t, POST_NEW);
    }
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM refund WHERE rated = 1 AND till = 1 AND clawed = 0"), 1);
    expect(39, 0, 0, "");
    ledgers_close(&l);
}

/* Anything in any order: no point is lost or made, what is set aside is what open holds say, and a hold pays
 * at most one sale. */
TEST(holds, whatever_happens_no_point_is_lost_or_made)
{
    int64_t redeemed_in_all = 0, late = 0;
    for (int round = 0; round < 8; round++) {
        struct entry_id holds[40];
        int64_t amounts[40], earned = 300;
        int count = 0;
        open_with(300);
        for (int32_t step = 0; step < 60; step++) {
            int32_t day = 2 + step / 15;
            int64_t now_s = ledgers_day(day) + step * 60;
            struct hold_wanted w = wanted(10 * (1 + test_below(6)), "");
            struct hold_view h;
            struct errmsg why;
            char name[16];
            int which = count ? (int)test_below((uint32_t)count) : -1;
            switch (test_below(6)) {
            case 0:
            case 1:
                snprintf(name, sizeof name, "n%d", count);
                w.name = name;
                w.terminal = 1 + test_below(2);
                if (count < 40 && books_hold(l.books, &w, now_s, &h, &why) == OK) {
                    holds[count] = h.entry;
                    amounts[count++] = points_n(h.points);
                }
                break;
            case 2:
            case 3:
                if (which >= 0)
                    (void)outcome(test_below(4) ? TXN_SALE : TXN_CANCEL, 1 + test_below(2), holds[which],
                                  amounts[which] - 10 * (int64_t)test_below(2) * (amounts[which] > 10), day);
                break;
            case 4:
                (void)release_due(now_s);
                break;
            case 5:
                ledgers_sale(&l, 2, 7, "A 1 20.00", day);
                earned += 20;
                break;
            }
        }
        int64_t redeemed = ledgers_sql(&l, "SELECT coalesce(sum(redeemed), 0) FROM sale");
        assert_int_equal(ledgers_sql(&l, "SELECT held + reserved FROM member WHERE member = 7"), earned - redeemed);
        assert_int_equal(ledgers_sql(&l, "SELECT reserved FROM member WHERE member = 7"),
                         ledgers_sql(&l, "SELECT coalesce(sum(amount), 0) FROM hold WHERE state = 0"));
        assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM sale WHERE redeemed > 0"),
                         ledgers_sql(&l, "SELECT count(*) FROM hold WHERE state IN (1, 3)"));
        redeemed_in_all += redeemed;
        late += ledgers_sql(&l, "SELECT count(*) FROM hold WHERE state = 3");
        ledgers_sound(&l);
        ledgers_close(&l);
    }
    assert_true(redeemed_in_all > 500);
    assert_true(late > 0);
}
