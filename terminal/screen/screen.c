/* screen.c - see screen.h: which keys work where, and the command that comes of them.  What is typed is
 * screen_typed.c, what is drawn screen_draw.c.  Read screen_key first.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/screen/screen_inside.h"

#include "base/bytes.h"
#include "base/date.h"
#include "base/tr.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

enum { SYNC_MS = 3000 }; /* who asked for it has a queue */

void screen_init(struct screen *s)
{
    memset(s, 0, sizeof *s);
}

/* ---- small helpers ---- */

void screen_copy(char *out, size_t size, const char *text)
{
    size_t n = strnlen(text, size - 1);
    memmove(out, text, n);
    memset(out + n, 0, size - n);
}

static void say(struct screen *s, enum look look, const char *text)
{
    screen_copy(s->message, sizeof s->message, text);
    s->message_look = look;
}

static void clear_fields(struct screen *s)
{
    bytes_wipe(s->field, sizeof s->field);
    s->focus = 0;
    s->first_ms = s->last_ms = 0;
    s->held = 0;
}

static void go(struct screen *s, enum screen_page page)
{
    clear_fields(s);
    s->page = page;
    s->selected = 0;
}

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

static int32_t lines_of(const struct till_view *v)
{
    return v->state != SALE_DONE && v->bill ? v->bill->line_count : 0;
}

bool screen_is_idle(const struct screen *s, const struct till_view *v)
{
    return (v->state == SALE_DONE && !screen_shows_receipt(s, v)) ||
           (v->state == SALE_IDLE && lines_of(v) == 0 && !(v->bill && v->bill->coupon_count));
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

static bool can(const struct screen *s, const struct till_view *v, enum action action)
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
        return screen_takes_lines(v) && s->page == PAGE_SALE && typed && lines_of(v) == 0;
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
        return lines_of(v) > 0 && (open || closed);
    case ACT_PARKED:
        return v->parked_count > 0 && idle;
    case ACT_REFUND:
        return idle || done || (v->state == SALE_IDENTIFIED && lines_of(v) == 0);
    case ACT_VOID:
    case ACT_VOID_SURE:
        return !idle && !done && v->state != SALE_COMMITTING && v->state != SALE_INTENDING &&
               v->state != SALE_CLOSING;
    case ACT_GIVE_UP:
        return v->state == SALE_DOUBT || v->state == SALE_HOLDING || v->state == SALE_PREPARING;
    case ACT_LINES:
        return lines_of(v) > 0 && (open || closed);
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
        return v->receipts_waiting > 0 && (idle || done);
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

static const char both_languages[] =
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
    {ACT_LANGUAGE, 'l', both_languages},
    {ACT_HELP, 'h', TR_LATER("Help")},
    {ACT_LOGOUT, 'q', TR_LATER("Log out")},
};

char screen_menu_letter(const struct screen *s, const struct till_view *v, enum action action)
{
    for (size_t i = 0; i < sizeof menu / sizeof menu[0]; i++)
        if (menu[i].action == action)
            return can(s, v, action) ? menu[i].letter : 0;
    return 0;
}

const char *screen_menu_label(int i, enum action *action)
{
    if (i < 0 || (size_t)i >= sizeof menu / sizeof menu[0])
        return NULL;
    *action = menu[i].action;
    return tr(menu[i].label);
}

/* ---- commands ---- */

static const struct screen_effects nothing = {NULL, NULL};

static struct command *begin(struct screen *s, enum verb verb)
{
    memset(&s->command, 0, sizeof s->command);
    s->command.verb = verb;
    s->again = false;
    return &s->command;
}

static struct screen_effects ask(struct screen *s, const struct command *c)
{
    s->busy = c->verb;
    s->tapped = c->verb == VERB_IDENTIFY;
    s->message[0] = 0;
    return (struct screen_effects){.ask = c};
}

/* The same, of what is typed on the sale page.  The field is free at once: what is typed or scanned before the
 * answer comes is the next thing. */
static struct screen_effects ask_typed(struct screen *s, const struct command *c)
{
    memcpy(s->typed, s->field[0], sizeof s->typed);
    s->typed_first_ms = s->first_ms;
    s->typed_last_ms = s->last_ms;
    clear_fields(s);
    return ask(s, c);
}

