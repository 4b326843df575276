/* outbox.h - what a till still owes head office, and when to try next.  Pure: entry numbers, time and
 * random numbers come in; the journal keeps the entries, link.h carries them.  Nothing here is ever
 * waited for by a sale.
 *
 *     when outbox_due:        connect (or use the line that is open)
 *     when the line is open:  outbox_start a batch; add entries from the journal while outbox_add says
 *                             true; ask with a Sync of batch.first .. (count may be 0: a heartbeat)
 *     on Synced:              outbox_acked, then journal what it says; on a refusal outbox_refused
 *     line lost, no connect:  outbox_lost: what was under way will be sent again (I2 makes that harmless)
 *
 * Times are milliseconds of a clock that never goes back.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_SYNC_OUTBOX_H
#define PATRON_SYNC_OUTBOX_H

#include "sync/wire.h"

enum {
    OUTBOX_RETRY_MIN_MS = 1000,    /* first wait after a fault; doubles with each further one */
    OUTBOX_RETRY_MAX_MS = 60000,
    OUTBOX_REFUSED_MS = 300000,    /* after a refusal: nothing will change soon by itself */
    OUTBOX_HEARTBEAT_MS = 30000    /* with nothing owed */
};

struct outbox {
    uint32_t next_seq;   /* of the next entry the journal will append: next_seq - 1 is the newest */
    uint32_t acked;      /* everything up to here is in the ledger */
    uint32_t sent_last;  /* newest entry of the batch under way; 0 = none is under way or it is empty */
    bool under_way;
    uint32_t faults;     /* in a row */
    int64_t due_ms;      /* not before */
};

/* The state after a start: owed is what the journal has above acked; due at once. */
void outbox_init(struct outbox *o, uint32_t next_seq, uint32_t acked);
/* An entry was journalled: seq. */
void outbox_journalled(struct outbox *o, uint32_t seq);
/* Entries owed. */
uint32_t outbox_waiting(const struct outbox *o);

/* Is it time to talk to head office, and with nothing under way?  And when will it be (INT64_MAX: after
 * the batch under way)? */
bool outbox_due(const struct outbox *o, int64_t now_ms);
int64_t outbox_due_ms(const struct outbox *o);
/* Something urgent (a tap found the line open, an operator asked): due at once. */
void outbox_hurry(struct outbox *o);

/* The batch being put together. */
struct outbox_batch {
    uint32_t first, count;
    size_t size; /* of the entries, with WIRE_PER_ENTRY each */
};
/* o must not be under way (asserted). */
void outbox_start(const struct outbox *o, struct outbox_batch *batch);
/* The next one to be added is batch->first + batch->count; size: its encoded bytes.  False: the batch is
 * full, or nothing more is owed (call with size 0 to ask only that).  The first entry always fits. */
MUST_CHECK bool outbox_add(const struct outbox *o, struct outbox_batch *batch, size_t size);
/* It was handed to the line. */
void outbox_sent(struct outbox *o, const struct outbox_batch *batch);

enum outbox_answer {
    OUTBOX_OK,
    OUTBOX_REWOUND, /* head office has less than it once acknowledged (restored from a backup): sent again */
    OUTBOX_WRONG    /* it has entries this till never wrote (a copy of the till, an old disk put back): not
                     * believed, nothing changed but the wait; tell a person */
};
/* acked_seq, more: as Synced says; beyond what the batch held it is not believed.  random: any number. */
enum outbox_answer outbox_acked(struct outbox *o, uint32_t acked_seq, bool more, int64_t now_ms,
                                uint32_t random);
/* Head office refused the batch; the till sells on, the entries stay. */
void outbox_refused(struct outbox *o, int64_t now_ms, uint32_t random);
/* The line was lost or could not be had. */
void outbox_lost(struct outbox *o, int64_t now_ms, uint32_t random);

#endif
