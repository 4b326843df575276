/* main.c - patron-office: head office as a program.  Joins the folder, the books and the line.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/mbed.h"
#include "hw/clock.h"
#include "office/config.h"
#include "office/daily.h"
#include "office/console/console.h"
#include "office/guard.h"
#include "office/figures.h"
#include "office/plan/jobs.h"
#include "office/care/message_send.h"
#include "office/server.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2, DAILY_LOOK_MS = 5000 /* is there something to do for a day that began? */ };

static volatile sig_atomic_t stop;   /* set by SIGTERM and SIGINT */
static volatile sig_atomic_t reopen; /* set by SIGHUP: the log was moved away */

static void on_signal(int signal)
{
    if (signal == SIGHUP)
        reopen = 1;
    else
        stop = 1;
}

static void help(void)
{
    fputs("usage: patron-office --config FILE [OPTION]...\n"
          "       patron-office --home DIR [OPTION]...\n"
          "\n"
          "Head office: takes the tills' entries into the ledger, tells them what is on a card, loads\n"
          "cards through them, and serves the console.  Make DIR first with \"patronctl init\", add tills\n"
          "with \"patronctl till add\".  Options come on top of the file; keys without an option are of the\n"
          "file alone:\n\n"
          "  --config FILE            sections and lines \"key = value\"\n",
          stdout);
    office_config_help(stdout);
    fputs("\n"
          "The first line on standard output is \"listening on HOST:PORT\", for tills; with a console the\n"
          "second is \"console on https://HOST:PORT\".\n"
          "SIGTERM or SIGINT ends it in good order; after kill -9 it goes on from what is on disk.\n",
          stdout);
}

enum { OPTIONS_MAX = 32, OPTION_CONFIG = 1, OPTION_HELP, OPTION_FIRST };

static void list_options(struct option options[OPTIONS_MAX])
{
    int n = 0;
    bool takes_value;
    const char *name;
    options[n++] = (struct option){"config", required_argument, NULL, OPTION_CONFIG};
    options[n++] = (struct option){"help", no_argument, NULL, OPTION_HELP};
    for (int i = 0; (name = office_config_option_name(i, &takes_value)); i++) {
        assert(n < OPTIONS_MAX - 1);
        options[n++] = (struct option){name, takes_value ? required_argument : no_argument, NULL, OPTION_FIRST + i};
    }
    options[n] = (struct option){NULL, 0, NULL, 0};
}

static int wrong(const struct errmsg *why)
{
    fprintf(stderr, "patron-office: %s.  Try \"patron-office --help\".\n", why->text);
    return 1 + EXIT_USAGE;
}

/* The file first, the options on top, wherever they stand.  0 = go on, else the exit code + 1. */
static int read_arguments(struct office_config *config, int argc, char **argv)
{
    struct option options[OPTIONS_MAX];
    struct errmsg why = {""};
    list_options(options);
    office_config_init(config);
    for (int pass = 0; pass < 2; pass++) {
        optind = 0;
        for (int c, i; (c = getopt_long(argc, argv, "h", options, &i)) != -1;) {
            bool takes_value;
            if (c == 'h' || c == OPTION_HELP) {
                help();
                return 1 + EXIT_SUCCESS;
            }
            if (c == '?') {
                fputs("Try \"patron-office --help\".\n", stderr);
                return 1 + EXIT_USAGE;
            }
            if (pass == 0 && c == OPTION_CONFIG && office_config_read(config, optarg, &why))
                return wrong(&why);
            if (pass == 0 || c == OPTION_CONFIG)
                continue;
            const char *name = office_config_option_name(c - OPTION_FIRST, &takes_value);
            if (office_config_option(config, name, takes_value ? optarg : NULL, &why))
                return wrong(&why);
        }
    }
    if (optind < argc)
        err_set(&why, ERR_FORMAT, "it takes nothing but options, not %.60s", argv[optind]);
    else if (office_config_check(config, &why) == OK)
        return 0;
    return wrong(&why);
}

static void catch_signals(sigset_t *waiting_mask)
{
    struct sigaction ends = {.sa_handler = on_signal}, ignored = {.sa_handler = SIG_IGN};
    sigset_t blocked;
    sigaction(SIGTERM, &ends, NULL);
    sigaction(SIGINT, &ends, NULL);
    sigaction(SIGHUP, &ends, NULL);
    sigaction(SIGPIPE, &ignored, NULL);
    /* Let in only while the loop waits, so that none comes between looking and waiting. */
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGHUP);
    sigprocmask(SIG_BLOCK, &blocked, waiting_mask);
    sigdelset(waiting_mask, SIGTERM);
    sigdelset(waiting_mask, SIGINT);
    sigdelset(waiting_mask, SIGHUP);
}

