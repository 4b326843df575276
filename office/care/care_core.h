/* care_core.h - complaints and satisfaction as rules: who may do what to a complaint, until when it has to be handled,
 * what a member's satisfaction is.  Pure: complaint.c and feedback.c bring facts and keep what comes out.
 *
 *   受理          登记           传递            处理         征询       回访             抽查
 *   RECEIVED --> RECORDED --> PASSED ON --> HANDLED --> ASKED --> FOLLOWED UP --> AUDITED
 *                    |            ^ ^            ^         |           |          (sampled ones; else
 *                    |            | +------------|---------+-----------+           FOLLOWED UP is the end)
 *                    +------------|--------------+       not satisfied: reopened, with a new time limit
 *                      handled at once: first contact
 *   RECEIVED, RECORDED, PASSED ON --> WITHDRAWN
 *
 * First-contact resolution (首次终结): handled by whoever recorded it, never passed on, never reopened.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_CARE_CORE_H
#define PATRON_OFFICE_CARE_CORE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- complaints ---- */

enum complaint_state {
    COMPLAINT_RECEIVED,
    COMPLAINT_RECORDED,
    COMPLAINT_PASSED_ON,
    COMPLAINT_HANDLED,
    COMPLAINT_ASKED,
    COMPLAINT_FOLLOWED_UP,
    COMPLAINT_AUDITED,
    COMPLAINT_WITHDRAWN,
    COMPLAINT_STATES
};
enum complaint_step { STEP_RECORD, STEP_PASS_ON, STEP_HANDLE, STEP_ASK, STEP_FOLLOW_UP, STEP_AUDIT, STEP_WITHDRAW, STEPS };
const char *complaint_state_text(enum complaint_state s); /* "passed on": as in the database */
const char *complaint_step_text(enum complaint_step s);   /* "pass on" */
/* False: no such. */
MUST_CHECK bool complaint_state_parse(const char *text, enum complaint_state *out);
MUST_CHECK bool complaint_step_parse(const char *text, enum complaint_step *out);

/* Who, as bits; the numbers are those of the console's roles (api.h). */
enum { CARE_CLERK = 1, CARE_CONTROLLER = 4, CARE_APPROVER = 8, CARE_MEMBER = 64 };

/* What the member said when asked, or at the follow-up. */
enum care_opinion { OPINION_NONE, OPINION_SATISFIED, OPINION_NOT_SATISFIED, OPINION_UNREACHABLE, OPINIONS };
const char *care_opinion_text(enum care_opinion o); /* "", "satisfied", "not satisfied", "unreachable" */
MUST_CHECK bool care_opinion_parse(const char *text, enum care_opinion *out);

/* A complaint as far as a step depends on it. */
struct complaint_now {
    enum complaint_state state;
    bool anonymous;        /* nobody can be asked */
    bool sampled;          /* for the audit */
    int64_t limit_s;       /* time to handle one of this kind, > 0 */
    int64_t due_s;         /* to be handled until then */
    uint32_t recorded_by, handled_by; /* users; 0 = nobody */
    bool passed_on, reopened;         /* ever */
};
struct complaint_by {
    unsigned who;          /* CARE_... bits */
    uint32_t user;         /* 0: the member */
    int64_t time_s;
    enum care_opinion opinion; /* ASK, FOLLOW_UP: needed; else NONE */
    bool good;             /* AUDIT: it was handled well */
};
struct complaint_next {
    enum complaint_state state;
    int64_t due_s;
    bool reopened;         /* by this step */
    bool first_contact;    /* HANDLE: at the first contact */
    bool closed;           /* nothing more is to be done */
};

/* Why a step is refused. */
enum care_answer {
    CARE_OK,
    CARE_NOT_NOW,      /* the complaint is not at that point */
    CARE_NOT_YOURS,    /* the role does not do this step */
    CARE_NO_OPINION,   /* what the member said has to be given */
    CARE_NOBODY_TO_ASK, /* an anonymous complaint: nobody can have said that */
    CARE_NOT_SAMPLED,  /* it is not in the audit's sample */
    CARE_OWN_WORK,     /* who handled a complaint does not audit it */
    CARE_ANSWER_COUNT
};
const char *care_answer_text(enum care_answer a); /* for tr() */

/* One step.  out is filled when the answer is CARE_OK. */
enum care_answer care_step(const struct complaint_now *c, enum complaint_step step, const struct complaint_by *by,
                           struct complaint_next *out);
/* Which steps these roles may do now, as bits 1 << STEP_...; for a page's buttons. */
unsigned care_steps_open(const struct complaint_now *c, unsigned who, uint32_t user);
/* The state has not been handled yet. */
bool complaint_is_open(enum complaint_state s);
bool complaint_is_overdue(const struct complaint_now *c, int64_t now_s);

/* Is number in a sample of percent (0..100)?  The same seed gives the same sample. */
bool care_sampled(uint64_t seed, uint64_t number, int32_t percent);
/* 64 bits that look random and are always the same for the same two numbers. */
uint64_t care_hash(uint64_t seed, uint64_t number);

/* part of whole in tenths of a percent, rounded half up; -1 when whole is 0.  0 <= part <= whole
 * < 2^51. */
int32_t care_permille(int64_t part, int64_t whole);

/* ---- satisfaction ---- */

/* What a member said of a visit; each 1 (bad) to 5 (very good), 0 = not said. */
struct care_scores {
    int32_t expected;                          /* 期望: what they came with */
    int32_t value;                             /* 感知价值: what they got for what they gave */
    int32_t interaction, result, environment;  /* 感知质量: 互动, 结果, 环境 */
};
/* What counts how much, each 0..100; not all 0 of quality's three, not all 0 of the two. */
struct care_weights {
    int32_t interaction, result, environment; /* of quality */
    int32_t quality, value;                   /* of what was perceived */
};
/* All 1. */
struct care_weights care_weights_usual(void);
enum care_grade { GRADE_BELOW, GRADE_AS_EXPECTED, GRADE_ABOVE };

/* perceived - expected in hundredths (-400..400): docs/care.md has the formula and an example.  What was not said
 * is left out, with its weight.  False: expectation or all of the others missing; out untouched. */
MUST_CHECK bool care_score(const struct care_scores *s, const struct care_weights *w, int32_t *out);
enum care_grade care_grade(int32_t score);

/* A member's running satisfaction, 0..100: each good visit adds, a bad one takes half or all of it. */
enum care_event_kind { CARE_RATING, CARE_FEEDBACK, CARE_COMPLAINT, CARE_COMPLAINT_OVER };
struct care_event {
    enum care_event_kind kind;
    int32_t number; /* RATING: 1..3.  FEEDBACK: score in hundredths.  COMPLAINT: 0.  COMPLAINT_OVER: 1 satisfied, 0 not */
};
int32_t care_running(int32_t before, const struct care_event *e);

/* Net promoter score in tenths of a percent (-1000..1000), rounded half away from 0; counts[i] = how many said i,
 * 0..10.  False: nobody said anything. */
MUST_CHECK bool care_nps(const int64_t counts[11], int32_t *out);

#endif
