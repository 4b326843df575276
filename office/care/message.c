/* message.c - see message.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/care/message.h"
#include "base/date.h"
#include "base/tr.h"
#include "base/mbed.h"
#include "office/care/care_int.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const channels[MESSAGE_CHANNELS] = {"sms", "email", "wechat", "webhook"};
static const char *const purposes[MESSAGE_PURPOSES] = {"service", "code", "marketing", "survey"};
static const char *const states[MESSAGE_STATES] = {"queued", "sent", "failed", "given up"};

const char *message_channel_text(enum message_channel c)
{
    return channels[c];
}

const char *message_purpose_text(enum message_purpose p)
{
    return purposes[p];
}

const char *message_state_text(enum message_state s)
{
    return states[s];
}

const char *message_answer_text(enum message_answer a)
{
    switch (a) {
    case MESSAGE_TAKEN: return "queued";
    case MESSAGE_KNOWN: return "queued before";
    case MESSAGE_NO_CONSENT: return "no consent";
    case MESSAGE_TOO_OFTEN: return "contacted often enough";
    case MESSAGE_NO_ADDRESS: return "no address";
    }
    return "?";
}

/* The place of text in names; count when it is not there. */
static int place(const char *const names[], int count, const char *text)
{
    int i = 0;
    while (i < count && strcmp(names[i], text) != 0)
        i++;
    return i;
}

bool message_channel_parse(const char *text, enum message_channel *out)
{
    int i = place(channels, MESSAGE_CHANNELS, text);
    if (i < MESSAGE_CHANNELS)
        *out = (enum message_channel)i;
    return i < MESSAGE_CHANNELS;
}

bool message_purpose_parse(const char *text, enum message_purpose *out)
{
    int i = place(purposes, MESSAGE_PURPOSES, text);
    if (i < MESSAGE_PURPOSES)
        *out = (enum message_purpose)i;
    return i < MESSAGE_PURPOSES;
}

int64_t message_pause_s(int32_t tries)
{
    int64_t pause = 60;
    while (--tries > 0 && pause < 14400)
        pause *= 2;
    return pause < 14400 ? pause : 14400;
}

enum err care_text(const char *what, const char *text, size_t least, size_t most, struct errmsg *why)
{
    size_t n = strlen(text);
    if (n < least)
        return err_set(why, ERR_FORMAT, tr("%s is missing"), what);
    return n > most ? err_set(why, ERR_RANGE, tr("%s is at most %zu bytes"), what, most) : OK;
}

/* ---- settings ---- */

static bool is_loopback(const char *host)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t n = strlen(names[i]);
        if (strncmp(host, names[i], n) == 0 && strchr(":/", host[n])) /* also the final 0 */
            return true;
    }
    return false;
}

enum err message_url_check(const char *url, struct errmsg *why)
{
    bool plain = strncmp(url, "http://", 7) == 0;
    if (strlen(url) > 250)
        return err_set(why, ERR_FORMAT, tr("the address has more than 250 characters"));
    for (const char *p = url; *p; p++)
        if (*p <= ' ' || *p > '~' || *p == '@')
            return err_set(why, ERR_FORMAT, tr("a blank, an @ or another character that no web address has here"));
    if (plain ? !is_loopback(url + 7) : strncmp(url, "https://", 8) != 0 || !url[8] || url[8] == '/')
        return err_set(why, ERR_FORMAT,
                       tr("messages go to https://..., or to http:// on this machine (127.0.0.1)"));
    return OK;
}

enum err care_setting(struct books *b, const char *name, char *out, size_t size, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "SELECT value FROM care_setting WHERE name = ?");
    query_text(&q, name);
    bool found = query_row(&q);
    if (found)
        query_get_text(&q, out, size);
    enum err e = query_done(&q, why);
    return e || found ? e : err_set(why, ERR_NOT_FOUND, tr("there is no setting %s"), name);
}

static enum err setting_number(struct books *b, const char *name, int64_t *out, struct errmsg *why)
{
    char text[32] = "";
    enum err e = care_setting(b, name, text, sizeof text, why);
    *out = strtoll(text, NULL, 10);
    return e;
}

static enum err check_number(const char *name, const char *value, int64_t least, int64_t most, struct errmsg *why)
{
    char *end = NULL;
    long long n = strtoll(value, &end, 10);
    if (!*value || *end)
        return err_set(why, ERR_FORMAT, tr("%s is a whole number"), name);
    if (n < least || n > most)
        return err_set(why, ERR_RANGE, tr("%s is %" PRId64 " to %" PRId64), name, least, most);
    return OK;
}

