/* test_books_shared.c - head office's program runs for months while patronctl opens the same books
 * now and then: what one has written the other must not overlook.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/ledgers.h"
#include "tests/packs.h"
#include "tests/test.h"

#include <string.h>

/* The second opener of the same books. */
static void open_too(struct ledgers *second, const struct ledgers *first)
{
    struct errmsg why;
    *second = *first;
    second->books = NULL;
    assert_int_equal(books_open(&second->books, first->path, &first->keys, &why), OK);
}

TEST(books_shared, a_pack_published_by_patronctl_rates_the_next_sale_of_the_running_office)
{
    static struct ledgers office, ctl;
    ledgers_open(&office, "books", "", "");
    ledgers_member(&office, 1, 0);
    open_too(&ctl, &office);
    ledgers_add_pack(&ctl, 2, "2011-01-05",
                     "\"multipliers\": [{\"name\": \"double\", \"factor\": 2}]", "");
    struct txn *t = ledgers_entry(&office, 1, TXN_SALE, ledgers_day(10));
    t->member = 1;
    t->line_count = packs_lines(t->lines, "A 1 10.00");
    t->total = money_of(1000);
    t->pack_version = 2;
    t->points = points_of(20);
    ledgers_post(&office, t, POST_NEW);
    ledgers_expect_reviews(&office, "");
    ledgers_expect(&office, 1, 20, 0, 0, 0);
    ledgers_sound(&office);
    ledgers_close(&ctl);
    ledgers_close(&office);
}

TEST(books_shared, a_day_run_by_patronctl_is_not_run_again_by_the_office)
{
    static struct ledgers office, ctl;
    ledgers_open(&office, "books", "", "\"expiry\": {\"kind\": \"rolling\", \"days\": 5}");
    ledgers_member(&office, 1, 0);
    ledgers_adjust(&office, 1, 100, 0);
    ledgers_run(&office, 1); /* the office knows of a run now */
    open_too(&ctl, &office);
    ledgers_run(&ctl, 6);
    ledgers_run(&office, 6);
    ledgers_expect(&office, 1, 0, 0, 0, 0);
    assert_int_equal(ledgers_sql(&office, "SELECT count(*) FROM run WHERE day = 14981"), 1);
    ledgers_sound(&office);
    ledgers_sound(&ctl);
    ledgers_close(&ctl);
    ledgers_close(&office);
}
