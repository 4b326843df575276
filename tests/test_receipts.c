/* test_receipts.c - receipts on their way to paper: journal, queue, the process that prints, the real libusb and a
 * printer that umockdev pretends.  "The till" here is a process that sells and prints; whatever happens to it, to the
 * printer's process and to the printer, no sale has two originals and each has one whole receipt.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/crash.h"
#include "base/date.h"
#include "base/tr.h"
#include "hw/clock.h"
#include "sync/wire.h"
#include "terminal/paper/receipts.h"
#include "tests/faultvfs.h"
#include "tests/packs.h"
#include "tests/paper.h"
#include "tests/test.h"
#include "tests/usb_printer.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TERMINAL = 7, STUCK_MS = 1500, SALES_MAX = 40 };

/* ---- the till, in a process of its own ---- */

static char path[300];
static const char *boot;
static uint32_t sales; /* to be made in all */
static struct pack pack;
static struct txn sold;

static struct journal *journal;
static struct receipts *receipts;

static const struct pack *the_pack(void *arg, uint32_t version)
{
    (void)arg;
    return version == 1 ? &pack : NULL;
}

static char said[4000];

static void hear(void *arg, const char *sentence)
{
    (void)arg;
    size_t size = strlen(said);
    snprintf(said + size, sizeof said - size, "%s\n", sentence);
    if (getenv("PATRON_TELL"))
        fprintf(stderr, "%s\n", sentence);
}

static void open_till(void)
{
    struct errmsg why = {""};
    struct receipts_parts parts = {.terminal = TERMINAL,
                                   .printer = "usb",
                                   .boot = boot,
                                   .columns = RECEIPT_NARROW,
                                   .stuck_ms = STUCK_MS,
                                   .pack = the_pack,
                                   .tell = hear};
    said[0] = 0;
    MUST(journal_open(&journal, path, TERMINAL, &why) == OK);
    parts.journal = journal;
    MUST(receipts_open(&receipts, &parts, &why) == OK);
}

static void close_till(void)
{
    receipts_close(receipts);
    journal_close(journal);
}

static void sell(const char *language)
{
    static uint8_t room[WIRE_ENTRY_MAX];
    struct buf entry = BUF_ON(room);
    struct errmsg why = {""};
    sold.id.seq = journal_next_seq(journal);
    struct receipt_facts f = {.txn = &sold,
                              .balance = points_of(50),
                              .purse = points_of(40),
                              .expiring = points_of(25),
                              .expiring_day = sold.id.seq ? day_of_time(sold.time_s) + 30 : 0,
                              .why = "13.75 GBP x 1/100 = 13"};
    MUST(wire_encode_txn(&entry, &sold, &why) == OK);
    receipts_before(receipts, &f, language);
    MUST(journal_append(journal, &sold, buf_bytes(&entry), (struct entry_id){0, 0}, &why) == OK);
    receipts_after(receipts);
}

static void turn(int wait_ms)
{
    struct pollfd f = {.fd = receipts_fd(receipts), .events = POLLIN};
    int64_t now = clock_tick_ms(), due = receipts_due_ms(receipts);
    if (due < now + wait_ms)
        wait_ms = due > now ? (int)(due - now) : 0;
    (void)poll(&f, 1, wait_ms);
    receipts_turn(receipts, clock_tick_ms());
}

static void print_all(void)
{
    for (int64_t end = clock_tick_ms() + 25000; receipts_waiting(receipts) > 0; turn(100))
        if (clock_tick_ms() > end) {
            fprintf(stderr, "%u receipts wait: %s\n%s", receipts_waiting(receipts),
                    receipts_trouble(receipts), said);
            _exit(1);
        }
}

static void await_printer(const char *trouble)
{
    for (int64_t end = clock_tick_ms() + 5000; strcmp(receipts_trouble(receipts), trouble) != 0;
         turn(100))
        MUST(clock_tick_ms() < end);
}

