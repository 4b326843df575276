/* cards.c - see cards.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/members/cards.h"
#include "base/date.h"
#include "base/tr.h"
#include "office/books/books_int.h"
#include "office/members/clerk.h"
#include "office/books/rows.h"

#include <inttypes.h>
#include <string.h>

/* ---- batches ---- */

static bool is_one_of(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}

enum err cards_order(struct books *b, const struct batch_wanted *w, uint32_t user, int64_t now_s, int64_t *batch,
                     struct errmsg *why)
{
    static const char *const kinds[] = {"ev1", "ev2", "ntag", "other"};
    if (w->count < 1 || w->count > 1000000)
        return err_set(why, ERR_RANGE, tr("a batch has 1 to 1000000 cards"));
    if (!is_one_of(w->kind, kinds, 4))
        return err_set(why, ERR_FORMAT, tr("cards are ev1, ev2, ntag or other"));
    if (strlen(w->shop) >= TXN_NAME_SIZE)
        return err_set(why, ERR_RANGE, tr("a shop has at most %d letters"), TXN_NAME_SIZE - 1);
    if (w->last_day <= day_of_time(now_s))
        return err_set(why, ERR_RANGE, tr("the last day of the cards is still to come"));
    struct query q = query_text_of(b->store, "INSERT INTO batch (count, kind, shop, state, last_day, ordered_s,"
                                             " changed_s, user) VALUES (?, ?, ?, 'ordered', ?, ?, ?, ?)"
                                             " RETURNING batch");
    query_int(&q, w->count);
    query_text(&q, w->kind);
    query_text(&q, w->shop);
    query_int(&q, w->last_day);
    query_int(&q, now_s);
    query_int(&q, now_s);
    query_int(&q, user);
    if (query_row(&q))
        *batch = query_get_int(&q);
    return query_done(&q, why);
}

struct batch {
    char state[16];
    int64_t count, made;
};

static enum err get_batch(struct books *b, int64_t batch, struct batch *out, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "SELECT state, count, (SELECT count(*) FROM batch_card c"
                                             " WHERE c.batch = b.batch) FROM batch b WHERE batch = ?");
    query_int(&q, batch);
    bool found = query_row(&q);
    if (found) {
        query_get_text(&q, out->state, sizeof out->state);
        out->count = query_get_int(&q);
        out->made = query_get_int(&q);
    }
    enum err e = query_done(&q, why);
    return e || found ? e : err_set(why, ERR_NOT_FOUND, tr("there is no batch %" PRId64), batch);
}

enum err cards_move_batch(struct books *b, int64_t batch, const char *state, int64_t now_s, struct errmsg *why)
{
    static const char *const steps[][2] = {{"ordered", "made"},      {"made", "sent"},      {"sent", "in shop"},
                                           {"ordered", "cancelled"}, {"made", "cancelled"}};
    struct batch now;
    bool may = false;
    enum err e = get_batch(b, batch, &now, why);
    if (e)
        return e;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        may |= strcmp(now.state, steps[i][0]) == 0 && strcmp(state, steps[i][1]) == 0;
    if (!may)
        return err_set(why, ERR_STATE, tr("batch %" PRId64 " is %s"), batch, now.state);
    if (strcmp(state, "made") == 0 && now.made < now.count)
        return err_set(why, ERR_STATE, tr("%" PRId64 " of %" PRId64 " cards are made"), now.made, now.count);
    struct query q = query_text_of(b->store, "UPDATE batch SET state = ?2, changed_s = ?3 WHERE batch = ?1");
    query_int(&q, batch);
    query_text(&q, state);
    query_int(&q, now_s);
    return query_run(&q, why);
}

enum err cards_can_make(struct books *b, int64_t batch, struct errmsg *why)
{
    struct batch now;
    enum err e = get_batch(b, batch, &now, why);
    if (!e && strcmp(now.state, "ordered") != 0)
        e = err_set(why, ERR_STATE, tr("batch %" PRId64 " is %s"), batch, now.state);
    if (!e && now.made >= now.count)
        e = err_set(why, ERR_FULL, tr("all %" PRId64 " cards of batch %" PRId64 " are made"), now.count, batch);
    return e;
}

