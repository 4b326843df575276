/* test_profile.c - what head office keeps of a person: consent as a history, one view, why for every point, and
 * nothing of them in any file after they were erased.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "office/books/books_int.h"
#include "office/members/erase.h"
#include "office/members/profile.h"
#include "tests/ledgers.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ledgers l;
static struct errmsg why;
static const struct known_keys keys = {.lookup = {1}};
static struct profile_by by;

static void open_books(const char *name)
{
    ledgers_open(&l, name, "", "");
    by = (struct profile_by){.user = 3, .channel = "desk", .now_s = ledgers_day(1)};
}

/* A change in a transaction of its own, as an operation of the console makes it. */
#define CHANGE(expected, call)                                                                     \
    do {                                                                                           \
        assert_int_equal(books_begin(l.books, &why), OK);                                          \
        enum err e_ = (call);                                                                      \
        if (e_ != (expected))                                                                      \
            fail_msg("%s: %s", #call, why.text);                                                   \
        if (e_)                                                                                    \
            books_rollback(l.books);                                                               \
        else                                                                                       \
            assert_int_equal(books_commit(l.books, &why), OK);                                     \
    } while (0)

static member_id add(const char *name, const char *contact, const char *phone)
{
    struct person p = {0};
    member_id member = 0;
    snprintf(p.name, sizeof p.name, "%s", name);
    snprintf(p.contact, sizeof p.contact, "%s", contact);
    snprintf(p.phone, sizeof p.phone, "%s", phone);
    CHANGE(OK, profile_add(l.books, &keys, &p, "", &by, &member, &why));
    return member;
}

static const char *text_at(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));
    return text ? text : "null";
}

static int64_t int_at(const json_t *o, const char *name)
{
    return json_integer_value(json_object_get(o, name));
}

TEST(profile, a_new_member_is_found_by_number_name_telephone_card_and_part_of_the_contact)
{
    struct real_card c;
    static const struct {
        const char *text, *found;
    } cases[] = {{"M1", "M1"},          {"1", "M1"},        {" lovel", "M1"},     {"ADA", "M1"},
                 {"+49 30 1234567", "M1"}, {"0049301234567", "M1"}, {"example.org", "M1"},
                 {"张伟", "M2"},         {"M9", ""},         {"+49 30 7654321", ""}, {"nobody here", ""}};
    open_books("find");
    add("Ada Lovelace", "ada@example.org", "+49 30 1234567");
    add("张伟", "", "");
    ledgers_card(&l, &c, CARD_EV2, 1, 2, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool more;
        json_t *rows = json_array();
        assert_int_equal(profile_find(l.books, &keys, cases[i].text, rows, &more, &why), OK);
        assert_false(more);
        assert_int_equal(json_array_size(rows), *cases[i].found ? 1 : 0);
        if (*cases[i].found)
            assert_string_equal(text_at(json_array_get(rows, 0), "member"), cases[i].found);
        json_decref(rows);
    }
    char uid[UID_TEXT_SIZE];
    bool more;
    json_t *rows = json_array();
    uid_text(uid, &c.uid);
    assert_int_equal(profile_find(l.books, &keys, uid, rows, &more, &why), OK);
    assert_string_equal(text_at(json_array_get(rows, 0), "member"), "M2");
    assert_int_equal(profile_find(l.books, &keys, "a", rows, &more, &why), ERR_FORMAT);
    json_decref(rows);
    ledgers_close(&l);
}

TEST(profile, a_search_shows_at_most_sixteen_and_says_that_there_are_more)
{
    bool more = false;
    open_books("many");
    for (int i = 0; i < PROFILE_FOUND_MAX + 5; i++)
        add("Li Ming", "", "");
    json_t *rows = json_array();
    assert_int_equal(profile_find(l.books, &keys, "li m", rows, &more, &why), OK);
    assert_int_equal(json_array_size(rows), PROFILE_FOUND_MAX);
    assert_true(more);
    json_decref(rows);
    ledgers_close(&l);
}

