/* test_pack.c - a pack is read whole, or refused with file, line, what is wrong and what is
 * expected. SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "rules/rules.h"
#include "tests/packs.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

TEST(pack, the_demo_pack_is_read)
{
    struct pack p;
    packs_load(&p, "demo");
    assert_int_equal(p.version, 1);
    assert_int_equal(p.effective_day, day_of_date((struct date){2010, 12, 1}));
    assert_string_equal(p.currency, "GBP");
    assert_int_equal(p.exclusion_count, 13);
    assert_int_equal(p.tier_count, 3);
    assert_string_equal(p.tiers[2].name, "Gold");
    assert_int_equal(p.tiers[2].factor.num, 3);
    assert_int_equal(points_n(p.tiers[1].offline_per_day), 2000);
    assert_int_equal(p.multipliers[1].scope.weekdays, 1 << 3);
    assert_int_equal(p.multipliers[1].scope.from_minute, 17 * 60);
    assert_int_equal(p.expiry, EXPIRY_ROLLING);
    assert_int_equal(p.expiry_days, 365);
    assert_int_equal(points_n(p.second_factor_above), 1000);
    assert_int_equal(p.hold_minutes, 15);
    assert_int_equal(p.rebate_count, 1);
    assert_string_equal(p.rebates[0].scope.tier, "gold");
    assert_int_equal(p.rebates[0].rate.den, 20);
    assert_int_equal(points_n(p.grant_per_gift), 200);
    assert_int_equal(points_n(p.grant_per_day), 1000);
    assert_false(p.register_grants);
}

TEST(pack, what_is_left_out_has_the_documented_default)
{
    struct pack p;
    packs_make(&p, "", "");
    assert_false(p.points_paid_earns);
    assert_int_equal(p.rounding, ROUND_FLOOR);
    assert_int_equal(p.round_per, ROUND_PER_BILL);
    assert_false(p.multipliers_stack);
    assert_int_equal(points_n(p.cap_per_bill), 0);
    assert_int_equal(points_n(p.cap_per_day), 0);
    assert_int_equal(p.currency_digits, 2);
    assert_int_equal(p.tier_count, 1);
    assert_string_equal(p.tiers[0].code, "member");
    assert_int_equal(p.tiers[0].factor.num, 1);
    assert_int_equal(p.tiers[0].factor.den, 1);
    assert_int_equal(p.expiry, EXPIRY_NEVER);
    assert_int_equal(p.worth.num, 0);
    assert_int_equal(points_n(p.redeem_step), 1);
    assert_int_equal(p.offline_days, 0);
    assert_true(p.refund_may_owe);
    assert_int_equal(p.clock_skew_s, 600);
    assert_int_equal(points_n(p.second_factor_above), 0);
    assert_int_equal(p.hold_minutes, 15);
    assert_int_equal(p.rebate_count, 0);
    assert_int_equal(points_n(p.grant_per_gift), 0);
    assert_int_equal(points_n(p.grant_per_day), 0);
    assert_false(p.register_grants);
    packs_make(&p, "", "\"grants\": {\"per_gift\": 7}");
    assert_int_equal(points_n(p.grant_per_day), 7);

    packs_make(&p, "",
               "\"redeem\": {\"worth\": \"1/2\", \"step\": 10},"
               "\"tiers\": {\"levels\": [{\"code\": \"a\"}, {\"code\": \"b\", "
               "\"upgrade_at\": 5, \"offline_per_tap\": 20}]}");
    assert_int_equal(points_n(p.redeem_min), 10);
    assert_int_equal(p.redeem_max_share.num, 1);
    assert_int_equal(p.redeem_max_share.den, 1);
    assert_string_equal(p.tiers[1].name, "b");
    assert_int_equal(p.tiers[1].keep_at, 5);
    assert_int_equal(points_n(p.tiers[1].offline_per_day), 20);
    assert_int_equal(p.metric, METRIC_SPEND);
    assert_int_equal(p.window, WINDOW_ROLLING);
    assert_int_equal(p.window_days, 365);
    assert_int_equal(p.grace_days, 0);
    assert_false(p.downgrade_one_step);
}

/* POSpire PR#75: a zero lowest tier could not be saved. */
TEST(pack, the_lowest_tier_needs_nothing)
{
    struct pack p;
    packs_make(&p, "",
               "\"tiers\": {\"levels\": [{\"code\": \"a\", \"upgrade_at\": 0, \"keep_at\": 0},"
               "{\"code\": \"b\", \"upgrade_at\": 1, \"keep_at\": 0}]}");
    assert_int_equal(p.tiers[0].upgrade_at, 0);
    assert_string_equal(pack_get_tier(&p, "b")->code, "b");
    assert_string_equal(pack_get_tier(&p, "?")->code, "a");
    assert_string_equal(pack_get_tier(&p, NULL)->code, "a");
    assert_null(pack_find_tier(&p, "?"));
}

#define TOP                                                                                        \
    "{\"version\": 1, \"effective\": \"2011-01-01\", \"name\": \"N\", \"currency\": \"GBP\",\n"
#define EARN             "\"earn\": {\"rate\": \"1/100\"}"
/* Line 1 holds the head, line 2 the earning rule, line 3 what is tried. */
#define WITH(members)    TOP EARN ",\n" members "}"
#define EARNING(members) TOP "\"earn\": {\"rate\": \"1/100\",\n" members "}}"
#define REWARD(members)  WITH("\"rewards\": [{\n" members "}]")
#define MONEY            "\"code\": \"r\", \"kind\": \"money\", \"points\": 5, \"value\": 5"
#define LEVELS(levels)   WITH("\"tiers\": {\"levels\": [\n" levels "]}")

