/* openapi.c - see openapi.h.  Everything in it comes from the rows of office/console/api.h; only what holds for all of them
 * is written here.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/console/openapi.h"

#include "office/console/api_serve.h"
#include "office/console/shape.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static json_t *ref(const char *kind, const char *name)
{
    return json_sprintf("#/components/%s/%s", kind, name);
}

static void add_ref(json_t *list, const char *kind, const char *name)
{
    json_array_append_new(list, json_pack("{so}", "$ref", ref(kind, name)));
}

/* "/api/members/{member}" belongs to "members". */
static void tag_of(char tag[32], const char *path)
{
    const char *part = path + strlen("/api/");
    snprintf(tag, 32, "%.*s", (int)strcspn(part, "/."), part);
}

/* What stands in {..} of the path. */
static void add_path_parameters(json_t *list, const char *path)
{
    for (const char *p = strchr(path, '{'); p; p = strchr(p + 1, '{')) {
        int size = (int)strcspn(p + 1, "}");
        json_array_append_new(list, json_pack("{sosssbs{ss}}", "name", json_stringn(p + 1, (size_t)size), "in", "path",
                                              "required", 1, "schema", "type", "string"));
    }
}

static json_t *query_schema(const struct shape_field *f)
{
    return f->type == SHAPE_BOOL ? json_pack("{sss[ss]}", "type", "string", "enum", "0", "1")
                                 : shape_type_schema(f->type);
}

static json_t *parameters(const struct api_op *op)
{
    json_t *list = json_array();
    struct shape_field f;
    const char *at = op->query;
    add_path_parameters(list, op->path);
    while (shape_next(&at, &f))
        json_array_append_new(list, json_pack("{sssssbso}", "name", f.name, "in", "query", "required", f.required,
                                              "schema", query_schema(&f)));
    if (op->what == API_READ || op->what == API_LOOK) {
        if (shape_has_rows(op->out, &f))
            add_ref(list, "parameters", "format");
        return list;
    }
    if (op->roles != ROLE_NOBODY)
        add_ref(list, "parameters", "token");
    if (op->what == API_CHANGE)
        add_ref(list, "parameters", "request_id");
    return list;
}

static json_t *answer(const struct api_op *op)
{
    struct shape_field rows;
    bool reads = op->what == API_READ || op->what == API_LOOK;
    json_t *content = json_object();
    if (op->out || !reads)
        json_object_set_new(content, "application/json", json_pack("{so}", "schema", shape_schema(op->out)));
    else
        json_object_set_new(content, "*/*", json_pack("{s{ssss}}", "schema", "type", "string", "format", "binary"));
    if (reads && shape_has_rows(op->out, &rows))
        json_object_set_new(content, "text/csv", json_pack("{s{ss}}", "schema", "type", "string"));
    return json_pack("{ssso}", "description", reads ? "What was asked for." : "It is done.", "content", content);
}

static json_t *responses(const struct api_op *op)
{
    json_t *all = json_pack("{so}", "200", answer(op));
    json_object_set_new(all, "default", json_pack("{so}", "$ref", ref("responses", "refused")));
    return all;
}

static json_t *operation(const struct api_op *op)
{
    char tag[32], roles[100];
    tag_of(tag, op->path);
    api_roles_text(roles, sizeof roles, op->roles);
    json_t *o = json_pack("{sssssos[s]soso}", "operationId", op->name, "summary", op->text, "description",
                          json_sprintf("For: %s.%s", roles, op->what == API_LOOK ? "  Noted in the audit log." : ""), "tags",
                          tag, "parameters", parameters(op), "responses", responses(op));
    if (op->in)
        json_object_set_new(o, "requestBody", json_pack("{sbs{s{so}}}", "required", 1, "content", "application/json",
                                                        "schema", shape_schema(op->in)));
    if (op->roles & ROLE_NOBODY)
        json_object_set_new(o, "security", json_array());
    return o;
}

static json_t *header(const char *name, bool required, const char *pattern, const char *text)
{
    return json_pack("{sssssbsss{ssss}}", "name", name, "in", "header", "required", required, "description", text,
                     "schema", "type", "string", "pattern", pattern);
}

static json_t *components(void)
{
    json_t *c = json_object();
    json_object_set_new(
        c, "securitySchemes",
        json_pack("{s{ssssssss}}", "session", "type", "apiKey", "in", "cookie", "name", "__Host-patron", "description",
                  "What POST /api/login sets; ends after half an hour without a question."));
    json_object_set_new(
        c, "parameters",
        json_pack("{soso s{sssssbsss{sss[s]}}}", "token",
                  header("X-CSRF-Token", true, "^[0-9a-f]{64}$", "The session's token, as GET /api/session says it."),
                  "request_id",
                  header("Request-Id", true, "^[A-Za-z0-9-]{16,64}$",
                         "The change's own number: sent again it gives the same answer and does nothing, for two days."),
                  "format", "name", "format", "in", "query", "required", 0, "description", "The rows as a file.", "schema",
                  "type", "string", "enum", "csv"));
    json_object_set_new(
        c, "responses",
        json_pack("{s{sss{s{s{ss}}}}}", "refused", "description",
                  "Nothing was done.  400 malformed, 401 not logged in, 403 not allowed, 404 not found, 409 not possible now, "
                  "415 no JSON, 422 refused by the rules, 429 wait, 507 disk full, 500 a fault here.",
                  "content", "application/json", "schema", "$ref", "#/components/schemas/error"));
    json_object_set_new(c, "schemas",
                        json_pack("{so}", "error", shape_schema("error:{code:text! text:text! field:text}!")));
    return c;
}

json_t *openapi_document(void)
{
    const struct api_op *op;
    json_t *paths = json_object(), *tags = json_array(), *seen = json_object();
    for (int i = 0; (op = api_op_at(i)); i++) {
        char method[8] = "", tag[32];
        json_t *path = json_object_get(paths, op->path);
        if (!path) {
            path = json_object();
            json_object_set_new(paths, op->path, path);
        }
        for (size_t k = 0; k < sizeof method - 1 && op->method[k]; k++)
            method[k] = (char)tolower((unsigned char)op->method[k]);
        json_object_set_new(path, method, operation(op));
        tag_of(tag, op->path);
        if (!json_object_get(seen, tag)) {
            json_object_set_new(seen, tag, json_true());
            json_array_append_new(tags, json_pack("{ss}", "name", tag));
        }
    }
    json_decref(seen);
    return json_pack("{sss{ssssss}s[{ss}]so s[{s[]}]soso}", "openapi", "3.0.3", "info", "title", "patron, head office",
                     "version", "1", "description",
                     "The operations of head office's console.  Points are whole, amounts are minor units; a day is "
                     "2026-11-22, null is never.",
                     "servers", "url", "/", "tags", tags, "security", "session", "paths", paths, "components",
                     components());
}
