/* api.c - see api_serve.h.  Read api_serve first.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/console/api_serve.h"

#include "base/date.h"
#include "base/mbed.h"
#include "base/tr.h"
#include "office/console/api_lists.h"
#include "office/console/audit.h"
#include "office/books/books_int.h"
#include "office/books/rows.h"
#include "office/console/shape.h"
#include "office/console/users.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_MAX_SIZE = 256, MEMO_KEPT_S = 2 * 86400, JSON_DEPTH_MAX = 32 };

#define LIST_POINTER(list) list,
static const struct api_op *const lists[] = {API_LISTS(LIST_POINTER)};
#undef LIST_POINTER

const struct api_op *api_op_at(int i)
{
    for (size_t l = 0; l < sizeof lists / sizeof *lists; l++)
        for (const struct api_op *op = lists[l]; op->method; op++)
            if (i-- == 0)
                return op;
    return NULL;
}

/* One request on its way. */
struct work {
    const struct api_request *r;
    struct api_reply *out;
    const struct api_op *op;
    struct login session;
    bool known;                /* there is a session */
    char path[PATH_MAX_SIZE];  /* cut into args */
    char target[96];
    struct api_call call;
    json_t *in;
    bool csv;
    struct errmsg why;
    char field[SHAPE_FIELD_SIZE];
};

/* ---- roles ---- */

static const struct role_name {
    unsigned role;
    const char *name;
} role_names[] = {
    {ROLE_CLERK, "clerk"},     {ROLE_MARKETER, "marketer"}, {ROLE_CONTROLLER, "controller"},
    {ROLE_APPROVER, "approver"}, {ROLE_AUDITOR, "auditor"},   {ROLE_ADMIN, "admin"},
    {ROLE_MEMBER, "member"},   {ROLE_NOBODY, "nobody"},
};
enum { ROLE_NAMES = sizeof role_names / sizeof *role_names, ROLE_NAMES_STAFF = 6 };

void api_roles_text(char *out, size_t size, unsigned roles)
{
    size_t at = 0;
    out[0] = 0;
    for (int i = 0; i < ROLE_NAMES; i++)
        if (roles & role_names[i].role && at < size)
            at += (size_t)snprintf(out + at, size - at, "%s%s", at ? ", " : "", role_names[i].name);
}

json_t *api_roles_json(unsigned roles)
{
    json_t *list = json_array();
    for (int i = 0; i < ROLE_NAMES; i++)
        if (roles & role_names[i].role)
            json_array_append_new(list, json_string(role_names[i].name));
    return list;
}

enum err api_roles_parse(unsigned *out, const json_t *names, struct errmsg *why)
{
    size_t i;
    json_t *name;
    *out = 0;
    json_array_foreach(names, i, name)
    {
        unsigned role = 0;
        for (int k = 0; k < ROLE_NAMES_STAFF; k++)
            if (json_is_string(name) && strcmp(json_string_value(name), role_names[k].name) == 0)
                role = role_names[k].role;
        if (!role)
            return err_set(why, ERR_FORMAT, tr("There is no role \"%s\"."),
                           json_is_string(name) ? json_string_value(name) : "?");
        *out |= role;
    }
    return OK;
}

/* ---- answers ---- */

static void answer_json(struct api_reply *out, int status, json_t *body)
{
    out->status = status;
    out->type = "application/json";
    out->body = json_dumps(body, JSON_COMPACT);
    out->size = out->body ? strlen(out->body) : 0;
}

static void refuse(struct work *w, int status, const char *code, const char *text, const char *field)
{
    json_t *error = json_pack("{ssso}", "code", code, "text", rows_text(text));
    if (error && field && *field)
        json_object_set_new(error, "field", rows_text(field));
    json_t *body = json_pack("{so}", "error", error);
    answer_json(w->out, status, body);
    json_decref(body);
}

static int status_of(enum err e)
{
    switch (e) {
    case ERR_NOT_FOUND:
        return 404;
    case ERR_FORMAT:
    case ERR_RANGE:
        return 400;
    case ERR_AUTH:
        return 403;
    case ERR_EXISTS:
    case ERR_CONFLICT:
    case ERR_STATE:
        return 409;
    case ERR_REFUSED:
        return 422;
    case ERR_BUSY:
        return 429;
    case ERR_FULL:
        return 507;
    case ERR_UNSUPPORTED:
        return 415;
    case OK:
    case ERR_IO:
    case ERR_TIMEOUT:
    case ERR_GONE:
    case ERR_NO_CARD:
    case ERR_NO_DEVICE:
    case ERR_CLOSED:
    case ERR_MAC:
    case ERR_CARD:
    case ERR_CORRUPT:
    case ERR_CRYPTO:
    case ERR_COUNT:
        break;
    }
    return 500;
}

