/* test_feedback.c - how satisfied members are: scores kept, worst first, a running score that one bad event takes.
 * SPDX-License-Identifier: Apache-2.0 */
#include "ledgers.h"
#include "office/care/complaint.h"
#include "office/care/feedback.h"
#include "office/care/message.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

enum { DAY = 100, ADA = 5, BEN = 6 };
static struct errmsg why;
static int64_t now;
#define CHECK(call) do { if ((call) != OK) fail_msg("%s", why.text); } while (0)

static void open_books(struct ledgers *l)
{
    ledgers_open(l, "feedback", "", "");
    now = ledgers_day(DAY);
    ledgers_member(l, ADA, DAY);
    ledgers_member(l, BEN, DAY);
}

static struct feedback_new said(member_id member, const char *shop, struct care_scores scores, int32_t nps)
{
    return (struct feedback_new){.member = member, .channel = "page", .shop = shop, .scores = scores, .nps = nps,
                                 .reasons = "", .text = ""};
}

static enum err add(struct ledgers *l, struct feedback_new in)
{
    int64_t id;
    return feedback_add(l->books, &in, now, &id, &why);
}

/* A sale of a cashier, and what the member said of it at the till. */
static struct entry_id rated_sale(struct ledgers *l, member_id member, uint32_t cashier, int32_t rating, int32_t day)
{
    struct entry_id sale;
    ledgers_entry(l, 1, TXN_SALE, ledgers_day(day));
    l->t.member = member;
    l->t.cashier = cashier;
    snprintf(l->t.shop, sizeof l->t.shop, "EAST");
    l->t.pack_version = 1;
    l->t.line_count = 1;
    snprintf(l->t.lines[0].sku, sizeof l->t.lines[0].sku, "A");
    l->t.lines[0].quantity = 1;
    l->t.lines[0].amount = l->t.total = money_of(1000);
    l->t.points = points_of(10);
    snprintf(l->t.tier, sizeof l->t.tier, "BASE");
    ledgers_post(l, &l->t, POST_NEW);
    sale = l->t.id;
    if (rating) {
        ledgers_entry(l, 1, TXN_RATING, ledgers_day(day) + 60);
        l->t.member = member;
        l->t.original = sale;
        l->t.rating = rating;
        ledgers_post(l, &l->t, POST_NEW);
    }
    return sale;
}

static const char *text_of(const json_t *o, const char *name)
{
    return json_string_value(json_object_get(o, name));
}

static int64_t number(const json_t *o, const char *name)
{
    const json_t *v = json_object_get(o, name);
    return json_is_integer(v) ? json_integer_value(v) : -9999;
}

TEST(feedback, what_does_not_fit_is_refused)
{
    struct ledgers l;
    struct care_scores none = {0}, high = {6, 0, 0, 0, 0}, low = {3, -1, 0, 0, 0}, good = {3, 3, 3, 3, 3};
    struct feedback_new in;
    open_books(&l);
    assert_int_equal(add(&l, said(ADA, "", none, -1)), ERR_FORMAT);
    assert_int_equal(add(&l, said(ADA, "", high, -1)), ERR_RANGE);
    assert_int_equal(add(&l, said(ADA, "", low, -1)), ERR_RANGE);
    assert_int_equal(add(&l, said(ADA, "", good, 11)), ERR_RANGE);
    assert_int_equal(add(&l, said(99, "", good, 9)), ERR_NOT_FOUND);
    in = said(ADA, "", good, 9);
    in.reasons = "price,weather";
    assert_int_equal(add(&l, in), ERR_FORMAT);
    in.reasons = "price,repair";
    assert_int_equal(add(&l, in), OK);
    in.channel = "smoke";
    assert_int_equal(add(&l, in), ERR_FORMAT);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM feedback"), 1);
    ledgers_close(&l);
}

