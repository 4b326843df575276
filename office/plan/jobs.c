/* jobs.c - see jobs.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/plan/jobs.h"
#include "base/date.h"
#include "base/tr.h"
#include "office/books/books_int.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

struct running {
    int64_t id; /* 0 = the place is free */
    pid_t pid;
    int fd;     /* its standard output */
    bool cancelled;
    char line[JOB_SENTENCE_SIZE + 32];
    size_t used;
    int progress, written; /* heard; in the table */
    char failed[JOB_SENTENCE_SIZE];
};

struct jobs {
    const struct home *home;
    struct books *books;
    char program[HOME_PATH_MAX];
    struct running running[JOBS_AT_ONCE];
};

/* ---- the rows ---- */

void job_path(const struct home *home, int64_t id, const char *name, char out[HOME_PATH_MAX])
{
    char text[128];
    snprintf(text, sizeof text, "jobs/%" PRId64 "%s%.80s", id, *name ? "/" : "", name);
    home_path(home, text, out);
}

void job_finish(struct job *job)
{
    json_decref(job->arguments);
    json_decref(job->result);
    job->arguments = job->result = NULL;
}

#define COLUMNS                                                                                                        \
    "SELECT id, kind, state, arguments, user, progress, sentence, created_s, coalesce(started_s, 0),"                  \
    " coalesce(ended_s, 0)"

static void read_row(struct query *q, struct job *job)
{
    memset(job, 0, sizeof *job);
    job->id = query_get_int(q);
    query_get_text(q, job->kind, sizeof job->kind);
    query_get_text(q, job->state, sizeof job->state);
    struct bytes arguments = query_get_blob(q);
    job->arguments = json_loadb((const char *)arguments.data, arguments.size, 0, NULL);
    job->user = (uint32_t)query_get_int(q);
    job->progress = (int)query_get_int(q);
    query_get_text(q, job->sentence, sizeof job->sentence);
    job->created_s = query_get_int(q);
    job->started_s = query_get_int(q);
    job->ended_s = query_get_int(q);
}

enum err job_get(struct books *b, int64_t id, struct job *out, struct errmsg *why)
{
    struct query q = query_text_of(b->store, COLUMNS ", result FROM job WHERE id = ?");
    query_int(&q, id);
    bool found = query_row(&q);
    memset(out, 0, sizeof *out);
    if (found) {
        read_row(&q, out);
        struct bytes result = query_get_blob(&q);
        if (result.size)
            out->result = json_loadb((const char *)result.data, result.size, 0, NULL);
    }
    enum err e = query_done(&q, why);
    return !e && !found ? err_set(why, ERR_NOT_FOUND, tr("there is no such job")) : e;
}

enum err job_list(struct books *b, int32_t most, job_fn *each, void *arg, struct errmsg *why)
{
    bool go_on = true;
    struct query q = query_text_of(b->store, COLUMNS " FROM job ORDER BY id DESC LIMIT ?");
    query_int(&q, most);
    while (go_on && query_row(&q)) {
        struct job job;
        read_row(&q, &job);
        go_on = each(&job, arg);
        job_finish(&job);
    }
    return query_done(&q, why);
}

static const struct job_kind *find_kind(const char *name)
{
    const struct job_kind *k = job_kinds;
    while (k->name && strcmp(k->name, name) != 0)
        k++;
    return k->name ? k : NULL;
}

enum err job_add(struct books *b, const char *kind, const json_t *arguments, uint32_t user, int64_t now_s, int64_t *id,
                 struct errmsg *why)
{
    assert(store_office_is_open(b->store));
    assert(find_kind(kind));
    char *text = json_dumps(arguments, JSON_COMPACT);
    if (!text)
        return err_set(why, ERR_IO, "out of memory");
    struct query q = query_text_of(b->store, "INSERT INTO job (kind, arguments, user, created_s) VALUES (?, ?, ?, ?)"
                                             " RETURNING id");
    query_text(&q, kind);
    query_text(&q, text);
    query_int(&q, user);
    query_int(&q, now_s);
    if (query_row(&q))
        *id = query_get_int(&q);
    enum err e = query_done(&q, why);
    free(text);
    return e;
}

static enum err set_ended(struct books *b, int64_t id, const char *state, const char *sentence, const char *result,
                          int64_t now_s, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "UPDATE job SET state = ?2, sentence = ?3, result = ?4, ended_s = ?5, pid = 0,"
                                             " progress = CASE ?2 WHEN 'done' THEN 1000 ELSE progress END WHERE id = ?1");
    query_int(&q, id);
    query_text(&q, state);
    query_text(&q, sentence);
    query_text(&q, result);
    query_int(&q, now_s);
    return query_run(&q, why);
}

