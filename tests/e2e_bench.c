/* e2e_bench.c - what a tap costs and how a till carries ten years: counted where it can be counted, timed where
 * it must be.  `make bench` shows the figures; in `make test` the goals are held.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "base/mbed.h"
#include "sync/wire.h"
#include "tests/cards.h"
#include "tests/chain.h"
#include "tests/sql.h"
#include "tests/test.h"

#include <inttypes.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

enum { NOW = 1291192440 /* 2010-12-01T08:34 */, MILLION = 1000000, RUNS = 7 };

static int64_t tick_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

/* ---- the air: exchanges and bytes are counted, time is computed ---- */

struct air {
    int exchanges;
    size_t out, in;
};

/* ISO 14443-3/-4: a byte is 9 bits with its parity, a bit 128/fc at 106 kbit/s and 32/fc at 424; each block
 * carries 3 bytes more (PCB, CRC) and is followed by a pause of at least 1172/fc; activation with RATS takes
 * 5.8 ms, with PPS up to 424 6.6 ms.  The card's own time is not in it. */
static double air_ms(const struct air *a, int kbits)
{
    const double fc = 13.56e3; /* cycles in a millisecond */
    double bit = (kbits == 106 ? 128.0 : 32.0) / fc;
    double bytes = (double)(a->out + a->in) + 3.0 * 2 * a->exchanges;
    return (kbits == 106 ? 5.8 : 6.6) + bytes * 9 * bit + 2 * a->exchanges * 1172 / fc;
}

static void carry(struct card_op *op, struct vcard *card, struct air *a, enum card_next want)
{
    uint8_t raw[300];
    struct buf answer = BUF_ON(raw);
    enum card_next next = card_step(op, bytes_of(NULL, 0));
    while (next == CARD_SEND) {
        struct bytes frame = card_frame(op);
        a->exchanges++;
        a->out += frame.size;
        assert_true(vcard_exchange(card, frame, &answer));
        a->in += answer.size;
        next = card_step(op, buf_bytes(&answer));
    }
    assert_int_equal(next, want);
}

static void show(const char *what, const struct air *a)
{
    printf("  %-38s %2d exchanges %4zu bytes out %4zu back  %5.1f ms at 106  %5.1f ms at 424 kbit/s\n",
           what, a->exchanges, a->out, a->in, air_ms(a, 106), air_ms(a, 424));
}

static const struct card_uid uid = {{0x04, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0xf6}};

static void issue(struct vcard *card, enum vcard_kind kind, int commits)
{
    struct card_office_keys keys = cards_keys(1);
    struct card_profile p = {.member = 12, .tier = "base", .tier_valid_day = 20000, .layout = CARD_LAYOUT};
    cards_issue(card, kind, &uid, &keys, &p);
    for (int i = 0; i < commits; i++)
        cards_load(card, &keys, 500, (struct entry_id){0, (uint32_t)i + 1}, NOW);
}

TEST(bench, identify_takes_5_exchanges_a_full_offline_redemption_10_on_the_air)
{
    static const enum vcard_kind kinds[] = {VCARD_EV2, VCARD_EV3, VCARD_EV1};
    static struct vcard card;
    struct card_till_keys till = cards_till_keys(1);
    struct card_office_keys office = cards_keys(1);
    for (size_t k = 0; k < 3; k++) {
        struct air identify = {0}, redeem = {0}, load = {0};
        struct card_op op = {0};
        issue(&card, kinds[k], 9); /* its log is full: the longest load */
        card_identify_start(&op, &till, &uid, cards_random());
        carry(&op, &card, &identify, CARD_DONE);
        redeem = identify;
        card_debit_start(&op, &till, &uid, cards_random(), 120, (struct entry_id){7, 9}, NOW);
        carry(&op, &card, &redeem, CARD_READY);
        card_commit(&op);
        carry(&op, &card, &redeem, CARD_DONE);
        assert_int_equal(op.verdict, COMMIT_DONE);
        vcard_field_off(&card);
        card_finish(&op);
        card_load_start(&op, &office, &uid, cards_random());
        carry(&op, &card, &load, CARD_READY);
        struct card_profile profile = op.seen.profile;
        card_load_set(&op, 70, &profile, (struct entry_id){0, 99}, NOW);
        carry(&op, &card, &load, CARD_READY);
        card_commit(&op);
        carry(&op, &card, &load, CARD_DONE);
        card_finish(&op);
        printf(" %s\n", vcard_kind_text(kinds[k]));
        show("identify, balance (earning: the same)", &identify);
        show("full offline redemption", &redeem);
        show("load through the till, full log", &load);
        assert_in_range(identify.exchanges, 1, kinds[k] == VCARD_EV1 ? 6 : 5);
        assert_in_range(redeem.exchanges, 1, 10);
        vcard_field_off(&card);
    }
}

/* ---- whole programs over a serial line of 115200 baud ---- */

static struct chain chain;

static const char *bin_dir(void)
{
    const char *bin = getenv("PATRON_BIN");
    return bin ? bin : "build";
}

