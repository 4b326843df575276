/* sale.c - see sale.h: the picture, the invariants, and who does what with the effects.
 * Read sale_step at the end first, then the functions in the order of a sale.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/sale.h"

#include "base/date.h"
#include "base/tr.h"

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
        return TR_LATER("idle");
    case SALE_IDENTIFIED:
        return TR_LATER("identified");
    case SALE_TOTALLED:
        return TR_LATER("totalled");
    case SALE_PREPARING:
        return TR_LATER("preparing");
    case SALE_INTENDING:
        return TR_LATER("intending");
    case SALE_COMMITTING:
        return TR_LATER("committing");
    case SALE_DEBITED:
        return TR_LATER("debited");
    case SALE_DOUBT:
        return TR_LATER("doubt");
    case SALE_CLOSING:
        return TR_LATER("closing");
    case SALE_DONE:
        return TR_LATER("done");
    case SALE_STATES:
        break;
    }
    return "?";
}

const char *sale_event_text(enum sale_event_kind kind)
{
    switch (kind) {
    case SALE_TAP:
        return TR_LATER("tap");
    case SALE_TAP_REFUSED:
        return TR_LATER("tap refused");
    case SALE_WRONG_CARD:
        return TR_LATER("wrong card");
    case SALE_LINE:
        return TR_LATER("line");
    case SALE_TOTAL:
        return TR_LATER("total");
    case SALE_REDEEM:
        return TR_LATER("redeem");
    case SALE_PAY:
        return TR_LATER("pay");
    case SALE_WRITTEN:
        return TR_LATER("written");
    case SALE_NOT_WRITTEN:
        return TR_LATER("not written");
    case SALE_CARD_READY:
        return TR_LATER("card ready");
    case SALE_CARD_DONE:
        return TR_LATER("card done");
    case SALE_CARD_FAILED:
        return TR_LATER("card failed");
    case SALE_CARD_LOST:
        return TR_LATER("card lost");
    case SALE_SETTLED:
        return TR_LATER("settled");
    case SALE_GIVE_UP:
        return TR_LATER("give up");
    case SALE_CANCEL:
        return TR_LATER("cancel");
    case SALE_REFUND:
        return TR_LATER("refund");
    case SALE_RESUME:
        return TR_LATER("resume");
    case SALE_WITNESS:
        return TR_LATER("witness");
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

static void say(struct sale_effects *out, enum sale_answer answer, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The waiting command has its answer. */
static void say(struct sale_effects *out, enum sale_answer answer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(out->say.text, sizeof out->say.text, format, args);
    va_end(args);
    out->answered = true;
    out->answer = answer;
}

static void text_copy(char *out, size_t size, const char *text)
{
    size_t n = text ? strnlen(text, size - 1) : 0;
    memset(out, 0, size);
    if (n)
        memcpy(out, text, n);
}

static bool text_equal(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
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
           (s->state == SALE_IDLE && s->t.line_count == 0 && !entry_is(s->intent));
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
    case SALE_DEBITED:
    case SALE_CLOSING:
    case SALE_STATES:
        break;
    }
    return SALE_WANT_NONE;
}

/* "This is not possible now": says what is. */
static void not_now(const struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    char who[MEMBER_TEXT_SIZE];
    member_text(who, s->member);
    const char *what = tr(sale_event_text(in->kind));
    switch (s->state) {
    case SALE_IDLE:
        say(out, SALE_NOT_NOW,
            tr("No %s now: no bill is open. Tap a card or enter the first line."), what);
        return;
    case SALE_IDENTIFIED:
        say(out, SALE_NOT_NOW, tr("No %s now: the bill is open. Enter lines, then total."), what);
        return;
    case SALE_TOTALLED:
        say(out, SALE_NOT_NOW, tr("No %s now: the bill is totalled. Redeem, pay or cancel."), what);
        return;
    case SALE_PREPARING:
        say(out, SALE_NOT_NOW,
            tr("No %s now: waiting for the card of %s. Hold it there, or cancel."), what, who);
        return;
    case SALE_INTENDING:
    case SALE_COMMITTING:
        say(out, SALE_NOT_NOW, tr("No %s now: the card is being debited. Keep it there."), what);
        return;
    case SALE_DEBITED:
        say(out, SALE_NOT_NOW,
            tr("No %s now: %" PRId64 " points are taken off the card. Pay the rest, or "
               "cancel."),
            what, points_n(s->wanted));
        return;
    case SALE_DOUBT:
        say(out, SALE_IN_DOUBT,
            tr("No %s now: it is not known whether the card of %s was debited. Tap the "
               "same card again; if it is gone, give up."),
            what, who);
        return;
    case SALE_CLOSING:
        say(out, SALE_NOT_NOW, tr("No %s now: the sale is being written."), what);
        return;
    case SALE_DONE:
        say(out, SALE_NOT_NOW,
            tr("No %s now: the last sale is finished. Tap a card or enter a line."), what);
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
    case CARD_PHONE:
    case CARD_PHONE_LOCKED:
        return SALE_PHONE;
    case CARD_TOO_LITTLE:
        return SALE_NO_REDEEM;
    case CARD_BAD_ANSWER:
    case CARD_LIMIT:
    case CARD_OK:
        return SALE_BAD_CARD;
    }
    return SALE_BAD_CARD;
}

