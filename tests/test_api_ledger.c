/* test_api_ledger.c - what head office's people do with points: by hand and by two, merges, households, a file of opening
 * balances.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/members/adjust.h"
#include "office/members/pool.h"
#include "office/plan/proposal.h"
#include "tests/apis.h"
#include "tests/ledgers.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ledgers l;
static struct apis a;
static struct home home; /* its keys: zeros */

#define TOP                                                                                        \
    "\"expiry\": {\"kind\": \"rolling\", \"days\": 400},"                                           \
    " \"redeem\": {\"worth\": 1, \"min\": 1, \"step\": 1, \"max_share\": 1, \"offline_days\": 7},"  \
    " \"tiers\": {\"levels\": [{\"code\": \"base\", \"name\": \"Base\"},"                           \
    " {\"code\": \"gold\", \"name\": \"Gold\", \"upgrade_at\": 1000000}]}"

static void begin(const char *name)
{
    ledgers_open(&l, name, "", TOP);
    for (member_id m = 7; m <= 9; m++)
        ledgers_member(&l, m, 0);
    ledgers_sale(&l, 1, 7, "A 1 100.00", 1);
    ledgers_sale(&l, 1, 8, "A 1 60.00", 2);
    apis_begin(&a, l.books);
    a.office.home = &home;
}

static void end(void)
{
    ledgers_sound(&l);
    apis_end(&a);
    ledgers_close(&l);
}

static int64_t number(json_t *answer, const char *name)
{
    int64_t n = json_integer_value(json_object_get(answer, name));
    json_decref(answer);
    return n;
}

static int64_t held(member_id member)
{
    struct member_view m;
    assert_int_equal(books_member(l.books, member, &m, NULL), OK);
    return points_n(m.held);
}

/* ---- by hand ---- */

TEST(adjust, in_the_limits_of_the_role_at_once_and_a_day)
{
    static const struct {
        unsigned roles;
        int64_t points;
        bool proposed;
    } rows[] = {
        {ROLE_CLERK, 200, false},
        {ROLE_CLERK, 201, true},   /* at once */
        {ROLE_CLERK, -200, false}, /* taken counts like given */
        {ROLE_CLERK, 200, false},
        {ROLE_CLERK, 200, false},
        {ROLE_CLERK, 199, false},
        {ROLE_CLERK, 2, true}, /* a day */
        {ROLE_CLERK, 1, false},
        {ROLE_CONTROLLER, 5000, false}, /* another user */
        {ROLE_CONTROLLER, 5001, true},
    };
    int64_t points = 100;
    begin("limits");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char body[120];
        apis_user(&a, rows[i].roles);
        snprintf(body, sizeof body, "{\"points\": %lld, \"reason\": \"spilt coffee\"}", (long long)rows[i].points);
        bool proposed = number(apis_ask(&a, "POST", "/api/members/M7/adjust", body), "proposal") > 0;
        if (a.status != 200 || proposed != rows[i].proposed)
            fail_msg("row %zu: %d %s", i, a.status, a.text);
        points += proposed ? 0 : rows[i].points;
        assert_int_equal(held(7), points);
    }
    assert_int_equal(number(apis_ask(&a, "GET", "/api/limits", NULL), "today"), 5000);
    apis_expect(&a, 400, "POST", "/api/members/M7/adjust", "{\"points\": 0, \"reason\": \"x\"}");
    apis_expect(&a, 400, "POST", "/api/members/M7/adjust", "{\"points\": 1, \"reason\": \"\"}");
    apis_expect(&a, 404, "POST", "/api/members/M70/adjust", "{\"points\": 1, \"reason\": \"x\"}");
    apis_user(&a, ROLE_MARKETER);
    apis_expect(&a, 403, "POST", "/api/members/M7/adjust", "{\"points\": 1, \"reason\": \"x\"}");
    end();
}

