/* vtag.c - see vtag.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hw/vtag.h"

#include "base/mbed.h"

#include <assert.h>
#include <mbedtls/gcm.h>
#include <stdio.h>
#include <string.h>

static const char *const kind_texts[] = {"uid", "random", "ntag213", "ntag424", "phone"};
static const struct vtarget_ops ops;

const char *vtag_kind_text(enum vtag_kind kind)
{
    return kind_texts[kind];
}

enum err vtag_kind_parse(enum vtag_kind *out, const char *text)
{
    for (int i = 0; i < VTAG_KINDS; i++)
        if (strcmp(text, kind_texts[i]) == 0) {
            *out = (enum vtag_kind)i;
            return OK;
        }
    return ERR_NOT_FOUND;
}

/* ---- NTAG213 (data sheet NTAG213/215/216) ---- */

enum { NAK_ARGUMENT = 0x00, ACK = 0x0a, PAGE_LOCK = 2, PAGE_CC = 3, PAGE_USER = 4, PAGE_USER_END = 40 };

static void blank_pages(struct vtag *v)
{
    static const uint8_t cc[] = {0xe1, 0x10, 0x12, 0x00}, empty[] = {0x03, 0x00, 0xfe, 0x00};
    uint8_t *p = v->m.pages;
    const uint8_t *u = v->m.uid;
    memset(p, 0, sizeof v->m.pages);
    memcpy(p, u, 3);
    p[3] = (uint8_t)(0x88 ^ u[0] ^ u[1] ^ u[2]);
    memcpy(p + 4, u + 3, 4);
    p[8] = (uint8_t)(u[3] ^ u[4] ^ u[5] ^ u[6]);
    p[9] = 0x48;
    memcpy(p + PAGE_CC * VTAG_PAGE, cc, sizeof cc);
    memcpy(p + PAGE_USER * VTAG_PAGE, empty, sizeof empty);
}

enum err vtag_write_text(struct vtag *v, const char *text)
{
    size_t size = strlen(text);
    uint8_t *p = v->m.pages + PAGE_USER * VTAG_PAGE;
    if (v->m.kind != VTAG_NTAG213 || size >= VTAG_TEXT_MAX)
        return ERR_RANGE;
    blank_pages(v);
    v->changes++;
    if (size == 0)
        return OK;
    /* TLV 03, a short T record in English, terminator. */
    const uint8_t head[] = {0x03, (uint8_t)(size + 7), 0xd1, 0x01, (uint8_t)(size + 3), 'T', 0x02, 'e', 'n'};
    memcpy(p, head, sizeof head);
    memcpy(p + sizeof head, text, size);
    p[sizeof head + size] = 0xfe;
    return OK;
}

static void ntag213(struct vtag *v, struct bytes frame, struct buf *out)
{
    static const uint8_t version[] = {0x00, 0x04, 0x04, 0x02, 0x01, 0x00, 0x0f, 0x03};
    static const uint8_t signature[32];
    const uint8_t *f = frame.data;
    size_t n = frame.size;
    if (n == 2 && f[0] == 0x30 && f[1] < VTAG_PAGES) { /* READ goes on at page 0 behind the last */
        for (size_t i = 0; i < 4; i++)
            buf_put(out, v->m.pages + (f[1] + i) % VTAG_PAGES * VTAG_PAGE, VTAG_PAGE);
    } else if (n == 3 && f[0] == 0x3a && f[1] <= f[2] && f[2] < VTAG_PAGES) {
        buf_put(out, v->m.pages + f[1] * VTAG_PAGE, (size_t)(f[2] - f[1] + 1) * VTAG_PAGE);
    } else if (n == 1 && f[0] == 0x60) {
        buf_put(out, version, sizeof version);
    } else if (n == 2 && f[0] == 0x3c && f[1] == 0) {
        buf_put(out, signature, sizeof signature);
    } else if (n == 6 && f[0] == 0xa2 && f[1] >= PAGE_USER && f[1] < PAGE_USER_END) {
        memcpy(v->m.pages + f[1] * VTAG_PAGE, f + 2, VTAG_PAGE);
        v->changes++;
        buf_put_u8(out, ACK);
    } else {
        buf_put_u8(out, NAK_ARGUMENT);
    }
}

/* ---- NTAG 424 DNA (data sheet, AN12196) ---- */

enum { FILE_CC = 0xe103, FILE_NDEF = 0xe104 };

