/* rows.c - see rows.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/books/rows.h"
#include "base/date.h"
#include "base/txn.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_SIZE = 32, TYPE_MAX_SIZE = 12, TEXT_MAX = 4096 };

json_t *rows_text(const char *text)
{
    json_t *good = json_string(text);
    if (good)
        return good;
    size_t size = strlen(text);
    char *plain = malloc(size + 1);
    if (!plain)
        return json_string("?");
    for (size_t i = 0; i <= size; i++)
        plain[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
    good = json_string(plain);
    free(plain);
    return good ? good : json_string("?");
}

static json_t *text_or_null(const char *text)
{
    return *text ? json_string(text) : json_null();
}

static json_t *value_of(struct query *q, const char *type)
{
    char text[TEXT_MAX] = "";
    struct card_uid uid;
    if (strcmp(type, "entry") == 0) {
        struct entry_id id = {.terminal = (uint32_t)query_get_int(q)};
        id.seq = (uint32_t)query_get_int(q);
        if (entry_is(id))
            entry_text(text, id);
        return text_or_null(text);
    }
    if (query_is_null(q)) {
        (void)query_get_int(q);
        return json_null();
    }
    if (strcmp(type, "text") == 0) {
        query_get_text(q, text, sizeof text);
        return rows_text(text);
    }
    if (strcmp(type, "uid") == 0) {
        query_get_uid(q, &uid);
        uid_text(text, &uid);
        return json_string(text);
    }
    int64_t n = query_get_int(q);
    if (strcmp(type, "int") == 0 || strcmp(type, "points") == 0 || strcmp(type, "money") == 0)
        return json_integer(n);
    if (strcmp(type, "bool") == 0)
        return json_boolean(n != 0);
    if (strcmp(type, "kind") == 0)
        return json_string(txn_kind_text((enum txn_kind)n));
    if (strcmp(type, "member") == 0 && n)
        member_text(text, (member_id)n);
    else if (strcmp(type, "time") == 0 && n)
        time_text(text, n);
    else if (strcmp(type, "day") == 0 && n != DAY_NEVER)
        day_text(text, (int32_t)n);
    else
        assert(strcmp(type, "member") == 0 || strcmp(type, "time") == 0 || strcmp(type, "day") == 0);
    return text_or_null(text);
}

/* The next "NAME:TYPE" of columns; false at the end. */
static bool next_column(const char **columns, char name[NAME_MAX_SIZE], char type[TYPE_MAX_SIZE])
{
    const char *p = *columns + strspn(*columns, " ");
    if (!*p)
        return false;
    size_t n = strcspn(p, ":"), t = strcspn(p + n + 1, " ");
    assert(p[n] == ':');
    assert(n < NAME_MAX_SIZE);
    assert(t < TYPE_MAX_SIZE);
    memcpy(name, p, n);
    name[n] = 0;
    memcpy(type, p + n + 1, t);
    type[t] = 0;
    *columns = p + n + 1 + t;
    return true;
}

static void fill(struct query *q, const char *columns, json_t *object)
{
    char name[NAME_MAX_SIZE], type[TYPE_MAX_SIZE];
    while (next_column(&columns, name, type))
        json_object_set_new(object, name, value_of(q, type));
}

enum err rows_of(struct query *q, const char *columns, json_t *rows, struct errmsg *why)
{
    while (query_row(q)) {
        json_t *object = json_object();
        fill(q, columns, object);
        json_array_append_new(rows, object);
    }
    return query_done(q, why);
}

enum err rows_one(struct query *q, const char *columns, json_t *object, struct errmsg *why)
{
    bool found = query_row(q);
    if (found)
        fill(q, columns, object);
    enum err e = query_done(q, why);
    return e || found ? e : ERR_NOT_FOUND;
}