TEST(adjust, above_the_limit_by_two_persons)
{
    struct errmsg why = {""};
    struct proposal p;
    begin("two");
    apis_user(&a, ROLE_CLERK);
    uint32_t clerk = a.user;
    int64_t id = number(apis_ask(&a, "POST", "/api/members/M7/adjust", "{\"points\": 900, \"reason\": \"a lost card\"}"), "proposal");
    assert_int_equal(held(7), 100);
    assert_int_equal(books_begin(l.books, &why), OK);
    assert_int_equal(proposal_decide(&a.office, id, true, clerk, "", a.now_s, &why), ERR_REFUSED); /* not the author */
    assert_int_equal(proposal_decide(&a.office, id, true, clerk + 1, "fine", a.now_s, &why), OK);
    assert_int_equal(books_commit(l.books, &why), OK);
    assert_int_equal(proposal_get(l.books, id, &p, &why), OK);
    assert_int_equal(p.state, PROPOSAL_DONE);
    proposal_finish(&p);
    assert_int_equal(held(7), 1000);
    assert_int_equal(ledgers_sql(&l, "SELECT approved_by - user FROM adjustment"), 1);
    apis_expect(&a, 200, "POST", "/api/members/M7/adjust", "{\"points\": 200, \"reason\": \"it counts not for the day\"}");
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM adjustment WHERE approved_by = 0"), 1);
    end();
}

TEST(adjust, the_limits_are_the_admins_to_set)
{
    begin("admin");
    apis_user(&a, ROLE_CONTROLLER);
    apis_expect(&a, 403, "POST", "/api/limits/clerk", "{\"at_once\": 5, \"a_day\": 10}");
    apis_user(&a, ROLE_ADMIN);
    apis_expect(&a, 400, "POST", "/api/limits/clerk", "{\"at_once\": 11, \"a_day\": 10}");
    apis_expect(&a, 404, "POST", "/api/limits/admin", "{\"at_once\": 5, \"a_day\": 10}");
    apis_expect(&a, 200, "POST", "/api/limits/clerk", "{\"at_once\": 5, \"a_day\": 10}");
    apis_user(&a, ROLE_CLERK);
    assert_int_equal(number(apis_ask(&a, "POST", "/api/members/M7/adjust", "{\"points\": 5, \"reason\": \"x\"}"), "proposal"), 0);
    assert_int_not_equal(number(apis_ask(&a, "POST", "/api/members/M7/adjust", "{\"points\": 6, \"reason\": \"x\"}"), "proposal"), 0);
    apis_expect(&a, 200, "GET", "/api/adjustments?from=2011-01-01&to=2011-12-31", NULL);
    end();
}

TEST(adjust, goodwill_is_tied_to_its_complaint)
{
    begin("complaint");
    apis_user(&a, ROLE_CLERK);
    json_t *made = apis_ask(&a, "POST", "/api/complaints", "{\"member\": \"M7\", \"channel\": \"phone\", \"kind\": \"service\", \"text\": \"cold soup\"}");
    if (a.status != 200)
        fail_msg("%d %s %s", a.status, a.text, a.field);
    json_decref(made);
    apis_expect(&a, 200, "POST", "/api/members/M7/adjust", "{\"points\": 50, \"reason\": \"a soup\", \"complaint\": 1}");
    assert_int_equal(held(7), 150);
    assert_int_equal(ledgers_sql(&l, "SELECT complaint FROM adjustment"), 1);
    assert_int_equal(ledgers_sql(&l, "SELECT sum(points) FROM complaint_points WHERE complaint = 1"), 50);
    apis_expect(&a, 400, "POST", "/api/members/M7/adjust", "{\"points\": -5, \"reason\": \"x\", \"complaint\": 1}");
    apis_expect(&a, 404, "POST", "/api/members/M7/adjust", "{\"points\": 5, \"reason\": \"x\", \"complaint\": 2}");
    apis_expect(&a, 409, "POST", "/api/members/M8/adjust", "{\"points\": 5, \"reason\": \"x\", \"complaint\": 1}");
    end();
}

/* ---- merges, transfers, later ends, tiers ---- */

