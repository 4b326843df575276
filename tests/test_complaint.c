/* test_complaint.c - complaints in the books: from the member's word to the audit, with points, in numbers, erased.
 * SPDX-License-Identifier: Apache-2.0 */
#include "ledgers.h"
#include "office/care/complaint.h"
#include "office/care/message.h"
#include "test.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DAY = 100, ADA = 5, BEN = 6, CLERK = 2, OTHER = 3, CONTROLLER = 4 };
static struct errmsg why;
static int64_t now;
#define CHECK(call) do { if ((call) != OK) fail_msg("%s", why.text); } while (0)

static void open_books(struct ledgers *l)
{
    struct person ada = {.member = ADA, .name = "Ada", .phone = "+49301234567", .language = "en"};
    ledgers_open(l, "complaints", "", "");
    now = ledgers_day(DAY);
    ledgers_member(l, ADA, DAY);
    ledgers_member(l, BEN, DAY);
    CHECK(books_save_person(l->books, &ada, &why));
    ledgers_exec(l, "UPDATE care_setting SET value = '0' WHERE name = 'audit_percent'");
}

static struct complaint_new complaint(member_id member, uint32_t user)
{
    return (struct complaint_new){.member = member, .channel = user ? "desk" : "page", .kind = "points", .shop = "MAIN",
                                  .text = "My points are missing.", .user = user};
}

static int64_t receive(struct ledgers *l, const struct complaint_new *in)
{
    int64_t id;
    CHECK(complaint_receive(l->books, in, now, &id, &why));
    return id;
}

static enum err deed(struct ledgers *l, int64_t id, enum complaint_step step, unsigned who, uint32_t user,
                     enum care_opinion opinion)
{
    struct complaint_deed d = {.step = step, .by = {who, user, now, opinion, true}, .member = who == CARE_MEMBER ? ADA : 0,
                               .text = "words", .owner = "shop 7"};
    return complaint_do(l->books, id, &d, &why);
}

static json_t *show(struct ledgers *l, int64_t id, unsigned who)
{
    json_t *out = json_object();
    member_id member;
    CHECK(complaint_show(l->books, id, who, CLERK, now, out, &member, &why));
    return out;
}

static const char *text_of(const json_t *o, const char *name)
{
    return json_string_value(json_object_get(o, name));
}

TEST(complaint, from_the_members_word_to_the_audit)
{
    struct ledgers l;
    struct complaint_new in = complaint(ADA, 0);
    struct entry_id entry;
    json_t *out;
    open_books(&l);
    ledgers_exec(&l, "UPDATE care_setting SET value = '100' WHERE name = 'audit_percent'");
    int64_t id = receive(&l, &in);
    now += 600;
    CHECK(deed(&l, id, STEP_RECORD, CARE_CLERK, CLERK, OPINION_NONE));
    CHECK(deed(&l, id, STEP_PASS_ON, CARE_CLERK, CLERK, OPINION_NONE));
    now += 3000;
    CHECK(complaint_recover(l.books, id, points_of(50), points_of(200), OTHER, CONTROLLER, "sorry", now, &entry, &why));
    CHECK(deed(&l, id, STEP_HANDLE, CARE_CLERK, OTHER, OPINION_NONE));
    CHECK(deed(&l, id, STEP_ASK, CARE_MEMBER, 0, OPINION_SATISFIED));
    CHECK(deed(&l, id, STEP_FOLLOW_UP, CARE_CLERK, CLERK, OPINION_SATISFIED));
    assert_int_equal(deed(&l, id, STEP_AUDIT, CARE_CONTROLLER, OTHER, OPINION_NONE), ERR_AUTH);
    CHECK(deed(&l, id, STEP_AUDIT, CARE_CONTROLLER, CONTROLLER, OPINION_NONE));

    ledgers_expect(&l, ADA, 50, 0, 0, 0);
    out = show(&l, id, CARE_CLERK);
    assert_string_equal(text_of(out, "state"), "audited");
    assert_string_equal(text_of(out, "owner"), "shop 7");
    assert_int_equal(json_array_size(json_object_get(out, "steps")), 8);
    assert_string_equal(text_of(json_array_get(json_object_get(out, "points"), 0), "entry"), "HQ-3");
    assert_int_equal(json_array_size(json_object_get(out, "may")), 0);
    json_decref(out);
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(complaint, a_step_that_is_refused_leaves_nothing)
{
    struct ledgers l;
    struct complaint_new in = complaint(ADA, CLERK);
    open_books(&l);
    int64_t id = receive(&l, &in), steps = ledgers_sql(&l, "SELECT count(*) FROM complaint_step");
    assert_int_equal(steps, 2); /* received and recorded by the clerk at once */
    assert_int_equal(deed(&l, id, STEP_RECORD, CARE_CLERK, CLERK, OPINION_NONE), ERR_STATE);
    assert_int_equal(deed(&l, id, STEP_ASK, CARE_CLERK, CLERK, OPINION_SATISFIED), ERR_STATE);
    assert_int_equal(deed(&l, id, STEP_HANDLE, 2, CLERK, OPINION_NONE), ERR_AUTH);
    assert_int_equal(deed(&l, 99, STEP_HANDLE, CARE_CLERK, CLERK, OPINION_NONE), ERR_NOT_FOUND);
    struct complaint_deed mute = {.step = STEP_HANDLE, .by = {CARE_CLERK, CLERK, now, OPINION_NONE, false}};
    assert_int_equal(complaint_do(l.books, id, &mute, &why), ERR_FORMAT);
    mute.step = STEP_PASS_ON;
    assert_int_equal(complaint_do(l.books, id, &mute, &why), ERR_FORMAT);
    in.kind = "nonsense";
    assert_int_equal(complaint_receive(l.books, &in, now, &id, &why), ERR_NOT_FOUND);
    in.kind = "points", in.channel = "pigeon";
    assert_int_equal(complaint_receive(l.books, &in, now, &id, &why), ERR_FORMAT);
    in.channel = "desk", in.member = 99;
    assert_int_equal(complaint_receive(l.books, &in, now, &id, &why), ERR_NOT_FOUND);
    in.member = ADA, in.text = "";
    assert_int_equal(complaint_receive(l.books, &in, now, &id, &why), ERR_FORMAT);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM complaint_step"), steps);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM complaint"), 1);
    ledgers_close(&l);
}

