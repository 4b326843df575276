/* sale.c - see sale.h: the picture, the invariants, and who does what with the effects.
 * Read sale_step at the end first, then the functions in the order of a sale.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/sale/sale_inside.h"

#include "base/date.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- words ---- */

const char *sale_state_text(enum sale_state state)
{
    switch (state) {
    case SALE_IDLE:
        return "idle";
    case SALE_IDENTIFIED:
        return "identified";
    case SALE_TOTALLED:
        return "totalled";
    case SALE_PREPARING:
        return "preparing";
    case SALE_INTENDING:
        return "intending";
    case SALE_COMMITTING:
        return "committing";
    case SALE_HOLDING:
        return "holding";
    case SALE_DEBITED:
        return "debited";
    case SALE_DOUBT:
        return "doubt";
    case SALE_CLOSING:
        return "closing";
    case SALE_DONE:
        return "done";
    case SALE_STATES:
        break;
    }
    return "?";
}

const char *sale_event_text(enum sale_event_kind kind)
{
    switch (kind) {
    case SALE_TAP:
        return "tap";
    case SALE_TAP_REFUSED:
        return "tap refused";
    case SALE_WRONG_CARD:
        return "wrong card";
    case SALE_KNOWN:
        return "known";
    case SALE_LINE:
        return "line";
    case SALE_LINE_OFF:
        return "line off";
    case SALE_COUPON:
        return "coupon";
    case SALE_TOTAL:
        return "total";
    case SALE_REDEEM:
        return "redeem";
    case SALE_PAY:
        return "pay";
    case SALE_WRITTEN:
        return "written";
    case SALE_NOT_WRITTEN:
        return "not written";
    case SALE_CARD_READY:
        return "card ready";
    case SALE_CARD_DONE:
        return "card done";
    case SALE_CARD_FAILED:
        return "card failed";
    case SALE_CARD_LOST:
        return "card lost";
    case SALE_SETTLED:
        return "settled";
    case SALE_HELD:
        return "held";
    case SALE_HOLD_REFUSED:
        return "hold refused";
    case SALE_HOLD_LOST:
        return "hold lost";
    case SALE_GIVE_UP:
        return "give up";
    case SALE_CANCEL:
        return "cancel";
    case SALE_REFUND:
        return "refund";
    case SALE_RESUME:
        return "resume";
    case SALE_WITNESS:
        return "witness";
    case SALE_GRANT:
        return "grant";
    case SALE_JOIN:
        return "join";
    case SALE_RATE:
        return "rate";
    case SALE_PARK:
        return "park";
    case SALE_TAKE_UP:
        return "take up";
    case SALE_EVENTS:
        break;
    }
    return "?";
}

const char *sale_answer_code(enum sale_answer answer)
{
    static const char *const codes[] = {
#define SALE_ANSWER_TEXT(name, text) text,
        SALE_ANSWER_LIST(SALE_ANSWER_TEXT)
#undef SALE_ANSWER_TEXT
    };
    assert((unsigned)answer < SALE_ANSWERS);
    return codes[answer];
}

/* ---- small helpers ---- */

void sale_say(struct sale_effects *out, enum sale_answer answer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(out->say.text, sizeof out->say.text, format, args);
    va_end(args);
    out->answered = true;
    out->answer = answer;
}

void sale_text_copy(char *out, size_t size, const char *text)
{
    size_t n = text ? strnlen(text, size - 1) : 0;
    memset(out, 0, size);
    if (n)
        memcpy(out, text, n);
}

