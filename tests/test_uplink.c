/* test_uplink.c - a till and head office together: real TLS on loopback, real folders, journal and
 * ledger, a virtual card.  Head office is given its turns by the test, so that it can be slow,
 * gone, or back.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/books/known.h"
#include "office/members/people.h"
#include "base/tr.h"
#include "base/date.h"
#include "base/mbed.h"
#include "cardproto/layout.h"
#include "hw/clock.h"
#include "hw/reader_sim.h"
#include "sync/member_code.h"
#include "office/books/known.h"
#include "hw/vtag.h"
#include "terminal/display/display.h"
#include "terminal/display/display_state.h"
#include "terminal/enrol.h"
#include "terminal/limits.h"
#include "terminal/loop.h"
#include "terminal/nexo/nexo.h"
#include "terminal/nexo/nexo_json.h"
#include "terminal/plain/plain.h"
#include "terminal/plain/registers.h"
#include "tests/cards.h"
#include "tests/ledgers.h"
#include "office/books/books_int.h"
#include "terminal/till.h"
#include "tests/offices.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct card_uid uid = {{4, 1, 2, 3, 4, 5, 6}};
static struct office hq;

/* ---- the till ---- */

static struct {
    struct vcard card;
    struct reader_sim reader;
    struct identity identity;
    struct kind_keys kinds;
    struct journal *journal;
    struct till *till;
    struct nexo *nexo; /* the doors: NULL where nobody asked for them */
    struct plain *plain;
    char token[REGISTER_TOKEN_SIZE];
    int fd;
    char dir[300], in[4096], answer[1200];
    size_t in_size;
    const char *printer; /* none is there: receipts wait in the journal */
    bool office_sleeps, comes_back, sleeps_at_hold; /* head office: as soon as it is asked to set something aside */
    int lift; /* turns after which the card is lifted; 0 = never */
} b;

static enum err enrol_here(const char *dir, const char *code)
{
    pid_t pid = fork(); /* enrol waits for its answer: head office has its turns here */
    if (pid == 0) {
        uint32_t terminal;
        struct errmsg w = {""};
        enum err e = enrol(&terminal, dir, hq.address, code, &w);
        if (e)
            print_message("  %s\n", w.text);
        fflush(stdout);
        _exit((int)e);
    }
    int status = 0;
    while (waitpid(pid, &status, WNOHANG) == 0)
        server_turn(hq.server, 5);
    assert_true(WIFEXITED(status));
    return (enum err)WEXITSTATUS(status);
}

static void till_open_here(void)
{
    struct errmsg why = {""};
    char path[320];
    int ends[2];
    must(identity_load(&b.identity, b.dir, &why), &why);
    snprintf(path, sizeof path, "%s/till.db", b.dir);
    must(journal_open(&b.journal, path, b.identity.terminal, &why), &why);
    struct till_parts parts = {.identity = &b.identity,
                               .home = b.dir,
                               .journal = b.journal,
                               .reader = &b.reader.reader,
                               .kinds = &b.kinds,
                               .country = "+49",
                               .printer = b.printer,
                               .office = hq.address};
    must(till_create(&b.till, &parts, &why), &why);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    must(till_attach(b.till, ends[1], ends[1], false, &why), &why);
    b.fd = ends[0];
    b.in_size = 0;
}

static void till_close_here(void)
{
    till_destroy(b.till);
    nexo_destroy(b.nexo);
    plain_close(b.plain);
    b.nexo = NULL;
    b.plain = NULL;
    journal_close(b.journal);
    identity_finish(&b.identity);
    close(b.fd);
}

static void open_all(enum vcard_kind kind)
{
    struct code secret = {0};
    char code[CODE_TEXT_SIZE];
    office_open(&hq);
    memset(&b, 0, sizeof b);
    reader_sim_init(&b.reader);
    b.kinds.uids = true;
    snprintf(b.dir, sizeof b.dir, "%s.till", hq.dir);
    office_code(&hq, 7, code, &secret);
    assert_int_equal(enrol_here(b.dir, code), OK);
    office_new_card(&hq, &b.card, kind, &uid, 12);
    till_open_here();
    reader_sim_present(&b.reader, &b.card.target);
}

static void close_all(void)
{
    till_close_here();
    office_close(&hq);
}

static bool answered(void)
{
    ssize_t n = recv(b.fd, b.in + b.in_size, sizeof b.in - b.in_size, MSG_DONTWAIT);
    b.in_size += n > 0 ? (size_t)n : 0;
    char *end = memchr(b.in, '\n', b.in_size);
    if (!end)
        return false;
    size_t size = (size_t)(end - b.in);
    snprintf(b.answer, sizeof b.answer, "%.*s", (int)size, b.in);
    memmove(b.in, end + 1, b.in_size - size - 1);
    b.in_size -= size + 1;
    return true;
}

static const char *ask(const char *command)
{
    int64_t end_ms = clock_tick_ms() + 15000;
    char line[300];
    int n = snprintf(line, sizeof line, "%s\n", command);
    assert_int_equal(send(b.fd, line, (size_t)n, MSG_NOSIGNAL), n);
    while (clock_tick_ms() < end_ms) {
        (void)!till_turn(b.till, 1);
        if (hq.server && !b.office_sleeps)
            server_turn(hq.server, 0);
        if (answered())
            return b.answer;
        if (b.lift && --b.lift == 0) { /* the second tap: away, and there again */
            reader_sim_present(&b.reader, NULL);
            b.comes_back = true;
        }
        if (b.comes_back && !b.reader.card)
            reader_sim_present(&b.reader, &b.card.target);
    }
    fail_msg("no answer to %s", command);
    return NULL;
}

#define assert_said(answer, what)                                                                  \
    do {                                                                                           \
        const char *answer_ = (answer);                                                            \
        if (!strstr(answer_, what))                                                                \
            fail_msg("'%s' is not in '%s'", what, answer_);                                        \
    } while (0)

static bool take_fleet_line(const struct fleet_line *line, void *arg)
{
    *(struct fleet_line *)arg = *line;
    return true;
}

static bool count_review(const struct review_item *item, void *arg)
{
    char entry[ENTRY_TEXT_SIZE];
    entry_text(entry, item->entry);
    print_message("  %s: %s (%s)\n", entry, item->answer, item->detail);
    ++*(int *)arg;
    return true;
}

static void sell(const char *amount, const char *earned)
{
    char line[100];
    snprintf(line, sizeof line, "line 22745 1 %s gift", amount);
    assert_said(ask("tap"), "ok state=identified member=M12");
    assert_said(ask(line), "ok");
    assert_said(ask("total"), "ok");
    assert_said(ask("pay"), earned);
}

TEST(uplink, a_till_enrols_once_with_a_code_and_its_keys_are_its_owners_alone)
{
    struct errmsg why = {""};
    struct identity id;
    struct code parsed = {0};
    struct stat st;
    char code[CODE_TEXT_SIZE], other[CODE_TEXT_SIZE], dir[300], path[320];
    office_open(&hq);
    snprintf(dir, sizeof dir, "%s/t", test_scratch_dir());
    office_code(&hq, 7, code, &parsed);
    snprintf(other, sizeof other, "%s", code);
    office_code(&hq, 7, code, &parsed); /* a new code: the old one is void */
    assert_int_equal(enrol_here(dir, other), ERR_REFUSED);
    assert_int_equal(enrol_here(dir, "0007-nonsense"), ERR_FORMAT);
    assert_int_equal(identity_load(&id, dir, &why), ERR_NOT_FOUND);
    assert_int_equal(enrol_here(dir, code), OK);
    assert_int_equal(enrol_here(dir, code), ERR_EXISTS);
    must(identity_load(&id, dir, &why), &why);
    assert_int_equal(id.terminal, 7);
    assert_string_equal(id.shop, "LEEDS");
    assert_memory_equal(id.card.k2.b, hq.home.card_keys.k2.b, AES_KEY_SIZE);
    assert_true(mbed_same_key(&id.code_key, &hq.home.code_key));
    assert_memory_equal(id.lookup_key, hq.home.known_keys.lookup, sizeof id.lookup_key);
    assert_memory_equal(id.sun_meta_key, hq.home.known_keys.sun_meta, sizeof id.sun_meta_key);
    identity_finish(&id);
    static const char *const names[] = {"key.pem", "till.conf"};
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    chmod(path, 0644);
    assert_int_equal(identity_load(&id, dir, &why), ERR_REFUSED);
    /* Somebody else's head office: the code speaks of another CA, and is not sent. */
    must(code_parse(&parsed, code, &why), &why);
    parsed.print[0] ^= 1;
    code_text(other, &parsed);
    snprintf(dir, sizeof dir, "%s/u", test_scratch_dir());
    assert_int_not_equal(enrol_here(dir, other), OK);
    assert_int_equal(identity_load(&id, dir, &why), ERR_NOT_FOUND);
    office_close(&hq);
}

TEST(uplink, what_is_earned_is_loaded_at_the_next_tap_and_redeemed_above_the_offline_limit)
{
    for (int kind = VCARD_EV1; kind <= VCARD_EV2; kind++) {
        open_all((enum vcard_kind)kind);
        assert_said(ask("sync"), "ok owed=0");
        assert_said(ask("show"), "newest_pack=1");
        sell("200000", "earned=2000");
        assert_said(ask("sync"), "ok owed=0");
        assert_int_equal(points_n(office_member(&hq, 12).held), 2000);
        assert_said(ask("tap"), "purse=2000 pending=0 held=0 online=yes");
        assert_int_equal(cards_purse(&b.card), 2000);
        assert_int_equal(points_n(office_member(&hq, 12).on_cards), 2000);
        assert_said(ask("line 22745 1 300000 gift"), "ok");
        assert_said(ask("total"), "offer=2000"); /* silver now; bronze offline would be 500 */
        b.lift = 20; /* above the programme's limit the card is held there a second time */
        assert_said(ask("redeem max"), "ok state=debited redeemed=2000");
        b.comes_back = false;
        assert_said(ask("pay ref=A"), "due=298000");
        assert_said(ask("sync"), "ok owed=0");
        assert_int_equal(points_n(office_member(&hq, 12).on_cards), 0);
        books_sound(hq.books);
        close_all();
    }
}