/* Sells what has not been sold yet, a few turns apart, and prints it all. */
static void work_sell(void)
{
    open_till();
    while (journal_next_seq(journal) <= sales) {
        sell(journal_next_seq(journal) % 2 ? "en" : "zh");
        turn(20);
    }
    print_all();
    close_till();
}

/* ---- the test's side ---- */

static void begin(const char *name, uint32_t count)
{
    usb_begin();
    snprintf(path, sizeof path, "%s/%s.db", test_scratch_dir(), name);
    boot = "boot";
    sales = count;
    packs_make(&pack, "", "");
    memset(&sold, 0, sizeof sold);
    sold = (struct txn){.kind = TXN_SALE, .time_s = 1291192440, .member = 12, .pack_version = 1};
    sold.id = (struct entry_id){TERMINAL, 1};
    sold.means = MEANS_CARD;
    sold.cashier = 3;
    memcpy(sold.card.b, "\x04\x01\x02\x03\x04\x05\x06", 7);
    snprintf(sold.shop, sizeof sold.shop, "LEEDS");
    snprintf(sold.tier, sizeof sold.tier, "base");
    sold.line_count = packs_lines(sold.lines, "22423 1 12.75, COFFEE 2 1.00");
    sold.total = money_of(1375);
    sold.points = points_of(13);
}

/* What came out for each sale. */
struct paper_of {
    int originals, copies, whole;
};
static struct paper_of of[SALES_MAX + 1];

static uint32_t number_on(const char *text)
{
    const char *at = strstr(text, "T0007-");
    return at ? (uint32_t)strtoul(at + 6, NULL, 10) : 0;
}

static bool ends_with_knife(const char *text)
{
    size_t size = strlen(text);
    return size >= 6 && strcmp(text + size - 6, "=====\n") == 0;
}

/* One document for each ESC @.  What was broken off before its number belongs to the next one. */
static void read_paper(void)
{
    struct paper_of loose = {0, 0, 0};
    memset(of, 0, sizeof of);
    for (size_t at = 0, end; at < usb.printed_size; at = end) {
        uint8_t *next = memmem(usb.printed + at + 2, usb.printed_size - at - 2, "\x1b@", 2);
        end = next ? (size_t)(next - usb.printed) : usb.printed_size;
        assert_memory_equal(usb.printed + at, "\x1b@", 2);
        const char *text = paper_read(bytes_of(usb.printed + at, end - at), RECEIPT_NARROW);
        bool copy = strstr(text, "##COPY") || strstr(text, "##副本");
        uint32_t seq = number_on(text);
        if (!*text)
            continue;
        loose.originals += !copy;
        loose.copies += copy;
        loose.whole += ends_with_knife(text);
        if (!seq)
            continue;
        assert_true(seq <= sales);
        of[seq].originals += loose.originals;
        of[seq].copies += loose.copies;
        of[seq].whole += loose.whole;
        loose = (struct paper_of){0, 0, 0};
    }
}

static void assert_each_once(const char *when)
{
    read_paper();
    for (uint32_t seq = 1; seq <= sales; seq++)
        if (of[seq].originals > 1 || of[seq].whole < 1)
            fail_msg("%s: receipt %u: %d originals, %d copies, %d of them whole", when, seq,
                     of[seq].originals, of[seq].copies, of[seq].whole);
}

static void assert_no_copy(void)
{
    for (uint32_t seq = 1; seq <= sales; seq++) {
        assert_int_equal(of[seq].originals, 1);
        assert_int_equal(of[seq].copies, 0);
    }
}

