/* campaign.c - see campaign.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/care/campaign.h"
#include "base/date.h"
#include "base/tr.h"
#include "office/care/care_int.h"
#include "office/care/coupon.h"
#include "office/care/message.h"
#include "office/care/segment.h"

#include <inttypes.h>
#include <stdlib.h>

struct kept {
    char code[CAMPAIGN_CODE_SIZE], segment[TXN_NAME_SIZE], kind[16], reward[TXN_NAME_SIZE];
    char template_name[MESSAGE_TEMPLATE_SIZE], state[12];
    int64_t points, days, budget, cost_each;
    int32_t from_day, to_day, holdout; /* from_day: not before the day it started */
};

static enum err load(struct books *b, const char *code, struct kept *k, struct errmsg *why)
{
    struct query q = query_text_of(
        b->store, "SELECT campaign, segment, offer ->> 'kind', coalesce(offer ->> 'reward', ''), template, state,"
                  " coalesce(offer ->> 'points', 0), coalesce(offer ->> 'days', 0), budget, cost_each,"
                  " max(from_day, started_s / 86400), to_day, holdout FROM campaign WHERE campaign = ?");
    query_text(&q, code);
    bool found = query_row(&q);
    if (found) {
        query_get_text(&q, k->code, sizeof k->code);
        query_get_text(&q, k->segment, sizeof k->segment);
        query_get_text(&q, k->kind, sizeof k->kind);
        query_get_text(&q, k->reward, sizeof k->reward);
        query_get_text(&q, k->template_name, sizeof k->template_name);
        query_get_text(&q, k->state, sizeof k->state);
        k->points = query_get_int(&q);
        k->days = query_get_int(&q);
        k->budget = query_get_int(&q);
        k->cost_each = query_get_int(&q);
        k->from_day = (int32_t)query_get_int(&q);
        k->to_day = (int32_t)query_get_int(&q);
        k->holdout = (int32_t)query_get_int(&q);
    }
    enum err e = query_done(&q, why);
    return e || found ? e : err_set(why, ERR_NOT_FOUND, tr("there is no campaign %s"), code);
}

/* ---- made ---- */

static int64_t number(const json_t *o, const char *name)
{
    const json_t *v = json_object_get(o, name);
    return json_is_integer(v) ? json_integer_value(v) : -1;
}

static enum err check_offer(const json_t *o, struct errmsg *why)
{
    const char *kind = json_string_value(json_object_get(o, "kind"));
    const char *reward = json_string_value(json_object_get(o, "reward"));
    size_t members = json_object_size(o);
    int64_t days = number(o, "days"), points = number(o, "points");
    if (!kind)
        kind = "";
    if (strcmp(kind, "points") == 0)
        return members == 2 && points >= 1 && points <= 1000000
                   ? OK
                   : err_set(why, ERR_FORMAT, tr("an offer of points says 1 to 1000000 points"));
    if (strcmp(kind, "mark") == 0)
        return members == 1 ? OK : err_set(why, ERR_FORMAT, tr("an offer by mark says nothing else: the pack has the rule"));
    bool thing = strcmp(kind, "reward") == 0;
    if (!thing && strcmp(kind, "coupon") != 0)
        return err_set(why, ERR_FORMAT, tr("an offer is points, mark, coupon or reward"));
    if (days < 1 || days > 366)
        return err_set(why, ERR_FORMAT, tr("a coupon is good for 1 to 366 days"));
    if (thing && (!reward || !*reward || strlen(reward) >= TXN_NAME_SIZE))
        return err_set(why, ERR_FORMAT, tr("which reward?"));
    return members == (thing ? 3 : 2) ? OK : err_set(why, ERR_FORMAT, tr("the offer says more than is known here"));
}

