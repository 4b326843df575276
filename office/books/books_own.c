/* books_own.c - head office's own entries: points set aside for a sale, loads of cards, what a reading proves.
 * See books.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "base/tr.h"
#include "office/books/books_int.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TIER_VALID_DAYS = 366, TIER_RENEW_DAYS = 183 };

/* A LOAD_INTENT that may not be: its number is another's, or the points are gone. */
static enum err refuse_load(struct books *b, const struct txn *t, struct errmsg *why)
{
    struct ledger_card card;
    struct ledger_intent other;
    struct member_view m;
    if (t->kind != TXN_LOAD_INTENT)
        return OK;
    enum err e = books_find_intent(b, Q_INTENT_NAMED, txn_commit_name(t), &other, why);
    if (!e && other.known)
        return err_set(why, ERR_EXISTS, "load %" PRIu32 " is another one", t->load);
    if (!e)
        e = books_load_card(b, &t->card, &card, why);
    if (e || points_n(t->points) <= 0)
        return e;
    if (!card.known || card.member == 0)
        return err_set(why, ERR_STATE, "the card is of no member");
    if ((e = books_member(b, card.member, &m, why)))
        return e;
    if (points_cmp(t->points, m.held) > 0)
        return err_set(why, ERR_STATE,
                       "%" PRId64 " points are to be loaded, %" PRId64 " are held by now",
                       points_n(t->points), points_n(m.held));
    return OK;
}

/* A HOLD of more than there is. */
static enum err refuse_hold(struct books *b, const struct txn *t, struct errmsg *why)
{
    struct points most;
    if (t->kind != TXN_HOLD)
        return OK;
    enum err e = books_spendable(b, t->member, t->time_s, &most, why);
    if (!e && points_cmp(t->redeemed, most) > 0)
        e = err_set(why, ERR_STATE, "%" PRId64 " points are to be set aside, %" PRId64 " are there",
                    points_n(t->redeemed), points_n(most));
    return e;
}

/* ---- pieces of a reward ---- */

enum err books_pieces(struct books *b, const struct pack_reward *reward, member_id member, struct pieces *out,
                      struct errmsg *why)
{
    *out = (struct pieces){.stock = reward->stock ? reward->stock : -1};
    enum err e = member ? books_survivor(b, member, &member, why) : OK;
    if (e)
        return e;
    struct query q = query_text_of(b->store, "SELECT (SELECT stock FROM reward_stock WHERE reward = ?1), count(*),"
                                             " coalesce(sum(member = ?2), 0) FROM piece WHERE reward = ?1"
                                             " AND place IN ('set aside', 'given')");
    query_text(&q, reward->code);
    query_int(&q, (int64_t)member);
    if (query_row(&q)) {
        bool said = !query_is_null(&q) && reward->stock;
        int64_t stock = query_get_int(&q);
        if (said)
            out->stock = stock;
        out->gone = query_get_int(&q);
        out->had = query_get_int(&q);
    }
    return query_done(&q, why);
}

const char *pieces_refusal(const struct pack_reward *reward, const struct pieces *pieces)
{
    if (pieces->stock >= 0 && pieces->gone >= pieces->stock)
        return TR_LATER("none is left");
    if (reward->per_member && pieces->had >= reward->per_member)
        return TR_LATER("this member had as many as one may have");
    return "";
}

/* Whoever asks, till or desk: in the transaction of the HOLD, so that the last piece is set aside once. */
static enum err refuse_piece(struct books *b, const struct txn *t, struct errmsg *why)
{
    const struct pack *pack = books_pack_on(b, day_of_time(t->time_s));
    const struct pack_reward *r = pack && t->kind == TXN_HOLD && *t->reward ? pack_find_reward(pack, t->reward) : NULL;
    struct pieces pieces;
    if (!r || !(r->stock || r->per_member))
        return OK;
    enum err e = books_pieces(b, r, t->member, &pieces, why);
    const char *no = e ? "" : pieces_refusal(r, &pieces);
    return *no ? err_set(why, ERR_REFUSED, "%s", tr(no)) : e;
}

