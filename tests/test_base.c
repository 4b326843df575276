/* test_base.c - the words all share.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/amount.h"
#include "base/bytes.h"
#include "base/date.h"
#include "base/err.h"
#include "base/ids.h"
#include "base/txn.h"
#include "tests/test.h"

#include <string.h>

TEST(err, the_sentence_grows_and_never_overruns)
{
    struct errmsg why = {""};
    assert_int_equal(err_set(&why, ERR_GONE, "card left after %d bytes", 3), ERR_GONE);
    assert_int_equal(err_add(&why, ERR_GONE, "card %s", "04a1"), ERR_GONE);
    assert_string_equal(why.text, "card left after 3 bytes; card 04a1");
    for (int i = 0; i < 100; i++)
        assert_int_equal(err_add(&why, ERR_IO, "more and more"), ERR_IO);
    assert_int_equal(strlen(why.text), sizeof why.text - 1);
}

TEST(amount, overflow_is_refused_and_leaves_the_result_alone)
{
    struct points p = points_of(7);
    assert_false(points_add(&p, points_of(INT64_MAX), points_of(1)));
    assert_false(points_sub(&p, points_of(INT64_MIN), points_of(1)));
    assert_int_equal(points_n(p), 7);
    struct money m = money_of(9);
    assert_false(money_add(&m, money_of(INT64_MAX), money_of(1)));
    assert_int_equal(money_minor(m), 9);
}

TEST(amount, a_ratio_rounds_toward_minus_infinity_and_never_overflows_inside)
{
    static const struct {
        int64_t value, numerator, denominator, expected;
        bool ok;
    } rows[] = {
        {7, 1, 2, 3, true},          {-7, 1, 2, -4, true},
        {-8, 1, 2, -4, true},        {INT64_MAX, 3, 3, INT64_MAX, true},
        {INT64_MAX, 2, 1, 0, false}, {1, 1, 0, 0, false},
        {1, 1, -1, 0, false},        {0, 5, 7, 0, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t out = 0;
        bool ok = ratio_floor(&out, rows[i].value, rows[i].numerator, rows[i].denominator);
        assert_int_equal(ok, rows[i].ok);
        assert_int_equal(out, rows[i].expected);
    }
}

TEST(bytes, what_does_not_fit_is_not_written_in_part)
{
    uint8_t room[4];
    struct buf b = BUF_ON(room);
    buf_put(&b, "abc", 3);
    buf_put(&b, "de", 2);
    assert_true(b.full);
    assert_int_equal(b.size, 3);
    buf_put(&b, "f", 1);
    assert_int_equal(b.size, 3);
}

TEST(bytes, hex_goes_both_ways_and_refuses_the_rest)
{
    uint8_t raw[3];
    size_t size = 0;
    char text[7];
    assert_int_equal(hex_decode(raw, sizeof raw, &size, "04A1ff"), OK);
    assert_int_equal(size, 3);
    hex_encode(text, raw, size);
    assert_string_equal(text, "04a1ff");
    assert_int_equal(hex_decode(raw, sizeof raw, &size, "04a"), ERR_FORMAT);
    assert_int_equal(hex_decode(raw, sizeof raw, &size, "0g"), ERR_FORMAT);
    assert_int_equal(hex_decode(raw, sizeof raw, &size, "00112233"), ERR_FULL);
}

TEST(ids, every_id_reads_back_as_written)
{
    char text[ENTRY_TEXT_SIZE];
    struct entry_id id;
    entry_text(text, (struct entry_id){7, 123});
    assert_string_equal(text, "T0007-123");
    assert_int_equal(entry_parse(&id, text), OK);
    assert_int_equal(id.terminal, 7);
    assert_int_equal(id.seq, 123);
    assert_int_equal(entry_parse(&id, "HQ-4294967295"), OK);
    assert_int_equal(id.seq, UINT32_MAX);
    commit_name_text(text, (struct entry_id){7, 123});
    assert_string_equal(text, "T0007-123");
    commit_name_text(text, (struct entry_id){OFFICE_TERMINAL, 123}); /* is not HQ-123 */
    assert_string_equal(text, "load 123");
    static const char *const bad[] = {"",      "T7",       "T0-1",   "T1-0",          "T10000-1",
                                      "T1-1x", "HQ-",      "HQ--1",  "T1-4294967296", "t1-1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(entry_parse(&id, bad[i]), ERR_FORMAT);
}

