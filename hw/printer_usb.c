/* printer_usb.c - a printer on the USB, by libusb-1.0: see printer.h.  All calls are the synchronous ones; they
 * wait in libusb until done or until their time is up, so a receipt stalls the till's loop for at most its
 * timeout.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hw/clock.h"
#include "hw/printer.h"

#include <assert.h>
#include <libusb.h>
#include <stdlib.h>

enum { PIECE_SIZE = 4096, DRAIN_MS = 20 };

struct printer_usb {
    struct printer printer;
    libusb_context *usb;
    libusb_device_handle *handle;
    int interface;
    uint8_t out, in; /* endpoint addresses; in 0 = none */
};

static struct printer_usb *of(struct printer *p)
{
    return (struct printer_usb *)p; /* printer is its first member */
}

static enum err usb_error(struct errmsg *why, int rc, const char *what)
{
    switch (rc) {
    case LIBUSB_ERROR_TIMEOUT:
        return err_set(why, ERR_TIMEOUT, "the printer took too long (%s): paper out or cover open?", what);
    case LIBUSB_ERROR_NO_DEVICE:
    case LIBUSB_ERROR_NOT_FOUND:
        return err_set(why, ERR_NO_DEVICE, "the printer was unplugged or switched off");
    case LIBUSB_ERROR_BUSY:
        return err_set(why, ERR_BUSY, "another program uses the printer");
    case LIBUSB_ERROR_ACCESS:
        return err_set(why, ERR_IO, "the printer may not be opened by this user: add a udev rule");
    default:
        return err_set(why, ERR_IO, "the printer failed (%s): %s", what, libusb_strerror(rc));
    }
}

/* One transfer, the time that is left, a stall cleared so that the next call can work. */
static int transfer(struct printer_usb *p, uint8_t endpoint, uint8_t *data, int size, int *done,
                    int64_t deadline)
{
    int64_t left = deadline - clock_tick_ms();
    *done = 0;
    if (left <= 0)
        return LIBUSB_ERROR_TIMEOUT; /* 0 would mean for ever */
    int rc = libusb_bulk_transfer(p->handle, endpoint, data, size, done, (unsigned)left);
    if (rc == LIBUSB_ERROR_PIPE)
        (void)libusb_clear_halt(p->handle, endpoint);
    return rc;
}

static enum err usb_write(struct printer *printer, struct bytes data, int timeout_ms, struct errmsg *why)
{
    struct printer_usb *p = of(printer);
    assert(timeout_ms > 0);
    int64_t deadline = clock_tick_ms() + timeout_ms;
    for (size_t at = 0; at < data.size;) {
        uint8_t piece[PIECE_SIZE]; /* libusb wants it writable */
        int size = data.size - at < PIECE_SIZE ? (int)(data.size - at) : PIECE_SIZE, done;
        for (int i = 0; i < size; i++)
            piece[i] = data.data[at + (size_t)i];
        int rc = transfer(p, p->out, piece, size, &done, deadline);
        at += (size_t)done; /* also what it took before an error or a short write */
        if (rc != 0 && at < data.size) {
            enum err e = usb_error(why, rc, "writing");
            return err_add(why, e, "after %zu of %zu bytes", at, data.size);
        }
    }
    return OK;
}

/* One DLE EOT question.  Answers have bits 1 and 4 set and bits 0 and 7 clear; anything else is no answer. */
static enum err question(struct printer_usb *p, uint8_t n, uint8_t *answer, int64_t deadline,
                         struct errmsg *why)
{
    uint8_t ask[] = {0x10, 0x04, n}, room[64];
    int done;
    int rc = transfer(p, p->out, ask, sizeof ask, &done, deadline);
    if (rc == 0)
        rc = transfer(p, p->in, room, sizeof room, &done, deadline);
    if (rc != 0)
        return usb_error(why, rc, "asking its status");
    if (done < 1 || (room[done - 1] & 0x93) != 0x12)
        return err_set(why, ERR_FORMAT, "the printer's status makes no sense");
    *answer = room[done - 1];
    return OK;
}

