/* rows.h - a page as rows of text, each with a rank: where there is no room the least important are left out.  Pure.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_ROWS_H
#define PATRON_TERMINAL_ROWS_H

#include "terminal/screen/canvas.h"

enum { ROWS_MAX = 48, ROW_SIZE = 360, ROW_RIGHT_SIZE = 80 };
enum { ROWS_WIDE = 64 }; /* columns from which there is room for more than what is needed */

struct row {
    char left[ROW_SIZE], right[ROW_RIGHT_SIZE];
    unsigned look;
    int rank;     /* 0 stays longest */
    int indent;   /* columns */
    bool goes_on; /* in the next row */
};
struct rows {
    int count, columns;
    struct row row[ROWS_MAX + 1]; /* the last for what is one too many */
};

struct row *rows_add(struct rows *r, int rank, unsigned look, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* At the right of the same row. */
void row_right(struct row *row, const char *format, ...) __attribute__((format(printf, 2, 3)));
void rows_blank(struct rows *r);
/* A text in as many rows as it takes; the later ones rank below the first. */
void rows_prose(struct rows *r, int rank, unsigned look, int indent, const char *text);
/* A name for it, and what it is, in two columns. */
void rows_fact(struct rows *r, int rank, unsigned look, const char *name, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Those that have room, on the canvas from row top on. */
void rows_put(struct canvas *c, int top, int room, struct rows *r);

#endif
