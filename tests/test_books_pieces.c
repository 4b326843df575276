/* test_books_pieces.c - rewards of which there are only so many, given at tills: a piece is set aside by head office, then
 * given or free again, whatever becomes of the sale.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "tests/ledgers.h"
#include "tests/packs.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

static struct ledgers l;
static struct errmsg why;
static struct real_card card;

/* LAST: one piece.  EACH: one for a member. */
#define TOP                                                                                        \
    "\"redeem\": {\"worth\": 1, \"min\": 1, \"step\": 1, \"max_share\": 1, \"hold_minutes\": 15},"  \
    "\"rewards\": [{\"code\": \"LAST\", \"kind\": \"money\", \"points\": 20, \"value\": 20, \"stock\": 1},"                 \
    "{\"code\": \"EACH\", \"kind\": \"money\", \"points\": 10, \"value\": 10, \"per_member\": 1},"                         \
    "{\"code\": \"GOLD\", \"kind\": \"money\", \"points\": 10, \"value\": 10, \"stock\": 5, \"from\": \"2012-01-01\"},"     \
    "{\"code\": \"FREE\", \"kind\": \"money\", \"points\": 10, \"value\": 10}]"

/* M7 with a card of 100 points and 100 held, M8 with 100 held. */
static void open_books(void)
{
    static int count;
    char name[16];
    snprintf(name, sizeof name, "pieces%d", count++);
    ledgers_open(&l, name, "", TOP);
    ledgers_member(&l, 7, 0);
    ledgers_member(&l, 8, 0);
    ledgers_card(&l, &card, CARD_EV2, 3, 7, 0);
    ledgers_adjust(&l, 7, 100, 1);
    ledgers_load(&l, &card, 1, COMMIT_DONE, true);
    ledgers_adjust(&l, 7, 100, 1);
    ledgers_adjust(&l, 8, 100, 1);
}

/* With the card when means is CARD: a piece alone. */
static enum err ask(uint32_t till, member_id member, enum txn_means means, const char *reward, const char *name, int64_t now_s,
                    struct hold_view *out)
{
    int64_t price = strcmp(reward, "LAST") == 0 ? 20 : 10;
    struct hold_wanted w = {.member = member, .points = points_of(means == MEANS_CARD ? 0 : price), .means = means, .factor = true,
                            .terminal = till, .name = name, .reward = reward};
    return books_hold(l.books, &w, now_s, out, &why);
}

static struct entry_id set_aside(uint32_t till, member_id member, enum txn_means means, const char *reward, int32_t day)
{
    static int asked;
    char name[16];
    struct hold_view h;
    snprintf(name, sizeof name, "n%d", asked++);
    if (ask(till, member, means, reward, name, ledgers_day(day), &h))
        fail_msg("%s", why.text);
    return h.entry;
}

static void expect_refused(uint32_t till, member_id member, enum txn_means means, const char *reward, int32_t day,
                           const char *part)
{
    struct hold_view h;
    assert_int_equal(ask(till, member, means, reward, "refused", ledgers_day(day), &h), ERR_REFUSED);
    if (!strstr(why.text, part))
        fail_msg("%s", why.text);
}

/* Pieces of a reward: set aside, given; and the books are sound. */
static void expect(const char *reward, int64_t aside, int64_t given)
{
    char sql[200];
    const struct pack_reward *r = pack_find_reward(books_pack_on(l.books, (int32_t)(ledgers_day(2) / 86400)), reward);
    struct pieces p;
    snprintf(sql, sizeof sql, "SELECT coalesce(sum(place = 'set aside') * 100 + sum(place = 'given'), 0) FROM piece WHERE"
             " reward = '%s'", reward);
    assert_int_equal(ledgers_sql(&l, sql), aside * 100 + given);
    assert_int_equal(books_pieces(l.books, r, 7, &p, &why), OK);
    assert_int_equal(p.gone, aside + given);
    ledgers_sound(&l);
}

static void let_go_by_time(int64_t now_s, int32_t expected)
{
    int32_t count = -1;
    assert_int_equal(books_release_due(l.books, now_s, &count, &why), OK);
    assert_int_equal(count, expected);
}

