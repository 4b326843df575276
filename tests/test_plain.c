/* test_plain.c - the plain door: what it reads and writes; and with a whole till behind it, a virtual card on a
 * simulated reader, and a journal on disk.  Every answer is held against docs/openapi.json.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "base/mbed.h"
#include "db/journal.h"
#include "hw/clock.h"
#include "hw/reader_sim.h"
#include "terminal/plain/plain.h"
#include "terminal/plain/plain_json.h"
#include "terminal/plain/registers.h"
#include "terminal/till.h"
#include "tests/cards.h"
#include "tests/faultvfs.h"
#include "tests/openapi.h"
#include "tests/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- amounts and requests ---- */

TEST(plain, an_amount_is_a_decimal_text_with_at_most_the_currencys_digits)
{
    static const struct {
        const char *text;
        int32_t digits;
        int64_t minor; /* -1: refused */
    } rows[] = {
        {"12.40", 2, 1240},     {"12.4", 2, 1240},      {"12", 2, 1200},        {"0.05", 2, 5},
        {"0", 2, 0},            {"007", 2, 700},        {"999999999.99", 2, 99999999999},
        {"1", 0, 1},            {"1.5", 3, 1500},       {"1.234", 3, 1234},     {"12.405", 2, -1},
        {"1.0", 0, -1},         {"", 2, -1},            {".5", 2, -1},          {"5.", 2, -1},
        {"-1", 2, -1},          {"+1", 2, -1},          {"1e2", 2, -1},         {" 1", 2, -1},
        {"1 ", 2, -1},          {"1,5", 2, -1},         {"0x10", 2, -1},        {"1000000000", 2, -1},
        {"1.2.3", 2, -1},       {"\xD9\xA1", 2, -1},    {"nan", 2, -1},         {"1.", 2, -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct money m = money_of(-7);
        bool good = plain_money(&m, rows[i].text, rows[i].digits);
        if (good != (rows[i].minor >= 0) || money_minor(m) != (good ? rows[i].minor : -7))
            fail_msg("\"%s\" with %d digits: %lld", rows[i].text, (int)rows[i].digits, (long long)money_minor(m));
    }
    char text[PLAIN_MONEY_SIZE];
    assert_string_equal(plain_money_text(text, money_of(1240), 2), "12.40");
    assert_string_equal(plain_money_text(text, money_of(-5), 2), "-0.05");
    assert_string_equal(plain_money_text(text, money_of(1500), 0), "1500");
    assert_string_equal(plain_money_text(text, money_of(7), 3), "0.007");
}

static struct plain_ask asked;

static enum err read_text(enum plain_what what, const char *text, struct errmsg *why)
{
    return plain_read(&asked, what, bytes_of(text, strlen(text)), 2, why);
}

TEST(plain, a_request_that_is_not_as_documented_is_refused_with_the_field_that_is_wrong)
{
    static const struct {
        enum plain_what what;
        const char *body, *why; /* NULL: it is taken */
    } rows[] = {
        {PLAIN_IDENTIFY, "", NULL},
        {PLAIN_IDENTIFY, "{}", NULL},
        {PLAIN_IDENTIFY, "{\"card\":true,\"wait_s\":5}", NULL},
        {PLAIN_IDENTIFY, "{\"phone\":\"+44 1234\"}", NULL},
        {PLAIN_IDENTIFY, "{\"card\":false}", "card:"},
        {PLAIN_IDENTIFY, "{\"phone\":\"1\",\"code\":\"2\"}", "one of card, phone"},
        {PLAIN_IDENTIFY, "{\"id\":\"i1\"}", "id: this field"},
        {PLAIN_IDENTIFY, "{\"pin\":\"1234\"}", "pin: this field"},
        {PLAIN_IDENTIFY, "{\"wait_s\":0}", "wait_s:"},
        {PLAIN_IDENTIFY, "{\"wait_s\":121}", "wait_s:"},
        {PLAIN_IDENTIFY, "{\"wait_s\":1.5}", "wait_s:"},
        {PLAIN_IDENTIFY, "[]", "a JSON object"},
        {PLAIN_IDENTIFY, "null", "no JSON"},
        {PLAIN_IDENTIFY, "{\"phone\":\"1\\u0000\"}", "no JSON"},
        {PLAIN_IDENTIFY, "{\"phone\":\"1\\n2\"}", "phone:"},
        {PLAIN_IDENTIFY, "{\"phone\":\"\"}", "phone:"},
        {PLAIN_IDENTIFY, "{\"phone\":1}", "phone:"},
        {PLAIN_IDENTIFY, "{\"card\":true,\"card\":true}", "no JSON"},
        {PLAIN_IDENTIFY, "{} {}", "no JSON"},
        {PLAIN_AWARD, "", "no JSON"},
        {PLAIN_AWARD, "{\"card\":true,\"total\":\"12.40\"}", "ref: it is missing"},
        {PLAIN_AWARD, "{\"ref\":\"R1\",\"total\":\"12.40\"}", "one of id, card"},
        {PLAIN_AWARD, "{\"ref\":\"R1\",\"card\":true}", "either total or lines"},
        {PLAIN_AWARD, "{\"ref\":\"R1\",\"card\":true,\"total\":12.4}", "total: a text such as \"12.40\" is expected"},
        {PLAIN_AWARD, "{\"ref\":\"R1\",\"card\":true,\"total\":\"0.00\"}", "total: a text such as \"12.40\" is expected, above 0: up to 9 digits, a point and up to 2 more"},
        {PLAIN_AWARD, "{\"ref\":\"R1\",\"card\":true,\"total\":\"1\",\"lines\":[]}", "either total or lines"},
        {PLAIN_AWARD, "{\"ref\":\"R1\",\"card\":true,\"lines\":[]}", "lines: a list of 1 to"},
        {PLAIN_AWARD, "{\"ref\":\"R1\",\"card\":true,\"lines\":[1]}", "lines[0].: an object"},
        {PLAIN_AWARD, "{\"ref\":\"R1\",\"card\":true,\"lines\":[{\"sku\":\"A\"}]}", "lines[0].amount: it is missing"},
        {PLAIN_AWARD, "{\"ref\":\"R1\",\"card\":true,\"lines\":[{\"amount\":\"1\"}]}", "lines[0].sku: it is missing"},
        {PLAIN_AWARD, "{\"ref\":\"R1\",\"card\":true,\"lines\":[{\"sku\":\"A\",\"amount\":\"1\",\"quantity\":0}]}",
         "lines[0].quantity"},
        {PLAIN_AWARD, "{\"ref\":\"R1\",\"card\":true,\"lines\":[{\"sku\":\"A\",\"amount\":\"1\",\"qty\":2}]}",
         "lines[0].qty: this field"},
        {PLAIN_AWARD, "{\"ref\":\"R1\",\"card\":true,\"lines\":[{\"sku\":\"A\",\"amount\":\"1\"}]}", NULL},
        {PLAIN_AWARD, "{\"ref\":\"R1\",\"card\":true,\"total\":\"1\",\"redeem\":{}}", "redeem.points: one of"},
        {PLAIN_AWARD, "{\"ref\":\"R1\",\"card\":true,\"total\":\"1\",\"redeem\":{\"points\":1,\"all\":true}}",
         "redeem.points: one of"},
        {PLAIN_AWARD, "{\"ref\":\"R1\",\"card\":true,\"total\":\"1\",\"redeem\":{\"point\":1}}", "redeem.point"},
        {PLAIN_AWARD, "{\"ref\":\"R1\",\"card\":true,\"total\":\"1\",\"redeem\":\"all\"}", "redeem: an object"},
        {PLAIN_AWARD, "{\"ref\":\"R1\",\"id\":\"i1\",\"total\":\"1\",\"redeem\":{\"all\":true},\"pin\":\"1234\"}", NULL},
        {PLAIN_AWARD, "{\"ref\":\"0123456789012345678901234567890123456789\",\"card\":true,\"total\":\"1\"}", "ref:"},
        {PLAIN_REDEEM, "{\"ref\":\"R1\",\"card\":true}", "one of points, money, all and reward"},
        {PLAIN_REDEEM, "{\"ref\":\"R1\",\"card\":true,\"points\":-5}", "points: a whole number"},
        {PLAIN_REDEEM, "{\"ref\":\"R1\",\"card\":true,\"points\":\"5\"}", "points: a whole number"},
        {PLAIN_REDEEM, "{\"ref\":\"R1\",\"card\":true,\"points\":99999999999}", "points: a whole number"},
        {PLAIN_REDEEM, "{\"ref\":\"R1\",\"member\":\"M12\",\"money\":\"5.00\"}", NULL},
        {PLAIN_REDEEM, "{\"ref\":\"R1\",\"card\":true,\"reward\":\"fiver\"}", NULL},
        {PLAIN_REDEEM, "{\"ref\":\"R1\",\"card\":true,\"reward\":\"off\",\"step\":100}", NULL},
        {PLAIN_REDEEM, "{\"ref\":\"R1\",\"card\":true,\"reward\":\"off\",\"points\":100}", "one of points, money, all and"},
        {PLAIN_REDEEM, "{\"ref\":\"R1\",\"card\":true,\"all\":true,\"step\":100}", "step: only a reward"},
        {PLAIN_REDEEM, "{\"ref\":\"R1\",\"card\":true,\"reward\":\"1234567890123456\"}", "reward: a text of 1 to 15"},
        {PLAIN_REDEEM, "{\"ref\":\"R1\",\"card\":true,\"all\":true,\"coupons\":[\"A\"]}", "coupons: this field"},
        {PLAIN_AWARD, "{\"ref\":\"R1\",\"card\":true,\"total\":\"1\",\"coupons\":[\"A\",\"B-1\"]}", NULL},
        {PLAIN_AWARD, "{\"ref\":\"R1\",\"card\":true,\"total\":\"1\",\"coupons\":[]}", "coupons: a list of 1 to 4"},
        {PLAIN_AWARD, "{\"ref\":\"R1\",\"card\":true,\"total\":\"1\",\"coupons\":\"A\"}", "coupons: a list of 1 to 4"},
        {PLAIN_AWARD, "{\"ref\":\"R1\",\"card\":true,\"total\":\"1\",\"coupons\":[\"1\",\"2\",\"3\",\"4\",\"5\"]}", "coupons: a list"},
        {PLAIN_AWARD, "{\"ref\":\"R1\",\"card\":true,\"total\":\"1\",\"coupons\":[\"A B\"]}", "coupons: each is a text"},
        {PLAIN_AWARD, "{\"ref\":\"R1\",\"card\":true,\"total\":\"1\",\"coupons\":[7]}", "coupons: each is a text"},
        {PLAIN_AWARD, "{\"ref\":\"R1\",\"card\":true,\"total\":\"1\",\"coupons\":[\"1234567890123456\"]}", "coupons: each"},
        {PLAIN_AWARD, "{\"ref\":\"R1\",\"card\":true,\"total\":\"1\",\"tenders\":[{\"code\":\"cash\",\"amount\":\"1\"}]}", NULL},
        {PLAIN_AWARD, "{\"ref\":\"R1\",\"card\":true,\"total\":\"1\",\"tenders\":[]}", "tenders: a list of 1 to 6"},
        {PLAIN_AWARD, "{\"ref\":\"R1\",\"card\":true,\"total\":\"1\",\"tenders\":[{\"code\":\"cash\"}]}", "tenders[0].amount: it is"},
        {PLAIN_AWARD, "{\"ref\":\"R1\",\"card\":true,\"total\":\"1\",\"tenders\":[{\"code\":\"c\",\"amount\":\"0.00\"}]}", "tenders[0].amount"},
        {PLAIN_AWARD, "{\"ref\":\"R1\",\"card\":true,\"total\":\"1\",\"tenders\":[{\"amount\":\"1\"}]}", "tenders[0].code: it is"},
        {PLAIN_AWARD, "{\"ref\":\"R1\",\"card\":true,\"total\":\"1\",\"tenders\":[{\"code\":\"c\",\"amount\":\"1\",\"x\":1}]}", "tenders[0].x: this"},
        {PLAIN_REFUND, "{\"ref\":\"R1\",\"all\":true}", "receipt: a receipt"},
        {PLAIN_REFUND, "{\"ref\":\"R1\",\"receipt\":\"42\",\"all\":true}", "receipt: a receipt"},
        {PLAIN_REFUND, "{\"ref\":\"R1\",\"receipt\":\"T0007-42\"}", "one of all, lines and money"},
        {PLAIN_REFUND, "{\"ref\":\"R1\",\"receipt\":\"T0007-42\",\"all\":true,\"money\":\"1\"}", "one of all, lines"},
        {PLAIN_REFUND, "{\"ref\":\"R1\",\"receipt\":\"T0007-42\",\"money\":\"1.00\"}", NULL},
        {PLAIN_REFUND, "{\"ref\":\"R1\",\"receipt\":\"T0007-42\",\"all\":true,\"card\":true}", "card: this field"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct errmsg why = {""};
        enum err e = read_text(rows[i].what, rows[i].body, &why);
        if ((e != OK) != (rows[i].why != NULL) || (rows[i].why && !strstr(why.text, rows[i].why)))
            fail_msg("%s: %s", rows[i].body, why.text);
    }
}

TEST(plain, a_request_becomes_what_it_says)
{
    struct errmsg why = {""};
    assert_int_equal(read_text(PLAIN_AWARD,
                               "{\"ref\":\"R1\",\"phone\":\"+44 1\",\"lines\":[{\"sku\":\"A\",\"amount\":\"1.5\"},"
                               "{\"sku\":\"B\",\"category\":\"tea\",\"quantity\":3,\"amount\":\"0\"}],"
                               "\"redeem\":{\"money\":\"2.50\"},\"pin\":\"1234\",\"wait_s\":7}",
                               &why),
                     OK);
    assert_string_equal(asked.ref, "R1");
    assert_int_equal(asked.who, WHO_MEANS);
    assert_int_equal(asked.means, MEANS_PHONE);
    assert_string_equal(asked.value, "+44 1");
    assert_int_equal(asked.line_count, 2);
    assert_string_equal(asked.lines[0].sku, "A");
    assert_int_equal(asked.lines[0].quantity, 1);
    assert_int_equal(money_minor(asked.lines[0].amount), 150);
    assert_string_equal(asked.lines[1].category, "tea");
    assert_int_equal(asked.lines[1].quantity, 3);
    assert_true(asked.redeems);
    assert_int_equal(money_minor(asked.money), 250);
    assert_string_equal(asked.pin, "1234");
    assert_int_equal(asked.wait_ms, 7000);
    plain_ask_wipe(&asked);
    assert_string_equal(asked.pin, "");
    assert_int_equal(read_text(PLAIN_REFUND, "{\"ref\":\"R1\",\"receipt\":\"T0007-42\",\"all\":true}", &why), OK);
    assert_int_equal(asked.receipt.terminal, 7);
    assert_int_equal(asked.receipt.seq, 42);
    assert_true(asked.all);
}

static void digest_of(uint8_t digest[32], enum plain_what what, const char *text)
{
    assert_int_equal(plain_digest(digest, what, bytes_of(text, strlen(text)), NULL), OK);
}

TEST(plain, the_same_request_is_the_same_whatever_order_blanks_pin_and_patience)
{
    uint8_t a[32], b[32];
    digest_of(a, PLAIN_AWARD, "{\"ref\":\"R1\",\"card\":true,\"total\":\"12.40\"}");
    digest_of(b, PLAIN_AWARD, " { \"total\" : \"12.40\", \"card\":true,\n\"pin\":\"1234\",\"wait_s\":9,\"ref\":\"R1\"}");
    assert_memory_equal(a, b, 32);
    digest_of(b, PLAIN_AWARD, "{\"ref\":\"R1\",\"card\":true,\"total\":\"12.41\"}");
    assert_memory_not_equal(a, b, 32);
    digest_of(b, PLAIN_REDEEM, "{\"ref\":\"R1\",\"card\":true,\"total\":\"12.40\"}");
    assert_memory_not_equal(a, b, 32);
}

/* ---- registers ---- */

static const char *home(void)
{
    static char path[300];
    snprintf(path, sizeof path, "%s/home", test_scratch_dir());
    mkdir(path, 0700);
    return path;
}

TEST(plain, a_registers_token_is_shown_once_kept_as_a_hash_and_known_again)
{
    struct registers r;
    struct errmsg why = {""};
    char one[REGISTER_TOKEN_SIZE], two[REGISTER_TOKEN_SIZE], path[320], text[600] = "";
    assert_int_equal(registers_load(&r, home(), &why), OK);
    assert_int_equal(r.count, 0);
    assert_int_equal(registers_add(one, home(), "front", &why), OK);
    assert_int_equal(registers_add(two, home(), "back-2", &why), OK);
    assert_string_not_equal(one, two);
    assert_int_equal(strlen(one), 64);
    assert_int_equal(registers_add(two + 0, home(), "front", &why), ERR_EXISTS);
    assert_int_equal(registers_add(text, home(), "no blank", &why), ERR_FORMAT);
    assert_int_equal(registers_add(text, home(), "", &why), ERR_FORMAT);
    assert_int_equal(registers_add(text, home(), "sixteen-letters-", &why), ERR_FORMAT);
    assert_int_equal(registers_load(&r, home(), &why), OK);
    assert_string_equal(registers_find(&r, one), "front");
    assert_null(registers_find(&r, ""));
    one[63] = one[63] == '0' ? '1' : '0';
    assert_null(registers_find(&r, one));
    snprintf(path, sizeof path, "%s/registers", home());
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    FILE *f = fopen(path, "r");
    assert_true(fread(text, 1, sizeof text - 1, f) > 0);
    fclose(f);
    assert_null(strstr(text, one));
    assert_null(strstr(text, two));
    assert_int_equal(registers_remove(home(), "front", &why), OK);
    assert_int_equal(registers_remove(home(), "front", &why), ERR_NOT_FOUND);
    assert_int_equal(registers_load(&r, home(), &why), OK);
    assert_int_equal(r.count, 1);
    chmod(path, 0644);
    assert_int_equal(registers_load(&r, home(), &why), ERR_REFUSED);
    assert_int_equal(r.count, 0);
    chmod(path, 0600);
    f = fopen(path, "a");
    fputs("who knows\n", f);
    fclose(f);
    assert_int_equal(registers_load(&r, home(), &why), ERR_CORRUPT);
    assert_int_equal(r.count, 0);
}

TEST(plain, every_error_code_of_the_till_has_its_status)
{
    for (int i = 0; i < SALE_ANSWERS; i++) {
        uint8_t room[500];
        struct buf body = BUF_ON(room);
        const char *code = sale_answer_code((enum sale_answer)i);
        int status = plain_error(&body, code, "x");
        room[body.size] = 0;
        if (i != SALE_OK && strstr((char *)room, "\"OTHER\""))
            fail_msg("%s", code);
        assert_true(status >= 400 && status < 500);
    }
    int count = 0;
    for (int status = 0; plain_error_code(count, &status); count++) {
        assert_true(status >= 400 && status < 500);
        if (!openapi_has_code(plain_error_code(count, &status), status))
            fail_msg("%s is not documented", plain_error_code(count, &status));
    }
    assert_int_equal(openapi_code_count(), count);
    uint8_t room[300];
    struct buf body = BUF_ON(room);
    assert_int_equal(plain_error(&body, "NEVER HEARD", "bad \xff text"), 422);
    room[body.size] = 0;
    assert_non_null(strstr((char *)room, "\"code\":\"OTHER\",\"message\":\"\""));
}

/* ---- a till with this door open ---- */

enum { TERMINAL = 7, MEMBER = 12, PURSE = 1000, NOW = 1291192440 /* 2010-12-01T08:34 */ };

static const struct card_uid uid_a = {{4, 1, 2, 3, 4, 5, 6}}, uid_b = {{4, 9, 9, 9, 9, 9, 9}};

static const char pack_json[] =
    "{\"version\": 1, \"effective\": \"2010-01-01\", \"name\": \"Test\", \"currency\": \"GBP\",\n"
    "\"earn\": {\"rate\": \"1/100\", \"exclude_tenders\": [\"giftcard\"], \"bonuses\": [{\"name\": \"tea\", \"points\": 7, "
    "\"when\": {\"coupon\": \"TEA-*\"}}]},\n"
    "\"rewards\": [{\"code\": \"fiver\", \"kind\": \"money\", \"points\": 250, \"value\": 500}, {\"code\": \"off\", "
    "\"kind\": \"sliding\", \"steps\": [{\"points\": 100, \"value\": 150}, {\"points\": 200, \"value\": 400}]}],\n"
    "\"tiers\": {\"metric\": \"spend\", \"window\": \"lifetime\", \"levels\": [\n"
    "  {\"code\": \"base\", \"name\": \"Base\", \"offline_per_tap\": 300, \"offline_per_day\": "
    "500}]},\n"
    "\"redeem\": {\"worth\": 1, \"min\": 10, \"step\": 10, \"max_share\": \"1/2\", "
    "\"offline_days\": 30}}";

struct shop {
    struct vcard card, other;
    struct reader_sim reader;
    struct identity identity;
    struct journal *journal;
    struct till *till;
    struct plain *plain;
    int cashier; /* our end of the till's control socket */
    char token[REGISTER_TOKEN_SIZE], second[REGISTER_TOKEN_SIZE];
    char path[320];
};

static struct shop shop;
static uint8_t signature[MBED_SIGNATURE_MAX];
static size_t signature_size;
static mbedtls_pk_context pack_key;

static void must_be(enum err e, const struct errmsg *why)
{
    if (e)
        fail_msg("%s", why->text);
}

static void open_till(struct shop *s)
{
    struct errmsg why = {""};
    struct till_parts parts = {.identity = &s->identity, .reader = &s->reader.reader, .home = home()};
    int ends[2];
    must_be(journal_open(&s->journal, s->path, TERMINAL, &why), &why);
    parts.journal = s->journal;
    must_be(till_create(&s->till, &parts, &why), &why);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    must_be(till_attach(s->till, ends[1], ends[1], false, &why), &why);
    s->cashier = ends[0];
    must_be(plain_open(&s->plain, s->till, home(), &(struct http_config){.listen = "127.0.0.1:0"}, &why), &why);
}

/* killed: nothing is ended in order; what is on disk stays. */
static void close_till(struct shop *s)
{
    till_destroy(s->till);
    plain_close(s->plain);
    journal_close(s->journal);
    close(s->cashier);
}

static void again(struct shop *s)
{
    close_till(s);
    open_till(s);
}

static void make_card(struct vcard *card, const struct card_uid *uid)
{
    struct card_office_keys keys = cards_keys(1);
    struct card_profile p = {
        .member = MEMBER, .tier = "base", .tier_valid_day = day_of_time(NOW), .layout = CARD_LAYOUT};
    cards_issue(card, VCARD_EV2, uid, &keys, &p);
    cards_load(card, &keys, PURSE, (struct entry_id){0, 1}, NOW);
}

static struct shop *open_shop(void)
{
    struct shop *s = &shop;
    struct errmsg why = {""};
    char clock[320];
    uint8_t now[8], hash[MBED_HASH_SIZE];
    faultvfs_use();
    memset(s, 0, sizeof *s);
    snprintf(clock, sizeof clock, "%s/clock", test_scratch_dir());
    FILE *f = fopen(clock, "w");
    fputs("2010-12-01T08:34\n", f);
    fclose(f);
    clock_use(clock);
    reader_sim_init(&s->reader);
    make_card(&s->card, &uid_a);
    make_card(&s->other, &uid_b);
    s->identity.terminal = TERMINAL;
    snprintf(s->identity.shop, sizeof s->identity.shop, "london");
    s->identity.card = cards_till_keys(1);
    if (!signature_size) {
        struct buf b = BUF_ON(signature);
        must_be(mbed_init(&why), &why);
        must_be(mbed_key_make(&pack_key, &why), &why);
        mbed_sha256(hash, bytes_of(pack_json, strlen(pack_json)));
        must_be(mbed_sign(&b, &pack_key, hash, &why), &why);
        signature_size = b.size;
    }
    s->identity.pack_key = pack_key;
    snprintf(s->path, sizeof s->path, "%s/till.db", home());
    must_be(registers_add(s->token, home(), "front", &why), &why);
    must_be(registers_add(s->second, home(), "back", &why), &why);
    open_till(s);
    put_le(now, NOW, sizeof now);
    must_be(journal_save(s->journal, "contact", bytes_of(now, sizeof now), &why), &why);
    must_be(packs_take(s->till, bytes_of(pack_json, strlen(pack_json)), bytes_of(signature, signature_size), &why),
            &why);
    again(s);
    return s;
}

static void turns(struct shop *s, int count)
{
    for (int i = 0; i < count; i++)
        (void)!till_turn(s->till, 1);
}

/* ---- a register ---- */

/* One request on a connection of its own; what comes back is in answer. */
struct web {
    int fd, status;
    const char *method, *path, *body;
    size_t size;
    char got[65536];
    const char *answer; /* NULL: not yet */
};

static struct web *web_send(struct shop *s, const char *token, const char *method, const char *path,
                            const char *body)
{
    struct web *w = calloc(1, sizeof *w);
    char text[40000];
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    to.sin_port = htons((uint16_t)atoi(strrchr(plain_address(s->plain), ':') + 1));
    w->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    w->method = method;
    w->path = path;
    w->body = body;
    int rc = connect(w->fd, (struct sockaddr *)&to, sizeof to);
    assert_true(rc == 0 || errno == EINPROGRESS);
    (void)setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    turns(s, 1);
    int n = snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: x\r\n%s%s%sContent-Length: %zu\r\n\r\n%s", method,
                     path, token ? "Authorization: Bearer " : "", token ? token : "", token ? "\r\n" : "",
                     strlen(body), body);
    assert_int_equal(send(w->fd, text, (size_t)n, MSG_NOSIGNAL), n);
    turns(s, 2);
    return w;
}

static bool web_has(struct web *w)
{
    ssize_t n = recv(w->fd, w->got + w->size, sizeof w->got - 1 - w->size, 0);
    if (n > 0)
        w->size += (size_t)n;
    const char *head = strstr(w->got, "\r\n\r\n"), *size = strstr(w->got, "Content-Length: ");
    if (!head || !size || strlen(head + 4) < (size_t)atoi(size + 16))
        return false;
    w->answer = head + 4;
    w->status = atoi(w->got + 9);
    return true;
}

/* Turn the till until it answers; the answer is held against the document. */
static const char *web_await(struct shop *s, struct web *w)
{
    for (int i = 0; i < 3000 && !web_has(w); i++)
        (void)!till_turn(s->till, 1);
    if (!w->answer)
        fail_msg("no answer to %s %s %s", w->method, w->path, w->body);
    openapi_check(w->method, w->path, w->body, w->status, w->answer);
    return w->answer;
}

static void web_end(struct web *w)
{
    close(w->fd);
    free(w);
}

/* Ask and await: "STATUS body". */
static const char *as(struct shop *s, const char *token, const char *method, const char *path, const char *body)
{
    static char text[4][32768];
    static int at;
    struct web *w = web_send(s, token, method, path, body);
    at = (at + 1) % 4;
    const char *answer = web_await(s, w);
    snprintf(text[at], sizeof text[at], "%d %s", w->status, answer);
    web_end(w);
    return text[at];
}

static const char *post(struct shop *s, const char *path, const char *body)
{
    return as(s, s->token, "POST", path, body);
}

static const char *get(struct shop *s, const char *path)
{
    return as(s, s->token, "GET", path, "");
}

#define assert_said(answer, what)                                                                  \
    do {                                                                                           \
        const char *answer_ = (answer);                                                            \
        if (!strstr(answer_, what))                                                                \
            fail_msg("'%s' is not in '%s'", what, answer_);                                        \
    } while (0)

/* What the cashier's own register says on the control socket. */
static const char *cashier(struct shop *s, const char *command)
{
    static char line[1200];
    size_t size = 0;
    char text[300];
    int n = snprintf(text, sizeof text, "%s\n", command);
    assert_int_equal(send(s->cashier, text, (size_t)n, MSG_NOSIGNAL), n);
    for (int i = 0; i < 2000; i++) {
        ssize_t got = recv(s->cashier, line + size, sizeof line - 1 - size, MSG_DONTWAIT);
        size += got > 0 ? (size_t)got : 0;
        line[size] = 0;
        if (strchr(line, '\n'))
            return line;
        (void)!till_turn(s->till, 1);
    }
    fail_msg("the till does not answer %s", command);
    return NULL;
}

static void lay(struct shop *s, struct vcard *card)
{
    reader_sim_present(&s->reader, card ? &card->target : NULL);
}

static uint32_t entries(struct shop *s)
{
    uint32_t count = 0;
    struct errmsg why = {""};
    must_be(journal_verify(s->journal, &count, &why), &why);
    return count;
}

/* ---- who may ----  */

TEST(plain, without_a_token_of_this_till_nothing_is_told_or_done)
{
    struct shop *s = open_shop();
    static const struct {
        const char *method, *path;
    } rows[] = {{"GET", "/v1/status"},  {"POST", "/v1/identify"}, {"DELETE", "/v1/identify"}, {"POST", "/v1/award"},
                {"POST", "/v1/redeem"}, {"POST", "/v1/refund"},   {"GET", "/v1/tx/R1"}};
    char wrong[REGISTER_TOKEN_SIZE];
    struct errmsg why = {""};
    memcpy(wrong, s->token, sizeof wrong);
    wrong[10] = wrong[10] == 'a' ? 'b' : 'a';
    lay(s, &s->card);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_said(as(s, NULL, rows[i].method, rows[i].path, ""), "401 {\"error\":{\"code\":\"TOKEN\"");
        assert_said(as(s, wrong, rows[i].method, rows[i].path, "{}"), "401 ");
        assert_said(as(s, "", rows[i].method, rows[i].path, "{}"), "401 ");
    }
    assert_int_equal(s->reader.exchanges, 0);
    assert_said(get(s, "/v1/status"), "200 ");
    must_be(registers_remove(home(), "front", &why), &why); /* holds at once */
    assert_said(get(s, "/v1/status"), "401 ");
    assert_said(as(s, s->second, "GET", "/v1/status", ""), "200 ");
    char path[320];
    snprintf(path, sizeof path, "%s/registers", home());
    chmod(path, 0644); /* others may have read it */
    assert_said(as(s, s->second, "GET", "/v1/status", ""), "401 ");
    assert_said(as(s, NULL, "GET", "/v1/openapi.json", ""), "200 {");
    close_till(s);
}

