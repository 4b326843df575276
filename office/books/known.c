/* known.c - see known.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/books/known.h"
#include "base/tr.h"
#include "cardproto/sun.h"
#include "office/books/books_int.h"
#include "sync/member_code.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

/* ---- names and tokens ---- */

enum err books_member_of_token(struct books *b, const uint8_t token[TXN_TOKEN_SIZE], member_id *member,
                               struct errmsg *why)
{
    struct query q = query_of(b->store, Q_KNOWN_GET);
    query_blob(&q, token, TXN_TOKEN_SIZE);
    bool found = query_row(&q);
    if (found)
        *member = (member_id)query_get_int(&q);
    enum err e = query_done(&q, why);
    if (!e && !found)
        return err_set(why, ERR_NOT_FOUND, TR_LATER("nobody is known by this"));
    return e ? e : books_survivor(b, *member, member, why);
}

enum err known_find(struct books *b, const struct known_keys *keys, enum txn_means means,
                    struct bytes name, member_id *member, struct errmsg *why)
{
    uint8_t token[TXN_TOKEN_SIZE];
    lookup_token(token, keys->lookup, means, name);
    return books_member_of_token(b, token, member, why);
}

static enum err bind(struct books *b, const struct known_keys *keys, enum txn_means means,
                     struct bytes name, member_id member, int64_t now_s, struct errmsg *why)
{
    uint8_t token[TXN_TOKEN_SIZE];
    struct member_view view;
    member_id other;
    enum err e = books_member(b, member, &view, why);
    if (e)
        return e;
    lookup_token(token, keys->lookup, means, name);
    e = books_member_of_token(b, token, &other, why);
    if (e != ERR_NOT_FOUND)
        return e ? e : other == member ? OK
                 : err_set(why, ERR_EXISTS, "M%" PRIu64 " is known by this already", other);
    struct query q = query_of(b->store, Q_KNOWN_ADD);
    query_blob(&q, token, sizeof token);
    query_int(&q, (int64_t)means);
    query_blob(&q, name.data, means == MEANS_PHONE ? 0 : name.size);
    query_int(&q, (int64_t)member);
    e = query_run(&q, why);
    return e ? e : books_claim(b, token, member, now_s, why);
}

enum err known_bind(struct books *b, const struct known_keys *keys, enum txn_means means,
                    struct bytes name, member_id member, int64_t now_s, struct errmsg *why)
{
    bool own = !store_office_is_open(b->store);
    enum err e = own ? books_begin(b, why) : OK;
    if (e)
        return e;
    e = bind(b, keys, means, name, member, now_s, why);
    if (own && e)
        books_rollback(b);
    return own && !e ? books_commit(b, why) : e;
}

enum err known_remove(struct books *b, const struct known_keys *keys, enum txn_means means,
                      struct bytes name, struct errmsg *why)
{
    uint8_t token[TXN_TOKEN_SIZE];
    lookup_token(token, keys->lookup, means, name);
    struct query q = query_of(b->store, Q_KNOWN_DROP);
    query_blob(&q, token, sizeof token);
    bool found = query_row(&q);
    enum err e = query_done(&q, why);
    return !e && !found ? err_set(why, ERR_NOT_FOUND, TR_LATER("nobody is known by this")) : e;
}

enum err known_phone(char out[PHONE_TEXT_SIZE], const char *text, struct errmsg *why)
{
    if (*text != '+' && strncmp(text, "00", 2) != 0)
        return err_set(why, ERR_FORMAT, "give the telephone number with its country: +49 30 1234567");
    return phone_normalise(out, text, "1", why); /* the country is not asked for: the number has one */
}

enum err known_set_phone(struct books *b, const struct known_keys *keys, member_id member,
                         const char *phone, int64_t now_s, struct errmsg *why)
{
    struct query q = query_of(b->store, Q_KNOWN_NO_PHONE);
    query_int(&q, (int64_t)member);
    enum err e = query_run(&q, why);
    if (e || !*phone)
        return e;
    return known_bind(b, keys, MEANS_PHONE, bytes_of(phone, strlen(phone)), member, now_s, why);
}

