/* cards.c - see cards.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/cards.h"

#include "tests/test.h"

struct card_office_keys cards_keys(uint8_t programme)
{
    struct card_office_keys k = {.scheme = {{0x56, 0x34, 0xf1}, 3}};
    struct aes_key *all[] = {&k.k0, &k.k1, &k.k2, &k.k3, &k.tmac};
    for (uint8_t i = 0; i < 5; i++)
        for (uint8_t j = 0; j < AES_KEY_SIZE; j++)
            all[i]->b[j] = (uint8_t)(programme + 31 * i + 7 * j);
    return k;
}

struct card_till_keys cards_till_keys(uint8_t programme)
{
    struct card_office_keys k = cards_keys(programme);
    return (struct card_till_keys){k.scheme, k.k2};
}

const uint8_t *cards_random(void)
{
    static uint8_t r[CARD_RANDOM_SIZE];
    for (size_t i = 0; i < sizeof r; i++)
        r[i] = (uint8_t)test_random();
    return r;
}

void cards_carry(struct card_op *op, struct vcard *card, enum card_next wanted)
{
    uint8_t raw[VCARD_ANSWER_MAX];
    struct buf answer = BUF_ON(raw);
    enum card_next next = card_step(op, bytes_of(NULL, 0));
    while (next == CARD_SEND) {
        assert_true(vcard_exchange(card, card_frame(op), &answer));
        next = card_step(op, buf_bytes(&answer));
    }
    if (next != wanted)
        fail_msg("%s: %s", card_status_text(op->status), op->why.text);
}

void cards_issue(struct vcard *card, enum vcard_kind kind, const struct card_uid *uid,
                 const struct card_office_keys *keys, const struct card_profile *profile)
{
    struct card_op op = {0};
    vcard_init(card, kind, uid, test_random());
    card_issue_start(&op, keys, uid, cards_random(), profile, CARDS_PURSE_LIMIT);
    cards_carry(&op, card, CARD_DONE);
    card_finish(&op);
    vcard_field_off(card);
}

void cards_load(struct vcard *card, const struct card_office_keys *keys, int32_t change,
                struct entry_id entry, int64_t time_s)
{
    struct card_op op = {0};
    card_load_start(&op, keys, &card->m.uid, cards_random());
    cards_carry(&op, card, CARD_READY);
    struct card_profile profile = op.seen.profile;
    card_load_set(&op, change, &profile, entry, time_s);
    cards_carry(&op, card, CARD_READY);
    card_commit(&op);
    cards_carry(&op, card, CARD_DONE);
    assert_int_equal(op.verdict, COMMIT_DONE);
    card_finish(&op);
    vcard_field_off(card);
}

int32_t cards_purse(const struct vcard *card)
{
    for (int i = 0; i < VCARD_FILES; i++)
        if (card->m.files[i].used && card->m.files[i].type == VFILE_VALUE)
            return card->m.files[i].value;
    return -1;
}
