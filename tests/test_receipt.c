/* test_receipt.c - what is on the paper.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "base/tr.h"
#include "terminal/paper/receipt.h"
#include "tests/packs.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

static struct txn t;
static struct receipt r;
static struct pack pack;
static struct receipt_facts f;

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
    f = (struct receipt_facts){.txn = &t,
                               .pack = &pack,
                               .columns = RECEIPT_NARROW,
                               .balance = points_of(-1),
                               .purse = points_of(-1),
                               .why = ""};
}

static void sell(const char *lines)
{
    begin(TXN_SALE, lines);
    t.member = 12;
    t.cashier = 3;
    t.points = points_of(10);
    t.redeemed = points_of(300);
    t.redeemed_value = money_of(300);
    t.commit = COMMIT_DONE;
    f.balance = points_of(50);
    f.purse = points_of(40);
    f.expiring = points_of(25);
    assert_int_equal(day_parse(&f.expiring_day, "2011-03-31"), OK);
    f.why = "10.75 GBP x 1/100 = 10";
}

/* No line is too wide; blanks at the end are not looked at. */
static void expect(const char *lines)
{
    char text[RECEIPT_LINES_MAX * RECEIPT_LINE_SIZE] = "";
    receipt_of(&r, &f);
    for (int i = 0; i < r.count; i++) {
        uint32_t style = r.lines[i].style;
        assert_true(receipt_columns(r.lines[i].text) * (style & RECEIPT_BIG ? 2 : 1) <= f.columns);
        sprintf(text + strlen(text), "%s%s%s%s%s\n", style & RECEIPT_CENTRED ? "^" : "",
                style & RECEIPT_BIG ? "##" : "", style & RECEIPT_BOLD ? "**" : "",
                style & RECEIPT_QR ? "QR " : "", r.lines[i].text);
    }
    for (char *at; (at = strstr(text, " \n"));)
        memmove(at, at + 1, strlen(at));
    assert_string_equal(text, lines);
}

TEST(receipt, a_sale_shows_what_was_bought_what_points_paid_and_what_they_became)
{
    sell("22423 1 12.75, a-very-long-sku-999 12 1.00");
    expect("^**Test\n"
           "LEEDS           2010-12-01 08:34\n"
           "Receipt                 T0007-42\n"
           "Cashier                        3\n"
           "\n"
           "1 22423                12.75 GBP\n"
           "12 a-very-long-sku-999  1.00 GBP\n"
           "\n"
           "**Total                  13.75 GBP\n"
           "paid with points        3.00 GBP\n"
           "to pay                 10.75 GBP\n"
           "\n"
           "Member                       M12\n"
           "Points redeemed              300\n"
           "Points earned                 10\n"
           "Points balance                50\n"
           "of it on the card             40\n"
           "25 points end after 2011-03-31\n"
           "\n"
           "10.75 GBP x 1/100 = 10\n"
           "\n"
           "^QR T0007-42\n");
}

TEST(receipt, in_chinese_a_character_takes_two_columns)
{
    sell("22423 1 12.75, 咖啡 2 1.00");
    f.copy = true;
    snprintf(t.shop, sizeof t.shop, "利兹");
    assert_true(tr_use("zh"));
    expect("^##副本\n"
           "^**Test\n"
           "利兹            2010-12-01 08:34\n"
           "小票                    T0007-42\n"
           "收银员                         3\n"
           "\n"
           "1 22423                12.75 GBP\n"
           "2 咖啡                  1.00 GBP\n"
           "\n"
           "**合计                   13.75 GBP\n"
           "积分抵扣                3.00 GBP\n"
           "应付                   10.75 GBP\n"
           "\n"
           "会员                         M12\n"
           "使用积分                     300\n"
           "获得积分                      10\n"
           "积分余额                      50\n"
           "其中卡内                      40\n"
           "25积分有效期至2011-03-31\n"
           "\n"
           "10.75 GBP x 1/100 = 10\n"
           "\n"
           "^QR T0007-42\n");
    assert_true(tr_use("en"));
}

TEST(receipt, wider_paper_has_the_right_edge_further_out)
{
    sell("22423 1 12.75");
    t.member = 0;
    t.points = t.redeemed = points_of(0);
    f.columns = RECEIPT_WIDE;
    expect("^**Test\n"
           "LEEDS                           2010-12-01 08:34\n"
           "Receipt                                 T0007-42\n"
           "Cashier                                        3\n"
           "\n"
           "1 22423                                12.75 GBP\n"
           "\n"
           "**Total                                  12.75 GBP\n"
           "paid with points                        3.00 GBP\n"
           "to pay                                  9.75 GBP\n"
           "\n"
           "^QR T0007-42\n");
}

TEST(receipt, without_a_member_there_is_nothing_about_points)
{
    begin(TXN_SALE, "A 2 10.00");
    f.pack = NULL; /* and without rules, minor units */
    expect("LEEDS           2010-12-01 08:34\n"
           "Receipt                 T0007-42\n"
           "\n"
           "2 A                         1000\n"
           "\n"
           "**Total                       1000\n"
           "\n"
           "^QR T0007-42\n");
}

