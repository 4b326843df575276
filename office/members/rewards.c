/* rewards.c - see rewards.h: stock and prices, a redemption from the first word to the last.  vouchers.c has the codes.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/members/rewards.h"
#include "base/date.h"
#include "base/tr.h"
#include "office/books/books_int.h"
#include "office/books/rows.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

/* ---- the catalogue ---- */

/* Why a member cannot have it, "" = can; not whether the points are there. */
static const char *refusal(const struct pack *pack, const struct pack_reward *r, const struct pack_tier *tier,
                           const struct pieces *n, int32_t today)
{
    if (r->tiers && !(r->tiers & (1u << (tier - pack->tiers))))
        return TR_LATER("not in this tier");
    if (r->from_day && today < r->from_day)
        return TR_LATER("not yet");
    if (r->to_day && today > r->to_day)
        return TR_LATER("no longer");
    return pieces_refusal(r, n);
}

static const char *kind_name(enum pack_reward_kind kind)
{
    switch (kind) {
    case REWARD_MONEY:
        return "money";
    case REWARD_PERCENT:
        return "percent";
    case REWARD_ITEM:
        return "item";
    case REWARD_SLIDING:
        return "sliding";
    }
    return "?";
}

static json_t *day_or_null(int32_t day)
{
    char text[DAY_TEXT_SIZE];
    day_text(text, day);
    return day ? json_string(text) : json_null();
}

static json_t *row_of(const struct pack *pack, const struct pack_reward *r, const struct pack_tier *tier,
                      struct points price, struct money value, const struct pieces *n, struct points spendable,
                      int32_t today)
{
    int64_t missing = points_n(price) - points_n(spendable);
    const char *why = refusal(pack, r, tier, n, today);
    json_t *row = json_object();
    json_object_set_new(row, "reward", rows_text(r->code));
    json_object_set_new(row, "name", rows_text(*r->name ? r->name : r->code));
    json_object_set_new(row, "name_zh", rows_text(*r->name_zh ? r->name_zh : *r->name ? r->name : r->code));
    json_object_set_new(row, "kind", json_string(kind_name(r->kind)));
    json_object_set_new(row, "points", json_integer(points_n(price)));
    json_object_set_new(row, "value", money_minor(value) ? json_integer(money_minor(value)) : json_null());
    json_object_set_new(row, "item", rows_text(r->sku));
    json_object_set_new(row, "from", day_or_null(r->from_day));
    json_object_set_new(row, "to", day_or_null(r->to_day));
    json_object_set_new(row, "left", n->stock < 0 ? json_null() : json_integer(n->stock > n->gone ? n->stock - n->gone : 0));
    json_object_set_new(row, "per_member", r->per_member ? json_integer(r->per_member) : json_null());
    json_object_set_new(row, "had", json_integer(n->had));
    json_object_set_new(row, "missing", json_integer(missing > 0 ? missing : 0));
    json_object_set_new(row, "why", json_string(why));
    return row;
}

enum err rewards_list(struct books *b, member_id member, int64_t now_s, json_t *rows, struct errmsg *why)
{
    int32_t today = day_of_time(now_s);
    struct member_view m = {0};
    struct points spendable = points_of(INT64_MAX);
    const struct pack *pack = books_pack_on(b, today);
    enum err e = member ? books_member(b, member, &m, why) : OK;
    if (!e && member)
        e = books_spendable(b, member, now_s, &spendable, why);
    if (e || !pack)
        return e;
    const struct pack_tier *tier = pack_get_tier(pack, m.tier);
    for (int32_t i = 0; i < pack->reward_count && !e; i++) {
        const struct pack_reward *r = &pack->rewards[i];
        struct pieces n;
        e = books_pieces(b, r, member, &n, why);
        for (int32_t k = 0; k < r->step_count && !e; k++)
            json_array_append_new(rows, row_of(pack, r, tier, rules_reward_price(pack, r, k, m.tier), r->steps[k].value,
                                               &n, spendable, today));
        if (!e && r->kind != REWARD_SLIDING)
            json_array_append_new(rows, row_of(pack, r, tier, rules_reward_price(pack, r, 0, m.tier), r->value, &n,
                                               spendable, today));
    }
    return e;
}

