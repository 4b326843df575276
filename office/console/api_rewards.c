/* api_rewards.c - operations of the redemption and refund desk: rewards, vouchers, receipts.  The work is in rewards.h
 * and receipts.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "base/tr.h"
#include "office/console/api.h"
#include "office/members/people.h"
#include "office/members/receipts.h"
#include "office/members/rewards.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEE = ROLE_CLERK | ROLE_CONTROLLER | ROLE_APPROVER | ROLE_AUDITOR, ROWS = 500, PIECES_MAX = 512 };

static json_t *rows_in(struct api_call *c)
{
    json_t *rows = json_array();
    json_object_set_new(c->out, "rows", rows);
    return rows;
}

static const struct known_keys *keys_of(const struct api_call *c)
{
    return &c->office->home->known_keys;
}

static enum err receipt_of(const char *text, struct entry_id *out, struct errmsg *why)
{
    return entry_parse(out, text) || out->terminal == OFFICE_TERMINAL
               ? err_set(why, ERR_FORMAT, tr("a receipt's number is like T0007-12"))
               : OK;
}

/* ---- rewards ---- */

/* A member in the query, 0 when there is none; who is asked for is noted. */
static enum err member_asked(struct api_call *c, member_id *member, struct errmsg *why)
{
    *member = 0;
    enum err e = *api_text(c->query, "member") ? api_member(api_text(c->query, "member"), member, why) : OK;
    if (!e && *member)
        api_looked(c, *member);
    return e;
}

static enum err list_rewards(struct api_call *c, struct errmsg *why)
{
    member_id member;
    json_t *rows = rows_in(c);
    enum err e = member_asked(c, &member, why);
    return e ? e : rewards_list(c->office->books, member, c->now_s, rows, why);
}

static enum err set_stock(struct api_call *c, struct errmsg *why)
{
    int64_t stock = api_int(c->in, "stock", -1);
    json_object_set_new(c->out, "reward", json_string(c->arg[0]));
    snprintf(c->audit, sizeof c->audit, "%lld", (long long)stock);
    return rewards_set_stock(c->office->books, c->arg[0], stock, c->user.id, c->now_s, why);
}

static enum err list_redemptions(struct api_call *c, struct errmsg *why)
{
    member_id member;
    json_t *rows = rows_in(c);
    enum err e = member_asked(c, &member, why);
    return e ? e : rewards_redemptions(c->office->books, member, c->now_s, ROWS, rows, why);
}

/* The PIN counts wrong tries in a transaction of its own, so this operation has its own too; asked again, the
 * redemption's name makes it the same one. */
static enum err authorise_reward(struct api_call *c, struct errmsg *why)
{
    struct books *b = c->office->books;
    int64_t id = 0;
    struct reward_wanted w = {.reward = api_text(c->in, "reward"),
                              .points = points_of(api_int(c->in, "points", 0)),
                              .name = api_text(c->in, "name"),
                              .channel = "desk",
                              .user = c->user.id,
                              .factor = (c->user.roles & ROLE_CONTROLLER) != 0};
    enum err e = api_member(api_text(c->in, "member"), &w.member, why);
    if (!e && *api_text(c->in, "pin")) {
        e = people_check_pin(b, w.member, api_text(c->in, "pin"), c->now_s, why);
        w.factor = true;
    }
    if (!e)
        e = books_begin(b, why);
    if (e)
        return e;
    e = rewards_authorise(b, &w, c->now_s, &id, why);
    json_object_set_new(c->out, "id", json_integer((json_int_t)id));
    snprintf(c->audit, sizeof c->audit, "M%llu %s", (unsigned long long)w.member, w.reward);
    if (!e)
        return books_commit(b, why);
    books_rollback(b);
    return e;
}

static enum err confirm_reward(struct api_call *c, struct errmsg *why)
{
    int64_t id;
    enum err e = api_number(c->arg[0], INT64_MAX, &id, why);
    json_object_set_new(c->out, "id", json_integer((json_int_t)id));
    return e ? e : rewards_confirm(c->office->books, keys_of(c), id, api_bool(c->in, "voucher"), c->user.id, c->now_s, why);
}

static enum err release_reward(struct api_call *c, struct errmsg *why)
{
    int64_t id;
    enum err e = api_number(c->arg[0], INT64_MAX, &id, why);
    json_object_set_new(c->out, "id", json_integer((json_int_t)id));
    return e ? e : rewards_release(c->office->books, id, c->user.id, c->now_s, why);
}