enum err books_post_own(struct books *b, struct txn *t, int64_t now_s, struct errmsg *why)
{
    uint8_t hash[WIRE_HASH_SIZE];
    struct buf entry = BUF_ON(b->bytes);
    enum post_result result = POST_GAP;
    bool own = !store_office_is_open(b->store);
    enum err e = own ? books_begin(b, why) : OK;
    if (e)
        return e;
    t->id.terminal = OFFICE_TERMINAL;
    if (t->time_s == 0)
        t->time_s = now_s;
    e = books_next_seq(b, OFFICE_TERMINAL, &t->id.seq, hash, why);
    if (!e)
        e = txn_check(t, why);
    if (!e)
        e = refuse_load(b, t, why);
    if (!e)
        e = refuse_hold(b, t, why);
    if (!e)
        e = refuse_piece(b, t, why);
    if (!e)
        e = books_refuse_pair(b, t, why);
    if (!e)
        e = books_refuse_desk(b, t, now_s, why);
    if (!e)
        e = wire_encode_txn(&entry, t, why);
    if (!e)
        e = books_post(b, t, buf_bytes(&entry), now_s, &result, why);
    assert(e || result == POST_NEW);
    if (own && e)
        books_rollback(b);
    return own && !e ? books_commit(b, why) : e;
}

/* ---- points set aside ---- */

enum err books_spendable(struct books *b, member_id member, int64_t now_s, struct points *out,
                         struct errmsg *why)
{
    struct member_view m;
    int64_t good = 0;
    enum err e = books_survivor(b, member, &member, why);
    if (!e)
        e = books_member(b, member, &m, why);
    if (e)
        return e;
    struct query q = query_of(b->store, Q_LOTS_GOOD);
    query_int(&q, (int64_t)member);
    query_int(&q, day_of_time(now_s));
    if (query_row(&q))
        good = query_get_int(&q);
    good -= points_n(m.pending); /* lots know nothing of what is pending: the good ones are, to be safe */
    int64_t most = points_n(m.held) < good ? points_n(m.held) : good;
    most -= points_n(m.owed); /* both are far from the ends of int64: rules/lots.c */
    *out = points_of(most > 0 ? most : 0);
    return query_done(&q, why);
}

enum err books_hold_named(struct books *b, uint32_t terminal, const char *name,
                          struct hold_view *out, struct errmsg *why)
{
    struct ledger_hold h = {0};
    int64_t until_s = 0;
    struct query q = query_of(b->store, Q_HOLD_NAMED);
    query_int(&q, terminal);
    query_text(&q, name);
    if (query_row(&q))
        books_read_hold(&q, &h, &until_s);
    enum err e = query_done(&q, why);
    if (!e && !h.known)
        e = err_set(why, ERR_NOT_FOUND, "nothing was set aside as %s", name);
    if (!e) {
        *out = (struct hold_view){.entry = h.id, .member = h.member, .points = h.amount, .until_s = until_s,
                                  .open = h.state == HOLD_OPEN};
        memcpy(out->reward, h.reward, sizeof out->reward);
    }
    return e;
}

/* The hold of this name, if the till has asked before: ERR_NOT_FOUND if it has not. */
static enum err hold_again(struct books *b, const struct hold_wanted *w, struct hold_view *out,
                           struct errmsg *why)
{
    char name[ENTRY_TEXT_SIZE];
    member_id member = w->member;
    enum err e = books_hold_named(b, w->terminal, w->name, out, why);
    if (!e)
        e = books_survivor(b, w->member, &member, why);
    if (e)
        return e;
    entry_text(name, out->entry);
    if (out->member != member || points_cmp(out->points, w->points) != 0 ||
        strcmp(out->reward, w->reward ? w->reward : "") != 0)
        return err_set(why, ERR_CONFLICT, "%s of this name is of other points", name);
    return out->open ? OK : err_set(why, ERR_STATE, "%s was redeemed or let go before", name);
}

/* What the programme says, by the same rules as at the till (I6). */
static enum err refuse_redemption(struct books *b, const struct hold_wanted *w, int64_t now_s,
                                  const struct pack *pack, struct errmsg *why)
{
    struct member_view m;
    struct money value;
    member_id member = w->member;
    enum err e = books_survivor(b, w->member, &member, why);
    if (!e)
        e = books_member(b, member, &m, why);
    struct reward reward;
    struct redeem_facts facts = {
        .tier = m.tier, .online = true, .alone = true, .day = day_of_time(now_s), .counted = true};
    bool piece = w->means == MEANS_CARD && points_n(w->points) == 0; /* what the card holds the till sees */
    facts.purse = points_of(INT64_MAX);
    if (!e && !piece)
        e = books_spendable(b, w->member, now_s, &facts.purse, why);
    if (e)
        return e;
    enum means_answer means = rules_means_may(pack, w->means, true, w->points, w->factor);
    if (means != MEANS_MAY)
        return err_set(why, ERR_AUTH, "%s", means_answer_text(means));
    enum redeem_answer answer = w->reward && *w->reward
                                    ? rules_reward(pack, w->reward, &facts, w->points, &reward)
                                    : rules_redeem(pack, &facts, w->points, &value);
    if (answer == REDEEM_NOTHING_HELD || answer == REDEEM_ABOVE_PURSE)
        return err_set(why, ERR_REFUSED,
                       "only %" PRId64 " points can be redeemed here without the card",
                       points_n(facts.purse));
    return answer == REDEEM_OK ? OK : err_set(why, ERR_REFUSED, "%s", redeem_answer_text(answer));
}

