/* test_wire.c - txns and frames as bytes: round trips, sizes, and everything a hostile sender can do.
 * SPDX-License-Identifier: Apache-2.0 */
#include "sync/wire.h"
#include "base/mbed.h"
#include "rules/pack.h"
#include "tests/some_txn.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const enum txn_kind kinds[] = {TXN_SALE,   TXN_INTENT, TXN_CANCEL,      TXN_SETTLE,
                                      TXN_REFUND, TXN_MEMBER, TXN_CARD,        TXN_LOAD_INTENT,
                                      TXN_LOAD,   TXN_ADJUST, TXN_RUN,         TXN_GRANT,
                                      TXN_JOIN,   TXN_RATING, TXN_HOLD,        TXN_RELEASE,
                                      TXN_CLAIM,  TXN_MERGE,  TXN_UNMERGE,     TXN_TRANSFER,
                                      TXN_EXTEND, TXN_OPENING, TXN_TIER,       TXN_REDEEM,
                                      TXN_RETURN, TXN_RERATE};
enum { KINDS = sizeof kinds / sizeof *kinds };

static struct txn t, back;
static uint8_t room[WIRE_FRAME_MAX], room2[WIRE_FRAME_MAX];

static void must(enum err e, const struct errmsg *why)
{
    if (e)
        fail_msg("%s", why->text);
}

/* Field by field, so that a text's bytes after its end do not count. */
static void assert_same_txn(const struct txn *a, const struct txn *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_true(entry_equal(a->id, b->id));
    assert_true(a->time_s == b->time_s);
    assert_true(a->member == b->member);
    assert_true(uid_equal(&a->card, &b->card));
    assert_string_equal(a->ref, b->ref);
    assert_string_equal(a->shop, b->shop);
    assert_string_equal(a->tier, b->tier);
    assert_int_equal(a->tender_count, b->tender_count);
    for (int32_t i = 0; i < a->tender_count; i++) {
        assert_string_equal(a->tenders[i].code, b->tenders[i].code);
        assert_true(money_cmp(a->tenders[i].amount, b->tenders[i].amount) == 0);
    }
    assert_int_equal(a->coupon_count, b->coupon_count);
    for (int32_t i = 0; i < a->coupon_count; i++)
        assert_string_equal(a->coupons[i], b->coupons[i]);
    assert_int_equal(a->mark_count, b->mark_count);
    for (int32_t i = 0; i < a->mark_count; i++)
        assert_string_equal(a->marks[i], b->marks[i]);
    assert_int_equal(a->stamp_count, b->stamp_count);
    for (int32_t i = 0; i < a->stamp_count; i++) {
        assert_string_equal(a->stamps[i].name, b->stamps[i].name);
        assert_true(a->stamps[i].collected == b->stamps[i].collected && a->stamps[i].given == b->stamps[i].given);
    }
    assert_int_equal(a->piece, b->piece);
    assert_string_equal(a->reward, b->reward);
    assert_true(a->other == b->other);
    assert_int_equal(a->from_day, b->from_day);
    assert_int_equal(a->user, b->user);
    assert_int_equal(a->pack_version, b->pack_version);
    assert_int_equal(a->line_count, b->line_count);
    for (int32_t i = 0; i < a->line_count; i++) {
        assert_string_equal(a->lines[i].sku, b->lines[i].sku);
        assert_string_equal(a->lines[i].category, b->lines[i].category);
        assert_int_equal(a->lines[i].quantity, b->lines[i].quantity);
        assert_true(money_cmp(a->lines[i].amount, b->lines[i].amount) == 0);
    }
    assert_true(money_cmp(a->total, b->total) == 0);
    assert_true(points_cmp(a->points, b->points) == 0);
    assert_true(points_cmp(a->redeemed, b->redeemed) == 0);
    assert_true(money_cmp(a->redeemed_value, b->redeemed_value) == 0);
    assert_true(entry_equal(a->original, b->original));
    assert_int_equal(a->commit, b->commit);
    assert_int_equal(a->evidence.kind, b->evidence.kind);
    assert_int_equal(a->evidence.tmc, b->evidence.tmc);
    assert_memory_equal(a->evidence.tmv, b->evidence.tmv, sizeof a->evidence.tmv);
    assert_int_equal(a->evidence.tmi_size, b->evidence.tmi_size);
    assert_memory_equal(a->evidence.tmi, b->evidence.tmi, sizeof a->evidence.tmi);
    assert_memory_equal(a->evidence.record, b->evidence.record, sizeof a->evidence.record);
    assert_int_equal(a->evidence.purse_before, b->evidence.purse_before);
    assert_int_equal(a->card_kind, b->card_kind);
    assert_int_equal(a->card_status, b->card_status);
    assert_true(uid_equal(&a->replaces, &b->replaces));
    assert_int_equal(a->day, b->day);
    assert_int_equal(a->load, b->load);
    assert_string_equal(a->reason, b->reason);
    assert_int_equal(a->cashier, b->cashier);
    assert_int_equal(a->approved_by, b->approved_by);
    assert_int_equal(a->means, b->means);
    assert_memory_equal(a->token, b->token, sizeof a->token);
    assert_int_equal(a->rating, b->rating);
    assert_true(a->until_s == b->until_s);
}

/* A copy of exactly this size on the heap, so that a sanitizer sees any byte read after its end. */
static uint8_t *exactly(struct bytes b)
{
    uint8_t *copy = malloc(b.size ? b.size : 1);
    assert_non_null(copy);
    if (b.size)
        memcpy(copy, b.data, b.size);
    return copy;
}

TEST(wire, every_kind_of_txn_comes_back_as_it_was_and_encodes_to_the_same_bytes)
{
    struct errmsg why = {""};
    for (int i = 0; i < 3200; i++) {
        some_txn(&t, kinds[i % KINDS], 1 + test_below(9999), 1 + test_below(UINT32_MAX),
                 i % 100 == 0 ? TXN_LINES_MAX : 12);
        struct buf b = BUF_ON(room), again = BUF_ON(room2);
        must(wire_encode_txn(&b, &t, &why), &why);
        must(wire_decode_txn(&back, buf_bytes(&b), &why), &why);
        assert_same_txn(&t, &back);
        must(wire_encode_txn(&again, &back, &why), &why);
        assert_int_equal(again.size, b.size);
        assert_memory_equal(room, room2, b.size);
    }
}

