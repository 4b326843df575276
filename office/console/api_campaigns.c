/* api_campaigns.c - operations of the console: segments, campaigns, coupons, the outbox, referral, win-back; and a
 * member's own.  Who starts a campaign is not who wrote it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "base/tr.h"
#include "office/console/api.h"
#include "office/care/campaign.h"
#include "office/care/coupon.h"
#include "office/care/care_int.h"
#include "office/care/message.h"
#include "office/care/referral.h"
#include "office/care/segment.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEE = ROLE_CLERK | ROLE_MARKETER | ROLE_CONTROLLER | ROLE_APPROVER | ROLE_AUDITOR };

static json_t *rows_in(struct api_call *c)
{
    json_t *rows = json_array();
    json_object_set_new(c->out, "rows", rows);
    return rows;
}

static struct books *books_of(const struct api_call *c)
{
    return c->office->books;
}

static int32_t today(const struct api_call *c)
{
    return day_of_time(c->now_s);
}

/* ---- segments ---- */

static enum err list_segments(struct api_call *c, struct errmsg *why)
{
    return segment_list(books_of(c), rows_in(c), why);
}

/* A rule comes as JSON, and is kept as its text. */
static enum err save_segment(struct api_call *c, struct errmsg *why)
{
    char *rule = json_dumps(json_object_get(c->in, "rule"), JSON_COMPACT | JSON_ENCODE_ANY);
    if (!rule)
        return err_set(why, ERR_FULL, "out of memory");
    snprintf(c->audit, sizeof c->audit, "%.15s", api_text(c->in, "segment"));
    enum err e = segment_save(books_of(c), api_text(c->in, "segment"), api_text(c->in, "name"), rule,
                              api_bool(c->in, "marks"), c->user.id, why);
    free(rule);
    return e;
}

static enum err drop_segment(struct api_call *c, struct errmsg *why)
{
    snprintf(c->audit, sizeof c->audit, "%.15s", c->arg[0]);
    return segment_drop(books_of(c), c->arg[0], why);
}

/* A rule with faults is an answer too: they are what the form shows. */
static enum err preview_segment(struct api_call *c, struct errmsg *why)
{
    enum err e = segment_preview(books_of(c), api_text(c->query, "rule"), today(c), c->out, why);
    return e == ERR_FORMAT ? OK : e;
}

static enum err run_segment(struct api_call *c, struct errmsg *why)
{
    int64_t size = 0;
    enum err e = segment_run(books_of(c), c->arg[0], c->now_s, &size, why);
    json_object_set_new(c->out, "size", json_integer(size));
    return e;
}

/* ---- campaigns ---- */

static enum err list_campaigns(struct api_call *c, struct errmsg *why)
{
    return campaign_list(books_of(c), rows_in(c), why);
}

static enum err save_campaign(struct api_call *c, struct errmsg *why)
{
    struct campaign_new in = {.code = api_text(c->in, "campaign"), .name = api_text(c->in, "name"),
                              .segment = api_text(c->in, "segment"), .offer = json_object_get(c->in, "offer"),
                              .template_name = api_text(c->in, "template"),
                              .budget = money_of(api_int(c->in, "budget", 0)),
                              .cost_each = money_of(api_int(c->in, "cost_each", 0)), .user = c->user.id};
    int64_t holdout = api_int(c->in, "holdout", 0);
    in.holdout = holdout < 0 || holdout > 100 ? 100 : (int32_t)holdout;
    enum err e = api_day(api_text(c->in, "from"), &in.from_day, why);
    if (!e)
        e = api_day(api_text(c->in, "to"), &in.to_day, why);
    snprintf(c->audit, sizeof c->audit, "%.8s", in.code);
    return e ? e : campaign_save(books_of(c), &in, why);
}

/* Points and coupons are money: a second person starts them. */
static enum err start_campaign(struct api_call *c, struct errmsg *why)
{
    int64_t author = 0, members = 0;
    struct query q = query_text_of(books_of(c)->store, "SELECT user FROM campaign WHERE campaign = ?");
    query_text(&q, c->arg[0]);
    if (query_row(&q))
        author = query_get_int(&q);
    enum err e = query_done(&q, why);
    if (!e && author == c->user.id)
        e = err_set(why, ERR_AUTH, tr("who wrote a campaign does not start it"));
    if (!e)
        e = campaign_start(books_of(c), c->arg[0], c->now_s, &members, why);
    json_object_set_new(c->out, "members", json_integer(members));
    snprintf(c->audit, sizeof c->audit, "%.8s: %" PRId64 " members", c->arg[0], members);
    return e;
}