/* The entry that ends a sale of M7's card at till 1; of a sale by hold when original is of head office and points are
 * redeemed. */
static struct txn *ending(enum txn_kind kind, struct entry_id original, struct entry_id piece, enum txn_commit commit,
                          int64_t redeemed, const struct txn_evidence *done, int32_t day)
{
    struct txn *t = ledgers_entry(&l, 1, kind, ledgers_day(day));
    t->member = 7;
    bool held = entry_is(original) && original.terminal == OFFICE_TERMINAL && redeemed;
    t->means = held ? MEANS_SUN : MEANS_CARD;
    if (t->means == MEANS_CARD)
        t->card = card.uid;
    t->original = original;
    t->piece = piece.seq;
    t->commit = commit;
    t->redeemed = points_of(redeemed);
    if (commit == COMMIT_DONE)
        t->evidence = *done;
    if (kind == TXN_SALE) {
        bool given = redeemed && (commit == COMMIT_DONE || commit == COMMIT_NONE);
        t->line_count = 1;
        t->lines[0] = (struct txn_line){.sku = "A", .quantity = 1, .amount = money_of(20)};
        t->total = money_of(20);
        t->redeemed_value = money_of(given ? redeemed : 0);
        if (redeemed)
            snprintf(t->reward, sizeof t->reward, "%s", redeemed == 20 ? "LAST" : "EACH");
    }
    return t;
}

TEST(pieces, the_last_one_is_set_aside_once_and_the_same_name_gets_the_same_one)
{
    struct hold_view first, again, other;
    open_books();
    int64_t now = ledgers_day(2), entries;
    assert_int_equal(ask(1, 7, MEANS_CARD, "LAST", "a", now, &first), OK);
    entries = ledgers_sql(&l, "SELECT count(*) FROM entry");
    assert_int_equal(ask(1, 7, MEANS_CARD, "LAST", "a", now + 60, &again), OK);
    assert_true(entry_equal(first.entry, again.entry) && first.until_s == again.until_s);
    assert_int_equal(points_n(first.points), 0);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM entry"), entries);
    assert_int_equal(ask(1, 7, MEANS_CARD, "FREE", "a", now, &other), ERR_CONFLICT);
    expect_refused(2, 8, MEANS_SUN, "LAST", 2, "none is left");
    expect_refused(2, 8, MEANS_CARD, "LAST", 2, "none is left");
    expect_refused(1, 7, MEANS_CARD, "GOLD", 2, "not given today");
    expect("LAST", 1, 0);
    ledgers_expect(&l, 7, 100, 100, 0, 0); /* no point moved */
    ledgers_expect_reviews(&l, "");
    ledgers_close(&l);
}

/* What may become of a sale of a card for which a piece was set aside, and where the piece is then. */
TEST(pieces, with_a_card_the_piece_is_given_when_the_card_paid_and_free_whatever_else_becomes_of_the_sale)
{
    static const struct {
        const char *what;
        enum txn_kind kind;
        enum txn_commit commit; /* NONE: there was no INTENT */
        bool did, given;
    } fates[] = {
        {"paid by the card", TXN_SALE, COMMIT_DONE, true, true},
        {"the card refused, paid in money", TXN_SALE, COMMIT_NOT_DONE, false, false},
        {"torn, the member walks away", TXN_SALE, COMMIT_DOUBT, true, false},
        {"torn before", TXN_SALE, COMMIT_DOUBT, false, false},
        {"never put on the reader, paid in money", TXN_SALE, COMMIT_NONE, false, false},
        {"cancelled after the debit", TXN_CANCEL, COMMIT_DONE, true, false},
        {"cancelled in doubt", TXN_CANCEL, COMMIT_DOUBT, true, false},
        {"cancelled before the card", TXN_CANCEL, COMMIT_NONE, false, false},
    };
    for (size_t i = 0; i < sizeof fates / sizeof *fates; i++) {
        struct txn_evidence done = {0};
        struct entry_id intent = {0, 0};
        open_books();
        struct entry_id piece = set_aside(1, 7, MEANS_CARD, "LAST", 2);
        bool alone = fates[i].commit == COMMIT_NONE;
        if (!alone)
            intent = ledgers_intent(&l, 1, &card, 7, 20, 2, fates[i].did, &done);
        struct txn *t = alone && fates[i].kind == TXN_CANCEL
                            ? ending(TXN_CANCEL, piece, (struct entry_id){0, 0}, COMMIT_NONE, 0, NULL, 2)
                            : ending(fates[i].kind, intent, piece, fates[i].commit, alone ? 0 : 20, &done, 2);
        expect("LAST", 1, 0);
        ledgers_post(&l, t, POST_NEW);
        printf("  %s\n", fates[i].what);
        expect("LAST", 0, fates[i].given);
        let_go_by_time(ledgers_day(3), 0); /* nothing is left to let go */
        if (fates[i].given)
            expect_refused(2, 8, MEANS_SUN, "LAST", 3, "none is left");
        else
            (void)set_aside(2, 8, MEANS_SUN, "LAST", 3);
        ledgers_expect_reviews(&l, "");
        ledgers_sound(&l);
        ledgers_close(&l);
    }
}

