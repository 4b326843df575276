/* e2e_display.c - the member's display beside a real till: patron-display in tmux, real libnfc on the simulated reader,
 * head office over its line.  A tap, points redeemed by a second tap and by a PIN, thanks, and the glass cleared when the
 * thanks are over, when the till is killed and when it hangs.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/display/display.h"
#include "terminal/display/display_state.h"
#include "tests/chain.h"
#include "tests/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define TMUX(...) ARGS("/usr/bin/env", "tmux", "-S", tmux_socket, __VA_ARGS__)

enum { PATIENCE_MS = 25000, LOOK_MS = 40 };

static struct chain chain;
static struct till *till;
static struct proc tmux;
static char *tmux_socket, *display_socket;
static char screen[65536], line[1024];

static const char *bin_dir(void)
{
    const char *bin = getenv("PATRON_BIN");
    return bin ? bin : "build";
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void look(void)
{
    if (run(chain.log, NULL, screen, sizeof screen, TMUX("capture-pane", "-p", "-t", "glass")))
        die("display: tmux does not show it; see %s", chain.log);
}

/* Until the display shows it. */
static void await(const char *text)
{
    int64_t until = now_ms() + PATIENCE_MS;
    do {
        look();
        if (strstr(screen, text))
            return;
        nanosleep(&(struct timespec){0, LOOK_MS * 1000000L}, NULL);
    } while (now_ms() < until);
    fail_msg("the display does not come to show '%s':\n%s", text, screen);
}

static void shows_not(const char *text)
{
    if (strstr(screen, text))
        fail_msg("the display shows '%s':\n%s", text, screen);
}

static void press(const char *key)
{
    if (run(chain.log, NULL, NULL, 0, TMUX("send-keys", "-t", "glass", key)))
        die("display: tmux takes no keys; see %s", chain.log);
}

static void start_till(const char *language)
{
    char text[2048];
    char *file = path_of("%s/till.conf.test", till->home),
         *program = path_of("%s/patron-terminal", chain.bin);
    snprintf(text, sizeof text,
             "[till]\nhome = %s\noffice = 127.0.0.1:%d\nclock = %s\nlanguage = "
             "%s\n[reader]\ndevice = pn532_uart:%s\n"
             "[register]\nsocket = %s\n[display]\nsocket = %s\n",
             till->home, till->relay.port, till->clock, language, till->link, till->socket,
             display_socket);
    write_file(file, text);
    proc_start(&till->program, chain.log, NULL, ARGS(program, "--config", file));
    control_open(&till->control, till->socket, 20000);
    free(file);
    free(program);
}

static void begin(const char *language)
{
    char *root = path_of("%s/c", test_scratch_dir());
    char *program = path_of("%s/patron-display", bin_dir());
    chain_open(&chain, bin_dir(), root, "tests/data/packs/demo.json", "2011-03-01T09:00");
    till = chain_add_till(&chain, "UK");
    display_socket = path_of("%s/display", till->home);
    control_ok(&till->control, line, sizeof line, "sync 15000");
    control_close(&till->control);
    proc_end(&till->program, SIGTERM);
    start_till(language);
    tmux_socket = path_of("%s/tmux", root);
    proc_start(&tmux, chain.log, "LC_ALL=C.UTF-8",
               ARGS("/usr/bin/env", "tmux", "-S", tmux_socket, "-f", "/dev/null", "-D"));
    for (int64_t until = now_ms() + PATIENCE_MS; access(tmux_socket, F_OK);)
        assert_true(now_ms() < until);
    if (run(chain.log, NULL, NULL, 0,
            TMUX("new-session", "-d", "-s", "glass", "-x", "60", "-y", "20", program, "--socket",
                 display_socket)))
        die("display: tmux does not start; see %s", chain.log);
    free(root);
    free(program);
}

static void end(void)
{
    (void)run(chain.log, NULL, NULL, 0, TMUX("kill-server"));
    proc_end(&tmux, SIGTERM);
    chain_close(&chain);
    free(tmux_socket);
    free(display_socket);
}

static void ring_up(void)
{
    control_ok(&till->control, line, sizeof line, "line 22745 1 5000 goods");
    control_ok(&till->control, line, sizeof line, "total");
}

