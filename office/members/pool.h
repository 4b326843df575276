/* pool.h - households that collect together: who is in one, by which rules, and the day's sweep.
 *
 * A pool has a head.  What the others hold and may spend goes to the head with its last days (TRANSFER, "household pool
 * 3": names do not stay in the books), once a day; what is on a card stays there.  Each one's tier stays their own: purchases are not moved.
 * All in an open transaction.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_POOL_H
#define PATRON_OFFICE_POOL_H

#include "office/books/books.h"

#include <jansson.h>

enum { POOL_NAME_MAX = 40 };

struct pool_rules {
    const char *name;   /* 1 to POOL_NAME_MAX bytes */
    member_id head;
    int32_t most;       /* 2..50, the head included */
    bool persons_only;  /* no company, reseller or member of staff */
    int32_t stay_days;  /* before one may leave, or go to another pool */
};
/* Errors: ERR_NOT_FOUND (no such member), ERR_CONFLICT (the head is in a pool), ERR_REFUSED (may not be in one), ERR_RANGE. */
MUST_CHECK enum err pool_create(struct books *b, const struct pool_rules *rules, uint32_t user, int64_t now_s,
                                int64_t *pool, struct errmsg *why);
/* Errors: ERR_NOT_FOUND; ERR_CONFLICT (is in a pool); ERR_REFUSED (by the rules: it is full, or not for this member). */
MUST_CHECK enum err pool_join(struct books *b, int64_t pool, member_id member, uint32_t user, int64_t now_s,
                              struct errmsg *why);
/* What was swept stays with the head.  Errors: ERR_NOT_FOUND; ERR_REFUSED (not yet; or the head: end the pool). */
MUST_CHECK enum err pool_leave(struct books *b, int64_t pool, member_id member, uint32_t user, int64_t now_s,
                               struct errmsg *why);
MUST_CHECK enum err pool_end(struct books *b, int64_t pool, int64_t now_s, struct errmsg *why);

/* The sweep, after the day's run.  A pool twice on a day finds nothing the second time.  *transfers: how many entries. */
MUST_CHECK enum err pool_sweep(struct books *b, int64_t now_s, int32_t *transfers, struct errmsg *why);

#define POOL_SHAPE                                                                                                \
    "pool:int! name:text! head:text! most:int! who:text! stay_days:int! made:time! ended:time members:int!"
#define POOL_MEMBER_SHAPE "member:text! since:day! until:day may_leave:day! swept:points!"
/* Rows of POOL_SHAPE, those that have ended last. */
MUST_CHECK enum err pool_list(struct books *b, json_t *rows, struct errmsg *why);
/* One, and "rows" of POOL_MEMBER_SHAPE: who is and was in it, what came from each.  Errors: ERR_NOT_FOUND. */
MUST_CHECK enum err pool_show(struct books *b, int64_t pool, json_t *out, struct errmsg *why);

#endif
