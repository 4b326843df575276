/* test_printer.c - a receipt printer over the real libusb-1.0, and the process that prints on it: it takes bytes, takes
 * few, stalls, goes silent, runs out of paper, is unplugged and plugged in again.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hw/clock.h"
#include "hw/printer.h"
#include "hw/printing.h"
#include "hw/usb.h"
#include "terminal/devices.h"
#include "tests/test.h"
#include "tests/usb_printer.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the printer itself ---- */

static struct printer *create(const char *name)
{
    struct printer *p;
    struct errmsg why = {""};
    MUST(printer_create(&p, name, &why) == OK);
    return p;
}

static struct printer *open_printer(void)
{
    struct printer *p = create("usb");
    struct errmsg why = {""};
    if (printer_open(p, &why) != OK) {
        fprintf(stderr, "%s\n", why.text);
        _exit(1);
    }
    return p;
}

static enum err send(struct printer *p, const char *text, int timeout_ms, struct errmsg *why)
{
    size_t size = strlen(text), taken;
    for (size_t at = 0; at < size; at += taken) {
        enum err e = printer_write(p, bytes_of(text + at, size - at), &taken, timeout_ms, why);
        if (e)
            return e;
    }
    return OK;
}

static void assert_printed(const char *text)
{
    assert_int_equal(usb.printed_size, strlen(text));
    assert_memory_equal(usb.printed, text, strlen(text));
}

static void work_print(void)
{
    struct errmsg why;
    struct printer *p = open_printer();
    MUST(send(p, "1 flat white   3.20\n", 2000, &why) == OK);
    printer_destroy(p);
}

TEST(printer, bytes_arrive_and_the_interface_is_given_back)
{
    usb_begin();
    usb_plug_in();
    usb_child(work_print);
    assert_printed("1 flat white   3.20\n");
    assert_int_equal(usb.opened, 1);
    assert_int_equal(usb.claimed, 0);
    assert_int_equal(usb.given_back, 1); /* the kernel's own driver has it again */
    usb_end();
}

TEST(printer, one_that_another_program_holds_is_passed_over_for_one_that_can_be_had)
{
    usb_begin();
    usb_plug_in_others();
    usb_plug_in();
    usb_child(work_print);
    assert_printed("1 flat white   3.20\n");
    assert_true(usb.refused > 0);
    usb_end();
}

static void work_held(void)
{
    struct errmsg why;
    struct printer *p = create("usb");
    MUST(printer_open(p, &why) == ERR_BUSY);
    MUST(strcmp(why.text, "another program uses the printer") == 0);
    printer_destroy(p);
}

TEST(printer, it_says_so_when_all_there_are_are_held)
{
    usb_begin();
    usb_plug_in_others();
    usb_child(work_held);
    usb_end();
}

static void work_few(void)
{
    struct errmsg why;
    struct printer *p = open_printer();
    size_t taken;
    MUST(printer_write(p, bytes_of("0123456789", 10), &taken, 500, &why) == OK);
    MUST(taken == 7);
    printer_destroy(p);
}

TEST(printer, a_short_write_says_how_many_bytes_were_taken)
{
    usb_begin();
    usb_plug_in();
    usb.take_most = 7;
    usb_child(work_few);
    assert_printed("0123456");
    usb_end();
}

static void work_stall(void)
{
    struct errmsg why;
    struct printer *p = open_printer();
    MUST(send(p, "a", 2000, &why) == ERR_IO);
    MUST(send(p, "b", 2000, &why) == OK);
    printer_destroy(p);
}

TEST(printer, a_stall_is_an_error_once_and_cleared)
{
    usb_begin();
    usb_plug_in();
    usb.stall = 1;
    usb_child(work_stall);
    assert_printed("b");
    assert_int_equal(usb.cleared, 1);
    usb_end();
}

