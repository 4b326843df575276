/* test_journal.c - the till's memory: what was appended is there, whole, after whatever happens.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "base/mbed.h"
#include "db/journal.h"
#include "hw/clock.h"
#include "tests/faultvfs.h"
#include "tests/packs.h"
#include "tests/sql.h"
#include "tests/test.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TERMINAL = 7, ENTRY_SIZE = 300, NOW = 1291192440 };

static const struct card_uid card_a = {{4, 1, 2, 3, 4, 5, 6}}, card_b = {{4, 9, 9, 9, 9, 9, 9}};
static uint8_t room[JOURNAL_ENTRY_MAX];

static const char *path_of(const char *name)
{
    static char path[4][300];
    static int next;
    char *p = path[next++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", test_scratch_dir(), name);
    return p;
}

static struct journal *open_journal(const char *path)
{
    struct journal *j;
    struct errmsg why = {""};
    enum err e = journal_open(&j, path, TERMINAL, &why);
    if (e)
        fail_msg("%s: %s", err_text(e), why.text);
    return j;
}

/* An entry need not be a real encoded txn: the journal never looks inside. */
static struct bytes entry_of(uint32_t seq, size_t size)
{
    static uint8_t bytes[JOURNAL_ENTRY_MAX];
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(seq * 31 + i);
    return bytes_of(bytes, size);
}

static struct txn txn_of(struct journal *j, enum txn_kind kind, const struct card_uid *card,
                         int64_t points, int64_t redeemed)
{
    struct txn t = {.kind = kind, .id = {TERMINAL, journal_next_seq(j)}, .time_s = NOW};
    t.points = points_of(points);
    t.redeemed = points_of(redeemed);
    if (card)
        t.card = *card;
    return t;
}

static enum err append(struct journal *j, const struct txn *t, uint32_t closes)
{
    return journal_append(j, t, entry_of(t->id.seq, ENTRY_SIZE), (struct entry_id){TERMINAL, closes},
                          NULL);
}

static void append_sales(struct journal *j, int count)
{
    for (int i = 0; i < count; i++) {
        struct txn t = txn_of(j, TXN_SALE, i % 3 ? &card_a : &card_b, 5, 0);
        snprintf(t.ref, sizeof t.ref, "ref-%u", t.id.seq);
        assert_int_equal(append(j, &t, 0), OK);
    }
}

static void assert_entry(struct journal *j, uint32_t seq)
{
    struct buf out = BUF_ON(room);
    struct errmsg why;
    assert_int_equal(journal_get(j, seq, &out, &why), OK);
    assert_int_equal(out.size, ENTRY_SIZE);
    assert_memory_equal(out.data, entry_of(seq, ENTRY_SIZE).data, ENTRY_SIZE);
}

static void assert_whole(struct journal *j, uint32_t count)
{
    struct errmsg why = {""};
    uint32_t sound = 0;
    enum err e = journal_verify(j, &sound, &why);
    if (e)
        fail_msg("after %u entries: %s", sound, why.text);
    assert_int_equal(sound, count);
    assert_int_equal(journal_next_seq(j), count + 1);
}

static void shell(const char *path, const char *statements)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sql_run(db, statements);
    sqlite3_close(db);
}

