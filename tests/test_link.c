/* test_link.c - real TLS between a till and a fake head office in one process, through a line that the
 * test can cut at any byte.  SPDX-License-Identifier: Apache-2.0 */
#include "sync/link.h"
#include "sync/outbox.h"
#include "tests/some_txn.h"
#include "tests/test.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <mbedtls/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void must(enum err e, const struct errmsg *why)
{
    if (e)
        fail_msg("%s", why->text);
}

/* ---- who is who: made once for all tests ---- */

struct person {
    mbedtls_pk_context key;
    mbedtls_x509_crt cert;
};
static struct person ca, office, till, other_ca, other_till, impostor, till_as_office;

static void make_person(struct person *p, const char *name, struct person *issuer, enum mbed_use use)
{
    struct errmsg why = {""};
    uint8_t room[MBED_CERT_DER_MAX];
    struct buf der = BUF_ON(room);
    char issuer_name[MBED_NAME_SIZE];
    must(mbed_key_make(&p->key, &why), &why);
    snprintf(issuer_name, sizeof issuer_name, "%s", name);
    if (issuer != p)
        mbed_cert_name(issuer_name, &issuer->cert);
    struct mbed_cert c = {.name = name,
                          .key = &p->key,
                          .issuer = issuer_name,
                          .issuer_key = &issuer->key,
                          .from_s = 1500000000,
                          .to_s = 4000000000,
                          .use = use};
    c.serial[15] = (uint8_t)name[0];
    must(mbed_cert_make(&der, &c, &why), &why);
    must(mbed_cert_parse(&p->cert, buf_bytes(&der), &why), &why);
}

static void make_people(void)
{
    struct errmsg why = {""};
    if (ca.cert.raw.p)
        return;
    must(mbed_init(&why), &why);
    make_person(&ca, "patron CA 1", &ca, MBED_CA);
    make_person(&other_ca, "patron CA 2", &other_ca, MBED_CA);
    make_person(&office, LINK_OFFICE_NAME, &ca, MBED_SERVER);
    make_person(&till, "till-0007", &ca, MBED_CLIENT);
    make_person(&other_till, "till-0007", &other_ca, MBED_CLIENT);
    make_person(&impostor, LINK_OFFICE_NAME, &other_ca, MBED_SERVER);
    make_person(&till_as_office, "till-0008", &ca, MBED_SERVER);
    /* As home_open does it: the CA follows, so that a till that enrols sees it. */
    must(mbedtls_x509_crt_parse_der(&office.cert, ca.cert.raw.p, ca.cert.raw.len) ? ERR_CRYPTO : OK,
         &why);
}

__attribute__((destructor)) static void forget_people(void)
{
    struct person *all[] = {&ca,       &office,   &till,          &other_ca,
                            &other_till, &impostor, &till_as_office};
    for (size_t i = 0; i < sizeof all / sizeof *all && ca.cert.raw.p; i++) {
        mbedtls_pk_free(&all[i]->key);
        mbedtls_x509_crt_free(&all[i]->cert);
    }
}

/* ---- the line between them: two sockets and what carries bytes from one to the other ---- */

struct line {
    int till_side, office_side; /* the carrier's ends */
    int64_t left[2];            /* bytes that still pass, up and down; then the line is cut */
    uint64_t passed[2];
    bool cut;
};

static void line_close(struct line *line)
{
    if (!line->cut) {
        close(line->till_side);
        close(line->office_side);
    }
    line->cut = true;
}

/* Moves what there is one way; cuts after the last byte allowed. */
static void line_move(struct line *line, int way)
{
    uint8_t room[4096];
    int from = way ? line->office_side : line->till_side;
    int to = way ? line->till_side : line->office_side;
    if (line->cut)
        return;
    if (line->left[way] == 0) {
        line_close(line);
        return;
    }
    size_t most = line->left[way] < (int64_t)sizeof room ? (size_t)line->left[way] : sizeof room;
    ssize_t n = recv(from, room, most, MSG_DONTWAIT);
    if (n == 0)
        (void)shutdown(to, SHUT_WR);
    if (n <= 0)
        return;
    if (send(to, room, (size_t)n, MSG_NOSIGNAL) != n) {
        line_close(line);
        return;
    }
    line->left[way] -= n;
    line->passed[way] += (size_t)n;
}

/* ---- both ends ---- */

enum { ENTRIES = 9 };

struct world {
    struct link_config *till_config, *office_config;
    struct link *till, *office;
    struct line line;
    int64_t now;

