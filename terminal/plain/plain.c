/* plain.c - see plain.h.  Read on_ask (what may be started), then command_of and answered_step (how it goes on).
 *
 *   identify   WHO
 *   award      WHO -> LINES.. -> TOTAL -> [REDEEM] -> PAY
 *   redeem     WHO -> REDEEM
 *   refund     REFUND
 *   a ref found unfinished:  SETTLE -> [REDEEM] -> PAY
 *   refused:   CANCEL, then the refusal is told.  In doubt nothing is cancelled: the same request goes on with it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/plain/plain.h"

#include "base/date.h"
#include "hw/clock.h"
#include "terminal/ask.h"
#include "terminal/plain/plain_json.h"
#include "terminal/plain/registers.h"
#include "terminal/till.h"
#include "terminal/view.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

extern const char docs_openapi_json[];

enum {
    ANSWER_MAX = 4096,
    KNOWN_MS = 180000 /* a member identified here and not sold to is let go of after that */
};
static const char door_name[] = "http";

enum step { STEP_NONE, STEP_WHO, STEP_COUPONS, STEP_LINES, STEP_TOTAL, STEP_REDEEM, STEP_PAY, STEP_REFUND, STEP_SETTLE, STEP_CANCEL };

/* Who was identified here last, as the sale knew them then. */
struct known {
    char id[TXN_NAME_SIZE]; /* "" = nobody */
    char asker[REGISTER_NAME_SIZE];
    enum txn_means means;
    member_id member;
    struct card_uid card;
    uint8_t token[TXN_TOKEN_SIZE]; /* off line it is all that tells one telephone from another */
    int64_t until_ms;
};

struct plain {
    struct till_extra extra; /* first */
    struct till *t;
    struct http *http;
    const char *home;
    int64_t now_ms;
    struct known known;

    /* the one request that the sale is asked for */
    struct asker asker;
    enum step step;
    struct http_request *r; /* NULL: nobody waits for its answer any more */
    char by[REGISTER_NAME_SIZE];
    struct plain_ask ask;
    uint8_t digest[32];
    uint32_t memo_id; /* of its open memo; 0 = none yet */
    int32_t line;     /* LINES: the next one */
    int32_t coupon;   /* COUPONS: the next one */
    bool cancelled;   /* by its own register */
    bool answered;    /* the till has answered: */
    char code[16];    /* "" = it was done */
    char said[320];
    bool has_receipt;
    struct sale_receipt receipt;
    char refused[16]; /* CANCEL: what is told after it */
    char why[320];
    size_t reply_size;
    uint8_t reply[ANSWER_MAX]; /* as in the memo; 0 = not written by this request */
};

static struct plain *plain_of(struct asker *a)
{
    return (struct plain *)((char *)a - offsetof(struct plain, asker));
}

/* ---- replies ---- */

static void reply_error(struct http_request *r, const char *code, const char *message)
{
    uint8_t room[ANSWER_MAX];
    struct buf body = BUF_ON(room);
    int status = plain_error(&body, code, message);
    static const struct http_header bearer = {"WWW-Authenticate", "Bearer"};
    http_reply(r, status, NULL, room, body.size, &bearer, status == 401);
}

static void reply_json(struct http_request *r, json_t *v)
{
    uint8_t room[ANSWER_MAX];
    struct buf body = BUF_ON(room);
    if (plain_write(&body, v))
        http_reply(r, 200, NULL, room, body.size, NULL, 0);
    else
        reply_error(r, "OTHER", "The answer is too long.");
}

static void refuse_body(struct buf *body, int status, const char *sentence)
{
    (void)plain_error(body,
                      status == 404   ? "PATH"
                      : status == 405 ? "METHOD"
                      : status == 413 ? "TOO_LARGE"
                                      : "FORMAT",
                      sentence);
}

static json_t *time_json(int64_t time_s)
{
    char text[TIME_TEXT_SIZE];
    if (!time_s)
        return json_null();
    time_text(text, time_s);
    return json_string(text);
}

static json_t *member_json(member_id member)
{
    char text[MEMBER_TEXT_SIZE];
    if (!member)
        return json_null();
    member_text(text, member);
    return json_string(text);
}

static json_t *points_json(struct points p)
{
    return json_integer(points_n(p));
}