static enum err check(struct books *b, const struct campaign_new *in, struct errmsg *why)
{
    int64_t segment = 0, started = 0;
    if (!campaign_code_is(in->code))
        return err_set(why, ERR_FORMAT, tr("a campaign's code is 1 to 8 capital letters and digits"));
    enum err e = care_text(tr("the name"), in->name, 1, 80, why);
    if (!e)
        e = check_offer(in->offer, why);
    if (!e)
        e = care_text(tr("the template"), in->template_name, 0, MESSAGE_TEMPLATE_SIZE - 1, why);
    if (e)
        return e;
    if (in->to_day < in->from_day)
        return err_set(why, ERR_RANGE, tr("the last day is before the first"));
    if (money_minor(in->budget) < 0 || money_minor(in->cost_each) < 0)
        return err_set(why, ERR_RANGE, tr("budget and cost are 0 or more"));
    if (in->holdout < 0 || in->holdout > 90)
        return err_set(why, ERR_RANGE, tr("0 to 90 percent may be held out"));
    struct query q = query_text_of(b->store, "SELECT count(*), sum(segment = ?2) FROM segment WHERE segment IN (?1, ?2)");
    query_text(&q, in->segment);
    query_text(&q, in->code);
    if (query_row(&q)) {
        segment = query_get_int(&q);
        started = query_get_int(&q);
    }
    if ((e = query_done(&q, why)))
        return e;
    if (started)
        return err_set(why, ERR_EXISTS, tr("%s is a segment's code: both are marks at the tills"), in->code);
    return segment ? OK : err_set(why, ERR_NOT_FOUND, tr("there is no segment %s"), in->segment);
}

enum err campaign_save(struct books *b, const struct campaign_new *in, struct errmsg *why)
{
    enum err e = check(b, in, why);
    if (e)
        return e;
    char *offer = json_dumps(in->offer, JSON_COMPACT | JSON_SORT_KEYS);
    if (!offer)
        return err_set(why, ERR_IO, "out of memory");
    struct query q = query_text_of(
        b->store, "INSERT INTO campaign (campaign, name, segment, offer, template, from_day, to_day, budget, cost_each,"
                  " holdout, user, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'draft') ON CONFLICT (campaign)"
                  " DO UPDATE SET name = excluded.name, segment = excluded.segment, offer = excluded.offer,"
                  " template = excluded.template, from_day = excluded.from_day, to_day = excluded.to_day,"
                  " budget = excluded.budget, cost_each = excluded.cost_each, holdout = excluded.holdout,"
                  " user = excluded.user WHERE state = 'draft' RETURNING 1");
    query_text(&q, in->code);
    query_text(&q, in->name);
    query_text(&q, in->segment);
    query_text(&q, offer);
    query_text(&q, in->template_name);
    query_int(&q, in->from_day);
    query_int(&q, in->to_day);
    query_int(&q, money_minor(in->budget));
    query_int(&q, money_minor(in->cost_each));
    query_int(&q, in->holdout);
    query_int(&q, in->user);
    bool saved = query_row(&q);
    e = query_done(&q, why);
    free(offer);
    return e || saved ? e : err_set(why, ERR_STATE, tr("campaign %s has started: it is not changed any more"), in->code);
}

/* ---- points and budget ---- */

/* What so many points are worth, by the pack in force. */
static int64_t worth(const struct books *b, int64_t points, int64_t now_s)
{
    const struct pack *pack = books_pack_on(b, day_of_time(now_s));
    int64_t minor = 0;
    if (!pack || !ratio_floor(&minor, points, pack->worth.num, pack->worth.den))
        return 0;
    return minor;
}

/* All points given by it: bonuses and games. */
static enum err points_given(struct books *b, const char *code, int64_t *points, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "SELECT (SELECT coalesce(sum(points), 0) FROM campaign_member WHERE"
                                             " campaign = ?1) + (SELECT coalesce(sum(points), 0) FROM game_result WHERE"
                                             " campaign = ?1)");
    query_text(&q, code);
    *points = query_row(&q) ? query_get_int(&q) : 0;
    return query_done(&q, why);
}

static enum err cost_of(struct books *b, const char *code, int64_t cost_each, int64_t now_s, int64_t *cost,
                        struct errmsg *why)
{
    int64_t points = 0, used = 0;
    enum err e = points_given(b, code, &points, why);
    if (e)
        return e;
    struct query q = query_text_of(b->store, "SELECT count(*) FROM coupon WHERE campaign = ? AND position IS NOT NULL");
    query_text(&q, code);
    if (query_row(&q))
        used = query_get_int(&q);
    *cost = worth(b, points, now_s) + used * cost_each;
    return query_done(&q, why);
}

