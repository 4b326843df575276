/* screen_keys.c - see screen.h: what can be done now, and the keys and letters it is done with.  One list for the key
 * row, for the keys and for the menu: a key that is not on the screen does nothing.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/screen/screen_inside.h"

#include "base/date.h"
#include "base/tr.h"

#include <assert.h>
#include <string.h>

/* ---- what the sale allows ---- */

enum screen_page screen_page_now(const struct screen *s, const struct till_view *v)
{
    if (v->staffed && v->cashier == 0 && s->page != PAGE_HELP)
        return PAGE_LOGIN;
    return s->page;
}

bool screen_shows_receipt(const struct screen *s, const struct till_view *v)
{
    return v->state == SALE_DONE && entry_is(v->last.entry) &&
           !entry_equal(v->last.entry, s->dismissed);
}

int32_t screen_lines(const struct till_view *v)
{
    return v->state != SALE_DONE && v->bill ? v->bill->line_count : 0;
}

bool screen_is_idle(const struct screen *s, const struct till_view *v)
{
    return (v->state == SALE_DONE && !screen_shows_receipt(s, v)) ||
           (v->state == SALE_IDLE && screen_lines(v) == 0 && !(v->bill && v->bill->coupon_count));
}

bool screen_takes_lines(const struct till_view *v)
{
    return v->state == SALE_IDLE || v->state == SALE_IDENTIFIED || v->state == SALE_TOTALLED ||
           v->state == SALE_DONE;
}

int screen_rewards(const struct till_view *v, const struct pack_reward **out, bool *unasked)
{
    int count = 0;
    *unasked = false;
    int32_t day = day_of_time(v->now_s);
    for (int32_t i = 0; v->pack && i < v->pack->reward_count; i++) {
        const struct pack_reward *r = &v->pack->rewards[i];
        bool theirs = !r->tiers || r->tiers >> (pack_get_tier(v->pack, v->tier) - v->pack->tiers) & 1;
        bool now = (!r->from_day || day >= r->from_day) && (!r->to_day || day <= r->to_day);
        bool counted = r->stock || r->per_member; /* head office gives them out */
        if (theirs && now && counted && !(v->told && v->online))
            *unasked = true;
        else if (theirs && now)
            out[count++] = r;
    }
    return count;
}

static bool has_rewards(const struct till_view *v)
{
    const struct pack_reward *rewards[PACK_REWARDS_MAX];
    bool unasked;
    return screen_rewards(v, rewards, &unasked) > 0 || unasked; /* the page says why they are not given */
}

/* Does any rule ask for one? */
static bool has_coupons(const struct pack *p)
{
    bool any = false;
    for (int32_t i = 0; p && i < p->multiplier_count; i++)
        any |= *p->multipliers[i].scope.coupon != 0;
    for (int32_t i = 0; p && i < p->bonus_count; i++)
        any |= *p->bonuses[i].scope.coupon != 0;
    for (int32_t i = 0; p && i < p->stamp_count; i++)
        any |= *p->stamps[i].scope.coupon != 0;
    for (int32_t i = 0; p && i < p->rebate_count; i++)
        any |= *p->rebates[i].scope.coupon != 0;
    return any;
}

static bool has_member(const struct till_view *v)
{
    return v->means != MEANS_NONE && (v->state == SALE_IDENTIFIED || v->state == SALE_TOTALLED);
}

