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

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ALLOWED_WAIT_MS = 1500, /* LoyaltyHandling Allowed: a card that lies there, nobody is asked */
    ACQUIRED_MS = 60 * 60 * 1000, /* an acquired card earns under its reference for that long */
};

static void ask(struct nexo *n, enum nexo_step step, const struct command *c)
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

static int64_t rest_ms(const struct nexo *n)
{
    int64_t ms = n->d.deadline_ms - clock_tick_ms();
    return ms > 1 ? ms : 1;
}

static void ask_for_card(struct nexo *n, enum nexo_step step, int64_t wait_ms)
{
    n->d.tapped = true;
    ask(n, step, &(struct command){.verb = VERB_TAP, .wait_ms = wait_ms});
}

/* ---- why not ---- */

/* An offline limit stood in the way, not the points: with head office it may well work. */
static bool limited_offline(const struct nexo *n)
{
    const struct sale *s = &n->t->sale;
    if (s->means == MEANS_CARD &&
        (n->d.wanted > s->purse || n->d.wanted <= points_n(s->offer.most)))
        return false; /* not there at all; or it is not the limit */
    switch (n->t->sale.offer.limit) {
    case REDEEM_OFFLINE_TAP_LIMIT:
    case REDEEM_OFFLINE_DAY_LIMIT:
    case REDEEM_OFFLINE_TOO_LONG:
    case REDEEM_OFFLINE_NEVER:
        return true;
    case REDEEM_OK:
    case REDEEM_NOTHING_HELD:
    case REDEEM_BELOW_MINIMUM:
    case REDEEM_NOT_A_STEP:
    case REDEEM_ABOVE_BILL_SHARE:
    case REDEEM_ABOVE_PURSE:
    case REDEEM_CARD_BLOCKED:
    case REDEEM_NOT_OFFERED:
    case REDEEM_NO_REWARD:
    case REDEEM_REWARD_DAY:
    case REDEEM_REWARD_TIER:
    case REDEEM_REWARD_COUNTED:
    case REDEEM_REWARD_ITEM:
    case REDEEM_REWARD_NOTHING:
    case REDEEM_ANSWERS:
        break;
    }
    return s->means != MEANS_CARD;
}

static enum nexo_error error_of(const struct nexo *n)
{
    static const struct {
        const char *code;
        enum nexo_error e;
    } rows[] = {
        {"TIMEOUT", NEXO_E_CANCEL},
        {"GONE", NEXO_E_CANCEL},
        {"BUSY", NEXO_E_BUSY},
        {"YIELD", NEXO_E_BUSY},
        {"DOUBT", NEXO_E_IN_PROGRESS},
        {"FOREIGN", NEXO_E_INVALID_CARD},
        {"CARD", NEXO_E_INVALID_CARD},
        {"UNBOUND", NEXO_E_INVALID_CARD},
        {"BLOCKED", NEXO_E_INVALID_CARD},
        {"WRONG_CARD", NEXO_E_INVALID_CARD},
        {"NO_CARD", NEXO_E_NOT_FOUND},
        {"NEEDS_APPROVAL", NEXO_E_REFUSAL},
        {"LOCKED", NEXO_E_NOT_ALLOWED},
        {"CONFLICT", NEXO_E_NOT_ALLOWED},
        {"NOT_FOUND", NEXO_E_NOT_FOUND},
        {"EMPTY", NEXO_E_REFUSAL},
        {"RANGE", NEXO_E_REFUSAL},
        {"FULL", NEXO_E_REFUSAL},
        {"NO_PACK", NEXO_E_UNAVAILABLE_SERVICE},
        {"FORMAT", NEXO_E_UNAVAILABLE_SERVICE},
        {"NO_LINE", NEXO_E_UNREACHABLE_HOST},
        {"NO_ANSWER", NEXO_E_UNREACHABLE_HOST},
        {"NO_DEVICE", NEXO_E_UNAVAILABLE_DEVICE},
        {"BADGE", NEXO_E_INVALID_CARD},
    };
    const struct nexo_dialogue *d = &n->d;
    if (d->aborted)
        return NEXO_E_ABORTED;
    if (strcmp(d->code, "STATE") == 0)
        return d->waited ? NEXO_E_CANCEL
                         : NEXO_E_BUSY; /* the cashier cancelled; or a bill is open */
    if (strcmp(d->code, "BLOCKED") == 0 && d->verb == VERB_IDENTIFY)
        return NEXO_E_NOT_ALLOWED;
    if (strcmp(d->code, "FORMAT") == 0 && d->verb == VERB_IDENTIFY)
        return NEXO_E_NOT_FOUND;
    if (strcmp(d->code, "REFUSED") == 0) {
        bool online = n->t->sale.online && uplink_is_up(n->t);
        return !online && limited_offline(n) ? NEXO_E_UNREACHABLE_HOST : NEXO_E_REFUSAL;
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].code, d->code) == 0)
            return rows[i].e;
    return NEXO_E_DEVICE_OUT;
}

