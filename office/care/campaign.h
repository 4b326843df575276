/* campaign.h - campaigns: made, started for the members of a segment less those held out, paid for within a budget,
 * compared with those left alone.
 *
 *     draft --start--> running --> ended (its last day has passed)
 *                         +--> spent (the budget), stopped (by a person)
 *
 * Cost: points by what the pack says they are worth, coupons used by cost_each.  Nothing is given beyond the budget; a
 * coupon that was given out stays good.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_CAMPAIGN_H
#define PATRON_OFFICE_CAMPAIGN_H

#include "office/books/books.h"
#include "office/care/campaign_core.h"

#include <jansson.h>

struct campaign_new {
    const char *code, *name, *segment;
    const json_t *offer;       /* {"kind": "points", "points": 100}, "mark", "coupon" with "days", "reward" with "reward" */
    const char *template_name; /* "" = no message */
    int32_t from_day, to_day;
    struct money budget, cost_each;
    int32_t holdout;           /* percent 0..90 */
    uint32_t user;
};
/* A draft, or a draft changed.  Errors: ERR_FORMAT, ERR_RANGE, ERR_NOT_FOUND (segment), ERR_STATE (it has started),
 * ERR_EXISTS (the code is a segment's: both are marks). */
MUST_CHECK enum err campaign_save(struct books *b, const struct campaign_new *in, struct errmsg *why);
/* Takes the members of the segment as they are today, holds out, marks, gives coupons, queues messages.  *members: how
 * many it is for, held out included.  Errors: ERR_NOT_FOUND, ERR_STATE (not a draft; its last day has passed). */
MUST_CHECK enum err campaign_start(struct books *b, const char *code, int64_t now_s, int64_t *members,
                                   struct errmsg *why);
MUST_CHECK enum err campaign_stop(struct books *b, const char *code, struct errmsg *why);
/* For all that run: bonus points to who bought, budgets, ends.  To be called once a day or more; again it does nothing.
 * *given: how many got points. */
MUST_CHECK enum err campaign_tick(struct books *b, int64_t now_s, int64_t *given, struct errmsg *why);

MUST_CHECK enum err campaign_list(struct books *b, json_t *rows, struct errmsg *why);
#define CAMPAIGN_ROW_SHAPE                                                                                             \
    "campaign:text! name:text! segment:text! offer:json! template:text! from:day! to:day! budget:money!"              \
    " cost_each:money! holdout:int! state:text! started:time cost:money!"
/* What it brought.  Errors: ERR_NOT_FOUND. */
MUST_CHECK enum err campaign_result(struct books *b, const char *code, json_t *out, struct errmsg *why);
#define CAMPAIGN_RESULT_SHAPE                                                                                          \
    "campaign:text! state:text! treated:int! treated_buyers:int! treated_permille:int treated_money:money!"           \
    " treated_each:money! holdout:int! holdout_buyers:int! holdout_permille:int holdout_money:money!"                 \
    " holdout_each:money! lift_permille:int! buyers_more:int! money_more:money! enough:bool! points:points!"          \
    " coupons:int! coupons_used:int! games:int! cost:money! budget:money! contacts:[contact:text! members:int!]"

/* Results of a game on another platform: lines "key,member,result,points", a header line first.  Each key once, for
 * ever; points are an ADJUST within the budget.  dry: nothing is kept.  *taken, *known: lines; faults: "line 3: ...".
 * With faults nothing is taken.  Errors: ERR_NOT_FOUND (campaign), ERR_STATE (it does not run), ERR_FORMAT (faults),
 * ERR_REFUSED (more than the budget has left). */
MUST_CHECK enum err campaign_games(struct books *b, const char *code, const char *csv, bool dry, uint32_t user,
                                   int64_t now_s, int64_t *taken, int64_t *known, json_t *faults, struct errmsg *why);

#endif
