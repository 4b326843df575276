/* test_base.c - the words all share.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/amount.h"
#include "base/bytes.h"
#include "base/date.h"
#include "base/err.h"
#include "base/ids.h"
#include "base/staff.h"
#include "base/txn.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

TEST(err, the_sentence_grows_and_never_overruns)
{
    struct errmsg why = {""};
    assert_int_equal(err_set(&why, ERR_GONE, "card left after %d bytes", 3), ERR_GONE);
    assert_int_equal(err_add(&why, ERR_GONE, "card %s", "04a1"), ERR_GONE);
    assert_string_equal(why.text, "card left after 3 bytes; card 04a1");
    for (int i = 0; i < 100; i++)
        assert_int_equal(err_add(&why, ERR_IO, "more and more"), ERR_IO);
    assert_int_equal(strlen(why.text), sizeof why.text - 1);
}

TEST(amount, overflow_is_refused_and_leaves_the_result_alone)
{
    struct points p = points_of(7);
    assert_false(points_add(&p, points_of(INT64_MAX), points_of(1)));
    assert_false(points_sub(&p, points_of(INT64_MIN), points_of(1)));
    assert_int_equal(points_n(p), 7);
    struct money m = money_of(9);
    assert_false(money_add(&m, money_of(INT64_MAX), money_of(1)));
    assert_int_equal(money_minor(m), 9);
}

TEST(amount, a_ratio_rounds_toward_minus_infinity_and_never_overflows_inside)
{
    static const struct {
        int64_t value, numerator, denominator, expected;
        bool ok;
    } rows[] = {
        {7, 1, 2, 3, true},          {-7, 1, 2, -4, true},
        {-8, 1, 2, -4, true},        {INT64_MAX, 3, 3, INT64_MAX, true},
        {INT64_MAX, 2, 1, 0, false}, {1, 1, 0, 0, false},
        {1, 1, -1, 0, false},        {0, 5, 7, 0, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t out = 0;
        bool ok = ratio_floor(&out, rows[i].value, rows[i].numerator, rows[i].denominator);
        assert_int_equal(ok, rows[i].ok);
        assert_int_equal(out, rows[i].expected);
    }
}

TEST(bytes, what_does_not_fit_is_not_written_in_part)
{
    uint8_t room[4];
    struct buf b = BUF_ON(room);
    buf_put(&b, "abc", 3);
    buf_put(&b, "de", 2);
    assert_true(b.full);
    assert_int_equal(b.size, 3);
    buf_put(&b, "f", 1);
    assert_int_equal(b.size, 3);
}

TEST(bytes, hex_goes_both_ways_and_refuses_the_rest)
{
    uint8_t raw[3];
    size_t size = 0;
    char text[7];
    assert_int_equal(hex_decode(raw, sizeof raw, &size, "04A1ff"), OK);
    assert_int_equal(size, 3);
    hex_encode(text, raw, size);
    assert_string_equal(text, "04a1ff");
    assert_int_equal(hex_decode(raw, sizeof raw, &size, "04a"), ERR_FORMAT);
    assert_int_equal(hex_decode(raw, sizeof raw, &size, "0g"), ERR_FORMAT);
    assert_int_equal(hex_decode(raw, sizeof raw, &size, "00112233"), ERR_FULL);
}

TEST(ids, every_id_reads_back_as_written)
{
    char text[ENTRY_TEXT_SIZE];
    struct entry_id id;
    entry_text(text, (struct entry_id){7, 123});
    assert_string_equal(text, "T0007-123");
    assert_int_equal(entry_parse(&id, text), OK);
    assert_int_equal(id.terminal, 7);
    assert_int_equal(id.seq, 123);
    assert_int_equal(entry_parse(&id, "HQ-4294967295"), OK);
    assert_int_equal(id.seq, UINT32_MAX);
    commit_name_text(text, (struct entry_id){7, 123});
    assert_string_equal(text, "T0007-123");
    commit_name_text(text, (struct entry_id){OFFICE_TERMINAL, 123}); /* is not HQ-123 */
    assert_string_equal(text, "load 123");
    static const char *const bad[] = {"",      "T7",       "T0-1",   "T1-0",          "T10000-1",
                                      "T1-1x", "HQ-",      "HQ--1",  "T1-4294967296", "t1-1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(entry_parse(&id, bad[i]), ERR_FORMAT);
}

