/* drafts.h - rules being written: a pack as text, which need not be right yet.  Saving needs the revision one saw, so
 * that of two people who write the same draft the second is told.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_DRAFTS_H
#define PATRON_OFFICE_DRAFTS_H

#include "office/books/books.h"

enum { DRAFT_NAME_SIZE = 61 };

struct draft {
    int64_t id, revision; /* revision: 1.. */
    char name[DRAFT_NAME_SIZE];
    uint32_t author, changed_by; /* users, > 0 */
    uint32_t base_version;       /* the pack it began as; 0 = none */
    int64_t created_s, changed_s;
    char text[PACK_JSON_MAX + 1]; /* UTF-8; "" in a list */
    size_t size;
};

/* All that change are called in an open transaction.  Errors: ERR_FORMAT (no name, text is no UTF-8), ERR_FULL (text
 * is longer than PACK_JSON_MAX). */
MUST_CHECK enum err draft_add(struct books *b, const char *name, const char *text, uint32_t base_version, uint32_t user,
                              int64_t now_s, int64_t *id, struct errmsg *why);
/* revision: the one that was seen; it is one more afterwards.  Errors: also ERR_NOT_FOUND; ERR_CONFLICT: somebody else
 * saved it meanwhile. */
MUST_CHECK enum err draft_save(struct books *b, int64_t id, int64_t revision, const char *name, const char *text,
                               uint32_t user, int64_t now_s, struct errmsg *why);
/* Errors: ERR_NOT_FOUND, ERR_CONFLICT. */
MUST_CHECK enum err draft_drop(struct books *b, int64_t id, int64_t revision, struct errmsg *why);
/* Large: not on a stack that is small.  Errors: ERR_NOT_FOUND. */
MUST_CHECK enum err draft_get(struct books *b, int64_t id, struct draft *out, struct errmsg *why);
typedef bool draft_fn(const struct draft *d, void *arg);
/* Newest change first. */
MUST_CHECK enum err draft_list(struct books *b, draft_fn *each, void *arg, struct errmsg *why);
/* Everybody who saved some of it. */
typedef bool draft_writer_fn(uint32_t user, void *arg);
MUST_CHECK enum err draft_writers(struct books *b, int64_t id, draft_writer_fn *each, void *arg, struct errmsg *why);

#endif
