/* selftest.h - is this till fit to work?  One plain verdict for each part: at every start into the log, on
 * request (--self-test) for people, with exit code 1 when a part is broken.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_SELFTEST_H
#define PATRON_TERMINAL_SELFTEST_H

#include "terminal/loop.h"

enum selftest_verdict {
    SELFTEST_OK,
    SELFTEST_NONE,  /* not there, and not asked for */
    SELFTEST_AWAY,  /* the till sells without it, and says so */
    SELFTEST_BROKEN /* nothing is sold, or nothing would hold */
};
enum { SELFTEST_PARTS = 7, SELFTEST_SAY_SIZE = 240, SELFTEST_MS = 3000 };

struct selftest_part {
    const char *name; /* "keys", "journal", "clock", "disk", "reader", "printer", "line" */
    enum selftest_verdict verdict;
    char say[SELFTEST_SAY_SIZE]; /* what was found, and what to do */
};

/* As things stand now: reader, printer and line take some turns of the loop after the start.
 * whole: walk the whole chain of the journal, not only what was walked so far. */
void selftest_run(struct till *t, bool whole, struct selftest_part out[SELFTEST_PARTS]);
/* Has everything answered that will? */
bool selftest_settled(struct till *t);

/* Turns the till until it has settled, at most SELFTEST_MS, prints a line a part.  False: a part is broken. */
bool selftest_say(struct till *t, FILE *out);
/* A line of it, of a part that keeps the others from being looked at. */
void selftest_say_part(FILE *out, const char *name, enum selftest_verdict v, const char *say);
/* At a start: the same into the log, once it has had time to settle.  s is the caller's, as long as the till
 * lives. */
struct selftest_start {
    struct till_extra extra; /* first */
    int64_t due_ms;
};
void selftest_at_start(struct till *t, struct selftest_start *s);

#endif