TEST(feedback, a_members_own_word_is_of_their_own_purchase_and_takes_shop_and_cashier_from_it)
{
    struct ledgers l;
    struct care_scores good = {3, 4, 4, 4, 4};
    open_books(&l);
    struct feedback_new in = said(BEN, "", good, 10);
    in.entry = rated_sale(&l, ADA, 7, 0, DAY);
    assert_int_equal(add(&l, in), ERR_NOT_FOUND);
    in.member = ADA;
    CHECK(add(&l, in));
    assert_int_equal(ledgers_sql(&l, "SELECT cashier FROM feedback WHERE shop = 'EAST' AND score = 100"), 7);
    in.entry.seq = 77;
    assert_int_equal(add(&l, in), ERR_NOT_FOUND);
    ledgers_close(&l);
}

TEST(feedback, the_score_is_by_the_weights_of_its_day)
{
    struct ledgers l;
    struct care_scores example = {4, 4, 5, 3, 5};
    struct care_weights w = {1, 4, 1, 3, 1}, nothing = {0, 0, 0, 1, 1};
    open_books(&l);
    CHECK(add(&l, said(ADA, "", example, -1)));
    CHECK(feedback_set_weights(l.books, &w, &why));
    CHECK(add(&l, said(ADA, "", example, -1)));
    assert_int_equal(ledgers_sql(&l, "SELECT score FROM feedback WHERE id = 1"), 17);
    assert_int_equal(ledgers_sql(&l, "SELECT score FROM feedback WHERE id = 2"), -25);
    assert_int_equal(feedback_set_weights(l.books, &nothing, &why), ERR_RANGE);
    assert_int_equal(care_set_setting(l.books, "weights", "x", &why), ERR_FORMAT);
    ledgers_close(&l);
}

TEST(feedback, numbers_begin_with_the_worst_shop_and_every_cashier_has_their_own)
{
    struct ledgers l;
    json_t *rows = json_array();
    struct care_scores bad = {5, 2, 2, 2, 2}, good = {3, 4, 4, 4, 4};
    open_books(&l);
    rated_sale(&l, ADA, 7, 3, DAY);
    rated_sale(&l, BEN, 8, 1, DAY);
    rated_sale(&l, BEN, 8, 2, DAY + 40);
    CHECK(add(&l, said(ADA, "AAA", good, 10)));
    CHECK(add(&l, said(BEN, "ZZZ", bad, 3)));
    CHECK(add(&l, said(0, "ZZZ", good, -1)));
    CHECK(feedback_numbers(l.books, "shop", LEDGERS_DAY_0, LEDGERS_DAY_0 + 999, rows, &why));
    assert_int_equal(json_array_size(rows), 3);
    const json_t *r = json_array_get(rows, 0); /* half of ZZZ's is below expectation, a third of EAST's bottom */
    assert_string_equal(text_of(r, "by"), "ZZZ");
    assert_int_equal(number(r, "below_permille"), 500);
    assert_int_equal(number(r, "score"), -100);
    assert_int_equal(number(r, "nps"), -1000);
    assert_int_equal(number(r, "nps_count"), 1);
    r = json_array_get(rows, 1);
    assert_string_equal(text_of(r, "by"), "EAST");
    assert_int_equal(number(r, "bottom_permille"), 333);
    assert_int_equal(number(r, "top"), 1);
    assert_int_equal(number(r, "score"), -9999); /* none: null */
    json_array_clear(rows);
    CHECK(feedback_numbers(l.books, "cashier", LEDGERS_DAY_0, LEDGERS_DAY_0 + 999, rows, &why));
    assert_string_equal(text_of(json_array_get(rows, 0), "by"), "8");
    assert_int_equal(number(json_array_get(rows, 0), "bottom_permille"), 500);
    json_array_clear(rows);
    CHECK(feedback_numbers(l.books, "month", LEDGERS_DAY_0, LEDGERS_DAY_0 + 999, rows, &why));
    assert_string_equal(text_of(json_array_get(rows, 0), "by"), "2011-04");
    assert_string_equal(text_of(json_array_get(rows, 1), "by"), "2011-05");
    json_array_clear(rows);
    CHECK(feedback_list(l.books, "", LEDGERS_DAY_0, LEDGERS_DAY_0 + 999, 10, rows, &why));
    assert_int_equal(number(json_array_get(rows, 0), "score"), -300);
    json_array_clear(rows);
    CHECK(feedback_numbers(l.books, "shop", LEDGERS_DAY_0 + DAY + 1, LEDGERS_DAY_0 + DAY + 2, rows, &why));
    assert_int_equal(json_array_size(rows), 0);
    assert_int_equal(feedback_numbers(l.books, "weather", 0, 1, rows, &why), ERR_FORMAT);
    json_decref(rows);
    ledgers_close(&l);
}