/* What this dialogue put on the screen goes; the member that a register acquired stays. */
static void clear_up(struct nexo *n)
{
    const struct sale *s = &n->t->sale;
    bool ours = n->d.entered > 0 || n->d.named;
    if (s->state == SALE_HOLDING) /* what head office may have set aside it lets go again */
        till_ask(n->t, &n->quiet, &(struct command){.verb = VERB_GIVE_UP});
    bool open = s->state == SALE_IDENTIFIED || s->state == SALE_TOTALLED || s->state == SALE_IDLE;
    if (ours && open)
        till_ask(n->t, &n->quiet, &(struct command){.verb = VERB_CANCEL});
}

static void give_up(struct nexo *n, enum nexo_error e, const char *why)
{
    const struct sale *s = &n->t->sale;
    if (s->state == SALE_TOTALLED && entry_is(s->intent) && n->d.ref[0] &&
        strcmp(s->t.ref, n->d.ref) == 0) {
        /* The card showed that it was not debited: the INTENT is cancelled, and its memo says why. */
        n->d.refusal = e;
        snprintf(n->d.refusal_why, sizeof n->d.refusal_why, "%s", why);
        till_ask(n->t, &n->asker, &(struct command){.verb = VERB_CANCEL});
    }
    clear_up(n);
    nexo_fail(n, e, "%s", why);
}

static void fail_as_answered(struct nexo *n)
{
    give_up(n, error_of(n), n->d.say);
}

/* ---- the parts of a reply ---- */

static const char *mode_of(enum txn_means means)
{
    switch (means) {
    case MEANS_CARD:
    case MEANS_SUN:
    case MEANS_TAG:
    case MEANS_UID:
        return "Contactless";
    case MEANS_PASS:
        return "Mobile";
    case MEANS_CODE:
        return "Scanned";
    case MEANS_NONE:
    case MEANS_PHONE:
    case MEANS_REGISTER:
        break;
    }
    return "Keyed";
}

static json_t *account(const struct nexo *n, member_id member, enum txn_means means,
                       const char *mode)
{
    char id[MEMBER_TEXT_SIZE] = "unknown";
    json_t *word = json_string(mode && *mode ? mode : mode_of(means));
    if (member)
        member_text(id, member);
    bool card =
        means == MEANS_CARD || means == MEANS_SUN || means == MEANS_TAG || means == MEANS_UID;
    json_t *out = nexo_account(id, word, card ? "LoyaltyCard" : "NoCard", nexo_brand(n));
    json_decref(word);
    return out;
}

/* What this member has, as far as is known here; false: it is not. */
static bool balance_now(struct nexo *n, int64_t *out)
{
    struct till *t = n->t;
    const struct sale *s = &t->sale;
    struct points pending = journal_pending(t->journal, &s->card, s->member);
    if (s->means == MEANS_NONE)
        return false;
    if (s->means == MEANS_CARD)
        *out = s->purse + (s->online ? points_n(t->facts.held) : 0) + points_n(pending);
    else if (s->online)
        *out = points_n(t->facts.held) + points_n(pending) +
               (t->tap.known ? points_n(t->tap.told.purse) : 0);
    else
        return false;
    return true;
}

/* After this entry, which is being written. */
static bool balance_after(struct nexo *n, const struct txn *e, int64_t *out)
{
    const struct sale *s = &n->t->sale;
    bool known = e->id.seq == journal_next_seq(n->t->journal); /* else it was counted long ago */
    if (!known || (e->member != s->member && !uid_equal(&e->card, &s->card)) ||
        !balance_now(n, out))
        return false;
    if (e->kind == TXN_SALE && s->means != MEANS_CARD)
        *out -= points_n(e->redeemed);
    if (e->kind == TXN_REFUND)
        *out += points_n(e->redeemed) - points_n(e->points);
    else
        *out += points_n(e->points);
    return true;
}

static json_t *poi_data(const char *id, int64_t time_s)
{
    char time[40];
    return json_pack("{s:o}", "POITransactionID", nexo_transaction_id(id, nexo_time(time, time_s)));
}

static json_t *receipt_lines(const struct nexo *n, const struct txn *e, bool known, int64_t balance)
{
    char text[NEXO_RECEIPT_LINES_MAX][160], money[PACK_MONEY_SIZE], entry[ENTRY_TEXT_SIZE];
    const char *lines[NEXO_RECEIPT_LINES_MAX];
    int count = 0;
    int64_t redeemed = points_n(e->redeemed), points = points_n(e->points);
    entry_text(entry, e->id);
    pack_money_text(money, n->t->packs.in_effect, e->redeemed_value);
    if (e->kind == TXN_SALE && redeemed)
        snprintf(text[count++], sizeof text[0], tr("Points redeemed: %" PRId64 " for %s"), redeemed,
                 money);
    if (e->kind == TXN_REFUND && redeemed)
        snprintf(text[count++], sizeof text[0], tr("Points given back: %" PRId64), redeemed);
    if (e->kind == TXN_REFUND && !redeemed)
        snprintf(text[count++], sizeof text[0], tr("Points taken back: %" PRId64), points);
    if (e->kind == TXN_SALE && !redeemed)
        snprintf(text[count++], sizeof text[0], tr("Points for this purchase: %" PRId64), points);
    if (e->kind == TXN_GRANT)
        snprintf(text[count++], sizeof text[0],
                 points < 0 ? tr("Points taken back: %" PRId64) : tr("Points given: %" PRId64),
                 points < 0 ? -points : points);
    if (known)
        snprintf(text[count++], sizeof text[0], tr("Your points: %" PRId64), balance);
    snprintf(text[count++], sizeof text[0], tr("Receipt %s"), entry);
    for (int i = 0; i < count; i++)
        lines[i] = text[i];
    return nexo_receipt(lines, count);
}

