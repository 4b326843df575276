/* usb.h - which readers and printers hang on the USB, by libusb-1.0: for a person to see what a till found.
 * A PN532 behind a serial adapter looks like any serial adapter and is not listed.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_HW_USB_H
#define PATRON_HW_USB_H

#include "base/err.h"

#include <stdint.h>

enum usb_role { USB_READER, USB_PRINTER };

enum { USB_NAME_SIZE = 80, USB_FOUND_MAX = 32 };

struct usb_found {
    enum usb_role role;
    uint16_t vid, pid;
    uint8_t bus, address;
    char name[USB_NAME_SIZE]; /* a reader's by our table, a printer's own when it may be opened */
};

/* Up to cap of them, in the bus's order; *count is how many out holds.  Errors: ERR_IO (no USB at all). */
MUST_CHECK enum err usb_list(struct usb_found *out, int cap, int *count, struct errmsg *why);

#endif
