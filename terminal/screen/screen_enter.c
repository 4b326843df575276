/* screen_enter.c - see screen.h: what Enter does, page by page: the fields become a command, or a sentence says what is
 * wrong with them.  Read screen_enter at the end first.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/screen/screen_inside.h"

#include "base/tr.h"

#include <string.h>
#include <strings.h>

static const struct screen_effects nothing = {NULL, NULL};

static struct screen_effects ask_line(struct screen *s, const struct txn_line *line)
{
    s->line = *line;
    struct command *c = screen_begin(s, VERB_LINE);
    c->line = &s->line;
    return s->page == PAGE_SALE ? screen_ask_typed(s, c) : screen_ask(s, c);
}

static struct screen_effects ask_who(struct screen *s, enum txn_means means, const char *value)
{
    screen_copy(s->value, sizeof s->value, value);
    struct command *c = screen_begin(s, VERB_IDENTIFY);
    c->means = means;
    c->value = s->value;
    return s->page == PAGE_SALE ? screen_ask_typed(s, c) : screen_ask(s, c);
}

static struct screen_effects ask_receipt(struct screen *s, enum verb verb, struct entry_id receipt)
{
    struct command *c = screen_begin(s, verb);
    c->receipt = receipt;
    return s->page == PAGE_SALE ? screen_ask_typed(s, c) : screen_ask(s, c);
}

/* What was typed can be mended; what was scanned is in the way of the next. */
struct screen_effects screen_complain(struct screen *s, const char *sentence)
{
    if (screen_is_scanned(s))
        memset(s->field[s->focus], 0, sizeof s->field[s->focus]);
    screen_say(s, LOOK_BAD, sentence);
    return nothing;
}

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
        return screen_ask_plain(s, VERB_TOTAL);
    }
    switch (screen_meaning(s, v, &line)) {
    case MEANS_LINE:
        return ask_line(s, &line);
    case MEANS_ARTICLE:
        s->line = line;
        screen_go(s, PAGE_PRICE);
        s->message[0] = 0;
        return nothing;
    case MEANS_MEMBER_CODE:
        return ask_who(s, MEANS_CODE, s->field[0]);
    case MEANS_RECEIPT:
        if (entry_parse(&receipt, s->field[0]) || !screen_can(s, v, ACT_REFUND))
            return screen_complain(s, tr("Finish or park this bill first: then goods can come back."));
        s->receipt_for = ACT_REFUND;
        s->receipt = receipt;
        return ask_receipt(s, VERB_RECEIPT, receipt);
    case MEANS_NOTHING:
        break;
    }
    return screen_complain(s, tr("This is no price and no code. Examples: 4.25, 3x4.25, 22423 4.25."));
}

static struct screen_effects enter_price(struct screen *s, const struct till_view *v)
{
    struct txn_line line = s->line;
    if (!screen_read_price(&line, s->field[0], v->pack))
        return screen_complain(s, tr("This is no price. Examples: 4.25, 3x4.25."));
    return ask_line(s, &line);
}

static struct screen_effects ask_staff(struct screen *s, struct command *c)
{
    const char *number = s->field[0];
    int64_t n = 0;
    if (*number && !screen_read_number(&n, &number))
        return screen_complain(s, tr("This is no number of a cashier."));
    screen_copy(s->pin, sizeof s->pin, s->field[1]);
    c->staff = (uint32_t)n; /* 0: by the badge that was tapped last */
    c->pin = s->pin;
    screen_clear(s);
    return screen_ask(s, c);
}

static struct screen_effects enter_who(struct screen *s, const struct till_view *v)
{
    (void)v;
    const char *text = s->field[0];
    member_id member;
    if (!*text)
        return screen_complain(s, tr("Type a telephone number, a member number (M12) or scan a code."));
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
    struct command *c = screen_begin(s, VERB_REDEEM);
    if (*points) {
        if (!screen_read_number(&n, &points) || n == 0)
            return screen_complain(s, tr("This is no number of points."));
        c->points = points_of(n);
    } else if (*amount) {
        if (!screen_read_money(&c->money, &amount, v->pack) || *amount ||
            money_minor(c->money) == 0)
            return screen_complain(s, tr("This is no amount of money."));
    } else {
        c->all = true;
    }
    screen_go(s, PAGE_SALE); /* which says whose card is waited for */
    return screen_ask(s, c);
}

