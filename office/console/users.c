/* users.c - see users.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/console/users.h"

#include "base/mbed.h"
#include "base/tr.h"
#include "office/books/books_int.h"
#include "office/console/password.h"

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

/* ---- who has to wait ---- */

/* The key of login_try; names in small letters, as SQL compares them. */
static void try_key(char key[80], const char *kind, const char *what)
{
    snprintf(key, 80, "%s:%.60s", kind, what);
    for (char *p = key; *p; p++)
        *p = *p >= 'A' && *p <= 'Z' ? (char)(*p | 32) : *p;
}

static enum err waits_until(struct books *b, const char *key, int64_t *until_s, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "SELECT until_s FROM login_try WHERE who = ?");
    query_text(&q, key);
    *until_s = query_row(&q) ? query_get_int(&q) : 0;
    return query_done(&q, why);
}

/* Another wrong one: from the limit on twice as long each time. */
static enum err count_wrong(struct books *b, const char *key, int limit, int64_t utc_s, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "DELETE FROM login_try WHERE last_s < ?1 - 3600 AND until_s < ?1");
    query_int(&q, utc_s);
    enum err e = query_run(&q, why);
    int64_t wrong = 0, wait_s = 0;
    if (e)
        return e;
    q = query_text_of(b->store, "INSERT INTO login_try (who, wrong, last_s, until_s) VALUES (?1, 1, ?2, 0)"
                                " ON CONFLICT DO UPDATE SET wrong = wrong + 1, last_s = ?2 RETURNING wrong");
    query_text(&q, key);
    query_int(&q, utc_s);
    if (query_row(&q))
        wrong = query_get_int(&q);
    if ((e = query_done(&q, why)) || wrong < limit)
        return e;
    wait_s = wrong - limit < 4 ? (int64_t)60 << (wrong - limit) : USERS_WAIT_MOST_S;
    q = query_text_of(b->store, "UPDATE login_try SET until_s = ?2 WHERE who = ?1");
    query_text(&q, key);
    query_int(&q, utc_s + wait_s);
    return query_run(&q, why);
}

static enum err forget_wrong(struct books *b, const char *key, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "DELETE FROM login_try WHERE who = ?");
    query_text(&q, key);
    return query_run(&q, why);
}

/* ---- logging in ---- */

struct row {
    struct api_user user;
    bool active, temporary, factor_on, has_secret;
    int64_t temporary_until_s, step;
    char password[PASSWORD_HASH_SIZE];
    uint8_t secret[TOTP_SECRET_SIZE];
};

#define ROW_COLUMNS                                                                                               \
    "SELECT id, name, roles, language, active, temporary, temporary_until_s, password, totp, totp_on, totp_step FROM user"

/* Of ROW_COLUMNS with one condition; id 0 afterwards: there is none. */
static enum err read_row(struct query *q, struct row *r, struct errmsg *why)
{
    *r = (struct row){.user.id = 0};
    if (query_row(q)) {
        r->user.id = (uint32_t)query_get_int(q);
        query_get_text(q, r->user.name, sizeof r->user.name);
        r->user.roles = (unsigned)query_get_int(q);
        query_get_text(q, r->user.language, sizeof r->user.language);
        r->active = query_get_int(q) != 0;
        r->temporary = query_get_int(q) != 0;
        r->temporary_until_s = query_get_int(q);
        query_get_text(q, r->password, sizeof r->password);
        struct bytes secret = query_get_blob(q);
        r->has_secret = secret.size == sizeof r->secret;
        if (r->has_secret)
            memcpy(r->secret, secret.data, sizeof r->secret);
        r->factor_on = query_get_int(q) != 0;
        r->step = query_get_int(q);
    }
    return query_done(q, why);
}

static enum err row_named(struct books *b, const char *name, struct row *r, struct errmsg *why)
{
    struct query q = query_text_of(b->store, ROW_COLUMNS " WHERE name = ?");
    query_text(&q, name);
    return read_row(&q, r, why);
}

static enum err row_of(struct books *b, uint32_t id, struct row *r, struct errmsg *why)
{
    struct query q = query_text_of(b->store, ROW_COLUMNS " WHERE id = ?");
    query_int(&q, id);
    enum err e = read_row(&q, r, why);
    return e || r->user.id ? e : err_set(why, ERR_NOT_FOUND, tr("There is no such user."));
}

