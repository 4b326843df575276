/* sale_redeem.c - taking points: off a card (PREPARING, INTENDING, COMMITTING, DOUBT) or from what head office
 * holds (HOLDING), up to DEBITED.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "terminal/sale/sale_inside.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- what may be redeemed ---- */

static bool of_card(const struct sale *s)
{
    return s->means == MEANS_CARD && uid_is(&s->card);
}

static struct redeem_facts redeem_facts_of(const struct sale *s, const struct sale_facts *f,
                                           bool alone)
{
    return (struct redeem_facts){.total = s->t.total,
                                 .alone = alone,
                                 .purse = of_card(s) ? points_of(s->purse) : s->spendable,
                                 .tier = s->tier,
                                 .online = s->online,
                                 .blocked = f->hot == CARD_BLOCKED || f->hot == CARD_REPLACED,
                                 .offline_today = f->offline_today,
                                 .days_since_contact = f->days_since_contact,
                                 .lines = s->t.lines,
                                 .line_count = s->t.line_count,
                                 .counted = s->online || entry_is(s->piece),
                                 .day = day_of_time(f->now_s)};
}

/* Why nothing can be redeemed here at all, before the rules for the bill are asked; NULL = ask them. */
static const char *forbidden(const struct sale *s, const struct sale_facts *f)
{
    enum means_answer may = rules_means_may(f->pack, s->means, s->online, points_of(1), true);
    if (f->locked)
        return tr("Head office has locked this till: it gives and takes no points.");
    if (may != MEANS_MAY && may != MEANS_WANTS_FACTOR)
        return tr(means_answer_text(may));
    if (!of_card(s) && s->member == 0)
        return tr("Head office does not know yet who this is: no points can be redeemed.");
    if (of_card(s) && !s->online && f->clock_behind)
        return tr("The clock of this till went back: points can be redeemed again when head office "
                  "has been reached, or the clock is set right.");
    return NULL;
}

const char *sale_spendable(const struct sale *s, const struct sale_facts *f, struct redeem_offer *out)
{
    memset(out, 0, sizeof *out);
    const char *why = forbidden(s, f);
    if (why)
        return why;
    struct redeem_facts facts = redeem_facts_of(s, f, true);
    rules_redeem_offer(f->pack, &facts, out);
    bool plain = out->limit == REDEEM_OK || out->limit == REDEEM_NOTHING_HELD || out->limit == REDEEM_BELOW_MINIMUM;
    return plain ? NULL : redeem_answer_text(out->limit);
}

const char *sale_offer(struct sale *s, const struct sale_facts *f, bool alone)
{
    memset(&s->offer, 0, sizeof s->offer);
    if (s->means == MEANS_NONE)
        return NULL;
    const char *why = forbidden(s, f);
    if (why)
        return why;
    struct redeem_facts facts = redeem_facts_of(s, f, alone);
    rules_redeem_offer(f->pack, &facts, &s->offer);
    return NULL;
}

/* The fewest points whose worth covers this; 0 when there are none such. */
static struct points points_for(const struct pack *pack, struct money money)
{
    int64_t n, step = points_n(pack->redeem_step);
    if (money_minor(money) <= 0 || pack->worth.num == 0 ||
        !ratio_floor(&n, money_minor(money), pack->worth.den, pack->worth.num) ||
        n > INT64_MAX / 2)
        return points_of(0);
    if (money_cmp(rules_worth(pack, points_of(n)), money) < 0)
        n++;
    n = (n + step - 1) / step * step;
    return points_of(n > points_n(pack->redeem_min) ? n : points_n(pack->redeem_min));
}

/* ---- a redemption is asked for ---- */

/* The second thing that the rules want for so many points: a PIN, a supervisor, or, of a card, that it is held
 * there again.  False: it is missing; said. */
static bool factor_given(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    enum means_answer may =
        rules_means_may(in->facts->pack, s->means, s->online, s->wanted, in->second_factor);
    s->second_tap = false;
    if (may == MEANS_MAY)
        return true;
    s->approved_by = sale_approver(in);
    if (s->approved_by)
        return true;
    if (of_card(s)) {
        s->second_tap = true;
        return true;
    }
    sale_say(out, SALE_NEEDS_APPROVAL,
             tr("Redeeming so many points like this needs the member's PIN, or a supervisor."));
    return false;
}

