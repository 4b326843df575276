/* erase.c - see erase.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/members/erase.h"
#include "base/tr.h"
#include "office/books/books_int.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- the words of a person in a text ---- */

static bool is_word(char c)
{
    return isalnum((unsigned char)c) != 0;
}

/* Of UTF-8. */
static size_t characters(const char *text, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < size; i++)
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    return n;
}

static void cut(char *at, size_t size)
{
    memcpy(at, "**", 2);
    memmove(at + 2, at + size, strlen(at + size) + 1);
}

static char *find_word(char *text, const char *word, size_t size)
{
    for (char *p = text; strlen(p) >= size; p++)
        if (strncasecmp(p, word, size) == 0 && !(p > text && is_word(p[-1]) && is_word(*p)) &&
            !(is_word(p[size - 1]) && is_word(p[size])))
            return p;
    return NULL;
}

static bool take_word(char *text, const char *word, size_t size)
{
    bool any = false;
    if (characters(word, size) < 2)
        return false;
    for (char *p = text; (p = find_word(p, word, size));) {
        cut(p, size);
        p += 2;
        any = true;
    }
    return any;
}

/* Digits with the blanks and signs people put between them; *size: of the text, *count: of the digits. */
static void read_number(const char *p, char digits[24], size_t *size, size_t *count)
{
    *count = *size = 0;
    for (size_t i = 0; p[i] && *count < 20; i++) {
        if (isdigit((unsigned char)p[i])) {
            digits[(*count)++] = p[i];
            *size = i + 1;
        } else if (!strchr(" -./()", p[i])) {
            break;
        }
    }
    digits[*count] = 0;
}

/* The same number from behind, without the zero or country before it: at least seven digits of it. */
static bool same_number(const char *digits, size_t count, const char *phone)
{
    size_t n = strlen(phone);
    for (; count && *digits == '0'; digits++)
        count--;
    return count >= 7 && count <= n && memcmp(phone + n - count, digits, count) == 0;
}

static bool take_number(char *text, const char *phone)
{
    bool any = false;
    if (*phone == '+')
        phone++;
    if (strlen(phone) < 7)
        return false;
    for (char *p = text; *p; p++) {
        char digits[24];
        size_t size, count;
        if (!isdigit((unsigned char)*p) || (p > text && isdigit((unsigned char)p[-1])))
            continue;
        read_number(p, digits, &size, &count);
        if (same_number(digits, count, phone)) {
            if (p > text && p[-1] == '+')
                p--, size++;
            cut(p, size);
            p++;
            any = true;
        }
    }
    return any;
}

/* Each part of words between the separators; only those with '@' when mail. */
static bool take_parts(char *text, const char *words, const char *separators, bool mail)
{
    bool any = false;
    for (const char *p = words; *(p += strspn(p, separators));) {
        size_t size = strcspn(p, separators);
        if (!mail || memchr(p, '@', size))
            any |= take_word(text, p, size);
        p += size;
    }
    return any;
}

bool erase_words(char *text, const struct person *p)
{
    char number[MEMBER_TEXT_SIZE];
    bool any = false;
    member_text(number, p->member);
    if (*p->name)
        any |= take_word(text, p->name, strlen(p->name));
    if (*p->contact)
        any |= take_word(text, p->contact, strlen(p->contact));
    any |= take_parts(text, p->contact, " ,;\n", true);
    any |= take_number(text, p->phone);
    if (find_word(text, number, strlen(number)))
        any |= take_parts(text, p->name, " ", false);
    return any;
}

/* ---- the tables ---- */

