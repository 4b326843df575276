/* ledger.c - see ledger.h.  One function for each kind of entry, each a column of guards with a named
 * answer, then what is posted; helpers first.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/ledger.h"
#include "base/date.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *ledger_account_text(enum ledger_account account)
{
    static const char *const names[ACCOUNTS] = {"held",     "card",   "transit",
                                                "reserved", "issued", "redeemed",
                                                "expired",  "clawed", "adjusted"};
    return names[account];
}

const char *ledger_cause_text(enum ledger_cause cause)
{
    static const char *const names[] = {"earn", "redeem", "return", "claw", "expire", "adjust"};
    return names[cause];
}

const char *ledger_answer_text(enum ledger_answer answer)
{
#define LEDGER_ANSWER_TEXT(name, text) text,
    static const char *const texts[] = {LEDGER_ANSWERS(LEDGER_ANSWER_TEXT)};
#undef LEDGER_ANSWER_TEXT
    return texts[answer];
}

enum ledger_account ledger_place(bool load, enum ledger_proof proof, enum ledger_outcome outcome)
{
    if (load) {
        if (proof == PROOF_NONE)
            return ACCOUNT_TRANSIT;
        return proof == PROOF_DONE ? ACCOUNT_CARD : ACCOUNT_HELD;
    }
    if (proof != PROOF_DONE)
        return ACCOUNT_CARD;
    switch (outcome) {
    case OUTCOME_NONE:
        return ACCOUNT_TRANSIT;
    case OUTCOME_REWARDED:
        return ACCOUNT_REDEEMED;
    case OUTCOME_DROPPED:
        return ACCOUNT_HELD;
    }
    return ACCOUNT_CARD;
}

member_id ledger_member_of(const struct txn *t, const struct ledger_card *card)
{
    if (t->kind == TXN_CARD || !card->known || card->member == 0)
        return t->member ? t->member : card->member;
    return card->member;
}

/* ---- writing effects ---- */

struct work {
    struct ledger_facts *in;
    struct ledger_effects *out;
    int32_t day; /* of the event */
};

__attribute__((format(printf, 3, 4))) static void note(struct work *w, enum ledger_answer answer,
                                                       const char *format, ...)
{
    struct ledger_effects *out = w->out;
    if (out->note_count == LEDGER_NOTES_MAX)
        return;
    struct ledger_note *n = &out->notes[out->note_count++];
    va_list args;
    n->answer = answer;
    va_start(args, format);
    vsnprintf(n->detail, sizeof n->detail, format, args);
    va_end(args);
}

/* The points of a replaced card were swept to held, and so is all that still happens to it. */
static enum ledger_account of_card(const struct work *w, enum ledger_account account)
{
    bool swept = account == ACCOUNT_CARD && w->in->card.status == CARD_REPLACED;
    return swept ? ACCOUNT_HELD : account;
}

static void post_on(struct work *w, enum ledger_account account, const struct card_uid *card,
                    struct points amount)
{
    struct ledger_effects *out = w->out;
    int32_t i = 0;
    while (i < out->posting_count &&
           (out->postings[i].account != account ||
            (account == ACCOUNT_CARD && !uid_equal(&out->postings[i].card, card))))
        i++;
    if (i == out->posting_count) {
        assert(i < LEDGER_POSTINGS_MAX);
        out->posting_count++;
        out->postings[i] = (struct ledger_posting){.account = account};
        if (account == ACCOUNT_CARD)
            out->postings[i].card = *card;
    }
    bool fits = points_add(&out->postings[i].amount, out->postings[i].amount, amount);
    assert(fits); /* rules keep every number of a member within int64 */
}

/* Points go from one account to another. */
static void post(struct work *w, enum ledger_account from, enum ledger_account to,
                 struct points amount)
{
    const struct card_uid *card = &w->in->card.uid;
    from = of_card(w, from), to = of_card(w, to);
    if (from == to || points_n(amount) == 0)
        return;
    post_on(w, from, card, points_of(-points_n(amount)));
    post_on(w, to, card, amount);
}

static void drop_zeros(struct ledger_effects *out)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < out->posting_count; i++)
        if (points_n(out->postings[i].amount) != 0)
            out->postings[kept++] = out->postings[i];
    out->posting_count = kept;
}

/* The moves that a rules function left in scratch.  What changes in the expired part of a lot is posted. */
static void keep_moves(struct work *w, enum ledger_cause cause, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        struct lot_move *m = &w->out->scratch[i];
        assert(w->out->move_count < LEDGER_MOVES_MAX);
        w->out->moves[w->out->move_count++] = (struct ledger_move){.cause = cause, .lot = *m};
        post(w, ACCOUNT_HELD, ACCOUNT_EXPIRED, m->expired);
    }
}

static void keep_debt(struct work *w, enum ledger_cause cause, struct points change)
{
    if (points_n(change) == 0)
        return;
    assert(w->out->move_count < LEDGER_MOVES_MAX);
    w->out->moves[w->out->move_count++] =
        (struct ledger_move){.cause = cause, .debt = true, .owed = change};
}

/* Points the lots could not cover: the member owes them. */
static void owe(struct work *w, enum ledger_cause cause, struct points more)
{
    bool fits = points_add(&w->in->member.owed, w->in->member.owed, more);
    assert(fits);
    keep_debt(w, cause, more);
}