enum err rewards_set_stock(struct books *b, const char *reward, int64_t stock, uint32_t user, int64_t now_s,
                           struct errmsg *why)
{
    const struct pack *pack = books_pack_on(b, day_of_time(now_s));
    const struct pack_reward *r = pack ? pack_find_reward(pack, reward) : NULL;
    if (!r)
        return err_set(why, ERR_NOT_FOUND, tr("the rules in force have no reward \"%s\""), reward);
    if (!r->stock)
        return err_set(why, ERR_STATE, tr("by the rules this reward is without end: give it a stock there first"));
    if (stock < 0 || stock > 1000000000)
        return err_set(why, ERR_RANGE, tr("a stock is 0 or more"));
    struct query q =
        query_text_of(b->store, "INSERT OR REPLACE INTO reward_stock (reward, stock, time_s, user) VALUES (?, ?, ?, ?)");
    query_text(&q, reward);
    query_int(&q, stock);
    query_int(&q, now_s);
    query_int(&q, user);
    return query_run(&q, why);
}

/* ---- one redemption ---- */

static const char *const states[] = {TR_LATER("open"), TR_LATER("taken"), TR_LATER("released"), TR_LATER("returned")};

static enum err read_one(struct query *q, int64_t id, struct redemption *out, struct errmsg *why)
{
    char state[12] = "";
    memset(out, 0, sizeof *out);
    bool found = query_row(q);
    if (found) {
        out->id = query_get_int(q);
        out->member = (member_id)query_get_int(q);
        query_get_text(q, out->reward, sizeof out->reward);
        out->points = points_of(query_get_int(q));
        query_get_text(q, state, sizeof state);
        out->until_s = query_get_int(q);
        out->hold.seq = (uint32_t)query_get_int(q);
        out->redeem.seq = (uint32_t)query_get_int(q);
        out->voucher = query_get_int(q) != 0;
        while (out->state < REDEMPTION_RETURNED && strcmp(state, states[out->state]) != 0)
            out->state++;
    }
    enum err e = query_done(q, why);
    return e || found ? e : err_set(why, ERR_NOT_FOUND, tr("there is no redemption %" PRId64), id);
}

#define ONE                                                                                        \
    "SELECT id, member, reward, points, state, until_s, hold_seq, redeem_seq,"                     \
    " EXISTS (SELECT 1 FROM voucher WHERE redemption = id) FROM redemption WHERE "

enum err rewards_get(struct books *b, int64_t id, struct redemption *out, struct errmsg *why)
{
    struct query q = query_text_of(b->store, ONE "id = ?");
    query_int(&q, id);
    return read_one(&q, id, out, why);
}

static enum err get_named(struct books *b, member_id member, const char *name, struct redemption *out,
                          struct errmsg *why)
{
    struct query q = query_text_of(b->store, ONE "member = ? AND name = ?");
    query_int(&q, (int64_t)member);
    query_text(&q, name);
    return read_one(&q, 0, out, why);
}

/* The price, as asked for: of a sliding reward one of its steps. */
static enum err price_asked(const struct pack *pack, const struct pack_reward *r, const char *tier, struct points asked,
                            struct points *out, struct errmsg *why)
{
    if (r->kind != REWARD_SLIDING) {
        *out = rules_reward_price(pack, r, 0, tier);
        return points_n(asked) == 0 || points_cmp(asked, *out) == 0
                   ? OK
                   : err_set(why, ERR_CONFLICT, tr("this reward costs %" PRId64 " points now"), points_n(*out));
    }
    for (int32_t i = 0; i < r->step_count; i++)
        if (points_cmp(asked, rules_reward_price(pack, r, i, tier)) == 0) {
            *out = asked;
            return OK;
        }
    return err_set(why, ERR_REFUSED, tr("this reward is not had for so many points"));
}

static enum err may_have(struct books *b, const struct reward_wanted *w, const struct pack *pack, int64_t now_s,
                         struct points *price, struct errmsg *why)
{
    struct member_view m;
    struct points spendable;
    struct pieces n;
    const struct pack_reward *r = pack_find_reward(pack, w->reward);
    if (!r)
        return err_set(why, ERR_NOT_FOUND, tr("the rules in force have no reward \"%s\""), w->reward);
    enum err e = books_member(b, w->member, &m, why);
    if (!e)
        e = books_pieces(b, r, w->member, &n, why);
    if (!e)
        e = books_spendable(b, w->member, now_s, &spendable, why);
    if (e)
        return e;
    const struct pack_tier *tier = pack_get_tier(pack, m.tier);
    const char *no = refusal(pack, r, tier, &n, day_of_time(now_s));
    if (*no)
        return err_set(why, ERR_REFUSED, "%s", tr(no));
    if ((e = price_asked(pack, r, m.tier, w->points, price, why)))
        return e;
    if (points_cmp(*price, spendable) > 0)
        return err_set(why, ERR_REFUSED, tr("it costs %" PRId64 " points; %" PRId64 " can be redeemed without the card"),
                       points_n(*price), points_n(spendable));
    int64_t limit = points_n(pack->second_factor_above);
    if (limit && points_n(*price) > limit && !w->factor)
        return err_set(why, ERR_AUTH, tr("so many points want the PIN"));
    return OK;
}

