/* coupon.h - e-coupons in the books: given out, and looked at when a sale with one arrives.  A till takes a coupon by
 * the rules alone, also with the line cut; whether this very one was good is seen here, and what was not is for a
 * person to look at (coupon_reviews).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_COUPON_H
#define PATRON_OFFICE_COUPON_H

#include "office/books/books.h"
#include "office/care/campaign_core.h"

#include <jansson.h>

/* A new one of a campaign for a member. */
MUST_CHECK enum err coupon_issue(struct books *b, const char *campaign, member_id member, int32_t last_day,
                                 int64_t now_s, char out[COUPON_SIZE], struct errmsg *why);
/* Sales that arrived since the last time: their coupons are used, or noted for a person.  *used, *odd: how many.  One
 * transaction, the caller's or its own; again it finds nothing. */
MUST_CHECK enum err coupon_scan(struct books *b, int64_t *used, int64_t *odd, struct errmsg *why);
/* member 0 = all. */
MUST_CHECK enum err coupon_list(struct books *b, const char *campaign, member_id member, int32_t today, json_t *rows,
                                struct errmsg *why);
#define COUPON_ROW_SHAPE "coupon:text! campaign:text! member:text! last_day:day made:time! state:text! sale:text"
MUST_CHECK enum err coupon_reviews(struct books *b, json_t *rows, struct errmsg *why);
#define COUPON_REVIEW_SHAPE "sale:text! time:time! member:text coupon:text! answer:text!"

#endif
