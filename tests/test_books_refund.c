/* test_books_refund.c - goods that come back, as others got it wrong: each row is a story, its last columns the answer.  A row
 * that carries a number is a complaint published of another system.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "base/tr.h"
#include "tests/ledgers.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

#define REDEEM "\"redeem\": {\"worth\": 1, \"min\": 1, \"step\": 1, \"max_share\": 1}"
#define OWE REDEEM ", \"refund\": {\"may_owe\": true}"
#define CLAMP REDEEM ", \"refund\": {\"may_owe\": false}"

static struct ledgers l;

/* What happens:  a, b, c are purchases, in the order of the alphabet.
 *
 *   sale 5 100       buys for 100.00 on day 5, a piece of 1.00 each
 *   pay 5 100 80     buys for 1.00 each on day 5, 80 points of it set aside and redeemed (1 point is 0.01)
 *   back 9 a 40      40 pieces of purchase a come back on day 9
 *   money 9 a 250    2.50 of purchase a are given back without goods
 *   again            the newest refund is sent a second time
 *   give 5 50        50 points by hand
 *   pack 2 2011-02-01  the other rules */
static const char *other_earn, *other_top;
static struct entry_id sales[26];
static int sale_count;
static struct txn last;

static void pay(int pieces, int points, int day)
{
    struct hold_view hold = {.entry = {0, 0}};
    struct errmsg why;
    char name[16];
    snprintf(name, sizeof name, "h%u", (unsigned)l.seq[1] + 1);
    struct hold_wanted w = {.member = 7, .points = points_of(points), .means = MEANS_CODE, .factor = true, .terminal = 1, .name = name};
    if (points && books_hold(l.books, &w, ledgers_day(day), &hold, &why))
        fail_msg("%s", why.text);
    struct txn *t = ledgers_entry(&l, 1, TXN_SALE, ledgers_day(day));
    const struct pack *pack = books_pack_on(l.books, LEDGERS_DAY_0 + day);
    struct earning earned;
    t->member = 7;
    t->pack_version = pack->version;
    t->line_count = 1;
    snprintf(t->lines[0].sku, sizeof t->lines[0].sku, "A");
    t->lines[0].quantity = pieces;
    t->lines[0].amount = t->total = money_of(pieces * 100);
    t->redeemed = points_of(points);
    t->redeemed_value = money_of(points);
    if (points)
        t->original = hold.entry, t->means = MEANS_CODE;
    struct bill b = {.lines = t->lines, .line_count = 1, .paid_by_points = t->redeemed_value, .time_s = t->time_s,
                     .shop = t->shop, .tier = t->tier};
    if (rules_earn(pack, &b, &earned, &why))
        fail_msg("%s", why.text);
    t->points = earned.points;
    ledgers_post(&l, t, POST_NEW);
    sales[sale_count++] = t->id;
}

static void back(char which, int pieces, int money, int day)
{
    struct txn *t = ledgers_entry(&l, 2, TXN_REFUND, ledgers_day(day));
    t->original = sales[which - 'a'];
    t->pack_version = 0; /* of another till: it cannot work out the points */
    t->total = money_of(money);
    if (pieces) {
        t->line_count = 1;
        snprintf(t->lines[0].sku, sizeof t->lines[0].sku, "A");
        t->lines[0].quantity = pieces;
        t->lines[0].amount = t->total = money_of(pieces * 100);
    }
    ledgers_post(&l, t, POST_NEW);
    last = *t;
}

static void play(const char *story)
{
    sale_count = 0;
    while (*story) {
        char word[16] = "", text[16], which = 0;
        int day = 0, a = 0, b = 0, used = 0;
        assert_int_equal(sscanf(story, " %15[a-z]%n", word, &used), 1);
        story += used;
        used = 0;
        if (strcmp(word, "sale") == 0 && sscanf(story, "%d %d%n", &day, &a, &used) == 2)
            pay(a, 0, day);
        else if (strcmp(word, "pay") == 0 && sscanf(story, "%d %d %d%n", &day, &a, &b, &used) == 3)
            pay(a, b, day);
        else if (strcmp(word, "back") == 0 && sscanf(story, "%d %c %d%n", &day, &which, &a, &used) == 3)
            back(which, a, 0, day);
        else if (strcmp(word, "money") == 0 && sscanf(story, "%d %c %d%n", &day, &which, &a, &used) == 3)
            back(which, 0, a, day);
        else if (strcmp(word, "give") == 0 && sscanf(story, "%d %d%n", &day, &a, &used) == 2)
            ledgers_adjust(&l, 7, a, day);
        else if (strcmp(word, "pack") == 0 && sscanf(story, "%d %15[-0-9]%n", &a, text, &used) == 2)
            ledgers_add_pack(&l, (uint32_t)a, text, other_earn, other_top);
        else if (strcmp(word, "again") == 0)
            ledgers_post(&l, &last, POST_REPEATED);
        else
            fail_msg("no word: %s %s", word, story);
        story += used;
        story += *story == ';';
    }
}

