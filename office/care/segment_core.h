/* segment_core.h - which members a campaign speaks of: conditions over facts, joined by all, any, not.  Pure.
 *
 *     {"all": [{"fact": "tier", "in": ["GOLD", "SILVER"]},
 *              {"fact": "spend", "days": 90, "least": 10000},
 *              {"not": {"fact": "tag", "in": ["staff"]}}]}
 *
 * Facts with "in":  tier, shop (of the newest purchase), tag (tags and interests; any of them).
 * Facts with "least", "most" (whole numbers, both inclusive, at least one of them):
 *     days_since_purchase, days_since_joining, birthday_month (1..12), rating (the newest at a till, 1..3),
 *     spend and visits with "days": what counted in the last so many days, today included.
 * What is not known of a member (no purchase, no birthday, no rating) fulfils no condition about it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_SEGMENT_CORE_H
#define PATRON_OFFICE_SEGMENT_CORE_H

#include "base/err.h"
#include "rules/pack.h"

enum {
    SEGMENT_NODES_MAX = 48,
    SEGMENT_DEPTH_MAX = 6,
    SEGMENT_TEXTS_MAX = 12,   /* of one "in" */
    SEGMENT_TEXT_SIZE = 41,
    SEGMENT_WINDOWS_MAX = 6,  /* different "days" */
    SEGMENT_DAYS_MAX = 3660,
    SEGMENT_SAY_SIZE = 1200,
    SEGMENT_FAULTS_MAX = 16,
};

enum segment_kind { SEGMENT_ALL, SEGMENT_ANY, SEGMENT_NOT, SEGMENT_FACT };
enum segment_fact {
    FACT_TIER, FACT_SHOP, FACT_TAG,
    FACT_SINCE_PURCHASE, FACT_SINCE_JOINING, FACT_BIRTHDAY_MONTH, FACT_RATING, FACT_SPEND, FACT_VISITS,
    SEGMENT_FACTS
};
extern const char *const segment_fact_names[SEGMENT_FACTS]; /* as in the JSON */

struct segment_node {
    enum segment_kind kind;
    int32_t size;             /* nodes of this branch, itself included: the next sibling is so many further on */
    enum segment_fact fact;
    int32_t window;           /* SPEND, VISITS: into windows */
    int64_t least, most;      /* INT64_MIN, INT64_MAX = open */
    int32_t text_count;
    char texts[SEGMENT_TEXTS_MAX][SEGMENT_TEXT_SIZE];
};
struct segment {
    int32_t node_count, window_count;
    int32_t windows[SEGMENT_WINDOWS_MAX]; /* days */
    struct segment_node nodes[SEGMENT_NODES_MAX]; /* a branch stands before what it joins */
};

struct segment_facts {
    const char *tier, *shop;  /* "" = none */
    const char *tags;         /* '\n' before, between and after them: "\nvip\ncoffee\n"; "" = none */
    int32_t since_purchase;   /* days; -1 = never */
    int32_t since_joining;
    int32_t birthday_month;   /* 0 = not known */
    int32_t rating;           /* 0 = none */
    struct {
        int64_t spend, visits;
    } windows[SEGMENT_WINDOWS_MAX];
};
bool segment_holds(const struct segment *s, const struct segment_facts *f);

/* The rule as a sentence for people, by tr(); cut at size.  pack: for money; NULL = minor units. */
void segment_say(char *out, size_t size, const struct segment *s, const struct pack *pack);

/* segment_read.c: from JSON text.  All faults at once, each with where it is: "all[1]: ...".  Errors: ERR_FORMAT, out
 * is then not to be used. */
struct segment_faults {
    int32_t count;            /* more than fit are counted and not kept */
    struct {
        char where[64], what[120];
    } faults[SEGMENT_FAULTS_MAX];
};
MUST_CHECK enum err segment_read(struct segment *out, const char *json, struct segment_faults *faults,
                                 struct errmsg *why);

/* ---- the people who are not contacted, so that one sees what the campaign did ---- */

/* Is the member held out?  The same for ever for one campaign; percent 0..90. */
bool segment_held_out(const char *campaign, uint64_t member, int32_t percent);

#endif
