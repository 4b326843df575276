/* people.h - what head office keeps of people beside their names: PINs of members, who works at the tills.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_PEOPLE_H
#define PATRON_OFFICE_PEOPLE_H

#include "base/staff.h"
#include "office/books/books.h"

enum {
    PIN_TRIES = 5,   /* wrong ones in a row ... */
    PIN_LOCK_S = 900 /* ... then none is taken for so long, the right one neither */
};

/* ---- PINs of members ---- */

/* typed "": none from now on.  A new one ends a lock.  Errors: ERR_FORMAT, ERR_NOT_FOUND (no such member). */
MUST_CHECK enum err people_set_pin(struct books *b, member_id member, const char *typed,
                                   struct errmsg *why);
MUST_CHECK enum err people_has_pin(struct books *b, member_id member, bool *has, struct errmsg *why);
/* Is it the member's?  What was wrong is counted in a transaction of its own; none may be open.
 * Errors: ERR_AUTH (wrong, or the member has none), ERR_BUSY (locked; says until when). */
MUST_CHECK enum err people_check_pin(struct books *b, member_id member, const char *typed, int64_t now_s,
                                     struct errmsg *why);

/* ---- staff ---- */

/* id 0: a new one, the number is filled in.  A role of STAFF_GONE takes name, PIN and badge away.  In a
 * transaction of the caller's or its own.  Errors: ERR_EXISTS (the badge is another's). */
MUST_CHECK enum err people_save_staff(struct books *b, struct staff *p, struct errmsg *why);
/* Errors: ERR_NOT_FOUND. */
MUST_CHECK enum err people_staff(struct books *b, uint32_t id, struct staff *out, struct errmsg *why);
/* Changes after version, oldest first, at most cap; new_version is that of the last one. */
MUST_CHECK enum err people_staff_since(struct books *b, uint32_t version, struct staff *out, int32_t cap,
                                       int32_t *count, uint32_t *new_version, struct errmsg *why);
/* Who is not gone, by number.  Returning false ends the list. */
typedef bool people_staff_fn(const struct staff *p, void *arg);
MUST_CHECK enum err people_staff_list(struct books *b, people_staff_fn *each, void *arg,
                                      struct errmsg *why);

#endif
