/* views.c - see views.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/views.h"

#include "base/date.h"
#include "tests/packs.h"

#include <stdio.h>
#include <string.h>

static struct pack pack;
static struct txn bill, original;
static int32_t left[TXN_LINES_MAX];

static int64_t at(const char *time)
{
    int64_t t = 0;
    if (time_parse(&t, time))
        return 0;
    return t;
}

static void text(char *out, size_t size, const char *from)
{
    snprintf(out, size, "%s", from);
}

/* ---- the till ---- */

static void idle(struct till_view *v, struct screen *s)
{
    (void)s;
    v->terminal = 7;
    text(v->shop, sizeof v->shop, "LEEDS");
    v->now_s = at("2010-12-01T10:34");
    v->has_line = v->online = v->selling = true;
    v->contact_s = at("2010-12-01T10:33");
    v->reader = v->printer = PART_THERE;
    v->pack = &pack;
    v->pack_version = pack.version;
    v->cashier = 3;
    text(v->cashier_name, sizeof v->cashier_name, "李华");
    v->staffed = true;
    v->state = SALE_IDLE;
    v->bill = &bill;
}

static void offline(struct till_view *v, struct screen *s)
{
    idle(v, s);
    v->online = false;
    v->contact_s = at("2010-12-01T09:12");
    v->owed = 14;
    v->parked_count = 2;
    v->parked[0].number = 4;
    v->parked[0].member = 12;
    v->parked[0].total = money_of(1275);
    v->parked[0].time_s = at("2010-12-01T10:05");
    v->parked[1].number = 5;
    v->parked[1].total = money_of(98700);
    v->parked[1].time_s = at("2010-12-01T10:20");
}

static void bad_morning(struct till_view *v, struct screen *s)
{
    idle(v, s);
    v->online = false;
    v->contact_s = 0;
    v->reader = PART_AWAY;
    v->printer = PART_AWAY;
    v->receipts_waiting = 3;
    v->pack = NULL;
    v->pack_version = 0;
    v->selling = false;
    text(v->trouble, sizeof v->trouble, "The disk is full: nothing is sold until there is room.");
    v->locked = true;
    screen_told(s, "The card reader is away (unplugged). Plug it in again.");
}

static void training(struct till_view *v, struct screen *s)
{
    idle(v, s);
    v->training = v->supervisor = true;
}

static void login(struct till_view *v, struct screen *s)
{
    idle(v, s);
    v->cashier = 0;
    v->cashier_name[0] = 0;
    text(s->field[0], sizeof s->field[0], "3");
    text(s->field[1], sizeof s->field[1], "2468");
    s->focus = 1;
}

/* ---- a member ---- */

static void member(struct till_view *v, struct screen *s)
{
    idle(v, s);
    v->state = SALE_IDENTIFIED;
    v->means = MEANS_CARD;
    v->member = 12;
    text(v->name, sizeof v->name, "王芳");
    text(v->tier, sizeof v->tier, "silver");
    v->told = true;
    v->told_s = v->now_s;
    text(v->next_tier, sizeof v->next_tier, "gold");
    v->missing = 48725;
    v->expiring = points_of(120);
    v->flags = TAPPED_BIRTHDAY | TAPPED_AT_RISK;
    text(v->suggestion, sizeof v->suggestion,
         "Shall we use your 120 points before they end this month?");
    v->held = points_of(40);
    v->spendable = points_of(300);
    v->spendable_value = money_of(300);
    v->purse = points_of(340);
}

static void member_offline(struct till_view *v, struct screen *s)
{
    offline(v, s);
    v->state = SALE_IDENTIFIED;
    v->means = MEANS_CARD;
    v->member = 12;
    text(v->tier, sizeof v->tier, "bronze");
    v->spendable = points_of(100);
    v->spendable_value = money_of(100);
    v->purse = points_of(340);
    v->spendable_why = redeem_answer_text(REDEEM_OFFLINE_TAP_LIMIT);
    v->pending = points_of(1);
}

static void member_by_phone(struct till_view *v, struct screen *s)
{
    member(v, s);
    v->means = MEANS_PHONE;
    v->purse = points_of(0);
    v->flags = 0;
    v->suggestion[0] = 0;
}

