/* reader.h - an NFC reader, behind a table narrow enough to simulate.
 * One file per implementation: reader_nfc.c (libnfc in a child process of its own), reader_sim.c (a
 * virtual card in this process, for tests).  Both pass the same contract test.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_HW_READER_H
#define PATRON_HW_READER_H

#include "base/bytes.h"
#include "base/ids.h"

#include <stdbool.h>

enum {
    READER_FRAME_MAX = 262, /* libnfc copies more than this over the end of its buffer */
    READER_TIMEOUT_MS = 500 /* one exchange: FWT of a slow commit plus libnfc's own */
};

struct reader_card {
    struct card_uid uid;
    uint8_t uid_size;     /* 4, 7 or 10 (cut to 7); only 7 identifies */
    uint8_t atqa[2], sak;
    uint8_t ats[20];      /* without its length byte, cut to 20; ats_size 0: not ISO 14443-4 */
    uint8_t ats_size;
    bool several;         /* more than one card is in the field: no exchange, ask for one alone */
};

struct reader;
struct reader_ops {
    /* A descriptor to poll for input: readable when something may have happened; take makes it quiet
     * again.  The same number for as long as the reader is open.  -1 = none. */
    int (*fd)(struct reader *r);
    /* Begin looking for a card.  fresh: a card that lies there already does not count until it was
     * taken away.  Lets a card go that was taken before.  Holds on while the reader is away.  Never blocks. */
    enum err (*arm)(struct reader *r, bool fresh, struct errmsg *why);
    /* The card found since arm, the same one until arm or release.  ERR_NO_CARD = none yet;
     * ERR_NO_DEVICE = the reader is away and is being reopened, keep asking.  Never blocks. */
    enum err (*take)(struct reader *r, struct reader_card *card, struct errmsg *why);
    /* One exchange with the card taken: ISO 7816 APDU out, answer in (rx is emptied first); to a card that is
     * not ISO 14443-4 (SAK without 20) its own command, of which the PN532 passes a type 2 tag's READ; its
     * NAK comes as one byte 00 (and costs the time of a search more).  Blocks at
     * most timeout_ms (> 0) plus 200 ms.  Errors: ERR_GONE, ERR_TIMEOUT, ERR_NO_DEVICE, ERR_FULL (rx is too
     * small) - with each of these a commit that was sent may have happened; ERR_RANGE (tx is empty or above
     * READER_FRAME_MAX), ERR_STATE (no card was taken): nothing was sent. */
    enum err (*exchange)(struct reader *r, struct bytes tx, struct buf *rx, int timeout_ms,
                         struct errmsg *why);
    /* Let the card go. */
    void (*release)(struct reader *r);
    void (*close)(struct reader *r);
    const char *name;
};

struct reader {
    const struct reader_ops *ops;
};

/* The real libnfc, in a child process.  connstring as libnfc takes it, "pn532_uart:/path", "" for the
 * first one found (USB readers; see docs of libnfc for serial ones).  The child is started at once, and anew
 * when it dies; a reader that is away is reopened for ever with a pause, two programs on one reader are kept
 * apart by a lock file.  The process may have no other threads.  Errors: ERR_IO. */
MUST_CHECK enum err reader_nfc_open(struct reader **out, const char *connstring, struct errmsg *why);

#endif
