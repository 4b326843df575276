/* sale_bill.c - the bill: lines, coupons, the total, what it earns; put aside and taken up again.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/sale/sale_inside.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Something was forgotten: a closed bill is opened again.  False: not now, and said. */
static bool opened_again(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    if (s->state == SALE_DONE)
        sale_init(s);
    if (s->state == SALE_TOTALLED && !entry_is(s->intent))
        s->state = s->means ? SALE_IDENTIFIED : SALE_IDLE;
    if (s->state == SALE_IDLE || s->state == SALE_IDENTIFIED)
        return true;
    sale_not_now(s, in, out);
    return false;
}

void sale_on_line(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    const struct txn_line *l = in->line;
    struct money total;
    char sum[PACK_MONEY_SIZE];
    if (!opened_again(s, in, out))
        return;
    if (!memchr(l->sku, 0, sizeof l->sku) || !l->sku[0] ||
        strcmp(l->sku, SALE_POINTS_SKU) == 0 || !memchr(l->category, 0, sizeof l->category) ||
        l->quantity <= 0 || money_minor(l->amount) < 0 ||
        !money_add(&total, s->t.total, l->amount)) {
        sale_say(out, SALE_BAD_LINE,
                 tr("This line does not count: it needs an article, a quantity of 1 or more and "
                    "an amount of 0 or more."));
        return;
    }
    if (s->t.line_count >= TXN_LINES_MAX) {
        sale_say(out, SALE_FULL, tr("A bill has at most %d lines. Pay this one and begin another."),
                 TXN_LINES_MAX);
        return;
    }
    s->t.lines[s->t.line_count++] = *l;
    s->t.total = total;
    pack_money_text(sum, in->facts->pack, total);
    sale_say(out, SALE_OK, tr("%s x %d: %d lines, %s."), l->sku, l->quantity, s->t.line_count, sum);
}

void sale_on_line_off(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    struct txn *t = &s->t;
    char sum[PACK_MONEY_SIZE];
    if (s->state == SALE_DONE) { /* of a bill that is paid nothing is taken off: goods come back */
        sale_not_now(s, in, out);
        return;
    }
    if (!opened_again(s, in, out))
        return;
    if (in->number < 1 || in->number > t->line_count) {
        sale_say(out, SALE_BAD_LINE, tr("The bill has no line %d; it has %d lines."), in->number,
                 t->line_count);
        return;
    }
    struct txn_line gone = t->lines[in->number - 1];
    if (!money_sub(&t->total, t->total, gone.amount))
        assert(!"a total below one of its lines");
    t->line_count--;
    memmove(&t->lines[in->number - 1], &t->lines[in->number],
            (size_t)(t->line_count - in->number + 1) * sizeof t->lines[0]);
    pack_money_text(sum, in->facts->pack, t->total);
    sale_say(out, SALE_OK, tr("Taken off: %s x %d. %d lines, %s."), gone.sku, gone.quantity,
             t->line_count, sum);
}

/* An e-coupon was shown. */
void sale_on_coupon(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    struct txn *t = &s->t;
    size_t size = in->text ? strlen(in->text) : 0;
    bool good = size > 0 && size < sizeof t->coupons[0];
    for (size_t i = 0; i < size && good; i++)
        good = in->text[i] > ' ' && in->text[i] < 127;
    if (!opened_again(s, in, out))
        return;
    if (!good) {
        sale_say(out, SALE_BAD_LINE, tr("This is no coupon: a code has 1 to %d letters and digits."),
                 (int)sizeof t->coupons[0] - 1);
        return;
    }
    for (int32_t i = 0; i < t->coupon_count; i++)
        if (strcmp(t->coupons[i], in->text) == 0) {
            sale_say(out, SALE_OK, tr("Coupon %s is on the bill already."), in->text);
            return;
        }
    if (t->coupon_count >= TXN_COUPONS_MAX) {
        sale_say(out, SALE_FULL, tr("A bill takes at most %d coupons."), TXN_COUPONS_MAX);
        return;
    }
    sale_text_copy(t->coupons[t->coupon_count++], sizeof t->coupons[0], in->text);
    sale_say(out, SALE_OK, tr("Coupon %s is on the bill."), in->text);
}

/* What the bill earns when value of it is paid with points (I6). A bill without a member earns
 * nothing. */
bool sale_rate(struct sale *s, const struct sale_facts *f, struct money value, struct errmsg *why)
{
    memset(&s->earning, 0, sizeof s->earning);
    if (s->means == MEANS_NONE)
        return true;
    struct bill bill = rules_bill(&s->t);
    bill.paid_by_points = value;
    bill.time_s = f->now_s;
    bill.shop = f->shop;
    bill.tier = s->tier;
    bill.earned_today = f->earned_today;
    bill.earned_month = f->earned_month;
    return rules_earn(f->pack, &bill, &s->earning, why) == OK;
}