enum err care_set_setting(struct books *b, const char *name, const char *value, struct errmsg *why)
{
    char before[256];
    enum err e = care_setting(b, name, before, sizeof before, why);
    if (!e && strcmp(name, "contact_days") == 0)
        e = check_number(name, value, 1, 365, why);
    else if (!e && strcmp(name, "contact_most") == 0)
        e = check_number(name, value, 0, 100, why);
    else if (!e && strcmp(name, "audit_percent") == 0)
        e = check_number(name, value, 0, 100, why);
    else if (!e && (strcmp(name, "audit_seed") == 0 || strncmp(name, "referral_", 9) == 0 || strncmp(name, "winback_", 8) == 0))
        e = check_number(name, value, 0, INT32_MAX, why);
    else if (!e && (strcmp(name, "weights") == 0 || strcmp(name, "coupon_position") == 0))
        e = err_set(why, ERR_FORMAT, tr("%s is not set like this"), name);
    else if (!e && strcmp(name, "message_url") == 0 && *value)
        e = message_url_check(value, why);
    if (e)
        return e;
    struct query q = query_text_of(b->store, "UPDATE care_setting SET value = ?2 WHERE name = ?1");
    query_text(&q, name);
    query_text(&q, value);
    return query_run(&q, why);
}

/* ---- who is it, and where ---- */

static enum err no_address(member_id member, enum message_channel channel, struct errmsg *why)
{
    char m[MEMBER_TEXT_SIZE];
    member_text(m, member);
    return err_set(why, ERR_NOT_FOUND, tr("no address of %s for %s"), m, channels[channel]);
}

/* Looked up each time and kept nowhere.  Errors: ERR_NOT_FOUND (none). */
static enum err address_of(struct books *b, member_id member, enum message_channel channel,
                           char out[MESSAGE_ADDRESS_SIZE], struct errmsg *why)
{
    struct person p = {0};
    *out = 0;
    if (channel == MESSAGE_WEBHOOK)
        return OK;
    enum err e = books_person(b, member, &p, why);
    if (e)
        return e == ERR_NOT_FOUND ? no_address(member, channel, why) : e;
    if (channel == MESSAGE_SMS)
        snprintf(out, MESSAGE_ADDRESS_SIZE, "%s", p.phone);
    else if (channel == MESSAGE_WECHAT && strncmp(p.contact, "wechat:", 7) == 0)
        snprintf(out, MESSAGE_ADDRESS_SIZE, "%s", p.contact + 7);
    else if (channel == MESSAGE_EMAIL && strchr(p.contact, '@') && !strchr(p.contact, ' '))
        snprintf(out, MESSAGE_ADDRESS_SIZE, "%s", p.contact);
    bytes_wipe(&p, sizeof p);
    return *out ? OK : no_address(member, channel, why);
}

enum err message_best_channel(struct books *b, member_id member, enum message_channel *out, struct errmsg *why)
{
    static const enum message_channel order[] = {MESSAGE_SMS, MESSAGE_WECHAT, MESSAGE_EMAIL};
    char address[MESSAGE_ADDRESS_SIZE];
    enum err e = ERR_NOT_FOUND;
    for (size_t i = 0; i < 3 && e == ERR_NOT_FOUND; i++) {
        e = address_of(b, member, order[i], address, why);
        if (!e)
            *out = order[i];
    }
    bytes_wipe(address, sizeof address);
    return e;
}

static bool asks_consent(enum message_purpose p)
{
    return p == MESSAGE_MARKETING || p == MESSAGE_SURVEY;
}

/* One number of a statement with the member and one time to bind. */
static enum err number_of(struct books *b, const char *sql, member_id member, const char *text, int64_t number,
                          int64_t *out, struct errmsg *why)
{
    struct query q = query_text_of(b->store, sql);
    query_int(&q, (int64_t)member);
    if (text)
        query_text(&q, text);
    else
        query_int(&q, number);
    *out = query_row(&q) ? query_get_int(&q) : 0;
    return query_done(&q, why);
}