/* ---- a bill ---- */

static void bill_of(const char *lines)
{
    memset(&bill, 0, sizeof bill);
    bill.kind = TXN_SALE;
    bill.line_count = packs_lines(bill.lines, lines);
    for (int32_t i = 0; i < bill.line_count; i++)
        if (!money_add(&bill.total, bill.total, bill.lines[i].amount))
            bill.total = money_of(0);
}

static void walk_in(struct till_view *v, struct screen *s)
{
    idle(v, s);
    bill_of("22423 1 12.75, 85123A 3 7.65, POST 1 18.00");
    text(s->field[0], sizeof s->field[0], "3x4.25");
}

static void long_bill(struct till_view *v, struct screen *s)
{
    member(v, s);
    bill_of("22423 1 12.75, 85123A 3 7.65, POST 1 18.00, 22745 2 4.20, 84029G 6 20.34, 71053 6 "
            "20.34, 22752 2 15.30, "
            "21730 6 25.50, 22633 6 11.10, 22632 6 11.10, 84879 32 54.08, 22960 6 25.50, "
            "5012345678900 1 1.00");
}

static void tapped_late(struct till_view *v, struct screen *s)
{
    long_bill(v, s);
    s->tapped = true;
}

static void cancelling(struct till_view *v, struct screen *s)
{
    long_bill(v, s);
    s->page = PAGE_VOID;
}

static void price(struct till_view *v, struct screen *s)
{
    walk_in(v, s);
    memset(s->field, 0, sizeof s->field);
    text(s->line.sku, sizeof s->line.sku, "5012345678900");
    s->line.quantity = 1;
    s->page = PAGE_PRICE;
}

static void totalled(struct till_view *v, struct screen *s)
{
    member(v, s);
    bill_of("22423 1 12.75, 85123A 3 7.65");
    v->state = SALE_TOTALLED;
    v->earns = points_of(30);
    text(v->earns_why, sizeof v->earns_why,
         "20.40 GBP at 1 point a GBP, x 3/2 (Christmas): 30 points");
    v->offer = (struct redeem_offer){.most = points_of(300), .most_value = money_of(300)};
    v->due = bill.total;
}

static void totalled_nothing(struct till_view *v, struct screen *s)
{
    totalled(v, s);
    v->offer = (struct redeem_offer){.limit = REDEEM_BELOW_MINIMUM};
    v->spendable = points_of(0);
    v->spendable_value = money_of(0);
    v->purse = points_of(80);
    v->flags = 0;
    v->suggestion[0] = 0;
}

static void totalled_walk_in(struct till_view *v, struct screen *s)
{
    walk_in(v, s);
    memset(s->field, 0, sizeof s->field);
    v->state = SALE_TOTALLED;
}

static void redeem(struct till_view *v, struct screen *s)
{
    totalled(v, s);
    v->online = false;
    v->offer.limit = REDEEM_OFFLINE_TAP_LIMIT;
    s->page = PAGE_REDEEM;
    text(s->field[1], sizeof s->field[1], "2.50");
    s->focus = 1;
}

/* One that this bill fills, one that it adds to, one that it leaves alone. */
static void totalled_with_stamps(struct till_view *v, struct screen *s)
{
    totalled(v, s);
    v->stamp_count = 3;
    v->stamps[0] = (struct rules_stamp){.name = "coffee", .every = 10, .points = points_of(300), .have = 8, .now = 3, .full = 1};
    v->stamps[1] = (struct rules_stamp){.name = "visits", .every = 5, .points = points_of(50), .have = 1, .now = 1};
    v->stamps[2] = (struct rules_stamp){.name = "tea", .every = 12, .points = points_of(90), .have = 4};
}

static void stamps_cut(struct till_view *v, struct screen *s)
{
    totalled_with_stamps(v, s);
    v->online = v->told = false;
    v->stamps[0].have = -1;
    v->stamps[0].full = 0;
    v->stamp_count = 1;
}

