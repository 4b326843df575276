/* commands.c - commands in, answers out: "ok key=value ..." or "error CODE sentence" for a
 * register, sentences for a person.  A client's commands are answered in order; one that waits
 * holds up only its own client.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/commands.h"

#include "base/crash.h"
#include "base/date.h"
#include "hw/clock.h"
#include "terminal/till.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WORDS_MAX = 8, SYNC_MS = 10000 };

const char commands_help[] =
    "  tap [TIMEOUT_MS]                        wait for a card and say who it is\n"
    "  line SKU QTY AMOUNT_MINOR [CATEGORY]    one line of the bill, in pence or cents\n"
    "  total                                   close the bill: what it earns, what may be "
    "redeemed\n"
    "  redeem N|max [ref=R] [wait=MS]          take points off the card\n"
    "  pay [ref=R]                             the rest is paid: finish the sale\n"
    "  giveup                                  the card in doubt does not come back: the member "
    "pays whole\n"
    "  cancel                                  no sale\n"
    "  refund RECEIPT all|SKU:QTY:AMOUNT,... [ref=R]   goods come back\n"
    "  bill REF                                what became of a reference\n"
    "  sync [TIMEOUT_MS]                       send what is owed to head office, and wait for it\n"
    "  status | online | show | help | quit\n";

/* ---- output ---- */

