/* test_referral.c - members who bring members, with the checks; members who stopped coming, and who comes back.
 * SPDX-License-Identifier: Apache-2.0 */
#include "ledgers.h"
#include "office/care/message.h"
#include "office/care/referral.h"
#include "test.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { DAY = 100, ADA = 5, BEN = 6, CLEO = 7, DAN = 8 };
static struct errmsg why;
static int64_t now;
#define CHECK(call) do { if ((call) != OK) fail_msg("%s", why.text); } while (0)

static void open_books(struct ledgers *l)
{
    ledgers_open(l, "referral", "", "");
    now = ledgers_day(DAY);
    for (member_id m = ADA; m <= DAN; m++)
        ledgers_member(l, m, m == ADA ? 10 : DAY);
}

TEST(referral, a_code_is_one_for_each_member_for_ever)
{
    struct ledgers l;
    char a[REFERRAL_CODE_SIZE], again[REFERRAL_CODE_SIZE], b[REFERRAL_CODE_SIZE];
    open_books(&l);
    CHECK(referral_code(l.books, ADA, a, &why));
    CHECK(referral_code(l.books, ADA, again, &why));
    CHECK(referral_code(l.books, BEN, b, &why));
    assert_string_equal(a, again);
    assert_string_not_equal(a, b);
    assert_int_equal(strlen(a), 6);
    assert_int_equal(referral_code(l.books, 99, a, &why), ERR_NOT_FOUND);
    ledgers_close(&l);
}

TEST(referral, only_somebody_new_is_brought_once_and_not_by_themself)
{
    struct ledgers l;
    char ada[REFERRAL_CODE_SIZE], ben[REFERRAL_CODE_SIZE], small[REFERRAL_CODE_SIZE];
    open_books(&l);
    CHECK(referral_code(l.books, ADA, ada, &why));
    CHECK(referral_code(l.books, BEN, ben, &why));
    for (int i = 0; i < REFERRAL_CODE_SIZE; i++)
        small[i] = (char)tolower((unsigned char)ada[i]);
    ledgers_sale(&l, 1, DAN, "A 1 10.00", DAY);
    assert_int_equal(referral_claim(l.books, "NOBODY", BEN, now, &why), ERR_NOT_FOUND);
    assert_int_equal(referral_claim(l.books, ada, 99, now, &why), ERR_NOT_FOUND);
    assert_int_equal(referral_claim(l.books, ben, BEN, now, &why), ERR_REFUSED); /* oneself */
    assert_int_equal(referral_claim(l.books, ada, DAN, now, &why), ERR_REFUSED); /* has bought */
    assert_int_equal(referral_claim(l.books, ben, ADA, now, &why), ERR_REFUSED); /* joined 90 days ago */
    assert_int_equal(referral_claim(l.books, ada, CLEO, ledgers_day(DAY + 31), &why), ERR_REFUSED);
    CHECK(referral_claim(l.books, small, CLEO, ledgers_day(DAY + 30), &why));
    CHECK(referral_claim(l.books, ada, BEN, now, &why));
    assert_int_equal(referral_claim(l.books, ada, BEN, now, &why), ERR_EXISTS);
    ledgers_exec(&l, "UPDATE member SET enrolled_day = 15075 WHERE member = 5"); /* Ada is new herself */
    assert_int_equal(referral_claim(l.books, ben, ADA, now, &why), ERR_REFUSED); /* each other */
    ledgers_close(&l);
}