enum err job_cancel(struct jobs *j, struct books *b, int64_t id, int64_t now_s, struct errmsg *why)
{
    struct job job;
    assert(store_office_is_open(b->store));
    enum err e = job_get(b, id, &job, why);
    if (e)
        return e;
    bool waiting = strcmp(job.state, "waiting") == 0, is_running = strcmp(job.state, "running") == 0;
    job_finish(&job);
    if (waiting)
        return set_ended(b, id, "cancelled", tr("it was cancelled before it began"), "", now_s, why);
    for (int i = 0; j && is_running && i < JOBS_AT_ONCE; i++) {
        struct running *r = &j->running[i];
        if (r->id != id)
            continue;
        r->cancelled = true;
        kill(r->pid, SIGTERM); /* not reaped yet, so it is the one we started */
        return OK;
    }
    return err_set(why, ERR_STATE, tr("it has ended already"));
}

/* ---- running ---- */

static enum err remove_files(const struct home *home, int64_t id, struct errmsg *why)
{
    char path[HOME_PATH_MAX];
    job_path(home, id, "", path);
    DIR *dir = opendir(path);
    struct dirent *d;
    if (!dir)
        return OK;
    while ((d = readdir(dir)))
        if (d->d_name[0] != '.')
            (void)unlinkat(dirfd(dir), d->d_name, 0);
    closedir(dir);
    return rmdir(path) && errno != ENOENT ? err_set(why, ERR_IO, "%s: %s", path, strerror(errno)) : OK;
}

static enum err tidy(struct jobs *j, int64_t now_s, struct errmsg *why)
{
    enum err e = books_begin(j->books, why);
    if (e)
        return e;
    struct query q = query_text_of(j->books->store, "UPDATE job SET state = 'ended', pid = 0, ended_s = ?, sentence = ?"
                                                    " WHERE state = 'running'");
    query_int(&q, now_s);
    query_text(&q, tr("the program was stopped"));
    e = query_run(&q, why);
    q = query_text_of(j->books->store, "SELECT id FROM job WHERE ended_s < ?");
    query_int(&q, now_s - (int64_t)JOB_KEEP_DAYS * SECONDS_PER_DAY);
    while (!e && query_row(&q))
        e = remove_files(j->home, query_get_int(&q), why);
    enum err ended = query_done(&q, why);
    e = e ? e : ended;
    if (!e)
        return books_commit(j->books, why);
    books_rollback(j->books);
    return e;
}

static enum err find_program(char out[HOME_PATH_MAX], const char *program, struct errmsg *why)
{
    if (program) {
        snprintf(out, HOME_PATH_MAX, "%s", program);
        return OK;
    }
    ssize_t size = readlink("/proc/self/exe", out, HOME_PATH_MAX - 12);
    if (size <= 0)
        return err_set(why, ERR_IO, "/proc/self/exe: %s", strerror(errno));
    out[size] = 0;
    char *slash = strrchr(out, '/');
    snprintf(slash ? slash + 1 : out, 12, "patronctl");
    return OK;
}

enum err jobs_open(struct jobs **out, const struct home *home, struct books *books, const char *program, int64_t now_s,
                   struct errmsg *why)
{
    struct jobs *j = calloc(1, sizeof *j);
    char path[HOME_PATH_MAX];
    if (!j)
        return err_set(why, ERR_IO, "out of memory");
    j->home = home;
    j->books = books;
    home_path(home, "jobs", path);
    enum err e = find_program(j->program, program, why);
    if (!e && mkdir(path, 0700) && errno != EEXIST)
        e = err_set(why, ERR_IO, "%s: %s", path, strerror(errno));
    if (!e && (e = tidy(j, now_s, why)) == ERR_FULL)
        e = OK; /* on a full disk head office reads on */
    if (e) {
        free(j);
        return e;
    }
    *out = j;
    return OK;
}

