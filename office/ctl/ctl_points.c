/* ctl_points.c - what ends soon, a later end by hand, a tier by hand.  A command is a row of the table at the end.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "office/ctl/ctl.h"

#include <stdio.h>
#include <string.h>

static bool get_day(const struct ctl *c, const char *name, const char *unset, int32_t *out)
{
    const char *text = ctl_value(c, name);
    if (text && strcmp(text, "never") == 0)
        *out = DAY_NEVER;
    else if (text && day_parse(out, text)) {
        (void)ctl_usage(c, "%s %s is no day: YYYY-MM-DD", name, text);
        return false;
    } else if (!text && unset) {
        (void)ctl_usage(c, "%s", unset);
        return false;
    }
    return true;
}

static bool get_reason(const struct ctl *c, struct txn *t)
{
    const char *reason = ctl_value(c, "--reason");
    if (!reason) {
        (void)ctl_usage(c, "say why: --reason TEXT; it stays in the ledger for ever, so no names");
        return false;
    }
    return ctl_get_text(c, "--reason", reason, t->reason, sizeof t->reason);
}

/* Posts it, and says what of it did not hold. */
static enum err post(struct ctl *c, struct txn *t, char *remark, size_t size, struct errmsg *why)
{
    struct member_view v;
    remark[0] = 0;
    enum err e = books_member(c->books, t->member, &v, why);
    if (!e)
        e = ctl_post(c, t, why);
    return e ? e : books_remark(c->books, t->id, remark, size, why);
}

static enum ctl_exit run_extend(struct ctl *c)
{
    struct errmsg why;
    struct txn t = {.kind = TXN_EXTEND, .from_day = day_of_time(c->now_s)};
    struct member_view v;
    char remark[300];
    if (!ctl_get_member(c, c->positions[0], &t.member) || !get_day(c, "--from", NULL, &t.from_day) ||
        !get_day(c, "--to", "until when? --to YYYY-MM-DD, or never", &t.day) || !get_reason(c, &t))
        return CTL_USAGE;
    enum err e = post(c, &t, remark, sizeof remark, &why);
    if (!e)
        e = books_member(c->books, t.member, &v, &why);
    if (e)
        return ctl_fail(&why, "");
    json_t *doc = json_pack("{s:o, s:o, s:o, s:s}", "member", ctl_json_member(t.member), "entry",
                            ctl_json_entry(t.id), "held", ctl_json_points(v.held), "remark", remark);
    if (v.next_expiry_day != DAY_NEVER) {
        json_object_set_new(doc, "next_to_expire", ctl_json_points(v.next_expiry));
        json_object_set_new(doc, "last_good_day", ctl_json_day(v.next_expiry_day));
    }
    ctl_show(c, doc);
    return CTL_OK;
}

static enum ctl_exit run_tier(struct ctl *c)
{
    struct errmsg why;
    struct txn t = {.kind = TXN_TIER};
    struct member_view v;
    char remark[300];
    if (!ctl_get_member(c, c->positions[0], &t.member) ||
        !ctl_get_text(c, "tier", c->positions[1], t.tier, sizeof t.tier) ||
        !get_day(c, "--until", "until when? --until YYYY-MM-DD, or never", &t.day) || !get_reason(c, &t))
        return CTL_USAGE;
    const struct pack *pack = books_pack_on(c->books, day_of_time(c->now_s));
    if (!pack || !pack_find_tier(pack, t.tier))
        return ctl_refuse("the programme has no such tier: %s", t.tier);
    enum err e = post(c, &t, remark, sizeof remark, &why);
    if (!e)
        e = books_member(c->books, t.member, &v, &why);
    if (e)
        return ctl_fail(&why, "");
    if (remark[0])
        return ctl_refuse("%s; nothing was changed", remark);
    ctl_show(c, json_pack("{s:o, s:o, s:s, s:o}", "member", ctl_json_member(t.member), "entry",
                          ctl_json_entry(t.id), "tier", v.tier, "until", ctl_json_day(t.day)));
    return CTL_OK;
}

static bool add_ending(const struct ending_line *line, void *arg)
{
    json_array_append_new(arg, json_pack("{s:o, s:o, s:o}", "member", ctl_json_member(line->member), "points",
                                         ctl_json_points(line->points), "last_good_day", ctl_json_day(line->day)));
    return true;
}

static enum ctl_exit run_ending(struct ctl *c)
{
    struct errmsg why;
    int64_t days = 30;
    int32_t today = day_of_time(c->now_s);
    const char *text = ctl_value(c, "--days");
    if (text && !ctl_get_number(c, "days", text, 0, 3660, &days))
        return CTL_USAGE;
    json_t *rows = json_array();
    if (books_ending(c->books, today, today + (int32_t)days, add_ending, rows, &why)) {
        json_decref(rows);
        return ctl_fail(&why, "");
    }
    ctl_show(c, rows);
    return CTL_OK;
}

const struct ctl_command ctl_points_commands[] = {
    {.name = "points extend",
     .positions = "M",
     .least = 1,
     .most = 1,
     .summary = "let points end later, or bring back what ended lately",
     .options = {{"--from", "DAY", "points that end or ended on this day or later (today)"},
                 {"--to", "DAY", "the new last good day, or never"},
                 {"--reason", "TEXT", "why; it stays in the ledger for ever, so no names"}},
     .text = "Points that have ended come back for as many days as the rules say (expiry.reinstate_days).\n\n"
             "  patronctl points extend M12 --to 2011-06-30 --reason \"was ill\"\n",
     .needs = CTL_HOME,
     .run = run_extend},
    {.name = "points ending",
     .positions = "",
     .summary = "whose points end in the next days, for reminders",
     .options = {{"--days", "N", "today and so many days more (30)"}},
     .text = "  patronctl points ending --days 14 --json\n",
     .needs = CTL_HOME,
     .run = run_ending},
    {.name = "member tier",
     .positions = "M TIER",
     .least = 2,
     .most = 2,
     .summary = "give a tier by hand, until a day",
     .options = {{"--until", "DAY", "the last day on which the member does not fall below it, or never"},
                 {"--reason", "TEXT", "why; it stays in the ledger for ever, so no names"}},
     .text = "After that day the rules go on: the next review that finds the member short begins the grace.\n\n"
             "  patronctl member tier M12 gold --until 2011-12-31 --reason \"a year of trying it\"\n",
     .needs = CTL_HOME,
     .run = run_tier},
    {0},
};
