/* feedback.h - how satisfied members are: ratings from the tills, scores and NPS from page and desk, the running score
 * of a member; and what is being improved.  The formulas: care_core.h, docs/care.md.  Lists begin with the worst.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_FEEDBACK_H
#define PATRON_OFFICE_FEEDBACK_H

#include "office/books/books.h"
#include "office/care/care_core.h"

#include <jansson.h>

struct feedback_new {
    member_id member;    /* 0 = anonymous */
    const char *channel; /* "page", "desk", "phone", "survey" */
    const char *shop;    /* "" = not said; with an entry: that sale's */
    uint32_t cashier;    /* likewise */
    struct entry_id entry; /* the purchase; seq 0 = none.  As the member's own (user 0) it has to be the member's */
    struct care_scores scores;
    int32_t nps;         /* 0..10; -1 = not said */
    const char *reasons; /* of feedback_reasons, comma-separated; "" = none */
    const char *text;
    uint32_t user;       /* 0: the member */
};
/* NULL-ended: where what was got and given falls apart: "price", "delivery", ... */
extern const char *const feedback_reasons[];
/* Something must be said.  Errors: ERR_FORMAT, ERR_RANGE, ERR_NOT_FOUND (member, purchase). */
MUST_CHECK enum err feedback_add(struct books *b, const struct feedback_new *in, int64_t now_s, int64_t *id,
                                 struct errmsg *why);
/* With which weights scores are computed from now on: five numbers 0..100.  Errors: ERR_FORMAT, ERR_RANGE. */
MUST_CHECK enum err feedback_weights(struct books *b, struct care_weights *out, struct errmsg *why);
MUST_CHECK enum err feedback_set_weights(struct books *b, const struct care_weights *w, struct errmsg *why);

/* The worst first: lowest score, then lowest NPS; shop "" = all. */
MUST_CHECK enum err feedback_list(struct books *b, const char *shop, int32_t from_day, int32_t to_day, int32_t most,
                                  json_t *rows, struct errmsg *why);
#define FEEDBACK_ROW_SHAPE                                                                                             \
    "id:int! member:text channel:text! time:time! shop:text! cashier:int! entry:text expected:int! value:int!"        \
    " interaction:int! result:int! environment:int! nps:int reasons:text! text:text! score:int"

/* By "shop", "cashier" or "month": ratings of tills by grade (1 is the bottom box), feedback below expectation, mean
 * score in hundredths (rounded down), NPS in tenths of a percent.  Worst first, months in order.  Errors: ERR_FORMAT. */
MUST_CHECK enum err feedback_numbers(struct books *b, const char *by, int32_t from_day, int32_t to_day, json_t *rows,
                                     struct errmsg *why);
#define FEEDBACK_NUMBERS_SHAPE                                                                                         \
    "by:text! ratings:int! bottom:int! bottom_permille:int middle:int! top:int! feedback:int! below:int!"             \
    " below_permille:int score:int nps:int nps_count:int!"

/* One member's score and how it came to be: "running", "events":[{time, what, number, running}], oldest first. */
MUST_CHECK enum err feedback_running(struct books *b, member_id member, json_t *out, struct errmsg *why);
#define FEEDBACK_RUNNING_SHAPE "running:int! events:[time:time! what:text! number:int! running:int!]"
/* All members with events, lowest first. */
MUST_CHECK enum err feedback_running_all(struct books *b, int32_t most, json_t *rows, struct errmsg *why);
#define FEEDBACK_RUNNING_ROW_SHAPE "member:text! running:int! events:int! last:time!"

/* ---- improvements: plan -> do -> check -> act -> done; a check that failed goes back to plan ---- */

MUST_CHECK enum err improvement_add(struct books *b, const char *title, const char *owner, int32_t due_day,
                                    uint32_t user, int64_t *id, struct errmsg *why);
/* This stage is over; text: what was planned, done, found, made the rule.  good: of a check.  Errors: ERR_NOT_FOUND,
 * ERR_STATE (it is done). */
MUST_CHECK enum err improvement_next(struct books *b, int64_t id, bool good, const char *text, uint32_t user,
                                     int64_t now_s, struct errmsg *why);
/* Errors: ERR_NOT_FOUND (either). */
MUST_CHECK enum err improvement_link(struct books *b, int64_t id, int64_t complaint, struct errmsg *why);
MUST_CHECK enum err improvement_list(struct books *b, json_t *rows, struct errmsg *why);
#define IMPROVEMENT_ROW_SHAPE "id:int! title:text! owner:text! due:day state:text! complaints:int! last:text!"

#endif