/* What a late entry brought into a lot that has ended already ends at once. */
static void expire(struct work *w, int32_t day)
{
    int32_t moved = 0;
    if (day == INT32_MIN)
        return;
    (void)lots_expire(w->in->lots, w->in->lot_count, day, w->out->scratch, &moved);
    keep_moves(w, CAUSE_EXPIRE, moved);
}

/* Points come in: all of it, or nothing and a note. */
static bool add_points(struct work *w, enum ledger_account from, enum ledger_cause cause,
                       int32_t expires_day, struct points points)
{
    struct ledger_facts *in = w->in;
    struct points owed_before = in->member.owed, change;
    struct errmsg why;
    int32_t moved = 0;
    if (lots_add(in->lots, &in->lot_count, LOTS_MAX, expires_day, w->day, points, &in->member.owed,
                 w->out->scratch, &moved, &why)) {
        note(w, LEDGER_CANNOT_POST, "%s", why.text);
        return false;
    }
    post(w, from, ACCOUNT_HELD, points);
    keep_moves(w, cause, moved);
    bool fits = points_sub(&change, in->member.owed, owed_before);
    assert(fits);
    keep_debt(w, cause, change);
    expire(w, in->run_day);
    return true;
}

static void take_points(struct work *w, enum ledger_cause cause, int32_t day, struct points points)
{
    int32_t moved = 0;
    struct points uncovered =
        lots_take(w->in->lots, w->in->lot_count, day, points, w->out->scratch, &moved);
    keep_moves(w, cause, moved);
    owe(w, cause, uncovered);
}

/* ---- intents ---- */

static void keep_intent(struct work *w, const struct ledger_intent *i)
{
    struct ledger_effects *out = w->out;
    int32_t k = 0;
    while (k < out->set_count && !entry_equal(out->set[k].id, i->id))
        k++;
    assert(k < (int32_t)(sizeof out->set / sizeof out->set[0]));
    out->set[k] = *i;
    if (k == out->set_count)
        out->set_count++;
}

/* The picture in ledger.h: the points follow what is known. */
static void settle(struct work *w, struct ledger_intent *i, enum ledger_proof proof,
                   enum ledger_how how, enum ledger_outcome outcome)
{
    char name[ENTRY_TEXT_SIZE];
    entry_text(name, i->id);
    enum ledger_account from = ledger_place(i->load, i->proof, i->outcome);
    if (i->proof != PROOF_NONE && proof != PROOF_NONE && proof != i->proof)
        note(w, LEDGER_DONE_AFTER_ALL, "%s", name);
    if (proof == PROOF_DONE ? i->proof != PROOF_DONE
                            : proof != PROOF_NONE && i->proof == PROOF_NONE)
        i->proof = proof, i->how = how;
    i->outcome = outcome;
    keep_intent(w, i);
    if (!w->in->member.known)
        return;
    enum ledger_account to = ledger_place(i->load, i->proof, i->outcome);
    post(w, from, to, i->amount);
    if (to == ACCOUNT_REDEEMED && from != to && points_n(i->amount)) {
        take_points(w, CAUSE_REDEEM, day_of_time(i->time_s), i->amount);
        w->out->redeemed.sale_position = i->sale_position;
        w->out->redeemed.points = i->amount;
    }
}

/* Evidence that holds also tells what the card did before. */
static void settle_before(struct work *w)
{
    struct ledger_facts *in = w->in;
    if (in->evidence != EVIDENCE_GOOD || !entry_is(in->evidence_before))
        return;
    w->out->counter_before = in->t->evidence.kind == CARD_EV2;
    if (in->before.known && in->before.proof != PROOF_DONE)
        settle(w, &in->before, PROOF_DONE, HOW_NAMED, in->before.outcome);
}

static enum ledger_how how_of(const struct ledger_facts *in)
{
    const struct txn *t = in->t;
    bool office = t->id.terminal == OFFICE_TERMINAL;
    if (office &&
        (t->kind == TXN_SETTLE || t->commit != COMMIT_DONE || in->evidence == EVIDENCE_LOST))
        return HOW_READING;
    if (t->commit != COMMIT_DONE)
        return HOW_TILL;
    return t->evidence.kind == CARD_EV1 ? HOW_RECORD : HOW_TMAC;
}

/* Does the evidence prove that the card did it?  On an EV1 card the record is only as good as the till
 * that sends it, so it may pay for a reward but not give points back (I5). */
static bool is_proved(struct work *w, enum ledger_outcome outcome)
{
    struct ledger_facts *in = w->in;
    const struct txn *t = in->t;
    if (t->commit != COMMIT_DONE)
        return false;
    bool office = t->id.terminal == OFFICE_TERMINAL;
    if (in->evidence == EVIDENCE_LOST && !office && outcome == OUTCOME_DROPPED)
        return false; /* stays in doubt until head office reads the card itself */
    if (in->evidence != EVIDENCE_GOOD && !(office && in->evidence == EVIDENCE_LOST)) {
        note(w, LEDGER_EVIDENCE_FAILS, "%s", in->evidence_why);
        return false;
    }
    if (in->counter_taken) {
        note(w, LEDGER_COUNTER_TAKEN, "transaction %" PRIu32, t->evidence.tmc);
        if (t->evidence.kind == CARD_EV2 && how_of(in) != HOW_READING)
            return false;
    }
    w->out->counter = !in->counter_taken;
    return t->evidence.kind == CARD_EV2 || outcome != OUTCOME_DROPPED || office;
}