TEST(complaint, a_member_answers_for_their_own_only_and_reads_what_is_meant_for_them)
{
    struct ledgers l;
    struct complaint_new in = complaint(BEN, CLERK);
    json_t *out;
    size_t i;
    json_t *step;
    open_books(&l);
    int64_t id = receive(&l, &in);
    CHECK(complaint_note(l.books, id, CLERK, "a difficult customer", false, now, &why));
    struct complaint_deed d = {.step = STEP_PASS_ON, .by = {CARE_CLERK, CLERK, now, OPINION_NONE, false},
                               .text = "difficult, as I said", .owner = "shop 7"};
    CHECK(complaint_do(l.books, id, &d, &why));
    CHECK(deed(&l, id, STEP_HANDLE, CARE_CLERK, CLERK, OPINION_NONE));
    assert_int_equal(deed(&l, id, STEP_ASK, CARE_MEMBER, 0, OPINION_SATISFIED), ERR_NOT_FOUND); /* Ada says */
    out = show(&l, id, CARE_MEMBER);
    assert_null(strstr(text_of(out, "owner"), "shop"));
    assert_int_equal(json_array_size(json_object_get(out, "may")), 1); /* to say whether satisfied */
    json_array_foreach(json_object_get(out, "steps"), i, step) {
        assert_int_equal(json_integer_value(json_object_get(step, "user")), 0);
        assert_null(strstr(text_of(step, "text"), "difficult"));
    }
    json_decref(out);
    ledgers_close(&l);
}

TEST(complaint, who_complained_is_told_once_each_time_it_is_handled)
{
    struct ledgers l;
    struct complaint_new in = complaint(ADA, CLERK), other = complaint(BEN, CLERK), nobody = complaint(0, CLERK);
    open_books(&l);
    int64_t id = receive(&l, &in);
    CHECK(deed(&l, id, STEP_HANDLE, CARE_CLERK, CLERK, OPINION_NONE));
    CHECK(deed(&l, id, STEP_ASK, CARE_MEMBER, 0, OPINION_NOT_SATISFIED));
    CHECK(deed(&l, id, STEP_HANDLE, CARE_CLERK, CLERK, OPINION_NONE));
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM message WHERE purpose = 'service' AND vals ="
                                     " '{\"complaint\":\"C1\"}'"), 2);
    CHECK(deed(&l, receive(&l, &other), STEP_HANDLE, CARE_CLERK, CLERK, OPINION_NONE)); /* no number of Ben's */
    CHECK(deed(&l, receive(&l, &nobody), STEP_HANDLE, CARE_CLERK, CLERK, OPINION_NONE));
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM message"), 2);
    ledgers_close(&l);
}