bool screen_can(const struct screen *s, const struct till_view *v, enum action action)
{
    bool idle = screen_is_idle(s, v), done = screen_shows_receipt(s, v), typed = *s->field[0] != 0;
    bool open = v->state == SALE_IDLE || v->state == SALE_IDENTIFIED;
    bool closed = v->state == SALE_TOTALLED;
    bool ends = action == ACT_VOID || action == ACT_VOID_SURE || action == ACT_GIVE_UP;
    if (s->busy != VERB_NONE && !ends && action != ACT_LANGUAGE)
        return false;
    switch (action) {
    case ACT_HELP:
    case ACT_LANGUAGE:
        return true;
    case ACT_TOTAL:
        return screen_takes_lines(v) && s->page == PAGE_SALE && typed && screen_lines(v) == 0;
    case ACT_WHO:
        return open || closed || v->state == SALE_DONE;
    case ACT_REDEEM:
        return (closed && v->means != MEANS_NONE && points_n(v->offer.most) > 0) ||
               v->state == SALE_HOLDING;
    case ACT_REWARD:
        return closed && v->means != MEANS_NONE && has_rewards(v);
    case ACT_COUPON:
        return (open || closed) && has_coupons(v->pack);
    case ACT_PAY:
        return v->state == SALE_TOTALLED || v->state == SALE_DEBITED;
    case ACT_PARK:
        return screen_lines(v) > 0 && (open || closed);
    case ACT_PARKED:
        return v->parked_count > 0 && idle;
    case ACT_REFUND:
        return idle || done || (v->state == SALE_IDENTIFIED && screen_lines(v) == 0);
    case ACT_VOID:
    case ACT_VOID_SURE:
        return !idle && !done && v->state != SALE_COMMITTING && v->state != SALE_INTENDING &&
               v->state != SALE_CLOSING;
    case ACT_GIVE_UP:
        return v->state == SALE_DOUBT || v->state == SALE_HOLDING || v->state == SALE_PREPARING;
    case ACT_LINES:
        return screen_lines(v) > 0 && (open || closed);
    case ACT_RATE_1:
    case ACT_RATE_2:
    case ACT_RATE_3:
        return done && !v->last.refund && !entry_equal(v->last.entry, s->rated);
    case ACT_JOIN:
        return v->fresh_card && (idle || done || open || closed);
    case ACT_PERSON: /* head office has to know which member that is: from the next tap on when it has just joined */
        return has_member(v) && v->member != 0;
    case ACT_GRANT:
        return has_member(v);
    case ACT_REPLACE:
        return has_member(v) && v->means != MEANS_CARD;
    case ACT_REPRINT:
        return v->printer != PART_NONE && (idle || done);
    case ACT_UNPRINT:
        return v->receipts_waiting > 0 && !v->training && (idle || done);
    case ACT_DRAWER:
        return v->printer != PART_NONE;
    case ACT_SHIFT:
        return v->cashier != 0 || !v->staffed;
    case ACT_TRAIN:
        return idle || done;
    case ACT_SYNC:
        return v->has_line;
    case ACT_LOGOUT:
        return v->cashier != 0 && (idle || done);
    case ACT_MENU:
        return v->cashier != 0 || !v->staffed;
    case ACT_NONE:
    case ACT_ENTER:
    case ACT_BACK:
    case ACT_NEXT:
    case ACT_WHOLE:
    case ACT_AMOUNT:
    case ACT_DO:
    case ACT_UP:
    case ACT_DOWN:
    case ACT_APPROVE:
    case ACTIONS:
        break;
    }
    return false;
}

/* ---- the menu: every action that has a letter and is possible ---- */

static const char languages[] =
    "\u4e2d\u6587 / English"; /* each in its own, to be found by who needs it */
static const struct {
    enum action action;
    char letter;
    const char *label;
} menu[] = {
    {ACT_WHO, 'm', TR_LATER("Member, no card")},
    {ACT_REDEEM, 'e', TR_LATER("Redeem points")},
    {ACT_REWARD, 'w', TR_LATER("Rewards")},
    {ACT_COUPON, 'i', TR_LATER("Coupon")},
    {ACT_PAY, 'y', TR_LATER("Pay")},
    {ACT_GIVE_UP, 'u', TR_LATER("Card gone: give up")},
    {ACT_VOID, 'v', TR_LATER("Cancel this sale")},
    {ACT_LINES, 'x', TR_LATER("Take a line off")},
    {ACT_PARK, 'k', TR_LATER("Park this bill")},
    {ACT_PARKED, 'b', TR_LATER("Parked bills")},
    {ACT_REFUND, 'r', TR_LATER("Refund")},
    {ACT_RATE_1, '1', TR_LATER("Satisfied")},
    {ACT_RATE_2, '2', TR_LATER("Will return")},
    {ACT_RATE_3, '3', TR_LATER("Will recommend")},
    {ACT_GRANT, 'g', TR_LATER("Goodwill points")},
    {ACT_JOIN, 'j', TR_LATER("Enrol the card")},
    {ACT_PERSON, 'n', TR_LATER("Name, telephone")},
    {ACT_REPLACE, 'c', TR_LATER("Replace lost card")},
    {ACT_REPRINT, 'p', TR_LATER("Print again")},
    {ACT_UNPRINT, 'f', TR_LATER("Drop old receipts")},
    {ACT_DRAWER, 'd', TR_LATER("Open drawer")},
    {ACT_SYNC, 'o', TR_LATER("Send to office")},
    {ACT_SHIFT, 's', TR_LATER("Shift report")},
    {ACT_TRAIN, 't', TR_LATER("Training on/off")},
    {ACT_LANGUAGE, 'l', languages},
    {ACT_HELP, 'h', TR_LATER("Help")},
    {ACT_LOGOUT, 'q', TR_LATER("Log out")},
};