/* SALE, CANCEL, SETTLE, LOAD: what became of the intent they name. */
static void post_commit(struct work *w, struct points amount)
{
    struct ledger_facts *in = w->in;
    const struct txn *t = in->t;
    struct ledger_intent *i = &in->intent;
    char name[ENTRY_TEXT_SIZE];
    entry_text(name, t->original);
    settle_before(w);
    if (!i->known) {
        note(w, LEDGER_NO_INTENT, "%s", name);
        return;
    }
    if (!uid_equal(&i->card, &t->card) || points_cmp(i->amount, amount) != 0) {
        note(w, LEDGER_INTENT_DIFFERS, "%s announced %" PRId64 ", this says %" PRId64, name,
             points_n(i->amount), points_n(amount));
        return;
    }
    enum ledger_outcome outcome = i->outcome;
    bool office = t->id.terminal == OFFICE_TERMINAL;
    if (t->kind == TXN_SALE && t->commit == COMMIT_DONE) {
        if (outcome == OUTCOME_DROPPED)
            note(w, LEDGER_OUTCOME_CHANGED, "%s is redeemed after all", name);
        outcome = OUTCOME_REWARDED;
    } else if (!office && outcome == OUTCOME_NONE) {
        outcome = OUTCOME_DROPPED;
    } else if (t->kind != TXN_SETTLE && outcome == OUTCOME_REWARDED) {
        note(w, LEDGER_OUTCOME_CHANGED, "%s had been redeemed", name);
    }
    w->out->set_sale = t->kind == TXN_SALE;
    enum ledger_proof proof = t->commit == COMMIT_NOT_DONE ? PROOF_NOT_DONE : PROOF_NONE;
    if (is_proved(w, outcome))
        proof = PROOF_DONE;
    if (t->kind == TXN_SALE && t->commit == COMMIT_DONE && in->card.status != CARD_ACTIVE)
        note(w, LEDGER_CARD_NOT_ACTIVE, "%s", ""); /* offline, before the till heard of it */
    settle(w, i, proof, how_of(in), outcome);
}

static void post_intent(struct work *w)
{
    struct ledger_facts *in = w->in;
    const struct txn *t = in->t;
    bool load = t->kind == TXN_LOAD_INTENT;
    if (!in->card.known)
        note(w, LEDGER_UNKNOWN_CARD, "%s", "");
    w->out->new_intent = true;
    if (in->intent.known && !load) /* tried again: the card showed that the first was not done */
        settle(w, &in->intent, PROOF_NOT_DONE, HOW_TILL,
               in->intent.outcome ? in->intent.outcome : OUTCOME_DROPPED);
    if (load && in->member.known)
        post(w, ACCOUNT_HELD, ACCOUNT_TRANSIT, t->points);
    struct ledger_intent self = {.known = true,
                                 .id = t->id,
                                 .name = txn_commit_name(t),
                                 .load = load,
                                 .card = t->card,
                                 .amount = load ? t->points : t->redeemed,
                                 .time_s = t->time_s};
    if (in->named)
        settle(w, &self, PROOF_DONE, HOW_NAMED, OUTCOME_NONE);
}

/* ---- purchases ---- */

static struct bill bill_of(const struct txn *t, const char *tier, struct points earned_today)
{
    return (struct bill){t->lines, t->line_count, t->redeemed_value, t->time_s,
                         t->shop,  tier,          earned_today};
}

/* The tier to post with: the till's, when the member may have it. */
static const char *tier_for(struct work *w)
{
    struct ledger_facts *in = w->in;
    const char *said = pack_get_tier(in->pack, in->t->tier)->code;
    if (in->tier_ever || strcmp(said, in->pack->tiers[0].code) == 0)
        return said;
    note(w, LEDGER_TIER_NOT_HELD, "%s; posted with %s", said, in->member.tier);
    return in->member.tier;
}

/* Head office's own number is posted; the till's is compared by the same facts (I6). */
static bool rate_sale(struct work *w, struct earning *posted)
{
    struct errmsg why;
    struct ledger_facts *in = w->in;
    const struct txn *t = in->t;
    struct ledger_effects *out = w->out;
    struct earning same;
    if (!in->pack)
        note(w, LEDGER_PACK_UNKNOWN, "pack %" PRIu32, t->pack_version);
    else if (in->pack->effective_day > w->day)
        note(w, LEDGER_PACK_EARLY, "pack %" PRIu32, t->pack_version);
    bool own = in->pack != NULL;
    if (!own)
        in->pack = in->pack_now;
    if (!in->pack)
        return false;
    struct bill bill = bill_of(t, t->tier, in->earned_here);
    if (rules_earn(in->pack, &bill, &same, &why)) {
        note(w, LEDGER_CANNOT_POST, "%s", why.text);
        return false;
    }
    if (own) {
        out->rated = true;
        out->points_rated = same.points;
        if (points_cmp(same.points, t->points) != 0)
            note(w, LEDGER_POINTS_DIFFER, "till %" PRId64 ", head office %" PRId64 ": %s",
                 points_n(t->points), points_n(same.points), same.why);
    }
    const char *tier = tier_for(w);
    bill = bill_of(t, tier, in->earned_today);
    *posted = same;
    if (strcmp(tier, pack_get_tier(in->pack, t->tier)->code) != 0 ||
        points_cmp(in->earned_here, in->earned_today) != 0) {
        enum err e = rules_earn(in->pack, &bill, posted, &why);
        assert(!e); /* the same bill was fine just now */
    }
    snprintf(out->tier, sizeof out->tier, "%s", pack_get_tier(in->pack, tier)->code);
    out->pack_version = in->pack->version;
    return true;
}