static void say_card(struct sale_effects *out, const struct sale_event *in)
{
    enum card_status_word word = in->word;
    enum sale_answer answer = answer_of_card(word);
    if (in->several)
        say(out, SALE_TWO_CARDS,
            tr("More than one card lies there; nothing was taken off any. One card, please."));
    else if (answer == SALE_FOREIGN_CARD)
        say(out, answer,
            tr("This is not a card of ours (%s). Sell without a card, or try another."),
            card_status_text(word));
    else if (word == CARD_PHONE_LOCKED)
        say(out, answer,
            tr("The phone is locked: unlock it, choose the pass, and hold it there again."));
    else if (answer == SALE_PHONE)
        say(out, answer,
            tr("This is a phone without our pass, or a card with another number at every tap. Show the "
               "code of the member page, say the telephone number, or sell without."));
    else if (answer == SALE_CARD_GONE)
        say(out, answer,
            tr("The card left too early; nothing was taken off it. Hold it there again."));
    else if (answer == SALE_NO_REDEEM)
        say(out, answer,
            tr("The card holds fewer points than that; nothing was taken off it. Tap it again to "
               "see what it holds."));
    else
        say(out, answer,
            tr("The card does not answer as it should (%s); nothing was taken off it. Try again, "
               "or sell without it."),
            card_status_text(word));
}

static void do_total(struct sale *s, const struct sale_event *in, struct sale_effects *out);

static void on_tap(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    const struct sale_facts *f = in->facts;
    const struct card_profile *p = &in->seen->profile;
    char who[MEMBER_TEXT_SIZE];
    if (s->state == SALE_DONE)
        sale_init(s);
    if (s->state != SALE_IDLE && s->state != SALE_IDENTIFIED && s->state != SALE_TOTALLED) {
        not_now(s, in, out);
        return;
    }
    if (!f->pack) {
        say(out, SALE_NO_PACK,
            tr("This till has no programme yet. Connect it to head office once."));
        return;
    }
    if (entry_is(s->intent) && !is_same_card(s, &in->seen->uid)) {
        member_text(who, s->member);
        say(out, SALE_OTHER_CARD,
            tr("This is another card. Use the card of %s, or cancel this sale."), who);
        return;
    }
    member_text(who, p->member);
    if (f->hot == CARD_REPLACED) {
        say(out, SALE_BLOCKED_CARD,
            tr("This card of %s was replaced by another. Ask for the new one."), who);
        return;
    }
    if (f->hot == CARD_BLOCKED || p->flags & CARD_FLAG_BLOCKED) {
        say(out, SALE_BLOCKED_CARD,
            tr("The card of %s is blocked. Sell without it; the member can ask head "
               "office."),
            who);
        return;
    }
    if (p->member == 0) {
        say(out, SALE_UNBOUND_CARD, tr("This card belongs to nobody yet. Enrol the member first."));
        return;
    }
    s->card = in->seen->uid;
    s->card_kind = in->seen->kind;
    s->member = p->member;
    s->profile = *p;
    s->purse = in->seen->purse;
    s->online = f->online;
    text_copy(s->tier, sizeof s->tier, tier_of(f->pack, p, day_of_time(f->now_s)));
    bool totalled = s->state == SALE_TOTALLED;
    s->state = SALE_IDENTIFIED;
    if (totalled) {
        do_total(s, in, out);
        return;
    }
    char pending[64] = "";
    if (points_n(f->pending) > 0)
        snprintf(pending, sizeof pending, tr(", %" PRId64 " more pending"), points_n(f->pending));
    say(out, SALE_OK, tr("%s, %s, %d points on the card%s%s."), who,
        pack_find_tier(f->pack, s->tier)->name, s->purse, pending,
        f->online ? "" : tr(" (no line to head office)"));
}

static void on_tap_refused(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    if (s->state == SALE_PREPARING || s->state == SALE_DOUBT)
        not_now(s, in, out);
    else
        say_card(out, in);
}

static void on_wrong_card(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    char who[MEMBER_TEXT_SIZE];
    member_text(who, s->member);
    if (s->state == SALE_PREPARING) {
        s->state = SALE_TOTALLED;
        out->card = SALE_CARD_RELEASE;
        say(out, SALE_OTHER_CARD,
            tr("This is another card; nothing was taken off it. Hold the card of %s "
               "there and redeem again."),
            who);
    } else if (sale_wants(s) == SALE_WANT_SETTLE) {
        say(out, SALE_OTHER_CARD,
            tr("This is another card. The sale of %s is not finished: tap that card; if "
               "it is gone, give up."),
            who);
    } else {
        not_now(s, in, out);
    }
}

/* ---- the bill ---- */

