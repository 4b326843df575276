/* test_pack_write.c - a pack written and read again is the same pack, and every fault is told at once.
 * SPDX-License-Identifier: Apache-2.0 */
#include "rules/pack.h"
#include "tests/packs.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

/* ---- packs at random, as the reader would take them ---- */

static int64_t from_to(int64_t low, int64_t high)
{
    return low + (int64_t)(test_below(UINT32_MAX) % (uint64_t)(high - low + 1));
}

static bool coin(void)
{
    return test_below(2) == 0;
}

/* A text that JSON has to escape in places, with number so that it differs from others. */
static void name_of(char *out, size_t size, int number)
{
    static const char *const stems[] = {"a", "x\"y", "b\\", "Gold", "\xe9\x87\x91", "/~", " s "};
    snprintf(out, size, "%s%d", stems[test_below(sizeof stems / sizeof stems[0])], number);
}

static struct ratio ratio_from(int64_t least)
{
    return (struct ratio){from_to(least, 9), coin() ? 1 : from_to(1, 9)};
}

static struct ratio share(void)
{
    int64_t den = from_to(1, 20);
    return (struct ratio){from_to(1, den), den};
}

static void random_scope(struct pack_scope *s, const struct pack *p, bool of_line, bool of_bill)
{
    if (of_line && coin())
        snprintf(s->sku, sizeof s->sku, coin() ? "tea-%d*" : "tea-%d", (int)from_to(0, 9));
    if (of_line && (coin() || !*s->sku))
        name_of(s->category, sizeof s->category, 1);
    if (!of_bill)
        return;
    if (coin())
        name_of(s->shop, sizeof s->shop, 2);
    if (coin())
        memcpy(s->tier, p->tiers[test_below((uint32_t)p->tier_count)].code, sizeof s->tier);
    if (coin())
        snprintf(s->coupon, sizeof s->coupon, coin() ? "SPRING-*" : "SUM");
    if (coin())
        snprintf(s->mark, sizeof s->mark, "first");
    if (coin())
        s->from_day = (int32_t)from_to(1, 20000);
    if (coin())
        s->to_day = s->from_day + (int32_t)from_to(1, 2000);
    if (coin())
        s->weekdays = (uint8_t)from_to(1, 127);
    if (coin()) {
        s->from_minute = (int32_t)from_to(0, 700);
        s->to_minute = (int32_t)from_to(701, 1440);
    }
    if (pack_scope_is_empty(s))
        s->weekdays = 1;
}

static void random_tiers(struct pack *p)
{
    int64_t at = 0, keep = 0;
    p->metric = (enum pack_metric)test_below(4);
    if (p->metric == METRIC_MIX)
        for (int i = 0; i < 3; i++)
            p->mix[i] = coin() && i ? (struct ratio){0, 1} : ratio_from(1);
    p->window = (enum pack_window)test_below(4);
    p->window_days = p->window == WINDOW_ROLLING && coin() ? (int32_t)from_to(1, 3660) : 365;
    p->grace_days = coin() ? 0 : (int32_t)from_to(1, 3660);
    p->downgrade_one_step = coin();
    p->tier_count = (int32_t)from_to(1, PACK_TIERS_MAX);
    for (int32_t i = 0; i < p->tier_count; i++) {
        struct pack_tier *t = &p->tiers[i];
        snprintf(t->code, sizeof t->code, "t%d", (int)i);
        memcpy(t->name, t->code, sizeof t->code);
        if (coin())
            name_of(t->name, sizeof t->name, i);
        at += i ? from_to(1, 100000) : 0;
        keep = coin() ? keep : at;
        t->upgrade_at = at;
        t->keep_at = keep;
        t->factor = coin() ? (struct ratio){1, 1} : ratio_from(1);
        t->reward_factor = coin() ? (struct ratio){1, 1} : ratio_from(1);
        t->offline_per_tap = points_of(coin() ? 0 : from_to(10000, 20000));
        t->offline_per_day = points_of(points_n(t->offline_per_tap) + (coin() ? 0 : from_to(1, 9)));
        t->birthday_points = points_of(coin() ? 0 : from_to(1, 1000000));
    }
}

