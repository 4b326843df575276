/* screen_sale.c - see screen.h: the sale as it is: idle, the member, the bill, what was confirmed.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/screen/screen_tell.h"

#include "base/date.h"
#include "base/tr.h"

#include <inttypes.h>
#include <stdio.h>

enum { BILL_LINES = 24, BILL_FIRST = 10 }; /* lines that can be seen; how far a tap stands back behind them */

static const char *means_text(enum txn_means means)
{
    switch (means) {
    case MEANS_CARD:
        return tr("card");
    case MEANS_SUN:
    case MEANS_TAG:
    case MEANS_UID:
        return tr("tag");
    case MEANS_CODE:
        return tr("code");
    case MEANS_PHONE:
        return tr("telephone");
    case MEANS_PASS:
        return tr("phone's wallet");
    case MEANS_REGISTER:
        return tr("number");
    case MEANS_NONE:
        break;
    }
    return "";
}

/* ---- the member ---- */

/* Why what can be spent here is not what the member has: what bounds it, and what lies elsewhere. */
static void why_spendable(char *out, size_t size, const struct till_view *v)
{
    int64_t purse = points_n(v->purse), spendable = points_n(v->spendable);
    *out = 0;
    if (v->means != MEANS_CARD) {
        tell_also(out, size, "%s", v->spendable_why ? v->spendable_why : tr("Head office sets the points aside."));
        return;
    }
    if (spendable < purse && v->spendable_why)
        tell_also(out, size, tr("%" PRId64 " on the card. %s"), purse, v->spendable_why);
    else if (spendable < purse && v->pack && purse < points_n(v->pack->redeem_min))
        tell_also(out, size, tr("%" PRId64 " on the card; at least %" PRId64 "."), purse, points_n(v->pack->redeem_min));
    else if (spendable < purse && v->pack)
        tell_also(out, size, tr("%" PRId64 " on the card, in steps of %" PRId64 "."), purse,
             points_n(v->pack->redeem_step));
    if (points_n(v->held) > 0)
        tell_also(out, size, tr("%" PRId64 " more at head office: next tap."), points_n(v->held));
    if (points_n(v->pending) > 0)
        tell_also(out, size, tr("%" PRId64 " more earned, not to be spent yet."), points_n(v->pending));
}

static void missing_text(char *out, size_t size, const struct till_view *v)
{
    char m[PACK_MONEY_SIZE], n[POINTS_SIZE];
    *out = 0;
    if (!v->pack)
        return;
    switch (v->pack->metric) {
    case METRIC_SPEND:
        snprintf(out, size, tr("%s more"), tell_money(m, v, money_of(v->missing)));
        return;
    case METRIC_POINTS:
        snprintf(out, size, tr("%s more"), tell_points(n, points_of(v->missing)));
        return;
    case METRIC_VISITS:
        snprintf(out, size, tr("%" PRId64 " more visits"), v->missing);
        return;
    case METRIC_MIX:
        snprintf(out, size, tr("%" PRId64 " more"), v->missing);
        return;
    }
}

static void member_head(struct rows *r, const struct till_view *v)
{
    char number[MEMBER_TEXT_SIZE];
    member_text(number, v->member);
    bool both = *v->name && v->member;
    struct row *row = rows_add(r, 1, LOOK_BOLD, "%s%s%s",
                          *v->name    ? v->name
                          : v->member ? number
                                      : tr("Member"),
                          both ? "  " : "", both ? number : "");
    if (v->means == MEANS_CARD)
        row_right(row, "%s", tell_tier(v, v->tier));
    else
        row_right(row, tr("%s, by %s"), tell_tier(v, v->tier), means_text(v->means));
}