enum err cards_made(struct books *b, int64_t batch, const struct card_uid *uid, int64_t now_s, struct errmsg *why)
{
    int64_t other = 0;
    struct query q = query_text_of(b->store, "SELECT batch FROM batch_card WHERE uid = ?");
    query_uid(&q, uid);
    if (query_row(&q))
        other = query_get_int(&q);
    enum err e = query_done(&q, why);
    if (e || other == batch)
        return e;
    if (other)
        return err_set(why, ERR_EXISTS, tr("this card is of batch %" PRId64), other);
    if ((e = cards_can_make(b, batch, why)))
        return e;
    q = query_text_of(b->store, "INSERT INTO batch_card (uid, batch, time_s) VALUES (?, ?, ?)");
    query_uid(&q, uid);
    query_int(&q, batch);
    query_int(&q, now_s);
    return query_run(&q, why);
}

enum err cards_batches(struct books *b, json_t *rows, struct errmsg *why)
{
    struct query q = query_text_of(
        b->store, "SELECT b.batch, b.count, b.kind, b.shop, b.state, b.last_day, b.ordered_s, b.changed_s,"
                  " count(x.uid), coalesce(sum(c.member > 0), 0), coalesce(sum(c.status > 1), 0)"
                  " FROM batch b LEFT JOIN batch_card x USING (batch) LEFT JOIN card c ON c.uid = x.uid"
                  " GROUP BY b.batch ORDER BY b.batch DESC");
    return rows_of(&q, "batch:int count:int kind:text shop:text state:text last_day:day ordered:time changed:time"
                       " made:int bound:int blocked:int", rows, why);
}

#define STATUS_WORDS "CASE c.status WHEN 1 THEN 'active' WHEN 2 THEN 'blocked' WHEN 3 THEN 'replaced' ELSE 'unknown' END"

enum err cards_of_batch(struct books *b, int64_t batch, json_t *rows, struct errmsg *why)
{
    struct batch now;
    enum err e = get_batch(b, batch, &now, why);
    if (e)
        return e;
    struct query q = query_text_of(b->store, "SELECT x.uid, x.time_s, coalesce(c.member, 0), " STATUS_WORDS
                                             " FROM batch_card x LEFT JOIN card c ON c.uid = x.uid"
                                             " WHERE x.batch = ? ORDER BY x.time_s, x.uid");
    query_int(&q, batch);
    return rows_of(&q, "card:uid made:time member:member status:text", rows, why);
}

/* ---- what happens to a card ---- */

static const char *const events[] = {"lost", "stolen", "found"};

enum err cards_event_of(const char *text, enum card_event *out, struct errmsg *why)
{
    for (int i = 0; i < 3; i++)
        if (strcmp(text, events[i]) == 0) {
            *out = (enum card_event)i;
            return OK;
        }
    return err_set(why, ERR_FORMAT, tr("a card is lost, stolen or found"));
}

static enum err post_status(struct books *b, const struct card_view *card, member_id member, enum card_status status,
                            const char *reason, uint32_t user, int64_t now_s, struct errmsg *why)
{
    struct txn *t = &b->own;
    memset(t, 0, sizeof *t);
    t->kind = TXN_CARD;
    t->time_s = now_s;
    t->card = card->uid;
    t->member = member;
    t->card_kind = card->kind;
    t->card_status = status;
    t->user = user;
    snprintf(t->reason, sizeof t->reason, "%s", reason);
    return books_post_own(b, t, now_s, why);
}

static enum err last_day_of(struct books *b, const struct card_uid *uid, int32_t *day, struct errmsg *why)
{
    *day = DAY_NEVER;
    struct query q = query_text_of(b->store, "SELECT coalesce((SELECT last_day FROM card_end WHERE uid = ?1),"
                                             " (SELECT y.last_day FROM batch_card x JOIN batch y USING (batch)"
                                             " WHERE x.uid = ?1), 2147483647)");
    query_uid(&q, uid);
    if (query_row(&q))
        *day = (int32_t)query_get_int(&q);
    return query_done(&q, why);
}