TEST(profile, what_is_typed_of_a_person_is_checked)
{
    static const struct {
        const char *phone, *birthday, *language, *name;
        enum err e;
    } cases[] = {
        {"12345", "", "", "A", ERR_FORMAT},       {"", "13-01", "", "A", ERR_FORMAT}, {"", "", "fr", "A", ERR_FORMAT},
        {"", "", "", "A\001", ERR_FORMAT},        {"", "", "", "\xff", ERR_FORMAT},   {"", "02-03", "", "A", ERR_STATE},
        {"+49301234567", "", "", "A", ERR_EXISTS}, {"+4930999999", "", "zh", "A", OK}, {"", "", "", "", OK}};
    open_books("checked");
    add("Ada", "", "+49301234567");
    member_id m = add("Bob", "", "");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct person p = {.member = m};
        snprintf(p.phone, sizeof p.phone, "%s", cases[i].phone);
        snprintf(p.birthday, sizeof p.birthday, "%s", cases[i].birthday);
        snprintf(p.language, sizeof p.language, "%s", cases[i].language);
        snprintf(p.name, sizeof p.name, "%s", cases[i].name);
        CHANGE(cases[i].e, profile_save(l.books, &keys, &p, &by, &why));
    }
    struct person nobody = {.member = 99};
    CHANGE(ERR_NOT_FOUND, profile_save(l.books, &keys, &nobody, &by, &why));
    ledgers_close(&l);
}

static void expect_may(member_id m, enum profile_purpose purpose, bool may)
{
    bool given = !may;
    assert_int_equal(profile_may(l.books, m, purpose, &given, &why), OK);
    assert_int_equal(given, may);
}

TEST(profile, consent_is_a_history_by_purpose_and_the_same_again_adds_nothing)
{
    struct person p;
    open_books("consent");
    member_id m = add("Ada", "", "");
    expect_may(m, PURPOSE_MESSAGES, false);
    CHANGE(OK, profile_consent(l.books, m, PURPOSE_MESSAGES, true, "2011-1", &by, &why));
    CHANGE(OK, profile_consent(l.books, m, PURPOSE_MESSAGES, true, "2011-1", &by, &why));
    expect_may(m, PURPOSE_MESSAGES, true);
    expect_may(m, PURPOSE_RESEARCH, false);
    by.channel = "page";
    CHANGE(OK, profile_consent(l.books, m, PURPOSE_MESSAGES, false, "2011-2", &by, &why));
    expect_may(m, PURPOSE_MESSAGES, false);
    json_t *rows = json_array();
    assert_int_equal(profile_consents(l.books, m, rows, &why), OK);
    assert_int_equal(json_array_size(rows), 2);
    assert_string_equal(text_at(json_array_get(rows, 0), "channel"), "page");
    assert_false(json_boolean_value(json_object_get(json_array_get(rows, 0), "given")));
    assert_string_equal(text_at(json_array_get(rows, 1), "version"), "2011-1");
    json_decref(rows);
    CHANGE(ERR_FORMAT, profile_consent(l.books, m, PURPOSE_NAME, true, "", &by, &why));
    CHANGE(OK, profile_consent(l.books, m, PURPOSE_NAME, true, "2011-1", &by, &why));
    assert_int_equal(books_person(l.books, m, &p, &why), OK);
    assert_int_equal(p.consent_s, by.now_s);
    CHANGE(OK, profile_consent(l.books, m, PURPOSE_NAME, false, "2011-1", &by, &why));
    assert_int_equal(books_person(l.books, m, &p, &why), OK);
    assert_int_equal(p.consent_s, 0);
    ledgers_close(&l);
}

TEST(profile, a_birthday_is_kept_with_consent_and_forgotten_without)
{
    struct person p = {.name = "Ada", .birthday = "12-10"};
    open_books("birthday");
    p.member = add("Ada", "", "");
    CHANGE(ERR_STATE, profile_save(l.books, &keys, &p, &by, &why));
    CHANGE(OK, profile_consent(l.books, p.member, PURPOSE_BIRTHDAY, true, "1", &by, &why));
    CHANGE(OK, profile_save(l.books, &keys, &p, &by, &why));
    CHANGE(OK, profile_consent(l.books, p.member, PURPOSE_BIRTHDAY, false, "1", &by, &why));
    assert_int_equal(books_person(l.books, p.member, &p, &why), OK);
    assert_string_equal(p.birthday, "");
    assert_string_equal(p.name, "Ada");
    ledgers_close(&l);
}

