/* e2e_office.c - a head office that nobody logs into: set up by a file, watched from outside, backed up while it works,
 * brought back on another disk, and reading on when its disk is full.  Whole programs.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/chain.h"
#include "tests/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct chain chain;
static char line[1024];
static char out[65536];

static const char *bin_dir(void)
{
    const char *bin = getenv("PATRON_BIN");
    return bin ? bin : "build";
}

static struct till *open_shop(void)
{
    char *root = path_of("%s/c", test_scratch_dir());
    chain_open(&chain, bin_dir(), root, "tests/data/packs/demo.json", "2011-03-01T09:00");
    free(root);
    struct till *t = chain_add_till(&chain, "UK");
    control_ok(&t->control, line, sizeof line, "sync 15000");
    return t;
}

static void sell(struct till *t, int count)
{
    for (int i = 0; i < count; i++) {
        control_ok(&t->control, line, sizeof line, "line 22745 1 1275 goods");
        control_ok(&t->control, line, sizeof line, "total");
        control_ok(&t->control, line, sizeof line, "pay");
    }
}

static void sync_till(struct till *t)
{
    control_ok(&t->control, line, sizeof line, "sync 15000");
}

static void assert_says(const char *text, const char *what)
{
    if (!strstr(text, what))
        fail_msg("no \"%s\" in:\n%s", what, text);
}

/* The office again, by a file of these lines; NULL = without one. */
static void restart_office(const char *lines)
{
    static char path[512];
    proc_end(&chain.office, SIGTERM);
    snprintf(path, sizeof path, "%s/office.conf", chain.root);
    if (lines)
        write_file(path, lines);
    chain.office_config = lines ? path : NULL;
    chain_office_start(&chain, NULL);
}

static int64_t sales(void)
{
    chain_ctl(&chain, out, sizeof out, ARGS("books"));
    return json_number_of(out, "sales");
}

/* The text of a page of the metrics door; it must have this status. */
static void fetch(const char *address, const char *path, const char *status)
{
    char *url = path_of("%s%s", address, path);
    static char with[65536 + 16];
    assert_int_equal(run(chain.log, NULL, with, sizeof with, ARGS("/usr/bin/env", "curl", "-s", "-w", "%{http_code}", url)), 0);
    size_t size = strlen(with);
    assert_true(size >= 3);
    if (strcmp(with + size - 3, status) != 0)
        fail_msg("%s: %s", url, with);
    with[size - 3] = 0;
    memcpy(out, with, size - 2);
    free(url);
}

TEST(office, a_file_sets_it_up_and_what_is_wrong_in_it_is_said_with_the_line)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"[office]\nhome = x\n[consle]\nlisten = 1\n", ":4: there is no key listen in [consle]."},
        {"[office]\nleast_free_mb = many\n", ":2: least_free_mb of [office] is wrong: it is many; it may be a number from 0 to 1000000"},
        {"[office]\nlisten\n", ":2: it is neither [section] nor key = value"},
        {"[office]\nstop = 5\n", "it has no folder: --home DIR, or home in [office]"},
        {"[office]\nhome = x\n[console]\ncertificate = y\n", "[console] needs certificate and key, or neither"},
        {"[office]\nhome = x\n[console]\nname = https://shop\n", "name of [console] is a host name, without https:// and port"},
    };
    char *file = path_of("%s/bad.conf", test_scratch_dir()), *said = path_of("%s/said", test_scratch_dir());
    char *name = path_of("%s/patron-office", bin_dir());
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        write_file(file, rows[i].text);
        unlink(said);
        assert_int_equal(run(said, NULL, NULL, 0, ARGS(name, "--config", file)), 2);
        FILE *f = fopen(said, "r");
        assert_non_null(f);
        size_t size = fread(out, 1, sizeof out - 1, f);
        fclose(f);
        out[size] = 0;
        assert_says(out, rows[i].says);
    }
    free(file);
    free(said);
    free(name);
}

