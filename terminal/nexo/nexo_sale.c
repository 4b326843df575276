/* nexo_sale.c - one dialogue with the one sale: who is it, what is asked of the till, what is replied.
 *
 *   nexo_begin -> [card | named] -> known -> acquisition, balance, rebate: reply
 *                                         -> award: line ... total, pay      \
 *                                         -> redemption: redeem [-> settle]   > entry written with its memo: reply
 *                                         -> refund, reversal: look, refund  /
 *
 * The till answers at once or later; nexo_go_on takes the next step either way.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/nexo/nexo_inside.h"

#include "base/tr.h"
#include "hw/clock.h"

#include <stdio.h>
#include <string.h>

void nexo_ask(struct nexo *n, enum nexo_step step, const struct command *c)
{
    struct nexo_dialogue *d = &n->d;
    d->step = step;
    d->answered = false;
    d->waited = false;
    till_ask(n->t, &n->asker, c);
    d->waited = !d->answered;
}

void nexo_answered(struct till *t, struct asker *a, const struct answer *answer)
{
    struct nexo *n = (struct nexo *)a;
    struct nexo_dialogue *d = &n->d;
    (void)t;
    if (!d->on || answer->verb == VERB_CANCEL || answer->verb == VERB_GIVE_UP)
        return; /* an abort: what it ended has its answer */
    d->answered = true;
    d->verb = answer->verb;
    snprintf(d->code, sizeof d->code, "%s", answer->code ? answer->code : "");
    snprintf(d->say, sizeof d->say, "%s", answer->say);
}

int64_t nexo_rest_ms(const struct nexo *n)
{
    int64_t ms = n->d.deadline_ms - clock_tick_ms();
    return ms > 1 ? ms : 1;
}

void nexo_ask_for_card(struct nexo *n, enum nexo_step step, int64_t wait_ms)
{
    n->d.tapped = true;
    nexo_ask(n, step, &(struct command){.verb = VERB_TAP, .wait_ms = wait_ms});
}

/* ---- why not ---- */

/* An offline limit stood in the way, not the points: with head office it may well work. */
static bool limited_offline(const struct nexo *n)
{
    const struct sale *s = &n->t->sale;
    if (s->means == MEANS_CARD &&
        (n->d.wanted > s->purse || n->d.wanted <= points_n(s->offer.most)))
        return false; /* not there at all; or it is not the limit */
    enum redeem_answer limit = s->offer.limit;
    return s->means != MEANS_CARD || limit == REDEEM_OFFLINE_TAP_LIMIT || limit == REDEEM_OFFLINE_DAY_LIMIT ||
           limit == REDEEM_OFFLINE_TOO_LONG || limit == REDEEM_OFFLINE_NEVER;
}

enum nexo_error nexo_error_of_code(const char *code)
{
    static const struct {
        const char *code;
        enum nexo_error e;
    } rows[] = {
        {"TIMEOUT", NEXO_E_CANCEL},
        {"GONE", NEXO_E_CANCEL},
        {"STATE", NEXO_E_CANCEL},
        {"BUSY", NEXO_E_BUSY},
        {"YIELD", NEXO_E_BUSY},
        {"DOUBT", NEXO_E_IN_PROGRESS},
        {"FOREIGN", NEXO_E_INVALID_CARD},
        {"CARD", NEXO_E_INVALID_CARD},
        {"TWO_CARDS", NEXO_E_INVALID_CARD},
        {"PHONE", NEXO_E_INVALID_CARD},
        {"UNBOUND", NEXO_E_INVALID_CARD},
        {"BLOCKED", NEXO_E_INVALID_CARD},
        {"WRONG_CARD", NEXO_E_INVALID_CARD},
        {"BADGE", NEXO_E_INVALID_CARD},
        {"NO_CARD", NEXO_E_NOT_FOUND},
        {"NOT_FOUND", NEXO_E_NOT_FOUND},
        {"LOCKED", NEXO_E_NOT_ALLOWED},
        {"CONFLICT", NEXO_E_NOT_ALLOWED},
        {"REFUSED", NEXO_E_REFUSAL},
        {"NEEDS_APPROVAL", NEXO_E_REFUSAL},
        {"EMPTY", NEXO_E_REFUSAL},
        {"RANGE", NEXO_E_REFUSAL},
        {"FULL", NEXO_E_REFUSAL},
        {"NO_PACK", NEXO_E_UNAVAILABLE_SERVICE},
        {"FORMAT", NEXO_E_UNAVAILABLE_SERVICE},
        {"NO_LINE", NEXO_E_UNREACHABLE_HOST},
        {"NO_ANSWER", NEXO_E_UNREACHABLE_HOST},
        {"NO_DEVICE", NEXO_E_UNAVAILABLE_DEVICE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].code, code) == 0)
            return rows[i].e;
    return NEXO_E_DEVICE_OUT; /* IO, CORRUPT */
}

