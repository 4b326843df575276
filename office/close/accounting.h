/* accounting.h - what points mean in money: the share of a price that belongs to them, what of it is earned when
 * they are redeemed, and how a period's points roll forward.  Pure; whole points and minor units.
 *
 * Points that purchases earn are a right the member has paid for (IFRS 15 B39-B43): of the price P of the goods, points
 * with a stand-alone price S take P x S / (P + S), where S = points x worth x the part expected to be redeemed.  That
 * share is owed (contract liability) and becomes revenue as points are redeemed, in proportion to all that are
 * expected to be; when the expectation moves, what was earned so far is caught up.  Points that ended no longer are
 * expected, so the rest is earned with them (breakage).
 *
 * A *cohort* is all points that end in the same calendar year; those without an end are one cohort.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_ACCOUNTING_H
#define PATRON_OFFICE_ACCOUNTING_H

#include "base/amount.h"
#include "rules/pack.h"

enum { ACCOUNTING_PPM = 1000000 }; /* an expected rate of redemption is in millionths */

/* The points of a period, as people roll them forward.  All but closing, opening and adjusted are >= 0 unless entries took more
 * back than came in. */
struct accounting_roll {
    struct points opening, earned, clawed, redeemed, returned, expired, adjusted, closing;
};
/* closing = opening + earned - clawed - redeemed + returned - expired + adjusted.  False: it does not fit. */
MUST_CHECK bool accounting_close(struct accounting_roll *roll);

/* What points are worth at the programme's rate, rounded down toward minus infinity.  False: it does not fit. */
MUST_CHECK bool accounting_value(struct points points, struct ratio worth, struct money *out);

/* The share of price that belongs to points, to the nearest minor unit.  expected_ppm: 0..ACCOUNTING_PPM.  Less came
 * back than was sold, or more: price and points may be below 0 together or alone.  False: it does not fit. */
MUST_CHECK bool accounting_allocate(struct money price, struct points points, struct ratio worth,
                                    int64_t expected_ppm, struct money *out);

struct accounting_cohort {
    struct points issued;     /* earned less clawed back, since it began */
    struct points redeemed;   /* less returned, since it began */
    struct points left;       /* may still be redeemed */
    struct money allocated;   /* since it began */
};
/* What of allocated is revenue by now, to the nearest minor unit: allocated x redeemed / N, where N is how many are
 * expected to be redeemed in all: issued x expected_ppm, but not fewer than were, and not more than still can
 * be.  0..allocated.  False: it does not fit. */
MUST_CHECK bool accounting_recognised(const struct accounting_cohort *cohort, int64_t expected_ppm,
                                      struct money *out);

#endif