static struct screen_effects enter_reward(struct screen *s, const struct till_view *v)
{
    const struct pack_reward *rewards[PACK_REWARDS_MAX];
    bool unasked;
    int count = screen_rewards(v, rewards, &unasked);
    if (s->selected >= count)
        return nothing;
    screen_copy(s->value, sizeof s->value, rewards[s->selected]->code);
    struct command *c = screen_begin(s, VERB_REDEEM);
    c->reward = s->value;
    screen_go(s, PAGE_SALE);
    return screen_ask(s, c);
}

static struct screen_effects enter_coupon(struct screen *s, const struct till_view *v)
{
    (void)v;
    if (!*s->field[0])
        return screen_complain(s, tr("Scan the coupon, or type its code."));
    screen_copy(s->value, sizeof s->value, s->field[0]);
    struct command *c = screen_begin(s, VERB_COUPON);
    c->value = s->value;
    return screen_ask(s, c);
}

static struct screen_effects enter_pin(struct screen *s, const struct till_view *v)
{
    (void)v;
    if (!*s->field[0])
        return screen_complain(s, tr("The member types the PIN."));
    screen_copy(s->pin, sizeof s->pin, s->field[0]);
    s->command.pin = s->pin;
    screen_go(s, PAGE_SALE);
    s->again = false;
    return screen_ask(s, &s->command);
}

static struct screen_effects enter_receipt(struct screen *s, const struct till_view *v)
{
    (void)v;
    if (entry_parse(&s->receipt, s->field[0]))
        return screen_complain(s, tr("A receipt's number is like T0007-123: scan it, or type it."));
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
        return screen_complain(s, tr("So many were not bought, or are back already."));
    leave_there(s, row);
    if (pieces > 0 && s->back_count == SCREEN_BACK_MAX)
        return screen_complain(s, tr("No more lines in one refund. Give these back first."));
    if (pieces > 0) {
        if (!ratio_floor(&share, money_minor(of->amount), pieces, of->quantity))
            return screen_complain(s, tr("This is no quantity."));
        s->back[s->back_count] = *of;
        s->back[s->back_count].quantity = (int32_t)pieces;
        s->back[s->back_count].amount = money_of(share);
        s->back_row[s->back_count++] = row;
    }
    s->selected = row;
    screen_clear(s);
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

/* Nothing typed: all of the line that is selected, or, when all of it comes back already, nothing.  A number: so many
 * of it.  An article: one piece more of it. */
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
        return screen_complain(s, tr("This is no quantity, and no article of this receipt."));
    if (n == 0 && screen_back(s, row) == 0)
        return screen_complain(s, tr("So many were not bought, or are back already."));
    if (!*s->field[0] && n == screen_back(s, row))
        n = 0;
    return take_back(s, v, &original->lines[row], row, n);
}

/* Of another till: article and price, as often as they are typed. */
static struct screen_effects enter_refund_elsewhere(struct screen *s, const struct till_view *v)
{
    struct txn_line line;
    if (s->back_count == SCREEN_BACK_MAX)
        return screen_complain(s, tr("No more lines in one refund. Give these back first."));
    if (screen_meaning(s, v, &line) != MEANS_LINE || strcmp(line.sku, "ITEM") == 0)
        return screen_complain(s, tr("Type article and price as on the receipt, such as 22423 2x4.25."));
    s->back[s->back_count] = line;
    s->back_row[s->back_count++] = -1;
    screen_clear(s);
    s->message[0] = 0;
    return nothing;
}

static struct screen_effects enter_refund(struct screen *s, const struct till_view *v)
{
    const struct txn *original = screen_original(s, v);
    return original ? enter_refund_here(s, v, original) : enter_refund_elsewhere(s, v);
}

struct screen_effects screen_refund(struct screen *s, enum action how, struct money money)
{
    struct command *c = screen_begin(s, VERB_REFUND);
    c->receipt = s->receipt;
    c->all = how == ACT_WHOLE;
    c->money = money;
    if (how == ACT_DO) {
        c->back = s->back;
        c->back_count = s->back_count;
    }
    return screen_ask(s, c);
}

