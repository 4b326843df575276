/* api_cards.c - operations on cards: batches, lost, found, replaced, and who has heard of it.  The work is in cards.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "base/tr.h"
#include "office/console/api.h"
#include "office/members/cards.h"
#include "office/members/clerk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEE = ROLE_CLERK | ROLE_CONTROLLER | ROLE_APPROVER | ROLE_AUDITOR, HOT_ROWS = 500 };

static json_t *rows_in(struct api_call *c, const char *name)
{
    json_t *rows = json_array();
    json_object_set_new(c->out, name, rows);
    return rows;
}

static enum err card_of(const char *text, struct card_uid *out, struct errmsg *why)
{
    return uid_parse(out, text) ? err_set(why, ERR_FORMAT, tr("a card's number has 14 letters and digits")) : OK;
}

static enum err batch_of(const char *text, int64_t *out, struct errmsg *why)
{
    char *end;
    *out = strtoll(text, &end, 10);
    return *end || *out < 1 ? err_set(why, ERR_FORMAT, tr("a batch has a number")) : OK;
}

/* ---- batches ---- */

static enum err order_batch(struct api_call *c, struct errmsg *why)
{
    int64_t batch = 0, count = api_int(c->in, "count", 0);
    struct batch_wanted w = {.kind = api_text(c->in, "kind"), .shop = api_text(c->in, "shop"), .last_day = DAY_NEVER};
    enum err e = *api_text(c->in, "last_day") ? api_day(api_text(c->in, "last_day"), &w.last_day, why) : OK;
    w.count = count < 0 || count > INT32_MAX ? 0 : (int32_t)count;
    if (!e)
        e = cards_order(c->office->books, &w, c->user.id, c->now_s, &batch, why);
    json_object_set_new(c->out, "batch", json_integer((json_int_t)batch));
    return e;
}

static enum err move_batch(struct api_call *c, struct errmsg *why)
{
    int64_t batch;
    enum err e = batch_of(c->arg[0], &batch, why);
    json_object_set_new(c->out, "batch", json_integer((json_int_t)batch));
    snprintf(c->audit, sizeof c->audit, "%s", api_text(c->in, "state"));
    return e ? e : cards_move_batch(c->office->books, batch, api_text(c->in, "state"), c->now_s, why);
}

static enum err list_batches(struct api_call *c, struct errmsg *why)
{
    return cards_batches(c->office->books, rows_in(c, "rows"), why);
}

static enum err show_batch(struct api_call *c, struct errmsg *why)
{
    int64_t batch;
    enum err e = batch_of(c->arg[0], &batch, why);
    json_t *rows = rows_in(c, "rows");
    return e ? e : cards_of_batch(c->office->books, batch, rows, why);
}

/* ---- one card ---- */

static enum err show_card(struct api_call *c, struct errmsg *why)
{
    struct card_uid uid;
    enum err e = card_of(c->arg[0], &uid, why);
    return e ? e : cards_show(c->office->books, &uid, c->out, why);
}

static enum err card_happened(struct api_call *c, struct errmsg *why)
{
    struct card_uid uid;
    enum card_event event;
    enum err e = card_of(c->arg[0], &uid, why);
    if (!e)
        e = cards_event_of(api_text(c->in, "event"), &event, why);
    json_object_set_new(c->out, "card", json_string(c->arg[0]));
    snprintf(c->audit, sizeof c->audit, "%s", api_text(c->in, "event"));
    return e ? e : cards_happened(c->office->books, &uid, event, api_text(c->in, "note"), c->user.id, c->now_s, why);
}

static enum err bind_card(struct api_call *c, struct errmsg *why)
{
    struct card_uid uid;
    member_id member;
    enum err e = card_of(c->arg[0], &uid, why);
    if (!e)
        e = api_member(api_text(c->in, "member"), &member, why);
    json_object_set_new(c->out, "card", json_string(c->arg[0]));
    if (!e)
        snprintf(c->audit, sizeof c->audit, "to M%llu", (unsigned long long)member);
    return e ? e : cards_bind(c->office->books, &uid, member, c->user.id, c->now_s, why);
}

static enum err replace_card(struct api_call *c, struct errmsg *why)
{
    struct card_uid lost, fresh;
    const char *reason = api_text(c->in, "reason");
    enum err e = card_of(c->arg[0], &lost, why);
    if (!e)
        e = card_of(api_text(c->in, "by"), &fresh, why);
    if (!e && (!*reason || strlen(reason) >= TXN_REASON_SIZE))
        e = err_set(why, ERR_FORMAT, tr("say why, in at most %d bytes"), TXN_REASON_SIZE - 1);
    json_object_set_new(c->out, "card", json_string(api_text(c->in, "by")));
    snprintf(c->audit, sizeof c->audit, "by %.14s", api_text(c->in, "by"));
    return e ? e : books_replace_card(c->office->books, &lost, &fresh, reason, c->user.id, c->now_s, why);
}