/* Opens the log that the configuration names, and closes the one before.  When it cannot be opened the old one is kept. */
static FILE *open_log(const struct office_config *config, FILE *before)
{
    if (config->quiet)
        return NULL;
    if (!config->log[0])
        return stderr;
    FILE *f = fopen(config->log, "ae");
    if (!f) {
        fprintf(stderr, "patron-office: %s: %s\n", config->log, strerror(errno));
        return before ? before : stderr;
    }
    setvbuf(f, NULL, _IOLBF, 0);
    if (before && before != stderr)
        fclose(before);
    return f;
}

int main(int argc, char **argv)
{
    struct office_config config;
    struct errmsg why = {""};
    struct home home;
    struct books *books = NULL;
    struct server *server = NULL;
    struct console *console = NULL;
    struct figures *metrics = NULL;
    sigset_t mask;
    int code = read_arguments(&config, argc, argv);
    if (code)
        return code - 1;
    clock_use(config.clock[0] ? config.clock : NULL);
    catch_signals(&mask);
    memset(&home, 0, sizeof home);
    char path[HOME_PATH_MAX];
    FILE *log = open_log(&config, NULL);
    struct server_options options = {.listen = config.listen, .log = log, .mask = &mask};
    enum err e = mbed_init(&why);
    if (!e)
        e = home_open(&home, config.home, &why);
    if (!e) {
        home_path(&home, HOME_BOOKS, path);
        e = books_open(&books, path, &home.card_keys, &why);
    }
    struct guard guard = {.dir = config.home, .least_mb = config.least_free_mb, .books = books};
    if (!e)
        e = guard_look(&guard, &why);
    if (!e)
        e = server_create(&server, &home, books, &options, &why);
    struct jobs *jobs = NULL;
    if (!e)
        e = jobs_open(&jobs, &home, books, NULL, clock_now_s(), &why);
    struct head_office office = {.home = &home, .books = books, .jobs = jobs};
    struct console_config door = {.listen = config.console, .certificate = config.certificate, .key = config.key,
                                  .name = config.name};
    if (!e && config.console[0])
        e = console_open(&console, &office, server, &door, &why);
    struct figures_parts parts = {.listen = config.metrics, .server = server, .books = books, .guard = &guard};
    if (!e && config.metrics[0])
        e = figures_open(&metrics, &parts, &why);
    if (!e) {
        printf("listening on %s\n", server_address(server));
        if (metrics)
            printf("metrics on http://%s\n", figures_address(metrics));
        if (console)
            printf("console on https://%s\n", console_address(console));
        fflush(stdout);
    }
    int64_t daily_ms = clock_tick_ms() + DAILY_LOOK_MS;
    while (!e && !stop) {
        server_turn(server, 1000);
        if (reopen) {
            reopen = 0;
            server_set_log(server, log = open_log(&config, log));
        }
        if (clock_tick_ms() >= daily_ms) {
            daily_ms = clock_tick_ms() + DAILY_LOOK_MS;
            if (!guard.refusing && daily_start(books, clock_now_s(), &why))
                server_note(server, why.text);
            if (!guard.refusing && message_start(books, clock_now_s(), &why))
                server_note(server, why.text);
        }
        if (jobs_tick(jobs, clock_now_s(), &why))
            server_note(server, why.text);
        bool refusing = guard.refusing;
        if (guard_look(&guard, &why) == OK && refusing != guard.refusing)
            server_note(server, guard.refusing ? "disk full: nothing is taken until there is room"
                                               : "disk has room again");
    }
    if (server)
        server_stop(server, (int)config.stop_s * 1000);
    if (server && log) {
        struct server_counts n = server_counts(server);
        fprintf(log, "served connections=%" PRIu64 " questions=%" PRIu64 " entries=%" PRIu64
                " repeated=%" PRIu64 " loads=%" PRIu64 " refused=%" PRIu64 "\n",
                n.connections, n.requests, n.entries, n.repeated, n.loads, n.refused);
    }
    console_close(console);
    jobs_close(jobs, clock_now_s());
    figures_close(metrics);
    server_destroy(server);
    books_close(books);
    home_finish(&home);
    if (e)
        fprintf(stderr, "patron-office: %s\n", why.text);
    return e ? EXIT_FAILURE : EXIT_SUCCESS;
}
