/* ctl_merge.c - two numbers that are one person, points passed on, opening balances from a file.  A command is a row of the
 * table at the end.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "office/ctl/ctl.h"
#include "office/members/opening.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CSV_MAX = 16 << 20 };

static bool get_reason(const struct ctl *c, struct txn *t)
{
    const char *reason = ctl_value(c, "--reason");
    if (!reason) {
        (void)ctl_usage(c, "say why: --reason TEXT; it stays in the ledger for ever, so no names");
        return false;
    }
    return ctl_get_text(c, "--reason", reason, t->reason, sizeof t->reason);
}

/* After it: what both have. */
static enum ctl_exit done(struct ctl *c, const struct txn *t, member_id one, member_id other)
{
    struct errmsg why;
    struct member_view a, b;
    if (books_member(c->books, one, &a, &why) || books_member(c->books, other, &b, &why))
        return ctl_fail(&why, "");
    ctl_show(c, json_pack("{s:o, s:o, s:o, s:o, s:o}", "entry", ctl_json_entry(t->id), "member", ctl_json_member(one),
                          "held", ctl_json_points(a.held), "other", ctl_json_member(other), "other_held",
                          ctl_json_points(b.held)));
    return CTL_OK;
}

static enum ctl_exit run_merge(struct ctl *c)
{
    struct errmsg why;
    struct txn t = {.kind = TXN_MERGE};
    if (!ctl_get_member(c, c->positions[0], &t.member) || !ctl_get_member(c, c->positions[1], &t.other) ||
        !get_reason(c, &t))
        return CTL_USAGE;
    if (ctl_post(c, &t, &why))
        return ctl_fail(&why, "");
    return done(c, &t, t.member, t.other);
}

static enum ctl_exit run_unmerge(struct ctl *c)
{
    struct errmsg why;
    struct txn t = {.kind = TXN_UNMERGE};
    if (entry_parse(&t.original, c->positions[0]))
        return ctl_usage(c, "'%s' is no entry; the merge said its own: HQ-12", c->positions[0]);
    if (!get_reason(c, &t))
        return CTL_USAGE;
    if (ctl_post(c, &t, &why))
        return ctl_fail(&why, "");
    ctl_show(c, json_pack("{s:o, s:o}", "entry", ctl_json_entry(t.id), "undone", ctl_json_entry(t.original)));
    return CTL_OK;
}

static enum ctl_exit run_transfer(struct ctl *c)
{
    struct errmsg why;
    struct txn t = {.kind = TXN_TRANSFER};
    int64_t n;
    if (!ctl_get_member(c, c->positions[0], &t.member) || !ctl_get_member(c, c->positions[1], &t.other) ||
        !ctl_get_number(c, "points", c->positions[2], 1, 1000000000, &n) || !get_reason(c, &t))
        return CTL_USAGE;
    t.points = points_of(n);
    if (ctl_post(c, &t, &why))
        return ctl_fail(&why, "");
    return done(c, &t, t.member, t.other);
}

/* ---- opening balances ---- */

static enum err import(struct ctl *c, const char *file, struct bytes csv, json_t *doc, struct errmsg *why)
{
    enum err e = books_begin(c->books, why);
    if (e)
        return e;
    e = opening_import(c->books, &c->home.known_keys, file, csv, ctl_value(c, "--dry-run") != NULL, 0, c->now_s, doc, why);
    if (!e && json_is_true(json_object_get(doc, "done")))
        return books_commit(c->books, why);
    books_rollback(c->books);
    return e;
}

static enum ctl_exit run_opening(struct ctl *c)
{
    struct errmsg why;
    const char *path = c->positions[0], *slash = strrchr(path, '/');
    char *csv = malloc(CSV_MAX);
    json_t *doc = json_object();
    size_t size = 0;
    enum err e = csv ? ctl_read_file(path, csv, CSV_MAX, &size, &why) : err_set(&why, ERR_IO, "out of memory");
    if (!e)
        e = import(c, slash ? slash + 1 : path, bytes_of(csv, size), doc, &why);
    free(csv);
    if (e) {
        json_decref(doc);
        return ctl_fail(&why, "");
    }
    size_t faults = json_array_size(json_object_get(doc, "faults"));
    ctl_show(c, doc);
    if (faults)
        return ctl_refuse("nothing was done: put the lines right and take the file again");
    return CTL_OK;
}

const struct ctl_command ctl_merge_commands[] = {
    {.name = "member merge",
     .positions = "M OTHER",
     .least = 2,
     .most = 2,
     .summary = "OTHER is the same person as M: its points, cards and purchases are M's",
     .options = {{"--reason", "TEXT", "why; it stays in the ledger for ever, so no names"}},
     .text = "What comes for OTHER or from its cards is M's from then on, until it is undone.\n\n"
             "  patronctl member merge M12 M40 --reason \"two cards\"\n",
     .needs = CTL_HOME,
     .run = run_merge},
    {.name = "member unmerge",
     .positions = "ENTRY",
     .least = 1,
     .most = 1,
     .summary = "they were two persons: undo a merge by its entry",
     .options = {{"--reason", "TEXT", "why; it stays in the ledger for ever, so no names"}},
     .text = "The number gets back what it brought and what its own cards did since, as far as it is still there.\n\n"
             "  patronctl member unmerge HQ-31 --reason \"it was her daughter\"\n",
     .needs = CTL_HOME,
     .run = run_unmerge},
    {.name = "points transfer",
     .positions = "M TO N",
     .least = 3,
     .most = 3,
     .summary = "points of one member to another, those that end first",
     .options = {{"--reason", "TEXT", "why; it stays in the ledger for ever, so no names"}},
     .text = "  patronctl points transfer M12 M13 200 --reason \"a present\"\n",
     .needs = CTL_HOME,
     .run = run_transfer},
    {.name = "opening import",
     .positions = "FILE",
     .least = 1,
     .most = 1,
     .summary = "opening balances from a CSV file: all lines, or none and every fault",
     .options = {{"--dry-run", NULL, "only look"}},
     .text = "The first line names the columns: member, card or phone; points; last_day (2027-12-31, never, or nothing: by\n"
             "the rules); tier and reason may be missing.  The same file is taken once.\n\n"
             "  patronctl opening import old-programme.csv --dry-run\n",
     .needs = CTL_HOME,
     .run = run_opening},
    {0},
};