static enum err spawn(struct jobs *j, struct running *r, int64_t id, struct errmsg *why)
{
    char number[24], dir[HOME_PATH_MAX];
    const char *const argv[] = {"patronctl", "--home", j->home->dir, "job", "run", number, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, defaults;
    int ends[2];
    snprintf(number, sizeof number, "%" PRId64, id);
    job_path(j->home, id, "", dir);
    if (mkdir(dir, 0700) && errno != EEXIST)
        return err_set(why, ERR_IO, "%s: %s", dir, strerror(errno));
    if (pipe2(ends, O_CLOEXEC))
        return err_set(why, ERR_IO, "pipe: %s", strerror(errno));
    sigemptyset(&none);
    sigfillset(&defaults);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    memset(r, 0, sizeof *r);
    int fault = posix_spawn(&r->pid, j->program, &actions, &attributes, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close(ends[1]);
    if (fault) {
        close(ends[0]);
        return err_set(why, ERR_IO, "%s: %s", j->program, strerror(fault));
    }
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    r->fd = ends[0];
    r->id = id;
    return OK;
}

/* It is running in the table before it runs, so that a kill in between leaves no job that runs twice. */
static enum err start_next(struct jobs *j, struct running *r, int64_t now_s, struct errmsg *why)
{
    struct errmsg fault = {""};
    int64_t id = 0;
    struct query q = query_text_of(j->books->store, "SELECT id FROM job WHERE state = 'waiting' ORDER BY id LIMIT 1");
    if (query_row(&q))
        id = query_get_int(&q);
    enum err e = query_done(&q, why);
    if (e || id == 0)
        return e;
    if ((e = books_begin(j->books, why)))
        return e;
    q = query_text_of(j->books->store, "UPDATE job SET state = 'running', started_s = ? WHERE id = ?");
    query_int(&q, now_s);
    query_int(&q, id);
    e = query_run(&q, why);
    e = e ? (books_rollback(j->books), e) : books_commit(j->books, why);
    if (e || spawn(j, r, id, &fault) == OK)
        return e;
    if ((e = books_begin(j->books, why)))
        return e;
    e = set_ended(j->books, id, "failed", fault.text, "", now_s, why);
    return e ? (books_rollback(j->books), e) : books_commit(j->books, why);
}

/* "progress 120", "failed SENTENCE". */
static void hear_line(struct running *r)
{
    if (strncmp(r->line, "progress ", 9) == 0) {
        long n = strtol(r->line + 9, NULL, 10);
        r->progress = n < 0 ? 0 : n > 1000 ? 1000 : (int)n;
    } else if (strncmp(r->line, "failed ", 7) == 0) {
        snprintf(r->failed, sizeof r->failed, "%.*s", (int)sizeof r->failed - 1, r->line + 7);
    }
}

static void hear(struct running *r)
{
    char bytes[512];
    for (ssize_t n; (n = read(r->fd, bytes, sizeof bytes)) > 0;)
        for (ssize_t i = 0; i < n; i++) {
            if (bytes[i] != '\n') {
                r->line[r->used] = bytes[i];
                r->used += r->used < sizeof r->line - 1;
                continue;
            }
            r->line[r->used] = 0;
            r->used = 0;
            hear_line(r);
        }
}

/* The result that the process left; "" = none. */
static char *read_result(const struct jobs *j, int64_t id)
{
    char path[HOME_PATH_MAX];
    job_path(j->home, id, "result.json", path);
    json_error_t fault;
    json_t *result = json_load_file(path, 0, &fault);
    char *text = result ? json_dumps(result, JSON_COMPACT) : NULL;
    json_decref(result);
    (void)unlink(path);
    if (text && strlen(text) > JOB_RESULT_MAX) {
        free(text);
        text = NULL;
    }
    return text ? text : strdup("");
}

static enum err write_down(struct jobs *j, struct running *r, int status, bool stopping, int64_t now_s,
                           struct errmsg *why)
{
    char sentence[JOB_SENTENCE_SIZE];
    bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    const char *state = well ? "done" : r->cancelled ? "cancelled" : stopping ? "ended" : "failed";
    if (well)
        sentence[0] = 0;
    else if (r->cancelled)
        snprintf(sentence, sizeof sentence, "%s", tr("it was cancelled"));
    else if (stopping)
        snprintf(sentence, sizeof sentence, "%s", tr("the program was stopped"));
    else if (r->failed[0])
        snprintf(sentence, sizeof sentence, "%s", r->failed);
    else
        snprintf(sentence, sizeof sentence, tr("its process was ended by signal %d"),
                 WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    char *result = well ? read_result(j, r->id) : strdup("");
    enum err e = result ? books_begin(j->books, why) : err_set(why, ERR_IO, "out of memory");
    if (!e) {
        e = set_ended(j->books, r->id, state, sentence, result, now_s, why);
        e = e ? (books_rollback(j->books), e) : books_commit(j->books, why);
    }
    free(result);
    if (e)
        return e; /* tried again at the next tick: the place is not free yet */
    close(r->fd);
    r->id = 0;
    return OK;
}

static enum err write_progress(struct jobs *j, struct running *r, struct errmsg *why)
{
    if (r->progress == r->written)
        return OK;
    enum err e = books_begin(j->books, why);
    if (e)
        return e;
    struct query q = query_text_of(j->books->store, "UPDATE job SET progress = ? WHERE id = ? AND state = 'running'");
    query_int(&q, r->progress);
    query_int(&q, r->id);
    e = query_run(&q, why);
    e = e ? (books_rollback(j->books), e) : books_commit(j->books, why);
    if (!e)
        r->written = r->progress;
    return e;
}

static enum err look_at(struct jobs *j, struct running *r, int64_t now_s, struct errmsg *why)
{
    siginfo_t info = {0};
    int status = 0;
    hear(r);
    if (waitid(P_PID, (id_t)r->pid, &info, WEXITED | WNOHANG | WNOWAIT) || info.si_pid == 0)
        return write_progress(j, r, why);
    hear(r); /* what it said last */
    status = info.si_code == CLD_EXITED ? (info.si_status & 0xff) << 8 : info.si_status & 0x7f;
    enum err e = write_down(j, r, status, false, now_s, why);
    if (!e)
        (void)waitpid(r->pid, NULL, 0); /* only now is its number somebody else's */
    return e;
}

enum err jobs_tick(struct jobs *j, int64_t now_s, struct errmsg *why)
{
    enum err e = OK;
    for (int i = 0; i < JOBS_AT_ONCE && !e; i++)
        if (j->running[i].id)
            e = look_at(j, &j->running[i], now_s, why);
    for (int i = 0; i < JOBS_AT_ONCE && !e; i++)
        if (j->running[i].id == 0)
            e = start_next(j, &j->running[i], now_s, why);
    return e;
}

void jobs_close(struct jobs *j, int64_t now_s)
{
    if (!j)
        return;
    for (int i = 0; i < JOBS_AT_ONCE; i++) {
        struct running *r = &j->running[i];
        int status = 0;
        if (r->id == 0)
            continue;
        kill(r->pid, SIGTERM);
        for (int wait = 0; wait < 40 && waitpid(r->pid, &status, WNOHANG) == 0; wait++) {
            (void)poll(NULL, 0, 50);
            if (wait == 38)
                kill(r->pid, SIGKILL);
        }
        hear(r);
        (void)write_down(j, r, status, true, now_s, NULL);
    }
    free(j);
}

/* ---- inside the process ---- */

bool job_progress(int thousandths, void *arg)
{
    struct job_run *r = arg;
    if (thousandths != r->told) {
        r->told = thousandths;
        printf("progress %d\n", thousandths);
        fflush(stdout);
    }
    return true;
}

static enum err keep_result(const struct job_run *r, struct errmsg *why)
{
    char path[HOME_PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/result.json", r->dir);
    if (json_dump_file(r->result, path, JSON_COMPACT))
        return err_set(why, ERR_IO, tr("the result could not be written: is the disk full?"));
    return OK;
}

static enum err run(struct job_run *r, const struct home *home, struct errmsg *why)
{
    struct books *books = NULL;
    struct job job = {0};
    enum err e = books_open(&books, r->books, &home->card_keys, why);
    if (!e)
        e = job_get(books, r->id, &job, why);
    books_close(books);
    const struct job_kind *k = e ? NULL : find_kind(job.kind);
    if (!e && (strcmp(job.state, "running") != 0 || !k))
        e = err_set(why, ERR_STATE, tr("job %lld is not to be run: patron-office starts jobs"), (long long)r->id);
    r->arguments = job.arguments;
    r->user = job.user;
    r->result = json_object();
    if (!e)
        e = k->run(r, why);
    if (!e)
        e = keep_result(r, why);
    json_decref(r->result);
    job_finish(&job);
    return e;
}

enum err job_run(const char *dir, int64_t id, struct errmsg *why)
{
    struct job_run r = {.id = id, .home = dir, .told = -1};
    struct home home;
    pid_t parent = getppid();
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* nobody is left to tell */
    if (getppid() != parent)
        return err_set(why, ERR_STATE, "the program that started it is gone");
    umask(077);
    memset(&home, 0, sizeof home);
    enum err e = home_open(&home, dir, why);
    if (!e) {
        home_path(&home, HOME_BOOKS, r.books);
        job_path(&home, id, "", r.dir);
        e = run(&r, &home, why);
    }
    home_finish(&home);
    return e;
}
