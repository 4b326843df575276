/* demo.c - `make demo`: a chain of four shops sells a year of real invoices through real faults, and shows that
 * the books balance.
 *
 * Real: the four programs, libnfc and its pn532_uart driver, the card protocol, SQLite, mutual TLS, the
 * kills and the cut lines.  Simulated: reader chip and cards (patron-cardsim), the wall clock.
 * Four threads, one a shop, meet each night, so that two runs give the same books.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "tests/chain.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
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
    s->offline_redemptions += redeemed > 0 && s->till->cut;
    s->sales++;
}

/* ---- faults: each strikes the first sale of its shop, from its day on, in which points are redeemed ---- */

enum fault_kind {
    TEAR_BEFORE_COMMIT, /* the card is pulled before it acted; tapped again */
    TEAR_AFTER_COMMIT,  /* it acted, the answer was lost; tapped again */
    WALK_AWAY,          /* the same, and the member leaves: in doubt until the card is seen again */
    KILL_AFTER_DEBIT,   /* kill -9 of the till between the card's debit and the payment */
    KILL_IN_PAY,        /* kill -9 while the payment is asked for, its answer unread */
};
static struct fault {
    const char *from;
    int shop;
    enum fault_kind kind;
    bool done, told;
    char text[160]; /* what happened, once it did */
} faults[] = {
    {"2011-04-04", 0, TEAR_BEFORE_COMMIT, false, false, ""},
    {"2011-04-18", 0, TEAR_AFTER_COMMIT, false, false, ""},
    {"2011-05-02", 1, KILL_AFTER_DEBIT, false, false, ""},
    {"2011-05-16", 1, TEAR_AFTER_COMMIT, false, false, ""},
    {"2011-06-06", 2, WALK_AWAY, false, false, ""},
    {"2011-06-06", 3, TEAR_AFTER_COMMIT, false, false, ""},
    {"2011-07-04", 3, KILL_IN_PAY, false, false, ""},
    {"2011-08-01", 0, KILL_AFTER_DEBIT, false, false, ""},
    {"2011-09-05", 1, TEAR_BEFORE_COMMIT, false, false, ""},
    {"2011-10-03", 0, KILL_IN_PAY, false, false, ""},
};
enum { FAULTS = sizeof faults / sizeof *faults };
/* While these tills are cut off, members redeem offline; on the last night head office is killed too. */
static const struct {
    const char *from, *to;
    int shop;
} cuts[] = {{"2011-10-31", "2011-11-15", 3}, {"2011-11-07", "2011-11-15", 0}};
enum { CUTS = sizeof cuts / sizeof *cuts };

static char away_card[16];        /* of the member who walked away */
static int tears, till_kills, office_kills, walked_away;

static struct fault *fault_due(const struct shop *s)
{
    for (int i = 0; i < FAULTS; i++) {
        int32_t from;
        if (day_parse(&from, faults[i].from))
            die("demo: %s is no day", faults[i].from);
        if (!faults[i].done && faults[i].shop == s->index && from <= today)
            return &faults[i];
    }
    return NULL;
}

/* The number of the exchange, counted from `redeem max`, in which the card commits: the debit goes on in
 * the session of the tap, see cardproto/SPEC.md. */
enum { COMMIT_EXCHANGE = 5 };

static void kill_till(struct shop *s)
{
    char line[512];
    control_close(&s->till->control);
    proc_end(&s->till->program, SIGKILL);
    till_start(&chain, s->till, NULL);
    if (!s->till->cut) /* so that the line is up again before anybody taps */
        control_ok(&s->till->control, line, sizeof line, "sync 20000");
    till_kills++;
}

static void ring_up(struct shop *s, const struct event *e);

/* After a restart: whatever the till remembers, the cashier finishes this sale. */
static void finish_after_restart(struct shop *s, struct event *e, char *line, size_t size)
{
    char state[24];
    control_send(&s->till->control, "bill %s", e->invoice);
    if (!control_read(&s->till->control, line, size, 20000))
        die("demo: till %d went away", s->index + 1);
    if (strncmp(line, "ok receipt", 10) == 0)
        return; /* it was on disk: the first answer, given again */
    control_ok(&s->till->control, line, size, "status");
    if (!answer_text(line, "state", state, sizeof state))
        die("demo: no state in '%s'", line);
    if (strcmp(state, "doubt") == 0) {
        control_ok(&s->till->control, line, size, "tap 5000");
    } else if (strcmp(state, "idle") == 0) {
        control_ok(&s->till->control, line, size, "tap 5000");
        ring_up(s, e);
        control_ok(&s->till->control, line, size, "total");
    }
    control_ok(&s->till->control, line, size, "pay ref=%s", e->invoice);
}