    /* the fake head office */
    uint32_t ledger_last, counted[ENTRIES + 1];
    bool revoked;
    bool cut_after_commit;
    uint8_t chain[WIRE_HASH_SIZE];

    /* the fake till */
    struct outbox outbox;
    uint8_t hashes[ENTRIES + 1][WIRE_HASH_SIZE];
    uint8_t entries[ENTRIES + 1][2048];
    size_t sizes[ENTRIES + 1];
    enum wire_ask asked;
    enum wire_say said;
    enum err refused_code;

    struct errmsg till_why, office_why;
    bool till_up, till_down, office_down;
};

static void world_init(struct world *w, struct person *till_is, const struct code *pin,
                       struct person *office_is)
{
    struct errmsg why = {""};
    make_people();
    memset(w, 0, sizeof *w);
    w->line.cut = true;
    struct link_identity t = {.ca = pin ? NULL : &ca.cert,
                              .certificate = till_is ? &till_is->cert : NULL,
                              .key = till_is ? &till_is->key : NULL,
                              .pin = pin};
    struct link_identity o = {
        .ca = &ca.cert, .certificate = &office_is->cert, .key = &office_is->key};
    must(link_config_create(&w->till_config, LINK_TILL, &t, &why), &why);
    must(link_config_create(&w->office_config, LINK_OFFICE, &o, &why), &why);
    must(link_create(&w->till, w->till_config, &why), &why);
    must(link_create(&w->office, w->office_config, &why), &why);
    outbox_init(&w->outbox, 1, 0);
}

static void world_finish(struct world *w)
{
    line_close(&w->line);
    link_destroy(w->till);
    link_destroy(w->office);
    link_config_destroy(w->till_config);
    link_config_destroy(w->office_config);
}

static void journal_some(struct world *w)
{
    struct errmsg why = {""};
    static struct txn t;
    for (uint32_t seq = 1; seq <= ENTRIES; seq++) {
        struct buf b = {.data = w->entries[seq], .cap = sizeof w->entries[seq]};
        some_txn(&t, TXN_SALE, 7, seq, 2);
        must(wire_encode_txn(&b, &t, &why), &why);
        w->sizes[seq] = b.size;
        wire_chain(w->hashes[seq], w->hashes[seq - 1], buf_bytes(&b));
        outbox_journalled(&w->outbox, seq);
    }
}

/* up, down: bytes that pass before the cut; -1 = all. */
static void world_connect(struct world *w, int64_t up, int64_t down)
{
    struct errmsg why = {""};
    int a[2], b[2];
    line_close(&w->line);
    link_close(w->till);
    link_close(w->office);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, a), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, b), 0);
    w->line = (struct line){.till_side = a[1],
                            .office_side = b[1],
                            .left = {up < 0 ? INT64_MAX : up, down < 0 ? INT64_MAX : down}};
    must(link_attach(w->till, a[0], w->now, &why), &why);
    must(link_attach(w->office, b[0], w->now, &why), &why);
    w->till_up = w->till_down = w->office_down = false;
    w->till_why.text[0] = w->office_why.text[0] = 0;
}

static void office_answers(struct world *w)
{
    struct errmsg why = {""};
    static struct wire_answer a;
    static struct txn t;
    const struct wire_request *r = link_request(w->office);
    memset(&a, 0, sizeof a);
    w->asked = r->ask;
    if (w->revoked) {
        link_refuse(w->office, ERR_REFUSED, "terminal 7 was revoked", w->now);
        return;
    }
    if (r->ask == ASK_TAP) {
        a.say = SAY_TAPPED;
        a.tapped.known = true;
        a.tapped.member = 42;
    } else if (r->ask == ASK_ENROL) {
        a.say = SAY_ENROLLED;
        a.enrolled.terminal = 7;
    } else {
        assert_int_equal(r->ask, ASK_SYNC);
        for (int32_t i = 0; i < r->sync.count; i++) {
            must(wire_decode_txn(&t, r->sync.entries[i], &why), &why);
            assert_int_equal(t.id.seq, r->sync.first_seq + (uint32_t)i);
            if (t.id.seq <= w->ledger_last)
                continue;
            assert_int_equal(t.id.seq, w->ledger_last + 1);
            wire_chain(w->chain, w->chain, r->sync.entries[i]);
            w->counted[t.id.seq]++;
            w->ledger_last = t.id.seq;
        }
        if (w->cut_after_commit) {
            line_close(&w->line);
            w->cut_after_commit = false;
        }
        a.say = SAY_SYNCED;
        a.synced.acked_seq = w->ledger_last;
    }
    must(link_answer(w->office, &a, w->now, &why), &why);
}

