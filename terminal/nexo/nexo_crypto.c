/* nexo_crypto.c - see nexo_crypto.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/nexo/nexo_crypto.h"

#include "base/mbed.h"
#include "terminal/nexo/nexo_json.h"

#include <mbedtls/base64.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 16, ROUNDS = 4000 };
static const char salt[] = "AdyenNexoV1Salt";

enum err nexo_keys_add(struct nexo_keys *keys, const char *identifier, int64_t version,
                       const char *passphrase, struct errmsg *why)
{
    size_t size = strlen(passphrase);
    if (!identifier[0] || strlen(identifier) >= NEXO_KEY_NAME_SIZE)
        return err_set(why, ERR_FORMAT, "a key identifier has 1 to %d characters",
                       NEXO_KEY_NAME_SIZE - 1);
    if (!size || size > NEXO_PASSPHRASE_MAX)
        return err_set(why, ERR_FORMAT, "a passphrase has 1 to %d characters",
                       (int)NEXO_PASSPHRASE_MAX);
    for (size_t i = 0; i < size; i++)
        if (passphrase[i] < ' ' || passphrase[i] > '~')
            return err_set(why, ERR_FORMAT, "a passphrase has plain ASCII characters only");
    struct nexo_key *k = keys->key;
    while (k < keys->key + keys->count &&
           (strcmp(k->identifier, identifier) != 0 || k->version != version))
        k++;
    if (k == keys->key + NEXO_KEYS_MAX)
        return err_set(why, ERR_FULL, "more than %d nexo keys", (int)NEXO_KEYS_MAX);

    uint8_t material[80];
    enum err e = mbed_pbkdf2_sha1(material, sizeof material, bytes_of(passphrase, size),
                                  bytes_of(salt, sizeof salt - 1), ROUNDS, why);
    if (!e) {
        snprintf(k->identifier, sizeof k->identifier, "%s", identifier);
        k->version = version;
        memcpy(k->hmac, material, sizeof k->hmac);
        memcpy(k->cipher, material + 32, sizeof k->cipher);
        memcpy(k->iv, material + 64, sizeof k->iv);
        if (k == keys->key + keys->count)
            keys->count++;
    }
    bytes_wipe(material, sizeof material);
    return e;
}

void nexo_keys_finish(struct nexo_keys *keys)
{
    bytes_wipe(keys, sizeof *keys);
}

/* ---- opening ---- */

/* A base64 string's bytes, to be freed; data NULL: it is none. */
static struct buf decoded(const json_t *v)
{
    struct buf out = {0};
    const char *text = nexo_json_string_text(v);
    if (!text)
        return out;
    size_t size = strlen(text);
    out.cap = size / 4 * 3 + 3;
    out.data = malloc(out.cap);
    if (out.data &&
        mbedtls_base64_decode(out.data, out.cap, &out.size, (const uint8_t *)text, size)) {
        free(out.data);
        out = (struct buf){0};
    }
    return out;
}

static bool integer(int64_t *out, const json_t *v)
{
    const char *text = nexo_json_number_text(v);
    char end;
    long long n;
    if (!text || strlen(text) > 18 || sscanf(text, "%lld%c", &n, &end) != 1)
        return false;
    *out = n;
    return true;
}

static void xor_iv(uint8_t iv[BLOCK], const struct nexo_key *key, const uint8_t *nonce)
{
    for (size_t i = 0; i < BLOCK; i++)
        iv[i] = key->iv[i] ^ nonce[i];
}

/* Deciphers blob in place; the size of what was inside, or 0: the seal is broken. */
static size_t unseal(const struct nexo_key *key, const uint8_t *nonce, struct buf *blob,
                     const struct buf *hmac)
{
    uint8_t iv[BLOCK], mac[MBED_HASH_SIZE] = {0};
    xor_iv(iv, key, nonce);
    mbed_aes256_cbc(false, key->cipher, iv, blob->data, blob->size);
    if (hmac->size == sizeof mac) /* a size everybody sees in the trailer */
        memcpy(mac, hmac->data, sizeof mac);
    unsigned pad = mbed_hmac_padded(mac, bytes_of(key->hmac, sizeof key->hmac),
                                    bytes_of(blob->data, blob->size));
    return pad && hmac->size == sizeof mac ? blob->size - pad : 0;
}

/* The parts of a sealed body, checked from outside; what was decoded is to be freed. */
struct parts {
    struct buf blob, nonce, hmac;
};

static enum nexo_refusal take_apart(struct parts *p, const struct nexo_key **key,
                                    const struct nexo_keys *keys, const json_t *request)
{
    const json_t *trailer = json_object_get(request, "SecurityTrailer");
    const char *identifier = nexo_json_string_text(json_object_get(trailer, "KeyIdentifier"));
    int64_t crypto, version;
    p->blob = decoded(json_object_get(request, "NexoBlob"));
    p->nonce = decoded(json_object_get(trailer, "Nonce"));
    p->hmac = decoded(json_object_get(trailer, "Hmac"));
    if (!p->blob.data || !p->blob.size || p->blob.size % BLOCK)
        return NEXO_NO_TRAILER;
    if (!p->nonce.data || p->nonce.size != NEXO_NONCE_SIZE || !p->hmac.data || !identifier ||
        !integer(&version, json_object_get(trailer, "KeyVersion")) ||
        !integer(&crypto, json_object_get(trailer, "AdyenCryptoVersion")) || crypto != 1)
        return NEXO_NO_TRAILER;
    for (int32_t i = 0; i < keys->count; i++)
        if (strcmp(keys->key[i].identifier, identifier) == 0 && keys->key[i].version == version)
            *key = &keys->key[i];
    if (!*key)
        return NEXO_NO_KEY;
    return json_is_object(json_object_get(request, "MessageHeader")) ? NEXO_TAKEN : NEXO_NO_HEADER;
}