TEST(referral, both_get_points_at_the_first_purchase_once_and_up_to_the_limit)
{
    struct ledgers l;
    char ada[REFERRAL_CODE_SIZE];
    int64_t rewarded;
    open_books(&l);
    CHECK(care_set_setting(l.books, "referral_most", "2", &why));
    CHECK(referral_code(l.books, ADA, ada, &why));
    for (member_id m = BEN; m <= DAN; m++)
        CHECK(referral_claim(l.books, ada, m, now, &why));
    CHECK(referral_run(l.books, now, &rewarded, &why));
    assert_int_equal(rewarded, 0);
    struct entry_id sale = ledgers_sale(&l, 1, BEN, "A 1 10.00", DAY + 1);
    ledgers_refund(&l, 1, sale, "A 1 10.00", DAY + 1); /* all of it came back: not a purchase yet */
    CHECK(referral_run(l.books, now + 86400, &rewarded, &why));
    assert_int_equal(rewarded, 0);
    ledgers_sale(&l, 1, BEN, "A 1 10.00", DAY + 2);
    CHECK(referral_run(l.books, now + 2 * 86400, &rewarded, &why));
    assert_int_equal(rewarded, 1);
    CHECK(referral_run(l.books, now + 2 * 86400, &rewarded, &why)); /* again: nothing */
    assert_int_equal(rewarded, 0);
    ledgers_expect(&l, ADA, 100, 0, 0, 0);
    ledgers_expect(&l, BEN, 60, 0, 0, 0);
    ledgers_sale(&l, 1, CLEO, "A 1 10.00", DAY + 3);
    ledgers_sale(&l, 1, DAN, "A 1 10.00", DAY + 3);
    CHECK(referral_run(l.books, now + 3 * 86400, &rewarded, &why));
    assert_int_equal(rewarded, 1); /* the third of the year gets nothing, nor does who was brought */
    ledgers_expect(&l, ADA, 200, 0, 0, 0);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM referral WHERE state = 'over the limit'"), 1);
    json_t *rows = json_array();
    CHECK(referral_list(l.books, rows, &why));
    const json_t *r = json_array_get(rows, 0);
    assert_int_equal(json_integer_value(json_object_get(r, "brought")), 3);
    assert_int_equal(json_integer_value(json_object_get(r, "points")), 200);
    assert_int_equal(json_integer_value(json_object_get(r, "spent")), 3000);
    json_decref(rows);
    ledgers_sound(&l);
    ledgers_close(&l);
}

static const char *text_of(const json_t *rows, size_t i, const char *name)
{
    return json_string_value(json_object_get(json_array_get(rows, i), name));
}

TEST(referral, who_stopped_coming_is_in_the_queue_by_worth_and_leaves_it_by_coming)
{
    struct ledgers l;
    int64_t added, won;
    json_t *rows = json_array();
    open_books(&l);
    ledgers_exec(&l, "INSERT INTO consent (member, purpose, given, time_s, channel, version, user)"
                     " SELECT member, 'messages', member <> 8, 0, 'desk', '1', 1 FROM member");
    ledgers_sale(&l, 1, ADA, "A 1 60.00", DAY);
    ledgers_sale(&l, 1, BEN, "A 1 600.00", DAY);
    ledgers_sale(&l, 1, CLEO, "A 1 10.00", DAY);
    ledgers_sale(&l, 1, DAN, "A 1 900.00", DAY);
    CHECK(winback_run(l.books, ledgers_day(DAY + 89), &added, &won, &why));
    assert_int_equal(added, 0);
    CHECK(winback_run(l.books, ledgers_day(DAY + 90), &added, &won, &why));
    assert_int_equal(added, 4);
    CHECK(winback_run(l.books, ledgers_day(DAY + 91), &added, &won, &why));
    assert_int_equal(added + won, 0);
    CHECK(winback_list(l.books, "", rows, &why));
    static const char *const order[][2] = {{"M6", "strive"}, {"M5", "as it comes"}, {"M7", "mostly let go"}, {"M8", "let go"}};
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(text_of(rows, i, "member"), order[i][0]);
        assert_string_equal(text_of(rows, i, "disposition"), order[i][1]);
    }
    CHECK(winback_contacted(l.books, BEN, false, "price", ledgers_day(DAY + 92), &why));
    CHECK(winback_contacted(l.books, ADA, true, "moved", ledgers_day(DAY + 92), &why));
    assert_int_equal(winback_contacted(l.books, BEN, false, "weather", now, &why), ERR_FORMAT);
    assert_int_equal(winback_contacted(l.books, 99, false, "", now, &why), ERR_NOT_FOUND);
    ledgers_sale(&l, 1, BEN, "A 1 20.00", DAY + 95);
    CHECK(winback_run(l.books, ledgers_day(DAY + 95), &added, &won, &why));
    assert_int_equal(won, 1);
    assert_int_equal(winback_contacted(l.books, BEN, false, "", now, &why), ERR_STATE);
    assert_int_equal(ledgers_sql(&l, "SELECT won_day FROM winback WHERE member = 6"), LEDGERS_DAY_0 + DAY + 95);
    json_array_clear(rows);
    CHECK(winback_numbers(l.books, rows, &why));
    assert_string_equal(text_of(rows, 0, "disposition"), "strive");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, 0), "won_permille")), 1000);
    CHECK(winback_run(l.books, ledgers_day(DAY + 95 + 90), &added, &won, &why)); /* lost once more */
    assert_int_equal(added, 1);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM winback WHERE member = 6 AND state = 'open'"), 1);
    json_decref(rows);
    ledgers_close(&l);
}
