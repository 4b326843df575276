/* ask.c - what is asked of the till becomes sale events; answers go back to who asked.  Read till_ask last.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/ask.h"

#include "base/date.h"
#include "base/tr.h"
#include "hw/clock.h"
#include "terminal/display/display.h"
#include "terminal/till.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SYNC_MS = 10000, WAIT_MOST_MS = 600000 };

/* ---- answers ---- */

static void forget_redeeming(struct till *t, const struct asker *a)
{
    if (t->redeeming.who != a)
        return;
    if (t->redeeming.asked)
        display_unask(t->display);
    t->redeeming.who = NULL;
    t->redeeming.asked = false;
}

static void answer(struct till *t, struct asker *a, struct answer answer)
{
    answer.verb = a->busy;
    a->busy = VERB_NONE;
    a->deadline_ms = 0;
    if (t->waiter == a)
        t->waiter = NULL;
    forget_redeeming(t, a);
    a->answered(t, a, &answer);
}

static void do_redeem(struct till *t, struct asker *a, const struct command *c,
                      uint32_t approved_by);

static void fine(struct till *t, struct asker *a, const char *say)
{
    answer(t, a, (struct answer){.say = say});
}

void ask_fine(struct till *t, struct asker *a, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fine(t, a, text);
}

void ask_refuse(struct till *t, struct asker *a, const char *code, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    answer(t, a, (struct answer){.code = code, .say = text});
}

void ask_wait_over(struct till *t, const char *code, const char *say)
{
    struct asker *to = t->current ? t->current : t->waiter;
    t->replacing = false;
    if (to && to->busy != VERB_NONE)
        answer(t, to, (struct answer){.code = code, .say = say});
    else
        till_say(t, say);
}

/* ---- the member's PIN, typed on the member's display ---- */

static void pin_typed(void *arg, bool yes, const char *pin)
{
    struct till *t = arg;
    struct asker *a = t->redeeming.who, *before = t->current;
    struct command c = t->redeeming.command;
    if (!a)
        return;
    t->redeeming.who = NULL;
    t->redeeming.asked = false;
    t->current = a;
    c.ref = t->redeeming.ref;
    c.reward = t->redeeming.reward;
    c.pin = pin;
    if (yes && pin)
        do_redeem(t, a, &c, 0);
    else
        ask_refuse(t, a, sale_answer_code(SALE_NEEDS_APPROVAL),
                   tr("The member typed no PIN. A supervisor may allow it."));
    t->current = before;
}

/* False: there is no display, or no PIN that could be typed; a supervisor has to allow it. */
static bool ask_pin(struct till *t, struct asker *a)
{
    char line[200], money[PACK_MONEY_SIZE], language[WIRE_LANGUAGE_SIZE];
    const char *lines[] = {line};
    const struct wire_tapped *told = &t->tap.told;
    bool has_pin = t->tap.known && told->known && told->flags & TAPPED_PIN;
    if (t->redeeming.who != a || t->redeeming.asked || !has_pin || t->sale.means == MEANS_CARD)
        return false;
    snprintf(language, sizeof language, "%s", tr_language());
    if (told->language[0])
        (void)tr_use(told->language);
    snprintf(line, sizeof line, tr("Pay %s with %" PRId64 " points?"),
             pack_money_text(money, t->facts.pack, t->sale.wanted_value), points_n(t->sale.wanted));
    (void)tr_use(language);
    t->redeeming.asked = display_ask(t->display, DISPLAY_ASK_PIN, lines, 1, pin_typed, t);
    if (t->redeeming.asked)
        a->deadline_ms = 0; /* the display has its own */
    return t->redeeming.asked;
}