TEST(journal, what_was_appended_is_there_after_reopening_and_the_chain_is_the_documented_one)
{
    const char *path = path_of("till.db");
    struct journal *j = open_journal(path);
    assert_int_equal(journal_next_seq(j), 1);
    append_sales(j, 100);
    journal_close(j);
    j = open_journal(path);
    assert_whole(j, 100);
    uint8_t hash[32] = {0}, stored[32];
    for (uint32_t seq = 1; seq <= 100; seq++) {
        assert_entry(j, seq);
        mbed_sha256_two(hash, bytes_of(hash, 32), entry_of(seq, ENTRY_SIZE));
        assert_int_equal(journal_hash(j, seq, stored, NULL), OK);
        assert_memory_equal(hash, stored, 32);
    }
    struct buf out = BUF_ON(room);
    assert_int_equal(journal_get(j, 101, &out, NULL), ERR_NOT_FOUND);
    assert_int_equal(journal_get(j, 0, &out, NULL), ERR_NOT_FOUND);
    struct buf small = {.data = room, .cap = 10};
    assert_int_equal(journal_get(j, 1, &small, NULL), ERR_FULL);
    journal_close(j);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

TEST(journal, an_append_is_one_fsync_whatever_was_done_before)
{
    faultvfs_use();
    const char *path = path_of("till.db");
    struct journal *j = open_journal(path);
    int idled = 0;
    for (int i = 0; i < 1000; i++) {
        struct txn t = txn_of(j, i % 4 == 2 ? TXN_INTENT : TXN_SALE, &card_a, 1, 0);
        size_t size = i % 50 == 0 ? JOURNAL_ENTRY_MAX : ENTRY_SIZE;
        int64_t before = faultvfs.syncs;
        assert_int_equal(journal_append(j, &t, entry_of(t.id.seq, size),
                                        (struct entry_id){TERMINAL, i % 4 == 3 ? t.id.seq - 1 : 0},
                                        NULL),
                         OK);
        assert_int_equal(faultvfs.syncs - before, 1);
        before = faultvfs.syncs;
        if (i % 10 == 9)
            assert_int_equal(journal_set_acked(j, t.id.seq, NULL), OK);
        if (i % 7 == 0)
            assert_int_equal(journal_set_card_status(j, &card_b, CARD_BLOCKED, NULL), OK);
        assert_int_equal(faultvfs.syncs - before, 0);
        if (i % 100 == 50) {
            assert_int_equal(journal_idle(j, NULL), OK);
            idled += faultvfs.syncs > before;
        }
        if (i == 500) {
            journal_close(j);
            j = open_journal(path);
        }
    }
    assert_true(idled >= 3); /* the log was moved over, and no append paid for it */
    assert_whole(j, 1000);
    journal_close(j);
}

TEST(journal, opening_a_long_one_takes_no_longer_than_a_short_one)
{
    const char *path = path_of("till.db");
    struct journal *j = open_journal(path);
    journal_close(j);
    shell(path, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
                "INSERT INTO entry SELECT i, 1, 14944, NULL, NULL, x'04010203040506', 'r' || i, 3, 0, 0, NULL, NULL,"
                " NULL, zeroblob(32), zeroblob(300) FROM n");
    /* The made-up chain is wrong everywhere but where opening looks. */
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_exec(db, "DROP TRIGGER entry_is_never_changed", NULL, NULL, NULL);
    uint8_t hash[32] = {0}, entry[300] = {0};
    for (int seq = 19900; seq <= 20000; seq++) {
        char hex[65], text[200];
        if (seq > 19900)
            mbed_sha256_two(hash, bytes_of(hash, 32), bytes_of(entry, sizeof entry));
        hex_encode(hex, hash, 32);
        snprintf(text, sizeof text, "UPDATE entry SET hash = x'%s' WHERE seq = %d", hex, seq);
        assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    }
    sqlite3_close(db);
    int64_t start = clock_tick_ms();
    j = open_journal(path);
    int64_t took = clock_tick_ms() - start;
    printf("opening 20000 entries: %d ms\n", (int)took);
    assert_true(took < 100);
    assert_int_equal(journal_next_seq(j), 20001);
    uint32_t sound;
    struct errmsg why;
    assert_int_equal(journal_verify(j, &sound, &why), ERR_CORRUPT);
    assert_int_equal(sound, 0);
    assert_string_equal(why.text, "entry 1 was changed after it was written");
    assert_int_equal(points_n(journal_pending(j, &card_a, 0)), 60000);
    journal_close(j);
}

TEST(journal, a_reference_is_closed_once_and_only_by_a_sale_or_refund)
{
    struct journal *j = open_journal(path_of("till.db"));
    struct txn t = txn_of(j, TXN_INTENT, &card_a, 5, 100);
    strcpy(t.ref, "536365");
    assert_int_equal(append(j, &t, 0), OK);
    struct buf out = BUF_ON(room);
    assert_int_equal(journal_find_ref(j, "536365", &out, NULL), ERR_NOT_FOUND);
    t = txn_of(j, TXN_CANCEL, &card_a, 0, 100);
    strcpy(t.ref, "536365");
    assert_int_equal(append(j, &t, 1), OK);
    t = txn_of(j, TXN_SALE, &card_a, 5, 0);
    strcpy(t.ref, "536365");
    assert_int_equal(append(j, &t, 0), OK);
    assert_int_equal(journal_find_ref(j, "536365", &out, NULL), OK);
    assert_memory_equal(out.data, entry_of(3, ENTRY_SIZE).data, ENTRY_SIZE);
    struct errmsg why;
    static const enum txn_kind again[] = {TXN_SALE, TXN_REFUND, TXN_INTENT};
    for (size_t i = 0; i < 3; i++) {
        t = txn_of(j, again[i], &card_a, 5, 0);
        strcpy(t.ref, "536365");
        assert_int_equal(journal_append(j, &t, entry_of(4, 9), (struct entry_id){0}, &why), ERR_EXISTS);
        assert_string_equal(why.text, "reference 536365 was closed by entry 3");
    }
    t.kind = TXN_SALE;
    t.ref[0] = 0; /* no reference: as many as one likes */
    assert_int_equal(append(j, &t, 0), OK);
    t.id.seq = 5;
    assert_int_equal(append(j, &t, 0), OK);
    assert_whole(j, 5);
    journal_close(j);
}

TEST(journal, refunds_of_a_sale_are_found_in_order_also_of_another_tills_sale)
{
    struct journal *j = open_journal(path_of("till.db"));
    append_sales(j, 2);
    static const struct entry_id of[] = {{TERMINAL, 1}, {TERMINAL, 2}, {3, 1}, {TERMINAL, 1}};
    for (size_t i = 0; i < 4; i++) {
        struct txn t = txn_of(j, TXN_REFUND, &card_a, 1, 0);
        t.original = of[i];
        assert_int_equal(append(j, &t, 0), OK);
    }
    static const struct {
        struct entry_id sale;
        int32_t n;
        uint32_t found;
    } rows[] = {{{TERMINAL, 1}, 0, 3}, {{TERMINAL, 1}, 1, 6}, {{TERMINAL, 1}, 2, 0},
                {{TERMINAL, 2}, 0, 4}, {{3, 1}, 0, 5},        {{4, 1}, 0, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf out = BUF_ON(room);
        enum err e = journal_find_refund(j, rows[i].sale, rows[i].n, &out, NULL);
        assert_int_equal(e, rows[i].found ? OK : ERR_NOT_FOUND);
        if (rows[i].found)
            assert_memory_equal(out.data, entry_of(rows[i].found, ENTRY_SIZE).data, ENTRY_SIZE);
    }
    journal_close(j);
}

/* The number of an entry that a look-up has found; 0 = none. */
static uint32_t seq_of(struct journal *j, enum err found, const struct buf *entry)
{
    if (found == ERR_NOT_FOUND)
        return 0;
    assert_int_equal(found, OK);
    for (uint32_t seq = 1; seq < journal_next_seq(j); seq++)
        if (memcmp(entry->data, entry_of(seq, ENTRY_SIZE).data, ENTRY_SIZE) == 0)
            return seq;
    return UINT32_MAX;
}

static uint32_t open_intent(struct journal *j, const struct card_uid *card)
{
    struct buf out = BUF_ON(room);
    return seq_of(j, journal_open_intent(j, card, &out, NULL), &out);
}

TEST(journal, the_oldest_open_intent_is_found_until_something_closes_it)
{
    const char *path = path_of("till.db");
    struct journal *j = open_journal(path);
    assert_int_equal(open_intent(j, NULL), 0);
    struct txn t = txn_of(j, TXN_INTENT, &card_b, 0, 50); /* 1 */
    assert_int_equal(append(j, &t, 0), OK);
    t = txn_of(j, TXN_INTENT, &card_a, 0, 70); /* 2 */
    assert_int_equal(append(j, &t, 0), OK);
    t = txn_of(j, TXN_INTENT, &card_a, 0, 70); /* 3 supersedes 2 */
    t.original = (struct entry_id){TERMINAL, 2};
    assert_int_equal(append(j, &t, 2), OK);
    journal_close(j);
    j = open_journal(path);
    assert_int_equal(open_intent(j, NULL), 1);
    assert_int_equal(open_intent(j, &card_a), 3);
    t = txn_of(j, TXN_SALE, &card_a, 2, 70); /* 4 leaves 3 in doubt */
    t.original = (struct entry_id){TERMINAL, 3};
    t.commit = COMMIT_DOUBT;
    assert_int_equal(append(j, &t, 0), OK);
    assert_int_equal(open_intent(j, &card_a), 3);
    t = txn_of(j, TXN_SETTLE, &card_a, 0, 70); /* 5 */
    t.original = (struct entry_id){TERMINAL, 3};
    t.commit = COMMIT_DONE;
    assert_int_equal(append(j, &t, 3), OK);
    assert_int_equal(open_intent(j, &card_a), 0);
    assert_int_equal(open_intent(j, NULL), 1);
    t = txn_of(j, TXN_SETTLE, &card_b, 0, 50); /* 6: another till's intent 1, not ours */
    t.original = (struct entry_id){3, 1};
    t.commit = COMMIT_DONE;
    assert_int_equal(journal_append(j, &t, entry_of(6, ENTRY_SIZE), (struct entry_id){3, 1}, NULL), OK);
    assert_int_equal(open_intent(j, NULL), 1);
    assert_whole(j, 6);
    journal_close(j);
}

static uint32_t doubtful_seq(struct journal *j, const struct card_uid *card)
{
    struct buf out = BUF_ON(room);
    return seq_of(j, journal_doubtful_intent(j, card, &out, NULL), &out);
}

TEST(journal, sums_of_a_card_count_what_may_have_happened_and_what_head_office_has_not)
{
    struct journal *j = open_journal(path_of("till.db"));
    int32_t today = day_of_time(1291192440);
    struct txn t = txn_of(j, TXN_INTENT, &card_a, 4, 100); /* 1: shown not done by 2 */
    assert_int_equal(append(j, &t, 0), OK);
    assert_int_equal(points_n(journal_offline_redeemed(j, &card_a, today)), 100);
    t = txn_of(j, TXN_INTENT, &card_a, 4, 100);
    t.original = (struct entry_id){TERMINAL, 1};
    assert_int_equal(append(j, &t, 1), OK);
    assert_int_equal(points_n(journal_offline_redeemed(j, &card_a, today)), 100);
    t = txn_of(j, TXN_SALE, &card_a, 4, 100);
    t.original = (struct entry_id){TERMINAL, 2};
    t.commit = COMMIT_DONE;
    assert_int_equal(append(j, &t, 2), OK);
    t = txn_of(j, TXN_INTENT, &card_a, 0, 30); /* 4: given up, in doubt */
    assert_int_equal(append(j, &t, 0), OK);
    t = txn_of(j, TXN_CANCEL, &card_a, 0, 30);
    t.original = (struct entry_id){TERMINAL, 4};
    t.commit = COMMIT_DOUBT;
    assert_int_equal(doubtful_seq(j, &card_a), 0);
    assert_int_equal(append(j, &t, 0), OK);
    assert_int_equal(doubtful_seq(j, &card_a), 4);
    assert_int_equal(doubtful_seq(j, &card_b), 0);
    assert_int_equal(points_n(journal_offline_redeemed(j, &card_a, today)), 130);
    t = txn_of(j, TXN_SETTLE, &card_a, 0, 30); /* it was not done after all */
    t.original = (struct entry_id){TERMINAL, 4};
    t.commit = COMMIT_NOT_DONE;
    assert_int_equal(append(j, &t, 4), OK);
    assert_int_equal(doubtful_seq(j, &card_a), 0);
    assert_int_equal(points_n(journal_offline_redeemed(j, &card_a, today)), 100);
    assert_int_equal(points_n(journal_offline_redeemed(j, &card_a, today + 1)), 0);
    assert_int_equal(points_n(journal_offline_redeemed(j, &card_b, today)), 0);
    t = txn_of(j, TXN_REFUND, &card_a, 1, 0);
    t.original = (struct entry_id){TERMINAL, 3};
    assert_int_equal(append(j, &t, 0), OK);
    t = txn_of(j, TXN_SALE, &card_a, 20, 0);
    assert_int_equal(append(j, &t, 0), OK);
    assert_int_equal(points_n(journal_earned(j, &card_a, 0, today, today, 0)), 24);
    assert_int_equal(points_n(journal_earned(j, &card_a, 0, today - 1, today - 1, 0)), 0);
    assert_int_equal(points_n(journal_earned(j, &card_a, 0, today, today, 7)), 4); /* entry 7 earned 20 */
    assert_int_equal(points_n(journal_pending(j, &card_a, 0)), 23);
    assert_int_equal(journal_set_acked(j, 3, NULL), OK);
    assert_int_equal(points_n(journal_pending(j, &card_a, 0)), 19);
    assert_int_equal(points_n(journal_offline_redeemed(j, &card_a, today)), 0);
    assert_int_equal(points_n(journal_earned(j, &card_a, 0, today, today, 0)), 24);
    journal_close(j);
}

TEST(journal, the_watermark_never_goes_back_nor_past_the_end_and_is_kept)
{
    const char *path = path_of("till.db");
    struct journal *j = open_journal(path);
    append_sales(j, 10);
    assert_int_equal(journal_set_acked(j, 11, NULL), ERR_RANGE);
    assert_int_equal(journal_set_acked(j, 8, NULL), OK);
    assert_int_equal(journal_set_acked(j, 3, NULL), OK);
    assert_int_equal(journal_acked(j), 8);
    append_sales(j, 1);
    journal_close(j);
    j = open_journal(path);
    assert_int_equal(journal_acked(j), 8);
    assert_int_equal(journal_set_acked(j, 11, NULL), OK);
    assert_int_equal(journal_idle(j, NULL), OK);
    journal_close(j);
    j = open_journal(path);
    assert_int_equal(journal_acked(j), 11);
    journal_close(j);
}

TEST(journal, settings_and_hot_list_are_kept)
{
    const char *path = path_of("till.db");
    struct journal *j = open_journal(path);
    struct buf out = BUF_ON(room);
    assert_int_equal(journal_load(j, "pack", &out, NULL), ERR_NOT_FOUND);
    assert_int_equal(journal_save(j, "pack", bytes_of("one", 3), NULL), OK);
    assert_int_equal(journal_save(j, "pack", bytes_of("a\0b", 3), NULL), OK);
    assert_int_equal(journal_save(j, "empty", bytes_of(NULL, 0), NULL), OK);
    assert_int_equal(journal_card_status(j, &card_a), CARD_ACTIVE);
    assert_int_equal(journal_set_card_status(j, &card_a, CARD_BLOCKED, NULL), OK);
    assert_int_equal(journal_set_card_status(j, &card_b, CARD_REPLACED, NULL), OK);
    assert_int_equal(journal_set_card_status(j, &card_a, CARD_ACTIVE, NULL), OK);
    journal_close(j);
    j = open_journal(path);
    assert_int_equal(journal_load(j, "pack", &out, NULL), OK);
    assert_int_equal(out.size, 3);
    assert_memory_equal(out.data, "a\0b", 3);
    assert_int_equal(journal_load(j, "empty", &out, NULL), OK);
    assert_int_equal(out.size, 0);
    assert_int_equal(journal_card_status(j, &card_a), CARD_ACTIVE);
    assert_int_equal(journal_card_status(j, &card_b), CARD_REPLACED);
    journal_close(j);
}

TEST(journal, what_cannot_be_read_is_answered_as_the_header_says)
{
    const char *path = path_of("till.db");
    struct journal *j = open_journal(path);
    shell(path, "DROP TABLE hot; DROP TABLE memo; DROP TABLE entry");
    assert_int_equal(journal_card_status(j, &card_a), CARD_BLOCKED);
    assert_true(journal_memo_is(j, "http", "a sale"));
    assert_int_equal(points_n(journal_offline_redeemed(j, &card_a, 1)), INT64_MAX);
    assert_int_equal(points_n(journal_granted(j, 0, 1)), INT64_MAX);
    assert_int_equal(points_n(journal_granted(j, 1, 1)), INT64_MAX);
    assert_int_equal(points_n(journal_earned(j, &card_a, 0, 1, 1, 0)), 0);
    assert_int_equal(points_n(journal_pending(j, &card_a, 0)), 0);
    journal_close(j);
}

TEST(journal, even_a_person_with_a_shell_cannot_change_delete_or_skip)
{
    const char *path = path_of("till.db");
    struct journal *j = open_journal(path);
    append_sales(j, 3);
    static const char *const tries[] = {
        "UPDATE entry SET points = 500 WHERE seq = 2", "DELETE FROM entry WHERE seq = 3",
        "INSERT OR REPLACE INTO entry SELECT 2, kind, day, member, cashier, card, NULL, 500, redeemed, commit_state,"
        " NULL, NULL, NULL, hash, entry FROM entry WHERE seq = 2",
        "INSERT INTO entry SELECT 9, kind, day, member, cashier, card, NULL, 500, redeemed, commit_state,"
        " NULL, NULL, NULL, hash, entry FROM entry WHERE seq = 2"};
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++)
        assert_int_equal(sqlite3_exec(db, tries[i], NULL, NULL, NULL), SQLITE_CONSTRAINT);
    sqlite3_close(db);
    assert_whole(j, 3);
    journal_close(j);
}

TEST(journal, an_entry_changed_in_the_middle_is_named_and_the_others_stay_readable)
{
    const char *path = path_of("till.db");
    struct journal *j = open_journal(path);
    append_sales(j, 100);
    journal_close(j);
    shell(path, "DROP TRIGGER entry_is_never_changed;"
                "UPDATE entry SET entry = zeroblob(300) WHERE seq = 40");
    j = open_journal(path); /* opening looks at the end only */
    uint32_t sound;
    struct errmsg why;
    assert_int_equal(journal_verify(j, &sound, &why), ERR_CORRUPT);
    assert_int_equal(sound, 39);
    assert_string_equal(why.text, "entry 40 was changed after it was written");
    struct buf out = BUF_ON(room);
    assert_int_equal(journal_get(j, 40, &out, &why), ERR_CORRUPT);
    assert_entry(j, 39);
    assert_entry(j, 41);
    journal_close(j);
}

TEST(journal, damage_found_in_passing_stops_what_head_office_has_not_and_only_that)
{
    for (int acked = 0; acked < 2; acked++) {
        const char *path = path_of(acked ? "acked.db" : "owed.db");
        struct journal *j = open_journal(path);
        struct errmsg why = {""};
        append_sales(j, 100);
        assert_int_equal(journal_set_acked(j, acked ? 60 : 30, &why), OK);
        append_sales(j, 1);
        journal_close(j);
        shell(path, "DROP TRIGGER entry_is_never_changed;"
                    "UPDATE entry SET entry = zeroblob(300) WHERE seq = 40");
        j = open_journal(path);
        assert_int_equal(journal_check_some(j, 20, &why), OK);
        assert_int_equal(journal_checked(j), 20);
        assert_int_equal(journal_check_some(j, 19, &why), OK);
        assert_int_equal(journal_damaged_from(j), 0);
        assert_int_equal(journal_check_some(j, 20, &why), ERR_CORRUPT);
        assert_int_equal(journal_damaged_from(j), 40);
        assert_int_equal(journal_check_some(j, 20, &why), OK); /* said once */
        struct txn t = txn_of(j, TXN_SALE, &card_a, 1, 0);
        assert_int_equal(append(j, &t, 0), acked ? OK : ERR_CORRUPT);
        assert_int_equal(journal_recover(j, &why), acked ? OK : ERR_CORRUPT);
        assert_entry(j, 39);
        journal_close(j);
    }
}

TEST(journal, of_two_entries_that_are_wrong_the_one_that_is_owed_counts)
{
    const char *path = path_of("till.db");
    struct journal *j = open_journal(path);
    struct errmsg why = {""};
    append_sales(j, 200);
    assert_int_equal(journal_set_acked(j, 60, &why), OK);
    append_sales(j, 1);
    journal_close(j);
    shell(path, "DROP TRIGGER entry_is_never_changed;"
                "UPDATE entry SET entry = zeroblob(300) WHERE seq IN (20, 80)");
    j = open_journal(path);
    assert_int_equal(journal_check_some(j, 300, &why), ERR_CORRUPT);
    assert_int_equal(journal_damaged_from(j), 20);
    assert_int_equal(journal_may_write(j, &why), OK);
    assert_int_equal(journal_check_some(j, 300, &why), ERR_CORRUPT);
    assert_int_equal(journal_damaged_from(j), 80); /* what is sent ends there */
    assert_int_equal(journal_may_write(j, &why), ERR_CORRUPT);
    journal_close(j);
}

TEST(journal, a_sound_one_is_checked_to_its_end_and_goes_on_with_what_is_appended)
{
    struct journal *j = open_journal(path_of("till.db"));
    struct errmsg why;
    append_sales(j, 50);
    for (uint32_t n = 0; n < 8; n++)
        assert_int_equal(journal_check_some(j, 7, &why), OK);
    assert_int_equal(journal_checked(j), 50);
    append_sales(j, 2);
    assert_int_equal(journal_check_some(j, 7, &why), OK);
    assert_int_equal(journal_checked(j), 52);
    journal_close(j);
}

TEST(journal, damage_at_the_end_is_found_on_opening_and_nothing_is_added_to_it)
{
    const char *path = path_of("till.db");
    struct journal *j = open_journal(path);
    append_sales(j, 100);
    journal_close(j);
    shell(path, "DROP TRIGGER entry_is_never_changed;"
                "UPDATE entry SET entry = x'00' WHERE seq = 98");
    struct errmsg why;
    assert_int_equal(journal_open(&j, path, TERMINAL, &why), ERR_CORRUPT);
    assert_string_equal(why.text, "entry 98 was changed after it was written; the journal is damaged "
                                  "from entry 98 on; what is before it can be read");
    assert_non_null(j);
    assert_entry(j, 97);
    struct txn t = txn_of(j, TXN_SALE, &card_a, 1, 0);
    assert_int_equal(append(j, &t, 0), ERR_CORRUPT);
    journal_close(j);
    shell(path, "DROP TRIGGER entry_is_never_deleted; DELETE FROM entry WHERE seq = 90");
    assert_int_equal(journal_open(&j, path, TERMINAL, &why), ERR_CORRUPT);
    assert_true(strncmp(why.text, "entry 90 is missing", 19) == 0);
    journal_close(j);
}

TEST(journal, a_torn_page_is_an_error_with_a_sentence_and_never_a_wrong_entry)
{
    const char *path = path_of("till.db");
    struct journal *j = open_journal(path);
    append_sales(j, 300);
    journal_close(j);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    int named = 0;
    for (off_t page = 1; page < st.st_size / 4096; page++) {
        uint8_t saved[4096], junk[4096];
        for (size_t i = 0; i < sizeof junk; i++)
            junk[i] = (uint8_t)test_random();
        int fd = open(path, O_RDWR);
        assert_int_equal(pread(fd, saved, 4096, page * 4096), 4096);
        assert_int_equal(pwrite(fd, junk, 4096, page * 4096), 4096);
        struct errmsg why = {""};
        uint32_t sound = 0;
        enum err e = journal_open(&j, path, TERMINAL, &why);
        if (e == OK)
            e = journal_verify(j, &sound, &why);
        assert_true(e == ERR_CORRUPT || e == ERR_FORMAT);
        assert_true(strlen(why.text) > 10);
        named += strstr(why.text, "entry ") != NULL;
        for (uint32_t seq = 1; j && seq <= 300; seq += 7) {
            struct buf out = BUF_ON(room);
            e = journal_get(j, seq, &out, &why);
            if (e == OK)
                assert_memory_equal(out.data, entry_of(seq, ENTRY_SIZE).data, ENTRY_SIZE);
            else
                assert_true(e == ERR_CORRUPT || e == ERR_NOT_FOUND);
        }
        journal_close(j);
        assert_int_equal(pwrite(fd, saved, 4096, page * 4096), 4096);
        close(fd);
    }
    assert_true(named > 20);
    j = open_journal(path);
    assert_whole(j, 300);
    journal_close(j);
}

/* All entries but the first ten are owed.  A page of zeros is what a disk gives that lost it. */
TEST(journal, whatever_page_is_lost_what_is_owed_before_it_is_read_and_no_number_is_given_twice)
{
    const char *path = path_of("till.db"), *copy = path_of("copy.db");
    struct journal *j = open_journal(path);
    struct errmsg why = {""};
    append_sales(j, 200);
    assert_int_equal(journal_set_acked(j, 10, &why), OK);
    append_sales(j, 1);
    struct txn intent = txn_of(j, TXN_INTENT, &card_a, 0, 10);
    assert_int_equal(append(j, &intent, 0), OK);
    journal_close(j);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    int opened = 0, sold = 0;
    for (off_t page = 0; page < st.st_size / 4096; page++) {
        char command[700];
        static const uint8_t zeros[4096];
        snprintf(command, sizeof command, "cp %s %s", path, copy);
        assert_int_equal(system(command), 0);
        int fd = open(copy, O_RDWR);
        assert_int_equal(pwrite(fd, zeros, 4096, page * 4096), 4096);
        close(fd);
        enum err e = journal_open(&j, copy, TERMINAL, &why);
        if (!j) { /* the schema's own pages */
            assert_true(e == ERR_CORRUPT || e == ERR_FORMAT);
            continue;
        }
        opened++;
        uint32_t end = journal_damaged_from(j) > journal_acked(j) ? journal_damaged_from(j) : 203, sent = end;
        for (uint32_t seq = journal_acked(j) + 1; seq < end && sent == end; seq++) {
            struct buf out = BUF_ON(room);
            if (journal_get(j, seq, &out, &why))
                sent = seq;
            else
                assert_memory_equal(out.data, entry_of(seq, ENTRY_SIZE).data, ENTRY_SIZE);
        }
        assert_true(sent == end || journal_damaged_from(j) == sent); /* found when it was read: noted */
        struct txn t = txn_of(j, TXN_SALE, &card_a, 1, 0);
        snprintf(t.ref, sizeof t.ref, "ref-new");
        e = append(j, &t, 0);
        if (e == OK) {
            assert_int_equal(t.id.seq, 203);
            sold++;
        } else {
            assert_int_equal(e, ERR_CORRUPT);
            assert_int_equal(journal_may_write(j, &why), ERR_CORRUPT);
            assert_int_equal(journal_recover(j, &why), ERR_CORRUPT);
        }
        journal_close(j);
    }
    assert_true(opened >= (int)(st.st_size / 4096) - 3);
    assert_true(sold > 0 && sold < opened);
}

TEST(journal, a_page_lost_of_what_head_office_has_stops_nothing_though_it_was_looked_at)
{
    const char *path = path_of("till.db"), *copy = path_of("copy.db");
    static const uint8_t zeros[4096];
    struct errmsg why = {""};
    struct stat st;
    int sold = 0;
    struct journal *j = open_journal(path);
    append_sales(j, 200);
    assert_int_equal(journal_set_acked(j, 200, &why), OK);
    append_sales(j, 1);
    journal_close(j);
    assert_int_equal(stat(path, &st), 0);
    for (off_t page = 0; page < st.st_size / 4096; page++) {
        char command[700];
        test_remove_journal(copy);
        snprintf(command, sizeof command, "cp %s %s", path, copy);
        assert_int_equal(system(command), 0);
        int fd = open(copy, O_RDWR);
        assert_int_equal(pwrite(fd, zeros, 4096, page * 4096), 4096);
        close(fd);
        bool gone = false;
        if (journal_open(&j, copy, TERMINAL, &why) == OK) {
            for (uint32_t seq = 1; seq <= 200; seq++) {
                struct buf out = BUF_ON(room);
                gone |= journal_get(j, seq, &out, &why) == ERR_CORRUPT;
            }
            struct txn t = txn_of(j, TXN_SALE, &card_a, 1, 0);
            snprintf(t.ref, sizeof t.ref, "ref-new");
            sold += append(j, &t, 0) == OK && gone;
        }
        journal_close(j);
    }
    assert_true(sold > 3);
}

TEST(journal, what_head_office_acknowledged_and_is_gone_here_stops_it_whether_it_is_seen_here_or_told)
{
    const char *path = path_of("till.db");
    struct journal *j = open_journal(path);
    struct errmsg why = {""};
    append_sales(j, 50);
    assert_int_equal(journal_set_acked(j, 50, &why), OK);
    append_sales(j, 1);
    journal_close(j);
    shell(path, "DROP TRIGGER entry_is_never_deleted; DELETE FROM entry WHERE seq > 45");
    assert_int_equal(journal_open(&j, path, TERMINAL, &why), ERR_CORRUPT);
    assert_int_equal(journal_may_write(j, &why), ERR_CORRUPT);
    assert_entry(j, 45);
    journal_close(j);
    shell(path, "UPDATE state SET acked = 45"); /* an old copy of the file put back: the number beside it is higher */
    assert_int_equal(journal_open(&j, path, TERMINAL, &why), ERR_CORRUPT);
    journal_close(j);
    assert_int_equal(unlink(path_of("till.db.lock")), 0); /* of that too: only head office knows */
    j = open_journal(path);
    assert_int_equal(journal_may_write(j, &why), OK);
    journal_lacks(j, 50);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(journal_may_write(j, &why), ERR_CORRUPT);
        struct txn t = txn_of(j, TXN_SALE, &card_a, 1, 0);
        assert_int_equal(append(j, &t, 0), ERR_CORRUPT);
        journal_close(j);
        assert_int_equal(journal_open(&j, path, TERMINAL, &why), ERR_CORRUPT); /* head office need not say it twice */
    }
    journal_close(j);
}

