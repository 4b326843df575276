/* ctl_backup.c - patronctl backup: a copy of the folder while head office works, the drill, the way back.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/backup.h"
#include "office/ctl/ctl.h"

#include <string.h>

static void show(const struct ctl *c, const char *dir, const struct backup_report *r)
{
    ctl_show(c, json_pack("{s:o, s:i, s:I, s:I, s:o}", "folder", ctl_json_text(dir), "files", (int)r->files, "bytes",
                          (json_int_t)r->bytes, "entries", (json_int_t)r->entries, "newest_entry_received",
                          r->newest_s ? ctl_json_time(r->newest_s) : json_null()));
}

static enum ctl_exit run_make(struct ctl *c)
{
    struct errmsg why;
    struct backup_report r;
    if (backup_make(&c->home, c->books, c->positions[0], &r, &why))
        return ctl_fail(&why, "nothing was left behind");
    show(c, c->positions[0], &r);
    ctl_say(c, "It has all keys in it: guard it like the folder.  Try it: patronctl backup drill %s", c->positions[0]);
    return CTL_OK;
}

/* Where the drill says its lines: nowhere with --json. */
static FILE *lines_begin(const struct ctl *c)
{
    FILE *nowhere = c->json ? fopen("/dev/null", "w") : NULL;
    return nowhere ? nowhere : stdout;
}

static void lines_end(FILE *lines)
{
    if (lines != stdout)
        fclose(lines);
}

static enum ctl_exit run_drill(struct ctl *c)
{
    struct errmsg why;
    struct backup_report r;
    FILE *lines = lines_begin(c);
    enum err e = backup_drill(c->positions[0], lines, &r, &why);
    lines_end(lines);
    if (e)
        return ctl_fail(&why, "the backup cannot be restored: make another one now");
    show(c, c->positions[0], &r);
    if (r.broken)
        return ctl_refuse("%d checks do not hold: look at head office's own books with patronctl ledger verify", r.broken);
    ctl_say(c, "The backup is whole, its books hold, and replaying its log gives the same rows.");
    return CTL_OK;
}

static enum ctl_exit run_restore(struct ctl *c)
{
    struct errmsg why;
    struct backup_report r;
    const char *to = ctl_value(c, "--to");
    if (!to)
        return ctl_usage(c, "--to DIR is needed: the folder that head office is to run from");
    FILE *lines = lines_begin(c);
    enum err e = backup_restore(c->positions[0], to, lines, &r, &why);
    lines_end(lines);
    if (e)
        return ctl_fail(&why, "nothing was restored");
    show(c, to, &r);
    ctl_say(c, "Start patron-office with --home %s: tills send again what they had sent after the backup.", to);
    return CTL_OK;
}

const struct ctl_command ctl_backup_commands[] = {
    {.name = "backup make",
     .positions = "DIR",
     .least = 1,
     .most = 1,
     .summary = "a copy of the head-office folder, while head office works",
     .text = "DIR must not be there yet; it appears whole or not at all.  It holds the ledger as of one moment,\n"
             "certificates and all keys, and SHA256SUMS over them.\n\n"
             "  patronctl backup make /mnt/backup/$(date +%F)\n",
     .needs = CTL_HOME,
     .run = run_make},
    {.name = "backup drill",
     .positions = "DIR",
     .least = 1,
     .most = 1,
     .summary = "try whether a backup can be restored, and whether its books hold",
     .text = "Copies it beside itself, compares every digest, opens it as head office would, verifies the books,\n"
             "replays the log, and removes the copy.  The backup is not touched.  Exit code 1 when anything is wrong.\n",
     .needs = CTL_NO_HOME,
     .run = run_drill},
    {.name = "backup restore",
     .positions = "DIR",
     .least = 1,
     .most = 1,
     .summary = "make a head-office folder of a backup, after the drill",
     .options = {{"--to", "DIR", "the new folder; must not be there yet"}},
     .text = "  patronctl backup restore /mnt/backup/2026-11-22 --to /var/lib/patron-office\n",
     .needs = CTL_NO_HOME,
     .run = run_restore},
    {0},
};