static enum err usb_status(struct printer *printer, struct printer_status *out, int timeout_ms,
                           struct errmsg *why)
{
    struct printer_usb *p = of(printer);
    assert(timeout_ms > 0);
    uint8_t state = 0, cause = 0, paper = 0;
    *out = (struct printer_status){0};
    if (!p->in)
        return err_set(why, ERR_UNSUPPORTED, "the printer cannot answer");
    int64_t deadline = clock_tick_ms() + timeout_ms;
    enum err e = question(p, 1, &state, deadline, why);
    if (e == OK)
        e = question(p, 2, &cause, deadline, why);
    if (e == OK)
        e = question(p, 4, &paper, deadline, why);
    if (e)
        return e;
    out->offline = state & 0x08;
    out->cover_open = cause & 0x04;
    out->failed = cause & 0x40;
    out->paper_low = paper & 0x0c;
    out->paper_out = paper & 0x60;
    return OK;
}

static void usb_close(struct printer *printer)
{
    struct printer_usb *p = of(printer);
    if (p->handle) {
        (void)libusb_release_interface(p->handle, p->interface);
        libusb_close(p->handle);
    }
    if (p->usb)
        libusb_exit(p->usb);
    free(p);
}

static const struct printer_ops usb_ops = {
    .write = usb_write, .status = usb_status, .close = usb_close, .name = "USB"};

/* The first printer interface with a bulk endpoint out. */
static bool find_interface(struct printer_usb *p, libusb_device *device)
{
    struct libusb_config_descriptor *c;
    if (libusb_get_active_config_descriptor(device, &c) != 0)
        return false;
    p->out = p->in = 0;
    for (int i = 0; i < c->bNumInterfaces && !p->out; i++) {
        if (c->interface[i].num_altsetting < 1)
            continue;
        const struct libusb_interface_descriptor *d = &c->interface[i].altsetting[0];
        if (d->bInterfaceClass != LIBUSB_CLASS_PRINTER)
            continue;
        p->interface = d->bInterfaceNumber;
        for (int e = 0; e < d->bNumEndpoints; e++) {
            const struct libusb_endpoint_descriptor *ep = &d->endpoint[e];
            if ((ep->bmAttributes & 3) != LIBUSB_TRANSFER_TYPE_BULK)
                continue;
            if (ep->bEndpointAddress & LIBUSB_ENDPOINT_IN)
                p->in = ep->bEndpointAddress;
            else
                p->out = ep->bEndpointAddress;
        }
    }
    libusb_free_config_descriptor(c);
    return p->out != 0;
}

static enum err open_first(struct printer_usb *p, uint16_t vid, uint16_t pid, struct errmsg *why)
{
    libusb_device **list;
    ssize_t n = libusb_get_device_list(p->usb, &list);
    if (n < 0)
        return usb_error(why, (int)n, "listing");
    enum err e = err_set(why, ERR_NO_DEVICE, "no USB receipt printer is attached");
    for (ssize_t i = 0; i < n; i++) {
        struct libusb_device_descriptor d;
        if (libusb_get_device_descriptor(list[i], &d) != 0 ||
            (vid && (d.idVendor != vid || d.idProduct != pid)) || !find_interface(p, list[i]))
            continue;
        int rc = libusb_open(list[i], &p->handle);
        if (rc == 0) {
            (void)libusb_set_auto_detach_kernel_driver(p->handle, 1);
            rc = libusb_claim_interface(p->handle, p->interface);
        }
        e = rc == 0 ? OK : usb_error(why, rc, "opening");
        break;
    }
    libusb_free_device_list(list, 1);
    return e;
}

/* What a status question that timed out left behind would answer the next one; a stall left behind, too. */
static void drain(struct printer_usb *p)
{
    uint8_t junk[64];
    int done;
    if (p->in)
        (void)transfer(p, p->in, junk, sizeof junk, &done, clock_tick_ms() + DRAIN_MS);
}

enum err printer_usb_open(struct printer **out, uint16_t vid, uint16_t pid, struct errmsg *why)
{
    *out = NULL;
    struct printer_usb *p = calloc(1, sizeof *p);
    if (!p)
        return err_set(why, ERR_IO, "no memory for the printer");
    p->printer.ops = &usb_ops;
    int rc = libusb_init(&p->usb);
    enum err e = rc == 0 ? open_first(p, vid, pid, why) : err_set(why, ERR_IO, "USB: %s", libusb_strerror(rc));
    if (e) {
        usb_close(&p->printer);
        return e;
    }
    drain(p);
    *out = &p->printer;
    return OK;
}
