/* sale_words.c - the words of a sale: names of its states, events and answers, whose it is, and what is said when something is
 * not possible or a card answers otherwise.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/sale/sale_inside.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

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
void sale_say(struct sale_effects *out, enum sale_answer answer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(out->say.text, sizeof out->say.text, format, args);
    va_end(args);
    out->answered = true;
    out->answer = answer;
}

const char *sale_who_is(char out[SALE_WHO_SIZE], member_id member, const struct card_uid *card)
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
    return sale_who_is(out, t->member, &t->card);
}

const char *sale_whose(char out[SALE_WHO_SIZE], const struct sale *s)
{
    return sale_who_is(out, s->member, &s->card);
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
