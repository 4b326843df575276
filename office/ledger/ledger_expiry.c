/* ledger_expiry.c - points that end later than they did: by a purchase (EXPIRY_ACTIVITY), and by hand.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "office/ledger/ledger_int.h"

#include <inttypes.h>

/* What was good on from_day or later and ends before to_day ends on to_day; what a run has ended of it comes back. */
static bool move_end(struct work *w, enum ledger_cause cause, int32_t from_day, int32_t to_day)
{
    struct ledger_facts *in = w->in;
    struct errmsg why;
    int32_t moved = 0;
    if (lots_move_end(in->lots, &in->lot_count, LOTS_MAX, from_day, to_day, w->out->scratch, &moved, &why)) {
        work_note(w, LEDGER_CANNOT_POST, "%s", why.text);
        return false;
    }
    work_keep_moves(w, cause, moved);
    work_expire(w, in->run_day); /* a purchase that comes late: that day may be over too */
    return true;
}

int32_t work_lot_day(struct work *w, const struct pack *pack)
{
    int32_t day = rules_expiry_day(pack, w->day, w->in->member.enrolled_day);
    return pack->expiry == EXPIRY_ACTIVITY && w->in->active_end > day ? w->in->active_end : day;
}

void work_move_by_purchase(struct work *w, int32_t to_day)
{
    if (w->in->pack->expiry == EXPIRY_ACTIVITY)
        (void)move_end(w, CAUSE_ACTIVITY, w->day, to_day);
}

int32_t work_back_day(struct work *w, const struct pack *pack)
{
    struct ledger_facts *in = w->in;
    struct ledger_sale *s = &in->sale;
    if (!pack)
        return DAY_NEVER;
    if (pack->expiry != EXPIRY_ACTIVITY || in->last_sale_day == INT32_MIN)
        return rules_expiry_day(pack, w->day, in->member.enrolled_day);
    int32_t end = rules_expiry_day(pack, in->last_sale_day, in->member.enrolled_day);
    for (int32_t i = 0; i < s->taken_count && end >= w->day; i++)
        if (s->taken[i].expires_day < end)
            s->taken[i].expires_day = end;
    return end; /* before w->day: they have all ended */
}

/* What has ended too long ago: it is said, not done. */
static void refuse_older(struct work *w, int32_t from_day)
{
    const struct ledger_facts *in = w->in;
    int64_t points = 0;
    int32_t newest = 0;
    for (int32_t i = 0; i < in->lot_count; i++) {
        const struct lot *lot = &in->lots[i];
        int64_t n = points_n(lot->left) + points_n(lot->expired);
        if (lot->expires_day < in->t->from_day || lot->expires_day >= from_day || n == 0)
            continue;
        points += n;
        newest = lot->expires_day;
    }
    char day[DAY_TEXT_SIZE];
    day_text(day, newest);
    if (points)
        work_note(w, LEDGER_ENDED_TOO_LONG,
                  "%" PRId64 " points that ended by %s, more than %" PRId32 " days before", points, day,
                  in->pack_now ? in->pack_now->reinstate_days : 0);
}

void ledger_post_extend(struct work *w)
{
    struct ledger_facts *in = w->in;
    const struct txn *t = in->t;
    int32_t from_day = w->day - (in->pack_now ? in->pack_now->reinstate_days : 0);
    char day[DAY_TEXT_SIZE];
    if (!in->member.known) {
        work_note(w, LEDGER_UNKNOWN_MEMBER, "M%" PRIu64, t->member);
        return;
    }
    if (t->day < w->day) {
        day_text(day, t->day);
        work_note(w, LEDGER_ENDED_TOO_LONG, "%s itself is over", day);
        return;
    }
    if (from_day < t->from_day)
        from_day = t->from_day;
    refuse_older(w, from_day);
    (void)move_end(w, CAUSE_EXTEND, from_day, t->day);
}