/* The same redemption under the same reference as before? */
static bool is_same_alone(const struct sale_event *in, const struct txn *k)
{
    if (!in->alone || k->kind != TXN_SALE || !sale_is_alone(k))
        return false;
    if (!sale_text_equal(in->reward ? in->reward : "", k->reward))
        return false;
    if (in->all || (*k->reward && points_n(in->points) == 0))
        return true;
    return money_minor(in->money) > 0
               ? money_cmp(in->money, k->total) <= 0
               : points_n(in->points) == points_n(k->redeemed);
}

static void redeem_known(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    if (is_same_alone(in, in->known) && (sale_is_idle(s) || s->state == SALE_IDENTIFIED)) {
        sale_confirm_again(s, in->known, out);
        sale_say_sale(out, in->facts->pack);
        return;
    }
    sale_say(out, SALE_CONFLICT, tr("Bill %s was closed before. Use another reference."), in->ref);
}

/* How many points, and what they pay.  False: refused and said. */
static bool choose(struct sale *s, const struct sale_event *in, bool alone,
                   struct sale_effects *out)
{
    const struct sale_facts *f = in->facts;
    const char *why = sale_offer(s, f, alone);
    struct points points = in->points;
    struct reward reward;
    if (why) {
        sale_say(out, f->locked ? SALE_LOCKED : SALE_NO_REDEEM, "%s", why);
        return false;
    }
    if (in->all)
        points = s->offer.most;
    else if (money_minor(in->money) > 0)
        points = points_for(f->pack, in->money);
    struct redeem_facts facts = redeem_facts_of(s, f, alone);
    enum redeem_answer answer;
    if (in->reward && *in->reward) {
        answer = rules_reward(f->pack, in->reward, &facts, in->points, &reward);
        if (answer == REDEEM_OK && money_minor(reward.value) == 0)
            answer = REDEEM_REWARD_ITEM; /* alone there is no bill it could pay */
        if (answer == REDEEM_OK) {
            points = reward.points;
            s->wanted_value = reward.value;
        }
    } else {
        answer = in->all && points_n(points) <= 0
                     ? s->offer.limit
                     : rules_redeem(f->pack, &facts, points, &s->wanted_value);
    }
    if (answer != REDEEM_OK) {
        sale_say(out, answer == REDEEM_REWARD_COUNTED ? SALE_NO_LINE : SALE_NO_REDEEM, "%s",
                 tr(redeem_answer_text(answer)));
        return false;
    }
    if (points_n(points) <= 0 || points_n(points) > INT32_MAX) { /* a card counts in 32 bits */
        sale_say(out, SALE_NO_REDEEM, tr("That is no number of points."));
        return false;
    }
    s->wanted = points;
    memset(s->wanted_reward, 0, sizeof s->wanted_reward);
    sale_text_copy(s->wanted_reward, sizeof s->wanted_reward, in->reward ? in->reward : "");
    return true;
}

static void make_alone(struct sale *s)
{
    struct txn_line *l = &s->t.lines[0];
    memset(l, 0, sizeof *l);
    sale_text_copy(l->sku, sizeof l->sku, SALE_POINTS_SKU);
    l->quantity = 1;
    l->amount = s->wanted_value;
    s->t.line_count = 1;
    s->t.total = s->wanted_value;
}

/* No answer came to the question before: the same again, by the same name. */
static void ask_again(struct sale *s, struct sale_effects *out)
{
    s->hold_asked = true;
    out->hold = true;
}

/* ---- a piece of a reward ---- */

struct points sale_asks(const struct sale *s)
{
    return of_card(s) ? points_of(0) : s->wanted;
}