static void work_silent(void)
{
    struct errmsg why = {""};
    struct printer *p = open_printer();
    struct printer_status s;
    size_t taken = 9;
    int64_t start = clock_tick_ms();
    MUST(send(p, "first", 200, &why) == OK);
    MUST(printer_write(p, bytes_of("second", 6), &taken, 200, &why) == ERR_TIMEOUT);
    MUST(taken == 0);
    int64_t took = clock_tick_ms() - start;
    MUST(took >= 190 && took < 1500);
    MUST(strstr(why.text, "paper out or cover open"));
    MUST(printer_status(p, &s, false, 100, &why) == ERR_TIMEOUT);
    printer_destroy(p);
}

TEST(printer, one_that_takes_no_more_is_a_timeout_in_time)
{
    usb_begin();
    usb_plug_in();
    usb.silent_after = 5;
    usb_child(work_silent);
    assert_printed("first");
    usb_end();
}

static void await_change(struct printer *p)
{
    for (int64_t end = clock_tick_ms() + 2000; !printer_changed(p); usleep(1000))
        MUST(clock_tick_ms() < end);
}

static void work_replug(void)
{
    struct errmsg why;
    struct printer *p = create("usb");
    MUST(printer_open(p, &why) == ERR_NO_DEVICE);
    MUST(strcmp(why.text, "no USB receipt printer is attached") == 0);
    MUST(!printer_is_open(p));
    (void)printer_changed(p);
    usb_tell('p');
    await_change(p);
    MUST(printer_open(p, &why) == OK);
    MUST(printer_is_open(p));
    usb_tell('x');
    MUST(send(p, "first", 500, &why) == OK);
    MUST(send(p, "second", 500, &why) == ERR_NO_DEVICE);
    usb_tell('u');
    await_change(p);
    MUST(!printer_is_open(p));
    MUST(printer_open(p, &why) == ERR_NO_DEVICE);
    (void)printer_changed(p);
    usb_tell('p');
    await_change(p);
    MUST(printer_open(p, &why) == OK);
    MUST(send(p, "third", 500, &why) == OK);
    printer_destroy(p);
}

static void gone_after_five(char c)
{
    (void)c;
    usb.gone_after = 5;
}

TEST(printer, it_is_seen_to_come_to_go_and_to_come_again_from_nothing)
{
    usb_begin();
    usb_on_command = gone_after_five;
    usb_child(work_replug);
    assert_printed("firstthird");
    usb_end();
}

static void work_idle_unplug(void)
{
    struct printer *p = open_printer();
    (void)printer_changed(p);
    usb_tell('u');
    await_change(p);
    MUST(!printer_is_open(p));
    printer_destroy(p);
}

TEST(printer, one_that_is_unplugged_while_idle_is_seen_to_go)
{
    usb_begin();
    usb_plug_in();
    usb_child(work_idle_unplug);
    usb_end();
}

static void work_numbers(void)
{
    struct errmsg why;
    struct printer *p = create("usb:0416:5012");
    MUST(printer_open(p, &why) == ERR_NO_DEVICE);
    printer_destroy(p);
    p = create("usb:0416:5011");
    MUST(printer_open(p, &why) == OK);
    printer_destroy(p);
}

static void work_nobody(void)
{
    struct errmsg why;
    struct printer *p = create("usb");
    MUST(printer_open(p, &why) == ERR_NO_DEVICE);
    printer_destroy(p);
}

TEST(printer, one_with_other_numbers_is_left_alone)
{
    usb_begin();
    usb_plug_in();
    usb_child(work_numbers);
    usb_end();
}

TEST(printer, one_that_does_not_say_what_it_is_is_found_by_its_numbers_alone)
{
    usb_begin();
    usb.no_class = true;
    usb_plug_in();
    usb_child(work_numbers);
    usb_child(work_nobody);
    usb_end();
}

static void work_status(void)
{
    struct errmsg why;
    struct printer *p = open_printer();
    struct printer_status s;
    MUST(printer_status(p, &s, false, 1000, &why) == OK);
    MUST(s.offline && s.cover_open && s.paper_low && s.paper_out && !s.failed);
    MUST(printer_status(p, &s, true, 1000, &why) == OK); /* of the port */
    MUST(s.paper_out && s.offline && s.failed && !s.cover_open);
    printer_destroy(p);
}

