/* test_books_tier.c - which tier a member has over the days: bought, kept, lost, given by hand, under rules that change.
 * A row that carries a number is a complaint published of another system.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "tests/ledgers.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

#define LEVELS(silver, keep, gold)                                                                 \
    "\"levels\": [{\"code\": \"a\", \"name\": \"Bronze\"},"                                        \
    " {\"code\": \"b\", \"name\": \"Silver\", \"upgrade_at\": " #silver ", \"keep_at\": " #keep "}," \
    " {\"code\": \"c\", \"name\": \"Gold\", \"upgrade_at\": " #gold "}]"
#define TIERS "\"tiers\": {\"window_days\": 100, \"grace_days\": 10, " LEVELS(10000, 8000, 50000) "}"

static struct ledgers l;

/* What happens: "sale 5 100" buys for 100.00 on day 5, "back 9" brings the newest purchase back, "run 11",
 * "hand 20 c 60" gives a tier on day 20 to day 60, "pack 2 2011-02-01" publishes the other rules. */
static const char *other_rules;

static void hand(const char *tier, int32_t until, int32_t day)
{
    struct txn *t = &l.t;
    memset(t, 0, sizeof *t);
    t->kind = TXN_TIER;
    t->member = 7;
    t->day = until < 0 ? DAY_NEVER : LEDGERS_DAY_0 + until;
    snprintf(t->tier, sizeof t->tier, "%.15s", tier);
    snprintf(t->reason, sizeof t->reason, "a film crew");
    ledgers_own(&l, t, ledgers_day(day));
}

static void play(const char *story)
{
    static struct entry_id newest;
    char word[16], text[32], lines[40];
    int day, n, used;
    for (; sscanf(story, " %15s %d%n", word, &day, &used) == 2; story += *story == ';') {
        story += used;
        used = 0;
        if (strcmp(word, "run") == 0) {
            ledgers_run(&l, day);
        } else if (strcmp(word, "sale") == 0) {
            assert_int_equal(sscanf(story, "%d%n", &n, &used), 1);
            snprintf(lines, sizeof lines, "A 1 %d.00", n);
            struct member_view m;
            assert_int_equal(books_member(l.books, 7, &m, NULL), OK);
            newest = ledgers_sale(&l, 1, 7, lines, day);
        } else if (strcmp(word, "back") == 0) {
            struct txn *t = ledgers_entry(&l, 2, TXN_REFUND, ledgers_day(day));
            t->original = newest;
            t->pack_version = 0;
            t->total = money_of(ledgers_sql(&l, "SELECT total FROM sale ORDER BY position DESC LIMIT 1"));
            ledgers_post(&l, t, POST_NEW);
        } else if (strcmp(word, "give") == 0) {
            assert_int_equal(sscanf(story, "%d%n", &n, &used), 1);
            ledgers_adjust(&l, 7, n, day);
        } else if (strcmp(word, "hand") == 0) {
            assert_int_equal(sscanf(story, "%31s %d%n", text, &n, &used), 2);
            hand(text, n, day);
        } else if (strcmp(word, "pack") == 0) {
            assert_int_equal(sscanf(story, " %31[-0-9]%n", text, &used), 1);
            ledgers_add_pack(&l, (uint32_t)day, text, "", other_rules);
        } else {
            fail_msg("no word: %s", word);
        }
        story += used;
    }
}

/* "b@5 a@130": the history, the tier enrolled with left out. */
static const char *history(void)
{
    static char text[400];
    size_t used = 0;
    text[0] = 0;
    int64_t count = ledgers_sql(&l, "SELECT count(*) - 1 FROM tier_history");
    for (int64_t i = 1; i <= count; i++) {
        char sql[120];
        snprintf(sql, sizeof sql, "SELECT day * 256 + unicode(tier) FROM tier_history ORDER BY position LIMIT 1 OFFSET %d", (int)i);
        int64_t both = ledgers_sql(&l, sql);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%c@%d", used ? " " : "", (int)(both % 256),
                                 (int)(both / 256) - LEDGERS_DAY_0);
    }
    return text;
}

struct story {
    const char *name, *story, *history;
};

static void tell(const char *top, const struct story *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "t%zu-%llu", i, (unsigned long long)(test_random() % 1000000));
        ledgers_open(&l, name, "", top);
        ledgers_member(&l, 7, 0);
        play(rows[i].story);
        if (strcmp(history(), rows[i].history) != 0)
            fail_msg("%s: %s\n is  %s\n not %s", rows[i].name, rows[i].story, history(), rows[i].history);
        ledgers_sound(&l);
        ledgers_close(&l);
    }
}

