/* main.c - patron-terminal: joins the parts of a till, and reads the command line.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/tr.h"
#include "hw/clock.h"
#include "hw/machine.h"
#include "hw/service.h"
#include "terminal/commands.h"
#include "terminal/config.h"
#include "terminal/devices.h"
#include "terminal/display/display.h"
#include "terminal/enrol.h"
#include "terminal/limits.h"
#include "terminal/log.h"
#include "terminal/loop.h"
#include "terminal/metrics.h"
#include "terminal/nexo/nexo_door.h"
#include "terminal/passes.h"
#include "terminal/plain/plain.h"
#include "terminal/plain/registers.h"
#include "terminal/screen/screen_tty.h"
#include "terminal/selftest.h"

#include <errno.h>
#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, TURN_MS = 60000 };

/* What belongs to one command, not to a till. */
struct options {
    const char *code;
    bool devices, selftest, help;
    struct config config;
};

static const char usage[] =
    "usage: patron-terminal [--config FILE] [OPTION]...\n"
    "       patron-terminal enrol --home DIR --office HOST:PORT --code CODE\n"
    "       patron-terminal register add|remove NAME --home DIR | register list --home DIR\n"
    "       patron-terminal --devices [--reader CONNSTRING]\n"
    "       patron-terminal --self-test --config FILE\n"
    "\n"
    "A till for loyalty points.  It sells with the line to head office cut, and sends what it owes "
    "later.\n"
    "\n"
    "  --config FILE            read the keys below from this file; options come on top\n"
    "  --devices                show which card readers and receipt printers are there\n"
    "  --self-test              say of each part whether it is fit, and end: 1 when one is broken\n"
    "  --code CODE              enrol: the one-time code that head office printed\n"
    "                           (patronctl till add)\n"
    "  register add NAME        a cash register for the HTTP door: shows its token, once\n"
    "\n"
    "Options, and section.key of the file:\n";

static const char commands_head[] = "\nCommands, at the prompt and on the socket:\n";

static const char exits[] =
    "\nExit codes: 0 ended as asked, 1 something failed (the reason is on stderr), "
    "2 wrong usage.\n";

static int say_usage(const char *problem)
{
    fprintf(stderr, "patron-terminal: %s; patron-terminal --help explains\n", problem);
    return EXIT_USAGE;
}

/* Where stderr goes to a log, whoever stands before the till is told too. */
static int say_failure(const struct errmsg *why)
{
    fprintf(stderr, "patron-terminal: %s\n", why->text);
    if (isatty(STDOUT_FILENO) && !isatty(STDERR_FILENO))
        printf("patron-terminal: %s\n", why->text);
    return EXIT_FAILED;
}

/* ---- enrol ---- */

static int do_enrol(const struct options *o)
{
    struct errmsg why = {""};
    uint32_t terminal = 0;
    const struct config *c = &o->config;
    if (!c->home[0] || !c->office[0] || !o->code)
        return say_usage("enrol needs --home, --office and --code");
    if (enrol(&terminal, c->home, c->office, o->code, &why))
        return say_failure(&why);
    printf("till %u is enrolled in %s\n", terminal, c->home);
    return EXIT_OK;
}

/* ---- register ---- */

