/* fuzz_api.c - fuzz target: what a browser may ask of head office, by somebody who is logged in with every role:
 * "METHOD /path?query\nbody".  Whatever is asked, there is one answer, it is no fault of ours, it is in its shape, no
 * transaction is left open, and the books hold.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/mbed.h"
#include "office/console/api_serve.h"
#include "office/books/books_int.h"
#include "office/console/users.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW = 1298970000, INPUTS_OF_A_BOOK = 300, MEMBERS = 5 };

static const char pack_json[] =
    "{\"version\": 1, \"effective\": \"2010-01-01\", \"name\": \"Test\", \"currency\": \"GBP\",\n"
    "\"earn\": {\"rate\": \"1/100\"},\n"
    "\"tiers\": {\"metric\": \"spend\", \"window\": \"lifetime\", \"levels\": [\n"
    "  {\"code\": \"base\", \"name\": \"Base\", \"offline_per_tap\": 300, \"offline_per_day\": 500}]},\n"
    "\"redeem\": {\"worth\": 1, \"min\": 10, \"step\": 10, \"max_share\": \"1/2\", \"offline_days\": 30}}";

static char folder[] = "/tmp/patron-fuzz-XXXXXX", path[64];
static struct home home;
static struct books *books;
static struct head_office office;
static char staff[LOGIN_TEXT_SIZE], member[LOGIN_TEXT_SIZE];
static int inputs;

static void must_be(enum err e, const struct errmsg *why)
{
    if (e) {
        fprintf(stderr, "%s\n", why->text);
        abort();
    }
}

static void forget_files(void)
{
    static const char *const tails[] = {"", "-wal", "-shm"};
    books_close(books);
    books = NULL;
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        char name[80];
        snprintf(name, sizeof name, "%s%s", path, tails[i]);
        unlink(name);
    }
}

static void clean_up(void)
{
    forget_files();
    rmdir(folder);
    mbedtls_pk_free(&home.code_key);
    mbedtls_pk_free(&home.pack_key);
}

static void say(const char *sql)
{
    struct errmsg why = {""};
    struct query q = query_text_of(books->store, sql);
    must_be(query_run(&q, &why), &why);
}

static void add_pack(void)
{
    struct errmsg why = {""};
    static struct pack pack;
    must_be(pack_read(&pack, pack_json, sizeof pack_json - 1, "fuzz", &why), &why);
    must_be(books_add_pack(books, &pack, bytes_of(pack_json, sizeof pack_json - 1), bytes_of("s", 1), &why), &why);
}

static void begin_books(void)
{
    struct errmsg why = {""};
    must_be(books_create(path, &why), &why);
    must_be(books_open(&books, path, &home.card_keys, &why), &why);
    say("PRAGMA synchronous = OFF");
    add_pack();
    for (member_id m = 1; m <= MEMBERS; m++) {
        struct txn t = {.kind = TXN_MEMBER, .time_s = NOW - 86400, .member = m};
        must_be(books_post_own(books, &t, NOW - 86400, &why), &why);
    }
    say("INSERT INTO user (name, roles, password, temporary) VALUES ('all', 63, '$argon2id$', 0)");
    must_be(login_begin(books, 1, 0, NEXT_NOTHING, "", NOW, staff, &why), &why);
    must_be(login_begin(books, 0, 1, NEXT_NOTHING, "", NOW, member, &why), &why);
    office.books = books;
}

static void begin(void)
{
    struct errmsg why = {""};
    if (inputs++ % INPUTS_OF_A_BOOK)
        return;
    if (inputs == 1) {
        must_be(mbed_init(&why), &why);
        must_be(mbed_key_make(&home.code_key, &why), &why);
        must_be(mbed_key_make(&home.pack_key, &why), &why);
        if (!mkdtemp(folder))
            abort();
        snprintf(path, sizeof path, "%s/books", folder);
        office.home = &home;
        atexit(clean_up);
    } else {
        forget_files();
    }
    begin_books();
}

/* "a=1&b=2" into an object; what is no UTF-8 is left out, as the console refuses it. */
static json_t *query_of_line(char *text)
{
    json_t *query = json_object();
    for (char *save, *part = text ? strtok_r(text, "&", &save) : NULL; part; part = strtok_r(NULL, "&", &save)) {
        char *equals = strchr(part, '=');
        json_t *value;
        if (equals)
            *equals = 0;
        value = json_string(equals ? equals + 1 : "");
        if (value)
            (void)json_object_set_new(query, part, value);
    }
    return query;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "DELETE"};
    char line[400], token[LOGIN_TEXT_SIZE], id[40];
    size_t length = 0;
    while (length < size && data[length] != '\n' && length < sizeof line - 1)
        length++;
    memcpy(line, data, length);
    line[length] = 0;
    char *where = strchr(line, ' ');
    /* Long work is processes, and hashing of passwords is slow: neither is read here. */
    if (!where || strstr(where, "/api/login") || strstr(where, "/pin") || strstr(where, "/api/users"))
        return 0;
    *where++ = 0;
    const char *method = methods[0];
    for (int i = 0; i < 4; i++)
        if (strcmp(line, methods[i]) == 0)
            method = methods[i];
    begin();
    char *query = strchr(where, '?');
    if (query)
        *query++ = 0;
    bool mine = strncmp(where, "/api/mine", 9) == 0 || strncmp(where, "/api/me/", 8) == 0;
    const char *session = mine ? member : staff;
    login_token(token, session);
    snprintf(id, sizeof id, "fuzz-request-%010d", inputs);
    size_t at = length < size ? length + 1 : size;
    struct api_request r = {.method = method, .path = where, .query = query_of_line(query),
                            .body = bytes_of(data + at, size - at), .body_type = size > at ? "application/json" : "",
                            .session = session, .token = token, .request_id = id, .language = "en",
                            .from = "192.0.2.1", .now_s = NOW, .utc_s = NOW, .strict = true};
    struct api_reply reply;
    api_serve(&office, &r, &reply);
    if (reply.status == 500 || reply.status < 200 || reply.status > 599) {
        fprintf(stderr, "%s %s: %d %s\n", method, where, reply.status, reply.log);
        abort();
    }
    if (!reply.body)
        fprintf(stderr, "%s %s: %d, no answer\n", method, where, reply.status);
    assert(reply.body);
    assert(!store_office_is_open(books->store));
    api_reply_finish(&reply);
    json_decref(r.query);
    return 0;
}