/* One bit of a file of a till that was killed. */
static void flip_bit(const char *path, long at)
{
    FILE *f = fopen(path, "r+");
    assert_non_null(f);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    int byte = fgetc(f);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    assert_int_not_equal(fputc(byte ^ 1 << test_below(8), f), EOF);
    assert_int_equal(fclose(f), 0);
}

TEST(journal, a_bit_flipped_anywhere_in_the_log_of_a_killed_till_gives_no_number_twice)
{
    enum { SALES = 5, SYNCED = 2 };
    int cut_short = 0;
    for (int round = 0; round < 200; round++) {
        const char *path = path_of("till.db");
        const char *const all[] = {path, path_of("till.db-wal"), path_of("till.db-shm"), path_of("till.db.lock")};
        for (int i = 0; i < 4; i++)
            (void)unlink(all[i]);
        pid_t child = fork();
        if (child == 0) {
            struct journal *mine = open_journal(path);
            append_sales(mine, SYNCED);
            if (journal_set_acked(mine, SYNCED, NULL)) /* the rest only customers know */
                _exit(1);
            append_sales(mine, SALES - SYNCED);
            _exit(0); /* killed: nothing is closed */
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        struct stat st;
        assert_int_equal(stat(all[1], &st), 0);
        flip_bit(all[1], (long)test_below((uint32_t)st.st_size));
        struct journal *j = NULL;
        struct errmsg why = {""};
        enum err e = journal_open(&j, path, TERMINAL, &why);
        if (e == OK) { /* it was in what nothing reads */
            assert_whole(j, SALES);
        } else if (e == ERR_CORRUPT && j) {
            cut_short++;
            uint32_t next = journal_next_seq(j);
            assert_int_equal(journal_may_write(j, NULL), ERR_CORRUPT);
            for (uint32_t seq = 1; seq < next && seq < journal_damaged_from(j); seq++)
                assert_entry(j, seq);
            assert_non_null(strstr(why.text, "the journal is damaged from entry"));
        } else {
            fail_msg("round %d: %s: %s", round, err_text(e), why.text);
        }
        journal_close(j);
    }
    assert_true(cut_short > 100);
}

TEST(journal, every_single_write_may_find_the_disk_full_and_nothing_is_half_done)
{
    for (int forever = 0; forever < 2; forever++) {
        const char *path = path_of(forever ? "full.db" : "once.db");
        int64_t at = 0;
        enum err e;
        faultvfs_use();
        struct journal *j = open_journal(path);
        append_sales(j, 3);
        struct txn t = txn_of(j, TXN_INTENT, &card_a, 1, 9);
        do {
            faultvfs.writes = 0;
            faultvfs.fail_write = ++at;
            faultvfs.fail_for_ever = forever;
            struct errmsg why = {""};
            e = journal_append(j, &t, entry_of(4, 9000), (struct entry_id){0}, &why);
            faultvfs.fail_write = 0;
            if (e == OK)
                break;
            assert_int_equal(e, ERR_IO);
            assert_non_null(strstr(why.text, "appending intent 4: the disk is full"));
            assert_whole(j, 3);
            assert_int_equal(open_intent(j, NULL), 0);
        } while (at < 1000);
        assert_true(at > 3);
        assert_int_equal(e, OK);
        assert_whole(j, 4);
        journal_close(j);
        j = open_journal(path);
        assert_whole(j, 4);
        journal_close(j);
    }
}

TEST(journal, after_a_failed_fsync_nothing_is_appended_until_it_is_opened_again)
{
    faultvfs_use();
    const char *path = path_of("till.db");
    struct journal *j = open_journal(path);
    append_sales(j, 3);
    faultvfs.fail_sync = faultvfs.syncs + 1;
    struct txn t = txn_of(j, TXN_SALE, &card_a, 1, 0);
    assert_int_equal(append(j, &t, 0), ERR_IO);
    assert_int_equal(append(j, &t, 0), ERR_IO); /* the disk would do it now, but what does it hold? */
    assert_entry(j, 3);
    journal_close(j);
    j = open_journal(path);
    uint32_t count = journal_next_seq(j) - 1;
    assert_true(count == 3 || count == 4);
    assert_whole(j, count);
    append_sales(j, 1);
    journal_close(j);
}

TEST(journal, after_a_failed_fsync_it_recovers_by_reading_what_the_disk_has)
{
    faultvfs_use();
    struct journal *j = open_journal(path_of("till.db"));
    struct errmsg why = {""};
    append_sales(j, 3);
    faultvfs.fail_sync = faultvfs.syncs + 1;
    struct txn t = txn_of(j, TXN_SALE, &card_a, 1, 0);
    assert_int_equal(append(j, &t, 0), ERR_IO);
    faultvfs.fail_sync = faultvfs.syncs + 1;
    faultvfs.fail_for_ever = true;
    assert_int_equal(journal_recover(j, &why), ERR_IO); /* the disk fails still */
    t = txn_of(j, TXN_SALE, &card_a, 1, 0);   /* it may have been there after all */
    assert_int_equal(append(j, &t, 0), ERR_IO);
    faultvfs.fail_sync = 0;
    assert_int_equal(journal_recover(j, &why), OK);
    uint32_t count = journal_next_seq(j) - 1;
    assert_true(count == 3 || count == 4);
    append_sales(j, 2);
    assert_whole(j, count + 2);
    journal_close(j);
}

/* The log shows entry 4 and the platter has not got it: what comes after it there would be lost with it.  Somebody looks
 * with a shell, so that closing writes nothing. */
TEST(journal, what_a_failed_fsync_lost_is_on_the_disk_once_the_journal_has_recovered)
{
    faultvfs_use();
    faultvfs.remember = true;
    struct journal *j = open_journal(path_of("till.db"));
    struct errmsg why = {""};
    append_sales(j, 3);
    faultvfs.fail_sync = faultvfs.syncs + 1;
    faultvfs.fail_for_ever = true;
    struct txn t = txn_of(j, TXN_SALE, &card_a, 1, 0);
    assert_int_equal(append(j, &t, 0), ERR_IO);
    assert_int_equal(journal_recover(j, &why), ERR_IO); /* as the log is read again, entry 4 is there */
    sqlite3 *looks;
    assert_int_equal(sqlite3_open(path_of("till.db"), &looks), SQLITE_OK);
    assert_int_equal(sql_number(looks, "SELECT count(*) FROM entry"), 4);
    faultvfs.fail_sync = 0;
    faultvfs.fail_for_ever = false;
    assert_int_equal(journal_recover(j, &why), OK);
    assert_int_equal(journal_next_seq(j), 5);
    append_sales(j, 1);
    char dir[300];
    snprintf(dir, sizeof dir, "%s", path_of("after"));
    mkdir(dir, 0700);
    faultvfs_cut(dir);
    faultvfs.remember = false;
    sqlite3_close(looks);
    journal_close(j);
    j = open_journal(path_of("after/till.db"));
    assert_whole(j, 5);
    journal_close(j);
}

TEST(journal, opened_on_a_full_disk_it_can_be_read_and_takes_entries_when_there_is_room)
{
    const char *path = path_of("till.db");
    struct errmsg why = {""};
    faultvfs_use();
    struct journal *j = open_journal(path);
    append_sales(j, 50);
    journal_close(j);
    faultvfs.fail_write = faultvfs.writes + 1;
    faultvfs.fail_for_ever = true;
    j = open_journal(path);
    assert_int_equal(journal_may_write(j, &why), ERR_IO);
    assert_entry(j, 50);
    struct txn t = txn_of(j, TXN_SALE, &card_a, 1, 0);
    assert_int_equal(append(j, &t, 0), ERR_IO);
    assert_int_equal(journal_recover(j, &why), ERR_IO);
    faultvfs.fail_for_ever = false;
    faultvfs.fail_write = faultvfs.writes + 1; /* room for a moment */
    assert_int_equal(journal_recover(j, &why), ERR_IO);
    assert_int_equal(journal_may_write(j, &why), ERR_IO);
    faultvfs.fail_write = 0;
    append_sales(j, 1); /* whether or not somebody asked it to recover */
    assert_int_equal(journal_may_write(j, &why), OK);
    assert_whole(j, 51);
    journal_close(j);
}

TEST(journal, a_full_disk_is_left_behind_as_soon_as_there_is_room)
{
    faultvfs_use();
    struct journal *j = open_journal(path_of("till.db"));
    struct errmsg why = {""};
    append_sales(j, 3);
    faultvfs.fail_write = faultvfs.writes + 1;
    faultvfs.fail_for_ever = true;
    struct txn t = txn_of(j, TXN_SALE, &card_a, 1, 0);
    assert_int_equal(append(j, &t, 0), ERR_IO);
    assert_int_equal(journal_recover(j, &why), ERR_IO);
    faultvfs.fail_write = 0;
    assert_int_equal(journal_recover(j, &why), OK);
    append_sales(j, 2);
    assert_whole(j, 5);
    journal_close(j);
}

/* Runs in a child: append for ever and tell the parent what was appended. */
static void append_for_ever(const char *path, int tell)
{
    struct journal *j;
    struct errmsg why;
    if (journal_open(&j, path, TERMINAL, &why))
        _exit(2);
    for (;;) {
        struct txn t = txn_of(j, test_below(3) ? TXN_SALE : TXN_INTENT, &card_a, 5, 0);
        uint32_t closes = t.kind == TXN_SALE && t.id.seq > 1 ? t.id.seq - 1 : 0;
        if (append(j, &t, closes) || write(tell, &t.id.seq, 4) != 4)
            _exit(3);
        if (t.id.seq % 5 == 0 && journal_set_acked(j, t.id.seq - 1, NULL))
            _exit(4);
        if (t.id.seq % 40 == 0 && journal_idle(j, NULL))
            _exit(5);
    }
}

TEST(journal, killed_at_any_write_it_holds_everything_it_reported_and_is_whole)
{
    const char *path = path_of("till.db");
    uint32_t reported = 0;
    faultvfs_use();
    for (int round = 0; round < 60; round++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        int64_t kill_at = 1 + test_below(400);
        test_random(); /* parent and child go on with different numbers anyway */
        pid_t child = fork();
        if (child == 0) {
            close(ends[0]);
            faultvfs.writes = 0;
            faultvfs.kill_write = kill_at;
            append_for_ever(path, ends[1]);
        }
        close(ends[1]);
        uint32_t seq;
        while (read(ends[0], &seq, 4) == 4) {
            assert_int_equal(seq, reported + 1);
            reported = seq;
        }
        close(ends[0]);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGKILL);
        struct journal *j = open_journal(path);
        uint32_t count = journal_next_seq(j) - 1;
        assert_true(count == reported || count == reported + 1); /* killed before it could tell */
        assert_whole(j, count);
        for (uint32_t s = reported > 5 ? reported - 5 : 1; s <= count; s++)
            assert_entry(j, s);
        reported = count;
        journal_close(j);
    }
    assert_true(reported > 100);
}

