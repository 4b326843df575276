/* pack_read.c - a programme pack from JSON.  Source: docs/programme.md, "Every key".
 *
 * jansson takes the text apart but does not say where a value stood, so a value is known here by
 * its way down from the top (struct at), and a small scanner finds the line when there is something
 * to refuse.  A refusal does not end the reading: what was refused keeps its default and the rest is read, so
 * that a form can be shown all that is wrong.  What compares two values asks first whether both were good
 * (sound), for a fault that only follows from another helps nobody.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "rules/pack.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct in {
    const char *text, *end, *file;
    struct errmsg *why;         /* for the first fault; NULL allowed */
    struct pack_fault *faults;  /* room for most */
    int32_t most, count;
    bool tiers_bad, rewards_bad; /* then nothing is said of codes of them */
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

/* "/earn/multipliers/1/factor", RFC 6901; only a key that is not known can have anything to escape. */
static void pointer_text(const struct at *at, char *out, size_t size)
{
    if (!at->up) {
        *out = 0;
        return;
    }
    pointer_text(at->up, out, size);
    size_t used = strlen(out);
    if (!at->key) {
        snprintf(out + used, size - used, "/%zu", at->index);
        return;
    }
    if (used + 2 < size)
        out[used++] = '/';
    for (const char *c = at->key; *c && used + 3 < size; c++) {
        if (*c == '~' || *c == '/') {
            out[used++] = '~';
            out[used++] = *c == '~' ? '0' : '1';
        } else {
            out[used++] = *c;
        }
    }
    out[used] = 0;
}

/* format says what is wrong and, after "; expected", what is expected. */
static void refuse_at(struct in *in, const struct at *at, bool key, enum err e, const char *format,
                      va_list args)
{
    char path[128];
    in->count++;
    if (in->count > in->most)
        return;
    struct pack_fault *f = &in->faults[in->count - 1];
    *f = (struct pack_fault){.e = e, .line = line_of(in, place(in, at, key))};
    pointer_text(at, f->pointer, sizeof f->pointer);
    vsnprintf(f->text, sizeof f->text, format, args);
    path_text(at, path, sizeof path);
    if (in->count == 1)
        (void)err_set(in->why, e, "%s:%d: %s%s%s", in->file, f->line, path, *path ? ": " : "", f->text);
}

