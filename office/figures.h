/* figures.h - head office for those who keep the machines, over plain HTTP on this machine alone:
 *
 *     /health    200 {"state":"ok"} or 503 with what is wrong: disk full, day's run missing, a damaged database
 *     /metrics   figures in Prometheus' text form
 *
 * Counts and states of machines; nothing about a member.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_FIGURES_H
#define PATRON_OFFICE_FIGURES_H

#include "office/guard.h"
#include "office/server.h"

enum { FIGURES_SILENT_S = 3600 }; /* a till not heard of for so long is counted as silent */

struct figures;

struct figures_parts {
    const char *listen;         /* "127.0.0.1:9464", port 0 = the system picks */
    struct server *server;      /* its loop is joined */
    struct books *books;
    const struct guard *guard;
};

/* To be closed before the server.  parts is copied, what it points to borrowed.  Errors: ERR_FORMAT (address),
 * ERR_REFUSED (an address other machines reach), ERR_IO. */
MUST_CHECK enum err figures_open(struct figures **out, const struct figures_parts *parts, struct errmsg *why);
void figures_close(struct figures *m); /* NULL is fine */
const char *figures_address(const struct figures *m);

#endif
