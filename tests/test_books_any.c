/* test_books_any.c - anything at all, in any order, under rules of every kind: after it every invariant holds, and the log
 * posted again gives the same rows.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "tests/ledgers.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REDEEM "\"redeem\": {\"worth\": 1, \"min\": 1, \"step\": 1, \"max_share\": 1, \"offline_days\": 30}"
#define TIERS "\"tiers\": {\"window_days\": 60, \"grace_days\": 5, \"levels\": [{\"code\": \"a\"},"      \
              " {\"code\": \"b\", \"upgrade_at\": 20000, \"factor\": \"3/2\"}]}"
#define CARDS "\"cards\": {\"replace_days\": 9}"
#define OWE "\"refund\": {\"may_owe\": true}"
#define CLAMP "\"refund\": {\"may_owe\": false}"

static const struct {
    const char *earn, *top;
} rules[] = {
    {"", REDEEM ", " OWE},
    {"\"vest_days\": 12", "\"expiry\": {\"kind\": \"rolling\", \"days\": 25, \"reinstate_days\": 20}, " REDEEM ", " OWE ", " TIERS},
    {"\"vest_days\": 5", "\"expiry\": {\"kind\": \"activity\", \"days\": 20, \"reinstate_days\": 5}, " REDEEM ", " CLAMP ", " CARDS},
    {"", "\"expiry\": {\"kind\": \"anniversary\", \"years\": 0, \"reinstate_days\": 90}, " REDEEM ", " OWE ", " TIERS ", " CARDS},
    {"\"vest_days\": 40", "\"expiry\": {\"kind\": \"activity\", \"days\": 30}, " REDEEM ", " OWE ", " CARDS ", " TIERS},
    {"\"cap_per_bill\": 60", "\"expiry\": {\"kind\": \"year_end\", \"years\": 0}, " REDEEM ", " CLAMP},
};

enum { PEOPLE = 4, DAYS = 90, STEPS = 60, ENTRIES = STEPS };

static struct ledgers l;
static struct real_card cards[PEOPLE];
static struct entry_id sales[ENTRIES], merges[ENTRIES], rewards[ENTRIES];
static int sale_count, merge_count, reward_count;
static uint8_t next_card;

static uint32_t below(uint32_t n)
{
    return (uint32_t)(test_random() % n);
}

static int32_t any_day(void)
{
    return 1 + (int32_t)below(DAYS);
}

static struct txn *own(enum txn_kind kind, member_id member)
{
    struct txn *t = &l.t;
    memset(t, 0, sizeof *t);
    t->kind = kind;
    t->member = member;
    snprintf(t->reason, sizeof t->reason, "any");
    return t;
}

/* Head office's own entry: it may be refused, with a sentence; the books are never damaged.  Was it taken? */
static bool post(struct txn *t, int32_t day, char *said, size_t size)
{
    struct errmsg why = {""};
    t->time_s = 0;
    enum err e = books_post_own(l.books, t, ledgers_day(day), &why);
    if (e == ERR_IO || e == ERR_CORRUPT || (e && !why.text[0]))
        fail_msg("%s: %s", txn_kind_text(t->kind), why.text);
    if (said)
        snprintf(said, size, "%s", why.text);
    return e == OK;
}

static bool try(enum txn_kind kind, member_id member, int64_t points, struct entry_id original, int32_t day)
{
    struct txn *t = own(kind, member);
    if (kind == TXN_TRANSFER || kind == TXN_OPENING)
        t->points = points_of(points);
    if (kind == TXN_TRANSFER || kind == TXN_MERGE)
        t->other = 7 + below(PEOPLE);
    if (kind == TXN_REDEEM || kind == TXN_RETURN)
        t->redeemed = points_of(points);
    if (kind == TXN_REDEEM)
        snprintf(t->reward, sizeof t->reward, "MUG");
    if (kind == TXN_OPENING || kind == TXN_TIER)
        t->day = LEDGERS_DAY_0 + any_day();
    if (kind == TXN_TIER)
        snprintf(t->tier, sizeof t->tier, "b");
    if (kind == TXN_EXTEND) {
        t->from_day = LEDGERS_DAY_0 + any_day() - 20;
        t->day = t->from_day + 1 + (int32_t)below(80);
    }
    t->original = original;
    return post(t, day, NULL, 0);
}

static void rerate(struct entry_id sale, int32_t day)
{
    char said[300];
    struct txn *t = own(TXN_RERATE, 0);
    t->original = sale;
    t->pack_version = 2;
    t->user = 3, t->approved_by = 4;
    if (post(t, day, said, sizeof said))
        return;
    char *is = strstr(said, "by pack 2 it is ");
    t->points = points_of(is ? atoll(is + strlen("by pack 2 it is ")) : 0);
    if (is && !post(t, day, said, sizeof said))
        fail_msg("%s", said);
}

static void lose_card(int i, int32_t day)
{
    struct real_card fresh = {.kind = CARD_EV2, .uid = {{4, 9, 9, 9, 9, 1, ++next_card}}};
    struct txn *t = own(TXN_CARD, (member_id)(7 + i));
    t->card = fresh.uid;
    t->card_kind = CARD_EV2;
    t->card_status = CARD_ACTIVE;
    t->replaces = cards[i].uid;
    struct card_view is;
    if (post(t, day, NULL, 0) && books_card(l.books, &fresh.uid, &is, NULL) == OK && below(3))
        cards[i] = fresh; /* else the lost one goes on being used where nobody knows */
}

