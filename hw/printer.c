/* printer.c - see printer.h.  Transfers are the synchronous ones: they wait in libusb until done or until their
 * time is up.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hw/printer.h"

#include "base/tr.h"
#include "hw/clock.h"

#include <assert.h>
#include <libusb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PIECE_SIZE = 4096,
    DRAIN_MS = 20, /* for an answer that may be under way; ... */
    GLANCE_MS = 1, /* ... for what nobody asked for */
    DRAIN_MOST = 16,
    /* USB printer class, 4.2.2: GET_PORT_STATUS */
    PORT_STATUS = 1,
    PORT_PAPER_OUT = 0x20,
    PORT_SELECTED = 0x10,
    PORT_NO_ERROR = 0x08
};

/* What people see of these is translated where it is shown. */
#define NOT_ATTACHED TR_LATER("no USB receipt printer is attached")

struct printer {
    uint16_t vid, pid; /* 0 = any */
    libusb_context *usb;
    libusb_hotplug_callback_handle watch;
    bool watches, changed, left;  /* left: the open one was seen to go */
    libusb_device_handle *handle; /* NULL = none open */
    int interface;
    uint8_t out, in; /* endpoint addresses; in 0 = none */
    bool stale;      /* an answer to a question that was given up may still come */
};

/* ---- names, creation ---- */

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

static int on_hotplug(libusb_context *usb, libusb_device *device, libusb_hotplug_event event,
                      void *arg)
{
    (void)usb;
    struct printer *p = arg;
    p->changed = true;
    if (event == LIBUSB_HOTPLUG_EVENT_DEVICE_LEFT && p->handle &&
        libusb_get_device(p->handle) == device)
        p->left = true;
    return 0;
}

enum err printer_create(struct printer **out, const char *name, struct errmsg *why)
{
    *out = NULL;
    uint16_t vid, pid;
    if (!parse_name(&vid, &pid, name))
        return err_set(why, ERR_FORMAT, "a printer is called usb or usb:VID:PID, not %s", name);
    struct printer *p = calloc(1, sizeof *p);
    if (!p)
        return err_set(why, ERR_IO, "no memory for the printer");
    p->vid = vid;
    p->pid = pid;
    int rc = libusb_init(&p->usb);
    if (rc != 0) {
        free(p);
        return err_set(why, ERR_IO, "USB: %s", libusb_strerror(rc));
    }
    /* Without hotplug on this system the caller's own looking around has to do. */
    p->watches = libusb_hotplug_register_callback(
                     p->usb, LIBUSB_HOTPLUG_EVENT_DEVICE_ARRIVED | LIBUSB_HOTPLUG_EVENT_DEVICE_LEFT,
                     0, LIBUSB_HOTPLUG_MATCH_ANY, LIBUSB_HOTPLUG_MATCH_ANY,
                     LIBUSB_HOTPLUG_MATCH_ANY, on_hotplug, p, &p->watch) == LIBUSB_SUCCESS;
    *out = p;
    return OK;
}

void printer_close(struct printer *p)
{
    if (p->handle) {
        (void)libusb_release_interface(p->handle, p->interface);
        libusb_close(p->handle);
    }
    p->handle = NULL;
    p->left = false;
}

void printer_destroy(struct printer *p)
{
    if (!p)
        return;
    printer_close(p);
    if (p->watches)
        libusb_hotplug_deregister_callback(p->usb, p->watch);
    libusb_exit(p->usb);
    free(p);
}

bool printer_changed(struct printer *p)
{
    struct timeval none = {0, 0};
    (void)libusb_handle_events_timeout_completed(p->usb, &none, NULL);
    bool changed = p->changed;
    p->changed = false;
    return changed;
}

bool printer_is_open(const struct printer *p)
{
    return p->handle && !p->left;
}

/* ---- transfers ---- */

