/* fuzz_plain.c - fuzz target: what the plain door reads.  The first byte chooses: a body for one of its four
 * requests, an amount, or raw bytes of a connection, whose headers and body are then read as the door does.
 * SPDX-License-Identifier: Apache-2.0 */
#include "sync/http.h"
#include "terminal/plain/plain_json.h"
#include "terminal/plain/registers.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct plain_ask ask;

static void check(const struct plain_ask *a)
{
    assert(a->line_count >= 0 && a->line_count <= TXN_LINES_MAX);
    assert(a->wait_ms >= 1000 && a->wait_ms <= PLAIN_WAIT_MOST_S * 1000);
    assert(money_minor(a->total) >= 0 && money_minor(a->money) >= 0 && points_n(a->points) >= 0);
    assert(memchr(a->ref, 0, sizeof a->ref) && memchr(a->value, 0, sizeof a->value) && memchr(a->pin, 0, sizeof a->pin));
    for (int32_t i = 0; i < a->line_count; i++)
        assert(a->lines[i].quantity > 0 && money_minor(a->lines[i].amount) >= 0 && a->lines[i].sku[0]);
}

static void read_body(enum plain_what what, struct bytes body)
{
    struct errmsg why = {""};
    uint8_t digest[32], again[32], room[1000];
    struct buf error = BUF_ON(room);
    if (plain_read(&ask, what, body, 2, &why)) {
        assert(why.text[0]);
        assert(plain_error(&error, "FORMAT", why.text) == 400 && error.size > 0);
        return;
    }
    check(&ask);
    if (what == PLAIN_IDENTIFY)
        return;
    assert(plain_digest(digest, what, body, &why) == OK);
    assert(plain_digest(again, what, body, &why) == OK && memcmp(digest, again, 32) == 0);
}

static void read_money(const char *text)
{
    for (int32_t digits = 0; digits <= 3; digits++) {
        struct money m = money_of(0), same = money_of(-1);
        char out[PLAIN_MONEY_SIZE];
        if (!plain_money(&m, text, digits))
            continue;
        plain_money_text(out, m, digits);
        assert(plain_money(&same, out, digits) && money_cmp(m, same) == 0);
    }
}

/* ---- a connection ---- */

static void take(void *door, struct http_request *r)
{
    struct registers registers = {.count = 1};
    const char *token = http_header(r, "Authorization");
    (void)door;
    assert(r->body.size <= HTTP_BODY_MAX && r->body.data[r->body.size] == 0);
    assert(!registers_find(&registers, token ? token : ""));
    read_body(PLAIN_AWARD, r->body);
    http_reply(r, 200, NULL, r->rest, strlen(r->rest), NULL, 0);
}

static void turn(struct http *h, int64_t now_ms)
{
    for (int i = 0; i < 4 || (http_due_ms(h) <= now_ms && i < 40); i++)
        http_turn(h, now_ms);
}

static void connection(const uint8_t *data, size_t size)
{
    static struct http *h;
    static int64_t now_ms;
    struct errmsg why = {""};
    char got[16384];
    if (!h) {
        if (http_open(&h, &(struct http_config){.listen = "127.0.0.1:0"}, &why))
            abort();
        http_route(h, "POST", "/v1/award", NULL, take);
        http_route(h, "GET", "/v1/tx/", NULL, take);
    }
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    to.sin_port = htons((uint16_t)atoi(strrchr(http_address(h), ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct linger hard = {.l_onoff = 1}; /* no port of the machine is left in TIME_WAIT */
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        close(fd);
        return;
    }
    (void)!send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    turn(h, ++now_ms);
    ssize_t n = recv(fd, got, sizeof got - 1, MSG_DONTWAIT);
    got[n > 0 ? n : 0] = 0;
    assert(n < 12 || strncmp(got, "HTTP/1.", 7) != 0 || got[9] != '5');
    close(fd);
    turn(h, ++now_ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[64];
    if (size < 1)
        return 0;
    struct bytes rest = bytes_of(data + 1, size - 1);
    switch (data[0] % 8) {
    case 0:
    case 1:
    case 2:
    case 3:
        read_body((enum plain_what)(data[0] % 8), rest);
        break;
    case 4:
        if (rest.size < sizeof text) {
            memcpy(text, rest.data, rest.size);
            text[rest.size] = 0;
            read_money(text);
        }
        break;
    default:
        connection(rest.data, rest.size);
    }
    return 0;
}