static void random_earn(struct pack *p)
{
    p->earn = ratio_from(0);
    p->points_paid_earns = coin();
    p->rounding = (enum pack_rounding)test_below(3);
    p->round_per = (enum pack_round_per)test_below(2);
    p->cap_per_bill = points_of(coin() ? 0 : from_to(1, 999));
    p->cap_per_day = points_of(coin() ? 0 : from_to(1, 999));
    p->cap_per_month = points_of(coin() ? 0 : from_to(1, 999));
    p->vest_days = coin() ? 0 : (int32_t)from_to(1, 366);
    p->exclude_tender_count = (int32_t)test_below(PACK_TENDERS_MAX + 1);
    for (int32_t i = 0; i < p->exclude_tender_count; i++)
        snprintf(p->exclude_tenders[i], sizeof p->exclude_tenders[i], "pay\"%d", (int)i);
    p->exclusion_count = (int32_t)test_below(5);
    for (int32_t i = 0; i < p->exclusion_count; i++)
        random_scope(&p->exclusions[i], p, coin(), true);
    p->multiplier_count = (int32_t)test_below(4);
    for (int32_t i = 0; i < p->multiplier_count; i++) {
        name_of(p->multipliers[i].name, sizeof p->multipliers[i].name, i);
        p->multipliers[i].factor = ratio_from(0);
        if (coin())
            random_scope(&p->multipliers[i].scope, p, coin(), true);
    }
    p->multipliers_stack = coin();
    p->bonus_count = (int32_t)test_below(4);
    for (int32_t i = 0; i < p->bonus_count; i++) {
        name_of(p->bonuses[i].name, sizeof p->bonuses[i].name, i);
        p->bonuses[i].points = points_of(from_to(1, 1000000));
        if (coin())
            random_scope(&p->bonuses[i].scope, p, coin(), true);
    }
}

static void random_reward(struct pack_reward *r, const struct pack *p, int i)
{
    snprintf(r->code, sizeof r->code, "r%d", i);
    memcpy(r->name, r->code, sizeof r->code);
    if (coin())
        name_of(r->name, sizeof r->name, i);
    if (coin())
        name_of(r->name_zh, sizeof r->name_zh, i);
    r->kind = (enum pack_reward_kind)test_below(4);
    r->percent = (struct ratio){0, 1};
    if (r->kind != REWARD_SLIDING)
        r->points = points_of(from_to(1, 1000000));
    if (r->kind == REWARD_MONEY || (r->kind != REWARD_SLIDING && coin()))
        r->value = money_of(from_to(1, 1000000));
    if (r->kind == REWARD_PERCENT)
        r->percent = share();
    if (r->kind == REWARD_ITEM)
        snprintf(r->sku, sizeof r->sku, coin() ? "cup*" : "cup");
    if (r->kind == REWARD_SLIDING) {
        r->step_count = (int32_t)from_to(1, PACK_STEPS_MAX);
        for (int32_t k = 0; k < r->step_count; k++) {
            r->steps[k].points = points_of(1 + k * 100 + from_to(0, 99));
            r->steps[k].value = money_of(1 + k * 100 + from_to(0, 99));
        }
    }
    r->max_share = coin() ? (struct ratio){1, 1} : share();
    r->tiers = (uint8_t)test_below(1u << p->tier_count);
    r->from_day = coin() ? 0 : (int32_t)from_to(1, 20000);
    r->to_day = coin() ? 0 : r->from_day + (int32_t)from_to(1, 99);
    r->stock = coin() ? 0 : (int32_t)from_to(1, 1000000);
    r->per_member = coin() ? 0 : (int32_t)from_to(1, 1000000);
}

static void random_rewards(struct pack *p)
{
    p->reward_count = (int32_t)test_below(5);
    for (int32_t i = 0; i < p->reward_count; i++)
        random_reward(&p->rewards[i], p, i);
    p->stamp_count = (int32_t)test_below(PACK_STAMPS_MAX + 1);
    for (int32_t i = 0; i < p->stamp_count; i++) {
        struct pack_stamp *s = &p->stamps[i];
        const struct pack_reward *r = p->reward_count ? &p->rewards[0] : NULL;
        name_of(s->name, sizeof s->name, i);
        s->per_visit = coin();
        s->every = (int32_t)from_to(2, 1000);
        s->points = points_of(from_to(1, 1000000));
        if (r && r->kind != REWARD_SLIDING && coin()) {
            memcpy(s->reward, r->code, sizeof s->reward);
            s->points = r->points;
        }
        if (!s->per_visit || coin())
            random_scope(&s->scope, p, !s->per_visit, s->per_visit || coin());
    }
}

