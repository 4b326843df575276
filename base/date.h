/* date.h - seconds, days and dates.  Time is int64 seconds since 1970-01-01, shop-local wall clock
 * (the programme has one zone); a day is int32 days since then.  Nothing here reads a clock.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_BASE_DATE_H
#define PATRON_BASE_DATE_H

#include "base/err.h"

#include <stdint.h>

enum { SECONDS_PER_DAY = 86400, TIME_TEXT_SIZE = 24, DAY_TEXT_SIZE = 16 };

/* A day after every real one: "never". */
#define DAY_NEVER INT32_MAX

struct date {
    int32_t year; /* 1..9999 */
    int32_t month, day;
};

int32_t day_of_time(int64_t time_s); /* rounds down, also before 1970 */
int32_t day_of_date(struct date d);  /* d is a real date */
struct date date_of_day(int32_t day);
/* Of the month this day is in. */
int32_t month_first_day(int32_t day);
int32_t month_last_day(int32_t day);

void day_text(char out[DAY_TEXT_SIZE], int32_t day);        /* "2010-12-01"; "never" */
void time_text(char out[TIME_TEXT_SIZE], int64_t time_s);   /* "2010-12-01T08:34:00" */
/* "YYYY-MM-DD".  Errors: ERR_FORMAT, ERR_RANGE (no such date). */
MUST_CHECK enum err day_parse(int32_t *out, const char *text);
/* "YYYY-MM-DD", "YYYY-MM-DDTHH:MM" or with ":SS". */
MUST_CHECK enum err time_parse(int64_t *out, const char *text);

#endif