static void on_line(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    const struct txn_line *l = in->line;
    if (s->state == SALE_DONE)
        sale_init(s);
    if (s->state == SALE_TOTALLED &&
        !entry_is(s->intent)) /* something was forgotten: open it again */
        s->state = uid_is(&s->card) ? SALE_IDENTIFIED : SALE_IDLE;
    if (s->state != SALE_IDLE && s->state != SALE_IDENTIFIED) {
        not_now(s, in, out);
        return;
    }
    struct money total;
    if (!memchr(l->sku, 0, sizeof l->sku) || !l->sku[0] ||
        !memchr(l->category, 0, sizeof l->category) || l->quantity <= 0 ||
        money_minor(l->amount) < 0 || !money_add(&total, s->t.total, l->amount)) {
        say(out, SALE_BAD_LINE,
            tr("This line does not count: it needs an article, a quantity of 1 or more and "
               "an amount of 0 or more."));
        return;
    }
    if (s->t.line_count >= TXN_LINES_MAX) {
        say(out, SALE_FULL, tr("A bill has at most %d lines. Pay this one and begin another."),
            TXN_LINES_MAX);
        return;
    }
    s->t.lines[s->t.line_count++] = *l;
    s->t.total = total;
    char sum[PACK_MONEY_SIZE];
    pack_money_text(sum, in->facts->pack, total);
    say(out, SALE_OK, tr("%s x %d: %d lines, %s."), l->sku, l->quantity, s->t.line_count, sum);
}

/* What the bill earns when value of it is paid with points (I6). A bill without a member earns
 * nothing. */
static bool rate(struct sale *s, const struct sale_facts *f, struct money value, struct errmsg *why)
{
    memset(&s->earning, 0, sizeof s->earning);
    if (s->member == 0)
        return true;
    struct bill bill = {.lines = s->t.lines,
                        .line_count = s->t.line_count,
                        .paid_by_points = value,
                        .time_s = f->now_s,
                        .shop = f->shop,
                        .tier = s->tier,
                        .earned_today = f->earned_today};
    return rules_earn(f->pack, &bill, &s->earning, why) == OK;
}

static struct redeem_facts redeem_facts_of(const struct sale *s, const struct sale_facts *f)
{
    return (struct redeem_facts){.total = s->t.total,
                                 .purse = points_of(s->purse),
                                 .tier = s->tier,
                                 .online = s->online,
                                 .blocked = f->hot == CARD_BLOCKED || f->hot == CARD_REPLACED,
                                 .offline_today = f->offline_today,
                                 .days_since_contact = f->days_since_contact};
}

/* Close the bill: what it earns, what may be redeemed. */
static void do_total(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    const struct sale_facts *f = in->facts;
    struct errmsg why = {""};
    char sum[PACK_MONEY_SIZE], worth[PACK_MONEY_SIZE];
    if (s->t.line_count == 0) {
        say(out, SALE_EMPTY, tr("The bill has no lines yet. Enter the first one."));
        return;
    }
    if (!f->pack) {
        say(out, SALE_NO_PACK,
            tr("This till has no programme yet. Connect it to head office once."));
        return;
    }
    if (!rate(s, f, money_of(0), &why)) {
        say(out, SALE_BAD_LINE, tr("This bill cannot be rated (%s). Cancel it."), why.text);
        return;
    }
    memset(&s->offer, 0, sizeof s->offer);
    if (s->member) {
        struct redeem_facts facts = redeem_facts_of(s, f);
        rules_redeem_offer(f->pack, &facts, &s->offer);
    }
    s->state = SALE_TOTALLED;
    pack_money_text(sum, f->pack, s->t.total);
    pack_money_text(worth, f->pack, s->offer.most_value);
    if (s->member == 0)
        say(out, SALE_OK, tr("Total %s, no card. Pay, or tap a card first."), sum);
    else if (points_n(s->offer.most) > 0)
        say(out, SALE_OK,
            tr("Total %s, earns %" PRId64 " points. Up to %" PRId64 " points may pay %s of it."),
            sum, points_n(s->earning.points), points_n(s->offer.most), worth);
    else
        say(out, SALE_OK, tr("Total %s, earns %" PRId64 " points. No points to redeem: %s"), sum,
            points_n(s->earning.points), redeem_answer_text(s->offer.limit));
}

static void on_total(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    if (s->state == SALE_IDLE || s->state == SALE_IDENTIFIED || s->state == SALE_TOTALLED)
        do_total(s, in, out);
    else
        not_now(s, in, out);
}

static bool reference_fits(const struct sale_event *in, struct sale_effects *out)
{
    if (!in->ref || strlen(in->ref) < TXN_REF_SIZE)
        return true;
    say(out, SALE_BAD_LINE, tr("A reference has at most %d characters."), TXN_REF_SIZE - 1);
    return false;
}

/* ---- redeeming: PREPARING -> INTENDING -> COMMITTING -> DEBITED or DOUBT ---- */

