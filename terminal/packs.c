/* packs.c - programme packs at the till: every one ever received is kept in the journal's settings,
 * with its signature, since a refund is worked out by the rules of its sale; the newest few are
 * held ready.
 *
 *     packs       versions, 4 bytes each, least significant first, in the order received
 *     pack-N      the JSON exactly as signed
 *     pack-N.sig  ECDSA P-256 of SHA-256 of it, DER
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/till.h"

#include "base/mbed.h"
#include "base/tr.h"
#include "terminal/log.h"

#include <stdio.h>
#include <string.h>

enum { LIST_MAX = 4 * 1024, NAME_SIZE = 32 };

static enum err check(struct till *t, struct pack *out, struct bytes json, struct bytes signature,
                      const char *name, struct errmsg *why)
{
    uint8_t hash[MBED_HASH_SIZE];
    mbed_sha256(hash, json);
    enum err e = mbed_verify(&t->parts.identity->pack_key, hash, signature, why);
    if (e)
        return err_add(why, ERR_MAC, "%s is not signed by head office", name);
    return pack_read(out, (const char *)json.data, json.size, name, why);
}

static enum err load(struct till *t, struct pack *out, uint32_t version, struct errmsg *why)
{
    char name[NAME_SIZE], sig_name[NAME_SIZE + 4];
    uint8_t sig[MBED_SIGNATURE_MAX];
    struct buf json = {.data = t->packs.json, .cap = sizeof t->packs.json - 1}, s = BUF_ON(sig);
    snprintf(name, sizeof name, "pack-%u", version);
    snprintf(sig_name, sizeof sig_name, "%s.sig", name);
    enum err e = journal_load(t->journal, name, &json, why);
    if (!e)
        e = journal_load(t->journal, sig_name, &s, why);
    if (e)
        return e;
    json.data[json.size] = 0;
    return check(t, out, buf_bytes(&json), buf_bytes(&s), name, why);
}

/* Newest first; the oldest of those held makes room. */
static void hold(struct packs *p, const struct pack *pack)
{
    int32_t keep = p->count < TILL_PACKS_MAX ? p->count : TILL_PACKS_MAX - 1;
    memmove(&p->held[1], &p->held[0], (size_t)keep * sizeof p->held[0]);
    p->held[0] = *pack;
    p->count = keep + 1;
    p->newest = pack->version;
}

/* One that cannot be read is left out: then head office hears of an older one, and sends what came after it. */
void packs_open(struct till *t)
{
    uint8_t list[LIST_MAX];
    struct buf l = BUF_ON(list);
    struct errmsg why = {""};
    enum err e = journal_load(t->journal, "packs", &l, &why);
    bool unread = e && e != ERR_NOT_FOUND;
    size_t count = e ? 0 : l.size / 4, first = count > TILL_PACKS_MAX ? count - TILL_PACKS_MAX : 0;
    for (size_t i = first; i < count; i++)
        if (load(t, &t->packs.incoming, (uint32_t)get_le(list + 4 * i, 4), &why))
            unread = true;
        else
            hold(&t->packs, &t->packs.incoming);
    if (unread) {
        log_event("pack", "state=unreadable");
        till_tell(t, tr("A programme kept here cannot be used: %s."), why.text);
    }
}

enum err packs_take(struct till *t, struct bytes json, struct bytes signature, struct errmsg *why)
{
    uint8_t list[LIST_MAX];
    char name[NAME_SIZE], sig_name[NAME_SIZE + 4];
    struct buf l = BUF_ON(list);
    struct packs *p = &t->packs;
    if (json.size > PACK_JSON_MAX)
        return err_set(why, ERR_RANGE, "a pack of %zu bytes is too long", json.size);
    memcpy(p->json, json.data, json.size);
    p->json[json.size] = 0;
    struct pack *pack = &p->incoming;
    enum err e = check(t, pack, bytes_of(p->json, json.size), signature, "a pack", why);
    if (e)
        return e;
    if (pack->version <= p->newest)
        return OK; /* known */
    e = journal_load(t->journal, "packs", &l, why);
    if (e == ERR_NOT_FOUND)
        l.size = 0, e = OK;
    if (l.size < 4 || get_le(list + l.size - 4, 4) != pack->version) /* else it comes again: see packs_open */
        buf_put_le(&l, pack->version, 4);
    if (!e && l.full)
        e = err_set(why, ERR_FULL, "this till has kept %d packs", LIST_MAX / 4);
    snprintf(name, sizeof name, "pack-%u", pack->version);
    snprintf(sig_name, sizeof sig_name, "%s.sig", name);
    if (!e)
        e = journal_save(t->journal, name, json, why);
    if (!e)
        e = journal_save(t->journal, sig_name, signature, why);
    if (!e)
        e = journal_save(t->journal, "packs", buf_bytes(&l),
                         why); /* last: then the rest is there */
    if (e)
        return e;
    const struct pack *in_effect = p->in_effect;
    uint32_t version = in_effect ? in_effect->version : 0;
    hold(p, pack);
    if (in_effect && in_effect != &p->then) /* the same one, at its new place */
        p->in_effect = packs_find(t, version);
    return OK;
}

void packs_choose(struct till *t, int32_t day)
{
    struct packs *p = &t->packs;
    const struct pack *best = NULL;
    for (int32_t i = 0; i < p->count && !best; i++)
        if (p->held[i].effective_day <= day)
            best = &p->held[i];
    p->in_effect = best;
}

const struct pack *packs_find(struct till *t, uint32_t version)
{
    struct packs *p = &t->packs;
    for (int32_t i = 0; i < p->count; i++)
        if (p->held[i].version == version)
            return &p->held[i];
    if (version && p->then.version == version)
        return &p->then;
    struct errmsg why = {""};
    if (version == 0 || load(t, &p->then, version, &why) != OK) {
        memset(&p->then, 0, sizeof p->then);
        return NULL;
    }
    return &p->then;
}
