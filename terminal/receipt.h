/* receipt.h - a sale or refund as lines for a printer.  Pure.  Inside terminal/ only.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_RECEIPT_H
#define PATRON_TERMINAL_RECEIPT_H

#include "terminal/sale.h"

enum {
    RECEIPT_COLUMNS = 32,    /* 58 mm paper, font A; on wider paper the right edge stays free */
    RECEIPT_ITEMS_MAX = 150, /* lines of the bill that are printed; the rest is counted */
    RECEIPT_LINES_MAX = RECEIPT_ITEMS_MAX + 20,
    RECEIPT_LINE_SIZE = RECEIPT_COLUMNS + 1
};

struct receipt {
    int count;
    const char *lines[RECEIPT_LINES_MAX]; /* into text */
    char text[RECEIPT_LINES_MAX][RECEIPT_LINE_SIZE];
};

/* t: a SALE or REFUND as journalled.  pack: its rules; NULL: amounts in minor units.  purse: points on the
 * card now, -1: not to be told. */
void receipt_of(struct receipt *out, const struct txn *t, const struct pack *pack, int32_t purse);

#endif
