/* test_clerk.c - what head office answers tills about people: who is it, by whatever was shown; points set
 * aside; persons; lost cards.  A real folder and real books; no line.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "base/mbed.h"
#include "cardproto/sun.h"
#include "hw/clock.h"
#include "office/members/clerk.h"
#include "office/books/books_int.h"
#include "office/books/known.h"
#include "office/members/people.h"
#include "sync/member_code.h"
#include "tests/offices.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

enum { ANN = 12, BO = 13 };
static const struct card_uid ann_card = {{4, 1, 1, 1, 1, 1, 1}}, bo_card = {{4, 2, 2, 2, 2, 2, 2}};

static struct office hq;
static struct clerk clerk;
static struct vcard cards[2];
static struct errmsg why;
static struct wire_tapped tapped;
static struct wire_held held;
static struct wire_done done;

static void set_time(const char *time)
{
    office_set_clock(&hq, time);
    clerk.now_s = clock_now_s();
}

/* Ann with 500 points held, and Bo. */
static void open_all(void)
{
    office_open(&hq);
    office_new_card(&hq, &cards[0], VCARD_EV2, &ann_card, ANN);
    office_new_card(&hq, &cards[1], VCARD_EV1, &bo_card, BO);
    office_adjust(&hq, ANN, 500);
    clerk = (struct clerk){.books = hq.books, .home = &hq.home, .terminal = 1, .now_s = clock_now_s()};
}

static struct bytes text(const char *t)
{
    return bytes_of(t, strlen(t));
}

static enum err tap(enum txn_means means, const char *value)
{
    struct wire_tap ask = {.means = means, .value = text(value)};
    return clerk_tap(&clerk, &ask, &tapped, &why);
}

static struct wire_hold want(enum txn_means means, const char *value, int64_t points, const char *name)
{
    struct wire_hold ask = {.points = points_of(points), .means = means, .value = text(value)};
    snprintf(ask.name, sizeof ask.name, "%s", name);
    return ask;
}

static enum err hold(const struct wire_hold *ask)
{
    return clerk_hold(&clerk, ask, &held, &why);
}

static enum err person(member_id member, const char *name, const char *phone, bool consent)
{
    struct wire_person ask = {.member = member, .consent = consent, .cashier = 3};
    snprintf(ask.name, sizeof ask.name, "%s", name);
    snprintf(ask.phone, sizeof ask.phone, "%s", phone);
    return clerk_person(&clerk, &ask, &done, &why);
}

static void bind(enum txn_means means, struct bytes name, member_id member)
{
    must(known_bind(hq.books, &hq.home.known_keys, means, name, member, clerk.now_s, &why), &why);
}

static void assert_said(const char *part)
{
    if (!strstr(why.text, part))
        fail_msg("it said: %s", why.text);
}

/* Earned points wait fourteen days by this pack: the till is told of them, and that they cannot be spent. */
TEST(clerk, a_tap_tells_what_may_not_be_spent_yet)
{
    static const char json[] = "{\"version\": 99, \"effective\": \"2000-01-01\", \"name\": \"Waiting\", \"currency\":"
                               " \"GBP\", \"earn\": {\"rate\": \"1/100\", \"vest_days\": 14}}";
    static uint8_t bytes[WIRE_ENTRY_MAX];
    static struct txn t;
    struct buf entry = BUF_ON(bytes);
    enum post_result result;
    struct pack pack;
    open_all();
    must(pack_read(&pack, json, strlen(json), "waiting.json", &why), &why);
    must(books_add_pack(hq.books, &pack, text(json), text("s"), &why), &why);
    memset(&t, 0, sizeof t);
    t.kind = TXN_SALE;
    t.id = (struct entry_id){7, 1};
    t.time_s = clock_now_s();
    t.member = ANN;
    t.pack_version = 99;
    t.line_count = 1;
    t.lines[0].quantity = 1;
    snprintf(t.lines[0].sku, sizeof t.lines[0].sku, "MUG");
    t.lines[0].amount = t.total = money_of(4000);
    t.points = points_of(40);
    must(wire_encode_txn(&entry, &t, &why), &why);
    must(books_begin(hq.books, &why), &why);
    must(books_post(hq.books, &t, buf_bytes(&entry), t.time_s, &result, &why), &why);
    must(books_commit(hq.books, &why), &why);
    must(tap(MEANS_TAG, "M12"), &why);
    assert_int_equal(points_n(tapped.held), 500);
    assert_int_equal(points_n(tapped.pending), 40);
    assert_int_equal(points_n(tapped.spendable), 500);
    office_close(&hq);
}

