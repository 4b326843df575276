/* test_api_care.c - complaints, feedback, campaigns, messages as a browser asks for them: who may, what comes out, what is
 * noted.  What they do is tried in test_complaint.c, test_feedback.c, test_segment.c, test_campaign.c, test_referral.c.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/books/books_int.h"
#include "office/care/segment.h"
#include "tests/apis.h"
#include "tests/ledgers.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ledgers l;
static struct apis a;
static struct errmsg why;

static void open_office(const char *name)
{
    struct person ada = {.member = 7, .name = "Ada", .phone = "+49301234567"};
    ledgers_open(&l, name, "", "");
    ledgers_member(&l, 7, 1);
    ledgers_member(&l, 8, 1);
    ledgers_sale(&l, 1, 7, "TEA 2 20.00", 59); /* today, before anything else */
    if (books_save_person(l.books, &ada, &why))
        fail_msg("%s", why.text);
    apis_begin(&a, l.books);
    apis_user(&a, ROLE_CLERK);
}

static void close_office(void)
{
    apis_end(&a);
    ledgers_close(&l);
}

static json_t *get(const char *path)
{
    json_t *o = apis_ask(&a, "GET", path, NULL);
    if (a.status != 200)
        fail_msg("%s: %d %s", path, a.status, a.text);
    return o;
}

static const char *text_at(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));
    return text ? text : "null";
}

static void expect_text(const char *path, const char *name, const char *text)
{
    json_t *o = get(path);
    assert_string_equal(text_at(o, name), text);
    json_decref(o);
}

static size_t count_rows(const char *path)
{
    json_t *o = get(path);
    size_t n = json_array_size(json_object_get(o, "rows"));
    json_decref(o);
    return n;
}

TEST(api_care, a_complaint_goes_from_the_member_page_to_its_end)
{
    open_office("complaint");
    apis_member(&a, 7);
    apis_expect(&a, 200, "POST", "/api/mine/complaints", "{\"kind\": \"points\", \"text\": \"My points are missing\"}");
    expect_text("/api/mine/complaints/1", "state", "received");
    apis_member(&a, 8);
    apis_expect(&a, 404, "GET", "/api/mine/complaints/1", NULL);
    apis_expect(&a, 404, "POST", "/api/mine/complaints/1/opinion", "{\"satisfied\": true}");
    assert_int_equal(count_rows("/api/mine/complaints"), 0);

    apis_user(&a, ROLE_CLERK);
    int64_t looks = ledgers_sql(&l, "SELECT count(*) FROM audit WHERE subject = 7");
    expect_text("/api/complaints/C1", "text", "My points are missing");
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM audit WHERE subject = 7"), looks + 1);
    apis_expect(&a, 409, "POST", "/api/complaints/C1/steps", "{\"step\": \"handle\", \"text\": \"x\"}");
    apis_expect(&a, 200, "POST", "/api/complaints/C1/steps", "{\"step\": \"record\", \"kind\": \"service\"}");
    apis_expect(&a, 200, "POST", "/api/complaints/C1/steps", "{\"step\": \"pass on\", \"owner\": \"shop 7\"}");
    apis_expect(&a, 200, "POST", "/api/complaints/C1/notes", "{\"text\": \"a word to ourselves\"}");
    json_t *o = apis_ask(&a, "POST", "/api/complaints/C1/points", "{\"points\": 201, \"text\": \"sorry\"}");
    assert_int_equal(a.status, 200); /* above what a clerk gives alone: proposed, nothing given */
    assert_true(json_integer_value(json_object_get(o, "proposal")) > 0);
    json_decref(o);
    ledgers_expect(&l, 7, 20, 0, 0, 0);
    apis_expect(&a, 200, "POST", "/api/complaints/C1/points", "{\"points\": 200, \"text\": \"sorry\"}");
    apis_expect(&a, 200, "POST", "/api/complaints/C1/steps", "{\"step\": \"handle\", \"text\": \"put right\"}");
    apis_expect(&a, 403, "POST", "/api/mine/complaints/1/opinion", "{\"satisfied\": true}");
    apis_member(&a, 7);
    apis_expect(&a, 200, "POST", "/api/mine/complaints/1/opinion", "{\"satisfied\": false}");
    expect_text("/api/mine/complaints/1", "state", "passed on");
    apis_user(&a, ROLE_CONTROLLER);
    apis_expect(&a, 200, "POST", "/api/complaints/C1/points", "{\"points\": 1000, \"text\": \"sorry\"}");
    apis_expect(&a, 200, "POST", "/api/complaints/C1/steps", "{\"step\": \"handle\", \"text\": \"now really\"}");
    apis_member(&a, 7);
    apis_expect(&a, 200, "POST", "/api/mine/complaints/1/opinion", "{\"satisfied\": true}");
    apis_user(&a, ROLE_CLERK);
    apis_expect(&a, 200, "POST", "/api/complaints/C1/steps", "{\"step\": \"follow up\", \"opinion\": \"satisfied\"}");
    expect_text("/api/complaints/C1", "state", "followed up");
    ledgers_expect(&l, 7, 1220, 0, 0, 0);
    ledgers_sound(&l);
    close_office();
}

