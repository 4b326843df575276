/* paper.c - what the till says to its receipts: which facts go onto one, when the drawer opens, and what people and
 * head office see of the printer.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/paper/receipts.h"

#include "base/date.h"
#include "base/tr.h"
#include "hw/clock.h"
#include "terminal/till.h"

#include <stddef.h>
#include <string.h>

/* ---- the loop ---- */

static struct till *till_of(struct till_extra *x)
{
    return (struct till *)(void *)((char *)x - offsetof(struct till, paper));
}

static int paper_fds(struct till_extra *x, struct pollfd *f, int cap)
{
    if (cap < 1)
        return 0;
    f[0] = (struct pollfd){receipts_fd(till_of(x)->receipts), POLLIN, 0};
    return 1;
}

static int64_t paper_due_ms(struct till_extra *x, int64_t now_ms)
{
    (void)now_ms;
    return receipts_due_ms(till_of(x)->receipts);
}

static void paper_turn(struct till *t, struct till_extra *x, const struct pollfd *f, int count,
                       int64_t now_ms)
{
    (void)x, (void)f, (void)count;
    receipts_turn(t->receipts, now_ms);
}

bool till_print(struct till *t, const char *const *lines, int count)
{
    return t->receipts && receipts_text(t->receipts, lines, count);
}

static const struct pack *pack_of(void *arg, uint32_t version)
{
    const struct till *t = arg; /* packs_find could take the place of rules that a sale is using */
    for (int32_t i = 0; i < t->packs.count; i++)
        if (t->packs.held[i].version == version)
            return &t->packs.held[i];
    return t->packs.in_effect; /* the same currency */
}

static void tell(void *arg, const char *sentence)
{
    till_tell(arg, "%s", sentence);
}

enum err paper_open(struct till *t, struct errmsg *why)
{
    if (!t->parts.printer)
        return OK;
    clock_boot(t->boot);
    struct receipts_parts parts = {.journal = t->journal,
                                   .terminal = t->parts.identity->terminal,
                                   .printer = t->parts.printer,
                                   .boot = t->boot,
                                   .columns = t->parts.columns == RECEIPT_WIDE ? RECEIPT_WIDE
                                                                               : RECEIPT_NARROW,
                                   .pack = pack_of,
                                   .tell = tell,
                                   .arg = t};
    enum err e = receipts_open(&t->receipts, &parts, why);
    if (e)
        return e;
    t->paper = (struct till_extra){.fds = paper_fds, .due_ms = paper_due_ms, .turn = paper_turn};
    till_add_extra(t, &t->paper);
    return OK;
}

void paper_close(struct till *t)
{
    receipts_close(t->receipts);
    t->receipts = NULL;
}

/* ---- the facts ---- */

/* What ends next when this sale is posted: what head office told of the member's points, less what was redeemed (the first
 * to end is the first to be taken), with what is earned now.  Nothing where that cannot be known here. */
static void put_expiry(struct receipt_facts *f, const struct wire_tapped *told, const struct txn *txn)
{
    const struct pack *pack = f->pack;
    struct points left, earned = points_of(0);
    int32_t next = told->next_expiry_day, today = day_of_time(txn->time_s);
    int32_t enrolled = told->enrolled_day ? told->enrolled_day : DAY_NEVER;
    bool wants_day = pack && (pack->expiry == EXPIRY_ANNIVERSARY || pack->expiry == EXPIRY_ACTIVITY);
    if (!pack || (wants_day && enrolled == DAY_NEVER)) /* an older head office: it tells neither that nor what moves */
        return;
    int32_t end = rules_expiry_day(pack, today, enrolled);
    if (points_cmp(txn->points, told->owed) > 0 && !points_sub(&earned, txn->points, told->owed))
        return;
    struct points before = told->next_expiry;
    if (pack->expiry == EXPIRY_ACTIVITY) { /* this purchase moves all that would end before */
        before = told->moving;
        next = end;
    }
    if (next == DAY_NEVER)
        before = points_of(0);
    if (!points_sub(&left, before, txn_redeemed(txn)))
        return;
    bool all_known = next == DAY_NEVER || pack->expiry == EXPIRY_ACTIVITY;
    if (points_n(left) <= 0 && !all_known) /* the next ones after it are not known here */
        return;
    if (points_n(left) < 0)
        left = points_of(0);
    if (points_n(earned) > 0 && end < next) { /* or where nothing else ends */
        left = earned;
        next = end;
    } else if (end == next && !points_add(&left, left, earned)) {
        return;
    }
    if (points_n(left) <= 0 || next == DAY_NEVER)
        return;
    f->expiring = left;
    f->expiring_day = next;
}