/* How many points moved, whichever way. */
static int64_t moved(const struct txn *e)
{
    int64_t n = points_n(e->redeemed) ? points_n(e->redeemed) : points_n(e->points);
    return n < 0 ? -n : n;
}

const char *nexo_what_of(const struct txn *e)
{
    bool redeemed = points_n(e->redeemed) != 0;
    if (e->kind == TXN_SALE)
        return redeemed ? "Redemption" : "Award";
    if (e->kind == TXN_REFUND)
        return redeemed ? "ReverseRedemption" : "ReverseAward";
    if (e->kind == TXN_GRANT)
        return points_n(e->points) < 0 ? "ReverseAward" : "Award";
    return e->kind == TXN_JOIN ? "Admin" : "refused";
}

static void say_moved(struct nexo_form *form, const struct txn *e)
{
    if (e->kind == TXN_SALE && points_n(e->redeemed))
        nexo_form_add_int(form, "pointsRedeemed", points_n(e->redeemed));
    else if (e->kind == TXN_SALE || (e->kind == TXN_GRANT && points_n(e->points) > 0))
        nexo_form_add_int(form, "pointsAwarded", points_n(e->points));
    else if (points_n(e->redeemed))
        nexo_form_add_int(form, "pointsRedeemed", -points_n(e->redeemed));
    else
        nexo_form_add_int(form, "pointsAwarded", -moved(e));
}

static json_t *rebates_of(const struct nexo *n, const struct txn *e)
{
    char label[64];
    snprintf(label, sizeof label, tr("%" PRId64 " points"), points_n(e->redeemed));
    return json_pack("{s:o,s:s}", "TotalRebate",
                     nexo_money_number(e->redeemed_value, nexo_digits(n)), "RebateLabel", label);
}

json_t *nexo_reply_of(struct nexo *n, const struct nexo_request *r, const struct txn *e,
                      const char *mode)
{
    struct nexo_form form = {0};
    char name[ENTRY_TEXT_SIZE];
    int64_t balance = 0;
    bool known = balance_after(n, e, &balance);
    n->d.balance_known = known;
    n->d.balance = balance;
    entry_text(name, e->id);
    if (e->kind == TXN_JOIN) {
        nexo_form_add(&form, "transaction", name);
        nexo_form_add(&form, "online", uplink_is_up(n->t) ? "true" : "false");
        return nexo_reply(r, json_pack("{s:o}", "Response", nexo_response(NEXO_SUCCESS, &form)));
    }
    say_moved(&form, e);
    if (known)
        nexo_form_add_int(&form, "balance", balance);
    nexo_form_add(&form, "online", uplink_is_up(n->t) ? "true" : "false");
    json_t *body = json_pack("{s:o}", "Response", nexo_response(NEXO_SUCCESS, &form));
    json_t *sale = nexo_sale_data(r);
    if (sale)
        json_object_set_new(body, "SaleData", sale);
    json_object_set_new(body, "POIData", poi_data(name, e->time_s));
    json_t *result = json_pack("{s:o,s:o}", "LoyaltyAccount", account(n, e->member, e->means, mode),
                               "LoyaltyAmount", nexo_points_amount(points_of(moved(e))));
    if (known)
        json_object_set_new(result, "CurrentBalance", nexo_json_integer(balance < 0 ? 0 : balance));
    if (e->kind == TXN_SALE && points_n(e->redeemed))
        json_object_set_new(result, "Rebates", rebates_of(n, e));
    if (r->service == NEXO_REVERSAL) {
        json_decref(result);
        json_object_set_new(body, "OriginalPOITransaction", nexo_original(r));
        json_object_set_new(body, "ReversedAmount", nexo_json_integer(moved(e)));
    } else {
        json_object_set_new(body, "LoyaltyResult", json_pack("[o]", result));
    }
    json_object_set_new(body, "PaymentReceipt", receipt_lines(n, e, known, balance));
    return nexo_reply(r, body);
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
        d->reply = nexo_reply_of(n, &d->r, e, d->mode);
        response = json_incref(d->reply);
    }
    bool good =
        nexo_fill_memo(n, memo, e->kind == TXN_INTENT ? "Redemption" : nexo_what_of(e), response);
    memo->time_s = e->time_s;
    memo->amount = e->kind == TXN_CANCEL ? 0 : moved(e);
    memo->open = e->kind == TXN_INTENT;
    json_decref(response);
    return good && !d->training;
}

/* ---- who is it ---- */

/* "M12", or "M-12" as others write it. */
static bool member_of(member_id *out, const char *text)
{
    char plain[MEMBER_TEXT_SIZE];
    if (text[0] == 'M' && text[1] == '-') {
        snprintf(plain, sizeof plain, "M%.20s", text + 2);
        text = plain;
    }
    return strlen(text) < MEMBER_TEXT_SIZE && member_parse(out, text) == OK && *out != 0;
}

static void keep_mode(struct nexo_dialogue *d, const json_t *mode)
{
    const char *s = nexo_json_string_text(json_is_array(mode) ? json_array_get(mode, 0) : mode);
    if (s)
        snprintf(d->mode, sizeof d->mode, "%s", s);
}