/* What a tap tells.  less: how far it stands back behind a bill that is worked on. */
static void member_rows(struct rows *r, const struct till_view *v, int less)
{
    char n[POINTS_SIZE], m[PACK_MONEY_SIZE], text[400], since[TIME_TEXT_SIZE];
    bool birthday = v->flags & TAPPED_BIRTHDAY, at_risk = v->flags & TAPPED_AT_RISK;
    member_head(r, v);
    if (v->state == SALE_IDENTIFIED || v->state == SALE_TOTALLED) {
        rows_fact(r, 2 + less, LOOK_BOLD, tr("Spend here"), "%s = %s", tell_points(n, v->spendable),
             tell_money(m, v, v->spendable_value));
        why_spendable(text, sizeof text, v);
        rows_prose(r, 7 + less, LOOK_PLAIN, r->columns >= ROWS_WIDE ? 18 : 2, text);
    }
    if (birthday || at_risk)
        rows_add(r, 4 + less, LOOK_GOOD, "%s",
            !at_risk    ? tr("Birthday: congratulate.")
            : !birthday ? tr("Has not come for long: be kind.")
                        : tr("Birthday! And has not come for long."));
    if (points_n(v->expiring) > 0)
        rows_fact(r, 5 + less, LOOK_PLAIN, tr("End in 30 days"), "%s", tell_points(n, v->expiring));
    missing_text(text, sizeof text, v);
    if (v->told_s && *v->next_tier && *text)
        rows_fact(r, 5 + less, LOOK_PLAIN, tr("Next tier"), tr("%s: %s"), tell_tier(v, v->next_tier), text);
    else if (v->told_s)
        rows_fact(r, 12 + less, LOOK_PLAIN, tr("Next tier"), "%s", tr("none above"));
    for (int32_t i = 0; i < v->stamp_count; i++) {
        char stamps[RULES_STAMP_SIZE];
        if (*rules_stamp_text(stamps, &v->stamps[i]))
            rows_fact(r, 6 + less, LOOK_PLAIN, i ? "" : tr("Stamps"), "%s", stamps);
    }
    if (*v->suggestion) {
        snprintf(text, sizeof text, tr("Say: %s"), v->suggestion);
        rows_prose(r, 3 + less, LOOK_GOOD, 0, text);
    }
    if (!v->told && v->told_s) {
        snprintf(text, sizeof text, tr("This is of %s; head office was not asked now."),
                 tell_when(since, v, v->told_s));
        rows_prose(r, 14 + less, LOOK_DIM, 0, text);
    } else if (!v->told) {
        rows_prose(r, 14 + less, LOOK_DIM, 0, tr("Head office was not asked: no name, no advice."));
    }
}

/* ---- the bill ---- */

static void bill_rows(struct rows *r, const struct till_view *v)
{
    char m[PACK_MONEY_SIZE];
    const struct txn *bill = v->bill;
    int32_t first = bill->line_count > BILL_LINES ? bill->line_count - BILL_LINES : 0;
    for (int32_t i = first; i < bill->line_count; i++) {
        const struct txn_line *l = &bill->lines[i];
        struct row *row =
            rows_add(r, 6 + (int)(bill->line_count - i), LOOK_PLAIN, "%d x %s", l->quantity, l->sku);
        row->indent = 1;
        row_right(row, "%s", tell_amount(m, v, l->amount));
    }
    struct row *total = rows_add(r, 1, LOOK_BOLD, bill->line_count == 1 ? tr("%d line") : tr("%d lines"),
                            bill->line_count);
    row_right(total, tr("Total %s"), tell_money(m, v, bill->total));
}

static void earns_rows(struct rows *r, const struct screen *s, const struct till_view *v)
{
    char n[POINTS_SIZE], m[PACK_MONEY_SIZE];
    if (v->means == MEANS_NONE) {
        rows_prose(r, 3, LOOK_PLAIN, 0,
              tr("No member: this sale earns nothing. A card may still be tapped."));
        return;
    }
    rows_add(r, 2, LOOK_BOLD, tr("Earns %s"), tell_points(n, v->earns));
    bool choice = v->state == SALE_TOTALLED && !s->tapped; /* to redeem, or to pay */
    rows_prose(r, choice ? 3 : 8, LOOK_PLAIN, 2, v->earns_why);
    if (v->state != SALE_TOTALLED)
        return;
    if (points_n(v->offer.most) > 0)
        rows_add(r, choice ? 3 : 9, LOOK_GOOD, tr("May redeem %s = %s"), tell_points(n, v->offer.most),
            tell_money(m, v, v->offer.most_value));
    else
        rows_prose(r, 9, LOOK_PLAIN, 0, redeem_answer_text(v->offer.limit));
}

