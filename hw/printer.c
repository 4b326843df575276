/* printer.c - a receipt as ESC/POS bytes: see printer.h.
 *   1b 40 initialise   0a end of line   1d 56 42 00 feed to the knife and cut
 * SPDX-License-Identifier: Apache-2.0 */
#include "hw/printer.h"

#include <string.h>

static void put_text(struct buf *out, const char *text)
{
    int columns = 0;
    for (; *text && columns < PRINTER_LINE_SIZE; text++) {
        uint8_t c = (uint8_t)*text;
        if ((c & 0xc0) == 0x80)
            continue; /* the rest of a UTF-8 character */
        buf_put_u8(out, c >= ' ' && c < 0x7f ? c : '?'); /* a control byte would be a command */
        columns++;
    }
    buf_put_u8(out, '\n');
}

enum err printer_receipt(struct printer *p, const char *const *lines, int count, int timeout_ms,
                         struct errmsg *why)
{
    uint8_t bytes[PRINTER_LINES_MAX * (PRINTER_LINE_SIZE + 1) + 16];
    struct buf out = BUF_ON(bytes);
    if (count < 0 || count > PRINTER_LINES_MAX)
        return err_set(why, ERR_RANGE, "a receipt of %d lines is too long", count);
    buf_put(&out, "\x1b@", 2);
    for (int i = 0; i < count; i++)
        put_text(&out, lines[i]);
    buf_put(&out, "\x1dVB\0", 4);
    return p->ops->write(p, buf_bytes(&out), timeout_ms, why);
}
