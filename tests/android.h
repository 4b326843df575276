/* android.h - an Android phone with one loyalty pass in its Google wallet: the other end of Smart Tap 2.x, written apart
 * from cardproto/smart_tap.c but for its messages' frame (NDEF) and what is signed.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TESTS_ANDROID_H
#define PATRON_TESTS_ANDROID_H

#include "cardproto/smart_tap.h"

struct android {
    const struct smart_tap_keys *reader; /* of the collector whose pass it holds */
    const char *value;                   /* what the pass says */
    bool compress, lie_about_session, repeat_sequence, bend_key, bend_bundle, endless;
    unsigned word; /* instead of data; 0 = none */

    /* Its own. */
    uint8_t nonce[32], own[32], own_public[MBED_POINT_SIZE], session[8];
    struct smart_tap_secrets secrets;
    uint8_t bundle[KIND_BUNDLE_MAX];
    size_t size, sent;
};

/* A tap begins.  mbed_init was called. */
void android_start(struct android *a);
/* What it says to a frame; valid until the next.  To a reader that its collector did not sign for: 9500. */
struct bytes android_answer(struct android *a, struct bytes frame);

#endif