static void random_rest(struct pack *p)
{
    p->worth = (struct ratio){0, 1};
    p->redeem_step = p->redeem_min = points_of(1);
    p->redeem_max_share = (struct ratio){1, 1};
    p->hold_minutes = 15;
    if (coin()) {
        p->worth = ratio_from(1);
        p->redeem_step = points_of(p->worth.den * from_to(1, 5));
        p->redeem_min = points_of(points_n(p->redeem_step) * from_to(1, 5));
        p->redeem_max_share = share();
        p->offline_days = coin() ? 0 : (int32_t)from_to(1, 366);
        p->second_factor_above = points_of(coin() ? 0 : from_to(1, 999));
        p->hold_minutes = coin() ? 15 : (int32_t)from_to(1, 1440);
    } else if (p->reward_count) {
        p->offline_days = (int32_t)from_to(0, 366);
    }
    p->expiry = test_below(5);
    if (p->expiry == EXPIRY_ROLLING || p->expiry == EXPIRY_ACTIVITY)
        p->expiry_days = (int32_t)from_to(1, 3660);
    if (p->expiry == EXPIRY_YEAR_END || p->expiry == EXPIRY_ANNIVERSARY)
        p->expiry_years = (int32_t)from_to(0, 10);
    p->reinstate_days = coin() ? 0 : (int32_t)from_to(1, 3660);
    p->rebate_count = (int32_t)test_below(4);
    for (int32_t i = 0; i < p->rebate_count; i++) {
        name_of(p->rebates[i].name, sizeof p->rebates[i].name, i);
        p->rebates[i].rate = share();
        if (coin())
            random_scope(&p->rebates[i].scope, p, coin(), true);
    }
    p->grant_per_gift = points_of(coin() ? 0 : from_to(1, 999));
    p->grant_per_day = points_of(points_n(p->grant_per_gift) + (coin() ? 0 : from_to(1, 9)));
    p->register_grants = points_n(p->grant_per_gift) && coin();
    p->refund_may_owe = coin();
    p->replace_days = coin() ? 0 : (int32_t)from_to(1, 366);
    p->clock_skew_s = coin() ? 600 : (int32_t)from_to(1, 86400);
}

static void random_pack(struct pack *p)
{
    memset(p, 0, sizeof *p);
    p->version = (uint32_t)from_to(1, UINT32_MAX - 1);
    p->effective_day = (int32_t)from_to(1, 30000);
    name_of(p->name, sizeof p->name, 0);
    memcpy(p->currency, coin() ? "GBP" : "CNY", 4);
    p->currency_digits = (int32_t)test_below(4);
    random_tiers(p);
    random_earn(p);
    random_rewards(p);
    random_rest(p);
}

static char text[PACK_JSON_MAX + 1], again[PACK_JSON_MAX + 1];

TEST(pack_write, what_is_written_is_read_as_the_same_pack)
{
    struct pack p, q;
    struct errmsg why;
    size_t size;
    for (int i = 0; i < 3000; i++) {
        random_pack(&p);
        if (pack_write(&p, text, sizeof text, &size, &why))
            fail_msg("%s", why.text);
        assert_int_equal(size, strlen(text));
        memset(&q, 0, sizeof q);
        if (pack_read(&q, text, size, "random", &why))
            fail_msg("%s\n%s", why.text, text);
        for (size_t k = 0; k < sizeof p; k++)
            if (((unsigned char *)&p)[k] != ((unsigned char *)&q)[k])
                fail_msg("byte %zu of the pack differs\n%s", k, text);
    }
}

TEST(pack_write, a_pack_has_one_text_whatever_it_was_read_from)
{
    static const char *const names[] = {"demo"};
    struct pack p, q;
    struct errmsg why;
    size_t size, size_again;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        packs_load(&p, names[i]);
        assert_int_equal(pack_write(&p, text, sizeof text, &size, &why), OK);
        assert_int_equal(pack_read(&q, text, size, names[i], &why), OK);
        assert_int_equal(pack_write(&q, again, sizeof again, &size_again, &why), OK);
        assert_string_equal(text, again);
        assert_memory_equal(&p, &q, sizeof p);
    }
    packs_make(&p, "", "");
    assert_int_equal(pack_write(&p, text, sizeof text, &size, &why), OK);
    assert_string_equal(text, "{\n  \"version\": 1,\n  \"effective\": \"2011-01-01\",\n  \"name\": \"Test\",\n"
                              "  \"currency\": \"GBP\",\n  \"earn\": {\n    \"rate\": \"1/100\"\n  }\n}\n");
    packs_make(&p, "\"exclude\": [{\"sku\": \"A*\", \"weekdays\": [\"sun\", \"mon\"]}, {\"from_time\": \"22:00\", "
                   "\"to_time\": \"24:00\"}]",
               "\"refund\": {\"may_owe\": false}");
    assert_int_equal(pack_write(&p, text, sizeof text, &size, &why), OK);
    assert_non_null(strstr(text, "    \"exclude\": [\n      {\"sku\": \"A*\", \"weekdays\": [\"mon\", \"sun\"]},\n"
                                 "      {\"from_time\": \"22:00\", \"to_time\": \"24:00\"}\n    ]\n  },\n"
                                 "  \"refund\": {\"may_owe\": false}\n}\n"));
}

