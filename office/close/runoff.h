/* runoff.h - how many of the points given out will be redeemed in the end, from how earlier ones were: the chain
 * ladder on cumulative points redeemed by year of origin, with Mack's standard error (T. Mack, ASTIN Bulletin 23:213,
 * 1993).  An estimate, so in floating point; what is booked with it is whole numbers again (accounting.h).  Pure.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_RUNOFF_H
#define PATRON_OFFICE_RUNOFF_H

#include "base/err.h"

#include <stdint.h>

enum { RUNOFF_YEARS_MAX = 40 };

struct runoff {
    int years;                                            /* 2..RUNOFF_YEARS_MAX */
    double redeemed[RUNOFF_YEARS_MAX][RUNOFF_YEARS_MAX];  /* [origin][age], cumulative; known where origin + age < years */
    /* out */
    double factor[RUNOFF_YEARS_MAX];   /* from age k to k + 1; years - 1 of them */
    double ultimate[RUNOFF_YEARS_MAX]; /* of each origin */
    double still[RUNOFF_YEARS_MAX];    /* of it still to come */
    double error[RUNOFF_YEARS_MAX];    /* standard error of that */
    double latest, total_ultimate, total_still, total_error;
};

/* Errors: ERR_RANGE (years), ERR_STATE (an age at which nothing had been redeemed: no factor can be had; which is in
 * why). */
MUST_CHECK enum err runoff_estimate(struct runoff *r, struct errmsg *why);

#endif
