/* pack_read.c - a programme pack from JSON.  Source: docs/programme.md, "Every key".
 *
 * jansson takes the text apart but does not say where a value stood, so a value is known here by
 * its way down from the top (struct at), and a small scanner finds the line when there is something
 * to refuse. The first refusal stays (in->e); after it every reader below does nothing, so that
 * reading is written without a check after each line. SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "rules/pack.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct in {
    const char *text, *end, *file;
    enum err e;
    struct errmsg *why;
};

/* The way to a value: key of an object, or index of an array when key is NULL.  The top has up
 * NULL. */
struct at {
    const struct at *up;
    const char *key;
    size_t index;
    json_t *value;
};

/* ---- where a value stands; the text is known to be well formed ---- */

static const char *skip_blanks(const struct in *in, const char *p)
{
    while (p < in->end && strchr(" \t\r\n", *p))
        p++;
    return p;
}

static const char *skip_string(const struct in *in, const char *p)
{
    for (p++; p < in->end && *p != '"'; p++)
        p += *p == '\\';
    return p + 1;
}

static const char *skip_value(const struct in *in, const char *p)
{
    int depth = 0;
    do {
        p = skip_blanks(in, p);
        if (p >= in->end)
            break;
        if (*p == '"') {
            p = skip_string(in, p);
        } else if (strchr("[{", *p)) {
            depth++;
            p++;
        } else if (strchr("]}", *p)) {
            depth--;
            p++;
        } else if (strchr(",:", *p)) {
            p++;
        } else {
            while (p < in->end && !strchr(" \t\r\n,:]}", *p))
                p++;
        }
    } while (depth > 0);
    return p;
}

/* The start of the value, or of its key; of what holds it when the key was written with escapes. */
static const char *place(const struct in *in, const struct at *at, bool of_key)
{
    if (!at->up)
        return skip_blanks(in, in->text);
    const char *start = place(in, at->up, false), *p = skip_blanks(in, start + 1);
    for (size_t index = 0; p < in->end && !strchr("]}", *p); index++) {
        const char *key = p;
        bool found = !at->key && index == at->index;
        if (at->key) {
            size_t size = strlen(at->key);
            p = skip_string(in, p);
            found = (size_t)(p - key) == size + 2 && memcmp(key + 1, at->key, size) == 0;
            p = skip_blanks(in, skip_blanks(in, p) + 1);
        }
        if (found)
            return of_key ? key : p;
        p = skip_blanks(in, skip_value(in, p));
        if (p < in->end && *p == ',')
            p = skip_blanks(in, p + 1);
    }
    return start;
}

static int line_of(const struct in *in, const char *place)
{
    int line = 1;
    for (const char *p = in->text; p < place && p < in->end; p++)
        line += *p == '\n';
    return line;
}

/* "earn.multipliers[2].factor" */
static void path_text(const struct at *at, char *out, size_t size)
{
    if (!at->up) {
        *out = 0;
        return;
    }
    path_text(at->up, out, size);
    size_t used = strlen(out);
    if (at->key)
        snprintf(out + used, size - used, "%s%s", used ? "." : "", at->key);
    else
        snprintf(out + used, size - used, "[%zu]", at->index + 1);
}

/* format says what is wrong and, after "; expected", what is expected. */
static void refuse_at(struct in *in, const struct at *at, bool key, enum err e, const char *format,
                      va_list args)
{
    char path[128], said[256];
    if (in->e)
        return;
    path_text(at, path, sizeof path);
    vsnprintf(said, sizeof said, format, args);
    in->e = err_set(in->why, e, "%s:%d: %s%s%s", in->file, line_of(in, place(in, at, key)), path,
                    *path ? ": " : "", said);
}

__attribute__((format(printf, 4, 5))) static void refuse(struct in *in, const struct at *at,
                                                         enum err e, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    refuse_at(in, at, false, e, format, args);
    va_end(args);
}

__attribute__((format(printf, 3, 4))) static void refuse_key(struct in *in, const struct at *at,
                                                             const char *format, ...)
{
    va_list args;
    va_start(args, format);
    refuse_at(in, at, true, ERR_FORMAT, format, args);
    va_end(args);
}

/* ---- objects and their keys ---- */

static size_t distance(const char *a, const char *b)
{
    size_t row[32], m = strlen(a), n = strlen(b);
    if (m >= 32 || n >= 32)
        return 99;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; i <= m; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t above = row[j], cost = corner + (a[i - 1] != b[j - 1]);
            corner = above;
            if (row[j - 1] + 1 < cost)
                cost = row[j - 1] + 1;
            row[j] = above + 1 < cost ? above + 1 : cost;
        }
    }
    return row[n];
}