static enum err post_points(struct books *b, const char *code, const char *what, member_id member, int64_t points,
                            uint32_t user, int64_t now_s, uint32_t *seq, struct errmsg *why)
{
    struct txn *t = calloc(1, sizeof *t);
    if (!t)
        return err_set(why, ERR_IO, "out of memory");
    t->kind = TXN_ADJUST;
    t->time_s = now_s;
    t->member = member;
    t->points = points_of(points);
    t->user = user;
    snprintf(t->reason, sizeof t->reason, "campaign %s%s%.40s", code, *what ? ": " : "", what);
    enum err e = books_post_own(b, t, now_s, why);
    *seq = t->id.seq;
    free(t);
    return e;
}

static enum err set_state(struct books *b, const char *code, const char *state, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "UPDATE campaign SET state = ?2 WHERE campaign = ?1");
    query_text(&q, code);
    query_text(&q, state);
    enum err e = query_run(&q, why);
    if (e || strcmp(state, "running") == 0)
        return e;
    q = query_text_of(b->store, "DELETE FROM member_mark WHERE mark = ?");
    query_text(&q, code);
    return query_run(&q, why);
}

/* ---- started ---- */

struct starting {
    struct books *b;
    const struct kept *k;
    member_id *members;
    size_t count, cap;
    bool full;
};

static bool collect(member_id member, void *arg)
{
    struct starting *s = arg;
    if (s->count == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 1024;
        member_id *more = realloc(s->members, cap * sizeof *more);
        if (!more) {
            s->full = true;
            return false;
        }
        s->members = more;
        s->cap = cap;
    }
    s->members[s->count++] = member;
    return true;
}

static enum err tell(struct books *b, const struct kept *k, member_id member, const char *coupon, int64_t now_s,
                     enum message_answer *answer, struct errmsg *why)
{
    enum message_channel channel;
    char key[MESSAGE_KEY_SIZE], last[DAY_TEXT_SIZE];
    int64_t id;
    enum err e = message_best_channel(b, member, &channel, why);
    *answer = MESSAGE_NO_ADDRESS;
    if (e)
        return e == ERR_NOT_FOUND ? OK : e;
    snprintf(key, sizeof key, "campaign-%s-%" PRIu64, k->code, member);
    day_text(last, k->to_day);
    json_t *values = json_pack("{s:s, s:s}", "campaign", k->code, "until", last);
    if (*coupon)
        json_object_set_new(values, "coupon", json_string(coupon));
    if (*k->reward)
        json_object_set_new(values, "reward", json_string(k->reward));
    if (k->points)
        json_object_set_new(values, "points", json_integer(k->points));
    struct message_wanted w = {member, channel, MESSAGE_MARKETING, k->template_name, "", values, key};
    e = message_queue(b, &w, now_s, &id, answer, why);
    json_decref(values);
    return e;
}

static enum err add_member(struct books *b, const struct kept *k, member_id member, int64_t now_s, struct errmsg *why)
{
    bool held_out = segment_held_out(k->code, member, k->holdout);
    bool coupon = strcmp(k->kind, "coupon") == 0 || strcmp(k->kind, "reward") == 0;
    enum message_answer answer = MESSAGE_TAKEN;
    const char *contact = "";
    char code[COUPON_SIZE] = "";
    enum err e = OK;
    if (!held_out && coupon) {
        int64_t last = day_of_time(now_s) + k->days;
        e = coupon_issue(b, k->code, member, (int32_t)last, now_s, code, why);
    }
    if (!e && !held_out && strcmp(k->kind, "mark") == 0) {
        struct query q = query_text_of(b->store, "INSERT OR IGNORE INTO member_mark (member, mark) VALUES (?, ?)");
        query_int(&q, (int64_t)member);
        query_text(&q, k->code);
        e = query_run(&q, why);
    }
    if (!e && !held_out && *k->template_name) {
        e = tell(b, k, member, code, now_s, &answer, why);
        contact = message_answer_text(answer);
    }
    if (e)
        return e;
    struct query q = query_text_of(b->store, "INSERT INTO campaign_member (campaign, member, held_out, contact)"
                                             " VALUES (?, ?, ?, ?)");
    query_text(&q, k->code);
    query_int(&q, (int64_t)member);
    query_int(&q, held_out);
    query_text(&q, contact);
    return query_run(&q, why);
}

