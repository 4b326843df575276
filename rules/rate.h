/* rate.h - the sum behind rules_earn and rules_clawback: what a bill, or what is left of it, earns.
 * Inside rules/ only.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_RULES_RATE_H
#define PATRON_RULES_RATE_H

#include "rules/rules.h"

enum rate_cap { CAP_NONE, CAP_PER_BILL, CAP_PER_DAY, CAP_PER_MONTH };

struct rate {
    struct points points;
    struct money total; /* of what is left, less what was given back without goods */
    struct money counted;
    const struct pack_tier *tier;
    enum rate_cap cap; /* what cut points down */
    /* What each rule did, for the sentence. */
    struct money multiplied[PACK_MULTIPLIERS_MAX];
    struct points bonus[PACK_BONUSES_MAX];
    int64_t stamps[PACK_STAMPS_MAX], stamps_given[PACK_STAMPS_MAX]; /* as in struct earning */
};

/* left: quantity of each line still bought; NULL = all of it.  given: money given back without goods, >= 0;
 * what is beyond the money of what is left does nothing.  Errors: ERR_RANGE, out untouched. */
MUST_CHECK enum err rate(const struct pack *pack, const struct bill *bill, const int32_t *left,
                         struct money given, struct rate *out, struct errmsg *why);

/* Does a rule of the pack speak of this line, on this bill, for this tier?  line NULL: of the bill as a whole. */
bool rate_scope_fits(const struct pack_scope *scope, const struct bill *bill, const char *tier,
                     const struct txn_line *line);

/* The bill as such; total: of its lines.  Errors: ERR_RANGE. */
MUST_CHECK enum err rate_check(const struct bill *bill, int64_t *total, struct errmsg *why);

#endif
