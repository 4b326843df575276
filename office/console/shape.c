/* shape.c - see shape.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/console/shape.h"

#include "base/date.h"
#include "base/tr.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
    [SHAPE_INT] = "int",   [SHAPE_POINTS] = "points", [SHAPE_MONEY] = "money", [SHAPE_DAY] = "day",
    [SHAPE_TIME] = "time", [SHAPE_TEXT] = "text",     [SHAPE_BOOL] = "bool",   [SHAPE_JSON] = "json",
};
enum { PLAIN_TYPES = SHAPE_JSON + 1 };

static bool plain_type(const char *text, size_t size, enum shape_type *type)
{
    for (int i = 0; i < PLAIN_TYPES; i++)
        if (strlen(names[i]) == size && memcmp(names[i], text, size) == 0) {
            *type = (enum shape_type)i;
            return true;
        }
    return false;
}

/* From an opening bracket to behind the one that closes it. */
static const char *behind(const char *at)
{
    int depth = 0;
    do {
        depth += *at == '{' || *at == '[';
        depth -= *at == '}' || *at == ']';
        assert(*at);
        at++;
    } while (depth);
    return at;
}

bool shape_next(const char **at, struct shape_field *f)
{
    const char *p = *at ? *at : "";
    p += strspn(p, " \n");
    if (!*p)
        return false;
    size_t size = strcspn(p, ":");
    assert(p[size] == ':');
    assert(size > 0 && size < sizeof f->name);
    memcpy(f->name, p, size);
    f->name[size] = 0;
    f->inside[0] = 0;
    p += size + 1;
    if (*p == '{' || *p == '[') {
        const char *end = behind(p);
        f->type = *p == '{' ? SHAPE_OBJECT : SHAPE_LIST;
        size = (size_t)(end - p) - 2;
        f->item = SHAPE_OBJECT;
        if (f->type == SHAPE_OBJECT || !plain_type(p + 1, size, &f->item)) {
            assert(size < sizeof f->inside);
            memcpy(f->inside, p + 1, size);
            f->inside[size] = 0;
        }
        p = end;
    } else {
        size = strspn(p, "abcdefghijklmnopqrstuvwxyz");
        bool known = plain_type(p, size, &f->type);
        assert(known);
        (void)known;
        p += size;
    }
    f->required = *p == '!';
    p += f->required;
    assert(!*p || *p == ' ' || *p == '\n');
    *at = p;
    return true;
}

bool shape_has_rows(const char *shape, struct shape_field *f)
{
    while (shape_next(&shape, f))
        if (strcmp(f->name, "rows") == 0 && f->type == SHAPE_LIST && f->item == SHAPE_OBJECT)
            return true;
    return false;
}

/* ---- values ---- */

static bool is_time(const char *text)
{
    int64_t t;
    return strlen(text) == 19 && time_parse(&t, text) == OK;
}

static bool is_day(const char *text)
{
    int32_t day;
    return day_parse(&day, text) == OK;
}

static bool plain_fits(enum shape_type type, const json_t *value)
{
    switch (type) {
    case SHAPE_INT:
    case SHAPE_POINTS:
    case SHAPE_MONEY:
        return json_is_integer(value);
    case SHAPE_DAY:
        return json_is_string(value) && is_day(json_string_value(value));
    case SHAPE_TIME:
        return json_is_string(value) && is_time(json_string_value(value));
    case SHAPE_TEXT:
        return json_is_string(value);
    case SHAPE_BOOL:
        return json_is_boolean(value);
    case SHAPE_JSON:
        return true;
    case SHAPE_OBJECT:
    case SHAPE_LIST:
        break;
    }
    return false;
}

static const char *wanted(enum shape_type type)
{
    switch (type) {
    case SHAPE_INT:
    case SHAPE_POINTS:
        return tr("%s has to be a whole number.");
    case SHAPE_MONEY:
        return tr("%s has to be an amount.");
    case SHAPE_DAY:
        return tr("%s has to be a day, as 2026-11-22.");
    case SHAPE_TIME:
        return tr("%s has to be a day and time, as 2026-11-22T13:05:00.");
    case SHAPE_TEXT:
        return tr("%s has to be text.");
    case SHAPE_BOOL:
        return tr("%s has to be yes or no.");
    case SHAPE_JSON:
    case SHAPE_OBJECT:
        break;
    case SHAPE_LIST:
        return tr("%s has to be a list.");
    }
    return tr("%s is not as it has to be.");
}

/* Where we are, so that the sentence and the page can name it. */
struct walk {
    char *field;
    struct errmsg *why;
};

static enum err fault(struct walk *w, const char *path, const char *sentence)
{
    snprintf(w->field, SHAPE_FIELD_SIZE, "%s", path);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    return err_set(w->why, ERR_FORMAT, sentence, path);
#pragma GCC diagnostic pop
}

static enum err check_object(struct walk *w, const char *shape, const json_t *object, const char *path);

static enum err check_value(struct walk *w, const struct shape_field *f, const json_t *value, const char *path)
{
    if (f->type == SHAPE_OBJECT)
        return json_is_object(value) ? check_object(w, f->inside, value, path) : fault(w, path, wanted(f->type));
    if (f->type != SHAPE_LIST)
        return plain_fits(f->type, value) ? OK : fault(w, path, wanted(f->type));
    if (!json_is_array(value))
        return fault(w, path, wanted(f->type));
    enum err e = OK;
    for (size_t i = 0; i < json_array_size(value) && !e; i++) {
        char at[SHAPE_FIELD_SIZE];
        const json_t *item = json_array_get(value, i);
        snprintf(at, sizeof at, "%.80s.%u", path, (unsigned)i);
        if (f->item != SHAPE_OBJECT)
            e = plain_fits(f->item, item) ? OK : fault(w, at, wanted(f->item));
        else
            e = json_is_object(item) ? check_object(w, f->inside, item, at) : fault(w, at, wanted(f->item));
    }
    return e;
}