static enum err start(struct books *b, const char *code, int64_t now_s, int64_t *members, struct errmsg *why)
{
    struct kept k;
    struct starting s = {.b = b, .k = &k};
    enum err e = load(b, code, &k, why);
    if (!e && strcmp(k.state, "draft") != 0)
        e = err_set(why, ERR_STATE, tr("campaign %s is %s"), code, k.state);
    if (!e && k.to_day < day_of_time(now_s))
        e = err_set(why, ERR_STATE, tr("the last day of campaign %s has passed"), code);
    struct segment *segment = e ? NULL : malloc(sizeof *segment);
    if (!e && !segment)
        e = err_set(why, ERR_IO, "out of memory");
    if (!e)
        e = segment_load(b, k.segment, segment, why);
    if (!e)
        e = segment_each(b, segment, day_of_time(now_s), collect, &s, why);
    if (!e && s.full)
        e = err_set(why, ERR_IO, "out of memory");
    for (size_t i = 0; i < s.count && !e; i++)
        e = add_member(b, &k, s.members[i], now_s, why);
    *members = (int64_t)s.count;
    free(s.members);
    free(segment);
    if (e)
        return e;
    struct query q = query_text_of(b->store, "UPDATE campaign SET state = 'running', started_s = ?2 WHERE campaign = ?1");
    query_text(&q, code);
    query_int(&q, now_s);
    return query_run(&q, why);
}

enum err campaign_start(struct books *b, const char *code, int64_t now_s, int64_t *members, struct errmsg *why)
{
    bool own;
    enum err e = care_begin(b, &own, why);
    *members = 0;
    return e ? e : care_end(b, own, start(b, code, now_s, members, why), why);
}

enum err campaign_stop(struct books *b, const char *code, struct errmsg *why)
{
    struct kept k;
    bool own;
    enum err e = care_begin(b, &own, why);
    if (e)
        return e;
    e = load(b, code, &k, why);
    if (!e && strcmp(k.state, "running") != 0)
        e = err_set(why, ERR_STATE, tr("campaign %s is %s"), code, k.state);
    if (!e)
        e = set_state(b, code, "stopped", why);
    return care_end(b, own, e, why);
}

/* ---- while it runs ---- */

/* Purchases came for the number cm.member (owner), and stand with the number it is merged into. */
#define PURCHASES                                                                                                      \
    "d.owner = cm.member AND d.member = (SELECT iif(merged_into <> 0, merged_into, member) FROM member m WHERE"         \
    " m.member = cm.member)"

/* The next member who bought in the period and has no bonus yet; 0 = none. */
static enum err next_bonus(struct books *b, const struct kept *k, member_id *member, struct errmsg *why)
{
    struct query q = query_text_of(
        b->store, "SELECT cm.member FROM campaign_member cm WHERE cm.campaign = ?1 AND NOT held_out AND seq IS NULL"
                  " AND cm.member > ?4 AND EXISTS (SELECT 1 FROM metric_day d WHERE " PURCHASES " AND d.day >= ?2"
                  " AND d.day <= ?3 AND d.bills > 0) ORDER BY cm.member LIMIT 1");
    query_text(&q, k->code);
    query_int(&q, k->from_day);
    query_int(&q, k->to_day);
    query_int(&q, (int64_t)*member);
    *member = query_row(&q) ? (member_id)query_get_int(&q) : 0;
    return query_done(&q, why);
}

static enum err give_bonuses(struct books *b, const struct kept *k, int64_t now_s, int64_t *given, struct errmsg *why)
{
    member_id member = 0;
    enum err e;
    while (!(e = next_bonus(b, k, &member, why)) && member) {
        int64_t points = 0;
        uint32_t seq;
        if ((e = points_given(b, k->code, &points, why)))
            return e;
        if (k->budget && worth(b, points + k->points, now_s) > k->budget)
            return set_state(b, k->code, "spent", why);
        if ((e = post_points(b, k->code, "", member, k->points, 0, now_s, &seq, why)))
            return e;
        struct query q = query_text_of(b->store, "UPDATE campaign_member SET seq = ?3, points = ?4"
                                                 " WHERE campaign = ?1 AND member = ?2");
        query_text(&q, k->code);
        query_int(&q, (int64_t)member);
        query_int(&q, seq);
        query_int(&q, k->points);
        if ((e = query_run(&q, why)))
            return e;
        ++*given;
    }
    return e;
}

