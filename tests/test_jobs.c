/* test_jobs.c - long work is a process: it is started, heard, cancelled, and what it was when the program stopped is
 * said.  The processes are shell scripts in place of patronctl, and patronctl itself for a preview.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/books/books_int.h"
#include "office/plan/jobs.h"
#include "office/plan/publish.h"
#include "tests/ledgers.h"
#include "tests/test.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct home home;
static struct books *books;
static struct jobs *jobs;
static struct errmsg why;
static char program[400];
static int64_t now_s = 1300000000;

static void script(const char *text)
{
    snprintf(program, sizeof program, "%s/fake", test_scratch_dir());
    FILE *f = fopen(program, "w");
    assert_non_null(f);
    fprintf(f, "#!/bin/sh\n%s\n", text);
    fclose(f);
    assert_int_equal(chmod(program, 0700), 0);
}

static void set_up(void)
{
    char dir[300], path[HOME_PATH_MAX];
    struct pack_text *p = pack_text_create();
    snprintf(dir, sizeof dir, "%s/office", test_scratch_dir());
    assert_int_equal(home_create(&home, dir, time(NULL), &why), OK);
    home_path(&home, HOME_BOOKS, path);
    assert_int_equal(books_create(path, &why), OK);
    assert_int_equal(books_open(&books, path, &home.card_keys, &why), OK);
    p->size = (size_t)snprintf(p->json, sizeof p->json, "{\"version\": 1, \"effective\": \"2011-01-01\", \"name\": \"Test\","
                                                        " \"currency\": \"GBP\", \"earn\": {\"rate\": \"1/100\"}}");
    assert_int_equal(pack_text_read(p, "test", &why), OK);
    assert_int_equal(publish_store(p, books, &home.pack_key, &why), OK);
    free(p);
    books_close(books);
    assert_int_equal(home_keep(&home, &why), OK);
    home_path(&home, HOME_BOOKS, path);
    assert_int_equal(books_open(&books, path, &home.card_keys, &why), OK);
}

static void open_jobs(void)
{
    if (jobs_open(&jobs, &home, books, program, now_s, &why))
        fail_msg("%s", why.text);
}

static void tear_down(void)
{
    jobs_close(jobs, now_s);
    books_close(books);
    home_finish(&home);
}

static int64_t add(const char *kind, const char *arguments)
{
    int64_t id = 0;
    json_t *in = json_loads(arguments, 0, NULL);
    assert_int_equal(books_begin(books, &why), OK);
    assert_int_equal(job_add(books, kind, in, 7, now_s, &id, &why), OK);
    assert_int_equal(books_commit(books, &why), OK);
    json_decref(in);
    return id;
}

static enum err cancel(int64_t id)
{
    assert_int_equal(books_begin(books, &why), OK);
    enum err e = job_cancel(jobs, books, id, now_s, &why);
    assert_int_equal(books_commit(books, &why), OK);
    return e;
}

/* Ticks until the job is in this state; its sentence. */
static const char *until(int64_t id, const char *state)
{
    static char sentence[JOB_SENTENCE_SIZE];
    struct job job;
    for (int i = 0; i < 1500; i++) {
        if (jobs_tick(jobs, now_s, &why))
            fail_msg("%s", why.text);
        assert_int_equal(job_get(books, id, &job, &why), OK);
        bool is = strcmp(job.state, state) == 0;
        snprintf(sentence, sizeof sentence, "%s", job.sentence);
        job_finish(&job);
        if (is)
            return sentence;
        (void)poll(NULL, 0, 10);
    }
    fail_msg("job is not %s: %s", state, sentence);
    return "";
}

static int progress_of(int64_t id)
{
    struct job job;
    assert_int_equal(job_get(books, id, &job, &why), OK);
    job_finish(&job);
    return job.progress;
}

