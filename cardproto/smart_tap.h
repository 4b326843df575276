/* smart_tap.h - what a loyalty pass in a Google wallet sends over the channel of Smart Tap 2.x: messages,
 * keys, the record bundle.  SPEC.md section 19.  SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_CARDPROTO_SMART_TAP_H
#define PATRON_CARDPROTO_SMART_TAP_H

#include "base/mbed.h"
#include "cardproto/kind.h"

enum {
    SMART_TAP_INFLATED_MAX = 4096, /* of a bundle; a captured one has 1312 */
    SMART_TAP_SIGNED_SIZE = 101,   /* reader nonce, device nonce, collector, reader key */
    SMART_TAP_LOYALTY = 0x03,
    SMART_TAP_ANYTHING = 0x00
};

struct smart_tap_session {
    uint8_t id[8], sequence;
};
struct smart_tap_secrets {
    uint8_t aes[16], hmac[32];
};

void smart_tap_to_sign(uint8_t out[SMART_TAP_SIGNED_SIZE], const uint8_t reader_nonce[32],
                       const uint8_t device_nonce[32], const uint8_t collector[4],
                       const uint8_t reader_key[MBED_POINT_SIZE]);
/* The messages we send, appended to out; signature in DER. */
void smart_tap_put_negotiate(struct buf *out, const struct smart_tap_session *session,
                             const uint8_t reader_nonce[32], const uint8_t reader_key[MBED_POINT_SIZE],
                             const struct smart_tap_keys *keys, struct bytes signature);
void smart_tap_put_get_data(struct buf *out, const struct smart_tap_session *session,
                            const uint8_t collector[4], uint8_t object);

/* The channel's keys.  device_key: as the phone sent it.  Errors: as mbed_p256_ecdh. */
MUST_CHECK enum err smart_tap_derive(struct smart_tap_secrets *out,
                                     const uint8_t private_key[MBED_P256_SIZE],
                                     const uint8_t device_key[MBED_POINT_SIZE], struct bytes to_sign,
                                     struct bytes signature, struct errmsg *why);
/* reb: flags, IV 12, cipher, HMAC 32.  out: storage of the caller, emptied first.  Errors: ERR_MAC, ERR_FORMAT
 * (too short, not enciphered, not inflatable), ERR_FULL. */
MUST_CHECK enum err smart_tap_open(struct buf *out, struct bytes reb, const struct smart_tap_secrets *secrets,
                                   struct errmsg *why);
/* The loyalty value in an opened bundle (borrowed).  Errors: ERR_NOT_FOUND, ERR_FORMAT. */
MUST_CHECK enum err smart_tap_loyalty(struct bytes *value, struct bytes bundle);

#endif
