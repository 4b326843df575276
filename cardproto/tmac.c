/* tmac.c - see tmac.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cardproto/tmac.h"

#include <assert.h>
#include <string.h>

enum { PART = 16, READER_PART = 48 };

void tmac_session_keys(const struct aes_key *app_key, const struct card_uid *uid, uint32_t tmc,
                       struct aes_key *mac, struct aes_key *enc)
{
    static const uint8_t zero_iv[AES_BLOCK];
    uint8_t sv[AES_BLOCK] = {0x5a, 0x00, 0x01, 0x00, 0x80};
    put_le(sv + 5, tmc, 4);
    memcpy(sv + 9, uid->b, sizeof uid->b);
    aes_cmac(app_key, zero_iv, bytes_of(sv, sizeof sv), mac->b);
    sv[0] = 0xa5;
    aes_cmac(app_key, zero_iv, bytes_of(sv, sizeof sv), enc->b);
}

void tmac_value(const struct aes_key *app_key, const struct card_uid *uid, uint32_t tmc,
                struct bytes tmi, uint8_t tmv[TMV_SIZE])
{
    struct aes_key mac, enc;
    tmac_session_keys(app_key, uid, tmc, &mac, &enc);
    aes_mact(&mac, tmi, tmv);
    bytes_wipe(&mac, sizeof mac);
    bytes_wipe(&enc, sizeof enc);
}

void tmac_previous_reader(const struct aes_key *app_key, const struct card_uid *uid, uint32_t tmc,
                          const uint8_t enc_tmri[READER_ID_SIZE], uint8_t reader[READER_ID_SIZE])
{
    struct aes_key mac, enc;
    uint8_t iv[AES_BLOCK] = {0};
    tmac_session_keys(app_key, uid, tmc, &mac, &enc);
    aes_cbc_decrypt(&enc, iv, reader, enc_tmri, READER_ID_SIZE);
    bytes_wipe(&mac, sizeof mac);
    bytes_wipe(&enc, sizeof enc);
}

static void pad(struct buf *tmi)
{
    while (tmi->size % PART && !tmi->full)
        buf_put_u8(tmi, 0);
}

void tmi_put_value(struct buf *tmi, uint8_t cmd, uint8_t file, int32_t value)
{
    buf_put_u8(tmi, cmd);
    buf_put_u8(tmi, file);
    buf_put_le(tmi, (uint32_t)value, 4);
    pad(tmi);
}

static void put_head(struct buf *tmi, uint8_t cmd, uint8_t file, uint32_t a, uint32_t b)
{
    buf_put_u8(tmi, cmd);
    buf_put_u8(tmi, file);
    buf_put_le(tmi, a, 3);
    buf_put_le(tmi, b, 3);
    pad(tmi);
}

void tmi_put_data(struct buf *tmi, uint8_t cmd, uint8_t file, uint32_t offset, struct bytes data)
{
    put_head(tmi, cmd, file, offset, (uint32_t)data.size);
    buf_put(tmi, data.data, data.size);
    pad(tmi);
}

void tmi_put_records(struct buf *tmi, uint8_t cmd, uint8_t file, uint32_t first, uint32_t count,
                     struct bytes data)
{
    put_head(tmi, cmd, file, first, count);
    buf_put(tmi, data.data, data.size);
    pad(tmi);
}

void tmi_put_reader(struct buf *tmi, const uint8_t reader[READER_ID_SIZE],
                    const uint8_t enc_tmri[READER_ID_SIZE])
{
    buf_put_u8(tmi, 0xc8);
    buf_put(tmi, reader, READER_ID_SIZE);
    buf_put(tmi, enc_tmri, READER_ID_SIZE);
    pad(tmi);
}

static bool zeros(const uint8_t *p, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (p[i])
            return false;
    return true;
}

/* The data behind a head of one part: size bytes, filled to whole parts with zeros. */
static enum err take_data(struct bytes *rest, size_t size, struct tmi_part *part)
{
    size_t padded = (size + PART - 1) / PART * PART;
    if (rest->size - PART < padded || !zeros(rest->data + PART + size, padded - size))
        return ERR_FORMAT;
    part->data = bytes_of(rest->data + PART, size);
    *rest = bytes_of(rest->data + PART + padded, rest->size - PART - padded);
    return OK;
}

enum err tmi_next(struct bytes *rest, size_t record_size, struct tmi_part *part)
{
    const uint8_t *p = rest->data;
    if (rest->size == 0)
        return ERR_NOT_FOUND;
    if (rest->size < PART)
        return ERR_FORMAT;
    *part = (struct tmi_part){.cmd = p[0], .file = p[1]};
    switch (p[0]) {
    case 0x6c:
    case 0x0c:
    case 0xdc:
    case 0x1c:
        part->value = (int32_t)(uint32_t)get_le(p + 2, 4);
        if (!zeros(p + 6, 10))
            return ERR_FORMAT;
        return take_data(rest, 0, part);
    case 0xbd:
    case 0x3d:
    case 0x3b:
        part->offset = (uint32_t)get_le(p + 2, 3);
        part->count = (uint32_t)get_le(p + 5, 3);
        if (!zeros(p + 8, 8) || part->count > rest->size)
            return ERR_FORMAT;
        return take_data(rest, part->count, part);
    case 0xbb:
        part->offset = (uint32_t)get_le(p + 2, 3);
        part->count = (uint32_t)get_le(p + 5, 3);
        if (!zeros(p + 8, 8) || part->count > rest->size)
            return ERR_FORMAT;
        return take_data(rest, part->count * record_size, part);
    case 0xc8:
        if (rest->size < READER_PART || !zeros(p + 33, 15))
            return ERR_FORMAT;
        part->file = 0;
        part->data = bytes_of(p + 1, READER_ID_SIZE + READER_ID_SIZE);
        *rest = bytes_of(p + READER_PART, rest->size - READER_PART);
        return OK;
    default:
        return ERR_FORMAT;
    }
}
