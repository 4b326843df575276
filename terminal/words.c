/* words.c - see words.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/words.h"

#include "terminal/limits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void split(struct words *w, char *line)
{
    memset(w, 0, sizeof *w);
    char *rest = line;
    for (char *p; (p = strsep(&rest, " \t")) != NULL;) {
        if (!*p)
            continue;
        if (strncmp(p, "ref=", 4) == 0)
            w->ref = p + 4;
        else if (strncmp(p, "wait=", 5) == 0)
            w->wait = p + 5;
        else if (strncmp(p, "pin=", 4) == 0)
            w->pin = p + 4;
        else if (w->count < WORDS_MAX)
            w->word[w->count++] = p;
    }
}

/* The words from the n-th on, as they were but for the blanks between; "" = none. */
static const char *text_from(struct words *w, int n)
{
    size_t used = 0;
    w->text[0] = 0;
    for (int i = n; i < w->count && used < sizeof w->text; i++) {
        int size = snprintf(w->text + used, sizeof w->text - used, "%s%s", i > n ? " " : "", w->word[i]);
        used += size > 0 ? (size_t)size : 0;
    }
    return w->text;
}

static const char *word(const struct words *w, int n)
{
    return n < w->count ? w->word[n] : "";
}

static bool number(int64_t *out, const char *text)
{
    char *end;
    errno = 0;
    long long n = text ? strtoll(text, &end, 10) : 0;
    if (!text || !*text || *end || errno)
        return false;
    *out = n;
    return true;
}

static bool small(int32_t *out, const char *text)
{
    int64_t n;
    if (!number(&n, text) || n < 0 || n > INT32_MAX)
        return false;
    *out = (int32_t)n;
    return true;
}

static bool money(struct money *out, const char *text)
{
    int64_t n;
    if (strncmp(text, "money:", 6) == 0)
        text += 6;
    if (!number(&n, text) || n <= 0)
        return false;
    *out = money_of(n);
    return true;
}

static bool is_money(const char *text)
{
    return strncmp(text, "money:", 6) == 0;
}

static bool fits(char *out, size_t size, const char *text)
{
    if (!*text || strlen(text) >= size)
        return false;
    memset(out, 0, size);
    memcpy(out, text, strlen(text));
    return true;
}

/* ---- one function a command; false: it is written otherwise ---- */

static bool read_nothing(struct words *w, struct command *c)
{
    (void)c;
    return w->count == 1;
}

static bool read_wait(struct words *w, struct command *c)
{
    return w->count == 1 || (w->count == 2 && number(&c->wait_ms, word(w, 1)));
}

static bool read_line(struct words *w, struct command *c)
{
    struct txn_line *l = &w->line;
    int64_t amount;
    if (w->count < 4 || w->count > 5 || !fits(l->sku, sizeof l->sku, word(w, 1)) ||
        !small(&l->quantity, word(w, 2)) || !number(&amount, word(w, 3)) ||
        (w->count == 5 && !fits(l->category, sizeof l->category, word(w, 4))))
        return false;
    l->amount = money_of(amount);
    c->line = l;
    return true;
}

static bool read_number(struct words *w, struct command *c)
{
    return w->count == 2 && small(&c->number, word(w, 1));
}

static bool read_total(struct words *w, struct command *c)
{
    return w->count == 1 || (w->count == 2 && money(&c->money, word(w, 1)));
}

static bool read_identify(struct words *w, struct command *c)
{
    const char *by = word(w, 1);
    c->means = strcmp(by, "phone") == 0    ? MEANS_PHONE
               : strcmp(by, "code") == 0   ? MEANS_CODE
               : strcmp(by, "member") == 0 ? MEANS_REGISTER
                                           : MEANS_NONE;
    c->value = text_from(w, 2);
    return c->means != MEANS_NONE && *c->value;
}

static bool read_coupon(struct words *w, struct command *c)
{
    c->value = word(w, 1);
    return w->count == 2;
}

