/* tmac.h - the Transaction MAC: keys of one commit, the input it is made over (TMI), and its value (TMV).
 * SPEC.md section 6.  SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_CARDPROTO_TMAC_H
#define PATRON_CARDPROTO_TMAC_H

#include "base/ids.h"
#include "cardproto/cipher.h"

enum { TMV_SIZE = 8, READER_ID_SIZE = 16 };

/* tmc: as the commit's answer says, after the step up. */
void tmac_session_keys(const struct aes_key *app_key, const struct card_uid *uid, uint32_t tmc,
                       struct aes_key *mac, struct aes_key *enc);
void tmac_value(const struct aes_key *app_key, const struct card_uid *uid, uint32_t tmc,
                struct bytes tmi, uint8_t tmv[TMV_SIZE]);
/* The reader id of the commit before this one. */
void tmac_previous_reader(const struct aes_key *app_key, const struct card_uid *uid, uint32_t tmc,
                          const uint8_t enc_tmri[READER_ID_SIZE], uint8_t reader[READER_ID_SIZE]);

/* Append to the TMI what a command adds, once its answer was good.  cmd is the byte that was sent. */
void tmi_put_value(struct buf *tmi, uint8_t cmd, uint8_t file, int32_t value); /* 6C 0C DC 1C */
void tmi_put_data(struct buf *tmi, uint8_t cmd, uint8_t file, uint32_t offset,
                  struct bytes data); /* BD 3D 3B and AD 8D 8B; length is data's */
void tmi_put_records(struct buf *tmi, uint8_t cmd, uint8_t file, uint32_t first, uint32_t count,
                     struct bytes data); /* BB AB; count as really read */
void tmi_put_reader(struct buf *tmi, const uint8_t reader[READER_ID_SIZE],
                    const uint8_t enc_tmri[READER_ID_SIZE]); /* C8 */

/* One command read back out of a TMI. */
struct tmi_part {
    uint8_t cmd, file;
    int32_t value;          /* 6C 0C DC 1C */
    uint32_t offset, count; /* BD 3D 3B; BB: first record, records */
    struct bytes data;      /* without padding; C8: reader id, then EncTMRI */
};
/* Takes the first part off rest.  record_size: of the file that BB reads.  Errors: ERR_FORMAT: not a
 * part this layout knows, cut short, or its padding is not zero; ERR_NOT_FOUND: rest is empty. */
MUST_CHECK enum err tmi_next(struct bytes *rest, size_t record_size, struct tmi_part *part);

#endif
