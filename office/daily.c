/* daily.c - see daily.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/daily.h"

#include "base/date.h"
#include "office/members/birthday.h"
#include "office/books/books_int.h"
#include "office/care/campaign.h"
#include "office/members/cards.h"
#include "office/care/coupon.h"
#include "office/plan/jobs.h"
#include "office/care/message.h"
#include "office/members/pool.h"
#include "office/care/referral.h"
#include "office/care/segment.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static enum err end_cards(struct books *b, int32_t day, int64_t now_s, int64_t *count, struct errmsg *why)
{
    int32_t ended = 0;
    enum err e = cards_end_due(b, day, now_s, &ended, why);
    *count = ended;
    return e;
}

static enum err sweep_pools(struct books *b, int32_t day, int64_t now_s, int64_t *count, struct errmsg *why)
{
    int32_t transfers = 0;
    (void)day;
    enum err e = pool_sweep(b, now_s, &transfers, why);
    *count = transfers;
    return e;
}

/* Those whose members the tills are to know by a mark. */
static enum err run_segments(struct books *b, int32_t day, int64_t now_s, int64_t *count, struct errmsg *why)
{
    enum { CODES_MAX = 256 };
    char codes[CODES_MAX][TXN_NAME_SIZE];
    int n = 0;
    (void)day;
    struct query q = query_text_of(b->store, "SELECT segment FROM segment WHERE marks = 1 ORDER BY segment");
    while (n < CODES_MAX && query_row(&q))
        query_get_text(&q, codes[n++], TXN_NAME_SIZE);
    enum err e = query_done(&q, why);
    for (int i = 0; i < n && !e; i++) {
        int64_t size = 0;
        e = segment_run(b, codes[i], now_s, &size, why);
        *count += size;
    }
    return e;
}

static enum err tick_campaigns(struct books *b, int32_t day, int64_t now_s, int64_t *count, struct errmsg *why)
{
    (void)day;
    return campaign_tick(b, now_s, count, why);
}

static enum err scan_coupons(struct books *b, int32_t day, int64_t now_s, int64_t *count, struct errmsg *why)
{
    int64_t used = 0;
    (void)day;
    (void)now_s;
    return coupon_scan(b, &used, count, why); /* those that were not right are to be looked at */
}

static enum err reward_referrals(struct books *b, int32_t day, int64_t now_s, int64_t *count, struct errmsg *why)
{
    (void)day;
    return referral_run(b, now_s, count, why);
}

static enum err see_who_is_missed(struct books *b, int32_t day, int64_t now_s, int64_t *count, struct errmsg *why)
{
    int64_t won = 0;
    (void)day;
    return winback_run(b, now_s, count, &won, why);
}

struct reminding {
    struct books *books;
    int64_t now_s, count;
    enum err e;
    struct errmsg why;
};

/* Was the member reminded a moment ago?  Where points end by the day of earning a regular would else get a message a
 * day. */
static enum err is_reminded(struct reminding *r, member_id member, bool *reminded)
{
    struct query q = query_text_of(r->books->store, "SELECT 1 FROM message WHERE member = ? AND queued_s > ?"
                                                    " AND template = 'points-ending'");
    query_int(&q, (int64_t)member);
    query_int(&q, r->now_s - DAILY_REMIND_EVERY * INT64_C(86400));
    *reminded = query_row(&q);
    return query_done(&q, &r->why);
}

/* The first-ending points come first.  The key is the same each time. */
static bool remind(const struct ending_line *line, void *arg)
{
    struct reminding *r = arg;
    enum message_channel channel;
    enum message_answer answer = MESSAGE_KNOWN;
    char key[MESSAGE_KEY_SIZE], day[DAY_TEXT_SIZE];
    int64_t id;
    bool reminded = false;
    r->e = is_reminded(r, line->member, &reminded);
    if (r->e || reminded)
        return !r->e;
    r->e = message_best_channel(r->books, line->member, &channel, &r->why);
    if (r->e == ERR_NOT_FOUND) { /* cannot be reached, or never said how */
        r->e = OK;
        return true;
    }
    if (r->e)
        return false;
    day_text(day, line->day);
    snprintf(key, sizeof key, "ending-%" PRIu64 "-%s", (uint64_t)line->member, day);
    json_t *values = json_pack("{s:I, s:s}", "points", (json_int_t)points_n(line->points), "day", day);
    struct message_wanted wanted = {.member = line->member, .channel = channel, .purpose = MESSAGE_SERVICE,
                                    .template_name = "points-ending", .language = "", .values = values, .key = key};
    r->e = message_queue(r->books, &wanted, r->now_s, &id, &answer, &r->why);
    json_decref(values);
    if (r->e == ERR_CONFLICT) { /* said before, with the points of then */
        r->e = OK;
        answer = MESSAGE_KNOWN;
    }
    r->count += answer == MESSAGE_TAKEN;
    return r->e == OK;
}

