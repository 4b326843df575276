/* ctl_jobs.c - patronctl job: long work, as patron-office starts it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "office/ctl/ctl.h"
#include "office/plan/jobs.h"

#include <stdio.h>

static enum ctl_exit run_job(struct ctl *c)
{
    struct errmsg why = {""};
    int64_t id;
    if (!ctl_get_number(c, "a job", c->positions[0], 1, INT64_MAX, &id))
        return CTL_USAGE;
    if (job_run(c->dir, id, &why) == OK)
        return CTL_OK;
    printf("failed %s\n", why.text); /* to the program that started it */
    return CTL_REFUSED;
}

static bool add_job(const struct job *job, void *arg)
{
    char when[TIME_TEXT_SIZE];
    time_text(when, job->created_s);
    json_array_append_new(arg, json_pack("{s:I, s:s, s:s, s:i, s:s, s:s}", "job", (json_int_t)job->id, "kind", job->kind,
                                         "state", job->state, "thousandths", job->progress, "when", when, "remark",
                                         job->sentence));
    return true;
}

static enum ctl_exit run_job_list(struct ctl *c)
{
    struct errmsg why = {""};
    json_t *rows = json_array();
    if (job_list(c->books, 50, add_job, rows, &why)) {
        json_decref(rows);
        return ctl_fail(&why, "");
    }
    ctl_show(c, json_pack("{s:o}", "jobs", rows));
    return CTL_OK;
}

const struct ctl_command ctl_job_commands[] = {
    {.name = "job list", .positions = "", .summary = "long work: previews and re-ratings", .needs = CTL_HOME,
     .text = "", .run = run_job_list},
    {.name = "job run", .positions = "N", .least = 1, .most = 1, .summary = "do it: for patron-office, which starts it",
     .text = "", .needs = CTL_NO_HOME, .run = run_job},
    {0},
};
