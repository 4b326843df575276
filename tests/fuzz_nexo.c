/* fuzz_nexo.c - fuzz target: what comes through the nexo door.  The first byte chooses: a body with its seal, a
 * message (JSON, into the services of a till without a reader), or a valid request of which the next bytes choose
 * a field and what it becomes.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/mbed.h"
#include "db/journal.h"
#include "terminal/nexo/nexo.h"
#include "terminal/nexo/nexo_crypto.h"
#include "terminal/till.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { AGAIN_AFTER = 2000, REQUESTS_MAX = 64, TERMINAL = 7 };

/* ---- a till, made anew after a while: its journal grows ---- */

static struct {
    struct identity identity;
    struct journal *journal;
    struct till *till;
    struct nexo *nexo;
    struct nexo_keys keys;
    json_t *requests[REQUESTS_MAX];
    int request_count, used;
    char path[100];
} f;

static void forget_files(void)
{
    char lock[sizeof f.path + 8];
    snprintf(lock, sizeof lock, "%s.lock", f.path);
    unlink(f.path);
    unlink(lock); /* the number of the last entry */
}

static void close_till(void)
{
    till_destroy(f.till);
    nexo_destroy(f.nexo);
    journal_close(f.journal);
    forget_files();
}

static const char pack_json[] =
    "{\"version\": 1, \"effective\": \"2000-01-01\", \"name\": \"Test\", \"currency\": \"EUR\", "
    "\"earn\": {\"rate\": "
    "\"1/100\"}, \"redeem\": {\"worth\": 1, \"min\": 10, \"step\": 10}, \"rebates\": [{\"name\": "
    "\"cake\", \"rate\": "
    "\"1/10\"}], \"grants\": {\"per_gift\": 50, \"per_day\": 1000000, \"register\": true}}";

static void take_pack(void)
{
    uint8_t hash[MBED_HASH_SIZE], room[MBED_SIGNATURE_MAX];
    struct buf signature = BUF_ON(room);
    struct errmsg why;
    mbed_sha256(hash, bytes_of(pack_json, strlen(pack_json)));
    if (mbed_sign(&signature, &f.identity.pack_key, hash, &why) ||
        packs_take(f.till, bytes_of(pack_json, strlen(pack_json)), buf_bytes(&signature), &why))
        abort();
}

static void open_till(void)
{
    struct errmsg why = {""};
    struct nexo_config config = {.wait_ms = 1};
    snprintf(f.path, sizeof f.path, "/tmp/fuzz-nexo-%d.db", (int)getpid());
    forget_files();
    f.identity.terminal = TERMINAL;
    if (journal_open(&f.journal, f.path, TERMINAL, &why))
        abort();
    struct till_parts parts = {.identity = &f.identity, .journal = f.journal};
    if (till_create(&f.till, &parts, &why) || nexo_create(&f.nexo, f.till, &config, &why))
        abort();
    f.used = 0;
    take_pack();
}

static void read_requests(void)
{
    char *line = NULL;
    size_t cap = 0;
    struct errmsg why;
    FILE *file = fopen("tests/data/nexo/requests.txt", "r");
    while (file && f.request_count < REQUESTS_MAX && getline(&line, &cap, file) > 0)
        f.requests[f.request_count++] = nexo_json_read(bytes_of(line, strlen(line)), &why);
    free(line);
    if (file)
        fclose(file);
}

static void ready(void)
{
    struct errmsg why;
    if (!f.keys.count) {
        if (mbed_init(&why) || mbed_key_make(&f.identity.pack_key, &why) ||
            nexo_keys_add(&f.keys, "shopkey", 1, "correct horse battery staple", &why))
            abort();
        read_requests();
    }
    if (f.till && ++f.used < AGAIN_AFTER)
        return;
    if (f.till)
        close_till();
    else
        atexit(close_till);
    open_till();
}

/* ---- a request is answered once, and well formed ---- */

struct asked {
    struct nexo_call call;
    bool replied;
};