static struct screen_effects ask_plain(struct screen *s, enum verb verb)
{
    return ask(s, begin(s, verb));
}

static struct screen_effects ask_line(struct screen *s, const struct txn_line *line)
{
    s->line = *line;
    struct command *c = begin(s, VERB_LINE);
    c->line = &s->line;
    return s->page == PAGE_SALE ? ask_typed(s, c) : ask(s, c);
}

static struct screen_effects ask_who(struct screen *s, enum txn_means means, const char *value)
{
    screen_copy(s->value, sizeof s->value, value);
    struct command *c = begin(s, VERB_IDENTIFY);
    c->means = means;
    c->value = s->value;
    return s->page == PAGE_SALE ? ask_typed(s, c) : ask(s, c);
}

static struct screen_effects ask_receipt(struct screen *s, enum verb verb, struct entry_id receipt)
{
    struct command *c = begin(s, verb);
    c->receipt = receipt;
    return s->page == PAGE_SALE ? ask_typed(s, c) : ask(s, c);
}

/* What was typed can be mended; what was scanned is in the way of the next. */
static struct screen_effects complain(struct screen *s, const char *sentence)
{
    if (screen_is_scanned(s))
        memset(s->field[s->focus], 0, sizeof s->field[s->focus]);
    say(s, LOOK_BAD, sentence);
    return nothing;
}

/* ---- Enter, page by page ---- */

static struct screen_effects enter_sale(struct screen *s, const struct till_view *v)
{
    struct txn_line line;
    struct entry_id receipt;
    if (!*s->field[0]) {
        if (screen_shows_receipt(s, v)) {
            s->dismissed = v->last.entry;
            s->message[0] = 0;
            return nothing;
        }
        return ask_plain(s, VERB_TOTAL);
    }
    switch (screen_meaning(s, v, &line)) {
    case MEANS_LINE:
        return ask_line(s, &line);
    case MEANS_ARTICLE:
        s->line = line;
        go(s, PAGE_PRICE);
        s->message[0] = 0;
        return nothing;
    case MEANS_MEMBER_CODE:
        return ask_who(s, MEANS_CODE, s->field[0]);
    case MEANS_RECEIPT:
        if (entry_parse(&receipt, s->field[0]) || !can(s, v, ACT_REFUND))
            return complain(s, tr("Finish or park this bill first: then goods can come back."));
        s->receipt_for = ACT_REFUND;
        s->receipt = receipt;
        return ask_receipt(s, VERB_RECEIPT, receipt);
    case MEANS_NOTHING:
        break;
    }
    return complain(s, tr("This is no price and no code. Examples: 4.25, 3x4.25, 22423 4.25."));
}

static struct screen_effects enter_price(struct screen *s, const struct till_view *v)
{
    struct txn_line line = s->line;
    if (!screen_read_price(&line, s->field[0], v->pack))
        return complain(s, tr("This is no price. Examples: 4.25, 3x4.25."));
    return ask_line(s, &line);
}

static struct screen_effects ask_staff(struct screen *s, struct command *c)
{
    const char *number = s->field[0];
    int64_t n = 0;
    if (*number && !screen_read_number(&n, &number))
        return complain(s, tr("This is no number of a cashier."));
    screen_copy(s->pin, sizeof s->pin, s->field[1]);
    c->staff = (uint32_t)n; /* 0: by the badge that was tapped last */
    c->pin = s->pin;
    clear_fields(s);
    return ask(s, c);
}

static struct screen_effects enter_who(struct screen *s)
{
    const char *text = s->field[0];
    member_id member;
    if (!*text)
        return complain(s, tr("Type a telephone number, a member number (M12) or scan a code."));
    if (strncasecmp(text, "P1", 2) == 0)
        return ask_who(s, MEANS_CODE, text);
    if (member_parse(&member, text) == OK)
        return ask_who(s, MEANS_REGISTER, text);
    return ask_who(s, MEANS_PHONE, text);
}

static struct screen_effects enter_redeem(struct screen *s, const struct till_view *v)
{
    const char *points = s->field[0], *amount = s->field[1];
    int64_t n;
    struct command *c = begin(s, VERB_REDEEM);
    if (*points) {
        if (!screen_read_number(&n, &points) || n == 0)
            return complain(s, tr("This is no number of points."));
        c->points = points_of(n);
    } else if (*amount) {
        if (!screen_read_money(&c->money, &amount, v->pack) || *amount ||
            money_minor(c->money) == 0)
            return complain(s, tr("This is no amount of money."));
    } else {
        c->all = true;
    }
    go(s, PAGE_SALE); /* which says whose card is waited for */
    return ask(s, c);
}