/* keys: known ones, blank-separated.  Splits off the next into key. */
static const char *next_key(const char *keys, char key[32])
{
    size_t size = strcspn(keys, " ");
    snprintf(key, 32, "%.*s", (int)size, keys);
    return keys + size + (keys[size] == ' ');
}

static bool is_known(const char *keys, const char *wanted, char nearest[32])
{
    char key[32];
    size_t best = 7; /* three letters off and more is no slip of the finger */
    *nearest = 0;
    while (*keys) {
        keys = next_key(keys, key);
        if (strcmp(key, wanted) == 0)
            return true;
        size_t d = 2 * distance(key, wanted) + (key[0] != wanted[0]); /* a tie: same initial */
        if (d < best && d < strlen(wanted) * 2) {
            best = d;
            memcpy(nearest, key, sizeof key);
        }
    }
    return false;
}

static void check_keys(struct in *in, const struct at *at, const char *keys)
{
    const char *key;
    json_t *value;
    char nearest[32];
    if (in->e)
        return;
    if (!json_is_object(at->value)) {
        refuse(in, at, ERR_FORMAT, "this is no object; expected { } with the keys %s", keys);
        return;
    }
    json_object_foreach(at->value, key, value)
    {
        struct at here = {at, key, 0, value};
        if (strcmp(key, "note") == 0 || is_known(keys, key, nearest))
            continue;
        if (*nearest)
            refuse_key(in, &here, "this key is not known; expected perhaps \"%s\"", nearest);
        else
            refuse_key(in, &here, "this key is not known; expected one of %s", keys);
        return;
    }
}

static struct at member(const struct at *at, const char *key)
{
    return (struct at){at, key, 0, json_object_get(at->value, key)};
}

/* The way to a value; false when it is not there, which is refused if required says what it should
 * be. */
static bool find(struct in *in, struct at *out, const struct at *at, const char *key,
                 const char *required)
{
    *out = member(at, key);
    if (!out->value && required)
        refuse(in, at, ERR_FORMAT, "\"%s\" is missing; expected %s", key, required);
    return out->value && !in->e;
}

/* ---- values ---- */

static const char *kind(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "a text";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "a decimal fraction";
    case JSON_TRUE:
    case JSON_FALSE:
        return "true or false";
    case JSON_NULL:
        return "null";
    }
    return "something else";
}

static void read_int(struct in *in, int64_t *out, const struct at *at, const char *key, int64_t low,
                     int64_t high, const char *required)
{
    struct at v;
    if (!find(in, &v, at, key, required))
        return;
    int64_t n = json_integer_value(v.value);
    if (!json_is_integer(v.value))
        refuse(in, &v, ERR_FORMAT, "this is %s; expected an integer from %" PRId64 " to %" PRId64,
               kind(v.value), low, high);
    else if (n < low || n > high)
        refuse(in, &v, ERR_RANGE,
               "%" PRId64 " is out of range; expected an integer from %" PRId64 " to %" PRId64, n,
               low, high);
    else
        *out = n;
}

static void read_int32(struct in *in, int32_t *out, const struct at *at, const char *key,
                       int32_t low, int32_t high, const char *required)
{
    int64_t n = *out;
    read_int(in, &n, at, key, low, high, required);
    *out = (int32_t)n;
}

static void read_points(struct in *in, struct points *out, const struct at *at, const char *key,
                        int64_t low, int64_t high, const char *required)
{
    int64_t n = points_n(*out);
    read_int(in, &n, at, key, low, high, required);
    *out = points_of(n);
}

static void read_bool(struct in *in, bool *out, const struct at *at, const char *key)
{
    struct at v;
    if (!find(in, &v, at, key, NULL))
        return;
    if (json_is_boolean(v.value))
        *out = json_is_true(v.value);
    else
        refuse(in, &v, ERR_FORMAT, "this is %s; expected true or false", kind(v.value));
}

/* A text value as such; NULL when it is not there. */
static const char *text(struct in *in, struct at *v, const struct at *at, const char *key,
                        const char *required)
{
    if (!find(in, v, at, key, required))
        return NULL;
    if (!json_is_string(v->value)) {
        refuse(in, v, ERR_FORMAT, "this is %s; expected %s", kind(v->value),
               required ? required : "a text");
        return NULL;
    }
    return json_string_value(v->value);
}

static void read_text(struct in *in, char *out, size_t size, const struct at *at, const char *key,
                      const char *required)
{
    struct at v;
    const char *t = text(in, &v, at, key, required);
    if (!t)
        return;
    if (!*t || strlen(t) >= size) {
        refuse(in, &v, ERR_RANGE, "the text has %zu bytes; expected 1 to %zu", strlen(t), size - 1);
        return;
    }
    for (const char *c = t; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127) {
            refuse(in, &v, ERR_FORMAT, "a control character is in the text; expected none");
            return;
        }
    memcpy(out, t, strlen(t) + 1);
}

