/* kind_full.c - the full member card: card_identify, and nothing around it.  SPEC.md section 11.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cardproto/kind.h"

#include <string.h>

static bool recognise(const struct kind_facts *f, const struct kind_keys *keys)
{
    return keys->card && f->uid_size == 7 && (f->sak & 0x20);
}

static enum card_next step(struct kind_op *op, struct bytes answer)
{
    if (op->at == 0) {
        struct card_uid uid;
        memcpy(uid.b, op->facts.uid, sizeof uid.b);
        card_identify_start(op->card, op->keys->card, &uid, op->random);
    }
    enum card_next next = card_step(op->card, answer);
    switch (next) {
    case CARD_SEND:
        return kind_send(op, op->card->frame.data, op->card->frame.size);
    case CARD_DONE:
        op->seen.member = op->card->seen.profile.member;
        return kind_done(op, MEANS_CARD, bytes_of(NULL, 0), bytes_of(NULL, 0));
    case CARD_FAILED:
        /* What says no to our application at the first word, in whatever tongue, may still be another kind; a
         * word that came damaged may be that of a card of ours. */
        return kind_fail(op, op->at == 1 && answer.size == 2 ? CARD_NOT_OURS : op->card->status, "%s",
                         op->card->why.text);
    case CARD_READY: /* an identification commits nothing */
        break;
    }
    return kind_fail(op, CARD_BAD_ANSWER, "an identification that wants to commit");
}

const struct kind_ops kind_full = {"full card", recognise, step};