struct row {
    const char *name, *top, *story;
    int64_t held, owed, redeemed; /* redeemed: net, by the postings */
    int reviews;
};

static void check(const struct row *row, size_t i)
{
    char name[24];
    snprintf(name, sizeof name, "r%zu-%llu", i, (unsigned long long)(test_random() % 1000000));
    ledgers_open(&l, name, "", row->top);
    ledgers_member(&l, 7, 0);
    play(row->story);
    struct member_view m;
    assert_int_equal(books_member(l.books, 7, &m, NULL), OK);
    int64_t redeemed = ledgers_sql(&l, "SELECT coalesce(sum(amount), 0) FROM posting WHERE account = 'redeemed'");
    int64_t reviews = ledgers_sql(&l, "SELECT count(*) FROM review");
    if (points_n(m.held) != row->held || points_n(m.owed) != row->owed || redeemed != row->redeemed || reviews != row->reviews)
        fail_msg("%s\n %s\n held %lld, owed %lld, redeemed %lld, %lld reviews", row->name, row->story,
                 (long long)points_n(m.held), (long long)points_n(m.owed), (long long)redeemed, (long long)reviews);
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(refund, published_complaints_end_as_they_should)
{
    static const struct row rows[] = {
        /* odoo */
        {"odoo#257854, #238806: bought, brought back: no points are kept", OWE, "sale 1 100; back 2 a 100", 0, 0, 0, 0},
        {"odoo#257854: and again, as often as one likes", OWE,
         "sale 1 100; back 2 a 100; sale 3 100; back 4 b 100; sale 5 100; back 6 c 100", 0, 0, 0, 0},
        {"odoo#257854: the points were spent meanwhile: they are owed", OWE, "sale 1 100; pay 2 1 100; back 3 a 100", -100, 100, 100, 0},
        {"... and paid by the next purchase", OWE, "sale 1 100; pay 2 1 100; back 3 a 100; sale 4 130", 30, 0, 100, 0},
        {"... or let go, if the programme says so", CLAMP, "sale 1 100; pay 2 1 100; back 3 a 100", 0, 0, 100, 0},
        {"odoo#212922: redeemed points come back, and are not taken a second time", OWE,
         "give 1 500; pay 2 10 500; back 3 a 10", 500, 0, 0, 0},
        {"odoo#221928: of a part, a part", OWE, "give 1 500; pay 2 10 500; back 3 a 4", 203, 0, 300, 0},
        {"... and of the rest, the rest", OWE, "give 1 500; pay 2 10 500; back 3 a 4; back 4 a 6", 500, 0, 0, 0},
        {"odoo#177312: what comes back is no reward line: 0 pieces are left to bring back", OWE,
         "give 1 500; pay 2 10 500; back 3 a 10; back 4 a 1", 500, 0, 0, 1},
        /* erpnext */
        {"erpnext PR#14888: taken off, not added", OWE, "sale 1 100; back 2 a 30", 70, 0, 0, 0},
        {"erpnext#30242: in parts as at once", OWE, "sale 1 100; back 2 a 30; back 3 a 30; back 4 a 40", 0, 0, 0, 0},
        /* nopCommerce */
        {"nopCommerce#5595: redeemed, and all cancelled", OWE, "give 1 80; pay 2 100 80; back 2 a 100", 80, 0, 0, 0},
        {"nopCommerce#576: spent, then brought back: below zero", OWE, "sale 1 100; pay 2 2 100; back 3 a 100", -99, 99, 100, 0},
        /* payments */
        {"magento2#951: points are given back as points, money as money", OWE, "give 1 80; pay 2 1 80; money 3 a 100", 80, 0, 0, 0},
        {"magento2#928, #929: sent twice, undone once", OWE, "sale 1 100; back 2 a 30; again", 70, 0, 0, 0},
        {"Square: small returns of a step leak nothing", OWE,
         "sale 1 10; money 2 a 99; money 2 a 99; money 2 a 99; money 2 a 99; money 2 a 99; money 2 a 99; money 2 a 99;"
         "money 2 a 99; money 2 a 99; money 2 a 99; money 2 a 10", 0, 0, 0, 0},
        /* a refund of a refund: a purchase again, and back again */
        {"bought again after it came back, and back once more", OWE, "sale 1 100; back 2 a 100; sale 3 100; back 4 b 50; back 5 b 50", 0, 0, 0, 0},
        {"more came back than was bought: said, and not taken", OWE, "sale 1 100; back 2 a 60; back 3 a 60", 40, 0, 0, 1},
        {"money of more than the bill: as far as there is money left", OWE, "sale 1 100; money 2 a 9000; money 3 a 9000", 0, 0, 0, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check(&rows[i], i);
}

/* What a refund takes back is what its purchase earned, by the rules of that day, whatever they are now. */
TEST(refund, it_is_rated_by_the_rules_of_its_purchase)
{
    static const struct {
        const char *name, *earn;
        const char *story;
        int64_t held;
    } rows[] = {
        {"nopCommerce#5757: double now, single then", "\"multipliers\": [{\"name\": \"double\", \"factor\": 2}]",
         "sale 1 100; pack 2 2011-02-01; back 40 a 100", 0},
        {"... of the new ones double", "\"multipliers\": [{\"name\": \"double\", \"factor\": 2}]",
         "sale 1 100; pack 2 2011-02-01; sale 40 10; back 41 b 5", 110},
        {"... of both", "\"multipliers\": [{\"name\": \"double\", \"factor\": 2}]",
         "sale 1 100; pack 2 2011-02-01; sale 40 10; back 41 b 10; back 42 a 50", 50},
        {"excluded now, earned then", "\"exclude\": [{\"sku\": \"A\"}]", "sale 1 100; pack 2 2011-02-01; back 40 a 40", 60},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct row row = {rows[i].name, OWE, rows[i].story, rows[i].held, 0, 0, 0};
        other_earn = rows[i].earn;
        other_top = OWE;
        check(&row, i);
    }
}

/* The two ways of the programme, side by side: what is not there any more is owed, or let go. */
TEST(refund, what_is_not_there_any_more_is_owed_or_let_go)
{
    static const struct {
        const char *name, *story;
        int64_t held, owed, clamped; /* held where it is let go */
        int64_t redeemed;
    } rows[] = {
        {"all there", "sale 1 100; back 2 a 100", 0, 0, 0, 0},
        {"a part spent", "sale 1 100; pay 2 1 40; back 3 a 100", -40, 40, 0, 40},
        {"all spent", "sale 1 100; pay 2 1 100; back 3 a 100", -100, 100, 0, 100},
        {"others are there", "sale 1 100; give 1 30; pay 2 1 100; back 3 a 100", -70, 70, 0, 100},
        {"... enough of them", "sale 1 100; give 1 300; pay 2 1 100; back 3 a 100", 200, 0, 200, 100},
        {"in parts as at once", "sale 1 100; pay 2 1 100; back 3 a 10; back 4 a 90", -100, 100, 0, 100},
        {"what comes after pays it, or is not touched", "sale 1 100; pay 2 1 100; back 3 a 100; give 4 70", -30, 30, 70, 100},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct row row = {rows[i].name, OWE, rows[i].story, rows[i].held, rows[i].owed, rows[i].redeemed, 0};
        check(&row, i);
        row.top = CLAMP, row.held = rows[i].clamped, row.owed = 0;
        check(&row, i + 100);
    }
}

/* Whoever's language it is when an entry is posted, a replay gives the same rows (I7); people are told in theirs. */
static bool keep_why(const struct statement_line *line, void *arg)
{
    snprintf(arg, 300, "%s", line->why);
    return true;
}

TEST(refund, what_is_posted_is_the_same_in_every_language_and_told_in_the_readers)
{
    char why[300];
    struct errmsg fault;
    ledgers_open(&l, "a", "", OWE ", \"expiry\": {\"kind\": \"rolling\", \"days\": 10}");
    ledgers_member(&l, 7, 0);
    assert_true(tr_use("zh"));
    play("sale 1 100; back 2 a 30");
    ledgers_run(&l, 12);
    assert_string_equal(tr_language(), "zh");
    assert_int_equal(books_statement(l.books, 7, keep_why, why, &fault), OK);
    assert_string_equal(why, "已过有效期");
    assert_true(tr_use("en"));
    assert_int_equal(books_statement(l.books, 7, keep_why, why, &fault), OK);
    assert_string_equal(why, "their last day has passed");
    ledgers_sound(&l);
    ledgers_close(&l);
}

/* Points that had been let go are not given a second time, and not taken a second time either. */
TEST(refund, what_was_let_go_shows_in_the_refund)
{
    ledgers_open(&l, "a", "", CLAMP);
    ledgers_member(&l, 7, 0);
    play("sale 1 100; pay 2 1 60; back 3 a 100");
    assert_int_equal(ledgers_sql(&l, "SELECT clawed * 1000 + let_go FROM refund"), 40 * 1000 + 60);
    assert_int_equal(ledgers_sql(&l, "SELECT amount FROM posting WHERE account = 'clawed'"), 40);
    ledgers_close(&l);
}