/* What a module said, for whoever asked; what is our own trouble goes to the log instead. */
static void refuse_err(struct work *w, enum err e)
{
    int status = status_of(e);
    const char *field = *w->field ? w->field : w->call.field;
    if (status == 500) {
        snprintf(w->out->log, sizeof w->out->log, "%s", *w->why.text ? w->why.text : err_text(e));
        refuse(w, 500, "fault", tr("Something went wrong at head office; nothing was changed. Its log says more."), NULL);
        return;
    }
    if (status == 429 && !w->out->retry_after_s)
        w->out->retry_after_s = 60;
    refuse(w, status, err_text(e), *w->why.text ? w->why.text : err_text(e), field);
}

/* ---- which operation ---- */

/* Does path fit op's?  Then args are cut out of it, and *literal is how many of its parts stand as they are. */
static bool path_fits(const char *wanted, char *path, const char *arg[2], int *literal)
{
    int args = 0;
    *literal = 0;
    for (;;) {
        size_t n = strcspn(wanted, "/"), size = strcspn(path, "/");
        bool last = !wanted[n];
        if (last != !path[size])
            return false;
        if (*wanted == '{') {
            if (size == 0)
                return false;
            assert(args < 2);
            arg[args++] = path;
        } else if (n != size || memcmp(wanted, path, n) != 0) {
            return false;
        } else {
            ++*literal;
        }
        path[size] = 0;
        if (last)
            return true;
        wanted += n + 1;
        path += size + 1;
    }
}

static const struct api_op *find_op(struct work *w, char allow[64])
{
    const struct api_op *best = NULL, *op;
    int best_literal = -1, literal;
    char path[PATH_MAX_SIZE];
    const char *arg[2];
    allow[0] = 0;
    json_t *text = strlen(w->r->path) < sizeof path ? json_string(w->r->path) : NULL;
    if (!text) /* too long, or no UTF-8 */
        return NULL;
    json_decref(text);
    for (int i = 0; (op = api_op_at(i)); i++) {
        snprintf(path, sizeof path, "%s", w->r->path);
        if (!path_fits(op->path, path, arg, &literal))
            continue;
        if (strcmp(op->method, w->r->method) != 0) {
            size_t at = strlen(allow);
            if (!strstr(allow, op->method))
                snprintf(allow + at, 64 - at, "%s%s", at ? ", " : "", op->method);
        } else if (literal > best_literal) {
            best = op;
            best_literal = literal;
        }
    }
    if (!best)
        return NULL;
    snprintf(w->path, sizeof w->path, "%s", w->r->path);
    (void)path_fits(best->path, w->path, w->call.arg, &literal);
    for (int i = 0; i < 2; i++) /* as it stands in the audit log */
        if (w->call.arg[i]) {
            size_t at = strlen(w->target);
            snprintf(w->target + at, sizeof w->target - at, "%s%.47s", at ? " " : "", w->call.arg[i]);
        }
    return best;
}

/* ---- who, and may they ---- */

static const char *language_of(const struct work *w)
{
    const char *said = w->r->language;
    if (strcmp(said, "en") == 0 || strcmp(said, "zh") == 0) /* by a page: what was chosen in it; a browser says more */
        return said;
    if (w->known && *w->session.user.language)
        return w->session.user.language;
    return strncmp(w->r->language, "zh", 2) == 0 ? "zh" : "en";
}

/* An audit line about this request. */
static enum err note(struct work *w, const char *result, member_id subject, struct errmsg *why)
{
    struct audit_line l = {.time_s = w->r->now_s,
                           .user = w->call.user.id,
                           .member = w->call.user.member,
                           .subject = subject};
    snprintf(l.name, sizeof l.name, "%s", w->call.user.name);
    snprintf(l.operation, sizeof l.operation, "%s", w->op->name);
    snprintf(l.target, sizeof l.target, "%s", w->target);
    snprintf(l.result, sizeof l.result, "%s", result);
    snprintf(l.text, sizeof l.text, "%s", w->call.audit);
    if (!w->call.user.member)
        snprintf(l.address, sizeof l.address, "%s", w->r->from);
    return audit_add(w->call.office->books, &l, why);
}