TEST(receipts, each_is_printed_in_the_language_of_its_sale_and_can_be_read_off_the_paper)
{
    begin("golden", 2);
    usb_plug_in();
    usb_child(work_sell);
    assert_string_equal(paper_read(bytes_of(usb.printed, usb.printed_size), RECEIPT_NARROW),
                        "              **Test\n"
                        "LEEDS           2010-12-01 08:34\n"
                        "Receipt                  T0007-1\n"
                        "Cashier                        3\n"
                        "\n"
                        "1 22423                12.75 GBP\n"
                        "2 COFFEE                1.00 GBP\n"
                        "\n"
                        "**Total                  13.75 GBP\n"
                        "\n"
                        "Member                       M12\n"
                        "Points earned                 13\n"
                        "Points balance                50\n"
                        "of it on the card             40\n"
                        "25 points end after 2010-12-31\n"
                        "\n"
                        "13.75 GBP x 1/100 = 13\n"
                        "\n"
                        "          [QR T0007-1]\n"
                        "=====\n"
                        "              **Test\n"
                        "LEEDS           2010-12-01 08:34\n"
                        "小票                     T0007-2\n"
                        "收银员                         3\n"
                        "\n"
                        "1 22423                12.75 GBP\n"
                        "2 COFFEE                1.00 GBP\n"
                        "\n"
                        "**合计                   13.75 GBP\n"
                        "\n"
                        "会员                         M12\n"
                        "获得积分                      13\n"
                        "积分余额                      50\n"
                        "其中卡内                      40\n"
                        "25积分有效期至2010-12-31\n"
                        "\n"
                        "13.75 GBP x 1/100 = 13\n"
                        "\n"
                        "          [QR T0007-2]\n"
                        "=====\n");
    usb_end();
}

static void work_wait(void)
{
    open_till();
    sell("en");
    sell("zh");
    await_printer("no USB receipt printer is attached");
    MUST(receipts_waiting(receipts) == 2);
    MUST(strcmp(said, "The printer: no USB receipt printer is attached. Receipts waiting: 2.\n") ==
         0);
    close_till();
    open_till(); /* the next day */
    MUST(receipts_waiting(receipts) == 2);
    await_printer("no USB receipt printer is attached");
    usb_tell('p');
    print_all();
    MUST(strstr(said, "The printer is well.\n"));
    close_till();
}

TEST(receipts, without_a_printer_they_wait_and_come_as_originals_when_it_is_plugged_in)
{
    begin("wait", 2);
    usb_child(work_wait);
    assert_each_once("late");
    assert_no_copy();
    usb_end();
}

static void work_backlog(void)
{
    open_till();
    await_printer("no USB receipt printer is attached");
    for (int i = 0; i < 3; i++)
        sell("en");
    usb_tell('p');
    await_printer(""); /* the first is on its way */
    sell("en");
    print_all();
    close_till();
}

static void numbers_on_paper(char out[100])
{
    const char *text = paper_read(bytes_of(usb.printed, usb.printed_size), RECEIPT_NARROW);
    for (out[0] = 0; (text = strstr(text, "[QR T0007-")); text += 10)
        snprintf(out + strlen(out), 100 - strlen(out), "%d ", atoi(text + 10));
}

TEST(receipts, after_a_time_without_a_printer_whoever_is_at_the_counter_comes_before_those_who_have_gone)
{
    char numbers[100];
    begin("backlog", 4);
    usb_child(work_backlog);
    assert_each_once("backlog");
    assert_no_copy();
    numbers_on_paper(numbers);
    assert_string_equal(numbers, "1 4 2 3 ");
    usb_end();
}

static void work_drop(void)
{
    struct errmsg why;
    uint32_t count;
    open_till();
    await_printer("no USB receipt printer is attached");
    for (int i = 0; i < 3; i++)
        sell("en");
    MUST(receipts_drop(receipts, &count, &why) == OK && count == 3);
    MUST(receipts_waiting(receipts) == 0);
    usb_tell('p');
    await_printer("");
    MUST(receipts_drop(receipts, &count, &why) == OK && count == 0);
    sell("en");
    print_all();
    MUST(receipts_reprint(receipts, (struct entry_id){TERMINAL, 2}, &why) == OK);
    print_all();
    close_till();
}