/* Whom the reference to an acquisition names; false: answered. */
static bool resolve_reference(struct nexo *n)
{
    struct nexo_dialogue *d = &n->d;
    struct journal_memo m;
    struct errmsg why = {""};
    struct buf b = BUF_ON(n->buffer);
    uint32_t id = nexo_memo_of(n, d->r.who.reference);
    if (d->training && n->acquired.memo == 0 && n->acquired.member) { /* nothing was kept */
        d->member = n->acquired.member;
        d->means = MEANS_REGISTER;
        member_text(d->value, d->member);
        return true;
    }
    if (!id || journal_memo_get(n->t->journal, id, &m, &b, &why) ||
        strcmp(m.what, "CardAcquisition") != 0) {
        nexo_fail(n, NEXO_E_NOT_FOUND, "No card was acquired as %s", d->r.who.reference);
        return false;
    }
    json_t *old = nexo_json_read(m.reply, &why);
    json_t *first = json_array_get(
        json_object_get(json_object_get(old, "CardAcquisitionResponse"), "LoyaltyAccount"), 0);
    json_t *account_id = json_object_get(first, "LoyaltyAccountID");
    const char *name = nexo_json_string_text(json_object_get(account_id, "LoyaltyID"));
    bool known = name && member_of(&d->member, name);
    keep_mode(d, json_object_get(account_id, "EntryMode"));
    json_decref(old);
    bool here = n->acquired.memo == id && clock_tick_ms() < n->acquired.until_ms;
    if (known || (name && here)) {
        d->means = MEANS_REGISTER;
        if (known)
            member_text(d->value, d->member);
        return true;
    }
    nexo_fail(n, NEXO_E_NOT_FOUND, "%s brought no member", d->r.who.reference);
    return false;
}

/* False: answered. */
static bool resolve(struct nexo *n)
{
    struct nexo_dialogue *d = &n->d;
    const struct nexo_who *w = &d->r.who;
    if (w->account == ID_NONE)
        return w->reference ? resolve_reference(n) : true;
    keep_mode(d, w->entry_mode);
    snprintf(d->value, sizeof d->value, "%s", w->value);
    d->means = w->account == ID_PHONE     ? MEANS_PHONE
               : w->account == ID_BARCODE ? MEANS_CODE
                                          : MEANS_REGISTER;
    bool may_be = w->account == ID_ACCOUNT || (w->account != ID_PHONE && w->value[0] == 'M');
    if (may_be && member_of(&d->member, w->value)) { /* a number of ours, however it came in */
        d->means = MEANS_REGISTER;
        member_text(d->value, d->member);
    } else if (d->means == MEANS_REGISTER && w->account != ID_PAN) {
        nexo_fail(n, w->account == ID_TRACK2 ? NEXO_E_INVALID_CARD : NEXO_E_NOT_FOUND,
                  "No such member");
        return false;
    } else if (w->account == ID_PAN) {
        d->means = MEANS_UID;
    }
    return true;
}

/* Is the member wanted the one that is identified, or was that one acquired a while ago? */
static bool is_here(struct nexo *n)
{
    const struct sale *s = &n->t->sale;
    const struct nexo_dialogue *d = &n->d;
    return s->state == SALE_IDENTIFIED && s->t.line_count == 0 && s->means != MEANS_NONE &&
           d->member != 0 && s->member == d->member;
}

static void remember_acquired(struct nexo *n)
{
    const struct sale *s = &n->t->sale;
    n->acquired.until_ms = clock_tick_ms() + ACQUIRED_MS;
    n->acquired.means = s->means;
    n->acquired.member = s->member;
    n->acquired.seen = (struct card_seen){
        .kind = s->card_kind, .uid = s->card, .profile = s->profile, .purse = s->purse};
    n->acquired.total_known = balance_now(n, &n->acquired.total);
    n->acquired.online = s->online;
}

/* A full card that was acquired counts as that card again, for earning: it need not lie there any more. */
static bool recall(struct nexo *n)
{
    struct till *t = n->t;
    if (n->acquired.means != MEANS_CARD || n->acquired.member == 0 ||
        n->acquired.member != n->d.member || clock_tick_ms() >= n->acquired.until_ms)
        return false;
    till_card_facts(t, &n->acquired.seen.uid, n->acquired.seen.profile.member);
    t->facts.online = n->acquired.online && uplink_is_up(t);
    /* What was known then, and what this register did since: part of it may be at head office by now. */
    struct points pending = journal_pending(t->journal, &n->acquired.seen.uid, n->acquired.member);
    t->facts.held = points_of(n->acquired.total_known
                                  ? n->acquired.total - n->acquired.seen.purse - points_n(pending)
                                  : 0);
    t->tap.known = false;
    struct asker *before = t->current;
    t->current = &n->quiet; /* its answer is nobody's */
    n->quiet.busy = VERB_TAP;
    till_feed(t, (struct sale_event){.kind = SALE_TAP, .seen = &n->acquired.seen});
    n->quiet.busy = VERB_NONE;
    t->current = before;
    return is_here(n);
}

static void known(struct nexo *n);