TEST(feedback, the_running_score_follows_ratings_feedback_and_complaints_in_their_order)
{
    struct ledgers l;
    json_t *out = json_object(), *rows = json_array();
    struct care_scores good = {3, 4, 4, 4, 4};
    struct complaint_new c = {.member = ADA, .channel = "desk", .kind = "goods", .shop = "", .text = "x", .user = 2};
    int64_t id;
    open_books(&l);
    rated_sale(&l, ADA, 7, 3, DAY);                        /* 15 */
    now = ledgers_day(DAY + 1);
    CHECK(add(&l, said(ADA, "", good, -1)));               /* + 10 + 100 / 20: 30 */
    now = ledgers_day(DAY + 2);
    CHECK(complaint_receive(l.books, &c, now, &id, &why)); /* 15 */
    struct complaint_deed d = {.step = STEP_HANDLE, .by = {CARE_CLERK, 2, now + 60, OPINION_NONE, false}, .text = "y"};
    CHECK(complaint_do(l.books, id, &d, &why));
    d.step = STEP_ASK, d.by.opinion = OPINION_SATISFIED, d.by.time_s = now + 120;
    CHECK(complaint_do(l.books, id, &d, &why));            /* 25 */
    CHECK(feedback_running(l.books, ADA, out, &why));
    assert_int_equal(number(out, "running"), 25);
    assert_int_equal(json_array_size(json_object_get(out, "events")), 4);
    d.step = STEP_FOLLOW_UP, d.by.opinion = OPINION_SATISFIED; /* said once already */
    CHECK(complaint_do(l.books, id, &d, &why));
    rated_sale(&l, BEN, 7, 1, DAY + 3);
    CHECK(feedback_running_all(l.books, 10, rows, &why));
    assert_int_equal(json_array_size(rows), 2);
    assert_string_equal(text_of(json_array_get(rows, 0), "member"), "M6");
    assert_int_equal(number(json_array_get(rows, 0), "running"), 5);
    assert_int_equal(number(json_array_get(rows, 1), "running"), 25);
    json_decref(out);
    json_decref(rows);
    ledgers_close(&l);
}

TEST(feedback, an_improvement_goes_round_until_the_check_holds)
{
    struct ledgers l;
    struct complaint_new c = {.member = 0, .channel = "desk", .kind = "goods", .shop = "", .text = "x", .user = 2};
    json_t *rows = json_array();
    static const char *const after[] = {"do", "check", "plan", "do", "check", "act", "done"};
    int64_t id, complaint;
    open_books(&l);
    CHECK(complaint_receive(l.books, &c, now, &complaint, &why));
    CHECK(improvement_add(l.books, "Longer queue on Fridays", "shop 7", LEDGERS_DAY_0 + 200, 2, &id, &why));
    CHECK(improvement_link(l.books, id, complaint, &why));
    CHECK(improvement_link(l.books, id, complaint, &why));
    assert_int_equal(improvement_link(l.books, id, 99, &why), ERR_NOT_FOUND);
    for (int i = 0; i < 7; i++) {
        CHECK(improvement_next(l.books, id, i > 3, "words", 2, now, &why)); /* the first check fails */
        json_array_clear(rows);
        CHECK(improvement_list(l.books, rows, &why));
        assert_string_equal(text_of(json_array_get(rows, 0), "state"), after[i]);
    }
    assert_int_equal(number(json_array_get(rows, 0), "complaints"), 1);
    assert_int_equal(improvement_next(l.books, id, true, "words", 2, now, &why), ERR_STATE);
    assert_int_equal(improvement_next(l.books, 99, true, "words", 2, now, &why), ERR_NOT_FOUND);
    json_decref(rows);
    ledgers_close(&l);
}
