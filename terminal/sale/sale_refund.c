/* sale_refund.c - goods or money that come back: of a sale of this till by its own rules, of another till's for
 * head office to work out.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/sale/sale_inside.h"

#include <inttypes.h>
#include <string.h>

enum err sale_refunded(int32_t *left, struct money *given, const struct txn *original,
                       const struct txn *refund, struct errmsg *why)
{
    struct rules_return returns[TXN_LINES_MAX];
    char entry[ENTRY_TEXT_SIZE];
    int32_t count = 0;
    enum err e = rules_match_returns(original->lines, original->line_count, left, refund->lines,
                                     refund->line_count, returns, TXN_LINES_MAX, &count, why);
    if (!e && refund->line_count == 0 && !money_add(given, *given, refund->total))
        e = err_set(why, ERR_RANGE, "more money came back than there is");
    if (e) {
        entry_text(entry, refund->id);
        return err_add(why, ERR_CORRUPT, "refund %s does not fit its receipt", entry);
    }
    for (int32_t i = 0; i < count; i++)
        left[returns[i].line] -= returns[i].quantity;
    return OK;
}

void sale_say_refund(struct sale_effects *out, const struct pack *pack, bool rated)
{
    const struct sale_receipt *r = &out->confirm;
    char due[PACK_MONEY_SIZE], entry[ENTRY_TEXT_SIZE];
    pack_money_text(due, pack, r->due);
    entry_text(entry, r->entry);
    if (!rated)
        sale_say(out, SALE_OK,
                 tr("Receipt %s: %s taken back. Head office works out the points."), entry, due);
    else
        sale_say(out, SALE_OK,
                 tr("Receipt %s: give back %s; %" PRId64 " points taken back, %" PRId64
                    " redeemed points returned."),
                 entry, due, points_n(r->earned), points_n(r->redeemed));
}

/* ---- what comes back ---- */

static bool of_money(const struct sale_event *in)
{
    return !in->all && in->back_count == 0 && money_minor(in->money) > 0;
}

/* All that is left of a bill, as lines: what of their money has not come back yet. */
static void lines_left(struct txn *t, const struct txn *original, const int32_t *left,
                       struct money given)
{
    struct money rest[TXN_LINES_MAX];
    t->line_count = 0;
    t->total = rules_money_left(original->lines, original->line_count, left, given, rest);
    for (int32_t i = 0; i < original->line_count; i++) {
        if (left[i] <= 0)
            continue;
        t->lines[t->line_count] = original->lines[i];
        t->lines[t->line_count].quantity = left[i];
        t->lines[t->line_count++].amount = rest[i];
    }
}

static bool lines_given(struct txn *t, const struct txn_line *back, int32_t count)
{
    t->line_count = count;
    t->total = money_of(0);
    for (int32_t i = 0; i < count; i++) {
        t->lines[i] = back[i];
        if (back[i].quantity <= 0 || money_minor(back[i].amount) < 0 ||
            !money_add(&t->total, t->total, back[i].amount))
            return false;
    }
    return true;
}

/* Fills the lines and the total of t.  False: refused and said. */
static bool fill_back(struct txn *t, const struct sale_event *in, bool foreign,
                      struct sale_effects *out)
{
    char entry[ENTRY_TEXT_SIZE], most[PACK_MONEY_SIZE];
    entry_text(entry, in->receipt);
    if (of_money(in)) {
        t->total = in->money;
        if (foreign)
            return true;
        struct money left = rules_money_left(in->original->lines, in->original->line_count,
                                             in->left, in->given, NULL);
        if (money_cmp(in->money, left) > 0) {
            pack_money_text(most, in->facts->pack, left);
            sale_say(out, SALE_NOT_SOLD, tr("Of receipt %s only %s can be given back."), entry,
                     most);
            return false;
        }
        return true;
    }
    if (in->all) {
        lines_left(t, in->original, in->left, in->given);
    } else if (!lines_given(t, in->back, in->back_count)) {
        sale_say(out, SALE_BAD_LINE,
                 tr("A line that comes back needs a quantity of 1 or more and an amount of 0 or "
                    "more."));
        return false;
    }
    if (t->line_count == 0) {
        sale_say(out, SALE_NOT_SOLD, tr("Everything on receipt %s came back before."), entry);
        return false;
    }
    return true;
}