TEST(profile, a_name_agreed_to_before_there_was_a_history_is_still_agreed_to)
{
    struct person p = {.member = 7, .name = "Ada", .consent_s = 5};
    open_books("before");
    ledgers_member(&l, 7, 1);
    assert_int_equal(books_save_person(l.books, &p, &why), OK);
    expect_may(7, PURPOSE_NAME, true);
    CHANGE(OK, profile_consent(l.books, 7, PURPOSE_NAME, false, "1", &by, &why));
    expect_may(7, PURPOSE_NAME, false);
    ledgers_close(&l);
}

TEST(profile, tags_notes_and_type_are_shown_and_taken_away)
{
    open_books("tags");
    member_id m = add("Ada", "", "");
    CHANGE(OK, profile_tag(l.books, m, "tag", "vip", true, &by, &why));
    CHANGE(OK, profile_tag(l.books, m, "tag", "vip", true, &by, &why));
    CHANGE(OK, profile_tag(l.books, m, "interest", "茶", true, &by, &why));
    CHANGE(ERR_NOT_FOUND, profile_tag(l.books, m, "interest", "coffee", false, &by, &why));
    CHANGE(ERR_FORMAT, profile_tag(l.books, m, "thing", "coffee", true, &by, &why));
    CHANGE(ERR_FORMAT, profile_tag(l.books, m, "tag", "", true, &by, &why));
    CHANGE(ERR_NOT_FOUND, profile_tag(l.books, 99, "tag", "vip", true, &by, &why));
    CHANGE(OK, profile_tag(l.books, m, "tag", "vip", false, &by, &why));
    CHANGE(OK, profile_set_type(l.books, m, "reseller", &why));
    CHANGE(ERR_FORMAT, profile_set_type(l.books, m, "king", &why));
    CHANGE(OK, profile_note(l.books, m, "wants no bags", &by, &why));
    CHANGE(ERR_FORMAT, profile_note(l.books, m, "", &by, &why));
    json_t *o = json_object();
    assert_int_equal(profile_show(l.books, m, LEDGERS_DAY_0 + 2, o, &why), OK);
    assert_int_equal(json_array_size(json_object_get(o, "tags")), 1);
    assert_string_equal(text_at(json_array_get(json_object_get(o, "tags"), 0), "tag"), "茶");
    assert_string_equal(text_at(o, "type"), "reseller");
    assert_string_equal(text_at(json_array_get(json_object_get(o, "notes"), 0), "text"), "wants no bags");
    assert_int_equal(int_at(json_array_get(json_object_get(o, "notes"), 0), "user"), 3);
    json_decref(o);
    ledgers_close(&l);
}

