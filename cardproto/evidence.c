/* evidence.c - what a card's reading and a card's commit prove: card_judge and card_evidence_check
 * of card.h.  SPEC.md sections 6 and 12.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cardproto/card.h"

#include "cardproto/layout.h"

#include <string.h>

enum txn_commit card_judge(const struct card_seen *seen, struct entry_id intent,
                           const struct txn_evidence *evidence, struct txn_evidence *complete)
{
    uint32_t ours = evidence->tmc + 1; /* the number its commit would have */
    if (!seen->has_tmc || seen->kind != evidence->kind || seen->tmc < evidence->tmc || ours == 0)
        return COMMIT_DOUBT;
    if (seen->tmc == evidence->tmc)
        return COMMIT_NOT_DONE;
    /* The counter alone says only that somebody committed; the record says who. */
    for (int32_t i = 0; i < seen->record_count; i++) {
        const struct card_record *r = &seen->records[i];
        if (r->number != ours)
            continue;
        if (!entry_equal(r->entry, intent))
            return COMMIT_NOT_DONE;
        if (memcmp(seen->raw_records[i], evidence->record, TXN_RECORD_SIZE) != 0)
            return COMMIT_DOUBT;
        *complete = *evidence;
        complete->tmc = ours;
        memset(complete->tmv, 0, sizeof complete->tmv);
        if (seen->tmc == ours)
            memcpy(complete->tmv, seen->tmv, sizeof complete->tmv);
        return COMMIT_DONE;
    }
    return COMMIT_DOUBT;
}

/* The record of the commit says what the txn says. */
static enum err check_record(struct entry_id entry, int32_t change, const struct txn_evidence *e,
                             struct errmsg *why)
{
    struct card_record r;
    if (card_record_decode(&r, e->record))
        return err_set(why, ERR_FORMAT, "the log record is malformed");
    if (!entry_equal(r.entry, entry)) {
        char is[ENTRY_TEXT_SIZE], should[ENTRY_TEXT_SIZE];
        commit_name_text(is, r.entry);
        commit_name_text(should, entry);
        return err_set(why, ERR_FORMAT, "the log record belongs to %s, not to %s", is, should);
    }
    if (r.amount != change)
        return err_set(why, ERR_FORMAT, "the log record says %d points, not %d", (int)r.amount,
                       (int)change);
    if ((int64_t)r.after != (int64_t)e->purse_before + change)
        return err_set(why, ERR_FORMAT, "the log record leaves %d points of %d", (int)r.after,
                       (int)e->purse_before);
    if (r.number != e->tmc)
        return err_set(why, ERR_FORMAT, "the log record is of commit %u, the evidence of commit %u",
                       (unsigned)r.number, (unsigned)e->tmc);
    return OK;
}

/* What a Transaction MAC input adds up to. */
struct tmi_sum {
    int64_t change;
    int records, readers;
    bool has_value;
    int32_t value;
    uint8_t record[TXN_RECORD_SIZE], reader[READER_ID_SIZE], enc_tmri[READER_ID_SIZE];
};

static enum err add_up(struct tmi_sum *sum, const struct txn_evidence *e, struct errmsg *why)
{
    struct bytes rest = bytes_of(e->tmi, e->tmi_size);
    struct tmi_part p;
    enum err r;
    *sum = (struct tmi_sum){.change = 0};
    while ((r = tmi_next(&rest, TXN_RECORD_SIZE, &p)) == OK) {
        switch (p.cmd << 8 | p.file) {
        case 0xbd00 | FILE_PROFILE:
        case 0x3d00 | FILE_PROFILE:
        case 0xbb00 | FILE_LOG:
            break;
        case 0x6c00 | FILE_PURSE:
            sum->has_value = true;
            sum->value = p.value;
            break;
        case 0x0c00 | FILE_PURSE:
        case 0xdc00 | FILE_PURSE:
            if (p.value < 0)
                return err_set(why, ERR_FORMAT, "a negative amount in the Transaction MAC");
            sum->change += p.cmd == 0x0c ? p.value : -(int64_t)p.value;
            break;
        case 0x3b00 | FILE_LOG:
            if (p.offset != 0 || p.count != TXN_RECORD_SIZE)
                return err_set(why, ERR_FORMAT, "only part of a log record was written");
            sum->records++;
            memcpy(sum->record, p.data.data, TXN_RECORD_SIZE);
            break;
        case 0xc800:
            sum->readers++;
            memcpy(sum->reader, p.data.data, READER_ID_SIZE);
            memcpy(sum->enc_tmri, p.data.data + READER_ID_SIZE, READER_ID_SIZE);
            break;
        default:
            return err_set(why, ERR_FORMAT, "the transaction did command %02x on file %02x", p.cmd,
                           p.file);
        }
    }
    return r == ERR_NOT_FOUND ? OK
                              : err_set(why, ERR_FORMAT, "the Transaction MAC input is malformed");
}

enum err card_evidence_check(const struct card_office_keys *keys, const struct card_uid *uid,
                             struct entry_id entry, int32_t change, const struct txn_evidence *e,
                             struct entry_id *previous, struct errmsg *why)
{
    static const uint8_t none[TMV_SIZE];
    uint8_t tmv[TMV_SIZE], reader[READER_ID_SIZE];
    struct aes_key key;
    struct tmi_sum sum;
    *previous = (struct entry_id){0, 0};
    if (e->kind != CARD_EV1 && e->kind != CARD_EV2)
        return err_set(why, ERR_FORMAT, "no evidence of any card");
    if (e->tmi_size > TXN_TMI_MAX)
        return err_set(why, ERR_FORMAT, "the Transaction MAC input has %u bytes", e->tmi_size);
    if (e->kind == CARD_EV1)
        return check_record(entry, change, e, why);

    layout_diversify(&keys->scheme, uid, KEY_TMAC, &keys->tmac, &key);
    bool lost = memcmp(e->tmv, none, sizeof none) == 0;
    tmac_value(&key, uid, e->tmc, bytes_of(e->tmi, e->tmi_size), tmv);
    enum err r = OK;
    if (!lost && !bytes_equal_const_time(tmv, e->tmv, sizeof tmv)) {
        r = err_set(why, ERR_MAC, "the Transaction MAC of commit %u is not this card's",
                    (unsigned)e->tmc);
        goto out;
    }
    if ((r = add_up(&sum, e, why)) || (r = check_record(entry, change, e, why)))
        goto out;
    layout_encode_reader(reader, entry);
    if (sum.records != 1 || memcmp(sum.record, e->record, TXN_RECORD_SIZE) != 0)
        r = err_set(why, ERR_FORMAT, "the transaction did not write this log record");
    else if (sum.readers != 1 || memcmp(sum.reader, reader, sizeof reader) != 0)
        r = err_set(why, ERR_FORMAT, "the transaction names another reader id");
    else if (sum.change != change)
        r = err_set(why, ERR_FORMAT, "the transaction changed the purse by %lld, not %d",
                    (long long)sum.change, (int)change);
    else if (!sum.has_value || sum.value != e->purse_before)
        r = err_set(why, ERR_FORMAT, "the transaction did not see %d points before",
                    (int)e->purse_before);
    else if (lost)
        r = err_set(why, ERR_NOT_FOUND, "the Transaction MAC of commit %u was overwritten",
                    (unsigned)e->tmc);
    if (r)
        goto out;
    tmac_previous_reader(&key, uid, e->tmc, sum.enc_tmri, reader);
    *previous = layout_decode_reader(reader);
out:
    bytes_wipe(&key, sizeof key);
    return r;
}