TEST(wire, the_largest_txn_fits_an_entry_and_always_fits_a_batch)
{
    struct errmsg why = {""};
    some_txn(&t, TXN_INTENT, 9999, UINT32_MAX, 0);
    t.line_count = TXN_LINES_MAX;
    t.total = money_of(0);
    for (int i = 0; i < TXN_LINES_MAX; i++) {
        struct txn_line *l = &t.lines[i];
        memset(l->sku, 'S', sizeof l->sku - 1);
        memset(l->category, 'C', sizeof l->category - 1);
        l->quantity = INT32_MAX;
        l->amount = money_of(INT64_MAX / TXN_LINES_MAX);
        assert_true(money_add(&t.total, t.total, l->amount));
    }
    t.time_s = INT64_MIN;
    t.member = UINT64_MAX;
    memset(t.ref, 'R', sizeof t.ref - 1);
    memset(t.shop, 'R', sizeof t.shop - 1);
    memset(t.tier, 'R', sizeof t.tier - 1);
    memset(t.reason, 'R', sizeof t.reason - 1);
    t.pack_version = UINT32_MAX;
    t.points = t.redeemed = points_of(INT64_MAX);
    t.redeemed_value = t.total;
    t.original = (struct entry_id){9999, UINT32_MAX};
    t.evidence.kind = CARD_EV2;
    t.evidence.tmc = UINT32_MAX;
    t.evidence.tmi_size = TXN_TMI_MAX;
    memset(t.evidence.tmi, 0xff, TXN_TMI_MAX);
    memset(t.evidence.tmv, 0xff, sizeof t.evidence.tmv);
    t.evidence.purse_before = INT32_MIN;
    t.card_kind = CARD_EV2;
    t.card_status = CARD_REPLACED;
    t.replaces = t.card;
    t.day = INT32_MIN;
    t.cashier = t.approved_by = UINT32_MAX;
    t.means = MEANS_REGISTER;
    struct buf b = BUF_ON(room);
    must(wire_encode_txn(&b, &t, &why), &why);
    must(wire_decode_txn(&back, buf_bytes(&b), &why), &why);
    assert_same_txn(&t, &back);
    assert_true(b.size < 31000);
    assert_true(b.size <= WIRE_ENTRY_MAX);
    /* One always fits a batch: nothing a till journals can block what comes after it. */
    assert_true(b.size + WIRE_PER_ENTRY <= WIRE_BATCH_BYTES);
}

TEST(wire, a_full_batch_with_the_longest_of_everything_fits_a_frame)
{
    struct errmsg why = {""};
    static struct wire_request r;
    uint8_t entry[WIRE_BATCH_BYTES / WIRE_BATCH_MAX - WIRE_PER_ENTRY], small[80];
    memset(entry, 0xff, sizeof entry);
    memset(small, 0xff, sizeof small);
    r = (struct wire_request){.number = UINT32_MAX, .ask = ASK_SYNC};
    r.sync = (struct wire_sync){.first_seq = UINT32_MAX,
                                .count = WIRE_BATCH_MAX,
                                .hash = {small, WIRE_HASH_SIZE},
                                .signature = {small, sizeof small},
                                .pack_version = UINT32_MAX,
                                .hot_version = UINT32_MAX,
                                .clock_s = INT64_MIN,
                                .waiting = UINT32_MAX,
                                .staff_version = UINT32_MAX,
                                .health = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX,
                                           true, UINT32_MAX}};
    memset(r.sync.program, 'p', sizeof r.sync.program - 1);
    for (int i = 0; i < WIRE_BATCH_MAX; i++)
        r.sync.entries[i] = bytes_of(entry, sizeof entry);
    struct buf b = BUF_ON(room);
    must(wire_encode_request(&b, &r, &why), &why);
    assert_true(b.size <= WIRE_FRAME_MAX);
}

TEST(wire, the_largest_pack_hot_list_and_staff_together_fit_a_frame)
{
    struct errmsg why = {""};
    static struct wire_answer a, a2;
    static uint8_t json[PACK_JSON_MAX];
    uint8_t small[80] = {0};
    a = (struct wire_answer){.number = UINT32_MAX, .say = SAY_SYNCED};
    a.synced = (struct wire_synced){.acked_seq = UINT32_MAX,
                                    .has_pack = true,
                                    .pack_version = UINT32_MAX,
                                    .pack_json = {json, sizeof json},
                                    .pack_signature = {small, sizeof small},
                                    .hot_version = UINT32_MAX,
                                    .hot_count = WIRE_HOT_MAX,
                                    .clock_s = INT64_MIN,
                                    .more = true,
                                    .staff_version = UINT32_MAX,
                                    .staff_count = WIRE_STAFF_MAX,
                                    .orders = UINT32_MAX};
    for (int i = 0; i < WIRE_HOT_MAX; i++) {
        memset(&a.synced.hot[i].card, 0xff, sizeof a.synced.hot[i].card);
        a.synced.hot[i].status = CARD_REPLACED;
    }
    for (int i = 0; i < WIRE_STAFF_MAX; i++) {
        struct staff *p = &a.synced.staff[i];
        memset(p, 'z', sizeof *p);
        p->id = UINT32_MAX;
        p->role = STAFF_SUPERVISOR;
        p->name[sizeof p->name - 1] = p->language[sizeof p->language - 1] = 0;
        p->grant_limit = p->grant_day_limit = points_of(INT64_MIN);
    }
    struct buf b = BUF_ON(room);
    must(wire_encode_answer(&b, &a, &why), &why);
    must(wire_decode_answer(&a2, buf_bytes(&b), &why), &why);
    assert_int_equal(a2.synced.staff_count, WIRE_STAFF_MAX);
    assert_string_equal(a2.synced.staff[WIRE_STAFF_MAX - 1].name, a.synced.staff[0].name);
}