/* What an award, a redemption or a refund came to. */
static bool write_receipt(struct buf *out, const char *ref, const struct sale_receipt *r, int32_t digits)
{
    char entry[ENTRY_TEXT_SIZE];
    entry_text(entry, r->entry);
    json_t *v = json_pack("{s:o,s:s,s:o,s:o,s:o}", "ref", plain_text(ref), "receipt", entry, "time",
                          time_json(r->time_s), "member", member_json(r->member), "total",
                          plain_money_json(r->total, digits));
    if (v && r->refund)
        (void)json_object_update_new(
            v, json_pack("{s:o,s:o,s:o,s:o}", "to_points", plain_money_json(r->by_points, digits), "to_money",
                         plain_money_json(r->due, digits), "taken_back", points_json(r->earned), "given_back",
                         points_json(r->redeemed)));
    else if (v)
        (void)json_object_update_new(
            v, json_pack("{s:o,s:o,s:o,s:o,s:o,s:b}", "tier", plain_text(r->tier), "by_points",
                         plain_money_json(r->by_points, digits), "due", plain_money_json(r->due, digits),
                         "earned", points_json(r->earned), "redeemed", points_json(r->redeemed), "in_doubt",
                         r->commit == COMMIT_DOUBT));
    return plain_write(out, v);
}

static int32_t digits_of(const struct till *t)
{
    const struct pack *pack = t->packs.in_effect;
    return pack ? pack->currency_digits : 2;
}

/* ---- who asks ---- */

/* NULL: answered 401.  The file is read anew each time: a token made or taken away holds at once. */
static const char *register_of(struct plain *p, struct http_request *r, char name[REGISTER_NAME_SIZE])
{
    static const char scheme[] = "Bearer ";
    struct registers registers;
    struct errmsg why = {""};
    const char *header = http_header(r, "Authorization");
    bool bearer = header && strncasecmp(header, scheme, sizeof scheme - 1) == 0;
    if (registers_load(&registers, p->home, &why))
        till_tell(p->t, "%s", why.text);
    const char *found = registers_find(&registers, bearer ? header + sizeof scheme - 1 : "");
    if (!found) {
        reply_error(r, "TOKEN", "The token is missing or not known here.");
        return NULL;
    }
    snprintf(name, REGISTER_NAME_SIZE, "%s", found);
    if (sale_is_idle(&p->t->sale)) /* after a start, or a day's end, nobody may have chosen */
        packs_choose(p->t, day_of_time(clock_now_s()));
    return name;
}

/* ---- what is known of a reference ---- */

static const char unreadable[] = "The till's journal cannot be read.";
enum past { PAST_NEW, PAST_DONE, PAST_UNFINISHED, PAST_OTHER /* t->known: its entry */, PAST_UNREADABLE };

static bool in_hand(const struct till *t, const char *ref)
{
    return !sale_is_idle(&t->sale) && t->sale.state != SALE_IDENTIFIED && strcmp(t->sale.t.ref, ref) == 0;
}

/* An unfinished memo whose sale was closed later, by whoever: its answer follows from the entry. */
static bool complete(struct plain *p, struct journal_memo *memo, const char *ref, struct buf *reply)
{
    struct till *t = p->t;
    struct errmsg why = {""};
    struct buf entry = BUF_ON(t->entry);
    struct sale_receipt receipt;
    enum err e = journal_find_ref(t->journal, ref, &entry, &why);
    if (till_read(&t->known, e, &entry, &why))
        return false;
    sale_receipt_of(&receipt, &t->known);
    reply->size = 0;
    if (!write_receipt(reply, ref, &receipt, digits_of(t)))
        return false;
    memo->open = false;
    memo->entry = receipt.entry;
    memo->reply = buf_bytes(reply);
    if (journal_memo_save(t->journal, memo, &why)) /* the next one who asks tries it again */
        till_tell(t, "%s", why.text);
    return true;
}

