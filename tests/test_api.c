/* test_api.c - the table of the console's operations: who may do what, what is refused, done once.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/console/audit.h"
#include "office/books/books_int.h"
#include "office/console/shape.h"
#include "tests/apis.h"
#include "tests/ledgers.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ledgers l;
static struct apis a;

static void begin(void)
{
    ledgers_open(&l, "api", "", "");
    apis_begin(&a, l.books);
}

static void end(void)
{
    apis_end(&a);
    ledgers_close(&l);
}

TEST(api, without_a_session_there_is_only_logging_in)
{
    const struct api_op *op;
    begin();
    for (int i = 0; (op = api_op_at(i)); i++) {
        char path[200];
        snprintf(path, sizeof path, "%s", op->path);
        json_decref(apis_ask(&a, op->method, path, NULL));
        if (!(op->roles & ROLE_NOBODY) && a.status != 401)
            fail_msg("%s: %d", op->name, a.status);
    }
    end();
}

TEST(api, unknown_paths_and_methods_are_refused)
{
    begin();
    apis_user(&a, ROLE_CLERK);
    apis_expect(&a, 404, "GET", "/api/nothing", NULL);
    apis_expect(&a, 404, "GET", "/api/session/", NULL);
    apis_expect(&a, 405, "PUT", "/api/session", NULL);
    apis_expect(&a, 200, "GET", "/api/session", NULL);
    apis_expect(&a, 400, "GET", "/api/session", "{}");
    apis_expect(&a, 400, "GET", "/api/session?x=1", NULL);
    assert_string_equal(a.field, "x");
    apis_expect(&a, 400, "GET", "/api/session?format=csv", NULL);
    apis_expect(&a, 404, "GET", "/api/members/M\xff", NULL);
    end();
}

/* ---- who may do what ---- */

static const struct {
    const char *name;
    unsigned role;
} kinds[] = {{"clerk", ROLE_CLERK},     {"marketer", ROLE_MARKETER}, {"controller", ROLE_CONTROLLER}, {"approver", ROLE_APPROVER},
             {"auditor", ROLE_AUDITOR}, {"admin", ROLE_ADMIN},       {"member", ROLE_MEMBER},         {"nobody", ROLE_NOBODY}};
enum { KINDS = sizeof kinds / sizeof *kinds };

static void be(unsigned role)
{
    if (role == ROLE_NOBODY)
        apis_nobody(&a);
    else if (role == ROLE_MEMBER)
        apis_member(&a, 5);
    else
        apis_user(&a, role);
}

/* The path with something in place of {..}, and more behind it. */
static const char *path_of_op(const struct api_op *op, const char *more)
{
    static char path[300];
    size_t n = 0;
    for (const char *p = op->path; *p; p++) {
        if (*p == '{') {
            n += (size_t)snprintf(path + n, sizeof path - n, "%s", strncmp(p, "{member}", 8) == 0 ? "M5" : "1");
            p += strcspn(p, "}");
        } else {
            path[n++] = *p;
        }
    }
    snprintf(path + n, sizeof path - n, "%s", more);
    return path;
}

static bool is_change(const struct api_op *op)
{
    return op->what == API_CHANGE || op->what == API_ALONE;
}

/* Does this role get as far as the check of what came in?  A query that no operation has stops it there. */
static bool gets_in(const struct api_op *op)
{
    json_decref(apis_ask(&a, op->method, path_of_op(op, "?no_such_thing=1"), NULL));
    if (a.status == 400 && strcmp(a.field, "no_such_thing") == 0)
        return true;
    if (a.status != 401 && a.status != 403)
        fail_msg("%s: %d %s", op->name, a.status, a.text);
    return false;
}

