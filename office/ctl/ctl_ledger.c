/* ctl_ledger.c - patronctl run, books, review, ledger, export: the day's run, and whether all adds
 * up.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "office/members/cards.h"
#include "office/ctl/ctl.h"
#include "office/daily.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static json_t *members_by_tier(const struct books_totals *t)
{
    json_t *rows = json_array();
    for (int32_t i = 0; i < t->tier_count; i++)
        json_array_append_new(rows, json_pack("{s:s, s:I}", "tier", t->tiers[i].tier, "members",
                                              (json_int_t)t->tiers[i].members));
    return rows;
}

/* ---- run day ---- */

static int64_t in_tier(const struct books_totals *t, const char *tier)
{
    for (int32_t i = 0; i < t->tier_count; i++)
        if (strcmp(t->tiers[i].tier, tier) == 0)
            return t->tiers[i].members;
    return 0;
}

static enum ctl_exit run_day(struct ctl *c)
{
    struct errmsg why;
    struct txn t = {.kind = TXN_RUN, .day = day_of_time(c->now_s)};
    struct books_totals before, after;
    if (c->position_count && day_parse(&t.day, c->positions[0]))
        return ctl_usage(c, "'%s' is no date; write 2010-12-31", c->positions[0]);
    if (t.day > day_of_time(c->now_s))
        return ctl_refuse("%s is still to come: points would end early", c->positions[0]);
    int32_t last;
    enum err e = books_run_day(c->books, &last, &why);
    if (!e && t.day <= last) {
        char text[DAY_TEXT_SIZE];
        day_text(text, last);
        ctl_show(c, json_pack("{s:o, s:o}", "day", ctl_json_day(t.day), "entry", json_null()));
        ctl_say(c, "Nothing to do: all days up to %s are run.", text);
        return CTL_OK;
    }
    if (!e)
        e = books_totals(c->books, &before, &why);
    int32_t let_go;
    if (!e)
        e = books_release_due(c->books, c->now_s, &let_go, &why); /* what ends today ends for those points too */
    if (!e)
        e = ctl_post(c, &t, &why);
    int32_t ended;
    if (!e)
        e = cards_end_due(c->books, t.day, c->now_s, &ended, &why);
    if (!e)
        e = books_totals(c->books, &after, &why);
    if (e)
        return ctl_fail(&why, "");
    struct points expired;
    if (!points_sub(&expired, after.expired, before.expired))
        expired = after.expired;
    json_t *tiers = json_array();
    for (int32_t i = 0; i < after.tier_count; i++)
        json_array_append_new(tiers,
                              json_pack("{s:s, s:I, s:I}", "tier", after.tiers[i].tier, "before",
                                        (json_int_t)in_tier(&before, after.tiers[i].tier), "after",
                                        (json_int_t)after.tiers[i].members));
    ctl_show(c, json_pack("{s:o, s:o, s:o, s:o}", "day", ctl_json_day(t.day), "entry",
                          ctl_json_entry(t.id), "expired", ctl_json_points(expired),
                          "members_by_tier", tiers));
    return CTL_OK;
}

/* ---- run rest ---- */

static void add_step(const struct daily_step *step, int64_t count, void *rows)
{
    json_array_append_new(rows, json_pack("{s:s, s:I}", "step", step->text, "count", (json_int_t)count));
}

static enum ctl_exit run_rest(struct ctl *c)
{
    struct errmsg why;
    int32_t day = day_of_time(c->now_s);
    if (c->position_count && day_parse(&day, c->positions[0]))
        return ctl_usage(c, "'%s' is no date; write 2010-12-31", c->positions[0]);
    json_t *rows = json_array();
    enum err e = daily_run(c->books, day, c->now_s, add_step, rows, &why);
    bool any = json_array_size(rows) > 0;
    ctl_show(c, json_pack("{s:o, s:o}", "day", ctl_json_day(day), "steps", rows));
    if (e)
        return ctl_fail(&why, "the other steps are done; this one is done when it is run again");
    if (!any)
        ctl_say(c, "Nothing to do: all of this day was done.");
    return CTL_OK;
}