TEST(plain, status_tells_how_the_till_is)
{
    struct shop *s = open_shop();
    assert_said(get(s, "/v1/status"),
                "200 {\"terminal\":7,\"shop\":\"london\",\"time\":\"2010-12-01T08:34:00\",\"online\":false,"
                "\"contact\":\"2010-12-01T08:34:00\",\"owed\":0,\"programme\":1,\"currency\":\"GBP\",\"digits\":2,"
                "\"reader\":\"there\",\"printer\":\"none\",\"state\":\"idle\",\"free\":true,\"selling\":true,"
                "\"training\":false,\"trouble\":null}");
    close_till(s);
}

/* ---- selling ---- */

#define AWARD "{\"ref\":\"R1\",\"card\":true,\"lines\":[{\"sku\":\"MUG\",\"quantity\":2,\"amount\":\"10.00\"}," \
              "{\"sku\":\"POT\",\"amount\":\"20.00\"}]}"
#define WITH_REDEEM "{\"ref\":\"R2\",\"card\":true,\"lines\":[{\"sku\":\"MUG\",\"quantity\":2,\"amount\":\"10.00\"}," \
                    "{\"sku\":\"POT\",\"amount\":\"20.00\"}],\"redeem\":{\"points\":200}}"

TEST(plain, an_award_earns_and_the_same_again_gets_the_same_bytes_also_after_a_restart)
{
    struct shop *s = open_shop();
    char first[1000];
    lay(s, &s->card);
    int64_t syncs = faultvfs.syncs;
    snprintf(first, sizeof first, "%s", post(s, "/v1/award", AWARD));
    assert_string_equal(first, "200 {\"ref\":\"R1\",\"receipt\":\"T0007-1\",\"time\":\"2010-12-01T08:34:00\","
                               "\"member\":\"M12\",\"total\":\"30.00\",\"tier\":\"base\",\"by_points\":\"0.00\","
                               "\"due\":\"30.00\",\"earned\":30,\"redeemed\":0,\"in_doubt\":false}");
    assert_int_equal(faultvfs.syncs - syncs, 1); /* memo and entry */
    lay(s, NULL);
    assert_string_equal(post(s, "/v1/award", AWARD), first);
    again(s);
    assert_string_equal(post(s, "/v1/award", AWARD), first);
    assert_said(post(s, "/v1/award", "{\"ref\":\"R1\",\"card\":true,\"total\":\"30.00\"}"), "409 {\"error\":{\"code\":\"CONFLICT\"");
    assert_said(post(s, "/v1/redeem", "{\"ref\":\"R1\",\"card\":true,\"all\":true}"), "409 ");
    assert_said(as(s, s->second, "POST", "/v1/award", AWARD), "This ref closed T0007-1 before"); /* refs are the till's */
    assert_said(cashier(s, "line MUG 1 100"), "ok");
    assert_said(cashier(s, "total"), "ok");
    assert_said(cashier(s, "pay ref=C1"), "ok");
    assert_said(post(s, "/v1/award", "{\"ref\":\"C1\",\"card\":true,\"total\":\"1.00\"}"), "This ref closed T0007-2 before: not by this register");
    assert_said(get(s, "/v1/tx/R1"), "200 {\"ref\":\"R1\",\"what\":\"award\",\"state\":\"done\",\"answer\":{\"ref\":\"R1\",\"receipt\":\"T0007-1\"");
    assert_said(get(s, "/v1/tx/R9"), "404 ");
    assert_said(as(s, s->second, "GET", "/v1/tx/R1", ""), "409 {\"error\":{\"code\":\"CONFLICT\",\"message\":\"This ref closed T0007-1");
    assert_int_equal(entries(s), 2);
    close_till(s);
}