/* May this member be told this, today? */
static enum err may(struct books *b, const struct message_wanted *w, int64_t now_s, enum message_answer *answer,
                    struct errmsg *why)
{
    char address[MESSAGE_ADDRESS_SIZE];
    int64_t agreed = 0, days = 0, most = 0, sent = 0;
    enum err e = address_of(b, w->member, w->channel, address, why);
    bytes_wipe(address, sizeof address);
    *answer = e == ERR_NOT_FOUND ? MESSAGE_NO_ADDRESS : MESSAGE_TAKEN;
    if (e == ERR_NOT_FOUND)
        return OK;
    if (e || !asks_consent(w->purpose))
        return e;
    if ((e = number_of(b, "SELECT given FROM consent WHERE member = ? AND purpose = ? ORDER BY id DESC LIMIT 1",
                       w->member, w->purpose == MESSAGE_SURVEY ? "research" : "messages", 0, &agreed, why)))
        return e;
    if (!agreed) {
        *answer = MESSAGE_NO_CONSENT;
        return OK;
    }
    if ((e = setting_number(b, "contact_days", &days, why)) || (e = setting_number(b, "contact_most", &most, why)))
        return e;
    e = number_of(b,
                  "SELECT count(*) FROM message WHERE member = ? AND purpose IN ('marketing', 'survey')"
                  " AND state <> 'given up' AND queued_s > ?",
                  w->member, NULL, now_s - days * SECONDS_PER_DAY, &sent, why);
    if (sent >= most)
        *answer = MESSAGE_TOO_OFTEN;
    return e;
}

/* ---- in ---- */

static bool is_word(const char *text, size_t size)
{
    size_t n = strlen(text);
    return n > 0 && n < size &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") == n;
}

static enum err check(const struct message_wanted *w, struct errmsg *why)
{
    if (!is_word(w->key, MESSAGE_KEY_SIZE))
        return err_set(why, ERR_FORMAT, tr("the key is 1 to %d letters, digits, - _ ."), MESSAGE_KEY_SIZE - 1);
    if (!is_word(w->template_name, MESSAGE_TEMPLATE_SIZE))
        return err_set(why, ERR_FORMAT, tr("the template's name is 1 to %d letters, digits, - _ ."),
                       MESSAGE_TEMPLATE_SIZE - 1);
    if (*w->language && strcmp(w->language, "en") != 0 && strcmp(w->language, "zh") != 0)
        return err_set(why, ERR_FORMAT, tr("'%s' is no language of messages: en or zh"), w->language);
    if (w->values && !json_is_object(w->values))
        return err_set(why, ERR_FORMAT, tr("the values are an object"));
    if (!w->member && w->channel != MESSAGE_WEBHOOK)
        return err_set(why, ERR_FORMAT, tr("a message to nobody goes to the webhook alone"));
    return OK;
}

static enum err values_text(const json_t *values, char out[MESSAGE_VALUES_SIZE], struct errmsg *why)
{
    if (!values) {
        snprintf(out, MESSAGE_VALUES_SIZE, "{}");
        return OK;
    }
    size_t size = json_dumpb(values, out, MESSAGE_VALUES_SIZE - 1, JSON_COMPACT | JSON_SORT_KEYS);
    if (size == 0 || size >= MESSAGE_VALUES_SIZE)
        return err_set(why, ERR_RANGE, tr("the values of a message are at most %d bytes"), MESSAGE_VALUES_SIZE - 1);
    out[size] = 0;
    return OK;
}

static void digest_of(const struct message_wanted *w, const char *values, uint8_t out[MBED_HASH_SIZE])
{
    char text[MESSAGE_VALUES_SIZE + 128];
    int n = snprintf(text, sizeof text, "%" PRIu64 "|%s|%s|%s|%s|%s", w->member, channels[w->channel],
                     purposes[w->purpose], w->template_name, w->language, values);
    mbed_sha256(out, bytes_of(text, (size_t)n));
    bytes_wipe(text, sizeof text);
}

/* ERR_NOT_FOUND: the key is new. */
static enum err find_key(struct books *b, const char *key, const uint8_t digest[MBED_HASH_SIZE], int64_t *id,
                         struct errmsg *why)
{
    struct query q = query_text_of(b->store, "SELECT id, digest FROM message WHERE key = ?");
    bool found, same = false;
    query_text(&q, key);
    if ((found = query_row(&q))) {
        *id = query_get_int(&q);
        struct bytes d = query_get_blob(&q);
        same = d.size == MBED_HASH_SIZE && memcmp(d.data, digest, d.size) == 0;
    }
    enum err e = query_done(&q, why);
    if (e || same)
        return e;
    return found ? err_set(why, ERR_CONFLICT, tr("the key %s is another message's"), key)
                 : err_set(why, ERR_NOT_FOUND, tr("no message %s"), key);
}

