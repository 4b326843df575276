/* test_message_send.c - the outbox to a carrier on loopback: what it gets, signed; what an answer or none does.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/mbed.h"
#include "ledgers.h"
#include "office/care/message_send.h"
#include "test.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DAY = 100, UTC = 1795384800 };
static struct errmsg why;
static int64_t now;
static const uint8_t key[HOOK_KEY_SIZE] = {1, 2, 3};
#define CHECK(call) do { if ((call) != OK) fail_msg("%s", why.text); } while (0)

/* ---- a carrier: a process that answers each request with the next status of a list and writes down what came ---- */

struct carrier {
    pid_t pid;
    char log[600], url[64];
};

static void serve(int listener, const char *statuses, const char *log)
{
    for (const char *p = statuses; *p; p += strcspn(p, " "), p += *p == ' ') {
        char request[8192];
        size_t size = 0;
        int c = accept(listener, NULL, NULL);
        for (ssize_t n; size < sizeof request - 1 && (n = read(c, request + size, sizeof request - 1 - size)) > 0;) {
            size += (size_t)n;
            request[size] = 0;
            char *body = strstr(request, "\r\n\r\n"), *length = strcasestr(request, "Content-Length: ");
            if (body && length && strlen(body + 4) >= (size_t)atoi(length + 16))
                break;
        }
        FILE *f = fopen(log, "a");
        fprintf(f, "%s\n====\n", request);
        fclose(f);
        dprintf(c, "HTTP/1.1 %d X\r\nContent-Length: 0\r\nLocation: http://127.0.0.1:1/\r\nConnection: close\r\n\r\n", atoi(p));
        close(c);
    }
    _exit(0);
}

static void carrier_start(struct carrier *k, const char *statuses)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &size), 0);
    snprintf(k->log, sizeof k->log, "%s/carrier", test_scratch_dir());
    snprintf(k->url, sizeof k->url, "http://127.0.0.1:%d/send", ntohs(a.sin_port));
    k->pid = fork();
    if (k->pid == 0)
        serve(listener, statuses, k->log);
    close(listener);
}

static char *carrier_log(struct carrier *k)
{
    static char text[32768];
    waitpid(k->pid, NULL, 0);
    FILE *f = fopen(k->log, "r");
    text[f ? fread(text, 1, sizeof text - 1, f) : 0] = 0;
    if (f)
        fclose(f);
    return text;
}

/* ---- */

static void open_with(struct ledgers *l, int messages)
{
    struct person ada = {.member = 5, .phone = "+49301234567"};
    ledgers_open(l, "send", "", "");
    now = ledgers_day(DAY);
    ledgers_member(l, 5, DAY);
    CHECK(books_save_person(l->books, &ada, &why));
    for (int i = 1; i <= messages; i++) {
        char name[16];
        enum message_answer answer;
        int64_t id;
        snprintf(name, sizeof name, "m-%d", i);
        struct message_wanted w = {.member = 5, .template_name = "t", .language = "zh", .key = name};
        CHECK(message_queue(l->books, &w, now, &id, &answer, &why));
    }
}

static struct message_sent sent;
static enum err send_all(struct ledgers *l)
{
    return message_send(l->books, key, now, UTC, 1000, &sent, &why);
}

TEST(message_send, the_carrier_gets_each_message_once_signed_with_the_number_in_it)
{
    struct ledgers l;
    struct carrier k;
    char signature[HOOK_SIGNATURE_SIZE];
    open_with(&l, 2);
    carrier_start(&k, "200 204");
    CHECK(care_set_setting(l.books, "message_url", k.url, &why));
    CHECK(send_all(&l));
    assert_int_equal(sent.sent, 2);
    char *log = carrier_log(&k), *body = strstr(log, "\r\n\r\n") + 4;
    assert_non_null(strstr(log, "POST /send HTTP/1.1"));
    assert_non_null(strstr(log, "X-Patron-Time: 1795384800"));
    assert_non_null(strstr(body, "\"to\":\"+49301234567\""));
    assert_non_null(strstr(log, "\"key\":\"m-2\""));
    char first[600];
    snprintf(first, sizeof first, "%.*s", (int)strcspn(body, "\n"), body);
    message_sign(signature, key, UTC, first);
    assert_non_null(strstr(log, signature));
    CHECK(send_all(&l));
    assert_int_equal(sent.sent + sent.failed, 0);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM message WHERE state = 'sent'"), 2);
    ledgers_close(&l);
}