void ask_answered(struct till *t)
{
    struct asker *to = t->current ? t->current : t->waiter;
    const struct sale_effects *o = &t->out;
    if (!to || to->busy == VERB_NONE) {
        till_say(t, o->say.text);
        return;
    }
    if (to->busy == VERB_REDEEM && o->answer == SALE_NEEDS_APPROVAL && ask_pin(t, to))
        return;
    answer(t, to,
           (struct answer){.code = o->answer == SALE_OK ? NULL : sale_answer_code(o->answer),
                           .say = o->say.text,
                           .receipt = entry_is(o->confirm.entry) ? &o->confirm : NULL});
}

/* ---- who asks ---- */

void till_join_asker(struct till *t, struct asker *a)
{
    a->busy = VERB_NONE;
    a->deadline_ms = 0;
    a->next = t->askers;
    t->askers = a;
}

void till_leave_asker(struct till *t, struct asker *a)
{
    if (t->waiter == a) { /* nobody waits any more; a debit that has begun goes on */
        t->waiter = NULL;
        if (t->tap.job == JOB_IDENTIFY)
            tap_end(t);
    }
    people_left(t, a);
    forget_redeeming(t, a);
    for (struct asker **p = &t->askers; *p; p = &(*p)->next)
        if (*p == a) {
            *p = a->next;
            break;
        }
    a->busy = VERB_NONE;
}

static int64_t deadline(const struct command *c, int64_t usual_ms)
{
    if (c->wait_ms == ASK_WAIT_ALWAYS)
        return INT64_MAX;
    int64_t ms = c->wait_ms >= 1 && c->wait_ms <= WAIT_MOST_MS ? c->wait_ms : usual_ms;
    return clock_tick_ms() + ms;
}

/* ---- verbs ---- */

/* What closed this reference before; NULL = nothing did. */
static const struct txn *known(struct till *t, const char *ref)
{
    struct errmsg why = {""};
    struct buf entry = BUF_ON(t->entry);
    if (!ref || !*ref)
        return NULL;
    enum err e = journal_find_ref(t->journal, ref, &entry, &why);
    e = till_read(&t->known, e, &entry, &why);
    if (e && e != ERR_NOT_FOUND)
        till_tell(t, tr("The journal: %s."), why.text);
    return e ? NULL : &t->known;
}

/* May this asker wait for a card?  Who waits without end gives way. */
static bool may_wait(struct till *t, struct asker *a)
{
    struct asker *waits = t->waiter;
    if (!waits || waits == a)
        return true;
    if (waits->deadline_ms == INT64_MAX && waits->busy == VERB_TAP && t->tap.at == AT_CARD) {
        ask_refuse(t, waits, "YIELD", tr("Somebody else waits for a card now."));
        return true;
    }
    ask_refuse(t, a, "BUSY", tr("Somebody waits for a card already."));
    return false;
}

static void do_tap(struct till *t, struct asker *a, const struct command *c)
{
    enum sale_want want = sale_wants(&t->sale);
    if (!may_wait(t, a))
        return;
    if (!t->reader) {
        ask_refuse(t, a, "NO_DEVICE", tr("This till has no card reader. Start it with --reader."));
        return;
    }
    if (t->sale.state == SALE_DEBITED) { /* settled meanwhile by the card that lay there */
        fine(t, a, tr("The card was debited. Pay the rest, or cancel."));
        return;
    }
    if (want != SALE_WANT_ANY && want != SALE_WANT_SETTLE) {
        ask_refuse(t, a, "STATE", tr("No card is wanted now (%s)."),
                   tr(sale_state_text(t->sale.state)));
        return;
    }
    a->deadline_ms = deadline(c, TILL_TAP_MS);
    t->waiter = a;
    if (t->up.link && !uplink_is_up(t) && link_state(t->up.link) == LINK_IDLE)
        outbox_hurry(&t->up.outbox); /* perhaps it is back; nobody waits for that */
    t->tap.fresh = c->all;
    if (want == SALE_WANT_ANY)
        tap_begin(t, JOB_IDENTIFY, INT64_MAX);
    else if (t->tap.job != JOB_SETTLE)
        tap_begin(t, JOB_SETTLE, INT64_MAX);
}