TEST(receipts, those_that_wait_can_be_dropped_and_one_of_them_asked_for_is_a_copy)
{
    char numbers[100];
    begin("drop", 4);
    usb_child(work_drop);
    read_paper();
    numbers_on_paper(numbers);
    assert_string_equal(numbers, "4 2 ");
    assert_int_equal(of[2].copies, 1);
    assert_int_equal(of[2].originals, 0);
    usb_end();
}

static void work_reprint(void)
{
    struct errmsg why = {""};
    open_till();
    sell("zh");
    await_printer("");
    MUST(receipts_reprint(receipts, (struct entry_id){TERMINAL, 1}, &why) == ERR_STATE);
    MUST(strcmp(why.text, "Receipt T0007-1 is still waiting to be printed.") == 0);
    MUST(receipts_reprint(receipts, (struct entry_id){TERMINAL, 2}, &why) == ERR_NOT_FOUND);
    MUST(receipts_reprint(receipts, (struct entry_id){8, 1}, &why) == ERR_NOT_FOUND);
    print_all();
    MUST(receipts_reprint(receipts, (struct entry_id){TERMINAL, 1}, &why) == OK);
    MUST(receipts_reprint(receipts, (struct entry_id){TERMINAL, 1}, &why) ==
         OK); /* twice asked, once printed */
    print_all();
    MUST(receipts_waiting(receipts) == 0);
    close_till();
}

TEST(receipts, one_that_is_asked_for_again_is_a_copy_and_says_the_same)
{
    begin("again", 1);
    usb_plug_in();
    usb_child(work_reprint);
    const char *text = paper_read(bytes_of(usb.printed, usb.printed_size), RECEIPT_NARROW);
    const char *second = strstr(text, "=====\n") + 6;
    char first[2000];
    snprintf(first, sizeof first, "%.*s", (int)(second - text), text);
    assert_non_null(strstr(second, "##副本\n"));
    assert_string_equal(strchr(second, '\n') + 1, first);
    usb_end();
}

static void work_drawer(void)
{
    struct errmsg why = {""};
    open_till();
    await_printer("no USB receipt printer is attached");
    MUST(receipts_drawer(receipts, &why) == ERR_NO_DEVICE);
    sell("en");
    usb_tell('p');
    await_printer("");
    MUST(receipts_drawer(receipts, &why) == OK);
    print_all();
    close_till();
}

TEST(receipts, the_drawer_does_not_open_later)
{
    begin("drawer", 1);
    usb_child(work_drawer);
    const char *text = paper_read(bytes_of(usb.printed, usb.printed_size), RECEIPT_NARROW);
    const char *drawer = strstr(text, "(drawer)");
    assert_non_null(drawer);
    assert_null(strstr(drawer + 1, "(drawer)"));
    usb_end();
}

static void work_train(void)
{
    struct errmsg why;
    open_till();
    await_printer("");
    struct receipt_facts f = {.txn = &sold,
                              .pack = &pack,
                              .columns = RECEIPT_NARROW,
                              .balance = points_of(-1),
                              .purse = points_of(-1),
                              .why = ""};
    receipts_train(receipts, &f);
    usleep(200000);
    turn(100);
    MUST(receipts_waiting(receipts) == 0);
    MUST(receipts_reprint(receipts, sold.id, &why) == ERR_NOT_FOUND);
    sell("en");
    print_all();
    close_till();
}

TEST(receipts, one_of_training_says_so_and_is_none_of_the_journals)
{
    begin("train", 1);
    usb_plug_in();
    usb_child(work_train);
    const char *text = paper_read(bytes_of(usb.printed, usb.printed_size), RECEIPT_NARROW);
    const char *second = strstr(text, "=====\n") + 6;
    assert_int_equal(strncmp(text, "  ##TRAINING - NOT\n", 19), 0);
    assert_null(strstr(second, "TRAINING"));
    assert_non_null(strstr(second, "[QR T0007-1]"));
    usb_end();
}

