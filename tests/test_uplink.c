/* test_uplink.c - a till and head office together: real TLS on loopback, real folders, journal and
 * ledger, a virtual card.  Head office is given its turns by the test, so that it can be slow,
 * gone, or back.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/people.h"
#include "base/date.h"
#include "base/mbed.h"
#include "cardproto/layout.h"
#include "hw/clock.h"
#include "hw/reader_sim.h"
#include "terminal/enrol.h"
#include "terminal/limits.h"
#include "terminal/loop.h"
#include "tests/cards.h"
#include "tests/ledgers.h"
#include "terminal/till.h"
#include "tests/offices.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
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
    struct journal *journal;
    struct till *till;
    int fd;
    char dir[300], in[4096], answer[1200];
    size_t in_size;
    bool office_sleeps, comes_back;
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