static void decide_tier(struct work *w, int64_t metric, int32_t today, bool review)
{
    struct ledger_facts *in = w->in;
    struct ledger_effects *out = w->out;
    struct tier_decision d;
    struct tier_facts facts = {
        in->member.tier, in->member.short_since_day, metric, in->metric_last_year, today, review};
    rules_tier(in->pack_now, &facts, &d);
    out->tier_moved = strcmp(d.tier->code, in->member.tier) != 0;
    out->tier_set = out->tier_moved || d.short_since_day != in->member.short_since_day;
    snprintf(out->new_tier, sizeof out->new_tier, "%s", d.tier->code);
    snprintf(out->tier_why, sizeof out->tier_why, "%s", d.why);
    out->short_since_day = d.short_since_day;
    out->tier_day = today;
}

static void count_metric(struct work *w, const struct earning *earned)
{
    struct ledger_facts *in = w->in;
    int64_t more = 0;
    w->out->metric.day = w->day;
    w->out->metric.spend = money_minor(earned->counted);
    w->out->metric.points = points_n(earned->points);
    w->out->metric.bills = money_minor(earned->counted) > 0;
    if (!in->pack_now)
        return;
    switch (in->pack_now->metric) {
    case METRIC_SPEND:
        more = w->out->metric.spend;
        break;
    case METRIC_POINTS:
        more = w->out->metric.points;
        break;
    case METRIC_VISITS:
        more = w->out->metric.bills && in->bills_on_day == 0;
        break;
    }
    if (w->day < rules_tier_window_start(in->pack_now, in->today))
        more = 0;
    decide_tier(w, in->metric + more, in->today, false);
}

static void check_clock(struct work *w)
{
    const struct ledger_facts *in = w->in;
    const struct txn *t = in->t;
    if (!in->pack_now || t->id.terminal == OFFICE_TERMINAL)
        return;
    int64_t skew_s = in->pack_now->clock_skew_s;
    if (t->time_s > in->received_s + skew_s)
        note(w, LEDGER_CLOCK_OFF, "%" PRId64 " s ahead of head office", t->time_s - in->received_s);
    else if (in->clock_before_s && t->time_s < in->clock_before_s - skew_s)
        note(w, LEDGER_CLOCK_OFF, "%" PRId64 " s before the entry before",
             in->clock_before_s - t->time_s);
}

/* Whom is it for?  False = nobody, and points are asked for all the same or not. */
static bool has_member(struct work *w)
{
    const struct ledger_facts *in = w->in;
    const struct txn *t = in->t;
    if (uid_is(&t->card) && !in->card.known && (t->member == 0 || t->commit != COMMIT_NONE))
        note(w, LEDGER_UNKNOWN_CARD, "%s", "");
    if (in->card.known && in->card.member && t->member && t->member != in->card.member)
        note(w, LEDGER_MEMBER_DIFFERS, "M%" PRIu64 ", the entry says M%" PRIu64, in->card.member,
             t->member);
    if (t->member && !in->member.known)
        note(w, LEDGER_UNKNOWN_MEMBER, "M%" PRIu64, t->member);
    return in->member.known;
}

/* Of nobody, but it came with something that may become somebody's. */
static void leave_unclaimed(struct work *w)
{
    const struct txn *t = w->in->t;
    if (t->member || points_n(t->redeemed) || !(uid_is(&t->card) || txn_has_token(t)))
        return;
    w->out->unclaimed = true;
    if (txn_has_token(t))
        note(w, LEDGER_UNCLAIMED, "%s", "");
}

/* ---- points set aside ---- */

static void post_hold(struct work *w)
{
    const struct txn *t = w->in->t;
    if (!w->in->member.known) {
        note(w, LEDGER_UNKNOWN_MEMBER, "M%" PRIu64, t->member);
        return;
    }
    w->out->hold_new = true;
    post(w, ACCOUNT_HELD, ACCOUNT_RESERVED, t->redeemed);
}

static void set_hold(struct work *w, int state)
{
    w->out->hold_set = true;
    w->out->hold_state = state;
}

/* Is the HOLD there, and for this till? */
static bool has_hold(struct work *w)
{
    const struct ledger_hold *h = &w->in->hold;
    const struct txn *t = w->in->t;
    char name[ENTRY_TEXT_SIZE];
    entry_text(name, t->original);
    if (!h->known || !w->in->member.known) {
        note(w, LEDGER_NO_HOLD, "%s", name);
        return false;
    }
    if (t->id.terminal != OFFICE_TERMINAL && h->terminal != t->id.terminal) {
        note(w, LEDGER_HOLD_DIFFERS, "%s is for terminal %" PRIu32, name, h->terminal);
        return false;
    }
    return true;
}

/* RELEASE, CANCEL: the sale does not come. */
static void post_release(struct work *w)
{
    const struct ledger_hold *h = &w->in->hold;
    char name[ENTRY_TEXT_SIZE];
    entry_text(name, h->id);
    if (!has_hold(w))
        return;
    if (h->state == HOLD_OPEN) {
        post(w, ACCOUNT_RESERVED, ACCOUNT_HELD, h->amount);
        set_hold(w, HOLD_RELEASED);
    } else if (h->state != HOLD_RELEASED && w->in->t->kind == TXN_CANCEL) {
        note(w, LEDGER_OUTCOME_CHANGED, "%s had been redeemed", name);
    }
}

