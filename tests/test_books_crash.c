/* test_books_crash.c - head office is killed, or its disk fails, at every point there is: afterwards a batch
 * is in the books whole or not at all, and what was acknowledged is there (I3).
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/books/known.h"
#include "sync/wire.h"
#include "tests/faultvfs.h"
#include "tests/ledgers.h"
#include "tests/test.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct ledgers l;

enum { BATCHES = 3, PER_BATCH = 6 };
static struct txn batches[BATCHES][PER_BATCH];

#define SHOP                                                                                       \
    "\"expiry\": {\"kind\": \"rolling\", \"days\": 10}, \"refund\": {\"may_owe\": true},"          \
    " \"redeem\": {\"worth\": 1, \"min\": 1, \"step\": 1, \"max_share\": 1}"

static void copy_file(const char *from, const char *to)
{
    char bytes[65536];
    size_t size;
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    assert_non_null(in);
    assert_non_null(out);
    while ((size = fread(bytes, 1, sizeof bytes, in)) > 0)
        assert_int_equal(fwrite(bytes, 1, size, out), size);
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

static const struct known_keys keys = {.lookup = {1}};
static const char phone[] = "+441134960000";

/* Books with a member, known by telephone too, and a loaded card. */
static void make_books(const char *name, struct real_card *c)
{
    ledgers_open(&l, name, "", SHOP);
    ledgers_member(&l, 7, 0);
    ledgers_card(&l, c, CARD_EV2, 1, 7, 0);
    ledgers_adjust(&l, 7, 100, 0);
    ledgers_load(&l, c, 0, COMMIT_DONE, true);
    assert_int_equal(known_bind(l.books, &keys, MEANS_PHONE, bytes_of(phone, strlen(phone)), 7, ledgers_day(0), NULL),
                     OK);
}

/* Off line: by telephone, which head office follows up with an entry of its own, and with a card that is nobody's
 * until the last batch says that it joined. */
static void sell_to_somebody(struct txn *t, uint32_t seq, int32_t day, bool by_phone)
{
    memset(t, 0, sizeof *t);
    t->kind = TXN_SALE;
    t->id = (struct entry_id){1, seq};
    t->time_s = ledgers_day(day);
    t->pack_version = 1;
    snprintf(t->shop, sizeof t->shop, "Leeds");
    t->line_count = 1;
    t->lines[0] = (struct txn_line){.sku = "A", .quantity = 1, .amount = money_of(500)};
    t->total = money_of(500);
    t->points = points_of(5);
    if (by_phone)
        lookup_token(t->token, keys.lookup, MEANS_PHONE, bytes_of(phone, strlen(phone)));
    else
        t->card = (struct card_uid){{4, 9, 9, 9, 9, 9, 9}};
    if (!by_phone && day == BATCHES) { /* the last batch */
        struct txn join = {.kind = TXN_JOIN, .id = t->id, .time_s = t->time_s, .card = t->card,
                           .card_kind = CARD_EV2, .means = MEANS_CARD};
        *t = join;
    }
    ledgers_post(&l, t, POST_NEW);
    l.seq[1] = seq;
}

/* Three batches for them, posted to others. */
static void make_batches(void)
{
    struct real_card c;
    struct txn_evidence done;
    struct txn *t = &batches[0][0];
    make_books("draft", &c);
    for (int i = 0; i < BATCHES; i++) {
        struct entry_id sale = ledgers_sale(&l, 1, 7, "A 2 50.00", i + 1);
        *t++ = l.t;
        struct entry_id intent = ledgers_intent(&l, 1, &c, 7, 10, i + 1, true, &done);
        *t++ = l.t;
        ledgers_outcome(&l, 1, TXN_SALE, &c, 7, intent, 10, COMMIT_DONE, &done, "B 1 1.00", i + 1);
        *t++ = l.t;
        ledgers_refund(&l, 1, sale, "A 1 25.00", i + 1);
        *t++ = l.t;
        for (int phoned = 0; phoned < 2; phoned++, t++)
            sell_to_somebody(t, l.seq[1] + 1, i + 1, phoned);
    }
    ledgers_close(&l);
}

/* Books that have not seen the batches; made once in a test, then copied. */
static void set_up(const char *name)
{
    char base[512];
    struct real_card c;
    snprintf(base, sizeof base, "%s/base.db", test_scratch_dir());
    if (access(base, F_OK) != 0) {
        make_batches();
        make_books("base", &c);
        ledgers_close(&l);
    }
    snprintf(l.path, sizeof l.path, "%s/%s.db", test_scratch_dir(), name);
    copy_file(base, l.path);
    ledgers_reopen(&l);
}

/* As the server does it.  Errors are given back, with nothing of the batch left. */
static enum err post_batch(int i)
{
    static uint8_t bytes[WIRE_ENTRY_MAX];
    struct errmsg why;
    enum err e = books_begin(l.books, &why);
    if (e)
        return e;
    for (int k = 0; k < PER_BATCH && !e; k++) {
        struct buf entry = BUF_ON(bytes);
        enum post_result result;
        e = wire_encode_txn(&entry, &batches[i][k], &why);
        if (!e)
            e = books_post(l.books, &batches[i][k], buf_bytes(&entry), batches[i][k].time_s, &result, &why);
    }
    if (e)
        books_rollback(l.books);
    return e ? e : books_commit(l.books, &why);
}

static int64_t till_entries(void)
{
    uint32_t seq;
    uint8_t hash[32];
    assert_int_equal(books_next_seq(l.books, 1, &seq, hash, NULL), OK);
    return seq - 1;
}