char screen_menu_letter(const struct screen *s, const struct till_view *v, enum action action)
{
    for (size_t i = 0; i < sizeof menu / sizeof menu[0]; i++)
        if (menu[i].action == action)
            return screen_can(s, v, action) ? menu[i].letter : 0;
    return 0;
}

const char *screen_menu_label(int i, enum action *action)
{
    if (i < 0 || (size_t)i >= sizeof menu / sizeof menu[0])
        return NULL;
    *action = menu[i].action;
    return tr(menu[i].label);
}

enum action screen_menu_action(const struct screen *s, const struct till_view *v, uint32_t character)
{
    if (character >= 'A' && character <= 'Z')
        character += 'a' - 'A';
    for (size_t i = 0; i < sizeof menu / sizeof menu[0]; i++)
        if ((uint32_t)menu[i].letter == character && screen_can(s, v, menu[i].action))
            return menu[i].action;
    return ACT_NONE;
}

/* ---- the key row ---- */

struct hints {
    struct screen_hint *out;
    int count;
};

static void hint(struct hints *h, enum key_kind key, enum action action, const char *label)
{
    assert(h->count < SCREEN_HINTS_MAX);
    h->out[h->count++] = (struct screen_hint){key, action, label};
}

static void hint_if(struct hints *h, const struct screen *s, const struct till_view *v, int f,
                    enum action action, const char *label)
{
    if (screen_can(s, v, action))
        hint(h, (enum key_kind)(KEY_IS_F1 + f - 1), action, label);
}

/* While something is typed nothing else can be done with the bill: it would be lost, and not be paid. */
static void typed_hints(struct hints *h, const struct screen *s, const struct till_view *v)
{
    struct txn_line line;
    enum meaning m = screen_meaning(s, v, &line);
    if (s->busy == VERB_NONE) {
        hint(h, KEY_IS_ENTER, ACT_ENTER,
             m == MEANS_RECEIPT       ? tr("Refund")
             : m == MEANS_MEMBER_CODE ? tr("Member")
             : m == MEANS_ARTICLE     ? tr("Article")
                                      : tr("Add"));
        if (m == MEANS_LINE && strcmp(line.sku, "ITEM") == 0)
            hint_if(h, s, v, 2, ACT_TOTAL, tr("Total"));
    }
    hint(h, KEY_IS_ESCAPE, ACT_BACK, tr("Clear"));
}

static void sale_hints(struct hints *h, const struct screen *s, const struct till_view *v)
{
    bool done = screen_shows_receipt(s, v), free = s->busy == VERB_NONE;
    if (*s->field[0] && screen_takes_lines(v)) {
        typed_hints(h, s, v);
        return;
    }
    if (free && done) {
        hint(h, KEY_IS_ENTER, ACT_ENTER, tr("Next"));
        hint_if(h, s, v, 2, ACT_RATE_1, tr("Satisfied"));
        hint_if(h, s, v, 3, ACT_RATE_2, tr("Will return"));
        hint_if(h, s, v, 4, ACT_RATE_3, tr("Will recommend"));
    } else if (free && screen_lines(v) > 0 && (v->state == SALE_IDLE || v->state == SALE_IDENTIFIED)) {
        hint(h, KEY_IS_ENTER, ACT_ENTER, tr("Total"));
    }
    if (!done)
        hint_if(h, s, v, 3, ACT_WHO, tr("Member"));
    hint_if(h, s, v, 4, ACT_REDEEM, tr("Redeem"));
    hint_if(h, s, v, 10, ACT_REWARD, tr("Rewards"));
    hint_if(h, s, v, 5, ACT_PAY, tr("Pay"));
    hint_if(h, s, v, 6, ACT_PARK, tr("Park"));
    hint_if(h, s, v, 6, ACT_PARKED, tr("Take up"));
    hint_if(h, s, v, 7, ACT_REFUND, tr("Refund"));
    hint_if(h, s, v, 8, ACT_VOID, tr("Cancel"));
    hint_if(h, s, v, 9, ACT_GIVE_UP, v->state == SALE_PREPARING ? tr("Without points") : tr("Give up"));
    hint_if(h, s, v, 9, ACT_LINES, tr("Line off"));
    hint_if(h, s, v, 1, ACT_HELP, tr("Help"));
    if (screen_can(s, v, ACT_MENU))
        hint(h, KEY_IS_TAB, ACT_MENU, tr("Menu"));
}

