/* test_api_members.c - the console's operations on members and cards, as a browser asks for them: who may, what is
 * noted, what comes out.  What they do is tried in test_profile.c and test_cards.c.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "office/books/books_int.h"
#include "tests/apis.h"
#include "tests/ledgers.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ledgers l;
static struct apis a;
static struct home home;
static struct real_card card, fresh;

/* M7 has a card and a purchase; M8 is new. */
static void open_office(const char *name)
{
    ledgers_open(&l, name, "", "");
    ledgers_member(&l, 7, 1);
    ledgers_member(&l, 8, 1);
    ledgers_card(&l, &card, CARD_EV2, 1, 7, 1);
    ledgers_card(&l, &fresh, CARD_EV2, 2, 0, 1);
    ledgers_sale(&l, 1, 7, "TEA 2 20.00", 2);
    apis_begin(&a, l.books);
    a.office.home = &home;
    apis_user(&a, ROLE_CLERK);
}

static void close_office(void)
{
    apis_end(&a);
    ledgers_close(&l);
}

static const char *text_at(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));
    return text ? text : "null";
}

/* What a GET shows; the caller frees it. */
static json_t *get(const char *path)
{
    json_t *o = apis_ask(&a, "GET", path, NULL);
    if (a.status != 200)
        fail_msg("%s: %d %s", path, a.status, a.text);
    return o;
}

TEST(api_members, a_member_is_enrolled_found_changed_and_shown_and_each_look_is_noted)
{
    open_office("enrolled");
    apis_expect(&a, 200, "POST", "/api/members",
                "{\"name\": \"Ada\", \"phone\": \"+49301234567\", \"birthday\": \"12-10\", \"consent_name\": true,"
                " \"consent_version\": \"2011\"}");
    json_t *o = get("/api/members?text=ada");
    const json_t *row = json_array_get(json_object_get(o, "rows"), 0);
    assert_string_equal(text_at(row, "member"), "M9");
    json_decref(o);
    apis_expect(&a, 200, "POST", "/api/members/M9/person", "{\"contact\": \"ada@example.org\"}");
    apis_expect(&a, 200, "POST", "/api/members/M9/consent",
                "{\"purpose\": \"messages\", \"given\": true, \"version\": \"2011\"}");
    apis_expect(&a, 200, "POST", "/api/members/M9/tags", "{\"kind\": \"tag\", \"tag\": \"vip\", \"put\": true}");
    apis_expect(&a, 200, "POST", "/api/members/M9/type", "{\"type\": \"reseller\"}");
    apis_expect(&a, 200, "POST", "/api/members/M9/notes", "{\"text\": \"wants no bags\"}");
    o = get("/api/members/M9");
    assert_string_equal(text_at(o, "name"), "Ada");
    assert_string_equal(text_at(o, "contact"), "ada@example.org");
    assert_string_equal(text_at(o, "birthday"), "12-10");
    assert_true(json_is_true(json_object_get(json_object_get(o, "consent"), "messages")));
    assert_string_equal(text_at(o, "type"), "reseller");
    json_decref(o);
    o = get("/api/members/M7/timeline");
    assert_non_null(strstr(text_at(json_array_get(json_object_get(o, "rows"), 0), "why"), "20.00"));
    json_decref(o);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM audit WHERE subject = 9"), 2);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM audit WHERE subject = 7"), 1);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM memo WHERE answer LIKE '%Ada%'"), 0);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM audit WHERE text LIKE '%Ada%' OR text LIKE '%vip%'"), 0);
    apis_user(&a, ROLE_AUDITOR);
    o = get("/api/members/M9/looks");
    assert_true(json_array_size(json_object_get(o, "rows")) >= 2);
    json_decref(o);
    close_office();
}