/* Known by something that is typed or scanned. */
static void do_identify(struct till *t, struct asker *a, const struct command *c)
{
    struct errmsg why = {""};
    if (!may_wait(t, a))
        return;
    if (t->sale.state != SALE_DONE && sale_wants(&t->sale) != SALE_WANT_ANY) {
        ask_refuse(t, a, "STATE", tr("Nobody else can be identified now (%s)."),
                   tr(sale_state_text(t->sale.state)));
        return;
    }
    if (c->shown) {
        t->tap.shown = *c->shown;
    } else if (known_typed(t, c->means, c->value, &why)) {
        ask_refuse(t, a, "FORMAT", tr("This is nobody we could know: %s."), tr(why.text));
        return;
    }
    t->waiter = a;
    tap_ask_typed(t);
}

/* A name that no hold of this till had before, nor will have. */
static void fresh_name(struct till *t, char out[TXN_REF_SIZE])
{
    uint8_t random[8];
    char hex[2 * sizeof random + 1];
    clock_random(random, sizeof random);
    hex_encode(hex, random, sizeof random);
    snprintf(out, TXN_REF_SIZE, "T%04u-%s", (unsigned)t->parts.identity->terminal, hex);
}

static void do_redeem(struct till *t, struct asker *a, const struct command *c,
                      uint32_t approved_by)
{
    char name[TXN_REF_SIZE];
    struct sale_event in = {.kind = SALE_REDEEM,
                            .ref = c->ref,
                            .all = c->all,
                            .points = c->points,
                            .money = c->money,
                            .alone = c->alone,
                            .reward = c->reward,
                            .second_factor = c->pin && *c->pin && t->sale.means != MEANS_CARD,
                            .approved_by = approved_by,
                            .name = name};
    if (!may_wait(t, a))
        return;
    fresh_name(t, name);
    in.known = known(t, c->ref);
    if (!c->pin) { /* so that it can go on with the member's PIN */
        t->redeeming.who = a;
        t->redeeming.command = *c;
        snprintf(t->redeeming.ref, sizeof t->redeeming.ref, "%s", c->ref ? c->ref : "");
        snprintf(t->redeeming.reward, sizeof t->redeeming.reward, "%s", c->reward ? c->reward : "");
    }
    a->deadline_ms = deadline(c, TILL_DEBIT_MS);
    t->pin = c->pin;
    till_feed(t, in);
    t->pin = NULL;
    if (a->busy == VERB_REDEEM) /* the card decides, or head office */
        t->waiter = a;
}

/* Whoever waits for a card or for head office is told why it is over. */
static void stop_waiting(struct till *t, struct asker *a, const char *why)
{
    struct asker *waits = t->waiter;
    t->waiter = NULL;
    question_forget(t);
    if (waits && waits != a)
        ask_refuse(t, waits, "STATE", "%s", why);
}

static void do_cancel(struct till *t, struct asker *a)
{
    t->replacing = false;
    if (t->tap.job == JOB_IDENTIFY)
        tap_end(t);
    stop_waiting(t, a, tr("The sale was cancelled."));
    till_feed(t, (struct sale_event){.kind = SALE_CANCEL});
}

/* The sale a refund is about, and what earlier refunds left of it.  ERR_NOT_FOUND: not ours. */
static enum err find_original(struct till *t, struct entry_id receipt, struct errmsg *why)
{
    struct buf entry = BUF_ON(t->entry);
    enum err e = receipt.terminal == t->parts.identity->terminal
                     ? journal_get(t->journal, receipt.seq, &entry, why)
                     : ERR_NOT_FOUND;
    t->looked_at = false;
    e = till_read(&t->original, e, &entry, why);
    if (e || t->original.kind != TXN_SALE)
        return e;
    for (int32_t i = 0; i < t->original.line_count; i++)
        t->left[i] = t->original.lines[i].quantity;
    t->given = money_of(0);
    for (int32_t n = 0; e == OK; n++) {
        entry.size = 0;
        e = journal_find_refund(t->journal, receipt, n, &entry, why);
        e = till_read(&t->earlier, e, &entry, why);
        if (!e)
            e = sale_refunded(t->left, &t->given, &t->original, &t->earlier, why);
    }
    return e == ERR_NOT_FOUND ? OK : e;
}

