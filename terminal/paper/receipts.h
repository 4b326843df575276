/* receipts.h - receipts on their way to paper: queued in the journal by the sale's own transaction, printed one after
 * the other by a process of its own (hw/printing.h), never waited for.
 *
 *   R1  at most one original of a sale is printed, over faults, kill -9 and power cuts (db/journal.h, receipts)
 *   R2  what certainly was not begun is printed as an original, later; what may have been is printed marked COPY
 *   R3  the drawer is opened at once or not at all, and nothing opens it twice
 *
 * Knows the journal and the printer, not the till: tests run it alone.  Inside terminal/ only.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_RECEIPTS_H
#define PATRON_TERMINAL_RECEIPTS_H

#include "db/journal.h"
#include "terminal/paper/receipt.h"

#include <sys/types.h>

/* All borrowed; they must outlive it. */
struct receipts_parts {
    struct journal *journal;
    uint32_t terminal;
    const char *printer; /* hw/printer.h */
    const char *boot;    /* names this start of the machine; "" = not known */
    int columns;         /* RECEIPT_NARROW, RECEIPT_WIDE */
    int stuck_ms;        /* 0 = PRINTING_STUCK_MS */
    const struct pack *(*pack)(void *arg, uint32_t version); /* its rules, NULL: not kept */
    void (*tell)(void *arg, const char *sentence);           /* people */
    void *arg;
};

struct receipts;
/* Errors: ERR_FORMAT (the printer's name), ERR_IO, ERR_FULL (memory). */
MUST_CHECK enum err receipts_open(struct receipts **out, const struct receipts_parts *parts,
                                  struct errmsg *why);
void receipts_close(struct receipts *r); /* gives what is being printed two seconds; NULL is fine */

int receipts_fd(const struct receipts *r); /* to poll for input */
int64_t receipts_due_ms(const struct receipts *r);
void receipts_turn(struct receipts *r, int64_t now_ms);

/* Just before a SALE or REFUND is appended, and after: it is printed in language, with these facts. */
void receipts_before(struct receipts *r, const struct receipt_facts *f, const char *language);
void receipts_after(struct receipts *r);
/* One that is not in the journal, now or not at all. */
void receipts_train(struct receipts *r, const struct receipt_facts *f);
/* Lines of text, now or not at all; wrapped to the paper.  False: the printer is busy, away or in trouble. */
MUST_CHECK bool receipts_text(struct receipts *r, const char *const *lines, int count);
/* Again, marked COPY.  Errors: ERR_NOT_FOUND (no sale or refund of this till), ERR_STATE (it was not printed yet),
 * ERR_IO; with a sentence for the cashier. */
MUST_CHECK enum err receipts_reprint(struct receipts *r, struct entry_id id, struct errmsg *why);
/* Those that wait are not printed, but for the one that is begun; each can be asked for again.  count: how many.
 * Errors: ERR_IO. */
MUST_CHECK enum err receipts_drop(struct receipts *r, uint32_t *count, struct errmsg *why);
/* Errors: ERR_NO_DEVICE, ERR_REFUSED; a failure after that is told. */
MUST_CHECK enum err receipts_drawer(struct receipts *r, struct errmsg *why);

bool receipts_looking(const struct receipts *r);        /* for the printer: it is not known yet */
const char *receipts_trouble(const struct receipts *r); /* why it cannot print now; "" = it can */
uint32_t receipts_waiting(const struct receipts *r);
pid_t receipts_process(const struct receipts *r); /* for tests */

#endif
