/* test_ledger.c - what an entry does to the books, without a database.  Tables: the last columns are the
 * answer: postings as "card-80 redeemed+80", then what a person has to be told.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "office/ledger/ledger.h"
#include "tests/packs.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

static struct ledger_facts in;
static struct ledger_effects out;
static struct txn txn, sale;
static struct lot lots[LOTS_MAX];
static struct pack pack;

enum { DAY = 14975, NONE = -1 };

static void make_pack(bool may_owe)
{
    packs_make(&pack, "",
               may_owe ? "\"expiry\": {\"kind\": \"rolling\", \"days\": 100},"
                         " \"redeem\": {\"worth\": 1, \"min\": 1, \"step\": 1, \"max_share\": 1},"
                         " \"refund\": {\"may_owe\": true}"
                       : "\"expiry\": {\"kind\": \"rolling\", \"days\": 100},"
                         " \"redeem\": {\"worth\": 1, \"min\": 1, \"step\": 1, \"max_share\": 1},"
                         " \"refund\": {\"may_owe\": false}");
}

/* A member with card 1 and 100 points in the lot of day DAY + 50. */
static void begin(enum txn_kind kind, uint32_t terminal)
{
    memset(&in, 0, sizeof in);
    memset(&txn, 0, sizeof txn);
    make_pack(true);
    txn.kind = kind;
    txn.id = (struct entry_id){terminal, 9};
    txn.time_s = (int64_t)DAY * SECONDS_PER_DAY;
    txn.member = 7;
    txn.card.b[0] = 1;
    txn.pack_version = 1;
    in.t = &txn;
    in.received_s = txn.time_s;
    in.pack = in.pack_now = &pack;
    in.run_day = INT32_MIN;
    in.today = DAY;
    in.member = (struct ledger_member){.known = true, .id = 7, .short_since_day = DAY_NEVER};
    in.tier_ever = true;
    in.card = (struct ledger_card){true, txn.card, 7, CARD_EV2, CARD_ACTIVE, points_of(100), 7};
    in.owner = in.said = 7;
    in.lots = lots;
    in.lot_count = 1;
    lots[0] = (struct lot){DAY + 50, points_of(100), points_of(0)};
}

static const char *postings(void)
{
    static char text[400];
    size_t used = 0;
    int64_t sum = 0;
    text[0] = 0;
    for (int32_t i = 0; i < out.posting_count; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s%+lld", used ? " " : "",
                                 ledger_account_text(out.postings[i].account),
                                 (long long)points_n(out.postings[i].amount));
        sum += points_n(out.postings[i].amount);
    }
    assert_int_equal(sum, 0); /* I1 */
    return text;
}

static const char *notes(void)
{
    static char text[400];
    size_t used = 0;
    text[0] = 0;
    for (int32_t i = 0; i < out.note_count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", used ? "; " : "",
                                 ledger_answer_text(out.notes[i].answer));
    return text;
}

/* I1: what lots and debt change is what the member's points in all places change. */
static void check_lots(void)
{
    int64_t lot_change = 0, places = 0;
    for (int32_t i = 0; i < out.move_count; i++)
        lot_change += out.moves[i].debt ? -points_n(out.moves[i].owed) : points_n(out.moves[i].lot.left);
    for (int32_t i = 0; i < out.posting_count; i++)
        if (out.postings[i].account <= ACCOUNT_RESERVED)
            places += points_n(out.postings[i].amount);
    assert_int_equal(lot_change, places);
}

static void post(void)
{
    ledger_post(&in, &out);
    (void)postings();
    check_lots();
}

/* ---- intents ---- */

static void intent_is(bool load, enum ledger_proof proof, enum ledger_outcome outcome, int64_t amount)
{
    in.intent = (struct ledger_intent){.known = true,
                                       .id = {load ? 0 : 3, 8},
                                       .load = load,
                                       .card = txn.card,
                                       .amount = points_of(amount),
                                       .time_s = txn.time_s,
                                       .proof = proof,
                                       .outcome = outcome};
    txn.original = in.intent.id;
}