static void use_card(int i, int32_t day)
{
    struct txn_evidence done;
    struct real_card *c = &cards[i];
    int32_t points = 1 + (int32_t)below(20);
    bool did = below(4) > 0;
    if (c->purse < points)
        return;
    struct entry_id intent = ledgers_intent(&l, 1, c, (member_id)(7 + i), points, day, did, &done);
    enum txn_commit commit = !did ? COMMIT_NOT_DONE : below(4) ? COMMIT_DONE : COMMIT_DOUBT;
    ledgers_outcome(&l, 1, below(4) ? TXN_SALE : TXN_CANCEL, c, (member_id)(7 + i), intent, points, commit, &done, "A 1 5.00", day);
}

static void step(int32_t *run)
{
    static const struct entry_id none = {0};
    member_id member = 7 + below(PEOPLE);
    int32_t day = any_day(), i = (int32_t)below(PEOPLE);
    int64_t points = 1 + (int64_t)below(50);
    char lines[40];
    switch (below(20)) {
    case 0:
    case 1:
    case 2:
    case 3:
        snprintf(lines, sizeof lines, "A %d %d.00", 1 + (int)below(3), 1 + (int)below(150));
        sales[sale_count++] = ledgers_sale(&l, 1 + below(2), member, lines, day);
        break;
    case 4:
    case 5:
        if (sale_count)
            ledgers_refund(&l, 3, sales[below((uint32_t)sale_count)], "A 1 5.00", day);
        break;
    case 6:
        ledgers_adjust(&l, member, points - 25 ? points - 25 : 1, day);
        break;
    case 7:
    case 8:
        ledgers_run(&l, *run += 1 + (int32_t)below(12));
        break;
    case 9:
        (void)try(TXN_EXTEND, member, 0, none, day);
        break;
    case 10:
        (void)try(TXN_TIER, member, 0, none, day);
        break;
    case 11:
        if (try(TXN_MERGE, member, 0, none, day))
            merges[merge_count++] = l.t.id;
        break;
    case 12:
        if (merge_count)
            (void)try(TXN_UNMERGE, 0, 0, merges[--merge_count], day);
        break;
    case 13:
        (void)try(TXN_TRANSFER, member, points, none, day);
        break;
    case 14:
        (void)try(TXN_OPENING, member, points, none, day);
        break;
    case 15:
        if (try(TXN_REDEEM, member, points, none, day))
            rewards[reward_count++] = l.t.id;
        break;
    case 16:
        if (reward_count)
            (void)try(TXN_RETURN, 7, 1 + points / 10, rewards[below((uint32_t)reward_count)], day);
        break;
    case 17:
        if (sale_count)
            rerate(sales[below((uint32_t)sale_count)], day);
        break;
    case 18:
        if (below(3) == 0)
            lose_card(i, day);
        else
            (void)ledgers_load(&l, &cards[i], day, below(3) ? COMMIT_DONE : COMMIT_DOUBT, below(2) == 0);
        break;
    default:
        use_card(i, day);
    }
}

/* Nothing of it was refused each time. */
static void count_kinds(int64_t seen[TXN_RERATE + 1])
{
    for (int kind = 0; kind <= TXN_RERATE; kind++) {
        char sql[64];
        snprintf(sql, sizeof sql, "SELECT count(*) FROM entry WHERE kind = %d", kind);
        seen[kind] += ledgers_sql(&l, sql);
    }
}

TEST(any, whatever_happens_the_books_are_sound_and_replay_to_the_same)
{
    static const enum txn_kind kinds[] = {TXN_SALE, TXN_INTENT, TXN_CANCEL, TXN_REFUND, TXN_CARD, TXN_LOAD, TXN_RUN, TXN_MERGE, TXN_UNMERGE,
                                          TXN_TRANSFER, TXN_EXTEND, TXN_OPENING, TXN_TIER, TXN_REDEEM, TXN_RETURN, TXN_RERATE};
    int64_t seen[TXN_RERATE + 1] = {0};
    for (size_t round = 0; round < 2 * sizeof rules / sizeof rules[0]; round++) {
        char name[16];
        int32_t run = 0;
        size_t k = round % (sizeof rules / sizeof rules[0]);
        snprintf(name, sizeof name, "any%zu", round);
        ledgers_open(&l, name, rules[k].earn, rules[k].top);
        ledgers_add_pack(&l, 2, "2011-02-15", "\"multipliers\": [{\"name\": \"twice\", \"factor\": 2}]", rules[k].top);
        sale_count = merge_count = reward_count = 0;
        for (int i = 0; i < PEOPLE; i++) {
            ledgers_member(&l, (member_id)(7 + i), i * 20);
            ledgers_card(&l, &cards[i], CARD_EV2, (uint8_t)(1 + i), (member_id)(7 + i), i * 20);
            ledgers_adjust(&l, (member_id)(7 + i), 60, i * 20);
            (void)ledgers_load(&l, &cards[i], i * 20, COMMIT_DONE, true);
        }
        for (int i = 0; i < STEPS; i++) {
            step(&run);
            if (i % 20 == 19)
                ledgers_sound(&l);
        }
        ledgers_run(&l, 500);
        assert_int_equal(ledgers_sql(&l, "SELECT coalesce(sum(pending), 0) FROM member"), 0);
        ledgers_sound(&l);
        count_kinds(seen);
        ledgers_close(&l);
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (seen[kinds[i]] == 0)
            fail_msg("%s: %lld", txn_kind_text(kinds[i]), (long long)seen[kinds[i]]);
}
