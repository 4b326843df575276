/* console.c - see console.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/console/console.h"

#include "base/mbed.h"
#include "hw/clock.h"
#include "office/console/api_serve.h"
#include "office/ca.h"
#include "office/console/users.h"
#include "sync/http.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define COOKIE "__Host-patron"
#define LIBRARIES "/usr/share/javascript/"

enum { REPLY_MS = 120000, NAMES_MAX = 5, NAME_SIZE = 200, ADDRESSES = 512, CERT_LEFT_S = 30 * 86400 };

/* Of Debian's packages, served under /js/. */
static const struct library {
    const char *path, *type, *package;
} libraries[] = {
    {"bootstrap5/css/bootstrap.min.css", "text/css; charset=utf-8", "libjs-bootstrap5"},
    {"bootstrap5/js/bootstrap.bundle.min.js", "text/javascript; charset=utf-8", "libjs-bootstrap5"},
    {"chart.js/chart.min.js", "text/javascript; charset=utf-8", "libjs-chart.js"},
};
enum { LIBRARY_COUNT = sizeof libraries / sizeof *libraries };

struct loaded {
    uint8_t *data;
    size_t size;
    char etag[36];
};

/* Questions of one address: a bucket that fills again. */
struct bucket {
    char from[HTTP_FROM_SIZE];
    int64_t left, at_ms; /* left: thousandths of a question */
};

struct console {
    struct server_extra extra; /* first */
    struct head_office *office;
    struct server *server;
    struct http *http;
    char names[NAMES_MAX][NAME_SIZE]; /* that we answer to; "" = none */
    struct loaded libraries[LIBRARY_COUNT];
    struct bucket buckets[ADDRESSES], logins;
};

/* With every answer.  style-src: bootstrap places its menus by style attributes that a script sets, which the policy
 * allows; nothing stands inline.  img data: are bootstrap's own arrows and the QR codes. */
static const struct http_header always[] = {
    {"Content-Security-Policy",
     "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self';"
     " frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"},
    /* The last: left out where the console is localhost, whose other programs may speak without TLS. */
    {"Strict-Transport-Security", "max-age=31536000"},
};

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static void say_error(struct http_request *r, int status, const char *code, const char *text)
{
    char body[256];
    int n = snprintf(body, sizeof body, "{\"error\":{\"code\":\"%s\",\"text\":\"%s\"}}", code, text);
    http_reply(r, status, NULL, body, (size_t)n, &(struct http_header){"Cache-Control", "no-store"}, 1);
}

static void refuse(struct buf *body, int status, const char *sentence)
{
    char text[256];
    int n = snprintf(text, sizeof text, "{\"error\":{\"code\":\"%d\",\"text\":\"%s\"}}", status, sentence);
    buf_put(body, text, (size_t)n);
}

/* ---- who may ask at all ---- */

/* One of our names, with any port: another name that leads here is somebody's trick with DNS. */
static bool is_our_name(const struct console *c, const char *host)
{
    const char *colon = strrchr(host, ':');
    size_t size = colon && !strchr(colon, ']') ? (size_t)(colon - host) : strlen(host);
    for (int i = 0; i < NAMES_MAX; i++)
        if (c->names[i][0] && strlen(c->names[i]) == size && strncasecmp(c->names[i], host, size) == 0)
            return true;
    return false;
}

/* A page of somebody else's sent this?  Browsers say so. */
static bool is_foreign(struct http_request *r)
{
    const char *origin = http_header(r, "Origin"), *site = http_header(r, "Sec-Fetch-Site");
    if (origin && (strncmp(origin, "https://", 8) != 0 || strcmp(origin + 8, or_empty(http_header(r, "Host"))) != 0))
        return true;
    return site && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0;
}

static bool take(struct bucket *b, int burst, int rate, int64_t now_ms)
{
    b->left += (now_ms - b->at_ms) * rate;
    b->at_ms = now_ms;
    if (b->left > burst * 1000)
        b->left = burst * 1000;
    if (b->left < 1000)
        return false;
    b->left -= 1000;
    return true;
}

static bool is_too_many(struct console *c, const char *from, int64_t now_ms)
{
    struct bucket *b = NULL;
    for (int i = 0; i < ADDRESSES; i++) {
        struct bucket *at = &c->buckets[i];
        if (strcmp(at->from, from) == 0) {
            b = at;
            break;
        }
        if (!b || at->at_ms < b->at_ms) /* the one not heard of for longest */
            b = at;
    }
    if (strcmp(b->from, from) != 0) {
        *b = (struct bucket){.left = CONSOLE_BURST * 1000, .at_ms = now_ms};
        snprintf(b->from, sizeof b->from, "%s", from);
    }
    return !take(b, CONSOLE_BURST, CONSOLE_RATE, now_ms);
}

