/* guard.h - looks after the disk that the books are on: before it is full, changes are refused, so that SQLite never
 * runs out in the middle and reading goes on.  Tills keep their entries and send them again.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_GUARD_H
#define PATRON_OFFICE_GUARD_H

#include "office/books/books.h"

enum { GUARD_PAUSE_MS = 5000 }; /* between two looks */

struct guard {
    const char *dir;      /* a folder on that disk, borrowed */
    int64_t least_mb;     /* 0 = never refuses */
    struct books *books;  /* borrowed */
    int64_t free_mb;      /* as seen last */
    bool refusing;        /* changes are refused; ends when a quarter more than least_mb is free */
    int64_t next_ms;      /* of clock_tick_ms */
};

/* Looks, when it is time to.  Errors: ERR_IO. */
MUST_CHECK enum err guard_look(struct guard *g, struct errmsg *why);

#endif