/* words: blank-separated; *out becomes the index of the one given. */
static void read_word(struct in *in, int *out, const struct at *at, const char *key,
                      const char *words)
{
    struct at v;
    char word[32];
    const char *rest = words, *t = text(in, &v, at, key, NULL);
    for (int i = 0; t && *rest; i++) {
        rest = next_key(rest, word);
        if (strcmp(word, t) == 0) {
            *out = i;
            return;
        }
    }
    if (t)
        refuse(in, &v, ERR_FORMAT, "\"%s\" is not known; expected one of %s", t, words);
}

static void read_day(struct in *in, int32_t *out, const struct at *at, const char *key,
                     const char *required)
{
    struct at v;
    const char *t = text(in, &v, at, key, required);
    int32_t day;
    if (!t)
        return;
    enum err e = day_parse(&day, t);
    if (e || day <= 0)
        refuse(in, &v, e ? e : ERR_RANGE, "\"%s\" is no date; expected \"YYYY-MM-DD\" after 1970",
               t);
    else
        *out = day;
}

/* Digits to a number of at most PACK_RATIO_MAX + 1; NULL when there are none. */
static const char *digits(const char *t, int64_t *out)
{
    const char *start = t;
    for (*out = 0; *t >= '0' && *t <= '9'; t++)
        *out = *out > PACK_RATIO_MAX ? *out : *out * 10 + (*t - '0');
    return t == start ? NULL : t;
}

#define RATIO_EXPECTED "an integer or a ratio such as \"1/100\""

static void read_ratio(struct in *in, struct ratio *out, const struct at *at, const char *key,
                       const char *required)
{
    struct at v;
    struct ratio r = {0, 1};
    if (!find(in, &v, at, key, required))
        return;
    if (json_is_integer(v.value)) {
        r.num = json_integer_value(v.value);
    } else if (json_is_string(v.value)) {
        const char *t = json_string_value(v.value), *rest = digits(t, &r.num);
        if (rest && *rest == '/')
            rest = digits(rest + 1, &r.den);
        if (!rest || *rest) {
            refuse(in, &v, ERR_FORMAT, "\"%s\" is no ratio; expected " RATIO_EXPECTED, t);
            return;
        }
    } else {
        refuse(in, &v, ERR_FORMAT, "this is %s; expected " RATIO_EXPECTED, kind(v.value));
        return;
    }
    if (r.den == 0)
        refuse(in, &v, ERR_RANGE, "the denominator is 0; expected " RATIO_EXPECTED);
    else if (r.num < 0 || r.num > PACK_RATIO_MAX || r.den > PACK_RATIO_MAX)
        refuse(in, &v, ERR_RANGE, "the ratio is out of range; expected numbers from 0 to %d",
               PACK_RATIO_MAX);
    else
        *out = r;
}

/* The list under a key and how many things are in it; 0 when it is not there. */
static int32_t read_list(struct in *in, struct at *out, const struct at *at, const char *key,
                         int32_t least, int32_t most)
{
    if (!find(in, out, at, key, least ? "a list" : NULL))
        return 0;
    if (!json_is_array(out->value)) {
        refuse(in, out, ERR_FORMAT, "this is %s; expected a list", kind(out->value));
        return 0;
    }
    size_t count = json_array_size(out->value);
    if (count < (size_t)least || count > (size_t)most) {
        refuse(in, out, count ? ERR_FULL : ERR_RANGE,
               "there are %zu in the list; expected %d to %d", count, (int)least, (int)most);
        return 0;
    }
    return (int32_t)count;
}

static struct at item(const struct at *list, int32_t index)
{
    return (struct at){list, NULL, (size_t)index, json_array_get(list->value, (size_t)index)};
}

/* ---- scopes ---- */

#define SCOPE_KEYS "sku category shop tier from to weekdays from_time to_time"

static void read_weekdays(struct in *in, uint8_t *out, const struct at *at)
{
    static const char *const names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    struct at list;
    int32_t count = read_list(in, &list, at, "weekdays", 0, 7);
    for (int32_t i = 0; i < count && !in->e; i++) {
        struct at v = item(&list, i);
        int day = 0;
        while (day < 7 &&
               (!json_is_string(v.value) || strcmp(json_string_value(v.value), names[day]) != 0))
            day++;
        if (day == 7)
            refuse(in, &v, ERR_FORMAT,
                   "this is no weekday; expected one of mon tue wed thu fri sat sun");
        else
            *out |= (uint8_t)(1u << day);
    }
}