static void put(struct client *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds to what is to be sent.  There is room: no input is taken while the output is nearly full. */
static void put(struct client *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t room = sizeof c->out - c->out_size;
    int n = vsnprintf(c->out + c->out_size, room, format, args);
    va_end(args);
    if (n > 0 && (size_t)n < room)
        c->out_size += (size_t)n;
}

static void done(struct client *c)
{
    c->busy = VERB_NONE;
    c->deadline_ms = 0;
    c->asked = true;
}

static void fail(struct client *c, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void fail(struct client *c, const char *code, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *p = text; *p; p++) /* one line whatever an error says */
        if (*p == '\n' || *p == '\r')
            *p = ' ';
    if (c->person)
        put(c, "  %s\n", text);
    else
        put(c, "error %s %s\n", code, text);
    done(c);
}

static const char *yes(bool b)
{
    return b ? "yes" : "no";
}

static const char *or_dash(const char *text)
{
    return text && *text ? text : "-";
}

static const char *commit_text(enum txn_commit commit)
{
    switch (commit) {
    case COMMIT_NONE:
        return "none";
    case COMMIT_DONE:
        return "done";
    case COMMIT_NOT_DONE:
        return "not-done";
    case COMMIT_DOUBT:
        return "doubt";
    }
    return "?";
}

static void put_receipt(struct client *c, const struct sale_receipt *r)
{
    char entry[ENTRY_TEXT_SIZE], who[MEMBER_TEXT_SIZE];
    entry_text(entry, r->entry);
    member_text(who, r->member);
    if (r->refund)
        put(c,
            "ok receipt=%s member=%s total=%" PRId64 " back=%" PRId64 " by_points=%" PRId64
            " clawed=%" PRId64 " returned=%" PRId64 " repeated=%s\n",
            entry, r->member ? who : "-", money_minor(r->total), money_minor(r->due),
            money_minor(r->by_points), points_n(r->earned), points_n(r->redeemed),
            yes(r->repeated));
    else
        put(c,
            "ok receipt=%s member=%s tier=%s total=%" PRId64 " due=%" PRId64 " by_points=%" PRId64
            " earned=%" PRId64 " redeemed=%" PRId64 " commit=%s repeated=%s\n",
            entry, r->member ? who : "-", or_dash(r->tier), money_minor(r->total),
            money_minor(r->due), money_minor(r->by_points), points_n(r->earned),
            points_n(r->redeemed), commit_text(r->commit), yes(r->repeated));
}

static void put_sale(struct till *t, struct client *c)
{
    const struct sale *s = &t->sale;
    char who[MEMBER_TEXT_SIZE];
    member_text(who, s->member);
    put(c,
        "ok state=%s member=%s tier=%s purse=%d pending=%" PRId64 " held=%" PRId64 " online=%s\n",
        sale_state_text(s->state), s->member ? who : "-", or_dash(s->tier), s->purse,
        points_n(t->facts.pending), points_n(t->facts.held), yes(s->online));
}

static void put_debit(struct till *t, struct client *c)
{
    const struct sale *s = &t->sale;
    struct money due = s->t.total;
    if (!money_sub(&due, s->t.total, s->wanted_value))
        due = s->t.total;
    put(c, "ok state=%s redeemed=%" PRId64 " value=%" PRId64 " due=%" PRId64 " purse=%d\n",
        sale_state_text(s->state), points_n(s->wanted), money_minor(s->wanted_value),
        money_minor(due), s->purse);
}

void commands_answered(struct till *t, struct client *c)
{
    const struct sale *s = &t->sale;
    const struct sale_effects *o = &t->out;
    enum verb verb = c->busy;
    if (o->answer != SALE_OK) {
        fail(c, sale_answer_code(o->answer), "%s", o->say.text);
        return;
    }
    done(c);
    if (c->person) {
        put(c, "  %s\n", o->say.text);
        return;
    }
    if (entry_is(o->confirm.entry)) {
        put_receipt(c, &o->confirm);
        return;
    }
    switch (verb) {
    case VERB_TAP:
        if (s->state == SALE_DEBITED)
            put_debit(t, c);
        else
            put_sale(t, c);
        return;
    case VERB_LINE:
        put(c, "ok lines=%d total=%" PRId64 "\n", s->t.line_count, money_minor(s->t.total));
        return;
    case VERB_TOTAL:
        put(c, "ok total=%" PRId64 " earns=%" PRId64 " offer=%" PRId64 " offer_value=%" PRId64 "\n",
            money_minor(s->t.total), points_n(s->earning.points), points_n(s->offer.most),
            money_minor(s->offer.most_value));
        return;
    case VERB_REDEEM:
        put_debit(t, c);
        return;
    case VERB_GIVE_UP:
    case VERB_CANCEL:
        put(c, "ok state=%s\n", sale_state_text(s->state));
        return;
    case VERB_NONE:
    case VERB_STATUS:
    case VERB_PAY:
    case VERB_REFUND:
    case VERB_BILL:
    case VERB_SYNC:
    case VERB_ONLINE:
    case VERB_SHOW:
    case VERB_HELP:
    case VERB_QUIT:
    case VERBS:
        put_sale(t, c);
        return;
    }
}

/* ---- the words of a command ---- */

struct words {
    int count;
    char *word[WORDS_MAX];
    const char *ref, *wait; /* of ref=, wait=; not among word[] */
};

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
        else if (w->count < WORDS_MAX)
            w->word[w->count++] = p;
    }
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

/* A wait of 1 ms to 10 minutes; otherwise the usual. */
static int64_t deadline(const char *text, int64_t usual_ms)
{
    int64_t ms;
    if (!number(&ms, text) || ms < 1 || ms > 600000)
        ms = usual_ms;
    return clock_tick_ms() + ms;
}

static bool fits(char *out, size_t size, const char *text)
{
    if (!text || strlen(text) >= size)
        return false;
    memset(out, 0, size);
    memcpy(out, text, strlen(text));
    return true;
}

/* ---- commands ---- */

/* What closed this reference before; NULL = nothing did. */
static const struct txn *known(struct till *t, const char *ref)
{
    struct errmsg why = {""};
    struct buf entry = BUF_ON(t->entry);
    if (!ref || !*ref)
        return NULL;
    enum err e = journal_find_ref(t->journal, ref, &entry, &why);
    e = till_read(&t->known, e, &entry, &why);
    if (e && e != ERR_NOT_FOUND)
        till_tell(t, "The journal: %s.", why.text);
    return e ? NULL : &t->known;
}