TEST(jobs, one_that_fails_says_why)
{
    set_up();
    script("echo progress 300; echo failed no luck today; exit 1");
    open_jobs();
    int64_t id = add("preview", "{}");
    assert_string_equal(until(id, "failed"), "no luck today");
    script("kill -9 $$");
    id = add("preview", "{}");
    assert_non_null(strstr(until(id, "failed"), "signal 9"));
    snprintf(program, sizeof program, "%s/nothing-there", test_scratch_dir());
    jobs_close(jobs, now_s);
    open_jobs();
    id = add("preview", "{}");
    (void)until(id, "failed");
    assert_int_equal(cancel(id), ERR_STATE);
    assert_int_equal(cancel(99), ERR_NOT_FOUND);
    tear_down();
}

TEST(jobs, two_run_and_the_third_waits_and_each_can_be_cancelled)
{
    set_up();
    script("echo progress 420; exec sleep 60");
    open_jobs();
    int64_t a = add("preview", "{}"), b = add("preview", "{}"), c = add("preview", "{}");
    (void)until(a, "running");
    (void)until(b, "running");
    (void)until(c, "waiting");
    for (int i = 0; i < 500 && progress_of(a) != 420; i++) {
        assert_int_equal(jobs_tick(jobs, now_s, &why), OK);
        (void)poll(NULL, 0, 10);
    }
    assert_int_equal(progress_of(a), 420);
    assert_int_equal(cancel(a), OK);
    (void)until(a, "cancelled");
    (void)until(c, "running");
    int64_t d = add("preview", "{}");
    assert_int_equal(cancel(d), OK); /* before it began */
    (void)until(d, "cancelled");
    tear_down(); /* ends b and c */
}

TEST(jobs, what_ran_when_the_program_stopped_is_ended)
{
    set_up();
    script("exec sleep 60");
    open_jobs();
    int64_t a = add("preview", "{}");
    (void)until(a, "running");
    jobs_close(jobs, now_s); /* in good order */
    struct job job;
    assert_int_equal(job_get(books, a, &job, &why), OK);
    assert_string_equal(job.state, "ended");
    job_finish(&job);
    /* killed: the row says running still */
    struct query q = query_text_of(books->store, "UPDATE job SET state = 'running', ended_s = NULL");
    assert_int_equal(query_run(&q, &why), OK);
    open_jobs();
    assert_string_equal(until(a, "ended"), "the program was stopped");
    tear_down();
}

TEST(jobs, a_preview_runs_in_a_process_and_leaves_its_files_to_the_owner)
{
    static const char draft[] = "{\\\"version\\\": 1, \\\"effective\\\": \\\"2011-01-01\\\", \\\"name\\\": \\\"T\\\", \\\"currency\\\": "
                                "\\\"GBP\\\", \\\"earn\\\": {\\\"rate\\\": \\\"2/100\\\"}}";
    char arguments[600], path[HOME_PATH_MAX];
    struct stat s;
    struct job job;
    set_up();
    ssize_t size = readlink("/proc/self/exe", program, sizeof program - 1);
    assert_true(size > 0);
    program[size] = 0;
    *strrchr(program, '/') = 0; /* build/tests/test_jobs: patronctl is in build */
    snprintf(strrchr(program, '/'), 12, "/patronctl");
    open_jobs();
    snprintf(arguments, sizeof arguments, "{\"text\": \"%s\", \"from\": \"2011-02-01\", \"to\": \"2011-12-31\"}", draft);
    int64_t id = add("preview", arguments);
    (void)until(id, "done");
    assert_int_equal(job_get(books, id, &job, &why), OK);
    assert_int_equal(job.progress, 1000);
    assert_int_equal(json_integer_value(json_object_get(job.result, "members")), 0);
    assert_int_equal(json_integer_value(json_object_get(job.result, "left_out")), 0);
    job_finish(&job);
    job_path(&home, id, "entries.csv", path);
    assert_int_equal(stat(path, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0600);
    job_path(&home, id, "", path);
    assert_int_equal(stat(path, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0700);
    id = add("preview", "{\"text\": \"[\", \"from\": \"2011-02-01\", \"to\": \"2011-12-31\"}");
    assert_true(*until(id, "failed"));
    now_s += 40 * 86400; /* the files go, the row stays */
    jobs_close(jobs, now_s);
    open_jobs();
    assert_int_equal(stat(path, &s), -1);
    tear_down();
}