TEST(wire, an_entry_and_frames_without_the_newer_fields_are_read_as_ever)
{
    struct errmsg why = {""};
    static struct wire_request r;
    static struct wire_answer a;
    /* A sale of nobody as the first version wrote it: T0001-1, 5.00. */
    static const uint8_t sale[] = {0x08, 1, 0x10, 1, 0x18, 1, 0x20, 100, 0x5a, 7, 0x0a, 1, 'A',
                                   0x18, 1, 0x20, 5, 0x60, 5};
    must(wire_decode_txn(&back, bytes_of(sale, sizeof sale), &why), &why);
    assert_int_equal(back.kind, TXN_SALE);
    assert_int_equal(back.cashier + back.approved_by + back.means + (uint32_t)back.rating, 0);
    struct buf b = BUF_ON(room);
    must(wire_encode_txn(&b, &back, &why), &why);
    assert_int_equal(b.size, sizeof sale); /* what is not said costs nothing */
    assert_memory_equal(b.data, sale, sizeof sale);
    static const uint8_t sync[] = {0x08, 1, 0x1a, 2, 0x28, 3}, tap[] = {0x08, 1, 0x22, 9, 0x0a, 7, 4, 1, 2, 3, 4, 5, 6};
    must(wire_decode_request(&r, bytes_of(sync, sizeof sync), &why), &why);
    assert_int_equal(r.sync.pack_version, 3);
    assert_int_equal(r.sync.staff_version + r.sync.health.reader, 0);
    must(wire_decode_request(&r, bytes_of(tap, sizeof tap), &why), &why);
    assert_int_equal(r.tap.means, MEANS_NONE);
    assert_int_equal(r.tap.value.size, 0);
    static const uint8_t tapped[] = {0x08, 1, 0x2a, 4, 0x08, 5, 0x48, 1};
    must(wire_decode_answer(&a, bytes_of(tapped, sizeof tapped), &why), &why);
    assert_true(a.tapped.known);
    assert_int_equal(a.tapped.flags, 0);
    assert_string_equal(a.tapped.name, "");
}

TEST(wire, an_ask_or_answer_out_of_its_bounds_is_refused_both_ways)
{
    struct errmsg why = {""};
    static struct wire_request r;
    static struct wire_answer a;
    static uint8_t long_value[WIRE_VALUE_MAX + 1];
    struct buf b = BUF_ON(room);
    r = (struct wire_request){.number = 1, .ask = ASK_TAP};
    r.tap.means = MEANS_TAG;
    r.tap.value = bytes_of(long_value, sizeof long_value);
    assert_int_equal(wire_encode_request(&b, &r, &why), ERR_FORMAT);
    r.tap.value.size--;
    must(wire_encode_request(&b, &r, &why), &why);
    must(wire_decode_request(&r, buf_bytes(&b), &why), &why);
    assert_int_equal(r.tap.value.size, WIRE_VALUE_MAX);
    r = (struct wire_request){.number = 1, .ask = ASK_HOLD};
    memset(r.hold.pin, '1', sizeof r.hold.pin);
    assert_int_equal(wire_encode_request(&b, &r, &why), ERR_FORMAT);
    r = (struct wire_request){.number = 1, .ask = ASK_PERSON};
    memset(r.person.phone, '1', sizeof r.person.phone);
    assert_int_equal(wire_encode_request(&b, &r, &why), ERR_FORMAT);
    a = (struct wire_answer){.number = 1, .say = SAY_SYNCED};
    a.synced.staff_count = WIRE_STAFF_MAX + 1;
    assert_int_equal(wire_encode_answer(&b, &a, &why), ERR_FORMAT);
    static const struct {
        const char *what;
        bool ask;
        uint8_t bytes[24];
        size_t size;
    } rows[] = {
        {"a tap of nothing", true, {0x22, 0}, 2},
        {"a tap by means 9", true, {0x22, 5, 0x10, 9, 0x1a, 1, 'x'}, 7},
        {"a tap of a card of 4 bytes", true, {0x22, 6, 0x0a, 4, 4, 1, 2, 3}, 8},
        {"a hold without points", true, {0x3a, 5, 0x08, 1, 0x22, 1, 'x'}, 7},
        {"a hold of less than nothing", true, {0x3a, 5, 0x10, 1, 0x22, 1, 'x'}, 7},
        {"a hold without a name", true, {0x3a, 2, 0x10, 2}, 4},
        {"a hold by means 9", true, {0x3a, 7, 0x10, 2, 0x18, 9, 0x22, 1, 'x'}, 9},
        {"a PIN of 12 figures", true, {0x3a, 19, 0x10, 2, 0x22, 1, 'x', 0x2a, 12, '1', '1', '1', '1',
                                       '1', '1', '1', '1', '1', '1', '1', '1'}, 21},
        {"a replacement without a card", true, {0x4a, 2, 0x08, 1}, 4},
        {"a replacement by a card of kind 3", true, {0x4a, 11, 0x1a, 7, 4, 1, 2, 3, 4, 5, 6, 0x20, 3}, 13},
        {"staff number 0", false, {0x22, 4, 0x42, 2, 0x18, 1}, 6},
        {"staff of role 3", false, {0x22, 6, 0x42, 4, 0x08, 1, 0x18, 3}, 8},
        {"staff with a PIN of 1", false, {0x22, 7, 0x42, 5, 0x08, 1, 0x32, 1, 9}, 9},
        {"staff as a varint", false, {0x22, 2, 0x40, 1}, 4},
        {"held without a number", false, {0x42, 2, 0x10, 2}, 4},
        {"held by no entry", false, {0x42, 2, 0x10, 2}, 4},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bytes frame = bytes_of(rows[i].bytes, rows[i].size);
        enum err e = rows[i].ask ? wire_decode_request(&r, frame, &why)
                                 : wire_decode_answer(&a, frame, &why);
        if (e != ERR_FORMAT)
            fail_msg("%s was taken", rows[i].what);
    }
}

TEST(wire, a_txn_that_is_not_well_formed_is_not_encoded)
{
    struct errmsg why = {""};
    struct buf b = BUF_ON(room);
    some_txn(&t, TXN_SALE, 1, 1, 3);
    t.total.minor++;
    assert_int_equal(wire_encode_txn(&b, &t, &why), ERR_FORMAT);
    assert_int_equal(b.size, 0);
    some_txn(&t, TXN_SALE, 1, 1, 3);
    b.cap = 5;
    assert_int_equal(wire_encode_txn(&b, &t, &why), ERR_FULL);
    assert_int_equal(b.size, 0);
}

