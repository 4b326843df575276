/* api_session.c - logging in and out, users, the audit log: rows of the console's table (office/console/api.h).
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/console/api_serve.h"

#include "base/date.h"
#include "base/tr.h"
#include "office/console/audit.h"
#include "office/console/openapi.h"
#include "office/console/qr.h"
#include "office/books/rows.h"
#include "office/console/users.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- who is logged in ---- */

#define SESSION_SHAPE                                                                                            \
    "next:text! token:text! today:day! user:{id:int! name:text! roles:[text]! language:text! member:text}!"      \
    " programme:{name:text! currency:text! digits:int!}"

static json_t *programme(struct api_call *c)
{
    const struct pack *pack = books_pack_on(c->office->books, day_of_time(c->now_s));
    if (!pack)
        return json_null();
    return json_pack("{sssssi}", "name", pack->name, "currency", pack->currency, "digits",
                     (int)pack->currency_digits);
}

/* What a page needs to know of a session. */
static void put_session(struct api_call *c, const char *session, const struct api_user *user, enum login_next next)
{
    static const char *const nexts[] = {
        [NEXT_NOTHING] = "", [NEXT_CODE] = "code", [NEXT_ENROL] = "enrol", [NEXT_PASSWORD] = "password"};
    char token[LOGIN_TEXT_SIZE];
    login_token(token, session);
    json_t *u = json_object();
    json_object_set_new(u, "id", json_integer(user->id));
    json_object_set_new(u, "name", json_string(user->name));
    json_object_set_new(u, "roles", api_roles_json(user->roles));
    json_object_set_new(u, "language", json_string(user->language));
    if (user->member)
        api_put_member(u, "member", user->member);
    json_object_set_new(c->out, "user", u);
    json_object_set_new(c->out, "next", json_string(nexts[next]));
    json_object_set_new(c->out, "token", json_string(token));
    api_put_day(c->out, "today", day_of_time(c->now_s));
    json_object_set_new(c->out, "programme", programme(c));
}

static enum err get_session(struct api_call *c, struct errmsg *why)
{
    struct login s;
    enum err e = login_find(c->office->books, c->request->session, c->request->utc_s, &s, why);
    if (!e)
        put_session(c, c->request->session, &s.user, s.next);
    return e;
}

static enum err log_out(struct api_call *c, struct errmsg *why)
{
    snprintf(c->session, sizeof c->session, "-");
    return login_end(c->office->books, c->request->session, why);
}

static enum err log_out_everywhere(struct api_call *c, struct errmsg *why)
{
    snprintf(c->session, sizeof c->session, "-");
    return login_end_others(c->office->books, c->user.id, c->user.member, NULL, why);
}

static enum err set_language(struct api_call *c, struct errmsg *why)
{
    const char *language = api_text(c->in, "language");
    if (strcmp(language, "en") != 0 && strcmp(language, "zh") != 0) {
        snprintf(c->field, sizeof c->field, "language");
        return err_set(why, ERR_FORMAT, tr("The languages are en and zh."));
    }
    return users_set_language(c->office->books, c->user.id, language, why);
}

/* ---- logging in, step by step ---- */

static const char *programme_name(struct api_call *c)
{
    const struct pack *pack = books_pack_on(c->office->books, day_of_time(c->now_s));
    return pack ? pack->name : "patron";
}

/* A step is over: its session and what is next into the answer; or who it was that failed, for the audit log. */
static enum err finish_step(struct api_call *c, enum err e, const char *session, const struct login *login)
{
    c->user = login->user;
    if (e)
        return e;
    snprintf(c->session, sizeof c->session, "%s", session);
    put_session(c, session, &login->user, login->next);
    if (login->next != NEXT_NOTHING)
        snprintf(c->audit, sizeof c->audit, "not finished");
    return OK;
}

static enum err log_in(struct api_call *c, struct errmsg *why)
{
    const struct api_request *r = c->request;
    char session[LOGIN_TEXT_SIZE];
    struct login login;
    enum err e = users_log_in(c->office->books, api_text(c->in, "name"), api_text(c->in, "password"),
                              api_text(c->in, "code"), r->session, r->from, r->utc_s, session, &login, why);
    return finish_step(c, e, session, &login);
}

/* The session the browser came with, to be replaced by the step. */
static void take_session(struct api_call *c, char session[LOGIN_TEXT_SIZE])
{
    snprintf(session, LOGIN_TEXT_SIZE, "%.64s", c->request->session);
}

static enum err show_code(struct api_call *c, struct errmsg *why)
{
    char session[LOGIN_TEXT_SIZE];
    struct login login = {.next = NEXT_NOTHING};
    take_session(c, session);
    enum err e = users_show_code(c->office->books, api_text(c->in, "code"), c->request->from, c->request->utc_s,
                                 session, &login, why);
    return finish_step(c, e, session, &login);
}