static void read_minute(struct in *in, int32_t *out, const struct at *at, const char *key)
{
    struct at v;
    int32_t hour = 0, minute = 0;
    const char *t = text(in, &v, at, key, "a time of day, \"HH:MM\"");
    if (!t)
        return;
    bool shaped = strlen(t) == 5 && t[2] == ':' && strspn(t, "0123456789") == 2 &&
                  strspn(t + 3, "0123456789") == 2;
    if (shaped) {
        hour = (t[0] - '0') * 10 + t[1] - '0';
        minute = (t[3] - '0') * 10 + t[4] - '0';
    }
    if (!shaped || minute > 59 || hour * 60 + minute > 1440)
        refuse(in, &v, ERR_FORMAT, "\"%s\" is no time of day; expected \"HH:MM\" up to \"24:00\"",
               t);
    else
        *out = hour * 60 + minute;
}

/* keys: what the object may hold.  The tiers are known already. */
static void read_scope(struct in *in, struct pack_scope *out, const struct pack *pack,
                       const struct at *at)
{
    struct at v;
    check_keys(in, at, SCOPE_KEYS);
    read_text(in, out->sku, sizeof out->sku, at, "sku", NULL);
    read_text(in, out->category, sizeof out->category, at, "category", NULL);
    read_text(in, out->shop, sizeof out->shop, at, "shop", NULL);
    read_text(in, out->tier, sizeof out->tier, at, "tier", NULL);
    read_day(in, &out->from_day, at, "from", NULL);
    read_day(in, &out->to_day, at, "to", NULL);
    read_weekdays(in, &out->weekdays, at);
    if (in->e)
        return;
    if (member(at, "from_time").value || member(at, "to_time").value) {
        read_minute(in, &out->from_minute, at, "from_time");
        read_minute(in, &out->to_minute, at, "to_time");
        if (!in->e && out->from_minute == out->to_minute)
            refuse(in, at, ERR_RANGE,
                   "from_time and to_time are the same; expected two times, or "
                   "neither for all day");
    }
    const char *star = strchr(out->sku, '*');
    v = member(at, "sku");
    if (star && (star[1] || star == out->sku))
        refuse(in, &v, ERR_FORMAT,
               "\"%s\" is no code; expected a '*' only at the end, after some "
               "of the code",
               out->sku);
    v = member(at, "tier");
    if (*out->tier && !pack_find_tier(pack, out->tier))
        refuse(in, &v, ERR_NOT_FOUND, "no tier has the code \"%s\"; expected one of tiers.levels",
               out->tier);
    v = member(at, "to");
    if (out->to_day && out->to_day < out->from_day)
        refuse(in, &v, ERR_RANGE, "it ends before it begins; expected a day not before \"from\"");
    if (!in->e && json_object_size(at->value) == (member(at, "note").value ? 1u : 0u))
        refuse(in, at, ERR_FORMAT,
               "this is empty and would mean everything; expected one of " SCOPE_KEYS);
}

/* ---- parts of a pack ---- */

/* The names of a list, for the rule that they differ. */
static void refuse_twice(struct in *in, const struct at *list, int32_t index, const char *key,
                         const char *name, const char *earlier)
{
    struct at here = item(list, index), v = member(&here, key);
    if (strcmp(name, earlier) == 0)
        refuse(in, &v, ERR_EXISTS, "\"%s\" is there twice; expected a name of its own", name);
}

static void read_level(struct in *in, struct pack *p, const struct at *list, int32_t i)
{
    struct at at = item(list, i), v;
    struct pack_tier *t = &p->tiers[i], *below = i ? t - 1 : NULL;
    int64_t threshold_max = INT64_C(1000000000000);
    check_keys(in, &at, "code name upgrade_at keep_at factor offline_per_tap offline_per_day");
    read_text(in, t->code, sizeof t->code, &at, "code", "the tier's code, 1 to 15 bytes");
    memcpy(t->name, t->code, sizeof t->code);
    read_text(in, t->name, sizeof t->name, &at, "name", NULL);
    read_int(in, &t->upgrade_at, &at, "upgrade_at", 0, threshold_max,
             below ? "what it takes to come in" : NULL);
    t->keep_at = t->upgrade_at;
    read_int(in, &t->keep_at, &at, "keep_at", 0, threshold_max, NULL);
    t->factor = (struct ratio){1, 1};
    read_ratio(in, &t->factor, &at, "factor", NULL);
    read_points(in, &t->offline_per_tap, &at, "offline_per_tap", 0, PACK_POINTS_MAX, NULL);
    t->offline_per_day = t->offline_per_tap;
    read_points(in, &t->offline_per_day, &at, "offline_per_day", 0, PACK_POINTS_MAX, NULL);
    for (int32_t k = 0; k < i; k++) {
        refuse_twice(in, list, i, "code", t->code, p->tiers[k].code);
        refuse_twice(in, list, i, "name", t->name, p->tiers[k].name);
    }
    v = member(&at, "upgrade_at");
    if (!below && t->upgrade_at)
        refuse(in, &v, ERR_RANGE, "the first tier is everybody's; expected 0");
    if (below && t->upgrade_at <= below->upgrade_at)
        refuse(in, &v, ERR_RANGE,
               "%" PRId64 " is not above the %" PRId64 " of \"%s\"; expected the "
               "tiers lowest first",
               t->upgrade_at, below->upgrade_at, below->code);
    v = member(&at, "keep_at");
    if (t->keep_at > t->upgrade_at)
        refuse(in, &v, ERR_RANGE,
               "to stay would take more than to come in; expected at most %" PRId64, t->upgrade_at);
    if (below && t->keep_at < below->keep_at)
        refuse(in, &v, ERR_RANGE,
               "%" PRId64 " is below the %" PRId64 " of \"%s\"; expected the tiers "
               "lowest first",
               t->keep_at, below->keep_at, below->code);
    v = member(&at, "offline_per_day");
    if (points_cmp(t->offline_per_day, t->offline_per_tap) < 0)
        refuse(in, &v, ERR_RANGE, "a day has less than a tap; expected at least %" PRId64,
               points_n(t->offline_per_tap));
}

