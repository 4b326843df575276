/* rewards.h - what points are redeemed for at head office's desk and on the member page: the catalogue of the rules in
 * force, stock, vouchers with one-time codes.
 *
 *     authorise --> open --confirm--> taken --give back--> returned
 *       HOLD          |     REDEEM      |        RETURN
 *                     +--release, or the time of the HOLD ran out--> released
 *
 * The points are in the ledger (HOLD, RELEASE, REDEEM, RETURN), and so are the pieces (books_pieces): those that tills
 * gave are counted with these.  Whoever asks gives the redemption a name
 * of their own: asked again it is the same one (I2).  Changes are made in a transaction of the caller's.
 *
 * A voucher is a redemption whose reward is had later, at a shop, for a code of 12 letters.  The code is made from head
 * office's key and the redemption's number, so that it can be shown again and is kept nowhere.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_REWARDS_H
#define PATRON_OFFICE_REWARDS_H

#include "office/books/books.h"
#include "office/home.h"

#include <jansson.h>

enum {
    REWARD_NAME_MAX = 64,    /* bytes of the asker's name for a redemption */
    VOUCHER_TEXT_SIZE = 15,  /* "ABCD-EFGH-JKLM" and the final 0 */
    VOUCHER_DAYS = 90        /* a voucher is good until so many days after it was made */
};

enum redemption_state { REDEMPTION_OPEN, REDEMPTION_TAKEN, REDEMPTION_RELEASED, REDEMPTION_RETURNED };
struct redemption {
    int64_t id;
    member_id member;
    char reward[TXN_NAME_SIZE];
    struct points points;
    enum redemption_state state;
    int64_t until_s;
    struct entry_id hold, redeem; /* seq 0 = none */
    bool voucher;
};

struct reward_wanted {
    member_id member;
    const char *reward;    /* code */
    struct points points;  /* of a sliding reward: which step; else 0 */
    const char *name;      /* 1..REWARD_NAME_MAX bytes; of this member, of no other redemption */
    const char *channel;   /* "desk", "page" */
    uint32_t user;
    bool factor;           /* the member's PIN was right, or a user of the console stands for it */
};
/* The points are set aside for pack->hold_minutes.  Errors, with the sentence for people: ERR_NOT_FOUND (no such member,
 * reward), ERR_STATE (no rules; it was confirmed or let go before), ERR_REFUSED (not for this member, not now, none left,
 * too few points), ERR_AUTH (a PIN is wanted), ERR_CONFLICT (the name is of another redemption), ERR_FORMAT. */
MUST_CHECK enum err rewards_authorise(struct books *b, const struct reward_wanted *w, int64_t now_s, int64_t *id,
                                      struct errmsg *why);
/* The reward is had, or (voucher) a voucher for it.  Once more gives the same.  Errors: ERR_NOT_FOUND, ERR_STATE (let
 * go, returned, or confirmed the other way). */
MUST_CHECK enum err rewards_confirm(struct books *b, const struct known_keys *keys, int64_t id, bool voucher,
                                    uint32_t user, int64_t now_s, struct errmsg *why);
/* Errors: ERR_NOT_FOUND, ERR_STATE (it is had already). */
MUST_CHECK enum err rewards_release(struct books *b, int64_t id, uint32_t user, int64_t now_s, struct errmsg *why);
/* The reward comes back: the points go to the lots they came from, the piece into the stock.  reason: for ever in the
 * ledger, no names.  Errors: ERR_NOT_FOUND, ERR_STATE (not had, returned already, the voucher was used), ERR_FORMAT. */
MUST_CHECK enum err rewards_give_back(struct books *b, int64_t id, const char *reason, uint32_t user, int64_t now_s,
                                      struct errmsg *why);
MUST_CHECK enum err rewards_get(struct books *b, int64_t id, struct redemption *out, struct errmsg *why);

/* The catalogue of today, for a member (0 = nobody in particular: prices of the lowest tier).  Rows: reward, name,
 * name_zh, kind, points, value, item, from, to, left (null = without end), per_member, had, missing (points), why (""
 * = it can be had). */
MUST_CHECK enum err rewards_list(struct books *b, member_id member, int64_t now_s, json_t *rows, struct errmsg *why);
/* How many were put in so far, those taken included, of a reward the rules give a stock.  Errors: ERR_NOT_FOUND (no such reward), ERR_STATE (by the rules it is without end), ERR_RANGE. */
MUST_CHECK enum err rewards_set_stock(struct books *b, const char *reward, int64_t stock, uint32_t user, int64_t now_s,
                                      struct errmsg *why);
/* What is open and taken, newest first; member 0 = all. */
MUST_CHECK enum err rewards_redemptions(struct books *b, member_id member, int64_t now_s, int32_t limit, json_t *rows,
                                        struct errmsg *why);

/* ---- vouchers ---- */

/* Errors: ERR_NOT_FOUND (it has none). */
MUST_CHECK enum err voucher_code(struct books *b, const struct known_keys *keys, int64_t id,
                                 char out[VOUCHER_TEXT_SIZE], struct errmsg *why);
/* The redemption of a code, in any case, with or without its strokes.  Errors: ERR_FORMAT (it is no code),
 * ERR_NOT_FOUND. */
MUST_CHECK enum err voucher_find(struct books *b, const struct known_keys *keys, const char *code, int64_t *id,
                                 struct errmsg *why);
/* reward, name, member, state ("good", "used", "returned", "ended"), last_day, used, used_at. */
MUST_CHECK enum err voucher_show(struct books *b, int64_t id, int64_t now_s, json_t *out, struct errmsg *why);
/* Once only.  Errors: ERR_NOT_FOUND, ERR_STATE (used, returned, past its last day). */
MUST_CHECK enum err voucher_use(struct books *b, int64_t id, const char *shop, uint32_t user, int64_t now_s,
                                struct errmsg *why);

#endif