/* What the programme says of this redemption (I6).  One that stands alone pays its whole bill. */
static void compare_redemption(struct work *w)
{
    const struct txn *t = w->in->t;
    const struct pack *pack = w->in->pack ? w->in->pack : w->in->pack_now;
    struct redeem_facts facts = {.total = t->total,
                                 .purse = w->in->hold.amount,
                                 .tier = t->tier,
                                 .online = true,
                                 .alone = money_cmp(t->total, t->redeemed_value) == 0};
    struct money value = money_of(0);
    if (pack)
        (void)rules_redeem(pack, &facts, t->redeemed, &value); /* refused: value is 0 */
    if (pack && money_cmp(value, t->redeemed_value) != 0)
        note(w, LEDGER_REDEEM_DIFFERS,
             "%" PRId64 " points paid %" PRId64 " minor units, by the rules %" PRId64,
             points_n(t->redeemed), money_minor(t->redeemed_value), money_minor(value));
    if (t->means != w->in->hold.means)
        note(w, LEDGER_REDEEM_DIFFERS, "known by means %d, the points were set aside for %d",
             (int)t->means, (int)w->in->hold.means);
}

/* A SALE that redeems what was set aside for it.  Let go meanwhile: the member was told all the same. */
static void post_held(struct work *w)
{
    struct ledger_facts *in = w->in;
    const struct ledger_hold *h = &in->hold;
    const struct txn *t = in->t;
    struct points rest;
    char name[ENTRY_TEXT_SIZE];
    entry_text(name, t->original);
    if (!has_hold(w))
        return;
    if (h->member != in->member.id || points_cmp(t->redeemed, h->amount) > 0 ||
        !points_sub(&rest, h->amount, t->redeemed)) {
        note(w, LEDGER_HOLD_DIFFERS, "%s is of %" PRId64 " points of M%" PRIu64, name,
             points_n(h->amount), h->member);
        return;
    }
    if (h->state == HOLD_TAKEN || h->state == HOLD_TAKEN_LATE) {
        note(w, LEDGER_HOLD_USED, "%s", name);
        return;
    }
    if (h->state == HOLD_OPEN) {
        post(w, ACCOUNT_RESERVED, ACCOUNT_REDEEMED, t->redeemed);
        post(w, ACCOUNT_RESERVED, ACCOUNT_HELD, rest);
        set_hold(w, HOLD_TAKEN);
    } else {
        note(w, LEDGER_HOLD_RELEASED, "%s", name);
        post(w, ACCOUNT_HELD, ACCOUNT_REDEEMED, t->redeemed);
        set_hold(w, HOLD_TAKEN_LATE);
    }
    compare_redemption(w);
    take_points(w, CAUSE_REDEEM, w->day, t->redeemed);
    w->out->redeemed.sale_position = 0;
    w->out->redeemed.points = t->redeemed;
}

static void post_sale(struct work *w)
{
    struct ledger_facts *in = w->in;
    const struct txn *t = in->t;
    struct ledger_effects *out = w->out;
    struct earning earned = {0};
    bool member = has_member(w);
    out->sale = true;
    out->lot_day = DAY_NEVER;
    if (t->commit != COMMIT_DONE && !txn_is_held(t) && money_minor(t->redeemed_value) > 0)
        note(w, LEDGER_REWARD_UNPROVEN, "%" PRId64 " minor units", money_minor(t->redeemed_value));
    if (t->commit != COMMIT_NONE)
        post_commit(w, t->redeemed);
    else if (txn_is_held(t))
        post_held(w);
    else if (!member)
        leave_unclaimed(w);
    if (!member)
        return;
    out->sale_member = in->member.id;
    if (!rate_sale(w, &earned))
        return;
    out->lot_day = rules_expiry_day(in->pack, w->day);
    if (!add_points(w, ACCOUNT_ISSUED, CAUSE_EARN, out->lot_day, earned.points))
        return;
    out->earned = earned.points;
    out->counted = earned.counted;
    snprintf(out->why, sizeof out->why, "%s", earned.why);
    count_metric(w, &earned);
}

/* ---- refunds ---- */

static void give_back(struct work *w, struct points points)
{
    struct errmsg why;
    struct ledger_facts *in = w->in;
    const struct ledger_sale *s = &in->sale;
    struct points owed_before = in->member.owed, change;
    int32_t moved = 0;
    if (points_n(points) == 0)
        return;
    if (lots_give_back(in->lots, &in->lot_count, LOTS_MAX, s->taken, s->taken_count, s->uncovered,
                       s->redeemed_back, points, &in->member.owed,
                       rules_expiry_day(in->pack, w->day), w->out->scratch, &moved, &why)) {
        note(w, LEDGER_CANNOT_POST, "%s", why.text);
        return;
    }
    w->out->points_back = points;
    post(w, ACCOUNT_REDEEMED, ACCOUNT_HELD, points);
    keep_moves(w, CAUSE_RETURN, moved);
    bool fits = points_sub(&change, in->member.owed, owed_before);
    assert(fits);
    keep_debt(w, CAUSE_RETURN, change);
    expire(w, in->run_day);
}