static void do_tap(struct till *t, struct client *c, const struct words *w)
{
    if (t->waiter) {
        fail(c, "BUSY", "Somebody waits for a card already.");
        return;
    }
    if (!t->reader) {
        fail(c, "NO_DEVICE", "This till has no card reader. Start it with --reader.");
        return;
    }
    enum sale_want want = sale_wants(&t->sale);
    if (t->sale.state == SALE_DEBITED) { /* settled meanwhile by the card that lay there */
        done(c);
        if (c->person)
            put(c, "  The card was debited. Pay the rest, or cancel.\n");
        else
            put_debit(t, c);
        return;
    }
    if (want != SALE_WANT_ANY && want != SALE_WANT_SETTLE) {
        fail(c, "STATE", "No card is wanted now (%s).", sale_state_text(t->sale.state));
        return;
    }
    c->deadline_ms = deadline(w->count > 1 ? w->word[1] : NULL, TILL_TAP_MS);
    t->waiter = c;
    if (t->up.link && !uplink_is_up(t) && link_state(t->up.link) == LINK_IDLE)
        outbox_hurry(&t->up.outbox); /* perhaps it is back; nobody waits for that */
    if (want == SALE_WANT_ANY)
        tap_begin(t, JOB_IDENTIFY, INT64_MAX);
    else if (t->tap.job != JOB_SETTLE)
        tap_begin(t, JOB_SETTLE, INT64_MAX);
    if (c->person)
        put(c, "  Hold the card to the reader.\n");
}

static void do_line(struct till *t, struct client *c, const struct words *w)
{
    struct txn_line l = {.quantity = 0};
    int64_t quantity, amount;
    if (w->count < 4 || w->count > 5 || !fits(l.sku, sizeof l.sku, w->word[1]) ||
        !number(&quantity, w->word[2]) || quantity < 0 || quantity > INT32_MAX ||
        !number(&amount, w->word[3]) ||
        (w->count == 5 && !fits(l.category, sizeof l.category, w->word[4]))) {
        fail(c, "FORMAT", "line SKU QTY AMOUNT_MINOR [CATEGORY], SKU of at most %d characters.",
             TXN_SKU_SIZE - 1);
        return;
    }
    l.quantity = (int32_t)quantity;
    l.amount = money_of(amount);
    till_feed(t, (struct sale_event){.kind = SALE_LINE, .line = &l});
}

static void do_redeem(struct till *t, struct client *c, const struct words *w)
{
    struct sale_event in = {.kind = SALE_REDEEM, .ref = w->ref};
    int64_t n = 0;
    if (w->count != 2 || (strcmp(w->word[1], "max") != 0 && !number(&n, w->word[1]))) {
        fail(c, "FORMAT", "redeem N|max [ref=R] [wait=MS]");
        return;
    }
    if (t->waiter) {
        fail(c, "BUSY", "Somebody waits for a card already.");
        return;
    }
    in.all = strcmp(w->word[1], "max") == 0;
    in.points = points_of(n);
    in.known = known(t, w->ref);
    c->deadline_ms = deadline(w->wait, TILL_DEBIT_MS);
    till_feed(t, in);
    if (c->busy == VERB_REDEEM) { /* the card decides */
        t->waiter = c;
        if (c->person && t->tap.at == AT_CARD)
            put(c, "  Hold the card to the reader.\n");
    }
}

static void do_pay(struct till *t, const struct words *w)
{
    till_feed(t, (struct sale_event){.kind = SALE_PAY, .ref = w->ref, .known = known(t, w->ref)});
}

static void do_cancel(struct till *t)
{
    struct client *waits = t->waiter;
    t->waiter = NULL;
    if (t->tap.job == JOB_IDENTIFY)
        tap_end(t);
    till_feed(t, (struct sale_event){.kind = SALE_CANCEL});
    if (waits && waits != t->current)
        fail(waits, "STATE", "The sale was cancelled.");
}