static void sale_rows(struct rows *r, const struct screen *s, const struct till_view *v)
{
    char n[POINTS_SIZE], m[PACK_MONEY_SIZE], name[MEMBER_TEXT_SIZE], text[240];
    if (v->second_tap) {
        snprintf(text, sizeof text,
                 tr("So many points need a second tap: take the card of %s away, then lay it down "
                    "again."),
                 tell_who(name, v->member));
        rows_prose(r, 0, LOOK_BOLD, 0, text);
    } else if (v->state == SALE_PREPARING || v->state == SALE_INTENDING ||
               v->state == SALE_COMMITTING) {
        snprintf(text, sizeof text, tr("Hold the card of %s to the reader and leave it there: %s"),
                 tell_who(name, v->member), tell_points(n, v->redeemed));
        rows_prose(r, 0, LOOK_BOLD, 0, text);
    } else if (v->state == SALE_HOLDING) {
        snprintf(text, sizeof text, tr("Head office is asked to set %s aside."),
                 tell_points(n, v->redeemed));
        rows_prose(r, 0, LOOK_BOLD, 0, text);
    } else if (v->state == SALE_DOUBT) {
        snprintf(text, sizeof text, tr("Tap the same card again: %s"), tell_who(name, v->member));
        rows_prose(r, 0, LOOK_BAD, 0, text);
        snprintf(text, sizeof text,
                 tr("It left too early: nobody knows yet whether %s were taken."),
                 tell_points(n, v->redeemed));
        rows_prose(r, 4, LOOK_PLAIN, 0, text);
    } else if (v->means != MEANS_NONE) {
        bool work = v->bill && v->bill->line_count > 0 && !s->tapped;
        member_rows(r, v, work ? BILL_FIRST : 0);
    }
    for (int32_t i = 0; v->bill && i < v->bill->coupon_count; i++)
        rows_fact(r, 6, LOOK_PLAIN, tr("Coupon"), "%s", v->bill->coupons[i]);
    if (v->bill && v->bill->line_count > 0) {
        rows_blank(r);
        bill_rows(r, v);
        if (v->state != SALE_IDLE && v->state != SALE_IDENTIFIED)
            earns_rows(r, s, v);
    } else if (v->means != MEANS_NONE) {
        rows_blank(r);
        rows_add(r, 11, LOOK_PLAIN, "%s", tr("Type the first price, or scan."));
    }
    if (v->state == SALE_DEBITED) {
        rows_fact(r, 1, LOOK_PLAIN, tr("By points"), "%s = %s", tell_points(n, v->redeemed),
             tell_money(m, v, v->redeemed_value));
        rows_fact(r, 0, LOOK_BOLD, tr("To pay"), "%s", tell_money(m, v, v->due));
    }
}

static void done_rows(struct rows *r, const struct screen *s, const struct till_view *v)
{
    const struct sale_receipt *l = &v->last;
    char entry[ENTRY_TEXT_SIZE], m[PACK_MONEY_SIZE], n[POINTS_SIZE], name[MEMBER_TEXT_SIZE],
        clock[CLOCK_SIZE];
    entry_text(entry, l->entry);
    row_right(rows_add(r, 0, LOOK_GOOD, l->refund ? tr("Refund %s") : tr("Receipt %s"), entry), "%s",
          tell_hour(clock, l->time_s));
    rows_fact(r, 1, LOOK_BOLD, l->refund ? tr("Give back") : tr("Paid"), "%s", tell_money(m, v, l->due));
    if (money_minor(l->by_points) > 0)
        rows_fact(r, 4, LOOK_PLAIN, tr("By points"), "%s", tell_money(m, v, l->by_points));
    if (l->member == 0 && points_n(l->earned) == 0) {
        rows_add(r, 5, LOOK_PLAIN, "%s", tr("No member."));
    } else {
        rows_fact(r, 6, LOOK_PLAIN, tr("Member"), "%s", *v->name ? v->name : tell_who(name, l->member));
        rows_fact(r, 2, LOOK_PLAIN, l->refund ? tr("Points taken") : tr("Earned"), "%s",
             tell_points(n, l->earned));
        if (points_n(l->redeemed) > 0)
            rows_fact(r, 3, LOOK_PLAIN, l->refund ? tr("Points back") : tr("Redeemed"), "%s",
                 tell_points(n, l->redeemed));
        if (!l->refund)
            rows_prose(r, 8, LOOK_PLAIN, 2, v->earns_why);
        if (v->means == MEANS_CARD && !l->refund && l->commit != COMMIT_DOUBT)
            rows_fact(r, 7, LOOK_PLAIN, tr("On the card"), "%s", tell_points(n, v->purse));
        if (l->commit == COMMIT_DOUBT)
            rows_prose(r, 3, LOOK_BAD, 0, tr("Whether the card was debited is settled by head office."));
    }
    if (!l->refund && !entry_equal(l->entry, s->rated)) {
        rows_blank(r);
        rows_add(r, 3, LOOK_BOLD, "%s", tr("Ask: how was it today?"));
    }
}