static void read_tiers(struct in *in, struct pack *p, const struct at *top)
{
    struct at at, list, v;
    int metric = METRIC_SPEND, window = WINDOW_ROLLING;
    p->window_days = 365;
    p->tier_count = 1;
    p->tiers[0] = (struct pack_tier){"member", "Member", .factor = {1, 1}};
    if (!find(in, &at, top, "tiers", NULL))
        return;
    check_keys(in, &at, "metric window window_days grace_days downgrade_one_step levels");
    read_word(in, &metric, &at, "metric", "spend points visits");
    read_word(in, &window, &at, "window", "rolling calendar_year lifetime");
    p->metric = (enum pack_metric)metric;
    p->window = (enum pack_window)window;
    read_int32(in, &p->window_days, &at, "window_days", 1, 3660, NULL);
    v = member(&at, "window_days");
    if (v.value && window != WINDOW_ROLLING)
        refuse(in, &v, ERR_FORMAT, "only a rolling window has days; expected this key left out");
    read_int32(in, &p->grace_days, &at, "grace_days", 0, 3660, NULL);
    read_bool(in, &p->downgrade_one_step, &at, "downgrade_one_step");
    int32_t count = read_list(in, &list, &at, "levels", 1, PACK_TIERS_MAX);
    if (in->e)
        return;
    memset(p->tiers, 0, sizeof p->tiers);
    p->tier_count = count;
    for (int32_t i = 0; i < count && !in->e; i++)
        read_level(in, p, &list, i);
}

static void read_exclusions(struct in *in, struct pack *p, const struct at *earn)
{
    struct at list;
    p->exclusion_count = read_list(in, &list, earn, "exclude", 0, PACK_EXCLUSIONS_MAX);
    for (int32_t i = 0; i < p->exclusion_count && !in->e; i++) {
        struct at at = item(&list, i);
        read_scope(in, &p->exclusions[i], p, &at);
    }
}

static void read_multipliers(struct in *in, struct pack *p, const struct at *earn)
{
    struct at list, when;
    p->multiplier_count = read_list(in, &list, earn, "multipliers", 0, PACK_MULTIPLIERS_MAX);
    for (int32_t i = 0; i < p->multiplier_count && !in->e; i++) {
        struct at at = item(&list, i);
        struct pack_multiplier *m = &p->multipliers[i];
        check_keys(in, &at, "name factor when");
        read_text(in, m->name, sizeof m->name, &at, "name",
                  "a name for the receipt, 1 to 15 bytes");
        read_ratio(in, &m->factor, &at, "factor", RATIO_EXPECTED);
        if (find(in, &when, &at, "when", NULL))
            read_scope(in, &m->scope, p, &when);
        for (int32_t k = 0; k < i; k++)
            refuse_twice(in, &list, i, "name", m->name, p->multipliers[k].name);
    }
}

static void read_bonuses(struct in *in, struct pack *p, const struct at *earn)
{
    struct at list, when;
    p->bonus_count = read_list(in, &list, earn, "bonuses", 0, PACK_BONUSES_MAX);
    for (int32_t i = 0; i < p->bonus_count && !in->e; i++) {
        struct at at = item(&list, i);
        struct pack_bonus *b = &p->bonuses[i];
        check_keys(in, &at, "name points when");
        read_text(in, b->name, sizeof b->name, &at, "name",
                  "a name for the receipt, 1 to 15 bytes");
        read_points(in, &b->points, &at, "points", 1, PACK_RATIO_MAX, "points for each piece");
        if (find(in, &when, &at, "when", "what it is for, such as {\"sku\": \"22423\"}"))
            read_scope(in, &b->scope, p, &when);
        if (!in->e && !*b->scope.sku && !*b->scope.category)
            refuse(in, &when, ERR_FORMAT,
                   "a bonus is for each piece of something; expected \"sku\" or "
                   "\"category\"");
        for (int32_t k = 0; k < i; k++)
            refuse_twice(in, &list, i, "name", b->name, p->bonuses[k].name);
    }
}