static void work_unasked(void)
{
    struct errmsg why;
    struct printer *p = open_printer();
    struct printer_status s;
    MUST(printer_status(p, &s, false, 1000, &why) == OK);
    usb_tell('3');
    MUST(printer_status(p, &s, false, 1000, &why) == OK);
    MUST(!s.offline && !s.cover_open && !s.paper_low && !s.paper_out && !s.failed);
    printer_destroy(p);
}

static void say_three_unasked(char c)
{
    usb.unasked = c - '0';
}

TEST(printer, what_it_says_unasked_is_not_taken_for_an_answer)
{
    usb_begin();
    usb_on_command = say_three_unasked;
    usb_plug_in();
    usb_child(work_unasked);
    usb_end();
}

static void work_nonsense(void)
{
    struct errmsg why;
    struct printer *p = open_printer();
    struct printer_status s;
    MUST(printer_status(p, &s, false, 1000, &why) == ERR_FORMAT);
    MUST(printer_status(p, &s, true, 1000, &why) == ERR_UNSUPPORTED);
    printer_destroy(p);
}

TEST(printer, its_status_is_read_and_nonsense_refused)
{
    usb_begin();
    usb_plug_in();
    memcpy(usb.status, (const uint8_t[]){0, 0x1a, 0x16, 0x12, 0x7e}, 5);
    usb.port = 0x20;
    usb_child(work_status);
    usb.status[2] = 0xff;
    usb.port = -1;
    usb_child(work_nonsense);
    usb_end();
}

