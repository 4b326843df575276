/* ledger.c - see ledger.h.  Which function posts which kind of entry; ledger_sale.c and its neighbours have them,
 * each a column of guards with a named answer, then what is posted.  ledger_work.c is what they share.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "office/ledger/ledger_int.h"

#include <inttypes.h>
#include <string.h>

const char *ledger_account_text(enum ledger_account account)
{
    static const char *const names[ACCOUNTS] = {"held",     "card",   "transit",
                                                "reserved", "pending", "issued", "redeemed",
                                                "expired",  "clawed", "adjusted", "moved"};
    return names[account];
}

const char *ledger_cause_text(enum ledger_cause cause)
{
    static const char *const names[] = {"earn",   "redeem", "return",   "claw",  "expire",   "adjust",
                                        "extend", "activity", "merge", "transfer", "opening", "rerate"};
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

static void check_clock(struct work *w)
{
    const struct ledger_facts *in = w->in;
    const struct txn *t = in->t;
    if (!in->pack_now || t->id.terminal == OFFICE_TERMINAL)
        return;
    int64_t skew_s = in->pack_now->clock_skew_s;
    if (t->time_s > in->received_s + skew_s)
        work_note(w, LEDGER_CLOCK_OFF, "%" PRId64 " s ahead of head office",
                  t->time_s - in->received_s);
    else if (in->clock_before_s && t->time_s < in->clock_before_s - skew_s)
        work_note(w, LEDGER_CLOCK_OFF, "%" PRId64 " s before the entry before",
                  in->clock_before_s - t->time_s);
}

void ledger_start(struct ledger_effects *out)
{
    /* The large arrays stay as they are: their counts say what of them holds. */
    out->posting_count = out->move_count = out->note_count = out->set_count = 0;
    out->hold_new = out->hold_set = false;
    out->desk_taken = out->desk_back = out->rerated = false;
    out->unclaimed = out->claim = out->gift = out->gift_back = out->rating = false;
    out->new_intent = out->set_sale = out->counter = out->counter_before = false;
    out->redeemed.sale_position = 0;
    out->redeemed.points = points_of(0);
    out->sale = out->rated = out->refund = out->waits = out->refund_rated = false;
    out->sale_member = 0;
    out->points_rated = out->earned = out->clawed = out->let_go = out->points_back = points_of(0);
    out->vest_count = 0;
    out->vested = false;
    out->counted = out->counted_back = out->given = money_of(0);
    out->lot_day = DAY_NEVER;
    out->pack_version = 0;
    out->tier[0] = out->why[0] = out->new_tier[0] = out->tier_why[0] = 0;
    out->return_count = 0;
    memset(&out->metric, 0, sizeof out->metric);
    memset(out->stamps, 0, sizeof out->stamps);
    out->stamped = NULL;
    out->hand_set = false;
    out->tier_set = out->tier_moved = out->new_member = false;
    out->card_set = out->other_set = out->card_hot = out->other_hot = false;
}

void ledger_post(struct ledger_facts *in, struct ledger_effects *out)
{
    const struct txn *t = in->t;
    struct work w = {in, out, day_of_time(t->time_s)};
    ledger_start(out);
    check_clock(&w);
    switch (t->kind) {
    case TXN_SALE:
        ledger_post_sale(&w);
        break;
    case TXN_INTENT:
    case TXN_LOAD_INTENT:
        ledger_post_intent(&w);
        break;
    case TXN_CANCEL:
    case TXN_SETTLE:
        if (t->piece)
            ledger_post_piece(&w);
        if (t->commit != COMMIT_NONE)
            ledger_post_commit(&w, t->redeemed);
        else if (txn_is_held(t))
            ledger_post_release(&w);
        break;
    case TXN_LOAD:
        ledger_post_commit(&w, t->points);
        break;
    case TXN_REFUND:
        ledger_post_refund(&w);
        break;
    case TXN_MEMBER:
        ledger_post_member(&w);
        break;
    case TXN_CARD:
        ledger_post_card(&w);
        break;
    case TXN_ADJUST:
        ledger_post_adjust(&w);
        break;
    case TXN_HOLD:
        ledger_post_hold(&w);
        break;
    case TXN_RELEASE:
        ledger_post_release(&w);
        break;
    case TXN_GRANT:
        ledger_post_grant(&w);
        break;
    case TXN_JOIN:
        ledger_post_join(&w);
        break;
    case TXN_RATING:
        ledger_post_rating(&w);
        break;
    case TXN_CLAIM:
        ledger_post_claim(&w);
        break;
    case TXN_EXTEND:
        ledger_post_extend(&w);
        break;
    case TXN_TIER:
        ledger_post_tier(&w);
        break;
    case TXN_OPENING:
        ledger_post_opening(&w);
        break;
    case TXN_REDEEM:
        ledger_post_redeem(&w);
        break;
    case TXN_RETURN:
        ledger_post_return(&w);
        break;
    case TXN_RERATE:
        ledger_post_rerate(&w);
        break;
    case TXN_RUN:
    case TXN_MERGE: /* of two members: ledger_merge.h */
    case TXN_UNMERGE:
    case TXN_TRANSFER:
        break;
    }
    work_drop_zeros(out);
}

void ledger_run(struct ledger_facts *in, int32_t day, struct ledger_effects *out)
{
    struct work w = {in, out, day};
    ledger_start(out);
    memset(&in->card, 0, sizeof in->card);
    out->vested = points_n(in->due) > 0;
    work_post(&w, ACCOUNT_PENDING, ACCOUNT_HELD, in->due);
    work_expire(&w, day);
    if (in->pack_now)
        work_decide_tier(&w, &in->sums, day, true);
    work_drop_zeros(out);
}