TEST(pieces, without_the_card_points_and_piece_are_one_hold_taken_cancelled_or_let_go_by_time)
{
    for (int way = 0; way < 3; way++) {
        open_books();
        struct entry_id hold = set_aside(1, 7, MEANS_SUN, "LAST", 2);
        expect("LAST", 1, 0);
        if (way < 2)
            ledgers_post(&l, ending(way ? TXN_CANCEL : TXN_SALE, hold, (struct entry_id){0, 0}, COMMIT_NONE, 20, NULL, 2), POST_NEW);
        let_go_by_time(ledgers_day(3), way == 2);
        expect("LAST", 0, way == 0);
        ledgers_expect(&l, 7, way == 0 ? 80 : 100, 100, 0, 0);
        ledgers_expect_reviews(&l, "");
        ledgers_close(&l);
    }
}

/* The member has it: that the time had run out before the till could send it is looked at, and nobody gets it twice. */
TEST(pieces, a_sale_that_comes_after_the_time_is_counted_and_looked_at)
{
    struct txn_evidence done;
    open_books();
    struct entry_id piece = set_aside(1, 7, MEANS_CARD, "LAST", 2);
    struct entry_id intent = ledgers_intent(&l, 1, &card, 7, 20, 2, true, &done);
    let_go_by_time(ledgers_day(3), 1);
    expect("LAST", 0, 0);
    struct entry_id sale = ending(TXN_SALE, intent, piece, COMMIT_DONE, 20, &done, 2)->id;
    ledgers_post(&l, &l.t, POST_NEW);
    expect("LAST", 0, 1);
    expect_refused(2, 8, MEANS_SUN, "LAST", 3, "none is left");
    char line[120], name[ENTRY_TEXT_SIZE];
    entry_text(name, sale);
    snprintf(line, sizeof line, "%s the points set aside had been let go before the sale came\n", name);
    ledgers_expect_reviews(&l, line);
    ledgers_close(&l);
}

TEST(pieces, a_refund_of_all_brings_the_piece_back_and_one_of_a_part_does_not)
{
    struct txn_evidence done;
    for (int by_card = 0; by_card < 2; by_card++) {
        open_books();
        struct entry_id none = {0, 0}, aside = set_aside(1, 7, by_card ? MEANS_CARD : MEANS_SUN, "LAST", 2), intent = none;
        if (by_card)
            intent = ledgers_intent(&l, 1, &card, 7, 20, 2, true, &done);
        struct txn *t = ending(TXN_SALE, by_card ? intent : aside, by_card ? aside : none, by_card ? COMMIT_DONE : COMMIT_NONE,
                               20, &done, 2);
        t->lines[1] = (struct txn_line){.sku = "B", .quantity = 1, .amount = money_of(5)};
        t->lines[0].amount = money_of(15);
        t->line_count = 2;
        struct entry_id sale = t->id;
        ledgers_post(&l, t, POST_NEW);
        expect("LAST", 0, 1);
        ledgers_refund(&l, 1, sale, "B 1 0.05", 3);
        expect("LAST", 0, 1);
        ledgers_refund(&l, 1, sale, "A 1 0.15", 3);
        expect("LAST", 0, 0);
        ledgers_expect(&l, 7, by_card ? 120 : 100, by_card ? 80 : 100, 0, 0);
        ledgers_expect_reviews(&l, "");
        (void)set_aside(2, 8, MEANS_SUN, "LAST", 4);
        ledgers_close(&l);
    }
}

