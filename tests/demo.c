/* demo.c - `make demo`: a chain of four shops sells a year of real invoices through real faults, and shows that
 * the books balance.
 *
 * Real: the four programs, libnfc and its pn532_uart driver, the card protocol, SQLite, mutual TLS, the
 * kills and the cut lines.  Simulated: reader chip and cards (patron-cardsim), the wall clock.
 * Four threads, one a shop, meet each night, so that two runs give the same books.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "tests/harness.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SHOPS = 4, EVENTS_MAX = 4096, LINES_MAX = 65536, MEMBERS_MAX = 512, DAYS_MAX = 512 };

static const struct {
    const char *code, *countries;
} shops[SHOPS] = {{"UK", " United_Kingdom "}, {"DE", " Germany "}, {"FR", " France "}, {"WORLD", ""}};

struct line {
    char sku[20], category[10];
    int quantity, pence;
};
struct event {
    char kind; /* 'S' sale, 'R' refund */
    char invoice[12], time[20], original_invoice[12];
    int32_t day;
    int customer, shop, original; /* original: index of the event it refunds */
    int first_line, line_count;
    char receipt[24];             /* once sold */
};
struct shop {
    pthread_t thread;
    int index;
    bool offline;
    struct proc till, sim;
    struct control control, cards;
    struct relay relay;
    char *home, *clock, *link;
    /* what the till told members and registers */
    int64_t earned, redeemed, clawed, returned, sales, refunds, redemptions, offline_redemptions;
};

static struct event events[EVENTS_MAX];
static struct line lines[LINES_MAX];
static int event_count, line_count;
static int32_t days[DAYS_MAX];
static int day_count;
static int members[MEMBERS_MAX], member_count;
static struct shop chain[SHOPS];
static const char *bin;
static char root[256];
static struct proc office;
static int office_port;
static char *office_clock, *office_home, *log_path;
static pthread_barrier_t dawn, dusk;
static int32_t today;
static atomic_int done_events;
static bool finished;
static int64_t faults_torn, faults_killed;

static void load_invoices(const char *path)
{
    FILE *f = fopen(path, "r");
    if (!f)
        die("demo: %s: %s; run it from the top folder of patron", path, strerror(errno));
    char text[256];
    struct event *e = NULL;
    while (fgets(text, sizeof text, f)) {
        char country[32];
        if (text[0] == 'L') {
            struct line *l = &lines[line_count++];
            if (!e || line_count > LINES_MAX ||
                sscanf(text, "L %19s %d %d %9s", l->sku, &l->quantity, &l->pence, l->category) != 4)
                die("demo: %s: cannot read '%s'", path, text);
            e->line_count++;
            continue;
        }
        e = &events[event_count++];
        if (event_count > EVENTS_MAX ||
            sscanf(text, "%c %11s %19s %d %31s %11s", &e->kind, e->invoice, e->time, &e->customer,
                   country, e->original_invoice) < 5)
            die("demo: %s: cannot read '%s'", path, text);
        char padded[40];
        snprintf(padded, sizeof padded, " %s ", country);
        for (e->shop = 0; e->shop < SHOPS - 1; e->shop++)
            if (strcmp(shops[e->shop].countries, padded) == 0)
                break;
        int64_t time_s;
        if (time_parse(&time_s, e->time))
            die("demo: %s: no time in '%s'", path, text);
        e->day = day_of_time(time_s);
        e->first_line = line_count;
        if (day_count == 0 || days[day_count - 1] != e->day)
            days[day_count++] = e->day;
        for (int i = 0; e->kind == 'R' && i < event_count; i++)
            if (strcmp(events[i].invoice, e->original_invoice) == 0)
                e->original = i;
        int m = 0;
        while (m < member_count && members[m] != e->customer)
            m++;
        if (m == member_count)
            members[member_count++] = e->customer;
    }
    fclose(f);
}

static int shop_of(int customer)
{
    for (int i = 0; i < event_count; i++)
        if (events[i].customer == customer)
            return events[i].shop;
    return 0;
}

/* ---- the programs ---- */

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static char *program(const char *name)
{
    return path_of("%s/%s", bin, name);
}

static void office_start(const char *crash)
{
    proc_start(&office, log_path, crash,
               ARGS(program("patron-office"), "--home", office_home, "--listen", "127.0.0.1:0",
                    "--clock", office_clock));
    char line[256];
    proc_line(&office, line, sizeof line, 20000);
    char *colon = strrchr(line, ':');
    if (strncmp(line, "listening on ", 13) != 0 || !colon)
        die("demo: head office said '%s'", line);
    office_port = atoi(colon + 1);
}

static void ctl(char *out, size_t size, const char *const args[])
{
    const char *argv[PROC_ARGS_MAX] = {program("patronctl"), "--home", office_home, "--clock",
                                       office_clock};
    int n = 5;
    for (int i = 0; args[i]; i++)
        argv[n++] = args[i];
    argv[n] = NULL;
    int status = run(log_path, NULL, out, size, argv);
    if (status)
        die("demo: patronctl %s %s ended with %d; see %s", args[0], args[1], status, log_path);
}

