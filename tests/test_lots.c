/* test_lots.c - lots: spent first-expiring first, judged by the day of the event.
 * A scenario is written as a line of words; the lots after it are the last column.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "rules/rules.h"
#include "tests/packs.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CAP = 16, TAKES = 32 };

/* One member, and what was recorded of the takes so that they can be undone. */
struct world {
    struct lot lots[CAP];
    int32_t count, cap;
    struct points owed;
    struct {
        struct lot_move moves[CAP + 1];
        int32_t count;
        int64_t uncovered, back;
    } takes[TAKES];
    int32_t take_count;
    int64_t net; /* what must be left: in - out, by our own count */
};

static struct world world(void)
{
    return (struct world){.cap = CAP};
}

/* What the moves say must be what happened: the books will hold only the moves. */
static void check(const struct world *before, const struct world *w, const struct lot_move *moves,
                  int32_t move_count)
{
    int64_t sum = 0;
    struct lot replay[CAP + CAP];
    int32_t count = before->count;
    memcpy(replay, before->lots, sizeof before->lots);
    for (int32_t i = 0; i < move_count; i++) {
        int32_t k = 0;
        assert_true(points_n(moves[i].left) || points_n(moves[i].expired));
        while (k < count && replay[k].expires_day != moves[i].expires_day)
            k++;
        if (k == count)
            replay[count++] = (struct lot){.expires_day = moves[i].expires_day};
        replay[k].left = points_of(points_n(replay[k].left) + points_n(moves[i].left));
        replay[k].expired = points_of(points_n(replay[k].expired) + points_n(moves[i].expired));
    }
    assert_int_equal(count, w->count);
    for (int32_t i = 0; i < w->count; i++) {
        const struct lot *lot = &w->lots[i];
        assert_true(points_n(lot->left) >= 0);
        assert_true(points_n(lot->expired) >= 0);
        assert_true(i == 0 || w->lots[i - 1].expires_day < lot->expires_day);
        sum += points_n(lot->left);
        for (int32_t k = 0; k < count; k++)
            if (replay[k].expires_day == lot->expires_day) {
                assert_int_equal(points_n(replay[k].left), points_n(lot->left));
                assert_int_equal(points_n(replay[k].expired), points_n(lot->expired));
            }
    }
    assert_int_equal(lots_left(w->lots, w->count), sum);
    assert_true(points_n(w->owed) >= 0);
}

static void add(struct world *w, int64_t n, int32_t expires_day, int32_t day)
{
    struct world before = *w;
    struct lot_move moves[CAP + 1];
    int32_t move_count;
    assert_int_equal(lots_add(w->lots, &w->count, w->cap, expires_day, day, points_of(n), &w->owed,
                              moves, &move_count, NULL),
                     OK);
    check(&before, w, moves, move_count);
    w->net += n;
}

static void owe(struct world *w, struct points more)
{
    assert_true(points_add(&w->owed, w->owed, more));
}

static void take(struct world *w, int64_t n, int32_t day)
{
    struct world before = *w;
    int32_t t = w->take_count++;
    assert_in_range(t, 0, TAKES - 1);
    struct points uncovered =
        lots_take(w->lots, w->count, day, points_of(n), w->takes[t].moves, &w->takes[t].count);
    w->takes[t].uncovered = points_n(uncovered);
    owe(w, uncovered);
    check(&before, w, w->takes[t].moves, w->takes[t].count);
    for (int32_t i = 0; i < w->takes[t].count; i++)
        w->net += -points_n(w->takes[t].moves[i].expired); /* undone expiry */
    w->net -= n;
}

static void give_back(struct world *w, int32_t t, int64_t n, int32_t fallback)
{
    struct world before = *w;
    struct lot_move moves[CAP + 2];
    int32_t move_count;
    assert_int_equal(lots_give_back(w->lots, &w->count, w->cap, w->takes[t].moves,
                                    w->takes[t].count, points_of(w->takes[t].uncovered),
                                    points_of(w->takes[t].back), points_of(n), &w->owed, fallback,
                                    moves, &move_count, NULL),
                     OK);
    w->takes[t].back += n;
    check(&before, w, moves, move_count);
    w->net += n;
}