/* Each operation asked by each role, as a table a person can read: tests/data/roles.txt is the one agreed on. */
TEST(api, every_role_may_do_what_the_table_says_and_nothing_else)
{
    static const char *const whats[] = {[API_READ] = "reads", [API_LOOK] = "looks", [API_CHANGE] = "changes", [API_ALONE] = "changes"};
    static char said[200000], table[200000];
    static bool in[KINDS][1000];
    const struct api_op *op;
    struct errmsg why;
    size_t n = 0;
    int count = 0;
    begin();
    ledgers_member(&l, 5, 0);
    assert_int_equal(books_begin(l.books, &why), OK); /* refusals write to the audit log: all at once is quicker */
    for (int k = 0; k < KINDS; k++) {
        be(kinds[k].role);
        for (int i = 0; (op = api_op_at(i)); i++) {
            assert_true(i < 1000);
            in[k][i] = gets_in(op);
            if (in[k][i] != ((op->roles & kinds[k].role) != 0 || (op->roles & ROLE_NOBODY)))
                fail_msg("%s by %s: %s, and its row says otherwise", op->name, kinds[k].name, in[k][i] ? "gets in" : "does not");
            count = i + 1;
        }
    }
    books_rollback(l.books);
    n += (size_t)snprintf(table, sizeof table, "%-30s %-8s", "", "");
    for (int k = 0; k < KINDS; k++)
        n += (size_t)snprintf(table + n, sizeof table - n, " %s", kinds[k].name);
    n += (size_t)snprintf(table + n, sizeof table - n, "\n");
    for (int i = 0; i < count; i++) {
        op = api_op_at(i);
        n += (size_t)snprintf(table + n, sizeof table - n, "%-30s %-8s", op->name, whats[op->what]);
        for (int k = 0; k < KINDS; k++) /* who has no session may as well ask without one */
            n += (size_t)snprintf(table + n, sizeof table - n, " %-*s", (int)strlen(kinds[k].name), in[k][i] ? "yes" : "-");
        while (table[n - 1] == ' ')
            n--;
        n += (size_t)snprintf(table + n, sizeof table - n, "\n");
    }
    char path[600];
    snprintf(path, sizeof path, "%s/roles.txt", test_data_dir());
    if (getenv("PATRON_WRITE")) {
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs(table, f);
        fclose(f);
    }
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    said[fread(said, 1, sizeof said - 1, f)] = 0;
    fclose(f);
    for (char *line = table; *line; line += strcspn(line, "\n") + 1) {
        char whole[300], name[48];
        snprintf(whole, sizeof whole, "%.*s\n", (int)strcspn(line, "\n"), line);
        snprintf(name, sizeof name, "\n%.*s ", (int)strcspn(line, " \n"), line);
        if (strstr(said, whole))
            continue;
        char *old = strstr(said, name);
        if (old)
            fail_msg("rights have changed:\n  %.*s\n  %sRead it, then PATRON_WRITE=1 writes %s", (int)strcspn(old + 1, "\n"),
                     old + 1, whole, path);
        fail_msg("not agreed on yet:\n  %sRead it, then PATRON_WRITE=1 build/tests/test_api writes %s", whole, path);
    }
    assert_string_equal(said, table); /* what is no more, and the order */
    end();
}

TEST(api, names_and_paths_are_their_own)
{
    const struct api_op *x, *y;
    for (int i = 0; (x = api_op_at(i)); i++)
        for (int k = i + 1; (y = api_op_at(k)); k++) {
            if (strcmp(x->name, y->name) == 0)
                fail_msg("two operations are called %s", x->name);
            if (strcmp(x->method, y->method) == 0 && strcmp(x->path, y->path) == 0)
                fail_msg("%s and %s are the same request", x->name, y->name);
        }
}

TEST(api, who_only_sees_or_administrates_moves_no_points)
{
    const struct api_op *op;
    for (int i = 0; (op = api_op_at(i)); i++) {
        bool session = strncmp(op->path, "/api/login", 10) == 0 || strncmp(op->path, "/api/logout", 11) == 0 ||
                       strncmp(op->path, "/api/session", 12) == 0;
        if (is_change(op) && !session && op->roles & ROLE_AUDITOR)
            fail_msg("an auditor changes by %s", op->name);
        if (is_change(op) && strcmp(op->method, "GET") == 0)
            fail_msg("%s changes by GET", op->name);
        if (!is_change(op) && strcmp(op->method, "GET") != 0)
            fail_msg("%s reads by %s", op->name, op->method);
    }
}

/* ---- what keeps a change from being made by somebody else ---- */

