/* ledger_card.c - commits on cards: announced, done or not, in doubt; and what head office says of a card.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "office/ledger/ledger_int.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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
        work_note(w, LEDGER_DONE_AFTER_ALL, "%s", name);
    if (proof == PROOF_DONE ? i->proof != PROOF_DONE
                            : proof != PROOF_NONE && i->proof == PROOF_NONE)
        i->proof = proof, i->how = how;
    i->outcome = outcome;
    keep_intent(w, i);
    if (!w->in->member.known)
        return;
    enum ledger_account to = ledger_place(i->load, i->proof, i->outcome);
    work_post(w, from, to, i->amount);
    if (to == ACCOUNT_REDEEMED && from != to && points_n(i->amount)) {
        work_take(w, CAUSE_REDEEM, day_of_time(i->time_s), i->amount);
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
        work_note(w, LEDGER_EVIDENCE_FAILS, "%s", in->evidence_why);
        return false;
    }
    if (in->counter_taken) {
        work_note(w, LEDGER_COUNTER_TAKEN, "transaction %" PRIu32, t->evidence.tmc);
        if (t->evidence.kind == CARD_EV2 && how_of(in) != HOW_READING)
            return false;
    }
    w->out->counter = !in->counter_taken;
    return t->evidence.kind == CARD_EV2 || outcome != OUTCOME_DROPPED || office;
}

/* SALE, CANCEL, SETTLE, LOAD: what became of the intent they name. */
void ledger_post_commit(struct work *w, struct points amount)
{
    struct ledger_facts *in = w->in;
    const struct txn *t = in->t;
    struct ledger_intent *i = &in->intent;
    char name[ENTRY_TEXT_SIZE];
    entry_text(name, t->original);
    settle_before(w);
    if (!i->known) {
        work_note(w, LEDGER_NO_INTENT, "%s", name);
        return;
    }
    if (!uid_equal(&i->card, &t->card) || points_cmp(i->amount, amount) != 0) {
        work_note(w, LEDGER_INTENT_DIFFERS, "%s announced %" PRId64 ", this says %" PRId64, name,
                  points_n(i->amount), points_n(amount));
        return;
    }
    enum ledger_outcome outcome = i->outcome;
    bool office = t->id.terminal == OFFICE_TERMINAL;
    if (t->kind == TXN_SALE && t->commit == COMMIT_DONE) {
        if (outcome == OUTCOME_DROPPED)
            work_note(w, LEDGER_OUTCOME_CHANGED, "%s is redeemed after all", name);
        outcome = OUTCOME_REWARDED;
    } else if (!office && outcome == OUTCOME_NONE) {
        outcome = OUTCOME_DROPPED;
    } else if (t->kind != TXN_SETTLE && outcome == OUTCOME_REWARDED) {
        work_note(w, LEDGER_OUTCOME_CHANGED, "%s had been redeemed", name);
    }
    w->out->set_sale = t->kind == TXN_SALE;
    enum ledger_proof proof = t->commit == COMMIT_NOT_DONE ? PROOF_NOT_DONE : PROOF_NONE;
    if (is_proved(w, outcome))
        proof = PROOF_DONE;
    if (t->kind == TXN_SALE && t->commit == COMMIT_DONE && in->card.status != CARD_ACTIVE)
        work_note(w, LEDGER_CARD_NOT_ACTIVE, "%s", ""); /* offline, before the till heard of it */
    settle(w, i, proof, how_of(in), outcome);
}

void ledger_post_intent(struct work *w)
{
    struct ledger_facts *in = w->in;
    const struct txn *t = in->t;
    bool load = t->kind == TXN_LOAD_INTENT;
    if (!in->card.known)
        work_note(w, LEDGER_UNKNOWN_CARD, "%s", "");
    w->out->new_intent = true;
    if (in->intent.known && !load) /* tried again: the card showed that the first was not done */
        settle(w, &in->intent, PROOF_NOT_DONE, HOW_TILL,
               in->intent.outcome ? in->intent.outcome : OUTCOME_DROPPED);
    if (load && in->member.known)
        work_post(w, ACCOUNT_HELD, ACCOUNT_TRANSIT, t->points);
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

static bool is_hot(const struct ledger_card *before, enum card_status status)
{
    enum card_status was = before->known ? before->status : CARD_ACTIVE;
    return was != status;
}

/* What the purse held goes to the member, at once or after the days in which a till that is cut off may still send
 * a redemption of it.  A load in doubt may put points onto the card later: they wait with the others. */
static void sweep(struct work *w, const struct ledger_card *card, int32_t n)
{
    const struct pack *pack = w->in->pack_now;
    if (!w->in->member.known)
        return;
    work_post_on(w, ACCOUNT_CARD, &card->uid, points_of(-points_n(card->purse)));
    work_post_on(w, ACCOUNT_HELD, &card->uid, card->purse);
    if (!pack || pack->replace_days == 0)
        return;
    struct ledger_vesting v = {.n = n, .card = card->uid, .day = w->day + pack->replace_days};
    work_vest(w, &v, points_n(card->purse) > 0 ? card->purse : points_of(0));
}

void ledger_post_card(struct work *w)
{
    struct ledger_facts *in = w->in;
    const struct txn *t = in->t;
    struct ledger_effects *out = w->out;
    const struct ledger_card *card = &in->card, *old = &in->other;
    bool replaces = uid_is(&t->replaces);
    char uid[UID_TEXT_SIZE];
    uid_text(uid, replaces ? &t->replaces : &t->card);
    if (card->known && card->status == CARD_REPLACED) {
        work_note(w, LEDGER_CARD_GONE, "%s", "");
        return;
    }
    if (card->known && card->member && t->member && card->member != in->member.id) {
        work_note(w, LEDGER_CARD_TAKEN, "M%" PRIu64, card->member);
        return;
    }
    if (t->member && !in->member.known) {
        work_note(w, LEDGER_UNKNOWN_MEMBER, "M%" PRIu64, t->member);
        return;
    }
    if (replaces && !old->known) {
        work_note(w, LEDGER_UNKNOWN_CARD, "%s", uid);
        return;
    }
    if (replaces && (old->member != in->member.id || uid_equal(&t->replaces, &t->card))) {
        work_note(w, LEDGER_CARD_TAKEN, "%s is of M%" PRIu64, uid, old->member);
        return;
    }
    if (replaces && old->status == CARD_REPLACED) {
        work_note(w, LEDGER_CARD_GONE, "%s", uid);
        return;
    }
    enum card_status status = t->card_status ? t->card_status
                              : card->known  ? card->status
                                             : CARD_ACTIVE;
    out->card_set = true;
    out->card = (struct ledger_card){true,
                                     t->card,
                                     t->member ? in->member.id : card->member,
                                     t->card_kind ? t->card_kind : card->kind,
                                     status,
                                     card->purse,
                                     card->owner};
    if (replaces) /* of a merged number the new card is what the old one was */
        out->card.owner = old->owner;
    else if (card->owner == 0)
        out->card.owner = t->member;
    out->card_hot = is_hot(card, status);
    if (status == CARD_REPLACED)
        sweep(w, card, 1);
    if (replaces) {
        out->other_set = true;
        out->other = *old;
        out->other.status = CARD_REPLACED;
        out->other_hot = is_hot(old, CARD_REPLACED);
        sweep(w, old, 2);
    }
}
