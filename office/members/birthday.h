/* birthday.h - points on the birthday, as the member's tier has them.  An entry says so, so that the books need no
 * birthday when they are replayed, and a person can be erased.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_BIRTHDAY_H
#define PATRON_OFFICE_BIRTHDAY_H

#include "office/books/books.h"

enum {
    BIRTHDAY_LATE_DAYS = 7,   /* how many days ago it may have been, when head office was not there */
    BIRTHDAY_AGAIN_DAYS = 300 /* not twice within these, however often the date is changed */
};
#define BIRTHDAY_REASON "birthday" /* of the ADJUST */

/* An ADJUST for each member whose birthday was on this day or up to BIRTHDAY_LATE_DAYS before and who has none yet.
 * 29 February: on 28 February in other years.  *count: how many.  In an open transaction. */
MUST_CHECK enum err birthday_give(struct books *b, int32_t day, int64_t now_s, int64_t *count, struct errmsg *why);

#endif