enum err vtag_write_sun(struct vtag *v, const struct aes_key *meta, const struct aes_key *file, const char *url)
{
    if (v->m.kind != VTAG_NTAG424 || strlen(url) >= sizeof v->m.url)
        return ERR_RANGE;
    v->m.meta = *meta;
    v->m.file = *file;
    snprintf(v->m.url, sizeof v->m.url, "%s", url);
    v->changes++;
    return OK;
}

static void sw(struct buf *out, uint16_t word)
{
    buf_put_u8(out, (uint8_t)(word >> 8));
    buf_put_u8(out, (uint8_t)word);
}

static void put_hex(char *out, const uint8_t *data, size_t size)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < size; i++) {
        *out++ = digits[data[i] >> 4];
        *out++ = digits[data[i] & 15];
    }
}

/* PICCENCData and SDMMAC of this reading, as ASCII. */
static void mirror(const struct vtag *v, char p[32], char c[16])
{
    static const uint8_t zero[AES_BLOCK];
    uint8_t picc[AES_BLOCK] = {0xc7}, iv[AES_BLOCK] = {0};
    uint8_t sv2[AES_BLOCK] = {0x3c, 0xc3, 0x00, 0x01, 0x00, 0x80}, mac[MACT_SIZE];
    struct aes_key session;
    memcpy(picc + 1, v->m.uid, 7);
    put_le(picc + 8, v->m.counter, 3);
    put_le(picc + 11, v->seed, 5); /* random on the tag */
    aes_cbc_encrypt(&v->m.meta, iv, picc, picc, sizeof picc);
    memcpy(sv2 + 6, v->m.uid, 7);
    put_le(sv2 + 13, v->m.counter, 3);
    aes_cmac(&v->m.file, zero, bytes_of(sv2, sizeof sv2), session.b);
    aes_mact(&session, bytes_of("", 0), mac);
    put_hex(p, picc, sizeof picc);
    put_hex(c, mac, sizeof mac);
}

static size_t file_of(struct vtag *v, uint8_t out[VTAG_FILE])
{
    static const uint8_t cc[] = {0x00, 0x17, 0x20, 0x01, 0x00, 0x00, 0xff, 0x04, 0x06, 0xe1, 0x04, 0x01,
                                 0x00, 0x00, 0x00, 0x05, 0x06, 0xe1, 0x05, 0x00, 0x80, 0x82, 0x83};
    memset(out, 0, VTAG_FILE);
    if (v->file == FILE_CC) {
        memcpy(out, cc, sizeof cc);
        return sizeof cc;
    }
    char p[32], c[16];
    size_t url = strlen(v->m.url), payload = 1 + url + 3 + sizeof p + 3 + sizeof c;
    if (*v->m.url == 0)
        return VTAG_FILE;
    mirror(v, p, c);
    const uint8_t head[] = {0x00, (uint8_t)(payload + 4), 0xd1, 0x01, (uint8_t)payload, 'U', 0x04};
    struct buf b = {.data = out, .cap = VTAG_FILE};
    buf_put(&b, head, sizeof head);
    buf_put(&b, v->m.url, url);
    buf_put(&b, "?p=", 3);
    buf_put(&b, p, sizeof p);
    buf_put(&b, "&c=", 3);
    buf_put(&b, c, sizeof c);
    return VTAG_FILE;
}

static void read_binary(struct vtag *v, const uint8_t *f, struct buf *out)
{
    uint8_t file[VTAG_FILE];
    if (!v->file) {
        sw(out, 0x6986);
        return;
    }
    if (v->file == FILE_NDEF && !v->counted && v->m.counter < 0xffffff) { /* once after each selection */
        v->m.counter++;
        v->seed = v->seed * 6364136223846793005u + 1442695040888963407u;
        v->counted = true;
        v->changes++;
    }
    size_t size = file_of(v, file), offset = (size_t)(f[2] << 8 | f[3]);
    size_t wanted = f[4] ? f[4] : size > offset ? size - offset : 1;
    if (f[2] & 0x80 || offset + wanted > size) {
        sw(out, f[2] & 0x80 ? 0x6a86 : 0x6700);
        return;
    }
    buf_put(out, file + offset, wanted);
    sw(out, 0x9000);
}

