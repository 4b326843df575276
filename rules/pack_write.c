/* pack_write.c - a programme pack as JSON, in one layout only, so that a form that changes nothing changes no
 * byte.  Mirrors pack_read.c key by key; the order is that of docs/programme.md, "Every key".
 *
 * Objects at the top stand one key to a line, what is in a list one item to a line.  What has its default is left
 * out.  SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "rules/pack.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct json {
    char *out;
    size_t cap, used; /* used grows beyond cap when it does not fit */
    int depth, flat;  /* flat > 0: all in one line */
    bool first;       /* nothing before it in this object or list */
};

__attribute__((format(printf, 2, 3))) static void put(struct json *j, const char *format, ...)
{
    va_list args;
    size_t room = j->used < j->cap ? j->cap - j->used : 0;
    va_start(args, format);
    int size = vsnprintf(room ? j->out + j->used : NULL, room, format, args);
    va_end(args);
    j->used += (size_t)size;
}

/* To where the next value stands; key NULL: in a list. */
static void next(struct json *j, const char *key)
{
    if (!j->first)
        put(j, j->flat ? ", " : ",");
    if (!j->flat)
        put(j, "\n%*s", 2 * j->depth, "");
    if (key)
        put(j, "\"%s\": ", key);
    j->first = false;
}

static void begin(struct json *j, const char *key, char bracket, bool flat)
{
    if (j->depth)
        next(j, key);
    put(j, "%c", bracket);
    j->depth++;
    j->flat += j->flat || flat;
    j->first = true;
}

static void end(struct json *j, char bracket)
{
    j->depth--;
    if (!j->flat && !j->first)
        put(j, "\n%*s", 2 * j->depth, "");
    put(j, "%c", bracket);
    j->flat -= j->flat > 0;
    j->first = false;
}

/* ---- values ---- */

