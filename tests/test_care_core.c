/* test_care_core.c - complaints step by step, every state with every step and role; the formulas of satisfaction.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/care/care_core.h"
#include "test.h"

#include <string.h>

/* A row a state, a column a step: record, pass on, handle, ask, follow up, audit, withdraw.  Where it leads when
 * somebody may; "-": not at that point. */
static const char *const leads[COMPLAINT_STATES][STEPS] = {
    {"recorded", "-", "-", "-", "-", "-", "withdrawn"},
    {"-", "passed on", "handled", "-", "-", "-", "withdrawn"},
    {"-", "passed on", "handled", "-", "-", "-", "withdrawn"},
    {"-", "-", "-", "asked", "-", "-", "-"},
    {"-", "-", "-", "-", "followed up", "-", "-"},
    {"-", "-", "-", "-", "-", "audited", "-"},
    {"-", "-", "-", "-", "-", "-", "-"},
    {"-", "-", "-", "-", "-", "-", "-"},
};
/* Who does which step: c clerk, o controller, a approver, m member. */
static const char *const whose[STEPS] = {"c", "c", "co", "cm", "c", "oa", "cm"};

TEST(care_core, every_step_leads_where_the_drawing_says_and_nobody_else_takes_it)
{
    static const struct {
        char letter;
        unsigned who;
    } roles[] = {{'c', CARE_CLERK}, {'o', CARE_CONTROLLER}, {'a', CARE_APPROVER}, {'m', CARE_MEMBER},
                 {'-', 2}, {'-', 16}, {'-', 32}, {'-', 128}, {'-', 0}};
    for (int from = 0; from < COMPLAINT_STATES; from++)
        for (int step = 0; step < STEPS; step++)
            for (size_t r = 0; r < sizeof roles / sizeof roles[0]; r++) {
                struct complaint_now c = {.state = (enum complaint_state)from, .sampled = true, .limit_s = 60};
                struct complaint_by by = {roles[r].who, 3, 1000, OPINION_NONE, true};
                struct complaint_next next;
                if (step == STEP_ASK || step == STEP_FOLLOW_UP)
                    by.opinion = OPINION_SATISFIED;
                enum care_answer a = care_step(&c, (enum complaint_step)step, &by, &next);
                enum care_answer expected = strcmp(leads[from][step], "-") == 0       ? CARE_NOT_NOW
                                            : !strchr(whose[step], roles[r].letter) ? CARE_NOT_YOURS
                                                                                    : CARE_OK;
                assert_int_equal(a, expected);
                if (!a)
                    assert_string_equal(complaint_state_text(next.state), leads[from][step]);
                assert_int_equal(care_steps_open(&c, roles[r].who, 3) >> step & 1, expected == CARE_OK);
            }
}

TEST(care_core, who_is_not_satisfied_gets_the_complaint_handled_again_in_a_new_time)
{
    struct complaint_now c = {.state = COMPLAINT_HANDLED, .limit_s = 3600, .due_s = 500};
    struct complaint_by by = {CARE_MEMBER, 0, 10000, OPINION_NOT_SATISFIED, false};
    struct complaint_next next;
    assert_int_equal(care_step(&c, STEP_ASK, &by, &next), CARE_OK);
    assert_int_equal(next.state, COMPLAINT_PASSED_ON);
    assert_true(next.reopened);
    assert_int_equal(next.due_s, 13600);
    c.state = COMPLAINT_ASKED;
    by.who = CARE_CLERK;
    assert_int_equal(care_step(&c, STEP_FOLLOW_UP, &by, &next), CARE_OK);
    assert_int_equal(next.state, COMPLAINT_PASSED_ON);
    by.opinion = OPINION_SATISFIED;
    assert_int_equal(care_step(&c, STEP_FOLLOW_UP, &by, &next), CARE_OK);
    assert_false(next.reopened);
    assert_int_equal(next.due_s, 500);
}

