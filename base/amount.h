/* amount.h - points and money: structs of one integer, so that cents never get added to points.
 * Only amount.c and code that encodes bytes or SQL may touch .n and .minor (make lint looks).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_BASE_AMOUNT_H
#define PATRON_BASE_AMOUNT_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct points {
    int64_t n; /* whole points; negative = taken away or owed */
};

struct money {
    int64_t minor; /* minor units (pence, cents) of the programme's one ISO 4217 currency */
};

static inline struct points points_of(int64_t n)
{
    return (struct points){n};
}
static inline struct money money_of(int64_t minor)
{
    return (struct money){minor};
}
static inline int64_t points_n(struct points p)
{
    return p.n;
}
static inline int64_t money_minor(struct money m)
{
    return m.minor;
}
/* -1, 0, 1 as a is less than, equal to, more than b. */
static inline int points_cmp(struct points a, struct points b)
{
    return (a.n > b.n) - (a.n < b.n);
}
static inline int money_cmp(struct money a, struct money b)
{
    return (a.minor > b.minor) - (a.minor < b.minor);
}

/* Sum and difference.  False on overflow, out then untouched. */
MUST_CHECK bool points_add(struct points *out, struct points a, struct points b);
MUST_CHECK bool points_sub(struct points *out, struct points a, struct points b);
MUST_CHECK bool money_add(struct money *out, struct money a, struct money b);
MUST_CHECK bool money_sub(struct money *out, struct money a, struct money b);

/* value * numerator / denominator without overflow in between, rounded toward minus infinity.
 * False when denominator <= 0 or the result does not fit; out then untouched. */
MUST_CHECK bool ratio_floor(int64_t *out, int64_t value, int64_t numerator, int64_t denominator);

#endif