static enum err add(struct books *b, const struct message_wanted *w, const char *values,
                    const uint8_t digest[MBED_HASH_SIZE], int64_t now_s, int64_t *id, struct errmsg *why)
{
    struct person p = {0};
    const char *language = w->language;
    if (!*language && w->member && books_person(b, w->member, &p, NULL) == OK)
        language = p.language;
    struct query q = query_text_of(
        b->store, "INSERT INTO message (key, member, channel, purpose, template, language, vals, digest, queued_s,"
                  " next_s, changed_s) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?9, ?9, ?9) RETURNING id");
    query_text(&q, w->key);
    query_int(&q, (int64_t)w->member);
    query_text(&q, channels[w->channel]);
    query_text(&q, purposes[w->purpose]);
    query_text(&q, w->template_name);
    query_text(&q, strcmp(language, "zh") == 0 ? "zh" : "en");
    query_text(&q, values);
    query_blob(&q, digest, MBED_HASH_SIZE);
    query_int(&q, now_s);
    if (query_row(&q))
        *id = query_get_int(&q);
    return query_done(&q, why);
}

static enum err queue(struct books *b, const struct message_wanted *w, int64_t now_s, int64_t *id,
                      enum message_answer *answer, struct errmsg *why)
{
    char values[MESSAGE_VALUES_SIZE];
    uint8_t digest[MBED_HASH_SIZE];
    struct member_view view;
    enum err e = check(w, why);
    if (e || (e = values_text(w->values, values, why)))
        return e;
    digest_of(w, values, digest);
    e = find_key(b, w->key, digest, id, why);
    *answer = MESSAGE_KNOWN;
    if (e != ERR_NOT_FOUND)
        return e;
    if (w->member && (e = books_member(b, w->member, &view, why)))
        return e;
    if ((e = may(b, w, now_s, answer, why)) || *answer != MESSAGE_TAKEN)
        return e;
    e = add(b, w, values, digest, now_s, id, why);
    bytes_wipe(values, sizeof values);
    return e;
}

enum err message_queue(struct books *b, const struct message_wanted *wanted, int64_t now_s, int64_t *id,
                       enum message_answer *answer, struct errmsg *why)
{
    bool own;
    *id = 0;
    enum err e = care_begin(b, &own, why);
    return e ? e : care_end(b, own, queue(b, wanted, now_s, id, answer, why), why);
}

/* ---- lists ---- */

#define COLUMNS                                                                                                        \
    "id, key, member, channel, purpose, template, language, iif(purpose = 'code', '{}', vals), queued_s, state,"      \
    " tries, next_s, changed_s, error"

static void read_message(struct query *q, struct message_view *m)
{
    char text[16];
    memset(m, 0, sizeof *m);
    m->id = query_get_int(q);
    query_get_text(q, m->key, sizeof m->key);
    m->member = (member_id)query_get_int(q);
    query_get_text(q, text, sizeof text);
    m->channel = (enum message_channel)place(channels, MESSAGE_CHANNELS, text);
    query_get_text(q, text, sizeof text);
    m->purpose = (enum message_purpose)place(purposes, MESSAGE_PURPOSES, text);
    query_get_text(q, m->template_name, sizeof m->template_name);
    query_get_text(q, m->language, sizeof m->language);
    query_get_text(q, m->values, sizeof m->values);
    m->queued_s = query_get_int(q);
    query_get_text(q, text, sizeof text);
    m->state = (enum message_state)place(states, MESSAGE_STATES, text);
    m->tries = (int32_t)query_get_int(q);
    m->next_s = query_get_int(q);
    m->changed_s = query_get_int(q);
    query_get_text(q, m->error, sizeof m->error);
}

enum err message_list(struct books *b, int state, member_id member, int64_t before, int32_t most, message_fn *each,
                      void *arg, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "SELECT " COLUMNS " FROM message WHERE (?1 = '' OR state = ?1)"
                                             " AND (?2 = 0 OR member = ?2) AND (?3 = 0 OR id < ?3)"
                                             " ORDER BY id DESC LIMIT ?4");
    struct message_view m;
    query_text(&q, state < 0 ? "" : states[state]);
    query_int(&q, (int64_t)member);
    query_int(&q, before);
    query_int(&q, most);
    while (query_row(&q)) {
        read_message(&q, &m);
        if (!each(&m, arg))
            break;
    }
    return query_done(&q, why);
}