TEST(profile, every_point_has_its_why_and_the_newest_comes_first)
{
    open_books("timeline");
    member_id m = add("Ada", "", "");
    struct entry_id sale = ledgers_sale(&l, 1, m, "A 2 20.00", 2);
    ledgers_refund(&l, 1, sale, "A 1 10.00", 3);
    ledgers_adjust(&l, m, 5, 4);
    by.now_s = ledgers_day(5);
    CHANGE(OK, profile_note(l.books, m, "asked for a bag", &by, &why));
    ledgers_exec(&l, "INSERT INTO complaint (member, channel, kind, text, received_s, due_s, limit_s, sampled)"
                     " VALUES (1, 'desk', 'points', 'points are missing', 1294315400, 1294401600, 86400, 0);"
                     "INSERT INTO feedback (member, channel, time_s, shop, cashier, terminal, seq, expected, value, interaction,"
                     " result, environment, reasons, text, user) VALUES (1, 'desk', 1294315300, '', 0, 0, 0, 0, 0, 0, 0, 0, '', 'dear', 0)");
    json_t *rows = json_array();
    assert_int_equal(profile_timeline(l.books, m, 100, rows, &why), OK);
    static const struct {
        const char *what;
        int64_t points;
        const char *part;
    } expected[] = {{"complaint", 0, "C1, points: received"}, {"feedback", 0, "dear"}, {"note", 0, "asked for a bag"}, {"adjust", 5, ""}, {"refund", -10, "20"}, {"sale", 20, "20.00"}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        json_t *row = json_array_get(rows, i);
        assert_string_equal(text_at(row, "what"), expected[i].what);
        assert_int_equal(int_at(row, "points"), expected[i].points);
        assert_non_null(strstr(text_at(row, "why"), expected[i].part));
        assert_true(*text_at(row, "why"));
    }
    json_array_clear(rows);
    assert_int_equal(profile_timeline(l.books, m, 2, rows, &why), OK);
    assert_int_equal(json_array_size(rows), 2);
    json_decref(rows);
    json_t *o = json_object();
    assert_int_equal(profile_show(l.books, m, LEDGERS_DAY_0 + 6, o, &why), OK);
    assert_string_equal(text_at(json_array_get(json_object_get(o, "complaints"), 0), "state"), "received");
    assert_string_equal(text_at(json_array_get(json_object_get(o, "feedback"), 0), "text"), "dear");
    json_decref(o);
    ledgers_close(&l);
}

TEST(profile, a_stamp_card_says_how_many_are_on_it_now)
{
    json_t *o = json_object();
    ledgers_open(&l, "stamps", "", "\"stamps\": [{\"name\": \"visit\", \"per\": \"visit\", \"every\": 3, \"points\": 40},"
                                   "{\"name\": \"tea\", \"every\": 5, \"points\": 10, \"when\": {\"sku\": \"T\"}}]");
    by = (struct profile_by){.user = 3, .channel = "desk", .now_s = ledgers_day(1)};
    member_id m = add("Ada", "", "");
    for (int32_t day = 2; day < 6; day++)
        ledgers_sale(&l, 1, m, "A 1 1.00", day);
    assert_int_equal(profile_tier(l.books, m, LEDGERS_DAY_0 + 6, o, &why), OK);
    const json_t *cards = json_object_get(o, "stamps"), *visit = json_array_get(cards, 0), *tea = json_array_get(cards, 1);
    assert_int_equal(json_array_size(cards), 2);
    assert_string_equal(text_at(visit, "name"), "visit");
    assert_int_equal(int_at(visit, "stamps"), 1); /* three were rewarded */
    assert_int_equal(int_at(visit, "every"), 3);
    assert_int_equal(int_at(visit, "points"), 40);
    assert_int_equal(int_at(tea, "stamps"), 0);
    json_decref(o);
    ledgers_close(&l);
}