static void select_iso(struct vtag *v, const uint8_t *f, struct buf *out)
{
    static const uint8_t name[] = {0xd2, 0x76, 0x00, 0x00, 0x85, 0x01, 0x01};
    uint16_t id = (uint16_t)(f[4] == 2 ? f[5] << 8 | f[6] : 0);
    if (f[2] == 0x04 && f[4] == sizeof name && memcmp(f + 5, name, sizeof name) == 0) {
        v->in_application = true;
        v->file = 0;
        sw(out, 0x9000);
    } else if (f[2] == 0x00 && v->in_application && (id == FILE_CC || id == FILE_NDEF)) {
        v->file = id;
        v->counted = false;
        sw(out, 0x9000);
    } else {
        sw(out, 0x6a82);
    }
}

static void ntag424(struct vtag *v, struct bytes frame, struct buf *out)
{
    static const uint8_t hardware[] = {0x04, 0x04, 0x02, 0x30, 0x00, 0x11, 0x05, 0x91, 0xaf};
    const uint8_t *f = frame.data;
    size_t n = frame.size;
    if (n < 4)
        sw(out, 0x6700);
    else if (f[0] == 0x90 && f[1] == 0x60)
        buf_put(out, hardware, sizeof hardware);
    else if (f[0] == 0x90)
        sw(out, 0x911c);
    else if (f[0] != 0x00)
        sw(out, 0x6e00);
    else if (f[1] == 0xa4 && n >= 6 && n >= (size_t)5 + f[4])
        select_iso(v, f, out);
    else if (f[1] == 0xb0 && n == 5)
        read_binary(v, f, out);
    else
        sw(out, f[1] == 0xa4 || f[1] == 0xb0 ? 0x6700 : 0x6d00);
}

/* ---- a phone: Apple VAS, as published by kormax/apple-vas ---- */

enum err vtag_write_pass(struct vtag *v, const char *pass_type, const uint8_t reader_key[33], const char *value)
{
    if (v->m.kind != VTAG_PHONE || strlen(value) >= sizeof v->m.value)
        return ERR_RANGE;
    mbed_sha256(v->m.pass_hash, bytes_of(pass_type, strlen(pass_type)));
    memcpy(v->m.reader_key, reader_key, sizeof v->m.reader_key);
    snprintf(v->m.value, sizeof v->m.value, "%s", value);
    v->changes++;
    return OK;
}

/* A fresh cryptogram: key id 4, own X 32, cipher, tag 16.  Its size; 0: it could not be made. */
static size_t cryptogram(struct vtag *v, uint8_t *out)
{
    static const uint8_t iv[16], label[] = "\x0did-aes256-GCMApplePay encrypted VAS data";
    uint8_t own[32], point[MBED_POINT_SIZE], shared[32], hash[32], input[120], plain[4 + VTAG_VALUE_MAX];
    size_t size = 4 + strlen(v->m.value);
    struct buf b = BUF_ON(input);
    mbedtls_gcm_context c;
    for (size_t i = 0; i < sizeof own; i += 8) {
        v->seed = v->seed * 6364136223846793005u + 1442695040888963407u;
        put_le(own + i, v->seed, 8);
    }
    own[0] = 0x42; /* below the order of the curve */
    if (mbed_p256_public(point, own, NULL) || mbed_p256_ecdh(shared, own, v->m.reader_key, NULL))
        return 0;
    mbed_sha256(hash, bytes_of(v->m.reader_key + 1, 32));
    memcpy(out, hash, 4);
    memcpy(out + 4, point + 1, 32);
    buf_put(&b, shared, sizeof shared);
    buf_put(&b, "\0\0\0\1", 4);
    buf_put(&b, label, sizeof label - 1);
    mbed_sha256_two(hash, buf_bytes(&b), bytes_of(v->m.pass_hash, 32));
    for (int i = 0; i < 4; i++)
        plain[i] = (uint8_t)((v->utc_s - 978307200) >> (24 - 8 * i));
    memcpy(plain + 4, v->m.value, size - 4);
    mbedtls_gcm_init(&c);
    int rc = mbedtls_gcm_setkey(&c, MBEDTLS_CIPHER_ID_AES, hash, 256);
    if (!rc)
        rc = mbedtls_gcm_crypt_and_tag(&c, MBEDTLS_GCM_ENCRYPT, size, iv, sizeof iv, NULL, 0, plain, out + 36,
                                       16, out + 36 + size);
    mbedtls_gcm_free(&c);
    return rc ? 0 : 36 + size + 16;
}

