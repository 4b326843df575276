/* test_sale.c - one customer's sale, step by step: tables, traces, and a world small enough to walk
 * about in.  A trace line reads "event -> state", then what was asked for, in the order in which it
 * is carried out.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "terminal/sale.h"
#include "tests/test.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TERMINAL = 7, MEMBER = 12 };

static const struct card_uid card_a = {{4, 1, 2, 3, 4, 5, 6}}, card_b = {{4, 9, 9, 9, 9, 9, 9}};

static struct pack pack_of(void)
{
    struct pack p = {.version = 3, .currency = "GBP", .currency_digits = 2};
    snprintf(p.name, sizeof p.name, "test");
    p.earn = (struct ratio){1, 100}; /* a point for each pound */
    p.tier_count = 2;
    snprintf(p.tiers[0].code, sizeof p.tiers[0].code, "base");
    snprintf(p.tiers[0].name, sizeof p.tiers[0].name, "Base");
    snprintf(p.tiers[1].code, sizeof p.tiers[1].code, "gold");
    snprintf(p.tiers[1].name, sizeof p.tiers[1].name, "Gold");
    for (int i = 0; i < 2; i++) {
        p.tiers[i].factor = (struct ratio){i + 1, 1};
        p.tiers[i].offline_per_tap = points_of(300);
        p.tiers[i].offline_per_day = points_of(500);
    }
    p.worth = (struct ratio){1, 1}; /* a penny for a point */
    p.redeem_min = points_of(10);
    p.redeem_step = points_of(10);
    p.redeem_max_share = (struct ratio){1, 2};
    p.offline_days = 30;
    return p;
}

/* ---- a till made of nothing but a sale ---- */

struct world {
    struct sale sale;
    struct pack pack;
    struct sale_facts facts;
    struct sale_effects out;
    struct card_seen seen;
    struct txn_evidence evidence;
    struct txn written[24]; /* the journal */
    int32_t written_count;
    struct entry_id closes[24];
    char trace[4000];
};

static struct world *world(void)
{
    static struct world w;
    memset(&w, 0, sizeof w);
    sale_init(&w.sale);
    w.pack = pack_of();
    w.facts.now_s = 1291192440; /* 2010-12-01T08:34 */
    w.facts.next = (struct entry_id){TERMINAL, 1};
    w.facts.pack = &w.pack;
    w.facts.shop = "london";
    w.facts.hot = CARD_ACTIVE;
    w.seen.kind = CARD_EV2;
    w.seen.uid = card_a;
    w.seen.profile.member = MEMBER;
    snprintf(w.seen.profile.tier, sizeof w.seen.profile.tier, "gold");
    w.seen.profile.tier_valid_day = day_of_time(w.facts.now_s);
    w.seen.purse = 1000;
    w.evidence.kind = CARD_EV2;
    w.evidence.tmc = 5;
    w.evidence.purse_before = 1000;
    return &w;
}

