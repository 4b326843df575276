/* receipts.c - see receipts.h.
 *
 * Read receipts_turn first.  An original is BEGUN in the journal before its document leaves this process, and what
 * became of it is written when the printer's process has said so; whoever is killed in between leaves BEGUN
 * behind, which the next start makes a copy.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/paper/receipts.h"

#include "base/crash.h"
#include "base/tr.h"
#include "hw/clock.h"
#include "hw/escpos.h"
#include "hw/printing.h"
#include "sync/wire.h"

#include <assert.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CLOSE_MS = 2000,
    RETRY =
        5, /* of the patience with a printer, 2 s: pause after the second failure in a row, ... */
    RETRY_MOST = 6, /* ... doubling up to so many times that patience, 60 s */
    QR_MODULE = 6   /* dots: 0.75 mm at 203 dpi */
};

struct receipts {
    struct receipts_parts parts;
    struct printing *printing;
    bool started; /* what was begun before is a copy now, in the journal */
    bool more;    /* the journal may have one to print */
    bool apart;   /* what is being printed is none of the journal's */
    uint32_t waiting;
    int failures; /* in a row */
    int64_t retry_at_ms;
    struct journal_receipt current;              /* being printed; seq 0 = none */
    enum receipt_state owed; /* what became of it, and the journal has not taken yet; 0 = nothing */
    char told[sizeof((struct errmsg *)0)->text]; /* of the printer's trouble */

    /* scratch */
    struct txn txn;
    struct receipt receipt;
    uint8_t entry[JOURNAL_ENTRY_MAX], document[PRINTING_DOCUMENT_MAX];
};

