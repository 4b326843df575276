/* http.h - HTTP for the doors of a till and head office's console: a server inside the program's one loop, in
 * TLS or, on this machine only, in clear.
 *
 *   network --> TLS (mbedTLS) --> socket pair --> HTTP (libmicrohttpd) --> route --> request(door, r)
 *                                                                     http_reply(r, ...), now or later
 *
 * Nothing here waits.  libmicrohttpd never sees the network: what is decrypted is pumped into one end of a
 * socket pair, and what it answers is pumped out.
 *
 * What strangers get: 404 no such path, 405 another method, 413 a body above the limit (declared or in
 * chunks), 4xx or a closed connection for what is no HTTP.  Never 5xx.
 * When all connections are taken, one that has no whole request yet and has been silent for HTTP_SILENT_MS, or dawdles
 * for HTTP_YOUNG_MS, makes room: hundreds that only open a connection hold a register up for seconds at most.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_SYNC_HTTP_H
#define PATRON_SYNC_HTTP_H

#include "base/bytes.h"

#include <poll.h>

enum {
    /* Of a till; http_config can say other ones. */
    HTTP_CONNECTIONS_MAX = 16,   /* memory for each is taken when it comes: about 50 KB, and its body */
    HTTP_BODY_MAX = 256 * 1024,  /* 256 KiB: a bill of 512 lines in nexo has 100 */
    HTTP_POLLS_MAX = HTTP_CONNECTIONS_MAX + 2,
    HTTP_REPLY_MS = 10000,       /* a reply is read by then */

    HTTP_ROUTES_MAX = 16,
    HTTP_HEADERS_MAX = 16,       /* of a reply, besides http_config.always */
    HTTP_FROM_SIZE = 46,         /* of an address as text */

    HTTP_REQUEST_MS = 10000, /* TLS handshake; and each request from its first byte to its last */
    HTTP_IDLE_MS = 30000,    /* kept alive without a request */
    HTTP_YOUNG_MS = 1000,
    HTTP_SILENT_MS = 250 /* a register on the same network, slow as it may be, has its next packet out by then */
};

struct http;
struct http_request;

struct http_header {
    const char *name, *value;
};

/* Borrowed texts are read by http_open alone; refuse, body_max and always stay. */
struct http_config {
    const char *listen;      /* "127.0.0.1:8443"; port 0 = the system picks */
    const char *certificate; /* PEM file, the chain from its own certificate on; NULL = clear text */
    const char *key;         /* PEM file of its key: P-256, or RSA of 2048 bits and more */
    bool open_clear;         /* clear text may be offered to other machines */
    bool only_here;          /* not even TLS is offered to other machines */
    /* Writes the body of a 404, 405, 413 or 400 in the door's own words; NULL = {"errors":["..."]}.  JSON. */
    void (*refuse)(struct buf *body, int status, const char *sentence);
    int connections;         /* at once; 0 = HTTP_CONNECTIONS_MAX */
    int reply_ms;            /* 0 = HTTP_REPLY_MS */
    /* How large a body may be, asked when the headers are there; NULL = HTTP_BODY_MAX for all. */
    size_t (*body_max)(void *arg, const struct http_request *r);
    void *body_max_arg;
    const struct http_header *always; /* with every reply, refusals too */
    int always_count;
};

/* A whole request.  It is the door's from request() until http_reply; all is borrowed from it. */
struct http_request {
    const char *method, *path;  /* path: decoded, without the query */
    const char *from;           /* the client's address, without its port; "" when there is none */
    const char *rest;           /* what came after the route's path; "" when nothing */
    struct bytes body;          /* with a 0 behind it, not counted */
    void *door;                 /* of the route */
    void *mine;                 /* whatever the door wants to find again; NULL at first */
    /* The client hung up before it was answered: set by the door, NULL = does not matter.  http_reply is still
     * due, at once in here or later; nobody will read it. */
    void (*gone)(struct http_request *r);
};

/* Errors: ERR_FORMAT (address; certificate or key, also: they do not belong together), ERR_IO (cannot
 * listen, cannot read a file), ERR_REFUSED (for other machines, against open_clear or only_here), ERR_CRYPTO,
 * ERR_FULL. */
MUST_CHECK enum err http_open(struct http **out, const struct http_config *config, struct errmsg *why);
/* Requests that were not answered are dropped without a call: the door must not reply to them any more.
 * NULL is fine. */
void http_close(struct http *h);
/* What it listens on, with the port that was picked. */
const char *http_address(const struct http *h);

/* path: exactly this one; or, ending in "/", this and all below it.  The texts are borrowed for good.  Routes
 * of the same path with other methods are other routes; method NULL takes them all.  Routes are tried in the
 * order they were given. */
void http_route(struct http *h, const char *method, const char *path, void *door,
                void (*request)(void *door, struct http_request *r));

/* A header of the request, without regard to case; NULL when absent. */
const char *http_header(const struct http_request *r, const char *name);
const char *http_cookie(const struct http_request *r, const char *name);
/* Every name=value of the query, decoded (what stands between & once more); a name alone has the value "". */
void http_query(const struct http_request *r, void (*each)(void *arg, const char *name, const char *value),
                void *arg);
/* Answer it: once, from now on r is gone.  type NULL = application/json; body is copied and may be empty.
 * headers: up to HTTP_HEADERS_MAX, borrowed for the call. */
void http_reply(struct http_request *r, int status, const char *type, const void *body, size_t size,
                const struct http_header *headers, int header_count);

/* The caller's loop: what to wait for (returns how many, at most connections + 2), until when (of clock_tick_ms; INT64_MAX = nothing
 * is due), and a turn afterwards, whatever became ready.  A turn costs at most one TLS step for each
 * connection and some copying. */
int http_polls(const struct http *h, struct pollfd *polls);
int64_t http_due_ms(const struct http *h);
void http_turn(struct http *h, int64_t now_ms);

#endif