/* SKU:QTY:AMOUNT,...  False: malformed. */
static bool returns(struct txn_line *out, int32_t *count, char *text)
{
    *count = 0;
    for (char *item; (item = strsep(&text, ",")) != NULL;) {
        char *sku = strsep(&item, ":"), *quantity = strsep(&item, ":"), *amount = item;
        int64_t q, a;
        if (*count == TILL_RETURNS_MAX)
            return false;
        struct txn_line *l = &out[*count];
        memset(l, 0, sizeof *l);
        if (!*sku || !fits(l->sku, sizeof l->sku, sku) || !number(&q, quantity) || q < 0 ||
            q > INT32_MAX || !number(&a, amount))
            return false;
        l->quantity = (int32_t)q;
        l->amount = money_of(a);
        ++*count;
    }
    return true;
}

/* The sale a refund is about, and what earlier refunds left of it.  ERR_NOT_FOUND: not ours. */
static enum err find_original(struct till *t, struct entry_id receipt, struct errmsg *why)
{
    struct buf entry = BUF_ON(t->entry);
    enum err e = receipt.terminal == t->parts.identity->terminal
                     ? journal_get(t->journal, receipt.seq, &entry, why)
                     : ERR_NOT_FOUND;
    e = till_read(&t->original, e, &entry, why);
    if (e || t->original.kind != TXN_SALE)
        return e;
    for (int32_t i = 0; i < t->original.line_count; i++)
        t->left[i] = t->original.lines[i].quantity;
    for (int32_t n = 0; e == OK; n++) {
        entry.size = 0;
        e = journal_find_refund(t->journal, receipt, n, &entry, why);
        e = till_read(&t->earlier, e, &entry, why);
        if (!e)
            e = sale_refunded(t->left, &t->original, &t->earlier, why);
    }
    return e == ERR_NOT_FOUND ? OK : e;
}

static void do_refund(struct till *t, struct client *c, const struct words *w)
{
    struct sale_event in = {.kind = SALE_REFUND, .ref = w->ref, .back = t->back, .left = t->left};
    struct errmsg why = {""};
    if (w->count != 3 || entry_parse(&in.receipt, w->word[1])) {
        fail(c, "FORMAT",
             "refund RECEIPT all|SKU:QTY:AMOUNT,... [ref=R], RECEIPT such as T0007-123.");
        return;
    }
    in.all = strcmp(w->word[2], "all") == 0;
    if (!in.all && !returns(t->back, &in.back_count, w->word[2])) {
        fail(c, "FORMAT",
             "What comes back is SKU:QTY:AMOUNT, several with commas between, or all.");
        return;
    }
    enum err e = find_original(t, in.receipt, &why);
    if (e && e != ERR_NOT_FOUND) {
        fail(c, "CORRUPT", "%s. Call head office.", why.text);
        return;
    }
    if (!e) {
        in.original = &t->original;
        in.pack_then = packs_find(t, t->original.pack_version);
        in.earned_before = journal_earned(t->journal, &t->original.card,
                                          day_of_time(t->original.time_s), t->original.id.seq);
        if (t->original.member == 0)
            in.earned_before = points_of(0);
    }
    in.known = known(t, w->ref);
    till_feed(t, in);
}

static void do_bill(struct till *t, struct client *c, const struct words *w)
{
    if (w->count != 2) {
        fail(c, "FORMAT", "bill REF");
        return;
    }
    const struct txn *k = known(t, w->word[1]);
    if (k) {
        struct sale_receipt r;
        sale_receipt_of(&r, k);
        r.repeated = true;
        done(c);
        put_receipt(c, &r);
    } else if (!sale_is_idle(&t->sale) && strcmp(t->sale.t.ref, w->word[1]) == 0) {
        done(c);
        put_sale(t, c);
    } else {
        fail(c, "NOT_FOUND", "No bill was closed as %s.", w->word[1]);
    }
}