TEST(uplink, what_may_not_be_spent_yet_is_told_at_the_tap)
{
    open_all(VCARD_EV2);
    office_publish(&hq, "{\"version\": 2, \"effective\": \"2010-12-01\", \"name\": \"Waiting\", \"currency\": \"GBP\","
                        " \"earn\": {\"rate\": \"1/100\", \"vest_days\": 14}, \"redeem\": {\"worth\": 1}}");
    assert_said(ask("sync"), "ok owed=0");
    assert_said(ask("show"), "newest_pack=2");
    sell("200000", "earned=2000");
    assert_said(ask("tap"), "purse=0 pending=2000 held=0 online=yes"); /* here still, or there */
    assert_said(ask("cancel"), "ok");
    assert_said(ask("sync"), "ok owed=0");
    assert_int_equal(points_n(office_member(&hq, 12).pending), 2000);
    assert_said(ask("tap"), "purse=0 pending=2000 held=0 online=yes");
    assert_said(ask("line 22745 1 1000 gift"), "ok");
    assert_said(ask("total"), "offer=0");
    assert_said(ask("cancel"), "ok");
    struct errmsg why;
    must(known_bind(hq.books, &hq.home.known_keys, MEANS_PHONE, bytes_of("+49301234567", 12), 12, 1, &why), &why);
    assert_said(ask("identify phone 030/1234567"), "means=phone spendable=0 pending=2000 online=yes");
    assert_said(ask("cancel"), "ok");
    books_sound(hq.books);
    close_all();
}

TEST(uplink, with_head_office_gone_it_sells_on_within_the_limits_and_catches_up)
{
    open_all(VCARD_EV2);
    assert_said(ask("sync"), "ok");
    sell("200000", "earned=2000");
    assert_said(ask("sync"), "ok");
    assert_said(ask("tap"), "purse=2000");
    assert_said(ask("cancel"), "ok");
    office_stop(&hq);
    for (int i = 0; i < 5; i++)
        assert_said(ask("status"), "ok");
    assert_said(ask("tap"), "online=no");
    assert_said(ask("line 22745 1 300000 gift"), "ok");
    assert_said(ask("total"), "offer=1000"); /* silver, offline, a tap */
    assert_said(ask("redeem max"), "redeemed=1000");
    assert_said(ask("pay ref=A"), "redeemed=1000");
    for (int i = 0; i < 70; i++) { /* more than one batch */
        assert_said(ask("line 22745 1 100 gift"), "ok");
        assert_said(ask("total"), "ok");
        assert_said(ask("pay"), "ok");
    }
    assert_said(ask("sync 300"), "error TIMEOUT");
    assert_said(ask("online"), "ok online=no");
    office_start(&hq);
    assert_said(ask("sync"), "ok owed=0");
    assert_said(ask("status"), "owed=0");
    uint32_t next;
    uint8_t hash[32];
    struct errmsg why;
    assert_int_equal(books_next_seq(hq.books, 7, &next, hash, &why), OK);
    assert_int_equal(next, 1 + 1 + 2 + 70);
    books_sound(hq.books);
    assert_said(ask("tap"), "online=yes");
    assert_int_equal(cards_purse(&b.card), points_n(office_member(&hq, 12).on_cards));
    close_all();
}

TEST(uplink, a_line_that_hangs_holds_up_a_tap_for_a_second_and_a_half_and_no_more)
{
    open_all(VCARD_EV2);
    assert_said(ask("sync"), "ok");
    sell("200000", "earned=2000");
    assert_said(ask("sync"), "ok");
    b.office_sleeps = true;
    int64_t from_ms = clock_tick_ms();
    assert_said(ask("tap"), "purse=0 pending=0 held=0 online=no");
    assert_in_range(clock_tick_ms() - from_ms, TILL_ASK_MS, TILL_ASK_MS + 500);
    from_ms = clock_tick_ms();
    assert_said(ask("tap"), "online=no"); /* now it counts as cut, and is not waited for */
    assert_in_range(clock_tick_ms() - from_ms, 0, 400);
    b.office_sleeps = false;
    assert_said(ask("cancel"), "ok");
    assert_said(ask("sync"), "ok owed=0");
    assert_said(ask("tap"), "purse=2000 pending=0 held=0 online=yes");
    close_all();
}

TEST(uplink, a_load_torn_at_any_exchange_is_loaded_once)
{
    int torn = 0;
    for (int after = 0; after < 2; after++) {
        open_all(VCARD_EV2);
        assert_said(ask("sync"), "ok");

        for (int n = 1;; n++) {
            sell("10000", "earned=");
            assert_said(ask("sync"), "ok owed=0");

            b.comes_back = true;
            reader_sim_tear(&b.reader, n, after, ERR_GONE);
            assert_said(ask("tap"), "ok state=identified");
            bool whole = b.reader.exchanges < b.reader.tear_at;
            b.reader.tear_at = 0;
            assert_said(ask("cancel"), "ok");
            assert_said(ask("tap"),
                        "online=yes"); /* what was left in doubt is settled by this load */
            assert_said(ask("cancel"), "ok");
            struct member_view v = office_member(&hq, 12);
            assert_int_equal(points_n(v.in_transit), 0);
            assert_int_equal(points_n(v.held), 0);
            assert_int_equal(points_n(v.on_cards), cards_purse(&b.card));
            assert_int_equal(cards_purse(&b.card) >= n * 100, 1);
            torn += !whole;
            if (whole)
                break;
        }
        books_sound(hq.books);
        close_all();
    }
    print_message("  %d loads torn\n", torn);
    assert_true(torn >= 20);
}

TEST(uplink, a_redemption_in_doubt_or_cancelled_comes_back_to_the_member_and_the_books_agree)
{
    static const struct {
        const char *claim;
        bool tear, after;
    } table[] = {{"cancelled after the debit", false, true},
                 {"pulled before the commit, given up", true, false},
                 {"pulled after the commit, given up", true, true}};
    for (int kind = VCARD_EV1; kind <= VCARD_EV2; kind++)
        for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
            open_all((enum vcard_kind)kind);
            assert_said(ask("sync"), "ok");
            sell("200000", "earned=2000");
            assert_said(ask("sync"), "ok");
            assert_said(ask("tap"), "purse=2000");
            assert_said(ask("line 22745 1 10000 gift"), "ok");
            assert_said(ask("total"), "offer=2000");
            if (table[i].tear) {
                reader_sim_tear(&b.reader, kind == VCARD_EV1 ? 4 : 5, table[i].after, ERR_TIMEOUT);
                assert_said(ask("redeem 1000"), "error DOUBT");
                assert_said(ask("giveup"), "ok");
                assert_said(ask("pay"), "due=10000 by_points=0");
                assert_said(ask("sync"), "ok"); /* head office knows of the doubt */
                reader_sim_present(&b.reader, &b.card.target);
            } else {
                assert_said(ask("redeem 1000"), "ok state=debited");
                assert_said(ask("cancel"), "ok state=idle");
                assert_said(ask("sync"), "ok");
            }
            int earned = table[i].tear ? 125 : 0;  /* silver by now: x 5/4 */
            assert_said(ask("tap"), "online=yes"); /* settled here, told, and loaded */
            assert_said(ask("sync"), "ok");
            assert_said(ask("cancel"), "ok");
            assert_said(ask("tap"), "online=yes");
            assert_int_equal(cards_purse(&b.card), 2000 + earned);
            struct member_view v = office_member(&hq, 12);
            assert_int_equal(points_n(v.held), 0);
            assert_int_equal(points_n(v.in_transit), 0);
            assert_int_equal(points_n(v.on_cards), 2000 + earned);
            books_sound(hq.books);
            close_all();
        }
}

/* What tills post besides sales with a card, from the till's own hand to the books: nothing for a person to look
 * at, because both sides reckon by the same rules (I6). */
TEST(uplink, what_is_done_without_the_members_card_agrees_with_the_books)
{
    struct errmsg why = {""};
    struct staff bo = {.name = "Bo", .role = STAFF_CASHIER, .grant_limit = points_of(100),
                       .grant_day_limit = points_of(500)};
    int count = 0;
    open_all(VCARD_EV2);
    static const uint8_t salt[PIN_SALT_SIZE] = {1};
    must(pin_make(&bo.pin, "1234", salt, &why), &why);
    must(people_save_staff(hq.books, &bo, &why), &why);
    must(people_set_pin(hq.books, 12, "4711", &why), &why);
    must(books_begin(hq.books, &why), &why);
    must(known_set_phone(hq.books, &hq.home.known_keys, 12, "+49301234567", clock_now_s(), &why), &why);
    must(books_commit(hq.books, &why), &why);
    office_adjust(&hq, 12, 500);
    assert_said(ask("sync"), "ok owed=0");
    assert_said(ask("login 1 1234"), "ok cashier=1");

    /* A redemption by telephone, of what head office holds; then money back without goods, then the goods. */
    reader_sim_present(&b.reader, NULL);
    assert_said(ask("identify phone +49 30 1234567"), "member=M12");
    assert_said(ask("line 22745 2 10000 gift"), "ok");
    assert_said(ask("total"), "offer=500");
    assert_said(ask("redeem 400"), "error");
    assert_said(ask("redeem 400 pin=4711"), "redeemed=400");
    assert_said(ask("pay ref=A"), "by_points=400");
    assert_said(ask("refund T0007-1 money:1000"), "ok");
    assert_said(ask("refund T0007-1 22745:1:5000"), "ok");
    assert_said(ask("refund T0007-1 all"), "ok");
    assert_said(ask("sync"), "ok owed=0");
    assert_int_equal(points_n(office_member(&hq, 12).held), 500);

    /* One that is set aside and cancelled. */
    assert_said(ask("identify phone +49 30 1234567"), "member=M12");
    assert_said(ask("line 22745 1 10000 gift"), "ok");
    assert_said(ask("total"), "offer=500");
    assert_said(ask("redeem 500 pin=4711"), "redeemed=500");
    assert_said(ask("cancel"), "ok");
    assert_said(ask("sync"), "ok owed=0");
    assert_int_equal(points_n(office_member(&hq, 12).held), 500);
    assert_int_equal(points_n(office_member(&hq, 12).reserved), 0);

    /* A gift, a rating, and with the line cut a sale by telephone. */
    assert_said(ask("identify phone +49 30 1234567"), "member=M12");
    assert_said(ask("grant 50 spilt tea"), "ok");
    assert_said(ask("line 22745 1 2000 gift"), "ok");
    assert_said(ask("total"), "earns=20");
    assert_said(ask("pay"), "earned=20");
    assert_said(ask("rate 3"), "ok");
    office_stop(&hq);
    assert_said(ask("identify phone +49 30 1234567"), "ok state=identified");
    assert_said(ask("line 22745 1 3000 gift"), "ok");
    assert_said(ask("total"), "earns=30");
    assert_said(ask("pay"), "earned=30");
    office_start(&hq);
    assert_said(ask("sync"), "ok owed=0");
    assert_int_equal(points_n(office_member(&hq, 12).held), 600);

    must(books_reviews(hq.books, count_review, &count, &why), &why);
    assert_int_equal(count, 0);
    books_sound(hq.books);
    close_all();
}