static void find_member(struct nexo *n)
{
    struct nexo_dialogue *d = &n->d;
    bool redeems = d->r.service == NEXO_LOYALTY && d->r.loyalty == LOYALTY_REDEMPTION;
    if (is_here(n) && (!redeems || n->t->sale.means == MEANS_CARD || !n->t->reader)) {
        known(n);
    } else if (recall(n)) {
        known(n);
    } else if (d->means == MEANS_NONE || (redeems && d->means == MEANS_REGISTER && n->t->reader)) {
        ask_for_card(n, NEXO_CARD,
                     rest_ms(n)); /* points lie on the card, or want more than a name */
    } else {
        d->named = true;
        ask(n, NEXO_NAMED,
            &(struct command){.verb = VERB_IDENTIFY, .means = d->means, .value = d->value});
    }
}

/* ---- card acquisition ---- */

static void finish_acquisition(struct nexo *n, const char *message)
{
    struct nexo_dialogue *d = &n->d;
    struct nexo_form form = {0};
    char name[NEXO_ID_SIZE];
    const struct sale *s = &n->t->sale;
    bool member = !message && s->means != MEANS_NONE;
    nexo_memo_name(n, name, 0);
    if (message && *message)
        nexo_form_add(&form, "message", message);
    if (member)
        remember_acquired(n);
    nexo_form_add(&form, "online", uplink_is_up(n->t) ? "true" : "false");
    json_t *body =
        json_pack("{s:o,s:o,s:o}", "Response", nexo_response(NEXO_SUCCESS, &form), "SaleData",
                  nexo_sale_data(&d->r), "POIData", poi_data(name, clock_now_s()));
    if (member)
        json_object_set_new(body, "LoyaltyAccount",
                            json_pack("[o]", account(n, s->member, s->means, NULL)));
    snprintf(d->what, sizeof d->what, "CardAcquisition");
    nexo_finish(n, nexo_reply(&d->r, body), false);
}

static void begin_acquisition(struct nexo *n)
{
    const struct nexo_request *r = &n->d.r;
    const struct sale *s = &n->t->sale;
    bool required = r->handling == HANDLING_REQUIRED;
    bool came = n->came_ahead && s->state == SALE_IDENTIFIED && s->t.line_count == 0;
    n->came_ahead = false; /* for this transaction, if for any */
    if (r->handling == HANDLING_FORBIDDEN || r->handling == HANDLING_PROCESSED)
        finish_acquisition(n, "");
    else if (r->brand_given && !r->brand_ours)
        nexo_fail(n, NEXO_E_INVALID_CARD, "No card of these brands is taken here: %s is",
                  nexo_brand(n));
    else if (came)
        finish_acquisition(n, NULL);
    else if (!n->t->reader || (r->entry_forced && !r->entry_possible)) {
        if (required)
            nexo_fail(n, NEXO_E_UNAVAILABLE_DEVICE, "No reader for that");
        else
            finish_acquisition(n, "No reader for that");
    } else {
        bool short_wait = r->handling == HANDLING_ALLOWED && rest_ms(n) > ALLOWED_WAIT_MS;
        ask_for_card(n, NEXO_CARD, short_wait ? ALLOWED_WAIT_MS : rest_ms(n));
    }
}

static void acquired(struct nexo *n)
{
    struct nexo_dialogue *d = &n->d;
    enum nexo_error e = *d->code ? error_of(n) : NEXO_SUCCESS;
    bool may_go_on = d->r.handling != HANDLING_REQUIRED && !d->aborted &&
                     (e == NEXO_E_INVALID_CARD || strcmp(d->code, "TIMEOUT") == 0);
    if (!e)
        finish_acquisition(n, NULL);
    else if (may_go_on)
        finish_acquisition(n, d->say);
    else
        nexo_fail(n, e, "%s", d->say);
}

/* ---- balance ---- */

static void finish_balance(struct nexo *n)
{
    const struct sale *s = &n->t->sale;
    int64_t balance = 0;
    if (!balance_now(n, &balance)) {
        give_up(n, NEXO_E_UNREACHABLE_HOST, "The balance is known at head office only");
        return;
    }
    struct nexo_form form = {0};
    nexo_form_add_int(&form, "balance", balance);
    nexo_form_add(&form, "online", uplink_is_up(n->t) ? "true" : "false");
    json_t *status = json_pack(
        "{s:o,s:o,s:s}", "LoyaltyAccount", account(n, s->member, s->means, n->d.mode),
        "CurrentBalance", nexo_json_integer(balance < 0 ? 0 : balance), "LoyaltyUnit", "Point");
    json_t *response =
        nexo_reply(&n->d.r, json_pack("{s:o,s:o}", "Response", nexo_response(NEXO_SUCCESS, &form),
                                      "LoyaltyAccountStatus", status));
    clear_up(n);
    nexo_finish(n, response, true);
}

/* ---- award ---- */