static void till_asks(struct world *w)
{
    struct errmsg why = {""};
    static struct wire_request r;
    struct outbox_batch b;
    if (link_state(w->till) != LINK_OPEN || link_is_asking(w->till) || !outbox_waiting(&w->outbox) ||
        w->outbox.under_way)
        return;
    memset(&r, 0, sizeof r);
    r.ask = ASK_SYNC;
    outbox_start(&w->outbox, &b);
    while (b.count < 3 && outbox_add(&w->outbox, &b, w->sizes[b.first + b.count]))
        r.sync.entries[b.count - 1] =
            bytes_of(w->entries[b.first + b.count - 1], w->sizes[b.first + b.count - 1]);
    r.sync.first_seq = b.first;
    r.sync.count = (int32_t)b.count;
    r.sync.hash = bytes_of(w->hashes[b.first + b.count - 1], WIRE_HASH_SIZE);
    r.sync.signature = bytes_of("not looked at here", 18);
    must(link_ask(w->till, &r, 5000, w->now, &why), &why);
    outbox_sent(&w->outbox, &b);
}

static void till_hears(struct world *w)
{
    const struct wire_answer *a = link_answer_get(w->till);
    w->said = a->say;
    if (a->say == SAY_SYNCED)
        assert_int_equal(outbox_acked(&w->outbox, a->synced.acked_seq, false, w->now, 0), OUTBOX_OK);
    if (a->say == SAY_REFUSED) {
        w->refused_code = a->refused.code;
        (void)err_set(&w->till_why, a->refused.code, "%s", a->refused.sentence);
    }
}

/* One round of everything.  False when nothing moved. */
static bool world_turn(struct world *w)
{
    uint64_t before = w->line.passed[0] + w->line.passed[1];
    bool cut = w->line.cut, moved = false;
    enum link_event e;
    till_asks(w);
    while ((e = link_step(w->till, w->now, &w->till_why)) != LINK_NOTHING) {
        moved = true;
        w->till_up |= e == LINK_UP;
        if (e == LINK_ANSWER)
            till_hears(w);
        if (e == LINK_DOWN) {
            w->till_down = true;
            if (w->outbox.under_way)
                outbox_lost(&w->outbox, w->now, 0);
        }
        till_asks(w);
    }
    line_move(&w->line, 0);
    while ((e = link_step(w->office, w->now, &w->office_why)) != LINK_NOTHING) {
        moved = true;
        if (e == LINK_REQUEST)
            office_answers(w);
        w->office_down |= e == LINK_DOWN;
    }
    line_move(&w->line, 1);
    return moved || before != w->line.passed[0] + w->line.passed[1] || cut != w->line.cut;
}

/* Until nothing moves any more. */
static void world_run(struct world *w)
{
    for (int still = 0, turns = 0; still < 3; turns++) {
        assert_true(turns < 10000);
        still = world_turn(w) ? 0 : still + 1;
    }
}

static void assert_each_counted_once(const struct world *w)
{
    for (uint32_t seq = 1; seq <= ENTRIES; seq++)
        assert_int_equal(w->counted[seq], 1);
    assert_int_equal(w->ledger_last, ENTRIES);
    assert_memory_equal(w->chain, w->hashes[ENTRIES], WIRE_HASH_SIZE);
}

static void forget_ledger(struct world *w)
{
    w->ledger_last = 0;
    memset(w->counted, 0, sizeof w->counted);
    memset(w->chain, 0, sizeof w->chain);
    outbox_init(&w->outbox, ENTRIES + 1, 0);
}

static void ask_tap(struct world *w)
{
    struct errmsg why = {""};
    static struct wire_request r;
    r = (struct wire_request){.ask = ASK_TAP, .tap.card.b = {4, 1, 2, 3, 4, 5, 6}};
    must(link_ask(w->till, &r, 5000, w->now, &why), &why);
    world_run(w);
}

/* ---- what must hold ---- */

TEST(link, entries_arrive_and_are_acknowledged_over_mutual_tls)
{
    struct world w;
    world_init(&w, &till, NULL, &office);
    journal_some(&w);
    world_connect(&w, -1, -1);
    world_run(&w);
    assert_true(w.till_up);
    assert_each_counted_once(&w);
    assert_int_equal(outbox_waiting(&w.outbox), 0);
    ask_tap(&w);
    assert_int_equal(w.said, SAY_TAPPED);
    assert_true(link_answer_get(w.till)->tapped.member == 42);
    world_finish(&w);
}

