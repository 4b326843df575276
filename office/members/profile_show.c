/* profile_show.c - see profile.h: one view of a member, the timeline with why, and all of it for the person.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "base/tr.h"
#include "office/books/books_int.h"
#include "office/members/profile.h"
#include "office/books/rows.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A list: what a statement finds of the member (?1), under a name. */
struct part {
    const char *name, *sql, *columns;
};

static enum err add_parts(struct books *b, member_id member, const struct part *parts, size_t count, json_t *out,
                          struct errmsg *why)
{
    enum err e = OK;
    for (size_t i = 0; i < count && !e; i++) {
        json_t *rows = json_array();
        json_object_set_new(out, parts[i].name, rows);
        struct query q = query_text_of(b->store, parts[i].sql);
        query_int(&q, (int64_t)member);
        e = rows_of(&q, parts[i].columns, rows, why);
    }
    return e;
}

#define PART_COUNT(parts) (sizeof(parts) / sizeof *(parts))

static void set_points(json_t *o, const char *name, struct points p)
{
    json_object_set_new(o, name, json_integer(points_n(p)));
}

static void set_time(json_t *o, const char *name, int64_t time_s)
{
    char text[TIME_TEXT_SIZE];
    time_text(text, time_s);
    json_object_set_new(o, name, time_s ? json_string(text) : json_null());
}

static void set_day(json_t *o, const char *name, int32_t day)
{
    char text[DAY_TEXT_SIZE];
    day_text(text, day);
    json_object_set_new(o, name, day == DAY_NEVER ? json_null() : json_string(text));
}

/* ---- balance and tier ---- */

enum err profile_balance(struct books *b, member_id member, int32_t today, json_t *out, struct errmsg *why)
{
    static const struct part lots[] = {
        {"lots", "SELECT left, expires_day FROM lot WHERE member = ? AND left > 0 ORDER BY expires_day",
         "points:points last_day:day"}};
    struct member_view m;
    struct points total = points_of(0), can = points_of(0);
    enum err e = books_member(b, member, &m, why);
    if (!e)
        e = books_spendable(b, member, (int64_t)today * SECONDS_PER_DAY, &can, why);
    if (e)
        return e;
    const struct points places[] = {m.held, m.on_cards, m.in_transit, m.reserved, m.pending};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (!points_add(&total, total, places[i]))
            return err_set(why, ERR_CORRUPT, tr("the points of this member are beyond all numbers"));
    set_points(out, "points", total);
    set_points(out, "pending", m.pending);
    set_points(out, "held", m.held);
    set_points(out, "on_cards", m.on_cards);
    set_points(out, "in_transit", m.in_transit);
    set_points(out, "reserved", m.reserved);
    set_points(out, "owed", m.owed);
    set_points(out, "redeemable", can);
    return add_parts(b, member, lots, PART_COUNT(lots), out, why);
}

/* The stamps on each card of the pack that are not rewarded yet. */
static enum err add_stamps(struct books *b, member_id member, const struct pack *pack, json_t *out, struct errmsg *why)
{
    json_t *list = json_array();
    enum err e = OK;
    json_object_set_new(out, "stamps", list);
    for (int32_t i = 0; pack && i < pack->stamp_count && !e; i++) {
        const struct pack_stamp *s = &pack->stamps[i];
        int64_t collected = 0, given = 0;
        struct query q = query_text_of(b->store, "SELECT coalesce(sum(collected), 0), coalesce(sum(given), 0)"
                                                 " FROM stamp_move WHERE member = ? AND name = ?");
        query_int(&q, (int64_t)member);
        query_text(&q, s->name);
        if (query_row(&q)) {
            collected = query_get_int(&q);
            given = query_get_int(&q);
        }
        e = query_done(&q, why);
        int64_t now = collected - given * s->every;
        json_array_append_new(list, json_pack("{s:o, s:I, s:I, s:I}", "name", rows_text(s->name), "stamps",
                                              (json_int_t)(now > 0 ? now : 0), "every", (json_int_t)s->every, "points",
                                              (json_int_t)points_n(s->points)));
    }
    return e;
}

