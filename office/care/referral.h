/* referral.h - members who bring members, and members who stopped coming.
 *
 * A member has a code; who joins with it names the referrer, once, before their first purchase and within
 * referral_days of joining.  At that purchase both get points, each referrer at most referral_most times in a year.
 * Win-back: who bought nothing for winback_days comes into the queue, each with what to do: 极力挽回 (strive), 见机行事
 * (as it comes), 基本放弃 (mostly let go), 放弃 (let go: may not be contacted); and the queue sees who comes back.
 * Settings: care_setting (message.h).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_REFERRAL_H
#define PATRON_OFFICE_REFERRAL_H

#include "office/books/books.h"

#include <jansson.h>

enum { REFERRAL_CODE_SIZE = 9 };

/* The member's code, made at the first time.  Errors: ERR_NOT_FOUND. */
MUST_CHECK enum err referral_code(struct books *b, member_id member, char out[REFERRAL_CODE_SIZE], struct errmsg *why);
/* member joined by code.  Errors: ERR_NOT_FOUND (code, member); ERR_REFUSED (oneself, somebody one brought, too late,
 * has bought before); ERR_EXISTS (has named somebody). */
MUST_CHECK enum err referral_claim(struct books *b, const char *code, member_id member, int64_t now_s, struct errmsg *why);
/* Points for those whose first purchase has come, for both.  One transaction, the caller's or its own; again it finds
 * nothing.  *rewarded: pairs. */
MUST_CHECK enum err referral_run(struct books *b, int64_t now_s, int64_t *rewarded, struct errmsg *why);
/* Who brought most, with what those spent (sum of what counted). */
MUST_CHECK enum err referral_list(struct books *b, json_t *rows, struct errmsg *why);
#define REFERRAL_ROW_SHAPE "referrer:text! brought:int! rewarded:int! waiting:int! points:points! spent:money!"

/* ---- win-back ---- */

/* Who is lost by now comes in, who came back goes out as won back.  *added, *won.  One transaction, as above. */
MUST_CHECK enum err winback_run(struct books *b, int64_t now_s, int64_t *added, int64_t *won, struct errmsg *why);
/* disposition "" = all; those to strive for and of most value first. */
MUST_CHECK enum err winback_list(struct books *b, const char *disposition, json_t *rows, struct errmsg *why);
#define WINBACK_ROW_SHAPE                                                                                              \
    "member:text! disposition:text! value:money! last:day! state:text! reason:text! contacted:time won:day"
/* Somebody talked to them.  lost: they will not come back; reason: of winback_reasons, "" = not said.  Errors:
 * ERR_NOT_FOUND, ERR_FORMAT, ERR_STATE (won back already). */
MUST_CHECK enum err winback_contacted(struct books *b, member_id member, bool lost, const char *reason, int64_t now_s,
                                      struct errmsg *why);
extern const char *const winback_reasons[]; /* NULL-ended */
/* By disposition: how many, contacted, won back, of those contacted, in tenths of a percent. */
MUST_CHECK enum err winback_numbers(struct books *b, json_t *rows, struct errmsg *why);
#define WINBACK_NUMBERS_SHAPE                                                                                          \
    "disposition:text! members:int! contacted:int! won:int! won_contacted:int! won_permille:int value:money!"

#endif