TEST(plain, one_that_waits_for_a_card_is_cancelled_by_its_register_its_client_or_the_time)
{
    struct shop *s = open_shop();
    struct web *w = web_send(s, s->token, "POST", "/v1/identify", "{\"wait_s\":60}");
    turns(s, 5);
    assert_said(get(s, "/v1/status"), "\"free\":false");
    assert_said(post(s, "/v1/identify", ""), "409 {\"error\":{\"code\":\"BUSY\"");
    assert_said(as(s, s->second, "DELETE", "/v1/identify", ""), "\"cancelled\":false");
    assert_said(as(s, s->token, "DELETE", "/v1/identify", ""), "\"cancelled\":true");
    assert_said(web_await(s, w), "\"code\":\"CANCELLED\"");
    web_end(w);

    w = web_send(s, s->token, "POST", "/v1/identify", "{\"wait_s\":60}");
    turns(s, 5);
    web_end(w);
    turns(s, 5);
    assert_said(get(s, "/v1/status"), "\"free\":true");

    assert_said(post(s, "/v1/identify", "{\"wait_s\":1}"), "422 {\"error\":{\"code\":\"TIMEOUT\"");
    assert_said(get(s, "/v1/status"), "\"free\":true");

    w = web_send(s, s->token, "POST", "/v1/award", AWARD);
    turns(s, 5);
    assert_said(as(s, s->token, "DELETE", "/v1/identify", ""), "\"cancelled\":true");
    assert_said(web_await(s, w), "\"code\":\"CANCELLED\"");
    web_end(w);
    assert_said(get(s, "/v1/status"), "\"free\":true");
    close_till(s);
}