/* ---- who ---- */

TEST(clerk, a_tap_finds_the_member_by_whatever_was_shown)
{
    open_all();
    static const uint8_t four[] = {1, 2, 3, 4}, seven[] = {4, 9, 9, 9, 9, 9, 9};
    bind(MEANS_UID, bytes_of(four, 4), ANN);
    bind(MEANS_UID, bytes_of(seven, 7), BO);
    bind(MEANS_PASS, text("pass 0815"), BO);
    must(person(ANN, "Ann", "+49 (0)30 1234-567", true), &why);
    const struct {
        enum txn_means means;
        struct bytes value;
        member_id member; /* 0 = nobody */
        bool pin;
    } rows[] = {
        {MEANS_UID, {four, 4}, ANN, true},
        {MEANS_UID, {seven, 7}, BO, true},
        {MEANS_UID, {seven, 4}, 0, false},
        {MEANS_SUN, {NULL, 0}, 0, false},
        {MEANS_TAG, text("M12"), ANN, true},
        {MEANS_TAG, text("M99"), 0, false},
        {MEANS_TAG, text("pass 0815"), 0, false}, /* of other means */
        {MEANS_PASS, text("pass 0815"), BO, true},
        {MEANS_PHONE, text("+49301234567"), ANN, true},
        {MEANS_PHONE, text("0049 30 1234567"), ANN, true},
        {MEANS_PHONE, text("+49301234568"), 0, false},
        {MEANS_REGISTER, text("M13"), BO, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct wire_tap ask = {.means = rows[i].means, .value = rows[i].value};
        enum err e = clerk_tap(&clerk, &ask, &tapped, &why);
        if (e != (rows[i].means == MEANS_SUN ? ERR_FORMAT : OK))
            fail_msg("row %zu: %s", i, why.text);
        if (tapped.member != rows[i].member || tapped.known != (rows[i].member != 0))
            fail_msg("row %zu is M%d", i, (int)tapped.member);
        if (tapped.known && !(tapped.flags & TAPPED_PIN) == rows[i].pin)
            fail_msg("row %zu: PIN", i);
    }
    struct wire_tap card = {.card = ann_card}; /* a till of the first version */
    must(clerk_tap(&clerk, &card, &tapped, &why), &why);
    assert_int_equal(tapped.member, ANN);
    assert_int_equal(tapped.card_status, CARD_ACTIVE);
    assert_true(tapped.load_due);
    assert_int_equal(tapped.flags & TAPPED_PIN, 0);
    assert_int_equal(points_n(tapped.spendable), 500);
    card.card.b[6]++;
    must(clerk_tap(&clerk, &card, &tapped, &why), &why);
    assert_false(tapped.known);
    assert_int_equal(tap(MEANS_PHONE, "030 1234567"), ERR_FORMAT);
    assert_said("country");
    assert_int_equal(tap(MEANS_REGISTER, "Ann"), ERR_FORMAT);
    office_close(&hq);
}

TEST(clerk, a_token_of_an_entry_finds_the_same_member_and_nobody_once_it_is_let_go)
{
    open_all();
    uint8_t token[TXN_TOKEN_SIZE];
    member_id member = 0;
    must(person(ANN, "", "+49301234567", true), &why);
    lookup_token(token, hq.home.known_keys.lookup, MEANS_PHONE, text("+49301234567"));
    must(books_member_of_token(hq.books, token, &member, &why), &why);
    assert_int_equal(member, ANN);
    lookup_token(token, hq.home.known_keys.lookup, MEANS_UID, text("+49301234567"));
    assert_int_equal(books_member_of_token(hq.books, token, &member, &why), ERR_NOT_FOUND);
    must(people_set_pin(hq.books, ANN, "2468", &why), &why);
    must(books_erase_person(hq.books, ANN, &why), &why);
    lookup_token(token, hq.home.known_keys.lookup, MEANS_PHONE, text("+49301234567"));
    assert_int_equal(books_member_of_token(hq.books, token, &member, &why), ERR_NOT_FOUND);
    bool has = true;
    must(people_has_pin(hq.books, ANN, &has, &why), &why);
    assert_false(has);
    must(person(BO, "", "+49301234567", true), &why); /* the number is free */
    office_close(&hq);
}

TEST(clerk, a_member_code_is_taken_once_for_a_minute_and_again_only_by_its_till_for_a_hold)
{
    open_all();
    char code[MEMBER_CODE_TEXT_SIZE], other[MEMBER_CODE_TEXT_SIZE];
    must(member_code_make(code, ANN, clerk.now_s, &hq.home.code_key, &why), &why);
    must(member_code_make(other, ANN, clerk.now_s, &hq.home.code_key, &why), &why);
    must(tap(MEANS_CODE, code), &why);
    assert_int_equal(tapped.member, ANN);
    assert_int_equal(tap(MEANS_CODE, code), ERR_EXISTS);
    assert_said("fresh one");
    set_time("2011-03-01T09:20");
    struct wire_hold ask = want(MEANS_CODE, code, 100, "a");
    clerk.terminal = 2; /* a photograph of it at another till */
    assert_int_equal(hold(&ask), ERR_EXISTS);
    clerk.terminal = 1;
    must(hold(&ask), &why);
    assert_int_equal(points_n(held.points), 100);
    struct wire_hold late = want(MEANS_CODE, other, 100, "b"); /* never shown within its minute */
    assert_int_equal(hold(&late), ERR_RANGE);
    assert_int_equal(tap(MEANS_CODE, other), ERR_RANGE);
    set_time("2011-03-01T09:31");
    ask = want(MEANS_CODE, code, 100, "c");
    assert_int_equal(hold(&ask), ERR_EXISTS);
    set_time("2011-03-01T09:32"); /* by now its name need not be kept any more */
    assert_int_equal(hold(&ask), ERR_RANGE);
    must(member_code_make(code, ANN, clerk.now_s, &hq.home.code_key, &why), &why);
    code[20] = code[20] == 'A' ? 'B' : 'A';
    assert_int_not_equal(tap(MEANS_CODE, code), OK);
    assert_int_not_equal(tap(MEANS_CODE, ""), OK);
    office_close(&hq);
}

/* What a tag of this head office says at its n-th reading. */
static const char *sun_message(const struct card_uid *uid, uint32_t counter, bool genuine)
{
    static char message[160];
    struct aes_key meta, class, key;
    struct sun_tag tag = {.uid = *uid, .counter = counter};
    uint8_t plain[SUN_PICC_SIZE] = {0xc7}, picc[SUN_PICC_SIZE], mac[MACT_SIZE], iv[AES_BLOCK] = {0};
    char p[2 * SUN_PICC_SIZE + 1], m[2 * MACT_SIZE + 1];
    memcpy(meta.b, hq.home.known_keys.sun_meta, sizeof meta.b);
    memcpy(class.b, hq.home.known_keys.sun_file, sizeof class.b);
    memcpy(plain + 1, uid->b, sizeof uid->b);
    put_le(plain + 8, counter, 3);
    aes_cbc_encrypt(&meta, iv, picc, plain, sizeof picc);
    sun_file_key(&key, &class, uid);
    sun_mac(mac, &key, &tag, bytes_of(NULL, 0));
    mac[0] ^= !genuine;
    hex_encode(p, picc, sizeof picc);
    hex_encode(m, mac, sizeof mac);
    snprintf(message, sizeof message, "https://example.org/t?p=%s&c=%s", p, m);
    return message;
}

TEST(clerk, a_tag_with_a_message_is_taken_when_it_is_genuine_and_its_counter_is_new)
{
    open_all();
    static const struct card_uid tag = {{4, 7, 7, 7, 7, 7, 7}};
    assert_int_equal(tap(MEANS_SUN, sun_message(&tag, 1, true)), OK);
    assert_false(tapped.known); /* nobody's yet */
    bind(MEANS_SUN, bytes_of(tag.b, sizeof tag.b), ANN);
    must(tap(MEANS_SUN, sun_message(&tag, 5, true)), &why);
    assert_int_equal(tapped.member, ANN);
    assert_int_equal(tapped.flags & TAPPED_PIN, 0);
    assert_int_equal(tap(MEANS_SUN, sun_message(&tag, 5, true)), ERR_EXISTS);
    assert_int_equal(tap(MEANS_SUN, sun_message(&tag, 4, true)), ERR_EXISTS);
    assert_int_equal(tap(MEANS_SUN, sun_message(&tag, 6, false)), ERR_MAC);
    must(tap(MEANS_SUN, sun_message(&tag, 6, true)), &why); /* the forged one did not count */
    struct wire_hold ask = want(MEANS_SUN, sun_message(&tag, 6, true), 100, "a");
    clerk.terminal = 2;
    assert_int_equal(hold(&ask), ERR_EXISTS);
    clerk.terminal = 1;
    must(hold(&ask), &why);
    ask = want(MEANS_SUN, sun_message(&tag, 6, false), 100, "b");
    assert_int_equal(hold(&ask), ERR_MAC);
    set_time("2011-03-01T09:31");
    ask = want(MEANS_SUN, sun_message(&tag, 6, true), 100, "c");
    assert_int_equal(hold(&ask), ERR_EXISTS);
    office_stop(&hq); /* what was shown is remembered over a restart */
    office_start(&hq);
    clerk.books = hq.books;
    assert_int_equal(tap(MEANS_SUN, sun_message(&tag, 6, true)), ERR_EXISTS);
    must(tap(MEANS_SUN, sun_message(&tag, 0xffffff, true)), &why);
    assert_int_equal(tap(MEANS_SUN, "https://example.org/"), ERR_FORMAT);
    office_close(&hq);
}

/* ---- what the cashier is told ---- */

TEST(clerk, a_tap_tells_name_only_with_consent_and_what_else_there_is_to_say)
{
    open_all();
    struct person p = {.member = ANN, .name = "Ann", .birthday = "03-02", .language = "zh"};
    must(books_save_person(hq.books, &p, &why), &why);
    must(tap(MEANS_REGISTER, "M12"), &why);
    assert_string_equal(tapped.name, "");
    assert_string_equal(tapped.language, "zh");
    assert_true(tapped.flags & TAPPED_BIRTHDAY);
    assert_string_equal(tapped.suggestion, "祝您生日快乐！");
    assert_string_equal(tapped.next_tier, hq.pack.tiers[1].code);
    assert_int_equal(tapped.missing, hq.pack.tiers[1].upgrade_at);
    assert_int_equal(points_n(tapped.expiring), 0);
    p.consent_s = clerk.now_s;
    p.birthday[0] = 0;
    must(books_save_person(hq.books, &p, &why), &why);
    set_time("2012-02-09T09:00"); /* what was given on 2011-03-01 ends in 20 days */
    must(tap(MEANS_REGISTER, "M12"), &why);
    assert_string_equal(tapped.name, "Ann");
    assert_int_equal(points_n(tapped.expiring), 500);
    assert_int_equal(tapped.flags & TAPPED_BIRTHDAY, 0);
    assert_non_null(strstr(tapped.suggestion, "500"));
    office_close(&hq);
}

/* "first birthday vip" */
static const char *marks(void)
{
    static char text[100];
    text[0] = 0;
    for (int32_t i = 0; i < tapped.mark_count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? " " : "", tapped.marks[i]);
    return text;
}

TEST(clerk, a_tap_says_first_purchase_birthday_with_consent_and_segments)
{
    open_all();
    struct person p = {.member = ANN, .name = "Ann", .birthday = "03-02"};
    must(books_save_person(hq.books, &p, &why), &why);
    must(tap(MEANS_REGISTER, "M12"), &why);
    assert_string_equal(marks(), "first"); /* the birthday was not agreed to be shown */
    p.consent_s = clerk.now_s;
    must(books_save_person(hq.books, &p, &why), &why);
    static const char *const segments[] = {"vip", "away", "c", "d"};
    for (int i = 0; i < 4; i++) {
        struct query q = query_text_of(hq.books->store, "INSERT INTO member_mark VALUES (?, ?)");
        query_int(&q, ANN);
        query_text(&q, segments[i]);
        must(query_run(&q, &why), &why);
    }
    must(tap(MEANS_REGISTER, "M12"), &why);
    assert_string_equal(marks(), "first birthday away c"); /* four is all that an entry takes */
    static struct txn t;
    static uint8_t bytes[WIRE_ENTRY_MAX];
    struct buf entry = BUF_ON(bytes);
    enum post_result result;
    t = (struct txn){.kind = TXN_SALE, .id = {7, 1}, .time_s = clerk.now_s, .member = ANN, .line_count = 1};
    snprintf(t.lines[0].sku, sizeof t.lines[0].sku, "A");
    t.lines[0].quantity = 1;
    t.lines[0].amount = t.total = money_of(100);
    t.pack_version = 1;
    must(wire_encode_txn(&entry, &t, &why), &why);
    must(books_begin(hq.books, &why), &why);
    must(books_post(hq.books, &t, buf_bytes(&entry), t.time_s, &result, &why), &why);
    must(books_commit(hq.books, &why), &why);
    must(tap(MEANS_REGISTER, "M12"), &why);
    assert_string_equal(marks(), "birthday away c d");
    office_close(&hq);
}

/* ---- holds ---- */

TEST(clerk, points_are_set_aside_once_for_a_name_and_go_back_when_the_time_is_over)
{
    open_all();
    must(people_set_pin(hq.books, ANN, "2468", &why), &why);
    struct wire_hold ask = want(MEANS_REGISTER, "M12", 300, "sale 1");
    snprintf(ask.pin, sizeof ask.pin, "2468");
    must(hold(&ask), &why);
    uint32_t seq = held.seq;
    assert_int_equal(held.until_s, clerk.now_s + 900);
    must(tap(MEANS_REGISTER, "M12"), &why);
    assert_int_equal(points_n(tapped.spendable), 200);
    must(hold(&ask), &why); /* the answer was lost */
    assert_int_equal(held.seq, seq);
    assert_int_equal(points_n(office_member(&hq, ANN).reserved), 300);
    ask.points = points_of(301);
    assert_int_equal(hold(&ask), ERR_CONFLICT);
    ask = want(MEANS_REGISTER, "M12", 300, "sale 2");
    snprintf(ask.pin, sizeof ask.pin, "2468");
    assert_int_not_equal(hold(&ask), OK); /* 200 are left */
    clerk.terminal = 2; /* the same name at another till is another hold */
    ask = want(MEANS_REGISTER, "M12", 200, "sale 1");
    snprintf(ask.pin, sizeof ask.pin, "2468");
    must(hold(&ask), &why);
    assert_int_not_equal(held.seq, seq);
    clerk.terminal = 1;
    set_time("2011-03-01T09:16");
    server_turn(hq.server, 1);
    must(tap(MEANS_REGISTER, "M12"), &why);
    assert_int_equal(points_n(tapped.spendable), 500);
    assert_int_equal(points_n(office_member(&hq, ANN).reserved), 0);
    ask = want(MEANS_REGISTER, "M12", 300, "sale 1");
    assert_int_equal(hold(&ask), ERR_STATE);
    assert_said("let go");
    office_close(&hq);
}

TEST(clerk, what_can_be_copied_wants_a_pin_or_a_supervisor)
{
    open_all();
    struct staff cy = {.name = "Cy", .role = STAFF_CASHIER}, di = {.name = "Di", .role = STAFF_SUPERVISOR};
    must(people_save_staff(hq.books, &cy, &why), &why);
    must(people_save_staff(hq.books, &di, &why), &why);
    struct wire_hold ask = want(MEANS_REGISTER, "M12", 100, "a");
    assert_int_equal(hold(&ask), ERR_AUTH);
    snprintf(ask.pin, sizeof ask.pin, "2468");
    assert_int_equal(hold(&ask), ERR_AUTH); /* the member has none */
    assert_said("no PIN");
    *ask.pin = 0;
    ask.approved_by = cy.id;
    assert_int_equal(hold(&ask), ERR_AUTH);
    ask.approved_by = 77;
    assert_int_equal(hold(&ask), ERR_AUTH);
    ask.approved_by = di.id;
    must(hold(&ask), &why);
    /* A supervisor does not make a wrong PIN right. */
    must(people_set_pin(hq.books, ANN, "2468", &why), &why);
    ask = want(MEANS_REGISTER, "M12", 100, "b");
    ask.approved_by = di.id;
    snprintf(ask.pin, sizeof ask.pin, "1111");
    assert_int_equal(hold(&ask), ERR_AUTH);
    /* A full card is there itself, but not a blocked one. */
    ask = want(MEANS_CARD, "", 100, "c");
    ask.card = ann_card;
    ask.member = BO;
    assert_int_equal(hold(&ask), ERR_CONFLICT);
    ask.member = ANN;
    must(hold(&ask), &why);
    office_post_card(&hq, &ann_card, CARD_EV2, ANN, CARD_BLOCKED, "lost");
    snprintf(ask.name, sizeof ask.name, "d");
    assert_int_equal(hold(&ask), ERR_REFUSED);
    di.role = STAFF_GONE;
    must(people_save_staff(hq.books, &di, &why), &why);
    ask = want(MEANS_REGISTER, "M12", 100, "e");
    ask.approved_by = 2;
    assert_int_equal(hold(&ask), ERR_AUTH);
    office_close(&hq);
}

/* Points are set aside by these means, below and above what the programme lets go without more. */
TEST(clerk, each_means_sets_points_aside_alone_with_a_pin_or_by_a_supervisor_as_the_programme_says)
{
    enum { LIMIT = 200 };
    static const char json[] = "{\"version\": 98, \"effective\": \"2000-01-01\", \"name\": \"Limited\", \"currency\":"
                               " \"GBP\", \"earn\": {\"rate\": \"1/100\"}, \"redeem\": {\"worth\": 1, \"min\": 1,"
                               " \"second_factor_above\": 200}}";
    static const uint8_t tag[7 + 1] = {4, 9, 9, 9, 9, 9, 9}; /* and the zero that ends a text */
    static const struct card_uid sun = {{4, 7, 7, 7, 7, 7, 7}};
    static const struct {
        enum txn_means means;
        const char *value; /* NULL: made anew each time */
        bool alone_below, alone_above;
    } rows[] = {{MEANS_CARD, "", true, false},
                {MEANS_SUN, NULL, true, false},
                {MEANS_CODE, NULL, true, false},
                {MEANS_TAG, "M12", false, false},
                {MEANS_UID, (const char *)tag, false, false},
                {MEANS_PASS, "pass 0815", false, false},
                {MEANS_PHONE, "+49301234567", false, false},
                {MEANS_REGISTER, "M12", false, false}};
    struct staff di = {.name = "Di", .role = STAFF_SUPERVISOR};
    struct pack pack;
    uint32_t counter = 0;
    int asked = 0;
    open_all();
    must(pack_read(&pack, json, strlen(json), "limited.json", &why), &why);
    must(books_add_pack(hq.books, &pack, text(json), text("s"), &why), &why);
    must(people_save_staff(hq.books, &di, &why), &why);
    must(person(ANN, "", "+49301234567", true), &why);
    must(people_set_pin(hq.books, ANN, "2468", &why), &why);
    bind(MEANS_UID, bytes_of(tag, 7), ANN);
    bind(MEANS_PASS, text("pass 0815"), ANN);
    bind(MEANS_SUN, bytes_of(sun.b, 7), ANN);
    office_adjust(&hq, ANN, 20000);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int above = 0; above < 2; above++)
            for (int factor = 0; factor < 4; factor++) { /* none, a wrong PIN, the PIN, a supervisor */
                char name[20], code[MEMBER_CODE_TEXT_SIZE];
                const char *value = rows[i].value;
                snprintf(name, sizeof name, "h%d", asked++);
                if (rows[i].means == MEANS_SUN)
                    value = sun_message(&sun, ++counter, true);
                if (rows[i].means == MEANS_CODE) {
                    must(member_code_make(code, ANN, clerk.now_s, &hq.home.code_key, &why), &why);
                    value = code;
                }
                struct wire_hold ask = want(rows[i].means, value, LIMIT + above, name);
                if (rows[i].means == MEANS_CARD)
                    ask.card = ann_card;
                if (rows[i].means == MEANS_UID)
                    ask.value.size = 7;
                if (factor == 1 || factor == 2)
                    snprintf(ask.pin, sizeof ask.pin, "%s", factor == 2 ? "2468" : "1357");
                if (factor == 3)
                    ask.approved_by = di.id;
                bool good = factor >= 2 || (factor == 0 && (above ? rows[i].alone_above : rows[i].alone_below));
                if (hold(&ask) != (good ? OK : ERR_AUTH))
                    fail_msg("means %d, above %d, factor %d: %s", (int)rows[i].means, above, factor, why.text);
            }
    int64_t aside = points_n(office_member(&hq, ANN).reserved);
    assert_int_equal(aside, 8 * 2 * LIMIT + 8 * 2 * (LIMIT + 1) + 3 * LIMIT);
    office_close(&hq);
}