static void do_status(struct till *t, struct client *c)
{
    const struct sale *s = &t->sale;
    char who[MEMBER_TEXT_SIZE], now[TIME_TEXT_SIZE];
    member_text(who, s->member);
    time_text(now, clock_now_s());
    done(c);
    put(c,
        "%sstate=%s member=%s lines=%d total=%" PRId64
        " ref=%s online=%s owed=%u reader=%s waiting=%s "
        "time=%s\n",
        c->person ? "  " : "ok ", sale_state_text(s->state), s->member ? who : "-", s->t.line_count,
        money_minor(s->t.total), or_dash(s->t.ref), yes(uplink_is_up(t)),
        outbox_waiting(&t->up.outbox),
        !t->reader           ? "none"
        : t->tap.reader_away ? "away"
                             : "there",
        t->tap.job ? "card" : "no", now);
}

static void do_online(struct till *t, struct client *c)
{
    char text[TIME_TEXT_SIZE] = "never";
    if (t->up.contact_s)
        time_text(text, t->up.contact_s);
    done(c);
    put(c, "%sonline=%s contact=%s\n", c->person ? "  " : "ok ", yes(uplink_is_up(t)), text);
}

static void do_show(struct till *t, struct client *c)
{
    struct errmsg why = {""};
    uint8_t hash[WIRE_HASH_SIZE];
    char hex[2 * WIRE_HASH_SIZE + 1];
    uint32_t count = 0;
    enum err e = journal_verify(t->journal, &count, &why);
    if (!e)
        e = journal_hash(t->journal, count, hash, &why);
    if (e) {
        fail(c, "CORRUPT", "%u entries are sound; then %s. Call head office.", count, why.text);
        return;
    }
    hex_encode(hex, hash, sizeof hash);
    if (sale_is_idle(&t->sale))
        packs_choose(t, day_of_time(clock_now_s()));
    struct link_counts n = t->up.link ? link_counts(t->up.link) : (struct link_counts){0};
    done(c);
    put(c,
        "%sterminal=%u shop=%s entries=%u owed=%u chain=ok hash=%s pack=%u newest_pack=%u hot=%u "
        "handshakes=%" PRIu64 " sent=%" PRIu64 " received=%" PRIu64 "\n",
        c->person ? "  " : "ok ", t->parts.identity->terminal, t->parts.identity->shop, count,
        outbox_waiting(&t->up.outbox), hex, t->packs.in_effect ? t->packs.in_effect->version : 0,
        t->packs.newest, t->hot_version, n.handshakes, n.bytes_out, n.bytes_in);
}

static void check_synced(struct till *t, struct client *c, int64_t now_ms)
{
    uint32_t owed = outbox_waiting(&t->up.outbox);
    if (!t->up.link) {
        fail(c, "NO_LINE", "This till has no line to head office. Start it with --office.");
    } else if (uplink_is_up(t) && owed == 0 && t->up.asked == ASKED_NOTHING &&
               outbox_due_ms(&t->up.outbox) > now_ms) {
        done(c);
        put(c, c->person ? "  Head office has everything.\n" : "ok owed=0\n");
    } else if (now_ms < c->deadline_ms) {
        if (now_ms >= t->hurry_ms && link_state(t->up.link) == LINK_IDLE) {
            t->hurry_ms = now_ms + TILL_HURRY_MS;
            outbox_hurry(&t->up.outbox);
        }
    } else {
        fail(c, "TIMEOUT",
             "Head office was not reached; %u entries are still owed. Selling goes on.", owed);
    }
}

static void do_sync(struct till *t, struct client *c, const struct words *w)
{
    c->deadline_ms = deadline(w->count > 1 ? w->word[1] : NULL, SYNC_MS);
    t->hurry_ms = clock_tick_ms() + TILL_HURRY_MS;
    outbox_hurry(&t->up.outbox);
    if (!t->up.link)
        check_synced(t, c, clock_tick_ms());
}

