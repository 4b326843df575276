/* link.c - see link.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "sync/link.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <mbedtls/error.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_ticket.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    HEAD = 4,
    TICKET_LIFE_S = 86400,
    LEAVE_DRAIN_MAX = 1 << 20, /* bytes swallowed while leaving */
};

struct link_config {
    enum link_end end;
    const struct code *pin;
    mbedtls_ssl_config ssl;
    mbedtls_ssl_ticket_context tickets;
};

struct link {
    struct link_config *config;
    enum link_state state;
    int fd; /* socket, or the pipe of the resolver */
    pid_t resolver;
    bool has_ssl, has_session, verified;
    int session_faults; /* handshakes with session that ended early, in a row */
    bool asking;        /* a question is open */
    bool leaving;       /* go to LEAVING when out is flushed */
    uint32_t number;    /* of the last question */
    short want;         /* what TLS waits for */
    int64_t deadline;   /* of connecting, leaving, or the answer */
    int64_t out_deadline, in_deadline;
    size_t in_size, out_size, out_at;
    size_t drained;
    mbedtls_ssl_context ssl;
    mbedtls_ssl_session session; /* till: to be resumed */
    struct link_counts counts;
    struct errmsg reason; /* of leaving */
    union {
        struct wire_request request;
        struct wire_answer answer;
    };
    uint8_t in[HEAD + WIRE_FRAME_MAX], out[HEAD + WIRE_FRAME_MAX];
};

/* ---- what all connections share ---- */

