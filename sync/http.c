/* http.c - see http.h.  Read http_turn first, then `pump`.
 *
 *             handshake done          first byte            all of it is there        http_reply
 *   SHAKING ----------------> IDLE ---------------> ASKING -----------------> WORKING ----------.
 *                              ^                                                                |
 *                              '---------------- libmicrohttpd has written the reply -----------'
 *   any ---> LEAVING (libmicrohttpd closed: say so, read what still comes, so that the reply is not taken
 *            back by a reset) ---> free
 *   WORKING, client lost ---> stays, without its socket, until http_reply
 * SPDX-License-Identifier: Apache-2.0 */
#include "sync/http.h"

#include "base/mbed.h"
#include "sync/link.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CHUNK = 4096,             /* pumped at a time and direction */
    ROUNDS = 8,               /* of pumping in one turn: 32 KB a connection, then others have theirs */
    HEAD_MEMORY = 32 * 1024,  /* request line and headers; libmicrohttpd answers 413, 414 or 431 above */
    SWALLOW = 4,              /* times what a body may be, to be able to answer 413 to one that is too large */
    SOCKET_BUFFER = 64 * 1024, /* the system's, or it would take 4 MB for one that does not read */
    BODY_FIRST = 4096,        /* grows by doubling */
    LEAVE_MS = 2000,
    LEAVE_DRAIN_MAX = 1 << 20,
    ACCEPT_PAUSE_MS = 200     /* when no descriptor or memory was left for another connection */
};

enum phase { SHAKING, IDLE, ASKING, WORKING, LEAVING };

struct conn;

/* One request, from its headers until libmicrohttpd is done with it. */
struct pending {
    struct http_request r; /* first: http_reply gets this */
    struct http *http;
    struct conn *conn; /* NULL: gone */
    struct MHD_Connection *mhd;
    char from[HTTP_FROM_SIZE];
    uint8_t *body;
    size_t size, cap, max;
    bool too_large;
    bool whole;    /* the door has it, or had */
    bool replied;  /* or is not to be: nobody but libmicrohttpd knows it any more */
    bool ended;    /* libmicrohttpd has forgotten it */
    bool inside;   /* request() is being called */
    int status;    /* of response, until it is queued */
    struct MHD_Response *response;
};

struct conn {
    struct http *http;
    enum phase phase;
    char from[HTTP_FROM_SIZE];
    int net, inner, outer; /* inner: our end of the socket pair, -1 before the handshake is done; outer: the other
                            * end, libmicrohttpd's, until mhd is known */
    struct MHD_Connection *mhd;
    struct pending *asks; /* the request it is at; NULL = none */
    bool has_ssl;
    short want;           /* SHAKING */
    bool lost;            /* no more network: wait for the reply */
    bool net_ended, net_end_passed_on, inner_ended;
    int64_t since_ms, deadline_ms; /* of the phase */
    int64_t heard_ms;              /* when the client last sent anything */
    int64_t out_deadline_ms;       /* what libmicrohttpd wrote is read by then; INT64_MAX = all is */
    size_t drained;
    size_t replied; /* bytes waiting in the socket pair that are replies of doors: what follows are libmicrohttpd's words */
    size_t in_at, in_size, out_at, out_size;
    mbedtls_ssl_context ssl;
    uint8_t in[CHUNK], out[CHUNK];
};

struct route {
    const char *method, *path;
    void *door;
    void (*request)(void *door, struct http_request *r);
};

struct http {
    struct MHD_Daemon *mhd;
    int listener;
    char address[LINK_ADDRESS_SIZE];
    void (*refuse)(struct buf *body, int status, const char *sentence);
    size_t (*body_max)(void *arg, const struct http_request *r);
    void *body_max_arg;
    const struct http_header *always;
    int always_count;
    int reply_ms;
    bool tls;
    mbedtls_ssl_config ssl;
    mbedtls_x509_crt certificate;
    mbedtls_pk_context key;
    bool again;              /* there is more to do at once */
    int64_t accept_after_ms; /* 0 = now */
    int64_t now_ms;          /* of this turn */
    int route_count;
    struct route routes[HTTP_ROUTES_MAX];
    int conn_count;
    struct conn *conns[]; /* conn_count places; NULL = free */
};

