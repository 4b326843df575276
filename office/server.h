/* server.h - head office at the line: one poll loop, many tills.  Each question becomes a few calls of
 * books.h and one answer; nobody's slowness holds up anybody else.
 *
 *   sync   signature and hash chain checked, posted, committed, then acknowledged (I3)
 *   tap    who it is, and what the cashier should know; hold, person, replace: clerk.h
 *   load   the card's own conversation through the till (card.h), at many tills at once, of a card at one;
 *          LOAD_INTENT is committed before the card's commit is sent, LOAD after its answer; a line that
 *          drops in between leaves it in doubt
 *   enrol  a one-time code against a certificate
 *
 * A log line per event, without names, card numbers or keys: "TIME till=T0007 what key=value ...".
 * Points where a test can kill it: office-before-commit, office-after-commit, office-after-ack,
 * office-load-before-intent, -after-intent, -before-result, -after-result, office-enrol-before-commit,
 * -after-commit.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_SERVER_H
#define PATRON_OFFICE_SERVER_H

#include "office/books/books.h"
#include "office/home.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>

enum {
    SERVER_CONNECTIONS = 128,    /* about 180 kB each, taken when they come */
    SERVER_IDLE_MS = 150000,     /* of a till that is known; it gives a sign every 30 s */
    SERVER_STRANGER_MS = 15000,  /* of a connection that has not shown who it is */
    SERVER_WRONG_CODES = 10,     /* wrong enrolment codes in a minute, then all wait */
    SERVER_MISSES = 30,          /* taps and holds in a minute, by other means than a full card, that find nobody; then
                                  * that till waits: telephone numbers are not to be tried out */
    SERVER_CARD_MS = 5000,       /* for a till to bring a card's answer */
    SERVER_RUNS_MAX = 400        /* days made up for after a long pause; older ones are left out */
};

struct server;

struct server_options {
    const char *listen;    /* "127.0.0.1:7443", port 0 = the system picks */
    FILE *log;             /* NULL = none */
    const sigset_t *mask;  /* signals allowed only while waiting; NULL = as they are */
};

/* home and books are borrowed; mbed_init and clock_use were called.  Errors: ERR_FORMAT (address),
 * ERR_AUTH (head office's certificate is one that no till would believe), ERR_IO, ERR_CRYPTO. */
MUST_CHECK enum err server_create(struct server **out, struct home *home, struct books *books,
                                  const struct server_options *options, struct errmsg *why);
/* What it listens on, as text. */
const char *server_address(const struct server *s);
/* Something else of this program that waits for descriptors in the same loop: the console, a job.  The tills'
 * lines have their turn first, every time.  x is the caller's memory, on until the server is destroyed. */
struct server_extra {
    /* Up to cap descriptors to wait for; returns how many. */
    int (*fds)(struct server_extra *x, struct pollfd *f, int cap);
    /* When it wants its turn although nothing came, of clock_tick_ms; INT64_MAX = never. */
    int64_t (*due_ms)(struct server_extra *x, int64_t now_ms);
    /* f: what fds gave, with revents (0 when the wait was cut short). */
    void (*turn)(struct server_extra *x, const struct pollfd *f, int count, int64_t now_ms);
    int at, count; /* the server's, as is next */
    struct server_extra *next;
};
enum { SERVER_EXTRA_POLLS = 320 }; /* of all extras together */
void server_add_extra(struct server *s, struct server_extra *x);
/* Wait at most timeout_ms for something to happen, and see to it.  Returns early on a signal. */
void server_turn(struct server *s, int timeout_ms);
/* The log from now on; NULL = none.  The caller closes the one before. */
void server_set_log(struct server *s, FILE *log);
/* A line of the log that is not about a till. */
void server_note(struct server *s, const char *text);
/* Takes no new line and begins no new load; turns until the loads under way have ended, at most wait_ms. */
void server_stop(struct server *s, int wait_ms);
/* Ends loads under way (in doubt where a commit was sent), closes every line.  NULL is allowed. */
void server_destroy(struct server *s);

/* Since server_create. */
struct server_counts {
    uint64_t connections, requests, entries, repeated, refused, loads;
};
struct server_counts server_counts(const struct server *s);

#endif