enum err link_config_create(struct link_config **out, enum link_end end,
                            const struct link_identity *identity, struct errmsg *why)
{
    struct link_config *c = calloc(1, sizeof *c);
    if (!c)
        return err_set(why, ERR_FULL, "no memory for TLS");
    bool office = end == LINK_OFFICE;
    assert(identity->ca || (!office && identity->pin));
    c->end = end;
    c->pin = identity->ca ? NULL : identity->pin;
    mbedtls_ssl_config_init(&c->ssl);
    mbedtls_ssl_ticket_init(&c->tickets);
    int rc = mbedtls_ssl_config_defaults(&c->ssl,
                                         office ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT,
                                         MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
    mbedtls_ssl_conf_rng(&c->ssl, mbed_random, NULL);
    mbed_tls_narrow(&c->ssl);
    /* OPTIONAL: the handshake goes on, and opened() refuses with a sentence. */
    mbedtls_ssl_conf_authmode(&c->ssl, office || c->pin ? MBEDTLS_SSL_VERIFY_OPTIONAL
                                                        : MBEDTLS_SSL_VERIFY_REQUIRED);
    if (identity->ca)
        mbedtls_ssl_conf_ca_chain(&c->ssl, identity->ca, NULL);
    if (rc == 0 && identity->certificate)
        rc = mbedtls_ssl_conf_own_cert(&c->ssl, identity->certificate, identity->key);
    if (rc == 0 && office) {
        rc = mbedtls_ssl_ticket_setup(&c->tickets, mbed_random, NULL, MBEDTLS_CIPHER_AES_256_GCM,
                                      TICKET_LIFE_S);
        mbedtls_ssl_conf_session_tickets_cb(&c->ssl, mbedtls_ssl_ticket_write, mbedtls_ssl_ticket_parse,
                                            &c->tickets);
    }
    if (rc) {
        link_config_destroy(c);
        return mbed_fail(why, ERR_CRYPTO, rc, "set up TLS");
    }
    *out = c;
    return OK;
}

void link_config_destroy(struct link_config *config)
{
    if (!config)
        return;
    mbedtls_ssl_config_free(&config->ssl);
    mbedtls_ssl_ticket_free(&config->tickets);
    free(config);
}

/* ---- one connection ---- */

enum err link_create(struct link **out, struct link_config *config, struct errmsg *why)
{
    struct link *l = calloc(1, sizeof *l);
    if (!l)
        return err_set(why, ERR_FULL, "no memory for a connection");
    l->config = config;
    l->fd = -1;
    mbedtls_ssl_session_init(&l->session);
    *out = l;
    return OK;
}

void link_destroy(struct link *l)
{
    if (!l)
        return;
    link_close(l);
    mbedtls_ssl_session_free(&l->session);
    bytes_wipe(l->in, sizeof l->in); /* an enrolment carries a card key */
    bytes_wipe(l->out, sizeof l->out);
    free(l);
}

enum link_state link_state(const struct link *l)
{
    return l->state;
}

bool link_is_asking(const struct link *l)
{
    return l->asking;
}

const struct wire_answer *link_answer_get(const struct link *l)
{
    return &l->answer;
}

const struct wire_request *link_request(const struct link *l)
{
    return &l->request;
}

struct link_counts link_counts(const struct link *l)
{
    return l->counts;
}

const mbedtls_x509_crt *link_peer(const struct link *l)
{
    return l->has_ssl ? mbedtls_ssl_get_peer_cert(&l->ssl) : NULL;
}

void link_close(struct link *l)
{
    if (l->has_ssl) {
        if (l->state == LINK_OPEN)
            (void)mbedtls_ssl_close_notify(&l->ssl); /* if it does not fit now, the FIN says it too */
        mbedtls_ssl_free(&l->ssl);
        l->has_ssl = false;
    }
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
    if (l->resolver > 0) {
        kill(l->resolver, SIGKILL);
        waitpid(l->resolver, NULL, 0);
    }
    l->resolver = 0;
    l->state = LINK_IDLE;
    l->asking = l->leaving = false;
    l->number = 0;
    l->in_size = l->out_size = l->out_at = 0;
}

static enum link_event down(struct link *l)
{
    link_close(l);
    return LINK_DOWN;
}

static const char *other_side(const struct link *l)
{
    return l->config->end == LINK_OFFICE ? "the till" : "head office";
}

/* ---- address and socket ---- */

struct address {
    struct sockaddr_storage sa;
    socklen_t size;
};

static enum err split(const char *address, char host[256], char port[8], struct errmsg *why)
{
    const char *colon = strrchr(address, ':');
    size_t size = colon ? (size_t)(colon - address) : 0;
    const char *from = address;
    if (size >= 2 && address[0] == '[' && address[size - 1] == ']') { /* [::1]:7443 */
        from++;
        size -= 2;
    }
    if (size == 0 || size >= 256 || strlen(colon + 1) == 0 || strlen(colon + 1) >= 6 ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1) || strtol(colon + 1, NULL, 10) > 65535)
        return err_set(why, ERR_FORMAT, "\"%s\" is not an address like 127.0.0.1:7443", address);
    memcpy(host, from, size);
    host[size] = 0;
    snprintf(port, 8, "%s", colon + 1);
    return OK;
}

bool link_is_address(const char *address)
{
    char host[256], port[8];
    return split(address, host, port, NULL) == OK;
}

/* A number needs no look-up.  gai: EAI_NONAME when it is a name. */
static int look_up(struct address *out, const char *host, const char *port, int flags)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int gai = getaddrinfo(host, port, &hints, &found);
    if (gai)
        return gai;
    memcpy(&out->sa, found->ai_addr, found->ai_addrlen);
    out->size = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

static enum err start_tls(struct link *l, struct errmsg *why)
{
    int one = 1;
    (void)setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* fails on a socketpair */
    l->state = LINK_SHAKING;
    l->want = l->config->end == LINK_OFFICE ? POLLIN : POLLOUT;
    l->verified = false;
    l->reason.text[0] = 0;
    mbedtls_ssl_init(&l->ssl);
    l->has_ssl = true;
    int rc = mbedtls_ssl_setup(&l->ssl, &l->config->ssl);
    if (rc == 0 && l->config->end == LINK_TILL) {
        rc = mbedtls_ssl_set_hostname(&l->ssl, LINK_OFFICE_NAME);
        if (rc == 0 && l->has_session && mbedtls_ssl_set_session(&l->ssl, &l->session) != 0)
            l->has_session = false; /* a full handshake will do */
    }
    return rc ? mbed_fail(why, ERR_CRYPTO, rc, "set up TLS") : OK;
}