/* ---- requests and replies ---- */

static void let_go(struct pending *p)
{
    if (!p->replied || !p->ended)
        return;
    if (p->conn && p->conn->asks == p)
        p->conn->asks = NULL;
    free(p->body);
    free(p);
}

static void set_phase(struct conn *c, enum phase phase, int64_t ms)
{
    c->phase = phase;
    c->since_ms = c->http->now_ms;
    c->deadline_ms = ms ? c->http->now_ms + ms : INT64_MAX;
}

static bool queue(struct pending *p)
{
    bool good = MHD_queue_response(p->mhd, (unsigned)p->status, p->response) == MHD_YES;
    MHD_destroy_response(p->response);
    p->response = NULL;
    return good;
}

const char *http_header(const struct http_request *r, const char *name)
{
    const struct pending *p = (const struct pending *)r;
    return MHD_lookup_connection_value(p->mhd, MHD_HEADER_KIND, name);
}

const char *http_cookie(const struct http_request *r, const char *name)
{
    const struct pending *p = (const struct pending *)r;
    return MHD_lookup_connection_value(p->mhd, MHD_COOKIE_KIND, name);
}

struct asked {
    void (*each)(void *arg, const char *name, const char *value);
    void *arg;
};

static enum MHD_Result one_asked(void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct asked *a = arg;
    (void)kind;
    a->each(a->arg, name, value ? value : "");
    return MHD_YES;
}

void http_query(const struct http_request *r, void (*each)(void *arg, const char *name, const char *value),
                void *arg)
{
    const struct pending *p = (const struct pending *)r;
    struct asked a = {each, arg};
    (void)MHD_get_connection_values(p->mhd, MHD_GET_ARGUMENT_KIND, one_asked, &a);
}

void http_reply(struct http_request *r, int status, const char *type, const void *body, size_t size,
                const struct http_header *headers, int header_count)
{
    struct pending *p = (struct pending *)r;
    assert(!p->replied);
    assert(header_count >= 0 && header_count <= HTTP_HEADERS_MAX);
    p->replied = true;
    p->status = status;
    p->response = MHD_create_response_from_buffer(size, size ? (void *)(uintptr_t)body : (void *)"",
                                                  MHD_RESPMEM_MUST_COPY);
    if (p->response && size)
        (void)MHD_add_response_header(p->response, "Content-Type", type ? type : "application/json");
    for (int i = 0; p->response && i < p->http->always_count; i++)
        (void)MHD_add_response_header(p->response, p->http->always[i].name, p->http->always[i].value);
    for (int i = 0; p->response && i < header_count; i++)
        (void)MHD_add_response_header(p->response, headers[i].name, headers[i].value);
    free(p->body);
    p->body = NULL;
    p->http->again = true;
    if (p->inside)
        return;
    if (p->response)
        (void)queue(p); /* else it is called once more, and closes */
    MHD_resume_connection(p->mhd);
}

/* One of our own sentences. */
static void refuse(struct pending *p, int status, const char *sentence, const struct http_header *allow)
{
    uint8_t room[512];
    struct buf body = BUF_ON(room);
    if (p->http->refuse) {
        p->http->refuse(&body, status, sentence);
    } else {
        char text[256];
        int n = snprintf(text, sizeof text, "{\"errors\":[\"%s\"]}", sentence);
        buf_put(&body, text, (size_t)n);
    }
    http_reply(&p->r, status, NULL, room, body.size, allow, allow ? 1 : 0);
}

static bool matches(const struct route *route, const char *path, const char **rest)
{
    size_t size = strlen(route->path);
    bool below = route->path[size - 1] == '/';
    if (below ? strncmp(path, route->path, size) != 0 : strcmp(path, route->path) != 0)
        return false;
    *rest = path + size;
    return true;
}

