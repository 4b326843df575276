/* preview.h - what a draft of the rules would do, shown before it does it: the purchases of the past are posted twice
 * in memory (shadow.h), as they were and by the draft from a day on, and compared.  Nothing is written to the books.
 *
 * Reads a snapshot of the database beside the program that writes it; the members are split over worker processes.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_PREVIEW_H
#define PATRON_OFFICE_PREVIEW_H

#include "office/plan/shadow.h"

#include <jansson.h>

enum { PREVIEW_WORKERS_MAX = 8 };

/* Each sale and refund; each member at the end.  Beside what preview_run writes, for those who want all of it. */
struct preview_hooks {
    void (*entry)(const struct txn *t, const struct shadow_result *before, const struct shadow_result *after, void *arg);
    void (*member)(const struct shadow_state *before, const struct shadow_state *after, void *arg);
    void *arg;
};

struct preview_wanted {
    const char *books;        /* path of the database */
    const char *dir;          /* an empty folder for what comes out */
    const struct pack *draft; /* its version is of no pack in the books */
    int32_t from_day, to_day; /* of events: the draft counts from from_day on; what happened after to_day is left out */
    int workers;              /* processes, 1..PREVIEW_WORKERS_MAX; 0: this one alone.  With some, no database may be
                               * open in this process */
    const struct preview_hooks *hooks; /* workers 0 only; NULL = none */
};

/* Thousandths done, now and then; false = end it (ERR_STATE). */
typedef bool preview_progress_fn(int thousandths, void *arg);

/* *out: what docs/rules-office.md lists, a new reference; into dir: entries.csv (each sale and refund that would differ) and
 * tiers.csv (each member who rises or falls).  Errors: ERR_IO, ERR_CORRUPT, ERR_STATE. */
MUST_CHECK enum err preview_run(const struct preview_wanted *wanted, preview_progress_fn *progress, void *arg,
                                json_t **out, struct errmsg *why);

#endif