/* memo and reply: DONE, UNFINISHED.  DONE: reply is what was answered. */
static enum past past_of(struct plain *p, const char *by, const char *ref, struct journal_memo *memo,
                         struct buf *reply)
{
    struct till *t = p->t;
    struct errmsg why = {""};
    enum err e = journal_memo_find(t->journal, door_name, by, ref, memo, reply, &why);
    if (e == OK && !memo->open)
        return PAST_DONE;
    if (e == OK && !in_hand(t, ref) && complete(p, memo, ref, reply))
        return PAST_DONE;
    if (e == OK)
        return PAST_UNFINISHED;
    if (e != ERR_NOT_FOUND)
        return PAST_UNREADABLE;
    struct buf entry = BUF_ON(t->entry);
    e = journal_find_ref(t->journal, ref, &entry, &why);
    e = till_read(&t->known, e, &entry, &why);
    return e == OK ? PAST_OTHER : e == ERR_NOT_FOUND ? PAST_NEW : PAST_UNREADABLE;
}

/* PAST_OTHER: by somebody else, or so long ago that its memo is gone: it cannot be compared. */
static void reply_other(struct plain *p, struct http_request *r)
{
    char entry[ENTRY_TEXT_SIZE], message[160];
    entry_text(entry, p->t->known.id);
    snprintf(message, sizeof message, "This ref closed %s before: not by this register, or too long ago to be compared.",
             entry);
    reply_error(r, "CONFLICT", message);
}

/* ---- the request that is under way ---- */

static bool is_known(const struct plain *p, const char *by)
{
    const struct sale *s = &p->t->sale;
    const struct known *k = &p->known;
    return k->id[0] && strcmp(k->asker, by) == 0 && s->state == SALE_IDENTIFIED && s->t.line_count == 0 &&
           s->means == k->means && s->member == k->member && uid_equal(&s->card, &k->card) &&
           memcmp(s->token, k->token, sizeof k->token) == 0;
}

/* Is the sale in hand what is left of this very request: unfinished, and to be gone on with? */
static bool is_left_over(const struct plain *p, const char *by, const struct plain_ask *ask,
                         const uint8_t digest[32], enum past past)
{
    if (!ask->ref[0] || !in_hand(p->t, ask->ref))
        return false;
    return past == PAST_UNFINISHED ||
           (strcmp(p->by, by) == 0 && strcmp(p->ask.ref, ask->ref) == 0 && memcmp(p->digest, digest, 32) == 0);
}

/* Does the sale stand as this door left it: nobody's bill, nobody identified by somebody else? */
static bool is_free(const struct plain *p)
{
    const struct sale *s = &p->t->sale;
    return s->state == SALE_DONE || (s->state == SALE_IDLE && s->t.line_count == 0 && s->t.coupon_count == 0) ||
           is_known(p, p->known.asker);
}

static void end(struct plain *p)
{
    p->step = STEP_NONE;
    p->r = NULL;
    plain_ask_wipe(&p->ask);
}

static void end_with_error(struct plain *p, const char *code, const char *message)
{
    if (p->r)
        reply_error(p->r, code, message);
    end(p);
}

static void end_with_receipt(struct plain *p)
{
    struct buf body = {.data = p->reply, .cap = sizeof p->reply, .size = p->reply_size};
    p->known.id[0] = 0;
    if (!body.size && !write_receipt(&body, p->ask.ref, &p->receipt, digits_of(p->t)))
        body.size = 0;
    if (p->r)
        http_reply(p->r, 200, NULL, p->reply, body.size, NULL, 0);
    end(p);
}

/* Never twice, not by a till that was started anew either: an award that comes late must not meet somebody else. */
static void fresh_id(char id[TXN_NAME_SIZE])
{
    uint8_t random[5];
    clock_random(random, sizeof random);
    id[0] = 'i';
    hex_encode(id + 1, random, sizeof random);
}

static json_t *stamps_json(const struct till_view *v)
{
    json_t *list = json_array();
    for (int32_t i = 0; i < v->stamp_count; i++) {
        const struct rules_stamp *s = &v->stamps[i];
        if (s->have >= 0)
            (void)json_array_append_new(list, json_pack("{s:o,s:I,s:i,s:o}", "name", plain_text(s->name), "stamps",
                                                        (json_int_t)s->have, "every", (int)s->every, "points",
                                                        points_json(s->points)));
    }
    return list;
}