TEST(clerk, five_wrong_pins_lock_it_for_a_quarter_of_an_hour_whoever_asks)
{
    open_all();
    must(people_set_pin(hq.books, ANN, "2468", &why), &why);
    struct wire_hold ask = want(MEANS_REGISTER, "M12", 100, "x");
    for (int round = 0; round < 2; round++) { /* a right one in between begins the count anew */
        for (int i = 0; i < PIN_TRIES - 1; i++) {
            clerk.terminal = 1 + (uint32_t)i % 3;
            snprintf(ask.pin, sizeof ask.pin, "%d", 1000 + i);
            assert_int_equal(hold(&ask), ERR_AUTH);
        }
        if (round == 0) {
            snprintf(ask.name, sizeof ask.name, "good");
            snprintf(ask.pin, sizeof ask.pin, "2468");
            must(hold(&ask), &why);
            snprintf(ask.name, sizeof ask.name, "x");
        }
    }
    snprintf(ask.pin, sizeof ask.pin, "9999");
    assert_int_equal(hold(&ask), ERR_AUTH);
    assert_said("15 minutes");
    snprintf(ask.pin, sizeof ask.pin, "2468");
    assert_int_equal(hold(&ask), ERR_BUSY);
    assert_said("09:15");
    office_stop(&hq); /* no restart helps */
    office_start(&hq);
    clerk.books = hq.books;
    set_time("2011-03-01T09:14:59");
    assert_int_equal(hold(&ask), ERR_BUSY);
    set_time("2011-03-01T09:15");
    must(hold(&ask), &why);
    office_close(&hq);
}