enum err known_list(struct books *b, member_id member, known_fn *each, void *arg, struct errmsg *why)
{
    bool go_on = true;
    struct query q = query_of(b->store, Q_KNOWN_LIST);
    query_int(&q, (int64_t)member);
    while (go_on && query_row(&q)) {
        struct known_line line = {.means = (enum txn_means)query_get_int(&q)};
        line.name = query_get_blob(&q);
        line.member = (member_id)query_get_int(&q);
        go_on = each(&line, arg);
    }
    return query_done(&q, why);
}

/* ---- what is shown once ---- */

static bool text_of(char *out, size_t size, struct bytes value)
{
    if (value.size >= size || memchr(value.data, 0, value.size))
        return false;
    memcpy(out, value.data, value.size);
    out[value.size] = 0;
    return true;
}

static enum err code_seen(struct books *b, const struct member_code *code, uint32_t *terminal,
                          int64_t *time_s, struct errmsg *why)
{
    struct query q = query_of(b->store, Q_CODE_GET);
    query_blob(&q, code->name, sizeof code->name);
    bool found = query_row(&q);
    if (found) {
        *terminal = (uint32_t)query_get_int(&q);
        *time_s = query_get_int(&q);
    }
    enum err e = query_done(&q, why);
    return !e && !found ? ERR_NOT_FOUND : e;
}

/* Names of codes that nobody can show any more are let go. */
static enum err note_code(struct books *b, const struct known_shown *in, const struct member_code *code,
                          struct errmsg *why)
{
    struct query q = query_of(b->store, Q_CODE_TIDY);
    query_int(&q, in->now_s);
    enum err e = query_run(&q, why);
    if (e)
        return e;
    q = query_of(b->store, Q_CODE_ADD);
    query_blob(&q, code->name, sizeof code->name);
    query_int(&q, in->terminal);
    query_int(&q, in->now_s);
    query_int(&q, code->issued_s + MEMBER_CODE_VALID_S + KNOWN_SKEW_S + KNOWN_AGAIN_S);
    return query_run(&q, why);
}

static enum err who_by_code(struct books *b, const struct home *home, const struct known_shown *in,
                            member_id *member, struct errmsg *why)
{
    char text[MEMBER_CODE_TEXT_SIZE + 32];
    struct member_code code;
    uint32_t terminal = 0;
    int64_t time_s = 0;
    if (!text_of(text, sizeof text, in->value))
        return err_set(why, ERR_FORMAT, TR_LATER("this is no member code"));
    int32_t skew_s = KNOWN_SKEW_S + (in->again ? KNOWN_AGAIN_S : 0);
    enum err e = member_code_read(&code, text, in->now_s, skew_s, &home->code_key, why);
    if (e)
        return e;
    *member = code.member;
    e = code_seen(b, &code, &terminal, &time_s, why);
    if (e == OK)
        return in->again && terminal == in->terminal && in->now_s - time_s <= KNOWN_AGAIN_S
                   ? OK
                   : err_set(why, ERR_EXISTS, TR_LATER("this code was used already: show a fresh one"));
    if (e != ERR_NOT_FOUND)
        return e;
    if (in->now_s - code.issued_s > MEMBER_CODE_VALID_S + KNOWN_SKEW_S)
        return err_set(why, ERR_RANGE, TR_LATER("this code is too old: show a fresh one"));
    return note_code(b, in, &code, why);
}

struct sun_seen {
    uint32_t counter, terminal;
    int64_t time_s;
};

static enum err sun_last(struct books *b, const struct card_uid *uid, struct sun_seen *out,
                         struct errmsg *why)
{
    struct query q = query_of(b->store, Q_SUN_GET);
    *out = (struct sun_seen){0};
    query_uid(&q, uid);
    if (query_row(&q)) {
        out->counter = (uint32_t)query_get_int(&q);
        out->terminal = (uint32_t)query_get_int(&q);
        out->time_s = query_get_int(&q);
    }
    return query_done(&q, why);
}

static enum err note_sun(struct books *b, const struct known_shown *in, const struct sun_tag *tag,
                         struct errmsg *why)
{
    struct query q = query_of(b->store, Q_SUN_SET);
    query_uid(&q, &tag->uid);
    query_int(&q, tag->counter);
    query_int(&q, in->terminal);
    query_int(&q, in->now_s);
    return query_run(&q, why);
}

