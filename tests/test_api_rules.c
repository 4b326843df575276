/* test_api_rules.c - a rule from draft to publication through the console's operations: written, checked, previewed,
 * proposed, approved by somebody else, rolled out, rolled back.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/plan/jobs.h"
#include "office/books/books_int.h"
#include "office/plan/rerate.h"
#include "tests/apis.h"
#include "tests/ledgers.h"
#include "tests/test.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct ledgers l;
static struct apis a;
static struct home home;
static struct errmsg why;

static void begin(void)
{
    char dir[300], path[HOME_PATH_MAX], program[400];
    struct ledgers fresh = {0};
    l = fresh;
    snprintf(dir, sizeof dir, "%s/office", test_scratch_dir());
    assert_int_equal(home_create(&home, dir, time(NULL), &why), OK);
    assert_int_equal(home_keep(&home, &why), OK);
    ledgers_open(&l, "office/patron", "", "\"redeem\": {\"worth\": 1, \"min\": 1, \"step\": 1, \"max_share\": 1}");
    ledgers_member(&l, 7, 0);
    ledgers_sale(&l, 1, 7, "A 1 100.00", 20);
    ledgers_sale(&l, 1, 7, "A 1 50.00", 45);
    home_path(&home, HOME_BOOKS, path);
    assert_string_equal(path, l.path);
    apis_begin(&a, l.books);
    a.office.home = &home;
    ssize_t size = readlink("/proc/self/exe", program, sizeof program - 1);
    program[size > 0 ? size : 0] = 0;
    *strrchr(program, '/') = 0;
    snprintf(strrchr(program, '/'), 12, "/patronctl");
    assert_int_equal(jobs_open(&a.office.jobs, &home, l.books, program, a.now_s, &why), OK);
}

static void end(void)
{
    jobs_close(a.office.jobs, a.now_s);
    ledgers_sound(&l);
    apis_end(&a);
    ledgers_close(&l);
    home_finish(&home);
}

static json_t *ask(const char *method, const char *path, const char *body)
{
    json_t *out = apis_ask(&a, method, path, body);
    if (a.status != 200)
        fail_msg("%s %s: %d %s", method, path, a.status, a.text);
    return out;
}

static int64_t number(json_t *answer, const char *name)
{
    json_t *n = json_object_get(answer, name);
    assert_true(json_is_integer(n));
    int64_t value = json_integer_value(n);
    json_decref(answer);
    return value;
}

static int64_t job_done(int64_t job, json_t **result)
{
    char path[64];
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(jobs_tick(a.office.jobs, a.now_s, &why), OK);
        snprintf(path, sizeof path, "/api/jobs/%lld", (long long)job);
        json_t *out = ask("GET", path, NULL);
        const char *state = json_string_value(json_object_get(out, "state"));
        if (strcmp(state, "done") == 0) {
            *result = json_incref(json_object_get(out, "result"));
            json_decref(out);
            return 1;
        }
        if (strcmp(state, "failed") == 0)
            fail_msg("%s", json_string_value(json_object_get(out, "sentence")));
        json_decref(out);
        (void)poll(NULL, 0, 10);
    }
    return 0;
}

#define TWICE                                                                                                          \
    "{\\n  \\\"version\\\": 1, \\\"effective\\\": \\\"2011-01-01\\\", \\\"name\\\": \\\"Twice\\\", \\\"currency\\\": \\\"GBP\\\","     \
    "\\n  \\\"earn\\\": {\\\"rate\\\": \\\"2/100\\\"},\\n \\\"redeem\\\": {\\\"worth\\\": 1, \\\"min\\\": 1, \\\"step\\\": 1, \\\"max_share\\\": 1}}"

TEST(api_rules, a_rule_from_draft_to_publication_and_back)
{
    json_t *out, *preview = NULL;
    char body[1200];
    begin();
    apis_user(&a, ROLE_MARKETER);
    int64_t draft = number(ask("POST", "/api/drafts", "{\"name\": \"More\"}"), "draft");
    assert_int_equal(draft, 1);
    out = ask("GET", "/api/drafts/1", NULL);
    assert_true(json_is_true(json_object_get(out, "good"))); /* it began as what is in force */
    json_decref(out);

    /* faults are told with their places, and a bad draft can be saved but not previewed or proposed */
    out = ask("POST", "/api/drafts/1", "{\"revision\": 1, \"name\": \"More\", \"text\": \"{\\\"version\\\": 1, \\\"effective\\\":"
                                       " \\\"2011-01-01\\\", \\\"name\\\": \\\"T\\\", \\\"currency\\\": \\\"GBP\\\", \\\"earn\\\":"
                                       " {\\\"rate\\\": \\\"x\\\", \\\"cap_per_bill\\\": -4}}\"}");
    json_t *faults = json_object_get(out, "faults");
    assert_int_equal(json_array_size(faults), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(faults, 0), "pointer")), "/earn/rate");
    assert_string_equal(json_string_value(json_object_get(json_array_get(faults, 1), "pointer")), "/earn/cap_per_bill");
    json_decref(out);
    apis_expect(&a, 400, "POST", "/api/drafts/1/preview", "{\"from\": \"2011-02-01\", \"to\": \"2011-12-31\"}");
    apis_expect(&a, 400, "POST", "/api/drafts/1/propose", "{\"revision\": 2, \"effective\": \"2011-03-05\", \"reason\": \"r\"}");

    snprintf(body, sizeof body, "{\"revision\": 2, \"name\": \"Twice\", \"text\": \"%s\"}", TWICE);
    assert_int_equal(number(ask("POST", "/api/drafts/1", body), "revision"), 3);
    apis_expect(&a, 409, "POST", "/api/drafts/1", body); /* of an old page */
    out = ask("POST", "/api/rules-check", "{\"text\": \"{\"}");
    assert_true(json_is_false(json_object_get(out, "good")));
    json_decref(out);
    out = ask("GET", "/api/drafts/1/diff", NULL);
    assert_true(json_array_size(json_object_get(out, "rows")) > 3);
    json_decref(out);

    /* seen before */
    int64_t job = number(ask("POST", "/api/drafts/1/preview", "{\"from\": \"2011-02-01\", \"to\": \"2011-12-31\"}"), "job");
    assert_true(job_done(job, &preview));
    assert_int_equal(json_integer_value(json_object_get(preview, "differing")), 1);
    assert_int_equal(json_integer_value(json_object_get(preview, "left_out")), 0);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(preview, "outstanding"), "before")), 150);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(preview, "outstanding"), "after")), 200);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(preview, "liability"), "after")), 200);
    json_decref(preview);
    json_decref(apis_ask(&a, "GET", "/api/jobs/1/entries.csv", NULL));
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.raw, "T0001-2,sale,M7,2011-02-15"));
    apis_expect(&a, 404, "GET", "/api/jobs/1/result.json", NULL);
    apis_expect(&a, 404, "GET", "/api/jobs/9", NULL);

    /* proposed, and approved by somebody else */
    int64_t proposal = number(ask("POST", "/api/drafts/1/propose", "{\"revision\": 3, \"effective\": \"2011-03-05\", \"reason\":"
                                                                   " \"more for all\", \"preview\": 1}"), "proposal");
    assert_int_equal(proposal, 1);
    apis_expect(&a, 403, "POST", "/api/proposals/1/decide", "{\"approve\": true}"); /* a marketer */
    apis_user(&a, ROLE_APPROVER);
    out = ask("GET", "/api/proposals/1", NULL);
    assert_true(json_is_true(json_object_get(out, "may_decide")));
    assert_true(json_array_size(json_object_get(out, "diff")) > 3);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(out, "preview"), "differing")), 1);
    json_decref(out);
    out = ask("POST", "/api/proposals/1/decide", "{\"approve\": true}");
    assert_string_equal(json_string_value(json_object_get(out, "state")), "done");
    json_decref(out);
    apis_expect(&a, 409, "POST", "/api/proposals/1/decide", "{\"approve\": false, \"remark\": \"no\"}");
    assert_int_equal(ledgers_sql(&l, "SELECT version FROM pack ORDER BY version DESC LIMIT 1"), 2);
    out = ask("GET", "/api/rules", NULL);
    json_t *newest = json_array_get(json_object_get(out, "rows"), 0);
    assert_string_equal(json_string_value(json_object_get(newest, "state")), "coming");
    assert_string_equal(json_string_value(json_object_get(newest, "effective")), "2011-03-05");
    json_decref(out);

    /* a preview of another revision is not shown with it */
    apis_user(&a, ROLE_MARKETER);
    json_decref(ask("POST", "/api/drafts", "{\"name\": \"Other\", \"base\": 1}"));
    json_decref(ask("POST", "/api/drafts/2/propose", "{\"revision\": 1, \"effective\": \"2011-03-06\", \"reason\": \"r\","
                                                     " \"preview\": 1}"));
    out = ask("GET", "/api/proposals/2", NULL);
    assert_null(json_object_get(out, "preview"));
    json_decref(out);
    json_decref(ask("POST", "/api/proposals/2/withdraw", NULL));

    /* back: the older text as a new version */
    assert_int_equal(number(ask("POST", "/api/rules/1/back", "{\"effective\": \"2011-03-06\", \"reason\": \"too dear\"}"),
                            "proposal"), 3);
    apis_user(&a, ROLE_APPROVER);
    json_decref(ask("POST", "/api/proposals/3/decide", "{\"approve\": true}"));
    out = ask("GET", "/api/rules/1/diff/3", NULL);
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(out, "rows"), i, row) {
        const char *text = json_string_value(json_object_get(row, "text"));
        if (*json_string_value(json_object_get(row, "sign")) != ' ' && !strstr(text, "version") && !strstr(text, "effective"))
            fail_msg("the way back differs: %s", text);
    }
    json_decref(out);
    end();
}

