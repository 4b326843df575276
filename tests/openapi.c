/* openapi.c - see openapi.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/openapi.h"

#include "tests/harness.h"

#include <jansson.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

extern const char docs_openapi_json[];

static json_t *doc, *seen; /* seen: an object whose names are what was seen */

static void saw(const char *a, const char *mark, const char *b, const char *c)
{
    char name[300];
    snprintf(name, sizeof name, "%s%s%s%s", a, mark, b, c);
    json_object_set_new(seen, name, json_true());
}

static const json_t *resolve(const json_t *schema, const char **name)
{
    const char *ref = json_string_value(json_object_get(schema, "$ref"));
    if (!ref)
        return schema;
    char path[200];
    snprintf(path, sizeof path, "%s", ref + 2); /* #/components/... */
    const json_t *v = doc;
    for (char *p = strtok(path, "/"); p; p = strtok(NULL, "/"))
        v = json_object_get(v, p);
    if (!v)
        die("openapi: %s leads nowhere", ref);
    if (name)
        *name = strrchr(ref, '/') + 1;
    return v;
}

static bool has_type(const json_t *v, const char *type)
{
    return strcmp(type, "string") == 0    ? json_is_string(v)
           : strcmp(type, "integer") == 0 ? json_is_integer(v)
           : strcmp(type, "boolean") == 0 ? json_is_boolean(v)
           : strcmp(type, "array") == 0   ? json_is_array(v)
           : strcmp(type, "object") == 0  ? json_is_object(v)
                                          : false;
}

static bool matches(const char *text, const char *pattern)
{
    regex_t r;
    if (regcomp(&r, pattern, REG_EXTENDED | REG_NOSUB))
        die("openapi: pattern %s", pattern);
    bool good = regexec(&r, text, 0, NULL, 0) == 0;
    regfree(&r);
    return good;
}

static bool fits(const json_t *schema, const json_t *v, char why[200], bool note);

/* How many of these fit. */
static int fitting(const json_t *list, const json_t *v, char why[200], bool note)
{
    int count = 0;
    size_t i;
    const json_t *one;
    json_array_foreach (list, i, one)
        count += fits(one, v, why, note);
    return count;
}

static bool fits_object(const json_t *schema, const char *name, const json_t *v, char why[200], bool note)
{
    const json_t *properties = json_object_get(schema, "properties"), *one;
    const char *key;
    size_t i;
    json_array_foreach (json_object_get(schema, "required"), i, one)
        if (!json_object_get(v, json_string_value(one))) {
            snprintf(why, 200, "%s: %s is missing", name, json_string_value(one));
            return false;
        }
    json_object_foreach ((json_t *)(uintptr_t)v, key, one) {
        const json_t *s = json_object_get(properties, key);
        if (!s && json_is_false(json_object_get(schema, "additionalProperties"))) {
            snprintf(why, 200, "%s: %s is not documented", name, key);
            return false;
        }
        if (s && !fits(s, one, why, note))
            return false;
        if (s && note)
            saw(name, ".", key, "");
    }
    return true;
}

static bool fits(const json_t *schema, const json_t *v, char why[200], bool note)
{
    const char *name = "", *key;
    schema = resolve(schema, &name);
    const char *type = json_string_value(json_object_get(schema, "type"));
    const json_t *s;
    if (json_is_null(v) && json_is_true(json_object_get(schema, "nullable")))
        return true;
    json_object_foreach ((json_t *)(uintptr_t)schema, key, s) {
        bool good = true;
        if (strcmp(key, "type") == 0)
            good = has_type(v, type);
        else if (strcmp(key, "enum") == 0) {
            size_t i;
            const json_t *one;
            good = false;
            json_array_foreach (s, i, one)
                good = good || json_equal(one, v);
        } else if (strcmp(key, "pattern") == 0)
            good = matches(json_string_value(v), json_string_value(s));
        else if (strcmp(key, "maxLength") == 0)
            good = json_string_length(v) <= (size_t)json_integer_value(s);
        else if (strcmp(key, "minLength") == 0)
            good = json_string_length(v) >= (size_t)json_integer_value(s);
        else if (strcmp(key, "minimum") == 0)
            good = json_integer_value(v) >= json_integer_value(s);
        else if (strcmp(key, "maximum") == 0)
            good = json_integer_value(v) <= json_integer_value(s);
        else if (strcmp(key, "minItems") == 0)
            good = json_array_size(v) >= (size_t)json_integer_value(s);
        else if (strcmp(key, "maxItems") == 0)
            good = json_array_size(v) <= (size_t)json_integer_value(s);
        else if (strcmp(key, "minProperties") == 0)
            good = json_object_size(v) >= (size_t)json_integer_value(s);
        else if (strcmp(key, "maxProperties") == 0)
            good = json_object_size(v) <= (size_t)json_integer_value(s);
        else if (strcmp(key, "items") == 0) {
            size_t i;
            const json_t *one;
            json_array_foreach (v, i, one)
                if (!fits(s, one, why, note))
                    return false;
        } else if (strcmp(key, "allOf") == 0) {
            if (fitting(s, v, why, note) != (int)json_array_size(s))
                return false;
        } else if (strcmp(key, "anyOf") == 0)
            good = fitting(s, v, why, note) >= 1;
        else if (strcmp(key, "oneOf") == 0)
            good = fitting(s, v, why, false) == 1;
        else if (strcmp(key, "properties") == 0 || strcmp(key, "required") == 0) {
            if (!has_type(v, "object") || !fits_object(schema, name, v, why, note))
                return false;
        } else if (strcmp(key, "nullable") != 0 && strcmp(key, "description") != 0 &&
                   strcmp(key, "example") != 0 && strcmp(key, "additionalProperties") != 0)
            die("openapi: the checker does not know \"%s\"", key);
        if (!good) {
            char *text = json_dumps(v, JSON_ENCODE_ANY);
            snprintf(why, 200, "%s %s: %.120s", name, key, text);
            free(text);
            return false;
        }
    }
    return true;
}