TEST(pack_write, a_text_that_does_not_fit_is_refused_and_nothing_is_written_beyond)
{
    struct pack p;
    struct errmsg why;
    size_t size, unused;
    packs_load(&p, "demo");
    assert_int_equal(pack_write(&p, text, sizeof text, &size, &why), OK);
    for (size_t cap = 0; cap <= size + 1; cap += cap < 40 ? 1 : size - 38 > cap + 97 ? 97 : 1) {
        memset(again, 'x', sizeof again);
        enum err e = pack_write(&p, again, cap, &unused, &why);
        assert_int_equal(e, cap > size ? OK : ERR_FULL);
        assert_int_equal(again[cap], 'x');
    }
    memset(&p, 0, sizeof p);
    random_pack(&p);
    p.reward_count = PACK_REWARDS_MAX; /* longer than a frame */
    for (int i = 0; i < PACK_REWARDS_MAX; i++) {
        struct pack_reward *r = &p.rewards[i];
        *r = (struct pack_reward){.kind = REWARD_SLIDING, .step_count = PACK_STEPS_MAX, .max_share = {1, 3}};
        memset(r->code, 'c', sizeof r->code - 1);
        memset(r->name, 'n', sizeof r->name - 1);
        memset(r->name_zh, 'z', sizeof r->name_zh - 1);
        for (int k = 0; k < PACK_STEPS_MAX; k++)
            r->steps[k] = (struct pack_step){points_of(900000000 + k), money_of(900000000 + k)};
    }
    static char large[4 * PACK_JSON_MAX];
    assert_int_equal(pack_write(&p, large, sizeof large, &size, &why), ERR_FULL);
    assert_non_null(strstr(why.text, "expected at most 32768"));
}

/* ---- every fault at once ---- */

#define TOP "{\"version\": 1, \"effective\": \"2011-01-01\", \"name\": \"N\", \"currency\": \"GBP\",\n"

TEST(pack_check, every_fault_is_told_with_its_pointer_and_line)
{
    static const char json[] = TOP /* 1 */
        "\"earn\": {\"rate\": 0.5, \"cap_per_day\": -1,\n" /* 2 */
        " \"multipliers\": [{\"name\": \"a\", \"facter\": 2},\n" /* 3: an unknown key and a missing one */
        "  {\"name\": \"b\", \"factor\": 2, \"when\": {\"tier\": \"gild\"}}]},\n" /* 4 */
        "\"tiers\": {\"levels\": [{\"code\": \"a\"}, {\"code\": \"b\", \"upgrade_at\": 0}]},\n" /* 5 */
        "\"redeem\": {\"worth\": 1, \"max_share\": 2},\n" /* 6 */
        "\"a/b~c\": 1, \"grants\": 7,\n" /* 7 */
        "\"rewards\": [{\"code\": \"r\"}], \"stamps\": [{\"name\": \"s\", \"per\": \"visit\", \"every\": 5,\n" /* 8 */
        " \"reward\": \"x\"}], \"clock_skew_s\": 0}"; /* 9 */
    static const struct {
        int line;
        const char *pointer, *says;
    } want[] = {
        {7, "/a~1b~0c", "this key is not known"},
        {5, "/tiers/levels/1/upgrade_at", "0 is not above the 0 of \"a\""},
        {2, "/earn/rate", "this is a decimal fraction"},
        {2, "/earn/cap_per_day", "-1 is out of range"},
        {3, "/earn/multipliers/0/facter", "expected perhaps \"factor\""},
        {3, "/earn/multipliers/0", "\"factor\" is missing"},
        {8, "/rewards/0", "\"kind\" is missing"},
        {6, "/redeem/max_share", "this is no share of a bill"},
        {7, "/grants", "this is no object"},
        {9, "/clock_skew_s", "0 is out of range"},
    };
    struct pack p;
    struct pack_fault faults[PACK_FAULTS_MAX];
    int32_t count = 0;
    memset(&p, 0x5a, sizeof p);
    assert_int_equal(pack_check(&p, json, strlen(json), faults, &count), ERR_FORMAT);
    assert_int_equal(((unsigned char *)&p)[0], 0x5a);
    for (int32_t i = 0; i < count; i++) {
        if (i >= (int32_t)(sizeof want / sizeof want[0]))
            fail_msg("one more: %s: %s", faults[i].pointer, faults[i].text);
        assert_string_equal(faults[i].pointer, want[i].pointer);
        assert_int_equal(faults[i].line, want[i].line);
        if (!strstr(faults[i].text, want[i].says) || !strstr(faults[i].text, "expected"))
            fail_msg("%s", faults[i].text);
        assert_int_not_equal(faults[i].e, OK);
    }
    assert_int_equal(count, sizeof want / sizeof want[0]);
}

