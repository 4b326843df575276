/* printer.h - a receipt printer that speaks ESC/POS, behind a narrow table.  A till prints through printing.h.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_HW_PRINTER_H
#define PATRON_HW_PRINTER_H

#include "base/bytes.h"

#include <stdbool.h>

struct printer_status {
    bool offline, cover_open, paper_low, paper_out, failed;
};

struct printer;
struct printer_ops {
    /* All of data, within timeout_ms in all (> 0).  Errors: ERR_TIMEOUT (it takes no more: paper out,
     * cover open), ERR_NO_DEVICE (unplugged: close it and open it again), ERR_IO.  What the printer took
     * before the error may be printed. */
    enum err (*write)(struct printer *p, struct bytes data, int timeout_ms, struct errmsg *why);
    /* DLE EOT 1, 2 and 4.  Errors: as write; ERR_UNSUPPORTED (it has no way back), ERR_FORMAT. */
    enum err (*status)(struct printer *p, struct printer_status *out, int timeout_ms, struct errmsg *why);
    void (*close)(struct printer *p);
    const char *name;
};

struct printer {
    const struct printer_ops *ops;
};

/* By libusb-1.0.  vid and pid 0: the first device with a printer interface (class 7).  The kernel's usblp
 * gets it back on close.  Errors: ERR_NO_DEVICE, ERR_BUSY (another program has it), ERR_IO. */
MUST_CHECK enum err printer_usb_open(struct printer **out, uint16_t vid, uint16_t pid,
                                     struct errmsg *why);

/* By the name people give it: "usb", the first one there is, or "usb:VID:PID" in hex ("usb:0416:5011").
 * Errors: ERR_FORMAT (no such name), else as printer_usb_open. */
MUST_CHECK enum err printer_open(struct printer **out, const char *name, struct errmsg *why);
bool printer_is_name(const char *name);

enum { PRINTER_LINES_MAX = 200, PRINTER_LINE_SIZE = 96 };
/* Print the lines and cut the paper.  Text is ASCII for now: every other character prints as one '?'.
 * One that says it cannot print is not sent anything; it gets 500 ms more to say so.  Errors: as write; ERR_REFUSED (no paper, cover open,
 * a fault); ERR_RANGE (more than PRINTER_LINES_MAX lines). */
MUST_CHECK enum err printer_receipt(struct printer *p, const char *const *lines, int count,
                                    int timeout_ms, struct errmsg *why);

#endif