/* Redeems and pays with this fault in the middle; line gets the receipt. */
static void strike(struct shop *s, struct event *e, struct fault *f, char *line, size_t size)
{
    struct control *c = &s->till->control;
    char card[16];
    card_name(card, e);
    f->done = true;
    switch (f->kind) {
    case TEAR_BEFORE_COMMIT:
    case TEAR_AFTER_COMMIT:
    case WALK_AWAY:
        control_ok(&s->till->cards, line, size, "tear %s %d",
                   f->kind == TEAR_BEFORE_COMMIT ? "before" : "after", COMMIT_EXCHANGE);
        control_send(c, "redeem max ref=%s", e->invoice);
        if (!control_read(c, line, size, 20000) || strncmp(line, "error DOUBT", 11) != 0)
            die("demo: a torn commit was answered '%s'", line);
        tears++;
        if (f->kind == WALK_AWAY) {
            control_ok(c, line, size, "giveup");
            memcpy(away_card, card, sizeof away_card);
            walked_away++;
        } else {
            card_put(s->till, card);
            control_ok(c, line, size, "tap 5000");
            char state[24];
            if (answer_text(line, "state", state, sizeof state) && strcmp(state, "totalled") == 0)
                control_ok(c, line, size, "redeem max ref=%s", e->invoice);
        }
        control_ok(c, line, size, "pay ref=%s", e->invoice);
        return;
    case KILL_AFTER_DEBIT:
        control_ok(c, line, size, "redeem max ref=%s", e->invoice);
        kill_till(s);
        finish_after_restart(s, e, line, size);
        return;
    case KILL_IN_PAY:
        control_ok(c, line, size, "redeem max ref=%s", e->invoice);
        control_send(c, "pay ref=%s", e->invoice);
        kill_till(s);
        finish_after_restart(s, e, line, size);
        return;
    }
}

/* One member in four spends what is allowed, the others save and spend a fifth of it; while the line is cut
 * all spend what the offline limits allow.  0 = not today. */
static int64_t choose_points(const struct shop *s, const struct event *e, int64_t offer)
{
    bool saves = e->customer / 2 % 4 != 0 && !s->till->cut;
    int64_t points = saves ? offer / 5 / 50 * 50 : offer;
    return points >= 100 ? points : 0;
}

static void sell(struct shop *s, struct event *e)
{
    char line[1024], card[16];
    card_name(card, e);
    till_clock(s->till, e->time);
    card_put(s->till, card);
    control_ok(&s->till->control, line, sizeof line, "tap 5000");
    ring_up(s, e);
    control_ok(&s->till->control, line, sizeof line, "total");
    int64_t points = choose_points(s, e, answer_number(line, "offer"));
    struct fault *fault = points ? fault_due(s) : NULL;
    if (fault) {
        strike(s, e, fault, line, sizeof line);
        static const char *const words[] = {
            [TEAR_BEFORE_COMMIT] = "card pulled before its commit, tapped again",
            [TEAR_AFTER_COMMIT] = "card pulled after its commit, tapped again",
            [WALK_AWAY] = "card pulled after its commit, the member walks away and pays in full",
            [KILL_AFTER_DEBIT] = "till killed (-9) between debit and payment, card tapped again",
            [KILL_IN_PAY] = "till killed (-9) in the payment, the register asks again",
        };
        snprintf(fault->text, sizeof fault->text, "%s till %d: %s: %lld points", e->time, s->index + 1,
                 words[fault->kind], (long long)answer_number(line, "redeemed"));
    } else {
        if (points)
            control_ok(&s->till->control, line, sizeof line, "redeem %lld ref=%s", (long long)points,
                       e->invoice);
        control_ok(&s->till->control, line, sizeof line, "pay ref=%s", e->invoice);
    }
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
                    sell(s, &events[i]);
                else
                    refund(s, &events[i]);
                if (!s->till->cut)
                    control_ok(&s->till->control, line, sizeof line, "sync 20000");
                atomic_fetch_add(&done_events, 1);
            }
        pthread_barrier_wait(&dusk);
    }
}

static void progress(void)
{
    static int last = -1;
    int done = atomic_load(&done_events), part = done * 40 / event_count;
    if (isatty(1))
        printf("\r  [%.*s%.*s] %4d of %d ", part, "########################################", 40 - part,
               "........................................", done, event_count);
    else if (part / 10 != last)
        printf("  [%.*s%.*s] %4d of %d\n", part, "########################################",
               40 - part, "........................................", done, event_count);
    last = part / 10;
    fflush(stdout);
}

static void tell(const char *what)
{
    char day[DAY_TEXT_SIZE];
    day_text(day, today);
    printf("%s  %s %s\n", isatty(1) ? "\r\033[K" : "", day, what);
}

