/* books.c - opening the books, packs, terminals, people, what a tap has to know.  See books.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/books/books_int.h"
#include "base/date.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum err books_create(const char *path, struct errmsg *why)
{
    return store_office_create(path, why);
}

/* ---- packs: read once, kept ---- */

static void drop_packs(struct books *b)
{
    while (b->packs) {
        struct books_pack *p = b->packs;
        b->packs = p->next;
        free(p);
    }
}

enum err books_load_pack(struct books *b, struct bytes json, struct errmsg *why)
{
    struct books_pack *p = calloc(1, sizeof *p), **at = &b->packs;
    if (!p)
        return err_set(why, ERR_IO, "out of memory");
    enum err e = pack_read(&p->pack, (const char *)json.data, json.size, "pack", why);
    if (e) {
        free(p);
        return e;
    }
    while (*at && (*at)->pack.version < p->pack.version)
        at = &(*at)->next;
    p->next = *at;
    *at = p;
    return OK;
}

enum err books_reload(struct books *b, struct errmsg *why)
{
    enum err e = OK, ended;
    drop_packs(b);
    b->run_known = false;
    struct query q = query_of(b->store, Q_PACKS);
    while (!e && query_row(&q)) {
        (void)query_get_int(&q);
        e = books_load_pack(b, query_get_blob(&q), why);
    }
    ended = query_done(&q, why);
    return e ? e : ended;
}

const struct pack *books_find_pack(const struct books *b, uint32_t version)
{
    for (const struct books_pack *p = b->packs; p; p = p->next)
        if (p->pack.version == version)
            return &p->pack;
    return NULL;
}

const struct pack *books_pack_on(const struct books *b, int32_t day)
{
    const struct pack *found = NULL;
    for (const struct books_pack *p = b->packs; p; p = p->next)
        if (p->pack.effective_day <= day)
            found = &p->pack;
    return found;
}

static enum err add_pack(struct books *b, const struct pack *pack, struct bytes json,
                         struct bytes signature, struct errmsg *why)
{
    int64_t position = 0;
    bool same = false, found = false;
    struct query q = query_of(b->store, Q_PACK_FIND);
    query_int(&q, pack->version);
    if ((found = query_row(&q))) {
        struct bytes old = query_get_blob(&q);
        same = old.size == json.size && memcmp(old.data, json.data, json.size) == 0;
    }
    enum err e = query_done(&q, why);
    if (e)
        return e;
    if (found && same)
        return err_set(why, ERR_EXISTS, "pack %" PRIu32 " is published already", pack->version);
    if (found)
        return err_set(why, ERR_CONFLICT,
                       "pack %" PRIu32 " is published with another text: give the new one the next version",
                       pack->version);
    for (const struct books_pack *p = b->packs; p; p = p->next)
        if (p->pack.version > pack->version)
            return err_set(why, ERR_CONFLICT,
                           "pack %" PRIu32 " is published already, so version %" PRIu32 " comes too late",
                           p->pack.version, pack->version);
    q = query_of(b->store, Q_ENTRY_POSITION);
    if (query_row(&q))
        position = query_get_int(&q);
    if ((e = query_done(&q, why)))
        return e;
    q = query_of(b->store, Q_PACK_ADD);
    query_int(&q, pack->version);
    query_int(&q, pack->effective_day);
    query_int(&q, position);
    query_blob(&q, json.data, json.size);
    query_blob(&q, signature.data, signature.size);
    if ((e = query_run(&q, why)))
        return e;
    return books_load_pack(b, json, why);
}

/* In a transaction, so that its place among the entries is the one they were posted by. */
enum err books_add_pack(struct books *b, const struct pack *pack, struct bytes json,
                        struct bytes signature, struct errmsg *why)
{
    bool own = !store_office_is_open(b->store);
    enum err e = own ? books_begin(b, why) : OK;
    if (e)
        return e;
    e = add_pack(b, pack, json, signature, why);
    if (own && e)
        books_rollback(b);
    return own && !e ? books_commit(b, why) : e;
}