static enum err usb_error(struct errmsg *why, int rc)
{
    switch (rc) {
    case LIBUSB_ERROR_TIMEOUT:
        return err_set(why, ERR_TIMEOUT, TR_LATER("the printer does not answer: paper out or cover open?"));
    case LIBUSB_ERROR_NO_DEVICE:
    case LIBUSB_ERROR_NOT_FOUND:
        return err_set(why, ERR_NO_DEVICE, TR_LATER("the printer was unplugged or switched off"));
    case LIBUSB_ERROR_BUSY:
        return err_set(why, ERR_BUSY, TR_LATER("another program uses the printer"));
    case LIBUSB_ERROR_ACCESS:
        return err_set(why, ERR_IO,
                       TR_LATER("the printer may not be opened by this user: add a udev rule"));
    case LIBUSB_ERROR_PIPE:
        return err_set(why, ERR_IO, TR_LATER("the printer refuses what it is sent: switch it off and on"));
    default:
        return err_set(why, ERR_IO, TR_LATER("the printer failed on the USB: see to its cable, switch it off and on"));
    }
}

/* One transfer; a stall is cleared so that the next call can work. */
static int transfer(struct printer *p, uint8_t endpoint, uint8_t *data, int size, int *done,
                    int timeout_ms)
{
    assert(timeout_ms > 0); /* 0 would mean for ever */
    *done = 0;
    int rc = libusb_bulk_transfer(p->handle, endpoint, data, size, done, (unsigned)timeout_ms);
    if (rc == LIBUSB_ERROR_PIPE)
        (void)libusb_clear_halt(p->handle, endpoint);
    return rc;
}

enum err printer_write(struct printer *p, struct bytes data, size_t *taken, int timeout_ms,
                       struct errmsg *why)
{
    uint8_t piece[PIECE_SIZE]; /* libusb wants it writable */
    int size = data.size < PIECE_SIZE ? (int)data.size : PIECE_SIZE, done;
    *taken = 0;
    if (!p->handle)
        return err_set(why, ERR_NO_DEVICE, NOT_ATTACHED);
    memcpy(piece, data.data, (size_t)size);
    int rc = transfer(p, p->out, piece, size, &done, timeout_ms);
    *taken = (size_t)done; /* also what it took before an error or a short write */
    return rc == 0 || (done > 0 && rc == LIBUSB_ERROR_TIMEOUT) ? OK : usb_error(why, rc);
}

/* ---- status ---- */

/* What a question that timed out left behind, or the printer says unasked (automatic status back), would be taken for
 * the answer to the next question; a stall left behind, too. */
static void drain(struct printer *p)
{
    uint8_t junk[64];
    int done = (int)p->in;
    for (int i = 0; done && i < DRAIN_MOST; i++)
        (void)transfer(p, p->in, junk, sizeof junk, &done, p->stale ? DRAIN_MS : GLANCE_MS);
    p->stale = false;
}

/* One DLE EOT question.  Answers have bits 1 and 4 set and bits 0 and 7 clear; anything else is no answer. */
static enum err question(struct printer *p, uint8_t n, uint8_t *answer, int64_t deadline,
                         struct errmsg *why)
{
    uint8_t ask[] = {0x10, 0x04, n}, room[64];
    int done, rc = LIBUSB_ERROR_TIMEOUT;
    int64_t left = deadline - clock_tick_ms();
    if (left > 0)
        rc = transfer(p, p->out, ask, sizeof ask, &done, (int)left);
    left = deadline - clock_tick_ms();
    if (rc == 0)
        rc = left > 0 ? transfer(p, p->in, room, sizeof room, &done, (int)left)
                      : LIBUSB_ERROR_TIMEOUT;
    if (rc != 0) {
        p->stale = true;
        return usb_error(why, rc);
    }
    if (done < 1 || (room[done - 1] & 0x93) != 0x12)
        return err_set(why, ERR_FORMAT, TR_LATER("the printer's status makes no sense"));
    *answer = room[done - 1];
    return OK;
}