/* In the order of the list, so that every run prints the same. */
static void tell_faults(void)
{
    for (int i = 0; i < FAULTS; i++)
        if (faults[i].text[0] && !faults[i].told) {
            printf("%s  %s\n", isatty(1) ? "\r\033[K" : "", faults[i].text);
            faults[i].told = true;
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

/* ---- nights: lines are cut and restored, head office dies ---- */

static void sync_all(void)
{
    char line[512];
    for (int i = 0; i < SHOPS; i++)
        if (!shop[i].till->cut)
            control_ok(&shop[i].till->control, line, sizeof line, "sync 30000");
}

/* Two tills have weeks of entries to send.  Head office is told to die at its n-th write point, so it does
 * so in the middle of a batch; then it comes back and is sent the rest, and what it had taken, again. */
static void kill_office_in_sync(void)
{
    char line[512];
    proc_end(&chain.office, SIGKILL);
    chain_office_start(&chain, "PATRON_CRASH=4");
    for (int i = 0; i < CUTS; i++)
        till_restore(shop[cuts[i].shop].till);
    for (int i = 0; i < CUTS; i++)
        control_send(&shop[cuts[i].shop].till->control, "sync 60000");
    int status = proc_wait(&chain.office, 20000);
    if (!WIFSIGNALED(status))
        die("demo: head office did not die as told, status %d", status);
    office_kills += 2;
    chain_office_start(&chain, NULL);
    for (int i = 0; i < CUTS; i++)
        if (!control_read(&shop[cuts[i].shop].till->control, line, sizeof line, 70000) ||
            strncmp(line, "ok", 2) != 0)
            die("demo: after the line came back till %d said '%s'", cuts[i].shop + 1, line);
    sync_all();
    tell("head office killed (-9) twice, once in the middle of a batch; both lines are back");
}

static void before_day(void)
{
    bool restore = false;
    for (int i = 0; i < CUTS; i++) {
        int32_t from, to;
        struct till *t = shop[cuts[i].shop].till;
        if (day_parse(&from, cuts[i].from) || day_parse(&to, cuts[i].to))
            die("demo: a cut has no day");
        if (today >= from && today < to && !t->cut) {
            char text[64];
            snprintf(text, sizeof text, "till %d: its line is cut", t->number);
            till_cut(t);
            tell(text);
        }
        restore = restore || (t->cut && today >= to);
    }
    if (restore)
        kill_office_in_sync();
}

/* The member who walked away from till 3 is seen again, in another shop. */
static void settle_away(void)
{
    char line[512];
    if (!away_card[0])
        return;
    chain_move_card(shop[2].till, shop[0].till, away_card);
    card_put(shop[0].till, away_card);
    control_ok(&shop[0].till->control, line, sizeof line, "tap 5000");
    control_ok(&shop[0].till->control, line, sizeof line, "cancel");
    card_take(shop[0].till);
    sync_all();
}

/* ---- the end: books and checks ---- */

static int differences;

static void check(const char *what, int64_t a, const char *a_is, int64_t b, const char *b_is)
{
    printf("  %-5s %-44s %8lld %s, %8lld %s\n", a == b ? "ok" : "WRONG", what, (long long)a, a_is,
           (long long)b, b_is);
    differences += a != b;
}

static void show_books(void)
{
    static char out[65536];
    int64_t earned = 0, redeemed = 0, clawed = 0, returned = 0, on_cards = 0, sales = 0, refunds = 0;
    int64_t redemptions = 0, offline = 0;
    for (int i = 0; i < SHOPS; i++) {
        earned += shop[i].earned;
        redeemed += shop[i].redeemed;
        clawed += shop[i].clawed;
        returned += shop[i].returned;
        sales += shop[i].sales;
        refunds += shop[i].refunds;
        redemptions += shop[i].redemptions;
        offline += shop[i].offline_redemptions;
    }
    for (int i = 0; i < member_count; i++) {
        char name[16];
        snprintf(name, sizeof name, "c%d", members[i]);
        int home = 0;
        while (events[home].customer != members[i])
            home++;
        struct till *t = strcmp(name, away_card) == 0 ? shop[0].till : shop[events[home].shop].till;
        on_cards += card_purse(t, name);
    }
    printf("\nFaults: %d cards torn, %d kills of a till, %d of head office, 2 lines cut for days,\n"
           "%lld of %lld redemptions made with the line cut, %d member walked away in doubt\n",
           tears, till_kills, office_kills, (long long)offline, (long long)redemptions, walked_away);
    printf("\nThe books of head office\n");
    fflush(stdout);
    char *ctl = path_of("%s/patronctl", chain.bin);
    run(chain.log, NULL, out, sizeof out, ARGS(ctl, "--home", chain.office_home, "--clock", chain.office_clock, "books"));
    for (char *line = strtok(out, "\n"); line; line = strtok(NULL, "\n"))
        printf("  %s\n", line);

    chain_ctl(&chain, out, sizeof out, ARGS("books"));
    printf("\nWhat tills told members, what cards hold, and what the ledger says\n");
    check("sales", sales, "told", json_number_of(out, "sales"), "in the ledger");
    check("refunds", refunds, "told", json_number_of(out, "refunds"), "in the ledger");
    check("points earned", earned, "told", json_number_of(out, "points_earned"), "in the ledger");
    check("points redeemed, less those returned", redeemed - returned, "told",
          json_number_of(out, "points_redeemed"), "in the ledger");
    check("points clawed back", clawed, "told", json_number_of(out, "points_clawed_back"),
          "in the ledger");
    check("redeemed points returned", returned, "told", json_number_of(out, "points_returned"),
          "in the ledger");
    check("points on cards (I1)", on_cards, "on cards", json_number_of(out, "points_on_cards"),
          "in the ledger");
    check("points in doubt", 0, "expected", json_number_of(out, "points_in_doubt"), "in the ledger");

    int status = run(chain.log, NULL, out, sizeof out,
                     ARGS(ctl, "--home", chain.office_home, "--clock", chain.office_clock, "ledger",
                          "verify"));
    printf("\nEvery invariant over the whole ledger\n");
    for (char *line = strtok(out, "\n"); line; line = strtok(NULL, "\n"))
        printf("  %s\n", line);
    differences += status != 0;

    status = run(chain.log, NULL, out, sizeof out,
                 ARGS(ctl, "--home", chain.office_home, "--clock", chain.office_clock, "ledger",
                      "replay"));
    int tables = 0;
    long rows = 0;
    printf("\nThe log posted again into an empty ledger\n");
    for (char *line = strtok(out, "\n"); line; line = strtok(NULL, "\n")) {
        char *colon = strrchr(line, ':');
        if (strncmp(line, "ok", 2) == 0 && colon && strstr(colon, " rows, the same")) {
            tables++;
            rows += strtol(colon + 1, NULL, 10);
        } else {
            printf("  %s\n", line);
        }
    }
    printf("  %-7s I7 derived tables compared row by row: %d tables, %ld rows, the same\n",
           status ? "WRONG" : "ok", tables, rows);
    differences += status != 0;
    free(ctl);
}

/* The threads last: a program ends with the thread that started it. */
static void end_shops(void)
{
    chain_close(&chain);
    finished = true;
    pthread_barrier_wait(&dawn);
    for (int i = 0; i < SHOPS; i++)
        pthread_join(shop[i].thread, NULL);
}

/* The gift shop's pack, but for the second tap above 1,000 points: here nobody holds the cards by hand. */
static char *pack_of_demo(const char *bin)
{
    static char json[32768];
    FILE *in = fopen("tests/data/packs/demo.json", "r");
    size_t size = in ? fread(json, 1, sizeof json - 1, in) : 0;
    char *path = path_of("%s/demo-pack.json", bin), *at = strstr(json, "\"second_factor_above\": 1000");
    FILE *out = fopen(path, "w");
    if (!in || !out || !at) {
        fprintf(stderr, "demo: the pack cannot be read, or written to %s\n", path);
        exit(EXIT_FAILURE);
    }
    at[strlen("\"second_factor_above\": ")] = '0';
    memmove(at + strlen("\"second_factor_above\": 0"), at + strlen("\"second_factor_above\": 1000"),
            strlen(at + strlen("\"second_factor_above\": 1000")) + 1);
    fwrite(json, 1, size - 3, out);
    fclose(in);
    fclose(out);
    return path;
}

int main(int argc, char **argv)
{
    const char *bin = argc > 1 ? argv[1] : "build";
    setvbuf(stdout, NULL, _IOLBF, 0);
    load_invoices("tests/data/online_retail/invoices.txt");
    printf("patron demo: a head office, %d tills, %d cards, %d real invoices of 2010 and 2011\n", SHOPS,
           member_count, event_count);
    chain_open(&chain, bin, path_of("%s/demo-run", bin), pack_of_demo(bin), "2010-12-01T00:00");
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
        before_day();
        pthread_barrier_wait(&dawn);
        pthread_barrier_wait(&dusk);
        tell_faults();
        progress();
    }
    sync_all();
    settle_away();
    printf("\n");
    show_books();
    if (differences) {
        printf("\n%d of these checks do not hold.  Logs: %s\n", differences, chain.log);
        end_shops();
        return 1;
    }
    printf("\nEvery point is where the books say.  To try next:\n"
           "  make run                                   a till of your own, with cards on the desk\n"
           "  %s/patronctl --home %s member show M1      one member, every posting and why\n"
           "  %s/patronctl --home %s review              what head office would look at\n"
           "  sqlite3 %s/patron.db                       the ledger itself (db/office.sql)\n",
           bin, chain.office_home, bin, chain.office_home, chain.office_home);
    end_shops();
    return 0;
}