/* Is head office to be asked before the card pays?  Not again for the piece that is there already. */
static bool wants_piece(const struct sale *s, const struct sale_facts *f)
{
    const struct pack_reward *r = *s->wanted_reward ? pack_find_reward(f->pack, s->wanted_reward) : NULL;
    bool counted = r && (r->stock || r->per_member);
    bool there = entry_is(s->piece) && sale_text_equal(s->piece_of, s->wanted_reward) && f->now_s < s->piece_until_s;
    return counted && !there;
}

static void begin_debit(struct sale *s, const struct sale_facts *f, struct sale_effects *out)
{
    s->planned = f->next;
    s->state = SALE_PREPARING;
    out->card = SALE_CARD_DEBIT;
    out->amount = (int32_t)points_n(s->wanted);
    out->entry = f->next;
    out->second_tap = s->second_tap;
}

static bool may_redeem(struct sale *s, const struct sale_event *in, bool alone,
                       struct sale_effects *out)
{
    const struct sale_facts *f = in->facts;
    if (s->means == MEANS_NONE) {
        sale_say(out, SALE_NO_CARD, tr("Redeeming needs a card. Tap it first."));
        return false;
    }
    if (!alone && sale_is_alone(&s->t))
        alone = true;
    if (entry_is(s->intent) && s->fate != COMMIT_NOT_DONE) {
        sale_say(out, SALE_IN_DOUBT,
                 tr("This card may have been debited already. Tap the same card again, or let "
                    "the member pay whole."));
        return false;
    }
    if (!sale_reference_fits(in, out) || !sale_has_pack(f, out))
        return false;
    if (in->known) {
        redeem_known(s, in, out);
        return false;
    }
    if (entry_is(s->intent) && in->ref && *in->ref && !sale_text_equal(in->ref, s->t.ref)) {
        sale_say(out, SALE_CONFLICT, tr("This bill was begun as %s. Use that reference."),
                 *s->t.ref ? s->t.ref : tr("one without a reference"));
        return false;
    }
    return choose(s, in, alone, out);
}

void sale_on_redeem(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    const struct sale_facts *f = in->facts;
    struct errmsg why;
    if (s->state == SALE_HOLDING && !s->hold_asked) {
        ask_again(s, out);
        return;
    }
    if (in->alone && in->known && sale_is_idle(s)) {
        redeem_known(s, in, out);
        return;
    }
    bool open = s->state == SALE_IDLE || s->state == SALE_IDENTIFIED;
    bool alone = in->alone || (s->state == SALE_TOTALLED && sale_is_alone(&s->t));
    if (s->state != SALE_TOTALLED && !(in->alone && open && s->t.line_count == 0)) {
        sale_not_now(s, in, out);
        return;
    }
    if (in->alone && s->state == SALE_TOTALLED && !sale_is_alone(&s->t)) {
        sale_not_now(s, in, out);
        return;
    }
    if (!may_redeem(s, in, alone, out))
        return;
    s->approved_by = 0;
    if (!factor_given(s, in, out))
        return;
    if (alone)
        make_alone(s);
    if (in->ref && *in->ref)
        sale_text_copy(s->t.ref, sizeof s->t.ref, in->ref);
    (void)!sale_rate(s, f, s->wanted_value, &why); /* what is left to be earned, for who looks on */
    if (of_card(s) && !wants_piece(s, f)) {
        begin_debit(s, f, out);
        return;
    }
    sale_text_copy(s->hold_name, sizeof s->hold_name, in->name);
    s->hold = (struct entry_id){0, 0};
    s->state = SALE_HOLDING;
    ask_again(s, out);
}

void sale_back_to_bill(struct sale *s, const struct sale_facts *f)
{
    struct errmsg why;
    s->state = SALE_TOTALLED;
    s->hold_asked = false;
    (void)!sale_rate(s, f, money_of(0), &why); /* for who looks on: whoever closes the bill rates it again */
    if (!sale_is_alone(&s->t) || entry_is(s->intent))
        return;
    s->t.line_count = 0;
    s->t.total = money_of(0);
    memset(s->t.ref, 0, sizeof s->t.ref);
    s->state = s->means ? SALE_IDENTIFIED : SALE_IDLE;
}