static void dispatch(struct pending *p)
{
    struct http *h = p->http;
    char allow[64] = "";
    const char *rest = "";
    for (int i = 0; i < h->route_count; i++) {
        const struct route *route = &h->routes[i];
        if (!matches(route, p->r.path, &rest))
            continue;
        if (!route->method || strcmp(route->method, p->r.method) == 0) {
            p->r.rest = rest;
            p->r.door = route->door;
            if (p->too_large)
                refuse(p, 413, "The body is too large.", NULL);
            else
                route->request(route->door, &p->r);
            return;
        }
        size_t at = strlen(allow);
        snprintf(allow + at, sizeof allow - at, "%s%s", at ? ", " : "", route->method);
    }
    char sentence[96];
    snprintf(sentence, sizeof sentence, "This path takes %s.", allow);
    if (*allow)
        refuse(p, 405, sentence, &(struct http_header){"Allow", allow});
    else
        refuse(p, 404, "There is nothing at this path.", NULL);
}

static struct conn *conn_of(struct http *h, struct MHD_Connection *mhd)
{
    for (int i = 0; i < h->conn_count; i++)
        if (h->conns[i] && h->conns[i]->mhd == mhd)
            return h->conns[i];
    return NULL;
}

/* Headers are there. */
static enum MHD_Result begin(struct http *h, struct MHD_Connection *mhd, const char *path,
                             const char *method, void **memory)
{
    struct conn *c = conn_of(h, mhd);
    struct pending *p = c ? calloc(1, sizeof *p) : NULL;
    if (!p)
        return MHD_NO;
    *memory = p;
    p->http = h;
    p->conn = c;
    p->mhd = mhd;
    memcpy(p->from, c->from, sizeof p->from);
    p->r = (struct http_request){.method = method, .path = path, .from = p->from, .rest = ""};
    p->max = h->body_max ? h->body_max(h->body_max_arg, &p->r) : HTTP_BODY_MAX;
    c->asks = p;
    if (c->phase == IDLE) /* it came behind the one before */
        set_phase(c, ASKING, HTTP_REQUEST_MS);
    const char *declared = http_header(&p->r, "Content-Length");
    if (declared && strtoull(declared, NULL, 10) > p->max) {
        p->inside = true;
        refuse(p, 413, "The body is too large.", NULL);
        p->inside = false;
        return p->response && queue(p) ? MHD_YES : MHD_NO;
    }
    return MHD_YES;
}

static enum MHD_Result more(struct pending *p, const char *data, size_t *size)
{
    size_t n = *size;
    *size = 0;
    p->too_large = p->too_large || n > p->max - p->size;
    if (p->too_large) {
        p->size += n;
        return p->size > SWALLOW * p->max ? MHD_NO : MHD_YES;
    }
    if (p->size + n + 1 > p->cap) {
        size_t cap = p->cap ? p->cap : BODY_FIRST;
        while (cap < p->size + n + 1)
            cap *= 2;
        uint8_t *larger = realloc(p->body, cap);
        if (!larger)
            return MHD_NO;
        p->body = larger;
        p->cap = cap;
    }
    memcpy(p->body + p->size, data, n);
    p->size += n;
    p->body[p->size] = 0;
    return MHD_YES;
}

/* libmicrohttpd calls it with the headers, with each part of the body, and when the request is whole. */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *mhd, const char *path,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **memory)
{
    struct pending *p = *memory;
    (void)version;
    if (!p)
        return begin(arg, mhd, path, method, memory);
    if (*size)
        return p->replied ? MHD_NO : more(p, data, size);
    if (p->whole || p->replied || !p->conn)
        return MHD_NO;
    p->whole = true;
    if (!p->too_large)
        p->r.body = bytes_of(p->body ? p->body : (const uint8_t *)"", p->size);
    set_phase(p->conn, WORKING, 0);
    p->inside = true;
    dispatch(p);
    p->inside = false;
    if (p->replied)
        return p->response && queue(p) ? MHD_YES : MHD_NO;
    MHD_suspend_connection(mhd);
    return MHD_YES;
}

