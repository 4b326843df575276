/* birthday.c - see birthday.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/members/birthday.h"

#include "base/date.h"
#include "office/books/books_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The birthdays that are kept on this day, each "MM-DD"; the second "" but on 28 February of a year without a 29th. */
static void kept_on(int32_t day, char out[2][8])
{
    struct date d = date_of_day(day);
    bool short_february = d.month == 2 && d.day == 28 && date_of_day(day + 1).month == 3;
    snprintf(out[0], 8, "%02d-%02d", (int)d.month % 100, (int)d.day % 100);
    snprintf(out[1], 8, "%s", short_february ? "02-29" : "");
}

/* Was there one within BIRTHDAY_AGAIN_DAYS?  The reason stands in the entry alone. */
static enum err was_given(struct books *b, member_id member, int32_t day, bool *given, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "SELECT e.bytes FROM posting p JOIN entry e USING (position)"
                                             " WHERE p.member = ? AND e.kind = ? AND e.time_s > ? AND p.amount > 0");
    enum err e = OK;
    struct txn *t = calloc(1, sizeof *t);
    if (!t)
        return err_set(why, ERR_IO, "out of memory");
    query_int(&q, (int64_t)member);
    query_int(&q, TXN_ADJUST);
    query_int(&q, ((int64_t)day - BIRTHDAY_AGAIN_DAYS) * SECONDS_PER_DAY);
    *given = false;
    while (!e && !*given && query_row(&q)) {
        e = wire_decode_txn(t, query_get_blob(&q), why);
        *given = !e && t->user == 0 && strcmp(t->reason, BIRTHDAY_REASON) == 0;
    }
    enum err ended = query_done(&q, why);
    free(t);
    return e ? e : ended;
}

static enum err give(struct books *b, member_id member, int32_t day, int64_t now_s, int64_t *count,
                     struct errmsg *why)
{
    const struct pack *pack = books_pack_on(b, day);
    struct member_view m;
    bool given = false;
    enum err e = books_member(b, member, &m, why);
    if (e || !pack || m.merged_into)
        return e == ERR_NOT_FOUND ? OK : e;
    struct points points = pack_get_tier(pack, m.tier)->birthday_points;
    if (points_n(points) == 0)
        return OK;
    if ((e = was_given(b, member, day, &given, why)) || given)
        return e;
    struct txn *t = calloc(1, sizeof *t);
    if (!t)
        return err_set(why, ERR_IO, "out of memory");
    t->kind = TXN_ADJUST;
    t->member = member;
    t->points = points;
    snprintf(t->reason, sizeof t->reason, "%s", BIRTHDAY_REASON);
    e = books_post_own(b, t, now_s, why);
    free(t);
    *count += !e;
    return e;
}

/* Whose birthday is kept on this day; *members is to be freed. */
static enum err find(struct books *b, int32_t day, member_id **members, size_t *count, struct errmsg *why)
{
    char dates[2][8];
    enum err e = OK;
    kept_on(day, dates);
    *members = NULL;
    *count = 0;
    struct query q = query_text_of(b->store, "SELECT member FROM person WHERE birthday IN (?, ?) AND birthday <> ''"
                                             " ORDER BY member");
    query_text(&q, dates[0]);
    query_text(&q, dates[1]);
    while (!e && query_row(&q)) {
        if (*count % 64 == 0) {
            member_id *more = realloc(*members, (*count + 64) * sizeof **members);
            if (!more) {
                e = err_set(why, ERR_IO, "out of memory");
                break;
            }
            *members = more;
        }
        (*members)[(*count)++] = (member_id)query_get_int(&q);
    }
    enum err ended = query_done(&q, why);
    return e ? e : ended;
}

enum err birthday_give(struct books *b, int32_t day, int64_t now_s, int64_t *count, struct errmsg *why)
{
    enum err e = OK;
    *count = 0;
    for (int32_t on = day - BIRTHDAY_LATE_DAYS; on <= day && !e; on++) {
        member_id *members;
        size_t n;
        e = find(b, on, &members, &n, why);
        for (size_t i = 0; i < n && !e; i++)
            e = give(b, members[i], day, now_s, count, why);
        free(members);
    }
    return e;
}
