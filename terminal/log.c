/* log.c - see log.h.  One stream for the program, like stderr.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/log.h"

#include "base/date.h"
#include "hw/clock.h"

#include <stdarg.h>

static FILE *stream;
static uint32_t till;

void log_to(FILE *where, uint32_t terminal)
{
    stream = where;
    till = terminal;
}

void log_event(const char *what, const char *format, ...)
{
    char now[TIME_TEXT_SIZE], text[600];
    va_list args;
    if (!stream)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *p = text; *p; p++) /* one line whatever is said */
        if (*p == '\n' || *p == '\r')
            *p = ' ';
    time_text(now, clock_now_s());
    fprintf(stream, "%s till=T%04u %s%s%s\n", now, (unsigned)till, what, *text ? " " : "", text);
    fflush(stream);
}
