/* rows.c - see rows.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/screen/rows.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct row *rows_add(struct rows *r, int rank, unsigned look, const char *format, ...)
{
    struct row *row = &r->row[r->count];
    r->count += r->count < ROWS_MAX;
    va_list args;
    va_start(args, format);
    vsnprintf(row->left, sizeof row->left, format, args);
    va_end(args);
    row->right[0] = 0;
    row->look = look;
    row->rank = rank;
    row->indent = 0;
    row->goes_on = false;
    return row;
}

void row_right(struct row *row, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(row->right, sizeof row->right, format, args);
    va_end(args);
}

void rows_blank(struct rows *r)
{
    rows_add(r, 90, LOOK_PLAIN, "%s", "");
}

void rows_prose(struct rows *r, int rank, unsigned look, int indent, const char *text)
{
    size_t skip;
    for (int n = 0; *text; n++) {
        size_t size = text_row(text, r->columns - indent, &skip);
        struct row *row = rows_add(r, rank + (n > 0), look, "%.*s", (int)size, text);
        row->indent = indent;
        text += size + skip;
        row->goes_on = *text != 0;
    }
}

void rows_fact(struct rows *r, int rank, unsigned look, const char *name, const char *format, ...)
{
    char value[ROW_SIZE];
    int label = r->columns >= ROWS_WIDE ? 18 : 15, first = r->count;
    va_list args;
    va_start(args, format);
    vsnprintf(value, sizeof value, format, args);
    va_end(args);
    int pad = label - text_columns(name);
    rows_prose(r, rank, look, label, value);
    struct row *row = &r->row[first]; /* the name stands before the first row of what it is */
    if (r->count == first)
        rows_add(r, rank, look, "%s", name);
    else
        snprintf(value, sizeof value, "%s%*s%s", name, pad > 1 ? pad : 1, "", row->left),
            snprintf(row->left, sizeof row->left, "%s", value), row->indent = 0;
}

static void mark_cut(struct row *row, int columns)
{
    size_t used = text_fit(row->left, columns - row->indent - 3);
    snprintf(row->left + used, sizeof row->left - used, " ..");
    row->goes_on = false;
}

void rows_put(struct canvas *c, int top, int room, struct rows *r)
{
    while (r->count > room) { /* the last of the least important */
        int out = 0;
        for (int i = 1; i < r->count; i++)
            if (r->row[i].rank >= r->row[out].rank)
                out = i;
        if (out > 0 && r->row[out - 1].goes_on) /* its rest is left out: say so */
            mark_cut(&r->row[out - 1], c->columns - 2);
        memmove(&r->row[out], &r->row[out + 1], (size_t)(r->count - out - 1) * sizeof r->row[0]);
        r->count--;
    }
    for (int i = 0; i < r->count; i++) {
        const struct row *row = &r->row[i];
        int free = c->columns - 2;
        int taken =
            *row->right ? canvas_put_right(c, top + i, 1, free, row->look, row->right) + 1 : 0;
        canvas_put(c, top + i, 1 + row->indent, free - taken - row->indent, row->look, row->left);
        if (row->look & LOOK_REVERSE)
            canvas_fill(c, top + i, row->look);
    }
}
