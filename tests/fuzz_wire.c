/* fuzz_wire.c - the line: whatever bytes come, they are refused, or read to something that encodes, decodes and
 * encodes to the same bytes again.
 *
 *   input:  what it is (0 a till's question, 1 head office's answer, 2 an entry; modulo 3), then its bytes
 *
 * With clang: -fsanitize=fuzzer; tests/test_fuzz_wire.c runs it on seeded input.
 * SPDX-License-Identifier: Apache-2.0 */
#include "sync/wire.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct wire_request request;
static struct wire_answer answer;
static struct txn txn;

static enum err decode(int what, struct bytes in)
{
    struct errmsg why;
    return what == 0   ? wire_decode_request(&request, in, &why)
           : what == 1 ? wire_decode_answer(&answer, in, &why)
                       : wire_decode_txn(&txn, in, &why);
}

static enum err encode(int what, struct buf *out)
{
    struct errmsg why;
    return what == 0   ? wire_encode_request(out, &request, &why)
           : what == 1 ? wire_encode_answer(out, &answer, &why)
                       : wire_encode_txn(out, &txn, &why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t one[WIRE_FRAME_MAX], two[WIRE_FRAME_MAX];
    struct buf a = BUF_ON(one), b = BUF_ON(two);
    if (size < 1)
        return 0;
    int what = data[0] % 3;
    uint8_t *exact = malloc(size); /* a byte read behind its end is seen */
    assert(exact);
    memcpy(exact, data + 1, size - 1);
    enum err e = decode(what, bytes_of(exact, size - 1));
    if (!e) {
        e = encode(what, &a);
        assert(e == OK || e == ERR_FULL); /* what is read can be written, but for its size */
    }
    if (!e) {
        assert(decode(what, buf_bytes(&a)) == OK);
        assert(encode(what, &b) == OK);
        assert(a.size == b.size);
        assert(memcmp(one, two, a.size) == 0);
    }
    free(exact);
    return 0;
}
