/* usb_printer.c - see usb_printer.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/usb_printer.h"

#include "tests/test.h"

#include <dirent.h>
#include <errno.h>
#include <glib.h>
#include <linux/usbdevice_fs.h>
#include <signal.h>
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
    snprintf(options, sizeof options, "%s%sverify_asan_link_order=0", asan ? asan : "",
             asan ? ":" : "");
    setenv("ASAN_OPTIONS", options, 1);
    setenv("LD_PRELOAD", "libumockdev-preload.so.0", 1);
    execv("/proc/self/exe", argv);
}

#define NODE   "/dev/bus/usb/001/002"
#define DEVICE "/sys/devices/usb1/1-1"
/* A device 0416:5011 with one interface 7/1/2, bulk out 01 and bulk in 82. */
#define DESCRIPTORS_OF(class)                                                                      \
    "12010002000000401604115000010102030109022000010100C032"                                       \
    "0904000002" class "0102000705010240000007058202400000"
#define DESCRIPTORS (usb.no_class ? DESCRIPTORS_OF("FF") : DESCRIPTORS_OF("07"))

struct usb_printer usb;
void (*usb_on_command)(char command);

static bool is_off_line(void)
{
    return usb.no_paper || usb.status[1] & 0x08 || usb.status[2] & 0x64 || usb.status[4] & 0x60;
}

/* Is a raster picture (GS v 0) not whole yet? */
static bool in_a_picture(void)
{
    const uint8_t *p = usb.printed;
    for (size_t at = 0; at + 8 <= usb.printed_size; at++)
        if (memcmp(p + at, "\x1dv0", 4) == 0) {
            at += 7 + (p[at + 4] + 256U * p[at + 5]) * (p[at + 6] + 256U * p[at + 7]);
            if (at >= usb.printed_size)
                return true;
        }
    return false;
}

/* DLE DC4 is executed at once, whatever its state, unless it is in error; in the middle of a picture it is dots. */
static void pulse_now(void)
{
    static const uint8_t dots[] = {0x10, 0x14, 0x01, 0x00, 0x01};
    if (in_a_picture()) {
        memcpy(usb.printed + usb.printed_size, dots, sizeof dots);
        usb.printed_size += sizeof dots;
    } else if (!(usb.status[2] & 0x40)) {
        usb.pulses++;
        usb.pulsed_at = usb.printed_size;
    }
}

static void put_paper(const uint8_t *data, size_t size)
{
    if (size >= 2 && memcmp(data, "\x1bp", 2) == 0)
        ++*(is_off_line() ? &usb.pulses_held : &usb.pulses);
    if (size > sizeof usb.printed - usb.printed_size)
        abort();
    memcpy(usb.printed + usb.printed_size, data, size);
    usb.printed_size += size;
}

static struct usbdevfs_urb *urb(int i)
{
    return (struct usbdevfs_urb *)(void *)((UMockdevIoctlData *)usb.flying[i])->data;
}

/* While umockdev talks to who asked, another may come after it was killed, and all it had asked for ends. */
static void finish(int i, int status)
{
    if (!usb.flying[i])
        return;
    urb(i)->status = status;
    usb.done[i] = true;
}

/* GET_PORT_STATUS; the printer refuses to tell its strings. */
static void control(int i, UMockdevIoctlData *buffer)
{
    struct usbdevfs_urb *u = urb(i);
    if (buffer->data[0] != 0xa1 || buffer->data[1] != 1 || usb.port < 0) {
        finish(i, -EPIPE);
        return;
    }
    uint8_t port = (uint8_t)usb.port;
    umockdev_ioctl_data_update(buffer, 8, &port, 1);
    u->actual_length = 1;
    finish(i, 0);
}