enum err message_counts(struct books *b, int64_t counts[MESSAGE_STATES], struct errmsg *why)
{
    struct query q = query_text_of(b->store, "SELECT state, count(*) FROM message GROUP BY state");
    memset(counts, 0, MESSAGE_STATES * sizeof *counts);
    while (query_row(&q)) {
        char text[16];
        query_get_text(&q, text, sizeof text);
        counts[place(states, MESSAGE_STATES, text)] = query_get_int(&q);
    }
    return query_done(&q, why);
}

/* ---- out ---- */

static enum err set_state(struct books *b, int64_t id, enum message_state state, int64_t now_s, int64_t next_s,
                          const char *error, struct errmsg *why)
{
    struct query q = query_text_of(b->store,
                                   "UPDATE message SET state = ?2, changed_s = ?3, next_s = ?4, error = ?5,"
                                   " vals = iif(purpose = 'code' AND ?2 IN ('sent', 'given up'), '{}', vals)"
                                   " WHERE id = ?1 AND state <> 'sent'");
    query_int(&q, id);
    query_text(&q, states[state]);
    query_int(&q, now_s);
    query_int(&q, next_s);
    query_text(&q, error);
    return query_run(&q, why);
}

/* The message that is due and comes first; values as they are.  channel: that one alone, NULL = any. */
static enum err due(struct books *b, int64_t now_s, const char *channel, struct message_view *m, struct errmsg *why)
{
    struct query q = query_text_of(
        b->store, "SELECT id, key, member, channel, purpose, template, language, vals, queued_s, state, tries, next_s,"
                  " changed_s, error FROM message WHERE state IN ('queued', 'failed') AND next_s <= ?1"
                  " AND (?2 IS NULL OR channel = ?2) ORDER BY next_s, id LIMIT 1");
    query_int(&q, now_s);
    if (channel)
        query_text(&q, channel);
    else
        query_null(&q);
    bool found = query_row(&q);
    if (found)
        read_message(&q, m);
    enum err e = query_done(&q, why);
    return e || found ? e : err_set(why, ERR_NOT_FOUND, tr("no message is due"));
}

/* The next one that has an address; those without are given up. */
static enum err due_with_address(struct books *b, int64_t now_s, const char *channel, struct message_view *m,
                                 char address[MESSAGE_ADDRESS_SIZE], struct errmsg *why)
{
    for (;;) {
        enum err e = due(b, now_s, channel, m, why);
        if (e)
            return e;
        e = m->member ? address_of(b, m->member, m->channel, address, why) : OK;
        if (!m->member)
            *address = 0;
        if (e != ERR_NOT_FOUND)
            return e;
        if ((e = set_state(b, m->id, MESSAGE_GIVEN_UP, now_s, now_s, "the address has gone", why)))
            return e;
    }
}

static enum err lease(struct books *b, int64_t id, int64_t now_s, struct errmsg *why)
{
    struct query q =
        query_text_of(b->store, "UPDATE message SET tries = tries + 1, next_s = ?2, changed_s = ?3 WHERE id = ?1");
    query_int(&q, id);
    query_int(&q, now_s + MESSAGE_LEASE_S);
    query_int(&q, now_s);
    return query_run(&q, why);
}

enum err message_take(struct books *b, int64_t now_s, int64_t *id, json_t **body, struct errmsg *why)
{
    struct message_view m = {0};
    char address[MESSAGE_ADDRESS_SIZE] = "";
    bool own;
    enum err e = care_begin(b, &own, why);
    if (e)
        return e;
    e = due_with_address(b, now_s, NULL, &m, address, why);
    bool none = e == ERR_NOT_FOUND; /* what was given up meanwhile stays so */
    if (!e)
        e = lease(b, m.id, now_s, why);
    if ((e = care_end(b, own, none ? OK : e, why)))
        return e;
    if (none)
        return ERR_NOT_FOUND;
    *id = m.id;
    *body = json_pack("{s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:o*}", "key", m.key, "id", (json_int_t)m.id, "channel",
                      channels[m.channel], "to", address, "template", m.template_name, "language", m.language,
                      "purpose", purposes[m.purpose], "values", json_loads(m.values, 0, NULL));
    bytes_wipe(address, sizeof address);
    bytes_wipe(&m, sizeof m);
    return *body ? OK : err_set(why, ERR_CORRUPT, tr("message %" PRId64 ": what it says is no text"), *id);
}

