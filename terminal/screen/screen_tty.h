/* screen_tty.h - the cashier's screen on a terminal: a console, a serial line, tmux.  By ncursesw, in the till's
 * one loop: keys are taken when the terminal has some, only cells that changed are sent, nothing waits.
 * Inside terminal/ only.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_SCREEN_TTY_H
#define PATRON_TERMINAL_SCREEN_TTY_H

#include "terminal/loop.h"

struct screen_tty;

/* path: device of the terminal, "" = standard input and output.  TERM says what it is (vt220 when it is not
 * set).  A terminal that goes away ends the till.  While it is open nobody else may write there: standard
 * error goes elsewhere first (screen_tty_keep_clear).
 * Errors: ERR_IO (no terminal, unknown TERM), ERR_FULL. */
MUST_CHECK enum err screen_tty_open(struct screen_tty **out, struct till *t, const char *path,
                                    struct errmsg *why);
/* The terminal is as it was before.  NULL is allowed. */
void screen_tty_close(struct screen_tty *s);

/* Libraries complain on standard error: when that is a terminal it goes to HOME/stderr.log from now on. */
void screen_tty_keep_clear(const char *home);

#endif
