/* vcard_ev2.c - the card's side of EV2 secure messaging: session keys, MACs and enciphering by command
 * counter and transaction identifier.  Source: NXP AN12343, AN12196.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hw/vcard_int.h"

#include <string.h>

void vc_ev2_keys(struct vcard *v, const uint8_t key[16], const uint8_t rnda[16],
                 const uint8_t rndb[16])
{
    uint8_t sv[32] = {0xa5, 0x5a, 0x00, 0x01, 0x00, 0x80};
    memcpy(sv + 6, rnda, 2);
    for (size_t i = 0; i < 6; i++)
        sv[8 + i] = rnda[2 + i] ^ rndb[i];
    memcpy(sv + 14, rndb + 6, 10);
    memcpy(sv + 24, rnda + 8, 8);
    struct vcard_key k = vc_aes(key);
    memset(v->session.enc, 0, 16);
    vc_cmac(&k, v->session.enc, sv, sizeof sv);
    sv[0] = 0x5a, sv[1] = 0xa5;
    memset(v->session.mac, 0, 16);
    vc_cmac(&k, v->session.mac, sv, sizeof sv);
}

/* lead || counter || TI || body, truncated to every second byte.  body must have 7 bytes of room before
 * it; they are restored. */
static void mact(const struct vcard *v, uint8_t lead, uint16_t ctr, uint8_t *body, size_t size,
                 uint8_t out[8])
{
    uint8_t saved[7], full[16] = {0}, *m = body - 7;
    memcpy(saved, m, 7);
    m[0] = lead;
    put_le(m + 1, ctr, 2);
    memcpy(m + 3, v->session.ti, 4);
    struct vcard_key k = vc_aes(v->session.mac);
    vc_cmac(&k, full, m, size + 7);
    memcpy(m, saved, 7);
    for (size_t i = 0; i < 8; i++)
        out[i] = full[2 * i + 1];
}

static void ev2_iv(const struct vcard *v, uint8_t a, uint8_t b, uint16_t ctr, uint8_t iv[16])
{
    uint8_t zero[16] = {0};
    memset(iv, 0, 16);
    iv[0] = a, iv[1] = b;
    memcpy(iv + 2, v->session.ti, 4);
    put_le(iv + 6, ctr, 2);
    struct vcard_key k = vc_aes(v->session.enc);
    vc_cbc_encrypt(&k, zero, iv, 16);
}

uint8_t vc_ev2_open(struct vcard *v, enum vc_mode mode, size_t header_size)
{
    size_t size = v->in_size - 1; /* without the command byte */
    if (size < header_size)
        return ST_LENGTH;
    if (v->session.ctr == UINT16_MAX) /* used up: a new login is needed */
        return ST_AUTH;
    v->data = v->in + 1 + header_size;
    if (mode == MODE_PLAIN) {
        v->data_size = (uint32_t)(size - header_size);
        return ST_OK;
    }
    if (size < header_size + 8)
        return ST_LENGTH;
    size -= 8;
    uint8_t body[sizeof v->in + 8], mac[8];
    memcpy(body + 7, v->in + 1, size);
    mact(v, v->in[0], v->session.ctr, body + 7, size, mac);
    if (memcmp(mac, v->in + 1 + size, 8) != 0)
        return ST_INTEGRITY;
    v->data_size = (uint32_t)(size - header_size);
    if (mode != MODE_FULL || v->data_size == 0)
        return ST_OK;
    if (v->data_size % 16)
        return ST_LENGTH;
    uint8_t iv[16];
    ev2_iv(v, 0xa5, 0x5a, v->session.ctr, iv);
    struct vcard_key k = vc_aes(v->session.enc);
    vc_cbc_decrypt(&k, iv, v->data, v->data_size);
    while (v->data_size && v->data[v->data_size - 1] == 0)
        v->data_size--;
    if (!v->data_size || v->data[v->data_size - 1] != 0x80)
        return ST_INTEGRITY;
    v->data_size--;
    return ST_OK;
}

void vc_ev2_close(struct vcard *v, enum vc_mode mode)
{
    v->session.ctr++;
    if (mode == MODE_PLAIN)
        return;
    if (mode == MODE_FULL && v->out_size) {
        uint8_t iv[16];
        struct vcard_key k = vc_aes(v->session.enc);
        v->out[v->out_size++] = 0x80;
        while (v->out_size % 16)
            v->out[v->out_size++] = 0;
        ev2_iv(v, 0x5a, 0xa5, v->session.ctr, iv);
        vc_cbc_encrypt(&k, iv, v->out, v->out_size);
    }
    uint8_t body[sizeof v->out + 8];
    memcpy(body + 7, v->out, v->out_size);
    mact(v, ST_OK, v->session.ctr, body + 7, v->out_size, v->out + v->out_size);
    v->out_size += 8;
}
