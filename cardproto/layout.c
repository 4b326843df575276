/* layout.c - see layout.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cardproto/layout.h"

#include <assert.h>
#include <string.h>

void layout_diversify(const struct card_scheme *scheme, const struct card_uid *uid, int key,
                      const struct aes_key *master, struct aes_key *out)
{
    static const char names[][2] = {"K0", "K1", "K2", "K3", "TM"};
    assert(key >= 0);
    assert(key <= KEY_TMAC);
    uint8_t raw[31];
    struct buf m = BUF_ON(raw);
    buf_put(&m, uid->b, sizeof uid->b);
    buf_put(&m, scheme->aid, sizeof scheme->aid);
    buf_put(&m, "PTRN", 4);
    buf_put(&m, names[key], 2);
    buf_put_u8(&m, scheme->key_version);
    aes_diversify(master, buf_bytes(&m), out);
}

/* OFFSET SIZE MEANING
 *      0    1 layout, 1
 *      1    1 kind: 1 EV1, 2 EV2
 *      2    1 flags: 1 blocked
 *      3    1 0
 *      4    8 member
 *     12   16 tier, ASCII, zeros behind, the last byte 0
 *     28    4 last day the tier may be trusted, days since 1970, signed */
void layout_encode_profile(uint8_t out[PROFILE_SIZE], const struct card_profile *profile,
                           enum card_kind kind)
{
    memset(out, 0, PROFILE_SIZE);
    out[0] = CARD_LAYOUT;
    out[1] = (uint8_t)kind;
    out[2] = profile->flags;
    put_le(out + 4, profile->member, 8);
    for (int i = 0; i < TXN_NAME_SIZE - 1 && profile->tier[i]; i++)
        out[12 + i] = (uint8_t)profile->tier[i];
    put_le(out + 28, (uint32_t)profile->tier_valid_day, 4);
}

static bool zeros(const uint8_t *p, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (p[i])
            return false;
    return true;
}

enum err layout_decode_profile(struct card_profile *out, enum card_kind *kind,
                               const uint8_t raw[PROFILE_SIZE])
{
    struct card_profile p = {.layout = raw[0], .flags = raw[2]};
    if (raw[0] != CARD_LAYOUT || (raw[1] != CARD_EV1 && raw[1] != CARD_EV2))
        return ERR_FORMAT;
    if (raw[3] || raw[12 + TXN_NAME_SIZE - 1])
        return ERR_FORMAT;
    p.member = get_le(raw + 4, 8);
    if (p.member > INT64_MAX)
        return ERR_FORMAT;
    size_t length = 0;
    while (raw[12 + length])
        length++;
    if (!zeros(raw + 12 + length, TXN_NAME_SIZE - length))
        return ERR_FORMAT;
    for (size_t i = 0; i < length; i++)
        if (raw[12 + i] < 0x20 || raw[12 + i] > 0x7e)
            return ERR_FORMAT;
    memcpy(p.tier, raw + 12, length);
    p.tier_valid_day = (int32_t)(uint32_t)get_le(raw + 28, 4);
    *out = p;
    *kind = (enum card_kind)raw[1];
    return OK;
}

/* OFFSET SIZE MEANING
 *      0    1 layout, 1
 *      1    1 type: 'D' debit, 'L' load, 'I' issue
 *      2    2 0
 *      4    4 terminal
 *      8    4 seq
 *     12    8 time, seconds since 1970 shop-local, signed
 *     20    4 change of the purse, signed
 *     24    4 purse after it
 *     28    4 number of this commit on this card */
void card_record_encode(uint8_t out[TXN_RECORD_SIZE], const struct card_record *record)
{
    memset(out, 0, TXN_RECORD_SIZE);
    out[0] = CARD_LAYOUT;
    out[1] = (uint8_t)record->type;
    put_le(out + 4, record->entry.terminal, 4);
    put_le(out + 8, record->entry.seq, 4);
    put_le(out + 12, (uint64_t)record->time_s, 8);
    put_le(out + 20, (uint32_t)record->amount, 4);
    put_le(out + 24, (uint32_t)record->after, 4);
    put_le(out + 28, record->number, 4);
}

