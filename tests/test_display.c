/* test_display.c - what a member sees: reduced from a till's view, as a line of JSON, and drawn.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/tr.h"
#include "terminal/display/display_state.h"
#include "tests/packs.h"
#include "tests/test.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

static struct till_view v;
static struct txn bill;
static struct pack pack;
static struct display_state s;
static struct canvas canvas;

/* Anna of the gold tier, who has 340 points on the card and 10 on their way, and a bill of 20.00. */
static void begin(enum sale_state state)
{
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    packs_make(&pack, "", "");
    memset(&v, 0, sizeof v);
    memset(&bill, 0, sizeof bill);
    v.state = state;
    v.pack = &pack;
    v.selling = true;
    v.terminal = 7;
    snprintf(v.shop, sizeof v.shop, "LEEDS");
    snprintf(v.language, sizeof v.language, "en");
    bill.line_count = 1;
    bill.total = money_of(2000);
    v.bill = &bill;
    v.means = MEANS_CARD;
    v.member = 12;
    v.told = true;
    snprintf(v.name, sizeof v.name, "Anna");
    snprintf(v.tier, sizeof v.tier, "%s", pack.tiers[0].code);
    snprintf(v.next_tier, sizeof v.next_tier, "gold");
    snprintf(v.suggestion, sizeof v.suggestion, "Say that she was missed.");
    v.flags = TAPPED_AT_RISK;
    v.missing = 5000;
    v.counted = money_of(2000);
    v.purse = points_of(340);
    v.pending = points_of(10);
    v.earns = points_of(20);
    v.due = bill.total;
}

static void redeem(int64_t points)
{
    v.redeemed = points_of(points);
    v.redeemed_value = money_of(points);
    v.due = money_of(2000 - points);
}

static void finish(int64_t earned, int64_t redeemed)
{
    v.state = SALE_DONE;
    v.redeemed = points_of(0);
    v.purse = points_of(340 - redeemed);
    v.last = (struct sale_receipt){.kind = TXN_SALE,
                                   .entry = {7, 42},
                                   .member = 12,
                                   .total = money_of(2000),
                                   .by_points = money_of(redeemed),
                                   .due = money_of(2000 - redeemed),
                                   .earned = points_of(earned),
                                   .redeemed = points_of(redeemed)};
}

/* The state goes over the line before it is drawn, as it does in life. */
static void over_the_line(void)
{
    char line[DISPLAY_JSON_MAX];
    struct display_state back;
    struct errmsg why = {""};
    assert_int_equal(display_encode(line, &s, &why), OK);
    assert_int_equal(line[strlen(line) - 1], '\n');
    line[strlen(line) - 1] = 0;
    assert_null(strchr(line, '\n'));
    if (display_decode(&back, line, &why))
        fail_msg("%s: %s", why.text, line);
    assert_true(display_state_equal(&s, &back));
}

static void put_utf8(char *out, uint32_t c)
{
    if (c < 0x80)
        sprintf(out, "%c", (char)c);
    else if (c < 0x800)
        sprintf(out, "%c%c", (char)(0xc0 | c >> 6), (char)(0x80 | (c & 0x3f)));
    else
        sprintf(out, "%c%c%c", (char)(0xe0 | c >> 12), (char)(0x80 | (c >> 6 & 0x3f)),
                (char)(0x80 | (c & 0x3f)));
}

/* Rows that have something in them, without the blanks around it. */
static void expect_drawn(int rows, int columns, int digits, const char *expected)
{
    char text[CANVAS_ROWS_MAX * CANVAS_COLUMNS_MAX] = "";
    over_the_line();
    canvas.rows = rows;
    canvas.columns = columns;
    assert_true(tr_use(s.language));
    display_draw(&s, digits, &canvas);
    assert_true(tr_use("en"));
    assert_int_equal(canvas.overlaps, 0);
    for (int row = 0; row < rows; row++) {
        char line[CANVAS_COLUMNS_MAX * 4] = "";
        for (int column = 0; column < columns; column++) {
            const struct cell *cell = canvas_at(&canvas, row, column);
            if (cell->character)
                put_utf8(line + strlen(line), cell->character);
        }
        char *from = line + strspn(line, " ");
        while (*from && from[strlen(from) - 1] == ' ')
            from[strlen(from) - 1] = 0;
        if (*from)
            sprintf(text + strlen(text), "%s\n", from);
    }
    assert_string_equal(text, expected);
}