TEST(journal, after_a_power_cut_everything_it_reported_is_there_and_whole)
{
    for (int round = 0; round < 60; round++) {
        faultvfs_use();
        faultvfs.remember = true;
        struct journal *j = open_journal(path_of("till.db"));
        uint32_t count = 1 + test_below(120);
        for (uint32_t i = 0; i < count; i++) {
            struct txn t = txn_of(j, i % 3 ? TXN_SALE : TXN_INTENT, &card_a, 5, 0);
            assert_int_equal(append(j, &t, i % 3 == 1 ? t.id.seq - 1 : 0), OK);
            if (test_below(4) == 0)
                assert_int_equal(journal_set_acked(j, test_below(t.id.seq), NULL), OK);
            if (test_below(8) == 0)
                assert_int_equal(journal_set_card_status(j, &card_b, CARD_BLOCKED, NULL), OK);
            if (test_below(4) == 0)
                assert_int_equal(journal_idle(j, NULL), OK);
        }
        char dir[300];
        snprintf(dir, sizeof dir, "%s", path_of("after"));
        mkdir(dir, 0700);
        faultvfs_cut(dir);
        journal_close(j);
        assert_int_equal(unlink(path_of("till.db")), 0);
        assert_int_equal(rename(path_of("till.db.lock"), path_of("after/till.db.lock")), 0); /* the number it noted */
        faultvfs.remember = false;
        j = open_journal(path_of("after/till.db"));
        assert_whole(j, count);
        assert_true(journal_acked(j) <= count);
        journal_close(j);
    }
}