/* Close the bill: what it earns, what may be redeemed. */
void sale_do_total(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    const struct sale_facts *f = in->facts;
    struct errmsg why = {""};
    char sum[PACK_MONEY_SIZE], worth[PACK_MONEY_SIZE];
    if (s->t.line_count == 0) {
        sale_say(out, SALE_EMPTY, tr("The bill has no lines yet. Enter the first one."));
        return;
    }
    if (!sale_has_pack(f, out))
        return;
    if (!sale_rate(s, f, money_of(0), &why)) {
        sale_say(out, SALE_BAD_LINE, tr("This bill cannot be rated (%s). Cancel it."), why.text);
        return;
    }
    const char *no = sale_offer(s, f, false);
    s->state = SALE_TOTALLED;
    pack_money_text(sum, f->pack, s->t.total);
    pack_money_text(worth, f->pack, s->offer.most_value);
    if (s->means == MEANS_NONE)
        sale_say(out, SALE_OK, tr("Total %s, no card. Pay, or tap a card first."), sum);
    else if (points_n(s->offer.most) > 0)
        sale_say(out, SALE_OK,
                 tr("Total %s, earns %" PRId64 " points. Up to %" PRId64 " points may pay %s of it."),
                 sum, points_n(s->earning.points), points_n(s->offer.most), worth);
    else
        sale_say(out, SALE_OK, tr("Total %s, earns %" PRId64 " points. No points to redeem: %s"), sum,
                 points_n(s->earning.points), no ? no : tr(redeem_answer_text(s->offer.limit)));
}

/* A bill of which only the total is known.  False: refused and said. */
static bool is_total_only(const struct txn *t)
{
    return t->line_count == 1 && strcmp(t->lines[0].sku, SALE_TOTAL_SKU) == 0;
}

static bool only_total(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    struct txn_line *l = &s->t.lines[0];
    if (!opened_again(s, in, out))
        return false;
    if (s->t.line_count && !is_total_only(&s->t)) {
        sale_say(out, SALE_BAD_LINE, tr("This bill has lines: their sum is the total."));
        return false;
    }
    memset(l, 0, sizeof *l);
    sale_text_copy(l->sku, sizeof l->sku, SALE_TOTAL_SKU);
    l->quantity = 1;
    l->amount = in->money;
    s->t.line_count = 1;
    s->t.total = in->money;
    return true;
}

void sale_on_total(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    if (money_minor(in->money) > 0 && !only_total(s, in, out))
        return;
    if (sale_is_open(s) && !(s->state == SALE_TOTALLED && sale_is_alone(&s->t)))
        sale_do_total(s, in, out);
    else
        sale_not_now(s, in, out);
}

bool sale_reference_fits(const struct sale_event *in, struct sale_effects *out)
{
    if (!in->ref || strlen(in->ref) < TXN_REF_SIZE)
        return true;
    sale_say(out, SALE_BAD_LINE, tr("A reference has at most %d characters."), TXN_REF_SIZE - 1);
    return false;
}

/* ---- put aside, taken up again ---- */

bool sale_can_park(const struct sale *s)
{
    return sale_is_open(s) && !entry_is(s->intent) && s->t.line_count > 0 && !sale_is_alone(&s->t);
}

void sale_parked(struct txn *out, const struct sale *s, const struct sale_facts *f)
{
    *out = s->t;
    out->kind = TXN_SALE;
    out->id = f->next;
    out->time_s = f->now_s;
    out->member = s->member;
    out->card = s->card;
    out->means = s->means;
    memcpy(out->token, s->token, sizeof out->token);
    sale_text_copy(out->tier, sizeof out->tier, s->tier);
}

void sale_on_park(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    if (!sale_can_park(s)) {
        sale_not_now(s, in, out);
        return;
    }
    sale_init(s);
    sale_say(out, SALE_OK, tr("The bill is put aside as number %d."), in->number);
}

/* The member is known as before, and earns; to redeem they show again what they are known by. */
void sale_on_take_up(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    const struct sale_facts *f = in->facts;
    const struct txn *t = in->txn;
    char sum[PACK_MONEY_SIZE];
    if (!sale_is_idle(s)) {
        sale_not_now(s, in, out);
        return;
    }
    if (!sale_has_pack(f, out))
        return;
    sale_init(s);
    memcpy(s->t.lines, t->lines, sizeof s->t.lines);
    s->t.line_count = t->line_count;
    s->t.total = t->total;
    memcpy(s->t.coupons, t->coupons, sizeof s->t.coupons);
    s->t.coupon_count = t->coupon_count;
    memcpy(s->t.marks, t->marks, sizeof s->t.marks); /* the member was told by them */
    s->t.mark_count = t->mark_count;
    s->means = t->means;
    s->member = t->member;
    s->card = t->card;
    memcpy(s->token, t->token, sizeof s->token);
    if (s->means)
        sale_text_copy(s->tier, sizeof s->tier, pack_get_tier(f->pack, t->tier)->code);
    s->state = s->means ? SALE_IDENTIFIED : SALE_IDLE;
    pack_money_text(sum, f->pack, s->t.total);
    sale_say(out, SALE_OK, tr("Taken up again: %d lines, %s."), s->t.line_count, sum);
}
