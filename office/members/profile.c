/* profile.c - see profile.h: the changes, and how members are found.  profile_show.c has what is shown.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/members/profile.h"
#include "base/date.h"
#include "base/tr.h"
#include "office/members/advice.h"
#include "office/books/books_int.h"
#include "office/members/erase.h"
#include "office/books/known.h"
#include "office/books/rows.h"

#include <inttypes.h>
#include <string.h>

static const char *const purposes[PURPOSE_COUNT] = {"name", "messages", "birthday", "research"};

const char *profile_purpose_name(enum profile_purpose purpose)
{
    return purposes[purpose];
}

enum err profile_purpose_of(const char *text, enum profile_purpose *out, struct errmsg *why)
{
    for (int i = 0; i < PURPOSE_COUNT; i++)
        if (strcmp(text, purposes[i]) == 0) {
            *out = (enum profile_purpose)i;
            return OK;
        }
    return err_set(why, ERR_FORMAT, tr("'%s' is no purpose of a consent"), text);
}

static enum err must_be_member(struct books *b, member_id member, struct errmsg *why)
{
    struct member_view view;
    return books_member(b, member, &view, why);
}

/* Characters of UTF-8. */
static size_t length_of(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

/* lines: may there be more than one? */
static bool is_plain(const char *text, bool lines)
{
    for (const char *p = text; *p; p++)
        if (((unsigned char)*p < 0x20 && !(lines && *p == '\n')) || *p == 0x7f)
            return false;
    json_t *good = json_string(text); /* NULL when it is no UTF-8 */
    json_decref(good);
    return good != NULL;
}

/* ---- the person ---- */

static enum err get_person(struct books *b, member_id member, struct person *p, struct errmsg *why)
{
    enum err e = must_be_member(b, member, why);
    if (e)
        return e;
    e = books_person(b, member, p, why);
    if (e == ERR_NOT_FOUND)
        *p = (struct person){.member = member};
    return e == ERR_NOT_FOUND ? OK : e;
}

static enum err check_person(const struct person *p, struct errmsg *why)
{
    if (!is_plain(p->name, false) || !is_plain(p->contact, false) || !is_plain(p->note, false))
        return err_set(why, ERR_FORMAT, tr("this text cannot be shown: letters and signs only"));
    if (*p->birthday && !advice_is_birthday(p->birthday))
        return err_set(why, ERR_FORMAT, tr("'%s' is no day of the year: MM-DD"), p->birthday);
    if (*p->language && strcmp(p->language, "en") != 0 && strcmp(p->language, "zh") != 0)
        return err_set(why, ERR_FORMAT, tr("the language is en or zh"));
    return OK;
}

enum err profile_save(struct books *b, const struct known_keys *keys, const struct person *p,
                      const struct profile_by *by, struct errmsg *why)
{
    struct person old, new = *p;
    bool may = false;
    char phone[PHONE_TEXT_SIZE] = "";
    enum err e = get_person(b, p->member, &old, why);
    if (!e)
        e = check_person(p, why);
    if (!e && *p->phone)
        e = known_phone(phone, p->phone, why);
    if (!e && *p->birthday && strcmp(p->birthday, old.birthday) != 0)
        e = profile_may(b, p->member, PURPOSE_BIRTHDAY, &may, why);
    else
        may = true;
    if (!e && !may)
        e = err_set(why, ERR_STATE, tr("a birthday is kept only with the member's consent to it"));
    if (e)
        return e;
    snprintf(new.phone, sizeof new.phone, "%s", phone);
    new.consent_s = old.consent_s;
    e = books_save_person(b, &new, why);
    if (!e && strcmp(phone, old.phone) != 0)
        e = known_set_phone(b, keys, p->member, phone, by->now_s, why);
    return e == ERR_EXISTS ? err_set(why, e, tr("this telephone number is another member's")) : e;
}

enum err profile_add(struct books *b, const struct known_keys *keys, const struct person *p, const char *tier,
                     const struct profile_by *by, member_id *out, struct errmsg *why)
{
    struct txn *t = &b->own;
    const struct pack *pack = books_pack_on(b, day_of_time(by->now_s));
    if (!pack)
        return err_set(why, ERR_STATE, tr("no rules are in force yet"));
    const struct pack_tier *level = *tier ? pack_find_tier(pack, tier) : &pack->tiers[0];
    if (!level)
        return err_set(why, ERR_NOT_FOUND, tr("the rules have no tier \"%s\""), tier);
    memset(t, 0, sizeof *t);
    t->kind = TXN_MEMBER;
    t->user = by->user;
    memcpy(t->tier, level->code, sizeof t->tier);
    enum err e = books_next_member(b, &t->member, why);
    *out = t->member;
    if (!e)
        e = books_post_own(b, t, by->now_s, why);
    struct person own = *p;
    own.member = *out;
    return e ? e : profile_save(b, keys, &own, by, why);
}

/* ---- consent ---- */

/* How it is now, and whether it was ever asked. */
static enum err consent_now(struct books *b, member_id member, enum profile_purpose purpose, bool *given,
                            bool *asked, struct errmsg *why)
{
    struct query q = query_text_of(
        b->store, "SELECT given FROM consent WHERE member = ? AND purpose = ? ORDER BY id DESC LIMIT 1");
    query_int(&q, (int64_t)member);
    query_text(&q, purposes[purpose]);
    *asked = query_row(&q);
    *given = *asked && query_get_int(&q) != 0;
    return query_done(&q, why);
}

enum err profile_may(struct books *b, member_id member, enum profile_purpose purpose, bool *given,
                     struct errmsg *why)
{
    bool asked;
    struct person p;
    enum err e = consent_now(b, member, purpose, given, &asked, why);
    if (e || asked || purpose != PURPOSE_NAME)
        return e;
    /* Agreed to before there was a history of it. */
    e = books_person(b, member, &p, why);
    *given = !e && p.consent_s != 0;
    return e == ERR_NOT_FOUND ? OK : e;
}

/* What follows at once from a consent. */
static enum err apply_consent(struct books *b, member_id member, enum profile_purpose purpose, bool given,
                              int64_t now_s, struct errmsg *why)
{
    struct person p;
    enum err e = get_person(b, member, &p, why);
    if (e)
        return e;
    if (purpose == PURPOSE_NAME)
        p.consent_s = given ? now_s : 0;
    else if (purpose == PURPOSE_BIRTHDAY && !given)
        memset(p.birthday, 0, sizeof p.birthday);
    else
        return OK;
    return books_save_person(b, &p, why);
}

enum err profile_consent(struct books *b, member_id member, enum profile_purpose purpose, bool given,
                         const char *version, const struct profile_by *by, struct errmsg *why)
{
    bool was, asked;
    if (!*version || length_of(version) > PROFILE_VERSION_MAX || !is_plain(version, false))
        return err_set(why, ERR_FORMAT, tr("say which version of the text the member saw, in at most %d characters"),
                       PROFILE_VERSION_MAX);
    enum err e = must_be_member(b, member, why);
    if (!e)
        e = consent_now(b, member, purpose, &was, &asked, why);
    if (e || (asked && was == given))
        return e;
    struct query q = query_text_of(b->store, "INSERT INTO consent (member, purpose, given, time_s, channel,"
                                             " version, user) VALUES (?, ?, ?, ?, ?, ?, ?)");
    query_int(&q, (int64_t)member);
    query_text(&q, purposes[purpose]);
    query_int(&q, given);
    query_int(&q, by->now_s);
    query_text(&q, by->channel);
    query_text(&q, version);
    query_int(&q, by->user);
    e = query_run(&q, why);
    return e ? e : apply_consent(b, member, purpose, given, by->now_s, why);
}

/* ---- tags, type, notes ---- */

enum err profile_tag(struct books *b, member_id member, const char *kind, const char *tag, bool put,
                     const struct profile_by *by, struct errmsg *why)
{
    bool found = true;
    struct query q;
    if (strcmp(kind, "tag") != 0 && strcmp(kind, "interest") != 0)
        return err_set(why, ERR_FORMAT, tr("it is a tag or an interest"));
    if (!*tag || length_of(tag) > PROFILE_TAG_MAX || !is_plain(tag, false))
        return err_set(why, ERR_FORMAT, tr("a tag has 1 to %d characters"), PROFILE_TAG_MAX);
    enum err e = must_be_member(b, member, why);
    if (e)
        return e;
    if (put) {
        q = query_text_of(b->store, "INSERT OR IGNORE INTO tag (member, kind, tag, time_s, user)"
                                    " VALUES (?, ?, ?, ?, ?)");
    } else {
        q = query_text_of(b->store, "DELETE FROM tag WHERE member = ? AND kind = ? AND tag = ? RETURNING 1");
    }
    query_int(&q, (int64_t)member);
    query_text(&q, kind);
    query_text(&q, tag);
    if (put) {
        query_int(&q, by->now_s);
        query_int(&q, by->user);
        return query_run(&q, why);
    }
    found = query_row(&q);
    e = query_done(&q, why);
    return !e && !found ? err_set(why, ERR_NOT_FOUND, tr("this member has no such %s"), kind) : e;
}

enum err profile_set_type(struct books *b, member_id member, const char *type, struct errmsg *why)
{
    static const char *const types[] = {"person", "company", "reseller", "staff"};
    bool known = false;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        known |= strcmp(type, types[i]) == 0;
    if (!known)
        return err_set(why, ERR_FORMAT, tr("a member is a person, company, reseller or staff"));
    enum err e = must_be_member(b, member, why);
    if (e)
        return e;
    struct query q = query_text_of(b->store, "INSERT OR REPLACE INTO member_type (member, type) VALUES (?, ?)");
    query_int(&q, (int64_t)member);
    query_text(&q, type);
    return query_run(&q, why);
}

enum err profile_note(struct books *b, member_id member, const char *text, const struct profile_by *by,
                      struct errmsg *why)
{
    if (!*text || length_of(text) > PROFILE_NOTE_MAX || !is_plain(text, true))
        return err_set(why, ERR_FORMAT, tr("a note has 1 to %d characters"), PROFILE_NOTE_MAX);
    enum err e = must_be_member(b, member, why);
    if (e)
        return e;
    struct query q =
        query_text_of(b->store, "INSERT INTO note (member, time_s, user, text) VALUES (?, ?, ?, ?)");
    query_int(&q, (int64_t)member);
    query_int(&q, by->now_s);
    query_int(&q, by->user);
    query_text(&q, text);
    return query_run(&q, why);
}

/* ---- found ---- */

/* Exactly one member by a number, a card or a telephone; 0 = the text is none of these, or nobody's. */
static enum err exact(struct books *b, const struct known_keys *keys, const char *text, member_id *out,
                      struct errmsg *why)
{
    struct card_uid uid;
    struct card_view card;
    struct member_view view;
    char phone[PHONE_TEXT_SIZE];
    enum err e = OK;
    *out = 0;
    if (strlen(text) == 14 && uid_parse(&uid, text) == OK) {
        e = books_card(b, &uid, &card, why);
        *out = e ? 0 : card.member;
    } else if (known_phone(phone, text, why) == OK) {
        e = known_find(b, keys, MEANS_PHONE, bytes_of(phone, strlen(phone)), out, why);
    } else if (member_parse(out, text) == OK ||
               (text[strspn(text, "0123456789")] == 0 && strlen(text) < 10 && sscanf(text, "%" SCNu64, out) == 1)) {
        e = *out ? books_member(b, *out, &view, why) : ERR_NOT_FOUND;
    } else {
        return OK;
    }
    if (e)
        *out = 0;
    return e == ERR_NOT_FOUND ? OK : e;
}

#define SUM_AND_DAY                                                                                \
    " f.held + f.transit + f.reserved + f.pending +"                                               \
    " (SELECT coalesce(sum(purse), 0) FROM card c WHERE c.member = f.member),"                     \
    " iif(f.last_day > 0, f.last_day, 2147483647)"

enum err profile_find(struct books *b, const struct known_keys *keys, const char *text, json_t *rows, bool *more,
                      struct errmsg *why)
{
    member_id member;
    text += strspn(text, " ");
    enum err e = exact(b, keys, text, &member, why);
    if (e)
        return e;
    if (!member && length_of(text) < 2)
        return err_set(why, ERR_FORMAT, tr("type at least two characters"));
    /* The words are looked for in all persons; what a row shows besides is asked for those that are shown. */
    struct query q = query_text_of(
        b->store,
        member ? "SELECT f.member, coalesce(p.name, ''), coalesce(p.contact, ''), f.tier," SUM_AND_DAY
                 " FROM member f LEFT JOIN person p USING (member) WHERE f.member = ?1 AND ?2 = ?2 LIMIT ?3"
               : "SELECT f.member, f.name, f.contact, f.tier," SUM_AND_DAY " FROM (SELECT m.*, p.name, p.contact"
                 " FROM person p JOIN member m USING (member) WHERE ?1 = 0 AND (instr(lower(p.name), lower(?2)) > 0 OR"
                 " instr(lower(p.contact), lower(?2)) > 0) ORDER BY m.last_day DESC, m.member LIMIT ?3) f"
                 " ORDER BY f.last_day DESC, f.member");
    query_int(&q, (int64_t)member);
    query_text(&q, text);
    query_int(&q, PROFILE_FOUND_MAX + 1);
    e = rows_of(&q, "member:member name:text contact:text tier:text points:points last_day:day", rows, why);
    *more = json_array_size(rows) > PROFILE_FOUND_MAX;
    if (*more)
        json_array_remove(rows, PROFILE_FOUND_MAX);
    return e;
}

/* ---- how long persons are kept ---- */

enum err profile_set_retention(struct books *b, int64_t months, struct errmsg *why)
{
    if (months < 0 || months > PROFILE_RETENTION_MAX)
        return err_set(why, ERR_RANGE, tr("months are 0 (for ever) to %d"), PROFILE_RETENTION_MAX);
    struct query q = query_text_of(
        b->store, "INSERT OR REPLACE INTO member_setting (name, value) VALUES ('retention_months', ?)");
    query_int(&q, months);
    return query_run(&q, why);
}

enum err profile_retention(struct books *b, int64_t *months, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "SELECT value FROM member_setting WHERE name = 'retention_months'");
    *months = query_row(&q) ? query_get_int(&q) : 0;
    return query_done(&q, why);
}

