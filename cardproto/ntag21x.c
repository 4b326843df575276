/* ntag21x.c - an NFC Forum type 2 tag (NTAG21x, Ultralight) with a plain NDEF record of ours: "M12345" or a
 * web address that ends so.  Read by READ (30 page: four pages of 4 bytes), from page 3 on.  SPEC.md
 * section 17.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cardproto/kind.h"
#include "cardproto/ndef.h"

#include <string.h>

enum {
    PAGE_CC = 3,    /* E1, version, size / 8, access */
    READ_SIZE = 16,
    TLV_NULL = 0x00,
    TLV_NDEF = 0x03,
    TLV_END = 0xfe
};

static bool recognise(const struct kind_facts *f, const struct kind_keys *keys)
{
    return keys->tags && f->sak == 0x00 && f->atqa[0] == 0x00 && f->atqa[1] == 0x44;
}

static enum card_next read_at(struct kind_op *op, size_t offset)
{
    const uint8_t read[] = {0x30, (uint8_t)(PAGE_CC + offset / 4)};
    return kind_send(op, read, sizeof read);
}

enum found { FOUND_PART, FOUND_NONE, FOUND_MESSAGE };

/* The NDEF message among what was read from page 4 on. */
static enum found find_message(struct bytes *message, struct bytes area)
{
    size_t at = 0;
    while (at < area.size) {
        uint8_t tag = area.data[at++];
        if (tag == TLV_NULL)
            continue;
        if (tag == TLV_END)
            return FOUND_NONE;
        if (at >= area.size)
            return FOUND_PART;
        size_t size = area.data[at++];
        if (size == 0xff) /* three bytes: longer than any of ours */
            return FOUND_NONE;
        if (tag == TLV_NDEF) {
            *message = bytes_of(area.data + at, size);
            return at + size <= area.size ? FOUND_MESSAGE : FOUND_PART;
        }
        at += size;
    }
    return FOUND_PART;
}

static enum card_next step(struct kind_op *op, struct bytes answer)
{
    struct kind_message *m = &op->u.message; /* page 3 and what follows */
    struct bytes message = {NULL, 0};
    member_id member;
    if (op->at == 0)
        return read_at(op, 0);
    if (answer.size == 1) /* a NAK: it ends here, or is locked */
        return kind_fail(op, CARD_NOT_OURS, "the tag does not let itself be read");
    if (answer.size != READ_SIZE)
        return kind_fail(op, CARD_BAD_ANSWER, "the tag answered with %zu bytes", answer.size);
    memcpy(m->data + m->size, answer.data, READ_SIZE);
    m->size += READ_SIZE;
    if (m->data[0] != 0xe1 || m->data[1] >> 4 != 1)
        return kind_fail(op, CARD_NOT_OURS, "a tag without NDEF");
    size_t whole = 4 + (size_t)m->data[2] * 8;
    enum found found = find_message(&message, bytes_of(m->data + 4, (m->size < whole ? m->size : whole) - 4));
    if (found == FOUND_PART && m->size < whole && m->size + READ_SIZE <= sizeof m->data)
        return read_at(op, m->size);
    if (found == FOUND_MESSAGE && ndef_member(&member, message) == OK) {
        char name[MEMBER_TEXT_SIZE];
        member_text(name, member);
        op->seen.member = member;
        return kind_done(op, MEANS_TAG, bytes_of(name, strlen(name)), bytes_of(NULL, 0));
    }
    return kind_fail(op, CARD_NOT_OURS, "the tag's message is not one of ours");
}

const struct kind_ops kind_ntag21x = {"NTAG21x", recognise, step};