static void tell(struct receipts *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void tell(struct receipts *r, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    r->parts.tell(r->parts.arg, text);
}

static const char *number_of(struct receipts *r, char text[ENTRY_TEXT_SIZE])
{
    entry_text(text, (struct entry_id){r->parts.terminal, r->current.seq});
    return text;
}

/* ---- a document ---- */

static enum err document_of(struct receipts *r, const struct receipt_facts *f, struct buf *out,
                            struct errmsg *why)
{
    receipt_of(&r->receipt, f);
    escpos_begin(out);
    for (int i = 0; i < r->receipt.count; i++) {
        uint32_t style = r->receipt.lines[i].style;
        const char *text = r->receipt.lines[i].text;
        if (style & RECEIPT_QR) {
            enum err e = escpos_qr(out, text, QR_MODULE, why);
            if (e)
                return e;
            continue;
        }
        escpos_line(out, text,
                    (style & RECEIPT_BOLD ? ESCPOS_BOLD : 0u) |
                        (style & RECEIPT_BIG ? ESCPOS_BIG : 0u) |
                        (style & RECEIPT_CENTRED ? ESCPOS_CENTRED : 0u));
    }
    escpos_cut(out);
    return out->full ? err_set(why, ERR_FULL, "the receipt is too long") : OK;
}

static enum err read_entry(struct receipts *r, uint32_t seq, struct errmsg *why)
{
    struct buf entry = BUF_ON(r->entry);
    enum err e = journal_get(r->parts.journal, seq, &entry, why);
    return e ? e : wire_decode_txn(&r->txn, buf_bytes(&entry), why);
}

/* The current one, in the language of its sale. */
static enum err compose(struct receipts *r, struct buf *out, struct errmsg *why)
{
    const struct journal_receipt *c = &r->current;
    char language[RECEIPT_LANGUAGE_SIZE];
    enum err e = read_entry(r, c->seq, why);
    if (e)
        return e;
    struct receipt_facts f = {.txn = &r->txn,
                              .pack = r->parts.pack(r->parts.arg, r->txn.pack_version),
                              .columns = r->parts.columns,
                              .balance = c->balance,
                              .purse = c->purse,
                              .expiring = c->expiring,
                              .expiring_day = c->expiring_day,
                              .why = c->why,
                              .copy = c->state == RECEIPT_COPY};
    snprintf(language, sizeof language, "%s", tr_language());
    (void)tr_use(c->language);
    e = document_of(r, &f, out, why);
    (void)tr_use(language);
    return e;
}

/* ---- the queue ---- */

static void count(struct receipts *r)
{
    r->waiting = journal_receipts_waiting(r->parts.journal);
}

static void failed(struct receipts *r, int64_t now_ms)
{
    int64_t pause = r->parts.stuck_ms / RETRY, most = (int64_t)r->parts.stuck_ms * RETRY_MOST;
    for (int i = 1; i < r->failures && pause < most; i++)
        pause *= 2;
    r->retry_at_ms = r->failures++ == 0 ? now_ms : now_ms + (pause < most ? pause : most);
}

/* Notes what became of the current one; else it is kept in mind and tried again before another is begun: the journal
 * would take it for one that is still to be printed. */
static void settle(struct receipts *r, enum receipt_state state, int64_t now_ms)
{
    struct errmsg why = {""};
    if (state && journal_receipt_set(r->parts.journal, &r->current, state, &why)) {
        if (!r->owed)
            tell(r, tr("The journal: %s."), why.text);
        r->owed = state;
        failed(r, now_ms);
        return;
    }
    r->owed = 0;
    r->current.seq = 0;
    count(r);
}

/* What became of the current one. */
static void ended(struct receipts *r, const struct printing_event *event, int64_t now_ms)
{
    char text[ENTRY_TEXT_SIZE];
    bool was_apart = r->apart;
    r->apart = false;
    if (was_apart || !r->current.seq)
        return;
    enum receipt_state is = 0; /* what it is now; 0: what it was, a copy to be printed */
    crash_point("receipt-before-ended");
    switch (event->fate) {
    case PRINTING_PRINTED:
        is = RECEIPT_PRINTED;
        r->failures = 0;
        break;
    case PRINTING_NOT_BEGUN:
        if (r->current.state == RECEIPT_BEGUN)
            is = RECEIPT_WAITING;
        failed(r, now_ms);
        break;
    case PRINTING_UNKNOWN:
        if (r->current.state == RECEIPT_BEGUN)
            is = RECEIPT_COPY;
        tell(r, tr("Receipt %s may be on paper in part (%s). It is printed again, marked COPY."),
             number_of(r, text), tr(event->why.text));
        failed(r, now_ms);
        break;
    }
    settle(r, is, now_ms);
    crash_point("receipt-after-ended");
}

static void heed_trouble(struct receipts *r)
{
    const char *trouble = printing_trouble(r->printing);
    if (strcmp(trouble, r->told) == 0)
        return;
    if (*trouble && !*r->told &&
        r->started) /* what was promised has to wait: none of it was begun */
        journal_receipts_end(r->parts.journal);
    if (!*trouble)
        tell(r, "%s", tr("The printer is well."));
    else if (r->waiting)
        tell(r, tr("The printer: %s. Receipts waiting: %" PRIu32 "."), tr(trouble), r->waiting);
    else
        tell(r, tr("The printer: %s."), tr(trouble));
    snprintf(r->told, sizeof r->told, "%s", trouble);
}

/* It cannot be printed, now or ever: better none than no other. */
static void give_up(struct receipts *r, const struct errmsg *why, int64_t now_ms)
{
    char text[ENTRY_TEXT_SIZE];
    tell(r, tr("Receipt %s cannot be printed: %s."), number_of(r, text), why->text);
    settle(r, RECEIPT_PRINTED, now_ms);
}

/* A journal that takes nothing (disk full, damaged) lets nothing be printed: it could not be told from new later. */
static bool start(struct receipts *r)
{
    if (!r->started)
        r->started = journal_receipts_start(r->parts.journal, r->parts.boot, NULL) == OK;
    return r->started;
}

static void begin_next(struct receipts *r, int64_t now_ms)
{
    struct errmsg why = {""};
    struct buf document = BUF_ON(r->document);
    if (!start(r)) {
        failed(r, now_ms);
        return;
    }
    enum err e = journal_receipt_next(r->parts.journal, &r->current, &why);
    if (e) {
        r->more = false;
        r->current.seq = 0;
        return;
    }
    if (compose(r, &document, &why)) {
        give_up(r, &why, now_ms);
        return;
    }
    if (r->current.state != RECEIPT_COPY) {
        crash_point("receipt-before-begun");
        e = journal_receipt_set(r->parts.journal, &r->current, RECEIPT_BEGUN, &why);
        crash_point("receipt-after-begun");
        if (e) { /* nothing would hold it back from coming twice */
            tell(r, tr("The journal: %s."), why.text);
            r->current.seq = 0;
            failed(r, now_ms);
            return;
        }
        r->current.state = RECEIPT_BEGUN;
    }
    if (printing_send(r->printing, buf_bytes(&document), &why)) {
        struct printing_event event = {PRINTING_NOT_BEGUN, why};
        ended(r, &event, now_ms);
    }
    crash_point("receipt-sent");
}

static bool can_begin(const struct receipts *r)
{
    return r->more && !r->owed && !printing_is_busy(r->printing) && !*printing_trouble(r->printing);
}

void receipts_turn(struct receipts *r, int64_t now_ms)
{
    struct printing_event event;
    for (enum printing_news news; (news = printing_take(r->printing, &event)) != PRINTING_NOTHING;)
        switch (news) {
        case PRINTING_NOTHING:
        case PRINTING_STATE:
            break;
        case PRINTING_DONE:
            ended(r, &event, now_ms);
            break;
        case PRINTING_NO_DRAWER:
            tell(r, tr("The drawer was not opened: %s."), tr(event.why.text));
            break;
        }
    heed_trouble(r);
    if (r->owed && now_ms >= r->retry_at_ms)
        settle(r, r->owed, now_ms);
    if (can_begin(r) && now_ms >= r->retry_at_ms)
        begin_next(r, now_ms);
}

int64_t receipts_due_ms(const struct receipts *r)
{
    return r->owed || can_begin(r) ? r->retry_at_ms : INT64_MAX;
}

int receipts_fd(const struct receipts *r)
{
    return printing_fd(r->printing);
}

/* ---- opening, closing ---- */

enum err receipts_open(struct receipts **out, const struct receipts_parts *parts,
                       struct errmsg *why)
{
    *out = NULL;
    struct receipts *r = calloc(1, sizeof *r);
    if (!r)
        return err_set(why, ERR_FULL, "no memory for the receipts");
    r->parts = *parts;
    if (r->parts.stuck_ms == 0)
        r->parts.stuck_ms = PRINTING_STUCK_MS;
    r->more = true;
    (void)start(r);
    enum err e = printing_open(&r->printing, parts->printer, r->parts.stuck_ms, why);
    if (e) {
        free(r);
        return e;
    }
    snprintf(r->told, sizeof r->told, "%s", printing_trouble(r->printing));
    count(r);
    *out = r;
    return OK;
}

void receipts_close(struct receipts *r)
{
    if (!r)
        return;
    int64_t now_ms = clock_tick_ms(), deadline_ms = now_ms + CLOSE_MS;
    while (printing_is_busy(r->printing) && now_ms < deadline_ms) {
        struct pollfd p = {.fd = printing_fd(r->printing), .events = POLLIN};
        struct printing_event event;
        if (poll(&p, 1, (int)(deadline_ms - now_ms)) > 0 &&
            printing_take(r->printing, &event) == PRINTING_DONE)
            ended(r, &event, now_ms);
        now_ms = clock_tick_ms();
    }
    printing_close(r->printing);
    if (r->owed)
        settle(r, r->owed, now_ms);
    if (r->started)
        journal_receipts_end(r->parts.journal);
    free(r);
}

/* ---- what is asked ---- */

void receipts_before(struct receipts *r, const struct receipt_facts *f, const char *language)
{
    struct journal_receipt queued = {.state = *printing_trouble(r->printing) ? RECEIPT_WAITING
                                                                             : RECEIPT_PROMISED,
                                     .balance = f->balance,
                                     .purse = f->purse,
                                     .expiring = f->expiring,
                                     .expiring_day = f->expiring_day};
    snprintf(queued.boot, sizeof queued.boot, "%s", r->parts.boot);
    snprintf(queued.why, sizeof queued.why, "%s", f->why);
    snprintf(queued.language, sizeof queued.language, "%s", language);
    journal_with_receipt(r->parts.journal, &queued);
}

void receipts_after(struct receipts *r)
{
    r->more = true;
    count(r);
}

void receipts_train(struct receipts *r, const struct receipt_facts *f)
{
    struct buf document = BUF_ON(r->document);
    struct errmsg why = {""};
    struct receipt_facts training = *f;
    training.training = true;
    enum err e = document_of(r, &training, &document, &why);
    if (e == OK)
        e = printing_send(r->printing, buf_bytes(&document), &why);
    r->apart |= e == OK;
    if (e)
        tell(r, tr("The training receipt was not printed: %s."), tr(why.text));
}

bool receipts_text(struct receipts *r, const char *const *lines, int count)
{
    struct buf document = BUF_ON(r->document);
    escpos_begin(&document);
    receipt_of_text(&r->receipt, r->parts.columns, lines, count);
    for (int i = 0; i < r->receipt.count; i++)
        escpos_line(&document, r->receipt.lines[i].text, 0);
    escpos_cut(&document);
    bool good = !document.full && printing_send(r->printing, buf_bytes(&document), NULL) == OK;
    r->apart |= good;
    return good;
}

enum err receipts_reprint(struct receipts *r, struct entry_id id, struct errmsg *why)
{
    char text[ENTRY_TEXT_SIZE];
    struct journal_receipt row;
    entry_text(text, id);
    enum err e = id.terminal == r->parts.terminal ? read_entry(r, id.seq, why) : ERR_NOT_FOUND;
    if (e == ERR_NOT_FOUND || (e == OK && r->txn.kind != TXN_SALE && r->txn.kind != TXN_REFUND))
        return err_set(why, ERR_NOT_FOUND, tr("This till has no receipt %s."), text);
    if (e == OK)
        e = journal_receipt_get(r->parts.journal, id.seq, &row, why);
    if (e ==
        ERR_NOT_FOUND) /* printed long ago, or when there was no printer: what was known besides is gone */
        row = (struct journal_receipt){.balance = points_of(-1), .purse = points_of(-1)};
    else if (e)
        return e;
    else if (row.state == RECEIPT_WAITING || row.state == RECEIPT_PROMISED ||
             row.state == RECEIPT_BEGUN)
        return err_set(why, ERR_STATE, tr("Receipt %s is still waiting to be printed."), text);
    row.seq = id.seq;
    row.state = RECEIPT_COPY;
    if (!row.language[0])
        snprintf(row.language, sizeof row.language, "%s", tr_language());
    e = journal_receipt_put(r->parts.journal, &row, why);
    if (e == OK)
        receipts_after(r);
    return e;
}

enum err receipts_drop(struct receipts *r, uint32_t *dropped, struct errmsg *why)
{
    enum err e = journal_receipts_drop(r->parts.journal, dropped, why);
    count(r);
    return e;
}

enum err receipts_drawer(struct receipts *r, struct errmsg *why)
{
    return printing_drawer(r->printing, why);
}

bool receipts_looking(const struct receipts *r)
{
    return printing_is_looking(r->printing);
}

const char *receipts_trouble(const struct receipts *r)
{
    return printing_trouble(r->printing);
}

uint32_t receipts_waiting(const struct receipts *r)
{
    return r->waiting;
}

pid_t receipts_process(const struct receipts *r)
{
    return printing_process(r->printing);
}