static enum err give_back_reward(struct api_call *c, struct errmsg *why)
{
    int64_t id;
    enum err e = api_number(c->arg[0], INT64_MAX, &id, why);
    json_object_set_new(c->out, "id", json_integer((json_int_t)id));
    return e ? e : rewards_give_back(c->office->books, id, api_text(c->in, "reason"), c->user.id, c->now_s, why);
}

/* ---- vouchers ---- */

static enum err looked_voucher(struct api_call *c, int64_t id, struct errmsg *why)
{
    struct redemption r;
    enum err e = rewards_get(c->office->books, id, &r, why);
    if (!e)
        api_looked(c, r.member);
    return e ? e : voucher_show(c->office->books, id, c->now_s, c->out, why);
}

static enum err show_voucher(struct api_call *c, struct errmsg *why)
{
    int64_t id;
    char code[VOUCHER_TEXT_SIZE] = "";
    enum err e = api_number(c->arg[0], INT64_MAX, &id, why);
    if (!e)
        e = voucher_code(c->office->books, keys_of(c), id, code, why);
    json_object_set_new(c->out, "code", json_string(code));
    return e ? e : looked_voucher(c, id, why);
}

static enum err find_voucher(struct api_call *c, struct errmsg *why)
{
    int64_t id;
    enum err e = voucher_find(c->office->books, keys_of(c), api_text(c->query, "code"), &id, why);
    return e ? e : looked_voucher(c, id, why);
}

static enum err use_voucher(struct api_call *c, struct errmsg *why)
{
    int64_t id = 0;
    const char *shop = api_text(c->in, "shop");
    enum err e = strlen(shop) < TXN_NAME_SIZE ? OK : err_set(why, ERR_RANGE, tr("a shop has at most %d letters"), TXN_NAME_SIZE - 1);
    if (!e)
        e = voucher_find(c->office->books, keys_of(c), api_text(c->in, "code"), &id, why);
    json_object_set_new(c->out, "id", json_integer((json_int_t)id));
    snprintf(c->audit, sizeof c->audit, "redemption %lld", (long long)id);
    return e ? e : voucher_use(c->office->books, id, shop, c->user.id, c->now_s, why);
}

/* ---- receipts ---- */

static enum err find_receipts(struct api_call *c, struct errmsg *why)
{
    return receipts_find(c->office->books, api_text(c->query, "text"), rows_in(c), why);
}

static enum err show_receipt(struct api_call *c, struct errmsg *why)
{
    struct entry_id sale;
    member_id member;
    enum err e = receipt_of(c->arg[0], &sale, why);
    if (!e)
        e = receipts_show(c->office->books, sale, c->out, why);
    const char *whose = json_string_value(json_object_get(c->out, "member"));
    if (!e && whose && member_parse(&member, whose) == OK)
        api_looked(c, member);
    return e;
}

/* "1,0,2" */
static enum err pieces_of(const char *text, int32_t *pieces, int32_t *count, struct errmsg *why)
{
    for (*count = 0; *text;) {
        char *end;
        long n = strtol(text, &end, 10);
        if (end == text || n < 0 || n > 1000000 || *count == PIECES_MAX || (*end && *end != ','))
            return err_set(why, ERR_FORMAT, tr("pieces are numbers with commas between them, one for each line"));
        pieces[(*count)++] = (int32_t)n;
        text = *end ? end + 1 : end;
    }
    return OK;
}

static enum err try_refund(struct api_call *c, struct errmsg *why)
{
    struct entry_id sale;
    int32_t pieces[PIECES_MAX], count = 0;
    enum err e = receipt_of(c->arg[0], &sale, why);
    if (!e)
        e = pieces_of(api_text(c->query, "pieces"), pieces, &count, why);
    return e ? e : receipts_what_if(c->office->books, sale, pieces, count, c->now_s, c->out, why);
}

static enum err claim_receipt(struct api_call *c, struct errmsg *why)
{
    member_id member;
    struct entry_id sale;
    struct points points = points_of(0);
    enum err e = api_member(c->arg[0], &member, why);
    if (!e)
        e = receipt_of(api_text(c->in, "receipt"), &sale, why);
    if (!e)
        e = receipts_claim(c->office->books, member, sale, money_of(api_int(c->in, "total", -1)), c->user.id, c->now_s,
                           &points, why);
    api_put_points(c->out, "points", points);
    snprintf(c->audit, sizeof c->audit, "%.40s", api_text(c->in, "receipt"));
    return e;
}