static void do_receipt(struct till *t, struct asker *a, const struct command *c)
{
    struct errmsg why = {""};
    char entry[ENTRY_TEXT_SIZE];
    enum err e = find_original(t, c->receipt, &why);
    entry_text(entry, c->receipt);
    t->looked_at = !e && t->original.kind == TXN_SALE;
    if (e && e != ERR_NOT_FOUND)
        ask_refuse(t, a, "CORRUPT", tr("%s. Call head office."), why.text);
    else if (!t->looked_at)
        ask_refuse(t, a, "NOT_FOUND", tr("There is no sale with receipt %s at this till."), entry);
    else
        fine(t, a, "");
}

static void do_refund(struct till *t, struct asker *a, const struct command *c,
                      uint32_t approved_by)
{
    struct sale_event in = {.kind = SALE_REFUND,
                            .approved_by = approved_by,
                            .money = c->money,
                            .ref = c->ref,
                            .receipt = c->receipt,
                            .all = c->all,
                            .back = c->back,
                            .back_count = c->back_count,
                            .left = t->left};
    struct errmsg why = {""};
    enum err e = find_original(t, in.receipt, &why);
    if (e && e != ERR_NOT_FOUND) {
        ask_refuse(t, a, "CORRUPT", tr("%s. Call head office."), why.text);
        return;
    }
    if (!e) {
        in.original = &t->original;
        in.given = t->given;
        in.pack_then = packs_find(t, t->original.pack_version);
        const struct txn *o = &t->original;
        int32_t day = day_of_time(o->time_s);
        in.earned_before = journal_earned(t->journal, &o->card, o->member, day, day, o->id.seq);
        in.month_before = journal_earned(t->journal, &o->card, o->member, month_first_day(day), month_last_day(day),
                                         o->id.seq);
    }
    in.known = known(t, c->ref);
    till_feed(t, in);
}

/* Points given by a person; or, by the receipt of such a gift, taken back. */
static void do_grant(struct till *t, struct asker *a, const struct command *c, uint32_t approved_by)
{
    struct sale_event in = {.kind = SALE_GRANT,
                            .points = c->points,
                            .text = c->text,
                            .receipt = c->receipt,
                            .approved_by = approved_by};
    struct errmsg why = {""};
    if (entry_is(c->receipt)) {
        struct buf entry = BUF_ON(t->entry);
        enum err e = c->receipt.terminal == t->parts.identity->terminal
                         ? journal_get(t->journal, c->receipt.seq, &entry, &why)
                         : ERR_NOT_FOUND;
        t->looked_at = false;
        e = till_read(&t->original, e, &entry, &why);
        if (e && e != ERR_NOT_FOUND) {
            ask_refuse(t, a, "CORRUPT", tr("%s. Call head office."), why.text);
            return;
        }
        in.original = e ? NULL : &t->original;
        in.undone = !e && journal_find_about(t->journal, c->receipt, TXN_GRANT, 0, &entry, &why) !=
                              ERR_NOT_FOUND;
    }
    till_feed(t, in);
}

static void do_rate(struct till *t, const struct command *c)
{
    struct sale_event in = {.kind = SALE_RATE, .receipt = c->receipt, .number = c->number};
    struct buf entry = BUF_ON(t->entry);
    struct errmsg why = {""};
    struct entry_id sale = entry_is(c->receipt) ? c->receipt : t->sale.last.entry;
    in.undone = entry_is(sale) &&
                journal_find_about(t->journal, sale, TXN_RATING, 0, &entry, &why) != ERR_NOT_FOUND;
    till_feed(t, in);
}

/* ---- people: by head office, for nothing of it is written here ---- */

