/* test_message.c - the outbox: once, with consent, not too often, again after a pause, numbers only at sending.
 * SPDX-License-Identifier: Apache-2.0 */
#include "ledgers.h"
#include "office/care/message.h"
#include "test.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { DAY = 100, ADA = 5, BEN = 6, CLEO = 7 };
static struct errmsg why;
#define CHECK(call) do { if ((call) != OK) fail_msg("%s", why.text); } while (0)

static int64_t now;

static void open_with_members(struct ledgers *l)
{
    struct person ada = {.member = ADA, .name = "Ada", .phone = "+49301234567", .language = "zh"};
    struct person ben = {.member = BEN, .name = "Ben", .contact = "ben@example.org"};
    ledgers_open(l, "messages", "", "");
    now = ledgers_day(DAY);
    for (member_id m = ADA; m <= CLEO; m++)
        ledgers_member(l, m, DAY);
    CHECK(books_save_person(l->books, &ada, &why));
    CHECK(books_save_person(l->books, &ben, &why));
}

static void agree(struct ledgers *l, member_id member, const char *purpose, int given)
{
    char sql[200];
    snprintf(sql, sizeof sql,
             "INSERT INTO consent (member, purpose, given, time_s, channel, version, user) VALUES (%d, '%s', %d, 0,"
             " 'desk', '1', 1)",
             (int)member, purpose, given);
    ledgers_exec(l, sql);
}

static struct message_wanted message(const char *key)
{
    return (struct message_wanted){.member = ADA, .channel = MESSAGE_SMS, .template_name = "t", .language = "",
                                   .key = key};
}

static enum message_answer queue(struct ledgers *l, struct message_wanted w)
{
    enum message_answer answer;
    int64_t id;
    CHECK(message_queue(l->books, &w, now, &id, &answer, &why));
    assert_int_equal(id > 0, answer == MESSAGE_TAKEN || answer == MESSAGE_KNOWN);
    return answer;
}

static int64_t take(struct ledgers *l, json_t **body)
{
    int64_t id = 0;
    *body = NULL;
    if (message_take(l->books, now, &id, body, &why) == ERR_NOT_FOUND)
        return 0;
    assert_non_null(*body);
    return id;
}

static const char *text_of(const json_t *body, const char *name)
{
    return json_string_value(json_object_get(body, name));
}

TEST(message, the_same_key_is_the_same_message_and_another_content_is_refused)
{
    struct ledgers l;
    json_t *values = json_pack("{s:i}", "points", 12);
    struct message_wanted w = message("a-1");
    enum message_answer answer;
    int64_t id;
    open_with_members(&l);
    w.values = values;
    assert_int_equal(queue(&l, w), MESSAGE_TAKEN);
    assert_int_equal(queue(&l, w), MESSAGE_KNOWN);
    json_object_set_new(values, "points", json_integer(13));
    assert_int_equal(message_queue(l.books, &w, now, &id, &answer, &why), ERR_CONFLICT);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM message"), 1);
    json_decref(values);
    ledgers_close(&l);
}

TEST(message, what_does_not_fit_is_refused)
{
    static const struct {
        member_id member;
        enum message_channel channel;
        const char *template_name, *language, *key;
        enum err e;
    } rows[] = {
        {ADA, MESSAGE_SMS, "t", "", "", ERR_FORMAT},
        {ADA, MESSAGE_SMS, "t", "", "a b", ERR_FORMAT},
        {ADA, MESSAGE_SMS, "t", "", "123456789012345678901234567890123456789012345678", ERR_FORMAT},
        {ADA, MESSAGE_SMS, "", "", "k", ERR_FORMAT},
        {ADA, MESSAGE_SMS, "t/u", "", "k", ERR_FORMAT},
        {ADA, MESSAGE_SMS, "t", "de", "k", ERR_FORMAT},
        {0, MESSAGE_SMS, "t", "", "k", ERR_FORMAT},
        {999, MESSAGE_SMS, "t", "", "k", ERR_NOT_FOUND},
        {0, MESSAGE_WEBHOOK, "t", "", "k", OK},
    };
    struct ledgers l;
    enum message_answer answer;
    int64_t id;
    open_with_members(&l);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct message_wanted w = {.member = rows[i].member, .channel = rows[i].channel, .key = rows[i].key,
                                   .template_name = rows[i].template_name, .language = rows[i].language};
        assert_int_equal(message_queue(l.books, &w, now, &id, &answer, &why), rows[i].e);
    }
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM message"), 1);
    ledgers_close(&l);
}

