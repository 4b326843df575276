/* nexo_undo.c - refunds and reversals: what is undone is looked up, and is undone once.
 *
 *   nexo_begin_undo -> a rebate, a gift: at once
 *                   -> another till's: head office works it out
 *                   -> [its member named] -> nexo_look -> nexo_refund
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/nexo/nexo_inside.h"

#include "hw/clock.h"

#include <stdio.h>
#include <string.h>

static bool may_undo(const struct nexo *n, enum nexo_loyalty kind)
{
    const struct nexo_request *r = &n->d.r;
    if (r->service == NEXO_REVERSAL)
        return true;
    return (r->loyalty == LOYALTY_AWARD_REFUND && kind == LOYALTY_AWARD) ||
           (r->loyalty == LOYALTY_REDEMPTION_REFUND && kind == LOYALTY_REDEMPTION) ||
           (r->loyalty == LOYALTY_REBATE_REFUND && kind == LOYALTY_REBATE);
}

/* The whole of it, if an amount to be reversed is named at all: in what was moved, or in money. */
static bool is_whole(const struct nexo_request *r, int64_t points, struct money total,
                     int32_t digits)
{
    int64_t unit = 1000000;
    if (!r->reversed_given || r->reversed_micro == points * unit)
        return true;
    for (int32_t i = 0; i < digits; i++)
        unit /= 10;
    return r->reversed_micro == money_minor(total) * unit;
}

/* The body of the reply: what was off before, line by line. */
static json_t *rebate_undone(struct nexo *n, const struct journal_memo *m)
{
    const struct nexo_request *r = &n->d.r;
    struct errmsg why = {""};
    char name[NEXO_ID_SIZE];
    nexo_memo_name(n, name, 0);
    json_t *body = json_pack("{s:o,s:o}", "Response", nexo_response(NEXO_SUCCESS, NULL), "POIData",
                             nexo_poi_data(name, clock_now_s()));
    json_t *sale = nexo_sale_data(r);
    if (sale)
        json_object_set_new(body, "SaleData", sale);
    if (r->service == NEXO_REVERSAL) {
        json_object_set_new(body, "OriginalPOITransaction", nexo_original(r));
        json_object_set_new(body, "ReversedAmount", nexo_money_number(money_of(m->amount), nexo_digits(n)));
        return body;
    }
    json_t *old = nexo_json_read(m->reply, &why);
    json_t *results = json_object_get(json_object_get(old, "LoyaltyResponse"), "LoyaltyResult");
    json_object_del(json_array_get(results, 0), "CurrentBalance"); /* of then */
    if (results)
        json_object_set(body, "LoyaltyResult", results);
    json_decref(old);
    return body;
}

static void undo_rebate(struct nexo *n, uint32_t memo)
{
    struct nexo_dialogue *d = &n->d;
    struct journal_memo m;
    struct errmsg why = {""};
    struct buf b = BUF_ON(n->buffer);
    char what[MEMO_NAME_SIZE];
    enum err e = journal_memo_get(n->t->journal, memo, &m, &b, &why);
    snprintf(what, sizeof what, "ReverseRebate N%u", memo);
    if (e || strcmp(m.door, NEXO_MEMOS) != 0 || strcmp(m.what, "refused") == 0) {
        nexo_fail(n, NEXO_E_NOT_FOUND, "No transaction %s", d->r.original);
    } else if (strcmp(m.what, "Rebate") != 0 || !may_undo(n, LOYALTY_REBATE)) {
        nexo_fail(n, NEXO_E_NOT_ALLOWED, "%s is of another kind", d->r.original);
    } else if (journal_memo_is(n->t->journal, NEXO_MEMOS, what)) {
        nexo_fail(n, NEXO_E_NOT_ALLOWED, "Already undone");
    } else if (!is_whole(&d->r, 0, money_of(m.amount), nexo_digits(n))) {
        nexo_fail(n, NEXO_E_NOT_ALLOWED, "A reversal is of the whole");
    } else {
        snprintf(d->what, sizeof d->what, "%s", what);
        d->amount = m.amount;
        nexo_finish(n, nexo_reply(&d->r, rebate_undone(n, &m)), false);
    }
}

static void undo_grant(struct nexo *n, const struct txn *grant)
{
    struct till *t = n->t;
    struct errmsg why = {""};
    struct buf b = BUF_ON(t->entry);
    if (journal_find_about(t->journal, grant->id, TXN_GRANT, 0, &b, &why) == OK)
        nexo_fail(n, NEXO_E_NOT_ALLOWED, "Already undone");
    else if (!is_whole(&n->d.r, points_n(grant->points), money_of(0), 0))
        nexo_fail(n, NEXO_E_NOT_ALLOWED, "A reversal is of the whole");
    else
        nexo_ask(n, NEXO_DONE,
                 &(struct command){.verb = VERB_GRANT, .receipt = grant->id, .text = "undone"});
}

