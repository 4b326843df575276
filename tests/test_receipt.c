/* test_receipt.c - what is on the paper.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/receipt.h"
#include "tests/packs.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

static struct txn t;
static struct receipt r;
static struct pack pack;

static void begin(enum txn_kind kind, const char *lines)
{
    memset(&t, 0, sizeof t);
    packs_make(&pack, "", "");
    t.kind = kind;
    t.id = (struct entry_id){7, 42};
    t.time_s = 1291192440; /* 2010-12-01T08:34 */
    t.pack_version = 1;
    snprintf(t.shop, sizeof t.shop, "LEEDS");
    t.line_count = packs_lines(t.lines, lines);
    for (int32_t i = 0; i < t.line_count; i++)
        assert_true(money_add(&t.total, t.total, t.lines[i].amount));
}

static void expect(const char *lines)
{
    char text[RECEIPT_LINES_MAX * RECEIPT_LINE_SIZE] = "";
    for (int i = 0; i < r.count; i++) {
        assert_true(strlen(r.lines[i]) <= RECEIPT_COLUMNS);
        sprintf(text + strlen(text), "%s\n", r.lines[i]);
    }
    for (char *at; (at = strstr(text, " \n"));) /* what is blank at the end is not looked at */
        memmove(at, at + 1, strlen(at));
    assert_string_equal(text, lines);
}

TEST(receipt, a_sale_shows_what_was_bought_what_points_paid_and_what_they_became)
{
    begin(TXN_SALE, "22423 1 12.75, a-very-long-sku-999 12 1.00");
    t.member = 12;
    t.points = points_of(10);
    t.redeemed = points_of(300);
    t.redeemed_value = money_of(300);
    t.commit = COMMIT_DONE;
    receipt_of(&r, &t, &pack, 40);
    expect("Test\n"
           "LEEDS                 2010-12-01\n"
           "Receipt                 T0007-42\n"
           "\n"
           "1 22423                12.75 GBP\n"
           "12 a-very-long-sku-999  1.00 GBP\n"
           "\n"
           "Total                  13.75 GBP\n"
           "paid with points        3.00 GBP\n"
           "to pay                 10.75 GBP\n"
           "\n"
           "Member                       M12\n"
           "Points redeemed              300\n"
           "Points earned                 10\n"
           "Points on the card            40\n");
}

TEST(receipt, without_a_member_there_is_nothing_about_points)
{
    begin(TXN_SALE, "A 2 10.00");
    receipt_of(&r, &t, NULL, -1); /* and without rules, minor units */
    expect("\n"
           "LEEDS                 2010-12-01\n"
           "Receipt                 T0007-42\n"
           "\n"
           "2 A                         1000\n"
           "\n"
           "Total                       1000\n");
}

TEST(receipt, a_refund_says_what_goes_back)
{
    begin(TXN_REFUND, "A 1 10.00");
    t.member = 12;
    t.points = points_of(9);
    t.redeemed = points_of(100);
    t.redeemed_value = money_of(100);
    receipt_of(&r, &t, &pack, -1);
    expect("Test\n"
           "LEEDS                 2010-12-01\n"
           "Refund                  T0007-42\n"
           "\n"
           "1 A                    10.00 GBP\n"
           "\n"
           "Total back             10.00 GBP\n"
           "of it in points         1.00 GBP\n"
           "in money                9.00 GBP\n"
           "\n"
           "Member                       M12\n"
           "Points given back            100\n"
           "Points taken back              9\n");
}

TEST(receipt, the_longest_bill_is_counted_where_it_is_not_printed)
{
    begin(TXN_SALE, "A 1 0.01");
    for (t.line_count = 0; t.line_count < TXN_LINES_MAX; t.line_count++)
        t.lines[t.line_count] = t.lines[0];
    t.member = UINT64_MAX;
    t.points = t.redeemed = points_of(INT64_MAX);
    t.redeemed_value = money_of(1);
    receipt_of(&r, &t, &pack, INT32_MAX);
    assert_true(r.count <= RECEIPT_LINES_MAX);
    assert_non_null(strstr(r.lines[4 + RECEIPT_ITEMS_MAX], "... and 362 lines more"));
}
