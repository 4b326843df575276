/* receipts.c - see receipts.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/members/receipts.h"
#include "base/date.h"
#include "base/tr.h"
#include "office/books/books_int.h"
#include "office/books/rows.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum err receipts_find(struct books *b, const char *text, json_t *rows, struct errmsg *why)
{
    struct entry_id id;
    char found[ENTRY_TEXT_SIZE + 2];
    enum err e = OK;
    text += strspn(text, " ");
    if (!*text)
        return err_set(why, ERR_FORMAT, tr("type the number of a receipt"));
    snprintf(found, sizeof found, "%s", text);
    for (char *p = found; *p; p++)
        *p = *p == 't' ? 'T' : *p;
    if (entry_parse(&id, found))
        id = (struct entry_id){0};
    struct query q = query_text_of(b->store, "SELECT s.terminal, s.seq, e.time_s, s.shop, s.member, s.total, s.earned,"
                                             " s.redeemed, e.bytes FROM sale s JOIN entry e USING (position)"
                                             " WHERE ?1 = 0 OR (s.terminal = ?1 AND s.seq = ?2) ORDER BY position DESC LIMIT 50000");
    query_int(&q, id.terminal);
    query_int(&q, id.seq);
    while (!e && json_array_size(rows) < RECEIPT_FOUND_MAX && query_row(&q)) {
        char entry[ENTRY_TEXT_SIZE], time[TIME_TEXT_SIZE], shop[TXN_NAME_SIZE], member[MEMBER_TEXT_SIZE];
        struct entry_id sale = {.terminal = (uint32_t)query_get_int(&q)};
        sale.seq = (uint32_t)query_get_int(&q);
        entry_text(entry, sale);
        time_text(time, query_get_int(&q));
        query_get_text(&q, shop, sizeof shop);
        member_id whose = (member_id)query_get_int(&q);
        member_text(member, whose);
        json_int_t total = query_get_int(&q), earned = query_get_int(&q), redeemed = query_get_int(&q);
        e = wire_decode_txn(&b->waiting, query_get_blob(&q), why);
        if (e || (!entry_is(id) && strcmp(b->waiting.ref, text) != 0))
            continue;
        json_array_append_new(rows, json_pack("{s:s, s:s, s:o, s:o, s:I, s:I, s:I, s:o}", "receipt", entry, "time", time,
                                              "shop", rows_text(shop), "member",
                                              whose ? json_string(member) : json_null(), "total", total, "earned",
                                              earned, "redeemed", redeemed, "register", rows_text(b->waiting.ref)));
    }
    enum err ended = query_done(&q, why);
    return e ? e : ended;
}

/* The sale's entry into b->original, and of each line what is left. */
struct receipt {
    int64_t position;
    member_id member;
    int32_t left[TXN_LINES_MAX];
    struct money given; /* money given back without goods */
};

static enum err load(struct books *b, struct entry_id sale, struct receipt *r, struct errmsg *why)
{
    struct txn *t = &b->original;
    char name[ENTRY_TEXT_SIZE];
    entry_text(name, sale);
    enum err e = books_load_entry(b, sale, t, &r->position, why);
    if (e == ERR_NOT_FOUND || (!e && t->kind != TXN_SALE))
        return err_set(why, ERR_NOT_FOUND, tr("%s is no receipt here"), name);
    if (e)
        return e;
    struct query q = query_text_of(b->store, "SELECT member, (SELECT coalesce(sum(given), 0) FROM refund"
                                             " WHERE sale_position = ?1) FROM sale WHERE position = ?1");
    query_int(&q, r->position);
    r->member = query_row(&q) ? (member_id)query_get_int(&q) : 0;
    r->given = money_of(query_get_int(&q));
    if ((e = query_done(&q, why)))
        return e;
    for (int32_t i = 0; i < t->line_count; i++)
        r->left[i] = t->lines[i].quantity;
    q = query_text_of(b->store, "SELECT line, sum(quantity) FROM sale_return WHERE sale_position = ? GROUP BY line");
    query_int(&q, r->position);
    while (query_row(&q)) {
        int64_t line = query_get_int(&q);
        if (line >= 0 && line < t->line_count)
            r->left[line] -= (int32_t)query_get_int(&q);
    }
    return query_done(&q, why);
}

