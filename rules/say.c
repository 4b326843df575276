/* say.c - see say.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "rules/say.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CUT " ..."

struct say say_on(char *out, size_t size)
{
    assert(size > sizeof CUT);
    out[0] = 0;
    return (struct say){out, size, 0, false};
}

void say(struct say *s, const char *format, ...)
{
    char phrase[160];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(phrase, sizeof phrase, format, args);
    va_end(args);
    if (length < 0 || (size_t)length >= sizeof phrase ||
        s->used + (size_t)length + sizeof CUT > s->size)
        s->cut = true;
    if (s->cut)
        return;
    memcpy(s->out + s->used, phrase, (size_t)length + 1);
    s->used += (size_t)length;
}

void say_last(struct say *s, const char *format, ...)
{
    char phrase[64];
    size_t cut = s->cut ? sizeof CUT - 1 : 0;
    va_list args;
    va_start(args, format);
    int length = vsnprintf(phrase, sizeof phrase, format, args);
    va_end(args);
    assert(length >= 0);
    assert((size_t)length < sizeof phrase);
    if (s->used + cut + (size_t)length + 1 > s->size) {
        cut = sizeof CUT - 1;
        s->used = s->size - 1 - (size_t)length - cut;
    }
    memcpy(s->out + s->used, CUT, cut);
    memcpy(s->out + s->used + cut, phrase, (size_t)length + 1);
    s->used += cut + (size_t)length;
}

const char *say_ratio(char out[SAY_RATIO_SIZE], struct ratio r)
{
    int64_t a = r.num, b = r.den;
    assert(b > 0);
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    if (r.den / a == 1)
        snprintf(out, SAY_RATIO_SIZE, "%" PRId64, r.num / a);
    else
        snprintf(out, SAY_RATIO_SIZE, "%" PRId64 "/%" PRId64, r.num / a, r.den / a);
    return out;
}