TEST(date, every_day_of_four_centuries_goes_there_and_back)
{
    int32_t day = day_of_date((struct date){1900, 1, 1});
    int32_t end = day_of_date((struct date){2300, 1, 1});
    for (; day < end; day++) {
        char text[DAY_TEXT_SIZE];
        int32_t back;
        day_text(text, day);
        assert_int_equal(day_parse(&back, text), OK);
        assert_int_equal(back, day);
    }
}

TEST(date, times_are_read_and_dates_that_are_none_refused)
{
    int64_t t;
    char text[TIME_TEXT_SIZE];
    assert_int_equal(time_parse(&t, "2010-12-01T08:34"), OK);
    assert_int_equal(t, 1291192440);
    time_text(text, t);
    assert_string_equal(text, "2010-12-01T08:34:00");
    assert_int_equal(time_parse(&t, "2011-02-29T00:00"), ERR_RANGE);
    assert_int_equal(time_parse(&t, "2011-02-28T24:00"), ERR_RANGE);
    assert_int_equal(time_parse(&t, "2011-2-28"), ERR_FORMAT);
    assert_int_equal(day_of_time(-1), -1);
}

static struct txn a_sale(void)
{
    struct txn t = {.kind = TXN_SALE, .id = {1, 1}, .line_count = 1, .total = {250}};
    t.lines[0] = (struct txn_line){.sku = "22745", .quantity = 1, .amount = {250}};
    return t;
}

TEST(txn, a_malformed_one_is_refused_with_the_reason)
{
    struct errmsg why;
    struct txn t = a_sale();
    assert_int_equal(txn_check(&t, &why), OK);
    t.total = money_of(251);
    assert_int_equal(txn_check(&t, &why), ERR_FORMAT);
    assert_string_equal(why.text, "total is not the sum of the lines");
    t = a_sale();
    t.lines[0].quantity = 0;
    assert_int_equal(txn_check(&t, &why), ERR_RANGE);
    t = a_sale();
    t.id.terminal = OFFICE_TERMINAL;
    assert_int_equal(txn_check(&t, &why), ERR_FORMAT);
    t = a_sale();
    t.commit = COMMIT_DONE;
    assert_int_equal(txn_check(&t, &why), ERR_FORMAT);
    t.original = (struct entry_id){1, 1};
    assert_int_equal(txn_check(&t, &why), ERR_FORMAT);
    t.evidence.kind = CARD_EV2;
    t.card.b[0] = 4;
    assert_int_equal(txn_check(&t, &why), OK);
    t.kind = (enum txn_kind)99;
    assert_int_equal(txn_check(&t, &why), ERR_FORMAT);
    t = a_sale();
    memset(t.ref, 'x', sizeof t.ref);
    assert_int_equal(txn_check(&t, &why), ERR_FORMAT);
}

TEST(txn, a_load_intent_has_a_load_number_and_nothing_else_has)
{
    struct errmsg why;
    struct txn t = {.kind = TXN_LOAD_INTENT, .id = {OFFICE_TERMINAL, 5}, .card = {{4}}, .load = 9};
    t.evidence.kind = CARD_EV2;
    assert_int_equal(txn_check(&t, &why), OK);
    assert_true(entry_equal(txn_commit_name(&t), (struct entry_id){OFFICE_TERMINAL, 9}));
    t.load = 0;
    assert_int_equal(txn_check(&t, &why), ERR_FORMAT);
    assert_string_equal(why.text, "a load intent without the number of a load");
    t = a_sale();
    t.load = 9;
    assert_int_equal(txn_check(&t, &why), ERR_FORMAT);
    t = (struct txn){.kind = TXN_INTENT, .id = {3, 7}};
    assert_true(entry_equal(txn_commit_name(&t), t.id));
}

