/* referral.c - see referral.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/care/referral.h"
#include "base/date.h"
#include "base/tr.h"
#include "base/mbed.h"
#include "office/care/campaign_core.h"
#include "office/care/care_core.h"
#include "office/care/care_int.h"
#include "office/care/message.h"

#include <inttypes.h>
#include <stdlib.h>

static enum err setting(struct books *b, const char *name, int64_t *out, struct errmsg *why)
{
    char text[32] = "";
    enum err e = care_setting(b, name, text, sizeof text, why);
    *out = strtoll(text, NULL, 10);
    return e;
}

/* ---- codes ---- */

enum err referral_code(struct books *b, member_id member, char out[REFERRAL_CODE_SIZE], struct errmsg *why)
{
    struct member_view view;
    enum err e = books_member(b, member, &view, why);
    *out = 0;
    for (int tries = 0; !e && !*out && tries < 100; tries++) {
        char coupon[COUPON_SIZE];
        uint64_t random;
        struct query q = query_text_of(b->store, "SELECT code FROM referral_code WHERE member = ?");
        query_int(&q, (int64_t)member);
        if (query_row(&q))
            query_get_text(&q, out, REFERRAL_CODE_SIZE);
        if ((e = query_done(&q, why)) || *out)
            break;
        if (mbed_random(NULL, (unsigned char *)&random, sizeof random))
            return err_set(why, ERR_CRYPTO, "no random numbers");
        coupon_make(coupon, "R", random); /* six letters, the last a check */
        q = query_text_of(b->store, "INSERT OR IGNORE INTO referral_code (code, member) VALUES (?, ?)");
        query_text(&q, coupon + 2);
        query_int(&q, (int64_t)member);
        e = query_run(&q, why);
    }
    return e;
}

static enum err find_referrer(struct books *b, const char *code, member_id *referrer, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "SELECT member FROM referral_code WHERE code = upper(?)");
    query_text(&q, code);
    *referrer = query_row(&q) ? (member_id)query_get_int(&q) : 0;
    enum err e = query_done(&q, why);
    return e || *referrer ? e : err_set(why, ERR_NOT_FOUND, tr("nobody has this code"));
}

/* What speaks against it. */
static enum err check(struct books *b, member_id referrer, member_id member, int64_t now_s, struct errmsg *why)
{
    int64_t joined = 0, bought = 0, brought_by_me = 0, named = 0, days = 0;
    struct query q = query_text_of(
        b->store, "SELECT enrolled_day, (SELECT count(*) FROM sale WHERE member = ?1),"
                  " (SELECT count(*) FROM referral WHERE member = ?2 AND referrer = ?1),"
                  " (SELECT count(*) FROM referral WHERE member = ?1) FROM member WHERE member = ?1");
    query_int(&q, (int64_t)member);
    query_int(&q, (int64_t)referrer);
    bool found = query_row(&q);
    if (found) {
        joined = query_get_int(&q);
        bought = query_get_int(&q);
        brought_by_me = query_get_int(&q);
        named = query_get_int(&q);
    }
    enum err e = query_done(&q, why);
    if (!e)
        e = setting(b, "referral_days", &days, why);
    if (e)
        return e;
    if (!found)
        return err_set(why, ERR_NOT_FOUND, tr("the member is not known"));
    if (referrer == member)
        return err_set(why, ERR_REFUSED, tr("nobody brings themself"));
    if (named)
        return err_set(why, ERR_EXISTS, tr("who brought this member is known already"));
    if (brought_by_me)
        return err_set(why, ERR_REFUSED, tr("two members cannot bring each other"));
    if (bought)
        return err_set(why, ERR_REFUSED, tr("who has bought before is not new"));
    return day_of_time(now_s) - joined > days
               ? err_set(why, ERR_REFUSED, tr("who brought a member is named within %" PRId64 " days of joining"), days)
               : OK;
}