/* Whatever the turn is in which it is cancelled: by DELETE, or by its client that hangs up. */
TEST(plain, who_is_cancelled_while_the_card_is_read_is_sold_nothing)
{
    struct shop *s = open_shop();
    int cancelled = 0, sold = 0;
    for (int n = 0; n < 20; n++)
        for (int i = 0; i < 3; i++) {
            char body[100] = "";
            uint32_t before = entries(s);
            if (i)
                snprintf(body, sizeof body, "{\"ref\":\"N%d-%d\",\"card\":true,\"total\":\"5.00\"}", n, i);
            struct web *w = web_send(s, s->token, "POST", i ? "/v1/award" : "/v1/identify", body);
            lay(s, &s->card);
            turns(s, n);
            if (i < 2) {
                bool did = strstr(as(s, s->token, "DELETE", "/v1/identify", ""), "true") != NULL;
                if (i && did) {
                    assert_said(web_await(s, w), "\"code\":\"CANCELLED\"");
                    assert_int_equal(entries(s), before);
                }
                cancelled += i && did;
            }
            web_end(w);
            turns(s, 40);
            assert_said(get(s, "/v1/status"), "\"free\":true");
            sold += (int)(entries(s) - before);
            if (i == 2)
                assert_int_equal(entries(s), before + 1); /* an award that nobody waits for goes on */
            (void)as(s, s->token, "DELETE", "/v1/identify", "");
            lay(s, NULL);
            turns(s, 3);
        }
    if (cancelled < 2 || sold < 2)
        fail_msg("%d cancelled, %d sold", cancelled, sold);
    close_till(s);
}

