/* nexo_who.c - who is it: named by the register, acquired before, or whoever's card comes; and the two services
 * that ask no more than that.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/nexo/nexo_inside.h"

#include "hw/clock.h"

#include <stdio.h>
#include <string.h>

enum {
    ALLOWED_WAIT_MS = 1500, /* LoyaltyHandling Allowed: a card that lies there, nobody is asked */
    ACQUIRED_MS = 60 * 60 * 1000, /* an acquired card earns under its reference for that long */
};

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
    if (known) {
        d->means = MEANS_REGISTER;
        member_text(d->value, d->member);
        return true;
    }
    if (name && here) {
        d->means = n->acquired.means;
        d->unknown = true;
        return true;
    }
    nexo_fail(n, NEXO_E_NOT_FOUND, "%s brought no member", d->r.who.reference);
    return false;
}

/* False: answered. */
bool nexo_resolve(struct nexo *n)
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
    if (s->state != SALE_IDENTIFIED || s->t.line_count > 0 || s->means == MEANS_NONE)
        return false;
    if (d->unknown)
        return s->means == d->means &&
               memcmp(n->t->by.token, n->acquired.shown.token, sizeof n->t->by.token) == 0;
    return d->member != 0 && s->member == d->member;
}

static void remember_acquired(struct nexo *n)
{
    const struct sale *s = &n->t->sale;
    n->acquired.until_ms = clock_tick_ms() + ACQUIRED_MS;
    n->acquired.means = s->means;
    n->acquired.member = s->member;
    n->acquired.seen = (struct card_seen){
        .kind = s->card_kind, .uid = s->card, .profile = s->profile, .purse = s->purse};
    n->acquired.shown = n->t->by;
    n->acquired.total_known = nexo_balance_now(n, &n->acquired.total);
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

void nexo_find_member(struct nexo *n)
{
    struct nexo_dialogue *d = &n->d;
    bool redeems = d->r.service == NEXO_LOYALTY && d->r.loyalty == LOYALTY_REDEMPTION;
    if (is_here(n) && (!redeems || n->t->sale.means == MEANS_CARD || !n->t->reader)) {
        nexo_known(n);
    } else if (recall(n)) {
        nexo_known(n);
    } else if (d->means == MEANS_NONE || (redeems && d->means == MEANS_REGISTER && n->t->reader)) {
        /* points lie on the card, or want more than a name */
        nexo_ask_for_card(n, NEXO_CARD, nexo_rest_ms(n));
    } else {
        d->named = true;
        nexo_ask(n, NEXO_NAMED, &(struct command){.verb = VERB_IDENTIFY,
                                                  .means = d->means,
                                                  .value = d->value,
                                                  .shown = d->unknown ? &n->acquired.shown : NULL});
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
                  nexo_sale_data(&d->r), "POIData", nexo_poi_data(name, clock_now_s()));
    if (member)
        json_object_set_new(body, "LoyaltyAccount",
                            json_pack("[o]", nexo_account_of(n, s->member, s->means, NULL)));
    snprintf(d->what, sizeof d->what, "CardAcquisition");
    nexo_finish(n, nexo_reply(&d->r, body), false);
}

void nexo_begin_acquisition(struct nexo *n)
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
        bool short_wait = r->handling == HANDLING_ALLOWED && nexo_rest_ms(n) > ALLOWED_WAIT_MS;
        nexo_ask_for_card(n, NEXO_CARD, short_wait ? ALLOWED_WAIT_MS : nexo_rest_ms(n));
    }
}

void nexo_acquired(struct nexo *n)
{
    struct nexo_dialogue *d = &n->d;
    enum nexo_error e = *d->code ? nexo_error_of(n) : NEXO_SUCCESS;
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

void nexo_finish_balance(struct nexo *n)
{
    const struct sale *s = &n->t->sale;
    int64_t balance = 0;
    if (!nexo_balance_now(n, &balance)) {
        nexo_give_up(n, NEXO_E_UNREACHABLE_HOST, "The balance is known at head office only");
        return;
    }
    struct nexo_form form = {0};
    nexo_form_add_int(&form, "balance", balance);
    nexo_form_add(&form, "online", uplink_is_up(n->t) ? "true" : "false");
    json_t *status = json_pack(
        "{s:o,s:o,s:s}", "LoyaltyAccount", nexo_account_of(n, s->member, s->means, n->d.mode),
        "CurrentBalance", nexo_json_integer(balance < 0 ? 0 : balance), "LoyaltyUnit", "Point");
    json_t *response =
        nexo_reply(&n->d.r, json_pack("{s:o,s:o}", "Response", nexo_response(NEXO_SUCCESS, &form),
                                      "LoyaltyAccountStatus", status));
    nexo_clear_up(n);
    nexo_finish(n, response, true);
}
