/* e2e_faults.c - whole programs through faults: the card pulled at each exchange, till and head office killed at
 * each numbered write point, the line cut at awkward moments.  Real libnfc on the simulated reader.  After each
 * fault card, journal and ledger must add up to the point.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/chain.h"
#include "tests/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
    chain_open(&chain, bin_dir(), path_of("%s/c", test_scratch_dir()), pack, "2011-03-01T09:00");
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
    control_ok(&t->control, line, sizeof line, "tap 5000");
    ring_up(t, 500000);
    control_ok(&t->control, line, sizeof line, "pay");
    note(line);
    control_ok(&t->control, line, sizeof line, "sync 15000");
    card_take(t);
    card_put(t, card);
    control_ok(&t->control, line, sizeof line, "tap 5000");
    control_ok(&t->control, line, sizeof line, "cancel");
    card_take(t);
    assert_true(card_purse(t, card) >= 5000);
}

/* The books: every invariant holds, and what members were told is what the ledger says. */
static void assert_books(struct till *t, const char *card)
{
    static char out[65536];
    sync_all();
    assert_int_equal(chain_ctl_status(&chain, out, sizeof out, ARGS("ledger", "verify")), 0);
    chain_ctl(&chain, out, sizeof out, ARGS("ledger", "books", "--porcelain"));
    assert_int_equal(answer_number(out, "earned"), told.earned);
    assert_int_equal(answer_number(out, "redeemed"), told.redeemed);
    if (card)
        assert_int_equal(answer_number(out, "on_cards"), card_purse(t, card));
}

TEST(chain, a_tap_becomes_points_and_points_become_money_off)
{
    open_chain();
    struct till *t = chain_add_till(&chain, "UK");
    chain_issue(&chain, t, "ev2", "anna");
    fill_purse(t, "anna");
    char line[512];
    card_put(t, "anna");
    control_ok(&t->control, line, sizeof line, "tap 5000");
    ring_up(t, 2000);
    control_ok(&t->control, line, sizeof line, "redeem 500");
    control_ok(&t->control, line, sizeof line, "pay");
    assert_int_equal(answer_number(line, "redeemed"), 500);
    note(line);
    assert_books(t, "anna");
    chain_close(&chain);
}
