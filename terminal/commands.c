/* commands.c - commands in, answers out: "ok key=value ..." or "error CODE sentence" for a
 * register, sentences for a person.  A client's commands are answered in order; one that waits
 * holds up only its own client.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/commands.h"

#include "base/crash.h"
#include "base/date.h"
#include "hw/clock.h"
#include "terminal/till.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WORDS_MAX = 8 };

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
    "  reprint RECEIPT                         print a receipt again, marked COPY\n"
    "  drawer                                  open the drawer\n"
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

static void refuse(struct client *c, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void refuse(struct client *c, const char *code, const char *format, ...)
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
    c->asked = true;
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

static void put_status(struct till *t, struct client *c)
{
    const struct sale *s = &t->sale;
    char who[MEMBER_TEXT_SIZE], now[TIME_TEXT_SIZE];
    member_text(who, s->member);
    time_text(now, clock_now_s());
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

static void put_online(struct till *t, struct client *c)
{
    char text[TIME_TEXT_SIZE] = "never";
    if (t->up.contact_s)
        time_text(text, t->up.contact_s);
    put(c, "%sonline=%s contact=%s\n", c->person ? "  " : "ok ", yes(uplink_is_up(t)), text);
}

static void put_show(struct till *t, struct client *c)
{
    struct errmsg why = {""};
    uint8_t hash[WIRE_HASH_SIZE];
    char hex[2 * WIRE_HASH_SIZE + 1];
    uint32_t count = journal_next_seq(t->journal) - 1;
    if (journal_hash(t->journal, count, hash, &why)) {
        refuse(c, "CORRUPT", "%s. Call head office.", why.text);
        return;
    }
    hex_encode(hex, hash, sizeof hash);
    struct link_counts n = t->up.link ? link_counts(t->up.link) : (struct link_counts){0};
    put(c,
        "%sterminal=%u shop=%s entries=%u owed=%u chain=ok hash=%s pack=%u newest_pack=%u hot=%u "
        "handshakes=%" PRIu64 " sent=%" PRIu64 " received=%" PRIu64 "\n",
        c->person ? "  " : "ok ", t->parts.identity->terminal, t->parts.identity->shop, count,
        outbox_waiting(&t->up.outbox), hex, t->packs.in_effect ? t->packs.in_effect->version : 0,
        t->packs.newest, t->hot_version, n.handshakes, n.bytes_out, n.bytes_in);
}

/* The answer to a command, as a register reads it. */
static void put_answer(struct till *t, struct client *c, const struct answer *a)
{
    const struct sale *s = &t->sale;
    if (a->receipt) {
        put_receipt(c, a->receipt);
        return;
    }
    switch (a->verb) {
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
    case VERB_STATUS:
        put_status(t, c);
        return;
    case VERB_ONLINE:
        put_online(t, c);
        return;
    case VERB_SHOW:
        put_show(t, c);
        return;
    case VERB_SYNC:
        put(c, "ok owed=0\n");
        return;
    case VERB_HELP:
        put(c, "%s", c->person ? commands_help : "ok see=terminal/README.md\n");
        return;
    case VERB_QUIT:
    case VERB_IDENTIFY:
    case VERB_GRANT:
    case VERB_JOIN:
    case VERB_PERSON:
    case VERB_REPLACE:
    case VERB_RATE:
    case VERB_LOGIN:
    case VERB_LOGOUT:
    case VERB_APPROVE:
    case VERB_PARK:
    case VERB_RESUME:
    case VERB_TRAIN:
    case VERB_SHIFT:
    case VERB_RECEIPT:
    case VERB_REPRINT:
    case VERB_DRAWER:
        put(c, "ok\n");
        return;
    case VERB_TAP:
        if (s->state == SALE_DEBITED)
            put_debit(t, c);
        else
            put_sale(t, c);
        return;
    case VERB_NONE:
    case VERB_PAY:
    case VERB_REFUND:
    case VERB_BILL:
    case VERBS:
        put_sale(t, c);
        return;
    }
}

static void answered(struct till *t, struct asker *asker, const struct answer *a)
{
    struct client *c = (struct client *)asker;
    c->asked = true;
    if (a->code)
        refuse(c, a->code, "%s", a->say);
    else if (c->person && *a->say)
        put(c, "  %s\n", a->say);
    else
        put_answer(t, c, a);
}