TEST(uplink, who_works_here_comes_down_and_orders_are_obeyed_also_after_a_restart)
{
    struct errmsg why = {""};
    struct staff bo = {.name = "Bo", .role = STAFF_CASHIER}, got;
    char path[320];
    open_all(VCARD_EV2);
    must(people_save_staff(hq.books, &bo, &why), &why);
    assert_said(ask("sync"), "ok owed=0");
    assert_int_equal(journal_staff_count(b.journal), 1);
    must(journal_staff(b.journal, bo.id, &got, &why), &why);
    assert_string_equal(got.name, "Bo");
    bo.role = STAFF_GONE;
    must(people_save_staff(hq.books, &bo, &why), &why);
    must(books_set_orders(hq.books, 7, ORDER_LOCKED, &why), &why);
    assert_said(ask("sync"), "ok owed=0");
    assert_int_equal(journal_staff_count(b.journal), 0);
    assert_true(b.till->locked);
    till_close_here();
    till_open_here();
    assert_true(b.till->locked);
    assert_said(ask("sync"), "ok owed=0");
    struct fleet_line line = {0};
    must(books_terminals(hq.books, take_fleet_line, &line, &why), &why);
    assert_true(line.health.locked);
    assert_int_equal(line.health.reader, 1);
    assert_true(line.health.disk_free_mb > 0);
    assert_int_equal(line.health.journal, 0);
    must(books_set_orders(hq.books, 7, 0, &why), &why);
    assert_said(ask("sync"), "ok owed=0");
    assert_false(b.till->locked);
    sell("1000", "earned=10");
    must(books_set_orders(hq.books, 7, ORDER_WIPE, &why), &why);
    for (int i = 0; i < 2000 && till_turn(b.till, 1); i++)
        server_turn(hq.server, 0);
    assert_int_equal(points_n(office_member(&hq, 12).held), 10); /* what it owed came first */
    static const char *const names[] = {"key.pem", "till.conf", "till.db"};
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", b.dir, names[i]);
        assert_int_equal(access(path, F_OK) == 0, i == 2); /* the journal stays */
    }
    close_all();
}

static bool key_is_there(void)
{
    char path[320];
    snprintf(path, sizeof path, "%s/key.pem", b.dir);
    return access(path, F_OK) == 0;
}

/* Turns both until the till ends by itself. */
static bool ends_by_itself(void)
{
    for (int i = 0; i < 2000; i++) {
        if (!till_turn(b.till, 1))
            return true;
        server_turn(hq.server, 0);
    }
    return false;
}

TEST(uplink, an_order_that_comes_in_the_middle_of_a_sale_waits_for_its_end_and_a_card_in_doubt_is_settled)
{
    static const uint32_t orders[] = {ORDER_LOCKED, ORDER_WIPE};
    for (int i = 0; i < 2; i++)
        for (int tear = 0; tear < 2; tear++) {
            struct errmsg why = {""};
            open_all(VCARD_EV2);
            assert_said(ask("sync"), "ok");
            sell("200000", "earned=2000");
            assert_said(ask("sync"), "ok");
            assert_said(ask("tap"), "purse=2000");
            assert_said(ask("line 22745 1 10000 gift"), "ok");
            assert_said(ask("total"), "offer=2000");
            if (tear)
                reader_sim_tear(&b.reader, 5, true, ERR_TIMEOUT);
            assert_said(ask("redeem 1000"), tear ? "error DOUBT" : "ok state=debited");
            must(books_set_orders(hq.books, 7, orders[i], &why), &why);
            assert_said(ask("sync"), "ok owed=0"); /* the INTENT is sent */
            assert_said(ask("sync"), "ok owed=0"); /* the order is there */
            assert_true(b.till->locked);
            assert_true(key_is_there());
            if (tear) {
                reader_sim_present(&b.reader, &b.card.target);
                assert_said(ask("tap"), "ok state=debited redeemed=1000");
            }
            assert_said(ask("pay"), "due=9000 by_points=1000");
            if (orders[i] == ORDER_WIPE) {
                struct fleet_line line = {0};
                assert_true(ends_by_itself());
                assert_false(key_is_there());
                must(books_terminals(hq.books, take_fleet_line, &line, &why), &why);
                assert_int_equal(line.health.locked, HEALTH_WIPED); /* it said so, and the order is done */
                assert_int_equal(line.orders, 0);
            } else {
                assert_said(ask("sync"), "ok owed=0");
                assert_said(ask("tap"), "error LOCKED");
            }
            struct member_view v = office_member(&hq, 12);
            assert_int_equal(points_n(v.on_cards) + points_n(v.held), 1000 + 112);
            books_sound(hq.books);
            close_all();
        }
}

TEST(uplink, a_till_that_forgot_its_keys_is_enrolled_again_with_its_journal)
{
    struct errmsg why = {""};
    struct code secret = {0};
    struct fleet_line line = {0};
    char code[CODE_TEXT_SIZE];
    open_all(VCARD_EV2);
    assert_said(ask("sync"), "ok");
    sell("1000", "earned=10");
    must(books_set_orders(hq.books, 7, ORDER_WIPE, &why), &why);
    assert_true(ends_by_itself());
    till_close_here();
    office_code(&hq, 7, code, &secret);
    assert_int_equal(enrol_here(b.dir, code), OK);
    till_open_here();
    assert_said(ask("sync"), "ok owed=0");
    assert_false(b.till->locked);
    sell("1000", "receipt=T0007-2");
    assert_said(ask("sync"), "ok owed=0");
    must(books_terminals(hq.books, take_fleet_line, &line, &why), &why);
    assert_int_equal(line.health.locked, HEALTH_OPEN);
    books_sound(hq.books);
    close_all();
}

TEST(uplink, a_member_known_by_telephone_redeems_with_the_pin_and_the_books_agree)
{
    struct errmsg why = {""};
    struct person p;
    open_all(VCARD_EV2);
    assert_said(ask("sync"), "ok owed=0");
    sell("100000", "earned=1000");
    assert_said(ask("sync"), "ok owed=0");
    must(people_set_pin(hq.books, 12, "2468", &why), &why);
    assert_said(ask("tap"), "member=M12"); /* the card takes what is held: give some more */
    office_adjust(&hq, 12, 500);
    assert_said(ask("person consent 12 Ann"), "error FORMAT");
    assert_said(ask("person consent +49-30-1234567 Ann"), "ok");
    must(books_person(hq.books, 12, &p, &why), &why);
    assert_string_equal(p.phone, "+49301234567");
    assert_said(ask("cancel"), "ok");
    assert_said(ask("identify phone +49301234567"), "member=M12");
    assert_said(ask("line 22745 1 2000 gift"), "ok");
    assert_said(ask("total"), "ok");
    assert_said(ask("redeem 300"), "error");
    assert_said(ask("redeem 300 pin=1357"), "error");
    assert_said(ask("redeem 300 pin=2468"), "redeemed=300");
    assert_int_equal(points_n(office_member(&hq, 12).reserved), 300);
    assert_said(ask("pay"), "ok");
    assert_said(ask("sync"), "ok owed=0");
    struct member_view m = office_member(&hq, 12);
    assert_int_equal(points_n(m.reserved), 0);
    books_sound(hq.books);
    close_all();
}

TEST(uplink, a_card_on_the_hot_list_is_refused_offline_too)
{
    open_all(VCARD_EV2);
    assert_said(ask("sync"), "ok");
    assert_said(ask("tap"), "ok state=identified");
    assert_said(ask("cancel"), "ok");
    office_post_card(&hq, &uid, CARD_EV2, 12, CARD_BLOCKED, "lost");
    assert_said(ask("tap"), "error BLOCKED"); /* head office says it at the tap */
    assert_said(ask("sync"), "ok");
    till_close_here();
    office_stop(&hq);
    till_open_here();
    assert_said(ask("tap"), "error BLOCKED"); /* and the till remembers */
    office_start(&hq);
    close_all();
}

/* ---- without the card ---- */

/* Member 12 with 2000 points at head office, a telephone and a PIN. */
static void open_with_phone(void)
{
    struct errmsg why = {""};
    static const char phone[] = "+49301234567";
    open_all(VCARD_EV2);
    assert_said(ask("sync"), "ok owed=0");
    office_adjust(&hq, 12, 2000);
    must(known_bind(hq.books, &hq.home.known_keys, MEANS_PHONE, bytes_of(phone, strlen(phone)), 12, 1, &why), &why);
    must(people_set_pin(hq.books, 12, "4711", &why), &why);
}

static void bill_by_phone(void)
{
    assert_said(ask("identify phone 030/1234567"), "ok state=identified member=M12 tier=bronze means=phone spendable=");
    assert_said(ask("line 22745 1 100000 gift"), "ok");
    assert_said(ask("total"), "ok total=100000");
}

TEST(uplink, a_telephone_number_redeems_on_line_with_the_pin_from_what_head_office_holds)
{
    open_with_phone();
    bill_by_phone();
    assert_said(ask("redeem 500"), "error NEEDS_APPROVAL");
    assert_said(ask("redeem 500 pin=0000"), "error REFUSED Head office does not set the points aside");
    assert_said(ask("redeem 500 pin=4711"), "ok state=debited redeemed=500");
    assert_int_equal(points_n(office_member(&hq, 12).reserved), 500);
    assert_said(ask("pay ref=P1"), "by_points=500");
    assert_said(ask("sync"), "ok owed=0");
    struct member_view m = office_member(&hq, 12);
    assert_int_equal(points_n(m.reserved), 0);
    assert_int_equal(points_n(m.held), 2000 - 500 + 995);
    assert_said(ask("pay ref=P1"), "repeated=yes");
    bill_by_phone(); /* and cancelled: it comes back */
    assert_said(ask("redeem 500 pin=4711"), "ok state=debited");
    assert_said(ask("cancel"), "ok state=idle");
    assert_said(ask("sync"), "ok owed=0");
    assert_int_equal(points_n(office_member(&hq, 12).reserved), 0);
    assert_int_equal(points_n(office_member(&hq, 12).held), 2495);
    assert_said(ask("identify phone 030/1234567"), "ok"); /* and alone, as a register redeems */
    assert_said(ask("redeem money:300 alone pin=4711 ref=A1"), "ok receipt=");
    assert_said(b.answer, "total=300 due=0 by_points=300");
    assert_said(ask("sync"), "ok owed=0");
    assert_int_equal(points_n(office_member(&hq, 12).held), 2195);
    assert_said(ask("identify phone 030/7654321"), "error NOT_FOUND Head office knows nobody");
    books_sound(hq.books);
    close_all();
}

