/* test_fuzz_doors.c - days of the till behind its doors on seeded input, so that every test run tries some.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

TEST(fuzz_doors, whatever_the_day_brings_what_was_told_is_in_the_journal_the_books_and_on_the_cards)
{
    for (int day = 0; day < 20; day++) {
        uint8_t data[400];
        for (size_t i = 0; i < sizeof data; i++)
            data[i] = (uint8_t)test_random();
        (void)LLVMFuzzerTestOneInput(data, sizeof data);
    }
}
