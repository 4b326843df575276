/* commands.c - commands in, answers out: "ok key=value ..." or "error CODE sentence" for a
 * register, sentences for a person.  A client's commands are answered in order; one that waits
 * holds up only its own client.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/commands.h"

#include "base/crash.h"
#include "base/date.h"
#include "hw/clock.h"
#include "terminal/till.h"
#include "terminal/words.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

const char commands_help[] =
    "  tap [TIMEOUT_MS]                        wait for a card and say who it is\n"
    "  identify phone|code|member VALUE        who it is, without a card\n"
    "  line SKU QTY AMOUNT_MINOR [CATEGORY]    one line of the bill, in pence or cents\n"
    "  void N                                  take line N off the bill\n"
    "  total [AMOUNT_MINOR]                    close the bill (or only its total): what it earns\n"
    "  coupon CODE                             an e-coupon was shown\n"
    "  redeem N|max|money:AMOUNT|reward:CODE [STEP] [alone] [pin=PIN] [ref=R] [wait=MS]   take points\n"
    "  pay [TENDER:AMOUNT ...] [ref=R]         the rest is paid: finish the sale\n"
    "  giveup                                  the card in doubt does not come back: the member "
    "pays whole\n"
    "  cancel                                  no sale\n"
    "  refund RECEIPT all|money:AMOUNT|SKU:QTY:AMOUNT,... [ref=R]   goods or money come back\n"
    "  receipt RECEIPT                         look at a sale of this till\n"
    "  bill REF                                what became of a reference\n"
    "  grant POINTS REASON                     give points; ungrant RECEIPT takes them back\n"
    "  join                                    the card that is nobody's becomes a new member's\n"
    "  person consent PHONE|- [NAME]           who the member is, for head office\n"
    "  replace [TIMEOUT_MS]                    the next card takes the place of the lost one\n"
    "  rate 1|2|3 [RECEIPT]                    satisfied; and will return; will recommend us\n"
    "  login [NUMBER PIN] | logout             with the badge, or by number and PIN\n"
    "  approve [NUMBER PIN]                    a supervisor allows what is asked next\n"
    "  park | resume N                         put the bill aside, take it up again\n"
    "  shift                                   what was sold since login\n"
    "  train on|off                            nothing counts\n"
    "  reprint RECEIPT                         print a receipt again, marked COPY\n"
    "  unprint                                 do not print the receipts that wait\n"
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
    if (r->kind == TXN_GRANT || r->kind == TXN_JOIN || r->kind == TXN_RATING)
        put(c, "ok entry=%s member=%s points=%" PRId64 "\n", entry, r->member ? who : "-",
            points_n(r->earned));
    else if (r->refund)
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

static void put_known(struct till *t, struct client *c)
{
    static const char *const means[] = {"none", "card", "sun",  "tag",     "uid",
                                        "code", "phone", "pass", "register"};
    const struct sale *s = &t->sale;
    char who[MEMBER_TEXT_SIZE];
    member_text(who, s->member);
    put(c, "ok state=%s member=%s tier=%s means=%s spendable=%" PRId64 " pending=%" PRId64 " online=%s\n",
        sale_state_text(s->state), s->member ? who : "-", or_dash(s->tier), means[s->means],
        points_n(s->spendable), points_n(t->facts.pending), yes(s->online));
}

static void put_shift(struct till *t, struct client *c)
{
    const struct view_shift *v = &t->people.shift;
    char since[TIME_TEXT_SIZE];
    time_text(since, v->since_s);
    put(c,
        "%scashier=%u since=%s sales=%d sold=%" PRId64 " by_points=%" PRId64 " earned=%" PRId64
        " redeemed=%" PRId64 " refunds=%d given_back=%" PRId64 " grants=%d granted=%" PRId64
        " joins=%d ratings=%d,%d,%d\n",
        c->person ? "  " : "ok ", t->people.cashier.id, since, v->sales, money_minor(v->sold),
        money_minor(v->by_points), points_n(v->earned), points_n(v->redeemed), v->refunds,
        money_minor(v->given_back), v->grants, points_n(v->granted), v->joins, v->ratings[0],
        v->ratings[1], v->ratings[2]);
}

static void put_looked_at(struct till *t, struct client *c)
{
    const struct txn *o = &t->original;
    char entry[ENTRY_TEXT_SIZE], who[MEMBER_TEXT_SIZE];
    entry_text(entry, o->id);
    member_text(who, o->member);
    struct money left = rules_money_left(o->lines, o->line_count, t->left, t->given, NULL);
    put(c, "%sreceipt=%s member=%s total=%" PRId64 " by_points=%" PRId64 " earned=%" PRId64 " lines=%d left=%" PRId64 "\n",
        c->person ? "  " : "ok ", entry, o->member ? who : "-", money_minor(o->total),
        money_minor(o->redeemed_value), points_n(o->points), o->line_count, money_minor(left));
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
    case VERB_COUPON:
    case VERB_RESUME:
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
    case VERB_IDENTIFY:
        put_known(t, c);
        return;
    case VERB_SHIFT:
        put_shift(t, c);
        return;
    case VERB_RECEIPT:
        put_looked_at(t, c);
        return;
    case VERB_LOGIN:
        put(c, "ok cashier=%u supervisor=%s\n", t->people.cashier.id,
            yes(t->people.cashier.role == STAFF_SUPERVISOR));
        return;
    case VERB_PARK:
        put(c, "ok parked=%d\n", t->people.parked_last);
        return;
    case VERB_TRAIN:
        put(c, "ok training=%s\n", yes(t->training));
        return;
    case VERB_QUIT:
    case VERB_GRANT:
    case VERB_JOIN:
    case VERB_PERSON:
    case VERB_REPLACE:
    case VERB_RATE:
    case VERB_LOGOUT:
    case VERB_APPROVE:
    case VERB_REPRINT:
    case VERB_UNPRINT:
    case VERB_DRAWER:
        put(c, "ok\n");
        return;
    case VERB_TAP:
        if (s->state == SALE_DEBITED)
            put_debit(t, c);
        else if (s->means != MEANS_NONE && s->means != MEANS_CARD)
            put_known(t, c);
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

/* ---- commands ---- */

static bool waits_for_card(const struct till *t, const struct client *c)
{
    return c->asker.busy == VERB_TAP || c->asker.busy == VERB_REPLACE ||
           (c->asker.busy == VERB_REDEEM && t->tap.job == JOB_DEBIT && t->tap.at == AT_CARD);
}

static void carry_out(struct till *t, struct client *c, char *line)
{
    struct words w;
    struct command command;
    struct errmsg why = {""};
    enum err e = words_read(&w, &command, line, t->back, &why);
    if (!e)
        till_ask(t, &c->asker, &command);
    else if (e != ERR_NOT_FOUND)
        refuse(c, "FORMAT", "%s", why.text);
    bytes_wipe(&w, sizeof w); /* a PIN may have been in it */
    if (c->person && !e && waits_for_card(t, c))
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
    c->asker = (struct asker){.answered = answered, .told = told, .person = c->person};
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
        bytes_wipe(c->in + c->in_size, next);
        if (good) {
            line[size] = 0;
            carry_out(t, c, line);
            bytes_wipe(line, sizeof line);
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