TEST(plain, coupons_ways_of_paying_and_rewards_reach_the_entry)
{
    struct shop *s = open_shop();
    lay(s, &s->card);
    assert_said(post(s, "/v1/award",
                     "{\"ref\":\"R1\",\"card\":true,\"total\":\"30.00\",\"coupons\":[\"TEA-1\",\"B\"],"
                     "\"redeem\":{\"reward\":\"fiver\"},\"tenders\":[{\"code\":\"giftcard\",\"amount\":\"10.00\"},"
                     "{\"code\":\"cash\",\"amount\":\"15.00\"}]}"),
                "\"by_points\":\"5.00\",\"due\":\"25.00\",\"earned\":22,\"redeemed\":250");
    lay(s, NULL);
    lay(s, &s->card);
    assert_said(post(s, "/v1/award", "{\"ref\":\"R2\",\"card\":true,\"total\":\"30.00\",\"redeem\":{\"reward\":\"none\"}}"),
                "422 {\"error\":{\"code\":\"REFUSED\"");
    lay(s, NULL);
    lay(s, &s->card);
    assert_said(post(s, "/v1/award",
                     "{\"ref\":\"R3\",\"card\":true,\"total\":\"30.00\",\"redeem\":{\"reward\":\"off\",\"step\":100}}"),
                "\"by_points\":\"1.50\",\"due\":\"28.50\",\"earned\":28,\"redeemed\":100");
    lay(s, NULL);
    lay(s, &s->card);
    assert_said(post(s, "/v1/award", "{\"ref\":\"R4\",\"card\":true,\"total\":\"30.00\",\"tenders\":[{\"code\":\"cash\","
                                     "\"amount\":\"30.01\"}]}"),
                "422 {\"error\":{\"code\":\"RANGE\"");
    lay(s, NULL);
    lay(s, &s->card);
    assert_said(post(s, "/v1/redeem", "{\"ref\":\"R5\",\"card\":true,\"reward\":\"off\",\"step\":100}"),
                "\"total\":\"1.50\",\"tier\":\"base\",\"by_points\":\"1.50\"");
    close_till(s);
}

