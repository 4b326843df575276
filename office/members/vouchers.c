/* vouchers.c - codes for rewards that are had later: made from a key, found by a digest, used once.  See rewards.h.
 *
 *     code   = first 60 bits of HMAC-SHA256(K, "voucher" || redemption, 8 bytes little-endian), as 12 letters
 *     digest = HMAC-SHA256(K, "voucher digest" || code)
 *
 * K is head office's alone (the key of NTAG 424 files, which never leaves it); the words keep the uses apart.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "base/mbed.h"
#include "base/tr.h"
#include "office/books/books_int.h"
#include "office/members/rewards.h"
#include "office/books/rows.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

enum err voucher_make(struct books *b, const struct known_keys *keys, int64_t id, int64_t now_s, struct errmsg *why);

/* States of a voucher, as they are said when it cannot be used. */
static const char *const said_states[] __attribute__((unused)) = {TR_LATER("used"), TR_LATER("returned"), TR_LATER("ended")};

/* Without letters that look or sound like another. */
static const char letters[33] = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

enum { CODE_LETTERS = 12 };

static void code_of(const struct known_keys *keys, int64_t id, char out[CODE_LETTERS + 1])
{
    static const char what[] = "voucher";
    uint8_t mac[MBED_HASH_SIZE], number[8];
    uint64_t bits = 0;
    put_le(number, (uint64_t)id, sizeof number);
    mbed_hmac_sha256(mac, bytes_of(keys->sun_file, sizeof keys->sun_file), bytes_of(what, sizeof what - 1),
                     bytes_of(number, sizeof number));
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | mac[i];
    for (int i = 0; i < CODE_LETTERS; i++, bits <<= 5)
        out[i] = letters[bits >> 59];
    out[CODE_LETTERS] = 0;
}

static void digest_of(const struct known_keys *keys, const char code[CODE_LETTERS + 1], uint8_t out[MBED_HASH_SIZE])
{
    static const char what[] = "voucher digest";
    mbed_hmac_sha256(out, bytes_of(keys->sun_file, sizeof keys->sun_file), bytes_of(what, sizeof what - 1),
                     bytes_of(code, CODE_LETTERS));
}

enum err voucher_make(struct books *b, const struct known_keys *keys, int64_t id, int64_t now_s, struct errmsg *why)
{
    char code[CODE_LETTERS + 1];
    uint8_t digest[MBED_HASH_SIZE];
    code_of(keys, id, code);
    digest_of(keys, code, digest);
    struct query q =
        query_text_of(b->store, "INSERT INTO voucher (redemption, digest, last_day, state) VALUES (?, ?, ?, 'good')");
    query_int(&q, id);
    query_blob(&q, digest, sizeof digest);
    query_int(&q, day_of_time(now_s) + VOUCHER_DAYS);
    return query_run(&q, why);
}

enum err voucher_code(struct books *b, const struct known_keys *keys, int64_t id, char out[VOUCHER_TEXT_SIZE],
                      struct errmsg *why)
{
    char code[CODE_LETTERS + 1];
    struct redemption r;
    enum err e = rewards_get(b, id, &r, why);
    if (!e && !r.voucher)
        e = err_set(why, ERR_NOT_FOUND, tr("redemption %" PRId64 " has no voucher"), id);
    if (e)
        return e;
    code_of(keys, id, code);
    snprintf(out, VOUCHER_TEXT_SIZE, "%.4s-%.4s-%.4s", code, code + 4, code + 8);
    return OK;
}

enum err voucher_find(struct books *b, const struct known_keys *keys, const char *text, int64_t *id,
                      struct errmsg *why)
{
    char code[CODE_LETTERS + 1] = "";
    uint8_t digest[MBED_HASH_SIZE];
    size_t n = 0;
    for (; *text && n <= CODE_LETTERS; text++) {
        char c = (char)toupper((unsigned char)*text);
        if (c == '-' || c == ' ')
            continue;
        if (!strchr(letters, c) || n == CODE_LETTERS)
            return err_set(why, ERR_FORMAT, tr("a code has %d letters and digits, none of 0, 1, I, O"), CODE_LETTERS);
        code[n++] = c;
    }
    if (n != CODE_LETTERS)
        return err_set(why, ERR_FORMAT, tr("a code has %d letters and digits, none of 0, 1, I, O"), CODE_LETTERS);
    digest_of(keys, code, digest);
    struct query q = query_text_of(b->store, "SELECT redemption FROM voucher WHERE digest = ?");
    query_blob(&q, digest, sizeof digest);
    bool found = query_row(&q);
    if (found)
        *id = query_get_int(&q);
    enum err e = query_done(&q, why);
    return e || found ? e : err_set(why, ERR_NOT_FOUND, tr("there is no voucher with this code"));
}

enum err voucher_show(struct books *b, int64_t id, int64_t now_s, json_t *out, struct errmsg *why)
{
    struct redemption r;
    enum err e = rewards_get(b, id, &r, why);
    if (e)
        return e;
    const struct pack *pack = books_pack_on(b, day_of_time(now_s));
    const struct pack_reward *reward = pack ? pack_find_reward(pack, r.reward) : NULL;
    struct query q = query_text_of(
        b->store, "SELECT r.id, r.member, r.reward, r.points, iif(v.state = 'good' AND v.last_day < ?2, 'ended', v.state),"
                  " v.last_day, coalesce(v.used_s, 0), v.used_at"
                  " FROM voucher v JOIN redemption r ON r.id = v.redemption WHERE v.redemption = ?1");
    query_int(&q, id);
    query_int(&q, day_of_time(now_s));
    e = rows_one(&q, "id:int member:member reward:text points:points state:text last_day:day used:time used_at:text", out,
                 why);
    json_object_set_new(out, "name", rows_text(reward && *reward->name ? reward->name : r.reward));
    json_object_set_new(out, "name_zh", rows_text(reward && *reward->name_zh ? reward->name_zh
                                                  : reward && *reward->name  ? reward->name
                                                                             : r.reward));
    return e == ERR_NOT_FOUND ? err_set(why, e, tr("redemption %" PRId64 " has no voucher"), id) : e;
}

enum err voucher_use(struct books *b, int64_t id, const char *shop, uint32_t user, int64_t now_s, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "UPDATE voucher SET state = 'used', used_s = ?2, used_by = ?3, used_at = ?4"
                                             " WHERE redemption = ?1 AND state = 'good' AND last_day >= ?5 RETURNING 1");
    query_int(&q, id);
    query_int(&q, now_s);
    query_int(&q, user);
    query_text(&q, shop);
    query_int(&q, day_of_time(now_s));
    bool done = query_row(&q);
    enum err e = query_done(&q, why);
    if (e || done)
        return e;
    json_t *now = json_object();
    e = voucher_show(b, id, now_s, now, why);
    if (!e)
        e = err_set(why, ERR_STATE, tr("this voucher is %s"), tr(json_string_value(json_object_get(now, "state"))));
    json_decref(now);
    return e;
}
