/* devices.c - see devices.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/devices.h"

#include "hw/clock.h"
#include "hw/poll.h"
#include "hw/reader.h"
#include "hw/usb.h"

enum { ANSWER_MS = 3000 };

static void say_usb(FILE *out)
{
    struct usb_found found[USB_FOUND_MAX];
    struct errmsg why = {""};
    int count;
    if (usb_list(found, USB_FOUND_MAX, &count, &why)) {
        fprintf(out, "The USB cannot be looked at: %s.\n", why.text);
        return;
    }
    if (count == 0)
        fprintf(out, "No card reader and no receipt printer is on the USB.\n");
    for (int i = 0; i < count; i++) {
        const struct usb_found *f = &found[i];
        if (f->role == USB_READER)
            fprintf(out, "Card reader %s, USB bus %d device %d: found without --reader.\n", f->name,
                    f->bus, f->address);
        else
            fprintf(out, "Printer %s, USB bus %d device %d: --printer usb:%04x:%04x\n", f->name,
                    f->bus, f->address, f->vid, f->pid);
    }
}

static void say_reader(FILE *out, const char *connstring)
{
    struct errmsg why = {""};
    struct reader *r;
    struct reader_card card;
    int64_t deadline = clock_tick_ms() + ANSWER_MS;
    enum err e = reader_nfc_open(&r, connstring, &why);
    while (e == OK && (e = r->ops->take(r, &card, &why)) == ERR_NO_DEVICE &&
           clock_tick_ms() < deadline) {
        struct pollfd p = {.fd = r->ops->fd(r), .events = POLLIN};
        poll_until(&p, 1, deadline, NULL);
        e = OK;
    }
    if (e == ERR_NO_CARD)
        fprintf(out, "Card reader %s answers.\n", connstring);
    else
        fprintf(out, "Not usable: %s.\n", why.text);
    if (r)
        r->ops->close(r);
}

void devices_say(FILE *out, const char *reader)
{
    if (reader)
        say_reader(out, reader); /* first: its process is forked, and libusb brings threads */
    say_usb(out);
}