TEST(plain, while_the_cashier_has_a_bill_or_a_member_the_door_is_busy)
{
    struct shop *s = open_shop();
    assert_said(cashier(s, "line MUG 1 500"), "ok lines=1");
    assert_said(post(s, "/v1/award", AWARD), "409 {\"error\":{\"code\":\"BUSY\"");
    assert_said(post(s, "/v1/identify", ""), "409 ");
    assert_said(post(s, "/v1/refund", "{\"ref\":\"F1\",\"receipt\":\"T0007-1\",\"all\":true}"), "409 ");
    assert_said(get(s, "/v1/status"), "\"free\":false");
    assert_said(cashier(s, "cancel"), "ok");
    lay(s, &s->card);
    assert_said(cashier(s, "tap"), "ok state=identified");
    assert_said(post(s, "/v1/award", AWARD), "409 ");
    assert_said(cashier(s, "cancel"), "ok");
    lay(s, NULL);
    lay(s, &s->card);
    assert_said(post(s, "/v1/award", AWARD), "200 ");
    assert_int_equal(entries(s), 1);
    close_till(s);
}

TEST(plain, an_award_may_be_paid_in_part_with_points_off_the_card)
{
    struct shop *s = open_shop();
    lay(s, &s->card);
    int64_t syncs = faultvfs.syncs;
    assert_said(post(s, "/v1/award", WITH_REDEEM),
                "\"total\":\"30.00\",\"tier\":\"base\",\"by_points\":\"2.00\",\"due\":\"28.00\",\"earned\":28,\"redeemed\":200");
    assert_int_equal(faultvfs.syncs - syncs, 2);
    assert_int_equal(cards_purse(&s->card), PURSE - 200);
    assert_said(post(s, "/v1/award", WITH_REDEEM), "200 ");
    assert_int_equal(cards_purse(&s->card), PURSE - 200);
    assert_said(post(s, "/v1/award", "{\"ref\":\"R3\",\"card\":true,\"total\":\"30.00\",\"redeem\":{\"points\":5}}"),
                "422 {\"error\":{\"code\":\"REFUSED\"");
    assert_said(get(s, "/v1/status"), "\"free\":true"); /* nothing is left of it */
    assert_said(post(s, "/v1/award", "{\"ref\":\"R3\",\"card\":true,\"total\":\"30.00\",\"redeem\":{\"points\":50}}"),
                "\"redeemed\":50");
    close_till(s);
}

/* Identify: its id, and "STATUS body" with the id taken out. */
static const char *identify(struct shop *s, const char *body, char id[TXN_NAME_SIZE])
{
    static char text[1000];
    snprintf(text, sizeof text, "%s", post(s, "/v1/identify", body));
    char *from = strstr(text, "\"id\":\""), *end = from ? strchr(from + 6, '"') : NULL;
    if (!end || end - from - 6 >= TXN_NAME_SIZE)
        fail_msg("no id in %s", text);
    snprintf(id, TXN_NAME_SIZE, "%.*s", (int)(end - from - 6), from + 6);
    memmove(from + 6, end, strlen(end) + 1);
    return text;
}

/* An award to whoever was identified as id. */
static const char *award_to(struct shop *s, const char *token, const char *ref, const char *id)
{
    char body[200];
    snprintf(body, sizeof body, "{\"ref\":\"%s\",\"id\":\"%s\",\"total\":\"5.00\"}", ref, id);
    return as(s, token, "POST", "/v1/award", body);
}

TEST(plain, a_member_identified_before_may_be_sold_to_until_somebody_else_comes)
{
    struct shop *s = open_shop();
    char id[TXN_NAME_SIZE], second[TXN_NAME_SIZE];
    lay(s, &s->card);
    assert_said(identify(s, "", id),
                "200 {\"id\":\"\",\"means\":\"card\",\"member\":\"M12\",\"name\":\"\",\"tier\":\"base\",\"online\":false,"
                "\"spendable\":300,\"spendable_value\":\"3.00\",\"on_card\":1000,\"at_head_office\":0,\"on_the_way\":0}");
    assert_said(award_to(s, s->second, "R0", id), "409 {\"error\":{\"code\":\"IDENTIFY\"");
    assert_said(award_to(s, s->token, "R0", "i9"), "409 ");
    assert_said(award_to(s, s->token, "R1", id), "200 ");
    assert_said(award_to(s, s->token, "R2", id), "409 ");
    assert_said(award_to(s, s->token, "R1", id), "200 ");
    assert_said(as(s, s->token, "DELETE", "/v1/identify", ""), "200 {\"cancelled\":false}");
    lay(s, NULL);
    lay(s, &s->other);
    (void)identify(s, "{\"card\":true}", second);
    assert_string_not_equal(second, id);
    assert_said(as(s, s->second, "DELETE", "/v1/identify", ""), "200 {\"cancelled\":false}");
    assert_said(as(s, s->token, "DELETE", "/v1/identify", ""), "200 {\"cancelled\":true}");
    assert_said(award_to(s, s->token, "R3", second), "409 ");
    assert_said(get(s, "/v1/status"), "\"state\":\"idle\"");
    close_till(s);
}

