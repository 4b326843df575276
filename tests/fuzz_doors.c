/* fuzz_doors.c - fuzz target: a whole till behind its doors.  The input is a day in small steps: requests of the plain
 * door, messages of nexo and commands of the cashier, right ones and ones with a field spoilt; cards laid down, torn,
 * taken away; the line to head office cut; registers that hang up; the till killed and started again.
 *
 * Whatever the day was: each reference was answered with the same bytes for ever, every receipt told is in the journal as
 * it was told, no entry is lost on the way to head office, the books agree with themselves, and the cards with them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "hw/clock.h"
#include "hw/reader_sim.h"
#include "office/books/known.h"
#include "office/members/people.h"
#include "sync/member_code.h"
#include "terminal/enrol.h"
#include "terminal/nexo/nexo.h"
#include "terminal/plain/plain.h"
#include "terminal/plain/registers.h"
#include "terminal/till.h"
#include "tests/cards.h"
#include "tests/ledgers.h"
#include "tests/offices.h"
#include "tests/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    TERMINAL = 7,
    STEPS_MAX = 40,     /* of one input */
    DAYS_A_TILL = 20,   /* inputs; then a fresh office, till and cards */
    BOOKS_EVERY = 10,   /* inputs between two looks at the whole ledger: it is posted again each time */
    WAITING_MAX = 3,    /* requests that are not answered yet */
    REFS = 8,
    TOLD_MAX = 4000,
    REQUESTS_MAX = 64
};

static const char phone[] = "+49301234567", pin[] = "4711";

/* What was answered to whom: plain by register, what and ref; nexo by service and sale. */
struct told {
    char key[80];
    char *answer;
};

/* A request on its way, on a connection of its own. */
struct waiting {
    int fd; /* -1 = none */
    char key[80];
    size_t size;
    char got[8192];
};

/* A nexo message on its way. */
struct call {
    struct nexo_call call;
    bool busy;
    char key[80];
};

static struct {
    struct office hq;
    struct vcard card[2];
    struct reader_sim reader;
    struct identity identity;
    struct kind_keys kinds;
    struct journal *journal;
    struct till *till;
    struct plain *plain;
    struct nexo *nexo;
    struct call call;
    int cashier;
    bool office_away;
    char dir[300], path[320], token[2][REGISTER_TOKEN_SIZE];
    char acquired[64], transaction[64]; /* nexo's names of the last card acquired, of the last of the others */
    char id[TXN_NAME_SIZE], receipt[ENTRY_TEXT_SIZE], code[MEMBER_CODE_TEXT_SIZE];
    struct waiting waiting[WAITING_MAX];
    struct told told[TOLD_MAX];
    int told_count, inputs;
    bool cashier_trains;
    json_t *messages[REQUESTS_MAX];
    int message_count;
} f;

/* ---- the input, byte by byte ---- */

static const uint8_t *at, *end;

static uint32_t next(uint32_t n)
{
    return at < end ? *at++ % n : 0;
}

/* ---- the shop ---- */

static void turns(int n, int most_ms)
{
    for (int i = 0; i < n; i++) {
        (void)!till_turn(f.till, most_ms);
        f.till->quit = false;
        if (!f.office_away)
            server_turn(f.hq.server, 0);
    }
}

static void open_till(void)
{
    struct errmsg why = {""};
    int ends[2];
    must(identity_load(&f.identity, f.dir, &why), &why);
    must(journal_open(&f.journal, f.path, f.identity.terminal, &why), &why);
    struct till_parts parts = {.identity = &f.identity, .home = f.dir, .journal = f.journal, .reader = &f.reader.reader,
                               .kinds = &f.kinds, .country = "+49", .office = f.hq.address};
    must(till_create(&f.till, &parts, &why), &why);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    must(till_attach(f.till, ends[1], ends[1], false, &why), &why);
    f.cashier = ends[0];
    must(nexo_create(&f.nexo, f.till, &(struct nexo_config){.wait_ms = 20}, &why), &why);
    must(plain_open(&f.plain, f.till, f.dir, &(struct http_config){.listen = "127.0.0.1:0"}, &why), &why);
}