static void bulk_out(int i, const uint8_t *data)
{
    struct usbdevfs_urb *u = urb(i);
    if (u->buffer_length == 3 && data[0] == 0x10 && data[1] == 0x04 && data[2] < 5) {
        usb.last_question = usb.mute ? 0 : data[2];
        usb.questions++;
        usb.asked_when_full += usb.no_paper;
        u->actual_length = 3;
        finish(i, 0);
        return;
    }
    if (u->buffer_length == 5 && memcmp(data, "\x10\x14\x01", 3) == 0 && data[3] < 2 && data[4] && data[4] <= 8) {
        pulse_now();
        u->actual_length = 5;
        finish(i, 0);
        return;
    }
    if (usb.no_paper)
        return; /* its buffer is full */
    usb.transfers++;
    if (usb.transfers == usb.hold_before) {
        usb.on_held();
        return;
    }
    u->actual_length = u->buffer_length;
    if (usb.take_most && u->actual_length > usb.take_most)
        u->actual_length = usb.take_most;
    put_paper(data, (size_t)u->actual_length);
    if (usb.transfers == usb.hold_after)
        usb.on_held();
    else
        finish(i, 0);
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
    if (!usb.flying[i])
        return ENODEV; /* who asked was killed meanwhile */
    struct usbdevfs_urb *u = urb(i);
    UMockdevIoctlData *buffer = umockdev_ioctl_data_resolve(
        usb.flying[i], offsetof(struct usbdevfs_urb, buffer), (gsize)u->buffer_length, NULL);
    if (!buffer || !usb.flying[i]) {
        g_clear_object(&usb.flying[i]);
        g_clear_object(&buffer);
        return ENODEV;
    }
    u->actual_length = 0;
    if (u->type == USBDEVFS_URB_TYPE_CONTROL) {
        control(i, buffer);
    } else if (usb.silent) {
        /* nothing happens until it is discarded */
    } else if (usb.halted || usb.stall > 0) {
        usb.stall -= !usb.halted;
        usb.halted = true;
        finish(i, -EPIPE);
    } else if (u->endpoint == 0x01) {
        bulk_out(i, buffer->data);
    } else if (usb.unasked) {
        umockdev_ioctl_data_update(buffer, 0, (uint8_t[]){0x16}, 1);
        usb.unasked--;
        u->actual_length = 1;
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
    if (usb.no_paper_after && usb.printed_size >= usb.no_paper_after) {
        usb.no_paper = true;
        usb.status[4] = 0x7e;
        usb.port = usb.port < 0 ? usb.port : 0x38;
        usb.no_paper_after = 0;
    }
    return 0;
}

static int reap(UMockdevIoctlData *arg)
{
    for (int i = 0; i < 16; i++)
        if (usb.flying[i] && (usb.done[i] || usb.gone)) {
            if (!usb.done[i])
                finish(i, -ESHUTDOWN);
            UMockdevIoctlData *where = umockdev_ioctl_data_resolve(arg, 0, sizeof(void *), NULL);
            if (where) {
                umockdev_ioctl_data_set_ptr(where, 0, usb.flying[i]);
                g_object_unref(where);
            }
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
        if (usb.flying[i] && !usb.done[i] &&
            ((UMockdevIoctlData *)usb.flying[i])->client_addr == address) {
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
        usb.opened++;
        for (int i = 0; i < 16;
             i++) /* the last owner was killed: the kernel ended what it had asked for */
            if (usb.flying[i]) {
                g_object_unref(usb.flying[i]);
                usb.flying[i] = NULL;
            }
        usb.last_question = 0;
    } else if (request == USBDEVFS_RELEASEINTERFACE) {
        usb.claimed--;
    } else if (request == USBDEVFS_IOCTL) {
        UMockdevIoctlData *d = umockdev_ioctl_data_resolve(arg, 0, sizeof(struct usbdevfs_ioctl), NULL);
        usb.given_back += ((struct usbdevfs_ioctl *)(void *)d->data)->ioctl_code == USBDEVFS_CONNECT;
        g_object_unref(d);
    } else if (request == USBDEVFS_CLEAR_HALT) {
        usb.halted = false;
        usb.cleared++;
    } else {
        error = ENOTTY;
    }
    umockdev_ioctl_client_complete(client, error ? -1 : 0, error);
    return TRUE;
}

static void add_device(const char *port, int number, const char *descriptors, UMockdevIoctlBase *kernel)
{
    GError *error = NULL;
    char node[40], text[900];
    snprintf(node, sizeof node, "/dev/bus/usb/001/%03d", number);
    /* The handler first: adding the device tells the world of it at once. */
    if (!umockdev_testbed_attach_ioctl(usb.bed, node, kernel, &error))
        fail_msg("%s", error->message);
    snprintf(text, sizeof text,
             "P: /devices/usb1/%s\nN: bus/usb/001/%03d=%s\n"
             "E: DEVNAME=%s\nE: DEVTYPE=usb_device\nE: SUBSYSTEM=usb\nE: BUSNUM=001\nE: DEVNUM=%03d\n"
             "A: busnum=1\\n\nA: devnum=%d\\n\nA: speed=12\\n\nA: bConfigurationValue=1\\n\nH: descriptors=%s\n",
             port, number, descriptors, node, number, number, descriptors);
    if (!umockdev_testbed_add_from_string(usb.bed, text, &error))
        fail_msg("%s", error->message);
}

static gboolean on_busy_ioctl(UMockdevIoctlBase *base, UMockdevIoctlClient *client)
{
    (void)base;
    unsigned long request = umockdev_ioctl_client_get_request(client);
    bool claims = request == USBDEVFS_CLAIMINTERFACE || request == USBDEVFS_DISCONNECT_CLAIM;
    usb.refused += claims;
    umockdev_ioctl_client_complete(client, -1, claims ? EBUSY : ENOTTY);
    return TRUE;
}

void usb_plug_in_others(void)
{
    usb.others = umockdev_ioctl_base_new();
    g_signal_connect(usb.others, "handle-ioctl", G_CALLBACK(on_busy_ioctl), NULL);
    add_device("1-0", 1, DESCRIPTORS, usb.others);
    add_device("1-2", 3, DESCRIPTORS, usb.others);
}

void usb_plug_in(void)
{
    if (usb.there)
        return;
    usb.there = true;
    usb.gone = usb.halted = false;
    usb.gone_after = 0;
    usb.last_question = 0;
    add_device("1-1", 2, DESCRIPTORS, usb.kernel);
}

void usb_unplug(void)
{
    if (!usb.there)
        return;
    usb.there = false;
    usb.gone = true; /* for who still has it open */
    umockdev_testbed_uevent(usb.bed, DEVICE, "remove");
    umockdev_testbed_remove_device(usb.bed, DEVICE);
    umockdev_testbed_detach_ioctl(usb.bed, NODE, NULL);
}

void usb_refill(void)
{
    usb.no_paper = false;
    usb.status[2] = usb.status[4] = 0x12;
    usb.port = 0x18;
    usb.pulses += usb.pulses_held;
    usb.pulses_held = 0;
}

/* umockdev says so of every process that is killed while it has the device open. */
static void drop(const char *domain, GLogLevelFlags level, const char *message, void *arg)
{
    (void)domain, (void)arg;
    if (level <= G_LOG_LEVEL_WARNING && !strstr(message, "with open stream"))
        fprintf(stderr, "%s\n", message);
}

void usb_begin(void)
{
    g_log_set_handler(NULL, G_LOG_LEVEL_MASK, drop, NULL);
    memset(&usb, 0, sizeof usb);
    memcpy(usb.status, (const uint8_t[]){0, 0x12, 0x12, 0x12, 0x12}, 5);
    usb.port = 0x18;
    usb.bed = umockdev_testbed_new();
    assert_true(umockdev_in_mock_environment());
    usb.kernel = umockdev_ioctl_base_new();
    g_signal_connect(usb.kernel, "handle-ioctl", G_CALLBACK(on_ioctl), NULL);
}

void usb_end(void)
{
    g_object_unref(usb.kernel);
    g_clear_object(&usb.others);
    g_object_unref(usb.bed);
}

/* ---- the child ---- */

static int ask_parent = -1, from_child = -1;

_Noreturn void usb_must(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, condition);
    _exit(1);
}

/* Is every thread but this one asleep? */
static bool others_sleep(void)
{
    DIR *tasks = opendir("/proc/self/task");
    bool asleep = true;
    assert_non_null(tasks);
    for (struct dirent *d; (d = readdir(tasks));) {
        char name[300], text[512] = "";
        if (d->d_name[0] == '.' || atoi(d->d_name) == getpid())
            continue;
        snprintf(name, sizeof name, "/proc/self/task/%s/stat", d->d_name);
        FILE *f = fopen(name, "r");
        if (f) {
            (void)!fread(text, 1, sizeof text - 1, f);
            fclose(f);
        }
        char *state = strrchr(text, ')');
        asleep = asleep && (!state || state[2] == 'S');
    }
    closedir(tasks);
    return asleep;
}

/* The bed has threads.  A child forked while one of them allocates would find the sanitizer's allocator locked for
 * ever; so it is forked when they have had nothing to do for a while. */
static void let_threads_rest(void)
{
    for (int looks = 0; looks < 10; looks = others_sleep() ? looks + 1 : 0) {
        g_main_context_iteration(NULL, FALSE);
        usleep(1000);
    }
}

pid_t usb_start(void (*work)(void))
{
    let_threads_rest();
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    pid_t child = fork();
    if (child == 0) {
        ask_parent = ends[1];
        alarm(30);
        work();
        _exit(0);
    }
    close(ends[1]);
    if (from_child >= 0)
        close(from_child);
    from_child = ends[0];
    return child;
}

void usb_turn(void)
{
    char c;
    if (from_child >= 0 && read(from_child, &c, 1) == 1) {
        if (c == 'u')
            usb_unplug();
        else if (c == 'p')
            usb_plug_in();
        else if (c == 'r')
            usb_refill();
        else
            usb_on_command(c);
        (void)!write(from_child, "k", 1);
    }
    if (!g_main_context_iteration(NULL, FALSE))
        usleep(100);
}

bool usb_ended(pid_t child, int *status)
{
    usb_turn();
    if (waitpid(child, status, WNOHANG) == 0)
        return false;
    close(from_child);
    from_child = -1;
    while (g_main_context_iteration(NULL, FALSE))
        ;
    return true;
}

void usb_child(void (*work)(void))
{
    int status;
    pid_t child = usb_start(work);
    while (!usb_ended(child, &status))
        ;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

void usb_tell(char command)
{
    MUST(write(ask_parent, &command, 1) == 1);
    while (read(ask_parent, &command, 1) != 1)
        usleep(1000);
}
