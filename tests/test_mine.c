/* test_mine.c - the member page: logging in by a one-time code without learning who is a member, and doing nothing but
 * one's own.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "base/mbed.h"
#include "office/books/books_int.h"
#include "office/members/erase.h"
#include "office/care/message.h"
#include "office/members/mine.h"
#include "office/members/people.h"
#include "office/members/profile.h"
#include "sync/member_code.h"
#include "tests/apis.h"
#include "tests/ledgers.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ledgers l;
static struct apis a;
static struct home home = {.known_keys = {.lookup = {1}, .sun_file = {2}}};
static struct errmsg why;
static struct real_card card;

#define REWARDS                                                                                    \
    "\"redeem\": {\"worth\": 1, \"min\": 1, \"step\": 1, \"max_share\": 1, \"offline_days\": 7,"    \
    " \"second_factor_above\": 15}, \"rewards\": [{\"code\": \"CUP\", \"kind\": \"item\", \"points\": 5, \"sku\": \"CUP\"},"   \
    " {\"code\": \"LAMP\", \"kind\": \"item\", \"points\": 16, \"sku\": \"LAMP\"}]"

static void must_be(enum err expected, enum err e)
{
    if (e != expected)
        fail_msg("%s: %s", err_text(e), why.text);
}

/* M7 has a telephone, a card and 40 points; M8 nothing but 40 points. */
static void open_office(const char *name)
{
    struct person p = {.member = 7, .name = "Ada", .phone = "+49301234567"};
    const struct profile_by by = {.channel = "desk", .now_s = ledgers_day(1)};
    ledgers_open(&l, name, "", REWARDS);
    ledgers_member(&l, 7, 1);
    ledgers_member(&l, 8, 1);
    ledgers_card(&l, &card, CARD_EV2, 1, 7, 1);
    ledgers_sale(&l, 1, 7, "TEA 2 40.00", 2);
    ledgers_sale(&l, 1, 8, "TEA 2 40.00", 2);
    must_be(OK, books_begin(l.books, &why));
    must_be(OK, profile_save(l.books, &home.known_keys, &p, &by, &why));
    must_be(OK, profile_note(l.books, 7, "talks a lot", &by, &why));
    must_be(OK, books_commit(l.books, &why));
    apis_begin(&a, l.books);
    a.office.home = &home;
}

static void close_office(void)
{
    apis_end(&a);
    ledgers_close(&l);
}

/* What the outbox would send now: the code, "" = nothing. */
static void take_code(char out[8])
{
    int64_t id;
    json_t *body = NULL;
    out[0] = 0;
    enum err e = message_take(l.books, a.now_s, &id, &body, &why);
    if (e == ERR_NOT_FOUND)
        return;
    must_be(OK, e);
    assert_string_equal(json_string_value(json_object_get(body, "template")), "login-code");
    snprintf(out, 8, "%s", json_string_value(json_object_get(json_object_get(body, "values"), "code")));
    json_decref(body);
    must_be(OK, message_done(l.books, id, a.now_s, NULL, &why));
}

static enum err ask(const char *name, const char *from, int64_t utc_s)
{
    must_be(OK, books_begin(l.books, &why));
    enum err e = mine_ask_code(l.books, &home.known_keys, name, from, a.now_s, utc_s, &why);
    if (e)
        books_rollback(l.books);
    else
        must_be(OK, books_commit(l.books, &why));
    return e;
}

static enum err log_in(const char *name, const char *code, int64_t utc_s)
{
    member_id member = 0;
    enum err e = mine_log_in(l.books, &home.known_keys, name, code, a.now_s, utc_s, &member, &why);
    if (!e)
        assert_int_equal(member, 7);
    return e;
}

TEST(mine, a_code_comes_by_the_outbox_and_lets_in_once)
{
    char code[8], uid[UID_TEXT_SIZE];
    open_office("once");
    uid_text(uid, &card.uid);
    const char *const names[] = {"M7", "7", "m7", "+49 30 1234567", uid};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int64_t utc = 1000 + (int64_t)i;
        must_be(OK, ask(names[i], "192.0.2.1", utc));
        take_code(code);
        assert_int_equal(strspn(code, "0123456789"), 6);
        must_be(OK, log_in(names[i], code, utc));
        must_be(ERR_AUTH, log_in(names[i], code, utc));
    }
    assert_int_equal(ledgers_sql(&l, "SELECT uses FROM page_use WHERE member = 7"), 5);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM message WHERE vals LIKE '%code%'"), 0);
    close_office();
}

