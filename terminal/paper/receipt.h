/* receipt.h - a sale or refund as lines of paper.  Pure; the language is that of tr() when it is composed.
 *
 * Columns are those of paper: ASCII takes one, whatever else two, because a printer sets every other
 * character from its Chinese font (hw/escpos.h).
 * Inside terminal/ only.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_RECEIPT_H
#define PATRON_TERMINAL_RECEIPT_H

#include "terminal/sale/sale.h"

enum {
    RECEIPT_NARROW = 32,     /* columns of 58 mm paper, font A */
    RECEIPT_WIDE = 48,       /* of 80 mm paper */
    RECEIPT_ITEMS_MAX = 150, /* lines of the bill that are printed; the rest is counted */
    RECEIPT_LINES_MAX = RECEIPT_ITEMS_MAX + 40,
    RECEIPT_LINE_SIZE = 2 * RECEIPT_WIDE + 1 /* a column is two bytes at most, with the final 0 */
};

enum {
    RECEIPT_BOLD = 1,
    RECEIPT_BIG = 2, /* twice as high and wide: it takes twice the columns */
    RECEIPT_CENTRED = 4,
    RECEIPT_QR = 8 /* the text is the receipt's number, to be printed as a QR code */
};

struct receipt {
    int columns, count;
    struct {
        uint32_t style;
        char text[RECEIPT_LINE_SIZE]; /* UTF-8 */
    } lines[RECEIPT_LINES_MAX];
};

/* All borrowed for the call. */
struct receipt_facts {
    const struct txn *txn;   /* SALE or REFUND, as journalled */
    const struct pack *pack; /* its rules; NULL: amounts in minor units */
    int columns;             /* RECEIPT_NARROW, RECEIPT_WIDE */
    struct points
        balance; /* all that the member has, as far as this till knows; -1: not to be told */
    struct points purse;    /* of it on the card; -1: not to be told */
    struct points expiring; /* what ends next, 0: not known or nothing ... */
    int32_t expiring_day;   /* ... and its last good day */
    const char *why;        /* what was earned for what, and stamps, a line for people; "" = nothing to say */
    bool copy;              /* not the first one */
    bool training;          /* nothing of it happened */
};

void receipt_of(struct receipt *out, const struct receipt_facts *f);
/* Plain text, wrapped; at most RECEIPT_LINES_MAX lines, the rest is left out. */
void receipt_of_text(struct receipt *out, int columns, const char *const *lines, int count);

/* Columns that a text takes on paper. */
int receipt_columns(const char *text);

#endif