static void on_redeem(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    const struct sale_facts *f = in->facts;
    if (s->state != SALE_TOTALLED) {
        not_now(s, in, out);
        return;
    }
    if (s->member == 0) {
        say(out, SALE_NO_CARD, tr("Redeeming needs a card. Tap it first."));
        return;
    }
    if (entry_is(s->intent) && s->fate != COMMIT_NOT_DONE) {
        say(out, SALE_IN_DOUBT,
            tr("This card may have been debited already. Tap the same card again, or let "
               "the member pay whole."));
        return;
    }
    if (!reference_fits(in, out))
        return;
    if (!f->pack) {
        say(out, SALE_NO_PACK,
            tr("This till has no programme yet. Connect it to head office once."));
        return;
    }
    if (in->known) {
        say(out, SALE_CONFLICT, tr("Bill %s was closed before. Use another reference."), in->ref);
        return;
    }
    if (entry_is(s->intent) && in->ref && *in->ref && !text_equal(in->ref, s->t.ref)) {
        say(out, SALE_CONFLICT, tr("This bill was begun as %s. Use that reference."),
            *s->t.ref ? s->t.ref : tr("one without a reference"));
        return;
    }
    struct redeem_facts facts = redeem_facts_of(s, f);
    struct points points = in->points;
    struct money value;
    if (in->all) {
        rules_redeem_offer(f->pack, &facts, &s->offer);
        points = s->offer.most;
        if (points_n(points) <= 0) {
            say(out, SALE_NO_REDEEM, "%s", redeem_answer_text(s->offer.limit));
            return;
        }
    }
    enum redeem_answer answer = rules_redeem(f->pack, &facts, points, &value);
    if (answer != REDEEM_OK) {
        say(out, SALE_NO_REDEEM, "%s", redeem_answer_text(answer));
        return;
    }
    if (points_n(points) <= 0 || points_n(points) > INT32_MAX) { /* a card counts in 32 bits */
        say(out, SALE_NO_REDEEM, tr("That is no number of points."));
        return;
    }
    s->wanted = points;
    s->wanted_value = value;
    s->planned = f->next;
    if (in->ref && *in->ref)
        text_copy(s->t.ref, sizeof s->t.ref, in->ref);
    s->state = SALE_PREPARING;
    out->card = SALE_CARD_DEBIT;
    out->amount = (int32_t)points_n(points);
    out->entry = f->next;
}

/* What SALE and INTENT have in common. */
static void fill_bill(struct sale *s, const struct sale_facts *f, enum txn_kind kind)
{
    struct txn *t = &s->t;
    t->kind = kind;
    t->id = f->next;
    t->time_s = f->now_s;
    t->member = s->member;
    t->card = s->card;
    text_copy(t->shop, sizeof t->shop, f->shop);
    text_copy(t->tier, sizeof t->tier, s->tier);
    t->pack_version = f->pack->version;
    t->points = s->earning.points;
}

static void on_card_ready(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    const struct sale_facts *f = in->facts;
    struct errmsg why = {""};
    if (s->state != SALE_PREPARING) {
        not_now(s, in, out);
        return;
    }
    /* The number is in what the card is about to commit: another entry must not have taken it. */
    if (!entry_equal(s->planned, f->next) || !rate(s, f, s->wanted_value, &why)) {
        s->state = SALE_TOTALLED;
        out->card = SALE_CARD_RELEASE;
        say(out, SALE_NOT_NOW,
            tr("The redemption was given up before anything was taken off the card. Redeem "
               "again."));
        return;
    }
    fill_bill(s, f, TXN_INTENT);
    s->t.redeemed = s->wanted;
    s->t.redeemed_value = s->wanted_value;
    s->t.original = s->intent; /* the one before, shown not done; none at first */
    s->t.commit = COMMIT_NONE;
    s->t.evidence = *in->evidence;
    s->state = SALE_INTENDING;
    s->writing = &s->t;
    out->append = s->writing;
    out->closes = s->intent;
}

static void on_card_done(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    if (s->state != SALE_COMMITTING) {
        not_now(s, in, out);
        return;
    }
    s->fate = COMMIT_DONE;
    s->evidence = *in->evidence;
    s->purse = in->purse;
    s->state = SALE_DEBITED;
    char value[PACK_MONEY_SIZE], rest[PACK_MONEY_SIZE];
    struct money due;
    if (!money_sub(&due, s->t.total, s->wanted_value))
        due = s->t.total;
    pack_money_text(value, in->facts->pack, s->wanted_value);
    pack_money_text(rest, in->facts->pack, due);
    say(out, SALE_OK,
        tr("%" PRId64 " points taken off the card pay %s; %s to pay. The card may be taken away."),
        points_n(s->wanted), value, rest);
}

static void into_doubt(struct sale *s, struct sale_effects *out)
{
    char who[MEMBER_TEXT_SIZE];
    member_text(who, s->member);
    s->fate = COMMIT_DOUBT;
    s->state = SALE_DOUBT;
    out->card = SALE_CARD_SETTLE;
    say(out, SALE_IN_DOUBT,
        tr("The card left at the last moment: it is not known whether %" PRId64 " points "
           "were taken off it. Tap the same card (%s) again; if it is gone, give up."),
        points_n(s->wanted), who);
}

static void on_card_failed(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    char who[MEMBER_TEXT_SIZE];
    switch (s->state) {
    case SALE_PREPARING:
        s->state = SALE_TOTALLED;
        out->card = SALE_CARD_RELEASE;
        say_card(out, in);
        return;
    case SALE_COMMITTING: /* it answered, and refused: the INTENT stays open, shown not done */
        s->state = SALE_TOTALLED;
        s->fate = COMMIT_NOT_DONE;
        out->card = SALE_CARD_RELEASE;
        say(out, SALE_BAD_CARD,
            tr("The card refused (%s); nothing was taken off it. Redeem again, or let the "
               "member pay whole."),
            card_status_text(in->word));
        return;
    case SALE_DOUBT:
    case SALE_TOTALLED:
        if (sale_wants(s) == SALE_WANT_SETTLE) {
            member_text(who, s->member);
            if (s->state == SALE_DOUBT)
                out->card = SALE_CARD_SETTLE;
            say(out, SALE_IN_DOUBT,
                tr("The card could not be read (%s). Tap the same card (%s) again; if it "
                   "is gone, give up."),
                card_status_text(in->word), who);
            return;
        }
        not_now(s, in, out);
        return;
    case SALE_IDLE:
    case SALE_IDENTIFIED:
    case SALE_INTENDING:
    case SALE_DEBITED:
    case SALE_CLOSING:
    case SALE_DONE:
    case SALE_STATES:
        not_now(s, in, out);
        return;
    }
}