TEST(date, every_day_of_four_centuries_goes_there_and_back)
{
    int32_t day = day_of_date((struct date){1900, 1, 1});
    int32_t end = day_of_date((struct date){2300, 1, 1});
    for (; day < end; day++) {
        char text[DAY_TEXT_SIZE];
        int32_t back;
        day_text(text, day);
        assert_int_equal(day_parse(&back, text), OK);
        assert_int_equal(back, day);
    }
}

TEST(date, times_are_read_and_dates_that_are_none_refused)
{
    int64_t t;
    char text[TIME_TEXT_SIZE];
    assert_int_equal(time_parse(&t, "2010-12-01T08:34"), OK);
    assert_int_equal(t, 1291192440);
    time_text(text, t);
    assert_string_equal(text, "2010-12-01T08:34:00");
    assert_int_equal(time_parse(&t, "2011-02-29T00:00"), ERR_RANGE);
    assert_int_equal(time_parse(&t, "2011-02-28T24:00"), ERR_RANGE);
    assert_int_equal(time_parse(&t, "2011-2-28"), ERR_FORMAT);
    assert_int_equal(day_of_time(-1), -1);
}

static struct txn a_sale(void)
{
    struct txn t = {.kind = TXN_SALE, .id = {1, 1}, .line_count = 1, .total = {250}};
    t.lines[0] = (struct txn_line){.sku = "22745", .quantity = 1, .amount = {250}};
    return t;
}

TEST(txn, a_malformed_one_is_refused_with_the_reason)
{
    struct errmsg why;
    struct txn t = a_sale();
    assert_int_equal(txn_check(&t, &why), OK);
    t.total = money_of(251);
    assert_int_equal(txn_check(&t, &why), ERR_FORMAT);
    assert_string_equal(why.text, "total is not the sum of the lines");
    t = a_sale();
    t.lines[0].quantity = 0;
    assert_int_equal(txn_check(&t, &why), ERR_RANGE);
    t = a_sale();
    t.id.terminal = OFFICE_TERMINAL;
    assert_int_equal(txn_check(&t, &why), ERR_FORMAT);
    t = a_sale();
    t.commit = COMMIT_DONE;
    assert_int_equal(txn_check(&t, &why), ERR_FORMAT);
    t.original = (struct entry_id){1, 1};
    assert_int_equal(txn_check(&t, &why), ERR_FORMAT);
    t.evidence.kind = CARD_EV2;
    t.card.b[0] = 4;
    assert_int_equal(txn_check(&t, &why), OK);
    t.kind = (enum txn_kind)99;
    assert_int_equal(txn_check(&t, &why), ERR_FORMAT);
    t = a_sale();
    memset(t.ref, 'x', sizeof t.ref);
    assert_int_equal(txn_check(&t, &why), ERR_FORMAT);
}

TEST(txn, a_load_intent_has_a_load_number_and_nothing_else_has)
{
    struct errmsg why;
    struct txn t = {.kind = TXN_LOAD_INTENT, .id = {OFFICE_TERMINAL, 5}, .card = {{4}}, .load = 9};
    t.evidence.kind = CARD_EV2;
    assert_int_equal(txn_check(&t, &why), OK);
    assert_true(entry_equal(txn_commit_name(&t), (struct entry_id){OFFICE_TERMINAL, 9}));
    t.load = 0;
    assert_int_equal(txn_check(&t, &why), ERR_FORMAT);
    assert_string_equal(why.text, "a load intent without the number of a load");
    t = a_sale();
    t.load = 9;
    assert_int_equal(txn_check(&t, &why), ERR_FORMAT);
    t = (struct txn){.kind = TXN_INTENT, .id = {3, 7}};
    assert_true(entry_equal(txn_commit_name(&t), t.id));
}