static enum err set_card_end(struct api_call *c, struct errmsg *why)
{
    struct card_uid uid;
    int32_t day = DAY_NEVER;
    enum err e = card_of(c->arg[0], &uid, why);
    if (!e && *api_text(c->in, "last_day"))
        e = api_day(api_text(c->in, "last_day"), &day, why);
    json_object_set_new(c->out, "card", json_string(c->arg[0]));
    snprintf(c->audit, sizeof c->audit, "%s", api_text(c->in, "last_day"));
    return e ? e : cards_set_end(c->office->books, &uid, day, why);
}

/* ---- who has heard of it ---- */

static enum err list_hot(struct api_call *c, struct errmsg *why)
{
    return cards_hot(c->office->books, HOT_ROWS, rows_in(c, "rows"), why);
}

static enum err list_hot_tills(struct api_call *c, struct errmsg *why)
{
    int64_t version = 0;
    enum err e = cards_tills(c->office->books, &version, rows_in(c, "rows"), why);
    json_object_set_new(c->out, "version", json_integer((json_int_t)version));
    return e;
}

#define HOT_ROW                                                                                    \
    "version:int! card:text! status:text! member:text time:time entry:text! reason:text! user:int!" \
    " tills_have:int! tills_missing:int!"

const struct api_op api_cards[] = {
    {"GET", "/api/batches", "list_batches", "Batches of cards that were ordered, and how far they are", SEE, API_READ,
     NULL, NULL,
     "rows:[batch:int! count:int! kind:text! shop:text! state:text! last_day:day ordered:time changed:time made:int!"
     " bound:int! blocked:int!]!",
     list_batches},
    {"POST", "/api/batches", "order_batch", "Order a batch of cards; last_day is the last day they are good",
     ROLE_CLERK | ROLE_CONTROLLER, API_CHANGE, NULL, "count:int! kind:text! shop:text last_day:day", "batch:int!",
     order_batch},
    {"GET", "/api/batches/{batch}", "show_batch", "The cards of a batch", SEE, API_READ, NULL, NULL,
     "rows:[card:text! made:time member:text status:text!]!", show_batch},
    {"POST", "/api/batches/{batch}/state", "move_batch", "A batch is made, sent, in shop, or cancelled",
     ROLE_CLERK | ROLE_CONTROLLER, API_CHANGE, NULL, "state:text!", "batch:int!", move_batch},
    {"GET", "/api/cards/{card}", "show_card",
     "A card: whose, how it is, what happened to it, and which tills have not heard of that", SEE, API_READ, NULL, NULL,
     "card:text! member:text status:text! kind:text! points:points! batch:int last_day:day replaced_by:text uses:int!"
     " changes:[" HOT_ROW "]! missing:[till:int! shop:text! contact:time]!",
     show_card},
    {"POST", "/api/cards/{card}/happened", "card_happened",
     "A card is lost, stolen or found; the note stays in the ledger for ever, so no names", ROLE_CLERK, API_CHANGE, NULL,
     "event:text! note:text", "card:text!", card_happened},
    {"POST", "/api/cards/{card}/bind", "bind_card", "A card that is nobody's becomes a member's", ROLE_CLERK, API_CHANGE,
     NULL, "member:text!", "card:text!", bind_card},
    {"POST", "/api/cards/{card}/replace", "replace_card",
     "A new card takes the place of this one, which is blocked for ever; what it carried goes to the member", ROLE_CLERK,
     API_CHANGE, NULL, "by:text! reason:text!", "card:text!", replace_card},
    {"POST", "/api/cards/{card}/last-day", "set_card_end", "The last day this card is good; null = its batch says",
     ROLE_CLERK, API_CHANGE, NULL, "last_day:day", "card:text!", set_card_end},
    {"GET", "/api/hot", "list_hot", "Cards blocked, found and replaced, newest first, and how many tills know", SEE,
     API_READ, NULL, NULL, "rows:[" HOT_ROW "]!", list_hot},
    {"GET", "/api/hot/tills", "list_hot_tills", "What of that each till has got", SEE | ROLE_ADMIN, API_READ, NULL, NULL,
     "version:int! rows:[till:int! shop:text! contact:time version:int! missing:int!]!", list_hot_tills},
    {0},
};