/* ---- persons, lost cards ---- */

TEST(clerk, an_anonymous_member_becomes_a_person_once_and_with_consent_only)
{
    open_all();
    struct person p;
    assert_int_equal(person(ANN, "Ann", "", false), ERR_FORMAT);
    assert_int_equal(books_person(hq.books, ANN, &p, &why), ERR_NOT_FOUND);
    assert_int_equal(person(ANN, "", "", true), ERR_FORMAT);
    assert_int_equal(person(99, "Ann", "", true), ERR_NOT_FOUND);
    static const char *const ugly[] = {"A\033[2J", "A\xff", "A\xc2\x85", "A\xed\xa0\x80", "A\xe7\x8e", "A\n"};
    for (size_t i = 0; i < sizeof ugly / sizeof *ugly; i++)
        assert_int_equal(person(ANN, ugly[i], "", true), ERR_FORMAT);
    assert_int_equal(person(ANN, "Ann", "12", true), ERR_FORMAT);
    must(person(ANN, "王小明", "+86 10 1234 5678", true), &why);
    assert_int_equal(done.member, ANN);
    must(books_person(hq.books, ANN, &p, &why), &why);
    assert_string_equal(p.name, "王小明");
    assert_string_equal(p.phone, "+861012345678");
    assert_true(p.consent_s == clerk.now_s);
    must(person(ANN, "王小明", "+861012345678", true), &why); /* the answer was lost */
    assert_int_equal(person(ANN, "Eve", "", true), ERR_EXISTS);
    assert_int_equal(person(BO, "Bo", "+861012345678", true), ERR_EXISTS);
    assert_said("another member's");
    assert_int_equal(books_person(hq.books, BO, &p, &why), ERR_NOT_FOUND); /* nothing half done */
    office_close(&hq);
}