static void trace(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void trace(struct world *w, const char *format, ...)
{
    size_t used = strlen(w->trace);
    va_list args;
    va_start(args, format);
    vsnprintf(w->trace + used, sizeof w->trace - used, format, args);
    va_end(args);
}

static void trace_effects(struct world *w, enum sale_event_kind kind)
{
    static const char *const cards[] = {"", "debit", "commit", "settle", "release"};
    const struct sale_effects *o = &w->out;
    char text[ENTRY_TEXT_SIZE];
    trace(w, "%s -> %s", sale_event_text(kind), sale_state_text(w->sale.state));
    if (o->append) {
        entry_text(text, o->append->id);
        trace(w, ", append %s %s", txn_kind_text(o->append->kind), text);
        if (entry_is(o->closes))
            trace(w, " closes %u", o->closes.seq);
    }
    if (o->card != SALE_CARD_KEEP)
        trace(w, ", card %s", cards[o->card]);
    if (o->card == SALE_CARD_DEBIT)
        trace(w, " %d as %u", o->amount, o->entry.seq);
    if (o->answered)
        trace(w, ", %s", sale_answer_code(o->answer));
    if (entry_is(o->confirm.entry))
        trace(w, ", confirm %u due %" PRId64 " earned %" PRId64 " redeemed %" PRId64 "%s",
              o->confirm.entry.seq, money_minor(o->confirm.due), points_n(o->confirm.earned),
              points_n(o->confirm.redeemed), o->confirm.repeated ? " again" : "");
    trace(w, "\n");
}

static void step(struct world *w, struct sale_event in)
{
    in.facts = &w->facts;
    sale_step(&w->sale, &in, &w->out);
    trace_effects(w, in.kind);
    if (w->out.answered)
        assert_true(w->out.say.text[0] != 0); /* whoever is answered gets a sentence */
    if (w->out.append) {
        struct errmsg why = {""};
        if (txn_check(w->out.append, &why))
            fail_msg("%s: %s", txn_kind_text(w->out.append->kind), why.text);
        assert_true(w->written_count < 24);
        w->written[w->written_count] = *w->out.append;
        w->closes[w->written_count] = w->out.closes;
    }
}

/* The disk did it: the entry counts. */
static void written(struct world *w)
{
    w->written_count++;
    w->facts.next.seq++;
    step(w, (struct sale_event){.kind = SALE_WRITTEN});
}

static void ask(struct world *w, enum sale_event_kind kind)
{
    step(w, (struct sale_event){.kind = kind});
}

static void tap(struct world *w)
{
    step(w, (struct sale_event){.kind = SALE_TAP, .seen = &w->seen});
}

static void line(struct world *w, const char *sku, int32_t quantity, int64_t minor)
{
    struct txn_line l = {.quantity = quantity, .amount = money_of(minor)};
    snprintf(l.sku, sizeof l.sku, "%s", sku);
    step(w, (struct sale_event){.kind = SALE_LINE, .line = &l});
}

static void redeem(struct world *w, int64_t n)
{
    step(w, (struct sale_event){.kind = SALE_REDEEM, .points = points_of(n)});
}

static void pay(struct world *w, const char *ref, const struct txn *known)
{
    step(w, (struct sale_event){.kind = SALE_PAY, .ref = ref, .known = known});
}

static void ready(struct world *w)
{
    w->evidence.tmc = 5;
    step(w, (struct sale_event){.kind = SALE_CARD_READY, .evidence = &w->evidence});
}

static void card_done(struct world *w)
{
    w->evidence.tmc = 6;
    step(w, (struct sale_event){.kind = SALE_CARD_DONE,
                                .evidence = &w->evidence,
                                .purse = w->seen.purse - (int32_t)points_n(w->sale.wanted)});
}

static void settled(struct world *w, enum txn_commit verdict)
{
    w->evidence.tmc = 6;
    step(w, (struct sale_event){
                .kind = SALE_SETTLED, .verdict = verdict, .evidence = &w->evidence, .purse = 1000});
}

static void bill(struct world *w) /* 30.00, member's card, totalled */
{
    tap(w);
    line(w, "MUG", 2, 1000);
    line(w, "POT", 1, 2000);
    ask(w, SALE_TOTAL);
}

static void assert_trace(struct world *w, const char *expected)
{
    assert_string_equal(w->trace, expected);
}

/* ---- traces ---- */

TEST(sale, earning_is_one_append_and_the_confirmation_comes_after_it)
{
    struct world *w = world();
    bill(w);
    pay(w, "R1", NULL);
    written(w);
    assert_trace(w, "tap -> identified, OK\n"
                    "line -> identified, OK\n"
                    "line -> identified, OK\n"
                    "total -> totalled, OK\n"
                    "pay -> closing, append sale T0007-1\n"
                    "written -> done, OK, confirm 1 due 3000 earned 60 redeemed 0\n");
    assert_int_equal(w->written_count, 1);
    assert_int_equal(w->written[0].pack_version, 3);
    assert_string_equal(w->written[0].tier, "gold");
    assert_string_equal(w->written[0].shop, "london");
    assert_int_equal(w->written[0].member, MEMBER);
}

TEST(sale, redeeming_is_two_appends_the_intent_before_the_commit_the_sale_before_the_confirmation)
{
    struct world *w = world();
    bill(w);
    w->trace[0] = 0;
    redeem(w, 200);
    ready(w);
    written(w);
    card_done(w);
    pay(w, "R1", NULL);
    written(w);
    assert_trace(w, "redeem -> preparing, card debit 200 as 1\n"
                    "card ready -> intending, append intent T0007-1\n"
                    "written -> committing, card commit\n"
                    "card done -> debited, OK\n"
                    "pay -> closing, append sale T0007-2 closes 1\n"
                    "written -> done, OK, confirm 2 due 2800 earned 56 redeemed 200\n");
    assert_int_equal(w->written_count, 2);
    assert_int_equal(points_n(w->written[0].points), 56); /* as if the redemption had happened */
    assert_int_equal(points_n(w->written[0].redeemed), 200);
    assert_int_equal(money_minor(w->written[0].redeemed_value), 200);
    assert_int_equal(w->written[0].evidence.tmc, 5);
    assert_int_equal(w->written[0].line_count, 2);
    assert_int_equal(w->written[1].commit, COMMIT_DONE);
    assert_int_equal(w->written[1].evidence.tmc, 6);
    assert_int_equal(w->written[1].original.seq, 1);
}

TEST(sale, a_lost_commit_is_in_doubt_and_the_same_card_settles_it_as_done)
{
    struct world *w = world();
    bill(w);
    redeem(w, 200);
    ready(w);
    written(w);
    w->trace[0] = 0;
    ask(w, SALE_CARD_LOST);
    pay(w, "R1", NULL);
    ask(w, SALE_WRONG_CARD);
    step(w, (struct sale_event){.kind = SALE_CARD_FAILED, .word = CARD_LEFT});
    settled(w, COMMIT_DONE);
    pay(w, "R1", NULL);
    written(w);
    assert_trace(w, "card lost -> doubt, card settle, DOUBT\n"
                    "pay -> doubt, DOUBT\n"
                    "wrong card -> doubt, WRONG_CARD\n"
                    "card failed -> doubt, card settle, DOUBT\n"
                    "settled -> debited, OK\n"
                    "pay -> closing, append sale T0007-2 closes 1\n"
                    "written -> done, OK, confirm 2 due 2800 earned 56 redeemed 200\n");
}

TEST(sale, a_commit_shown_not_done_is_tried_again_by_an_intent_that_supersedes)
{
    struct world *w = world();
    bill(w);
    redeem(w, 200);
    ready(w);
    written(w);
    ask(w, SALE_CARD_LOST);
    w->trace[0] = 0;
    settled(w, COMMIT_NOT_DONE);
    redeem(w, 200);
    ready(w);
    written(w);
    card_done(w);
    pay(w, "R1", NULL);
    written(w);
    assert_trace(w, "settled -> totalled, OK\n"
                    "redeem -> preparing, card debit 200 as 2\n"
                    "card ready -> intending, append intent T0007-2 closes 1\n"
                    "written -> committing, card commit\n"
                    "card done -> debited, OK\n"
                    "pay -> closing, append sale T0007-3 closes 2\n"
                    "written -> done, OK, confirm 3 due 2800 earned 56 redeemed 200\n");
    assert_int_equal(w->written[1].original.seq, 1);
}

TEST(sale, given_up_in_doubt_the_member_pays_whole_and_nothing_is_booked_as_redeemed)
{
    struct world *w = world();
    bill(w);
    redeem(w, 200);
    ready(w);
    written(w);
    ask(w, SALE_CARD_LOST);
    w->trace[0] = 0;
    ask(w, SALE_GIVE_UP);
    redeem(w, 100);
    pay(w, "R1", NULL);
    written(w);
    assert_trace(w, "give up -> totalled, card release, OK\n"
                    "redeem -> totalled, DOUBT\n"
                    "pay -> closing, append sale T0007-2 closes 1\n"
                    "written -> done, OK, confirm 2 due 3000 earned 60 redeemed 0\n");
    assert_int_equal(w->written[1].commit, COMMIT_DOUBT);
    assert_int_equal(points_n(w->written[1].redeemed), 200); /* was to be debited */
    assert_int_equal(money_minor(w->written[1].redeemed_value), 0);
    assert_int_equal(w->written[1].evidence.kind, CARD_NONE);
}

TEST(sale, a_witness_settles_it_later_and_the_bill_in_hand_goes_on)
{
    struct world *w = world();
    bill(w);
    redeem(w, 200);
    ready(w);
    written(w);
    ask(w, SALE_CARD_LOST);
    ask(w, SALE_GIVE_UP);
    pay(w, "R1", NULL);
    written(w);
    w->trace[0] = 0;
    line(w, "TEA", 1, 500);
    w->evidence.tmc = 6;
    step(w, (struct sale_event){.kind = SALE_WITNESS,
                                .txn = &w->written[0],
                                .verdict = COMMIT_DONE,
                                .evidence = &w->evidence});
    written(w);
    tap(w);
    assert_trace(w, "line -> idle, OK\n"
                    "witness -> closing, append settle T0007-3 closes 1\n"
                    "written -> idle\n"
                    "tap -> identified, OK\n");
    assert_int_equal(w->written[2].original.seq, 1);
    assert_int_equal(w->written[2].commit, COMMIT_DONE);
    assert_int_equal(w->sale.t.line_count, 1);
}

TEST(sale, cancelling_writes_only_what_an_intent_needs)
{
    static const struct {
        const char *claim;
        int until; /* 0 nothing, 1 debit prepared, 2 debited, 3 in doubt */
        int appends;
        enum txn_commit commit;
    } table[] = {
        {"before anything", 0, 0, COMMIT_NONE},
        {"while waiting for the card", 1, 0, COMMIT_NONE},
        {"after the debit: points go back to the member", 2, 2, COMMIT_DONE},
        {"in doubt", 3, 2, COMMIT_DOUBT},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct world *w = world();
        bill(w);
        if (table[i].until >= 1)
            redeem(w, 200);
        if (table[i].until >= 2) {
            ready(w);
            written(w);
        }
        if (table[i].until == 2)
            card_done(w);
        if (table[i].until == 3)
            ask(w, SALE_CARD_LOST);
        ask(w, SALE_CANCEL);
        if (w->sale.state == SALE_CLOSING)
            written(w);
        assert_int_equal(w->sale.state, SALE_IDLE);
        assert_int_equal(w->written_count, table[i].appends);
        if (table[i].appends) {
            assert_int_equal(w->written[1].kind, TXN_CANCEL);
            assert_int_equal(w->written[1].commit, table[i].commit);
            assert_int_equal(w->closes[1].seq, 1);
        }
        assert_true(sale_is_idle(&w->sale));
    }
}

TEST(sale, a_full_disk_confirms_nothing_and_takes_nothing_off_the_card)
{
    struct world *w = world();
    bill(w);
    redeem(w, 200);
    ready(w);
    w->trace[0] = 0;
    ask(w, SALE_NOT_WRITTEN);
    redeem(w, 200);
    ready(w);
    written(w);
    card_done(w);
    pay(w, "R1", NULL);
    ask(w, SALE_NOT_WRITTEN);
    pay(w, "R1", NULL);
    written(w);
    assert_trace(w, "not written -> totalled, card release, IO\n"
                    "redeem -> preparing, card debit 200 as 1\n"
                    "card ready -> intending, append intent T0007-1\n"
                    "written -> committing, card commit\n"
                    "card done -> debited, OK\n"
                    "pay -> closing, append sale T0007-2 closes 1\n"
                    "not written -> debited, IO\n"
                    "pay -> closing, append sale T0007-2 closes 1\n"
                    "written -> done, OK, confirm 2 due 2800 earned 56 redeemed 200\n");
}

TEST(sale, a_restart_finds_the_open_intent_and_asks_for_the_card)
{
    struct world *w = world();
    bill(w);
    step(w, (struct sale_event){.kind = SALE_REDEEM, .points = points_of(200), .ref = "R1"});
    ready(w);
    written(w);
    struct txn intent = w->written[0];
    struct entry_id next = w->facts.next;
    w = world(); /* the power was cut here */
    w->facts.next = next;
    step(w, (struct sale_event){.kind = SALE_RESUME, .txn = &intent});
    assert_non_null(strstr(w->out.say.text, "M12"));
    pay(w, "R2", NULL);
    settled(w, COMMIT_DONE);
    pay(w, "R2", NULL);
    pay(w, NULL, NULL);
    written(w);
    assert_trace(w, "resume -> doubt, card settle, DOUBT\n"
                    "pay -> doubt, DOUBT\n"
                    "settled -> debited, OK\n"
                    "pay -> debited, CONFLICT\n"
                    "pay -> closing, append sale T0007-2 closes 1\n"
                    "written -> done, OK, confirm 2 due 2800 earned 56 redeemed 200\n");
    assert_string_equal(w->written[0].ref, "R1");
}

TEST(sale, the_same_reference_gets_the_first_answer_and_other_contents_are_refused)
{
    struct world *w = world();
    bill(w);
    pay(w, "R1", NULL);
    written(w);
    struct txn first = w->written[0];
    w->trace[0] = 0;
    pay(w, "R1", &first); /* asked again at once */
    bill(w);
    pay(w, "R1", &first); /* the whole bill was sent again */
    tap(w);
    line(w, "MUG", 3, 1500);
    ask(w, SALE_TOTAL);
    pay(w, "R1", &first); /* another bill */
    assert_trace(w, "pay -> done, OK, confirm 1 due 3000 earned 60 redeemed 0 again\n"
                    "tap -> identified, OK\n"
                    "line -> identified, OK\n"
                    "line -> identified, OK\n"
                    "total -> totalled, OK\n"
                    "pay -> done, OK, confirm 1 due 3000 earned 60 redeemed 0 again\n"
                    "tap -> identified, OK\n"
                    "line -> identified, OK\n"
                    "total -> totalled, OK\n"
                    "pay -> totalled, CONFLICT\n");
    assert_int_equal(w->written_count, 1);
}

TEST(sale, a_sale_without_a_card_is_a_sale_and_earns_nothing)
{
    struct world *w = world();
    line(w, "MUG", 1, 500);
    ask(w, SALE_TOTAL);
    redeem(w, 10);
    pay(w, NULL, NULL);
    written(w);
    assert_trace(w, "line -> idle, OK\n"
                    "total -> totalled, OK\n"
                    "redeem -> totalled, NO_CARD\n"
                    "pay -> closing, append sale T0007-1\n"
                    "written -> done, OK, confirm 1 due 500 earned 0 redeemed 0\n");
    assert_int_equal(w->written[0].member, 0);
}

TEST(sale, each_card_that_may_not_be_used_gets_its_own_sentence)
{
    static const struct {
        const char *claim;
        enum card_status hot;
        uint8_t flags;
        member_id member;
        enum sale_answer answer;
        const char *word;
    } table[] = {
        {"good", CARD_ACTIVE, 0, MEMBER, SALE_OK, "1000 points"},
        {"on the hot list", CARD_BLOCKED, 0, MEMBER, SALE_BLOCKED_CARD, "is blocked"},
        {"blocked on the card itself", CARD_ACTIVE, CARD_FLAG_BLOCKED, MEMBER, SALE_BLOCKED_CARD,
         "is blocked"},
        {"replaced", CARD_REPLACED, 0, MEMBER, SALE_BLOCKED_CARD, "was replaced"},
        {"nobody's", CARD_ACTIVE, 0, 0, SALE_UNBOUND_CARD, "belongs to nobody"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct world *w = world();
        w->facts.hot = table[i].hot;
        w->seen.profile.flags = table[i].flags;
        w->seen.profile.member = table[i].member;
        tap(w);
        assert_int_equal(w->out.answer, table[i].answer);
        assert_non_null(strstr(w->out.say.text, table[i].word));
        assert_int_equal(w->sale.state, table[i].answer == SALE_OK ? SALE_IDENTIFIED : SALE_IDLE);
    }
    struct world *w = world();
    step(w, (struct sale_event){.kind = SALE_TAP_REFUSED, .word = CARD_NOT_OURS});
    assert_int_equal(w->out.answer, SALE_FOREIGN_CARD);
    step(w, (struct sale_event){.kind = SALE_TAP_REFUSED, .word = CARD_BAD_ANSWER});
    assert_int_equal(w->out.answer, SALE_BAD_CARD);
}

TEST(sale, the_tier_on_the_card_counts_until_its_last_day)
{
    struct world *w = world();
    w->seen.profile.tier_valid_day = day_of_time(w->facts.now_s) - 1;
    bill(w);
    assert_int_equal(points_n(w->sale.earning.points), 30);
    w = world();
    bill(w);
    assert_int_equal(points_n(w->sale.earning.points), 60);
    w = world();
    snprintf(w->seen.profile.tier, sizeof w->seen.profile.tier,
             "platinum"); /* a tier of later packs */
    bill(w);
    assert_int_equal(points_n(w->sale.earning.points), 30);
}

TEST(sale, what_may_be_redeemed_follows_the_line_and_the_limits)
{
    static const struct {
        const char *claim;
        bool online;
        int64_t asked; /* 0 = all */
        int64_t offline_today;
        int32_t purse;
        int64_t debit; /* 0 = refused */
    } table[] = {
        {"all, online: the purse bounds it", true, 0, 0, 1000, 1000},
        {"all, online: half of the bill bounds it", true, 0, 0, 9000, 1500},
        {"all, offline: the limit of a tap", false, 0, 0, 1000, 300},
        {"all, offline: what is left today", false, 0, 450, 1000, 50},
        {"all, offline: nothing left today", false, 0, 500, 1000, 0},
        {"exactly the limit", false, 300, 0, 1000, 300},
        {"above it", false, 310, 0, 1000, 0},
        {"not a step", true, 15, 0, 1000, 0},
        {"none", true, -10, 0, 1000, 0},
        {"more than there is", true, 1010, 0, 1000, 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct world *w = world();
        w->facts.online = table[i].online;
        w->facts.offline_today = points_of(table[i].offline_today);
        w->seen.purse = table[i].purse;
        bill(w);
        step(w, (struct sale_event){.kind = SALE_REDEEM,
                                    .all = table[i].asked == 0,
                                    .points = points_of(table[i].asked)});
        if (table[i].debit) {
            assert_int_equal(w->out.card, SALE_CARD_DEBIT);
            assert_int_equal(w->out.amount, table[i].debit);
        } else {
            assert_int_equal(w->out.answer, SALE_NO_REDEEM);
            assert_int_equal(w->sale.state, SALE_TOTALLED);
        }
    }
}

TEST(sale, bad_lines_and_too_many_are_refused_and_the_bill_stays)
{
    struct world *w = world();
    line(w, "", 1, 5);
    assert_int_equal(w->out.answer, SALE_BAD_LINE);
    line(w, "A", 0, 5);
    assert_int_equal(w->out.answer, SALE_BAD_LINE);
    line(w, "A", 1, -5);
    assert_int_equal(w->out.answer, SALE_BAD_LINE);
    ask(w, SALE_TOTAL);
    assert_int_equal(w->out.answer, SALE_EMPTY);
    line(w, "A", 1, INT64_MAX);
    line(w, "A", 1, 1);
    assert_int_equal(w->out.answer, SALE_BAD_LINE);
    w = world();
    for (int i = 0; i < TXN_LINES_MAX; i++) {
        w->trace[0] = 0;
        line(w, "A", 1, 1);
    }
    assert_int_equal(w->out.answer, SALE_OK);
    line(w, "A", 1, 1);
    assert_int_equal(w->out.answer, SALE_FULL);
    assert_int_equal(w->sale.t.line_count, TXN_LINES_MAX);
}

TEST(sale, a_line_after_the_total_opens_the_bill_again_but_not_after_a_debit)
{
    struct world *w = world();
    bill(w);
    w->trace[0] = 0;
    line(w, "TEA", 1, 500);
    ask(w, SALE_TOTAL);
    redeem(w, 100);
    ready(w);
    written(w);
    card_done(w);
    line(w, "TEA", 1, 500);
    assert_trace(w, "line -> identified, OK\n"
                    "total -> totalled, OK\n"
                    "redeem -> preparing, card debit 100 as 1\n"
                    "card ready -> intending, append intent T0007-1\n"
                    "written -> committing, card commit\n"
                    "card done -> debited, OK\n"
                    "line -> debited, STATE\n");
    assert_int_equal(money_minor(w->sale.t.total), 3500);
}

/* ---- refunds ---- */

static struct txn sold(struct world *w, int64_t redeemed)
{
    bill(w);
    if (redeemed) {
        redeem(w, redeemed);
        ready(w);
        written(w);
        card_done(w);
    }
    pay(w, NULL, NULL);
    written(w);
    return w->written[w->written_count - 1];
}

static void refund(struct world *w, const struct txn *sale, const int32_t *left,
                   const struct txn_line *back, int32_t count, const char *ref,
                   const struct txn *known)
{
    step(w, (struct sale_event){.kind = SALE_REFUND,
                                .receipt = sale->id,
                                .original = sale,
                                .left = left,
                                .pack_then = &w->pack,
                                .all = back == NULL,
                                .back = back,
                                .back_count = count,
                                .ref = ref,
                                .known = known});
}

TEST(sale, a_refund_is_one_append_and_a_repeat_gets_the_first_answer)
{
    struct world *w = world();
    struct txn sale = sold(w, 200);
    int32_t left[] = {2, 1};
    struct txn_line mug = {.sku = "MUG", .quantity = 1, .amount = money_of(500)};
    w->trace[0] = 0;
    refund(w, &sale, left, &mug, 1, "F1", NULL);
    written(w);
    struct txn first = w->written[2];
    refund(w, &sale, left, &mug, 1, "F1", &first);
    mug.quantity = 2;
    refund(w, &sale, left, &mug, 1, "F1", &first);
    pay(w, "F1", &first);
    assert_trace(w, "refund -> closing, append refund T0007-3\n"
                    "written -> done, OK, confirm 3 due 467 earned 10 redeemed 33\n"
                    "refund -> done, OK, confirm 3 due 467 earned 10 redeemed 33 again\n"
                    "refund -> done, CONFLICT\n"
                    "pay -> done, CONFLICT\n");
}

TEST(sale, any_split_of_a_bill_into_refunds_takes_back_exactly_what_it_gave)
{
    for (int round = 0; round < 40; round++) {
        struct world *w = world();
        struct txn sale = sold(w, round % 2 ? 330 - 30 : 0);
        int32_t left[] = {2, 1};
        struct points earned = points_of(0), redeemed = points_of(0);
        struct money due = money_of(0);
        static const char *const skus[] = {"MUG", "POT", "MUG"};
        static const int64_t minors[] = {500, 2000, 500};
        int order[] = {0, 1, 2};
        for (int i = 2; i > 0; i--) {
            int k = (int)test_below((uint32_t)i + 1), t = order[i];
            order[i] = order[k];
            order[k] = t;
        }
        int parts = 0;
        struct money given = money_of(0);
        for (int i = 0; i < 3; i++) {
            struct txn_line l = {.quantity = 1, .amount = money_of(minors[order[i]])};
            snprintf(l.sku, sizeof l.sku, "%s", skus[order[i]]);
            if (i == 1 && test_below(2)) { /* the rest at once */
                refund(w, &sale, left, NULL, 0, NULL, NULL);
                i = 3;
            } else {
                refund(w, &sale, left, &l, 1, NULL, NULL);
            }
            written(w);
            parts++;
            struct txn *r = &w->written[w->written_count - 1];
            assert_int_equal(sale_refunded(left, &given, &sale, r, NULL), OK);
            assert_true(points_add(&earned, earned, r->points));
            assert_true(points_add(&redeemed, redeemed, r->redeemed));
            assert_true(money_add(&due, due, w->out.confirm.due));
        }
        assert_int_equal(points_n(earned), points_n(sale.points));
        assert_int_equal(points_n(redeemed), points_n(sale.redeemed));
        assert_int_equal(money_minor(due), 3000 - money_minor(sale.redeemed_value));
        refund(w, &sale, left, NULL, 0, NULL, NULL);
        assert_int_equal(w->out.answer, SALE_NOT_SOLD);
    }
}

TEST(sale, a_refund_that_does_not_fit_its_receipt_is_refused)
{
    struct world *w = world();
    struct txn sale = sold(w, 0);
    int32_t left[] = {2, 1};
    static const struct {
        const char *claim, *sku;
        int32_t quantity;
        int64_t minor;
        enum sale_answer answer;
    } table[] = {
        {"never bought", "CUP", 1, 500, SALE_NOT_SOLD},
        {"more than bought", "MUG", 3, 1500, SALE_NOT_SOLD},
        {"quantity 0", "MUG", 0, 500, SALE_BAD_LINE},
        {"negative amount", "MUG", 1, -500, SALE_BAD_LINE},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct txn_line l = {.quantity = table[i].quantity, .amount = money_of(table[i].minor)};
        snprintf(l.sku, sizeof l.sku, "%s", table[i].sku);
        refund(w, &sale, left, &l, 1, NULL, NULL);
        assert_int_equal(w->out.answer, table[i].answer);
        assert_null(w->out.append);
    }
    struct sale_event none = {.kind = SALE_REFUND, .receipt = {TERMINAL, 99}, .all = true};
    step(w, none);
    assert_int_equal(w->out.answer, SALE_NOT_SOLD);
}

TEST(sale, a_receipt_of_another_till_is_recorded_and_head_office_works_out_the_points)
{
    struct world *w = world();
    struct txn_line l = {.sku = "MUG", .quantity = 1, .amount = money_of(500)};
    struct sale_event in = {
        .kind = SALE_REFUND, .receipt = {9, 41}, .back = &l, .back_count = 1, .all = true};
    step(w, in);
    assert_int_equal(w->out.answer, SALE_NOT_SOLD); /* "all" of what we do not know */
    in.all = false;
    step(w, in);
    written(w);
    assert_int_equal(w->out.answer, SALE_OK);
    assert_non_null(strstr(w->out.say.text, "Head office works out the points"));
    assert_int_equal(w->written[0].original.terminal, 9);
    assert_int_equal(points_n(w->written[0].points), 0);
}

/* ---- every state, every event ---- */

static struct world *world_in(enum sale_state state)
{
    struct world *w = world();
    switch (state) {
    case SALE_IDLE:
        break;
    case SALE_IDENTIFIED:
        tap(w);
        break;
    case SALE_TOTALLED:
        bill(w);
        break;
    case SALE_PREPARING:
        bill(w);
        redeem(w, 200);
        break;
    case SALE_INTENDING:
        bill(w);
        redeem(w, 200);
        ready(w);
        break;
    case SALE_COMMITTING:
        bill(w);
        redeem(w, 200);
        ready(w);
        written(w);
        break;
    case SALE_DEBITED:
        bill(w);
        redeem(w, 200);
        ready(w);
        written(w);
        card_done(w);
        break;
    case SALE_DOUBT:
        bill(w);
        redeem(w, 200);
        ready(w);
        written(w);
        ask(w, SALE_CARD_LOST);
        break;
    case SALE_CLOSING:
        bill(w);
        pay(w, NULL, NULL);
        break;
    case SALE_DONE:
        bill(w);
        pay(w, NULL, NULL);
        written(w);
        break;
    case SALE_STATES:
        fail();
    }
    assert_int_equal(w->sale.state, state);
    return w;
}

TEST(sale, every_event_has_a_defined_answer_in_every_state)
{
    static const char letters[SALE_STATES + 1] = "itapNCdoXD";
    /* For each state and event the next state: a letter above, "." = the same.  Columns: */
    static const char columns[][SALE_STATES + 10] = {
        "tap",     "tap refused", "wrong card", "line",      "total",       "redeem",    "pay",
        "written", "not written", "card ready", "card done", "card failed", "card lost", "settled",
        "give up", "cancel",      "refund",     "resume",    "witness"};
    static const char *const table[SALE_STATES] = {
        [SALE_IDLE] = "t...............XoX",      [SALE_IDENTIFIED] = "...............iX.X",
        [SALE_TOTALLED] = "...t.pX........i..X",  [SALE_PREPARING] = "..a......N.a...i...",
        [SALE_INTENDING] = ".......Ca..........", [SALE_COMMITTING] = "..........dao......",
        [SALE_DEBITED] = "......X........X...",   [SALE_DOUBT] = ".............daX...",
        [SALE_CLOSING] = ".......Da..........",   [SALE_DONE] = "t..i...........iXoX",
    };
    for (int from = 0; from < SALE_STATES; from++) {
        char row[SALE_EVENTS + 1] = "";
        for (int kind = 0; kind < SALE_EVENTS; kind++) {
            struct world *w = world_in((enum sale_state)from);
            struct txn_line l = {.sku = "MUG", .quantity = 1, .amount = money_of(500)};
            struct txn intent = {
                .kind = TXN_INTENT, .id = {TERMINAL, 1}, .card = card_b, .member = 3};
            intent.evidence.kind = CARD_EV2;
            intent.redeemed = points_of(50);
            if (from != SALE_PREPARING)
                w->facts.next.seq += 10;
            struct sale_event in = {.kind = (enum sale_event_kind)kind,
                                    .seen = &w->seen,
                                    .word = CARD_LEFT,
                                    .line = &l,
                                    .points = points_of(100),
                                    .evidence = &w->evidence,
                                    .verdict = COMMIT_DONE,
                                    .txn = &intent,
                                    .receipt = {9, 1},
                                    .back = &l,
                                    .back_count = 1};
            assert_string_equal(columns[kind], sale_event_text((enum sale_event_kind)kind));
            step(w, in);
            assert_true((unsigned)w->sale.state < SALE_STATES);
            bool moved = (int)w->sale.state != from;
            row[kind] = moved ? letters[w->sale.state] : '.';
            if (w->out.append) /* I3 */
                assert_true(w->sale.state == SALE_INTENDING || w->sale.state == SALE_CLOSING);
            else /* somebody is told, or something goes on */
                assert_true(w->out.answered || w->out.card != SALE_CARD_KEEP);
            if (w->out.card == SALE_CARD_COMMIT)
                assert_true(from == SALE_INTENDING && kind == SALE_WRITTEN);
            if (entry_is(w->out.confirm.entry))
                assert_true(from == SALE_CLOSING && kind == SALE_WRITTEN);
            if (w->out.answered && w->out.answer == SALE_NOT_NOW)
                assert_false(moved);
        }
        assert_string_equal(row, table[from]);
    }
}

/* ---- a small world: a card with a mind of its own, a disk that fails, power that is cut ---- */

struct truth {
    int32_t purse;          /* what is really on the card */
    uint32_t debits;        /* entries whose commit the card did, as bits */
    uint32_t open;          /* the journal's open INTENT; 0 = none */
    int32_t pending_amount; /* of the debit prepared */
    uint32_t pending_entry;
};

/* Looks at everything that was written: each debit of the card is one that some entry speaks of,
 * and no entry claims one that was not.  Returns points that were paid with. */
static void assert_adds_up(const struct world *w, const struct truth *t)
{
    uint32_t claimed = 0;
    for (int32_t i = 0; i < w->written_count; i++) {
        const struct txn *e = &w->written[i];
        if (e->kind == TXN_INTENT || e->kind == TXN_REFUND)
            continue;
        if (e->commit == COMMIT_DONE) { /* I4: only what the card did */
            assert_true(t->debits & 1u << e->original.seq);
            assert_false(claimed & 1u << e->original.seq); /* and once */
            claimed |= 1u << e->original.seq;
        }
        if (e->commit == COMMIT_NOT_DONE)
            assert_false(t->debits & 1u << e->original.seq);
        assert_true(money_minor(e->redeemed_value) == 0 || e->commit == COMMIT_DONE);
    }
    for (int32_t i = 0; i < w->written_count;
         i++) { /* a debit without an INTENT on disk: never (I3) */
        if (t->debits & 1u << w->written[i].id.seq)
            assert_int_equal(w->written[i].kind, TXN_INTENT);
    }
    assert_false(t->debits >> (w->written_count + 1));
}

static void play(struct world *w, struct truth *t)
{
    while (w->out.append || w->out.card == SALE_CARD_DEBIT || w->out.card == SALE_CARD_COMMIT) {
        if (w->out.append) {
            struct entry_id closes = w->out.closes;
            if (test_below(12) == 0) {
                ask(w, SALE_NOT_WRITTEN);
                continue;
            }
            if (closes.seq && closes.seq == t->open)
                t->open = 0;
            if (w->out.append->kind == TXN_INTENT) {
                assert_int_equal(t->open, 0); /* I1: at most one */
                t->open = w->out.append->id.seq;
            }
            written(w);
        } else if (w->out.card == SALE_CARD_DEBIT) {
            t->pending_amount = w->out.amount;
            t->pending_entry = w->out.entry.seq;
            if (test_below(4) == 0)
                step(w, (struct sale_event){.kind = SALE_CARD_FAILED, .word = CARD_LEFT});
            else
                ready(w);
        } else {
            assert_int_equal(t->open,
                             t->pending_entry); /* I3: the commit is sent after its INTENT */
            uint32_t fate = test_below(4);
            bool acted = fate == 0 || fate == 1;
            if (acted) {
                t->purse -= t->pending_amount;
                t->debits |= 1u << t->pending_entry;
            }
            if (fate == 0)
                card_done(w);
            else if (fate == 3)
                step(w, (struct sale_event){.kind = SALE_CARD_FAILED, .word = CARD_BAD_ANSWER});
            else
                ask(w, SALE_CARD_LOST);
        }
    }
}

TEST(sale, whatever_tears_fails_or_stops_card_and_journal_add_up)
{
    int done = 0, doubtful = 0, resumed = 0;
    for (int round = 0; round < 3000; round++) {
        struct world *w = world();
        struct truth t = {.purse = 1000};
        for (int i = 0; i < 40 && w->written_count < 18; i++) {
            w->trace[0] = 0;
            if (sale_is_idle(&w->sale)) {
                w->seen.purse = t.purse;
                bill(w);
            }
            bool real = (t.debits & 1u << w->sale.intent.seq) != 0;
            switch (test_below(10)) {
            case 0:
                w->seen.purse = t.purse;
                tap(w);
                break;
            case 1:
                line(w, "MUG", 1, 1000);
                break;
            case 2:
                ask(w, SALE_TOTAL);
                break;
            case 3:
            case 4:
                redeem(w, 100);
                break;
            case 5:
                pay(w, NULL, NULL);
                break;
            case 6:
                settled(w, real ? COMMIT_DONE : COMMIT_NOT_DONE);
                break;
            case 7:
                if (test_below(4) == 0)
                    ask(w, SALE_GIVE_UP);
                break;
            case 8:
                if (test_below(4) == 0)
                    ask(w, SALE_CANCEL);
                break;
            case 9:
                if (test_below(3) == 0) { /* the power is cut */
                    sale_init(&w->sale);
                    w->out.append = NULL;
                    w->out.card = SALE_CARD_KEEP;
                    if (t.open) {
                        step(w, (struct sale_event){.kind = SALE_RESUME,
                                                    .txn = &w->written[t.open - 1]});
                        resumed++;
                    }
                }
                break;
            }
            play(w, &t);
            assert_adds_up(w, &t);
        }
        for (int32_t i = 0; i < w->written_count; i++) {
            done += w->written[i].kind == TXN_SALE && w->written[i].commit == COMMIT_DONE;
            doubtful += w->written[i].commit == COMMIT_DOUBT;
        }
    }

    assert_true(done > 500); /* the walk went to the places it is about */
    assert_true(doubtful > 100);
    assert_true(resumed > 100);
}
