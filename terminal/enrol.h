/* enrol.h - how a till becomes one of the programme's: a key of its own, a request, a code.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_ENROL_H
#define PATRON_TERMINAL_ENROL_H

#include "base/err.h"

#include <stdint.h>

/* Asks head office at HOST:PORT, which must show the CA that the code speaks of before it is sent,
 * and keeps what it gives in dir (identity.h). Waits at most 30 s.  terminal: the number given.
 * Errors: ERR_FORMAT (the code), ERR_EXISTS, ERR_REFUSED (head office says why), ERR_AUTH,
 * ERR_IO. */
MUST_CHECK enum err enrol(uint32_t *terminal, const char *dir, const char *office, const char *code,
                          struct errmsg *why);

#endif
