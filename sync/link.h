/* link.h - one TLS connection, either end: non-blocking, driven by the caller's poll() and clock.  It carries
 * questions and answers (wire.h) and decides nothing about them.
 *
 *   till     IDLE --link_connect--> RESOLVING -> CONNECTING -> SHAKING -> OPEN --link_ask--> ... LINK_ANSWER
 *   office   IDLE --link_attach-----------------------------> SHAKING -> OPEN -> LINK_REQUEST --link_answer-->
 *   any state --fault, timeout, link_close--> IDLE; a refusal goes through LEAVING first, so that the
 *   other side can read why.
 *
 * TLS 1.2 or later, ECDHE-ECDSA with AES-GCM on P-256 and nothing else.  Head office is known by the
 * programme's CA and the name "patron-office", never by a host name.  A till shows its certificate; a
 * connection without one may only ask ASK_ENROL.  On one connection questions are numbered 1, 2, 3 ..., one
 * open at a time; any other number, a frame that is too long, cut or malformed ends the connection with
 * a sentence and touches nothing else.  A till's reconnect is resumed by a ticket (TLS 1.2).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_SYNC_LINK_H
#define PATRON_SYNC_LINK_H

#include "base/mbed.h"
#include "sync/code.h"
#include "sync/wire.h"

#include <stdbool.h>

enum {
    LINK_CONNECT_MS = 10000, /* from link_connect or link_attach to the end of the handshake */
    LINK_FRAME_MS = 20000,   /* for one frame, once its first byte was sent or came */
    LINK_LEAVE_MS = 1000,    /* for the other side to read a refusal */
    LINK_ADDRESS_SIZE = 280
};
#define LINK_OFFICE_NAME "patron-office"

enum link_end { LINK_TILL, LINK_OFFICE };

/* Who we are and whom we trust.  All borrowed: they must outlive the config. */
struct link_identity {
    mbedtls_x509_crt *ca;          /* NULL: not known yet, pin decides (a till that enrols) */
    mbedtls_x509_crt *certificate; /* and the chain to show after it; NULL: none (a till that enrols) */
    mbedtls_pk_context *key;       /* of certificate */
    const struct code *pin;        /* till: the CA that head office shows must be the code's; or NULL */
};

/* Shared by all connections of one end of a process. */
struct link_config;
/* Call mbed_init before.  Errors: ERR_CRYPTO. */
MUST_CHECK enum err link_config_create(struct link_config **out, enum link_end end,
                                       const struct link_identity *identity, struct errmsg *why);
void link_config_destroy(struct link_config *config); /* NULL is allowed; no link may use it any more */

/* About 180 kB with the TLS buffers; nothing more is taken later but by mbedTLS in a handshake. */
struct link;
MUST_CHECK enum err link_create(struct link **out, struct link_config *config, struct errmsg *why);
void link_destroy(struct link *l); /* NULL is allowed */

/* Is it "HOST:PORT", as link_connect and link_listen take it?  Nobody is asked whether that host is there. */
MUST_CHECK bool link_is_address(const char *address);

enum link_state { LINK_IDLE, LINK_RESOLVING, LINK_CONNECTING, LINK_SHAKING, LINK_OPEN, LINK_LEAVING };
enum link_state link_state(const struct link *l);

/* tick_ms, here and below: a clock that never goes back (clock_tick_ms). */

/* Till: begin.  address: "HOST:PORT", HOST a number or a name; a name is looked up in a child process, since
 * a look-up can stall for long.  Errors: ERR_FORMAT, ERR_STATE (not idle), ERR_IO; idle then. */
MUST_CHECK enum err link_connect(struct link *l, const char *address, int64_t tick_ms,
                                 struct errmsg *why);
/* Either end: begin on a connected stream socket, which is l's from now on, also after an error. */
MUST_CHECK enum err link_attach(struct link *l, int fd, int64_t tick_ms, struct errmsg *why);

/* What to poll for.  fd is -1 when idle.  Returns POLLIN or POLLOUT; call link_step when it is ready, and
 * when the clock reaches link_deadline (INT64_MAX = never). */
short link_poll(const struct link *l, int *fd);
int64_t link_deadline(const struct link *l);

enum link_event {
    LINK_NOTHING, /* poll again */
    LINK_UP,      /* handshake done, the other side is who it should be */
    LINK_REQUEST, /* office: link_request; answer it */
    LINK_ANSWER,  /* till: link_answer_get */
    LINK_DOWN     /* closed, why says by whom; the link is idle and may connect again */
};
/* Does what can be done without waiting.  Call again until LINK_NOTHING: TLS may hold more than poll can
 * see. */
enum link_event link_step(struct link *l, int64_t tick_ms, struct errmsg *why);

/* Till, when open and no question is open: ask.  r->number is filled in.  The answer must come within
 * timeout_ms, else LINK_DOWN.  Errors: ERR_STATE, ERR_BUSY (a question is open), those of
 * wire_encode_request. */
MUST_CHECK enum err link_ask(struct link *l, struct wire_request *r, int32_t timeout_ms,
                             int64_t tick_ms, struct errmsg *why);
bool link_is_asking(const struct link *l);
/* After LINK_ANSWER, until the next link_step. */
const struct wire_answer *link_answer_get(const struct link *l);

/* Office, after LINK_REQUEST, until link_answer. */
const struct wire_request *link_request(const struct link *l);
/* a->number is filled in.  Errors: ERR_STATE (no question is open), those of wire_encode_answer. */
MUST_CHECK enum err link_answer(struct link *l, struct wire_answer *a, int64_t tick_ms,
                                struct errmsg *why);
/* Office: answer the open question, or none, with a refusal, then leave. */
void link_refuse(struct link *l, enum err code, const char *sentence, int64_t tick_ms);
/* Office: the till's certificate, already verified; NULL = none was shown. */
const mbedtls_x509_crt *link_peer(const struct link *l);

/* At once; the other side is told if that needs no waiting.  Idle afterwards. */
void link_close(struct link *l);

/* Since link_create. */
struct link_counts {
    uint64_t handshakes, resumed; /* resumed: till only */
    uint64_t bytes_in, bytes_out; /* on the socket, TLS included */
};
struct link_counts link_counts(const struct link *l);

/* ---- a listening socket ---- */

/* address: "HOST:PORT", port 0 = the system picks.  bound: what was bound, as text.  Errors: ERR_FORMAT,
 * ERR_IO. */
MUST_CHECK enum err link_listen(int *fd, const char *address, char bound[LINK_ADDRESS_SIZE],
                                struct errmsg *why);

#endif