static void open_chain(void)
{
    char *root = path_of("%s/c", test_scratch_dir());
    chain_open(&chain, bin_dir(), root, "tests/data/packs/demo.json", "2011-03-01T09:00");
    free(root);
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* The line at its speed is emulated, the card answers at once: a real card adds about 1 ms an exchange. */
TEST(bench, over_a_line_of_115200_baud_a_tap_and_a_redemption_take_at_most_300_ms)
{
    char line[512];
    int64_t identify[RUNS], redeem[RUNS];
    open_chain();
    struct till *t = chain_add_till(&chain, "UK");
    chain_issue(&chain, t, "ev2", "anna");
    chain_desk_close(&chain);
    control_ok(&t->control, line, sizeof line, "sync 15000");
    card_put(t, "anna");
    control_ok(&t->control, line, sizeof line, "tap 5000");
    control_ok(&t->control, line, sizeof line, "line 22745 1 20000000 goods");
    control_ok(&t->control, line, sizeof line, "total");
    control_ok(&t->control, line, sizeof line, "pay");
    control_ok(&t->control, line, sizeof line, "sync 15000");
    card_take(t);
    card_put(t, "anna");
    control_ok(&t->control, line, sizeof line, "tap 5000"); /* loaded now */
    control_ok(&t->control, line, sizeof line, "cancel");
    card_take(t);
    till_cut(t);
    control_ok(&t->cards, line, sizeof line, "line 115200");
    for (int i = 0; i < RUNS; i++) {
        char clock[32];
        snprintf(clock, sizeof clock, "2011-03-%02dT09:00", i + 1); /* a limit a day */
        till_clock(t, clock);
        control_send(&t->control, "tap 5000");
        int64_t start = tick_us();
        card_put(t, "anna");
        assert_true(control_read(&t->control, line, sizeof line, 10000));
        identify[i] = tick_us() - start;
        assert_non_null(strstr(line, "state=identified"));
        control_ok(&t->control, line, sizeof line, "line 22745 1 10000 goods");
        control_ok(&t->control, line, sizeof line, "total");
        start = tick_us();
        control_ok(&t->control, line, sizeof line, "redeem 100");
        redeem[i] = tick_us() - start;
        control_ok(&t->control, line, sizeof line, "pay");
        card_take(t);
    }
    qsort(identify, RUNS, sizeof identify[0], by_size);
    qsort(redeem, RUNS, sizeof redeem[0], by_size);
    printf("  from the card laid there to the answer, median of %d: identify %.1f ms, redeem %.1f ms with its "
           "fsync, together %.1f ms\n",
           RUNS, (double)identify[RUNS / 2] / 1000, (double)redeem[RUNS / 2] / 1000,
           (double)(identify[RUNS / 2] + redeem[RUNS / 2]) / 1000);
    assert_true(identify[RUNS / 2] + redeem[RUNS / 2] <= 300000);
    till_restore(t);
    chain_close(&chain);
}

/* ---- a journal of a million entries ---- */

static struct txn sale_number(uint32_t terminal, uint32_t seq)
{
    struct txn t = {.kind = TXN_SALE, .id = {terminal, seq}, .time_s = NOW + seq * 60, .line_count = 1};
    t.member = 1 + seq % 20000;
    t.card = (struct card_uid){{4, 1, (uint8_t)(seq >> 8), (uint8_t)seq, 5, 6, 7}};
    t.pack_version = 1;
    snprintf(t.shop, sizeof t.shop, "UK");
    snprintf(t.tier, sizeof t.tier, "bronze");
    snprintf(t.ref, sizeof t.ref, "R%u", seq);
    snprintf(t.lines[0].sku, sizeof t.lines[0].sku, "22745");
    t.lines[0].quantity = 1;
    t.lines[0].amount = t.total = money_of(1275);
    t.points = points_of(12);
    t.means = MEANS_CARD;
    return t;
}

static void fill(const char *path, uint32_t terminal)
{
    sqlite3 *db;
    sqlite3_stmt *st;
    uint8_t hash[WIRE_HASH_SIZE] = {0}, raw[WIRE_ENTRY_MAX];
    static struct txn t;
    struct errmsg why;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sql_run(db, "PRAGMA synchronous = OFF; DROP TRIGGER entry_is_gapless; BEGIN");
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "INSERT INTO entry (seq, kind, day, member, card, ref, points, redeemed,"
                                        " commit_state, hash, entry) VALUES (?1,1,?2,?3,?4,?5,12,0,0,?6,?7)",
                                        -1, &st, NULL),
                     SQLITE_OK);
    for (uint32_t seq = 1; seq <= MILLION; seq++) {
        struct buf entry = BUF_ON(raw);
        t = sale_number(terminal, seq);
        assert_int_equal(wire_encode_txn(&entry, &t, &why), OK);
        wire_chain(hash, hash, buf_bytes(&entry));
        sqlite3_bind_int64(st, 1, seq);
        sqlite3_bind_int64(st, 2, day_of_time(t.time_s));
        sqlite3_bind_int64(st, 3, (int64_t)t.member);
        sqlite3_bind_blob(st, 4, t.card.b, sizeof t.card.b, SQLITE_STATIC);
        sqlite3_bind_text(st, 5, t.ref, -1, SQLITE_STATIC);
        sqlite3_bind_blob(st, 6, hash, sizeof hash, SQLITE_STATIC);
        sqlite3_bind_blob(st, 7, entry.data, (int)entry.size, SQLITE_STATIC);
        assert_int_equal(sqlite3_step(st), SQLITE_DONE);
        sqlite3_reset(st);
    }
    sqlite3_finalize(st);
    sql_run(db, "COMMIT; CREATE TRIGGER entry_is_gapless BEFORE INSERT ON entry WHEN NEW.seq IS NOT"
                " (SELECT coalesce(max(seq), 0) + 1 FROM entry)"
                " BEGIN SELECT RAISE(ABORT, 'the journal has no gaps'); END");
    sqlite3_close(db);
}