/* What a word says depends on what was asked, and of whom. */
enum nexo_error nexo_error_of(const struct nexo *n)
{
    const struct nexo_dialogue *d = &n->d;
    if (d->aborted)
        return NEXO_E_ABORTED;
    if (strcmp(d->code, "STATE") == 0 && !d->waited)
        return NEXO_E_BUSY; /* a bill is open; else the cashier cancelled */
    if (strcmp(d->code, "BLOCKED") == 0 && d->verb == VERB_IDENTIFY)
        return NEXO_E_NOT_ALLOWED;
    if (strcmp(d->code, "FORMAT") == 0 && d->verb == VERB_IDENTIFY)
        return NEXO_E_NOT_FOUND;
    bool online = n->t->sale.online && uplink_is_up(n->t);
    if (strcmp(d->code, "REFUSED") == 0 && !online && limited_offline(n))
        return NEXO_E_UNREACHABLE_HOST;
    return nexo_error_of_code(d->code);
}

/* What this dialogue put on the screen goes; the member that a register acquired stays. */
void nexo_clear_up(struct nexo *n)
{
    const struct sale *s = &n->t->sale;
    bool ours = n->d.entered > 0 || n->d.named;
    if (s->state == SALE_HOLDING) /* what head office may have set aside it lets go again */
        till_ask(n->t, &n->quiet, &(struct command){.verb = VERB_GIVE_UP});
    bool open = s->state == SALE_IDENTIFIED || s->state == SALE_TOTALLED || s->state == SALE_IDLE;
    if (ours && open)
        till_ask(n->t, &n->quiet, &(struct command){.verb = VERB_CANCEL});
}

void nexo_give_up(struct nexo *n, enum nexo_error e, const char *why)
{
    const struct sale *s = &n->t->sale;
    if (s->state == SALE_TOTALLED && entry_is(s->intent) && n->d.ref[0] &&
        strcmp(s->t.ref, n->d.ref) == 0) {
        /* The card showed that it was not debited: the INTENT is cancelled, and its memo says why. */
        n->d.refusal = e;
        snprintf(n->d.refusal_why, sizeof n->d.refusal_why, "%s", why);
        till_ask(n->t, &n->asker, &(struct command){.verb = VERB_CANCEL});
    }
    nexo_clear_up(n);
    nexo_fail(n, e, "%s", why);
}

void nexo_fail_as_answered(struct nexo *n)
{
    nexo_give_up(n, nexo_error_of(n), n->d.say);
}

/* ---- the entry is about to be written ---- */

/* Enough of the request to build its reply after a restart. */
static json_t *skeleton(const struct nexo_request *r)
{
    json_t *sale = nexo_sale_data(r);
    json_t *header = nexo_header(r);
    return json_pack("{s:o,s:{s:o,s:{s:s},s:{s:{s:o}}}}", "MessageHeader", header, "LoyaltyRequest",
                     "SaleData", sale ? sale : json_object(), "LoyaltyTransaction",
                     "LoyaltyTransactionType", "Redemption", "LoyaltyData", "LoyaltyAmount",
                     "Value", nexo_json_integer(1));
}

/* The memo that an earlier entry of this dialogue opened. */
static uint32_t open_memo(struct nexo *n)
{
    struct journal_memo m;
    struct errmsg why = {""};
    struct buf b = BUF_ON(n->buffer);
    enum err e =
        journal_memo_find(n->t->journal, NEXO_MEMOS, n->d.r.sale_id, n->d.r.service_id, &m, &b, &why);
    return !e && m.open ? m.id : 0;
}

