/* test_segment.c - segments: each fact and join, all faults of a rule at once, sentences, marks that come and go, who is
 * held out.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/tr.h"
#include "ledgers.h"
#include "office/care/segment.h"
#include "packs.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct errmsg why;
#define CHECK(call) do { if ((call) != OK) fail_msg("%s", why.text); } while (0)

static struct segment segment;
static struct segment_faults faults;

static const struct segment *rule(const char *json)
{
    CHECK(segment_read(&segment, json, &faults, &why));
    return &segment;
}

TEST(segment, each_fact_and_each_join_holds_as_it_says)
{
    static const struct {
        const char *rule;
        bool holds; /* of the member below */
    } rows[] = {
        {"{\"fact\":\"tier\",\"in\":[\"GOLD\"]}", true},
        {"{\"fact\":\"tier\",\"in\":[\"SILVER\",\"GOLD\"]}", true},
        {"{\"fact\":\"tier\",\"in\":[\"GOL\"]}", false},
        {"{\"fact\":\"shop\",\"in\":[\"MAIN\"]}", true},
        {"{\"fact\":\"shop\",\"in\":[\"MAI\",\"AIN\"]}", false},
        {"{\"fact\":\"tag\",\"in\":[\"coffee\"]}", true},
        {"{\"fact\":\"tag\",\"in\":[\"cof\"]}", false},
        {"{\"fact\":\"tag\",\"in\":[\"tea\",\"vip\"]}", true},
        {"{\"fact\":\"days_since_purchase\",\"least\":30}", true},
        {"{\"fact\":\"days_since_purchase\",\"least\":31}", false},
        {"{\"fact\":\"days_since_purchase\",\"most\":30}", true},
        {"{\"fact\":\"days_since_purchase\",\"most\":29}", false},
        {"{\"fact\":\"days_since_joining\",\"least\":400,\"most\":400}", true},
        {"{\"fact\":\"birthday_month\",\"least\":3,\"most\":3}", true},
        {"{\"fact\":\"birthday_month\",\"least\":4}", false},
        {"{\"fact\":\"rating\",\"most\":1}", false},
        {"{\"fact\":\"rating\",\"most\":2}", true},
        {"{\"fact\":\"spend\",\"days\":90,\"least\":5000}", true},
        {"{\"fact\":\"spend\",\"days\":90,\"least\":5001}", false},
        {"{\"all\":[{\"fact\":\"spend\",\"days\":90,\"most\":5000},{\"fact\":\"visits\",\"days\":7,\"most\":0}]}", true},
        {"{\"all\":[{\"fact\":\"visits\",\"days\":90,\"least\":3},{\"fact\":\"spend\",\"days\":7,\"least\":1}]}", false},
        {"{\"any\":[{\"fact\":\"tier\",\"in\":[\"X\"]},{\"fact\":\"rating\",\"least\":2}]}", true},
        {"{\"any\":[{\"fact\":\"tier\",\"in\":[\"X\"]},{\"fact\":\"rating\",\"least\":3}]}", false},
        {"{\"all\":[{\"fact\":\"tier\",\"in\":[\"GOLD\"]},{\"fact\":\"rating\",\"least\":3}]}", false},
        {"{\"not\":{\"fact\":\"rating\",\"least\":3}}", true},
        {"{\"not\":{\"not\":{\"fact\":\"rating\",\"least\":3}}}", false},
        {"{\"all\":[{\"any\":[{\"fact\":\"rating\",\"most\":1},{\"fact\":\"tag\",\"in\":[\"vip\"]}]},"
         "{\"not\":{\"all\":[{\"fact\":\"rating\",\"most\":2},{\"fact\":\"tag\",\"in\":[\"tea\"]}]}}]}", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct segment_facts f = {"GOLD", "MAIN", "\nvip\ncoffee\n", 30, 400, 3, 2, {{0}}};
        rule(rows[i].rule);
        for (int w = 0; w < segment.window_count; w++)
            if (segment.windows[w] == 90)
                f.windows[w].spend = 5000, f.windows[w].visits = 4;
        if (segment_holds(&segment, &f) != rows[i].holds)
            fail_msg("%s", rows[i].rule);
    }
}

