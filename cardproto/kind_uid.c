/* kind_uid.c - any tag by its UID alone: copied in seconds, so it may earn and be looked up, no more.
 * A UID that is made up at every tap names nobody and is never taken.  SPEC.md section 17.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cardproto/kind.h"

static bool recognise(const struct kind_facts *f, const struct kind_keys *keys)
{
    return (keys->uids && f->uid_size == 7) ||
           (keys->short_uids && f->uid_size == 4 && !kind_random_uid(f));
}

static enum card_next step(struct kind_op *op, struct bytes answer)
{
    (void)answer;
    return kind_done(op, MEANS_UID, bytes_of(op->facts.uid, op->facts.uid_size), bytes_of(NULL, 0));
}

const struct kind_ops kind_uid = {"UID", recognise, step};