static enum err tick_one(struct books *b, const char *code, int64_t now_s, int64_t *given, struct errmsg *why)
{
    struct kept k;
    int64_t cost = 0;
    enum err e = load(b, code, &k, why);
    if (!e && strcmp(k.kind, "points") == 0)
        e = give_bonuses(b, &k, now_s, given, why);
    if (!e)
        e = load(b, code, &k, why);
    if (!e)
        e = cost_of(b, code, k.cost_each, now_s, &cost, why);
    if (e || strcmp(k.state, "running") != 0)
        return e;
    if (k.to_day < day_of_time(now_s))
        return set_state(b, code, "ended", why);
    return k.budget && cost >= k.budget ? set_state(b, code, "spent", why) : OK;
}

enum err campaign_tick(struct books *b, int64_t now_s, int64_t *given, struct errmsg *why)
{
    char code[CAMPAIGN_CODE_SIZE] = "";
    bool own;
    enum err e = care_begin(b, &own, why);
    *given = 0;
    while (!e) {
        char after[CAMPAIGN_CODE_SIZE];
        memcpy(after, code, sizeof after);
        struct query q = query_text_of(b->store, "SELECT campaign FROM campaign WHERE state = 'running' AND campaign > ?"
                                                 " ORDER BY 1 LIMIT 1");
        query_text(&q, after);
        *code = 0;
        if (query_row(&q))
            query_get_text(&q, code, sizeof code);
        e = query_done(&q, why);
        if (e || !*code)
            break;
        e = tick_one(b, code, now_s, given, why);
    }
    return care_end(b, own, e, why);
}

/* ---- what it brought ---- */

enum err campaign_list(struct books *b, json_t *rows, struct errmsg *why)
{
    struct query q = query_text_of(
        b->store, "SELECT campaign, name, segment, offer, template, from_day, to_day, budget, cost_each, holdout, state,"
                  " started_s FROM campaign ORDER BY state = 'running' DESC, state = 'draft' DESC, from_day DESC, 1");
    enum err e = rows_of(&q, "campaign:text name:text segment:text offer:text template:text from:day to:day budget:money"
                             " cost_each:money holdout:int state:text started:time", rows, why);
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        const char *code = json_string_value(json_object_get(row, "campaign"));
        const char *offer = json_string_value(json_object_get(row, "offer"));
        int64_t cost = 0, now_s = 0;
        if (!e)
            e = care_number(b, "SELECT coalesce(max(received_s), 0) FROM entry WHERE position > ?", 0, &now_s, why);
        if (!e)
            e = cost_of(b, code, number(row, "cost_each"), now_s, &cost, why);
        json_object_set_new(row, "cost", json_integer(cost));
        json_t *parsed = json_loads(offer ? offer : "", 0, NULL);
        json_object_set_new(row, "offer", parsed ? parsed : json_object());
    }
    return e;
}

static enum err side_of(struct books *b, const struct kept *k, bool held_out, struct campaign_side *out,
                        struct errmsg *why)
{
    struct query q = query_text_of(
        b->store, "SELECT count(*), coalesce(sum(bills > 0), 0), coalesce(sum(spend), 0) FROM (SELECT cm.member,"
                  " coalesce(sum(d.bills), 0) AS bills, coalesce(sum(d.spend), 0) AS spend FROM campaign_member cm"
                  " LEFT JOIN metric_day d ON " PURCHASES " AND d.day >= ?2 AND d.day <= ?3"
                  " WHERE cm.campaign = ?1 AND held_out = ?4 GROUP BY cm.member)");
    query_text(&q, k->code);
    query_int(&q, k->from_day);
    query_int(&q, k->to_day);
    query_int(&q, held_out);
    if (query_row(&q)) {
        out->members = query_get_int(&q);
        out->buyers = query_get_int(&q);
        out->money = money_of(query_get_int(&q));
    }
    return query_done(&q, why);
}