TEST(plain, an_id_from_before_a_restart_is_nobodys)
{
    struct shop *s = open_shop();
    char id[TXN_NAME_SIZE], later[TXN_NAME_SIZE];
    lay(s, &s->card);
    (void)identify(s, "", id);
    lay(s, NULL);
    again(s);
    lay(s, &s->other);
    (void)identify(s, "", later);
    assert_string_not_equal(later, id);
    assert_said(award_to(s, s->token, "R1", id), "409 {\"error\":{\"code\":\"IDENTIFY\"");
    assert_int_equal(entries(s), 0);
    close_till(s);
}

TEST(plain, whom_the_cashier_lets_go_and_taps_again_is_the_cashiers)
{
    struct shop *s = open_shop();
    char id[TXN_NAME_SIZE];
    lay(s, &s->card);
    (void)identify(s, "", id);
    assert_said(cashier(s, "cancel"), "ok");
    assert_said(cashier(s, "tap"), "ok state=identified member=M12");
    assert_said(award_to(s, s->token, "R1", id), "409 {\"error\":{\"code\":\"BUSY\"");
    assert_said(as(s, s->token, "DELETE", "/v1/identify", ""), "200 {\"cancelled\":false}");
    assert_said(cashier(s, "status"), "state=identified");
    close_till(s);
}

TEST(plain, off_line_another_telephone_is_somebody_else)
{
    struct shop *s = open_shop();
    char id[TXN_NAME_SIZE];
    assert_said(identify(s, "{\"phone\":\"+44 20 7946 0000\"}", id), "\"means\":\"phone\",\"member\":null");
    assert_said(cashier(s, "cancel"), "ok");
    assert_said(cashier(s, "identify phone +442079460001"), "ok");
    assert_said(award_to(s, s->token, "R1", id), "409 {\"error\":{\"code\":\"BUSY\"");
    assert_int_equal(entries(s), 0);
    close_till(s);
}

TEST(plain, a_till_that_is_used_for_a_lesson_sells_nothing_to_a_register)
{
    struct shop *s = open_shop();
    lay(s, &s->card);
    assert_said(cashier(s, "train on"), "ok training=yes");
    assert_said(post(s, "/v1/award", AWARD), "409 {\"error\":{\"code\":\"TRAINING\"");
    assert_said(get(s, "/v1/status"), "\"free\":false");
    assert_said(get(s, "/v1/tx/R1"), "404 ");
    assert_said(cashier(s, "train off"), "ok training=no");
    lay(s, NULL);
    struct web *w = web_send(s, s->token, "POST", "/v1/award", AWARD);
    turns(s, 5);
    assert_said(cashier(s, "train on"), "error BUSY"); /* what waits for a card is meant */
    lay(s, &s->card);
    assert_said(web_await(s, w), "\"receipt\":\"T0007-1\"");
    assert_int_equal(w->status, 200);
    assert_int_equal(entries(s), 1);
    web_end(w);
    close_till(s);
}

TEST(plain, points_may_pay_something_by_themselves)
{
    struct shop *s = open_shop();
    char first[1000];
    lay(s, &s->card);
    snprintf(first, sizeof first, "%s", post(s, "/v1/redeem", "{\"ref\":\"P1\",\"card\":true,\"points\":200}"));
    assert_said(first, "\"total\":\"2.00\",\"tier\":\"base\",\"by_points\":\"2.00\",\"due\":\"0.00\",\"earned\":0,\"redeemed\":200");
    assert_int_equal(cards_purse(&s->card), PURSE - 200);
    again(s);
    assert_string_equal(post(s, "/v1/redeem", "{\"ref\":\"P1\",\"card\":true,\"points\":200}"), first);
    lay(s, NULL);
    lay(s, &s->card);
    assert_said(post(s, "/v1/redeem", "{\"ref\":\"P2\",\"card\":true,\"money\":\"0.55\"}"), "\"redeemed\":60");
    lay(s, NULL);
    lay(s, &s->card);
    assert_said(post(s, "/v1/redeem", "{\"ref\":\"P3\",\"card\":true,\"points\":5}"), "422 {\"error\":{\"code\":\"REFUSED\"");
    assert_said(get(s, "/v1/status"), "\"free\":true");
    assert_int_equal(cards_purse(&s->card), PURSE - 260);
    close_till(s);
}

TEST(plain, goods_and_money_come_back_once)
{
    struct shop *s = open_shop();
    char first[1000];
    lay(s, &s->card);
    assert_said(post(s, "/v1/award", WITH_REDEEM), "\"receipt\":\"T0007-2\"");
    snprintf(first, sizeof first, "%s",
             post(s, "/v1/refund",
                  "{\"ref\":\"F1\",\"receipt\":\"T0007-2\",\"lines\":[{\"sku\":\"MUG\",\"quantity\":1,\"amount\":\"5.00\"}]}"));
    assert_said(first, "200 {\"ref\":\"F1\",\"receipt\":\"T0007-3\"");
    assert_said(first, "\"total\":\"5.00\",\"to_points\":\"0.33\",\"to_money\":\"4.67\",\"taken_back\":5,\"given_back\":33}");
    assert_string_equal(
        post(s, "/v1/refund",
             "{\"ref\":\"F1\",\"lines\":[{\"sku\":\"MUG\",\"quantity\":1,\"amount\":\"5.00\"}],\"receipt\":\"T0007-2\"}"),
        first);
    assert_said(post(s, "/v1/refund", "{\"ref\":\"F2\",\"receipt\":\"T0007-2\",\"money\":\"5.00\"}"), "200 ");
    assert_said(post(s, "/v1/refund", "{\"ref\":\"F3\",\"receipt\":\"T0007-2\",\"all\":true}"), "200 ");
    assert_said(post(s, "/v1/refund", "{\"ref\":\"F4\",\"receipt\":\"T0007-2\",\"all\":true}"), "{\"error\":{\"code\":\"");
    assert_said(post(s, "/v1/refund", "{\"ref\":\"F5\",\"receipt\":\"T0007-99\",\"all\":true}"), "404 {\"error\":{\"code\":\"NOT_FOUND\"");
    assert_said(get(s, "/v1/tx/F1"), "\"what\":\"refund\",\"state\":\"done\"");
    close_till(s);
}

/* ---- what goes wrong in between ---- */

/* The card is pulled away at the n-th exchange, before or after it acted; the register sends its request again until
 * it is answered, with the till restarted in between or not.  How often it was in doubt. */