static void refund_hints(struct hints *h, const struct screen *s, const struct till_view *v)
{
    const struct txn *original = screen_original(s, v);
    if (original) {
        hint(h, KEY_IS_F1 + 1, ACT_WHOLE, tr("Whole"));
        if (s->selected > 0)
            hint(h, KEY_IS_UP, ACT_UP, tr("one up"));
        if (s->selected + 1 < original->line_count)
            hint(h, KEY_IS_DOWN, ACT_DOWN, tr("one down"));
    }
    bool all = original && !*s->field[0] && s->selected < original->line_count && screen_back(s, s->selected) > 0 &&
               screen_back(s, s->selected) == v->left[s->selected];
    hint(h, KEY_IS_ENTER, ACT_ENTER, all ? tr("Not this one") : tr("Take back"));
    hint(h, KEY_IS_F1 + 2, ACT_AMOUNT, tr("Money only"));
    if (s->back_count > 0)
        hint(h, KEY_IS_F1 + 4, ACT_DO, tr("Give back"));
}

/* What Enter is called on each page; NULL: it does nothing there, or it depends. */
static const char *const enter_labels[SCREEN_PAGES] = {
    [PAGE_PRICE] = TR_LATER("Add"),        [PAGE_WHO] = TR_LATER("Find"),
    [PAGE_REWARDS] = TR_LATER("Redeem"),   [PAGE_COUPON] = TR_LATER("Add"),
    [PAGE_AMOUNT] = TR_LATER("Give back"), [PAGE_LINES] = TR_LATER("Take off"),
    [PAGE_JOIN] = TR_LATER("Enrol"),       [PAGE_REPLACE] = TR_LATER("Then tap the new card"),
    [PAGE_GRANT] = TR_LATER("Give"),       [PAGE_PIN] = TR_LATER("Done"),
    [PAGE_PERSON] = TR_LATER("Done"),
};

static const char *enter_label(enum screen_page page, const struct screen *s)
{
    if (page == PAGE_LOGIN || page == PAGE_APPROVE)
        return !*s->field[0] ? tr("Badge") : page == PAGE_LOGIN ? tr("Log in") : tr("Allow");
    if (page == PAGE_REDEEM)
        return *s->field[0] || *s->field[1] ? tr("Redeem") : tr("All of it");
    if (page == PAGE_RECEIPT)
        return s->receipt_for == ACT_REPRINT ? tr("Print") : tr("Find");
    return enter_labels[page] ? tr(enter_labels[page]) : NULL;
}

int screen_keys(const struct screen *s, const struct till_view *v,
                struct screen_hint out[SCREEN_HINTS_MAX])
{
    const struct field_kind *kind;
    struct hints h = {out, 0};
    enum screen_page page = screen_page_now(s, v);
    if (page == PAGE_SALE) {
        sale_hints(&h, s, v);
        return h.count;
    }
    if (s->busy == VERB_NONE) {
        const char *label = enter_label(page, s);
        if (page == PAGE_REFUND)
            refund_hints(&h, s, v);
        else if (label)
            hint(&h, KEY_IS_ENTER, ACT_ENTER, label);
        if (screen_fields(s, v, &kind) > 1)
            hint(&h, KEY_IS_TAB, ACT_NEXT, tr("Next field"));
        const struct pack_reward *rewards[PACK_REWARDS_MAX];
        bool unasked;
        int rows = page == PAGE_HELP      ? SCREEN_HELP_ROWS
                   : page == PAGE_LINES   ? screen_lines(v)
                   : page == PAGE_REWARDS ? screen_rewards(v, rewards, &unasked)
                                          : 0;
        if (rows && s->selected > 0)
            hint(&h, KEY_IS_UP, ACT_UP, tr("one up"));
        if (s->selected + 1 < rows)
            hint(&h, KEY_IS_DOWN, ACT_DOWN, tr("one down"));
        if (page == PAGE_PIN)
            hint(&h, KEY_IS_F1 + 8, ACT_APPROVE, tr("Supervisor"));
    }
    if (page == PAGE_VOID)
        hint_if(&h, s, v, 8, ACT_VOID_SURE, tr("Yes, cancel"));
    if (page == PAGE_LOGIN)
        hint(&h, KEY_IS_F1 + 8, ACT_LANGUAGE, languages);
    else
        hint(&h, KEY_IS_ESCAPE, ACT_BACK, tr("Back"));
    if (page == PAGE_REPLACE || page == PAGE_WHO || page == PAGE_REDEEM)
        if (s->busy != VERB_NONE)
            hint_if(&h, s, v, 8, ACT_VOID, tr("Cancel"));
    return h.count;
}