static void phone(struct vtag *v, struct bytes frame, struct buf *out)
{
    static const uint8_t wallet[] = {0x6f, 0x0f, 0x50, 0x08, 'A',  'p',  'p',  'l', 'e',
                                     'P',  'a',  'y',  0x9f, 0x21, 0x02, 0x01, 0x00};
    const uint8_t *f = frame.data;
    size_t n = frame.size, size;
    uint8_t secret[36 + 4 + VTAG_VALUE_MAX + 16];
    if (n == 16 && memcmp(f, "\x00\xa4\x04\x00\x0aOSE.VAS.01", 15) == 0) {
        buf_put(out, wallet, sizeof wallet);
        v->in_application = true;
        sw(out, 0x9000);
    } else if (n < 46 || !v->in_application || f[0] != 0x80 || f[1] != 0xca || f[10] != 0x9f || f[11] != 0x25) {
        sw(out, n < 2 ? 0x6700 : f[1] == 0xa4 ? 0x6a82 : 0x6d00);
    } else if (v->m.locked) {
        sw(out, 0x6984);
    } else if (memcmp(f + 13, v->m.pass_hash, 32) != 0 || (size = cryptogram(v, secret)) == 0) {
        sw(out, 0x6a83);
    } else {
        const uint8_t head[] = {0x70, (uint8_t)(size + 6), 0x9f, 0x2a, 0x00, 0x9f, 0x27, (uint8_t)size};
        buf_put(out, head, sizeof head);
        buf_put(out, secret, size);
        sw(out, 0x9000);
    }
}

/* ---- on a reader ---- */

static struct vtag *of(struct vtarget *t)
{
    return (struct vtag *)t; /* target is its first member */
}

static void facts(const struct vtarget *t, struct vtarget_facts *out)
{
    static const uint8_t ats[] = {0x06, 0x77, 0x77, 0x71, 0x02, 0x80};
    const struct vtag *v = (const struct vtag *)t;
    *out = (struct vtarget_facts){.uid_size = v->m.uid_size};
    memcpy(out->uid, v->m.uid, sizeof out->uid);
    switch (v->m.kind) {
    case VTAG_UID: /* as a MIFARE Classic looks */
        out->atqa[1] = v->m.uid_size == 7 ? 0x44 : 0x04;
        out->sak = 0x08;
        return;
    case VTAG_RANDOM:
    case VTAG_PHONE:
        out->uid_size = sizeof v->shown;
        memcpy(out->uid, v->shown, sizeof v->shown);
        out->atqa[1] = 0x04;
        break;
    case VTAG_NTAG213:
        out->atqa[1] = 0x44;
        return;
    case VTAG_NTAG424:
        out->atqa[0] = 0x03;
        out->atqa[1] = 0x44;
        break;
    case VTAG_KINDS:
        assert(0);
    }
    out->sak = VTARGET_14443_4;
    memcpy(out->ats, ats, sizeof ats);
    out->ats_size = sizeof ats;
}

static bool exchange(struct vtarget *t, struct bytes frame, struct buf *out)
{
    struct vtag *v = of(t);
    out->size = 0;
    out->full = false;
    switch (v->m.kind) {
    case VTAG_UID:
        return false;
    case VTAG_RANDOM:
        sw(out, 0x6d00);
        return true;
    case VTAG_NTAG213:
        ntag213(v, frame, out);
        return true;
    case VTAG_NTAG424:
        ntag424(v, frame, out);
        return true;
    case VTAG_PHONE:
        phone(v, frame, out);
        return true;
    case VTAG_KINDS:
        break;
    }
    return false;
}

static void halt(struct vtarget *t)
{
    struct vtag *v = of(t);
    v->in_application = v->counted = false;
    v->file = 0;
}

static void field_off(struct vtarget *t)
{
    struct vtag *v = of(t);
    halt(t);
    v->seed = v->seed * 6364136223846793005u + 1442695040888963407u;
    v->shown[0] = 0x08;
    put_le(v->shown + 1, v->seed >> 40, 3);
}

static const struct vtarget_ops ops = {facts, exchange, halt, field_off};

void vtag_init(struct vtag *v, enum vtag_kind kind, const uint8_t *uid, uint8_t uid_size, uint64_t seed)
{
    assert(uid_size == 7 || (uid_size == 4 && kind == VTAG_UID));
    memset(v, 0, sizeof *v);
    v->target.ops = &ops;
    v->m.kind = kind;
    memcpy(v->m.uid, uid, uid_size);
    v->m.uid_size = uid_size;
    v->seed = seed;
    if (kind == VTAG_NTAG213)
        blank_pages(v);
    field_off(&v->target);
}
