/* tills.c - the tills as head office runs them.  See tills.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/tills.h"

#include "base/mbed.h"
#include "base/tr.h"
#include "office/books/books_int.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- let in, shut out, orders ---- */

static enum err begin(struct books *b, bool *own, struct errmsg *why)
{
    *own = !store_office_is_open(b->store);
    return *own ? books_begin(b, why) : OK;
}

static enum err end(struct books *b, bool own, enum err e, struct errmsg *why)
{
    if (!own)
        return e;
    if (!e)
        e = books_commit(b, why);
    if (e)
        books_rollback(b);
    return e;
}

/* A fresh one-time code for t; its hash goes into t. */
static enum err make_code(const struct home *home, struct terminal_view *t, char text[CODE_TEXT_SIZE],
                          struct errmsg *why)
{
    struct code code = {.terminal = t->terminal};
    if (mbed_random(NULL, code.secret, sizeof code.secret))
        return err_set(why, ERR_CRYPTO, "no random numbers");
    code_print(code.print, bytes_of(home->ca.raw.p, home->ca.raw.len));
    code_hash(t->code_hash, &code);
    code_text(text, &code);
    bytes_wipe(&code, sizeof code);
    return OK;
}

static bool take_last(const struct fleet_line *t, void *arg)
{
    uint32_t *last = arg;
    if (t->terminal.terminal > *last)
        *last = t->terminal.terminal;
    return true;
}

enum err till_add(struct books *b, const struct home *home, const char *shop, struct terminal_view *t,
                  char code[CODE_TEXT_SIZE], struct errmsg *why)
{
    bool own;
    enum err e = begin(b, &own, why);
    if (e)
        return e;
    memset(t, 0, sizeof *t);
    snprintf(t->shop, sizeof t->shop, "%s", shop);
    e = books_terminals(b, take_last, &t->terminal, why);
    if (!e && ++t->terminal > 9999)
        e = err_set(why, ERR_FULL, "all 9999 terminal numbers are used");
    if (!e)
        e = make_code(home, t, code, why);
    if (!e)
        e = books_save_terminal(b, t, why);
    return end(b, own, e, why);
}

enum err till_recode(struct books *b, const struct home *home, uint32_t terminal, struct terminal_view *t,
                     char code[CODE_TEXT_SIZE], struct errmsg *why)
{
    bool own;
    enum err e = begin(b, &own, why);
    if (e)
        return e;
    e = books_terminal(b, terminal, t, why);
    if (!e && t->revoked)
        e = err_set(why, ERR_STATE, tr("terminal %u is revoked for good; add a new one instead"), (unsigned)terminal);
    if (!e)
        e = make_code(home, t, code, why);
    if (!e)
        e = books_save_terminal(b, t, why);
    return end(b, own, e, why);
}

enum err till_revoke(struct books *b, uint32_t terminal, struct terminal_view *t, struct errmsg *why)
{
    bool own;
    enum err e = begin(b, &own, why);
    if (e)
        return e;
    e = books_terminal(b, terminal, t, why);
    if (!e && t->revoked)
        e = err_set(why, ERR_STATE, tr("terminal %u is revoked already"), (unsigned)terminal);
    t->revoked = true;
    memset(t->code_hash, 0, sizeof t->code_hash);
    if (!e)
        e = books_save_terminal(b, t, why);
    return end(b, own, e, why);
}

enum err till_order(struct books *b, uint32_t terminal, uint32_t set, uint32_t clear, struct terminal_view *t,
                    uint32_t *orders, struct errmsg *why)
{
    bool own;
    enum err e = begin(b, &own, why);
    if (e)
        return e;
    e = books_terminal(b, terminal, t, why);
    if (!e && t->revoked)
        e = err_set(why, ERR_STATE, tr("terminal %u is revoked: head office answers it no more"), (unsigned)terminal);
    if (!e)
        e = books_orders(b, terminal, orders, why);
    if (!e) {
        *orders = (*orders | set) & ~clear;
        e = books_set_orders(b, terminal, *orders, why);
    }
    return end(b, own, e, why);
}