TEST(api_care, who_does_not_handle_complaints_does_not_change_them)
{
    static const unsigned roles[] = {ROLE_MARKETER, ROLE_AUDITOR, ROLE_ADMIN};
    open_office("roles");
    apis_expect(&a, 200, "POST", "/api/complaints",
                "{\"member\": \"M7\", \"channel\": \"desk\", \"kind\": \"goods\", \"shop\": \"MAIN\", \"text\": \"broken\"}");
    for (size_t i = 0; i < 3; i++) {
        apis_user(&a, roles[i]);
        apis_expect(&a, 403, "POST", "/api/complaints/C1/steps", "{\"step\": \"withdraw\", \"text\": \"x\"}");
        apis_expect(&a, 403, "POST", "/api/complaints/C1/points", "{\"points\": 1, \"text\": \"x\"}");
    }
    apis_user(&a, ROLE_CLERK);
    apis_expect(&a, 400, "GET", "/api/complaints/1", NULL); /* C1 */
    apis_expect(&a, 404, "GET", "/api/complaints/C2", NULL);
    apis_expect(&a, 400, "POST", "/api/complaints/C1/steps", "{\"step\": \"eat\"}");
    apis_expect(&a, 403, "POST", "/api/complaint-kinds/goods", "{\"limit_h\": 5}");
    apis_user(&a, ROLE_CONTROLLER);
    apis_expect(&a, 400, "POST", "/api/complaint-kinds/goods", "{\"limit_h\": 0}");
    assert_string_equal(a.field, "limit_h");
    apis_expect(&a, 200, "POST", "/api/complaint-kinds/goods", "{\"limit_h\": 5}");
    assert_int_equal(count_rows("/api/complaint-kinds"), 7);
    assert_int_equal(count_rows("/api/complaints?state=open&kind=goods&shop=MAIN&member=M7"), 1);
    assert_int_equal(count_rows("/api/complaints?state=overdue"), 0);
    assert_int_equal(count_rows("/api/complaint-numbers?by=kind"), 1);
    apis_expect(&a, 400, "GET", "/api/complaint-numbers?by=moon", NULL);
    close_office();
}