/* Cuts the line after n bytes one way, for every n of a whole conversation, then reconnects. */
static void cut_everywhere(struct world *w, int way, uint64_t step)
{
    uint64_t whole = 1;
    for (uint64_t n = 0; n <= whole; n += step) {
        forget_ledger(w);
        world_connect(w, way == 0 ? (int64_t)n : -1, way == 1 ? (int64_t)n : -1);
        world_run(w);
        if (n == 0) { /* how much is it?  Once without a cut, by the same kind of handshake. */
            forget_ledger(w);
            world_connect(w, -1, -1);
            world_run(w);
            whole = w->line.passed[way];
            assert_true(whole > 200);
            continue;
        }
        if (outbox_waiting(&w->outbox)) {
            assert_true(w->till_down);
            world_connect(w, -1, -1);
            world_run(w);
        }
        assert_int_equal(outbox_waiting(&w->outbox), 0);
        assert_each_counted_once(w);
    }
}

TEST(link, cut_at_every_byte_in_both_directions_each_entry_counts_once)
{
    struct world w;
    world_init(&w, &till, NULL, &office);
    journal_some(&w);
    world_connect(&w, -1, -1); /* one full handshake; the others are resumed */
    world_run(&w);
    uint64_t full = link_counts(w.till).handshakes - link_counts(w.till).resumed;
    /* With TLS 1.3 each handshake is a full one (link.c says why): there every 23rd byte. */
    cut_everywhere(&w, 0, MBED_TLS_RESUMES ? 1 : 23);
    cut_everywhere(&w, 1, MBED_TLS_RESUMES ? 1 : 23);
    struct link_counts c = link_counts(w.till);
    assert_true(c.handshakes > (MBED_TLS_RESUMES ? 1000 : 100));
#if MBED_TLS_RESUMES
    assert_int_equal(c.handshakes - c.resumed, full);
#else
    (void)full;
#endif
    world_finish(&w);
}

TEST(link, cut_anywhere_in_a_full_handshake_the_next_one_succeeds)
{
    struct world w;
    for (int way = 0; way < 2; way++)
        for (uint64_t n = 0; n < 1500; n += 97) {
            world_init(&w, &till, NULL, &office);
            journal_some(&w);
            world_connect(&w, way ? -1 : (int64_t)n, way ? (int64_t)n : -1);
            world_run(&w);
            assert_true(w.till_down || !outbox_waiting(&w.outbox));
            world_connect(&w, -1, -1);
            world_run(&w);
            assert_each_counted_once(&w);
            world_finish(&w);
        }
}

TEST(link, an_answer_lost_after_the_commit_counts_nothing_twice)
{
    struct world w;
    world_init(&w, &till, NULL, &office);
    journal_some(&w);
    for (int i = 0; i < 3; i++) {
        w.cut_after_commit = true;
        world_connect(&w, -1, -1);
        world_run(&w);
    }
    world_connect(&w, -1, -1);
    world_run(&w);
    assert_each_counted_once(&w);
    world_finish(&w);
}

TEST(link, a_reconnect_is_resumed_by_a_ticket_and_still_knows_the_till)
{
    struct world w;
    world_init(&w, &till, NULL, &office);
    for (int i = 0; i < 5; i++) {
        world_connect(&w, -1, -1);
        world_run(&w);
        assert_true(w.till_up);
        assert_int_equal(link_counts(w.till).handshakes, (uint64_t)i + 1);
#if MBED_TLS_RESUMES
        assert_int_equal(link_counts(w.till).resumed, (uint64_t)i);
#endif
        assert_non_null(link_peer(w.office));
        assert_memory_equal(link_peer(w.office)->raw.p, till.cert.raw.p, till.cert.raw.len);
        ask_tap(&w);
        assert_int_equal(w.said, SAY_TAPPED);
    }
    world_finish(&w);
}

TEST(link, without_a_certificate_a_till_may_only_enrol)
{
    struct errmsg why = {""};
    struct world w;
    struct code pin = {.terminal = 7};
    make_people();
    code_print(pin.print, bytes_of(ca.cert.raw.p, ca.cert.raw.len));
    world_init(&w, NULL, &pin, &office);
    world_connect(&w, -1, -1);
    world_run(&w);
    assert_true(w.till_up);
    assert_null(link_peer(w.office));
    static struct wire_request r;
    r = (struct wire_request){.ask = ASK_ENROL};
    must(link_ask(w.till, &r, 1000, w.now, &why), &why);
    world_run(&w);
    assert_int_equal(w.said, SAY_ENROLLED);
    w.asked = ASK_ENROL;
    ask_tap(&w);
    assert_int_equal(w.asked, ASK_ENROL); /* head office never saw the tap */
    assert_true(w.till_down);
    assert_true(w.office_down);
    assert_non_null(strstr(w.till_why.text, "may only enrol"));
    /* resumed, it is still nobody */
    world_connect(&w, -1, -1);
    world_run(&w);
    assert_null(link_peer(w.office));
    ask_tap(&w);
    assert_non_null(strstr(w.till_why.text, "may only enrol"));
    world_finish(&w);
}

