/* rerate.h - sales of the past rated by another version of the rules: by an order, listed first, approved by a second
 * person, then a RERATE entry for each sale whose points change.  A sale that is of the wanted version already is left
 * alone, so an order that was interrupted goes on where it was, and a second run of it does nothing (I2).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_RERATE_H
#define PATRON_OFFICE_RERATE_H

#include "office/books/books.h"

#include <jansson.h>

enum { RERATE_BATCH = 50 }; /* entries in a transaction: a till waits for no more */

struct rerate_order {
    uint32_t version;          /* of the rules to rate by */
    int32_t from_day, to_day;  /* of the sales */
    char shop[TXN_NAME_SIZE];  /* "" = all */
    char reason[TXN_REASON_SIZE];
    uint32_t user, approved_by;
    int64_t now_s;
};
/* From {"version", "from", "to", "shop"}; the rest is zeros.  Errors: ERR_FORMAT, ERR_RANGE, ERR_NOT_FOUND (no such rules). */
MUST_CHECK enum err rerate_read(struct rerate_order *out, struct books *b, const json_t *in, struct errmsg *why);

typedef bool rerate_progress_fn(int thousandths, void *arg); /* false = end it: ERR_STATE */

/* What would change: a line for each sale into csv (NULL = none).  *out: {"sales" in scope, "changing", "members", "up", "down"
 * in points}, a new reference.  Writes nothing. */
MUST_CHECK enum err rerate_list(struct books *b, const struct rerate_order *order, FILE *csv,
                                rerate_progress_fn *progress, void *arg, json_t **out, struct errmsg *why);
/* Does it, in batches.  *out as above, of what was posted now.  Not in a transaction. */
MUST_CHECK enum err rerate_run(struct books *b, const struct rerate_order *order, rerate_progress_fn *progress,
                               void *arg, json_t **out, struct errmsg *why);

#endif