enum err cards_happened(struct books *b, const struct card_uid *uid, enum card_event event, const char *note,
                        uint32_t user, int64_t now_s, struct errmsg *why)
{
    struct card_view card;
    int32_t last_day;
    char reason[TXN_REASON_SIZE];
    enum card_status from = event == CARD_FOUND ? CARD_BLOCKED : CARD_ACTIVE;
    enum err e = books_card(b, uid, &card, why);
    if (!e)
        e = last_day_of(b, uid, &last_day, why);
    if (e)
        return e;
    if (card.status != from)
        return err_set(why, ERR_STATE, tr("this card is %s"), tr(card_status_name(card.status)));
    if (event == CARD_FOUND && last_day < day_of_time(now_s))
        return err_set(why, ERR_STATE, tr("the last day of this card has passed: give the member a new one"));
    snprintf(reason, sizeof reason, "%s%s%s", events[event], *note ? ": " : "", note);
    if (strlen(events[event]) + 2 + strlen(note) >= sizeof reason)
        return err_set(why, ERR_RANGE, tr("the note has at most %d bytes"), (int)sizeof reason - 12);
    return post_status(b, &card, card.member, event == CARD_FOUND ? CARD_ACTIVE : CARD_BLOCKED, reason, user, now_s,
                       why);
}

enum err cards_bind(struct books *b, const struct card_uid *uid, member_id member, uint32_t user, int64_t now_s,
                    struct errmsg *why)
{
    struct card_view card;
    struct member_view view;
    enum err e = books_free_card(b, uid, &card, why);
    if (!e)
        e = books_member(b, member, &view, why);
    return e ? e : post_status(b, &card, member, CARD_ACTIVE, "bound", user, now_s, why);
}

enum err cards_set_end(struct books *b, const struct card_uid *uid, int32_t last_day, struct errmsg *why)
{
    struct card_view card;
    enum err e = books_card(b, uid, &card, why);
    if (e)
        return e;
    struct query q = query_text_of(b->store, "INSERT OR REPLACE INTO card_end (uid, last_day) VALUES (?, ?)");
    query_uid(&q, uid);
    query_int(&q, last_day);
    return query_run(&q, why);
}

enum err cards_end_due(struct books *b, int32_t today, int64_t now_s, int32_t *count, struct errmsg *why)
{
    enum err e = OK;
    bool any = true;
    for (*count = 0; any && !e; *count += any) {
        struct card_view card = {0};
        struct query q = query_text_of(
            b->store, "SELECT c.uid FROM card c LEFT JOIN batch_card x ON x.uid = c.uid LEFT JOIN batch y USING (batch)"
                      " LEFT JOIN card_end n ON n.uid = c.uid WHERE c.status = 1"
                      " AND coalesce(n.last_day, y.last_day, 2147483647) < ? ORDER BY c.uid LIMIT 1");
        query_int(&q, today);
        if ((any = query_row(&q)))
            query_get_uid(&q, &card.uid);
        e = query_done(&q, why);
        if (!e && any)
            e = books_card(b, &card.uid, &card, why);
        if (!e && any)
            e = post_status(b, &card, card.member, CARD_BLOCKED, "its last day has passed", 0, now_s, why);
    }
    return e;
}

/* ---- what is shown ---- */

