/* test_preview.c - preview equals what then happens: real purchases stand in books; a draft is previewed from a day on.
 * Then other books take the same purchases with the draft published from that day on, and every member's tier, lots and
 * debt and every sale's points are compared with what the preview said: no difference.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "office/books/books_int.h"
#include "office/plan/preview.h"
#include "tests/ledgers.h"
#include "tests/packs.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { CHANGE_DAY = 15095 /* 2011-05-01 */, NUMBER_MAX = 70000 };

static struct ledgers was, becomes;
static struct errmsg why;

/* ---- rules ---- */

#define BASE                                                                                                           \
    "\"redeem\": {\"worth\": 1, \"min\": 10, \"step\": 10, \"max_share\": 1, \"hold_minutes\": 15},"                   \
    "\"grants\": {\"per_gift\": 500, \"per_day\": 5000, \"register\": true}, \"refund\": {\"may_owe\": %s},"

static const struct { const char *earn, *top, *draft_earn, *draft_top; } rules[] = {
    {"\"exclude\": [{\"category\": \"service\"}]",
     "\"tiers\": {\"metric\": \"spend\", \"window\": \"rolling\", \"window_days\": 120, \"grace_days\": 20, \"levels\":"
     " [{\"code\": \"base\", \"name\": \"Base\"}, {\"code\": \"silver\", \"name\": \"Silver\", \"upgrade_at\": 60000,"
     " \"keep_at\": 50000, \"factor\": \"5/4\"}, {\"code\": \"gold\", \"name\": \"Gold\", \"upgrade_at\": 200000,"
     " \"keep_at\": 150000, \"factor\": \"3/2\"}]}, \"expiry\": {\"kind\": \"rolling\", \"days\": 100}",
     "\"cap_per_day\": 900, \"multipliers\": [{\"name\": \"Mayday\", \"factor\": 2, \"when\": {\"from\": \"2011-05-10\","
     " \"to\": \"2011-06-10\"}}]",
     "\"tiers\": {\"metric\": \"points\", \"window\": \"rolling\", \"window_days\": 90, \"grace_days\": 10, \"levels\":"
     " [{\"code\": \"base\", \"name\": \"Base\"}, {\"code\": \"silver\", \"name\": \"Silver\", \"upgrade_at\": 400,"
     " \"keep_at\": 300, \"factor\": \"6/5\"}, {\"code\": \"platin\", \"name\": \"Platinum\", \"upgrade_at\": 1500,"
     " \"keep_at\": 1000, \"factor\": 2}]}, \"expiry\": {\"kind\": \"rolling\", \"days\": 60}"},
    {"\"cap_per_bill\": 300",
     "\"tiers\": {\"metric\": \"visits\", \"window\": \"calendar_year\", \"levels\":"
     " [{\"code\": \"base\", \"name\": \"Base\"}, {\"code\": \"silver\", \"name\": \"Silver\", \"upgrade_at\": 4,"
     " \"keep_at\": 2, \"factor\": \"5/4\"}]}, \"expiry\": {\"kind\": \"year_end\", \"years\": 0}",
     "\"round_per\": \"line\", \"rounding\": \"nearest\"",
     "\"tiers\": {\"metric\": \"spend\", \"window\": \"lifetime\", \"levels\":"
     " [{\"code\": \"base\", \"name\": \"Base\"}, {\"code\": \"silver\", \"name\": \"Silver\", \"upgrade_at\": 30000,"
     " \"keep_at\": 100}, {\"code\": \"gold\", \"name\": \"Gold\", \"upgrade_at\": 90000,"
     " \"keep_at\": 80000, \"factor\": 3}]}, \"expiry\": {\"kind\": \"never\"}"},
    {"\"cap_per_month\": 700",
     "\"tiers\": {\"metric\": \"spend\", \"window\": \"anniversary\", \"levels\":"
     " [{\"code\": \"base\", \"name\": \"Base\"}, {\"code\": \"silver\", \"name\": \"Silver\", \"upgrade_at\": 40000,"
     " \"keep_at\": 20000, \"factor\": \"5/4\"}]}, \"expiry\": {\"kind\": \"activity\", \"days\": 50}, \"stamps\": [{\"name\": \"visits\", \"per\": \"visit\", \"every\": 3, \"points\": 40}]",
     "\"vest_days\": 7",
     "\"tiers\": {\"metric\": \"spend\", \"window\": \"calendar_year\", \"levels\":"
     " [{\"code\": \"base\", \"name\": \"Base\"}, {\"code\": \"silver\", \"name\": \"Silver\", \"upgrade_at\": 70000,"
     " \"keep_at\": 60000}, {\"code\": \"gold\", \"name\": \"Gold\", \"upgrade_at\": 120000,"
     " \"keep_at\": 80000, \"factor\": 3}]}, \"expiry\": {\"kind\": \"activity\", \"days\": 80}, \"stamps\": [{\"name\": \"visits\", \"per\": \"visit\", \"every\": 2, \"points\": 25}]"},
};

