/* e2e_console.c - the console as it is served: patron-office over TLS, curl for the browser.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"
#include "office/console/totp.h"
#include "tests/harness.h"
#include "tests/test.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct proc office;
static char *home, *log_path, *jar, *ca;
static char base[100], line[256], out[400000], token[100];

static const char *program(const char *name)
{
    static char path[4][300];
    static int at;
    const char *bin = getenv("PATRON_BIN"), *build = getenv("BUILD");
    snprintf(path[at = (at + 1) % 4], 300, "%s/%s", bin ? bin : build ? build : "build", name);
    return path[at];
}

static void start(void)
{
    proc_start(&office, log_path, NULL,
               ARGS(program("patron-office"), "--home", home, "--listen", "127.0.0.1:0", "--console", "127.0.0.1:0"));
    proc_line(&office, line, sizeof line, 10000);
    proc_line(&office, line, sizeof line, 10000);
    int port = 0;
    assert_int_equal(sscanf(line, "console on https://127.0.0.1:%d", &port), 1);
    snprintf(base, sizeof base, "https://localhost:%d", port);
}

static void open_office(void)
{
    const char *dir = test_scratch_dir();
    home = path_of("%s/office", dir);
    log_path = path_of("%s/log", dir);
    jar = path_of("%s/jar", dir);
    ca = path_of("%s/office/ca.crt", dir);
    assert_int_equal(run(log_path, NULL, NULL, 0, ARGS(program("patronctl"), "--home", home, "init", "--name", "Corner Shops")), 0);
    start();
}

static void close_office(void)
{
    int status = proc_end(&office, SIGTERM);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    unlink(jar);
    free(home);
    free(log_path);
    free(jar);
    free(ca);
}

/* One request as a browser with these further options of curl; the answer with its headers is in out. */
static int ask(const char *path, const char *const more[])
{
    const char *args[24] = {"/usr/bin/curl", "-sS", "-i", "--max-time", "20", "--cacert", ca, "-b", jar, "-c", jar};
    char url[300];
    int n = 11;
    while (more && *more) {
        assert_true(n < 22);
        args[n++] = *more++;
    }
    snprintf(url, sizeof url, "%s%s", base, path);
    args[n++] = url;
    args[n] = NULL;
    out[0] = 0;
    int code = run(log_path, NULL, out, sizeof out, args);
    const char *status = strstr(out, "HTTP/1.1 ");
    return code == 0 && status ? atoi(status + 9) : -code;
}

static bool has(const char *text)
{
    return strstr(out, text) != NULL;
}

static json_t *body(void)
{
    char *b = strstr(out, "\r\n\r\n");
    json_t *j = b ? json_loads(b + 4, 0, NULL) : NULL;
    if (!j)
        fail_msg("no JSON: %s", out);
    return j;
}

static int post(const char *path, const char *json)
{
    char header[120];
    snprintf(header, sizeof header, "X-CSRF-Token: %s", token);
    static int count;
    char id[60];
    snprintf(id, sizeof id, "Request-Id: console-request-%d", ++count);
    int status = ask(path, ARGS("-H", header, "-H", id, "-H", "Content-Type: application/json", "-d", json));
    if (status == 200 && has("\"token\":")) {
        json_t *j = body();
        snprintf(token, sizeof token, "%s", json_string_value(json_object_get(j, "token")));
        json_decref(j);
    }
    return status;
}

static void code_of(const char *base32, char json[40])
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint8_t secret[TOTP_SECRET_SIZE] = {0};
    for (int i = 0; i < 32; i++) {
        unsigned v = (unsigned)(strchr(letters, base32[i]) - letters);
        for (int b = 0; b < 5; b++)
            secret[(5 * i + b) / 8] |= (uint8_t)((v >> (4 - b) & 1) << (7 - (5 * i + b) % 8));
    }
    snprintf(json, 40, "{\"code\":\"%06u\"}", (unsigned)totp_code(secret, time(NULL) / TOTP_STEP_S));
}

