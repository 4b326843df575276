/* vcard_session.c - logins and protected frames on the card's side.
 *
 * Three ways of talking, by the command that logged in:
 *   0A  legacy   4-byte CBC-MAC or CRC16 and CBC over the data alone, fresh IV each time; the terminal
 *                only ever deciphers, so the card enciphers what it gets to read it
 *   1A AA  EV1   CMAC and CRC32 over command and answer, one IV that goes on through all of them
 *   71 77  EV2   vcard_ev2.c
 * SPDX-License-Identifier: Apache-2.0 */
#include "hw/vcard_int.h"

#include <string.h>

static size_t round_up(size_t n, size_t block)
{
    return (n + block - 1) / block * block;
}

size_t vc_wire_size(const struct vcard *v, enum vc_mode mode, size_t n)
{
    size_t bs = vc_block(&v->session.key);
    switch (v->session.kind) {
    case VSESSION_NONE:
        return n;
    case VSESSION_LEGACY:
        return mode == MODE_MAC ? n + 4 : mode == MODE_FULL ? round_up(n + 2, 8) : n;
    case VSESSION_EV1:
        return mode == MODE_MAC ? n + 8 : mode == MODE_FULL ? round_up(n + 4, bs) : n;
    case VSESSION_EV2:
        return mode == MODE_PLAIN ? n : mode == MODE_FULL ? (n / 16 + 1) * 16 + 8 : n + 8;
    }
    return n;
}

static void legacy_mac(const struct vcard *v, const uint8_t *data, size_t size, uint8_t out[4])
{
    uint8_t iv[8] = {0};
    for (size_t i = 0; i < size; i += 8) {
        uint8_t b[8] = {0};
        memcpy(b, data + i, size - i < 8 ? size - i : 8);
        vc_cbc_encrypt(&v->session.key, iv, b, 8);
    }
    memcpy(out, iv, 4);
}

static bool padding_ok(const uint8_t *p, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (p[i] != 0 && !(i == 0 && p[i] == 0x80))
            return false;
    return true;
}

/* The data was deciphered in place to size bytes: data || CRC || padding.  How long is the data?  Given,
 * or in the first byte for the one command that has a length of its own (SetConfiguration, ATS). */
static uint8_t check_crc(struct vcard *v, size_t header_size, int32_t want, size_t size)
{
    bool legacy = v->session.kind == VSESSION_LEGACY;
    size_t crc_size = legacy ? 2 : 4;
    size_t n = want >= 0 ? (size_t)want : v->data[0];
    if (n + crc_size > size)
        return want >= 0 ? ST_LENGTH : ST_INTEGRITY;
    uint64_t crc = legacy ? vc_crc16(v->data, n)
                          : vc_crc32(0xffffffffu, v->in, 1 + header_size + n);
    if (get_le(v->data + n, crc_size) != crc ||
        !padding_ok(v->data + n + crc_size, size - n - crc_size))
        return ST_INTEGRITY;
    v->data_size = (uint32_t)n;
    return ST_OK;
}

/* ChangeKey brings its own CRCs inside; it asks for the deciphered block as it is. */
static uint8_t open_full(struct vcard *v, size_t header_size, int32_t want, size_t rest)
{
    if (rest == 0 || rest % vc_block(&v->session.key))
        return ST_LENGTH;
    if (v->session.kind == VSESSION_LEGACY)
        vc_cbc_undecipher(&v->session.key, v->data, rest);
    else
        vc_cbc_decrypt(&v->session.key, v->session.iv, v->data, rest);
    v->data_size = (uint32_t)rest;
    if (v->in[0] == 0xc4)
        return ST_OK;
    return check_crc(v, header_size, want, rest);
}