/* The child posts what is missing and reports each acknowledgement; returns how many were reported, and
 * whether it died. */
static int run_child(bool (*arm)(int64_t), int64_t at, bool *died)
{
    int ends[2], reported = -1, status;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        if (!arm(at))
            _exit(3);
        if (books_open(&l.books, l.path, &l.keys, NULL))
            _exit(4);
        for (int i = (int)till_entries() / PER_BATCH; i < BATCHES; i++) {
            if (post_batch(i))
                _exit(5);
            if (write(ends[1], &i, sizeof i) != sizeof i)
                _exit(6);
        }
        books_close(l.books);
        _exit(0);
    }
    close(ends[1]);
    int i;
    while (read(ends[0], &i, sizeof i) == sizeof i)
        reported = i;
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    *died = WIFSIGNALED(status);
    if (*died)
        assert_int_equal(WTERMSIG(status), SIGKILL);
    else
        assert_int_equal(WEXITSTATUS(status), 0);
    return reported;
}

static void killed_everywhere(bool (*arm)(int64_t), int64_t least, int64_t step)
{
    int64_t points = 0;
    for (int64_t at = 1;; at += step, points++) {
        bool died;
        set_up("crash");
        ledgers_close(&l);
        int reported = run_child(arm, at, &died);
        ledgers_reopen(&l);
        int64_t count = till_entries();
        assert_int_equal(count % PER_BATCH, 0); /* whole or absent */
        assert_true(count / PER_BATCH >= reported + 1);
        ledgers_sound(&l);
        for (int i = (int)count / PER_BATCH; i < BATCHES; i++) /* the till sends it again */
            assert_int_equal(post_batch(i), OK);
        ledgers_expect(&l, 7, 90, 70, 0, 0);
        ledgers_expect(&l, 8, 10, 0, 0, 0);
        ledgers_expect_reviews(&l, "");
        ledgers_close(&l);
        remove(l.path);
        if (!died)
            break;
    }
    assert_true(points >= least);
}

static bool arm_write(int64_t at)
{
    faultvfs.writes = 0;
    faultvfs.kill_write = at;
    return true;
}

TEST(books_crash, killed_before_any_write_a_batch_is_whole_or_absent)
{
    faultvfs_use();
    killed_everywhere(arm_write, 20, 1);
}

static int64_t statements_left;

static int count_statement(unsigned kind, void *context, void *statement, void *text)
{
    (void)kind, (void)context, (void)statement, (void)text;
    if (--statements_left == 0)
        kill(getpid(), SIGKILL);
    return 0;
}

static int watch(sqlite3 *db, char **error, const struct sqlite3_api_routines *api)
{
    (void)error, (void)api;
    return sqlite3_trace_v2(db, SQLITE_TRACE_STMT, count_statement, NULL);
}

static bool arm_statement(int64_t at)
{
    statements_left = at;
    return sqlite3_auto_extension((void (*)(void))watch) == SQLITE_OK;
}

TEST(books_crash, killed_between_any_two_statements_a_batch_is_whole_or_absent)
{
    killed_everywhere(arm_statement, 30, 7);
}

/* A disk that is full for one write, or an fsync that fails once: an error, nothing of the batch, and the
 * same batch goes in afterwards. */
TEST(books_crash, a_failing_disk_leaves_no_half_batch)
{
    int64_t faults = 0;
    faultvfs_use();
    for (int sync = 0; sync < 2; sync++)
        for (int64_t n = 1;; n++) {
            set_up("fault");
            faultvfs.writes = faultvfs.syncs = 0;
            *(sync ? &faultvfs.fail_sync : &faultvfs.fail_write) = n;
            enum err e = post_batch(0);
            faultvfs.fail_write = faultvfs.fail_sync = 0;
            if (e) {
                faults++;
                assert_int_equal(till_entries(), 0);
                ledgers_expect(&l, 7, 0, 100, 0, 0);
                assert_int_equal(post_batch(0), OK);
            }
            assert_int_equal(till_entries(), PER_BATCH);
            ledgers_expect(&l, 7, 30, 90, 0, 0);
            ledgers_sound(&l);
            ledgers_close(&l);
            remove(l.path);
            if (!e)
                break;
        }
    assert_true(faults >= 5);
}

TEST(books_crash, what_was_committed_survives_a_power_cut)
{
    make_batches();
    for (int round = 0; round < 8; round++) {
        char cut[300];
        struct real_card c;
        faultvfs_use();
        faultvfs.remember = true;
        make_books("power", &c);
        assert_int_equal(post_batch(0), OK); /* makes the file of the write-ahead log */
        int64_t before = faultvfs.syncs;
        assert_int_equal(post_batch(1), OK);
        assert_int_equal(faultvfs.syncs, before + 1); /* one fsync a batch, and no less (I3) */
        snprintf(cut, sizeof cut, "%s/cut%d", test_scratch_dir(), round);
        assert_int_equal(mkdir(cut, 0700), 0);
        faultvfs_cut(cut);
        faultvfs.remember = false;
        ledgers_close(&l);
        remove(l.path);
        snprintf(l.path, sizeof l.path, "%s/power.db", cut);
        ledgers_reopen(&l);
        assert_int_equal(till_entries(), 2 * PER_BATCH);
        ledgers_expect(&l, 7, 60, 80, 0, 0);
        ledgers_sound(&l);
        ledgers_close(&l);
    }
}