TEST(api_ledger, a_merge_is_looked_at_done_once_and_undone)
{
    begin("merge");
    apis_user(&a, ROLE_CLERK);
    json_t *look = apis_ask(&a, "GET", "/api/members/M7/merge?other=M8", NULL);
    assert_true(json_is_true(json_object_get(look, "may")));
    assert_int_equal(json_integer_value(json_object_get(json_object_get(look, "other"), "points")), 60);
    json_decref(look);
    apis_expect(&a, 400, "POST", "/api/members/M7/merge", "{\"other\": \"M8\", \"reason\": \"\"}");
    assert_string_equal(a.field, "reason");
    json_t *done = apis_ask(&a, "POST", "/api/members/M7/merge", "{\"other\": \"M8\", \"reason\": \"two cards\"}");
    char path[80];
    snprintf(path, sizeof path, "/api/merges/%s/undo", json_string_value(json_object_get(done, "entry")));
    json_decref(done);
    assert_int_equal(held(7), 160);
    json_t *absorbed = apis_ask(&a, "GET", "/api/members/M8", NULL);
    assert_string_equal(json_string_value(json_object_get(absorbed, "is")), "M7");
    json_decref(absorbed);
    apis_expect(&a, 409, "POST", "/api/members/M7/merge", "{\"other\": \"M8\", \"reason\": \"two cards\"}");
    look = apis_ask(&a, "GET", "/api/members/M7/merge?other=M8", NULL);
    assert_true(json_is_false(json_object_get(look, "may")));
    json_decref(look);
    apis_user(&a, ROLE_AUDITOR);
    apis_expect(&a, 403, "POST", path, "{\"reason\": \"her daughter\"}");
    apis_expect(&a, 200, "GET", "/api/merges", NULL);
    apis_user(&a, ROLE_CLERK);
    apis_expect(&a, 200, "POST", path, "{\"reason\": \"her daughter\"}");
    assert_int_equal(held(8), 60);
    apis_expect(&a, 409, "POST", path, "{\"reason\": \"again\"}");
    end();
}

TEST(api_ledger, what_does_not_hold_is_refused_and_nothing_is_kept)
{
    begin("refuse");
    int64_t entries = ledgers_sql(&l, "SELECT count(*) FROM entry");
    apis_user(&a, ROLE_CONTROLLER);
    apis_expect(&a, 409, "POST", "/api/members/M7/transfer", "{\"to\": \"M8\", \"points\": 101, \"reason\": \"x\"}");
    apis_expect(&a, 400, "POST", "/api/members/M7/transfer", "{\"to\": \"M7\", \"points\": 1, \"reason\": \"x\"}");
    apis_expect(&a, 400, "POST", "/api/members/M7/transfer", "{\"to\": \"M8\", \"points\": -1, \"reason\": \"x\"}");
    apis_expect(&a, 400, "POST", "/api/members/M7/tier", "{\"tier\": \"tin\", \"reason\": \"x\"}");
    apis_expect(&a, 422, "POST", "/api/members/M7/extend", "{\"from\": \"2010-01-01\", \"to\": \"2010-12-31\", \"reason\": \"x\"}");
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM entry"), entries);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM review"), 0);
    apis_expect(&a, 200, "POST", "/api/members/M7/transfer", "{\"to\": \"M8\", \"points\": 100, \"reason\": \"x\"}");
    apis_expect(&a, 200, "POST", "/api/members/M7/tier", "{\"tier\": \"gold\", \"until\": \"2011-12-31\", \"reason\": \"x\"}");
    apis_expect(&a, 200, "POST", "/api/members/M8/extend", "{\"from\": \"2011-01-01\", \"reason\": \"x\"}");
    assert_int_equal(held(8), 160);
    assert_int_equal(ledgers_sql(&l, "SELECT sum(left) FROM lot WHERE expires_day = 2147483647"), 160);
    end();
}

/* ---- households ---- */

static int32_t sweep(void)
{
    struct errmsg why = {""};
    int32_t transfers = -1;
    assert_int_equal(books_begin(l.books, &why), OK);
    if (pool_sweep(l.books, a.now_s, &transfers, &why))
        fail_msg("%s", why.text);
    assert_int_equal(books_commit(l.books, &why), OK);
    return transfers;
}

