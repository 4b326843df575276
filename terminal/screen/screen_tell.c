/* screen_tell.c - see screen_tell.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/screen/screen_tell.h"

#include "base/date.h"
#include "base/tr.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *tell_money(char out[PACK_MONEY_SIZE], const struct till_view *v, struct money m)
{
    return pack_money_text(out, v->pack, m);
}

const char *tell_amount(char out[PACK_MONEY_SIZE], const struct till_view *v, struct money m)
{
    return pack_amount_text(out, v->pack, m);
}

const char *tell_points(char out[POINTS_SIZE], struct points p)
{
    int64_t n = points_n(p);
    snprintf(out, POINTS_SIZE, n == 1 ? tr("%" PRId64 " point") : tr("%" PRId64 " points"), n);
    return out;
}

const char *tell_hour(char out[CLOCK_SIZE], int64_t time_s)
{
    char text[TIME_TEXT_SIZE];
    time_text(text, time_s);
    snprintf(out, CLOCK_SIZE, "%.5s", strlen(text) > 11 ? text + 11 : "");
    return out;
}

const char *tell_when(char out[TIME_TEXT_SIZE], const struct till_view *v, int64_t time_s)
{
    char clock[CLOCK_SIZE];
    if (day_of_time(time_s) == day_of_time(v->now_s))
        snprintf(out, TIME_TEXT_SIZE, "%s", tell_hour(clock, time_s));
    else
        day_text(out, day_of_time(time_s));
    return out;
}

const char *tell_tier(const struct till_view *v, const char *code)
{
    const struct pack_tier *tier = v->pack && *code ? pack_find_tier(v->pack, code) : NULL;
    return tier ? tier->name : code;
}

const char *tell_who(char out[MEMBER_TEXT_SIZE], member_id member)
{
    if (member == 0)
        return tr("a member");
    member_text(out, member);
    return out;
}

void tell_also(char *out, size_t size, const char *format, ...)
{
    size_t used = strlen(out);
    va_list args;
    if (used > 0 && (unsigned char)out[used - 1] < 0x80) /* no blank after a Chinese mark */
        used += (size_t)snprintf(out + used, size - used, " ");
    va_start(args, format);
    if (used < size)
        vsnprintf(out + used, size - used, format, args);
    va_end(args);
}
