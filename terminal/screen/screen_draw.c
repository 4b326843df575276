/* screen_draw.c - see screen.h: every page, as rows with a rank; the least important ones are left out when
 * there is no room.  Read screen_draw at the end first.
 *
 *   +--------------------------------------+
 *   | till, cashier     line, time         |  status
 *   | TRAINING                             |  only then
 *   |   body: rows of the page             |
 *   | sentence: what happened, what to do  |
 *   | Field: what is typed_                |
 *   | Enter Total  F3 Member  F8 Cancel .. |  the keys that work
 *   +--------------------------------------+
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/screen/screen_inside.h"

#include "base/date.h"
#include "base/tr.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { ROWS_MAX = 48, ROW_SIZE = 360, RIGHT_SIZE = 80, WIDE = 64, BILL_LINES = 24, BILL_FIRST = 10 };

struct row {
    char left[ROW_SIZE], right[RIGHT_SIZE];
    unsigned look;
    int rank;     /* 0 stays longest */
    int indent;   /* columns */
    bool goes_on; /* in the next row */
};
struct rows {
    int count, columns;
    struct row row[ROWS_MAX + 1];
};

/* ---- rows ---- */

static struct row *add(struct rows *r, int rank, unsigned look, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static struct row *add(struct rows *r, int rank, unsigned look, const char *format, ...)
{
    struct row *row = &r->row[r->count]; /* one more than is used, for what is one too many */
    r->count += r->count < ROWS_MAX;
    va_list args;
    va_start(args, format);
    vsnprintf(row->left, sizeof row->left, format, args);
    va_end(args);
    row->right[0] = 0;
    row->look = look;
    row->rank = rank;
    row->indent = 0;
    row->goes_on = false;
    return row;
}

static void right(struct row *row, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void right(struct row *row, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(row->right, sizeof row->right, format, args);
    va_end(args);
}

static void blank(struct rows *r)
{
    add(r, 90, LOOK_PLAIN, "%s", "");
}

/* A text in as many rows as it takes; the later ones rank below the first. */
static void prose(struct rows *r, int rank, unsigned look, int indent, const char *text)
{
    size_t skip;
    for (int n = 0; *text; n++) {
        size_t size = text_row(text, r->columns - indent, &skip);
        struct row *row = add(r, rank + (n > 0), look, "%.*s", (int)size, text);
        row->indent = indent;
        text += size + skip;
        row->goes_on = *text != 0;
    }
}

/* A name for it, and what it is, in two columns. */
static void fact(struct rows *r, int rank, unsigned look, const char *name, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

static void fact(struct rows *r, int rank, unsigned look, const char *name, const char *format, ...)
{
    char value[ROW_SIZE];
    int label = r->columns >= WIDE ? 18 : 15, first = r->count;
    va_list args;
    va_start(args, format);
    vsnprintf(value, sizeof value, format, args);
    va_end(args);
    int pad = label - text_columns(name);
    prose(r, rank, look, label, value);
    struct row *row = &r->row[first]; /* the name stands before the first row of what it is */
    if (r->count == first)
        add(r, rank, look, "%s", name);
    else
        snprintf(value, sizeof value, "%s%*s%s", name, pad > 1 ? pad : 1, "", row->left),
            snprintf(row->left, sizeof row->left, "%s", value), row->indent = 0;
}

/* ---- words ---- */

static const char *money(char out[PACK_MONEY_SIZE], const struct till_view *v, struct money m)
{
    return pack_money_text(out, v->pack, m);
}

static const char *amount(char out[PACK_MONEY_SIZE], const struct till_view *v, struct money m)
{
    return pack_amount_text(out, v->pack, m);
}

enum { POINTS_SIZE = 48, CLOCK_SIZE = 8 };
static const char *points(char out[POINTS_SIZE], struct points p)
{
    int64_t n = points_n(p);
    snprintf(out, POINTS_SIZE, n == 1 ? tr("%" PRId64 " point") : tr("%" PRId64 " points"), n);
    return out;
}

static const char *hour(char out[CLOCK_SIZE], int64_t time_s)
{
    char text[TIME_TEXT_SIZE];
    time_text(text, time_s);
    snprintf(out, CLOCK_SIZE, "%.5s", strlen(text) > 11 ? text + 11 : "");
    return out;
}

/* A time of today by its hour, an earlier one by its day. */
static const char *when(char out[TIME_TEXT_SIZE], const struct till_view *v, int64_t time_s)
{
    char clock[CLOCK_SIZE];
    if (day_of_time(time_s) == day_of_time(v->now_s))
        snprintf(out, TIME_TEXT_SIZE, "%s", hour(clock, time_s));
    else
        day_text(out, day_of_time(time_s));
    return out;
}

static const char *tier_name(const struct till_view *v, const char *code)
{
    const struct pack_tier *tier = v->pack && *code ? pack_find_tier(v->pack, code) : NULL;
    return tier ? tier->name : code;
}

static const char *who(char out[MEMBER_TEXT_SIZE], member_id member)
{
    if (member == 0)
        return tr("a member");
    member_text(out, member);
    return out;
}

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

/* ---- status ---- */

static void line_state(char *out, size_t size, const struct till_view *v, bool wide)
{
    char since[TIME_TEXT_SIZE];
    if (!v->has_line)
        snprintf(out, size, "%s", tr("no line"));
    else if (v->online && v->owed == 0)
        snprintf(out, size, "%s", tr("online"));
    else if (v->online)
        snprintf(out, size, tr("online, %u to send"), v->owed);
    else if (!wide)
        snprintf(out, size, tr("offline %u"), v->owed);
    else if (v->contact_s == 0)
        snprintf(out, size, tr("offline, never connected, %u to send"), v->owed);
    else
        snprintf(out, size, tr("offline since %s, %u to send"), when(since, v, v->contact_s),
                 v->owed);
}

static void draw_status(const struct till_view *v, struct canvas *c)
{
    char left[160], state[96], state_time[128], clock[CLOCK_SIZE];
    bool wide = c->columns >= WIDE;
    line_state(state, sizeof state, v, wide);
    snprintf(state_time, sizeof state_time, "%s%s %s ",
             v->reader == PART_AWAY ? tr("READER AWAY ") : "", state, hour(clock, v->now_s));
    snprintf(left, sizeof left, wide ? " T%u %s  %s%s" : " T%u %s %s%s", v->terminal, v->shop,
             v->cashier_name, v->supervisor ? " *" : "");
    int taken = canvas_put_right(c, 0, 0, c->columns, LOOK_REVERSE, state_time);
    canvas_put(c, 0, 0, c->columns - taken - 1, LOOK_REVERSE, left);
    canvas_fill(c, 0, LOOK_REVERSE);
}

/* ---- the member ---- */

static void also(char *out, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void also(char *out, size_t size, const char *format, ...)
{
    size_t used = strlen(out);
    va_list args;
    if (used > 0 && (unsigned char)out[used - 1] < 0x80) /* no blank after a Chinese mark */
        used += (size_t)snprintf(out + used, size - used, " ");
    va_start(args, format);
    if (used < size)
        vsnprintf(out + used, size - used, format, args);
    va_end(args);
}

/* Why what can be spent here is not what the member has: what bounds it, and what lies elsewhere. */
static void why_spendable(char *out, size_t size, const struct till_view *v)
{
    int64_t purse = points_n(v->purse), spendable = points_n(v->spendable);
    *out = 0;
    if (v->means != MEANS_CARD) {
        also(out, size, "%s", v->spendable_why ? v->spendable_why : tr("Head office sets the points aside."));
        return;
    }
    if (spendable < purse && v->spendable_why)
        also(out, size, tr("%" PRId64 " on the card. %s"), purse, v->spendable_why);
    else if (spendable < purse && v->pack && purse < points_n(v->pack->redeem_min))
        also(out, size, tr("%" PRId64 " on the card; at least %" PRId64 "."), purse, points_n(v->pack->redeem_min));
    else if (spendable < purse && v->pack)
        also(out, size, tr("%" PRId64 " on the card, in steps of %" PRId64 "."), purse,
             points_n(v->pack->redeem_step));
    if (points_n(v->held) > 0)
        also(out, size, tr("%" PRId64 " more at head office: next tap."), points_n(v->held));
    if (points_n(v->pending) > 0)
        also(out, size, tr("%" PRId64 " more earned, not to be spent yet."), points_n(v->pending));
}

static void missing_text(char *out, size_t size, const struct till_view *v)
{
    char m[PACK_MONEY_SIZE], n[POINTS_SIZE];
    *out = 0;
    if (!v->pack)
        return;
    switch (v->pack->metric) {
    case METRIC_SPEND:
        snprintf(out, size, tr("%s more"), money(m, v, money_of(v->missing)));
        return;
    case METRIC_POINTS:
        snprintf(out, size, tr("%s more"), points(n, points_of(v->missing)));
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
    struct row *row = add(r, 1, LOOK_BOLD, "%s%s%s",
                          *v->name    ? v->name
                          : v->member ? number
                                      : tr("Member"),
                          both ? "  " : "", both ? number : "");
    if (v->means == MEANS_CARD)
        right(row, "%s", tier_name(v, v->tier));
    else
        right(row, tr("%s, by %s"), tier_name(v, v->tier), means_text(v->means));
}

/* What a tap tells.  less: how far it stands back behind a bill that is worked on. */
static void member_rows(struct rows *r, const struct till_view *v, int less)
{
    char n[POINTS_SIZE], m[PACK_MONEY_SIZE], text[400], since[TIME_TEXT_SIZE];
    bool birthday = v->flags & TAPPED_BIRTHDAY, at_risk = v->flags & TAPPED_AT_RISK;
    member_head(r, v);
    if (v->state == SALE_IDENTIFIED || v->state == SALE_TOTALLED) {
        fact(r, 2 + less, LOOK_BOLD, tr("Spend here"), "%s = %s", points(n, v->spendable),
             money(m, v, v->spendable_value));
        why_spendable(text, sizeof text, v);
        prose(r, 7 + less, LOOK_PLAIN, r->columns >= WIDE ? 18 : 2, text);
    }
    if (birthday || at_risk)
        add(r, 4 + less, LOOK_GOOD, "%s",
            !at_risk    ? tr("Birthday: congratulate.")
            : !birthday ? tr("Has not come for long: be kind.")
                        : tr("Birthday! And has not come for long."));
    if (points_n(v->expiring) > 0)
        fact(r, 5 + less, LOOK_PLAIN, tr("End in 30 days"), "%s", points(n, v->expiring));
    missing_text(text, sizeof text, v);
    if (v->told_s && *v->next_tier && *text)
        fact(r, 5 + less, LOOK_PLAIN, tr("Next tier"), tr("%s: %s"), tier_name(v, v->next_tier), text);
    else if (v->told_s)
        fact(r, 12 + less, LOOK_PLAIN, tr("Next tier"), "%s", tr("none above"));
    for (int32_t i = 0; i < v->stamp_count; i++) {
        char stamps[RULES_STAMP_SIZE];
        if (*rules_stamp_text(stamps, &v->stamps[i]))
            fact(r, 6 + less, LOOK_PLAIN, i ? "" : tr("Stamps"), "%s", stamps);
    }
    if (*v->suggestion) {
        snprintf(text, sizeof text, tr("Say: %s"), v->suggestion);
        prose(r, 3 + less, LOOK_GOOD, 0, text);
    }
    if (!v->told && v->told_s) {
        snprintf(text, sizeof text, tr("This is of %s; head office was not asked now."),
                 when(since, v, v->told_s));
        prose(r, 14 + less, LOOK_DIM, 0, text);
    } else if (!v->told) {
        prose(r, 14 + less, LOOK_DIM, 0, tr("Head office was not asked: no name, no advice."));
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
            add(r, 6 + (int)(bill->line_count - i), LOOK_PLAIN, "%d x %s", l->quantity, l->sku);
        row->indent = 1;
        right(row, "%s", amount(m, v, l->amount));
    }
    struct row *total = add(r, 1, LOOK_BOLD, bill->line_count == 1 ? tr("%d line") : tr("%d lines"),
                            bill->line_count);
    right(total, tr("Total %s"), money(m, v, bill->total));
}

static void earns_rows(struct rows *r, const struct screen *s, const struct till_view *v)
{
    char n[POINTS_SIZE], m[PACK_MONEY_SIZE];
    if (v->means == MEANS_NONE) {
        prose(r, 3, LOOK_PLAIN, 0,
              tr("No member: this sale earns nothing. A card may still be tapped."));
        return;
    }
    add(r, 2, LOOK_BOLD, tr("Earns %s"), points(n, v->earns));
    bool choice = v->state == SALE_TOTALLED && !s->tapped; /* to redeem, or to pay */
    prose(r, choice ? 3 : 8, LOOK_PLAIN, 2, v->earns_why);
    if (v->state != SALE_TOTALLED)
        return;
    if (points_n(v->offer.most) > 0)
        add(r, choice ? 3 : 9, LOOK_GOOD, tr("May redeem %s = %s"), points(n, v->offer.most),
            money(m, v, v->offer.most_value));
    else
        prose(r, 9, LOOK_PLAIN, 0, redeem_answer_text(v->offer.limit));
}

static void sale_rows(struct rows *r, const struct screen *s, const struct till_view *v)
{
    char n[POINTS_SIZE], m[PACK_MONEY_SIZE], name[MEMBER_TEXT_SIZE], text[240];
    if (v->second_tap) {
        snprintf(text, sizeof text,
                 tr("So many points need a second tap: take the card of %s away, then lay it down "
                    "again."),
                 who(name, v->member));
        prose(r, 0, LOOK_BOLD, 0, text);
    } else if (v->state == SALE_PREPARING || v->state == SALE_INTENDING ||
               v->state == SALE_COMMITTING) {
        snprintf(text, sizeof text, tr("Hold the card of %s to the reader and leave it there: %s"),
                 who(name, v->member), points(n, v->redeemed));
        prose(r, 0, LOOK_BOLD, 0, text);
    } else if (v->state == SALE_HOLDING) {
        snprintf(text, sizeof text, tr("Head office is asked to set %s aside."),
                 points(n, v->redeemed));
        prose(r, 0, LOOK_BOLD, 0, text);
    } else if (v->state == SALE_DOUBT) {
        snprintf(text, sizeof text, tr("Tap the same card again: %s"), who(name, v->member));
        prose(r, 0, LOOK_BAD, 0, text);
        snprintf(text, sizeof text,
                 tr("It left too early: nobody knows yet whether %s were taken."),
                 points(n, v->redeemed));
        prose(r, 4, LOOK_PLAIN, 0, text);
    } else if (v->means != MEANS_NONE) {
        bool work = v->bill && v->bill->line_count > 0 && !s->tapped;
        member_rows(r, v, work ? BILL_FIRST : 0);
    }
    for (int32_t i = 0; v->bill && i < v->bill->coupon_count; i++)
        fact(r, 6, LOOK_PLAIN, tr("Coupon"), "%s", v->bill->coupons[i]);
    if (v->bill && v->bill->line_count > 0) {
        blank(r);
        bill_rows(r, v);
        if (v->state != SALE_IDLE && v->state != SALE_IDENTIFIED)
            earns_rows(r, s, v);
    } else if (v->means != MEANS_NONE) {
        blank(r);
        add(r, 11, LOOK_PLAIN, "%s", tr("Type the first price, or scan."));
    }
    if (v->state == SALE_DEBITED) {
        fact(r, 1, LOOK_PLAIN, tr("By points"), "%s = %s", points(n, v->redeemed),
             money(m, v, v->redeemed_value));
        fact(r, 0, LOOK_BOLD, tr("To pay"), "%s", money(m, v, v->due));
    }
}

static void done_rows(struct rows *r, const struct screen *s, const struct till_view *v)
{
    const struct sale_receipt *l = &v->last;
    char entry[ENTRY_TEXT_SIZE], m[PACK_MONEY_SIZE], n[POINTS_SIZE], name[MEMBER_TEXT_SIZE],
        clock[CLOCK_SIZE];
    entry_text(entry, l->entry);
    right(add(r, 0, LOOK_GOOD, l->refund ? tr("Refund %s") : tr("Receipt %s"), entry), "%s",
          hour(clock, l->time_s));
    fact(r, 1, LOOK_BOLD, l->refund ? tr("Give back") : tr("Paid"), "%s", money(m, v, l->due));
    if (money_minor(l->by_points) > 0)
        fact(r, 4, LOOK_PLAIN, tr("By points"), "%s", money(m, v, l->by_points));
    if (l->member == 0 && points_n(l->earned) == 0) {
        add(r, 5, LOOK_PLAIN, "%s", tr("No member."));
    } else {
        fact(r, 6, LOOK_PLAIN, tr("Member"), "%s", *v->name ? v->name : who(name, l->member));
        fact(r, 2, LOOK_PLAIN, l->refund ? tr("Points taken") : tr("Earned"), "%s",
             points(n, l->earned));
        if (points_n(l->redeemed) > 0)
            fact(r, 3, LOOK_PLAIN, l->refund ? tr("Points back") : tr("Redeemed"), "%s",
                 points(n, l->redeemed));
        if (!l->refund)
            prose(r, 8, LOOK_PLAIN, 2, v->earns_why);
        if (v->means == MEANS_CARD && !l->refund && l->commit != COMMIT_DOUBT)
            fact(r, 7, LOOK_PLAIN, tr("On the card"), "%s", points(n, v->purse));
        if (l->commit == COMMIT_DOUBT)
            prose(r, 3, LOOK_BAD, 0, tr("Whether the card was debited is settled by head office."));
    }
    if (!l->refund && !entry_equal(l->entry, s->rated)) {
        blank(r);
        add(r, 3, LOOK_BOLD, "%s", tr("Ask: how was it today?"));
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
        prose(r, 0, LOOK_BAD, 0,
              tr("Head office has locked this till: no points are given or taken."));
    if (!v->selling)
        prose(r, 0, LOOK_BAD, 0,
              *v->trouble ? v->trouble
                          : tr("This till has no programme yet. Connect it to head office once."));
    prose(r, 1, LOOK_BOLD, 0,
          v->reader == PART_THERE ? tr("Hold a card to the reader, or type the first price.")
                                  : tr("Type the first price, or scan."));
    blank(r);
    if (!v->has_line || v->online)
        snprintf(state, sizeof state, "%s", v->online ? tr("online") : tr("no line"));
    else if (v->contact_s)
        snprintf(state, sizeof state, tr("offline since %s"), when(contact, v, v->contact_s));
    else
        snprintf(state, sizeof state, "%s", tr("offline, never connected"));
    fact(r, 3, v->online || !v->has_line ? LOOK_PLAIN : LOOK_BAD, tr("Line"), "%s", state);
    if (v->owed > 0)
        fact(r, 4, LOOK_PLAIN, tr("To send"), v->owed == 1 ? tr("%u entry") : tr("%u entries"),
             v->owed);
    fact(r, 4, v->reader == PART_AWAY ? LOOK_BAD : LOOK_PLAIN, tr("Card reader"), "%s",
         part_text(v->reader));
    if (v->parked_count > 0)
        fact(r, 2, LOOK_BOLD, tr("Parked"), v->parked_count == 1 ? tr("%d bill") : tr("%d bills"),
             v->parked_count);
    fact(r, 6, v->printer == PART_AWAY ? LOOK_BAD : LOOK_PLAIN, tr("Printer"), "%s",
         part_text(v->printer));
    if (*v->printer_trouble)
        prose(r, 6, LOOK_BAD, 0, v->printer_trouble);
    if (v->receipts_waiting > 0)
        fact(r, 5, LOOK_BAD, tr("Not printed"),
             v->receipts_waiting == 1 ? tr("%u receipt") : tr("%u receipts"), v->receipts_waiting);
    fact(r, 8, LOOK_PLAIN, tr("Last contact"), "%s",
         v->contact_s ? when(contact, v, v->contact_s) : tr("never"));
    if (v->pack)
        fact(r, 7, LOOK_PLAIN, tr("Programme"), tr("version %u, %s"), v->pack_version,
             v->pack->name);
    else
        fact(r, 7, LOOK_BAD, tr("Programme"), "%s", tr("none"));
    day_text(day, day_of_time(v->now_s));
    fact(r, 9, LOOK_PLAIN, tr("Date"), "%s", day);
}

/* ---- the pages over the sale ---- */

static void menu_rows(struct rows *r, const struct screen *s, const struct till_view *v, int room)
{
    enum action action;
    const char *label;
    struct row *rows[ROWS_MAX];
    int count = 0, n = 0;
    for (int i = 0; (label = screen_menu_label(i, &action)) != NULL; i++)
        count += screen_menu_letter(s, v, action) != 0;
    bool two = count > room;
    int half = two ? (count + 1) / 2 : count, width = r->columns / 2;
    for (int i = 0; (label = screen_menu_label(i, &action)) != NULL; i++) {
        char letter = screen_menu_letter(s, v, action), item[120];
        if (!letter)
            continue;
        snprintf(item, sizeof item, "%c %s", letter, label);
        if (n < half) {
            rows[n] = add(r, n, LOOK_PLAIN, "%s", item);
        } else { /* beside the first half */
            struct row *row = rows[n - half];
            size_t size = text_fit(row->left, width - 1);
            int pad = width - text_columns(row->left);
            if (pad < 1) {
                row->left[size] = 0;
                pad = width - text_columns(row->left);
            }
            size_t used = strlen(row->left);
            snprintf(row->left + used, sizeof row->left - used, "%*s%s", pad, "", item);
        }
        n++;
    }
}

static void help_rows(struct rows *r, int from)
{
    static const struct {
        const char *key, *does;
    } lines[SCREEN_HELP_ROWS] = {
        {"4.25", TR_LATER("one piece at 4.25")},
        {"3x4.25", TR_LATER("three pieces at 4.25 each")},
        {"22423 4.25", TR_LATER("the article 22423")},
        {TR_LATER("scan"),
         TR_LATER("an article: then its price; a receipt: goods come back; a member's code")},
        {"Enter", TR_LATER("total, when nothing is typed")},
        {"45.00 F2", TR_LATER("a bill of which only the total is known")},
        {TR_LATER("card"), TR_LATER("hold it there until the screen speaks")},
        {"F3", TR_LATER("a member without a card, by telephone or code")},
        {"F4", TR_LATER("redeem: Enter takes all that is allowed")},
        {"F6", TR_LATER("park a bill, or take it up again")},
        {"F8", TR_LATER("cancel: taken points go back to the member")},
        {"Tab", TR_LATER("menu; its letters do what it says")},
        {"Esc", TR_LATER("back, or clear what is typed")},
        {TR_LATER("line cut"), TR_LATER("go on selling: all is sent later")},
        {TR_LATER("card torn away"), TR_LATER("tap the same card again; if it is gone, F9")},
        {TR_LATER("training"), TR_LATER("nothing counts while the bar says so")},
    };
    for (int i = from; i < SCREEN_HELP_ROWS; i++)
        fact(r, i, LOOK_PLAIN, tr(lines[i].key), "%s", tr(lines[i].does));
}

static void parked_rows(struct rows *r, const struct till_view *v)
{
    char m[PACK_MONEY_SIZE], name[MEMBER_TEXT_SIZE], clock[CLOCK_SIZE];
    prose(r, 0, LOOK_BOLD, 0, tr("Parked bills: press the digit to go on with one."));
    for (int i = 0; i < v->parked_count && i < VIEW_PARKED_MAX; i++) {
        struct row *row =
            add(r, 1, LOOK_PLAIN, "%d  %s  %s", i + 1, hour(clock, v->parked[i].time_s),
                v->parked[i].member ? who(name, v->parked[i].member) : tr("no member"));
        right(row, "%s", money(m, v, v->parked[i].total));
    }
}

static void refund_rows(struct rows *r, const struct screen *s, const struct till_view *v, int room)
{
    const struct txn *original = screen_original(s, v);
    char entry[ENTRY_TEXT_SIZE], m[PACK_MONEY_SIZE];
    entry_text(entry, s->receipt);
    struct row *head = add(r, 0, LOOK_BOLD, tr("Refund of %s"), entry);
    if (original)
        right(head, "%s", money(m, v, original->total));
    struct money sum = money_of(0);
    int shown = room - 2, first = s->selected >= shown ? s->selected - shown + 1 : 0;
    for (int i = first; original && i < original->line_count && i < first + shown; i++) {
        const struct txn_line *l = &original->lines[i];
        int32_t back = screen_back(s, i);
        struct row *row = add(r, 1, i == s->selected ? LOOK_REVERSE : LOOK_PLAIN,
                              tr("%d x %s, %d left"), l->quantity, l->sku, v->left[i]);
        if (back)
            right(row, tr("back %d   %s"), back, amount(m, v, l->amount));
        else
            right(row, "%s", amount(m, v, l->amount));
    }
    for (int32_t k = 0; !original && k < s->back_count; k++)
        right(add(r, 1 + (int)(s->back_count - k), LOOK_PLAIN, "%d x %s", s->back[k].quantity,
                  s->back[k].sku),
              "%s", amount(m, v, s->back[k].amount));
    for (int32_t k = 0; k < s->back_count; k++)
        if (!money_add(&sum, sum, s->back[k].amount))
            return; /* the till says what it thinks of that */
    if (s->back_count > 0)
        right(add(r, 0, LOOK_BOLD, "%s", tr("Give back")), "%s", money(m, v, sum));
    if (!original && s->back_count == 0)
        prose(r, 2, LOOK_PLAIN, 0,
              tr("Of another till: type each article and price, such as 22423 2x4.25."));
}

static void line_rows(struct rows *r, const struct screen *s, const struct till_view *v, int room)
{
    char m[PACK_MONEY_SIZE];
    int count = v->bill ? v->bill->line_count : 0, shown = room - 1;
    int first = s->selected >= shown ? s->selected - shown + 1 : 0;
    add(r, 0, LOOK_BOLD, "%s", tr("Take which line off?"));
    for (int i = first; i < count && i < first + shown; i++) {
        const struct txn_line *l = &v->bill->lines[i];
        right(
            add(r, 1, i == s->selected ? LOOK_REVERSE : LOOK_PLAIN, "%d x %s", l->quantity, l->sku),
            "%s", amount(m, v, l->amount));
    }
}

static void void_rows(struct rows *r, const struct till_view *v)
{
    char m[PACK_MONEY_SIZE];
    int32_t lines = v->bill ? v->bill->line_count : 0;
    add(r, 0, LOOK_BOLD, "%s", tr("Cancel this sale?"));
    right(add(r, 1, LOOK_PLAIN, lines == 1 ? tr("%d line") : tr("%d lines"), lines), tr("Total %s"),
          money(m, v, v->bill ? v->bill->total : money_of(0)));
    if (v->state == SALE_DEBITED || v->state == SALE_DOUBT)
        prose(r, 2, LOOK_PLAIN, 0, tr("Points that were taken go back to the member."));
}

/* "72 points", of a sliding one "from 90 points" */
static void reward_rows(struct rows *r, const struct screen *s, const struct till_view *v, int room)
{
    const struct pack_reward *rewards[PACK_REWARDS_MAX];
    char n[POINTS_SIZE];
    bool unasked;
    int count = screen_rewards(v, rewards, &unasked), shown = room - 1 - unasked;
    int first = s->selected >= shown ? s->selected - shown + 1 : 0;
    add(r, 0, LOOK_BOLD, "%s", tr("Which reward?"));
    for (int i = first; i < count && i < first + shown; i++) {
        const struct pack_reward *w = rewards[i];
        bool chinese = strcmp(tr_language(), "zh") == 0 && *w->name_zh;
        struct row *row = add(r, 1, i == s->selected ? LOOK_REVERSE : LOOK_PLAIN, "%s", chinese ? w->name_zh : w->name);
        points(n, rules_reward_price(v->pack, w, 0, v->tier));
        right(row, w->kind == REWARD_SLIDING ? tr("from %s") : "%s", n);
    }
    if (unasked)
        add(r, 0, LOOK_PLAIN, "%s", tr("Line cut: no limited rewards for now."));
}

static void shift_rows(struct rows *r, const struct till_view *v)
{
    const struct view_shift *h = &v->shift;
    char m[PACK_MONEY_SIZE], n[POINTS_SIZE], since[TIME_TEXT_SIZE];
    right(add(r, 0, LOOK_BOLD, tr("Shift of %s"),
              *v->cashier_name ? v->cashier_name : tr("this till")),
          tr("since %s"), when(since, v, h->since_s));
    struct money taken = h->sold; /* what the drawer, cards and vouchers are counted against */
    if (!money_sub(&taken, taken, h->by_points) || !money_sub(&taken, taken, h->given_back))
        taken = money_of(0);
    fact(r, 1, LOOK_PLAIN, tr("Sales"), "%d = %s", h->sales, money(m, v, h->sold));
    fact(r, 2, LOOK_PLAIN, tr("By points"), "%s = %s", points(n, h->redeemed), money(m, v, h->by_points));
    fact(r, 2, LOOK_PLAIN, tr("Refunds"), "%d = %s", h->refunds, money(m, v, h->given_back));
    fact(r, 1, LOOK_BOLD, tr("Money taken"), "%s", money(m, v, taken));
    fact(r, 3, LOOK_PLAIN, tr("Points earned"), "%s", points(n, h->earned));
    fact(r, 4, LOOK_PLAIN, tr("Goodwill"), "%d = %s", h->grants, points(n, h->granted));
    fact(r, 5, LOOK_PLAIN, tr("New members"), "%d", h->joins);
    fact(r, 6, LOOK_PLAIN, tr("Rated 1, 2, 3"), tr("%d satisfied, %d will return, %d recommend"), h->ratings[0],
         h->ratings[1], h->ratings[2]);
}

static void redeem_rows(struct rows *r, const struct till_view *v)
{
    char m[PACK_MONEY_SIZE], n[POINTS_SIZE];
    right(add(r, 1, LOOK_BOLD, "%s", tr("Redeem")), tr("Total %s"),
          money(m, v, v->bill ? v->bill->total : money_of(0)));
    fact(r, 0, LOOK_BOLD, tr("All allowed"), "%s = %s", points(n, v->offer.most),
         money(m, v, v->offer.most_value));
    if (v->offer.limit != REDEEM_OK)
        prose(r, 4, LOOK_PLAIN, 0, redeem_answer_text(v->offer.limit));
    prose(r, 5, LOOK_PLAIN, 0,
          tr("Enter takes all that is allowed. Or type points, or money after Tab."));
}

static void grant_rows(struct rows *r, const struct till_view *v)
{
    char name[MEMBER_TEXT_SIZE];
    add(r, 0, LOOK_BOLD, tr("Goodwill points for %s"), *v->name ? v->name : who(name, v->member));
    for (int i = 0; screen_reason(i); i++)
        add(r, 2, LOOK_PLAIN, "%d %s", i + 1, screen_reason(i));
    prose(r, 3, LOOK_PLAIN, 0, tr("The reason is a digit, or typed."));
}

static void page_rows(struct rows *r, const struct screen *s, const struct till_view *v, int room)
{
    char card[MEMBER_TEXT_SIZE];
    switch (screen_page_now(s, v)) {
    case PAGE_PRICE:
        fact(r, 0, LOOK_BOLD, tr("Article"), "%s", s->line.sku);
        blank(r);
        /* fall through */
    case PAGE_SALE:
        if (screen_shows_receipt(s, v))
            done_rows(r, s, v);
        else if (screen_is_idle(s, v))
            idle_rows(r, v);
        else
            sale_rows(r, s, v);
        return;
    case PAGE_LOGIN:
        add(r, 0, LOOK_BOLD, "%s", tr("Who works at this till?"));
        blank(r);
        prose(r, 1, LOOK_PLAIN, 0,
              tr("Type your number and PIN, or hold your badge to the reader, then press Enter."));
        return;
    case PAGE_MENU:
        menu_rows(r, s, v, room);
        return;
    case PAGE_HELP:
        help_rows(r, s->selected);
        return;
    case PAGE_WHO:
        add(r, 0, LOOK_BOLD, "%s", tr("A member without a card"));
        prose(r, 1, LOOK_PLAIN, 0,
              tr("Such a member earns always, and redeems only while the line is up."));
        return;
    case PAGE_PIN:
        add(r, 0, LOOK_BOLD, "%s", tr("The member types the PIN."));
        prose(r, 1, LOOK_PLAIN, 0, tr("Turn the keyboard to the member. It is not shown."));
        return;
    case PAGE_REDEEM:
        redeem_rows(r, v);
        return;
    case PAGE_REWARDS:
        reward_rows(r, s, v, room);
        return;
    case PAGE_COUPON:
        add(r, 0, LOOK_BOLD, "%s", tr("A coupon"));
        prose(r, 1, LOOK_PLAIN, 0, tr("Scan the coupon, or type its code."));
        return;
    case PAGE_PARKED:
        parked_rows(r, v);
        return;
    case PAGE_RECEIPT:
        add(r, 0, LOOK_BOLD, "%s",
            s->receipt_for == ACT_REPRINT ? tr("Print which receipt again?")
                                          : tr("Goods come back"));
        prose(r, 1, LOOK_PLAIN, 0,
              tr("Scan the code on the receipt, or type its number, such as T0007-123."));
        return;
    case PAGE_REFUND:
        refund_rows(r, s, v, room);
        return;
    case PAGE_LINES:
        line_rows(r, s, v, room);
        return;
    case PAGE_VOID:
        void_rows(r, v);
        return;
    case PAGE_AMOUNT:
        add(r, 0, LOOK_BOLD, "%s", tr("Money back, no goods"));
        prose(r, 1, LOOK_PLAIN, 0,
              tr("It comes off all lines of the receipt in proportion, and so do the points."));
        return;
    case PAGE_JOIN:
        prose(r, 0, LOOK_BOLD, 0, tr("This card is ours and nobody's yet."));
        prose(r, 1, LOOK_PLAIN, 0,
              tr("Enter makes it the card of a new member, without a name. It earns at once."));
        prose(r, 2, LOOK_PLAIN, 0, tr("A name may be added at the next tap: menu, Name, telephone."));
        return;
    case PAGE_PERSON:
        add(r, 0, LOOK_BOLD, tr("Who is %s?"), who(card, v->member));
        prose(r, 1, LOOK_PLAIN, 0,
              tr("Ask first: head office stores this only when the member agrees."));
        return;
    case PAGE_REPLACE:
        add(r, 0, LOOK_BOLD, tr("A new card for %s"), *v->name ? v->name : who(card, v->member));
        prose(r, 1, LOOK_PLAIN, 0,
              tr("The lost card is blocked, its points go to the new one. Press Enter, then hold "
                 "the new card to the reader."));
        return;
    case PAGE_GRANT:
        grant_rows(r, v);
        return;
    case PAGE_APPROVE:
        add(r, 0, LOOK_BOLD, "%s", tr("A supervisor has to allow this"));
        prose(r, 1, LOOK_PLAIN, 0,
              tr("Number and PIN of the supervisor, or the badge on the reader, then Enter."));
        return;
    case PAGE_SHIFT:
        shift_rows(r, v);
        return;
    case SCREEN_PAGES:
        break;
    }
}

/* ---- putting it together ---- */

static void mark_cut(struct row *row, int columns)
{
    size_t used = text_fit(row->left, columns - row->indent - 3);
    snprintf(row->left + used, sizeof row->left - used, " ..");
    row->goes_on = false;
}

static void put_rows(struct canvas *c, int top, int room, struct rows *r)
{
    while (r->count > room) { /* the last of the least important */
        int out = 0;
        for (int i = 1; i < r->count; i++)
            if (r->row[i].rank >= r->row[out].rank)
                out = i;
        if (out > 0 && r->row[out - 1].goes_on) /* its rest is left out: say so */
            mark_cut(&r->row[out - 1], c->columns - 2);
        memmove(&r->row[out], &r->row[out + 1], (size_t)(r->count - out - 1) * sizeof r->row[0]);
        r->count--;
    }
    for (int i = 0; i < r->count; i++) {
        const struct row *row = &r->row[i];
        int free = c->columns - 2;
        int taken =
            *row->right ? canvas_put_right(c, top + i, 1, free, row->look, row->right) + 1 : 0;
        canvas_put(c, top + i, 1 + row->indent, free - taken - row->indent, row->look, row->left);
        if (row->look & LOOK_REVERSE)
            canvas_fill(c, top + i, row->look);
    }
}

static const char *key_name(enum key_kind key)
{
    static const char *const f[] = {"F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8", "F9", "F10"};
    if (key >= KEY_IS_F1 && key <= KEY_IS_F10)
        return f[key - KEY_IS_F1];
    return key == KEY_IS_ENTER    ? "Enter"
           : key == KEY_IS_ESCAPE ? "Esc"
           : key == KEY_IS_TAB    ? "Tab"
           : key == KEY_IS_UP     ? tr("Up")
           : key == KEY_IS_DOWN   ? tr("Down")
                                  : "";
}

/* The key rows, laid out from the left; put NULL: only counted. */
static int key_rows(struct canvas *put, int top, int columns, const struct screen_hint *hints,
                    int count)
{
    int row = 0, column = 0, between = columns >= WIDE ? 2 : 1;
    for (int i = 0; i < count; i++) {
        const char *key = key_name(hints[i].key);
        int width = text_columns(key) + 1 + text_columns(hints[i].label);
        if (column > 0 && column + width > columns) {
            row++;
            column = 0;
        }
        if (put) {
            int at =
                column + canvas_put(put, top + row, column, columns - column, LOOK_REVERSE, key);
            canvas_put(put, top + row, at + 1, columns - at - 1, LOOK_PLAIN, hints[i].label);
        }
        column += width + between;
    }
    return count ? row + 1 : 0;
}

static void put_field(struct canvas *c, int row, const struct screen *s,
                      const struct field_kind *kind, int i)
{
    char shown[SCREEN_FIELD_SIZE], label[120];
    snprintf(label, sizeof label, "%s: ", tr(kind->label));
    memcpy(shown, s->field[i], sizeof shown);
    if (kind->type == TYPE_PIN)
        memset(shown, '*', strlen(shown));
    int at =
        1 + canvas_put(c, row, 1, c->columns - 8, i == s->focus ? LOOK_BOLD : LOOK_PLAIN, label);
    int room = c->columns - at - 1;
    const char *text = shown; /* of a long one, the end */
    while (text_columns(text) > room) {
        size_t bytes;
        int width;
        text_next(text, &bytes, &width);
        text += bytes;
    }
    at += canvas_put(c, row, at, room, LOOK_PLAIN, text);
    if (i == s->focus) {
        c->cursor_row = row;
        c->cursor_column = at;
    }
}

void screen_draw(const struct screen *s, const struct till_view *v, struct canvas *c)
{
    struct screen_hint hints[SCREEN_HINTS_MAX];
    const struct field_kind *kind;
    struct rows rows = {.count = 0, .columns = c->columns - 2};
    canvas_clear(c, c->rows, c->columns);
    int top = 1, bottom = c->rows, count = screen_keys(s, v, hints),
        fields = screen_fields(s, v, &kind);

    draw_status(v, c);
    if (v->training) {
        canvas_put(c, 1, 1, c->columns - 1, LOOK_REVERSE | LOOK_BAD,
                   tr("*** TRAINING: nothing counts ***"));
        canvas_fill(c, 1, LOOK_REVERSE | LOOK_BAD);
        top = 2;
    }
    bottom -= key_rows(NULL, 0, c->columns, hints, count);
    key_rows(c, bottom, c->columns, hints, count);
    for (int i = fields - 1; i >= 0; i--)
        put_field(c, --bottom, s, &kind[i], i);

    struct rows message = {.count = 0, .columns = c->columns - 2};
    const char *text = *s->message                ? s->message
                       : s->busy == VERB_REPLACE  ? tr("Hold the new card to the reader.")
                       : s->busy == VERB_SYNC     ? tr("Talking to head office ...")
                       : s->busy == VERB_IDENTIFY ? tr("Asking head office ...")
                                                  : "";
    prose(&message, 0, *s->message ? (unsigned)s->message_look : LOOK_BOLD, 0, text);
    int most = bottom - top - 3; /* something of the page stays */
    if (message.count > most)
        message.count = most;
    bottom -= message.count;
    put_rows(c, bottom, message.count, &message);

    page_rows(&rows, s, v, bottom - top);
    put_rows(c, top, bottom - top, &rows);
}
