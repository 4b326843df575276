/* test_fuzz_wire.c - the fuzzer of the line on seeded input, so that every test run tries some.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"
#include "tests/test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Fields as protobuf has them, now and then inside one another. */
static void fields(struct buf *b, int depth)
{
    for (uint32_t n = test_below(6); n > 0; n--) {
        uint8_t room[200];
        struct buf in = BUF_ON(room);
        uint32_t number = 1 + test_below(depth == 0 ? 12 : 31), kind = test_below(8);
        uint8_t type = kind < 3 ? 0 : kind < 7 ? 2 : (uint8_t)test_below(8);
        if (number > 15)
            buf_put_u8(b, (uint8_t)((number & 15) << 3 | type | 0x80)), buf_put_u8(b, (uint8_t)(number >> 4));
        else
            buf_put_u8(b, (uint8_t)(number << 3 | type));
        if (type == 0) {
            buf_put_u8(b, (uint8_t)test_below(test_below(4) ? 8 : 256));
        } else {
            static const uint8_t sizes[] = {0, 1, 3, 7, 8, 16, 32};
            if (depth < 2 && test_below(2))
                fields(&in, depth + 1);
            else
                for (uint32_t k = sizes[test_below(sizeof sizes)]; k > 0; k--)
                    buf_put_u8(&in, (uint8_t)('A' + test_below(26)));
            buf_put_u8(b, (uint8_t)(in.size & 0x7f));
            buf_put(b, in.data, in.size & 0x7f);
        }
    }
}

TEST(fuzz_wire, whatever_comes_over_the_line_is_refused_or_read_whole)
{
    for (int round = 0; round < 60000; round++) {
        uint8_t room[600];
        struct buf in = BUF_ON(room);
        buf_put_u8(&in, (uint8_t)round);
        if (round % 3 < 2) { /* one message of a known number in its envelope */
            uint8_t body_room[100];
            struct buf body = BUF_ON(body_room);
            fields(&body, 1);
            buf_put(&in, "\x08\x01", 2);
            buf_put_u8(&in, (uint8_t)((2 + test_below(8)) << 3 | 2));
            buf_put_u8(&in, (uint8_t)body.size);
            buf_put(&in, body.data, body.size);
        } else {
            fields(&in, 1);
        }
        (void)LLVMFuzzerTestOneInput(in.data, in.size);
    }
}