static json_t *reply_to(struct nexo *n, const struct txn *e)
{
    struct nexo_dialogue *d = &n->d;
    d->balance_known = nexo_balance_after(n, e, &d->balance);
    return nexo_reply_of(n, &d->r, e, d->mode, d->balance_known ? &d->balance : NULL);
}

bool nexo_on_entry(struct till *t, struct asker *a, const struct txn *e, struct journal_memo *memo)
{
    struct nexo *n = (struct nexo *)a;
    struct nexo_dialogue *d = &n->d;
    (void)t;
    if (!d->on || !d->keeps || e->kind == TXN_SETTLE)
        return false;
    if (e->kind == TXN_INTENT || e->kind == TXN_SALE || e->kind == TXN_CANCEL)
        d->memo_id = d->memo_id ? d->memo_id : open_memo(n);
    json_t *response;
    if (e->kind == TXN_INTENT) {
        response = skeleton(&d->r);
    } else if (e->kind == TXN_CANCEL) {
        json_decref(d->reply);
        d->reply = d->refusal
                       ? nexo_refusal(n, d->refusal, d->refusal_why)
                       : nexo_refusal(n, d->aborted ? NEXO_E_ABORTED : NEXO_E_CANCEL, "Given up");
        d->kept = true;
        response = json_incref(d->reply);
    } else {
        json_decref(d->reply);
        d->reply = reply_to(n, e);
        response = json_incref(d->reply);
    }
    bool good =
        nexo_fill_memo(n, memo, e->kind == TXN_INTENT ? "Redemption" : nexo_what_of(e), response);
    memo->time_s = e->time_s;
    memo->amount = e->kind == TXN_CANCEL ? 0 : nexo_moved(e);
    memo->open = e->kind == TXN_INTENT;
    json_decref(response);
    return good && !d->training;
}

/* ---- award ---- */

static void pay(struct nexo *n)
{
    nexo_ask(n, NEXO_DONE, &(struct command){.verb = VERB_PAY,
                                             .ref = n->d.ref,
                                             .tenders = n->d.r.tenders,
                                             .tender_count = n->d.r.tender_count});
}

/* The next line of the bill, or its total. */
static void enter(struct nexo *n)
{
    struct nexo_dialogue *d = &n->d;
    struct nexo_request *r = &d->r;
    if (d->coupons < r->coupon_count) {
        d->coupons++;
        nexo_ask(n, NEXO_ENTERED, &(struct command){.verb = VERB_COUPON, .value = r->coupons[d->coupons - 1]});
    } else if (r->line_count == 0 && d->entered == 0) {
        struct txn_line total = {.sku = "TOTAL", .quantity = 1, .amount = r->total};
        d->entered = 1;
        nexo_ask(n, NEXO_ENTERED, &(struct command){.verb = VERB_LINE, .line = &total});
    } else if (d->entered < r->line_count) {
        d->entered++;
        nexo_ask(n, NEXO_ENTERED,
                 &(struct command){.verb = VERB_LINE, .line = &r->lines[d->entered - 1]});
    } else {
        nexo_ask(n, NEXO_CLOSED, &(struct command){.verb = VERB_TOTAL});
    }
}

static void begin_award(struct nexo *n)
{
    struct nexo_dialogue *d = &n->d;
    if (d->r.amount.given) {
        char reason[TXN_REASON_SIZE];
        const struct pack *pack = n->t->packs.in_effect;
        if (!pack || !pack->register_grants) {
            nexo_give_up(n, NEXO_E_REFUSAL, "The programme decides how many points a purchase earns");
            return;
        }
        snprintf(reason, sizeof reason, "cash register %.40s", d->r.sale_id);
        nexo_ask(n, NEXO_DONE,
                 &(struct command){.verb = VERB_GRANT, .points = d->r.amount.points, .text = reason});
        return;
    }
    if (!nexo_fit_total(&d->r)) {
        nexo_give_up(n, NEXO_E_REFUSAL, "The items do not add up");
        return;
    }
    enter(n);
}