static const char *with_base(const char *top, bool may_owe)
{
    static char text[4096];
    int size = snprintf(text, sizeof text, BASE, may_owe ? "true" : "false");
    snprintf(text + size, sizeof text - (size_t)size, "%s", top);
    return text;
}

static void make_draft(struct pack *out, int i, bool may_owe)
{
    char json[8192];
    int size = snprintf(json, sizeof json,
                        "{\"version\": 2, \"effective\": \"2011-05-01\", \"name\": \"Test\", \"currency\": \"GBP\","
                        " \"earn\": {\"rate\": \"3/200\", %s}, %s}",
                        rules[i].draft_earn, with_base(rules[i].draft_top, may_owe));
    if (pack_read(out, json, (size_t)size, "draft", &why))
        fail_msg("%s", why.text);
}

/* ---- a year of a gift shop ---- */

struct invoice {
    char kind;
    int number, original, customer;
    int64_t time_s;
    int32_t first_line, line_count;
};
static struct invoice invoices[4096];
static struct txn_line lines[65536];
static int invoice_count, line_total;
static struct entry_id entry_of[2 * NUMBER_MAX]; /* by number of the invoice, less 530000 */

static void load(void)
{
    char path[512], row[256];
    snprintf(path, sizeof path, "%s/online_retail/invoices.txt", test_data_dir());
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    invoice_count = line_total = 0;
    while (fgets(row, sizeof row, f)) {
        struct invoice *v = &invoices[invoice_count];
        char code[64], kind[16], when[24];
        int quantity;
        long long pence;
        if (*row != 'L') {
            *v = (struct invoice){.kind = *row, .first_line = line_total};
            assert_true(sscanf(row + 2 + (*row == 'R'), "%d %23s %d %*s %d", &v->number, when, &v->customer,
                               &v->original) >= 3);
            assert_int_equal(time_parse(&v->time_s, when), OK);
            v->time_s += 31 * SECONDS_PER_DAY; /* the rules begin with the year */
            invoice_count++;
            continue;
        }
        assert_int_equal(sscanf(row, "L %63s %d %lld %15s", code, &quantity, &pence, kind), 4);
        struct txn_line *l = &lines[line_total++];
        *l = (struct txn_line){.quantity = quantity, .amount = money_of(pence)};
        snprintf(l->sku, sizeof l->sku, "%.19s", code);
        snprintf(l->category, sizeof l->category, "%s", kind);
        invoices[invoice_count - 1].line_count++;
    }
    fclose(f);
}

static void put_lines(struct txn *t, const struct invoice *v)
{
    int64_t sum = 0;
    t->line_count = v->line_count;
    for (int32_t i = 0; i < v->line_count; i++) {
        t->lines[i] = lines[v->first_line + i];
        sum += money_minor(t->lines[i].amount);
    }
    t->total = money_of(sum);
}