static struct screen_effects enter_reward(struct screen *s, const struct till_view *v)
{
    const struct pack_reward *rewards[PACK_REWARDS_MAX];
    bool unasked;
    int count = screen_rewards(v, rewards, &unasked);
    if (s->selected >= count)
        return nothing;
    screen_copy(s->value, sizeof s->value, rewards[s->selected]->code);
    struct command *c = begin(s, VERB_REDEEM);
    c->reward = s->value;
    go(s, PAGE_SALE);
    return ask(s, c);
}

static struct screen_effects enter_coupon(struct screen *s)
{
    if (!*s->field[0])
        return complain(s, tr("Scan the coupon, or type its code."));
    screen_copy(s->value, sizeof s->value, s->field[0]);
    struct command *c = begin(s, VERB_COUPON);
    c->value = s->value;
    return ask(s, c);
}

static struct screen_effects enter_pin(struct screen *s)
{
    if (!*s->field[0])
        return complain(s, tr("The member types the PIN."));
    screen_copy(s->pin, sizeof s->pin, s->field[0]);
    s->command.pin = s->pin;
    go(s, PAGE_SALE);
    s->again = false;
    return ask(s, &s->command);
}

static struct screen_effects enter_receipt(struct screen *s)
{
    if (entry_parse(&s->receipt, s->field[0]))
        return complain(s, tr("A receipt's number is like T0007-123: scan it, or type it."));
    return ask_receipt(s, s->receipt_for == ACT_REPRINT ? VERB_REPRINT : VERB_RECEIPT, s->receipt);
}

/* The sale whose lines are known here. */
const struct txn *screen_original(const struct screen *s, const struct till_view *v)
{
    return v->receipt && entry_equal(v->receipt->id, s->receipt) ? v->receipt : NULL;
}

/* Which of the lines that come back is this one of the receipt; -1: it does not come back. */
static int32_t back_of(const struct screen *s, int32_t row)
{
    for (int32_t i = 0; i < s->back_count; i++)
        if (s->back_row[i] == row)
            return i;
    return -1;
}

int32_t screen_back(const struct screen *s, int32_t row)
{
    int32_t i = back_of(s, row);
    return i < 0 ? 0 : s->back[i].quantity;
}

static void leave_there(struct screen *s, int32_t row)
{
    int32_t i = back_of(s, row);
    if (i < 0)
        return;
    s->back_count--;
    memmove(&s->back[i], &s->back[i + 1], (size_t)(s->back_count - i) * sizeof s->back[0]);
    memmove(&s->back_row[i], &s->back_row[i + 1], (size_t)(s->back_count - i) * sizeof s->back_row[0]);
}

/* So many pieces of one line of the receipt, at its price; instead of what was said of it before. */
static struct screen_effects take_back(struct screen *s, const struct till_view *v, const struct txn_line *of,
                                       int32_t row, int64_t pieces)
{
    int64_t share;
    if (pieces < 0 || pieces > v->left[row])
        return complain(s, tr("So many were not bought, or are back already."));
    leave_there(s, row);
    if (pieces > 0 && s->back_count == SCREEN_BACK_MAX)
        return complain(s, tr("No more lines in one refund. Give these back first."));
    if (pieces > 0) {
        if (!ratio_floor(&share, money_minor(of->amount), pieces, of->quantity))
            return complain(s, tr("This is no quantity."));
        s->back[s->back_count] = *of;
        s->back[s->back_count].quantity = (int32_t)pieces;
        s->back[s->back_count].amount = money_of(share);
        s->back_row[s->back_count++] = row;
    }
    s->selected = row;
    clear_fields(s);
    s->message[0] = 0;
    return nothing;
}

/* The line of the receipt that an article's code means: one that has a piece left; -1: none. */
static int32_t row_of_article(const struct screen *s, const struct till_view *v, const struct txn *original)
{
    int32_t row = -1;
    for (int32_t i = 0; i < original->line_count; i++)
        if (strcmp(original->lines[i].sku, s->field[0]) == 0 && (row < 0 || v->left[row] <= screen_back(s, row)))
            row = i;
    return row;
}