/* ---- how it is ---- */

static bool is_set(const uint8_t hash[32])
{
    static const uint8_t zeros[32];
    return memcmp(hash, zeros, sizeof zeros) != 0;
}

const char *till_state(const struct terminal_view *t)
{
    return t->revoked             ? "revoked"
           : is_set(t->cert_hash) ? "enrolled"
           : is_set(t->code_hash) ? "code given"
                                  : "no code";
}

struct alarms {
    struct till_alarm *out;
    int count;
};

__attribute__((format(printf, 4, 5))) static void alarm_add(struct alarms *a, const char *code, bool bad,
                                                            const char *format, ...)
{
    va_list values;
    struct till_alarm *x = &a->out[a->count++];
    x->code = code;
    x->bad = bad;
    va_start(values, format);
    vsnprintf(x->text, sizeof x->text, format, values);
    va_end(values);
}

int till_alarms(const struct fleet_line *t, const struct till_wanted *wanted, struct till_alarm out[TILL_ALARMS_MAX])
{
    struct alarms a = {out, 0};
    const struct wire_health *h = &t->health;
    int64_t silent_s = wanted->now_s - t->contact_s, skew_s = t->skew_s < 0 ? -t->skew_s : t->skew_s;
    if (t->terminal.revoked || t->contact_s == 0)
        return 0;
    if (silent_s >= TILL_GONE_S)
        alarm_add(&a, "silent", true, tr("Not heard of for %d days: is it on, is its line up?"), (int)(silent_s / 86400));
    if (h->journal == 1)
        alarm_add(&a, "journal", true, "%s", tr("Its journal is damaged: call somebody who can look at its disk."));
    if (h->journal == 2)
        alarm_add(&a, "disk", true, "%s", tr("Its disk is full: it cannot sell with points until there is room."));
    if (h->reader == 2)
        alarm_add(&a, "reader", true, "%s", tr("Its card reader is away: is it plugged in?"));
    if (skew_s > wanted->skew_s)
        alarm_add(&a, "clock", true, tr("Its clock is %d minutes off: its entries go to review."), (int)(skew_s / 60));
    if (silent_s >= TILL_SILENT_S && silent_s < TILL_GONE_S)
        alarm_add(&a, "silent", false, tr("Not heard of for %d hours."), (int)(silent_s / 3600));
    if (t->waiting >= TILL_WAITING_MANY)
        alarm_add(&a, "waiting", false, tr("%u entries had not been sent then."), (unsigned)t->waiting);
    if (h->printer == 2)
        alarm_add(&a, "printer", false, "%s", tr("Its printer is away or out of paper."));
    if (h->receipts_waiting)
        alarm_add(&a, "receipts", false, tr("%u receipts wait to be printed."), (unsigned)h->receipts_waiting);
    if (h->journal != 2 && h->disk_free_mb && h->disk_free_mb < TILL_DISK_LOW_MB)
        alarm_add(&a, "disk", false, tr("Its disk is nearly full: %u MB are left."), (unsigned)h->disk_free_mb);
    if (t->pack_version < wanted->pack_version)
        alarm_add(&a, "rules", false, tr("It has rules %u, the newest are %u."), (unsigned)t->pack_version,
                  (unsigned)wanted->pack_version);
    if (t->hot_version < wanted->hot_version)
        alarm_add(&a, "cards", false, "%s", tr("It does not know of the newest lost cards yet."));
    if (h->locked == HEALTH_LOCKED)
        alarm_add(&a, "locked", false, "%s", tr("It is locked by order."));
    if (h->locked == HEALTH_WIPED)
        alarm_add(&a, "locked", false, "%s",
                  tr("It has forgotten its keys by order. With a new code it can be enrolled again."));
    return a.count;
}
