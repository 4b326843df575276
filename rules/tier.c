/* tier.c - which tier follows, and when points end.
 *
 *              metric >= upgrade_at of a higher tier: at once, any day
 *     lower  ------------------------------------------------------->  higher
 *            <-------------------------------------------------------
 *              review, keep_at missed for grace_days: one step, or to the tier whose keep_at is
 * reached
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "rules/rules.h"
#include "rules/say.h"

#include <inttypes.h>
#include <stdio.h>

/* The anniversary of a day in this year; 29 February's is 1 March in other years. */
static int32_t anniversary(int32_t year, struct date of)
{
    int32_t first = day_of_date((struct date){year, of.month, 1});
    return first + of.day - 1;
}

/* Last day of the year of membership that a day is in, and so many years more. */
static int32_t year_of_membership(int32_t day, int32_t enrolled_day, int32_t years)
{
    struct date of = date_of_day(enrolled_day);
    int32_t next = date_of_day(day).year;
    while (anniversary(next, of) <= day)
        next++;
    while (anniversary(next - 1, of) > day)
        next--;
    return anniversary(next + years, of) - 1;
}

int32_t rules_expiry_day(const struct pack *pack, int32_t earned_day, int32_t enrolled_day)
{
    switch (pack->expiry) {
    case EXPIRY_NEVER:
        return DAY_NEVER;
    case EXPIRY_ROLLING:
    case EXPIRY_ACTIVITY:
        return earned_day > DAY_NEVER - pack->expiry_days ? DAY_NEVER
                                                          : earned_day + pack->expiry_days;
    case EXPIRY_YEAR_END:
        return day_of_date(
            (struct date){date_of_day(earned_day).year + pack->expiry_years, 12, 31});
    case EXPIRY_ANNIVERSARY:
        return enrolled_day == DAY_NEVER
                   ? DAY_NEVER
                   : year_of_membership(earned_day, enrolled_day, pack->expiry_years);
    }
    return DAY_NEVER;
}

/* The newest day of this kind in any year, not after today. */
static int32_t year_begin(int32_t today, int32_t month, int32_t day)
{
    int32_t year = date_of_day(today).year;
    int32_t begin = day_of_date((struct date){year, month, 1}) + day - 1; /* 29 February: 1 March */
    return begin <= today ? begin : day_of_date((struct date){year - 1, month, 1}) + day - 1;
}

int32_t rules_tier_window_start(const struct pack *pack, int32_t enrolled_day, int32_t today)
{
    struct date enrolled = enrolled_day == DAY_NEVER ? (struct date){1970, 1, 1} : date_of_day(enrolled_day);
    switch (pack->window) {
    case WINDOW_ROLLING:
        return today - pack->window_days + 1;
    case WINDOW_CALENDAR_YEAR:
        return year_begin(today, 1, 1);
    case WINDOW_ANNIVERSARY:
        return year_begin(today, enrolled.month, enrolled.day);
    case WINDOW_LIFETIME:
        return INT32_MIN;
    }
    return INT32_MIN;
}

bool rules_tier_by_year(const struct pack *pack)
{
    return pack->window == WINDOW_CALENDAR_YEAR || pack->window == WINDOW_ANNIVERSARY;
}

static int64_t weighed(int64_t sum, struct ratio weight)
{
    int64_t part, most = INT64_MAX / 16;
    return sum <= 0 ? 0 : ratio_floor(&part, sum, weight.num, weight.den) && part < most ? part : most;
}

int64_t rules_tier_metric(const struct pack *pack, const struct tier_sums *sums)
{
    switch (pack->metric) {
    case METRIC_SPEND:
        return sums->spend;
    case METRIC_POINTS:
        return sums->points;
    case METRIC_VISITS:
        return sums->visits;
    case METRIC_MIX:
        return weighed(sums->spend, pack->mix[METRIC_SPEND]) + weighed(sums->points, pack->mix[METRIC_POINTS]) +
               weighed(sums->visits, pack->mix[METRIC_VISITS]);
    }
    return 0;
}

