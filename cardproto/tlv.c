/* tlv.c - see tlv.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cardproto/tlv.h"

static bool take(uint8_t *out, struct bytes *rest)
{
    if (rest->size == 0)
        return false;
    *out = *rest->data;
    *rest = bytes_of(rest->data + 1, rest->size - 1);
    return true;
}

enum err tlv_next(struct tlv *out, struct bytes *rest)
{
    uint8_t b = 0, more = 0;
    if (rest->size == 0)
        return ERR_NOT_FOUND;
    (void)take(&b, rest);
    out->tag = b;
    if ((b & 0x1f) == 0x1f) {
        if (!take(&b, rest) || (b & 0x80))
            return ERR_FORMAT;
        out->tag = out->tag << 8 | b;
    }
    if (!take(&b, rest))
        return ERR_FORMAT;
    size_t size = b;
    if (b & 0x80) {
        more = b & 0x7f;
        if (more < 1 || more > 2)
            return ERR_FORMAT;
        for (size = 0; more > 0; more--) {
            if (!take(&b, rest))
                return ERR_FORMAT;
            size = size << 8 | b;
        }
    }
    if (size > rest->size)
        return ERR_FORMAT;
    out->value = bytes_of(rest->data, size);
    *rest = bytes_of(rest->data + size, rest->size - size);
    return OK;
}

enum err tlv_find(struct bytes *value, struct bytes in, uint32_t tag)
{
    struct tlv t;
    enum err e;
    while ((e = tlv_next(&t, &in)) == OK)
        if (t.tag == tag) {
            *value = t.value;
            return OK;
        }
    return e;
}