/* As a till that has the rules of the day would say it. */
static void say_rules(struct ledgers *l, struct txn *t)
{
    struct member_view m;
    const struct pack *pack = books_pack_on(l->books, day_of_time(t->time_s));
    t->pack_version = pack->version;
    if (t->member == 0)
        return;
    member_id is = 0;
    assert_int_equal(books_survivor(l->books, t->member, &is, &why), OK);
    assert_int_equal(books_member(l->books, is, &m, &why), OK);
    snprintf(t->tier, sizeof t->tier, "%s", pack_get_tier(pack, m.tier)->code);
}

/* Points that head office sets aside, and the till's sale that takes them. */
static struct entry_id hold_for(struct ledgers *l, member_id member, int64_t points, int64_t time_s)
{
    static struct txn t;
    memset(&t, 0, sizeof t);
    t.kind = TXN_HOLD;
    t.member = member;
    t.original = (struct entry_id){1, 0};
    t.redeemed = points_of(points);
    t.means = MEANS_SUN;
    t.until_s = time_s + 900;
    snprintf(t.ref, sizeof t.ref, "%lld", (long long)time_s);
    ledgers_own(l, &t, time_s);
    return t.id;
}

static void enrol(struct ledgers *l, member_id member, int64_t time_s)
{
    struct member_view m;
    if (books_member(l->books, member, &m, &why) == OK)
        return;
    static struct txn t;
    memset(&t, 0, sizeof t);
    t.kind = TXN_MEMBER;
    t.member = member;
    ledgers_own(l, &t, time_s);
}

static void give(struct ledgers *l, member_id member, int64_t points, int64_t time_s, bool at_till)
{
    if (!at_till) {
        static struct txn t;
        memset(&t, 0, sizeof t);
        t.kind = TXN_ADJUST;
        t.member = member;
        t.points = points_of(points);
        snprintf(t.reason, sizeof t.reason, "test");
        ledgers_own(l, &t, time_s);
        return;
    }
    struct txn *t = ledgers_entry(l, 2, TXN_GRANT, time_s);
    t->member = member;
    t->points = points_of(points);
    t->cashier = 1;
    t->means = MEANS_PHONE;
    snprintf(t->reason, sizeof t->reason, "sorry");
    say_rules(l, t);
    t->tier[0] = 0;
    ledgers_post(l, t, POST_NEW);
    if (points % 3)
        return;
    struct entry_id gift = t->id;
    t = ledgers_entry(l, 2, TXN_GRANT, time_s + 60);
    t->member = member;
    t->points = points_of(-points / 3);
    t->cashier = 1;
    t->means = MEANS_PHONE;
    t->original = gift;
    snprintf(t->reason, sizeof t->reason, "too much");
    ledgers_post(l, t, POST_NEW);
}

/* What may be redeemed in both books. */
static int64_t wanted_points(const struct invoice *v, int64_t total)
{
    struct ledgers *both[] = {&was, &becomes};
    int64_t points = v->number % 3 == 0 ? 50 + v->number % 7 * 10 : 0; /* as many again stay */
    for (int i = 0; i < 2; i++) {
        struct points most = points_of(0);
        struct member_view m;
        if (books_member(both[i]->books, (member_id)v->customer, &m, &why) == OK)
            assert_int_equal(books_spendable(both[i]->books, (member_id)v->customer, v->time_s, &most, &why), OK);
        if (points_n(most) < 2 * points)
            points = points_n(most) / 20 * 10;
    }
    return points > total ? 0 : points; /* worth 1 each */
}

static void start_sale(struct ledgers *l, const struct invoice *v, int64_t points)
{
    struct txn *t = ledgers_entry(l, 1, TXN_SALE, v->time_s);
    t->member = (member_id)v->customer;
    put_lines(t, v);
    t->redeemed = points_of(points);
    t->redeemed_value = points <= money_minor(t->total) ? money_of(points) : t->total;
    t->means = MEANS_PHONE;
    say_rules(l, t);
}