/* ---- the card: PREPARING -> INTENDING -> COMMITTING -> DEBITED or DOUBT ---- */

void sale_on_card_ready(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    const struct sale_facts *f = in->facts;
    struct errmsg why = {""};
    if (s->state != SALE_PREPARING) {
        sale_not_now(s, in, out);
        return;
    }
    /* The number is in what the card is about to commit: another entry must not have taken it.  A piece of the reward
     * may have waited too long for the card. */
    if (!entry_equal(s->planned, f->next) || wants_piece(s, f) || !sale_rate(s, f, s->wanted_value, &why)) {
        sale_back_to_bill(s, in->facts);
        out->card = SALE_CARD_RELEASE;
        sale_say(out, SALE_NOT_NOW,
                 tr("The redemption was given up before anything was taken off the card. Redeem "
                    "again."));
        return;
    }
    sale_fill_bill(s, f, TXN_INTENT);
    s->t.redeemed = s->wanted;
    s->t.redeemed_value = s->wanted_value;
    memcpy(s->t.reward, s->wanted_reward, sizeof s->t.reward);
    s->t.piece = s->piece.seq;
    s->t.original = s->intent; /* the one before, shown not done; none at first */
    s->t.commit = COMMIT_NONE;
    s->t.evidence = *in->evidence;
    s->state = SALE_INTENDING;
    s->writing = &s->t;
    out->append = s->writing;
    out->closes = s->intent;
}

static struct money due_of(const struct sale *s)
{
    struct money due;
    return money_sub(&due, s->t.total, s->wanted_value) ? due : s->t.total;
}

void sale_on_card_done(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    if (s->state != SALE_COMMITTING) {
        sale_not_now(s, in, out);
        return;
    }
    s->fate = COMMIT_DONE;
    s->evidence = *in->evidence;
    s->purse = in->purse;
    s->state = SALE_DEBITED;
    if (sale_is_alone(&s->t)) {
        sale_close(s, in, out);
        return;
    }
    char value[PACK_MONEY_SIZE], rest[PACK_MONEY_SIZE];
    pack_money_text(value, in->facts->pack, s->wanted_value);
    pack_money_text(rest, in->facts->pack, due_of(s));
    sale_say(out, SALE_OK,
             tr("%" PRId64 " points taken off the card pay %s; %s to pay. The card may be taken "
                "away."),
             points_n(s->wanted), value, rest);
}

static void into_doubt(struct sale *s, struct sale_effects *out)
{
    char who[SALE_WHO_SIZE];
    s->fate = COMMIT_DOUBT;
    s->state = SALE_DOUBT;
    out->card = SALE_CARD_SETTLE;
    sale_say(out, SALE_IN_DOUBT,
             tr("The card left at the last moment: it is not known whether %" PRId64 " points "
                "were taken off it. Tap the same card (%s) again; if it is gone, give up."),
             points_n(s->wanted), sale_whose(who, s));
}

void sale_on_card_failed(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    char who[SALE_WHO_SIZE];
    switch (s->state) {
    case SALE_PREPARING:
        sale_back_to_bill(s, in->facts);
        out->card = SALE_CARD_RELEASE;
        sale_say_card(out, in);
        return;
    case SALE_COMMITTING: /* it answered, and refused: the INTENT stays open, shown not done */
        s->state = SALE_TOTALLED;
        s->fate = COMMIT_NOT_DONE;
        out->card = SALE_CARD_RELEASE;
        sale_say(out, SALE_BAD_CARD,
                 tr("The card refused (%s); nothing was taken off it. Redeem again, or let the "
                    "member pay whole."),
                 tr(card_status_text(in->word)));
        return;
    case SALE_DOUBT:
    case SALE_TOTALLED:
        if (sale_wants(s) == SALE_WANT_SETTLE) {
            if (s->state == SALE_DOUBT)
                out->card = SALE_CARD_SETTLE;
            sale_say(out, SALE_IN_DOUBT,
                     tr("The card could not be read (%s). Tap the same card (%s) again; if it "
                        "is gone, give up."),
                     tr(card_status_text(in->word)), sale_whose(who, s));
            return;
        }
        sale_not_now(s, in, out);
        return;
    case SALE_IDLE:
    case SALE_IDENTIFIED:
    case SALE_INTENDING:
    case SALE_HOLDING:
    case SALE_DEBITED:
    case SALE_CLOSING:
    case SALE_DONE:
    case SALE_STATES:
        sale_not_now(s, in, out);
        return;
    }
}