/* A writer who is approver too does not decide on it, not even by asking again. */
TEST(api_rules, one_person_with_both_roles_does_not_do_both)
{
    begin();
    apis_user(&a, ROLE_MARKETER | ROLE_APPROVER);
    json_decref(ask("POST", "/api/drafts", "{\"name\": \"Mine\"}"));
    char body[1200];
    snprintf(body, sizeof body, "{\"revision\": 1, \"name\": \"Twice\", \"text\": \"%s\"}", TWICE);
    json_decref(ask("POST", "/api/drafts/1", body));
    /* somebody else proposes it: the writer wrote it all the same */
    apis_user(&a, ROLE_CONTROLLER);
    json_decref(ask("POST", "/api/drafts/1/propose", "{\"revision\": 2, \"effective\": \"2011-03-05\", \"reason\": \"r\"}"));
    apis_user(&a, ROLE_MARKETER | ROLE_APPROVER);
    json_t *out = ask("GET", "/api/proposals/1", NULL);
    assert_true(json_is_false(json_object_get(out, "may_decide")));
    json_decref(out);
    apis_expect(&a, 422, "POST", "/api/proposals/1/decide", "{\"approve\": true}");
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM pack"), 1);
    end();
}

TEST(api_rules, which_till_has_which_rules_since_when)
{
    static const struct { uint32_t version; int64_t after_s; const char *state; int64_t since_s; } contacts[] = {
        {1, 0, "has it", 0}, {1, 600, "has it", 0},
        {1, 1200, "was sent", 0},         /* version 2 is there now */
        {1, 2000, "was sent", 0},         /* told 800 s ago */
        {1, 2300, "does not take it", 0}, /* and again and again */
        {2, 2400, "has it", 2400},
        {2, 2500, "has it", 2400},
    };
    begin();
    apis_user(&a, ROLE_ADMIN);
    ledgers_exec(&l, "INSERT INTO terminal (terminal, shop) VALUES (1, 'Leeds'), (2, 'York')");
    for (size_t i = 0; i < sizeof contacts / sizeof *contacts; i++) {
        struct wire_sync ask_ = {.pack_version = contacts[i].version, .clock_s = a.now_s};
        if (i == 2)
            ledgers_add_pack(&l, 2, "2011-04-01", "", "");
        assert_int_equal(books_note_contact(l.books, 1, a.now_s + contacts[i].after_s, &ask_, &why), OK);
        json_t *out = ask("GET", "/api/rollout", NULL), *row = json_array_get(json_object_get(out, "rows"), 0);
        assert_string_equal(json_string_value(json_object_get(row, "state")), contacts[i].state);
        assert_int_equal(json_integer_value(json_object_get(row, "rules")), contacts[i].version);
        row = json_array_get(json_object_get(out, "rows"), 1);
        assert_string_equal(json_string_value(json_object_get(row, "state")), "never seen");
        json_decref(out);
    }
    assert_int_equal(ledgers_sql(&l, "SELECT pack_since_s FROM terminal WHERE terminal = 1"), a.now_s + 2400);
    end();
}

