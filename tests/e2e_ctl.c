/* e2e_ctl.c - patronctl card, as people use it: the real program, the real libnfc, simulated cards.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/harness.h"
#include "tests/test.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static char office[256], clock_file[256], log_path[256], reader[256];
static struct proc sim;
static struct control desk;

/* The path of a program, in one of 4 buffers used in turn. */
static const char *program(const char *name)
{
    static char paths[4][512];
    static unsigned turn;
    const char *build = getenv("BUILD");
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", build ? build : "build", name);
    return path;
}

static void use_scratch(const char *name)
{
    const char *scratch = test_scratch_dir();
    snprintf(office, sizeof office, "%.200s/%s", scratch, name);
    snprintf(clock_file, sizeof clock_file, "%.200s/clock", scratch);
    snprintf(log_path, sizeof log_path, "%.200s/log", scratch);
    write_file(clock_file, "2010-12-01T08:00\n");
}

/* patronctl with these words; its exit code. */
static int ctl(char *out, size_t size, const char *input, const char *const words[])
{
    const char *argv[PROC_ARGS_MAX] = {program("patronctl"), "--home", office, "--clock",
                                       clock_file};
    int n = 5;
    for (int i = 0; words[i]; i++)
        argv[n++] = words[i];
    argv[n] = NULL;
    out[0] = 0;
    return run(log_path, input, out, size, argv);
}

#define CTL(out, ...) ctl(out, sizeof out, NULL, ARGS(__VA_ARGS__))

static void set_up(void)
{
    char out[2048], *link, *socket, *cards;
    use_scratch("office");
    link = path_of("%s/nfc", test_scratch_dir());
    socket = path_of("%s/sim.sock", test_scratch_dir());
    cards = path_of("%s/cards", test_scratch_dir());
    snprintf(reader, sizeof reader, "pn532_uart:%.200s", link);
    mkdir(cards, 0700);
    proc_start(
        &sim, log_path, NULL,
        ARGS(program("patron-cardsim"), "--link", link, "--cards", cards, "--control", socket));
    control_open(&desk, socket, 10000);
    free(link);
    free(socket);
    free(cards);
    assert_int_equal(CTL(out, "init"), 0);
}

static void tear_down(void)
{
    char out[4096];
    /* whatever was done, the books hold */
    int verified = CTL(out, "ledger", "verify"), replayed = CTL(out, "ledger", "replay");
    control_close(&desk);
    proc_end(&sim, SIGTERM);
    assert_int_equal(verified, 0);
    assert_int_equal(replayed, 0);
}

#define sim_ok(...) control_ok(&desk, said, sizeof said, __VA_ARGS__)

/* The UID of "ok UID MEMBER". */
static void issued(const char *out, char uid[15], char member[24])
{
    assert_int_equal(sscanf(out, "ok %14[0-9a-f] %23s", uid, member), 2);
}

TEST(ctl_cards, a_card_is_issued_shown_and_read_back)
{
    char out[8192], said[512], uid[15], member[24];
    set_up();
    sim_ok("new ev2 random one");
    sim_ok("present one");
    assert_int_equal(CTL(out, "card", "issue", "--enrol", "--reader", reader), 0);
    issued(out, uid, member);
    assert_string_equal(member, "M1");
    assert_int_equal(CTL(out, "card", "read", "--reader", reader), 0);
    assert_non_null(strstr(out, uid));
    assert_non_null(strstr(out, "M1"));
    assert_non_null(strstr(out, "base"));
    assert_int_equal(CTL(out, "card", "show", uid), 0);
    assert_non_null(strstr(out, "active"));
    assert_int_equal(CTL(out, "member", "show", "M1"), 0);
    assert_non_null(strstr(out, uid));
    /* once only */
    assert_int_equal(CTL(out, "card", "issue", "--enrol", "--reader", reader), 1);
    assert_int_equal(CTL(out, "member", "show", "M2"), 1);
    tear_down();
}