static void end_with_member(struct plain *p)
{
    struct till *t = p->t;
    struct till_view *v = &t->view;
    const struct sale *s = &t->sale;
    till_view(t, v);
    p->known = (struct known){
        .means = s->means, .member = s->member, .card = s->card, .until_ms = p->now_ms + KNOWN_MS};
    memcpy(p->known.token, s->token, sizeof p->known.token);
    fresh_id(p->known.id);
    snprintf(p->known.asker, sizeof p->known.asker, "%s", p->by);
    static const char *const means[] = {"nobody", "card", "tag", "tag", "tag", "code", "phone", "pass", "member"};
    int32_t digits = digits_of(t);
    json_t *out = json_pack(
        "{s:s,s:s,s:o,s:o,s:o,s:b,s:o,s:o,s:o,s:o,s:o}", "id", p->known.id, "means", means[v->means], "member",
        member_json(v->member), "name", plain_text(v->name), "tier", plain_text(v->tier), "online", v->told,
        "spendable", points_json(v->spendable), "spendable_value", plain_money_json(v->spendable_value, digits),
        "on_card", points_json(v->purse), "at_head_office", points_json(v->held), "on_the_way",
        points_json(v->pending));
    if (out && v->told)
        (void)json_object_update_new(
            out, json_pack("{s:o,s:I,s:o,s:o,s:o}", "next_tier", plain_text(v->next_tier), "missing",
                           (json_int_t)v->missing, "expiring", points_json(v->expiring), "suggestion",
                           plain_text(v->suggestion), "stamps", stamps_json(v)));
    if (p->r)
        reply_json(p->r, out);
    else
        json_decref(out);
    end(p);
}

static void command_of(struct plain *p, struct command *c)
{
    struct plain_ask *a = &p->ask;
    *c = (struct command){.ref = a->ref, .wait_ms = a->wait_ms, .pin = a->pin[0] ? a->pin : NULL};
    switch (p->step) {
    case STEP_WHO:
        c->verb = a->who == WHO_CARD ? VERB_TAP : VERB_IDENTIFY;
        c->means = a->means;
        c->value = a->value;
        return;
    case STEP_SETTLE:
        c->verb = VERB_TAP;
        return;
    case STEP_COUPONS:
        c->verb = VERB_COUPON;
        c->value = a->coupons[p->coupon];
        return;
    case STEP_LINES:
        c->verb = VERB_LINE;
        c->line = &a->lines[p->line];
        return;
    case STEP_TOTAL:
        c->verb = VERB_TOTAL;
        c->money = a->total;
        return;
    case STEP_REDEEM:
        c->verb = VERB_REDEEM;
        c->points = a->points;
        c->money = a->money;
        c->all = a->all;
        c->reward = a->reward;
        c->alone = a->what == PLAIN_REDEEM;
        return;
    case STEP_PAY:
        c->verb = VERB_PAY;
        c->tenders = a->tenders;
        c->tender_count = a->tender_count;
        return;
    case STEP_REFUND:
        c->verb = VERB_REFUND;
        c->receipt = a->receipt;
        c->all = a->all;
        c->back = a->lines;
        c->back_count = a->line_count;
        c->money = a->money;
        return;
    case STEP_CANCEL:
        c->verb = VERB_CANCEL;
        return;
    case STEP_NONE:
        return;
    }
}

static enum step after_coupons(const struct plain_ask *a)
{
    return a->line_count ? STEP_LINES : STEP_TOTAL;
}

static enum step after_who(const struct plain_ask *a)
{
    return a->what == PLAIN_REDEEM ? STEP_REDEEM : a->coupon_count ? STEP_COUPONS : after_coupons(a);
}

/* After a doubt was settled by the card, or nothing was in doubt any more. */
static enum step after_settle(const struct plain *p)
{
    switch (p->t->sale.state) {
    case SALE_DEBITED:
        return STEP_PAY;
    case SALE_TOTALLED:
    case SALE_HOLDING:
    case SALE_IDENTIFIED:
        return p->ask.redeems ? STEP_REDEEM : STEP_PAY;
    case SALE_DOUBT:
        return STEP_SETTLE;
    case SALE_IDLE:
    case SALE_PREPARING:
    case SALE_INTENDING:
    case SALE_COMMITTING:
    case SALE_CLOSING:
    case SALE_DONE:
    case SALE_STATES:
        break;
    }
    return STEP_NONE;
}