static enum err stop_campaign(struct api_call *c, struct errmsg *why)
{
    snprintf(c->audit, sizeof c->audit, "%.8s", c->arg[0]);
    return campaign_stop(books_of(c), c->arg[0], why);
}

static enum err show_result(struct api_call *c, struct errmsg *why)
{
    return campaign_result(books_of(c), c->arg[0], c->out, why);
}

static enum err list_coupons(struct api_call *c, struct errmsg *why)
{
    return coupon_list(books_of(c), c->arg[0], 0, today(c), rows_in(c), why);
}

static enum err list_coupon_reviews(struct api_call *c, struct errmsg *why)
{
    return coupon_reviews(books_of(c), rows_in(c), why);
}

static enum err import_games(struct api_call *c, struct errmsg *why)
{
    int64_t taken = 0, known = 0;
    json_t *faults = json_array();
    bool dry = api_bool(c->in, "dry");
    enum err e = campaign_games(books_of(c), c->arg[0], api_text(c->in, "csv"), dry, c->user.id, c->now_s, &taken, &known,
                                faults, why);
    bool lines = json_array_size(faults) > 0;
    json_object_set_new(c->out, "taken", json_integer(taken));
    json_object_set_new(c->out, "known", json_integer(known));
    json_object_set_new(c->out, "faults", faults);
    snprintf(c->audit, sizeof c->audit, "%.8s: %" PRId64 " results%s", c->arg[0], taken, dry ? ", dry run" : "");
    return dry && lines ? OK : e; /* a dry run says what is wrong */
}

/* Everything that is due: coupons looked at, bonuses, referrals, the win-back queue, marks. */
static enum err run_care(struct api_call *c, struct errmsg *why)
{
    int64_t used = 0, odd = 0, given = 0, rewarded = 0, added = 0, won = 0, size = 0;
    struct books *b = books_of(c);
    enum err e = coupon_scan(b, &used, &odd, why);
    if (!e)
        e = campaign_tick(b, c->now_s, &given, why);
    if (!e)
        e = referral_run(b, c->now_s, &rewarded, why);
    if (!e)
        e = winback_run(b, c->now_s, &added, &won, why);
    if (!e)
        e = segment_run(b, NULL, c->now_s, &size, why);
    json_object_set_new(c->out, "coupons_used", json_integer(used));
    json_object_set_new(c->out, "coupons_odd", json_integer(odd));
    json_object_set_new(c->out, "bonuses", json_integer(given));
    json_object_set_new(c->out, "referrals", json_integer(rewarded));
    json_object_set_new(c->out, "lost", json_integer(added));
    json_object_set_new(c->out, "won_back", json_integer(won));
    return e;
}

/* ---- messages ---- */

struct listing {
    json_t *rows;
};

static bool put_message(const struct message_view *m, void *arg)
{
    struct listing *l = arg;
    json_t *o = json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:s}", "id", (json_int_t)m->id, "key", m->key, "channel",
                          message_channel_text(m->channel), "purpose", message_purpose_text(m->purpose), "template",
                          m->template_name, "language", m->language, "state", message_state_text(m->state), "tries",
                          (int)m->tries, "error", m->error);
    api_put_member(o, "member", m->member);
    api_put_time(o, "queued", m->queued_s);
    api_put_time(o, "changed", m->changed_s);
    api_put_time(o, "next", m->state == MESSAGE_QUEUED || m->state == MESSAGE_FAILED ? m->next_s : 0);
    json_array_append_new(l->rows, o);
    return true;
}

static enum err list_messages(struct api_call *c, struct errmsg *why)
{
    struct listing l = {rows_in(c)};
    const char *text = api_text(c->query, "state"), *who = api_text(c->query, "member");
    member_id member = 0;
    int state = *text ? MESSAGE_STATES : -1;
    for (int i = 0; i < MESSAGE_STATES; i++)
        if (strcmp(message_state_text((enum message_state)i), text) == 0)
            state = i;
    if (state == MESSAGE_STATES)
        return err_set(why, ERR_FORMAT, tr("a message is queued, sent, failed or given up"));
    enum err e = *who ? api_member(who, &member, why) : OK;
    return e ? e : message_list(books_of(c), state, member, strtoll(api_text(c->query, "below"), NULL, 10), 1000, put_message,
                                &l, why);
}