enum err receipts_show(struct books *b, struct entry_id sale, json_t *out, struct errmsg *why)
{
    struct receipt r;
    const struct txn *t = &b->original;
    json_t *lines = json_array(), *refunds = json_array();
    json_object_set_new(out, "lines", lines);
    json_object_set_new(out, "refunds", refunds);
    enum err e = load(b, sale, &r, why);
    if (e)
        return e;
    for (int32_t i = 0; i < t->line_count; i++)
        json_array_append_new(lines, json_pack("{s:o, s:o, s:i, s:I, s:i}", "item", rows_text(t->lines[i].sku),
                                               "category", rows_text(t->lines[i].category), "quantity",
                                               (int)t->lines[i].quantity, "amount",
                                               (json_int_t)money_minor(t->lines[i].amount), "left", (int)r.left[i]));
    json_object_set_new(out, "register", rows_text(t->ref));
    struct query q = query_text_of(
        b->store, "SELECT s.terminal, s.seq, e.time_s, s.terminal, s.shop, s.member, s.total, s.earned, s.redeemed,"
                  " s.redeemed_value, s.redeemed_back, s.why FROM sale s JOIN entry e USING (position) WHERE position = ?");
    query_int(&q, r.position);
    e = rows_one(&q, "receipt:entry time:time till:int shop:text member:member total:money earned:points redeemed:points"
                     " redeemed_value:money redeemed_back:points why:text", out, why);
    if (e)
        return e == ERR_NOT_FOUND ? err_set(why, e, tr("this sale is not posted")) : e;
    q = query_text_of(b->store, "SELECT e.terminal, e.seq, e.time_s, f.total, f.clawed, f.points_back, f.let_go, f.why"
                                " FROM refund f JOIN entry e USING (position) WHERE f.sale_position = ? ORDER BY position");
    query_int(&q, r.position);
    return rows_of(&q, "entry:entry time:time total:money clawed:points points_back:points let_go:points why:text",
                   refunds, why);
}

/* ---- what would a refund do? ---- */

/* The REFUND a till would write now, into t. */
static enum err make_refund(struct books *b, const struct receipt *r, const int32_t *pieces, int32_t count, int64_t now_s,
                            struct txn *t, struct errmsg *why)
{
    const struct txn *o = &b->original;
    struct money left_amount[TXN_LINES_MAX];
    uint8_t hash[32];
    (void)rules_money_left(o->lines, o->line_count, r->left, r->given, left_amount);
    memset(t, 0, sizeof *t);
    t->kind = TXN_REFUND;
    t->id.terminal = o->id.terminal;
    t->time_s = now_s;
    t->member = o->member;
    t->card = o->card;
    memcpy(t->shop, o->shop, sizeof t->shop);
    t->pack_version = o->pack_version;
    t->original = o->id;
    for (int32_t i = 0; i < o->line_count; i++) {
        int32_t n = count ? (i < count ? pieces[i] : 0) : r->left[i];
        int64_t amount = 0;
        if (n < 0 || n > r->left[i])
            return err_set(why, ERR_RANGE, tr("of line %d at most %d can come back"), (int)i + 1, (int)r->left[i]);
        if (n == 0)
            continue;
        if (!ratio_floor(&amount, money_minor(left_amount[i]), n, r->left[i]))
            return err_set(why, ERR_RANGE, tr("line %d: the amount is beyond all numbers"), (int)i + 1);
        t->lines[t->line_count] = o->lines[i];
        t->lines[t->line_count].quantity = n;
        t->lines[t->line_count++].amount = money_of(amount);
        if (!money_add(&t->total, t->total, money_of(amount)))
            return err_set(why, ERR_RANGE, tr("the sum is beyond all numbers"));
    }
    if (t->line_count == 0)
        return err_set(why, ERR_STATE, tr("nothing of this receipt is left to come back"));
    return books_next_seq(b, t->id.terminal, &t->id.seq, hash, why);
}

static enum err post_and_look(struct books *b, const struct txn *t, member_id member, int64_t now_s, json_t *out,
                              struct errmsg *why)
{
    static uint8_t bytes[WIRE_ENTRY_MAX];
    struct buf entry = BUF_ON(bytes);
    struct member_view before = {0}, after = {0};
    enum post_result result = POST_GAP;
    enum err e = member ? books_member(b, member, &before, why) : OK;
    if (!e)
        e = wire_encode_txn(&entry, t, why);
    if (!e)
        e = books_post(b, t, buf_bytes(&entry), now_s, &result, why);
    if (!e && result != POST_NEW)
        e = err_set(why, ERR_STATE, tr("the books do not take this refund"));
    if (!e && member)
        e = books_member(b, member, &after, why);
    if (e)
        return e;
    struct query q = query_text_of(b->store, "SELECT f.clawed, f.points_back, f.let_go, f.why FROM refund f"
                                             " JOIN entry e USING (position) WHERE e.terminal = ? AND e.seq = ?");
    query_int(&q, t->id.terminal);
    query_int(&q, t->id.seq);
    e = rows_one(&q, "clawed:points points_back:points let_go:points why:text", out, why);
    if (e == ERR_NOT_FOUND)
        return err_set(why, ERR_STATE, tr("the books do not take this refund"));
    json_object_set_new(out, "money", json_integer(money_minor(t->total)));
    json_object_set_new(out, "held_before", json_integer(points_n(before.held)));
    json_object_set_new(out, "held_after", json_integer(points_n(after.held)));
    json_object_set_new(out, "owed_after", json_integer(points_n(after.owed)));
    json_object_set_new(out, "till", json_integer(t->id.terminal));
    json_object_set_new(out, "shop", rows_text(t->shop));
    return e;
}