TEST(complaint, points_for_one_complaint_stay_within_the_limit_and_are_tied_to_it)
{
    static const struct {
        int64_t points, most;
        enum err e;
    } rows[] = {
        {0, 100, ERR_RANGE}, {-5, 100, ERR_RANGE}, {101, 100, ERR_REFUSED}, {60, 100, OK},
        {41, 100, ERR_REFUSED}, {40, 100, OK}, {1, 100, ERR_REFUSED}, {1, 500, OK},
    };
    struct ledgers l;
    struct complaint_new in = complaint(ADA, CLERK), nobody = complaint(0, CLERK);
    struct entry_id entry;
    open_books(&l);
    int64_t id = receive(&l, &in), of_nobody = receive(&l, &nobody);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(complaint_recover(l.books, id, points_of(rows[i].points), points_of(rows[i].most), CLERK, 0,
                                           "积分补偿积分补偿积分补偿积分补偿积分补偿积分补偿积分补偿", now, &entry, &why),
                         rows[i].e);
    ledgers_expect(&l, ADA, 101, 0, 0, 0);
    assert_int_equal(ledgers_sql(&l, "SELECT sum(points) FROM complaint_points WHERE complaint = 1"), 101);
    assert_int_equal(complaint_recover(l.books, of_nobody, points_of(1), points_of(9), CLERK, 0, "x", now, &entry, &why),
                     ERR_STATE);
    CHECK(deed(&l, id, STEP_WITHDRAW, CARE_MEMBER, 0, OPINION_NONE));
    assert_int_equal(complaint_recover(l.books, id, points_of(1), points_of(900), CLERK, 0, "x", now, &entry, &why),
                     ERR_STATE);
    ledgers_sound(&l);
    ledgers_close(&l);
}

static const json_t *row_by(const json_t *rows, const char *by)
{
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
        if (strcmp(text_of(row, "by"), by) == 0)
            return row;
    fail_msg("no row %s", by);
    return NULL;
}

static int64_t number(const json_t *row, const char *name)
{
    const json_t *v = json_object_get(row, name);
    return json_is_integer(v) ? json_integer_value(v) : -1;
}

TEST(complaint, the_numbers_say_how_soon_how_often_at_once_and_what_is_late)
{
    struct ledgers l;
    struct complaint_new a = complaint(ADA, CLERK), b = complaint(ADA, 0), c = complaint(BEN, CLERK);
    json_t *rows = json_array();
    struct entry_id entry;
    open_books(&l);
    a.cashier = 9;
    c.shop = "WEST";
    int64_t start = now, ida = receive(&l, &a), idb = receive(&l, &b), idc = receive(&l, &c);
    CHECK(complaint_recover(l.books, ida, points_of(7), points_of(9), CLERK, 0, "x", now, &entry, &why));
    CHECK(deed(&l, ida, STEP_HANDLE, CARE_CLERK, CLERK, OPINION_NONE)); /* at once, after 0 s */
    CHECK(deed(&l, ida, STEP_ASK, CARE_CLERK, CLERK, OPINION_SATISFIED));
    now = start + 1200;
    CHECK(deed(&l, idb, STEP_RECORD, CARE_CLERK, CLERK, OPINION_NONE)); /* answered after 20 minutes */
    CHECK(deed(&l, idb, STEP_PASS_ON, CARE_CLERK, CLERK, OPINION_NONE));
    now = start + 48 * 3600 + 1; /* one second late */
    CHECK(deed(&l, idb, STEP_HANDLE, CARE_CLERK, OTHER, OPINION_NONE));
    CHECK(complaint_numbers(l.books, "shop", LEDGERS_DAY_0 + DAY, LEDGERS_DAY_0 + DAY, now, rows, &why));
    const json_t *main_shop = row_by(rows, "MAIN"), *west = row_by(rows, "WEST");
    assert_int_equal(number(main_shop, "received"), 2);
    assert_int_equal(number(main_shop, "handled"), 2);
    assert_int_equal(number(main_shop, "late"), 1);
    assert_int_equal(number(main_shop, "first_contact"), 1);
    assert_int_equal(number(main_shop, "first_contact_permille"), 500);
    assert_int_equal(number(main_shop, "response_s"), 600);
    assert_int_equal(number(main_shop, "handling_s"), (48 * 3600 + 1) / 2);
    assert_int_equal(number(main_shop, "satisfied_permille"), 1000);
    assert_int_equal(number(main_shop, "points"), 7);
    assert_int_equal(number(west, "open"), 1);
    assert_int_equal(number(west, "overdue"), 1); /* nobody did anything in two days and a second */
    assert_int_equal(number(west, "first_contact_permille"), -1);
    json_array_clear(rows);
    CHECK(complaint_numbers(l.books, "cashier", LEDGERS_DAY_0 + DAY, LEDGERS_DAY_0 + DAY, now, rows, &why));
    assert_int_equal(number(row_by(rows, "9"), "received"), 1);
    json_array_clear(rows);
    CHECK(complaint_numbers(l.books, "month", LEDGERS_DAY_0 + DAY, LEDGERS_DAY_0 + DAY, now, rows, &why));
    assert_int_equal(number(row_by(rows, "2011-04"), "received"), 3);
    json_array_clear(rows);
    CHECK(complaint_numbers(l.books, "shop", LEDGERS_DAY_0 + DAY + 1, LEDGERS_DAY_0 + 999, now, rows, &why));
    assert_int_equal(json_array_size(rows), 0);
    assert_int_equal(complaint_numbers(l.books, "member; DROP TABLE", 0, 1, now, rows, &why), ERR_FORMAT);
    struct complaint_filter late = {.state = "overdue", .kind = "", .shop = "", .most = 10};
    CHECK(complaint_list(l.books, &late, now, rows, &why));
    assert_int_equal(json_array_size(rows), 1);
    assert_int_equal(number(json_array_get(rows, 0), "id"), idc);
    json_decref(rows);
    ledgers_close(&l);
}