static void on_card_lost(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    if (s->state == SALE_COMMITTING)
        into_doubt(s, out);
    else
        not_now(s, in, out);
}

/* ---- doubt ---- */

static void on_settled(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    char who[MEMBER_TEXT_SIZE];
    if (sale_wants(s) != SALE_WANT_SETTLE) {
        not_now(s, in, out);
        return;
    }
    switch (in->verdict) {
    case COMMIT_DONE:
        s->state = SALE_COMMITTING; /* as if the answer had come the first time */
        on_card_done(s, in, out);
        return;
    case COMMIT_NOT_DONE:
        s->fate = COMMIT_NOT_DONE;
        s->purse = in->purse;
        s->state = SALE_TOTALLED;
        say(out, SALE_OK,
            tr("The card was not debited; it holds %d points. Redeem again, or let the member "
               "pay whole."),
            s->purse);
        return;
    case COMMIT_DOUBT:
    case COMMIT_NONE:
        break;
    }
    member_text(who, s->member);
    if (s->state == SALE_DOUBT)
        out->card = SALE_CARD_SETTLE;
    say(out, SALE_IN_DOUBT,
        tr("The card of %s was used elsewhere since and no longer shows it. Give up: the "
           "member pays whole, and head office gives back what was taken."),
        who);
}

static void on_give_up(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    char sum[PACK_MONEY_SIZE];
    if (s->state != SALE_DOUBT) {
        not_now(s, in, out);
        return;
    }
    s->state = SALE_TOTALLED;
    out->card = SALE_CARD_RELEASE;
    pack_money_text(sum, in->facts->pack, s->t.total);
    say(out, SALE_OK,
        tr("Given up: the member pays the whole %s. If the card was debited, head office gives "
           "the points back. Pay, or cancel."),
        sum);
}

static void on_resume(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    const struct txn *t = in->txn;
    char who[MEMBER_TEXT_SIZE], sum[PACK_MONEY_SIZE];
    if (!sale_is_idle(s)) {
        not_now(s, in, out);
        return;
    }
    sale_init(s);
    s->t = *t;
    s->card = t->card;
    s->card_kind = t->evidence.kind;
    s->member = t->member;
    text_copy(s->tier, sizeof s->tier, t->tier);
    s->purse = t->evidence.purse_before;
    s->wanted = t->redeemed;
    s->wanted_value = t->redeemed_value;
    s->earning.points = t->points;
    s->intent = t->id;
    s->evidence = t->evidence;
    s->fate = COMMIT_DOUBT;
    s->resumed = true;
    s->state = SALE_DOUBT;
    out->card = SALE_CARD_SETTLE;
    member_text(who, s->member);
    pack_money_text(sum, in->facts->pack, t->total);
    say(out, SALE_IN_DOUBT,
        tr("The till stopped in the middle of a sale of %s (%s%s%s). Tap the same card "
           "again: it shows whether %" PRId64 " points were taken. If it is gone, give up."),
        who, sum, *t->ref ? tr(", bill ") : "", t->ref, points_n(t->redeemed));
}

/* An earlier sale was given up in doubt; its card came by and told.  The bill in hand stays as it
 * is. */
static void on_witness(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    const struct txn *intent = in->txn;
    if (s->state == SALE_DONE)
        sale_init(s);
    if ((s->state != SALE_IDLE && s->state != SALE_IDENTIFIED && s->state != SALE_TOTALLED) ||
        entry_is(s->intent)) {
        not_now(s, in, out);
        return;
    }
    if (in->verdict != COMMIT_DONE && in->verdict != COMMIT_NOT_DONE)
        return; /* the card knows no more either: head office settles it by the commit after */
    struct txn *t = &s->other;
    memset(t, 0, sizeof *t);
    t->kind = TXN_SETTLE;
    t->id = in->facts->next;
    t->time_s = in->facts->now_s;
    t->member = intent->member;
    t->card = intent->card;
    t->redeemed = intent->redeemed;
    t->original = intent->id;
    t->commit = in->verdict;
    if (in->verdict == COMMIT_DONE)
        t->evidence = *in->evidence;
    s->before = s->state;
    s->state = SALE_CLOSING;
    s->writing = t;
    out->append = t;
    out->closes = intent->id;
}

/* ---- closing ---- */

void sale_receipt_of(struct sale_receipt *out, const struct txn *t)
{
    memset(out, 0, sizeof *out);
    out->refund = t->kind == TXN_REFUND;
    out->entry = t->id;
    out->time_s = t->time_s;
    out->member = t->member;
    text_copy(out->tier, sizeof out->tier, t->tier);
    out->total = t->total;
    out->by_points = t->redeemed_value;
    if (!money_sub(&out->due, t->total, t->redeemed_value))
        out->due = t->total;
    out->earned = t->points;
    out->redeemed = t->kind == TXN_REFUND ? t->redeemed : txn_redeemed(t);
    out->commit = t->commit;
}

