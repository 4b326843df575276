/* console.h - the door for browsers: HTTPS, the operations of office/console/api.h under /api/, the pages of office/web.
 *
 * Every answer carries the headers that keep a browser from doing what we never ask of it (console.c).  Only what is
 * sent to one of our own names is answered, only pages of our own may change anything.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_CONSOLE_H
#define PATRON_OFFICE_CONSOLE_H

#include "office/console/api.h"
#include "office/server.h"

enum {
    CONSOLE_CONNECTIONS = 128,
    CONSOLE_BODY_MAX = 8 << 20,       /* of who is logged in: a list of 100 000 opening balances */
    CONSOLE_STRANGER_BODY_MAX = 1 << 14,
    CONSOLE_CERTIFICATE_DAYS = 397,   /* what browsers accept; a new one is made at a start in its last 30 days */
    CONSOLE_BURST = 1000,             /* of questions from one address, then as many a second: */
    CONSOLE_RATE = 50,
    CONSOLE_LOGIN_BURST = 40,         /* and of passwords and codes from all together: each costs 45 ms, and tills wait */
    CONSOLE_LOGIN_RATE = 3
};

struct console;

/* Texts are read by console_open alone; "" = not said. */
struct console_config {
    const char *listen;               /* "127.0.0.1:8444", port 0 = the system picks */
    const char *certificate, *key;    /* PEM files; "" = one by head office's own CA, kept in its folder */
    const char *name;                 /* host name in browsers, besides localhost */
};

/* Joins the loop of server, which like office goes on until console_close; to be closed before the server.
 * Errors: ERR_NOT_FOUND (bootstrap or Chart.js is not installed: the sentence names the package), ERR_FORMAT
 * (address, name, certificate), ERR_IO, ERR_CRYPTO. */
MUST_CHECK enum err console_open(struct console **out, struct head_office *office, struct server *server,
                                 const struct console_config *config, struct errmsg *why);
/* NULL is fine.  The server must not have a turn afterwards. */
void console_close(struct console *c);
const char *console_address(const struct console *c);

/* The files of office/web, compiled in (the Makefile makes the table). */
struct web_file {
    const char *path;                 /* "/pages/members.js" */
    const char *type, *etag;          /* etag: with its quotes */
    const uint8_t *data, *end;
};
extern const struct web_file web_files[]; /* path NULL behind the last */

#endif
