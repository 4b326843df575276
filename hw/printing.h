/* printing.h - a printer in a process of its own that lives as long as the till: it finds the printer, holds it,
 * sees it come and go, and prints one document at a time.
 *
 *   printing_send(document) --> the printer --> printing_take: what became of it
 *
 *   PRINTED    taken whole, and the printer said afterwards that it is well (or never says anything)
 *   NOT_BEGUN  not a dot of it is on paper
 *   UNKNOWN    some of it may be
 *
 * Out of paper or with its cover open in the middle of a document, the printer gets the rest when it is well again.
 * The drawer opens meanwhile all the same.
 * A document whose process died is UNKNOWN once the process had said that it begins.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_HW_PRINTING_H
#define PATRON_HW_PRINTING_H

#include "base/bytes.h"

#include <sys/types.h>

enum {
    PRINTING_DOCUMENT_MAX = 65536,
    PRINTING_STUCK_MS =
        10000, /* a printer that says nothing is wrong and takes nothing for this long is given up */
    PRINTING_DRAWER_MS =
        2000 /* a drawer that could not be opened so soon stays shut: nobody waits for it any more */
};

enum printing_fate { PRINTING_PRINTED, PRINTING_NOT_BEGUN, PRINTING_UNKNOWN };

enum printing_news {
    PRINTING_NOTHING,  /* no more */
    PRINTING_STATE,    /* printing_trouble changed */
    PRINTING_DONE,     /* of the document: fate; why unless PRINTED */
    PRINTING_NO_DRAWER /* the drawer was not opened: why */
};
struct printing_event {
    enum printing_fate fate;
    struct errmsg why;
};

struct printing;
/* Begin to look for the printer of this name (printer.h).  stuck_ms: PRINTING_STUCK_MS; tests are less patient.
 * Never waits.  Errors: ERR_FORMAT (no such name), ERR_IO. */
MUST_CHECK enum err printing_open(struct printing **out, const char *name, int stuck_ms,
                                  struct errmsg *why);
/* Whoever wants to know what becomes of a document on its way waits before.  At most half a second. */
void printing_close(struct printing *p);
int printing_fd(const struct printing *p); /* readable: printing_take has something to say */
enum printing_news printing_take(struct printing *p, struct printing_event *out);

bool printing_is_busy(const struct printing *p);        /* with a document */
const char *printing_trouble(const struct printing *p); /* why it cannot print now; "" = it can */
bool printing_is_there(const struct printing *p);       /* attached, whatever else */
bool printing_is_looking(const struct printing *p);     /* whether there is one is not known yet */
/* A document of 3..PRINTING_DOCUMENT_MAX bytes, whose first two print nothing (hw/escpos.h); copied.
 * Errors: ERR_BUSY, ERR_NO_DEVICE and ERR_REFUSED (trouble); it is not begun then. */
MUST_CHECK enum err printing_send(struct printing *p, struct bytes document, struct errmsg *why);
/* Open the drawer, once, now or not at all; also while the printer is out of paper or its cover open.
 * Errors: ERR_NO_DEVICE. */
MUST_CHECK enum err printing_drawer(struct printing *p, struct errmsg *why);

pid_t printing_process(const struct printing *p); /* 0 = none; for tests */

#endif