uint8_t vc_open(struct vcard *v, enum vc_mode mode, size_t header_size, int32_t data_size)
{
    size_t size = v->in_size - 1;
    if (size < header_size)
        return ST_LENGTH;
    size_t rest = size - header_size;
    v->data = v->in + 1 + header_size;
    v->data_size = (uint32_t)rest;
    uint8_t status = ST_OK;
    switch (v->session.kind) {
    case VSESSION_NONE:
        if (mode == MODE_FULL)
            return ST_AUTH;
        break;
    case VSESSION_LEGACY:
        if (mode == MODE_FULL)
            return open_full(v, header_size, data_size, rest);
        if (mode == MODE_MAC && rest) {
            uint8_t mac[4];
            if (rest < 4)
                return ST_LENGTH;
            legacy_mac(v, v->data, rest - 4, mac);
            if (memcmp(mac, v->data + rest - 4, 4) != 0)
                return ST_INTEGRITY;
            v->data_size -= 4;
        }
        break;
    case VSESSION_EV1:
        if (mode == MODE_FULL)
            return open_full(v, header_size, data_size, rest);
        if (mode == MODE_MAC) {
            if (rest < 8)
                return ST_LENGTH;
            vc_cmac(&v->session.key, v->session.iv, v->in, v->in_size - 8);
            if (memcmp(v->session.iv, v->data + rest - 8, 8) != 0)
                return ST_INTEGRITY;
            v->data_size -= 8;
        } else {
            vc_cmac(&v->session.key, v->session.iv, v->in, v->in_size);
        }
        break;
    case VSESSION_EV2:
        status = vc_ev2_open(v, mode, header_size);
        break;
    }
    if (status == ST_OK && data_size >= 0 && v->data_size != (uint32_t)data_size)
        status = ST_LENGTH;
    return status;
}

static void close_legacy(struct vcard *v, enum vc_mode mode, bool unknown)
{
    if (mode == MODE_MAC && v->out_size) {
        legacy_mac(v, v->out, v->out_size, v->out + v->out_size);
        v->out_size += 4;
    } else if (mode == MODE_FULL && v->out_size) {
        uint8_t iv[8] = {0};
        put_le(v->out + v->out_size, vc_crc16(v->out, v->out_size), 2);
        v->out_size += 2;
        if (unknown)
            v->out[v->out_size++] = 0x80;
        while (v->out_size % 8)
            v->out[v->out_size++] = 0;
        vc_cbc_encrypt(&v->session.key, iv, v->out, v->out_size);
    }
}

static void close_ev1(struct vcard *v, enum vc_mode mode, bool unknown)
{
    size_t bs = vc_block(&v->session.key);
    v->out[v->out_size] = ST_OK;
    if (mode != MODE_FULL || !v->out_size) {
        vc_cmac(&v->session.key, v->session.iv, v->out, v->out_size + 1);
        memcpy(v->out + v->out_size, v->session.iv, 8);
        v->out_size += 8;
        return;
    }
    uint32_t crc = vc_crc32(0xffffffffu, v->out, v->out_size + 1);
    put_le(v->out + v->out_size, crc, 4);
    v->out_size += 4;
    if (unknown)
        v->out[v->out_size++] = 0x80;
    while (v->out_size % bs)
        v->out[v->out_size++] = 0;
    vc_cbc_encrypt(&v->session.key, v->session.iv, v->out, v->out_size);
}

uint8_t vc_reply(struct vcard *v, enum vc_mode mode, const uint8_t *data, size_t size, bool unknown)
{
    if (size && data != v->out)
        memmove(v->out, data, size);
    v->out_size = (uint32_t)size;
    v->out_sent = 0;
    switch (v->session.kind) {
    case VSESSION_NONE:
        break;
    case VSESSION_LEGACY:
        close_legacy(v, mode, unknown);
        break;
    case VSESSION_EV1:
        close_ev1(v, mode, unknown);
        break;
    case VSESSION_EV2:
        vc_ev2_close(v, mode);
        break;
    }
    return ST_OK;
}

/* --- logins ------------------------------------------------------------------------------------- */

static void rotate(uint8_t *out, const uint8_t *in, size_t size)
{
    memcpy(out, in + 1, size - 1);
    out[size - 1] = in[0];
}

static const struct vcard_key *auth_key(const struct vcard *v)
{
    return &v->m.apps[v->app].keys[v->auth.key_no];
}

static size_t random_size(const struct vcard_key *key)
{
    return key->type == VCARD_DES ? 8 : 16;
}