static bool same_lines(const struct txn_line *a, int32_t a_count, const struct txn_line *b,
                       int32_t b_count)
{
    if (a_count != b_count)
        return false;
    for (int32_t i = 0; i < a_count; i++)
        if (!text_equal(a[i].sku, b[i].sku) || !text_equal(a[i].category, b[i].category) ||
            a[i].quantity != b[i].quantity || money_cmp(a[i].amount, b[i].amount) != 0)
            return false;
    return true;
}

static void say_sale(struct sale_effects *out, const struct pack *pack)
{
    const struct sale_receipt *r = &out->confirm;
    char who[MEMBER_TEXT_SIZE], due[PACK_MONEY_SIZE], entry[ENTRY_TEXT_SIZE];
    pack_money_text(due, pack, r->due);
    entry_text(entry, r->entry);
    if (r->member == 0) {
        say(out, SALE_OK, tr("Receipt %s: %s paid, no card."), entry, due);
        return;
    }
    member_text(who, r->member);
    char redeemed[48] = "";
    if (points_n(r->redeemed))
        snprintf(redeemed, sizeof redeemed, tr(" and redeemed %" PRId64), points_n(r->redeemed));
    say(out, SALE_OK, tr("Receipt %s: %s paid, %s earned %" PRId64 " points%s.%s"), entry, due, who,
        points_n(r->earned), redeemed,
        r->commit == COMMIT_DOUBT ? tr(" Whether the card was debited is settled by head office.")
                                  : "");
}

static void say_refund(struct sale_effects *out, const struct pack *pack, bool rated)
{
    const struct sale_receipt *r = &out->confirm;
    char due[PACK_MONEY_SIZE], entry[ENTRY_TEXT_SIZE];
    pack_money_text(due, pack, r->due);
    entry_text(entry, r->entry);
    if (!rated)
        say(out, SALE_OK,
            tr("Receipt %s: goods worth %s taken back. Head office works out the points."), entry,
            due);
    else
        say(out, SALE_OK,
            tr("Receipt %s: give back %s; %" PRId64 " points taken back, %" PRId64
               " redeemed points returned."),
            entry, due, points_n(r->earned), points_n(r->redeemed));
}

static void confirm_again(struct sale *s, const struct txn *known, struct sale_effects *out)
{
    sale_init(s);
    sale_receipt_of(&out->confirm, known);
    out->confirm.repeated = true;
    s->last = out->confirm;
    s->state = SALE_DONE;
}

/* The reference is known: the same again gets the first answer, anything else is refused (I2). */
static void on_pay_known(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    const struct txn *k = in->known;
    bool empty = sale_is_idle(s); /* only asked again */
    bool open = s->state == SALE_IDLE || s->state == SALE_IDENTIFIED || s->state == SALE_TOTALLED;
    bool same = k->kind == TXN_SALE &&
                (empty || (open && !entry_is(s->intent) &&
                           (!uid_is(&s->card) || uid_equal(&s->card, &k->card)) &&
                           same_lines(s->t.lines, s->t.line_count, k->lines, k->line_count)));
    if (!same) {
        say(out, SALE_CONFLICT,
            tr("Bill %s was closed before with other contents. Use another reference."), in->ref);
        return;
    }
    confirm_again(s, k, out);
    say_sale(out, in->facts->pack);
}

static void on_pay(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    const struct sale_facts *f = in->facts;
    struct errmsg why = {""};
    if (!reference_fits(in, out))
        return;
    if (in->known) {
        on_pay_known(s, in, out);
        return;
    }
    if (s->state != SALE_TOTALLED && s->state != SALE_DEBITED) {
        not_now(s, in, out);
        return;
    }
    if (!f->pack) {
        say(out, SALE_NO_PACK,
            tr("This till has no programme yet. Connect it to head office once."));
        return;
    }
    if (*s->t.ref && in->ref && *in->ref && !text_equal(in->ref, s->t.ref)) {
        say(out, SALE_CONFLICT, tr("This bill was begun as %s. Pay it with that reference."),
            s->t.ref);
        return;
    }
    bool debited = s->state == SALE_DEBITED;
    struct money value = debited ? s->wanted_value : money_of(0);
    if (!rate(s, f, value, &why)) {
        say(out, SALE_BAD_LINE, tr("This bill cannot be rated (%s). Cancel it."), why.text);
        return;
    }
    fill_bill(s, f, TXN_SALE);
    if (in->ref && *in->ref)
        text_copy(s->t.ref, sizeof s->t.ref, in->ref);
    s->t.original = s->intent;
    s->t.commit = entry_is(s->intent) ? s->fate : COMMIT_NONE;
    s->t.redeemed = entry_is(s->intent) ? s->wanted : points_of(0);
    s->t.redeemed_value = value;
    memset(&s->t.evidence, 0, sizeof s->t.evidence);
    if (debited)
        s->t.evidence = s->evidence; /* I4 */
    s->before = s->state;
    s->state = SALE_CLOSING;
    s->writing = &s->t;
    out->append = s->writing;
    out->closes = s->intent;
}

