/* api_mine.c - operations of the member page: every one of them is about who is logged in, and about nobody else.
 * The work is in mine.h, profile.h, rewards.h, receipts.h and care's modules.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "base/tr.h"
#include "office/console/api_serve.h"
#include "office/care/complaint.h"
#include "office/care/feedback.h"
#include "office/members/mine.h"
#include "office/members/profile.h"
#include "office/members/receipts.h"
#include "office/care/referral.h"
#include "office/members/rewards.h"
#include "office/console/users.h"
#include "sync/member_code.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HISTORY_ROWS = 300, VOUCHER_ROWS = 100, COMPLAINT_ROWS = 100 };

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

static struct profile_by by_page(const struct api_call *c)
{
    return (struct profile_by){.channel = "page", .now_s = c->now_s};
}

/* ---- log in ---- */

static enum err ask_code(struct api_call *c, struct errmsg *why)
{
    struct books *b = c->office->books;
    enum err e = books_begin(b, why);
    if (e)
        return e;
    json_object_set_new(c->out, "minutes", json_integer(MINE_CODE_S / 60));
    e = mine_ask_code(b, keys_of(c), api_text(c->in, "name"), c->request->from, c->now_s, c->request->utc_s, why);
    if (!e)
        return books_commit(b, why);
    books_rollback(b);
    return e;
}

static enum err log_in(struct api_call *c, struct errmsg *why)
{
    member_id member = 0;
    char text[LOGIN_TEXT_SIZE];
    struct books *b = c->office->books;
    enum err e = mine_log_in(b, keys_of(c), api_text(c->in, "name"), api_text(c->in, "code"), c->now_s, c->request->utc_s,
                             &member, why);
    if (!e)
        e = login_begin(b, 0, member, NEXT_NOTHING, "", c->request->utc_s, text, why);
    if (e)
        return e;
    snprintf(c->session, sizeof c->session, "%s", text);
    snprintf(c->audit, sizeof c->audit, "M%llu", (unsigned long long)member);
    api_put_member(c->out, "member", member);
    return OK;
}

/* ---- what I have ---- */

static enum err show_mine(struct api_call *c, struct errmsg *why)
{
    return mine_show(c->office->books, c->user.member, c->now_s, c->out, why);
}

static enum err my_history(struct api_call *c, struct errmsg *why)
{
    return mine_history(c->office->books, c->user.member, HISTORY_ROWS, rows_in(c), why);
}

static enum err my_rewards(struct api_call *c, struct errmsg *why)
{
    return rewards_list(c->office->books, c->user.member, c->now_s, rows_in(c), why);
}

static enum err my_vouchers(struct api_call *c, struct errmsg *why)
{
    return rewards_redemptions(c->office->books, c->user.member, c->now_s, VOUCHER_ROWS, rows_in(c), why);
}

static enum err redeem(struct api_call *c, struct errmsg *why)
{
    int64_t id = 0;
    struct mine_redeem in = {.member = c->user.member,
                             .reward = api_text(c->in, "reward"),
                             .name = api_text(c->in, "name"),
                             .pin = api_text(c->in, "pin"),
                             .points = points_of(api_int(c->in, "points", 0))};
    enum err e = mine_redeem(c->office->books, keys_of(c), &in, c->now_s, &id, why);
    json_object_set_new(c->out, "id", json_integer((json_int_t)id));
    return e;
}

static enum err put_qr(struct api_call *c, const char *text, struct errmsg *why)
{
    json_t *qr = mine_qr(text);
    if (!qr)
        return err_set(why, ERR_FULL, tr("this does not fit into a QR code"));
    json_object_set_new(c->out, "qr", qr);
    return OK;
}

static enum err my_voucher(struct api_call *c, struct errmsg *why)
{
    struct redemption r;
    char code[VOUCHER_TEXT_SIZE];
    struct books *b = c->office->books;
    enum err e = rewards_get(b, strtoll(c->arg[0], NULL, 10), &r, why);
    if (!e && r.member != c->user.member)
        e = err_set(why, ERR_NOT_FOUND, tr("this is no voucher of yours"));
    if (!e)
        e = voucher_code(b, keys_of(c), r.id, code, why);
    if (!e)
        e = voucher_show(b, r.id, c->now_s, c->out, why);
    if (e)
        return e;
    json_object_set_new(c->out, "code", json_string(code));
    return put_qr(c, code, why);
}

