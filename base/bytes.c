/* bytes.c - see bytes.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"

#include <assert.h>
#include <string.h>

void buf_put(struct buf *b, const void *data, size_t size)
{
    if (b->full || size > b->cap - b->size) {
        b->full = true;
        return;
    }
    if (size)
        memcpy(b->data + b->size, data, size);
    b->size += size;
}

void buf_put_u8(struct buf *b, uint8_t v)
{
    buf_put(b, &v, 1);
}

void buf_put_le(struct buf *b, uint64_t v, size_t count)
{
    uint8_t raw[8];
    put_le(raw, v, count);
    buf_put(b, raw, count);
}

uint64_t get_le(const uint8_t *p, size_t count)
{
    assert(count <= 8);
    uint64_t v = 0;
    for (size_t i = count; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

void put_le(uint8_t *p, uint64_t v, size_t count)
{
    assert(count >= 1);
    assert(count <= 8);
    for (size_t i = 0; i < count; i++, v >>= 8)
        p[i] = (uint8_t)v;
}

bool bytes_equal_const_time(const void *a, const void *b, size_t size)
{
    const volatile uint8_t *x = a, *y = b;
    uint8_t diff = 0;
    for (size_t i = 0; i < size; i++)
        diff |= (uint8_t)(x[i] ^ y[i]);
    return diff == 0;
}

void bytes_wipe(void *p, size_t size)
{
    volatile uint8_t *b = p;
    while (size--)
        *b++ = 0;
}

void hex_encode(char *out, const void *data, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *p = data;
    for (size_t i = 0; i < size; i++) {
        *out++ = digits[p[i] >> 4];
        *out++ = digits[p[i] & 15];
    }
    *out = 0;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

enum err hex_decode(uint8_t *out, size_t cap, size_t *size, const char *text)
{
    size_t length = strlen(text);
    if (length % 2)
        return ERR_FORMAT;
    if (length / 2 > cap)
        return ERR_FULL;
    for (size_t i = 0; i < length / 2; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return ERR_FORMAT;
        out[i] = (uint8_t)(high << 4 | low);
    }
    *size = length / 2;
    return OK;
}