enum err profile_tier(struct books *b, member_id member, int32_t today, json_t *out, struct errmsg *why)
{
    static const struct part history[] = {
        {"tier_history", "SELECT day, tier, why FROM tier_history WHERE member = ? ORDER BY position DESC",
         "day:day tier:text why:text"}};
    struct member_view m;
    const struct pack *pack = books_pack_on(b, today);
    enum err e = books_member(b, member, &m, why);
    if (e)
        return e;
    json_t *t = json_object();
    json_object_set_new(out, "tier", t);
    json_object_set_new(t, "code", rows_text(m.tier));
    if (pack) {
        static const char *const metrics[] = {
            [METRIC_SPEND] = "spend", [METRIC_POINTS] = "points", [METRIC_VISITS] = "visits", [METRIC_MIX] = "mix"};
        int64_t reached = 0, last_year = 0;
        e = books_metric(b, member, pack, today, &reached, &last_year, why);
        const struct pack_tier *held = pack_get_tier(pack, m.tier);
        const struct pack_tier *next = held + 1 < pack->tiers + pack->tier_count ? held + 1 : NULL;
        int64_t kept = reached > last_year ? reached : last_year;
        json_object_set_new(t, "name", rows_text(*held->name ? held->name : held->code));
        json_object_set_new(t, "metric", json_string(metrics[pack->metric]));
        json_object_set_new(t, "reached", json_integer(reached));
        json_object_set_new(t, "to_keep", json_integer(kept < held->keep_at ? held->keep_at - kept : 0));
        json_object_set_new(t, "next", next ? rows_text(next->code) : json_null());
        json_object_set_new(t, "next_name", next ? rows_text(*next->name ? next->name : next->code) : json_null());
        json_object_set_new(t, "to_rise", next ? json_integer(next->upgrade_at - reached) : json_null());
    }
    if (!e) {
        struct query q = query_text_of(b->store, "SELECT iif(short_since_day < 2147483647, short_since_day + ?2, 2147483647),"
                                                 " iif(hand_until_day >= ?3, hand_tier, NULL),"
                                                 " iif(hand_until_day >= ?3, hand_until_day, 2147483647)"
                                                 " FROM member WHERE member = ?1");
        query_int(&q, (int64_t)member);
        query_int(&q, pack ? pack->grace_days : 0);
        query_int(&q, today);
        e = rows_one(&q, "falls:day by_hand:text by_hand_until:day", t, why);
    }
    if (!e)
        e = add_stamps(b, member, pack, out, why);
    return e ? e : add_parts(b, member, history, PART_COUNT(history), out, why);
}

/* ---- channels ---- */

static const char *means_name(enum txn_means means)
{
    switch (means) {
    case MEANS_NONE:
        return "none";
    case MEANS_CARD:
        return "card";
    case MEANS_SUN:
        return "signing tag";
    case MEANS_TAG:
        return "tag";
    case MEANS_UID:
        return "number of a tag";
    case MEANS_CODE:
        return "code";
    case MEANS_PHONE:
        return "telephone";
    case MEANS_PASS:
        return "pass";
    case MEANS_REGISTER:
        return "register";
    }
    return "?";
}