TEST(api_members, what_is_wrong_is_refused_by_name)
{
    static const struct {
        int status;
        const char *method, *path, *body;
    } cases[] = {
        {404, "GET", "/api/members/M99", NULL},
        {400, "GET", "/api/members/nobody", NULL},
        {400, "GET", "/api/members?text=a", NULL},
        {400, "GET", "/api/members", NULL},
        {400, "POST", "/api/members/M7/person", "{\"phone\": \"12\"}"},
        {400, "POST", "/api/members/M7/person", "{\"birthday\": \"1815-12-10\"}"},
        {409, "POST", "/api/members/M7/person", "{\"birthday\": \"12-10\"}"},
        {400, "POST", "/api/members/M7/person", "{\"consent_s\": 5}"},
        {400, "POST", "/api/members/M7/consent", "{\"purpose\": \"fun\", \"given\": true, \"version\": \"1\"}"},
        {400, "POST", "/api/members/M7/consent", "{\"purpose\": \"name\", \"given\": true, \"version\": \"\"}"},
        {404, "POST", "/api/members/M99/consent", "{\"purpose\": \"name\", \"given\": true, \"version\": \"1\"}"},
        {404, "POST", "/api/members/M99/notes", "{\"text\": \"x\"}"},
        {400, "POST", "/api/members/M7/erase", "{\"confirm\": \"M8\"}"},
        {404, "POST", "/api/members/M99/erase", "{\"confirm\": \"M99\"}"},
        {403, "GET", "/api/members/M7/looks", NULL},
        {403, "POST", "/api/retention", "{\"months\": 12}"},
        {404, "GET", "/api/cards/04000000000000", NULL},
        {400, "GET", "/api/cards/zz", NULL},
        {400, "POST", "/api/batches", "{\"count\": 0, \"kind\": \"ev2\"}"},
        {404, "POST", "/api/batches/5/state", "{\"state\": \"made\"}"},
        {400, "POST", "/api/batches/x/state", "{\"state\": \"made\"}"},
    };
    open_office("wrong");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        apis_expect(&a, cases[i].status, cases[i].method, cases[i].path, cases[i].body);
    close_office();
}

TEST(api_members, a_person_gets_their_data_as_a_file_and_is_erased_when_the_number_is_typed)
{
    open_office("export");
    apis_expect(&a, 200, "POST", "/api/members/M7/person", "{\"name\": \"Ada\"}");
    json_decref(apis_ask(&a, "GET", "/api/members/M7/export", NULL));
    assert_int_equal(a.status, 200);
    assert_string_equal(a.file_name, "member-M7.json");
    assert_non_null(strstr(a.raw, "\"TEA\""));
    json_decref(apis_ask(&a, "GET", "/api/members/M7/export.csv", NULL));
    assert_non_null(strstr(a.raw, "name,\"Ada\""));
    apis_expect(&a, 200, "POST", "/api/members/M7/erase", "{\"confirm\": \"M7\"}");
    json_t *o = get("/api/members/M7");
    assert_string_equal(text_at(o, "name"), "");
    assert_int_equal(json_integer_value(json_object_get(o, "points")), 20);
    json_decref(o);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM erased WHERE user = 1"), 1);
    close_office();
}

TEST(api_members, who_is_due_is_shown_by_number_and_forgotten_by_a_job)
{
    open_office("due");
    apis_expect(&a, 200, "POST", "/api/members/M7/person", "{\"name\": \"Ada\"}");
    apis_expect(&a, 200, "POST", "/api/members/M8/person", "{\"name\": \"Bob\"}");
    a.now_s = ledgers_day(80);
    ledgers_sale(&l, 1, 7, "TEA 1 20.00", 70);
    apis_user(&a, ROLE_CONTROLLER);
    apis_expect(&a, 200, "POST", "/api/retention", "{\"months\": 1}");
    json_t *o = get("/api/retention");
    assert_int_equal(json_array_size(json_object_get(o, "rows")), 1);
    json_decref(o);
    o = apis_ask(&a, "POST", "/api/retention/erase", "{\"members\": [\"M8\", \"M7\", \"M99\"]}");
    assert_int_equal(json_integer_value(json_object_get(o, "job")), 1);
    json_decref(o);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM job WHERE kind = 'erase'"), 1);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM person"), 2); /* the job does it */
    close_office();
}