/* Nothing typed: all of the line that is selected, or, when all of it comes back already, nothing.  A number: so many of it.  An article: one piece more of it. */
static struct screen_effects enter_refund_here(struct screen *s, const struct till_view *v,
                                               const struct txn *original)
{
    const char *text = s->field[0];
    int32_t row = *text ? row_of_article(s, v, original) : -1;
    int64_t n;
    if (row >= 0)
        return take_back(s, v, &original->lines[row], row, screen_back(s, row) + 1);
    row = s->selected;
    if (row >= original->line_count)
        return nothing;
    n = v->left[row];
    if (*text && (screen_is_scanned(s) || !screen_read_number(&n, &text) || *text))
        return complain(s, tr("This is no quantity, and no article of this receipt."));
    if (n == 0 && screen_back(s, row) == 0)
        return complain(s, tr("So many were not bought, or are back already."));
    if (!*s->field[0] && n == screen_back(s, row))
        n = 0;
    return take_back(s, v, &original->lines[row], row, n);
}

/* Of another till: article and price, as often as they are typed. */
static struct screen_effects enter_refund_elsewhere(struct screen *s, const struct till_view *v)
{
    struct txn_line line;
    if (s->back_count == SCREEN_BACK_MAX)
        return complain(s, tr("No more lines in one refund. Give these back first."));
    if (screen_meaning(s, v, &line) != MEANS_LINE || strcmp(line.sku, "ITEM") == 0)
        return complain(s, tr("Type article and price as on the receipt, such as 22423 2x4.25."));
    s->back[s->back_count] = line;
    s->back_row[s->back_count++] = -1;
    clear_fields(s);
    s->message[0] = 0;
    return nothing;
}

static struct screen_effects enter_refund(struct screen *s, const struct till_view *v)
{
    const struct txn *original = screen_original(s, v);
    return original ? enter_refund_here(s, v, original) : enter_refund_elsewhere(s, v);
}

static struct screen_effects do_refund(struct screen *s, enum action how, struct money money)
{
    struct command *c = begin(s, VERB_REFUND);
    c->receipt = s->receipt;
    c->all = how == ACT_WHOLE;
    c->money = money;
    if (how == ACT_DO) {
        c->back = s->back;
        c->back_count = s->back_count;
    }
    return ask(s, c);
}

static struct screen_effects enter_amount(struct screen *s, const struct till_view *v)
{
    const char *text = s->field[0];
    struct money money;
    if (!screen_read_money(&money, &text, v->pack) || *text || money_minor(money) == 0)
        return complain(s, tr("This is no amount of money."));
    return do_refund(s, ACT_AMOUNT, money);
}

static struct screen_effects enter_person(struct screen *s)
{
    char yes = s->field[2][0];
    if (!*s->field[0] && !*s->field[1])
        return complain(s, tr("Type a telephone number or a name."));
    if (yes != 'y' && yes != 'Y')
        return complain(s, tr("Without the member's consent nothing is stored."));
    screen_copy(s->value, sizeof s->value, s->field[0]);
    screen_copy(s->text, sizeof s->text, s->field[1]);
    struct command *c = begin(s, VERB_PERSON);
    c->value = s->value;
    c->text = s->text;
    c->all = true;
    return ask(s, c);
}

static struct screen_effects enter_grant(struct screen *s)
{
    const char *points = s->field[0], *reason = s->field[1];
    int64_t n;
    if (!screen_read_number(&n, &points) || n == 0)
        return complain(s, tr("This is no number of points."));
    if (!*reason)
        return complain(s, tr("Say why: choose a digit, or type the reason."));
    screen_copy(s->text, sizeof s->text, screen_reason_of(reason));
    struct command *c = begin(s, VERB_GRANT);
    c->points = points_of(n);
    c->text = s->text;
    return ask(s, c);
}