static void put_string(struct json *j, const char *text)
{
    put(j, "\"");
    for (const char *c = text; *c; c++)
        put(j, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
    put(j, "\"");
}

static void text(struct json *j, const char *key, const char *value, const char *missing)
{
    if (strcmp(value, missing) == 0)
        return;
    next(j, key);
    put_string(j, value);
}

static void integer(struct json *j, const char *key, int64_t value, int64_t missing)
{
    if (value == missing)
        return;
    next(j, key);
    put(j, "%" PRId64, value);
}

static void boolean(struct json *j, const char *key, bool value, bool missing)
{
    if (value == missing)
        return;
    next(j, key);
    put(j, value ? "true" : "false");
}

static void ratio(struct json *j, const char *key, struct ratio value, struct ratio missing)
{
    if (value.num == missing.num && value.den == missing.den)
        return;
    next(j, key);
    if (value.den == 1)
        put(j, "%" PRId64, value.num);
    else
        put(j, "\"%" PRId64 "/%" PRId64 "\"", value.num, value.den);
}

static void day(struct json *j, const char *key, int32_t value)
{
    char out[DAY_TEXT_SIZE];
    if (value == 0)
        return;
    day_text(out, value);
    text(j, key, out, "");
}

static void minute(struct json *j, const char *key, int32_t value)
{
    next(j, key);
    put(j, "\"%02d:%02d\"", (int)value / 60, (int)value % 60);
}

static const struct ratio none = {0, 0}, zero = {0, 1}, one = {1, 1};

/* key NULL: in a list. */
static void scope(struct json *j, const char *key, const struct pack_scope *s)
{
    static const char *const names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    if (key && pack_scope_is_empty(s))
        return;
    begin(j, key, '{', true);
    text(j, "sku", s->sku, "");
    text(j, "category", s->category, "");
    text(j, "shop", s->shop, "");
    text(j, "tier", s->tier, "");
    text(j, "coupon", s->coupon, "");
    text(j, "mark", s->mark, "");
    day(j, "from", s->from_day);
    day(j, "to", s->to_day);
    if (s->weekdays) {
        begin(j, "weekdays", '[', true);
        for (int i = 0; i < 7; i++)
            if (s->weekdays >> i & 1)
                text(j, NULL, names[i], "");
        end(j, ']');
    }
    if (s->from_minute != s->to_minute) {
        minute(j, "from_time", s->from_minute);
        minute(j, "to_time", s->to_minute);
    }
    end(j, '}');
}

/* ---- parts of a pack, as in pack_read.c ---- */

static void earn(struct json *j, const struct pack *p)
{
    static const char *const roundings[] = {"floor", "nearest", "ceiling"};
    begin(j, "earn", '{', false);
    ratio(j, "rate", p->earn, none);
    boolean(j, "points_paid_earns", p->points_paid_earns, false);
    text(j, "rounding", roundings[p->rounding], "floor");
    text(j, "round_per", p->round_per == ROUND_PER_LINE ? "line" : "bill", "bill");
    boolean(j, "multipliers_stack", p->multipliers_stack, false);
    integer(j, "cap_per_bill", points_n(p->cap_per_bill), 0);
    integer(j, "cap_per_day", points_n(p->cap_per_day), 0);
    integer(j, "cap_per_month", points_n(p->cap_per_month), 0);
    integer(j, "vest_days", p->vest_days, 0);
    if (p->exclude_tender_count) {
        begin(j, "exclude_tenders", '[', true);
        for (int32_t i = 0; i < p->exclude_tender_count; i++)
            text(j, NULL, p->exclude_tenders[i], "");
        end(j, ']');
    }
    if (p->exclusion_count) {
        begin(j, "exclude", '[', false);
        for (int32_t i = 0; i < p->exclusion_count; i++)
            scope(j, NULL, &p->exclusions[i]);
        end(j, ']');
    }
    if (p->multiplier_count) {
        begin(j, "multipliers", '[', false);
        for (int32_t i = 0; i < p->multiplier_count; i++) {
            begin(j, NULL, '{', true);
            text(j, "name", p->multipliers[i].name, "");
            ratio(j, "factor", p->multipliers[i].factor, none);
            scope(j, "when", &p->multipliers[i].scope);
            end(j, '}');
        }
        end(j, ']');
    }
    if (p->bonus_count) {
        begin(j, "bonuses", '[', false);
        for (int32_t i = 0; i < p->bonus_count; i++) {
            begin(j, NULL, '{', true);
            text(j, "name", p->bonuses[i].name, "");
            integer(j, "points", points_n(p->bonuses[i].points), 0);
            scope(j, "when", &p->bonuses[i].scope);
            end(j, '}');
        }
        end(j, ']');
    }
    end(j, '}');
}

static void level(struct json *j, const struct pack_tier *t)
{
    begin(j, NULL, '{', true);
    text(j, "code", t->code, "");
    text(j, "name", t->name, t->code);
    integer(j, "upgrade_at", t->upgrade_at, 0);
    integer(j, "keep_at", t->keep_at, t->upgrade_at);
    ratio(j, "factor", t->factor, one);
    integer(j, "offline_per_tap", points_n(t->offline_per_tap), 0);
    integer(j, "offline_per_day", points_n(t->offline_per_day), points_n(t->offline_per_tap));
    ratio(j, "reward_factor", t->reward_factor, one);
    integer(j, "birthday_points", points_n(t->birthday_points), 0);
    end(j, '}');
}

static void tiers(struct json *j, const struct pack *p)
{
    static const char *const metrics[] = {"spend", "points", "visits", "mix"};
    static const char *const windows[] = {"rolling", "calendar_year", "lifetime", "anniversary"};
    begin(j, "tiers", '{', false);
    text(j, "metric", metrics[p->metric], "spend");
    if (p->metric == METRIC_MIX) {
        begin(j, "mix", '{', true);
        for (int i = 0; i < 3; i++)
            ratio(j, metrics[i], p->mix[i], zero);
        end(j, '}');
    }
    text(j, "window", windows[p->window], "rolling");
    integer(j, "window_days", p->window_days, 365);
    integer(j, "grace_days", p->grace_days, 0);
    boolean(j, "downgrade_one_step", p->downgrade_one_step, false);
    begin(j, "levels", '[', false);
    for (int32_t i = 0; i < p->tier_count; i++)
        level(j, &p->tiers[i]);
    end(j, ']');
    end(j, '}');
}

static void expiry(struct json *j, const struct pack *p)
{
    static const char *const kinds[] = {
        [EXPIRY_NEVER] = "never",       [EXPIRY_ROLLING] = "rolling",       [EXPIRY_YEAR_END] = "year_end",
        [EXPIRY_ACTIVITY] = "activity", [EXPIRY_ANNIVERSARY] = "anniversary"};
    if (p->expiry == EXPIRY_NEVER && p->reinstate_days == 0)
        return;
    begin(j, "expiry", '{', true);
    text(j, "kind", kinds[p->expiry], "");
    integer(j, "days", p->expiry_days, 0);
    if (p->expiry == EXPIRY_YEAR_END || p->expiry == EXPIRY_ANNIVERSARY)
        integer(j, "years", p->expiry_years, -1);
    integer(j, "reinstate_days", p->reinstate_days, 0);
    end(j, '}');
}

static void redeem(struct json *j, const struct pack *p)
{
    struct json before = *j;
    begin(j, "redeem", '{', false);
    ratio(j, "worth", p->worth, zero);
    integer(j, "step", points_n(p->redeem_step), 1);
    integer(j, "min", points_n(p->redeem_min), points_n(p->redeem_step));
    ratio(j, "max_share", p->redeem_max_share, one);
    integer(j, "offline_days", p->offline_days, 0);
    integer(j, "second_factor_above", points_n(p->second_factor_above), 0);
    integer(j, "hold_minutes", p->hold_minutes, 15);
    bool empty = j->first;
    end(j, '}');
    if (empty)
        *j = before;
}

static void reward(struct json *j, const struct pack *p, const struct pack_reward *r)
{
    static const char *const kinds[] = {"money", "percent", "item", "sliding"};
    begin(j, NULL, '{', true);
    text(j, "code", r->code, "");
    text(j, "name", r->name, r->code);
    text(j, "name_zh", r->name_zh, "");
    text(j, "kind", kinds[r->kind], "");
    integer(j, "points", points_n(r->points), 0);
    integer(j, "value", money_minor(r->value), 0);
    ratio(j, "percent", r->percent, zero);
    text(j, "sku", r->sku, "");
    if (r->step_count) {
        begin(j, "steps", '[', true);
        for (int32_t i = 0; i < r->step_count; i++) {
            begin(j, NULL, '{', true);
            integer(j, "points", points_n(r->steps[i].points), 0);
            integer(j, "value", money_minor(r->steps[i].value), 0);
            end(j, '}');
        }
        end(j, ']');
    }
    ratio(j, "max_share", r->max_share, one);
    if (r->tiers) {
        begin(j, "tiers", '[', true);
        for (int32_t i = 0; i < p->tier_count; i++)
            if (r->tiers >> i & 1)
                text(j, NULL, p->tiers[i].code, "");
        end(j, ']');
    }
    day(j, "from", r->from_day);
    day(j, "to", r->to_day);
    integer(j, "stock", r->stock, 0);
    integer(j, "per_member", r->per_member, 0);
    end(j, '}');
}

static void rewards(struct json *j, const struct pack *p)
{
    if (!p->reward_count)
        return;
    begin(j, "rewards", '[', false);
    for (int32_t i = 0; i < p->reward_count; i++)
        reward(j, p, &p->rewards[i]);
    end(j, ']');
}

static void stamps(struct json *j, const struct pack *p)
{
    if (!p->stamp_count)
        return;
    begin(j, "stamps", '[', false);
    for (int32_t i = 0; i < p->stamp_count; i++) {
        const struct pack_stamp *s = &p->stamps[i];
        begin(j, NULL, '{', true);
        text(j, "name", s->name, "");
        text(j, "per", s->per_visit ? "visit" : "piece", "piece");
        integer(j, "every", s->every, 0);
        integer(j, "points", *s->reward ? 0 : points_n(s->points), 0);
        text(j, "reward", s->reward, "");
        scope(j, "when", &s->scope);
        end(j, '}');
    }
    end(j, ']');
}

static void rebates(struct json *j, const struct pack *p)
{
    if (!p->rebate_count)
        return;
    begin(j, "rebates", '[', false);
    for (int32_t i = 0; i < p->rebate_count; i++) {
        begin(j, NULL, '{', true);
        text(j, "name", p->rebates[i].name, "");
        ratio(j, "rate", p->rebates[i].rate, none);
        scope(j, "when", &p->rebates[i].scope);
        end(j, '}');
    }
    end(j, ']');
}

static void grants(struct json *j, const struct pack *p)
{
    if (points_n(p->grant_per_day) == 0)
        return;
    begin(j, "grants", '{', true);
    integer(j, "per_gift", points_n(p->grant_per_gift), 0);
    integer(j, "per_day", points_n(p->grant_per_day), points_n(p->grant_per_gift));
    boolean(j, "register", p->register_grants, false);
    end(j, '}');
}

static bool has_tiers(const struct pack *p)
{
    const struct pack_tier *t = &p->tiers[0];
    return p->tier_count > 1 || strcmp(t->code, "member") != 0 || strcmp(t->name, "Member") != 0 ||
           t->factor.num != 1 || t->factor.den != 1 || t->reward_factor.num != 1 || t->reward_factor.den != 1 ||
           points_n(t->offline_per_day) || points_n(t->birthday_points) || p->metric != METRIC_SPEND ||
           p->window != WINDOW_ROLLING || p->window_days != 365 || p->grace_days || p->downgrade_one_step;
}

enum err pack_write(const struct pack *pack, char *out, size_t cap, size_t *size, struct errmsg *why)
{
    struct json j = {.out = out, .cap = cap, .first = true};
    begin(&j, NULL, '{', false);
    integer(&j, "version", pack->version, 0);
    day(&j, "effective", pack->effective_day);
    text(&j, "name", pack->name, "");
    text(&j, "currency", pack->currency, "");
    integer(&j, "currency_digits", pack->currency_digits, 2);
    earn(&j, pack);
    if (has_tiers(pack))
        tiers(&j, pack);
    expiry(&j, pack);
    redeem(&j, pack);
    rewards(&j, pack);
    stamps(&j, pack);
    rebates(&j, pack);
    grants(&j, pack);
    if (!pack->refund_may_owe) {
        begin(&j, "refund", '{', true);
        boolean(&j, "may_owe", false, true);
        end(&j, '}');
    }
    if (pack->replace_days) {
        begin(&j, "cards", '{', true);
        integer(&j, "replace_days", pack->replace_days, 0);
        end(&j, '}');
    }
    integer(&j, "clock_skew_s", pack->clock_skew_s, 600);
    end(&j, '}');
    put(&j, "\n");
    if (j.used >= cap || j.used > PACK_JSON_MAX)
        return err_set(why, ERR_FULL, "the pack has %zu bytes; expected at most %zu", j.used,
                       cap <= PACK_JSON_MAX ? cap - 1 : (size_t)PACK_JSON_MAX);
    *size = j.used;
    return OK;
}