/* A user made by hand, through all steps of logging in. */
static void log_in(const char *name, const char *roles)
{
    char json[200], given[40], secret[40];
    assert_int_equal(run(log_path, NULL, out, sizeof out,
                         ARGS(program("patronctl"), "--home", home, "--json", "user", "add", name, "--roles", roles)), 0);
    json_t *j = json_loads(out, 0, NULL);
    snprintf(given, sizeof given, "%s", json_string_value(json_object_get(j, "password")));
    json_decref(j);
    snprintf(json, sizeof json, "{\"name\":\"%s\",\"password\":\"%s\"}", name, given);
    assert_int_equal(post("/api/login", json), 200);
    if (has("\"next\":\"enrol\"")) {
        assert_int_equal(post("/api/login/enrol", "{}"), 200);
        assert_true(has("data:image/svg+xml;base64,"));
        j = body();
        snprintf(secret, sizeof secret, "%s", json_string_value(json_object_get(j, "secret")));
        json_decref(j);
        code_of(secret, json);
        assert_int_equal(post("/api/login/enrolled", json), 200);
    }
    assert_true(has("\"next\":\"password\""));
    snprintf(json, sizeof json, "{\"old\":\"%s\",\"new\":\"a few plain words\"}", given);
    assert_int_equal(post("/api/login/password", json), 200);
    assert_true(has("\"next\":\"\""));
}

TEST(console, pages_and_libraries_come_by_tls_with_the_headers_that_hold_a_browser)
{
    static const char *const headers[] = {
        "Content-Security-Policy: default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none';"
        " form-action 'self'; frame-ancestors 'none'\r\n",
        "X-Content-Type-Options: nosniff\r\n", "X-Frame-Options: DENY\r\n", "Referrer-Policy: no-referrer\r\n",
        "Cross-Origin-Opener-Policy: same-origin\r\n", "Cross-Origin-Resource-Policy: same-origin\r\n"};
    static const char *const paths[] = {"/", "/app.js", "/nothing", "/api/session", "/api/nothing"};
    open_office();
    for (size_t p = 0; p < sizeof paths / sizeof *paths; p++) {
        (void)ask(paths[p], NULL);
        for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
            if (!has(headers[i]))
                fail_msg("%s has no %s", paths[p], headers[i]);
        assert_false(has("Server:"));
    }
    assert_int_equal(ask("/", NULL), 200);
    assert_true(has("<!doctype html>"));
    assert_true(has("Content-Type: text/html; charset=utf-8"));
    assert_int_equal(ask("/app.js", NULL), 200);
    assert_true(has("Content-Type: text/javascript; charset=utf-8"));
    assert_true(has("Cache-Control: no-cache"));
    char etag[80], header[120];
    assert_int_equal(sscanf(strstr(out, "ETag: "), "ETag: %70s", etag), 1);
    snprintf(header, sizeof header, "If-None-Match: %s", etag);
    assert_int_equal(ask("/app.js", ARGS("-H", header)), 304);
    assert_int_equal(ask("/js/bootstrap5/css/bootstrap.min.css", NULL), 200);
    assert_int_equal(ask("/js/chart.js/chart.min.js", NULL), 200);
    assert_int_equal(ask("/js/../../../etc/passwd", ARGS("--path-as-is")), 404);
    assert_int_equal(ask("/%2e%2e/keys/ca.key", ARGS("--path-as-is")), 404);
    assert_int_equal(ask("/app.js", ARGS("-X", "POST")), 405);
    assert_int_equal(ask("/api/session", NULL), 401);
    assert_true(has("Cache-Control: no-store"));
    close_office();
}

TEST(console, its_certificate_is_head_offices_own_and_stays)
{
    struct stat first, second;
    open_office();
    assert_int_equal(ask("/", ARGS("--tlsv1.2", "--tls-max", "1.2")), 200);
    assert_true(ask("/", ARGS("--tls-max", "1.1")) < 0);
    snprintf(out, sizeof out, "%s/console.crt", home);
    assert_int_equal(stat(out, &first), 0);
    snprintf(out, sizeof out, "%s/keys/console.key", home);
    assert_int_equal(stat(out, &second), 0);
    assert_int_equal(second.st_mode & 077, 0);
    assert_int_equal(run(log_path, NULL, NULL, 0, ARGS("/usr/bin/curl", "-sS", base)), 60); /* of no CA the machine knows */
    proc_end(&office, SIGTERM);
    start();
    snprintf(out, sizeof out, "%s/console.crt", home);
    assert_int_equal(stat(out, &second), 0);
    assert_int_equal(first.st_ino, second.st_ino);
    assert_int_equal(ask("/", NULL), 200);
    close_office();
}

