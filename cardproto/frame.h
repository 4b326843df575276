/* frame.h - one card command as ISO 7816 frames: 90 cmd 00 00 [Lc params] 00 out, data 91 status in, and
 * both cut into pieces by status AF.  SPEC.md section 2.
 *
 *   frame_start --> frame_next (send) --> frame_take (answer) --> FRAME_MORE: frame_next again
 *                                                            \--> FRAME_END: answer, status
 *                                                            \--> FRAME_BAD: no card answers so
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_CARDPROTO_FRAME_H
#define PATRON_CARDPROTO_FRAME_H

#include "base/bytes.h"

enum {
    FRAME_DATA_MAX = 54,    /* parameter bytes in one frame out: every DESFire takes these */
    FRAME_COUNT_MAX = 16,   /* answers of one command; our longest needs 6 */
    FRAME_STATUS_OK = 0x00,
    FRAME_STATUS_NO_CHANGE = 0x0c,
    FRAME_STATUS_NO_ROOM = 0x0e,
    FRAME_STATUS_ILLEGAL = 0x1c,
    FRAME_STATUS_INTEGRITY = 0x1e,
    FRAME_STATUS_NO_KEY = 0x40,
    FRAME_STATUS_LENGTH = 0x7e,
    FRAME_STATUS_SIGNATURE = 0x90,
    FRAME_STATUS_DENIED = 0x9d,
    FRAME_STATUS_PARAMETER = 0x9e,
    FRAME_STATUS_NO_APPLICATION = 0xa0,
    FRAME_STATUS_AUTHENTICATION = 0xae,
    FRAME_STATUS_MORE = 0xaf,
    FRAME_STATUS_BOUNDARY = 0xbe,
    FRAME_STATUS_ABORTED = 0xca,
    FRAME_STATUS_DUPLICATE = 0xde,
    FRAME_STATUS_NO_FILE = 0xf0,
    FRAME_STATUS_ISO = 0x1ff, /* not 91 xx: some other card */
};

/* Append 90 cmd 00 00 [Lc params] 00.  params: at most 255 bytes. */
void frame_wrap(struct buf *out, uint8_t cmd, struct bytes params);
/* Split an answer: data is a view into raw.  status is FRAME_STATUS_ISO when it does not end in 91 xx.
 * Errors: ERR_FORMAT, shorter than two bytes. */
MUST_CHECK enum err frame_unwrap(struct bytes raw, struct bytes *data, unsigned *status);
/* "permission denied", never NULL. */
const char *frame_status_text(unsigned status);

struct frame_chain {
    uint8_t cmd;
    bool whole;          /* status AF is an answer, not a request for more (authentication) */
    struct bytes params; /* borrowed until the last of it is sent */
    size_t sent;
    int count;           /* answers taken */
    struct buf answer;   /* storage of the caller: the pieces joined */
    unsigned status;     /* at FRAME_END */
};
enum frame_next { FRAME_MORE, FRAME_END, FRAME_BAD };

void frame_start(struct frame_chain *f, uint8_t cmd, struct bytes params, struct buf answer);
/* Append the next frame to out: FRAME_DATA_MAX + 6 bytes at most. */
void frame_next(struct frame_chain *f, struct buf *out);
/* FRAME_BAD: too short, too many pieces, more than answer holds, or AF although nothing may follow. */
enum frame_next frame_take(struct frame_chain *f, struct bytes raw);

#endif