/* Somebody was kept from something: worth a line, but not worth failing for. */
static void note_refusal(struct work *w, const char *result)
{
    struct errmsg why = {""};
    if (note(w, result, 0, &why) != OK)
        snprintf(w->out->log, sizeof w->out->log, "audit: %.300s", why.text);
}

static bool is_change(const struct api_op *op)
{
    return op->what == API_CHANGE || op->what == API_ALONE;
}

static const char *const next_codes[] = {
    [NEXT_NOTHING] = "", [NEXT_CODE] = "code", [NEXT_ENROL] = "enrol", [NEXT_PASSWORD] = "password"};

/* False: w->out says no. */
static bool may(struct work *w)
{
    char token[LOGIN_TEXT_SIZE];
    if (w->op->roles & ROLE_NOBODY) {
        if (!w->known || w->op->roles == ROLE_NOBODY) /* a page that was loaded anew has no token and logs in */
            return true;
    } else if (!w->known) {
        refuse(w, 401, "not logged in", tr("Log in first."), NULL);
        return false;
    } else if (w->session.next != NEXT_NOTHING) {
        refuse(w, 401, next_codes[w->session.next], tr("Logging in is not finished."), NULL);
        return false;
    } else if (!(w->op->roles & w->session.user.roles)) {
        note_refusal(w, "not allowed");
        refuse(w, 403, "not allowed", tr("This is not for your role."), NULL);
        return false;
    }
    login_token(token, w->r->session);
    if (is_change(w->op) && (strlen(w->r->token) != sizeof token - 1 ||
                             !bytes_equal_const_time(token, w->r->token, sizeof token - 1))) {
        note_refusal(w, "token");
        refuse(w, 403, "token", tr("This page is of another session. Load it again."), NULL);
        return false;
    }
    return true;
}

/* ---- what came in ---- */

static bool is_request_id(const char *text)
{
    size_t size = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");
    return size >= 16 && size <= 64 && !text[size];
}

/* Nested too deep for anything of ours: what comes behind would recurse as deep. */
static bool too_deep(const json_t *j, int depth)
{
    const char *key;
    size_t i;
    json_t *v;
    if (depth > JSON_DEPTH_MAX)
        return true;
    json_array_foreach((json_t *)j, i, v)
        if (too_deep(v, depth + 1))
            return true;
    json_object_foreach((json_t *)j, key, v)
        if (too_deep(v, depth + 1))
            return true;
    return false;
}

static enum err read_body(struct work *w)
{
    static const char json[] = "application/json";
    json_error_t fault;
    bool given = w->r->body.size > 0;
    if (given && !is_change(w->op))
        return err_set(&w->why, ERR_FORMAT, tr("This takes no body."));
    if (given && (strncmp(w->r->body_type, json, sizeof json - 1) != 0 ||
                  !strchr("; ", w->r->body_type[sizeof json - 1])))
        return err_set(&w->why, ERR_UNSUPPORTED, tr("The body has to be JSON."));
    w->in = given ? json_loadb((const char *)w->r->body.data, w->r->body.size, JSON_REJECT_DUPLICATES, &fault)
                  : json_object();
    if (!w->in)
        return err_set(&w->why, ERR_FORMAT, tr("The body is no JSON: line %d, column %d."), fault.line, fault.column);
    if (!json_is_object(w->in) || too_deep(w->in, 0))
        return err_set(&w->why, ERR_FORMAT, tr("The body has to be one JSON object."));
    return shape_check(w->op->in, w->in, w->field, &w->why);
}

static enum err read_query(struct work *w)
{
    struct shape_field rows;
    const char *format = json_string_value(json_object_get(w->r->query, "format"));
    if (format) {
        if (strcmp(format, "csv") != 0 || is_change(w->op) || !shape_has_rows(w->op->out, &rows)) {
            snprintf(w->field, sizeof w->field, "format");
            return err_set(&w->why, ERR_FORMAT, tr("There is no such format of this."));
        }
        w->csv = true;
        json_object_del(w->r->query, "format");
    }
    return shape_check_query(w->op->query, w->r->query, w->field, &w->why);
}

/* ---- a list as a file ---- */

