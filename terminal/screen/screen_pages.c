/* screen_pages.c - see screen.h: the pages that lie over the sale.  Read screen_page_rows at the end first.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/screen/screen_tell.h"

#include "base/date.h"
#include "base/tr.h"

#include <stdio.h>
#include <string.h>

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
            rows[n] = rows_add(r, n, LOOK_PLAIN, "%s", item);
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
        {"F8", TR_LATER("twice: cancel; taken points go back to the member")},
        {"Tab", TR_LATER("menu; its letters do what it says")},
        {"Esc", TR_LATER("back, or clear what is typed")},
        {TR_LATER("line cut"), TR_LATER("go on selling: all is sent later")},
        {TR_LATER("card torn away"), TR_LATER("tap the same card again; if it is gone, F9")},
        {TR_LATER("training"), TR_LATER("nothing counts while the bar says so")},
    };
    for (int i = from; i < SCREEN_HELP_ROWS; i++)
        rows_fact(r, i, LOOK_PLAIN, tr(lines[i].key), "%s", tr(lines[i].does));
}

static void parked_rows(struct rows *r, const struct till_view *v)
{
    char m[PACK_MONEY_SIZE], name[MEMBER_TEXT_SIZE], clock[CLOCK_SIZE];
    rows_prose(r, 0, LOOK_BOLD, 0, tr("Parked bills: press the digit to go on with one."));
    for (int i = 0; i < v->parked_count && i < VIEW_PARKED_MAX; i++) {
        struct row *row =
            rows_add(r, 1, LOOK_PLAIN, "%d  %s  %s", i + 1, tell_hour(clock, v->parked[i].time_s),
                v->parked[i].member ? tell_who(name, v->parked[i].member) : tr("no member"));
        row_right(row, "%s", tell_money(m, v, v->parked[i].total));
    }
}

static void refund_rows(struct rows *r, const struct screen *s, const struct till_view *v, int room)
{
    const struct txn *original = screen_original(s, v);
    char entry[ENTRY_TEXT_SIZE], m[PACK_MONEY_SIZE];
    entry_text(entry, s->receipt);
    struct row *head = rows_add(r, 0, LOOK_BOLD, tr("Refund of %s"), entry);
    if (original)
        row_right(head, "%s", tell_money(m, v, original->total));
    struct money sum = money_of(0);
    int shown = room - 2, first = s->selected >= shown ? s->selected - shown + 1 : 0;
    for (int i = first; original && i < original->line_count && i < first + shown; i++) {
        const struct txn_line *l = &original->lines[i];
        int32_t back = screen_back(s, i);
        struct row *row = rows_add(r, 1, i == s->selected ? LOOK_REVERSE : LOOK_PLAIN,
                              tr("%d x %s, %d left"), l->quantity, l->sku, v->left[i]);
        if (back)
            row_right(row, tr("back %d   %s"), back, tell_amount(m, v, l->amount));
        else
            row_right(row, "%s", tell_amount(m, v, l->amount));
    }
    for (int32_t k = 0; !original && k < s->back_count; k++)
        row_right(rows_add(r, 1 + (int)(s->back_count - k), LOOK_PLAIN, "%d x %s", s->back[k].quantity,
                  s->back[k].sku),
              "%s", tell_amount(m, v, s->back[k].amount));
    for (int32_t k = 0; k < s->back_count; k++)
        if (!money_add(&sum, sum, s->back[k].amount))
            return; /* the till says what it thinks of that */
    if (s->back_count > 0)
        row_right(rows_add(r, 0, LOOK_BOLD, "%s", tr("Give back")), "%s", tell_money(m, v, sum));
    if (!original && s->back_count == 0)
        rows_prose(r, 2, LOOK_PLAIN, 0,
              tr("Of another till: type each article and price, such as 22423 2x4.25."));
}

static void line_rows(struct rows *r, const struct screen *s, const struct till_view *v, int room)
{
    char m[PACK_MONEY_SIZE];
    int count = v->bill ? v->bill->line_count : 0, shown = room - 1;
    int first = s->selected >= shown ? s->selected - shown + 1 : 0;
    rows_add(r, 0, LOOK_BOLD, "%s", tr("Take which line off?"));
    for (int i = first; i < count && i < first + shown; i++) {
        const struct txn_line *l = &v->bill->lines[i];
        row_right(
            rows_add(r, 1, i == s->selected ? LOOK_REVERSE : LOOK_PLAIN, "%d x %s", l->quantity, l->sku),
            "%s", tell_amount(m, v, l->amount));
    }
}