static void claw(struct work *w, struct points points)
{
    struct ledger_facts *in = w->in;
    struct ledger_effects *out = w->out;
    int32_t moved = 0;
    struct points uncovered =
        lots_claw(in->lots, in->lot_count, in->sale.lot_day, w->day, points, out->scratch, &moved);
    keep_moves(w, CAUSE_CLAW, moved);
    out->clawed = points;
    if (in->pack->refund_may_owe) {
        owe(w, CAUSE_CLAW, uncovered);
    } else {
        bool fits = points_sub(&out->clawed, points, uncovered);
        assert(fits);
        out->let_go = uncovered;
    }
    post(w, ACCOUNT_HELD, ACCOUNT_CLAWED, out->clawed);
}

/* Money given back without goods. */
static struct money without_goods(const struct txn *t)
{
    return t->line_count ? money_of(0) : t->total;
}

/* What the till should have said, from what is in its journal (I6).  Another till's sale is not. */
static void compare_refund(struct work *w)
{
    const struct ledger_facts *in = w->in;
    const struct txn *t = in->t, *o = in->original;
    struct rules_return returns[TXN_LINES_MAX];
    int32_t left[TXN_LINES_MAX], count = 0;
    struct bill bill = bill_of(o, o->tier, in->sale.earned_here);
    struct points redeemed = txn_redeemed(o);
    struct money given = in->sale.given_here;
    struct clawback same;
    if (t->id.terminal != t->original.terminal || t->pack_version != o->pack_version ||
        in->pack->version != o->pack_version)
        return;
    memcpy(left, in->sale.left_here, sizeof left);
    if (rules_match_returns(o->lines, o->line_count, left, t->lines, t->line_count, returns,
                            TXN_LINES_MAX, &count, NULL) ||
        rules_clawback(in->pack, &bill, redeemed, left, &given, returns, count, without_goods(t),
                       &same, NULL))
        return;
    w->out->refund_rated = true;
    w->out->points_rated = same.clawed;
    if (points_cmp(same.clawed, t->points) != 0 || points_cmp(same.points_back, t->redeemed) != 0)
        note(w, LEDGER_POINTS_DIFFER,
             "till takes %" PRId64 " and gives back %" PRId64 ", head office %" PRId64
             " and %" PRId64 ": %s",
             points_n(t->points), points_n(t->redeemed), points_n(same.clawed),
             points_n(same.points_back), same.why);
}

static void post_refund(struct work *w)
{
    struct ledger_facts *in = w->in;
    const struct txn *t = in->t, *o = in->original;
    struct ledger_effects *out = w->out;
    struct clawback own;
    struct errmsg why;
    int32_t left[TXN_LINES_MAX];
    char name[ENTRY_TEXT_SIZE];
    entry_text(name, t->original);
    if (in->original_is_other) {
        note(w, LEDGER_NOT_A_SALE, "%s", name);
        return;
    }
    if (!o) {
        out->waits = true;
        out->note_count = 0; /* said when it is posted */
        return;
    }
    if (rules_match_returns(o->lines, o->line_count, in->sale.left, t->lines, t->line_count,
                            out->returns, TXN_LINES_MAX, &out->return_count, &why)) {
        note(w, LEDGER_NOT_BOUGHT, "%s", why.text);
        return;
    }
    out->given = without_goods(t);
    struct money most =
        rules_money_left(o->lines, o->line_count, in->sale.left, in->sale.given, NULL);
    if (money_cmp(out->given, most) > 0) {
        note(w, LEDGER_NOT_BOUGHT,
             "%" PRId64 " minor units were given back, %" PRId64 " were left on the bill",
             money_minor(out->given), money_minor(most));
        out->given = most; /* so that two tills' refunds come to the same in any order */
    }
    out->refund = true;
    if (!in->pack || !in->member.known)
        return;
    compare_refund(w);
    struct bill bill = bill_of(o, in->sale.tier, in->sale.earned_today);
    struct money given = in->sale.given;
    memcpy(left, in->sale.left, sizeof left);
    enum err e = rules_clawback(in->pack, &bill, in->sale.redeemed, left, &given, out->returns,
                                out->return_count, out->given, &own, &why);
    if (e) {
        note(w, LEDGER_CANNOT_POST, "%s", why.text);
        return;
    }
    snprintf(out->why, sizeof out->why, "%s", own.why);
    give_back(w, own.points_back);
    claw(w, own.clawed);
    int64_t counted_before = money_minor(in->sale.counted) - money_minor(in->sale.counted_back);
    out->counted_back = own.counted_back;
    out->metric.day = day_of_time(o->time_s);
    out->metric.spend = -money_minor(own.counted_back);
    out->metric.points = -points_n(own.clawed);
    out->metric.bills = -(counted_before > 0 && counted_before == money_minor(own.counted_back));
}

/* ---- goodwill, opinions, new members ---- */

static void take_back(struct work *w)
{
    struct ledger_facts *in = w->in;
    const struct ledger_gift *g = &in->gift;
    struct points back = points_of(-points_n(in->t->points)), left;
    char name[ENTRY_TEXT_SIZE];
    int32_t moved = 0;
    entry_text(name, in->t->original);
    if ((!in->original && !in->original_is_other) || in->unclaimed) {
        w->out->waits = true;
        w->out->note_count = 0; /* said when it is posted */
        return;
    }
    if (!g->known || !in->member.known || !points_sub(&left, g->points, g->taken_back) ||
        points_cmp(back, left) > 0) {
        note(w, LEDGER_NO_GRANT, "%s", name);
        return;
    }
    struct points uncovered =
        lots_claw(in->lots, in->lot_count, g->lot_day, w->day, back, w->out->scratch, &moved);
    keep_moves(w, CAUSE_ADJUST, moved);
    owe(w, CAUSE_ADJUST, uncovered);
    post(w, ACCOUNT_HELD, ACCOUNT_ADJUSTED, back);
    w->out->gift_back = true;
}

