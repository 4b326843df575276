/* test_books.c - head office's books in a database: once, in any order, after a crash, and again from
 * the log.  The postings themselves are tried in test_ledger.c.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "tests/ledgers.h"
#include "tests/packs.h"
#include "tests/test.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct ledgers l;

#define EXPIRY_10 "\"expiry\": {\"kind\": \"rolling\", \"days\": 10}"
#define REDEEM "\"redeem\": {\"worth\": 1, \"min\": 1, \"step\": 1, \"max_share\": 1, \"offline_days\": 7}"
#define MAY_OWE "\"refund\": {\"may_owe\": true}"

TEST(books, a_purchase_is_posted_and_balances)
{
    ledgers_open(&l, "a", "", "");
    ledgers_member(&l, 7, 1);
    ledgers_sale(&l, 1, 7, "A 1 20.00", 2);
    ledgers_expect(&l, 7, 20, 0, 0, 0);
    ledgers_expect_reviews(&l, "");
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(books, the_same_entry_twice_counts_once)
{
    ledgers_open(&l, "a", "", "");
    ledgers_member(&l, 7, 1);
    ledgers_sale(&l, 1, 7, "A 1 20.00", 2);
    struct txn again = l.t;
    ledgers_post(&l, &again, POST_REPEATED);
    ledgers_expect(&l, 7, 20, 0, 0, 0);
    again.shop[0] = 'X';
    ledgers_post(&l, &again, POST_CONFLICT);
    ledgers_post(&l, &again, POST_CONFLICT);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM conflict"), 1);
    again.id.seq = 3;
    ledgers_post(&l, &again, POST_GAP);
    ledgers_expect(&l, 7, 20, 0, 0, 0);
    ledgers_sound(&l);
    ledgers_close(&l);
}

/* FloCafe#78: earn 100 that end on day 10, earn 50 that end on day 90, spend 80 on day 5.  On day 11 the
 * balance is 50: what was spent is not taken off a second time when the rest of its lot ends. */