static void totalled_with_rewards(struct till_view *v, struct screen *s)
{
    const struct pack_reward of[] = {
        {.code = "fiver", .name = "5.00 off", .name_zh = "\u51cf 5.00", .points = points_of(500), .value = money_of(500), .max_share = {1, 1}},
        {.code = "tin", .name = "A tin of tea", .kind = REWARD_ITEM, .sku = "TEA*", .points = points_of(240), .max_share = {1, 1}},
        {.code = "few", .name = "One of few", .points = points_of(1), .value = money_of(1), .max_share = {1, 1}, .stock = 3},
        {.code = "old", .name = "Of last year", .points = points_of(1), .value = money_of(1), .max_share = {1, 1}, .to_day = 9},
        {.code = "gold", .name = "Gold only", .points = points_of(1), .value = money_of(1), .max_share = {1, 1}, .tiers = 4},
        {.code = "off", .name = "More off the more", .kind = REWARD_SLIDING, .step_count = 1, .steps = {{points_of(100), money_of(100)}}, .max_share = {1, 1}},
    };
    totalled(v, s);
    memcpy(pack.rewards, of, sizeof of);
    pack.reward_count = sizeof of / sizeof of[0];
    snprintf(pack.bonuses[0].scope.coupon, sizeof pack.bonuses[0].scope.coupon, "TEA-*");
}

static void rewards(struct till_view *v, struct screen *s)
{
    totalled_with_rewards(v, s);
    s->page = PAGE_REWARDS;
    s->selected = 1;
}

static void rewards_cut(struct till_view *v, struct screen *s)
{
    rewards(v, s);
    v->online = v->told = false;
}

static void coupon(struct till_view *v, struct screen *s)
{
    totalled_with_rewards(v, s);
    s->page = PAGE_COUPON;
    text(s->field[0], sizeof s->field[0], "TEA-7K2");
}

static void hold_it(struct till_view *v, struct screen *s)
{
    totalled(v, s);
    v->state = SALE_PREPARING;
    v->redeemed = points_of(300);
    v->redeemed_value = money_of(300);
    s->busy = VERB_REDEEM;
}

static void second_tap(struct till_view *v, struct screen *s)
{
    hold_it(v, s);
    v->second_tap = true;
}

static void known_before(struct till_view *v, struct screen *s)
{
    member(v, s);
    v->online = v->told = false;
    v->told_s = at("2010-11-30T17:00");
    v->spendable = points_of(200);
    v->spendable_value = money_of(200);
    v->flags = 0;
    v->suggestion[0] = 0;
}

static void doubt(struct till_view *v, struct screen *s)
{
    hold_it(v, s);
    v->state = SALE_DOUBT;
    s->busy = VERB_NONE;
    text(s->message, sizeof s->message,
         "The card left at the last moment: it is not known whether 300 points were taken off it. "
         "Tap the same card "
         "(M12) again; if it is gone, give up.");
    s->message_look = LOOK_BAD;
}

static void debited(struct till_view *v, struct screen *s)
{
    hold_it(v, s);
    s->busy = VERB_NONE;
    v->state = SALE_DEBITED;
    v->purse = points_of(40);
    v->due = money_of(1740);
    v->earns = points_of(26);
    text(v->earns_why, sizeof v->earns_why,
         "17.40 of 20.40 GBP at 1 point a GBP, x 3/2 (Christmas): 26 points");
}

static void paid(struct till_view *v, struct screen *s)
{
    debited(v, s);
    v->state = SALE_DONE;
    v->last = (struct sale_receipt){.kind = TXN_SALE,
                                    .entry = {7, 42},
                                    .time_s = v->now_s,
                                    .member = 12,
                                    .total = money_of(2040),
                                    .by_points = money_of(300),
                                    .due = money_of(1740),
                                    .earned = points_of(26),
                                    .redeemed = points_of(300),
                                    .commit = COMMIT_DONE};
    text(v->last.tier, sizeof v->last.tier, "silver");
}

static void paid_walk_in(struct till_view *v, struct screen *s)
{
    idle(v, s);
    v->state = SALE_DONE;
    v->last = (struct sale_receipt){.kind = TXN_SALE,
                                    .entry = {7, 43},
                                    .time_s = v->now_s,
                                    .total = money_of(3840),
                                    .due = money_of(3840)};
}