static void refused(struct plain *p)
{
    enum sale_state state = p->t->sale.state;
    snprintf(p->refused, sizeof p->refused, "%s", p->cancelled ? "CANCELLED" : p->code);
    snprintf(p->why, sizeof p->why, "%s", p->code[0] ? p->said : "The sale was cancelled.");
    bool nothing_open = p->step == STEP_WHO || p->step == STEP_REFUND || p->step == STEP_CANCEL || p->cancelled;
    bool unfinished = state == SALE_DOUBT || state == SALE_HOLDING || state == SALE_DEBITED ||
                      p->step == STEP_SETTLE;
    if (nothing_open || unfinished)
        end_with_error(p, p->refused, p->why);
    else
        p->step = STEP_CANCEL;
}

/* The till has answered the step: what comes next? */
static void answered_step(struct plain *p)
{
    if (p->step == STEP_CANCEL) {
        end_with_error(p, p->refused, p->why);
        return;
    }
    if (p->code[0] || p->cancelled) { /* cancelled: perhaps in the very turn in which the card came */
        refused(p);
        return;
    }
    if (p->has_receipt) {
        end_with_receipt(p);
        return;
    }
    switch (p->step) {
    case STEP_WHO:
        if (p->ask.what == PLAIN_IDENTIFY)
            end_with_member(p);
        else
            p->step = after_who(&p->ask);
        return;
    case STEP_COUPONS:
        p->step = ++p->coupon < p->ask.coupon_count ? STEP_COUPONS : after_coupons(&p->ask);
        return;
    case STEP_LINES:
        p->step = ++p->line < p->ask.line_count ? STEP_LINES : STEP_TOTAL;
        return;
    case STEP_TOTAL:
        p->step = p->ask.redeems ? STEP_REDEEM : STEP_PAY;
        return;
    case STEP_REDEEM:
        p->step = STEP_PAY;
        return;
    case STEP_SETTLE:
        p->step = after_settle(p);
        if (p->step == STEP_NONE)
            end_with_error(p, "STATE", "The sale was ended at the till.");
        return;
    case STEP_PAY:
    case STEP_REFUND:
    case STEP_CANCEL:
    case STEP_NONE:
        end_with_error(p, "OTHER", p->said);
        return;
    }
}

/* Ask, as long as answers come at once. */
static void go_on(struct plain *p)
{
    while (p->step != STEP_NONE && p->asker.busy == VERB_NONE) {
        if (!p->answered) {
            struct command c;
            command_of(p, &c);
            till_ask(p->t, &p->asker, &c);
        } else {
            p->answered = false;
            answered_step(p);
        }
    }
}

static void on_answered(struct till *t, struct asker *asker, const struct answer *a)
{
    struct plain *p = plain_of(asker);
    (void)t;
    if (p->cancelled && p->answered) /* of the cancelling itself */
        return;
    p->answered = true;
    snprintf(p->code, sizeof p->code, "%s", a->code ? a->code : "");
    snprintf(p->said, sizeof p->said, "%s", a->say);
    p->has_receipt = a->receipt != NULL;
    if (a->receipt)
        p->receipt = *a->receipt;
}

/* An entry of the request is about to be written. */
static bool on_memo(struct till *t, struct asker *asker, const struct txn *entry, struct journal_memo *memo)
{
    struct plain *p = plain_of(asker);
    struct sale_receipt receipt;
    struct buf body = BUF_ON(p->reply);
    bool closes = entry->kind == TXN_SALE || entry->kind == TXN_REFUND;
    if (p->step == STEP_NONE || (!closes && entry->kind != TXN_INTENT) || strcmp(entry->ref, p->ask.ref) != 0)
        return false;
    if (!p->memo_id) { /* perhaps its own INTENT, of this same request, was written before */
        uint8_t room[ANSWER_MAX];
        struct buf old = BUF_ON(room);
        struct journal_memo found;
        if (journal_memo_find(t->journal, door_name, p->by, p->ask.ref, &found, &old, NULL) == OK && found.open)
            p->memo_id = found.id;
    }
    memo->id = p->memo_id;
    snprintf(memo->door, sizeof memo->door, "%s", door_name);
    snprintf(memo->asker, sizeof memo->asker, "%s", p->by);
    snprintf(memo->key, sizeof memo->key, "%s", p->ask.ref);
    snprintf(memo->what, sizeof memo->what, "%s", plain_what_text(p->ask.what));
    memcpy(memo->digest, p->digest, sizeof memo->digest);
    memo->open = !closes;
    memo->amount = points_n(p->ask.what == PLAIN_REDEEM ? entry->redeemed : entry->points);
    if (!closes)
        return true;
    sale_receipt_of(&receipt, entry);
    if (!write_receipt(&body, p->ask.ref, &receipt, digits_of(t)))
        return false;
    p->reply_size = body.size;
    memo->reply = buf_bytes(&body);
    return true;
}

