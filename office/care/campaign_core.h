/* campaign_core.h - what a campaign comes down to: the letters of a coupon, what it brought against those left alone,
 * what to do about somebody who stopped coming.  Pure.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_CAMPAIGN_CORE_H
#define PATRON_OFFICE_CAMPAIGN_CORE_H

#include "base/txn.h"

enum { COUPON_SIZE = TXN_NAME_SIZE, COUPON_LETTERS = 6, CAMPAIGN_CODE_SIZE = 9 };

/* A campaign's code: 1 to 8 capital letters and digits. */
bool campaign_code_is(const char *code);

/* "SPRING-K7Q2MA": five letters by chance and one that checks them and the name.  The alphabet has 31, without 0 1 I O U,
 * and 31 is a prime: one wrong letter, or two that changed places, is always seen.  random: 64 bits. */
void coupon_make(char out[COUPON_SIZE], const char *campaign, uint64_t random);
/* Is it written as a coupon, with the right check letter? */
bool coupon_is(const char *code);
/* The campaign's part; false when it is no coupon. */
MUST_CHECK bool coupon_campaign(const char *code, char out[CAMPAIGN_CODE_SIZE]);

/* One side of a campaign. */
struct campaign_side {
    int64_t members, buyers; /* who bought in the period */
    struct money money;      /* what they bought, net of what came back */
};
struct campaign_lift {
    int32_t treated_permille, holdout_permille; /* buyers of members, in tenths of a percent; -1 = of nobody */
    int32_t lift_permille;                      /* treated - holdout; 0 when either is -1 */
    struct money treated_each, holdout_each;    /* money of a member, rounded down */
    int64_t buyers_more;     /* than the treated would have been by the rate of the holdout, rounded toward 0 */
    struct money money_more; /* likewise */
    bool enough;             /* both have CAMPAIGN_ENOUGH members: fewer say little */
};
enum { CAMPAIGN_ENOUGH = 100 };
/* Each side: 0 <= buyers <= members < 2^40. */
struct campaign_lift campaign_lift_of(const struct campaign_side *treated, const struct campaign_side *holdout);

/* What to do about who stopped coming: 极力挽回, 见机行事, 基本放弃, 放弃. */
enum winback { WINBACK_STRIVE, WINBACK_AS_IT_COMES, WINBACK_MOSTLY_LET_GO, WINBACK_LET_GO, WINBACKS };
extern const char *const winback_texts[WINBACKS]; /* "strive", ... as in the database */
/* value: spent in the year to the last purchase; reachable: may be contacted. */
enum winback winback_of(struct money value, struct money important, struct money small, bool reachable);

#endif
