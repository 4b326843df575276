/* ctl_care.c - patronctl messages, care: the outbox sent or written to a file, and what is due in campaigns, by a timer.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/care/campaign.h"
#include "office/care/coupon.h"
#include "office/ctl/ctl.h"
#include "office/care/message_send.h"
#include "office/care/referral.h"
#include "office/care/segment.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static enum ctl_exit messages_send(struct ctl *c)
{
    struct message_sent sent;
    struct errmsg why;
    uint8_t key[HOOK_KEY_SIZE];
    enum err e = message_hook_key(&c->home, key, &why);
    if (!e)
        e = message_send(c->books, key, c->now_s, (int64_t)time(NULL), 1000, &sent, &why);
    bytes_wipe(key, sizeof key);
    if (e)
        return ctl_fail(&why, "");
    ctl_show(c, json_pack("{s:i, s:i, s:o}", "sent", (int)sent.sent, "failed", (int)sent.failed, "error",
                          ctl_json_text(sent.error)));
    return CTL_OK;
}

static enum ctl_exit messages_export(struct ctl *c)
{
    enum message_channel channel;
    struct errmsg why;
    char *text = NULL;
    int32_t count = 0;
    if (!message_channel_parse(c->positions[0], &channel))
        return ctl_usage(c, "'%s' is no channel: sms, email, wechat or webhook", c->positions[0]);
    if (message_export(c->books, channel, c->now_s, &text, &count, &why))
        return ctl_fail(&why, "");
    fputs(text, stdout);
    free(text);
    return CTL_OK;
}

static enum ctl_exit messages_to(struct ctl *c)
{
    struct errmsg why;
    uint8_t key[HOOK_KEY_SIZE];
    char url[256], hex[2 * HOOK_KEY_SIZE + 1];
    enum err e = c->position_count ? care_set_setting(c->books, "message_url", c->positions[0], &why) : OK;
    if (!e)
        e = care_setting(c->books, "message_url", url, sizeof url, &why);
    if (!e)
        e = message_hook_key(&c->home, key, &why);
    if (e)
        return ctl_fail(&why, "");
    hex_encode(hex, key, sizeof key);
    ctl_show(c, json_pack("{s:s, s:s}", "url", url, "key", hex));
    return CTL_OK;
}

static enum ctl_exit care_run(struct ctl *c)
{
    int64_t used = 0, odd = 0, given = 0, rewarded = 0, added = 0, won = 0, size = 0;
    struct errmsg why;
    enum err e = coupon_scan(c->books, &used, &odd, &why);
    if (!e)
        e = campaign_tick(c->books, c->now_s, &given, &why);
    if (!e)
        e = referral_run(c->books, c->now_s, &rewarded, &why);
    if (!e)
        e = winback_run(c->books, c->now_s, &added, &won, &why);
    if (!e)
        e = segment_run(c->books, NULL, c->now_s, &size, &why);
    if (e)
        return ctl_fail(&why, "");
    ctl_show(c, json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "coupons_used", (json_int_t)used, "coupons_odd", (json_int_t)odd,
                          "bonuses", (json_int_t)given, "referrals", (json_int_t)rewarded, "lost", (json_int_t)added,
                          "won_back", (json_int_t)won));
    return CTL_OK;
}

const struct ctl_command ctl_care_commands[] = {
    {"messages send", "", 0, 0, "what is due in the outbox goes to the webhook", {{0}},
     "For a timer, every minute or so.  A message that fails is tried again later, after growing pauses.\n", CTL_HOME,
     messages_send},
    {"messages export", "CHANNEL", 1, 1, "what is due on a channel, as CSV; it is sent then", {{0}},
     "  patronctl messages export sms > sms.csv\n", CTL_HOME, messages_export},
    {"messages to", "[URL]", 0, 1, "where messages go, and the key they are signed with", {{0}},
     "https://..., or http:// on this machine.  Each message is a POST of JSON with X-Patron-Signature: sha256=HEX, the\n"
     "HMAC-SHA256 of X-Patron-Time, \".\" and the body under the key.\n", CTL_HOME, messages_to},
    {"care run", "", 0, 0, "what is due: coupons, bonuses, referrals, win-back, marks", {{0}}, "For a timer, once a day or more.\n",
     CTL_HOME, care_run},
    {0},
};
