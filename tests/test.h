/* test.h - a thin layer on cmocka: tests register themselves, names are claims.
 *
 *     TEST(rules, spending_more_than_held_is_refused) { assert_int_equal(...); }
 *
 * A test program takes --list, --only WORD (part of "module.claim") and --seed N; the seed of a run is
 * printed, and test_random() gives the same numbers for the same seed and test.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TESTS_TEST_H
#define PATRON_TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct test_case {
    const char *name; /* "module.claim" */
    void (*run)(void **state);
    struct test_case *next;
};

void test_register(struct test_case *c);

/* A 64-bit number of the test's own seeded sequence; below(n) is 0..n-1. */
uint64_t test_random(void);
uint32_t test_below(uint32_t n);

/* The folder of the checked-in test data, and a fresh folder of this test's own, removed afterwards
 * when the test passed.  Both stay valid until the test ends. */
const char *test_data_dir(void);
const char *test_scratch_dir(void);
/* A till's journal, with the number that stands beside it: the next till there is a new one. */
void test_remove_journal(const char *path);

#define TEST(module, claim)                                                                        \
    static void test_##module##_##claim(void **state);                                             \
    __attribute__((constructor)) static void test_register_##module##_##claim(void)                \
    {                                                                                              \
        static struct test_case c = {#module "." #claim, test_##module##_##claim, NULL};           \
        test_register(&c);                                                                         \
    }                                                                                              \
    static void test_##module##_##claim(__attribute__((unused)) void **state)

#endif