/* ---- redemption ---- */

/* Points of which no more is worth than the money wanted; 0: there are none such. */
static struct points points_within(const struct pack *pack, struct money money)
{
    int64_t n, step = points_n(pack->redeem_step);
    if (pack->worth.num == 0 ||
        !ratio_floor(&n, money_minor(money), pack->worth.den, pack->worth.num))
        return points_of(0);
    return points_of(n / step * step);
}

static void redeem(struct nexo *n)
{
    struct nexo_dialogue *d = &n->d;
    const struct pack *pack = n->t->packs.in_effect;
    const struct pack_reward *reward = *d->r.reward && pack ? pack_find_reward(pack, d->r.reward) : NULL;
    struct points points = d->r.amount.points;
    if (*d->r.reward && !reward) {
        nexo_give_up(n, NEXO_E_REFUSAL, "This reward is not on offer");
        return;
    }
    if (reward && reward->kind != REWARD_SLIDING) /* of one with steps the points may say which */
        points = rules_reward_price(pack, reward, 0, n->t->sale.tier);
    else if (!reward && d->r.amount.monetary)
        points = pack ? points_within(pack, d->r.amount.money) : points_of(0);
    if (!reward && points_n(points) <= 0) {
        nexo_give_up(n, NEXO_E_REFUSAL, "No points are worth that little");
        return;
    }
    d->wanted = points_n(points);
    nexo_ask(n, NEXO_DONE, &(struct command){.verb = VERB_REDEEM,
                                             .reward = d->r.reward,
                                             .points = points,
                                             .alone = true,
                                             .ref = d->ref,
                                             .wait_ms = nexo_rest_ms(n)});
}

/* The till stopped, or the card left, around the card's commit: the same card says what became of it. */
static void settle(struct nexo *n)
{
    nexo_ask_for_card(n, NEXO_SETTLED, nexo_rest_ms(n));
}

/* The repeated request of a redemption that stopped in the middle. */
static void resume(struct nexo *n)
{
    struct nexo_dialogue *d = &n->d;
    struct till *t = n->t;
    struct journal_memo m;
    struct errmsg why = {""};
    struct buf b = BUF_ON(n->buffer), entry = BUF_ON(t->entry);
    enum err e = journal_memo_get(t->journal, d->memo_id, &m, &b, &why);
    if (!e)
        e = journal_get(t->journal, m.entry.seq, &entry, &why);
    e = till_read(&t->original, e, &entry, &why);
    if (e || strcmp(t->original.ref, t->sale.t.ref) != 0 || !*t->sale.t.ref) {
        nexo_fail(n, NEXO_E_IN_PROGRESS, "Tap the card of this redemption again");
        return;
    }
    snprintf(d->ref, sizeof d->ref, "%s", t->original.ref);
    if (sale_wants(&t->sale) == SALE_WANT_SETTLE)
        settle(n);
    else if (t->sale.state == SALE_TOTALLED)
        redeem(n);
    else
        nexo_fail(n, NEXO_E_IN_PROGRESS, "%s", "");
}

/* ---- rebate ---- */

static json_t *item_rebates(const struct nexo *n, const struct nexo_request *r)
{
    const struct pack *pack = n->t->packs.in_effect;
    json_t *list = json_array();
    for (int32_t i = 0; i < r->line_count; i++) {
        if (money_minor(n->rebate.of_line[i]) == 0)
            continue;
        json_t *one = json_object();
        json_object_set_new(one, "ItemID",
                            r->items[i].id ? json_deep_copy(r->items[i].id)
                                           : nexo_json_integer(i + 1));
        json_object_set_new(
            one, "ProductCode",
            nexo_json_string(r->items[i].code ? r->items[i].code : r->lines[i].sku));
        json_object_set_new(one, "ItemAmount",
                            nexo_money_number(n->rebate.of_line[i], nexo_digits(n)));
        if (n->rebate.by[i] >= 0 && n->rebate.by[i] < pack->rebate_count)
            json_object_set_new(one, "RebateLabel",
                                json_string(pack->rebates[n->rebate.by[i]].name));
        json_array_append_new(list, one);
    }
    return list;
}