TEST(pack, every_refusal_names_line_fault_and_what_is_expected)
{
    static const struct {
        enum err e;
        const char *json, *says;
    } rows[] = {
        /* not JSON */
        {ERR_FORMAT, "", "t.json:1: this is not JSON: "},
        {ERR_FORMAT, "{\"version\": 1,\n\n \"effective\" \"2011-01-01\"}",
         "t.json:3: this is not JSON: "},
        {ERR_FORMAT, TOP EARN ",\n\"earn\": {}}",
         "t.json:3: this is not JSON: duplicate object key"},
        {ERR_FORMAT, "[]", "t.json:1: this is no object; expected { } with the keys version"},
        {ERR_FORMAT, TOP "\"earn\": []}",
         "t.json:2: earn: this is no object; expected { } with the keys rate"},
        /* keys */
        {ERR_FORMAT, WITH("\n\"tears\": {}"),
         "t.json:4: tears: this key is not known; expected perhaps \"tiers\""},
        {ERR_FORMAT, WITH("\"zzzzzz\": {}"),
         "t.json:3: zzzzzz: this key is not known; expected one of version effective name"},
        {ERR_FORMAT,
         EARNING("\"multipliers\": [\n {\"name\": \"a\", \"factor\": 2},\n"
                 " {\"name\": \"b\", \"facter\": 2}]"),
         "t.json:5: earn.multipliers[2].facter: this key is not known; expected perhaps "
         "\"factor\""},
        {ERR_FORMAT, "{\"effective\": \"2011-01-01\"}",
         "t.json:1: \"version\" is missing; expected a number that grows"},
        {ERR_FORMAT, "\n{\"version\": 1}",
         "t.json:2: \"effective\" is missing; expected \"YYYY-MM-DD\", the first day"},
        {ERR_FORMAT, "{\"version\": 1, \"effective\": \"2011-01-01\"}",
         "t.json:1: \"name\" is missing; expected the programme's name"},
        {ERR_FORMAT, "{\"version\": 1, \"effective\": \"2011-01-01\", \"name\": \"N\"}",
         "t.json:1: \"currency\" is missing; expected an ISO 4217 code"},
        {ERR_FORMAT, TOP "\"tiers\": {\"levels\": [{\"code\": \"a\"}]}}",
         "t.json:1: \"earn\" is missing; expected { \"rate\""},
        {ERR_FORMAT, TOP "\"earn\": {}}",
         "t.json:2: earn: \"rate\" is missing; expected points for"},
        /* integers */
        {ERR_FORMAT, "{\"version\": \"1\"}",
         "t.json:1: version: this is a text; expected an integer from 1 to 4294967295"},
        {ERR_RANGE, "{\"version\":\n 0}",
         "t.json:2: version: 0 is out of range; expected an integer from 1 to"},
        {ERR_FORMAT, WITH("\"clock_skew_s\": 1.5"),
         "t.json:3: clock_skew_s: this is a decimal fraction; expected an integer from 1 to 86400"},
        {ERR_FORMAT, WITH("\"clock_skew_s\": null"),
         "clock_skew_s: this is null; expected an integer"},
        {ERR_RANGE, WITH("\"currency_digits\": 4"), "t.json:3: currency_digits: 4 is out of range"},
        {ERR_RANGE, EARNING("\"cap_per_bill\": -1"),
         "t.json:3: earn.cap_per_bill: -1 is out of range"},
        {ERR_FORMAT, EARNING("\"cap_per_day\": true"),
         "earn.cap_per_day: this is true or false; expected an integer"},
        /* texts, words, days */
        {ERR_RANGE, "{\"version\": 1, \"effective\": \"2011-02-30\"}",
         "t.json:1: effective: \"2011-02-30\" is no date; expected \"YYYY-MM-DD\""},
        {ERR_FORMAT, "{\"version\": 1, \"effective\": \"1/1/2011\"}", "\"1/1/2011\" is no date"},
        {ERR_RANGE, "{\"version\": 1, \"effective\": \"1969-12-31\"}",
         "\"1969-12-31\" is no date; expected \"YYYY-MM-DD\" after 1970"},
        {ERR_FORMAT, "{\"version\": 1, \"effective\": 20110101}",
         "effective: this is an integer; expected \"YYYY-MM-DD\""},
        {ERR_RANGE, "{\"version\": 1, \"effective\": \"2011-01-01\", \"name\": \"\"}",
         "name: the text has 0 bytes; expected 1 to 31"},
        {ERR_FORMAT, "{\"version\": 1, \"effective\": \"2011-01-01\", \"name\": \"a\\tb\"}",
         "name: a control character is in the text; expected none"},
        {ERR_FORMAT,
         "{\"version\": 1, \"effective\": \"2011-01-01\", \"name\": \"N\", \"currency\": "
         "\"gbp\"}",
         "currency: \"gbp\" is no currency; expected an ISO 4217 code"},
        {ERR_FORMAT, EARNING("\"rounding\": \"up\""),
         "t.json:3: earn.rounding: \"up\" is not known; expected one of floor nearest ceiling"},
        {ERR_FORMAT, EARNING("\"round_per\": \"day\""), "expected one of bill line"},
        {ERR_FORMAT, EARNING("\"multipliers_stack\": 1"),
         "earn.multipliers_stack: this is an integer; expected true or false"},
        /* ratios: odoo#111670, OCA/pos#1149: no floats, anywhere */
        {ERR_FORMAT, TOP "\"earn\": {\"rate\": 0.01}}",
         "t.json:2: earn.rate: this is a decimal fraction; expected an integer or a ratio such as "
         "\"1/100\""},
        {ERR_FORMAT, TOP "\"earn\": {\"rate\": \"0.01\"}}",
         "earn.rate: \"0.01\" is no ratio; expected"},
        {ERR_FORMAT, TOP "\"earn\": {\"rate\": \"1/\"}}",
         "earn.rate: \"1/\" is no ratio; expected"},
        {ERR_FORMAT, TOP "\"earn\": {\"rate\": \"-1/2\"}}",
         "earn.rate: \"-1/2\" is no ratio; expected"},
        {ERR_RANGE, TOP "\"earn\": {\"rate\": \"1/0\"}}",
         "earn.rate: the denominator is 0; expected"},
        {ERR_RANGE, TOP "\"earn\": {\"rate\": -1}}",
         "earn.rate: the ratio is out of range; expected"},
        {ERR_RANGE, TOP "\"earn\": {\"rate\": \"1/99999999999999999999999\"}}",
         "earn.rate: the ratio is out of range; expected numbers from 0 to 1000000"},
        {ERR_RANGE,
         EARNING("\"multipliers_stack\": true, \"multipliers\": ["
                 "{\"name\": \"a\", \"factor\": \"1/1000000\"},"
                 "{\"name\": \"b\", \"factor\": \"1/999999\"}]"),
         "t.json:2: earn: rate, multipliers and tier factors multiply to more than 1000000000"},
        {ERR_RANGE,
         EARNING("\"multipliers\": [{\"name\": \"a\", \"factor\": \"1/999983\"},"
                 "{\"name\": \"b\", \"factor\": \"1/999979\"}]"),
         "rate, multipliers and tier factors multiply to more than"},
        /* scopes */
        {ERR_FORMAT, EARNING("\"exclude\": {}"),
         "t.json:3: earn.exclude: this is an object; expected a list"},
        {ERR_FORMAT, EARNING("\"exclude\": [\n{\"sku\": \"D\"},\n{}]"),
         "t.json:5: earn.exclude[2]: this is empty and would mean everything; expected one of sku"},
        {ERR_FORMAT, EARNING("\"exclude\": [{\"note\": \"n\"}]"), "this is empty and would mean"},
        {ERR_FORMAT, EARNING("\"exclude\": [{\"sku\": \"*\"}]"),
         "earn.exclude[1].sku: \"*\" is no code; expected a '*' only at the end"},
        {ERR_FORMAT, EARNING("\"exclude\": [{\"sku\": \"a*b\"}]"), "\"a*b\" is no code"},
        {ERR_RANGE, EARNING("\"exclude\": [{\"sku\": \"12345678901234567890\"}]"),
         "the text has 20 bytes; expected 1 to 19"},
        {ERR_FORMAT, EARNING("\"exclude\": [{\"skew\": \"D\"}]"), "expected perhaps \"sku\""},
        {ERR_NOT_FOUND, EARNING("\"exclude\": [{\"tier\": \"gold\"}]"),
         "earn.exclude[1].tier: no tier has the code \"gold\"; expected one of tiers.levels"},
        {ERR_RANGE, EARNING("\"exclude\": [{\"from\": \"2011-02-02\",\n \"to\": \"2011-02-01\"}]"),
         "t.json:4: earn.exclude[1].to: it ends before it begins; expected a day not before"},
        {ERR_FORMAT, EARNING("\"exclude\": [{\"weekdays\": [\"mon\", \"friday\"]}]"),
         "earn.exclude[1].weekdays[2]: this is no weekday; expected one of mon tue"},
        {ERR_FULL, EARNING("\"exclude\": [{\"weekdays\": [\"mon\", 1, 2, 3, 4, 5, 6, 7]}]"),
         "weekdays: there are 8 in the list; expected 0 to 7"},
        {ERR_FORMAT, EARNING("\"exclude\": [{\"from_time\": \"17:00\"}]"),
         "earn.exclude[1]: \"to_time\" is missing; expected a time of day"},
        {ERR_FORMAT, EARNING("\"exclude\": [{\"from_time\": \"24:01\", \"to_time\": \"10:00\"}]"),
         "from_time: \"24:01\" is no time of day; expected \"HH:MM\" up to \"24:00\""},
        {ERR_FORMAT, EARNING("\"exclude\": [{\"from_time\": \"7:00\", \"to_time\": \"10:00\"}]"),
         "\"7:00\" is no time of day"},
        {ERR_FORMAT, EARNING("\"exclude\": [{\"from_time\": \"07:60\", \"to_time\": \"10:00\"}]"),
         "\"07:60\" is no time of day"},
        {ERR_RANGE, EARNING("\"exclude\": [{\"from_time\": \"10:00\", \"to_time\": \"10:00\"}]"),
         "from_time and to_time are the same; expected two times"},
        /* multipliers and bonuses */
        {ERR_FORMAT, EARNING("\"multipliers\": [{\"factor\": 2}]"),
         "earn.multipliers[1]: \"name\" is missing; expected a name for the receipt"},
        {ERR_FORMAT, EARNING("\"multipliers\": [{\"name\": \"a\"}]"),
         "earn.multipliers[1]: \"factor\" is missing; expected an integer or a ratio"},
        {ERR_EXISTS,
         EARNING("\"multipliers\": [{\"name\": \"a\", \"factor\": 2},\n"
                 "{\"name\": \"a\", \"factor\": 3}]"),
         "t.json:4: earn.multipliers[2].name: \"a\" is there twice; expected a name of its own"},
        {ERR_FORMAT, EARNING("\"bonuses\": [{\"name\": \"a\"}]"),
         "earn.bonuses[1]: \"points\" is missing; expected points for each piece, or for a visit"},
        {ERR_FORMAT, EARNING("\"bonuses\": [{\"name\": \"a\", \"points\": 5, \"when\": {}}]"),
         "earn.bonuses[1].when: this is empty and would mean everything"},
        {ERR_FORMAT, EARNING("\"exclude\": [{\"coupon\": \"A*B\"}]"),
         "earn.exclude[1].coupon: \"A*B\" is no code; expected a '*' only at the end"},
        {ERR_RANGE, EARNING("\"exclude\": [{\"mark\": \"1234567890123456\"}]"),
         "earn.exclude[1].mark: the text has 16 bytes; expected 1 to 15"},
        {ERR_RANGE, EARNING("\"cap_per_month\": -1"), "t.json:3: earn.cap_per_month: -1 is out of range"},
        {ERR_FORMAT, EARNING("\"exclude_tenders\": [\"cash\", 7]"),
         "t.json:3: earn.exclude_tenders[2]: this is no tender; expected a text of 1 to 15 bytes"},
        {ERR_EXISTS, EARNING("\"exclude_tenders\": [\"cash\", \"cash\"]"),
         "earn.exclude_tenders[2]: \"cash\" is there twice; expected each once"},
        {ERR_FULL, EARNING("\"exclude_tenders\": [1,2,3,4,5,6,7,8,9]"), "there are 9 in the list; expected 0 to 8"},
        /* stamps */
        {ERR_FORMAT, WITH("\"stamps\": [{\"name\": \"c\", \"every\": 10, \"points\": 5}]"),
         "t.json:3: stamps[1]: a stamp is for each piece of something; expected \"when\" with \"sku\" or"},
        {ERR_FORMAT,
         WITH("\"stamps\": [{\"name\": \"c\", \"per\": \"visit\", \"every\": 10, \"points\": 5,\n"
              "\"when\": {\"sku\": \"x\"}}]"),
         "t.json:4: stamps[1].when: a visit is a whole bill; expected neither \"sku\" nor \"category\""},
        {ERR_RANGE, WITH("\"stamps\": [{\"name\": \"c\", \"per\": \"visit\", \"every\": 1, \"points\": 5}]"),
         "stamps[1].every: 1 is out of range; expected an integer from 2 to 1000"},
        {ERR_FORMAT, WITH("\"stamps\": [{\"name\": \"c\", \"per\": \"visit\", \"every\": 9}]"),
         "stamps[1]: \"points\" is missing; expected points for a full card, or \"reward\""},
        {ERR_FORMAT, WITH("\"stamps\": [{\"name\": \"c\", \"per\": \"week\", \"every\": 9, \"points\": 5}]"),
         "stamps[1].per: \"week\" is not known; expected one of piece visit"},
        {ERR_NOT_FOUND, WITH("\"stamps\": [{\"name\": \"c\", \"per\": \"visit\", \"every\": 9, \"reward\": \"r\"}]"),
         "stamps[1].reward: no reward has the code \"r\"; expected one of rewards"},
        {ERR_FORMAT,
         WITH("\"stamps\": [{\"name\": \"c\", \"per\": \"visit\", \"every\": 9, \"points\": 5, \"reward\": \"r\"}]"),
         "stamps[1].points: a full card gives points or a reward; expected one of the two"},
        {ERR_FORMAT,
         WITH("\"rewards\": [{\"code\": \"r\", \"kind\": \"sliding\", \"steps\": [{\"points\": 1, \"value\": 1}]}],"
              "\"stamps\": [{\"name\": \"c\", \"per\": \"visit\", \"every\": 9, \"reward\": \"r\"}]"),
         "stamps[1].reward: \"r\" has no one price; expected a reward with \"points\""},
        {ERR_EXISTS,
         WITH("\"stamps\": [{\"name\": \"c\", \"per\": \"visit\", \"every\": 9, \"points\": 5},"
              "{\"name\": \"c\", \"per\": \"visit\", \"every\": 9, \"points\": 5}]"),
         "stamps[2].name: \"c\" is there twice"},
        /* rewards */
        {ERR_FORMAT, REWARD("\"code\": \"r\""), "t.json:3: rewards[1]: \"kind\" is missing; expected one of money"},
        {ERR_FORMAT, REWARD("\"code\": \"r\", \"kind\": \"shipping\""),
         "rewards[1].kind: \"shipping\" is not known; expected one of money percent item sliding"},
        {ERR_FORMAT, REWARD("\"kind\": \"money\", \"points\": 5, \"value\": 5"),
         "rewards[1]: \"code\" is missing; expected the reward's code"},
        {ERR_FORMAT, REWARD("\"code\": \"r\", \"kind\": \"money\", \"value\": 5"),
         "rewards[1]: \"points\" is missing; expected what it costs"},
        {ERR_FORMAT, REWARD("\"code\": \"r\", \"kind\": \"money\", \"points\": 5"),
         "rewards[1]: \"value\" is missing; expected what it pays, in minor units"},
        {ERR_RANGE, REWARD("\"code\": \"r\", \"kind\": \"money\", \"points\": 0, \"value\": 5"),
         "rewards[1].points: 0 is out of range"},
        {ERR_FORMAT, REWARD("\"code\": \"r\", \"kind\": \"money\", \"points\": 5, \"value\": 5, \"sku\": \"x\""),
         "rewards[1].sku: this kind of reward has no \"sku\"; expected this key left out"},
        {ERR_FORMAT, REWARD("\"code\": \"r\", \"kind\": \"item\", \"points\": 5"),
         "rewards[1]: \"sku\" is missing; expected the code of what is free"},
        {ERR_FORMAT, REWARD("\"code\": \"r\", \"kind\": \"item\", \"points\": 5, \"sku\": \"a*b\""),
         "rewards[1].sku: \"a*b\" is no code; expected a '*' only at the end"},
        {ERR_RANGE, REWARD("\"code\": \"r\", \"kind\": \"percent\", \"points\": 5, \"percent\": \"3/2\""),
         "rewards[1].percent: this is no part of a bill; expected a ratio above 0, at most 1"},
        {ERR_FORMAT, REWARD("\"code\": \"r\", \"kind\": \"percent\", \"points\": 5"),
         "rewards[1]: \"percent\" is missing; expected the part of the bill"},
        {ERR_FORMAT, REWARD("\"code\": \"r\", \"kind\": \"sliding\""),
         "rewards[1]: \"steps\" is missing; expected a list"},
        {ERR_RANGE,
         REWARD("\"code\": \"r\", \"kind\": \"sliding\", \"steps\": [{\"points\": 5, \"value\": 5},\n"
                "{\"points\": 5, \"value\": 6}]"),
         "t.json:5: rewards[1].steps[2].points: this is not above the step before; expected them rising"},
        {ERR_RANGE,
         REWARD("\"code\": \"r\", \"kind\": \"sliding\", \"steps\": [{\"points\": 5, \"value\": 5},"
                "{\"points\": 6, \"value\": 4}]"),
         "rewards[1].steps[2].value: this is not above the step before; expected them rising"},
        {ERR_RANGE, REWARD(MONEY ", \"max_share\": 2"), "rewards[1].max_share: this is no share of a bill; expected"},
        {ERR_NOT_FOUND, REWARD(MONEY ", \"tiers\": [\"member\", \"gold\"]"),
         "rewards[1].tiers[2]: no tier has this code; expected one of tiers.levels"},
        {ERR_RANGE, REWARD(MONEY ", \"from\": \"2011-02-02\", \"to\": \"2011-02-01\""),
         "rewards[1].to: it ends before it begins; expected a day not before"},
        {ERR_RANGE, REWARD(MONEY ", \"stock\": -1"), "rewards[1].stock: -1 is out of range; expected an integer from 0"},
        {ERR_RANGE, REWARD(MONEY ", \"per_member\": 1000001"), "rewards[1].per_member: 1000001 is out of range"},
        {ERR_RANGE, REWARD(MONEY ", \"name_zh\": \"\""), "rewards[1].name_zh: the text has 0 bytes; expected 1 to 31"},
        {ERR_EXISTS, REWARD(MONEY "}, {" MONEY), "rewards[2].code: \"r\" is there twice; expected a name of its own"},
        {ERR_RANGE,
         EARNING("\"bonuses\": [{\"name\": \"a\", \"points\": 0, \"when\": {\"sku\": "
                 "\"x\"}}]"),
         "earn.bonuses[1].points: 0 is out of range"},
        {ERR_EXISTS,
         EARNING("\"bonuses\": [{\"name\": \"a\", \"points\": 5, \"when\": {\"sku\": "
                 "\"x\"}}, {\"name\": \"a\", \"points\": 5, \"when\": {\"sku\": \"y\"}}]"),
         "earn.bonuses[2].name: \"a\" is there twice"},
        /* tiers */
        {ERR_FORMAT, WITH("\"tiers\": {}"), "tiers: \"levels\" is missing; expected a list"},
        {ERR_RANGE, LEVELS(""), "tiers.levels: there are 0 in the list; expected 1 to 8"},
        {ERR_FULL, LEVELS("1,2,3,4,5,6,7,8,9"), "tiers.levels: there are 9 in the list"},
        {ERR_FORMAT, LEVELS("{}"), "t.json:4: tiers.levels[1]: \"code\" is missing; expected the"},
        {ERR_RANGE, LEVELS("{\"code\": \"1234567890123456\"}"),
         "tiers.levels[1].code: the text has 16 bytes; expected 1 to 15"},
        {ERR_RANGE, LEVELS("{\"code\": \"a\", \"upgrade_at\": 1}"),
         "tiers.levels[1].upgrade_at: the first tier is everybody's; expected 0"},
        {ERR_FORMAT, LEVELS("{\"code\": \"a\"}, {\"code\": \"b\"}"),
         "tiers.levels[2]: \"upgrade_at\" is missing; expected what it takes to come in"},
        {ERR_RANGE,
         LEVELS("{\"code\": \"a\"}, {\"code\": \"b\", \"upgrade_at\": 5},\n"
                "{\"code\": \"c\", \"upgrade_at\": 5}"),
         "t.json:5: tiers.levels[3].upgrade_at: 5 is not above the 5 of \"b\"; expected the tiers "
         "lowest first"},
        {ERR_RANGE,
         LEVELS("{\"code\": \"a\"}, {\"code\": \"b\", \"upgrade_at\": 5, \"keep_at\": 6}"),
         "keep_at: to stay would take more than to come in; expected at most 5"},
        {ERR_RANGE,
         LEVELS("{\"code\": \"a\"}, {\"code\": \"b\", \"upgrade_at\": 5},"
                "{\"code\": \"c\", \"upgrade_at\": 9, \"keep_at\": 4}"),
         "keep_at: 4 is below the 5 of \"b\"; expected the tiers lowest first"},
        {ERR_EXISTS, LEVELS("{\"code\": \"a\"}, {\"code\": \"a\", \"upgrade_at\": 5}"),
         "tiers.levels[2].code: \"a\" is there twice"},
        {ERR_EXISTS,
         LEVELS("{\"code\": \"a\", \"name\": \"A\"}, {\"code\": \"b\", \"name\": \"A\", "
                "\"upgrade_at\": 5}"),
         "tiers.levels[2].name: \"A\" is there twice"},
        {ERR_RANGE, LEVELS("{\"code\": \"a\", \"offline_per_tap\": 5, \"offline_per_day\": 4}"),
         "offline_per_day: a day has less than a tap; expected at least 5"},
        {ERR_RANGE, LEVELS("{\"code\": \"a\", \"reward_factor\": 0}"),
         "tiers.levels[1].reward_factor: rewards would cost nothing; expected a ratio above 0"},
        {ERR_RANGE, LEVELS("{\"code\": \"a\", \"birthday_points\": 1000001}"),
         "tiers.levels[1].birthday_points: 1000001 is out of range; expected an integer from 0 to 1000000"},
        {ERR_FORMAT, WITH("\"tiers\": {\"mix\": {\"spend\": 1}, \"levels\": [{\"code\": \"a\"}]}"),
         "tiers.mix: only the metric \"mix\" has weights; expected this key left out"},
        {ERR_FORMAT, WITH("\"tiers\": {\"metric\": \"mix\", \"levels\": [{\"code\": \"a\"}]}"),
         "tiers: \"mix\" is missing; expected weights, such as"},
        {ERR_RANGE, WITH("\"tiers\": {\"metric\": \"mix\", \"mix\": {\"spend\": 0}, \"levels\": [{\"code\": \"a\"}]}"),
         "tiers.mix: nothing counts; expected a weight above 0"},
        {ERR_FORMAT, WITH("\"tiers\": {\"metric\": \"profit\", \"levels\": [{\"code\": \"a\"}]}"),
         "tiers.metric: \"profit\" is not known; expected one of spend points visits"},
        {ERR_FORMAT,
         WITH("\"tiers\": {\"window\": \"lifetime\", \"window_days\": 9, \"levels\": "
              "[{\"code\": \"a\"}]}"),
         "tiers.window_days: only a rolling window has days; expected this key left out"},
        {ERR_RANGE, WITH("\"tiers\": {\"window_days\": 0, \"levels\": [{\"code\": \"a\"}]}"),
         "tiers.window_days: 0 is out of range"},
        {ERR_RANGE, WITH("\"tiers\": {\"grace_days\": 9999, \"levels\": [{\"code\": \"a\"}]}"),
         "tiers.grace_days: 9999 is out of range"},
        /* expiry; POS-Awesome#3069: points that expire after 27 years */
        {ERR_FORMAT, WITH("\"expiry\": {}"), "expiry: \"kind\" is missing; expected one of never"},
        {ERR_FORMAT, WITH("\"expiry\": {\"kind\": \"rolling\"}"),
         "expiry: \"days\" is missing; expected days the points are good for"},
        {ERR_RANGE, WITH("\"expiry\": {\"kind\": \"rolling\", \"days\": 9999}"),
         "expiry.days: 9999 is out of range; expected an integer from 1 to 3660"},
        {ERR_FORMAT, WITH("\"expiry\": {\"kind\": \"year_end\", \"days\": 9}"),
         "expiry.days: only rolling and activity expiry have days; expected this key left out"},
        {ERR_FORMAT, WITH("\"expiry\": {\"kind\": \"activity\", \"years\": 1, \"days\": 9}"),
         "expiry.years: only year_end and anniversary expiry have years; expected this key left out"},
        {ERR_FORMAT, WITH("\"expiry\": {\"kind\": \"anniversary\"}"), "expiry: \"years\" is missing"},
        {ERR_RANGE, WITH("\"expiry\": {\"kind\": \"never\", \"reinstate_days\": -1}"),
         "expiry.reinstate_days: -1 is out of range"},
        {ERR_RANGE, WITH("\"cards\": {\"replace_days\": 367}"), "cards.replace_days: 367 is out of range"},
        {ERR_FORMAT, WITH("\"cards\": {\"colour\": 1}"), "cards.colour: this key is not known; expected one of replace_days"},
        {ERR_FORMAT, WITH("\"expiry\": {\"kind\": \"never\", \"years\": 9}"),
         "expiry.years: only year_end and anniversary expiry have years; expected this key left out"},
        {ERR_FORMAT, WITH("\"expiry\": {\"kind\": \"year_end\"}"),
         "expiry: \"years\" is missing; expected full years after"},
        /* redeeming */
        {ERR_FORMAT, WITH("\"redeem\": {}"),
         "redeem: \"worth\" is missing; expected minor units for"},
        {ERR_RANGE, WITH("\"redeem\": {\"worth\": 0}"),
         "redeem.worth: points would be worth nothing; expected a ratio above 0"},
        {ERR_RANGE, WITH("\"redeem\": {\"worth\": \"1/3\", \"step\": 100}"),
         "redeem.step: 100 points are not worth whole minor units; expected a step"},
        {ERR_RANGE, WITH("\"redeem\": {\"worth\": \"1/3\"}"), "1 points are not worth whole minor"},
        {ERR_RANGE, WITH("\"redeem\": {\"worth\": 1, \"step\": 100, \"min\": 150}"),
         "redeem.min: 150 is not a multiple of the step; expected a multiple of 100"},
        {ERR_RANGE, WITH("\"redeem\": {\"worth\": 1, \"max_share\": \"3/2\"}"),
         "redeem.max_share: this is no share of a bill; expected a ratio above 0, at most 1"},
        {ERR_RANGE, WITH("\"redeem\": {\"worth\": 1, \"offline_days\": 400}"),
         "redeem.offline_days: 400 is out of range; expected an integer from 0 to 366"},
        {ERR_RANGE,
         WITH("\"redeem\": {\"worth\": 1, \"min\": 100, \"offline_days\": 7},\n"
              "\"tiers\": {\"levels\": [{\"code\": \"a\", \"offline_per_tap\": 50}]}"),
         "t.json:3: redeem.min: the tier \"a\" could never redeem with the line cut; expected at "
         "most "
         "its offline_per_tap, 50"},
        {ERR_FORMAT, WITH("\"refund\": {\"may_owe\": \"yes\"}"),
         "refund.may_owe: this is a text; expected true or false"},
        {ERR_FORMAT, WITH("\"refund\": {\"clamp\": true}"), "refund.clamp: this key is not known"},
        {ERR_RANGE, WITH("\"redeem\": {\"worth\": 1, \"hold_minutes\": 0}"),
         "redeem.hold_minutes: 0 is out of range; expected an integer from 1 to 1440"},
        {ERR_RANGE, WITH("\"redeem\": {\"worth\": 1, \"second_factor_above\": -1}"),
         "redeem.second_factor_above: -1 is out of range; expected an integer from 0 to 1000000000"},
        {ERR_RANGE, WITH("\"rebates\": [{\"name\": \"m\", \"rate\": \"3/2\"}]"),
         "rebates[1].rate: this is no part of an amount; expected a ratio above 0, at most 1"},
        {ERR_RANGE, WITH("\"rebates\": [{\"name\": \"m\", \"rate\": 0}]"),
         "rebates[1].rate: this is no part of an amount; expected a ratio above 0, at most 1"},
        {ERR_FORMAT, WITH("\"rebates\": [{\"name\": \"m\"}]"),
         "rebates[1]: \"rate\" is missing; expected the part of a line's amount, such as \"1/10\""},
        {ERR_FORMAT, WITH("\"rebates\": [{\"name\": \"m\", \"rate\": 1, \"when\": {}}]"),
         "rebates[1].when: this is empty and would mean everything"},
        {ERR_EXISTS,
         WITH("\"rebates\": [{\"name\": \"m\", \"rate\": 1},\n{\"name\": \"m\", \"rate\": 1}]"),
         "t.json:4: rebates[2].name: \"m\" is there twice; expected a name of its own"},
        {ERR_RANGE, WITH("\"grants\": {\"per_gift\": 7, \"per_day\": 6}"),
         "grants.per_day: a day has less than a gift; expected at least 7"},
        {ERR_RANGE, WITH("\"grants\": {\"register\": true}"),
         "grants.register: a register could give nothing; expected \"per_gift\" above 0"},
    };
    int wrong = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pack p;
        struct errmsg why = {""};
        memset(&p, 0x5a, sizeof p);
        enum err e = pack_read(&p, rows[i].json, strlen(rows[i].json), "t.json", &why);
        if (e != rows[i].e || !strstr(why.text, rows[i].says) || !strstr(why.text, "expected")) {
            print_error("row %zu: %s\n gave %s: %s\n not %s\n", i, rows[i].json, err_text(e),
                        why.text, rows[i].says);
            wrong++;
        }
        assert_int_equal(((unsigned char *)&p)[0], 0x5a); /* untouched */
    }
    assert_int_equal(wrong, 0);
}