/* One more rate that can meet the others on one bill: false when they grow too large. */
static bool meet(int64_t *product, int64_t by)
{
    *product *= by > 1 ? by : 1; /* both are at most 10^9 */
    return *product <= PACK_PRODUCT_MAX;
}

static int64_t common_multiple(int64_t a, int64_t b)
{
    int64_t x = a, y = b;
    while (y) {
        int64_t rest = x % y;
        x = y;
        y = rest;
    }
    return a / x * b;
}

/* PACK_PRODUCT_MAX: so that no bill of a sane size can overflow. */
static bool rates_fit(const struct pack *p)
{
    int64_t num = 1, den = 1, most_num = 1, most_den = 1, tier_num = 1, tier_den = 1;
    for (int32_t i = 0; i < p->multiplier_count; i++) {
        const struct ratio *f = &p->multipliers[i].factor;
        if (p->multipliers_stack) {
            if (!meet(&num, f->num) || !meet(&den, f->den))
                return false;
            continue;
        }
        most_num = f->num > most_num ? f->num : most_num;
        most_den = common_multiple(most_den, f->den);
        if (most_den > PACK_PRODUCT_MAX)
            return false;
    }
    for (int32_t i = 0; i < p->tier_count; i++) {
        const struct ratio *f = &p->tiers[i].factor;
        tier_num = f->num > tier_num ? f->num : tier_num;
        tier_den = f->den > tier_den ? f->den : tier_den;
    }
    return meet(&num, most_num) && meet(&den, most_den) && meet(&num, p->earn.num) &&
           meet(&den, p->earn.den) && meet(&num, tier_num) && meet(&den, tier_den);
}

static void read_earn(struct in *in, struct pack *p, const struct at *top)
{
    struct at at;
    int rounding = ROUND_FLOOR, round_per = ROUND_PER_BILL;
    if (!find(in, &at, top, "earn", "{ \"rate\": \"1/100\" } or more"))
        return;
    check_keys(in, &at,
               "rate points_paid_earns rounding round_per multipliers_stack cap_per_bill "
               "cap_per_day exclude multipliers bonuses vest_days");
    read_ratio(in, &p->earn, &at, "rate", "points for each minor unit, such as \"1/100\"");
    read_bool(in, &p->points_paid_earns, &at, "points_paid_earns");
    read_word(in, &rounding, &at, "rounding", "floor nearest ceiling");
    read_word(in, &round_per, &at, "round_per", "bill line");
    p->rounding = (enum pack_rounding)rounding;
    p->round_per = (enum pack_round_per)round_per;
    read_bool(in, &p->multipliers_stack, &at, "multipliers_stack");
    read_points(in, &p->cap_per_bill, &at, "cap_per_bill", 0, PACK_POINTS_MAX, NULL);
    read_points(in, &p->cap_per_day, &at, "cap_per_day", 0, PACK_POINTS_MAX, NULL);
    read_int32(in, &p->vest_days, &at, "vest_days", 0, 366, NULL);
    read_exclusions(in, p, &at);
    read_multipliers(in, p, &at);
    read_bonuses(in, p, &at);
    if (!in->e && !rates_fit(p))
        refuse(in, &at, ERR_RANGE,
               "rate, multipliers and tier factors multiply to more than %" PRId64
               "; expected smaller fractions",
               PACK_PRODUCT_MAX);
}

static void read_rebates(struct in *in, struct pack *p, const struct at *top)
{
    struct at list, when;
    p->rebate_count = read_list(in, &list, top, "rebates", 0, PACK_REBATES_MAX);
    for (int32_t i = 0; i < p->rebate_count && !in->e; i++) {
        struct at at = item(&list, i), v = member(&at, "rate");
        struct pack_rebate *r = &p->rebates[i];
        check_keys(in, &at, "name rate when");
        read_text(in, r->name, sizeof r->name, &at, "name", "a name for the receipt, 1 to 15 bytes");
        read_ratio(in, &r->rate, &at, "rate", "the part of a line's amount, such as \"1/10\"");
        if (r->rate.num == 0 || r->rate.num > r->rate.den)
            refuse(in, &v, ERR_RANGE,
                   "this is no part of an amount; expected a ratio above 0, at most 1");
        if (find(in, &when, &at, "when", NULL))
            read_scope(in, &r->scope, p, &when);
        for (int32_t k = 0; k < i; k++)
            refuse_twice(in, &list, i, "name", r->name, p->rebates[k].name);
    }
}