/* ---- my codes ---- */

static enum err my_code(struct api_call *c, struct errmsg *why)
{
    char text[MEMBER_CODE_TEXT_SIZE];
    enum err e = member_code_make(text, c->user.member, c->now_s, &c->office->home->code_key, why);
    if (e)
        return e;
    json_object_set_new(c->out, "code", json_string(text));
    json_object_set_new(c->out, "seconds", json_integer(MEMBER_CODE_VALID_S));
    return put_qr(c, text, why);
}

static enum err my_referral(struct api_call *c, struct errmsg *why)
{
    char code[REFERRAL_CODE_SIZE];
    enum err e = referral_code(c->office->books, c->user.member, code, why);
    if (e)
        return e;
    json_object_set_new(c->out, "code", json_string(code));
    return put_qr(c, code, why);
}

static enum err brought_by(struct api_call *c, struct errmsg *why)
{
    return referral_claim(c->office->books, api_text(c->in, "code"), c->user.member, c->now_s, why);
}

/* ---- what I agreed to ---- */

static enum err my_consent(struct api_call *c, struct errmsg *why)
{
    struct books *b = c->office->books;
    json_t *rows = rows_in(c), *now = json_object();
    enum err e = OK;
    json_object_set_new(c->out, "consent", now);
    for (int i = 0; i < PURPOSE_COUNT && !e; i++) {
        bool given = false;
        e = profile_may(b, c->user.member, (enum profile_purpose)i, &given, why);
        json_object_set_new(now, profile_purpose_name((enum profile_purpose)i), json_boolean(given));
    }
    return e ? e : profile_consents(b, c->user.member, rows, why);
}

static enum err set_my_consent(struct api_call *c, struct errmsg *why)
{
    enum profile_purpose purpose;
    struct profile_by by = by_page(c);
    enum err e = profile_purpose_of(api_text(c->in, "purpose"), &purpose, why);
    if (e)
        return e;
    snprintf(c->audit, sizeof c->audit, "%s %s", profile_purpose_name(purpose),
             api_bool(c->in, "given") ? "given" : "withdrawn");
    return profile_consent(c->office->books, c->user.member, purpose, api_bool(c->in, "given"),
                           api_text(c->in, "version"), &by, why);
}

static enum err set_my_language(struct api_call *c, struct errmsg *why)
{
    struct person p;
    struct profile_by by = by_page(c);
    const char *language = api_text(c->in, "language");
    struct books *b = c->office->books;
    enum err e = books_person(b, c->user.member, &p, why);
    if (e == ERR_NOT_FOUND)
        p = (struct person){.member = c->user.member};
    else if (e)
        return e;
    if (strlen(language) >= sizeof p.language)
        return err_set(why, ERR_FORMAT, tr("the language is en or zh"));
    snprintf(p.language, sizeof p.language, "%s", language);
    return profile_save(b, keys_of(c), &p, &by, why);
}

/* ---- what I say ---- */

static enum err entry_said(const char *text, struct entry_id *out, struct errmsg *why)
{
    *out = (struct entry_id){0};
    return *text && entry_parse(out, text) ? err_set(why, ERR_FORMAT, tr("a receipt's number is like T0007-12")) : OK;
}

static enum err my_feedback(struct api_call *c, struct errmsg *why)
{
    int64_t id;
    struct feedback_new in = {.member = c->user.member, .channel = "page", .shop = api_text(c->in, "shop"),
                              .nps = (int32_t)api_int(c->in, "nps", -1), .reasons = api_text(c->in, "reasons"),
                              .text = api_text(c->in, "text")};
    in.scores = (struct care_scores){.expected = (int32_t)api_int(c->in, "expected", 0),
                                     .value = (int32_t)api_int(c->in, "value", 0),
                                     .interaction = (int32_t)api_int(c->in, "interaction", 0),
                                     .result = (int32_t)api_int(c->in, "result", 0),
                                     .environment = (int32_t)api_int(c->in, "environment", 0)};
    enum err e = entry_said(api_text(c->in, "receipt"), &in.entry, why);
    return e ? e : feedback_add(c->office->books, &in, c->now_s, &id, why);
}