TEST(message, the_number_is_looked_up_when_it_goes_out_and_is_nowhere_before)
{
    struct ledgers l;
    json_t *body;
    struct person ada = {.member = ADA, .phone = "+8613800000000"};
    open_with_members(&l);
    assert_int_equal(queue(&l, message("a-1")), MESSAGE_TAKEN);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM message WHERE vals || template || key LIKE '%4930%'"), 0);
    CHECK(books_save_person(l.books, &ada, &why)); /* she has another one by now */
    assert_true(take(&l, &body) > 0);
    assert_string_equal(text_of(body, "to"), "+8613800000000");
    assert_string_equal(text_of(body, "key"), "a-1");
    assert_string_equal(text_of(body, "language"), "zh"); /* as it was when queued */
    json_decref(body);
    ledgers_close(&l);
}

TEST(message, channels_go_where_there_is_an_address)
{
    struct ledgers l;
    enum message_channel best;
    struct message_wanted w = message("b-1");
    open_with_members(&l);
    w.member = BEN;
    assert_int_equal(queue(&l, w), MESSAGE_NO_ADDRESS);
    w.channel = MESSAGE_EMAIL;
    assert_int_equal(queue(&l, w), MESSAGE_TAKEN);
    CHECK(message_best_channel(l.books, ADA, &best, &why));
    assert_int_equal(best, MESSAGE_SMS);
    CHECK(message_best_channel(l.books, BEN, &best, &why));
    assert_int_equal(best, MESSAGE_EMAIL);
    assert_int_equal(message_best_channel(l.books, CLEO, &best, &why), ERR_NOT_FOUND);
    ledgers_close(&l);
}

TEST(message, advertising_needs_consent_to_it_and_service_does_not)
{
    struct ledgers l;
    struct message_wanted w = message("m-1");
    open_with_members(&l);
    w.purpose = MESSAGE_MARKETING;
    assert_int_equal(queue(&l, w), MESSAGE_NO_CONSENT);
    agree(&l, ADA, "research", 1);
    assert_int_equal(queue(&l, w), MESSAGE_NO_CONSENT);
    w.purpose = MESSAGE_SURVEY;
    assert_int_equal(queue(&l, w), MESSAGE_TAKEN);
    agree(&l, ADA, "messages", 1);
    w.purpose = MESSAGE_MARKETING, w.key = "m-2";
    assert_int_equal(queue(&l, w), MESSAGE_TAKEN);
    agree(&l, ADA, "messages", 0); /* taken back: the newest row speaks */
    w.key = "m-3";
    assert_int_equal(queue(&l, w), MESSAGE_NO_CONSENT);
    w.purpose = MESSAGE_SERVICE;
    assert_int_equal(queue(&l, w), MESSAGE_TAKEN);
    ledgers_close(&l);
}