static enum err hold_points(struct books *b, const struct reward_wanted *w, struct points price, int64_t until_s,
                            int64_t now_s, struct entry_id *out, struct errmsg *why)
{
    struct txn *t = &b->own;
    memset(t, 0, sizeof *t);
    t->kind = TXN_HOLD;
    t->time_s = now_s;
    t->member = w->member;
    t->redeemed = price;
    t->until_s = until_s;
    t->user = w->user;
    snprintf(t->reward, sizeof t->reward, "%s", w->reward);
    snprintf(t->ref, sizeof t->ref, "%s", w->channel);
    enum err e = books_post_own(b, t, now_s, why);
    *out = t->id;
    return e;
}

enum err rewards_authorise(struct books *b, const struct reward_wanted *w, int64_t now_s, int64_t *id,
                           struct errmsg *why)
{
    struct redemption old;
    struct points price = points_of(0);
    struct entry_id hold;
    const struct pack *pack = books_pack_on(b, day_of_time(now_s));
    if (!*w->name || strlen(w->name) > REWARD_NAME_MAX)
        return err_set(why, ERR_FORMAT, tr("a redemption has a name of at most %d letters"), REWARD_NAME_MAX);
    if (!pack)
        return err_set(why, ERR_STATE, tr("no rules are in force yet"));
    enum err e = get_named(b, w->member, w->name, &old, why);
    if (!e) {
        *id = old.id;
        if (strcmp(old.reward, w->reward) != 0)
            return err_set(why, ERR_CONFLICT, tr("this name was given to another reward"));
        return old.state == REDEMPTION_OPEN && now_s <= old.until_s
                   ? OK
                   : err_set(why, ERR_STATE, tr("this redemption is %s"), old.state == REDEMPTION_OPEN ? tr("over") : tr(states[old.state]));
    }
    if (e == ERR_NOT_FOUND)
        e = may_have(b, w, pack, now_s, &price, why);
    int64_t until_s = now_s + (int64_t)pack->hold_minutes * 60;
    if (!e)
        e = hold_points(b, w, price, until_s, now_s, &hold, why);
    if (e)
        return e;
    struct query q = query_text_of(b->store, "INSERT INTO redemption (member, reward, points, state, made_s, until_s,"
                                             " name, hold_seq, channel, user)"
                                             " VALUES (?, ?, ?, 'open', ?, ?, ?, ?, ?, ?) RETURNING id");
    query_int(&q, (int64_t)w->member);
    query_text(&q, w->reward);
    query_int(&q, points_n(price));
    query_int(&q, now_s);
    query_int(&q, until_s);
    query_text(&q, w->name);
    query_int(&q, hold.seq);
    query_text(&q, w->channel);
    query_int(&q, w->user);
    if (query_row(&q))
        *id = query_get_int(&q);
    return query_done(&q, why);
}

/* redeem, given_back: the entry, 0 = as it is. */
static enum err set_state(struct books *b, int64_t id, enum redemption_state state, uint32_t redeem, uint32_t given_back,
                          struct errmsg *why)
{
    struct query q = query_text_of(b->store, "UPDATE redemption SET state = ?2, redeem_seq = coalesce(?3, redeem_seq),"
                                             " return_seq = coalesce(?4, return_seq) WHERE id = ?1");
    query_int(&q, id);
    query_text(&q, states[state]);
    if (redeem)
        query_int(&q, redeem);
    else
        query_null(&q);
    if (given_back)
        query_int(&q, given_back);
    else
        query_null(&q);
    return query_run(&q, why);
}

/* In vouchers.c. */
enum err voucher_make(struct books *b, const struct known_keys *keys, int64_t id, int64_t now_s, struct errmsg *why);

