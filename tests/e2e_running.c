/* e2e_running.c - a till that nobody logs into: it says how it is, keeps what is sound when its journal is
 * damaged, comes back when the disk has room again, and its log names nobody.  Whole programs.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/chain.h"
#include "tests/sql.h"
#include "tests/test.h"

#include <inttypes.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct chain chain;
static char line[1024];

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

static void sell(struct control *c, int count)
{
    for (int i = 0; i < count; i++) {
        control_ok(c, line, sizeof line, "line 22745 1 1275 goods");
        control_ok(c, line, sizeof line, "total");
        control_ok(c, line, sizeof line, "pay");
    }
}

static void stop(struct till *t)
{
    control_close(&t->control);
    proc_end(&t->program, SIGTERM);
}

/* Starts the till from a file that says what the arguments say, and sections besides. */
static void start_from_file_in(struct till *t, const char *env, const char *more)
{
    char text[2048];
    char *file = path_of("%s/till.conf.test", t->home), *program = path_of("%s/patron-terminal", chain.bin);
    snprintf(text, sizeof text,
             "[till]\nhome = %s\noffice = 127.0.0.1:%d\nclock = %s\n[reader]\ndevice = pn532_uart:%s\n"
             "[register]\nsocket = %s\n%s",
             t->home, t->relay.port, t->clock, t->link, t->socket, more);
    write_file(file, text);
    proc_start(&t->program, chain.log, env, ARGS(program, "--config", file));
    control_open(&t->control, t->socket, 20000);
    free(file);
    free(program);
}

static void start_from_file(struct till *t, const char *more)
{
    start_from_file_in(t, NULL, more);
}

static int self_test(struct till *t, char *out, size_t size)
{
    char *program = path_of("%s/patron-terminal", chain.bin), *reader = path_of("pn532_uart:%s", t->link);
    char *office = path_of("127.0.0.1:%d", t->relay.port);
    int status = run(chain.log, NULL, out, size,
                     ARGS(program, "--self-test", "--home", t->home, "--clock", t->clock, "--reader", reader,
                          "--office", office));
    free(program);
    free(reader);
    free(office);
    return status;
}

static void assert_says(const char *text, const char *what)
{
    if (!strstr(text, what))
        fail_msg("no \"%s\" in:\n%s", what, text);
}

/* A page of zeros in the place of the root of a table or index. */
static void lose_page_of(const char *db, const char *name)
{
    static const char zeros[4096];
    char *ask = path_of("SELECT rootpage FROM sqlite_schema WHERE name = '%s'", name);
    sqlite3 *s;
    assert_int_equal(sqlite3_open(db, &s), SQLITE_OK);
    int64_t page = sql_number(s, ask);
    sqlite3_close(s);
    free(ask);
    FILE *f = fopen(db, "r+");
    assert_non_null(f);
    assert_int_equal(fseek(f, (page - 1) * 4096, SEEK_SET), 0);
    assert_int_equal(fwrite(zeros, sizeof zeros, 1, f), 1);
    assert_int_equal(fclose(f), 0);
}