/* Waits for the answer of what was sent with send(), without head office having its turns but n. */
static const char *await_with_turns(int n)
{
    int64_t end_ms = clock_tick_ms() + 15000;
    while (clock_tick_ms() < end_ms) {
        (void)!till_turn(b.till, 1);
        if (b.till->question.asked && b.till->question.deadline_ms > clock_tick_ms() + 100)
            b.till->question.deadline_ms = clock_tick_ms() + 100; /* not eight seconds */
        if (hq.server && n > 0) {
            server_turn(hq.server, 0);
            n--;
        }
        if (answered())
            return b.answer;
    }
    fail_msg("no answer");
    return NULL;
}

static void tell_till(const char *command)
{
    char line[300];
    int n = snprintf(line, sizeof line, "%s\n", command);
    assert_int_equal(send(b.fd, line, (size_t)n, MSG_NOSIGNAL), n);
}

/* While head office is slow. */
static const char *ask_quietly(const char *command)
{
    tell_till(command);
    return await_with_turns(0);
}

TEST(uplink, a_hold_whose_answer_is_lost_is_asked_again_and_taken_once)
{
    static const struct {
        const char *claim;
        bool dies;   /* head office ends before it reads the question; else it is only slow */
        char then;   /* 'r'edeem again, 'g'ive up, 'k'ill the till */
    } table[] = {{"gone, asked again", true, 'r'},   {"slow, asked again", false, 'r'},
                 {"gone, given up", true, 'g'},      {"slow, given up", false, 'g'},
                 {"slow, given up, another one asked at once", false, 'a'},
                 {"gone, and the till too", true, 'k'}, {"slow, and the till too", false, 'k'}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        open_with_phone();
        bill_by_phone();
        if (table[i].dies) {
            tell_till("redeem 500 pin=4711");
            (void)!till_turn(b.till, 1); /* it is on the line */
            office_stop(&hq);
        } else {
            tell_till("redeem 500 pin=4711");
        }
        assert_said(await_with_turns(0), "error NO_ANSWER");
        assert_said(ask_quietly("status"), "state=holding");
        if (table[i].dies)
            office_start(&hq);
        int64_t redeemed = 0;
        switch (table[i].then) {
        case 'r':
            assert_said(ask("pay"), "error NO_ANSWER");
            assert_said(ask("sync"), "ok");
            assert_said(ask("redeem 500 pin=4711"), "ok state=debited redeemed=500");
            redeemed = 500;
            break;
        case 'g':
            assert_said(ask("giveup"), "ok state=totalled");
            break;
        case 'a': /* the first answer comes in when the second is waited for, and is nobody's */
            assert_said(ask_quietly("giveup"), "ok state=totalled");
            assert_said(ask("redeem 500 pin=4711"), "ok state=debited");
            assert_int_not_equal(b.till->sale.hold.seq, 0);
            redeemed = 500;
            break;
        case 'k':
            till_close_here();
            till_open_here();
            assert_said(ask("status"), "state=idle"); /* nothing is open here */
            assert_said(ask("sync"), "ok");
            bill_by_phone();
            assert_said(ask("redeem 500 pin=4711"), "ok state=debited"); /* another hold, another name */
            redeemed = 500;
            break;
        }
        assert_said(ask("pay ref=P1"), redeemed ? "by_points=500" : "by_points=0");
        assert_said(ask("sync"), "ok owed=0");
        struct member_view m = office_member(&hq, 12);
        int64_t earned = redeemed ? 995 : 1000;
        /* A hold that nobody took waits for its time; taken or waiting, no point is lost or there twice. */
        assert_int_equal(points_n(m.held) + points_n(m.reserved), 2000 - redeemed + earned);
        assert_int_equal(points_n(m.reserved), !table[i].dies && table[i].then != 'r' ? 500 : 0);
        books_sound(hq.books);
        close_all();
    }
}

TEST(uplink, what_is_shown_off_line_earns_for_whom_head_office_finds_and_a_code_is_good_once)
{
    struct errmsg why = {""};
    struct vtag tag;
    char code[MEMBER_CODE_TEXT_SIZE], command[200];
    static const uint8_t tag_uid[7] = {4, 0x55, 1, 2, 3, 4, 5};
    open_with_phone();
    must(known_bind(hq.books, &hq.home.known_keys, MEANS_UID, bytes_of(tag_uid, 7), 12, 1, &why), &why);
    vtag_init(&tag, VTAG_UID, tag_uid, 7, 5);
    reader_sim_present(&b.reader, &tag.target);
    assert_said(ask("tap"), "ok state=identified member=M12 tier=bronze");
    assert_said(ask("cancel"), "ok");
    must(member_code_make(code, 12, clock_now_s(), &hq.home.code_key, &why), &why);
    snprintf(command, sizeof command, "identify code %s", code);
    assert_said(ask(command), "ok state=identified member=M12 tier=bronze means=code spendable=2000");
    assert_said(ask("line 22745 1 10000 gift"), "ok");
    assert_said(ask("total"), "ok");
    assert_said(ask("redeem 100 pin=4711"), "ok state=debited");
    assert_said(ask("pay"), "by_points=100");
    assert_said(ask(command), "error REFUSED Head office: this code was used already: show a fresh one");
    assert_true(tr_use("zh")); /* head office's word in the cashier's language */
    assert_said(ask(command), "error REFUSED 总部：此会员码已用过，请出示新码");
    assert_said(ask("identify code P1"), "这不是会员码");
    assert_true(tr_use("en"));
    assert_said(ask("sync"), "ok owed=0");
    till_close_here(); /* somebody else's till would be refused at once; this one after its half hour */
    office_set_clock(&hq, "2011-03-01T09:40");
    till_open_here();
    assert_said(ask("sync"), "ok owed=0");
    assert_said(ask(command), "error"); /* shown before, or too old: either way nobody */
    int64_t before = points_n(office_member(&hq, 12).held);
    office_stop(&hq);
    for (int i = 0; i < 5; i++)
        assert_said(ask("status"), "ok");
    assert_said(ask("tap"), "ok state=identified member=- tier=bronze means=uid"); /* the tier is remembered */
    assert_said(ask("line 22745 1 10000 gift"), "ok");
    assert_said(ask("total"), "earns=100 offer=0");
    assert_said(ask("redeem 100 pin=4711"), "error REFUSED");
    assert_said(ask("pay"), "member=- tier=bronze total=10000 due=10000 by_points=0 earned=100");
    assert_said(ask("identify phone 030 1234567"), "ok state=identified member=-");
    assert_said(ask("line 22745 1 10000 gift"), "ok");
    assert_said(ask("total"), "earns=100");
    assert_said(ask("pay"), "earned=100");
    office_start(&hq);
    assert_said(ask("sync"), "ok owed=0");
    assert_int_equal(points_n(office_member(&hq, 12).held), before + 200);
    books_sound(hq.books);
    close_all();
}

TEST(uplink, who_joins_off_line_and_buys_is_a_member_with_points_when_the_line_is_back)
{
    static const struct card_uid fresh = {{4, 0x33, 3, 3, 3, 3, 3}};
    struct vcard card;
    struct card_profile nobody = {.layout = CARD_LAYOUT};
    struct card_view v;
    struct errmsg why = {""};
    open_all(VCARD_EV2);
    assert_said(ask("sync"), "ok");
    cards_issue(&card, VCARD_EV2, &fresh, &hq.home.card_keys, &nobody);
    office_post_card(&hq, &fresh, CARD_EV2, 0, CARD_ACTIVE, "issued");
    office_stop(&hq);
    for (int i = 0; i < 5; i++)
        assert_said(ask("status"), "ok");
    reader_sim_present(&b.reader, &card.target);
    assert_said(ask("tap"), "error UNBOUND");
    assert_said(ask("join"), "ok entry=");
    assert_said(ask("line 22745 1 10000 gift"), "ok");
    assert_said(ask("total"), "earns=100");
    assert_said(ask("pay"), "earned=100");
    office_start(&hq);
    assert_said(ask("sync"), "ok owed=0");
    must(books_card(hq.books, &fresh, &v, &why), &why);
    assert_int_not_equal(v.member, 0);
    assert_int_equal(points_n(office_member(&hq, v.member).held), 100);
    char who[40];
    snprintf(who, sizeof who, "member=M%d ", (int)v.member);
    assert_said(ask("tap"), who); /* and loaded */
    assert_said(b.answer, "purse=100");
    assert_said(ask("line 22745 1 10000 gift"), "ok");
    assert_said(ask("total"), "earns=100 offer=100");
    assert_said(ask("redeem 100"), "ok state=debited");
    assert_said(ask("pay"), who);
    assert_said(ask("sync"), "ok owed=0");
    books_sound(hq.books);
    close_all();
}

