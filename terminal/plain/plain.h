/* plain.h - the plain door: HTTP and JSON for a shop whose register nobody will teach nexo.  docs/openapi.json says
 * what it takes and answers; terminal/README.md shows it with curl.
 *
 * It asks the one sale like everybody else (ask.h), one request at a time: a second one gets BUSY, and so does one
 * that comes while the cashier has a bill open.  What a `ref` did is kept as a memo, in the transaction of its entry.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_PLAIN_H
#define PATRON_TERMINAL_PLAIN_H

#include "sync/http.h"

struct till;
struct plain;

/* config: where it listens; refuse is the door's own.  home: the till's folder, for registers.h.  It lives in the
 * till's loop until plain_close, which comes after till_destroy's last turn.  Errors: as http_open, and of
 * registers_load. */
MUST_CHECK enum err plain_open(struct plain **out, struct till *t, const char *home,
                               const struct http_config *config, struct errmsg *why);
void plain_close(struct plain *p); /* NULL is fine */
const char *plain_address(const struct plain *p);

#endif
