/* test_cards.c - cards as things: batches, lost and found, past their last day, and which tills have heard of it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "office/books/books_int.h"
#include "office/members/cards.h"
#include "office/members/clerk.h"
#include "tests/ledgers.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

static struct ledgers l;
static struct errmsg why;
static struct real_card card;

static void expect(enum err expected, enum err e, const char *what)
{
    if (e != expected)
        fail_msg("%s: %s (%s)", what, err_text(e), why.text);
}
#define EXPECT(expected, call) expect((expected), (call), #call)

static void open_books(const char *name)
{
    ledgers_open(&l, name, "", "");
    ledgers_member(&l, 7, 1);
}

static const json_t *row_at(const json_t *rows, size_t i)
{
    return json_array_get(rows, i);
}

static const char *text_at(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));
    return text ? text : "null";
}

static int64_t int_at(const json_t *o, const char *name)
{
    return json_integer_value(json_object_get(o, name));
}

static int64_t order(int32_t count, int32_t last_day)
{
    int64_t batch = 0;
    const struct batch_wanted w = {.count = count, .kind = "ev2", .shop = "SOHO", .last_day = last_day};
    EXPECT(OK, cards_order(l.books, &w, 3, ledgers_day(1), &batch, &why));
    return batch;
}

TEST(cards, a_batch_goes_its_way_and_no_other)
{
    static const struct card_uid uids[3] = {{{4, 1}}, {{4, 2}}, {{4, 3}}};
    open_books("batch");
    int64_t a = order(2, DAY_NEVER), b = order(1, DAY_NEVER), now = ledgers_day(2);
    EXPECT(ERR_STATE, cards_move_batch(l.books, a, "made", now, &why));
    EXPECT(OK, cards_made(l.books, a, &uids[0], now, &why));
    EXPECT(OK, cards_made(l.books, a, &uids[0], now, &why));
    EXPECT(ERR_EXISTS, cards_made(l.books, b, &uids[0], now, &why));
    EXPECT(ERR_STATE, cards_move_batch(l.books, a, "made", now, &why)); /* one is missing */
    EXPECT(ERR_STATE, cards_move_batch(l.books, a, "sent", now, &why));
    EXPECT(OK, cards_made(l.books, a, &uids[1], now, &why));
    EXPECT(ERR_FULL, cards_made(l.books, a, &uids[2], now, &why));
    EXPECT(ERR_NOT_FOUND, cards_made(l.books, 99, &uids[2], now, &why));
    EXPECT(OK, cards_move_batch(l.books, a, "made", now, &why));
    EXPECT(ERR_STATE, cards_made(l.books, a, &uids[2], now, &why));
    EXPECT(OK, cards_move_batch(l.books, a, "sent", now, &why));
    EXPECT(ERR_STATE, cards_move_batch(l.books, a, "cancelled", now, &why));
    EXPECT(OK, cards_move_batch(l.books, a, "in shop", now, &why));
    EXPECT(OK, cards_move_batch(l.books, b, "cancelled", now, &why));
    EXPECT(ERR_STATE, cards_move_batch(l.books, b, "ordered", now, &why));
    EXPECT(ERR_NOT_FOUND, cards_move_batch(l.books, 99, "made", now, &why));
    json_t *rows = json_array();
    EXPECT(OK, cards_batches(l.books, rows, &why));
    assert_int_equal(json_array_size(rows), 2);
    assert_int_equal(int_at(row_at(rows, 1), "made"), 2);
    assert_string_equal(text_at(row_at(rows, 1), "state"), "in shop");
    assert_string_equal(text_at(row_at(rows, 0), "state"), "cancelled");
    json_array_clear(rows);
    EXPECT(OK, cards_of_batch(l.books, a, rows, &why));
    assert_int_equal(json_array_size(rows), 2);
    EXPECT(ERR_NOT_FOUND, cards_of_batch(l.books, 99, rows, &why));
    json_decref(rows);
    ledgers_close(&l);
}