static void close_till(void)
{
    for (int i = 0; i < WAITING_MAX; i++) {
        if (f.waiting[i].fd >= 0)
            close(f.waiting[i].fd);
        f.waiting[i].fd = -1;
    }
    till_destroy(f.till);
    nexo_destroy(f.nexo);
    plain_close(f.plain);
    journal_close(f.journal);
    identity_finish(&f.identity);
    close(f.cashier);
    f.call.busy = false;
}

static void enrol_till(void)
{
    struct code secret = {0};
    char code[CODE_TEXT_SIZE];
    int status = 0;
    office_code(&f.hq, TERMINAL, code, &secret);
    pid_t pid = fork(); /* it waits for its answer: head office has its turns here */
    if (pid == 0) {
        uint32_t terminal;
        struct errmsg why = {""};
        _exit((int)enrol(&terminal, f.dir, f.hq.address, code, &why));
    }
    while (waitpid(pid, &status, WNOHANG) == 0)
        server_turn(f.hq.server, 5);
    assert_int_equal(status, 0);
}

/* The answer of the cashier's register. */
static const char *say(const char *command)
{
    static char line[TILL_OUTPUT_MAX + 1];
    size_t size = 0;
    if (send(f.cashier, command, strlen(command), MSG_NOSIGNAL) < 0 || send(f.cashier, "\n", 1, MSG_NOSIGNAL) < 0)
        return "";
    for (int64_t end_ms = clock_tick_ms() + 10000; !memchr(line, '\n', size) && clock_tick_ms() < end_ms;) {
        turns(1, 1);
        ssize_t n = recv(f.cashier, line + size, sizeof line - 1 - size, 0);
        size += n > 0 ? (size_t)n : 0;
    }
    line[size] = 0;
    return line;
}

static void read_messages(void)
{
    char path[400], *line = NULL;
    size_t cap = 0;
    struct errmsg why;
    snprintf(path, sizeof path, "%s/nexo/requests.txt", test_data_dir());
    FILE *file = f.message_count ? NULL : fopen(path, "r");
    while (file && f.message_count < REQUESTS_MAX && getline(&line, &cap, file) > 0) {
        for (char *p = line; (p = strstr(p, "\"EUR\"")) != NULL;)
            memcpy(p, "\"GBP\"", 5);
        f.messages[f.message_count++] = nexo_json_read(bytes_of(line, strlen(line)), &why);
    }
    free(line);
    if (file)
        fclose(file);
}

static void add_staff(const char *name, enum staff_role role, const char *its_pin)
{
    static const uint8_t salt[PIN_SALT_SIZE] = {1};
    struct errmsg why = {""};
    struct staff who = {.role = role, .grant_limit = points_of(100), .grant_day_limit = points_of(500)};
    snprintf(who.name, sizeof who.name, "%s", name);
    must(pin_make(&who.pin, its_pin, salt, &why), &why);
    must(people_save_staff(f.hq.books, &who, &why), &why);
}

static void open_all(void)
{
    struct errmsg why = {""};
    static const struct card_uid uids[2] = {{{4, 1, 2, 3, 4, 5, 6}}, {{4, 9, 9, 9, 9, 9, 9}}};
    office_open(&f.hq);
    reader_sim_init(&f.reader);
    f.kinds.uids = true;
    snprintf(f.dir, sizeof f.dir, "%s.till", f.hq.dir);
    snprintf(f.path, sizeof f.path, "%s/till.db", f.dir);
    enrol_till();
    office_new_card(&f.hq, &f.card[0], VCARD_EV2, &uids[0], 12);
    office_new_card(&f.hq, &f.card[1], VCARD_EV1, &uids[1], 13);
    must(known_bind(f.hq.books, &f.hq.home.known_keys, MEANS_PHONE, bytes_of(phone, strlen(phone)), 12, 1, &why), &why);
    must(people_set_pin(f.hq.books, 12, pin, &why), &why);
    add_staff("Bo", STAFF_CASHIER, "1234");
    add_staff("Su", STAFF_SUPERVISOR, "5678");
    office_adjust(&f.hq, 12, 50000);
    office_adjust(&f.hq, 13, 50000);
    must(registers_add(f.token[0], f.dir, "front", &why), &why);
    must(registers_add(f.token[1], f.dir, "back", &why), &why);
    for (int i = 0; i < WAITING_MAX; i++)
        f.waiting[i].fd = -1;
    open_till();
    (void)say("sync 5000");
    snprintf(f.id, sizeof f.id, "i0");
    snprintf(f.receipt, sizeof f.receipt, "T0007-1");
    read_messages();
}