/* Any user who may. */
static void be_one_of(unsigned roles)
{
    for (int k = 0; k < KINDS; k++)
        if (roles & kinds[k].role) {
            be(kinds[k].role);
            return;
        }
}

TEST(api, no_change_without_session_token_or_with_anothers)
{
    const struct api_op *op;
    struct errmsg why;
    char other[LOGIN_TEXT_SIZE], own[LOGIN_TEXT_SIZE];
    int changes = 0;
    begin();
    ledgers_member(&l, 5, 0);
    assert_int_equal(books_begin(l.books, &why), OK);
    apis_user(&a, ROLE_STAFF);
    snprintf(other, sizeof other, "%s", a.token); /* a good one, of somebody with every role */
    for (int i = 0; (op = api_op_at(i)); i++) {
        if (!is_change(op) || op->roles == ROLE_NOBODY)
            continue;
        const char *path = path_of_op(op, "");
        changes++;
        if (!(op->roles & ROLE_NOBODY)) {
            apis_nobody(&a);
            snprintf(a.token, sizeof a.token, "%s", other);
            apis_expect(&a, 401, op->method, path, "{}");
        }
        be_one_of(op->roles & ~(unsigned)ROLE_NOBODY);
        snprintf(own, sizeof own, "%s", a.token);
        const char *const wrong[] = {"", other, "0000000000000000000000000000000000000000000000000000000000000000"};
        for (int k = 0; k < 3; k++) {
            snprintf(a.token, sizeof a.token, "%s", wrong[k]);
            apis_expect(&a, 403, op->method, path, "{}");
            assert_string_equal(a.code, "token");
        }
        snprintf(a.token, sizeof a.token, "%.63s", own); /* all of it but one */
        apis_expect(&a, 403, op->method, path, "{}");
        snprintf(a.token, sizeof a.token, "%.63s%c", own, own[63] == '0' ? '1' : '0');
        apis_expect(&a, 403, op->method, path, "{}");
        if (!(op->roles & (ROLE_MEMBER | ROLE_NOBODY))) {
            apis_member(&a, 5);
            apis_expect(&a, 403, op->method, path, "{}");
            assert_string_equal(a.code, "not allowed");
        }
    }
    books_rollback(l.books);
    assert_true(changes >= 5);
    end();
}

TEST(api, a_change_needs_a_request_id)
{
    static const char *const wrong[] = {"short", "fifteen-letters", "with blanks in it, long enough", "0123456789/123456789",
                                        "0123456789012345678901234567890123456789"};
    begin();
    apis_user(&a, ROLE_CLERK);
    for (size_t i = 0; i < 4; i++) {
        snprintf(a.request_id, sizeof a.request_id, "%s", wrong[i]);
        apis_expect(&a, 400, "POST", "/api/session/language", "{\"language\":\"zh\"}");
    }
    snprintf(a.request_id, sizeof a.request_id, "%.39s", wrong[4]);
    apis_expect(&a, 200, "POST", "/api/session/language", "{\"language\":\"zh\"}");
    end();
}

/* ---- what comes in ---- */

/* A value that fits, or one that cannot. */
static json_t *value_of(const struct shape_field *f, bool fits)
{
    if (!fits)
        return f->type == SHAPE_OBJECT || f->type == SHAPE_LIST ? json_integer(1) : json_object();
    switch (f->type) {
    case SHAPE_INT:
    case SHAPE_POINTS:
    case SHAPE_MONEY:
        return json_integer(1);
    case SHAPE_DAY:
        return json_string("2011-03-02");
    case SHAPE_TIME:
        return json_string("2011-03-02T12:00:00");
    case SHAPE_TEXT:
    case SHAPE_JSON:
        return json_string("text");
    case SHAPE_BOOL:
        return json_true();
    case SHAPE_LIST:
        return json_array();
    case SHAPE_OBJECT:
        break;
    }
    json_t *object = json_object();
    struct shape_field inside;
    const char *at = f->inside;
    while (shape_next(&at, &inside))
        json_object_set_new(object, inside.name, value_of(&inside, true));
    return object;
}