/* ---- books ---- */

static json_t *number(int64_t n)
{
    return json_integer((json_int_t)n);
}

static enum ctl_exit run_books(struct ctl *c)
{
    struct errmsg why;
    struct books_totals t;
    if (books_totals(c->books, &t, &why))
        return ctl_fail(&why, "");
    const struct {
        const char *name;
        json_t *value;
    } rows[] = {
        {"entries", number(t.entries)},
        {"terminals", number(t.terminals)},
        {"members", number(t.members)},
        {"cards", number(t.cards)},
        {"sales", number(t.sales)},
        {"sold", ctl_json_money(c, t.sold)},
        {"refunds", number(t.refunds)},
        {"refunded", ctl_json_money(c, t.refunded)},
        {"points_earned", ctl_json_points(t.earned)},
        {"points_redeemed", ctl_json_points(t.redeemed)},
        {"points_returned", ctl_json_points(t.returned)},
        {"points_clawed_back", ctl_json_points(t.clawed)},
        {"points_expired", ctl_json_points(t.expired)},
        {"points_adjusted", ctl_json_points(t.adjusted)},
        {"points_held", ctl_json_points(t.held)},
        {"points_on_cards", ctl_json_points(t.on_cards)},
        {"points_in_transit", ctl_json_points(t.in_transit)},
        {"points_set_aside", ctl_json_points(t.reserved)},
        {"points_pending", ctl_json_points(t.pending)},
        {"points_owed", ctl_json_points(t.owed)},
        {"points_in_doubt", ctl_json_points(t.in_doubt)},
        {"intents_in_doubt", number(t.intents_in_doubt)},
        {"entries_waiting_for_another", number(t.waiting_refunds)},
        {"entries_of_nobody_yet", number(t.unclaimed)},
        {"gifts", number(t.gifts)},
        {"points_given", ctl_json_points(t.given)},
        {"ratings", number(t.ratings)},
        {"sales_rated_twice", number(t.rated)},
        {"of_them_differing", number(t.rated_differing)},
        {"entries_under_a_taken_number", number(t.conflicts)},
        {"for_review", number(t.reviews)},
    };
    json_t *doc = json_object();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        json_object_set_new(doc, rows[i].name, rows[i].value);
    json_object_set_new(doc, "members_by_tier", members_by_tier(&t));
    ctl_show(c, doc);
    if (t.reviews)
        ctl_say(c, "\nWhat is for review: patronctl review");
    return CTL_OK;
}

/* ---- review ---- */

static bool add_review(const struct review_item *item, void *arg)
{
    json_array_append_new(
        arg, json_pack("{s:o, s:o, s:o, s:s, s:o}", "time", ctl_json_time(item->time_s), "entry",
                       ctl_json_entry(item->entry), "member", ctl_json_member(item->member),
                       "answer", item->answer, "detail", ctl_json_text(item->detail)));
    return true;
}

static enum ctl_exit run_review(struct ctl *c)
{
    struct errmsg why;
    json_t *rows = json_array();
    if (books_reviews(c->books, add_review, rows, &why)) {
        json_decref(rows);
        return ctl_fail(&why, "");
    }
    bool any = json_array_size(rows) > 0;
    if (any || c->json)
        ctl_show(c, rows);
    else
        json_decref(rows);
    if (!any)
        ctl_say(c, "Nothing to review: every entry held in full.");
    return CTL_OK;
}

/* ---- ledger ---- */

static enum ctl_exit checked(enum err e, int broken, const struct errmsg *why, const char *next)
{
    if (e)
        return ctl_fail(why, "");
    return broken ? ctl_refuse("%d of these do not hold; %s", broken, next) : CTL_OK;
}