static void claw(struct world *w, int64_t n, int32_t first, int32_t day)
{
    struct world before = *w;
    struct lot_move moves[CAP + 1];
    int32_t move_count;
    owe(w, lots_claw(w->lots, w->count, first, day, points_of(n), moves, &move_count));
    check(&before, w, moves, move_count);
    for (int32_t i = 0; i < move_count; i++)
        w->net += -points_n(moves[i].expired);
    w->net -= n;
}

static void expire(struct world *w, int32_t day)
{
    struct world before = *w;
    struct lot_move moves[CAP + 1];
    int32_t move_count;
    w->net -= points_n(lots_expire(w->lots, w->count, day, moves, &move_count));
    check(&before, w, moves, move_count);
}

/* "earn 100 10 @0": points, last good day, event day.  "spend 80 @5", "expire 11", "claw 40 10 @5":
 * points, the sale's lot, day.  "back 30 of 0 @60": points, which spend; else lot 60. */
static void act(struct world *w, const char *script)
{
    while (*script) {
        char verb[16];
        long long a = 0, b = 0, c = 0;
        int used = 0;
        if (sscanf(script, " %15s %lld%n", verb, &a, &used) < 2)
            fail_msg("no step: %s", script);
        script += used;
        used = 0;
        if (strcmp(verb, "back") == 0) {
            assert_int_equal(sscanf(script, " of %lld @%lld%n", &b, &c, &used), 2);
            give_back(w, (int32_t)b, a, (int32_t)c);
        } else if (strcmp(verb, "earn") == 0 || strcmp(verb, "claw") == 0) {
            assert_int_equal(sscanf(script, " %lld @%lld%n", &b, &c, &used), 2);
            if (*verb == 'e')
                add(w, a, b == -1 ? DAY_NEVER : (int32_t)b, (int32_t)c);
            else
                claw(w, a, (int32_t)b, (int32_t)c);
        } else if (strcmp(verb, "spend") == 0) {
            assert_int_equal(sscanf(script, " @%lld%n", &c, &used), 1);
            take(w, a, (int32_t)c);
        } else if (strcmp(verb, "expire") == 0) {
            expire(w, (int32_t)a);
        } else {
            fail_msg("no step: %s", verb);
        }
        script += used;
        script += *script == ',';
    }
    assert_int_equal(lots_left(w->lots, w->count) - points_n(w->owed), w->net);
}

/* "10:20 90:50/3 owed 4": last good day, left, expired if any. */
static const char *shown(const struct world *w)
{
    static char text[512];
    *text = 0;
    for (int32_t i = 0; i < w->count; i++) {
        const struct lot *lot = &w->lots[i];
        size_t used = strlen(text);
        if (!points_n(lot->left) && !points_n(lot->expired))
            continue;
        char day[16] = "never";
        if (lot->expires_day != DAY_NEVER)
            snprintf(day, sizeof day, "%d", (int)lot->expires_day);
        snprintf(text + used, sizeof text - used, "%s:%lld", day, (long long)points_n(lot->left));
        used = strlen(text);
        if (points_n(lot->expired))
            snprintf(text + used, sizeof text - used, "/%lld", (long long)points_n(lot->expired));
        strcat(text, " ");
    }
    if (points_n(w->owed))
        snprintf(text + strlen(text), sizeof text - strlen(text), "owed %lld ",
                 (long long)points_n(w->owed));
    return text;
}