static void open_doc(void)
{
    json_error_t e;
    if (doc)
        return;
    doc = json_loads(docs_openapi_json, JSON_REJECT_DUPLICATES, &e);
    if (!doc)
        die("docs/openapi.json, line %d: %s", e.line, e.text);
    seen = json_object();
}

/* The documented path this one is: itself, or with {..} for its last part. */
static const json_t *find_path(const char *path, const char **name)
{
    const char *key;
    const json_t *item;
    json_object_foreach (json_object_get(doc, "paths"), key, item) {
        size_t fixed = strcspn(key, "{");
        *name = key;
        if (key[fixed] ? strncmp(key, path, fixed) == 0 : strcmp(key, path) == 0)
            return item;
    }
    return NULL;
}

void openapi_check(const char *method, const char *path, const char *body, int status, const char *answer)
{
    char lower[16] = "", code[8], why[200] = "";
    const char *name = "";
    open_doc();
    for (size_t i = 0; method[i] && i < sizeof lower - 1; i++)
        lower[i] = (char)(method[i] | 0x20);
    const json_t *operation = json_object_get(find_path(path, &name), lower);
    snprintf(code, sizeof code, "%d", status);
    const json_t *response = resolve(json_object_get(json_object_get(operation, "responses"), code), NULL);
    if (!response)
        die("openapi: %s %s answered %d, which is not documented: %s", method, path, status, answer);
    const json_t *json = json_object_get(json_object_get(response, "content"), "application/json");
    json_t *v = json_loads(answer, JSON_REJECT_DUPLICATES, NULL);
    if (!v || !fits(json_object_get(json, "schema"), v, why, true))
        die("openapi: %s %s answered what is not documented (%s): %s", method, path, why, answer);
    json_decref(v);
    {
        char both[200];
        snprintf(both, sizeof both, "%s %s", lower, name);
        saw(both, " ", code, "");
    }
    if (status != 200 || !body || !*body)
        return;
    const json_t *takes = json_object_get(json_object_get(json_object_get(operation, "requestBody"), "content"),
                                          "application/json");
    v = json_loads(body, 0, NULL);
    if (!takes || !v || !fits(json_object_get(takes, "schema"), v, why, true))
        die("openapi: %s %s took what is not documented (%s): %s", method, path, why, body);
    json_decref(v);
}

static const json_t *codes(void)
{
    static const char *const way[] = {"components", "schemas", "Error", "properties",
                                      "error",      "properties", "code", "enum"};
    open_doc();
    const json_t *v = doc;
    for (size_t i = 0; i < sizeof way / sizeof *way; i++)
        v = json_object_get(v, way[i]);
    return v;
}

int openapi_has_code(const char *code, int status)
{
    char name[60];
    size_t i;
    const json_t *one;
    int found = 0;
    json_array_foreach (codes(), i, one)
        found = found || strcmp(json_string_value(one), code) == 0;
    snprintf(name, sizeof name, "#/components/responses/E%d", status);
    json_t *ref = json_pack("{s:s}", "$ref", name);
    const char *text = json_string_value(json_object_get(resolve(ref, NULL), "description"));
    found = found && strstr(text, code);
    json_decref(ref);
    return found;
}

int openapi_code_count(void)
{
    return (int)json_array_size(codes());
}

static int unseen(const char *name, const char *const except[])
{
    for (; *except; except++)
        if (strcmp(*except, name) == 0)
            return 0;
    if (json_object_get(seen, name))
        return 0;
    printf("  never seen: %s\n", name);
    return 1;
}

int openapi_unseen(const char *const except[])
{
    char name[300];
    int count = 0;
    const char *a, *b, *c;
    json_t *x, *y, *z;
    open_doc();
    json_object_foreach (json_object_get(doc, "paths"), a, x)
        json_object_foreach (x, b, y)
            json_object_foreach (json_object_get(y, "responses"), c, z) {
                snprintf(name, sizeof name, "%s %s %s", b, a, c);
                count += unseen(name, except);
            }
    json_object_foreach (json_object_get(json_object_get(doc, "components"), "schemas"), a, x)
        json_object_foreach (json_object_get(x, "properties"), b, y) {
            snprintf(name, sizeof name, "%s.%s", a, b);
            count += unseen(name, except);
        }
    return count;
}