/* Was all well since this count of faults? */
static bool sound(const struct in *in, int32_t since)
{
    return in->count == since;
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

/* False when there is no object to look into. */
static bool check_keys(struct in *in, const struct at *at, const char *keys)
{
    const char *key;
    json_t *value;
    char nearest[32];
    if (!json_is_object(at->value)) {
        refuse(in, at, ERR_FORMAT, "this is no object; expected { } with the keys %s", keys);
        return false;
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
    }
    return true;
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
    return out->value != NULL;
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

#define SCOPE_KEYS "sku category shop tier coupon mark from to weekdays from_time to_time"

static void read_weekdays(struct in *in, uint8_t *out, const struct at *at)
{
    static const char *const names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    struct at list;
    int32_t count = read_list(in, &list, at, "weekdays", 0, 7);
    for (int32_t i = 0; i < count; i++) {
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

static void read_days(struct in *in, int32_t *from_day, int32_t *to_day, const struct at *at)
{
    read_day(in, from_day, at, "from", NULL);
    read_day(in, to_day, at, "to", NULL);
    struct at v = member(at, "to");
    if (*to_day && *to_day < *from_day)
        refuse(in, &v, ERR_RANGE, "it ends before it begins; expected a day not before \"from\"");
}

/* A code that may end in a star. */
static void check_code(struct in *in, const struct at *at, const char *key, const char *code)
{
    const char *star = strchr(code, '*');
    struct at v = member(at, key);
    if (star && (star[1] || star == code))
        refuse(in, &v, ERR_FORMAT, "\"%s\" is no code; expected a '*' only at the end, after some of the code",
               code);
}

/* The tiers are known already. */
static void read_scope(struct in *in, struct pack_scope *out, const struct pack *pack,
                       const struct at *at)
{
    struct at v;
    int32_t before = in->count;
    if (!check_keys(in, at, SCOPE_KEYS))
        return;
    read_text(in, out->sku, sizeof out->sku, at, "sku", NULL);
    read_text(in, out->category, sizeof out->category, at, "category", NULL);
    read_text(in, out->shop, sizeof out->shop, at, "shop", NULL);
    read_text(in, out->tier, sizeof out->tier, at, "tier", NULL);
    read_text(in, out->coupon, sizeof out->coupon, at, "coupon", NULL);
    read_text(in, out->mark, sizeof out->mark, at, "mark", NULL);
    read_days(in, &out->from_day, &out->to_day, at);
    read_weekdays(in, &out->weekdays, at);
    if (member(at, "from_time").value || member(at, "to_time").value) {
        read_minute(in, &out->from_minute, at, "from_time");
        read_minute(in, &out->to_minute, at, "to_time");
        if (sound(in, before) && out->from_minute == out->to_minute)
            refuse(in, at, ERR_RANGE,
                   "from_time and to_time are the same; expected two times, or "
                   "neither for all day");
    }
    check_code(in, at, "sku", out->sku);
    check_code(in, at, "coupon", out->coupon);
    v = member(at, "tier");
    if (*out->tier && !in->tiers_bad && !pack_find_tier(pack, out->tier))
        refuse(in, &v, ERR_NOT_FOUND, "no tier has the code \"%s\"; expected one of tiers.levels",
               out->tier);
    if (sound(in, before) && pack_scope_is_empty(out))
        refuse(in, at, ERR_FORMAT,
               "this is empty and would mean everything; expected one of " SCOPE_KEYS);
}

/* ---- parts of a pack ---- */

/* The names of a list, for the rule that they differ. */
static void refuse_twice(struct in *in, const struct at *list, int32_t index, const char *key,
                         const char *name, const char *earlier)
{
    struct at here = item(list, index), v = member(&here, key);
    if (*name && strcmp(name, earlier) == 0)
        refuse(in, &v, ERR_EXISTS, "\"%s\" is there twice; expected a name of its own", name);
}

/* since: faults before the first level. */
static void read_level(struct in *in, struct pack *p, const struct at *list, int32_t i, int32_t since)
{
    struct at at = item(list, i), v;
    struct pack_tier *t = &p->tiers[i], *below = i ? t - 1 : NULL;
    int64_t threshold_max = INT64_C(1000000000000);
    int32_t before = in->count;
    if (!check_keys(in, &at,
                    "code name upgrade_at keep_at factor offline_per_tap offline_per_day reward_factor "
                    "birthday_points"))
        return;
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
    t->reward_factor = (struct ratio){1, 1};
    read_ratio(in, &t->reward_factor, &at, "reward_factor", NULL);
    read_points(in, &t->birthday_points, &at, "birthday_points", 0, PACK_RATIO_MAX, NULL);
    v = member(&at, "reward_factor");
    if (t->reward_factor.num == 0)
        refuse(in, &v, ERR_RANGE, "rewards would cost nothing; expected a ratio above 0");
    for (int32_t k = 0; k < i; k++) {
        refuse_twice(in, list, i, "code", t->code, p->tiers[k].code);
        refuse_twice(in, list, i, "name", t->name, p->tiers[k].name);
    }
    v = member(&at, "offline_per_day");
    if (sound(in, before) && points_cmp(t->offline_per_day, t->offline_per_tap) < 0)
        refuse(in, &v, ERR_RANGE, "a day has less than a tap; expected at least %" PRId64,
               points_n(t->offline_per_tap));
    if (!sound(in, since))
        return; /* thresholds are held against those below, which may not be what was meant */
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
}

static void read_mix(struct in *in, struct pack *p, const struct at *tiers)
{
    struct at at = member(tiers, "mix");
    if (p->metric != METRIC_MIX) {
        if (at.value)
            refuse(in, &at, ERR_FORMAT, "only the metric \"mix\" has weights; expected this key left out");
        return;
    }
    int32_t before = in->count;
    for (int i = 0; i < 3; i++)
        p->mix[i] = (struct ratio){0, 1};
    if (!find(in, &at, tiers, "mix", "weights, such as {\"spend\": \"1/100\", \"visits\": 10}") ||
        !check_keys(in, &at, "spend points visits"))
        return;
    read_ratio(in, &p->mix[METRIC_SPEND], &at, "spend", NULL);
    read_ratio(in, &p->mix[METRIC_POINTS], &at, "points", NULL);
    read_ratio(in, &p->mix[METRIC_VISITS], &at, "visits", NULL);
    if (sound(in, before) && !p->mix[0].num && !p->mix[1].num && !p->mix[2].num)
        refuse(in, &at, ERR_RANGE, "nothing counts; expected a weight above 0");
}

static void read_tiers(struct in *in, struct pack *p, const struct at *top)
{
    struct at at, list, v;
    int metric = METRIC_SPEND, window = WINDOW_ROLLING;
    int32_t before = in->count;
    p->window_days = 365;
    p->tier_count = 1;
    p->tiers[0] = (struct pack_tier){"member", "Member", .factor = {1, 1}, .reward_factor = {1, 1}};
    if (!find(in, &at, top, "tiers", NULL) ||
        !check_keys(in, &at, "metric mix window window_days grace_days downgrade_one_step levels"))
        return;
    read_word(in, &metric, &at, "metric", "spend points visits mix");
    read_word(in, &window, &at, "window", "rolling calendar_year lifetime anniversary");
    p->metric = (enum pack_metric)metric;
    p->window = (enum pack_window)window;
    if (sound(in, before))
        read_mix(in, p, &at);
    read_int32(in, &p->window_days, &at, "window_days", 1, 3660, NULL);
    v = member(&at, "window_days");
    if (v.value && window != WINDOW_ROLLING)
        refuse(in, &v, ERR_FORMAT, "only a rolling window has days; expected this key left out");
    read_int32(in, &p->grace_days, &at, "grace_days", 0, 3660, NULL);
    read_bool(in, &p->downgrade_one_step, &at, "downgrade_one_step");
    int32_t count = read_list(in, &list, &at, "levels", 1, PACK_TIERS_MAX), since = in->count;
    if (count)
        memset(p->tiers, 0, sizeof p->tiers);
    p->tier_count = count ? count : 1;
    for (int32_t i = 0; i < count; i++)
        read_level(in, p, &list, i, since);
    in->tiers_bad = !sound(in, since) || count == 0;
}

static void read_exclusions(struct in *in, struct pack *p, const struct at *earn)
{
    struct at list;
    p->exclusion_count = read_list(in, &list, earn, "exclude", 0, PACK_EXCLUSIONS_MAX);
    for (int32_t i = 0; i < p->exclusion_count; i++) {
        struct at at = item(&list, i);
        read_scope(in, &p->exclusions[i], p, &at);
    }
}

static void read_exclude_tenders(struct in *in, struct pack *p, const struct at *earn)
{
    struct at list;
    p->exclude_tender_count = read_list(in, &list, earn, "exclude_tenders", 0, PACK_TENDERS_MAX);
    for (int32_t i = 0; i < p->exclude_tender_count; i++) {
        struct at at = item(&list, i);
        const char *t = json_string_value(at.value);
        if (!t || !*t || strlen(t) >= TXN_NAME_SIZE) {
            refuse(in, &at, ERR_FORMAT, "this is no tender; expected a text of 1 to %d bytes", TXN_NAME_SIZE - 1);
            continue;
        }
        memcpy(p->exclude_tenders[i], t, strlen(t) + 1);
        for (int32_t k = 0; k < i; k++)
            if (strcmp(p->exclude_tenders[k], t) == 0)
                refuse(in, &at, ERR_EXISTS, "\"%s\" is there twice; expected each once", t);
    }
}

static void read_multipliers(struct in *in, struct pack *p, const struct at *earn)
{
    struct at list, when;
    p->multiplier_count = read_list(in, &list, earn, "multipliers", 0, PACK_MULTIPLIERS_MAX);
    for (int32_t i = 0; i < p->multiplier_count; i++) {
        struct at at = item(&list, i);
        struct pack_multiplier *m = &p->multipliers[i];
        m->factor = (struct ratio){1, 1};
        if (!check_keys(in, &at, "name factor when"))
            continue;
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
    for (int32_t i = 0; i < p->bonus_count; i++) {
        struct at at = item(&list, i);
        struct pack_bonus *b = &p->bonuses[i];
        if (!check_keys(in, &at, "name points when"))
            continue;
        read_text(in, b->name, sizeof b->name, &at, "name",
                  "a name for the receipt, 1 to 15 bytes");
        read_points(in, &b->points, &at, "points", 1, PACK_RATIO_MAX, "points for each piece, or for a visit");
        if (find(in, &when, &at, "when", NULL))
            read_scope(in, &b->scope, p, &when);
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
    int32_t before = in->count;
    if (!find(in, &at, top, "earn", "{ \"rate\": \"1/100\" } or more") ||
        !check_keys(in, &at,
                    "rate points_paid_earns rounding round_per multipliers_stack cap_per_bill cap_per_day "
                    "cap_per_month exclude_tenders exclude multipliers bonuses vest_days"))
        return;
    read_ratio(in, &p->earn, &at, "rate", "points for each minor unit, such as \"1/100\"");
    read_bool(in, &p->points_paid_earns, &at, "points_paid_earns");
    read_word(in, &rounding, &at, "rounding", "floor nearest ceiling");
    read_word(in, &round_per, &at, "round_per", "bill line");
    p->rounding = (enum pack_rounding)rounding;
    p->round_per = (enum pack_round_per)round_per;
    read_bool(in, &p->multipliers_stack, &at, "multipliers_stack");
    read_points(in, &p->cap_per_bill, &at, "cap_per_bill", 0, PACK_POINTS_MAX, NULL);
    read_points(in, &p->cap_per_day, &at, "cap_per_day", 0, PACK_POINTS_MAX, NULL);
    read_points(in, &p->cap_per_month, &at, "cap_per_month", 0, PACK_POINTS_MAX, NULL);
    read_exclude_tenders(in, p, &at);
    read_int32(in, &p->vest_days, &at, "vest_days", 0, 366, NULL);
    read_exclusions(in, p, &at);
    read_multipliers(in, p, &at);
    read_bonuses(in, p, &at);
    if (sound(in, before) && !in->tiers_bad && !rates_fit(p))
        refuse(in, &at, ERR_RANGE,
               "rate, multipliers and tier factors multiply to more than %" PRId64
               "; expected smaller fractions",
               PACK_PRODUCT_MAX);
}

static void read_rebates(struct in *in, struct pack *p, const struct at *top)
{
    struct at list, when;
    p->rebate_count = read_list(in, &list, top, "rebates", 0, PACK_REBATES_MAX);
    for (int32_t i = 0; i < p->rebate_count; i++) {
        struct at at = item(&list, i), v = member(&at, "rate");
        struct pack_rebate *r = &p->rebates[i];
        int32_t before = in->count;
        r->rate = (struct ratio){1, 1};
        if (!check_keys(in, &at, "name rate when"))
            continue;
        read_text(in, r->name, sizeof r->name, &at, "name", "a name for the receipt, 1 to 15 bytes");
        read_ratio(in, &r->rate, &at, "rate", "the part of a line's amount, such as \"1/10\"");
        if (sound(in, before) && (r->rate.num == 0 || r->rate.num > r->rate.den))
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
    int32_t before = in->count;
    if (!find(in, &at, top, "grants", NULL) || !check_keys(in, &at, "per_gift per_day register"))
        return;
    read_points(in, &p->grant_per_gift, &at, "per_gift", 0, PACK_POINTS_MAX, NULL);
    p->grant_per_day = p->grant_per_gift;
    read_points(in, &p->grant_per_day, &at, "per_day", 0, PACK_POINTS_MAX, NULL);
    read_bool(in, &p->register_grants, &at, "register");
    if (!sound(in, before))
        return;
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
    int32_t before = in->count;
    if (!find(in, &at, top, "expiry", NULL) || !check_keys(in, &at, "kind days years reinstate_days") ||
        !find(in, &days, &at, "kind", "one of " KINDS))
        return;
    read_word(in, &how, &at, "kind", KINDS);
    if (!sound(in, before))
        return; /* of which kind the rest should be is not known */
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

/* ---- rewards ---- */

static void read_steps(struct in *in, struct pack_reward *r, const struct at *at)
{
    struct at list;
    int64_t points_before = 0, value_before = 0;
    r->step_count = read_list(in, &list, at, "steps", 1, PACK_STEPS_MAX);
    for (int32_t i = 0; i < r->step_count; i++) {
        struct at step = item(&list, i), v;
        int64_t points = 0, value = 0;
        int32_t before = in->count;
        if (!check_keys(in, &step, "points value"))
            continue;
        read_int(in, &points, &step, "points", 1, PACK_POINTS_MAX, "what it costs");
        read_int(in, &value, &step, "value", 1, PACK_POINTS_MAX, "what it pays, in minor units");
        if (!sound(in, before))
            continue;
        v = member(&step, points <= points_before ? "points" : "value");
        if (points <= points_before || value <= value_before)
            refuse(in, &v, ERR_RANGE, "this is not above the step before; expected them rising");
        points_before = points;
        value_before = value;
        r->steps[i] = (struct pack_step){points_of(points), money_of(value)};
    }
}

/* Keys that only some kinds have. */
static void refuse_keys_of_others(struct in *in, const struct pack_reward *r, const struct at *at)
{
    static const char *const keys[] = {"points", "value", "percent", "sku", "steps"};
    static const unsigned has[] = {
        [REWARD_MONEY] = 1 | 2, [REWARD_PERCENT] = 1 | 2 | 4, [REWARD_ITEM] = 1 | 2 | 8, [REWARD_SLIDING] = 16};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct at v = member(at, keys[i]);
        if (v.value && !(has[r->kind] >> i & 1))
            refuse(in, &v, ERR_FORMAT, "this kind of reward has no \"%s\"; expected this key left out", keys[i]);
    }
}

static void read_reward_tiers(struct in *in, struct pack_reward *r, const struct pack *p, const struct at *at)
{
    struct at list;
    int32_t count = read_list(in, &list, at, "tiers", 0, PACK_TIERS_MAX);
    for (int32_t i = 0; i < count; i++) {
        struct at v = item(&list, i);
        const struct pack_tier *tier = pack_find_tier(p, json_string_value(v.value));
        if (tier)
            r->tiers |= (uint8_t)(1u << (tier - p->tiers));
        else if (!json_is_string(v.value) || !in->tiers_bad)
            refuse(in, &v, ERR_NOT_FOUND, "no tier has this code; expected one of tiers.levels");
    }
}

static void read_reward_of_kind(struct in *in, struct pack_reward *r, const struct at *at)
{
    int64_t value = 0;
    int32_t before = in->count;
    struct at v = member(at, "percent");
    refuse_keys_of_others(in, r, at);
    if (r->kind != REWARD_SLIDING)
        read_points(in, &r->points, at, "points", 1, PACK_POINTS_MAX, "what it costs");
    switch (r->kind) {
    case REWARD_MONEY:
        read_int(in, &value, at, "value", 1, PACK_POINTS_MAX, "what it pays, in minor units");
        break;
    case REWARD_PERCENT:
        read_ratio(in, &r->percent, at, "percent", "the part of the bill, such as \"1/10\"");
        if (sound(in, before) && (r->percent.num == 0 || r->percent.num > r->percent.den))
            refuse(in, &v, ERR_RANGE, "this is no part of a bill; expected a ratio above 0, at most 1");
        read_int(in, &value, at, "value", 1, PACK_POINTS_MAX, NULL);
        break;
    case REWARD_ITEM:
        read_text(in, r->sku, sizeof r->sku, at, "sku", "the code of what is free");
        check_code(in, at, "sku", r->sku);
        read_int(in, &value, at, "value", 1, PACK_POINTS_MAX, NULL);
        break;
    case REWARD_SLIDING:
        read_steps(in, r, at);
        break;
    }
    r->value = money_of(value);
}

static void read_reward(struct in *in, struct pack *p, const struct at *list, int32_t i)
{
    struct at at = item(list, i), v;
    struct pack_reward *r = &p->rewards[i];
    int kind = REWARD_MONEY;
    r->max_share = (struct ratio){1, 1};
    r->percent = (struct ratio){0, 1};
    if (!check_keys(in, &at,
                    "code name name_zh kind points value percent sku steps max_share tiers from to stock "
                    "per_member"))
        return;
    read_text(in, r->code, sizeof r->code, &at, "code", "the reward's code, 1 to 15 bytes");
    memcpy(r->name, r->code, sizeof r->code);
    read_text(in, r->name, sizeof r->name, &at, "name", NULL);
    read_text(in, r->name_zh, sizeof r->name_zh, &at, "name_zh", NULL);
    int32_t before = in->count;
    if (find(in, &v, &at, "kind", "one of money percent item sliding"))
        read_word(in, &kind, &at, "kind", "money percent item sliding");
    r->kind = (enum pack_reward_kind)kind;
    if (sound(in, before)) /* else it is not known what it should have */
        read_reward_of_kind(in, r, &at);
    read_ratio(in, &r->max_share, &at, "max_share", NULL);
    v = member(&at, "max_share");
    if (r->max_share.num == 0 || r->max_share.num > r->max_share.den)
        refuse(in, &v, ERR_RANGE, "this is no share of a bill; expected a ratio above 0, at most 1");
    read_reward_tiers(in, r, p, &at);
    read_days(in, &r->from_day, &r->to_day, &at);
    read_int32(in, &r->stock, &at, "stock", 0, PACK_RATIO_MAX, NULL);
    read_int32(in, &r->per_member, &at, "per_member", 0, PACK_RATIO_MAX, NULL);
    for (int32_t k = 0; k < i; k++)
        refuse_twice(in, list, i, "code", r->code, p->rewards[k].code);
}

static void read_rewards(struct in *in, struct pack *p, const struct at *top)
{
    struct at list;
    int32_t before = in->count;
    p->reward_count = read_list(in, &list, top, "rewards", 0, PACK_REWARDS_MAX);
    for (int32_t i = 0; i < p->reward_count; i++)
        read_reward(in, p, &list, i);
    in->rewards_bad = !sound(in, before);
}

/* ---- stamps ---- */

/* A full stamp card may be worth the price of a reward. */
static void take_price(struct in *in, const struct pack *p, struct pack_stamp *s, const struct at *at)
{
    struct at v = member(at, "reward"), points = member(at, "points");
    const struct pack_reward *r = pack_find_reward(p, s->reward);
    if (points.value)
        refuse(in, &points, ERR_FORMAT, "a full card gives points or a reward; expected one of the two");
    if (!*s->reward || in->rewards_bad)
        return;
    if (!r)
        refuse(in, &v, ERR_NOT_FOUND, "no reward has the code \"%s\"; expected one of rewards", s->reward);
    else if (r->kind == REWARD_SLIDING || points_n(r->points) > PACK_RATIO_MAX)
        refuse(in, &v, ERR_FORMAT, "\"%s\" has no one price; expected a reward with \"points\" up to %d",
               s->reward, PACK_RATIO_MAX);
    else
        s->points = r->points;
}

static void read_stamps(struct in *in, struct pack *p, const struct at *top)
{
    struct at list, when;
    p->stamp_count = read_list(in, &list, top, "stamps", 0, PACK_STAMPS_MAX);
    for (int32_t i = 0; i < p->stamp_count; i++) {
        struct at at = item(&list, i), v = member(&at, "reward");
        struct pack_stamp *s = &p->stamps[i];
        int per = 0;
        int32_t before = in->count;
        if (!check_keys(in, &at, "name per every points reward when"))
            continue;
        read_text(in, s->name, sizeof s->name, &at, "name", "a name for the receipt, 1 to 15 bytes");
        read_word(in, &per, &at, "per", "piece visit");
        s->per_visit = per == 1;
        read_int32(in, &s->every, &at, "every", 2, 1000, "how many stamps fill the card");
        read_text(in, s->reward, sizeof s->reward, &at, "reward", NULL);
        if (v.value)
            take_price(in, p, s, &at);
        else
            read_points(in, &s->points, &at, "points", 1, PACK_RATIO_MAX, "points for a full card, or \"reward\"");
        if (find(in, &when, &at, "when", NULL))
            read_scope(in, &s->scope, p, &when);
        if (sound(in, before) && s->per_visit == (*s->scope.sku || *s->scope.category))
            refuse(in, when.value ? &when : &at, ERR_FORMAT, "%s",
                   s->per_visit ? "a visit is a whole bill; expected neither \"sku\" nor \"category\""
                                : "a stamp is for each piece of something; expected \"when\" with \"sku\" or "
                                  "\"category\", or \"per\": \"visit\"");
        for (int32_t k = 0; k < i; k++)
            refuse_twice(in, &list, i, "name", s->name, p->stamps[k].name);
    }
}

static void read_redeem(struct in *in, struct pack *p, const struct at *top)
{
    struct at at, v;
    p->worth = (struct ratio){0, 1};
    p->redeem_step = p->redeem_min = points_of(1);
    p->redeem_max_share = (struct ratio){1, 1};
    p->hold_minutes = 15;
    int32_t before = in->count;
    if (!find(in, &at, top, "redeem", NULL) ||
        !check_keys(in, &at, "worth min step max_share offline_days second_factor_above hold_minutes"))
        return;
    read_ratio(in, &p->worth, &at, "worth",
               p->reward_count ? NULL : "minor units for each point, such as 1 or \"1/2\"");
    read_points(in, &p->redeem_step, &at, "step", 1, PACK_POINTS_MAX, NULL);
    p->redeem_min = p->redeem_step;
    read_points(in, &p->redeem_min, &at, "min", 1, PACK_POINTS_MAX, NULL);
    read_ratio(in, &p->redeem_max_share, &at, "max_share", NULL);
    read_int32(in, &p->offline_days, &at, "offline_days", 0, 366, NULL);
    read_points(in, &p->second_factor_above, &at, "second_factor_above", 0, PACK_POINTS_MAX, NULL);
    read_int32(in, &p->hold_minutes, &at, "hold_minutes", 1, 1440, NULL);
    if (!sound(in, before))
        return;
    int64_t step = points_n(p->redeem_step), min = points_n(p->redeem_min);
    v = member(&at, "worth");
    if (p->worth.num == 0 && v.value)
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
    for (int32_t i = 0; i < p->tier_count && p->offline_days && !in->tiers_bad; i++)
        if (p->worth.num && points_n(p->tiers[i].offline_per_tap) &&
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
    if (!find(in, &at, top, "refund", NULL) || !check_keys(in, &at, "may_owe"))
        return;
    read_bool(in, &p->refund_may_owe, &at, "may_owe");
}

static void read_cards(struct in *in, struct pack *p, const struct at *top)
{
    struct at at;
    if (!find(in, &at, top, "cards", NULL) || !check_keys(in, &at, "replace_days"))
        return;
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
    if (!check_keys(in, &top,
                    "version effective name currency currency_digits earn tiers expiry redeem rewards "
                    "stamps rebates grants refund cards clock_skew_s"))
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
    read_rewards(in, p, &top);
    read_redeem(in, p, &top);
    read_stamps(in, p, &top); /* they name rewards */
    read_rebates(in, p, &top);
    read_grants(in, p, &top);
    read_refund(in, p, &top);
    read_cards(in, p, &top);
    p->clock_skew_s = 600;
    read_int32(in, &p->clock_skew_s, &top, "clock_skew_s", 1, SECONDS_PER_DAY, NULL);
}

static enum err read_all(struct in *in, struct pack *out, size_t size)
{
    struct pack p = {0};
    json_error_t error;
    struct at top = {.value = NULL};
    if (size > PACK_JSON_MAX) {
        in->end = in->text; /* the first line */
        refuse(in, &top, ERR_FULL, "the pack has %zu bytes; expected at most %d", size, PACK_JSON_MAX);
        return ERR_FULL;
    }
    json_t *value = json_loadb(in->text, size, JSON_REJECT_DUPLICATES, &error);
    if (!value) {
        struct pack_fault *f = &in->faults[in->count++];
        *f = (struct pack_fault){ERR_FORMAT, error.line > 0 ? error.line : 1, "", ""};
        snprintf(f->text, sizeof f->text, "this is not JSON: %s; expected an object as in docs/programme.md",
                 error.text);
        return err_set(in->why, f->e, "%s:%d: %s", in->file, f->line, f->text);
    }
    read_pack(in, &p, value);
    json_decref(value);
    if (in->count)
        return in->faults[0].e;
    *out = p;
    return OK;
}

enum err pack_read(struct pack *out, const char *json, size_t size, const char *file,
                   struct errmsg *why)
{
    struct pack_fault first;
    struct in in = {.text = json, .end = json + size, .file = file, .why = why, .faults = &first, .most = 1};
    return read_all(&in, out, size);
}

enum err pack_check(struct pack *out, const char *json, size_t size, struct pack_fault *faults, int32_t *count)
{
    struct in in = {.text = json, .end = json + size, .file = "", .faults = faults, .most = PACK_FAULTS_MAX};
    enum err e = read_all(&in, out, size);
    *count = in.count < PACK_FAULTS_MAX ? in.count : PACK_FAULTS_MAX;
    return e;
}