static enum nexo_refusal open_request(struct nexo_opened *out, const struct nexo_keys *keys,
                                      const json_t *request)
{
    struct parts p = {0};
    json_t *whole = NULL;
    enum nexo_refusal refusal = take_apart(&p, &out->key, keys, request);
    if (refusal)
        goto out;
    refusal = NEXO_BROKEN;
    size_t size = unseal(out->key, p.nonce.data, &p.blob, &p.hmac);
    if (!size)
        goto out;
    refusal = NEXO_NO_MESSAGE;
    whole = nexo_json_read(bytes_of(p.blob.data, size), &out->why);
    out->request = json_object_get(whole, "SaleToPOIRequest");
    if (!json_is_object(out->request)) {
        if (whole)
            err_set(&out->why, ERR_FORMAT, "no SaleToPOIRequest inside");
        out->request = NULL;
        goto out;
    }
    refusal = json_equal(json_object_get(request, "MessageHeader"),
                         json_object_get(out->request, "MessageHeader"))
                  ? NEXO_TAKEN
                  : NEXO_NO_HEADER;
    out->request = refusal ? NULL : json_incref(out->request);
out:
    json_decref(whole);
    free(p.blob.data);
    free(p.nonce.data);
    free(p.hmac.data);
    return refusal;
}

void nexo_open(struct nexo_opened *out, const struct nexo_keys *keys, struct bytes body)
{
    *out = (struct nexo_opened){.refusal = NEXO_NO_MESSAGE, .service_id = "-NULL-"};
    json_t *outer = nexo_json_read(body, &out->why);
    const json_t *request = json_object_get(outer, "SaleToPOIRequest");
    if (json_is_object(request)) {
        const char *id = nexo_json_string_text(
            json_object_get(json_object_get(request, "MessageHeader"), "ServiceID"));
        if (id && id[0] && strlen(id) < sizeof out->service_id)
            snprintf(out->service_id, sizeof out->service_id, "%s", id);
        out->refusal = open_request(out, keys, request);
    } else if (outer) {
        err_set(&out->why, ERR_FORMAT, "no SaleToPOIRequest");
    }
    json_decref(outer);
}

char *nexo_refusal_create(const struct nexo_opened *o)
{
    char sentence[sizeof o->why.text + 16];
    json_t *v;
    if (o->refusal == NEXO_NO_MESSAGE) {
        snprintf(sentence, sizeof sentence, "%s", o->why.text);
        v = json_pack("{s:[s]}", "errors", sentence);
        if (!v) /* the sentence quotes bytes that are no UTF-8 */
            v = json_pack("{s:[s]}", "errors", "no JSON");
    } else {
        snprintf(sentence, sizeof sentence, "Nexo Service: crypto error (%d)", (int)o->refusal);
        v = json_pack("{s:[s],s:o}", "errors", sentence, "ServiceID",
                      nexo_json_string(o->service_id));
    }
    char *text = v ? nexo_json_write_create(v) : NULL;
    json_decref(v);
    return text;
}

/* ---- sealing ---- */

static json_t *encoded(struct bytes b)
{
    size_t size = 0, cap = (b.size + 2) / 3 * 4 + 1;
    char *text = malloc(cap);
    json_t *v = NULL;
    if (text && mbedtls_base64_encode((uint8_t *)text, cap, &size, b.data, b.size) == 0)
        v = json_stringn(text, size);
    free(text);
    return v;
}

static char *write_named(const char *name, const json_t *message)
{
    json_t *whole = json_pack("{s:O}", name, message);
    char *text = whole ? nexo_json_write_create(whole) : NULL;
    json_decref(whole);
    return text;
}

char *nexo_seal_create(const struct nexo_key *key, const char *name, const json_t *message,
                       const uint8_t nonce[NEXO_NONCE_SIZE])
{
    char *text = write_named(name, message), *body = NULL;
    uint8_t mac[MBED_HASH_SIZE], iv[BLOCK], *blob = NULL;
    if (!text)
        return NULL;
    size_t size = strlen(text), pad = BLOCK - size % BLOCK;
    mbed_hmac_sha256(mac, bytes_of(key->hmac, sizeof key->hmac), bytes_of(text, size),
                     bytes_of("", 0));
    blob = malloc(size + pad);
    if (!blob)
        goto out;
    memcpy(blob, text, size);
    memset(blob + size, (int)pad, pad);
    xor_iv(iv, key, nonce);
    mbed_aes256_cbc(true, key->cipher, iv, blob, size + pad);
    json_t *sealed = json_pack(
        "{s:O, s:o, s:{s:i, s:o, s:o, s:o, s:o}}", "MessageHeader",
        json_object_get(message, "MessageHeader"), "NexoBlob", encoded(bytes_of(blob, size + pad)),
        "SecurityTrailer", "AdyenCryptoVersion", 1, "Hmac", encoded(bytes_of(mac, sizeof mac)),
        "KeyIdentifier", nexo_json_string(key->identifier), "KeyVersion",
        nexo_json_integer(key->version), "Nonce", encoded(bytes_of(nonce, NEXO_NONCE_SIZE)));
    body = sealed ? write_named(name, sealed) : NULL;
    json_decref(sealed);
out:
    free(text);
    free(blob);
    return body;
}