static struct screen_effects enter(struct screen *s, const struct till_view *v)
{
    enum screen_page page = screen_page_now(s, v);
    const struct field_kind *kind;
    int count = screen_fields(s, v, &kind);
    if (count && screen_is_article_in(s, kind[s->focus].type))
        return complain(s, page == PAGE_PRICE ? tr("First the price of this article; then scan the next one.")
                                              : tr("An article was scanned: finish this first, or press Esc."));
    if (s->focus + 1 < count && page != PAGE_REDEEM && *s->field[s->focus]) {
        s->focus++;
        return nothing;
    }
    switch (page) {
    case PAGE_SALE:
        return enter_sale(s, v);
    case PAGE_LOGIN:
        return ask_staff(s, begin(s, VERB_LOGIN));
    case PAGE_PRICE:
        return enter_price(s, v);
    case PAGE_WHO:
        return enter_who(s);
    case PAGE_PIN:
        return enter_pin(s);
    case PAGE_REDEEM:
        return enter_redeem(s, v);
    case PAGE_REWARDS:
        return enter_reward(s, v);
    case PAGE_COUPON:
        return enter_coupon(s);
    case PAGE_RECEIPT:
        return enter_receipt(s);
    case PAGE_REFUND:
        return enter_refund(s, v);
    case PAGE_LINES: {
        struct command *c = begin(s, VERB_LINE);
        c->number = s->selected + 1;
        return ask(s, c);
    }
    case PAGE_AMOUNT:
        return enter_amount(s, v);
    case PAGE_JOIN:
        return ask_plain(s, VERB_JOIN);
    case PAGE_PERSON:
        return enter_person(s);
    case PAGE_REPLACE:
        return ask_plain(s, VERB_REPLACE);
    case PAGE_GRANT:
        return enter_grant(s);
    case PAGE_APPROVE:
        memset(&s->approval, 0, sizeof s->approval);
        s->approval.verb = VERB_APPROVE;
        return ask_staff(s, &s->approval);
    case PAGE_MENU:
    case PAGE_HELP:
    case PAGE_VOID:
    case PAGE_PARKED:
    case PAGE_SHIFT:
    case SCREEN_PAGES:
        break;
    }
    return nothing;
}

/* ---- actions ---- */