static void on_completed(void *arg, struct MHD_Connection *mhd, void **memory,
                         enum MHD_RequestTerminationCode code)
{
    struct pending *p = *memory;
    int waiting = 0;
    (void)arg;
    (void)mhd;
    (void)code;
    if (!p)
        return;
    *memory = NULL;
    if (p->conn && p->replied && ioctl(p->conn->inner, FIONREAD, &waiting) == 0)
        p->conn->replied = (size_t)waiting;
    if (p->conn && p->conn->asks == p && p->conn->phase != LEAVING)
        set_phase(p->conn, IDLE, HTTP_IDLE_MS);
    p->ended = true;
    if (!p->whole)
        p->replied = true; /* no door has seen it */
    let_go(p);
}

static void on_connection(void *arg, struct MHD_Connection *mhd, void **memory,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http *h = arg;
    struct conn *c = code == MHD_CONNECTION_NOTIFY_CLOSED ? conn_of(h, mhd) : NULL;
    (void)memory;
    if (c)
        c->mhd = NULL;
    const union MHD_ConnectionInfo *info =
        code == MHD_CONNECTION_NOTIFY_STARTED
            ? MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)
            : NULL;
    for (int i = 0; info && i < h->conn_count; i++)
        if (h->conns[i] && !h->conns[i]->mhd && h->conns[i]->outer == info->connect_fd) {
            h->conns[i]->mhd = mhd; /* inside MHD_add_connection; from version 1.0 on in the next MHD_run */
            h->conns[i]->outer = -1;
        }
}

/* ---- the network's side ---- */

enum { GOT_END = 0, GOT_NOTHING = -1, GOT_FAULT = -2 };

static int send_some(void *arg, const unsigned char *data, size_t size)
{
    struct conn *c = arg;
    ssize_t n = send(c->net, data, size, MSG_NOSIGNAL);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? MBEDTLS_ERR_SSL_WANT_WRITE
                                                 : MBEDTLS_ERR_SSL_CONN_EOF;
    return (int)n;
}

static int receive_some(void *arg, unsigned char *data, size_t size)
{
    struct conn *c = arg;
    ssize_t n = recv(c->net, data, size, 0);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? MBEDTLS_ERR_SSL_WANT_READ
                                                 : MBEDTLS_ERR_SSL_CONN_EOF;
    c->heard_ms = c->http->now_ms;
    return (int)n;
}

static int plain_result(ssize_t n)
{
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? GOT_NOTHING : GOT_FAULT;
    return (int)n;
}

