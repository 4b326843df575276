/* printer.c - a receipt as ESC/POS bytes: see printer.h.
 *   1b 40 initialise   0a end of line   1d 56 42 00 feed to the knife and cut
 * SPDX-License-Identifier: Apache-2.0 */
#include "hw/printer.h"

#include <stdio.h>
#include <string.h>

enum { STATUS_MS = 500 };

/* "usb" or "usb:VID:PID". */
static bool parse_name(uint16_t *vid, uint16_t *pid, const char *name)
{
    int end = 0;
    *vid = *pid = 0;
    if (strcmp(name, "usb") == 0)
        return true;
    return sscanf(name, "usb:%4hx:%4hx%n", vid, pid, &end) == 2 && !name[end] && *vid;
}

bool printer_is_name(const char *name)
{
    uint16_t vid, pid;
    return parse_name(&vid, &pid, name);
}

enum err printer_open(struct printer **out, const char *name, struct errmsg *why)
{
    uint16_t vid, pid;
    *out = NULL;
    if (!parse_name(&vid, &pid, name))
        return err_set(why, ERR_FORMAT, "a printer is called usb or usb:VID:PID, not %s", name);
    return printer_usb_open(out, vid, pid, why);
}

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

/* What it says of itself; a printer that says nothing is believed to be well. */
static enum err check_status(struct printer *p, int timeout_ms, struct errmsg *why)
{
    struct printer_status s;
    if (p->ops->status(p, &s, timeout_ms, NULL) != OK)
        return OK;
    if (s.paper_out)
        return err_set(why, ERR_REFUSED, "the printer has no paper");
    if (s.cover_open)
        return err_set(why, ERR_REFUSED, "the printer's cover is open");
    if (s.failed)
        return err_set(why, ERR_REFUSED, "the printer reports a fault");
    return OK;
}

enum err printer_receipt(struct printer *p, const char *const *lines, int count, int timeout_ms,
                         struct errmsg *why)
{
    uint8_t bytes[PRINTER_LINES_MAX * (PRINTER_LINE_SIZE + 1) + 16];
    struct buf out = BUF_ON(bytes);
    if (count < 0 || count > PRINTER_LINES_MAX)
        return err_set(why, ERR_RANGE, "a receipt of %d lines is too long", count);
    enum err e = check_status(p, timeout_ms < STATUS_MS ? timeout_ms : STATUS_MS, why);
    if (e)
        return e;
    buf_put(&out, "\x1b@", 2);
    for (int i = 0; i < count; i++)
        put_text(&out, lines[i]);
    buf_put(&out, "\x1dVB\0", 4);
    return p->ops->write(p, buf_bytes(&out), timeout_ms, why);
}