TEST(tier, one_given_by_hand_is_kept_to_its_day_and_then_the_rules_go_on)
{
    static const struct story rows[] = {
        {"kept through the reviews, then grace as usual", "hand 5 c 60; run 30; run 60; run 61; run 70; run 71", "c@5 a@71"},
        {"no grace runs while it is held", "hand 5 c 60; run 55; run 61; run 66; run 70; run 71", "c@5 a@71"},
        {"what is bought meanwhile counts", "hand 5 c 60; sale 40 90; run 60; run 61; run 71", "c@5 b@71"},
        {"... and keeps it", "hand 5 c 60; sale 40 500; run 61; run 71; run 139", "c@5"},
        {"the rules lift above it", "hand 5 b 60; sale 10 500; run 20", "b@5 c@10"},
        {"... and it is the floor when that is lost", "hand 5 b 200; sale 10 500; run 110; run 119; run 120", "b@5 c@10 b@120"},
        {"for ever", "hand 5 c -1; run 100; run 400", "c@5"},
        {"again, longer", "hand 5 c 60; hand 50 c 90; run 61; run 90; run 91; run 101", "c@5 c@50 a@101"},
        {"ended before its day", "hand 5 c 60; hand 20 c 20; run 21; run 31", "c@5 c@20 a@31"},
        {"lower than bought: until the rules are asked again", "sale 5 100; hand 6 a 60; run 7", "b@5 a@6 b@7"},
        {"a tier there is not", "hand 5 z 60; run 6", ""},
        {"what was missed before does not count against it", "sale 1 100; run 101; hand 105 b 150; run 150; run 151; run 161",
         "b@1 b@105 a@161"},
    };
    tell(TIERS, rows, sizeof rows / sizeof rows[0]);
}

TEST(tier, one_given_by_hand_says_why_and_moves_no_points_and_no_metric)
{
    ledgers_open(&l, "a", "", TIERS);
    ledgers_member(&l, 7, 0);
    play("sale 1 50; hand 5 c 60; hand 6 z 60");
    assert_int_equal(ledgers_sql(&l, "SELECT why = 'by hand until 2011-03-02: a film crew' FROM tier_history"
                                     " ORDER BY position DESC LIMIT 1"), 1);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM metric_day"), 1);
    ledgers_expect(&l, 7, 50, 0, 0, 0);
    ledgers_expect_reviews(&l, "HQ-3 the programme has no such tier\n");
    /* the till may use it: the sale is rated with it */
    struct txn *t = ledgers_entry(&l, 1, TXN_SALE, ledgers_day(7));
    t->member = 7;
    snprintf(t->tier, sizeof t->tier, "c");
    t->line_count = 1;
    snprintf(t->lines[0].sku, sizeof t->lines[0].sku, "A");
    t->lines[0].quantity = 1;
    t->lines[0].amount = t->total = money_of(1000);
    t->points = points_of(10);
    ledgers_post(&l, t, POST_NEW);
    ledgers_expect_reviews(&l, "HQ-3 the programme has no such tier\n");
    assert_int_equal(ledgers_sql(&l, "SELECT tier = 'c' FROM sale ORDER BY position DESC LIMIT 1"), 1);
    ledgers_sound(&l);
    ledgers_close(&l);
}

/* New rules count from their day on, for what happens from then on; what was posted stays. */
TEST(tier, rules_that_change_count_from_their_day)
{
    static const struct {
        const char *name, *rules;
        const char *story, *history;
    } rows[] = {
        {"easier: with the next purchase", "\"tiers\": {\"window_days\": 100, \"grace_days\": 10, " LEVELS(4000, 3000, 50000) "}",
         "sale 5 50; pack 2 2011-02-01; sale 30 1; sale 31 1", "b@31"},
        {"easier: with the review of its first day", "\"tiers\": {\"window_days\": 100, \"grace_days\": 10, " LEVELS(4000, 3000, 50000) "}",
         "sale 5 50; pack 2 2011-02-01; run 30; run 31", "b@31"},
        {"harder: the tier is kept for its grace", "\"tiers\": {\"window_days\": 100, \"grace_days\": 10, " LEVELS(30000, 20000, 50000) "}",
         "sale 5 100; pack 2 2011-02-01; run 30; run 31; run 40; run 41", "b@5 a@41"},
        {"harder, and lifted in the grace", "\"tiers\": {\"window_days\": 100, \"grace_days\": 10, " LEVELS(30000, 20000, 50000) "}",
         "sale 5 100; pack 2 2011-02-01; run 31; sale 35 100; run 40; run 41; run 50", "b@5"},
        {"a purchase of before, arriving after: by the rules of its day",
         "\"tiers\": {\"window_days\": 100, \"grace_days\": 10, " LEVELS(30000, 20000, 50000) "}",
         "pack 2 2011-02-01; sale 40 1; sale 20 100", "b@40"},
        {"a tier that is no more counts as the lowest", "\"tiers\": {\"levels\": [{\"code\": \"a\"}, {\"code\": \"d\", \"upgrade_at\": 9000}]}",
         "sale 5 100; pack 2 2011-02-01; run 31", "b@5 d@31"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct story row = {rows[i].name, rows[i].story, rows[i].history};
        other_rules = rows[i].rules;
        tell(TIERS, &row, 1);
    }
}

TEST(tier, published_cases_end_as_they_should)
{
    static const struct story rows[] = {
        {"erpnext#24672, #22167, #41564: the first purchase is not tier 2", "sale 1 1; run 2", ""},
        {"erpnext#14930: the last penny lifts, not one before", "sale 1 99; sale 2 1", "b@2"},
        {"open-loyalty#131: points given do not lift", "give 1 1000; sale 2 1; run 3", ""},
        {"POSpire PR#75: a purchase that comes back does not lift", "sale 1 60; back 2; sale 3 60", ""},
        {"nopCommerce#576: bought up, brought back: grace, then gone", "sale 1 500; back 3; run 4; run 13; run 14", "c@1 a@14"},
    };
    tell(TIERS, rows, sizeof rows / sizeof rows[0]);
}
