/* enrol.c - see enrol.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/enrol.h"

#include "hw/clock.h"
#include "sync/link.h"
#include "terminal/identity.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ENROL_MS = 30000, CSR_MAX = 512 };

/* Runs the line until it is up, or the answer is there. */
static enum err run_until(struct link *l, enum link_event wanted, int64_t deadline_ms,
                          struct errmsg *why)
{
    for (;;) {
        enum link_event event = link_step(l, clock_tick_ms(), why);
        if (event == wanted)
            return OK;
        if (event == LINK_DOWN)
            return ERR_IO;
        if (event != LINK_NOTHING)
            continue;
        int fd = -1;
        short events = link_poll(l, &fd);
        int64_t now_ms = clock_tick_ms(), due = link_deadline(l);
        if (now_ms >= deadline_ms)
            return err_set(why, ERR_TIMEOUT, "head office does not answer");
        due = due < deadline_ms ? due : deadline_ms;
        struct pollfd f = {fd, events, 0};
        (void)poll(&f, 1, due > now_ms ? (int)(due - now_ms) : 0);
    }
}

static enum err check_given(const struct wire_enrolled *e, const struct code *code,
                            const mbedtls_pk_context *key, struct errmsg *why)
{
    mbedtls_x509_crt crt;
    if (e->terminal != code->terminal)
        return err_set(why, ERR_AUTH, "the code is of till %u, head office enrolled till %u",
                       code->terminal, e->terminal);
    if (!code_is_of_ca(code, e->ca))
        return err_set(why, ERR_AUTH, "head office gave another CA than the code speaks of");
    enum err err = mbed_cert_parse(&crt, e->certificate, why);
    if (!err && !mbed_same_key(&crt.pk, key))
        err = err_set(why, ERR_AUTH, "the certificate is not for this till's key");
    mbedtls_x509_crt_free(&crt);
    return err;
}

static enum err keep(const char *dir, const struct wire_enrolled *e, struct errmsg *why)
{
    struct identity_given g = {.terminal = e->terminal,
                               .certificate = e->certificate,
                               .ca = e->ca,
                               .pack_key = e->pack_key,
                               .code_key = e->code_key,
                               .key_version = e->key_version};
    memcpy(g.shop, e->shop, sizeof g.shop);
    memcpy(g.aid, e->aid, sizeof g.aid);
    memcpy(g.k2, e->k2, sizeof g.k2);
    memcpy(g.lookup_key, e->lookup_key, sizeof g.lookup_key);
    memcpy(g.sun_meta_key, e->sun_meta_key, sizeof g.sun_meta_key);
    enum err err = identity_save(dir, &g, why);
    bytes_wipe(&g, sizeof g);
    return err;
}

static enum err ask(struct link *l, const char *dir, const char *office, const struct code *code,
                    const mbedtls_pk_context *key, struct errmsg *why)
{
    int64_t deadline_ms = clock_tick_ms() + ENROL_MS;
    uint8_t csr[CSR_MAX];
    char name[16];
    struct buf c = BUF_ON(csr);
    struct wire_request r = {.ask = ASK_ENROL};
    code_text(r.enrol.code, code); /* however it was typed */
    snprintf(name, sizeof name, "till-%04u", code->terminal);
    enum err e = mbed_csr_make(&c, key, name, why);
    r.enrol.csr = buf_bytes(&c);
    if (!e)
        e = link_connect(l, office, clock_tick_ms(), why);
    if (!e)
        e = run_until(l, LINK_UP, deadline_ms, why);
    if (e)
        return err_add(why, e, "is head office running at %s?", office);
    e = link_ask(l, &r, ENROL_MS, clock_tick_ms(), why);
    if (!e)
        e = run_until(l, LINK_ANSWER, deadline_ms, why);
    bytes_wipe(&r, sizeof r);
    if (e)
        return e;
    const struct wire_answer *a = link_answer_get(l);
    if (a->say == SAY_REFUSED)
        return err_set(why, ERR_REFUSED, "%s", a->refused.sentence);
    if (a->say != SAY_ENROLLED)
        return err_set(why, ERR_FORMAT, "head office answered something else");
    e = check_given(&a->enrolled, code, key, why);
    return e ? e : keep(dir, &a->enrolled, why);
}

enum err enrol(uint32_t *terminal, const char *dir, const char *office, const char *code_typed,
               struct errmsg *why)
{
    struct code code;
    mbedtls_pk_context key;
    struct link_config *config = NULL;
    struct link *l = NULL;
    int lock_fd = -1;
    enum err e = code_parse(&code, code_typed, why);
    if (e)
        return e;
    mbedtls_pk_init(&key);
    struct link_identity me = {.pin = &code};
    e = identity_lock(&lock_fd, dir, why);
    if (!e) {
        struct identity there;
        struct errmsg ignored;
        if (identity_load(&there, dir, &ignored) == OK) {
            identity_finish(&there);
            e = err_set(why, ERR_EXISTS, "%s is enrolled already; a new till needs its own --home",
                        dir);
        }
    }
    if (!e)
        e = identity_key(&key, dir, why);
    if (!e)
        e = link_config_create(&config, LINK_TILL, &me, why);
    if (!e)
        e = link_create(&l, config, why);
    if (!e)
        e = ask(l, dir, office, &code, &key, why);
    if (!e)
        *terminal = code.terminal;
    link_destroy(l);
    link_config_destroy(config);
    mbedtls_pk_free(&key);
    bytes_wipe(&code, sizeof code);
    if (lock_fd >= 0)
        close(lock_fd);
    return e;
}