static int do_register(const char *verb, const char *name, const struct config *c)
{
    struct errmsg why = {""};
    char token[REGISTER_TOKEN_SIZE];
    struct registers all;
    enum err e = OK;
    if (!c->home[0])
        return say_usage("register needs --home");
    if (access(c->home, F_OK)) {
        (void)err_set(&why, ERR_NOT_FOUND, "%s: %s", c->home, strerror(errno));
        return say_failure(&why);
    }
    if (strcmp(verb, "add") == 0 && name) {
        e = registers_add(token, c->home, name, &why);
        if (!e)
            printf("%s\n", token);
        bytes_wipe(token, sizeof token);
    } else if (strcmp(verb, "remove") == 0 && name) {
        e = registers_remove(c->home, name, &why);
    } else if (strcmp(verb, "list") == 0 && !name) {
        e = registers_load(&all, c->home, &why);
        for (int i = 0; !e && i < all.count; i++)
            printf("%s\n", all.held[i].name);
    } else {
        return say_usage("register add NAME, register remove NAME, or register list");
    }
    return e ? say_failure(&why) : EXIT_OK;
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

static enum err open_reader(struct reader **out, const struct config *c, struct errmsg *why)
{
    *out = NULL;
    if (strcmp(c->reader, "none") == 0)
        return OK;
    return reader_nfc_open(out, c->reader, why);
}

static enum err open_log(const struct config *c, const struct identity *id, struct errmsg *why)
{
    bool to_stderr = strcmp(c->log, "-") == 0;
    FILE *f = to_stderr ? stderr : c->log[0] ? fopen(c->log, "ae") : NULL;
    if (c->log[0] && !f)
        return err_set(why, ERR_IO, "[log] file: %s: %s", c->log, strerror(errno));
    log_to(f, id->terminal);
    log_event("start", "pid=%d", (int)getpid());
    return OK;
}

static enum err open_journal(struct journal **out, const struct config *c,
                             const struct identity *id, struct errmsg *why)
{
    char path[IDENTITY_PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/till.db", c->home);
    if (n < 0 || (size_t)n >= sizeof path)
        return err_set(why, ERR_RANGE, "the path %s is too long", c->home);
    enum err e = journal_open(out, path, id->terminal, why);
    if (e != ERR_CORRUPT && e != ERR_FORMAT)
        return e;
    (void)err_add(why, e, "keep the folder %s, call head office, and enrol a new till in an empty one", c->home);
    if (!*out)
        return e;
    (void)say_failure(why);
    return OK; /* what is sound is still sent */
}

/* All that runs in one till. */
struct running {
    struct aes_key sun_meta;
    struct kind_keys kinds;
    struct passes passes;
    struct till_parts parts;
    struct till *till;
    struct metrics *metrics;
    struct display *display;
    struct screen_tty *screen;
    struct nexo_door *nexo;
    struct plain *plain;
    struct selftest_start selftest;
    bool devices_open; /* all but the journal */
};

static enum err open_devices(struct running *r, const struct config *c, const struct identity *id,
                             struct errmsg *why)
{
    memcpy(r->sun_meta.b, id->sun_meta_key, sizeof r->sun_meta.b);
    r->kinds = (struct kind_keys){
        .sun_meta = &r->sun_meta, .tags = c->tags, .uids = c->uids, .short_uids = c->short_uids};
    enum err e = open_log(c, id, why);
    if (!e && c->passes[0]) {
        e = passes_read(&r->passes, c->passes, why);
        passes_use(&r->kinds, &r->passes);
    }
    if (!e)
        e = open_reader(&r->parts.reader, c, why);
    r->devices_open = !e;
    if (!e) /* after the reader's process was made: it shares nothing with it */
        e = open_journal(&r->parts.journal, c, id, why);
    return e;
}

/* ---- what a cash register may use of this till, by nexo ---- */

static bool show_member(void *arg, const char *const *lines, int count)
{
    return display_show(((struct running *)arg)->display, lines, count);
}

static bool show_cashier(void *arg, const char *const *lines, int count)
{
    for (int i = 0; i < count; i++)
        till_say(((struct running *)arg)->till, lines[i]);
    return true;
}

static void confirmed(void *arg, bool yes, const char *pin)
{
    (void)pin;
    nexo_confirmed(nexo_door_services(((struct running *)arg)->nexo), yes);
}

static bool confirm(void *arg, const char *const *lines, int count)
{
    return display_ask(((struct running *)arg)->display, DISPLAY_ASK_YES, lines, count, confirmed, arg);
}

static void unconfirm(void *arg)
{
    display_unask(((struct running *)arg)->display);
}

static bool print_text(void *arg, const char *const *lines, int count)
{
    return till_print(((struct running *)arg)->till, lines, count);
}

static struct nexo_devices nexo_devices(struct running *r, const struct config *c)
{
    bool display = c->display[0], printer = c->printer[0];
    return (struct nexo_devices){.arg = r,
                                 .show = display ? show_member : NULL,
                                 .show_cashier = show_cashier,
                                 .confirm = display ? confirm : NULL,
                                 .unconfirm = display ? unconfirm : NULL,
                                 .print = printer ? print_text : NULL};
}

static enum err open_nexo(struct running *r, const struct config *c, struct errmsg *why)
{
    struct nexo_keys keys = {0};
    struct nexo_config config = {.wait_ms = c->nexo_wait_s * 1000,
                                 .login = c->nexo_login,
                                 .brand = c->nexo_brand[0] ? c->nexo_brand : NULL,
                                 .poi_id = c->nexo_poi[0] ? c->nexo_poi : NULL,
                                 .devices = nexo_devices(r, c)};
    struct http_config http = {
        .listen = c->nexo, .certificate = c->nexo_certificate, .key = c->nexo_key};
    enum err e = nexo_keys_load(&keys, c->nexo_keys, why);
    if (!e)
        e = nexo_door_open(&r->nexo, r->till, &config, &keys, &http, why);
    nexo_keys_finish(&keys);
    return e;
}

static enum err open_plain(struct running *r, const struct config *c, struct errmsg *why)
{
    struct http_config http = {.listen = c->http,
                               .certificate = c->http_certificate[0] ? c->http_certificate : NULL,
                               .key = c->http_key[0] ? c->http_key : NULL,
                               .only_here = !c->http_anywhere};
    enum err e = plain_open(&r->plain, r->till, c->home, &http, why);
    if (e == ERR_REFUSED && http.only_here)
        return err_add(why, e, "[http] certificate, key and anywhere = yes switch it on");
    if (e)
        return err_add(why, e, "the HTTP door is not opened");
    log_event("http", "listen=\"%s\"", plain_address(r->plain));
    return OK;
}

/* Says which setting it was. */
static enum err of(const char *setting, enum err e, struct errmsg *why)
{
    return e ? err_add(why, e, "see %s", setting) : OK;
}

/* Those who may ask. */
static enum err open_doors(struct running *r, const struct config *c, struct errmsg *why)
{
    enum err e = OK;
    if (!e && c->metrics[0])
        e = of("[metrics] socket", metrics_open(&r->metrics, r->till, c->metrics, why), why);
    if (!e && c->prompt)
        e = till_attach(r->till, STDIN_FILENO, STDOUT_FILENO, true, why);
    if (!e && c->screen)
        e = of("[screen] tty", screen_tty_open(&r->screen, r->till, c->tty, why), why);
    if (!e && c->nexo[0])
        e = of("[nexo]", open_nexo(r, c, why), why);
    if (!e && c->display[0])
        e = of("[display] socket", display_open(&r->display, r->till, c->display, why), why);
    if (!e && c->control[0])
        e = of("[register] socket", till_listen(r->till, c->control, why), why);
    if (!e && c->http[0])
        e = open_plain(r, c, why);
    return e;
}

static void close_all(struct running *r)
{
    till_destroy(r->till);
    nexo_door_close(r->nexo);
    screen_tty_close(r->screen);
    plain_close(r->plain);
    metrics_close(r->metrics);
    display_close(r->display);
    journal_close(r->parts.journal);
    if (r->parts.reader)
        r->parts.reader->ops->close(r->parts.reader);
    bytes_wipe(&r->sun_meta, sizeof r->sun_meta);
    passes_finish(&r->passes);
}

/* ERR_STATE: the self-test found a part broken, and has said so. */
static enum err run(const struct options *o, const struct identity *id,
                    const sigset_t *while_waiting, struct errmsg *why)
{
    const struct config *c = &o->config;
    struct running r = {.parts = {.identity = id,
                                  .home = c->home,
                                  .office = c->office[0] ? c->office : NULL,
                                  .printer = c->printer[0] ? c->printer : NULL,
                                  .columns = (int)c->columns,
                                  .drawer = c->drawer,
                                  .while_waiting = while_waiting,
                                  .to_stderr = !c->prompt && !c->screen && !o->selftest}};
    r.parts.kinds = &r.kinds;
    r.parts.country = c->country;
    if (c->screen && !o->selftest)
        screen_tty_keep_clear(c->home);
    enum err e = open_devices(&r, c, id, why);
    if (e && o->selftest && r.devices_open)
        selftest_say_part(stdout, "journal", SELFTEST_BROKEN, why->text);
    if (!e)
        e = till_create(&r.till, &r.parts, why);
    if (!e && o->selftest)
        e = selftest_say(r.till, stdout) ? OK : err_set(why, ERR_STATE, "the self-test found a part broken");
    if (!e && !o->selftest) {
        e = open_doors(&r, c, why);
        if (!e)
            selftest_at_start(r.till, &r.selftest);
        int turn_ms = service_alive_ms() < TURN_MS ? service_alive_ms() : TURN_MS;
        if (!e)
            service_ready();
        while (!e && !asked_to_end && till_turn(r.till, turn_ms))
            service_alive();
        log_event("end", "failed=%s", e ? "yes" : "no");
    }
    close_all(&r);
    return e;
}

static enum err enough_descriptors(struct errmsg *why)
{
    int has = machine_descriptors(TILL_DESCRIPTORS);
    if (has < TILL_DESCRIPTORS)
        return err_set(why, ERR_FULL, "a till needs %d file descriptors and may have %d: raise the limit (ulimit -n %d, or "
                       "LimitNOFILE=%d of its service)", TILL_DESCRIPTORS, has, TILL_DESCRIPTORS, TILL_DESCRIPTORS);
    return OK;
}

static int do_run(const struct options *o)
{
    const struct config *c = &o->config;
    struct errmsg why = {""};
    struct identity id;
    sigset_t while_waiting;
    int lock_fd = -1;
    if (o->code)
        return say_usage("--code belongs to enrol");
    if (!o->selftest && config_check(c, &why))
        return say_usage(why.text);
    if (!c->home[0])
        return say_usage("--home is missing");
    set_signals(&while_waiting);
    (void)tr_use(c->language);
    enum err e = enough_descriptors(&why);
    if (!e && (access(c->home, F_OK) == 0 || errno != ENOENT)) {
        e = identity_lock(&lock_fd, c->home, &why);
        if (e == ERR_IO && o->selftest)
            selftest_say_part(stdout, "disk", SELFTEST_BROKEN, why.text);
    }
    enum err known = e ? OK : identity_load(&id, c->home, &why);
    if (o->selftest && (!setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8") != 0))
        (void)setlocale(LC_CTYPE, "C.UTF-8"); /* how wide Chinese is */
    if (known && o->selftest)
        selftest_say_part(stdout, "keys", SELFTEST_BROKEN, why.text);
    e = e ? e : known;
    if (!e) {
        e = run(o, &id, &while_waiting, &why);
        identity_finish(&id);
    }
    if (lock_fd >= 0)
        close(lock_fd);
    return e ? say_failure(&why) : EXIT_OK;
}

/* ---- the command line ---- */

enum { OPTIONS_MAX = 40, OPTION_FILE = 1000, OPTION_CODE, OPTION_DEVICES, OPTION_SELFTEST, OPTION_HELP };

/* One walk over the options: the file is read in the first, what comes on top of it is set in the
 * second, so that their order does not matter.  False: said what is wrong. */
static bool walk_options(struct options *o, int argc, char **argv, const struct option *longs,
                         bool second)
{
    struct errmsg why = {""};
    bool takes_value;
    for (int c; (c = getopt_long(argc, argv, "h", longs, NULL)) != -1;) {
        enum err e = OK;
        if (c == '?') {
            e = err_set(&why, ERR_FORMAT, "%s is no option here, or lacks its value", argv[optind - 1]);
        } else if (c == OPTION_CODE) {
            o->code = optarg;
        } else if (c == OPTION_DEVICES) {
            o->devices = true;
        } else if (c == OPTION_SELFTEST) {
            o->selftest = true;
        } else if (c == OPTION_HELP || c == 'h') {
            o->help = true;
        } else if (c == OPTION_FILE) {
            e = second ? OK : config_read(&o->config, optarg, &why);
        } else if (second) {
            e = config_option(&o->config, config_option_name(c, &takes_value), optarg, &why);
        }
        if (e) {
            (void)say_usage(why.text);
            return false;
        }
    }
    if (optind >= argc)
        return true;
    (void)err_set(&why, ERR_FORMAT, "\"%s\" is a word too many", argv[optind]);
    (void)say_usage(why.text);
    return false;
}

static bool read_options(struct options *o, int argc, char **argv)
{
    struct option longs[OPTIONS_MAX + 6] = {{"config", required_argument, NULL, OPTION_FILE},
                                            {"code", required_argument, NULL, OPTION_CODE},
                                            {"devices", no_argument, NULL, OPTION_DEVICES},
                                            {"self-test", no_argument, NULL, OPTION_SELFTEST},
                                            {"help", no_argument, NULL, OPTION_HELP}};
    int first = optind;
    bool takes_value;
    const char *name;
    for (int i = 0; i < OPTIONS_MAX && (name = config_option_name(i, &takes_value)); i++)
        longs[5 + i] =
            (struct option){name, takes_value ? required_argument : no_argument, NULL, i};
    if (!walk_options(o, argc, argv, longs, false))
        return false;
    optind = first;
    return walk_options(o, argc, argv, longs, true);
}

int main(int argc, char **argv)
{
    struct options o = {0};
    struct errmsg why = {""};
    bool enrols = argc > 1 && strcmp(argv[1], "enrol") == 0;
    bool registers = argc > 2 && strcmp(argv[1], "register") == 0;
    const char *name = registers && argc > 3 && argv[3][0] != '-' ? argv[3] : NULL;
    optind = enrols ? 2 : registers ? name ? 4 : 3 : 1;
    opterr = 0;
    config_init(&o.config);
    if (!read_options(&o, argc, argv))
        return EXIT_USAGE;
    if (o.help) {
        fputs(usage, stdout);
        config_help(stdout);
        printf("%s%s%s", commands_head, commands_help, exits);
        return EXIT_OK;
    }
    if (o.devices) {
        devices_say(stdout, o.config.reader[0] ? o.config.reader : NULL);
        return EXIT_OK;
    }
    clock_use(o.config.clock[0] ? o.config.clock : NULL);
    if (mbed_init(&why))
        return say_failure(&why);
    if (registers)
        return do_register(argv[2], name, &o.config);
    return enrols ? do_enrol(&o) : do_run(&o);
}
