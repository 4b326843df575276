/* nexo_crypto.h - the seal around nexo messages, AdyenCryptoVersion 1: keys from a passphrase, opening a
 * request, sealing a reply.  Pure: the nonce comes in.
 *
 *   {"SaleToPOIRequest":{"MessageHeader":{...}, "NexoBlob":"base64", "SecurityTrailer":{"AdyenCryptoVersion":1,
 *    "KeyIdentifier":"shopkey", "KeyVersion":1, "Nonce":"base64", "Hmac":"base64"}}}
 *
 *   key material   PBKDF2-HMAC-SHA1(passphrase, "AdyenNexoV1Salt", 4000, 80 bytes): HMAC key, AES key, base IV
 *   NexoBlob       AES-256-CBC with PKCS#7 padding of the whole message, IV = base IV XOR nonce
 *   Hmac           HMAC-SHA256 of the message
 *
 * The seal does not keep a message from being played again: (SaleID, ServiceID) does (nexo.h).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_NEXO_CRYPTO_H
#define PATRON_TERMINAL_NEXO_CRYPTO_H

#include "base/bytes.h"

#include <jansson.h>

enum {
    NEXO_KEYS_MAX = 8, /* old and new pair of a rotation, for several registers */
    NEXO_KEY_NAME_SIZE = 80,
    NEXO_PASSPHRASE_MAX = 200,
    NEXO_NONCE_SIZE = 16,
    NEXO_SERVICE_ID_SIZE = 41, /* of a refusal; a good one has 10 characters */
};

struct nexo_key {
    char identifier[NEXO_KEY_NAME_SIZE];
    int64_t version;
    uint8_t hmac[32], cipher[32], iv[16];
};

/* Zeros = none.  nexo_keys_finish wipes them. */
struct nexo_keys {
    int32_t count;
    struct nexo_key key[NEXO_KEYS_MAX];
};

/* Derives and adds one; one of the same name and version is replaced.  passphrase: 1..200 characters of
 * printable ASCII, because clients disagree on how to encode others.  Errors: ERR_FORMAT, ERR_FULL,
 * ERR_CRYPTO. */
MUST_CHECK enum err nexo_keys_add(struct nexo_keys *keys, const char *identifier, int64_t version,
                                  const char *passphrase, struct errmsg *why);
void nexo_keys_finish(struct nexo_keys *keys);

/* Why a body is refused; the numbers 1..9 are sent. */
enum nexo_refusal {
    NEXO_TAKEN = 0,
    NEXO_NO_TRAILER = 1, /* blob or trailer missing or not as it should be; clear text */
    NEXO_NO_KEY = 2,     /* no such key identifier and version */
    NEXO_NO_HEADER = 3,  /* outer header missing, or not the inner one */
    NEXO_BROKEN =
        9, /* padding or HMAC wrong, which of them is not to be learnt, not by time either */
    NEXO_NO_MESSAGE = 400, /* no JSON, or no SaleToPOIRequest in it */
};

struct nexo_opened {
    enum nexo_refusal refusal;
    char service_id[NEXO_SERVICE_ID_SIZE]; /* of the outer header, "-NULL-" = none */
    const struct nexo_key *key;            /* TAKEN: for the reply */
    json_t *request;   /* TAKEN: what is inside SaleToPOIRequest, to be json_decref'd */
    struct errmsg why; /* NO_MESSAGE: a sentence */
};

void nexo_open(struct nexo_opened *out, const struct nexo_keys *keys, struct bytes body);
/* The body of the refusal: status 400 for NO_MESSAGE, else 401.  To be freed; NULL = no memory. */
char *nexo_refusal_create(const struct nexo_opened *o);
/* A sealed message: name is "SaleToPOIResponse", message what is inside it, with its MessageHeader.  To be
 * freed; NULL = no memory. */
char *nexo_seal_create(const struct nexo_key *key, const char *name, const json_t *message,
                       const uint8_t nonce[NEXO_NONCE_SIZE]);

#endif