TEST(receipt, of_a_member_that_head_office_has_still_to_find_it_shows_the_points_without_a_number)
{
    begin(TXN_SALE, "A 1 10.00");
    t.token[3] = 1;
    t.points = points_of(10);
    expect("^**Test\n"
           "LEEDS           2010-12-01 08:34\n"
           "Receipt                 T0007-42\n"
           "\n"
           "1 A                    10.00 GBP\n"
           "\n"
           "**Total                  10.00 GBP\n"
           "\n"
           "Points earned                 10\n"
           "\n"
           "^QR T0007-42\n");
}

TEST(receipt, of_one_who_became_a_member_in_this_sale_it_shows_the_points_too)
{
    begin(TXN_SALE, "A 1 10.00");
    t.points = points_of(10);
    f.balance = points_of(10);
    f.purse = points_of(0);
    expect("^**Test\n"
           "LEEDS           2010-12-01 08:34\n"
           "Receipt                 T0007-42\n"
           "\n"
           "1 A                    10.00 GBP\n"
           "\n"
           "**Total                  10.00 GBP\n"
           "\n"
           "Points earned                 10\n"
           "Points balance                10\n"
           "of it on the card              0\n"
           "\n"
           "^QR T0007-42\n");
}

TEST(receipt, a_refund_says_what_goes_back)
{
    begin(TXN_REFUND, "A 1 10.00");
    t.member = 12;
    t.points = points_of(9);
    t.redeemed = points_of(100);
    t.redeemed_value = money_of(100);
    expect("^**Test\n"
           "LEEDS           2010-12-01 08:34\n"
           "Refund                  T0007-42\n"
           "\n"
           "1 A                    10.00 GBP\n"
           "\n"
           "**Total back             10.00 GBP\n"
           "of it in points         1.00 GBP\n"
           "in money                9.00 GBP\n"
           "\n"
           "Member                       M12\n"
           "Points given back            100\n"
           "Points taken back              9\n"
           "\n"
           "^QR T0007-42\n");
}

TEST(receipt, a_refund_of_another_tills_sale_does_not_say_what_only_head_office_knows)
{
    begin(TXN_REFUND, "A 1 10.00");
    t.original = (struct entry_id){8, 1};
    expect("^**Test\n"
           "LEEDS           2010-12-01 08:34\n"
           "Refund                  T0007-42\n"
           "\n"
           "1 A                    10.00 GBP\n"
           "\n"
           "**Total back             10.00 GBP\n"
           "\n"
           "Points of the sale: worked out\n"
           "by head office.\n"
           "\n"
           "^QR T0007-42\n");
}

TEST(receipt, a_training_one_says_so_first_and_last_and_has_neither_number_nor_code)
{
    begin(TXN_SALE, "A 1 10.00");
    f.training = true;
    expect("^##TRAINING - NOT\n"
           "^##VALID\n"
           "^**Test\n"
           "LEEDS           2010-12-01 08:34\n"
           "Receipt                        -\n"
           "\n"
           "1 A                    10.00 GBP\n"
           "\n"
           "**Total                  10.00 GBP\n"
           "\n"
           "^##TRAINING - NOT\n"
           "^##VALID\n");
}

TEST(receipt, a_long_reason_is_broken_at_blanks_or_after_a_chinese_character)
{
    begin(TXN_SALE, "A 1 10.00");
    t.member = 12;
    f.why =
        "10.00 GBP x 1/100 x 3/2 (double Friday) x 2 (gold)=30以及周五双倍积分和金卡会员双倍积分 "
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    receipt_of(&r, &f);
    int first = r.count - 6;
    assert_string_equal(r.lines[first - 1].text, "10.00 GBP x 1/100 x 3/2 (double");
    assert_string_equal(r.lines[first].text, "Friday) x 2 (gold)=30以及周五双");
    assert_string_equal(r.lines[first + 1].text, "倍积分和金卡会员双倍积分");
    assert_string_equal(r.lines[first + 2].text, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    assert_string_equal(r.lines[first + 3].text, "aaaa");
}

TEST(receipt, the_longest_bill_is_counted_where_it_is_not_printed)
{
    for (int zh = 0; zh < 2; zh++) {
        char why[RULES_WHY_SIZE];
        begin(TXN_SALE, "会员会员会 1 0.01");
        for (t.line_count = 0; t.line_count < TXN_LINES_MAX; t.line_count++)
            t.lines[t.line_count] = t.lines[0];
        t.member = UINT64_MAX;
        t.cashier = UINT32_MAX;
        t.points = t.redeemed = f.balance = f.purse = f.expiring = points_of(INT64_MAX);
        t.redeemed_value = money_of(1);
        memset(why, 'a', sizeof why);
        why[sizeof why - 1] = 0;
        f.why = why;
        f.copy = f.training = true;
        f.columns = zh ? RECEIPT_WIDE : RECEIPT_NARROW;
        f.expiring_day = DAY_NEVER - 1;
        assert_true(tr_use(zh ? "zh" : "en"));
        receipt_of(&r, &f);
        assert_true(tr_use("en"));
        assert_true(r.count <= RECEIPT_LINES_MAX);
        int found = 0;
        for (int i = 0; i < r.count; i++)
            found += strstr(r.lines[i].text, zh ? "另有362行" : "... and 362 lines more") != NULL;
        assert_int_equal(found, 1);
    }
}