TEST(pool, what_its_members_may_spend_goes_to_the_head_and_tiers_stay)
{
    begin("pool");
    apis_user(&a, ROLE_CLERK);
    apis_expect(&a, 200, "POST", "/api/pools", "{\"name\": \"Lovelace\", \"head\": \"M9\", \"most\": 3, \"stay_days\": 30}");
    apis_expect(&a, 200, "POST", "/api/pools/1/join", "{\"member\": \"M7\"}");
    apis_expect(&a, 409, "POST", "/api/pools/1/join", "{\"member\": \"M7\"}");
    assert_int_equal(sweep(), 1);
    assert_int_equal(sweep(), 0);
    assert_int_equal(held(9), 100);
    assert_int_equal(held(7), 0);
    assert_int_equal(held(8), 60);
    assert_int_equal(ledgers_sql(&l, "SELECT sum(spend) FROM metric_day WHERE member = 7"), 10000);
    assert_int_equal(ledgers_sql(&l, "SELECT swept FROM pool_member WHERE member = 7"), 100);
    apis_expect(&a, 422, "POST", "/api/pools/1/leave", "{\"member\": \"M7\"}"); /* 30 days */
    apis_expect(&a, 422, "POST", "/api/pools/1/leave", "{\"member\": \"M9\"}"); /* the head */
    a.now_s += 30 * 86400;
    apis_expect(&a, 200, "POST", "/api/pools/1/leave", "{\"member\": \"M7\"}");
    apis_expect(&a, 404, "POST", "/api/pools/1/leave", "{\"member\": \"M7\"}");
    ledgers_sale(&l, 1, 7, "A 1 5.00", 90);
    assert_int_equal(sweep(), 0);
    assert_int_equal(held(7), 5);
    assert_int_equal(number(apis_ask(&a, "GET", "/api/pools/1", NULL), "members"), 1);
    apis_expect(&a, 200, "POST", "/api/pools/1/end", NULL);
    apis_expect(&a, 404, "POST", "/api/pools/1/join", "{\"member\": \"M8\"}");
    apis_expect(&a, 200, "GET", "/api/pools", NULL);
    end();
}

TEST(pool, its_rules_say_who_and_how_many)
{
    begin("rules");
    apis_user(&a, ROLE_CLERK);
    ledgers_exec(&l, "INSERT INTO member_type (member, type) VALUES (8, 'reseller')");
    ledgers_member(&l, 10, 0);
    ledgers_member(&l, 11, 0);
    apis_expect(&a, 400, "POST", "/api/pools", "{\"name\": \"x\", \"head\": \"M9\", \"most\": 1}");
    apis_expect(&a, 400, "POST", "/api/pools", "{\"name\": \"\", \"head\": \"M9\"}");
    apis_expect(&a, 404, "POST", "/api/pools", "{\"name\": \"x\", \"head\": \"M90\"}");
    apis_expect(&a, 200, "POST", "/api/pools", "{\"name\": \"x\", \"head\": \"M9\", \"most\": 3, \"who\": \"persons\"}");
    apis_expect(&a, 409, "POST", "/api/pools", "{\"name\": \"y\", \"head\": \"M9\"}");
    apis_expect(&a, 422, "POST", "/api/pools/1/join", "{\"member\": \"M8\"}");
    apis_expect(&a, 200, "POST", "/api/pools/1/join", "{\"member\": \"M7\"}");
    apis_expect(&a, 200, "POST", "/api/pools/1/join", "{\"member\": \"M10\"}");
    apis_expect(&a, 422, "POST", "/api/pools/1/join", "{\"member\": \"M11\"}"); /* full */
    /* one of them is merged with the head: nothing is sent to itself */
    apis_expect(&a, 200, "POST", "/api/members/M9/merge", "{\"other\": \"M7\", \"reason\": \"the same\"}");
    assert_int_equal(sweep(), 0);
    assert_int_equal(held(9), 100);
    end();
}

/* ---- opening balances ---- */