static enum err who_by_sun(struct books *b, const struct home *home, const struct known_shown *in,
                           member_id *member, struct errmsg *why)
{
    struct aes_key meta, file;
    struct sun sun;
    struct sun_tag tag;
    struct sun_seen last;
    enum err e = sun_parse(&sun, in->value);
    if (e)
        return err_set(why, e, TR_LATER("this is no message of a tag of ours"));
    memcpy(meta.b, home->known_keys.sun_meta, sizeof meta.b);
    memcpy(file.b, home->known_keys.sun_file, sizeof file.b);
    e = sun_meta(&tag, sun.picc, &meta);
    if (e)
        e = err_set(why, e, TR_LATER("this tag is not of this programme"));
    if (!e)
        e = known_find(b, &home->known_keys, MEANS_SUN, bytes_of(tag.uid.b, sizeof tag.uid.b), member, why);
    if (!e)
        e = sun_last(b, &tag.uid, &last, why);
    if (!e) {
        bool again = in->again && tag.counter == last.counter && in->terminal == last.terminal &&
                     in->now_s - last.time_s <= KNOWN_AGAIN_S;
        e = sun_verify(&sun, &tag, &file, again ? last.counter - 1 : last.counter, why);
        if (!e && !again)
            e = note_sun(b, in, &tag, why);
    }
    bytes_wipe(&meta, sizeof meta);
    bytes_wipe(&file, sizeof file);
    return e;
}

/* ---- who ---- */

static enum err who_by_name(struct books *b, const struct home *home, enum txn_means means,
                            struct bytes name, bool number, member_id *member, struct errmsg *why)
{
    char text[MEMBER_TEXT_SIZE];
    enum err e = known_find(b, &home->known_keys, means, name, member, why);
    if (e == ERR_NOT_FOUND && number && text_of(text, sizeof text, name) &&
        member_parse(member, text) == OK)
        return OK;
    return e;
}

static enum err who(struct books *b, const struct home *home, const struct known_shown *in,
                    struct known_who *out, struct errmsg *why)
{
    char text[32], phone[PHONE_TEXT_SIZE];
    enum err e;
    switch (in->means) {
    case MEANS_NONE:
    case MEANS_CARD:
        out->means = MEANS_CARD;
        if (!uid_is(&in->card))
            return err_set(why, ERR_FORMAT, "a card without its number");
        e = books_card(b, &in->card, &out->card, why);
        out->member = out->card.member;
        return e;
    case MEANS_SUN:
        return who_by_sun(b, home, in, &out->member, why);
    case MEANS_TAG:
    case MEANS_PASS:
        return who_by_name(b, home, in->means, in->value, true, &out->member, why);
    case MEANS_UID:
        return who_by_name(b, home, MEANS_UID, in->value, false, &out->member, why);
    case MEANS_CODE:
        return who_by_code(b, home, in, &out->member, why);
    case MEANS_PHONE:
        if (!text_of(text, sizeof text, in->value))
            return err_set(why, ERR_FORMAT, TR_LATER("this is no telephone number"));
        e = known_phone(phone, text, why);
        return e ? e : known_find(b, &home->known_keys, MEANS_PHONE, bytes_of(phone, strlen(phone)),
                                  &out->member, why);
    case MEANS_REGISTER:
        if (!text_of(text, sizeof text, in->value) || member_parse(&out->member, text) != OK)
            return err_set(why, ERR_FORMAT, TR_LATER("this is no member number: they look like M12"));
        return OK;
    }
    return err_set(why, ERR_FORMAT, "means %d are not known here", (int)in->means);
}

enum err known_who(struct books *b, const struct home *home, const struct known_shown *in,
                   struct known_who *out, struct errmsg *why)
{
    *out = (struct known_who){.means = in->means};
    enum err e = who(b, home, in, out, why);
    member_id is = out->member; /* of a code or a register the number may be merged; one that is nobody's stays as it is */
    if (!e && is && books_survivor(b, is, &is, NULL) == OK)
        out->member = is;
    return e;
}
