/* care_core.c - see care_core.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/care/care_core.h"

#include "base/tr.h"

#include <assert.h>
#include <string.h>

static const char *const states[COMPLAINT_STATES] = {"received", "recorded",    "passed on", "handled",
                                                     "asked",    "followed up", "audited",   "withdrawn"};
static const char *const steps[STEPS] = {"record", "pass on", "handle", "ask", "follow up", "audit", "withdraw"};
static const char *const opinions[OPINIONS] = {"", "satisfied", "not satisfied", "unreachable"};

static int place(const char *const names[], int count, const char *text)
{
    int i = 0;
    while (i < count && strcmp(names[i], text) != 0)
        i++;
    return i;
}

const char *complaint_state_text(enum complaint_state s)
{
    return states[s];
}

const char *complaint_step_text(enum complaint_step s)
{
    return steps[s];
}

const char *care_opinion_text(enum care_opinion o)
{
    return opinions[o];
}

bool complaint_state_parse(const char *text, enum complaint_state *out)
{
    int i = place(states, COMPLAINT_STATES, text);
    if (i < COMPLAINT_STATES)
        *out = (enum complaint_state)i;
    return i < COMPLAINT_STATES;
}

bool complaint_step_parse(const char *text, enum complaint_step *out)
{
    int i = place(steps, STEPS, text);
    if (i < STEPS)
        *out = (enum complaint_step)i;
    return i < STEPS;
}

bool care_opinion_parse(const char *text, enum care_opinion *out)
{
    int i = place(opinions, OPINIONS, text);
    if (i < OPINIONS)
        *out = (enum care_opinion)i;
    return i < OPINIONS;
}

const char *care_answer_text(enum care_answer a)
{
    static const char *const texts[CARE_ANSWER_COUNT] = {
        [CARE_OK] = TR_LATER("done"),
        [CARE_NOT_NOW] = TR_LATER("the complaint is not at that point"),
        [CARE_NOT_YOURS] = TR_LATER("your role does not do this step"),
        [CARE_NO_OPINION] = TR_LATER("what the member said has to be given"),
        [CARE_NOBODY_TO_ASK] = TR_LATER("an anonymous complaint: nobody can have said that"),
        [CARE_NOT_SAMPLED] = TR_LATER("this complaint is not in the audit's sample"),
        [CARE_OWN_WORK] = TR_LATER("who handled a complaint does not audit it"),
    };
    return texts[a];
}

/* ---- complaints ---- */

enum {
    AT_RECEIVED = 1 << COMPLAINT_RECEIVED,
    AT_RECORDED = 1 << COMPLAINT_RECORDED,
    AT_PASSED_ON = 1 << COMPLAINT_PASSED_ON,
    AT_HANDLED = 1 << COMPLAINT_HANDLED,
    AT_ASKED = 1 << COMPLAINT_ASKED,
    AT_FOLLOWED_UP = 1 << COMPLAINT_FOLLOWED_UP,
};

/* Each step: from where, by whom, to where when nothing speaks against it. */
static const struct {
    unsigned from, who;
    enum complaint_state to;
} table[STEPS] = {
    [STEP_RECORD] = {AT_RECEIVED, CARE_CLERK, COMPLAINT_RECORDED},
    [STEP_PASS_ON] = {AT_RECORDED | AT_PASSED_ON, CARE_CLERK, COMPLAINT_PASSED_ON},
    [STEP_HANDLE] = {AT_RECORDED | AT_PASSED_ON, CARE_CLERK | CARE_CONTROLLER, COMPLAINT_HANDLED},
    [STEP_ASK] = {AT_HANDLED, CARE_CLERK | CARE_MEMBER, COMPLAINT_ASKED},
    [STEP_FOLLOW_UP] = {AT_ASKED, CARE_CLERK, COMPLAINT_FOLLOWED_UP},
    [STEP_AUDIT] = {AT_FOLLOWED_UP, CARE_CONTROLLER | CARE_APPROVER, COMPLAINT_AUDITED},
    [STEP_WITHDRAW] = {AT_RECEIVED | AT_RECORDED | AT_PASSED_ON, CARE_CLERK | CARE_MEMBER, COMPLAINT_WITHDRAWN},
};

static enum care_answer may(const struct complaint_now *c, enum complaint_step step, unsigned who, uint32_t user)
{
    if (!(table[step].from & 1u << c->state))
        return CARE_NOT_NOW;
    if (!(table[step].who & who))
        return CARE_NOT_YOURS;
    if (step == STEP_AUDIT && !c->sampled)
        return CARE_NOT_SAMPLED;
    if (step == STEP_AUDIT && user == c->handled_by)
        return CARE_OWN_WORK;
    return CARE_OK;
}

