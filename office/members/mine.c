/* mine.c - see mine.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/members/mine.h"
#include "base/date.h"
#include "base/mbed.h"
#include "base/tr.h"
#include "office/books/books_int.h"
#include "office/books/known.h"
#include "office/care/message.h"
#include "office/members/people.h"
#include "office/members/profile.h"
#include "office/members/rewards.h"
#include "office/books/rows.h"

#include <assert.h>
#include <inttypes.h>
#include <qrencode.h>
#include <stdlib.h>
#include <string.h>

enum { CODE_FIGURES = 6, CODES = 1000000, NAME_DIGEST = 16, HOUR_S = 3600 };

/* ---- who is it? ---- */

/* 0 = nobody. */
static enum err member_named(struct books *b, const struct known_keys *keys, const char *name, member_id *out,
                             struct errmsg *why)
{
    struct card_uid uid;
    struct card_view card;
    struct member_view view;
    char phone[PHONE_TEXT_SIZE], number[MEMBER_TEXT_SIZE + 1];
    enum err e = ERR_NOT_FOUND;
    *out = 0;
    snprintf(number, sizeof number, "%s%s", *name == 'm' || *name == 'M' ? "" : "M", name);
    number[0] = 'M';
    if (strlen(name) == 14 && uid_parse(&uid, name) == OK) {
        e = books_card(b, &uid, &card, why);
        if (!e && card.status == CARD_ACTIVE)
            *out = card.member;
    } else if (known_phone(phone, name, why) == OK) {
        e = known_find(b, keys, MEANS_PHONE, bytes_of(phone, strlen(phone)), out, why);
    } else if (strlen(name) < MEMBER_TEXT_SIZE && member_parse(out, number) == OK) {
        e = books_member(b, *out, &view, why);
    }
    if (e)
        *out = 0;
    return e == ERR_NOT_FOUND ? OK : e;
}

/* What is typed need not be anybody's, and an address is nobody's business: their digests are counted. */
static void name_digest(const struct known_keys *keys, const char *what, const char *name, uint8_t out[NAME_DIGEST])
{
    uint8_t mac[MBED_HASH_SIZE];
    mbed_hmac_sha256(mac, bytes_of(keys->sun_file, sizeof keys->sun_file), bytes_of(what, strlen(what)),
                     bytes_of(name, strlen(name)));
    memcpy(out, mac, NAME_DIGEST);
}

static enum err asks_since(struct books *b, const uint8_t name[NAME_DIGEST], int64_t since_s, int64_t *count,
                           struct errmsg *why)
{
    struct query q = query_text_of(b->store, "SELECT count(*) FROM login_ask WHERE name = ? AND time_s > ?");
    query_blob(&q, name, NAME_DIGEST);
    query_int(&q, since_s);
    *count = query_row(&q) ? query_get_int(&q) : 0;
    return query_done(&q, why);
}

static enum err note_ask(struct books *b, const uint8_t name[NAME_DIGEST], int64_t utc_s, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "INSERT INTO login_ask (name, time_s) VALUES (?, ?)");
    query_blob(&q, name, NAME_DIGEST);
    query_int(&q, utc_s);
    return query_run(&q, why);
}

/* Too often for this number, or from this address? */
static enum err count_ask(struct books *b, const struct known_keys *keys, const char *name, const char *from,
                          int64_t utc_s, struct errmsg *why)
{
    uint8_t typed[NAME_DIGEST], address[NAME_DIGEST];
    int64_t hour, day, here;
    name_digest(keys, "asked for", name, typed);
    name_digest(keys, "asked from", from, address);
    struct query q = query_text_of(b->store, "DELETE FROM login_ask WHERE time_s <= ?");
    query_int(&q, utc_s - SECONDS_PER_DAY);
    enum err e = query_run(&q, why);
    if (!e)
        e = asks_since(b, typed, utc_s - HOUR_S, &hour, why);
    if (!e)
        e = asks_since(b, typed, utc_s - SECONDS_PER_DAY, &day, why);
    if (!e)
        e = asks_since(b, address, utc_s - HOUR_S, &here, why);
    if (!e && (hour >= MINE_ASKS_HOUR || day >= MINE_ASKS_DAY || here >= MINE_ASKS_FROM))
        e = err_set(why, ERR_BUSY, tr("a code was asked for too often: wait an hour"));
    if (!e)
        e = note_ask(b, typed, utc_s, why);
    return e ? e : note_ask(b, address, utc_s, why);
}

/* ---- the code ---- */

static enum err make_code(char out[CODE_FIGURES + 1], struct errmsg *why)
{
    uint8_t random[4];
    uint32_t n;
    do {
        if (mbed_random(NULL, random, sizeof random))
            return err_set(why, ERR_CRYPTO, "no random numbers");
        n = (uint32_t)get_le(random, sizeof random);
    } while (n >= UINT32_MAX / CODES * CODES);
    snprintf(out, CODE_FIGURES + 1, "%06" PRIu32, n % CODES);
    return OK;
}

