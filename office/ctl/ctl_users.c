/* ctl_users.c - patronctl user, audit: who works at the console (the first administrator is made here), and whether
 * its log is as it was written.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/console/api_serve.h"
#include "office/console/audit.h"
#include "office/ctl/ctl.h"
#include "office/console/users.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* What is done here is done by somebody with the keys of the folder: user 0. */
static enum err note(struct ctl *c, uint32_t user, const char *operation, const char *text, struct errmsg *why)
{
    struct audit_line l = {.time_s = c->now_s};
    snprintf(l.name, sizeof l.name, "patronctl");
    snprintf(l.operation, sizeof l.operation, "%s", operation);
    snprintf(l.target, sizeof l.target, "%" PRIu32, user);
    snprintf(l.result, sizeof l.result, "done");
    snprintf(l.text, sizeof l.text, "%s", text);
    return audit_add(c->books, &l, why);
}

static bool take_roles(struct ctl *c, unsigned *roles)
{
    struct errmsg why;
    const char *text = ctl_value(c, "--roles");
    char list[128];
    if (!text) {
        ctl_usage(c, "--roles is needed: of clerk, marketer, controller, approver, auditor, admin");
        return false;
    }
    json_t *names = json_array();
    snprintf(list, sizeof list, "%s", text);
    for (char *save, *name = strtok_r(list, ", ", &save); name; name = strtok_r(NULL, ", ", &save))
        json_array_append_new(names, ctl_json_text(name));
    bool good = api_roles_parse(roles, names, &why) == OK && *roles;
    if (!good)
        ctl_usage(c, "%s", json_array_size(names) ? why.text : "a user needs a role");
    json_decref(names);
    return good;
}

static enum ctl_exit run_add(struct ctl *c)
{
    struct errmsg why;
    char made[20], text[100];
    uint32_t id;
    unsigned roles;
    const char *language = ctl_value(c, "--language");
    if (!take_roles(c, &roles))
        return CTL_USAGE;
    if (language && strcmp(language, "en") != 0 && strcmp(language, "zh") != 0)
        return ctl_usage(c, "'%s' is no language of the console: en or zh", language);
    enum err e = books_begin(c->books, &why);
    if (e)
        return ctl_fail(&why, "");
    api_roles_text(text, sizeof text, roles);
    e = users_add(c->books, c->positions[0], roles, language ? language : "en", time(NULL), made, &id, &why);
    if (!e)
        e = note(c, id, "add_user", text, &why);
    if (!e)
        e = books_commit(c->books, &why);
    else
        books_rollback(c->books);
    if (e)
        return ctl_fail(&why, "");
    ctl_show(c, json_pack("{s:i, s:o, s:s, s:s}", "user", (int)id, "name", ctl_json_text(c->positions[0]), "roles", text,
                          "password", made));
    ctl_say(c, "The password is good for three days and is changed at the first login.");
    bytes_wipe(made, sizeof made);
    return CTL_OK;
}

static void add_row(const struct user_view *v, void *arg)
{
    char roles[100];
    api_roles_text(roles, sizeof roles, v->user.roles);
    json_array_append_new(arg, json_pack("{s:i, s:o, s:s, s:s, s:b, s:b, s:b}", "user", (int)v->user.id, "name",
                                         ctl_json_text(v->user.name), "roles", roles, "language", v->user.language,
                                         "comes_in", v->active, "second_factor", v->factor, "waits",
                                         v->wait_until_s != 0));
}

static enum ctl_exit run_list(struct ctl *c)
{
    struct errmsg why;
    json_t *rows = json_array();
    if (users_list(c->books, 0, time(NULL), add_row, rows, &why)) {
        json_decref(rows);
        return ctl_fail(&why, "");
    }
    ctl_show(c, json_pack("{s:o}", "users", rows));
    return CTL_OK;
}

static void keep_view(const struct user_view *v, void *arg)
{
    *(struct user_view *)arg = *v;
}

static enum ctl_exit run_disable(struct ctl *c)
{
    struct errmsg why;
    struct user_view v = {.active = false};
    uint32_t id = 0;
    enum err e = books_begin(c->books, &why);
    if (e)
        return ctl_fail(&why, "");
    e = users_named(c->books, c->positions[0], &id, &why);
    if (!e)
        e = users_list(c->books, id, time(NULL), keep_view, &v, &why);
    if (!e)
        e = users_set(c->books, id, v.user.roles, v.user.language, false, &why);
    if (!e)
        e = note(c, id, "set_user", "may not come in", &why);
    if (!e)
        e = books_commit(c->books, &why);
    else
        books_rollback(c->books);
    if (e)
        return ctl_fail(&why, "");
    ctl_say(c, "%s may not come in any more; the sessions have ended.", v.user.name);
    return CTL_OK;
}

static enum ctl_exit run_reset(struct ctl *c)
{
    struct errmsg why;
    char made[20];
    uint32_t id = 0;
    enum err e = books_begin(c->books, &why);
    if (e)
        return ctl_fail(&why, "");
    e = users_named(c->books, c->positions[0], &id, &why);
    if (!e)
        e = users_reset(c->books, id, time(NULL), made, &why);
    if (!e)
        e = note(c, id, "reset_user", "", &why);
    if (!e)
        e = books_commit(c->books, &why);
    else
        books_rollback(c->books);
    if (e)
        return ctl_fail(&why, "");
    ctl_show(c, json_pack("{s:i, s:s}", "user", (int)id, "password", made));
    ctl_say(c, "The second factor is taken away and the sessions have ended; the password is good for three days.");
    bytes_wipe(made, sizeof made);
    return CTL_OK;
}

static enum ctl_exit run_verify(struct ctl *c)
{
    struct errmsg why;
    int64_t lines, broken;
    uint8_t head[32];
    char text[65];
    if (audit_verify(c->books, &lines, &broken, head, &why))
        return ctl_fail(&why, "");
    hex_encode(text, head, sizeof head);
    ctl_show(c, json_pack("{s:I, s:s}", "lines", (json_int_t)lines, "head", text));
    if (broken)
        return ctl_refuse("line %" PRId64 " of the audit log is not as it was written", broken);
    ctl_say(c, "Every line is as it was written.  Note the head elsewhere: that lines were cut off behind it shows by it alone.");
    return CTL_OK;
}

const struct ctl_command ctl_user_commands[] = {
    {.name = "user add",
     .positions = "NAME",
     .least = 1,
     .most = 1,
     .summary = "let a person work at the console",
     .options = {{"--roles", "LIST", "of clerk, marketer, controller, approver, auditor, admin"},
                 {"--language", "L", "en or zh (default en)"}},
     .text = "The first administrator is made here; others in the console, by them.\n\n"
             "  patronctl user add ada --roles admin\n"
             "  patronctl user add bo --roles clerk,controller --language zh\n",
     .needs = CTL_HOME,
     .run = run_add},
    {.name = "user list",
     .positions = "",
     .summary = "who works at the console",
     .needs = CTL_HOME,
     .run = run_list},
    {.name = "user disable",
     .positions = "NAME",
     .least = 1,
     .most = 1,
     .summary = "let somebody in no more; what they did stays",
     .needs = CTL_HOME,
     .run = run_disable},
    {.name = "user reset",
     .positions = "NAME",
     .least = 1,
     .most = 1,
     .summary = "a new password for who has lost it or the second factor",
     .needs = CTL_HOME,
     .run = run_reset},
    {.name = "audit verify",
     .positions = "",
     .summary = "is the console's audit log as it was written?",
     .needs = CTL_HOME,
     .run = run_verify},
    {.name = NULL},
};
