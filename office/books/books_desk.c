/* books_desk.c - what people at head office decide about one member's points, asked before it is written: an entry that
 * would have to be looked at is refused.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "office/books/books_int.h"

#include <inttypes.h>

/* A REDEEM without a hold: of what is there. */
static enum err refuse_redeem(struct books *b, const struct txn *t, struct errmsg *why)
{
    struct points most;
    if (t->kind != TXN_REDEEM || entry_is(t->original))
        return OK;
    enum err e = books_spendable(b, t->member, t->time_s, &most, why);
    if (!e && points_cmp(t->redeemed, most) > 0)
        e = err_set(why, ERR_STATE, "%" PRId64 " points are to be redeemed, %" PRId64 " are there",
                    points_n(t->redeemed), points_n(most));
    return e;
}

enum err books_refuse_desk(struct books *b, const struct txn *t, int64_t now_s, struct errmsg *why)
{
    bool mine = t->kind == TXN_OPENING || t->kind == TXN_REDEEM || t->kind == TXN_RETURN || t->kind == TXN_RERATE;
    if (!mine)
        return OK;
    if (t->kind == TXN_OPENING && t->day < day_of_time(t->time_s))
        return err_set(why, ERR_RANGE, "the last good day of the points has passed");
    enum err e = refuse_redeem(b, t, why);
    if (!e)
        e = books_gather(b, t, now_s, 0, why);
    if (e)
        return e;
    ledger_post(&b->facts, &b->effects);
    if (b->effects.note_count == 0)
        return OK;
    const struct ledger_note *n = &b->effects.notes[0];
    bool nobody = n->answer == LEDGER_UNKNOWN_MEMBER;
    return err_set(why, nobody ? ERR_NOT_FOUND : ERR_STATE, "%s%s%s", ledger_answer_text(n->answer),
                   *n->detail ? ": " : "", n->detail);
}