TEST(link, a_code_of_another_programme_tells_the_till_before_it_says_anything)
{
    struct world w;
    struct code pin = {.terminal = 7};
    make_people();
    code_print(pin.print, bytes_of(other_ca.cert.raw.p, other_ca.cert.raw.len));
    world_init(&w, NULL, &pin, &office);
    world_connect(&w, -1, -1);
    world_run(&w);
    assert_false(w.till_up);
    assert_true(w.till_down);
    assert_non_null(strstr(w.till_why.text, "not our head office"));
    world_finish(&w);
}

TEST(link, a_head_office_of_another_authority_or_name_is_not_believed)
{
    struct person *posers[] = {&impostor, &till_as_office};
    for (int i = 0; i < 2; i++) {
        struct world w;
        world_init(&w, &till, NULL, posers[i]);
        world_connect(&w, -1, -1);
        world_run(&w);
        assert_false(w.till_up);
        assert_true(w.till_down);
        assert_non_null(strstr(w.till_why.text, "not our head office"));
        world_finish(&w);
    }
}

TEST(link, a_till_of_another_authority_is_refused_with_a_sentence)
{
    struct world w;
    world_init(&w, &other_till, NULL, &office);
    for (int i = 0; i < 2; i++) { /* the second is resumed where tickets are */
        world_connect(&w, -1, -1);
        world_run(&w);
        ask_tap(&w);
        assert_int_equal(w.asked, 0);
        assert_true(w.till_down);
        assert_non_null(strstr(w.till_why.text, "certificate is not good"));
    }
    world_finish(&w);
}

TEST(link, a_refusal_of_head_office_reaches_the_till_and_ends_the_line)
{
    struct world w;
    world_init(&w, &till, NULL, &office);
    w.revoked = true;
    world_connect(&w, -1, -1);
    world_run(&w);
    ask_tap(&w);
    assert_int_equal(w.said, SAY_REFUSED);
    assert_int_equal(w.refused_code, ERR_REFUSED);
    assert_string_equal(link_answer_get(w.till)->refused.sentence, "terminal 7 was revoked");
    assert_true(w.till_down);
    assert_true(w.office_down);
    world_finish(&w);
}

/* ---- a raw TLS peer that sends what it likes ---- */

struct raw {
    mbedtls_ssl_config config;
    mbedtls_ssl_context ssl;
    int fd;
};

static int raw_send(void *arg, const unsigned char *data, size_t size)
{
    ssize_t n = send(*(int *)arg, data, size, MSG_NOSIGNAL);
    return n < 0 ? errno == EAGAIN ? MBEDTLS_ERR_SSL_WANT_WRITE : MBEDTLS_ERR_SSL_CONN_EOF : (int)n;
}

static int raw_receive(void *arg, unsigned char *data, size_t size)
{
    ssize_t n = recv(*(int *)arg, data, size, 0);
    return n < 0 ? errno == EAGAIN ? MBEDTLS_ERR_SSL_WANT_READ : MBEDTLS_ERR_SSL_CONN_EOF : (int)n;
}

/* The other end of l, which is attached to the other side of fds. */
static void raw_init(struct raw *raw, bool as_office, int fd)
{
    struct person *p = as_office ? &office : &till;
    raw->fd = fd;
    mbedtls_ssl_config_init(&raw->config);
    mbedtls_ssl_init(&raw->ssl);
    assert_int_equal(mbedtls_ssl_config_defaults(
                         &raw->config, as_office ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT,
                         MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT),
                     0);
    mbedtls_ssl_conf_rng(&raw->config, mbed_random, NULL);
    mbedtls_ssl_conf_ca_chain(&raw->config, &ca.cert, NULL);
    assert_int_equal(mbedtls_ssl_conf_own_cert(&raw->config, &p->cert, &p->key), 0);
    assert_int_equal(mbedtls_ssl_setup(&raw->ssl, &raw->config), 0);
    if (!as_office)
        assert_int_equal(mbedtls_ssl_set_hostname(&raw->ssl, LINK_OFFICE_NAME), 0);
    mbedtls_ssl_set_bio(&raw->ssl, &raw->fd, raw_send, raw_receive, NULL);
}

