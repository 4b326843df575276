/* main.c - patron-office: head office as a program.  Joins the folder, the books and the line.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/mbed.h"
#include "hw/clock.h"
#include "office/server.h"

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2 };

static volatile sig_atomic_t stop; /* set by SIGTERM and SIGINT */

static void on_signal(int signal)
{
    (void)signal;
    stop = 1;
}

static const char help[] =
    "usage: patron-office --home DIR [--listen HOST:PORT] [--clock FILE] [--quiet]\n"
    "\n"
    "Head office: takes the tills' entries into the ledger, tells them what is on a card, loads\n"
    "cards through them.  Make DIR first with \"patronctl init\", add tills with \"patronctl till add\".\n"
    "\n"
    "  --home DIR          the head-office folder\n"
    "  --listen HOST:PORT  where tills come in (default 127.0.0.1:7443); port 0: the system picks one.\n"
    "                      The first line on standard output is \"listening on HOST:PORT\"\n"
    "  --clock FILE        take the business time from a file (\"2010-12-01T08:34\"), for trying out\n"
    "  --quiet             no log line per event on standard error\n"
    "  --help\n"
    "\n"
    "SIGTERM or SIGINT ends it in good order; after kill -9 it goes on from what is on disk.\n";

struct arguments {
    const char *home, *listen, *clock;
    bool quiet;
};

/* 0 = go on, else the exit code + 1. */
static int read_arguments(struct arguments *a, int argc, char **argv)
{
    static const struct option options[] = {{"home", required_argument, NULL, 'd'},
                                            {"listen", required_argument, NULL, 'l'},
                                            {"clock", required_argument, NULL, 'c'},
                                            {"quiet", no_argument, NULL, 'q'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    *a = (struct arguments){.listen = "127.0.0.1:7443"};
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        switch (c) {
        case 'd':
            a->home = optarg;
            break;
        case 'l':
            a->listen = optarg;
            break;
        case 'c':
            a->clock = optarg;
            break;
        case 'q':
            a->quiet = true;
            break;
        case 'h':
            fputs(help, stdout);
            return 1 + EXIT_SUCCESS;
        default:
            fputs("Try \"patron-office --help\".\n", stderr);
            return 1 + EXIT_USAGE;
        }
    }
    if (!a->home || optind < argc) {
        fputs("patron-office: --home DIR is needed, and nothing but options.  Try \"patron-office "
              "--help\".\n",
              stderr);
        return 1 + EXIT_USAGE;
    }
    return 0;
}

static void catch_signals(sigset_t *waiting_mask)
{
    struct sigaction ends = {.sa_handler = on_signal}, ignored = {.sa_handler = SIG_IGN};
    sigset_t blocked;
    sigaction(SIGTERM, &ends, NULL);
    sigaction(SIGINT, &ends, NULL);
    sigaction(SIGPIPE, &ignored, NULL);
    /* Let in only while the loop waits, so that none comes between looking and waiting. */
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGINT);
    sigprocmask(SIG_BLOCK, &blocked, waiting_mask);
    sigdelset(waiting_mask, SIGTERM);
    sigdelset(waiting_mask, SIGINT);
}

int main(int argc, char **argv)
{
    struct arguments a;
    struct errmsg why = {""};
    struct home home;
    struct books *books = NULL;
    struct server *server = NULL;
    sigset_t mask;
    int code = read_arguments(&a, argc, argv);
    if (code)
        return code - 1;
    clock_use(a.clock);
    catch_signals(&mask);
    memset(&home, 0, sizeof home);
    char path[HOME_PATH_MAX];
    struct server_options options = {
        .listen = a.listen, .log = a.quiet ? NULL : stderr, .mask = &mask};
    enum err e = mbed_init(&why);
    if (!e)
        e = home_open(&home, a.home, &why);
    if (!e) {
        home_path(&home, HOME_BOOKS, path);
        e = books_open(&books, path, &home.card_keys, &why);
    }
    if (!e)
        e = server_create(&server, &home, books, &options, &why);
    if (!e) {
        printf("listening on %s\n", server_address(server));
        fflush(stdout);
    }
    while (!e && !stop)
        server_turn(server, 1000);
    if (server && !a.quiet) {
        struct server_counts n = server_counts(server);
        fprintf(stderr, "served connections=%" PRIu64 " questions=%" PRIu64 " entries=%" PRIu64
                " repeated=%" PRIu64 " loads=%" PRIu64 " refused=%" PRIu64 "\n",
                n.connections, n.requests, n.entries, n.repeated, n.loads, n.refused);
    }
    server_destroy(server);
    books_close(books);
    home_finish(&home);
    if (e)
        fprintf(stderr, "patron-office: %s\n", why.text);
    return e ? EXIT_FAILURE : EXIT_SUCCESS;
}