TEST(wire, an_entry_with_unknown_numbers_or_odd_sizes_is_refused)
{
    /* field number, wire type, then the value: added to a sound entry, where the last one counts. */
    static const struct {
        const char *what;
        uint8_t bytes[12];
        size_t size;
    } rows[] = {
        {"kind 9", {0x08, 9}, 2},
        {"kind 24", {0x08, 24}, 2},
        {"kind 2^32 - 1", {0x08, 0xff, 0xff, 0xff, 0xff, 0x0f}, 6},
        {"kind above 32 bits", {0x08, 0xff, 0xff, 0xff, 0xff, 0x7f}, 6},
        {"terminal 10000", {0x10, 0x90, 0x4e}, 3},
        {"terminal 0 for a sale", {0x10, 0}, 2},
        {"seq 0", {0x18, 0}, 2},
        {"card of 3 bytes", {0x32, 3, 1, 2, 3}, 5},
        {"card of 8 bytes", {0x32, 8, 1, 2, 3, 4, 5, 6, 7, 8}, 10},
        {"commit 4", {0x90, 1, 4}, 3},
        {"commit done without evidence", {0x90, 1, 1}, 3},
        {"card kind 3", {0xa0, 1, 3}, 3},
        {"card status 4", {0xa8, 1, 4}, 3},
        {"replaces of 6 bytes", {0xb2, 1, 6, 1, 2, 3, 4, 5, 6}, 9},
        {"means 9", {0xe0, 1, 9}, 3},
        {"a token of 4 bytes", {0xea, 1, 4, 1, 2, 3, 4}, 7},
        {"rating 4", {0xf0, 1, 4}, 3},
        {"rating 2^32 - 1", {0xf0, 1, 0xff, 0xff, 0xff, 0xff, 0x0f}, 7},
        {"evidence of kind 3", {0x9a, 1, 2, 0x08, 3}, 5},
        {"evidence with a MAC of 1", {0x9a, 1, 5, 0x08, 2, 0x1a, 1, 9}, 8},
        {"evidence with a record of 1", {0x9a, 1, 5, 0x08, 2, 0x2a, 1, 9}, 8},
        {"a line of quantity 0", {0x5a, 2, 0x0a, 0}, 4},
        {"negative money", {0x60, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, 11},
        {"negative points", {0x68, 1}, 2},
        {"a length past the end", {0x3a, 100, 1}, 3},
        {"a varint without end", {0x60, 0xff, 0xff}, 3},
        {"lines as a varint", {0x58, 1}, 2},
        {"wire type 7", {0x0f}, 1},
        {"field 0", {0x00, 0}, 2},
    };
    struct errmsg why = {""};
    some_txn(&t, TXN_SALE, 7, 9, 3);
    t.commit = COMMIT_NONE;
    t.original = (struct entry_id){0, 0};
    memset(&t.evidence, 0, sizeof t.evidence);
    struct buf b = BUF_ON(room);
    must(wire_encode_txn(&b, &t, &why), &why);
    must(wire_decode_txn(&back, buf_bytes(&b), &why), &why);
    size_t size = b.size;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        b.size = size;
        buf_put(&b, rows[i].bytes, rows[i].size);
        uint8_t *copy = exactly(buf_bytes(&b));
        why.text[0] = 0;
        enum err e = wire_decode_txn(&back, bytes_of(copy, b.size), &why);
        free(copy);
        if (e != ERR_FORMAT && e != ERR_RANGE)
            fail_msg("%s: taken (%s)", rows[i].what, err_text(e));
        assert_true(why.text[0]);
    }
    /* A field of a later version is ignored: number 100, any type. */
    static const uint8_t later[] = {0xa0, 6, 5, 0xa2, 6, 2, 1, 2, 0xa5, 6, 1, 2, 3, 4};
    b.size = size;
    buf_put(&b, later, sizeof later);
    must(wire_decode_txn(&back, buf_bytes(&b), &why), &why);
    assert_same_txn(&t, &back);
}

/* Whatever was decoded must encode, decode and encode to the same bytes again. */
static void assert_stable(const struct txn *got)
{
    struct errmsg why = {""};
    static uint8_t one[WIRE_ENTRY_MAX], two[WIRE_ENTRY_MAX];
    static struct txn third;
    struct buf b = BUF_ON(one), again = BUF_ON(two);
    must(wire_encode_txn(&b, got, &why), &why);
    must(wire_decode_txn(&third, buf_bytes(&b), &why), &why);
    must(wire_encode_txn(&again, &third, &why), &why);
    assert_int_equal(again.size, b.size);
    assert_memory_equal(one, two, b.size);
}

TEST(wire, entries_cut_or_changed_anywhere_are_refused_or_read_whole)
{
    struct errmsg why = {""};
    int taken = 0, refused = 0;
    for (int i = 0; i < 2 * KINDS; i++) {
        some_txn(&t, kinds[i % KINDS], 3, 5, 6);
        struct buf b = BUF_ON(room);
        must(wire_encode_txn(&b, &t, &why), &why);
        for (size_t size = 0; size < b.size; size++) {
            uint8_t *copy = exactly(bytes_of(room, size));
            if (wire_decode_txn(&back, bytes_of(copy, size), &why) == OK)
                assert_stable(&back); /* cut between two fields */
            free(copy);
        }
        for (int m = 0; m < 500; m++) {
            uint8_t *copy = exactly(buf_bytes(&b));
            for (uint32_t n = 1 + test_below(4); n > 0; n--)
                copy[test_below((uint32_t)b.size)] = (uint8_t)test_random();
            if (wire_decode_txn(&back, bytes_of(copy, b.size), &why) == OK)
                assert_stable(&back), taken++;
            else
                refused++;
            free(copy);
        }
    }
    assert_true(taken > 100); /* else the mutations all miss the deeper checks */
    assert_true(refused > 100);
}

/* ---- frames ---- */

static uint8_t blob[4][64];

static struct bytes some_blob(int i)
{
    for (size_t k = 0; k < sizeof blob[i]; k++)
        blob[i][k] = (uint8_t)test_random();
    return bytes_of(blob[i], 1 + test_below(sizeof blob[i]));
}

static void some_uid(struct card_uid *uid)
{
    for (size_t i = 0; i < sizeof uid->b; i++)
        uid->b[i] = (uint8_t)(1 + test_below(255));
}