void sale_on_card_lost(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    if (s->state == SALE_COMMITTING)
        into_doubt(s, out);
    else
        sale_not_now(s, in, out);
}

void sale_on_wrong_card(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    char who[SALE_WHO_SIZE];
    if (s->state == SALE_PREPARING) {
        sale_back_to_bill(s, in->facts);
        out->card = SALE_CARD_RELEASE;
        sale_say(out, SALE_OTHER_CARD,
                 tr("This is another card; nothing was taken off it. Hold the card of %s "
                    "there and redeem again."),
                 sale_whose(who, s));
    } else if (sale_wants(s) == SALE_WANT_SETTLE) {
        sale_say(out, SALE_OTHER_CARD,
                 tr("This is another card. The sale of %s is not finished: tap that card; if "
                    "it is gone, give up."),
                 sale_whose(who, s));
    } else {
        sale_not_now(s, in, out);
    }
}

/* ---- doubt ---- */

void sale_on_settled(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    char who[SALE_WHO_SIZE];
    if (sale_wants(s) != SALE_WANT_SETTLE) {
        sale_not_now(s, in, out);
        return;
    }
    switch (in->verdict) {
    case COMMIT_DONE:
        s->state = SALE_COMMITTING; /* as if the answer had come the first time */
        sale_on_card_done(s, in, out);
        return;
    case COMMIT_NOT_DONE:
        s->fate = COMMIT_NOT_DONE;
        s->purse = in->purse;
        s->state = SALE_TOTALLED;
        sale_say(out, SALE_OK,
                 tr("The card was not debited; it holds %d points. Redeem again, or let the member "
                    "pay whole."),
                 s->purse);
        return;
    case COMMIT_DOUBT:
    case COMMIT_NONE:
        break;
    }
    if (s->state == SALE_DOUBT)
        out->card = SALE_CARD_SETTLE;
    sale_say(out, SALE_IN_DOUBT,
             tr("The card of %s was used elsewhere since and no longer shows it. Give up: the "
                "member pays whole, and head office gives back what was taken."),
             sale_whose(who, s));
}

void sale_on_resume(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    const struct txn *t = in->txn;
    char who[SALE_WHO_SIZE], sum[PACK_MONEY_SIZE];
    if (!sale_is_idle(s)) {
        sale_not_now(s, in, out);
        return;
    }
    sale_init(s);
    s->t = *t;
    s->means = MEANS_CARD;
    s->card = t->card;
    s->card_kind = t->evidence.kind;
    s->member = t->member;
    sale_text_copy(s->tier, sizeof s->tier, t->tier);
    s->purse = t->evidence.purse_before;
    s->wanted = t->redeemed;
    s->wanted_value = t->redeemed_value;
    memcpy(s->wanted_reward, t->reward, sizeof s->wanted_reward);
    s->earning.points = t->points;
    s->intent = t->id;
    if (t->piece) { /* it was set aside before this entry: it is not reckoned to be there any longer than that */
        s->piece = (struct entry_id){OFFICE_TERMINAL, t->piece};
        sale_text_copy(s->piece_of, sizeof s->piece_of, t->reward);
        s->piece_until_s = t->time_s + (in->facts->pack ? (int64_t)in->facts->pack->hold_minutes * 60 : 0);
    }
    s->evidence = t->evidence;
    s->fate = COMMIT_DOUBT;
    s->resumed = true;
    s->state = SALE_DOUBT;
    out->card = SALE_CARD_SETTLE;
    pack_money_text(sum, in->facts->pack, t->total);
    sale_say(out, SALE_IN_DOUBT,
             tr("The till stopped in the middle of a sale of %s (%s%s%s). Tap the same card "
                "again: it shows whether %" PRId64 " points were taken. If it is gone, give up."),
             sale_whose(who, s), sum, *t->ref ? tr(", bill ") : "", t->ref, points_n(t->redeemed));
}