static enum err start_connect(struct link *l, const struct address *to, struct errmsg *why)
{
    l->fd = socket(to->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l->fd < 0)
        return err_set(why, ERR_IO, "socket: %s", strerror(errno));
    l->state = LINK_CONNECTING;
    if (connect(l->fd, (const struct sockaddr *)&to->sa, to->size) != 0 && errno != EINPROGRESS)
        return err_set(why, ERR_IO, "head office cannot be reached: %s", strerror(errno));
    return OK;
}

/* A child asks the resolver and writes the address to a pipe: an address, or nothing. */
static enum err start_resolver(struct link *l, const char *host, const char *port, struct errmsg *why)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return err_set(why, ERR_IO, "pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0) {
        struct address found;
        memset(&found, 0, sizeof found);
        bool good = look_up(&found, host, port, 0) == 0;
        _exit(good && write(ends[1], &found, sizeof found) == (ssize_t)sizeof found ? 0 : 1);
    }
    close(ends[1]);
    l->fd = ends[0];
    if (pid < 0)
        return err_set(why, ERR_IO, "fork: %s", strerror(errno));
    l->resolver = pid;
    l->state = LINK_RESOLVING;
    return OK;
}

enum err link_connect(struct link *l, const char *address, int64_t tick_ms, struct errmsg *why)
{
    char host[256], port[8];
    struct address to;
    assert(l->config->end == LINK_TILL);
    if (l->state != LINK_IDLE)
        return err_set(why, ERR_STATE, "the line is in use");
    enum err e = split(address, host, port, why);
    if (e)
        return e;
    l->deadline = tick_ms + LINK_CONNECT_MS;
    memset(&to, 0, sizeof to);
    e = look_up(&to, host, port, AI_NUMERICHOST) == 0 ? start_connect(l, &to, why)
                                                      : start_resolver(l, host, port, why);
    if (e)
        link_close(l);
    return e;
}

enum err link_attach(struct link *l, int fd, int64_t tick_ms, struct errmsg *why)
{
    int flags = fcntl(fd, F_GETFL);
    enum err e = OK;
    if (l->state != LINK_IDLE)
        e = err_set(why, ERR_STATE, "the line is in use");
    else if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
        e = err_set(why, ERR_IO, "fcntl: %s", strerror(errno));
    if (e) {
        close(fd);
        return e;
    }
    l->fd = fd;
    l->deadline = tick_ms + LINK_CONNECT_MS;
    e = start_tls(l, why);
    if (e)
        link_close(l);
    return e;
}

