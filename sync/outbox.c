/* outbox.c - see outbox.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "sync/outbox.h"

#include <assert.h>

void outbox_init(struct outbox *o, uint32_t next_seq, uint32_t acked)
{
    assert(next_seq >= 1);
    assert(acked < next_seq);
    *o = (struct outbox){.next_seq = next_seq, .acked = acked};
}

void outbox_journalled(struct outbox *o, uint32_t seq)
{
    assert(seq == o->next_seq);
    bool first = outbox_waiting(o) == 0;
    o->next_seq = seq + 1;
    if (first && o->faults == 0)
        o->due_ms = 0; /* it need not wait for the heartbeat; after a fault it waits like the others */
}

uint32_t outbox_waiting(const struct outbox *o)
{
    return o->next_seq - 1 - o->acked;
}

bool outbox_due(const struct outbox *o, int64_t now_ms)
{
    return !o->under_way && now_ms >= o->due_ms;
}

int64_t outbox_due_ms(const struct outbox *o)
{
    return o->under_way ? INT64_MAX : o->due_ms;
}

void outbox_hurry(struct outbox *o)
{
    o->due_ms = 0;
}

void outbox_start(const struct outbox *o, struct outbox_batch *batch)
{
    assert(!o->under_way);
    *batch = (struct outbox_batch){.first = o->acked + 1};
}

bool outbox_add(const struct outbox *o, struct outbox_batch *batch, size_t size)
{
    assert(size <= WIRE_ENTRY_MAX);
    if (batch->first + batch->count >= o->next_seq)
        return false;
    if (batch->count == WIRE_BATCH_MAX || batch->size + size + WIRE_PER_ENTRY > WIRE_BATCH_BYTES)
        return false;
    if (size > 0) {
        batch->count++;
        batch->size += size + WIRE_PER_ENTRY;
    }
    return true;
}

void outbox_sent(struct outbox *o, const struct outbox_batch *batch)
{
    assert(!o->under_way);
    assert(batch->first == o->acked + 1);
    o->under_way = true;
    o->sent_last = batch->count ? batch->first + batch->count - 1 : 0;
}

/* Between half of wait and wait: tills that lost head office together do not come back together. */
static int64_t jittered(int64_t wait_ms, uint32_t random)
{
    return wait_ms / 2 + (int64_t)(random % (uint32_t)(wait_ms / 2 + 1));
}

static void stop(struct outbox *o)
{
    o->under_way = false;
    o->sent_last = 0;
}

enum outbox_answer outbox_acked(struct outbox *o, uint32_t acked_seq, bool more, int64_t now_ms,
                                uint32_t random)
{
    uint32_t most = o->sent_last ? o->sent_last : o->acked;
    if (acked_seq >= o->next_seq) {
        outbox_refused(o, now_ms, random);
        return OUTBOX_WRONG;
    }
    /* It may have more than this batch: an earlier answer was lost.  Only what was just sent was compared
     * byte by byte there, so only that counts; the rest is sent and found known. */
    if (acked_seq > most)
        acked_seq = most;
    bool rewound = acked_seq < o->acked;
    bool stuck = o->sent_last && acked_seq == o->acked; /* took none, refused none: do not spin */
    stop(o);
    o->acked = acked_seq;
    if (stuck) {
        outbox_lost(o, now_ms, random);
        return OUTBOX_OK;
    }
    o->faults = 0;
    o->due_ms = more || outbox_waiting(o) ? now_ms
                                          : now_ms + jittered(OUTBOX_HEARTBEAT_MS, random);
    return rewound ? OUTBOX_REWOUND : OUTBOX_OK;
}

void outbox_refused(struct outbox *o, int64_t now_ms, uint32_t random)
{
    stop(o);
    o->faults++;
    o->due_ms = now_ms + jittered(OUTBOX_REFUSED_MS, random);
}

void outbox_lost(struct outbox *o, int64_t now_ms, uint32_t random)
{
    int64_t wait = OUTBOX_RETRY_MIN_MS;
    stop(o);
    for (uint32_t i = 0; i < o->faults && wait < OUTBOX_RETRY_MAX_MS; i++)
        wait *= 2;
    o->faults++;
    o->due_ms = now_ms + jittered(wait < OUTBOX_RETRY_MAX_MS ? wait : OUTBOX_RETRY_MAX_MS, random);
}