static void on_gone(struct http_request *r)
{
    struct plain *p = r->door;
    if (p->r != r)
        return;
    p->r = NULL;
    reply_error(r, "CANCELLED", "Nobody waits for this any more."); /* nobody reads it */
    if (p->ask.what == PLAIN_IDENTIFY) {
        p->cancelled = true; /* an award goes on: its answer is kept for the same ref */
        till_ask(p->t, &p->asker, &(struct command){.verb = VERB_CANCEL});
    }
}

/* ---- requests ---- */

static void start(struct plain *p, struct http_request *r, const char *by, enum step step)
{
    p->step = step;
    p->r = r;
    p->line = p->coupon = 0;
    p->cancelled = p->answered = false;
    p->reply_size = 0;
    snprintf(p->by, sizeof p->by, "%s", by);
    r->gone = on_gone;
    go_on(p);
}

/* The same request as the one under way: it waits from now on for the same answer. */
static bool takes_over(struct plain *p, struct http_request *r, const char *by, const struct plain_ask *ask,
                       const uint8_t digest[32])
{
    if (p->step == STEP_NONE || !ask->ref[0] || strcmp(p->by, by) != 0 || strcmp(p->ask.ref, ask->ref) != 0 ||
        memcmp(p->digest, digest, 32) != 0)
        return false;
    if (p->r)
        reply_error(p->r, "CANCELLED", "The same request came again on another connection, and waits there.");
    p->r = r;
    r->gone = on_gone;
    return true;
}

static void begin(struct plain *p, struct http_request *r, const char *by, const struct plain_ask *ask,
                  const uint8_t digest[32])
{
    static const char busy[] = "The till is busy with another sale.";
    uint8_t room[ANSWER_MAX];
    struct buf reply = BUF_ON(room);
    struct journal_memo memo = {0};
    enum past past = ask->ref[0] ? past_of(p, by, ask->ref, &memo, &reply) : PAST_NEW;
    bool same = past != PAST_DONE && past != PAST_UNFINISHED ? true : memcmp(memo.digest, digest, 32) == 0;
    if (past == PAST_UNREADABLE) {
        reply_error(r, "CORRUPT", unreadable);
    } else if (past == PAST_OTHER) {
        reply_other(p, r);
    } else if (!same) {
        reply_error(r, "CONFLICT", "This ref was used before, with other contents.");
    } else if (past == PAST_DONE) {
        http_reply(r, 200, NULL, room, reply.size, NULL, 0);
    } else if (p->step != STEP_NONE) {
        reply_error(r, "BUSY", busy);
    } else if (is_left_over(p, by, ask, digest, past)) {
        p->ask = *ask;
        memcpy(p->digest, digest, 32);
        p->memo_id = memo.id;
        start(p, r, by, after_settle(p));
    } else if (p->t->training) { /* the register would take a lesson for a sale */
        reply_error(r, "TRAINING", "The till is in training mode: nothing counts.");
    } else if (!is_free(p)) {
        reply_error(r, "BUSY", busy);
    } else if (ask->what != PLAIN_IDENTIFY && ask->what != PLAIN_REFUND && ask->who == WHO_ID &&
               (strcmp(ask->id, p->known.id) != 0 || !is_known(p, by))) {
        reply_error(r, "IDENTIFY", "This member is not identified at the till any more.");
    } else {
        p->ask = *ask;
        memcpy(p->digest, digest, 32);
        p->memo_id = memo.id;
        if (ask->what == PLAIN_REFUND)
            start(p, r, by, STEP_REFUND);
        else if (ask->what != PLAIN_IDENTIFY && ask->who == WHO_ID)
            start(p, r, by, after_who(ask));
        else
            start(p, r, by, STEP_WHO);
    }
}