static void read_grants(struct in *in, struct pack *p, const struct at *top)
{
    struct at at, v;
    if (!find(in, &at, top, "grants", NULL))
        return;
    check_keys(in, &at, "per_gift per_day register");
    read_points(in, &p->grant_per_gift, &at, "per_gift", 0, PACK_POINTS_MAX, NULL);
    p->grant_per_day = p->grant_per_gift;
    read_points(in, &p->grant_per_day, &at, "per_day", 0, PACK_POINTS_MAX, NULL);
    read_bool(in, &p->register_grants, &at, "register");
    v = member(&at, "per_day");
    if (points_cmp(p->grant_per_day, p->grant_per_gift) < 0)
        refuse(in, &v, ERR_RANGE, "a day has less than a gift; expected at least %" PRId64,
               points_n(p->grant_per_gift));
    v = member(&at, "register");
    if (p->register_grants && points_n(p->grant_per_gift) == 0)
        refuse(in, &v, ERR_RANGE, "a register could give nothing; expected \"per_gift\" above 0");
}

#define KINDS "never rolling year_end activity anniversary"

static void read_expiry(struct in *in, struct pack *p, const struct at *top)
{
    struct at at, days, years;
    int how = EXPIRY_NEVER;
    if (!find(in, &at, top, "expiry", NULL))
        return;
    check_keys(in, &at, "kind days years reinstate_days");
    if (!find(in, &days, &at, "kind", "one of " KINDS))
        return;
    read_word(in, &how, &at, "kind", KINDS);
    bool of_days = how == EXPIRY_ROLLING || how == EXPIRY_ACTIVITY;
    bool of_years = how == EXPIRY_YEAR_END || how == EXPIRY_ANNIVERSARY;
    days = member(&at, "days");
    years = member(&at, "years");
    if (days.value && !of_days)
        refuse(in, &days, ERR_FORMAT,
               "only rolling and activity expiry have days; expected this key left out");
    if (years.value && !of_years)
        refuse(in, &years, ERR_FORMAT,
               "only year_end and anniversary expiry have years; expected this key left out");
    if (of_days)
        read_int32(in, &p->expiry_days, &at, "days", 1, 3660, "days the points are good for");
    if (of_years)
        read_int32(in, &p->expiry_years, &at, "years", 0, 10,
                   "full years after the one they are "
                   "earned in");
    read_int32(in, &p->reinstate_days, &at, "reinstate_days", 0, 3660, NULL);
    switch (how) { /* in the order of KINDS */
    case EXPIRY_ROLLING:
        p->expiry = EXPIRY_ROLLING;
        break;
    case EXPIRY_YEAR_END:
        p->expiry = EXPIRY_YEAR_END;
        break;
    case EXPIRY_ACTIVITY:
        p->expiry = EXPIRY_ACTIVITY;
        break;
    case EXPIRY_ANNIVERSARY:
        p->expiry = EXPIRY_ANNIVERSARY;
        break;
    default:
        p->expiry = EXPIRY_NEVER;
    }
}

static void read_redeem(struct in *in, struct pack *p, const struct at *top)
{
    struct at at, v;
    p->worth = (struct ratio){0, 1};
    p->redeem_step = points_of(1);
    p->redeem_max_share = (struct ratio){1, 1};
    p->hold_minutes = 15;
    if (!find(in, &at, top, "redeem", NULL))
        return;
    check_keys(in, &at, "worth min step max_share offline_days second_factor_above hold_minutes");
    read_ratio(in, &p->worth, &at, "worth", "minor units for each point, such as 1 or \"1/2\"");
    read_points(in, &p->redeem_step, &at, "step", 1, PACK_POINTS_MAX, NULL);
    p->redeem_min = p->redeem_step;
    read_points(in, &p->redeem_min, &at, "min", 1, PACK_POINTS_MAX, NULL);
    read_ratio(in, &p->redeem_max_share, &at, "max_share", NULL);
    read_int32(in, &p->offline_days, &at, "offline_days", 0, 366, NULL);
    read_points(in, &p->second_factor_above, &at, "second_factor_above", 0, PACK_POINTS_MAX, NULL);
    read_int32(in, &p->hold_minutes, &at, "hold_minutes", 1, 1440, NULL);
    int64_t step = points_n(p->redeem_step), min = points_n(p->redeem_min);
    v = member(&at, "worth");
    if (p->worth.num == 0)
        refuse(in, &v, ERR_RANGE,
               "points would be worth nothing; expected a ratio above 0, or no "
               "\"redeem\" at all");
    v = member(&at, "step");
    if (!v.value)
        v = at;
    if (step * p->worth.num % p->worth.den)
        refuse(in, &v, ERR_RANGE,
               "%" PRId64 " points are not worth whole minor units; expected a step "
               "that is a multiple of the denominator of \"worth\"",
               step);
    v = member(&at, "min");
    if (min % step)
        refuse(in, &v, ERR_RANGE,
               "%" PRId64 " is not a multiple of the step; expected a multiple of "
               "%" PRId64,
               min, step);
    v = member(&at, "max_share");
    if (p->redeem_max_share.num == 0 || p->redeem_max_share.num > p->redeem_max_share.den)
        refuse(in, &v, ERR_RANGE,
               "this is no share of a bill; expected a ratio above 0, at most 1");
    for (int32_t i = 0; i < p->tier_count && p->offline_days; i++)
        if (points_n(p->tiers[i].offline_per_tap) &&
            points_cmp(p->tiers[i].offline_per_tap, p->redeem_min) < 0) {
            v = member(&at, "min");
            refuse(in, v.value ? &v : &at, ERR_RANGE,
                   "the tier \"%s\" could never redeem with the line cut; expected at most its "
                   "offline_per_tap, %" PRId64,
                   p->tiers[i].code, points_n(p->tiers[i].offline_per_tap));
        }
}

