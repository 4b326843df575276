/* canvas.c - see canvas.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/screen/canvas.h"

#include <assert.h>
#include <string.h>
#include <wchar.h>

void canvas_clear(struct canvas *c, int rows, int columns)
{
    assert(rows >= 1 && rows <= CANVAS_ROWS_MAX);
    assert(columns >= 1 && columns <= CANVAS_COLUMNS_MAX);
    memset(c, 0, sizeof *c);
    c->rows = rows;
    c->columns = columns;
    c->cursor_row = c->cursor_column = -1;
    for (int i = 0; i < rows * columns; i++)
        c->cells[i].character = ' ';
}

struct cell *canvas_at(struct canvas *c, int row, int column)
{
    assert(row >= 0 && row < c->rows && column >= 0 && column < c->columns);
    return &c->cells[row * c->columns + column];
}

/* ---- text ---- */

/* One character of UTF-8, 0 when the bytes are none. */
static uint32_t decode(const uint8_t *p, size_t *bytes)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc0 ? 2 : 0;
    *bytes = 1;
    if (n == 0 || p[0] > 0xf4)
        return 0;
    uint32_t c = n == 1 ? p[0] : p[0] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3f);
    }
    if (n > 1 && (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)))
        return 0;
    *bytes = n;
    return c;
}

uint32_t text_next(const char *text, size_t *bytes, int *width)
{
    uint32_t c = decode((const uint8_t *)text, bytes);
    *width = c ? wcwidth((wchar_t)c) : -1;
    if (*width >= 0 && *width <= 2)
        return c;
    *width = 1;
    return '?';
}

int text_columns(const char *text)
{
    int columns = 0, width;
    size_t bytes;
    for (; *text; text += bytes) {
        text_next(text, &bytes, &width);
        columns += width;
    }
    return columns;
}

size_t text_fit(const char *text, int columns)
{
    size_t at = 0, bytes;
    int width;
    while (text[at]) {
        text_next(text + at, &bytes, &width);
        if (width > columns)
            break;
        columns -= width;
        at += bytes;
    }
    return at;
}

/* Marks that end something do not begin a row. */
static bool closes(const char *text)
{
    static const char *const marks[] = {"，", "。", "：", "；", "）", "、", "？",
                                        "！", ",",  ".",  ")",  ":",  ";"};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        if (strncmp(text, marks[i], strlen(marks[i])) == 0)
            return true;
    return false;
}

size_t text_row(const char *text, int columns, size_t *skip)
{
    size_t most = text_fit(text, columns), cut = 0, bytes;
    int width, before = 1;
    *skip = 0;
    if (!text[most])
        return most;
    for (size_t at = 0; at <= most; at += bytes, before = width) {
        text_next(text + at, &bytes, &width);
        bool blank = text[at] == ' ';
        if (at && (blank || ((width == 2 || before == 2) && !closes(text + at))))
            cut = at;
    }
    if (!cut)
        cut = most;
    while (text[cut + *skip] == ' ')
        ++*skip;
    return cut;
}

/* ---- putting ---- */

static void put_cell(struct canvas *c, int row, int column, unsigned look, uint32_t character)
{
    struct cell *cell = canvas_at(c, row, column);
    if (cell->taken)
        c->overlaps++;
    *cell = (struct cell){character, (uint8_t)look, true};
}

int canvas_put(struct canvas *c, int row, int column, int columns, unsigned look, const char *text)
{
    int taken = 0, width;
    size_t bytes;
    if (row < 0 || row >= c->rows || column < 0 || column >= c->columns)
        return 0;
    if (columns > c->columns - column)
        columns = c->columns - column;
    bool cut = text_columns(text) > columns;
    size_t end = text_fit(text, cut ? columns - 1 : columns);
    for (size_t at = 0; at < end; at += bytes) {
        uint32_t character = text_next(text + at, &bytes, &width);
        if (width == 0)
            continue; /* combining marks are left out: a cell holds one character */
        put_cell(c, row, column + taken, look, character);
        if (width == 2)
            put_cell(c, row, column + taken + 1, look, 0);
        taken += width;
    }
    if (cut && columns > 0)
        put_cell(c, row, column + taken++, look, '~');
    return taken;
}

int canvas_put_right(struct canvas *c, int row, int column, int columns, unsigned look,
                     const char *text)
{
    int free = columns - text_columns(text);
    return canvas_put(c, row, column + (free > 0 ? free : 0), free > 0 ? columns - free : columns,
                      look, text);
}

void canvas_fill(struct canvas *c, int row, unsigned look)
{
    for (int i = 0; i < c->columns; i++)
        if (!canvas_at(c, row, i)->taken) {
            canvas_at(c, row, i)->look = (uint8_t)look;
            canvas_at(c, row, i)->taken = true;
        }
}