/* The whole text of a metrics socket. */
static void read_metrics(const char *path, char *out, size_t size)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    size_t used = 0;
    for (ssize_t n; used < size - 1 && (n = read(fd, out + used, size - 1 - used)) > 0;)
        used += (size_t)n;
    out[used] = 0;
    close(fd);
}

static int64_t metric(const char *text, const char *name)
{
    char key[80];
    snprintf(key, sizeof key, "\npatron_%s ", name);
    const char *at = strstr(text, key);
    if (!at)
        fail_msg("no figure %s in:\n%s", name, text);
    return strtoll(at + strlen(key), NULL, 10);
}

/* A line of a file of /proc/PID, in kB. */
static int64_t memory_kb(pid_t pid, const char *file, const char *key)
{
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    FILE *f = fopen(path, "r");
    if (!f)
        return 0;
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    const char *at = strstr(text, key);
    return at ? strtoll(at + strlen(key), NULL, 10) : 0;
}

/* With its children, the processes of reader and printer; a page that they share counts once. */
static int64_t all_kb(pid_t pid)
{
    char path[64];
    int child;
    int64_t sum = memory_kb(pid, "smaps_rollup", "\nPss:");
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fscanf(f, "%d", &child) == 1)
        sum += memory_kb(child, "smaps_rollup", "\nPss:");
    fclose(f);
    return sum;
}

TEST(bench, with_a_million_entries_a_till_is_ready_within_a_second_and_below_16_megabytes)
{
    static char text[16384];
    char line[512];
    struct control control;
    struct proc p = {0};
    open_chain();
    struct till *t = chain_add_till(&chain, "UK");
    control_ok(&t->control, line, sizeof line, "sync 15000"); /* it has its pack */
    control_close(&t->control);
    proc_end(&t->program, SIGTERM);
    char *db = path_of("%s/till.db", t->home), *metrics = path_of("%s/metrics", t->home);
    fill(db, (uint32_t)t->number);
    char *program = path_of("%s/patron-terminal", chain.bin), *display = path_of("%s/display", t->home);
    char *reader = path_of("pn532_uart:%s", t->link);
    int64_t start = tick_us();
    proc_start(&p, chain.log, NULL,
               ARGS(program, "--home", t->home, "--reader", reader, "--control", t->socket, "--clock", t->clock,
                    "--metrics", metrics, "--display", display, "--http", "127.0.0.1:0", "--printer", "usb"));
    control_open(&control, t->socket, 20000);
    control_ok(&control, line, sizeof line, "status");
    int64_t ready_ms = (tick_us() - start) / 1000;
    control_ok(&control, line, sizeof line, "line 22745 1 1275");
    control_ok(&control, line, sizeof line, "total");
    control_ok(&control, line, sizeof line, "pay ref=R1000001");
    assert_non_null(strstr(line, "T0001-1000001"));
    control_ok(&control, line, sizeof line, "refund T0001-500000 all");
    do /* the chain is checked behind that: some of it has been */
        read_metrics(metrics, text, sizeof text);
    while (metric(text, "entries_checked") < 2000);
    int64_t peak_kb = memory_kb(p.pid, "status", "\nVmHWM:"), sum_kb = all_kb(p.pid);
    printf("  %" PRId64 " entries: ready after %" PRId64 " ms, at most %.1f MB resident; with reader's and "
           "printer's process, shared pages in parts, %.1f MB\n",
           metric(text, "entries_total"), ready_ms, (double)peak_kb / 1024, (double)sum_kb / 1024);
    assert_int_equal(metric(text, "entries_total"), MILLION + 2);
    assert_in_range(peak_kb, 1, 16 * 1024 - 1);
    assert_in_range(sum_kb, 1, 16 * 1024 - 1);
    assert_true(ready_ms < 1000);
    control_close(&control);
    assert_int_equal(proc_end(&p, SIGTERM), 0);
    free(db);
    free(metrics);
    free(display);
    free(reader);
    free(program);
    chain_close(&chain);
}
