/* jobs.h - long work: each a process of its own (patronctl job run N), at most two at once, so that no till waits for
 * it.  A job is a row (db/plan.sql) and a folder DIR/jobs/N for its files, closed to others.
 *
 *     waiting --tick--> running --exit 0--> done
 *        |                 | \--exit, signal--> failed          the program stopped meanwhile --> ended
 *        \--cancel---------+--cancel, SIGTERM--> cancelled
 *
 * The process tells its progress on its standard output and writes its result into its folder; it has a snapshot of the
 * books, and changes them by whole entries, each in a transaction, or not at all.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_JOBS_H
#define PATRON_OFFICE_JOBS_H

#include "office/books/books.h"
#include "office/home.h"

#include <jansson.h>

enum { JOBS_AT_ONCE = 2, JOB_KEEP_DAYS = 30, JOB_SENTENCE_SIZE = 320, JOB_RESULT_MAX = 1 << 21 };

struct jobs;

/* Jobs that were running when the program stopped are ended; files of jobs that ended JOB_KEEP_DAYS ago are removed.
 * program: of patronctl; NULL = the one beside this program.  home and books outlive it.  Not in a transaction. */
MUST_CHECK enum err jobs_open(struct jobs **out, const struct home *home, struct books *books, const char *program,
                              int64_t now_s, struct errmsg *why);
/* Ends those that run, as ended.  NULL is fine. */
void jobs_close(struct jobs *j, int64_t now_s);
/* Starts what waits, hears what runs, writes down what ended.  To be called every second or so, not in a transaction. */
MUST_CHECK enum err jobs_tick(struct jobs *j, int64_t now_s, struct errmsg *why);

struct job {
    int64_t id;
    char kind[24], state[16];
    json_t *arguments, *result; /* result: NULL = none yet */
    uint32_t user;
    int progress;               /* thousandths */
    char sentence[JOB_SENTENCE_SIZE];
    int64_t created_s, started_s, ended_s; /* 0 = not yet */
};
void job_finish(struct job *job);

/* In an open transaction.  kind: a row of job_kinds. */
MUST_CHECK enum err job_add(struct books *b, const char *kind, const json_t *arguments, uint32_t user, int64_t now_s,
                            int64_t *id, struct errmsg *why);
/* In an open transaction: a waiting one is cancelled; one that runs is told to end, and is cancelled when it has.  j
 * NULL: only a waiting one.  Errors: ERR_NOT_FOUND, ERR_STATE (it has ended). */
MUST_CHECK enum err job_cancel(struct jobs *j, struct books *b, int64_t id, int64_t now_s, struct errmsg *why);
/* Errors: ERR_NOT_FOUND. */
MUST_CHECK enum err job_get(struct books *b, int64_t id, struct job *out, struct errmsg *why);
/* Newest first, without results; job is let go after each. */
typedef bool job_fn(const struct job *job, void *arg);
MUST_CHECK enum err job_list(struct books *b, int32_t most, job_fn *each, void *arg, struct errmsg *why);
/* DIR/jobs/N/name.  name "" = the folder. */
void job_path(const struct home *home, int64_t id, const char *name, char out[HOME_PATH_MAX]);

/* ---- inside the process ---- */

struct job_run {
    int64_t id;
    const char *home;          /* of the folder */
    char dir[HOME_PATH_MAX];   /* for its files */
    char books[HOME_PATH_MAX];
    const json_t *arguments;
    uint32_t user;
    int told;                  /* progress that was told last */
    json_t *result;            /* to be filled: an object */
};
/* false: it was told to end. */
bool job_progress(int thousandths, void *run);

struct job_kind {
    const char *name;
    /* No database is open when it is called.  Errors: the sentence becomes the job's. */
    enum err (*run)(struct job_run *r, struct errmsg *why);
};
extern const struct job_kind job_kinds[]; /* job_kinds.c; ended by a row without a name */

/* What patronctl job run does: reads the row, runs it, writes the result.  Ends with the program that started it.
 * Errors: ERR_NOT_FOUND, ERR_STATE (it is not to be run), those of the kind. */
MUST_CHECK enum err job_run(const char *home, int64_t id, struct errmsg *why);

#endif
