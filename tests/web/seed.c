/* seed.c - a head office with a past, for the browser's tests: seed HOME TODAY ("2026-11-20").  HOME was made by
 * patronctl init.  Tills, people, members with cards, two months of sales, refunds, gifts, ratings; the same each time.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "base/mbed.h"
#include "office/home.h"
#include "office/books/known.h"
#include "office/members/people.h"
#include "rules/rules.h"
#include "sync/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TILLS = 3, MEMBERS = 24, DAYS = 60, SALES_MAX = 2000 };

static struct home home;
static struct books *books;
static struct errmsg why;
static struct txn t;
static uint32_t seq[TILLS + 1];
static struct {
    struct entry_id id;
    member_id member;
    int32_t day, till;
    struct txn_line line;
} sales[SALES_MAX];
static int sale_count;

static void must(enum err e, const char *what)
{
    if (e) {
        fprintf(stderr, "seed: %s: %s\n", what, why.text);
        exit(1);
    }
}

static uint32_t chance(uint32_t below)
{
    static uint32_t state = 20261120;
    state = state * 1664525 + 1013904223;
    return (state >> 8) % below;
}

static void add_tills(int64_t now_s)
{
    static const char *const shops[] = {"OXFORD", "BATH", "YORK"};
    static const struct wire_health health[] = {
        {.reader = 1, .printer = 1, .disk_free_mb = 20480, .entries = 210},
        {.reader = 1, .printer = 2, .receipts_waiting = 3, .disk_free_mb = 18000, .entries = 190},
        {.reader = 2, .printer = 1, .disk_free_mb = 80, .entries = 180}};
    for (uint32_t i = 0; i < TILLS; i++) {
        struct terminal_view v = {.terminal = i + 1, .cert_hash = {1, (uint8_t)i}};
        snprintf(v.shop, sizeof v.shop, "%s", shops[i]);
        must(books_save_terminal(books, &v, &why), "till");
        struct wire_sync ask = {.waiting = i == 2 ? 240 : 0, .pack_version = 1,
                                .health = health[i]};
        snprintf(ask.program, sizeof ask.program, "patron-terminal 0.4");
        int64_t then_s = i == 2 ? now_s - 2 * 86400 : now_s - 20;
        ask.clock_s = then_s - (i == 1 ? 1500 : 2);
        must(books_note_contact(books, i + 1, then_s, &ask, &why), "contact");
    }
}

static void add_staff(void)
{
    static const struct {
        const char *name, *language;
        enum staff_role role;
        int gift;
    } people[] = {{"Ann Kelly", "en", STAFF_SUPERVISOR, 200}, {"Bo Li", "zh", STAFF_CASHIER, 50}, {"Cyrus Pal", "en", STAFF_CASHIER, 0}};
    for (size_t i = 0; i < sizeof people / sizeof people[0]; i++) {
        struct staff p = {.role = people[i].role, .grant_limit = points_of(people[i].gift), .grant_day_limit = points_of(people[i].gift * 4)};
        snprintf(p.name, sizeof p.name, "%s", people[i].name);
        snprintf(p.language, sizeof p.language, "%s", people[i].language);
        must(people_save_staff(books, &p, &why), "staff");
    }
}

static struct txn *own(enum txn_kind kind, member_id member)
{
    memset(&t, 0, sizeof t);
    t.kind = kind;
    t.member = member;
    return &t;
}

static void post_own(int64_t time_s)
{
    t.time_s = time_s;
    must(books_post_own(books, &t, time_s, &why), "entry of head office");
}

static void add_members(int64_t time_s)
{
    static const char *const names[] = {"Ada Byron", "王小明", "Bela Kovacs", "李娜", "Carl Nils", "张伟", "Dora Marr", "陈静"};
    for (member_id m = 1; m <= MEMBERS; m++) {
        own(TXN_MEMBER, m);
        post_own(time_s);
        own(TXN_CARD, m)->card = (struct card_uid){{4, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, (uint8_t)m}};
        t.card_kind = CARD_EV2;
        t.card_status = CARD_ACTIVE;
        post_own(time_s);
        if (m > 16) /* the rest are anonymous */
            continue;
        struct person p = {.member = m, .consent_s = m % 2 ? time_s : 0};
        snprintf(p.name, sizeof p.name, "%s%s", names[m % 8], m > 8 ? " II" : "");
        snprintf(p.contact, sizeof p.contact, "m%u@example.org", (unsigned)m);
        snprintf(p.birthday, sizeof p.birthday, "%02u-%02u", (unsigned)(m % 12 + 1), (unsigned)(m % 28 + 1));
        snprintf(p.language, sizeof p.language, "%s", m % 2 ? "en" : "zh");
        snprintf(p.phone, sizeof p.phone, "+442079460%03u", (unsigned)m);
        must(books_save_person(books, &p, &why), "person");
        must(known_set_phone(books, &home.known_keys, m, p.phone, time_s, &why), "telephone");
    }
}

static struct txn *at_till(enum txn_kind kind, int till, int64_t time_s)
{
    static const char *const shops[] = {"OXFORD", "BATH", "YORK"};
    memset(&t, 0, sizeof t);
    t.kind = kind;
    t.id = (struct entry_id){(uint32_t)till, ++seq[till]};
    t.time_s = time_s;
    t.pack_version = 1;
    t.cashier = (uint32_t)till % 3 + 1;
    snprintf(t.shop, sizeof t.shop, "%s", shops[till - 1]);
    return &t;
}