static void expect(const char *expected)
{
    display_state_of(&s, &v, 0);
    expect_drawn(24, 80, 0, expected);
}

TEST(display, before_the_tap_nothing_private_is_in_what_is_sent)
{
    begin(SALE_IDLE);
    v.means = MEANS_NONE; /* all the rest is left over from the member before */
    bill.line_count = 0;
    display_state_of(&s, &v, 0);
    char line[DISPLAY_JSON_MAX];
    assert_int_equal(display_encode(line, &s, NULL), OK);
    assert_null(strstr(line, "Anna"));
    assert_null(strstr(line, "340"));
    assert_null(strstr(line, "gold"));
    expect("Test\nWelcome!\nPlease hold your member card to the reader.\n");
    bill.line_count = 1;
    expect("Test\nTotal: 20.00 GBP\nPlease hold your member card to the reader.\n");
    display_state_of(&s, &v, 0);
    assert_int_equal(display_encode(line, &s, NULL), OK);
    assert_null(strstr(line, "Anna"));
}

TEST(display, what_is_for_the_cashier_alone_is_never_sent)
{
    for (enum sale_state each = 0; each < SALE_STATES; each++) {
        char line[DISPLAY_JSON_MAX];
        begin(each);
        if (each == SALE_DONE)
            finish(20, 0);
        display_state_of(&s, &v, 0);
        assert_int_equal(display_encode(line, &s, NULL), OK);
        assert_null(strstr(line, "missed"));
        assert_null(strstr(line, "risk"));
        assert_null(strstr(line, "M12"));
    }
}

TEST(display, a_member_is_greeted_by_name_when_it_is_known_and_sees_points_before_and_after)
{
    begin(SALE_IDENTIFIED);
    bill.line_count = 0;
    bill.total = money_of(0);
    char expected[300];
    const char *tier = pack.tiers[0].name[0] ? pack.tiers[0].name : pack.tiers[0].code;
    snprintf(expected, sizeof expected, "Test\nHello, Anna!\n%s\nYour points: 350\n", tier);
    expect(expected);
    begin(SALE_TOTALLED);
    v.name[0] = 0;
    snprintf(expected, sizeof expected,
             "Test\nHello!\n%s\nYour points: 350\nThis purchase earns: 20\nPoints after it: 370\n"
             "Total: 20.00 GBP\n",
             tier);
    expect(expected);
    begin(SALE_DEBITED);
    redeem(300);
    v.purse = points_of(40);
    v.earns = points_of(17);
    snprintf(
        expected, sizeof expected,
        "Test\nHello, Anna!\n%s\nYour points: 350\nThis purchase earns: 17\nPoints after it: 67\n"
        "Total: 20.00 GBP\n300 points pay 3.00 GBP\nTo pay: 17.00 GBP\n",
        tier);
    expect(expected);
}

TEST(display, a_member_known_without_a_card_sees_all_points_not_only_those_to_be_spent_here)
{
    begin(SALE_TOTALLED);
    v.means = MEANS_PHONE;
    v.purse = points_of(0);
    v.on_cards = points_of(300);
    v.held = points_of(40);
    v.spendable = points_of(0); /* all in steps of 50 */
    display_state_of(&s, &v, 0);
    assert_int_equal(s.before, 350);
    assert_int_equal(s.after, 370);
    finish(20, 40); /* of what head office holds; what was told stays as it was */
    v.purse = points_of(0);
    display_state_of(&s, &v, 0);
    assert_int_equal(s.before, 350);
    assert_int_equal(s.after, 330);
    v.told = false;
    display_state_of(&s, &v, 0);
    assert_int_equal(s.before, -1);
}

TEST(display, a_redemption_is_confirmed_by_the_card_or_by_a_second_tap)
{
    begin(SALE_PREPARING);
    redeem(300);
    v.earns = points_of(17);
    expect("Test\nPay 3.00 GBP with 300 points?\nYour points: 350\nThis purchase earns: 17\n"
           "Points after it: 67\nTo pay: 17.00 GBP\nTo confirm, hold your card to the reader.\n");
    v.second_tap = true;
    expect("Test\nPay 3.00 GBP with 300 points?\nYour points: 350\nThis purchase earns: 17\n"
           "Points after it: 67\nTo pay: 17.00 GBP\nTo confirm, take your card away and hold it "
           "there again.\n");
}