static void sell(struct ledgers *l, const struct invoice *v, int64_t points)
{
    struct entry_id hold = points ? hold_for(l, (member_id)v->customer, points, v->time_s) : (struct entry_id){0};
    start_sale(l, v, points);
    if (points) {
        l->t.means = MEANS_SUN;
        l->t.original = hold;
    }
    ledgers_post(l, &l->t, POST_NEW);
    entry_of[v->number - 530000] = l->t.id;
}

/* With a full card, that gives more than the ledger has: the member owes.  Some tills' evidence is read in the end by
 * head office only. */
static struct real_card cards[2][700];
static void sell_with_card(struct ledgers *l, const struct invoice *v)
{
    int32_t points = v->number % 6 == 0 ? 20000 : 30;
    struct real_card *c = &cards[l == &becomes][v->customer / 11 - 1100];
    struct txn_evidence done;
    int32_t day = day_of_time(v->time_s) - LEDGERS_DAY_0;
    bool late = v->number % 4 == 0;
    if (!uid_is(&c->uid)) {
        static struct txn t;
        memset(&t, 0, sizeof t);
        t.kind = TXN_CARD;
        t.member = (member_id)v->customer;
        t.card = (struct card_uid){{4, (uint8_t)(v->customer / 256), (uint8_t)v->customer, 3, 4, 5, 6}};
        t.card_kind = CARD_EV2;
        t.card_status = CARD_ACTIVE;
        ledgers_own(l, &t, v->time_s);
        *c = (struct real_card){.uid = t.card, .kind = CARD_EV2, .purse = 1000000};
    }
    struct entry_id intent = ledgers_intent(l, 1, c, (member_id)v->customer, points, day, true, &done);
    start_sale(l, v, points);
    l->t.card = c->uid;
    l->t.means = MEANS_CARD;
    l->t.original = intent;
    l->t.commit = COMMIT_DONE;
    l->t.evidence = done;
    if (late)
        l->t.evidence.tmv[0] ^= 1;
    ledgers_post(l, &l->t, POST_NEW);
    entry_of[v->number - 530000] = l->t.id;
    if (late)
        ledgers_outcome(l, 1, TXN_SETTLE, c, (member_id)v->customer, intent, points, COMMIT_DONE, &done, "", day);
}

static void take_back(struct ledgers *l, const struct invoice *v)
{
    struct txn *t = ledgers_entry(l, 1 + (uint32_t)v->number % 2, TXN_REFUND, v->time_s);
    t->original = entry_of[v->original - 530000];
    put_lines(t, v);
    t->pack_version = 0;
    ledgers_post(l, t, POST_NEW);
}

/* What head office's people decide: points from the programme before, a reward at the desk and given back in two
 * parts, a tier by hand, a later end. */