static int tear(const char *path, const char *body, int n, bool after, bool restart)
{
    struct shop *s = open_shop();
    char tx[60], file[340];
    int doubts = 0, status = 0;
    snprintf(tx, sizeof tx, "/v1/tx/%.2s", strstr(body, "\"ref\":\"") + 7);
    lay(s, &s->card);
    reader_sim_tear(&s->reader, n, after, ERR_GONE);
    for (int asks = 0; asks < 6 && status != 200; asks++) {
        struct web *w = web_send(s, s->token, "POST", path, body);
        for (int i = 0; i < 3000 && !web_has(w); i++) {
            (void)!till_turn(s->till, 1);
            if (i == 20 && !s->reader.card)
                lay(s, &s->card); /* held there again */
        }
        assert_non_null(w->answer);
        openapi_check("POST", path, w->body, w->status, w->answer);
        status = w->status;
        if (strstr(w->answer, "\"DOUBT\"")) {
            doubts++;
            assert_int_equal(w->status, 409);
            assert_said(get(s, tx), "\"state\":\"doubt\"");
            if (restart)
                again(s);
            assert_said(get(s, tx), "\"state\":\"doubt\"");
            assert_said(post(s, "/v1/award", AWARD), "409 ");
        }
        web_end(w);
    }
    assert_int_equal(status, 200);
    assert_said(post(s, path, body), "\"redeemed\":200,\"in_doubt\":false");
    assert_said(get(s, tx), "\"state\":\"done\"");
    assert_int_equal(cards_purse(&s->card), PURSE - 200);
    close_till(s);
    test_remove_journal(s->path);
    snprintf(file, sizeof file, "%s/registers", home());
    unlink(file);
    return doubts;
}

TEST(plain, wherever_the_card_is_torn_the_same_request_ends_the_sale_once)
{
    for (int restart = 0; restart < 2; restart++) {
        int award = 0, alone = 0;
        for (int n = restart ? 8 : 1; n <= 11; n++) { /* in doubt is only what is near the commit */
            for (int after = 0; after < 2; after++) {
                award += tear("/v1/award", WITH_REDEEM, n, after, restart);
                if (n >= 8)
                    alone += tear("/v1/redeem", "{\"ref\":\"P1\",\"card\":true,\"points\":200}", n, after, restart);
            }
        }
        assert_true(award >= 2); /* the commit, before and after the card did it */
        assert_true(alone >= 2);
    }
}

TEST(plain, a_sale_that_was_ended_at_the_till_instead_is_the_answer_or_is_begun_anew)
{
    static const char *const ends[] = {"pay", "cancel"};
    for (int i = 0; i < 2; i++) {
        struct shop *s = open_shop();
        lay(s, &s->card);
        for (int n = 10; n >= 8; n--) { /* near its commit */
            reader_sim_tear(&s->reader, n, true, ERR_GONE);
            struct web *w = web_send(s, s->token, "POST", "/v1/award", WITH_REDEEM);
            const char *answer = web_await(s, w);
            bool doubt = strstr(answer, "\"DOUBT\"");
            web_end(w);
            if (doubt)
                break;
            assert_true(n > 8);
            lay(s, NULL);
            turns(s, 3);
            lay(s, &s->card);
            (void)cashier(s, "cancel");
        }
        assert_said(cashier(s, "giveup"), "ok state=totalled");
        assert_said(cashier(s, ends[i]), "ok");
        lay(s, NULL);
        lay(s, &s->other);
        if (i == 0) {
            assert_said(post(s, "/v1/award", WITH_REDEEM), "\"in_doubt\":true");
            assert_said(get(s, "/v1/tx/R2"), "\"state\":\"done\"");
        } else {
            assert_said(get(s, "/v1/tx/R2"), "\"state\":\"cancelled\"");
            assert_said(post(s, "/v1/award", WITH_REDEEM), "\"redeemed\":200,\"in_doubt\":false");
        }
        close_till(s);
        char file[340];
        snprintf(file, sizeof file, "%s/registers", home());
        unlink(file);
        test_remove_journal(s->path);
    }
}

TEST(plain, a_request_sent_again_while_it_waits_takes_the_place_of_the_first)
{
    struct shop *s = open_shop();
    struct web *a = web_send(s, s->token, "POST", "/v1/award", AWARD);
    turns(s, 5);
    assert_said(get(s, "/v1/tx/R1"), "\"state\":\"working\"");
    struct web *b = web_send(s, s->token, "POST", "/v1/award", AWARD);
    assert_said(web_await(s, a), "\"code\":\"CANCELLED\"");
    web_end(b); /* and its client goes: the work goes on */
    turns(s, 5);
    lay(s, &s->card);
    turns(s, 60);
    assert_int_equal(entries(s), 1);
    assert_said(post(s, "/v1/award", AWARD), "\"receipt\":\"T0007-1\"");
    web_end(a);
    close_till(s);
}

TEST(plain, a_full_disk_is_said_and_the_same_request_goes_through_when_there_is_room)
{
    struct shop *s = open_shop();
    lay(s, &s->card);
    faultvfs.fail_write = faultvfs.writes + 1;
    faultvfs.fail_for_ever = true;
    assert_said(post(s, "/v1/award", AWARD), "422 {\"error\":{\"code\":\"IO\"");
    faultvfs.fail_write = 0;
    lay(s, NULL);
    turns(s, 3);
    lay(s, &s->card);
    assert_said(post(s, "/v1/award", AWARD), "200 ");
    assert_int_equal(entries(s), 1);
    static const char refund[] = "{\"ref\":\"F1\",\"receipt\":\"T0007-1\",\"all\":true}";
    faultvfs.fail_write = faultvfs.writes + 1;
    assert_said(post(s, "/v1/refund", refund), "422 {\"error\":{\"code\":\"IO\"");
    faultvfs.fail_write = 0;
    assert_said(post(s, "/v1/refund", refund), "200 ");
    close_till(s);
}

TEST(plain, too_large_and_malformed_bodies_and_unknown_paths_are_refused_in_the_doors_own_words)
{
    struct shop *s = open_shop();
    static char text[30000];
    assert_said(post(s, "/v1/award", "{"), "400 {\"error\":{\"code\":\"FORMAT\"");
    memset(text, '[', sizeof text - 1);
    assert_said(post(s, "/v1/award", text), "400 ");
    assert_said(post(s, "/v1/identify", "\xff\xfe"), "400 ");
    struct web *w = web_send(s, s->token, "PUT", "/v1/award", "{}");
    for (int i = 0; i < 100 && !web_has(w); i++)
        turns(s, 1);
    assert_int_equal(w->status, 405);
    assert_said(w->answer, "\"code\":\"METHOD\",\"message\":\"This path takes POST.\"");
    web_end(w);
    w = web_send(s, s->token, "GET", "/v1/nothing", "");
    for (int i = 0; i < 100 && !web_has(w); i++)
        turns(s, 1);
    assert_int_equal(w->status, 404);
    assert_said(w->answer, "{\"error\":{\"code\":\"PATH\"");
    web_end(w);
    close_till(s);
}

TEST(plain, a_second_customer_at_once_and_cards_that_are_not_ours_are_each_their_own_answer)
{
    struct shop *s = open_shop();
    struct vcard blank;
    vcard_init(&blank, VCARD_EV2, &uid_b, 7);
    lay(s, &blank);
    assert_said(post(s, "/v1/award", AWARD), "422 {\"error\":{\"code\":\"FOREIGN\"");
    lay(s, &s->card);
    reader_sim_add(&s->reader, &s->other.target);
    assert_said(post(s, "/v1/award", AWARD), "422 {\"error\":{\"code\":\"TWO_CARDS\"");
    reader_sim_add(&s->reader, NULL);
    struct errmsg why = {""};
    must_be(journal_set_card_status(s->journal, &uid_a, CARD_BLOCKED, &why), &why);
    lay(s, NULL);
    lay(s, &s->card);
    assert_said(post(s, "/v1/award", AWARD), "422 {\"error\":{\"code\":\"BLOCKED\"");
    assert_int_equal(entries(s), 0);
    close_till(s);
}