static enum err message_figures(struct api_call *c, struct errmsg *why)
{
    int64_t n[MESSAGE_STATES];
    enum err e = message_counts(books_of(c), n, why);
    json_object_set_new(c->out, "queued", json_integer(n[MESSAGE_QUEUED]));
    json_object_set_new(c->out, "sent", json_integer(n[MESSAGE_SENT]));
    json_object_set_new(c->out, "failed", json_integer(n[MESSAGE_FAILED]));
    json_object_set_new(c->out, "given_up", json_integer(n[MESSAGE_GIVEN_UP]));
    return e;
}

static enum err again(struct api_call *c, struct errmsg *why)
{
    return message_again(books_of(c), strtoll(c->arg[0], NULL, 10), c->now_s, why);
}

/* Its own transaction (API_ALONE): the file has numbers in it, and no answer is kept with the Request-Id. */
static enum err export_messages(struct api_call *c, struct errmsg *why)
{
    enum message_channel channel;
    char *text = NULL, name[64];
    int32_t count = 0;
    if (!message_channel_parse(api_text(c->in, "channel"), &channel))
        return err_set(why, ERR_FORMAT, tr("a channel is sms, email, wechat or webhook"));
    enum err e = message_export(books_of(c), channel, c->now_s, &text, &count, why);
    snprintf(name, sizeof name, "messages-%s.csv", message_channel_text(channel));
    if (!e)
        e = api_file(c, "text/csv; charset=utf-8", name, text, strlen(text), why);
    snprintf(c->audit, sizeof c->audit, "%" PRId32 " messages by %s", count, message_channel_text(channel));
    free(text);
    return e;
}

static enum err list_settings(struct api_call *c, struct errmsg *why)
{
    struct query q = query_text_of(books_of(c)->store, "SELECT name, value FROM care_setting WHERE name NOT IN"
                                                       " ('coupon_position', 'weights') ORDER BY 1");
    return rows_of(&q, "name:text value:text", rows_in(c), why);
}

static enum err set_setting(struct api_call *c, struct errmsg *why)
{
    snprintf(c->audit, sizeof c->audit, "%.30s", c->arg[0]);
    return care_set_setting(books_of(c), c->arg[0], api_text(c->in, "value"), why);
}

/* ---- referral, win-back ---- */

static enum err list_referrals(struct api_call *c, struct errmsg *why)
{
    return referral_list(books_of(c), rows_in(c), why);
}

static enum err list_winback(struct api_call *c, struct errmsg *why)
{
    return winback_list(books_of(c), api_text(c->query, "disposition"), rows_in(c), why);
}

static enum err winback_figures(struct api_call *c, struct errmsg *why)
{
    return winback_numbers(books_of(c), rows_in(c), why);
}

static enum err contacted(struct api_call *c, struct errmsg *why)
{
    member_id member;
    enum err e = api_member(c->arg[0], &member, why);
    return e ? e : winback_contacted(books_of(c), member, api_bool(c->in, "lost"), api_text(c->in, "reason"), c->now_s, why);
}

/* ---- a member's own ---- */

static enum err my_coupons(struct api_call *c, struct errmsg *why)
{
    return coupon_list(books_of(c), "", c->user.member, today(c), rows_in(c), why);
}

#define CAMPAIGN_IN                                                                                                    \
    "campaign:text! name:text! segment:text! offer:json! template:text from:day! to:day! budget:money cost_each:money"  \
    " holdout:int!"