TEST(message, nobody_is_advertised_to_more_often_than_the_cap_says)
{
    struct ledgers l;
    struct message_wanted w = message("c-1");
    open_with_members(&l);
    agree(&l, ADA, "messages", 1);
    w.purpose = MESSAGE_MARKETING;
    assert_int_equal(queue(&l, w), MESSAGE_TAKEN);
    now += 86400;
    w.key = "c-2";
    assert_int_equal(queue(&l, w), MESSAGE_TAKEN);
    w.key = "c-3";
    assert_int_equal(queue(&l, w), MESSAGE_TOO_OFTEN);
    now += 6 * 86400 - 1; /* a second before the first is seven days old */
    assert_int_equal(queue(&l, w), MESSAGE_TOO_OFTEN);
    now += 1;
    assert_int_equal(queue(&l, w), MESSAGE_TAKEN);
    CHECK(care_set_setting(l.books, "contact_most", "0", &why));
    now += 400 * 86400;
    w.key = "c-4";
    assert_int_equal(queue(&l, w), MESSAGE_TOO_OFTEN);
    ledgers_close(&l);
}

TEST(message, a_failed_one_is_tried_again_after_growing_pauses_and_given_up_in_the_end)
{
    struct ledgers l;
    json_t *body;
    int64_t counts[MESSAGE_STATES];
    open_with_members(&l);
    assert_int_equal(queue(&l, message("a-1")), MESSAGE_TAKEN);
    for (int try = 1; try <= MESSAGE_TRIES; try++) {
        int64_t id = take(&l, &body);
        assert_true(id > 0);
        json_decref(body);
        CHECK(message_done(l.books, id, now, "connection refused", &why));
        if (try < MESSAGE_TRIES) {
            now += message_pause_s(try) - 1;
            assert_int_equal(take(&l, &body), 0);
            now += 1;
        }
    }
    now += 30 * 86400;
    assert_int_equal(take(&l, &body), 0);
    CHECK(message_counts(l.books, counts, &why));
    assert_int_equal(counts[MESSAGE_GIVEN_UP], 1);
    CHECK(message_again(l.books, 1, now, &why));
    assert_int_equal(take(&l, &body), 1);
    json_decref(body);
    CHECK(message_done(l.books, 1, now, NULL, &why));
    assert_int_equal(message_again(l.books, 1, now, &why), ERR_STATE);
    assert_int_equal(message_again(l.books, 77, now, &why), ERR_NOT_FOUND);
    CHECK(message_done(l.books, 1, now, "late bad news", &why)); /* of a message that is sent: nothing */
    CHECK(message_counts(l.books, counts, &why));
    assert_int_equal(counts[MESSAGE_SENT], 1);
    ledgers_close(&l);
}

TEST(message, pauses_double_and_end_at_four_hours)
{
    static const int64_t pauses[] = {60, 120, 240, 480, 960, 1920, 3840, 7680, 14400, 14400};
    for (int32_t i = 0; i < 10; i++)
        assert_int_equal(message_pause_s(i + 1), pauses[i]);
    assert_int_equal(message_pause_s(1000000000), 14400);
}

TEST(message, two_senders_never_have_the_same_one_and_a_dead_sender_loses_none)
{
    struct ledgers l;
    json_t *body;
    open_with_members(&l);
    assert_int_equal(queue(&l, message("a-1")), MESSAGE_TAKEN);
    assert_int_equal(queue(&l, message("a-2")), MESSAGE_TAKEN);
    assert_int_equal(take(&l, &body), 1);
    json_decref(body);
    assert_int_equal(take(&l, &body), 2);
    json_decref(body);
    assert_int_equal(take(&l, &body), 0);
    now += MESSAGE_LEASE_S;
    assert_int_equal(take(&l, &body), 1);
    json_decref(body);
    ledgers_close(&l);
}

TEST(message, a_code_leaves_the_table_when_it_was_sent_and_is_never_shown)
{
    struct ledgers l;
    json_t *body, *values = json_pack("{s:s}", "code", "424242");
    struct message_wanted w = message("login-1");
    open_with_members(&l);
    w.purpose = MESSAGE_CODE, w.values = values;
    assert_int_equal(queue(&l, w), MESSAGE_TAKEN);
    assert_int_equal(take(&l, &body), 1);
    assert_string_equal(text_of(json_object_get(body, "values"), "code"), "424242");
    json_decref(body);
    CHECK(message_done(l.books, 1, now, NULL, &why));
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM message WHERE vals LIKE '%424242%'"), 0);
    assert_int_equal(queue(&l, w), MESSAGE_KNOWN); /* still known by its digest */
    json_decref(values);
    ledgers_close(&l);
}