static size_t body_max(void *arg, const struct http_request *r)
{
    struct console *c = arg;
    struct login login;
    const char *size = http_header(r, "Content-Length"), *cookie = http_cookie(r, COOKIE);
    if (size && strtoull(size, NULL, 10) <= CONSOLE_STRANGER_BODY_MAX)
        return CONSOLE_STRANGER_BODY_MAX;
    if (!cookie || login_find(c->office->books, cookie, time(NULL), &login, NULL) != OK || login.next != NEXT_NOTHING)
        return CONSOLE_STRANGER_BODY_MAX;
    return CONSOLE_BODY_MAX;
}

/* ---- operations ---- */

static void add_query(void *arg, const char *name, const char *value)
{
    json_t **query = arg, *text = json_string(value);
    if (!*query)
        return;
    if (!text || json_object_get(*query, name) || json_object_set_new(*query, name, text) != 0) {
        json_decref(*query); /* no UTF-8, or said twice */
        *query = NULL;
    }
}

static void log_reply(struct console *c, const struct api_reply *reply, const struct http_request *r, int64_t took_ms)
{
    char line[480];
    if (strcmp(r->method, "GET") == 0 && reply->status < 400 && !reply->log[0])
        return;
    snprintf(line, sizeof line, "console user=%" PRIu32 " do=%s status=%d ms=%" PRId64 "%s%s", reply->user,
             *reply->operation ? reply->operation : "-", reply->status, took_ms, reply->log[0] ? " error " : "", reply->log);
    server_note(c->server, line);
}

static void send_reply(struct http_request *r, const struct api_reply *reply)
{
    struct http_header headers[4] = {{"Cache-Control", "no-store"}};
    int n = 1;
    char disposition[100], cookie[200], wait[16];
    if (reply->status == 405) {
        headers[n++] = (struct http_header){"Allow", reply->file_name};
    } else if (reply->file_name[0] || strcmp(reply->type, "application/json") == 0) { /* data is never shown as a page */
        snprintf(disposition, sizeof disposition, "attachment; filename=\"%s\"",
                 reply->file_name[0] ? reply->file_name : "api.json");
        headers[n++] = (struct http_header){"Content-Disposition", disposition};
    }
    if (reply->session[0]) {
        bool ends = strcmp(reply->session, "-") == 0;
        snprintf(cookie, sizeof cookie, COOKIE "=%s; Path=/; Secure; HttpOnly; SameSite=Strict%s",
                 ends ? "" : reply->session, ends ? "; Max-Age=0" : "");
        headers[n++] = (struct http_header){"Set-Cookie", cookie};
    }
    if (reply->retry_after_s) {
        snprintf(wait, sizeof wait, "%d", reply->retry_after_s);
        headers[n++] = (struct http_header){"Retry-After", wait};
    }
    http_reply(r, reply->status, reply->type, reply->body, reply->size, headers, n);
}

static void on_api(struct console *c, struct http_request *r)
{
    json_t *query = json_object();
    struct api_reply reply;
    int64_t began_ms = clock_tick_ms();
    bool login = strncmp(r->path, "/api/login", 10) == 0 || strncmp(r->path, "/api/mine/login", 15) == 0 ||
                 strncmp(r->path, "/api/mine/code", 14) == 0;
    if (is_too_many(c, r->from, began_ms) ||
        (login && !take(&c->logins, CONSOLE_LOGIN_BURST, CONSOLE_LOGIN_RATE, began_ms))) {
        say_error(r, 429, "busy", "Too many questions at once; wait a little.");
        json_decref(query);
        return;
    }
    http_query(r, add_query, &query);
    if (!query) {
        say_error(r, 400, "malformed", "The address is not as it has to be.");
        return;
    }
    struct api_request ask = {.method = r->method,
                              .path = r->path,
                              .query = query,
                              .body = r->body,
                              .body_type = or_empty(http_header(r, "Content-Type")),
                              .session = or_empty(http_cookie(r, COOKIE)),
                              .token = or_empty(http_header(r, "X-CSRF-Token")),
                              .request_id = or_empty(http_header(r, "Request-Id")),
                              .language = or_empty(http_header(r, "Accept-Language")),
                              .from = r->from,
                              .now_s = clock_now_s(),
                              .utc_s = time(NULL)};
    api_serve(c->office, &ask, &reply);
    log_reply(c, &reply, r, clock_tick_ms() - began_ms);
    send_reply(r, &reply);
    api_reply_finish(&reply);
    json_decref(query);
}

/* ---- pages ---- */

static void send_file(struct http_request *r, const char *type, const char *etag, const uint8_t *data, size_t size)
{
    const struct http_header headers[] = {{"ETag", etag}, {"Cache-Control", "no-cache"}};
    const char *has = http_header(r, "If-None-Match");
    if (has && strstr(has, etag))
        http_reply(r, 304, NULL, NULL, 0, headers, 2);
    else
        http_reply(r, 200, type, data, size, headers, 2);
}