static void paid_doubt(struct till_view *v, struct screen *s)
{
    paid(v, s);
    v->last.commit = COMMIT_DOUBT;
    v->last.redeemed = points_of(0);
    s->rated = v->last.entry;
}

static void refunded(struct till_view *v, struct screen *s)
{
    paid(v, s);
    v->last.kind = TXN_REFUND;
    v->last.refund = true;
    v->last.entry.seq = 44;
    v->last.due = money_of(765);
    v->last.earned = points_of(10);
    v->last.redeemed = points_of(100);
}

/* ---- pages over the sale ---- */

static void menu(struct till_view *v, struct screen *s)
{
    totalled(v, s);
    v->supervisor = true;
    s->page = PAGE_MENU;
}

static void menu_idle(struct till_view *v, struct screen *s)
{
    offline(v, s);
    v->fresh_card = true;
    s->page = PAGE_MENU;
}

static void lines(struct till_view *v, struct screen *s)
{
    long_bill(v, s);
    s->page = PAGE_LINES;
    s->selected = 11;
}

static void holding(struct till_view *v, struct screen *s)
{
    hold_it(v, s);
    v->means = MEANS_PHONE;
    v->state = SALE_HOLDING;
    s->busy = VERB_NONE;
    screen_told(s, "Head office did not answer. Redeem again (nothing is taken twice), or give up: "
                   "the member pays "
                   "whole.");
}

static void help(struct till_view *v, struct screen *s)
{
    idle(v, s);
    s->page = PAGE_HELP;
}

static void help_lower(struct till_view *v, struct screen *s)
{
    help(v, s);
    s->selected = 10;
}

static void page(struct till_view *v, struct screen *s, enum screen_page p)
{
    idle(v, s);
    s->page = p;
}

static void look_up(struct till_view *v, struct screen *s)
{
    page(v, s, PAGE_WHO);
    text(s->field[0], sizeof s->field[0], "13800138000");
}

static void pin(struct till_view *v, struct screen *s)
{
    totalled(v, s);
    s->page = PAGE_PIN;
    text(s->field[0], sizeof s->field[0], "1234");
    s->again = true;
}

static void parked(struct till_view *v, struct screen *s)
{
    offline(v, s);
    s->page = PAGE_PARKED;
}

static void receipt(struct till_view *v, struct screen *s)
{
    page(v, s, PAGE_RECEIPT);
    s->receipt_for = ACT_REFUND;
    text(s->field[0], sizeof s->field[0], "T0007-42");
}

static void reprint(struct till_view *v, struct screen *s)
{
    receipt(v, s);
    s->receipt_for = ACT_REPRINT;
}

static void refund(struct till_view *v, struct screen *s)
{
    page(v, s, PAGE_REFUND);
    memset(&original, 0, sizeof original);
    original.kind = TXN_SALE;
    original.id = s->receipt = (struct entry_id){7, 42};
    original.line_count = packs_lines(original.lines, "22423 1 12.75, 85123A 3 7.65, POST 1 18.00");
    original.total = money_of(3840);
    left[0] = 1;
    left[1] = 2;
    left[2] = 0;
    v->receipt = &original;
    v->left = left;
    s->selected = 1;
    s->back[0] = original.lines[0];
    s->back_count = 1;
    text(s->field[0], sizeof s->field[0], "2");
}

static void refund_elsewhere(struct till_view *v, struct screen *s)
{
    page(v, s, PAGE_REFUND);
    s->receipt = (struct entry_id){9, 1234};
    screen_told(s, "A receipt of another till: type what comes back.");
}

static void money_back(struct till_view *v, struct screen *s)
{
    refund(v, s);
    s->page = PAGE_AMOUNT;
    text(s->field[0], sizeof s->field[0], "5.00");
}

static void join(struct till_view *v, struct screen *s)
{
    page(v, s, PAGE_JOIN);
    v->fresh_card = true;
    text(s->message, sizeof s->message, "This card belongs to nobody yet. Enrol the member first.");
    s->message_look = LOOK_BAD;
}

