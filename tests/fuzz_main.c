/* fuzz_main.c - the unit test of a fuzz target (tests/fuzz_NAME.c): its corpus, tests/data/fuzz/fuzz_NAME if there
 * is one, as it is, then damaged and spliced by seeded random numbers.  libFuzzer does the same for longer and with more cunning:
 * make fuzz.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/test.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_MAX = 65536, FILES_MAX = 512, ROUNDS = 1500 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    uint8_t *data;
    size_t size;
};
static struct input corpus[FILES_MAX];
static int count;

/* From memory of exactly that size, so that a sanitizer sees a byte too far. */
static void try(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1);
    memcpy(exact, data, size);
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); /* the same everywhere */
}

static void read_corpus(void)
{
    char path[700];
    struct dirent **names = NULL;
    snprintf(path, sizeof path, "%s/fuzz/%s", test_data_dir(), program_invocation_short_name);
    int n = scandir(path, &names, NULL, by_name);
    for (int i = 0; i < n; i++) {
        static uint8_t room[INPUT_MAX];
        snprintf(path, sizeof path, "%s/fuzz/%s/%s", test_data_dir(), program_invocation_short_name,
                 names[i]->d_name);
        FILE *f = names[i]->d_name[0] != '.' && count < FILES_MAX ? fopen(path, "r") : NULL;
        if (f) {
            struct input *in = &corpus[count++];
            in->size = fread(room, 1, sizeof room, f);
            in->data = malloc(in->size + 1);
            memcpy(in->data, room, in->size);
            fclose(f);
        }
        free(names[i]);
    }
    free(names);
}

static size_t damage(uint8_t *data, size_t size)
{
    uint32_t at = size ? test_below((uint32_t)size) : 0, n = 1 + test_below(16);
    switch (test_below(7)) {
    case 0: /* a bit */
        if (size)
            data[at] ^= (uint8_t)(1u << test_below(8));
        return size;
    case 1: /* a byte */
        if (size)
            data[at] = (uint8_t)test_random();
        return size;
    case 2: /* a byte that parsers care about */
        if (size)
            data[at] = (uint8_t) "\0\r\n \"\\{}[]:,-+.0159eE\xff\x7f\x80"[test_below(25)];
        return size;
    case 3: /* cut */
        return at;
    case 4: /* taken out */
        n = at + n > size ? (uint32_t)size - at : n;
        memmove(data + at, data + at + n, size - at - n);
        return size - n;
    case 5: /* said twice */
        if (size + size - at > INPUT_MAX)
            return size;
        memcpy(data + size, data + at, size - at);
        return size + size - at;
    default: { /* the end of another one */
        const struct input *other = &corpus[test_below((uint32_t)count)];
        uint32_t from = other->size ? test_below((uint32_t)other->size) : 0;
        if (at + other->size - from > INPUT_MAX)
            return size;
        memcpy(data + at, other->data + from, other->size - from);
        return at + other->size - from;
    }
    }
}

TEST(fuzz, corpus_and_damaged_corpus_are_survived)
{
    static uint8_t room[INPUT_MAX];
    if (!count)
        read_corpus();
    if (!count) { /* no corpus: noise */
        corpus[0].data = calloc(1, corpus[0].size = 4096);
        for (size_t i = 0; i < corpus[0].size; i++)
            corpus[0].data[i] = (uint8_t)test_random();
        count = 1;
    }
    for (int i = 0; i < count; i++)
        try(corpus[i].data, corpus[i].size);
    for (int i = 0; i < ROUNDS; i++) {
        const struct input *in = &corpus[test_below((uint32_t)count)];
        size_t size = in->size;
        memcpy(room, in->data, size);
        for (uint32_t n = 1 + test_below(4); n; n--)
            size = damage(room, size);
        try(room, size);
    }
    try(room, 0);
}
