/* limits.h - the named maxima of the till's memory, taken at start, and of its patience, each with
 * its reason.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_LIMITS_H
#define PATRON_TERMINAL_LIMITS_H

enum {
    TILL_CLIENTS_MAX = 8, /* control connections: a register, a display, someone looking */
    TILL_LINE_MAX = 8192, /* one command: a refund of 250 lines by name; a longer one says "all" */
    TILL_ANSWER_MAX = 1024,  /* one answer line */
    TILL_OUTPUT_MAX = 65536, /* answers not yet read by a slow client; beyond it is cut off */
    TILL_INPUT_MAX = 16384,  /* pipelined commands not yet carried out */
    TILL_PACKS_MAX = 4,      /* packs held ready: today's and those that come into effect next */
    TILL_RETURNS_MAX = 512,  /* lines of a refund: as many as a bill has (TXN_LINES_MAX) */
    TILL_PATH_MAX = 512,
    TILL_EXTRA_FDS_MAX = 64, /* descriptors of screen, doors, printer and display together */
    TILL_DESCRIPTORS = 128,  /* all that can be waited for (83), the database, files and what a start opens */

    TILL_PIN_TRIES = 5,       /* wrong PINs; then, and after each more, a wait: a PIN has ten thousand values */
    TILL_PIN_WAIT_MS = 60000,
    TILL_BADGE_MS = 30000,    /* a badge that was on the reader is good for a login or an approval that long */
    TILL_REFUND_ALONE = 10000, /* minor units (100.00): a cashier gives back more only with a supervisor */
    TILL_CLOCK_BACK_S = 3600, /* the clock may be set back by an hour, as in autumn; to an earlier day is wrong */
    TILL_QUESTION_MS = 8000,  /* a hold, a name, a new card: head office has so long to answer */

    TILL_TAP_MS = 20000,   /* a cashier asks again after that long without a card */
    TILL_DEBIT_MS = 20000, /* the same, for the card of the sale to be held there again */
    TILL_HURRY_MS = 250,   /* between attempts to connect while somebody waits for a sync */
    TILL_LOAD_MS = 4000,   /* a member waits no longer for head office than that */
    TILL_ASK_MS = 1500,    /* Tap query: the line is slow when it takes longer; go on offline */
    TILL_POLL_MS = 50      /* asking a reader that has no descriptor to poll */
};

#endif