TEST(pieces, one_for_each_member_counts_desk_tills_and_merged_numbers)
{
    open_books();
    struct entry_id hold = set_aside(1, 7, MEANS_SUN, "EACH", 2);
    expect_refused(2, 7, MEANS_CARD, "EACH", 2, "as many");
    ledgers_post(&l, ending(TXN_SALE, hold, (struct entry_id){0, 0}, COMMIT_NONE, 10, NULL, 2), POST_NEW);
    expect_refused(2, 7, MEANS_CARD, "EACH", 3, "as many");
    struct txn *t = &l.t;
    memset(t, 0, sizeof *t);
    t->kind = TXN_MERGE;
    t->member = 8;
    t->other = 7;
    snprintf(t->reason, sizeof t->reason, "the same");
    ledgers_own(&l, t, ledgers_day(3));
    expect_refused(2, 8, MEANS_SUN, "EACH", 4, "as many");
    expect_refused(2, 7, MEANS_SUN, "EACH", 4, "as many");
    ledgers_expect_reviews(&l, "");
    ledgers_sound(&l);
    ledgers_close(&l);
}

/* A till that is not ours, or broken: nothing it names gives a piece that was not set aside for it. */
TEST(pieces, what_a_till_may_not_name_is_looked_at_and_takes_nothing)
{
    static const struct {
        const char *what, *review;
    } wrongs[] = {
        {"no piece at all", "redeemed otherwise than the programme says"},
        {"another till's", "the points were set aside for another sale"},
        {"another member's", "the points were set aside for another sale"},
        {"of another reward", "redeemed otherwise than the programme says"}, /* the other one is free */
        {"points, not a piece", "the points were set aside for another sale"},
        {"never set aside", "the points it redeems were not set aside"},
    };
    for (int i = 0; i < 6; i++) {
        struct txn_evidence done;
        struct entry_id piece = {0, 0};
        char line[160], name[ENTRY_TEXT_SIZE], text[400];
        open_books();
        if (i == 1)
            piece = set_aside(2, 7, MEANS_CARD, "LAST", 2);
        else if (i == 2)
            piece = set_aside(1, 8, MEANS_CARD, "LAST", 2);
        else if (i == 3)
            piece = set_aside(1, 7, MEANS_CARD, "EACH", 2);
        else if (i == 4)
            piece = set_aside(1, 7, MEANS_SUN, "LAST", 2);
        else if (i == 5)
            piece = (struct entry_id){OFFICE_TERMINAL, 9999};
        int64_t aside = ledgers_sql(&l, "SELECT count(*) FROM piece WHERE place = 'set aside'");
        struct entry_id intent = ledgers_intent(&l, 1, &card, 7, 20, 2, true, &done);
        struct txn *t = ending(TXN_SALE, intent, piece, COMMIT_DONE, 20, &done, 2);
        entry_text(name, t->id);
        ledgers_post(&l, t, POST_NEW);
        assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM piece WHERE place = 'set aside'"), aside - (i == 3));
        assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM piece WHERE place = 'given'"), 0);
        snprintf(line, sizeof line, "%s %s\n", name, wrongs[i].review);
        text[0] = 0;
        snprintf(text, sizeof text, "%s%s%s", line, i == 5 ? name : "",
                 i == 5 ? " redeemed otherwise than the programme says\n" : "");
        printf("  %s\n", wrongs[i].what);
        ledgers_expect_reviews(&l, text);
        ledgers_sound(&l);
        ledgers_close(&l);
    }
}
