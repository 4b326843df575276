/* test_outbox.c - what a till owes, and when it tries again.
 * SPDX-License-Identifier: Apache-2.0 */
#include "sync/outbox.h"
#include "tests/test.h"

#include <string.h>

/* A batch of as many entries of this size as go in. */
static struct outbox_batch fill(const struct outbox *o, size_t size)
{
    struct outbox_batch b;
    outbox_start(o, &b);
    while (outbox_add(o, &b, size))
        ;
    return b;
}

TEST(outbox, a_batch_is_bounded_by_count_by_bytes_and_by_what_is_owed)
{
    static const struct {
        uint32_t next_seq, acked;
        size_t size;
        uint32_t first, count;
    } rows[] = {
        {1, 0, 100, 1, 0},
        {4, 0, 100, 1, 3},
        {100, 10, 100, 11, WIRE_BATCH_MAX},
        {100, 10, WIRE_ENTRY_MAX, 11, 1},
        {100, 10, WIRE_BATCH_BYTES / 4 - WIRE_PER_ENTRY, 11, 4},
        {100, 10, WIRE_BATCH_BYTES / 4 - WIRE_PER_ENTRY + 1, 11, 3},
        {UINT32_MAX, UINT32_MAX - 2, 100, UINT32_MAX - 1, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct outbox o;
        outbox_init(&o, rows[i].next_seq, rows[i].acked);
        struct outbox_batch b = fill(&o, rows[i].size);
        assert_int_equal(b.first, rows[i].first);
        assert_int_equal(b.count, rows[i].count);
        assert_true(b.size <= WIRE_BATCH_BYTES);
    }
}

TEST(outbox, an_acknowledgement_moves_on_and_asks_again_at_once_while_something_is_owed)
{
    struct outbox o;
    outbox_init(&o, 101, 0);
    assert_true(outbox_due(&o, 5));
    struct outbox_batch b = fill(&o, 10);
    outbox_sent(&o, &b);
    assert_false(outbox_due(&o, 1000000));
    assert_true(outbox_due_ms(&o) == INT64_MAX);
    outbox_journalled(&o, 101);
    assert_int_equal(outbox_acked(&o, 64, false, 5, 0), OUTBOX_OK);
    assert_int_equal(outbox_waiting(&o), 37);
    assert_true(outbox_due(&o, 5));
    b = fill(&o, 10);
    assert_int_equal(b.first, 65);
    outbox_sent(&o, &b);
    assert_int_equal(outbox_acked(&o, 101, false, 5, 0), OUTBOX_OK);
    assert_int_equal(outbox_waiting(&o), 0);
    assert_false(outbox_due(&o, 5)); /* now a heartbeat only */
    assert_true(outbox_due(&o, 5 + OUTBOX_HEARTBEAT_MS));
    outbox_journalled(&o, 102);
    assert_true(outbox_due(&o, 5)); /* but an entry does not wait for it */
}

TEST(outbox, more_from_head_office_is_fetched_at_once)
{
    struct outbox o;
    outbox_init(&o, 1, 0);
    struct outbox_batch b = fill(&o, 10);
    outbox_sent(&o, &b);
    assert_int_equal(outbox_acked(&o, 0, true, 7, 9), OUTBOX_OK);
    assert_true(outbox_due(&o, 7));
}

TEST(outbox, what_was_under_way_when_the_line_fell_is_sent_again)
{
    struct outbox o;
    outbox_init(&o, 4, 0);
    struct outbox_batch b = fill(&o, 10);
    outbox_sent(&o, &b);
    outbox_lost(&o, 0, 0);
    outbox_hurry(&o);
    b = fill(&o, 10);
    assert_int_equal(b.first, 1);
    assert_int_equal(b.count, 3);
}

TEST(outbox, an_answer_is_believed_only_for_what_was_just_sent)
{
    struct outbox o;
    outbox_init(&o, 11, 2);
    struct outbox_batch b;
    outbox_start(&o, &b);
    for (int i = 0; i < 3; i++)
        assert_true(outbox_add(&o, &b, 10));
    outbox_sent(&o, &b); /* 3, 4, 5 */
    assert_int_equal(outbox_acked(&o, 9, false, 0, 0), OUTBOX_OK);
    assert_int_equal(o.acked, 5); /* 6 to 9 are sent and compared too */
    assert_true(outbox_due(&o, 0));
    b = fill(&o, 10);
    outbox_sent(&o, &b);
    /* Head office knows an entry 11 that this till never wrote. */
    assert_int_equal(outbox_acked(&o, 11, false, 0, 0), OUTBOX_WRONG);
    assert_int_equal(o.acked, 5);
    assert_false(outbox_due(&o, OUTBOX_RETRY_MAX_MS));
    assert_true(outbox_due(&o, OUTBOX_REFUSED_MS));
}

TEST(outbox, a_head_office_restored_from_a_backup_gets_everything_again)
{
    struct outbox o;
    outbox_init(&o, 51, 50);
    struct outbox_batch b = fill(&o, 10);
    assert_int_equal(b.count, 0);
    outbox_sent(&o, &b);
    assert_int_equal(outbox_acked(&o, 20, false, 0, 0), OUTBOX_REWOUND);
    assert_true(outbox_due(&o, 0));
    b = fill(&o, 10);
    assert_int_equal(b.first, 21);
    assert_int_equal(b.count, 30);
}

TEST(outbox, the_wait_doubles_to_a_maximum_and_ends_with_success)
{
    struct outbox o;
    int64_t longest = 0;
    outbox_init(&o, 2, 0);
    for (int i = 0; i < 40; i++) {
        outbox_lost(&o, 1000, UINT32_MAX);
        int64_t low = OUTBOX_RETRY_MIN_MS / 2, wait = outbox_due_ms(&o) - 1000;
        assert_true(wait >= low);
        assert_true(wait <= OUTBOX_RETRY_MAX_MS);
        if (i < 5)
            assert_true(wait <= OUTBOX_RETRY_MIN_MS << i);
        longest = wait > longest ? wait : longest;
    }
    assert_true(longest > OUTBOX_RETRY_MAX_MS / 2);
    outbox_hurry(&o);
    struct outbox_batch b = fill(&o, 10);
    outbox_sent(&o, &b);
    assert_int_equal(outbox_acked(&o, 1, false, 0, 0), OUTBOX_OK);
    outbox_lost(&o, 1000, 0);
    assert_true(outbox_due_ms(&o) - 1000 <= OUTBOX_RETRY_MIN_MS);
}

TEST(outbox, tills_that_lost_head_office_together_come_back_spread_out)
{
    int late_half = 0;
    for (int i = 0; i < 100; i++) {
        struct outbox o;
        outbox_init(&o, 2, 0);
        o.faults = 10;
        outbox_lost(&o, 0, (uint32_t)test_random());
        late_half += outbox_due_ms(&o) > OUTBOX_RETRY_MAX_MS * 3 / 4;
    }
    assert_true(late_half > 25);
    assert_true(late_half < 75);
}

TEST(outbox, a_head_office_that_takes_nothing_is_not_asked_in_a_spin)
{
    struct outbox o;
    outbox_init(&o, 5, 0);
    struct outbox_batch b = fill(&o, 10);
    outbox_sent(&o, &b);
    assert_int_equal(outbox_acked(&o, 0, false, 0, 0), OUTBOX_OK);
    assert_false(outbox_due(&o, 0));
}

/* Seeded days of a till: entries come, lines fall before and after head office took them, answers are
 * lost.  In the end head office has each entry once, in order. */
TEST(outbox, whatever_happens_every_entry_arrives_once_and_in_order)
{
    for (int day = 0; day < 200; day++) {
        struct outbox o;
        uint32_t ledger = 0, newest = 0;
        int64_t now = 0;
        outbox_init(&o, 1, 0);
        for (int step = 0; step < 400 || ledger < newest; step++) {
            now += 1 + test_below(20000);
            assert_true(step < 4000);
            if (step < 400 && test_below(2))
                outbox_journalled(&o, ++newest);
            if (!outbox_due(&o, now))
                continue;
            struct outbox_batch b = fill(&o, 20 + test_below(30000));
            uint32_t fate = step < 400 ? test_below(6) : 5;
            if (fate == 0) { /* no connection */
                outbox_lost(&o, now, (uint32_t)test_random());
                continue;
            }
            outbox_sent(&o, &b);
            if (fate == 1) { /* fell before it arrived */
                outbox_lost(&o, now, (uint32_t)test_random());
                continue;
            }
            assert_true(b.first <= ledger + 1); /* no gap */
            uint32_t last = b.first + b.count - 1;
            ledger = last > ledger ? last : ledger;
            if (fate == 2) { /* the answer was lost */
                outbox_lost(&o, now, (uint32_t)test_random());
                if (test_below(4) == 0) /* and the till restarted */
                    outbox_init(&o, newest + 1, o.acked);
                continue;
            }
            assert_int_not_equal(outbox_acked(&o, ledger, test_below(2), now, (uint32_t)test_random()),
                                 OUTBOX_WRONG);
            assert_true(o.acked <= ledger);
        }
        assert_int_equal(ledger, newest);
    }
}