static enum err hold(struct books *b, const struct hold_wanted *w, int64_t now_s,
                     struct hold_view *out, struct errmsg *why)
{
    struct txn *t = &b->own;
    const struct pack *pack = books_pack_on(b, day_of_time(now_s));
    if (!pack)
        return err_set(why, ERR_STATE, "no rules are in force yet");
    if (!*w->name)
        return err_set(why, ERR_FORMAT, "a hold needs a name");
    enum err e = hold_again(b, w, out, why);
    if (e != ERR_NOT_FOUND)
        return e;
    e = refuse_redemption(b, w, now_s, pack, why);
    if (e)
        return e;
    memset(t, 0, sizeof *t);
    t->kind = TXN_HOLD;
    t->time_s = now_s;
    t->member = w->member;
    t->redeemed = w->points;
    t->means = w->means;
    t->approved_by = w->approved_by;
    t->original.terminal = w->terminal;
    t->until_s = now_s + (int64_t)pack->hold_minutes * 60;
    snprintf(t->ref, sizeof t->ref, "%s", w->name);
    snprintf(t->reward, sizeof t->reward, "%s", w->reward ? w->reward : "");
    e = books_post_own(b, t, now_s, why);
    if (!e)
        *out = (struct hold_view){
            .entry = t->id, .member = b->facts.member.id, .points = t->redeemed, .until_s = t->until_s, .open = true};
    return e;
}

enum err books_hold(struct books *b, const struct hold_wanted *wanted, int64_t now_s,
                    struct hold_view *out, struct errmsg *why)
{
    bool own = !store_office_is_open(b->store);
    enum err e = own ? books_begin(b, why) : OK;
    if (e)
        return e;
    e = hold(b, wanted, now_s, out, why);
    if (own && e)
        books_rollback(b);
    return own && !e ? books_commit(b, why) : e;
}

static enum err release_one(struct books *b, int64_t now_s, bool *any, struct errmsg *why)
{
    struct ledger_hold h;
    struct txn *t = &b->own;
    uint32_t seq = 0;
    struct query q = query_of(b->store, Q_HOLD_DUE);
    query_int(&q, now_s);
    if ((*any = query_row(&q)))
        seq = (uint32_t)query_get_int(&q);
    enum err e = query_done(&q, why);
    if (!e && *any)
        e = books_load_hold(b, seq, &h, why);
    if (e || !*any)
        return e;
    memset(t, 0, sizeof *t);
    t->kind = TXN_RELEASE;
    t->time_s = now_s;
    t->member = h.member;
    t->original = h.id;
    return books_post_own(b, t, now_s, why);
}

enum err books_release_due(struct books *b, int64_t now_s, int32_t *count, struct errmsg *why)
{
    bool own = !store_office_is_open(b->store), any = true;
    enum err e = own ? books_begin(b, why) : OK;
    if (e)
        return e;
    for (*count = 0; any && !e; *count += any)
        e = release_one(b, now_s, &any, why);
    if (own && e)
        books_rollback(b);
    return own && !e ? books_commit(b, why) : e;
}

/* ---- a load ---- */

/* Head office's own SETTLE or LOAD of an intent, from what the card shows. */
static enum err settle_by_reading(struct books *b, const struct card_seen *seen, struct entry_id id,
                                  int64_t now_s, struct errmsg *why)
{
    struct ledger_intent intent;
    struct txn_evidence complete = {0};
    int64_t position;
    struct txn *t = &b->own;
    enum err e = books_load_intent(b, id, &intent, why);
    if (!e)
        e = books_load_entry(b, id, &b->original, &position, why);
    if (e)
        return e;
    enum txn_commit verdict = card_judge(seen, intent.name, &b->original.evidence, &complete);
    if (verdict != COMMIT_DONE && verdict != COMMIT_NOT_DONE)
        return OK;
    memset(t, 0, sizeof *t);
    t->kind = intent.load ? TXN_LOAD : TXN_SETTLE;
    t->time_s = now_s;
    t->card = seen->uid;
    t->member = b->original.member;
    t->original = id;
    t->points = intent.load ? intent.amount : points_of(0);
    t->redeemed = intent.load ? points_of(0) : intent.amount;
    t->commit = verdict;
    if (verdict == COMMIT_DONE)
        t->evidence = complete;
    return books_post_own(b, t, now_s, why);
}

