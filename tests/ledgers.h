/* ledgers.h - books with a few tills, members and cards, for tests of head office.  The evidence is made
 * as a card would make it: with its log record, and on EV2 its Transaction MAC.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TESTS_LEDGERS_H
#define PATRON_TESTS_LEDGERS_H

#include "office/books/books.h"

#include <stddef.h>

/* Days in tests count from 2011-01-01, a Saturday. */
enum { LEDGERS_TILLS = 8, LEDGERS_DAY_0 = 14975 };

/* A card as it really is, whatever the books believe. */
struct real_card {
    struct card_uid uid;
    enum card_kind kind;
    int32_t purse;
    uint32_t tmc;
    struct entry_id last; /* of its newest commit */
    uint8_t tmv[8];
    int32_t record_count;
    struct card_record records[CARD_LOG_MAX];
    uint8_t raw[CARD_LOG_MAX][TXN_RECORD_SIZE];
};

struct ledgers {
    struct books *books;
    char path[512];
    struct card_office_keys keys;
    uint32_t seq[LEDGERS_TILLS + 1]; /* last of each till */
    struct txn t;                    /* the newest entry made */
    int64_t now_s;                   /* receive time: 0 = that of the entry */
    uint32_t load;                   /* number of the next load: 0 = as books_next_load says */
    struct txn_evidence load_done;   /* of the newest load, had the card's answer come */
};

/* A fresh programme in the test's scratch folder; the pack is JSON members as in packs_make, pack version
 * 1 from day 0, 1 point for each 1.00. */
void ledgers_open(struct ledgers *l, const char *name, const char *earn, const char *top);
void ledgers_add_pack(struct ledgers *l, uint32_t version, const char *effective, const char *earn,
                      const char *top);
void ledgers_reopen(struct ledgers *l);
void ledgers_close(struct ledgers *l);

/* Start an entry of a till in l->t: kind, time and the next number are filled in. */
struct txn *ledgers_entry(struct ledgers *l, uint32_t till, enum txn_kind kind, int64_t time_s);
/* Post l->t, or any; the test fails unless the answer is this. */
void ledgers_post(struct ledgers *l, const struct txn *t, enum post_result result);
void ledgers_own(struct ledgers *l, struct txn *t, int64_t time_s);

int64_t ledgers_day(int32_t day); /* noon of it */
void ledgers_member(struct ledgers *l, member_id member, int32_t day);
void ledgers_card(struct ledgers *l, struct real_card *c, enum card_kind kind, uint8_t number,
                  member_id member, int32_t day);
void ledgers_run(struct ledgers *l, int32_t day);
void ledgers_adjust(struct ledgers *l, member_id member, int64_t points, int32_t day);
/* A SALE without a card's commit, lines as in packs_lines; the till's points are right by pack 1. */
struct entry_id ledgers_sale(struct ledgers *l, uint32_t till, member_id member, const char *lines,
                             int32_t day);
/* A REFUND of a till that could not work out the points. */
struct entry_id ledgers_refund(struct ledgers *l, uint32_t till, struct entry_id sale,
                               const char *lines, int32_t day);

/* The card takes part: INTENT posted and evidence complete in *done as after a commit.  If commit is
 * false the card was pulled before it: nothing changed. */
struct entry_id ledgers_intent(struct ledgers *l, uint32_t till, struct real_card *c, member_id member,
                               int32_t points, int32_t day, bool commit, struct txn_evidence *done);
/* SALE, CANCEL or SETTLE naming an intent. */
struct entry_id ledgers_outcome(struct ledgers *l, uint32_t till, enum txn_kind kind,
                                struct real_card *c, member_id member, struct entry_id intent,
                                int32_t points, enum txn_commit commit,
                                const struct txn_evidence *done, const char *lines, int32_t day);
/* Head office's load by its own plan; commit as what the card and the line made of it.  DOUBT: the card
 * did it or not, as did says.  Returns the change planned. */
int32_t ledgers_load(struct ledgers *l, struct real_card *c, int32_t day, enum txn_commit commit,
                     bool did);
void ledgers_seen(const struct real_card *c, struct card_seen *seen);

/* What the books say: "held 50, card 20, transit 0, owed 0". */
void ledgers_expect(struct ledgers *l, member_id member, int64_t held, int64_t cards, int64_t transit,
                    int64_t owed);
/* Reviews, one line each "T0001-3 the member is not known"; the test fails unless they are these. */
void ledgers_expect_reviews(struct ledgers *l, const char *lines);
/* One number by SQL, over a connection of its own. */
int64_t ledgers_sql(struct ledgers *l, const char *sql);
void ledgers_exec(struct ledgers *l, const char *sql);
/* db/examples/NAME.sql says what is in the file beside it.  PATRON_WRITE=1 writes it anew. */
void ledgers_example(struct ledgers *l, const char *name);
/* verify and replay find nothing broken. */
void ledgers_sound(struct ledgers *l);
void books_sound(struct books *books); /* the same, for books opened elsewhere */

#endif
