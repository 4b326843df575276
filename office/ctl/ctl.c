/* ctl.c - see ctl.h: arguments as values, documents as text.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/ctl/ctl.h"

#include "base/date.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *ctl_value(const struct ctl *c, const char *name)
{
    for (int i = 0; i < CTL_OPTIONS_MAX && c->command->options[i].name; i++)
        if (strcmp(c->command->options[i].name, name) == 0)
            return c->values[i];
    assert(!"an option the command does not have");
    return NULL;
}

/* ---- sentences ---- */

enum ctl_exit ctl_refuse(const char *format, ...)
{
    va_list args;
    fflush(stdout); /* in the order it happened, when both go to one place */
    fputs("patronctl: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return CTL_REFUSED;
}

enum ctl_exit ctl_fail(const struct errmsg *why, const char *next)
{
    return *next ? ctl_refuse("%s\n  %s", why->text, next) : ctl_refuse("%s", why->text);
}

enum ctl_exit ctl_usage(const struct ctl *c, const char *format, ...)
{
    va_list args;
    fputs("patronctl: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n  try: patronctl %s --help\n", c->command->name);
    return CTL_USAGE;
}

void ctl_say(const struct ctl *c, const char *format, ...)
{
    if (c->json)
        return;
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}

/* ---- documents ---- */

/* Columns a UTF-8 text takes on a terminal: wide characters (Chinese, Japanese, Korean) take two.
 * */
static int width_of(const char *text)
{
    int width = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        unsigned c = *p++;
        int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
        if (more)
            c &= 0x3fu >> more;
        for (; more && (*p & 0xc0) == 0x80; more--)
            c = c << 6 | (*p++ & 0x3fu);
        bool wide = (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) ||
                    (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
                    (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) || c >= 0x1f300;
        width += wide ? 2 : 1;
    }
    return width;
}

enum { CELL_SIZE = 320 };

/* A scalar as people read it. */
static void cell(char out[CELL_SIZE], const json_t *v)
{
    if (json_is_string(v))
        snprintf(out, CELL_SIZE, "%s", *json_string_value(v) ? json_string_value(v) : "-");
    else if (json_is_integer(v))
        snprintf(out, CELL_SIZE, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    else if (json_is_boolean(v))
        snprintf(out, CELL_SIZE, "%s", json_is_true(v) ? "yes" : "no");
    else
        snprintf(out, CELL_SIZE, "-");
    for (char *p = out; *p; p++) /* what a till sent may not drive the terminal it is shown on */
        if ((unsigned char)*p < ' ' || *p == 127)
            *p = '?';
}

static void put_name(const char *key)
{
    for (; *key; key++)
        putchar(*key == '_' ? ' ' : *key);
}

static void pad(int width)
{
    while (width-- > 0)
        putchar(' ');
}

static void show_table(const json_t *rows)
{
    enum { COLUMNS_MAX = 16 };
    int widths[COLUMNS_MAX] = {0}, column;
    bool numbers[COLUMNS_MAX] = {false};
    char text[CELL_SIZE];
    size_t i;
    json_t *row, *v;
    const char *key, *names[COLUMNS_MAX];
    int columns = 0;
    json_object_foreach(json_array_get(rows, 0), key, v)
    {
        assert(columns < COLUMNS_MAX);
        names[columns] = key;
        widths[columns++] = width_of(key);
    }
    json_array_foreach(rows, i, row)
    {
        for (column = 0; column < columns; column++) {
            v = json_object_get(row, names[column]);
            cell(text, v);
            int width = width_of(text);
            if (width > widths[column])
                widths[column] = width;
            numbers[column] |= json_is_integer(v);
        }
    }
    for (column = 0; column < columns; column++) {
        bool last = column == columns - 1;
        pad(2 + (numbers[column] ? widths[column] - width_of(names[column]) : 0));
        put_name(names[column]);
        if (!numbers[column] && !last)
            pad(widths[column] - width_of(names[column]));
    }
    putchar('\n');
    json_array_foreach(rows, i, row)
    {
        for (column = 0; column < columns; column++) {
            v = json_object_get(row, names[column]);
            cell(text, v);
            int space = widths[column] - width_of(text);
            pad(2 + (numbers[column] ? space : 0));
            fputs(text, stdout);
            if (!numbers[column] && column < columns - 1)
                pad(space);
        }
        putchar('\n');
    }
}

static void show_text(const json_t *document)
{
    const char *key;
    json_t *v;
    char text[CELL_SIZE];
    int width = 0;
    if (json_is_array(document)) {
        if (json_array_size(document))
            show_table(document);
        else
            puts("  none");
        return;
    }
    json_object_foreach((json_t *)(uintptr_t)document, key,
                        v) if (!json_is_array(v) && width_of(key) > width) width = width_of(key);
    json_object_foreach((json_t *)(uintptr_t)document, key, v)
    {
        if (json_is_array(v)) {
            putchar('\n');
            put_name(key);
            putchar('\n');
            show_text(v);
        } else {
            put_name(key);
            pad(width - width_of(key) + 2);
            cell(text, v);
            puts(text);
        }
    }
}

void ctl_show(const struct ctl *c, json_t *document)
{
    assert(document);
    if (c->json) {
        json_dumpf(document, stdout, JSON_INDENT(2));
        putchar('\n');
    } else {
        show_text(document);
    }
    json_decref(document);
    fflush(stdout);
}

json_t *ctl_json_text(const char *text)
{
    json_t *v = json_string(text);
    if (v)
        return v;
    char plain[CELL_SIZE];
    snprintf(plain, sizeof plain, "%s", text);
    for (char *p = plain; *p; p++)
        if ((unsigned char)*p > 126)
            *p = '?';
    return json_string(plain);
}

json_t *ctl_json_member(member_id member)
{
    char text[MEMBER_TEXT_SIZE];
    member_text(text, member);
    return member ? json_string(text) : json_null();
}

json_t *ctl_json_uid(const struct card_uid *uid)
{
    char text[UID_TEXT_SIZE];
    uid_text(text, uid);
    return uid_is(uid) ? json_string(text) : json_null();
}

json_t *ctl_json_entry(struct entry_id id)
{
    char text[ENTRY_TEXT_SIZE];
    entry_text(text, id);
    return entry_is(id) ? json_string(text) : json_null();
}

json_t *ctl_json_time(int64_t time_s)
{
    char text[TIME_TEXT_SIZE];
    time_text(text, time_s);
    return time_s ? json_string(text) : json_null();
}

json_t *ctl_json_day(int32_t day)
{
    char text[DAY_TEXT_SIZE];
    day_text(text, day);
    return json_string(text);
}

json_t *ctl_json_points(struct points p)
{
    return json_integer(points_n(p));
}

json_t *ctl_json_money(const struct ctl *c, struct money m)
{
    const struct pack *pack = books_pack_on(c->books, day_of_time(c->now_s));
    int digits = pack ? pack->currency_digits : 2;
    uint64_t unit = 1, v = (uint64_t)money_minor(m);
    const char *sign = money_minor(m) < 0 ? "-" : "";
    if (*sign)
        v = 0 - v;
    for (int i = 0; i < digits; i++)
        unit *= 10;
    char text[64];
    if (digits)
        snprintf(text, sizeof text, "%s%" PRIu64 ".%0*" PRIu64 " %s", sign, v / unit, digits,
                 v % unit, pack ? pack->currency : "");
    else
        snprintf(text, sizeof text, "%s%" PRIu64 " %s", sign, v, pack ? pack->currency : "");
    return ctl_json_text(text);
}

/* ---- arguments ---- */

bool ctl_get_member(const struct ctl *c, const char *text, member_id *out)
{
    if (member_parse(out, text) == OK)
        return true;
    ctl_usage(c, "'%s' is no member number: they look like M12", text);
    return false;
}

bool ctl_get_uid(const struct ctl *c, const char *text, struct card_uid *out)
{
    if (uid_parse(out, text) == OK)
        return true;
    ctl_usage(c, "'%s' is no card: give the 7-byte UID as 14 hex digits", text);
    return false;
}

bool ctl_get_number(const struct ctl *c, const char *what, const char *text, int64_t least,
                    int64_t most, int64_t *out)
{
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (end == text || *end || errno || v < least || v > most) {
        ctl_usage(c, "%s '%s' is not a whole number from %" PRId64 " to %" PRId64, what, text,
                  least, most);
        return false;
    }
    *out = v;
    return true;
}

bool ctl_get_text(const struct ctl *c, const char *what, const char *text, char *field, size_t size)
{
    json_t *v = json_string(text); /* NULL: no UTF-8 */
    bool good = v && *text && strlen(text) < size;
    for (const char *p = text; good && *p; p++)
        good = (unsigned char)*p >= ' ' && *p != 127;
    json_decref(v);
    if (!good) {
        ctl_usage(c, "%s takes a text of 1 to %zu bytes, UTF-8, on one line", what, size - 1);
        return false;
    }
    memcpy(field, text, strlen(text) + 1);
    return true;
}

enum err ctl_read_file(const char *path, char *text, size_t size, size_t *length,
                       struct errmsg *why)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    if (!f)
        return err_set(why, ERR_IO, "%s: %s", path, strerror(errno));
    errno = 0;
    size_t got = fread(text, 1, size - 1, f);
    enum err e = OK;
    if (ferror(f))
        e = err_set(why, ERR_IO, "%s: %s", path, strerror(errno ? errno : EIO));
    else if (got == size - 1 && fgetc(f) != EOF)
        e = err_set(why, ERR_FULL, "%s is longer than %zu bytes", path, size - 1);
    text[got] = 0;
    *length = got;
    if (f != stdin)
        fclose(f);
    return e;
}

enum err ctl_post(struct ctl *c, struct txn *t, struct errmsg *why)
{
    t->time_s = c->now_s;
    return books_post_own(c->books, t, c->now_s, why);
}
