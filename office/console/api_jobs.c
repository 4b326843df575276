/* api_jobs.c - long work: how far it is, its result and files, ending it; rows of the console's table (office/console/api.h).
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/tr.h"
#include "office/console/api.h"
#include "office/books/books_int.h"
#include "office/plan/jobs.h"
#include "office/books/rows.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define WORKERS (ROLE_MARKETER | ROLE_CONTROLLER | ROLE_APPROVER | ROLE_AUDITOR | ROLE_ADMIN)
enum { FILE_MAX = 512 << 20 };

static enum err job_of(struct api_call *c, struct job *job, struct errmsg *why)
{
    char *end;
    long long id = strtoll(c->arg[0], &end, 10);
    memset(job, 0, sizeof *job);
    if (*end || id < 1)
        return err_set(why, ERR_FORMAT, tr("%.20s is no number of ours"), c->arg[0]);
    return job_get(c->office->books, id, job, why);
}

static enum err list_jobs(struct api_call *c, struct errmsg *why)
{
    json_t *rows = json_array();
    struct query q = query_text_of(c->office->books->store,
                                   "SELECT j.id, j.kind, j.state, j.progress, j.sentence, u.name, j.created_s, j.started_s,"
                                   " j.ended_s FROM job j LEFT JOIN user u ON u.id = j.user ORDER BY j.id DESC LIMIT 500");
    enum err e = rows_of(&q, "job:int kind:text state:text thousandths:int sentence:text user:text created:time started:time"
                             " ended:time", rows, why);
    json_object_set_new(c->out, "rows", rows);
    return e;
}

static enum err get_job(struct api_call *c, struct errmsg *why)
{
    struct job job;
    enum err e = job_of(c, &job, why);
    if (!e) {
        json_object_set_new(c->out, "job", json_integer(job.id));
        json_object_set_new(c->out, "kind", rows_text(job.kind));
        json_object_set_new(c->out, "state", rows_text(job.state));
        json_object_set_new(c->out, "thousandths", json_integer(job.progress));
        json_object_set_new(c->out, "sentence", rows_text(job.sentence));
        json_object_set(c->out, "arguments", job.arguments ? job.arguments : json_null());
        json_object_set(c->out, "result", job.result ? job.result : json_null());
    }
    job_finish(&job);
    return e;
}

/* Whoever asked for it, and who keeps the house. */
static enum err cancel_job(struct api_call *c, struct errmsg *why)
{
    struct job job;
    enum err e = job_of(c, &job, why);
    if (!e && job.user != c->user.id && !(c->user.roles & ROLE_ADMIN))
        e = err_set(why, ERR_REFUSED, tr("it is somebody else's"));
    if (!e)
        e = job_cancel(c->office->jobs, c->office->books, job.id, c->now_s, why);
    job_finish(&job);
    return e;
}

static enum err send_file(struct api_call *c, const char *path, const char *name, struct errmsg *why)
{
    struct stat s;
    FILE *f = fopen(path, "r");
    if (!f || fstat(fileno(f), &s) || s.st_size > FILE_MAX) {
        if (f)
            fclose(f);
        return err_set(why, ERR_NOT_FOUND, tr("the file is not there any more: files are kept for %d days"), JOB_KEEP_DAYS);
    }
    size_t size = (size_t)s.st_size;
    char *data = malloc(size + 1);
    enum err e = data ? OK : err_set(why, ERR_FULL, "no memory");
    if (!e && fread(data, 1, size, f) != size)
        e = err_set(why, ERR_IO, "%s: %s", name, strerror(errno));
    if (!e)
        e = api_file(c, "text/csv; charset=utf-8", name, data, size, why);
    fclose(f);
    free(data);
    return e;
}

static enum err get_file(struct api_call *c, struct errmsg *why)
{
    static const char *const names[] = {"entries.csv", "tiers.csv", "rerate.csv"};
    struct job job;
    char path[HOME_PATH_MAX];
    const char *name = NULL;
    enum err e = job_of(c, &job, why);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(c->arg[1], names[i]) == 0)
            name = names[i];
    if (!e && !name)
        e = err_set(why, ERR_NOT_FOUND, tr("it has no such file"));
    if (!e) {
        job_path(c->office->home, job.id, name, path);
        e = send_file(c, path, name, why);
    }
    job_finish(&job);
    return e;
}

const struct api_op api_jobs[] = {
    {"GET", "/api/jobs", "list_jobs", "Long work, the newest first.", WORKERS, API_READ, NULL, NULL,
     "rows:[job:int! kind:text! state:text! thousandths:int! sentence:text! user:text created:time! started:time ended:time]!",
     list_jobs},
    {"GET", "/api/jobs/{job}", "get_job", "How far it is; when it is done, its result.", WORKERS, API_READ, NULL, NULL,
     "job:int! kind:text! state:text! thousandths:int! sentence:text! arguments:json! result:json", get_job},
    {"GET", "/api/jobs/{job}/{file}", "get_job_file", "A file of the result: entries.csv, tiers.csv.", WORKERS, API_READ, NULL,
     NULL, NULL, get_file},
    {"POST", "/api/jobs/{job}/cancel", "cancel_job", "Ends it.", WORKERS & ~ROLE_AUDITOR, API_CHANGE, NULL, NULL, NULL, cancel_job},
    {0},
};
