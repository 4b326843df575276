/* test_sale.c - one customer's sale, step by step: tables, traces, and a world small enough to walk
 * about in.  A trace line reads "event -> state", then what was asked for, in the order in which it
 * is carried out.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "terminal/sale/sale.h"
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

/* Member 12 by something else than the card; head office was asked. */
static void known(struct world *w, enum txn_means means, member_id member, int64_t spendable)
{
    struct sale_known k = {.means = means,
                           .member = member,
                           .tier = "gold",
                           .spendable = points_of(spendable),
                           .token = {1, 2, 3}};
    step(w, (struct sale_event){.kind = SALE_KNOWN, .known_as = &k});
}

/* With the member's PIN, so that it does not matter what was shown. */
static void redeem_by_code(struct world *w, int64_t n)
{
    static int asked;
    char name[24];
    snprintf(name, sizeof name, "hold-%d", ++asked);
    step(w, (struct sale_event){
                .kind = SALE_REDEEM, .points = points_of(n), .name = name, .second_factor = true});
}

static void held(struct world *w, int64_t n)
{
    step(w, (struct sale_event){.kind = SALE_HELD,
                                .receipt = {0, 55},
                                .points = points_of(n),
                                .until_s = w->facts.now_s + 900});
}

/* A redemption that is no part of a bill here. */
static void alone(struct world *w, int64_t n)
{
    step(w, (struct sale_event){.kind = SALE_REDEEM,
                                .points = points_of(n),
                                .alone = true,
                                .name = "hold-alone",
                                .second_factor = true,
                                .ref = "R1"});
}