static void row_finish(struct row *r)
{
    bytes_wipe(r, sizeof *r);
}

/* One transaction around what is done, unless one is open. */
static enum err whole(struct books *b, enum err (*run)(struct books *b, void *arg, struct errmsg *why), void *arg,
                      struct errmsg *why)
{
    if (store_office_is_open(b->store))
        return run(b, arg, why);
    enum err e = books_begin(b, why);
    if (e)
        return e;
    e = run(b, arg, why);
    if (!e)
        return books_commit(b, why);
    books_rollback(b);
    return e;
}

/* Takes the code, once.  False: it is none of now. */
static enum err take_code(struct books *b, const struct row *r, const char *code, int64_t utc_s, bool *good,
                          struct errmsg *why)
{
    int64_t step = 0;
    *good = r->has_secret && totp_is(r->secret, code, utc_s, r->step, &step);
    if (!*good)
        return OK;
    struct query q = query_text_of(b->store, "UPDATE user SET totp_step = ?2, totp_on = 1 WHERE id = ?1");
    query_int(&q, r->user.id);
    query_int(&q, step);
    return query_run(&q, why);
}

/* What is missing when the password was right, and the code too where there is one. */
static enum login_next missing(const struct row *r, bool code_was_right)
{
    if (r->factor_on && !code_was_right)
        return NEXT_CODE;
    if (!r->factor_on && !code_was_right && r->user.roles & USERS_FACTOR_ROLES)
        return NEXT_ENROL;
    return r->temporary ? NEXT_PASSWORD : NEXT_NOTHING;
}

/* A step was passed: the session before ends, a new one begins, so that nobody else holds it. */
static enum err step_on(struct books *b, const struct row *r, enum login_next next, const char *before,
                        const char *address, int64_t utc_s, char text[LOGIN_TEXT_SIZE], struct login *out,
                        struct errmsg *why)
{
    enum err e = login_end(b, before, why);
    if (!e)
        e = login_begin(b, r->user.id, 0, next, address, utc_s, text, why);
    if (!e) {
        struct query q = query_text_of(b->store, "UPDATE user SET login_s = ? WHERE id = ?");
        query_int(&q, utc_s);
        query_int(&q, r->user.id);
        e = query_run(&q, why);
    }
    *out = (struct login){.user = r->user, .next = next};
    return e;
}

struct attempt {
    const char *name, *password, *code, *before, *address;
    int64_t utc_s;
    char *text;
    struct login *out;
    bool right;
    struct row row;
    char by_name[80], by_address[80];
};

static enum err weigh(struct books *b, void *arg, struct errmsg *why)
{
    struct attempt *a = arg;
    int64_t until_s = 0;
    bool code_right = false;
    enum err e = row_named(b, a->name, &a->row, why);
    if (!e)
        e = waits_until(b, a->by_name, &until_s, why);
    if (e)
        return e;
    bool same = password_is(a->row.user.id ? a->row.password : NULL, a->password);
    a->right = same && a->row.active && until_s <= a->utc_s &&
               (!a->row.temporary || a->row.temporary_until_s > a->utc_s);
    if (a->right && a->row.factor_on && *a->code) {
        e = take_code(b, &a->row, a->code, a->utc_s, &code_right, why);
        a->right = code_right;
    }
    if (e)
        return e;
    if (!a->right) {
        if (until_s <= a->utc_s) /* waiting does not get longer by asking */
            e = count_wrong(b, a->by_name, USERS_TRIES_NAME, a->utc_s, why);
        return e ? e : count_wrong(b, a->by_address, USERS_TRIES_FROM, a->utc_s, why);
    }
    enum login_next next = missing(&a->row, code_right);
    if (next != NEXT_CODE) /* else codes could be tried without end, a right password between them */
        e = forget_wrong(b, a->by_name, why);
    return e ? e : step_on(b, &a->row, next, a->before, a->address, a->utc_s, a->text, a->out, why);
}