static void some_request(struct wire_request *r, enum wire_ask ask)
{
    memset(r, 0, sizeof *r);
    r->number = (uint32_t)test_random();
    r->ask = ask;
    switch (ask) {
    case ASK_ENROL:
        snprintf(r->enrol.code, sizeof r->enrol.code, "1-%u", test_below(1000000));
        r->enrol.csr = some_blob(0);
        break;
    case ASK_SYNC:
        r->sync.first_seq = (uint32_t)test_random();
        r->sync.count = (int32_t)test_below(4);
        for (int32_t i = 0; i < r->sync.count; i++)
            r->sync.entries[i] = some_blob((int)i);
        r->sync.signature = some_blob(3);
        r->sync.hash = bytes_of(blob[0], r->sync.count ? WIRE_HASH_SIZE : 0);
        r->sync.pack_version = (uint32_t)test_random();
        r->sync.hot_version = (uint32_t)test_random();
        snprintf(r->sync.program, sizeof r->sync.program, "patron-terminal 0.%u", test_below(9));
        r->sync.clock_s = (int64_t)test_random();
        r->sync.waiting = (uint32_t)test_random();
        r->sync.staff_version = (uint32_t)test_random();
        r->sync.health = (struct wire_health){test_below(3), test_below(3), test_below(99), test_below(3),
                                              test_below(99999), test_below(2), test_below(999999)};
        break;
    case ASK_TAP:
        r->tap.means = (enum txn_means)test_below(MEANS_REGISTER + 1);
        if (test_below(2))
            r->tap.value = some_blob(0);
        if (!r->tap.value.size || test_below(2))
            some_uid(&r->tap.card);
        break;
    case ASK_LOAD:
        some_uid(&r->load.card);
        r->load.card_kind = test_below(2) ? CARD_EV1 : CARD_EV2;
        break;
    case ASK_CARD_ANSWER:
        r->card_answer.lost = test_below(2);
        if (!r->card_answer.lost)
            r->card_answer.frame = some_blob(0);
        break;
    case ASK_HOLD:
        r->hold.member = test_random();
        r->hold.points = points_of(1 + test_below(9999));
        r->hold.means = (enum txn_means)test_below(MEANS_REGISTER + 1);
        snprintf(r->hold.name, sizeof r->hold.name, "T0001-%u", test_below(99));
        if (test_below(2))
            snprintf(r->hold.pin, sizeof r->hold.pin, "%u", test_below(999999));
        if (test_below(2))
            some_uid(&r->hold.card);
        if (test_below(2))
            r->hold.value = some_blob(0);
        r->hold.approved_by = test_below(3);
        snprintf(r->hold.reward, sizeof r->hold.reward, "%s", test_below(2) ? "fiver" : "");
        break;
    case ASK_PERSON:
        r->person.member = test_random();
        snprintf(r->person.name, sizeof r->person.name, "Ann %u", test_below(99));
        snprintf(r->person.phone, sizeof r->person.phone, "+49%u", test_below(999999));
        r->person.consent = test_below(2);
        r->person.cashier = (uint32_t)test_random();
        break;
    case ASK_REPLACE:
        r->replace.member = test_random();
        if (test_below(2))
            some_uid(&r->replace.lost);
        some_uid(&r->replace.card);
        r->replace.card_kind = (enum card_kind)test_below(3);
        r->replace.cashier = (uint32_t)test_random();
        r->replace.approved_by = (uint32_t)test_random();
        break;
    }
}