static bool has_field(const char *shape, const char *name)
{
    struct shape_field f;
    while (shape_next(&shape, &f))
        if (strcmp(f.name, name) == 0)
            return true;
    return false;
}

static void path_to(char at[SHAPE_FIELD_SIZE], const char *path, const char *name)
{
    snprintf(at, SHAPE_FIELD_SIZE, "%.46s%s%.46s", path, *path ? "." : "", name);
}

static enum err check_object(struct walk *w, const char *shape, const json_t *object, const char *path)
{
    struct shape_field f;
    char at[SHAPE_FIELD_SIZE];
    const char *next = shape;
    while (shape_next(&next, &f)) {
        const json_t *value = json_object_get(object, f.name);
        path_to(at, path, f.name);
        if (value && !json_is_null(value)) {
            enum err e = check_value(w, &f, value, at);
            if (e)
                return e;
        } else if (f.required && !(value && (f.type == SHAPE_DAY || f.type == SHAPE_TIME || f.type == SHAPE_JSON))) {
            return fault(w, at, tr("%s is missing."));
        }
    }
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value)
        if (!has_field(shape, name)) {
            path_to(at, path, name);
            return fault(w, at, tr("%s is not known here."));
        }
    return OK;
}

enum err shape_check(const char *shape, const json_t *object, char field[SHAPE_FIELD_SIZE], struct errmsg *why)
{
    struct walk w = {field, why};
    field[0] = 0;
    return check_object(&w, shape, object, "");
}

static bool is_int(const char *text)
{
    size_t digits = strspn(text + (*text == '-'), "0123456789");
    return digits >= 1 && digits <= 18 && !text[digits + (*text == '-')];
}

static bool query_fits(enum shape_type type, const char *text)
{
    switch (type) {
    case SHAPE_INT:
    case SHAPE_POINTS:
    case SHAPE_MONEY:
        return is_int(text);
    case SHAPE_DAY:
        return is_day(text);
    case SHAPE_TIME:
        return is_time(text);
    case SHAPE_BOOL:
        return strcmp(text, "1") == 0 || strcmp(text, "0") == 0;
    case SHAPE_TEXT:
    case SHAPE_JSON:
        return true;
    case SHAPE_OBJECT:
    case SHAPE_LIST:
        break;
    }
    return false;
}

enum err shape_check_query(const char *shape, const json_t *query, char field[SHAPE_FIELD_SIZE],
                           struct errmsg *why)
{
    struct walk w = {field, why};
    struct shape_field f;
    const char *next = shape, *name;
    json_t *value;
    field[0] = 0;
    json_object_foreach((json_t *)query, name, value)
        if (!has_field(shape, name))
            return fault(&w, name, tr("%s is not known here."));
    while (shape_next(&next, &f)) {
        const char *text = json_string_value(json_object_get(query, f.name));
        if (!text && f.required)
            return fault(&w, f.name, tr("%s is missing."));
        if (text && !query_fits(f.type, text))
            return fault(&w, f.name, wanted(f.type));
    }
    return OK;
}

/* ---- the document ---- */

json_t *shape_type_schema(enum shape_type type)
{
    switch (type) {
    case SHAPE_INT:
        return json_pack("{ssss}", "type", "integer", "format", "int64");
    case SHAPE_POINTS:
        return json_pack("{ssssss}", "type", "integer", "format", "int64", "description", "whole points");
    case SHAPE_MONEY:
        return json_pack("{ssssss}", "type", "integer", "format", "int64", "description",
                         "minor units of the programme's currency");
    case SHAPE_DAY:
        return json_pack("{ssss}", "type", "string", "format", "date");
    case SHAPE_TIME:
        return json_pack("{ssssss}", "type", "string", "pattern", "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d$",
                         "description", "business time, as on the shops' clocks");
    case SHAPE_TEXT:
        return json_pack("{ss}", "type", "string");
    case SHAPE_BOOL:
        return json_pack("{ss}", "type", "boolean");
    case SHAPE_JSON:
        return json_pack("{ss}", "description", "any JSON");
    case SHAPE_OBJECT:
    case SHAPE_LIST:
        break;
    }
    return json_object();
}

static json_t *field_schema(const struct shape_field *f)
{
    json_t *schema;
    if (f->type == SHAPE_LIST)
        schema = json_pack("{ssso}", "type", "array", "items",
                           f->item == SHAPE_OBJECT ? shape_schema(f->inside) : shape_type_schema(f->item));
    else
        schema = f->type == SHAPE_OBJECT ? shape_schema(f->inside) : shape_type_schema(f->type);
    if (f->type != SHAPE_JSON && (!f->required || f->type == SHAPE_DAY || f->type == SHAPE_TIME))
        json_object_set_new(schema, "nullable", json_true());
    return schema;
}

json_t *shape_schema(const char *shape)
{
    struct shape_field f;
    json_t *fields = json_object(), *required = json_array();
    while (shape_next(&shape, &f)) {
        json_object_set_new(fields, f.name, field_schema(&f));
        if (f.required)
            json_array_append_new(required, json_string(f.name));
    }
    json_t *schema = json_pack("{sssbso}", "type", "object", "additionalProperties", 0, "properties", fields);
    if (json_array_size(required))
        json_object_set(schema, "required", required);
    json_decref(required);
    return schema;
}
