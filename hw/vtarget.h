/* vtarget.h - whatever can lie on a virtual reader: how it shows itself, and how it answers a frame.
 * vcard.h (DESFire) and vtag.h (tags, a phone) implement it; reader_sim.h and pn532_sim.h carry it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_HW_VTARGET_H
#define PATRON_HW_VTARGET_H

#include "base/bytes.h"

#include <stdbool.h>

enum {
    VTARGET_ATS_MAX = 20,
    VTARGET_ANSWER_MAX = 262,
    VTARGET_14443_4 = 0x20 /* in SAK: it takes ISO 7816 frames; else its own raw ones */
};

/* At anticollision. */
struct vtarget_facts {
    uint8_t uid[7], uid_size; /* 4 or 7 */
    uint8_t atqa[2], sak;
    uint8_t ats[VTARGET_ATS_MAX], ats_size; /* with its length byte; 0 = none */
};

struct vtarget;
struct vtarget_ops {
    void (*facts)(const struct vtarget *t, struct vtarget_facts *out);
    /* One frame and its answer, at most VTARGET_ANSWER_MAX bytes; out is emptied first.  A type 2 tag says
     * ACK and NAK as one byte.  False: silence. */
    bool (*exchange)(struct vtarget *t, struct bytes frame, struct buf *out);
    void (*halt)(struct vtarget *t);      /* deselected, still powered */
    void (*field_off)(struct vtarget *t); /* it left the field, or the field went away */
};

/* The first member of what lies there. */
struct vtarget {
    const struct vtarget_ops *ops;
};

#endif
