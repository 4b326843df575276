/* test_users.c - logging in at the console: passwords, second factors, waiting, sessions.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/console/audit.h"
#include "office/books/books_int.h"
#include "office/console/password.h"
#include "office/console/totp.h"
#include "office/console/users.h"
#include "tests/apis.h"
#include "tests/ledgers.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

static struct ledgers l;
static struct apis a;
static struct errmsg why;

static void begin(void)
{
    ledgers_open(&l, "users", "", "");
    apis_begin(&a, l.books);
}

static void end(void)
{
    apis_end(&a);
    ledgers_close(&l);
}

/* ---- passwords ---- */

TEST(password, too_short_too_common_or_with_the_name_in_it_is_refused)
{
    static const struct {
        const char *password;
        bool good;
    } cases[] = {
        {"", false},
        {"elevenchars", false},
        {"twelve chars", true},
        {"correct horse battery", true},
        {"PASSWORD1234", false},
        {"Qwertyuiop123", false},
        {"111111111111", false},
        {"abcabcabcabc", false},
        {"abcdefghijklmno", false},
        {"ada.lovelace-and-me", false},
        {"the corner shops 7", false},
        {"\xe6\x88\x91\xe7\x88\xb1\xe5\x8c\x97\xe4\xba\xac\xe5\xa4\xa9\xe5\xae\x89\xe9\x97\xa8", false}, /* 7 characters */
        {"\xe6\x88\x91\xe7\x88\xb1\xe5\x8c\x97\xe4\xba\xac\xe5\xa4\xa9\xe5\xae\x89\xe9\x97\xa8 hello", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if ((password_fault(cases[i].password, "ada.lovelace", "Corner Shops") == NULL) != cases[i].good)
            fail_msg("%s", cases[i].password);
    char longest[PASSWORD_MOST + 2];
    for (int i = 0; i <= PASSWORD_MOST; i++)
        longest[i] = "kqzvxw"[i * i % 6 ^ (i & 1)];
    longest[PASSWORD_MOST + 1] = 0;
    assert_non_null(password_fault(longest, "", ""));
    longest[PASSWORD_MOST] = 0;
    assert_null(password_fault(longest, "", ""));
}

TEST(password, is_kept_as_argon2id_with_its_own_salt)
{
    char one[PASSWORD_HASH_SIZE], two[PASSWORD_HASH_SIZE];
    assert_int_equal(password_hash(one, "correct horse", &why), OK);
    assert_int_equal(password_hash(two, "correct horse", &why), OK);
    assert_non_null(strstr(one, "$argon2id$v=19$m=19456,t=2,p=1$"));
    assert_string_not_equal(one, two);
    assert_true(password_is(one, "correct horse"));
    assert_false(password_is(one, "correct hors"));
    assert_false(password_is(NULL, "correct horse"));
}

/* ---- the second factor ---- */

TEST(totp, gives_the_codes_of_rfc_6238)
{
    static const struct {
        int64_t time_s;
        uint32_t code; /* the last six figures of appendix B */
    } cases[] = {{59, 287082}, {1111111109, 81804}, {1111111111, 50471}, {1234567890, 5924}, {2000000000, 279037},
                 {20000000000, 353130}};
    const uint8_t *secret = (const uint8_t *)"12345678901234567890";
    char text[TOTP_TEXT_SIZE], uri[TOTP_URI_SIZE];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(totp_code(secret, cases[i].time_s / TOTP_STEP_S), cases[i].code);
    totp_text(text, secret);
    assert_string_equal(text, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    totp_uri(uri, secret, "Corner Shops & Co", "ada@x");
    assert_string_equal(uri, "otpauth://totp/Corner%20Shops%20%26%20Co:ada%40x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
                             "&issuer=Corner%20Shops%20%26%20Co");
}

TEST(totp, a_code_is_good_one_step_to_either_side_and_not_again)
{
    const uint8_t *secret = (const uint8_t *)"12345678901234567890";
    int64_t step = 0, now = 1111111111;
    assert_true(totp_is(secret, "050471", now, 0, &step));
    assert_int_equal(step, now / 30);
    assert_true(totp_is(secret, " 050 471", now + 30, 0, &step));
    assert_true(totp_is(secret, "050471", now - 30, 0, &step));
    assert_false(totp_is(secret, "050471", now + 60, 0, &step));
    assert_false(totp_is(secret, "050471", now - 60, 0, &step));
    assert_false(totp_is(secret, "050471", now, now / 30, &step));
    assert_false(totp_is(secret, "50471", now, 0, &step));
    assert_false(totp_is(secret, "0504711", now, 0, &step));
    assert_false(totp_is(secret, "05047x", now, 0, &step));
    assert_false(totp_is(secret, "", now, 0, &step));
}

/* ---- logging in, by the console's own operations ---- */

static char password[20];
static uint32_t add(const char *name, unsigned roles)
{
    uint32_t id;
    if (users_add(l.books, name, roles, "en", a.utc_s, password, &id, &why))
        fail_msg("%s", why.text);
    return id;
}

static json_t *log_in(const char *name, const char *pass, const char *code)
{
    char body[300];
    snprintf(body, sizeof body, "{\"name\":\"%s\",\"password\":\"%s\"%s%s%s}", name, pass, code ? ",\"code\":\"" : "",
             code ? code : "", code ? "\"" : "");
    return apis_ask(&a, "POST", "/api/login", body);
}

static const char *next_of(json_t *answer)
{
    static char next[16];
    snprintf(next, sizeof next, "%s", answer ? api_text(answer, "next") : "?");
    json_decref(answer);
    return next;
}

static void secret_of(const char *name, uint8_t secret[TOTP_SECRET_SIZE])
{
    struct query q = query_text_of(l.books->store, "SELECT totp FROM user WHERE name = ?");
    query_text(&q, name);
    assert_true(query_row(&q));
    struct bytes b = query_get_blob(&q);
    assert_int_equal(b.size, TOTP_SECRET_SIZE);
    memcpy(secret, b.data, b.size);
    assert_int_equal(query_done(&q, &why), OK);
}

static const char *code_now(const char *name)
{
    static char body[40];
    uint8_t secret[TOTP_SECRET_SIZE];
    secret_of(name, secret);
    snprintf(body, sizeof body, "%06u", (unsigned)totp_code(secret, a.utc_s / TOTP_STEP_S));
    return body;
}

static json_t *say_code(const char *path, const char *code)
{
    char body[64];
    snprintf(body, sizeof body, "{\"code\":\"%s\"}", code);
    return apis_ask(&a, "POST", path, body);
}

static json_t *change_password(const char *old, const char *fresh)
{
    char body[300];
    snprintf(body, sizeof body, "{\"old\":\"%s\",\"new\":\"%s\"}", old, fresh);
    return apis_ask(&a, "POST", "/api/login/password", body);
}

#define OWN "a few plain words"

/* From the password that was handed over to a user who is in. */
static void settle_in(const char *name, bool factor)
{
    const char *next = next_of(log_in(name, password, NULL));
    if (factor) {
        assert_string_equal(next, "enrol");
        apis_expect(&a, 200, "POST", "/api/login/enrol", NULL);
        next = next_of(say_code("/api/login/enrolled", code_now(name)));
    }
    assert_string_equal(next, "password");
    assert_string_equal(next_of(change_password(password, OWN)), "");
    apis_expect(&a, 200, "GET", "/api/session", NULL);
}

TEST(users, a_clerk_changes_the_given_password_and_is_in)
{
    begin();
    add("ada", ROLE_CLERK);
    assert_string_equal(next_of(log_in("Ada", password, NULL)), "password");
    apis_expect(&a, 401, "GET", "/api/session", NULL);
    assert_string_equal(a.code, "password");
    json_decref(change_password("wrong", OWN));
    assert_int_equal(a.status, 403);
    assert_string_equal(a.field, "old");
    json_decref(change_password(password, "short"));
    assert_int_equal(a.status, 422);
    json_decref(change_password(password, password));
    assert_int_equal(a.status, 422);
    char before[LOGIN_TEXT_SIZE];
    memcpy(before, a.session, sizeof before);
    assert_string_equal(next_of(change_password(password, OWN)), "");
    assert_string_not_equal(before, a.session); /* a new session with each step */
    apis_expect(&a, 200, "GET", "/api/session", NULL);
    memcpy(a.session, before, sizeof before);
    apis_expect(&a, 401, "GET", "/api/session", NULL);
    json_decref(log_in("ada", password, NULL)); /* the given one is no more */
    assert_int_equal(a.status, 403);
    end();
}

TEST(users, who_moves_points_needs_a_second_factor)
{
    static const unsigned roles[] = {ROLE_CONTROLLER, ROLE_APPROVER, ROLE_ADMIN, ROLE_CLERK | ROLE_CONTROLLER};
    begin();
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        char name[16];
        snprintf(name, sizeof name, "user%zu", i);
        add(name, roles[i]);
        settle_in(name, true);
        a.utc_s += 60;
        assert_string_equal(next_of(log_in(name, OWN, NULL)), "code");
        apis_expect(&a, 401, "GET", "/api/session", NULL);
        apis_expect(&a, 409, "POST", "/api/login/enrol", NULL); /* not to be gone round */
        json_decref(change_password(OWN, "another few words"));
        assert_int_equal(a.status, 409);
        assert_string_equal(next_of(say_code("/api/login/code", code_now(name))), "");
        apis_expect(&a, 200, "GET", "/api/session", NULL);
        assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM session"), i + 1); /* each step ended the one before */
        apis_nobody(&a);
    }
    end();
}

TEST(users, a_code_is_good_once_also_in_one_step_with_the_password)
{
    begin();
    add("bo", ROLE_CONTROLLER);
    settle_in("bo", true);
    a.utc_s += 60;
    assert_string_equal(next_of(log_in("bo", OWN, code_now("bo"))), "");
    json_decref(log_in("bo", OWN, code_now("bo")));
    assert_int_equal(a.status, 403);
    assert_string_equal(next_of(log_in("bo", OWN, NULL)), "code");
    json_decref(say_code("/api/login/code", code_now("bo")));
    assert_int_equal(a.status, 403);
    a.utc_s += 30;
    assert_string_equal(next_of(say_code("/api/login/code", code_now("bo"))), "");
    end();
}

TEST(users, wrong_name_and_wrong_password_are_told_apart_by_nothing)
{
    char first[512];
    begin();
    add("ada", ROLE_CLERK);
    json_decref(log_in("ada", "wrong password", NULL));
    assert_int_equal(a.status, 403);
    snprintf(first, sizeof first, "%s", a.raw);
    json_decref(log_in("nobody", "wrong password", NULL));
    assert_string_equal(a.raw, first);
    assert_int_equal(a.status, 403);
    json_decref(log_in("ada' OR 1=1 --", "x", NULL));
    assert_string_equal(a.raw, first);
    end();
}

TEST(users, five_wrong_ones_make_the_name_wait_and_the_wait_ends)
{
    begin();
    add("ada", ROLE_CLERK);
    settle_in("ada", false);
    for (int i = 0; i < USERS_TRIES_NAME; i++)
        json_decref(log_in("ada", "wrong password", NULL));
    char wrong[512];
    snprintf(wrong, sizeof wrong, "%s", a.raw);
    json_decref(log_in("ADA", OWN, NULL)); /* right, and not looked at */
    assert_int_equal(a.status, 403);
    assert_string_equal(a.raw, wrong); /* not even told that the name waits */
    a.utc_s += 61;
    assert_string_equal(next_of(log_in("ada", OWN, NULL)), "");
    for (int i = 0; i < USERS_TRIES_NAME - 1; i++) /* a right one has begun the count anew */
        json_decref(log_in("ada", "wrong password", NULL));
    assert_string_equal(next_of(log_in("ada", OWN, NULL)), "");
    end();
}

TEST(users, the_wait_doubles_to_a_quarter_of_an_hour)
{
    static const int minutes[] = {1, 2, 4, 8, 15, 15};
    begin();
    add("ada", ROLE_CLERK);
    for (int i = 0; i < USERS_TRIES_NAME - 1; i++)
        json_decref(log_in("ada", "x", NULL));
    for (size_t i = 0; i < sizeof minutes / sizeof *minutes; i++) {
        int64_t until = 0;
        json_decref(log_in("ada", "x", NULL));
        struct query q = query_text_of(l.books->store, "SELECT until_s FROM login_try WHERE who = 'name:ada'");
        if (query_row(&q))
            until = query_get_int(&q);
        assert_int_equal(query_done(&q, &why), OK);
        assert_int_equal(until - a.utc_s, minutes[i] * 60);
        a.utc_s = until;
    }
    end();
}

TEST(users, an_address_that_tries_many_names_has_to_wait)
{
    begin();
    add("ada", ROLE_CLERK);
    for (int i = 0; i < USERS_TRIES_FROM; i++) {
        char name[16];
        snprintf(name, sizeof name, "name%d", i);
        json_decref(log_in(name, "wrong password", NULL));
        assert_int_equal(a.status, 403);
    }
    json_decref(log_in("ada", password, NULL));
    assert_int_equal(a.status, 429);
    a.utc_s += 61;
    assert_string_equal(next_of(log_in("ada", password, NULL)), "password");
    end();
}

TEST(users, codes_cannot_be_tried_out_with_a_right_password_between_them)
{
    begin();
    add("bo", ROLE_CONTROLLER);
    settle_in("bo", true);
    a.utc_s += 60;
    int wrong = 0;
    for (; wrong < 50; wrong++) {
        if (strcmp(next_of(log_in("bo", OWN, NULL)), "code") != 0)
            break;
        json_decref(say_code("/api/login/code", "000000"));
    }
    assert_int_equal(wrong, USERS_TRIES_NAME);
    end();
}

TEST(users, a_given_password_ends_after_three_days)
{
    begin();
    add("ada", ROLE_CLERK);
    a.utc_s += USERS_TEMPORARY_S + 1;
    json_decref(log_in("ada", password, NULL));
    assert_int_equal(a.status, 403);
    end();
}

/* ---- sessions ---- */

TEST(users, a_session_ends_when_idle_and_after_its_longest_time)
{
    begin();
    apis_user(&a, ROLE_CLERK);
    a.utc_s += LOGIN_IDLE_S - 1;
    apis_expect(&a, 200, "GET", "/api/session", NULL);
    a.utc_s += LOGIN_IDLE_S;
    apis_expect(&a, 401, "GET", "/api/session", NULL);
    apis_user(&a, ROLE_CLERK);
    int64_t begun = a.utc_s;
    while (a.utc_s < begun + LOGIN_LONGEST_S - 600) {
        a.utc_s += 600;
        apis_expect(&a, a.utc_s < begun + LOGIN_LONGEST_S ? 200 : 401, "GET", "/api/session", NULL);
    }
    a.utc_s += 600;
    apis_expect(&a, 401, "GET", "/api/session", NULL);
    end();
}

TEST(users, only_the_digest_of_a_session_is_in_the_database)
{
    begin();
    apis_user(&a, ROLE_CLERK);
    struct query q = query_text_of(l.books->store, "SELECT count(*) FROM session WHERE hex(digest) = upper(?)");
    query_text(&q, a.session);
    assert_true(query_row(&q));
    assert_int_equal(query_get_int(&q), 0);
    assert_int_equal(query_done(&q, &why), OK);
    end();
}

TEST(users, logging_out_ends_one_session_and_everywhere_all)
{
    struct apis other;
    begin();
    apis_user(&a, ROLE_CLERK);
    apis_begin(&other, l.books);
    apis_user(&other, ROLE_CLERK);
    apis_expect(&a, 200, "POST", "/api/logout", NULL);
    apis_expect(&a, 401, "GET", "/api/session", NULL);
    apis_expect(&other, 200, "GET", "/api/session", NULL);
    apis_user(&a, ROLE_CLERK);
    apis_expect(&a, 200, "POST", "/api/logout/everywhere", NULL);
    apis_expect(&other, 401, "GET", "/api/session", NULL);
    apis_end(&other);
    end();
}

/* ---- administrators ---- */

TEST(users, an_administrator_adds_changes_and_resets_users)
{
    char body[200], path[64], given[20];
    struct apis bo;
    begin();
    apis_user(&a, ROLE_ADMIN);
    json_t *made = apis_ask(&a, "POST", "/api/users", "{\"name\":\"bo\",\"roles\":[\"clerk\"],\"language\":\"zh\"}");
    assert_int_equal(a.status, 200);
    uint32_t id = (uint32_t)api_int(made, "id", 0);
    snprintf(given, sizeof given, "%s", api_text(made, "password"));
    json_decref(made);
    apis_expect(&a, 409, "POST", "/api/users", "{\"name\":\"BO\",\"roles\":[\"clerk\"]}");
    apis_expect(&a, 400, "POST", "/api/users", "{\"name\":\"a b\",\"roles\":[\"clerk\"]}");
    apis_expect(&a, 400, "POST", "/api/users", "{\"name\":\"cy\",\"roles\":[]}");
    apis_expect(&a, 400, "POST", "/api/users", "{\"name\":\"cy\",\"roles\":[\"king\"]}");
    apis_expect(&a, 400, "POST", "/api/users", "{\"name\":\"cy\",\"roles\":[\"member\"]}");
    apis_begin(&bo, l.books);
    snprintf(body, sizeof body, "{\"name\":\"bo\",\"password\":\"%s\"}", given);
    apis_expect(&bo, 200, "POST", "/api/login", body);
    snprintf(path, sizeof path, "/api/users/%u", (unsigned)id);
    apis_expect(&a, 200, "POST", path, "{\"roles\":[\"clerk\",\"marketer\"],\"language\":\"en\",\"active\":true}");
    snprintf(body, sizeof body, "{\"old\":\"%s\",\"new\":\"" OWN "\"}", given);
    apis_expect(&bo, 403, "POST", "/api/login/password", body); /* the session has ended with the change */
    snprintf(path, sizeof path, "/api/users/%u/reset", (unsigned)id);
    made = apis_ask(&a, "POST", path, NULL);
    snprintf(body, sizeof body, "{\"name\":\"bo\",\"password\":\"%s\"}", api_text(made, "password"));
    json_decref(made);
    apis_expect(&bo, 200, "POST", "/api/login", body);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM session WHERE user = 2"), 1);
    snprintf(path, sizeof path, "/api/users/%u/reset", (unsigned)id);
    apis_expect(&a, 200, "POST", path, NULL);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM session WHERE user = 2"), 0);
    snprintf(path, sizeof path, "/api/users/%u", (unsigned)id);
    apis_expect(&a, 200, "POST", path, "{\"roles\":[\"clerk\"],\"language\":\"en\",\"active\":false}");
    apis_expect(&bo, 403, "POST", "/api/login", body);
    apis_expect(&a, 404, "POST", "/api/users/999", "{\"roles\":[\"clerk\"],\"language\":\"en\",\"active\":false}");
    apis_end(&bo);
    end();
}

TEST(users, nobody_changes_their_own_roles_and_one_administrator_stays)
{
    char path[64];
    begin();
    apis_user(&a, ROLE_ADMIN);
    uint32_t first = a.user;
    snprintf(path, sizeof path, "/api/users/%u", (unsigned)first);
    apis_expect(&a, 422, "POST", path, "{\"roles\":[\"controller\"],\"language\":\"en\",\"active\":true}");
    apis_user(&a, ROLE_ADMIN | ROLE_AUDITOR);
    apis_expect(&a, 200, "POST", path, "{\"roles\":[\"clerk\"],\"language\":\"en\",\"active\":true}");
    assert_int_equal(users_set(l.books, a.user, ROLE_ADMIN, "en", false, &why), ERR_REFUSED);
    assert_int_equal(users_set(l.books, a.user, ROLE_CLERK, "en", true, &why), ERR_REFUSED);
    end();
}

/* ---- the audit log ---- */

static int64_t broken_line(int64_t *lines)
{
    int64_t broken;
    uint8_t head[32];
    assert_int_equal(audit_verify(l.books, lines, &broken, head, &why), OK);
    return broken;
}

static enum err sql(const char *text)
{
    struct query q = query_text_of(l.books->store, text);
    return query_run(&q, &why);
}

TEST(audit, every_change_login_and_refusal_has_its_line_in_an_unbroken_chain)
{
    int64_t lines;
    begin();
    assert_int_equal(broken_line(&lines), 0);
    assert_int_equal(lines, 0);
    uint32_t id = add("ada", ROLE_CLERK);
    json_decref(log_in("ada", "wrong password", NULL));
    json_decref(log_in("ada", password, NULL));
    apis_user(&a, ROLE_CLERK);
    apis_expect(&a, 403, "GET", "/api/users", NULL);
    apis_expect(&a, 200, "POST", "/api/session/language", "{\"language\":\"zh\"}");
    a.token[0] = 'x';
    apis_expect(&a, 403, "POST", "/api/session/language", "{\"language\":\"en\"}");
    apis_user(&a, ROLE_AUDITOR);
    json_t *log = apis_ask(&a, "GET", "/api/audit", NULL);
    static const struct {
        const char *operation, *result;
        bool ada;
    } wanted[] = {{"set_language", "token", false}, {"set_language", "done", false}, {"list_users", "not allowed", false},
                  {"log_in", "done", true}, {"log_in", "authentication failed", true}};
    json_t *rows = json_object_get(log, "rows");
    assert_int_equal(json_array_size(rows), 5);
    for (size_t i = 0; i < 5; i++) {
        json_t *row = json_array_get(rows, i);
        assert_string_equal(api_text(row, "operation"), wanted[i].operation);
        assert_string_equal(api_text(row, "result"), wanted[i].result);
        assert_string_equal(api_text(row, "address"), "192.0.2.1");
        if (wanted[i].ada)
            assert_int_equal(api_int(row, "user", 0), id);
    }
    json_decref(log);
    apis_expect(&a, 200, "GET", "/api/audit?refused=1&limit=10&operation=log_in", NULL);
    assert_non_null(strstr(a.raw, "\"id\":1,"));
    assert_null(strstr(a.raw, "\"id\":2,"));
    apis_expect(&a, 200, "GET", "/api/audit/verify", NULL);
    assert_non_null(strstr(a.raw, "\"lines\":5,\"broken\":null"));
    end();
}

TEST(audit, no_line_is_changed_taken_out_or_slipped_in)
{
    int64_t lines;
    begin();
    for (int i = 0; i < 5; i++) {
        struct audit_line line = {.time_s = a.now_s + i, .user = 3, .name = "ada", .operation = "x", .result = "done"};
        assert_int_equal(audit_add(l.books, &line, &why), OK);
    }
    assert_int_equal(sql("UPDATE audit SET user = 4 WHERE id = 3"), ERR_CORRUPT);
    assert_int_equal(sql("DELETE FROM audit WHERE id = 5"), ERR_CORRUPT);
    assert_int_equal(sql("INSERT INTO audit SELECT 9, time_s, user, name, member, operation, target, subject, result,"
                         " text, address, hash FROM audit WHERE id = 1"), ERR_CORRUPT);
    assert_int_equal(broken_line(&lines), 0);
    assert_int_equal(lines, 5);
    /* And behind the triggers' back, each column of a row: the chain tells. */
    static const char *const spoilt[] = {
        "time_s = time_s + 1", "user = 4", "name = 'eve'", "member = 1", "operation = 'y'", "target = 'M1'", "subject = 1",
        "result = 'no'", "text = 'z'", "address = '::1'", "hash = zeroblob(32)"};
    assert_int_equal(sql("DROP TRIGGER audit_not_changed"), OK);
    assert_int_equal(sql("DROP TRIGGER audit_not_deleted"), OK);
    for (size_t i = 0; i < sizeof spoilt / sizeof *spoilt; i++) {
        char text[120];
        assert_int_equal(books_begin(l.books, &why), OK);
        snprintf(text, sizeof text, "UPDATE audit SET %s WHERE id = 3", spoilt[i]);
        assert_int_equal(sql(text), OK);
        assert_int_equal(broken_line(&lines), 3);
        books_rollback(l.books);
    }
    assert_int_equal(sql("DELETE FROM audit WHERE id = 2"), OK);
    assert_int_equal(broken_line(&lines), 3);
    end();
}
