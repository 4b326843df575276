/* sun.c - see sun.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cardproto/sun.h"

#include "base/tr.h"

#include <string.h>

/* The value of a parameter of exactly 2 * size hex characters; at is where it ends.  False: not there. */
static bool parameter(uint8_t *out, size_t size, struct bytes message, char name, size_t *end)
{
    for (size_t i = 0; i + 3 + 2 * size <= message.size; i++) {
        const uint8_t *p = message.data + i;
        char hex[2 * SUN_PICC_SIZE + 1];
        size_t got;
        if ((p[0] != '?' && p[0] != '&') || p[1] != (uint8_t)name || p[2] != '=')
            continue;
        memcpy(hex, p + 3, 2 * size);
        hex[2 * size] = 0;
        *end = i + 3 + 2 * size;
        return strlen(hex) == 2 * size && hex_decode(out, size, &got, hex) == OK &&
               (*end == message.size || message.data[*end] == '&');
    }
    return false;
}

enum err sun_parse(struct sun *out, struct bytes message)
{
    struct sun sun;
    size_t p_end, c_end;
    if (!parameter(sun.picc, sizeof sun.picc, message, 'p', &p_end) ||
        !parameter(sun.mac, sizeof sun.mac, message, 'c', &c_end) || c_end != message.size)
        return ERR_FORMAT;
    *out = sun;
    return OK;
}

enum err sun_meta(struct sun_tag *out, const uint8_t picc[SUN_PICC_SIZE], const struct aes_key *meta)
{
    enum { TAG = 0xc7 }; /* UID mirrored, counter mirrored, UID of 7 bytes */
    uint8_t iv[AES_BLOCK] = {0}, plain[SUN_PICC_SIZE];
    aes_cbc_decrypt(meta, iv, plain, picc, sizeof plain);
    if (plain[0] != TAG)
        return ERR_MAC;
    memcpy(out->uid.b, plain + 1, sizeof out->uid.b);
    out->counter = (uint32_t)get_le(plain + 8, 3);
    return OK;
}

void sun_file_key(struct aes_key *out, const struct aes_key *file_class, const struct card_uid *uid)
{
    uint8_t input[sizeof uid->b + 3];
    memcpy(input, uid->b, sizeof uid->b);
    memcpy(input + sizeof uid->b, "SUN", 3);
    aes_diversify(file_class, bytes_of(input, sizeof input), out);
}

void sun_mac(uint8_t mac[MACT_SIZE], const struct aes_key *file_key, const struct sun_tag *tag,
             struct bytes input)
{
    static const uint8_t front[] = {0x3c, 0xc3, 0x00, 0x01, 0x00, 0x80}, zero[AES_BLOCK] = {0};
    uint8_t sv[AES_BLOCK] = {0};
    struct aes_key session;
    memcpy(sv, front, sizeof front);
    memcpy(sv + 6, tag->uid.b, sizeof tag->uid.b);
    put_le(sv + 13, tag->counter, 3);
    aes_cmac(file_key, zero, bytes_of(sv, sizeof sv), session.b);
    aes_mact(&session, input, mac);
    bytes_wipe(&session, sizeof session);
}

enum err sun_verify(const struct sun *sun, const struct sun_tag *tag, const struct aes_key *file_class,
                    uint32_t last, struct errmsg *why)
{
    struct aes_key key;
    uint8_t mac[MACT_SIZE];
    sun_file_key(&key, file_class, &tag->uid);
    sun_mac(mac, &key, tag, bytes_of(NULL, 0));
    bytes_wipe(&key, sizeof key);
    if (!bytes_equal_const_time(mac, sun->mac, sizeof mac))
        return err_set(why, ERR_MAC, TR_LATER("the tag's message is not signed with our key"));
    if (tag->counter <= last)
        return err_set(why, ERR_EXISTS,
                       TR_LATER("the tag showed an old message: hold it there again; if this comes again, it is a copy"));
    return OK;
}