/* One good entry of each newer kind; each row of the table below spoils one thing of it. */
static struct txn newer(enum txn_kind kind)
{
    bool office = kind >= TXN_MEMBER;
    struct txn t = {.kind = kind, .id = {office ? OFFICE_TERMINAL : 3, 5}, .time_s = 1000};
    switch ((int)kind) {
    case TXN_GRANT:
        t.member = 12;
        t.points = points_of(50);
        snprintf(t.reason, sizeof t.reason, "spilt tea");
        break;
    case TXN_JOIN:
        t.card.b[0] = 4;
        t.means = MEANS_CARD;
        t.card_kind = CARD_EV2;
        break;
    case TXN_RATING:
        t.original = (struct entry_id){3, 4};
        t.rating = 2;
        break;
    case TXN_HOLD:
        t.member = 12;
        t.redeemed = points_of(100);
        t.until_s = 1900;
        t.original.terminal = 3;
        break;
    case TXN_CLAIM:
        t.member = 12;
        t.original = (struct entry_id){3, 4};
        break;
    case TXN_RELEASE:
        t.original = (struct entry_id){OFFICE_TERMINAL, 4};
        break;
    case TXN_REFUND:
        t.original = (struct entry_id){3, 4};
        t.total = money_of(250);
        break;
    case TXN_SALE:
        t = a_sale();
        t.redeemed = points_of(100);
        t.redeemed_value = money_of(100);
        t.original = (struct entry_id){OFFICE_TERMINAL, 4};
        break;
    case TXN_CANCEL:
        t.redeemed = points_of(100);
        t.original = (struct entry_id){OFFICE_TERMINAL, 4};
        break;
    }
    return t;
}

