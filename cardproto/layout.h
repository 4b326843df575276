/* layout.h - our application on the card: its settings, files, keys, and the bytes inside.  SPEC.md
 * sections 3 and 7 to 10.  SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_CARDPROTO_LAYOUT_H
#define PATRON_CARDPROTO_LAYOUT_H

#include "cardproto/card.h"
#include "cardproto/ev1.h"
#include "cardproto/tmac.h"

enum {
    KEY_MASTER = 0,
    KEY_READ = 1,
    KEY_TILL = 2,
    KEY_CREDIT = 3,
    KEY_COUNT = 4,
    KEY_TMAC = 4, /* not a key of the application but of file 0F */

    FILE_MEMBER = 0x01,
    FILE_PROFILE = 0x02,
    FILE_PURSE = 0x03,
    FILE_LOG = 0x04,
    FILE_TMAC = 0x0f,

    PROFILE_SIZE = 32,
    TMAC_FILE_SIZE = 12,
    LOG_FILE_RECORDS = CARD_LOG_MAX + 1, /* a cyclic file holds one less than it was made for */
    FILE_HEADER_MAX = 24
};

/* One of a card's own keys, KEY_MASTER .. KEY_TMAC: SPEC.md section 9. */
void layout_diversify(const struct card_scheme *scheme, const struct card_uid *uid, int key,
                      const struct aes_key *master, struct aes_key *out);

/* kind: what the card was issued as. */
void layout_encode_profile(uint8_t out[PROFILE_SIZE], const struct card_profile *profile,
                           enum card_kind kind);
/* Errors: ERR_FORMAT. */
MUST_CHECK enum err layout_decode_profile(struct card_profile *out, enum card_kind *kind,
                                          const uint8_t raw[PROFILE_SIZE]);

/* What CommitReaderID carries. */
void layout_encode_reader(uint8_t out[READER_ID_SIZE], struct entry_id entry);
/* No entry when it is none of ours, or the card's first. */
struct entry_id layout_decode_reader(const uint8_t reader[READER_ID_SIZE]);

/* What follows the command byte when the application and a file are made.  The TMAC file's key and
 * version go after it, enciphered. */
void layout_put_application(struct buf *out, const struct card_scheme *scheme);
uint8_t layout_put_file(struct buf *out, uint8_t file, int32_t purse_limit); /* gives the command */

#endif