static void code_digest(const struct known_keys *keys, member_id member, const char *code, uint8_t out[MBED_HASH_SIZE])
{
    char text[64];
    static const char what[] = "login code";
    snprintf(text, sizeof text, "%" PRIu64 " %.16s", member, code);
    mbed_hmac_sha256(out, bytes_of(keys->sun_file, sizeof keys->sun_file), bytes_of(what, sizeof what - 1),
                     bytes_of(text, strlen(text)));
}

/* Under which number the person can be reached: the member's own, or one that was merged into it. */
static enum err reachable(struct books *b, member_id member, member_id *who, enum message_channel *channel,
                          struct errmsg *why)
{
    member_id merged[8];
    int32_t count = 0;
    *who = member;
    enum err e = message_best_channel(b, member, channel, why);
    if (e != ERR_NOT_FOUND)
        return e;
    struct query q = query_text_of(b->store, "SELECT member FROM member WHERE merged_into = ? ORDER BY member LIMIT 8");
    query_int(&q, (int64_t)member);
    while (count < 8 && query_row(&q))
        merged[count++] = (member_id)query_get_int(&q);
    enum err ended = query_done(&q, why);
    for (int32_t i = 0; i < count && !ended && e == ERR_NOT_FOUND; i++) {
        *who = merged[i];
        e = message_best_channel(b, *who, channel, why);
    }
    return ended ? ended : e;
}

/* To the member, if there is a way. */
static enum err send_code(struct books *b, member_id member, const char *code, int64_t now_s, struct errmsg *why)
{
    uint8_t random[8];
    char key[MESSAGE_KEY_SIZE], hex[2 * sizeof random + 1];
    enum message_answer answer;
    int64_t id;
    struct message_wanted w = {.purpose = MESSAGE_CODE, .template_name = "login-code", .language = "",
                               .key = key};
    enum err e = reachable(b, member, &w.member, &w.channel, why);
    if (e)
        return e == ERR_NOT_FOUND ? OK : e;
    if (mbed_random(NULL, random, sizeof random))
        return err_set(why, ERR_CRYPTO, "no random numbers");
    hex_encode(hex, random, sizeof random);
    snprintf(key, sizeof key, "login-%s", hex);
    json_t *values = json_pack("{s:s, s:i}", "code", code, "minutes", MINE_CODE_S / 60);
    w.values = values;
    e = message_queue(b, &w, now_s, &id, &answer, why);
    json_decref(values);
    return e;
}

enum err mine_ask_code(struct books *b, const struct known_keys *keys, const char *name, const char *from,
                       int64_t now_s, int64_t utc_s, struct errmsg *why)
{
    char code[CODE_FIGURES + 1];
    uint8_t digest[MBED_HASH_SIZE];
    member_id member = 0;
    if (!*name)
        return err_set(why, ERR_FORMAT, tr("type the number of your card"));
    enum err e = count_ask(b, keys, name, from, utc_s, why);
    if (!e)
        e = member_named(b, keys, name, &member, why);
    if (!e)
        e = make_code(code, why);
    if (e || !member)
        return e;
    code_digest(keys, member, code, digest);
    struct query q = query_text_of(b->store, "INSERT OR REPLACE INTO login_code (member, digest, until_s) VALUES (?, ?, ?)");
    query_int(&q, (int64_t)member);
    query_blob(&q, digest, sizeof digest);
    query_int(&q, utc_s + MINE_CODE_S);
    e = query_run(&q, why);
    if (!e)
        e = send_code(b, member, code, now_s, why);
    bytes_wipe(code, sizeof code);
    return e;
}

/* *right: it was this code; then it is gone.  A wrong one is counted. */
static enum err try_code(struct books *b, const struct known_keys *keys, member_id member, const char *code,
                         int64_t utc_s, bool *right, struct errmsg *why)
{
    uint8_t digest[MBED_HASH_SIZE];
    bool good = false;
    *right = false;
    code_digest(keys, member, code, digest);
    struct query q = query_text_of(b->store, "SELECT digest FROM login_code WHERE member = ? AND until_s >= ? AND wrong < ?");
    query_int(&q, (int64_t)member);
    query_int(&q, utc_s);
    query_int(&q, MINE_WRONG_MAX);
    if (query_row(&q)) {
        struct bytes kept = query_get_blob(&q);
        good = kept.size == sizeof digest && bytes_equal_const_time(kept.data, digest, sizeof digest);
    }
    enum err e = query_done(&q, why);
    if (e)
        return e;
    q = query_text_of(b->store, good ? "DELETE FROM login_code WHERE member = ?"
                                     : "UPDATE login_code SET wrong = wrong + 1 WHERE member = ?");
    query_int(&q, (int64_t)member);
    *right = good;
    return query_run(&q, why);
}