TEST(ctl_cards, a_card_is_blocked_unblocked_and_replaced)
{
    char out[8192], said[512], old[15], new[15], member[24];
    set_up();
    sim_ok("new ev2 random old");
    sim_ok("new ev1 random new");
    assert_int_equal(CTL(out, "member", "add", "--name", "Ada"), 0);
    sim_ok("present old");
    assert_int_equal(CTL(out, "card", "issue", "--member", "M1", "--reader", reader), 0);
    issued(out, old, member);
    sim_ok("remove");
    assert_int_equal(CTL(out, "card", "block", old), 2); /* a reason is needed */
    assert_int_equal(CTL(out, "card", "block", old, "--reason", "reported lost"), 0);
    assert_int_equal(CTL(out, "card", "block", old, "--reason", "reported lost"), 1);
    assert_int_equal(CTL(out, "card", "unblock", old, "--reason", "found"), 0);
    sim_ok("present new");
    assert_int_equal(CTL(out, "card", "issue", "--reader", reader), 0); /* nobody's yet */
    issued(out, new, member);
    assert_string_equal(member, "-");
    assert_int_equal(CTL(out, "card", "replace", old, old, "--reason", "lost"), 1);
    assert_int_equal(CTL(out, "card", "replace", old, new, "--reason", "lost"), 0);
    assert_int_equal(CTL(out, "card", "show", old), 0);
    assert_non_null(strstr(out, "replaced"));
    assert_int_equal(CTL(out, "card", "show", new), 0);
    assert_non_null(strstr(out, "M1"));
    assert_int_equal(CTL(out, "card", "unblock", old, "--reason", "x"), 1);
    assert_int_equal(CTL(out, "card", "bind", new, "M1"), 1);
    assert_int_equal(CTL(out, "card", "list"), 0);
    assert_non_null(strstr(out, old));
    assert_non_null(strstr(out, new));
    tear_down();
}

TEST(ctl_cards, a_torn_card_is_finished_when_it_comes_back)
{
    char out[8192], said[512], uid[15], member[24];
    set_up();
    sim_ok("new ev2 random torn");
    sim_ok("tear after 12");
    sim_ok("present torn");
    /* nobody lays it down again: given up, and the member waits for a card */
    assert_int_equal(CTL(out, "card", "issue", "--enrol", "--reader", reader, "--wait", "1"), 1);
    assert_int_equal(CTL(out, "member", "show", "M1"), 0);
    sim_ok("present torn");
    assert_int_equal(CTL(out, "card", "issue", "--member", "M1", "--reader", reader), 0);
    issued(out, uid, member);
    assert_string_equal(member, "M1");
    assert_int_equal(CTL(out, "card", "read", "--reader", reader), 0);
    assert_non_null(strstr(out, "M1"));
    tear_down();
}

TEST(ctl_cards, a_card_made_before_the_power_went_is_taken_into_the_books)
{
    char out[8192], said[512], uid[15], member[24];
    struct proc p = {0};
    set_up();
    sim_ok("new ev2 random one");
    sim_ok("present one");
    assert_int_equal(CTL(out, "member", "add"), 0);
    proc_start(&p, log_path, "PATRON_CRASH=card-issued:1",
               ARGS(program("patronctl"), "--home", office, "--clock", clock_file, "card", "issue",
                    "--member", "M1", "--reader", reader));
    assert_true(WIFSIGNALED(proc_wait(&p, 20000)));
    assert_int_equal(CTL(out, "card", "list"), 0);
    assert_non_null(strstr(out, "none")); /* the card knows more than the ledger */
    /* not for somebody else */
    assert_int_equal(CTL(out, "member", "add"), 0);
    assert_int_equal(CTL(out, "card", "issue", "--member", "M2", "--reader", reader), 1);
    assert_int_equal(CTL(out, "card", "issue", "--member", "M1", "--reader", reader), 0);
    issued(out, uid, member);
    assert_string_equal(member, "M1");
    assert_int_equal(CTL(out, "card", "show", uid), 0);
    assert_non_null(strstr(out, "ev2"));
    tear_down();
}

/* A program we talk with line by line. */
struct talk {
    pid_t pid;
    FILE *to, *from;
};