static enum err enrol(struct api_call *c, struct errmsg *why)
{
    uint8_t secret[TOTP_SECRET_SIZE];
    char text[TOTP_TEXT_SIZE], uri[TOTP_URI_SIZE], *image;
    struct login login;
    enum err e = login_find(c->office->books, c->request->session, c->request->utc_s, &login, why);
    c->user = login.user;
    if (!e && (login.user.member || (login.next != NEXT_ENROL && login.next != NEXT_NOTHING)))
        e = err_set(why, ERR_STATE, tr("This is not what is missing; log in again."));
    if (!e)
        e = users_enrol(c->office->books, login.user.id, secret, why);
    if (e)
        return e;
    totp_text(text, secret);
    totp_uri(uri, secret, programme_name(c), login.user.name);
    e = qr_image(&image, uri, why);
    if (!e) {
        json_object_set_new(c->out, "secret", json_string(text));
        json_object_set_new(c->out, "uri", json_string(uri));
        json_object_set_new(c->out, "qr", json_string(image));
    }
    free(image);
    bytes_wipe(secret, sizeof secret);
    return e;
}

static enum err enrolled(struct api_call *c, struct errmsg *why)
{
    char session[LOGIN_TEXT_SIZE];
    struct login login = {.next = NEXT_NOTHING};
    take_session(c, session);
    enum err e = users_enrol_code(c->office->books, api_text(c->in, "code"), c->request->from, c->request->utc_s,
                                  session, &login, why);
    return finish_step(c, e, session, &login);
}

static enum err change_password(struct api_call *c, struct errmsg *why)
{
    char session[LOGIN_TEXT_SIZE];
    struct login login = {.next = NEXT_NOTHING};
    take_session(c, session);
    enum err e = users_change_password(c->office->books, api_text(c->in, "old"), api_text(c->in, "new"),
                                       programme_name(c), c->request->from, c->request->utc_s, session, &login, why);
    if (e == ERR_AUTH || e == ERR_REFUSED)
        snprintf(c->field, sizeof c->field, e == ERR_AUTH ? "old" : "new");
    return finish_step(c, e, session, &login);
}

/* ---- users ---- */

struct listing {
    struct api_call *c;
    json_t *rows;
};

static void list_user(const struct user_view *v, void *arg)
{
    struct listing *l = arg;
    int64_t shop = l->c->now_s - l->c->request->utc_s; /* from the machine's time to that of the shops */
    json_t *row = json_pack("{sIsssosssbsbsb}", "id", (json_int_t)v->user.id, "name", v->user.name, "roles",
                            api_roles_json(v->user.roles), "language", v->user.language, "active", v->active, "factor",
                            v->factor, "temporary", v->temporary);
    api_put_time(row, "login", v->login_s ? v->login_s + shop : 0);
    api_put_time(row, "waits_until", v->wait_until_s ? v->wait_until_s + shop : 0);
    json_array_append_new(l->rows, row);
}

static enum err list_users(struct api_call *c, struct errmsg *why)
{
    struct listing l = {c, json_array()};
    json_object_set_new(c->out, "rows", l.rows);
    return users_list(c->office->books, 0, c->request->utc_s, list_user, &l, why);
}

static enum err take_roles(struct api_call *c, unsigned *roles, struct errmsg *why)
{
    enum err e = api_roles_parse(roles, json_object_get(c->in, "roles"), why);
    if (!e && !*roles)
        e = err_set(why, ERR_FORMAT, tr("A user needs a role."));
    if (e)
        snprintf(c->field, sizeof c->field, "roles");
    return e;
}

static void note_roles(struct api_call *c, uint32_t id, unsigned roles, const char *more)
{
    char text[80];
    api_roles_text(text, sizeof text, roles);
    snprintf(c->audit, sizeof c->audit, "user %" PRIu32 ": %s%s", id, text, more);
}

static enum err add_user(struct api_call *c, struct errmsg *why)
{
    char made[20];
    uint32_t id;
    unsigned roles;
    enum err e = take_roles(c, &roles, why);
    if (e)
        return e;
    e = users_add(c->office->books, api_text(c->in, "name"), roles, api_text(c->in, "language"), c->request->utc_s,
                  made, &id, why);
    if (e == ERR_FORMAT || e == ERR_EXISTS)
        snprintf(c->field, sizeof c->field, "name");
    if (e)
        return e;
    note_roles(c, id, roles, "");
    json_object_set_new(c->out, "id", json_integer(id));
    json_object_set_new(c->out, "password", json_string(made));
    bytes_wipe(made, sizeof made);
    return OK;
}

