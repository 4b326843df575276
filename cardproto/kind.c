/* kind.c - see kind.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cardproto/kind.h"
#include "cardproto/ndef.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

extern const struct kind_ops kind_full, kind_apple_vas, kind_smart_tap, kind_ntag424, kind_ntag21x, kind_uid;

/* In the order they are tried.  Passes come before the NDEF kinds: a phone may answer to those too, for somebody
 * else's purposes. */
static const struct kind_ops *const kind_table[] = {
    &kind_full, &kind_apple_vas, &kind_smart_tap, &kind_ntag424, &kind_ntag21x, &kind_uid, NULL,
};

bool kind_random_uid(const struct kind_facts *f)
{
    return f->uid_size == 4 && f->uid[0] == 0x08;
}

enum card_next kind_send(struct kind_op *op, const void *frame, size_t size)
{
    assert(size <= sizeof op->frame);
    memcpy(op->frame, frame, size);
    op->frame_size = size;
    return CARD_SEND;
}

enum card_next kind_fail(struct kind_op *op, enum card_status_word status, const char *format, ...)
{
    char text[sizeof op->why.text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    op->status = status;
    err_set(&op->why, ERR_CARD, "%s", text);
    return CARD_FAILED;
}

bool kind_ok(struct bytes answer, struct bytes *data)
{
    if (answer.size < 2 || memcmp(answer.data + answer.size - 2, "\x90\x00", 2) != 0)
        return false;
    *data = bytes_of(answer.data, answer.size - 2);
    return true;
}

enum card_next kind_done(struct kind_op *op, enum txn_means means, struct bytes value, struct bytes name)
{
    if (name.size == 0)
        name = value;
    assert(value.size <= sizeof op->seen.value);
    assert(name.size <= sizeof op->seen.name);
    op->seen.means = means;
    if (value.size)
        memcpy(op->seen.value, value.data, value.size);
    if (name.size)
        memcpy(op->seen.name, name.data, name.size);
    op->seen.value_size = value.size;
    op->seen.name_size = name.size;
    if (means == MEANS_PASS && !ndef_is_member(&op->seen.member, value)) /* else head office knows */
        op->seen.member = 0;
    if (op->facts.uid_size == 7)
        memcpy(op->seen.uid.b, op->facts.uid, 7);
    op->status = CARD_OK;
    return CARD_DONE;
}

/* The next kind that could be it, from op->kind on.  None: what is lying there, then? */
static bool choose(struct kind_op *op)
{
    while (kind_table[op->kind] && !kind_table[op->kind]->recognise(&op->facts, op->keys))
        op->kind++;
    op->at = 0;
    memset(&op->u, 0, sizeof op->u);
    return kind_table[op->kind] != NULL;
}

static enum card_next nobody(struct kind_op *op)
{
    if (kind_random_uid(&op->facts) && op->status != CARD_PHONE_LOCKED)
        return kind_fail(op, CARD_PHONE, "a phone, or a card with another number at every tap");
    if (op->status == CARD_OK)
        return kind_fail(op, CARD_NOT_OURS, "no kind of card that is known here");
    return CARD_FAILED; /* as the last kind that looked at it said */
}

void kind_start(struct kind_op *op, const struct kind_facts *facts, const struct kind_keys *keys,
                struct card_op *card, const uint8_t random[KIND_RANDOM_SIZE], int64_t utc_s)
{
    assert(facts->uid_size <= sizeof facts->uid);
    memset(op, 0, sizeof *op);
    op->facts = *facts;
    op->keys = keys;
    op->card = card;
    op->utc_s = utc_s;
    memcpy(op->random, random, sizeof op->random);
}

enum card_next kind_step(struct kind_op *op, struct bytes answer)
{
    bool first = op->exchanges == 0;
    if (first && !choose(op))
        return nobody(op);
    for (;;) {
        if (op->at > 0 && answer.size > KIND_ANSWER_MAX)
            return kind_fail(op, CARD_BAD_ANSWER, "an answer of %zu bytes", answer.size);
        enum card_next next = kind_table[op->kind]->step(op, answer);
        op->at++;
        if (next == CARD_SEND)
            op->exchanges++;
        if (next != CARD_FAILED || op->status != CARD_NOT_OURS)
            return next;
        op->kind++;
        answer = bytes_of(NULL, 0);
        if (!choose(op))
            return nobody(op);
    }
}

void kind_finish(struct kind_op *op)
{
    bytes_wipe(op, sizeof *op);
}