TEST(api_care, feedback_and_improvements)
{
    open_office("feedback");
    apis_expect(&a, 200, "POST", "/api/feedback",
                "{\"member\": \"M8\", \"channel\": \"phone\", \"expected\": 4, \"result\": 2, \"nps\": 3, \"shop\": \"MAIN\"}");
    apis_member(&a, 7);
    apis_expect(&a, 404, "POST", "/api/mine/feedback", "{\"nps\": 9, \"receipt\": \"T0001-99\"}");
    apis_expect(&a, 200, "POST", "/api/mine/feedback", "{\"nps\": 9, \"receipt\": \"T0001-1\", \"text\": \"lovely\"}");
    apis_user(&a, ROLE_CLERK);
    assert_int_equal(count_rows("/api/feedback"), 2);
    assert_int_equal(count_rows("/api/feedback?from=2010-01-01&to=2010-02-01"), 0);
    assert_int_equal(count_rows("/api/feedback-numbers?by=cashier"), 1);
    assert_int_equal(count_rows("/api/satisfaction"), 1);
    json_t *o = get("/api/members/M8/satisfaction");
    assert_int_equal(json_integer_value(json_object_get(o, "running")), 0); /* -200 took all */
    json_decref(o);
    apis_user(&a, ROLE_CONTROLLER);
    apis_expect(&a, 200, "POST", "/api/feedback-weights",
                "{\"interaction\": 1, \"result\": 4, \"environment\": 1, \"quality\": 3, \"value\": 1}");
    o = get("/api/feedback-weights");
    assert_int_equal(json_integer_value(json_object_get(o, "result")), 4);
    json_decref(o);
    apis_expect(&a, 400, "POST", "/api/feedback-weights",
                "{\"interaction\": -1, \"result\": 4, \"environment\": 1, \"quality\": 3, \"value\": 1}");
    apis_expect(&a, 200, "POST", "/api/improvements", "{\"title\": \"Queue\", \"due\": \"2011-04-01\"}");
    apis_expect(&a, 200, "POST", "/api/improvements/1/next", "{\"text\": \"a second till on Fridays\"}");
    apis_expect(&a, 404, "POST", "/api/improvements/1/complaints", "{\"complaint\": \"C9\"}");
    assert_int_equal(count_rows("/api/improvements"), 1);
    close_office();
}

TEST(api_care, a_campaign_is_started_by_somebody_else_and_its_result_is_shown)
{
    open_office("campaign");
    ledgers_exec(&l, "INSERT INTO consent (member, purpose, given, time_s, channel, version, user) VALUES (7, 'messages', 1, 0,"
                     " 'desk', '1', 1)");
    apis_user(&a, ROLE_MARKETER | ROLE_APPROVER);
    json_t *o = get("/api/segments/preview?rule=%7B%22fact%22:%22tag%22%7D");
    assert_int_equal(json_array_size(json_object_get(o, "faults")), 1);
    json_decref(o);
    o = get("/api/segments/preview?rule=%7B%22fact%22:%22days_since_joining%22,%22least%22:1%7D");
    assert_int_equal(json_integer_value(json_object_get(o, "size")), 2);
    json_decref(o);
    apis_expect(&a, 200, "POST", "/api/segments",
                "{\"segment\": \"ALL\", \"name\": \"All\", \"rule\": {\"fact\": \"days_since_joining\", \"least\": 1}, \"marks\": true}");
    apis_expect(&a, 200, "POST", "/api/segments/ALL/run", "{}");
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM member_mark"), 2);
    static const char campaign[] = "{\"campaign\": \"SPRING\", \"name\": \"Spring\", \"segment\": \"ALL\", \"offer\": {\"kind\":"
                                   " \"coupon\", \"days\": 14}, \"template\": \"spring\", \"from\": \"2011-02-20\", \"to\":"
                                   " \"2011-03-20\", \"budget\": 10000, \"holdout\": 0}";
    apis_expect(&a, 200, "POST", "/api/campaigns", campaign);
    apis_expect(&a, 403, "POST", "/api/campaigns/SPRING/start", "{}");
    apis_user(&a, ROLE_APPROVER);
    apis_expect(&a, 200, "POST", "/api/campaigns/SPRING/start", "{}");
    apis_expect(&a, 409, "POST", "/api/campaigns/SPRING/start", "{}");
    assert_int_equal(count_rows("/api/campaigns"), 1);
    assert_int_equal(count_rows("/api/campaigns/SPRING/coupons"), 2);
    o = get("/api/campaigns/SPRING/result");
    assert_int_equal(json_integer_value(json_object_get(o, "treated_buyers")), 1);
    json_decref(o);
    apis_user(&a, ROLE_MARKETER);
    o = apis_ask(&a, "POST", "/api/campaigns/SPRING/games", "{\"csv\": \"key,member,result,points\\nk,M99,won,5\\n\", \"dry\": true}");
    assert_int_equal(a.status, 200);
    assert_int_equal(json_array_size(json_object_get(o, "faults")), 1);
    json_decref(o);
    apis_expect(&a, 400, "POST", "/api/campaigns/SPRING/games", "{\"csv\": \"key,member,result,points\\nk,M99,won,5\\n\"}");
    apis_expect(&a, 200, "POST", "/api/campaigns/SPRING/games", "{\"csv\": \"key,member,result,points\\nk,M7,won,5\\n\"}");
    apis_expect(&a, 200, "POST", "/api/care/run", "{}");
    apis_expect(&a, 200, "POST", "/api/campaigns/SPRING/stop", "{}");
    assert_int_equal(count_rows("/api/coupon-reviews"), 0);
    assert_int_equal(count_rows("/api/segments"), 1);
    apis_expect(&a, 409, "POST", "/api/segments/ALL/drop", "{}");
    apis_member(&a, 7);
    assert_int_equal(count_rows("/api/mine/coupons"), 1);
    close_office();
}