static void read_refund(struct in *in, struct pack *p, const struct at *top)
{
    struct at at;
    p->refund_may_owe = true;
    if (!find(in, &at, top, "refund", NULL))
        return;
    check_keys(in, &at, "may_owe");
    read_bool(in, &p->refund_may_owe, &at, "may_owe");
}

static void read_cards(struct in *in, struct pack *p, const struct at *top)
{
    struct at at;
    if (!find(in, &at, top, "cards", NULL))
        return;
    check_keys(in, &at, "replace_days");
    read_int32(in, &p->replace_days, &at, "replace_days", 0, 366, NULL);
}

static void read_currency(struct in *in, struct pack *p, const struct at *top)
{
    struct at v;
    const char *t = text(in, &v, top, "currency", "an ISO 4217 code such as \"GBP\"");
    if (t && (strlen(t) != 3 || strspn(t, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3))
        refuse(in, &v, ERR_FORMAT,
               "\"%s\" is no currency; expected an ISO 4217 code such as \"GBP\"", t);
    else if (t)
        memcpy(p->currency, t, 4);
    p->currency_digits = 2;
    read_int32(in, &p->currency_digits, top, "currency_digits", 0, 3, NULL);
}

static void read_pack(struct in *in, struct pack *p, json_t *value)
{
    struct at top = {.value = value};
    int64_t version = 0;
    check_keys(in, &top,
               "version effective name currency currency_digits earn tiers expiry redeem "
               "rebates grants refund cards clock_skew_s");
    if (in->e)
        return;
    read_int(in, &version, &top, "version", 1, UINT32_MAX, "a number that grows with each pack");
    p->version = (uint32_t)version;
    read_day(in, &p->effective_day, &top, "effective",
             "\"YYYY-MM-DD\", the first day these rules are used");
    read_text(in, p->name, sizeof p->name, &top, "name", "the programme's name, 1 to 31 bytes");
    read_currency(in, p, &top);
    read_tiers(in, p, &top); /* first: scopes name tiers, rates meet their factors */
    read_earn(in, p, &top);
    read_expiry(in, p, &top);
    read_redeem(in, p, &top);
    read_rebates(in, p, &top);
    read_grants(in, p, &top);
    read_refund(in, p, &top);
    read_cards(in, p, &top);
    p->clock_skew_s = 600;
    read_int32(in, &p->clock_skew_s, &top, "clock_skew_s", 1, SECONDS_PER_DAY, NULL);
}

enum err pack_read(struct pack *out, const char *json, size_t size, const char *file,
                   struct errmsg *why)
{
    struct in in = {json, json + size, file, OK, why};
    struct pack p = {0};
    json_error_t error;
    if (size > PACK_JSON_MAX)
        return err_set(why, ERR_FULL, "%s:1: the pack has %zu bytes; expected at most %d", file,
                       size, PACK_JSON_MAX);
    json_t *value = json_loadb(json, size, JSON_REJECT_DUPLICATES, &error);
    if (!value)
        return err_set(why, ERR_FORMAT,
                       "%s:%d: this is not JSON: %s; expected an object as in "
                       "docs/programme.md",
                       file, error.line > 0 ? error.line : 1, error.text);
    read_pack(&in, &p, value);
    json_decref(value);
    if (in.e)
        return in.e;
    *out = p;
    return OK;
}