enum err users_log_in(struct books *b, const char *name, const char *password, const char *code,
                      const char *before, const char *address, int64_t utc_s, char text[LOGIN_TEXT_SIZE],
                      struct login *out, struct errmsg *why)
{
    struct attempt a = {.name = name, .password = password, .code = code, .before = before, .address = address,
                        .utc_s = utc_s, .text = text, .out = out};
    int64_t until_s = 0;
    *out = (struct login){.next = NEXT_NOTHING};
    if (strlen(password) > PASSWORD_MOST)
        password = a.password = "";
    try_key(a.by_name, "name", name);
    try_key(a.by_address, "from", address);
    enum err e = waits_until(b, a.by_address, &until_s, why);
    if (!e && until_s > utc_s)
        return err_set(why, ERR_BUSY, tr("Too many wrong tries from this address; wait %d minutes."),
                       (int)((until_s - utc_s + 59) / 60));
    if (!e)
        e = whole(b, weigh, &a, why);
    bool right = a.right;
    if (!e && !right) /* for the audit log; the answer does not say whether there is such a user */
        out->user = a.row.user;
    row_finish(&a.row);
    if (!e && !right)
        e = err_set(why, ERR_AUTH, tr("Name, password or code is wrong, or there were too many wrong tries: then wait a quarter of an hour."));
    return e;
}

struct step {
    const char *code, *old, *fresh, *programme, *address;
    int64_t utc_s;
    char *text;
    struct login *out;
    enum login_next wanted;
    bool right;
};

static enum err not_this_step(struct errmsg *why)
{
    return err_set(why, ERR_STATE, tr("This is not what is missing; log in again."));
}

static enum err weigh_code(struct books *b, void *arg, struct errmsg *why)
{
    struct step *s = arg;
    struct login login;
    struct row row;
    char key[80];
    int64_t until_s = 0;
    enum err e = login_find(b, s->text, s->utc_s, &login, why);
    if (!e)
        e = row_of(b, login.user.id, &row, why);
    if (e)
        return e;
    *s->out = login;
    try_key(key, "name", row.user.name);
    if (login.next != s->wanted && !(s->wanted == NEXT_ENROL && login.next == NEXT_NOTHING && !row.factor_on))
        e = not_this_step(why);
    if (!e)
        e = waits_until(b, key, &until_s, why);
    if (!e && until_s <= s->utc_s)
        e = take_code(b, &row, s->code, s->utc_s, &s->right, why);
    if (!e && s->right)
        e = forget_wrong(b, key, why);
    else if (!e && until_s <= s->utc_s)
        e = count_wrong(b, key, USERS_TRIES_NAME, s->utc_s, why);
    if (!e && s->right) {
        char before[LOGIN_TEXT_SIZE];
        memcpy(before, s->text, sizeof before);
        row.factor_on = true;
        e = step_on(b, &row, missing(&row, true), before, s->address, s->utc_s, s->text, s->out, why);
    }
    row_finish(&row);
    return e;
}

static enum err show_code(struct books *b, enum login_next wanted, const char *code, const char *address,
                          int64_t utc_s, char text[LOGIN_TEXT_SIZE], struct login *out, struct errmsg *why)
{
    struct step s = {.code = code, .address = address, .utc_s = utc_s, .text = text, .out = out, .wanted = wanted};
    enum err e = whole(b, weigh_code, &s, why);
    if (!e && !s.right)
        e = err_set(why, ERR_AUTH, tr("This code is not right, or was used before; wait for the next one."));
    return e;
}

enum err users_show_code(struct books *b, const char *code, const char *address, int64_t utc_s,
                         char text[LOGIN_TEXT_SIZE], struct login *out, struct errmsg *why)
{
    return show_code(b, NEXT_CODE, code, address, utc_s, text, out, why);
}

enum err users_enrol_code(struct books *b, const char *code, const char *address, int64_t utc_s,
                          char text[LOGIN_TEXT_SIZE], struct login *out, struct errmsg *why)
{
    return show_code(b, NEXT_ENROL, code, address, utc_s, text, out, why);
}

enum err users_enrol(struct books *b, uint32_t user, uint8_t secret[TOTP_SECRET_SIZE], struct errmsg *why)
{
    if (mbed_random(NULL, secret, TOTP_SECRET_SIZE) != 0)
        return err_set(why, ERR_CRYPTO, "no random numbers");
    struct query q = query_text_of(
        b->store, "UPDATE user SET totp = ?2, totp_step = 0 WHERE id = ?1 AND totp_on = 0 RETURNING 1");
    query_int(&q, user);
    query_blob(&q, secret, TOTP_SECRET_SIZE);
    bool done = query_row(&q);
    enum err e = query_done(&q, why);
    return e || done ? e : err_set(why, ERR_STATE, tr("There is a second factor already; an administrator can take it away."));
}