TEST(journal, one_program_one_terminal_one_kind_of_file)
{
    const char *path = path_of("till.db"), *other = path_of("other");
    struct journal *j = open_journal(path), *second;
    struct errmsg why;
    assert_int_equal(journal_open(&second, path, TERMINAL, &why), ERR_BUSY);
    assert_null(second);
    journal_close(j);
    assert_int_equal(journal_open(&second, path, TERMINAL + 1, &why), ERR_CONFLICT);
    assert_non_null(strstr(why.text, "belongs to terminal 7, not to 8"));
    shell(path, "PRAGMA user_version = 3");
    assert_int_equal(journal_open(&second, path, TERMINAL, &why), ERR_UNSUPPORTED);
    shell(other, "CREATE TABLE x (y)");
    assert_int_equal(journal_open(&second, other, TERMINAL, &why), ERR_FORMAT);
    FILE *f = fopen(other, "w");
    for (int i = 0; i < 1000; i++)
        fputs("not a database ", f);
    fclose(f);
    assert_int_equal(journal_open(&second, other, TERMINAL, &why), ERR_FORMAT);
    assert_int_equal(journal_open(&second, path_of("no/such/till.db"), TERMINAL, &why), ERR_IO);
    assert_null(second);
}

/* ---- version 1 ---- */

/* A journal as the first version left it: three sales and an open INTENT, two acknowledged. */
static const char *version_1(const char *name)
{
    static char file[400];
    const char *path = path_of(name);
    size_t size;
    snprintf(file, sizeof file, "%s/till_1.sql", test_data_dir());
    sqlite3 *db;
    char hex[2 * ENTRY_SIZE + 1], hash_hex[65], line[2 * ENTRY_SIZE + 400];
    uint8_t hash[32] = {0};
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sql_run(db, packs_file(file, &size));
    for (uint32_t seq = 1; seq <= 4; seq++) {
        mbed_sha256_two(hash, bytes_of(hash, 32), entry_of(seq, ENTRY_SIZE));
        hex_encode(hash_hex, hash, 32);
        hex_encode(hex, entry_of(seq, ENTRY_SIZE).data, ENTRY_SIZE);
        snprintf(line, sizeof line,
                 "INSERT INTO entry VALUES (%u, %d, %d, x'04010203040506', 'R%u', 5, 0, 0, NULL, NULL, "
                 "NULL, x'%s', x'%s')",
                 seq, seq == 4 ? 2 : 1, day_of_time(NOW), seq, hash_hex, hex);
        sql_run(db, line);
    }
    sql_run(db, "INSERT INTO open_intent VALUES (4, x'04010203040506');"
                "INSERT INTO state (only_one, terminal, acked) VALUES (1, 7, 2);"
                "INSERT INTO setting VALUES ('contact', x'0102');"
                "INSERT INTO hot VALUES (x'04010203040506', 2)");
    sqlite3_close(db);
    return path;
}

static void assert_brought_over(struct journal *j)
{
    uint8_t room_2[8];
    struct buf value = BUF_ON(room_2), out = BUF_ON(room);
    struct errmsg why = {""};
    const struct card_uid card = {{4, 1, 2, 3, 4, 5, 6}};
    assert_whole(j, 4);
    assert_entry(j, 3);
    assert_int_equal(journal_acked(j), 2);
    assert_int_equal(journal_load(j, "contact", &value, &why), OK);
    assert_int_equal(value.size, 2);
    assert_int_equal(journal_card_status(j, &card), CARD_BLOCKED);
    assert_int_equal(points_n(journal_pending(j, &card, 0)), 5);
    assert_int_equal(journal_open_intent(j, &card, &out, &why), OK);
    assert_int_equal(journal_find_ref(j, "R2", &out, &why), OK);
}

TEST(journal, a_journal_of_version_1_is_brought_over_whole_or_not_at_all)
{
    for (int64_t fail = 0; fail < 60; fail += 3) {
        char name[40];
        struct errmsg why = {""};
        struct journal *j;
        snprintf(name, sizeof name, "old-%d.db", (int)fail);
        const char *path = version_1(name);
        faultvfs_use();
        faultvfs.fail_write = fail ? faultvfs.writes + fail : 0;
        enum err e = journal_open(&j, path, TERMINAL, &why);
        faultvfs.fail_write = 0;
        if (e) { /* the disk failed: the old one is as it was, and comes over another time */
            assert_int_equal(e, ERR_IO);
            assert_null(j);
            j = open_journal(path);
        }
        assert_brought_over(j);
        append_sales(j, 3); /* and it goes on */
        assert_whole(j, 7);
        journal_close(j);
    }
}