static void work_text(void)
{
    static const char *const lines[] = {"Coupon: 会员 get a coffee for nothing on each tenth visit",
                                        "", "x"};
    open_till();
    MUST(!receipts_text(receipts, lines, 3)); /* being looked for: now or not at all */
    await_printer("");
    MUST(receipts_text(receipts, lines, 3));
    sell("zh");
    print_all();
    MUST(strcmp(tr_language(), "en") == 0); /* the till's own language is as it was */
    close_till();
}

TEST(receipts, a_text_is_printed_at_once_and_is_no_receipt)
{
    begin("text", 1);
    usb_plug_in();
    usb_child(work_text);
    const char *text = paper_read(bytes_of(usb.printed, usb.printed_size), RECEIPT_NARROW);
    const char expected[] =
        "Coupon: 会员 get a coffee for\nnothing on each tenth visit\n\nx\n=====\n";
    assert_memory_equal(text, expected, sizeof expected - 1);
    assert_non_null(strstr(text + sizeof expected - 1, "[QR T0007-1]"));
    usb_end();
}

static void work_full_disk(void)
{
    faultvfs_use();
    struct errmsg why = {""};
    struct receipts_parts parts = {.terminal = TERMINAL,
                                   .printer = "usb",
                                   .boot = boot,
                                   .columns = RECEIPT_NARROW,
                                   .stuck_ms = STUCK_MS,
                                   .pack = the_pack,
                                   .tell = hear};
    MUST(journal_open(&journal, path, TERMINAL, &why) == OK);
    parts.journal = journal;
    faultvfs.fail_write = faultvfs.writes + 1;
    faultvfs.fail_for_ever = true;
    MUST(receipts_open(&receipts, &parts, &why) == OK); /* the till starts all the same */
    await_printer("");
    for (int i = 0; i < 10; i++)
        turn(50);
    MUST(receipts_waiting(receipts) == 2);
    usb_tell('n');
    faultvfs.fail_write = 0;
    faultvfs.fail_for_ever = false;
    print_all();
    close_till();
}

static void nothing_more_is_printed(char c)
{
    (void)c;
    MUST(!memmem(usb.printed, usb.printed_size, "COPY", 4));
}

/* ---- faults ---- */

static pid_t till;

static void kill_printer(void)
{
    char name[60], text[40] = "";
    snprintf(name, sizeof name, "/proc/%d/task/%d/children", till, till);
    FILE *f = fopen(name, "r");
    if (f && fgets(text, sizeof text, f) && atoi(text) > 0)
        kill((pid_t)atoi(text), SIGKILL);
    if (f)
        fclose(f);
}

static void kill_till(void)
{
    kill(till, SIGKILL);
}

static int64_t event_ms; /* when something is put right again; 0 = nothing is to be */

static void unplug_a_while(void)
{
    usb_unplug();
    event_ms = clock_tick_ms() + 200;
}

