/* test_fuzz_card.c - the fuzzer of the cards on seeded input, so that every test run tries some.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/mbed.h"
#include "tests/test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

TEST(fuzz_card, whatever_a_card_answers_nothing_is_claimed_that_it_did_not_do)
{
    assert_int_equal(mbed_init(NULL), OK);
    for (int round = 0; round < 15000; round++) {
        uint8_t in[300];
        size_t size = 2 + test_below(sizeof in - 2);
        for (size_t i = 0; i < size; i++) { /* mostly true answers, so that it comes far */
            uint32_t r = test_below(100);
            in[i] = r < 80 ? 0 : (uint8_t)test_below(256);
        }
        in[0] = (uint8_t)test_below(256);
        in[1] = (uint8_t)test_below(256);
        (void)LLVMFuzzerTestOneInput(in, size);
    }
}
