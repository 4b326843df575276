/* receipts.h - the refund desk: a receipt is found, what it earned and what a refund would do; and the receipt a member
 * missed is claimed.
 *
 * A till's sale is taken back by a till: money moves there.  The desk shows what would happen, by letting the books post
 * the very refund and taking it back again.
 *
 * A claim needs the receipt's number and its total, as printed.  Within RECEIPT_DAYS, once for each receipt; who tries
 * RECEIPT_TRIES times in a day in vain waits.  A wrong number and a wrong total get the same answer.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_RECEIPTS_H
#define PATRON_OFFICE_RECEIPTS_H

#include "office/books/books.h"

#include <jansson.h>

enum {
    RECEIPT_DAYS = 14,  /* after the purchase */
    RECEIPT_TRIES = 5,
    RECEIPT_FOUND_MAX = 20
};

/* By the number printed on it ("T0007-12") or the cash register's own (of the newest 50,000 sales), newest first.  Rows: receipt, time, shop, member,
 * total, earned, redeemed.  Errors: ERR_FORMAT (nothing was typed). */
MUST_CHECK enum err receipts_find(struct books *b, const char *text, json_t *rows, struct errmsg *why);
/* Its lines with what is left of each, what it earned and why, its refunds.  Errors: ERR_NOT_FOUND. */
MUST_CHECK enum err receipts_show(struct books *b, struct entry_id sale, json_t *out, struct errmsg *why);

/* pieces[i] of line i come back (0..what is left); count of them, 0 = all that is left.  out: money (to be paid back, the
 * part paid with points not), clawed, points_back, let_go, before, after (of the member), owed, why, till, shop (where it
 * is to be done).  Nothing changes; no transaction may be open.  Errors: ERR_NOT_FOUND, ERR_RANGE, ERR_STATE (nothing
 * is left of it). */
MUST_CHECK enum err receipts_what_if(struct books *b, struct entry_id sale, const int32_t *pieces, int32_t count,
                                     int64_t now_s, json_t *out, struct errmsg *why);

/* The purchase becomes the member's.  user: of the desk; 0 = the member.  Own transactions: none may be open.
 * *points: what it earned.  Errors: ERR_NOT_FOUND (no such member; no receipt with this number and total), ERR_CONFLICT
 * (it is somebody's), ERR_REFUSED (too old, or the books say no), ERR_BUSY (too many tries). */
MUST_CHECK enum err receipts_claim(struct books *b, member_id member, struct entry_id sale, struct money total,
                                   uint32_t user, int64_t now_s, struct points *points, struct errmsg *why);

#endif
