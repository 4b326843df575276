/* sale.c - see sale.h: the picture, the invariants, and who does what with the effects.  Here: the step, and how a sale
 * is closed or cancelled.  Read sale_step at the end first.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/sale/sale_inside.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- small helpers ---- */

void sale_text_copy(char *out, size_t size, const char *text)
{
    size_t n = text ? strnlen(text, size - 1) : 0;
    memset(out, 0, size);
    if (n)
        memcpy(out, text, n);
}

bool sale_text_equal(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

bool sale_is_alone(const struct txn *t)
{
    return t->line_count == 1 && strcmp(t->lines[0].sku, SALE_POINTS_SKU) == 0;
}

bool sale_has_member(const struct txn *t)
{
    return t->member != 0 || txn_has_token(t) || uid_is(&t->card);
}

bool sale_is_open(const struct sale *s)
{
    return s->state == SALE_IDLE || s->state == SALE_IDENTIFIED || s->state == SALE_TOTALLED;
}

bool sale_is_quiet(const struct sale *s)
{
    return s->state == SALE_DONE || (sale_is_open(s) && !entry_is(s->intent));
}

uint32_t sale_approver(const struct sale_event *in)
{
    if (in->approved_by)
        return in->approved_by;
    return in->facts->supervisor ? in->facts->cashier : 0;
}

void sale_begin_entry(struct txn *t, const struct sale_facts *f, enum txn_kind kind)
{
    memset(t, 0, sizeof *t);
    t->kind = kind;
    t->id = f->next;
    t->time_s = f->now_s;
    t->cashier = f->cashier;
    sale_text_copy(t->shop, sizeof t->shop, f->shop);
}

void sale_write(struct sale *s, const struct txn *t, struct entry_id closes,
                struct sale_effects *out)
{
    s->before = s->state;
    s->state = SALE_CLOSING;
    s->writing = t;
    out->append = t;
    out->closes = closes;
}

void sale_init(struct sale *s)
{
    memset(s, 0, sizeof *s);
    s->state = SALE_IDLE;
    s->t.kind = TXN_SALE;
}

bool sale_is_idle(const struct sale *s)
{
    return s->state == SALE_DONE ||
           (s->state == SALE_IDLE && s->t.line_count == 0 && s->t.coupon_count == 0 && !entry_is(s->intent));
}

enum sale_want sale_wants(const struct sale *s)
{
    switch (s->state) {
    case SALE_IDLE:
    case SALE_IDENTIFIED:
    case SALE_DONE:
        return SALE_WANT_ANY;
    case SALE_TOTALLED:
        return entry_is(s->intent) && s->fate == COMMIT_DOUBT ? SALE_WANT_SETTLE : SALE_WANT_ANY;
    case SALE_PREPARING:
        return SALE_WANT_DEBIT;
    case SALE_DOUBT:
        return SALE_WANT_SETTLE;
    case SALE_INTENDING:
    case SALE_COMMITTING:
    case SALE_HOLDING:
    case SALE_DEBITED:
    case SALE_CLOSING:
    case SALE_STATES:
        break;
    }
    return SALE_WANT_NONE;
}
/* ---- closing ---- */

void sale_receipt_of(struct sale_receipt *out, const struct txn *t)
{
    memset(out, 0, sizeof *out);
    out->kind = t->kind;
    out->refund = t->kind == TXN_REFUND;
    out->entry = t->id;
    out->time_s = t->time_s;
    out->member = t->member;
    out->known = sale_has_member(t);
    sale_text_copy(out->tier, sizeof out->tier, t->tier);
    out->total = t->total;
    out->by_points = t->redeemed_value;
    if (!money_sub(&out->due, t->total, t->redeemed_value))
        out->due = t->total;
    out->earned = t->points;
    out->redeemed = t->kind == TXN_REFUND ? t->redeemed : txn_redeemed(t);
    out->commit = t->commit;
}

bool sale_same_lines(const struct txn_line *a, int32_t a_count, const struct txn_line *b,
                     int32_t b_count)
{
    if (a_count != b_count)
        return false;
    for (int32_t i = 0; i < a_count; i++)
        if (!sale_text_equal(a[i].sku, b[i].sku) ||
            !sale_text_equal(a[i].category, b[i].category) || a[i].quantity != b[i].quantity ||
            money_cmp(a[i].amount, b[i].amount) != 0)
            return false;
    return true;
}

void sale_say_sale(struct sale_effects *out, const struct pack *pack)
{
    const struct sale_receipt *r = &out->confirm;
    char who[SALE_WHO_SIZE], due[PACK_MONEY_SIZE], entry[ENTRY_TEXT_SIZE];
    pack_money_text(due, pack, r->due);
    entry_text(entry, r->entry);
    if (!r->known) {
        sale_say(out, SALE_OK, tr("Receipt %s: %s paid, no card."), entry, due);
        return;
    }
    static const struct card_uid no_card;
    sale_who_is(who, r->member, &no_card);
    char redeemed[80] = "";
    if (points_n(r->redeemed))
        snprintf(redeemed, sizeof redeemed, tr(" and redeemed %" PRId64), points_n(r->redeemed));
    sale_say(out, SALE_OK, tr("Receipt %s: %s paid, %s earned %" PRId64 " points%s.%s"), entry, due,
             who, points_n(r->earned), redeemed,
             r->commit == COMMIT_DOUBT
                 ? tr(" Whether the card was debited is settled by head office.")
                 : "");
}

void sale_confirm_again(struct sale *s, const struct txn *known, struct sale_effects *out)
{
    sale_init(s);
    sale_receipt_of(&out->confirm, known);
    out->confirm.repeated = true;
    s->last = out->confirm;
    s->state = SALE_DONE;
}

/* Is the bill in hand of whom the entry is of?  Before anybody was identified: yes. */
static bool is_of(const struct sale *s, const struct txn *k)
{
    if (s->means == MEANS_NONE)
        return true;
    if (uid_is(&s->card))
        return uid_equal(&s->card, &k->card);
    return s->member == k->member && memcmp(s->token, k->token, sizeof s->token) == 0;
}

/* The reference is known: the same again gets the first answer, anything else is refused (I2). */
static void on_pay_known(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    const struct txn *k = in->known;
    bool empty = sale_is_idle(s); /* only asked again */
    bool same =
        k->kind == TXN_SALE &&
        (empty || (sale_is_open(s) && !entry_is(s->intent) && is_of(s, k) &&
                   sale_same_lines(s->t.lines, s->t.line_count, k->lines, k->line_count)));
    if (!same) {
        sale_say(out, SALE_CONFLICT,
                 tr("Bill %s was closed before with other contents. Use another reference."),
                 in->ref);
        return;
    }
    sale_confirm_again(s, k, out);
    sale_say_sale(out, in->facts->pack);
}

/* What SALE and INTENT have in common. */
void sale_fill_bill(struct sale *s, const struct sale_facts *f, enum txn_kind kind)
{
    struct txn *t = &s->t;
    t->kind = kind;
    t->id = f->next;
    t->time_s = f->now_s;
    t->member = s->member;
    t->card = s->card;
    sale_text_copy(t->shop, sizeof t->shop, f->shop);
    sale_text_copy(t->tier, sizeof t->tier, s->tier);
    t->pack_version = f->pack->version;
    t->points = s->earning.points;
    t->cashier = f->cashier;
    t->approved_by = s->approved_by;
    t->means = s->means;
    memset(t->token, 0, sizeof t->token);
    if (kind == TXN_SALE && !s->member)
        memcpy(t->token, s->token, sizeof t->token);
}

/* TOTALLED or DEBITED: write the SALE. */
void sale_close(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    const struct sale_facts *f = in->facts;
    struct errmsg why = {""};
    bool debited = s->state == SALE_DEBITED, held = entry_is(s->hold);
    struct money value = debited ? s->wanted_value : money_of(0);
    if (!sale_rate(s, f, value, &why)) {
        sale_say(out, SALE_BAD_LINE, tr("This bill cannot be rated (%s). Cancel it."), why.text);
        return;
    }
    if (!debited)
        s->approved_by = 0;
    sale_fill_bill(s, f, TXN_SALE);
    if (in->ref && *in->ref)
        sale_text_copy(s->t.ref, sizeof s->t.ref, in->ref);
    s->t.original = held ? s->hold : s->intent;
    s->t.commit = entry_is(s->intent) ? s->fate : COMMIT_NONE;
    s->t.redeemed = held || entry_is(s->intent) ? s->wanted : points_of(0);
    s->t.redeemed_value = value;
    memset(s->t.reward, 0, sizeof s->t.reward);
    s->t.piece = s->piece.seq; /* given, or to be let go */
    if (points_n(s->t.redeemed))
        memcpy(s->t.reward, s->wanted_reward, sizeof s->t.reward);
    memset(&s->t.evidence, 0, sizeof s->t.evidence);
    if (debited && !held)
        s->t.evidence = s->evidence; /* I4 */
    sale_write(s, &s->t, s->intent, out);
}

/* Held points are for a sale that is paid soon: later they are somebody's again. */
static bool hold_ran_out(struct sale *s, const struct sale_facts *f, struct sale_effects *out)
{
    if (s->state != SALE_DEBITED || !entry_is(s->hold) || f->now_s < s->hold_until_s)
        return false;
    s->hold = (struct entry_id){0, 0};
    sale_back_to_bill(s, f);
    sale_say(out, SALE_NO_REDEEM,
             tr("The points were set aside too long ago; head office has let them go. Redeem again, "
                "or let the member pay whole."));
    return true;
}

/* How what is due is paid.  False: it does not fit, and said. */
static bool take_tenders(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    struct txn *t = &s->t;
    struct money sum = s->state == SALE_DEBITED ? s->wanted_value : money_of(0);
    bool good = in->tender_count >= 0 && in->tender_count <= TXN_TENDERS_MAX;
    for (int32_t i = 0; i < in->tender_count && good; i++)
        good = in->tenders[i].code[0] && memchr(in->tenders[i].code, 0, sizeof in->tenders[i].code) &&
               money_minor(in->tenders[i].amount) > 0 && money_add(&sum, sum, in->tenders[i].amount);
    if (!good || money_cmp(sum, t->total) > 0) {
        sale_say(out, SALE_BAD_LINE, tr("The ways of paying do not fit: together they pay at most what is due."));
        return false;
    }
    memset(t->tenders, 0, sizeof t->tenders);
    if (in->tender_count)
        memcpy(t->tenders, in->tenders, (size_t)in->tender_count * sizeof t->tenders[0]);
    t->tender_count = in->tender_count;
    return true;
}

static void on_pay(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    if (!sale_reference_fits(in, out))
        return;
    if (in->known) {
        on_pay_known(s, in, out);
        return;
    }
    if ((s->state != SALE_TOTALLED && s->state != SALE_DEBITED) ||
        (s->state == SALE_TOTALLED && sale_is_alone(&s->t))) {
        sale_not_now(s, in, out);
        return;
    }
    if (!sale_has_pack(in->facts, out))
        return;
    if (*s->t.ref && in->ref && *in->ref && !sale_text_equal(in->ref, s->t.ref)) {
        sale_say(out, SALE_CONFLICT, tr("This bill was begun as %s. Pay it with that reference."),
                 s->t.ref);
        return;
    }
    if (!hold_ran_out(s, in->facts, out) && take_tenders(s, in, out))
        sale_close(s, in, out);
}

/* The purchase does not happen after an INTENT, a HOLD or a piece: says so. */
void sale_begin_cancel(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    struct txn *t = &s->other;
    bool held = entry_is(s->hold);
    sale_begin_entry(t, in->facts, TXN_CANCEL);
    t->member = s->member;
    t->card = s->card;
    t->means = s->means;
    t->approved_by = s->approved_by;
    sale_text_copy(t->ref, sizeof t->ref, s->t.ref);
    if (held || entry_is(s->intent)) {
        t->redeemed = s->wanted;
        t->original = held ? s->hold : s->intent;
        t->commit = held ? COMMIT_NONE : s->fate;
        t->piece = s->piece.seq;
    } else {
        t->original = s->piece;
    }
    if (t->commit == COMMIT_DONE)
        t->evidence = s->evidence;
    sale_write(s, t, s->intent, out);
}

static void on_cancel(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    switch (s->state) {
    case SALE_IDLE:
    case SALE_IDENTIFIED:
    case SALE_TOTALLED:
    case SALE_PREPARING:
    case SALE_HOLDING:
    case SALE_DEBITED:
    case SALE_DOUBT:
        break;
    case SALE_DONE: /* nothing is open */
        sale_init(s);
        break;
    case SALE_INTENDING:
    case SALE_COMMITTING:
    case SALE_CLOSING:
    case SALE_STATES:
        sale_not_now(s, in, out);
        return;
    }
    if (s->state == SALE_PREPARING) {
        out->card = SALE_CARD_RELEASE;
        s->state = SALE_TOTALLED;
    }
    if (entry_is(s->intent) || entry_is(s->hold) || entry_is(s->piece)) {
        sale_begin_cancel(s, in, out);
        return;
    }
    sale_init(s); /* nothing was written: nothing is to be taken back */
    sale_say(out, SALE_OK, tr("Cancelled."));
}

/* ---- what the disk says ---- */

static void say_cancelled(struct sale_effects *out, enum txn_commit fate, bool held)
{
    if (held || fate == COMMIT_DONE)
        sale_say(out, SALE_OK,
                 tr("Cancelled. Head office gives the redeemed points back to the member."));
    else if (fate == COMMIT_DOUBT)
        sale_say(out, SALE_OK,
                 tr("Cancelled. If the card was debited, head office gives the points back."));
    else
        sale_say(out, SALE_OK, tr("Cancelled."));
}

static void on_written(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    if (s->state == SALE_INTENDING) {
        s->intent = s->t.id;
        s->fate = COMMIT_DOUBT; /* from here on, until the card has answered */
        s->resumed = false;
        s->evidence = s->t.evidence;
        s->state = SALE_COMMITTING;
        out->card = SALE_CARD_COMMIT;
        return;
    }
    if (s->state != SALE_CLOSING) {
        sale_not_now(s, in, out);
        return;
    }
    enum txn_kind kind = s->writing->kind;
    if (kind == TXN_CANCEL) {
        bool held = entry_is(s->hold);
        enum txn_commit fate = s->fate;
        sale_init(s);
        say_cancelled(out, fate, held);
        return;
    }
    if (kind != TXN_SALE && kind != TXN_REFUND) {
        sale_beside_written(s, in, out);
        return;
    }
    sale_receipt_of(&out->confirm, s->writing);
    s->last = out->confirm;
    s->rated = false;
    s->state = SALE_DONE;
    if (kind == TXN_REFUND)
        sale_say_refund(out, in->facts->pack, s->writing->pack_version != 0);
    else
        sale_say_sale(out, in->facts->pack);
}

static void on_not_written(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    if (s->state == SALE_INTENDING) {
        sale_back_to_bill(s, in->facts);
        out->card = SALE_CARD_RELEASE;
        sale_say(out, SALE_UNSAVED,
                 tr("The journal cannot be written; nothing was taken off the card. See that the "
                    "disk has room and is sound, then redeem again."));
    } else if (s->state == SALE_CLOSING) {
        s->state = s->before;
        sale_say(out, SALE_UNSAVED,
                 tr("The journal cannot be written; nothing is confirmed. See that the disk has "
                    "room and is sound, then try again; the bill stays open."));
    } else {
        sale_not_now(s, in, out);
    }
}

/* ---- the step ---- */

void sale_step(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    assert(in->facts);
    memset(out, 0, sizeof *out);
    switch (in->kind) {
    case SALE_TAP:
        sale_on_tap(s, in, out);
        return;
    case SALE_TAP_REFUSED:
        sale_on_tap_refused(s, in, out);
        return;
    case SALE_WRONG_CARD:
        sale_on_wrong_card(s, in, out);
        return;
    case SALE_KNOWN:
        sale_on_known(s, in, out);
        return;
    case SALE_LINE:
        sale_on_line(s, in, out);
        return;
    case SALE_LINE_OFF:
        sale_on_line_off(s, in, out);
        return;
    case SALE_COUPON:
        sale_on_coupon(s, in, out);
        return;
    case SALE_TOTAL:
        sale_on_total(s, in, out);
        return;
    case SALE_REDEEM:
        sale_on_redeem(s, in, out);
        return;
    case SALE_PAY:
        on_pay(s, in, out);
        return;
    case SALE_WRITTEN:
        on_written(s, in, out);
        return;
    case SALE_NOT_WRITTEN:
        on_not_written(s, in, out);
        return;
    case SALE_CARD_READY:
        sale_on_card_ready(s, in, out);
        return;
    case SALE_CARD_DONE:
        sale_on_card_done(s, in, out);
        return;
    case SALE_CARD_FAILED:
        sale_on_card_failed(s, in, out);
        return;
    case SALE_CARD_LOST:
        sale_on_card_lost(s, in, out);
        return;
    case SALE_SETTLED:
        sale_on_settled(s, in, out);
        return;
    case SALE_HELD:
        sale_on_held(s, in, out);
        return;
    case SALE_HOLD_REFUSED:
        sale_on_hold_refused(s, in, out);
        return;
    case SALE_HOLD_LOST:
        sale_on_hold_lost(s, in, out);
        return;
    case SALE_GIVE_UP:
        sale_on_give_up(s, in, out);
        return;
    case SALE_CANCEL:
        on_cancel(s, in, out);
        return;
    case SALE_REFUND:
        sale_on_refund(s, in, out);
        return;
    case SALE_RESUME:
        sale_on_resume(s, in, out);
        return;
    case SALE_WITNESS:
        sale_on_witness(s, in, out);
        return;
    case SALE_GRANT:
        sale_on_grant(s, in, out);
        return;
    case SALE_JOIN:
        sale_on_join(s, in, out);
        return;
    case SALE_RATE:
        sale_on_rate(s, in, out);
        return;
    case SALE_PARK:
        sale_on_park(s, in, out);
        return;
    case SALE_TAKE_UP:
        sale_on_take_up(s, in, out);
        return;
    case SALE_EVENTS:
        break;
    }
    assert(!"an event that does not exist");
}
