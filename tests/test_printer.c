/* test_printer.c - the real libusb-1.0 against a receipt printer that umockdev pretends is on the USB.
 * The code under test runs in a child process, as the pretended kernel lives in this one; the printer takes
 * bytes, takes few, stalls, goes silent, is unplugged and plugged in again.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hw/clock.h"
#include "hw/printer.h"
#include "hw/printing.h"
#include "hw/usb.h"
#include "terminal/devices.h"
#include "tests/test.h"

#include <errno.h>
#include <glib.h>
#include <linux/usbdevice_fs.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <umockdev.h>
#include <unistd.h>

/* umockdev has to be loaded before the C library's calls are bound; the sanitizer has to let it. */
__attribute__((constructor(101))) static void load_umockdev(int argc, char **argv)
{
    (void)argc;
    if (getenv("LD_PRELOAD"))
        return;
    const char *asan = getenv("ASAN_OPTIONS");
    char options[500];
    snprintf(options, sizeof options, "%s%sverify_asan_link_order=0", asan ? asan : "", asan ? ":" : "");
    setenv("ASAN_OPTIONS", options, 1);
    setenv("LD_PRELOAD", "libumockdev-preload.so.0", 1);
    execv("/proc/self/exe", argv);
}

#define NODE "/dev/bus/usb/001/002"
#define DEVICE "/sys/devices/usb1/1-1"
/* A device 0416:5011 with one interface 7/1/2, bulk out 01 and bulk in 82. */
#define DESCRIPTORS                                                                                \
    "12010002000000401604115000010102030109022000010100C032"                                       \
    "0904000002070102000705010240000007058202400000"

static struct {
    UMockdevTestbed *bed;
    UMockdevIoctlBase *kernel;
    uint8_t printed[65536];
    size_t printed_size;
    int take_most;   /* of one transfer; 0 = all */
    bool silent, gone;
    int stall;       /* this many transfers stall, until the halt is cleared */
    size_t gone_after, silent_after; /* bytes printed; 0 = never */
    bool halted;
    uint8_t status[5]; /* the answer to DLE EOT n */
    int last_question, claimed, cleared;
    UMockdevIoctlData *flying[16]; /* submitted, not yet reaped */
    bool done[16];
} usb;

static void print(const uint8_t *data, size_t size)
{
    if (size == 3 && data[0] == 0x10 && data[1] == 0x04 && data[2] < 5) {
        usb.last_question = data[2];
        return;
    }
    if (size > sizeof usb.printed - usb.printed_size)
        abort();
    memcpy(usb.printed + usb.printed_size, data, size);
    usb.printed_size += size;
}

static void finish(int i, int status)
{
    ((struct usbdevfs_urb *)(void *)usb.flying[i]->data)->status = status;
    usb.done[i] = true;
}

static int submit(UMockdevIoctlData *arg)
{
    int i = 0;
    while (i < 16 && usb.flying[i])
        i++;
    if (i == 16)
        return ENOMEM;
    usb.flying[i] = umockdev_ioctl_data_resolve(arg, 0, sizeof(struct usbdevfs_urb), NULL);
    usb.done[i] = false;
    struct usbdevfs_urb *u = (void *)usb.flying[i]->data;
    UMockdevIoctlData *buffer = umockdev_ioctl_data_resolve(
        usb.flying[i], offsetof(struct usbdevfs_urb, buffer), (gsize)u->buffer_length, NULL);
    u->actual_length = 0;
    if (usb.silent) {
        /* nothing happens until it is discarded */
    } else if (usb.halted || usb.stall > 0) {
        usb.stall -= !usb.halted;
        usb.halted = true;
        finish(i, -EPIPE);
    } else if (u->type != USBDEVFS_URB_TYPE_BULK) {
        finish(i, -EPIPE); /* no strings: the descriptor says there are, the printer refuses */
    } else if (u->endpoint == 0x01) {
        u->actual_length = u->buffer_length;
        if (usb.take_most && u->actual_length > usb.take_most)
            u->actual_length = usb.take_most;
        print(buffer->data, (size_t)u->actual_length);
        finish(i, 0);
    } else if (usb.last_question) {
        umockdev_ioctl_data_update(buffer, 0, &usb.status[usb.last_question], 1);
        usb.last_question = 0;
        u->actual_length = 1;
        finish(i, 0);
    }
    g_object_unref(buffer);
    if (usb.silent_after && usb.printed_size >= usb.silent_after)
        usb.silent = true;
    if (usb.gone_after && usb.printed_size >= usb.gone_after)
        usb.gone = true;
    return 0;
}