TEST(message, who_was_erased_meanwhile_is_written_to_no_more)
{
    struct ledgers l;
    json_t *body;
    open_with_members(&l);
    assert_int_equal(queue(&l, message("a-1")), MESSAGE_TAKEN);
    CHECK(books_erase_person(l.books, ADA, &why));
    assert_int_equal(take(&l, &body), 0);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM message WHERE state = 'given up'"), 1);
    ledgers_close(&l);
}

TEST(message, an_export_has_each_message_of_its_channel_once_and_no_formula)
{
    struct ledgers l;
    char *text;
    int32_t count;
    struct message_wanted w = message("e-1");
    json_t *values = json_pack("{s:s}", "shop", "a, b");
    struct person ben = {.member = BEN, .contact = "=cmd@example.org"};
    open_with_members(&l);
    assert_int_equal(queue(&l, message("a-1")), MESSAGE_TAKEN);
    CHECK(books_save_person(l.books, &ben, &why));
    w.member = BEN, w.channel = MESSAGE_EMAIL, w.values = values;
    assert_int_equal(queue(&l, w), MESSAGE_TAKEN);
    CHECK(message_export(l.books, MESSAGE_EMAIL, now, &text, &count, &why));
    assert_int_equal(count, 1);
    assert_string_equal(text, "key,to,template,language,purpose,values\n"
                              "e-1,\"'=cmd@example.org\",t,en,service,\"{\"\"shop\"\":\"\"a, b\"\"}\"\n");
    free(text);
    CHECK(message_export(l.books, MESSAGE_EMAIL, now, &text, &count, &why));
    assert_int_equal(count, 0);
    free(text);
    json_decref(values);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM message WHERE state = 'queued'"), 1);
    ledgers_close(&l);
}

TEST(message, addresses_of_a_webhook_are_https_or_this_machine)
{
    static const struct {
        const char *url;
        enum err e;
    } rows[] = {
        {"https://sms.example.org/send", OK},
        {"http://127.0.0.1:8080/", OK},
        {"http://localhost", OK},
        {"http://[::1]:99/x", OK},
        {"http://127.0.0.1.example.org/", ERR_FORMAT},
        {"http://localhost@example.org/", ERR_FORMAT},
        {"http://example.org/", ERR_FORMAT},
        {"https://", ERR_FORMAT},
        {"https:///x", ERR_FORMAT},
        {"ftp://127.0.0.1/", ERR_FORMAT},
        {"file:///etc/passwd", ERR_FORMAT},
        {"https://a b/", ERR_FORMAT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(message_url_check(rows[i].url, &why), rows[i].e);
}

TEST(message, settings_are_held_to_their_ranges)
{
    struct ledgers l;
    char text[64];
    open_with_members(&l);
    assert_int_equal(care_set_setting(l.books, "contact_days", "0", &why), ERR_RANGE);
    assert_int_equal(care_set_setting(l.books, "contact_days", "x", &why), ERR_FORMAT);
    assert_int_equal(care_set_setting(l.books, "contact_most", "101", &why), ERR_RANGE);
    assert_int_equal(care_set_setting(l.books, "message_url", "http://example.org", &why), ERR_FORMAT);
    assert_int_equal(care_set_setting(l.books, "nonsense", "1", &why), ERR_NOT_FOUND);
    CHECK(care_set_setting(l.books, "message_url", "https://example.org", &why));
    CHECK(care_setting(l.books, "message_url", text, sizeof text, &why));
    assert_string_equal(text, "https://example.org");
    ledgers_close(&l);
}