static void finish_rebate(struct nexo *n)
{
    struct nexo_dialogue *d = &n->d;
    struct till *t = n->t;
    struct errmsg why = {""};
    const struct pack *pack = t->packs.in_effect;
    if (!pack || !nexo_fit_total(&d->r)) {
        nexo_give_up(n, pack ? NEXO_E_REFUSAL : NEXO_E_UNAVAILABLE_SERVICE, "The items do not add up");
        return;
    }
    struct bill bill = {.lines = d->r.lines,
                        .line_count = d->r.line_count,
                        .time_s = clock_now_s(),
                        .shop = t->parts.identity->shop,
                        .tier = t->sale.tier};
    if (rules_rebate(pack, &bill, &n->rebate, &why)) {
        nexo_give_up(n, NEXO_E_REFUSAL, why.text);
        return;
    }
    struct nexo_form form = {0};
    char name[NEXO_ID_SIZE];
    int64_t balance = 0;
    nexo_memo_name(n, name, 0);
    nexo_form_add(&form, "online", uplink_is_up(t) ? "true" : "false");
    /* TotalRebate is what is off the total besides that of the lines; a pack has no such rebates. */
    json_t *rebates = json_pack("{s:o,s:o}", "TotalRebate", nexo_json_integer(0), "SaleItemRebate",
                                item_rebates(n, &d->r));
    json_t *result =
        json_pack("{s:o,s:o}", "LoyaltyAccount", nexo_account_of(n, t->sale.member, t->sale.means, d->mode),
                  "Rebates", rebates);
    if (nexo_balance_now(n, &balance))
        json_object_set_new(result, "CurrentBalance", nexo_json_integer(balance < 0 ? 0 : balance));
    json_t *response = nexo_reply(
        &d->r, json_pack("{s:o,s:o,s:o,s:[o]}", "Response", nexo_response(NEXO_SUCCESS, &form),
                         "SaleData", nexo_sale_data(&d->r), "POIData",
                         nexo_poi_data(name, clock_now_s()), "LoyaltyResult", result));
    snprintf(d->what, sizeof d->what, "Rebate");
    d->amount = money_minor(n->rebate.total);
    nexo_clear_up(n);
    nexo_finish(n, response, false);
}

/* ---- enrolment ---- */

static void begin_admin(struct nexo *n)
{
    if (strcmp(n->d.r.identification, "Enrol,v1") != 0)
        nexo_fail(n, NEXO_E_UNAVAILABLE_SERVICE, "Offered: Enrol,v1");
    else
        nexo_ask_for_card(n, NEXO_CARD, nexo_rest_ms(n));
}

static void enrol(struct nexo *n)
{
    struct nexo_dialogue *d = &n->d;
    if (strcmp(d->code, "UNBOUND") == 0)
        nexo_ask(n, NEXO_DONE, &(struct command){.verb = VERB_JOIN});
    else if (!*d->code)
        nexo_fail(n, NEXO_E_NOT_ALLOWED, "This card is a member's already");
    else
        nexo_fail_as_answered(n);
}

/* ---- step by step ---- */

void nexo_known(struct nexo *n)
{
    struct nexo_dialogue *d = &n->d;
    d->step = NEXO_KNOWN;
    if (d->r.service == NEXO_BALANCE_INQUIRY)
        nexo_finish_balance(n);
    else if (d->r.loyalty == LOYALTY_AWARD)
        begin_award(n);
    else if (d->r.loyalty == LOYALTY_REDEMPTION)
        redeem(n);
    else
        finish_rebate(n);
}

static void card_came(struct nexo *n)
{
    struct nexo_dialogue *d = &n->d;
    if (d->r.service == NEXO_CARD_ACQUISITION)
        nexo_acquired(n);
    else if (d->r.service == NEXO_ADMIN)
        enrol(n);
    else if (*d->code)
        nexo_fail_as_answered(n);
    else if (d->member && n->t->sale.member != d->member) {
        d->named = true;
        nexo_give_up(n, NEXO_E_INVALID_CARD, "This is another member's card");
    } else {
        nexo_known(n);
    }
}

