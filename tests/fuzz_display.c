/* fuzz_display.c - what is shown to a member and printed: a line that claims to be a till's state is refused or drawn at
 * any size and encodes again; any text fits the paper, and none of it is a command.
 *
 *   input:  what it is (even: a state, odd: text), rows and columns of the screen, then the bytes
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "hw/escpos.h"
#include "terminal/display/display_state.h"
#include "terminal/paper/receipt.h"

#include <assert.h>
#include <locale.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void show(const char *line, int rows, int columns)
{
    static struct display_state s, back;
    static struct canvas canvas;
    static char again[DISPLAY_JSON_MAX];
    if (display_decode(&s, line, NULL))
        return;
    canvas.rows = rows;
    canvas.columns = columns;
    display_draw(&s, rows % 14, &canvas);
    assert(canvas.overlaps == 0);
    if (display_encode(again, &s, NULL))
        return; /* control characters take six bytes each */
    again[strlen(again) - 1] = 0;
    assert(display_decode(&back, again, NULL) == OK);
}

static void print(const char *text, int columns)
{
    static struct receipt r;
    static uint8_t room[4 * RECEIPT_LINE_SIZE];
    const char *const lines[] = {text, "", text};
    receipt_of_text(&r, columns, lines, 3);
    for (int i = 0; i < r.count; i++) {
        struct buf out = BUF_ON(room);
        assert(receipt_columns(r.lines[i].text) <= columns);
        escpos_line(&out, r.lines[i].text, 0);
        assert(!out.full);
        for (size_t at = 0; at + 1 < out.size; at++) /* FS & and FS . are ours, the last byte ends the line */
            assert(out.data[at] >= ' ' ||
                   (out.data[at] == 0x1c && (out.data[at + 1] == '&' || out.data[at + 1] == '.')));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[DISPLAY_JSON_MAX];
    if (size < 3 || size >= sizeof text)
        return 0;
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    memcpy(text, data + 3, size - 3);
    text[size - 3] = 0;
    if (data[0] % 2)
        print(text, data[1] % 2 ? RECEIPT_WIDE : RECEIPT_NARROW);
    else
        show(text, 4 + data[1] % (CANVAS_ROWS_MAX - 3), 20 + data[2] % (CANVAS_COLUMNS_MAX - 19));
    return 0;
}