TEST(pack_check, of_what_only_follows_from_a_fault_nothing_is_said)
{
    static const char *const alone[] = {
        TOP "\"earn\": {\"rate\": 1, \"exclude\": [{\"tier\": \"gold\"}]}, \"tiers\": {\"levels\": [{\"code\": 5}]}}",
        TOP "\"earn\": {\"rate\": 1}, \"redeem\": {\"min\": 5}}",
        TOP "\"earn\": {\"rate\": 1}, \"rebates\": [{\"name\": \"m\"}]}",
        TOP "\"earn\": {\"rate\": 1}, \"tiers\": 7}",
        TOP "\"earn\": {\"rate\": 1}, \"expiry\": {\"kind\": \"some\", \"days\": 9}}",
        TOP "\"earn\": 1}",
        TOP "\"earn\": {\"rate\": 1, \"bonuses\": [{\"name\": 1, \"points\": 1}, {\"name\": \"\", \"points\": 1}]}}",
        TOP "\"earn\": {\"rate\": 1, \"exclude\": [{\"skew\": \"D\"}]}}",
        TOP "\"earn\": {\"rate\": 1}, \"rewards\": [{\"code\": \"r\", \"kind\": 1, \"steps\": 1}],"
            "\"stamps\": [{\"name\": \"s\", \"per\": \"visit\", \"every\": 5, \"reward\": \"x\"}]}",
        TOP "\"earn\": {\"rate\": 1}, \"tiers\": {\"metric\": 1, \"mix\": {}, \"levels\": [{\"code\": \"a\"}]}}",
        TOP "\"earn\": {\"rate\": 1}, \"grants\": {\"per_gift\": \"7\", \"register\": true}}",
        TOP "\"earn\": {\"rate\": 1}, \"tiers\": {\"levels\": [{\"code\": \"a\"}, {\"code\": \"b\", \"upgrade_at\": \"x\"},"
            "{\"code\": \"c\", \"upgrade_at\": 5}]}}",
    };
    static const int32_t faults_of[] = {1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1};
    for (size_t i = 0; i < sizeof alone / sizeof alone[0]; i++) {
        struct pack p;
        struct pack_fault faults[PACK_FAULTS_MAX];
        int32_t count = 0;
        assert_int_not_equal(pack_check(&p, alone[i], strlen(alone[i]), faults, &count), OK);
        if (count != faults_of[i])
            fail_msg("row %zu: %d faults, the last %s: %s", i, count, faults[count - 1].pointer,
                     faults[count - 1].text);
    }
}

TEST(pack_check, more_faults_than_fit_are_counted_no_further)
{
    static char json[PACK_JSON_MAX];
    struct pack p;
    struct pack_fault faults[PACK_FAULTS_MAX];
    int32_t count = 0;
    size_t used = (size_t)snprintf(json, sizeof json, TOP "\"earn\": {\"rate\": 1, \"exclude\": [");
    for (int i = 0; i < PACK_EXCLUSIONS_MAX; i++)
        used += (size_t)snprintf(json + used, sizeof json - used, "%s7", i ? "," : "");
    used += (size_t)snprintf(json + used, sizeof json - used, "]}}");
    assert_int_equal(pack_check(&p, json, used, faults, &count), ERR_FORMAT);
    assert_int_equal(count, PACK_FAULTS_MAX);
    assert_string_equal(faults[PACK_FAULTS_MAX - 1].pointer, "/earn/exclude/49");
    assert_int_equal(pack_check(&p, "{", 1, faults, &count), ERR_FORMAT);
    assert_int_equal(count, 1);
    assert_string_equal(faults[0].pointer, "");
    packs_load(&p, "demo");
    size_t size;
    struct errmsg why;
    assert_int_equal(pack_write(&p, text, sizeof text, &size, &why), OK);
    assert_int_equal(pack_check(&p, text, size, faults, &count), OK);
    assert_int_equal(count, 0);
}