static void on_page(struct console *c, struct http_request *r)
{
    const char *path = strcmp(r->path, "/") == 0 ? "/index.html" : strcmp(r->path, "/me") == 0 ? "/me.html" : r->path;
    if (strcmp(r->method, "GET") != 0 && strcmp(r->method, "HEAD") != 0) {
        http_reply(r, 405, NULL, NULL, 0, &(struct http_header){"Allow", "GET, HEAD"}, 1);
        return;
    }
    for (const struct web_file *f = web_files; f->path; f++)
        if (strcmp(f->path, path) == 0) {
            send_file(r, f->type, f->etag, f->data, (size_t)(f->end - f->data));
            return;
        }
    for (int i = 0; i < LIBRARY_COUNT; i++)
        if (strncmp(path, "/js/", 4) == 0 && strcmp(path + 4, libraries[i].path) == 0) {
            send_file(r, libraries[i].type, c->libraries[i].etag, c->libraries[i].data, c->libraries[i].size);
            return;
        }
    say_error(r, 404, "not found", "There is nothing at this path.");
}

static void on_request(void *door, struct http_request *r)
{
    struct console *c = door;
    bool api = strncmp(r->path, "/api/", 5) == 0;
    if (!is_our_name(c, or_empty(http_header(r, "Host"))))
        say_error(r, 421, "host", "This head office has another name: see its set-up, [console] name.");
    else if (api && is_foreign(r))
        say_error(r, 403, "origin", "This came from a page of somebody else's.");
    else if (api)
        on_api(c, r);
    else
        on_page(c, r);
}

/* ---- the loop ---- */

static int fds(struct server_extra *x, struct pollfd *f, int cap)
{
    struct console *c = (struct console *)x;
    return cap < CONSOLE_CONNECTIONS + 2 ? 0 : http_polls(c->http, f);
}

static int64_t due_ms(struct server_extra *x, int64_t now_ms)
{
    (void)now_ms;
    return http_due_ms(((struct console *)x)->http);
}

static void turn(struct server_extra *x, const struct pollfd *f, int count, int64_t now_ms)
{
    (void)f;
    (void)count;
    http_turn(((struct console *)x)->http, now_ms);
}

/* ---- its certificate ---- */

static enum err write_whole(const char *path, struct bytes text, mode_t mode, struct errmsg *why)
{
    char fresh[HOME_PATH_MAX + 8];
    snprintf(fresh, sizeof fresh, "%s.new", path);
    (void)unlink(fresh);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    bool good = fd >= 0 && write(fd, text.data, text.size) == (ssize_t)text.size && fsync(fd) == 0;
    if (fd >= 0)
        good = close(fd) == 0 && good;
    if (!good || rename(fresh, path) != 0)
        return err_set(why, ERR_IO, "%s: %s", path, strerror(errno));
    return OK;
}

/* Is the one we made before still good, and of this name? */
static bool is_still_good(const struct home *home, const char *cert_path, const char *key_path, const char *name,
                          int64_t utc_s)
{
    mbedtls_x509_crt cert;
    mbedtls_pk_context key;
    char cn[MBED_NAME_SIZE];
    struct tm to = {0};
    uint32_t flags;
    bool good = mbed_pair_load(&cert, &key, cert_path, key_path, NULL) == OK;
    if (good) {
        to.tm_year = cert.valid_to.year - 1900;
        to.tm_mon = cert.valid_to.mon - 1;
        to.tm_mday = cert.valid_to.day;
        mbed_cert_name(cn, &cert);
        good = strcmp(cn, name) == 0 && timegm(&to) - utc_s > CERT_LEFT_S &&
               mbedtls_x509_crt_verify(&cert, (mbedtls_x509_crt *)(uintptr_t)&home->ca, NULL, name, &flags, NULL, NULL) == 0;
    }
    mbedtls_x509_crt_free(&cert);
    mbedtls_pk_free(&key);
    return good;
}