/* What comes back takes back, by the rules of the sale; fills t.  False: refused and said. */
static bool rate_refund(struct txn *t, const struct sale_event *in, struct sale_effects *out)
{
    const struct txn *o = in->original;
    struct errmsg why = {""};
    struct rules_return returns[TXN_LINES_MAX];
    int32_t left[TXN_LINES_MAX], count = 0;
    struct clawback claw;
    struct money given = in->given;
    memcpy(left, in->left, (size_t)o->line_count * sizeof left[0]);
    if (rules_match_returns(o->lines, o->line_count, left, t->lines, t->line_count, returns,
                            TXN_LINES_MAX, &count, &why)) {
        sale_say(out, SALE_NOT_SOLD,
                 tr("Not on that receipt, or back already (%s). Look at the receipt again."),
                 why.text);
        return false;
    }
    if (!sale_has_member(o) || !in->pack_then)
        return true;
    struct bill bill = rules_bill(o);
    bill.earned_today = in->earned_before;
    bill.earned_month = in->month_before;
    struct money amount = t->line_count == 0 ? t->total : money_of(0);
    if (rules_clawback(in->pack_then, &bill, txn_redeemed(o), left, &given, returns, count, amount,
                       &claw, &why)) {
        sale_say(out, SALE_NOT_SOLD, tr("This refund does not work out (%s)."), why.text);
        return false;
    }
    t->points = claw.clawed;
    t->redeemed = claw.points_back;
    t->redeemed_value = claw.points_value;
    if (money_cmp(t->redeemed_value, t->total) > 0) /* the register values the goods at less */
        t->redeemed_value = t->total;
    return true;
}

/* ---- may it come back ---- */

static void on_known(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    const struct txn *k = in->known;
    bool same = in->all ||
                (of_money(in) ? k->line_count == 0 && money_cmp(in->money, k->total) == 0
                              : sale_same_lines(in->back, in->back_count, k->lines, k->line_count));
    if (k->kind != TXN_REFUND || !entry_equal(k->original, in->receipt) || !same) {
        sale_say(out, SALE_CONFLICT,
                 tr("Refund %s was made before with other contents. Use another reference."),
                 in->ref);
        return;
    }
    sale_confirm_again(s, k, out);
    sale_say_refund(out, in->facts->pack, k->pack_version != 0);
}

/* Does it name something that can come back?  False: refused and said. */
static bool names_a_sale(const struct sale_event *in, bool foreign, struct sale_effects *out)
{
    char entry[ENTRY_TEXT_SIZE];
    entry_text(entry, in->receipt);
    if (!entry_is(in->receipt)) {
        sale_say(out, SALE_NOT_SOLD,
                 tr("A refund needs the receipt it is about, such as T0007-123."));
        return false;
    }
    if (!foreign && (!in->original || in->original->kind != TXN_SALE)) {
        sale_say(out, SALE_NOT_SOLD, tr("There is no sale with receipt %s at this till."), entry);
        return false;
    }
    if (foreign && in->all) {
        sale_say(out, SALE_NOT_SOLD,
                 tr("Receipt %s is of another till: enter the lines or the money that come back."),
                 entry);
        return false;
    }
    if (!in->all && !of_money(in) && (in->back_count <= 0 || in->back_count > TXN_LINES_MAX)) {
        sale_say(out, SALE_EMPTY, tr("Enter what comes back, or say all."));
        return false;
    }
    return true;
}

static bool may_refund(struct txn *t, const struct sale_event *in, bool foreign,
                       struct sale_effects *out)
{
    const struct sale_facts *f = in->facts;
    char limit[PACK_MONEY_SIZE];
    if (!f->staffed || !(foreign || money_cmp(t->total, f->refund_limit) > 0))
        return true;
    t->approved_by = sale_approver(in);
    if (t->approved_by)
        return true;
    if (foreign)
        sale_say(out, SALE_NEEDS_APPROVAL,
                 tr("A receipt of another till needs a supervisor."));
    else
        sale_say(out, SALE_NEEDS_APPROVAL, tr("To give back more than %s needs a supervisor."),
                 pack_money_text(limit, f->pack, f->refund_limit));
    return false;
}

void sale_on_refund(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    const struct sale_facts *f = in->facts;
    bool foreign = in->receipt.terminal != f->next.terminal;
    if (!sale_is_idle(s) && (s->state != SALE_IDENTIFIED || s->t.line_count)) {
        sale_not_now(s, in, out);
        return;
    }
    if (!sale_reference_fits(in, out))
        return;
    if (in->known) {
        on_known(s, in, out);
        return;
    }
    if (!names_a_sale(in, foreign, out))
        return;
    struct txn *t = &s->other;
    sale_begin_entry(t, f, TXN_REFUND);
    sale_text_copy(t->ref, sizeof t->ref, in->ref);
    t->original = in->receipt;
    if (!fill_back(t, in, foreign, out))
        return;
    if (!foreign) {
        t->member = in->original->member;
        t->card = in->original->card;
        sale_text_copy(t->tier, sizeof t->tier, in->original->tier);
        if (in->pack_then)
            t->pack_version = in->pack_then->version; /* 0: head office works out the points */
        if (!rate_refund(t, in, out))
            return;
    }
    if (may_refund(t, in, foreign, out))
        sale_write(s, t, (struct entry_id){0, 0}, out);
}