enum err referral_claim(struct books *b, const char *code, member_id member, int64_t now_s, struct errmsg *why)
{
    member_id referrer = 0;
    bool own;
    enum err e = care_begin(b, &own, why);
    if (e)
        return e;
    e = find_referrer(b, code, &referrer, why);
    if (!e)
        e = check(b, referrer, member, now_s, why);
    if (!e) {
        struct query q = query_text_of(b->store, "INSERT INTO referral (member, referrer, time_s, state)"
                                                 " VALUES (?, ?, ?, 'waiting')");
        query_int(&q, (int64_t)member);
        query_int(&q, (int64_t)referrer);
        query_int(&q, now_s);
        e = query_run(&q, why);
    }
    return care_end(b, own, e, why);
}

/* ---- rewards ---- */

static enum err give(struct books *b, member_id member, int64_t points, const char *what, member_id other, int64_t now_s,
                     uint32_t *seq, struct errmsg *why)
{
    char number[MEMBER_TEXT_SIZE];
    *seq = 0;
    if (points == 0)
        return OK;
    struct txn *t = calloc(1, sizeof *t);
    if (!t)
        return err_set(why, ERR_IO, "out of memory");
    member_text(number, other);
    t->kind = TXN_ADJUST;
    t->time_s = now_s;
    t->member = member;
    t->points = points_of(points);
    snprintf(t->reason, sizeof t->reason, "referral: %s %s", what, number);
    enum err e = books_post_own(b, t, now_s, why);
    *seq = t->id.seq;
    free(t);
    return e;
}

/* Pairs rewarded in the year to now. */
static enum err rewarded_of(struct books *b, member_id referrer, int64_t now_s, int64_t *count, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "SELECT count(*) FROM referral WHERE referrer = ? AND state = 'rewarded'"
                                             " AND rewarded_s > ?");
    query_int(&q, (int64_t)referrer);
    query_int(&q, now_s - INT64_C(365) * SECONDS_PER_DAY);
    *count = query_row(&q) ? query_get_int(&q) : 0;
    return query_done(&q, why);
}

static enum err reward(struct books *b, member_id member, member_id referrer, int64_t now_s, int64_t *rewarded,
                       struct errmsg *why)
{
    int64_t most = 0, already = 0, of_referrer = 0, of_member = 0;
    uint32_t seq = 0, referrer_seq = 0;
    enum err e = setting(b, "referral_most", &most, why);
    if (!e)
        e = setting(b, "referral_referrer", &of_referrer, why);
    if (!e)
        e = setting(b, "referral_member", &of_member, why);
    if (!e)
        e = rewarded_of(b, referrer, now_s, &already, why);
    bool over = already >= most;
    if (!e && !over)
        e = give(b, referrer, of_referrer, "brought", member, now_s, &referrer_seq, why);
    if (!e && !over)
        e = give(b, member, of_member, "brought by", referrer, now_s, &seq, why);
    if (e)
        return e;
    *rewarded += !over;
    struct query q = query_text_of(b->store, "UPDATE referral SET state = ?2, referrer_seq = nullif(?3, 0),"
                                             " member_seq = nullif(?4, 0), rewarded_s = ?5 WHERE member = ?1");
    query_int(&q, (int64_t)member);
    query_text(&q, over ? "over the limit" : "rewarded");
    query_int(&q, referrer_seq);
    query_int(&q, seq);
    query_int(&q, now_s);
    return query_run(&q, why);
}

enum err referral_run(struct books *b, int64_t now_s, int64_t *rewarded, struct errmsg *why)
{
    bool own, found = true;
    enum err e = care_begin(b, &own, why);
    *rewarded = 0;
    if (e)
        return e;
    while (!e && found) { /* a purchase that came back whole is none */
        member_id member = 0, referrer = 0;
        struct query q = query_text_of(b->store, "SELECT member, referrer FROM referral r WHERE state = 'waiting' AND"
                                                 " EXISTS (SELECT 1 FROM metric_day d WHERE d.member = r.member AND"
                                                 " d.bills > 0) ORDER BY time_s, member LIMIT 1");
        if ((found = query_row(&q))) {
            member = (member_id)query_get_int(&q);
            referrer = (member_id)query_get_int(&q);
        }
        e = query_done(&q, why);
        if (!e && found)
            e = reward(b, member, referrer, now_s, rewarded, why);
    }
    return care_end(b, own, e, why);
}