static void some_answer(struct wire_answer *a, enum wire_say say)
{
    memset(a, 0, sizeof *a);
    a->number = (uint32_t)test_random();
    a->say = say;
    switch (say) {
    case SAY_REFUSED:
        a->refused.code = (enum err)(1 + (int)test_below(ERR_COUNT - 1));
        snprintf(a->refused.sentence, sizeof a->refused.sentence, "no, %u", test_below(99));
        break;
    case SAY_ENROLLED:
        a->enrolled.terminal = test_below(10000);
        snprintf(a->enrolled.shop, sizeof a->enrolled.shop, "S%u", test_below(99));
        a->enrolled.certificate = some_blob(0);
        a->enrolled.ca = some_blob(1);
        a->enrolled.pack_key = some_blob(2);
        memcpy(a->enrolled.aid, blob[0], 3);
        memcpy(a->enrolled.k2, blob[1], 16);
        a->enrolled.key_version = (uint8_t)test_random();
        if (test_below(2)) {
            a->enrolled.code_key = some_blob(3);
            memcpy(a->enrolled.lookup_key, blob[2], 16);
            memcpy(a->enrolled.sun_meta_key, blob[3], 16);
        }
        break;
    case SAY_SYNCED:
        a->synced.acked_seq = (uint32_t)test_random();
        a->synced.has_pack = test_below(2);
        if (a->synced.has_pack) {
            a->synced.pack_version = (uint32_t)test_random();
            a->synced.pack_json = some_blob(0);
            a->synced.pack_signature = some_blob(1);
        }
        a->synced.hot_version = (uint32_t)test_random();
        a->synced.hot_count = (int32_t)test_below(10);
        for (int32_t i = 0; i < a->synced.hot_count; i++) {
            some_uid(&a->synced.hot[i].card);
            a->synced.hot[i].status = (enum card_status)(1 + (int)test_below(3));
        }
        a->synced.clock_s = (int64_t)test_random();
        a->synced.more = test_below(2);
        a->synced.staff_version = (uint32_t)test_random();
        a->synced.staff_count = (int32_t)test_below(4);
        for (int32_t i = 0; i < a->synced.staff_count; i++) {
            struct staff *p = &a->synced.staff[i];
            p->id = 1 + test_below(99);
            snprintf(p->name, sizeof p->name, "Bo %u", test_below(99));
            p->role = (enum staff_role)test_below(3);
            snprintf(p->language, sizeof p->language, "%s", test_below(2) ? "zh" : "");
            if (test_below(2)) {
                memcpy(p->pin.salt, some_blob(2).data, sizeof p->pin.salt);
                memcpy(p->pin.hash, some_blob(2).data, sizeof p->pin.hash);
                some_uid(&p->badge);
            }
            p->grant_limit = points_of((int64_t)test_random());
            p->grant_day_limit = points_of((int64_t)test_random());
        }
        a->synced.orders = test_below(8);
        break;
    case SAY_TAPPED:
        a->tapped.member = test_random();
        snprintf(a->tapped.tier, sizeof a->tapped.tier, "T%u", test_below(99));
        a->tapped.held = points_of((int64_t)test_random());
        a->tapped.purse = points_of((int64_t)test_random());
        a->tapped.card_status = (enum card_status)(1 + (int)test_below(3));
        a->tapped.load_due = test_below(2);
        a->tapped.pending = points_of((int64_t)test_random());
        a->tapped.next_expiry = points_of((int64_t)test_random());
        a->tapped.next_expiry_day = (int32_t)test_random();
        a->tapped.known = test_below(2);
        a->tapped.enrolled_day = (int32_t)test_random();
        a->tapped.moving = points_of((int64_t)test_random());
        a->tapped.owed = points_of((int64_t)test_random());
        a->tapped.mark_count = (int32_t)test_below(TXN_MARKS_MAX + 1);
        for (int32_t i = 0; i < a->tapped.mark_count; i++)
            snprintf(a->tapped.marks[i], sizeof a->tapped.marks[i], "mark-%u", test_below(99));
        a->tapped.stamp_count = (int32_t)test_below(TXN_STAMPS_MAX + 1);
        for (int32_t i = 0; i < a->tapped.stamp_count; i++) {
            struct txn_stamp *s = &a->tapped.stamps[i];
            snprintf(s->name, sizeof s->name, "cup-%u", test_below(99));
            s->collected = (int64_t)test_random();
            s->given = (int64_t)test_random();
        }
        snprintf(a->tapped.name, sizeof a->tapped.name, "Ann %u", test_below(99));
        snprintf(a->tapped.next_tier, sizeof a->tapped.next_tier, "N%u", test_below(99));
        a->tapped.missing = (int64_t)test_random();
        a->tapped.expiring = points_of((int64_t)test_random());
        a->tapped.flags = test_below(8);
        snprintf(a->tapped.suggestion, sizeof a->tapped.suggestion, "say %u", test_below(99));
        a->tapped.spendable = points_of((int64_t)test_random());
        snprintf(a->tapped.language, sizeof a->tapped.language, "%s", test_below(2) ? "zh" : "");
        break;
    case SAY_CARD_COMMAND:
        a->card_command.frame = some_blob(0);
        a->card_command.timeout_ms = test_below(5000);
        break;
    case SAY_LOADED:
        a->loaded.change = points_of((int64_t)test_random());
        a->loaded.purse = points_of((int64_t)test_random());
        a->loaded.commit = (enum txn_commit)test_below(COMMIT_DOUBT + 1);
        snprintf(a->loaded.tier, sizeof a->loaded.tier, "T%u", test_below(99));
        snprintf(a->loaded.sentence, sizeof a->loaded.sentence, "taken off");
        break;
    case SAY_HELD:
        a->held = (struct wire_held){1 + test_below(9999), points_of(1 + test_below(9999)),
                                     (int64_t)test_random()};
        break;
    case SAY_DONE:
        a->done.member = test_random();
        snprintf(a->done.sentence, sizeof a->done.sentence, "done %u", test_below(99));
        break;
    }
}

static void assert_same_bytes(struct bytes a, struct bytes b)
{
    assert_int_equal(a.size, b.size);
    if (a.size)
        assert_memory_equal(a.data, b.data, a.size);
}

static void assert_same_request(const struct wire_request *a, const struct wire_request *b)
{
    assert_int_equal(a->number, b->number);
    assert_int_equal(a->ask, b->ask);
    switch (a->ask) {
    case ASK_ENROL:
        assert_string_equal(a->enrol.code, b->enrol.code);
        assert_same_bytes(a->enrol.csr, b->enrol.csr);
        break;
    case ASK_SYNC:
        assert_int_equal(a->sync.first_seq, b->sync.first_seq);
        assert_int_equal(a->sync.count, b->sync.count);
        for (int32_t i = 0; i < a->sync.count; i++)
            assert_same_bytes(a->sync.entries[i], b->sync.entries[i]);
        assert_same_bytes(a->sync.hash, b->sync.hash);
        assert_same_bytes(a->sync.signature, b->sync.signature);
        assert_int_equal(a->sync.pack_version, b->sync.pack_version);
        assert_int_equal(a->sync.hot_version, b->sync.hot_version);
        assert_string_equal(a->sync.program, b->sync.program);
        assert_true(a->sync.clock_s == b->sync.clock_s);
        assert_int_equal(a->sync.waiting, b->sync.waiting);
        assert_int_equal(a->sync.staff_version, b->sync.staff_version);
        assert_int_equal(a->sync.health.reader, b->sync.health.reader);
        assert_int_equal(a->sync.health.printer, b->sync.health.printer);
        assert_int_equal(a->sync.health.receipts_waiting, b->sync.health.receipts_waiting);
        assert_int_equal(a->sync.health.journal, b->sync.health.journal);
        assert_int_equal(a->sync.health.disk_free_mb, b->sync.health.disk_free_mb);
        assert_int_equal(a->sync.health.locked, b->sync.health.locked);
        assert_int_equal(a->sync.health.entries, b->sync.health.entries);
        break;
    case ASK_TAP:
        assert_true(uid_equal(&a->tap.card, &b->tap.card));
        assert_int_equal(a->tap.means, b->tap.means);
        assert_same_bytes(a->tap.value, b->tap.value);
        break;
    case ASK_LOAD:
        assert_true(uid_equal(&a->load.card, &b->load.card));
        assert_int_equal(a->load.card_kind, b->load.card_kind);
        break;
    case ASK_CARD_ANSWER:
        assert_same_bytes(a->card_answer.frame, b->card_answer.frame);
        assert_int_equal(a->card_answer.lost, b->card_answer.lost);
        break;
    case ASK_HOLD:
        assert_true(a->hold.member == b->hold.member);
        assert_true(points_cmp(a->hold.points, b->hold.points) == 0);
        assert_int_equal(a->hold.means, b->hold.means);
        assert_string_equal(a->hold.name, b->hold.name);
        assert_string_equal(a->hold.pin, b->hold.pin);
        assert_true(uid_equal(&a->hold.card, &b->hold.card));
        assert_same_bytes(a->hold.value, b->hold.value);
        assert_int_equal(a->hold.approved_by, b->hold.approved_by);
        assert_string_equal(a->hold.reward, b->hold.reward);
        break;
    case ASK_PERSON:
        assert_memory_equal(&a->person, &b->person, sizeof a->person);
        break;
    case ASK_REPLACE:
        assert_memory_equal(&a->replace, &b->replace, sizeof a->replace);
        break;
    }
}