static int reap(UMockdevIoctlData *arg)
{
    for (int i = 0; i < 16; i++)
        if (usb.flying[i] && (usb.done[i] || usb.gone)) {
            if (!usb.done[i])
                finish(i, -ESHUTDOWN);
            UMockdevIoctlData *where = umockdev_ioctl_data_resolve(arg, 0, sizeof(void *), NULL);
            umockdev_ioctl_data_set_ptr(where, 0, usb.flying[i]);
            g_object_unref(where);
            g_object_unref(usb.flying[i]);
            usb.flying[i] = NULL;
            return 0;
        }
    return usb.gone ? ENODEV : EAGAIN;
}

static int discard(UMockdevIoctlData *arg)
{
    unsigned long address;
    memcpy(&address, arg->data, sizeof address);
    for (int i = 0; i < 16; i++)
        if (usb.flying[i] && !usb.done[i] && usb.flying[i]->client_addr == address) {
            finish(i, -ENOENT);
            return 0;
        }
    return EINVAL;
}

static gboolean on_ioctl(UMockdevIoctlBase *base, UMockdevIoctlClient *client)
{
    (void)base;
    UMockdevIoctlData *arg = umockdev_ioctl_client_get_arg(client);
    unsigned long request = umockdev_ioctl_client_get_request(client);
    int error = 0;
    if (request == USBDEVFS_REAPURBNDELAY || request == USBDEVFS_REAPURB) {
        error = reap(arg);
    } else if (usb.gone) {
        error = ENODEV;
    } else if (request == USBDEVFS_SUBMITURB) {
        error = submit(arg);
    } else if (request == (unsigned long)USBDEVFS_DISCARDURB) {
        error = discard(arg);
    } else if (request == USBDEVFS_GET_CAPABILITIES) {
        UMockdevIoctlData *d = umockdev_ioctl_data_resolve(arg, 0, 4, NULL);
        uint32_t caps = USBDEVFS_CAP_NO_PACKET_SIZE_LIM | USBDEVFS_CAP_REAP_AFTER_DISCONNECT;
        umockdev_ioctl_data_update(d, 0, (uint8_t *)&caps, 4);
        g_object_unref(d);
    } else if (request == USBDEVFS_CLAIMINTERFACE || request == USBDEVFS_DISCONNECT_CLAIM) {
        usb.claimed++;
    } else if (request == USBDEVFS_RELEASEINTERFACE) {
        usb.claimed--;
    } else if (request == USBDEVFS_CLEAR_HALT) {
        usb.halted = false;
        usb.cleared++;
    } else {
        error = ENOTTY;
    }
    umockdev_ioctl_client_complete(client, error ? -1 : 0, error);
    return TRUE;
}

static void plug_in(void)
{
    GError *error = NULL;
    usb.gone = false;
    usb.gone_after = 0;
    /* The handler first: adding the device tells the world of it at once. */
    if (!umockdev_testbed_attach_ioctl(usb.bed, NODE, usb.kernel, &error))
        fail_msg("%s", error->message);
    if (!umockdev_testbed_add_from_string(usb.bed,
                                          "P: /devices/usb1/1-1\n"
                                          "N: bus/usb/001/002=" DESCRIPTORS "\n"
                                          "E: DEVNAME=/dev/bus/usb/001/002\nE: DEVTYPE=usb_device\n"
                                          "E: SUBSYSTEM=usb\nE: BUSNUM=001\nE: DEVNUM=002\n"
                                          "A: busnum=1\\n\nA: devnum=2\\n\nA: speed=12\\n\n"
                                          "A: bConfigurationValue=1\\n\n"
                                          "H: descriptors=" DESCRIPTORS "\n",
                                          &error))
        fail_msg("%s", error->message);
}

static void unplug(void)
{
    umockdev_testbed_uevent(usb.bed, DEVICE, "remove");
    umockdev_testbed_remove_device(usb.bed, DEVICE);
    umockdev_testbed_detach_ioctl(usb.bed, NODE, NULL);
}

static void begin(void)
{
    memset(&usb, 0, sizeof usb);
    memcpy(usb.status, (const uint8_t[]){0, 0x12, 0x12, 0x12, 0x12}, 5);
    usb.bed = umockdev_testbed_new();
    assert_true(umockdev_in_mock_environment());
    usb.kernel = umockdev_ioctl_base_new();
    g_signal_connect(usb.kernel, "handle-ioctl", G_CALLBACK(on_ioctl), NULL);
}

