/* advice.c - see advice.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/members/advice.h"
#include "base/date.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- birthdays ---- */

static int32_t days_in(int32_t year, int32_t month)
{
    struct date next = {month == 12 ? year + 1 : year, month == 12 ? 1 : month + 1, 1};
    return day_of_date(next) - day_of_date((struct date){year, month, 1});
}

static bool birthday_parse(const char *text, int32_t *month, int32_t *day)
{
    if (strlen(text) != 5 || text[2] != '-' || strspn(text, "0123456789-") != 5)
        return false;
    *month = (text[0] - '0') * 10 + text[1] - '0';
    *day = (text[3] - '0') * 10 + text[4] - '0';
    return *month >= 1 && *month <= 12 && *day >= 1 && *day <= days_in(2000, *month); /* 2000: a leap year */
}

bool advice_is_birthday(const char *text)
{
    int32_t month, day;
    return birthday_parse(text, &month, &day);
}

/* Born on 29 February: the 28th where there is none.  Around New Year the nearest may be another year's. */
static bool is_about_now(const char *birthday, int32_t today)
{
    int32_t month, day, year = date_of_day(today).year;
    if (!birthday_parse(birthday, &month, &day))
        return false;
    for (int32_t y = year - 1; y <= year + 1; y++) {
        int32_t most = days_in(y, month), on = day_of_date((struct date){y, month, day < most ? day : most});
        if (today - on <= ADVICE_BIRTHDAY_DAYS && on - today <= ADVICE_BIRTHDAY_DAYS)
            return true;
    }
    return false;
}

/* ---- at risk ---- */

/* The mean interval is (last - first) / (visits - 1); compared without dividing. */
static bool is_at_risk(const struct advice_facts *f)
{
    int64_t away = (int64_t)f->today - f->last_day, span = (int64_t)f->last_day - f->first_day;
    return f->visits >= 3 && away > ADVICE_RISK_DAYS && away * (f->visits - 1) > 2 * span;
}

/* ---- the sentence ---- */

static const char *missing_text(char out[64], const struct pack *pack, int64_t missing, bool chinese)
{
    char money[PACK_MONEY_SIZE];
    switch (pack->metric) {
    case METRIC_SPEND:
        snprintf(out, 64, "%s", pack_money_text(money, pack, money_of(missing)));
        break;
    case METRIC_POINTS:
        snprintf(out, 64, chinese ? "%" PRId64 " 积分" : "%" PRId64 " points", missing);
        break;
    case METRIC_VISITS:
        snprintf(out, 64, chinese ? "%" PRId64 " 次光临" : missing == 1 ? "%" PRId64 " visit" : "%" PRId64 " visits",
                 missing);
        break;
    case METRIC_MIX:
        snprintf(out, 64, "%" PRId64, missing);
        break;
    }
    return out;
}

static void suggest(const struct pack *pack, const struct advice_facts *f, struct advice *a)
{
    bool chinese = strcmp(f->language, "zh") == 0;
    char missing[64], *out = a->suggestion;
    if (a->birthday)
        snprintf(out, ADVICE_TEXT_SIZE, "%s", chinese ? "祝您生日快乐！" : "Happy birthday!");
    else if (points_n(f->expiring) > 0)
        snprintf(out, ADVICE_TEXT_SIZE,
                 chinese ? "您有 %" PRId64 " 积分将在 %d 天内到期，今天要使用吗？"
                         : "%" PRId64 " of your points end within %d days: would you like to use them today?",
                 points_n(f->expiring), ADVICE_EXPIRY_DAYS);
    else if (a->next && a->missing <= a->next->upgrade_at / 5)
        snprintf(out, ADVICE_TEXT_SIZE, chinese ? "再有 %s 即可升级为 %s。" : "Only %s more to %s.",
                 missing_text(missing, pack, a->missing, chinese), a->next->name);
    else if (a->at_risk)
        snprintf(out, ADVICE_TEXT_SIZE, "%s", chinese ? "很高兴再次见到您！" : "It is good to see you again.");
}

void advice_of(const struct pack *pack, const struct advice_facts *f, struct advice *out)
{
    *out = (struct advice){.birthday = is_about_now(f->birthday, f->today), .at_risk = is_at_risk(f)};
    const struct pack_tier *held = pack_get_tier(pack, f->tier);
    if (held + 1 < pack->tiers + pack->tier_count && held[1].upgrade_at > f->metric) {
        out->next = held + 1;
        out->missing = held[1].upgrade_at - f->metric;
    }
    suggest(pack, f, out);
}