TEST(running, the_self_test_has_a_plain_verdict_for_each_part_and_fails_when_one_is_broken)
{
    static char out[4096];
    struct till *t = open_shop();
    sell(&t->control, 3);
    control_ok(&t->control, line, sizeof line, "sync 15000");
    stop(t);
    assert_int_equal(self_test(t, out, sizeof out), 0);
    assert_says(out, "ok       keys     till 1 of UK, certificate good until");
    assert_says(out, "ok       journal  3 entries, each checked; head office has 3 of them");
    assert_says(out, "ok       clock    it is 2011-03-01T09:00");
    assert_says(out, "ok       reader   there");
    assert_says(out, "none     printer  none");
    assert_says(out, "ok       line     head office answers, 0 entries are owed");

    control_ok(&t->cards, line, sizeof line, "unplug");
    till_cut(t);
    till_clock(t, "2011-02-01T09:00");
    char *db = path_of("%s/till.db", t->home);
    sqlite3 *s;
    assert_int_equal(sqlite3_open(db, &s), SQLITE_OK);
    sql_run(s, "DROP TRIGGER entry_is_never_changed; UPDATE entry SET entry = x'00' WHERE seq = 2");
    sqlite3_close(s);
    assert_int_equal(self_test(t, out, sizeof out), 1);
    assert_says(out, "BROKEN   journal  1 of 3 entries are sound");
    assert_says(out, "BROKEN   clock    it says 2011-02-01T09:00");
    assert_says(out, "away     reader");
    assert_says(out, "away     line     head office is not reached (last: 2011-03-01T09:00");

    char *key = path_of("%s/key.pem", t->home);
    lose_page_of(db, "entry_ref"); /* its file is damaged beside the entries, and then its keys are gone too */
    till_clock(t, "2011-03-01T09:00");
    assert_int_equal(self_test(t, out, sizeof out), 1);
    assert_says(out, "BROKEN   journal");
    write_file(db, "This is no journal at all, and nothing of the till can be looked at with it.\n");
    assert_int_equal(self_test(t, out, sizeof out), 1);
    assert_says(out, "BROKEN   journal");
    assert_int_equal(unlink(key), 0);
    assert_int_equal(self_test(t, out, sizeof out), 1);
    assert_says(out, "BROKEN   keys     ");
    assert_says(out, "patronctl till recode 1");
    free(key);
    free(db);
    till_restore(t);
    chain_close(&chain);
}

TEST(running, with_a_damaged_journal_what_is_sound_is_sent_and_nothing_is_sold)
{
    struct till *t = open_shop();
    till_cut(t);
    sell(&t->control, 40);
    stop(t);
    char *db = path_of("%s/till.db", t->home);
    sqlite3 *s;
    assert_int_equal(sqlite3_open(db, &s), SQLITE_OK);
    sql_run(s, "DROP TRIGGER entry_is_never_changed; UPDATE entry SET entry = x'00' WHERE seq = 30");
    sqlite3_close(s);
    till_restore(t);
    till_start(&chain, t, NULL);
    control_ok(&t->control, line, sizeof line, "sync 15000");
    control_ok(&t->control, line, sizeof line, "line 22745 1 1275 goods");
    control_ok(&t->control, line, sizeof line, "total");
    control_send(&t->control, "pay");
    assert_true(control_read(&t->control, line, sizeof line, 10000));
    assert_says(line, "error IO");
    static char out[65536];
    chain_ctl(&chain, out, sizeof out, ARGS("books"));
    assert_int_equal(json_number_of(out, "sales"), 29);
    free(db);
    chain_close(&chain);
}

static void refuses_to_sell(struct control *c)
{
    control_ok(c, line, sizeof line, "line 22745 1 1275 goods");
    control_ok(c, line, sizeof line, "total");
    control_send(c, "pay ref=NEW");
    assert_true(control_read(c, line, sizeof line, 10000));
    assert_says(line, "error IO");
}

TEST(running, whatever_the_disk_lost_the_till_stays_up_and_sends_what_is_sound)
{
    static const struct {
        const char *page;
        int sound;
    } lost[] = {{"entry", 0}, {"open_intent", 3}, {"state", 3}, {"entry_ref", 3}, {"setting", 3}};
    static char out[65536];
    int64_t sales = 0;
    for (size_t i = 0; i < sizeof lost / sizeof lost[0]; i++) {
        struct till *t = open_shop();
        till_cut(t);
        sell(&t->control, 3);
        stop(t);
        char *db = path_of("%s/till.db", t->home);
        lose_page_of(db, lost[i].page);
        till_restore(t);
        till_start(&chain, t, NULL);
        control_ok(&t->control, line, sizeof line, "sync 15000");
        if (strcmp(lost[i].page, "setting") != 0) /* it has no programme then */
            refuses_to_sell(&t->control);
        chain_ctl(&chain, out, sizeof out, ARGS("books"));
        sales = json_number_of(out, "sales");
        if (sales != lost[i].sound)
            fail_msg("%s lost: %d sales, not %d", lost[i].page, (int)sales, lost[i].sound);
        control_ok(&t->control, line, sizeof line, "sync 15000"); /* now head office knows how it is */
        chain_ctl(&chain, out, sizeof out, ARGS("till", "list"));
        assert_says(out, "journal damaged");
        free(db);
        chain_close(&chain);
    }
}