static void pay(struct nexo *n)
{
    ask(n, NEXO_DONE, &(struct command){.verb = VERB_PAY,
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
        ask(n, NEXO_ENTERED, &(struct command){.verb = VERB_COUPON, .value = r->coupons[d->coupons - 1]});
    } else if (r->line_count == 0 && d->entered == 0) {
        struct txn_line total = {.sku = "TOTAL", .quantity = 1, .amount = r->total};
        d->entered = 1;
        ask(n, NEXO_ENTERED, &(struct command){.verb = VERB_LINE, .line = &total});
    } else if (d->entered < r->line_count) {
        d->entered++;
        ask(n, NEXO_ENTERED,
            &(struct command){.verb = VERB_LINE, .line = &r->lines[d->entered - 1]});
    } else {
        ask(n, NEXO_CLOSED, &(struct command){.verb = VERB_TOTAL});
    }
}

static void begin_award(struct nexo *n)
{
    struct nexo_dialogue *d = &n->d;
    if (d->r.amount.given) {
        char reason[TXN_REASON_SIZE];
        const struct pack *pack = n->t->packs.in_effect;
        if (!pack || !pack->register_grants) {
            give_up(n, NEXO_E_REFUSAL, "The programme decides how many points a purchase earns");
            return;
        }
        snprintf(reason, sizeof reason, "cash register %.40s", d->r.sale_id);
        ask(n, NEXO_DONE,
            &(struct command){.verb = VERB_GRANT, .points = d->r.amount.points, .text = reason});
        return;
    }
    if (!nexo_fit_total(&d->r)) {
        give_up(n, NEXO_E_REFUSAL, "The items do not add up");
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
    struct points points = d->r.amount.points;
    const struct pack_reward *reward = *d->r.reward && pack ? pack_find_reward(pack, d->r.reward) : NULL;
    if (*d->r.reward) {
        if (!reward) {
            give_up(n, NEXO_E_REFUSAL, "This reward is not on offer");
            return;
        }
        if (reward->kind != REWARD_SLIDING) /* of one with steps the points may say which */
            points = rules_reward_price(pack, reward, 0, n->t->sale.tier);
        d->wanted = points_n(points);
        ask(n, NEXO_DONE,
            &(struct command){.verb = VERB_REDEEM,
                              .reward = d->r.reward,
                              .points = points,
                              .alone = true,
                              .ref = d->ref,
                              .wait_ms = rest_ms(n)});
        return;
    }
    if (d->r.amount.monetary)
        points = pack ? points_within(pack, d->r.amount.money) : points_of(0);
    if (points_n(points) <= 0) {
        give_up(n, NEXO_E_REFUSAL, "No points are worth that little");
        return;
    }
    d->wanted = points_n(points);
    ask(n, NEXO_DONE,
        &(struct command){.verb = VERB_REDEEM,
                          .points = points,
                          .alone = true,
                          .ref = d->ref,
                          .wait_ms = rest_ms(n)});
}

/* The till stopped, or the card left, around the card's commit: the same card says what became of it. */
static void settle(struct nexo *n)
{
    ask_for_card(n, NEXO_SETTLED, rest_ms(n));
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
        give_up(n, pack ? NEXO_E_REFUSAL : NEXO_E_UNAVAILABLE_SERVICE, "The items do not add up");
        return;
    }
    struct bill bill = {.lines = d->r.lines,
                        .line_count = d->r.line_count,
                        .time_s = clock_now_s(),
                        .shop = t->parts.identity->shop,
                        .tier = t->sale.tier};
    if (rules_rebate(pack, &bill, &n->rebate, &why)) {
        give_up(n, NEXO_E_REFUSAL, why.text);
        return;
    }
    struct nexo_form form = {0};
    char name[NEXO_ID_SIZE];
    int64_t balance = 0;
    nexo_memo_name(n, name, 0);
    nexo_form_add(&form, "online", uplink_is_up(t) ? "true" : "false");
    json_t *rebates =
        json_pack("{s:o}", "TotalRebate", nexo_money_number(n->rebate.total, nexo_digits(n)));
    if (*n->rebate.why)
        json_object_set_new(rebates, "RebateLabel", json_string(n->rebate.why));
    json_object_set_new(rebates, "SaleItemRebate", item_rebates(n, &d->r));
    json_t *result =
        json_pack("{s:o,s:o}", "LoyaltyAccount", account(n, t->sale.member, t->sale.means, d->mode),
                  "Rebates", rebates);
    if (balance_now(n, &balance))
        json_object_set_new(result, "CurrentBalance", nexo_json_integer(balance < 0 ? 0 : balance));
    json_t *response = nexo_reply(
        &d->r, json_pack("{s:o,s:o,s:o,s:[o]}", "Response", nexo_response(NEXO_SUCCESS, &form),
                         "SaleData", nexo_sale_data(&d->r), "POIData",
                         poi_data(name, clock_now_s()), "LoyaltyResult", result));
    snprintf(d->what, sizeof d->what, "Rebate");
    d->amount = money_minor(n->rebate.total);
    clear_up(n);
    nexo_finish(n, response, false);
}

/* ---- refunds and reversals ---- */

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

static void undo_rebate(struct nexo *n, uint32_t memo)
{
    struct nexo_dialogue *d = &n->d;
    struct journal_memo m;
    struct errmsg why = {""};
    struct buf b = BUF_ON(n->buffer);
    char what[MEMO_NAME_SIZE], name[NEXO_ID_SIZE];
    enum err e = journal_memo_get(n->t->journal, memo, &m, &b, &why);
    if (e || strcmp(m.door, NEXO_MEMOS) != 0 || strcmp(m.what, "refused") == 0) {
        nexo_fail(n, NEXO_E_NOT_FOUND, "No transaction %s", d->r.original);
        return;
    }
    if (strcmp(m.what, "Rebate") != 0 || !may_undo(n, LOYALTY_REBATE)) {
        nexo_fail(n, NEXO_E_NOT_ALLOWED, "%s is of another kind", d->r.original);
        return;
    }
    snprintf(what, sizeof what, "ReverseRebate N%u", memo);
    if (journal_memo_is(n->t->journal, NEXO_MEMOS, what)) {
        nexo_fail(n, NEXO_E_NOT_ALLOWED, "Already undone");
        return;
    }
    if (!is_whole(&d->r, 0, money_of(m.amount), nexo_digits(n))) {
        nexo_fail(n, NEXO_E_NOT_ALLOWED, "A reversal is of the whole");
        return;
    }
    nexo_memo_name(n, name, 0);
    json_t *body = json_pack("{s:o,s:o}", "Response", nexo_response(NEXO_SUCCESS, NULL), "POIData",
                             poi_data(name, clock_now_s()));
    json_t *sale = nexo_sale_data(&d->r);
    if (sale)
        json_object_set_new(body, "SaleData", sale);
    if (d->r.service == NEXO_REVERSAL) {
        json_object_set_new(body, "OriginalPOITransaction", nexo_original(&d->r));
        json_object_set_new(body, "ReversedAmount",
                            nexo_money_number(money_of(m.amount), nexo_digits(n)));
    } else {
        json_t *old = nexo_json_read(m.reply, &why);
        json_t *result = json_array_get(
            json_object_get(json_object_get(old, "LoyaltyResponse"), "LoyaltyResult"), 0);
        json_t *who = json_object_get(result, "LoyaltyAccount");
        if (who)
            json_object_set_new(body, "LoyaltyResult",
                                json_pack("[{s:O,s:{s:o}}]", "LoyaltyAccount", who, "Rebates",
                                          "TotalRebate",
                                          nexo_money_number(money_of(m.amount), nexo_digits(n))));
        json_decref(old);
    }
    snprintf(d->what, sizeof d->what, "%s", what);
    d->amount = m.amount;
    nexo_finish(n, nexo_reply(&d->r, body), false);
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
        ask(n, NEXO_DONE,
            &(struct command){.verb = VERB_GRANT, .receipt = grant->id, .text = "undone"});
}

/* Of another till: head office knows it, and gets what came back. */
static void undo_foreign(struct nexo *n)
{
    struct nexo_dialogue *d = &n->d;
    struct nexo_request *r = &d->r;
    if (!may_undo(n, LOYALTY_AWARD) || r->service == NEXO_REVERSAL || !r->total_given ||
        money_minor(r->total) == 0) {
        nexo_fail(n, NEXO_E_NOT_FOUND, "%s is another terminal's: it can be refunded by its amount",
                  r->original);
        return;
    }
    ask(n, NEXO_DONE,
        &(struct command){
            .verb = VERB_REFUND, .receipt = d->original, .money = r->total, .ref = d->ref});
}

static void look(struct nexo *n)
{
    ask(n, NEXO_LOOKED, &(struct command){.verb = VERB_RECEIPT, .receipt = n->d.original});
}

static void begin_undo(struct nexo *n)
{
    struct nexo_dialogue *d = &n->d;
    struct till *t = n->t;
    struct errmsg why = {""};
    struct buf b = BUF_ON(t->entry);
    uint32_t memo = nexo_memo_of(n, d->r.original);
    if (memo) {
        undo_rebate(n, memo);
        return;
    }
    if (strlen(d->r.original) >= ENTRY_TEXT_SIZE || entry_parse(&d->original, d->r.original) ||
        d->original.terminal == OFFICE_TERMINAL || !entry_is(d->original)) {
        nexo_fail(n, NEXO_E_NOT_FOUND, "No transaction %s", d->r.original);
        return;
    }
    if (d->original.terminal != t->parts.identity->terminal) {
        undo_foreign(n);
        return;
    }
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
    if ((o->kind != TXN_SALE && !award) || mixed || !may_undo(n, d->undoes))
        nexo_fail(n, NEXO_E_NOT_ALLOWED, "%s is of another kind", d->r.original);
    else if (o->kind == TXN_GRANT)
        undo_grant(n, o);
    else if (!is_whole(&d->r, moved(o), o->total, nexo_digits(n)))
        nexo_fail(n, NEXO_E_NOT_ALLOWED, "A reversal is of the whole");
    else if (o->member && uplink_is_up(t)) {
        char id
            [MEMBER_TEXT_SIZE]; /* so that what is left can be told; if not, it is refunded all the same */
        member_text(id, o->member);
        d->named = true;
        ask(n, NEXO_NAMED,
            &(struct command){.verb = VERB_IDENTIFY, .means = MEANS_REGISTER, .value = id});
    } else {
        look(n);
    }
}

/* The original and what is left of it are before us: all of it, the items named, or an amount. */
static void refund(struct nexo *n)
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
    ask(n, NEXO_DONE, &c);
}