TEST(cards, an_order_is_checked)
{
    static const struct {
        struct batch_wanted w;
        enum err e;
    } cases[] = {{{0, "ev2", "", DAY_NEVER}, ERR_RANGE},
                 {{1000001, "ev2", "", DAY_NEVER}, ERR_RANGE},
                 {{1, "paper", "", DAY_NEVER}, ERR_FORMAT},
                 {{1, "ev2", "A-SHOP-WITH-A-LONG-CODE", DAY_NEVER}, ERR_RANGE},
                 {{1, "ev2", "", LEDGERS_DAY_0 + 1}, ERR_RANGE},
                 {{1, "ev2", "", LEDGERS_DAY_0 + 2}, OK}};
    open_books("order");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t batch;
        EXPECT(cases[i].e, cards_order(l.books, &cases[i].w, 3, ledgers_day(1), &batch, &why));
    }
    ledgers_close(&l);
}

static enum card_status status_of(const struct card_uid *uid)
{
    struct card_view v;
    EXPECT(OK, books_card(l.books, uid, &v, &why));
    return v.status;
}

TEST(cards, a_lost_card_is_blocked_found_again_and_then_replaced)
{
    struct real_card fresh;
    static const struct card_uid nobodys = {{9, 9}};
    open_books("lost");
    ledgers_card(&l, &card, CARD_EV2, 1, 7, 1);
    ledgers_card(&l, &fresh, CARD_EV2, 2, 0, 1);
    EXPECT(ERR_STATE, cards_happened(l.books, &card.uid, CARD_FOUND, "", 3, ledgers_day(2), &why));
    EXPECT(ERR_NOT_FOUND, cards_happened(l.books, &nobodys, CARD_LOST, "", 3, ledgers_day(2), &why));
    EXPECT(OK, cards_happened(l.books, &card.uid, CARD_LOST, "telephoned", 3, ledgers_day(2), &why));
    assert_int_equal(status_of(&card.uid), CARD_BLOCKED);
    EXPECT(ERR_STATE, cards_happened(l.books, &card.uid, CARD_STOLEN, "", 3, ledgers_day(2), &why));
    EXPECT(OK, cards_happened(l.books, &card.uid, CARD_FOUND, "", 3, ledgers_day(3), &why));
    assert_int_equal(status_of(&card.uid), CARD_ACTIVE);
    EXPECT(OK, cards_happened(l.books, &card.uid, CARD_STOLEN, "", 3, ledgers_day(4), &why));
    EXPECT(OK, books_replace_card(l.books, &card.uid, &fresh.uid, "stolen", 3, ledgers_day(5), &why));
    EXPECT(ERR_STATE, cards_happened(l.books, &card.uid, CARD_FOUND, "", 3, ledgers_day(6), &why));
    json_t *o = json_object();
    EXPECT(OK, cards_show(l.books, &card.uid, o, &why));
    assert_string_equal(text_at(o, "status"), "replaced");
    const json_t *changes = json_object_get(o, "changes"), *oldest = row_at(changes, json_array_size(changes) - 1);
    assert_int_equal(json_array_size(changes), 4);
    assert_string_equal(text_at(oldest, "reason"), "lost: telephoned");
    assert_int_equal(int_at(oldest, "user"), 3);
    json_decref(o);
    o = json_object();
    EXPECT(ERR_NOT_FOUND, cards_show(l.books, &nobodys, o, &why));
    json_decref(o);
    char note[TXN_REASON_SIZE];
    memset(note, 'x', sizeof note);
    note[sizeof note - 1] = 0;
    EXPECT(ERR_RANGE, cards_happened(l.books, &fresh.uid, CARD_LOST, note, 3, ledgers_day(6), &why));
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(cards, a_card_is_bound_once)
{
    open_books("bound");
    ledgers_card(&l, &card, CARD_EV2, 1, 0, 1);
    EXPECT(ERR_NOT_FOUND, cards_bind(l.books, &card.uid, 99, 3, ledgers_day(2), &why));
    EXPECT(OK, cards_bind(l.books, &card.uid, 7, 3, ledgers_day(2), &why));
    EXPECT(ERR_EXISTS, cards_bind(l.books, &card.uid, 7, 3, ledgers_day(2), &why));
    ledgers_close(&l);
}

TEST(cards, a_card_past_its_last_day_is_blocked_by_the_run_and_not_found_again)
{
    struct real_card own, other;
    int32_t count;
    open_books("ends");
    ledgers_card(&l, &card, CARD_EV2, 1, 7, 1);
    ledgers_card(&l, &own, CARD_EV2, 2, 7, 1);
    ledgers_card(&l, &other, CARD_EV2, 3, 7, 1);
    int64_t batch = order(2, LEDGERS_DAY_0 + 10);
    EXPECT(OK, cards_made(l.books, batch, &card.uid, ledgers_day(1), &why));
    EXPECT(OK, cards_made(l.books, batch, &own.uid, ledgers_day(1), &why));
    EXPECT(OK, cards_set_end(l.books, &own.uid, LEDGERS_DAY_0 + 20, &why));
    static const struct {
        int32_t day, count;
    } runs[] = {{10, 0}, {11, 1}, {11, 0}, {20, 0}, {21, 1}, {500, 0}};
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        EXPECT(OK, cards_end_due(l.books, LEDGERS_DAY_0 + runs[i].day, ledgers_day(runs[i].day), &count, &why));
        assert_int_equal(count, runs[i].count);
    }
    assert_int_equal(status_of(&card.uid), CARD_BLOCKED);
    assert_int_equal(status_of(&other.uid), CARD_ACTIVE);
    EXPECT(ERR_STATE, cards_happened(l.books, &card.uid, CARD_FOUND, "", 3, ledgers_day(30), &why));
    static const struct card_uid nobodys = {{9, 9}};
    EXPECT(ERR_NOT_FOUND, cards_set_end(l.books, &nobodys, 1, &why));
    ledgers_sound(&l);
    ledgers_close(&l);
}