/* ---- idle ---- */

static const char *part_text(enum view_part part)
{
    switch (part) {
    case PART_NONE:
        return tr("none");
    case PART_THERE:
        return tr("there");
    case PART_AWAY:
        return tr("away: plug it in again");
    }
    return "";
}

static void idle_rows(struct rows *r, const struct till_view *v)
{
    char state[120], day[DAY_TEXT_SIZE], contact[TIME_TEXT_SIZE];
    if (v->locked)
        rows_prose(r, 0, LOOK_BAD, 0,
              tr("Head office has locked this till: no points are given or taken."));
    if (!v->selling)
        rows_prose(r, 0, LOOK_BAD, 0,
              *v->trouble ? v->trouble
                          : tr("This till has no programme yet. Connect it to head office once."));
    rows_prose(r, 1, LOOK_BOLD, 0,
          v->reader == PART_THERE ? tr("Hold a card to the reader, or type the first price.")
                                  : tr("Type the first price, or scan."));
    rows_blank(r);
    if (!v->has_line || v->online)
        snprintf(state, sizeof state, "%s", v->online ? tr("online") : tr("no line"));
    else if (v->contact_s)
        snprintf(state, sizeof state, tr("offline since %s"), tell_when(contact, v, v->contact_s));
    else
        snprintf(state, sizeof state, "%s", tr("offline, never connected"));
    rows_fact(r, 3, v->online || !v->has_line ? LOOK_PLAIN : LOOK_BAD, tr("Line"), "%s", state);
    if (v->owed > 0)
        rows_fact(r, 4, LOOK_PLAIN, tr("To send"), v->owed == 1 ? tr("%u entry") : tr("%u entries"),
             v->owed);
    rows_fact(r, 4, v->reader == PART_AWAY ? LOOK_BAD : LOOK_PLAIN, tr("Card reader"), "%s",
         part_text(v->reader));
    if (v->parked_count > 0)
        rows_fact(r, 2, LOOK_BOLD, tr("Parked"), v->parked_count == 1 ? tr("%d bill") : tr("%d bills"),
             v->parked_count);
    rows_fact(r, 6, v->printer == PART_AWAY ? LOOK_BAD : LOOK_PLAIN, tr("Printer"), "%s",
         part_text(v->printer));
    if (*v->printer_trouble)
        rows_prose(r, 6, LOOK_BAD, 0, v->printer_trouble);
    if (v->receipts_waiting > 0)
        rows_fact(r, 5, LOOK_BAD, tr("Not printed"),
             v->receipts_waiting == 1 ? tr("%u receipt") : tr("%u receipts"), v->receipts_waiting);
    rows_fact(r, 8, LOOK_PLAIN, tr("Last contact"), "%s",
         v->contact_s ? tell_when(contact, v, v->contact_s) : tr("never"));
    if (v->pack)
        rows_fact(r, 7, LOOK_PLAIN, tr("Programme"), tr("version %u, %s"), v->pack_version,
             v->pack->name);
    else
        rows_fact(r, 7, LOOK_BAD, tr("Programme"), "%s", tr("none"));
    day_text(day, day_of_time(v->now_s));
    rows_fact(r, 9, LOOK_PLAIN, tr("Date"), "%s", day);
}

void screen_sale_rows(struct rows *r, const struct screen *s, const struct till_view *v)
{
    if (screen_shows_receipt(s, v))
        done_rows(r, s, v);
    else if (screen_is_idle(s, v))
        idle_rows(r, v);
    else
        sale_rows(r, s, v);
}