TEST(api_members, a_card_is_lost_replaced_and_bound_over_the_console_and_batches_move)
{
    char lost[UID_TEXT_SIZE], new[UID_TEXT_SIZE], path[96], body[128];
    open_office("cards");
    uid_text(lost, &card.uid);
    uid_text(new, &fresh.uid);
    snprintf(path, sizeof path, "/api/cards/%s/happened", lost);
    apis_expect(&a, 200, "POST", path, "{\"event\": \"lost\", \"note\": \"telephoned\"}");
    apis_expect(&a, 409, "POST", path, "{\"event\": \"stolen\"}");
    apis_expect(&a, 400, "POST", path, "{\"event\": \"eaten\"}");
    snprintf(path, sizeof path, "/api/cards/%s/replace", lost);
    snprintf(body, sizeof body, "{\"by\": \"%s\", \"reason\": \"lost\"}", new);
    apis_expect(&a, 200, "POST", path, body);
    snprintf(path, sizeof path, "/api/cards/%s", lost);
    json_t *o = get(path);
    assert_string_equal(text_at(o, "status"), "replaced");
    assert_string_equal(text_at(o, "replaced_by"), new);
    json_decref(o);
    snprintf(path, sizeof path, "/api/cards/%s/last-day", new);
    apis_expect(&a, 200, "POST", path, "{\"last_day\": \"2012-01-01\"}");
    snprintf(path, sizeof path, "/api/cards/%s/bind", new);
    apis_expect(&a, 409, "POST", path, "{\"member\": \"M8\"}");
    o = get("/api/hot");
    assert_int_equal(json_array_size(json_object_get(o, "rows")), 2);
    json_decref(o);
    json_decref(get("/api/hot/tills"));
    apis_expect(&a, 200, "POST", "/api/batches", "{\"count\": 5, \"kind\": \"ev2\", \"shop\": \"SOHO\", \"last_day\": \"2015-12-31\"}");
    apis_expect(&a, 200, "POST", "/api/batches/1/state", "{\"state\": \"cancelled\"}");
    json_decref(get("/api/batches/1"));
    o = get("/api/batches");
    assert_string_equal(text_at(json_array_get(json_object_get(o, "rows"), 0), "state"), "cancelled");
    json_decref(o);
    close_office();
}

/* ---- the redemption and refund desk ---- */

#define REWARDS                                                                                    \
    "\"redeem\": {\"worth\": 1, \"min\": 1, \"step\": 1, \"max_share\": 1, \"offline_days\": 7,"    \
    " \"second_factor_above\": 15}, \"rewards\": [{\"code\": \"CUP\", \"kind\": \"item\", \"points\": 5, \"sku\": \"CUP\", \"stock\": 9},"   \
    " {\"code\": \"LAMP\", \"kind\": \"item\", \"points\": 16, \"sku\": \"LAMP\"}]"

