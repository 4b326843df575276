/* date.c - see date.h.  Civil-day arithmetic in eras of 400 years.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"

#include <stdio.h>
#include <string.h>

int32_t day_of_time(int64_t time_s)
{
    int64_t day = time_s / SECONDS_PER_DAY;
    if (time_s % SECONDS_PER_DAY < 0)
        day--;
    return (int32_t)day;
}

int32_t day_of_date(struct date d)
{
    int32_t y = d.month <= 2 ? d.year - 1 : d.year; /* the year starts in March */
    int32_t era = (y >= 0 ? y : y - 399) / 400;
    int32_t yoe = y - era * 400;
    int32_t doy = (153 * (d.month + (d.month > 2 ? -3 : 9)) + 2) / 5 + d.day - 1;
    int32_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

struct date date_of_day(int32_t day)
{
    int64_t z = (int64_t)day + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int32_t doe = (int32_t)(z - era * 146097);
    int32_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int32_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int32_t mp = (5 * doy + 2) / 153;
    struct date d = {.year = (int32_t)(yoe + era * 400),
                     .month = mp < 10 ? mp + 3 : mp - 9,
                     .day = doy - (153 * mp + 2) / 5 + 1};
    if (d.month <= 2)
        d.year++;
    return d;
}

int32_t month_first_day(int32_t day)
{
    return day - (date_of_day(day).day - 1);
}

int32_t month_last_day(int32_t day)
{
    return month_first_day(month_first_day(day) + 31) - 1;
}

void day_text(char out[DAY_TEXT_SIZE], int32_t day)
{
    if (day == DAY_NEVER) {
        memcpy(out, "never", 6);
        return;
    }
    struct date d = date_of_day(day);
    snprintf(out, DAY_TEXT_SIZE, "%04d-%02d-%02d", d.year % 10000, d.month % 100, d.day % 100);
}

void time_text(char out[TIME_TEXT_SIZE], int64_t time_s)
{
    int32_t day = day_of_time(time_s);
    int32_t s = (int32_t)(time_s - (int64_t)day * SECONDS_PER_DAY);
    char date[DAY_TEXT_SIZE];
    day_text(date, day);
    snprintf(out, TIME_TEXT_SIZE, "%.10sT%02d:%02d:%02d", date, s / 3600 % 24, s / 60 % 60, s % 60);
}

/* count decimal digits at text; -1 when there are others. */
static int32_t digits(const char *text, int count)
{
    int32_t v = 0;
    for (int i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        v = v * 10 + text[i] - '0';
    }
    return v;
}

enum err day_parse(int32_t *out, const char *text)
{
    if (strlen(text) != 10 || text[4] != '-' || text[7] != '-')
        return ERR_FORMAT;
    struct date d = {digits(text, 4), digits(text + 5, 2), digits(text + 8, 2)};
    if (d.year < 0 || d.month < 0 || d.day < 0)
        return ERR_FORMAT;
    if (d.year < 1 || d.month < 1 || d.month > 12 || d.day < 1 || d.day > 31)
        return ERR_RANGE;
    int32_t day = day_of_date(d);
    if (date_of_day(day).day != d.day)
        return ERR_RANGE;
    *out = day;
    return OK;
}

enum err time_parse(int64_t *out, const char *text)
{
    char date[11];
    size_t length = strlen(text);
    if (length != 10 && length != 16 && length != 19)
        return ERR_FORMAT;
    memcpy(date, text, 10);
    date[10] = 0;
    int32_t day, hour = 0, minute = 0, second = 0;
    enum err e = day_parse(&day, date);
    if (e)
        return e;
    if (length >= 16) {
        if (text[10] != 'T' || text[13] != ':')
            return ERR_FORMAT;
        hour = digits(text + 11, 2);
        minute = digits(text + 14, 2);
    }
    if (length == 19) {
        if (text[16] != ':')
            return ERR_FORMAT;
        second = digits(text + 17, 2);
    }
    if (hour < 0 || minute < 0 || second < 0)
        return ERR_FORMAT;
    if (hour > 23 || minute > 59 || second > 59)
        return ERR_RANGE;
    *out = (int64_t)day * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
    return OK;
}