TEST(txn, what_screens_and_other_cards_add_is_held_to_its_kind)
{
    static const struct {
        enum txn_kind kind;
        const char *spoilt, *says; /* says NULL = it is well formed all the same */
    } rows[] = {
        {TXN_GRANT, "", NULL},
        {TXN_GRANT, "card", NULL},
        {TXN_GRANT, "token", NULL},
        {TXN_GRANT, "no points", "a grant of no points"},
        {TXN_GRANT, "no reason", "a grant without a reason"},
        {TXN_GRANT, "nobody", "a grant to nobody"},
        {TXN_GRANT, "token too", "a token beside a member"},
        {TXN_GRANT, "back", "a grant must name an earlier entry"},
        {TXN_GRANT, "back original", NULL},
        {TXN_GRANT, "original", "a grant may not name an earlier entry"},
        {TXN_JOIN, "", NULL},
        {TXN_JOIN, "no card", "a join without a card"},
        {TXN_JOIN, "no means", "a join that does not say what card it is"},
        {TXN_JOIN, "card kind", "a join that does not say what card it is"},
        {TXN_JOIN, "original", "a join may not name an earlier entry"},
        {TXN_JOIN, "token too", "a join with a token"},
        {TXN_RATING, "", NULL},
        {TXN_RATING, "rating 0", "rating 0 of a rating"},
        {TXN_RATING, "rating 4", "rating 4 of a rating"},
        {TXN_RATING, "no original", "a rating must name an earlier entry"},
        {TXN_HOLD, "", NULL},
        {TXN_HOLD, "nobody", "a hold of nothing or for nobody"},
        {TXN_HOLD, "nothing", "a hold of nothing or for nobody"},
        {TXN_HOLD, "nothing but a piece", NULL},
        {TXN_HOLD, "piece", "a hold with a piece of a reward"},
        {TXN_HOLD, "no end", "a hold without an end"},
        {TXN_HOLD, "no original", NULL}, /* at the desk */
        {TXN_HOLD, "early end", "a hold that ends before it begins"},
        {TXN_HOLD, "original", "a hold may not name an earlier entry"},
        {TXN_RELEASE, "", NULL},
        {TXN_RELEASE, "no original", "a release must name an earlier entry"},
        {TXN_RELEASE, "original", "a release names an entry that head office did not make"},
        {TXN_CLAIM, "", NULL},
        {TXN_CLAIM, "nobody", "a claim of no till's entry, or for nobody"},
        {TXN_CLAIM, "no original", "a claim must name an earlier entry"},
        {TXN_REFUND, "", NULL},
        {TXN_REFUND, "no money", "a refund without lines gives no money back"},
        {TXN_SALE, "", NULL},
        {TXN_SALE, "nothing", "a sale may not name an earlier entry"},
        {TXN_SALE, "original", "a sale may not name an earlier entry"},
        {TXN_SALE, "end", "a sale with an end"},
        {TXN_SALE, "rating 4", "rating 4 of a sale"},
        {TXN_SALE, "means 9", "means 9 is unknown"},
        {TXN_SALE, "means -1", "means -1 is unknown"},
        {TXN_SALE, "commit", "a sale names an intent that no till made"},
        {TXN_SALE, "token", NULL},
        {TXN_CANCEL, "", NULL},
        {TXN_CANCEL, "nothing", "a cancel that is of no card names no hold"},
        {TXN_CANCEL, "nothing, card", NULL}, /* of a piece alone */
        {TXN_CANCEL, "piece, card", "a piece of a reward beside points that head office held, or without a card"},
        {TXN_SALE, "piece, card", "a piece of a reward beside points that head office held, or without a card"},
        {TXN_SALE, "piece", "a piece of a reward beside points that head office held, or without a card"},
        {TXN_REFUND, "piece, card", "a refund with a piece of a reward"},
        {TXN_CANCEL, "original", "a cancel that is of no card names no hold"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct errmsg why = {""};
        const char *s = rows[i].spoilt;
        struct txn t = newer(rows[i].kind);
        bool is_token = strcmp(s, "token") == 0 || strcmp(s, "token too") == 0;
        t.member = strcmp(s, "card") == 0 || strcmp(s, "token") == 0 || strcmp(s, "nobody") == 0 ? 0 : t.member;
        t.card.b[0] = strcmp(s, "card") == 0 ? 4 : strcmp(s, "no card") == 0 ? 0 : t.card.b[0];
        t.card.b[0] = strstr(s, ", card") ? 4 : t.card.b[0];
        t.piece = strncmp(s, "piece", 5) == 0;
        if (strcmp(s, "nothing but a piece") == 0) {
            t.means = MEANS_CARD;
            snprintf(t.reward, sizeof t.reward, "CUP");
        }
        t.token[15] = is_token;
        t.points = points_of(strcmp(s, "no points") == 0 ? 0 : strncmp(s, "back", 4) == 0 ? -50 : points_n(t.points));
        t.redeemed = strncmp(s, "nothing", 7) == 0 ? points_of(0) : t.redeemed;
        t.reason[0] = strcmp(s, "no reason") == 0 ? 0 : t.reason[0];
        t.total = strcmp(s, "no money") == 0 ? money_of(0) : t.total;
        t.commit = strcmp(s, "commit") == 0 ? COMMIT_DOUBT : t.commit;
        t.means = strcmp(s, "no means") == 0   ? MEANS_NONE
                  : strcmp(s, "means 9") == 0  ? (enum txn_means)9
                  : strcmp(s, "means -1") == 0 ? (enum txn_means)-1
                                               : t.means;
        t.card_kind = strcmp(s, "card kind") == 0 ? (enum card_kind)3 : t.card_kind;
        t.rating = strcmp(s, "rating 0") == 0 ? 0 : strcmp(s, "rating 4") == 0 ? 4 : t.rating;
        t.until_s = strcmp(s, "no end") == 0      ? 0
                    : strcmp(s, "early end") == 0 ? t.time_s
                    : strcmp(s, "end") == 0       ? 2000
                                                  : t.until_s;
        if (strstr(s, "no original"))
            t.original = (struct entry_id){0, 0};
        else if (strstr(s, "original"))
            t.original = (struct entry_id){3, 4};
        enum err e = txn_check(&t, &why);
        if ((e == OK) != (rows[i].says == NULL) || (e && strcmp(why.text, rows[i].says) != 0))
            fail_msg("%s, %s: \"%s\"", txn_kind_text(t.kind), s, why.text);
    }
}

/* One of each kind that people at head office decide, and well formed. */
static struct txn decided(enum txn_kind kind)
{
    struct txn t = {.kind = kind, .id = {OFFICE_TERMINAL, 9}, .time_s = 1000, .member = 12, .user = 3};
    snprintf(t.reason, sizeof t.reason, "asked for it");
    if (kind == TXN_MERGE || kind == TXN_TRANSFER)
        t.other = 40;
    if (kind == TXN_TRANSFER || kind == TXN_OPENING)
        t.points = points_of(5);
    if (kind == TXN_REDEEM || kind == TXN_RETURN)
        t.redeemed = points_of(5);
    if (kind == TXN_EXTEND) {
        t.from_day = 100;
        t.day = 200;
    }
    if (kind == TXN_TIER)
        snprintf(t.tier, sizeof t.tier, "gold");
    if (kind == TXN_UNMERGE || kind == TXN_RETURN)
        t.original = (struct entry_id){OFFICE_TERMINAL, 4};
    if (kind == TXN_RERATE) {
        t.original = (struct entry_id){3, 4};
        t.pack_version = 2;
    }
    return t;
}

TEST(txn, what_head_office_decides_is_held_to_its_kind)
{
    static const struct {
        enum txn_kind kind;
        const char *spoilt, *says;
    } rows[] = {
        {TXN_MERGE, "", NULL},
        {TXN_MERGE, "itself", "a merge of a member with itself"},
        {TXN_MERGE, "no other", "a merge without a second member"},
        {TXN_MERGE, "no reason", "a merge without a reason"},
        {TXN_MERGE, "nobody", "a merge without a member"},
        {TXN_UNMERGE, "", NULL},
        {TXN_UNMERGE, "of a till", "a unmerge names an entry that head office did not make"},
        {TXN_UNMERGE, "no original", "a unmerge must name an earlier entry"},
        {TXN_TRANSFER, "", NULL},
        {TXN_TRANSFER, "nothing", "a transfer of no points"},
        {TXN_EXTEND, "", NULL},
        {TXN_EXTEND, "to the past", "an extension to a day that is not later"},
        {TXN_EXTEND, "other", "a extend with a second member"},
        {TXN_OPENING, "", NULL},
        {TXN_OPENING, "nothing", "a opening of no points"},
        {TXN_OPENING, "first day", "a opening with a first day"},
        {TXN_TIER, "", NULL},
        {TXN_TIER, "no tier", "a tier by hand without a tier"},
        {TXN_REDEEM, "", NULL},
        {TXN_REDEEM, "hold", NULL},
        {TXN_REDEEM, "of a till", "a redeem names an entry that head office did not make"},
        {TXN_REDEEM, "nothing", "a redeem of no points"},
        {TXN_RETURN, "", NULL},
        {TXN_RETURN, "no original", "a return must name an earlier entry"},
        {TXN_RERATE, "", NULL},
        {TXN_RERATE, "hold", "a rerate of no till's sale"},
        {TXN_RERATE, "no pack", "a rerate by no pack"},
        {TXN_RERATE, "reward", "a rerate with a reward"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct errmsg why = {""};
        const char *s = rows[i].spoilt;
        struct txn t = decided(rows[i].kind);
        if (strcmp(s, "itself") == 0)
            t.other = t.member;
        else if (strcmp(s, "no other") == 0)
            t.other = 0;
        else if (strcmp(s, "other") == 0)
            t.other = 40;
        else if (strcmp(s, "no reason") == 0)
            t.reason[0] = 0;
        else if (strcmp(s, "nobody") == 0)
            t.member = 0;
        else if (strcmp(s, "no original") == 0)
            t.original = (struct entry_id){0, 0};
        else if (strcmp(s, "of a till") == 0)
            t.original = (struct entry_id){3, 4};
        else if (strcmp(s, "hold") == 0)
            t.original = (struct entry_id){OFFICE_TERMINAL, 4};
        else if (strcmp(s, "nothing") == 0)
            t.points = t.redeemed = points_of(0);
        else if (strcmp(s, "to the past") == 0)
            t.from_day = t.day;
        else if (strcmp(s, "first day") == 0)
            t.from_day = 100;
        else if (strcmp(s, "no tier") == 0)
            t.tier[0] = 0;
        else if (strcmp(s, "no pack") == 0)
            t.pack_version = 0;
        else if (strcmp(s, "reward") == 0)
            t.reward[0] = 'x';
        enum err e = txn_check(&t, &why);
        if ((e == OK) != (rows[i].says == NULL) || (e && strcmp(why.text, rows[i].says) != 0))
            fail_msg("%s, %s: \"%s\"", txn_kind_text(t.kind), s, why.text);
    }
}

TEST(txn, how_a_bill_was_paid_and_what_was_shown_is_held_to_the_bill)
{
    struct errmsg why;
    struct txn good = a_sale();
    good.total = good.lines[0].amount;
    good.line_count = 1;
    good.redeemed_value = money_of(0);
    good.tender_count = 2;
    snprintf(good.tenders[0].code, TXN_NAME_SIZE, "giftcard");
    good.tenders[0].amount = money_of(1);
    snprintf(good.tenders[1].code, TXN_NAME_SIZE, "cash");
    good.tenders[1].amount = money_of(money_minor(good.total) - 1);
    good.coupon_count = good.mark_count = 2;
    snprintf(good.coupons[0], TXN_NAME_SIZE, "SPRING-1");
    snprintf(good.coupons[1], TXN_NAME_SIZE, "SPRING-2");
    snprintf(good.marks[0], TXN_NAME_SIZE, "first");
    snprintf(good.marks[1], TXN_NAME_SIZE, "birthday");
    assert_int_equal(txn_check(&good, &why), OK);
    static const char *const says[] = {"tender \"cash\": more was paid than the bill is worth",
                                       "tender \"giftcard\": the amount is not above 0",
                                       "tender 1 has no code, or one that is not terminated",
                                       "7 tenders, of at most 6", "coupon \"SPRING-1\" is there twice",
                                       "5 coupons, of at most 4",
                                       "mark 2 has no name, or one that is not terminated",
                                       "a text is not terminated",
                                       "tender \"cash\": more was paid than the bill is worth",
                                       "a till's sale by a user of head office"};
    for (int i = 0; i < 10; i++) {
        struct txn t = good;
        switch (i) {
        case 0: t.tenders[1].amount = t.total; break;
        case 1: t.tenders[0].amount = money_of(0); break;
        case 2: t.tenders[0].code[0] = 0; break;
        case 3: t.tender_count = 7; break;
        case 4: snprintf(t.coupons[1], TXN_NAME_SIZE, "SPRING-1"); break;
        case 5: t.coupon_count = 5; break;
        case 6: memset(t.marks[1], 'x', TXN_NAME_SIZE); break;
        case 7: memset(t.reward, 'x', TXN_NAME_SIZE); break;
        case 8: t.redeemed_value = money_of(1); break;
        case 9: t.user = 3; break;
        }
        assert_int_not_equal(txn_check(&t, &why), OK);
        assert_string_equal(why.text, says[i]);
    }
}

TEST(staff, a_pin_is_kept_as_a_slow_hash_and_only_it_matches)
{
    struct errmsg why = {""};
    static const uint8_t salt[PIN_SALT_SIZE] = {1, 2, 3};
    struct pin pin = {0}, same;
    char hex[2 * PIN_HASH_SIZE + 1];
    assert_false(pin_matches(&pin, "")); /* none: nothing matches */
    assert_int_equal(pin_make(&pin, "2468", salt, &why), OK);
    assert_int_equal(pin_make(&same, "2468", salt, &why), OK);
    assert_memory_equal(&pin, &same, sizeof pin);
    /* python3: hashlib.pbkdf2_hmac('sha256', b'2468', bytes([1, 2, 3]) + bytes(13), 20000).hex() */
    hex_encode(hex, pin.hash, sizeof pin.hash);
    assert_string_equal(hex, "c5d52761d239224e8d956376f7cf66585f8a2c4e76539a1efcc57d67d7582595");
    assert_true(pin_is_set(&pin));
    assert_true(pin_matches(&pin, "2468"));
    static const char *const wrong[] = {"", "2469", "24680", "246", "02468", "2468 "};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(pin_matches(&pin, wrong[i]));
    pin.salt[0] ^= 1;
    assert_false(pin_matches(&pin, "2468"));
    static const char *const bad[] = {"123", "123456789", "12a4", "", "-1234"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(pin_make(&pin, bad[i], salt, &why), ERR_FORMAT);
}