TEST(profile, a_tier_says_what_is_missing_to_keep_it_and_to_rise_and_who_gave_it)
{
    json_t *o = json_object();
    ledgers_open(&l, "tier", "", "\"tiers\": {\"metric\": \"spend\", \"window\": \"rolling\", \"window_days\": 10, \"grace_days\": 5,"
                                 " \"levels\": [{\"code\": \"base\"}, {\"code\": \"gold\", \"name\": \"Gold\", \"upgrade_at\": 10000,"
                                 " \"keep_at\": 8000}, {\"code\": \"black\", \"upgrade_at\": 50000}]}");
    by = (struct profile_by){.user = 3, .channel = "desk", .now_s = ledgers_day(1)};
    member_id m = add("Ada", "", "");
    ledgers_sale(&l, 1, m, "A 1 60.00", 2);
    assert_int_equal(profile_tier(l.books, m, LEDGERS_DAY_0 + 2, o, &why), OK);
    const json_t *t = json_object_get(o, "tier");
    assert_string_equal(text_at(t, "code"), "base");
    assert_string_equal(text_at(t, "next_name"), "Gold");
    assert_int_equal(int_at(t, "to_rise"), 4000);
    assert_string_equal(text_at(t, "falls"), "null");
    ledgers_sale(&l, 1, m, "A 1 50.00", 8);
    ledgers_run(&l, 14); /* the first purchase is out of the window */
    assert_int_equal(profile_tier(l.books, m, LEDGERS_DAY_0 + 14, o, &why), OK);
    t = json_object_get(o, "tier");
    assert_string_equal(text_at(t, "code"), "gold");
    assert_int_equal(int_at(t, "reached"), 5000);
    assert_int_equal(int_at(t, "to_keep"), 3000);
    assert_int_equal(int_at(t, "to_rise"), 45000);
    assert_string_equal(text_at(t, "falls"), "2011-01-20");
    struct txn hand = {.kind = TXN_TIER, .member = m, .tier = "black", .day = LEDGERS_DAY_0 + 40, .reason = "a friend of the house"};
    ledgers_own(&l, &hand, ledgers_day(14));
    assert_int_equal(profile_tier(l.books, m, LEDGERS_DAY_0 + 15, o, &why), OK);
    t = json_object_get(o, "tier");
    assert_string_equal(text_at(t, "by_hand"), "black");
    assert_string_equal(text_at(t, "by_hand_until"), "2011-02-10");
    assert_int_equal(json_array_size(json_object_get(o, "tier_history")), 3);
    assert_int_equal(profile_tier(l.books, m, LEDGERS_DAY_0 + 41, o, &why), OK);
    assert_string_equal(text_at(json_object_get(o, "tier"), "by_hand"), "null");
    json_decref(o);
    ledgers_close(&l);
}

TEST(profile, one_view_says_where_the_points_are_by_what_the_member_came_and_when_points_end)
{
    struct real_card c;
    ledgers_open(&l, "view", "", "\"expiry\": {\"kind\": \"rolling\", \"days\": 10}");
    by = (struct profile_by){.user = 3, .channel = "desk", .now_s = ledgers_day(1)};
    member_id m = add("Ada", "", "");
    ledgers_card(&l, &c, CARD_EV2, 1, m, 1);
    ledgers_sale(&l, 1, m, "A 2 20.00", 2);
    ledgers_sale(&l, 2, m, "A 2 30.00", 3);
    assert_int_equal(ledgers_load(&l, &c, 3, COMMIT_DONE, true), 50);
    ledgers_sale(&l, 2, m, "A 2 7.00", 4);
    json_t *o = json_object();
    assert_int_equal(profile_show(l.books, m, LEDGERS_DAY_0 + 4, o, &why), OK);
    assert_int_equal(int_at(o, "points"), 57);
    assert_int_equal(int_at(o, "on_cards"), 50);
    assert_int_equal(int_at(o, "held"), 7);
    assert_int_equal(json_array_size(json_object_get(o, "lots")), 3);
    assert_string_equal(text_at(json_array_get(json_object_get(o, "lots"), 0), "last_day"), "2011-01-13");
    assert_int_equal(int_at(json_array_get(json_object_get(o, "lots"), 0), "points"), 20);
    assert_string_equal(text_at(json_array_get(json_object_get(o, "cards"), 0), "status"), "active");
    assert_int_equal(int_at(json_array_get(json_object_get(o, "cards"), 0), "points"), 50);
    assert_string_equal(text_at(o, "last_purchase"), "2011-01-05");
    assert_string_equal(text_at(o, "since"), "2011-01-02T12:00:00");
    json_decref(o);
    ledgers_close(&l);
}

/* ---- erased ---- */

TEST(profile, the_words_of_a_person_are_taken_out_of_texts_and_no_others)
{
    static const struct person p = {.member = 12,
                                    .name = "Ada Lovelace",
                                    .contact = "ada@example.org, Baker Street 5",
                                    .phone = "+49301234567"};
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"ada lovelace's sister", "**'s sister"},
        {"wrote from ADA@example.org twice", "wrote from ** twice"},
        {"ask +49 30 1234567 or 030/123 45 67.", "ask ** or **."},
        {"call 1234567", "call **"},
        {"sister of M12, Lovelace too", "sister of M12, ** too"},
        {"sister of M123, Lovelace too", "sister of M123, Lovelace too"},
        {"Adalovelace", "Adalovelace"},
        {"Ada Lovelacey", "Ada Lovelacey"},
        {"receipt 7771234567", "receipt 7771234567"},
        {"nothing", "nothing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[128];
        snprintf(text, sizeof text, "%s", cases[i].in);
        assert_int_equal(erase_words(text, &p), strcmp(cases[i].in, cases[i].out) != 0);
        assert_string_equal(text, cases[i].out);
    }
    static const struct person zhang = {.member = 2, .name = "张伟"};
    char text[64] = "和张伟一起来的";
    assert_true(erase_words(text, &zhang));
    assert_string_equal(text, "和**一起来的");
}

