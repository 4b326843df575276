/* display.h - the till's side of the member's display: shows what a member may see to every patron-display that is
 * connected, and asks the member a question for whoever in the till wants to know.
 *
 *   till --a line of JSON (display_state.h) when something changed, and every DISPLAY_BEAT_MS--> display
 *   till <--{"ask":N,"yes":true|false} or {"ask":N,"pin":"1234"}-- display
 *
 * over a unix socket that only the till's own user may open.  A display that reads too slowly is let go; none is
 * ever waited for.  Inside terminal/ only.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_DISPLAY_H
#define PATRON_TERMINAL_DISPLAY_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct till;
struct display;

enum {
    DISPLAYS_MAX = 3,
    DISPLAY_BEAT_MS =
        2000, /* a display that hears nothing for longer than twice that clears itself */
    DISPLAY_ASK_MS = 60000,  /* a member who does not answer says no */
    DISPLAY_LINES_MS = 20000 /* display_show stays so long */
};

/* Listens at path (made anew, 0600).  Errors: ERR_RANGE (the path), ERR_IO, ERR_FULL (memory). */
MUST_CHECK enum err display_open(struct display **out, struct till *t, const char *path,
                                 struct errmsg *why);
/* After the till has ended; an open question is answered no more.  NULL is allowed. */
void display_close(struct display *d);

bool display_is_there(const struct display *d); /* somebody looks; false for NULL */

enum display_question { DISPLAY_ASK_YES, DISPLAY_ASK_PIN };
/* pin: NULL unless a PIN was asked for and typed; gone after the call. */
typedef void display_answer(void *arg, bool yes, const char *pin);
/* Called back once: answered, Esc, nobody looks any more, or DISPLAY_ASK_MS over.  False: no display, or a
 * question is open already; nothing is called then. */
MUST_CHECK bool display_ask(struct display *d, enum display_question kind, const char *const *lines,
                            int count, display_answer *answered, void *arg);
void display_unask(struct display *d); /* nobody wants to know any more; nothing is called */

/* A text until the sale changes or DISPLAY_LINES_MS are over; 0 lines: away with it.  False: no display. */
bool display_show(struct display *d, const char *const *lines, int count);

#endif