static void raw_finish(struct raw *raw)
{
    mbedtls_ssl_free(&raw->ssl);
    mbedtls_ssl_config_free(&raw->config);
    close(raw->fd);
}

static void raw_handshake(struct raw *raw, struct link *l, int64_t now)
{
    int rc = -1;
    for (int i = 0; i < 100 && (rc != 0 || link_state(l) != LINK_OPEN); i++) {
        struct errmsg why = {""};
        if (rc != 0)
            rc = mbedtls_ssl_handshake(&raw->ssl);
        assert_int_not_equal(link_step(l, now, &why), LINK_DOWN);
    }
    assert_int_equal(rc, 0);
    assert_int_equal(link_state(l), LINK_OPEN);
}

/* A frame of the raw peer: length, then data. */
static void raw_frame(struct raw *raw, uint32_t length, const void *data, size_t size)
{
    uint8_t room[4096] = {(uint8_t)(length >> 24), (uint8_t)(length >> 16), (uint8_t)(length >> 8),
                          (uint8_t)length};
    assert_true(size + 4 <= sizeof room);
    memcpy(room + 4, data, size);
    assert_int_equal(mbedtls_ssl_write(&raw->ssl, room, size + 4), (int)size + 4);
}

/* The refusal that the raw till gets; "" when the line just ended. */
static void raw_refusal(struct raw *raw, struct link *l, int64_t now, char out[WIRE_SENTENCE_SIZE])
{
    static uint8_t in[8192];
    static struct wire_answer a;
    struct errmsg why = {""};
    size_t got = 0;
    out[0] = 0;
    for (int i = 0; i < 50; i++) {
        (void)link_step(l, now, &why);
        int rc = mbedtls_ssl_read(&raw->ssl, in + got, sizeof in - got);
        if (rc > 0)
            got += (size_t)rc;
    }
    if (got < 4)
        return;
    must(wire_decode_answer(&a, bytes_of(in + 4, got - 4), &why), &why);
    assert_int_equal(a.say, SAY_REFUSED);
    snprintf(out, WIRE_SENTENCE_SIZE, "%s", a.refused.sentence);
}

/* Encoded Tap with this number. */
static size_t tap_frame(uint8_t out[64], uint32_t number)
{
    struct errmsg why = {""};
    static struct wire_request r;
    struct buf b = {.data = out, .cap = 64};
    r = (struct wire_request){
        .number = number, .ask = ASK_TAP, .tap.card.b = {4, 1, 2, 3, 4, 5, 6}};
    must(wire_encode_request(&b, &r, &why), &why);
    return b.size;
}

TEST(link, garbage_oversize_replayed_and_skipped_frames_get_a_sentence_and_harm_nobody)
{
    struct errmsg why = {""};
    struct world w;
    uint8_t tap1[64], tap3[64], garbage[300];
    size_t tap1_size = tap_frame(tap1, 1), tap3_size = tap_frame(tap3, 3);
    for (size_t i = 0; i < sizeof garbage; i++)
        garbage[i] = (uint8_t)test_random();
    garbage[0] = 0x0f;
    const struct {
        const char *what;
        uint32_t length;
        const void *data;
        size_t size;
        bool first_a_good_one;
        const char *sentence;
    } rows[] = {
        {"oversize", WIRE_FRAME_MAX + 1, tap1, tap1_size, false, "65536 is the most"},
        {"huge", UINT32_MAX, tap1, tap1_size, false, "65536 is the most"},
        {"garbage", sizeof garbage, garbage, sizeof garbage, false, "frame"},
        {"empty", 0, "", 0, false, "without a message"},
        {"replayed", (uint32_t)tap1_size, tap1, tap1_size, true, "question 1 came where 2 was due"},
        {"skipped", (uint32_t)tap3_size, tap3, tap3_size, true, "question 3 came where 2 was due"},
        {"first is not 1", (uint32_t)tap3_size, tap3, tap3_size, false, "3 came where 1 was due"},
    };
    world_init(&w, &till, NULL, &office);
    journal_some(&w);
    world_connect(&w, -1, -1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct link *l;
        struct raw raw;
        int fds[2];
        char sentence[WIRE_SENTENCE_SIZE];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
        must(link_create(&l, w.office_config, &why), &why);
        must(link_attach(l, fds[0], 0, &why), &why);
        raw_init(&raw, false, fds[1]);
        raw_handshake(&raw, l, 0);
        if (rows[i].first_a_good_one) {
            static struct wire_answer a;
            uint8_t in[64];
            a.say = SAY_TAPPED;
            raw_frame(&raw, (uint32_t)tap1_size, tap1, tap1_size);
            assert_int_equal(link_step(l, 0, &why), LINK_REQUEST);
            must(link_answer(l, &a, 0, &why), &why);
            assert_int_equal(link_step(l, 0, &why), LINK_NOTHING);
            while (mbedtls_ssl_read(&raw.ssl, in, sizeof in) > 0)
                ;
        }
        raw_frame(&raw, rows[i].length, rows[i].data, rows[i].size);
        raw_refusal(&raw, l, 0, sentence);
        if (!strstr(sentence, rows[i].sentence))
            fail_msg("%s: the sentence is \"%s\"", rows[i].what, sentence);
        close(raw.fd); /* the other side goes: the office's end is done too */
        raw.fd = -1;
        (void)link_step(l, 0, &why);
        assert_int_equal(link_state(l), LINK_IDLE);
        raw_finish(&raw);
        link_destroy(l);
    }
    world_run(&w); /* a till that was there all the time never noticed */
    assert_each_counted_once(&w);
    world_finish(&w);
}