static json_t *body_of(const char *shape, const char *without, const char *wrong)
{
    json_t *body = json_object();
    struct shape_field f;
    while (shape_next(&shape, &f))
        if (!without || strcmp(f.name, without) != 0)
            json_object_set_new(body, f.name, value_of(&f, !wrong || strcmp(f.name, wrong) != 0));
    return body;
}

static void refused_for(const struct api_op *op, json_t *body, const char *field)
{
    char *text = json_dumps(body, JSON_COMPACT);
    json_decref(apis_ask(&a, op->method, path_of_op(op, ""), text));
    if (a.status != 400 || strcmp(a.field, field) != 0)
        fail_msg("%s %s: %d %s %s", op->name, text, a.status, a.field, a.text);
    free(text);
    json_decref(body);
}

TEST(api, a_body_of_the_wrong_shape_is_refused_by_name_and_does_nothing)
{
    const struct api_op *op;
    struct shape_field f;
    int fields = 0;
    begin();
    ledgers_member(&l, 5, 0);
    for (int i = 0; (op = api_op_at(i)); i++) {
        if (!is_change(op))
            continue;
        be_one_of(op->roles);
        const char *at = op->in;
        while (shape_next(&at, &f)) {
            fields++;
            if (f.required)
                refused_for(op, body_of(op->in, f.name, NULL), f.name);
            if (f.type != SHAPE_JSON)
                refused_for(op, body_of(op->in, NULL, f.name), f.name);
        }
        json_t *body = body_of(op->in, NULL, NULL);
        json_object_set_new(body, "no_such_field", json_true());
        refused_for(op, body, "no_such_field");
        static const char *const none[] = {"[]", "1", "{", "{\"a\":1,\"a\":2}", "\xff", "{} {}"};
        for (size_t k = 0; k < sizeof none / sizeof *none; k++)
            apis_expect(&a, 400, op->method, path_of_op(op, ""), none[k]);
    }
    assert_true(fields >= 10);
    end();
}

TEST(api, a_body_nested_without_end_is_refused)
{
    static char body[5000];
    begin();
    apis_user(&a, ROLE_CLERK);
    size_t n = (size_t)snprintf(body, sizeof body, "{\"language\":");
    memset(body + n, '[', 1500);
    memset(body + n + 1500, ']', 1500);
    body[n + 3000] = '}';
    apis_expect(&a, 400, "POST", "/api/session/language", body);
    end();
}

/* ---- once ---- */

static int64_t changes_made(void)
{
    int64_t n = 0;
    struct errmsg why;
    struct query q = query_text_of(l.books->store, "SELECT total_changes()");
    if (query_row(&q))
        n = query_get_int(&q);
    assert_int_equal(query_done(&q, &why), OK);
    return n;
}

TEST(api, the_same_request_again_gives_the_same_answer_and_does_nothing)
{
    begin();
    apis_user(&a, ROLE_ADMIN);
    char first[LOGIN_TEXT_SIZE], token[LOGIN_TEXT_SIZE], answer[400];
    snprintf(first, sizeof first, "%s", a.session);
    snprintf(token, sizeof token, "%s", a.token);
    snprintf(a.request_id, sizeof a.request_id, "0123456789-abcdef");
    apis_expect(&a, 200, "POST", "/api/session/language", "{\"language\":\"zh\"}");
    snprintf(answer, sizeof answer, "%s", a.raw);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM memo WHERE request LIKE '%abcdef%' OR answer = CAST('{}' AS BLOB)"), 0);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM memo"), 1); /* it is there, for who asks again alone */
    int64_t before = changes_made();
    for (int i = 0; i < 3; i++) {
        apis_expect(&a, 200, "POST", "/api/session/language", "{ \"language\" : \"zh\" }"); /* however it is written */
        assert_string_equal(a.raw, answer);
    }
    assert_int_equal(changes_made(), before);
    apis_expect(&a, 409, "POST", "/api/session/language", "{\"language\":\"en\"}");
    apis_expect(&a, 409, "POST", "/api/users/1/logout", NULL);
    assert_int_equal(changes_made(), before);
    apis_user(&a, ROLE_CLERK); /* somebody else's numbers are their own */
    apis_expect(&a, 200, "POST", "/api/session/language", "{\"language\":\"en\"}");
    /* The first one again, two days later: forgotten with the next change, so it is done. */
    a.utc_s += 2 * 86400 + 1;
    apis_user(&a, ROLE_CLERK);
    a.request_id[0] = 0;
    apis_expect(&a, 200, "POST", "/api/session/language", "{\"language\":\"en\"}");
    snprintf(a.request_id, sizeof a.request_id, "0123456789-abcdef");
    apis_expect(&a, 200, "POST", "/api/session/language", "{\"language\":\"zh\"}");
    end();
}

