/* reader_sim.h - a reader over a virtual card in this process, for tests: no libnfc, no child, no waiting.
 * A test sets the scene with the calls below; the code under test sees only struct reader.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_HW_READER_SIM_H
#define PATRON_HW_READER_SIM_H

#include "hw/reader.h"
#include "hw/vtarget.h"

struct reader_sim {
    struct reader reader;         /* give &s.reader to the code under test; its close does nothing */
    struct vtarget *card, *second;  /* in the field, NULL = none; borrowed */
    struct vtarget *lying;          /* what fresh leaves out until it was away */
    bool away;                    /* unplugged */
    bool armed, taken, lost;      /* lost: the card taken has been away since */
    struct reader_card seen;      /* the card taken */
    int32_t exchanges;            /* so far */
    int32_t tear_at;              /* the number of the exchange that is torn; 0 = none */
    bool tear_after;
    enum err tear_error;
    void (*bend)(struct reader_sim *s, struct buf *answer); /* what the till gets instead; NULL = as it is */
};

void reader_sim_init(struct reader_sim *s);
/* Lay a card into the field, in place of what is there; NULL = take it away.  Its session ends. */
void reader_sim_present(struct reader_sim *s, struct vtarget *card);
/* A second card beside the first; NULL = take it away. */
void reader_sim_add(struct reader_sim *s, struct vtarget *card);
/* The n-th exchange from now (1 = the next) finds the card pulled away: before it saw the frame, or after
 * it acted and before its answer came through.  e: what the till is told, ERR_GONE or ERR_TIMEOUT. */
void reader_sim_tear(struct reader_sim *s, int32_t n, bool after, enum err e);
/* Unplug the reader, and plug it in again. */
void reader_sim_plug(struct reader_sim *s, bool in);

#endif
