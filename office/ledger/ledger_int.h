/* ledger_int.h - what the files of the ledger share: ledger.c names who posts what, ledger_work.c is what every posting is
 * made of, the others post.  Pure, all of it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_LEDGER_INT_H
#define PATRON_OFFICE_LEDGER_INT_H

#include "office/ledger/ledger.h"

struct work {
    struct ledger_facts *in;
    struct ledger_effects *out;
    int32_t day; /* of the event */
};

/* ---- ledger_work.c ---- */

void work_note(struct work *w, enum ledger_answer answer, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void work_post_on(struct work *w, enum ledger_account account, const struct card_uid *card, struct points amount);
/* Points go from one account to another. */
void work_post(struct work *w, enum ledger_account from, enum ledger_account to, struct points amount);
void work_drop_zeros(struct ledger_effects *out);
/* The moves that a rules function left in scratch.  What changes in the expired part of a lot is posted. */
void work_keep_moves(struct work *w, enum ledger_cause cause, int32_t count);
void work_keep_debt(struct work *w, enum ledger_cause cause, struct points change);
/* Points the lots could not cover: the member owes them. */
void work_owe(struct work *w, enum ledger_cause cause, struct points more);
/* What a late entry brought into a lot that has ended already ends at once. */
void work_expire(struct work *w, int32_t day);
/* Points come in: all of it, or nothing and a note. */
bool work_add(struct work *w, enum ledger_account from, enum ledger_cause cause, int32_t expires_day,
              struct points points);
/* Points earned by a purchase come in: what is owed is paid, the rest is pending or held.  v: of the purchase; not
 * known: a new one. */
bool work_earn(struct work *w, enum ledger_cause cause, int32_t expires_day, struct points points,
               struct ledger_vesting *v);
/* Pending points become held, up to so many: from here an entry takes them from held, and the two cancel out. */
void work_unvest(struct work *w, struct ledger_vesting *v, struct points most);
/* Held points become pending. */
void work_vest(struct work *w, struct ledger_vesting *v, struct points points);
/* Points that go out; what is not there is owed.  Posts nothing. */
void work_take(struct work *w, enum ledger_cause cause, int32_t day, struct points points);
/* Last good day of points that come in now. */
int32_t work_lot_day(struct work *w, const struct pack *pack);
/* Last good day of points that come back and are in no lot.  EXPIRY_ACTIVITY: all points of the member end so many days
 * after the last purchase, so those in->sale.taken says come back are told that end. */
int32_t work_back_day(struct work *w, const struct pack *pack);
/* EXPIRY_ACTIVITY: the member's points move to this end. */
void work_move_by_purchase(struct work *w, int32_t to_day);
/* Whom is it for?  False = nobody, and points are asked for all the same or not. */
bool work_has_member(struct work *w);
/* Of nobody, but it came with something that may become somebody's. */
void work_leave_unclaimed(struct work *w);

/* No effects yet. */
void ledger_start(struct ledger_effects *out);

/* ---- who posts what; t is in w->in ---- */

/* As the till knew: what its entry says.  Borrows from t. */
struct bill work_bill_here(const struct txn *t, const struct ledger_before *here);
/* As it was.  Borrows from t and before. */
struct bill work_bill(const struct txn *t, const char *tier, const struct ledger_before *before);
void work_decide_tier(struct work *w, const struct tier_sums *sums, int32_t today, bool review);
void ledger_post_sale(struct work *w);

void ledger_post_intent(struct work *w);
/* SALE, CANCEL, SETTLE, LOAD: what became of the intent they name. */
void ledger_post_commit(struct work *w, struct points amount);
void ledger_post_card(struct work *w);

void ledger_post_hold(struct work *w);
/* A piece of a reward that t names. */
void ledger_post_piece(struct work *w);
/* RELEASE, CANCEL: the sale does not come. */
void ledger_post_release(struct work *w);
/* A SALE that redeems what was set aside for it. */
void ledger_post_held(struct work *w);
/* What the programme says of a SALE's redemption (I6).  One that stands alone pays its whole bill. */
void ledger_compare_redemption(struct work *w);

void ledger_post_extend(struct work *w);
void ledger_post_tier(struct work *w);

void ledger_post_refund(struct work *w);

void ledger_post_grant(struct work *w);
void ledger_post_rating(struct work *w);
void ledger_post_join(struct work *w);
void ledger_post_claim(struct work *w);
void ledger_post_member(struct work *w);
void ledger_post_adjust(struct work *w);

void ledger_post_opening(struct work *w);
void ledger_post_redeem(struct work *w);
void ledger_post_return(struct work *w);
void ledger_post_rerate(struct work *w);

#endif