/* How often the words stand in the database, its WAL and the rest. */
static int count_in_files(const char *word)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
    static uint8_t data[1 << 22];
    int found = 0;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char path[600];
        snprintf(path, sizeof path, "%s%s", l.path, ends[i]);
        FILE *f = fopen(path, "rb");
        if (!f)
            continue;
        size_t size = fread(data, 1, sizeof data, f);
        assert_true(size < sizeof data);
        fclose(f);
        for (uint8_t *p = data; (p = memmem(p, (size_t)(data + size - p), word, strlen(word))); p++)
            found++;
    }
    return found;
}

TEST(profile, after_an_erasure_no_word_of_the_person_is_in_any_file_and_the_books_are_whole)
{
    static const char *const words[] = {"Lovelace", "Analytical", "ada@example", "7654321",     "09-28",
                                        "wantsnobags", "engines",  "secretversion", "Baker"};
    open_books("erased");
    struct person p = {.member = add("Ada Lovelace", "ada@example.org, Baker Street", "+49307654321")};
    member_id other = add("Bob", "", "");
    CHANGE(OK, profile_consent(l.books, p.member, PURPOSE_BIRTHDAY, true, "secretversion", &by, &why));
    assert_int_equal(books_person(l.books, p.member, &p, &why), OK);
    snprintf(p.birthday, sizeof p.birthday, "09-28");
    snprintf(p.note, sizeof p.note, "Analytical");
    CHANGE(OK, profile_save(l.books, &keys, &p, &by, &why));
    CHANGE(OK, profile_note(l.books, p.member, "wantsnobags", &by, &why));
    CHANGE(OK, profile_note(l.books, other, "came with Ada Lovelace (M1), +49 30 7654321; Lovelace pays", &by, &why));
    CHANGE(OK, profile_tag(l.books, p.member, "interest", "engines", true, &by, &why));
    ledgers_exec(&l, "INSERT INTO memo (actor, request, digest, utc_s, answer) VALUES ('M1', printf('%064d', 1),"
                     " zeroblob(32), 1, CAST('{\"name\":\"Ada Lovelace\"}' AS BLOB)),"
                     " ('U3', printf('%064d', 2), zeroblob(32), 1, CAST('{}' AS BLOB))");
    ledgers_sale(&l, 1, p.member, "A 2 20.00", 2);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        assert_true(count_in_files(words[i]) > 0 || printf("%s\n", words[i]) < 0);
    assert_int_equal(erase_person(l.books, p.member, "asked", 3, ledgers_day(3), &why), OK);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (count_in_files(words[i]))
            fail_msg("%s is still there", words[i]);
    assert_int_equal(count_in_files("came with ** (M1), **; ** pays"), 1);
    ledgers_expect(&l, p.member, 20, 0, 0, 0);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM erased WHERE member = 1 AND cause = 'asked' AND user = 3"), 1);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM memo"), 1);
    assert_int_equal(erase_person(l.books, 99, "asked", 3, 0, &why), ERR_NOT_FOUND);
    bool more;
    json_t *rows = json_array();
    assert_int_equal(profile_find(l.books, &keys, "+49307654321", rows, &more, &why), OK);
    assert_int_equal(json_array_size(rows), 0);
    json_decref(rows);
    ledgers_sound(&l);
    ledgers_close(&l);
}