TEST(display, in_the_members_own_language_when_it_is_known)
{
    begin(SALE_PREPARING);
    redeem(300);
    v.earns = points_of(17);
    v.second_tap = true;
    snprintf(v.member_language, sizeof v.member_language, "zh");
    expect("Test\n用300积分抵扣3.00 "
           "GBP？\n您的积分：350\n本次可获积分：17\n之后积分：67\n应付：17.00 GBP\n"
           "请拿开会员卡，再次靠近读卡器以确认。\n");
    finish(17, 300);
    snprintf(v.name, sizeof v.name, "王安娜");
    expect(
        "Test\n王安娜，谢谢！\n使用积分：300\n获得积分：17\n现有积分：67\n距gold还差30.00 GBP\n");
    begin(SALE_IDLE);
    v.means = MEANS_NONE;
    bill.line_count = 0;
    snprintf(v.language, sizeof v.language, "zh");
    snprintf(v.member_language, sizeof v.member_language, "en"); /* of nobody */
    expect("Test\n欢迎光临！\n请将会员卡靠近读卡器。\n");
}

TEST(display, thanks_tell_the_progress_to_the_next_tier_and_clear_themselves)
{
    begin(SALE_DONE);
    finish(20, 0);
    expect("Test\nThank you, Anna!\nEarned: 20 points\nYour points now: 370\nUntil gold: 30.00 GBP "
           "more\n");
    v.missing = 1500;
    expect("Test\nThank you, Anna!\nEarned: 20 points\nYour points now: 370\nYou have reached "
           "gold!\n");
    v.missing = 50;
    pack.metric = METRIC_POINTS;
    expect("Test\nThank you, Anna!\nEarned: 20 points\nYour points now: 370\nUntil gold: 30 points "
           "more\n");
    pack.metric = METRIC_VISITS;
    v.missing = 5;
    expect("Test\nThank you, Anna!\nEarned: 20 points\nYour points now: 370\nUntil gold: 4 visits "
           "more\n");
    display_state_of(&s, &v, DISPLAY_THANKS_S - 1);
    assert_int_equal(s.page, DISPLAY_THANKS);
    display_state_of(&s, &v, DISPLAY_THANKS_S);
    assert_int_equal(s.page, DISPLAY_IDLE);
    assert_int_equal(s.name[0], 0);
    v.last.kind = TXN_REFUND; /* nothing to thank for */
    display_state_of(&s, &v, 0);
    assert_int_equal(s.page, DISPLAY_IDLE);
}

TEST(display, the_stamp_card_that_a_sale_adds_to_is_told_and_a_full_one_with_what_it_gives)
{
    begin(SALE_DONE);
    finish(20, 0);
    v.next_tier[0] = 0;
    v.stamp_count = 2;
    v.stamps[0] = (struct rules_stamp){.name = "tea", .every = 5, .points = points_of(50), .have = 2};
    v.stamps[1] = (struct rules_stamp){.name = "coffee", .every = 10, .points = points_of(300), .have = 7, .now = 2};
    expect("Test\nThank you, Anna!\nEarned: 20 points\nYour points now: 370\ncoffee: 9 of 10 stamps\n");
    v.stamps[1].have = 9;
    v.stamps[1].full = 1;
    expect("Test\nThank you, Anna!\nEarned: 20 points\nYour points now: 370\ncoffee: your card is full, 300 points!\n");
    v.stamps[1].have = v.stamps[0].have = -1; /* nobody could be asked */
    expect("Test\nThank you, Anna!\nEarned: 20 points\nYour points now: 370\n");
}

TEST(display, a_member_who_is_left_standing_there_is_cleared)
{
    begin(SALE_IDENTIFIED);
    display_state_of(&s, &v, DISPLAY_MEMBER_S - 1);
    assert_int_equal(s.page, DISPLAY_MEMBER);
    display_state_of(&s, &v, DISPLAY_MEMBER_S);
    assert_int_equal(s.page, DISPLAY_IDLE);
    assert_int_equal(s.name[0], 0);
}

