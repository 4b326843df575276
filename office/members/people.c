/* people.c - see people.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/members/people.h"
#include "base/tr.h"
#include "base/date.h"
#include "base/mbed.h"
#include "office/books/books_int.h"

#include <inttypes.h>
#include <string.h>

/* ---- PINs ---- */

struct kept_pin {
    struct pin pin;
    int32_t wrong;
    int64_t locked_until_s;
};

static void copy_fixed(uint8_t *out, size_t size, struct bytes b)
{
    memset(out, 0, size);
    if (b.size == size)
        memcpy(out, b.data, size);
}

/* Zeros when the member has none. */
static enum err load_pin(struct books *b, member_id member, struct kept_pin *out, struct errmsg *why)
{
    struct query q = query_of(b->store, Q_PIN_GET);
    memset(out, 0, sizeof *out);
    query_int(&q, (int64_t)member);
    if (query_row(&q)) {
        copy_fixed(out->pin.salt, sizeof out->pin.salt, query_get_blob(&q));
        copy_fixed(out->pin.hash, sizeof out->pin.hash, query_get_blob(&q));
        out->wrong = (int32_t)query_get_int(&q);
        out->locked_until_s = query_get_int(&q);
    }
    return query_done(&q, why);
}

enum err people_set_pin(struct books *b, member_id member, const char *typed, struct errmsg *why)
{
    uint8_t salt[PIN_SALT_SIZE];
    struct member_view view;
    struct pin pin;
    struct query q;
    enum err e = books_member(b, member, &view, why);
    if (e)
        return e;
    if (!*typed) {
        q = query_of(b->store, Q_PIN_DROP);
        query_int(&q, (int64_t)member);
        return query_run(&q, why);
    }
    if (mbed_random(NULL, salt, sizeof salt))
        return err_set(why, ERR_CRYPTO, "no random numbers");
    if ((e = pin_make(&pin, typed, salt, why)))
        return e;
    q = query_of(b->store, Q_PIN_SET);
    query_int(&q, (int64_t)member);
    query_blob(&q, pin.salt, sizeof pin.salt);
    query_blob(&q, pin.hash, sizeof pin.hash);
    return query_run(&q, why);
}

enum err people_has_pin(struct books *b, member_id member, bool *has, struct errmsg *why)
{
    struct kept_pin kept;
    enum err e = load_pin(b, member, &kept, why);
    *has = pin_is_set(&kept.pin);
    return e;
}

static enum err count_pin(struct books *b, member_id member, int32_t wrong, int64_t until_s,
                          struct errmsg *why)
{
    struct query q = query_of(b->store, Q_PIN_COUNT);
    query_int(&q, (int64_t)member);
    query_int(&q, wrong);
    query_int(&q, until_s);
    return query_run(&q, why);
}

static enum err check_pin(struct books *b, member_id member, const char *typed, int64_t now_s,
                          enum err *answer, struct errmsg *why)
{
    struct kept_pin kept;
    char until[TIME_TEXT_SIZE];
    enum err e = load_pin(b, member, &kept, why);
    if (e)
        return e;
    if (!pin_is_set(&kept.pin)) {
        *answer = err_set(why, ERR_AUTH, TR_LATER("this member has no PIN: a supervisor may allow it"));
        return OK;
    }
    if (now_s < kept.locked_until_s && kept.locked_until_s - now_s <= PIN_LOCK_S) {
        time_text(until, kept.locked_until_s);
        *answer = err_set(why, ERR_BUSY, "too many wrong PINs: none is taken until %.5s", until + 11);
        return OK;
    }
    if (pin_matches(&kept.pin, typed)) {
        *answer = OK;
        return kept.wrong ? count_pin(b, member, 0, 0, why) : OK;
    }
    bool locks = ++kept.wrong >= PIN_TRIES;
    e = count_pin(b, member, locks ? 0 : kept.wrong, locks ? now_s + PIN_LOCK_S : 0, why);
    if (!e)
        *answer = err_set(why, ERR_AUTH, locks ? "the PIN is wrong, and too many were: none is taken for %d minutes"
                                               : TR_LATER("the PIN is wrong"), PIN_LOCK_S / 60);
    return e;
}