static void assert_no_number_twice(int sales)
{
    static char out[65536];
    chain_ctl(&chain, out, sizeof out, ARGS("books"));
    assert_int_equal(json_number_of(out, "sales"), sales);
    assert_int_equal(json_number_of(out, "entries_under_a_taken_number"), 0);
}

/* Of the journal alone the till sees it by itself; of the whole folder only head office knows, and once is enough. */
TEST(running, an_old_copy_of_a_till_put_back_gives_no_number_twice)
{
    for (int whole = 0; whole < 2; whole++) {
        struct till *t = open_shop();
        sell(&t->control, 2);
        control_ok(&t->control, line, sizeof line, "sync 15000");
        stop(t);
        char *keep = path_of("mkdir %s/old && cp -p %s/till.db* %s/old", chain.root, t->home, chain.root);
        char *back = path_of("cp -p %s/old/till.db%s %s", chain.root, whole ? "*" : "", t->home);
        assert_int_equal(system(keep), 0);
        till_start(&chain, t, NULL);
        sell(&t->control, 2);
        control_ok(&t->control, line, sizeof line, "sync 15000");
        stop(t);
        assert_int_equal(system(back), 0);
        if (whole) {
            till_start(&chain, t, NULL);
            control_send(&t->control, "sync 3000");
            assert_true(control_read(&t->control, line, sizeof line, 10000));
            refuses_to_sell(&t->control);
            stop(t);
        }
        till_cut(t);
        till_start(&chain, t, NULL);
        refuses_to_sell(&t->control);
        assert_no_number_twice(4);
        free(keep);
        free(back);
        chain_close(&chain);
    }
}

/* In the middle of its log: SQLite takes what follows for a commit that was never finished. */
TEST(running, bits_flipped_in_the_log_of_a_killed_till_stop_it_whether_head_office_has_the_entries_or_not)
{
    static char out[65536];
    for (int sent = 0; sent < 2; sent++) {
        struct till *t = open_shop();
        stop(t); /* the log begins with what follows */
        till_start(&chain, t, NULL);
        till_cut(t);
        sell(&t->control, 6);
        if (sent) {
            till_restore(t);
            control_ok(&t->control, line, sizeof line, "sync 15000");
            till_cut(t);
        }
        control_close(&t->control);
        proc_end(&t->program, SIGKILL);
        char *log = path_of("%s/till.db-wal", t->home);
        FILE *f = fopen(log, "r+");
        assert_non_null(f);
        assert_int_equal(fseek(f, 0, SEEK_END), 0);
        assert_int_equal(fseek(f, ftell(f) / 2, SEEK_SET), 0);
        int byte = fgetc(f);
        assert_int_equal(fseek(f, -1, SEEK_CUR), 0);
        assert_int_not_equal(fputc(byte ^ 8, f), EOF);
        assert_int_equal(fclose(f), 0);

        till_start(&chain, t, NULL); /* with the line still cut */
        refuses_to_sell(&t->control);
        till_restore(t);
        control_send(&t->control, "sync 3000");
        assert_true(control_read(&t->control, line, sizeof line, 10000));
        refuses_to_sell(&t->control);
        chain_ctl(&chain, out, sizeof out, ARGS("books"));
        int64_t sales = json_number_of(out, "sales");
        if (sent ? sales != 6 : sales < 1 || sales > 5) /* what is before it is sent */
            fail_msg("%d sales", (int)sales);
        assert_no_number_twice((int)sales);
        chain_ctl(&chain, out, sizeof out, ARGS("till", "list"));
        assert_says(out, "journal damaged");
        stop(t);
        self_test(t, out, sizeof out);
        assert_says(out, "BROKEN   journal");
        free(log);
        chain_close(&chain);
    }
}