static void post_grant(struct work *w)
{
    struct ledger_facts *in = w->in;
    const struct txn *t = in->t;
    const struct pack *pack = in->pack ? in->pack : in->pack_now;
    if (points_n(t->points) < 0) {
        take_back(w);
        return;
    }
    if (!has_member(w)) {
        leave_unclaimed(w);
        return;
    }
    if (!pack) {
        note(w, LEDGER_PACK_UNKNOWN, "pack %" PRIu32, t->pack_version);
        return;
    }
    bool by_register = t->cashier == 0 && t->approved_by == 0;
    if (rules_grant(pack, t->points, in->given_today, by_register) != GRANT_OK) {
        note(w, LEDGER_GRANT_REFUSED,
             "%" PRId64 "%s; %" PRId64 " were given before, %" PRId64 " at once and %" PRId64
             " a day may be",
             points_n(t->points), by_register ? " by a register" : "", points_n(in->given_today),
             points_n(pack->grant_per_gift), points_n(pack->grant_per_day));
        return;
    }
    w->out->lot_day = rules_expiry_day(pack, w->day);
    w->out->gift = add_points(w, ACCOUNT_ADJUSTED, CAUSE_ADJUST, w->out->lot_day, t->points);
}

static void post_rating(struct work *w)
{
    const struct ledger_facts *in = w->in;
    char name[ENTRY_TEXT_SIZE];
    entry_text(name, in->t->original);
    if (in->original_is_other)
        note(w, LEDGER_NOT_A_SALE, "%s", name);
    w->out->waits = !in->original && !in->original_is_other;
    w->out->rating = in->original && in->sale.known;
}

/* A card that is nobody's becomes a new member's.  One that is somebody's stays so, and a person looks. */
static void post_join(struct work *w)
{
    struct ledger_facts *in = w->in;
    const struct txn *t = in->t;
    const struct ledger_card *card = &in->card;
    struct ledger_effects *out = w->out;
    if (card->known && card->member) {
        note(w, LEDGER_CARD_TAKEN, "M%" PRIu64, card->member);
        return;
    }
    if (card->known && card->status == CARD_REPLACED) {
        note(w, LEDGER_CARD_GONE, "%s", "");
        return;
    }
    if (in->next_member == 0) {
        note(w, LEDGER_CANNOT_POST, "there is no number for another member");
        return;
    }
    in->member = (struct ledger_member){.id = in->next_member, .short_since_day = DAY_NEVER};
    out->new_member = true;
    out->tier_day = w->day;
    snprintf(out->new_tier, sizeof out->new_tier, "%s",
             in->pack_now ? in->pack_now->tiers[0].code : "");
    snprintf(out->tier_why, sizeof out->tier_why, "joined");
    out->card_set = true;
    out->card = *card;
    out->card.known = true;
    out->card.uid = t->card;
    out->card.member = in->next_member;
    out->card.kind = t->card_kind ? t->card_kind : card->kind;
    out->card.status = card->known ? card->status : CARD_ACTIVE;
}

static void post_claim(struct work *w)
{
    const struct ledger_facts *in = w->in;
    char name[ENTRY_TEXT_SIZE];
    entry_text(name, in->t->original);
    if (!in->member.known)
        note(w, LEDGER_UNKNOWN_MEMBER, "M%" PRIu64, in->t->member);
    else if (!in->unclaimed)
        note(w, LEDGER_NOTHING_TO_CLAIM, "%s", name);
    else
        w->out->claim = true;
}

/* ---- head office's own ---- */

static void post_member(struct work *w)
{
    struct ledger_facts *in = w->in;
    const struct txn *t = in->t;
    if (in->member.known) {
        note(w, LEDGER_MEMBER_EXISTS, "M%" PRIu64, t->member);
        return;
    }
    w->out->new_member = true;
    w->out->tier_day = w->day;
    snprintf(w->out->new_tier, sizeof w->out->new_tier, "%s",
             in->pack_now ? pack_get_tier(in->pack_now, t->tier)->code : t->tier);
    snprintf(w->out->tier_why, sizeof w->out->tier_why, "enrolled");
}

static bool is_hot(const struct ledger_card *before, enum card_status status)
{
    enum card_status was = before->known ? before->status : CARD_ACTIVE;
    return was != status;
}

static void sweep(struct work *w, const struct ledger_card *card)
{
    if (points_n(card->purse) == 0 || !w->in->member.known)
        return;
    post_on(w, ACCOUNT_CARD, &card->uid, points_of(-points_n(card->purse)));
    post_on(w, ACCOUNT_HELD, &card->uid, card->purse);
}