enum err books_pack_after(struct books *b, uint32_t version, uint32_t *found, struct buf *json,
                          struct buf *signature, struct errmsg *why)
{
    struct query q = query_of(b->store, Q_PACK_AFTER);
    query_int(&q, version);
    bool row = query_row(&q);
    if (row) {
        *found = (uint32_t)query_get_int(&q);
        struct bytes text = query_get_blob(&q), sign = query_get_blob(&q);
        buf_put(json, text.data, text.size);
        buf_put(signature, sign.data, sign.size);
    }
    enum err e = query_done(&q, why);
    if (!e && !row)
        e = err_set(why, ERR_NOT_FOUND, "no pack after %" PRIu32, version);
    if (!e && (json->full || signature->full))
        e = err_set(why, ERR_FULL, "pack %" PRIu32 " does not fit", *found);
    return e;
}

/* ---- open, close, transactions ---- */

enum err books_open_store(struct books **out, const char *path, const struct card_office_keys *keys,
                          struct errmsg *why)
{
    struct books *b = calloc(1, sizeof *b);
    if (!b)
        return err_set(why, ERR_IO, "out of memory");
    b->keys = keys;
    enum err e = store_office_open(&b->store, path, why);
    if (!e)
        e = books_reload(b, why);
    if (e) {
        books_close(b);
        return e;
    }
    *out = b;
    return OK;
}

enum err books_open(struct books **out, const char *path, const struct card_office_keys *keys,
                    struct errmsg *why)
{
    return books_open_store(out, path, keys, why);
}

void books_close(struct books *b)
{
    if (!b)
        return;
    drop_packs(b);
    store_office_close(b->store);
    free(b);
}

/* What is kept in memory is looked at anew when somebody else wrote: patronctl publishes packs and runs
 * days while patron-office has the books open. */
enum err books_refuse_changes(struct books *b, bool refuse, struct errmsg *why)
{
    return store_office_refuse(b->store, refuse, why);
}

enum err books_begin(struct books *b, struct errmsg *why)
{
    enum err e = store_office_begin(b->store, why);
    if (e)
        return e;
    int64_t version = store_office_data_version(b->store);
    if (version != b->data_version && (e = books_reload(b, why)))
        store_office_rollback(b->store);
    else
        b->data_version = version;
    return e;
}

enum err books_commit(struct books *b, struct errmsg *why)
{
    enum err e = store_office_commit(b->store, why);
    if (e)
        (void)books_reload(b, NULL);
    return e;
}

void books_rollback(struct books *b)
{
    store_office_rollback(b->store);
    (void)books_reload(b, NULL); /* a pack or a run may have gone with it */
}

/* ---- what a tap and a till have to know ---- */

enum err books_next_seq(struct books *b, uint32_t terminal, uint32_t *seq, uint8_t hash[32],
                        struct errmsg *why)
{
    struct query q = query_of(b->store, Q_ENTRY_LAST);
    *seq = 1;
    memset(hash, 0, 32);
    query_int(&q, terminal);
    if (query_row(&q)) {
        *seq = (uint32_t)query_get_int(&q) + 1;
        struct bytes last = query_get_blob(&q);
        if (last.size == 32)
            memcpy(hash, last.data, 32);
    }
    return query_done(&q, why);
}

enum err books_next_load(struct books *b, uint32_t *load, struct errmsg *why)
{
    struct query q = query_of(b->store, Q_LOAD_LAST);
    *load = 1;
    if (query_row(&q))
        *load = (uint32_t)query_get_int(&q) + 1;
    return query_done(&q, why);
}

enum err books_member(struct books *b, member_id member, struct member_view *out, struct errmsg *why)
{
    struct member_view m = {.member = member, .next_expiry_day = DAY_NEVER};
    struct query q = query_of(b->store, Q_MEMBER_GET);
    query_int(&q, (int64_t)member);
    bool found = query_row(&q);
    if (found) {
        query_get_text(&q, m.tier, sizeof m.tier);
        (void)query_get_int(&q);
        (void)query_get_int(&q);
        m.held = points_of(query_get_int(&q));
        m.in_transit = points_of(query_get_int(&q));
        m.owed = points_of(query_get_int(&q));
        m.reserved = points_of(query_get_int(&q));
        m.pending = points_of(query_get_int(&q));
        m.enrolled_day = (int32_t)query_get_int(&q);
        query_skip(&q, 2);
        m.merged_into = (member_id)query_get_int(&q);
    }
    enum err e = query_done(&q, why);
    if (!e && !found)
        e = err_set(why, ERR_NOT_FOUND, "M%" PRIu64 " is not a member", member);
    if (e)
        return e;
    q = query_of(b->store, Q_CARD_SUM);
    query_int(&q, (int64_t)member);
    if (query_row(&q))
        m.on_cards = points_of(query_get_int(&q));
    if ((e = query_done(&q, why)))
        return e;
    q = query_of(b->store, Q_LOT_NEXT);
    query_int(&q, (int64_t)member);
    if (query_row(&q)) {
        m.next_expiry_day = (int32_t)query_get_int(&q);
        m.next_expiry = points_of(query_get_int(&q));
    }
    e = query_done(&q, why);
    if (!e)
        *out = m;
    return e;
}