TEST(care_core, an_opinion_is_given_by_somebody_who_exists)
{
    struct complaint_now c = {.state = COMPLAINT_HANDLED, .limit_s = 1, .anonymous = true};
    struct complaint_by by = {CARE_CLERK, 1, 0, OPINION_NONE, false};
    struct complaint_next next;
    assert_int_equal(care_step(&c, STEP_ASK, &by, &next), CARE_NO_OPINION);
    by.opinion = OPINION_SATISFIED;
    assert_int_equal(care_step(&c, STEP_ASK, &by, &next), CARE_NOBODY_TO_ASK);
    by.opinion = OPINION_UNREACHABLE;
    assert_int_equal(care_step(&c, STEP_ASK, &by, &next), CARE_OK);
    assert_int_equal(next.state, COMPLAINT_ASKED);
}

TEST(care_core, first_contact_is_by_who_recorded_it_and_never_passed_on_nor_opened_again)
{
    static const struct {
        uint32_t recorded_by, handler;
        bool passed_on, reopened, first;
    } rows[] = {
        {3, 3, false, false, true}, {3, 4, false, false, false}, {3, 3, true, false, false}, {3, 3, false, true, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct complaint_now c = {.state = COMPLAINT_RECORDED, .limit_s = 1, .recorded_by = rows[i].recorded_by,
                                  .passed_on = rows[i].passed_on, .reopened = rows[i].reopened};
        struct complaint_by by = {CARE_CLERK, rows[i].handler, 0, OPINION_NONE, false};
        struct complaint_next next;
        assert_int_equal(care_step(&c, STEP_HANDLE, &by, &next), CARE_OK);
        assert_int_equal(next.first_contact, rows[i].first);
    }
}

TEST(care_core, the_audit_is_of_the_sample_and_by_somebody_else_and_ends_it)
{
    struct complaint_now c = {.state = COMPLAINT_FOLLOWED_UP, .limit_s = 1, .handled_by = 7};
    struct complaint_by by = {CARE_CONTROLLER, 8, 0, OPINION_NONE, true};
    struct complaint_next next;
    assert_int_equal(care_step(&c, STEP_AUDIT, &by, &next), CARE_NOT_SAMPLED);
    c.sampled = true;
    by.user = 7;
    assert_int_equal(care_step(&c, STEP_AUDIT, &by, &next), CARE_OWN_WORK);
    by.user = 8;
    assert_int_equal(care_step(&c, STEP_AUDIT, &by, &next), CARE_OK);
    assert_true(next.closed);
    c.state = COMPLAINT_ASKED;
    by = (struct complaint_by){CARE_CLERK, 8, 0, OPINION_SATISFIED, false};
    assert_int_equal(care_step(&c, STEP_FOLLOW_UP, &by, &next), CARE_OK);
    assert_false(next.closed); /* sampled: the audit is still to come */
    c.sampled = false;
    assert_int_equal(care_step(&c, STEP_FOLLOW_UP, &by, &next), CARE_OK);
    assert_true(next.closed);
}

TEST(care_core, overdue_is_after_the_last_second_and_only_until_it_is_handled)
{
    for (int s = 0; s < COMPLAINT_STATES; s++) {
        struct complaint_now c = {.state = (enum complaint_state)s, .due_s = 100};
        assert_false(complaint_is_overdue(&c, 100));
        assert_int_equal(complaint_is_overdue(&c, 101), s <= COMPLAINT_PASSED_ON);
    }
}

TEST(care_core, the_sample_is_the_same_every_time_and_as_large_as_asked)
{
    int drawn = 0, both = 0;
    for (uint64_t n = 1; n <= 10000; n++) {
        drawn += care_sampled(1, n, 10);
        both += care_sampled(1, n, 10) && care_sampled(2, n, 10);
        assert_int_equal(care_sampled(1, n, 10), care_sampled(1, n, 10));
        assert_false(care_sampled(1, n, 0));
        assert_true(care_sampled(1, n, 100));
        assert_true(!care_sampled(1, n, 10) || care_sampled(1, n, 11)); /* a larger one has the smaller in it */
    }
    assert_in_range(drawn, 900, 1100);
    assert_in_range(both, 60, 140); /* another seed, another sample: 1 % in both */
}

TEST(care_core, shares_are_tenths_of_a_percent_rounded_half_up)
{
    static const struct {
        int64_t part, whole;
        int32_t permille;
    } rows[] = {{0, 0, -1}, {0, 5, 0}, {5, 5, 1000}, {1, 3, 333}, {2, 3, 667}, {1, 2000, 1}, {1, 2001, 0}, {1, 16, 63}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(care_permille(rows[i].part, rows[i].whole), rows[i].permille);
}

/* The first row is the example of docs/care.md. */
TEST(care_core, satisfaction_is_what_was_perceived_less_what_was_expected)
{
    static const struct {
        struct care_scores s;
        struct care_weights w;
        int32_t score; /* 9999: cannot be said */
        enum care_grade grade;
    } rows[] = {
        {{4, 4, 5, 3, 5}, {1, 1, 1, 1, 1}, 17, GRADE_ABOVE},
        {{4, 4, 5, 3, 5}, {1, 4, 1, 3, 1}, -25, GRADE_BELOW},
        {{3, 3, 3, 3, 3}, {1, 1, 1, 1, 1}, 0, GRADE_AS_EXPECTED},
        {{5, 1, 1, 1, 1}, {1, 1, 1, 1, 1}, -400, GRADE_BELOW},
        {{1, 5, 5, 5, 5}, {1, 1, 1, 1, 1}, 400, GRADE_ABOVE},
        {{3, 0, 4, 0, 0}, {1, 1, 1, 1, 1}, 100, GRADE_ABOVE}, /* what was not said has no weight */
        {{3, 2, 0, 0, 0}, {1, 1, 1, 1, 1}, -100, GRADE_BELOW},
        {{3, 0, 0, 0, 0}, {1, 1, 1, 1, 1}, 9999, GRADE_BELOW},
        {{0, 5, 5, 5, 5}, {1, 1, 1, 1, 1}, 9999, GRADE_BELOW},
        {{3, 0, 4, 0, 0}, {0, 1, 1, 1, 1}, 9999, GRADE_BELOW}, /* all that was said counts nothing */
        {{3, 0, 5, 5, 4}, {1, 1, 1, 1, 1}, 167, GRADE_ABOVE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int32_t score = 9999;
        bool said = care_score(&rows[i].s, &rows[i].w, &score);
        assert_int_equal(said, rows[i].score != 9999);
        assert_int_equal(score, rows[i].score);
        if (said)
            assert_int_equal(care_grade(score), rows[i].grade);
    }
}

/* The example of docs/care.md: three good visits, a bad one, a complaint that ends well, one that does not. */
TEST(care_core, each_good_visit_adds_and_one_bad_one_takes_half_or_all)
{
    static const struct {
        struct care_event e;
        int32_t after;
    } rows[] = {
        {{CARE_RATING, 3}, 15},           {{CARE_RATING, 2}, 25},        {{CARE_FEEDBACK, 100}, 40},
        {{CARE_FEEDBACK, -50}, 20},       {{CARE_RATING, 1}, 25},        {{CARE_COMPLAINT, 0}, 12},
        {{CARE_COMPLAINT_OVER, 1}, 22},   {{CARE_FEEDBACK, 0}, 32},      {{CARE_FEEDBACK, -99}, 16},
        {{CARE_FEEDBACK, -100}, 0},       {{CARE_RATING, 3}, 15},        {{CARE_COMPLAINT_OVER, 0}, 0},
        {{CARE_FEEDBACK, 400}, 30},
    };
    int32_t running = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        running = care_running(running, &rows[i].e);
        assert_int_equal(running, rows[i].after);
    }
    for (int i = 0; i < 50; i++)
        running = care_running(running, &(struct care_event){CARE_RATING, 3});
    assert_int_equal(running, 100);
}

TEST(care_core, promoters_less_detractors)
{
    static const struct {
        int64_t counts[11];
        int32_t nps; /* 9999: nobody said anything */
    } rows[] = {
        {{0}, 9999},
        {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4}, 1000},
        {{0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0}, -1000},
        {{0, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0}, 0},
        {{1, 0, 0, 0, 0, 0, 1, 1, 1, 2, 3}, 333}, /* (5 - 2) / 9 */
        {{2, 0, 0, 0, 0, 0, 3, 0, 1, 1, 0}, -571}, /* (1 - 5) / 7 */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int32_t nps = 9999;
        assert_int_equal(care_nps(rows[i].counts, &nps), rows[i].nps != 9999);
        assert_int_equal(nps, rows[i].nps);
    }
}