static struct screen_effects enter_amount(struct screen *s, const struct till_view *v)
{
    const char *text = s->field[0];
    struct money money;
    if (!screen_read_money(&money, &text, v->pack) || *text || money_minor(money) == 0)
        return screen_complain(s, tr("This is no amount of money."));
    return screen_refund(s, ACT_AMOUNT, money);
}

static struct screen_effects enter_person(struct screen *s, const struct till_view *v)
{
    (void)v;
    char yes = s->field[2][0];
    if (!*s->field[0] && !*s->field[1])
        return screen_complain(s, tr("Type a telephone number or a name."));
    if (yes != 'y' && yes != 'Y')
        return screen_complain(s, tr("Without the member's consent nothing is stored."));
    screen_copy(s->value, sizeof s->value, s->field[0]);
    screen_copy(s->text, sizeof s->text, s->field[1]);
    struct command *c = screen_begin(s, VERB_PERSON);
    c->value = s->value;
    c->text = s->text;
    c->all = true;
    return screen_ask(s, c);
}

static struct screen_effects enter_grant(struct screen *s, const struct till_view *v)
{
    (void)v;
    const char *points = s->field[0], *reason = s->field[1];
    int64_t n;
    if (!screen_read_number(&n, &points) || n == 0)
        return screen_complain(s, tr("This is no number of points."));
    if (!*reason)
        return screen_complain(s, tr("Say why: choose a digit, or type the reason."));
    screen_copy(s->text, sizeof s->text, screen_reason_of(reason));
    struct command *c = screen_begin(s, VERB_GRANT);
    c->points = points_of(n);
    c->text = s->text;
    return screen_ask(s, c);
}

static struct screen_effects enter_login(struct screen *s, const struct till_view *v)
{
    (void)v;
    return ask_staff(s, screen_begin(s, VERB_LOGIN));
}

/* Beside the command that waits for it. */
static struct screen_effects enter_approve(struct screen *s, const struct till_view *v)
{
    (void)v;
    memset(&s->approval, 0, sizeof s->approval);
    s->approval.verb = VERB_APPROVE;
    return ask_staff(s, &s->approval);
}

static struct screen_effects enter_lines(struct screen *s, const struct till_view *v)
{
    (void)v;
    struct command *c = screen_begin(s, VERB_LINE);
    c->number = s->selected + 1;
    return screen_ask(s, c);
}

static struct screen_effects enter_join(struct screen *s, const struct till_view *v)
{
    (void)v;
    return screen_ask_plain(s, VERB_JOIN);
}

static struct screen_effects enter_replace(struct screen *s, const struct till_view *v)
{
    (void)v;
    return screen_ask_plain(s, VERB_REPLACE);
}

static struct screen_effects (*const enters[SCREEN_PAGES])(struct screen *s, const struct till_view *v) = {
    [PAGE_SALE] = enter_sale,     [PAGE_LOGIN] = enter_login,     [PAGE_PRICE] = enter_price,
    [PAGE_WHO] = enter_who,       [PAGE_PIN] = enter_pin,         [PAGE_REDEEM] = enter_redeem,
    [PAGE_REWARDS] = enter_reward, [PAGE_COUPON] = enter_coupon,  [PAGE_RECEIPT] = enter_receipt,
    [PAGE_REFUND] = enter_refund, [PAGE_LINES] = enter_lines,     [PAGE_AMOUNT] = enter_amount,
    [PAGE_JOIN] = enter_join,     [PAGE_PERSON] = enter_person,   [PAGE_REPLACE] = enter_replace,
    [PAGE_GRANT] = enter_grant,   [PAGE_APPROVE] = enter_approve,
};

struct screen_effects screen_enter(struct screen *s, const struct till_view *v)
{
    enum screen_page page = screen_page_now(s, v);
    const struct field_kind *kind;
    int count = screen_fields(s, v, &kind);
    if (count && screen_is_article_in(s, kind[s->focus].type)) {
        memset(s->field[s->focus], 0, sizeof s->field[s->focus]);
        s->misfit_ms = 0;
        return screen_complain(s, page == PAGE_PRICE ? tr("First the price of this article; then scan the next one.")
                                              : tr("An article was scanned: finish this first, or press Esc."));
    }
    if (s->focus + 1 < count && page != PAGE_REDEEM && *s->field[s->focus]) {
        s->focus++;
        return nothing;
    }
    return enters[page] ? enters[page](s, v) : nothing;
}