static void put_side(json_t *out, const char *name, const struct campaign_side *s, int32_t permille, struct money each)
{
    char key[40];
    snprintf(key, sizeof key, "%s", name);
    json_object_set_new(out, key, json_integer(s->members));
    snprintf(key, sizeof key, "%s_buyers", name);
    json_object_set_new(out, key, json_integer(s->buyers));
    snprintf(key, sizeof key, "%s_permille", name);
    json_object_set_new(out, key, permille < 0 ? json_null() : json_integer(permille));
    snprintf(key, sizeof key, "%s_money", name);
    json_object_set_new(out, key, json_integer(money_minor(s->money)));
    snprintf(key, sizeof key, "%s_each", name);
    json_object_set_new(out, key, json_integer(money_minor(each)));
}

enum err campaign_result(struct books *b, const char *code, json_t *out, struct errmsg *why)
{
    struct kept k;
    struct campaign_side treated = {0}, holdout = {0};
    int64_t now_s = 0, cost = 0, points = 0;
    enum err e = load(b, code, &k, why);
    if (!e)
        e = side_of(b, &k, false, &treated, why);
    if (!e)
        e = side_of(b, &k, true, &holdout, why);
    if (!e)
        e = care_number(b, "SELECT coalesce(max(received_s), 0) FROM entry WHERE position > ?", 0, &now_s, why);
    if (!e)
        e = cost_of(b, code, k.cost_each, now_s, &cost, why);
    if (!e)
        e = points_given(b, code, &points, why);
    if (e)
        return e;
    struct campaign_lift l = campaign_lift_of(&treated, &holdout);
    json_object_set_new(out, "campaign", json_string(code));
    json_object_set_new(out, "state", json_string(k.state));
    put_side(out, "treated", &treated, l.treated_permille, l.treated_each);
    put_side(out, "holdout", &holdout, l.holdout_permille, l.holdout_each);
    json_object_set_new(out, "lift_permille", json_integer(l.lift_permille));
    json_object_set_new(out, "buyers_more", json_integer(l.buyers_more));
    json_object_set_new(out, "money_more", json_integer(money_minor(l.money_more)));
    json_object_set_new(out, "enough", json_boolean(l.enough));
    json_object_set_new(out, "points", json_integer(points));
    json_object_set_new(out, "cost", json_integer(cost));
    json_object_set_new(out, "budget", json_integer(k.budget));
    struct query q = query_text_of(b->store, "SELECT count(*), count(position), (SELECT count(*) FROM game_result WHERE"
                                             " campaign = ?1) FROM coupon WHERE campaign = ?1");
    query_text(&q, code);
    if ((e = rows_one(&q, "coupons:int coupons_used:int games:int", out, why)))
        return e;
    json_t *contacts = json_array();
    json_object_set_new(out, "contacts", contacts);
    q = query_text_of(b->store, "SELECT iif(held_out, 'held out', iif(contact = '', 'no message', contact)) AS c, count(*)"
                                " FROM campaign_member WHERE campaign = ? GROUP BY c ORDER BY 2 DESC, c");
    query_text(&q, code);
    return rows_of(&q, "contact:text members:int", contacts, why);
}

/* ---- games ---- */

struct game_line {
    char key[64], member_text[24], result[32], points_text[16];
    member_id member;
    int64_t points;
};

/* One field up to a comma or the end of the line; no quotes. */
static const char *field(const char *p, char *out, size_t size)
{
    size_t n = strcspn(p, ",\r\n");
    snprintf(out, size, "%.*s", (int)(n < size ? n : size - 1), p);
    return p[n] == ',' ? p + n + 1 : p + n;
}

static const char *read_game(struct books *b, const char *line, struct game_line *g)
{
    struct member_view view;
    char *end = NULL;
    if (strcspn(line, "\r\n") > 120)
        return tr("the line is too long");
    const char *p = field(line, g->key, sizeof g->key);
    p = field(p, g->member_text, sizeof g->member_text);
    p = field(p, g->result, sizeof g->result);
    p = field(p, g->points_text, sizeof g->points_text);
    if (!*g->key || (*p && *p != '\r' && *p != '\n'))
        return tr("a line is key,member,result,points");
    if (member_parse(&g->member, g->member_text) || books_member(b, g->member, &view, NULL))
        return tr("there is no such member");
    g->points = strtoll(g->points_text, &end, 10);
    if (!*g->points_text || *end || g->points < 0 || g->points > 1000000)
        return tr("the points are 0 to 1000000");
    return NULL;
}