TEST(mine, nobody_learns_whether_a_number_is_a_member)
{
    char code[8], text[sizeof why.text];
    open_office("same");
    static const char *const names[] = {"M99", "no number", "+49301111111", "04ffffffffffff", "M8"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        must_be(OK, ask(names[i], "192.0.2.1", 1000));
        take_code(code);
        assert_string_equal(code, ""); /* nobody, or nobody who can be reached */
        must_be(ERR_AUTH, log_in(names[i], "123456", 1000));
        if (i == 0)
            snprintf(text, sizeof text, "%s", why.text);
        assert_string_equal(why.text, text);
    }
    must_be(OK, ask("M7", "192.0.2.1", 1000));
    must_be(ERR_AUTH, log_in("M7", "", 1000));
    assert_string_equal(why.text, text);
    must_be(ERR_FORMAT, ask("", "192.0.2.1", 1000));
    /* So often for a number, whoever's it is. */
    for (int i = 0; i < MINE_ASKS_HOUR - 1; i++) {
        must_be(OK, ask("M7", "192.0.2.2", 1001));
        must_be(OK, ask("M99", "192.0.2.2", 1001));
    }
    must_be(ERR_BUSY, ask("M7", "192.0.2.2", 1002));
    must_be(ERR_BUSY, ask("M99", "192.0.2.2", 1002));
    must_be(OK, ask("M7", "192.0.2.2", 1001 + 3600));
    close_office();
}

TEST(mine, a_code_ends_by_time_by_wrong_tries_and_by_a_new_one)
{
    char code[8], wrong[8], second[8];
    open_office("ends");
    must_be(OK, ask("M7", "192.0.2.1", 1000));
    take_code(code);
    must_be(ERR_AUTH, log_in("M7", code, 1000 + MINE_CODE_S + 1));
    must_be(OK, log_in("M7", code, 1000 + MINE_CODE_S));
    must_be(OK, ask("M7", "192.0.2.1", 2000));
    take_code(code);
    snprintf(wrong, sizeof wrong, "%c%s", code[0] == '9' ? '8' : code[0] + 1, code + 1);
    for (int i = 0; i < MINE_WRONG_MAX - 1; i++)
        must_be(ERR_AUTH, log_in("M7", wrong, 2000));
    must_be(OK, log_in("M7", code, 2000));
    must_be(OK, ask("M7", "192.0.2.1", 2000));
    take_code(code);
    snprintf(wrong, sizeof wrong, "%c%s", code[0] == '9' ? '8' : code[0] + 1, code + 1);
    for (int i = 0; i < MINE_WRONG_MAX; i++)
        must_be(ERR_AUTH, log_in("M7", wrong, 2000));
    must_be(ERR_AUTH, log_in("M7", code, 2000));
    must_be(OK, ask("M7", "192.0.2.1", 2000));
    take_code(code);
    must_be(OK, ask("M7", "192.0.2.1", 2000));
    take_code(second);
    if (strcmp(code, second) != 0)
        must_be(ERR_AUTH, log_in("M7", code, 2000));
    must_be(OK, log_in("M7", second, 2000));
    close_office();
}

TEST(mine, who_was_merged_logs_in_as_who_they_are_now)
{
    char code[8];
    member_id member = 0;
    open_office("merged");
    struct txn t = {.kind = TXN_MERGE, .member = 8, .other = 7, .reason = "one person"};
    ledgers_own(&l, &t, ledgers_day(3));
    must_be(OK, ask("+49 30 1234567", "192.0.2.1", 1000));
    take_code(code);
    must_be(OK, mine_log_in(l.books, &home.known_keys, "+49 30 1234567", code, a.now_s, 1000, &member, &why));
    assert_int_equal(member, 8);
    must_be(OK, ask("M7", "192.0.2.1", 1000)); /* by the old number */
    take_code(code);
    must_be(OK, mine_log_in(l.books, &home.known_keys, "M7", code, a.now_s, 1000, &member, &why));
    assert_int_equal(member, 8);
    close_office();
}