static struct screen_effects act(struct screen *s, const struct till_view *v, enum action action)
{
    struct txn_line line;
    struct command *c;
    switch (action) {
    case ACT_ENTER:
        return enter(s, v);
    case ACT_BACK:
        if (s->page == PAGE_SALE)
            clear_fields(s);
        else
            go(s, s->page == PAGE_AMOUNT ? PAGE_REFUND : PAGE_SALE);
        bytes_wipe(s->pin, sizeof s->pin);
        s->again = false;
        s->message[0] = 0;
        return nothing;
    case ACT_NEXT: {
        const struct field_kind *kind;
        s->focus = (s->focus + 1) % screen_fields(s, v, &kind);
        return nothing;
    }
    case ACT_UP:
        s->selected -= s->selected > 0;
        return nothing;
    case ACT_DOWN:
        s->selected++;
        return nothing;
    case ACT_TOTAL:
        if (screen_meaning(s, v, &line) != MEANS_LINE)
            return complain(s, tr("This is no amount of money."));
        c = begin(s, VERB_TOTAL);
        c->money = line.amount;
        return ask_typed(s, c);
    case ACT_HELP:
        go(s, PAGE_HELP);
        return nothing;
    case ACT_MENU:
        go(s, PAGE_MENU);
        return nothing;
    case ACT_WHO:
        go(s, PAGE_WHO);
        return nothing;
    case ACT_REDEEM:
        if (v->state == SALE_HOLDING) { /* head office did not answer: the same once more */
            begin(s, VERB_REDEEM)->all = true;
            return ask(s, &s->command);
        }
        go(s, PAGE_REDEEM);
        return nothing;
    case ACT_REWARD:
        go(s, PAGE_REWARDS);
        return nothing;
    case ACT_COUPON:
        go(s, PAGE_COUPON);
        return nothing;
    case ACT_LINES:
        go(s, PAGE_LINES);
        s->selected = lines_of(v) - 1;
        return nothing;
    case ACT_APPROVE:
        go(s, PAGE_APPROVE);
        return nothing;
    case ACT_PAY:
        go(s, PAGE_SALE);
        return ask_plain(s, VERB_PAY);
    case ACT_PARK:
        go(s, PAGE_SALE);
        return ask_plain(s, VERB_PARK);
    case ACT_PARKED:
        go(s, PAGE_PARKED);
        return nothing;
    case ACT_REFUND:
    case ACT_REPRINT:
        go(s, PAGE_RECEIPT);
        s->receipt_for = action;
        if (screen_shows_receipt(s, v))
            entry_text(s->field[0], v->last.entry);
        return nothing;
    case ACT_VOID:
        if (v->bill && (lines_of(v) > 0 || money_minor(v->bill->total) > 0)) {
            go(s, PAGE_VOID);
            return nothing;
        }
        go(s, PAGE_SALE);
        return ask_plain(s, VERB_CANCEL);
    case ACT_VOID_SURE:
        go(s, PAGE_SALE);
        return ask_plain(s, VERB_CANCEL);
    case ACT_GIVE_UP:
        go(s, PAGE_SALE);
        return ask_plain(s, VERB_GIVE_UP);
    case ACT_RATE_1:
    case ACT_RATE_2:
    case ACT_RATE_3:
        go(s, PAGE_SALE);
        c = begin(s, VERB_RATE);
        c->receipt = v->last.entry;
        c->number = 1 + (int32_t)action - ACT_RATE_1;
        return ask(s, c);
    case ACT_WHOLE:
        return do_refund(s, ACT_WHOLE, money_of(0));
    case ACT_AMOUNT:
        go(s, PAGE_AMOUNT);
        return nothing;
    case ACT_DO:
        return do_refund(s, ACT_DO, money_of(0));
    case ACT_JOIN:
        go(s, PAGE_JOIN);
        return nothing;
    case ACT_PERSON:
        go(s, PAGE_PERSON);
        return nothing;
    case ACT_REPLACE:
        go(s, PAGE_REPLACE);
        return nothing;
    case ACT_GRANT:
        go(s, PAGE_GRANT);
        return nothing;
    case ACT_UNPRINT:
        go(s, PAGE_SALE);
        return ask_plain(s, VERB_UNPRINT);
    case ACT_DRAWER:
        go(s, PAGE_SALE);
        return ask_plain(s, VERB_DRAWER);
    case ACT_SHIFT:
        go(s, PAGE_SALE);
        return ask_plain(s, VERB_SHIFT);
    case ACT_LANGUAGE:
        s->message[0] = 0; /* it is in the other language */
        return (struct screen_effects){.language = strcmp(tr_language(), "zh") == 0 ? "en" : "zh"};
    case ACT_TRAIN:
        go(s, PAGE_SALE);
        c = begin(s, VERB_TRAIN);
        c->all = !v->training;
        return ask(s, c);
    case ACT_SYNC:
        go(s, PAGE_SALE);
        c = begin(s, VERB_SYNC);
        c->wait_ms = SYNC_MS;
        return ask(s, c);
    case ACT_LOGOUT:
        go(s, PAGE_SALE);
        return ask_plain(s, VERB_LOGOUT);
    case ACT_NONE:
    case ACTIONS:
        break;
    }
    return nothing;
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
    if (can(s, v, action))
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
    } else if (free && lines_of(v) > 0 && (v->state == SALE_IDLE || v->state == SALE_IDENTIFIED)) {
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
    if (can(s, v, ACT_MENU))
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

static const char *enter_label(enum screen_page page, const struct screen *s)
{
    switch (page) {
    case PAGE_LOGIN:
        return *s->field[0] ? tr("Log in") : tr("Badge");
    case PAGE_PRICE:
        return tr("Add");
    case PAGE_WHO:
        return tr("Find");
    case PAGE_REDEEM:
        return *s->field[0] || *s->field[1] ? tr("Redeem") : tr("All of it");
    case PAGE_REWARDS:
        return tr("Redeem");
    case PAGE_COUPON:
        return tr("Add");
    case PAGE_RECEIPT:
        return s->receipt_for == ACT_REPRINT ? tr("Print") : tr("Find");
    case PAGE_AMOUNT:
        return tr("Give back");
    case PAGE_LINES:
        return tr("Take off");
    case PAGE_JOIN:
        return tr("Enrol");
    case PAGE_REPLACE:
        return tr("Then tap the new card");
    case PAGE_GRANT:
        return tr("Give");
    case PAGE_APPROVE:
        return *s->field[0] ? tr("Allow") : tr("Badge");
    case PAGE_PIN:
    case PAGE_PERSON:
        return tr("Done");
    case PAGE_SALE:
    case PAGE_MENU:
    case PAGE_HELP:
    case PAGE_VOID:
    case PAGE_PARKED:
    case PAGE_REFUND:
    case PAGE_SHIFT:
    case SCREEN_PAGES:
        break;
    }
    return NULL;
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
                   : page == PAGE_LINES   ? lines_of(v)
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
        hint(&h, KEY_IS_F1 + 8, ACT_LANGUAGE, both_languages);
    else
        hint(&h, KEY_IS_ESCAPE, ACT_BACK, tr("Back"));
    if (page == PAGE_REPLACE || page == PAGE_WHO || page == PAGE_REDEEM)
        if (s->busy != VERB_NONE)
            hint_if(&h, s, v, 8, ACT_VOID, tr("Cancel"));
    return h.count;
}

/* ---- keys ---- */

static struct screen_effects menu_key(struct screen *s, const struct till_view *v,
                                      uint32_t character)
{
    if (character >= 'A' && character <= 'Z')
        character += 'a' - 'A';
    for (size_t i = 0; i < sizeof menu / sizeof menu[0]; i++)
        if ((uint32_t)menu[i].letter == character && can(s, v, menu[i].action)) {
            enum action action = menu[i].action;
            if (action == ACT_LANGUAGE)
                go(s, PAGE_SALE);
            return act(s, v, action);
        }
    return nothing;
}

static struct screen_effects parked_key(struct screen *s, const struct till_view *v,
                                        uint32_t character)
{
    int32_t i = (int32_t)character - '1';
    if (i < 0 || i >= v->parked_count || i >= VIEW_PARKED_MAX || s->busy != VERB_NONE)
        return nothing;
    struct command *c = begin(s, VERB_RESUME);
    c->number = v->parked[i].number;
    return ask(s, c);
}

/* A letter where nothing is typed: a choice in a menu, or the first of what a scanner types.  Which, the next one
 * tells, or that none comes.  What was scanned is for the sale. */
static void stray(struct screen *s, const struct till_view *v, const struct screen_key *key)
{
    bool scan = s->stray_ms && key->at_ms - s->stray_ms <= SCREEN_HELD_MS;
    struct screen_key first = {KEY_IS_TEXT, s->held, s->stray_ms};
    s->held = scan ? 0 : key->character;
    s->stray_ms = key->at_ms;
    if (!scan || !first.character || s->busy != VERB_NONE || !screen_takes_lines(v) ||
        screen_page_now(s, v) == PAGE_SALE)
        return;
    go(s, PAGE_SALE);
    s->message[0] = 0;
    screen_type(s, v, &first);
    screen_type(s, v, key);
}

struct screen_effects screen_tick(struct screen *s, const struct till_view *v, int64_t now_ms)
{
    uint32_t character = s->held;
    if (!character || now_ms - s->stray_ms < SCREEN_HELD_MS)
        return nothing;
    s->held = 0;
    enum screen_page page = screen_page_now(s, v);
    return page == PAGE_MENU ? menu_key(s, v, character) : page == PAGE_PARKED ? parked_key(s, v, character) : nothing;
}

struct screen_effects screen_key(struct screen *s, const struct till_view *v, struct screen_key key)
{
    struct screen_hint hints[SCREEN_HINTS_MAX];
    const struct field_kind *kind;
    if (key.kind == KEY_IS_TEXT) {
        if (screen_fields(s, v, &kind) > 0)
            screen_type(s, v, &key);
        else
            stray(s, v, &key);
        return nothing;
    }
    s->held = 0;
    if (key.kind == KEY_IS_BACK) {
        screen_rub_out(s);
        return nothing;
    }
    int count = screen_keys(s, v, hints);
    for (int i = 0; i < count; i++)
        if (hints[i].key == key.kind)
            return act(s, v, hints[i].action);
    return nothing;
}

/* ---- answers ---- */

void screen_told(struct screen *s, const char *sentence)
{
    say(s, LOOK_PLAIN, sentence);
}

/* What is typed there is of the member who was there before. */
static bool is_about_member(enum screen_page page)
{
    return page == PAGE_PERSON || page == PAGE_GRANT || page == PAGE_REPLACE || page == PAGE_REDEEM ||
           page == PAGE_REWARDS || page == PAGE_PIN;
}

/* A card came by, or was refused, that nobody had asked for. */
static struct screen_effects tapped(struct screen *s, const struct till_view *v,
                                    const struct answer *a)
{
    const char *code = a->code ? a->code : "";
    enum screen_page page = screen_page_now(s, v);
    if (strcmp(code, "YIELD") == 0 || strcmp(code, "TIMEOUT") == 0 || strcmp(code, "STATE") == 0)
        return nothing;
    if (strcmp(code, "BADGE") == 0 && s->busy == VERB_NONE &&
        (page == PAGE_LOGIN || page == PAGE_APPROVE)) {
        clear_fields(s);
        return enter(s, v);
    }
    bool over = (!a->code && is_about_member(page)) || page == PAGE_SALE || page == PAGE_MENU || page == PAGE_HELP || page == PAGE_JOIN ||
                page == PAGE_WHO || page == PAGE_SHIFT || page == PAGE_PARKED;
    if (over && page != PAGE_SALE)
        go(s, PAGE_SALE);
    bool fresh = strcmp(code, "UNBOUND") == 0 && over && v->fresh_card && !*s->field[0];
    if (fresh)
        go(s, PAGE_JOIN);
    s->tapped = !a->code && (v->state == SALE_IDENTIFIED || v->state == SALE_TOTALLED);
    bool plain = fresh || s->tapped; /* the page says it all */
    say(s, a->code ? LOOK_BAD : LOOK_GOOD, plain ? "" : a->say);
    return nothing;
}

static struct screen_effects done(struct screen *s, const struct till_view *v,
                                  const struct answer *a)
{
    bool shown = a->verb == VERB_LINE || a->verb == VERB_TOTAL || a->verb == VERB_PAY ||
                 a->verb == VERB_REFUND || a->verb == VERB_SHIFT; /* by the page itself */
    enum screen_page page = a->verb == VERB_RECEIPT ? PAGE_REFUND
                            : a->verb == VERB_SHIFT ? PAGE_SHIFT
                                                    : PAGE_SALE;
    say(s, LOOK_GOOD, shown ? "" : a->say);
    bytes_wipe(s->typed, sizeof s->typed);
    if (s->page != page) /* else what was typed meanwhile stays */
        go(s, page);
    if (a->verb == VERB_RECEIPT)
        s->back_count = 0;
    if (a->verb == VERB_RATE)
        s->rated = v->last.entry;
    if (a->verb == VERB_APPROVE && s->again) {
        s->again = false;
        return ask(s, &s->command);
    }
    return nothing;
}

static struct screen_effects refused(struct screen *s, const struct till_view *v,
                                     const struct answer *a)
{
    say(s, LOOK_BAD, a->say);
    if (strcmp(a->code, "NEEDS_APPROVAL") == 0) {
        bool pin = a->verb == VERB_REDEEM && v->means != MEANS_CARD &&
                   !s->command.pin; /* the member's own will do */
        go(s, pin ? PAGE_PIN : PAGE_APPROVE);
        s->again = true;
        return nothing;
    }
    bytes_wipe(s->pin, sizeof s->pin);
    if (s->page == PAGE_SALE && !*s->field[0]) { /* to be mended */
        memcpy(s->field[0], s->typed, sizeof s->field[0]);
        s->first_ms = s->typed_first_ms;
        s->last_ms = s->typed_last_ms;
    }
    bytes_wipe(s->typed, sizeof s->typed);
    if (a->verb == VERB_RECEIPT && s->receipt.terminal != v->terminal) {
        go(s, PAGE_REFUND); /* of another till: what comes back is typed */
        s->back_count = 0;
        say(s, LOOK_PLAIN, tr("A receipt of another till: type what comes back."));
    } else if (a->verb == VERB_REDEEM || a->verb == VERB_GIVE_UP || a->verb == VERB_CANCEL ||
               a->verb == VERB_REPLACE || a->verb == VERB_PAY) {
        go(s, PAGE_SALE);
    } else if (a->verb == VERB_APPROVE) {
        clear_fields(s);
    }
    return nothing;
}

struct screen_effects screen_answered(struct screen *s, const struct till_view *v,
                                      const struct answer *a)
{
    if (a->verb == VERB_TAP && s->busy != VERB_TAP) {
        return tapped(s, v, a);
    }
    s->busy = VERB_NONE;
    if (a->code)
        return refused(s, v, a);
    if (a->verb != VERB_APPROVE)
        bytes_wipe(s->pin, sizeof s->pin);
    return done(s, v, a);
}