TEST(profile, a_name_in_many_texts_is_taken_out_of_each)
{
    open_books("texts");
    member_id ada = add("Ada Lovelace", "", ""), bob = add("Bob", "", "");
    assert_int_equal(books_begin(l.books, &why), OK);
    for (int i = 0; i < 100; i++)
        assert_int_equal(profile_note(l.books, bob, i % 3 ? "with Ada Lovelace" : "alone", &by, &why), OK);
    assert_int_equal(books_commit(l.books, &why), OK);
    assert_int_equal(erase_person(l.books, ada, "asked", 3, ledgers_day(3), &why), OK);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM note WHERE text = 'with **'"), 66);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM note WHERE text = 'alone'"), 34);
    ledgers_close(&l);
}

TEST(profile, a_person_gets_all_that_is_kept)
{
    open_books("export");
    member_id m = add("Ada", "ada@example.org", "+49301234567");
    CHANGE(OK, profile_consent(l.books, m, PURPOSE_MESSAGES, true, "v1", &by, &why));
    CHANGE(OK, profile_note(l.books, m, "wants no bags", &by, &why));
    ledgers_sale(&l, 1, m, "TEA 2 20.00", 2);
    json_t *o = json_object();
    assert_int_equal(profile_export(l.books, m, ledgers_day(3), o, &why), OK);
    char *text = json_dumps(o, JSON_COMPACT);
    static const char *const wanted[] = {"\"Ada\"", "ada@example.org", "+49301234567", "wants no bags", "\"TEA\"",
                                         "\"v1\"", "\"amount\":2000", "20.00", "\"M1\"", "2011-01-03T"};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (!strstr(text, wanted[i]))
            fail_msg("%s is not in %s", wanted[i], text);
    free(text);
    size_t size;
    FILE *f = open_memstream(&text, &size);
    profile_csv(o, f);
    fclose(f);
    assert_non_null(strstr(text, "purchases.0.lines.0.item,\"TEA\"\r\n"));
    assert_non_null(strstr(text, "phone,\"'+49301234567\"\r\n"));
    assert_non_null(strstr(text, "points,20\r\n"));
    free(text);
    json_decref(o);
    ledgers_close(&l);
}

/* ---- retention ---- */

TEST(profile, who_was_not_heard_of_for_so_many_months_is_due_and_nobody_when_it_is_for_ever)
{
    open_books("due");
    member_id gone = add("Gone", "", ""), buys = add("Buys", "", ""), reads = add("Reads", "", "");
    ledgers_sale(&l, 1, buys, "A 2 20.00", 40);
    by.now_s = ledgers_day(35);
    CHANGE(OK, profile_consent(l.books, reads, PURPOSE_NAME, true, "1", &by, &why));
    static const struct {
        int64_t months;
        int32_t day;
        size_t due;
    } cases[] = {{0, 5000, 0}, {1, 31, 0}, {1, 33, 1}, {1, 63, 1}, {1, 64, 2}, {1, 72, 3}, {2, 72, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *rows = json_array();
        CHANGE(OK, profile_set_retention(l.books, cases[i].months, &why));
        assert_int_equal(profile_due(l.books, LEDGERS_DAY_0 + cases[i].day, 100, rows, &why), OK);
        if (json_array_size(rows) != cases[i].due)
            fail_msg("case %zu: %zu are due", i, json_array_size(rows));
        if (cases[i].due)
            assert_string_equal(text_at(json_array_get(rows, 0), "member"), "M1");
        json_decref(rows);
    }
    CHANGE(ERR_RANGE, profile_set_retention(l.books, -1, &why));
    int64_t count = 0;
    char text[MEMBER_TEXT_SIZE];
    member_text(text, gone);
    json_t *named = json_pack("[s, s, s, i]", text, "M2", "M99", 5); /* M2 bought since */
    assert_int_equal(profile_erase_due(l.books, named, 3, ledgers_day(72), NULL, NULL, &count, &why), OK);
    assert_int_equal(count, 1);
    json_decref(named);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM person"), 2);
    json_t *rows = json_array();
    assert_int_equal(profile_due(l.books, LEDGERS_DAY_0 + 72, 100, rows, &why), OK);
    assert_int_equal(json_array_size(rows), 0);
    json_decref(rows);
    ledgers_close(&l);
}
