/* testmain.c - main() of every test program: see test.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/test.h"

#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TESTS_MAX = 1024 };

static struct test_case *first, **last = &first;
static uint64_t seed, sequence;
static char scratch[256];

void test_register(struct test_case *c)
{
    *last = c;
    last = &c->next;
}

uint64_t test_random(void)
{
    uint64_t z = sequence += 0x9e3779b97f4a7c15u; /* splitmix64 */
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint32_t test_below(uint32_t n)
{
    return (uint32_t)(test_random() % n);
}

const char *test_data_dir(void)
{
    const char *dir = getenv("PATRON_TEST_DATA");
    return dir ? dir : "tests/data";
}

void test_remove_journal(const char *path)
{
    char lock[600];
    snprintf(lock, sizeof lock, "%s.lock", path);
    (void)remove(path);
    (void)remove(lock);
}

const char *test_scratch_dir(void)
{
    if (!*scratch) {
        const char *base = getenv("TMPDIR");
        snprintf(scratch, sizeof scratch, "%s/patron-test-XXXXXX", base ? base : "/tmp");
        if (!mkdtemp(scratch)) {
            perror(scratch);
            exit(2);
        }
    }
    return scratch;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static int setup(void **state)
{
    (void)state;
    sequence = seed;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (*scratch)
        nftw(scratch, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    *scratch = 0;
    return 0;
}

int main(int argc, char **argv)
{
    static struct CMUnitTest tests[TESTS_MAX];
    const char *only = "";
    size_t count = 0;
    seed = 20101201;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--list") == 0) {
            for (struct test_case *c = first; c; c = c->next)
                puts(c->name);
            return 0;
        } else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
            only = argv[++i];
        } else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            seed = strtoull(argv[++i], NULL, 0);
        } else {
            fprintf(stderr, "usage: %s [--list] [--only WORD] [--seed N]\n", argv[0]);
            return 2;
        }
    }
    for (struct test_case *c = first; c && count < TESTS_MAX; c = c->next)
        if (strstr(c->name, only))
            tests[count++] = (struct CMUnitTest){c->name, c->run, setup, teardown, NULL};
    if (count == 0) {
        fprintf(stderr, "%s: no test has '%s' in its name; --list shows them\n", argv[0], only);
        return 2;
    }
    printf("seed %" PRIu64 "\n", seed);
    fflush(stdout);
    return _cmocka_run_group_tests(argv[0], tests, count, NULL, NULL) ? 1 : 0;
}