TEST(printer, names_are_usb_or_usb_with_two_numbers)
{
    static const struct {
        const char *name;
        bool good;
    } rows[] = {{"usb", true},      {"usb:0416:5011", true},   {"usb:4b8:e15", true},
                {"", false},        {"usb:", false},           {"usb:0416", false},
                {"usb:0:5", false}, {"usb:0416:5011x", false}, {"lp0", false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (printer_is_name(rows[i].name) != rows[i].good)
            fail_msg("'%s'", rows[i].name);
}

static void work_list(void)
{
    struct usb_found found[4];
    struct errmsg why;
    int count;
    MUST(usb_list(found, 4, &count, &why) == OK);
    MUST(count == 1);
    MUST(found[0].role == USB_PRINTER && found[0].vid == 0x0416 && found[0].pid == 0x5011);
    MUST(found[0].bus == 1 && found[0].address == 2);
    MUST(strcmp(found[0].name, "receipt printer") == 0); /* it refuses to say its own */
    MUST(usb_list(found, 0, &count, &why) == OK && count == 0);

    char said[200] = "";
    FILE *out = fmemopen(said, sizeof said, "w");
    devices_say(out, NULL);
    fclose(out);
    MUST(strcmp(said, "Printer receipt printer, USB bus 1 device 2: --printer usb:0416:5011\n") ==
         0);
}

static void work_list_nothing(void)
{
    struct usb_found found[4];
    struct errmsg why;
    int count = 9;
    MUST(usb_list(found, 4, &count, &why) == OK);
    MUST(count == 0);
}

TEST(printer, a_list_shows_what_is_attached)
{
    usb_begin();
    usb_child(work_list_nothing);
    usb_plug_in();
    usb_child(work_list);
    usb_end();
}

/* ---- the process that prints ---- */

enum { STUCK_MS = 1500 }; /* a busy machine stands still for longer than one would think */
static struct printing_event event;

static struct printing *begin_printing(void)
{
    struct printing *p;
    struct errmsg why = {""};
    MUST(printing_open(&p, "usb", STUCK_MS, &why) == OK);
    return p;
}

/* Until there is such news, or the printer says so (trouble NULL: whatever). */
static void await(struct printing *p, enum printing_news wanted, const char *trouble)
{
    for (int64_t end = clock_tick_ms() + 5000; clock_tick_ms() < end;) {
        struct pollfd f = {.fd = printing_fd(p), .events = POLLIN};
        (void)poll(&f, 1, 100);
        for (enum printing_news news; (news = printing_take(p, &event)) != PRINTING_NOTHING;)
            if (news == wanted && (!trouble || strcmp(printing_trouble(p), trouble) == 0))
                return;
    }
    fprintf(stderr, "waited for news %d '%s'; the printer: '%s'\n", wanted, trouble ? trouble : "",
            printing_trouble(p));
    _exit(1);
}

static void send_document(struct printing *p)
{
    struct errmsg why = {""};
    MUST(printing_send(p, bytes_of("\x1b@one receipt\n", 14), &why) == OK);
    MUST(printing_is_busy(p));
}

static void work_document(void)
{
    struct printing *p = begin_printing();
    struct errmsg why;
    MUST(strcmp(printing_trouble(p), "the printer is being looked for") == 0);
    MUST(printing_is_looking(p));
    MUST(printing_send(p, bytes_of("\x1b@x", 3), &why) == ERR_NO_DEVICE);
    await(p, PRINTING_STATE, "");
    MUST(printing_is_there(p) && !printing_is_looking(p));
    send_document(p);
    MUST(printing_send(p, bytes_of("\x1b@x", 3), &why) == ERR_BUSY);
    await(p, PRINTING_DONE, NULL);
    MUST(event.fate == PRINTING_PRINTED);
    MUST(!printing_is_busy(p));
    printing_close(p);
}

TEST(printing, a_document_is_printed_by_a_process_of_its_own)
{
    usb_begin();
    usb_plug_in();
    usb.take_most = 5;
    usb_child(work_document);
    assert_printed("\x1b@one receipt\n");
    assert_int_equal(usb.claimed, 0);
    assert_true(usb.questions >= 9); /* at the start, before the document, and after it */
    usb_end();
}

static void work_mute(void)
{
    struct printing *p = begin_printing();
    await(p, PRINTING_STATE, "");
    send_document(p);
    await(p, PRINTING_DONE, NULL);
    MUST(event.fate == PRINTING_PRINTED);
    printing_close(p);
}

TEST(printing, a_printer_that_never_says_how_it_is_is_believed_to_be_well)
{
    usb_begin();
    usb_plug_in();
    usb.mute = true;
    usb_child(work_mute);
    assert_printed("\x1b@one receipt\n");
    usb_end();
}

static void work_garbage(void)
{
    struct printing *p = begin_printing();
    await(p, PRINTING_STATE, "");
    usb_tell('g');
    await(p, PRINTING_STATE, "the printer's status makes no sense");
    await(p, PRINTING_STATE, "");
    send_document(p);
    await(p, PRINTING_DONE, NULL);
    MUST(event.fate == PRINTING_PRINTED);
    printing_close(p);
}

static void say_nonsense(char c)
{
    (void)c;
    memset(usb.status, 0xff, sizeof usb.status);
}

TEST(printing, a_printer_that_told_well_and_then_nonsense_is_opened_anew_and_believed_to_be_well)
{
    usb_begin();
    usb_plug_in();
    usb_on_command = say_nonsense;
    usb_child(work_garbage);
    assert_printed("\x1b@one receipt\n");
    assert_int_equal(usb.opened, 2);
    usb_end();
}

static const char *trouble;
static bool drawer_heeded;

static void work_trouble(void)
{
    struct printing *p = begin_printing();
    struct errmsg why;
    await(p, PRINTING_STATE, trouble);
    MUST(printing_is_there(p));
    MUST(printing_send(p, bytes_of("\x1b@x", 3), &why) == ERR_REFUSED);
    MUST(strcmp(why.text, trouble) == 0);
    MUST(printing_drawer(p, &why) == OK);
    if (!drawer_heeded) {
        await(p, PRINTING_NO_DRAWER, NULL);
        MUST(strcmp(event.why.text, trouble) == 0);
    }
    printing_close(p);
}

TEST(printing, one_that_says_it_cannot_print_is_sent_nothing_but_the_pulse_that_opens_the_drawer_at_once)
{
    static const struct {
        int question;
        uint8_t answer;
        const char *trouble;
        bool heeds;
    } rows[] = {{4, 0x7e, "the printer has no paper", true},
                {2, 0x16, "the printer's cover is open", true},
                {2, 0x52, "the printer reports a fault", false},
                {1, 0x1a, "the printer is off line", true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        usb_begin();
        usb_plug_in();
        usb.status[rows[i].question] = rows[i].answer;
        trouble = rows[i].trouble;
        drawer_heeded = rows[i].heeds;
        usb_child(work_trouble);
        assert_int_equal(usb.printed_size, 0);
        assert_int_equal(usb.pulses, rows[i].heeds);
        assert_int_equal(usb.pulses_held, 0);
        usb_end();
    }
}

static int pulses_meanwhile;

static void look_at_drawer(char c)
{
    (void)c;
    pulses_meanwhile = usb.pulses;
}

static void work_paper(void)
{
    struct printing *p = begin_printing();
    struct errmsg why;
    await(p, PRINTING_STATE, "");
    send_document(p);
    await(p, PRINTING_STATE, "the printer has no paper");
    MUST(printing_is_busy(p));
    MUST(printing_drawer(p, &why) == OK); /* to give change */
    usleep(3 * STUCK_MS * 1000 / 2); /* people take longer than a printer that hangs may */
    for (enum printing_news news; (news = printing_take(p, &event)) != PRINTING_NOTHING;)
        MUST(news != PRINTING_DONE && news != PRINTING_NO_DRAWER);
    usb_tell('?');
    usb_tell('r');
    await(p, PRINTING_DONE, NULL);
    MUST(event.fate == PRINTING_PRINTED);
    MUST(*printing_trouble(p) == 0);
    printing_close(p);
}

static void assert_drawer_opened_meanwhile(size_t after)
{
    assert_int_equal(pulses_meanwhile, 1);
    assert_int_equal(usb.pulses, 1);
    assert_int_equal(usb.pulses_held, 0);
    assert_int_equal(usb.pulsed_at, after);
}

TEST(printing, paper_that_ends_in_mid_receipt_is_waited_for_and_the_rest_follows_the_drawer_opens_meanwhile)
{
    usb_begin();
    usb_plug_in();
    usb_on_command = look_at_drawer;
    usb.take_most = 3;
    usb.no_paper_after = 7;
    usb_child(work_paper);
    assert_printed("\x1b@one receipt\n");
    assert_int_equal(usb.asked_when_full, 0);
    assert_drawer_opened_meanwhile(8);
    usb_end();
}

TEST(printing, paper_that_ends_with_the_receipt_is_waited_for_before_it_counts_as_printed_the_drawer_opens_meanwhile)
{
    usb_begin();
    usb_plug_in();
    usb_on_command = look_at_drawer;
    usb.no_paper_after = 14;
    usb_child(work_paper);
    assert_printed("\x1b@one receipt\n");
    assert_drawer_opened_meanwhile(14);
    usb_end();
}

static const uint8_t picture[] = "\x1b@a\x1dv0\0\2\0\4\0" "12345678" "b\n"; /* its dots: bytes 11 to 18 */
enum { PICTURE_SIZE = sizeof picture - 1 };

static void work_picture(void)
{
    struct printing *p = begin_printing();
    struct errmsg why;
    await(p, PRINTING_STATE, "");
    MUST(printing_send(p, bytes_of(picture, PICTURE_SIZE), &why) == OK);
    await(p, PRINTING_STATE, "the printer has no paper");
    MUST(printing_drawer(p, &why) == OK);
    if (!drawer_heeded) {
        await(p, PRINTING_NO_DRAWER, NULL);
        MUST(strcmp(event.why.text, "the printer stopped in the middle of a QR code: open the drawer with its key") == 0);
    }
    usleep(STUCK_MS / 5 * 1000);
    usb_tell('?');
    usb_tell('r');
    await(p, PRINTING_DONE, NULL);
    MUST(event.fate == PRINTING_PRINTED);
    printing_close(p);
}

TEST(printing, a_picture_is_never_spoilt_by_the_drawer_which_opens_before_it_and_after_it)
{
    static const struct {
        size_t taken;
        bool opens;
    } rows[] = {{3, true}, {4, false}, {11, false}, {15, false}, {19, true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        usb_begin();
        usb_plug_in();
        usb_on_command = look_at_drawer;
        usb.take_most = 1;
        usb.no_paper_after = rows[i].taken;
        drawer_heeded = rows[i].opens;
        usb_child(work_picture);
        assert_int_equal(usb.printed_size, PICTURE_SIZE);
        assert_memory_equal(usb.printed, picture, PICTURE_SIZE);
        assert_int_equal(pulses_meanwhile, rows[i].opens);
        assert_int_equal(usb.pulses, rows[i].opens);
        usb_end();
    }
}

static enum printing_fate fate;
static const char *reason;

static void work_fate(void)
{
    struct printing *p = begin_printing();
    await(p, PRINTING_STATE, "");
    send_document(p);
    await(p, PRINTING_DONE, NULL);
    if (event.fate != fate || !strstr(event.why.text, reason)) {
        fprintf(stderr, "fate %d: %s\n", event.fate, event.why.text);
        _exit(1);
    }
    printing_close(p);
}

TEST(printing, unplugged_in_mid_receipt_it_is_unknown_what_is_on_paper)
{
    usb_begin();
    usb_plug_in();
    usb.take_most = 4;
    usb.gone_after = 5;
    fate = PRINTING_UNKNOWN;
    reason = "the printer was unplugged or switched off";
    usb_child(work_fate);
    usb_end();
}

TEST(printing, unplugged_before_the_first_dot_the_receipt_was_not_begun)
{
    usb_begin();
    usb_plug_in();
    usb.hold_before = 1;
    usb.on_held = usb_unplug;
    fate = PRINTING_NOT_BEGUN;
    reason = "the printer was unplugged or switched off";
    usb_child(work_fate);
    assert_int_equal(usb.printed_size, 0);
    usb_end();
}

TEST(printing, a_printer_that_takes_no_more_and_says_nothing_is_given_up_in_time)
{
    usb_begin();
    usb_plug_in();
    usb.take_most = 4;
    usb.silent_after = 5;
    fate = PRINTING_UNKNOWN;
    reason = "does not answer";
    usb_child(work_fate);
    usb_end();
}

static void hang_up_once(void)
{
    usb.stall = 3;
    usb.hold_before = 0;
}

TEST(printing, stalls_in_mid_receipt_cost_nothing_but_time)
{
    usb_begin();
    usb_plug_in();
    usb.take_most = 4;
    usb.hold_before = 2; /* that one is not taken: it times out, and three stalls follow */
    usb.on_held = hang_up_once;
    fate = PRINTING_PRINTED;
    reason = "";
    usb_child(work_fate);
    assert_printed("\x1b@one receipt\n");
    usb_end();
}

static void work_drawer(void)
{
    struct printing *p = begin_printing();
    struct errmsg why;
    await(p, PRINTING_STATE, "");
    MUST(printing_drawer(p, &why) == OK);
    send_document(p); /* one after the other */
    await(p, PRINTING_DONE, NULL);
    usb_tell('u');
    await(p, PRINTING_STATE, "no USB receipt printer is attached");
    MUST(!printing_is_there(p));
    MUST(printing_drawer(p, &why) == ERR_NO_DEVICE);
    usb_tell('p');
    await(p, PRINTING_STATE, "");
    send_document(p);
    await(p, PRINTING_DONE, NULL);
    MUST(event.fate == PRINTING_PRINTED);
    printing_close(p);
}

TEST(printing, the_drawer_is_opened_once_and_a_printer_that_comes_back_is_used_again)
{
    usb_begin();
    usb_plug_in();
    usb_child(work_drawer);
    assert_int_equal(usb.printed_size, 5 + 14 + 14);
    assert_memory_equal(usb.printed, "\x1bp\0\x19\xfa\x1b@one receipt\n\x1b@one receipt\n", 33);
    assert_int_equal(usb.pulses, 1);
    usb_end();
}

static void work_late_drawer(void)
{
    struct printing *p;
    struct errmsg why;
    MUST(printing_open(&p, "usb", 3 * PRINTING_DRAWER_MS, &why) == OK);
    await(p, PRINTING_STATE, "");
    MUST(printing_send(p, bytes_of(picture, PICTURE_SIZE), &why) == OK);
    MUST(printing_drawer(p, &why) == OK);
    usleep((PRINTING_DRAWER_MS + 100) * 1000); /* it does not say what is wrong */
    usb_tell('r');
    await(p, PRINTING_DONE, NULL);
    await(p, PRINTING_NO_DRAWER, NULL);
    MUST(strstr(event.why.text, "busy for too long"));
    printing_close(p);
}

TEST(printing, a_drawer_that_could_not_be_opened_in_time_stays_shut)
{
    usb_begin();
    usb_plug_in();
    usb.port = -1;
    usb.take_most = 3;
    usb.no_paper_after = 14;
    usb_child(work_late_drawer);
    assert_int_equal(usb.printed_size, PICTURE_SIZE);
    assert_int_equal(usb.pulses, 0);
    usb_end();
}

static void work_deaf(void)
{
    struct printing *p = begin_printing();
    struct errmsg why;
    await(p, PRINTING_STATE, "");
    send_document(p);
    MUST(printing_drawer(p, &why) == OK);
    await(p, PRINTING_NO_DRAWER, NULL);
    MUST(strstr(event.why.text, "does not answer"));
    usb_tell('s');
    await(p, PRINTING_DONE, NULL);
    MUST(event.fate == PRINTING_PRINTED);
    printing_close(p);
}

static void hear_again(char c)
{
    (void)c;
    usb.silent = false;
    usb.silent_after = 0;
}

TEST(printing, a_pulse_that_the_printer_did_not_take_is_told_and_does_not_come_later)
{
    usb_begin();
    usb_plug_in();
    usb_on_command = hear_again;
    usb.take_most = 4;
    usb.silent_after = 5;
    usb_child(work_deaf);
    assert_printed("\x1b@one receipt\n");
    assert_int_equal(usb.pulses + usb.pulses_held, 0);
    usb_end();
}

static pid_t process;

static void kill_process(char c)
{
    (void)c;
    char path[60], text[40] = "";
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", process, process);
    FILE *f = fopen(path, "r");
    if (f && fgets(text, sizeof text, f))
        kill((pid_t)atoi(text), SIGKILL);
    if (f)
        fclose(f);
}

static void kill_held(void)
{
    kill_process(0);
}

static void work_killed(void)
{
    struct printing *p = begin_printing();
    await(p, PRINTING_STATE, "");
    pid_t first = printing_process(p);
    send_document(p);
    await(p, PRINTING_DONE, NULL);
    MUST(event.fate == fate);
    MUST(strcmp(event.why.text, "the printer's process ended and is started again") == 0);
    await(p, PRINTING_STATE, ""); /* started again, and it found the printer */
    MUST(printing_process(p) != first);
    send_document(p);
    await(p, PRINTING_DONE, NULL);
    MUST(event.fate == PRINTING_PRINTED);
    printing_close(p);
}

TEST(printing, a_process_that_is_killed_is_started_again_and_what_it_printed_is_unknown_once_begun)
{
    for (int transfer = 1; transfer <= 4; transfer++)
        for (int after = 0; after < 2; after++) {
            int status;
            usb_begin();
            usb_plug_in();
            usb.take_most = 5;
            *(after ? &usb.hold_after : &usb.hold_before) = transfer;
            usb.on_held = kill_held;
            fate = transfer == 1 ? PRINTING_NOT_BEGUN : PRINTING_UNKNOWN;
            process = usb_start(work_killed);
            while (!usb_ended(process, &status))
                ;
            if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                fail_msg("killed %s transfer %d", after ? "after" : "before", transfer);
            usb_end();
        }
}
