/* sun.h - the secure unique NFC message (SUN) of an NTAG 424 DNA: a web address into which the tag itself
 * writes, at every reading, who it is, how often it was read, and a MAC.  SPEC.md section 16.
 *
 *     ...?p=EF963FF7828658A599F3041510671E88&c=94EED9EE65337086
 *
 * The till holds the meta key and learns UID and counter; that the MAC is right and the counter new only
 * head office can tell: a till's key makes no tag.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_CARDPROTO_SUN_H
#define PATRON_CARDPROTO_SUN_H

#include "base/ids.h"
#include "cardproto/cipher.h"

enum { SUN_PICC_SIZE = 16, SUN_COUNTER_MAX = 0xffffff };

struct sun {
    uint8_t picc[SUN_PICC_SIZE]; /* enciphered */
    uint8_t mac[MACT_SIZE];
};
struct sun_tag {
    struct card_uid uid;
    uint32_t counter; /* of readings, this one included */
};

/* p and c of a message; the message ends behind c.  Errors: ERR_FORMAT. */
MUST_CHECK enum err sun_parse(struct sun *out, struct bytes message);
/* Who it is.  Errors: ERR_MAC: not enciphered with this key, or without UID or counter. */
MUST_CHECK enum err sun_meta(struct sun_tag *out, const uint8_t picc[SUN_PICC_SIZE],
                             const struct aes_key *meta);
/* The file-read key of one tag, from the class key. */
void sun_file_key(struct aes_key *out, const struct aes_key *file_class, const struct card_uid *uid);
/* The MAC a tag with this file key makes.  input: what the tag MACs of its own text, as sent; on our tags
 * nothing. */
void sun_mac(uint8_t mac[MACT_SIZE], const struct aes_key *file_key, const struct sun_tag *tag,
             struct bytes input);

/* Head office: is the message true and new?  last: the highest counter seen of this tag, 0 = none; it is
 * the caller's to look up, so sun_parse and sun_meta come before.  Errors: ERR_MAC; ERR_EXISTS: true, but
 * seen before. */
MUST_CHECK enum err sun_verify(const struct sun *sun, const struct sun_tag *tag,
                               const struct aes_key *file_class, uint32_t last, struct errmsg *why);

#endif