static enum err user_arg(struct api_call *c, uint32_t *id, struct errmsg *why)
{
    size_t digits = strspn(c->arg[0], "0123456789");
    *id = digits && digits < 10 && !c->arg[0][digits] ? (uint32_t)strtoul(c->arg[0], NULL, 10) : 0;
    return *id ? OK : err_set(why, ERR_NOT_FOUND, tr("There is no such user."));
}

static enum err set_user(struct api_call *c, struct errmsg *why)
{
    uint32_t id;
    unsigned roles;
    bool active = api_bool(c->in, "active");
    enum err e = user_arg(c, &id, why);
    if (!e)
        e = take_roles(c, &roles, why);
    if (!e && id == c->user.id)
        e = err_set(why, ERR_REFUSED, tr("Nobody changes their own roles: ask another administrator."));
    if (!e)
        e = users_set(c->office->books, id, roles, api_text(c->in, "language"), active, why);
    if (!e)
        note_roles(c, id, roles, active ? "" : ", may not come in");
    return e;
}

static enum err reset_user(struct api_call *c, struct errmsg *why)
{
    char made[20];
    uint32_t id;
    enum err e = user_arg(c, &id, why);
    if (!e && id == c->user.id)
        e = err_set(why, ERR_REFUSED, tr("Change your own password instead, or ask another administrator."));
    if (!e)
        e = users_reset(c->office->books, id, c->request->utc_s, made, why);
    if (!e)
        json_object_set_new(c->out, "password", json_string(made));
    bytes_wipe(made, sizeof made);
    return e;
}

static enum err end_user_sessions(struct api_call *c, struct errmsg *why)
{
    uint32_t id;
    enum err e = user_arg(c, &id, why);
    return e ? e : login_end_others(c->office->books, id, 0, NULL, why);
}

/* ---- the audit log ---- */

enum { AUDIT_ROWS = 200, AUDIT_ROWS_MOST = 50000 };

static void list_audit(const struct audit_line *a, void *arg)
{
    struct listing *l = arg;
    json_t *row = json_pack("{sIsIss}", "id", (json_int_t)a->id, "user", (json_int_t)a->user, "name", a->name);
    api_put_time(row, "time", a->time_s);
    api_put_member(row, "by_member", a->member);
    json_object_set_new(row, "operation", json_string(a->operation));
    json_object_set_new(row, "target", rows_text(a->target));
    api_put_member(row, "looked_at", a->subject);
    json_object_set_new(row, "result", json_string(a->result));
    json_object_set_new(row, "text", rows_text(a->text));
    json_object_set_new(row, "address", json_string(a->address));
    json_array_append_new(l->rows, row);
}

static enum err list_audit_log(struct api_call *c, struct errmsg *why)
{
    struct listing l = {c, json_array()};
    struct audit_filter f = {.from_day = 0, .to_day = DAY_NEVER, .user = (uint32_t)api_int(c->query, "user", 0),
                             .operation = api_text(c->query, "operation"), .looks_only = api_bool(c->query, "looks"),
                             .refused_only = api_bool(c->query, "refused"), .before_id = api_int(c->query, "before", 0),
                             .limit = (int32_t)api_int(c->query, "limit", AUDIT_ROWS)};
    const char *from = api_text(c->query, "from"), *to = api_text(c->query, "to"), *member = api_text(c->query, "member");
    enum err e = OK;
    json_object_set_new(c->out, "rows", l.rows);
    if (*from)
        e = api_day(from, &f.from_day, why);
    if (!e && *to)
        e = api_day(to, &f.to_day, why);
    if (!e && *member)
        e = api_member(member, &f.subject, why);
    if (!e && (f.limit < 1 || f.limit > AUDIT_ROWS_MOST))
        e = err_set(why, ERR_RANGE, tr("1 to %d lines can be shown."), (int)AUDIT_ROWS_MOST);
    return e ? e : audit_list(c->office->books, &f, list_audit, &l, why);
}

static enum err verify_audit(struct api_call *c, struct errmsg *why)
{
    int64_t rows, broken;
    uint8_t head[32];
    char text[65];
    enum err e = audit_verify(c->office->books, &rows, &broken, head, why);
    if (e)
        return e;
    hex_encode(text, head, sizeof head);
    json_object_set_new(c->out, "lines", json_integer(rows));
    json_object_set_new(c->out, "broken", broken ? json_integer(broken) : json_null());
    json_object_set_new(c->out, "head", json_string(text));
    return OK;
}

/* ---- the document ---- */