TEST(uplink, a_member_gets_a_name_and_a_new_card_and_the_old_one_is_good_for_nothing)
{
    static const struct card_uid fresh = {{4, 0x33, 3, 3, 3, 3, 3}};
    struct vcard card;
    struct card_profile nobody = {.layout = CARD_LAYOUT};
    struct person p;
    struct errmsg why = {""};
    open_all(VCARD_EV2);
    assert_said(ask("sync"), "ok");
    office_adjust(&hq, 12, 500);
    assert_said(ask("person consent 030-555123 Mary Ann"), "error STATE"); /* whose? */
    assert_said(ask("tap"), "member=M12");
    assert_said(b.answer, "purse=500");
    assert_said(ask("person no 030-555123 Mary Ann"), "error FORMAT");
    assert_said(ask("person consent +49-30-5551234 Mary Ann"), "ok");
    must(books_person(hq.books, 12, &p, &why), &why);
    assert_string_equal(p.name, "Mary Ann");
    assert_string_equal(p.phone, "+49305551234");
    assert_said(ask("person consent - Someone Else"), "error REFUSED");
    assert_said(ask("cancel"), "ok");
    cards_issue(&card, VCARD_EV2, &fresh, &hq.home.card_keys, &nobody);
    office_post_card(&hq, &fresh, CARD_EV2, 0, CARD_ACTIVE, "issued");
    assert_said(ask("identify phone 030 5551234"), "member=M12"); /* the card is lost */
    struct till_view v;
    till_view(b.till, &v);
    assert_string_equal(v.name, "Mary Ann");
    tell_till("replace"); /* but the old one lies there: it is a member's */
    reader_sim_present(&b.reader, NULL);
    (void)!till_turn(b.till, 1);
    reader_sim_present(&b.reader, &b.card.target);
    assert_said(await_with_turns(10000), "error REFUSED That card is a member's already");
    reader_sim_present(&b.reader, NULL);
    tell_till("replace");
    for (int i = 0; i < 20; i++)
        (void)!till_turn(b.till, 1);
    reader_sim_present(&b.reader, &card.target);
    assert_said(await_with_turns(10000), "ok");
    assert_said(ask("cancel"), "ok");
    till_view(b.till, &v);
    assert_string_equal(v.name, "");
    assert_int_equal(b.till->tap.told.name[0], 0); /* nor in memory */
    assert_said(ask("sync"), "ok");
    assert_said(ask("tap"), "ok state=identified member=M12");
    assert_said(ask("cancel"), "ok");
    reader_sim_present(&b.reader, &b.card.target);
    assert_said(ask("tap"), "error BLOCKED");
    books_sound(hq.books);
    close_all();
}

TEST(uplink, a_till_locked_by_head_office_sells_without_points_and_names_are_kept_nowhere)
{
    struct errmsg why = {""};
    char command[400];
    open_with_phone();
    assert_said(ask("identify phone 030 1234567"), "ok");
    assert_said(ask("person consent +49301234567 Gloria Unforgettable"), "ok");
    assert_said(ask("cancel"), "ok");
    bill_by_phone();
    assert_string_equal(b.till->tap.told.name, "Gloria Unforgettable");
    assert_said(ask("cancel"), "ok");
    assert_string_equal(b.till->tap.told.name, ""); /* not in memory either */
    bill_by_phone();
    assert_said(ask("pay"), "ok");
    must(books_set_orders(hq.books, 7, ORDER_LOCKED, &why), &why);
    assert_said(ask("sync"), "ok owed=0");
    assert_said(ask("tap"), "error LOCKED");
    assert_said(ask("identify phone 030 1234567"), "error LOCKED");
    assert_said(ask("line 22745 1 10000 gift"), "ok");
    assert_said(ask("total"), "ok total=10000 earns=0");
    assert_said(ask("pay"), "member=- tier=- total=10000 due=10000");
    till_close_here();
    snprintf(command, sizeof command, "grep -rqa -e Unforgettable -e 301234567 '%.300s'", b.dir);
    assert_int_not_equal(system(command), 0);
    till_open_here();
    close_all();
}

TEST(uplink, a_contact_of_days_to_come_is_none_because_the_clock_was_wrong_then)
{
    open_all(VCARD_EV2);
    assert_said(ask("sync"), "ok owed=0");
    int64_t now_s = clock_now_s(), day_s = 86400;
    assert_int_equal(uplink_days_since_contact(b.till, now_s), 0);
    assert_int_equal(uplink_days_since_contact(b.till, now_s + 31 * day_s), 31);
    assert_int_equal(uplink_days_since_contact(b.till, now_s - 3600), 0); /* an hour back, as in autumn */
    assert_int_equal(uplink_days_since_contact(b.till, now_s - day_s), 0);
    assert_true(uplink_days_since_contact(b.till, now_s - 400 * day_s) > 30);
    close_all();
}

TEST(uplink, after_a_clock_that_jumped_head_office_vouches_for_it_and_points_are_redeemed_again)
{
    struct errmsg why = {""};
    struct staff bo = {.name = "Bo", .role = STAFF_CASHIER};
    static const uint8_t salt[PIN_SALT_SIZE] = {5};
    open_all(VCARD_EV2);
    must(pin_make(&bo.pin, "2468", salt, &why), &why);
    must(people_save_staff(hq.books, &bo, &why), &why);
    assert_said(ask("sync"), "ok");
    office_adjust(&hq, 12, 500);
    assert_said(ask("tap"), "purse=500");
    assert_said(ask("cancel"), "ok");
    assert_said(ask("login 1 2468"), "ok cashier=1");
    office_stop(&hq);
    for (int i = 0; i < 5; i++)
        assert_said(ask("status"), "ok");
    office_set_clock(&hq, "2011-03-06T09:00"); /* five days ahead */
    sell("1000", "earned=10");
    office_set_clock(&hq, "2011-03-01T10:00"); /* set right */
    assert_said(ask("tap"), "online=no");
    assert_said(ask("line 22745 1 10000 gift"), "ok");
    assert_said(ask("total"), "offer=0");
    assert_said(ask("redeem 100"), "error REFUSED The clock of this till went back");
    assert_said(ask("cancel"), "ok");
    office_start(&hq);
    bo.role = STAFF_GONE; /* and whoever is at the till is taken out meanwhile */
    must(people_save_staff(hq.books, &bo, &why), &why);
    assert_said(ask("line 22745 1 10000 gift"), "ok");
    assert_said(ask("sync"), "ok owed=0");
    assert_said(ask("total"), "ok");
    assert_said(ask("pay"), "ok receipt=T0007-2"); /* the sale in hand is still theirs */
    assert_said(ask("shift"), "error STATE");
    office_stop(&hq);
    for (int i = 0; i < 5; i++)
        assert_said(ask("status"), "ok");
    assert_said(ask("tap"), "online=no");
    assert_said(ask("line 22745 1 10000 gift"), "ok");
    assert_said(ask("total"), "offer=500");
    assert_said(ask("cancel"), "ok");
    office_start(&hq);
    close_all();
}

static int64_t ledger_number(const char *sql)
{
    struct errmsg why = {""};
    int64_t n = -1;
    struct query q = query_text_of(hq.books->store, sql);
    if (query_row(&q))
        n = query_get_int(&q);
    must(query_done(&q, &why), &why);
    return n;
}

static int64_t sql_of_sale(const char *what)
{
    char sql[200];
    snprintf(sql, sizeof sql, "SELECT %s FROM sale ORDER BY position DESC LIMIT 1", what);
    return ledger_number(sql);
}

TEST(uplink, marks_coupons_tenders_and_rewards_of_a_till_agree_with_the_books)
{
    int reviews = 0;
    struct errmsg why = {""};
    open_with_phone();
    office_publish(&hq, "{\"version\": 2, \"effective\": \"2010-12-01\", \"name\": \"All\", \"currency\": \"GBP\","
                        "\"earn\": {\"rate\": \"1/100\", \"exclude_tenders\": [\"giftcard\"], \"cap_per_month\": 250, \"bonuses\": ["
                        "{\"name\": \"w\", \"points\": 50, \"when\": {\"mark\": \"first\"}},"
                        "{\"name\": \"t\", \"points\": 20, \"when\": {\"coupon\": \"TEA-*\"}}]},"
                        "\"tiers\": {\"levels\": [{\"code\": \"bronze\", \"offline_per_tap\": 1000}]},"
                        "\"stamps\": [{\"name\": \"visit\", \"per\": \"visit\", \"every\": 2, \"points\": 7}],"
                        "\"redeem\": {\"worth\": 1, \"offline_days\": 7}, \"rewards\": ["
                        "{\"code\": \"gift\", \"kind\": \"item\", \"points\": 150, \"sku\": \"227*\"},"
                        "{\"code\": \"few\", \"kind\": \"money\", \"points\": 10, \"value\": 5, \"stock\": 3}]}");
    assert_said(ask("sync"), "ok owed=0");
    assert_said(ask("tap"), "ok state=identified member=M12"); /* and the purse is filled */
    assert_said(ask("coupon TEA-1"), "ok lines=0");
    assert_said(ask("line 22745 2 10000 gift"), "ok");
    assert_said(ask("total"), "earns=170");
    assert_said(ask("redeem reward:none"), "error REFUSED");
    assert_said(ask("redeem reward:gift"), "ok state=debited redeemed=150 value=5000");
    assert_said(ask("pay giftcard:1000 cash:4000 ref=R1"), "earned=110"); /* 40.00 count; + 50 + 20 */
    assert_said(ask("sync"), "ok owed=0");
    assert_int_equal(sql_of_sale("earned"), 110);
    assert_int_equal(sql_of_sale("till"), 110);
    assert_said(ask("tap"), "ok state=identified"); /* not the first any more */
    assert_said(ask("line 22745 1 10000 gift"), "ok");
    assert_said(ask("pay"), "error STATE");
    static struct till_view v;
    till_view(b.till, &v);
    assert_int_equal(v.stamp_count, 1);
    assert_true(v.stamps[0].have == 1 && v.stamps[0].every == 2 && v.stamps[0].now == 0);
    assert_said(ask("total"), "earns=107"); /* a full stamp card: head office has told the stamp before */
    till_view(b.till, &v);
    assert_true(v.stamps[0].have == 1 && v.stamps[0].now == 1 && v.stamps[0].full == 1);
    assert_said(ask("pay"), "earned=107");
    const char *receipt = strstr(b.answer, "T0007-");
    char refund[40];
    snprintf(refund, sizeof refund, "refund %.*s all", (int)strcspn(receipt, " "), receipt);
    assert_said(ask("sync"), "ok owed=0");
    assert_int_equal(sql_of_sale("earned"), 107);
    assert_int_equal(sql_of_sale("till"), 107);
    assert_int_equal(sql_of_sale("rated"), 107);
    till_told_facts(b.till, true); /* what head office told holds while it has all of this till's sales */
    assert_int_equal(b.till->facts.stamp_count, 1);
    office_adjust(&hq, 12, 500); /* the rest is on the card */
    assert_said(ask("identify phone 030/1234567"), "ok state=identified");
    assert_said(ask("line 22745 2 10000 gift"), "ok");
    assert_said(ask("total"), "earns=33"); /* of the month: 250 - 217 */
    assert_said(ask("redeem reward:gift"), "error NEEDS_APPROVAL");
    assert_said(ask("redeem reward:gift pin=4711"), "ok state=debited redeemed=150 value=5000");
    assert_said(ask("pay"), "earned=33");
    assert_said(ask("sync"), "ok owed=0");
    assert_int_equal(sql_of_sale("earned"), 33);
    assert_int_equal(sql_of_sale("rated"), 33);
    b.office_sleeps = true;
    assert_said(ask(refund), "clawed=107");
    till_told_facts(b.till, true); /* not on the way to it */
    assert_int_equal(b.till->facts.stamp_count, 0);
    b.office_sleeps = false;
    assert_said(ask("sync"), "ok owed=0");
    assert_int_equal(ledger_number("SELECT clawed + let_go FROM refund"), 107);
    assert_int_equal(ledger_number("SELECT till - rated FROM refund"), 0);
    must(books_reviews(hq.books, count_review, &reviews, &why), &why);
    assert_int_equal(reviews, 0);
    books_sound(hq.books);
    close_all();
}