static enum err port_status(struct printer *p, struct printer_status *out, int timeout_ms,
                            struct errmsg *why)
{
    uint8_t port = 0;
    int rc = libusb_control_transfer(p->handle,
                                     (uint8_t)(LIBUSB_ENDPOINT_IN | (int)LIBUSB_REQUEST_TYPE_CLASS |
                                               (int)LIBUSB_RECIPIENT_INTERFACE),
                                     PORT_STATUS, 0, (uint16_t)p->interface, &port, 1,
                                     (unsigned)timeout_ms);
    if (rc == LIBUSB_ERROR_PIPE || rc == 0)
        return err_set(why, ERR_UNSUPPORTED, "the printer does not tell its port's status");
    if (rc < 0)
        return usb_error(why, rc);
    out->paper_out = port & PORT_PAPER_OUT;
    out->offline = !(port & PORT_SELECTED);
    out->failed = !(port & PORT_NO_ERROR);
    return OK;
}

enum err printer_status(struct printer *p, struct printer_status *out, bool midway, int timeout_ms,
                        struct errmsg *why)
{
    assert(timeout_ms > 0);
    uint8_t state = 0, cause = 0, paper = 0;
    *out = (struct printer_status){0};
    if (!p->handle)
        return err_set(why, ERR_NO_DEVICE, NOT_ATTACHED);
    if (midway)
        return port_status(p, out, timeout_ms, why);
    if (!p->in)
        return err_set(why, ERR_UNSUPPORTED, "the printer cannot answer");
    drain(p);
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

enum err printer_status_say(const struct printer_status *s, struct errmsg *why)
{
    if (s->cover_open) /* first: many then report no paper as well */
        return err_set(why, ERR_REFUSED, TR_LATER("the printer's cover is open"));
    if (s->paper_out)
        return err_set(why, ERR_REFUSED, TR_LATER("the printer has no paper"));
    if (s->failed)
        return err_set(why, ERR_REFUSED, TR_LATER("the printer reports a fault"));
    if (s->offline)
        return err_set(why, ERR_REFUSED, TR_LATER("the printer is off line"));
    return OK;
}

/* ---- opening ---- */

/* False: it has no bulk endpoint out. */
static bool take_interface(struct printer *p, const struct libusb_interface_descriptor *d)
{
    p->out = p->in = 0;
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
    return p->out != 0;
}

/* The first printer interface; of a printer that was named by its numbers any other, as some are of no class. */
static bool find_interface(struct printer *p, libusb_device *device)
{
    struct libusb_config_descriptor *c;
    bool found = false;
    if (libusb_get_active_config_descriptor(device, &c) != 0)
        return false;
    for (int any = 0; any <= (p->vid != 0); any++)
        for (int i = 0; i < c->bNumInterfaces && !found; i++)
            found = c->interface[i].num_altsetting > 0 &&
                    (any || c->interface[i].altsetting[0].bInterfaceClass == LIBUSB_CLASS_PRINTER) &&
                    take_interface(p, &c->interface[i].altsetting[0]);
    libusb_free_config_descriptor(c);
    return found;
}

static enum err claim(struct printer *p, libusb_device *device, struct errmsg *why)
{
    int rc = libusb_open(device, &p->handle);
    if (rc == 0) {
        (void)libusb_set_auto_detach_kernel_driver(p->handle, 1);
        rc = libusb_claim_interface(p->handle, p->interface);
    }
    if (rc == 0)
        return OK;
    printer_close(p);
    return usb_error(why, rc);
}

enum err printer_open(struct printer *p, struct errmsg *why)
{
    libusb_device **list;
    printer_close(p);
    ssize_t n = libusb_get_device_list(p->usb, &list);
    if (n < 0)
        return usb_error(why, (int)n);
    enum err e = err_set(why, ERR_NO_DEVICE, NOT_ATTACHED);
    for (ssize_t i = 0; i < n && e; i++) { /* one that another program has is not the only one there is */
        struct libusb_device_descriptor d;
        if (libusb_get_device_descriptor(list[i], &d) != 0 ||
            (p->vid && (d.idVendor != p->vid || d.idProduct != p->pid)) ||
            !find_interface(p, list[i]))
            continue;
        e = claim(p, list[i], why);
    }
    libusb_free_device_list(list, 1);
    p->stale = true; /* whoever had it may have left a question */
    return e;
}
