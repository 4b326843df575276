/* nexo_json.h - JSON whose numbers keep their text: 12.4 stays "12.4" and never becomes a binary fraction; and those
 * numbers as exact decimals.
 * jansson has no such mode, so a number goes through it as a string that begins with U+0001; a string of the
 * sender's that begins so gets a second one.  Nobody outside this pair sees the mark.
 * Pure but for jansson's memory.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_NEXO_JSON_H
#define PATRON_TERMINAL_NEXO_JSON_H

#include "base/bytes.h"

#include <jansson.h>

enum {
    NEXO_JSON_DEPTH_MAX = 32, /* the deepest nexo message has 10 */
    NEXO_JSON_VALUES_MAX =
        16384, /* 512 lines of 12 fields, twice over: bounds what a stranger's body costs */
};

/* One JSON object or array and nothing after it, or NULL with why.  The caller json_decrefs it.  Refused: two fields of
 * one name, U+0000, bad UTF-8, more depth or values than above. */
json_t *nexo_json_read(struct bytes text, struct errmsg *why);
/* The text of v, to be freed; NULL when memory is out. */
char *nexo_json_write_create(const json_t *v);

/* A number from its text, "12.40"; the text must be a number of JSON. */
json_t *nexo_json_number(const char *text);
json_t *nexo_json_integer(int64_t n);
/* The number's text, or NULL: v is none. */
const char *nexo_json_number_text(const json_t *v);
/* The string's text, or NULL: v is none. */
const char *nexo_json_string_text(const json_t *v);
/* Of a list, or of what stands alone where a list may be; NULL at the end. */
const json_t *nexo_json_element(const json_t *list, size_t i);
/* A string that may begin with anything. */
json_t *nexo_json_string(const char *text);

/* "12.4" with 2 digits to 1240 minor units.  0 to 99999999.999999; false: anything else, or finer than a minor
 * unit. */
MUST_CHECK bool nexo_decimal(int64_t *out, const char *text, int32_t digits);
enum { NEXO_DECIMAL_SIZE = 32 };
/* 1240 to "12.4". */
void nexo_decimal_text(char out[NEXO_DECIMAL_SIZE], int64_t minor, int32_t digits);

/* A copy in which equal numbers have equal text, however they were written. */
json_t *nexo_json_canonical(const json_t *v);

#endif
