/* desk.h - the reader on head office's desk: cards are made and looked at there.
 * Joins hw/reader (any implementation) and cardproto: carries frames, decides only when to try
 * again.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_DESK_H
#define PATRON_OFFICE_DESK_H

#include "cardproto/card.h"
#include "hw/reader.h"

struct desk {
    struct reader *reader;               /* borrowed */
    const struct card_office_keys *keys; /* borrowed */
    int wait_ms;                         /* how long a person may take to lay a card down, > 0 */
};

/* Wait for one card that can be ours. fresh: the one that lies there does not count until it was
 * taken away. Errors: ERR_TIMEOUT, ERR_NO_DEVICE, ERR_REFUSED (two cards, or one without a 7-byte
 * UID). */
MUST_CHECK enum err desk_wait(const struct desk *desk, bool fresh, struct reader_card *card,
                              struct errmsg *why);

/* Make the blank card taken a card of ours. When it leaves half way, waits for it to come back and
 * goes on, at most 5 times. *kind: what it turned out to be. Errors: ERR_EXISTS (it is one of ours
 * already), ERR_CARD (it refused, or is no blank card of a kind we know), ERR_GONE, ERR_TIMEOUT,
 * ERR_NO_DEVICE. */
MUST_CHECK enum err desk_issue(const struct desk *desk, const struct reader_card *card,
                               const struct card_profile *profile, int32_t purse_limit,
                               enum card_kind *kind, struct errmsg *why);

/* Everything a card of ours says.  Nothing on it is changed.  Errors: as desk_issue. */
MUST_CHECK enum err desk_read(const struct desk *desk, const struct reader_card *card,
                              struct card_seen *seen, struct errmsg *why);

#endif