static void close_all(void)
{
    close_till();
    office_close(&f.hq);
    for (int i = 0; i < f.told_count; i++)
        free(f.told[i].answer);
    f.told_count = 0;
}

/* ---- what was told ---- */

/* The entry is in the journal, and says what the answer said. */
static void assert_journalled(const char *receipt, int64_t earned, int64_t redeemed)
{
    static uint8_t room[JOURNAL_ENTRY_MAX];
    static struct txn t;
    struct buf entry = BUF_ON(room);
    struct entry_id id;
    struct errmsg why = {""};
    struct sale_receipt r;
    assert_int_equal(entry_parse(&id, receipt), OK);
    assert_int_equal(id.terminal, TERMINAL);
    enum err e = journal_get(f.journal, id.seq, &entry, &why);
    must(till_read(&t, e, &entry, &why), &why);
    sale_receipt_of(&r, &t);
    if (points_n(r.earned) != earned || points_n(r.redeemed) != redeemed)
        fail_msg("%s was told to earn %d and redeem %d", receipt, (int)earned, (int)redeemed);
}

/* The same request gets the same answer. */
static void tell(const char *key, const char *answer)
{
    for (int i = 0; i < f.told_count; i++)
        if (strcmp(f.told[i].key, key) == 0) {
            if (strcmp(f.told[i].answer, answer) != 0)
                fail_msg("%s was first answered\n%s\nthen\n%s", key, f.told[i].answer, answer);
            return;
        }
    assert_true(f.told_count < TOLD_MAX);
    snprintf(f.told[f.told_count].key, sizeof f.told->key, "%s", key);
    f.told[f.told_count++].answer = strdup(answer);
}

static void answered_plain(const char *key, int status, const char *text)
{
    json_t *v = json_loads(text, 0, NULL);
    const char *receipt = json_string_value(json_object_get(v, "receipt"));
    const char *id = json_string_value(json_object_get(v, "id"));
    assert_non_null(v);
    assert_true(status == 200 || (status >= 400 && status < 500 && json_object_get(v, "error")));
    if (id)
        snprintf(f.id, sizeof f.id, "%s", id);
    if (receipt) {
        bool back = json_object_get(v, "to_money") != NULL;
        assert_int_equal(status, 200);
        assert_journalled(receipt, json_integer_value(json_object_get(v, back ? "taken_back" : "earned")),
                          json_integer_value(json_object_get(v, back ? "given_back" : "redeemed")));
        snprintf(f.receipt, sizeof f.receipt, "%s", receipt);
        tell(key, text);
    }
    json_decref(v);
}

/* ---- a register at the plain door ---- */

static void hear(struct waiting *w)
{
    ssize_t n = w->fd < 0 ? 0 : recv(w->fd, w->got + w->size, sizeof w->got - 1 - w->size, 0);
    if (w->fd < 0 || (n < 0 && errno == EAGAIN))
        return;
    assert_true(n > 0); /* no request is left without its answer */
    w->size += (size_t)n;
    w->got[w->size] = 0;
    const char *head = strstr(w->got, "\r\n\r\n"), *size = strstr(w->got, "Content-Length: ");
    if (!head || !size || strlen(head + 4) < (size_t)atoi(size + 16))
        return;
    close(w->fd);
    w->fd = -1;
    answered_plain(w->key, atoi(w->got + 9), head + 4);
}

