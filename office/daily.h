/* daily.h - what head office does once a day, after the day's run has ended points and reviewed tiers: cards past their
 * last day, households, birthdays, segments, coupons, campaigns, referrals, who is missed, reminders of points that end.
 *
 * None of it is needed for a sale, and it may take long with many members: patron-office has it done by a process of its own
 * (`patronctl run rest`), which the next start, or the next minute, begins again where it was cut off.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_DAILY_H
#define PATRON_OFFICE_DAILY_H

#include "office/books/books.h"

enum {
    DAILY_REMIND_DAYS = 30, /* a reminder of the points that end next, when that is within so many days */
    DAILY_REMIND_EVERY = 7, /* days, at least, from one reminder of a member to the next */
    DAILY_AGAIN_S = 3600    /* what failed is tried again after that */
};

struct daily_step {
    const char *name; /* as in db/daily.sql: never changed */
    const char *text; /* for people */
    /* In an open transaction.  *count: what it made; 0 on entry. */
    enum err (*run)(struct books *b, int32_t day, int64_t now_s, int64_t *count, struct errmsg *why);
};
extern const struct daily_step daily_steps[]; /* in order; ended by a row without a name */

/* Is anything of this day still to be done?  False for a day whose run was not. */
MUST_CHECK enum err daily_is_due(struct books *b, int32_t day, bool *due, struct errmsg *why);

/* Does what is still to be done for the day.  each: told of every step done now; NULL is fine.  A step that fails leaves
 * the others to be done; the first failure is the error, with the step's name.  Errors: those of the steps; ERR_STATE
 * (the day's run was not done). */
typedef void daily_fn(const struct daily_step *step, int64_t count, void *arg);
MUST_CHECK enum err daily_run(struct books *b, int32_t day, int64_t now_s, daily_fn *each, void *arg,
                              struct errmsg *why);

/* Adds the job (office/plan/jobs.h) that does today's, when something is due and none does it or failed lately. */
MUST_CHECK enum err daily_start(struct books *b, int64_t now_s, struct errmsg *why);

#endif
