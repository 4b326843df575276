/* proposal.h - what needs a second person: one proposes, another decides, and then it is done.
 *
 *     open --approve--> done (or approved: its work goes on in a job, which ends it as done)
 *          --refuse---> refused          --withdraw (the author)--> withdrawn
 *
 * Who decides is never the author, nor anybody who wrote into what is proposed (checked here and by the tables).
 * What is approved is done in the same database transaction: if it cannot be done, nothing was decided.
 * A kind is a row of proposal_kinds (proposal_kinds.c): add a row, and a function in your own file.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_PROPOSAL_H
#define PATRON_OFFICE_PROPOSAL_H

#include "office/console/api.h"

enum { PROPOSAL_REASON_SIZE = 204, PROPOSAL_RESULT_SIZE = 204 };

enum proposal_state { PROPOSAL_OPEN, PROPOSAL_APPROVED, PROPOSAL_REFUSED, PROPOSAL_WITHDRAWN, PROPOSAL_DONE };
const char *proposal_state_text(enum proposal_state state); /* "open", ... as in db/plan.sql */

struct proposal {
    int64_t id;
    char kind[16];                     /* "publish", "rerate", "adjust" */
    json_t *subject;                   /* new reference: all that will be done */
    uint32_t author;                   /* a user, > 0 */
    char reason[PROPOSAL_REASON_SIZE]; /* for people, not "" */
    int64_t created_s;
    enum proposal_state state;
    uint32_t decided_by;               /* 0 = not yet */
    int64_t decided_s;
    char remark[PROPOSAL_REASON_SIZE];
    char result[PROPOSAL_RESULT_SIZE]; /* "version 4 from 2026-12-01" */
};
void proposal_finish(struct proposal *p); /* lets subject go; safe on zeros */

struct proposal_kind {
    const char *name;
    unsigned propose, decide; /* ROLE_...: who may */
    /* May this be proposed at all?  NULL = anything.  Errors: ERR_FORMAT, ERR_RANGE, ERR_STATE ... with the sentence. */
    enum err (*check)(struct head_office *o, const json_t *subject, int64_t now_s, struct errmsg *why);
    /* Do it, in the open transaction.  p->author and approver go into what is posted (user, approved_by).  result: what
     * came of it, for people.  *done = false: the rest is the work of a job, which calls proposal_done. */
    enum err (*carry_out)(struct head_office *o, const struct proposal *p, uint32_t approver, int64_t now_s, bool *done,
                          char result[PROPOSAL_RESULT_SIZE], struct errmsg *why);
};
extern const struct proposal_kind proposal_kinds[]; /* ended by a row without a name */
const struct proposal_kind *proposal_find_kind(const char *name); /* NULL = there is none such */

/* All of these in an open transaction of books (those that only read need none). */

/* subject stays the caller's.  Errors: ERR_FORMAT (no such kind, no reason), those of check. */
MUST_CHECK enum err proposal_add(struct head_office *o, const char *kind, const json_t *subject, uint32_t author,
                                 const char *reason, int64_t now_s, int64_t *id, struct errmsg *why);
/* Somebody else who wrote into it. */
MUST_CHECK enum err proposal_add_writer(struct head_office *o, int64_t id, uint32_t user, struct errmsg *why);
/* Errors: ERR_NOT_FOUND; ERR_STATE (decided already); ERR_REFUSED (the decider wrote it); those of carry_out: the
 * caller rolls back. */
MUST_CHECK enum err proposal_decide(struct head_office *o, int64_t id, bool approve, uint32_t user, const char *remark,
                                    int64_t now_s, struct errmsg *why);
/* Errors: ERR_NOT_FOUND; ERR_STATE; ERR_REFUSED (it is somebody else's). */
MUST_CHECK enum err proposal_withdraw(struct head_office *o, int64_t id, uint32_t user, int64_t now_s, struct errmsg *why);
/* The job of an approved one has ended well.  b: the job's own. */
MUST_CHECK enum err proposal_done(struct books *b, int64_t id, const char *result, struct errmsg *why);
/* An approved "rerate" (again, when its job did not end well): a job for it. */
MUST_CHECK enum err rerate_start(struct head_office *o, const struct proposal *p, uint32_t user, int64_t now_s,
                                 int64_t *job, struct errmsg *why);
/* p: finish it.  Errors: ERR_NOT_FOUND. */
MUST_CHECK enum err proposal_get(struct books *b, int64_t id, struct proposal *p, struct errmsg *why);
/* Newest first; open_only.  each returns false to end; p is let go after it. */
typedef bool proposal_fn(const struct proposal *p, void *arg);
MUST_CHECK enum err proposal_list(struct books *b, bool open_only, proposal_fn *each, void *arg, struct errmsg *why);

#endif