/* By what a member came, and how often: purchases by means; visits of the member page. */
static enum err add_channels(struct books *b, member_id member, json_t *out, struct errmsg *why)
{
    static const struct part cards[] = {
        {"cards",
         "SELECT c.uid, c.status, c.kind, c.purse, x.batch, coalesce(n.last_day, y.last_day, 2147483647),"
         " (SELECT count(*) FROM sale s WHERE s.member = ?1 AND s.card = c.uid),"
         " coalesce((SELECT max(day) FROM sale s WHERE s.member = ?1 AND s.card = c.uid), 2147483647)"
         " FROM card c LEFT JOIN batch_card x ON x.uid = c.uid LEFT JOIN batch y ON y.batch = x.batch"
         " LEFT JOIN card_end n ON n.uid = c.uid WHERE c.member = ?1 ORDER BY c.status, c.position",
         "card:uid status:int kind:int points:points batch:int last_day:day uses:int used:day"}};
    json_t *rows = json_array(), *row;
    json_object_set_new(out, "channels", rows);
    enum err e = add_parts(b, member, cards, PART_COUNT(cards), out, why);
    if (e)
        return e;
    size_t i;
    json_array_foreach(json_object_get(out, "cards"), i, row) {
        static const char *const status[] = {"?", "active", "blocked", "replaced"}, *const kinds[] = {"none", "ev1", "ev2"};
        json_int_t s = json_integer_value(json_object_get(row, "status")), k = json_integer_value(json_object_get(row, "kind"));
        json_object_set_new(row, "status", json_string(s >= 1 && s <= 3 ? status[s] : "?"));
        json_object_set_new(row, "kind", json_string(k >= 0 && k <= 2 ? kinds[k] : "?"));
    }
    struct query q = query_text_of(
        b->store, "SELECT means, max(known), sum(uses), max(day) FROM ("
                  " SELECT means, count(*) AS known, 0 AS uses, 0 AS day FROM known WHERE member = ?1 GROUP BY means"
                  " UNION ALL SELECT 1, count(*), 0, 0 FROM card WHERE member = ?1 AND status = 1"
                  " UNION ALL SELECT means, 0, count(*), max(day) FROM sale WHERE member = ?1 GROUP BY means"
                  " UNION ALL SELECT 99, 0, uses, last_s / 86400 FROM page_use WHERE member = ?1)"
                  " GROUP BY means HAVING max(known) + sum(uses) > 0 ORDER BY means");
    query_int(&q, (int64_t)member);
    while (query_row(&q)) {
        int64_t means = query_get_int(&q);
        row = json_object();
        json_object_set_new(row, "means", json_string(means == 99 ? "member page" : means_name((enum txn_means)means)));
        json_object_set_new(row, "known", json_integer(query_get_int(&q)));
        json_object_set_new(row, "uses", json_integer(query_get_int(&q)));
        int32_t day = (int32_t)query_get_int(&q);
        set_day(row, "used", day ? day : DAY_NEVER);
        json_array_append_new(rows, row);
    }
    return query_done(&q, why);
}

/* ---- the whole page ---- */

enum err profile_consents(struct books *b, member_id member, json_t *rows, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "SELECT purpose, given, time_s, channel, version FROM consent"
                                             " WHERE member = ? ORDER BY id DESC");
    query_int(&q, (int64_t)member);
    return rows_of(&q, "purpose:text given:bool time:time channel:text version:text", rows, why);
}

static enum err add_consent(struct books *b, member_id member, json_t *out, struct errmsg *why)
{
    json_t *now = json_object(), *history = json_array();
    enum err e = OK;
    json_object_set_new(out, "consent", now);
    json_object_set_new(out, "consent_history", history);
    for (int i = 0; i < PURPOSE_COUNT && !e; i++) {
        bool given = false;
        e = profile_may(b, member, (enum profile_purpose)i, &given, why);
        json_object_set_new(now, profile_purpose_name((enum profile_purpose)i), json_boolean(given));
    }
    return e ? e : profile_consents(b, member, history, why);
}