/* ---- head office holds: HOLDING -> DEBITED; a piece for a card: HOLDING -> PREPARING ---- */

void sale_on_held(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    if (s->state != SALE_HOLDING) {
        sale_not_now(s, in, out);
        return;
    }
    s->hold_asked = false;
    if (points_cmp(in->points, sale_asks(s)) != 0 || !entry_is(in->receipt)) {
        sale_back_to_bill(s, in->facts);
        sale_say(out, SALE_NO_REDEEM,
                 tr("Head office set other points aside than were asked for; it lets them go by "
                    "itself. Redeem again, or let the member pay whole."));
        return;
    }
    if (of_card(s)) {
        s->piece = in->receipt;
        s->piece_until_s = in->until_s;
        memcpy(s->piece_of, s->wanted_reward, sizeof s->piece_of);
        begin_debit(s, in->facts, out);
        return;
    }
    s->hold = in->receipt;
    s->hold_until_s = in->until_s;
    if (!points_sub(&s->spendable, s->spendable, s->wanted))
        s->spendable = points_of(0);
    s->state = SALE_DEBITED;
    if (sale_is_alone(&s->t)) {
        sale_close(s, in, out);
        return;
    }
    char value[PACK_MONEY_SIZE], rest[PACK_MONEY_SIZE];
    pack_money_text(value, in->facts->pack, s->wanted_value);
    pack_money_text(rest, in->facts->pack, due_of(s));
    sale_say(out, SALE_OK, tr("%" PRId64 " points at head office pay %s; %s to pay."),
             points_n(s->wanted), value, rest);
}

void sale_on_hold_refused(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    if (s->state != SALE_HOLDING) {
        sale_not_now(s, in, out);
        return;
    }
    const char *why = in->text && *in->text ? in->text : tr("it does not say why.");
    sale_back_to_bill(s, in->facts);
    enum sale_answer answer = in->absent ? SALE_NO_LINE : SALE_NO_REDEEM;
    if (of_card(s))
        sale_say(out, answer, tr("Head office does not give this reward: %s"), why);
    else
        sale_say(out, answer, tr("Head office does not set the points aside: %s"), why);
}

void sale_on_hold_lost(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    if (s->state != SALE_HOLDING) {
        sale_not_now(s, in, out);
        return;
    }
    s->hold_asked = false;
    sale_say(out, SALE_NO_ANSWER,
             tr("Head office did not answer. Redeem again (nothing is taken twice), or give up: the "
                "member pays whole."));
}

/* ---- giving up ---- */

void sale_on_give_up(struct sale *s, const struct sale_event *in, struct sale_effects *out)
{
    char sum[PACK_MONEY_SIZE];
    bool alone = sale_is_alone(&s->t);
    if (s->state == SALE_PREPARING) {
        sale_back_to_bill(s, in->facts);
        out->card = SALE_CARD_RELEASE;
        sale_say(out, SALE_OK, tr("The card is not waited for any more; nothing was taken off it. Redeem again, or pay."));
    } else if (s->state == SALE_HOLDING) {
        sale_back_to_bill(s, in->facts);
        if (alone)
            sale_say(out, SALE_OK,
                     tr("Given up. What head office may have set aside it lets go by itself."));
    } else if (s->state == SALE_DOUBT && alone) { /* there is nothing else to pay */
        sale_begin_cancel(s, in, out);
        out->card = SALE_CARD_RELEASE;
        return;
    } else if (s->state == SALE_DOUBT) {
        s->state = SALE_TOTALLED;
        out->card = SALE_CARD_RELEASE;
    } else {
        sale_not_now(s, in, out);
        return;
    }
    if (out->answered)
        return;
    pack_money_text(sum, in->facts->pack, s->t.total);
    sale_say(out, SALE_OK,
             tr("Given up: the member pays the whole %s. If points were taken, head office gives "
                "them back. Pay, or cancel."),
             sum);
}