static bool has_line(struct till *t, struct asker *a)
{
    if (t->training)
        ask_refuse(t, a, "STATE", tr("Not in training: it would change a real member."));
    else if (!uplink_is_up(t))
        ask_refuse(t, a, "NO_LINE", tr("This needs the line to head office, and it is cut."));
    else if (t->sale.member == 0)
        ask_refuse(t, a, "STATE", tr("Whose? Identify the member first."));
    else
        return true;
    return false;
}

static void do_person(struct till *t, struct asker *a, const struct command *c)
{
    struct wire_request r = {.ask = ASK_PERSON};
    struct errmsg why = {""};
    char number[PHONE_TEXT_SIZE] = "";
    const char *name = c->text ? c->text : "", *phone = c->value ? c->value : "";
    if (!may_wait(t, a) || !has_line(t, a))
        return;
    if (strlen(name) >= sizeof r.person.name) {
        ask_refuse(t, a, "FORMAT", tr("A name has at most %d bytes."),
                   (int)sizeof r.person.name - 1);
        return;
    }
    if (*phone && till_phone(number, t, phone, &why)) {
        ask_refuse(t, a, "FORMAT", tr("That is no telephone number: %s."), why.text);
        return;
    }
    if (!c->all) {
        ask_refuse(t, a, "REFUSED", tr("Without the member's consent nothing is kept."));
        return;
    }
    r.person.member = t->sale.member;
    strcpy(r.person.name, name);
    strcpy(r.person.phone, number);
    r.person.consent = true;
    r.person.cashier = t->people.cashier.id;
    t->waiter = a;
    question_put(t, &r);
    bytes_wipe(&r, sizeof r);
}

static void do_replace(struct till *t, struct asker *a, const struct command *c,
                       uint32_t approved_by)
{
    if (!may_wait(t, a) || !has_line(t, a) ||
        !people_may(t, a, approved_by, tr("To replace a lost card needs a supervisor.")))
        return;
    if (!t->reader) {
        ask_refuse(t, a, "NO_DEVICE", tr("This till has no card reader. Start it with --reader."));
        return;
    }
    if (!sale_is_quiet(&t->sale)) {
        ask_refuse(t, a, "STATE", tr("No card is wanted now (%s)."),
                   tr(sale_state_text(t->sale.state)));
        return;
    }
    a->deadline_ms = deadline(c, TILL_TAP_MS);
    t->waiter = a;
    t->replacing = true;
    t->replace_approved_by = approved_by;
    t->tap.fresh = true; /* the card that lies there is not the one */
    tap_begin(t, JOB_IDENTIFY, INT64_MAX);
}

void ask_replace_with(struct till *t, const struct card_seen *seen)
{
    struct wire_request r = {.ask = ASK_REPLACE};
    t->replacing = false;
    if (seen->profile.member) {
        ask_wait_over(t, "REFUSED",
                      tr("That card is a member's already. Take one that is nobody's."));
        return;
    }
    r.replace.member = t->sale.member;
    r.replace.lost = t->sale.card;
    r.replace.card = seen->uid;
    r.replace.card_kind = seen->kind;
    r.replace.cashier = t->people.cashier.id;
    r.replace.approved_by = t->replace_approved_by;
    question_put(t, &r);
}

/* ---- training ---- */

static void do_train(struct till *t, struct asker *a, const struct command *c, uint32_t approved_by)
{
    if (!sale_is_idle(&t->sale)) {
        ask_refuse(t, a, "STATE", tr("A sale is open: pay, cancel or put it aside first."));
        return;
    }
    if (c->all && !people_may(t, a, approved_by, tr("Training needs a supervisor.")))
        return;
    if (!may_wait(t, a)) /* what a register waits for would become a lesson, and it would take it for a sale */
        return;
    t->training = c->all;
    t->trained = 0;
    sale_init(&t->sale); /* neither's last sale is the other's */
    fine(t, a,
         c->all ? tr("Training: nothing counts until it ends.")
                : tr("Training is over: now it counts."));
}

