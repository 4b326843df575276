/* nexo_door.c - see nexo_door.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/nexo/nexo_door.h"

#include "hw/clock.h"
#include "terminal/till.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A request between its arrival and its reply. */
struct door_call {
    struct nexo_call call; /* first */
    struct nexo_door *door;
    struct http_request *r; /* NULL: free */
    const struct nexo_key *key;
};

struct nexo_door {
    struct till_extra extra; /* first */
    struct nexo *nexo;
    struct http *http;
    struct nexo_keys keys;
    struct door_call calls[HTTP_CONNECTIONS_MAX];
};

/* ---- replies ---- */

static void answer(struct door_call *c, int status, char *body)
{
    struct http_request *r = c->r;
    c->r = NULL;
    http_reply(r, status, NULL, body ? body : "", body ? strlen(body) : 0, NULL, 0);
    free(body);
}

static void reply(struct nexo_call *call, const json_t *response)
{
    struct door_call *c = (struct door_call *)call;
    uint8_t nonce[NEXO_NONCE_SIZE];
    clock_random(nonce, sizeof nonce);
    answer(c, 200,
           response ? nexo_seal_create(c->key, "SaleToPOIResponse", response, nonce) : NULL);
}

static char *error_create(const char *sentence)
{
    json_t *v = json_pack("{s:[s]}", "errors", sentence);
    char *text = v ? json_dumps(v, JSON_COMPACT) : NULL;
    json_decref(v);
    return text;
}

static void refuse(struct nexo_call *call, const char *sentence)
{
    answer((struct door_call *)call, 400, error_create(sentence));
}

/* ---- requests ---- */

/* The register hung up: the work goes on, its outcome is kept. */
static void gone(struct http_request *r)
{
    struct door_call *c = r->mine;
    nexo_gone(c->door->nexo, &c->call);
    answer(c, 200, NULL);
}

static void request(void *door, struct http_request *r)
{
    struct nexo_door *d = door;
    struct nexo_opened o;
    struct door_call *c = d->calls;
    while (c->r)
        c++; /* there are as many as connections */
    assert(c < d->calls + HTTP_CONNECTIONS_MAX);
    *c = (struct door_call){.call = {reply, refuse}, .door = d, .r = r};
    if (*r->rest) {
        answer(c, 404, error_create("not here: POST /nexo/"));
        return;
    }
    nexo_open(&o, &d->keys, r->body);
    if (o.refusal) {
        answer(c, o.refusal == NEXO_NO_MESSAGE ? 400 : 401, nexo_refusal_create(&o));
        return;
    }
    c->key = o.key;
    r->mine = c;
    r->gone = gone;
    nexo_request(d->nexo, o.request, &c->call);
    json_decref(o.request);
}

/* ---- its life ---- */

static int fds(struct till_extra *x, struct pollfd *f, int cap)
{
    struct pollfd all[HTTP_POLLS_MAX];
    int count = http_polls(((struct nexo_door *)x)->http, all);
    count = count < cap ? count : cap;
    memcpy(f, all, (size_t)count * sizeof *f);
    return count;
}

static int64_t due_ms(struct till_extra *x, int64_t now_ms)
{
    (void)now_ms;
    return http_due_ms(((struct nexo_door *)x)->http);
}

static void turn(struct till *t, struct till_extra *x, const struct pollfd *f, int count,
                 int64_t now_ms)
{
    (void)t;
    (void)f;
    (void)count;
    http_turn(((struct nexo_door *)x)->http, now_ms);
}

static enum err read_key(struct nexo_keys *keys, char *line, struct errmsg *why)
{
    char *identifier = strtok(line, " \t"), *version = strtok(NULL, " \t"),
         *passphrase = strtok(NULL, "");
    char *end = NULL;
    if (!identifier || !version || !passphrase)
        return err_set(why, ERR_FORMAT, "expected: identifier version passphrase");
    errno = 0;
    long long n = strtoll(version, &end, 10);
    if (errno || *end || n < 0)
        return err_set(why, ERR_FORMAT, "a key's version is a number: %.20s", version);
    return nexo_keys_add(keys, identifier, n, passphrase, why);
}

enum err nexo_keys_load(struct nexo_keys *keys, const char *path, struct errmsg *why)
{
    char line[NEXO_PASSPHRASE_MAX + NEXO_KEY_NAME_SIZE + 40];
    enum err e = OK;
    FILE *f = fopen(path, "re");
    if (!f)
        return err_set(why, ERR_IO, "%s: %s", path, strerror(errno));
    for (int number = 1; !e && fgets(line, sizeof line, f); number++) {
        if (!strchr(line, '\n') && !feof(f))
            e = err_set(why, ERR_FORMAT, "the line is too long");
        line[strcspn(line, "\r\n")] = 0;
        if (!e && line[0] && line[0] != '#')
            e = read_key(keys, line, why);
        if (e)
            err_add(why, e, "%s, line %d", path, number);
    }
    fclose(f);
    bytes_wipe(line, sizeof line);
    if (!e && !keys->count)
        e = err_set(why, ERR_FORMAT, "%s: no key in it", path);
    return e;
}

enum err nexo_door_open(struct nexo_door **out, struct till *t, const struct nexo_config *config,
                        const struct nexo_keys *keys, const struct http_config *http,
                        struct errmsg *why)
{
    struct nexo_door *d = calloc(1, sizeof *d);
    if (!d)
        return err_set(why, ERR_FULL, "no memory for the nexo door");
    d->keys = *keys;
    enum err e = http_open(&d->http, http, why);
    if (!e)
        e = nexo_create(&d->nexo, t, config, why);
    if (e) {
        nexo_door_close(d);
        return e;
    }
    http_route(d->http, "POST", "/nexo", d, request);
    http_route(d->http, "POST", "/nexo/", d, request);
    d->extra.fds = fds;
    d->extra.due_ms = due_ms;
    d->extra.turn = turn;
    till_add_extra(t, &d->extra);
    *out = d;
    return OK;
}

void nexo_door_close(struct nexo_door *d)
{
    if (!d)
        return;
    http_close(d->http);
    nexo_destroy(d->nexo);
    nexo_keys_finish(&d->keys);
    free(d);
}

const char *nexo_door_address(const struct nexo_door *d)
{
    return http_address(d->http);
}

struct nexo *nexo_door_services(struct nexo_door *d)
{
    return d->nexo;
}