static void held_bill(struct world *w) /* 30.00, member 12 by code, totalled */
{
    w->facts.online = true;
    known(w, MEANS_CODE, MEMBER, 1000);
    line(w, "MUG", 2, 1000);
    line(w, "POT", 1, 2000);
    ask(w, SALE_TOTAL);
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

TEST(sale, a_card_that_is_waited_for_can_be_given_up_and_the_bill_stays)
{
    struct world *w = world();
    bill(w);
    redeem(w, 200);
    w->trace[0] = 0;
    ask(w, SALE_GIVE_UP);
    pay(w, "R1", NULL);
    written(w);
    assert_trace(w, "give up -> totalled, card release, OK\n"
                    "pay -> closing, append sale T0007-1\n"
                    "written -> done, OK, confirm 1 due 3000 earned 60 redeemed 0\n");
    assert_int_equal(w->written_count, 1);
}

TEST(sale, a_card_that_never_came_is_told_from_one_that_left)
{
    for (int absent = 0; absent < 2; absent++) {
        struct world *w = world();
        bill(w);
        redeem(w, 200);
        step(w, (struct sale_event){.kind = SALE_CARD_FAILED, .word = CARD_LEFT, .absent = absent});
        assert_int_equal(w->out.answer, SALE_CARD_GONE);
        assert_int_equal(w->sale.state, SALE_TOTALLED);
        assert_non_null(strstr(w->out.say.text, absent ? "No card came" : "left too early"));
    }
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

/* ---- without the card: head office holds ---- */

TEST(sale, a_member_without_the_card_earns_by_number_or_by_token_and_an_unknown_one_by_the_lowest_tier)
{
    static const struct {
        const char *claim;
        enum txn_means means;
        member_id member;
        int64_t earned; /* of 30.00: gold earns twice */
        bool token;
    } table[] = {{"by a code", MEANS_CODE, MEMBER, 60, false},
                 {"by telephone, found by head office", MEANS_PHONE, MEMBER, 60, false},
                 {"by telephone, with the line cut", MEANS_PHONE, 0, 30, true},
                 {"by a tag's UID, with the line cut", MEANS_UID, 0, 30, true}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct world *w = world();
        w->facts.cashier = 3;
        struct sale_known k = {.means = table[i].means,
                               .member = table[i].member,
                               .token = {9, 9},
                               .tier = table[i].member ? "gold" : NULL};
        step(w, (struct sale_event){.kind = SALE_KNOWN, .known_as = &k});
        line(w, "POT", 1, 3000);
        ask(w, SALE_TOTAL);
        assert_int_equal(points_n(w->sale.offer.most), 0); /* no line: nothing to redeem */
        redeem(w, 100);
        assert_int_equal(w->out.answer, SALE_NO_REDEEM);
        pay(w, NULL, NULL);
        written(w);
        const struct txn *t = &w->written[0];
        assert_int_equal(points_n(t->points), table[i].earned);
        assert_int_equal(t->member, table[i].member);
        assert_int_equal(t->means, table[i].means);
        assert_int_equal(t->cashier, 3);
        assert_int_equal(txn_has_token(t), table[i].token);
        assert_true(w->out.confirm.known);
        assert_false(uid_is(&t->card));
    }
}

TEST(sale, what_it_earns_is_without_what_points_pay_from_the_redemption_on_and_whole_again_when_it_fails)
{
    struct world *w = world();
    held_bill(w);
    int64_t whole = points_n(w->sale.earning.points);
    redeem_by_code(w, 200);
    int64_t less = points_n(w->sale.earning.points);
    assert_true(less < whole); /* before the member has confirmed it */
    held(w, 200);
    assert_int_equal(w->sale.state, SALE_DEBITED);
    assert_int_equal(points_n(w->sale.earning.points), less);
    pay(w, "R1", NULL);
    written(w);
    assert_int_equal(points_n(w->written[0].points), less);

    w = world();
    held_bill(w);
    redeem_by_code(w, 200);
    step(w, (struct sale_event){.kind = SALE_HOLD_REFUSED});
    assert_int_equal(w->sale.state, SALE_TOTALLED);
    assert_int_equal(points_n(w->sale.earning.points), whole);
}

TEST(sale, redeeming_without_the_card_asks_head_office_for_a_hold_and_the_sale_takes_it)
{
    struct world *w = world();
    held_bill(w);
    w->trace[0] = 0;
    redeem_by_code(w, 200);
    pay(w, "R1", NULL);
    held(w, 200);
    pay(w, "R1", NULL);
    written(w);
    assert_trace(w, "redeem -> holding\n"
                    "pay -> holding, STATE\n"
                    "held -> debited, OK\n"
                    "pay -> closing, append sale T0007-1\n"
                    "written -> done, OK, confirm 1 due 2800 earned 56 redeemed 200\n");
    const struct txn *t = &w->written[0];
    assert_int_equal(t->original.terminal, OFFICE_TERMINAL);
    assert_int_equal(t->original.seq, 55);
    assert_int_equal(t->commit, COMMIT_NONE);
    assert_int_equal(t->means, MEANS_CODE);
    assert_true(txn_is_held(t));
    assert_false(entry_is(w->closes[0]));
}

TEST(sale, no_answer_to_a_hold_asks_again_by_the_same_name_until_it_is_held_refused_or_given_up)
{
    static const struct {
        const char *claim;
        int lost; /* how often no answer came */
        char then; /* 'h'eld, 'r'efused, 'g'iven up, 'c'ancelled */
        enum sale_state state;
    } table[] = {{"held at once", 0, 'h', SALE_DEBITED},   {"lost twice, then held", 2, 'h', SALE_DEBITED},
                 {"refused", 0, 'r', SALE_TOTALLED},       {"lost, then refused", 1, 'r', SALE_TOTALLED},
                 {"given up at once", 0, 'g', SALE_TOTALLED}, {"lost, given up", 1, 'g', SALE_TOTALLED},
                 {"cancelled", 0, 'c', SALE_IDLE},         {"lost, cancelled", 1, 'c', SALE_IDLE}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct world *w = world();
        char name[TXN_REF_SIZE];
        held_bill(w);
        redeem_by_code(w, 200);
        snprintf(name, sizeof name, "%s", w->sale.hold_name);
        for (int n = 0; n < table[i].lost; n++) {
            ask(w, SALE_HOLD_LOST);
            assert_int_equal(w->out.answer, SALE_NO_ANSWER);
            pay(w, NULL, NULL); /* not before it is known, or given up */
            assert_int_equal(w->out.answer, SALE_NO_ANSWER);
            redeem_by_code(w, 300); /* whatever is asked now, it is the first that is asked again */
            assert_true(w->out.hold);
            assert_string_equal(w->sale.hold_name, name);
            assert_int_equal(points_n(w->sale.wanted), 200);
        }
        if (table[i].then == 'h')
            held(w, 200);
        else if (table[i].then == 'r')
            step(w, (struct sale_event){.kind = SALE_HOLD_REFUSED, .text = "Wrong PIN."});
        else
            ask(w, table[i].then == 'g' ? SALE_GIVE_UP : SALE_CANCEL);
        assert_int_equal(w->sale.state, table[i].state);
        assert_int_equal(w->written_count, 0); /* nothing is open at the till */
        if (table[i].then == 'r')
            assert_non_null(strstr(w->out.say.text, "Wrong PIN."));
        if (table[i].state != SALE_TOTALLED)
            continue;
        redeem_by_code(w, 200); /* a new question has a new name: the old hold is never used */
        assert_string_not_equal(w->sale.hold_name, name);
        ask(w, SALE_GIVE_UP);
        pay(w, NULL, NULL); /* the member pays whole */
        written(w);
        assert_int_equal(money_minor(w->out.confirm.due), 3000);
        assert_false(entry_is(w->written[0].original));
    }
}

TEST(sale, a_held_bill_that_is_cancelled_names_the_hold_and_one_that_ran_out_is_not_used)
{
    struct world *w = world();
    held_bill(w);
    redeem_by_code(w, 200);
    held(w, 200);
    ask(w, SALE_CANCEL);
    written(w);
    assert_int_equal(w->written[0].kind, TXN_CANCEL);
    assert_int_equal(w->written[0].original.seq, 55);
    assert_int_equal(w->written[0].commit, COMMIT_NONE);
    assert_int_equal(points_n(w->written[0].redeemed), 200);

    w = world();
    held_bill(w);
    redeem_by_code(w, 200);
    held(w, 200);
    w->facts.now_s += 901;
    pay(w, NULL, NULL);
    assert_int_equal(w->out.answer, SALE_NO_REDEEM);
    assert_int_equal(w->sale.state, SALE_TOTALLED);
    pay(w, NULL, NULL);
    written(w);
    assert_int_equal(money_minor(w->out.confirm.due), 3000);

    w = world(); /* head office held something else: not ours to use */
    held_bill(w);
    redeem_by_code(w, 200);
    held(w, 190);
    assert_int_equal(w->sale.state, SALE_TOTALLED);
}

TEST(sale, what_can_be_copied_redeems_with_a_pin_or_a_supervisor_and_the_card_above_the_limit_by_a_second_tap)
{
    static const struct {
        const char *claim;
        enum txn_means means;
        int64_t points;
        bool pin;
        uint32_t approved_by;
        enum sale_state state;
    } table[] = {
        {"a telephone number alone", MEANS_PHONE, 100, false, 0, SALE_TOTALLED},
        {"with the PIN", MEANS_PHONE, 100, true, 0, SALE_HOLDING},
        {"with a supervisor", MEANS_PHONE, 100, false, 9, SALE_HOLDING},
        {"a UID alone", MEANS_UID, 100, false, 0, SALE_TOTALLED},
        {"NTAG 424, few points", MEANS_SUN, 100, false, 0, SALE_HOLDING},
        {"NTAG 424, many points", MEANS_SUN, 300, false, 0, SALE_TOTALLED},
        {"a code, many points, PIN", MEANS_CODE, 300, true, 0, SALE_HOLDING},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct world *w = world();
        w->pack.second_factor_above = points_of(200);
        w->facts.online = true;
        known(w, table[i].means, MEMBER, 1000);
        line(w, "POT", 1, 3000);
        ask(w, SALE_TOTAL);
        step(w, (struct sale_event){.kind = SALE_REDEEM,
                                    .points = points_of(table[i].points),
                                    .name = "h",
                                    .second_factor = table[i].pin,
                                    .approved_by = table[i].approved_by});
        assert_int_equal(w->sale.state, table[i].state);
        if (table[i].state != SALE_HOLDING) {
            assert_int_equal(w->out.answer, SALE_NEEDS_APPROVAL);
            continue;
        }
        held(w, table[i].points);
        pay(w, NULL, NULL);
        assert_int_equal(w->sale.t.approved_by, table[i].approved_by);
    }
    struct world *w = world();
    w->pack.second_factor_above = points_of(200);
    bill(w);
    redeem(w, 200);
    assert_false(w->out.second_tap);
    ask(w, SALE_CANCEL);
    bill(w);
    redeem(w, 210);
    assert_true(w->out.second_tap);
    assert_int_equal(w->out.card, SALE_CARD_DEBIT);
}

/* What each means may do: earn always; redeem on line only, but for the card; with a second thing where it can be copied
 * or the points are many. */
TEST(sale, each_means_earns_always_and_redeems_as_the_line_the_limit_and_the_second_factor_let_it)
{
    enum { LIMIT = 200, NO, MORE, HOLD, DEBIT, SECOND_TAP };
    static const struct {
        enum txn_means means;
        int below, above, cut_below, cut_above; /* without a second factor; with one it is HOLD on line */
    } rows[] = {
        {MEANS_CARD, DEBIT, SECOND_TAP, DEBIT, SECOND_TAP},
        {MEANS_SUN, HOLD, MORE, NO, NO},
        {MEANS_CODE, HOLD, MORE, NO, NO},
        {MEANS_TAG, MORE, MORE, NO, NO},
        {MEANS_UID, MORE, MORE, NO, NO},
        {MEANS_PASS, MORE, MORE, NO, NO},
        {MEANS_PHONE, MORE, MORE, NO, NO},
        {MEANS_REGISTER, MORE, MORE, NO, NO},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int n = 0; n < 12; n++) {
            bool online = n % 2, above = n / 2 % 2, pin = n / 4 == 1, supervisor = n / 4 == 2, card = i == 0;
            int wanted = online ? (above ? rows[i].above : rows[i].below) : (above ? rows[i].cut_above : rows[i].cut_below);
            struct world *w = world();
            w->pack.second_factor_above = points_of(LIMIT);
            w->facts.online = online;
            if (card)
                bill(w);
            else {
                known(w, rows[i].means, MEMBER, 1000);
                line(w, "POT", 1, 3000);
                ask(w, SALE_TOTAL);
            }
            step(w, (struct sale_event){.kind = SALE_REDEEM,
                                        .points = points_of(above ? LIMIT + 10 : LIMIT),
                                        .name = "h",
                                        .second_factor = pin,
                                        .approved_by = supervisor ? 9 : 0});
            if ((pin || supervisor) && wanted == MORE)
                wanted = HOLD;
            if ((pin || supervisor) && wanted == SECOND_TAP)
                wanted = DEBIT;
            int got = w->out.card == SALE_CARD_DEBIT    ? (w->out.second_tap ? SECOND_TAP : DEBIT)
                      : w->sale.state == SALE_HOLDING   ? HOLD
                      : w->out.answer == SALE_NO_REDEEM ? NO
                      : w->out.answer == SALE_NEEDS_APPROVAL ? MORE
                                                             : 0;
            if (got != wanted)
                fail_msg("means %d, online %d, above %d, pin %d, supervisor %d: %d instead of %d", (int)rows[i].means,
                         online, above, pin, supervisor, got, wanted);
            if (got == NO || got == MORE) { /* and it goes on without */
                pay(w, NULL, NULL);
                assert_true(points_n(w->sale.t.points) > 0);
                assert_int_equal(points_n(w->sale.t.redeemed), 0);
            }
        }
}

/* ---- by money; a redemption alone ---- */

TEST(sale, money_is_redeemed_by_the_fewest_points_that_cover_it)
{
    static const struct {
        int64_t minor, points; /* 0 = refused */
    } table[] = {{100, 100}, {101, 110}, {1, 10}, {9, 10}, {300, 300}, {301, 0}, {1000, 0}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct world *w = world();
        bill(w);
        step(w, (struct sale_event){.kind = SALE_REDEEM, .money = money_of(table[i].minor)});
        assert_int_equal(w->out.card == SALE_CARD_DEBIT ? w->out.amount : 0, table[i].points);
    }
}

TEST(sale, a_redemption_alone_is_intent_commit_and_sale_in_one_go_and_a_repeat_gets_the_first_answer)
{
    struct world *w = world();
    tap(w);
    w->trace[0] = 0;
    alone(w, 300);
    ready(w);
    written(w);
    card_done(w);
    written(w);
    assert_trace(w, "redeem -> preparing, card debit 300 as 1\n"
                    "card ready -> intending, append intent T0007-1\n"
                    "written -> committing, card commit\n"
                    "card done -> closing, append sale T0007-2 closes 1\n"
                    "written -> done, OK, confirm 2 due 0 earned 0 redeemed 300\n");
    struct txn sale = w->written[1];
    assert_string_equal(sale.ref, "R1");
    assert_string_equal(sale.lines[0].sku, "POINTS");
    assert_int_equal(money_minor(sale.total), 300); /* the pack's share of 1/2 is no bound here */
    struct sale_event again = {
        .kind = SALE_REDEEM, .points = points_of(300), .alone = true, .ref = "R1", .known = &sale};
    step(w, again);
    assert_int_equal(w->out.answer, SALE_OK);
    assert_true(w->out.confirm.repeated);
    again.points = points_of(200);
    step(w, again);
    assert_int_equal(w->out.answer, SALE_CONFLICT);

    w = world(); /* the same by a hold */
    w->facts.online = true;
    known(w, MEANS_CODE, MEMBER, 1000);
    alone(w, 700); /* more than a bill of this shop could have offered */
    held(w, 700);
    written(w);
    assert_int_equal(w->sale.state, SALE_DONE);
    assert_int_equal(points_n(w->out.confirm.redeemed), 700);
    assert_int_equal(money_minor(w->out.confirm.due), 0);
}

TEST(sale, a_redemption_alone_that_fails_leaves_no_bill_and_one_in_doubt_ends_in_sale_or_cancel)
{
    static const struct {
        const char *claim;
        char what;
        enum sale_state state;
        enum txn_kind last; /* 0 = nothing was written */
    } table[] = {{"the card left before", 'f', SALE_IDENTIFIED, 0},
                 {"another card", 'w', SALE_IDENTIFIED, 0},
                 {"the disk is full before the commit", 'n', SALE_IDENTIFIED, 0},
                 {"in doubt, settled as done", 'd', SALE_DONE, TXN_SALE},
                 {"in doubt, given up", 'g', SALE_IDLE, TXN_CANCEL},
                 {"in doubt, not done, cancelled", 'c', SALE_IDLE, TXN_CANCEL}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct world *w = world();
        tap(w);
        alone(w, 200);
        if (table[i].what == 'f')
            step(w, (struct sale_event){.kind = SALE_CARD_FAILED, .word = CARD_LEFT});
        else if (table[i].what == 'w')
            ask(w, SALE_WRONG_CARD);
        else
            ready(w);
        if (table[i].what == 'n')
            ask(w, SALE_NOT_WRITTEN);
        if (table[i].last) {
            written(w);
            ask(w, SALE_CARD_LOST);
        }
        if (table[i].what == 'd')
            settled(w, COMMIT_DONE);
        if (table[i].what == 'g')
            ask(w, SALE_GIVE_UP);
        if (table[i].what == 'c') {
            settled(w, COMMIT_NOT_DONE);
            pay(w, NULL, NULL); /* there is nothing to be paid in money */
            assert_int_equal(w->out.answer, SALE_NOT_NOW);
            ask(w, SALE_CANCEL);
        }
        if (table[i].last) {
            written(w);
            assert_int_equal(w->written[1].kind, table[i].last);
            assert_int_equal(w->closes[1].seq, 1);
        } else {
            assert_int_equal(w->sale.t.line_count, 0);
            line(w, "MUG", 1, 500); /* and an ordinary bill may follow */
            assert_int_equal(w->out.answer, SALE_OK);
        }
        assert_int_equal(w->sale.state, table[i].last ? table[i].state : SALE_IDENTIFIED);
    }
}

TEST(sale, a_till_that_stopped_in_a_redemption_alone_closes_it_when_the_card_tells)
{
    struct world *w = world();
    tap(w);
    alone(w, 200);
    ready(w);
    written(w);
    struct txn intent = w->written[0];
    struct entry_id next = w->facts.next;
    w = world();
    w->facts.next = next;
    step(w, (struct sale_event){.kind = SALE_RESUME, .txn = &intent});
    settled(w, COMMIT_DONE);
    written(w);
    assert_int_equal(w->sale.state, SALE_DONE);
    assert_int_equal(w->written[0].kind, TXN_SALE);
    assert_string_equal(w->written[0].ref, "R1");
}

/* ---- the bill ---- */

TEST(sale, a_total_is_enough_and_lines_can_be_taken_off)
{
    struct world *w = world();
    tap(w);
    step(w, (struct sale_event){.kind = SALE_TOTAL, .money = money_of(2500)});
    assert_int_equal(w->sale.state, SALE_TOTALLED);
    step(w, (struct sale_event){.kind = SALE_TOTAL, .money = money_of(3000)}); /* corrected */
    assert_int_equal(points_n(w->sale.earning.points), 60);
    assert_int_equal(w->sale.t.line_count, 1);
    ask(w, SALE_CANCEL);
    line(w, "MUG", 1, 500);
    step(w, (struct sale_event){.kind = SALE_TOTAL, .money = money_of(3000)});
    assert_int_equal(w->out.answer, SALE_BAD_LINE); /* lines add up by themselves */
    line(w, "POT", 1, 2000);
    line(w, "TEA", 1, 300);
    ask(w, SALE_TOTAL);
    step(w, (struct sale_event){.kind = SALE_LINE_OFF, .number = 2});
    assert_int_equal(w->sale.state, SALE_IDLE); /* opened again */
    assert_int_equal(money_minor(w->sale.t.total), 800);
    assert_string_equal(w->sale.t.lines[1].sku, "TEA");
    static const int32_t wrong[] = {0, -1, 3};
    for (size_t i = 0; i < 3; i++) {
        step(w, (struct sale_event){.kind = SALE_LINE_OFF, .number = wrong[i]});
        assert_int_equal(w->out.answer, SALE_BAD_LINE);
    }
    step(w, (struct sale_event){.kind = SALE_LINE_OFF, .number = 2});
    step(w, (struct sale_event){.kind = SALE_LINE_OFF, .number = 1});
    assert_true(sale_is_idle(&w->sale));
    line(w, "POINTS", 1, 5); /* the name of a redemption alone is no article */
    assert_int_equal(w->out.answer, SALE_BAD_LINE);
}

TEST(sale, a_bill_put_aside_comes_back_whole_earns_for_its_member_and_redeems_only_when_they_show_again)
{
    struct world *w = world();
    struct txn aside;
    struct errmsg why = {""};
    ask(w, SALE_PARK);
    assert_int_equal(w->out.answer, SALE_NOT_NOW);
    bill(w);
    sale_parked(&aside, &w->sale, &w->facts);
    assert_int_equal(txn_check(&aside, &why), OK);
    step(w, (struct sale_event){.kind = SALE_PARK, .number = 1});
    assert_true(sale_is_idle(&w->sale));
    w->pack.earn = (struct ratio){2, 100}; /* a new programme meanwhile: it rates */
    w->pack.version = 4;
    step(w, (struct sale_event){.kind = SALE_TAKE_UP, .txn = &aside});
    ask(w, SALE_TOTAL);
    assert_int_equal(points_n(w->sale.earning.points), 120);
    assert_int_equal(points_n(w->sale.offer.most), 0);
    tap(w);
    assert_int_equal(points_n(w->sale.offer.most), 300);
    pay(w, NULL, NULL);
    written(w);
    assert_int_equal(w->written[0].pack_version, 4);
    assert_int_equal(w->written[0].line_count, 2);
}

/* ---- gifts, joins, ratings ---- */

static void give(struct world *w, int64_t n, uint32_t approved_by)
{
    step(w, (struct sale_event){.kind = SALE_GRANT,
                                .points = points_of(n),
                                .text = "waited long",
                                .approved_by = approved_by});
}

TEST(sale, a_gift_is_within_the_programme_and_the_cashiers_own_limit_or_a_supervisors)
{
    static const struct {
        const char *claim;
        int64_t points, limit, left;
        uint32_t cashier, approved_by;
        bool supervisor;
        enum sale_answer answer;
        uint32_t by;
    } table[] = {
        {"within", 50, 50, 100, 3, 0, false, SALE_OK, 0},
        {"above one gift", 51, 50, 100, 3, 0, false, SALE_NEEDS_APPROVAL, 0},
        {"above one gift, allowed", 51, 50, 100, 3, 9, false, SALE_OK, 9},
        {"above the day", 40, 50, 30, 3, 0, false, SALE_NEEDS_APPROVAL, 0},
        {"above the programme, a supervisor cannot either", 201, 50, 100, 3, 9, false, SALE_NO_REDEEM, 0},
        {"a supervisor at the till", 150, 50, 100, 9, 0, true, SALE_OK, 9},
        {"nobody decides", 10, 50, 100, 0, 0, false, SALE_NO_REDEEM, 0},
        {"nothing", 0, 50, 100, 3, 0, false, SALE_BAD_LINE, 0},
        {"less than nothing", -5, 50, 100, 3, 0, false, SALE_BAD_LINE, 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct world *w = world();
        w->pack.grant_per_gift = points_of(200);
        w->pack.grant_per_day = points_of(500);
        w->facts.cashier = table[i].cashier;
        w->facts.supervisor = table[i].supervisor;
        w->facts.grant_limit = points_of(table[i].limit);
        w->facts.grant_left = points_of(table[i].left);
        bill(w);
        give(w, table[i].points, table[i].approved_by);
        if (table[i].answer == SALE_OK) {
            written(w);
            assert_int_equal(w->written[0].kind, TXN_GRANT);
            assert_int_equal(w->written[0].member, MEMBER);
            assert_int_equal(w->written[0].cashier, table[i].cashier);
            assert_int_equal(w->written[0].approved_by, table[i].by);
            assert_string_equal(w->written[0].reason, "waited long");
        }
        assert_int_equal(w->out.answer, table[i].answer);
        assert_int_equal(w->sale.state, SALE_TOTALLED); /* the bill is as it was */
        assert_int_equal(w->sale.t.line_count, 2);
    }
}

TEST(sale, a_gift_is_taken_back_once_and_needs_a_reason_and_somebody)
{
    struct world *w = world();
    w->pack.grant_per_gift = w->pack.grant_per_day = points_of(200);
    w->facts.cashier = 3;
    w->facts.grant_limit = w->facts.grant_left = points_of(200);
    give(w, 10, 0);
    assert_int_equal(w->out.answer, SALE_NO_CARD);
    tap(w);
    step(w, (struct sale_event){.kind = SALE_GRANT, .points = points_of(10), .text = ""});
    assert_int_equal(w->out.answer, SALE_BAD_LINE);
    give(w, 10, 0);
    ask(w, SALE_NOT_WRITTEN);
    assert_int_equal(w->out.answer, SALE_UNSAVED);
    assert_int_equal(w->sale.state, SALE_IDENTIFIED);
    give(w, 10, 0);
    written(w);
    struct txn gift = w->written[0];
    struct sale_event back = {.kind = SALE_GRANT, .receipt = gift.id, .original = &gift};
    step(w, back);
    written(w);
    assert_int_equal(points_n(w->written[1].points), -10);
    assert_int_equal(w->written[1].original.seq, gift.id.seq);
    back.undone = true;
    step(w, back);
    assert_int_equal(w->out.answer, SALE_NOT_SOLD);
    back.original = &w->written[1]; /* what was taken back is no gift */
    back.undone = false;
    step(w, back);
    assert_int_equal(w->out.answer, SALE_NOT_SOLD);
}

TEST(sale, a_card_that_is_nobodys_joins_and_the_sale_in_hand_earns_for_it)
{
    struct world *w = world();
    w->seen.profile.member = 0;
    ask(w, SALE_JOIN);
    assert_int_equal(w->out.answer, SALE_NO_CARD);
    line(w, "POT", 1, 3000);
    ask(w, SALE_TOTAL);
    tap(w);
    assert_int_equal(w->out.answer, SALE_UNBOUND_CARD);
    ask(w, SALE_JOIN);
    ask(w, SALE_NOT_WRITTEN);
    assert_int_equal(w->sale.means, MEANS_NONE); /* not on disk: not a member */
    ask(w, SALE_JOIN);
    written(w);
    assert_int_equal(w->sale.state, SALE_TOTALLED);
    assert_int_equal(points_n(w->sale.earning.points), 30); /* the lowest tier */
    pay(w, NULL, NULL);
    written(w);
    assert_int_equal(w->written[0].kind, TXN_JOIN);
    assert_true(uid_equal(&w->written[0].card, &card_a));
    assert_int_equal(w->written[0].card_kind, CARD_EV2);
    assert_int_equal(points_n(w->written[1].points), 30);
    assert_true(uid_equal(&w->written[1].card, &card_a));
    assert_true(w->out.confirm.known);
    tap(w); /* the till's journal knows it; the card itself does not yet */
    assert_int_equal(w->out.answer, SALE_UNBOUND_CARD);
    w->facts.joined = true;
    tap(w);
    assert_int_equal(w->out.answer, SALE_OK);
    assert_int_equal(w->sale.member, 0);
    w->facts.joined = false; /* head office gave it a number */
    w->facts.card_member = 77;
    w->facts.card_tier = "gold";
    tap(w);
    assert_int_equal(w->sale.member, 77);
    assert_string_equal(w->sale.tier, "gold");
}

TEST(sale, why_no_more_can_be_spent_is_the_reason_that_holds_here)
{
    struct redeem_offer offer;
    struct world *w = world();
    w->facts.online = true;
    w->seen.purse = 1000;
    tap(w);
    assert_null(sale_spendable(&w->sale, &w->facts, &offer));
    assert_int_equal(points_n(offer.most), 1000);
    w->facts.locked = true;
    assert_non_null(strstr(sale_spendable(&w->sale, &w->facts, &offer), "locked"));
    assert_int_equal(points_n(offer.most), 0);
    w = world(); /* with the line cut */
    w->seen.purse = 1000;
    tap(w);
    assert_string_equal(sale_spendable(&w->sale, &w->facts, &offer), redeem_answer_text(REDEEM_OFFLINE_TAP_LIMIT));
    assert_int_equal(points_n(offer.most), 300);
    w->facts.offline_today = points_of(500);
    assert_string_equal(sale_spendable(&w->sale, &w->facts, &offer), redeem_answer_text(REDEEM_OFFLINE_DAY_LIMIT));
    w->facts.clock_behind = true;
    assert_non_null(strstr(sale_spendable(&w->sale, &w->facts, &offer), "clock"));
    w->sale.means = MEANS_PHONE;
    assert_string_equal(sale_spendable(&w->sale, &w->facts, &offer), means_answer_text(MEANS_ONLINE_ONLY));
    assert_int_equal(points_n(offer.most), 0);
}

TEST(sale, the_tier_is_head_offices_while_the_line_is_up_and_else_the_cards)
{
    for (int online = 0; online < 2; online++) {
        struct world *w = world();
        w->facts.online = online;
        w->facts.card_tier = "base"; /* told now; or remembered of an earlier tap, and older than the card's */
        tap(w);
        assert_int_equal(w->sale.member, 12);
        assert_string_equal(w->sale.tier, online ? "base" : "gold");
    }
}

TEST(sale, a_rating_is_of_the_sale_just_done_or_of_a_receipt_and_is_given_once)
{
    struct world *w = world();
    step(w, (struct sale_event){.kind = SALE_RATE, .number = 2});
    assert_int_equal(w->out.answer, SALE_NOT_SOLD);
    bill(w);
    pay(w, NULL, NULL);
    written(w);
    static const int32_t wrong[] = {0, 4, -1};
    for (size_t i = 0; i < 3; i++) {
        step(w, (struct sale_event){.kind = SALE_RATE, .number = wrong[i]});
        assert_int_equal(w->out.answer, SALE_BAD_LINE);
    }
    step(w, (struct sale_event){.kind = SALE_RATE, .number = 3});
    written(w);
    assert_int_equal(w->written[1].kind, TXN_RATING);
    assert_int_equal(w->written[1].rating, 3);
    assert_int_equal(w->written[1].original.seq, 1);
    assert_int_equal(w->written[1].member, MEMBER);
    assert_int_equal(w->sale.state, SALE_DONE);
    assert_int_equal(w->sale.last.entry.seq, 1); /* the receipt stays the sale's */
    step(w, (struct sale_event){.kind = SALE_RATE, .number = 1});
    assert_int_equal(w->out.answer, SALE_CONFLICT);
    step(w, (struct sale_event){.kind = SALE_RATE, .number = 1, .receipt = {9, 41}});
    written(w);
    assert_int_equal(w->written[2].original.terminal, 9);
}

/* ---- what head office and the clock forbid ---- */

TEST(sale, a_locked_till_takes_and_gives_no_points_sells_on_and_finishes_what_was_begun)
{
    struct world *w = world();
    w->facts.locked = true;
    tap(w);
    assert_int_equal(w->out.answer, SALE_LOCKED);
    known(w, MEANS_CODE, MEMBER, 100);
    assert_int_equal(w->out.answer, SALE_LOCKED);
    line(w, "POT", 1, 3000);
    ask(w, SALE_TOTAL);
    pay(w, NULL, NULL);
    written(w);
    assert_int_equal(points_n(w->written[0].points), 0);
    w->facts.locked = false;
    bill(w);
    w->facts.locked = true;
    redeem(w, 100);
    assert_int_equal(w->out.answer, SALE_LOCKED);
    w->facts.locked = false;
    redeem(w, 100);
    ready(w);
    written(w);
    w->facts.locked = true;
    card_done(w);
    pay(w, NULL, NULL);
    written(w);
    assert_int_equal(points_n(w->out.confirm.redeemed), 100);
}

TEST(sale, with_the_clock_behind_no_card_redeems_off_line_and_the_sentence_says_so)
{
    struct world *w = world();
    w->facts.clock_behind = true;
    bill(w);
    assert_int_equal(points_n(w->sale.offer.most), 0);
    assert_non_null(strstr(w->out.say.text, "clock"));
    redeem(w, 100);
    assert_int_equal(w->out.answer, SALE_NO_REDEEM);
    w->facts.online = true; /* head office's own limits need no day */
    tap(w);
    redeem(w, 100);
    assert_int_equal(w->out.card, SALE_CARD_DEBIT);
}

/* ---- money back ---- */

TEST(sale, money_given_back_without_goods_telescopes_with_goods_and_a_supervisor_is_asked_above_the_limit)
{
    struct world *w = world();
    struct txn sale = sold(w, 200); /* 30.00, 2.00 of it by points, 56 earned */
    int32_t left[] = {2, 1};
    struct money given = money_of(0);
    struct sale_event in = {.kind = SALE_REFUND,
                            .receipt = sale.id,
                            .original = &sale,
                            .left = left,
                            .pack_then = &w->pack,
                            .money = money_of(1500),
                            .ref = "F1"};
    w->facts.staffed = true;
    w->facts.cashier = 3;
    w->facts.refund_limit = money_of(1000);
    step(w, in);
    assert_int_equal(w->out.answer, SALE_NEEDS_APPROVAL);
    in.approved_by = 9;
    step(w, in);
    written(w);
    struct txn first = w->written[2];
    assert_int_equal(first.line_count, 0);
    assert_int_equal(first.approved_by, 9);
    assert_int_equal(points_n(first.points), 28);
    assert_int_equal(points_n(first.redeemed), 100);
    assert_int_equal(money_minor(w->out.confirm.due), 1400);
    in.known = &first; /* the same again */
    step(w, in);
    assert_true(w->out.confirm.repeated);
    in.money = money_of(1400);
    step(w, in);
    assert_int_equal(w->out.answer, SALE_CONFLICT);
    assert_int_equal(sale_refunded(left, &given, &sale, &first, NULL), OK);
    in = (struct sale_event){.kind = SALE_REFUND,
                             .receipt = sale.id,
                             .original = &sale,
                             .left = left,
                             .given = given,
                             .pack_then = &w->pack,
                             .money = money_of(1501),
                             .approved_by = 9};
    step(w, in);
    assert_int_equal(w->out.answer, SALE_NOT_SOLD); /* more than is left */
    in.money = money_of(0);
    in.all = true;
    step(w, in);
    written(w);
    assert_int_equal(points_n(w->written[3].points) + points_n(first.points), 56);
    assert_int_equal(points_n(w->written[3].redeemed) + points_n(first.redeemed), 200);

    in = (struct sale_event){.kind = SALE_REFUND, .receipt = {9, 41}, .money = money_of(100)};
    step(w, in);
    assert_int_equal(w->out.answer, SALE_NEEDS_APPROVAL); /* of another till, however little */
    in.approved_by = 9;
    step(w, in);
    written(w);
    assert_int_equal(money_minor(w->written[4].total), 100);
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
    case SALE_HOLDING:
        held_bill(w);
        redeem_by_code(w, 200);
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

/* States that look alike from outside, but are not. */
enum { WORLD_HOLD_LOST = SALE_STATES, WORLD_HELD, WORLD_ALONE_DOUBT, WORLD_ALONE_NOT_DONE, WORLDS };

static struct world *world_like(int n)
{
    if (n < SALE_STATES)
        return world_in((enum sale_state)n);
    struct world *w = world();
    if (n == WORLD_HOLD_LOST || n == WORLD_HELD) {
        held_bill(w);
        redeem_by_code(w, 200);
        if (n == WORLD_HELD)
            held(w, 200);
        else
            ask(w, SALE_HOLD_LOST);
    } else {
        tap(w);
        alone(w, 200);
        ready(w);
        written(w);
        ask(w, SALE_CARD_LOST);
        if (n == WORLD_ALONE_NOT_DONE)
            settled(w, COMMIT_NOT_DONE);
    }
    return w;
}

TEST(sale, every_event_has_a_defined_answer_in_every_state)
{
    static const char letters[SALE_STATES + 1] = "itapNCHdoXD";
    /* For each state and event the next state: a letter above, "." = the same.  Columns: */
    static const char columns[][20] = {
        "tap",         "tap refused",  "wrong card", "known",   "line",         "line off",
        "coupon",      "total",       "redeem",       "pay",        "written", "not written",  "card ready",
        "card done",   "card failed",  "card lost",  "settled", "held",         "hold refused",
        "hold lost",   "give up",      "cancel",     "refund",  "resume",       "witness",
        "grant",       "join",         "rate",       "park",    "take up"};
    static const char *const table[WORLDS] = {
        [SALE_IDLE] = "t..t..................XoX.XX..",
        [SALE_IDENTIFIED] = ".....................iX.XXXX..",
        [SALE_TOTALLED] = "....ttt.pX...........i..XXXXi.",
        [SALE_PREPARING] = "..a.........N.a.....ai........",
        [SALE_INTENDING] = "..........Ca..................",
        [SALE_COMMITTING] = ".............dao..............",
        [SALE_HOLDING] = ".................da.ai........",
        [SALE_DEBITED] = ".........X...........X........",
        [SALE_DOUBT] = "................d...aX........",
        [SALE_CLOSING] = "..........Da..................",
        [SALE_DONE] = "t..ti.i..............iXoXXXX.i",
        [WORLD_HOLD_LOST] = ".................da.ai........",
        [WORLD_HELD] = ".........X...........X........",
        [WORLD_ALONE_DOUBT] = "................X...XX........",
        [WORLD_ALONE_NOT_DONE] = "........p............X........",
    };
    for (int from = 0; from < WORLDS; from++) {
        char row[SALE_EVENTS + 1] = "";
        for (int kind = 0; kind < SALE_EVENTS; kind++) {
            struct world *w = world_like(from);
            enum sale_state before = w->sale.state;
            struct txn_line l = {.sku = "MUG", .quantity = 1, .amount = money_of(500)};
            struct txn intent = {
                .kind = TXN_INTENT, .id = {TERMINAL, 1}, .card = card_b, .member = 3};
            intent.evidence.kind = CARD_EV2;
            intent.redeemed = points_of(50);
            struct txn aside = {
                .kind = TXN_SALE, .line_count = 1, .total = l.amount, .lines = {l}};
            struct sale_known as = {.means = MEANS_PHONE, .token = {1}};
            if (before != SALE_PREPARING)
                w->facts.next.seq += 10;
            w->facts.cashier = 3;
            w->facts.grant_limit = w->facts.grant_left = points_of(100);
            w->pack.grant_per_gift = w->pack.grant_per_day = points_of(100);
            w->sale.fresh = card_b;
            struct sale_event in = {.kind = (enum sale_event_kind)kind,
                                    .seen = &w->seen,
                                    .known_as = &as,
                                    .word = CARD_LEFT,
                                    .line = &l,
                                    .number = 1,
                                    .points = points_of(kind == SALE_HELD ? 200 : 100),
                                    .evidence = &w->evidence,
                                    .verdict = COMMIT_DONE,
                                    .txn = kind == SALE_TAKE_UP ? &aside : &intent,
                                    .receipt = {9, kind == SALE_GRANT ? 0 : 1},
                                    .back = &l,
                                    .back_count = 1,
                                    .text = "sorry",
                                    .name = "hold-x",
                                    .until_s = w->facts.now_s + 900};
            assert_string_equal(columns[kind], sale_event_text((enum sale_event_kind)kind));
            step(w, in);
            assert_true((unsigned)w->sale.state < SALE_STATES);
            bool moved = w->sale.state != before;
            row[kind] = moved ? letters[w->sale.state] : '.';
            if (w->out.append) /* I3 */
                assert_true(w->sale.state == SALE_INTENDING || w->sale.state == SALE_CLOSING);
            else /* somebody is told, or something goes on */
                assert_true(w->out.answered || w->out.card != SALE_CARD_KEEP || w->out.hold);
            if (w->out.card == SALE_CARD_COMMIT)
                assert_true(before == SALE_INTENDING && kind == SALE_WRITTEN);
            if (entry_is(w->out.confirm.entry))
                assert_true(before == SALE_CLOSING && kind == SALE_WRITTEN);
            if (w->out.hold)
                assert_true(w->sale.state == SALE_HOLDING && w->sale.hold_asked);
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

/* ---- coupons, ways of paying, marks, rewards ---- */

static void coupon(struct world *w, const char *code)
{
    step(w, (struct sale_event){.kind = SALE_COUPON, .text = code});
}

TEST(sale, coupons_are_on_the_bill_once_each_and_open_a_closed_one_again)
{
    static const char *const bad[] = {"", "1234567890123456", "A B", "\xe9\x87\x91", "A\n"};
    struct world *w = world();
    w->pack.bonus_count = 1;
    w->pack.bonuses[0].points = points_of(7);
    snprintf(w->pack.bonuses[0].scope.coupon, sizeof w->pack.bonuses[0].scope.coupon, "TEA-*");
    bill(w);
    assert_int_equal(points_n(w->sale.earning.points), 60);
    w->trace[0] = 0;
    coupon(w, "TEA-1");
    assert_int_equal(w->sale.state, SALE_IDENTIFIED);
    coupon(w, "TEA-1");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        coupon(w, bad[i]);
        assert_int_equal(w->out.answer, SALE_BAD_LINE);
    }
    coupon(w, "B");
    coupon(w, "C");
    coupon(w, "D");
    coupon(w, "E");
    assert_int_equal(w->out.answer, SALE_FULL);
    ask(w, SALE_TOTAL);
    assert_int_equal(points_n(w->sale.earning.points), 74); /* a visit's, times the tier */
    pay(w, "R1", NULL);
    written(w);
    assert_int_equal(w->written[0].coupon_count, 4);
    assert_string_equal(w->written[0].coupons[0], "TEA-1");
    assert_string_equal(w->written[0].coupons[3], "D");
    coupon(w, "TEA-2"); /* of the next customer */
    assert_int_equal(w->sale.state, SALE_IDLE);
    assert_int_equal(w->sale.t.coupon_count, 1);
}

TEST(sale, how_the_rest_was_paid_is_kept_and_may_earn_nothing)
{
    struct world *w = world();
    struct txn_tender tenders[] = {{"giftcard", money_of(1000)}, {"cash", money_of(1801)}};
    w->pack.exclude_tender_count = 1;
    snprintf(w->pack.exclude_tenders[0], sizeof w->pack.exclude_tenders[0], "giftcard");
    bill(w);
    redeem(w, 200);
    ready(w);
    written(w);
    card_done(w);
    struct sale_event in = {.kind = SALE_PAY, .ref = "R1", .tenders = tenders, .tender_count = 2};
    step(w, in); /* a penny more than is due */
    assert_int_equal(w->out.answer, SALE_BAD_LINE);
    assert_int_equal(w->sale.state, SALE_DEBITED);
    tenders[1].amount = money_of(1800);
    tenders[0].code[0] = 0;
    step(w, in);
    assert_int_equal(w->out.answer, SALE_BAD_LINE);
    tenders[0].code[0] = 'g';
    step(w, in);
    ask(w, SALE_NOT_WRITTEN);
    step(w, in); /* tried again: not twice on the bill */
    written(w);
    assert_int_equal(w->written[1].tender_count, 2);
    assert_string_equal(w->written[1].tenders[0].code, "giftcard");
    assert_int_equal(money_minor(w->written[1].tenders[1].amount), 1800);
    assert_int_equal(points_n(w->written[1].points), 36); /* 18.00, times 2 for gold */
    assert_int_equal(points_n(w->sale.last.earned), 36);
}

TEST(sale, marks_come_with_the_tap_and_only_while_the_line_is_up)
{
    static const char marks[][TXN_NAME_SIZE] = {"first", "vip"};
    struct world *w = world();
    w->pack.bonus_count = 1;
    w->pack.bonuses[0].points = points_of(7);
    snprintf(w->pack.bonuses[0].scope.mark, sizeof w->pack.bonuses[0].scope.mark, "first");
    w->facts.marks = marks;
    w->facts.mark_count = 2;
    tap(w); /* no line: whatever is there is of another time */
    assert_int_equal(w->sale.t.mark_count, 0);
    w->facts.online = true;
    tap(w);
    assert_int_equal(w->sale.t.mark_count, 2);
    line(w, "MUG", 1, 1000);
    ask(w, SALE_TOTAL);
    assert_int_equal(points_n(w->sale.earning.points), 34);
    w->facts.mark_count = 0;
    tap(w); /* the same card, and head office says otherwise now */
    assert_int_equal(w->sale.t.mark_count, 0);
    assert_int_equal(points_n(w->sale.earning.points), 20);
    w->facts.mark_count = 1;
    known(w, MEANS_CODE, MEMBER, 0);
    ask(w, SALE_CANCEL);
    known(w, MEANS_CODE, MEMBER, 0);
    line(w, "MUG", 1, 1000);
    ask(w, SALE_TOTAL);
    pay(w, "R1", NULL);
    assert_int_equal(w->written[0].mark_count, 1);
    assert_string_equal(w->written[0].marks[0], "first");
    assert_int_equal(points_n(w->written[0].points), 34);
}

static void offer_rewards(struct world *w)
{
    struct pack_reward *r = w->pack.rewards;
    for (int i = 0; i < 2; i++)
        w->pack.tiers[i].reward_factor = (struct ratio){1, 1};
    w->pack.reward_count = 4;
    r[0] = (struct pack_reward){.code = "pot", .kind = REWARD_ITEM, .sku = "P*", .points = points_of(250), .max_share = {1, 1}};
    r[1] = (struct pack_reward){.code = "few", .kind = REWARD_MONEY, .points = points_of(10), .value = money_of(5), .max_share = {1, 1}, .stock = 9};
    r[2] = (struct pack_reward){.code = "off", .kind = REWARD_SLIDING, .step_count = 2, .max_share = {1, 1}, .steps = {{points_of(100), money_of(300)}, {points_of(280), money_of(900)}}};
    r[3] = (struct pack_reward){.code = "tenth", .kind = REWARD_PERCENT, .percent = {1, 10}, .points = points_of(50), .max_share = {1, 1}};
}

static void take(struct world *w, const char *reward, int64_t points)
{
    step(w, (struct sale_event){.kind = SALE_REDEEM,
                                .reward = reward,
                                .points = points_of(points),
                                .name = "hold-1",
                                .second_factor = true});
}

TEST(sale, a_reward_is_paid_from_the_card_with_the_line_cut_and_named_in_both_entries)
{
    struct world *w = world();
    offer_rewards(w);
    bill(w);
    w->trace[0] = 0;
    take(w, "none", 0);
    take(w, "few", 0); /* counted: head office cannot be asked */
    assert_non_null(strstr(w->out.say.text, "the line to it is cut"));
    take(w, "off", 99);
    take(w, "pot", 0);
    ready(w);
    written(w);
    card_done(w);
    pay(w, "R1", NULL);
    written(w);
    assert_trace(w, "redeem -> totalled, REFUSED\n"
                    "redeem -> totalled, NO_LINE\n"
                    "redeem -> totalled, REFUSED\n"
                    "redeem -> preparing, card debit 250 as 1\n"
                    "card ready -> intending, append intent T0007-1\n"
                    "written -> committing, card commit\n"
                    "card done -> debited, OK\n"
                    "pay -> closing, append sale T0007-2 closes 1\n"
                    "written -> done, OK, confirm 2 due 1000 earned 20 redeemed 250\n");
    for (int i = 0; i < 2; i++) {
        assert_string_equal(w->written[i].reward, "pot");
        assert_int_equal(points_n(w->written[i].redeemed), 250);
        assert_int_equal(money_minor(w->written[i].redeemed_value), 2000);
    }
}

TEST(sale, a_reward_given_up_is_in_no_entry_and_another_may_be_taken)
{
    struct world *w = world();
    offer_rewards(w);
    bill(w);
    take(w, "pot", 0);
    step(w, (struct sale_event){.kind = SALE_CARD_FAILED, .word = CARD_LEFT});
    pay(w, "R1", NULL);
    assert_string_equal(w->written[0].reward, "");
    w = world();
    offer_rewards(w);
    bill(w);
    take(w, "pot", 0);
    ready(w);
    ask(w, SALE_NOT_WRITTEN);
    pay(w, "R1", NULL);
    assert_int_equal(w->written[0].kind, TXN_SALE);
    assert_string_equal(w->written[0].reward, "");
    w = world();
    offer_rewards(w);
    bill(w);
    take(w, "pot", 0);
    ready(w);
    written(w);
    ask(w, SALE_CARD_LOST);
    settled(w, COMMIT_NOT_DONE);
    redeem(w, 200); /* money off instead */
    ready(w);
    written(w);
    card_done(w);
    pay(w, "R1", NULL);
    assert_string_equal(w->written[0].reward, "pot");
    assert_string_equal(w->written[1].reward, "");
    assert_string_equal(w->written[2].reward, "");
}

TEST(sale, a_sliding_reward_and_a_part_of_the_bill_are_held_without_the_card)
{
    struct world *w = world();
    offer_rewards(w);
    held_bill(w);
    take(w, "off", 0);
    assert_int_equal(w->sale.state, SALE_HOLDING);
    assert_string_equal(w->sale.wanted_reward, "off");
    held(w, 280);
    assert_int_equal(w->sale.state, SALE_DEBITED);
    pay(w, "R1", NULL);
    assert_int_equal(money_minor(w->written[0].redeemed_value), 900);
    assert_string_equal(w->written[0].reward, "off");
    w = world();
    offer_rewards(w);
    held_bill(w);
    take(w, "tenth", 0);
    held(w, 50);
    pay(w, "R1", NULL);
    assert_int_equal(money_minor(w->written[0].redeemed_value), 300);
    /* Alone there is nothing a part could be of, and nothing on the bill. */
    w = world();
    offer_rewards(w);
    tap(w);
    struct sale_event in = {.kind = SALE_REDEEM, .reward = "tenth", .alone = true, .ref = "R1"};
    step(w, in);
    assert_int_equal(w->out.answer, SALE_NO_REDEEM);
    in.reward = "off";
    in.points = points_of(100);
    step(w, in);
    assert_int_equal(w->sale.state, SALE_PREPARING);
    ready(w);
    written(w);
    card_done(w);
    written(w);
    assert_int_equal(money_minor(w->written[1].total), 300);
    assert_string_equal(w->written[1].reward, "off");
    in.known = &w->written[1];
    step(w, in); /* asked again: the first answer (I2) */
    assert_int_equal(w->out.answer, SALE_OK);
    assert_true(w->out.confirm.repeated);
    in.reward = "few";
    step(w, in);
    assert_int_equal(w->out.answer, SALE_CONFLICT);
}

/* ---- a reward of which there are only so many ---- */

static void held_piece(struct world *w, uint32_t seq)
{
    step(w, (struct sale_event){.kind = SALE_HELD, .receipt = {0, seq}, .until_s = w->facts.now_s + 900});
}

/* The member's card, 30.00 totalled, and "few" is asked for. */
static void ask_for_few(struct world *w)
{
    w->facts.online = true;
    offer_rewards(w);
    bill(w);
    w->trace[0] = 0;
    take(w, "few", 0);
}

TEST(sale, head_office_sets_a_piece_aside_before_the_card_is_debited_and_both_entries_name_it)
{
    struct world *w = world();
    ask_for_few(w);
    assert_true(w->out.hold);
    assert_int_equal(points_n(sale_asks(&w->sale)), 0); /* the card pays */
    ask(w, SALE_HOLD_LOST);
    take(w, "few", 0);
    held_piece(w, 55);
    ready(w);
    written(w);
    card_done(w);
    pay(w, "R1", NULL);
    written(w);
    assert_trace(w, "redeem -> holding\n"
                    "hold lost -> holding, NO_ANSWER\n"
                    "redeem -> holding\n"
                    "held -> preparing, card debit 10 as 1\n"
                    "card ready -> intending, append intent T0007-1\n"
                    "written -> committing, card commit\n"
                    "card done -> debited, OK\n"
                    "pay -> closing, append sale T0007-2 closes 1\n"
                    "written -> done, OK, confirm 2 due 2995 earned 59 redeemed 10\n");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(w->written[i].piece, 55);
        assert_string_equal(w->written[i].reward, "few");
    }
    assert_int_equal(w->written[1].original.terminal, 7);
    assert_false(txn_is_held(&w->written[1]));
}

TEST(sale, a_piece_that_is_not_taken_is_let_go_by_whatever_ends_the_sale)
{
    static const struct {
        const char *claim;
        char at;   /* 'h'eld, the card left, 't'orn and shown not done, 'w'alked away in doubt */
        bool paid; /* else cancelled */
        enum txn_commit commit;
        bool intent;
    } rows[] = {
        {"the card left; paid in money", 'h', true, COMMIT_NONE, false},
        {"the card left; cancelled", 'h', false, COMMIT_NONE, false},
        {"torn, not done; paid in money", 't', true, COMMIT_NOT_DONE, true},
        {"torn, not done; cancelled", 't', false, COMMIT_NOT_DONE, true},
        {"in doubt; paid in money", 'w', true, COMMIT_DOUBT, true},
        {"in doubt; cancelled", 'w', false, COMMIT_DOUBT, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world *w = world();
        ask_for_few(w);
        held_piece(w, 55);
        if (rows[i].at == 'h') {
            step(w, (struct sale_event){.kind = SALE_CARD_FAILED, .word = CARD_LEFT});
        } else {
            ready(w);
            written(w);
            ask(w, SALE_CARD_LOST);
            if (rows[i].at == 't')
                settled(w, COMMIT_NOT_DONE);
            else
                ask(w, SALE_GIVE_UP);
        }
        if (rows[i].paid)
            pay(w, NULL, NULL);
        else
            ask(w, SALE_CANCEL);
        const struct txn *t = &w->written[w->written_count]; /* well formed: step has seen to it */
        assert_int_equal(t->kind, rows[i].paid ? TXN_SALE : TXN_CANCEL);
        assert_int_equal(t->commit, rows[i].commit);
        if (!rows[i].paid && !rows[i].intent) { /* nothing but the piece: it is the hold that is cancelled */
            assert_true(txn_is_held(t));
            assert_int_equal(t->original.seq, 55);
        } else {
            assert_int_equal(t->piece, 55);
        }
        assert_int_equal(money_minor(t->redeemed_value), 0);
    }
}

TEST(sale, a_piece_is_asked_for_once_for_each_card_and_reward_while_its_time_runs)
{
    struct world *w = world();
    ask_for_few(w);
    held_piece(w, 55);
    step(w, (struct sale_event){.kind = SALE_CARD_FAILED, .word = CARD_LEFT});
    take(w, "few", 0); /* the same piece */
    assert_int_equal(w->out.card, SALE_CARD_DEBIT);
    step(w, (struct sale_event){.kind = SALE_CARD_FAILED, .word = CARD_LEFT});
    w->facts.now_s += 900;
    take(w, "few", 0); /* its time is over */
    assert_true(w->out.hold);
    held_piece(w, 56);
    w->facts.now_s += 900; /* and again while the card was waited for */
    ready(w);
    assert_int_equal(w->sale.state, SALE_TOTALLED);
    assert_int_equal(w->out.card, SALE_CARD_RELEASE);
    assert_int_equal(w->written_count, 0);
    take(w, "few", 0);
    held_piece(w, 57);
    step(w, (struct sale_event){.kind = SALE_CARD_FAILED, .word = CARD_LEFT});
    w->seen.uid.b[6] ^= 1;
    tap(w); /* another card: what was set aside is not for it */
    take(w, "few", 0);
    assert_true(w->out.hold);
    step(w, (struct sale_event){.kind = SALE_HOLD_REFUSED, .text = "none is left"});
    assert_string_equal(w->out.say.text, "Head office does not give this reward: none is left");
    pay(w, NULL, NULL);
    assert_int_equal(w->written[0].piece, 0);

    w = world();
    ask_for_few(w);
    held_piece(w, 58);
    step(w, (struct sale_event){.kind = SALE_CARD_FAILED, .word = CARD_LEFT});
    known(w, MEANS_PHONE, 12, 300); /* nor for who says a number instead */
    pay(w, NULL, NULL);
    assert_int_equal(w->written[0].means, MEANS_PHONE);
    assert_int_equal(w->written[0].piece, 0);
}

TEST(sale, a_piece_found_at_start_is_named_by_what_ends_the_sale_and_money_off_instead_lets_it_go)
{
    for (int done = 0; done < 2; done++) {
        struct world *w = world();
        ask_for_few(w);
        held_piece(w, 55);
        ready(w);
        struct txn intent = w->written[0];
        w = world();
        offer_rewards(w);
        w->facts.next.seq = 2;
        step(w, (struct sale_event){.kind = SALE_RESUME, .txn = &intent});
        settled(w, done ? COMMIT_DONE : COMMIT_NOT_DONE);
        if (!done) {
            redeem(w, 200);
            ready(w);
            written(w);
            card_done(w);
        }
        pay(w, NULL, NULL);
        const struct txn *t = &w->written[w->written_count];
        assert_int_equal(t->piece, 55);
        assert_string_equal(t->reward, done ? "few" : "");
        assert_int_equal(money_minor(t->redeemed_value), done ? 5 : 200);
    }
}

TEST(sale, many_points_for_a_piece_want_the_second_tap_all_the_same)
{
    struct world *w = world();
    w->pack.second_factor_above = points_of(5);
    w->facts.online = true;
    offer_rewards(w);
    bill(w);
    step(w, (struct sale_event){.kind = SALE_REDEEM, .reward = "few", .name = "hold-1"});
    assert_true(w->out.hold);
    held_piece(w, 55);
    assert_true(w->out.second_tap);
    assert_int_equal(w->out.card, SALE_CARD_DEBIT);
}

TEST(sale, a_redemption_found_at_start_still_knows_what_it_was_for)
{
    struct world *w = world();
    offer_rewards(w);
    bill(w);
    take(w, "pot", 0);
    ready(w);
    struct txn intent = w->written[0];
    w = world();
    offer_rewards(w);
    w->facts.next.seq = 2;
    step(w, (struct sale_event){.kind = SALE_RESUME, .txn = &intent});
    settled(w, COMMIT_DONE);
    pay(w, "R1", NULL);
    assert_string_equal(w->written[0].reward, "pot");
    assert_int_equal(money_minor(w->written[0].redeemed_value), 2000);
}

TEST(sale, a_bill_put_aside_keeps_its_coupons_and_marks)
{
    static const char marks[][TXN_NAME_SIZE] = {"first"};
    struct world *w = world();
    struct txn aside;
    w->facts.marks = marks;
    w->facts.mark_count = 1;
    w->facts.online = true;
    bill(w);
    coupon(w, "TEA-1");
    sale_parked(&aside, &w->sale, &w->facts);
    ask(w, SALE_PARK);
    assert_int_equal(w->sale.t.coupon_count + w->sale.t.mark_count, 0);
    step(w, (struct sale_event){.kind = SALE_TAKE_UP, .txn = &aside});
    assert_int_equal(w->sale.t.coupon_count, 1);
    assert_string_equal(w->sale.t.coupons[0], "TEA-1");
    assert_string_equal(w->sale.t.marks[0], "first");
}

TEST(sale, the_months_points_bound_what_is_promised)
{
    struct world *w = world();
    w->pack.cap_per_month = points_of(50);
    w->facts.earned_month = points_of(20);
    bill(w);
    assert_int_equal(points_n(w->sale.earning.points), 30);
}