static member_id friend_of; /* of the sale before */
static void decide(struct ledgers *l, const struct invoice *v, int n, int64_t points)
{
    static struct txn t;
    member_id other = friend_of, is = 0, other_is = 0;
    memset(&t, 0, sizeof t);
    t.member = (member_id)v->customer;
    t.user = 1;
    snprintf(t.reason, sizeof t.reason, "test");
    if (n % 31 == 4 && points >= 20 && other && other != t.member) {
        t.kind = TXN_TRANSFER;
        t.other = other;
        t.points = points_of(points / 3);
        assert_int_equal(books_survivor(l->books, t.member, &is, &why), OK);
        assert_int_equal(books_survivor(l->books, other, &other_is, &why), OK);
        if (is != other_is)
            ledgers_own(l, &t, v->time_s);
    } else if (n % 211 == 5 && other && other != t.member) {
        t.kind = TXN_MERGE;
        t.other = other;
        assert_int_equal(books_survivor(l->books, t.member, &is, &why), OK);
        assert_int_equal(books_survivor(l->books, other, &other_is, &why), OK);
        if (is != other_is && other_is == other)
            ledgers_own(l, &t, v->time_s);
    } else if (n % 31 == 0) {
        t.kind = TXN_OPENING;
        t.points = points_of(40);
        t.day = day_of_time(v->time_s) + 45;
        ledgers_own(l, &t, v->time_s);
    } else if (n % 31 == 1 && points >= 20) {
        t.kind = TXN_REDEEM;
        t.redeemed = points_of(20);
        snprintf(t.reward, sizeof t.reward, "MUG");
        ledgers_own(l, &t, v->time_s);
        for (int half = 0; half < 2; half++) {
            struct entry_id redeem = t.kind == TXN_REDEEM ? t.id : t.original;
            memset(&t, 0, sizeof t);
            t.kind = TXN_RETURN;
            t.user = 1;
            t.original = redeem;
            t.redeemed = points_of(half ? 8 : 5);
            snprintf(t.reason, sizeof t.reason, "test");
            ledgers_own(l, &t, v->time_s + 60);
        }
    } else if (n % 31 == 2) {
        t.kind = TXN_TIER;
        snprintf(t.tier, sizeof t.tier, "silver");
        t.day = day_of_time(v->time_s) + 30;
        ledgers_own(l, &t, v->time_s);
    } else if (n % 31 == 3) {
        t.kind = TXN_EXTEND;
        t.from_day = day_of_time(v->time_s);
        t.day = day_of_time(v->time_s) + 200;
        ledgers_own(l, &t, v->time_s);
    }
}

/* The same year in both books: sales, refunds, redemptions, gifts, corrections, and a run each week. */
static void play_one(struct ledgers *l, const struct invoice *v, int n, int64_t points)
{
    if (v->kind == 'R') {
        take_back(l, v);
        return;
    }
    enrol(l, (member_id)v->customer, v->time_s);
    if (v->customer % 11 == 0)
        sell_with_card(l, v);
    else
        sell(l, v, points);
    decide(l, v, n, points);
    if (n % 9 == 0)
        give(l, (member_id)v->customer, 30 + n % 40 - (n % 4 == 0 ? 60 : 0), v->time_s, n % 4 != 0);
}

static void play(int step)
{
    int32_t run = day_of_time(invoices[0].time_s) + 6;
    memset(cards, 0, sizeof cards);
    friend_of = 0;
    for (int i = 0; i < invoice_count; i++) {
        const struct invoice *v = &invoices[i];
        int64_t total = 0;
        for (; run < day_of_time(v->time_s); run += 7) {
            ledgers_run(&was, run - LEDGERS_DAY_0);
            ledgers_run(&becomes, run - LEDGERS_DAY_0);
        }
        if (v->customer / 2 % step)
            continue;
        for (int32_t k = 0; k < v->line_count; k++)
            total += money_minor(lines[v->first_line + k].amount);
        int64_t points = v->kind == 'S' ? wanted_points(v, total) : 0;
        play_one(&was, v, i, points);
        play_one(&becomes, v, i, points);
        friend_of = v->kind == 'S' ? (member_id)v->customer : friend_of;
    }
    ledgers_run(&was, run - LEDGERS_DAY_0);
    ledgers_run(&becomes, run - LEDGERS_DAY_0);
}

/* ---- what the preview said, compared with the books in which it happened ---- */

struct compared {
    int entries, differing, refunds, members, moved, redeeming, owing;
};

