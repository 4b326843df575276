/* care_int.h - what message.c, complaint.c, feedback.c and campaign*.c share: a transaction that may be the caller's.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_CARE_INT_H
#define PATRON_OFFICE_CARE_INT_H

#include "office/books/books_int.h"
#include "office/books/rows.h"

#include <string.h>

/* Begins one unless the caller has; *own says which. */
static inline enum err care_begin(struct books *b, bool *own, struct errmsg *why)
{
    *own = !store_office_is_open(b->store);
    return *own ? books_begin(b, why) : OK;
}

/* Commits, or with an error undoes, what care_begin began; with the caller's the error goes on to the caller. */
static inline enum err care_end(struct books *b, bool own, enum err e, struct errmsg *why)
{
    if (own && !e)
        return books_commit(b, why);
    if (own)
        books_rollback(b);
    return e;
}

/* One number of a statement with one number to bind; none found reads as 0. */
static inline enum err care_number(struct books *b, const char *sql, int64_t bind, int64_t *out, struct errmsg *why)
{
    struct query q = query_text_of(b->store, sql);
    query_int(&q, bind);
    *out = query_row(&q) ? query_get_int(&q) : 0;
    return query_done(&q, why);
}

/* A text people type: UTF-8 as JSON gave it, from least to most bytes; what: its name, translated.  In message.c.
 * Errors: ERR_FORMAT, ERR_RANGE. */
MUST_CHECK enum err care_text(const char *what, const char *text, size_t least, size_t most, struct errmsg *why);

#endif