TEST(display, a_question_shows_its_lines_and_a_pin_as_dots)
{
    begin(SALE_IDLE);
    v.means = MEANS_NONE;
    bill.line_count = 0;
    display_state_of(&s, &v, 0);
    s.page = DISPLAY_PIN;
    s.ask = 3;
    s.line_count = 1;
    snprintf(s.lines[0], sizeof s.lines[0], "Redeem 900 points?");
    expect_drawn(24, 80, 0,
                 "Test\nRedeem 900 points?\nPIN: _\nType your PIN, then Enter.  Esc: no\n");
    expect_drawn(24, 80, 4,
                 "Test\nRedeem 900 points?\nPIN: * * * * _\nType your PIN, then Enter.  Esc: no\n");
    s.page = DISPLAY_YES_NO;
    expect_drawn(24, 80, 4, "Test\nRedeem 900 points?\nEnter: yes   Esc: no\n");
    snprintf(s.language, sizeof s.language, "zh");
    expect_drawn(24, 80, 4, "Test\nRedeem 900 points?\n回车：是   Esc：否\n");
    s.page = DISPLAY_LINES;
    expect_drawn(24, 80, 4, "Test\nRedeem 900 points?\n");
}

TEST(display, training_is_said_on_every_page)
{
    for (enum sale_state each = 0; each < SALE_STATES; each++) {
        begin(each);
        v.training = true;
        display_state_of(&s, &v, 0);
        canvas.rows = 24;
        canvas.columns = 80;
        display_draw(&s, 0, &canvas);
        int reversed = 0;
        for (int i = 0; i < 24 * 80; i++)
            reversed += canvas.cells[i].look == LOOK_REVERSE;
        assert_true(reversed >= 20);
    }
}

TEST(display, on_a_small_screen_what_matters_most_stays)
{
    begin(SALE_PREPARING);
    redeem(300);
    v.second_tap = true;
    display_state_of(&s, &v, 0);
    expect_drawn(4, 40, 0,
                 "Pay 3.00 GBP with 300 points?\nYour points: 350\n"
                 "To confirm, take your card away and hold\nit there again.\n");
    for (int rows = 4; rows <= 30; rows += 3) /* nothing is put over anything else, at any size */
        for (int columns = 20; columns <= 100; columns += 7)
            for (int zh = 0; zh < 2; zh++) {
                assert_true(tr_use(zh ? "zh" : "en"));
                canvas.rows = rows;
                canvas.columns = columns;
                display_draw(&s, 0, &canvas);
                assert_int_equal(canvas.overlaps, 0);
            }
    assert_true(tr_use("en"));
}

TEST(display, any_state_comes_back_from_its_line_and_what_is_none_is_refused)
{
    static const char *const bad[] = {"",    "x", "{}", "[]", "{\"page\":\"idle\"}", "{\"page\":7}",
                                      "null"};
    struct errmsg why;
    for (int round = 0; round < 200; round++) {
        memset(&s, 0, sizeof s);
        s.page = (enum display_page)test_below(DISPLAY_PAGES);
        s.metric = (enum pack_metric)test_below(3);
        s.ask = test_below(UINT32_MAX);
        s.training = test_below(2);
        s.again = test_below(2);
        s.before = (int64_t)test_random();
        s.after = (int64_t)test_random();
        s.missing = (int64_t)test_random();
        static const char *const texts[] = {"", "a\"b\\c", "会员\n二", "\x01 \x7f", "£ é"};
        snprintf(s.name, sizeof s.name, "%s", texts[test_below(5)]);
        snprintf(s.total, sizeof s.total, "%s", texts[test_below(5)]);
        s.line_count = (int)test_below(DISPLAY_LINES_MAX + 1);
        for (int i = 0; i < s.line_count; i++)
            snprintf(s.lines[i], sizeof s.lines[i], "%s", texts[test_below(5)]);
        over_the_line();
    }
    snprintf(s.name, sizeof s.name, "cut \xe4\xbc"); /* in the middle of a character */
    char line[DISPLAY_JSON_MAX];
    assert_int_equal(display_encode(line, &s, &why), OK);
    assert_non_null(strstr(line, "\"name\":\"cut \""));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(display_decode(&s, bad[i], &why), ERR_FORMAT);
}
