/* ntag424.c - an NTAG 424 DNA of ours: its NDEF file holds a SUN message (sun.h).  Any NFC Forum type 4
 * tag is read; one without a SUN message but with a plain record of ours counts as that.  SPEC.md section 16.
 *
 *   select the NDEF application --> select its file --> read the length --> read so much
 * SPDX-License-Identifier: Apache-2.0 */
#include "cardproto/kind.h"
#include "cardproto/ndef.h"
#include "cardproto/sun.h"

#include <string.h>

enum { READ_MAX = 0x7c }; /* with status words two blocks of a PN532; the tag's own frames are of 128 */

static bool recognise(const struct kind_facts *f, const struct kind_keys *keys)
{
    return (f->sak & 0x20) && (keys->sun_meta || keys->tags);
}

static enum card_next read_more(struct kind_op *op, size_t offset, size_t size)
{
    if (size > READ_MAX)
        size = READ_MAX;
    const uint8_t read[] = {0x00, 0xb0, (uint8_t)(offset >> 8), (uint8_t)offset, (uint8_t)size};
    return kind_send(op, read, sizeof read);
}

static enum card_next read_message(struct kind_op *op, struct bytes message)
{
    struct ndef_record r;
    struct bytes text;
    struct sun sun;
    struct sun_tag tag;
    member_id member;
    if (op->keys->sun_meta && ndef_find(&r, message, "U") == OK && ndef_text(&text, &r) == OK &&
        sun_parse(&sun, text) == OK) {
        if (sun_meta(&tag, sun.picc, op->keys->sun_meta))
            return kind_fail(op, CARD_BAD_KEY, "the tag's message is not enciphered with our key");
        if (op->facts.uid_size == 7 && memcmp(tag.uid.b, op->facts.uid, 7) != 0)
            return kind_fail(op, CARD_BAD_ANSWER, "the tag's message is of another tag");
        enum card_next next = kind_done(op, MEANS_SUN, text, bytes_of(tag.uid.b, sizeof tag.uid.b));
        op->seen.uid = tag.uid; /* the real one, also where the reader saw a random one */
        return next;
    }
    if (op->keys->tags && ndef_member(&member, message) == OK) {
        char name[MEMBER_TEXT_SIZE];
        member_text(name, member);
        op->seen.member = member;
        return kind_done(op, MEANS_TAG, bytes_of(name, strlen(name)), bytes_of(NULL, 0));
    }
    return kind_fail(op, CARD_NOT_OURS, "the tag's message is not one of ours");
}

static enum card_next step(struct kind_op *op, struct bytes answer)
{
    static const uint8_t application[] = {0x00, 0xa4, 0x04, 0x00, 0x07, 0xd2, 0x76,
                                          0x00, 0x00, 0x85, 0x01, 0x01, 0x00};
    static const uint8_t file[] = {0x00, 0xa4, 0x00, 0x0c, 0x02, 0xe1, 0x04};
    struct kind_message *m = &op->u.message;
    struct bytes data = {NULL, 0};
    if (op->at > 0 && !kind_ok(answer, &data))
        return kind_fail(op, CARD_NOT_OURS, "no NDEF file");
    switch (op->at) {
    case 0:
        return kind_send(op, application, sizeof application);
    case 1:
        return kind_send(op, file, sizeof file);
    case 2:
        return read_more(op, 0, 2);
    case 3:
        if (data.size != 2)
            return kind_fail(op, CARD_BAD_ANSWER, "a length of %zu bytes", data.size);
        m->wanted = (size_t)data.data[0] << 8 | data.data[1];
        if (m->wanted == 0 || m->wanted > sizeof m->data)
            return kind_fail(op, CARD_NOT_OURS, "a message of %zu bytes", m->wanted);
        return read_more(op, 2, m->wanted);
    default:
        if (data.size == 0 || data.size > m->wanted - m->size)
            return kind_fail(op, CARD_BAD_ANSWER, "%zu bytes instead of %zu", data.size,
                             m->wanted - m->size);
        memcpy(m->data + m->size, data.data, data.size);
        m->size += data.size;
        if (m->size < m->wanted)
            return read_more(op, 2 + m->size, m->wanted - m->size);
        return read_message(op, bytes_of(m->data, m->size));
    }
}

const struct kind_ops kind_ntag424 = {"NTAG 424", recognise, step};