static void put_balance(struct receipt_facts *f, const struct till *t, const struct txn *txn)
{
    const struct wire_tapped *told = t->tap.known && t->tap.told.known ? &t->tap.told : NULL;
    struct points sum;
    if (told && (txn->member == 0 || told->member != txn->member))
        told = NULL;
    if (uid_is(&txn->card)) {
        if (txn->commit == COMMIT_DOUBT)
            return;
        f->purse = points_of(t->sale.purse);
        if (points_add(&sum, f->purse, t->facts.held) && points_add(&sum, sum, t->facts.pending) &&
            points_add(&sum, sum, txn->points))
            f->balance = sum;
    } else if (told && points_add(&sum, told->purse, t->facts.held) && points_add(&sum, sum, t->facts.pending) &&
               points_sub(&sum, sum, txn_redeemed(txn)) && points_add(&sum, sum, txn->points)) {
        f->balance = sum;
    }
    if (told)
        put_expiry(f, told, txn);
}

/* What was earned for what, and the stamps of this sale. */
static const char *why_of(char out[RECEIPT_WHY_SIZE], const struct till *t, const struct txn *txn)
{
    struct rules_stamp stamps[PACK_STAMPS_MAX];
    char text[RULES_STAMP_SIZE];
    int32_t count = till_stamps(t, stamps);
    size_t used = 0;
    out[0] = 0;
    if (points_n(txn->points) > 0)
        used = (size_t)snprintf(out, RECEIPT_WHY_SIZE, "%s", t->sale.earning.why);
    for (int32_t i = 0; i < count; i++) {
        if (stamps[i].now == 0 || used + strlen(rules_stamp_text(text, &stamps[i])) + 3 > RECEIPT_WHY_SIZE)
            continue; /* whole, or not at all */
        used += (size_t)snprintf(out + used, RECEIPT_WHY_SIZE - used, "%s%s", used ? "; " : "", text);
    }
    return out;
}

static struct receipt_facts facts_of(const struct till *t, const struct txn *txn, char why[RECEIPT_WHY_SIZE])
{
    struct receipt_facts f = {.txn = txn,
                              .pack = t->facts.pack,
                              .columns =
                                  t->parts.columns == RECEIPT_WIDE ? RECEIPT_WIDE : RECEIPT_NARROW,
                              .balance = points_of(-1),
                              .purse = points_of(-1),
                              .why = ""};
    if (txn->kind != TXN_SALE)
        return f;
    put_balance(&f, t, txn);
    f.why = why_of(why, t, txn);
    return f;
}

/* ---- what the till says ---- */

static bool has_receipt(const struct till *t, const struct txn *txn)
{
    return t->receipts && (txn->kind == TXN_SALE || txn->kind == TXN_REFUND);
}

void paper_before(struct till *t, const struct txn *txn)
{
    if (!has_receipt(t, txn))
        return;
    char why[RECEIPT_WHY_SIZE];
    struct receipt_facts f = facts_of(t, txn, why);
    receipts_before(t->receipts, &f, tr_language());
}

void paper_after(struct till *t, const struct txn *txn)
{
    if (has_receipt(t, txn))
        receipts_after(t->receipts);
}

void paper_train(struct till *t, const struct txn *txn)
{
    if (!has_receipt(t, txn))
        return;
    char why[RECEIPT_WHY_SIZE];
    struct receipt_facts f = facts_of(t, txn, why);
    receipts_train(t->receipts, &f);
}

void paper_paid(struct till *t, const struct sale_receipt *r)
{
    struct errmsg why = {""};
    if (!t->receipts || !t->parts.drawer || t->training || r->repeated ||
        (r->kind != TXN_SALE && r->kind != TXN_REFUND) || money_minor(r->due) == 0)
        return;
    if (receipts_drawer(t->receipts, &why))
        till_tell(t, tr("The drawer was not opened: %s."), tr(why.text));
}

enum err paper_reprint(struct till *t, struct entry_id id, struct errmsg *why)
{
    if (!t->receipts)
        return err_set(why, ERR_NO_DEVICE, "%s", tr("This till has no receipt printer."));
    return receipts_reprint(t->receipts, id, why);
}

enum err paper_drop(struct till *t, uint32_t *count, struct errmsg *why)
{
    *count = 0;
    if (!t->receipts)
        return err_set(why, ERR_NO_DEVICE, "%s", tr("This till has no receipt printer."));
    return receipts_drop(t->receipts, count, why);
}

enum err paper_drawer(struct till *t, struct errmsg *why)
{
    if (!t->receipts)
        return err_set(why, ERR_NO_DEVICE, "%s", tr("this till has no receipt printer"));
    return receipts_drawer(t->receipts, why);
}

void paper_view(const struct till *t, struct till_view *v)
{
    v->printer = PART_NONE;
    if (!t->receipts)
        return;
    const char *trouble = tr(receipts_trouble(t->receipts));
    v->printer = *trouble ? PART_AWAY : PART_THERE;
    v->receipts_waiting = receipts_waiting(t->receipts);
    memcpy(v->printer_trouble, trouble, strnlen(trouble, sizeof v->printer_trouble - 1));
}