TEST(console, an_administrator_logs_in_step_by_step_and_works)
{
    open_office();
    log_in("ada", "admin");
    assert_true(has("Set-Cookie: __Host-patron="));
    assert_true(has("; Path=/; Secure; HttpOnly; SameSite=Strict\r\n"));
    assert_int_equal(ask("/api/session", NULL), 200);
    assert_true(has("\"name\":\"ada\",\"roles\":[\"admin\"]"));
    assert_int_equal(post("/api/users", "{\"name\":\"bo\",\"roles\":[\"clerk\"],\"language\":\"zh\"}"), 200);
    assert_int_equal(ask("/api/users?format=csv", NULL), 200);
    assert_true(has("Content-Disposition: attachment; filename=\"list_users.csv\""));
    assert_true(has("\r\n2,\"bo\","));
    assert_int_equal(ask("/api/users", NULL), 200);
    assert_true(has("Content-Disposition: attachment; filename=\"api.json\""));
    assert_int_equal(ask("/api/openapi.json", NULL), 200);
    proc_end(&office, SIGKILL); /* a session is on disk */
    start();
    assert_int_equal(ask("/api/session", NULL), 200);
    assert_int_equal(post("/api/logout", "{}"), 200);
    assert_true(has("Max-Age=0"));
    assert_int_equal(ask("/api/session", NULL), 401);
    close_office();
}

TEST(console, what_comes_from_elsewhere_is_refused)
{
    char header[200];
    open_office();
    log_in("ada", "clerk");
    static const char *const foreign[] = {"Origin: https://evil.example", "Origin: null", "Sec-Fetch-Site: cross-site",
                                          "Sec-Fetch-Site: same-site"};
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        assert_int_equal(ask("/api/session", ARGS("-H", foreign[i])), 403);
    snprintf(header, sizeof header, "Origin: http%s", base + 5); /* ours, without TLS */
    assert_int_equal(ask("/api/session", ARGS("-H", header)), 403);
    snprintf(header, sizeof header, "Origin: %s", base);
    assert_int_equal(ask("/api/session", ARGS("-H", header, "-H", "Sec-Fetch-Site: same-origin")), 200);
    static const char *const hosts[] = {"Host: evil.example", "Host: localhost.evil.example:443", "Host:"};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        assert_true(ask("/", ARGS("-H", hosts[i])) == (i < 2 ? 421 : 400));
    assert_int_equal(ask("/api/logout", ARGS("-H", "Content-Type: text/plain", "-d", "{}")), 403);
    char right[100];
    snprintf(right, sizeof right, "%s", token);
    snprintf(header, sizeof header, "X-CSRF-Token: %s", right);
    assert_int_equal(ask("/api/logout", ARGS("-H", header, "-H", "Content-Type: text/plain", "-d", "{}")), 415);
    close_office();
}

TEST(console, a_large_body_is_for_who_is_logged_in)
{
    char *path;
    open_office();
    path = path_of("%s/large", test_scratch_dir());
    static char large[100001];
    snprintf(large, sizeof large, "{\"language\":\"zh\",\"x\":\"");
    memset(large + strlen(large), 'x', sizeof large - 1 - strlen(large));
    memcpy(large + sizeof large - 3, "\"}", 3);
    write_file(path, large);
    char data[400], header[120];
    snprintf(data, sizeof data, "@%s", path);
    assert_int_equal(ask("/api/login", ARGS("-H", "Content-Type: application/json", "--data-binary", data)), 413);
    log_in("ada", "clerk");
    snprintf(header, sizeof header, "X-CSRF-Token: %s", token);
    assert_int_equal(ask("/api/session/language", ARGS("-H", header, "-H", "Content-Type: application/json", "-H",
                                                       "Request-Id: 0123456789abcdef", "--data-binary", data)), 400);
    assert_true(has("\"field\":\"x\""));
    free(path);
    close_office();
}

TEST(console, one_address_cannot_ask_without_end)
{
    open_office();
    char url[150], told[64] = "";
    snprintf(url, sizeof url, "%s/api/session?n=[1-4000]", base);
    run(log_path, NULL, out, sizeof out,
        ARGS("/usr/bin/curl", "-sS", "--cacert", ca, "-o", "/dev/null", "-w", "%{http_code}\n", url));
    snprintf(told, sizeof told, "%.3s", out);
    assert_string_equal(told, "401");
    assert_true(has("429\n"));
    assert_int_equal(ask("/", NULL), 200); /* pages still come */
    close_office();
}