/* ---- enrolment ---- */

static void begin_admin(struct nexo *n)
{
    if (strcmp(n->d.r.identification, "Enrol,v1") != 0)
        nexo_fail(n, NEXO_E_UNAVAILABLE_SERVICE, "Offered: Enrol,v1");
    else
        ask_for_card(n, NEXO_CARD, rest_ms(n));
}

static void enrol(struct nexo *n)
{
    struct nexo_dialogue *d = &n->d;
    if (strcmp(d->code, "UNBOUND") == 0)
        ask(n, NEXO_DONE, &(struct command){.verb = VERB_JOIN});
    else if (!*d->code)
        nexo_fail(n, NEXO_E_NOT_ALLOWED, "This card is a member's already");
    else
        fail_as_answered(n);
}

/* ---- a question to the member ---- */

static void begin_input(struct nexo *n)
{
    const struct nexo_devices *dev = &n->config.devices;
    struct nexo_dialogue *d = &n->d;
    const char *device = nexo_json_string_text(json_object_get(d->r.input, "Device"));
    const char *command = nexo_json_string_text(json_object_get(d->r.input, "InputCommand"));
    const json_t *first =
        json_is_array(d->r.outputs) ? json_array_get(d->r.outputs, 0) : d->r.outputs;
    const json_t *texts = json_object_get(json_object_get(first, "OutputContent"), "OutputText");
    const char *lines[8];
    int count = 0;
    for (size_t i = 0; count < 8 && i < (json_is_array(texts) ? json_array_size(texts) : 1); i++) {
        const json_t *one = json_is_array(texts) ? json_array_get(texts, i) : texts;
        const char *s = nexo_json_string_text(json_object_get(one, "Text"));
        if (s)
            lines[count++] = s;
    }
    if (!dev->confirm || !device || strcmp(device, "CustomerInput") != 0 || !command ||
        strcmp(command, "GetConfirmation") != 0) {
        nexo_fail(n, NEXO_E_UNAVAILABLE_DEVICE, "%s", "");
        return;
    }
    const char *seconds = nexo_json_number_text(json_object_get(d->r.input, "MaxInputTime"));
    int64_t s = 0;
    if (seconds && nexo_decimal(&s, seconds, 0) && s > 0 && s * 1000 < rest_ms(n))
        d->deadline_ms = clock_tick_ms() + s * 1000;
    d->step = NEXO_PERSON;
    if (!dev->confirm(dev->arg, lines, count))
        nexo_fail(n, NEXO_E_UNAVAILABLE_DEVICE, "%s", "");
}

