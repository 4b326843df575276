/* shadow.h - books in memory: the log posted again for some of the members, by the ledger's own posting
 * (office/ledger/ledger.h), with the packs as they were or with another one from a day on.  For previews and re-rating.
 *
 * Two kinds of facts go into a posting.  Those the rules have a part in - tier, lots, what is owed, what counted,
 * what a sale earned - are the shadow's own and follow from what it posted before.  Those they have no part in - whose
 * a card was, whether a redemption was proved - are taken from the real books: struct shadow_entry.
 *
 * Of an entry's accounts only the lots are kept: where a member's points lie (card, held) is not the rules' affair.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_SHADOW_H
#define PATRON_OFFICE_SHADOW_H

#include "office/ledger/ledger.h"

struct shadow;

/* Packs of the programme, in order of versions. */
struct shadow_pack {
    const struct pack *pack;
    int64_t after_position; /* of the log, when it came in */
};
struct shadow_rules {
    const struct shadow_pack *packs; /* borrowed, as long as the shadow lives */
    int32_t count;
    const struct pack *draft; /* from from_day on in place of them; NULL = as it was */
    int32_t from_day;
};

/* An entry, and what the real books know of it. */
struct shadow_entry {
    struct txn *t; /* tier and pack version of a sale are changed while it is posted, and put back */
    int64_t position, received_s;
    member_id member;     /* whom it was posted for; MEMBER, JOIN: whom it enrolled */
    bool redeemed;        /* SALE: its redemption was posted with it */
    int64_t redeemed_s;   /* ... time of the redemption */
    bool keep;            /* SALE: a refund of it comes */
    struct points given;  /* GRANT: by that till on that day, before it */
    const struct txn *original; /* REFUND: its SALE */
};

/* What the posting of an entry came to; texts are good until the next posting. */
struct shadow_result {
    bool posted;           /* it was of a member of this shadow */
    member_id member;
    struct points points;  /* SALE: earned; REFUND: clawed back, negative */
    struct money counted;
    uint32_t pack_version; /* it was rated by; 0 = none */
    const char *tier, *why;
};

/* NULL = out of memory.  rules are copied, packs not. */
struct shadow *shadow_create(const struct shadow_rules *rules);
/* The same state, to go on by other rules. */
struct shadow *shadow_copy(const struct shadow *s, const struct shadow_rules *rules);
void shadow_free(struct shadow *s);
/* False once memory ran out: what it says is not to be used. */
bool shadow_is_whole(const struct shadow *s);

/* SALE, REFUND, GRANT, ADJUST, MEMBER, JOIN, EXTEND, TIER, OPENING, REDEEM, RETURN, MERGE, TRANSFER (both
 * members are in it); others do nothing.  A REFUND before its SALE neither: it is to be posted
 * after that. */
void shadow_post(struct shadow *s, const struct shadow_entry *e, struct shadow_result *out);
/* Is this a sale that was posted with keep? */
bool shadow_keeps(const struct shadow *s, struct entry_id id);
/* A redemption of an earlier sale that was proved only now. */
void shadow_redeem(struct shadow *s, struct entry_id sale, member_id member, struct points points, int64_t time_s);
/* The RUN of a day: everybody's expiry and tier. */
void shadow_run(struct shadow *s, int32_t day, int64_t position);

/* How somebody stands. */
struct shadow_state {
    member_id member;
    const char *tier;
    int32_t short_since_day;
    struct points left, owed;
    const struct lot *lots;
    int32_t lot_count;
};
int32_t shadow_count(const struct shadow *s);
/* index: 0..count-1, in the order of enrolment: the same in two shadows that were given the same entries. */
void shadow_get(const struct shadow *s, int32_t index, struct shadow_state *out);
/* -1: not here. */
int32_t shadow_find(const struct shadow *s, member_id member);

#endif