TEST(api_care, messages_go_out_as_a_file_once_and_their_numbers_are_in_no_list)
{
    open_office("messages");
    apis_expect(&a, 200, "POST", "/api/complaints", "{\"member\": \"M7\", \"channel\": \"desk\", \"kind\": \"goods\", \"text\": \"x\"}");
    apis_expect(&a, 200, "POST", "/api/complaints/C1/steps", "{\"step\": \"handle\", \"text\": \"y\"}");
    json_t *o = get("/api/messages?state=queued&member=M7");
    char *all = json_dumps(o, 0);
    assert_int_equal(json_array_size(json_object_get(o, "rows")), 1);
    assert_null(strstr(all, "4930"));
    free(all);
    json_decref(o);
    apis_expect(&a, 403, "POST", "/api/messages/export", "{\"channel\": \"sms\"}");
    apis_user(&a, ROLE_MARKETER);
    json_decref(apis_ask(&a, "POST", "/api/messages/export", "{\"channel\": \"sms\"}"));
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.raw, "complaint-1-handled-0,+49301234567,"));
    assert_string_equal(a.file_name, "messages-sms.csv");
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM memo WHERE instr(answer, '4930')"), 0);
    apis_expect(&a, 409, "POST", "/api/messages/1/again", "{}");
    apis_expect(&a, 400, "GET", "/api/messages?state=lost", NULL);
    o = get("/api/message-numbers");
    assert_int_equal(json_integer_value(json_object_get(o, "sent")), 1);
    json_decref(o);
    apis_expect(&a, 403, "POST", "/api/care-settings/message_url", "{\"value\": \"https://example.org/\"}");
    apis_user(&a, ROLE_ADMIN);
    apis_expect(&a, 400, "POST", "/api/care-settings/message_url", "{\"value\": \"http://example.org/\"}");
    apis_expect(&a, 200, "POST", "/api/care-settings/message_url", "{\"value\": \"https://example.org/\"}");
    apis_expect(&a, 404, "POST", "/api/care-settings/nonsense", "{\"value\": \"1\"}");
    close_office();
}

TEST(api_care, who_brought_whom_and_who_is_missed_can_be_seen)
{
    open_office("referral");
    apis_user(&a, ROLE_CLERK);
    ledgers_exec(&l, "INSERT INTO referral (member, referrer, time_s, state) VALUES (8, 7, 0, 'waiting')");
    assert_int_equal(count_rows("/api/referrals"), 1);
    assert_int_equal(count_rows("/api/winback?disposition=strive"), 0);
    assert_int_equal(count_rows("/api/winback-numbers"), 0);
    apis_expect(&a, 404, "POST", "/api/winback/M7", "{\"reason\": \"price\"}");
    close_office();
}