enum err books_card(struct books *b, const struct card_uid *uid, struct card_view *out,
                    struct errmsg *why)
{
    struct card_view c = {.uid = *uid};
    struct query q = query_of(b->store, Q_CARD_GET);
    query_uid(&q, uid);
    bool found = query_row(&q);
    if (found) {
        c.member = (member_id)query_get_int(&q);
        c.kind = (enum card_kind)query_get_int(&q);
        c.status = (enum card_status)query_get_int(&q);
        c.purse = points_of(query_get_int(&q));
    }
    enum err e = query_done(&q, why);
    if (!e && !found) {
        char text[UID_TEXT_SIZE];
        uid_text(text, uid);
        e = err_set(why, ERR_NOT_FOUND, "card %s is not known here", text);
    }
    if (e)
        return e;
    q = query_of(b->store, Q_INTENT_OLDEST);
    query_uid(&q, uid);
    if (query_row(&q)) {
        c.open_intent.terminal = (uint32_t)query_get_int(&q);
        c.open_intent.seq = (uint32_t)query_get_int(&q);
    }
    e = query_done(&q, why);
    if (!e)
        *out = c;
    return e;
}

enum err books_hot_since(struct books *b, uint32_t version, struct hot_card *out, int32_t cap,
                         int32_t *count, uint32_t *new_version, struct errmsg *why)
{
    struct query q = query_of(b->store, Q_HOT_SINCE);
    *count = 0;
    *new_version = version;
    query_int(&q, version);
    query_int(&q, cap);
    while (query_row(&q)) {
        *new_version = (uint32_t)query_get_int(&q);
        query_get_uid(&q, &out[*count].uid);
        out[(*count)++].status = (enum card_status)query_get_int(&q);
    }
    return query_done(&q, why);
}

/* ---- terminals ---- */

static void copy_hash(uint8_t out[32], struct bytes b)
{
    memset(out, 0, 32);
    if (b.size == 32)
        memcpy(out, b.data, 32);
}

enum err books_terminal(struct books *b, uint32_t terminal, struct terminal_view *out,
                        struct errmsg *why)
{
    struct terminal_view t = {.terminal = terminal};
    struct query q = query_of(b->store, Q_TERMINAL_GET);
    query_int(&q, terminal);
    bool found = query_row(&q);
    if (found) {
        query_get_text(&q, t.shop, sizeof t.shop);
        t.revoked = query_get_int(&q) != 0;
        copy_hash(t.code_hash, query_get_blob(&q));
        copy_hash(t.cert_hash, query_get_blob(&q));
    }
    enum err e = query_done(&q, why);
    if (!e && !found)
        e = err_set(why, ERR_NOT_FOUND, "terminal %" PRIu32 " is not known here", terminal);
    if (!e)
        *out = t;
    return e;
}

enum err books_save_terminal(struct books *b, const struct terminal_view *t, struct errmsg *why)
{
    struct query q = query_of(b->store, Q_TERMINAL_SAVE);
    query_int(&q, t->terminal);
    query_text(&q, t->shop);
    query_int(&q, t->revoked);
    query_blob(&q, t->code_hash, sizeof t->code_hash);
    query_blob(&q, t->cert_hash, sizeof t->cert_hash);
    return query_run(&q, why);
}

enum err books_note_contact(struct books *b, uint32_t terminal, int64_t now_s,
                            const struct wire_sync *ask, struct errmsg *why)
{
    const struct wire_health *h = &ask->health;
    struct query q = query_of(b->store, Q_TERMINAL_CONTACT);
    query_int(&q, now_s);
    query_int(&q, ask->waiting);
    query_text(&q, ask->program);
    if (ask->signature.size)
        query_blob(&q, ask->signature.data, ask->signature.size);
    else
        query_null(&q);
    query_int(&q, h->reader);
    query_int(&q, h->printer);
    query_int(&q, h->receipts_waiting);
    query_int(&q, h->journal);
    query_int(&q, h->disk_free_mb);
    query_int(&q, h->locked);
    query_int(&q, h->entries);
    query_int(&q, ask->pack_version);
    query_int(&q, ask->hot_version);
    query_int(&q, ask->staff_version);
    query_int(&q, ask->clock_s ? ask->clock_s - now_s : 0);
    query_int(&q, terminal);
    return query_run(&q, why);
}

