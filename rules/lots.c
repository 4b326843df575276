/* lots.c - the points of one member by the day they end.  See rules.h.
 *
 * A lot's points are left (to be spent), expired, or gone; every function moves some of them and
 * writes down each move, so that a ledger can post it, show it and undo it.  Whether a lot is good
 * is asked for the day of the event, never for today: an entry that was late on the line is treated
 * as on time. SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "rules/rules.h"

#include <assert.h>
#include <string.h>

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void note(struct lot_move *moves, int32_t *move_count, int32_t expires_day, int64_t left,
                 int64_t expired)
{
    if (left || expired)
        moves[(*move_count)++] =
            (struct lot_move){expires_day, points_of(left), points_of(expired)};
}

/* Take up to want from what is left, or from what has expired, of one lot; returns how much. */
static int64_t draw(struct points *part, int64_t want)
{
    int64_t taken = min64(points_n(*part), want);
    *part = points_of(points_n(*part) - taken);
    return taken;
}

struct points lots_take(struct lot *lots, int32_t count, int32_t day, struct points points,
                        struct lot_move *moves, int32_t *move_count)
{
    int64_t want = points_n(points);
    assert(want >= 0);
    *move_count = 0;
    for (int32_t i = 0; i < count && want; i++) {
        if (lots[i].expires_day < day)
            continue;
        int64_t expired = draw(&lots[i].expired, want);
        int64_t left = draw(&lots[i].left, want - expired);
        want -= expired + left;
        note(moves, move_count, lots[i].expires_day, -left, -expired);
    }
    return points_of(want);
}

struct points lots_claw(struct lot *lots, int32_t count, int32_t first_expires_day, int32_t day,
                        struct points points, struct lot_move *moves, int32_t *move_count)
{
    int64_t want = points_n(points);
    assert(want >= 0);
    *move_count = 0;
    for (int32_t i = 0; i < count && want; i++) {
        if (lots[i].expires_day != first_expires_day)
            continue;
        int64_t left = draw(&lots[i].left, want);
        int64_t expired = draw(&lots[i].expired, want - left);
        want -= left + expired;
        note(moves, move_count, first_expires_day, -left, -expired);
    }
    for (int32_t i = 0; i < count && want; i++) {
        if (lots[i].expires_day < day || lots[i].expires_day == first_expires_day)
            continue;
        int64_t left = draw(&lots[i].left, want);
        want -= left;
        note(moves, move_count, lots[i].expires_day, -left, 0);
    }
    return points_of(want);
}

struct points lots_expire(struct lot *lots, int32_t count, int32_t day, struct lot_move *moves,
                          int32_t *move_count)
{
    int64_t sum = 0;
    *move_count = 0;
    for (int32_t i = 0; i < count && lots[i].expires_day < day; i++) {
        int64_t left = points_n(lots[i].left);
        lots[i].left = points_of(0);
        lots[i].expired = points_of(points_n(lots[i].expired) + left);
        sum += left;
        note(moves, move_count, lots[i].expires_day, -left, left);
    }
    return points_of(sum);
}

/* ---- points coming in ---- */

static int32_t find(const struct lot *lots, int32_t count, int32_t expires_day)
{
    int32_t i = 0;
    while (i < count && lots[i].expires_day < expires_day)
        i++;
    return i;
}

static bool is_at(const struct lot *lots, int32_t count, int32_t i, int32_t expires_day)
{
    return i < count && lots[i].expires_day == expires_day;
}

/* May more points enter?  Keeps the sum of a list within int64. */
static bool has_room(const struct lot *lots, int32_t count, int64_t more)
{
    int64_t sum = more;
    for (int32_t i = 0; i < count; i++)
        if (__builtin_add_overflow(sum, points_n(lots[i].left), &sum) ||
            __builtin_add_overflow(sum, points_n(lots[i].expired), &sum))
            return false;
    return true;
}

/* The caller has seen that there is room. */
static void put(struct lot *lots, int32_t *count, int32_t expires_day, int64_t points,
                struct lot_move *moves, int32_t *move_count)
{
    if (points == 0)
        return;
    int32_t i = find(lots, *count, expires_day);
    if (!is_at(lots, *count, i, expires_day)) {
        memmove(&lots[i + 1], &lots[i], (size_t)(*count - i) * sizeof lots[0]);
        lots[i] = (struct lot){.expires_day = expires_day};
        (*count)++;
    }
    lots[i].left = points_of(points_n(lots[i].left) + points);
    note(moves, move_count, expires_day, points, 0);
}

