/* adjust.h - points given or taken by hand: in the limits of a role, above them by two persons.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_ADJUST_H
#define PATRON_OFFICE_ADJUST_H

#include "office/console/api.h"
#include "office/plan/proposal.h"

/* The most of a role, without sign.  Until somebody sets it: a clerk 200 at once and 1,000 a day, a controller 5,000
 * and 20,000, others nothing. */
struct adjust_limit {
    struct points at_once, a_day;
};
/* Of several roles the largest. */
MUST_CHECK enum err adjust_limit_of(struct books *b, unsigned roles, struct adjust_limit *out, struct errmsg *why);
/* role: one ROLE_CLERK, _MARKETER, _CONTROLLER or _APPROVER.  In an open transaction.  Errors: ERR_RANGE. */
MUST_CHECK enum err adjust_set_limit(struct books *b, unsigned role, const struct adjust_limit *limit, uint32_t user,
                                     int64_t now_s, struct errmsg *why);
/* What a user gave and took today alone, without signs. */
MUST_CHECK enum err adjust_today(struct books *b, uint32_t user, int64_t now_s, struct points *out, struct errmsg *why);

struct adjust_asked {
    member_id member;
    struct points points; /* + given, - taken; not 0 */
    const char *reason;   /* for people, not "" */
    int64_t complaint;    /* it is to put right; 0 = none.  Only given, never taken */
    uint32_t user;
    unsigned roles;
};
/* Within the limits: an ADJUST, *entry.  Above: a proposal for a second person, *proposal (else 0), and nothing is
 * posted.  In an open transaction.  Errors: ERR_NOT_FOUND, ERR_RANGE, ERR_FORMAT, ERR_STATE (of the complaint). */
MUST_CHECK enum err adjust_ask(struct head_office *o, const struct adjust_asked *asked, int64_t now_s,
                               struct entry_id *entry, int64_t *proposal, struct errmsg *why);

/* The kind "adjust" of proposals: {"member": 12, "points": 5000, "complaint": 0, "reason": "..."}. */
MUST_CHECK enum err adjust_check(struct head_office *o, const json_t *subject, int64_t now_s, struct errmsg *why);
MUST_CHECK enum err adjust_carry_out(struct head_office *o, const struct proposal *p, uint32_t approver, int64_t now_s,
                                     bool *done, char result[PROPOSAL_RESULT_SIZE], struct errmsg *why);

#endif