TEST(complaint, one_opened_again_was_not_solved_at_first_contact_and_has_a_new_time)
{
    struct ledgers l;
    struct complaint_new in = complaint(ADA, CLERK);
    open_books(&l);
    int64_t id = receive(&l, &in);
    CHECK(deed(&l, id, STEP_HANDLE, CARE_CLERK, CLERK, OPINION_NONE));
    assert_int_equal(ledgers_sql(&l, "SELECT first_contact FROM complaint"), 1);
    now += 90000;
    CHECK(deed(&l, id, STEP_ASK, CARE_MEMBER, 0, OPINION_NOT_SATISFIED));
    assert_int_equal(ledgers_sql(&l, "SELECT first_contact FROM complaint"), 0);
    assert_int_equal(ledgers_sql(&l, "SELECT due_s FROM complaint"), now + 48 * 3600);
    CHECK(deed(&l, id, STEP_HANDLE, CARE_CLERK, CLERK, OPINION_NONE));
    assert_int_equal(ledgers_sql(&l, "SELECT first_contact * 10 + late FROM complaint"), 0);
    ledgers_close(&l);
}

TEST(complaint, another_kind_found_when_it_is_recorded_brings_its_own_limit)
{
    struct ledgers l;
    struct complaint_new in = complaint(ADA, 0);
    open_books(&l);
    int64_t id = receive(&l, &in), start = now;
    now += 100;
    struct complaint_deed d = {.step = STEP_RECORD, .by = {CARE_CLERK, CLERK, now, OPINION_NONE, false}, .kind = "goods"};
    CHECK(complaint_do(l.books, id, &d, &why));
    assert_int_equal(ledgers_sql(&l, "SELECT due_s FROM complaint"), start + 72 * 3600);
    CHECK(complaint_set_limit(l.books, "goods", 5, &why));
    assert_int_equal(ledgers_sql(&l, "SELECT due_s FROM complaint"), start + 72 * 3600); /* from the next one on */
    in.kind = "goods";
    id = receive(&l, &in);
    assert_int_equal(ledgers_sql(&l, "SELECT due_s FROM complaint WHERE id = 2"), now + 5 * 3600);
    assert_int_equal(complaint_set_limit(l.books, "goods", 0, &why), ERR_RANGE);
    assert_int_equal(complaint_set_limit(l.books, "none", 5, &why), ERR_NOT_FOUND);
    ledgers_close(&l);
}

TEST(complaint, erasing_the_person_takes_the_words_and_keeps_the_steps)
{
    struct ledgers l;
    struct complaint_new in = complaint(ADA, CLERK), other = complaint(BEN, CLERK);
    open_books(&l);
    receive(&l, &in);
    receive(&l, &other);
    CHECK(deed(&l, 1, STEP_HANDLE, CARE_CLERK, CLERK, OPINION_NONE));
    CHECK(books_erase_person(l.books, ADA, &why));
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM complaint_step WHERE complaint = 1"), 3);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM complaint_step WHERE complaint = 1 AND text <> ''"), 0);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM complaint WHERE text <> ''"), 1);
    ledgers_close(&l);
}