/* The verb that writes the entry was answered. */
static void done(struct nexo *n)
{
    struct nexo_dialogue *d = &n->d;
    bool redeems = d->verb == VERB_REDEEM;
    if (!*d->code && !d->reply && n->t->training &&
        n->t->sale.writing) /* as if it had been written */
        d->reply = reply_to(n, n->t->sale.writing);
    const struct sale *s = &n->t->sale;
    if (!*d->code && s->means == MEANS_CARD && s->member == n->acquired.member)
        n->acquired.seen.purse = s->purse;
    if (!*d->code && d->balance_known && s->member == n->acquired.member)
        n->acquired.total = d->balance;
    if (!*d->code && d->reply && !d->kept) {
        json_t *response = d->reply;
        d->reply = NULL;
        d->entered = 0;
        d->named = false;
        nexo_finish(n, response, true);
    } else if (!*d->code) {
        nexo_fail(n, NEXO_E_DEVICE_OUT, "%s", d->say); /* done, but nothing was written */
    } else if (redeems && strcmp(d->code, "DOUBT") == 0) {
        settle(n);
    } else if (redeems && !d->aborted && nexo_rest_ms(n) > 1 &&
               (strcmp(d->code, "GONE") == 0 || strcmp(d->code, "NO_ANSWER") == 0)) {
        redeem(n);
    } else if (redeems && strcmp(d->code, "NEEDS_APPROVAL") == 0 && !d->tapped && n->t->reader) {
        nexo_ask_for_card(n, NEXO_CARD, nexo_rest_ms(n));
    } else {
        nexo_fail_as_answered(n);
    }
}

/* The card of a redemption in doubt came again, or did not. */
static void settled(struct nexo *n)
{
    struct nexo_dialogue *d = &n->d;
    if (!*d->code && !d->reply && n->t->sale.state == SALE_TOTALLED)
        redeem(n); /* it was not debited */
    else if (strcmp(d->code, "WRONG_CARD") == 0 && nexo_rest_ms(n) > 1)
        settle(n);
    else if (*d->code && !d->aborted)
        nexo_fail(n, NEXO_E_IN_PROGRESS, "%s", d->say);
    else
        done(n);
}

void nexo_go_on(struct nexo *n)
{
    struct nexo_dialogue *d = &n->d;
    while (d->on && d->answered) {
        d->answered = false;
        switch (d->step) {
        case NEXO_CARD:
            card_came(n);
            break;
        case NEXO_NAMED:
            if (entry_is(d->original) && !d->aborted)
                nexo_look(n);
            else if (*d->code)
                nexo_fail_as_answered(n);
            else
                nexo_known(n);
            break;
        case NEXO_ENTERED:
        case NEXO_CLOSED:
            if (*d->code)
                nexo_fail_as_answered(n);
            else if (d->step == NEXO_ENTERED)
                enter(n);
            else
                pay(n);
            break;
        case NEXO_LOOKED:
            if (*d->code)
                nexo_fail_as_answered(n);
            else
                nexo_refund(n);
            break;
        case NEXO_SETTLED:
            settled(n);
            break;
        case NEXO_DONE:
            done(n);
            break;
        case NEXO_KNOWN:
        case NEXO_PERSON:
            break;
        }
    }
}

static void begin(struct nexo *n)
{
    const struct nexo_request *r = &n->d.r;
    if (n->d.memo_id) {
        resume(n);
        return;
    }
    if (r->service == NEXO_CARD_ACQUISITION)
        nexo_begin_acquisition(n);
    else if (r->service == NEXO_ADMIN)
        begin_admin(n);
    else if (r->service == NEXO_INPUT)
        nexo_begin_input(n);
    else if (r->service == NEXO_REVERSAL ||
             (r->service == NEXO_LOYALTY && r->loyalty >= LOYALTY_AWARD_REFUND))
        nexo_begin_undo(n);
    else if (nexo_resolve(n))
        nexo_find_member(n);
}

void nexo_begin(struct nexo *n)
{
    begin(n);
    nexo_go_on(n);
}
