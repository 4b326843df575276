/* apis.c - see apis.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/apis.h"

#include "base/date.h"
#include "office/books/books_int.h"
#include "tests/test.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void good(enum err e, const struct errmsg *why)
{
    if (e)
        fail_msg("%s", why->text);
}

void apis_begin(struct apis *a, struct books *books)
{
    struct errmsg why = {""};
    *a = (struct apis){.office = {.books = books}, .utc_s = 1298970000, .now_s = 1298970000, .language = "en"};
    good(mbed_key_make(&a->home.code_key, &why), &why);
    good(mbed_key_make(&a->home.pack_key, &why), &why);
    a->office.home = &a->home;
}

void apis_end(struct apis *a)
{
    mbedtls_pk_free(&a->home.code_key);
    mbedtls_pk_free(&a->home.pack_key);
    free(a->raw);
    a->raw = NULL;
}

void apis_user(struct apis *a, unsigned roles)
{
    struct errmsg why = {""};
    struct store_office *store = a->office.books->store;
    int64_t id = 0;
    struct query q = query_text_of(store, "SELECT id FROM user WHERE roles = ?");
    query_int(&q, roles);
    if (query_row(&q))
        id = query_get_int(&q);
    good(query_done(&q, &why), &why);
    if (!id) {
        q = query_text_of(store, "INSERT INTO user (id, name, roles, password, temporary)"
                                 " SELECT n, 'u' || n, ?, '$argon2id$none', 0 FROM"
                                 " (SELECT coalesce(max(id), 0) + 1 AS n FROM user) RETURNING id");
        query_int(&q, roles);
        if (query_row(&q))
            id = query_get_int(&q);
        good(query_done(&q, &why), &why);
    }
    a->user = (uint32_t)id;
    good(login_begin(a->office.books, a->user, 0, NEXT_NOTHING, "192.0.2.1", a->utc_s, a->session, &why), &why);
    login_token(a->token, a->session);
}

void apis_member(struct apis *a, member_id member)
{
    struct errmsg why = {""};
    a->user = 0;
    good(login_begin(a->office.books, 0, member, NEXT_NOTHING, "", a->utc_s, a->session, &why), &why);
    login_token(a->token, a->session);
}

void apis_nobody(struct apis *a)
{
    a->user = 0;
    a->session[0] = a->token[0] = 0;
}

static int hex_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) - 'a' + 10;
}

/* "a=1&b=x%20y" */
static json_t *query_of_text(char *text)
{
    json_t *query = json_object();
    for (char *save, *part = strtok_r(text, "&", &save); part; part = strtok_r(NULL, "&", &save)) {
        char *equals = strchr(part, '='), *to = part;
        if (equals)
            *equals = 0;
        for (char *at = equals ? equals + 1 : part + strlen(part); *at; at++)
            if (*at == '%') {
                *at = (char)(hex_of(at[1]) * 16 + hex_of(at[2]));
                memmove(at + 1, at + 3, strlen(at + 3) + 1);
            }
        json_object_set_new(query, to, json_string(equals ? equals + 1 : ""));
    }
    return query;
}

static void keep_error(struct apis *a, const json_t *answer)
{
    const json_t *error = json_object_get(answer, "error");
    snprintf(a->code, sizeof a->code, "%s", api_text(error, "code"));
    snprintf(a->text, sizeof a->text, "%s", api_text(error, "text"));
    snprintf(a->field, sizeof a->field, "%s", api_text(error, "field"));
}

json_t *apis_ask(struct apis *a, const char *method, const char *path, const char *body)
{
    static uint64_t count;
    char where[512], id[40];
    snprintf(where, sizeof where, "%s", path);
    char *query = strchr(where, '?');
    if (query)
        *query++ = 0;
    snprintf(id, sizeof id, "test-request-%010" PRIu64, ++count);
    struct api_request r = {.method = method,
                            .path = where,
                            .query = query_of_text(query ? query : where + strlen(where)),
                            .body = bytes_of(body ? body : "", body ? strlen(body) : 0),
                            .body_type = body ? "application/json" : "",
                            .session = a->session,
                            .token = a->token,
                            .request_id = *a->request_id ? a->request_id : id,
                            .language = a->language,
                            .from = "192.0.2.1",
                            .now_s = a->now_s,
                            .utc_s = a->utc_s,
                            .strict = true};
    struct api_reply reply;
    api_serve(&a->office, &r, &reply);
    json_decref(r.query);
    a->status = reply.status;
    free(a->raw);
    a->raw = reply.body ? strndup(reply.body, reply.size) : NULL;
    snprintf(a->file_name, sizeof a->file_name, "%s", reply.file_name);
    json_t *answer = a->raw ? json_loads(a->raw, 0, NULL) : NULL;
    if (reply.status == 500)
        print_message("%s %s: %s\n", method, path, reply.log);
    if (*reply.session && strcmp(reply.session, "-") == 0) {
        apis_nobody(a);
    } else if (*reply.session) {
        snprintf(a->session, sizeof a->session, "%.64s", reply.session);
        login_token(a->token, a->session);
    }
    keep_error(a, answer);
    api_reply_finish(&reply);
    return answer;
}

void apis_expect(struct apis *a, int status, const char *method, const char *path, const char *body)
{
    json_decref(apis_ask(a, method, path, body));
    if (a->status != status)
        fail_msg("%s %s: %d %s %s %s", method, path, a->status, a->code, a->field, a->text);
}