static void post_card(struct work *w)
{
    struct ledger_facts *in = w->in;
    const struct txn *t = in->t;
    struct ledger_effects *out = w->out;
    const struct ledger_card *card = &in->card, *old = &in->other;
    bool replaces = uid_is(&t->replaces);
    char uid[UID_TEXT_SIZE];
    uid_text(uid, replaces ? &t->replaces : &t->card);
    if (card->known && card->status == CARD_REPLACED) {
        note(w, LEDGER_CARD_GONE, "%s", "");
        return;
    }
    if (card->known && card->member && t->member && card->member != t->member) {
        note(w, LEDGER_CARD_TAKEN, "M%" PRIu64, card->member);
        return;
    }
    if (t->member && !in->member.known) {
        note(w, LEDGER_UNKNOWN_MEMBER, "M%" PRIu64, t->member);
        return;
    }
    if (replaces && !old->known) {
        note(w, LEDGER_UNKNOWN_CARD, "%s", uid);
        return;
    }
    if (replaces && (old->member != in->member.id || uid_equal(&t->replaces, &t->card))) {
        note(w, LEDGER_CARD_TAKEN, "%s is of M%" PRIu64, uid, old->member);
        return;
    }
    if (replaces && old->status == CARD_REPLACED) {
        note(w, LEDGER_CARD_GONE, "%s", uid);
        return;
    }
    enum card_status status = t->card_status ? t->card_status
                              : card->known  ? card->status
                                             : CARD_ACTIVE;
    out->card_set = true;
    out->card = (struct ledger_card){true,
                                     t->card,
                                     t->member ? t->member : card->member,
                                     t->card_kind ? t->card_kind : card->kind,
                                     status,
                                     card->purse};
    out->card_hot = is_hot(card, status);
    if (status == CARD_REPLACED)
        sweep(w, card);
    if (replaces) {
        out->other_set = true;
        out->other = *old;
        out->other.status = CARD_REPLACED;
        out->other_hot = is_hot(old, CARD_REPLACED);
        sweep(w, old);
    }
}

static void post_adjust(struct work *w)
{
    struct ledger_facts *in = w->in;
    struct points points = in->t->points;
    if (!in->member.known) {
        note(w, LEDGER_UNKNOWN_MEMBER, "M%" PRIu64, in->t->member);
        return;
    }
    if (points_n(points) < 0) {
        post(w, ACCOUNT_ADJUSTED, ACCOUNT_HELD, points);
        take_points(w, CAUSE_ADJUST, w->day, points_of(-points_n(points)));
        return;
    }
    int32_t expires_day = in->pack_now ? rules_expiry_day(in->pack_now, w->day) : DAY_NEVER;
    (void)add_points(w, ACCOUNT_ADJUSTED, CAUSE_ADJUST, expires_day, points);
}

static void start(struct ledger_effects *out)
{
    /* The large arrays stay as they are: their counts say what of them holds. */
    out->posting_count = out->move_count = out->note_count = out->set_count = 0;
    out->hold_new = out->hold_set = false;
    out->unclaimed = out->claim = out->gift = out->gift_back = out->rating = false;
    out->new_intent = out->set_sale = out->counter = out->counter_before = false;
    out->redeemed.sale_position = 0;
    out->redeemed.points = points_of(0);
    out->sale = out->rated = out->refund = out->waits = out->refund_rated = false;
    out->sale_member = 0;
    out->points_rated = out->earned = out->clawed = out->let_go = out->points_back = points_of(0);
    out->counted = out->counted_back = out->given = money_of(0);
    out->lot_day = DAY_NEVER;
    out->pack_version = 0;
    out->tier[0] = out->why[0] = out->new_tier[0] = out->tier_why[0] = 0;
    out->return_count = 0;
    memset(&out->metric, 0, sizeof out->metric);
    out->tier_set = out->tier_moved = out->new_member = false;
    out->card_set = out->other_set = out->card_hot = out->other_hot = false;
}

void ledger_post(struct ledger_facts *in, struct ledger_effects *out)
{
    const struct txn *t = in->t;
    struct work w = {in, out, day_of_time(t->time_s)};
    start(out);
    check_clock(&w);
    switch (t->kind) {
    case TXN_SALE:
        post_sale(&w);
        break;
    case TXN_INTENT:
    case TXN_LOAD_INTENT:
        post_intent(&w);
        break;
    case TXN_CANCEL:
    case TXN_SETTLE:
        if (t->commit != COMMIT_NONE)
            post_commit(&w, t->redeemed);
        else if (txn_is_held(t))
            post_release(&w);
        break;
    case TXN_LOAD:
        post_commit(&w, t->points);
        break;
    case TXN_REFUND:
        post_refund(&w);
        break;
    case TXN_MEMBER:
        post_member(&w);
        break;
    case TXN_CARD:
        post_card(&w);
        break;
    case TXN_ADJUST:
        post_adjust(&w);
        break;
    case TXN_HOLD:
        post_hold(&w);
        break;
    case TXN_RELEASE:
        post_release(&w);
        break;
    case TXN_GRANT:
        post_grant(&w);
        break;
    case TXN_JOIN:
        post_join(&w);
        break;
    case TXN_RATING:
        post_rating(&w);
        break;
    case TXN_CLAIM:
        post_claim(&w);
        break;
    case TXN_RUN:
    case TXN_MERGE:
    case TXN_UNMERGE:
    case TXN_TRANSFER:
    case TXN_EXTEND:
    case TXN_OPENING:
    case TXN_TIER:
    case TXN_REDEEM:
    case TXN_RETURN:
    case TXN_RERATE:
        break;
    }
    drop_zeros(out);
}

void ledger_run(struct ledger_facts *in, int32_t day, struct ledger_effects *out)
{
    struct work w = {in, out, day};
    start(out);
    memset(&in->card, 0, sizeof in->card);
    expire(&w, day);
    if (in->pack_now)
        decide_tier(&w, in->metric, day, true);
    drop_zeros(out);
}