TEST(message_send, what_the_carrier_refuses_is_tried_again_later_and_no_redirect_is_followed)
{
    struct ledgers l;
    struct carrier k;
    open_with(&l, 2);
    carrier_start(&k, "503 302");
    CHECK(care_set_setting(l.books, "message_url", k.url, &why));
    CHECK(send_all(&l));
    assert_int_equal(sent.failed, 2);
    assert_string_equal(sent.error, "answered with 302");
    (void)carrier_log(&k);
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM message WHERE state = 'failed' AND error LIKE 'answered with %'"), 2);
    CHECK(send_all(&l)); /* not before its pause is over */
    assert_int_equal(sent.sent + sent.failed, 0);
    ledgers_close(&l);
}

TEST(message_send, a_carrier_that_is_away_is_left_alone_after_three)
{
    struct ledgers l;
    struct carrier k;
    open_with(&l, 5);
    carrier_start(&k, "");
    (void)carrier_log(&k); /* it has gone: the port is closed */
    CHECK(care_set_setting(l.books, "message_url", k.url, &why));
    CHECK(send_all(&l));
    assert_int_equal(sent.failed, 3);
    assert_non_null(strstr(sent.error, "onnect")); /* not what it answered: it did not */
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM message WHERE state = 'queued' AND tries = 0"), 2);
    ledgers_close(&l);
}

TEST(message_send, without_an_address_or_with_a_foreign_plain_one_nothing_goes_out)
{
    struct ledgers l;
    open_with(&l, 1);
    assert_int_equal(send_all(&l), ERR_STATE);
    ledgers_exec(&l, "UPDATE care_setting SET value = 'http://example.org/' WHERE name = 'message_url'");
    assert_int_equal(send_all(&l), ERR_FORMAT);
    assert_int_equal(ledgers_sql(&l, "SELECT tries FROM message"), 0);
    ledgers_close(&l);
}

TEST(message_send, the_key_is_made_once_and_for_its_owner_alone)
{
    struct home home = {.dir = ""};
    char path[700];
    uint8_t first[HOOK_KEY_SIZE], again[HOOK_KEY_SIZE];
    struct stat s;
    snprintf(home.dir, sizeof home.dir, "%s", test_scratch_dir());
    snprintf(path, sizeof path, "%s/keys", home.dir);
    assert_int_equal(mkdir(path, 0700), 0);
    CHECK(message_hook_key(&home, first, &why));
    CHECK(message_hook_key(&home, again, &why));
    assert_memory_equal(first, again, sizeof first);
    snprintf(path, sizeof path, "%s/keys/hook.key", home.dir);
    assert_int_equal(stat(path, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0600);
    FILE *f = fopen(path, "w");
    fputs("not hex, and yet long enough to be taken for a key of 32 bytes, or so", f);
    fclose(f);
    assert_int_equal(message_hook_key(&home, again, &why), ERR_CORRUPT);
}

/* HMAC-SHA256 by another program: printf '1795384800.{"a":1}' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0102030...0 */
TEST(message_send, the_signature_is_what_another_program_computes)
{
    char signature[HOOK_SIGNATURE_SIZE];
    message_sign(signature, key, UTC, "{\"a\":1}");
    assert_string_equal(signature, "sha256=3bc81e3a2314c17b594cb7539dc05a6ac109f297579982add654517ea3e33a8a");
}

TEST(message_send, the_office_starts_one_sender_when_there_is_something_to_send_and_somewhere_to_send_it)
{
    struct ledgers l;
    open_with(&l, 1);
    CHECK(message_start(l.books, now, &why)); /* no address */
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM job"), 0);
    CHECK(care_set_setting(l.books, "message_url", "http://127.0.0.1:1/", &why));
    CHECK(message_start(l.books, now - 1, &why)); /* not due */
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM job"), 0);
    CHECK(message_start(l.books, now, &why));
    CHECK(message_start(l.books, now, &why)); /* one is enough */
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM job WHERE kind = 'messages' AND user = 0"), 1);
    ledgers_exec(&l, "UPDATE job SET state = 'done', ended_s = 1");
    CHECK(message_start(l.books, now, &why));
    assert_int_equal(ledgers_sql(&l, "SELECT count(*) FROM job"), 2);
    ledgers_close(&l);
}