static void contact(uint32_t till, uint32_t hot_version)
{
    struct wire_sync ask = {.hot_version = hot_version, .pack_version = 1, .program = "test"};
    EXPECT(OK, books_note_contact(l.books, till, ledgers_day(3), &ask, &why));
}

static bool note_till(const struct fleet_line *t, void *arg)
{
    struct fleet_line *fleet = arg;
    fleet[t->terminal.terminal] = *t;
    return true;
}

TEST(cards, it_is_shown_which_tills_have_not_heard_of_a_lost_card)
{
    int64_t version;
    static struct fleet_line fleet[4];
    open_books("hot");
    for (uint32_t i = 1; i <= 3; i++) {
        struct terminal_view t = {.terminal = i, .shop = "SOHO", .revoked = i == 3};
        EXPECT(OK, books_save_terminal(l.books, &t, &why));
    }
    ledgers_card(&l, &card, CARD_EV2, 1, 7, 1);
    EXPECT(OK, cards_happened(l.books, &card.uid, CARD_LOST, "", 3, ledgers_day(2), &why));
    EXPECT(OK, cards_happened(l.books, &card.uid, CARD_FOUND, "", 3, ledgers_day(2), &why));
    contact(1, 2);
    contact(2, 1);
    json_t *rows = json_array(), *o = json_object();
    EXPECT(OK, cards_tills(l.books, &version, rows, &why));
    assert_int_equal(version, 2);
    assert_int_equal(json_array_size(rows), 2); /* the third is out of use */
    assert_int_equal(int_at(row_at(rows, 0), "missing"), 0);
    assert_int_equal(int_at(row_at(rows, 1), "missing"), 1);
    EXPECT(OK, cards_show(l.books, &card.uid, o, &why));
    const json_t *missing = json_object_get(o, "missing");
    assert_int_equal(json_array_size(missing), 1);
    assert_int_equal(int_at(row_at(missing, 0), "till"), 2);
    json_array_clear(rows);
    EXPECT(OK, cards_hot(l.books, 10, rows, &why));
    assert_int_equal(int_at(row_at(rows, 0), "tills_have"), 1);
    assert_int_equal(int_at(row_at(rows, 0), "tills_missing"), 1);
    assert_int_equal(int_at(row_at(rows, 1), "tills_missing"), 0);
    assert_string_equal(text_at(row_at(rows, 0), "status"), "active");
    json_array_clear(rows);
    EXPECT(OK, cards_hot(l.books, 1, rows, &why));
    assert_int_equal(json_array_size(rows), 1);
    EXPECT(OK, books_terminals(l.books, note_till, fleet, &why));
    assert_int_equal(fleet[1].hot_version, 2);
    assert_int_equal(fleet[2].hot_version, 1);
    assert_int_equal(fleet[1].pack_version, 1);
    json_decref(rows);
    json_decref(o);
    ledgers_close(&l);
}
