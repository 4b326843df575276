/* main.c - patron-terminal: joins the parts of a till, and reads the command line.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hw/clock.h"
#include "hw/printer.h"
#include "terminal/commands.h"
#include "terminal/devices.h"
#include "terminal/enrol.h"
#include "terminal/loop.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, TURN_MS = 60000 };

struct options {
    const char *home, *reader, *office, *control, *clock, *code, *printer;
    bool prompt, devices;
};

static const char usage[] =
    "usage: patron-terminal --home DIR [--office HOST:PORT] [--reader CONNSTRING]\n"
    "                       (--control SOCKET | --prompt) [--printer NAME] [--clock FILE]\n"
    "       patron-terminal enrol --home DIR --office HOST:PORT --code CODE\n"
    "       patron-terminal --devices [--reader CONNSTRING]\n"
    "\n"
    "A till for loyalty points.  It sells with the line to head office cut, and sends what it owes "
    "later.\n"
    "\n"
    "  --home DIR          this till's folder: keys, certificate, journal; made by enrol\n"
    "  --office HOST:PORT  head office; without it the till works alone\n"
    "  --reader CONNSTRING the card reader as libnfc names it (\"pn532_uart:/dev/ttyUSB0\");\n"
    "                      without it the first one found; \"none\": no reader\n"
    "  --control SOCKET    take commands from registers on this unix socket\n"
    "  --prompt            take commands from a person on the terminal\n"
    "  --printer NAME      print receipts: usb, the first printer there is, or usb:VID:PID\n"
    "  --devices           show which card readers and receipt printers are there\n"
    "  --clock FILE        read the time of day from this file (for demos and tests)\n"
    "  --code CODE         enrol: the one-time code that head office printed (patronctl till add)\n"
    "\n"
    "Commands, at the prompt and on the socket:\n";

static const char exits[] =
    "\nExit codes: 0 ended as asked, 1 something failed (the reason is on stderr), "
    "2 wrong usage.\n";

static int say_usage(const char *problem)
{
    fprintf(stderr, "patron-terminal: %s; patron-terminal --help explains\n", problem);
    return EXIT_USAGE;
}

static int say_failure(const struct errmsg *why)
{
    fprintf(stderr, "patron-terminal: %s\n", why->text);
    return EXIT_FAILED;
}

/* ---- enrol ---- */

static int do_enrol(const struct options *o)
{
    struct errmsg why = {""};
    uint32_t terminal = 0;
    if (!o->home || !o->office || !o->code)
        return say_usage("enrol needs --home, --office and --code");
    if (enrol(&terminal, o->home, o->office, o->code, &why))
        return say_failure(&why);
    printf("till %u is enrolled in %s\n", terminal, o->home);
    return EXIT_OK;
}

/* ---- run ---- */

static volatile sig_atomic_t asked_to_end;

static void on_signal(int number)
{
    (void)number;
    asked_to_end = 1;
}

/* Signals come in while the till waits, and only then. */
static void set_signals(sigset_t *while_waiting)
{
    sigset_t held;
    struct sigaction end = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&held);
    sigaddset(&held, SIGINT);
    sigaddset(&held, SIGTERM);
    sigaddset(&held, SIGHUP);
    sigprocmask(SIG_BLOCK, &held, while_waiting);
    sigdelset(while_waiting, SIGINT);
    sigdelset(while_waiting, SIGTERM);
    sigdelset(while_waiting, SIGHUP);
    sigaction(SIGINT, &end, NULL);
    sigaction(SIGTERM, &end, NULL);
    sigaction(SIGHUP, &end, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
}

static enum err open_reader(struct reader **out, const struct options *o, struct errmsg *why)
{
    *out = NULL;
    if (o->reader && strcmp(o->reader, "none") == 0)
        return OK;
    return reader_nfc_open(out, o->reader ? o->reader : "", why);
}