static bool has_gap(struct books *b, const struct card_seen *seen)
{
    bool gap = seen->has_tmc;
    struct query q = query_text_of(b->store, "SELECT tmc_last, missing FROM tmc_gap WHERE uid = ?");
    query_uid(&q, &seen->uid);
    if (seen->has_tmc && query_row(&q)) {
        int64_t last = query_get_int(&q);
        gap = last != seen->tmc || query_get_int(&q) != 0;
    }
    return query_done(&q, NULL) || gap;
}

/* Points on the card that the books do not have there, and no load in doubt explains.  A till can write a
 * log record, or name an entry, of a debit that it did not do; what head office gave back for that is then
 * here a second time.  So the purse is never brought above what the books say (I5). */
static enum err surplus_of(struct books *b, const struct card_seen *seen,
                           const struct card_view *card, int64_t *surplus, struct errmsg *why)
{
    struct query q =
        query_text_of(b->store, "SELECT coalesce(sum(amount), 0) FROM intent"
                                " WHERE uid = ? AND load AND proof = 0 AND amount > 0");
    *surplus = seen->purse - points_n(card->purse);
    query_uid(&q, &seen->uid);
    if (query_row(&q))
        *surplus -= query_get_int(&q);
    if (*surplus < 0)
        *surplus = 0; /* fewer than the books say: a till has still to send what it took off */
    return query_done(&q, why);
}

static void plan(struct books *b, const struct card_seen *seen, const struct card_view *card,
                 const struct member_view *m, int64_t surplus, int32_t today, struct load_plan *out)
{
    int64_t held = points_n(m->held) - surplus, delta = 0;
    const struct pack *pack = books_pack_on(b, today);
    const struct card_profile *on = &seen->profile;
    struct card_profile *p = &out->profile;
    p->member = card->member;
    p->layout = CARD_LAYOUT;
    p->flags = card->status == CARD_ACTIVE ? 0 : CARD_FLAG_BLOCKED;
    snprintf(p->tier, sizeof p->tier, "%s", m->tier);
    p->tier_valid_day = on->tier_valid_day;
    bool lowest = !pack || strcmp(m->tier, pack->tiers[0].code) == 0;
    bool renew =
        strcmp(on->tier, p->tier) != 0 || (!lowest && on->tier_valid_day < today + TIER_RENEW_DAYS);
    if (renew)
        p->tier_valid_day = today + TIER_VALID_DAYS;
    if (card->status == CARD_REPLACED)
        delta = -(int64_t)seen->purse;
    else if (held < 0)
        delta = -held < seen->purse ? held : -(int64_t)seen->purse;
    else if (card->status == CARD_ACTIVE)
        delta = held < INT32_MAX - seen->purse ? held : INT32_MAX - seen->purse;
    out->delta = (int32_t)delta;
    out->needed = delta != 0 || renew || on->member != p->member || on->flags != p->flags ||
                  on->layout != p->layout;
}

enum err books_plan_load(struct books *b, const struct card_seen *seen, int64_t now_s,
                         struct load_plan *out, struct errmsg *why)
{
    struct card_view card;
    struct member_view member = {0};
    struct entry_id open[16];
    int32_t open_count = 0;
    int64_t surplus = 0;
    memset(out, 0, sizeof *out);
    enum err e = books_card(b, &seen->uid, &card, why);
    if (e)
        return e;
    struct query q = query_of(b->store, Q_INTENTS_OPEN);
    query_uid(&q, &seen->uid);
    while (open_count < 16 && query_row(&q)) {
        open[open_count].terminal = (uint32_t)query_get_int(&q);
        open[open_count++].seq = (uint32_t)query_get_int(&q);
    }
    e = query_done(&q, why);
    for (int32_t i = 0; i < open_count && !e; i++)
        e = settle_by_reading(b, seen, open[i], now_s, why);
    if (!e)
        e = books_card(b, &seen->uid, &card, why);
    if (!e && card.member)
        e = books_member(b, card.member, &member, why);
    if (!e)
        e = surplus_of(b, seen, &card, &surplus, why);
    if (e)
        return e;
    plan(b, seen, &card, &member, surplus, day_of_time(now_s), out);
    if (card.status != CARD_REPLACED && points_n(card.purse) != seen->purse)
        snprintf(out->note, sizeof out->note,
                 "the card shows %" PRId32 " points, the books %" PRId64 "%s", seen->purse,
                 points_n(card.purse),
                 entry_is(card.open_intent) ? ": an intent is in doubt"
                 : has_gap(b, seen)         ? ": a till has not sent everything"
                                            : ": nothing explains it");
    return OK;
}
