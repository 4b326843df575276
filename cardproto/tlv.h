/* tlv.h - BER-TLV, as ISO 7816 cards and phones answer.  Pure; borrows.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_CARDPROTO_TLV_H
#define PATRON_CARDPROTO_TLV_H

#include "base/bytes.h"

struct tlv {
    uint32_t tag; /* as its bytes read, of 1 or 2: 6f, 9f27 */
    struct bytes value;
};

/* Errors: ERR_NOT_FOUND at the end, ERR_FORMAT (cut off, a tag of 3 bytes, a length of more than 2). */
MUST_CHECK enum err tlv_next(struct tlv *out, struct bytes *rest);
/* The value of the first tag of this level.  Errors: as tlv_next. */
MUST_CHECK enum err tlv_find(struct bytes *value, struct bytes in, uint32_t tag);

#endif