enum err receipts_what_if(struct books *b, struct entry_id sale, const int32_t *pieces, int32_t count, int64_t now_s,
                          json_t *out, struct errmsg *why)
{
    struct receipt r;
    struct txn *t = malloc(sizeof *t);
    if (!t)
        return err_set(why, ERR_IO, "out of memory");
    enum err e = books_begin(b, why);
    if (!e) {
        e = load(b, sale, &r, why);
        if (!e)
            e = make_refund(b, &r, pieces, count, now_s, t, why);
        if (!e)
            e = post_and_look(b, t, r.member, now_s, out, why);
        books_rollback(b);
    }
    free(t);
    return e;
}

/* ---- a missed receipt ---- */

static enum err note_try(struct books *b, member_id member, struct entry_id sale, uint32_t user, int64_t now_s,
                         int64_t *id, struct errmsg *why)
{
    int64_t tries = 0;
    struct member_view m;
    enum err e = books_member(b, member, &m, why);
    if (e)
        return e;
    struct query q =
        query_text_of(b->store, "SELECT count(*) FROM claim_try WHERE member = ? AND done = 0 AND time_s > ?");
    query_int(&q, (int64_t)member);
    query_int(&q, now_s - SECONDS_PER_DAY);
    if (query_row(&q))
        tries = query_get_int(&q);
    if ((e = query_done(&q, why)))
        return e;
    if (tries >= RECEIPT_TRIES)
        return err_set(why, ERR_BUSY, tr("too many receipts were tried: again tomorrow"));
    q = query_text_of(b->store, "INSERT INTO claim_try (member, terminal, seq, time_s, done, user)"
                                " VALUES (?, ?, ?, ?, 0, ?) RETURNING id");
    query_int(&q, (int64_t)member);
    query_int(&q, sale.terminal);
    query_int(&q, sale.seq);
    query_int(&q, now_s);
    query_int(&q, user);
    if (query_row(&q))
        *id = query_get_int(&q);
    return query_done(&q, why);
}

/* Whose a sale is and what it earned; ERR_NOT_FOUND also when the total is another. */
static enum err look(struct books *b, struct entry_id sale, struct money total, member_id *whose, int32_t *day,
                     struct points *earned, struct errmsg *why)
{
    bool found = false;
    struct query q =
        query_text_of(b->store, "SELECT member, day, earned FROM sale WHERE terminal = ? AND seq = ? AND total = ?");
    query_int(&q, sale.terminal);
    query_int(&q, sale.seq);
    query_int(&q, money_minor(total));
    if ((found = query_row(&q))) {
        *whose = (member_id)query_get_int(&q);
        *day = (int32_t)query_get_int(&q);
        *earned = points_of(query_get_int(&q));
    }
    enum err e = query_done(&q, why);
    return e || found ? e : err_set(why, ERR_NOT_FOUND, tr("there is no receipt with this number and this total"));
}

static enum err claim(struct books *b, int64_t id, member_id member, struct entry_id sale, struct money total,
                      uint32_t user, int64_t now_s, struct points *points, struct errmsg *why)
{
    member_id whose = 0;
    int32_t day = 0, today = day_of_time(now_s);
    struct txn *t = &b->own;
    enum err e = look(b, sale, total, &whose, &day, points, why);
    if (e)
        return e;
    if (whose)
        return err_set(why, ERR_CONFLICT, tr("the points of this receipt are somebody's already"));
    if (today - day > RECEIPT_DAYS)
        return err_set(why, ERR_REFUSED, tr("a receipt is claimed within %d days"), RECEIPT_DAYS);
    memset(t, 0, sizeof *t);
    t->kind = TXN_CLAIM;
    t->time_s = now_s;
    t->member = member;
    t->original = sale;
    t->user = user;
    e = books_post_own(b, t, now_s, why);
    if (!e)
        e = look(b, sale, total, &whose, &day, points, why);
    if (!e && !whose)
        e = err_set(why, ERR_REFUSED, tr("this receipt cannot be claimed"));
    if (e)
        return e;
    struct query q = query_text_of(b->store, "UPDATE claim_try SET done = 1 WHERE id = ?");
    query_int(&q, id);
    return query_run(&q, why);
}

enum err receipts_claim(struct books *b, member_id member, struct entry_id sale, struct money total, uint32_t user,
                        int64_t now_s, struct points *points, struct errmsg *why)
{
    int64_t id = 0;
    enum err e = books_begin(b, why);
    if (e)
        return e;
    if ((e = note_try(b, member, sale, user, now_s, &id, why))) {
        books_rollback(b);
        return e;
    }
    if ((e = books_commit(b, why)) || (e = books_begin(b, why)))
        return e;
    e = claim(b, id, member, sale, total, user, now_s, points, why);
    if (!e)
        return books_commit(b, why);
    books_rollback(b);
    return e;
}