TEST(office, its_figures_and_its_state_are_there_for_monitoring)
{
    struct till *t = open_shop();
    char address[128];
    restart_office("[metrics]\nlisten = 127.0.0.1:0\n[log]\nquiet = yes\n");
    proc_line(&chain.office, line, sizeof line, 10000);
    assert_int_equal(sscanf(line, "metrics on %127s", address), 1);
    sell(t, 3);
    sync_till(t);
    fetch(address, "/health", "200");
    assert_string_equal(out, "{\"state\":\"ok\"}\n");
    fetch(address, "/metrics", "200");
    assert_says(out, "\npatron_office_entries_total 3\n");
    assert_says(out, "\npatron_office_till_entries_taken{till=\"T0001\"} 3\n");
    assert_says(out, "\npatron_office_tills 1\n");
    assert_says(out, "\npatron_office_tills_silent 0\n");
    assert_says(out, "\npatron_office_refusing 0\n");
    fetch(address, "/other", "404");
    chain_close(&chain);
}

TEST(office, with_a_full_disk_it_reads_on_and_takes_nothing_and_nothing_is_lost)
{
    struct till *t = open_shop();
    char address[128];
    chain_issue(&chain, t, "ev2", "ada");
    chain_desk_close(&chain);
    restart_office("[office]\nleast_free_mb = 1000000\n[metrics]\nlisten = 127.0.0.1:0\n");
    proc_line(&chain.office, line, sizeof line, 10000);
    assert_int_equal(sscanf(line, "metrics on %127s", address), 1);
    sell(t, 4);
    control_send(&t->control, "sync 2000");
    assert_true(control_read(&t->control, line, sizeof line, 20000));
    assert_int_equal(sales(), 0); /* reading goes on */
    fetch(address, "/health", "503");
    assert_says(out, "the disk is nearly full");
    assert_int_not_equal(chain_ctl_status(&chain, out, sizeof out, ARGS("till", "list")), -1);
    restart_office(NULL);
    sync_till(t);
    assert_int_equal(sales(), 4);
    chain_ctl(&chain, out, sizeof out, ARGS("ledger", "verify"));
    chain_close(&chain);
}

TEST(office, its_log_is_moved_away_while_it_runs)
{
    struct till *t = open_shop();
    char text[600], *log = path_of("%s/office.log", chain.root), *old = path_of("%s/office.log.1", chain.root);
    snprintf(text, sizeof text, "[log]\nfile = %s\n", log);
    restart_office(text);
    sell(t, 1);
    sync_till(t);
    assert_int_equal(rename(log, old), 0);
    kill(chain.office.pid, SIGHUP);
    out[0] = 0;
    for (int i = 0; i < 10 && !strstr(out, "till=T0001 sync"); i++) { /* one may still have gone to the old one */
        sell(t, 1);
        sync_till(t);
        FILE *f = fopen(log, "r");
        if (!f)
            continue;
        out[fread(out, 1, sizeof out - 1, f)] = 0;
        fclose(f);
    }
    assert_says(out, "till=T0001 sync");
    free(log);
    free(old);
    chain_close(&chain);
}

/* The disk is lost; a backup of the middle of the day is brought back elsewhere. */
TEST(office, restored_from_a_backup_it_gets_from_the_tills_what_came_after_it)
{
    struct till *t = open_shop();
    char *backup = path_of("%s/backup", chain.root), *fresh = path_of("%s/fresh", chain.root);
    sell(t, 5);
    sync_till(t);
    chain_ctl(&chain, out, sizeof out, ARGS("backup", "make", backup)); /* while it works */
    sell(t, 6);
    sync_till(t);
    assert_int_equal(sales(), 11);
    proc_end(&chain.office, SIGKILL);
    remove_tree(chain.office_home);
    chain_ctl(&chain, out, sizeof out, ARGS("backup", "drill", backup));
    chain_ctl(&chain, out, sizeof out, ARGS("backup", "restore", backup, "--to", fresh));
    free(chain.office_home);
    chain.office_home = path_of("%s", fresh);
    assert_int_equal(sales(), 5);
    chain_office_start(&chain, NULL);
    sell(t, 1);
    sync_till(t);
    assert_int_equal(sales(), 12);
    chain_ctl(&chain, out, sizeof out, ARGS("ledger", "verify"));
    chain_ctl(&chain, out, sizeof out, ARGS("ledger", "replay"));
    free(backup);
    free(fresh);
    chain_close(&chain);
}
