/* cards.h - virtual cards as head office issues them, for tests that need one: keys, issue, points on it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TESTS_CARDS_H
#define PATRON_TESTS_CARDS_H

#include "cardproto/card.h"
#include "hw/vcard.h"

enum { CARDS_PURSE_LIMIT = 1000000 };

/* The keys of one of several programmes that know nothing of each other. */
struct card_office_keys cards_keys(uint8_t programme);
struct card_till_keys cards_till_keys(uint8_t programme);
/* CARD_RANDOM_SIZE bytes of test_random, valid until the next call. */
const uint8_t *cards_random(void);

/* Carries frames until the operation wants something else; the test fails unless that is wanted. */
void cards_carry(struct card_op *op, struct vcard *card, enum card_next wanted);
/* A blank card of this kind becomes one of the programme; it lies outside the field afterwards. */
void cards_issue(struct vcard *card, enum vcard_kind kind, const struct card_uid *uid,
                 const struct card_office_keys *keys, const struct card_profile *profile);
/* Head office's load, with the profile as it is on the card. */
void cards_load(struct vcard *card, const struct card_office_keys *keys, int32_t change,
                struct entry_id entry, int64_t time_s);
/* What the purse in the card's memory holds; -1: it has none. */
int32_t cards_purse(const struct vcard *card);

#endif