/* The day so many months before, the last of its month when that is shorter. */
static int32_t months_before(int32_t day, int64_t months)
{
    static const int32_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    struct date d = date_of_day(day);
    int32_t n = d.year * 12 + d.month - 1 - (int32_t)months;
    d.year = n / 12;
    d.month = n % 12 + 1;
    bool leap = d.year % 4 == 0 && (d.year % 100 != 0 || d.year % 400 == 0);
    int32_t last = days[d.month - 1] + (d.month == 2 && leap);
    if (d.day > last)
        d.day = last;
    return day_of_date(d);
}

enum err profile_due(struct books *b, int32_t today, int32_t limit, json_t *rows, struct errmsg *why)
{
    int64_t months;
    enum err e = profile_retention(b, &months, why);
    if (e || months == 0)
        return e;
    struct query q = query_text_of(
        b->store,
        "SELECT * FROM (SELECT p.member, max(m.last_day, e.time_s / 86400, p.consent_s / 86400,"
        "   coalesce((SELECT max(time_s) FROM consent c WHERE c.member = p.member), 0) / 86400,"
        "   coalesce((SELECT last_s FROM page_use u WHERE u.member = p.member), 0) / 86400) AS last_day,"
        "  m.held + m.transit + m.reserved + m.pending +"
        "  (SELECT coalesce(sum(purse), 0) FROM card c WHERE c.member = p.member)"
        "  FROM person p JOIN member m USING (member) JOIN entry e ON e.position = m.position)"
        " WHERE last_day < ?1 ORDER BY last_day, member LIMIT ?2");
    query_int(&q, months_before(today, months));
    query_int(&q, limit);
    return rows_of(&q, "member:member last_day:day points:points", rows, why);
}