/* b was decoded from the very bytes that a encodes to: comparing encodings compares every field, and
 * a field lost on the way out and on the way in is what the few direct looks are for. */
static void assert_same_answer(const struct wire_answer *a, const struct wire_answer *b)
{
    struct errmsg why = {""};
    struct buf one = BUF_ON(room), two = BUF_ON(room2);
    must(wire_encode_answer(&one, a, &why), &why);
    must(wire_encode_answer(&two, b, &why), &why);
    assert_same_bytes(buf_bytes(&one), buf_bytes(&two));
    assert_int_equal(a->number, b->number);
    assert_int_equal(a->say, b->say);
    if (a->say == SAY_SYNCED) {
        assert_int_equal(a->synced.acked_seq, b->synced.acked_seq);
        assert_int_equal(a->synced.hot_count, b->synced.hot_count);
        assert_memory_equal(a->synced.hot, b->synced.hot, sizeof a->synced.hot);
        assert_same_bytes(a->synced.pack_json, b->synced.pack_json);
        assert_int_equal(a->synced.has_pack, b->synced.has_pack);
        assert_int_equal(a->synced.pack_version, b->synced.pack_version);
        assert_int_equal(a->synced.more, b->synced.more);
        assert_int_equal(a->synced.hot_version, b->synced.hot_version);
        assert_true(a->synced.clock_s == b->synced.clock_s);
        assert_int_equal(a->synced.staff_version, b->synced.staff_version);
        assert_int_equal(a->synced.staff_count, b->synced.staff_count);
        assert_memory_equal(a->synced.staff, b->synced.staff, sizeof a->synced.staff);
        assert_int_equal(a->synced.orders, b->synced.orders);
    } else if (a->say == SAY_HELD) {
        assert_memory_equal(&a->held, &b->held, sizeof a->held);
    } else if (a->say == SAY_DONE) {
        assert_memory_equal(&a->done, &b->done, sizeof a->done);
    } else if (a->say == SAY_TAPPED) {
        assert_memory_equal(&a->tapped, &b->tapped, sizeof a->tapped);
    } else if (a->say == SAY_LOADED) {
        assert_memory_equal(&a->loaded, &b->loaded, sizeof a->loaded);
    } else if (a->say == SAY_REFUSED) {
        assert_memory_equal(&a->refused, &b->refused, sizeof a->refused);
    } else if (a->say == SAY_ENROLLED) {
        assert_int_equal(a->enrolled.terminal, b->enrolled.terminal);
        assert_memory_equal(a->enrolled.k2, b->enrolled.k2, sizeof a->enrolled.k2);
        assert_memory_equal(a->enrolled.aid, b->enrolled.aid, sizeof a->enrolled.aid);
        assert_same_bytes(a->enrolled.certificate, b->enrolled.certificate);
        assert_same_bytes(a->enrolled.ca, b->enrolled.ca);
        assert_same_bytes(a->enrolled.pack_key, b->enrolled.pack_key);
        assert_string_equal(a->enrolled.shop, b->enrolled.shop);
        assert_int_equal(a->enrolled.key_version, b->enrolled.key_version);
        assert_same_bytes(a->enrolled.code_key, b->enrolled.code_key);
        assert_memory_equal(a->enrolled.lookup_key, b->enrolled.lookup_key, 16);
        assert_memory_equal(a->enrolled.sun_meta_key, b->enrolled.sun_meta_key, 16);
    } else if (a->say == SAY_CARD_COMMAND) {
        assert_same_bytes(a->card_command.frame, b->card_command.frame);
        assert_int_equal(a->card_command.timeout_ms, b->card_command.timeout_ms);
    }
}

TEST(wire, every_request_and_answer_comes_back_as_it_was)
{
    struct errmsg why = {""};
    static struct wire_request r, r2;
    static struct wire_answer a, a2;
    for (int i = 0; i < 1000; i++) {
        struct buf b = BUF_ON(room);
        some_request(&r, (enum wire_ask)(ASK_ENROL + i / 2 % 8));
        must(wire_encode_request(&b, &r, &why), &why);
        must(wire_decode_request(&r2, buf_bytes(&b), &why), &why);
        assert_same_request(&r, &r2);
        static uint8_t frame[WIRE_FRAME_MAX];
        struct buf f = BUF_ON(frame);
        some_answer(&a, (enum wire_say)(SAY_REFUSED + i / 2 % 8));
        must(wire_encode_answer(&f, &a, &why), &why);
        must(wire_decode_answer(&a2, buf_bytes(&f), &why), &why);
        assert_same_answer(&a, &a2);
    }
}

TEST(wire, frames_cut_or_changed_anywhere_never_read_outside_themselves)
{
    struct errmsg why = {""};
    static struct wire_request r;
    static struct wire_answer a;
    int taken = 0, refused = 0;
    for (int i = 0; i < 60; i++) {
        struct buf b = BUF_ON(room);
        bool ask = i % 2;
        if (ask) {
            some_request(&r, (enum wire_ask)(ASK_ENROL + i / 2 % 8));
            must(wire_encode_request(&b, &r, &why), &why);
        } else {
            some_answer(&a, (enum wire_say)(SAY_REFUSED + i / 2 % 8));
            must(wire_encode_answer(&b, &a, &why), &why);
        }
        for (size_t n = 0; n < b.size + 300; n++) {
            size_t size = n < b.size ? n : b.size;
            uint8_t *copy = exactly(bytes_of(room, size));
            for (uint32_t m = n < b.size ? 0 : 1 + test_below(4); m > 0; m--)
                copy[test_below((uint32_t)size)] = (uint8_t)test_random();
            enum err e = ask ? wire_decode_request(&r, bytes_of(copy, size), &why)
                             : wire_decode_answer(&a, bytes_of(copy, size), &why);
            assert_true(e == OK || e == ERR_FORMAT);
            e ? refused++ : taken++;
            free(copy);
        }
    }
    assert_true(taken > 100);
    assert_true(refused > 100);
}