static void hear_all(int n)
{
    for (int i = 0; i < n; i++) {
        turns(1, 0);
        for (int k = 0; k < WAITING_MAX; k++)
            hear(&f.waiting[k]);
    }
}

static void send_plain(const char *method, const char *path, const char *body, const char *key, const char *token)
{
    static char text[100000];
    struct linger hard = {.l_onoff = 1}; /* no port of the machine is left in TIME_WAIT */
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct waiting *w = NULL;
    for (int i = 0; i < WAITING_MAX && !w; i++)
        if (f.waiting[i].fd < 0)
            w = &f.waiting[i];
    if (!w)
        return;
    to.sin_port = htons((uint16_t)atoi(strrchr(plain_address(f.plain), ':') + 1));
    w->fd = socket(AF_INET, SOCK_STREAM, 0);
    w->size = 0;
    snprintf(w->key, sizeof w->key, "%s", key);
    (void)setsockopt(w->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    assert_int_equal(connect(w->fd, (struct sockaddr *)&to, sizeof to), 0);
    int n = snprintf(text, sizeof text,
                     "%s %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %zu\r\n\r\n%s", method, path,
                     token, strlen(body), body);
    assert_int_equal(send(w->fd, text, (size_t)n, MSG_NOSIGNAL), n);
    assert_int_equal(fcntl(w->fd, F_SETFL, O_NONBLOCK), 0);
    hear_all(10);
}

/* The n-th value below v, counted through. */
static bool nth(json_t *v, uint32_t *n, json_t **holder, const char **name, size_t *index)
{
    const char *key;
    json_t *value;
    size_t i;
    *holder = v;
    json_object_foreach (v, key, value) {
        *name = key;
        *holder = v;
        if ((*n)-- == 0)
            return true;
        if (nth(value, n, holder, name, index))
            return true;
    }
    json_array_foreach (v, i, value) {
        *name = NULL;
        *index = i;
        *holder = v;
        if ((*n)-- == 0)
            return true;
        if (nth(value, n, holder, name, index))
            return true;
    }
    return false;
}

static json_t *nasty(uint32_t n)
{
    static const char *const texts[] = {"null", "0", "-1", "1", "2147483648", "-9223372036854775808", "1.5", "1e300",
                                        "true", "false", "\"\"", "\"0\"", "\"-1.00\"", "\"1.234\"", "\"999999999.99\"",
                                        "\"9999999999\"", "[]", "{}", "[[[[[[1]]]]]]", "{\"a\":{\"b\":[]}}",
                                        "\"\\u00e9\\ud83d\\ude00\"", "\"\\n\\u007f\"", "\"%s%n$(x)';--\"", "\"T0007-1\"",
                                        "\"T9999-4294967295\"", "\"HTTP/1.1 500\"", "\"M12\"", "[1,2,3,4,5,6,7,8,9]"};
    enum { TEXTS = sizeof texts / sizeof *texts };
    static char longer[301];
    memset(longer, 'a', 300);
    return n % (TEXTS + 1) == TEXTS ? json_string(longer) : json_loads(texts[n % (TEXTS + 1)], JSON_DECODE_ANY, NULL);
}

/* One value anywhere in it becomes another, goes, or stands beside one that nobody knows. */
static void spoil(json_t *v)
{
    json_t *holder = v;
    const char *name = NULL;
    size_t index = 0;
    uint32_t n = next(32), how = next(64);
    if (!nth(v, &n, &holder, &name, &index))
        json_object_set_new(v, "unknown", nasty(how));
    else if (name && how < 8)
        json_object_del(holder, name);
    else if (name)
        json_object_set_new(holder, name, nasty(how));
    else
        json_array_set_new(holder, index, nasty(how));
}

static void who(json_t *v, bool selling)
{
    switch (next(16)) {
    default:
        json_object_set_new(v, "card", json_true());
        return;
    case 1:
    case 2:
        json_object_set_new(v, "phone", json_string(next(4) ? phone : "+49309999999"));
        return;
    case 3:
    case 4:
        json_object_set_new(v, "member", json_string(next(4) ? "M12" : "M99"));
        return;
    case 5:
    case 6:
        json_object_set_new(v, "code", json_string(f.code));
        return;
    case 7:
        return;
    case 8:
    case 9:
    case 10:
        json_object_set_new(v, selling ? "id" : "card", selling ? json_string(f.id) : json_true());
    }
}

static json_t *amount(void)
{
    static const char *const texts[] = {"12.40", "0.01", "100", "250.5", "3000.00", "999999999.99"};
    return json_string(texts[next(6)]);
}

static void what_is_redeemed(json_t *v)
{
    switch (next(5)) {
    case 0:
        json_object_set_new(v, "all", json_true());
        return;
    case 1:
        json_object_set_new(v, "money", amount());
        return;
    case 2:
        json_object_set_new(v, "reward", json_string("none"));
        return;
    default:
        json_object_set_new(v, "points", json_integer(50 * (1 + (int)next(20))));
    }
}

static json_t *lines(void)
{
    json_t *all = json_array();
    for (uint32_t n = 1 + next(3); n; n--) {
        json_t *one = json_pack("{s:s,s:o}", "sku", n % 2 ? "22423" : "22745", "amount", amount());
        if (next(2))
            json_object_set_new(one, "quantity", json_integer(1 + (int)next(5)));
        if (next(3) == 1)
            json_object_set_new(one, "category", json_string("gift"));
        json_array_append_new(all, one);
    }
    return all;
}

static void bill(json_t *v)
{
    if (next(2))
        json_object_set_new(v, "total", amount());
    else
        json_object_set_new(v, "lines", lines());
    if (next(2)) {
        json_t *redeem = json_object();
        what_is_redeemed(redeem);
        json_object_set_new(v, "redeem", redeem);
    }
    if (next(8) == 1)
        json_object_set_new(v, "coupons", json_pack("[s]", "TEA-1"));
    if (next(8) == 1)
        json_object_set_new(v, "tenders", json_pack("[{s:s,s:s}]", "code", "cash", "amount", "0.01"));
}

static void plain_request(void)
{
    static const char *const whats[] = {"identify", "award", "redeem", "refund"};
    static const uint8_t kinds[16] = {0, 0, 1, 1, 1, 1, 1, 2, 2, 3, 4, 5, 6, 7, 7, 7};
    static char last[3][90000];
    char path[64], ref[16], key[80] = "";
    uint32_t what = kinds[next(16)], register_ = next(8) == 7;
    const char *token = next(32) == 31 ? "nobody" : f.token[register_];
    json_t *v = json_object();
    snprintf(ref, sizeof ref, "R%d-%u", f.inputs, (unsigned)next(REFS));
    if (what == 4 || what == 5 || what == 6) {
        snprintf(path, sizeof path, what == 6 ? "/v1/tx/%s" : what == 5 ? "/v1/status" : "/v1/identify", ref);
        send_plain(what == 4 ? "DELETE" : "GET", path, "", "", token);
        json_decref(v);
        return;
    }
    if (what == 7 && last[2][0]) { /* the same again */
        send_plain("POST", last[0], last[2], last[1], token == f.token[0] ? token : f.token[1]);
        json_decref(v);
        return;
    }
    what %= 4; /* nothing was sent before */
    if (what)
        json_object_set_new(v, "ref", json_string(ref));
    if (what < 3)
        who(v, what > 0);
    if (what == 1)
        bill(v);
    if (what == 2)
        what_is_redeemed(v);
    if (what == 3) {
        json_object_set_new(v, "receipt", json_string(f.receipt));
        uint32_t way = next(3);
        json_object_set_new(v, way == 0 ? "all" : way == 1 ? "money" : "lines",
                            way == 0 ? json_true() : way == 1 ? amount() : lines());
    }
    if ((what == 1 || what == 2) && next(2))
        json_object_set_new(v, "pin", json_string(next(8) ? pin : "0000"));
    if (next(4) == 1)
        spoil(v);
    const json_t *as_sent = json_object_get(v, "ref");
    snprintf(path, sizeof path, "/v1/%s", whats[what]);
    snprintf(key, sizeof key, "%u %.60s", (unsigned)register_, json_is_string(as_sent) ? json_string_value(as_sent) : "");
    char *body = json_dumps(v, 0);
    json_decref(v);
    snprintf(last[0], sizeof last[0], "%s", path);
    snprintf(last[1], sizeof last[1], "%s", key);
    snprintf(last[2], sizeof last[2], "%s", body);
    send_plain("POST", path, body, key, token);
    free(body);
}

/* ---- a register at the nexo door ---- */

/* How a request may name it later. */
static void note_transaction(const json_t *response)
{
    const char *key;
    json_t *part;
    json_object_foreach ((json_t *)(uintptr_t)response, key, part) {
        const json_t *id = json_object_get(json_object_get(part, "POIData"), "POITransactionID");
        const char *text = json_string_value(json_object_get(id, "TransactionID"));
        if (text)
            snprintf(strncmp(key, "Card", 4) == 0 ? f.acquired : f.transaction, sizeof f.acquired, "%s", text);
    }
}

/* The transactions that a request names are some that there were. */
static void name_transactions(json_t *v)
{
    const char *key;
    json_t *part;
    json_object_foreach (v, key, part) {
        bool card = strcmp(key, "CardAcquisitionReference") == 0;
        if (card || strcmp(key, "POITransactionID") == 0)
            json_object_set_new(part, "TransactionID",
                                json_string(card ? f.acquired : next(2) ? f.transaction : f.receipt));
        name_transactions(json_is_array(part) ? json_array_get(part, 0) : part);
    }
}

/* On some days it may be in a lesson: what is done then leaves no trace, not even its answer. */
static bool register_trains(void)
{
    return f.inputs % 4 == 0;
}

static void on_reply(struct nexo_call *c, const json_t *response)
{
    struct call *call = (struct call *)c;
    assert_true(call->busy);
    call->busy = false;
    note_transaction(response);
    const json_t *loyalty = json_object_get(response, "LoyaltyResponse");
    const char *result = json_string_value(json_object_get(json_object_get(loyalty, "Response"), "Result"));
    if (!result || strcmp(result, "Success") != 0 || register_trains())
        return;
    char *text = nexo_json_write_create(response);
    assert_non_null(text);
    tell(call->key, text);
    free(text);
}

static void on_refuse(struct nexo_call *c, const char *sentence)
{
    struct call *call = (struct call *)c;
    assert_true(call->busy && *sentence);
    call->busy = false;
}

static void nexo_message(uint32_t which)
{
    if (f.call.busy || !f.message_count)
        return;
    json_t *v = json_deep_copy(f.messages[which % (uint32_t)f.message_count]);
    json_t *header = json_object_get(v, "MessageHeader");
    char service[16];
    snprintf(service, sizeof service, "%d-%u", f.inputs, (unsigned)next(REFS));
    json_object_set_new(header, "ServiceID", json_string(service));
    json_t *login = json_object_get(v, "LoginRequest");
    if (login)
        json_object_set_new(login, "TrainingModeFlag", json_boolean(register_trains() && at < end && next(2)));
    if (next(4))
        name_transactions(v);
    if (next(4) == 1 && !login)
        spoil(v);
    const char *sale = json_string_value(json_object_get(header, "SaleID"));
    const char *id = json_string_value(json_object_get(header, "ServiceID"));
    snprintf(f.call.key, sizeof f.call.key, "nexo %.30s %.30s", sale ? sale : "", id ? id : "");
    f.call.busy = true;
    f.call.call = (struct nexo_call){on_reply, on_refuse};
    nexo_request(f.nexo, v, &f.call.call);
    json_decref(v);
    hear_all(10);
}

/* ---- what else a day brings ---- */

static void command(void)
{
    static const char *const commands[] = {
        "tap 5",    "line 22423 1 1000", "line 22745 3 99999", "total", "total 5000", "redeem 100", "redeem max",
        "pay",      "pay ref=R",         "cancel",             "giveup", "status",    "void 1",     "identify member M12",
        "identify phone 030/1234567",    "grant 10 because",   "rate 2", "park",      "resume 1",   "train on",
        "train off", "show", "bill R", "login 1 1234", "login 2 5678", "approve 2 5678", "logout", "grant 20 sorry", "ungrant T0007-2",   "join",               "replace 5", "sync 5", "shift",      "receipt T0007-1"};
    uint32_t n = next(54);
    char text[64];
    if (n < sizeof commands / sizeof *commands)
        snprintf(text, sizeof text, "%s", commands[n]);
    else if (n < 48)
        snprintf(text, sizeof text, n % 2 ? "cancel" : "giveup");
    else
        snprintf(text, sizeof text, "refund %s all ref=F%u", f.receipt, (unsigned)next(REFS));
    const char *answer = say(text);
    if (strncmp(answer, "ok", 2) != 0 && strncmp(answer, "error ", 6) != 0)
        fail_msg("%s: '%s'", text, answer);
    if (strncmp(answer, "ok training=", 12) == 0)
        f.cashier_trains = answer[12] == 'y';
    char receipt[ENTRY_TEXT_SIZE] = "";
    long long points[2] = {0, 0};
    if (!f.cashier_trains && (sscanf(answer, "ok receipt=%19s %*s %*s %*s %*s %*s earned=%lld redeemed=%lld", receipt,
                                     &points[0], &points[1]) == 3 ||
                              sscanf(answer, "ok receipt=%19s %*s %*s %*s %*s clawed=%lld returned=%lld", receipt,
                                     &points[0], &points[1]) == 3))
        assert_journalled(receipt, points[0], points[1]);
}

static void cards(void)
{
    switch (next(6)) {
    case 0:
        reader_sim_present(&f.reader, NULL);
        break;
    case 1:
        reader_sim_present(&f.reader, &f.card[1].target);
        break;
    case 2:
        reader_sim_tear(&f.reader, 1 + (int32_t)next(12), next(2), next(2) ? ERR_GONE : ERR_TIMEOUT);
        break;
    default:
        reader_sim_present(&f.reader, NULL);
        turns(2, 0);
        reader_sim_present(&f.reader, &f.card[0].target);
    }
    hear_all(10);
}

/* A redemption by card that is torn somewhere; perhaps the till stops, perhaps somebody gives up; the same again. */
static void tear_redemption(void)
{
    char body[160], key[32];
    const char *path = next(2) ? "/v1/award" : "/v1/redeem";
    uint32_t ref = next(REFS), n = next(2);
    snprintf(key, sizeof key, "0 T%d-%u", f.inputs, (unsigned)ref);
    snprintf(body, sizeof body, "{\"ref\":\"%s\",\"card\":true,\"wait_s\":1,%s}", key + 2,
             path[4] == 'a' ? "\"total\":\"90.00\",\"redeem\":{\"points\":100}" : "\"points\":100");
    reader_sim_present(&f.reader, NULL);
    turns(2, 0);
    reader_sim_tear(&f.reader, 1 + (int32_t)next(24), next(2), next(2) ? ERR_GONE : ERR_TIMEOUT);
    reader_sim_present(&f.reader, &f.card[n].target);
    send_plain("POST", path, body, key, f.token[0]);
    hear_all(30);
    switch (next(6)) {
    case 0:
        close_till();
        open_till();
        break;
    case 1:
        (void)say("giveup");
        break;
    case 2:
        (void)say("cancel");
        break;
    case 3:
        reader_sim_present(&f.reader, &f.card[!n].target);
        break;
    default:
        break;
    }
    if (next(4)) {
        reader_sim_present(&f.reader, NULL);
        turns(2, 0);
        reader_sim_present(&f.reader, &f.card[n].target);
    }
    send_plain("POST", path, body, key, f.token[0]);
    hear_all(30);
}

static void hang_up(void)
{
    struct waiting *w = &f.waiting[next(WAITING_MAX)];
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
    if (f.call.busy && next(2)) {
        f.call.busy = false;
        nexo_gone(f.nexo, &f.call.call);
    }
    turns(3, 0);
}

static void step(void)
{
    switch (next(16)) {
    default:
        plain_request();
        return;
    case 4:
        tear_redemption();
        return;
    case 5:
    case 6:
    case 7:
        nexo_message(next(REQUESTS_MAX));
        return;
    case 8:
        command();
        return;
    case 9:
    case 10:
    case 11:
        cards();
        return;
    case 12:
        hear_all(1 << next(8));
        return;
    case 13:
        hang_up();
        return;
    case 14:
        f.office_away = next(2);
        return;
    case 15:
        close_till();
        open_till();
    }
}

/* ---- the end of the day ---- */

/* Everybody leaves; what is in doubt is settled by its card, or given up. */
static void go_home(void)
{
    f.office_away = false;
    if (f.call.busy)
        nexo_gone(f.nexo, &f.call.call);
    f.call.busy = false;
    for (int i = 0; i < WAITING_MAX; i++) {
        if (f.waiting[i].fd >= 0)
            close(f.waiting[i].fd);
        f.waiting[i].fd = -1;
    }
    close_till();
    open_till();
    for (int i = 0; i < 2; i++) {
        reader_sim_present(&f.reader, NULL);
        turns(2, 0);
        reader_sim_present(&f.reader, &f.card[i].target);
        (void)say("tap 50");
        (void)say("giveup");
        (void)say("cancel");
    }
    if (register_trains())
        nexo_message(0); /* the Login of requests.txt: it is serious again */
    (void)say("train off");
    f.cashier_trains = false;
    const char *status = say("status");
    if (!strstr(status, "state=idle") && !strstr(status, "state=done"))
        fail_msg("%s", status);
}

static void assert_nothing_lost(void)
{
    struct errmsg why = {""};
    uint32_t count = 0, next_seq = 0;
    uint8_t hash[MBED_HASH_SIZE];
    must(journal_verify(f.journal, &count, &why), &why);
    const char *said = say("sync 5000");
    if (strncmp(said, "ok owed=0", 9) != 0)
        fail_msg("%s", said);
    for (int i = 0; i < 2; i++) { /* loads and what they settle */
        reader_sim_present(&f.reader, NULL);
        turns(2, 0);
        reader_sim_present(&f.reader, &f.card[i].target);
        (void)say("tap 500");
        (void)say("cancel");
        (void)say("sync 5000");
        if (cards_purse(&f.card[i]) != points_n(office_member(&f.hq, (member_id)(12 + i)).on_cards))
            fail_msg("on the card of M%d are %d, in the books %d", 12 + i, (int)cards_purse(&f.card[i]),
                     (int)points_n(office_member(&f.hq, (member_id)(12 + i)).on_cards));
    }
    must(journal_verify(f.journal, &count, &why), &why);
    must(books_next_seq(f.hq.books, TERMINAL, &next_seq, hash, &why), &why);
    assert_int_equal(next_seq, count + 1);
    books_sound(f.hq.books);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (f.inputs++ % DAYS_A_TILL == 0) {
        if (f.till)
            close_all();
        open_all();
    }
    at = data;
    end = data + size;
    (void)!member_code_make(f.code, 12, clock_now_s(), &f.hq.home.code_key, NULL);
    (void)say("sync 2000");
    reader_sim_present(&f.reader, &f.card[0].target);
    for (int i = 0; i < STEPS_MAX && at < end; i++)
        step();
    go_home();
    if (f.inputs % BOOKS_EVERY == 0)
        assert_nothing_lost();
    return 0;
}