static void do_bill(struct till *t, struct asker *a, const struct command *c)
{
    const struct txn *k = known(t, c->ref);
    if (k) {
        struct sale_receipt r;
        sale_receipt_of(&r, k);
        r.repeated = true;
        answer(t, a, (struct answer){.say = "", .receipt = &r});
    } else if (!sale_is_idle(&t->sale) && c->ref && strcmp(t->sale.t.ref, c->ref) == 0) {
        fine(t, a, "");
    } else {
        ask_refuse(t, a, "NOT_FOUND", tr("No bill was closed as %s."), c->ref ? c->ref : "");
    }
}

static const char *printer_code(enum err e)
{
    return e == ERR_NOT_FOUND ? "NOT_FOUND"
           : e == ERR_STATE   ? "STATE"
           : e == ERR_IO      ? "IO"
                              : "NO_DEVICE";
}

static void do_reprint(struct till *t, struct asker *a, const struct command *c)
{
    struct errmsg why = {""};
    enum err e = paper_reprint(t, c->receipt, &why);
    if (e)
        ask_refuse(t, a, printer_code(e), "%s", why.text);
    else
        fine(t, a, tr("It is printed again, marked COPY."));
}

static void do_unprint(struct till *t, struct asker *a)
{
    struct errmsg why = {""};
    uint32_t count;
    if (t->training) {
        ask_refuse(t, a, "STATE", tr("Not in training: they are real receipts."));
        return;
    }
    enum err e = paper_drop(t, &count, &why);
    char say[160];
    snprintf(say, sizeof say, tr("Not printed any more: %" PRIu32 ". Each can be printed again, marked COPY."), count);
    if (e)
        ask_refuse(t, a, printer_code(e), "%s", why.text);
    else
        fine(t, a, say);
}

static void do_drawer(struct till *t, struct asker *a)
{
    struct errmsg why = {""};
    enum err e = paper_drawer(t, &why);
    if (e)
        ask_refuse(t, a, printer_code(e), tr("The drawer was not opened: %s."), tr(why.text));
    else
        fine(t, a, tr("The drawer opens."));
}

static void do_show(struct till *t, struct asker *a)
{
    struct errmsg why = {""};
    uint32_t count = 0;
    if (journal_verify(t->journal, &count, &why)) {
        ask_refuse(t, a, "CORRUPT", tr("%u entries are sound; then %s. Call head office."), count,
                   why.text);
        return;
    }
    if (sale_is_idle(&t->sale))
        packs_choose(t, day_of_time(clock_now_s()));
    fine(t, a, "");
}

static void check_synced(struct till *t, struct asker *a, int64_t now_ms)
{
    uint32_t owed = outbox_waiting(&t->up.outbox);
    if (!t->up.link) {
        ask_refuse(t, a, "NO_LINE",
                   tr("This till has no line to head office. Start it with --office."));
    } else if (uplink_is_up(t) && owed == 0 && t->up.asked == ASKED_NOTHING &&
               outbox_due_ms(&t->up.outbox) > now_ms) {
        fine(t, a, tr("Head office has everything."));
    } else if (now_ms < a->deadline_ms) {
        if (now_ms >= t->hurry_ms && link_state(t->up.link) == LINK_IDLE) {
            t->hurry_ms = now_ms + TILL_HURRY_MS;
            outbox_hurry(&t->up.outbox);
        }
    } else {
        ask_refuse(t, a, "TIMEOUT",
                   tr("Head office was not reached; %u entries are still owed. Selling goes on."),
                   owed);
    }
}

static void do_sync(struct till *t, struct asker *a, const struct command *c)
{
    a->deadline_ms = deadline(c, SYNC_MS);
    t->hurry_ms = clock_tick_ms() + TILL_HURRY_MS;
    outbox_hurry(&t->up.outbox);
    if (!t->up.link)
        check_synced(t, a, clock_tick_ms());
}