enum err people_check_pin(struct books *b, member_id member, const char *typed, int64_t now_s,
                          struct errmsg *why)
{
    enum err answer = ERR_AUTH, e = books_begin(b, why);
    if (e)
        return e;
    e = check_pin(b, member, typed, now_s, &answer, why);
    if (!e)
        e = books_commit(b, why);
    if (e)
        books_rollback(b);
    return e ? e : answer;
}

/* ---- staff ---- */

static uint32_t read_staff(struct query *q, struct staff *p)
{
    memset(p, 0, sizeof *p);
    p->id = (uint32_t)query_get_int(q);
    query_get_text(q, p->name, sizeof p->name);
    p->role = (enum staff_role)query_get_int(q);
    query_get_text(q, p->language, sizeof p->language);
    copy_fixed(p->pin.salt, sizeof p->pin.salt, query_get_blob(q));
    copy_fixed(p->pin.hash, sizeof p->pin.hash, query_get_blob(q));
    query_get_uid(q, &p->badge);
    p->grant_limit = points_of(query_get_int(q));
    p->grant_day_limit = points_of(query_get_int(q));
    return (uint32_t)query_get_int(q);
}

static enum err save_staff(struct books *b, struct staff *p, struct errmsg *why)
{
    const struct card_uid *badge = uid_is(&p->badge) ? &p->badge : NULL;
    uint32_t next = 1, other = 0;
    struct query q = query_of(b->store, Q_STAFF_NEXT);
    query_uid(&q, badge);
    if (query_row(&q)) {
        next = (uint32_t)query_get_int(&q);
        other = (uint32_t)query_get_int(&q);
    }
    enum err e = query_done(&q, why);
    if (!e && other && other != p->id)
        e = err_set(why, ERR_EXISTS, "this badge is that of number %" PRIu32, other);
    if (e)
        return e;
    if (!p->id)
        p->id = next;
    q = query_of(b->store, Q_STAFF_SAVE);
    query_int(&q, p->id);
    query_text(&q, p->name);
    query_int(&q, (int64_t)p->role);
    query_text(&q, p->language);
    query_blob(&q, p->pin.salt, sizeof p->pin.salt);
    query_blob(&q, p->pin.hash, sizeof p->pin.hash);
    query_uid(&q, badge);
    query_int(&q, points_n(p->grant_limit));
    query_int(&q, points_n(p->grant_day_limit));
    return query_run(&q, why);
}

enum err people_save_staff(struct books *b, struct staff *p, struct errmsg *why)
{
    bool own = !store_office_is_open(b->store);
    if (p->role == STAFF_GONE)
        *p = (struct staff){.id = p->id};
    enum err e = own ? books_begin(b, why) : OK;
    if (e)
        return e;
    e = save_staff(b, p, why);
    if (own && e)
        books_rollback(b);
    return own && !e ? books_commit(b, why) : e;
}

enum err people_staff(struct books *b, uint32_t id, struct staff *out, struct errmsg *why)
{
    struct query q = query_of(b->store, Q_STAFF_GET);
    query_int(&q, id);
    bool found = query_row(&q);
    if (found)
        (void)read_staff(&q, out);
    enum err e = query_done(&q, why);
    if (!e && (!found || out->role == STAFF_GONE))
        e = err_set(why, ERR_NOT_FOUND, "nobody of number %" PRIu32 " works here", id);
    return e;
}

enum err people_staff_since(struct books *b, uint32_t version, struct staff *out, int32_t cap,
                            int32_t *count, uint32_t *new_version, struct errmsg *why)
{
    struct query q = query_of(b->store, Q_STAFF_SINCE);
    *count = 0;
    *new_version = version;
    query_int(&q, version);
    query_int(&q, cap);
    while (query_row(&q))
        *new_version = read_staff(&q, &out[(*count)++]);
    return query_done(&q, why);
}

enum err people_staff_list(struct books *b, people_staff_fn *each, void *arg, struct errmsg *why)
{
    bool go_on = true;
    struct query q = query_of(b->store, Q_STAFF_LIST);
    while (go_on && query_row(&q)) {
        struct staff p;
        (void)read_staff(&q, &p);
        go_on = each(&p, arg);
    }
    return query_done(&q, why);
}