static void post(void)
{
    static uint8_t bytes[WIRE_ENTRY_MAX];
    struct buf entry = BUF_ON(bytes);
    enum post_result is;
    must(wire_encode_txn(&entry, &t, &why), "encode");
    must(books_post(books, &t, buf_bytes(&entry), t.time_s + 5, &is, &why), "post");
}

/* Points for money off, set aside first as a till without the card does. */
static void redeem(int64_t time_s)
{
    struct hold_view hold;
    char name[32];
    snprintf(name, sizeof name, "seed-%d", sale_count);
    const struct hold_wanted wanted = {.member = t.member, .points = points_of(100), .means = MEANS_CODE, .factor = true,
                                       .terminal = t.id.terminal, .name = name};
    struct txn kept = t;
    if (books_hold(books, &wanted, time_s, &hold, &why) == OK) {
        t = kept;
        t.original = hold.entry;
        t.redeemed = points_of(100);
        t.redeemed_value = money_of(100);
        t.means = MEANS_CODE;
    }
}

static void sell(int32_t day, member_id member, int n)
{
    static const struct {
        const char *sku, *category;
    } goods[] = {{"22423", "home"}, {"85123A", "home"}, {"84879", "toys"}, {"20725", "bags"}};
    struct member_view view;
    struct earning earned;
    int till = (int)chance(TILLS) + 1, g = (int)chance(4);
    at_till(TXN_SALE, till, (int64_t)day * 86400 + 9 * 3600 + n * 1800 + chance(900));
    int64_t total = 500 + 10 * (int64_t)chance(900);
    t.line_count = 1;
    snprintf(t.lines[0].sku, sizeof t.lines[0].sku, "%s", goods[g].sku);
    snprintf(t.lines[0].category, sizeof t.lines[0].category, "%s", goods[g].category);
    t.lines[0].quantity = 1 + (int32_t)chance(3);
    t.lines[0].amount = t.total = money_of(total);
    t.member = member;
    snprintf(t.ref, sizeof t.ref, "R%d", 1000 + sale_count);
    if (member) {
        must(books_member(books, member, &view, &why), "member");
        snprintf(t.tier, sizeof t.tier, "%s", view.tier);
        t.means = MEANS_CARD;
        if (points_n(view.held) >= 200 && total >= 2000 && chance(3) == 0)
            redeem(t.time_s);
        struct bill b = rules_bill(&t);
        must(rules_earn(books_pack_on(books, day), &b, &earned, &why), "rate");
        t.points = earned.points;
    }
    sales[sale_count].id = t.id;
    sales[sale_count].member = member;
    sales[sale_count].day = day;
    sales[sale_count].till = till;
    sales[sale_count++].line = t.lines[0];
    post();
}

static void refund(int32_t day, int i)
{
    at_till(TXN_REFUND, sales[i].till, (int64_t)day * 86400 + 18 * 3600);
    t.pack_version = 0;
    t.original = sales[i].id;
    t.line_count = 1;
    t.lines[0] = sales[i].line;
    t.total = sales[i].line.amount;
    t.approved_by = 1;
    post();
}

static void rate(int32_t day, int i)
{
    at_till(TXN_RATING, sales[i].till, (int64_t)day * 86400 + 18 * 3600 + 60);
    t.original = sales[i].id;
    t.pack_version = 0;
    *t.shop = 0;
    t.rating = 1 + (int32_t)chance(3);
    post();
}

int main(int argc, char **argv)
{
    char path[HOME_PATH_MAX];
    int32_t today;
    if (argc != 3 || day_parse(&today, argv[2])) {
        fprintf(stderr, "usage: seed HOME TODAY\n");
        return 2;
    }
    must(mbed_init(&why), "mbedTLS");
    must(home_open(&home, argv[1], &why), "home");
    home_path(&home, HOME_BOOKS, path);
    must(books_open(&books, path, &home.card_keys, &why), "books");
    must(books_begin(books, &why), "begin");
    int32_t first = today - DAYS;
    add_tills((int64_t)today * 86400 + 14 * 3600 + 1800);
    add_staff();
    must(books_commit(books, &why), "commit");
    add_members((int64_t)first * 86400 + 3600);
    for (int32_t day = first; day <= today; day++) {
        must(books_begin(books, &why), "begin");
        own(TXN_RUN, 0)->day = day;
        post_own((int64_t)day * 86400 + 60);
        int count = 5 + (int)chance(5);
        for (int n = 0; n < (day == today ? 3 : count); n++)
            sell(day, n == 4 ? 0 : chance(MEMBERS - 4) + 1, n);
        if (day < today && day % 6 == 0 && sales[sale_count - 2].member)
            refund(day, sale_count - 2);
        if (day < today && sales[sale_count - 1].member)
            rate(day, sale_count - 1);
        if (day < today && day % 9 == 0) {
            own(TXN_ADJUST, 1 + chance(8))->points = points_of(50);
            snprintf(t.reason, sizeof t.reason, "a broken cup");
            post_own((int64_t)day * 86400 + 19 * 3600);
        }
        must(books_commit(books, &why), "commit");
    }
    printf("%d sales\n", sale_count);
    books_close(books);
    home_finish(&home);
    return 0;
}