static int tls_result(int rc)
{
    if (rc == MBEDTLS_ERR_SSL_WANT_READ || rc == MBEDTLS_ERR_SSL_WANT_WRITE)
        return GOT_NOTHING;
    if (rc == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
        return GOT_END;
    return rc < 0 ? GOT_FAULT : rc;
}

static int net_read(struct conn *c, uint8_t *data, size_t size)
{
    return c->has_ssl ? tls_result(mbedtls_ssl_read(&c->ssl, data, size))
                      : plain_result(recv(c->net, data, size, 0));
}

static int net_write(struct conn *c, const uint8_t *data, size_t size)
{
    return c->has_ssl ? tls_result(mbedtls_ssl_write(&c->ssl, data, size))
                      : plain_result(send(c->net, data, size, MSG_NOSIGNAL));
}

/* ---- a connection ---- */

static void destroy(struct conn *c)
{
    if (c->asks)
        c->asks->conn = NULL;
    for (int i = 0; i < c->http->conn_count; i++)
        if (c->http->conns[i] == c)
            c->http->conns[i] = NULL;
    if (c->has_ssl)
        mbedtls_ssl_free(&c->ssl);
    if (c->net >= 0)
        close(c->net);
    if (c->inner >= 0)
        close(c->inner); /* libmicrohttpd sees the end and frees its part in the next MHD_run */
    bytes_wipe(c->in, sizeof c->in);
    bytes_wipe(c->out, sizeof c->out);
    free(c);
}

static bool door_has(const struct conn *c)
{
    return c->asks && c->asks->whole && !c->asks->replied;
}

static void tell_gone(struct conn *c)
{
    void (*gone)(struct http_request *) = door_has(c) ? c->asks->r.gone : NULL;
    if (!gone)
        return;
    c->asks->r.gone = NULL;
    gone(&c->asks->r);
}

/* The client is away, or has used up its time. */
static void lose(struct conn *c)
{
    struct linger hard = {.l_onoff = 1};
    if (c->out_size) /* what it did not read is not to lie in the system's buffers */
        (void)setsockopt(c->net, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    tell_gone(c);
    if (!door_has(c)) {
        destroy(c);
        return;
    }
    c->lost = true;
    c->deadline_ms = c->out_deadline_ms = INT64_MAX;
    close(c->net);
    c->net = -1;
}

static void leave(struct conn *c)
{
    if (c->has_ssl)
        (void)mbedtls_ssl_close_notify(&c->ssl);
    (void)shutdown(c->net, SHUT_WR);
    set_phase(c, LEAVING, LEAVE_MS);
    c->out_deadline_ms = INT64_MAX;
}

static void drain(struct conn *c)
{
    ssize_t n;
    while ((n = recv(c->net, c->in, sizeof c->in, 0)) > 0 && c->drained < LEAVE_DRAIN_MAX)
        c->drained += (size_t)n;
    if (n >= 0 || (errno != EAGAIN && errno != EINTR))
        destroy(c);
}

static bool start_http(struct conn *c)
{
    int ends[2];
    struct sockaddr_storage from = {.ss_family = AF_UNIX};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
        return false;
    c->inner = ends[0];
    c->outer = ends[1];
    if (MHD_add_connection(c->http->mhd, ends[1], (struct sockaddr *)&from,
                           (socklen_t)sizeof(sa_family_t)) != MHD_YES)
        return false;
    set_phase(c, IDLE, HTTP_IDLE_MS);
    return true;
}

static void shake(struct conn *c, bool *moved)
{
    int rc = mbedtls_ssl_handshake(&c->ssl);
    if (rc == MBEDTLS_ERR_SSL_WANT_READ || rc == MBEDTLS_ERR_SSL_WANT_WRITE)
        c->want = rc == MBEDTLS_ERR_SSL_WANT_READ ? POLLIN : POLLOUT;
    else if (rc || !start_http(c))
        destroy(c);
    else
        *moved = true;
}

/* From the network to libmicrohttpd.  False: c is no more, or lost. */
static bool pump_in(struct conn *c, bool *moved)
{
    if (!c->in_size && !c->net_ended) {
        int n = net_read(c, c->in, sizeof c->in);
        if (n == GOT_FAULT) {
            lose(c);
            return false;
        }
        c->net_ended = n == GOT_END;
        if (n > 0) {
            *moved = true;
            c->heard_ms = c->http->now_ms;
            c->in_at = 0;
            c->in_size = (size_t)n;
            if (c->phase == IDLE)
                set_phase(c, ASKING, HTTP_REQUEST_MS);
        }
    }
    if (c->in_size) {
        ssize_t n = send(c->inner, c->in + c->in_at, c->in_size, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            n = (ssize_t)c->in_size; /* libmicrohttpd has closed: its reply still goes out */
        if (n > 0) {
            *moved = true;
            c->in_at += (size_t)n;
            c->in_size -= (size_t)n;
        }
    }
    if (c->net_ended && !c->in_size && !c->net_end_passed_on) {
        c->net_end_passed_on = *moved = true;
        (void)shutdown(c->inner, SHUT_WR);
        tell_gone(c);
    }
    return true;
}

/* libmicrohttpd itself answers some nonsense (a version that never was) with 5xx, which would read as our fault.  What
 * doors reply is never looked at: it may hold any words. */
static bool is_5xx_of_its_own(struct conn *c)
{
    size_t ours = c->replied < c->out_size ? c->replied : c->out_size;
    const uint8_t *own = c->out + ours;
    c->replied -= ours;
    if ((c->asks && c->asks->replied) || c->out_size - ours < 10)
        return false;
    return memcmp(own, "HTTP/1.1 5", 10) == 0 || memcmp(own, "HTTP/1.0 5", 10) == 0;
}

/* From libmicrohttpd to the network.  False: c is no more, lost, or leaving. */
static bool pump_out(struct conn *c, bool *moved)
{
    if (!c->out_size && !c->inner_ended) {
        int n = plain_result(recv(c->inner, c->out, sizeof c->out, 0));
        c->inner_ended = n == GOT_END || n == GOT_FAULT;
        if (n > 0) {
            *moved = true;
            c->out_at = 0;
            c->out_size = (size_t)n;
            if (c->out_deadline_ms == INT64_MAX)
                c->out_deadline_ms = c->http->now_ms + c->http->reply_ms;
        } else {
            c->out_deadline_ms = INT64_MAX;
        }
        if (n > 0 && is_5xx_of_its_own(c)) {
            lose(c);
            return false;
        }
    }
    if (c->out_size) {
        int n = net_write(c, c->out + c->out_at, c->out_size);
        if (n == GOT_FAULT) {
            lose(c);
            return false;
        }
        if (n > 0) {
            *moved = true;
            c->out_at += (size_t)n;
            c->out_size -= (size_t)n;
        }
    }
    if (c->inner_ended && !c->out_size) {
        leave(c);
        return false;
    }
    return true;
}

static void pump(struct conn *c, bool *moved)
{
    if (c->phase == SHAKING && c->has_ssl)
        shake(c, moved);
    else if (c->phase == SHAKING)
        (void)(start_http(c) || (destroy(c), true));
    else if (c->phase == LEAVING)
        drain(c);
    else if (c->lost && !door_has(c))
        destroy(c);
    else if (!c->lost && pump_in(c, moved))
        (void)pump_out(c, moved);
}

/* ---- who comes in ---- */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* From when on this connection makes room for another; INT64_MAX: never, its request is being worked on. */
static int64_t turned_out_from_ms(const struct conn *c)
{
    if (c->phase == WORKING)
        return INT64_MAX;
    if (c->phase == LEAVING)
        return 0;
    int64_t silent = c->heard_ms + HTTP_SILENT_MS;
    return c->phase == IDLE ? silent : least(silent, c->since_ms + HTTP_YOUNG_MS);
}

static bool may_be_turned_out(const struct http *h, const struct conn *c)
{
    return h->now_ms >= turned_out_from_ms(c);
}

/* A free place, made if need be: the one that has been idle, else unfinished, for longest.  NULL: none. */
static struct conn **place(struct http *h)
{
    struct conn **oldest = NULL;
    for (int i = 0; i < h->conn_count; i++) {
        struct conn **at = &h->conns[i];
        if (!*at)
            return at;
        if (!may_be_turned_out(h, *at))
            continue;
        bool idle = (*at)->phase != ASKING && (*at)->phase != SHAKING;
        bool best_idle = oldest && (*oldest)->phase != ASKING && (*oldest)->phase != SHAKING;
        if (!oldest || (idle && !best_idle) ||
            (idle == best_idle && (*at)->since_ms < (*oldest)->since_ms))
            oldest = at;
    }
    return oldest;
}

static bool has_place(const struct http *h)
{
    for (int i = 0; i < h->conn_count; i++)
        if (!h->conns[i] || may_be_turned_out(h, h->conns[i]))
            return true;
    return false;
}

/* Who it is, as text; an address of IPv4 that came by IPv6 as that of IPv4. */
static void name_client(char from[HTTP_FROM_SIZE], const struct sockaddr_storage *a)
{
    const struct sockaddr_in6 *six = (const void *)a;
    from[0] = 0;
    if (a->ss_family == AF_INET)
        (void)inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)a)->sin_addr, from, HTTP_FROM_SIZE);
    else if (a->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
        (void)inet_ntop(AF_INET, &six->sin6_addr.s6_addr[12], from, HTTP_FROM_SIZE);
    else if (a->ss_family == AF_INET6)
        (void)inet_ntop(AF_INET6, &six->sin6_addr, from, HTTP_FROM_SIZE);
}

static void take_in(struct http *h, int fd, const struct sockaddr_storage *client)
{
    struct conn **at = place(h), *c = at ? calloc(1, sizeof *c) : NULL;
    int one = 1, room = SOCKET_BUFFER;
    if (!c) {
        close(fd);
        return;
    }
    if (*at)
        destroy(*at);
    *at = c;
    c->http = h;
    c->net = fd;
    name_client(c->from, client);
    c->inner = c->outer = -1;
    c->want = POLLIN;
    c->out_deadline_ms = INT64_MAX;
    set_phase(c, SHAKING, HTTP_REQUEST_MS);
    c->heard_ms = h->now_ms;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    if (!h->tls)
        return;
    mbedtls_ssl_init(&c->ssl);
    c->has_ssl = true;
    if (mbedtls_ssl_setup(&c->ssl, &h->ssl) != 0) {
        destroy(c);
        return;
    }
    mbedtls_ssl_set_bio(&c->ssl, c, send_some, receive_some, NULL);
}

static void accept_all(struct http *h)
{
    while (h->now_ms >= h->accept_after_ms && has_place(h)) {
        struct sockaddr_storage client = {.ss_family = AF_UNSPEC};
        socklen_t size = sizeof client;
        int fd = accept4(h->listener, (struct sockaddr *)&client, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            take_in(h, fd, &client);
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            return;
        else if (errno != EINTR && errno != ECONNABORTED)
            h->accept_after_ms = h->now_ms + ACCEPT_PAUSE_MS;
    }
}

/* ---- the caller's loop ---- */

static short conn_events(const struct conn *c)
{
    if (c->lost)
        return 0;
    if (c->phase == SHAKING)
        return c->want;
    if (c->phase == LEAVING)
        return POLLIN;
    return (short)((c->in_size || c->net_ended ? 0 : POLLIN) | (c->out_size ? POLLOUT : 0));
}

int http_polls(const struct http *h, struct pollfd *polls)
{
    int count = 0;
    if (h->accept_after_ms == 0 && has_place(h))
        polls[count++] = (struct pollfd){h->listener, POLLIN, 0};
    for (int i = 0; i < h->conn_count; i++) {
        short events = h->conns[i] ? conn_events(h->conns[i]) : 0;
        if (events) /* asked for nothing, poll would still report a hang-up, for ever */
            polls[count++] = (struct pollfd){h->conns[i]->net, events, 0};
    }
    return count;
}

int64_t http_due_ms(const struct http *h)
{
    int64_t due = h->accept_after_ms ? h->accept_after_ms : INT64_MAX;
    if (h->again)
        return 0;
    bool full = !has_place(h);
    for (int i = 0; i < h->conn_count; i++) {
        const struct conn *c = h->conns[i];
        if (!c)
            continue;
        due = least(due, least(c->deadline_ms, c->out_deadline_ms));
        if (full)
            due = least(due, turned_out_from_ms(c));
    }
    return due;
}

void http_turn(struct http *h, int64_t now_ms)
{
    bool moved = true;
    h->now_ms = now_ms;
    h->again = false;
    if (now_ms >= h->accept_after_ms)
        h->accept_after_ms = 0;
    accept_all(h);
    for (int i = 0; i < h->conn_count; i++)
        if (h->conns[i] && now_ms >= least(h->conns[i]->deadline_ms, h->conns[i]->out_deadline_ms))
            lose(h->conns[i]);
    for (int round = 0; moved && round < ROUNDS; round++) {
        moved = false;
        for (int i = 0; i < h->conn_count; i++)
            if (h->conns[i])
                pump(h->conns[i], &moved);
        (void)MHD_run(h->mhd);
        unsigned long long wait_ms;
        if (h->again || (MHD_get_timeout(h->mhd, &wait_ms) == MHD_YES && wait_ms == 0))
            moved = true;
        h->again = false;
    }
    h->again = moved;
}

/* ---- open and close ---- */

static bool is_loopback(int fd)
{
    struct sockaddr_storage at;
    socklen_t size = sizeof at;
    if (getsockname(fd, (struct sockaddr *)&at, &size) != 0)
        return false;
    if (at.ss_family == AF_INET)
        return ntohl(((struct sockaddr_in *)&at)->sin_addr.s_addr) >> 24 == 127;
    return at.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&((struct sockaddr_in6 *)&at)->sin6_addr);
}

static enum err open_tls(struct http *h, const struct http_config *config, struct errmsg *why)
{
    if (!config->key)
        return err_set(why, ERR_FORMAT, "the certificate %s has no key", config->certificate);
    enum err e = mbed_pair_load(&h->certificate, &h->key, config->certificate, config->key, why);
    if (e)
        return e;
    int rc = mbedtls_ssl_config_defaults(&h->ssl, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM,
                                         MBEDTLS_SSL_PRESET_DEFAULT);
    mbedtls_ssl_conf_rng(&h->ssl, mbed_random, NULL);
    mbedtls_ssl_conf_authmode(&h->ssl, MBEDTLS_SSL_VERIFY_NONE); /* who it is, the door finds out */
    mbed_tls_serve(&h->ssl);
    if (rc == 0)
        rc = mbedtls_ssl_conf_own_cert(&h->ssl, &h->certificate, &h->key);
    h->tls = true;
    return rc ? mbed_fail(why, ERR_CRYPTO, rc, "set up TLS") : OK;
}

enum err http_open(struct http **out, const struct http_config *config, struct errmsg *why)
{
    int connections = config->connections ? config->connections : HTTP_CONNECTIONS_MAX;
    struct http *h = calloc(1, sizeof *h + (size_t)connections * sizeof(struct conn *));
    *out = NULL;
    if (!h)
        return err_set(why, ERR_FULL, "no memory for a server");
    h->listener = -1;
    h->conn_count = connections;
    h->refuse = config->refuse;
    h->body_max = config->body_max;
    h->body_max_arg = config->body_max_arg;
    h->always = config->always;
    h->always_count = config->always_count;
    h->reply_ms = config->reply_ms ? config->reply_ms : HTTP_REPLY_MS;
    mbedtls_ssl_config_init(&h->ssl);
    mbedtls_x509_crt_init(&h->certificate);
    mbedtls_pk_init(&h->key);
    enum err e = config->certificate ? open_tls(h, config, why) : OK;
    if (!e)
        e = link_listen(&h->listener, config->listen, h->address, why);
    if (!e && config->only_here && !is_loopback(h->listener))
        e = err_set(why, ERR_REFUSED, "%s can be reached from other machines, and that is not switched on",
                    config->listen);
    if (!e && !h->tls && !config->open_clear && !is_loopback(h->listener))
        e = err_set(why, ERR_REFUSED,
                    "%s can be reached from other machines: give it a certificate, or listen on 127.0.0.1",
                    config->listen);
    if (!e) {
        h->mhd = MHD_start_daemon(
            MHD_USE_NO_LISTEN_SOCKET | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
            on_request, h, MHD_OPTION_CONNECTION_LIMIT, 2u * (unsigned)connections,
            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEAD_MEMORY, MHD_OPTION_STRICT_FOR_CLIENT, 1,
            MHD_OPTION_NOTIFY_COMPLETED, on_completed, h, MHD_OPTION_NOTIFY_CONNECTION, on_connection, h,
            MHD_OPTION_END);
        if (!h->mhd)
            e = err_set(why, ERR_FULL, "libmicrohttpd does not start: %s", strerror(errno));
    }
    if (e) {
        http_close(h);
        return e;
    }
    *out = h;
    return OK;
}

void http_close(struct http *h)
{
    if (!h)
        return;
    for (int i = 0; i < h->conn_count; i++) {
        struct conn *c = h->conns[i];
        if (c && door_has(c)) {
            c->asks->replied = true; /* the door was told before */
            MHD_resume_connection(c->asks->mhd);
        }
        if (c)
            destroy(c);
    }
    if (h->mhd)
        MHD_stop_daemon(h->mhd);
    if (h->listener >= 0)
        close(h->listener);
    mbedtls_ssl_config_free(&h->ssl);
    mbedtls_x509_crt_free(&h->certificate);
    mbedtls_pk_free(&h->key);
    free(h);
}

const char *http_address(const struct http *h)
{
    return h->address;
}

void http_route(struct http *h, const char *method, const char *path, void *door,
                void (*request)(void *door, struct http_request *r))
{
    assert(h->route_count < HTTP_ROUTES_MAX);
    assert(path[0] == '/');
    h->routes[h->route_count++] = (struct route){method, path, door, request};
}
