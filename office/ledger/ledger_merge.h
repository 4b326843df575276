/* ledger_merge.h - points that go from one member to another: two numbers that are one person (MERGE, UNMERGE), and
 * points passed on (TRANSFER).  Pure.  docs/office.md, "The hardest case", says what has to hold.
 *
 *     giver's places and lots --> struct ledger_moving --> receiver's
 *                                 (account "moved": -n there, +n here; its sum over all members is 0)
 *
 * What is posted for a survivor keeps the number it came for (the owner), so that an UNMERGE can give back what the
 * number brought, and what its own cards did since.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_LEDGER_MERGE_H
#define PATRON_OFFICE_LEDGER_MERGE_H

#include "office/ledger/ledger.h"

enum {
    MOVING_CARDS_MAX = 32,    /* cards with points of one member: more are not merged */
    MOVING_EXPIRED_DAYS = 400 /* expired points go with their lot while an entry of then may still come */
};

/* What goes.  Lots (left) less debt are the points in all places. */
struct ledger_moving {
    enum ledger_cause cause;
    struct points place[ACCOUNT_ISSUED]; /* of the card place only what is in cards */
    int32_t card_count;
    struct {
        struct card_uid uid;
        struct points purse;
    } cards[MOVING_CARDS_MAX];
    struct points owed;
    int32_t lot_count;
    struct lot lots[LOTS_MAX]; /* in order of their last day */
};

/* Whether a MERGE, UNMERGE or TRANSFER may be.  Of a MERGE: into is t->member as it is now, from is t->other. */
struct ledger_pair {
    bool into_known, from_known;
    member_id into, from;
    member_id from_is;  /* the number that from is now: itself, unless it was merged */
    bool merge_stands;  /* UNMERGE: what it names is a MERGE, of from into into, not undone */
    bool into_merged;   /* UNMERGE: into itself was merged since */
    bool too_many_cards;
    struct points spendable; /* TRANSFER: held and good, less what is owed */
};
/* LEDGER_ANSWER_COUNT: it may. */
enum ledger_answer ledger_pair_answer(const struct txn *t, const struct ledger_pair *pair);

/* TRANSFER: of the giver's lots those that end first and are good on this day, from what is held.  The points are
 * there: ledger_pair_answer. */
void ledger_moving_transfer(const struct lot *lots, int32_t lot_count, int32_t day, struct points points,
                            struct ledger_moving *out);

/* UNMERGE: what the number brought and did since, as far as it is still there.  net: changes of lots by day, in order of
 * days, signed, by the MERGE and by its own entries since; owed: likewise of debt.  What it redeemed from others' lots
 * comes off its own, first-ending first.  there: the survivor's lots, owed_there its debt.  out: place[] and cards are
 * filled in but for held; lots, owed and held are written. */
void ledger_moving_share(const struct lot_move *net, int32_t net_count, struct points owed, const struct lot *there,
                         int32_t there_count, struct points owed_there, struct ledger_moving *out);

/* The receiver's side: lots enter, debt is paid from what is good.  in: member, lots, run_day, pack_now; t.  giver: of a
 * MERGE, so that the receiver gets the higher tier; else NULL.  If it does not fit: a note and nothing else;
 * then the giver's side must not be posted. */
bool ledger_move_in(struct ledger_facts *in, const struct ledger_moving *moving,
                    const struct ledger_member *giver, struct ledger_effects *out);
/* The giver's. */
void ledger_move_out(struct ledger_facts *in, const struct ledger_moving *moving, struct ledger_effects *out);
/* Nothing but a note of why not. */
void ledger_move_not(struct ledger_facts *in, enum ledger_answer answer, struct ledger_effects *out);

#endif