enum err lots_add(struct lot *lots, int32_t *count, int32_t cap, int32_t expires_day, int32_t day,
                  struct points points, struct points *owed, struct lot_move *moves,
                  int32_t *move_count, struct errmsg *why)
{
    int64_t come = points_n(points);
    assert(come >= 0);
    assert(points_n(*owed) >= 0);
    int64_t repaid = expires_day >= day ? min64(points_n(*owed), come) : 0;
    come -= repaid;
    if (!has_room(lots, *count, come))
        return err_set(why, ERR_RANGE, "the member's points add up to more than 2^63");
    if (come && *count >= cap && !is_at(lots, *count, find(lots, *count, expires_day), expires_day))
        return err_set(why, ERR_FULL, "the member's points end on more than %d different days",
                       (int)cap);
    *move_count = 0;
    *owed = points_of(points_n(*owed) - repaid);
    put(lots, count, expires_day, come, moves, move_count);
    return OK;
}

/* Walking a take backwards: skip came back earlier, want come back now. */
struct way_back {
    int64_t skip, want;
};

/* How much of this part of the take comes back. */
static int64_t pass(struct way_back *w, int64_t part)
{
    int64_t skipped = min64(w->skip, part);
    int64_t back = min64(w->want, part - skipped);
    w->skip -= skipped;
    w->want -= back;
    return back;
}

enum err lots_give_back(struct lot *lots, int32_t *count, int32_t cap, const struct lot_move *taken,
                        int32_t taken_count, struct points uncovered, struct points back_before,
                        struct points points, struct points *owed, int32_t fallback_expires_day,
                        struct lot_move *moves, int32_t *move_count, struct errmsg *why)
{
    struct way_back w = {points_n(back_before), points_n(points)};
    assert(w.skip >= 0);
    assert(w.want >= 0);
    assert(points_n(*owed) >= 0);
    int64_t debt = pass(&w, points_n(uncovered));
    int64_t forgiven = min64(debt, points_n(*owed));
    int64_t fallback = debt - forgiven;

    struct way_back dry = w;
    int32_t fresh = 0;
    for (int32_t i = taken_count; i-- > 0;) {
        int64_t back = pass(&dry, -points_n(taken[i].left) - points_n(taken[i].expired));
        fresh += back && !is_at(lots, *count, find(lots, *count, taken[i].expires_day),
                                taken[i].expires_day);
    }
    if (dry.want)
        return err_set(why, ERR_RANGE, "more points come back than had been redeemed");
    if (fallback)
        fresh +=
            !is_at(lots, *count, find(lots, *count, fallback_expires_day), fallback_expires_day);
    if (fresh > cap - *count)
        return err_set(why, ERR_FULL, "the member's points end on more than %d different days",
                       (int)cap);
    if (!has_room(lots, *count, points_n(points) - forgiven))
        return err_set(why, ERR_RANGE, "the member's points add up to more than 2^63");

    *move_count = 0;
    *owed = points_of(points_n(*owed) - forgiven);
    put(lots, count, fallback_expires_day, fallback, moves, move_count);
    for (int32_t i = taken_count; i-- > 0;)
        put(lots, count, taken[i].expires_day,
            pass(&w, -points_n(taken[i].left) - points_n(taken[i].expired)), moves, move_count);
    return OK;
}

enum err lots_move_end(struct lot *lots, int32_t *count, int32_t cap, int32_t from_day, int32_t to_day,
                       struct lot_move *moves, int32_t *move_count, struct errmsg *why)
{
    int64_t sum = 0;
    for (int32_t i = 0; i < *count; i++)
        if (lots[i].expires_day >= from_day && lots[i].expires_day < to_day)
            sum += points_n(lots[i].left) + points_n(lots[i].expired);
    if (sum && *count >= cap && !is_at(lots, *count, find(lots, *count, to_day), to_day))
        return err_set(why, ERR_FULL, "the member's points end on more than %d different days", (int)cap);
    *move_count = 0;
    for (int32_t i = 0; i < *count; i++) {
        if (lots[i].expires_day < from_day || lots[i].expires_day >= to_day)
            continue;
        note(moves, move_count, lots[i].expires_day, -points_n(lots[i].left), -points_n(lots[i].expired));
        lots[i].left = lots[i].expired = points_of(0);
    }
    put(lots, count, to_day, sum, moves, move_count);
    return OK;
}
