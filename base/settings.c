/* settings.c - see settings.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/settings.h"

#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

static enum err set_switch(bool *out, const char *value, struct errmsg *why)
{
    if (!value || strcmp(value, "yes") == 0)
        *out = true;
    else if (strcmp(value, "no") == 0)
        *out = false;
    else
        return err_set(why, ERR_FORMAT, "it is %.40s; it may be yes or no", value);
    return OK;
}

static enum err set_number(int64_t *out, const struct setting *k, const char *value, struct errmsg *why)
{
    char *end = NULL;
    errno = 0;
    long long n = strtoll(value, &end, 10);
    if (!*value || *end || errno || n < k->least || n > k->most)
        return err_set(why, ERR_FORMAT, "it is %.40s; it may be a number from %lld to %lld", value,
                       (long long)k->least, (long long)k->most);
    *out = n;
    return OK;
}

static enum err set(void *values, const struct setting *k, const char *value, struct errmsg *why)
{
    char *at = (char *)values + k->offset;
    switch (k->kind) {
    case SETTING_TEXT:
        if (strlen(value) >= k->size)
            return err_set(why, ERR_FORMAT, "it is longer than %zu characters", k->size - 1);
        memset(at, 0, k->size);
        memcpy(at, value, strlen(value));
        return OK;
    case SETTING_SWITCH:
        return set_switch((bool *)at, value, why);
    case SETTING_NUMBER:
        return set_number((int64_t *)(void *)at, k, value, why);
    }
    return OK;
}

/* ---- the file ---- */

struct reading {
    const struct settings *settings;
    void *values;
    struct errmsg why; /* of the first line that is wrong */
};

/* inih wants 0 for a line that is wrong, and says its number at the end. */
static int take(void *arg, const char *section, const char *name, const char *value)
{
    struct reading *r = arg;
    struct errmsg why = {""};
    if (r->why.text[0])
        return 0;
    for (int i = 0; i < r->settings->count; i++) {
        const struct setting *k = &r->settings->rows[i];
        if (strcmp(k->section, section) != 0 || strcmp(k->name, name) != 0)
            continue;
        if (set(r->values, k, value, &why) == OK)
            return 1;
        err_set(&r->why, ERR_FORMAT, "%s of [%s] is wrong: %s", name, section, why.text);
        return 0;
    }
    if (*section)
        err_set(&r->why, ERR_FORMAT, "there is no key %.40s in [%.40s]", name, section);
    else
        err_set(&r->why, ERR_FORMAT, "%.40s stands in no section: a line such as [%s] is missing before it, or broken", name,
                r->settings->rows[0].section);
    return 0;
}

enum err settings_read(const struct settings *s, void *values, const char *path, struct errmsg *why)
{
    struct reading r = {.settings = s, .values = values};
    FILE *f = fopen(path, "r");
    if (!f)
        return err_set(why, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path, strerror(errno));
    int line = ini_parse_file(f, take, &r);
    bool failed = ferror(f);
    fclose(f);
    if (failed || line < 0)
        return err_set(why, ERR_IO, "%s cannot be read", path);
    if (line > 0)
        return err_set(why, ERR_FORMAT, "%s:%d: %s", path, line,
                       r.why.text[0] ? r.why.text : "it is neither [section] nor key = value");
    return OK;
}

/* ---- the command line ---- */

enum err settings_option(const struct settings *s, void *values, const char *option, const char *value,
                         struct errmsg *why)
{
    for (int i = 0; i < s->count; i++) {
        if (!s->rows[i].option || strcmp(s->rows[i].option, option) != 0)
            continue;
        enum err e = set(values, &s->rows[i], value, why);
        return e ? err_add(why, e, "option --%s", option) : OK;
    }
    return err_set(why, ERR_NOT_FOUND, "there is no option --%s", option);
}

const char *settings_option_name(const struct settings *s, int n, bool *takes_value)
{
    for (int i = 0; i < s->count; i++)
        if (s->rows[i].option && n-- == 0) {
            *takes_value = s->rows[i].kind != SETTING_SWITCH;
            return s->rows[i].option;
        }
    return NULL;
}

static void help_of(FILE *out, const struct setting *k)
{
    char left[64] = "";
    if (k->option)
        snprintf(left, sizeof left, "--%s%s%s", k->option, k->argument ? " " : "",
                 k->argument ? k->argument : "");
    fprintf(out, "  %-24s %s.%s: %s\n", left, k->section, k->name, k->help);
}

void settings_help(const struct settings *s, FILE *out)
{
    for (int i = 0; i < s->count; i++)
        help_of(out, &s->rows[i]);
}
