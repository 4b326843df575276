/* test_tills.c - tills let in, shut out, given orders; what is wrong with one; the dashboard's figures.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "base/tr.h"
#include "office/members/people.h"
#include "office/tills.h"
#include "sync/wire.h"
#include "tests/apis.h"
#include "tests/ledgers.h"
#include "tests/offices.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

static struct errmsg why;

/* What is wrong with a till: one row, one fault. */
TEST(tills, each_fault_has_its_alarm_and_a_sound_till_has_none)
{
    const struct till_wanted wanted = {.now_s = 1000000, .pack_version = 3, .hot_version = 5, .skew_s = 600};
    const struct fleet_line sound = {.terminal = {.terminal = 1, .cert_hash = {1}}, .contact_s = 999970, .pack_version = 3,
                                     .hot_version = 5, .health = {.reader = 1, .printer = 1, .disk_free_mb = 5000}};
    struct till_alarm out[TILL_ALARMS_MAX];
    struct {
        const char *code;
        bool bad;
        int64_t contact_s, skew_s;
        uint32_t waiting, pack, hot;
        struct wire_health health;
    } rows[] = {
        {"", false, 0, 0, 0, 0, 0, {0}},
        {"", false, 1000000 - 3599, 0, 0, 0, 0, {0}},
        {"silent", false, 1000000 - 3600, 0, 0, 0, 0, {0}},
        {"silent", false, 1000000 - 86399, 0, 0, 0, 0, {0}},
        {"silent", true, 1000000 - 86400, 0, 0, 0, 0, {0}},
        {"", false, 0, 600, 199, 0, 0, {.reader = 1}},
        {"clock", true, 0, 601, 0, 0, 0, {0}},
        {"clock", true, 0, -601, 0, 0, 0, {0}},
        {"waiting", false, 0, 0, 200, 0, 0, {0}},
        {"rules", false, 0, 0, 0, 2, 0, {0}},
        {"cards", false, 0, 0, 0, 0, 4, {0}},
        {"reader", true, 0, 0, 0, 0, 0, {.reader = 2}},
        {"printer", false, 0, 0, 0, 0, 0, {.printer = 2}},
        {"receipts", false, 0, 0, 0, 0, 0, {.receipts_waiting = 1}},
        {"journal", true, 0, 0, 0, 0, 0, {.journal = 1}},
        {"disk", true, 0, 0, 0, 0, 0, {.journal = 2, .disk_free_mb = 1}},
        {"disk", false, 0, 0, 0, 0, 0, {.disk_free_mb = 99}},
        {"", false, 0, 0, 0, 0, 0, {.disk_free_mb = 100}},
        {"locked", false, 0, 0, 0, 0, 0, {.locked = HEALTH_LOCKED}},
        {"locked", false, 0, 0, 0, 0, 0, {.locked = HEALTH_WIPED}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fleet_line t = sound;
        t.health = rows[i].health;
        t.contact_s = rows[i].contact_s ? rows[i].contact_s : t.contact_s;
        t.skew_s = rows[i].skew_s;
        t.waiting = rows[i].waiting;
        t.pack_version = rows[i].pack ? rows[i].pack : t.pack_version;
        t.hot_version = rows[i].hot ? rows[i].hot : t.hot_version;
        int n = till_alarms(&t, &wanted, out);
        if (n != (*rows[i].code ? 1 : 0) || (n && (strcmp(out[0].code, rows[i].code) != 0 || out[0].bad != rows[i].bad)))
            fail_msg("row %zu: %d alarms, first %s", i, n, n ? out[0].code : "none");
    }
}

TEST(tills, the_worst_comes_first_and_what_is_shut_out_or_never_came_is_silent)
{
    const struct till_wanted wanted = {.now_s = 1000000, .pack_version = 3, .hot_version = 5, .skew_s = 600};
    struct till_alarm out[TILL_ALARMS_MAX];
    struct fleet_line t = {.contact_s = 1, .skew_s = 7200, .waiting = 1000,
                           .health = {.reader = 2, .printer = 2, .receipts_waiting = 3, .journal = 1, .disk_free_mb = 5,
                                      .locked = true}};
    int n = till_alarms(&t, &wanted, out);
    assert_int_equal(n, 11);
    for (int i = 1; i < n; i++)
        assert_true(out[i - 1].bad >= out[i].bad);
    assert_true(tr_use("zh"));
    n = till_alarms(&t, &wanted, out);
    for (int i = 0; i < n; i++)
        assert_true((unsigned char)out[i].text[strlen(out[i].text) - 1] >= 0x80); /* its full stop is Chinese */
    (void)tr_use("en");
    t.terminal.revoked = true;
    assert_int_equal(till_alarms(&t, &wanted, out), 0);
    t.terminal.revoked = false;
    t.contact_s = 0;
    assert_int_equal(till_alarms(&t, &wanted, out), 0);
}

/* ---- through the table of operations ---- */

static struct office hq;
static struct apis a;

static void begin(void)
{
    office_open(&hq);
    apis_begin(&a, hq.books);
    a.office.home = &hq.home;
    apis_user(&a, ROLE_ADMIN);
}

static void end(void)
{
    apis_end(&a);
    office_close(&hq);
}

static const char *text_of(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));
    return text ? text : "(none)";
}

