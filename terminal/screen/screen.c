/* screen.c - see screen.h: a key becomes an action, an action a command, and its answer the next page.  What can be done
 * is screen_keys.c, what Enter means screen_enter.c, what is typed screen_typed.c, what is drawn screen_draw.c.  Read
 * screen_key first.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/screen/screen_inside.h"

#include "base/bytes.h"
#include "base/tr.h"

#include <string.h>

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

void screen_say(struct screen *s, enum look look, const char *text)
{
    screen_copy(s->message, sizeof s->message, text);
    s->message_look = look;
}

void screen_clear(struct screen *s)
{
    bytes_wipe(s->field, sizeof s->field);
    s->focus = 0;
    s->first_ms = s->last_ms = s->misfit_ms = 0;
    s->held = 0;
}

void screen_go(struct screen *s, enum screen_page page)
{
    screen_clear(s);
    s->page = page;
    s->selected = 0;
}

/* ---- commands ---- */

static const struct screen_effects nothing = {NULL, NULL};

struct command *screen_begin(struct screen *s, enum verb verb)
{
    memset(&s->command, 0, sizeof s->command);
    s->command.verb = verb;
    s->again = false;
    return &s->command;
}

struct screen_effects screen_ask(struct screen *s, const struct command *c)
{
    s->busy = c->verb;
    s->tapped = c->verb == VERB_IDENTIFY;
    s->message[0] = 0;
    return (struct screen_effects){.ask = c};
}

struct screen_effects screen_ask_typed(struct screen *s, const struct command *c)
{
    memcpy(s->typed, s->field[0], sizeof s->typed);
    s->typed_first_ms = s->first_ms;
    s->typed_last_ms = s->last_ms;
    screen_clear(s);
    return screen_ask(s, c);
}

struct screen_effects screen_ask_plain(struct screen *s, enum verb verb)
{
    return screen_ask(s, screen_begin(s, verb));
}

/* ---- actions ---- */

/* Most actions open a page, or leave what lies over the sale and ask one plain thing. */
static const struct {
    enum screen_page page;
    enum verb verb; /* VERB_NONE: the page is all */
} plainly_does[ACTIONS] = {
    [ACT_HELP] = {.page = PAGE_HELP},
    [ACT_MENU] = {.page = PAGE_MENU},
    [ACT_WHO] = {.page = PAGE_WHO},
    [ACT_REDEEM] = {.page = PAGE_REDEEM},
    [ACT_REWARD] = {.page = PAGE_REWARDS},
    [ACT_COUPON] = {.page = PAGE_COUPON},
    [ACT_APPROVE] = {.page = PAGE_APPROVE},
    [ACT_PARKED] = {.page = PAGE_PARKED},
    [ACT_VOID] = {.page = PAGE_VOID},
    [ACT_AMOUNT] = {.page = PAGE_AMOUNT},
    [ACT_JOIN] = {.page = PAGE_JOIN},
    [ACT_PERSON] = {.page = PAGE_PERSON},
    [ACT_REPLACE] = {.page = PAGE_REPLACE},
    [ACT_GRANT] = {.page = PAGE_GRANT},
    [ACT_PAY] = {.verb = VERB_PAY},
    [ACT_PARK] = {.verb = VERB_PARK},
    [ACT_VOID_SURE] = {.verb = VERB_CANCEL},
    [ACT_GIVE_UP] = {.verb = VERB_GIVE_UP},
    [ACT_DRAWER] = {.verb = VERB_DRAWER},
    [ACT_UNPRINT] = {.verb = VERB_UNPRINT},
    [ACT_SHIFT] = {.verb = VERB_SHIFT},
    [ACT_SYNC] = {.verb = VERB_SYNC},
    [ACT_TRAIN] = {.verb = VERB_TRAIN},
    [ACT_LOGOUT] = {.verb = VERB_LOGOUT},
};

static struct screen_effects plainly(struct screen *s, const struct till_view *v, enum action action)
{
    screen_go(s, plainly_does[action].page);
    if (plainly_does[action].verb == VERB_NONE)
        return nothing;
    struct command *c = screen_begin(s, plainly_does[action].verb);
    c->all = action == ACT_TRAIN && !v->training;
    c->wait_ms = action == ACT_SYNC ? SYNC_MS : 0;
    return screen_ask(s, c);
}

static struct screen_effects back(struct screen *s)
{
    if (s->page == PAGE_SALE)
        screen_clear(s);
    else
        screen_go(s, s->page == PAGE_AMOUNT ? PAGE_REFUND : PAGE_SALE);
    bytes_wipe(s->pin, sizeof s->pin);
    s->again = false;
    s->message[0] = 0;
    return nothing;
}

/* A bill of which only the total is known. */
static struct screen_effects total(struct screen *s, const struct till_view *v)
{
    struct txn_line line;
    if (screen_meaning(s, v, &line) != MEANS_LINE)
        return screen_complain(s, tr("This is no amount of money."));
    struct command *c = screen_begin(s, VERB_TOTAL);
    c->money = line.amount;
    return screen_ask_typed(s, c);
}

static struct screen_effects rate(struct screen *s, const struct till_view *v, int32_t rating)
{
    screen_go(s, PAGE_SALE);
    struct command *c = screen_begin(s, VERB_RATE);
    c->receipt = v->last.entry;
    c->number = rating;
    return screen_ask(s, c);
}

