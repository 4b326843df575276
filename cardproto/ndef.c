/* ndef.c - see ndef.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cardproto/ndef.h"

#include <assert.h>
#include <string.h>

enum { FIRST = 0x80, LAST = 0x40, CHUNKED = 0x20, SHORT = 0x10, HAS_ID = 0x08, TNF = 0x07 };

/* size bytes off the front of rest.  False: there are fewer. */
static bool take(struct bytes *out, struct bytes *rest, size_t size)
{
    if (size > rest->size)
        return false;
    *out = bytes_of(rest->data, size);
    *rest = bytes_of(rest->data + size, rest->size - size);
    return true;
}

enum err ndef_next(struct ndef_record *out, struct bytes *rest)
{
    struct bytes head, size, id_size = {NULL, 0};
    if (rest->size == 0)
        return ERR_NOT_FOUND;
    if (!take(&head, rest, 2) || (head.data[0] & CHUNKED))
        return ERR_FORMAT;
    uint8_t flags = head.data[0];
    if (!take(&size, rest, flags & SHORT ? 1 : 4) || (flags & HAS_ID && !take(&id_size, rest, 1)))
        return ERR_FORMAT;
    size_t payload = 0;
    for (size_t i = 0; i < size.size; i++)
        payload = payload << 8 | size.data[i];
    *out = (struct ndef_record){.tnf = flags & TNF};
    if (!take(&out->type, rest, head.data[1]) ||
        !take(&out->id, rest, id_size.size ? id_size.data[0] : 0) || !take(&out->payload, rest, payload))
        return ERR_FORMAT;
    return OK;
}

static bool is(struct bytes b, const char *text)
{
    return b.size == strlen(text) && memcmp(b.data, text, b.size) == 0;
}

enum err ndef_find(struct ndef_record *out, struct bytes message, const char *type)
{
    enum err e;
    while ((e = ndef_next(out, &message)) == OK && !is(out->type, type))
        ;
    return e;
}

void ndef_put(struct buf *out, uint8_t tnf, const char *type, struct bytes payload, bool first, bool last)
{
    assert(payload.size <= 255);
    buf_put_u8(out, (uint8_t)(SHORT | tnf | (first ? FIRST : 0) | (last ? LAST : 0)));
    buf_put_u8(out, (uint8_t)strlen(type));
    buf_put_u8(out, (uint8_t)payload.size);
    buf_put(out, type, strlen(type));
    buf_put(out, payload.data, payload.size);
}

enum err ndef_text(struct bytes *out, const struct ndef_record *r)
{
    if (r->tnf != NDEF_WELL_KNOWN || r->payload.size < 1)
        return ERR_FORMAT;
    uint8_t head = r->payload.data[0];
    size_t skip;
    if (is(r->type, "T") && !(head & 0x80)) /* bit 7: UTF-16; the low bits: length of the language */
        skip = 1 + (head & 0x3f);
    else if (is(r->type, "U"))
        skip = 1;
    else
        return ERR_FORMAT;
    if (skip > r->payload.size)
        return ERR_FORMAT;
    *out = bytes_of(r->payload.data + skip, r->payload.size - skip);
    return OK;
}

bool ndef_is_member(member_id *out, struct bytes word)
{
    char text[MEMBER_TEXT_SIZE], again[MEMBER_TEXT_SIZE];
    member_id member;
    if (word.size == 0 || word.size >= sizeof text || memchr(word.data, 0, word.size))
        return false;
    memcpy(text, word.data, word.size);
    text[word.size] = 0;
    if (member_parse(&member, text) || member == 0)
        return false;
    member_text(again, member);
    if (strcmp(text, again) != 0)
        return false;
    *out = member;
    return true;
}

enum err ndef_member(member_id *out, struct bytes message)
{
    struct ndef_record r;
    struct bytes text;
    while (ndef_next(&r, &message) == OK) {
        if (ndef_text(&text, &r))
            continue;
        if (is(r.type, "U"))
            for (size_t i = text.size; i-- > 0;)
                if (text.data[i] == '/' || text.data[i] == '=') {
                    text = bytes_of(text.data + i + 1, text.size - i - 1);
                    break;
                }
        if (ndef_is_member(out, text))
            return OK;
    }
    return ERR_NOT_FOUND;
}