static void faults(const char *csv, const char *expected)
{
    char text[2000] = "";
    json_t *body = json_pack("{ss ss}", "file", "old.csv", "csv", csv);
    char *dump = json_dumps(body, 0);
    json_t *answer = apis_ask(&a, "POST", "/api/opening", dump);
    if (a.status != 200)
        snprintf(text, sizeof text, "%d %s", a.status, a.text);
    else {
        size_t i;
        json_t *f;
        json_array_foreach(json_object_get(answer, "faults"), i, f) {
            size_t used = strlen(text);
            snprintf(text + used, sizeof text - used, "%lld %s\n", (long long)json_integer_value(json_object_get(f, "line")),
                     json_string_value(json_object_get(f, "text")));
        }
        assert_int_equal(json_is_true(json_object_get(answer, "done")), !*text);
    }
    assert_string_equal(text, expected);
    free(dump);
    json_decref(answer);
    json_decref(body);
}

TEST(opening_file, every_fault_of_every_line_is_said_and_nothing_is_done)
{
    static const struct {
        const char *csv, *faults;
    } rows[] = {
        {"", "400 the file is empty"},
        {"member,points\nM7,5\n", "400 the first line has to name points, last_day, and one of member, card and phone"},
        {"member,points,last_day,colour\n", "400 column 4 of the first line is \"colour\": there are member, card, phone, "
                                            "points, last_day, tier and reason, each once"},
        {"member,points,last_day\nM7,5,2012-01-01\nM70,x,2012-13-01\n",
         "3 M70 is not a member\n3 points are \"x\": a whole number from 1 to 1000000000 is needed\n"
         "3 last_day is \"2012-13-01\": write 2027-12-31, never, or nothing\n"},
        {"member;card;points;last_day\nM7;04:01;5;\n;;5;\n;04010203040509;0;2011-02-28\n",
         "2 one of member, card and phone has to be filled in\n3 one of member, card and phone has to be filled in\n"
         "4 card 04010203040509 is not known here\n"
         "4 points are \"0\": a whole number from 1 to 1000000000 is needed\n4 the last good day 2011-02-28 has passed\n"},
        {"member,points,last_day,tier\nM7,5,never,tin\n", "2 the rules in force have no tier \"tin\"\n"},
        {"member,points,last_day\nM7,5,never\n\nM8,5,never\nM7,5,never\n", "5 it says the same as line 2\n"},
        {"member,points,last_day\nM7,5,never,more,more,more,more,more\n", "2 there are more fields than columns\n"},
    };
    begin("faults");
    apis_user(&a, ROLE_CONTROLLER);
    int64_t entries = ledgers_sql(&l, "SELECT count(*) FROM entry");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        faults(rows[i].csv, rows[i].faults);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM entry"), entries);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM opening_file"), 0);
    end();
}

TEST(opening_file, a_good_file_is_posted_once)
{
    static const char csv[] = "\xef\xbb\xbf" "reason,member,points,last_day,tier\r\n"
                              "\"moved, with \"\"care\"\"\",M7,500,2012-06-30,gold\r\n,M9,40,never,\r\n,M9,2,,\r\n";
    begin("good");
    apis_user(&a, ROLE_CONTROLLER);
    json_t *body = json_pack("{ss ss sb}", "file", "old.csv", "csv", csv, "dry_run", 1);
    char *dump = json_dumps(body, 0);
    json_t *answer = apis_ask(&a, "POST", "/api/opening", dump);
    assert_int_equal(json_integer_value(json_object_get(answer, "points")), 542);
    assert_int_equal(json_integer_value(json_object_get(answer, "members")), 2);
    assert_true(json_is_false(json_object_get(answer, "done")));
    json_decref(answer);
    free(dump);
    json_decref(body);
    assert_int_equal(held(7), 100);
    faults(csv, "");
    assert_int_equal(held(7), 600);
    assert_int_equal(held(9), 42);
    struct member_view m;
    assert_int_equal(books_member(l.books, 7, &m, NULL), OK);
    assert_string_equal(m.tier, "gold");
    faults(csv, "409 this file was taken before: 2011-03-01T09:00:00, as old.csv");
    assert_int_equal(held(7), 600);
    apis_expect(&a, 200, "GET", "/api/opening", NULL);
    apis_user(&a, ROLE_CLERK);
    apis_expect(&a, 403, "POST", "/api/opening", "{\"file\": \"x\", \"csv\": \"y\"}");
    end();
}