static void void_rows(struct rows *r, const struct till_view *v)
{
    char m[PACK_MONEY_SIZE];
    int32_t lines = v->bill ? v->bill->line_count : 0;
    rows_add(r, 0, LOOK_BOLD, "%s", tr("Cancel this sale?"));
    row_right(rows_add(r, 1, LOOK_PLAIN, lines == 1 ? tr("%d line") : tr("%d lines"), lines), tr("Total %s"),
          tell_money(m, v, v->bill ? v->bill->total : money_of(0)));
    if (v->state == SALE_DEBITED || v->state == SALE_DOUBT)
        rows_prose(r, 2, LOOK_PLAIN, 0, tr("Points that were taken go back to the member."));
}

/* "72 points", of a sliding one "from 90 points" */
static void reward_rows(struct rows *r, const struct screen *s, const struct till_view *v, int room)
{
    const struct pack_reward *rewards[PACK_REWARDS_MAX];
    char n[POINTS_SIZE];
    bool unasked;
    int count = screen_rewards(v, rewards, &unasked), shown = room - 1 - unasked;
    int first = s->selected >= shown ? s->selected - shown + 1 : 0;
    rows_add(r, 0, LOOK_BOLD, "%s", tr("Which reward?"));
    for (int i = first; i < count && i < first + shown; i++) {
        const struct pack_reward *w = rewards[i];
        bool chinese = strcmp(tr_language(), "zh") == 0 && *w->name_zh;
        struct row *row = rows_add(r, 1, i == s->selected ? LOOK_REVERSE : LOOK_PLAIN, "%s", chinese ? w->name_zh : w->name);
        tell_points(n, rules_reward_price(v->pack, w, 0, v->tier));
        row_right(row, w->kind == REWARD_SLIDING ? tr("from %s") : "%s", n);
    }
    if (unasked)
        rows_add(r, 0, LOOK_PLAIN, "%s", tr("Line cut: no limited rewards for now."));
}

static void shift_rows(struct rows *r, const struct till_view *v)
{
    const struct view_shift *h = &v->shift;
    char m[PACK_MONEY_SIZE], n[POINTS_SIZE], since[TIME_TEXT_SIZE];
    row_right(rows_add(r, 0, LOOK_BOLD, tr("Shift of %s"),
              *v->cashier_name ? v->cashier_name : tr("this till")),
          tr("since %s"), tell_when(since, v, h->since_s));
    struct money taken = h->sold; /* what the drawer, cards and vouchers are counted against */
    if (!money_sub(&taken, taken, h->by_points) || !money_sub(&taken, taken, h->given_back))
        taken = money_of(0);
    rows_fact(r, 1, LOOK_PLAIN, tr("Sales"), "%d = %s", h->sales, tell_money(m, v, h->sold));
    rows_fact(r, 2, LOOK_PLAIN, tr("By points"), "%s = %s", tell_points(n, h->redeemed), tell_money(m, v, h->by_points));
    rows_fact(r, 2, LOOK_PLAIN, tr("Refunds"), "%d = %s", h->refunds, tell_money(m, v, h->given_back));
    rows_fact(r, 1, LOOK_BOLD, tr("Money taken"), "%s", tell_money(m, v, taken));
    rows_fact(r, 3, LOOK_PLAIN, tr("Points earned"), "%s", tell_points(n, h->earned));
    rows_fact(r, 4, LOOK_PLAIN, tr("Goodwill"), "%d = %s", h->grants, tell_points(n, h->granted));
    rows_fact(r, 5, LOOK_PLAIN, tr("New members"), "%d", h->joins);
    rows_fact(r, 6, LOOK_PLAIN, tr("Rated 1, 2, 3"), tr("%d satisfied, %d will return, %d recommend"), h->ratings[0],
         h->ratings[1], h->ratings[2]);
}

static void redeem_rows(struct rows *r, const struct till_view *v)
{
    char m[PACK_MONEY_SIZE], n[POINTS_SIZE];
    row_right(rows_add(r, 1, LOOK_BOLD, "%s", tr("Redeem")), tr("Total %s"),
          tell_money(m, v, v->bill ? v->bill->total : money_of(0)));
    rows_fact(r, 0, LOOK_BOLD, tr("All allowed"), "%s = %s", tell_points(n, v->offer.most),
         tell_money(m, v, v->offer.most_value));
    if (v->offer.limit != REDEEM_OK)
        rows_prose(r, 4, LOOK_PLAIN, 0, redeem_answer_text(v->offer.limit));
    rows_prose(r, 5, LOOK_PLAIN, 0,
          tr("Enter takes all that is allowed. Or type points, or money after Tab."));
}

