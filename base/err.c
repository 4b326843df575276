/* err.c - see err.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *err_text(enum err e)
{
#define ERR_CASE(name, text) [name] = text,
    static const char *const texts[] = {ERR_LIST(ERR_CASE)};
#undef ERR_CASE
    assert((unsigned)e < ERR_COUNT);
    return texts[e];
}

enum err err_set(struct errmsg *why, enum err e, const char *format, ...)
{
    if (why) {
        va_list args;
        va_start(args, format);
        vsnprintf(why->text, sizeof why->text, format, args);
        va_end(args);
    }
    return e;
}

enum err err_add(struct errmsg *why, enum err e, const char *format, ...)
{
    if (why) {
        size_t used = strlen(why->text);
        if (used && used + 2 < sizeof why->text) {
            memcpy(why->text + used, "; ", 3);
            used += 2;
        }
        va_list args;
        va_start(args, format);
        vsnprintf(why->text + used, sizeof why->text - used, format, args);
        va_end(args);
    }
    return e;
}