/* CODE:AMOUNT_MINOR for each way of paying. */
static bool read_pay(struct words *w, struct command *c)
{
    if (w->count > 1 + TXN_TENDERS_MAX)
        return false;
    for (int i = 1; i < w->count; i++) {
        struct txn_tender *t = &w->tenders[i - 1];
        char *code = w->word[i], *colon = strrchr(code, ':');
        int64_t amount;
        if (!colon || !number(&amount, colon + 1) || amount <= 0)
            return false;
        *colon = 0;
        if (!fits(t->code, sizeof t->code, code))
            return false;
        t->amount = money_of(amount);
    }
    c->tenders = w->tenders;
    c->tender_count = w->count - 1;
    return true;
}

static bool read_redeem(struct words *w, struct command *c)
{
    int64_t n = 0;
    const char *what = word(w, 1);
    c->pin = w->pin;
    if (w->wait && !number(&c->wait_ms, w->wait))
        return false;
    if (strncmp(what, "reward:", 7) == 0) { /* and for a sliding one perhaps which step */
        c->reward = what + 7;
        c->alone = strcmp(word(w, w->count - 1), "alone") == 0;
        if (w->count - c->alone == 3) {
            if (!number(&n, word(w, 2)) || n <= 0)
                return false;
            c->points = points_of(n);
        }
        return *c->reward && strlen(c->reward) < TXN_NAME_SIZE && w->count - c->alone <= 3;
    }
    c->alone = strcmp(word(w, 2), "alone") == 0;
    if (w->count != (c->alone ? 3 : 2))
        return false;
    if (is_money(what))
        return money(&c->money, what);
    c->all = strcmp(what, "max") == 0;
    if (!c->all && !number(&n, what))
        return false;
    c->points = points_of(n);
    return true;
}

/* SKU:QTY:AMOUNT,... */
static bool read_returns(struct txn_line *out, int32_t *count, char *text)
{
    *count = 0;
    for (char *item; (item = strsep(&text, ",")) != NULL;) {
        char *sku = strsep(&item, ":"), *quantity = strsep(&item, ":"), *amount = item;
        int64_t a;
        if (*count == TILL_RETURNS_MAX)
            return false;
        struct txn_line *l = &out[*count];
        memset(l, 0, sizeof *l);
        if (!fits(l->sku, sizeof l->sku, sku) || !small(&l->quantity, quantity) || !number(&a, amount))
            return false;
        l->amount = money_of(a);
        ++*count;
    }
    return true;
}

static bool read_refund(struct words *w, struct command *c)
{
    if (w->count != 3 || entry_parse(&c->receipt, word(w, 1)))
        return false;
    c->all = strcmp(word(w, 2), "all") == 0;
    if (is_money(word(w, 2)))
        return money(&c->money, word(w, 2));
    return c->all || read_returns(c->back, &c->back_count, w->word[2]);
}

static bool read_receipt(struct words *w, struct command *c)
{
    return w->count == 2 && entry_parse(&c->receipt, word(w, 1)) == OK;
}

static bool read_grant(struct words *w, struct command *c)
{
    int64_t n;
    c->text = text_from(w, 2);
    if (!number(&n, word(w, 1)))
        return false;
    c->points = points_of(n);
    return *c->text != 0;
}

static bool read_ungrant(struct words *w, struct command *c)
{
    c->text = text_from(w, 2);
    return w->count >= 2 && entry_parse(&c->receipt, word(w, 1)) == OK;
}

static bool read_person(struct words *w, struct command *c)
{
    c->all = strcmp(word(w, 1), "consent") == 0;
    c->value = strcmp(word(w, 2), "-") == 0 ? "" : word(w, 2);
    c->text = text_from(w, 3);
    return c->all && w->count >= 3;
}

static bool read_rate(struct words *w, struct command *c)
{
    return (w->count == 2 || (w->count == 3 && entry_parse(&c->receipt, word(w, 2)) == OK)) &&
           small(&c->number, word(w, 1));
}

static bool read_staff(struct words *w, struct command *c)
{
    int32_t n = 0;
    if (w->count != 1 && w->count != 3)
        return false;
    if (w->count == 3 && (!small(&n, word(w, 1)) || n == 0))
        return false;
    c->staff = (uint32_t)n;
    c->pin = word(w, 2);
    return true;
}

static bool read_train(struct words *w, struct command *c)
{
    c->all = strcmp(word(w, 1), "on") == 0;
    return w->count == 2 && (c->all || strcmp(word(w, 1), "off") == 0);
}