/* The way of terminal/README.md, "When a till is replaced". */
TEST(running, a_till_that_is_broken_is_replaced_and_its_members_and_receipts_go_on_at_the_new_one)
{
    static char out[65536];
    char receipt[64], purse[64];
    struct till *t = open_shop();
    chain_issue(&chain, t, "ev2", "anna");
    chain_desk_close(&chain);
    control_ok(&t->control, line, sizeof line, "sync 15000");
    till_cut(t);
    card_put(t, "anna");
    control_ok(&t->control, line, sizeof line, "tap 5000");
    control_ok(&t->control, line, sizeof line, "line 22745 1 100000 goods");
    control_ok(&t->control, line, sizeof line, "total");
    control_ok(&t->control, line, sizeof line, "pay");
    assert_true(answer_text(line, "receipt", receipt, sizeof receipt));
    card_take(t);
    stop(t);
    char *db = path_of("%s/till.db", t->home);
    lose_page_of(db, "entry_ref");
    till_restore(t);
    till_start(&chain, t, NULL);
    control_ok(&t->control, line, sizeof line, "sync 15000"); /* what is sound is at head office */
    stop(t);
    chain_ctl(&chain, out, sizeof out, ARGS("till", "revoke", "1"));
    struct till *n = chain_add_till(&chain, "UK");
    control_ok(&n->control, line, sizeof line, "sync 15000");
    chain_move_card(t, n, "anna");
    card_put(n, "anna");
    control_ok(&n->control, line, sizeof line, "tap 5000");
    assert_true(answer_text(line, "purse", purse, sizeof purse));
    assert_int_equal(atoi(purse), 1000); /* earned at the till that broke, loaded here */
    control_ok(&n->control, line, sizeof line, "cancel");
    control_ok(&n->control, line, sizeof line, "refund %s 22745:1:100000", receipt);
    control_ok(&n->control, line, sizeof line, "sync 15000");
    chain_ctl(&chain, out, sizeof out, ARGS("books"));
    assert_int_equal(json_number_of(out, "refunds"), 1);
    assert_int_equal(json_number_of(out, "points_clawed_back"), 1000);
    chain_ctl(&chain, out, sizeof out, ARGS("ledger", "verify"));
    free(db);
    chain_close(&chain);
}

/* Opening looks at the end only; the rest is checked while nobody waits. */
TEST(running, damage_found_while_it_runs_stops_it_and_what_is_sound_is_sent)
{
    static char out[65536];
    struct till *t = open_shop();
    till_cut(t);
    sell(&t->control, 60);
    stop(t);
    char *db = path_of("%s/till.db", t->home);
    sqlite3 *s;
    assert_int_equal(sqlite3_open(db, &s), SQLITE_OK);
    sql_run(s, "DROP TRIGGER entry_is_never_changed; UPDATE entry SET entry = x'00' WHERE seq = 5");
    sqlite3_close(s);
    till_start(&chain, t, NULL);
    bool sells = true;
    for (int i = 0; i < 60 && sells; i++) { /* its turn comes within seconds; each sync waits for some of one */
        control_send(&t->control, "sync 300");
        assert_true(control_read(&t->control, line, sizeof line, 10000));
        control_ok(&t->control, line, sizeof line, "line 22745 1 1275 goods");
        control_ok(&t->control, line, sizeof line, "total");
        control_send(&t->control, "pay");
        assert_true(control_read(&t->control, line, sizeof line, 10000));
        sells = strncmp(line, "error IO", 8) != 0;
    }
    assert_false(sells);
    till_restore(t);
    control_ok(&t->control, line, sizeof line, "sync 15000");
    chain_ctl(&chain, out, sizeof out, ARGS("books"));
    assert_int_equal(json_number_of(out, "sales"), 4);
    free(db);
    chain_close(&chain);
}