TEST(tills, a_till_is_let_in_by_a_code_ordered_and_shut_out)
{
    begin();
    json_t *o = apis_ask(&a, "POST", "/api/tills", "{\"shop\":\"oxford\"}");
    assert_int_equal(a.status, 200);
    char till[8], path[80], first[CODE_TEXT_SIZE];
    snprintf(till, sizeof till, "%s", text_of(o, "till"));
    snprintf(first, sizeof first, "%s", text_of(o, "code"));
    json_decref(o);
    struct code code;
    must(code_parse(&code, first, &why), &why);
    assert_int_equal(code.terminal, atoi(till + 1));
    struct terminal_view t;
    must(books_terminal(hq.books, code.terminal, &t, &why), &why);
    uint8_t hash[32];
    code_hash(hash, &code);
    assert_memory_equal(hash, t.code_hash, sizeof hash);
    assert_string_equal(t.shop, "oxford");

    snprintf(path, sizeof path, "/api/tills/%s/code", till);
    o = apis_ask(&a, "POST", path, "{}");
    assert_int_equal(a.status, 200);
    assert_string_not_equal(text_of(o, "code"), first);
    json_decref(o);

    snprintf(path, sizeof path, "/api/tills/%s/order", till);
    o = apis_ask(&a, "POST", path, "{\"order\":\"lock\"}");
    assert_int_equal(a.status, 200);
    assert_string_equal(json_string_value(json_array_get(json_object_get(o, "orders"), 0)), "lock");
    json_decref(o);
    apis_expect(&a, 200, "POST", path, "{\"order\":\"upload\"}");
    apis_expect(&a, 200, "POST", path, "{\"order\":\"wipe\"}");
    uint32_t orders;
    must(books_orders(hq.books, code.terminal, &orders, &why), &why);
    assert_int_equal(orders, ORDER_LOCKED | ORDER_UPLOAD | ORDER_WIPE);
    apis_expect(&a, 200, "POST", path, "{\"order\":\"unlock\"}");
    must(books_orders(hq.books, code.terminal, &orders, &why), &why);
    assert_int_equal(orders, ORDER_UPLOAD);
    apis_expect(&a, 400, "POST", path, "{\"order\":\"explode\"}");
    assert_string_equal(a.field, "order");

    snprintf(path, sizeof path, "/api/tills/%s/revoke", till);
    apis_expect(&a, 200, "POST", path, "{\"reason\":\"stolen\"}");
    apis_expect(&a, 409, "POST", path, "{\"reason\":\"stolen\"}");
    must(books_terminal(hq.books, code.terminal, &t, &why), &why);
    assert_true(t.revoked);
    static const uint8_t none[32];
    assert_memory_equal(t.code_hash, none, sizeof none); /* no code lets it in again */
    snprintf(path, sizeof path, "/api/tills/%s/order", till);
    apis_expect(&a, 409, "POST", path, "{\"order\":\"lock\"}");
    snprintf(path, sizeof path, "/api/tills/%s/code", till);
    apis_expect(&a, 409, "POST", path, "{}");
    snprintf(path, sizeof path, "/api/tills/%s", till);
    o = apis_ask(&a, "GET", path, NULL);
    assert_string_equal(text_of(o, "state"), "revoked");
    json_decref(o);
    end();
}