#define VOUCHER                                                                                    \
    "id:int! member:text! reward:text! name:text! name_zh:text! points:points! state:text! last_day:day used:time"  \
    " used_at:text"

const struct api_op api_rewards[] = {
    {"GET", "/api/rewards", "list_rewards",
     "The rewards of the rules in force; for a member: their prices, what is missing, and why not", SEE | ROLE_MARKETER,
     API_LOOK, "member:text", NULL,
     "rows:[reward:text! name:text! name_zh:text! kind:text! points:points! value:money item:text! from:day to:day"
     " left:int per_member:int had:int! missing:points! why:text!]!",
     list_rewards},
    {"POST", "/api/rewards/{reward}/stock", "set_stock", "How many were put in so far, those taken included",
     ROLE_CONTROLLER | ROLE_MARKETER, API_CHANGE, NULL, "stock:int!", "reward:text!", set_stock},
    {"GET", "/api/redemptions", "list_redemptions", "Rewards set aside, had, let go and given back, newest first", SEE,
     API_LOOK, "member:text", NULL,
     "rows:[id:int! member:text! reward:text! points:points! state:text! time:time until:time channel:text! user:int!"
     " voucher:text last_day:day]!",
     list_redemptions},
    {"POST", "/api/redemptions", "authorise_reward",
     "Set points and a piece of a reward aside; name is the asker's own for it: asked again it is the same one",
     ROLE_CLERK | ROLE_CONTROLLER, API_ALONE, NULL, "member:text! reward:text! points:points name:text! pin:text", "id:int!",
     authorise_reward},
    {"POST", "/api/redemptions/{id}/confirm", "confirm_reward", "The reward is had, or a voucher for it",
     ROLE_CLERK | ROLE_CONTROLLER, API_CHANGE, NULL, "voucher:bool", "id:int!", confirm_reward},
    {"POST", "/api/redemptions/{id}/release", "release_reward", "It is not wanted: points and piece are free again",
     ROLE_CLERK | ROLE_CONTROLLER, API_CHANGE, NULL, NULL, "id:int!", release_reward},
    {"POST", "/api/redemptions/{id}/return", "give_back_reward",
     "A reward comes back: its points go to the lots they came from; the reason stays for ever, so no names",
     ROLE_CLERK | ROLE_CONTROLLER, API_CHANGE, NULL, "reason:text!", "id:int!", give_back_reward},
    {"GET", "/api/redemptions/{id}/voucher", "show_voucher", "The voucher of a redemption, with its code",
     ROLE_CLERK | ROLE_CONTROLLER, API_LOOK, NULL, NULL, "code:text! " VOUCHER, show_voucher},
    {"GET", "/api/vouchers", "find_voucher", "What a code is worth", SEE, API_LOOK, "code:text!", NULL, VOUCHER,
     find_voucher},
    {"POST", "/api/vouchers/use", "use_voucher", "A voucher is used, once", ROLE_CLERK, API_CHANGE, NULL,
     "code:text! shop:text", "id:int!", use_voucher},
    {"GET", "/api/receipts", "find_receipts", "Receipts by the number printed on them, or the cash register's own", SEE,
     API_READ, "text:text!", NULL,
     "rows:[receipt:text! time:time shop:text! member:text total:money! earned:points! redeemed:points! register:text!]!",
     find_receipts},
    {"GET", "/api/receipts/{receipt}", "show_receipt", "A receipt, what it earned and why, what came back of it", SEE,
     API_LOOK, NULL, NULL,
     "receipt:text! register:text! time:time till:int! shop:text! member:text total:money! earned:points! redeemed:points!"
     " redeemed_value:money! redeemed_back:points! why:text!"
     " lines:[item:text! category:text! quantity:int! amount:money! left:int!]!"
     " refunds:[entry:text! time:time total:money! clawed:points! points_back:points! let_go:points! why:text!]!",
     show_receipt},
    {"GET", "/api/receipts/{receipt}/refund", "try_refund",
     "What a refund would do, and at which till it is to be done; nothing changes.  pieces of each line, \"1,0,2\"; without: all",
     SEE, API_READ, "pieces:text", NULL,
     "money:money! clawed:points! points_back:points! let_go:points! why:text! held_before:points! held_after:points!"
     " owed_after:points! till:int! shop:text!",
     try_refund},
    {"POST", "/api/members/{member}/claims", "claim_receipt",
     "A receipt that named nobody becomes the member's, by its number and total", ROLE_CLERK, API_ALONE, NULL,
     "receipt:text! total:money!", "points:points!", claim_receipt},
    {0},
};