static void on_cancel(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    switch (s->state) {
    case SALE_IDLE:
    case SALE_IDENTIFIED:
    case SALE_TOTALLED:
    case SALE_PREPARING:
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
        not_now(s, in, out);
        return;
    }
    if (s->state == SALE_PREPARING) {
        out->card = SALE_CARD_RELEASE;
        s->state = SALE_TOTALLED;
    }
    if (!entry_is(s->intent)) { /* nothing was written: nothing is to be taken back */
        sale_init(s);
        say(out, SALE_OK, tr("Cancelled."));
        return;
    }
    struct txn *t = &s->other;
    memset(t, 0, sizeof *t);
    t->kind = TXN_CANCEL;
    t->id = in->facts->next;
    t->time_s = in->facts->now_s;
    t->member = s->member;
    t->card = s->card;
    text_copy(t->ref, sizeof t->ref, s->t.ref);
    t->redeemed = s->wanted;
    t->original = s->intent;
    t->commit = s->fate;
    if (s->fate == COMMIT_DONE)
        t->evidence = s->evidence;
    s->before = s->state;
    s->state = SALE_CLOSING;
    s->writing = t;
    out->append = t;
    out->closes = s->intent;
}

/* ---- refunds ---- */

enum err sale_refunded(int32_t *left, struct money *given, const struct txn *original,
                       const struct txn *refund, struct errmsg *why)
{
    struct rules_return returns[TXN_LINES_MAX];
    char entry[ENTRY_TEXT_SIZE];
    int32_t count = 0;
    enum err e = rules_match_returns(original->lines, original->line_count, left, refund->lines,
                                     refund->line_count, returns, TXN_LINES_MAX, &count, why);
    if (!e && refund->line_count == 0 && !money_add(given, *given, refund->total))
        e = err_set(why, ERR_RANGE, "more money came back than there is");
    if (e) {
        entry_text(entry, refund->id);
        return err_add(why, ERR_CORRUPT, "refund %s does not fit its receipt", entry);
    }
    for (int32_t i = 0; i < count; i++)
        left[returns[i].line] -= returns[i].quantity;
    return OK;
}

/* All that is left of a bill, as lines: what of their money has not come back yet. */
static void lines_left(struct txn *t, const struct txn *original, const int32_t *left,
                       struct money given)
{
    struct money rest[TXN_LINES_MAX];
    t->line_count = 0;
    t->total = rules_money_left(original->lines, original->line_count, left, given, rest);
    for (int32_t i = 0; i < original->line_count; i++) {
        if (left[i] <= 0)
            continue;
        t->lines[t->line_count] = original->lines[i];
        t->lines[t->line_count].quantity = left[i];
        t->lines[t->line_count++].amount = rest[i];
    }
}

static bool lines_given(struct txn *t, const struct txn_line *back, int32_t count)
{
    t->line_count = count;
    t->total = money_of(0);
    for (int32_t i = 0; i < count; i++) {
        t->lines[i] = back[i];
        if (back[i].quantity <= 0 || money_minor(back[i].amount) < 0 ||
            !money_add(&t->total, t->total, back[i].amount))
            return false;
    }
    return true;
}

/* What the goods that came back take back, by the rules of the sale; fills t.  False: refused. */
static bool rate_refund(struct txn *t, const struct sale_event *in, struct sale_effects *out)
{
    const struct txn *o = in->original;
    struct errmsg why = {""};
    struct rules_return returns[TXN_LINES_MAX];
    int32_t left[TXN_LINES_MAX], count = 0;
    struct clawback claw;
    struct money given = in->given;
    memcpy(left, in->left, (size_t)o->line_count * sizeof left[0]);
    if (rules_match_returns(o->lines, o->line_count, left, t->lines, t->line_count, returns,
                            TXN_LINES_MAX, &count, &why)) {
        say(out, SALE_NOT_SOLD,
            tr("Not on that receipt, or back already (%s). Look at the receipt again."), why.text);
        return false;
    }
    if (o->member == 0 || !in->pack_then)
        return true;
    struct bill bill = {.lines = o->lines,
                        .line_count = o->line_count,
                        .paid_by_points = o->redeemed_value,
                        .time_s = o->time_s,
                        .shop = o->shop,
                        .tier = o->tier,
                        .earned_today = in->earned_before};
    struct points redeemed = txn_redeemed(o);
    if (rules_clawback(in->pack_then, &bill, redeemed, left, &given, returns, count, money_of(0),
                       &claw, &why)) {
        say(out, SALE_NOT_SOLD, tr("This refund does not work out (%s)."), why.text);
        return false;
    }
    t->points = claw.clawed;
    t->redeemed = claw.points_back;
    t->redeemed_value = claw.points_value;
    if (money_cmp(t->redeemed_value, t->total) > 0) /* the register values the goods at less */
        t->redeemed_value = t->total;
    return true;
}

static void on_refund_known(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    const struct txn *k = in->known;
    if (k->kind != TXN_REFUND || !entry_equal(k->original, in->receipt) ||
        (!in->all && !same_lines(in->back, in->back_count, k->lines, k->line_count))) {
        say(out, SALE_CONFLICT,
            tr("Refund %s was made before with other contents. Use another reference."), in->ref);
        return;
    }
    confirm_again(s, k, out);
    say_refund(out, in->facts->pack, k->pack_version != 0);
}