TEST(uplink, a_receipt_of_a_member_known_by_telephone_tells_all_points_also_those_on_the_card)
{
    struct errmsg why = {""};
    struct journal_receipt paper;
    int earned = 0;
    open_all(VCARD_EV2);
    till_close_here();
    b.printer = "usb";
    till_open_here();
    must(people_set_pin(hq.books, 12, "4711", &why), &why);
    must(known_bind(hq.books, &hq.home.known_keys, MEANS_PHONE, bytes_of("+49301234567", 12), 12, 1, &why), &why);
    assert_said(ask("sync"), "ok owed=0");
    sell("200000", "earned=2000");
    assert_said(ask("sync"), "ok owed=0");
    assert_said(ask("tap"), "purse=2000"); /* all loaded */
    assert_said(ask("cancel"), "ok");
    office_adjust(&hq, 12, 500);
    assert_said(ask("identify phone 030/1234567"), "spendable=500");
    assert_said(ask("line 22745 1 10000 gift"), "ok");
    assert_said(ask("total"), "ok");
    assert_said(ask("redeem 400 pin=4711"), "redeemed=400");
    assert_said(ask("pay"), "by_points=400");
    assert_int_equal(sscanf(strstr(b.answer, "earned="), "earned=%d", &earned), 1);
    must(journal_receipt_get(b.journal, journal_next_seq(b.journal) - 1, &paper, &why), &why);
    assert_int_equal(points_n(paper.balance), 2000 + 500 - 400 + earned);
    assert_int_equal(points_n(paper.purse), -1);
    close_all();
}

/* What a display is told that comes when it is now_ms. */
static const char *told_at(struct till_extra *x, const char *path, int64_t now_ms)
{
    static char line[8192];
    struct pollfd f[8];
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int count = x->fds(x, f, 8), fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    for (int i = 0; i < count; i++)
        f[i].revents = i ? 0 : POLLIN;
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    x->turn(b.till, x, f, count, now_ms);
    ssize_t size = recv(fd, line, sizeof line - 1, MSG_DONTWAIT);
    close(fd);
    line[size > 0 ? size : 0] = 0;
    return line;
}

TEST(uplink, a_member_is_thanked_while_the_next_card_is_waited_for_and_a_display_that_comes_later_is_told_of_nobody)
{
    static struct till_view v;
    struct errmsg why = {""};
    struct display *d;
    char path[320];
    open_all(VCARD_EV2);
    snprintf(path, sizeof path, "%s/display", b.dir);
    must(display_open(&d, b.till, path, &why), &why);
    struct till_extra *x = b.till->extras;
    while (x->next)
        x = x->next;
    assert_said(ask("sync"), "ok owed=0");
    sell("1000", "earned=10"); /* nobody looks */
    reader_sim_present(&b.reader, NULL);
    assert_int_equal(send(b.fd, "tap 60000\n", 10, MSG_NOSIGNAL), 10);
    for (int i = 0; i < 10; i++)
        (void)!till_turn(b.till, 1);
    assert_int_equal(b.till->tap.job, JOB_IDENTIFY);
    till_view(b.till, &v);
    assert_int_equal(v.state, SALE_DONE);
    assert_true(v.told);
    assert_string_equal(v.next_tier, "silver");
    assert_said(told_at(x, path, clock_tick_ms() + 15000), "\"page\":\"idle\"");
    assert_said(told_at(x, path, clock_tick_ms()), "\"page\":\"thanks\"");
    display_close(d);
    b.till->extras = NULL;
    close_all();
}

static char turns[10];

static void first_turn(struct till *t, struct till_extra *x, const struct pollfd *f, int count, int64_t now_ms)
{
    (void)t, (void)x, (void)f, (void)count, (void)now_ms;
    strcat(turns, "1");
}

static void second_turn(struct till *t, struct till_extra *x, const struct pollfd *f, int count, int64_t now_ms)
{
    (void)t, (void)x, (void)f, (void)count, (void)now_ms;
    strcat(turns, "2");
}

TEST(uplink, what_is_added_to_a_till_later_has_its_turn_later_so_that_displays_show_what_doors_have_just_done)
{
    struct till_extra first = {.turn = first_turn}, second = {.turn = second_turn};
    open_all(VCARD_EV2);
    till_add_extra(b.till, &first);
    till_add_extra(b.till, &second);
    turns[0] = 0;
    (void)!till_turn(b.till, 1);
    assert_string_equal(turns, "12");
    b.till->extras = NULL;
    close_all();
}

/* ---- a reward of which there are only so many ---- */

static void open_with_last(void)
{
    open_with_phone(); /* 2000 held */
    office_publish(&hq, "{\"version\": 2, \"effective\": \"2010-12-01\", \"name\": \"All\", \"currency\": \"GBP\","
                        "\"earn\": {\"rate\": \"1/100\"},"
                        "\"tiers\": {\"levels\": [{\"code\": \"bronze\", \"offline_per_tap\": 1000, \"offline_per_day\": 1000}]},"
                        "\"redeem\": {\"worth\": 1, \"offline_days\": 7, \"second_factor_above\": 1000}, \"rewards\": ["
                        "{\"code\": \"last\", \"kind\": \"money\", \"points\": 100, \"value\": 500, \"stock\": 1}]}");
    assert_said(ask("sync"), "ok owed=0");
}

static void bill_by_card(void)
{
    assert_said(ask("tap"), "ok state=identified member=M12");
    assert_said(ask("line 22745 1 2000 gift"), "ok");
    assert_said(ask("total"), "ok");
}

/* set aside * 100 + given; and nothing in the books is broken, nor for a person to look at but what is expected. */
static int64_t pieces(int expected_reviews)
{
    struct errmsg why = {""};
    int reviews = 0;
    int64_t n = ledger_number("SELECT coalesce(sum(place = 'set aside') * 100 + sum(place = 'given'), 0) FROM piece");
    must(books_reviews(hq.books, count_review, &reviews, &why), &why);
    assert_int_equal(reviews, expected_reviews);
    books_sound(hq.books);
    return n;
}

TEST(uplink, the_last_piece_is_given_once_by_card_or_without_and_comes_back_with_the_goods)
{
    char refund[80];
    open_with_last();
    bill_by_card();
    assert_said(ask("redeem reward:last"), "ok state=debited redeemed=100 value=500");
    assert_int_equal(pieces(0), 100);
    assert_said(ask("pay"), "by_points=500");
    const char *receipt = strstr(b.answer, "T0007-");
    snprintf(refund, sizeof refund, "refund %.*s all", (int)strcspn(receipt, " "), receipt);
    assert_said(ask("sync"), "ok owed=0");
    assert_int_equal(pieces(0), 1);
    office_adjust(&hq, 12, 300); /* the rest is on the card */
    bill_by_phone();
    assert_said(ask("redeem reward:last pin=4711"), "error REFUSED Head office does not set the points aside: none is left");
    assert_said(ask("cancel"), "ok");
    bill_by_card();
    assert_said(ask("redeem reward:last"), "error REFUSED Head office does not give this reward: none is left");
    assert_said(ask("pay"), "ok");
    assert_said(ask(refund), "ok receipt=");
    assert_said(ask("sync"), "ok owed=0");
    assert_int_equal(pieces(0), 0);
    office_adjust(&hq, 12, 300);
    bill_by_phone();
    assert_said(ask("redeem reward:last pin=4711"), "ok state=debited redeemed=100 value=500");
    assert_said(ask("pay"), "by_points=500");
    assert_said(ask("sync"), "ok owed=0");
    assert_int_equal(pieces(0), 1);
    close_all();
}

TEST(uplink, with_the_line_cut_a_counted_reward_is_not_given_and_the_cashier_is_told_why)
{
    open_with_last();
    bill_by_card();
    office_stop(&hq);
    for (int i = 0; i < 5; i++)
        assert_said(ask("status"), "ok");
    assert_said(ask("redeem reward:last"), "error NO_LINE Head office does not give this reward: the line is cut.");
    assert_said(ask("cancel"), "ok");
    assert_said(ask("tap"), "online=no");
    assert_said(ask("line 22745 1 2000 gift"), "ok");
    assert_said(ask("total"), "ok");
    assert_said(ask("redeem reward:last"), "error NO_LINE There are only so many of this reward");
    assert_said(ask("pay"), "by_points=0");
    office_start(&hq);
    assert_said(ask("sync"), "ok owed=0");
    assert_int_equal(pieces(0), 0);
    close_all();
}

/* As a register redeems: the reward is the whole bill; asked again it is the same, and a card that left early frees it. */
TEST(uplink, a_piece_is_redeemed_alone_once_and_a_register_that_gives_up_frees_it)
{
    open_with_last();
    assert_said(ask("tap"), "ok state=identified");
    assert_said(ask("redeem 100 alone ref=A0"), "ok receipt="); /* so that the session is over */
    assert_said(ask("tap"), "ok state=identified");
    reader_sim_present(&b.reader, NULL);
    assert_said(ask("redeem reward:last alone ref=A1 wait=50"), "error GONE");
    assert_said(ask("cancel"), "ok state=idle");
    assert_said(ask("sync"), "ok owed=0");
    assert_int_equal(pieces(0), 0);
    reader_sim_present(&b.reader, &b.card.target);
    assert_said(ask("tap"), "ok state=identified");
    assert_said(ask("redeem reward:last alone ref=A1"), "ok receipt=");
    assert_said(b.answer, "total=500 due=0 by_points=500");
    assert_said(ask("redeem reward:last alone ref=A1"), "repeated=yes");
    assert_said(ask("sync"), "ok owed=0");
    assert_int_equal(pieces(0), 1);
    close_all();
}

