/* users.c - see users.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/users.h"

#include "base/mbed.h"
#include "office/books_int.h"

#include <stdio.h>
#include <string.h>

enum { SEEN_EVERY_S = 60 /* written at most so often */ };

/* ---- sessions ---- */

static bool digest_of(uint8_t digest[32], const char *text)
{
    if (strlen(text) != LOGIN_TEXT_SIZE - 1)
        return false;
    mbed_sha256(digest, bytes_of(text, LOGIN_TEXT_SIZE - 1));
    return true;
}

void login_token(char out[LOGIN_TEXT_SIZE], const char *text)
{
    static const char label[] = "patron console: token of changes";
    uint8_t mac[MBED_HASH_SIZE];
    mbed_hmac_sha256(mac, bytes_of(text, strlen(text)), bytes_of(label, sizeof label), bytes_of("", 0));
    hex_encode(out, mac, sizeof mac);
}

enum err login_begin(struct books *b, uint32_t user, member_id member, enum login_next next,
                       const char *address, int64_t utc_s, char text[LOGIN_TEXT_SIZE], struct errmsg *why)
{
    uint8_t secret[32], digest[32];
    if (mbed_random(NULL, secret, sizeof secret) != 0)
        return err_set(why, ERR_CRYPTO, "no random numbers");
    hex_encode(text, secret, sizeof secret);
    bytes_wipe(secret, sizeof secret);
    (void)digest_of(digest, text);
    struct query q = query_text_of(b->store, "DELETE FROM session WHERE until_s < ?1 OR seen_s < ?2");
    query_int(&q, utc_s);
    query_int(&q, utc_s - LOGIN_IDLE_S);
    enum err e = query_run(&q, why);
    if (e)
        return e;
    q = query_text_of(b->store, "INSERT INTO session (digest, user, member, next, begun_s, seen_s, until_s, address)"
                                " VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7)");
    query_blob(&q, digest, sizeof digest);
    query_int(&q, user);
    query_int(&q, (int64_t)member);
    query_int(&q, (int64_t)next);
    query_int(&q, utc_s);
    query_int(&q, utc_s + LOGIN_LONGEST_S);
    query_text(&q, user ? address : "");
    return query_run(&q, why);
}

static enum err touch(struct books *b, const uint8_t digest[32], int64_t utc_s, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "UPDATE session SET seen_s = ? WHERE digest = ?");
    query_int(&q, utc_s);
    query_blob(&q, digest, 32);
    return query_run(&q, why);
}

enum err login_find(struct books *b, const char *text, int64_t utc_s, struct login *out, struct errmsg *why)
{
    uint8_t digest[32];
    int64_t seen_s = 0;
    *out = (struct login){.next = NEXT_NOTHING};
    if (!digest_of(digest, text))
        return err_set(why, ERR_AUTH, "no session");
    struct query q = query_text_of(
        b->store, "SELECT s.user, s.member, s.next, s.seen_s, u.name, u.roles, u.language FROM session s"
                  " LEFT JOIN user u ON u.id = s.user WHERE s.digest = ?1 AND s.until_s > ?2 AND s.seen_s > ?3"
                  " AND (s.user = 0 OR u.active = 1)");
    query_blob(&q, digest, sizeof digest);
    query_int(&q, utc_s);
    query_int(&q, utc_s - LOGIN_IDLE_S);
    bool found = query_row(&q);
    if (found) {
        out->user.id = (uint32_t)query_get_int(&q);
        out->user.member = (member_id)query_get_int(&q);
        out->next = (enum login_next)query_get_int(&q);
        seen_s = query_get_int(&q);
        query_get_text(&q, out->user.name, sizeof out->user.name);
        out->user.roles = (unsigned)query_get_int(&q);
        query_get_text(&q, out->user.language, sizeof out->user.language);
        if (out->user.member)
            out->user.roles = ROLE_MEMBER;
    }
    enum err e = query_done(&q, why);
    if (e)
        return e;
    if (!found)
        return err_set(why, ERR_AUTH, "no session");
    return utc_s - seen_s >= SEEN_EVERY_S ? touch(b, digest, utc_s, why) : OK;
}

enum err login_end(struct books *b, const char *text, struct errmsg *why)
{
    uint8_t digest[32];
    if (!digest_of(digest, text))
        return OK;
    struct query q = query_text_of(b->store, "DELETE FROM session WHERE digest = ?");
    query_blob(&q, digest, sizeof digest);
    return query_run(&q, why);
}

enum err login_end_others(struct books *b, uint32_t user, member_id member, const char *kept, struct errmsg *why)
{
    uint8_t digest[32] = {0};
    if (kept)
        (void)digest_of(digest, kept);
    struct query q =
        query_text_of(b->store, "DELETE FROM session WHERE user = ? AND member = ? AND digest <> ?");
    query_int(&q, user);
    query_int(&q, (int64_t)member);
    query_blob(&q, digest, sizeof digest);
    return query_run(&q, why);
}