TEST(e2e_display, a_member_sees_the_points_confirms_by_a_second_tap_is_thanked_and_forgotten)
{
    char out[4096];
    struct stat st;
    begin("en");
    assert_int_equal(stat(display_socket, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600); /* nobody else reads it */
    chain_issue(&chain, till, "ev2", "anna");
    chain_ctl(&chain, out, sizeof out,
              ARGS("member", "edit", "M1", "--name", "Anna", "--consent", "yes"));
    chain_ctl(&chain, out, sizeof out,
              ARGS("points", "adjust", "M1", "2000", "--reason", "to begin with"));

    await("Please hold your member card to the reader.");
    shows_not("Anna");
    card_put(till, "anna");
    control_ok(&till->control, line, sizeof line, "tap");
    await("Hello, Anna!");
    await("Your points: 2000");
    ring_up();
    await("Total: 50.00 GBP");
    await("This purchase earns: ");

    /* 1,500 points are more than may go by one tap. */
    control_send(&till->control, "redeem 1500");
    await("Pay 15.00 GBP with 1500 points?");
    await("take your card away and hold it there again");
    card_take(till);
    nanosleep(&(struct timespec){0, 400000000L}, NULL); /* no hand is faster */
    card_put(till, "anna");
    assert_true(control_read(&till->control, line, sizeof line, 20000));
    if (strncmp(line, "ok", 2) != 0)
        fail_msg("%s", line);
    await("To pay: 35.00 GBP");
    control_ok(&till->control, line, sizeof line, "pay");
    await("Thank you, Anna!");
    await("Redeemed: 1500 points");
    await("Until ");
    int64_t thanked_ms = now_ms();
    card_take(till);
    await("Please hold your member card to the reader.");
    shows_not("Anna");
    assert_true(now_ms() - thanked_ms > 1000);

    /* The till is killed in the middle of a sale, then comes back. */
    card_put(till, "anna");
    control_ok(&till->control, line, sizeof line, "tap");
    await("Hello, Anna!");
    control_close(&till->control);
    proc_end(&till->program, SIGKILL);
    await("Please wait.");
    shows_not("Anna");
    start_till("en");
    await("Please hold your member card to the reader.");

    /* It hangs. */
    control_ok(&till->control, line, sizeof line, "tap");
    await("Hello, Anna!");
    kill(till->program.pid, SIGSTOP);
    await("Please wait.");
    shows_not("Anna");
    kill(till->program.pid, SIGCONT);
    await("Hello, Anna!");
    end();
}

TEST(e2e_display,
     a_pin_is_typed_there_and_shown_as_dots_and_what_the_member_reads_is_in_their_own_language)
{
    char out[4096];
    begin("en");
    chain_ctl(&chain, out, sizeof out,
              ARGS("member", "add", "--name", "王安娜", "--consent", "yes", "--language", "zh",
                   "--phone", "+44 20 7946 0018"));
    chain_ctl(&chain, out, sizeof out, ARGS("member", "pin", "M1", "4711"));
    chain_ctl(&chain, out, sizeof out,
              ARGS("points", "adjust", "M1", "2000", "--reason", "to begin with"));
    await("Please hold your member card to the reader.");
    control_ok(&till->control, line, sizeof line, "identify phone +442079460018");
    await("王安娜，您好！");
    await("您的积分：2000");
    ring_up();

    control_send(&till->control, "redeem 500");
    await("用500积分抵扣5.00 GBP？");
    await("密码：_");
    press("4");
    press("7");
    await("密码：* * _");
    shows_not("47");
    press("Escape");
    assert_true(control_read(&till->control, line, sizeof line, 20000));
    assert_non_null(strstr(line, "error NEEDS_APPROVAL"));
    await("王安娜，您好！");

    control_send(&till->control, "redeem 500");
    await("密码：_");
    for (const char *digit = "4711"; *digit; digit++)
        press((char[]){*digit, 0});
    await("密码：* * * * _");
    press("Enter");
    assert_true(control_read(&till->control, line, sizeof line, 20000));
    if (strncmp(line, "ok", 2) != 0)
        fail_msg("%s", line);
    await("本次可获积分：45"); /* not 50: points pay a part */
    await("应付：45.00 GBP");
    control_ok(&till->control, line, sizeof line, "pay");
    await("王安娜，谢谢！");
    await("使用积分：500");
    await("现有积分：1545");
    end();
}
