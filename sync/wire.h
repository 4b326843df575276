/* wire.h - txns and frames as bytes: sync/link.proto by nanopb.  Pure, no allocation.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_SYNC_WIRE_H
#define PATRON_SYNC_WIRE_H

#include "base/bytes.h"
#include "base/txn.h"

enum {
    WIRE_FRAME_MAX = 65536,  /* without the 4 bytes of length */
    WIRE_ENTRY_MAX = 32768,  /* one encoded txn */
    WIRE_HASH_SIZE = 32,
    WIRE_BATCH_MAX = 64,     /* entries in one Sync, fewer when they are large */
    WIRE_HOT_MAX = 500
};

/* Errors: ERR_FULL (more than out holds). */
MUST_CHECK enum err wire_encode_txn(struct buf *out, const struct txn *t, struct errmsg *why);
/* Decodes and checks (txn_check).  Errors: ERR_FORMAT, ERR_RANGE; out is then undefined. */
MUST_CHECK enum err wire_decode_txn(struct txn *out, struct bytes entry, struct errmsg *why);
/* next = SHA-256(previous || entry). */
void wire_chain(uint8_t next[WIRE_HASH_SIZE], const uint8_t previous[WIRE_HASH_SIZE], struct bytes entry);

#endif