bool sale_text_equal(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static const char *who_is(char out[SALE_WHO_SIZE], member_id member, const struct card_uid *card)
{
    if (member)
        member_text(out, member);
    else
        snprintf(out, SALE_WHO_SIZE, "%s",
                 uid_is(card) ? tr("a new member") : tr("a member head office will find"));
    return out;
}

const char *sale_who(char out[SALE_WHO_SIZE], const struct txn *t)
{
    return who_is(out, t->member, &t->card);
}

const char *sale_whose(char out[SALE_WHO_SIZE], const struct sale *s)
{
    return who_is(out, s->member, &s->card);
}

bool sale_has_pack(const struct sale_facts *f, struct sale_effects *out)
{
    if (!f->pack)
        sale_say(out, SALE_NO_PACK,
                 tr("This till has no programme yet. Connect it to head office once."));
    return f->pack != NULL;
}

bool sale_unlocked(const struct sale_facts *f, struct sale_effects *out)
{
    if (f->locked)
        sale_say(out, SALE_LOCKED,
                 tr("Head office has locked this till: it gives and takes no points. Sell without "
                    "the card, and call head office."));
    return !f->locked;
}

bool sale_is_alone(const struct txn *t)
{
    return t->line_count == 1 && strcmp(t->lines[0].sku, SALE_POINTS_SKU) == 0;
}

static bool is_total_only(const struct txn *t)
{
    return t->line_count == 1 && strcmp(t->lines[0].sku, SALE_TOTAL_SKU) == 0;
}

bool sale_has_member(const struct txn *t)
{
    return t->member != 0 || txn_has_token(t) || uid_is(&t->card);
}

static bool is_open(const struct sale *s)
{
    return s->state == SALE_IDLE || s->state == SALE_IDENTIFIED || s->state == SALE_TOTALLED;
}

bool sale_is_quiet(const struct sale *s)
{
    return s->state == SALE_DONE || (is_open(s) && !entry_is(s->intent));
}

uint32_t sale_approver(const struct sale_event *in)
{
    if (in->approved_by)
        return in->approved_by;
    return in->facts->supervisor ? in->facts->cashier : 0;
}

void sale_begin_entry(struct txn *t, const struct sale_facts *f, enum txn_kind kind)
{
    memset(t, 0, sizeof *t);
    t->kind = kind;
    t->id = f->next;
    t->time_s = f->now_s;
    t->cashier = f->cashier;
    sale_text_copy(t->shop, sizeof t->shop, f->shop);
}

void sale_write(struct sale *s, const struct txn *t, struct entry_id closes,
                struct sale_effects *out)
{
    s->before = s->state;
    s->state = SALE_CLOSING;
    s->writing = t;
    out->append = t;
    out->closes = closes;
}

void sale_init(struct sale *s)
{
    memset(s, 0, sizeof *s);
    s->state = SALE_IDLE;
    s->t.kind = TXN_SALE;
}

bool sale_is_idle(const struct sale *s)
{
    return s->state == SALE_DONE ||
           (s->state == SALE_IDLE && s->t.line_count == 0 && s->t.coupon_count == 0 && !entry_is(s->intent));
}

enum sale_want sale_wants(const struct sale *s)
{
    switch (s->state) {
    case SALE_IDLE:
    case SALE_IDENTIFIED:
    case SALE_DONE:
        return SALE_WANT_ANY;
    case SALE_TOTALLED:
        return entry_is(s->intent) && s->fate == COMMIT_DOUBT ? SALE_WANT_SETTLE : SALE_WANT_ANY;
    case SALE_PREPARING:
        return SALE_WANT_DEBIT;
    case SALE_DOUBT:
        return SALE_WANT_SETTLE;
    case SALE_INTENDING:
    case SALE_COMMITTING:
    case SALE_HOLDING:
    case SALE_DEBITED:
    case SALE_CLOSING:
    case SALE_STATES:
        break;
    }
    return SALE_WANT_NONE;
}

/* "This is not possible now": says what is. */
void sale_not_now(const struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    char who[SALE_WHO_SIZE];
    sale_whose(who, s);
    (void)in;
    switch (s->state) {
    case SALE_IDLE:
        sale_say(out, SALE_NOT_NOW, tr("Not now: no bill is open. Tap a card or enter the first line."));
        return;
    case SALE_IDENTIFIED:
        sale_say(out, SALE_NOT_NOW, tr("Not now: the bill is open. Enter lines, then total."));
        return;
    case SALE_TOTALLED:
        sale_say(out, SALE_NOT_NOW, tr("Not now: the bill is totalled. Redeem, pay or cancel."));
        return;
    case SALE_PREPARING:
        sale_say(out, SALE_NOT_NOW, tr("Not now: waiting for the card of %s. Hold it there, or cancel."), who);
        return;
    case SALE_INTENDING:
    case SALE_COMMITTING:
        sale_say(out, SALE_NOT_NOW, tr("Not now: the card is being debited. Keep it there."));
        return;
    case SALE_HOLDING:
        if (s->hold_asked)
            sale_say(out, SALE_NOT_NOW, tr("Not now: head office is being asked. One moment."));
        else
            sale_say(out, SALE_NO_ANSWER,
                     tr("Not now: head office did not answer. Redeem again (nothing is taken twice), "
                        "or give up."));
        return;
    case SALE_DEBITED:
        sale_say(out, SALE_NOT_NOW,
            tr("Not now: %" PRId64 " points are taken. Pay the rest, or cancel."),
            points_n(s->wanted));
        return;
    case SALE_DOUBT:
        sale_say(out, SALE_IN_DOUBT,
            tr("Not now: it is not known whether the card of %s was debited. Tap the "
            "same card again; if it is gone, give up."), who);
        return;
    case SALE_CLOSING:
        sale_say(out, SALE_NOT_NOW, tr("Not now: the sale is being written."));
        return;
    case SALE_DONE:
        sale_say(out, SALE_NOT_NOW, tr("Not now: the last sale is finished. Tap a card or enter a line."));
        return;
    case SALE_STATES:
        break;
    }
    assert(!"a state that does not exist");
}

/* ---- the card ---- */

static bool is_same_card(const struct sale *s, const struct card_uid *uid)
{
    return uid_equal(&s->card, uid);
}

/* The tier that rates: what the card says while head office vouches for it, else the lowest. */
static const char *tier_of(const struct pack *pack, const struct card_profile *profile,
                           int32_t today)
{
    if (today <= profile->tier_valid_day && pack_find_tier(pack, profile->tier))
        return profile->tier;
    return pack->tiers[0].code;
}

static enum sale_answer answer_of_card(enum card_status_word word)
{
    switch (word) {
    case CARD_NOT_OURS:
    case CARD_BAD_KEY:
    case CARD_ISSUED_ALREADY:
    case CARD_NO_ROOM:
        return SALE_FOREIGN_CARD;
    case CARD_LEFT:
        return SALE_CARD_GONE;
    case CARD_TOO_LITTLE:
        return SALE_NO_REDEEM;
    case CARD_PHONE:
    case CARD_PHONE_LOCKED:
        return SALE_PHONE;
    case CARD_BAD_ANSWER:
    case CARD_LIMIT:
    case CARD_OK:
        return SALE_BAD_CARD;
    }
    return SALE_BAD_CARD;
}

void sale_say_card(struct sale_effects *out, const struct sale_event *in)
{
    enum card_status_word word = in->word;
    enum sale_answer answer = answer_of_card(word);
    if (in->several)
        sale_say(out, SALE_TWO_CARDS,
                 tr("More than one card lies there; nothing was taken off any. One card, please."));
    else if (in->absent)
        sale_say(out, SALE_CARD_GONE,
                 tr("No card came; no points were taken. Redeem again and hold the card there, or pay without points."));
    else if (word == CARD_PHONE_LOCKED)
        sale_say(out, answer,
                 tr("The phone is locked: unlock it, choose the pass, and hold it there again."));
    else if (answer == SALE_PHONE)
        sale_say(out, answer,
                 tr("This is a phone without our pass, or a card with another number at every tap. Show "
                    "the code of the member page, say the telephone number, or sell without."));
    else if (answer == SALE_FOREIGN_CARD)
        sale_say(out, answer,
                 tr("This is not a card of ours (%s). Sell without a card, or try another."),
                 tr(card_status_text(word)));
    else if (answer == SALE_CARD_GONE)
        sale_say(out, answer,
                 tr("The card left too early; nothing was taken off it. Hold it there again."));
    else if (answer == SALE_NO_REDEEM)
        sale_say(out, answer,
                 tr("The card holds fewer points than that; nothing was taken off it. Tap it again to "
                    "see what it holds."));
    else
        sale_say(out, answer,
                 tr("The card does not answer as it should (%s); nothing was taken off it. Try again, "
                    "or sell without it."),
                 tr(card_status_text(word)));
}

/* Somebody else's thing is shown while this sale has an INTENT on disk. */
static bool is_anothers(struct sale *s, const struct card_uid *uid, struct sale_effects *out)
{
    char who[SALE_WHO_SIZE];
    if (!entry_is(s->intent) || (uid && is_same_card(s, uid)))
        return false;
    sale_say(out, SALE_OTHER_CARD,
             tr("This is another card. Use the card of %s, or cancel this sale."),
             sale_whose(who, s));
    return true;
}

/* Whose card is it?  False: nobody's, or not to be used; said. */
static bool card_is_good(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    const struct sale_facts *f = in->facts;
    const struct card_profile *p = &in->seen->profile;
    char who[SALE_WHO_SIZE];
    who_is(who, p->member ? p->member : f->card_member, &in->seen->uid);
    if (f->hot == CARD_REPLACED) {
        sale_say(out, SALE_BLOCKED_CARD,
                 tr("This card of %s was replaced by another. Ask for the new one."), who);
        return false;
    }
    if (f->hot == CARD_BLOCKED || p->flags & CARD_FLAG_BLOCKED) {
        sale_say(out, SALE_BLOCKED_CARD,
                 tr("The card of %s is blocked. Sell without it; the member can ask head office."),
                 who);
        return false;
    }
    if (p->member == 0 && f->card_member == 0 && !f->joined) {
        s->fresh = in->seen->uid;
        s->fresh_kind = in->seen->kind;
        sale_say(out, SALE_UNBOUND_CARD,
                 tr("This card belongs to nobody yet. Let the member join with it, or sell without."));
        return false;
    }
    return true;
}

/* With the line cut there are neither marks nor stamps: what depends on them is not promised. */
static void take_told(struct sale *s, const struct sale_facts *f)
{
    struct txn *t = &s->t;
    memset(t->marks, 0, sizeof t->marks);
    t->mark_count = 0;
    for (int32_t i = 0; f->online && i < f->mark_count && i < TXN_MARKS_MAX; i++)
        sale_text_copy(t->marks[t->mark_count++], sizeof t->marks[0], f->marks[i]);
    memset(t->stamps, 0, sizeof t->stamps);
    t->stamp_count = 0;
    for (int32_t i = 0; f->online && i < f->stamp_count && i < TXN_STAMPS_MAX; i++)
        if (*f->stamps[i].name && f->stamps[i].collected >= 0 && f->stamps[i].given >= 0)
            t->stamps[t->stamp_count++] = f->stamps[i];
}

/* Somebody is known now; a bill that was closed is closed again, for them. */
static bool identified(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    bool totalled = s->state == SALE_TOTALLED;
    s->online = in->facts->online;
    take_told(s, in->facts);
    memset(&s->fresh, 0, sizeof s->fresh);
    s->state = SALE_IDENTIFIED;
    if (totalled)
        sale_do_total(s, in, out);
    return totalled;
}

static void on_tap(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    const struct sale_facts *f = in->facts;
    const struct card_profile *p = &in->seen->profile;
    char who[SALE_WHO_SIZE], pending[64] = "";
    if (s->state == SALE_DONE)
        sale_init(s);
    if (!is_open(s)) {
        sale_not_now(s, in, out);
        return;
    }
    if (!sale_has_pack(f, out) || is_anothers(s, &in->seen->uid, out) || !sale_unlocked(f, out) ||
        !card_is_good(s, in, out))
        return;
    if (!is_same_card(s, &in->seen->uid)) /* a piece for another card: head office lets it go by time */
        s->piece = (struct entry_id){0, 0};
    s->means = MEANS_CARD;
    s->card = in->seen->uid;
    s->card_kind = in->seen->kind;
    s->member = p->member ? p->member : f->card_member;
    memset(s->token, 0, sizeof s->token);
    s->profile = *p;
    s->purse = in->seen->purse;
    s->spendable = points_of(0);
    const char *tier = tier_of(f->pack, p, day_of_time(f->now_s));
    if ((!p->member || f->online) && f->card_tier && pack_find_tier(f->pack, f->card_tier))
        tier = f->card_tier;
    sale_text_copy(s->tier, sizeof s->tier, tier);
    if (identified(s, in, out))
        return;
    if (points_n(f->pending) > 0)
        snprintf(pending, sizeof pending, tr(", %" PRId64 " more pending"), points_n(f->pending));
    sale_say(out, SALE_OK, tr("%s, %s, %d points on the card%s%s."), sale_whose(who, s),
             pack_find_tier(f->pack, s->tier)->name, s->purse, pending,
             f->online ? "" : tr(" (no line to head office)"));
}

static void on_known(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    const struct sale_facts *f = in->facts;
    const struct sale_known *k = in->known_as;
    char who[SALE_WHO_SIZE];
    if (s->state == SALE_DONE)
        sale_init(s);
    if (!is_open(s)) {
        sale_not_now(s, in, out);
        return;
    }
    if (!sale_has_pack(f, out) || is_anothers(s, NULL, out) || !sale_unlocked(f, out))
        return;
    s->means = k->means;
    s->piece = (struct entry_id){0, 0};
    memset(&s->card, 0, sizeof s->card);
    memset(&s->profile, 0, sizeof s->profile);
    s->card_kind = CARD_NONE;
    s->member = k->member;
    memset(s->token, 0, sizeof s->token);
    if (!k->member)
        memcpy(s->token, k->token, sizeof s->token);
    s->purse = 0;
    s->spendable = f->online ? k->spendable : points_of(0);
    sale_text_copy(s->tier, sizeof s->tier, pack_get_tier(f->pack, k->tier)->code);
    if (identified(s, in, out))
        return;
    sale_whose(who, s);
    if (f->online)
        sale_say(out, SALE_OK, tr("%s, %s, %" PRId64 " points at head office."), who,
                 pack_find_tier(f->pack, s->tier)->name, points_n(s->spendable));
    else
        sale_say(out, SALE_OK, tr("%s, %s (no line to head office): this sale earns."), who,
                 pack_find_tier(f->pack, s->tier)->name);
}

static void on_tap_refused(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    if (s->state == SALE_PREPARING || s->state == SALE_DOUBT || s->state == SALE_HOLDING)
        sale_not_now(s, in, out);
    else
        sale_say_card(out, in);
}

/* ---- the bill ---- */

/* Something was forgotten: a closed bill is opened again.  False: not now, and said. */
static bool opened_again(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    if (s->state == SALE_DONE)
        sale_init(s);
    if (s->state == SALE_TOTALLED && !entry_is(s->intent))
        s->state = s->means ? SALE_IDENTIFIED : SALE_IDLE;
    if (s->state == SALE_IDLE || s->state == SALE_IDENTIFIED)
        return true;
    sale_not_now(s, in, out);
    return false;
}

static void on_line(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    const struct txn_line *l = in->line;
    struct money total;
    char sum[PACK_MONEY_SIZE];
    if (!opened_again(s, in, out))
        return;
    if (!memchr(l->sku, 0, sizeof l->sku) || !l->sku[0] ||
        strcmp(l->sku, SALE_POINTS_SKU) == 0 || !memchr(l->category, 0, sizeof l->category) ||
        l->quantity <= 0 || money_minor(l->amount) < 0 ||
        !money_add(&total, s->t.total, l->amount)) {
        sale_say(out, SALE_BAD_LINE,
                 tr("This line does not count: it needs an article, a quantity of 1 or more and "
                    "an amount of 0 or more."));
        return;
    }
    if (s->t.line_count >= TXN_LINES_MAX) {
        sale_say(out, SALE_FULL, tr("A bill has at most %d lines. Pay this one and begin another."),
                 TXN_LINES_MAX);
        return;
    }
    s->t.lines[s->t.line_count++] = *l;
    s->t.total = total;
    pack_money_text(sum, in->facts->pack, total);
    sale_say(out, SALE_OK, tr("%s x %d: %d lines, %s."), l->sku, l->quantity, s->t.line_count, sum);
}

static void on_line_off(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    struct txn *t = &s->t;
    char sum[PACK_MONEY_SIZE];
    if (s->state == SALE_DONE) { /* of a bill that is paid nothing is taken off: goods come back */
        sale_not_now(s, in, out);
        return;
    }
    if (!opened_again(s, in, out))
        return;
    if (in->number < 1 || in->number > t->line_count) {
        sale_say(out, SALE_BAD_LINE, tr("The bill has no line %d; it has %d lines."), in->number,
                 t->line_count);
        return;
    }
    struct txn_line gone = t->lines[in->number - 1];
    if (!money_sub(&t->total, t->total, gone.amount))
        assert(!"a total below one of its lines");
    t->line_count--;
    memmove(&t->lines[in->number - 1], &t->lines[in->number],
            (size_t)(t->line_count - in->number + 1) * sizeof t->lines[0]);
    pack_money_text(sum, in->facts->pack, t->total);
    sale_say(out, SALE_OK, tr("Taken off: %s x %d. %d lines, %s."), gone.sku, gone.quantity,
             t->line_count, sum);
}

/* An e-coupon was shown. */
static void on_coupon(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    struct txn *t = &s->t;
    size_t size = in->text ? strlen(in->text) : 0;
    bool good = size > 0 && size < sizeof t->coupons[0];
    for (size_t i = 0; i < size && good; i++)
        good = in->text[i] > ' ' && in->text[i] < 127;
    if (!opened_again(s, in, out))
        return;
    if (!good) {
        sale_say(out, SALE_BAD_LINE, tr("This is no coupon: a code has 1 to %d letters and digits."),
                 (int)sizeof t->coupons[0] - 1);
        return;
    }
    for (int32_t i = 0; i < t->coupon_count; i++)
        if (strcmp(t->coupons[i], in->text) == 0) {
            sale_say(out, SALE_OK, tr("Coupon %s is on the bill already."), in->text);
            return;
        }
    if (t->coupon_count >= TXN_COUPONS_MAX) {
        sale_say(out, SALE_FULL, tr("A bill takes at most %d coupons."), TXN_COUPONS_MAX);
        return;
    }
    sale_text_copy(t->coupons[t->coupon_count++], sizeof t->coupons[0], in->text);
    sale_say(out, SALE_OK, tr("Coupon %s is on the bill."), in->text);
}

/* What the bill earns when value of it is paid with points (I6). A bill without a member earns
 * nothing. */
bool sale_rate(struct sale *s, const struct sale_facts *f, struct money value, struct errmsg *why)
{
    memset(&s->earning, 0, sizeof s->earning);
    if (s->means == MEANS_NONE)
        return true;
    struct bill bill = rules_bill(&s->t);
    bill.paid_by_points = value;
    bill.time_s = f->now_s;
    bill.shop = f->shop;
    bill.tier = s->tier;
    bill.earned_today = f->earned_today;
    bill.earned_month = f->earned_month;
    return rules_earn(f->pack, &bill, &s->earning, why) == OK;
}

/* Close the bill: what it earns, what may be redeemed. */
void sale_do_total(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    const struct sale_facts *f = in->facts;
    struct errmsg why = {""};
    char sum[PACK_MONEY_SIZE], worth[PACK_MONEY_SIZE];
    if (s->t.line_count == 0) {
        sale_say(out, SALE_EMPTY, tr("The bill has no lines yet. Enter the first one."));
        return;
    }
    if (!sale_has_pack(f, out))
        return;
    if (!sale_rate(s, f, money_of(0), &why)) {
        sale_say(out, SALE_BAD_LINE, tr("This bill cannot be rated (%s). Cancel it."), why.text);
        return;
    }
    const char *no = sale_offer(s, f, false);
    s->state = SALE_TOTALLED;
    pack_money_text(sum, f->pack, s->t.total);
    pack_money_text(worth, f->pack, s->offer.most_value);
    if (s->means == MEANS_NONE)
        sale_say(out, SALE_OK, tr("Total %s, no card. Pay, or tap a card first."), sum);
    else if (points_n(s->offer.most) > 0)
        sale_say(out, SALE_OK,
                 tr("Total %s, earns %" PRId64 " points. Up to %" PRId64 " points may pay %s of it."),
                 sum, points_n(s->earning.points), points_n(s->offer.most), worth);
    else
        sale_say(out, SALE_OK, tr("Total %s, earns %" PRId64 " points. No points to redeem: %s"), sum,
                 points_n(s->earning.points), no ? no : tr(redeem_answer_text(s->offer.limit)));
}

/* A bill of which only the total is known.  False: refused and said. */
static bool only_total(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    struct txn_line *l = &s->t.lines[0];
    if (!opened_again(s, in, out))
        return false;
    if (s->t.line_count && !is_total_only(&s->t)) {
        sale_say(out, SALE_BAD_LINE, tr("This bill has lines: their sum is the total."));
        return false;
    }
    memset(l, 0, sizeof *l);
    sale_text_copy(l->sku, sizeof l->sku, SALE_TOTAL_SKU);
    l->quantity = 1;
    l->amount = in->money;
    s->t.line_count = 1;
    s->t.total = in->money;
    return true;
}

static void on_total(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    if (money_minor(in->money) > 0 && !only_total(s, in, out))
        return;
    if (is_open(s) && !(s->state == SALE_TOTALLED && sale_is_alone(&s->t)))
        sale_do_total(s, in, out);
    else
        sale_not_now(s, in, out);
}

bool sale_reference_fits(const struct sale_event *in, struct sale_effects *out)
{
    if (!in->ref || strlen(in->ref) < TXN_REF_SIZE)
        return true;
    sale_say(out, SALE_BAD_LINE, tr("A reference has at most %d characters."), TXN_REF_SIZE - 1);
    return false;
}

/* ---- put aside, taken up again ---- */

bool sale_can_park(const struct sale *s)
{
    return is_open(s) && !entry_is(s->intent) && s->t.line_count > 0 && !sale_is_alone(&s->t);
}

void sale_parked(struct txn *out, const struct sale *s, const struct sale_facts *f)
{
    *out = s->t;
    out->kind = TXN_SALE;
    out->id = f->next;
    out->time_s = f->now_s;
    out->member = s->member;
    out->card = s->card;
    out->means = s->means;
    memcpy(out->token, s->token, sizeof out->token);
    sale_text_copy(out->tier, sizeof out->tier, s->tier);
}

static void on_park(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    if (!sale_can_park(s)) {
        sale_not_now(s, in, out);
        return;
    }
    sale_init(s);
    sale_say(out, SALE_OK, tr("The bill is put aside as number %d."), in->number);
}

/* The member is known as before, and earns; to redeem they show again what they are known by. */
static void on_take_up(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    const struct sale_facts *f = in->facts;
    const struct txn *t = in->txn;
    char sum[PACK_MONEY_SIZE];
    if (!sale_is_idle(s)) {
        sale_not_now(s, in, out);
        return;
    }
    if (!sale_has_pack(f, out))
        return;
    sale_init(s);
    memcpy(s->t.lines, t->lines, sizeof s->t.lines);
    s->t.line_count = t->line_count;
    s->t.total = t->total;
    memcpy(s->t.coupons, t->coupons, sizeof s->t.coupons);
    s->t.coupon_count = t->coupon_count;
    memcpy(s->t.marks, t->marks, sizeof s->t.marks); /* the member was told by them */
    s->t.mark_count = t->mark_count;
    s->means = t->means;
    s->member = t->member;
    s->card = t->card;
    memcpy(s->token, t->token, sizeof s->token);
    if (s->means)
        sale_text_copy(s->tier, sizeof s->tier, pack_get_tier(f->pack, t->tier)->code);
    s->state = s->means ? SALE_IDENTIFIED : SALE_IDLE;
    pack_money_text(sum, f->pack, s->t.total);
    sale_say(out, SALE_OK, tr("Taken up again: %d lines, %s."), s->t.line_count, sum);
}

/* ---- closing ---- */

void sale_receipt_of(struct sale_receipt *out, const struct txn *t)
{
    memset(out, 0, sizeof *out);
    out->kind = t->kind;
    out->refund = t->kind == TXN_REFUND;
    out->entry = t->id;
    out->time_s = t->time_s;
    out->member = t->member;
    out->known = sale_has_member(t);
    sale_text_copy(out->tier, sizeof out->tier, t->tier);
    out->total = t->total;
    out->by_points = t->redeemed_value;
    if (!money_sub(&out->due, t->total, t->redeemed_value))
        out->due = t->total;
    out->earned = t->points;
    out->redeemed = t->kind == TXN_REFUND ? t->redeemed : txn_redeemed(t);
    out->commit = t->commit;
}

bool sale_same_lines(const struct txn_line *a, int32_t a_count, const struct txn_line *b,
                     int32_t b_count)
{
    if (a_count != b_count)
        return false;
    for (int32_t i = 0; i < a_count; i++)
        if (!sale_text_equal(a[i].sku, b[i].sku) ||
            !sale_text_equal(a[i].category, b[i].category) || a[i].quantity != b[i].quantity ||
            money_cmp(a[i].amount, b[i].amount) != 0)
            return false;
    return true;
}

void sale_say_sale(struct sale_effects *out, const struct pack *pack)
{
    const struct sale_receipt *r = &out->confirm;
    char who[SALE_WHO_SIZE], due[PACK_MONEY_SIZE], entry[ENTRY_TEXT_SIZE];
    pack_money_text(due, pack, r->due);
    entry_text(entry, r->entry);
    if (!r->known) {
        sale_say(out, SALE_OK, tr("Receipt %s: %s paid, no card."), entry, due);
        return;
    }
    static const struct card_uid no_card;
    who_is(who, r->member, &no_card);
    char redeemed[80] = "";
    if (points_n(r->redeemed))
        snprintf(redeemed, sizeof redeemed, tr(" and redeemed %" PRId64), points_n(r->redeemed));
    sale_say(out, SALE_OK, tr("Receipt %s: %s paid, %s earned %" PRId64 " points%s.%s"), entry, due,
             who, points_n(r->earned), redeemed,
             r->commit == COMMIT_DOUBT
                 ? tr(" Whether the card was debited is settled by head office.")
                 : "");
}

void sale_confirm_again(struct sale *s, const struct txn *known, struct sale_effects *out)
{
    sale_init(s);
    sale_receipt_of(&out->confirm, known);
    out->confirm.repeated = true;
    s->last = out->confirm;
    s->state = SALE_DONE;
}

/* Is the bill in hand of whom the entry is of?  Before anybody was identified: yes. */
static bool is_of(const struct sale *s, const struct txn *k)
{
    if (s->means == MEANS_NONE)
        return true;
    if (uid_is(&s->card))
        return uid_equal(&s->card, &k->card);
    return s->member == k->member && memcmp(s->token, k->token, sizeof s->token) == 0;
}

/* The reference is known: the same again gets the first answer, anything else is refused (I2). */
static void on_pay_known(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    const struct txn *k = in->known;
    bool empty = sale_is_idle(s); /* only asked again */
    bool same =
        k->kind == TXN_SALE &&
        (empty || (is_open(s) && !entry_is(s->intent) && is_of(s, k) &&
                   sale_same_lines(s->t.lines, s->t.line_count, k->lines, k->line_count)));
    if (!same) {
        sale_say(out, SALE_CONFLICT,
                 tr("Bill %s was closed before with other contents. Use another reference."),
                 in->ref);
        return;
    }
    sale_confirm_again(s, k, out);
    sale_say_sale(out, in->facts->pack);
}

/* What SALE and INTENT have in common. */
void sale_fill_bill(struct sale *s, const struct sale_facts *f, enum txn_kind kind)
{
    struct txn *t = &s->t;
    t->kind = kind;
    t->id = f->next;
    t->time_s = f->now_s;
    t->member = s->member;
    t->card = s->card;
    sale_text_copy(t->shop, sizeof t->shop, f->shop);
    sale_text_copy(t->tier, sizeof t->tier, s->tier);
    t->pack_version = f->pack->version;
    t->points = s->earning.points;
    t->cashier = f->cashier;
    t->approved_by = s->approved_by;
    t->means = s->means;
    memset(t->token, 0, sizeof t->token);
    if (kind == TXN_SALE && !s->member)
        memcpy(t->token, s->token, sizeof t->token);
}

/* TOTALLED or DEBITED: write the SALE. */
void sale_close(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    const struct sale_facts *f = in->facts;
    struct errmsg why = {""};
    bool debited = s->state == SALE_DEBITED, held = entry_is(s->hold);
    struct money value = debited ? s->wanted_value : money_of(0);
    if (!sale_rate(s, f, value, &why)) {
        sale_say(out, SALE_BAD_LINE, tr("This bill cannot be rated (%s). Cancel it."), why.text);
        return;
    }
    if (!debited)
        s->approved_by = 0;
    sale_fill_bill(s, f, TXN_SALE);
    if (in->ref && *in->ref)
        sale_text_copy(s->t.ref, sizeof s->t.ref, in->ref);
    s->t.original = held ? s->hold : s->intent;
    s->t.commit = entry_is(s->intent) ? s->fate : COMMIT_NONE;
    s->t.redeemed = held || entry_is(s->intent) ? s->wanted : points_of(0);
    s->t.redeemed_value = value;
    memset(s->t.reward, 0, sizeof s->t.reward);
    s->t.piece = s->piece.seq; /* given, or to be let go */
    if (points_n(s->t.redeemed))
        memcpy(s->t.reward, s->wanted_reward, sizeof s->t.reward);
    memset(&s->t.evidence, 0, sizeof s->t.evidence);
    if (debited && !held)
        s->t.evidence = s->evidence; /* I4 */
    sale_write(s, &s->t, s->intent, out);
}

/* Held points are for a sale that is paid soon: later they are somebody's again. */
static bool hold_ran_out(struct sale *s, const struct sale_facts *f, struct sale_effects *out)
{
    if (s->state != SALE_DEBITED || !entry_is(s->hold) || f->now_s < s->hold_until_s)
        return false;
    s->hold = (struct entry_id){0, 0};
    sale_back_to_bill(s, f);
    sale_say(out, SALE_NO_REDEEM,
             tr("The points were set aside too long ago; head office has let them go. Redeem again, "
                "or let the member pay whole."));
    return true;
}

/* How what is due is paid.  False: it does not fit, and said. */
static bool take_tenders(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    struct txn *t = &s->t;
    struct money sum = s->state == SALE_DEBITED ? s->wanted_value : money_of(0);
    bool good = in->tender_count >= 0 && in->tender_count <= TXN_TENDERS_MAX;
    for (int32_t i = 0; i < in->tender_count && good; i++)
        good = in->tenders[i].code[0] && memchr(in->tenders[i].code, 0, sizeof in->tenders[i].code) &&
               money_minor(in->tenders[i].amount) > 0 && money_add(&sum, sum, in->tenders[i].amount);
    if (!good || money_cmp(sum, t->total) > 0) {
        sale_say(out, SALE_BAD_LINE, tr("The ways of paying do not fit: together they pay at most what is due."));
        return false;
    }
    memset(t->tenders, 0, sizeof t->tenders);
    if (in->tender_count)
        memcpy(t->tenders, in->tenders, (size_t)in->tender_count * sizeof t->tenders[0]);
    t->tender_count = in->tender_count;
    return true;
}

static void on_pay(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    if (!sale_reference_fits(in, out))
        return;
    if (in->known) {
        on_pay_known(s, in, out);
        return;
    }
    if ((s->state != SALE_TOTALLED && s->state != SALE_DEBITED) ||
        (s->state == SALE_TOTALLED && sale_is_alone(&s->t))) {
        sale_not_now(s, in, out);
        return;
    }
    if (!sale_has_pack(in->facts, out))
        return;
    if (*s->t.ref && in->ref && *in->ref && !sale_text_equal(in->ref, s->t.ref)) {
        sale_say(out, SALE_CONFLICT, tr("This bill was begun as %s. Pay it with that reference."),
                 s->t.ref);
        return;
    }
    if (!hold_ran_out(s, in->facts, out) && take_tenders(s, in, out))
        sale_close(s, in, out);
}

/* The purchase does not happen after an INTENT, a HOLD or a piece: says so. */
void sale_begin_cancel(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    struct txn *t = &s->other;
    bool held = entry_is(s->hold);
    sale_begin_entry(t, in->facts, TXN_CANCEL);
    t->member = s->member;
    t->card = s->card;
    t->means = s->means;
    t->approved_by = s->approved_by;
    sale_text_copy(t->ref, sizeof t->ref, s->t.ref);
    if (held || entry_is(s->intent)) {
        t->redeemed = s->wanted;
        t->original = held ? s->hold : s->intent;
        t->commit = held ? COMMIT_NONE : s->fate;
        t->piece = s->piece.seq;
    } else {
        t->original = s->piece;
    }
    if (t->commit == COMMIT_DONE)
        t->evidence = s->evidence;
    sale_write(s, t, s->intent, out);
}

static void on_cancel(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    switch (s->state) {
    case SALE_IDLE:
    case SALE_IDENTIFIED:
    case SALE_TOTALLED:
    case SALE_PREPARING:
    case SALE_HOLDING:
    case SALE_DEBITED:
    case SALE_DOUBT:
        break;
    case SALE_DONE: /* nothing is open */
        sale_init(s);
        break;
    case SALE_INTENDING:
    case SALE_COMMITTING:
    case SALE_CLOSING:
    case SALE_STATES:
        sale_not_now(s, in, out);
        return;
    }
    if (s->state == SALE_PREPARING) {
        out->card = SALE_CARD_RELEASE;
        s->state = SALE_TOTALLED;
    }
    if (entry_is(s->intent) || entry_is(s->hold) || entry_is(s->piece)) {
        sale_begin_cancel(s, in, out);
        return;
    }
    sale_init(s); /* nothing was written: nothing is to be taken back */
    sale_say(out, SALE_OK, tr("Cancelled."));
}

/* ---- what the disk says ---- */

static void say_cancelled(struct sale_effects *out, enum txn_commit fate, bool held)
{
    if (held || fate == COMMIT_DONE)
        sale_say(out, SALE_OK,
                 tr("Cancelled. Head office gives the redeemed points back to the member."));
    else if (fate == COMMIT_DOUBT)
        sale_say(out, SALE_OK,
                 tr("Cancelled. If the card was debited, head office gives the points back."));
    else
        sale_say(out, SALE_OK, tr("Cancelled."));
}

static void on_written(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    if (s->state == SALE_INTENDING) {
        s->intent = s->t.id;
        s->fate = COMMIT_DOUBT; /* from here on, until the card has answered */
        s->resumed = false;
        s->evidence = s->t.evidence;
        s->state = SALE_COMMITTING;
        out->card = SALE_CARD_COMMIT;
        return;
    }
    if (s->state != SALE_CLOSING) {
        sale_not_now(s, in, out);
        return;
    }
    enum txn_kind kind = s->writing->kind;
    if (kind == TXN_CANCEL) {
        bool held = entry_is(s->hold);
        enum txn_commit fate = s->fate;
        sale_init(s);
        say_cancelled(out, fate, held);
        return;
    }
    if (kind != TXN_SALE && kind != TXN_REFUND) {
        sale_beside_written(s, in, out);
        return;
    }
    sale_receipt_of(&out->confirm, s->writing);
    s->last = out->confirm;
    s->rated = false;
    s->state = SALE_DONE;
    if (kind == TXN_REFUND)
        sale_say_refund(out, in->facts->pack, s->writing->pack_version != 0);
    else
        sale_say_sale(out, in->facts->pack);
}

static void on_not_written(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    if (s->state == SALE_INTENDING) {
        sale_back_to_bill(s, in->facts);
        out->card = SALE_CARD_RELEASE;
        sale_say(out, SALE_UNSAVED,
                 tr("The journal cannot be written; nothing was taken off the card. See that the "
                    "disk has room, then redeem again."));
    } else if (s->state == SALE_CLOSING) {
        s->state = s->before;
        sale_say(out, SALE_UNSAVED,
                 tr("The journal cannot be written; nothing is confirmed. See that the disk has "
                    "room, then try again."));
    } else {
        sale_not_now(s, in, out);
    }
}

/* ---- the step ---- */

void sale_step(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    assert(in->facts);
    memset(out, 0, sizeof *out);
    switch (in->kind) {
    case SALE_TAP:
        on_tap(s, in, out);
        return;
    case SALE_TAP_REFUSED:
        on_tap_refused(s, in, out);
        return;
    case SALE_WRONG_CARD:
        sale_on_wrong_card(s, in, out);
        return;
    case SALE_KNOWN:
        on_known(s, in, out);
        return;
    case SALE_LINE:
        on_line(s, in, out);
        return;
    case SALE_LINE_OFF:
        on_line_off(s, in, out);
        return;
    case SALE_COUPON:
        on_coupon(s, in, out);
        return;
    case SALE_TOTAL:
        on_total(s, in, out);
        return;
    case SALE_REDEEM:
        sale_on_redeem(s, in, out);
        return;
    case SALE_PAY:
        on_pay(s, in, out);
        return;
    case SALE_WRITTEN:
        on_written(s, in, out);
        return;
    case SALE_NOT_WRITTEN:
        on_not_written(s, in, out);
        return;
    case SALE_CARD_READY:
        sale_on_card_ready(s, in, out);
        return;
    case SALE_CARD_DONE:
        sale_on_card_done(s, in, out);
        return;
    case SALE_CARD_FAILED:
        sale_on_card_failed(s, in, out);
        return;
    case SALE_CARD_LOST:
        sale_on_card_lost(s, in, out);
        return;
    case SALE_SETTLED:
        sale_on_settled(s, in, out);
        return;
    case SALE_HELD:
        sale_on_held(s, in, out);
        return;
    case SALE_HOLD_REFUSED:
        sale_on_hold_refused(s, in, out);
        return;
    case SALE_HOLD_LOST:
        sale_on_hold_lost(s, in, out);
        return;
    case SALE_GIVE_UP:
        sale_on_give_up(s, in, out);
        return;
    case SALE_CANCEL:
        on_cancel(s, in, out);
        return;
    case SALE_REFUND:
        sale_on_refund(s, in, out);
        return;
    case SALE_RESUME:
        sale_on_resume(s, in, out);
        return;
    case SALE_WITNESS:
        sale_on_witness(s, in, out);
        return;
    case SALE_GRANT:
        sale_on_grant(s, in, out);
        return;
    case SALE_JOIN:
        sale_on_join(s, in, out);
        return;
    case SALE_RATE:
        sale_on_rate(s, in, out);
        return;
    case SALE_PARK:
        on_park(s, in, out);
        return;
    case SALE_TAKE_UP:
        on_take_up(s, in, out);
        return;
    case SALE_EVENTS:
        break;
    }
    assert(!"an event that does not exist");
}
