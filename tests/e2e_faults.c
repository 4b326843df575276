/* e2e_faults.c - whole programs through faults: the card pulled at each exchange, till and head office killed at
 * each numbered write point, the line cut at awkward moments.  Real libnfc on the simulated reader.  After each
 * fault card, journal and ledger must add up to the point.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"
#include "office/home.h"
#include "tests/chain.h"
#include "tests/test.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct chain chain;
static const char *pack = "tests/data/packs/demo.json";

/* What the till told members, over all sales of a test. */
static struct {
    int64_t earned, redeemed, clawed, returned;
} told;

static const char *bin_dir(void)
{
    const char *bin = getenv("PATRON_BIN");
    return bin ? bin : "build";
}

static void open_chain(void)
{
    char *root = path_of("%s/c", test_scratch_dir());
    chain_open(&chain, bin_dir(), root, pack, "2011-03-01T09:00");
    free(root);
    memset(&told, 0, sizeof told);
}

/* A bill of one line. */
static void ring_up(struct till *t, int pence)
{
    char line[512];
    control_ok(&t->control, line, sizeof line, "line 22745 1 %d goods", pence);
    control_ok(&t->control, line, sizeof line, "total");
}

static void note(const char *answer)
{
    told.earned += answer_number(answer, "earned");
    told.redeemed += answer_number(answer, "redeemed");
}

static void sync_all(void)
{
    char line[512];
    for (int i = 0; i < chain.till_count; i++)
        control_ok(&chain.tills[i].control, line, sizeof line, "sync 15000");
}

/* The card has points to redeem: a large sale, and the load at the next tap. */
static void fill_purse(struct till *t, const char *card)
{
    char line[512];
    card_put(t, card);
    control_ok(&t->control, line, sizeof line, "sync 15000");
    control_ok(&t->control, line, sizeof line, "tap 5000");
    ring_up(t, 2000000);
    control_ok(&t->control, line, sizeof line, "pay");
    note(line);
    control_ok(&t->control, line, sizeof line, "sync 15000");
    card_take(t);
    card_put(t, card);
    control_ok(&t->control, line, sizeof line, "tap 5000");
    control_ok(&t->control, line, sizeof line, "cancel");
    card_take(t);
    assert_in_range(card_purse(t, card), 5000, 40000);
}

/* The books: every invariant holds, what members were told is what the ledger says, and so is what the
 * card holds. */
static void assert_books(struct till *t, const char *card)
{
    static char out[65536];
    sync_all();
    if (chain_ctl_status(&chain, out, sizeof out, ARGS("ledger", "verify")) ||
        strstr(out, "BROKEN"))
        fail_msg("ledger verify says:\n%s", out);
    chain_ctl(&chain, out, sizeof out, ARGS("books"));
    assert_int_equal(json_number_of(out, "points_earned"), told.earned);
    assert_int_equal(json_number_of(out, "points_redeemed"), told.redeemed);
    assert_int_equal(json_number_of(out, "intents_in_doubt"), 0);
    assert_int_equal(json_number_of(out, "points_on_cards"), card_purse(t, card));
    if (chain_ctl_status(&chain, out, sizeof out, ARGS("ledger", "replay")))
        fail_msg("ledger replay says:\n%s", out);
}

/* One till, and one card of this kind, anna, with points on it. */
static struct till *open_shop(const char *kind)
{
    open_chain();
    struct till *t = chain_add_till(&chain, "UK");
    chain_issue(&chain, t, kind, "anna");
    chain_desk_close(&chain);
    fill_purse(t, "anna");
    return t;
}

/* A sale of 20.00 with 200 points redeemed, up to the redemption. */
static void begin_sale(struct till *t, const char *card)
{
    char line[512];
    card_put(t, card);
    control_ok(&t->control, line, sizeof line, "tap 5000");
    ring_up(t, 2000);
}

TEST(chain, a_tap_becomes_points_and_points_become_money_off)
{
    struct till *t = open_shop("ev2");
    char line[512];
    begin_sale(t, "anna");
    control_ok(&t->control, line, sizeof line, "redeem 200");
    control_ok(&t->control, line, sizeof line, "pay");
    assert_int_equal(answer_number(line, "redeemed"), 200);
    assert_int_equal(answer_number(line, "due"), 1800);
    note(line);
    assert_books(t, "anna");
    chain_close(&chain);
}

/* I5: neither the credit key nor the Transaction MAC key is anywhere in a till's folder. */
static bool file_holds(const char *path, const uint8_t *needle, size_t size)
{
    static uint8_t bytes[4 << 20];
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(bytes, 1, sizeof bytes, f) : 0;
    if (f)
        fclose(f);
    for (size_t i = 0; i + size <= n; i++)
        if (memcmp(bytes + i, needle, size) == 0)
            return true;
    return false;
}

static bool folder_holds(const char *dir, const uint8_t *needle, size_t size)
{
    bool found = false;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        char *path = path_of("%s/%s", dir, e->d_name);
        struct stat st;
        if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && file_holds(path, needle, size))
            found = true;
        free(path);
    }
    closedir(d);
    return found;
}