static enum err add_person(struct books *b, member_id member, json_t *out, struct errmsg *why)
{
    struct person p;
    enum err e = books_person(b, member, &p, why);
    if (e && e != ERR_NOT_FOUND)
        return e;
    if (e)
        p = (struct person){.member = member};
    const char *const fields[][2] = {{"name", p.name},         {"contact", p.contact},   {"note", p.note},
                                     {"phone", p.phone},       {"birthday", p.birthday}, {"language", p.language}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        json_object_set_new(out, fields[i][0], rows_text(fields[i][1]));
    return OK;
}

/* Who a merged number is now. */
static enum err add_survivor(struct books *b, member_id member, json_t *out, struct errmsg *why)
{
    char is[MEMBER_TEXT_SIZE];
    member_id now = member;
    enum err e = books_survivor(b, member, &now, why);
    member_text(is, now);
    json_object_set_new(out, "is", now == member ? json_null() : json_string(is));
    return e;
}

static enum err add_type(struct books *b, member_id member, json_t *out, struct errmsg *why)
{
    char type[16] = "person";
    struct query q = query_text_of(b->store, "SELECT type FROM member_type WHERE member = ?");
    query_int(&q, (int64_t)member);
    if (query_row(&q))
        query_get_text(&q, type, sizeof type);
    json_object_set_new(out, "type", json_string(type));
    return query_done(&q, why);
}

static enum err add_merged(struct books *b, member_id member, json_t *out, struct errmsg *why)
{
    char text[MEMBER_TEXT_SIZE];
    struct member_view m;
    enum err e = books_member(b, member, &m, why);
    if (e)
        return e;
    member_text(text, m.merged_into);
    json_object_set_new(out, "merged_into", m.merged_into ? json_string(text) : json_null());
    return OK;
}

static enum err add_enrolled(struct books *b, member_id member, json_t *out, struct errmsg *why)
{
    int64_t time_s = 0, last = 0;
    struct query q = query_text_of(b->store, "SELECT e.time_s, m.last_day FROM member m JOIN entry e USING (position)"
                                             " WHERE m.member = ?");
    query_int(&q, (int64_t)member);
    if (query_row(&q)) {
        time_s = query_get_int(&q);
        last = query_get_int(&q);
    }
    set_time(out, "since", time_s);
    set_day(out, "last_purchase", last > 0 ? (int32_t)last : DAY_NEVER);
    return query_done(&q, why);
}

static const struct part page_parts[] = {
    {"complaints", "SELECT id, kind, state, received_s, opinion FROM complaint WHERE member = ? ORDER BY id DESC",
     "id:int kind:text state:text received:time opinion:text"},
    {"feedback", "SELECT time_s, nps, score, text FROM feedback WHERE member = ? ORDER BY id DESC",
     "time:time nps:int score:int text:text"},
    {"campaigns",
     "SELECT campaign, c.name, c.state, m.contact, m.points FROM campaign_member m JOIN campaign c USING (campaign)"
     " WHERE m.member = ? AND NOT m.held_out ORDER BY c.from_day DESC, campaign",
     "campaign:text name:text state:text contact:text points:points"},
    {"merged", "SELECT member FROM member WHERE merged_into = ? ORDER BY member", "member:member"},
    {"tags", "SELECT kind, tag, time_s FROM tag WHERE member = ? ORDER BY kind, tag", "kind:text tag:text since:time"},
    {"notes", "SELECT id, time_s, user, text FROM note WHERE member = ? ORDER BY id DESC",
     "id:int time:time user:int text:text"},
    {"redemptions",
     "SELECT r.id, r.reward, r.points, iif(r.state = 'open' AND h.state <> 0, 'released', r.state), r.made_s, r.channel,"
     " v.state, v.last_day FROM redemption r JOIN hold h ON h.seq = r.hold_seq"
     " LEFT JOIN voucher v ON v.redemption = r.id WHERE r.member = ? ORDER BY r.id DESC",
     "id:int reward:text points:points state:text time:time channel:text voucher:text last_day:day"},
};

enum err profile_show(struct books *b, member_id member, int32_t today, json_t *out, struct errmsg *why)
{
    char number[MEMBER_TEXT_SIZE];
    member_text(number, member);
    json_object_set_new(out, "member", json_string(number));
    enum err e = profile_balance(b, member, today, out, why);
    if (!e)
        e = add_survivor(b, member, out, why);
    if (!e)
        e = add_person(b, member, out, why);
    if (!e)
        e = add_type(b, member, out, why);
    if (!e)
        e = add_enrolled(b, member, out, why);
    if (!e)
        e = add_consent(b, member, out, why);
    if (!e)
        e = add_merged(b, member, out, why);
    if (!e)
        e = profile_tier(b, member, today, out, why);
    if (!e)
        e = add_channels(b, member, out, why);
    return e ? e : add_parts(b, member, page_parts, PART_COUNT(page_parts), out, why);
}

/* ---- timeline ---- */

/* Postings of one entry become one row: what it changed in all, where, and why. */
struct collect {
    json_t *rows, *last;
    struct entry_id entry;
};

static bool is_place(const char *account)
{
    return strcmp(account, "held") == 0 || strcmp(account, "card") == 0 || strcmp(account, "transit") == 0 ||
           strcmp(account, "reserved") == 0 || strcmp(account, "pending") == 0;
}

static bool add_line(const struct statement_line *l, void *arg)
{
    struct collect *c = arg;
    if (!c->last || !entry_equal(c->entry, l->entry)) {
        char entry[ENTRY_TEXT_SIZE];
        entry_text(entry, l->entry);
        c->entry = l->entry;
        c->last = json_object();
        json_array_append_new(c->rows, c->last);
        set_time(c->last, "time", l->time_s);
        json_object_set_new(c->last, "what", json_string(txn_kind_text(l->kind)));
        json_object_set_new(c->last, "entry", json_string(entry));
        json_object_set_new(c->last, "points", json_integer(0));
        json_object_set_new(c->last, "why", json_string(""));
        json_object_set_new(c->last, "pack", l->pack_version ? json_integer(l->pack_version) : json_null());
        json_object_set_new(c->last, "moves", json_string(""));
    }
    json_int_t sum = json_integer_value(json_object_get(c->last, "points"));
    if (is_place(l->account))
        sum += points_n(l->amount);
    json_object_set_new(c->last, "points", json_integer(sum));
    set_points(c->last, "total_after", l->total_after);
    const char *why = json_string_value(json_object_get(c->last, "why"));
    if (*l->why && !strstr(why, l->why)) {
        char both[2 * sizeof l->why + 4];
        snprintf(both, sizeof both, "%s%s%s", why, *why ? "; " : "", l->why);
        json_object_set_new(c->last, "why", rows_text(both));
    }
    char moves[240];
    snprintf(moves, sizeof moves, "%s%s%s %+lld", json_string_value(json_object_get(c->last, "moves")),
             *json_string_value(json_object_get(c->last, "moves")) ? ", " : "", l->account,
             (long long)points_n(l->amount));
    json_object_set_new(c->last, "moves", rows_text(moves));
    return true;
}

/* What is no posting, in the same columns. */
static const struct part other_events[] = {
    {"",
     "SELECT e.time_s, 'tier', e.terminal, e.seq, NULL, NULL, NULL, NULL, h.tier || ': ' || h.why"
     " FROM tier_history h JOIN entry e USING (position) WHERE h.member = ?",
     "time:time what:text entry:entry points:points pack:int moves:text total_after:points why:text"},
    {"",
     "SELECT time_s, 'consent', 0, 0, NULL, NULL, NULL, NULL,"
     " purpose || iif(given, ' given', ' withdrawn') || ' (' || channel || ', ' || version || ')'"
     " FROM consent WHERE member = ?",
     "time:time what:text entry:entry points:points pack:int moves:text total_after:points why:text"},
    {"",
     "SELECT time_s, 'note', 0, 0, NULL, NULL, NULL, NULL, text FROM note WHERE member = ?",
     "time:time what:text entry:entry points:points pack:int moves:text total_after:points why:text"},
    {"",
     "SELECT e.time_s, 'card', e.terminal, e.seq, NULL, NULL, NULL, NULL,"
     " lower(hex(c.uid)) || CASE c.status WHEN 1 THEN ' active' WHEN 2 THEN ' blocked' ELSE ' replaced' END"
     " FROM card c JOIN entry e USING (position) WHERE c.member = ?",
     "time:time what:text entry:entry points:points pack:int moves:text total_after:points why:text"},
    {"",
     "SELECT time_s, 'feedback', terminal, seq, NULL, NULL, NULL, NULL, text FROM feedback WHERE member = ?",
     "time:time what:text entry:entry points:points pack:int moves:text total_after:points why:text"},
    {"",
     "SELECT received_s, 'complaint', terminal, seq, NULL, NULL, NULL, NULL, 'C' || id || ', ' || kind || ': ' || state"
     " FROM complaint WHERE member = ?",
     "time:time what:text entry:entry points:points pack:int moves:text total_after:points why:text"},
    {"",
     "SELECT queued_s, 'message', 0, 0, NULL, NULL, NULL, NULL, template || ' (' || channel || '): ' || state"
     " FROM message WHERE member = ? AND purpose <> 'code'",
     "time:time what:text entry:entry points:points pack:int moves:text total_after:points why:text"},
    {"",
     "SELECT e.time_s, 'rating', e.terminal, e.seq, NULL, NULL, NULL, NULL, printf('%d of 3', r.rating)"
     " FROM rating r JOIN entry e USING (position) WHERE r.member = ?",
     "time:time what:text entry:entry points:points pack:int moves:text total_after:points why:text"},
};

struct event {
    const char *time;
    size_t order;
    json_t *row;
};

/* Newest first; of one moment the later one first. */
static int newer(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    int by_time = strcmp(y->time, x->time);
    return by_time ? by_time : (x->order < y->order) - (x->order > y->order);
}

enum err profile_timeline(struct books *b, member_id member, int32_t limit, json_t *rows, struct errmsg *why)
{
    struct collect c = {.rows = json_array()};
    enum err e = books_statement(b, member, add_line, &c, why);
    for (size_t i = 0; i < PART_COUNT(other_events) && !e; i++) {
        struct query q = query_text_of(b->store, other_events[i].sql);
        query_int(&q, (int64_t)member);
        e = rows_of(&q, other_events[i].columns, c.rows, why);
    }
    size_t count = json_array_size(c.rows), i;
    json_t *row;
    struct event *events = e || !count ? NULL : calloc(count, sizeof *events);
    if (!e && count && !events)
        e = err_set(why, ERR_IO, "out of memory");
    if (events) {
        json_array_foreach(c.rows, i, row) {
            const char *time = json_string_value(json_object_get(row, "time"));
            events[i] = (struct event){time ? time : "", i, row};
        }
        qsort(events, count, sizeof *events, newer);
        for (i = 0; i < count && (int32_t)i < limit; i++)
            json_array_append(rows, events[i].row);
    }
    free(events);
    json_decref(c.rows);
    return e;
}

/* ---- for the person ---- */

/* Each purchase with its lines, from the entry itself. */
static enum err add_purchases(struct books *b, member_id member, json_t *out, struct errmsg *why)
{
    enum err e = OK, ended;
    json_t *rows = json_array();
    struct txn *t = &b->waiting;
    json_object_set_new(out, "purchases", rows);
    struct query q = query_text_of(b->store, "SELECT e.bytes, s.earned, s.redeemed, s.why FROM sale s"
                                             " JOIN entry e USING (position) WHERE s.member = ? ORDER BY position");
    query_int(&q, (int64_t)member);
    while (!e && query_row(&q)) {
        char text[RULES_WHY_SIZE];
        e = wire_decode_txn(t, query_get_blob(&q), why);
        json_t *row = json_object(), *lines = json_array();
        json_array_append_new(rows, row);
        set_time(row, "time", t->time_s);
        entry_text(text, t->id);
        json_object_set_new(row, "entry", json_string(text));
        json_object_set_new(row, "shop", rows_text(t->shop));
        json_object_set_new(row, "receipt", rows_text(t->ref));
        json_object_set_new(row, "total", json_integer(money_minor(t->total)));
        json_object_set_new(row, "earned", json_integer(query_get_int(&q)));
        json_object_set_new(row, "redeemed", json_integer(query_get_int(&q)));
        query_get_text(&q, text, sizeof text);
        json_object_set_new(row, "why", rows_text(text));
        json_object_set_new(row, "lines", lines);
        for (int32_t i = 0; i < t->line_count && !e; i++)
            json_array_append_new(lines, json_pack("{s:o, s:o, s:i, s:I}", "item", rows_text(t->lines[i].sku),
                                                   "category", rows_text(t->lines[i].category), "quantity",
                                                   (int)t->lines[i].quantity, "amount",
                                                   (json_int_t)money_minor(t->lines[i].amount)));
    }
    ended = query_done(&q, why);
    return e ? e : ended;
}

static const struct part export_parts[] = {
    {"known_by", "SELECT means, hex(name) FROM known WHERE member = ? ORDER BY means", "means:int value:text"},
    {"complaint_words",
     "SELECT s.complaint, s.time_s, s.step, s.state, s.text FROM complaint_step s JOIN complaint c ON c.id = s.complaint"
     " WHERE c.member = ? ORDER BY s.complaint, s.n",
     "complaint:int time:time step:text state:text text:text"},
    {"complaint_texts", "SELECT id, received_s, text FROM complaint WHERE member = ? ORDER BY id",
     "complaint:int time:time text:text"},
    {"coupons", "SELECT coupon, campaign, made_s, last_day, position IS NOT NULL FROM coupon WHERE member = ? ORDER BY made_s, coupon",
     "coupon:text campaign:text made:time last_day:day used:bool"},
    {"brought_by", "SELECT referrer, time_s, state FROM referral WHERE member = ?", "member:member time:time state:text"},
    {"marks", "SELECT mark FROM member_mark WHERE member = ? ORDER BY mark", "mark:text"},
    {"households", "SELECT pool, from_day, coalesce(to_day, 2147483647) FROM pool_member WHERE member = ? ORDER BY from_day",
     "household:int from:day to:day"},
    {"page_visits", "SELECT uses, last_s FROM page_use WHERE member = ?", "uses:int last:time"},
    {"receipt_claims", "SELECT time_s, terminal, seq, done FROM claim_try WHERE member = ? ORDER BY id",
     "time:time receipt:entry done:bool"},
};

enum err profile_export(struct books *b, member_id member, int64_t now_s, json_t *out, struct errmsg *why)
{
    json_t *timeline = json_array();
    set_time(out, "made", now_s);
    json_object_set_new(out, "timeline", timeline);
    enum err e = profile_show(b, member, day_of_time(now_s), out, why);
    if (!e)
        e = profile_timeline(b, member, INT32_MAX, timeline, why);
    if (!e)
        e = add_purchases(b, member, out, why);
    return e ? e : add_parts(b, member, export_parts, PART_COUNT(export_parts), out, why);
}

static void csv_text(const char *text, FILE *out)
{
    fputs(strchr("=+-@\t\r", *text) && *text ? "\"'" : "\"", out);
    for (; *text; text++)
        fputs(*text == '"' ? "\"\"" : (char[]){*text, 0}, out);
    fputc('"', out);
}

static void csv_value(const char *path, const json_t *value, FILE *out)
{
    char deeper[160];
    const char *name;
    json_t *inside;
    size_t i;
    if (json_is_object(value)) {
        json_object_foreach((json_t *)value, name, inside) {
            snprintf(deeper, sizeof deeper, "%s%s%s", path, *path ? "." : "", name);
            csv_value(deeper, inside, out);
        }
    } else if (json_is_array(value)) {
        json_array_foreach(value, i, inside) {
            snprintf(deeper, sizeof deeper, "%s.%zu", path, i);
            csv_value(deeper, inside, out);
        }
    } else if (json_is_integer(value)) {
        fprintf(out, "%s,%" PRId64 "\r\n", path, (int64_t)json_integer_value(value));
    } else {
        fprintf(out, "%s,", path);
        csv_text(json_is_string(value) ? json_string_value(value)
                 : json_is_true(value) ? "yes"
                 : json_is_null(value) ? ""
                                       : "no", out);
        fputs("\r\n", out);
    }
}

void profile_csv(const json_t *all, FILE *out)
{
    fputs("what,value\r\n", out);
    csv_value("", all, out);
}
