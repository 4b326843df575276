/* e2e_receipts.c - paper from a real till: patron-terminal, its own process that prints, the real libusb and a printer
 * that umockdev pretends; a card on the simulated reader, head office over its line.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/paper/receipt.h"
#include "tests/chain.h"
#include "tests/paper.h"
#include "tests/test.h"
#include "tests/usb_printer.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

enum { PATIENCE_MS = 25000 };

static struct chain chain;
static struct till *till;
static char line[1024];
static size_t read_until; /* of what is printed */

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static const char *paper(void)
{
    return paper_read(bytes_of(usb.printed + read_until, usb.printed_size - read_until), RECEIPT_NARROW);
}

/* Until this is on paper and the knife has cut. */
static const char *await_paper(const char *text)
{
    for (int64_t until = now_ms() + PATIENCE_MS; now_ms() < until; usb_turn()) {
        bool cut = usb.printed_size >= 4 && memcmp(usb.printed + usb.printed_size - 4, "\x1dVB", 4) == 0;
        if (cut && strstr(paper(), text))
            return paper();
    }
    fail_msg("'%s' does not come on paper:\n%s", text, paper());
    return NULL;
}

static void await_pulses(int pulses)
{
    for (int64_t until = now_ms() + PATIENCE_MS; usb.pulses < pulses; usb_turn())
        assert_true(now_ms() < until);
    assert_int_equal(usb.pulses, pulses);
    assert_int_equal(usb.pulses_held, 0);
}

/* For so many questions that the till's process asks the printer. */
static void let_it_ask(int questions)
{
    int from = usb.questions;
    for (int64_t until = now_ms() + PATIENCE_MS; usb.questions < from + questions; usb_turn())
        assert_true(now_ms() < until);
}

static void begin(const char *language)
{
    char out[4096], text[2048], *root = path_of("%s/c", test_scratch_dir());
    const char *bin = getenv("PATRON_BIN");
    chain_open(&chain, bin ? bin : "build", root, "tests/data/packs/demo.json", "2011-03-01T09:00");
    till = chain_add_till(&chain, "UK");
    chain_issue(&chain, till, "ev2", "anna");
    chain_ctl(&chain, out, sizeof out, ARGS("points", "adjust", "M1", "2000", "--reason", "to begin with"));
    control_ok(&till->control, line, sizeof line, "sync 15000");
    control_close(&till->control);
    proc_end(&till->program, SIGTERM);

    usb_begin(); /* only now: the others need their own /dev */
    usb_plug_in();
    read_until = 0;
    char *file = path_of("%s/till.conf.test", till->home), *program = path_of("%s/patron-terminal", chain.bin);
    snprintf(text, sizeof text,
             "[till]\nhome = %s\noffice = 127.0.0.1:%d\nclock = %s\nlanguage = %s\n[reader]\ndevice = pn532_uart:%s\n"
             "[register]\nsocket = %s\n[printer]\ndevice = usb\ndrawer = yes\n",
             till->home, till->relay.port, till->clock, language, till->link, till->socket);
    write_file(file, text);
    proc_start(&till->program, chain.log, NULL, ARGS(program, "--config", file));
    control_open(&till->control, till->socket, 20000);
    let_it_ask(6);
    free(root);
    free(file);
    free(program);
}

static void end(void)
{
    chain_close(&chain);
    usb_end();
}

static void sell(const char *minor)
{
    control_ok(&till->control, line, sizeof line, "line 22745 1 %s goods", minor);
    control_ok(&till->control, line, sizeof line, "total");
    control_ok(&till->control, line, sizeof line, "pay"); /* with nobody playing the kernel: it waits for no printer */
}

TEST(e2e_receipts, a_sale_opens_the_drawer_and_tells_earned_redeemed_balance_end_and_reason)
{
    begin("en");
    card_put(till, "anna");
    control_ok(&till->control, line, sizeof line, "tap");
    control_ok(&till->control, line, sizeof line, "line 22745 1 5000 goods");
    control_ok(&till->control, line, sizeof line, "total");
    control_ok(&till->control, line, sizeof line, "redeem 500");
    control_ok(&till->control, line, sizeof line, "pay");
    assert_string_equal(await_paper("[QR T0001-2]"), "(drawer)\n"
                                                     "           **Gift Club\n"
                                                     "UK              2011-03-01 09:00\n"
                                                     "Receipt                  T0001-2\n"
                                                     "\n"
                                                     "1 22745                50.00 GBP\n"
                                                     "\n"
                                                     "**Total                  50.00 GBP\n"
                                                     "paid with points        5.00 GBP\n"
                                                     "to pay                 45.00 GBP\n"
                                                     "\n"
                                                     "Member                        M1\n"
                                                     "Points redeemed              500\n"
                                                     "Points earned                 45\n"
                                                     "Points balance              1545\n"
                                                     "of it on the card           1500\n"
                                                     "1545 points end after 2012-02-29\n"
                                                     "\n"
                                                     "45.00 of 50.00 GBP at 1 point a\n"
                                                     "GBP: 45 points\n"
                                                     "\n"
                                                     "          [QR T0001-2]\n"
                                                     "=====\n");
    read_until = usb.printed_size;
    control_ok(&till->control, line, sizeof line, "refund T0001-2 money:1000");
    const char *text = await_paper("[QR T0001-3]");
    assert_non_null(strstr(text, "Refund                   T0001-3\n"));
    assert_non_null(strstr(text, "Points given back            100\nPoints taken back              9\n"));
    end();
}

TEST(e2e_receipts, a_sale_waits_for_no_paper_the_drawer_neither_and_what_waits_can_be_dropped_and_asked_for_again)
{
    begin("zh");
    usb.no_paper = true;
    usb.status[4] = 0x7e;
    usb.port = 0x38;
    let_it_ask(6);
    sell("1000");
    await_pulses(1);
    sell("2000");
    await_pulses(2);
    control_ok(&till->control, line, sizeof line, "train on");
    control_send(&till->control, "unprint");
    assert_true(control_read(&till->control, line, sizeof line, 20000));
    assert_int_equal(strncmp(line, "error STATE", 11), 0); /* they are real ones */
    control_ok(&till->control, line, sizeof line, "train off");
    control_ok(&till->control, line, sizeof line, "unprint");
    assert_int_equal(usb.printed_size, 0);
    usb_refill();
    let_it_ask(6);
    sell("3000");
    const char *text = await_paper("[QR T0001-3]");
    assert_non_null(strstr(text, "小票                     T0001-3\n"));
    assert_null(strstr(text, "T0001-1"));
    assert_null(strstr(text, "T0001-2"));
    await_pulses(3);
    read_until = usb.printed_size;
    control_ok(&till->control, line, sizeof line, "reprint T0001-2");
    assert_int_equal(strncmp(await_paper("[QR T0001-2]"), "            ##副本\n", 14), 0);
    end();
}