TEST(api_members, a_reward_is_had_and_a_voucher_used_and_given_back_at_the_desk)
{
    ledgers_open(&l, "desk", "", REWARDS);
    ledgers_member(&l, 7, 1);
    ledgers_sale(&l, 1, 7, "TEA 2 20.00", 2);
    apis_begin(&a, l.books);
    a.office.home = &home;
    apis_user(&a, ROLE_CLERK);
    json_t *o = get("/api/rewards?member=M7");
    assert_int_equal(json_array_size(json_object_get(o, "rows")), 2);
    json_decref(o);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM audit WHERE subject = 7"), 1);
    apis_expect(&a, 403, "POST", "/api/redemptions", "{\"member\": \"M7\", \"reward\": \"LAMP\", \"name\": \"a\"}");
    apis_expect(&a, 403, "POST", "/api/redemptions",
                "{\"member\": \"M7\", \"reward\": \"LAMP\", \"name\": \"a\", \"pin\": \"1234\"}");
    for (int i = 0; i < 2; i++)
        apis_expect(&a, 200, "POST", "/api/redemptions", "{\"member\": \"M7\", \"reward\": \"CUP\", \"name\": \"b\"}");
    apis_expect(&a, 200, "POST", "/api/redemptions/1/confirm", "{\"voucher\": true}");
    o = get("/api/redemptions/1/voucher");
    char path[96], body[96];
    snprintf(path, sizeof path, "/api/vouchers?code=%s", text_at(o, "code"));
    snprintf(body, sizeof body, "{\"code\": \"%s\", \"shop\": \"SOHO\"}", text_at(o, "code"));
    json_decref(o);
    o = get(path);
    assert_string_equal(text_at(o, "state"), "good");
    json_decref(o);
    apis_expect(&a, 200, "POST", "/api/vouchers/use", body);
    apis_expect(&a, 409, "POST", "/api/vouchers/use", body);
    apis_expect(&a, 409, "POST", "/api/redemptions/1/return", "{\"reason\": \"broken\"}");
    apis_expect(&a, 200, "POST", "/api/redemptions", "{\"member\": \"M7\", \"reward\": \"CUP\", \"name\": \"c\"}");
    apis_expect(&a, 200, "POST", "/api/redemptions/2/release", "{}");
    apis_expect(&a, 200, "POST", "/api/redemptions", "{\"member\": \"M7\", \"reward\": \"CUP\", \"name\": \"d\"}");
    apis_expect(&a, 200, "POST", "/api/redemptions/3/confirm", "{}");
    apis_expect(&a, 200, "POST", "/api/redemptions/3/return", "{\"reason\": \"broken\"}");
    o = get("/api/redemptions?member=M7");
    assert_int_equal(json_array_size(json_object_get(o, "rows")), 3);
    json_decref(o);
    apis_user(&a, ROLE_CONTROLLER);
    apis_expect(&a, 200, "POST", "/api/redemptions", "{\"member\": \"M7\", \"reward\": \"CUP\", \"name\": \"e\"}");
    apis_expect(&a, 200, "POST", "/api/rewards/CUP/stock", "{\"stock\": 2}");
    apis_expect(&a, 422, "POST", "/api/redemptions", "{\"member\": \"M7\", \"reward\": \"CUP\", \"name\": \"f\"}");
    apis_expect(&a, 404, "POST", "/api/rewards/NONE/stock", "{\"stock\": 2}");
    close_office();
}

TEST(api_members, a_receipt_is_found_its_refund_tried_and_a_missed_one_claimed)
{
    open_office("receipts");
    ledgers_sale(&l, 2, 0, "TEA 1 40.00", 3);
    json_t *o = get("/api/receipts?text=T0001-1");
    assert_int_equal(json_array_size(json_object_get(o, "rows")), 1);
    json_decref(o);
    o = get("/api/receipts/T0001-1");
    assert_string_equal(text_at(o, "member"), "M7");
    json_decref(o);
    o = get("/api/receipts/T0001-1/refund?pieces=1");
    assert_int_equal(json_integer_value(json_object_get(o, "clawed")), 10);
    json_decref(o);
    apis_expect(&a, 400, "GET", "/api/receipts/T0001-1/refund?pieces=1,x", NULL);
    apis_expect(&a, 400, "GET", "/api/receipts/T0001-1/refund?pieces=9", NULL);
    apis_expect(&a, 400, "GET", "/api/receipts/HQ-1", NULL);
    a.now_s = ledgers_day(5);
    apis_expect(&a, 404, "POST", "/api/members/M8/claims", "{\"receipt\": \"T0002-1\", \"total\": 3999}");
    o = apis_ask(&a, "POST", "/api/members/M8/claims", "{\"receipt\": \"T0002-1\", \"total\": 4000}");
    assert_int_equal(json_integer_value(json_object_get(o, "points")), 40);
    json_decref(o);
    apis_expect(&a, 409, "POST", "/api/members/M8/claims", "{\"receipt\": \"T0002-1\", \"total\": 4000}");
    close_office();
}
