/* rows.h - what a statement finds, as JSON: the columns are named once, in a text like the shapes of api.h.
 *
 *     struct query q = query_text_of(store, "SELECT member, name, consent_s FROM person WHERE ...");
 *     query_int(&q, ...);
 *     e = rows_of(&q, "member:member name:text consent:time", rows, why);
 *
 * NAME:TYPE in the order of the columns.  TYPE: int, points, money (JSON integers), bool, text, day (DAY_NEVER is
 * null, else "2026-11-22"), time (0 is null, else "2026-11-22T13:05:00"), member (0 is null, else "M12"), uid
 * (hex), kind (of an entry: "sale"), entry (two columns, terminal and seq; seq 0 is null, else "T0007-12").  NULL
 * of SQL is null.  Text that is no UTF-8 comes out with its bad bytes as "?".
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_ROWS_H
#define PATRON_OFFICE_ROWS_H

#include "db/store_office.h"

#include <jansson.h>

/* Each row an object, added to the array.  Ends the statement (query_done), whose errors it has. */
MUST_CHECK enum err rows_of(struct query *q, const char *columns, json_t *rows, struct errmsg *why);
/* The first row into the object.  Errors: also ERR_NOT_FOUND, with no sentence. */
MUST_CHECK enum err rows_one(struct query *q, const char *columns, json_t *object, struct errmsg *why);

/* A text as JSON, never NULL. */
json_t *rows_text(const char *text);

#endif
