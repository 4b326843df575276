/* nexo_reply.c - the parts of a reply, and the reply to what became an entry of the journal.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/nexo/nexo_inside.h"

#include "base/tr.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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

json_t *nexo_account_of(const struct nexo *n, member_id member, enum txn_means means,
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
bool nexo_balance_now(struct nexo *n, int64_t *out)
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

bool nexo_balance_after(struct nexo *n, const struct txn *e, int64_t *out)
{
    const struct sale *s = &n->t->sale;
    if ((e->member != s->member && !uid_equal(&e->card, &s->card)) || !nexo_balance_now(n, out))
        return false;
    if (e->kind == TXN_SALE && s->means != MEANS_CARD)
        *out -= points_n(e->redeemed);
    if (e->kind == TXN_REFUND)
        *out += points_n(e->redeemed) - points_n(e->points);
    else
        *out += points_n(e->points);
    return true;
}

json_t *nexo_poi_data(const char *id, int64_t time_s)
{
    char time[40];
    return json_pack("{s:o}", "POITransactionID", nexo_transaction_id(id, nexo_time(time, time_s)));
}

static json_t *receipt_lines(const struct nexo *n, const struct txn *e, const int64_t *balance)
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
    if (balance)
        snprintf(text[count++], sizeof text[0], tr("Your points: %" PRId64), *balance);
    snprintf(text[count++], sizeof text[0], tr("Receipt %s"), entry);
    for (int i = 0; i < count; i++)
        lines[i] = text[i];
    return nexo_receipt(lines, count);
}

/* How many points moved, whichever way. */
int64_t nexo_moved(const struct txn *e)
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
        nexo_form_add_int(form, "pointsAwarded", -nexo_moved(e));
}

static json_t *rebates_of(const struct nexo *n, const struct txn *e)
{
    char label[64];
    snprintf(label, sizeof label, tr("%" PRId64 " points"), points_n(e->redeemed));
    return json_pack("{s:o,s:s}", "TotalRebate",
                     nexo_money_number(e->redeemed_value, nexo_digits(n)), "RebateLabel", label);
}

json_t *nexo_reply_of(const struct nexo *n, const struct nexo_request *r, const struct txn *e, const char *mode,
                      const int64_t *balance)
{
    struct nexo_form form = {0};
    char name[ENTRY_TEXT_SIZE];
    entry_text(name, e->id);
    if (e->kind == TXN_JOIN) {
        nexo_form_add(&form, "transaction", name);
        nexo_form_add(&form, "online", uplink_is_up(n->t) ? "true" : "false");
        return nexo_reply(r, json_pack("{s:o}", "Response", nexo_response(NEXO_SUCCESS, &form)));
    }
    say_moved(&form, e);
    if (balance)
        nexo_form_add_int(&form, "balance", *balance);
    nexo_form_add(&form, "online", uplink_is_up(n->t) ? "true" : "false");
    json_t *body = json_pack("{s:o}", "Response", nexo_response(NEXO_SUCCESS, &form));
    json_t *sale = nexo_sale_data(r);
    if (sale)
        json_object_set_new(body, "SaleData", sale);
    json_object_set_new(body, "POIData", nexo_poi_data(name, e->time_s));
    json_t *result = json_pack("{s:o,s:o}", "LoyaltyAccount", nexo_account_of(n, e->member, e->means, mode),
                               "LoyaltyAmount", nexo_points_amount(points_of(nexo_moved(e))));
    if (balance)
        json_object_set_new(result, "CurrentBalance", nexo_json_integer(*balance < 0 ? 0 : *balance));
    if (e->kind == TXN_SALE && points_n(e->redeemed))
        json_object_set_new(result, "Rebates", rebates_of(n, e));
    if (r->service == NEXO_REVERSAL) {
        json_decref(result);
        json_object_set_new(body, "OriginalPOITransaction", nexo_original(r));
        json_object_set_new(body, "ReversedAmount", nexo_json_integer(nexo_moved(e)));
    } else {
        json_object_set_new(body, "LoyaltyResult", json_pack("[o]", result));
    }
    json_object_set_new(body, "PaymentReceipt", receipt_lines(n, e, balance));
    return nexo_reply(r, body);
}