/* Changes of one card (uid) or of all (NULL), newest first.  A till that is out of use is not waited for. */
static enum err changes(struct books *b, const struct card_uid *uid, int32_t limit, json_t *rows, struct errmsg *why)
{
    enum err e = OK, ended;
    struct query q = query_text_of(
        b->store, "SELECT h.version, h.uid, h.status, e.time_s, e.terminal, e.seq, e.bytes, c.member,"
                  " (SELECT count(*) FROM terminal t WHERE NOT t.revoked AND t.hot_version >= h.version),"
                  " (SELECT count(*) FROM terminal t WHERE NOT t.revoked AND t.hot_version < h.version)"
                  " FROM hot h JOIN entry e USING (position) LEFT JOIN card c ON c.uid = h.uid"
                  " WHERE ?1 IS NULL OR h.uid = ?1 ORDER BY h.version DESC LIMIT ?2");
    query_uid(&q, uid);
    query_int(&q, limit);
    while (!e && query_row(&q)) {
        struct card_uid card;
        struct entry_id id;
        char text[TIME_TEXT_SIZE], card_text[UID_TEXT_SIZE], entry[ENTRY_TEXT_SIZE], member[MEMBER_TEXT_SIZE];
        int64_t version = query_get_int(&q);
        query_get_uid(&q, &card);
        enum card_status status = (enum card_status)query_get_int(&q);
        time_text(text, query_get_int(&q));
        id.terminal = (uint32_t)query_get_int(&q);
        id.seq = (uint32_t)query_get_int(&q);
        e = wire_decode_txn(&b->waiting, query_get_blob(&q), why);
        member_id whose = (member_id)query_get_int(&q);
        json_int_t have = (json_int_t)query_get_int(&q), missing = (json_int_t)query_get_int(&q);
        uid_text(card_text, &card);
        entry_text(entry, id);
        member_text(member, whose);
        json_array_append_new(
            rows, json_pack("{s:I, s:s, s:s, s:o, s:s, s:s, s:o, s:I, s:I, s:I}", "version", (json_int_t)version,
                            "card", card_text, "status", card_status_name(status), "member",
                            whose ? json_string(member) : json_null(), "time", text, "entry", entry, "reason",
                            rows_text(b->waiting.reason), "user", (json_int_t)b->waiting.user, "tills_have", have,
                            "tills_missing", missing));
    }
    ended = query_done(&q, why);
    return e ? e : ended;
}

enum err cards_show(struct books *b, const struct card_uid *uid, json_t *out, struct errmsg *why)
{
    json_t *rows = json_array(), *tills = json_array();
    struct query q = query_text_of(
        b->store, "SELECT c.uid, c.member, " STATUS_WORDS ", CASE c.kind WHEN 1 THEN 'ev1' WHEN 2 THEN 'ev2' ELSE 'none' END,"
                  " c.purse, x.batch, coalesce(n.last_day, y.last_day, 2147483647), c.replaced_by,"
                  " (SELECT count(*) FROM sale s WHERE s.member = c.member AND s.card = c.uid)"
                  " FROM card c LEFT JOIN batch_card x ON x.uid = c.uid LEFT JOIN batch y USING (batch)"
                  " LEFT JOIN card_end n ON n.uid = c.uid WHERE c.uid = ?");
    query_uid(&q, uid);
    enum err e = rows_one(&q, "card:uid member:member status:text kind:text points:points batch:int last_day:day"
                              " replaced_by:uid uses:int", out, why);
    if (e == ERR_NOT_FOUND) {
        json_decref(rows);
        json_decref(tills);
        return err_set(why, e, tr("this card was never issued here"));
    }
    json_object_set_new(out, "changes", rows);
    json_object_set_new(out, "missing", tills);
    if (!e)
        e = changes(b, uid, 100, rows, why);
    if (e)
        return e;
    q = query_text_of(b->store, "SELECT terminal, shop, contact_s FROM terminal WHERE NOT revoked AND hot_version <"
                                " (SELECT coalesce(max(version), 0) FROM hot WHERE uid = ?) ORDER BY terminal");
    query_uid(&q, uid);
    return rows_of(&q, "till:int shop:text contact:time", tills, why);
}

enum err cards_hot(struct books *b, int32_t limit, json_t *rows, struct errmsg *why)
{
    return changes(b, NULL, limit, rows, why);
}

enum err cards_tills(struct books *b, int64_t *version, json_t *rows, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "SELECT coalesce(max(version), 0) FROM hot");
    *version = query_row(&q) ? query_get_int(&q) : 0;
    enum err e = query_done(&q, why);
    if (e)
        return e;
    q = query_text_of(b->store, "SELECT t.terminal, t.shop, t.contact_s, t.hot_version,"
                                " (SELECT count(*) FROM hot h WHERE h.version > t.hot_version)"
                                " FROM terminal t WHERE NOT t.revoked ORDER BY t.terminal");
    return rows_of(&q, "till:int shop:text contact:time version:int missing:int", rows, why);
}