enum err rewards_confirm(struct books *b, const struct known_keys *keys, int64_t id, bool voucher, uint32_t user,
                         int64_t now_s, struct errmsg *why)
{
    struct redemption r;
    struct txn *t = &b->own;
    enum err e = rewards_get(b, id, &r, why);
    if (e)
        return e;
    if (r.state == REDEMPTION_TAKEN && r.voucher == voucher)
        return OK;
    if (r.state != REDEMPTION_OPEN)
        return err_set(why, ERR_STATE, tr("this redemption is %s"), tr(states[r.state]));
    if (now_s > r.until_s)
        return err_set(why, ERR_STATE, tr("the points were set aside too long ago and are let go: begin anew"));
    memset(t, 0, sizeof *t);
    t->kind = TXN_REDEEM;
    t->time_s = now_s;
    t->member = r.member;
    t->original = r.hold;
    t->redeemed = r.points;
    t->user = user;
    memcpy(t->reward, r.reward, sizeof t->reward);
    snprintf(t->reason, sizeof t->reason, "%s %s", voucher ? "voucher for" : "reward", r.reward);
    e = books_post_own(b, t, now_s, why);
    if (!e)
        e = set_state(b, id, REDEMPTION_TAKEN, t->id.seq, 0, why);
    return !e && voucher ? voucher_make(b, keys, id, now_s, why) : e;
}

enum err rewards_release(struct books *b, int64_t id, uint32_t user, int64_t now_s, struct errmsg *why)
{
    struct redemption r;
    struct ledger_hold hold;
    struct txn *t = &b->own;
    enum err e = rewards_get(b, id, &r, why);
    if (e || r.state == REDEMPTION_RELEASED)
        return e;
    if (r.state != REDEMPTION_OPEN)
        return err_set(why, ERR_STATE, tr("this redemption is %s"), tr(states[r.state]));
    e = books_load_hold(b, r.hold.seq, &hold, why);
    if (!e && hold.state == HOLD_OPEN) { /* else its time had run out */
        memset(t, 0, sizeof *t);
        t->kind = TXN_RELEASE;
        t->time_s = now_s;
        t->member = r.member;
        t->original = r.hold;
        t->user = user;
        e = books_post_own(b, t, now_s, why);
    }
    return e ? e : set_state(b, id, REDEMPTION_RELEASED, 0, 0, why);
}

enum err rewards_give_back(struct books *b, int64_t id, const char *reason, uint32_t user, int64_t now_s,
                           struct errmsg *why)
{
    struct redemption r;
    struct txn *t = &b->own;
    bool used = false;
    enum err e = rewards_get(b, id, &r, why);
    if (e)
        return e;
    if (!*reason || strlen(reason) >= TXN_REASON_SIZE)
        return err_set(why, ERR_FORMAT, tr("say why, in at most %d bytes"), TXN_REASON_SIZE - 1);
    if (r.state != REDEMPTION_TAKEN)
        return err_set(why, ERR_STATE, tr("this redemption is %s"), tr(states[r.state]));
    struct query q = query_text_of(b->store, "UPDATE voucher SET state = 'returned' WHERE redemption = ?"
                                             " AND state = 'good' RETURNING 1");
    query_int(&q, id);
    used = r.voucher && !query_row(&q);
    if ((e = query_done(&q, why)))
        return e;
    if (used)
        return err_set(why, ERR_STATE, tr("the voucher was used"));
    memset(t, 0, sizeof *t);
    t->kind = TXN_RETURN;
    t->time_s = now_s;
    t->member = r.member;
    t->original = r.redeem;
    t->redeemed = r.points;
    t->user = user;
    snprintf(t->reason, sizeof t->reason, "%s", reason);
    e = books_post_own(b, t, now_s, why);
    return e ? e : set_state(b, id, REDEMPTION_RETURNED, 0, t->id.seq, why);
}

enum err rewards_redemptions(struct books *b, member_id member, int64_t now_s, int32_t limit, json_t *rows,
                             struct errmsg *why)
{
    struct query q = query_text_of(
        b->store, "SELECT r.id, r.member, r.reward, r.points,"
                  " iif(r.state = 'open' AND r.until_s < ?2, 'released', r.state), r.made_s,"
                  " iif(r.state = 'open', r.until_s, 0), r.channel, r.user,"
                  " iif(v.state = 'good' AND v.last_day < ?2 / 86400, 'ended', v.state), v.last_day"
                  " FROM redemption r LEFT JOIN voucher v ON v.redemption = r.id"
                  " WHERE ?1 = 0 OR r.member = ?1 ORDER BY r.id DESC LIMIT ?3");
    query_int(&q, (int64_t)member);
    query_int(&q, now_s);
    query_int(&q, limit);
    return rows_of(&q, "id:int member:member reward:text points:points state:text time:time until:time channel:text"
                       " user:int voucher:text last_day:day", rows, why);
}