static enum err my_complaint(struct api_call *c, struct errmsg *why)
{
    int64_t id = 0;
    const char *kind = api_text(c->in, "kind");
    struct complaint_new in = {.member = c->user.member, .channel = "page", .kind = *kind ? kind : "other",
                               .shop = api_text(c->in, "shop"), .text = api_text(c->in, "text")};
    enum err e = entry_said(api_text(c->in, "receipt"), &in.entry, why);
    if (!e)
        e = complaint_receive(c->office->books, &in, c->now_s, &id, why);
    json_object_set_new(c->out, "id", json_integer((json_int_t)id));
    return e;
}

static enum err my_complaints(struct api_call *c, struct errmsg *why)
{
    struct complaint_filter f = {.state = "", .kind = "", .shop = "", .member = c->user.member, .own = true,
                                 .most = COMPLAINT_ROWS};
    return complaint_list(c->office->books, &f, c->now_s, rows_in(c), why);
}

static enum err show_my_complaint(struct api_call *c, struct errmsg *why)
{
    member_id whose = 0;
    enum err e = complaint_show(c->office->books, strtoll(c->arg[0], NULL, 10), CARE_MEMBER, 0, c->now_s, c->out, &whose, why);
    return !e && whose != c->user.member ? err_set(why, ERR_NOT_FOUND, tr("this is no complaint of yours")) : e;
}

static enum err answer_complaint(struct api_call *c, struct errmsg *why)
{
    struct complaint_deed deed = {
        .step = STEP_ASK,
        .by = {.who = CARE_MEMBER, .time_s = c->now_s,
               .opinion = api_bool(c->in, "satisfied") ? OPINION_SATISFIED : OPINION_NOT_SATISFIED},
        .member = c->user.member,
        .text = api_text(c->in, "text")};
    return complaint_do(c->office->books, strtoll(c->arg[0], NULL, 10), &deed, why);
}

static enum err claim_mine(struct api_call *c, struct errmsg *why)
{
    struct entry_id sale;
    struct points points = points_of(0);
    enum err e = entry_said(api_text(c->in, "receipt"), &sale, why);
    if (!e)
        e = receipts_claim(c->office->books, c->user.member, sale, money_of(api_int(c->in, "total", -1)), 0, c->now_s,
                           &points, why);
    api_put_points(c->out, "points", points);
    return e;
}

/* ---- my data ---- */

