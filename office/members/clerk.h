/* clerk.h - what tills ask about people, answered from the books: who is it, set points aside, make a member
 * known, put a new card in the place of a lost one.  server.c carries question and answer; patronctl replaces
 * cards by the same function.
 *
 * Each of them changes the books in transactions of its own: none may be open.  Errors come with a sentence for
 * the cashier.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_CLERK_H
#define PATRON_OFFICE_CLERK_H

#include "office/books/books.h"
#include "office/home.h"
#include "sync/wire.h"

/* Who asks. */
struct clerk {
    struct books *books;
    const struct home *home;
    uint32_t terminal;
    int64_t now_s;
};

/* Nobody known is an answer (out->known false), so is a card that is nobody's.  Errors: what was shown is no
 * such thing, not genuine, or was shown before (known.h). */
MUST_CHECK enum err clerk_tap(const struct clerk *c, const struct wire_tap *ask, struct wire_tapped *out,
                              struct errmsg *why);

/* The same (terminal, name) gets the same hold.  Errors: ERR_NOT_FOUND (nobody), ERR_AUTH (a PIN or supervisor
 * is wanted, or the PIN is wrong), ERR_BUSY (PIN locked), ERR_CONFLICT (the name was used for another hold, or
 * what is shown is another member's), ERR_REFUSED (more than is there; a blocked card), those of known_who. */
MUST_CHECK enum err clerk_hold(const struct clerk *c, const struct wire_hold *ask, struct wire_held *out,
                               struct errmsg *why);

/* Errors: ERR_FORMAT (no consent, no name, a telephone number that is none), ERR_NOT_FOUND, ERR_EXISTS (the
 * member is somebody already; the number is another's). */
MUST_CHECK enum err clerk_person(const struct clerk *c, const struct wire_person *ask,
                                 struct wire_done *out, struct errmsg *why);

/* Errors: ERR_NOT_FOUND, ERR_STATE (nothing to replace, or more than one card), ERR_EXISTS (the new card is
 * somebody's), ERR_CONFLICT (the lost card is another member's). */
MUST_CHECK enum err clerk_replace(const struct clerk *c, const struct wire_replace *ask,
                                  struct wire_done *out, struct errmsg *why);

/* ---- shared with patronctl ---- */

const char *card_status_name(enum card_status status);
/* A card that is issued, active and nobody's.  Errors: ERR_NOT_FOUND, ERR_EXISTS, ERR_STATE. */
MUST_CHECK enum err books_free_card(struct books *b, const struct card_uid *uid, struct card_view *out,
                                    struct errmsg *why);
/* fresh takes the place of lost, which is blocked for ever; what it carried is held.  Errors: ERR_NOT_FOUND,
 * ERR_STATE, ERR_EXISTS.  user: of the console; 0 = a till, patronctl. */
MUST_CHECK enum err books_replace_card(struct books *b, const struct card_uid *lost,
                                       const struct card_uid *fresh, const char *reason, uint32_t user,
                                       int64_t now_s, struct errmsg *why);

#endif