/* What becomes of the rows of the member, and of the texts of all. */
static const struct rule {
    const char *table, *column; /* column NULL: the whole row of the member goes */
    const char *says;
    const char *sql; /* run with the member (?1); NULL = nothing is done, or the words are taken out */
} rules[] = {
    /* Answers to changes, kept for two days; those of others cannot be read without what they asked with. */
    {"memo", NULL, "goes", "DELETE FROM memo WHERE actor = 'M' || ?1"},
    {"person", NULL, "goes", "DELETE FROM person WHERE member = ?"},
    {"pin", NULL, "goes", "DELETE FROM pin WHERE member = ?"},
    {"known", NULL, "goes", "DELETE FROM known WHERE member = ? AND means = 6"}, /* a tag's name is no person's */
    {"consent", NULL, "goes", "DELETE FROM consent WHERE member = ?"},
    {"tag", NULL, "goes", "DELETE FROM tag WHERE member = ?"},
    {"member_type", NULL, "goes", "DELETE FROM member_type WHERE member = ?"},
    {"note", NULL, "goes", "DELETE FROM note WHERE member = ?"},
    {"note", "text", "is scrubbed", NULL},
    {"person", "note", "is scrubbed", NULL},
    {"page_use", NULL, "goes", "DELETE FROM page_use WHERE member = ?"},
    {"claim_try", NULL, "goes", "DELETE FROM claim_try WHERE member = ?"},
    {"login_code", NULL, "goes", "DELETE FROM login_code WHERE member = ?"},
    {"login_ask", "name", "stays", NULL}, /* a digest, for a day */
    /* Of cards, numbers and what was taken. */
    {"erased", NULL, "stays", NULL},
    {"member_setting", NULL, "stays", NULL},
    {"batch", NULL, "stays", NULL},
    {"batch_card", NULL, "stays", NULL},
    {"card_end", NULL, "stays", NULL},
    {"reward_stock", NULL, "stays", NULL},
    {"redemption", NULL, "stays", NULL},
    {"pool", "name", "is scrubbed", NULL}, /* a household may be called by it */
    {"pool", NULL, "stays", NULL},
    {"role_limit", NULL, "stays", NULL},
    {"opening_file", NULL, "stays", NULL},
    {"daily", NULL, "stays", NULL},
    {"login_try", NULL, "stays", NULL}, /* names of users and addresses, for a while */
    {"voucher", NULL, "stays", NULL},
    /* What is never changed, as the reason of an entry: who types there is told to write no names. */
    {"draft", NULL, "stays", NULL},
    {"proposal", NULL, "stays", NULL},
    {"job", NULL, "stays", NULL},
    {"user", NULL, "stays", NULL},
    {"audit", NULL, "stays", NULL}, /* no personal data in it: office/console/api.h */
    {"login_try", NULL, "stays", NULL}, /* what was typed as a user's name, for an hour */
    {"period", NULL, "stays", NULL},
    {"period_day", NULL, "stays", NULL},
    {"gl_account", NULL, "stays", NULL},
    {"review_done", NULL, "stays", NULL},
    {"session", NULL, "goes", "DELETE FROM session WHERE member = ? AND user = 0"},
    {"message", "vals", "goes", "UPDATE message SET vals = '{}' WHERE member = ?"}, /* that one was sent stays: its key */
    {"message", NULL, "stays", NULL}, /* key, template, the carrier's words: without a name */
    {"complaint", "text", "is scrubbed", NULL},
    {"complaint", "text", "goes", "UPDATE complaint SET text = '' WHERE member = ?"},
    {"complaint", NULL, "stays", NULL}, /* kind, shop, state: the shop's */
    {"complaint_step", "text", "is scrubbed", NULL},
    {"complaint_step", "text", "goes",
     "UPDATE complaint_step SET text = '' WHERE complaint IN (SELECT id FROM complaint WHERE member = ?)"},
    {"complaint_step", NULL, "stays", NULL},
    {"complaint_kind", NULL, "stays", NULL},
    {"care_setting", NULL, "stays", NULL},
    {"feedback", "text", "is scrubbed", NULL},
    {"feedback", "text", "goes", "UPDATE feedback SET text = '' WHERE member = ?"},
    {"feedback", NULL, "stays", NULL},
    {"improvement", NULL, "stays", NULL},
    {"improvement_step", "text", "is scrubbed", NULL},
    {"improvement_step", NULL, "stays", NULL},
    {"segment", NULL, "stays", NULL},
    {"member_mark", NULL, "goes", "DELETE FROM member_mark WHERE member = ?"},
    {"campaign", NULL, "stays", NULL},
    {"campaign_member", NULL, "stays", NULL}, /* a number, for the result */
    {"coupon", NULL, "stays", NULL},
    {"coupon_review", NULL, "stays", NULL},
    {"game_result", NULL, "stays", NULL},
    {"referral_code", NULL, "goes", "DELETE FROM referral_code WHERE member = ?"},
    {"referral", NULL, "stays", NULL},
    {"winback", NULL, "goes", "DELETE FROM winback WHERE member = ?"},
};

const char *erase_says(const char *table, const char *column)
{
    const char *found = NULL;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (strcmp(rules[i].table, table) == 0 && (!rules[i].column || strcmp(rules[i].column, column) == 0))
            found = !found || rules[i].column ? rules[i].says : found;
    return found;
}