static void on_refund(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    const struct sale_facts *f = in->facts;
    char entry[ENTRY_TEXT_SIZE];
    entry_text(entry, in->receipt);
    if (!sale_is_idle(s) && s->state != SALE_IDENTIFIED) {
        not_now(s, in, out);
        return;
    }
    if (s->t.line_count && s->state != SALE_DONE) {
        not_now(s, in, out);
        return;
    }
    if (!reference_fits(in, out))
        return;
    if (in->known) {
        on_refund_known(s, in, out);
        return;
    }
    if (!entry_is(in->receipt)) {
        say(out, SALE_NOT_SOLD, tr("A refund needs the receipt it is about, such as T0007-123."));
        return;
    }
    bool foreign = in->receipt.terminal != f->next.terminal;
    if (!foreign && (!in->original || in->original->kind != TXN_SALE)) {
        say(out, SALE_NOT_SOLD, tr("There is no sale with receipt %s at this till."), entry);
        return;
    }
    if (foreign && in->all) {
        say(out, SALE_NOT_SOLD,
            tr("Receipt %s is of another till: enter the lines that come back."), entry);
        return;
    }
    if (!in->all && (in->back_count <= 0 || in->back_count > TXN_LINES_MAX)) {
        say(out, SALE_EMPTY, tr("Enter what comes back, or say all."));
        return;
    }
    struct txn *t = &s->other;
    memset(t, 0, sizeof *t);
    t->kind = TXN_REFUND;
    t->id = f->next;
    t->time_s = f->now_s;
    text_copy(t->ref, sizeof t->ref, in->ref);
    text_copy(t->shop, sizeof t->shop, f->shop);
    t->original = in->receipt;
    if (in->all)
        lines_left(t, in->original, in->left, in->given);
    else if (!lines_given(t, in->back, in->back_count)) {
        say(out, SALE_BAD_LINE,
            tr("A line that comes back needs a quantity of 1 or more and an amount of 0 or "
               "more."));
        return;
    }
    if (t->line_count == 0) {
        say(out, SALE_NOT_SOLD, tr("Everything on receipt %s came back before."), entry);
        return;
    }
    if (!foreign) {
        t->member = in->original->member;
        t->card = in->original->card;
        text_copy(t->tier, sizeof t->tier, in->original->tier);
        if (in->pack_then)
            t->pack_version = in->pack_then->version; /* 0: head office works out the points */
        if (!rate_refund(t, in, out))
            return;
    }
    s->before = s->state;
    s->state = SALE_CLOSING;
    s->writing = t;
    out->append = t;
}

/* ---- what the disk says ---- */

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
        not_now(s, in, out);
        return;
    }
    enum txn_kind kind = s->writing->kind;
    if (kind == TXN_SETTLE) {
        s->state = s->before;
        return;
    }
    if (kind == TXN_CANCEL) {
        enum txn_commit fate = s->fate;
        sale_init(s);
        say(out, SALE_OK, tr("Cancelled.%s"),
            fate == COMMIT_DONE ? tr(" Head office gives the redeemed points back to the member.")
            : fate == COMMIT_DOUBT
                ? tr(" If the card was debited, head office gives the points back.")
                : "");
        return;
    }
    sale_receipt_of(&out->confirm, s->writing);
    s->last = out->confirm;
    s->state = SALE_DONE;
    if (kind == TXN_REFUND)
        say_refund(out, in->facts->pack, s->writing->pack_version != 0);
    else
        say_sale(out, in->facts->pack);
}

static void on_not_written(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    if (s->state == SALE_INTENDING) {
        s->state = SALE_TOTALLED;
        out->card = SALE_CARD_RELEASE;
        say(out, SALE_UNSAVED,
            tr("The journal cannot be written; nothing was taken off the card. See that the "
               "disk has room, then redeem again."));
    } else if (s->state == SALE_CLOSING) {
        s->state = s->before;
        say(out, SALE_UNSAVED,
            tr("The journal cannot be written; nothing is confirmed. See that the disk has "
               "room, then try again."));
    } else {
        not_now(s, in, out);
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
        on_wrong_card(s, in, out);
        return;
    case SALE_LINE:
        on_line(s, in, out);
        return;
    case SALE_TOTAL:
        on_total(s, in, out);
        return;
    case SALE_REDEEM:
        on_redeem(s, in, out);
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
        on_card_ready(s, in, out);
        return;
    case SALE_CARD_DONE:
        on_card_done(s, in, out);
        return;
    case SALE_CARD_FAILED:
        on_card_failed(s, in, out);
        return;
    case SALE_CARD_LOST:
        on_card_lost(s, in, out);
        return;
    case SALE_SETTLED:
        on_settled(s, in, out);
        return;
    case SALE_GIVE_UP:
        on_give_up(s, in, out);
        return;
    case SALE_CANCEL:
        on_cancel(s, in, out);
        return;
    case SALE_REFUND:
        on_refund(s, in, out);
        return;
    case SALE_RESUME:
        on_resume(s, in, out);
        return;
    case SALE_WITNESS:
        on_witness(s, in, out);
        return;
    case SALE_EVENTS:
        break;
    }
    assert(!"an event that does not exist");
}
