/* usb_printer.h - a receipt printer that umockdev pretends is on the USB, for the real libusb-1.0.  The code under
 * test runs in child processes, as the pretended kernel lives in this one (usb_child).  Linked only where
 * umockdev is (Makefile).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TESTS_USB_PRINTER_H
#define PATRON_TESTS_USB_PRINTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { USB_PRINTED_MAX = 1 << 20 };

struct usb_printer {
    uint8_t printed[USB_PRINTED_MAX];
    size_t printed_size;
    int transfers; /* that printed something */
    bool there;
    int opened, claimed, cleared, questions; /* counted */
    int given_back, refused; /* to the kernel's driver; to claim one of the others */
    int pulses, pulses_held; /* to the drawer; by ESC p while it is off line: they come when it is well again */
    size_t pulsed_at; /* bytes printed at the last one by DLE DC4 */
    int asked_when_full; /* questions while it took no more: in a picture they would spoil it */

    /* what it does; all 0 = it is well */
    int take_most;     /* bytes of one transfer; 0 = all */
    bool silent, gone; /* takes and answers nothing; every call fails */
    bool mute;         /* takes all, never answers a DLE EOT */
    bool no_class;     /* it does not say that it is a printer */
    int unasked;       /* so many answers to no question wait to be read */
    bool no_paper;     /* takes no more; says so by the port's status, and by DLE EOT when asked */
    int stall;         /* this many transfers stall, until the halt is cleared */
    size_t gone_after, silent_after, no_paper_after; /* bytes printed; 0 = never */
    uint8_t status[5];                               /* the answer to DLE EOT n */
    int port; /* the answer to GET_PORT_STATUS; -1 = stalls */

    /* The transfer with this number (from 1) that would print is not ended: before, nothing of it is
     * printed; after, all of it is.  0 = none.  on_held is called once. */
    int hold_before, hold_after;
    void (*on_held)(void);

    /* internals */
    void *bed, *kernel, *others, *flying[16];
    bool done[16], halted;
    int last_question;
};
extern struct usb_printer usb;

void usb_begin(void); /* nothing is plugged in */
void usb_end(void);
void usb_plug_in(void);
void usb_plug_in_others(void); /* two that another program holds, before it and after it */
void usb_unplug(void);
void usb_refill(void); /* paper */
/* What the kernel does when nobody asks: call it in a loop while children run. */
void usb_turn(void);

/* Runs work in a child while this process plays the kernel; the child's exit status is 0, or the test fails. */
void usb_child(void (*work)(void));
/* The same in two halves.  usb_ended: false while it runs; *status as waitpid gives it. */
pid_t usb_start(void (*work)(void));
bool usb_ended(pid_t child, int *status);
/* For the child: the parent does it before this returns: 'u' unplug, 'p' plug in, 'r' refill, 'h' let go what is
 * held (it fails as an unplugged device's), anything else: as on_command says. */
void usb_tell(char command);
extern void (*usb_on_command)(char command);

/* assert of a child, which is no test of cmocka's. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            usb_must(__FILE__, __LINE__, #condition);                                              \
    } while (0)
_Noreturn void usb_must(const char *file, int line, const char *condition);

#endif