void nexo_confirmed(struct nexo *n, bool yes)
{
    if (n->d.on && n->d.step == NEXO_PERSON)
        nexo_finish(
            n, nexo_input_reply(&n->d.r, NEXO_SUCCESS, NULL, "ConfirmedFlag", json_boolean(yes)),
            true);
}

/* ---- step by step ---- */

static void known(struct nexo *n)
{
    struct nexo_dialogue *d = &n->d;
    d->step = NEXO_KNOWN;
    if (d->r.service == NEXO_BALANCE_INQUIRY)
        finish_balance(n);
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
        acquired(n);
    else if (d->r.service == NEXO_ADMIN)
        enrol(n);
    else if (*d->code)
        fail_as_answered(n);
    else if (d->member && n->t->sale.member != d->member) {
        d->named = true;
        give_up(n, NEXO_E_INVALID_CARD, "This is another member's card");
    } else {
        known(n);
    }
}

/* The verb that writes the entry was answered. */
static void done(struct nexo *n)
{
    struct nexo_dialogue *d = &n->d;
    bool redeems = d->verb == VERB_REDEEM;
    if (!*d->code && !d->reply && n->t->training &&
        n->t->sale.writing) /* as if it had been written */
        d->reply = nexo_reply_of(n, &d->r, n->t->sale.writing, d->mode);
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
    } else if (redeems && !d->aborted && rest_ms(n) > 1 &&
               (strcmp(d->code, "GONE") == 0 || strcmp(d->code, "NO_ANSWER") == 0)) {
        redeem(n);
    } else if (redeems && strcmp(d->code, "NEEDS_APPROVAL") == 0 && !d->tapped && n->t->reader) {
        ask_for_card(n, NEXO_CARD, rest_ms(n));
    } else {
        fail_as_answered(n);
    }
}

/* The card of a redemption in doubt came again, or did not. */
static void settled(struct nexo *n)
{
    struct nexo_dialogue *d = &n->d;
    if (!*d->code && !d->reply && n->t->sale.state == SALE_TOTALLED)
        redeem(n); /* it was not debited */
    else if (strcmp(d->code, "WRONG_CARD") == 0 && rest_ms(n) > 1)
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
                look(n);
            else if (*d->code)
                fail_as_answered(n);
            else
                known(n);
            break;
        case NEXO_ENTERED:
        case NEXO_CLOSED:
            if (*d->code)
                fail_as_answered(n);
            else if (d->step == NEXO_ENTERED)
                enter(n);
            else
                pay(n);
            break;
        case NEXO_LOOKED:
            if (*d->code)
                fail_as_answered(n);
            else
                refund(n);
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
        begin_acquisition(n);
    else if (r->service == NEXO_ADMIN)
        begin_admin(n);
    else if (r->service == NEXO_INPUT)
        begin_input(n);
    else if (r->service == NEXO_REVERSAL ||
             (r->service == NEXO_LOYALTY && r->loyalty >= LOYALTY_AWARD_REFUND))
        begin_undo(n);
    else if (resolve(n))
        find_member(n);
}

void nexo_begin(struct nexo *n)
{
    begin(n);
    nexo_go_on(n);
}