static enum err open_journal(struct journal **out, const struct options *o,
                             const struct identity *id, struct errmsg *why)
{
    char path[IDENTITY_PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/till.db", o->home);
    if (n < 0 || (size_t)n >= sizeof path)
        return err_set(why, ERR_RANGE, "the path %s is too long", o->home);
    enum err e = journal_open(out, path, id->terminal, why);
    if (e == ERR_CORRUPT)
        err_add(why, e,
                "keep the file, call head office, and enrol this till anew in an empty folder");
    if (e && *out) {
        journal_close(*out);
        *out = NULL;
    }
    return e;
}

static enum err run(const struct options *o, const struct identity *id,
                    const sigset_t *while_waiting, struct errmsg *why)
{
    struct till_parts parts = {.identity = id,
                               .office = o->office,
                               .printer = o->printer,
                               .while_waiting = while_waiting,
                               .to_stderr = !o->prompt};
    struct till *t = NULL;
    enum err e = open_reader(&parts.reader, o, why);
    if (!e)
        e = open_journal(&parts.journal, o, id, why);
    if (!e)
        e = till_create(&t, &parts, why);
    if (!e && o->prompt)
        e = till_attach(t, STDIN_FILENO, STDOUT_FILENO, true, why);
    if (!e && o->control)
        e = till_listen(t, o->control, why);
    while (!e && !asked_to_end && till_turn(t, TURN_MS))
        ;
    till_destroy(t);
    journal_close(parts.journal);
    if (parts.reader)
        parts.reader->ops->close(parts.reader);
    return e;
}

static int do_run(const struct options *o)
{
    struct errmsg why = {""};
    struct identity id;
    sigset_t while_waiting;
    int lock_fd = -1;
    if (!o->home)
        return say_usage("--home is missing");
    if (!o->control && !o->prompt)
        return say_usage("--control or --prompt is missing");
    if (o->code)
        return say_usage("--code belongs to enrol");
    if (o->printer && !printer_is_name(o->printer))
        return say_usage("--printer is usb or usb:VID:PID, with VID and PID in hex");
    set_signals(&while_waiting);
    enum err e = access(o->home, F_OK) ? identity_load(&id, o->home, &why)
                                       : identity_lock(&lock_fd, o->home, &why);
    if (!e)
        e = identity_load(&id, o->home, &why);
    if (!e) {
        e = run(o, &id, &while_waiting, &why);
        identity_finish(&id);
    }
    if (lock_fd >= 0)
        close(lock_fd);
    return e ? say_failure(&why) : EXIT_OK;
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {{"home", required_argument, NULL, 'd'},
                                          {"reader", required_argument, NULL, 'r'},
                                          {"office", required_argument, NULL, 'o'},
                                          {"control", required_argument, NULL, 's'},
                                          {"clock", required_argument, NULL, 'c'},
                                          {"code", required_argument, NULL, 'k'},
                                          {"printer", required_argument, NULL, 't'},
                                          {"prompt", no_argument, NULL, 'p'},
                                          {"devices", no_argument, NULL, 'l'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    struct options o = {0};
    struct errmsg why = {""};
    bool enrols = argc > 1 && strcmp(argv[1], "enrol") == 0;
    optind = enrols ? 2 : 1;
    for (int c; (c = getopt_long(argc, argv, "h", longs, NULL)) != -1;) {
        switch (c) {
        case 'd':
            o.home = optarg;
            break;
        case 'r':
            o.reader = optarg;
            break;
        case 'o':
            o.office = optarg;
            break;
        case 's':
            o.control = optarg;
            break;
        case 'c':
            o.clock = optarg;
            break;
        case 'k':
            o.code = optarg;
            break;
        case 't':
            o.printer = optarg;
            break;
        case 'p':
            o.prompt = true;
            break;
        case 'l':
            o.devices = true;
            break;
        case 'h':
            printf("%s%s%s", usage, commands_help, exits);
            return EXIT_OK;
        default:
            return say_usage("this option is not known");
        }
    }
    if (optind < argc)
        return say_usage("there is a word too many");
    if (o.devices) {
        devices_say(stdout, o.reader);
        return EXIT_OK;
    }
    clock_use(o.clock);
    if (mbed_init(&why))
        return say_failure(&why);
    return enrols ? do_enrol(&o) : do_run(&o);
}