static void end(void)
{
    g_object_unref(usb.kernel);
    g_object_unref(usb.bed);
}

/* ---- the child ---- */

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static int ask_parent; /* the child writes 'u' and waits: the parent unplugs, then plugs in again */

/* Runs work in a child while this process plays the kernel. */
static void in_child(void (*work)(void))
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    pid_t child = fork();
    if (child == 0) {
        ask_parent = ends[1];
        alarm(20);
        work();
        _exit(0);
    }
    close(ends[1]);
    int status;
    while (waitpid(child, &status, WNOHANG) == 0) {
        char c;
        if (read(ends[0], &c, 1) == 1) {
            if (c == 'u')
                unplug();
            else
                plug_in();
            assert_int_equal(write(ends[0], "k", 1), 1);
        }
        if (!g_main_context_iteration(NULL, FALSE))
            usleep(100);
    }
    close(ends[0]);
    while (g_main_context_iteration(NULL, FALSE))
        ;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void tell_parent(char c)
{
    MUST(write(ask_parent, &c, 1) == 1);
    while (read(ask_parent, &c, 1) != 1)
        usleep(1000);
}

static struct printer *open_printer(void)
{
    struct printer *p;
    struct errmsg why = {""};
    if (printer_usb_open(&p, 0, 0, &why) != OK) {
        fprintf(stderr, "%s\n", why.text);
        _exit(1);
    }
    return p;
}

static const char *const receipt[] = {"Patron coffee", "1 flat white   3.20", "caf\xc3\xa9 \x1b@", "+3 points"};
static const char expected[] = "\x1b@Patron coffee\n1 flat white   3.20\ncaf? ?@\n+3 points\n\x1dVB";

static enum err print_receipt(struct printer *p, int timeout_ms, struct errmsg *why)
{
    return printer_receipt(p, receipt, 4, timeout_ms, why);
}

static void assert_printed_once(void)
{
    assert_int_equal(usb.printed_size, sizeof expected);
    assert_memory_equal(usb.printed, expected, sizeof expected);
}

static void work_print(void)
{
    struct printer *p = open_printer();
    struct errmsg why;
    MUST(print_receipt(p, 2000, &why) == OK);
    p->ops->close(p);
}

TEST(printer, a_receipt_arrives_byte_for_byte_and_text_cannot_be_a_command)
{
    begin();
    plug_in();
    in_child(work_print);
    assert_printed_once();
    assert_int_equal(usb.claimed, 0); /* claimed, and given back */
    end();
}

TEST(printer, one_that_takes_few_bytes_at_a_time_prints_all_the_same)
{
    begin();
    plug_in();
    usb.take_most = 7;
    in_child(work_print);
    assert_printed_once();
    end();
}

static void work_stall(void)
{
    struct printer *p = open_printer();
    struct errmsg why;
    MUST(print_receipt(p, 2000, &why) == ERR_IO);
    MUST(strstr(why.text, "after 0 of "));
    MUST(print_receipt(p, 2000, &why) == OK);
    p->ops->close(p);
}

TEST(printer, a_stall_is_an_error_once_and_cleared)
{
    begin();
    plug_in();
    usb.stall = 3; /* before it: the reading that empties its answers, and the question how it is */
    in_child(work_stall);
    assert_printed_once();
    assert_true(usb.cleared >= 1);
    end();
}

static void work_silent(void)
{
    struct printer *p = open_printer();
    struct errmsg why;
    int64_t start = clock_tick_ms();
    MUST(p->ops->write(p, bytes_of("first", 5), 200, &why) == OK);
    MUST(print_receipt(p, 200, &why) == ERR_TIMEOUT);
    int64_t took = clock_tick_ms() - start;
    MUST(took >= 190 && took < 1500);
    MUST(strstr(why.text, "paper out or cover open"));
    struct printer_status s;
    MUST(p->ops->status(p, &s, 100, &why) == ERR_TIMEOUT);
    p->ops->close(p);
}

TEST(printer, one_that_takes_no_more_is_a_timeout_in_time)
{
    begin();
    plug_in();
    usb.silent_after = 5;
    in_child(work_silent);
    end();
}

static void work_replug(void)
{
    struct printer *p = open_printer();
    struct errmsg why;
    MUST(p->ops->write(p, bytes_of("first", 5), 500, &why) == OK);
    MUST(print_receipt(p, 500, &why) == ERR_NO_DEVICE);
    p->ops->close(p);
    tell_parent('u');
    MUST(printer_usb_open(&p, 0, 0, &why) == ERR_NO_DEVICE);
    MUST(strcmp(why.text, "no USB receipt printer is attached") == 0);
    tell_parent('p');
    p = open_printer();
    MUST(print_receipt(p, 2000, &why) == OK);
    p->ops->close(p);
}