static void grant_rows(struct rows *r, const struct till_view *v)
{
    char name[MEMBER_TEXT_SIZE];
    rows_add(r, 0, LOOK_BOLD, tr("Goodwill points for %s"), *v->name ? v->name : tell_who(name, v->member));
    for (int i = 0; screen_reason(i); i++)
        rows_add(r, 2, LOOK_PLAIN, "%d %s", i + 1, screen_reason(i));
    rows_prose(r, 3, LOOK_PLAIN, 0, tr("The reason is a digit, or typed."));
}

void screen_page_rows(struct rows *r, const struct screen *s, const struct till_view *v, int room)
{
    char card[MEMBER_TEXT_SIZE];
    switch (screen_page_now(s, v)) {
    case PAGE_PRICE:
        rows_fact(r, 0, LOOK_BOLD, tr("Article"), "%s", s->line.sku);
        rows_blank(r);
        /* fall through */
    case PAGE_SALE:
        screen_sale_rows(r, s, v);
        return;
    case PAGE_LOGIN:
        rows_add(r, 0, LOOK_BOLD, "%s", tr("Who works at this till?"));
        rows_blank(r);
        rows_prose(r, 1, LOOK_PLAIN, 0,
              tr("Type your number and PIN, or hold your badge to the reader, then press Enter."));
        return;
    case PAGE_MENU:
        menu_rows(r, s, v, room);
        return;
    case PAGE_HELP:
        help_rows(r, s->selected);
        return;
    case PAGE_WHO:
        rows_add(r, 0, LOOK_BOLD, "%s", tr("A member without a card"));
        rows_prose(r, 1, LOOK_PLAIN, 0,
              tr("Such a member earns always, and redeems only while the line is up."));
        return;
    case PAGE_PIN:
        rows_add(r, 0, LOOK_BOLD, "%s", tr("The member types the PIN."));
        rows_prose(r, 1, LOOK_PLAIN, 0, tr("Turn the keyboard to the member. It is not shown."));
        return;
    case PAGE_REDEEM:
        redeem_rows(r, v);
        return;
    case PAGE_REWARDS:
        reward_rows(r, s, v, room);
        return;
    case PAGE_COUPON:
        rows_add(r, 0, LOOK_BOLD, "%s", tr("A coupon"));
        rows_prose(r, 1, LOOK_PLAIN, 0, tr("Scan the coupon, or type its code."));
        return;
    case PAGE_PARKED:
        parked_rows(r, v);
        return;
    case PAGE_RECEIPT:
        rows_add(r, 0, LOOK_BOLD, "%s",
            s->receipt_for == ACT_REPRINT ? tr("Print which receipt again?")
                                          : tr("Goods come back"));
        rows_prose(r, 1, LOOK_PLAIN, 0,
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
        rows_add(r, 0, LOOK_BOLD, "%s", tr("Money back, no goods"));
        rows_prose(r, 1, LOOK_PLAIN, 0,
              tr("It comes off all lines of the receipt in proportion, and so do the points."));
        return;
    case PAGE_JOIN:
        rows_prose(r, 0, LOOK_BOLD, 0, tr("This card is ours and nobody's yet."));
        rows_prose(r, 1, LOOK_PLAIN, 0,
              tr("Enter makes it the card of a new member, without a name. It earns at once."));
        rows_prose(r, 2, LOOK_PLAIN, 0, tr("A name may be added at the next tap: menu, Name, telephone."));
        return;
    case PAGE_PERSON:
        rows_add(r, 0, LOOK_BOLD, tr("Who is %s?"), tell_who(card, v->member));
        rows_prose(r, 1, LOOK_PLAIN, 0,
              tr("Ask first: head office stores this only when the member agrees."));
        return;
    case PAGE_REPLACE:
        rows_add(r, 0, LOOK_BOLD, tr("A new card for %s"), *v->name ? v->name : tell_who(card, v->member));
        rows_prose(r, 1, LOOK_PLAIN, 0,
              tr("The lost card is blocked, its points go to the new one. Press Enter, then hold "
                 "the new card to the reader."));
        return;
    case PAGE_GRANT:
        grant_rows(r, v);
        return;
    case PAGE_APPROVE:
        rows_add(r, 0, LOOK_BOLD, "%s", tr("A supervisor has to allow this"));
        rows_prose(r, 1, LOOK_PLAIN, 0,
              tr("Number and PIN of the supervisor, or the badge on the reader, then Enter."));
        return;
    case PAGE_SHIFT:
        shift_rows(r, v);
        return;
    case SCREEN_PAGES:
        break;
    }
}