static enum err my_export(struct api_call *c, struct errmsg *why)
{
    json_t *all = json_object();
    enum err e = profile_export(c->office->books, c->user.member, c->now_s, all, why);
    char *text = e ? NULL : json_dumps(all, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
    if (!e && !text)
        e = err_set(why, ERR_IO, "out of memory");
    if (!e)
        e = api_file(c, "application/json", "my-data.json", text, strlen(text), why);
    free(text);
    json_decref(all);
    return e;
}

#define QR "qr:{size:int! rows:[text]!}!"

const struct api_op api_mine[] = {
    {"POST", "/api/mine/code", "ask_code",
     "Ask for a one-time code by the number of a card or member, or a telephone number; the answer is the same whoever it is",
     ROLE_NOBODY, API_ALONE, NULL, "name:text!", "minutes:int!", ask_code},
    {"POST", "/api/mine/login", "log_in_member", "Log in with the code", ROLE_NOBODY, API_ALONE, NULL,
     "name:text! code:text!", "member:text!", log_in},
    {"GET", "/api/mine", "show_mine", "What I have, what ends when, my tier and what is missing for the next", ROLE_MEMBER,
     API_READ, NULL, NULL,
     "member:text! name:text! language:text! points:points! pending:points! held:points! on_cards:points! in_transit:points!"
     " reserved:points! owed:points! redeemable:points! lots:[points:points! last_day:day]! pin:bool!"
     " tier:{code:text! name:text metric:text reached:int to_keep:int next:text next_name:text to_rise:int falls:day by_hand:text by_hand_until:day}!"
     " tier_history:[day:day tier:text! why:text!]! stamps:[name:text! stamps:int! every:int! points:points!]!",
     show_mine},
    {"GET", "/api/mine/history", "my_history", "What happened and why, newest first", ROLE_MEMBER, API_READ, NULL, NULL,
     "rows:[time:time! what:text! entry:text points:points moves:text total_after:points pack:int why:text]!", my_history},
    {"GET", "/api/mine/rewards", "my_rewards", "Rewards, what they cost me, and what is missing", ROLE_MEMBER, API_READ,
     NULL, NULL,
     "rows:[reward:text! name:text! name_zh:text! kind:text! points:points! value:money item:text! from:day to:day"
     " left:int per_member:int had:int! missing:points! why:text!]!",
     my_rewards},
    {"GET", "/api/mine/vouchers", "my_vouchers", "My rewards and vouchers", ROLE_MEMBER, API_READ, NULL, NULL,
     "rows:[id:int! member:text! reward:text! points:points! state:text! time:time until:time channel:text! user:int!"
     " voucher:text last_day:day]!",
     my_vouchers},
    {"POST", "/api/mine/vouchers", "redeem_mine",
     "A voucher for a reward; name is the page's own for it: asked again it is the same one.  Who has a PIN gives it",
     ROLE_MEMBER, API_ALONE, NULL, "reward:text! points:points name:text! pin:text", "id:int!", redeem},
    {"GET", "/api/mine/vouchers/{id}", "my_voucher", "A voucher of mine, with its code", ROLE_MEMBER, API_READ, NULL, NULL,
     "id:int! member:text! reward:text! name:text! name_zh:text! points:points! state:text! last_day:day used:time"
     " used_at:text code:text! " QR,
     my_voucher},
    {"GET", "/api/mine/code", "my_code", "A fresh code that tells a till who I am, good for so many seconds, once",
     ROLE_MEMBER, API_READ, NULL, NULL, "code:text! seconds:int! " QR, my_code},
    {"GET", "/api/mine/referral", "my_referral", "My code to bring somebody", ROLE_MEMBER, API_READ, NULL, NULL,
     "code:text! " QR, my_referral},
    {"POST", "/api/mine/referral", "brought_by", "Who brought me", ROLE_MEMBER, API_CHANGE, NULL, "code:text!", NULL,
     brought_by},
    {"GET", "/api/mine/consent", "my_consent", "What I agreed to, and when", ROLE_MEMBER, API_READ, NULL, NULL,
     "consent:{name:bool! messages:bool! birthday:bool! research:bool!}!"
     " rows:[purpose:text! given:bool! time:time channel:text! version:text!]!",
     my_consent},
    {"POST", "/api/mine/consent", "set_my_consent", "Agree to a purpose, or no longer, by a version of its text",
     ROLE_MEMBER, API_CHANGE, NULL, "purpose:text! given:bool! version:text!", NULL, set_my_consent},
    {"POST", "/api/mine/language", "set_my_language", "The language I am spoken to", ROLE_MEMBER, API_CHANGE, NULL,
     "language:text!", NULL, set_my_language},
    {"POST", "/api/mine/feedback", "my_feedback", "How it was: scores 1 to 5 (0 = not said), 0 to 10 would I recommend it",
     ROLE_MEMBER, API_CHANGE, NULL,
     "expected:int value:int interaction:int result:int environment:int nps:int reasons:text text:text shop:text"
     " receipt:text",
     NULL, my_feedback},
    {"GET", "/api/mine/complaints", "my_complaints", "My complaints and how far they are", ROLE_MEMBER, API_READ, NULL, NULL,
     "rows:[" COMPLAINT_ROW_SHAPE "]!", my_complaints},
    {"POST", "/api/mine/complaints", "my_complaint", "Complain", ROLE_MEMBER, API_CHANGE, NULL,
     "kind:text text:text! shop:text receipt:text", "id:int!", my_complaint},
    {"GET", "/api/mine/complaints/{id}", "show_my_complaint", "A complaint of mine", ROLE_MEMBER, API_READ, NULL, NULL,
     COMPLAINT_SHAPE, show_my_complaint},
    {"POST", "/api/mine/complaints/{id}/opinion", "answer_complaint", "Am I satisfied with what was done about it?",
     ROLE_MEMBER, API_CHANGE, NULL, "satisfied:bool! text:text", NULL, answer_complaint},
    {"POST", "/api/mine/claims", "claim_mine", "A receipt I forgot to have booked, by its number and total", ROLE_MEMBER,
     API_ALONE, NULL, "receipt:text! total:money!", "points:points!", claim_mine},
    {"GET", "/api/mine/export", "my_export", "All that is kept of me", ROLE_MEMBER, API_READ, NULL, NULL, NULL, my_export},
    {0},
};