static void told(struct till *t, struct asker *asker, const char *sentence)
{
    struct client *c = (struct client *)asker;
    (void)t;
    if (c->person)
        put(c, "  %s\n", sentence);
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

static bool fits(char *out, size_t size, const char *text)
{
    if (!text || strlen(text) >= size)
        return false;
    memset(out, 0, size);
    memcpy(out, text, strlen(text));
    return true;
}

/* ---- commands: words into a struct command; false: refused already ---- */

static bool read_line(struct client *c, struct command *out, struct txn_line *l, const struct words *w)
{
    int64_t quantity, amount;
    memset(l, 0, sizeof *l);
    if (w->count < 4 || w->count > 5 || !fits(l->sku, sizeof l->sku, w->word[1]) ||
        !number(&quantity, w->word[2]) || quantity < 0 || quantity > INT32_MAX ||
        !number(&amount, w->word[3]) ||
        (w->count == 5 && !fits(l->category, sizeof l->category, w->word[4]))) {
        refuse(c, "FORMAT", "line SKU QTY AMOUNT_MINOR [CATEGORY], SKU of at most %d characters.",
               TXN_SKU_SIZE - 1);
        return false;
    }
    l->quantity = (int32_t)quantity;
    l->amount = money_of(amount);
    out->line = l;
    return true;
}

static bool read_redeem(struct client *c, struct command *out, const struct words *w)
{
    int64_t n = 0;
    if (w->count != 2 || (strcmp(w->word[1], "max") != 0 && !number(&n, w->word[1]))) {
        refuse(c, "FORMAT", "redeem N|max [ref=R] [wait=MS]");
        return false;
    }
    out->all = strcmp(w->word[1], "max") == 0;
    out->points = points_of(n);
    return true;
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

static bool read_refund(struct till *t, struct client *c, struct command *out, const struct words *w)
{
    if (w->count != 3 || entry_parse(&out->receipt, w->word[1])) {
        refuse(c, "FORMAT",
               "refund RECEIPT all|SKU:QTY:AMOUNT,... [ref=R], RECEIPT such as T0007-123.");
        return false;
    }
    out->all = strcmp(w->word[2], "all") == 0;
    out->back = t->back;
    if (!out->all && !returns(t->back, &out->back_count, w->word[2])) {
        refuse(c, "FORMAT",
               "What comes back is SKU:QTY:AMOUNT, several with commas between, or all.");
        return false;
    }
    return true;
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
                 {"reprint", VERB_REPRINT}, {"drawer", VERB_DRAWER}, {"quit", VERB_QUIT}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(table[i].word, word) == 0)
            return table[i].verb;
    return VERB_NONE;
}

static bool read_command(struct till *t, struct client *c, struct command *out, struct txn_line *l,
                         const struct words *w)
{
    *out = (struct command){.verb = verb_of(w->word[0]), .ref = w->ref};
    switch (out->verb) {
    case VERB_TAP:
    case VERB_SYNC:
        (void)number(&out->wait_ms, w->count > 1 ? w->word[1] : NULL);
        return true;
    case VERB_LINE:
        return read_line(c, out, l, w);
    case VERB_REDEEM:
        (void)number(&out->wait_ms, w->wait);
        return read_redeem(c, out, w);
    case VERB_REFUND:
        return read_refund(t, c, out, w);
    case VERB_BILL:
        if (w->count != 2) {
            refuse(c, "FORMAT", "bill REF");
            return false;
        }
        out->ref = w->word[1];
        return true;
    case VERB_REPRINT:
        if (w->count != 2 || entry_parse(&out->receipt, w->word[1])) {
            refuse(c, "FORMAT", "reprint RECEIPT, such as T0007-123.");
            return false;
        }
        return true;
    case VERB_DRAWER:
    case VERB_TOTAL:
    case VERB_PAY:
    case VERB_GIVE_UP:
    case VERB_CANCEL:
    case VERB_STATUS:
    case VERB_ONLINE:
    case VERB_SHOW:
    case VERB_HELP:
    case VERB_QUIT:
        return true;
    case VERB_IDENTIFY:
    case VERB_GRANT:
    case VERB_JOIN:
    case VERB_PERSON:
    case VERB_REPLACE:
    case VERB_RATE:
    case VERB_LOGIN:
    case VERB_LOGOUT:
    case VERB_APPROVE:
    case VERB_PARK:
    case VERB_RESUME:
    case VERB_TRAIN:
    case VERB_SHIFT:
    case VERB_RECEIPT:
    case VERB_NONE:
    case VERBS:
        break;
    }
    refuse(c, "FORMAT", "There is no command %.40s; help lists them.", w->word[0]);
    return false;
}

static void carry_out(struct till *t, struct client *c, char *line)
{
    struct words w;
    struct command command;
    struct txn_line l;
    split(&w, line);
    if (w.count == 0 || !read_command(t, c, &command, &l, &w))
        return;
    till_ask(t, &c->asker, &command);
    bool waits = c->asker.busy == VERB_TAP ||
                 (c->asker.busy == VERB_REDEEM && t->tap.at == AT_CARD);
    if (c->person && waits)
        put(c, "  Hold the card to the reader.\n");
}

/* ---- clients ---- */

static void greet(struct till *t, struct client *c)
{
    if (!c->person)
        return;
    put(c, "  Till %u in %s. help lists the commands.\n", t->parts.identity->terminal,
        t->parts.identity->shop);
    c->asked = true;
}

void commands_open(struct till *t, struct client *c)
{
    c->asker = (struct asker){.answered = answered, .told = told};
    till_join_asker(t, &c->asker);
    greet(t, c);
}

void commands_close(struct till *t, struct client *c)
{
    till_leave_asker(t, &c->asker);
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
    while (c->used && c->asker.busy == VERB_NONE && !t->quit && has_room(c)) {
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
            refuse(c, "FORMAT", "A command has at most %d characters.", TILL_LINE_MAX - 1);
        }
        c->asked = true;
    }
}

void commands_input(struct till *t, struct client *c)
{
    take_lines(t, c);
    if (!c->used || c->ended || !c->readable || c->in_size == sizeof c->in) {
        if (c->used && c->in_size == sizeof c->in && c->asker.busy == VERB_NONE && has_room(c) &&
            !memchr(c->in, '\n', c->in_size)) {
            refuse(c, "FORMAT", "A command has at most %d characters.", TILL_LINE_MAX - 1);
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
    if (c->person && c->asked && c->asker.busy == VERB_NONE && !t->quit) {
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
    if (c->ended && c->out_size == 0 && c->asker.busy == VERB_NONE) {
        bool last = c->person; /* the cashier has gone home */
        commands_close(t, c);
        if (last)
            till_quit(t);
    }
}

int64_t commands_due_ms(const struct till *t)
{
    for (int i = 0; i < TILL_CLIENTS_MAX; i++) {
        const struct client *c = &t->clients[i];
        if (c->used && c->asker.busy == VERB_NONE && has_room(c) && memchr(c->in, '\n', c->in_size))
            return 0; /* more commands came than one turn took */
    }
    return INT64_MAX;
}