static bool some_batches(int thousandths, void *arg)
{
    int *left = arg;
    (void)thousandths;
    return (*left)-- > 0;
}

/* An order: listed, approved, done in batches; what was done is not done again. */
TEST(api_rules, sales_of_the_past_are_rated_anew_by_order)
{
    json_t *out, *result = NULL;
    begin();
    for (int i = 0; i < 120; i++)
        ledgers_sale(&l, 1, 7, "A 1 10.00", 46);
    struct entry_id sale = ledgers_sale(&l, 1, 7, "A 2 10.00", 46);
    ledgers_refund(&l, 1, sale, "A 1 5.00", 47);
    ledgers_add_pack(&l, 2, "2011-04-01", "\"cap_per_bill\": 8", "");
    apis_user(&a, ROLE_CONTROLLER);
    apis_expect(&a, 404, "POST", "/api/rerate", "{\"version\": 9, \"from\": \"2011-02-01\", \"to\": \"2011-03-01\"}");
    int64_t job = number(ask("POST", "/api/rerate", "{\"version\": 2, \"from\": \"2011-02-10\", \"to\": \"2011-02-20\"}"), "job");
    apis_expect(&a, 409, "POST", "/api/rerate/1/propose", "{\"reason\": \"not listed yet\"}");
    assert_true(job_done(job, &result));
    assert_int_equal(json_integer_value(json_object_get(result, "sales")), 122); /* the one of day 45 too */
    assert_int_equal(json_integer_value(json_object_get(result, "changing")), 121); /* what is left of one is below */
    assert_int_equal(json_integer_value(json_object_get(result, "down")), 120 * 2 + 42);
    assert_int_equal(json_integer_value(json_object_get(result, "members")), 1);
    json_decref(result);
    json_decref(apis_ask(&a, "GET", "/api/jobs/1/rerate.csv", NULL));
    assert_non_null(strstr(a.raw, "T0001-2,M7,2011-02-15,\"Leeds\",50,8,"));
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM entry WHERE kind = 33"), 0);

    assert_int_equal(number(ask("POST", "/api/rerate/1/propose", "{\"reason\": \"the cap was forgotten\"}"), "proposal"), 1);
    apis_user(&a, ROLE_APPROVER);
    out = ask("POST", "/api/proposals/1/decide", "{\"approve\": true}");
    assert_string_equal(json_string_value(json_object_get(out, "state")), "approved"); /* the job does it */
    json_decref(out);
    apis_user(&a, ROLE_CONTROLLER);
    apis_expect(&a, 409, "POST", "/api/proposals/1/resume", NULL); /* it waits still */

    /* interrupted after the first batch */
    static struct rerate_order order;
    json_t *in = json_pack("{s:i, s:s, s:s}", "version", 2, "from", "2011-02-10", "to", "2011-02-20"), *sums = NULL;
    assert_int_equal(rerate_read(&order, l.books, in, &why), OK);
    order.now_s = a.now_s;
    order.user = 1;
    order.approved_by = 2;
    snprintf(order.reason, sizeof order.reason, "the cap was forgotten");
    int batches = 1;
    assert_int_equal(rerate_run(l.books, &order, some_batches, &batches, &sums, &why), ERR_STATE);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM entry WHERE kind = 33"), RERATE_BATCH);
    assert_true(job_done(2, &result));
    assert_int_equal(json_integer_value(json_object_get(result, "changing")), 121 - RERATE_BATCH);
    json_decref(result);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM entry WHERE kind = 33"), 121);
    assert_int_equal(ledgers_sql(&l, "SELECT held FROM member WHERE member = 7"), 100 + 8 + 120 * 8 + 5);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM proposal WHERE state = 'done'"), 1);

    /* and again: nothing */
    batches = 99;
    assert_int_equal(rerate_run(l.books, &order, some_batches, &batches, &sums, &why), OK);
    assert_int_equal(json_integer_value(json_object_get(sums, "sales")), 1); /* that which would not change */
    assert_int_equal(number(sums, "changing"), 0);
    apis_expect(&a, 409, "POST", "/api/proposals/1/resume", NULL);
    json_decref(in);
    end();
}