static enum err make_certificate(const struct home *home, const char *cert_path, const char *key_path,
                                 const char *name, int64_t utc_s, struct errmsg *why)
{
    uint8_t der_room[MBED_CERT_DER_MAX], key_room[MBED_KEY_DER_MAX], pem_room[2 * MBED_PEM_MAX];
    struct buf der = BUF_ON(der_room), key_der = BUF_ON(key_room), pem = BUF_ON(pem_room);
    mbedtls_pk_context key;
    enum err e = mbed_key_make(&key, why);
    if (!e)
        e = ca_make_console(&der, &home->ca, &home->ca_key, &key, name, utc_s, CONSOLE_CERTIFICATE_DAYS, why);
    if (!e)
        e = mbed_key_write(&key_der, &key, why);
    if (!e)
        e = mbed_pem_write(&pem, "EC PRIVATE KEY", buf_bytes(&key_der), why);
    if (!e)
        e = write_whole(key_path, buf_bytes(&pem), 0600, why);
    bytes_wipe(key_room, sizeof key_room);
    bytes_wipe(pem_room, sizeof pem_room);
    pem.size = 0;
    if (!e)
        e = mbed_pem_write(&pem, "CERTIFICATE", buf_bytes(&der), why);
    if (!e)
        e = mbed_pem_write(&pem, "CERTIFICATE", bytes_of(home->ca.raw.p, home->ca.raw.len), why);
    if (!e)
        e = write_whole(cert_path, buf_bytes(&pem), 0644, why);
    mbedtls_pk_free(&key);
    return e;
}

/* ---- open and close ---- */

static enum err load_library(struct loaded *out, const struct library *l, struct errmsg *why)
{
    char path[200];
    uint8_t hash[MBED_HASH_SIZE];
    struct stat s;
    snprintf(path, sizeof path, LIBRARIES "%s", l->path);
    FILE *f = fopen(path, "rbe");
    if (!f || fstat(fileno(f), &s) != 0 || !(out->data = malloc((size_t)s.st_size + 1)) ||
        fread(out->data, 1, (size_t)s.st_size, f) != (size_t)s.st_size) {
        if (f)
            fclose(f);
        return err_set(why, ERR_NOT_FOUND, "%s is not there: the console needs Debian's package %s", path, l->package);
    }
    fclose(f);
    out->size = (size_t)s.st_size;
    mbed_sha256(hash, bytes_of(out->data, out->size));
    out->etag[0] = '"';
    hex_encode(out->etag + 1, hash, 16);
    strcat(out->etag, "\"");
    return OK;
}

/* The host of "HOST:PORT". */
static void host_of(char out[NAME_SIZE], const char *listen)
{
    const char *colon = strrchr(listen, ':');
    snprintf(out, NAME_SIZE, "%.*s", colon ? (int)(colon - listen) : (int)strlen(listen), listen);
}

static enum err open_http(struct console *c, const struct console_config *config, struct errmsg *why)
{
    char cert_path[HOME_PATH_MAX], key_path[HOME_PATH_MAX];
    const char *name = *config->name ? config->name : "localhost";
    struct http_config http = {.listen = config->listen,
                               .certificate = config->certificate,
                               .key = config->key,
                               .refuse = refuse,
                               .connections = CONSOLE_CONNECTIONS,
                               .reply_ms = REPLY_MS,
                               .body_max = body_max,
                               .body_max_arg = c,
                               .always = always,
                               .always_count = (int)(sizeof always / sizeof *always) - !*config->name};
    if (!*config->certificate) {
        int64_t utc_s = time(NULL);
        home_path(c->office->home, "console.crt", cert_path);
        home_path(c->office->home, "keys/console.key", key_path);
        enum err e = is_still_good(c->office->home, cert_path, key_path, name, utc_s)
                         ? OK : make_certificate(c->office->home, cert_path, key_path, name, utc_s, why);
        if (e)
            return e;
        http.certificate = cert_path;
        http.key = key_path;
    }
    return http_open(&c->http, &http, why);
}

enum err console_open(struct console **out, struct head_office *office, struct server *server,
                      const struct console_config *config, struct errmsg *why)
{
    struct console *c = calloc(1, sizeof *c);
    *out = NULL;
    if (!c)
        return err_set(why, ERR_FULL, "no memory for the console");
    c->extra = (struct server_extra){.fds = fds, .due_ms = due_ms, .turn = turn};
    c->office = office;
    c->server = server;
    snprintf(c->names[0], NAME_SIZE, "localhost");
    snprintf(c->names[1], NAME_SIZE, "127.0.0.1");
    snprintf(c->names[2], NAME_SIZE, "[::1]");
    snprintf(c->names[3], NAME_SIZE, "%s", config->name);
    host_of(c->names[4], config->listen);
    enum err e = OK;
    for (int i = 0; i < LIBRARY_COUNT && !e; i++)
        e = load_library(&c->libraries[i], &libraries[i], why);
    if (!e)
        e = open_http(c, config, why);
    if (e) {
        console_close(c);
        return e;
    }
    http_route(c->http, NULL, "/", c, on_request);
    server_add_extra(server, &c->extra);
    *out = c;
    return OK;
}

void console_close(struct console *c)
{
    if (!c)
        return;
    http_close(c->http);
    for (int i = 0; i < LIBRARY_COUNT; i++)
        free(c->libraries[i].data);
    free(c);
}

const char *console_address(const struct console *c)
{
    return http_address(c->http);
}