const struct api_op api_campaigns[] = {
    {"GET", "/api/segments", "list_segments", "Segments with their rules in words", SEE, API_READ, NULL, NULL,
     "rows:[" SEGMENT_ROW_SHAPE "]!", list_segments},
    {"POST", "/api/segments", "save_segment", "A segment made or changed; marks: tills are told of its members", ROLE_MARKETER,
     API_CHANGE, NULL, "segment:text! name:text! rule:json! marks:bool", NULL, save_segment},
    {"GET", "/api/segments/preview", "preview_segment", "How many a rule holds for, or all that is wrong with it",
     ROLE_MARKETER | ROLE_APPROVER | ROLE_AUDITOR, API_READ, "rule:text!", NULL, SEGMENT_PREVIEW_SHAPE, preview_segment},
    {"POST", "/api/segments/{segment}/drop", "drop_segment", "The segment and its marks go", ROLE_MARKETER, API_CHANGE, NULL, NULL,
     NULL, drop_segment},
    {"POST", "/api/segments/{segment}/run", "run_segment", "Marks its members anew", ROLE_MARKETER, API_CHANGE, NULL, NULL,
     "size:int!", run_segment},

    {"GET", "/api/campaigns", "list_campaigns", "Campaigns with their cost so far", SEE, API_READ, NULL, NULL,
     "rows:[" CAMPAIGN_ROW_SHAPE "]!", list_campaigns},
    {"POST", "/api/campaigns", "save_campaign", "A campaign made, or a draft changed", ROLE_MARKETER, API_CHANGE, NULL,
     CAMPAIGN_IN, NULL, save_campaign},
    {"POST", "/api/campaigns/{campaign}/start", "start_campaign", "Starts it; never by who wrote it",
     ROLE_APPROVER | ROLE_CONTROLLER, API_CHANGE, NULL, NULL, "members:int!", start_campaign},
    {"POST", "/api/campaigns/{campaign}/stop", "stop_campaign", "Nothing more is given", ROLE_MARKETER | ROLE_CONTROLLER,
     API_CHANGE, NULL, NULL, NULL, stop_campaign},
    {"GET", "/api/campaigns/{campaign}/result", "campaign_result", "What it brought against those left alone", SEE, API_READ, NULL,
     NULL, CAMPAIGN_RESULT_SHAPE, show_result},
    {"GET", "/api/campaigns/{campaign}/coupons", "list_coupons", "Its coupons", SEE, API_READ, NULL, NULL,
     "rows:[" COUPON_ROW_SHAPE "]!", list_coupons},
    {"POST", "/api/campaigns/{campaign}/games", "import_games", "Results of a game: key,member,result,points; each key once",
     ROLE_MARKETER | ROLE_CONTROLLER, API_CHANGE, NULL, "csv:text! dry:bool", "taken:int! known:int! faults:[text]", import_games},
    {"GET", "/api/coupon-reviews", "list_coupon_reviews", "Coupons that were shown and were not right", SEE, API_READ, NULL, NULL,
     "rows:[" COUPON_REVIEW_SHAPE "]!", list_coupon_reviews},
    {"POST", "/api/care/run", "run_care", "What is due: coupons, bonuses, referrals, win-back, marks",
     ROLE_MARKETER | ROLE_CONTROLLER, API_CHANGE, NULL, NULL,
     "coupons_used:int! coupons_odd:int! bonuses:int! referrals:int! lost:int! won_back:int!", run_care},

    {"GET", "/api/messages", "list_messages", "The outbox, newest first", SEE, API_READ, "state:text member:text below:int", NULL,
     "rows:[id:int! key:text! member:text channel:text! purpose:text! template:text! language:text! state:text! tries:int!"
     " queued:time! changed:time! next:time error:text!]!", list_messages},
    {"GET", "/api/message-numbers", "message_numbers", "How many are queued, sent, failed, given up", SEE, API_READ, NULL, NULL,
     "queued:int! sent:int! failed:int! given_up:int!", message_figures},
    {"POST", "/api/messages/{message}/again", "send_again", "Try a message once more", ROLE_CLERK | ROLE_MARKETER, API_CHANGE, NULL,
     NULL, NULL, again},
    {"POST", "/api/messages/export", "export_messages", "All that is due on a channel, with numbers, as a file; they are sent then",
     ROLE_MARKETER | ROLE_ADMIN, API_ALONE, NULL, "channel:text!", NULL, export_messages},
    {"GET", "/api/care-settings", "list_care_settings", "Contact cap, where messages go, limits of this part", SEE | ROLE_ADMIN,
     API_READ, NULL, NULL, "rows:[name:text! value:text!]!", list_settings},
    {"POST", "/api/care-settings/{setting}", "set_care_setting", "Change one", ROLE_ADMIN, API_CHANGE, NULL, "value:text!", NULL,
     set_setting},

    {"GET", "/api/referrals", "list_referrals", "Who brought whom, and what those spent", SEE, API_READ, NULL, NULL,
     "rows:[" REFERRAL_ROW_SHAPE "]!", list_referrals},
    {"GET", "/api/winback", "list_winback", "Who stopped coming, and what to do about it", SEE, API_READ, "disposition:text", NULL,
     "rows:[" WINBACK_ROW_SHAPE "]!", list_winback},
    {"GET", "/api/winback-numbers", "winback_numbers", "What came of it", SEE, API_READ, NULL, NULL,
     "rows:[" WINBACK_NUMBERS_SHAPE "]!", winback_figures},
    {"POST", "/api/winback/{member}", "winback_contacted", "Somebody talked to them", ROLE_CLERK | ROLE_MARKETER, API_CHANGE, NULL,
     "lost:bool reason:text", NULL, contacted},

    {"GET", "/api/mine/coupons", "my_coupons", "The member's coupons", ROLE_MEMBER, API_READ, NULL, NULL,
     "rows:[" COUPON_ROW_SHAPE "]!", my_coupons},
    {0},
};
