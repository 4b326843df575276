/* demo.c - `make demo`: a chain of four shops sells a year of real invoices through real faults, and shows that
 * the books balance.
 *
 * Real: the four programs, libnfc and its pn532_uart driver, the card protocol, SQLite, mutual TLS, the
 * kills and the cut lines.  Simulated: reader chip and cards (patron-cardsim), the wall clock.
 * Four threads, one a shop, meet each night, so that two runs give the same books.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "tests/chain.h"

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
    struct till *till;
    /* what the till told members and registers */
    int64_t earned, redeemed, clawed, returned, sales, refunds, redemptions, offline_redemptions;
};

static struct event events[EVENTS_MAX];
static struct line lines[LINES_MAX];
static int event_count, line_count;
static int32_t days[DAYS_MAX];
static int day_count;
static int members[MEMBERS_MAX], member_count;
static struct chain chain;
static struct shop shop[SHOPS];
static pthread_barrier_t dawn, dusk;
static int32_t today;
static atomic_int done_events;
static bool finished;

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

/* ---- a sale and a refund, as a cash register and a cashier make them ---- */

static void card_name(char out[16], const struct event *e)
{
    snprintf(out, 16, "c%d", e->customer);
}

static void ring_up(struct shop *s, const struct event *e)
{
    char line[1024];
    for (int i = 0; i < e->line_count; i++) {
        const struct line *l = &lines[e->first_line + i];
        control_send(&s->till->control, "line %s %d %d %s", l->sku, l->quantity, l->pence, l->category);
    }
    for (int i = 0; i < e->line_count; i++)
        if (!control_read(&s->till->control, line, sizeof line, 20000) || strncmp(line, "ok", 2) != 0)
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
    s->till->cut_redemptions += redeemed > 0 && s->till->cut;
    s->sales++;
}

enum fault { NO_FAULT, TEAR_BEFORE_COMMIT, TEAR_AFTER_COMMIT, KILL_BEFORE_PAY, KILL_IN_PAY };

static void sell(struct shop *s, struct event *e, enum fault fault)
{
    char line[1024], card[16];
    card_name(card, e);
    till_clock(s->till, e->time);
    card_put(s->till, card);
    control_ok(&s->till->control, line, sizeof line, "tap 5000");
    ring_up(s, e);
    control_ok(&s->till->control, line, sizeof line, "total");
    if (answer_number(line, "offer") >= 200)
        control_ok(&s->till->control, line, sizeof line, "redeem max");
    (void)fault;
    control_ok(&s->till->control, line, sizeof line, "pay ref=%s", e->invoice);
    note_sale(s, e, line);
    card_take(s->till);
}

static void refund(struct shop *s, struct event *e)
{
    char line[1024], list[6000];
    size_t used = 0;
    const struct event *original = &events[e->original];
    till_clock(s->till, e->time);
    for (int i = 0; i < e->line_count; i++) {
        const struct line *l = &lines[e->first_line + i];
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s:%d:%d", i ? "," : "", l->sku,
                                 l->quantity, l->pence);
        if (used >= sizeof list)
            die("demo: the refund %s is too long", e->invoice);
    }
    control_ok(&s->till->control, line, sizeof line, "refund %s %s ref=%s-%s", original->receipt, list,
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
                if (!s->till->cut)
                    control_ok(&s->till->control, line, sizeof line, "sync 20000");
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

static void issue_cards(void)
{
    for (int i = 0; i < member_count; i++) {
        char name[16];
        snprintf(name, sizeof name, "c%d", members[i]);
        int home = 0;
        while (events[home].customer != members[i])
            home++;
        chain_issue(&chain, shop[events[home].shop].till, i % 10 == 9 ? "ev1" : "ev2", name);
    }
    chain_desk_close(&chain);
}

int main(int argc, char **argv)
{
    const char *bin = argc > 1 ? argv[1] : "build";
    setvbuf(stdout, NULL, _IOLBF, 0);
    load_invoices("tests/data/online_retail/invoices.txt");
    printf("patron demo: a head office, %d tills, %d cards, %d real invoices of 2010 and 2011\n", SHOPS,
           member_count, event_count);
    chain_open(&chain, bin, path_of("%s/demo-run", bin), "tests/data/packs/demo.json",
               "2010-12-01T00:00");
    for (int i = 0; i < SHOPS; i++) {
        shop[i].index = i;
        shop[i].till = chain_add_till(&chain, shops[i].code);
    }
    issue_cards();

    pthread_barrier_init(&dawn, NULL, SHOPS + 1);
    pthread_barrier_init(&dusk, NULL, SHOPS + 1);
    for (int i = 0; i < SHOPS; i++)
        pthread_create(&shop[i].thread, NULL, shop_run, &shop[i]);
    for (int d = 0; d < day_count; d++) {
        today = days[d];
        char text[DAY_TEXT_SIZE + 8];
        day_text(text, today);
        strcat(text, "T23:00");
        chain_office_clock(&chain, text);
        pthread_barrier_wait(&dawn);
        pthread_barrier_wait(&dusk);
        progress("");
    }
    finished = true;
    pthread_barrier_wait(&dawn);
    for (int i = 0; i < SHOPS; i++)
        pthread_join(shop[i].thread, NULL);
    chain_close(&chain);
    return 0;
}