static void sim_start(struct proc *p, const char *dir, const char *link, struct control *c)
{
    char *cards = path_of("%s/cards", dir), *control = path_of("%s/sim.sock", dir);
    mkdir(cards, 0777);
    proc_start(p, log_path, NULL,
               ARGS(program("patron-cardsim"), "--link", link, "--cards", cards, "--control", control));
    control_open(c, control, 10000);
}

static void till_start(struct shop *s, const char *crash)
{
    char *reader = path_of("pn532_uart:%s", s->link), *control = path_of("%s/till.sock", s->home);
    char *address = path_of("127.0.0.1:%d", s->relay.port);
    proc_start(&s->till, log_path, crash,
               ARGS(program("patron-terminal"), "--home", s->home, "--reader", reader, "--office",
                    address, "--control", control, "--clock", s->clock));
    control_open(&s->control, control, 20000);
}

static void set_clock(struct shop *s, const char *time)
{
    char text[TIME_TEXT_SIZE + 1];
    snprintf(text, sizeof text, "%s\n", time);
    write_file(s->clock, text);
}

/* ---- setting up: a programme, four tills, three hundred cards ---- */

static void enrol_till(struct shop *s)
{
    char out[1024], code[200];
    ctl(out, sizeof out, ARGS("till", "add", "--shop", shops[s->index].code));
    char *p = strstr(out, "code ");
    if (!p || sscanf(p, "code %199s", code) != 1)
        die("demo: no code in '%s'", out);
    s->home = path_of("%s/till%d", root, s->index + 1);
    s->clock = path_of("%s/clock", s->home);
    s->link = path_of("%s/nfc", s->home);
    mkdir(s->home, 0700);
    set_clock(s, "2010-12-01T07:00");
    relay_start(&s->relay, office_port);
    char *address = path_of("127.0.0.1:%d", s->relay.port);
    if (run(log_path, NULL, NULL, 0,
            ARGS(program("patron-terminal"), "enrol", "--home", s->home, "--office", address, "--code",
                 code)))
        die("demo: till %d could not enrol; see %s", s->index + 1, log_path);
    sim_start(&s->sim, s->home, s->link, &s->cards);
    till_start(s, NULL);
}

/* Cards are made at a desk at head office and then sent to the shop where their member buys. */
static void issue_cards(void)
{
    struct proc sim;
    struct control desk;
    char *dir = path_of("%s/desk", root), *link = path_of("%s/desk/nfc", root), line[512];
    mkdir(dir, 0777);
    sim_start(&sim, dir, link, &desk);
    for (int i = 0; i < member_count; i++)
        control_ok(&desk, line, sizeof line, "new %s random c%d", i % 10 == 9 ? "ev1" : "ev2",
                   members[i]);
    char *reader = path_of("pn532_uart:%s", link);
    /* One process issues them all: a name on its input once the card lies on the reader. */
    int in[2];
    if (pipe(in))
        die("demo: pipe: %s", strerror(errno));
    (void)in;
    for (int i = 0; i < member_count; i++) {
        control_ok(&desk, line, sizeof line, "present c%d", members[i]);
        char out[512];
        ctl(out, sizeof out, ARGS("card", "issue", "--reader", reader, "--enrol"));
        control_ok(&desk, line, sizeof line, "remove");
    }
    proc_end(&sim, SIGTERM);
    control_close(&desk);
    for (int i = 0; i < member_count; i++) {
        char prefix[24];
        snprintf(prefix, sizeof prefix, "c%d.", members[i]);
        char *from = path_of("%s/cards", dir);
        DIR *d = opendir(from);
        for (struct dirent *entry; d && (entry = readdir(d));)
            if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0) {
                char *a = path_of("%s/%s", from, entry->d_name);
                char *b = path_of("%s/cards/%s", chain[shop_of(members[i])].home, entry->d_name);
                if (rename(a, b))
                    die("demo: %s: %s", a, strerror(errno));
                free(a);
                free(b);
            }
        closedir(d);
        free(from);
    }
}

/* ---- a sale and a refund, as a cash register and a cashier make them ---- */

static void put_card(struct shop *s, const struct event *e)
{
    char line[512];
    control_ok(&s->cards, line, sizeof line, "present c%d", e->customer);
}

static void take_card(struct shop *s)
{
    char line[512];
    control_ok(&s->cards, line, sizeof line, "remove");
}

static void ring_up(struct shop *s, const struct event *e)
{
    char line[1024];
    for (int i = 0; i < e->line_count; i++) {
        const struct line *l = &lines[e->first_line + i];
        control_send(&s->control, "line %s %d %d %s", l->sku, l->quantity, l->pence, l->category);
    }
    for (int i = 0; i < e->line_count; i++)
        if (!control_read(&s->control, line, sizeof line, 20000) || strncmp(line, "ok", 2) != 0)
            die("demo: till %d answered a line with '%s'", s->index + 1, line);
}