static enum verb verb_of(const char *word)
{
    static const struct {
        const char *word;
        enum verb verb;
    } table[] = {{"status", VERB_STATUS},  {"tap", VERB_TAP},        {"line", VERB_LINE},
                 {"bill-line", VERB_LINE}, {"total", VERB_TOTAL},    {"redeem", VERB_REDEEM},
                 {"pay", VERB_PAY},        {"giveup", VERB_GIVE_UP}, {"cancel", VERB_CANCEL},
                 {"refund", VERB_REFUND},  {"bill", VERB_BILL},      {"sync", VERB_SYNC},
                 {"online", VERB_ONLINE},  {"show", VERB_SHOW},      {"help", VERB_HELP},
                 {"quit", VERB_QUIT}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(table[i].word, word) == 0)
            return table[i].verb;
    return VERB_NONE;
}

static void carry_out(struct till *t, struct client *c, char *line)
{
    struct words w;
    split(&w, line);
    if (w.count == 0)
        return;
    c->busy = verb_of(w.word[0]);
    t->current = c;
    switch (c->busy) {
    case VERB_STATUS:
        do_status(t, c);
        break;
    case VERB_TAP:
        do_tap(t, c, &w);
        break;
    case VERB_LINE:
        do_line(t, c, &w);
        break;
    case VERB_TOTAL:
        till_feed(t, (struct sale_event){.kind = SALE_TOTAL});
        break;
    case VERB_REDEEM:
        do_redeem(t, c, &w);
        break;
    case VERB_PAY:
        do_pay(t, &w);
        break;
    case VERB_GIVE_UP:
        till_feed(t, (struct sale_event){.kind = SALE_GIVE_UP});
        break;
    case VERB_CANCEL:
        do_cancel(t);
        break;
    case VERB_REFUND:
        do_refund(t, c, &w);
        break;
    case VERB_BILL:
        do_bill(t, c, &w);
        break;
    case VERB_SYNC:
        do_sync(t, c, &w);
        break;
    case VERB_ONLINE:
        do_online(t, c);
        break;
    case VERB_SHOW:
        do_show(t, c);
        break;
    case VERB_HELP:
        done(c);
        put(c, "%s", c->person ? commands_help : "ok see=terminal/README.md\n");
        break;
    case VERB_QUIT:
        done(c);
        put(c, c->person ? "  Good-bye.\n" : "ok\n");
        till_quit(t);
        break;
    case VERB_NONE:
    case VERBS:
        fail(c, "FORMAT", "There is no command %.40s; help lists them.", w.word[0]);
        break;
    }
    t->current = NULL;
}

/* ---- clients ---- */

void commands_greet(struct till *t, struct client *c)
{
    if (!c->person)
        return;
    put(c, "  Till %u in %s. help lists the commands.\n", t->parts.identity->terminal,
        t->parts.identity->shop);
    c->asked = true;
}

void commands_close(struct till *t, struct client *c)
{
    if (t->waiter == c) { /* nobody waits any more; a debit that has begun goes on */
        t->waiter = NULL;
        if (t->tap.job == JOB_IDENTIFY)
            tap_end(t);
    }
    if (c->in_fd >= 0)
        close(c->in_fd);
    if (c->out_fd >= 0 && c->out_fd != c->in_fd)
        close(c->out_fd);
    c->used = false;
    c->in_fd = c->out_fd = -1;
}

static bool has_room(const struct client *c)
{
    return sizeof c->out - c->out_size >
           2 * TILL_ANSWER_MAX + (c->person ? sizeof commands_help : 0);
}