TEST(journal, gifts_of_a_cashier_entries_of_a_member_and_what_was_told_are_found)
{
    struct journal *j = open_journal(path_of("till.db"));
    struct errmsg why = {""};
    struct buf out = BUF_ON(room);
    int32_t today = day_of_time(NOW);
    struct txn t = txn_of(j, TXN_SALE, &card_a, 5, 0); /* 1: with the card */
    t.member = 12;
    assert_int_equal(append(j, &t, 0), OK);
    t = txn_of(j, TXN_SALE, NULL, 7, 0); /* 2: the same member, by telephone */
    t.member = 12;
    assert_int_equal(append(j, &t, 0), OK);
    t = txn_of(j, TXN_GRANT, NULL, 50, 0);
    t.member = 12;
    t.cashier = 3;
    assert_int_equal(append(j, &t, 0), OK);
    t = txn_of(j, TXN_GRANT, NULL, -20, 0); /* 4: undone in part of 3 */
    t.cashier = 3;
    t.original = (struct entry_id){TERMINAL, 3};
    assert_int_equal(append(j, &t, 0), OK);
    t = txn_of(j, TXN_JOIN, &card_b, 0, 0);
    assert_int_equal(append(j, &t, 0), OK);
    assert_int_equal(points_n(journal_earned(j, &card_a, 12, today, today, 0)), 12);
    assert_int_equal(points_n(journal_earned(j, &card_a, 0, today, today, 0)), 5);
    assert_int_equal(points_n(journal_pending(j, &card_a, 12)), 62);
    assert_int_equal(points_n(journal_granted(j, 3, today)), 30);
    assert_int_equal(points_n(journal_granted(j, 4, today)), 0);
    assert_int_equal(points_n(journal_granted(j, 0, today)), 50);
    assert_int_equal(points_n(journal_granted(j, 0, today + 1)), 0);
    assert_int_equal(journal_find_about(j, (struct entry_id){TERMINAL, 3}, TXN_GRANT, 0, &out, &why), OK);
    assert_int_equal(journal_find_about(j, (struct entry_id){TERMINAL, 3}, TXN_REFUND, 0, &out, &why),
                     ERR_NOT_FOUND);
    assert_int_equal(journal_find_join(j, &card_b, &out, &why), OK);
    assert_int_equal(journal_find_join(j, &card_a, &out, &why), ERR_NOT_FOUND);
    int64_t time_s = 0;
    assert_int_equal(journal_told(j, bytes_of(card_a.b, 7), &time_s, &out, &why), ERR_NOT_FOUND);
    for (int64_t i = 1; i <= 2; i++)
        assert_int_equal(journal_tell(j, bytes_of(card_a.b, 7), NOW + i, bytes_of("gold", 4), &why), OK);
    journal_close(j);
    j = open_journal(path_of("till.db"));
    assert_int_equal(journal_told(j, bytes_of(card_a.b, 7), &time_s, &out, &why), OK);
    assert_int_equal(time_s, NOW + 2);
    assert_int_equal(out.size, 4);
    journal_close(j);
}

/* ---- receipts ---- */

static void append_with(struct journal *j, enum receipt_state state, const char *boot)
{
    struct txn t = txn_of(j, TXN_SALE, &card_a, 5, 0);
    struct journal_receipt r = {.state = state,
                                .balance = points_of(12),
                                .purse = points_of(-1),
                                .expiring = points_of(3),
                                .expiring_day = 14999,
                                .why = "10.00 GBP x 1/2 = 5",
                                .language = "zh"};
    snprintf(r.boot, sizeof r.boot, "%s", boot);
    journal_with_receipt(j, &r);
    assert_int_equal(append(j, &t, 0), OK);
}

static enum receipt_state state_of(struct journal *j, uint32_t seq)
{
    struct journal_receipt r;
    return journal_receipt_get(j, seq, &r, NULL) == OK ? r.state : 0;
}

static void set_receipt(struct journal *j, uint32_t seq, enum receipt_state state)
{
    struct journal_receipt r;
    assert_int_equal(journal_receipt_get(j, seq, &r, NULL), OK);
    assert_int_equal(journal_receipt_set(j, &r, state, NULL), OK);
}

TEST(journal, a_receipt_is_queued_by_its_own_sale_with_no_fsync_more_and_forgotten_with_one_that_failed)
{
    faultvfs_use();
    struct journal *j = open_journal(path_of("till.db"));
    append_sales(j, 1);
    int64_t syncs = faultvfs.syncs;
    append_with(j, RECEIPT_PROMISED, "boot");
    assert_int_equal(faultvfs.syncs - syncs, 1);
    struct journal_receipt r;
    assert_int_equal(journal_receipt_next(j, &r, NULL), OK);
    assert_int_equal(r.seq, 2);
    assert_int_equal(r.state, RECEIPT_PROMISED);
    assert_int_equal(points_n(r.balance), 12);
    assert_int_equal(points_n(r.purse), -1);
    assert_int_equal(points_n(r.expiring), 3);
    assert_int_equal(r.expiring_day, 14999);
    assert_string_equal(r.why, "10.00 GBP x 1/2 = 5");
    assert_string_equal(r.language, "zh");
    assert_string_equal(r.boot, "boot");
    append_sales(j, 1); /* without */
    assert_int_equal(journal_receipts_waiting(j), 1);

    faultvfs.fail_write = faultvfs.writes + 1;
    struct txn t = txn_of(j, TXN_SALE, &card_a, 5, 0);
    journal_with_receipt(j, &r);
    assert_int_equal(append(j, &t, 0), ERR_IO);
    faultvfs.fail_write = 0;
    assert_int_equal(append(j, &t, 0), OK);
    assert_int_equal(journal_receipts_waiting(j), 1);
    journal_close(j);
}

TEST(journal, only_an_original_that_had_to_wait_costs_an_fsync_when_it_is_begun)
{
    static const struct {
        enum receipt_state from, to;
        int syncs;
    } rows[] = {
        {RECEIPT_PROMISED, RECEIPT_BEGUN, 0}, {RECEIPT_WAITING, RECEIPT_BEGUN, 1},
        {RECEIPT_BEGUN, RECEIPT_PRINTED, 0},  {RECEIPT_BEGUN, RECEIPT_WAITING, 0},
        {RECEIPT_BEGUN, RECEIPT_COPY, 0},     {RECEIPT_COPY, RECEIPT_PRINTED, 0},
    };
    faultvfs_use();
    struct journal *j = open_journal(path_of("till.db"));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        append_with(j, rows[i].from, "boot");
        int64_t syncs = faultvfs.syncs;
        set_receipt(j, (uint32_t)i + 1, rows[i].to);
        assert_int_equal(state_of(j, (uint32_t)i + 1), rows[i].to);
        assert_int_equal(faultvfs.syncs - syncs, rows[i].syncs);
    }
    struct journal_receipt r = {.seq = 1, .state = RECEIPT_COPY}; /* asked for again */
    assert_int_equal(journal_receipt_put(j, &r, NULL), OK);
    assert_int_equal(state_of(j, 1), RECEIPT_COPY);
    journal_close(j);
}