TEST(mine, an_address_and_a_day_have_their_limits)
{
    char name[16];
    open_office("limits");
    for (int i = 0; i < MINE_ASKS_FROM; i++) {
        snprintf(name, sizeof name, "M%d", 1000 + i);
        must_be(OK, ask(name, "192.0.2.9", 1000));
    }
    must_be(ERR_BUSY, ask("M7", "192.0.2.9", 1000));
    must_be(OK, ask("M7", "192.0.2.8", 1000));
    for (int i = 1; i < MINE_ASKS_DAY; i++)
        must_be(OK, ask("M7", "192.0.2.8", 1000 + i * 1000));
    must_be(ERR_BUSY, ask("M7", "192.0.2.8", 1000 + MINE_ASKS_DAY * 1000 + 3601));
    must_be(OK, ask("M7", "192.0.2.8", 1001 + 86400));
    close_office();
}

/* ---- over the console ---- */

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

TEST(mine, a_member_logs_in_and_sees_and_does_what_is_their_own)
{
    char code[8], body[96];
    open_office("page");
    mbedtls_pk_init(&home.code_key);
    must_be(OK, mbed_key_make(&home.code_key, &why));
    apis_nobody(&a);
    apis_expect(&a, 401, "GET", "/api/mine", NULL);
    apis_expect(&a, 200, "POST", "/api/mine/code", "{\"name\": \"M7\"}");
    take_code(code);
    apis_expect(&a, 403, "POST", "/api/mine/login", "{\"name\": \"M7\", \"code\": \"\"}");
    snprintf(body, sizeof body, "{\"name\": \"M7\", \"code\": \"%s\"}", code);
    apis_expect(&a, 200, "POST", "/api/mine/login", body);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM session WHERE member = 7"), 1);
    apis_member(&a, 7);
    json_t *o = get("/api/mine");
    assert_string_equal(text_at(o, "name"), "Ada");
    assert_int_equal(json_integer_value(json_object_get(o, "points")), 40);
    json_decref(o);
    o = get("/api/mine/history");
    char *all = json_dumps(o, 0);
    assert_non_null(strstr(all, "40.00"));
    assert_null(strstr(all, "talks a lot"));
    free(all);
    json_decref(o);
    o = get("/api/mine/code");
    struct member_code read;
    must_be(OK, member_code_read(&read, text_at(o, "code"), a.now_s, 0, &home.code_key, &why));
    assert_int_equal(read.member, 7);
    const json_t *qr = json_object_get(o, "qr");
    assert_int_equal(json_array_size(json_object_get(qr, "rows")), json_integer_value(json_object_get(qr, "size")));
    assert_int_equal(json_integer_value(json_object_get(qr, "size")), 37); /* version 5, as member_code.h says */
    json_decref(o);
    apis_expect(&a, 200, "POST", "/api/mine/consent", "{\"purpose\": \"messages\", \"given\": true, \"version\": \"2011\"}");
    o = get("/api/mine/consent");
    assert_true(json_is_true(json_object_get(json_object_get(o, "consent"), "messages")));
    json_decref(o);
    apis_expect(&a, 200, "POST", "/api/mine/language", "{\"language\": \"zh\"}");
    apis_expect(&a, 400, "POST", "/api/mine/language", "{\"language\": \"xx\"}");
    apis_expect(&a, 200, "POST", "/api/mine/feedback", "{\"expected\": 3, \"value\": 4, \"nps\": 9, \"text\": \"good tea\"}");
    o = apis_ask(&a, "POST", "/api/mine/complaints", "{\"text\": \"points are missing\"}");
    assert_int_equal(json_integer_value(json_object_get(o, "id")), 1);
    json_decref(o);
    o = get("/api/mine/complaints");
    assert_string_equal(text_at(json_array_get(json_object_get(o, "rows"), 0), "state"), "received");
    json_decref(o);
    json_decref(get("/api/mine/complaints/1"));
    apis_expect(&a, 409, "POST", "/api/mine/complaints/1/opinion", "{\"satisfied\": true}");
    json_decref(get("/api/mine/referral"));
    json_decref(apis_ask(&a, "GET", "/api/mine/export", NULL));
    assert_string_equal(a.file_name, "my-data.json");
    assert_non_null(strstr(a.raw, "talks a lot")); /* it is about them */
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM audit WHERE subject = 7"), 0);
    apis_member(&a, 8);
    apis_expect(&a, 404, "GET", "/api/mine/complaints/1", NULL);
    apis_expect(&a, 403, "GET", "/api/members/M7", NULL);
    apis_user(&a, ROLE_CLERK | ROLE_ADMIN);
    apis_expect(&a, 403, "GET", "/api/mine", NULL);
    mbedtls_pk_free(&home.code_key);
    mbedtls_pk_init(&home.code_key);
    close_office();
}