static void compare_entry(const struct txn *t, const struct shadow_result *before, const struct shadow_result *after,
                          void *arg)
{
    char sql[300];
    struct compared *c = arg;
    bool sale = t->kind == TXN_SALE;
    snprintf(sql, sizeof sql,
             sale ? "SELECT earned FROM sale WHERE terminal = %u AND seq = %u"
                  : "SELECT -clawed FROM refund JOIN entry USING (position) WHERE terminal = %u AND seq = %u",
             (unsigned)t->id.terminal, (unsigned)t->id.seq);
    struct query q = query_text_of(becomes.books->store, sql);
    assert_true(query_row(&q));
    int64_t there = query_get_int(&q);
    assert_int_equal(query_done(&q, &why), OK);
    q = query_text_of(was.books->store, sql);
    assert_true(query_row(&q));
    int64_t here = query_get_int(&q);
    assert_int_equal(query_done(&q, &why), OK);
    if (there != points_n(after->points) || here != points_n(before->points))
        fail_msg("T%u-%u: preview %lld to %lld, books %lld to %lld; %s", (unsigned)t->id.terminal, (unsigned)t->id.seq,
                 (long long)points_n(before->points), (long long)points_n(after->points), (long long)here,
                 (long long)there, after->why);
    c->entries++;
    c->refunds += !sale;
    c->redeeming += points_n(t->redeemed) > 0;
    c->differing += here != there;
}

static void compare_with(struct ledgers *l, const struct shadow_state *s)
{
    char tier[TXN_NAME_SIZE];
    int32_t k = 0;
    struct query q = query_text_of(l->books->store, "SELECT tier, short_since_day, owed FROM member WHERE member = ?");
    query_int(&q, (int64_t)s->member);
    assert_true(query_row(&q));
    query_get_text(&q, tier, sizeof tier);
    assert_string_equal(tier, s->tier);
    assert_int_equal(query_get_int(&q), s->short_since_day);
    assert_int_equal(query_get_int(&q), points_n(s->owed));
    assert_int_equal(query_done(&q, &why), OK);
    q = query_text_of(l->books->store, "SELECT expires_day, left, expired FROM lot WHERE member = ?"
                                       " AND (left > 0 OR expired > 0) ORDER BY 1");
    query_int(&q, (int64_t)s->member);
    while (query_row(&q)) {
        while (k < s->lot_count && points_n(s->lots[k].left) == 0 && points_n(s->lots[k].expired) == 0)
            k++;
        assert_true(k < s->lot_count);
        assert_int_equal(query_get_int(&q), s->lots[k].expires_day);
        assert_int_equal(query_get_int(&q), points_n(s->lots[k].left));
        assert_int_equal(query_get_int(&q), points_n(s->lots[k].expired));
        k++;
    }
    assert_int_equal(query_done(&q, &why), OK);
    for (; k < s->lot_count; k++)
        assert_true(points_n(s->lots[k].left) == 0 && points_n(s->lots[k].expired) == 0);
}

static void compare_member(const struct shadow_state *before, const struct shadow_state *after, void *arg)
{
    struct compared *c = arg;
    compare_with(&was, before);
    compare_with(&becomes, after);
    c->members++;
    c->moved += strcmp(before->tier, after->tier) != 0;
    c->owing += points_n(after->owed) > 0;
}

static json_t *preview(struct ledgers *l, const struct pack *draft, int32_t from_day, const struct preview_hooks *hooks)
{
    json_t *out = NULL;
    char dir[600];
    snprintf(dir, sizeof dir, "%s/out", test_scratch_dir());
    (void)mkdir(dir, 0700);
    struct preview_wanted w = {l->path, dir, draft, from_day, DAY_NEVER - 1, 0, hooks};
    if (preview_run(&w, NULL, NULL, &out, &why))
        fail_msg("%s", why.text);
    return out;
}

static int64_t number_of(const json_t *doc, const char *name)
{
    json_t *n = json_object_get(doc, name);
    assert_true(json_is_integer(n));
    return json_integer_value(n);
}

static void no_sync(struct ledgers *l)
{
    struct query q = query_text_of(l->books->store, "PRAGMA synchronous = OFF");
    assert_int_equal(query_run(&q, &why), OK);
}