TEST(tills, a_wrong_number_or_shop_is_refused_with_its_field)
{
    begin();
    apis_expect(&a, 400, "GET", "/api/tills/x", NULL);
    apis_expect(&a, 400, "GET", "/api/tills/0", NULL);
    apis_expect(&a, 404, "GET", "/api/tills/T9999", NULL);
    apis_expect(&a, 400, "POST", "/api/tills", "{\"shop\":\"\"}");
    assert_string_equal(a.field, "shop");
    apis_expect(&a, 400, "POST", "/api/tills", "{\"shop\":\"a shop with too long a code\"}");
    apis_expect(&a, 404, "POST", "/api/tills/T0099/order", "{\"order\":\"lock\"}");
    apis_expect(&a, 404, "POST", "/api/tills/T0099/revoke", "{\"reason\":\"x\"}");
    end();
}

TEST(tills, people_of_the_tills_are_added_changed_and_removed)
{
    begin();
    json_t *o = apis_ask(&a, "POST", "/api/staff",
                         "{\"name\":\"Bo Li\",\"role\":\"cashier\",\"language\":\"zh\",\"badge\":\"04a1b2c3d4e5f6\",\"gift\":50,"
                         "\"gifts_a_day\":200}");
    assert_int_equal(a.status, 200);
    int n = (int)json_integer_value(json_object_get(o, "number"));
    json_decref(o);
    char path[60];
    snprintf(path, sizeof path, "/api/staff/%d", n);
    apis_expect(&a, 200, "POST", path, "{\"role\":\"supervisor\"}");
    struct staff p;
    must(people_staff(hq.books, (uint32_t)n, &p, &why), &why);
    assert_string_equal(p.name, "Bo Li");
    assert_int_equal(p.role, STAFF_SUPERVISOR);
    assert_string_equal(p.language, "zh");
    assert_int_equal(points_n(p.grant_limit), 50);
    assert_int_equal(p.badge.b[0], 4);
    static const struct {
        const char *body, *field;
    } wrong[] = {{"{\"role\":\"king\"}", "role"},
                 {"{\"language\":\"tlh\"}", "language"},
                 {"{\"badge\":\"04a1\"}", "badge"},
                 {"{\"gift\":-1}", "gift"},
                 {"{\"gifts_a_day\":1000000001}", "gifts_a_day"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        apis_expect(&a, 400, "POST", path, wrong[i].body);
        assert_string_equal(a.field, wrong[i].field);
    }
    apis_expect(&a, 400, "POST", "/api/staff", "{\"role\":\"cashier\"}");
    assert_string_equal(a.field, "name");
    apis_expect(&a, 409, "POST", "/api/staff", "{\"name\":\"Cy\",\"badge\":\"04a1b2c3d4e5f6\"}");
    assert_string_equal(a.field, "badge");
    apis_expect(&a, 200, "POST", path, "{\"badge\":\"\"}");
    must(people_staff(hq.books, (uint32_t)n, &p, &why), &why);
    assert_false(uid_is(&p.badge));

    snprintf(path, sizeof path, "/api/staff/%d/pin", n);
    apis_expect(&a, 400, "POST", path, "{\"pin\":\"12\"}");
    assert_string_equal(a.field, "pin");
    apis_expect(&a, 200, "POST", path, "{\"pin\":\"4711\"}");
    must(people_staff(hq.books, (uint32_t)n, &p, &why), &why);
    assert_true(pin_matches(&p.pin, "4711"));
    apis_expect(&a, 200, "POST", path, "{\"pin\":\"\"}");
    must(people_staff(hq.books, (uint32_t)n, &p, &why), &why);
    assert_false(pin_is_set(&p.pin));

    snprintf(path, sizeof path, "/api/staff/%d/remove", n);
    apis_expect(&a, 200, "POST", path, "{}");
    apis_expect(&a, 404, "POST", path, "{}");
    apis_expect(&a, 404, "POST", "/api/staff/77", "{\"name\":\"X\"}");
    apis_expect(&a, 400, "POST", "/api/staff/x", "{\"name\":\"X\"}");
    o = apis_ask(&a, "GET", "/api/staff", NULL);
    assert_int_equal(json_array_size(json_object_get(o, "rows")), 0);
    json_decref(o);
    end();
}

TEST(tills, only_an_admin_changes_tills_and_their_people)
{
    static const char *const changes[][2] = {{"/api/tills", "{\"shop\":\"x\"}"},
                                             {"/api/tills/T0001/code", "{}"},
                                             {"/api/tills/T0001/revoke", "{\"reason\":\"x\"}"},
                                             {"/api/tills/T0001/order", "{\"order\":\"wipe\"}"},
                                             {"/api/staff", "{\"name\":\"x\"}"},
                                             {"/api/staff/1/pin", "{\"pin\":\"1234\"}"}};
    begin();
    apis_user(&a, ROLE_STAFF & ~(unsigned)ROLE_ADMIN);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++)
        apis_expect(&a, 403, "POST", changes[i][0], changes[i][1]);
    apis_expect(&a, 200, "GET", "/api/tills", NULL);
    end();
}