/* Every change whose input can be made up: when it is taken, it is taken once. */
TEST(api, whatever_change_is_taken_is_taken_once)
{
    const struct api_op *op;
    int taken = 0, tried = 0;
    begin();
    for (member_id m = 1; m <= 6; m++)
        ledgers_member(&l, m, 0);
    for (int i = 0; (op = api_op_at(i)); i++) {
        if (op->what != API_CHANGE)
            continue;
        be_one_of(op->roles);
        json_t *body = body_of(op->in, NULL, NULL);
        char *text = json_dumps(body, JSON_COMPACT), *answer = NULL;
        snprintf(a.request_id, sizeof a.request_id, "once-only-%08d", i);
        int64_t before = changes_made();
        json_decref(apis_ask(&a, op->method, path_of_op(op, ""), text));
        tried++;
        if (a.status == 500)
            fail_msg("%s %s: a fault", op->name, text);
        if (a.status == 200) {
            taken++;
            answer = strdup(a.raw);
            before = changes_made();
            apis_expect(&a, 200, op->method, path_of_op(op, ""), text);
            assert_string_equal(a.raw, answer);
            assert_int_equal(changes_made(), before);
        }
        free(answer);
        free(text);
        json_decref(body);
    }
    a.request_id[0] = 0;
    print_message("%d of %d changes were taken\n", taken, tried);
    assert_true(taken >= 1);
    end();
}

/* ---- what comes out ---- */

TEST(api, errors_are_told_in_the_users_language)
{
    begin();
    apis_expect(&a, 401, "GET", "/api/session", NULL);
    assert_string_equal(a.text, "Log in first.");
    a.language = "zh-CN,zh;q=0.9";
    apis_expect(&a, 401, "GET", "/api/session", NULL);
    assert_string_equal(a.text, "\xe8\xaf\xb7\xe5\x85\x88\xe7\x99\xbb\xe5\xbd\x95\xe3\x80\x82");
    a.language = "en-GB"; /* a browser that was not told */
    apis_user(&a, ROLE_CLERK);
    apis_expect(&a, 200, "POST", "/api/session/language", "{\"language\":\"zh\"}");
    apis_expect(&a, 403, "GET", "/api/users", NULL);
    assert_null(strstr(a.text, "role"));
    a.language = "en"; /* a page that was */
    apis_expect(&a, 403, "GET", "/api/users", NULL);
    assert_non_null(strstr(a.text, "role"));
    end();
}

TEST(api, a_list_is_also_a_file)
{
    begin();
    apis_user(&a, ROLE_ADMIN);
    apis_expect(&a, 200, "GET", "/api/users?format=csv", NULL);
    assert_string_equal(a.file_name, "list_users.csv");
    assert_string_equal(a.raw, "\xef\xbb\xbf" "id,name,roles,language,active,factor,temporary,login,waits_until\r\n"
                               "1,\"u1\",\"[\"\"admin\"\"]\",\"en\",yes,no,no,,\r\n");
    apis_expect(&a, 400, "GET", "/api/users?format=pdf", NULL);
    struct audit_line line = {.time_s = a.now_s, .operation = "x", .result = "done", .text = "=SUM(A1)"};
    struct errmsg why;
    assert_int_equal(audit_add(l.books, &line, &why), OK);
    apis_expect(&a, 200, "GET", "/api/audit?format=csv", NULL);
    assert_non_null(strstr(a.raw, ",\"'=SUM(A1)\",")); /* not to be computed */
    end();
}