enum err referral_list(struct books *b, json_t *rows, struct errmsg *why)
{
    struct query q = query_text_of(
        b->store, "SELECT referrer, count(*), sum(state = 'rewarded'), sum(state = 'waiting'),"
                  " coalesce(sum((SELECT coalesce(sum(p.amount), 0) FROM posting p JOIN entry e USING (position)"
                  " WHERE e.terminal = 0 AND e.seq = r.referrer_seq AND p.member = r.referrer AND p.account = 'held')), 0),"
                  " coalesce(sum((SELECT sum(spend) FROM metric_day d WHERE d.member = r.member)), 0) AS spent"
                  " FROM referral r GROUP BY referrer ORDER BY spent DESC, referrer LIMIT 1000");
    return rows_of(&q, "referrer:member brought:int rewarded:int waiting:int points:points spent:money", rows, why);
}

/* ---- win-back ---- */

const char *const winback_reasons[] = {"moved", "price", "goods", "service", "points", "competitor", "no need", "other",
                                       NULL};

struct lost {
    member_id member;
    int64_t last_day, value;
    bool reachable;
};

/* All who bought, but not for so long, and are in no open row of the queue; *all is malloc'd. */
static enum err find_lost(struct books *b, int32_t today, int64_t days, struct lost **all, size_t *count,
                          struct errmsg *why)
{
    struct query q = query_text_of(
        b->store, "SELECT member, last, (SELECT coalesce(sum(spend), 0) FROM metric_day d WHERE d.member = l.member AND"
                  " d.day > l.last - 365 AND d.day <= l.last), coalesce((SELECT given FROM consent c WHERE"
                  " c.member = l.member AND c.purpose = 'messages' ORDER BY c.id DESC LIMIT 1), 0)"
                  " FROM (SELECT member, max(day) AS last FROM metric_day WHERE bills > 0 GROUP BY member) l"
                  " WHERE last <= ?1 AND NOT EXISTS (SELECT 1 FROM winback w WHERE w.member = l.member AND"
                  " w.last_day >= l.last) ORDER BY member");
    size_t cap = 0;
    enum err e = OK;
    query_int(&q, today - days);
    while (!e && query_row(&q)) {
        if (*count == cap) {
            cap = cap ? 2 * cap : 1024;
            struct lost *more = realloc(*all, cap * sizeof **all);
            if (!more) {
                e = err_set(why, ERR_IO, "out of memory");
                break;
            }
            *all = more;
        }
        struct lost *l = &(*all)[(*count)++];
        l->member = (member_id)query_get_int(&q);
        l->last_day = query_get_int(&q);
        l->value = query_get_int(&q);
        l->reachable = query_get_int(&q) != 0;
    }
    enum err done = query_done(&q, e ? NULL : why);
    return e ? e : done;
}

static enum err add_lost(struct books *b, const struct lost *l, int64_t important, int64_t small, int64_t now_s,
                         struct errmsg *why)
{
    enum winback w = winback_of(money_of(l->value), money_of(important), money_of(small), l->reachable);
    struct query q = query_text_of(
        b->store, "INSERT INTO winback (member, disposition, value, last_day, state, added_s) VALUES (?, ?, ?, ?, 'open',"
                  " ?) ON CONFLICT (member) DO UPDATE SET disposition = excluded.disposition, value = excluded.value,"
                  " last_day = excluded.last_day, state = 'open', reason = '', added_s = excluded.added_s,"
                  " contacted_s = 0, won_day = 2147483647");
    query_int(&q, (int64_t)l->member);
    query_text(&q, winback_texts[w]);
    query_int(&q, l->value);
    query_int(&q, l->last_day);
    query_int(&q, now_s);
    return query_run(&q, why);
}

static enum err see_who_came_back(struct books *b, int64_t *won, struct errmsg *why)
{
    struct query q = query_text_of(
        b->store, "UPDATE winback SET state = 'won back', won_day = (SELECT min(day) FROM metric_day d WHERE"
                  " d.member = winback.member AND d.day > winback.last_day AND d.bills > 0) WHERE state <> 'won back'"
                  " AND EXISTS (SELECT 1 FROM metric_day d WHERE d.member = winback.member AND d.day > winback.last_day"
                  " AND d.bills > 0) RETURNING 1");
    while (query_row(&q))
        ++*won;
    return query_done(&q, why);
}