static enum err get_document(struct api_call *c, struct errmsg *why)
{
    json_t *document = openapi_document();
    char *text = document ? json_dumps(document, JSON_INDENT(1)) : NULL;
    enum err e = text ? api_file(c, "application/json", "", text, strlen(text), why)
                      : err_set(why, ERR_FULL, "no memory for the document");
    json_decref(document);
    free(text);
    return e;
}

/* ---- the rows ---- */

/* Steps of logging in are asked with a session that is not finished: each looks at it itself. */
#define ANYBODY (ROLE_NOBODY | ROLE_STAFF)
#define USER_ROWS                                                                                                \
    "rows:[id:int! name:text! roles:[text]! language:text! active:bool! factor:bool! temporary:bool! login:time!"    \
    " waits_until:time!]!"
#define AUDIT_ROWS_SHAPE                                                                                         \
    "rows:[id:int! time:time! user:int! name:text! by_member:text operation:text! target:text! looked_at:text"      \
    " result:text! text:text! address:text!]!"

const struct api_op api_session[] = {
    {"POST", "/api/login", "log_in", "Log in with name and password, and where there is a second factor its code.",
     ROLE_NOBODY, API_ALONE, NULL, "name:text! password:text! code:text", SESSION_SHAPE, log_in},
    {"POST", "/api/login/code", "show_code", "The second step: the code of the authenticator program.", ANYBODY,
     API_ALONE, NULL, "code:text!", SESSION_SHAPE, show_code},
    {"POST", "/api/login/enrol", "enrol_factor", "A secret for an authenticator program, to be shown once.", ANYBODY,
     API_ALONE, NULL, NULL, "secret:text! uri:text! qr:text!", enrol},
    {"POST", "/api/login/enrolled", "confirm_factor", "The first code of that program: from now on one is asked for.",
     ANYBODY, API_ALONE, NULL, "code:text!", SESSION_SHAPE, enrolled},
    {"POST", "/api/login/password", "change_password", "A password of one's own; all other sessions end.", ANYBODY,
     API_ALONE, NULL, "old:text! new:text!", SESSION_SHAPE, change_password},
    {"GET", "/api/session", "get_session", "Who is logged in, and the token that changes have to carry.",
     ROLE_STAFF | ROLE_MEMBER, API_READ, NULL, NULL, SESSION_SHAPE, get_session},
    {"POST", "/api/session/language", "set_language", "The language of this user.", ROLE_STAFF, API_CHANGE, NULL,
     "language:text!", NULL, set_language},
    {"POST", "/api/logout", "log_out", "End this session.", ROLE_STAFF | ROLE_MEMBER, API_ALONE, NULL, NULL, NULL,
     log_out},
    {"POST", "/api/logout/everywhere", "log_out_everywhere", "End all sessions of whoever asks.",
     ROLE_STAFF | ROLE_MEMBER, API_ALONE, NULL, NULL, NULL, log_out_everywhere},
    {"GET", "/api/users", "list_users", "The users of the console.", ROLE_ADMIN | ROLE_AUDITOR, API_READ, NULL, NULL,
     USER_ROWS, list_users},
    {"POST", "/api/users", "add_user", "A new user; the answer has a password to be handed over, good for three days.",
     ROLE_ADMIN, API_ALONE, NULL, "name:text! roles:[text]! language:text", "id:int! password:text!", add_user},
    {"POST", "/api/users/{user}", "set_user", "What somebody may do, in which language, and whether they may come in.",
     ROLE_ADMIN, API_CHANGE, NULL, "roles:[text]! language:text! active:bool!", NULL, set_user},
    {"POST", "/api/users/{user}/reset", "reset_user",
     "A new password for who has lost it or the second factor, which is taken away.", ROLE_ADMIN, API_ALONE, NULL, NULL,
     "password:text!", reset_user},
    {"POST", "/api/users/{user}/logout", "end_user_sessions", "End all sessions of a user.", ROLE_ADMIN, API_CHANGE,
     NULL, NULL, NULL, end_user_sessions},
    {"GET", "/api/audit", "list_audit", "Who did what, looked at whom, was refused what; newest first.",
     ROLE_AUDITOR | ROLE_ADMIN, API_READ,
     "from:day to:day user:int member:text operation:text looks:bool refused:bool before:int limit:int", NULL,
     AUDIT_ROWS_SHAPE, list_audit_log},
    {"GET", "/api/audit/verify", "verify_audit", "Goes through the chain of the audit log: which line was changed.",
     ROLE_AUDITOR | ROLE_ADMIN, API_READ, NULL, NULL, "lines:int! broken:int head:text!", verify_audit},
    {"GET", "/api/openapi.json", "get_document", "This document.", ROLE_STAFF | ROLE_MEMBER, API_READ, NULL, NULL, NULL,
     get_document},
    {0},
};