static enum err weigh_password(struct books *b, void *arg, struct errmsg *why)
{
    struct step *s = arg;
    struct login login;
    struct row row;
    char hash[PASSWORD_HASH_SIZE], key[80];
    int64_t until_s = 0;
    enum err e = login_find(b, s->text, s->utc_s, &login, why);
    if (!e)
        e = row_of(b, login.user.id, &row, why);
    if (e)
        return e;
    *s->out = login;
    try_key(key, "name", row.user.name);
    if (login.next != NEXT_PASSWORD && login.next != NEXT_NOTHING)
        e = not_this_step(why);
    if (!e)
        e = waits_until(b, key, &until_s, why);
    if (!e && until_s <= s->utc_s) {
        s->right = password_is(row.password, s->old);
        e = s->right ? OK : count_wrong(b, key, USERS_TRIES_NAME, s->utc_s, why);
    }
    const char *fault = s->right ? password_fault(s->fresh, row.user.name, s->programme) : NULL;
    if (!e && s->right && !fault && strcmp(s->old, s->fresh) == 0)
        fault = tr("This is the old password again.");
    if (!e && fault)
        e = err_set(why, ERR_REFUSED, "%s", fault);
    if (!e && s->right)
        e = password_hash(hash, s->fresh, why);
    if (!e && s->right) {
        struct query q = query_text_of(b->store, "UPDATE user SET password = ?2, temporary = 0 WHERE id = ?1");
        query_int(&q, row.user.id);
        query_text(&q, hash);
        e = query_run(&q, why);
        if (!e)
            e = login_end_others(b, row.user.id, 0, NULL, why);
        if (!e)
            e = step_on(b, &row, NEXT_NOTHING, "", s->address, s->utc_s, s->text, s->out, why);
    }
    row_finish(&row);
    return e;
}

enum err users_change_password(struct books *b, const char *old, const char *fresh, const char *programme,
                               const char *address, int64_t utc_s, char text[LOGIN_TEXT_SIZE],
                               struct login *out, struct errmsg *why)
{
    struct step s = {.old = strlen(old) > PASSWORD_MOST ? "" : old, .fresh = fresh, .programme = programme,
                     .address = address, .utc_s = utc_s, .text = text, .out = out};
    enum err e = whole(b, weigh_password, &s, why);
    if (!e && !s.right)
        e = err_set(why, ERR_AUTH, tr("The old password is wrong."));
    return e;
}

/* ---- for admins ---- */

enum err users_list(struct books *b, uint32_t user, int64_t utc_s, users_fn *each, void *arg, struct errmsg *why)
{
    struct user_view v;
    bool any = false;
    struct query q = query_text_of(
        b->store, "SELECT id, name, roles, language, active, totp_on, temporary, login_s,"
                  " coalesce((SELECT until_s FROM login_try WHERE who = 'name:' || lower(name)), 0)"
                  " FROM user WHERE ?1 = 0 OR id = ?1 ORDER BY id");
    query_int(&q, user);
    while (query_row(&q)) {
        v = (struct user_view){.user.id = (uint32_t)query_get_int(&q)};
        query_get_text(&q, v.user.name, sizeof v.user.name);
        v.user.roles = (unsigned)query_get_int(&q);
        query_get_text(&q, v.user.language, sizeof v.user.language);
        v.active = query_get_int(&q) != 0;
        v.factor = query_get_int(&q) != 0;
        v.temporary = query_get_int(&q) != 0;
        v.login_s = query_get_int(&q);
        v.wait_until_s = query_get_int(&q);
        if (v.wait_until_s <= utc_s)
            v.wait_until_s = 0;
        any = true;
        each(&v, arg);
    }
    enum err e = query_done(&q, why);
    return e || any || !user ? e : err_set(why, ERR_NOT_FOUND, tr("There is no such user."));
}

enum err users_named(struct books *b, const char *name, uint32_t *id, struct errmsg *why)
{
    struct row r;
    enum err e = row_named(b, name, &r, why);
    *id = r.user.id;
    row_finish(&r);
    return e || *id ? e : err_set(why, ERR_NOT_FOUND, tr("There is no such user."));
}

struct admin {
    uint32_t id;
    const char *name, *language;
    unsigned roles;
    bool active;
    int64_t utc_s;
    char hash[PASSWORD_HASH_SIZE];
};

