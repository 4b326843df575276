/* nexo_json.c - see nexo_json.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/nexo/nexo_json.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char mark[] = "\\u0001"; /* as jansson writes it */
enum { MARK_SIZE = sizeof mark - 1 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t digits(const char *s, const char *end)
{
    const char *at = s;
    while (at < end && is_digit(*at))
        at++;
    return (size_t)(at - s);
}

/* How many characters from s are a number of JSON; 0 = none. */
static size_t number_size(const char *s, const char *end)
{
    const char *at = s;
    if (at < end && *at == '-')
        at++;
    size_t whole = digits(at, end);
    if (!whole || (whole > 1 && *at == '0'))
        return 0;
    at += whole;
    if (at < end && *at == '.') {
        size_t part = digits(at + 1, end);
        if (!part)
            return 0;
        at += 1 + part;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-'))
            at++;
        size_t part = digits(at, end);
        if (!part)
            return 0;
        at += part;
    }
    return (size_t)(at - s);
}

/* From the quote at s to behind its partner, or to end. */
static size_t string_size(const char *s, const char *end)
{
    const char *at = s + 1;
    while (at < end && *at != '"')
        at += *at == '\\' && at + 1 < end ? 2 : 1;
    return (size_t)((at < end ? at + 1 : end) - s);
}

static bool is_marked(const char *inside, const char *end)
{
    return end - inside >= MARK_SIZE && memcmp(inside, mark, MARK_SIZE) == 0;
}

/* May stand between two values. */
static bool is_between(char c)
{
    return c && strchr("[]{},: \t\r\n", c);
}

enum piece { STRING, NUMBER, WORD, BETWEEN };

/* What begins at s, and its size.  A word is whatever else there is, to its end: "true", and what jansson is to
 * refuse, "01", "1.".  Taken whole, so that no byte is looked at more than twice. */
static enum piece piece_at(const char *s, const char *end, size_t *size)
{
    const char *at = s;
    *size = 1;
    if (*s == '"') {
        *size = string_size(s, end);
        return STRING;
    }
    if (is_between(*s))
        return BETWEEN;
    if ((*size = number_size(s, end)) > 0)
        return NUMBER;
    while (at < end && !is_between(*at) && *at != '"')
        at++;
    *size = (size_t)(at - s);
    return WORD;
}

/* Rewrites text with its numbers as marked strings.  out: enough for text and values more marks and quotes. */
static void put_marks(struct buf *out, const char *at, const char *end)
{
    size_t size;
    for (; at < end; at += size) {
        enum piece piece = piece_at(at, end, &size);
        if (piece == NUMBER) {
            buf_put(out, "\"", 1);
            buf_put(out, mark, MARK_SIZE);
            buf_put(out, at, size);
            buf_put(out, "\"", 1);
        } else if (piece == STRING && is_marked(at + 1, end)) {
            buf_put(out, at, 1);
            buf_put(out, mark, MARK_SIZE);
            buf_put(out, at + 1, size - 1);
        } else {
            buf_put(out, at, size);
        }
    }
}

/* Depth and number of values, and how many of them grow by a mark; false: more than we take. */
static bool count(const char *at, const char *end, size_t *grow, struct errmsg *why)
{
    int depth = 0;
    size_t values = 1, size;
    *grow = 0;
    for (; at < end; at += size) {
        enum piece piece = piece_at(at, end, &size);
        if ((*at == '[' || *at == '{') && ++depth > NEXO_JSON_DEPTH_MAX) {
            err_set(why, ERR_RANGE, "nested deeper than %d", (int)NEXO_JSON_DEPTH_MAX);
            return false;
        }
        if (*at == ']' || *at == '}')
            depth--;
        values += piece == STRING || *at == ',' || *at == '[' || *at == '{';
        *grow += piece == NUMBER || (piece == STRING && is_marked(at + 1, end));
    }
    if (values > NEXO_JSON_VALUES_MAX) {
        err_set(why, ERR_RANGE, "more than %d values", (int)NEXO_JSON_VALUES_MAX);
        return false;
    }
    return true;
}

json_t *nexo_json_read(struct bytes text, struct errmsg *why)
{
    const char *from = (const char *)text.data, *end = from + text.size;
    size_t grow;
    if (!text.size || !count(from, end, &grow, why)) {
        if (!text.size)
            err_set(why, ERR_FORMAT, "nothing there");
        return NULL;
    }
    struct buf marked = {.cap = text.size + grow * (MARK_SIZE + 2)};
    marked.data = malloc(marked.cap);
    if (!marked.data) {
        err_set(why, ERR_FULL, "no memory");
        return NULL;
    }
    put_marks(&marked, from, end);
    assert(!marked.full);
    json_error_t error;
    json_t *v = json_loadb((const char *)marked.data, marked.size, JSON_REJECT_DUPLICATES, &error);
    free(marked.data);
    if (!v)
        err_set(why, ERR_FORMAT, "no JSON: %s", error.text);
    return v;
}

char *nexo_json_write_create(const json_t *v)
{
    char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
    if (!text)
        return NULL;
    char *to = text;
    const char *at = text, *end = text + strlen(text);
    while (at < end) {
        if (*at != '"') {
            *to++ = *at++;
            continue;
        }
        size_t size = string_size(at, end);
        bool once = is_marked(at + 1, end), twice = once && is_marked(at + 1 + MARK_SIZE, end);
        if (once && !twice) {
            memmove(to, at + 1 + MARK_SIZE, size - 2 - MARK_SIZE);
            to += size - 2 - MARK_SIZE;
        } else if (twice) {
            *to++ = '"';
            memmove(to, at + 1 + MARK_SIZE, size - 1 - MARK_SIZE);
            to += size - 1 - MARK_SIZE;
        } else {
            memmove(to, at, size);
            to += size;
        }
        at += size;
    }
    *to = 0;
    return text;
}

static json_t *marked_string(const char *text)
{
    size_t size = strlen(text);
    char *room = malloc(size + 2);
    if (!room)
        return NULL;
    room[0] = 1;
    memcpy(room + 1, text, size + 1);
    json_t *v = json_string(room);
    free(room);
    return v;
}

json_t *nexo_json_number(const char *text)
{
    assert(number_size(text, text + strlen(text)) == strlen(text));
    return marked_string(text);
}

json_t *nexo_json_integer(int64_t n)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, n);
    return nexo_json_number(text);
}