TEST(link, a_till_closes_on_an_answer_that_does_not_fit_its_question)
{
    struct errmsg why = {""};
    struct world w;
    static struct wire_answer a;
    static struct wire_request r;
    world_init(&w, &till, NULL, &office);
    static const struct {
        bool ask;
        uint32_t number, length; /* length 0: the true one */
        const char *sentence;
    } rows[] = {{true, 2, 0, "an answer to question 2 when 1 was open"},
                {true, 0, 0, "an answer to question 0 when 1 was open"},
                {false, 1, 0, "an answer to question 1 when 0 was open"},
                {true, 1, WIRE_FRAME_MAX + 1, "a frame of 65537 bytes"},
                {true, 1, 3, "closed"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct link *l;
        struct raw raw;
        int fds[2];
        uint8_t room[64];
        struct buf b = BUF_ON(room);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
        must(link_create(&l, w.till_config, &why), &why);
        must(link_attach(l, fds[0], 0, &why), &why);
        raw_init(&raw, true, fds[1]);
        raw_handshake(&raw, l, 0);
        r = (struct wire_request){.ask = ASK_TAP, .tap.card.b = {4, 1, 2, 3, 4, 5, 6}};
        if (rows[i].ask)
            must(link_ask(l, &r, 1000, 0, &why), &why);
        a = (struct wire_answer){.number = rows[i].number, .say = SAY_TAPPED};
        a.tapped.member = 5;
        must(wire_encode_answer(&b, &a, &why), &why);
        raw_frame(&raw, rows[i].length ? rows[i].length : (uint32_t)b.size, room, b.size);
        enum link_event e = LINK_NOTHING;
        for (int k = 0; k < 5 && e == LINK_NOTHING; k++)
            e = link_step(l, 0, &why);
        assert_int_equal(e, LINK_DOWN);
        if (!strstr(why.text, rows[i].sentence))
            fail_msg("row %zu: \"%s\"", i, why.text);
        raw_finish(&raw);
        link_destroy(l);
    }
    world_finish(&w);
}

TEST(link, bytes_that_are_no_tls_end_the_connection)
{
    struct errmsg why = {""};
    struct world w;
    world_init(&w, &till, NULL, &office);
    static const char http[] = "GET / HTTP/1.1\r\nHost: patron\r\n\r\n";
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    must(link_attach(w.office, fds[0], 0, &why), &why);
    assert_int_equal(send(fds[1], http, sizeof http, 0), (ssize_t)sizeof http);
    enum link_event e = LINK_NOTHING;
    for (int i = 0; i < 5 && e == LINK_NOTHING; i++)
        e = link_step(w.office, 0, &why);
    assert_int_equal(e, LINK_DOWN);
    close(fds[1]);
    world_finish(&w);
}

TEST(link, the_slow_and_the_silent_are_let_go_when_their_time_is_up)
{
    struct errmsg why = {""};
    struct world w;
    world_init(&w, &till, NULL, &office);
    w.now = 1000;
    world_connect(&w, 10, -1); /* the handshake stalls: the line is not cut, just dead */
    w.line.left[0] = 10;
    for (int i = 0; i < 3; i++) {
        (void)link_step(w.till, w.now, &why);
        (void)link_step(w.office, w.now, &why);
    }
    assert_int_equal(link_deadline(w.till), 1000 + LINK_CONNECT_MS);
    assert_int_equal(link_step(w.till, 999 + LINK_CONNECT_MS, &why), LINK_NOTHING);
    assert_int_equal(link_step(w.till, 1000 + LINK_CONNECT_MS, &why), LINK_DOWN);
    assert_non_null(strstr(why.text, "did not come to the line in time"));
    assert_int_equal(link_step(w.office, 1000 + LINK_CONNECT_MS, &why), LINK_DOWN);

    world_connect(&w, -1, -1);
    world_run(&w);
    assert_true(w.till_up);
    static struct wire_request r;
    r = (struct wire_request){.ask = ASK_TAP, .tap.card.b = {4, 1, 2, 3, 4, 5, 6}};
    must(link_ask(w.till, &r, 1500, w.now, &why), &why);
    assert_int_equal(link_step(w.till, w.now, &why), LINK_NOTHING);
    assert_int_equal(link_ask(w.till, &r, 1500, w.now, &why), ERR_BUSY);
    assert_int_equal(link_step(w.till, w.now + 1499, &why), LINK_NOTHING);
    assert_int_equal(link_step(w.till, w.now + 1500, &why), LINK_DOWN);
    assert_non_null(strstr(why.text, "head office did not answer in time"));
    world_finish(&w);

    /* half a frame, then nothing */
    make_people();
    world_init(&w, &till, NULL, &office);
    struct raw raw;
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    must(link_attach(w.office, fds[0], 0, &why), &why);
    raw_init(&raw, false, fds[1]);
    raw_handshake(&raw, w.office, 0);
    assert_true(link_deadline(w.office) == INT64_MAX);
    raw_frame(&raw, 100, "half", 4);
    assert_int_equal(link_step(w.office, 5, &why), LINK_NOTHING);
    assert_int_equal(link_deadline(w.office), 5 + LINK_FRAME_MS);
    assert_int_equal(link_step(w.office, 5 + LINK_FRAME_MS, &why), LINK_DOWN);
    assert_non_null(strstr(why.text, "too slow"));
    raw_finish(&raw);
    world_finish(&w);
}

/* ---- addresses ---- */

TEST(link, addresses_are_numbers_or_names_and_a_port)
{
    struct errmsg why = {""};
    struct world w;
    world_init(&w, &till, NULL, &office);
    static const char *const wrong[] = {"", "127.0.0.1", ":7443", "127.0.0.1:", "127.0.0.1:x",
                                        "127.0.0.1:99999", "127.0.0.1:123456"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(link_connect(w.till, wrong[i], 0, &why), ERR_FORMAT);

    int listener = -1, fd = -1;
    char bound[LINK_ADDRESS_SIZE], name[LINK_ADDRESS_SIZE];
    must(link_listen(&listener, "127.0.0.1:0", bound, &why), &why);
    snprintf(name, sizeof name, "localhost%s", strrchr(bound, ':'));
    for (int i = 0; i < 2; i++) { /* by number, then by name through the resolver */
        must(link_connect(w.till, i ? name : bound, 0, &why), &why);
        assert_int_equal(link_connect(w.till, bound, 0, &why), ERR_STATE);
        for (int k = 0; k < 1000 && (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) < 0; k++) {
            struct pollfd p[2] = {{.fd = listener, .events = POLLIN}};
            p[1].events = link_poll(w.till, &p[1].fd);
            (void)poll(p, 2, 20);
            assert_int_not_equal(link_step(w.till, 0, &why), LINK_DOWN);
        }
        assert_true(fd >= 0);
        must(link_attach(w.office, fd, 0, &why), &why);
        for (int k = 0; k < 200 && link_state(w.till) != LINK_OPEN; k++) {
            struct pollfd p[2];
            p[0].events = link_poll(w.till, &p[0].fd);
            p[1].events = link_poll(w.office, &p[1].fd);
            (void)poll(p, 2, 20);
            assert_int_not_equal(link_step(w.till, 0, &why), LINK_DOWN);
            assert_int_not_equal(link_step(w.office, 0, &why), LINK_DOWN);
        }
        assert_int_equal(link_state(w.till), LINK_OPEN);
        link_close(w.till);
        link_close(w.office);
    }
    close(listener);
    /* nobody listens any more */
    enum err e = link_connect(w.till, bound, 0, &why);
    for (int k = 0; k < 100 && !e && link_state(w.till) != LINK_IDLE; k++) {
        struct pollfd p;
        p.events = link_poll(w.till, &p.fd);
        (void)poll(&p, 1, 20);
        (void)link_step(w.till, 0, &why);
    }
    assert_int_equal(link_state(w.till), LINK_IDLE);
    assert_non_null(strstr(why.text, "cannot be reached"));
    world_finish(&w);
}