static void on_reply(struct nexo_call *c, const json_t *response)
{
    struct asked *a = (struct asked *)c;
    uint8_t nonce[NEXO_NONCE_SIZE] = {1};
    assert(!a->replied);
    a->replied = true;
    if (!response)
        return;
    assert(json_object_size(response) == 2 && json_object_get(response, "MessageHeader"));
    char *sealed = nexo_seal_create(&f.keys.key[0], "SaleToPOIResponse", response, nonce);
    assert(sealed);
    free(sealed);
}

static void on_refuse(struct nexo_call *c, const char *sentence)
{
    struct asked *a = (struct asked *)c;
    assert(!a->replied && *sentence);
    a->replied = true;
}

static void serve(json_t *request)
{
    struct asked a = {.call = {on_reply, on_refuse}};
    nexo_request(f.nexo, request, &a.call);
    for (int i = 0; i < 50 && !a.replied; i++)
        (void)!till_turn(f.till, 1);
    if (!a.replied)
        nexo_gone(f.nexo, &a.call);
    /* Known again: the same message gets an answer too, and the same one when it was kept. */
    struct asked again = {.call = {on_reply, on_refuse}};
    nexo_request(f.nexo, request, &again.call);
    for (int i = 0; i < 50 && !again.replied; i++)
        (void)!till_turn(f.till, 1);
    if (!again.replied)
        nexo_gone(f.nexo, &again.call);
}

static void message(const uint8_t *data, size_t size)
{
    struct errmsg why = {""};
    json_t *v = nexo_json_read(bytes_of(data, size), &why);
    if (!v) {
        assert(why.text[0]);
        return;
    }
    char *text = nexo_json_write_create(v);
    assert(text);
    json_t *same = nexo_json_read(bytes_of(text, strlen(text)), &why);
    assert(same && json_equal(v, same));
    json_decref(same);
    free(text);
    serve(v);
    json_decref(v);
}

static void sealed(const uint8_t *data, size_t size)
{
    struct nexo_opened o;
    nexo_open(&o, &f.keys, bytes_of(data, size));
    if (o.refusal) {
        char *said = nexo_refusal_create(&o);
        assert(said && !o.request);
        free(said);
        return;
    }
    serve(o.request);
    json_decref(o.request);
}

/* The n-th value of v, counted through; its holder and name. */
static json_t *nth(json_t *v, int *n, json_t **holder, const char **name)
{
    const char *key;
    json_t *value;
    json_object_foreach(v, key, value)
    {
        if ((*n)-- == 0) {
            *holder = v;
            *name = key;
            return value;
        }
        json_t *found =
            nth(json_is_array(value) ? json_array_get(value, 0) : value, n, holder, name);
        if (found)
            return found;
    }
    return NULL;
}

static json_t *other_value(const uint8_t *data, size_t size)
{
    struct errmsg why;
    char number[16];
    if (size > 1 && data[0] % 4 == 0)
        return json_stringn((const char *)data + 1, size - 1); /* NULL: no UTF-8 */
    if (size > 2 && data[0] % 4 == 1) {
        snprintf(number, sizeof number, "%d.%d", data[1], data[2]);
        return nexo_json_number(number);
    }
    return size > 1 && data[0] % 4 == 2 ? nexo_json_read(bytes_of(data + 1, size - 1), &why) : NULL;
}

/* request, field, what it becomes. */
static void spoil(const uint8_t *data, size_t size)
{
    if (size < 3 || !f.request_count)
        return;
    json_t *v = json_deep_copy(f.requests[data[0] % f.request_count]), *holder = NULL;
    const char *name = NULL;
    int n = data[1] % 64;
    if (nth(v, &n, &holder, &name)) {
        char field[64];
        snprintf(field, sizeof field, "%s", name);
        json_t *to = other_value(data + 2, size - 2);
        if (to)
            json_object_set_new(holder, field, to);
        else
            json_object_del(holder, field);
    }
    serve(v);
    json_decref(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ready();
    if (!size)
        return 0;
    if (data[0] % 3 == 0)
        sealed(data + 1, size - 1);
    else if (data[0] % 3 == 1)
        message(data + 1, size - 1);
    else
        spoil(data + 1, size - 1);
    return 0;
}