TEST(segment, what_is_not_known_fulfils_nothing)
{
    struct segment_facts nobody = {"", "", "", -1, 0, 0, 0, {{0}}};
    static const char *const rules[] = {
        "{\"fact\":\"days_since_purchase\",\"most\":9999}", "{\"fact\":\"birthday_month\",\"most\":12}",
        "{\"fact\":\"rating\",\"most\":3}", "{\"fact\":\"tag\",\"in\":[\"x\"]}", "{\"fact\":\"shop\",\"in\":[\"x\"]}",
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        assert_false(segment_holds(rule(rules[i]), &nobody));
}

TEST(segment, every_fault_of_a_rule_is_said_at_once_with_its_place)
{
    assert_int_equal(segment_read(&segment,
                                  "{\"all\":[{\"fact\":\"colour\",\"in\":[\"red\"]},{\"fact\":\"tier\",\"in\":[]},"
                                  "{\"any\":[{\"fact\":\"spend\",\"least\":1},{\"fact\":\"rating\",\"least\":3,\"most\":1}]},"
                                  "7,{\"fact\":\"tag\",\"in\":[\"a\"],\"least\":1}]}",
                                  &faults, &why), ERR_FORMAT);
    assert_int_equal(faults.count, 6);
    assert_string_equal(faults.faults[0].where, "all[0]");
    assert_string_equal(faults.faults[0].what, "there is no such fact about a member: colour");
    assert_string_equal(faults.faults[2].where, "all[2].any[0]");
    assert_string_equal(faults.faults[2].what, "\"days\" is 1 to 3660");
    assert_string_equal(faults.faults[5].where, "all[4]");
    assert_string_equal(faults.faults[5].what, "this is not known here: least");
}

TEST(segment, rules_that_are_too_large_or_no_rules_are_refused)
{
    static const char *const bad[] = {
        "", "[]", "{}", "{\"all\":[]}", "{\"all\":{}}", "{\"all\":[{}],\"any\":[{}]}", "{\"fact\":\"rating\"}",
        "{\"fact\":\"rating\",\"least\":1.5}", "{\"fact\":\"rating\",\"least\":\"1\"}", "{\"fact\":\"rating\",\"in\":[\"1\"]}",
        "{\"fact\":\"spend\",\"days\":0,\"least\":1}", "{\"fact\":\"spend\",\"days\":3661,\"least\":1}",
        "{\"fact\":\"tag\",\"in\":[\"\"]}", "{\"fact\":\"tag\",\"in\":[\"a\\nb\"]}",
        "{\"fact\":\"tag\",\"in\":[\"12345678901234567890123456789012345678901\"]}",
        "{\"not\":{\"not\":{\"not\":{\"not\":{\"not\":{\"not\":{\"not\":{\"fact\":\"rating\",\"least\":1}}}}}}}}",
        "{\"fact\":\"rating\",\"least\":1,\"least\":2}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (segment_read(&segment, bad[i], &faults, &why) != ERR_FORMAT)
            fail_msg("taken: %s", bad[i]);
    char many[8000] = "{\"any\":[";
    for (int i = 0; i < SEGMENT_NODES_MAX; i++)
        strcat(many, i ? ",{\"fact\":\"rating\",\"least\":1}" : "{\"fact\":\"rating\",\"least\":1}");
    strcat(many, "]}");
    assert_int_equal(segment_read(&segment, many, &faults, &why), ERR_FORMAT);
    char windows[2000] = "{\"any\":[";
    for (int i = 1; i <= SEGMENT_WINDOWS_MAX + 1; i++)
        sprintf(windows + strlen(windows), "%s{\"fact\":\"visits\",\"days\":%d,\"least\":1}", i > 1 ? "," : "", i);
    strcat(windows, "]}");
    assert_int_equal(segment_read(&segment, windows, &faults, &why), ERR_FORMAT);
}

TEST(segment, a_rule_reads_as_a_sentence)
{
    struct pack pack;
    char text[SEGMENT_SAY_SIZE], small[24];
    packs_make(&pack, "", "");
    rule("{\"all\":[{\"fact\":\"tier\",\"in\":[\"GOLD\",\"SILVER\"]},{\"fact\":\"spend\",\"days\":90,\"least\":10000},"
         "{\"any\":[{\"fact\":\"rating\",\"most\":1},{\"not\":{\"fact\":\"visits\",\"days\":7,\"least\":1,\"most\":2}}]}]}");
    segment_say(text, sizeof text, &segment, &pack);
    assert_string_equal(text, "tier: GOLD or SILVER, and spent in the last 90 days: at least 100.00 GBP, and (last rating: "
                              "at most 1, or not (visits in the last 7 days: 1 to 2))");
    segment_say(small, sizeof small, &segment, &pack);
    assert_int_equal(strlen(small), sizeof small - 1);
}

static void tag(struct ledgers *l, int member, const char *name)
{
    char sql[160];
    snprintf(sql, sizeof sql, "INSERT INTO tag (member, kind, tag, time_s, user) VALUES (%d, 'tag', '%s', 0, 1)", member, name);
    ledgers_exec(l, sql);
}

static bool collect(member_id member, void *arg)
{
    snprintf((char *)arg + strlen(arg), 20, "%d ", (int)member);
    return true;
}

TEST(segment, facts_come_from_the_books)
{
    static const struct {
        const char *rule, *members;
    } rows[] = {
        {"{\"fact\":\"days_since_joining\",\"least\":0}", "5 6 7 "},
        {"{\"fact\":\"tag\",\"in\":[\"vip\"]}", "5 7 "},
        {"{\"fact\":\"visits\",\"days\":30,\"least\":1}", "6 "},
        {"{\"fact\":\"visits\",\"days\":31,\"least\":1}", "5 6 "}, /* Ada's, 30 days ago, is in a window of 31 */
        {"{\"fact\":\"spend\",\"days\":31,\"least\":2000}", "6 "},
        {"{\"fact\":\"spend\",\"days\":365,\"least\":1,\"most\":1000}", "5 "},
        {"{\"fact\":\"days_since_purchase\",\"most\":29}", "6 "},
        {"{\"fact\":\"days_since_purchase\",\"least\":30}", "5 "},
        {"{\"not\":{\"fact\":\"days_since_purchase\",\"least\":0}}", "7 "},
        {"{\"fact\":\"birthday_month\",\"least\":3,\"most\":3}", "6 "},
        {"{\"fact\":\"visits\",\"days\":30,\"least\":3}", ""}, /* one day with two numbers of one person is one visit */
    };
    struct ledgers l;
    struct person ben = {.member = 6, .birthday = "03-14"};
    ledgers_open(&l, "segments", "", "");
    for (member_id m = 5; m <= 7; m++)
        ledgers_member(&l, m, 10);
    CHECK(books_save_person(l.books, &ben, &why));
    ledgers_sale(&l, 1, 5, "A 1 10.00", 70);
    ledgers_sale(&l, 1, 6, "A 1 10.00", 90);
    ledgers_sale(&l, 1, 6, "A 1 10.00", 100);
    ledgers_exec(&l, "INSERT INTO metric_day (member, owner, day, spend, points, bills) VALUES (6, 40, 15075, 0, 0, 1)");
    tag(&l, 5, "vip");
    tag(&l, 5, "late");
    tag(&l, 7, "vip");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char members[100] = "";
        CHECK(segment_each(l.books, rule(rows[i].rule), LEDGERS_DAY_0 + 100, collect, members, &why));
        if (strcmp(members, rows[i].members) != 0)
            fail_msg("%s: %s, not %s", rows[i].rule, members, rows[i].members);
    }
    ledgers_close(&l);
}

TEST(segment, marks_come_and_go_with_each_run)
{
    struct ledgers l;
    int64_t size;
    ledgers_open(&l, "marks", "", "");
    ledgers_member(&l, 5, 10);
    ledgers_member(&l, 6, 10);
    tag(&l, 5, "vip");
    CHECK(segment_save(l.books, "VIP", "Our best", "{\"fact\":\"tag\",\"in\":[\"vip\"]}", true, 1, &why));
    CHECK(segment_save(l.books, "QUIET", "Unmarked", "{\"fact\":\"tag\",\"in\":[\"vip\"]}", false, 1, &why));
    CHECK(segment_run(l.books, NULL, ledgers_day(20), &size, &why));
    assert_int_equal(size, 1);
    assert_int_equal(ledgers_sql(&l, "SELECT sum(member) FROM member_mark WHERE mark = 'VIP'"), 5);
    ledgers_exec(&l, "DELETE FROM tag");
    tag(&l, 6, "vip");
    CHECK(segment_run(l.books, "VIP", ledgers_day(21), &size, &why));
    assert_int_equal(ledgers_sql(&l, "SELECT sum(member) FROM member_mark"), 6);
    assert_int_equal(segment_run(l.books, "QUIET", ledgers_day(21), &size, &why), ERR_STATE);
    assert_int_equal(segment_run(l.books, "NONE", ledgers_day(21), &size, &why), ERR_NOT_FOUND);
    CHECK(segment_save(l.books, "VIP", "Our best", "{\"fact\":\"tag\",\"in\":[\"vip\"]}", false, 1, &why));
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM member_mark"), 0);
    CHECK(segment_drop(l.books, "VIP", &why));
    assert_int_equal(segment_drop(l.books, "VIP", &why), ERR_NOT_FOUND);
    assert_int_equal(segment_save(l.books, "birthday", "x", "{\"fact\":\"tag\",\"in\":[\"vip\"]}", true, 1, &why), ERR_FORMAT);
    assert_int_equal(segment_save(l.books, "A2345678901234567", "x", "{\"fact\":\"tag\",\"in\":[\"v\"]}", true, 1, &why), ERR_FORMAT);
    assert_int_equal(segment_save(l.books, "BAD", "x", "{}", true, 1, &why), ERR_FORMAT);
    ledgers_close(&l);
}

TEST(segment, a_preview_says_how_many_and_in_words_or_all_that_is_wrong)
{
    struct ledgers l;
    json_t *out = json_object();
    ledgers_open(&l, "preview", "", "");
    for (member_id m = 5; m <= 17; m++)
        ledgers_member(&l, m, 10);
    CHECK(segment_preview(l.books, "{\"fact\":\"days_since_joining\",\"least\":10}", LEDGERS_DAY_0 + 20, out, &why));
    assert_int_equal(json_integer_value(json_object_get(out, "size")), 13);
    assert_int_equal(json_array_size(json_object_get(out, "some")), 10);
    assert_string_equal(json_string_value(json_object_get(out, "says")), "days since joining: at least 10");
    json_object_clear(out);
    assert_int_equal(segment_preview(l.books, "{\"fact\":\"x\"}", LEDGERS_DAY_0, out, &why), ERR_FORMAT);
    assert_int_equal(json_array_size(json_object_get(out, "faults")), 1);
    json_decref(out);
    ledgers_close(&l);
}

TEST(segment, who_is_held_out_is_a_share_by_chance_and_the_same_for_ever)
{
    int out = 0, both = 0;
    for (uint64_t m = 1; m <= 10000; m++) {
        out += segment_held_out("SPRING", m, 10);
        both += segment_held_out("SPRING", m, 10) && segment_held_out("SUMMER", m, 10);
        assert_int_equal(segment_held_out("SPRING", m, 10), segment_held_out("SPRING", m, 10));
        assert_false(segment_held_out("SPRING", m, 0));
    }
    assert_in_range(out, 900, 1100);
    assert_in_range(both, 60, 140);
    assert_true(segment_held_out("SPRING", 12, 10) == segment_held_out("SPRING", 12, 10));
}
