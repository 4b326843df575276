/* test_books.c - head office's books in a database: once, in any order, after a crash, and again from
 * the log.  The postings themselves are tried in test_ledger.c.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "tests/ledgers.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
