/* printer.h - a receipt printer on the USB, by libusb-1.0: found by class or by its numbers, noticed when it comes
 * and goes.  A till prints through printing.h, in a process of its own: the calls here wait, and libusb has a
 * thread.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_HW_PRINTER_H
#define PATRON_HW_PRINTER_H

#include "base/bytes.h"

#include <stdbool.h>

struct printer_status {
    bool offline, cover_open, paper_low, paper_out, failed;
};

struct printer;

/* "usb", the first device with a printer interface (class 7) that can be had, or "usb:VID:PID" in hex
 * ("usb:0416:5011"), of whatever class. */
bool printer_is_name(const char *name);
/* Starts libusb, opens nothing yet.  Errors: ERR_FORMAT (no such name), ERR_IO. */
MUST_CHECK enum err printer_create(struct printer **out, const char *name, struct errmsg *why);
void printer_destroy(struct printer *p); /* NULL is fine */

/* Takes note of devices that came and went; waits for nothing.  True: look anew (printer_open). */
bool printer_changed(struct printer *p);
/* The kernel's usblp gets it back when it is closed.  Errors: ERR_NO_DEVICE, ERR_BUSY (another program has it),
 * ERR_IO. */
MUST_CHECK enum err printer_open(struct printer *p, struct errmsg *why);
bool printer_is_open(const struct printer *p); /* false also when it was seen to leave */
void printer_close(struct printer *p);

/* Sends data; taken: how many bytes it took, also on an error.  Returns OK when it took some.
 * Errors: ERR_TIMEOUT (took none for timeout_ms > 0), ERR_NO_DEVICE (unplugged), ERR_IO (a stall, which is
 * cleared, or another fault). */
MUST_CHECK enum err printer_write(struct printer *p, struct bytes data, size_t *taken,
                                  int timeout_ms, struct errmsg *why);
/* How it is.  midway: in the middle of a document, when a question in it could end up in a picture: by the
 * port's status alone, which knows less.  Else by DLE EOT 1, 2 and 4.
 * Errors: as write; ERR_UNSUPPORTED (it has no way to answer), ERR_FORMAT. */
MUST_CHECK enum err printer_status(struct printer *p, struct printer_status *out, bool midway,
                                   int timeout_ms, struct errmsg *why);
/* OK, or ERR_REFUSED and what is to be done, for people. */
enum err printer_status_say(const struct printer_status *s, struct errmsg *why);

#endif
