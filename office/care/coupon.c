/* coupon.c - see coupon.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/care/coupon.h"
#include "base/date.h"
#include "base/mbed.h"
#include "office/care/care_int.h"
#include "office/care/message.h"

#include <stdlib.h>

enum err coupon_issue(struct books *b, const char *campaign, member_id member, int32_t last_day, int64_t now_s,
                      char out[COUPON_SIZE], struct errmsg *why)
{
    bool added = false;
    enum err e = OK;
    while (!e && !added) { /* one that is taken is drawn again */
        uint64_t random;
        if (mbed_random(NULL, (unsigned char *)&random, sizeof random))
            return err_set(why, ERR_CRYPTO, "no random numbers");
        coupon_make(out, campaign, random);
        struct query q = query_text_of(b->store, "INSERT OR IGNORE INTO coupon (coupon, campaign, member, last_day,"
                                                 " made_s) VALUES (?, ?, ?, ?, ?) RETURNING 1");
        query_text(&q, out);
        query_text(&q, campaign);
        query_int(&q, (int64_t)member);
        query_int(&q, last_day);
        query_int(&q, now_s);
        added = query_row(&q);
        e = query_done(&q, why);
    }
    return e;
}

/* What speaks against this coupon on this sale; "" = nothing, and it is used now. */
static enum err judge(struct books *b, const char *coupon, int64_t position, member_id member, int32_t day,
                      const char **answer, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "SELECT coalesce((SELECT nullif(merged_into, 0) FROM member m WHERE m.member ="
                                             " coupon.member), member), last_day, position IS NOT NULL, position IS ?2,"
                                             " (SELECT from_day FROM campaign c WHERE c.campaign = coupon.campaign)"
                                             " FROM coupon WHERE coupon = ?1");
    query_text(&q, coupon);
    query_int(&q, position);
    bool known = query_row(&q), used = false, same = false;
    member_id owner = 0;
    int64_t last = 0, first = 0;
    if (known) {
        owner = (member_id)query_get_int(&q);
        last = query_get_int(&q);
        used = query_get_int(&q) != 0;
        same = query_get_int(&q) != 0;
        first = query_get_int(&q);
    }
    enum err e = query_done(&q, why);
    *answer = "";
    if (e || same)
        return e;
    if (known && owner != member) { /* its number may be merged: it is the survivor's */
        member_id is = owner;
        e = books_survivor(b, owner, &is, why);
        if (e && e != ERR_NOT_FOUND)
            return e;
        owner = is;
    }
    if (!known)
        *answer = "no such coupon was given out";
    else if (used)
        *answer = "it was used before";
    else if (owner != member)
        *answer = member ? "it is another member's" : "used without a member";
    else if (day > last || day < first)
        *answer = "it was not good on that day";
    if (**answer)
        return OK;
    q = query_text_of(b->store, "UPDATE coupon SET position = ?2 WHERE coupon = ?1");
    query_text(&q, coupon);
    query_int(&q, position);
    return query_run(&q, why);
}

static enum err note(struct books *b, int64_t position, const char *coupon, const char *answer, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "INSERT OR IGNORE INTO coupon_review VALUES (?, ?, ?)");
    query_int(&q, position);
    query_text(&q, coupon);
    query_text(&q, answer);
    return query_run(&q, why);
}

/* The coupons of one sale. */
static enum err look_at(struct books *b, const struct txn *t, int64_t position, member_id member, int64_t *used,
                        int64_t *odd, struct errmsg *why)
{
    enum err e = OK;
    for (int32_t i = 0; i < t->coupon_count && !e; i++) {
        const char *answer;
        e = judge(b, t->coupons[i], position, member, day_of_time(t->time_s), &answer, why);
        if (!e && *answer)
            e = note(b, position, t->coupons[i], answer, why);
        *(*answer ? odd : used) += 1;
    }
    return e;
}

/* The next sale after a position, decoded; false: none. */
static enum err next_sale(struct books *b, int64_t *position, struct txn *t, member_id *member, bool *found,
                          struct errmsg *why)
{
    struct query q = query_text_of(b->store, "SELECT e.position, e.bytes, coalesce(s.member, 0) FROM entry e"
                                             " LEFT JOIN sale s USING (position) WHERE e.position > ? AND e.kind = 1"
                                             " ORDER BY e.position LIMIT 1");
    enum err e = OK;
    query_int(&q, *position);
    if ((*found = query_row(&q))) {
        *position = query_get_int(&q);
        e = wire_decode_txn(t, query_get_blob(&q), why);
        *member = (member_id)query_get_int(&q);
    }
    enum err done = query_done(&q, e ? NULL : why);
    return e ? e : done;
}

enum err coupon_scan(struct books *b, int64_t *used, int64_t *odd, struct errmsg *why)
{
    char text[32] = "";
    bool own, found = true;
    struct txn *t = malloc(sizeof *t);
    *used = *odd = 0;
    if (!t)
        return err_set(why, ERR_IO, "out of memory");
    enum err e = care_begin(b, &own, why);
    if (e) {
        free(t);
        return e;
    }
    e = care_setting(b, "coupon_position", text, sizeof text, why);
    int64_t position = strtoll(text, NULL, 10);
    while (!e && found) {
        member_id member = 0;
        e = next_sale(b, &position, t, &member, &found, why);
        if (!e && found)
            e = look_at(b, t, position, member, used, odd, why);
    }
    if (!e) {
        struct query q = query_text_of(b->store, "UPDATE care_setting SET value = CAST(? AS TEXT)"
                                                 " WHERE name = 'coupon_position'");
        query_int(&q, position);
        e = query_run(&q, why);
    }
    free(t);
    return care_end(b, own, e, why);
}

enum err coupon_list(struct books *b, const char *campaign, member_id member, int32_t today, json_t *rows,
                     struct errmsg *why)
{
    struct query q = query_text_of(
        b->store, "SELECT c.coupon, c.campaign, c.member, c.last_day, c.made_s, iif(c.position IS NOT NULL, 'used',"
                  " iif(c.last_day < ?3, 'over', 'good')), coalesce(e.terminal, 0), coalesce(e.seq, 0) FROM coupon c"
                  " LEFT JOIN entry e ON e.position = c.position WHERE (?1 = '' OR c.campaign = ?1)"
                  " AND (?2 = 0 OR c.member = ?2) ORDER BY c.made_s DESC, c.coupon LIMIT 10000");
    query_text(&q, campaign);
    query_int(&q, (int64_t)member);
    query_int(&q, today);
    return rows_of(&q, "coupon:text campaign:text member:member last_day:day made:time state:text sale:entry", rows, why);
}

enum err coupon_reviews(struct books *b, json_t *rows, struct errmsg *why)
{
    struct query q = query_text_of(
        b->store, "SELECT e.terminal, e.seq, e.time_s, coalesce(s.member, 0), r.coupon, r.answer FROM coupon_review r"
                  " JOIN entry e USING (position) LEFT JOIN sale s USING (position) ORDER BY r.position DESC LIMIT 1000");
    return rows_of(&q, "sale:entry time:time member:member coupon:text answer:text", rows, why);
}