static bool is_name(const char *name)
{
    size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_@");
    return size >= 1 && size <= 31 && !name[size];
}

static enum err add(struct books *b, void *arg, struct errmsg *why)
{
    struct admin *a = arg;
    struct row r;
    enum err e = row_named(b, a->name, &r, why);
    if (!e && r.user.id)
        e = err_set(why, ERR_EXISTS, tr("There is a user of this name already."));
    row_finish(&r);
    if (e)
        return e;
    struct query q = query_text_of(
        b->store, "INSERT INTO user (name, roles, language, password, temporary_until_s) VALUES (?, ?, ?, ?, ?) RETURNING id");
    query_text(&q, a->name);
    query_int(&q, a->roles);
    query_text(&q, a->language);
    query_text(&q, a->hash);
    query_int(&q, a->utc_s + USERS_TEMPORARY_S);
    if (query_row(&q))
        a->id = (uint32_t)query_get_int(&q);
    return query_done(&q, why);
}

enum err users_add(struct books *b, const char *name, unsigned roles, const char *language, int64_t utc_s,
                   char made[20], uint32_t *id, struct errmsg *why)
{
    struct admin a = {.name = name, .roles = roles, .language = strcmp(language, "zh") == 0 ? "zh" : "en", .utc_s = utc_s};
    if (!is_name(name))
        return err_set(why, ERR_FORMAT, tr("A user's name is 1 to 31 letters, digits, or . - _ @."));
    enum err e = password_make(made, why);
    if (!e)
        e = password_hash(a.hash, made, why);
    if (!e)
        e = whole(b, add, &a, why);
    *id = a.id;
    return e;
}

static enum err set(struct books *b, void *arg, struct errmsg *why)
{
    struct admin *a = arg;
    struct row r;
    bool admins = false;
    enum err e = row_of(b, a->id, &r, why);
    row_finish(&r);
    if (e)
        return e;
    struct query q = query_text_of(b->store, "UPDATE user SET roles = ?2, language = ?3, active = ?4 WHERE id = ?1");
    query_int(&q, a->id);
    query_int(&q, a->roles);
    query_text(&q, a->language);
    query_int(&q, a->active);
    if ((e = query_run(&q, why)))
        return e;
    q = query_text_of(b->store, "SELECT 1 FROM user WHERE active = 1 AND roles & ? LIMIT 1");
    query_int(&q, ROLE_ADMIN);
    admins = query_row(&q);
    if ((e = query_done(&q, why)))
        return e;
    if (!admins)
        return err_set(why, ERR_REFUSED, tr("Then there would be no administrator left."));
    return login_end_others(b, a->id, 0, NULL, why);
}

enum err users_set(struct books *b, uint32_t id, unsigned roles, const char *language, bool active,
                   struct errmsg *why)
{
    struct admin a = {.id = id, .roles = roles, .language = strcmp(language, "zh") == 0 ? "zh" : "en", .active = active};
    return whole(b, set, &a, why);
}

static enum err reset(struct books *b, void *arg, struct errmsg *why)
{
    struct admin *a = arg;
    struct row r;
    char key[80];
    enum err e = row_of(b, a->id, &r, why);
    if (e)
        return e;
    try_key(key, "name", r.user.name);
    row_finish(&r);
    struct query q = query_text_of(b->store, "UPDATE user SET password = ?2, temporary = 1, temporary_until_s = ?3,"
                                             " totp = NULL, totp_on = 0, totp_step = 0 WHERE id = ?1");
    query_int(&q, a->id);
    query_text(&q, a->hash);
    query_int(&q, a->utc_s + USERS_TEMPORARY_S);
    e = query_run(&q, why);
    if (!e)
        e = forget_wrong(b, key, why);
    return e ? e : login_end_others(b, a->id, 0, NULL, why);
}

enum err users_reset(struct books *b, uint32_t id, int64_t utc_s, char made[20], struct errmsg *why)
{
    struct admin a = {.id = id, .utc_s = utc_s};
    enum err e = password_make(made, why);
    if (!e)
        e = password_hash(a.hash, made, why);
    return e ? e : whole(b, reset, &a, why);
}

enum err users_set_language(struct books *b, uint32_t id, const char *language, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "UPDATE user SET language = ?2 WHERE id = ?1");
    query_int(&q, id);
    query_text(&q, strcmp(language, "zh") == 0 ? "zh" : "en");
    return query_run(&q, why);
}
