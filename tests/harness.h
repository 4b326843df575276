/* harness.h - a small chain of shops for tests and the demo: real programs, real libnfc, loopback only.
 * Whatever goes wrong here ends the process with a sentence: a harness that limps hides faults.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TESTS_HARNESS_H
#define PATRON_TESTS_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Prints the sentence, ends every process that was started, exits 2. */
void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* ---- files ---- */
char *path_of(const char *format, ...) __attribute__((format(printf, 1, 2))); /* malloc'd */
void write_file(const char *path, const char *text);                          /* temp + rename */
void remove_tree(const char *path);

/* ---- processes: started by argument list, ended by id ---- */
enum { PROC_ARGS_MAX = 24 };
struct proc {
    pid_t pid;     /* 0 = not running */
    int out;       /* its standard output, -1 = none */
};
/* log: file its standard error is appended to.  env: "NAME=value" or NULL, added to ours. */
void proc_start(struct proc *p, const char *log, const char *env, const char *const argv[]);
/* The same, with a pipe to its standard input: *in is our end. */
void proc_start_fed(struct proc *p, int *in, const char *log, const char *const argv[]);
/* One line of its standard output, without the newline. */
void proc_line(struct proc *p, char *line, size_t size, int timeout_ms);
/* Sends the signal and waits.  Returns the wait status; 0 when it was not running. */
int proc_end(struct proc *p, int signal);
/* Waits for it to end by itself: its wait status. */
int proc_wait(struct proc *p, int timeout_ms);
/* Runs to the end, standard output into out (may be NULL).  Returns the exit code. */
int run(const char *log, const char *input, char *out, size_t size, const char *const argv[]);

/* ---- a line protocol on a unix socket: one line there, one line back ---- */
struct control {
    int fd;        /* -1 = closed */
    char buffer[4096];
    size_t used;
};
void control_open(struct control *c, const char *socket_path, int timeout_ms);
void control_close(struct control *c);
void control_send(struct control *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* False when the other side went away. */
bool control_read(struct control *c, char *line, size_t size, int timeout_ms);
/* Send and read; the answer must begin with "ok", or the harness dies with it. */
void control_ok(struct control *c, char *line, size_t size, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The value of key=value in an answer; values have no blanks.  False when it is not there. */
bool answer_text(const char *line, const char *key, char *out, size_t size);
int64_t answer_number(const char *line, const char *key); /* dies when it is not there */

/* ---- the line between a till and head office, to be cut ---- */
struct relay {
    struct proc proc;
    int command;   /* write end of its command pipe */
    int port;      /* the till connects here */
};
void relay_start(struct relay *r, int office_port);
void relay_cut(struct relay *r);                   /* connections are reset, new ones refused */
void relay_hang(struct relay *r);                  /* stays open, nothing passes any more */
int relay_restore(struct relay *r);                /* how many were refused while it was cut */
void relay_target(struct relay *r, int office_port); /* head office came back elsewhere */
void relay_stop(struct relay *r);

#endif