TEST(pack, a_list_that_is_too_long_is_refused)
{
    char json[PACK_JSON_MAX];
    struct pack p;
    struct errmsg why;
    static const struct {
        const char *key, *item;
        int most;
    } rows[] = {
        {"exclude", "{\"sku\": \"%d\"}", PACK_EXCLUSIONS_MAX},
        {"multipliers", "{\"name\": \"%d\", \"factor\": 2}", PACK_MULTIPLIERS_MAX},
        {"bonuses", "{\"name\": \"%d\", \"points\": 1, \"when\": {\"sku\": \"x\"}}",
         PACK_BONUSES_MAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int over = 0; over <= 1; over++) {
            size_t used = (size_t)snprintf(json, sizeof json,
                                           TOP "\"earn\": {\"rate\": 1, \"%s\": [", rows[i].key);
            for (int k = 0; k < rows[i].most + over; k++) {
                char item[80];
                const char *mark = strchr(rows[i].item, '%');
                snprintf(item, sizeof item, "%.*s%d%s", (int)(mark - rows[i].item), rows[i].item, k,
                         mark + 2);
                used +=
                    (size_t)snprintf(json + used, sizeof json - used, "%s%s", k ? "," : "", item);
            }
            used += (size_t)snprintf(json + used, sizeof json - used, "]}}");
            enum err e = pack_read(&p, json, used, "t.json", &why);
            assert_int_equal(e, over ? ERR_FULL : OK);
            if (over)
                assert_non_null(strstr(why.text, "in the list; expected 0 to"));
        }
}

TEST(pack, a_pack_longer_than_a_frame_is_refused)
{
    static char json[PACK_JSON_MAX + 2];
    struct pack p;
    struct errmsg why;
    memset(json, ' ', sizeof json);
    memcpy(json, WITH("\"clock_skew_s\": 5"), strlen(WITH("\"clock_skew_s\": 5")));
    assert_int_equal(pack_read(&p, json, PACK_JSON_MAX, "t.json", &why), OK);
    assert_int_equal(pack_read(&p, json, PACK_JSON_MAX + 1, "t.json", &why), ERR_FULL);
    assert_string_equal(why.text, "t.json:1: the pack has 32769 bytes; expected at most 32768");
}

/* A pack comes over the line: whatever it holds, it is read or refused. */
TEST(pack, damaged_text_never_harms)
{
    char path[512], json[PACK_JSON_MAX];
    size_t size;
    struct pack p;
    struct errmsg why;
    snprintf(path, sizeof path, "%s/packs/demo.json", test_data_dir());
    const char *whole = packs_file(path, &size);
    int refused = 0;
    for (size_t cut = 0; cut < size; cut += 7)
        refused += pack_read(&p, whole, cut, "t.json", &why) != OK;
    assert_in_range(refused, size / 7 - 1, size / 7 + 1);
    for (int i = 0; i < 2000; i++) {
        memcpy(json, whole, size);
        for (uint32_t k = test_below(3) + 1; k > 0; k--) {
            static const char bytes[] = "{}[]\",:0129-.eE\\utfn \n\x80\xff/*";
            json[test_below((uint32_t)size)] = bytes[test_below(sizeof bytes - 1)];
        }
        enum err e = pack_read(&p, json, size, "t.json", &why);
        if (e && strncmp(why.text, "t.json:", 7) != 0)
            fail_msg("%s", why.text);
    }
}

TEST(pack, a_key_written_with_escapes_is_still_found_near)
{
    static const char json[] = TOP EARN ",\n\"clock\\u005fskew_s\": 0}";
    struct pack p;
    struct errmsg why;
    assert_int_equal(pack_read(&p, json, strlen(json), "t.json", &why), ERR_RANGE);
    assert_string_equal(why.text,
                        "t.json:1: clock_skew_s: 0 is out of range; expected an integer from "
                        "1 to 86400");
}

/* ---- docs/programme.md ---- */

static const char *programme(void)
{
    char path[512];
    size_t size;
    snprintf(path, sizeof path, "%s/../../docs/programme.md", test_data_dir());
    return packs_file(path, &size);
}

TEST(pack, the_smallest_pack_of_the_manual_is_read)
{
    struct pack p;
    struct errmsg why;
    const char *start = strstr(programme(), "```json\n"), *end;
    assert_non_null(start);
    start += strlen("```json\n");
    end = strstr(start, "```");
    assert_non_null(end);
    assert_null(strstr(end + 3, "```json")); /* else this test has more to read */
    if (pack_read(&p, start, (size_t)(end - start), "docs/programme.md", &why))
        fail_msg("%s", why.text);
    assert_string_equal(p.name, "Corner Shop");
}

/* The reader itself lists the keys of an object when it meets one that it has never heard of. */
TEST(pack, the_manual_has_every_key)
{
    static const char *const packs[] = {
        WITH("\"zzzzzz\": 1"),
        EARNING("\"zzzzzz\": 1"),
        EARNING("\"exclude\": [{\"zzzzzz\": 1}]"),
        EARNING("\"multipliers\": [{\"zzzzzz\": 1}]"),
        EARNING("\"bonuses\": [{\"zzzzzz\": 1}]"),
        WITH("\"stamps\": [{\"zzzzzz\": 1}]"),
        REWARD("\"zzzzzz\": 1"),
        REWARD("\"code\": \"r\", \"kind\": \"sliding\", \"steps\": [{\"zzzzzz\": 1}]"),
        WITH("\"tiers\": {\"metric\": \"mix\", \"mix\": {\"zzzzzz\": 1}}"),
        WITH("\"tiers\": {\"zzzzzz\": 1}"),
        LEVELS("{\"zzzzzz\": 1}"),
        WITH("\"expiry\": {\"zzzzzz\": 1}"),
        WITH("\"redeem\": {\"zzzzzz\": 1}"),
        WITH("\"refund\": {\"zzzzzz\": 1}"),
        WITH("\"rebates\": [{\"zzzzzz\": 1}]"),
        WITH("\"grants\": {\"zzzzzz\": 1}"),
        WITH("\"cards\": {\"zzzzzz\": 1}"),
    };
    const char *manual = programme();
    int keys = 0;
    for (size_t i = 0; i < sizeof packs / sizeof packs[0]; i++) {
        struct pack p;
        struct errmsg why;
        assert_int_equal(pack_read(&p, packs[i], strlen(packs[i]), "t.json", &why), ERR_FORMAT);
        char *list = strstr(why.text, "expected one of ");
        assert_non_null(list);
        for (char *key = strtok(list + strlen("expected one of "), " "); key;
             key = strtok(NULL, " ")) {
            char quoted[40];
            snprintf(quoted, sizeof quoted, "`%s`", key);
            if (!strstr(manual, quoted))
                fail_msg("docs/programme.md does not say what `%s` means", key);
            keys++;
        }
    }
    assert_in_range(keys, 80, 160);
}

/* The examples worked by hand in the manual are what the code answers, word for word. */
TEST(pack, the_examples_of_the_manual_are_what_is_computed)
{
    struct pack p;
    struct txn_line lines[3];
    struct earning e;
    struct clawback c;
    struct tier_decision d;
    int32_t left[3] = {2, 6, 1};
    packs_load(&p, "demo");
    const char *manual = programme();
    int64_t time_s;
    assert_int_equal(time_parse(&time_s, "2011-05-12T18:00"), OK);
    struct bill b = {lines,
                     packs_lines(lines, "22423 2 25.50, 85123A 6 17.70, POST 1 8.00"),
                     money_of(1000),
                     time_s,
                     "",
                     "gold",
                     .earned_today = points_of(0)};
    assert_int_equal(rules_earn(&p, &b, &e, NULL), OK);
    assert_int_equal(points_n(e.points), 93);
    assert_int_equal(money_minor(e.counted), 3477);
    assert_non_null(strstr(manual, e.why));

    struct money given = money_of(0);
    int32_t kept[3] = {left[0], left[1], left[2]};
    assert_int_equal(rules_clawback(&p, &b, points_of(1000), kept, &given, NULL, 0, money_of(512), &c, NULL), OK);
    assert_int_equal(points_n(c.clawed), 8);
    assert_int_equal(points_n(c.points_back), 100);
    given = money_of(0);
    struct rules_return one = {0, 1}, rest[] = {{0, 1}, {1, 6}, {2, 1}};
    assert_int_equal(rules_clawback(&p, &b, points_of(1000), left, &given, &one, 1, money_of(0), &c, NULL), OK);
    assert_int_equal(points_n(c.clawed), 31);
    assert_int_equal(points_n(c.points_back), 249);
    assert_int_equal(money_minor(c.refund) - money_minor(c.points_value), 1026);
    assert_non_null(strstr(manual, c.why));
    assert_int_equal(rules_clawback(&p, &b, points_of(1000), left, &given, rest, 3, money_of(0), &c, NULL), OK);
    assert_int_equal(points_n(c.clawed), 62);
    assert_int_equal(points_n(c.points_back), 751);

    int32_t review;
    assert_int_equal(day_parse(&review, "2012-01-10"), OK);
    struct tier_facts f = {"silver", DAY_NEVER, 64000, 0, review, true};
    rules_tier(&p, &f, &d);
    assert_non_null(strstr(manual, d.why));
    f.short_since_day = d.short_since_day;
    f.today = review + 29; /* 2012-02-08 */
    rules_tier(&p, &f, &d);
    assert_string_equal(d.tier->code, "silver");
    f.today++;
    rules_tier(&p, &f, &d);
    assert_string_equal(d.tier->code, "bronze");
}