static enum err note_use(struct books *b, member_id member, int64_t now_s, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "INSERT INTO page_use (member, uses, last_s) VALUES (?1, 1, ?2)"
                                             " ON CONFLICT DO UPDATE SET uses = uses + 1, last_s = ?2");
    query_int(&q, (int64_t)member);
    query_int(&q, now_s);
    return query_run(&q, why);
}

enum err mine_log_in(struct books *b, const struct known_keys *keys, const char *name, const char *code,
                     int64_t now_s, int64_t utc_s, member_id *member, struct errmsg *why)
{
    bool right = false;
    enum err e = books_begin(b, why);
    if (e)
        return e;
    e = member_named(b, keys, name, member, why);
    if (!e)
        e = try_code(b, keys, *member, code, utc_s, &right, why); /* nobody's takes as long */
    if (!e && right && *member)
        e = books_survivor(b, *member, member, why); /* the number may be of a card that was merged since */
    if (!e && right)
        e = note_use(b, *member, now_s, why);
    if (!e)
        e = books_commit(b, why);
    if (e) {
        books_rollback(b);
        return e;
    }
    return right && *member ? OK : err_set(why, ERR_AUTH, tr("this is not the code, or its time has passed: ask for a new one"));
}

/* ---- what a member sees ---- */

enum err mine_show(struct books *b, member_id member, int64_t now_s, json_t *out, struct errmsg *why)
{
    struct person p = {0};
    bool pin = false;
    char number[MEMBER_TEXT_SIZE];
    enum err e = books_person(b, member, &p, why);
    if (e && e != ERR_NOT_FOUND)
        return e;
    member_text(number, member);
    json_object_set_new(out, "member", json_string(number));
    json_object_set_new(out, "name", rows_text(p.name));
    json_object_set_new(out, "language", rows_text(p.language));
    e = profile_balance(b, member, day_of_time(now_s), out, why);
    if (!e)
        e = profile_tier(b, member, day_of_time(now_s), out, why);
    if (!e)
        e = people_has_pin(b, member, &pin, why);
    json_object_set_new(out, "pin", json_boolean(pin));
    return e;
}

enum err mine_history(struct books *b, member_id member, int32_t limit, json_t *rows, struct errmsg *why)
{
    json_t *all = json_array(), *row;
    size_t i;
    enum err e = profile_timeline(b, member, INT32_MAX, all, why);
    json_array_foreach(all, i, row) {
        const char *what = json_string_value(json_object_get(row, "what"));
        if (!e && strcmp(what, "note") != 0 && (int32_t)json_array_size(rows) < limit)
            json_array_append(rows, row);
    }
    json_decref(all);
    return e;
}

/* ---- a reward becomes a voucher ---- */

enum err mine_redeem(struct books *b, const struct known_keys *keys, const struct mine_redeem *in, int64_t now_s,
                     int64_t *id, struct errmsg *why)
{
    bool has_pin = false;
    struct reward_wanted w = {.member = in->member, .reward = in->reward, .points = in->points, .name = in->name,
                              .channel = "page"};
    enum err e = people_has_pin(b, in->member, &has_pin, why);
    if (!e && has_pin) {
        e = *in->pin ? people_check_pin(b, in->member, in->pin, now_s, why) : err_set(why, ERR_AUTH, tr("type your PIN"));
        w.factor = true;
    }
    if (!e)
        e = books_begin(b, why);
    if (e)
        return e;
    /* Asked again after it was done: that one. */
    struct query q = query_text_of(b->store, "SELECT id FROM redemption WHERE member = ? AND name = ? AND reward = ?"
                                             " AND state = 'taken'");
    query_int(&q, (int64_t)in->member);
    query_text(&q, in->name);
    query_text(&q, in->reward);
    bool done = query_row(&q);
    if (done)
        *id = query_get_int(&q);
    e = query_done(&q, why);
    if (!e && !done)
        e = rewards_authorise(b, &w, now_s, id, why);
    if (!e && !done)
        e = rewards_confirm(b, keys, *id, true, 0, now_s, why);
    if (!e)
        return books_commit(b, why);
    books_rollback(b);
    return e;
}

/* ---- QR ---- */

json_t *mine_qr(const char *text)
{
    QRcode *qr = QRcode_encodeString(text, 0, QR_ECLEVEL_M, QR_MODE_8, 1); /* capitals and digits take less by itself */
    if (!qr)
        return NULL;
    json_t *rows = json_array();
    for (int y = 0; y < qr->width; y++) {
        char row[178];
        assert((size_t)qr->width < sizeof row);
        for (int x = 0; x < qr->width; x++)
            row[x] = (char)('0' + (qr->data[y * qr->width + x] & 1));
        row[qr->width] = 0;
        json_array_append_new(rows, json_string(row));
    }
    json_t *out = json_pack("{s:i, s:o}", "size", qr->width, "rows", rows);
    QRcode_free(qr);
    return out;
}