TEST(mine, a_member_takes_a_voucher_with_the_pin_and_sees_no_other_s)
{
    open_office("vouchers");
    apis_member(&a, 7);
    json_t *o = get("/api/mine/rewards");
    assert_int_equal(json_array_size(json_object_get(o, "rows")), 2);
    json_decref(o);
    apis_expect(&a, 403, "POST", "/api/mine/vouchers", "{\"reward\": \"LAMP\", \"name\": \"a\"}"); /* above the limit, no PIN */
    for (int i = 0; i < 2; i++)
        apis_expect(&a, 200, "POST", "/api/mine/vouchers", "{\"reward\": \"CUP\", \"name\": \"b\"}");
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM voucher"), 1);
    must_be(OK, people_set_pin(l.books, 7, "1234", &why));
    apis_expect(&a, 403, "POST", "/api/mine/vouchers", "{\"reward\": \"CUP\", \"name\": \"c\"}");
    apis_expect(&a, 403, "POST", "/api/mine/vouchers", "{\"reward\": \"CUP\", \"name\": \"c\", \"pin\": \"4321\"}");
    apis_expect(&a, 200, "POST", "/api/mine/vouchers", "{\"reward\": \"LAMP\", \"name\": \"c\", \"pin\": \"1234\"}");
    o = get("/api/mine/vouchers/1");
    assert_int_equal(strlen(text_at(o, "code")), 14);
    assert_string_equal(text_at(o, "state"), "good");
    json_decref(o);
    o = get("/api/mine/vouchers");
    assert_int_equal(json_array_size(json_object_get(o, "rows")), 2);
    json_decref(o);
    apis_member(&a, 8);
    apis_expect(&a, 404, "GET", "/api/mine/vouchers/1", NULL);
    apis_expect(&a, 404, "GET", "/api/mine/vouchers/99", NULL);
    ledgers_sound(&l);
    close_office();
}

TEST(mine, a_member_claims_a_receipt_by_its_number_and_total)
{
    open_office("claim");
    ledgers_sale(&l, 2, 0, "TEA 1 9.00", 3);
    a.now_s = ledgers_day(4);
    apis_member(&a, 8);
    apis_expect(&a, 404, "POST", "/api/mine/claims", "{\"receipt\": \"T0002-1\", \"total\": 901}");
    apis_expect(&a, 400, "POST", "/api/mine/claims", "{\"receipt\": \"what\", \"total\": 900}");
    apis_expect(&a, 200, "POST", "/api/mine/claims", "{\"receipt\": \"T0002-1\", \"total\": 900}");
    ledgers_expect(&l, 8, 49, 0, 0, 0);
    close_office();
}

/* Every text that is kept beside the ledger is said to go, to be scrubbed, or to stay: none is forgotten. */
TEST(mine, erasing_knows_every_text_beside_the_ledger)
{
    static const char *const ledger[] = {"entry", "pack", "conflict", "terminal", "staff", "sun_tag", "code_used"};
    open_office("columns");
    struct query q = query_text_of(
        l.books->store, "SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c"
                        " WHERE t.type = 'table' AND c.type IN ('TEXT', 'BLOB') AND t.name NOT LIKE 'sqlite%'");
    int forgotten = 0;
    while (query_row(&q)) {
        char table[64], column[64];
        bool known = false;
        query_get_text(&q, table, sizeof table);
        query_get_text(&q, column, sizeof column);
        for (size_t i = 0; i < sizeof ledger / sizeof *ledger; i++)
            known |= strcmp(table, ledger[i]) == 0;
        for (size_t i = 0; i < books_derived_count; i++)
            known |= strcmp(table, books_derived[i].table) == 0;
        if (!known && !erase_says(table, column))
            forgotten += printf("%s.%s\n", table, column) > 0;
    }
    must_be(OK, query_done(&q, &why));
    assert_int_equal(forgotten, 0);
    close_office();
}
