/* apple_vas.h - what a loyalty pass in an Apple wallet sends to our reader key, deciphered.  SPEC.md section 18.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_CARDPROTO_APPLE_VAS_H
#define PATRON_CARDPROTO_APPLE_VAS_H

#include "cardproto/kind.h"

enum { VAS_VALUE_MAX = 64, VAS_TIME_WINDOW_S = 600 };

struct vas_pass {
    int64_t utc_s; /* when the phone made it; nothing of ours is in it, so a copy looks the same */
    uint8_t value[VAS_VALUE_MAX];
    size_t value_size;
};

/* The first bytes of SHA-256 of X of our public key: by these the phone says whom it enciphered for. */
MUST_CHECK enum err vas_key_id(uint8_t id[4], const struct vas_keys *keys, struct errmsg *why);
/* cryptogram: key id 4, device X 32, cipher, tag 16.  Errors: ERR_FORMAT (too short or long), ERR_AUTH (for
 * another key), ERR_MAC. */
MUST_CHECK enum err vas_open(struct vas_pass *out, struct bytes cryptogram, const struct vas_keys *keys,
                             struct errmsg *why);

#endif