/* ---- the dashboard ---- */

static int64_t number_in(const json_t *o, const char *name)
{
    const json_t *n = json_object_get(o, name);
    if (!json_is_integer(n))
        fail_msg("%s is no number", name);
    return json_integer_value(n);
}

TEST(tills, the_dashboard_counts_by_the_day_of_the_event_and_what_came_late_in_its_day)
{
    static struct ledgers l;
    ledgers_open(&l, "dashboard", "", "\"redeem\": {\"worth\": 2}");
    apis_begin(&a, l.books);
    apis_user(&a, ROLE_AUDITOR);
    a.now_s = ledgers_day(100);
    for (member_id m = 1; m <= 4; m++)
        ledgers_member(&l, m, 0);
    (void)ledgers_sale(&l, 1, 1, "A 1 10.00", 5);   /* more than 90 days ago */
    (void)ledgers_sale(&l, 1, 2, "A 1 20.00", 50);  /* active, not of the last 30 days */
    (void)ledgers_sale(&l, 1, 3, "A 1 7.00", 70);
    (void)ledgers_sale(&l, 1, 3, "A 1 30.00", 71);  /* the first of the 30 days */
    (void)ledgers_sale(&l, 1, 3, "A 1 5.00", 100);
    l.now_s = ledgers_day(100);
    (void)ledgers_sale(&l, 2, 4, "A 1 40.00", 99); /* a day late */
    (void)ledgers_sale(&l, 2, 0, "A 1 1.00", 100);  /* nobody */
    l.now_s = 0;
    json_t *o = apis_ask(&a, "GET", "/api/dashboard", NULL);
    assert_int_equal(a.status, 200);
    assert_int_equal(number_in(o, "members"), 4);
    assert_int_equal(number_in(o, "active_members"), 3);
    assert_int_equal(number_in(o, "sales_today"), 2);
    assert_int_equal(number_in(o, "sold_today"), 600);
    assert_int_equal(number_in(o, "sales_30"), 4);
    assert_int_equal(number_in(o, "sold_30"), 7600);
    assert_int_equal(number_in(o, "outstanding"), 112);
    assert_int_equal(number_in(o, "outstanding_worth"), 224);
    json_t *days = json_object_get(o, "days"), *day;
    assert_int_equal(json_array_size(days), 30);
    int64_t sum = 0;
    size_t i;
    json_array_foreach(days, i, day)
        sum += number_in(day, "earned");
    assert_int_equal(sum, 75);
    assert_int_equal(number_in(json_array_get(days, 0), "earned"), 30);
    assert_int_equal(number_in(json_array_get(days, 28), "earned"), 40);
    assert_int_equal(number_in(json_array_get(days, 29), "earned"), 5);
    assert_string_equal(text_of(json_array_get(days, 29), "day"), "2011-04-11");
    json_decref(o);
    apis_end(&a);
    ledgers_close(&l);
}