static bool read_bill(struct words *w, struct command *c)
{
    c->ref = word(w, 1);
    return w->count == 2;
}

static const struct {
    const char *word;
    enum verb verb;
    bool (*read)(struct words *w, struct command *c);
    const char *usage;
} table[] = {
    {"tap", VERB_TAP, read_wait, "tap [TIMEOUT_MS]"},
    {"identify", VERB_IDENTIFY, read_identify, "identify phone|code|member VALUE"},
    {"line", VERB_LINE, read_line, "line SKU QTY AMOUNT_MINOR [CATEGORY], SKU of at most 19 characters."},
    {"bill-line", VERB_LINE, read_line, "bill-line SKU QTY AMOUNT_MINOR [CATEGORY], SKU of at most 19 characters."},
    {"void", VERB_LINE, read_number, "void NUMBER_OF_THE_LINE"},
    {"coupon", VERB_COUPON, read_coupon, "coupon CODE"},
    {"total", VERB_TOTAL, read_total, "total [AMOUNT_MINOR]"},
    {"redeem", VERB_REDEEM, read_redeem, 
     "redeem N|max|money:AMOUNT_MINOR|reward:CODE [POINTS] [alone] [pin=PIN] [ref=R] [wait=MS]"},
    {"pay", VERB_PAY, read_pay, "pay [TENDER:AMOUNT_MINOR ...] [ref=R]"},
    {"giveup", VERB_GIVE_UP, read_nothing, "giveup"},
    {"cancel", VERB_CANCEL, read_nothing, "cancel"},
    {"receipt", VERB_RECEIPT, read_receipt, "receipt RECEIPT, such as T0007-123."},
    {"refund", VERB_REFUND, read_refund,
     "refund RECEIPT all|money:AMOUNT_MINOR|SKU:QTY:AMOUNT,... [ref=R], RECEIPT such as T0007-123."},
    {"grant", VERB_GRANT, read_grant, "grant POINTS REASON"},
    {"ungrant", VERB_GRANT, read_ungrant, "ungrant RECEIPT [REASON]"},
    {"join", VERB_JOIN, read_nothing, "join"},
    {"person", VERB_PERSON, read_person, "person consent PHONE|- [NAME]"},
    {"replace", VERB_REPLACE, read_wait, "replace [TIMEOUT_MS]"},
    {"rate", VERB_RATE, read_rate, "rate 1|2|3 [RECEIPT]"},
    {"login", VERB_LOGIN, read_staff, "login [NUMBER PIN]"},
    {"logout", VERB_LOGOUT, read_nothing, "logout"},
    {"approve", VERB_APPROVE, read_staff, "approve [NUMBER PIN]"},
    {"park", VERB_PARK, read_nothing, "park"},
    {"resume", VERB_RESUME, read_number, "resume NUMBER"},
    {"train", VERB_TRAIN, read_train, "train on|off"},
    {"shift", VERB_SHIFT, read_nothing, "shift"},
    {"bill", VERB_BILL, read_bill, "bill REF"},
    {"reprint", VERB_REPRINT, read_receipt, "reprint RECEIPT, such as T0007-123."},
    {"unprint", VERB_UNPRINT, read_nothing, "unprint"},
    {"drawer", VERB_DRAWER, read_nothing, "drawer"},
    {"sync", VERB_SYNC, read_wait, "sync [TIMEOUT_MS]"},
    {"status", VERB_STATUS, read_nothing, "status"},
    {"online", VERB_ONLINE, read_nothing, "online"},
    {"show", VERB_SHOW, read_nothing, "show"},
    {"help", VERB_HELP, read_nothing, "help"},
    {"quit", VERB_QUIT, read_nothing, "quit"},
};

enum err words_read(struct words *w, struct command *out, char *line, struct txn_line *back,
                    struct errmsg *why)
{
    split(w, line);
    if (w->count == 0)
        return ERR_NOT_FOUND;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(table[i].word, w->word[0]) != 0)
            continue;
        *out = (struct command){.verb = table[i].verb, .ref = w->ref, .back = back};
        return table[i].read(w, out) ? OK : err_set(why, ERR_FORMAT, "%s", table[i].usage);
    }
    return err_set(why, ERR_FORMAT, "There is no command %.40s; help lists them.", w->word[0]);
}