static void put_cell(FILE *f, const char *text, bool guard)
{
    fputc('"', f);
    if (guard && strchr("=+-@\t\r", *text) && *text) /* a spreadsheet is not to take it for a formula */
        fputc('\'', f);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', f);
        fputc(*text, f);
    }
    fputc('"', f);
}

static void put_value(FILE *f, const json_t *value)
{
    if (!value || json_is_null(value))
        return;
    if (json_is_string(value)) {
        put_cell(f, json_string_value(value), true);
    } else if (json_is_integer(value)) {
        fprintf(f, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else if (json_is_boolean(value)) {
        fputs(json_is_true(value) ? "yes" : "no", f);
    } else {
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        put_cell(f, text ? text : "", false);
        free(text);
    }
}

static enum err write_csv(struct work *w, struct errmsg *why)
{
    struct shape_field rows, column;
    char *data = NULL;
    size_t size = 0, i;
    json_t *row;
    bool has = shape_has_rows(w->op->out, &rows);
    assert(has);
    (void)has;
    FILE *f = open_memstream(&data, &size);
    if (!f)
        return err_set(why, ERR_FULL, "no memory for a file");
    fputs("\xef\xbb\xbf", f); /* so that a spreadsheet reads Chinese */
    const char *comma = "", *at = rows.inside;
    while (shape_next(&at, &column)) {
        fprintf(f, "%s%s", comma, column.name);
        comma = ",";
    }
    fputs("\r\n", f);
    json_array_foreach(json_object_get(w->call.out, "rows"), i, row)
    {
        comma = "";
        at = rows.inside;
        while (shape_next(&at, &column)) {
            fputs(comma, f);
            put_value(f, json_object_get(row, column.name));
            comma = ",";
        }
        fputs("\r\n", f);
    }
    if (fclose(f) != 0)
        return err_set(why, ERR_FULL, "no memory for a file");
    w->out->status = 200;
    w->out->type = "text/csv; charset=utf-8";
    w->out->body = data;
    w->out->size = size;
    snprintf(w->out->file_name, sizeof w->out->file_name, "%s.csv", w->op->name);
    return OK;
}

/* ---- run ---- */

/* A type as we know them: memos keep it as text. */
static const char *known_type(const char *type)
{
    static const char *const types[] = {"application/json", "text/csv; charset=utf-8", "text/plain; charset=utf-8",
                                        "image/svg+xml", "application/zip", "application/pdf"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(type, types[i]) == 0)
            return types[i];
    return "application/octet-stream";
}

/* The call's answer into w->out. */
static enum err write_answer(struct work *w, struct errmsg *why)
{
    if (w->call.type) {
        w->out->status = 200;
        w->out->type = known_type(w->call.type);
        w->out->body = w->call.file;
        w->out->size = w->call.file_size;
        w->call.file = NULL;
        snprintf(w->out->file_name, sizeof w->out->file_name, "%s", w->call.file_name);
        return OK;
    }
    if (w->r->strict) {
        char field[SHAPE_FIELD_SIZE];
        enum err e = shape_check(w->op->out, w->call.out, field, why);
        if (e)
            return err_add(why, ERR_CORRUPT, "the answer of %s is not in its shape", w->op->name);
    }
    if (w->csv)
        return write_csv(w, why);
    answer_json(w->out, 200, w->call.out);
    return w->out->body ? OK : err_set(why, ERR_FULL, "no memory for an answer");
}

static void drop_answer(struct work *w)
{
    free(w->out->body);
    w->out->body = NULL;
    w->out->size = 0;
    w->out->file_name[0] = 0;
}

static enum err run(struct work *w)
{
    struct store_office *store = w->call.office->books->store;
    bool open = store_office_is_open(store);
    enum err e = w->op->run(&w->call, &w->why);
    assert(store_office_is_open(store) == open || e); /* a failed write may have ended it */
    return e;
}

static enum err run_read(struct work *w)
{
    enum err e = run(w);
    if (!e)
        e = write_answer(w, &w->why);
    member_id path_member = 0;
    if (e || w->op->what != API_LOOK || w->call.user.member)
        return e;
    if (!w->call.looked_count && w->call.arg[0] && member_parse(&path_member, w->call.arg[0]) == OK)
        api_looked(&w->call, path_member);
    if (!w->call.looked_count)
        return OK;
    struct books *b = w->call.office->books;
    if ((e = books_begin(b, &w->why)))
        return e;
    for (int i = 0; i < w->call.looked_count && !e; i++)
        e = note(w, "done", w->call.looked[i], &w->why);
    if (!e)
        return books_commit(b, &w->why);
    books_rollback(b);
    return e;
}

/* What makes two changes the same. */
static enum err digest_of(const struct work *w, uint8_t digest[32], struct errmsg *why)
{
    char *body = json_dumps(w->in, JSON_COMPACT | JSON_SORT_KEYS), *query = json_dumps(w->r->query, JSON_COMPACT | JSON_SORT_KEYS);
    enum err e = OK;
    uint8_t head[32];
    char what[PATH_MAX_SIZE + 128];
    if (body && query) {
        int n = snprintf(what, sizeof what, "%s %s %s ", w->op->name, w->r->method, w->r->path);
        mbed_sha256_two(head, bytes_of(what, (size_t)n), bytes_of(query, strlen(query)));
        mbed_hmac_sha256(digest, bytes_of(w->r->request_id, strlen(w->r->request_id)), bytes_of(head, sizeof head),
                         bytes_of(body, strlen(body)));
    } else {
        e = err_set(why, ERR_FULL, "no memory");
    }
    free(body);
    free(query);
    return e;
}

static void actor_of(const struct work *w, char actor[32])
{
    if (w->call.user.member)
        snprintf(actor, 32, "M%" PRIu64, w->call.user.member);
    else
        snprintf(actor, 32, "U%" PRIu32, w->call.user.id);
}

/* Answers have codes and names in them: they are kept so that only who says the Request-Id again can read them.  The
 * row is found by a digest of it, and the answer is veiled by a stream made of it: each is used for one answer alone. */
static void memo_key(const struct work *w, const char *what, uint32_t part, uint8_t out[MBED_HASH_SIZE])
{
    uint8_t number[4];
    put_le(number, part, sizeof number);
    mbed_hmac_sha256(out, bytes_of(w->r->request_id, strlen(w->r->request_id)), bytes_of(what, strlen(what)),
                     bytes_of(number, sizeof number));
}

static void memo_name(const struct work *w, char name[2 * MBED_HASH_SIZE + 1])
{
    uint8_t key[MBED_HASH_SIZE];
    memo_key(w, "memo name", 0, key);
    hex_encode(name, key, sizeof key);
}

/* The other way round the same. */
static void memo_veil(const struct work *w, char *text, size_t size)
{
    uint8_t key[MBED_HASH_SIZE];
    for (size_t i = 0; i < size; i++) {
        if (i % sizeof key == 0)
            memo_key(w, "memo answer", (uint32_t)(i / sizeof key), key);
        text[i] = (char)((uint8_t)text[i] ^ key[i % sizeof key]);
    }
    bytes_wipe(key, sizeof key);
}

/* The answer that was given before, into w->out.  Errors: ERR_NOT_FOUND, ERR_CONFLICT (to something else). */
static enum err find_memo(struct work *w, const uint8_t digest[32])
{
    char actor[32], type[48], name[2 * MBED_HASH_SIZE + 1];
    enum err e = ERR_NOT_FOUND;
    actor_of(w, actor);
    memo_name(w, name);
    struct query q = query_text_of(
        w->call.office->books->store,
        "SELECT digest, type, file_name, answer FROM memo WHERE actor = ? AND request = ?");
    query_text(&q, actor);
    query_text(&q, name);
    if (query_row(&q)) {
        struct bytes said = query_get_blob(&q);
        e = said.size == 32 && memcmp(said.data, digest, 32) == 0 ? OK : ERR_CONFLICT;
        query_get_text(&q, type, sizeof type);
        query_get_text(&q, w->out->file_name, sizeof w->out->file_name);
        struct bytes answer = query_get_blob(&q);
        if (!e && (w->out->body = malloc(answer.size + 1))) {
            memcpy(w->out->body, answer.data, answer.size);
            memo_veil(w, w->out->body, answer.size);
            w->out->size = answer.size;
            w->out->status = 200;
            w->out->type = known_type(type);
        } else if (!e) {
            e = err_set(&w->why, ERR_FULL, "no memory");
        }
    }
    enum err done = query_done(&q, &w->why);
    if (e == ERR_CONFLICT)
        (void)err_set(&w->why, e, tr("This request number was used for something else."));
    return done ? done : e;
}

static enum err add_memo(struct work *w, const uint8_t digest[32])
{
    char actor[32], name[2 * MBED_HASH_SIZE + 1];
    actor_of(w, actor);
    memo_name(w, name);
    struct store_office *store = w->call.office->books->store;
    struct query q = query_text_of(store, "DELETE FROM memo WHERE utc_s < ?");
    query_int(&q, w->r->utc_s - MEMO_KEPT_S);
    enum err e = query_run(&q, &w->why);
    if (e)
        return e;
    q = query_text_of(store, "INSERT INTO memo (actor, request, digest, utc_s, type, file_name, answer)"
                             " VALUES (?, ?, ?, ?, ?, ?, ?)");
    query_text(&q, actor);
    query_text(&q, name);
    query_blob(&q, digest, 32);
    query_int(&q, w->r->utc_s);
    query_text(&q, w->out->type);
    query_text(&q, w->out->file_name);
    memo_veil(w, w->out->body, w->out->size);
    query_blob(&q, w->out->body, w->out->size);
    e = query_run(&q, &w->why);
    memo_veil(w, w->out->body, w->out->size);
    return e;
}

static enum err change_inside(struct work *w, const uint8_t digest[32])
{
    enum err e = find_memo(w, digest);
    if (e != ERR_NOT_FOUND)
        return e ? e : ERR_EXISTS; /* answered: nothing to be kept */
    e = run(w);
    if (!e)
        e = note(w, "done", 0, &w->why);
    if (!e)
        e = write_answer(w, &w->why);
    if (!e)
        e = add_memo(w, digest);
    return e;
}

static enum err run_change(struct work *w)
{
    struct books *b = w->call.office->books;
    uint8_t digest[32];
    if (!is_request_id(w->r->request_id))
        return err_set(&w->why, ERR_FORMAT, tr("A change needs a Request-Id of 16 to 64 letters, digits and -."));
    enum err e = digest_of(w, digest, &w->why);
    if (!e)
        e = books_begin(b, &w->why);
    if (e)
        return e;
    e = change_inside(w, digest);
    bool repeated = e == ERR_EXISTS && w->out->status == 200;
    if (!e)
        e = books_commit(b, &w->why);
    else
        books_rollback(b);
    if (e && !repeated) {
        drop_answer(w);
        w->out->status = 0;
    }
    return repeated ? OK : e;
}

static enum err run_alone(struct work *w)
{
    enum err e = run(w);
    struct errmsg why = {""};
    enum err noted = note(w, e ? err_text(e) : "done", 0, &why);
    if (noted)
        snprintf(w->out->log, sizeof w->out->log, "audit: %.300s", why.text);
    return e ? e : write_answer(w, &w->why);
}

static void perform(struct work *w)
{
    enum err e = read_query(w);
    if (!e)
        e = read_body(w);
    w->call.in = w->in;
    w->call.query = w->r->query;
    w->call.out = json_object();
    if (!e && !w->call.out)
        e = err_set(&w->why, ERR_FULL, "no memory");
    if (!e && w->op->what == API_CHANGE)
        e = run_change(w);
    else if (!e && w->op->what == API_ALONE)
        e = run_alone(w);
    else if (!e)
        e = run_read(w);
    if (e) {
        drop_answer(w);
        if (w->op->what == API_CHANGE && (e == ERR_AUTH || e == ERR_REFUSED))
            note_refusal(w, err_text(e));
        refuse_err(w, e);
    }
    if (!e || w->op->what == API_ALONE) /* a session may end with a refusal */
        memcpy(w->out->session, w->call.session, sizeof w->out->session);
    json_decref(w->in);
    json_decref(w->call.out);
    free(w->call.file);
}

void api_serve(struct head_office *office, const struct api_request *r, struct api_reply *out)
{
    struct work w = {.r = r, .out = out};
    char allow[64];
    *out = (struct api_reply){.operation = ""};
    w.call.office = office;
    w.call.now_s = r->now_s;
    w.call.request = r;
    enum err e = *r->session ? login_find(office->books, r->session, r->utc_s, &w.session, &w.why) : ERR_AUTH;
    w.known = e == OK;
    w.call.user = w.session.user;
    out->user = w.session.user.id;
    (void)tr_use(language_of(&w));
    if (!w.known)
        snprintf(w.call.user.language, sizeof w.call.user.language, "%s", tr_language());
    w.op = find_op(&w, allow);
    if (e && e != ERR_AUTH) {
        refuse_err(&w, e);
    } else if (!w.op && *allow) {
        snprintf(out->file_name, sizeof out->file_name, "%s", allow);
        refuse(&w, 405, "method", tr("This cannot be done here."), NULL);
    } else if (!w.op) {
        refuse(&w, 404, "not found", tr("There is nothing at this path."), NULL);
    } else {
        out->operation = w.op->name;
        w.why.text[0] = 0;
        if (may(&w))
            perform(&w);
    }
    (void)tr_use("en");
}

void api_reply_finish(struct api_reply *r)
{
    free(r->body);
    r->body = NULL;
}

/* ---- helpers for run ---- */

enum err api_member(const char *text, member_id *out, struct errmsg *why)
{
    char with_m[32];
    if (text && *text >= '0' && *text <= '9') {
        snprintf(with_m, sizeof with_m, "M%.24s", text);
        text = with_m;
    }
    if (!text || member_parse(out, text) != OK)
        return err_set(why, ERR_FORMAT, tr("\"%.40s\" is no member number."), text ? text : "");
    return OK;
}

enum err api_number(const char *text, int64_t most, int64_t *out, struct errmsg *why)
{
    int64_t n = 0;
    size_t i = 0;
    for (; text[i] >= '0' && text[i] <= '9' && i < 18; i++)
        n = 10 * n + (text[i] - '0');
    if (text[i] || n < 1 || n > most)
        return err_set(why, ERR_FORMAT, tr("%.20s is no number of ours"), text);
    *out = n;
    return OK;
}

enum err api_day(const char *text, int32_t *out, struct errmsg *why)
{
    if (!text || day_parse(out, text) != OK)
        return err_set(why, ERR_FORMAT, tr("\"%.40s\" is no day, as 2026-11-22."), text ? text : "");
    return OK;
}

int64_t api_int(const json_t *in, const char *name, int64_t missing)
{
    const json_t *v = json_object_get(in, name);
    if (json_is_integer(v))
        return json_integer_value(v);
    if (json_is_string(v) && *json_string_value(v)) /* of a query */
        return strtoll(json_string_value(v), NULL, 10);
    return missing;
}

const char *api_text(const json_t *in, const char *name)
{
    const char *text = json_string_value(json_object_get(in, name));
    return text ? text : "";
}

bool api_bool(const json_t *in, const char *name)
{
    const json_t *v = json_object_get(in, name);
    return json_is_true(v) || (json_is_string(v) && strcmp(json_string_value(v), "1") == 0);
}

void api_put_points(json_t *object, const char *name, struct points p)
{
    json_object_set_new(object, name, json_integer(points_n(p)));
}

void api_put_money(json_t *object, const char *name, struct money m)
{
    json_object_set_new(object, name, json_integer(money_minor(m)));
}

void api_put_day(json_t *object, const char *name, int32_t day)
{
    char text[DAY_TEXT_SIZE];
    day_text(text, day);
    json_object_set_new(object, name, day == DAY_NEVER ? json_null() : json_string(text));
}

void api_put_time(json_t *object, const char *name, int64_t time_s)
{
    char text[TIME_TEXT_SIZE];
    time_text(text, time_s);
    json_object_set_new(object, name, time_s ? json_string(text) : json_null());
}

void api_put_member(json_t *object, const char *name, member_id member)
{
    char text[MEMBER_TEXT_SIZE];
    member_text(text, member);
    json_object_set_new(object, name, member ? json_string(text) : json_null());
}

void api_put_entry(json_t *object, const char *name, struct entry_id id)
{
    char text[ENTRY_TEXT_SIZE];
    entry_text(text, id);
    json_object_set_new(object, name, entry_is(id) ? json_string(text) : json_null());
}

enum err api_file(struct api_call *c, const char *type, const char *file_name, const void *data, size_t size,
                  struct errmsg *why)
{
    assert(!c->file);
    c->file = malloc(size + 1);
    if (!c->file)
        return err_set(why, ERR_FULL, "no memory for a file");
    memcpy(c->file, data, size);
    c->file_size = size;
    c->type = type;
    snprintf(c->file_name, sizeof c->file_name, "%s", file_name);
    return OK;
}

void api_looked(struct api_call *c, member_id member)
{
    for (int i = 0; i < c->looked_count; i++)
        if (c->looked[i] == member)
            return;
    if (c->looked_count < (int)(sizeof c->looked / sizeof *c->looked))
        c->looked[c->looked_count++] = member;
}