/* Carry out whole lines while nothing is waited for. */
static void take_lines(struct till *t, struct client *c)
{
    char line[TILL_LINE_MAX];
    while (c->used && c->busy == VERB_NONE && !t->quit && has_room(c)) {
        char *end = memchr(c->in, '\n', c->in_size);
        if (!end)
            break;
        size_t size = (size_t)(end - c->in), next = size + 1;
        if (size > 0 && c->in[size - 1] == '\r')
            size--;
        bool good = size < sizeof line && !memchr(c->in, 0, size);
        if (good)
            memcpy(line, c->in, size);
        memmove(c->in, c->in + next, c->in_size - next);
        c->in_size -= next;
        if (good) {
            line[size] = 0;
            carry_out(t, c, line);
        } else {
            fail(c, "FORMAT", "A command has at most %d characters.", TILL_LINE_MAX - 1);
        }
        c->asked = true;
    }
}

void commands_input(struct till *t, struct client *c)
{
    take_lines(t, c);
    if (!c->used || c->ended || !c->readable || c->in_size == sizeof c->in) {
        if (c->used && c->in_size == sizeof c->in && c->busy == VERB_NONE && has_room(c) &&
            !memchr(c->in, '\n', c->in_size)) {
            fail(c, "FORMAT", "A command has at most %d characters.", TILL_LINE_MAX - 1);
            c->in_size = 0;
            c->ended = true;
        }
        return;
    }
    ssize_t n = c->in_fd == c->out_fd
                    ? recv(c->in_fd, c->in + c->in_size, sizeof c->in - c->in_size, MSG_DONTWAIT)
                    : read(c->in_fd, c->in + c->in_size, sizeof c->in - c->in_size);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0)
        c->ended = true;
    else
        c->in_size += (size_t)n;
    take_lines(t, c);
}

void commands_output(struct till *t, struct client *c)
{
    if (c->person && c->asked && c->busy == VERB_NONE && !t->quit) {
        put(c, "> ");
        c->asked = false;
    }
    if (c->out_size) {
        crash_point("before-answer");
        ssize_t n = c->in_fd == c->out_fd
                        ? send(c->out_fd, c->out, c->out_size, MSG_NOSIGNAL | MSG_DONTWAIT)
                        : write(c->out_fd, c->out, c->out_size);
        if (n > 0) {
            memmove(c->out, c->out + n, c->out_size - (size_t)n);
            c->out_size -= (size_t)n;
            crash_point("after-answer");
        } else if (errno != EAGAIN && errno != EINTR) {
            commands_close(t, c);
            return;
        }
    }
    if (c->ended && c->out_size == 0 && c->busy == VERB_NONE) {
        bool last = c->person; /* the cashier has gone home */
        commands_close(t, c);
        if (last)
            till_quit(t);
    }
}

void commands_deadlines(struct till *t, int64_t now_ms)
{
    for (int i = 0; i < TILL_CLIENTS_MAX; i++) {
        struct client *c = &t->clients[i];
        if (!c->used || c->busy == VERB_NONE)
            continue;
        if (c->busy == VERB_SYNC)
            check_synced(t, c, now_ms);
        /* A card that is being talked to is not interrupted. */
        if (c->busy == VERB_TAP && c == t->waiter && now_ms >= c->deadline_ms &&
            (t->tap.at == AT_CARD || t->tap.job == JOB_NONE)) {
            t->waiter = NULL;
            if (t->tap.job == JOB_IDENTIFY)
                tap_end(t);
            fail(c, "TIMEOUT", "No card came. Tap again.");
        }
    }
}

int64_t commands_due_ms(const struct till *t)
{
    int64_t due = INT64_MAX;
    for (int i = 0; i < TILL_CLIENTS_MAX; i++) {
        const struct client *c = &t->clients[i];
        if (!c->used)
            continue;
        if (c->busy == VERB_NONE && has_room(c) && memchr(c->in, '\n', c->in_size))
            return 0; /* more commands came than one turn took */
        if (c->busy == VERB_SYNC)
            due = t->hurry_ms < due ? t->hurry_ms : due;
        else if (c->busy != VERB_NONE && c->deadline_ms && t->tap.at == AT_CARD)
            due = c->deadline_ms < due ? c->deadline_ms : due;
    }
    return due;
}