TEST(ledger, points_of_an_intent_follow_proof_and_outcome)
{
    static const struct {
        bool load;
        enum ledger_proof proof;
        enum ledger_outcome outcome;
        const char *place;
    } rows[] = {
        {false, PROOF_NONE, OUTCOME_NONE, "card"},
        {false, PROOF_NONE, OUTCOME_REWARDED, "card"},
        {false, PROOF_NONE, OUTCOME_DROPPED, "card"},
        {false, PROOF_NOT_DONE, OUTCOME_NONE, "card"},
        {false, PROOF_NOT_DONE, OUTCOME_REWARDED, "card"},
        {false, PROOF_NOT_DONE, OUTCOME_DROPPED, "card"},
        {false, PROOF_DONE, OUTCOME_NONE, "transit"},
        {false, PROOF_DONE, OUTCOME_REWARDED, "redeemed"},
        {false, PROOF_DONE, OUTCOME_DROPPED, "held"},
        {true, PROOF_NONE, OUTCOME_NONE, "transit"},
        {true, PROOF_NOT_DONE, OUTCOME_NONE, "held"},
        {true, PROOF_DONE, OUTCOME_NONE, "card"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(
            ledger_account_text(ledger_place(rows[i].load, rows[i].proof, rows[i].outcome)),
            rows[i].place);
}

TEST(ledger, a_commit_posts_what_it_proves_and_no_more)
{
    enum { GOOD = EVIDENCE_GOOD, LOST = EVIDENCE_LOST, BAD = EVIDENCE_BAD, NO = EVIDENCE_NONE };
    static const struct {
        enum txn_kind kind;
        uint32_t terminal;
        enum card_kind card;
        enum txn_commit commit;
        int evidence;
        enum ledger_proof proof; /* before */
        enum ledger_outcome outcome;
        const char *postings, *notes;
    } rows[] = {
        /* the redemption as it should be */
        {TXN_SALE, 3, CARD_EV2, COMMIT_DONE, GOOD, 0, 0, "card-80 redeemed+80", ""},
        {TXN_SALE, 3, CARD_EV1, COMMIT_DONE, GOOD, 0, 0, "card-80 redeemed+80", ""},
        /* evidence that fails pays nothing (I4) */
        {TXN_SALE, 3, CARD_EV2, COMMIT_DONE, BAD, 0, 0, "", "the card's evidence does not hold"},
        {TXN_SALE, 3, CARD_EV2, COMMIT_DONE, LOST, 0, 0, "", "the card's evidence does not hold"},
        /* given up: the card was not seen again */
        {TXN_SALE, 3, CARD_EV2, COMMIT_DOUBT, NO, 0, 0, "", ""},
        {TXN_CANCEL, 3, CARD_EV2, COMMIT_DOUBT, NO, 0, 0, "", ""},
        {TXN_SALE, 3, CARD_EV2, COMMIT_NOT_DONE, NO, 0, 0, "", ""},
        {TXN_CANCEL, 3, CARD_EV2, COMMIT_NOT_DONE, NO, 0, 0, "", ""},
        /* cancelled after the debit: the points go back */
        {TXN_CANCEL, 3, CARD_EV2, COMMIT_DONE, GOOD, 0, 0, "card-80 held+80", ""},
        {TXN_CANCEL, 3, CARD_EV2, COMMIT_DONE, BAD, 0, 0, "", "the card's evidence does not hold"},
        /* ... but not on the word of a till alone (I5): an EV1 record is no more than that */
        {TXN_CANCEL, 3, CARD_EV1, COMMIT_DONE, GOOD, 0, 0, "", ""},
        {TXN_SETTLE, 3, CARD_EV1, COMMIT_DONE, GOOD, 0, OUTCOME_DROPPED, "", ""},
        {TXN_SETTLE, 3, CARD_EV2, COMMIT_DONE, LOST, 0, OUTCOME_DROPPED, "", ""},
        /* settled later, by a till and by head office */
        {TXN_SETTLE, 3, CARD_EV2, COMMIT_DONE, GOOD, 0, OUTCOME_DROPPED, "card-80 held+80", ""},
        {TXN_SETTLE, 3, CARD_EV2, COMMIT_NOT_DONE, NO, 0, OUTCOME_DROPPED, "", ""},
        {TXN_SETTLE, 0, CARD_EV1, COMMIT_DONE, GOOD, 0, OUTCOME_DROPPED, "card-80 held+80", ""},
        {TXN_SETTLE, 0, CARD_EV2, COMMIT_DONE, LOST, 0, OUTCOME_DROPPED, "card-80 held+80", ""},
        /* head office saw the debit before the till's outcome came: neither side has the points */
        {TXN_SETTLE, 0, CARD_EV2, COMMIT_DONE, GOOD, 0, 0, "card-80 transit+80", ""},
        {TXN_SALE, 3, CARD_EV2, COMMIT_DONE, GOOD, PROOF_DONE, 0, "transit-80 redeemed+80", ""},
        {TXN_SALE, 3, CARD_EV2, COMMIT_DOUBT, NO, PROOF_DONE, 0, "transit-80 held+80", ""},
        {TXN_CANCEL, 3, CARD_EV2, COMMIT_DOUBT, NO, PROOF_DONE, 0, "transit-80 held+80", ""},
        {TXN_SALE, 3, CARD_EV2, COMMIT_DONE, BAD, PROOF_DONE, 0, "transit-80 redeemed+80",
         "the card's evidence does not hold"},
        /* settled already: once is enough (I2) */
        {TXN_SETTLE, 3, CARD_EV2, COMMIT_DONE, GOOD, PROOF_DONE, OUTCOME_DROPPED, "", ""},
        {TXN_SETTLE, 0, CARD_EV2, COMMIT_DONE, GOOD, PROOF_DONE, OUTCOME_REWARDED, "", ""},
        {TXN_SETTLE, 3, CARD_EV2, COMMIT_DONE, GOOD, PROOF_DONE, OUTCOME_REWARDED, "", ""},
        /* a till said otherwise before */
        {TXN_SETTLE, 3, CARD_EV2, COMMIT_DONE, GOOD, PROOF_NOT_DONE, OUTCOME_DROPPED, "card-80 held+80",
         "said not done, but the card did it"},
        {TXN_SETTLE, 3, CARD_EV2, COMMIT_NOT_DONE, NO, PROOF_DONE, OUTCOME_DROPPED, "",
         "said not done, but the card did it"},
        {TXN_SALE, 3, CARD_EV2, COMMIT_DONE, GOOD, PROOF_DONE, OUTCOME_DROPPED, "held-80 redeemed+80",
         "the till had said otherwise before"},
        {TXN_CANCEL, 3, CARD_EV2, COMMIT_DONE, GOOD, PROOF_DONE, OUTCOME_REWARDED, "",
         "the till had said otherwise before"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin(rows[i].kind, rows[i].terminal);
        intent_is(false, rows[i].proof, rows[i].outcome, 80);
        txn.redeemed = points_of(80);
        txn.commit = rows[i].commit;
        txn.evidence.kind = rows[i].card;
        in.evidence = rows[i].evidence;
        post();
        if (strcmp(postings(), rows[i].postings) != 0 || strcmp(notes(), rows[i].notes) != 0)
            fail_msg("row %zu: \"%s\" \"%s\"", i, postings(), notes());
    }
}

TEST(ledger, a_load_is_in_transit_until_the_card_tells)
{
    static const struct {
        int64_t delta;
        enum txn_commit commit;
        int evidence;
        enum ledger_proof proof;
        const char *postings, *notes;
    } rows[] = {
        {30, COMMIT_DONE, EVIDENCE_GOOD, PROOF_NONE, "transit-30 card+30", ""},
        {30, COMMIT_NOT_DONE, EVIDENCE_NONE, PROOF_NONE, "transit-30 held+30", ""},
        {30, COMMIT_DOUBT, EVIDENCE_NONE, PROOF_NONE, "", ""},
        {30, COMMIT_DONE, EVIDENCE_BAD, PROOF_NONE, "", "the card's evidence does not hold"},
        {30, COMMIT_DONE, EVIDENCE_LOST, PROOF_NONE, "transit-30 card+30", ""},
        {30, COMMIT_DONE, EVIDENCE_GOOD, PROOF_DONE, "", ""},
        {30, COMMIT_DONE, EVIDENCE_GOOD, PROOF_NOT_DONE, "held-30 card+30",
         "said not done, but the card did it"},
        {-30, COMMIT_DONE, EVIDENCE_GOOD, PROOF_NONE, "transit+30 card-30", ""},
        {-30, COMMIT_NOT_DONE, EVIDENCE_NONE, PROOF_NONE, "transit+30 held-30", ""},
        {0, COMMIT_DONE, EVIDENCE_GOOD, PROOF_NONE, "", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin(TXN_LOAD, 0);
        intent_is(true, rows[i].proof, OUTCOME_NONE, rows[i].delta);
        txn.points = points_of(rows[i].delta);
        txn.commit = rows[i].commit;
        txn.evidence.kind = CARD_EV2;
        in.evidence = rows[i].evidence;
        post();
        if (strcmp(postings(), rows[i].postings) != 0 || strcmp(notes(), rows[i].notes) != 0)
            fail_msg("row %zu: \"%s\" \"%s\"", i, postings(), notes());
        assert_int_equal(out.move_count, 0); /* where points lie is no matter of lots */
    }
    begin(TXN_LOAD_INTENT, 0);
    txn.points = points_of(30);
    post();
    assert_string_equal(postings(), "held-30 transit+30");
    assert_true(out.new_intent);
}

/* Whatever is known, in whatever order it came: the points end at the same place. */
TEST(ledger, arrivals_in_any_order_end_at_the_same_place)
{
    /* 0: the sale given up in doubt, 1: a till's settle, 2: head office's reading, 3: named by the next */
    static const int orders[24][4] = {
        {0, 1, 2, 3}, {0, 1, 3, 2}, {0, 2, 1, 3}, {0, 2, 3, 1}, {0, 3, 1, 2}, {0, 3, 2, 1},
        {1, 0, 2, 3}, {1, 0, 3, 2}, {1, 2, 0, 3}, {1, 2, 3, 0}, {1, 3, 0, 2}, {1, 3, 2, 0},
        {2, 0, 1, 3}, {2, 0, 3, 1}, {2, 1, 0, 3}, {2, 1, 3, 0}, {2, 3, 0, 1}, {2, 3, 1, 0},
        {3, 0, 1, 2}, {3, 0, 2, 1}, {3, 1, 0, 2}, {3, 1, 2, 0}, {3, 2, 0, 1}, {3, 2, 1, 0}};
    for (int o = 0; o < 24; o++) {
        struct ledger_intent now;
        int64_t at[ACCOUNTS] = {0};
        begin(TXN_SALE, 3);
        intent_is(false, PROOF_NONE, OUTCOME_NONE, 80);
        now = in.intent;
        for (int k = 0; k < 4; k++) {
            int event = orders[o][k];
            begin(event == 0 || event == 3 ? TXN_SALE : TXN_SETTLE, event == 2 ? 0 : 3);
            intent_is(false, now.proof, now.outcome, 80);
            in.intent = now;
            txn.redeemed = points_of(80);
            txn.commit = event == 0 ? COMMIT_DOUBT : COMMIT_DONE;
            txn.evidence.kind = CARD_EV2;
            in.evidence = event == 0 ? EVIDENCE_NONE : EVIDENCE_GOOD;
            if (event == 3) { /* another redemption of the same card names ours */
                in.before = now;
                in.evidence_before = now.id;
                in.intent = (struct ledger_intent){.known = false};
                txn.original = (struct entry_id){4, 1};
            }
            post();
            for (int32_t i = 0; i < out.posting_count; i++)
                at[out.postings[i].account] += points_n(out.postings[i].amount);
            if (out.set_count)
                now = out.set[0];
        }
        assert_int_equal(at[ACCOUNT_CARD], -80);
        assert_int_equal(at[ACCOUNT_HELD], 80);
        assert_int_equal(at[ACCOUNT_TRANSIT], 0);
        assert_int_equal(at[ACCOUNT_REDEEMED], 0);
    }
}

TEST(ledger, a_tried_again_intent_closes_the_first)
{
    begin(TXN_INTENT, 3);
    intent_is(false, PROOF_NONE, OUTCOME_NONE, 80);
    post();
    assert_int_equal(out.set_count, 1);
    assert_int_equal(out.set[0].proof, PROOF_NOT_DONE);
    assert_int_equal(out.set[0].outcome, OUTCOME_DROPPED);
    assert_string_equal(postings(), "");
}

TEST(ledger, a_commit_that_does_not_fit_its_intent_is_not_posted)
{
    begin(TXN_SALE, 3);
    txn.commit = COMMIT_DONE;
    txn.redeemed = points_of(80);
    in.evidence = EVIDENCE_GOOD;
    txn.evidence.kind = CARD_EV2;
    txn.original = (struct entry_id){3, 8};
    post();
    assert_string_equal(notes(), "the intent it names is not there");
    intent_is(false, PROOF_NONE, OUTCOME_NONE, 70);
    post();
    assert_string_equal(notes(), "the intent it names is of another card or amount");
    assert_string_equal(postings(), "");
    intent_is(false, PROOF_NONE, OUTCOME_NONE, 80);
    in.intent.card.b[0] = 2;
    post();
    assert_string_equal(notes(), "the intent it names is of another card or amount");
    intent_is(false, PROOF_NONE, OUTCOME_NONE, 80);
    in.counter_taken = true;
    post();
    assert_string_equal(notes(), "another entry has this transaction of the card");
    assert_string_equal(postings(), "");
    assert_false(out.counter);
}

/* ---- purchases ---- */

static void bill(struct txn *t, const char *lines)
{
    int64_t sum = 0;
    t->line_count = packs_lines(t->lines, lines);
    for (int32_t i = 0; i < t->line_count; i++)
        sum += money_minor(t->lines[i].amount);
    t->total = money_of(sum);
}

TEST(ledger, earning_pays_the_debt_first_and_dies_when_it_comes_too_late)
{
    static const struct {
        int64_t owed;
        int32_t run; /* days after the sale; NONE = no run yet */
        const char *postings;
        int64_t owed_after, left, expired;
    } rows[] = {
        {0, NONE, "issued-20 held+20", 0, 20, 0},
        {5, NONE, "issued-20 held+20", 0, 15, 0},
        {50, NONE, "issued-20 held+20", 30, 0, 0},
        {0, 100, "issued-20 held+20", 0, 20, 0},       /* its last day is 100, so it lives on it */
        {0, 101, "issued-20 expired+20", 0, 0, 20},    /* and ends with the run after */
        {5, 101, "issued-20 held+5 expired+15", 0, 0, 15},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin(TXN_SALE, 3);
        in.lot_count = 0;
        in.member.owed = points_of(rows[i].owed);
        in.run_day = rows[i].run == NONE ? INT32_MIN : DAY + rows[i].run;
        bill(&txn, "A 1 20.00");
        txn.points = points_of(20);
        post();
        assert_string_equal(notes(), "");
        if (strcmp(postings(), rows[i].postings) != 0)
            fail_msg("row %zu: \"%s\"", i, postings());
        assert_int_equal(points_n(in.member.owed), rows[i].owed_after);
        int64_t left = 0, expired = 0;
        for (int32_t k = 0; k < in.lot_count; k++)
            left += points_n(lots[k].left), expired += points_n(lots[k].expired);
        assert_int_equal(left, rows[i].left);
        assert_int_equal(expired, rows[i].expired);
    }
}

TEST(ledger, a_redemption_beyond_the_lots_is_owed_and_one_in_time_undoes_expiry)
{
    static const struct {
        int64_t left, expired;
        int32_t ended; /* the lot, days from the event */
        const char *postings;
        int64_t owed;
    } rows[] = {
        {100, 0, 50, "card-80 redeemed+80", 0},
        {30, 0, 50, "card-80 redeemed+80", 50},
        {0, 100, 50, "card-80 redeemed+80 held+80 expired-80", 0}, /* FloCafe#78, arrived late */
        {0, 30, 50, "card-80 redeemed+80 held+30 expired-30", 50},
        {100, 0, -1, "card-80 redeemed+80", 80}, /* ended before: the card still had them */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin(TXN_SALE, 3);
        lots[0] = (struct lot){DAY + rows[i].ended, points_of(rows[i].left), points_of(rows[i].expired)};
        intent_is(false, PROOF_NONE, OUTCOME_NONE, 80);
        txn.redeemed = points_of(80);
        txn.commit = COMMIT_DONE;
        txn.evidence.kind = CARD_EV2;
        in.evidence = EVIDENCE_GOOD;
        post();
        if (strcmp(postings(), rows[i].postings) != 0)
            fail_msg("row %zu: \"%s\"", i, postings());
        assert_int_equal(points_n(in.member.owed), rows[i].owed);
    }
}

TEST(ledger, head_office_posts_its_own_number_and_says_where_it_differs)
{
    begin(TXN_SALE, 3);
    bill(&txn, "A 1 20.00");
    txn.points = points_of(21);
    post();
    assert_string_equal(postings(), "issued-20 held+20");
    assert_string_equal(notes(), "till and head office compute different points");
    assert_true(out.rated);
    assert_int_equal(points_n(out.points_rated), 20);

    begin(TXN_SALE, 3);
    bill(&txn, "A 1 20.00");
    txn.points = points_of(20);
    in.pack = NULL; /* rated by the pack in force, not compared */
    post();
    assert_string_equal(postings(), "issued-20 held+20");
    assert_string_equal(notes(), "head office does not have the pack it was rated by");
    assert_false(out.rated);

    begin(TXN_SALE, 3);
    bill(&txn, "A 1 20.00");
    txn.points = points_of(20);
    pack.effective_day = DAY + 1;
    post();
    assert_string_equal(notes(), "the pack was not in force yet");

    begin(TXN_SALE, 3);
    bill(&txn, "A 1 20.00");
    txn.points = points_of(20);
    pack.clock_skew_s = 600;
    in.received_s = txn.time_s - 601;
    post();
    assert_string_equal(notes(), "the till's clock is off");
    in.received_s = txn.time_s + 30 * SECONDS_PER_DAY; /* late is not wrong */
    in.clock_before_s = txn.time_s + 600;
    post();
    assert_string_equal(notes(), "");
    in.clock_before_s = txn.time_s + 601;
    post();
    assert_string_equal(notes(), "the till's clock is off");
}

TEST(ledger, a_tier_never_held_earns_by_the_one_that_is)
{
    begin(TXN_SALE, 3);
    packs_make(&pack, "",
               "\"tiers\": {\"levels\": [{\"code\": \"bronze\", \"name\": \"Bronze\"},"
               " {\"code\": \"gold\", \"name\": \"Gold\", \"upgrade_at\": 100000, \"factor\": 2}]}");
    bill(&txn, "A 1 20.00");
    snprintf(txn.tier, sizeof txn.tier, "gold");
    snprintf(in.member.tier, sizeof in.member.tier, "bronze");
    txn.points = points_of(40);
    in.tier_ever = false;
    post();
    assert_string_equal(postings(), "issued-20 held+20");
    assert_string_equal(notes(), "the member never held this tier");
    assert_int_equal(points_n(out.points_rated), 40); /* same facts, same answer: I6 holds */
    in.tier_ever = true;                              /* the card was late in hearing of a downgrade */
    in.lot_count = 0;
    post();
    assert_string_equal(postings(), "issued-40 held+40");
    assert_string_equal(notes(), "");
}

/* A bronze member buys for 20.00 where 100.00 a year make gold. */
static void buy_with_gold_at_10000(void)
{
    begin(TXN_SALE, 3);
    packs_make(&pack, "",
               "\"tiers\": {\"metric\": \"spend\", \"window\": \"rolling\", \"window_days\": 365,"
               " \"levels\": [{\"code\": \"bronze\", \"name\": \"Bronze\"},"
               " {\"code\": \"gold\", \"name\": \"Gold\", \"upgrade_at\": 10000, \"keep_at\": 8000}]}");
    bill(&txn, "A 1 20.00");
    snprintf(in.member.tier, sizeof in.member.tier, "bronze");
    txn.points = points_of(20);
}

TEST(ledger, a_purchase_lifts_a_tier_at_once_and_a_review_takes_it)
{
    buy_with_gold_at_10000();
    in.sums.spend = 7999;
    post();
    assert_false(out.tier_moved);
    buy_with_gold_at_10000();
    in.sums.spend = 8000;
    post();
    assert_true(out.tier_moved);
    assert_string_equal(out.new_tier, "gold");

    snprintf(in.member.tier, sizeof in.member.tier, "gold");
    in.sums.spend = 8000;
    ledger_run(&in, DAY, &out);
    assert_false(out.tier_moved);
    in.sums.spend = 7999;
    ledger_run(&in, DAY, &out);
    assert_true(out.tier_moved);
    assert_string_equal(out.new_tier, "bronze");
}

/* ---- points set aside ---- */

TEST(ledger, what_was_set_aside_is_taken_once_or_let_go_once)
{
    static const struct {
        enum txn_kind kind;
        uint32_t terminal;
        int state; /* NONE: there is no such hold */
        int64_t points; /* of 80 */
        const char *postings, *notes;
        int after; /* NONE: as it was */
    } rows[] = {
        {TXN_SALE, 3, HOLD_OPEN, 80, "reserved-80 redeemed+80", "", HOLD_TAKEN},
        {TXN_SALE, 3, HOLD_OPEN, 50, "reserved-80 redeemed+50 held+30", "", HOLD_TAKEN},
        {TXN_SALE, 3, HOLD_OPEN, 81, "", "the points were set aside for another sale", NONE},
        {TXN_SALE, 4, HOLD_OPEN, 80, "", "the points were set aside for another sale", NONE},
        {TXN_SALE, 3, HOLD_RELEASED, 80, "held-80 redeemed+80",
         "the points set aside had been let go before the sale came", HOLD_TAKEN_LATE},
        {TXN_SALE, 3, HOLD_TAKEN, 80, "", "the points set aside had been redeemed before", NONE},
        {TXN_SALE, 3, HOLD_TAKEN_LATE, 80, "", "the points set aside had been redeemed before", NONE},
        {TXN_SALE, 3, NONE, 80, "", "the points it redeems were not set aside", NONE},
        {TXN_CANCEL, 3, HOLD_OPEN, 80, "reserved-80 held+80", "", HOLD_RELEASED},
        {TXN_CANCEL, 4, HOLD_OPEN, 80, "", "the points were set aside for another sale", NONE},
        {TXN_CANCEL, 3, HOLD_RELEASED, 80, "", "", NONE},
        {TXN_CANCEL, 3, HOLD_TAKEN, 80, "", "the till had said otherwise before", NONE},
        {TXN_CANCEL, 3, HOLD_TAKEN_LATE, 80, "", "the till had said otherwise before", NONE},
        {TXN_CANCEL, 3, NONE, 80, "", "the points it redeems were not set aside", NONE},
        {TXN_RELEASE, 0, HOLD_OPEN, 80, "reserved-80 held+80", "", HOLD_RELEASED},
        {TXN_RELEASE, 0, HOLD_RELEASED, 80, "", "", NONE},
        {TXN_RELEASE, 0, HOLD_TAKEN, 80, "", "", NONE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin(rows[i].kind, rows[i].terminal);
        txn.original = (struct entry_id){OFFICE_TERMINAL, 8};
        txn.redeemed = points_of(rows[i].kind == TXN_RELEASE ? 0 : rows[i].points);
        in.hold = (struct ledger_hold){.known = rows[i].state != NONE,
                                       .id = txn.original,
                                       .terminal = 3,
                                       .member = 7,
                                       .amount = points_of(80)};
        if (in.hold.known)
            in.hold.state = rows[i].state;
        if (rows[i].kind == TXN_SALE) {
            txn.line_count = 1;
            txn.lines[0] = (struct txn_line){.sku = "A", .quantity = 1, .amount = money_of(rows[i].points)};
            txn.total = txn.redeemed_value = money_of(rows[i].points);
        }
        post();
        int after = out.hold_set ? out.hold_state : NONE;
        if (strcmp(postings(), rows[i].postings) != 0 || strcmp(notes(), rows[i].notes) != 0 ||
            after != rows[i].after)
            fail_msg("row %zu: \"%s\" \"%s\" %d", i, postings(), notes(), after);
    }
    begin(TXN_HOLD, 0);
    txn.redeemed = points_of(80);
    post();
    assert_string_equal(postings(), "held-80 reserved+80");
    assert_true(out.hold_new);
    assert_int_equal(out.move_count, 0);
    begin(TXN_HOLD, 0);
    in.member.known = false;
    txn.redeemed = points_of(80);
    post();
    assert_string_equal(postings(), "");
    assert_string_equal(notes(), "the member is not known");
    assert_false(out.hold_new);
}

/* ---- refunds ---- */

static void sold(const char *lines, int64_t redeemed)
{
    memset(&sale, 0, sizeof sale);
    sale.kind = TXN_SALE;
    sale.id = (struct entry_id){3, 5};
    sale.time_s = txn.time_s;
    sale.pack_version = 1;
    sale.redeemed = points_of(redeemed);
    sale.redeemed_value = money_of(redeemed);
    sale.commit = redeemed ? COMMIT_DONE : COMMIT_NONE;
    bill(&sale, lines);
    txn.original = sale.id;
    in.original = &sale;
    in.sale = (struct ledger_sale){.known = true, .position = 1, .member = 7, .lot_day = DAY + 100};
    for (int32_t i = 0; i < sale.line_count; i++)
        in.sale.left[i] = in.sale.left_here[i] = sale.lines[i].quantity;
    in.sale.redeemed = points_of(redeemed);
}

TEST(ledger, a_refund_takes_back_what_was_earned)
{
    static const struct {
        bool may_owe;
        int64_t own_left, own_expired, other_left; /* the sale's lot, one that ends earlier */
        const char *back, *postings;
        int64_t owed, let_go;
    } rows[] = {
        {true, 30, 0, 100, "A 3 30.00", "held-30 clawed+30", 0, 0},
        {true, 30, 0, 100, "A 1 10.00", "held-10 clawed+10", 0, 0},
        /* spent meanwhile: from what else is there, then owed or let go */
        {true, 0, 0, 100, "A 3 30.00", "held-30 clawed+30", 0, 0},
        {true, 5, 0, 10, "A 3 30.00", "held-30 clawed+30", 15, 0},
        {false, 5, 0, 10, "A 3 30.00", "held-15 clawed+15", 0, 15},
        {false, 0, 0, 0, "A 3 30.00", "", 0, 30},
        /* ended unused: not asked for a second time */
        {true, 0, 30, 100, "A 3 30.00", "expired-30 clawed+30", 0, 0},
        {true, 10, 20, 100, "A 3 30.00", "held-10 expired-20 clawed+30", 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin(TXN_REFUND, 4);
        make_pack(rows[i].may_owe);
        sold("A 3 30.00", 0);
        lots[0] = (struct lot){DAY + 50, points_of(rows[i].other_left), points_of(0)};
        lots[1] = (struct lot){DAY + 100, points_of(rows[i].own_left), points_of(rows[i].own_expired)};
        in.lot_count = 2;
        bill(&txn, rows[i].back);
        post();
        assert_string_equal(notes(), "");
        if (strcmp(postings(), rows[i].postings) != 0)
            fail_msg("row %zu: \"%s\"", i, postings());
        assert_int_equal(points_n(in.member.owed), rows[i].owed);
        assert_int_equal(points_n(out.let_go), rows[i].let_go);
    }
}

TEST(ledger, redeemed_points_come_back_to_the_lots_they_came_from)
{
    begin(TXN_REFUND, 3);
    sold("A 4 100.00", 8000); /* 80 of the 100.00 paid with 8000 points: earned 20 */
    in.sale.taken[0] = (struct lot_move){DAY + 10, points_of(-3000), points_of(0)};
    in.sale.taken[1] = (struct lot_move){DAY + 50, points_of(-5000), points_of(0)};
    in.sale.taken_count = 2;
    in.lot_count = 2;
    lots[0] = (struct lot){DAY + 50, points_of(100), points_of(0)};
    lots[1] = (struct lot){DAY + 100, points_of(20), points_of(0)};
    bill(&txn, "A 3 75.00");
    txn.pack_version = 1;
    txn.points = points_of(15);
    txn.redeemed = points_of(6000);
    post();
    assert_string_equal(notes(), "");
    assert_string_equal(postings(), "redeemed-6000 held+5985 clawed+15");
    assert_int_equal(points_n(out.points_back), 6000);
    assert_int_equal(in.lot_count, 3); /* last taken comes back first: 5000 of day 50, 1000 of day 10 */
    assert_int_equal(points_n(lots[0].left), 1000);
    assert_int_equal(points_n(lots[1].left), 5100);
    assert_int_equal(points_n(lots[2].left), 5);
}

TEST(ledger, a_refund_that_does_not_fit_its_sale_is_not_posted)
{
    begin(TXN_REFUND, 3);
    bill(&txn, "A 1 10.00");
    txn.original = (struct entry_id){4, 5};
    post();
    assert_true(out.waits);
    assert_string_equal(notes(), "");
    assert_string_equal(postings(), "");
    in.original_is_other = true;
    post();
    assert_false(out.waits);
    assert_string_equal(notes(), "what it refunds is no sale");
    begin(TXN_REFUND, 3);
    sold("A 3 30.00", 0);
    in.sale.left[0] = 1;
    bill(&txn, "A 2 20.00");
    post();
    assert_string_equal(notes(), "goods came back that are not left on the bill");
    assert_string_equal(postings(), "");
    assert_false(out.refund);
}

/* ---- head office's own ---- */

TEST(ledger, a_replaced_card_gives_its_purse_and_what_comes_late_to_held)
{
    begin(TXN_CARD, 0);
    txn.card.b[0] = 2;
    txn.card_kind = CARD_EV2;
    txn.replaces.b[0] = 1;
    in.other = in.card;
    in.card = (struct ledger_card){.uid = txn.card};
    post();
    assert_string_equal(notes(), "");
    assert_string_equal(postings(), "card-100 held+100");
    assert_int_equal(out.other.status, CARD_REPLACED);
    assert_int_equal(out.card.status, CARD_ACTIVE);
    assert_true(out.other_hot);
    assert_false(out.card_hot);

    begin(TXN_SALE, 3); /* an offline redemption of the old one, sent later */
    in.card.status = CARD_REPLACED;
    in.card.purse = points_of(0);
    intent_is(false, PROOF_NONE, OUTCOME_NONE, 80);
    txn.redeemed = points_of(80);
    txn.commit = COMMIT_DONE;
    txn.evidence.kind = CARD_EV2;
    in.evidence = EVIDENCE_GOOD;
    post();
    assert_string_equal(postings(), "held-80 redeemed+80");
    assert_string_equal(notes(), "redeemed from a card that is blocked or replaced");
}

TEST(ledger, a_card_is_bound_once_and_stays_replaced)
{
    static const struct {
        bool known;
        member_id has, wants;
        enum card_status status, asked;
        bool set, hot;
        const char *notes;
    } rows[] = {
        {false, 0, 7, 0, CARD_ACTIVE, true, false, ""},
        {false, 0, 7, 0, CARD_BLOCKED, true, true, ""},
        {true, 0, 7, CARD_ACTIVE, CARD_ACTIVE, true, false, ""},
        {true, 7, 7, CARD_ACTIVE, CARD_BLOCKED, true, true, ""},
        {true, 7, 0, CARD_BLOCKED, CARD_ACTIVE, true, true, ""},
        {true, 8, 7, CARD_ACTIVE, CARD_ACTIVE, false, false, "the card belongs to another member"},
        {true, 7, 7, CARD_REPLACED, CARD_ACTIVE, false, false, "a replaced card stays replaced"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin(TXN_CARD, 0);
        txn.member = rows[i].wants;
        txn.card_status = rows[i].asked;
        in.card = (struct ledger_card){rows[i].known, txn.card,     rows[i].has,
                                       CARD_EV2,      rows[i].status, points_of(0), rows[i].has};
        post();
        if (out.card_set != rows[i].set || out.card_hot != rows[i].hot ||
            strcmp(notes(), rows[i].notes) != 0)
            fail_msg("row %zu: set %d hot %d \"%s\"", i, out.card_set, out.card_hot, notes());
        if (out.card_set)
            assert_int_equal(out.card.member, 7);
    }
}

TEST(ledger, an_adjustment_adds_a_lot_or_takes_the_next_to_expire)
{
    begin(TXN_ADJUST, 0);
    txn.points = points_of(25);
    post();
    assert_string_equal(postings(), "adjusted-25 held+25");
    assert_int_equal(in.lot_count, 2);
    begin(TXN_ADJUST, 0);
    txn.points = points_of(-130);
    post();
    assert_string_equal(postings(), "adjusted+130 held-130");
    assert_int_equal(points_n(in.member.owed), 30);
}