static enum err remind_of_endings(struct books *b, int32_t day, int64_t now_s, int64_t *count, struct errmsg *why)
{
    struct reminding r = {.books = b, .now_s = now_s};
    enum err e = books_ending(b, day, day + DAILY_REMIND_DAYS, remind, &r, why);
    *count = r.count;
    if (!e && r.e)
        e = err_set(why, r.e, "%s", r.why.text);
    return e;
}

const struct daily_step daily_steps[] = {
    {"cards", "cards past their last day", end_cards},
    {"households", "points that went to the head of a household", sweep_pools},
    {"birthdays", "members given points for their birthday", birthday_give},
    {"segments", "members marked for the tills", run_segments},
    {"coupons", "coupons that were not right", scan_coupons},
    {"campaigns", "members given points by campaigns", tick_campaigns},
    {"referrals", "members who brought somebody", reward_referrals},
    {"winback", "members who are missed from now on", see_who_is_missed},
    {"reminders", "reminders of points that end", remind_of_endings},
    {0},
};

/* ---- */

static enum err is_done(struct books *b, int32_t day, const char *step, bool *done, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "SELECT 1 FROM daily WHERE day = ? AND step = ?");
    query_int(&q, day);
    query_text(&q, step);
    *done = query_row(&q);
    return query_done(&q, why);
}

static enum err is_run(struct books *b, int32_t day, bool *run, struct errmsg *why)
{
    int32_t newest = INT32_MIN;
    enum err e = books_run_day(b, &newest, why);
    *run = !e && newest >= day;
    return e;
}

enum err daily_is_due(struct books *b, int32_t day, bool *due, struct errmsg *why)
{
    bool run = false, done = false;
    enum err e = is_run(b, day, &run, why);
    *due = false;
    for (const struct daily_step *s = daily_steps; !e && run && s->name && !*due; s++) {
        e = is_done(b, day, s->name, &done, why);
        *due = !e && !done;
    }
    return e;
}

static enum err do_step(struct books *b, const struct daily_step *s, int32_t day, int64_t now_s, int64_t *count,
                        struct errmsg *why)
{
    *count = 0;
    enum err e = books_begin(b, why);
    if (e)
        return e;
    e = s->run(b, day, now_s, count, why);
    if (!e) {
        struct query q = query_text_of(b->store, "INSERT INTO daily VALUES (?, ?, ?, ?)");
        query_int(&q, day);
        query_text(&q, s->name);
        query_int(&q, now_s);
        query_int(&q, *count);
        e = query_run(&q, why);
    }
    if (!e)
        return books_commit(b, why);
    books_rollback(b);
    return e;
}

enum err daily_run(struct books *b, int32_t day, int64_t now_s, daily_fn *each, void *arg, struct errmsg *why)
{
    struct errmsg said = {""};
    bool run = false;
    enum err first = is_run(b, day, &run, why);
    if (!first && !run)
        return err_set(why, ERR_STATE, "the run of the day comes first: patronctl run day");
    if (first)
        return first;
    for (const struct daily_step *s = daily_steps; s->name; s++) {
        bool done = false;
        int64_t count;
        enum err e = is_done(b, day, s->name, &done, &said);
        if (!e && !done && (e = do_step(b, s, day, now_s, &count, &said)) == OK && each)
            each(s, count, arg);
        if (e && !first)
            first = err_set(why, e, "%s: %s", s->text, said.text);
    }
    return first;
}

enum err daily_start(struct books *b, int64_t now_s, struct errmsg *why)
{
    char day[DAY_TEXT_SIZE];
    bool due = false;
    int64_t other = 0, id;
    enum err e = daily_is_due(b, day_of_time(now_s), &due, why);
    if (e || !due)
        return e;
    struct query q = query_text_of(b->store, "SELECT count(*) FROM job WHERE kind = 'daily' AND (ended_s IS NULL"
                                             " OR (state <> 'done' AND ended_s > ?1 AND ended_s <= ?2))");
    query_int(&q, now_s - DAILY_AGAIN_S);
    query_int(&q, now_s);
    if (query_row(&q))
        other = query_get_int(&q);
    if ((e = query_done(&q, why)) || other)
        return e;
    day_text(day, day_of_time(now_s));
    json_t *arguments = json_pack("{s:s, s:I}", "day", day, "now", (json_int_t)now_s);
    if ((e = books_begin(b, why)) == OK) {
        e = job_add(b, "daily", arguments, 0, now_s, &id, why);
        if (!e)
            e = books_commit(b, why);
        else
            books_rollback(b);
    }
    json_decref(arguments);
    return e;
}