uint8_t vc_auth_begin(struct vcard *v)
{
    uint8_t cmd = v->in[0];
    bool first = cmd == 0x71;
    size_t size = v->in_size - 1;
    if (first ? size < 2 || size > 8 || v->in[2] != size - 2 : size != 1)
        return ST_LENGTH;
    uint8_t key_no = v->in[1];
    if (key_no >= vc_key_count(&v->m.apps[v->app]))
        return ST_NO_KEY;
    enum vcard_cipher type = v->m.apps[v->app].keys[key_no].type;
    if ((cmd == 0x0a && type != VCARD_DES) || (cmd == 0x1a && type == VCARD_AES) ||
        ((cmd == 0xaa || cmd == 0x71 || cmd == 0x77) && type != VCARD_AES))
        return ST_AUTH;
    if (cmd == 0x77) { /* carries the transaction on; the others end it */
        if (v->session.kind != VSESSION_EV2)
            return ST_PERMISSION;
    } else {
        vc_drop_session(v);
        vc_tx_abort(v);
    }
    v->auth.key_no = key_no;
    memset(v->auth.cap, 0, sizeof v->auth.cap);
    if (first)
        memcpy(v->auth.cap, v->in + 3, size - 2);
    const struct vcard_key *key = auth_key(v);
    size_t n = random_size(key);
    vc_random(v, v->auth.rndb, n);
    memcpy(v->out, v->auth.rndb, n);
    memset(v->auth.iv, 0, sizeof v->auth.iv);
    vc_cbc_encrypt(key, v->auth.iv, v->out, n);
    v->out_size = (uint32_t)n;
    v->out_sent = 0;
    v->auth.cmd = cmd;
    return ST_MORE;
}

/* Session key of 0A, 1A, AA: pieces of both random numbers. */
static void old_session(struct vcard *v, const struct vcard_key *key, const uint8_t *a,
                        const uint8_t *b)
{
    struct vcard_key *s = &v->session.key;
    memset(s, 0, sizeof *s);
    s->type = key->type;
    memcpy(s->b, a, 4);
    memcpy(s->b + 4, b, 4);
    if (key->type == VCARD_AES) {
        memcpy(s->b + 8, a + 12, 4);
        memcpy(s->b + 12, b + 12, 4);
    } else if (key->type == VCARD_3K3DES) {
        memcpy(s->b + 8, a + 6, 4);
        memcpy(s->b + 12, b + 6, 4);
        memcpy(s->b + 16, a + 12, 4);
        memcpy(s->b + 20, b + 12, 4);
    } else if (vc_is_des(key)) {
        memcpy(s->b + 8, s->b, 8);
    } else {
        memcpy(s->b + 8, a + 4, 4);
        memcpy(s->b + 12, b + 4, 4);
    }
    memset(v->session.iv, 0, sizeof v->session.iv);
}

uint8_t vc_auth_finish(struct vcard *v, const uint8_t *data, size_t size)
{
    uint8_t cmd = v->auth.cmd, token[32], turned[16], zero[16] = {0};
    v->auth.cmd = 0;
    const struct vcard_key *key = auth_key(v);
    size_t n = random_size(key);
    if (size != 2 * n)
        return ST_LENGTH;
    memcpy(token, data, size);
    bool ev2 = cmd == 0x71 || cmd == 0x77;
    if (cmd == 0x0a)
        vc_cbc_undecipher(key, token, size);
    else
        vc_cbc_decrypt(key, ev2 ? zero : v->auth.iv, token, size);
    rotate(turned, v->auth.rndb, n);
    if (!bytes_equal_const_time(turned, token + n, n))
        return ST_AUTH;

    memset(zero, 0, sizeof zero);
    size_t at = 0;
    if (cmd == 0x71) {
        vc_random(v, v->session.ti, 4);
        v->session.ctr = 0;
        memcpy(v->out, v->session.ti, 4);
        at = 4;
    }
    rotate(v->out + at, token, n);
    at += n;
    if (cmd == 0x71) {
        memset(v->out + at, 0, 6); /* what this card can: nothing special */
        memcpy(v->out + at + 6, v->auth.cap, 6);
        at += 12;
    }
    vc_cbc_encrypt(key, ev2 || cmd == 0x0a ? zero : v->auth.iv, v->out, at);
    v->out_size = (uint32_t)at;
    v->out_sent = 0;

    if (ev2)
        vc_ev2_keys(v, key->b, token, v->auth.rndb);
    else
        old_session(v, key, token, v->auth.rndb);
    v->session.kind = ev2 ? VSESSION_EV2 : cmd == 0x0a ? VSESSION_LEGACY : VSESSION_EV1;
    v->session.key_no = v->auth.key_no;
    return ST_OK;
}
