/* nexo_door.h - the nexo door: HTTPS, and the seal around each message.  POST /nexo/ and /nexo.
 *
 *   200  a sealed reply; of Abort an empty body      401  the seal does not open: nothing was done
 *   400  no message: no JSON, no SaleToPOIRequest    404, 405, 413  as http.h
 *
 * Inside terminal/ only.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_NEXO_DOOR_H
#define PATRON_TERMINAL_NEXO_DOOR_H

#include "sync/http.h"
#include "terminal/nexo/nexo.h"
#include "terminal/nexo/nexo_crypto.h"

struct nexo_door;

/* Passphrases from a file: "identifier version passphrase" a line, the passphrase up to the end of it; empty
 * lines and those that begin with # are passed over.  Errors: ERR_IO, ERR_FORMAT with the line, ERR_FULL. */
MUST_CHECK enum err nexo_keys_load(struct nexo_keys *keys, const char *path, struct errmsg *why);

/* keys are copied.  Errors: as http_open. */
MUST_CHECK enum err nexo_door_open(struct nexo_door **out, struct till *t,
                                   const struct nexo_config *config, const struct nexo_keys *keys,
                                   const struct http_config *http, struct errmsg *why);
void nexo_door_close(struct nexo_door *d); /* after till_destroy; NULL is fine */
const char *nexo_door_address(const struct nexo_door *d);
struct nexo *nexo_door_services(struct nexo_door *d);

#endif