enum err card_record_decode(struct card_record *out, const uint8_t raw[TXN_RECORD_SIZE])
{
    struct card_record r = {
        .entry = {(uint32_t)get_le(raw + 4, 4), (uint32_t)get_le(raw + 8, 4)},
        .time_s = (int64_t)get_le(raw + 12, 8),
        .type = (char)raw[1],
        .amount = (int32_t)(uint32_t)get_le(raw + 20, 4),
        .after = (int32_t)(uint32_t)get_le(raw + 24, 4),
        .number = (uint32_t)get_le(raw + 28, 4),
    };
    if (raw[0] != CARD_LAYOUT || raw[2] || raw[3] || r.after < 0 || r.number == 0)
        return ERR_FORMAT;
    switch (r.type) {
    case 'D':
        if (r.amount >= 0)
            return ERR_FORMAT;
        break;
    case 'L':
        break;
    case 'I':
        if (r.amount || r.after || entry_is(r.entry))
            return ERR_FORMAT;
        break;
    default:
        return ERR_FORMAT;
    }
    /* before = after - amount must be a number of points too */
    int64_t before = (int64_t)r.after - r.amount;
    if (before < 0 || before > INT32_MAX)
        return ERR_FORMAT;
    *out = r;
    return OK;
}

/* "PTRN" | terminal 4 | seq 4 | 0 0 0 0 */
void layout_encode_reader(uint8_t out[READER_ID_SIZE], struct entry_id entry)
{
    memset(out, 0, READER_ID_SIZE);
    memcpy(out, "PTRN", 4);
    put_le(out + 4, entry.terminal, 4);
    put_le(out + 8, entry.seq, 4);
}

struct entry_id layout_decode_reader(const uint8_t reader[READER_ID_SIZE])
{
    struct entry_id none = {0, 0};
    if (memcmp(reader, "PTRN", 4) != 0 || !zeros(reader + 12, 4))
        return none;
    return (struct entry_id){(uint32_t)get_le(reader + 4, 4), (uint32_t)get_le(reader + 8, 4)};
}

/* KS1 09: key 0 changes keys and makes files, settings and key 0 itself may change, nothing is listed
 * without key 0.  KS2 84: AES, four keys. */
void layout_put_application(struct buf *out, const struct card_scheme *scheme)
{
    buf_put(out, scheme->aid, sizeof scheme->aid);
    buf_put_u8(out, 0x09);
    buf_put_u8(out, 0x80 | KEY_COUNT);
}

/* Option, then access: ReadWrite << 4 | Change, Read << 4 | Write; F = never. */
uint8_t layout_put_file(struct buf *out, uint8_t file, int32_t purse_limit)
{
    buf_put_u8(out, file);
    switch (file) {
    case FILE_MEMBER:
        buf_put(out, (const uint8_t[]){COMM_MAC, 0x00, 0x1f}, 3);
        buf_put_le(out, PROFILE_SIZE, 3);
        return 0xcd; /* CreateStdDataFile */
    case FILE_PROFILE:
        buf_put(out, (const uint8_t[]){COMM_MAC, 0x30, 0x2f}, 3);
        buf_put_le(out, PROFILE_SIZE, 3);
        return 0xcb; /* CreateBackupDataFile */
    case FILE_PURSE:
        buf_put(out, (const uint8_t[]){0x03, 0x30, 0x2f}, 3); /* 3 = enciphered */
        buf_put_le(out, 0, 4);
        buf_put_le(out, (uint32_t)purse_limit, 4);
        buf_put_le(out, 0, 4);
        buf_put_u8(out, 0); /* no LimitedCredit, no GetValue without key */
        return 0xcc;        /* CreateValueFile */
    case FILE_LOG:
        buf_put(out, (const uint8_t[]){COMM_MAC, 0x30, 0x22}, 3);
        buf_put_le(out, TXN_RECORD_SIZE, 3);
        buf_put_le(out, LOG_FILE_RECORDS, 3);
        return 0xc0; /* CreateCyclicRecordFile */
    case FILE_TMAC:
        buf_put(out, (const uint8_t[]){COMM_MAC, 0x20, 0x2f, 0x02}, 4); /* key type AES */
        return 0xce; /* CreateTransactionMACFile */
    default:
        assert(file == FILE_MEMBER); /* there are no others */
        return 0;
    }
}