enum err winback_run(struct books *b, int64_t now_s, int64_t *added, int64_t *won, struct errmsg *why)
{
    int64_t days = 0, important = 0, small = 0;
    struct lost *all = NULL;
    size_t count = 0;
    bool own;
    *added = *won = 0;
    enum err e = care_begin(b, &own, why);
    if (e)
        return e;
    e = setting(b, "winback_days", &days, why);
    if (!e)
        e = setting(b, "winback_important", &important, why);
    if (!e)
        e = setting(b, "winback_small", &small, why);
    if (!e)
        e = see_who_came_back(b, won, why);
    if (!e)
        e = find_lost(b, day_of_time(now_s), days, &all, &count, why);
    for (size_t i = 0; i < count && !e; i++) {
        e = add_lost(b, &all[i], important, small, now_s, why);
        *added += !e;
    }
    free(all);
    return care_end(b, own, e, why);
}

#define STRIVE_FIRST                                                                                                   \
    "CASE disposition WHEN 'strive' THEN 0 WHEN 'as it comes' THEN 1 WHEN 'mostly let go' THEN 2 ELSE 3 END"

enum err winback_list(struct books *b, const char *disposition, json_t *rows, struct errmsg *why)
{
    struct query q = query_text_of(
        b->store, "SELECT member, disposition, value, last_day, state, reason, contacted_s, won_day FROM winback"
                  " WHERE (?1 = '' OR disposition = ?1) AND NOT EXISTS (SELECT 1 FROM member m WHERE"
                  " m.member = winback.member AND m.merged_into <> 0) ORDER BY state IN ('won back', 'lost'), " STRIVE_FIRST
                  ", value DESC, member LIMIT 10000");
    query_text(&q, disposition);
    return rows_of(&q, "member:member disposition:text value:money last:day state:text reason:text contacted:time won:day",
                   rows, why);
}

enum err winback_contacted(struct books *b, member_id member, bool lost, const char *reason, int64_t now_s,
                           struct errmsg *why)
{
    int i = 0;
    while (*reason && winback_reasons[i] && strcmp(winback_reasons[i], reason) != 0)
        i++;
    if (*reason && !winback_reasons[i])
        return err_set(why, ERR_FORMAT, tr("'%s' is no reason why a member leaves"), reason);
    struct query q = query_text_of(b->store, "UPDATE winback SET state = ?2, reason = ?3, contacted_s = ?4"
                                             " WHERE member = ?1 AND state <> 'won back' RETURNING 1");
    query_int(&q, (int64_t)member);
    query_text(&q, lost ? "lost" : "contacted");
    query_text(&q, reason);
    query_int(&q, now_s);
    bool done = query_row(&q);
    enum err e = query_done(&q, why);
    int64_t there = 0;
    if (e || done)
        return e;
    if ((e = care_number(b, "SELECT count(*) FROM winback WHERE member = ?", (int64_t)member, &there, why)))
        return e;
    return there ? err_set(why, ERR_STATE, tr("the member has come back")) :
                   err_set(why, ERR_NOT_FOUND, tr("the member is not in the queue"));
}

enum err winback_numbers(struct books *b, json_t *rows, struct errmsg *why)
{
    struct query q = query_text_of(
        b->store, "SELECT disposition, count(*), sum(contacted_s > 0), sum(state = 'won back'),"
                  " sum(state = 'won back' AND contacted_s > 0), sum(value) FROM winback GROUP BY disposition"
                  " ORDER BY " STRIVE_FIRST);
    enum err e = rows_of(&q, "disposition:text members:int contacted:int won:int won_contacted:int value:money", rows, why);
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        int32_t n = care_permille(json_integer_value(json_object_get(row, "won_contacted")),
                                  json_integer_value(json_object_get(row, "contacted")));
        json_object_set_new(row, "won_permille", n < 0 ? json_null() : json_integer(n));
    }
    return e;
}