static void on_ask(struct plain *p, struct http_request *r, enum plain_what what)
{
    char by[REGISTER_NAME_SIZE];
    uint8_t digest[32] = {0};
    struct errmsg why = {""};
    if (!register_of(p, r, by))
        return;
    struct plain_ask *ask = malloc(sizeof *ask); /* 25 KB, not on the stack of the loop */
    const char *code = NULL;
    if (!ask) {
        code = "OTHER";
        (void)err_set(&why, ERR_FULL, "The till has no memory left.");
    } else if (!p->t->packs.in_effect) {
        code = "NO_PACK";
        (void)err_set(&why, ERR_STATE, "The till has no programme yet.");
    } else if (plain_read(ask, what, r->body, digits_of(p->t), &why) ||
               (what != PLAIN_IDENTIFY && plain_digest(digest, what, r->body, &why))) {
        code = "FORMAT";
    }
    if (code)
        reply_error(r, code, why.text);
    else if (!takes_over(p, r, by, ask, digest))
        begin(p, r, by, ask, digest);
    if (ask)
        plain_ask_wipe(ask);
    free(ask);
}

static void on_identify(void *door, struct http_request *r)
{
    on_ask(door, r, PLAIN_IDENTIFY);
}

static void on_award(void *door, struct http_request *r)
{
    on_ask(door, r, PLAIN_AWARD);
}

static void on_redeem(void *door, struct http_request *r)
{
    on_ask(door, r, PLAIN_REDEEM);
}

static void on_refund(void *door, struct http_request *r)
{
    on_ask(door, r, PLAIN_REFUND);
}

/* No customer after all: whoever waits for a card stops, whoever was identified is let go. */
static void on_forget(void *door, struct http_request *r)
{
    struct plain *p = door;
    char by[REGISTER_NAME_SIZE];
    bool did = false;
    if (!register_of(p, r, by))
        return;
    if (p->step == STEP_WHO && strcmp(p->by, by) == 0) { /* of an award too: nothing of it was done yet */
        p->cancelled = did = true;
        till_ask(p->t, &p->asker, &(struct command){.verb = VERB_CANCEL});
        go_on(p);
    } else if (p->step == STEP_NONE && is_known(p, by)) {
        did = true;
        till_ask(p->t, &p->asker, &(struct command){.verb = VERB_CANCEL});
        p->answered = false;
    }
    if (did)
        p->known.id[0] = 0;
    reply_json(r, json_pack("{s:b}", "cancelled", did));
}

static const char *part_text(enum view_part part)
{
    return part == PART_NONE ? "none" : part == PART_THERE ? "there" : "away";
}

static void on_status(void *door, struct http_request *r)
{
    struct plain *p = door;
    struct till_view *v = &p->t->view;
    char by[REGISTER_NAME_SIZE];
    if (!register_of(p, r, by))
        return;
    till_view(p->t, v);
    reply_json(r, json_pack("{s:i,s:o,s:o,s:b,s:o,s:i,s:i,s:o,s:i,s:s,s:s,s:s,s:b,s:b,s:b,s:o}", "terminal",
                            (int)v->terminal, "shop", plain_text(v->shop), "time", time_json(v->now_s), "online",
                            v->online, "contact", time_json(v->contact_s), "owed", (int)v->owed, "programme",
                            (int)v->pack_version, "currency", v->pack ? plain_text(v->pack->currency) : json_null(),
                            "digits", (int)digits_of(p->t), "reader", part_text(v->reader), "printer",
                            part_text(v->printer), "state", sale_state_text(v->state), "free",
                            p->step == STEP_NONE && is_free(p) && !v->training, "selling", v->selling, "training", v->training,
                            "trouble", v->trouble[0] ? plain_text(v->trouble) : json_null()));
}