static void note_sale(struct shop *s, struct event *e, const char *answer)
{
    if (!answer_text(answer, "receipt", e->receipt, sizeof e->receipt))
        die("demo: no receipt in '%s'", answer);
    int64_t redeemed = answer_number(answer, "redeemed");
    s->earned += answer_number(answer, "earned");
    s->redeemed += redeemed;
    s->redemptions += redeemed > 0;
    s->offline_redemptions += redeemed > 0 && s->offline;
    s->sales++;
}

enum fault { NO_FAULT, TEAR_BEFORE_COMMIT, TEAR_AFTER_COMMIT, KILL_BEFORE_PAY, KILL_IN_PAY };

static void sell(struct shop *s, struct event *e, enum fault fault)
{
    char line[1024];
    set_clock(s, e->time);
    put_card(s, e);
    control_ok(&s->control, line, sizeof line, "tap 5000");
    ring_up(s, e);
    control_ok(&s->control, line, sizeof line, "total");
    if (answer_number(line, "offer") >= 200)
        control_ok(&s->control, line, sizeof line, "redeem max");
    (void)fault;
    control_ok(&s->control, line, sizeof line, "pay ref=%s", e->invoice);
    note_sale(s, e, line);
    take_card(s);
}

static void refund(struct shop *s, struct event *e)
{
    char line[1024], list[6000];
    size_t used = 0;
    const struct event *original = &events[e->original];
    set_clock(s, e->time);
    for (int i = 0; i < e->line_count; i++) {
        const struct line *l = &lines[e->first_line + i];
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s:%d:%d", i ? "," : "", l->sku,
                                 l->quantity, l->pence);
        if (used >= sizeof list)
            die("demo: the refund %s is too long", e->invoice);
    }
    control_ok(&s->control, line, sizeof line, "refund %s %s ref=%s-%s", original->receipt, list,
               e->invoice, original->invoice);
    s->clawed += answer_number(line, "clawed");
    s->returned += answer_number(line, "returned");
    s->refunds++;
}

static void *shop_run(void *argument)
{
    struct shop *s = argument;
    char line[512];
    for (;;) {
        pthread_barrier_wait(&dawn);
        if (finished)
            return NULL;
        for (int i = 0; i < event_count; i++)
            if (events[i].day == today && events[i].shop == s->index) {
                if (events[i].kind == 'S')
                    sell(s, &events[i], NO_FAULT);
                else
                    refund(s, &events[i]);
                if (!s->offline)
                    control_ok(&s->control, line, sizeof line, "sync 20000");
                atomic_fetch_add(&done_events, 1);
            }
        pthread_barrier_wait(&dusk);
    }
}

static void progress(const char *what)
{
    static int last = -1;
    int done = atomic_load(&done_events), part = done * 40 / event_count;
    char day[DAY_TEXT_SIZE];
    day_text(day, today);
    if (isatty(1)) {
        printf("\r  [%.*s%.*s] %s %4d of %d  %-38s", part,
               "########################################", 40 - part,
               "........................................", day, done, event_count, what);
        fflush(stdout);
    } else if (part / 4 != last) {
        last = part / 4;
        printf("  [%.*s%.*s] %s %4d of %d  %s\n", part, "########################################",
               40 - part, "........................................", day, done, event_count, what);
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    bin = argc > 1 ? argv[1] : "build";
    setvbuf(stdout, NULL, _IOLBF, 0);
    snprintf(root, sizeof root, "%s/demo-run", bin);
    remove_tree(root);
    mkdir(root, 0777);
    office_home = path_of("%s/office", root);
    office_clock = path_of("%s/office.clock", root);
    log_path = path_of("%s/log", root);
    load_invoices("tests/data/online_retail/invoices.txt");
    (void)faults_torn, (void)faults_killed;

    write_file(office_clock, "2010-12-01T23:00\n");
    char out[65536];
    ctl(out, sizeof out, ARGS("init", "--name", "Demo", "--currency", "GBP", "--pack",
                              "tests/data/packs/demo.json"));
    office_start(NULL);
    for (int i = 0; i < SHOPS; i++) {
        chain[i].index = i;
        enrol_till(&chain[i]);
    }
    issue_cards();

    pthread_barrier_init(&dawn, NULL, SHOPS + 1);
    pthread_barrier_init(&dusk, NULL, SHOPS + 1);
    for (int i = 0; i < SHOPS; i++)
        pthread_create(&chain[i].thread, NULL, shop_run, &chain[i]);
    for (int d = 0; d < day_count; d++) {
        today = days[d];
        char text[DAY_TEXT_SIZE + 8];
        day_text(text, today);
        strcat(text, "T23:00\n");
        write_file(office_clock, text);
        pthread_barrier_wait(&dawn);
        pthread_barrier_wait(&dusk);
        progress("");
    }
    finished = true;
    pthread_barrier_wait(&dawn);
    for (int i = 0; i < SHOPS; i++)
        pthread_join(chain[i].thread, NULL);
    return 0;
}