static enum ctl_exit run_verify(struct ctl *c)
{
    struct errmsg why;
    int broken = 0;
    enum err e = books_verify(c->books, stdout, &broken, &why);
    return checked(e, broken, &why,
                   "the first row that is wrong is named; restore from a backup or ask "
                   "for help before you go on");
}

static enum ctl_exit run_replay(struct ctl *c)
{
    struct errmsg why;
    int broken = 0;
    enum err e = books_replay(c->books, stdout, &broken, &why);
    return checked(e, broken, &why, "the log says something else than what is stored beside it");
}

/* ---- export ---- */

static enum ctl_exit run_export(struct ctl *c)
{
    struct errmsg why;
    const char *path = ctl_value(c, "--csv");
    if (!path)
        return ctl_usage(c, "name the file, or - for standard output: --csv FILE");
    bool to_file = strcmp(path, "-") != 0;
    FILE *f = to_file ? fopen(path, "wx") : stdout;
    if (!f)
        return ctl_refuse("%s: %s", path,
                          errno == EEXIST ? "is there already; nothing was written"
                                          : strerror(errno));
    enum err e = books_export(c->books, f, &why);
    bool lost = fflush(f) || ferror(f);
    if (to_file)
        lost = fclose(f) || lost;
    if (!e && lost)
        e = err_set(&why, ERR_IO, "%s: %s", path, strerror(errno));
    if (e && to_file)
        unlink(path); /* half an export would look like a whole one */
    return e ? ctl_fail(&why, "") : CTL_OK;
}

const struct ctl_command ctl_ledger_commands[] = {
    {.name = "run day",
     .positions = "[YYYY-MM-DD]",
     .most = 1,
     .summary = "a day's run: points expire, tiers are reviewed",
     .text = "For today when no day is given.  A running patron-office does it by itself; without "
             "one, run\n"
             "it once a day: days that were missed are made up by the next.\n\n"
             "  patronctl run day 2011-01-31\n",
     .needs = CTL_HOME,
     .run = run_day},
    {.name = "run rest",
     .positions = "[YYYY-MM-DD]",
     .most = 1,
     .summary = "what a day has besides its run: cards that end, segments, campaigns, reminders",
     .text = "For today when no day is given, after run day.  Each step is done once for a day; a running\n"
             "patron-office does it by itself, in a process of its own.\n",
     .needs = CTL_HOME,
     .run = run_rest},
    {.name = "books",
     .positions = "",
     .summary = "the totals of the whole programme on one page",
     .text = "earned + adjusted = redeemed + clawed back + expired + held + on cards + in transit + set aside\n"
             "+ pending;\n"
             "redeemed is less what refunds returned.  In doubt: nobody knows yet whether the card took it.\n",
     .needs = CTL_HOME,
     .run = run_books},
    {.name = "review",
     .positions = "",
     .summary = "what a person has to look at",
     .text = "Entries that did not hold in part or whole: what was wrong, and for which member.  Such an entry is\n"
             "kept as it came and has posted only what it may.  Look at the member with member show, put right by\n"
             "hand with points adjust; the row stays as a record.\n",
     .needs = CTL_HOME,
     .run = run_review},
    {.name = "ledger verify",
     .positions = "",
     .summary = "check every invariant over the whole ledger",
     .text = "Exit code 1 and the first broken row when something does not hold.\n",
     .needs = CTL_HOME,
     .run = run_verify},
    {.name = "ledger replay",
     .positions = "",
     .summary = "post the log again beside it and compare every derived row",
     .text = "The ledger itself is not changed.  Exit code 1 when a row differs.\n",
     .needs = CTL_HOME,
     .run = run_replay},
    {.name = "export",
     .positions = "",
     .summary = "every posting as CSV",
     .options = {{"--csv", "FILE", "must not exist yet; - for standard output"}},
     .text = "  patronctl export --csv postings.csv\n",
     .needs = CTL_HOME,
     .run = run_export},
    {0},
};