TEST(wire, a_frame_needs_exactly_one_message)
{
    struct errmsg why = {""};
    struct wire_answer a;
    struct wire_request *r = malloc(sizeof *r);
    assert_non_null(r);
    assert_int_equal(wire_decode_request(r, bytes_of("", 0), &why), ERR_FORMAT);
    assert_int_equal(wire_decode_request(r, bytes_of("\x08\x01", 2), &why), ERR_FORMAT);
    /* an empty Sync is a heartbeat; two messages are none */
    assert_int_equal(wire_decode_request(r, bytes_of("\x08\x01\x1a\x00", 4), &why), OK);
    assert_int_equal(wire_decode_request(r, bytes_of("\x08\x01\x1a\x00\x1a\x00", 6), &why), ERR_FORMAT);
    assert_int_equal(wire_decode_answer(&a, bytes_of("\x08\x01\x52\x00", 4), &why), ERR_FORMAT);
    assert_int_equal(wire_decode_request(r, bytes_of(room, WIRE_FRAME_MAX + 1), &why), ERR_FORMAT);
    free(r);
}

TEST(wire, a_field_of_the_wrong_wire_type_is_refused)
{
    /* nanopb hands a callback a stream of its own for these: reading it as ours would follow the
     * sender's bytes as a pointer. */
    static const struct {
        bool ask;
        uint8_t bytes[12];
        size_t size;
    } rows[] = {
        {true, {0x1a, 2, 0x10, 1}, 4},                /* Sync.entries as a varint */
        {true, {0x1a, 5, 0x1d, 1, 2, 3, 4}, 7},       /* Sync.hash as fixed32 */
        {true, {0x12, 9, 0x11, 1, 2, 3, 4, 5, 6, 7, 8}, 11}, /* Enrol.csr as fixed64 */
        {true, {0x32, 2, 0x08, 1}, 4},                /* CardAnswer.frame as a varint */
        {false, {0x22, 2, 0x10, 1}, 4},               /* Synced.packs as a varint */
        {false, {0x22, 2, 0x20, 1}, 4},               /* Synced.hot as a varint */
        {false, {0x22, 4, 0x12, 2, 0x10, 1}, 6},      /* Pack.json as a varint */
        {false, {0x32, 2, 0x08, 1}, 4},               /* CardCommand.frame as a varint */
        {true, {0x18, 1}, 2},                         /* Request.sync as a varint */
        {true, {0x0a, 1, 1, 0x1a, 0}, 5},             /* number as bytes */
    };
    struct errmsg why = {""};
    static struct wire_request r;
    static struct wire_answer a;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bytes frame = bytes_of(rows[i].bytes, rows[i].size);
        enum err e = rows[i].ask ? wire_decode_request(&r, frame, &why)
                                 : wire_decode_answer(&a, frame, &why);
        if (e != ERR_FORMAT)
            fail_msg("row %zu was taken", i);
    }
}

TEST(wire, a_list_longer_than_its_maximum_is_refused)
{
    struct errmsg why = {""};
    struct buf body = BUF_ON(room), frame = BUF_ON(room2);
    static struct wire_request r;
    for (int count = WIRE_BATCH_MAX; count <= WIRE_BATCH_MAX + 1; count++) {
        body.size = frame.size = 0;
        for (int i = 0; i < count; i++)
            buf_put(&body, "\x12\x01x", 3);
        buf_put(&body, "\x1a\x20", 2);
        for (int i = 0; i < WIRE_HASH_SIZE; i++)
            buf_put_u8(&body, 1);
        buf_put(&frame, "\x1a", 1);
        buf_put_u8(&frame, (uint8_t)(body.size & 0x7f) | 0x80);
        buf_put_u8(&frame, (uint8_t)(body.size >> 7));
        buf_put(&frame, body.data, body.size);
        assert_int_equal(wire_decode_request(&r, buf_bytes(&frame), &why),
                         count <= WIRE_BATCH_MAX ? OK : ERR_FORMAT);
    }
}

TEST(wire, a_hot_list_or_staff_longer_than_its_maximum_is_refused)
{
    static const struct {
        uint8_t item[16];
        size_t size;
        int max;
    } lists[] = {{{0x22, 11, 0x0a, 7, 4, 1, 2, 3, 4, 5, 6, 0x10, 2}, 13, WIRE_HOT_MAX},
                 {{0x42, 2, 0x08, 1}, 4, WIRE_STAFF_MAX}};
    struct errmsg why = {""};
    struct wire_answer *a = malloc(sizeof *a);
    assert_non_null(a);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        for (int count = lists[i].max; count <= lists[i].max + 1; count++) {
            struct buf frame = BUF_ON(room);
            size_t size = (size_t)count * lists[i].size;
            const uint8_t head[] = {0x22, (uint8_t)(size & 0x7f) | 0x80, (uint8_t)(size >> 7 & 0x7f) | 0x80,
                                    (uint8_t)(size >> 14)};
            buf_put(&frame, head, sizeof head);
            for (int k = 0; k < count; k++)
                buf_put(&frame, lists[i].item, lists[i].size);
            assert_int_equal(wire_decode_answer(a, buf_bytes(&frame), &why),
                             count <= lists[i].max ? OK : ERR_FORMAT);
        }
    free(a);
}

TEST(wire, the_chain_depends_on_every_byte_and_on_the_order)
{
    uint8_t zero[WIRE_HASH_SIZE] = {0}, a[WIRE_HASH_SIZE], b[WIRE_HASH_SIZE];
    char hex[2 * WIRE_HASH_SIZE + 1];
    wire_chain(a, zero, bytes_of("one", 3));
    hex_encode(hex, a, sizeof a);
    /* (head -c 32 /dev/zero; printf one) | sha256sum */
    assert_string_equal(hex, "4e233ba6ac7032d3894ecea5974fd96176e564b024af45747eb46357af8d2401");
    wire_chain(a, a, bytes_of("two", 3));
    wire_chain(b, zero, bytes_of("two", 3));
    wire_chain(b, b, bytes_of("one", 3));
    assert_memory_not_equal(a, b, sizeof a);
}