static enum err take_game(struct books *b, const struct kept *k, const struct game_line *g, uint32_t user, int64_t now_s,
                          bool *known, struct errmsg *why)
{
    uint32_t seq = 0;
    struct query q = query_text_of(b->store, "SELECT 1 FROM game_result WHERE key = ?");
    query_text(&q, g->key);
    *known = query_row(&q);
    enum err e = query_done(&q, why);
    if (e || *known)
        return e;
    int64_t points = 0;
    if ((e = points_given(b, k->code, &points, why)))
        return e;
    if (k->budget && worth(b, points + g->points, now_s) > k->budget)
        return err_set(why, ERR_REFUSED, tr("the budget of campaign %s does not reach"), k->code);
    if (g->points && (e = post_points(b, k->code, g->result, g->member, g->points, user, now_s, &seq, why)))
        return e;
    q = query_text_of(b->store, "INSERT INTO game_result (key, campaign, member, result, time_s, points, seq)"
                                " VALUES (?, ?, ?, ?, ?, ?, nullif(?, 0))");
    query_text(&q, g->key);
    query_text(&q, k->code);
    query_int(&q, (int64_t)g->member);
    query_text(&q, g->result);
    query_int(&q, now_s);
    query_int(&q, g->points);
    query_int(&q, seq);
    return query_run(&q, why);
}

/* The next line that is not empty; NULL = none. */
static const char *next_line(const char *p, int *n)
{
    while (*p) {
        p += strcspn(p, "\n");
        p += *p == '\n';
        ++*n;
        if (*p && *p != '\r' && *p != '\n')
            return p;
    }
    return NULL;
}

static enum err check_games(struct books *b, const char *csv, json_t *faults, struct errmsg *why)
{
    struct game_line g;
    int n = 1;
    if (strncmp(csv, "key,member,result,points", 24) != 0)
        return err_set(why, ERR_FORMAT, tr("the first line is key,member,result,points"));
    for (const char *p = csv; (p = next_line(p, &n));) {
        const char *fault = read_game(b, p, &g);
        if (fault && json_array_size(faults) < 100)
            json_array_append_new(faults, json_sprintf(tr("line %d: %s"), n, fault));
    }
    size_t count = json_array_size(faults);
    return count ? err_set(why, ERR_FORMAT, tr("%zu lines are not right: %s"), count,
                           json_string_value(json_array_get(faults, 0)))
                 : OK;
}

enum err campaign_games(struct books *b, const char *code, const char *csv, bool dry, uint32_t user, int64_t now_s,
                        int64_t *taken, int64_t *known, json_t *faults, struct errmsg *why)
{
    struct kept k;
    struct game_line g;
    bool own;
    int n = 1;
    *taken = *known = 0;
    enum err e = load(b, code, &k, why);
    if (!e && strcmp(k.state, "running") != 0)
        e = err_set(why, ERR_STATE, tr("campaign %s is %s"), code, k.state);
    if (!e)
        e = check_games(b, csv, faults, why);
    if (e || (e = care_begin(b, &own, why)))
        return e;
    struct query q = query_text_of(b->store, "SAVEPOINT games"); /* a dry run inside the caller's transaction */
    e = query_run(&q, why);
    for (const char *p = csv; !e && (p = next_line(p, &n));) {
        bool again = false;
        if (!read_game(b, p, &g))
            e = take_game(b, &k, &g, user, now_s, &again, why);
        *(again ? known : taken) += 1;
    }
    if (e || dry) {
        q = query_text_of(b->store, "ROLLBACK TO games");
        enum err undone = query_run(&q, e ? NULL : why);
        e = e ? e : undone;
    }
    q = query_text_of(b->store, "RELEASE games");
    enum err released = query_run(&q, e ? NULL : why);
    return care_end(b, own, e ? e : released, why);
}
