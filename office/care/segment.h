/* segment.h - segments in the books: kept, counted before they are used, run, and marked at the tills.
 * The rules: segment_core.h.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_SEGMENT_H
#define PATRON_OFFICE_SEGMENT_H

#include "office/books/books.h"
#include "office/care/segment_core.h"

#include <jansson.h>

/* code: 1 to 15 capital letters, digits, - _.  rule: JSON text.  The same code again changes it.  Errors: ERR_FORMAT,
 * ERR_EXISTS (a campaign's code). */
MUST_CHECK enum err segment_save(struct books *b, const char *code, const char *name, const char *rule, bool marks,
                                 uint32_t user, struct errmsg *why);
/* Its marks go too.  Errors: ERR_NOT_FOUND, ERR_STATE (a campaign has it). */
MUST_CHECK enum err segment_drop(struct books *b, const char *code, struct errmsg *why);
MUST_CHECK enum err segment_list(struct books *b, json_t *rows, struct errmsg *why);
#define SEGMENT_ROW_SHAPE "segment:text! name:text! rule:text! marks:bool! ran:time size:int! says:text!"

/* Each member the rule holds for on that day, in order; a number that is merged into another is none. */
typedef bool segment_member_fn(member_id member, void *arg);
MUST_CHECK enum err segment_each(struct books *b, const struct segment *s, int32_t today, segment_member_fn *each,
                                 void *arg, struct errmsg *why);
/* The same by a segment's code. Errors: ERR_NOT_FOUND. */
MUST_CHECK enum err segment_load(struct books *b, const char *code, struct segment *out, struct errmsg *why);
/* "size", "of" (all members), "says", "some":["M5", ...] (the first ten).  Errors: ERR_FORMAT with "faults" filled. */
MUST_CHECK enum err segment_preview(struct books *b, const char *rule, int32_t today, json_t *out, struct errmsg *why);
#define SEGMENT_PREVIEW_SHAPE "size:int of:int says:text some:json faults:[where:text! what:text!]"

/* Runs one that marks, or (code NULL) all of them: marks come and go.  *size: members of the last one.  One
 * transaction, the caller's or its own. */
MUST_CHECK enum err segment_run(struct books *b, const char *code, int64_t now_s, int64_t *size, struct errmsg *why);

#endif