TEST(chain, no_till_holds_a_key_that_could_make_points)
{
    open_chain();
    struct till *t = chain_add_till(&chain, "UK");
    struct home home;
    struct errmsg why;
    assert_int_equal(home_open(&home, chain.office_home, &why), OK);
    const struct card_office_keys *k = &home.card_keys;
    char hex[2 * AES_KEY_SIZE + 1];
    const struct {
        const struct aes_key *key;
        bool at_till;
    } rows[] = {{&k->k0, false}, {&k->k1, false}, {&k->k2, true}, {&k->k3, false}, {&k->tmac, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        hex_encode(hex, rows[i].key->b, AES_KEY_SIZE);
        assert_int_equal(folder_holds(t->home, rows[i].key->b, AES_KEY_SIZE) ||
                             folder_holds(t->home, (const uint8_t *)hex, 2 * AES_KEY_SIZE),
                         rows[i].at_till);
    }
    home_finish(&home);
    chain_close(&chain);
}

/* ---- the line ---- */

TEST(line, a_till_that_is_refused_knocks_four_times_a_second_and_no_more)
{
    open_chain();
    struct till *t = chain_add_till(&chain, "UK");
    char line[512];
    till_cut(t);
    control_send(&t->control, "sync 1000");
    assert_true(control_read(&t->control, line, sizeof line, 20000));
    assert_memory_equal(line, "error TIMEOUT", 13);
    assert_in_range(till_restore(t), 1, 8);
    control_ok(&t->control, line, sizeof line, "sync 15000");
    chain_close(&chain);
}

TEST(line, a_sale_with_the_line_cut_or_hung_goes_on_and_is_posted_once_when_it_is_back)
{
    struct till *t = open_shop("ev2");
    for (int hung = 0; hung < 2; hung++) {
        char line[512];
        if (hung)
            relay_hang(&t->relay);
        else
            till_cut(t);
        begin_sale(t, "anna");
        control_ok(&t->control, line, sizeof line, "redeem 200");
        control_ok(&t->control, line, sizeof line, "pay");
        assert_int_equal(answer_number(line, "redeemed"), 200);
        note(line);
        card_take(t);
        till_restore(t);
    }
    assert_books(t, "anna");
    chain_close(&chain);
}

/* ---- tears: the card pulled at each exchange of a redemption, over the real libnfc ---- */

/* One sale with the card pulled.  Returns false when it was over before the tear. */
static bool sale_torn(struct till *t, const char *card, const char *when, int exchange)
{
    char line[512], state[24];
    bool torn = false;
    begin_sale(t, card);
    control_ok(&t->cards, line, sizeof line, "tear %s %d", when, exchange);
    for (int attempt = 0; attempt < 4; attempt++) {
        control_send(&t->control, "redeem 200 wait=300");
        assert_true(control_read(&t->control, line, sizeof line, 20000));
        if (strncmp(line, "ok", 2) == 0)
            break;
        torn = true;
        card_put(t, card);
        if (strncmp(line, "error DOUBT", 11) == 0) {
            control_ok(&t->control, line, sizeof line, "tap 5000");
            assert_true(answer_text(line, "state", state, sizeof state));
            if (strcmp(state, "debited") == 0)
                break;
        }
    }
    control_ok(&t->cards, line, sizeof line, "tear off");
    control_ok(&t->control, line, sizeof line, "pay");
    assert_int_equal(answer_number(line, "redeemed"), 200);
    note(line);
    card_take(t);
    return torn;
}

static void tear_sweep(const char *kind, const char *when)
{
    struct till *t = open_shop(kind);
    int n = 1;
    while (sale_torn(t, "anna", when, n) && n < 40)
        n++;
    printf("%s card, pulled %s each of %d exchanges\n", kind, when, n - 1);
    assert_in_range(n - 1, 4, 12); /* a debit after the tap, and no endless one */
    assert_books(t, "anna");
    chain_close(&chain);
}

TEST(tears, an_ev2_card_pulled_before_any_exchange_is_debited_once)
{
    tear_sweep("ev2", "before");
}

TEST(tears, an_ev2_card_pulled_after_any_exchange_is_debited_once)
{
    tear_sweep("ev2", "after");
}

TEST(tears, an_ev1_card_pulled_before_any_exchange_is_debited_once)
{
    tear_sweep("ev1", "before");
}

TEST(tears, an_ev1_card_pulled_after_any_exchange_is_debited_once)
{
    tear_sweep("ev1", "after");
}

/* ---- crashes: kill -9 at each numbered write point ---- */

/* The register's and the cashier's part of one sale, over however many restarts it takes.  crash: the
 * till's crash point.  Returns false when the till lived to the end. */
static bool ask(struct till *t, char *line, size_t size, const char *command)
{
    control_send(&t->control, "%s", command);
    return control_read(&t->control, line, size, 20000);
}

static bool sale_once(struct till *t, const char *card, const char *ref, char *line, size_t size)
{
    char command[64], state[24] = "idle";
    snprintf(command, sizeof command, "bill %s", ref);
    if (!ask(t, line, size, command))
        return false;
    if (strncmp(line, "ok receipt", 10) == 0)
        return true;
    card_take(t);
    card_put(t, card);
    if (!ask(t, line, size, "status"))
        return false;
    assert_true(answer_text(line, "state", state, sizeof state));
    if (strcmp(state, "doubt") == 0) {
        if (!ask(t, line, size, "tap 5000"))
            return false;
        assert_true(answer_text(line, "state", state, sizeof state));
    } else if (strcmp(state, "debited") != 0 && strcmp(state, "totalled") != 0) {
        /* Nothing is open: from the start.  (A doubt settles itself while its card lies there.) */
        if (!ask(t, line, size, "tap 5000") || !ask(t, line, size, "line 22745 1 2000 goods") ||
            !ask(t, line, size, "total"))
            return false;
        snprintf(state, sizeof state, "totalled");
    }
    if (strcmp(state, "totalled") == 0) {
        snprintf(command, sizeof command, "redeem 200 ref=%s", ref);
        if (!ask(t, line, size, command))
            return false;
        if (strncmp(line, "ok", 2) != 0)
            fail_msg("redeem was answered '%s'", line);
    }
    snprintf(command, sizeof command, "pay ref=%s", ref);
    if (!ask(t, line, size, command))
        return false;
    if (strncmp(line, "ok", 2) != 0)
        fail_msg("pay was answered '%s'", line);
    note(line);
    return ask(t, command, sizeof command, "sync 1000");
}

TEST(crashes, a_till_killed_at_any_write_point_sells_once_and_forgets_nothing_it_said)
{
    struct till *t = open_shop("ev2");
    int n = 1;
    for (; n < 200; n++) {
        char env[32], ref[16], line[512];
        snprintf(env, sizeof env, "PATRON_CRASH=%d", n);
        snprintf(ref, sizeof ref, "R%d", n);
        control_close(&t->control);
        proc_end(&t->program, SIGKILL);
        till_start(&chain, t, env);
        int64_t earned = told.earned, redeemed = told.redeemed;
        /* The line is to be up before the tap: offline, the day's limit would end this. */
        if (ask(t, line, sizeof line, "sync 15000") && sale_once(t, "anna", ref, line, sizeof line))
            break;
        control_close(&t->control);
        assert_true(WIFSIGNALED(proc_wait(&t->program, 10000)));
        till_start(&chain, t, NULL);
        control_ok(&t->control, line, sizeof line, "sync 15000");
        assert_true(sale_once(t, "anna", ref, line, sizeof line));
        if (told.earned == earned) /* it was on disk before the kill: the first answer again */
            note(line);
        assert_true(told.redeemed == redeemed + 200);
    }
    printf("killed at each of %d points\n", n - 1);
    assert_in_range(n, 10, 199);
    control_close(&t->control);
    proc_end(&t->program, SIGKILL);
    till_start(&chain, t, NULL);
    assert_books(t, "anna");
    chain_close(&chain);
}

TEST(crashes, head_office_killed_at_any_write_point_counts_everything_once)
{
    struct till *t = open_shop("ev2");
    int n = 1;
    for (bool lived = false; !lived && n < 100; n++) {
        char env[32], ref[16], line[512];
        snprintf(env, sizeof env, "PATRON_CRASH=%d", n);
        snprintf(ref, sizeof ref, "R%d", n);
        proc_end(&chain.office, SIGKILL);
        chain_office_start(&chain, env);
        /* An earning sale, the load of what it earned, a redemption, all while head office may die. */
        card_take(t);
        card_put(t, "anna");
        control_ok(&t->control, line, sizeof line, "tap 8000");
        ring_up(t, 5000);
        control_ok(&t->control, line, sizeof line, "pay");
        note(line);
        control_send(&t->control, "sync 1000");
        assert_true(control_read(&t->control, line, sizeof line, 20000));
        assert_true(sale_once(t, "anna", ref, line, sizeof line));
        lived = kill(chain.office.pid, 0) == 0 && waitpid(chain.office.pid, NULL, WNOHANG) == 0;
        if (lived)
            break;
        chain.office.pid = 0;
        chain_office_start(&chain, NULL);
        control_ok(&t->control, line, sizeof line, "sync 15000");
    }
    printf("killed at each of %d points\n", n - 1);
    assert_in_range(n, 5, 99);
    proc_end(&chain.office, SIGKILL);
    chain_office_start(&chain, NULL);
    /* One more tap: what was left in doubt by the last kills is settled by it. */
    char line[512];
    card_take(t);
    card_put(t, "anna");
    control_ok(&t->control, line, sizeof line, "tap 8000");
    control_ok(&t->control, line, sizeof line, "cancel");
    card_take(t);
    assert_books(t, "anna");
    chain_close(&chain);
}
