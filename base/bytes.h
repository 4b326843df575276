/* bytes.h - a view of bytes, a buffer being filled, integers in them, hex.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_BASE_BYTES_H
#define PATRON_BASE_BYTES_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
    const uint8_t *data; /* borrowed */
    size_t size;
};

/* Storage belongs to the caller.  full is set, and stays set, once something did not fit; what did
 * not fit is not written in part. */
struct buf {
    uint8_t *data;
    size_t size, cap;
    bool full;
};

#define BUF_ON(array) ((struct buf){.data = (array), .cap = sizeof(array)})

static inline struct bytes bytes_of(const void *data, size_t size)
{
    return (struct bytes){data, size};
}
static inline struct bytes buf_bytes(const struct buf *b)
{
    return (struct bytes){b->data, b->size};
}

void buf_put(struct buf *b, const void *data, size_t size);
void buf_put_u8(struct buf *b, uint8_t v);
/* Least significant byte first, count bytes (1..8). */
void buf_put_le(struct buf *b, uint64_t v, size_t count);
uint64_t get_le(const uint8_t *p, size_t count);
void put_le(uint8_t *p, uint64_t v, size_t count);

/* Compares in a time that depends on size alone. */
MUST_CHECK bool bytes_equal_const_time(const void *a, const void *b, size_t size);
/* Overwrites; the compiler may not leave it out. */
void bytes_wipe(void *p, size_t size);

/* Lower-case hex.  out holds 2 * size + 1 characters. */
void hex_encode(char *out, const void *data, size_t size);
/* Either case, no blanks.  Errors: ERR_FORMAT (odd length, other characters), ERR_FULL; *size is
 * then untouched. */
MUST_CHECK enum err hex_decode(uint8_t *out, size_t cap, size_t *size, const char *text);

#endif