enum err link_listen(int *fd, const char *address, char bound[LINK_ADDRESS_SIZE], struct errmsg *why)
{
    char host[256], port[8];
    struct address at;
    enum err e = split(address, host, port, why);
    if (e)
        return e;
    memset(&at, 0, sizeof at);
    int gai = look_up(&at, host, port, AI_PASSIVE);
    if (gai)
        return err_set(why, ERR_IO, "%s: %s", address, gai_strerror(gai));
    int s = socket(at.sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    if (s < 0)
        return err_set(why, ERR_IO, "socket: %s", strerror(errno));
    (void)setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    at.size = sizeof at.sa;
    if (bind(s, (struct sockaddr *)&at.sa, at.sa.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                                         : sizeof(struct sockaddr_in)) ||
        listen(s, 128) || getsockname(s, (struct sockaddr *)&at.sa, &at.size) ||
        getnameinfo((struct sockaddr *)&at.sa, at.size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV)) {
        e = err_set(why, ERR_IO, "cannot listen on %s: %s", address, strerror(errno));
        close(s);
        return e;
    }
    snprintf(bound, LINK_ADDRESS_SIZE, at.sa.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
    *fd = s;
    return OK;
}

/* ---- TLS on the socket ---- */

static int send_some(void *arg, const unsigned char *data, size_t size)
{
    struct link *l = arg;
    ssize_t n = send(l->fd, data, size, MSG_NOSIGNAL);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? MBEDTLS_ERR_SSL_WANT_WRITE
                                                 : MBEDTLS_ERR_SSL_CONN_EOF;
    l->counts.bytes_out += (size_t)n;
    return (int)n;
}

static int receive_some(void *arg, unsigned char *data, size_t size)
{
    struct link *l = arg;
    ssize_t n = recv(l->fd, data, size, 0);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? MBEDTLS_ERR_SSL_WANT_READ
                                                 : MBEDTLS_ERR_SSL_CONN_EOF;
    l->counts.bytes_in += (size_t)n;
    return (int)n;
}

/* Called for each certificate of the other side's chain; not when a session is resumed. */
static int look_at(void *arg, mbedtls_x509_crt *crt, int depth, uint32_t *flags)
{
    struct link *l = arg;
    (void)depth;
    l->verified = true;
    if (l->config->pin && mbed_cert_is_ca(crt) &&
        code_is_of_ca(l->config->pin, bytes_of(crt->raw.p, crt->raw.len)))
        *flags &= ~(uint32_t)MBEDTLS_X509_BADCERT_NOT_TRUSTED;
    return 0;
}

/* TLS wants to wait: true, and remembers for what. */
static bool waits(struct link *l, int rc)
{
    if (rc != MBEDTLS_ERR_SSL_WANT_READ && rc != MBEDTLS_ERR_SSL_WANT_WRITE)
        return false;
    l->want = rc == MBEDTLS_ERR_SSL_WANT_READ ? POLLIN : POLLOUT;
    return true;
}

static void tls_failed(struct link *l, int rc, const char *what, struct errmsg *why)
{
    if (rc == 0 || rc == MBEDTLS_ERR_SSL_CONN_EOF || rc == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
        (void)err_set(why, ERR_CLOSED, "%s closed the line", other_side(l));
        return;
    }
    (void)mbed_fail(why, ERR_AUTH, rc, what);
}

static void verify_text(char out[160], uint32_t flags)
{
    int size = mbedtls_x509_crt_verify_info(out, 160, "", flags);
    out[size > 0 ? strcspn(out, "\n") : 0] = 0;
}

static enum link_event opened(struct link *l, struct errmsg *why)
{
    uint32_t flags = mbedtls_ssl_get_verify_result(&l->ssl);
    const mbedtls_x509_crt *peer = mbedtls_ssl_get_peer_cert(&l->ssl);
    char text[160];
    l->state = LINK_OPEN;
    l->deadline = l->in_deadline = l->out_deadline = INT64_MAX;
    l->counts.handshakes++;
    if (l->config->end == LINK_TILL) {
        if (flags != 0 || !peer) {
            verify_text(text, flags);
            (void)err_set(why, ERR_AUTH, "this is not our head office: %s", text);
            return down(l);
        }
        l->counts.resumed += !l->verified;
        l->session_faults = 0;
        mbedtls_ssl_session_free(&l->session);
        mbedtls_ssl_session_init(&l->session);
        l->has_session = strcmp(mbedtls_ssl_get_version(&l->ssl), "TLSv1.2") == 0 &&
                         mbedtls_ssl_get_session(&l->ssl, &l->session) == 0;
    } else if (peer && flags != 0) {
        verify_text(text, flags);
        (void)err_set(&l->reason, ERR_AUTH, "the till's certificate is not good: %s", text);
    }
    return LINK_UP;
}

static enum link_event shake(struct link *l, struct errmsg *why)
{
    mbedtls_ssl_set_bio(&l->ssl, l, send_some, receive_some, NULL);
    mbedtls_ssl_set_verify(&l->ssl, look_at, l);
    int rc = mbedtls_ssl_handshake(&l->ssl);
    if (rc == 0)
        return opened(l, why);
    if (waits(l, rc))
        return LINK_NOTHING;
    uint32_t flags = mbedtls_ssl_get_verify_result(&l->ssl);
    /* Was the session the cause?  A line that fell twice or anything worse: a full handshake next. */
    if (rc != MBEDTLS_ERR_SSL_CONN_EOF || ++l->session_faults > 1)
        l->has_session = false;
    if (l->config->end == LINK_TILL && flags != 0 && flags != UINT32_MAX) { /* UINT32_MAX: not looked yet */
        char text[160];
        verify_text(text, flags);
        (void)err_set(why, ERR_AUTH, "this is not our head office: %s", text);
    } else {
        tls_failed(l, rc, "no TLS with the other side", why);
    }
    return down(l);
}

/* ---- frames ---- */

static struct buf out_frame(struct link *l)
{
    return (struct buf){.data = l->out + HEAD, .cap = WIRE_FRAME_MAX};
}

static void put_head(struct link *l, size_t size, int64_t tick_ms)
{
    for (int i = 0; i < HEAD; i++)
        l->out[i] = (uint8_t)(size >> (8 * (HEAD - 1 - i)));
    l->out_size = HEAD + size;
    l->out_at = 0;
    l->out_deadline = tick_ms + LINK_FRAME_MS;
}

enum err link_ask(struct link *l, struct wire_request *r, int32_t timeout_ms, int64_t tick_ms,
                  struct errmsg *why)
{
    struct buf frame = out_frame(l);
    assert(l->config->end == LINK_TILL);
    if (l->state != LINK_OPEN || l->leaving)
        return err_set(why, ERR_STATE, "the line is not open");
    if (l->asking || l->out_size)
        return err_set(why, ERR_BUSY, "a question is open already");
    r->number = l->number + 1;
    enum err e = wire_encode_request(&frame, r, why);
    if (e)
        return e;
    put_head(l, frame.size, tick_ms);
    l->number++;
    l->asking = true;
    l->deadline = tick_ms + timeout_ms;
    return OK;
}

enum err link_answer(struct link *l, struct wire_answer *a, int64_t tick_ms, struct errmsg *why)
{
    struct buf frame = out_frame(l);
    assert(l->config->end == LINK_OFFICE);
    if (l->state != LINK_OPEN || !l->asking || l->leaving)
        return err_set(why, ERR_STATE, "no question is open");
    a->number = l->number;
    enum err e = wire_encode_answer(&frame, a, why);
    if (e)
        return e;
    put_head(l, frame.size, tick_ms);
    l->asking = false;
    if (l->request.ask == ASK_HOLD) { /* a PIN */
        bytes_wipe(&l->request, sizeof l->request);
        bytes_wipe(l->in, sizeof l->in);
    }
    return OK;
}

void link_refuse(struct link *l, enum err code, const char *sentence, int64_t tick_ms)
{
    struct buf frame = out_frame(l);
    struct wire_answer a = {.number = l->number, .say = SAY_REFUSED};
    assert(l->config->end == LINK_OFFICE);
    if (l->state != LINK_OPEN || l->leaving)
        return;
    (void)err_set(&l->reason, code, "%s", sentence);
    a.refused.code = code;
    snprintf(a.refused.sentence, sizeof a.refused.sentence, "%s", sentence);
    if (!l->out_size && wire_encode_answer(&frame, &a, NULL) == OK)
        put_head(l, frame.size, tick_ms);
    l->asking = false;
    l->leaving = true;
}

/* True when nothing is left to send. */
static bool flush(struct link *l, int *rc)
{
    *rc = 0;
    while (l->out_at < l->out_size) {
        *rc = mbedtls_ssl_write(&l->ssl, l->out + l->out_at, l->out_size - l->out_at);
        if (*rc <= 0)
            return false;
        l->out_at += (size_t)*rc;
    }
    bytes_wipe(l->out, l->out_size); /* PINs and names */
    l->out_size = l->out_at = 0;
    l->out_deadline = INT64_MAX;
    return true;
}

static size_t frame_size(const struct link *l)
{
    return (size_t)l->in[0] << 24 | (size_t)l->in[1] << 16 | (size_t)l->in[2] << 8 | l->in[3];
}

enum got { GOT_WAIT, GOT_FRAME, GOT_TOO_LONG, GOT_FAULT };

static enum got receive(struct link *l, int64_t tick_ms, int *rc)
{
    for (;;) {
        size_t need = HEAD + (l->in_size < HEAD ? 0 : frame_size(l));
        if (need > sizeof l->in)
            return GOT_TOO_LONG;
        if (l->in_size >= HEAD && l->in_size == need)
            return GOT_FRAME;
        *rc = mbedtls_ssl_read(&l->ssl, l->in + l->in_size, need - l->in_size);
        if (*rc <= 0)
            return waits(l, *rc) ? GOT_WAIT : GOT_FAULT;
        if (l->in_size == 0)
            l->in_deadline = tick_ms + LINK_FRAME_MS;
        l->in_size += (size_t)*rc;
    }
}

/* Till: an answer, or what is wrong with it. */
static enum link_event take_answer(struct link *l, struct bytes frame, struct errmsg *why)
{
    enum err e = wire_decode_answer(&l->answer, frame, why);
    bool fits = l->asking && l->answer.number == l->number;
    if (!e && !fits && l->answer.say == SAY_REFUSED) /* of the line itself, not of the question */
        e = err_set(why, ERR_REFUSED, "head office refused: %s", l->answer.refused.sentence);
    else if (!e && !fits)
        e = err_set(why, ERR_FORMAT, "an answer to question %u when %u was open",
                    (unsigned)l->answer.number, l->asking ? (unsigned)l->number : 0u);
    if (e) {
        (void)err_add(why, e, "the line to head office is closed");
        return down(l);
    }
    l->asking = false;
    l->deadline = INT64_MAX;
    return LINK_ANSWER;
}

/* Office: a request, or a refusal. */
static enum link_event take_request(struct link *l, struct bytes frame, int64_t tick_ms)
{
    struct errmsg text = {""};
    enum err e = wire_decode_request(&l->request, frame, &text);
    bool known = link_peer(l) != NULL;
    if (!e && known && *l->reason.text) {
        e = ERR_AUTH;
        text = l->reason;
    } else if (!e && l->request.number != l->number + 1) {
        e = err_set(&text, ERR_FORMAT, "question %u came where %u was due",
                    (unsigned)l->request.number, (unsigned)l->number + 1);
    } else if (!e && !known && l->request.ask != ASK_ENROL) {
        e = err_set(&text, ERR_AUTH, "without a certificate a till may only enrol");
    }
    if (e) {
        link_refuse(l, e, text.text, tick_ms);
        return LINK_NOTHING;
    }
    l->number++;
    l->asking = true;
    return LINK_REQUEST;
}

/* Tell the other side that nothing more comes, and read what it still sends: closing a socket with
 * unread bytes in it would take back the refusal that is on its way. */
static void leave(struct link *l, int64_t tick_ms)
{
    (void)mbedtls_ssl_close_notify(&l->ssl);
    (void)shutdown(l->fd, SHUT_WR);
    l->state = LINK_LEAVING;
    l->deadline = tick_ms + LINK_LEAVE_MS;
    l->drained = 0;
}

static enum link_event drain(struct link *l, struct errmsg *why)
{
    uint8_t waste[4096];
    ssize_t n;
    while ((n = recv(l->fd, waste, sizeof waste, 0)) > 0) {
        l->drained += (size_t)n;
        if (l->drained > LEAVE_DRAIN_MAX)
            break;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return LINK_NOTHING;
    if (why)
        *why = l->reason;
    return down(l);
}

static enum link_event talk(struct link *l, int64_t tick_ms, struct errmsg *why)
{
    int rc;
    if (!flush(l, &rc)) {
        if (waits(l, rc))
            return LINK_NOTHING;
        tls_failed(l, rc, "sending", why);
        return down(l);
    }
    if (l->leaving) {
        leave(l, tick_ms);
        return drain(l, why);
    }
    if (l->config->end == LINK_OFFICE && l->asking)
        return LINK_NOTHING;
    switch (receive(l, tick_ms, &rc)) {
    case GOT_WAIT:
        return LINK_NOTHING;
    case GOT_FAULT:
        tls_failed(l, rc, "receiving", why);
        return down(l);
    case GOT_TOO_LONG:
        if (l->config->end == LINK_OFFICE) {
            char text[80];
            snprintf(text, sizeof text, "a frame of %zu bytes; %d is the most", frame_size(l),
                     WIRE_FRAME_MAX);
            link_refuse(l, ERR_FORMAT, text, tick_ms);
            return talk(l, tick_ms, why);
        }
        (void)err_set(why, ERR_FORMAT, "head office sent a frame of %zu bytes; the line is closed",
                      frame_size(l));
        return down(l);
    case GOT_FRAME:
        break;
    }
    struct bytes frame = bytes_of(l->in + HEAD, l->in_size - HEAD);
    l->in_size = 0;
    l->in_deadline = INT64_MAX;
    enum link_event event = l->config->end == LINK_OFFICE ? take_request(l, frame, tick_ms)
                                                          : take_answer(l, frame, why);
    return event == LINK_NOTHING && l->leaving ? talk(l, tick_ms, why) : event;
}

/* ---- the caller's loop ---- */

short link_poll(const struct link *l, int *fd)
{
    *fd = l->fd;
    switch (l->state) {
    case LINK_IDLE:
        return 0;
    case LINK_RESOLVING:
    case LINK_LEAVING:
        return POLLIN;
    case LINK_CONNECTING:
        return POLLOUT;
    case LINK_SHAKING:
        return l->want;
    case LINK_OPEN:
        if (l->out_size || l->leaving)
            return POLLOUT;
        return l->config->end == LINK_OFFICE && l->asking ? 0 : POLLIN;
    }
    return 0;
}

int64_t link_deadline(const struct link *l)
{
    int64_t first = l->deadline;
    if (l->state == LINK_IDLE)
        return INT64_MAX;
    if (l->state == LINK_OPEN) {
        first = l->in_deadline < first ? l->in_deadline : first;
        first = l->out_deadline < first ? l->out_deadline : first;
    }
    return first;
}

static enum link_event late(struct link *l, struct errmsg *why)
{
    const char *what = l->state != LINK_OPEN      ? "did not come to the line"
                       : l->in_size || l->out_size ? "is too slow"
                                                   : "did not answer";
    if (l->state == LINK_LEAVING && why)
        *why = l->reason;
    else
        (void)err_set(why, ERR_TIMEOUT, "%s %s in time", other_side(l), what);
    return down(l);
}

static enum link_event resolved(struct link *l, struct errmsg *why)
{
    struct address to;
    ssize_t n = read(l->fd, &to, sizeof to);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return LINK_NOTHING;
    close(l->fd);
    l->fd = -1;
    waitpid(l->resolver, NULL, 0);
    l->resolver = 0;
    enum err e = n == (ssize_t)sizeof to
                     ? start_connect(l, &to, why)
                     : err_set(why, ERR_NOT_FOUND, "head office's name is not known to the network");
    return e ? down(l) : LINK_NOTHING;
}

static enum link_event connected(struct link *l, struct errmsg *why)
{
    struct pollfd p = {.fd = l->fd, .events = POLLOUT};
    int fault = 0;
    socklen_t size = sizeof fault;
    if (poll(&p, 1, 0) <= 0)
        return LINK_NOTHING;
    if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &fault, &size) != 0 || fault) {
        (void)err_set(why, ERR_IO, "head office cannot be reached: %s", strerror(fault));
        return down(l);
    }
    return start_tls(l, why) ? down(l) : shake(l, why);
}

enum link_event link_step(struct link *l, int64_t tick_ms, struct errmsg *why)
{
    if (tick_ms >= link_deadline(l))
        return late(l, why);
    switch (l->state) {
    case LINK_IDLE:
        return LINK_NOTHING;
    case LINK_RESOLVING:
        return resolved(l, why);
    case LINK_CONNECTING:
        return connected(l, why);
    case LINK_SHAKING:
        return shake(l, why);
    case LINK_OPEN:
        return talk(l, tick_ms, why);
    case LINK_LEAVING:
        return drain(l, why);
    }
    return LINK_NOTHING;
}
