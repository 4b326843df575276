/* ndef.h - NFC Forum NDEF records, taken apart and put together.  Pure; borrows.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_CARDPROTO_NDEF_H
#define PATRON_CARDPROTO_NDEF_H

#include "base/bytes.h"
#include "base/ids.h"

enum { NDEF_WELL_KNOWN = 1, NDEF_EXTERNAL = 4 };

struct ndef_record {
    uint8_t tnf; /* NDEF_... */
    struct bytes type, id, payload;
};

/* The next record of a message; *rest moves behind it.  Errors: ERR_NOT_FOUND at the end, ERR_FORMAT (cut
 * off, in chunks). */
MUST_CHECK enum err ndef_next(struct ndef_record *out, struct bytes *rest);
/* The first record of this type (text) in a message.  Errors: as ndef_next. */
MUST_CHECK enum err ndef_find(struct ndef_record *out, struct bytes message, const char *type);
/* Append a short record (payload below 256 bytes).  first, last: of its message. */
void ndef_put(struct buf *out, uint8_t tnf, const char *type, struct bytes payload, bool first, bool last);

/* The text of a T record (UTF-8 only) or what follows the prefix of a U record.  Errors: ERR_FORMAT. */
MUST_CHECK enum err ndef_text(struct bytes *out, const struct ndef_record *record);
/* Is this word a member number, in exactly the spelling that member_text gives? */
MUST_CHECK bool ndef_is_member(member_id *out, struct bytes word);
/* The member number of a tag of ours: a T record "M12345", or a U record whose last word, behind the last
 * "/" or "=", is that.  Errors: ERR_NOT_FOUND. */
MUST_CHECK enum err ndef_member(member_id *out, struct bytes message);

#endif
