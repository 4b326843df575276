/* cards.h - cards as things: ordered and made in batches, bound, lost, stolen, found, replaced, past their last day;
 * and which tills have not heard of it yet.
 *
 *     batch:  ordered --> made --> sent --> in shop        ordered, made --> cancelled
 *     card:   active --lost, stolen, ended--> blocked --found--> active;   blocked, active --replace--> replaced
 *
 * A card's state is an entry of the ledger (CARD) with its reason; batches stand beside it (db/members.sql).  Cards
 * are made on head office's desk: patronctl card issue --batch N.  A change is made in a transaction of the caller's.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_CARDS_H
#define PATRON_OFFICE_CARDS_H

#include "office/books/books.h"

#include <jansson.h>

struct batch_wanted {
    int32_t count;      /* 1..1000000 */
    const char *kind;   /* "ev1", "ev2", "ntag", "other" */
    const char *shop;   /* that they are for; "" = head office */
    int32_t last_day;   /* the last good day of its cards; DAY_NEVER */
};
/* Errors: ERR_FORMAT, ERR_RANGE. */
MUST_CHECK enum err cards_order(struct books *b, const struct batch_wanted *w, uint32_t user, int64_t now_s,
                                int64_t *batch, struct errmsg *why);
/* One step on, or cancelled.  Errors: ERR_NOT_FOUND, ERR_STATE (not from where it is; "made" with cards missing). */
MUST_CHECK enum err cards_move_batch(struct books *b, int64_t batch, const char *state, int64_t now_s,
                                     struct errmsg *why);
/* May one more be made for it?  Errors: ERR_NOT_FOUND, ERR_STATE (it is not being made), ERR_FULL. */
MUST_CHECK enum err cards_can_make(struct books *b, int64_t batch, struct errmsg *why);
/* A card was made for it; its count is not to be passed.  The same card again is nothing new.  Errors: ERR_NOT_FOUND,
 * ERR_STATE, ERR_FULL, ERR_EXISTS (it is of another batch). */
MUST_CHECK enum err cards_made(struct books *b, int64_t batch, const struct card_uid *uid, int64_t now_s,
                               struct errmsg *why);
MUST_CHECK enum err cards_batches(struct books *b, json_t *rows, struct errmsg *why);
/* Its cards, with what became of each.  Errors: ERR_NOT_FOUND. */
MUST_CHECK enum err cards_of_batch(struct books *b, int64_t batch, json_t *rows, struct errmsg *why);

enum card_event { CARD_LOST, CARD_STOLEN, CARD_FOUND };
/* Errors: ERR_FORMAT. */
MUST_CHECK enum err cards_event_of(const char *text, enum card_event *out, struct errmsg *why);
/* note: "" or a few words, for ever in the ledger: no names.  Errors: ERR_NOT_FOUND, ERR_STATE (lost already, not
 * lost, replaced, or past its last day). */
MUST_CHECK enum err cards_happened(struct books *b, const struct card_uid *uid, enum card_event event,
                                   const char *note, uint32_t user, int64_t now_s, struct errmsg *why);
/* A card that is nobody's becomes a member's.  Errors: ERR_NOT_FOUND, ERR_EXISTS, ERR_STATE. */
MUST_CHECK enum err cards_bind(struct books *b, const struct card_uid *uid, member_id member, uint32_t user,
                               int64_t now_s, struct errmsg *why);

/* The last good day of one card, whatever its batch says.  Errors: ERR_NOT_FOUND. */
MUST_CHECK enum err cards_set_end(struct books *b, const struct card_uid *uid, int32_t last_day, struct errmsg *why);
/* Blocks active cards whose last day is before today, each by its own entry: to be called with the day's run, in a
 * transaction or not.  *count: how many. */
MUST_CHECK enum err cards_end_due(struct books *b, int32_t today, int64_t now_s, int32_t *count, struct errmsg *why);

/* One card: whose, how it is, its batch, what happened to it and which tills have not heard of that.
 * Errors: ERR_NOT_FOUND. */
MUST_CHECK enum err cards_show(struct books *b, const struct card_uid *uid, json_t *out, struct errmsg *why);
/* The newest state changes, newest first, each with how many tills have it and how many not yet. */
MUST_CHECK enum err cards_hot(struct books *b, int32_t limit, json_t *rows, struct errmsg *why);
/* Each till, and how many changes it has not got.  *version: of the newest change. */
MUST_CHECK enum err cards_tills(struct books *b, int64_t *version, json_t *rows, struct errmsg *why);

#endif
