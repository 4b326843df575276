/* e2e_screen.c - a cashier's day at the real till, in English and again in Chinese: the screen in tmux, keys typed, real
 * libnfc on the simulated reader, head office behind a line that is cut.  After each step the test waits for what
 * the cashier would look for; at the milestones the whole screen is compared with data/screens/day-en.txt and
 * day-zh.txt (PATRON_GOLDEN=write makes them anew: look at each change as a cashier would).
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/chain.h"
#include "tests/test.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})
/* -N: only the server that this test started and ends, never one that tmux starts by itself. */
#define TMUX(...) ARGS("/usr/bin/env", "tmux", "-N", "-S", tmux_socket, __VA_ARGS__)

enum { PATIENCE_MS = 15000, LOOK_MS = 40 };

static struct chain chain;
static struct till *till;
static struct proc tmux;
static char *tmux_socket;
static bool chinese;
static char screen[65536];
static FILE *day; /* the milestones, as they are */
static char *day_text;
static size_t day_size;

static const char *bin_dir(void)
{
    const char *bin = getenv("PATRON_BIN");
    return bin ? bin : "build";
}

static const char *in(const char *english, const char *also_chinese)
{
    return chinese ? also_chinese : english;
}

/* ---- the screen ---- */

static void look(void)
{
    if (run(chain.log, NULL, screen, sizeof screen, TMUX("capture-pane", "-p", "-t", "till")))
        die("day: tmux does not show the till; see %s", chain.log);
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Until the screen shows it. */
static void await(const char *english, const char *also_chinese)
{
    const char *text = in(english, also_chinese);
    int64_t until = now_ms() + PATIENCE_MS;
    do {
        look();
        if (strstr(screen, text))
            return;
        nanosleep(&(struct timespec){0, LOOK_MS * 1000000L}, NULL);
    } while (now_ms() < until);
    fail_msg("the screen does not come to show '%s':\n%s", text, screen);
}

static void press(const char *key)
{
    if (run(chain.log, NULL, NULL, 0, TMUX("send-keys", "-t", "till", key)))
        die("day: tmux takes no keys; see %s", chain.log);
}

static void type(const char *text)
{
    if (run(chain.log, NULL, NULL, 0, TMUX("send-keys", "-t", "till", "-l", text)))
        die("day: tmux takes no keys; see %s", chain.log);
}

static void enter(const char *text)
{
    type(text);
    await(text, text);
    press("Enter");
}

/* A bill: it is asked first. */
static void cancel(void)
{
    press("F8");
    await("Cancel this sale?", "取消本单？");
    press("F8");
    await("Cancelled.", "已取消。");
}

static void sync_now(void)
{
    char line[512];
    control_ok(&till->control, line, sizeof line, "sync 15000");
}

/* The whole screen is kept, when head office has everything that it can have. */
static void milestone(const char *name)
{
    if (!till->cut) {
        sync_now();
        await("online 09:00", "在线 09:00");
    }
    look();
    fprintf(day, "== %s\n", name);
    char *rest = screen;
    for (char *row; *rest && (row = strsep(&rest, "\n")) != NULL;)
        fprintf(day, "|%s\n", row);
}

static void compare_day(void)
{
    char path[512], expected[1024], where[1024] = "";
    snprintf(path, sizeof path, "tests/data/screens/day-%s.txt", chinese ? "zh" : "en");
    fclose(day);
    const char *mode = getenv("PATRON_GOLDEN");
    if (mode && strcmp(mode, "write") == 0) {
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fwrite(day_text, 1, day_size, f);
        fclose(f);
    }
    FILE *f = fopen(path, "r");
    if (!f)
        fail_msg("%s is not there; PATRON_GOLDEN=write makes it", path);
    const char *at = day_text;
    while (fgets(expected, sizeof expected, f)) {
        if (strncmp(expected, "== ", 3) == 0)
            memcpy(where, expected, sizeof where);
        if (strncmp(at, expected, strlen(expected)) != 0)
            fail_msg("%s, %sexpected: %sis:       %.*s", path, where, expected,
                     (int)strcspn(at, "\n"), at);
        at += strlen(expected);
    }
    fclose(f);
    assert_string_equal(at, "");
    free(day_text);
    day_text = NULL;
}

/* ---- opening and closing the shop ---- */

static void hire(const char *name, const char *role, const char *pin, const char *language)
{
    char *ctl = path_of("%s/patronctl", bin_dir());
    if (run(chain.log, pin, NULL, 0,
            ARGS(ctl, "--home", chain.office_home, "--clock", chain.office_clock, "staff", "add",
                 "--name", name, "--role", role, "--pin", "-", "--language", language, "--gift",
                 "50")))
        die("day: %s was not hired; see %s", name, chain.log);
    free(ctl);
}

/* A card of the programme that is nobody's yet. */
static void issue_to_nobody(const char *name)
{
    char line[512], *ctl = path_of("%s/patronctl", bin_dir()),
                    *reader = path_of("pn532_uart:%s", till->link);
    control_ok(&till->cards, line, sizeof line, "new ev2 random %s", name);
    control_ok(&till->cards, line, sizeof line, "present %s", name);
    if (run(chain.log, NULL, NULL, 0,
            ARGS(ctl, "--home", chain.office_home, "--clock", chain.office_clock, "card", "issue",
                 "--reader", reader)))
        die("day: no card could be issued; see %s", chain.log);
    control_ok(&till->cards, line, sizeof line, "remove");
    free(ctl);
    free(reader);
}

/* A card that lets somebody work here: any tag. */
static void give_badge(const char *number)
{
    char line[512], uid[32], *ctl = path_of("%s/patronctl", bin_dir());
    control_ok(&till->cards, line, sizeof line, "new uid 04a1b2c3d4e5f6 badge%s", number);
    snprintf(uid, sizeof uid, "04a1b2c3d4e5f6");
    if (run(chain.log, NULL, NULL, 0,
            ARGS(ctl, "--home", chain.office_home, "--clock", chain.office_clock, "staff", "change",
                 number, "--badge", uid)))
        die("day: no badge for %s; see %s", number, chain.log);
    free(ctl);
}

static void open_shop(const char *language, const char *term, const char *columns, const char *rows)
{
    char line[512], *root = path_of("%s/c", test_scratch_dir());
    chinese = strcmp(language, "zh") == 0;
    setenv("LC_ALL", "C.UTF-8", 1);
    chain_open(&chain, bin_dir(), root, "tests/data/packs/demo.json", "2011-03-01T09:00");
    free(root);
    hire(in("Ann Lee", "李华"), "cashier", "2468\n", language);
    hire(in("Bob Wu", "吴敏"), "supervisor", "1357\n", language);
    till = chain_add_till(&chain, "UK");
    chain_issue(&chain, till, "ev2", "anna");
    chain_issue(&chain, till, "ev2", "bela");
    chain_desk_close(&chain);
    char out[4096];
    chain_ctl(&chain, out, sizeof out,
              ARGS("member", "edit", "M1", "--name", in("Ada King", "王芳"), "--birthday", "03-02",
                   "--language", language, "--consent", "yes"));
    give_badge("1");
    control_ok(&till->control, line, sizeof line, "sync 15000");
    control_close(&till->control);
    if (proc_end(&till->program, SIGTERM))
        die("day: the till did not end well; see %s", chain.log);
    issue_to_nobody("neu");
    issue_to_nobody("spare");
    control_ok(&till->cards, line, sizeof line, "new ev2 random blank");
    control_ok(&till->cards, line, sizeof line, "new random random phone");

    tmux_socket = path_of("%s/t", chain.root);
    proc_start(&tmux, chain.log, NULL,
               ARGS("/usr/bin/env", "tmux", "-S", tmux_socket, "-f", "/dev/null", "-D"));
    char *command = path_of(
        "TERM=%s sh -c 'echo $$ >%s/pid; exec %s/patron-terminal --home %s --reader pn532_uart:%s "
        "--office "
        "127.0.0.1:%d --control %s --clock %s --screen'; echo \"ended $?\"; stty -a; exec cat",
        term, chain.root, bin_dir(), till->home, till->link, till->relay.port, till->socket,
        till->clock);
    for (int64_t until = now_ms() + PATIENCE_MS;
         run(chain.log, NULL, NULL, 0,
             TMUX("new-session", "-d", "-x", columns, "-y", rows, "-s", "till", "sh", "-c",
                  command));) {
        if (now_ms() > until)
            die("day: tmux does not start; see %s", chain.log);
        nanosleep(&(struct timespec){0, LOOK_MS * 1000000L}, NULL);
    }
    free(command);
    control_open(&till->control, till->socket, 20000);
    day = open_memstream(&day_text, &day_size);
}

static void close_shop(void)
{
    char pid[32] = "", *path = path_of("%s/pid", chain.root);
    FILE *f = fopen(path, "r");
    if (!f || !fgets(pid, sizeof pid, f) || atoi(pid) <= 1 || kill(atoi(pid), SIGTERM))
        die("day: the till cannot be told to end");
    fclose(f);
    free(path);
    await("ended 0", "ended 0");
    await(" icanon", " icanon"); /* the terminal is as it was */
    await(" echo ", " echo ");
    control_close(&till->control);
    run(chain.log, NULL, NULL, 0, TMUX("kill-server"));
    proc_wait(&tmux, 10000);
    chain_close(&chain);
    free(tmux_socket);
}

/* Cards are moved as fast as by a quick hand: the reader notices within 150 ms that one has gone, or that none
 * lies there, and only then another counts. */
static void hand(void)
{
    nanosleep(&(struct timespec){0, 300 * 1000000L}, NULL);
}

static void take_card(void)
{
    card_take(till);
    hand();
}

static void lay_card(const char *name)
{
    hand();
    card_put(till, name);
}

/* ---- the day ---- */

static void log_in(void)
{
    await("Who works at this till?",
          "Who works at this till?"); /* the till's own language; then the cashier's */
    enter("1");
    type("2468");
    await("****", "****");
    press("Enter");
    await("Hold a card to the reader", "请刷卡");
    await("Ann Lee", "李华");
    await("Card reader       there", "读卡器            正常");
    type("1"); /* no sentence of how the reader came to be there is left over */
    await("Esc Clear", "Esc 清除");
    press("Escape");
    await("F7 Refund", "F7 退货");
    milestone("logged in");
}

/* Enough points for the whole day. */
static void first_sale(void)
{
    lay_card("anna");
    await("Ada King", "王芳");
    milestone("a card is laid down");
    enter("22745 2000.00");
    await("1 line ", "1行");
    enter("3x4.25");
    await("2 lines", "2行");
    press("Enter");
    await("Earns", "本单可积");
    milestone("total");
    press("F5");
    await("Receipt T0001-", "小票 T0001-");
    milestone("paid");
    press("F3");
    await("Thank you for the rating.", "谢谢评价。");
    take_card();
    sync_now();
}

static void redeem(void)
{
    lay_card("anna");
    await("2000 points", "2000积分");
    milestone("the next visit");
    enter("22745 20.00");
    await("1 line ", "1行");
    press("Enter");
    await("May redeem", "可兑换");
    press("F4");
    await("All allowed", "最多可兑");
    milestone("redeem");
    press("Enter");
    await("To pay", "应收");
    milestone("points are taken");
    press("F5");
    await("Redeemed", "兑换积分");
    milestone("paid with points");
    press("Enter");
    await("Hold a card", "请刷卡");
    take_card();
}

static void walk_in(void)
{
    type("45.00");
    await("45.00", "45.00");
    press("F2");
    await("No member: this sale earns nothing.", "没有会员");
    press("F5");
    await("No member.", "无会员。");
    milestone("a walk-in has paid");
    press("Enter");
    await("Hold a card", "请刷卡");
}

static void wrong_card(void)
{
    char line[512];
    lay_card("anna");
    await("Spend here", "本店可用");
    enter("22745 20.00");
    await("1 line ", "1行");
    press("Enter");
    await("May redeem", "可兑换");
    take_card();
    control_send(&till->control, "redeem 100 wait=300"); /* a register is less patient */
    assert_true(control_read(&till->control, line, sizeof line, 15000));
    assert_non_null(strstr(line, in("error GONE No card came", "error GONE 没有等到卡")));
    press("F4");
    await("All allowed", "最多可兑");
    press("Tab");
    enter("2.00");
    await("Hold the card of M1 to the reader", "请放好M1的卡");
    milestone("waiting for the card");
    press("F9"); /* the member cannot find it: the bill stays */
    await("The card is not waited for any more", "不再等卡");
    press("F4");
    await("All allowed", "最多可兑");
    press("Enter");
    await("Hold the card of M1 to the reader", "请放好M1的卡");
    lay_card("bela");
    await("This is another card; nothing was taken off it.", "不是同一张卡，未扣积分");
    milestone("another card");
    control_ok(&till->cards, line, sizeof line, "swap bela anna");
    cancel();
    take_card();
}

/* The card is pulled away while it commits, and comes back. */
static void torn_card(void)
{
    char line[512];
    lay_card("anna");
    await("Spend here", "本店可用");
    enter("22745 20.00");
    await("1 line ", "1行");
    press("Enter");
    await("May redeem", "可兑换");
    control_ok(&till->cards, line, sizeof line, "tear after 5");
    press("F4");
    await("All allowed", "最多可兑");
    enter("150");
    await("Tap the same card again: M1", "请再刷同一张卡：M1");
    milestone("the card was torn away");
    control_ok(&till->cards, line, sizeof line, "tear off");
    lay_card("bela");
    await("The sale of M1 is not finished", "M1的单还没完成");
    take_card();
    lay_card("anna");
    await("To pay", "应收");
    milestone("the same card again");
    press("F5");
    await("Receipt T0001-", "小票 T0001-");
    press("Enter");
    await("Hold a card", "请刷卡");
    take_card();
    sync_now();
}

static void line_cut(void)
{
    till_cut(till);
    await("offline", "离线");
    lay_card("anna");
    await("head office was not asked now", "这次未询问总部");
    enter("22745 20.00");
    await("1 line ", "1行");
    press("Enter");
    await("May redeem", "可兑换");
    milestone("the line is cut");
    press("F4");
    await("All allowed", "最多可兑");
    enter("100");
    await("To pay", "应收");
    press("F5");
    await("Receipt T0001-", "小票 T0001-");
    await("2 to send", "2条待传");
    milestone("paid with points, the line cut");
    press("Enter");
    await("Hold a card", "请刷卡");
    take_card();
    till_restore(till);
    sync_now();
    await("online 09:00", "在线 09:00");
}

static void bad_cards(void)
{
    char line[512];
    lay_card("blank");
    await("Head office knows nobody by this.", "总部不认识");
    milestone("a card of somebody else");
    take_card();
    control_ok(&till->cards, line, sizeof line, "present anna bela");
    await("More than one card lies there", "感应区有多张卡");
    milestone("two cards");
    take_card();
    lay_card("phone");
    await("This is a phone without our pass", "这是没有本店会员卡的手机");
    milestone("a phone");
    take_card();
    control_ok(&till->cards, line, sizeof line, "tear before 3");
    lay_card("anna");
    await("The card left before it was read.", "卡拿开得太早");
    milestone("a card that left before it was read");
    control_ok(&till->cards, line, sizeof line, "tear off");
    take_card();
}

static void park(void)
{
    lay_card("bela");
    await("M2", "M2");
    enter("22423 5.00");
    await("1 line ", "1行");
    take_card();
    press("F6");
    await("put aside", "已挂单");
    press("F6");
    await("press the digit", "按数字取单");
    milestone("parked bills");
    type("1");
    await("Total 5.00", "合计 5.00");
    press("Enter");
    await("Earns", "本单可积");
    press("F5");
    await("Receipt T0001-", "小票 T0001-");
    milestone("taken up again and paid");
}

/* Of the receipt that is on the screen. */
static void refund(void)
{
    press("F7");
    await("Goods come back", "退货");
    press("Enter");
    await("1 left", "可退1");
    press("Enter");
    await("back 1", "退1");
    milestone("goods come back");
    press("F5");
    await("Refund T0001-", "退货单 T0001-");
    milestone("refunded");
    press("Enter");
    await("Hold a card", "请刷卡");
}

static void enrol(void)
{
    lay_card("neu");
    await("nobody's yet", "还没有会员");
    milestone("a card that is nobody's");
    press("Enter");
    await("Welcome", "欢迎");
    take_card();
    sync_now();
}

static void goodwill(void)
{
    lay_card("bela");
    await("M2", "M2");
    press("Tab");
    await("g Goodwill points", "g 补偿积分");
    milestone("menu");
    type("g");
    await("Goodwill points for", "补偿积分：");
    enter("100");
    type("1");
    press("Enter");
    await("A supervisor has to allow this", "需要主管同意");
    milestone("above the cashier's limit");
    enter("2");
    type("1357");
    await("****", "****");
    press("Enter");
    await("100 points given", "已补偿100积分");
    press("F8");
    await("Hold a card", "请刷卡");
    take_card();
    sync_now();
}

static void end_of_shift(void)
{
    press("Tab");
    await("s Shift report", "s 交班报表");
    type("s");
    await("Shift of", "的班次");
    milestone("shift report");
    press("Escape");
    await("Hold a card", "请刷卡");
    press("Tab");
    await("q Log out", "q 退出登录");
    type("q");
    await("Who works at this till?", "请收银员登录");
    milestone("logged out");
}

/* ---- what else happens at a counter ---- */

static void badge(void)
{
    await("Who works at this till?", "请收银员登录");
    press("F9");
    await("请收银员登录", "请收银员登录");
    press("F9");
    await("Who works at this till?", "Who works at this till?");
    lay_card("badge1");
    await("Ann Lee", "李华");
    await("Hold a card to the reader", "请刷卡");
    take_card();
}

static void approve(void)
{
    await("A supervisor has to allow this", "需要主管同意");
    enter("2");
    type("1357");
    await("****", "****");
    press("Enter");
}

static void train(void)
{
    press("Tab");
    await("t Training on/off", "t 培训模式开关");
    type("t");
    approve();
    await("*** TRAINING: nothing counts ***", "*** 培训模式");
    type("\033[1;5C"); /* Ctrl and an arrow, F13: keys of this keyboard that are none of ours */
    type("\033[25~");
    enter("3x4.25");
    await("Total 12.75", "合计 12.75");
    await("*** TRAINING: nothing counts ***", "*** 培训模式");
    press("Enter");
    await("No member: this sale earns nothing.", "没有会员");
    press("F5");
    await("Paid", "实收");
    await("*** TRAINING: nothing counts ***", "*** 培训模式");
    press("Enter");
    await("Hold a card", "请刷卡");
    press("Tab");
    await("t Training on/off", "t 培训模式开关");
    type("t");
    await("Training is over", "培训结束");
}

static void scan(void)
{
    type("5012345678900");
    await("Article", "商品");
    press("Enter");
    await("Price, or qty x price", "价格，或 数量x价格");
    type("40123455"); /* the next one, too early: no price */
    press("Enter");
    await("First the price of this article", "请先输入这件商品的价格");
    enter("2x4.25");
    await("2 x 5012345678900", "2 x 5012345678900");
    enter("22423 1.00");
    await("Total 9.50", "合计 9.50");
    press("Tab"); /* over the menu, whose letters cancel, pay and log out: for the sale all the same */
    await("v Cancel this sale", "v 取消本单");
    type("V1Q2Y3-7");
    press("Enter");
    await("V1Q2Y3-7", "V1Q2Y3-7");
    await("Price, or qty x price", "价格，或 数量x价格");
    press("Escape");
    await("Total 9.50", "合计 9.50");
    press("F9");
    await("Take which line off?", "删除哪一行？");
    press("Up");
    press("Enter");
    await("Total 1.00", "合计 1.00");
    cancel();
}

/* An anonymous card is bound to a telephone; its member comes without it and redeems what head office holds; then
 * gets a new one for it. */
static void by_telephone(void)
{
    lay_card("neu");
    await("nobody's yet", "还没有会员");
    press("Enter");
    await("Welcome", "欢迎");
    sync_now();
    take_card();
    lay_card("neu");
    await("M3", "M3");
    press("Tab");
    await("n Name, telephone", "n 姓名和电话");
    type("n");
    await("Who is M3?", "M3 是谁？");
    enter("+441134960000");
    enter("王芳");
    type("y");
    await("(y): y", "(y): y");
    press("Enter");
    await("Type the first price, or scan.", "请输入第一件的价格");
    enter("22745 300.00");
    await("1 line ", "1行");
    press("Enter");
    await("Earns 300 points", "本单可积300积分");
    press("F5");
    await("Receipt T0001-", "小票 T0001-");
    take_card();
    sync_now();
    press("F7"); /* looked at, and left alone */
    await("Goods come back", "退货");
    press("Escape");
    await("Receipt T0001-", "小票 T0001-");
    press("Enter");
    await("Hold a card", "请刷卡");
    press("F3");
    await("A member without a card", "没带卡的会员");
    enter("0044 113 496 0000");
    await("by telephone", "（电话）");
    await("300 points = 3.00 GBP", "300积分 = 3.00 GBP");
    enter("22745 10.00");
    await("1 line ", "1行");
    press("Enter");
    await("May redeem 300 points", "可兑换300积分");
    press("F4");
    await("All allowed", "最多可兑");
    press("Enter");
    await("needs the member's PIN, or a supervisor", "会员密码");
    press("F9");
    approve();
    await("To pay", "应收");
    press("F5");
    await("Redeemed", "兑换积分");
    press("Enter");
    await("Hold a card", "请刷卡");
}

static void lost_card(void)
{
    press("F3");
    await("A member without a card", "没带卡的会员");
    enter("M3");
    await("by number", "（号码）");
    press("Tab");
    await("c Replace lost card", "c 补卡");
    type("c");
    await("A new card for", "换新卡");
    press("Enter");
    approve();
    await("Hold the new card to the reader.", "请放新卡。");
    lay_card("spare");
    await("The lost card is blocked", "旧卡已停用"); /* head office's own words */
    take_card();
    press("F8");
    await("Cancelled.", "已取消。");
    sync_now();
    lay_card("neu");
    await("This card of M3 was replaced by another.", "M3的这张卡已换新卡");
    take_card();
}

static void resize(const char *columns, const char *rows)
{
    if (run(chain.log, NULL, NULL, 0, TMUX("resize-window", "-t", "till", "-x", columns, "-y", rows)))
        die("day: tmux does not resize; see %s", chain.log);
}

static void small_display(void)
{
    resize("40", "12");
    await("\nF3 Member F7 Refund F1 Help Tab Menu", "\nF3 会员 F7 退货 F1 帮助 Tab 菜单");
    resize("39", "12");
    await("Make this window 40 x 12", "请把窗口放大");
    resize("80", "24");
    await("Last contact", "上次联系");
}

/* What is done most, on the smallest display: keys are counted in terminal/README.md. */
static void small_shop(void)
{
    await("Who works at this till?", "Who works at this till?");
    enter("1");
    type("2468");
    await("****", "****");
    press("Enter");
    await("Hold a card", "请刷卡");
    type("2000.00"); /* a bill first, the card then */
    await("2000.00", "2000.00");
    press("F2");
    await("No member", "没有会员");
    lay_card("anna");
    await("Ada King", "王芳");
    await("还差1000.00 GBP", "还差1000.00 GBP");
    await("生日", "生日");
    press("Enter");
    await("本单可积2000积分", "本单可积2000积分");
    press("F5");
    await("小票 T0001-1", "小票 T0001-1");
    take_card();
    sync_now();
    lay_card("anna");
    await("2000积分 = 20.00 GBP", "2000积分 = 20.00 GBP");
    enter("5.00");
    await("1行", "1行");
    press("Enter");
    await("可兑换250积分 = 2.50 GBP", "可兑换250积分 = 2.50 GBP");
    press("F4");
    await("最多可兑", "最多可兑");
    press("Enter");
    await("应收           2.50 GBP", "应收           2.50 GBP");
    press("F5");
    await("兑换积分       250积分", "兑换积分       250积分");
    press("F7");
    await("小票号: T0001-", "小票号: T0001-");
    press("Enter");
    await("F2 全退", "F2 全退");
    press("F2");
    await("退还积分       250积分", "退还积分       250积分");
    take_card();
    sync_now();
    press("Enter"); /* the card is lost then; the words about it are head office's */
    await("请刷卡", "请刷卡");
    press("F3");
    await("没带卡的会员", "没带卡的会员");
    enter("M1");
    await("（号码）", "（号码）");
    press("Tab");
    await("c 补卡", "c 补卡");
    type("c");
    await("换新卡", "换新卡");
    press("Enter");
    approve();
    await("请放新卡。", "请放新卡。");
    lay_card("spare");
    await("旧卡已停用", "旧卡已停用");
    take_card();
    resize("80", "24"); /* room for what the terminal says at the end */
}

static void work_a_day(const char *language)
{
    open_shop(language, "screen-256color", "80", "24");
    log_in();
    first_sale();
    redeem();
    walk_in();
    wrong_card();
    torn_card();
    line_cut();
    bad_cards();
    park();
    refund();
    enrol();
    goodwill();
    end_of_shift();
    close_shop();
    compare_day();
}

TEST(counter, badge_training_scanner_telephone_a_lost_card_and_a_small_display_on_a_vt220)
{
    open_shop("en", "vt220", "80", "24"); /* as over a serial line: no colours, no F5 of its own */
    badge();
    train();
    scan();
    small_display();
    by_telephone();
    lost_card();
    close_shop();
    fclose(day);
    free(day_text);
    day_text = NULL;
}

TEST(counter, on_the_smallest_display_in_chinese_on_a_vt100_a_sale_earns_redeems_and_comes_back)
{
    open_shop("zh", "vt100", "40", "12");
    small_shop();
    close_shop();
    fclose(day);
    free(day_text);
    day_text = NULL;
}

TEST(day, a_cashier_works_a_day_in_english)
{
    work_a_day("en");
}

TEST(day, a_cashier_works_a_day_in_chinese)
{
    work_a_day("zh");
}