/* The list that was seen may be older than a purchase: each is asked again. */
static bool still_due(const json_t *due, const char *text)
{
    size_t i;
    json_t *row;
    json_array_foreach((json_t *)due, i, row)
        if (strcmp(json_string_value(json_object_get(row, "member")), text) == 0)
            return true;
    return false;
}

enum err profile_erase_due(struct books *b, const json_t *members, uint32_t user, int64_t now_s,
                           bool (*more)(int thousandths, void *arg), void *arg, int64_t *count, struct errmsg *why)
{
    json_t *due = json_array(), *named;
    size_t i, all = json_array_size(members);
    member_id last = 0;
    *count = 0;
    enum err e = profile_due(b, day_of_time(now_s), INT32_MAX, due, why);
    json_array_foreach((json_t *)members, i, named) {
        member_id member;
        const char *text = json_string_value(named);
        if (e || (more && !more((int)(i * 1000 / all), arg)))
            break;
        if (!text || member_parse(&member, text) || !still_due(due, text))
            continue;
        e = erase_person(b, member, "retention", user, now_s, why);
        if (e == ERR_BUSY) { /* erased, and another program reads an older page: the next one's end empties it */
            last = member;
            e = OK;
        } else {
            last = 0;
        }
        *count += e == OK;
    }
    json_decref(due);
    return !e && last ? books_erase_person(b, last, why) : e;
}