static void say_metric(struct say *s, const struct pack *pack, int64_t metric)
{
    char money[PACK_MONEY_SIZE];
    switch (pack->metric) {
    case METRIC_SPEND:
        say(s, "%s", pack_money_text(money, pack, money_of(metric)));
        break;
    case METRIC_POINTS:
        say(s, "%" PRId64 " points", metric);
        break;
    case METRIC_VISITS:
        say(s, "%" PRId64 " visits", metric);
        break;
    case METRIC_MIX:
        say(s, "%" PRId64, metric);
        break;
    }
}

/* "Gold kept: 900.00 GBP, from 800.00 GBP" */
static void explain(const struct pack *pack, struct tier_decision *d, const char *what,
                    int64_t metric, const char *threshold_is, int64_t threshold)
{
    struct say s = say_on(d->why, sizeof d->why);
    say(&s, "%s%s: ", d->tier->name, what);
    say_metric(&s, pack, metric);
    say(&s, ", %s", threshold_is);
    say_metric(&s, pack, threshold);
}

/* The highest tier below this index that the metric keeps; the lowest keeps everybody. */
static int32_t kept(const struct pack *pack, int32_t below, int64_t metric)
{
    int32_t i = below - 1;
    while (i > 0 && pack->tiers[i].keep_at > metric)
        i--;
    return i;
}

static void review(const struct pack *pack, int32_t held, const struct tier_facts *facts,
                   struct tier_decision *d)
{
    int64_t metric = facts->metric;
    if (rules_tier_by_year(pack) && facts->metric_last_year > metric)
        metric = facts->metric_last_year;
    int64_t needed = pack->tiers[held].keep_at;
    if (held == 0 || metric >= needed) {
        d->short_since_day = DAY_NEVER;
        explain(pack, d, " kept", metric, "from ", needed);
        return;
    }
    if (d->short_since_day == DAY_NEVER)
        d->short_since_day = facts->today;
    if ((int64_t)facts->today - d->short_since_day < pack->grace_days) {
        char day[DAY_TEXT_SIZE], until[32];
        day_text(day, d->short_since_day + pack->grace_days - 1);
        snprintf(until, sizeof until, " until %s", day);
        explain(pack, d, until, metric, "to keep it ", needed);
        return;
    }
    int32_t to = pack->downgrade_one_step ? held - 1 : kept(pack, held, metric);
    d->tier = &pack->tiers[to];
    d->short_since_day = to > 0 && metric < d->tier->keep_at ? facts->today : DAY_NEVER;
    char instead[48];
    snprintf(instead, sizeof instead, " instead of %s", pack->tiers[held].name);
    explain(pack, d, instead, metric, "to keep that ", needed);
}

void rules_tier(const struct pack *pack, const struct tier_facts *facts, struct tier_decision *out)
{
    int32_t held = (int32_t)(pack_get_tier(pack, facts->tier) - pack->tiers);
    int32_t reached = pack->tier_count - 1;
    while (reached > 0 && pack->tiers[reached].upgrade_at > facts->metric)
        reached--;
    *out = (struct tier_decision){&pack->tiers[held], facts->short_since_day, ""};
    if (reached > held) {
        out->tier = &pack->tiers[reached];
        out->short_since_day = DAY_NEVER;
        explain(pack, out, " reached", facts->metric, "from ", out->tier->upgrade_at);
    } else if (facts->review) {
        review(pack, held, facts, out);
    } else if (held + 1 < pack->tier_count) {
        char next[48];
        snprintf(next, sizeof next, "%s from ", pack->tiers[held + 1].name);
        explain(pack, out, "", facts->metric, next, pack->tiers[held + 1].upgrade_at);
    } else {
        explain(pack, out, " kept", facts->metric, "from ", out->tier->keep_at);
    }
}
