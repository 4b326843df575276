/* complaint.h - complaints from the first word to the audit: care_core.h says what may be done, here it is kept.
 *
 * All that changes runs in the caller's transaction or its own.  Lists come as JSON rows (office/books/rows.h).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_COMPLAINT_H
#define PATRON_OFFICE_COMPLAINT_H

#include "office/books/books.h"
#include "office/care/care_core.h"

#include <jansson.h>

enum { COMPLAINT_TEXT_MAX = 2000, COMPLAINT_OWNER_MAX = 60 }; /* bytes */

struct complaint_new {
    member_id member;    /* 0 = anonymous */
    const char *channel; /* "page", "desk", "till", "phone", "letter" */
    const char *kind;    /* of complaint_kind */
    const char *shop;    /* "" = not said */
    uint32_t cashier;    /* whom it is about; 0 = nobody */
    struct entry_id entry; /* the purchase it is about; seq 0 = none */
    const char *text;    /* not "" */
    uint32_t user;       /* who took it: it is recorded at once; 0 = the member wrote it */
};
/* Errors: ERR_FORMAT, ERR_RANGE, ERR_NOT_FOUND (kind, member). */
MUST_CHECK enum err complaint_receive(struct books *b, const struct complaint_new *in, int64_t now_s, int64_t *id,
                                      struct errmsg *why);

struct complaint_deed {
    enum complaint_step step;
    struct complaint_by by;
    member_id member;    /* by.who is the member: whose it has to be */
    const char *text;    /* HANDLE, AUDIT, WITHDRAW by staff: needed */
    const char *owner;   /* PASS_ON: to whom, needed */
    const char *kind;    /* RECORD: NULL = as received */
};
/* After HANDLE the member is told through the outbox, if there is a way.  Errors: ERR_NOT_FOUND; ERR_STATE
 * (CARE_NOT_NOW, CARE_NOT_SAMPLED), ERR_AUTH (CARE_NOT_YOURS, CARE_OWN_WORK), ERR_FORMAT. */
MUST_CHECK enum err complaint_do(struct books *b, int64_t id, const struct complaint_deed *deed, struct errmsg *why);
/* A remark; shown: the member may read it. */
MUST_CHECK enum err complaint_note(struct books *b, int64_t id, uint32_t user, const char *text, bool shown,
                                   int64_t now_s, struct errmsg *why);

/* Points to put things right: an ADJUST "complaint C12: text", at most `most` for one complaint together with those
 * before.  Errors: ERR_REFUSED (more than that), ERR_STATE (anonymous, withdrawn), ERR_NOT_FOUND, ERR_RANGE, ERR_FORMAT. */
MUST_CHECK enum err complaint_recover(struct books *b, int64_t id, struct points points, struct points most,
                                      uint32_t user, uint32_t approved_by, const char *text, int64_t now_s,
                                      struct entry_id *entry, struct errmsg *why);

/* May points be given for it, and to whom?  Errors: ERR_STATE (anonymous, withdrawn), ERR_NOT_FOUND. */
MUST_CHECK enum err complaint_may_recover(struct books *b, int64_t id, member_id *member, struct errmsg *why);

/* One whole: fields, "steps":[...], "points":[...], "may":["pass on", ...] for these roles.  As the member's own
 * (who = CARE_MEMBER): only what a member may read.  *member: whose, 0 = anonymous.  Errors: ERR_NOT_FOUND. */
MUST_CHECK enum err complaint_show(struct books *b, int64_t id, unsigned who, uint32_t user, int64_t now_s,
                                   json_t *out, member_id *member, struct errmsg *why);
#define COMPLAINT_SHAPE                                                                                                \
    "id:int! number:text! member:text channel:text! kind:text! shop:text! cashier:int! entry:text text:text!"         \
    " received:time! answered:time state:text! due:time! owner:text! handled:time late:bool! passed_on:bool!"         \
    " reopened:int! first_contact:bool! opinion:text! sampled:bool! closed:time overdue:bool! may:json!"              \
    " steps:[n:int! step:text! state:text! time:time! user:int! text:text! shown:bool!]"                              \
    " points:[entry:text! points:points! time:time! user:int! approved_by:int!]"

struct complaint_filter { /* "" , 0 = any */
    const char *state, *kind, *shop; /* state also "open", "overdue", "audit" (sampled and to be audited) */
    uint32_t cashier;
    member_id member;
    bool own;                        /* shown to the member: who has it and whom it is about is left out */
    int64_t below;                   /* ids below this, for the next page; 0 = from the newest */
    int32_t most;                    /* 1..1000 */
};
MUST_CHECK enum err complaint_list(struct books *b, const struct complaint_filter *f, int64_t now_s, json_t *rows,
                                   struct errmsg *why);
#define COMPLAINT_ROW_SHAPE                                                                                            \
    "id:int! number:text! member:text channel:text! kind:text! shop:text! cashier:int! received:time! state:text!"    \
    " due:time! owner:text! handled:time overdue:bool! first_contact:bool! reopened:int! opinion:text!"

/* What the complaints received on these days came to, by "shop", "cashier", "kind", "channel" or "month"; times in
 * seconds, shares in tenths of a percent (null: of nothing).  Errors: ERR_FORMAT (by). */
MUST_CHECK enum err complaint_numbers(struct books *b, const char *by, int32_t from_day, int32_t to_day, int64_t now_s,
                                      json_t *rows, struct errmsg *why);
#define COMPLAINT_NUMBERS_SHAPE                                                                                        \
    "by:text! received:int! open:int! overdue:int! handled:int! late:int! first_contact:int!"                         \
    " first_contact_permille:int response_s:int handling_s:int asked:int! satisfied:int! satisfied_permille:int"      \
    " reopened:int! points:points!"

/* Kinds with their time limits. */
MUST_CHECK enum err complaint_kinds(struct books *b, json_t *rows, struct errmsg *why);
#define COMPLAINT_KIND_SHAPE "kind:text! name:text! name_zh:text! limit_h:int!"
/* From the next complaint on.  Errors: ERR_NOT_FOUND, ERR_RANGE. */
MUST_CHECK enum err complaint_set_limit(struct books *b, const char *kind, int64_t limit_h, struct errmsg *why);

#endif