/* What somebody who is no register does only when it is known who that is. */
static bool needs_login(enum verb verb)
{
    switch (verb) {
    case VERB_TAP: /* a badge may come */
    case VERB_LOGIN:
    case VERB_LOGOUT:
    case VERB_STATUS:
    case VERB_GIVE_UP: /* what is open may be ended */
    case VERB_CANCEL:
    case VERB_BILL:
    case VERB_SYNC:
    case VERB_ONLINE:
    case VERB_SHOW:
    case VERB_HELP:
    case VERB_QUIT:
    case VERB_NONE:
    case VERBS:
        return false;
    case VERB_IDENTIFY:
    case VERB_LINE:
    case VERB_COUPON:
    case VERB_TOTAL:
    case VERB_REDEEM:
    case VERB_PAY:
    case VERB_RECEIPT:
    case VERB_REFUND:
    case VERB_GRANT:
    case VERB_JOIN:
    case VERB_PERSON:
    case VERB_REPLACE:
    case VERB_RATE:
    case VERB_APPROVE:
    case VERB_PARK:
    case VERB_RESUME:
    case VERB_TRAIN:
    case VERB_SHIFT:
    case VERB_REPRINT:
    case VERB_UNPRINT:
    case VERB_DRAWER:
        return true;
    }
    return true;
}

/* What would make a sale of it, or end it. */
static bool is_of_a_bill(enum verb verb)
{
    return verb == VERB_LINE || verb == VERB_COUPON || verb == VERB_TOTAL || verb == VERB_REDEEM || verb == VERB_PAY ||
           verb == VERB_REFUND || verb == VERB_GRANT || verb == VERB_JOIN || verb == VERB_RATE || verb == VERB_PARK ||
           verb == VERB_RESUME || verb == VERB_TRAIN;
}

/* These only look: an approval waits for what comes after them. */
static bool only_looks(enum verb verb)
{
    return verb == VERB_STATUS || verb == VERB_ONLINE || verb == VERB_SHOW || verb == VERB_HELP ||
           verb == VERB_BILL || verb == VERB_RECEIPT || verb == VERB_SHIFT || verb == VERB_APPROVE;
}

