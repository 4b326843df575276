/* api_session.c - logging in and out, users, the audit log: rows of the console's table (office/api.h).
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/api_serve.h"

#include "base/date.h"
#include "office/audit.h"
#include "office/users.h"

#include <stdio.h>
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

/* ---- the rows ---- */

const struct api_op api_session[] = {
    {"GET", "/api/session", "get_session", "Who is logged in, and the token that changes have to carry.",
     ROLE_STAFF | ROLE_MEMBER, API_READ, NULL, NULL, SESSION_SHAPE, get_session},
    {"POST", "/api/logout", "log_out", "End this session.", ROLE_STAFF | ROLE_MEMBER, API_ALONE, NULL, NULL, NULL,
     log_out},
    {0},
};