TEST(printer, an_unplugged_one_is_said_to_be_and_prints_again_when_it_is_back)
{
    begin();
    plug_in();
    usb.gone_after = 5;
    in_child(work_replug);
    assert_int_equal(usb.printed_size, 5 + sizeof expected);
    assert_memory_equal(usb.printed + 5, expected, sizeof expected);
    end();
}

static void work_status(void)
{
    struct printer *p = open_printer();
    struct printer_status s;
    struct errmsg why;
    MUST(p->ops->status(p, &s, 1000, &why) == OK);
    MUST(s.offline && s.cover_open && s.paper_low && s.paper_out && !s.failed);
    p->ops->close(p);
}

static void work_nonsense(void)
{
    struct printer *p = open_printer();
    struct printer_status s;
    struct errmsg why;
    MUST(p->ops->status(p, &s, 1000, &why) == ERR_FORMAT);
    p->ops->close(p);
}

TEST(printer, its_status_is_read_and_nonsense_refused)
{
    begin();
    plug_in();
    memcpy(usb.status, (const uint8_t[]){0, 0x1a, 0x16, 0x12, 0x7e}, 5);
    in_child(work_status);
    usb.status[2] = 0xff;
    in_child(work_nonsense);
    end();
}

static const char *trouble;

static void work_refused(void)
{
    struct printer *p = open_printer();
    struct errmsg why;
    MUST(print_receipt(p, 1000, &why) == ERR_REFUSED);
    MUST(strcmp(why.text, trouble) == 0);
    p->ops->close(p);
}

TEST(printer, one_that_says_it_cannot_print_is_not_sent_a_receipt)
{
    static const struct {
        int question;
        uint8_t answer;
        const char *trouble;
    } rows[] = {{4, 0x7e, "the printer has no paper"},
                {2, 0x16, "the printer's cover is open"},
                {2, 0x52, "the printer reports a fault"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        begin();
        plug_in();
        usb.status[rows[i].question] = rows[i].answer;
        trouble = rows[i].trouble;
        in_child(work_refused);
        assert_int_equal(usb.printed_size, 0);
        end();
    }
}

/* As the till prints: by a process of its own. */
static void work_apart(void)
{
    struct printing p = PRINTING_NONE;
    struct errmsg why = {""};
    MUST(printing_end(&p, &why) == OK);
    MUST(printing_start(&p, "usb:0416:5011", receipt, 4, &why) == OK);
    MUST(printing_start(&p, "usb", receipt, 4, &why) == ERR_BUSY);
    MUST(printing_end(&p, &why) == OK);
    MUST(p.child == 0 && p.fd == -1);
    MUST(printing_start(&p, "usb:0416:5012", receipt, 4, &why) == OK);
    MUST(printing_end(&p, &why) == ERR_IO);
    MUST(strcmp(why.text, "no USB receipt printer is attached") == 0);
}

TEST(printer, a_process_of_its_own_prints_and_says_what_went_wrong)
{
    begin();
    plug_in();
    in_child(work_apart);
    assert_printed_once();
    end();
}

static void work_killed(void)
{
    struct printing p = PRINTING_NONE;
    struct errmsg why = {""};
    MUST(printing_start(&p, "usb", receipt, 4, &why) == OK);
    MUST(kill(p.child, SIGKILL) == 0);
    MUST(printing_end(&p, &why) == ERR_IO);
    MUST(strstr(why.text, "ended by signal 9"));
}

TEST(printer, a_process_that_dies_is_said_to_have)
{
    begin();
    in_child(work_killed);
    end();
}

TEST(printer, names_are_usb_or_usb_with_two_numbers)
{
    static const struct {
        const char *name;
        bool good;
    } rows[] = {{"usb", true},        {"usb:0416:5011", true}, {"usb:4b8:e15", true},
                {"", false},          {"usb:", false},         {"usb:0416", false},
                {"usb:0:5", false},   {"usb:0416:5011x", false}, {"lp0", false}};
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
    MUST(strcmp(said, "Printer receipt printer, USB bus 1 device 2: --printer usb:0416:5011\n") == 0);
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
    begin();
    in_child(work_list_nothing);
    plug_in();
    in_child(work_list);
    end();
}