static int unix_socket(int type, const char *path, bool listens)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && strlen(path) < sizeof a.sun_path);
    strcpy(a.sun_path, path);
    int done = listens ? bind(fd, (struct sockaddr *)&a, sizeof a) : connect(fd, (struct sockaddr *)&a, sizeof a);
    assert_int_equal(done, 0);
    return fd;
}

/* Each figure is its help, its type and its value, as Prometheus reads them; returns how many. */
static int count_figures(char *text)
{
    int figures = 0;
    char help[80], type[80], name[80], kind[16];
    for (char *l = strtok(text, "\n"); l; l = strtok(NULL, "\n"), figures++) {
        long long value;
        assert_int_equal(sscanf(l, "# HELP %79[a-z_] %*c", help), 1);
        assert_non_null(l = strtok(NULL, "\n"));
        assert_int_equal(sscanf(l, "# TYPE %79[a-z_] %15s", type, kind), 2);
        assert_true(strcmp(kind, "gauge") == 0 || strcmp(kind, "counter") == 0);
        assert_int_equal(strcmp(kind, "counter") == 0, strstr(type, "_total") != NULL);
        assert_non_null(l = strtok(NULL, "\n"));
        assert_int_equal(sscanf(l, "%79[a-z_] %lld", name, &value), 2);
        assert_string_equal(help, type);
        assert_string_equal(help, name);
    }
    return figures;
}