enum { TEXT_MAX = 16384, BATCH_MAX = 32 };

/* Texts that named the person, without the words. */
struct changed {
    int32_t count;
    int64_t row[BATCH_MAX];
    char *text[BATCH_MAX];
};

/* The next ones after *last, in the order of their rows; *more: there may be others. */
static enum err find_named(struct books *b, const struct rule *r, const struct person *p, int64_t *last, bool *more,
                           struct changed *out, struct errmsg *why)
{
    char sql[256], text[TEXT_MAX];
    out->count = 0;
    snprintf(sql, sizeof sql, "SELECT rowid, %s FROM %s WHERE rowid > ? AND %s <> '' ORDER BY rowid", r->column, r->table,
             r->column);
    struct query q = query_text_of(b->store, sql);
    query_int(&q, *last);
    while ((*more = query_row(&q)) && out->count < BATCH_MAX) {
        *last = query_get_int(&q);
        query_get_text(&q, text, sizeof text);
        if (!erase_words(text, p))
            continue;
        if (!(out->text[out->count] = strdup(text)))
            break;
        out->row[out->count++] = *last;
    }
    bool starved = *more && out->count < BATCH_MAX;
    enum err e = query_done(&q, why);
    return !e && starved ? err_set(why, ERR_IO, "out of memory") : e;
}

/* The words of p out of one column, wherever they stand: one pass over it. */
static enum err scrub(struct books *b, const struct rule *r, const struct person *p, struct errmsg *why)
{
    char sql[256];
    int64_t last = 0;
    bool more = true;
    enum err e = OK;
    snprintf(sql, sizeof sql, "UPDATE %s SET %s = ? WHERE rowid = ?", r->table, r->column);
    while (more && !e) {
        struct changed found;
        e = find_named(b, r, p, &last, &more, &found, why);
        for (int32_t i = 0; i < found.count; i++) {
            struct query q = query_text_of(b->store, sql);
            query_text(&q, found.text[i]);
            query_int(&q, found.row[i]);
            enum err done = query_run(&q, why);
            e = e ? e : done;
            free(found.text[i]);
        }
    }
    return e;
}

static enum err erase_rows(struct books *b, const struct person *p, struct errmsg *why)
{
    enum err e = OK;
    for (size_t i = 0; i < sizeof rules / sizeof *rules && !e; i++) {
        if (rules[i].sql) {
            struct query q = query_text_of(b->store, rules[i].sql);
            query_int(&q, (int64_t)p->member);
            e = query_run(&q, why);
        } else if (strcmp(rules[i].says, "is scrubbed") == 0) {
            e = scrub(b, &rules[i], p, why);
        }
    }
    return e;
}

enum err books_erase_person(struct books *b, member_id member, struct errmsg *why)
{
    struct person p;
    enum err e = books_begin(b, why);
    if (e)
        return e;
    e = books_person(b, member, &p, why);
    if (e == ERR_NOT_FOUND) {
        p = (struct person){.member = member};
        e = OK;
    }
    if (!e)
        e = erase_rows(b, &p, why);
    if (!e)
        e = books_commit(b, why);
    if (e) {
        books_rollback(b);
        return e;
    }
    /* The words are overwritten with zeros; older pages with them stand in the WAL until it is emptied. */
    bool emptied = false;
    struct query q = query_text_of(b->store, "PRAGMA wal_checkpoint(TRUNCATE)");
    if (query_row(&q))
        emptied = query_get_int(&q) == 0;
    e = query_done(&q, why);
    if (!e && !emptied)
        e = err_set(why, ERR_BUSY, tr("the name is erased, but a program that reads the books keeps it on the "
                                   "disk: erase it again when that is done"));
    return e;
}

enum err erase_person(struct books *b, member_id member, const char *cause, uint32_t user, int64_t now_s,
                      struct errmsg *why)
{
    struct member_view view;
    enum err e = books_member(b, member, &view, why);
    if (e)
        return e;
    struct query q = query_text_of(b->store, "INSERT INTO erased (member, time_s, user, cause) VALUES (?, ?, ?, ?)");
    query_int(&q, (int64_t)member);
    query_int(&q, now_s);
    query_int(&q, user);
    query_text(&q, cause);
    e = query_run(&q, why);
    return e ? e : books_erase_person(b, member, why);
}
