/* segment_core.c - see segment_core.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/care/segment_core.h"
#include "base/tr.h"
#include "office/care/care_core.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *const segment_fact_names[SEGMENT_FACTS] = {
    "tier",   "shop",  "tag",    "days_since_purchase", "days_since_joining", "birthday_month",
    "rating", "spend", "visits",
};

/* ---- does it hold? ---- */

static bool is_in(const struct segment_node *n, const char *text)
{
    for (int32_t i = 0; i < n->text_count; i++)
        if (*text && strcmp(n->texts[i], text) == 0)
            return true;
    return false;
}

static bool has_tag(const struct segment_node *n, const char *tags)
{
    char between[SEGMENT_TEXT_SIZE + 2];
    for (int32_t i = 0; i < n->text_count; i++) {
        snprintf(between, sizeof between, "\n%s\n", n->texts[i]);
        if (strstr(tags, between))
            return true;
    }
    return false;
}

static bool between(const struct segment_node *n, int64_t value)
{
    return value >= n->least && value <= n->most;
}

static bool fact_holds(const struct segment_node *n, const struct segment_facts *f)
{
    switch (n->fact) {
    case FACT_TIER: return is_in(n, f->tier);
    case FACT_SHOP: return is_in(n, f->shop);
    case FACT_TAG: return has_tag(n, f->tags);
    case FACT_SINCE_PURCHASE: return f->since_purchase >= 0 && between(n, f->since_purchase);
    case FACT_SINCE_JOINING: return between(n, f->since_joining);
    case FACT_BIRTHDAY_MONTH: return f->birthday_month > 0 && between(n, f->birthday_month);
    case FACT_RATING: return f->rating > 0 && between(n, f->rating);
    case FACT_SPEND: return between(n, f->windows[n->window].spend);
    case FACT_VISITS: return between(n, f->windows[n->window].visits);
    case SEGMENT_FACTS: break;
    }
    return false;
}

static bool holds(const struct segment_node *n, const struct segment_facts *f)
{
    bool any = n->kind == SEGMENT_ANY;
    if (n->kind == SEGMENT_FACT)
        return fact_holds(n, f);
    if (n->kind == SEGMENT_NOT)
        return !holds(n + 1, f);
    for (const struct segment_node *c = n + 1; c < n + n->size; c += c->size)
        if (holds(c, f) == any)
            return any;
    return !any;
}

bool segment_holds(const struct segment *s, const struct segment_facts *f)
{
    return holds(s->nodes, f);
}

/* ---- in words ---- */

struct words {
    char *text;
    size_t size, used;
};

static void put(struct words *w, const char *text)
{
    size_t n = strlen(text);
    if (n >= w->size - w->used)
        n = w->size - w->used - 1;
    memcpy(w->text + w->used, text, n);
    w->used += n;
    w->text[w->used] = 0;
}

static void put_number(struct words *w, const struct segment_node *n, int64_t value, const struct pack *pack)
{
    char text[PACK_MONEY_SIZE];
    if (n->fact == FACT_SPEND)
        pack_money_text(text, pack, money_of(value));
    else
        snprintf(text, sizeof text, "%" PRId64, value);
    put(w, text);
}

static void put_range(struct words *w, const struct segment_node *n, const struct pack *pack)
{
    bool least = n->least != INT64_MIN, most = n->most != INT64_MAX;
    if (least && most && n->least == n->most) {
        put_number(w, n, n->least, pack);
        return;
    }
    put(w, least && most ? "" : least ? tr("at least ") : tr("at most "));
    if (least)
        put_number(w, n, n->least, pack);
    if (least && most)
        put(w, tr(" to "));
    if (most)
        put_number(w, n, n->most, pack);
}

static void put_fact(struct words *w, const struct segment *s, const struct segment_node *n, const struct pack *pack)
{
    static const char *const names[SEGMENT_FACTS] = {
        TR_LATER("tier"),
        TR_LATER("last shop"),
        TR_LATER("tag"),
        TR_LATER("days since the last purchase"),
        TR_LATER("days since joining"),
        TR_LATER("month of birthday"),
        TR_LATER("last rating"),
        TR_LATER("spent in the last %d days"),
        TR_LATER("visits in the last %d days"),
    };
    char text[200];
    bool window = n->fact == FACT_SPEND || n->fact == FACT_VISITS;
    if (window) {
        snprintf(text, sizeof text, n->fact == FACT_SPEND ? tr("spent in the last %d days")
                                                           : tr("visits in the last %d days"), s->windows[n->window]);
        put(w, text);
    } else {
        put(w, tr(names[n->fact]));
    }
    put(w, tr(": "));
    for (int32_t i = 0; i < n->text_count; i++) {
        put(w, i == 0 ? "" : tr(" or "));
        put(w, n->texts[i]);
    }
    if (n->fact > FACT_TAG)
        put_range(w, n, pack);
}

static void say(struct words *w, const struct segment *s, const struct segment_node *n, bool inside,
                const struct pack *pack)
{
    if (n->kind == SEGMENT_FACT) {
        put_fact(w, s, n, pack);
        return;
    }
    if (n->kind == SEGMENT_NOT) {
        put(w, tr("not ("));
        say(w, s, n + 1, false, pack);
        put(w, ")");
        return;
    }
    put(w, inside ? "(" : "");
    for (const struct segment_node *c = n + 1; c < n + n->size; c += c->size) {
        put(w, c == n + 1 ? "" : n->kind == SEGMENT_ALL ? tr(", and ") : tr(", or "));
        say(w, s, c, true, pack);
    }
    put(w, inside ? ")" : "");
}

void segment_say(char *out, size_t size, const struct segment *s, const struct pack *pack)
{
    struct words w = {.text = out, .size = size};
    *out = 0;
    say(&w, s, s->nodes, false, pack);
}

/* ---- held out ---- */

bool segment_held_out(const char *campaign, uint64_t member, int32_t percent)
{
    uint64_t seed = UINT64_C(14695981039346656037); /* FNV-1a of the code, then mixed with the member */
    for (const char *p = campaign; *p; p++)
        seed = (seed ^ (unsigned char)*p) * UINT64_C(1099511628211);
    return care_sampled(seed, member, percent);
}