/* Until the till has sold and printed all; it is started again when it is killed. */
static void run(void (*fault)(void))
{
    int status;
    int64_t end = clock_tick_ms() + 60000;
    till = usb_start(work_sell);
    for (;;) {
        int64_t now = clock_tick_ms();
        assert_true(now < end);
        if (event_ms && now >= event_ms) {
            event_ms = 0;
            usb_plug_in();
            usb_refill();
            usb.silent = false;
        }
        if (fault)
            fault();
        if (!usb_ended(till, &status))
            continue;
        if (WIFEXITED(status))
            break;
        assert_int_equal(WTERMSIG(status), SIGKILL);
        till = usb_start(work_sell);
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

TEST(receipts, stopped_at_each_transfer_no_receipt_has_two_originals_and_each_is_whole_once)
{
    static const struct {
        void (*fault)(void);
        const char *name;
        bool certain; /* before the first transfer it is certain that nothing was begun */
    } faults[] = {{unplug_a_while, "unplugged", true},
                  {kill_printer, "printer's process killed", true},
                  {kill_till, "till killed", false}};
    for (size_t f = 0; f < sizeof faults / sizeof *faults; f++)
        for (int transfer = 1; transfer <= 4; transfer += transfer)
            for (int after = 0; after < 2; after++) {
                char name[80];
                snprintf(name, sizeof name, "%s %s transfer %d", faults[f].name,
                         after ? "after" : "before", transfer);
                begin(name, 1);
                usb_plug_in();
                usb.take_most = 1000;
                *(after ? &usb.hold_after : &usb.hold_before) = transfer;
                usb.on_held = faults[f].fault;
                event_ms = 0;
                run(NULL);
                assert_each_once(name);
                assert_true(usb.transfers >= 5);
                bool begun = transfer > 1 || !faults[f].certain;
                if (of[1].copies != begun)
                    fail_msg("%s: %d copies", name, of[1].copies);
                usb_end();
            }
}

/* Sells two, sees them in trouble, and is killed. */
static void work_sell_in_trouble(void)
{
    open_till();
    await_printer("");
    sell("en");
    sell("zh");
    for (int64_t end = clock_tick_ms() + 5000; !*receipts_trouble(receipts); turn(100))
        MUST(clock_tick_ms() < end);
    turn(100);
    raise(SIGKILL);
}

static void run_two_days(void)
{
    int status;
    till = usb_start(work_sell_in_trouble);
    while (!usb_ended(till, &status))
        ;
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    boot = "the next morning";
    usb_plug_in();
    usb_refill();
    usb_child(work_sell);
}

TEST(receipts, one_that_certainly_was_not_begun_is_an_original_the_next_morning)
{
    begin("morning", 2);
    usb_plug_in();
    usb.hold_before = 1; /* ESC @ of the first */
    usb.on_held = usb_unplug;
    run_two_days();
    assert_each_once("not begun");
    assert_no_copy();
    usb_end();
}

TEST(receipts, one_behind_another_that_ran_out_of_paper_is_an_original_the_next_morning)
{
    begin("behind", 2);
    usb_plug_in();
    usb.no_paper_after = 300; /* in the first */
    usb.take_most = 300;
    run_two_days();
    assert_each_once("behind");
    assert_int_equal(of[1].copies, 1);
    assert_int_equal(of[2].originals, 1);
    assert_int_equal(of[2].copies, 0);
    usb_end();
}

TEST(receipts, on_a_full_disk_nothing_is_printed_and_what_was_begun_before_is_still_a_copy)
{
    int status;
    begin("full", 2);
    usb_plug_in();
    usb.hold_after = 2;
    usb.take_most = 300;
    usb.on_held = kill_till;
    usb_on_command = nothing_more_is_printed;
    till = usb_start(work_sell_in_trouble);
    while (!usb_ended(till, &status))
        ;
    assert_true(WIFSIGNALED(status));
    sales = 2;
    usb_child(work_full_disk);
    assert_each_once("full");
    assert_int_equal(of[1].originals, 1);
    assert_int_equal(of[1].copies, 1);
    usb_end();
}

static void work_full_when_printed(void)
{
    faultvfs_use();
    open_till();
    await_printer("");
    sell("en");
    turn(0); /* it is begun, and on its way */
    faultvfs.fail_write = faultvfs.writes + 1;
    faultvfs.fail_for_ever = true;
    for (int64_t end = clock_tick_ms() + 5000; !strstr(said, "The journal: "); turn(50))
        MUST(clock_tick_ms() < end);
    for (int i = 0; i < 5; i++)
        turn(50);
    MUST(receipts_waiting(receipts) == 1);
    faultvfs.fail_write = 0;
    faultvfs.fail_for_ever = false;
    sell("zh");
    print_all();
    close_till();
}

TEST(receipts, one_that_is_on_paper_but_could_not_be_noted_so_does_not_come_again)
{
    begin("noted", 2);
    usb_plug_in();
    usb_child(work_full_when_printed);
    assert_each_once("noted");
    assert_no_copy();
    usb_end();
}

static const char *crash;

static void work_crash(void)
{
    setenv("PATRON_CRASH", crash, 1);
    crash_read();
    work_sell();
}

TEST(receipts, killed_at_each_step_of_the_queue_no_receipt_has_two_originals)
{
    static const struct {
        const char *point;
        int copies;
    } rows[] = {{"receipt-before-begun:1", 0},
                {"receipt-after-begun:1", 1},
                {"receipt-sent:1", 1},
                {"receipt-before-ended:1", 1},
                {"receipt-after-ended:1", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int status;
        begin(rows[i].point, 2);
        usb_plug_in();
        crash = rows[i].point;
        event_ms = 0;
        till = usb_start(work_crash);
        while (!usb_ended(till, &status))
            ;
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        run(NULL);
        assert_each_once(rows[i].point);
        assert_int_equal(of[1].copies, rows[i].copies);
        assert_int_equal(of[2].copies, 0);
        usb_end();
    }
}

/* ---- many faults at random ---- */

static int faults_made[8], fault_kind;
static size_t calm_until; /* bytes printed */

static void strike(void)
{
    usb.hold_before = usb.hold_after = 0;
    faults_made[fault_kind]++;
    switch (fault_kind) {
    case 0:
        usb_unplug();
        event_ms = clock_tick_ms() + 50 + test_below(300);
        break;
    case 1:
        kill_printer();
        break;
    case 2:
        kill_till();
        break;
    case 3: /* another start of the machine */
        kill_till();
        boot = boot[4] == '1' ? "boot2" : "boot1";
        break;
    case 4: /* briefly, or for longer than one waits */
        usb.silent = true;
        event_ms = clock_tick_ms() + (test_below(2) ? 100 : STUCK_MS + 600);
        break;
    case 5:
        usb.stall = test_below(2) ? 2 : 8;
        break;
    case 6:
        kill_printer();
        usb_unplug();
        event_ms = clock_tick_ms() + 100;
        break;
    case 7: /* paper: below */
        break;
    }
}

static void next_fault(void)
{
    if (usb.no_paper && !event_ms) /* it was refilled before it ended */
        event_ms = clock_tick_ms() + 100;
    if (event_ms || usb.hold_before || usb.hold_after || usb.no_paper || usb.no_paper_after ||
        usb.printed_size < calm_until)
        return;
    calm_until = usb.printed_size + test_below(9000);
    usb.take_most = test_below(3) ? 200 + (int)test_below(3000) : 0;
    fault_kind = (int)test_below(8);
    usb.on_held = strike;
    if (fault_kind == 7) {
        faults_made[7]++;
        usb.no_paper_after = usb.printed_size + 1 + test_below(6000);
        event_ms = clock_tick_ms() + 300 + test_below(STUCK_MS);
    } else {
        *(test_below(2) ? &usb.hold_after : &usb.hold_before) =
            usb.transfers + 1 + (int)test_below(6);
    }
}

TEST(receipts, over_many_faults_at_random_no_receipt_has_two_originals_and_each_is_whole_once)
{
    const char *text = getenv("PATRON_ROUNDS");
    int rounds = text ? atoi(text) : 2, originals = 0, copies = 0, made = 0;
    memset(faults_made, 0, sizeof faults_made);
    for (int round = 0; round < rounds; round++) {
        char name[40];
        snprintf(name, sizeof name, "round %d", round);
        begin(name, 8);
        usb_plug_in();
        event_ms = 0;
        calm_until = 0;
        run(next_fault);
        assert_each_once(name);
        for (uint32_t seq = 1; seq <= sales; seq++) {
            originals += of[seq].originals;
            copies += of[seq].copies;
        }
        usb_end();
    }
    for (int i = 0; i < 8; i++)
        made += faults_made[i];
    printf("  %d receipts, %d faults: %d originals, %d copies\n", rounds * 8, made, originals,
           copies);
}