static void flocafe(bool late)
{
    struct real_card c;
    struct txn_evidence done;
    ledgers_open(&l, "flo", "", EXPIRY_10 ", " REDEEM);
    ledgers_add_pack(&l, 2, "2011-01-02", "", "\"expiry\": {\"kind\": \"rolling\", \"days\": 89}, " REDEEM);
    ledgers_member(&l, 7, 0);
    ledgers_card(&l, &c, CARD_EV2, 1, 7, 0);
    struct txn *t = ledgers_entry(&l, 1, TXN_SALE, ledgers_day(0));
    t->member = 7;
    t->line_count = 1;
    snprintf(t->lines[0].sku, sizeof t->lines[0].sku, "A");
    t->lines[0].quantity = 1;
    t->lines[0].amount = t->total = money_of(10000);
    t->points = points_of(100);
    ledgers_post(&l, t, POST_NEW); /* ends on day 10 */
    t = ledgers_entry(&l, 1, TXN_SALE, ledgers_day(1));
    t->member = 7;
    t->pack_version = 2;
    t->line_count = 1;
    snprintf(t->lines[0].sku, sizeof t->lines[0].sku, "A");
    t->lines[0].quantity = 1;
    t->lines[0].amount = t->total = money_of(5000);
    t->points = points_of(50);
    ledgers_post(&l, t, POST_NEW); /* ends on day 90 */
    assert_int_equal(ledgers_load(&l, &c, 3, COMMIT_DONE, true), 150);
    ledgers_expect(&l, 7, 0, 150, 0, 0);
    if (late) {
        ledgers_run(&l, 11);
        ledgers_expect(&l, 7, -100, 150, 0, 0);
    }
    struct entry_id intent = ledgers_intent(&l, 2, &c, 7, 80, 5, true, &done);
    ledgers_outcome(&l, 2, TXN_SALE, &c, 7, intent, 80, COMMIT_DONE, &done, "A 1 0.80", 5);
    if (!late)
        ledgers_run(&l, 11);
    ledgers_expect(&l, 7, -20, 70, 0, 0);
    assert_int_equal(ledgers_load(&l, &c, 11, COMMIT_DONE, true), -20);
    ledgers_expect(&l, 7, 0, 50, 0, 0);
    assert_int_equal(c.purse, 50);
    ledgers_expect_reviews(&l, "");
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(books, what_was_spent_in_time_does_not_expire_as_well)
{
    flocafe(false);
}

TEST(books, a_redemption_that_arrives_after_the_expiry_run_was_in_time)
{
    flocafe(true);
}

/* Which points end next, and when: as the balance is shown. */
static void expect_next(int64_t points, int32_t day)
{
    struct errmsg why = {""};
    struct member_view m;
    assert_int_equal(books_member(l.books, 7, &m, &why), OK);
    assert_int_equal(m.next_expiry_day, day);
    assert_int_equal(points_n(m.next_expiry), points);
}

TEST(books, what_ends_next_is_told_and_after_it_the_one_that_follows)
{
    ledgers_open(&l, "next", "", EXPIRY_10);
    ledgers_member(&l, 7, 1);
    expect_next(0, DAY_NEVER);
    (void)ledgers_sale(&l, 1, 7, "A 1 100.00", 1);
    (void)ledgers_sale(&l, 1, 7, "A 1 50.00", 5);
    expect_next(100, LEDGERS_DAY_0 + 11);
    ledgers_adjust(&l, 7, -30, 6);
    expect_next(70, LEDGERS_DAY_0 + 11);
    ledgers_run(&l, 12);
    expect_next(50, LEDGERS_DAY_0 + 15);
    ledgers_run(&l, 16);
    expect_next(0, DAY_NEVER);
    ledgers_sound(&l);
    ledgers_close(&l);
}

/* ---- arrival: repeated, reordered ---- */

static struct txn script[64];
static int32_t script_count;

static void keep(void)
{
    assert_in_range(script_count, 0, 63);
    script[script_count++] = l.t;
}

/* Two cards of two members, three tills: sales, redemptions, one in doubt, refunds; made once, in the order
 * of the event, and posted only by play(). */
static void make_script(struct real_card *a, struct real_card *b)
{
    struct txn_evidence done;
    struct entry_id intent, sale;
    script_count = 0;
    sale = ledgers_sale(&l, 1, 7, "A 3 300.00", 3), keep();
    (void)ledgers_sale(&l, 2, 8, "A 1 40.00", 3), keep();
    intent = ledgers_intent(&l, 2, a, 7, 80, 4, true, &done), keep();
    (void)ledgers_outcome(&l, 2, TXN_SALE, a, 7, intent, 80, COMMIT_DONE, &done, "B 1 1.00", 4), keep();
    intent = ledgers_intent(&l, 3, a, 7, 30, 5, true, &done), keep(); /* the answer is lost */
    (void)ledgers_outcome(&l, 3, TXN_SALE, a, 7, intent, 30, COMMIT_DOUBT, NULL, "B 1 2.00", 5), keep();
    intent = ledgers_intent(&l, 1, a, 7, 20, 6, true, &done), keep(); /* names till 3's */
    (void)ledgers_outcome(&l, 1, TXN_SALE, a, 7, intent, 20, COMMIT_DONE, &done, "B 1 3.00", 6), keep();
    intent = ledgers_intent(&l, 3, b, 8, 10, 6, true, &done), keep();
    (void)ledgers_outcome(&l, 3, TXN_CANCEL, b, 8, intent, 10, COMMIT_DONE, &done, "", 6), keep();
    (void)ledgers_refund(&l, 3, sale, "A 1 100.00", 8), keep();
    (void)ledgers_refund(&l, 1, sale, "A 2 200.00", 9), keep();
}

static void open_script(struct real_card *a, struct real_card *b)
{
    ledgers_open(&l, "script", "", REDEEM ", " MAY_OWE);
    ledgers_member(&l, 7, 0);
    ledgers_member(&l, 8, 0);
    ledgers_card(&l, a, CARD_EV2, 1, 7, 0);
    ledgers_card(&l, b, CARD_EV2, 2, 8, 0);
    ledgers_adjust(&l, 7, 500, 1);
    ledgers_adjust(&l, 8, 50, 1);
    ledgers_load(&l, a, 2, COMMIT_DONE, true);
    ledgers_load(&l, b, 2, COMMIT_DONE, true);
}

TEST(books, batches_repeated_and_in_any_order_of_tills_give_the_same_balances)
{
    struct real_card a, b;
    open_script(&a, &b);
    make_script(&a, &b);
    /* 7: 500 + 300 earned + 1 + 2 + 3 on the small bills, less what points paid of them; see below */
    ledgers_sound(&l);
    char wanted[256], is[256];
    struct member_view m7, m8;
    for (int round = 0; round < 12; round++) {
        struct real_card c, d;
        int32_t next[4] = {0}, left = script_count;
        if (round) {
            ledgers_close(&l);
            remove(l.path);
            open_script(&c, &d);
            l.now_s = ledgers_day(20);
        }
        while (round && left) {
            uint32_t till = 1 + test_below(3);
            int32_t k = next[till];
            while (k < script_count && script[k].id.terminal != till)
                k++;
            if (k == script_count)
                continue;
            ledgers_post(&l, &script[k], POST_NEW);
            if (test_below(3) == 0) /* the acknowledgement was lost */
                ledgers_post(&l, &script[k], POST_REPEATED);
            next[till] = k + 1;
            left--;
        }
        assert_int_equal(books_member(l.books, 7, &m7, NULL), OK);
        assert_int_equal(books_member(l.books, 8, &m8, NULL), OK);
        snprintf(round ? is : wanted, sizeof is, "%lld %lld %lld %lld, %lld %lld %lld %lld",
                 (long long)points_n(m7.held), (long long)points_n(m7.on_cards),
                 (long long)points_n(m7.in_transit), (long long)points_n(m7.owed),
                 (long long)points_n(m8.held), (long long)points_n(m8.on_cards),
                 (long long)points_n(m8.in_transit), (long long)points_n(m8.owed));
        if (round)
            assert_string_equal(is, wanted);
        ledgers_expect_reviews(&l, "");
        ledgers_sound(&l);
    }
    /* 300 - 300 earned and taken back, 0 + 2 + 2 on the bills; 30 in doubt given back: held 34.
     * Card a: 500 - 80 - 30 - 20. */
    assert_string_equal(wanted, "34 370 0 0, 50 40 0 0");
    ledgers_close(&l);
}

/* ---- in doubt ---- */

TEST(books, a_debit_in_doubt_is_settled_by_head_offices_reading)
{
    for (int did = 0; did < 2; did++) {
        struct real_card c;
        struct txn_evidence done;
        struct card_view view;
        ledgers_open(&l, did ? "did" : "not", "", REDEEM);
        ledgers_member(&l, 7, 0);
        ledgers_card(&l, &c, did ? CARD_EV2 : CARD_EV1, 1, 7, 0);
        ledgers_adjust(&l, 7, 100, 1);
        ledgers_load(&l, &c, 2, COMMIT_DONE, true);
        struct entry_id intent = ledgers_intent(&l, 1, &c, 7, 40, 3, did, &done);
        ledgers_outcome(&l, 1, TXN_SALE, &c, 7, intent, 40, COMMIT_DOUBT, NULL, "A 1 9.00", 3);
        ledgers_expect(&l, 7, 9, 100, 0, 0); /* neither side books a reward */
        assert_int_equal(books_card(l.books, &c.uid, &view, NULL), OK);
        assert_true(entry_equal(view.open_intent, intent));
        assert_int_equal(ledgers_load(&l, &c, 4, COMMIT_DONE, true), did ? 49 : 9);
        ledgers_expect(&l, 7, 0, 109, 0, 0);
        assert_int_equal(c.purse, 109);
        assert_int_equal(books_card(l.books, &c.uid, &view, NULL), OK);
        assert_int_equal(view.open_intent.seq, 0);
        ledgers_expect_reviews(&l, "");
        ledgers_sound(&l);
        ledgers_close(&l);
        remove(l.path);
    }
}

TEST(books, a_load_in_doubt_is_settled_by_the_next_reading)
{
    for (int did = 0; did < 2; did++) {
        struct real_card c;
        ledgers_open(&l, did ? "did" : "not", "", REDEEM);
        ledgers_member(&l, 7, 0);
        ledgers_card(&l, &c, CARD_EV2, 1, 7, 0);
        ledgers_adjust(&l, 7, 100, 1);
        assert_int_equal(ledgers_load(&l, &c, 2, COMMIT_DOUBT, did), 100);
        ledgers_expect(&l, 7, 0, 0, 100, 0);
        ledgers_adjust(&l, 7, 5, 2);
        assert_int_equal(ledgers_load(&l, &c, 3, COMMIT_DONE, true), did ? 5 : 105);
        ledgers_expect(&l, 7, 0, 105, 0, 0);
        assert_int_equal(c.purse, 105);
        ledgers_sound(&l);
        ledgers_close(&l);
        remove(l.path);
    }
}

/* Load 9 is HQ-7 and load 7 is HQ-9: whoever takes one for the other finds the other card. */
TEST(books, loads_are_found_by_their_own_numbers_in_any_order_and_with_gaps)
{
    struct real_card a, b;
    struct txn_evidence done;
    uint32_t next = 0;
    ledgers_open(&l, "a", "", REDEEM);
    ledgers_member(&l, 7, 0);
    ledgers_member(&l, 8, 0);
    ledgers_card(&l, &a, CARD_EV2, 1, 7, 0);
    ledgers_card(&l, &b, CARD_EV2, 2, 8, 0);
    ledgers_adjust(&l, 7, 100, 1);
    ledgers_adjust(&l, 8, 50, 1);
    assert_int_equal(books_next_load(l.books, &next, NULL), OK);
    assert_int_equal(next, 1);
    l.load = 9;
    ledgers_load(&l, &a, 2, COMMIT_DOUBT, true);
    struct txn_evidence late = l.load_done;
    l.load = 7;
    ledgers_load(&l, &b, 2, COMMIT_DOUBT, true);
    assert_int_equal(ledgers_sql(&l, "SELECT seq FROM intent WHERE load AND number = 9"), 7);
    assert_int_equal(ledgers_sql(&l, "SELECT seq FROM intent WHERE load AND number = 7"), 9);
    ledgers_expect(&l, 7, 0, 0, 100, 0);
    ledgers_expect(&l, 8, 0, 0, 50, 0);
    /* the next commit on the first card names load 9 */
    struct entry_id intent = ledgers_intent(&l, 1, &a, 7, 10, 3, true, &done);
    ledgers_outcome(&l, 1, TXN_SALE, &a, 7, intent, 10, COMMIT_DONE, &done, "A 1 0.10", 3);
    ledgers_expect(&l, 7, 0, 90, 0, 0);
    ledgers_expect(&l, 8, 0, 0, 50, 0);
    assert_int_equal(ledgers_sql(&l, "SELECT number FROM card_tmc WHERE named"), 9);
    /* the answer of load 9 comes after all: it says the same */
    struct txn *t = &l.t;
    memset(t, 0, sizeof *t);
    t->kind = TXN_LOAD;
    t->card = a.uid;
    t->points = points_of(100);
    t->original = (struct entry_id){OFFICE_TERMINAL, 7};
    t->commit = COMMIT_DONE;
    t->evidence = late;
    ledgers_own(&l, t, ledgers_day(3));
    ledgers_expect(&l, 7, 0, 90, 0, 0);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM card_tmc WHERE named"), 0);
    /* head office reads load 7 in the log of the second */
    l.load = 0;
    assert_int_equal(books_next_load(l.books, &next, NULL), OK);
    assert_int_equal(next, 10);
    ledgers_adjust(&l, 8, 5, 3);
    assert_int_equal(ledgers_load(&l, &b, 4, COMMIT_DONE, true), 5);
    ledgers_expect(&l, 8, 0, 55, 0, 0);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM intent WHERE proof <> 2"), 0);
    assert_int_equal(ledgers_sql(&l, "SELECT max(number) FROM intent WHERE load"), 10);
    ledgers_expect_reviews(&l, "");
    ledgers_sound(&l);
    ledgers_close(&l);
}

/* A till can write any name on a card it meets. */
TEST(books, a_load_that_a_card_named_before_it_was_announced_is_not_believed)
{
    struct real_card c;
    struct txn_evidence done;
    ledgers_open(&l, "a", "", REDEEM);
    ledgers_member(&l, 7, 0);
    ledgers_card(&l, &c, CARD_EV2, 1, 7, 0);
    ledgers_load(&l, &c, 1, COMMIT_DONE, true);
    c.tmc++;
    c.last = (struct entry_id){OFFICE_TERMINAL, 2};
    struct entry_id intent = ledgers_intent(&l, 1, &c, 7, 0, 2, true, &done);
    ledgers_outcome(&l, 1, TXN_SALE, &c, 7, intent, 0, COMMIT_DONE, &done, "A 1 50.00", 2);
    assert_int_equal(ledgers_sql(&l, "SELECT number FROM card_tmc WHERE named"), 2);
    ledgers_load(&l, &c, 3, COMMIT_NOT_DONE, false);
    assert_int_equal(ledgers_sql(&l, "SELECT number FROM intent WHERE proof = 1"), 2);
    ledgers_expect(&l, 7, 50, 0, 0, 0);
    ledgers_expect_reviews(&l, "");
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(books, a_load_number_is_taken_once)
{
    struct real_card c;
    struct txn_evidence e;
    ledgers_open(&l, "a", "", REDEEM);
    ledgers_member(&l, 7, 0);
    ledgers_card(&l, &c, CARD_EV2, 1, 7, 0);
    ledgers_intent(&l, 3, &c, 7, 0, 1, false, &e); /* a till's first is no load 1 */
    ledgers_load(&l, &c, 2, COMMIT_NOT_DONE, false);
    struct txn *t = &l.t;
    memset(t, 0, sizeof *t);
    t->kind = TXN_LOAD_INTENT;
    t->card = c.uid;
    t->load = 1;
    t->evidence = e;
    assert_int_equal(books_post_own(l.books, t, ledgers_day(3), NULL), ERR_EXISTS);
    t->load = 2;
    assert_int_equal(books_post_own(l.books, t, ledgers_day(3), NULL), OK);
    ledgers_sound(&l);
    ledgers_close(&l);
}

/* Member 7 with a card that was loaded with 100 points on day 2. */
static void open_with_100_on_card(struct real_card *c, enum card_kind kind)
{
    ledgers_open(&l, "a", "", REDEEM);
    ledgers_member(&l, 7, 0);
    ledgers_card(&l, c, kind, 1, 7, 0);
    ledgers_adjust(&l, 7, 100, 1);
    ledgers_load(&l, c, 2, COMMIT_DONE, true);
}

/* The till's SALE is still on its way when head office sees on the card that it was debited. */
TEST(books, a_reading_before_the_sale_arrives_does_not_give_the_reward_back)
{
    struct real_card c;
    struct txn_evidence done;
    open_with_100_on_card(&c, CARD_EV2);
    struct entry_id intent = ledgers_intent(&l, 1, &c, 7, 40, 3, true, &done);
    assert_int_equal(ledgers_load(&l, &c, 4, COMMIT_DONE, true), 0);
    ledgers_expect(&l, 7, 0, 60, 40, 0);
    ledgers_outcome(&l, 1, TXN_SALE, &c, 7, intent, 40, COMMIT_DONE, &done, "A 1 1.00", 3);
    ledgers_expect(&l, 7, 0, 60, 0, 0);
    assert_int_equal(ledgers_sql(&l, "SELECT redeemed FROM sale"), 40);
    ledgers_expect_reviews(&l, "");
    ledgers_sound(&l);
    ledgers_close(&l);
}

/* ---- evidence ---- */

TEST(books, a_forged_or_borrowed_mac_redeems_nothing)
{
    struct real_card c;
    struct txn_evidence done, other;
    open_with_100_on_card(&c, CARD_EV2);
    struct entry_id one = ledgers_intent(&l, 1, &c, 7, 10, 3, true, &done);
    other = done;
    other.tmv[3] ^= 1;
    ledgers_outcome(&l, 1, TXN_SALE, &c, 7, one, 10, COMMIT_DONE, &other, "A 1 5.00", 3);
    ledgers_expect(&l, 7, 4, 100, 0, 0); /* 4.90 earned all the same */
    struct entry_id two = ledgers_intent(&l, 1, &c, 7, 10, 3, false, &other);
    ledgers_outcome(&l, 1, TXN_SALE, &c, 7, two, 10, COMMIT_DONE, &done, "A 1 5.00", 3);
    ledgers_expect(&l, 7, 8, 100, 0, 0);
    ledgers_expect_reviews(&l, "T0001-2 the card's evidence does not hold\n"
                               "T0001-4 the card's evidence does not hold\n");
    /* head office reads the card: the first was done, and its reward was given */
    assert_int_equal(ledgers_load(&l, &c, 4, COMMIT_DONE, true), 8);
    ledgers_expect(&l, 7, 0, 98, 0, 0);
    assert_int_equal(ledgers_sql(&l, "SELECT sum(redeemed) FROM sale"), 10);
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(books, a_missing_transaction_of_a_card_shows_as_a_gap)
{
    struct real_card c;
    struct txn_evidence done;
    open_with_100_on_card(&c, CARD_EV2);
    assert_int_equal(ledgers_sql(&l, "SELECT coalesce(sum(missing), 0) FROM tmc_gap"), 0);
    c.tmc += 2; /* two debits at a till that is cut off */
    c.purse -= 20;
    c.last = (struct entry_id){5, 2};
    struct entry_id intent = ledgers_intent(&l, 1, &c, 7, 10, 3, true, &done);
    ledgers_outcome(&l, 1, TXN_SALE, &c, 7, intent, 10, COMMIT_DONE, &done, "A 1 0.10", 3);
    /* the newest of the two is named by the card, the other is known to be missing */
    assert_int_equal(ledgers_sql(&l, "SELECT missing FROM tmc_gap"), 1);
    assert_int_equal(ledgers_sql(&l, "SELECT number FROM card_tmc WHERE named"), 2);
    struct card_seen seen;
    struct load_plan plan;
    ledgers_seen(&c, &seen);
    assert_int_equal(books_begin(l.books, NULL), OK);
    assert_int_equal(books_plan_load(l.books, &seen, ledgers_day(4), &plan, NULL), OK);
    books_rollback(l.books);
    assert_string_equal(plan.note, "the card shows 70 points, the books 90: a till has not sent everything");
    ledgers_sound(&l);
    ledgers_close(&l);
}

/* A till that has the card and its own key forges: an intent nobody commits, and a transaction of no points
 * under its number, with a record that tells of a debit.  Head office believes the card and gives the 40
 * back; but the purse shows them too, so they are not loaded a second time (I5). */
TEST(books, a_forged_debit_mints_nothing)
{
    struct real_card c;
    struct txn_evidence done;
    open_with_100_on_card(&c, CARD_EV2);
    struct entry_id intent = ledgers_intent(&l, 1, &c, 7, 40, 3, true, &done);
    c.purse += 40;
    memset(c.tmv, 9, sizeof c.tmv); /* that of the other transaction */
    ledgers_outcome(&l, 1, TXN_SALE, &c, 7, intent, 40, COMMIT_DOUBT, NULL, "A 1 0.50", 3);
    assert_int_equal(ledgers_load(&l, &c, 4, COMMIT_DONE, true), 0);
    assert_int_equal(c.purse, 100);
    ledgers_expect(&l, 7, 40, 60, 0, 0);
    assert_int_equal(ledgers_load(&l, &c, 5, COMMIT_DONE, true), 0);
    assert_int_equal(c.purse, 100);
    ledgers_close(&l);
}

TEST(books, a_transaction_of_an_ev1_card_claimed_twice_is_shown)
{
    struct real_card c;
    struct txn_evidence done;
    open_with_100_on_card(&c, CARD_EV1);
    for (uint32_t till = 1; till <= 2; till++) {
        struct entry_id intent = ledgers_intent(&l, till, &c, 7, 10, 3, till == 1, &done);
        if (till == 2)
            break;
        ledgers_outcome(&l, till, TXN_SALE, &c, 7, intent, 10, COMMIT_DONE, &done, "A 1 0.50", 3);
        c.tmc--;
    }
    ledgers_outcome(&l, 2, TXN_SALE, &c, 7, (struct entry_id){2, 1}, 10, COMMIT_DONE, &done, "A 1 0.50", 3);
    ledgers_expect_reviews(&l, "T0002-2 another entry has this transaction of the card\n");
    ledgers_close(&l);
}

/* The card is tapped again two days later, after its points ended: the debit was in time. */
TEST(books, the_day_of_a_debit_is_that_of_its_intent)
{
    struct real_card c;
    struct txn_evidence done;
    ledgers_open(&l, "a", "", EXPIRY_10 ", " REDEEM);
    ledgers_member(&l, 7, 0);
    ledgers_card(&l, &c, CARD_EV1, 1, 7, 0);
    ledgers_adjust(&l, 7, 100, 0); /* good until day 10 */
    ledgers_load(&l, &c, 2, COMMIT_DONE, true);
    struct entry_id intent = ledgers_intent(&l, 1, &c, 7, 40, 9, true, &done);
    ledgers_run(&l, 11);
    ledgers_expect(&l, 7, -100, 100, 0, 0);
    ledgers_outcome(&l, 1, TXN_SALE, &c, 7, intent, 40, COMMIT_DONE, &done, "A 1 0.40", 12);
    ledgers_expect(&l, 7, -60, 60, 0, 0);
    ledgers_sound(&l);
    ledgers_close(&l);
}

/* ---- refunds ---- */

TEST(books, points_that_ended_unused_are_not_taken_back_from_others)
{
    ledgers_open(&l, "a", "", EXPIRY_10 ", " MAY_OWE);
    ledgers_member(&l, 7, 0);
    struct entry_id sale = ledgers_sale(&l, 1, 7, "A 1 100.00", 0);
    ledgers_sale(&l, 1, 7, "A 1 30.00", 5);
    ledgers_run(&l, 11);
    ledgers_refund(&l, 2, sale, "A 1 100.00", 12);
    ledgers_expect(&l, 7, 30, 0, 0, 0);
    assert_int_equal(ledgers_sql(&l, "SELECT points FROM trial_balance WHERE account = 'expired'"), 0);
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(books, a_refund_that_comes_before_its_sale_waits_for_it)
{
    struct txn refund;
    ledgers_open(&l, "a", "", MAY_OWE);
    ledgers_member(&l, 7, 0);
    struct txn *t = ledgers_entry(&l, 2, TXN_REFUND, ledgers_day(4));
    t->original = (struct entry_id){1, 1};
    t->pack_version = 0;
    t->line_count = 1;
    snprintf(t->lines[0].sku, sizeof t->lines[0].sku, "A");
    t->lines[0].quantity = 1;
    t->lines[0].amount = t->total = money_of(1000);
    refund = *t;
    ledgers_post(&l, &refund, POST_NEW);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM waiting"), 1);
    ledgers_expect(&l, 7, 0, 0, 0, 0);
    ledgers_sale(&l, 1, 7, "A 3 30.00", 3);
    ledgers_expect(&l, 7, 20, 0, 0, 0);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM waiting"), 0);
    ledgers_post(&l, &refund, POST_REPEATED);
    ledgers_expect(&l, 7, 20, 0, 0, 0);
    ledgers_expect_reviews(&l, "");
    ledgers_sound(&l);
    ledgers_close(&l);
}

/* Square's users: ten refunds of 9.99 on steps of 10.00 never claw back.  Here they add up. */
TEST(books, partial_refunds_add_up_to_the_whole)
{
    ledgers_open(&l, "a", "", MAY_OWE);
    ledgers_member(&l, 7, 0);
    struct entry_id sale = ledgers_sale(&l, 1, 7, "A 10 99.90, B 1 0.55", 1);
    ledgers_expect(&l, 7, 100, 0, 0, 0);
    int64_t held = 100;
    for (int i = 0; i < 10; i++) {
        struct member_view m;
        ledgers_refund(&l, 2, sale, "A 1 9.99", 2 + i); /* at another till: no number of its own */
        assert_int_equal(books_member(l.books, 7, &m, NULL), OK);
        assert_in_range(held - points_n(m.held), 9, 11);
        held = points_n(m.held);
    }
    ledgers_expect(&l, 7, 0, 0, 0, 0);
    ledgers_refund(&l, 3, sale, "A 1 9.99", 20); /* an eleventh */
    ledgers_expect(&l, 7, 0, 0, 0, 0);
    ledgers_expect_reviews(&l, "T0003-1 goods came back that are not left on the bill\n");
    assert_int_equal(ledgers_sql(&l, "SELECT coalesce(sum(spend), 0) FROM metric_day"), 55);
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(books, a_tills_own_refund_is_compared_by_what_it_knew)
{
    ledgers_open(&l, "a", "", MAY_OWE);
    ledgers_member(&l, 7, 0);
    struct entry_id sale = ledgers_sale(&l, 1, 7, "A 3 31.00", 1);
    ledgers_refund(&l, 2, sale, "A 1 10.33", 2); /* elsewhere: till 1 does not know */
    for (int wrong = 0; wrong < 2; wrong++) {
        struct txn *t = ledgers_entry(&l, 1, TXN_REFUND, ledgers_day(3));
        t->original = sale;
        t->line_count = 1;
        snprintf(t->lines[0].sku, sizeof t->lines[0].sku, "A");
        t->lines[0].quantity = 1;
        t->lines[0].amount = t->total = money_of(1033);
        t->points = points_of(wrong ? 12 : 11); /* 31 - floor(20.67) = 11; then 20 - floor(10.34) = 10 */
        ledgers_post(&l, t, POST_NEW);
    }
    ledgers_expect(&l, 7, 0, 0, 0, 0);
    ledgers_expect_reviews(&l, "T0001-3 till and head office compute different points\n");
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM comparison"), 3);
    ledgers_close(&l);
}

/* ---- cards ---- */

TEST(books, a_replaced_card_loses_nothing_and_gains_nothing)
{
    struct real_card old, fresh;
    struct txn_evidence done;
    struct hot_card hot[4];
    int32_t count;
    uint32_t version;
    ledgers_open(&l, "a", "", REDEEM);
    ledgers_member(&l, 7, 0);
    ledgers_card(&l, &old, CARD_EV2, 1, 7, 0);
    ledgers_adjust(&l, 7, 100, 1);
    ledgers_load(&l, &old, 2, COMMIT_DONE, true);
    struct txn *t = &l.t;
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
    ledgers_expect(&l, 7, 100, 0, 0, 0);
    assert_int_equal(books_hot_since(l.books, 0, hot, 4, &count, &version, NULL), OK);
    assert_int_equal(count, 1);
    assert_true(uid_equal(&hot[0].uid, &old.uid));
    assert_int_equal(hot[0].status, CARD_REPLACED);
    assert_int_equal(books_hot_since(l.books, version, hot, 4, &count, &version, NULL), OK);
    assert_int_equal(count, 0);
    /* it was used offline, the day before it was lost; that comes now */
    struct entry_id intent = ledgers_intent(&l, 1, &old, 7, 30, 2, true, &done);
    ledgers_outcome(&l, 1, TXN_SALE, &old, 7, intent, 30, COMMIT_DONE, &done, "A 1 0.30", 2);
    ledgers_expect(&l, 7, 70, 0, 0, 0);
    assert_int_equal(ledgers_load(&l, &fresh, 4, COMMIT_DONE, true), 70);
    ledgers_expect(&l, 7, 0, 70, 0, 0);
    /* found again and put on a reader: emptied, and nobody is the richer */
    assert_int_equal(ledgers_load(&l, &old, 5, COMMIT_DONE, true), -70);
    assert_int_equal(old.purse, 0);
    ledgers_expect(&l, 7, 0, 70, 0, 0);
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(books, a_plan_follows_the_books_and_the_card)
{
    static const struct {
        int64_t held;
        int32_t purse;
        enum card_status status;
        int32_t delta;
        uint8_t flags;
    } rows[] = {
        {0, 50, CARD_ACTIVE, 0, 0},    {70, 50, CARD_ACTIVE, 70, 0},
        {-20, 50, CARD_ACTIVE, -20, 0}, {-80, 50, CARD_ACTIVE, -50, 0},
        {70, 50, CARD_BLOCKED, 0, 1},  {-20, 50, CARD_BLOCKED, -20, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct real_card c;
        struct card_seen seen;
        struct load_plan plan;
        ledgers_open(&l, "plan", "", REDEEM);
        ledgers_member(&l, 7, 0);
        ledgers_card(&l, &c, CARD_EV2, 1, 7, 0);
        ledgers_adjust(&l, 7, rows[i].purse, 1);
        ledgers_load(&l, &c, 2, COMMIT_DONE, true);
        if (rows[i].held)
            ledgers_adjust(&l, 7, rows[i].held, 3);
        if (rows[i].status != CARD_ACTIVE) {
            memset(&l.t, 0, sizeof l.t);
            l.t.kind = TXN_CARD;
            l.t.card = c.uid;
            l.t.card_status = rows[i].status;
            ledgers_own(&l, &l.t, ledgers_day(3));
        }
        ledgers_seen(&c, &seen);
        assert_int_equal(books_begin(l.books, NULL), OK);
        assert_int_equal(books_plan_load(l.books, &seen, ledgers_day(4), &plan, NULL), OK);
        assert_int_equal(plan.delta, rows[i].delta);
        assert_int_equal(plan.profile.flags, rows[i].flags);
        assert_int_equal(plan.profile.member, 7);
        assert_true(plan.needed);
        assert_string_equal(plan.note, "");
        /* once written, nothing is left to do */
        seen.profile = plan.profile;
        if (plan.delta == 0) {
            assert_int_equal(books_plan_load(l.books, &seen, ledgers_day(4), &plan, NULL), OK);
            assert_false(plan.needed);
        }
        books_rollback(l.books);
        ledgers_close(&l);
        remove(l.path);
    }
}

TEST(books, a_load_of_more_than_is_held_by_now_is_refused_before_the_card_is_touched)
{
    struct real_card c;
    ledgers_open(&l, "a", "", REDEEM);
    ledgers_member(&l, 7, 0);
    ledgers_card(&l, &c, CARD_EV2, 1, 7, 0);
    ledgers_adjust(&l, 7, 100, 1);
    struct txn *t = &l.t;
    memset(t, 0, sizeof *t);
    t->kind = TXN_LOAD_INTENT;
    t->card = c.uid;
    t->load = 1;
    t->points = points_of(101);
    t->evidence.kind = CARD_EV2;
    t->time_s = ledgers_day(2);
    assert_int_equal(books_post_own(l.books, t, t->time_s, NULL), ERR_STATE);
    ledgers_expect(&l, 7, 100, 0, 0, 0);
    ledgers_close(&l);
}

/* ---- the run ---- */

TEST(books, the_run_of_a_day_counts_once)
{
    ledgers_open(&l, "a", "", EXPIRY_10);
    ledgers_member(&l, 7, 0);
    ledgers_member(&l, 8, 0);
    ledgers_sale(&l, 1, 7, "A 1 20.00", 0);
    ledgers_sale(&l, 1, 7, "A 1 5.00", 1);
    ledgers_sale(&l, 1, 8, "A 1 3.00", 0);
    ledgers_run(&l, 10); /* the last good day */
    ledgers_expect(&l, 7, 25, 0, 0, 0);
    ledgers_run(&l, 11);
    ledgers_run(&l, 11);
    ledgers_run(&l, 9);
    ledgers_expect(&l, 7, 5, 0, 0, 0);
    ledgers_expect(&l, 8, 0, 0, 0, 0);
    assert_int_equal(ledgers_sql(&l, "SELECT points FROM trial_balance WHERE account = 'expired'"), 23);
    ledgers_sale(&l, 2, 7, "A 1 7.00", 0); /* late, and over */
    ledgers_expect(&l, 7, 5, 0, 0, 0);
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(books, a_cap_for_the_day_holds_across_tills_and_each_till_is_compared_by_what_it_knew)
{
    ledgers_open(&l, "a", "\"cap_per_day\": 50", "");
    ledgers_member(&l, 7, 0);
    ledgers_sale(&l, 1, 7, "A 1 40.00", 0);
    ledgers_sale(&l, 2, 7, "A 1 40.00", 0); /* 40 by what till 2 knows: no difference; 10 are posted */
    ledgers_expect(&l, 7, 50, 0, 0, 0);
    ledgers_refund(&l, 3, (struct entry_id){2, 1}, "A 1 40.00", 1); /* takes back what it was given */
    ledgers_expect(&l, 7, 40, 0, 0, 0);
    ledgers_expect_reviews(&l, "");
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(books, so_does_a_cap_for_the_month)
{
    ledgers_open(&l, "a", "\"cap_per_month\": 50", "");
    ledgers_member(&l, 7, 0);
    ledgers_sale(&l, 1, 7, "A 1 40.00", 1);
    ledgers_sale(&l, 2, 7, "A 1 40.00", 2); /* on another day: nothing but the month tells them apart */
    ledgers_expect(&l, 7, 50, 0, 0, 0);
    ledgers_expect_reviews(&l, "");
    ledgers_sound(&l);
    ledgers_close(&l);
}

#define SILVER_IN_30_DAYS                                                                          \
    "\"tiers\": {\"metric\": \"spend\", \"window\": \"rolling\", \"window_days\": 30,"           \
    " \"levels\": [{\"code\": \"bronze\", \"name\": \"Bronze\"}, {\"code\": \"silver\","          \
    " \"name\": \"Silver\", \"upgrade_at\": 10000}]}"

static void expect_tier(member_id member, const char *tier)
{
    struct member_view m;
    assert_int_equal(books_member(l.books, member, &m, NULL), OK);
    assert_string_equal(m.tier, tier);
}

TEST(books, a_tier_follows_what_lies_in_the_window_however_late_it_comes)
{
    ledgers_open(&l, "a", "", SILVER_IN_30_DAYS);
    l.now_s = ledgers_day(200);
    ledgers_member(&l, 7, 0);
    ledgers_member(&l, 8, 0);
    ledgers_sale(&l, 1, 7, "A 1 60.00", 100);
    ledgers_sale(&l, 2, 7, "A 1 60.00", 60); /* late, and too long before */
    expect_tier(7, "bronze");
    ledgers_sale(&l, 2, 7, "A 1 60.00", 80); /* late, and within */
    expect_tier(7, "silver");
    ledgers_sale(&l, 1, 8, "A 1 60.00", 60);
    ledgers_sale(&l, 1, 8, "A 1 60.00", 100);
    expect_tier(8, "bronze");
    ledgers_run(&l, 150);
    expect_tier(7, "bronze");
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM tier_history WHERE member = 7"), 3);
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(books, a_tier_on_the_card_is_renewed_before_it_lapses)
{
    struct real_card c;
    struct card_seen seen;
    struct load_plan plan;
    ledgers_open(&l, "a", "", SILVER_IN_30_DAYS);
    ledgers_member(&l, 7, 0);
    ledgers_card(&l, &c, CARD_EV2, 1, 7, 0);
    ledgers_sale(&l, 1, 7, "A 1 100.00", 0);
    ledgers_seen(&c, &seen);
    for (int day = 1; day < 400; day += 100) {
        assert_int_equal(books_begin(l.books, NULL), OK);
        assert_int_equal(books_plan_load(l.books, &seen, ledgers_day(day), &plan, NULL), OK);
        books_rollback(l.books);
        assert_string_equal(plan.profile.tier, "silver");
        assert_in_range(plan.profile.tier_valid_day - LEDGERS_DAY_0 - day, 183, 366);
        seen.profile = plan.profile;
    }
    ledgers_close(&l);
}

TEST(books, what_was_rolled_back_never_was)
{
    struct txn *t = &l.t;
    ledgers_open(&l, "a", "", EXPIRY_10);
    ledgers_member(&l, 7, 0);
    ledgers_sale(&l, 1, 7, "A 1 20.00", 0);
    assert_int_equal(books_begin(l.books, NULL), OK);
    memset(t, 0, sizeof *t);
    t->kind = TXN_RUN;
    t->day = LEDGERS_DAY_0 + 11;
    assert_int_equal(books_post_own(l.books, t, ledgers_day(11), NULL), OK);
    ledgers_add_pack(&l, 2, "2011-01-01", "", "");
    ledgers_expect(&l, 7, 0, 0, 0, 0);
    books_rollback(l.books);
    ledgers_expect(&l, 7, 20, 0, 0, 0);
    assert_int_equal(books_pack_on(l.books, LEDGERS_DAY_0)->version, 1);
    ledgers_run(&l, 11);
    ledgers_expect(&l, 7, 0, 0, 0, 0);
    ledgers_sound(&l);
    ledgers_close(&l);
}

/* ---- verify and replay ---- */

static char *check(bool replay, int *broken)
{
    char *text = NULL;
    size_t size = 0;
    struct errmsg why = {""};
    FILE *out = open_memstream(&text, &size);
    enum err e = replay ? books_replay(l.books, out, broken, &why) : books_verify(l.books, out, broken, &why);
    fclose(out);
    if (e)
        fail_msg("%s", why.text);
    return text;
}

/* A small world with a bit of everything. */
static void everything(const char *name)
{
    struct real_card c, d;
    struct txn_evidence done;
    ledgers_open(&l, name, "", EXPIRY_10 ", " REDEEM ", " MAY_OWE);
    ledgers_member(&l, 7, 0);
    ledgers_card(&l, &c, CARD_EV2, 1, 7, 0);
    ledgers_card(&l, &d, CARD_EV1, 2, 7, 0);
    struct entry_id sale = ledgers_sale(&l, 1, 7, "A 2 200.00", 0);
    ledgers_load(&l, &c, 1, COMMIT_DONE, true);
    struct entry_id intent = ledgers_intent(&l, 1, &c, 7, 80, 2, true, &done);
    ledgers_outcome(&l, 1, TXN_SALE, &c, 7, intent, 80, COMMIT_DONE, &done, "B 1 1.00", 2);
    ledgers_refund(&l, 2, sale, "A 1 100.00", 3);
    ledgers_sale(&l, 2, 7, "A 1 60.00", 5);
    ledgers_run(&l, 12);
}

TEST(books, verify_names_the_first_broken_row)
{
    static const struct {
        const char *damage, *line;
    } rows[] = {
        {"DROP TRIGGER posting_not_changed; UPDATE posting SET amount = amount + 1 WHERE account = 'issued'"
         " AND position = (SELECT position FROM entry WHERE terminal = 1 AND seq = 1)",
         "BROKEN  I1 every entry adds up to zero, for each member: 7 entries, 14 postings, 1 broken; first "
         "T0001-1: its postings for M7 add up to 1\n"},
        {"UPDATE lot SET left = left + 1 WHERE expires_day = 14975 + 15",
         "BROKEN  I1 lots less debt are a member's points in all places"},
        {"UPDATE lot SET left = left + 1 WHERE expires_day = 14975 + 15",
         "BROKEN  I1 lots are the sums of their moves: 5 moves, 1 broken; first M7: the lot of day 14990"},
        {"PRAGMA ignore_check_constraints = 1; UPDATE lot SET expired = -1 WHERE expires_day = 14975 + 10",
         "BROKEN  I1 nothing is negative that may not be"},
        {"UPDATE member SET held = held + 1", "BROKEN  I1 balances kept beside the postings are their sums"},
        {"UPDATE card SET purse = purse + 1 WHERE kind = 1",
         "BROKEN  I1 balances kept beside the postings are their sums"},
        {"DROP TRIGGER entry_not_deleted; DELETE FROM entry WHERE terminal = 1 AND seq = 2",
         "BROKEN  I2 every terminal's entries count from 1 without gap"},
        {"DROP TRIGGER entry_not_changed; UPDATE entry SET bytes = CAST(bytes || x'00' AS BLOB) WHERE terminal = 2 AND seq = 1",
         "BROKEN  the log is as it arrived, hash by hash: 11 entries, 1 broken; first T0002-1: the hash chain "
         "does not fit"},
        {"DROP TRIGGER entry_not_changed; UPDATE entry SET hash = zeroblob(32) WHERE terminal = 2 AND seq = 1",
         "BROKEN  the log is as it arrived, hash by hash"},
        {"UPDATE intent SET proved_by = position WHERE NOT load",
         "BROKEN  I4 every card commit has the card's evidence"},
        {"UPDATE sale SET redeemed = 81 WHERE redeemed = 80",
         "BROKEN  I4 what cards paid and head office set aside is what was redeemed"},
        {"UPDATE sale SET rated = rated + 1 WHERE terminal = 1 AND seq = 1",
         "BROKEN  I6 till and head office compute the same points: 3 compared, 1 differing, 1 broken; first "
         "T0001-1: the till says 200, head office 201"},
        {"UPDATE metric_day SET spend = spend - 1", "BROKEN  what counts for tiers is what the purchases say"},
        {"UPDATE member SET tier = 'gold'", "BROKEN  a member's tier is the newest of its history"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int broken;
        everything("verify");
        char *text = check(false, &broken);
        if (broken)
            fail_msg("sound books: %s", text);
        free(text);
        ledgers_exec(&l, rows[i].damage);
        text = check(false, &broken);
        if (!broken || !strstr(text, rows[i].line))
            fail_msg("row %zu: %d broken\n%s", i, broken, text);
        free(text);
        ledgers_close(&l);
        remove(l.path);
    }
}

TEST(books, a_replay_finds_every_derived_row_that_differs)
{
    static const struct {
        const char *damage, *line;
    } rows[] = {
        {"DROP TRIGGER posting_not_deleted; DELETE FROM posting WHERE position = 4 AND n = 1",
         "BROKEN  I7 posting: "},
        {"DROP TRIGGER lot_move_not_changed; UPDATE lot_move SET cause = 'claw' WHERE cause = 'expire'",
         "BROKEN  I7 lot_move: "},
        {"UPDATE member SET short_since_day = 5", "BROKEN  I7 member: "},
        {"INSERT INTO lot VALUES (7, 1, 0, 0)", "BROKEN  I7 lot: "},
        {"UPDATE tier_history SET why = 'x'", "BROKEN  I7 tier_history: "},
        {"DELETE FROM metric_day", "BROKEN  I7 metric_day: "},
        {"UPDATE card SET status = 2 WHERE kind = 1", "BROKEN  I7 card: "},
        {"DELETE FROM card_tmc WHERE tmc = 1", "BROKEN  I7 card_tmc: "},
        {"INSERT INTO hot SELECT 1, uid, 2, 3 FROM card WHERE kind = 1", "BROKEN  I7 hot: "},
        {"UPDATE intent SET how = 4 WHERE load", "BROKEN  I7 intent: "},
        {"UPDATE sale SET why = 'because' WHERE terminal = 1 AND seq = 1", "BROKEN  I7 sale: "},
        {"UPDATE sale_return SET quantity = 2", "BROKEN  I7 sale_return: "},
        {"UPDATE refund SET let_go = 1", "BROKEN  I7 refund: "},
        {"INSERT INTO waiting VALUES (5, 5, 5)", "BROKEN  I7 waiting: "},
        {"INSERT INTO review VALUES (5, 9, 7, 'a', 'b')", "BROKEN  I7 review: "},
        {"DELETE FROM run", "BROKEN  I7 run: "},
    };
    int broken;
    everything("replay");
    char *text = check(true, &broken);
    assert_int_equal(broken, 0);
    free(text);
    ledgers_close(&l);
    remove(l.path);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        everything("replay");
        ledgers_exec(&l, rows[i].damage);
        text = check(true, &broken);
        if (broken != 1 || !strstr(text, rows[i].line))
            fail_msg("row %zu: %d broken\n%s", i, broken, text);
        free(text);
        ledgers_close(&l);
        remove(l.path);
    }
}

TEST(books, a_replay_meets_the_packs_that_an_entry_could_meet)
{
    ledgers_open(&l, "a", "", "");
    ledgers_member(&l, 7, 0);
    ledgers_sale(&l, 1, 7, "A 1 20.00", 0);
    struct txn *t = ledgers_entry(&l, 1, TXN_SALE, ledgers_day(0));
    t->member = 7;
    t->pack_version = 2; /* not here yet */
    ledgers_post(&l, t, POST_NEW);
    ledgers_add_pack(&l, 2, "2011-01-01", "", EXPIRY_10);
    ledgers_sale(&l, 1, 7, "A 1 20.00", 0);
    ledgers_expect_reviews(&l, "T0001-2 head office does not have the pack it was rated by\n");
    ledgers_reopen(&l);
    ledgers_sound(&l);
    ledgers_close(&l);
}

/* ---- what is refused ---- */

TEST(books, the_log_and_the_postings_cannot_be_changed)
{
    everything("fixed");
    static const char *const tries[] = {
        "UPDATE entry SET seq = 99", "DELETE FROM entry",    "UPDATE posting SET amount = 1",
        "DELETE FROM posting",       "UPDATE lot_move SET left = 1", "DELETE FROM lot_move",
        "UPDATE pack SET version = 9", "DELETE FROM pack"};
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        sqlite3 *db;
        assert_int_equal(sqlite3_open(l.path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, tries[i], NULL, NULL, NULL), SQLITE_CONSTRAINT);
        sqlite3_close(db);
    }
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(books, a_person_can_be_erased_and_the_points_stay)
{
    struct person p = {.member = 7, .name = "Ada", .contact = "ada@example.org"};
    member_id next;
    ledgers_open(&l, "a", "", "");
    ledgers_member(&l, 7, 0);
    ledgers_sale(&l, 1, 7, "A 1 20.00", 1);
    assert_int_equal(books_save_person(l.books, &p, NULL), OK);
    assert_int_equal(books_person(l.books, 7, &p, NULL), OK);
    assert_string_equal(p.name, "Ada");
    assert_int_equal(books_next_member(l.books, &next, NULL), OK);
    assert_int_equal(next, 8);
    assert_int_equal(books_erase_person(l.books, 7, NULL), OK);
    assert_int_equal(books_person(l.books, 7, &p, NULL), ERR_NOT_FOUND);
    ledgers_expect(&l, 7, 20, 0, 0, 0);
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(books, a_pack_is_published_once)
{
    static const char text[] = "{\"version\": 1, \"effective\": \"2011-01-01\", \"name\": \"Test\", "
                               "\"currency\": \"GBP\", \"earn\": {\"rate\": \"2/100\"}}";
    struct pack pack;
    uint8_t json_bytes[4096], sign_bytes[64];
    struct buf json = BUF_ON(json_bytes), sign = BUF_ON(sign_bytes);
    uint32_t found;
    ledgers_open(&l, "a", "", "");
    assert_int_equal(books_pack_after(l.books, 0, &found, &json, &sign, NULL), OK);
    assert_int_equal(found, 1);
    assert_int_equal(pack_read(&pack, (const char *)json_bytes, json.size, "x", NULL), OK);
    assert_int_equal(books_add_pack(l.books, &pack, buf_bytes(&json), buf_bytes(&sign), NULL), ERR_EXISTS);
    assert_int_equal(books_add_pack(l.books, &pack, bytes_of(text, sizeof text - 1), buf_bytes(&sign), NULL),
                     ERR_CONFLICT);
    assert_int_equal(books_pack_after(l.books, 1, &found, &json, &sign, NULL), ERR_NOT_FOUND);
    ledgers_close(&l);
}

/* ---- people ---- */

static bool file_has(const char *path, const char *word)
{
    static char room[1 << 21];
    FILE *f = fopen(path, "rb");
    size_t size = f ? fread(room, 1, sizeof room, f) : 0;
    if (f)
        fclose(f);
    assert_true(size < sizeof room);
    return memmem(room, size, word, strlen(word)) != NULL;
}

TEST(books, an_erased_name_is_in_no_file_even_while_others_have_the_books_open)
{
    struct books *office;
    struct person p = {.member = 7, .name = "Ada Lovelace", .contact = "ada@example.org"};
    char wal[520];
    ledgers_open(&l, "a", "", "");
    ledgers_member(&l, 7, 0);
    assert_int_equal(books_open(&office, l.path, &l.keys, NULL), OK);
    snprintf(wal, sizeof wal, "%s-wal", l.path);
    assert_int_equal(books_save_person(l.books, &p, NULL), OK);
    assert_true(file_has(wal, "Lovelace"));
    snprintf(p.name, sizeof p.name, "Ada King");
    assert_int_equal(books_save_person(office, &p, NULL), OK);
    assert_int_equal(books_erase_person(l.books, 7, NULL), OK);
    static const char *const words[] = {"Lovelace", "Ada King", "ada@example"};
    for (size_t i = 0; i < 3; i++) {
        assert_false(file_has(l.path, words[i]));
        assert_false(file_has(wal, words[i]));
    }
    assert_int_equal(books_person(office, 7, &p, NULL), ERR_NOT_FOUND);
    books_close(office);
    ledgers_close(&l);
}

/* ---- books of the schemas before ---- */

/* What an earlier program left: its tables, and of their contents what is the truth. */
static void make_old(const char *path, int schema)
{
    char sql[1200], file[64], *error = NULL;
    size_t size;
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    snprintf(file, sizeof file, "tests/data/office_%d.sql", schema);
    if (sqlite3_exec(db, packs_file(file, &size), NULL, NULL, &error) != SQLITE_OK)
        fail_msg("%s", error);
    snprintf(sql, sizeof sql,
             "ATTACH '%s' AS new; INSERT INTO entry SELECT * FROM new.entry; INSERT INTO pack SELECT * FROM new.pack;"
             "INSERT INTO terminal (terminal, shop) VALUES (1, 'LEEDS');"
             "INSERT INTO person (member, name) VALUES (7, 'Ada');"
             "INSERT INTO conflict VALUES (5, 1, 2, 3, x'08');"
             "INSERT INTO member (member, position, tier, short_since_day, last_day, held, transit, owed%s)"
             " SELECT member, position, tier, short_since_day, last_day, held, transit, owed%s"
             " FROM new.member", l.path, schema >= 3 ? ", enrolled_day" : "", schema >= 3 ? ", enrolled_day" : "");
    if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
        fail_msg("%s", error);
    if (schema >= 2 &&
        sqlite3_exec(db,
                     "INSERT INTO pin VALUES (7, zeroblob(16), zeroblob(32), 2, 9);"
                     "INSERT INTO known VALUES (zeroblob(16), 6, x'', 7);"
                     "INSERT INTO staff VALUES (1, 4, 'Ann', 1, 'en', zeroblob(16), zeroblob(32), NULL, 5, 6);"
                     "INSERT INTO sun_tag VALUES (zeroblob(7), 12, 1, 99);"
                     "INSERT INTO code_used VALUES (zeroblob(11), 1, 98, 99);"
                     "UPDATE terminal SET orders = 5, entries = 77;"
                     "UPDATE person SET phone = '+44123', consent_s = 8",
                     NULL, NULL, &error) != SQLITE_OK)
        fail_msg("%s", error);
    if (schema >= 2) /* a later one, with tables of other parts: some begin with rows, one may have no gaps */
        for (size_t i = 0; i < 2; i++)
            if (sqlite3_exec(db, packs_file(i ? "db/care.sql" : "db/console.sql", &size), NULL, NULL, &error) != SQLITE_OK)
                fail_msg("%s", error);
    if (schema >= 2 &&
        sqlite3_exec(db,
                     "INSERT INTO audit VALUES (1, 9, 0, '', 0, 'a', '', 0, 'done', '', '', zeroblob(32));"
                     "INSERT INTO audit VALUES (2, 9, 0, '', 0, 'b', '', 0, 'done', '', '', zeroblob(32));"
                     "INSERT INTO audit VALUES (3, 9, 0, '', 0, 'c', '', 0, 'done', '', '', zeroblob(32));"
                     "UPDATE care_setting SET value = '21' WHERE name = 'contact_days';"
                     "DELETE FROM care_setting WHERE name = 'contact_most'",
                     NULL, NULL, &error) != SQLITE_OK)
        fail_msg("%s", error);
    sqlite3_close(db);
}

TEST(books, the_books_of_each_schema_before_are_taken_over_by_posting_their_log_again)
{
    struct errmsg why;
    struct person p;
    struct member_view before, after;
    char old[300], kept[310];
    int64_t entries, differing;
    for (int schema = 1; schema <= 3; schema++) {
        snprintf(kept, sizeof kept, "new%d", schema);
        everything(kept);
        assert_int_equal(books_member(l.books, 7, &before, &why), OK);
        int64_t in_log = ledgers_sql(&l, "SELECT count(*) FROM entry");
        assert_int_equal(books_upgrade(l.path, &l.keys, &entries, &differing, &why), ERR_STATE);
        ledgers_close(&l);
        snprintf(old, sizeof old, "%s/old%d.db", test_scratch_dir(), schema);
        snprintf(kept, sizeof kept, "%s.old", old);
        make_old(old, schema);
        snprintf(l.path, sizeof l.path, "%s", old);
        assert_int_equal(books_open(&l.books, old, &l.keys, &why), ERR_CORRUPT);
        assert_non_null(strstr(why.text, "patronctl upgrade takes it over"));
        l.books = NULL;
        if (books_upgrade(old, &l.keys, &entries, &differing, &why))
            fail_msg("%s", why.text);
        assert_int_equal(entries, in_log);
        assert_int_equal(differing, 0);
        ledgers_reopen(&l);
        assert_int_equal(books_member(l.books, 7, &after, &why), OK);
        assert_memory_equal(&before, &after, sizeof before);
        assert_int_equal(books_person(l.books, 7, &p, &why), OK);
        assert_string_equal(p.name, "Ada");
        assert_string_equal(p.phone, schema == 1 ? "" : "+44123");
        assert_int_equal(ledgers_sql(&l, "SELECT shop = 'LEEDS' FROM terminal"), 1);
        assert_int_equal(ledgers_sql(&l, "SELECT id * 100 + length(bytes) FROM conflict"), 501);
        if (schema >= 2)
            assert_int_equal(ledgers_sql(&l, "SELECT (SELECT wrong FROM pin) * 10000 + (SELECT member FROM known) * 1000"
                                             " + (SELECT version FROM staff) * 100 + (SELECT counter FROM sun_tag) * 10"
                                             " + (SELECT count(*) FROM code_used) + (SELECT orders + entries FROM terminal)"),
                             2 * 10000 + 7 * 1000 + 4 * 100 + 12 * 10 + 1 + 82);
        if (schema >= 2) {
            assert_int_equal(ledgers_sql(&l, "SELECT group_concat(operation, '') = 'abc' FROM audit"), 1);
            assert_int_equal(ledgers_sql(&l, "SELECT value FROM care_setting WHERE name = 'contact_days'"), 21);
            assert_int_equal(ledgers_sql(&l, "SELECT value FROM care_setting WHERE name = 'contact_most'"), 2);
        }
        ledgers_sound(&l);
        ledgers_close(&l);
        assert_int_equal(access(kept, F_OK), 0);
        assert_int_equal(books_upgrade(old, &l.keys, &entries, &differing, &why), ERR_STATE);
        assert_int_equal(rename(kept, old), 0);
        ledgers_exec(&l, "DROP TRIGGER entry_not_changed; UPDATE entry SET bytes = x'08' WHERE position = 3");
        assert_int_not_equal(books_upgrade(old, &l.keys, &entries, &differing, &why), OK); /* and nothing changed */
        assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM entry"), in_log);
        assert_int_equal(ledgers_sql(&l, "SELECT user_version FROM pragma_user_version"), schema);
    }
    l.path[0] = 0;
}

/* ---- db/examples ---- */

/* The examples say over a small world what is in the file beside them. */
TEST(books, the_example_queries_say_what_their_out_files_say)
{
    static const char *const names[] = {"where_the_points_are", "one_member", "what_is_open"};
    struct real_card c;
    struct txn_evidence done;
    everything("examples");
    ledgers_card(&l, &c, CARD_EV2, 3, 7, 12);
    ledgers_adjust(&l, 7, 100, 12);
    ledgers_load(&l, &c, 12, COMMIT_DONE, true);
    ledgers_intent(&l, 3, &c, 7, 25, 13, true, &done);
    c.tmc++; /* a transaction of a till that is cut off */
    c.last = (struct entry_id){5, 1};
    struct entry_id intent = ledgers_intent(&l, 2, &c, 7, 5, 14, true, &done);
    ledgers_outcome(&l, 2, TXN_SALE, &c, 7, intent, 5, COMMIT_DONE, &done, "A 1 1.00", 14);
    ledgers_refund(&l, 2, (struct entry_id){4, 1}, "A 1 1.00", 14);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        ledgers_example(&l, names[i]);
    ledgers_sound(&l);
    ledgers_close(&l);
}
