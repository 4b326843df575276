/* sale_inside.h - what the files of the sale share.  Inside terminal/sale/ only.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_SALE_INSIDE_H
#define PATRON_TERMINAL_SALE_INSIDE_H

#include "base/tr.h"
#include "terminal/sale/sale.h"

/* Articles that are none: a bill that was only totalled, and one that is only a redemption. */
#define SALE_TOTAL_SKU "TOTAL"
#define SALE_POINTS_SKU "POINTS"

/* "M12", or what to call a member whose number is not known here. */
enum { SALE_WHO_SIZE = 48 };
const char *sale_who_is(char out[SALE_WHO_SIZE], member_id member, const struct card_uid *card);
const char *sale_who(char out[SALE_WHO_SIZE], const struct txn *t);
const char *sale_whose(char out[SALE_WHO_SIZE], const struct sale *s); /* of the sale in hand */

/* The waiting command has its answer. */
void sale_say(struct sale_effects *out, enum sale_answer answer, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void sale_not_now(const struct sale *s, const struct sale_event *in, struct sale_effects *out);
void sale_say_card(struct sale_effects *out, const struct sale_event *in);
void sale_say_sale(struct sale_effects *out, const struct pack *pack);
/* False: refused and said. */
bool sale_has_pack(const struct sale_facts *f, struct sale_effects *out);
bool sale_unlocked(const struct sale_facts *f, struct sale_effects *out);
bool sale_reference_fits(const struct sale_event *in, struct sale_effects *out);

void sale_text_copy(char *out, size_t size, const char *text);
bool sale_text_equal(const char *a, const char *b);
bool sale_same_lines(const struct txn_line *a, int32_t a_count, const struct txn_line *b,
                     int32_t b_count);

/* No INTENT is under way: lines, cards and the total may come. */
bool sale_is_open(const struct sale *s);
/* A bill that is nothing but a redemption. */
bool sale_is_alone(const struct txn *t);
/* Did somebody earn by this SALE? */
bool sale_has_member(const struct txn *t);
/* Who allowed what needs it: 0 = nobody. */
uint32_t sale_approver(const struct sale_event *in);

/* An entry of this moment: all but what its kind makes of it. */
void sale_begin_entry(struct txn *t, const struct sale_facts *f, enum txn_kind kind);
void sale_fill_bill(struct sale *s, const struct sale_facts *f, enum txn_kind kind);
/* Into CLOSING, to write t. */
void sale_write(struct sale *s, const struct txn *t, struct entry_id closes,
                struct sale_effects *out);
bool sale_rate(struct sale *s, const struct sale_facts *f, struct money value, struct errmsg *why);
void sale_do_total(struct sale *s, const struct sale_event *in, struct sale_effects *out);
void sale_close(struct sale *s, const struct sale_event *in, struct sale_effects *out);
void sale_begin_cancel(struct sale *s, const struct sale_event *in, struct sale_effects *out);
void sale_confirm_again(struct sale *s, const struct txn *known, struct sale_effects *out);

/* sale_who.c */
void sale_on_tap(struct sale *s, const struct sale_event *in, struct sale_effects *out);
void sale_on_tap_refused(struct sale *s, const struct sale_event *in, struct sale_effects *out);
void sale_on_known(struct sale *s, const struct sale_event *in, struct sale_effects *out);

/* sale_bill.c */
void sale_on_line(struct sale *s, const struct sale_event *in, struct sale_effects *out);
void sale_on_line_off(struct sale *s, const struct sale_event *in, struct sale_effects *out);
void sale_on_coupon(struct sale *s, const struct sale_event *in, struct sale_effects *out);
void sale_on_total(struct sale *s, const struct sale_event *in, struct sale_effects *out);
void sale_on_park(struct sale *s, const struct sale_event *in, struct sale_effects *out);
void sale_on_take_up(struct sale *s, const struct sale_event *in, struct sale_effects *out);

/* sale_redeem.c */
/* What may be redeemed: s->offer; why not, as a sentence, NULL = by the rules' own words. */
const char *sale_offer(struct sale *s, const struct sale_facts *f, bool alone);
void sale_on_redeem(struct sale *s, const struct sale_event *in, struct sale_effects *out);
void sale_on_card_ready(struct sale *s, const struct sale_event *in, struct sale_effects *out);
void sale_on_card_done(struct sale *s, const struct sale_event *in, struct sale_effects *out);
void sale_on_card_failed(struct sale *s, const struct sale_event *in, struct sale_effects *out);
void sale_on_card_lost(struct sale *s, const struct sale_event *in, struct sale_effects *out);
void sale_on_wrong_card(struct sale *s, const struct sale_event *in, struct sale_effects *out);
void sale_on_settled(struct sale *s, const struct sale_event *in, struct sale_effects *out);
void sale_on_held(struct sale *s, const struct sale_event *in, struct sale_effects *out);
void sale_on_hold_refused(struct sale *s, const struct sale_event *in, struct sale_effects *out);
void sale_on_hold_lost(struct sale *s, const struct sale_event *in, struct sale_effects *out);
void sale_on_give_up(struct sale *s, const struct sale_event *in, struct sale_effects *out);
void sale_on_resume(struct sale *s, const struct sale_event *in, struct sale_effects *out);
/* A redemption that did not come to be: back to the bill it was for. */
void sale_back_to_bill(struct sale *s, const struct sale_facts *f);

/* sale_refund.c */
void sale_on_refund(struct sale *s, const struct sale_event *in, struct sale_effects *out);
void sale_say_refund(struct sale_effects *out, const struct pack *pack, bool rated);

/* sale_beside.c */
void sale_on_witness(struct sale *s, const struct sale_event *in, struct sale_effects *out);
void sale_on_grant(struct sale *s, const struct sale_event *in, struct sale_effects *out);
void sale_on_join(struct sale *s, const struct sale_event *in, struct sale_effects *out);
void sale_on_rate(struct sale *s, const struct sale_event *in, struct sale_effects *out);
/* One of these is on disk. */
void sale_beside_written(struct sale *s, const struct sale_event *in, struct sale_effects *out);

#endif
