/* canvas.h - a screen as rows and columns of cells, and text put into it by the columns it takes.  Pure; a
 * locale with UTF-8 must be in use for LC_CTYPE (wcwidth), or Chinese counts as unknown and shows as '?'.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_CANVAS_H
#define PATRON_TERMINAL_CANVAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CANVAS_ROWS_MAX = 60, CANVAS_COLUMNS_MAX = 160 };

/* How a cell looks, may be combined.  On a screen without colours good and bad are bold. */
enum look {
    LOOK_PLAIN = 0,
    LOOK_BOLD = 1,
    LOOK_REVERSE = 2,
    LOOK_GOOD = 4,
    LOOK_BAD = 8,
    LOOK_DIM = 16
};

struct cell {
    uint32_t character; /* 0: the right half of the wide one before it */
    uint8_t look;
    bool taken; /* something was put here, be it a blank */
};

struct canvas {
    int rows, columns;             /* 1..CANVAS_..._MAX */
    int cursor_row, cursor_column; /* -1: not shown */
    int overlaps;                  /* how often something was put over something else: a fault */
    struct cell cells[CANVAS_ROWS_MAX * CANVAS_COLUMNS_MAX];
};

void canvas_clear(struct canvas *c, int rows, int columns);
struct cell *canvas_at(struct canvas *c, int row, int column);

/* The character at text (UTF-8) and its bytes; what is none, or takes no column, gives '?' and 1 byte, or is
 * left out by the calls below.  *width 0 (combining), 1, 2. */
uint32_t text_next(const char *text, size_t *bytes, int *width);
int text_columns(const char *text);
/* Bytes of text that take no more than so many columns. */
size_t text_fit(const char *text, int columns);
/* Bytes of the first row when text is laid out in rows of so many columns: broken after a blank, or beside a wide
 * character; a closing mark does not begin a row.  *skip: blanks to be left out after it. */
size_t text_row(const char *text, int columns, size_t *skip);

/* Put text from here on into at most this many columns; what does not fit is left out, its last column '~'.
 * Outside the canvas nothing is put.  Returns the columns taken. */
int canvas_put(struct canvas *c, int row, int column, int columns, unsigned look, const char *text);
/* The same, ending at the right of those columns. */
int canvas_put_right(struct canvas *c, int row, int column, int columns, unsigned look,
                     const char *text);
/* All cells of a row that are not taken yet get this look. */
void canvas_fill(struct canvas *c, int row, unsigned look);

#endif