TEST(api, who_looked_at_whom_is_noted)
{
    const struct api_op *op;
    int looks = 0;
    begin();
    ledgers_member(&l, 5, 0);
    for (int i = 0; (op = api_op_at(i)); i++) {
        if (op->what != API_LOOK || !strstr(op->path, "{member}"))
            continue;
        be_one_of(op->roles);
        json_decref(apis_ask(&a, op->method, path_of_op(op, ""), NULL));
        if (a.status != 200)
            continue;
        looks++;
        char path[100];
        snprintf(path, sizeof path, "/api/audit?looks=1&member=M5&operation=%s", op->name);
        apis_user(&a, ROLE_AUDITOR);
        apis_expect(&a, 200, "GET", path, NULL);
        if (!strstr(a.raw, "\"looked_at\":\"M5\""))
            fail_msg("%s is not noted", op->name);
    }
    print_message("%d ways to look at a member\n", looks);
    end();
}

/* ---- the document ---- */

static json_t *document;

/* What "$ref" leads to, else the value itself. */
static const json_t *follow(const json_t *v)
{
    const char *ref = json_string_value(json_object_get(v, "$ref"));
    if (!ref)
        return v;
    char part[100];
    const json_t *at = document;
    assert_int_equal(strncmp(ref, "#/", 2), 0);
    for (ref += 2; at && *ref; ref += strcspn(ref, "/") + (ref[strcspn(ref, "/")] == '/')) {
        snprintf(part, sizeof part, "%.*s", (int)strcspn(ref, "/"), ref);
        at = json_object_get(at, part);
    }
    if (!at)
        fail_msg("%s leads nowhere", json_string_value(json_object_get(v, "$ref")));
    return at;
}

/* As much of JSON Schema as the document uses; a word it does not know fails. */
static void fits_schema(const json_t *schema, const json_t *v, const char *where)
{
    static const char *const known[] = {"type", "nullable", "properties", "required", "additionalProperties", "items",
                                        "format", "pattern", "description", "enum"};
    const char *word;
    json_t *x;
    schema = follow(schema);
    json_object_foreach((json_t *)schema, word, x)
    {
        bool found = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            found = found || strcmp(word, known[i]) == 0;
        if (!found)
            fail_msg("%s: the schema says %s", where, word);
    }
    const char *type = json_string_value(json_object_get(schema, "type"));
    if (!type)
        return; /* anything */
    if (json_is_null(v)) {
        if (!json_is_true(json_object_get(schema, "nullable")))
            fail_msg("%s is null", where);
        return;
    }
    bool right = strcmp(type, "object") == 0    ? json_is_object(v)
                 : strcmp(type, "array") == 0   ? json_is_array(v)
                 : strcmp(type, "string") == 0  ? json_is_string(v)
                 : strcmp(type, "integer") == 0 ? json_is_integer(v)
                 : strcmp(type, "boolean") == 0 ? json_is_boolean(v)
                                                : false;
    if (!right)
        fail_msg("%s is no %s", where, type);
    char at[200];
    if (json_is_array(v)) {
        size_t i;
        json_array_foreach((json_t *)v, i, x)
        {
            snprintf(at, sizeof at, "%.180s.%u", where, (unsigned)i);
            fits_schema(json_object_get(schema, "items"), x, at);
        }
    }
    if (!json_is_object(v))
        return;
    const json_t *fields = json_object_get(schema, "properties");
    json_object_foreach((json_t *)v, word, x)
    {
        snprintf(at, sizeof at, "%.100s.%.90s", where, word);
        if (json_object_get(fields, word))
            fits_schema(json_object_get(fields, word), x, at);
        else if (json_is_false(json_object_get(schema, "additionalProperties")))
            fail_msg("%s is not in the document", at);
    }
    size_t i;
    json_array_foreach(json_object_get(schema, "required"), i, x)
        if (!json_object_get(v, json_string_value(x)))
            fail_msg("%s.%s is missing", where, json_string_value(x));
}

static void load_document(void)
{
    apis_user(&a, ROLE_CLERK);
    document = apis_ask(&a, "GET", "/api/openapi.json", NULL);
    assert_int_equal(a.status, 200);
    assert_non_null(document);
}