static void on_tx(void *door, struct http_request *r)
{
    struct plain *p = door;
    char by[REGISTER_NAME_SIZE];
    uint8_t room[ANSWER_MAX];
    struct buf reply = BUF_ON(room);
    struct journal_memo memo;
    if (!register_of(p, r, by))
        return;
    if (p->step != STEP_NONE && r->rest[0] && strcmp(p->by, by) == 0 && strcmp(p->ask.ref, r->rest) == 0) {
        reply_json(r, json_pack("{s:o,s:s,s:s}", "ref", plain_text(r->rest), "what",
                                plain_what_text(p->ask.what), "state", "working"));
        return;
    }
    enum past past = strlen(r->rest) < TXN_REF_SIZE ? past_of(p, by, r->rest, &memo, &reply) : PAST_NEW;
    if (past == PAST_DONE) {
        json_t *answer = json_loadb((const char *)room, reply.size, 0, NULL);
        reply_json(r, json_pack("{s:o,s:s,s:s,s:o}", "ref", plain_text(r->rest), "what", memo.what, "state",
                                "done", "answer", answer));
    } else if (past == PAST_UNFINISHED) {
        reply_json(r, json_pack("{s:o,s:s,s:s}", "ref", plain_text(r->rest), "what", memo.what, "state",
                                !in_hand(p->t, r->rest)              ? "cancelled"
                                : p->t->sale.state == SALE_DOUBT ? "doubt"
                                                                 : "unfinished"));
    } else if (past == PAST_OTHER) {
        reply_other(p, r);
    } else if (past == PAST_UNREADABLE) {
        reply_error(r, "CORRUPT", unreadable);
    } else {
        reply_error(r, "NOT_FOUND", "Nothing is known of this ref here.");
    }
}

static void on_openapi(void *door, struct http_request *r)
{
    (void)door;
    http_reply(r, 200, NULL, docs_openapi_json, strlen(docs_openapi_json), NULL, 0);
}

/* ---- in the till's loop ---- */

static int fds(struct till_extra *x, struct pollfd *f, int cap)
{
    struct pollfd polls[HTTP_POLLS_MAX];
    int count = http_polls(((struct plain *)x)->http, polls);
    count = count < cap ? count : cap;
    memcpy(f, polls, (size_t)count * sizeof *f);
    return count;
}

static int64_t due_ms(struct till_extra *x, int64_t now_ms)
{
    const struct plain *p = (struct plain *)x;
    int64_t due = http_due_ms(p->http);
    if (p->answered && p->step != STEP_NONE)
        return now_ms;
    return p->known.id[0] && p->known.until_ms < due ? p->known.until_ms : due;
}

static void turn(struct till *t, struct till_extra *x, const struct pollfd *f, int count, int64_t now_ms)
{
    struct plain *p = (struct plain *)x;
    (void)f;
    (void)count;
    p->now_ms = now_ms;
    http_turn(p->http, now_ms);
    go_on(p);
    bool there = is_known(p, p->known.asker);
    if (p->known.id[0] && (now_ms >= p->known.until_ms || (!there && p->step == STEP_NONE))) {
        if (p->step == STEP_NONE && there) {
            till_ask(t, &p->asker, &(struct command){.verb = VERB_CANCEL});
            p->answered = false;
        }
        p->known.id[0] = 0;
    }
}

enum err plain_open(struct plain **out, struct till *t, const char *home, const struct http_config *config,
                    struct errmsg *why)
{
    struct registers registers;
    struct http_config own = *config;
    struct plain *p = calloc(1, sizeof *p);
    *out = NULL;
    if (!p)
        return err_set(why, ERR_FULL, "no memory for a door");
    own.refuse = refuse_body;
    p->t = t;
    p->home = home;
    enum err e = registers_load(&registers, home, why);
    if (!e)
        e = http_open(&p->http, &own, why);
    if (e) {
        free(p);
        return e;
    }
    http_route(p->http, "GET", "/v1/status", p, on_status);
    http_route(p->http, "POST", "/v1/identify", p, on_identify);
    http_route(p->http, "DELETE", "/v1/identify", p, on_forget);
    http_route(p->http, "POST", "/v1/award", p, on_award);
    http_route(p->http, "POST", "/v1/redeem", p, on_redeem);
    http_route(p->http, "POST", "/v1/refund", p, on_refund);
    http_route(p->http, "GET", "/v1/tx/", p, on_tx);
    http_route(p->http, "GET", "/v1/openapi.json", p, on_openapi);
    p->asker.answered = on_answered;
    p->asker.memo = on_memo;
    p->extra = (struct till_extra){.fds = fds, .due_ms = due_ms, .turn = turn};
    till_join_asker(t, &p->asker);
    till_add_extra(t, &p->extra);
    *out = p;
    return OK;
}

void plain_close(struct plain *p)
{
    if (!p)
        return;
    http_close(p->http);
    plain_ask_wipe(&p->ask);
    free(p);
}

const char *plain_address(const struct plain *p)
{
    return http_address(p->http);
}