static void carry_out(struct till *t, struct asker *a, const struct command *c)
{
    uint32_t approved_by = only_looks(c->verb) ? 0 : people_take_approval(t, a);
    switch (c->verb) {
    case VERB_TAP:
        do_tap(t, a, c);
        return;
    case VERB_IDENTIFY:
        do_identify(t, a, c);
        return;
    case VERB_LINE:
        till_feed(t, c->line ? (struct sale_event){.kind = SALE_LINE, .line = c->line}
                             : (struct sale_event){.kind = SALE_LINE_OFF, .number = c->number});
        return;
    case VERB_COUPON:
        till_feed(t, (struct sale_event){.kind = SALE_COUPON, .text = c->value});
        return;
    case VERB_TOTAL:
        till_feed(t, (struct sale_event){.kind = SALE_TOTAL, .money = c->money});
        return;
    case VERB_REDEEM:
        do_redeem(t, a, c, approved_by);
        return;
    case VERB_PAY:
        till_feed(t, (struct sale_event){.kind = SALE_PAY,
                                         .ref = c->ref,
                                         .known = known(t, c->ref),
                                         .tenders = c->tenders,
                                         .tender_count = c->tender_count});
        return;
    case VERB_GIVE_UP:
        if (t->waiter && t->waiter->busy == VERB_REDEEM)
            stop_waiting(t, a, tr("The cashier has given up the redemption."));
        question_forget(t);
        till_feed(t, (struct sale_event){.kind = SALE_GIVE_UP});
        return;
    case VERB_CANCEL:
        do_cancel(t, a);
        return;
    case VERB_RECEIPT:
        do_receipt(t, a, c);
        return;
    case VERB_REFUND:
        do_refund(t, a, c, approved_by);
        return;
    case VERB_GRANT:
        do_grant(t, a, c, approved_by);
        return;
    case VERB_JOIN:
        till_feed(t, (struct sale_event){.kind = SALE_JOIN});
        return;
    case VERB_PERSON:
        do_person(t, a, c);
        return;
    case VERB_REPLACE:
        do_replace(t, a, c, approved_by);
        return;
    case VERB_RATE:
        do_rate(t, c);
        return;
    case VERB_LOGIN:
        people_login(t, a, c);
        return;
    case VERB_LOGOUT:
        people_logout(t, a);
        return;
    case VERB_APPROVE:
        people_approve(t, a, c);
        return;
    case VERB_PARK:
        people_park(t, a);
        return;
    case VERB_RESUME:
        people_resume(t, a, c);
        return;
    case VERB_TRAIN:
        do_train(t, a, c, approved_by);
        return;
    case VERB_SHIFT:
        people_shift(t, a);
        return;
    case VERB_BILL:
        do_bill(t, a, c);
        return;
    case VERB_SYNC:
        do_sync(t, a, c);
        return;
    case VERB_SHOW:
        do_show(t, a);
        return;
    case VERB_STATUS:
    case VERB_ONLINE:
    case VERB_HELP:
        fine(t, a, "");
        return;
    case VERB_QUIT:
        fine(t, a, tr("Good-bye."));
        till_quit(t);
        return;
    case VERB_REPRINT:
        do_reprint(t, a, c);
        return;
    case VERB_UNPRINT:
        do_unprint(t, a);
        return;
    case VERB_DRAWER:
        do_drawer(t, a);
        return;
    case VERB_NONE:
    case VERBS:
        ask_refuse(t, a, "FORMAT", tr("This till does not do that."));
        return;
    }
}

void till_ask(struct till *t, struct asker *a, const struct command *c)
{
    struct asker *before = t->current;
    if (a->busy != VERB_NONE) { /* it stops waiting, and asks for something else */
        assert(c->verb == VERB_CANCEL || c->verb == VERB_GIVE_UP);
        ask_refuse(t, a, "STATE", tr("The sale was cancelled."));
    }
    people_settle(t);
    a->busy = c->verb;
    t->current = a;
    if (a->person && t->people.staffed && !t->people.cashier.id && needs_login(c->verb))
        ask_refuse(t, a, "LOGIN", tr("Log in first, by number and PIN or with the badge."));
    else if (t->trains && t->trains != a && is_of_a_bill(c->verb))
        ask_refuse(t, a, "BUSY", tr("A cash register trains at this till: wait until it has ended."));
    else
        carry_out(t, a, c);
    t->current = before;
}

/* ---- time ---- */

void ask_turn(struct till *t, int64_t now_ms)
{
    struct asker *next;
    for (struct asker *a = t->askers; a; a = next) {
        next = a->next;
        if (a->busy == VERB_SYNC)
            check_synced(t, a, now_ms);
        /* A card that is being talked to is not interrupted. */
        bool waits = a->busy == VERB_TAP || (a->busy == VERB_REPLACE && t->replacing);
        if (waits && a == t->waiter && now_ms >= a->deadline_ms &&
            (t->tap.at == AT_CARD || t->tap.job == JOB_NONE)) {
            t->replacing = false;
            if (t->tap.job == JOB_IDENTIFY)
                tap_end(t);
            ask_refuse(t, a, "TIMEOUT", tr("No card came. Tap again."));
        }
    }
}

int64_t ask_due_ms(const struct till *t)
{
    int64_t due = INT64_MAX;
    for (const struct asker *a = t->askers; a; a = a->next) {
        if (a->busy == VERB_SYNC)
            due = t->hurry_ms < due ? t->hurry_ms : due;
        else if (a->busy != VERB_NONE && a->deadline_ms && t->tap.at == AT_CARD)
            due = a->deadline_ms < due ? a->deadline_ms : due;
    }
    return due;
}