static const json_t *operation_of(const struct api_op *op)
{
    char method[8];
    snprintf(method, sizeof method, "%s", op->method);
    for (char *p = method; *p; p++)
        *p |= 32;
    return json_object_get(json_object_get(json_object_get(document, "paths"), op->path), method);
}

TEST(api, the_document_has_every_operation_with_all_that_openapi_asks_for)
{
    const struct api_op *op;
    size_t i;
    json_t *x;
    begin();
    load_document();
    assert_string_equal(api_text(document, "openapi"), "3.0.3");
    for (int n = 0; (op = api_op_at(n)); n++) {
        const json_t *o = operation_of(op);
        if (!o)
            fail_msg("%s is not in the document", op->name);
        assert_string_equal(api_text(o, "operationId"), op->name);
        assert_true(*api_text(o, "summary"));
        assert_non_null(json_object_get(json_object_get(o, "responses"), "200"));
        (void)follow(json_object_get(json_object_get(o, "responses"), "default"));
        int braces = 0, path_parameters = 0, token = 0, request_id = 0;
        for (const char *p = op->path; *p; p++)
            braces += *p == '{';
        json_array_foreach(json_object_get(o, "parameters"), i, x)
        {
            const json_t *p = follow(x);
            assert_true(*api_text(p, "name"));
            assert_non_null(json_object_get(p, "schema"));
            const char *in = api_text(p, "in");
            assert_true(strcmp(in, "path") == 0 || strcmp(in, "query") == 0 || strcmp(in, "header") == 0);
            path_parameters += strcmp(in, "path") == 0;
            token += strcmp(api_text(p, "name"), "X-CSRF-Token") == 0;
            request_id += strcmp(api_text(p, "name"), "Request-Id") == 0;
        }
        assert_int_equal(path_parameters, braces);
        assert_int_equal(token, is_change(op) && op->roles != ROLE_NOBODY);
        assert_int_equal(request_id, op->what == API_CHANGE);
        assert_int_equal(json_object_get(o, "requestBody") != NULL, op->in != NULL);
    }
    json_decref(document);
    end();
}

/* Required values of a query, made up. */
static const char *query_for(const struct api_op *op)
{
    static char text[200];
    struct shape_field f;
    const char *at = op->query;
    size_t n = 0;
    text[0] = 0;
    while (shape_next(&at, &f))
        if (f.required)
            n += (size_t)snprintf(text + n, sizeof text - n, "%c%s=%s", n ? '&' : '?', f.name,
                                  f.type == SHAPE_DAY    ? "2011-03-01"
                                  : f.type == SHAPE_TEXT ? "a"
                                                         : "1");
    return text;
}

TEST(api, every_answer_is_as_the_document_says)
{
    const struct api_op *op;
    int answered = 0, asked = 0;
    begin();
    for (member_id m = 1; m <= 6; m++)
        ledgers_member(&l, m, 0);
    load_document();
    for (int i = 0; (op = api_op_at(i)); i++) {
        if (is_change(op))
            continue;
        be_one_of(op->roles);
        json_t *answer = apis_ask(&a, op->method, path_of_op(op, query_for(op)), NULL);
        const json_t *responses = json_object_get(operation_of(op), "responses");
        asked++;
        if (a.status == 500)
            fail_msg("%s: a fault", op->name);
        const json_t *response =
            a.status == 200 ? json_object_get(responses, "200") : follow(json_object_get(responses, "default"));
        const json_t *content = json_object_get(json_object_get(response, "content"), "application/json");
        if (content)
            fits_schema(json_object_get(content, "schema"), answer, op->name);
        answered += a.status == 200;
        struct shape_field rows;
        if (a.status == 200 && shape_has_rows(op->out, &rows)) {
            char path[400];
            const char *query = query_for(op);
            snprintf(path, sizeof path, "%s%s%cformat=csv", path_of_op(op, ""), query, *query ? '&' : '?');
            apis_expect(&a, 200, op->method, path, NULL);
        }
        json_decref(answer);
    }
    print_message("%d of %d questions were answered\n", answered, asked);
    assert_true(answered >= 4);
    json_decref(document);
    end();
}