/* Of another till: head office knows it, and gets what came back. */
static void undo_foreign(struct nexo *n)
{
    struct nexo_dialogue *d = &n->d;
    struct nexo_request *r = &d->r;
    if (!may_undo(n, LOYALTY_AWARD) || !r->total_given || money_minor(r->total) == 0) {
        nexo_fail(n, NEXO_E_NOT_FOUND, "%s is another terminal's: it can be refunded by its amount",
                  r->original);
        return;
    }
    nexo_ask(n, NEXO_DONE,
             &(struct command){
                 .verb = VERB_REFUND, .receipt = d->original, .money = r->total, .ref = d->ref});
}

void nexo_look(struct nexo *n)
{
    nexo_ask(n, NEXO_LOOKED, &(struct command){.verb = VERB_RECEIPT, .receipt = n->d.original});
}

/* Of this till: what was it? */
static void undo_own(struct nexo *n)
{
    struct nexo_dialogue *d = &n->d;
    struct till *t = n->t;
    struct errmsg why = {""};
    struct buf b = BUF_ON(t->entry);
    enum err e = journal_get(t->journal, d->original.seq, &b, &why);
    if (till_read(&t->original, e, &b, &why)) {
        nexo_fail(n, e == ERR_NOT_FOUND ? NEXO_E_NOT_FOUND : NEXO_E_DEVICE_OUT, "No transaction %s",
                  d->r.original);
        return;
    }
    const struct txn *o = &t->original;
    bool redeemed = points_n(o->redeemed) > 0;
    bool mixed = redeemed && money_cmp(o->redeemed_value, o->total) != 0;
    bool award =
        (o->kind == TXN_SALE && !redeemed) || (o->kind == TXN_GRANT && points_n(o->points) > 0);
    d->undoes = award ? LOYALTY_AWARD : LOYALTY_REDEMPTION;
    if ((o->kind != TXN_SALE && !award) || mixed || !may_undo(n, d->undoes)) {
        nexo_fail(n, NEXO_E_NOT_ALLOWED, "%s is of another kind", d->r.original);
    } else if (o->kind == TXN_GRANT) {
        undo_grant(n, o);
    } else if (!is_whole(&d->r, nexo_moved(o), o->total, nexo_digits(n))) {
        nexo_fail(n, NEXO_E_NOT_ALLOWED, "A reversal is of the whole");
    } else if (o->member && uplink_is_up(t)) { /* so that what is left can be told; if not, it is refunded all the same */
        char id[MEMBER_TEXT_SIZE];
        member_text(id, o->member);
        d->named = true;
        nexo_ask(n, NEXO_NAMED,
                 &(struct command){.verb = VERB_IDENTIFY, .means = MEANS_REGISTER, .value = id});
    } else {
        nexo_look(n);
    }
}

void nexo_begin_undo(struct nexo *n)
{
    struct nexo_dialogue *d = &n->d;
    uint32_t memo = nexo_memo_of(n, d->r.original);
    if (memo)
        undo_rebate(n, memo);
    else if (strlen(d->r.original) >= ENTRY_TEXT_SIZE || entry_parse(&d->original, d->r.original) ||
             d->original.terminal == OFFICE_TERMINAL || !entry_is(d->original))
        nexo_fail(n, NEXO_E_NOT_FOUND, "No transaction %s", d->r.original);
    else if (d->original.terminal != n->t->parts.identity->terminal)
        undo_foreign(n);
    else
        undo_own(n);
}

/* The original and what is left of it are before us: all of it, the items named, or an amount. */
void nexo_refund(struct nexo *n)
{
    struct nexo_dialogue *d = &n->d;
    struct till *t = n->t;
    struct nexo_request *r = &d->r;
    struct command c = {.verb = VERB_REFUND, .receipt = d->original, .ref = d->ref};
    struct money left =
        rules_money_left(t->original.lines, t->original.line_count, t->left, t->given, NULL);
    int64_t pieces = 0, sum = 0;
    for (int32_t i = 0; i < t->original.line_count; i++)
        pieces += t->left[i];
    if (pieces == 0 || (money_minor(left) == 0 && money_minor(t->original.total) > 0)) {
        nexo_fail(n, NEXO_E_NOT_ALLOWED, "Already undone");
        return;
    }
    for (int32_t i = 0; i < r->line_count; i++)
        sum += money_minor(r->lines[i].amount);
    bool part = d->undoes == LOYALTY_AWARD && r->service == NEXO_LOYALTY;
    struct rules_return returns[TXN_LINES_MAX];
    int32_t count = 0;
    bool items = part && r->line_count > 0 && (!r->total_given || sum == money_minor(r->total)) &&
                 rules_match_returns(t->original.lines, t->original.line_count, t->left, r->lines,
                                     r->line_count, returns, TXN_LINES_MAX, &count, NULL) == OK;
    struct money amount = r->total_given ? r->total : money_of(sum);
    if (items) {
        c.back = r->lines;
        c.back_count = r->line_count;
    } else if (part && money_minor(amount) > 0 && money_cmp(amount, left) < 0) {
        c.money = amount;
    } else if (part && (r->total_given || r->line_count) && money_minor(amount) == 0) {
        nexo_fail(n, NEXO_E_REFUSAL, "Nothing came back");
        return;
    } else {
        c.all = true;
    }
    nexo_ask(n, NEXO_DONE, &c);
}
