/* message_send.h - what is due goes to the carrier's webhook: one POST for each message, signed, until nothing is due.
 *
 * It is the work of a process of its own (a job of patron-office, or `patronctl messages send`): a carrier that hangs holds
 * up nobody.  Two at once, or one that died, send nothing twice that the carrier cannot see: the key is in the body,
 * and a message that was taken is left alone for MESSAGE_LEASE_S.
 *
 *     POST /...                 Content-Type: application/json
 *     X-Patron-Time: 1795384800
 *     X-Patron-Signature: sha256=HEX     HMAC-SHA256(key, time "." body)
 *     {"key":"login-17","channel":"sms","to":"+49301234567","template":"login-code","language":"zh","values":{...}, ...}
 *
 * Any 2xx is "sent"; all else, and no answer within 20 s, is tried again later.  Redirects are not followed.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_MESSAGE_SEND_H
#define PATRON_OFFICE_MESSAGE_SEND_H

#include "office/home.h"
#include "office/care/message.h"

enum { HOOK_KEY_SIZE = 32, HOOK_SIGNATURE_SIZE = 72 };

/* The key shared with the carrier: keys/hook.key of the folder, hex; made when it is not there.  Errors: ERR_IO,
 * ERR_CORRUPT, ERR_CRYPTO. */
MUST_CHECK enum err message_hook_key(const struct home *home, uint8_t out[HOOK_KEY_SIZE], struct errmsg *why);
/* "sha256=..." for a body sent at a time.  Pure. */
void message_sign(char out[HOOK_SIGNATURE_SIZE], const uint8_t key[HOOK_KEY_SIZE], int64_t time_s, const char *body);

struct message_sent {
    int32_t sent, failed;
    char error[160]; /* of the newest failure */
};
/* At most `most`; ends when three in a row failed: the carrier is away.  utc_s: the machine's time, for the signature.
 * Errors: ERR_STATE (no address is set), those of the books.  Not in a transaction. */
MUST_CHECK enum err message_send(struct books *b, const uint8_t key[HOOK_KEY_SIZE], int64_t now_s, int64_t utc_s,
                                 int32_t most, struct message_sent *out, struct errmsg *why);
/* Adds the job (office/plan/jobs.h) that sends, when an address is set, something is due and none sends already. */
MUST_CHECK enum err message_start(struct books *b, int64_t now_s, struct errmsg *why);

#endif