TEST(lots, a_scenario_ends_as_written)
{
    static const struct {
        const char *script, *lots;
        int64_t left;
    } rows[] = {
        /* FloCafe#78, balance collapse: valid points must not vanish when spent ones expire */
        {"earn 100 10 @0, earn 50 90 @0, spend 80 @5, expire 11", "10:0/20 90:50 ", 50},
        /* the same, the redemption arriving after the expiry run: judged by its own day */
        {"earn 100 10 @0, earn 50 90 @0, expire 11, spend 80 @5", "10:0/20 90:50 ", 50},
        {"earn 100 10 @0, expire 11, earn 50 90 @0, spend 80 @5", "10:0/20 90:50 ", 50},
        /* first-expiring first, whatever came first; odoo#206048 */
        {"earn 50 90 @0, earn 100 10 @0, spend 120 @5", "90:30 ", 30},
        {"earn 50 -1 @0, earn 100 10 @0, spend 120 @5", "never:30 ", 30},
        {"earn 5 10 @0, earn 6 10 @1", "10:11 ", 11},
        /* good through the last day, not after */
        {"earn 100 10 @0, expire 10", "10:100 ", 100},
        {"earn 100 10 @0, expire 11", "10:0/100 ", 0},
        {"earn 100 10 @0, spend 40 @10", "10:60 ", 60},
        {"earn 100 10 @0, spend 40 @11", "10:100 owed 40 ", 100},
        {"earn 100 10 @0, expire 11, expire 11, expire 12", "10:0/100 ", 0},
        {"earn 100 -1 @0, expire 99999", "never:100 ", 100},
        /* not covered: owed, and paid by what comes in, if it is still good */
        {"earn 100 10 @0, spend 130 @5", "owed 30 ", 0},
        {"earn 100 10 @0, spend 130 @5, earn 50 90 @6", "90:20 ", 20},
        {"earn 100 10 @0, spend 130 @5, earn 20 90 @6", "owed 10 ", 0},
        {"earn 100 10 @0, spend 130 @5, earn 50 90 @91", "90:50 owed 30 ", 50},
        {"spend 0 @1, earn 0 10 @1, claw 0 10 @1, expire 1", "", 0},
        /* late entries spend expired parts before what is left */
        {"earn 100 10 @0, expire 11, earn 40 10 @3, spend 120 @9, expire 11", "10:0/20 ", 0},
        {"earn 100 10 @0, expire 11, earn 40 10 @3, spend 60 @9", "10:40/40 ", 40},
        {"earn 100 10 @0, earn 100 20 @0, expire 25, spend 150 @15", "10:0/100 owed 50 ", 0},
        /* redeemed points come back to their lots; odoo#212922, Square: given back once, in full */
        {"earn 100 10 @0, earn 50 90 @0, spend 120 @5, back 120 of 0 @99", "10:100 90:50 ", 150},
        /* the last taken first: take 120 and give back 30 is take 90 */
        {"earn 100 10 @0, earn 50 90 @0, spend 120 @5, back 30 of 0 @99", "10:10 90:50 ", 60},
        {"earn 100 10 @0, earn 50 90 @0, spend 120 @5, back 15 of 0 @99, back 15 of 0 @99",
         "10:10 90:50 ", 60},
        /* with the original expiry: points that would have ended have ended */
        {"earn 100 10 @0, spend 80 @5, expire 11, back 80 of 0 @99, expire 12", "10:0/100 ", 0},
        /* what had not been covered lowers the debt first; if repaid, it comes as new points */
        {"earn 100 10 @0, spend 130 @5, back 40 of 0 @99", "10:10 ", 10},
        {"earn 100 10 @0, spend 130 @5, earn 50 90 @6, back 40 of 0 @99", "10:10 90:20 99:30 ", 60},
        {"earn 100 10 @0, spend 130 @5, earn 10 90 @6, back 40 of 0 @99", "10:10 99:10 ", 20},
        /* clawback: from the sale's own lot, then first-expiring first */
        {"earn 100 10 @0, earn 50 90 @0, claw 50 90 @5", "10:100 ", 100},
        {"earn 100 10 @0, earn 50 90 @0, claw 70 90 @5", "10:80 ", 80},
        {"earn 100 10 @0, earn 50 90 @0, claw 170 90 @5", "owed 20 ", 0},
        /* odoo#257854, #238806: buy, spend the points, refund: nothing is won */
        {"earn 100 10 @0, spend 100 @1, claw 100 10 @2", "owed 100 ", 0},
        {"earn 100 10 @0, spend 100 @1, claw 100 10 @2, earn 150 10 @3", "10:50 ", 50},
        /* points that ended unused are not asked for again */
        {"earn 100 10 @0, earn 50 90 @0, expire 11, claw 100 10 @12", "90:50 ", 50},
        {"earn 100 10 @0, earn 50 90 @0, spend 60 @5, expire 11, claw 100 10 @12", "owed 10 ", 0},
        /* others' lots that are over on the day are not touched */
        {"earn 100 10 @0, earn 50 90 @0, spend 50 @5, claw 60 90 @11", "10:50 owed 10 ", 50},
    };
    int wrong = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w = world();
        act(&w, rows[i].script);
        if (strcmp(shown(&w), rows[i].lots) != 0 ||
            lots_left(w.lots, w.count) != rows[i].left) {
            print_error("row %zu: %s gave %s, not %s\n", i, rows[i].script, shown(&w),
                        rows[i].lots);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

TEST(lots, the_moves_of_a_late_spend_say_what_expiry_is_undone)
{
    struct world w = world();
    act(&w, "earn 100 10 @0, earn 50 90 @0, expire 11, earn 5 10 @2, spend 120 @5");
    assert_int_equal(w.takes[0].count, 2);
    assert_int_equal(w.takes[0].moves[0].expires_day, 10);
    assert_int_equal(points_n(w.takes[0].moves[0].expired), -100);
    assert_int_equal(points_n(w.takes[0].moves[0].left), -5);
    assert_int_equal(w.takes[0].moves[1].expires_day, 90);
    assert_int_equal(points_n(w.takes[0].moves[1].left), -15);
}

TEST(lots, no_room_is_refused_and_changes_nothing)
{
    struct world w = world();
    struct errmsg why;
    struct lot_move moves[CAP + 2];
    int32_t move_count = 77;
    for (int32_t i = 0; i < CAP; i++)
        add(&w, 1, 10 + i, 0);
    w.owed = points_of(3);
    assert_int_equal(
        lots_add(w.lots, &w.count, CAP, 99, 0, points_of(5), &w.owed, moves, &move_count, &why),
        ERR_FULL);
    assert_string_equal(why.text, "the member's points end on more than 16 different days");
    assert_int_equal(w.count, CAP);
    assert_int_equal(points_n(w.owed), 3);
    assert_int_equal(move_count, 77);
    /* What only pays a debt needs no lot. */
    assert_int_equal(
        lots_add(w.lots, &w.count, CAP, 99, 0, points_of(3), &w.owed, moves, &move_count, &why),
        OK);
    assert_int_equal(points_n(w.owed), 0);
    assert_int_equal(move_count, 0);
    assert_int_equal(lots_add(w.lots, &w.count, CAP, 10, 0, points_of(INT64_MAX), &w.owed, moves,
                              &move_count, &why),
                     ERR_RANGE);
    assert_string_equal(why.text, "the member's points add up to more than 2^63");

    move_count = 77;
    assert_int_equal(lots_move_end(w.lots, &w.count, CAP, 0, 99, moves, &move_count, &why), ERR_FULL);
    assert_int_equal(move_count, 77);
    assert_int_equal(points_n(w.lots[0].left), 1);
    assert_int_equal(lots_move_end(w.lots, &w.count, CAP, 99, 200, moves, &move_count, &why), OK); /* nothing to move */
    assert_int_equal(move_count, 0);
    struct world to = w;
    assert_int_equal(lots_move_end(to.lots, &to.count, CAP, 12, 10 + CAP - 1, moves, &move_count, &why), OK);
    assert_int_equal(move_count, CAP - 2);
    assert_int_equal(points_n(to.lots[CAP - 1].left), CAP - 2);
    assert_int_equal(points_n(to.lots[1].left), 1);

    static const struct lot_move taken[] = {{98, {-4}, {0}}, {99, {-4}, {0}}};
    assert_int_equal(lots_give_back(w.lots, &w.count, CAP, taken, 2, points_of(0), points_of(0),
                                    points_of(8), &w.owed, 100, moves, &move_count, &why),
                     ERR_FULL);
    assert_int_equal(lots_give_back(w.lots, &w.count, CAP + 2, taken, 2, points_of(0), points_of(1),
                                    points_of(8), &w.owed, 100, moves, &move_count, &why),
                     ERR_RANGE);
    assert_string_equal(why.text, "more points come back than had been redeemed");
    static const struct lot_move huge[] = {{10, {-INT64_MAX}, {0}}};
    assert_int_equal(lots_give_back(w.lots, &w.count, CAP, huge, 1, points_of(0), points_of(0),
                                    points_of(INT64_MAX), &w.owed, 100, moves, &move_count, &why),
                     ERR_RANGE);
    assert_string_equal(why.text, "the member's points add up to more than 2^63");
    assert_int_equal(w.count, CAP);
}

/* ---- properties ---- */

struct event {
    int32_t day;
    char verb; /* 'e'arn, 's'pend */
    int64_t points;
    int32_t expires_day;
};

static int by_day(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    return x->day != y->day ? (x->day > y->day) - (x->day < y->day)
                            : (x->verb > y->verb) - (x->verb < y->verb);
}

static void run(struct world *w, const struct event *events, int n)
{
    for (int i = 0; i < n; i++)
        if (events[i].verb == 'e')
            add(w, events[i].points, events[i].expires_day, events[i].day);
        else
            take(w, events[i].points, events[i].day);
}

/* Redemptions that were covered when they happened end the same whatever the order in which they
 * arrive, and wherever among them the expiry runs fall. */
TEST(lots, the_order_of_arrival_does_not_matter)
{
    for (int round = 0; round < 4000; round++) {
        struct event events[16];
        int earns = (int)test_below(5) + 1, spends = (int)test_below(5) + 1, n = 0;
        for (int i = 0; i < earns; i++)
            events[n++] = (struct event){0, 'e', 1 + test_below(50), 5 + (int32_t)test_below(20)};
        for (int i = 0; i < spends; i++)
            events[n++] = (struct event){1 + (int32_t)test_below(22), 's', 1 + test_below(40), 0};
        qsort(events, (size_t)n, sizeof events[0], by_day);

        /* As it happened: a run each morning. */
        struct world truth = world();
        int covered = 0;
        for (int i = 0; i < n; i++) {
            expire(&truth, events[i].day);
            int64_t there = lots_left(truth.lots, truth.count);
            if (events[i].verb == 's' && events[i].points > there)
                continue; /* a till would not have allowed it */
            events[covered++] = events[i];
            run(&truth, &events[i], 1);
        }
        expire(&truth, 30);
        assert_int_equal(points_n(truth.owed), 0);

        /* As it arrived: spends shuffled, runs anywhere between. */
        for (int i = covered - 1; i > earns; i--) {
            int k = earns + (int)test_below((uint32_t)(i - earns + 1));
            struct event e = events[i];
            events[i] = events[k];
            events[k] = e;
        }
        struct world w = world();
        int32_t run_day = 0;
        for (int i = 0; i < covered; i++) {
            run_day += (int32_t)test_below(8);
            expire(&w, run_day);
            run(&w, &events[i], 1);
        }
        expire(&w, 30);
        assert_int_equal(points_n(w.owed), 0);
        char want[512];
        snprintf(want, sizeof want, "%s", shown(&truth));
        assert_string_equal(shown(&w), want);
    }
}

/* Take p, give back q in any pieces: as if p - q had been taken. */
TEST(lots, giving_back_undoes_a_take_exactly)
{
    for (int round = 0; round < 3000; round++) {
        struct world w = world();
        for (uint32_t i = test_below(6) + 1; i > 0; i--)
            add(&w, 1 + test_below(50), 5 + (int32_t)test_below(20), 0);
        int32_t day = (int32_t)test_below(20);
        int64_t p = test_below(200), back = 0;
        struct world smaller = w;
        take(&w, p, day);
        while (back < p && test_below(4)) {
            int64_t q = 1 + test_below((uint32_t)(p - back));
            give_back(&w, 0, q, 99);
            back += q;
        }
        take(&smaller, p - back, day);
        char want[512];
        snprintf(want, sizeof want, "%s", shown(&smaller));
        assert_string_equal(shown(&w), want);
        assert_int_equal(points_n(w.owed), points_n(smaller.owed));
    }
}

/* Whatever happens, left - owed is what came in less what went out, and nothing is below 0. */
TEST(lots, no_point_is_made_or_lost)
{
    for (int round = 0; round < 2000; round++) {
        struct world w = world();
        for (int step = 0; step < 25; step++) {
            int32_t day = (int32_t)test_below(40);
            switch (test_below(5)) {
            case 0:
            case 1:
                add(&w, test_below(60), 10 + (int32_t)test_below(12) * 3, day);
                break;
            case 2:
                take(&w, test_below(80), day);
                break;
            case 3:
                claw(&w, test_below(60), 10 + (int32_t)test_below(12) * 3, day);
                break;
            case 4:
                expire(&w, day);
                break;
            }
            if (w.take_count && test_below(5) == 0) {
                int32_t t = (int32_t)test_below((uint32_t)w.take_count);
                int64_t all = w.takes[t].uncovered;
                for (int32_t i = 0; i < w.takes[t].count; i++)
                    all -=
                        points_n(w.takes[t].moves[i].left) + points_n(w.takes[t].moves[i].expired);
                if (all > w.takes[t].back)
                    give_back(&w, t, 1 + test_below((uint32_t)(all - w.takes[t].back)), 43);
            }
            assert_int_equal(lots_left(w.lots, w.count) - points_n(w.owed), w.net);
        }
    }
}
