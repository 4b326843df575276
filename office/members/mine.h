/* mine.h - the member page: logging in by a one-time code, and what a member sees and does of their own.
 *
 *     number typed --> code of six figures by the outbox --> code typed --> session
 *
 * The same answer whether the number is anybody's or not: a code is asked for, and if there is such a member and a way
 * to reach them, it is on its way.  A code is good for MINE_CODE_S, for MINE_WRONG_MAX wrong tries, and once; a new one
 * ends the one before.  Codes for a number, and from an address, are given so often an hour and a day.
 * utc_s is the machine's time: codes and waiting live by it, as sessions do.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_MINE_H
#define PATRON_OFFICE_MINE_H

#include "office/books/books.h"
#include "office/home.h"

#include <jansson.h>

enum {
    MINE_CODE_S = 600,
    MINE_WRONG_MAX = 5,
    MINE_ASKS_HOUR = 5, /* for one number */
    MINE_ASKS_DAY = 15,
    MINE_ASKS_FROM = 30 /* from one address in an hour */
};

/* name: "M12", a card's number, a telephone number.  In a transaction of the caller's.  Errors: ERR_FORMAT (nothing was
 * typed), ERR_BUSY (too often). */
MUST_CHECK enum err mine_ask_code(struct books *b, const struct known_keys *keys, const char *name, const char *from,
                                  int64_t now_s, int64_t utc_s, struct errmsg *why);
/* *member: who the number is now, after merges.  In own transactions: none may be open.  Errors: ERR_AUTH, the same
 * whatever was wrong. */
MUST_CHECK enum err mine_log_in(struct books *b, const struct known_keys *keys, const char *name, const char *code,
                                int64_t now_s, int64_t utc_s, member_id *member, struct errmsg *why);

/* What stands on the first page: member, name, language, balance and lots (profile_balance), tier (profile_tier), pin
 * (is there one). */
MUST_CHECK enum err mine_show(struct books *b, member_id member, int64_t now_s, json_t *out, struct errmsg *why);
/* The timeline without the desk's notes, at most limit rows. */
MUST_CHECK enum err mine_history(struct books *b, member_id member, int32_t limit, json_t *rows, struct errmsg *why);

/* A voucher for a reward: set aside and taken at once.  name: the asker's own for it (rewards.h).  A member who has a
 * PIN gives it.  In own transactions.  Errors: those of people_check_pin, rewards_authorise, rewards_confirm. */
struct mine_redeem {
    member_id member;
    const char *reward, *name, *pin; /* pin "" = not given */
    struct points points;            /* of a sliding reward, else 0 */
};
MUST_CHECK enum err mine_redeem(struct books *b, const struct known_keys *keys, const struct mine_redeem *in,
                                int64_t now_s, int64_t *id, struct errmsg *why);

/* The dark and light squares of a QR code: {"size":29,"rows":["1110...", ...]}, to be drawn by the page with four light
 * ones around.  NULL: it does not fit. */
json_t *mine_qr(const char *text);

#endif