static struct screen_effects which_receipt(struct screen *s, const struct till_view *v, enum action action)
{
    screen_go(s, PAGE_RECEIPT);
    s->receipt_for = action;
    if (screen_shows_receipt(s, v))
        entry_text(s->field[0], v->last.entry);
    return nothing;
}

/* Head office did not answer: the same once more. */
static struct screen_effects hold_again(struct screen *s)
{
    struct command *c = screen_begin(s, VERB_REDEEM);
    c->all = true;
    return screen_ask(s, c);
}

static struct screen_effects act(struct screen *s, const struct till_view *v, enum action action)
{
    const struct field_kind *kind;
    bool bill = v->bill && (screen_lines(v) > 0 || money_minor(v->bill->total) > 0);
    if (action == ACT_ENTER)
        return screen_enter(s, v);
    if (action == ACT_BACK)
        return back(s);
    if (action == ACT_TOTAL)
        return total(s, v);
    if (action >= ACT_RATE_1 && action <= ACT_RATE_3)
        return rate(s, v, 1 + (int32_t)(action - ACT_RATE_1));
    if (action == ACT_REFUND || action == ACT_REPRINT)
        return which_receipt(s, v, action);
    if (action == ACT_WHOLE || action == ACT_DO)
        return screen_refund(s, action, money_of(0));
    if (action == ACT_REDEEM && v->state == SALE_HOLDING)
        return hold_again(s);
    if (action == ACT_VOID && !bill) /* nothing is lost */
        return plainly(s, v, ACT_VOID_SURE);
    if (action == ACT_NEXT) {
        s->focus = (s->focus + 1) % screen_fields(s, v, &kind);
    } else if (action == ACT_UP) {
        s->selected -= s->selected > 0;
    } else if (action == ACT_DOWN) {
        s->selected++;
    } else if (action == ACT_LINES) {
        screen_go(s, PAGE_LINES);
        s->selected = screen_lines(v) - 1;
    } else if (action == ACT_LANGUAGE) {
        s->message[0] = 0; /* it is in the other language */
        return (struct screen_effects){.language = strcmp(tr_language(), "zh") == 0 ? "en" : "zh"};
    } else {
        return plainly(s, v, action);
    }
    return nothing;
}

/* ---- keys ---- */

static struct screen_effects menu_key(struct screen *s, const struct till_view *v, uint32_t character)
{
    enum action action = screen_menu_action(s, v, character);
    if (action == ACT_NONE)
        return nothing;
    if (action == ACT_LANGUAGE)
        screen_go(s, PAGE_SALE);
    return act(s, v, action);
}

static struct screen_effects parked_key(struct screen *s, const struct till_view *v,
                                        uint32_t character)
{
    int32_t i = (int32_t)character - '1';
    if (i < 0 || i >= v->parked_count || i >= VIEW_PARKED_MAX || s->busy != VERB_NONE)
        return nothing;
    struct command *c = screen_begin(s, VERB_RESUME);
    c->number = v->parked[i].number;
    return screen_ask(s, c);
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
    screen_go(s, PAGE_SALE);
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
    screen_say(s, LOOK_PLAIN, sentence);
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
        screen_clear(s);
        return screen_enter(s, v);
    }
    bool over = page == PAGE_SALE || page == PAGE_MENU || page == PAGE_HELP || page == PAGE_JOIN || page == PAGE_WHO ||
                page == PAGE_SHIFT || page == PAGE_PARKED || (!a->code && is_about_member(page));
    if (over && page != PAGE_SALE)
        screen_go(s, PAGE_SALE);
    bool fresh = strcmp(code, "UNBOUND") == 0 && over && v->fresh_card && !*s->field[0];
    if (fresh)
        screen_go(s, PAGE_JOIN);
    s->tapped = !a->code && (v->state == SALE_IDENTIFIED || v->state == SALE_TOTALLED);
    bool plain = fresh || s->tapped; /* the page says it all */
    screen_say(s, a->code ? LOOK_BAD : LOOK_GOOD, plain ? "" : a->say);
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
    screen_say(s, LOOK_GOOD, shown ? "" : a->say);
    bytes_wipe(s->typed, sizeof s->typed);
    if (s->page != page) /* else what was typed meanwhile stays */
        screen_go(s, page);
    if (a->verb == VERB_RECEIPT)
        s->back_count = 0;
    if (a->verb == VERB_RATE)
        s->rated = v->last.entry;
    if (a->verb == VERB_APPROVE && s->again) {
        s->again = false;
        return screen_ask(s, &s->command);
    }
    return nothing;
}

static struct screen_effects refused(struct screen *s, const struct till_view *v,
                                     const struct answer *a)
{
    screen_say(s, LOOK_BAD, a->say);
    if (strcmp(a->code, "NEEDS_APPROVAL") == 0) {
        bool pin = a->verb == VERB_REDEEM && v->means != MEANS_CARD &&
                   !s->command.pin; /* the member's own will do */
        screen_go(s, pin ? PAGE_PIN : PAGE_APPROVE);
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
        screen_go(s, PAGE_REFUND); /* of another till: what comes back is typed */
        s->back_count = 0;
        screen_say(s, LOOK_PLAIN, tr("A receipt of another till: type what comes back."));
    } else if (a->verb == VERB_REDEEM || a->verb == VERB_GIVE_UP || a->verb == VERB_CANCEL ||
               a->verb == VERB_REPLACE || a->verb == VERB_PAY) {
        screen_go(s, PAGE_SALE);
    } else if (a->verb == VERB_APPROVE) {
        screen_clear(s);
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