enum care_answer care_step(const struct complaint_now *c, enum complaint_step step, const struct complaint_by *by,
                           struct complaint_next *out)
{
    bool asked = step == STEP_ASK || step == STEP_FOLLOW_UP;
    enum care_answer a = may(c, step, by->who, by->user);
    if (a)
        return a;
    if (asked && by->opinion == OPINION_NONE)
        return CARE_NO_OPINION;
    if (asked && c->anonymous && by->opinion != OPINION_UNREACHABLE)
        return CARE_NOBODY_TO_ASK;

    *out = (struct complaint_next){.state = table[step].to, .due_s = c->due_s};
    if (asked && by->opinion == OPINION_NOT_SATISFIED) {
        out->state = COMPLAINT_PASSED_ON;
        out->reopened = true;
        out->due_s = by->time_s + c->limit_s;
    }
    out->first_contact = step == STEP_HANDLE && !c->passed_on && !c->reopened && by->user == c->recorded_by;
    out->closed = out->state == COMPLAINT_AUDITED || out->state == COMPLAINT_WITHDRAWN ||
                  (out->state == COMPLAINT_FOLLOWED_UP && !c->sampled);
    return CARE_OK;
}

unsigned care_steps_open(const struct complaint_now *c, unsigned who, uint32_t user)
{
    unsigned open = 0;
    for (int s = 0; s < STEPS; s++)
        if (may(c, (enum complaint_step)s, who, user) == CARE_OK)
            open |= 1u << s;
    return open;
}

bool complaint_is_open(enum complaint_state s)
{
    return s == COMPLAINT_RECEIVED || s == COMPLAINT_RECORDED || s == COMPLAINT_PASSED_ON;
}

bool complaint_is_overdue(const struct complaint_now *c, int64_t now_s)
{
    return complaint_is_open(c->state) && now_s > c->due_s;
}

/* splitmix64 of Steele, Lea, Flood 2014: every bit of both numbers counts. */
static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

uint64_t care_hash(uint64_t seed, uint64_t number)
{
    return mix(mix(seed) ^ number);
}

bool care_sampled(uint64_t seed, uint64_t number, int32_t percent)
{
    return care_hash(seed, number) % 100 < (uint64_t)(percent < 0 ? 0 : percent);
}

int32_t care_permille(int64_t part, int64_t whole)
{
    if (whole <= 0)
        return -1;
    assert(part >= 0);
    assert(part <= whole);
    assert(whole < INT64_MAX / 4000);
    return (int32_t)((part * 2000 + whole) / (whole * 2));
}

/* ---- satisfaction ---- */

struct care_weights care_weights_usual(void)
{
    return (struct care_weights){1, 1, 1, 1, 1};
}

/* Weighted mean in hundredths of what was said, half up; false when nothing was. */
static bool mean(const int32_t said[], const int32_t weights[], int count, int32_t *out)
{
    int32_t sum = 0, weight = 0;
    for (int i = 0; i < count; i++)
        if (said[i] > 0)
            sum += said[i] * weights[i], weight += weights[i];
    if (weight == 0)
        return false;
    *out = (2 * sum + weight) / (2 * weight);
    return true;
}

bool care_score(const struct care_scores *s, const struct care_weights *w, int32_t *out)
{
    int32_t said[3] = {s->interaction * 100, s->result * 100, s->environment * 100};
    int32_t weights[3] = {w->interaction, w->result, w->environment};
    int32_t quality = 0, perceived = 0;
    (void)mean(said, weights, 3, &quality);
    int32_t both[2] = {quality, s->value * 100}, of_both[2] = {w->quality, w->value};
    if (s->expected <= 0 || !mean(both, of_both, 2, &perceived))
        return false;
    *out = perceived - s->expected * 100;
    return true;
}

enum care_grade care_grade(int32_t score)
{
    return score < 0 ? GRADE_BELOW : score == 0 ? GRADE_AS_EXPECTED : GRADE_ABOVE;
}

int32_t care_running(int32_t before, const struct care_event *e)
{
    int32_t after = before;
    switch (e->kind) {
    case CARE_RATING: after += 5 * e->number; break;
    case CARE_FEEDBACK:
        after = e->number >= 0 ? before + 10 + e->number / 20 : e->number > -100 ? before / 2 : 0;
        break;
    case CARE_COMPLAINT: after /= 2; break;
    case CARE_COMPLAINT_OVER: after = e->number ? before + 10 : 0; break;
    }
    return after > 100 ? 100 : after;
}

bool care_nps(const int64_t counts[11], int32_t *out)
{
    int64_t all = 0, detractors = 0, promoters = 0;
    for (int i = 0; i <= 10; i++) {
        all += counts[i];
        detractors += i <= 6 ? counts[i] : 0;
        promoters += i >= 9 ? counts[i] : 0;
    }
    if (all == 0)
        return false;
    int64_t d = promoters - detractors;
    int32_t size = care_permille(d < 0 ? -d : d, all);
    *out = d < 0 ? -size : size;
    return true;
}