enum err message_done(struct books *b, int64_t id, int64_t now_s, const char *error, struct errmsg *why)
{
    int64_t tries = 0;
    if (!error)
        return set_state(b, id, MESSAGE_SENT, now_s, now_s, "", why);
    struct query q = query_text_of(b->store, "SELECT tries FROM message WHERE id = ?");
    query_int(&q, id);
    bool found = query_row(&q);
    if (found)
        tries = query_get_int(&q);
    enum err e = query_done(&q, why);
    if (!e && !found)
        e = err_set(why, ERR_NOT_FOUND, tr("there is no message %" PRId64), id);
    if (e)
        return e;
    char text[160];
    snprintf(text, sizeof text, "%s", error);
    return set_state(b, id, tries >= MESSAGE_TRIES ? MESSAGE_GIVEN_UP : MESSAGE_FAILED, now_s,
                     now_s + message_pause_s((int32_t)tries), text, why);
}

enum err message_again(struct books *b, int64_t id, int64_t now_s, struct errmsg *why)
{
    struct query q = query_text_of(
        b->store, "UPDATE message SET state = 'failed', tries = 0, next_s = ?2, changed_s = ?2 WHERE id = ?1"
                  " AND state IN ('failed', 'given up') AND purpose <> 'code' RETURNING id");
    query_int(&q, id);
    query_int(&q, now_s);
    bool done = query_row(&q);
    enum err e = query_done(&q, why);
    if (e || done)
        return e;
    q = query_text_of(b->store, "SELECT state, purpose FROM message WHERE id = ?");
    query_int(&q, id);
    char state[16] = "", purpose[16] = "";
    bool found = query_row(&q);
    if (found) {
        query_get_text(&q, state, sizeof state);
        query_get_text(&q, purpose, sizeof purpose);
    }
    if ((e = query_done(&q, why)))
        return e;
    if (!found)
        return err_set(why, ERR_NOT_FOUND, tr("there is no message %" PRId64), id);
    return strcmp(purpose, "code") == 0
               ? err_set(why, ERR_STATE, tr("a one-time code is not sent twice: ask for a new one"))
               : err_set(why, ERR_STATE, tr("message %" PRId64 " is %s"), id, state);
}

/* ---- as a file ---- */

/* A field of CSV.  One that a spreadsheet would take for a formula begins with a ' (what comes in is not ours);
 * "+49..." is a number and stays. */
static void put_field(FILE *f, const char *text, char last)
{
    bool formula = strchr("=-@\t\r", *text) && *text;
    if (formula || strpbrk(text, ",\"\r\n")) {
        fputs(formula ? "\"'" : "\"", f);
        for (; *text; text++) {
            if (*text == '"')
                fputc('"', f);
            fputc(*text, f);
        }
        fputc('"', f);
    } else {
        fputs(text, f);
    }
    fputc(last, f);
}

enum err message_export(struct books *b, enum message_channel channel, int64_t now_s, char **text, int32_t *count,
                        struct errmsg *why)
{
    struct message_view m;
    char address[MESSAGE_ADDRESS_SIZE] = "";
    size_t size = 0;
    bool own;
    *text = NULL;
    *count = 0;
    FILE *f = open_memstream(text, &size);
    if (!f)
        return err_set(why, ERR_IO, "out of memory");
    fputs("key,to,template,language,purpose,values\n", f);
    enum err e = care_begin(b, &own, why);
    if (!e) {
        while (!(e = due_with_address(b, now_s, channels[channel], &m, address, why))) {
            put_field(f, m.key, ',');
            put_field(f, address, ',');
            put_field(f, m.template_name, ',');
            put_field(f, m.language, ',');
            put_field(f, purposes[m.purpose], ',');
            put_field(f, m.values, '\n');
            ++*count;
            if ((e = lease(b, m.id, now_s, why)) || (e = set_state(b, m.id, MESSAGE_SENT, now_s, now_s, "", why)))
                break;
        }
        e = care_end(b, own, e == ERR_NOT_FOUND ? OK : e, why);
    }
    bytes_wipe(address, sizeof address);
    if (fclose(f) != 0 && !e)
        e = err_set(why, ERR_IO, "out of memory");
    if (e) {
        free(*text);
        *text = NULL;
    }
    return e;
}