enum err books_orders(struct books *b, uint32_t terminal, uint32_t *orders, struct errmsg *why)
{
    struct query q = query_of(b->store, Q_ORDERS_GET);
    query_int(&q, terminal);
    *orders = query_row(&q) ? (uint32_t)query_get_int(&q) : 0;
    return query_done(&q, why);
}

enum err books_set_orders(struct books *b, uint32_t terminal, uint32_t orders, struct errmsg *why)
{
    struct query q = query_of(b->store, Q_ORDERS_SET);
    query_int(&q, terminal);
    query_int(&q, orders);
    return query_run(&q, why);
}

enum err books_terminals(struct books *b, books_terminal_fn *each, void *arg, struct errmsg *why)
{
    bool go_on = true;
    struct query q = query_of(b->store, Q_TERMINALS);
    while (go_on && query_row(&q)) {
        struct fleet_line f = {0};
        f.terminal.terminal = (uint32_t)query_get_int(&q);
        query_get_text(&q, f.terminal.shop, sizeof f.terminal.shop);
        f.terminal.revoked = query_get_int(&q) != 0;
        copy_hash(f.terminal.code_hash, query_get_blob(&q));
        copy_hash(f.terminal.cert_hash, query_get_blob(&q));
        f.contact_s = query_get_int(&q);
        f.waiting = (uint32_t)query_get_int(&q);
        query_get_text(&q, f.program, sizeof f.program);
        f.orders = (uint32_t)query_get_int(&q);
        f.health.reader = (uint32_t)query_get_int(&q);
        f.health.printer = (uint32_t)query_get_int(&q);
        f.health.receipts_waiting = (uint32_t)query_get_int(&q);
        f.health.journal = (uint32_t)query_get_int(&q);
        f.health.disk_free_mb = (uint32_t)query_get_int(&q);
        f.health.locked = (uint32_t)query_get_int(&q);
        f.health.entries = (uint32_t)query_get_int(&q);
        f.pack_version = (uint32_t)query_get_int(&q);
        f.hot_version = (uint32_t)query_get_int(&q);
        f.staff_version = (uint32_t)query_get_int(&q);
        f.skew_s = query_get_int(&q);
        f.last_seq = (uint32_t)query_get_int(&q);
        go_on = each(&f, arg);
    }
    return query_done(&q, why);
}

/* ---- people ---- */

enum err books_person(struct books *b, member_id member, struct person *out, struct errmsg *why)
{
    struct person p = {.member = member};
    struct query q = query_of(b->store, Q_PERSON_GET);
    query_int(&q, (int64_t)member);
    bool found = query_row(&q);
    if (found) {
        query_get_text(&q, p.name, sizeof p.name);
        query_get_text(&q, p.contact, sizeof p.contact);
        query_get_text(&q, p.note, sizeof p.note);
        query_get_text(&q, p.phone, sizeof p.phone);
        query_get_text(&q, p.birthday, sizeof p.birthday);
        query_get_text(&q, p.language, sizeof p.language);
        p.consent_s = query_get_int(&q);
    }
    enum err e = query_done(&q, why);
    if (!e && !found)
        e = err_set(why, ERR_NOT_FOUND, "nothing is kept about M%" PRIu64, member);
    if (!e)
        *out = p;
    return e;
}

enum err books_save_person(struct books *b, const struct person *p, struct errmsg *why)
{
    struct query q = query_of(b->store, Q_PERSON_SAVE);
    query_int(&q, (int64_t)p->member);
    query_text(&q, p->name);
    query_text(&q, p->contact);
    query_text(&q, p->note);
    query_text(&q, p->phone);
    query_text(&q, p->birthday);
    query_text(&q, p->language);
    query_int(&q, p->consent_s);
    return query_run(&q, why);
}

enum err books_next_member(struct books *b, member_id *out, struct errmsg *why)
{
    struct query q = query_of(b->store, Q_MEMBER_MAX);
    *out = 1;
    if (query_row(&q))
        *out = (member_id)query_get_int(&q) + 1;
    return query_done(&q, why);
}