/* Wherever it stops, what was put in is what was given, what is set aside and what is left; and the same piece is not
 * given twice. */
TEST(uplink, a_piece_is_given_or_free_wherever_till_line_or_card_stop)
{
    static const struct {
        const char *claim;
        char stop;  /* 'a'nswer lost; then 'g'iven up or asked again; the till 'k'illed while it waits, 'c'ard pulled before
                     * its debit, 'd': killed when the card was debited, 't'orn at its commit */
        char then;  /* 'r'edeem again, 'p'ay whole, 'c'ancel, ' ' nothing */
        int64_t at_once, at_last; /* pieces after the sync, and when the time ran out */
    } rows[] = {
        {"no answer, asked again", 'a', 'r', 1, 1},
        {"no answer, given up and paid", 'a', 'p', 100, 0}, /* head office had set it aside: time lets it go */
        {"no answer, cancelled", 'a', 'c', 100, 0},
        {"killed while it waits for head office", 'k', ' ', 100, 0},
        {"card pulled, again", 'c', 'r', 1, 1},
        {"card pulled, paid whole", 'c', 'p', 0, 0},
        {"card pulled, cancelled", 'c', 'c', 0, 0},
        {"killed when the card was debited, the card again, paid", 'd', 'p', 1, 1},
        {"killed when the card was debited, given up, cancelled", 'd', 'c', 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int32_t count;
        struct errmsg why = {""};
        print_message("  %s\n", rows[i].claim);
        open_with_last();
        bill_by_card();
        if (rows[i].stop == 'c') {
            assert_said(ask("redeem 100"), "ok state=debited"); /* so that the session is over */
            assert_said(ask("cancel"), "ok");
            bill_by_card();
            reader_sim_present(&b.reader, NULL);
            assert_said(ask("redeem reward:last wait=50"), "error GONE");
            reader_sim_present(&b.reader, &b.card.target);
        } else if (rows[i].stop == 'd') {
            assert_said(ask("redeem reward:last"), "ok state=debited");
            till_close_here();
            till_open_here();
        } else {
            tell_till("redeem reward:last");
            assert_said(await_with_turns(0), "error NO_ANSWER");
            for (int n = 0; n < 50; n++)
                server_turn(hq.server, 1);
            if (rows[i].stop == 'k') {
                till_close_here();
                till_open_here();
            }
        }
        if (rows[i].stop == 'd' && rows[i].then == 'p')
            assert_said(ask("tap"), "ok");
        else if (rows[i].stop == 'd')
            assert_said(ask("giveup"), "ok");
        if (rows[i].then == 'r')
            assert_said(ask("redeem reward:last"), "ok state=debited redeemed=100 value=500");
        else if (rows[i].stop == 'a')
            assert_said(ask("giveup"), "ok");
        if (rows[i].then == 'c')
            assert_said(ask("cancel"), "ok");
        else if (rows[i].then != ' ')
            assert_said(ask("pay"), rows[i].at_last ? "by_points=500" : "by_points=0");
        assert_said(ask("sync"), "ok owed=0");
        assert_int_equal(pieces(0), rows[i].at_once);
        must(books_release_due(hq.books, clock_now_s() + 3600, &count, &why), &why);
        assert_int_equal(pieces(0), rows[i].at_last);
        close_all();
    }
}

static int call_display(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(a.sun_path, sizeof a.sun_path, "%.*s", (int)sizeof a.sun_path - 1, path);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

/* The member types the PIN on the display: it is still the reward that was asked for. */
TEST(uplink, a_reward_is_kept_while_the_member_types_a_pin_on_the_display)
{
    struct errmsg why = {""};
    struct display *d;
    struct display_state shown;
    static char line[2 * DISPLAY_JSON_MAX];
    char path[320], text[80];
    open_with_last();
    snprintf(path, sizeof path, "%s/display", b.dir);
    must(display_open(&d, b.till, path, &why), &why);
    int fd = call_display(path);
    bill_by_phone();
    tell_till("redeem reward:last");
    for (int i = 0; i < 20; i++)
        (void)!till_turn(b.till, 1);
    assert_false(answered());
    ssize_t size = recv(fd, line, sizeof line - 1, MSG_DONTWAIT);
    assert_true(size > 0);
    line[size - 1] = 0;
    char *newest = strrchr(line, '\n');
    must(display_decode(&shown, newest ? newest + 1 : line, &why), &why);
    assert_int_equal(shown.page, DISPLAY_PIN);
    assert_string_equal(shown.lines[0], "Pay 5.00 GBP with 100 points?");
    int n = snprintf(text, sizeof text, "{\"ask\":%u,\"pin\":\"4711\"}\n", shown.ask);
    assert_int_equal(send(fd, text, (size_t)n, MSG_NOSIGNAL), n);
    while (!answered()) {
        (void)!till_turn(b.till, 1);
        server_turn(hq.server, 0);
    }
    assert_said(b.answer, "ok state=debited redeemed=100 value=500");
    assert_int_equal(pieces(0), 100);
    assert_said(ask("pay"), "by_points=500");
    assert_said(ask("sync"), "ok owed=0");
    assert_int_equal(pieces(0), 1);
    close(fd);
    display_close(d);
    b.till->extras = NULL;
    close_all();
}

/* ---- the same through the doors of a cash register ---- */

static void doors_open(void)
{
    struct errmsg why = {""};
    must(nexo_create(&b.nexo, b.till, &(struct nexo_config){.wait_ms = 3000}, &why), &why);
    if (!b.token[0])
        must(registers_add(b.token, b.dir, "front", &why), &why);
    must(plain_open(&b.plain, b.till, b.dir, &(struct http_config){.listen = "127.0.0.1:0"}, &why), &why);
}

static void both_turn(void)
{
    (void)!till_turn(b.till, 1);
    b.office_sleeps = b.office_sleeps || (b.sleeps_at_hold && b.till->sale.state == SALE_HOLDING);
    if (b.till->question.asked && b.office_sleeps && b.till->question.deadline_ms > clock_tick_ms() + 100)
        b.till->question.deadline_ms = clock_tick_ms() + 100; /* not eight seconds */
    if (hq.server && !b.office_sleeps)
        server_turn(hq.server, 0);
}

static struct nexo_asked {
    struct nexo_call call; /* first */
    bool replied;
    char text[4000];
} asked;

static void on_nexo_reply(struct nexo_call *c, const json_t *response)
{
    struct nexo_asked *a = (struct nexo_asked *)c;
    char *text = response ? nexo_json_write_create(response) : NULL;
    a->replied = true;
    snprintf(a->text, sizeof a->text, "%s", text ? text : "");
    free(text);
}

static void on_nexo_refuse(struct nexo_call *c, const char *sentence)
{
    struct nexo_asked *a = (struct nexo_asked *)c;
    a->replied = true;
    snprintf(a->text, sizeof a->text, "refused: %s", sentence);
}

static void nexo_send(struct nexo_asked *a, const char *service_id, const char *category, const char *body)
{
    struct errmsg why = {""};
    char text[2000];
    int n = snprintf(text, sizeof text,
                     "{\"MessageHeader\":{\"ProtocolVersion\":\"3.0\",\"MessageClass\":\"Service\",\"MessageCategory\":\"%s\","
                     "\"MessageType\":\"Request\",\"ServiceID\":\"%s\",\"SaleID\":\"ECR1\",\"POIID\":\"P\"},\"%sRequest\":%s}",
                     category, service_id, category, body);
    json_t *v = nexo_json_read(bytes_of(text, (size_t)n), &why);
    assert_non_null(v);
    *a = (struct nexo_asked){.call = {on_nexo_reply, on_nexo_refuse}};
    nexo_request(b.nexo, v, &a->call);
    json_decref(v);
}

static const char *nexo_await(void)
{
    int64_t end_ms = clock_tick_ms() + 15000;
    while (!asked.replied && clock_tick_ms() < end_ms)
        both_turn();
    assert_true(asked.replied);
    return asked.text;
}

#define NEXO_SALE(words)                                                                                          \
    "\"SaleData\":{" words "\"SaleTransactionID\":{\"TransactionID\":\"T\",\"TimeStamp\":\"2010-12-01T08:00:00Z\"}}"

static const char NEXO_LAST[] =
    "{" NEXO_SALE("\"SaleToPOIData\":\"reward=last\",") ",\"LoyaltyTransaction\":{\"LoyaltyTransactionType\":\"Redemption\"}}";

/* The last one, of whoever is named, or whose card comes. */
static const char *nexo_redeem(const char *service_id, const char *account)
{
    char body[1000];
    snprintf(body, sizeof body,
             "{" NEXO_SALE("\"SaleToPOIData\":\"reward=last\",") ",\"LoyaltyTransaction\":{\"LoyaltyTransactionType\":"
             "\"Redemption\"}%s%s%s}", *account ? ",\"LoyaltyData\":[{\"LoyaltyAccountID\":{" : "", account, *account ? "}}]" : "");
    nexo_send(&asked, service_id, "Loyalty", body);
    return nexo_await();
}

/* The receipt number that the reply names. */
static void nexo_transaction(char id[ENTRY_TEXT_SIZE])
{
    const char *at = strstr(asked.text, "T0007-");
    assert_non_null(at);
    snprintf(id, ENTRY_TEXT_SIZE, "%.*s", (int)strcspn(at, "\""), at);
}

TEST(uplink, through_the_nexo_door_the_last_piece_is_had_once_and_comes_back)
{
    char first[sizeof asked.text], id[ENTRY_TEXT_SIZE], body[600], code[MEMBER_CODE_TEXT_SIZE], account[300];
    struct errmsg why = {""};
    open_with_last();
    doors_open();
    assert_said(nexo_redeem("R1", ""), "\"Result\":\"Success\"");
    assert_said(asked.text, "\"TotalRebate\":5");
    nexo_transaction(id);
    snprintf(first, sizeof first, "%s", asked.text);
    till_close_here();
    till_open_here();
    doors_open();
    assert_string_equal(nexo_redeem("R1", ""), first); /* the same message: the same reply, one piece */
    assert_said(ask("sync"), "ok owed=0");
    assert_int_equal(pieces(0), 1);
    assert_said(nexo_redeem("R2", ""), "\"ErrorCondition\":\"Refusal\"");
    assert_said(asked.text, "none+is+left");
    snprintf(body, sizeof body, "{" NEXO_SALE("") ",\"LoyaltyTransaction\":{\"LoyaltyTransactionType\":\"RedemptionRefund\","
             "\"OriginalPOITransaction\":{\"POITransactionID\":{\"TransactionID\":\"%s\",\"TimeStamp\":\"x\"}}}}", id);
    nexo_send(&asked, "U1", "Loyalty", body);
    assert_said(nexo_await(), "\"Result\":\"Success\"");
    assert_said(ask("sync"), "ok owed=0");
    assert_int_equal(pieces(0), 0);

    /* without a card: a telephone is not enough, so the card is asked for; a member code is */
    assert_said(nexo_redeem("R3", "\"IdentificationType\":\"PhoneNumber\",\"LoyaltyID\":\"030/1234567\""), "\"Result\":\"Success\"");
    nexo_transaction(id);
    assert_said(ask("sync"), "ok owed=0");
    assert_int_equal(pieces(0), 1);
    snprintf(body, sizeof body, "{\"OriginalPOITransaction\":{\"POITransactionID\":{\"TransactionID\":\"%s\",\"TimeStamp\":\"x\"}},"
             "\"ReversalReason\":\"MerchantCancel\"}", id);
    nexo_send(&asked, "V1", "Reversal", body);
    assert_said(nexo_await(), "\"Result\":\"Success\"");
    assert_said(ask("sync"), "ok owed=0");
    assert_int_equal(pieces(0), 0);
    office_adjust(&hq, 12, 300); /* the rest is on the card */
    must(member_code_make(code, 12, clock_now_s(), &hq.home.code_key, &why), &why);
    snprintf(account, sizeof account, "\"IdentificationType\":\"BarCode\",\"LoyaltyID\":\"%s\"", code);
    reader_sim_present(&b.reader, NULL);
    assert_said(nexo_redeem("R4", account), "\"Result\":\"Success\"");
    assert_said(ask("sync"), "ok owed=0");
    assert_int_equal(pieces(0), 1);
    close_all();
}

TEST(uplink, through_the_nexo_door_a_cut_line_is_no_refusal_of_a_piece_and_an_abort_frees_it)
{
    struct nexo_asked other;
    char id[ENTRY_TEXT_SIZE], refund[80];
    open_with_last();
    doors_open();
    assert_said(ask("tap"), "ok state=identified"); /* so that the points are on the card */
    assert_said(ask("cancel"), "ok");
    office_stop(&hq);
    assert_said(nexo_redeem("R1", ""), "\"ErrorCondition\":\"UnreachableHost\"");
    assert_said(asked.text, "There+are+only+so+many");
    office_start(&hq);
    assert_said(ask("sync"), "ok owed=0");
    assert_said(nexo_redeem("R1", ""), "\"Result\":\"Success\""); /* the same message, tried again */
    nexo_transaction(id);
    snprintf(refund, sizeof refund, "refund %s all", id);
    assert_said(ask(refund), "ok receipt=");
    assert_said(ask("sync"), "ok owed=0");
    assert_int_equal(pieces(0), 0);
    b.sleeps_at_hold = true; /* its answer does not come: asked again by the same name it is one piece */
    nexo_send(&asked, "R2", "Loyalty", NEXO_LAST);
    for (int64_t end_ms = clock_tick_ms() + 15000; !b.office_sleeps && clock_tick_ms() < end_ms;)
        both_turn();
    for (int64_t end_ms = clock_tick_ms() + 300; clock_tick_ms() < end_ms;)
        both_turn();
    b.sleeps_at_hold = b.office_sleeps = false;
    reader_sim_present(&b.reader, NULL);
    for (int64_t end_ms = clock_tick_ms() + 15000; !entry_is(b.till->sale.piece) && clock_tick_ms() < end_ms;)
        both_turn();
    assert_false(asked.replied);
    assert_int_equal(pieces(0), 100); /* the card is waited for */
    nexo_send(&other, "B1", "Abort", "{\"MessageReference\":{\"MessageCategory\":\"Loyalty\",\"ServiceID\":\"R2\",\"SaleID\":\"ECR1\"},"
                                     "\"AbortReason\":\"MerchantAbort\"}");
    assert_said(nexo_await(), "\"ErrorCondition\":\"Aborted\"");
    assert_true(other.replied);
    assert_said(ask("sync"), "ok owed=0");
    assert_int_equal(pieces(0), 0);
    reader_sim_present(&b.reader, &b.card.target);
    assert_said(nexo_redeem("R3", ""), "\"Result\":\"Success\"");
    assert_said(ask("sync"), "ok owed=0");
    assert_int_equal(pieces(0), 1);
    close_all();
}

/* The card leaves at an exchange after its tap, the till is killed in the doubt; the same message ends it, one piece. */
TEST(uplink, through_the_nexo_door_a_till_killed_in_the_debit_gives_one_piece_when_the_message_comes_again)
{
    int doubts = 0;
    for (int n = 1; n <= 12; n++) {
        open_with_last();
        doors_open();
        assert_said(ask("tap"), "ok state=identified"); /* so that the points are on the card */
        int32_t purse = cards_purse(&b.card);
        reader_sim_tear(&b.reader, n, true, ERR_GONE);
        nexo_send(&asked, "R1", "Loyalty", NEXO_LAST);
        for (int i = 0; i < 200 && !asked.replied && b.till->sale.state != SALE_DOUBT; i++) {
            both_turn();
            if (i % 20 == 19 && !b.reader.card && b.till->sale.state != SALE_DOUBT)
                reader_sim_present(&b.reader, &b.card.target);
        }
        if (b.till->sale.state == SALE_DOUBT) {
            doubts++;
            till_close_here();
            till_open_here();
            doors_open();
            reader_sim_present(&b.reader, &b.card.target);
            assert_said(nexo_redeem("R1", ""), "\"Result\":\"Success\"");
        }
        assert_said(nexo_await(), "\"Result\":\"Success\"");
        assert_int_equal(cards_purse(&b.card), purse - 100);
        assert_said(ask("sync"), "ok owed=0");
        assert_int_equal(pieces(0), 1);
        close_all();
    }
    assert_true(doubts > 0);
}

/* "STATUS body" of a request at the plain door. */
static const char *plain_post(const char *path, const char *body)
{
    static char got[5000], text[2000];
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    to.sin_port = htons((uint16_t)atoi(strrchr(plain_address(b.plain), ':') + 1));
    int64_t end_ms = clock_tick_ms() + 15000;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    int size = snprintf(text, sizeof text,
                        "POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer %s\r\nContent-Length: %zu\r\n\r\n%s",
                        path, b.token, strlen(body), body);
    assert_int_equal(send(fd, text, (size_t)size, MSG_NOSIGNAL), size);
    size_t n = 0;
    for (const char *head = NULL; clock_tick_ms() < end_ms; head = strstr(got, "\r\n\r\n")) {
        const char *length = head ? strstr(got, "Content-Length: ") : NULL;
        if (length && strlen(head + 4) >= (size_t)atoi(length + 16))
            break;
        both_turn();
        ssize_t more = recv(fd, got + n, sizeof got - 1 - n, MSG_DONTWAIT);
        n += more > 0 ? (size_t)more : 0;
        got[n] = 0;
    }
    close(fd);
    const char *at = strstr(got, "\r\n\r\n");
    assert_non_null(at);
    snprintf(text, sizeof text, "%.3s %.1900s", got + 9, at + 4);
    return text;
}

TEST(uplink, through_the_plain_door_the_last_piece_is_had_once_and_comes_back)
{
    static const char alone[] = "{\"ref\":\"A1\",\"card\":true,\"reward\":\"last\"}";
    static const char bill[] = "{\"ref\":\"A3\",\"phone\":\"030/1234567\",\"pin\":\"4711\","
                               "\"total\":\"1000.00\",\"redeem\":{\"reward\":\"last\"}}";
    char first[2000], refund[120];
    open_with_last();
    doors_open();
    office_stop(&hq);
    assert_said(plain_post("/v1/redeem", alone),
                "422 {\"error\":{\"code\":\"NO_LINE\",\"message\":\"There are only so many of this reward");
    office_start(&hq);
    assert_said(ask("sync"), "ok owed=0");
    snprintf(first, sizeof first, "%s", plain_post("/v1/redeem", alone)); /* refused, the ref is free */
    assert_said(first, "200 {");
    assert_said(first, "\"by_points\":\"5.00\",\"due\":\"0.00\",\"earned\":0,\"redeemed\":100");
    till_close_here();
    till_open_here();
    doors_open();
    assert_string_equal(plain_post("/v1/redeem", alone), first);
    assert_said(ask("sync"), "ok owed=0");
    assert_int_equal(pieces(0), 1);
    assert_said(plain_post("/v1/award", "{\"ref\":\"A2\",\"card\":true,\"total\":\"20.00\",\"redeem\":{\"reward\":\"last\"}}"),
                "422 {\"error\":{\"code\":\"REFUSED\",\"message\":\"Head office does not give this reward: none is left");
    snprintf(refund, sizeof refund, "{\"ref\":\"B1\",\"receipt\":\"%.*s\",\"all\":true}",
             (int)strcspn(strstr(first, "T0007-"), "\""), strstr(first, "T0007-"));
    assert_said(plain_post("/v1/refund", refund), "\"given_back\":100");
    assert_said(ask("sync"), "ok owed=0");
    assert_int_equal(pieces(0), 0);
    office_adjust(&hq, 12, 300); /* the rest is on the card */
    b.sleeps_at_hold = true; /* its answer does not come: the same request gets the same piece */
    assert_said(plain_post("/v1/award", bill), "409 {\"error\":{\"code\":\"NO_ANSWER\"");
    b.sleeps_at_hold = b.office_sleeps = false;
    assert_said(plain_post("/v1/award", bill), "\"by_points\":\"5.00\",\"due\":\"995.00\"");
    assert_said(ask("sync"), "ok owed=0");
    assert_int_equal(pieces(0), 1);
    close_all();
}