TEST(running, a_service_manager_hears_that_it_is_ready_and_alive_and_its_sockets_are_its_users_alone)
{
    char text[16384];
    struct till *t = open_shop();
    stop(t);
    char *notify = path_of("%s/notify", t->home), *env = path_of("NOTIFY_SOCKET=%s", notify);
    char *metrics = path_of("%s/metrics", t->home);
    char *more = path_of("[metrics]\nsocket = %s\n[display]\nsocket = %s/display\n", metrics, t->home);
    int manager = unix_socket(SOCK_DGRAM, notify, true);
    const struct timeval most = {.tv_sec = 10};
    assert_int_equal(setsockopt(manager, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most), 0);
    assert_int_equal(setenv("WATCHDOG_USEC", "400000", 1), 0);
    start_from_file_in(t, env, more);
    unsetenv("WATCHDOG_USEC");
    ssize_t n = recv(manager, text, sizeof text - 1, 0);
    assert_int_equal(n, 7);
    assert_memory_equal(text, "READY=1", 7);
    for (int i = 0; i < 2; i++) { /* and that it is alive, though nothing happens */
        assert_int_equal(recv(manager, text, sizeof text - 1, 0), 10);
        assert_memory_equal(text, "WATCHDOG=1", 10);
    }
    close(manager);
    static const char *const names[] = {"control", "metrics", "display"};
    for (int i = 0; i < 3; i++) {
        struct stat st;
        char *path = path_of("%s/%s", t->home, names[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 077, 0);
        free(path);
    }
    int fd = unix_socket(SOCK_STREAM, metrics, false);
    size_t used = 0;
    for (; used < sizeof text - 1 && (n = read(fd, text + used, sizeof text - 1 - used)) > 0;)
        used += (size_t)n;
    close(fd);
    text[used] = 0;
    assert_int_equal(text[used - 1], '\n');
    assert_true(count_figures(text) >= 19);
    free(notify);
    free(env);
    free(metrics);
    free(more);
    chain_close(&chain);
}

TEST(running, with_no_descriptor_left_who_knocks_is_turned_away_and_it_sells_on)
{
    enum { KNOCKS = 20, INHERITED = 110, MOST = 128 };
    struct till *t = open_shop();
    stop(t);
    int inherited[INHERITED], knocks[KNOCKS], away = 0;
    for (int i = 0; i < INHERITED; i++)
        inherited[i] = dup(STDIN_FILENO);
    struct rlimit before, few;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = (struct rlimit){MOST, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    char *program = path_of("%s/patron-terminal", chain.bin);
    /* No --clock: it would want a descriptor for its file. */
    proc_start(&t->program, chain.log, NULL, ARGS(program, "--home", t->home, "--reader", "none", "--control", t->socket));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    for (int i = 0; i < INHERITED; i++)
        close(inherited[i]);
    control_open(&t->control, t->socket, 20000);
    sell(&t->control, 1);
    for (int i = 0; i < KNOCKS; i++) {
        char byte;
        knocks[i] = unix_socket(SOCK_STREAM | SOCK_NONBLOCK, t->socket, false);
        control_ok(&t->control, line, sizeof line, "status"); /* it had its turn, and another */
        control_ok(&t->control, line, sizeof line, "status");
        away += recv(knocks[i], &byte, 1, MSG_DONTWAIT) == 0; /* with a descriptor it would say that it is full */
    }
    assert_true(away > KNOCKS / 2);
    sell(&t->control, 1);
    for (int i = 0; i < KNOCKS; i++)
        close(knocks[i]);
    free(program);
    chain_close(&chain);
}

/* What a till says that is started after these words of the shell (in a mount namespace of its own), by this program;
 * returns how it ends, 77: the words failed. */
struct start {
    const char *words, *by;
    bool own_mounts;
};
static int try_start(const struct start *how, const struct till *t, const char *options, char *out, size_t size)
{
    char *script = path_of("{ %s; } || exit 77; exec %s %s/patron-terminal --home %s --reader none %s 2>&1", how->words,
                           how->by, chain.bin, t->home, options);
    memset(out, 0, size);
    int status = run(chain.log, "", out, size,
                     how->own_mounts ? ARGS("/usr/bin/env", "unshare", "-m", "sh", "-c", script) : ARGS("/bin/sh", "-c", script));
    free(script);
    return status;
}

TEST(running, too_few_descriptors_are_told_at_the_start_and_a_low_limit_that_may_be_raised_is)
{
    static char out[4096];
    struct till *t = open_shop();
    stop(t);
    struct start few = {"ulimit -n 40", "", false}, low = {"ulimit -S -n 15", "", false};
    assert_int_equal(try_start(&few, t, "--prompt", out, sizeof out), 1);
    assert_says(out, "a till needs 128 file descriptors and may have 40: raise the limit (ulimit -n 128, or LimitNOFILE=128");
    assert_int_equal(try_start(&low, t, "--prompt", out, sizeof out), 0); /* at the end of its input */
    chain_close(&chain);
}

static void assert_unfit(const struct start *how, const struct till *t, const char *what)
{
    static char out[4096];
    assert_int_equal(try_start(how, t, "--prompt", out, sizeof out), 1);
    assert_says(out, what);
    assert_int_equal(try_start(how, t, "--self-test", out, sizeof out), 1);
    assert_says(out, "BROKEN   disk     ");
    assert_says(out, what);
}

TEST(running, a_folder_that_is_read_only_or_another_users_is_told_with_what_to_do)
{
    struct till *t = open_shop();
    stop(t);
    char *mounted = path_of("mount --bind %s %s && mount -o remount,bind,ro %s", t->home, t->home, t->home);
    char *db = path_of("%s/till.db", t->home), *says = path_of("%s can only be read: its disk is mounted read-only", t->home);
    struct start read_only = {mounted, "", true}, other = {"true", "setpriv --bounding-set=-dac_override,-dac_read_search", false};
    if (geteuid() == 0 && run(chain.log, NULL, NULL, 0, ARGS("/usr/bin/env", "unshare", "-m", "true")) == 0)
        assert_unfit(&read_only, t, says);
    else
        printf("  left out: this user may not mount\n");
    if (geteuid() == 0 && run(chain.log, NULL, NULL, 0, ARGS("/usr/bin/env", "setpriv", "--bounding-set=-dac_override", "true")) == 0) {
        assert_int_equal(chown(db, 65534, 65534), 0); /* as if it had once been started by that user */
        assert_unfit(&other, t, "/till.db belongs to the user ");
        assert_unfit(&other, t, ": start the till as ");
        assert_int_equal(chown(t->home, 65534, 65534), 0);
        assert_unfit(&other, t, t->home);
        assert_int_equal(chown(db, 0, 0) | chown(t->home, 0, 0), 0);
    } else {
        printf("  left out: this user cannot be another\n");
    }
    till_start(&chain, t, NULL); /* nothing was spoilt */
    sell(&t->control, 1);
    free(mounted);
    free(db);
    free(says);
    chain_close(&chain);
}

#define LOG_TO_STDERR "[log]\nfile = -\n"

/* A day with everything that names somebody in it; answers to the register do, and may. */
static void tell_all_about_anna(struct till *t, const char *member)
{
    static char out[4096];
    chain_ctl(&chain, out, sizeof out,
              ARGS("member", "edit", member, "--name", "Anna Unforgettable", "--phone", "+49301234567", "--consent", "yes"));
    card_put(t, "anna");
    control_ok(&t->control, line, sizeof line, "tap 5000");
    control_ok(&t->control, line, sizeof line, "line 22745 1 100000 goods");
    control_ok(&t->control, line, sizeof line, "total");
    control_ok(&t->control, line, sizeof line, "pay ref=OF-ANNA");
    control_ok(&t->control, line, sizeof line, "sync 15000");
    card_take(t);
    control_ok(&t->control, line, sizeof line, "identify phone +49301234567");
    control_ok(&t->control, line, sizeof line, "cancel");
    card_put(t, "anna");
    control_ok(&t->control, line, sizeof line, "tap 5000"); /* loaded */
    control_ok(&t->control, line, sizeof line, "line 22745 1 10000 goods");
    control_ok(&t->control, line, sizeof line, "total");
    control_ok(&t->cards, line, sizeof line, "tear after 5");
    control_send(&t->control, "redeem 100");
    assert_true(control_read(&t->control, line, sizeof line, 30000));
    control_ok(&t->cards, line, sizeof line, "tear off");
    card_take(t);
    card_put(t, "anna");
    control_close(&t->control); /* in doubt, and it starts again: says so before anybody asks */
    proc_end(&t->program, SIGKILL);
    start_from_file(t, LOG_TO_STDERR);
    control_ok(&t->control, line, sizeof line, "tap 5000");
    control_ok(&t->control, line, sizeof line, "pay");
    control_send(&t->control, "login 1 4711");
    assert_true(control_read(&t->control, line, sizeof line, 10000));
    card_take(t);
}

static void be_refused_blocked(struct till *t, const char *uid)
{
    static char out[4096];
    chain_ctl(&chain, out, sizeof out, ARGS("card", "block", uid, "--reason", "lost"));
    control_ok(&t->control, line, sizeof line, "sync 15000");
    card_put(t, "anna");
    control_send(&t->control, "tap 5000");
    assert_true(control_read(&t->control, line, sizeof line, 10000));
    assert_says(line, "error BLOCKED");
    control_send(&t->control, "redeem 1"); /* and nobody is asked: the sentence is for all */
    assert_true(control_read(&t->control, line, sizeof line, 10000));
}

TEST(running, logs_and_standard_error_say_what_happened_and_name_nobody)
{
    static char text[1 << 20];
    char member[64], uid[32], bare[32], word[72];
    size_t n = 0;
    struct till *t = open_shop();
    chain_issue(&chain, t, "ev2", "anna");
    chain_desk_close(&chain);
    control_ok(&t->cards, line, sizeof line, "list");
    const char *at = strstr(line, "anna=");
    assert_non_null(at);
    assert_int_equal(sscanf(at, "anna=%*[^:]:%31[^:]", uid), 1);
    for (char *c = uid; *c; c++)
        if (*c != '-' && *c != '.')
            bare[n++] = *c;
    bare[n] = 0;
    stop(t);
    assert_int_equal(unlink(chain.log), 0); /* enrolled, issued: from now on it is everyday */
    start_from_file(t, LOG_TO_STDERR);
    control_ok(&t->control, line, sizeof line, "sync 15000");
    card_put(t, "anna");
    control_ok(&t->control, line, sizeof line, "tap 5000");
    assert_true(answer_text(line, "member", member, sizeof member));
    control_ok(&t->control, line, sizeof line, "cancel");
    card_take(t);
    tell_all_about_anna(t, member);
    be_refused_blocked(t, bare);
    stop(t);
    FILE *f = fopen(chain.log, "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    assert_says(text, "till=T0001 start");
    assert_says(text, "till=T0001 line state=up");
    assert_says(text, "till=T0001 entry kind=\"sale\" seq=1");
    assert_says(text, "till=T0001 end failed=no");
    snprintf(word, sizeof word, "%s ", member); /* M1, and not M12 or a time */
    const char *const private[] = {"Anna", "Unforgettable", "301234567", "4711", "OF-ANNA", uid, bare, word};
    for (size_t i = 0; i < sizeof private / sizeof private[0]; i++)
        if (strcasestr(text, private[i]))
            fail_msg("\"%s\" is in what the programs said:\n%s", private[i], text);
    chain_close(&chain);
}

/* A disk of its own for the till, so that it can be full: needs the right to mount. */
static bool small_disk(const char *path)
{
    return mount("patron-test", path, "tmpfs", 0, "size=3m,mode=0700") == 0;
}

static void fill(const char *path)
{
    static const char block[4096];
    FILE *f = fopen(path, "a");
    assert_non_null(f);
    while (fwrite(block, sizeof block, 1, f) == 1 && fflush(f) == 0)
        ;
    fclose(f);
}

TEST(running, with_a_full_disk_nothing_is_confirmed_and_it_sells_again_when_there_is_room)
{
    struct till *t = open_shop();
    stop(t);
    char *disk = path_of("%s/disk", chain.root), *fat = path_of("%s/fat", disk);
    mkdir(disk, 0700);
    if (!small_disk(disk)) {
        printf("  left out: this user may not mount a small disk\n");
        free(disk);
        free(fat);
        chain_close(&chain);
        return;
    }
    char *home = path_of("%s/till", disk), *copy = path_of("cp -a %s %s", t->home, home), *old = t->home;
    assert_int_equal(system(copy), 0);
    t->home = home;
    till_start(&chain, t, NULL);
    sell(&t->control, 2);
    fill(fat);
    int refused = 0;
    for (int i = 0; i < 400 && !refused; i++) { /* until the log's own room is used up */
        control_ok(&t->control, line, sizeof line, "line 22745 1 1275 goods");
        control_ok(&t->control, line, sizeof line, "total");
        control_send(&t->control, "pay ref=F%d", i);
        assert_true(control_read(&t->control, line, sizeof line, 10000));
        refused = strncmp(line, "error IO", 8) == 0 ? i + 1 : 0;
    }
    assert_int_not_equal(refused, 0);
    for (int again = 0; again < 2; again++) { /* it starts on the full disk too, and still sends what it owes */
        control_close(&t->control);
        proc_end(&t->program, again ? SIGKILL : SIGTERM);
        fill(fat); /* with what it left free, too */
        till_start(&chain, t, NULL);
        control_ok(&t->control, line, sizeof line, "sync 15000");
        refuses_to_sell(&t->control);
    }
    assert_int_equal(unlink(fat), 0);
    control_ok(&t->control, line, sizeof line, "pay ref=NEW"); /* the bill is still there */
    control_ok(&t->control, line, sizeof line, "sync 15000");
    static char out[65536];
    chain_ctl(&chain, out, sizeof out, ARGS("books"));
    assert_int_equal(json_number_of(out, "sales"), 2 + refused);
    stop(t);
    assert_int_equal(umount(disk), 0);
    t->home = old;
    free(home);
    free(copy);
    free(disk);
    free(fat);
    chain_close(&chain);
}