json_t *nexo_json_string(const char *text)
{
    return text[0] == 1 ? marked_string(text) : json_string(text);
}

const json_t *nexo_json_element(const json_t *list, size_t i)
{
    if (!json_is_array(list))
        return i == 0 ? list : NULL;
    return json_array_get(list, i);
}

const char *nexo_json_number_text(const json_t *v)
{
    const char *text = json_string_value(v);
    return text && text[0] == 1 && text[1] != 1 ? text + 1 : NULL;
}

const char *nexo_json_string_text(const json_t *v)
{
    const char *text = json_string_value(v);
    if (!text || text[0] != 1)
        return text;
    return text[1] == 1 ? text + 1 : NULL;
}

/* ---- decimals ---- */

enum { WHOLE_DIGITS = 8 /* amounts go up to 99999999.999999 */ };

/* A JSON number as digits * 10^exponent without zeros at either end; zero has no digits. */
struct decimal {
    bool negative;
    const char *digits; /* with a point among them */
    int count;          /* of digits, zeros at the ends left out */
    int64_t exponent;   /* saturating */
    int skip;           /* digits before the first that is not 0 */
};

static struct decimal split(const char *text)
{
    struct decimal d = {.negative = *text == '-'};
    if (d.negative)
        text++;
    d.digits = text;
    int64_t point = 0;
    int seen = 0, last = 0; /* digits so far, and up to the last that is not 0 */
    bool behind = false;
    for (; is_digit(*text) || *text == '.'; text++) {
        if (*text == '.') {
            behind = true;
            continue;
        }
        seen++;
        point += !behind;
        if (*text != '0')
            last = seen;
        else if (!last)
            d.skip++;
    }
    d.count = last ? last - d.skip : 0;
    if (!last)
        return d;
    if (*text == 'e' || *text == 'E')
        d.exponent = strtoll(text + 1, NULL, 10);
    const int64_t far = INT64_C(1000000000000);
    d.exponent = d.exponent > far ? far : d.exponent < -far ? -far : d.exponent;
    d.exponent += point - last;
    return d;
}

bool nexo_decimal(int64_t *out, const char *text, int32_t digits)
{
    struct decimal d = split(text);
    if (d.negative)
        return false;
    if (!d.count) {
        *out = 0;
        return true;
    }
    int64_t zeros = d.exponent + digits;
    if (zeros < 0 || d.count + zeros > WHOLE_DIGITS + digits)
        return false;
    int64_t n = 0;
    const char *at = d.digits;
    for (int i = -d.skip; i < d.count; at++) {
        if (*at == '.')
            continue;
        if (i++ >= 0)
            n = n * 10 + (*at - '0');
    }
    while (zeros-- > 0)
        n *= 10;
    *out = n;
    return true;
}

void nexo_decimal_text(char out[NEXO_DECIMAL_SIZE], int64_t minor, int32_t digits)
{
    int64_t unit = 1;
    for (int32_t i = 0; i < digits; i++)
        unit *= 10;
    const char *sign = minor < 0 ? "-" : "";
    uint64_t size = minor < 0 ? 0 - (uint64_t)minor : (uint64_t)minor;
    int used = snprintf(out, NEXO_DECIMAL_SIZE, "%s%" PRIu64, sign, size / (uint64_t)unit);
    uint64_t rest = size % (uint64_t)unit;
    if (!rest)
        return;
    used +=
        snprintf(out + used, (size_t)(NEXO_DECIMAL_SIZE - used), ".%0*" PRIu64, (int)digits, rest);
    while (out[used - 1] == '0')
        out[--used] = 0;
}

/* ---- the same values ---- */

static json_t *canonical_object(const json_t *v)
{
    json_t *out = json_object(), *value;
    const char *key;
    json_object_foreach((json_t *)v, key,
                        value) if (json_object_set_new(out, key, nexo_json_canonical(value))) break;
    return out;
}

json_t *nexo_json_canonical(const json_t *v)
{
    const char *number_text = nexo_json_number_text(v);
    if (json_is_object(v))
        return canonical_object(v);
    if (json_is_array(v)) {
        json_t *out = json_array();
        for (size_t i = 0; i < json_array_size(v); i++)
            json_array_append_new(out, nexo_json_canonical(json_array_get(v, i)));
        return out;
    }
    if (!number_text)
        return json_copy((json_t *)v);
    struct decimal d = split(number_text);
    char *room = malloc((size_t)d.count + 32), *to = room;
    if (!room)
        return NULL;
    *to++ = 1; /* no string of the sender's begins like this */
    *to++ = 'n';
    if (d.negative && d.count)
        *to++ = '-';
    const char *from = d.digits;
    for (int i = -d.skip; i < d.count; from++)
        if (*from != '.' && i++ >= 0)
            *to++ = *from;
    sprintf(to, "e%" PRId64, d.exponent);
    json_t *out = json_string(room);
    free(room);
    return out;
}
