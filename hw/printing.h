/* printing.h - one receipt at a time, printed by a process of its own: libusb brings a thread, and a printer
 * that hangs takes seconds; a till has neither (reader.h, loop.h).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_HW_PRINTING_H
#define PATRON_HW_PRINTING_H

#include "base/err.h"

#include <sys/types.h>

enum {
    PRINTING_MS = 3000, /* a printer gets this long for a receipt */
    PRINTING_MOST_S = 5 /* its process is ended after this, whatever it does */
};

struct printing {
    pid_t child; /* 0 = nothing is being printed */
    int fd;      /* to poll for input: readable when it has ended; -1 = none */
};
#define PRINTING_NONE ((struct printing){.fd = -1})

/* Begin to print on the printer of this name (printer.h).  Never waits; lines are copied.
 * Errors: ERR_BUSY (the last one is still being printed), ERR_IO. */
MUST_CHECK enum err printing_start(struct printing *p, const char *name, const char *const *lines,
                                   int count, struct errmsg *why);
/* Wait until it has ended, at most PRINTING_MOST_S; nothing to do when nothing is being printed.
 * Errors: whatever kept it from being printed, as ERR_IO. */
MUST_CHECK enum err printing_end(struct printing *p, struct errmsg *why);

#endif
