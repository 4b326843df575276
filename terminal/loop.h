/* loop.h - the till: one poll loop that turns the world into sale events, steps the sale, and
 * carries out what it asks for in its written order (sale.h). All memory is taken by till_create,
 * all state hangs from it.
 *
 * How long a turn can stall, and with it everybody who waits: one exchange with a card, at most
 * 700 ms (READER_TIMEOUT_MS and 200 more, when the reader hangs; 10 to 20 ms as a rule), one append
 * with its fsync after it, one step of TLS. A sale never waits for head office but for TILL_ASK_MS
 * when the line is open at a tap, and TILL_LOAD_MS more when there are points to load; a line that
 * is slower counts as cut.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_LOOP_H
#define PATRON_TERMINAL_LOOP_H

#include "cardproto/kind.h"
#include "db/journal.h"
#include "hw/reader.h"
#include "terminal/identity.h"

#include <poll.h>
#include <signal.h>
#include <stdbool.h>

/* All borrowed; they must outlive the till. */
struct till_parts {
    const struct identity *identity;
    struct journal *journal;
    struct reader *reader;         /* NULL: a till without a reader */
    const char *home;              /* its folder; NULL: not told */
    const struct kind_keys *kinds; /* what else than full cards is known here; NULL: nothing else */
    const char *country;           /* of telephone numbers without one, "+49"; NULL, "": none */
    const char *office;            /* "HOST:PORT"; NULL: no line at all */
    const char *printer;           /* of receipts, as printer.h names it; NULL: none */
    int columns;                   /* of its paper: 32 or 48; 0 = 32 */
    bool drawer;                   /* opened at each sale or refund paid in money */
    const sigset_t *while_waiting; /* signal mask during poll; NULL: as it is */
    bool to_stderr;                /* what happens without being asked for is told there */
};

struct till;

/* Checks nothing of the journal but its open INTENTs: a sale found in the middle is resumed in
 * doubt, and said so.  With a damaged journal it is there to send what is sound.  Errors: ERR_FULL (memory),
 * ERR_CRYPTO, ERR_IO. */
MUST_CHECK enum err till_create(struct till **out, const struct till_parts *parts,
                                struct errmsg *why);
void till_destroy(struct till *t); /* NULL is allowed; the parts stay the caller's */

/* Listen for registers on a unix socket at path (made anew, 0600). */
MUST_CHECK enum err till_listen(struct till *t, const char *path, struct errmsg *why);
/* Someone to talk to: commands in, answers out (commands.h). A person gets sentences and is told
 * what happens meanwhile; the till ends when the person's input ends.  The descriptors are the
 * till's from now on.  Errors: ERR_FULL. */
MUST_CHECK enum err till_attach(struct till *t, int in_fd, int out_fd, bool person,
                                struct errmsg *why);

/* Something else that lives in the till's loop: a screen, an HTTP server, a printer, a display.  Its
 * descriptors are polled, its turn comes once in every turn of the loop; it never blocks. */
struct till_extra {
    /* Fill at most cap descriptors to poll; how many.  NULL: none. */
    int (*fds)(struct till_extra *x, struct pollfd *f, int cap);
    /* When its turn has to come at the latest; INT64_MAX: when something happens.  NULL: that. */
    int64_t (*due_ms)(struct till_extra *x, int64_t now_ms);
    /* f, count: as filled by fds, with what happened. */
    void (*turn)(struct till *t, struct till_extra *x, const struct pollfd *f, int count,
                 int64_t now_ms);
    /* the loop's: */
    int first, count;
    struct till_extra *next;
};
/* For as long as the till lives; x is the caller's.  Turns come in the order of adding: what shows the till comes
 * after what changes it. */
void till_add_extra(struct till *t, struct till_extra *x);

/* A sentence for the people at the till, and for no log: it may name a member; lines on its printer, now or not at all (false: they are not). */
void till_say(struct till *t, const char *sentence);
MUST_CHECK bool till_print(struct till *t, const char *const *lines, int count);

/* One turn of the loop, waiting at most this long when nothing is to be done.  False: it was asked
 * to quit. */
MUST_CHECK bool till_turn(struct till *t, int most_ms);
void till_quit(struct till *t);

#endif