static void compare_all(int i, bool may_owe, int step)
{
    static struct pack draft;
    struct compared c = {0};
    struct preview_hooks hooks = {compare_entry, compare_member, &c};
    load();
    make_draft(&draft, i, may_owe);
    ledgers_open(&was, "was", rules[i].earn, with_base(rules[i].top, may_owe));
    ledgers_open(&becomes, "becomes", rules[i].earn, with_base(rules[i].top, may_owe));
    assert_int_equal(ledgers_sql(&was, "SELECT count(*) FROM pack"), 1);
    /* published a day before, as it should be: here at the start, which is the same */
    char earn[2048];
    snprintf(earn, sizeof earn, "%s", rules[i].draft_earn);
    char json[8192];
    int size = snprintf(json, sizeof json,
                        "{\"version\": 2, \"effective\": \"2011-05-01\", \"name\": \"Test\", \"currency\": \"GBP\","
                        " \"earn\": {\"rate\": \"3/200\", %s}, %s}",
                        earn, with_base(rules[i].draft_top, may_owe));
    assert_int_equal(books_add_pack(becomes.books, &draft, bytes_of(json, (size_t)size), bytes_of("s", 1), &why), OK);
    no_sync(&was);
    no_sync(&becomes);
    play(step);
    json_t *out = preview(&was, &draft, CHANGE_DAY, &hooks);
    assert_int_equal(number_of(out, "left_out"), 0);
    assert_int_equal(number_of(out, "members"), c.members);
    assert_int_equal(number_of(out, "differing"), c.differing);
    assert_int_equal(number_of(out, "rise") + number_of(out, "fall"), c.moved);
    /* the data must have something of everything */
    print_message("%d entries, %d differ, %d refunds, %d redeeming; %d members, %d of another tier, %d owing\n", c.entries,
                  c.differing, c.refunds, c.redeeming, c.members, c.moved, c.owing);
    assert_true(c.differing > 100 && c.refunds > 20 && c.redeeming > 50 && c.moved > 10);
    assert_true(c.owing > 0 || !may_owe);
    assert_true(ledgers_sql(&becomes, "SELECT count(DISTINCT kind) FROM entry WHERE kind IN (25, 27, 28, 29, 30, 31, 32)") >= 6);
    json_decref(out);
    /* the other books replay too: with a pack that came later in them */
    ledgers_close(&was);
    ledgers_close(&becomes);
}

TEST(preview, equals_what_then_happens_when_points_tiers_and_expiry_change)
{
    compare_all(0, true, 1);
}

TEST(preview, equals_what_then_happens_when_debts_are_let_go)
{
    compare_all(1, false, 2);
}

TEST(preview, equals_what_then_happens_with_stamps_activity_and_pending_points)
{
    compare_all(2, true, 2);
}

/* The run as it was is held against the books: whom it does not come out for is in no sum. */
TEST(preview, members_it_cannot_repeat_are_left_out_and_counted)
{
    static const char *const odd[] = {"UPDATE member SET owed = 1 WHERE member = 7", "UPDATE member SET tier = 'x' WHERE member = 8",
                                      "UPDATE lot SET left = left + 1 WHERE member = 9"};
    static struct pack draft;
    make_draft(&draft, 0, true);
    ledgers_open(&was, "odd", "", "");
    for (member_id m = 7; m <= 10; m++) {
        ledgers_member(&was, m, 0);
        ledgers_sale(&was, 1, m, "A 1 100.00", 130);
    }
    for (size_t i = 0; i <= sizeof odd / sizeof *odd; i++) {
        json_t *out = preview(&was, &draft, CHANGE_DAY, NULL);
        assert_int_equal(number_of(out, "left_out"), i);
        assert_int_equal(number_of(json_object_get(out, "outstanding"), "before"), 400 - 100 * (int)i);
        json_decref(out);
        if (i < sizeof odd / sizeof *odd)
            ledgers_exec(&was, odd[i]);
    }
    ledgers_close(&was);
}
