/* close.h - a period is closed: its points by shop and day, what they mean in money, and the lines for the general
 * ledger.  What a period is and why it stays: db/close.sql; the sums: accounting.h.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_CLOSE_H
#define PATRON_OFFICE_CLOSE_H

#include "office/close/accounting.h"
#include "office/books/books.h"
#include "office/close/runoff.h"

struct close_wanted {
    int32_t to_day;       /* last day of the period, before today */
    int64_t expected_ppm; /* of the points bought, how many will be redeemed: 0..ACCOUNTING_PPM */
    uint32_t user;
    const char *remark;   /* "" = none */
};

/* The first day that is not closed yet: that of the first entry when nothing is; INT32_MAX = there is no entry. */
MUST_CHECK enum err close_next_day(struct books *b, int32_t *day, struct errmsg *why);
/* Of the newest period; -1 = none is closed. */
MUST_CHECK enum err close_last_expected(struct books *b, int64_t *ppm, struct errmsg *why);

/* Closes it: in a transaction of the caller's, who may roll it back again to have only looked.  *period: its number.
 * Errors: ERR_STATE (the day is not over, is closed already, no rules are in force), ERR_RANGE (a number does not
 * fit, or expected_ppm), ERR_CORRUPT (the sums are not those of the ledger). */
MUST_CHECK enum err close_period(struct books *b, const struct close_wanted *wanted, int64_t now_s,
                                 int64_t *period, struct errmsg *why);

/* The lines of a period for the general ledger, as CSV with a header line; debits and credits are equal.
 * Errors: ERR_NOT_FOUND. */
MUST_CHECK enum err close_journal(struct books *b, int64_t period, FILE *out, struct errmsg *why);

/* Redeemed points by cohort (year in which they end, 0 = never) and years since the first of the cohort, for the
 * run-off.  first_year: of origin 0.  Errors: ERR_STATE (fewer than two years are known). */
MUST_CHECK enum err close_runoff(struct books *b, struct runoff *out, int32_t *first_year, struct errmsg *why);

#endif