static void person(struct till_view *v, struct screen *s)
{
    member(v, s);
    v->name[0] = 0;
    s->page = PAGE_PERSON;
    text(s->field[0], sizeof s->field[0], "+44 113 496 0000");
    text(s->field[1], sizeof s->field[1], "王芳");
    s->focus = 1;
}

static void replace(struct till_view *v, struct screen *s)
{
    member_by_phone(v, s);
    s->page = PAGE_REPLACE;
}

static void replacing(struct till_view *v, struct screen *s)
{
    replace(v, s);
    s->busy = VERB_REPLACE;
}

static void grant(struct till_view *v, struct screen *s)
{
    member(v, s);
    s->page = PAGE_GRANT;
    text(s->field[0], sizeof s->field[0], "200");
    s->focus = 1;
}

static void approve(struct till_view *v, struct screen *s)
{
    grant(v, s);
    s->page = PAGE_APPROVE;
    memset(s->field, 0, sizeof s->field);
    s->focus = 0;
    s->again = true;
    text(s->message, sizeof s->message, "More than 50 points in one gift need a supervisor.");
    s->message_look = LOOK_BAD;
}

static void shift(struct till_view *v, struct screen *s)
{
    page(v, s, PAGE_SHIFT);
    v->shift = (struct view_shift){.there = true,
                                   .since_s = at("2010-12-01T08:00"),
                                   .sales = 42,
                                   .refunds = 2,
                                   .grants = 1,
                                   .joins = 3,
                                   .sold = money_of(123456),
                                   .by_points = money_of(2500),
                                   .given_back = money_of(1530),
                                   .earned = points_of(1210),
                                   .redeemed = points_of(2500),
                                   .granted = points_of(50),
                                   .ratings = {20, 12, 5}};
}

const struct moment moments[] = {
    {"idle", idle},
    {"idle, offline, bills parked", offline},
    {"idle, a bad morning", bad_morning},
    {"training", training},
    {"login", login},
    {"member", member},
    {"member, offline", member_offline},
    {"member, told yesterday", known_before},
    {"member by telephone", member_by_phone},
    {"bill without a member, a line being typed", walk_in},
    {"long bill", long_bill},
    {"a card comes when the bill is long", tapped_late},
    {"cancelling a long bill", cancelling},
    {"price of a scanned article", price},
    {"totalled", totalled},
    {"totalled, nothing to redeem", totalled_nothing},
    {"totalled, no member", totalled_walk_in},
    {"redeem", redeem},
    {"totalled, with stamps", totalled_with_stamps},
    {"totalled, with stamps, the line cut", stamps_cut},
    {"totalled, with rewards", totalled_with_rewards},
    {"which reward", rewards},
    {"which reward, the line cut", rewards_cut},
    {"coupon", coupon},
    {"waiting for the card", hold_it},
    {"waiting for a second tap", second_tap},
    {"doubt", doubt},
    {"debited", debited},
    {"paid", paid},
    {"paid, no member", paid_walk_in},
    {"paid in doubt, rated", paid_doubt},
    {"refunded", refunded},
    {"head office sets points aside", holding},
    {"take a line off", lines},
    {"menu", menu},
    {"menu, idle", menu_idle},
    {"help", help},
    {"help, further down", help_lower},
    {"member without a card", look_up},
    {"PIN of the member", pin},
    {"parked bills", parked},
    {"which receipt", receipt},
    {"print again", reprint},
    {"refund", refund},
    {"refund of another shop's receipt", refund_elsewhere},
    {"money back", money_back},
    {"enrol", join},
    {"person", person},
    {"replace a card", replace},
    {"replacing a card", replacing},
    {"goodwill", grant},
    {"approval", approve},
    {"shift report", shift},
};
const int moment_count = sizeof moments / sizeof moments[0];

void moment_make(const struct moment *m, struct till_view *v, struct screen *s)
{
    packs_load(&pack, "demo");
    memset(&bill, 0, sizeof bill);
    memset(v, 0, sizeof *v);
    screen_init(s);
    m->make(v, s);
}