TEST(journal, what_was_begun_or_promised_before_the_machine_started_again_is_a_copy)
{
    static const struct {
        enum receipt_state before;
        const char *boot, *now;
        enum receipt_state after;
    } rows[] = {
        {RECEIPT_WAITING, "one", "two", RECEIPT_WAITING}, {RECEIPT_PROMISED, "one", "one", RECEIPT_PROMISED},
        {RECEIPT_PROMISED, "one", "two", RECEIPT_COPY},   {RECEIPT_PROMISED, "", "", RECEIPT_COPY},
        {RECEIPT_BEGUN, "one", "one", RECEIPT_COPY},      {RECEIPT_COPY, "one", "one", RECEIPT_COPY},
        {RECEIPT_PRINTED, "one", "two", RECEIPT_PRINTED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char name[20];
        snprintf(name, sizeof name, "%zu.db", i);
        struct journal *j = open_journal(path_of(name));
        append_with(j, rows[i].before, rows[i].boot);
        assert_int_equal(journal_receipts_start(j, rows[i].now, NULL), OK);
        assert_int_equal(state_of(j, 1), rows[i].after);
        journal_receipts_end(j); /* the till ends well: nothing is only promised any more */
        assert_int_equal(state_of(j, 1),
                         rows[i].after == RECEIPT_PROMISED ? RECEIPT_WAITING : rows[i].after);
        journal_close(j);
    }
}

TEST(journal, printed_receipts_are_forgotten_after_a_while_and_waiting_ones_never)
{
    struct journal *j = open_journal(path_of("till.db"));
    for (uint32_t seq = 1; seq <= RECEIPTS_KEPT + 3; seq++) {
        append_with(j, RECEIPT_WAITING, "");
        if (seq != 2)
            set_receipt(j, seq, RECEIPT_PRINTED);
    }
    assert_int_equal(state_of(j, 1), 0);
    assert_int_equal(state_of(j, 2), RECEIPT_WAITING);
    assert_int_equal(state_of(j, 3), 0);
    assert_int_equal(state_of(j, 4), RECEIPT_PRINTED);
    assert_int_equal(journal_receipts_waiting(j), 1);
    journal_close(j);
}

TEST(journal, after_a_power_cut_no_receipt_that_was_begun_is_an_original)
{
    for (int round = 0; round < 40; round++) {
        char name[60];
        bool begun[100] = {false};
        uint32_t next = 1, count = 1 + test_below(60);
        faultvfs_use();
        faultvfs.remember = true;
        snprintf(name, sizeof name, "%d.db", round);
        struct journal *j = open_journal(path_of(name));
        for (uint32_t i = 0; i < count; i++) {
            append_with(j, test_below(2) ? RECEIPT_PROMISED : RECEIPT_WAITING, "before");
            while (next < journal_next_seq(j) && test_below(3)) {
                set_receipt(j, next, RECEIPT_BEGUN);
                begun[next] = true;
                if (test_below(4) == 0)
                    break; /* the cut may come now: it is in the printer */
                if (test_below(3) == 0) {
                    set_receipt(j, next, RECEIPT_WAITING); /* certainly not begun after all */
                    begun[next] = false;
                    break;
                }
                set_receipt(j, next++, RECEIPT_PRINTED);
            }
            if (next < journal_next_seq(j) && state_of(j, next) == RECEIPT_BEGUN)
                next++;
        }
        char dir[300];
        snprintf(name, sizeof name, "after%d", round);
        snprintf(dir, sizeof dir, "%s", path_of(name));
        mkdir(dir, 0700);
        faultvfs_cut(dir);
        journal_close(j);
        faultvfs.remember = false;
        snprintf(name, sizeof name, "after%d/%d.db", round, round);
        j = open_journal(path_of(name));
        assert_int_equal(journal_receipts_start(j, "after", NULL), OK);
        assert_int_equal(journal_next_seq(j), count + 1);
        for (uint32_t seq = 1; seq <= count; seq++)
            if (begun[seq] && state_of(j, seq) != RECEIPT_COPY && state_of(j, seq) != RECEIPT_PRINTED)
                fail_msg("round %d: receipt %u is %d", round, seq, state_of(j, seq));
        journal_close(j);
    }
}

static struct staff somebody(uint32_t id, enum staff_role role)
{
    struct staff p = {.id = id, .role = role, .name = "Bo", .language = "zh"};
    p.pin.hash[0] = (uint8_t)id;
    p.badge = (struct card_uid){{4, (uint8_t)id, 0, 0, 0, 0, 1}};
    p.grant_limit = points_of(50);
    p.grant_day_limit = points_of(200);
    return p;
}

TEST(journal, who_works_here_comes_whole_with_its_version_or_not_at_all)
{
    struct errmsg why = {""};
    struct journal *j = open_journal(path_of("till.db"));
    struct staff list[3] = {somebody(1, STAFF_CASHIER), somebody(2, STAFF_SUPERVISOR),
                            somebody(3, STAFF_CASHIER)}, got;
    assert_int_equal(journal_staff_version(j), 0);
    assert_int_equal(journal_staff_count(j), 0);
    assert_int_equal(journal_set_staff(j, list, 3, 7, &why), OK);
    list[1].role = STAFF_GONE;
    snprintf(list[0].name, sizeof list[0].name, "Ann");
    memset(&list[0].badge, 0, sizeof list[0].badge);
    assert_int_equal(journal_set_staff(j, list, 2, 9, &why), OK);
    struct staff bad[2] = {somebody(4, STAFF_CASHIER), somebody(5, (enum staff_role)3)};
    assert_int_not_equal(journal_set_staff(j, bad, 2, 10, &why), OK);
    journal_close(j);
    j = open_journal(path_of("till.db"));
    assert_int_equal(journal_staff_version(j), 9);
    assert_int_equal(journal_staff_count(j), 2);
    assert_int_equal(journal_staff(j, 1, &got, &why), OK);
    assert_string_equal(got.name, "Ann");
    assert_string_equal(got.language, "zh");
    assert_int_equal(got.pin.hash[0], 1);
    assert_int_equal(points_n(got.grant_limit), 50);
    assert_int_equal(points_n(got.grant_day_limit), 200);
    assert_int_equal(journal_staff(j, 2, &got, &why), ERR_NOT_FOUND);
    assert_int_equal(journal_staff(j, 4, &got, &why), ERR_NOT_FOUND);
    assert_int_equal(journal_staff_by_badge(j, &list[2].badge, &got, &why), OK);
    assert_int_equal(got.id, 3);
    struct card_uid first = somebody(1, STAFF_CASHIER).badge;
    assert_int_equal(journal_staff_by_badge(j, &first, &got, &why), ERR_NOT_FOUND);
    struct txn t = txn_of(j, TXN_SALE, NULL, 5, 0); /* the journal still takes entries, on disk */
    assert_int_equal(append(j, &t, 0), OK);
    journal_close(j);
}

/* ---- memos ---- */

static const struct journal_memo a_memo = {.door = "http",
                                           .asker = "register 1",
                                           .key = "R-1",
                                           .what = "award",
                                           .digest = {1, 2, 3, [31] = 9},
                                           .time_s = 1300000000,
                                           .amount = 12};

static enum err append_memo(struct journal *j, enum txn_kind kind, uint32_t closes, struct journal_memo *m)
{
    struct txn t = txn_of(j, kind, &card_a, 5, 0);
    return journal_append_with(j, &t, entry_of(t.id.seq, 100), (struct entry_id){TERMINAL, closes}, m, NULL);
}

static struct journal_memo memo_of(const char *key, int64_t time_s, const char *reply)
{
    struct journal_memo m = a_memo;
    snprintf(m.key, sizeof m.key, "%s", key);
    m.time_s = time_s;
    m.reply = bytes_of(reply, strlen(reply));
    return m;
}

TEST(journal, a_memo_is_on_disk_with_its_entry_by_the_same_one_fsync)
{
    uint8_t reply[MEMO_REPLY_MAX];
    struct buf buffer = BUF_ON(reply);
    struct journal_memo m = memo_of("R-1", 1300000000, "{\"earned\":5}"), found;
    faultvfs_use();
    struct journal *j = open_journal(path_of("till.db"));
    append_sales(j, 3);
    int64_t syncs = faultvfs.syncs;
    assert_int_equal(append_memo(j, TXN_SALE, 0, &m), OK);
    assert_int_equal(faultvfs.syncs - syncs, 1);
    assert_int_equal(m.id, 1);
    assert_int_equal(m.entry.seq, 4);
    struct journal_memo refusal = memo_of("R-2", 1300000001, "{}");
    assert_int_equal(journal_memo_save(j, &refusal, NULL), OK);
    assert_int_equal(faultvfs.syncs - syncs, 2);
    assert_int_equal(refusal.id, 2);
    journal_close(j);

    j = open_journal(path_of("till.db"));
    assert_int_equal(journal_memo_find(j, "http", "register 1", "R-1", &found, &buffer, NULL), OK);
    assert_int_equal(found.id, 1);
    assert_int_equal(found.entry.terminal, TERMINAL);
    assert_int_equal(found.entry.seq, 4);
    assert_string_equal(found.what, "award");
    assert_memory_equal(found.digest, a_memo.digest, 32);
    assert_int_equal(found.time_s, 1300000000);
    assert_int_equal(found.amount, 12);
    assert_false(found.open);
    assert_int_equal(found.reply.size, 12);
    assert_memory_equal(found.reply.data, "{\"earned\":5}", 12);
    assert_int_equal(journal_memo_find(j, "http", "register 1", NULL, &found, &buffer, NULL), OK);
    assert_string_equal(found.key, "R-2");
    assert_false(entry_is(found.entry));
    assert_int_equal(journal_memo_get(j, 1, &found, &buffer, NULL), OK);
    assert_string_equal(found.key, "R-1");
    assert_int_equal(journal_memo_get(j, 3, &found, &buffer, NULL), ERR_NOT_FOUND);
    assert_int_equal(journal_memo_find(j, "nexo", "register 1", "R-1", &found, &buffer, NULL), ERR_NOT_FOUND);
    assert_int_equal(journal_memo_find(j, "http", "register 2", "R-1", &found, &buffer, NULL), ERR_NOT_FOUND);
    buffer.cap = 11;
    assert_int_equal(journal_memo_get(j, 1, &found, &buffer, NULL), ERR_FULL);
    assert_whole(j, 4);
    journal_close(j);
}

TEST(journal, a_key_is_taken_for_48_hours_and_then_nothing_is_appended)
{
    uint8_t reply[MEMO_REPLY_MAX];
    struct buf buffer = BUF_ON(reply);
    struct journal_memo found, m = memo_of("R-1", 1300000000, "first");
    struct journal *j = open_journal(path_of("till.db"));
    assert_int_equal(append_memo(j, TXN_SALE, 0, &m), OK);
    m = memo_of("R-1", 1300000000 + MEMO_KEEP_S - 1, "second");
    assert_int_equal(append_memo(j, TXN_SALE, 0, &m), ERR_EXISTS);
    assert_int_equal(journal_memo_save(j, &m, NULL), ERR_EXISTS);
    m.time_s = 1200000000; /* a clock that went back gives nothing free */
    assert_int_equal(append_memo(j, TXN_SALE, 0, &m), ERR_EXISTS);
    assert_int_equal(journal_next_seq(j), 2);
    m.time_s = 1300000000;
    snprintf(m.asker, sizeof m.asker, "register 2");
    assert_int_equal(append_memo(j, TXN_SALE, 0, &m), OK);
    m = memo_of("R-1", 1300000000 + MEMO_KEEP_S, "third");
    assert_int_equal(append_memo(j, TXN_SALE, 0, &m), OK);
    assert_int_equal(journal_memo_find(j, "http", "register 1", "R-1", &found, &buffer, NULL), OK);
    assert_memory_equal(found.reply.data, "third", 5);
    journal_close(j);
}

TEST(journal, a_memo_opened_with_an_intent_is_completed_with_its_sale)
{
    uint8_t reply[MEMO_REPLY_MAX];
    struct buf buffer = BUF_ON(reply);
    struct journal_memo found, m = memo_of("R-1", 1300000000, "what is needed");
    faultvfs_use();
    struct journal *j = open_journal(path_of("till.db"));
    append_sales(j, 1);
    int64_t syncs = faultvfs.syncs;
    m.open = true;
    assert_int_equal(append_memo(j, TXN_INTENT, 0, &m), OK);
    assert_int_equal(m.id, 1);
    assert_int_equal(journal_memo_get(j, 1, &found, &buffer, NULL), OK);
    assert_true(found.open);
    assert_int_equal(found.reply.size, 14);
    assert_int_equal(found.entry.seq, 2);
    m.open = false;
    m.reply = bytes_of("done", 4);
    assert_int_equal(append_memo(j, TXN_SALE, 2, &m), OK);
    assert_int_equal(faultvfs.syncs - syncs, 2);
    assert_int_equal(journal_memo_get(j, 1, &found, &buffer, NULL), OK);
    assert_false(found.open);
    assert_memory_equal(found.reply.data, "done", 4);
    assert_int_equal(found.entry.seq, 3);
    assert_int_equal(journal_memo_get(j, 2, &found, &buffer, NULL), ERR_NOT_FOUND);
    m.id = 77; /* one that was taken away meanwhile: its sale is written all the same */
    assert_int_equal(append_memo(j, TXN_SALE, 0, &m), OK);
    assert_int_equal(journal_memo_get(j, 77, &found, &buffer, NULL), OK);
    journal_close(j);
}

TEST(journal, old_memos_go_a_few_with_each_new_one_and_no_id_comes_again)
{
    uint8_t reply[MEMO_REPLY_MAX];
    struct buf buffer = BUF_ON(reply);
    struct journal_memo found;
    struct journal *j = open_journal(path_of("till.db"));
    int64_t now_s = 1300000000;
    uint32_t before = 0;
    for (int i = 0; i < 400; i++) {
        char key[20];
        snprintf(key, sizeof key, "R-%d", i);
        now_s += i == 300 ? 30 * 86400 : 3600; /* closed for a month */
        struct journal_memo m = memo_of(key, now_s, "x");
        assert_int_equal(journal_memo_save(j, &m, NULL), OK);
        assert_true(m.id == before + 1);
        before = m.id;
        if (i == 299) { /* 96 hours of one an hour are there */
            assert_int_equal(journal_memo_get(j, before - 96, &found, &buffer, NULL), OK);
            assert_int_equal(journal_memo_get(j, before - 97, &found, &buffer, NULL), ERR_NOT_FOUND);
        }
        if (i == 300) { /* eight at a time */
            assert_int_equal(journal_memo_get(j, 212, &found, &buffer, NULL), OK);
            assert_int_equal(journal_memo_get(j, 211, &found, &buffer, NULL), ERR_NOT_FOUND);
        }
    }
    assert_int_equal(journal_memo_get(j, 304, &found, &buffer, NULL), OK);
    assert_int_equal(journal_memo_get(j, 303, &found, &buffer, NULL), ERR_NOT_FOUND);
    now_s += 30 * 86400;
    struct journal_memo m = memo_of("R-1", now_s, "x");
    assert_int_equal(journal_memo_save(j, &m, NULL), OK);
    assert_int_equal(m.id, 401);
    journal_close(j);
}

/* Sales with memos, INTENTs whose memo is completed, and refusals; stops at the first error.  Entry and memo
 * have the same key, so that they can be compared afterwards. */
static int some_memos(struct journal *j, int count)
{
    for (int i = 0; i < count; i++) {
        char key[20], text[20];
        snprintf(key, sizeof key, "R-%d", i);
        snprintf(text, sizeof text, "answer %d", i);
        struct journal_memo m = memo_of(key, 1300000000 + i, i % 3 == 1 ? "" : text);
        m.open = i % 3 == 1;
        enum err e = i % 3 == 2 ? journal_memo_save(j, &m, NULL)
                                : append_memo(j, i % 3 == 1 ? TXN_INTENT : TXN_SALE, 0, &m);
        if (e)
            return i;
        if (i % 3 != 1)
            continue;
        m.open = false;
        m.reply = bytes_of(text, strlen(text));
        if (append_memo(j, TXN_SALE, journal_next_seq(j) - 1, &m))
            return i;
    }
    return count;
}

TEST(journal, a_message_that_counted_is_known_for_ever_and_a_refusal_is_not)
{
    uint8_t reply[100], whole[32] = {7, 7, [31] = 7}, other[32] = {8}, refused[32] = {9};
    struct buf buffer = BUF_ON(reply);
    struct journal_memo found, m = memo_of("R-1", 1300000000, "first");
    struct entry_id entry = {0, 0};
    struct journal *j = open_journal(path_of("till.db"));
    assert_int_equal(journal_memo_next(j), 1);
    m.open = true;
    m.reply.size = 0;
    memcpy(m.whole, whole, sizeof whole);
    assert_int_equal(append_memo(j, TXN_INTENT, 0, &m), OK);
    assert_int_equal(journal_memo_next(j), 2);
    assert_int_equal(journal_counted(j, whole, &entry, NULL), ERR_NOT_FOUND); /* not yet */
    m.open = false;
    assert_int_equal(append_memo(j, TXN_SALE, 1, &m), OK);
    m = memo_of("R-2", 1300000000, "refused");
    memcpy(m.whole, refused, sizeof refused);
    assert_int_equal(journal_memo_save(j, &m, NULL), OK);
    for (int i = 0; i < 3; i++) { /* later ones take the first away */
        char key[20];
        snprintf(key, sizeof key, "L-%d", i);
        m = memo_of(key, 1300000000 + 3 * MEMO_KEEP_S, "later");
        assert_int_equal(append_memo(j, TXN_SALE, 0, &m), OK);
    }
    assert_int_equal(journal_memo_find(j, "http", "register 1", "R-1", &found, &buffer, NULL), ERR_NOT_FOUND);
    journal_close(j);
    j = open_journal(path_of("till.db"));
    assert_int_equal(journal_counted(j, whole, &entry, NULL), OK);
    assert_int_equal(entry.terminal, TERMINAL);
    assert_int_equal(entry.seq, 2);
    assert_int_equal(journal_counted(j, other, &entry, NULL), ERR_NOT_FOUND);
    assert_int_equal(journal_counted(j, refused, &entry, NULL), ERR_NOT_FOUND);
    journal_close(j);
}

TEST(journal, memos_are_added_up_by_what_and_asker_since_a_time)
{
    struct memo_total totals[8];
    int32_t count = 0;
    struct journal *j = open_journal(path_of("till.db"));
    for (int i = 0; i < 6; i++) {
        char key[20];
        snprintf(key, sizeof key, "R-%d", i);
        struct journal_memo m = memo_of(key, 1300000000 + i, i == 5 ? "" : "x");
        m.open = i == 5;
        snprintf(m.what, sizeof m.what, "%s", i < 3 ? "award" : i == 3 ? "award N7" : "redemption");
        snprintf(m.asker, sizeof m.asker, "%s", i == 3 ? "register 2" : "register 1");
        assert_int_equal(journal_memo_save(j, &m, NULL), OK);
    }
    assert_int_equal(journal_memo_totals(j, "http", NULL, 1300000001, totals, 8, &count, NULL), OK);
    assert_int_equal(count, 3);
    assert_string_equal(totals[0].what, "award");
    assert_int_equal(totals[0].count, 2);
    assert_int_equal(totals[0].amount, 24);
    assert_string_equal(totals[1].what, "redemption"); /* the open one does not count */
    assert_int_equal(totals[1].count, 1);
    assert_string_equal(totals[2].asker, "register 2");
    assert_int_equal(journal_memo_totals(j, "http", "register 2", 0, totals, 8, &count, NULL), OK);
    assert_int_equal(count, 1);
    assert_string_equal(totals[0].what, "award"); /* "award N7": what says more is not another kind */
    assert_int_equal(journal_memo_totals(j, "http", NULL, 1300000001, totals, 2, &count, NULL), ERR_FULL);
    assert_int_equal(journal_memo_totals(j, "nexo", NULL, 0, totals, 8, &count, NULL), OK);
    assert_int_equal(count, 0);
    assert_true(journal_memo_is(j, "http", "redemption"));
    assert_false(journal_memo_is(j, "http", "rebate"));
    journal_close(j);
}

/* All that was reported is there; of the one under way entry and memo, or neither. */
static void assert_memos(struct journal *j, int reported)
{
    uint8_t reply[MEMO_REPLY_MAX];
    struct buf buffer = BUF_ON(reply);
    struct journal_memo m;
    uint32_t entries = 0;
    for (int i = 0;; i++) {
        char key[20], text[20];
        snprintf(key, sizeof key, "R-%d", i);
        snprintf(text, sizeof text, "answer %d", i);
        enum err e = journal_memo_find(j, "http", "register 1", key, &m, &buffer, NULL);
        if (e == ERR_NOT_FOUND) {
            assert_true(i >= reported);
            break;
        }
        assert_int_equal(e, OK);
        assert_true(i <= reported);
        assert_true(i == reported || !m.open);
        if (i % 3 != 2)
            entries += i % 3 == 1 && !m.open ? 2 : 1;
        assert_int_equal(m.entry.seq, i % 3 == 2 ? 0 : entries);
        if (!m.open)
            assert_memory_equal(m.reply.data, text, strlen(text));
    }
    assert_int_equal(journal_next_seq(j) - 1, entries);
    assert_whole(j, entries);
}

TEST(journal, power_cut_at_every_write_leaves_an_entry_with_its_memo_or_neither)
{
    enum { COUNT = 9 };
    bool ended = false;
    for (int64_t at = 1; !ended; at++) {
        char name[60], dir[300];
        faultvfs_use();
        faultvfs.remember = true;
        snprintf(name, sizeof name, "%d.db", (int)at);
        struct journal *j = open_journal(path_of(name));
        faultvfs.fail_write = faultvfs.writes + at;
        faultvfs.fail_for_ever = true;
        int reported = some_memos(j, COUNT);
        ended = faultvfs.writes < faultvfs.fail_write;
        assert_true(ended == (reported == COUNT));
        snprintf(name, sizeof name, "after%d", (int)at);
        snprintf(dir, sizeof dir, "%s", path_of(name));
        mkdir(dir, 0700);
        faultvfs_cut(dir);
        journal_close(j);
        faultvfs_use(); /* forgets what the open files wrote: not before they are closed */
        snprintf(name, sizeof name, "after%d/%d.db", (int)at, (int)at);
        j = open_journal(path_of(name));
        assert_memos(j, reported);
        journal_close(j);
        assert_true(at < 500);
    }
}

TEST(journal, disk_full_at_any_write_keeps_neither_entry_nor_memo_and_the_same_may_be_tried_again)
{
    bool ended = false;
    for (int64_t at = 1; !ended; at++) {
        char name[20];
        faultvfs_use();
        snprintf(name, sizeof name, "%d.db", (int)at);
        struct journal *j = open_journal(path_of(name));
        append_sales(j, 1);
        struct journal_memo m = memo_of("R-0", 1300000000, "answer 0");
        faultvfs.fail_write = faultvfs.writes + at;
        enum err e = append_memo(j, TXN_SALE, 0, &m);
        ended = e == OK;
        if (e) {
            assert_int_equal(e, ERR_IO);
            assert_int_equal(m.id, 0);
            assert_int_equal(journal_next_seq(j), 2);
            assert_int_equal(append_memo(j, TXN_SALE, 0, &m), OK);
        }
        assert_int_equal(m.id, 1);
        assert_int_equal(m.entry.seq, 2);
        assert_whole(j, 2);
        journal_close(j);
        assert_true(at < 100);
    }
}