static enum err replace(member_id member, const struct card_uid *lost, const struct card_uid *fresh)
{
    struct wire_replace ask = {.member = member, .card = *fresh, .cashier = 3, .approved_by = 5};
    if (lost)
        ask.lost = *lost;
    return clerk_replace(&clerk, &ask, &done, &why);
}

TEST(clerk, a_new_card_takes_the_place_of_a_lost_one_once)
{
    open_all();
    static const struct card_uid fresh = {{4, 3, 3, 3, 3, 3, 3}}, more = {{4, 3, 3, 3, 3, 3, 4}};
    struct card_view view;
    assert_int_equal(replace(ANN, NULL, &fresh), ERR_NOT_FOUND); /* never issued */
    office_post_card(&hq, &fresh, CARD_EV2, 0, CARD_ACTIVE, "issued");
    office_post_card(&hq, &more, CARD_EV2, 0, CARD_ACTIVE, "issued");
    assert_int_equal(replace(ANN, &bo_card, &fresh), ERR_CONFLICT);
    assert_int_equal(replace(ANN, NULL, &bo_card), ERR_EXISTS);
    assert_int_equal(replace(0, NULL, &fresh), ERR_NOT_FOUND);
    must(replace(ANN, NULL, &fresh), &why);
    must(books_card(hq.books, &fresh, &view, &why), &why);
    assert_int_equal(view.member, ANN);
    must(books_card(hq.books, &ann_card, &view, &why), &why);
    assert_int_equal(view.status, CARD_REPLACED);
    must(replace(ANN, NULL, &fresh), &why); /* the answer was lost */
    must(replace(0, &ann_card, &fresh), &why);
    assert_int_equal(done.member, ANN);
    assert_int_equal(replace(ANN, &ann_card, &more), ERR_STATE);
    office_post_card(&hq, &more, CARD_EV2, ANN, CARD_ACTIVE, "bound"); /* now Ann has two */
    static const struct card_uid third = {{4, 3, 3, 3, 3, 3, 5}};
    office_post_card(&hq, &third, CARD_EV2, 0, CARD_ACTIVE, "issued");
    assert_int_equal(replace(ANN, NULL, &third), ERR_STATE);
    assert_said("2 cards");
    must(replace(ANN, &more, &third), &why);
    office_close(&hq);
}