static void talk_start(struct talk *t, const char *const argv[])
{
    int in[2], out[2];
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    t->pid = fork();
    assert_true(t->pid >= 0);
    if (t->pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        close(in[0]), close(in[1]), close(out[0]), close(out[1]);
        execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    t->to = fdopen(in[1], "w");
    t->from = fdopen(out[0], "r");
}

static void talk(struct talk *t, const char *line, char *answer, int size)
{
    fprintf(t->to, "%s\n", line);
    fflush(t->to);
    assert_non_null(fgets(answer, size, t->from));
}

static int talk_end(struct talk *t)
{
    int status = -1;
    fclose(t->to);
    waitpid(t->pid, &status, 0);
    fclose(t->from);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(ctl_cards, one_process_issues_many_cards_and_answers_each)
{
    enum { CARDS = 12 };
    char out[8192], said[512], uid[15], member[24], expected[24], line[64];
    struct talk t;
    set_up();
    for (int i = 1; i <= CARDS; i++)
        sim_ok("new %s random c%d", i % 3 ? "ev2" : "ev1", i);
    talk_start(&t, ARGS(program("patronctl"), "--home", office, "--clock", clock_file, "card",
                        "issue", "--enrol", "--follow", "--reader", reader));
    for (int i = 1; i <= CARDS; i++) {
        sim_ok("present c%d", i);
        snprintf(line, sizeof line, i % 2 ? "- Member %d" : "-", i);
        talk(&t, line, out, sizeof out);
        issued(out, uid, member);
        snprintf(expected, sizeof expected, "M%d", i);
        assert_string_equal(member, expected);
        sim_ok("remove");
    }
    /* a slip is answered and the next card goes on */
    talk(&t, "0411223344556x", out, sizeof out);
    assert_int_equal(strncmp(out, "failed ", 7), 0);
    sim_ok("new ev2 random last");
    sim_ok("present last");
    talk(&t, "-", out, sizeof out);
    issued(out, uid, member);
    assert_int_equal(talk_end(&t), 1); /* one line had failed */
    assert_int_equal(CTL(out, "member", "find", "member 7"), 0);
    assert_non_null(strstr(out, "M7"));
    tear_down();
}

/* A till with its control socket; the reader is the desk's. */
static void start_till(struct proc *till, struct control *c, const char *address)
{
    char socket[300], home[300];
    snprintf(socket, sizeof socket, "%.200s/till.sock", test_scratch_dir());
    snprintf(home, sizeof home, "%.200s/till", test_scratch_dir());
    proc_start(till, log_path, NULL,
               ARGS(program("patron-terminal"), "--home", home, "--reader", reader, "--office",
                    address, "--control", socket, "--clock", clock_file));
    control_open(c, socket, 10000);
}

static int enrol(const char *home, const char *address, const char *code)
{
    char path[300];
    snprintf(path, sizeof path, "%.200s/%s", test_scratch_dir(), home);
    return run(log_path, NULL, NULL, 0,
               ARGS(program("patron-terminal"), "enrol", "--home", path, "--office", address,
                    "--code", code));
}

/* What a sale of 25.00 earns at the till. */
static int64_t earned(struct control *till, const char *ref)
{
    char said[512];
    sim_ok("remove");
    sim_ok("present one");
    control_ok(till, said, sizeof said, "tap 10000");
    control_ok(till, said, sizeof said, "line A 1 2500");
    control_ok(till, said, sizeof said, "total");
    control_ok(till, said, sizeof said, "pay ref=%s", ref);
    int64_t points = answer_number(said, "earned");
    control_ok(till, said, sizeof said, "sync 10000");
    return points;
}

TEST(ctl_tills, what_patronctl_decides_beside_a_running_office_reaches_the_till)
{
    char out[8192], said[512], code[64], wrong[64], uid[15], member[24], address[64], path[300];
    struct proc head = {0}, till = {0};
    struct control c;
    set_up();
    sim_ok("new ev2 random one");
    sim_ok("present one");
    assert_int_equal(CTL(out, "card", "issue", "--enrol", "--reader", reader), 0);
    issued(out, uid, member);
    assert_int_equal(CTL(out, "till", "add", "--shop", "LONDON"), 0);
    assert_int_equal(sscanf(strstr(out, "code "), "code %63s", code), 1);
    proc_start(&head, log_path, NULL,
               ARGS(program("patron-office"), "--home", office, "--listen", "127.0.0.1:0",
                    "--clock", clock_file));
    proc_line(&head, said, sizeof said, 10000);
    assert_int_equal(sscanf(said, "listening on %63s", address), 1);

    /* the code: mistyped, good, used up */
    snprintf(wrong, sizeof wrong, "%s", code);
    wrong[strlen(wrong) - 1] = wrong[strlen(wrong) - 1] == 'A' ? 'B' : 'A';
    assert_int_equal(enrol("till", address, wrong), 1);
    assert_int_equal(enrol("till", address, code), 0);
    assert_int_equal(enrol("second", address, code), 1);
    assert_int_equal(CTL(out, "till", "list"), 0);
    assert_non_null(strstr(out, "enrolled"));

    /* rules: the same bill earns twice as much once the next pack is there */
    start_till(&till, &c, address);
    control_ok(&c, said, sizeof said, "sync 10000");
    assert_int_equal(earned(&c, "r1"), 25);
    assert_int_equal(CTL(out, "pack", "show"), 0);
    memcpy(strstr(out, "\"version\": 1"), "\"version\": 2", 12);
    memcpy(strstr(out, "\"1/100\""), "\"1/50\" ", 7);
    snprintf(path, sizeof path, "%.200s/rules.json", test_scratch_dir());
    write_file(path, out);
    assert_int_equal(CTL(out, "pack", "publish", path), 0);
    control_ok(&c, said, sizeof said, "sync 10000");
    assert_int_equal(earned(&c, "r2"), 50);
    assert_int_equal(CTL(out, "member", "show", member), 0);
    assert_non_null(strstr(out, "25.00 GBP at 1 point"));
    assert_non_null(strstr(out, "25.00 GBP at 2 points"));
    assert_int_equal(CTL(out, "review"), 0);
    assert_non_null(strstr(out, "Nothing to review"));

    /* the hot list */
    assert_int_equal(CTL(out, "card", "block", uid, "--reason", "lost"), 0);
    control_ok(&c, said, sizeof said, "sync 10000");
    sim_ok("remove");
    sim_ok("present one");
    control_send(&c, "tap 10000");
    assert_true(control_read(&c, said, sizeof said, 20000));
    assert_non_null(strstr(said, "BLOCKED"));

    control_close(&c);
    proc_end(&till, SIGTERM);
    proc_end(&head, SIGTERM);
    tear_down();
}

TEST(ctl_ledger, verify_names_what_somebody_changed_by_hand)
{
    static const struct {
        const char *by_hand, *named;
    } rows[] = {
        {"DROP TRIGGER posting_not_changed; UPDATE posting SET amount = amount + 1 WHERE n = 1",
         "I1"},
        {"UPDATE member SET held = held + 1", "I1"},
        {"DROP TRIGGER entry_not_changed; UPDATE entry SET bytes = zeroblob(length(bytes))"
         " WHERE position = 2",
         "HQ-2"},
        {"DROP TRIGGER entry_not_deleted; DELETE FROM entry WHERE position = 3", "posting 3.0"},
        {"DROP TRIGGER entry_not_deleted; DELETE FROM entry WHERE position = 2", "HQ-"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[16384], name[32], books[300], *broken;
        sqlite3 *db;
        snprintf(name, sizeof name, "office%zu", i);
        use_scratch(name);
        snprintf(books, sizeof books, "%s/patron.db", office);
        assert_int_equal(CTL(out, "init"), 0);
        assert_int_equal(CTL(out, "member", "add"), 0);
        assert_int_equal(CTL(out, "points", "adjust", "M1", "+100", "--reason", "a"), 0);
        assert_int_equal(CTL(out, "points", "adjust", "M1", "+10", "--reason", "b"), 0);
        assert_int_equal(CTL(out, "ledger", "verify"), 0);
        assert_null(strstr(out, "BROKEN"));
        assert_int_equal(sqlite3_open(books, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, rows[i].by_hand, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
        assert_int_equal(CTL(out, "ledger", "verify"), 1);
        broken = strstr(out, "BROKEN");
        assert_non_null(broken);
        assert_non_null(strstr(broken, rows[i].named));
        assert_int_equal(CTL(out, "ledger", "replay"), 1);
    }
}
