/* metrics.h - figures for monitoring, in Prometheus' text form, to whoever connects to a unix socket:
 *
 *     socat - UNIX-CONNECT:metrics.sock
 *
 * Counts and states of the machine only; nothing about a member.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_METRICS_H
#define PATRON_TERMINAL_METRICS_H

#include "terminal/loop.h"

struct metrics;

/* Listens on path (made anew, 0600).  Errors: ERR_IO, ERR_RANGE (a path too long), ERR_FULL. */
MUST_CHECK enum err metrics_open(struct metrics **out, struct till *t, const char *path,
                                 struct errmsg *why);
void metrics_close(struct metrics *m); /* after the till; NULL is allowed */

#endif