/* ---- staff ---- */

TEST(clerk, staff_goes_down_by_version_and_who_is_gone_leaves_no_name)
{
    open_all();
    struct staff p[3] = {{.name = "Bo", .role = STAFF_CASHIER, .badge = {{1, 2, 3, 4, 5, 6, 7}}},
                         {.name = "Cy", .role = STAFF_CASHIER},
                         {.name = "Di", .role = STAFF_SUPERVISOR}},
                 got[8];
    int32_t count;
    uint32_t version;
    for (int i = 0; i < 3; i++)
        must(people_save_staff(hq.books, &p[i], &why), &why);
    must(people_staff_since(hq.books, 0, got, 2, &count, &version, &why), &why);
    assert_int_equal(count, 2);
    must(people_staff_since(hq.books, version, got, 8, &count, &version, &why), &why);
    assert_int_equal(count, 1);
    assert_string_equal(got[0].name, "Di");
    p[2].badge = p[0].badge;
    assert_int_equal(people_save_staff(hq.books, &p[2], &why), ERR_EXISTS);
    p[0].role = STAFF_GONE;
    must(people_save_staff(hq.books, &p[0], &why), &why);
    must(people_save_staff(hq.books, &p[2], &why), &why); /* the badge is free */
    must(people_staff_since(hq.books, version, got, 8, &count, &version, &why), &why);
    assert_int_equal(count, 2);
    assert_int_equal(got[0].id, 1);
    assert_int_equal(got[0].role, STAFF_GONE);
    assert_string_equal(got[0].name, "");
    assert_false(uid_is(&got[0].badge));
    must(people_staff_since(hq.books, version, got, 8, &count, &version, &why), &why);
    assert_int_equal(count, 0);
    struct staff next = {.name = "El", .role = STAFF_CASHIER};
    must(people_save_staff(hq.books, &next, &why), &why);
    assert_int_equal(next.id, 4);
    office_close(&hq);
}
