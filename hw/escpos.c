/* escpos.c - see escpos.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hw/escpos.h"

#include <assert.h>
#include <errno.h>
#include <iconv.h>
#include <qrencode.h>
#include <string.h>

enum {
    QR_TEXT_MAX = 100,
    QR_QUIET = 4
}; /* QR_QUIET: squares left white around it, ISO/IEC 18004 */

static void put_command(struct buf *out, const char *bytes, size_t size)
{
    buf_put(out, bytes, size);
}
#define PUT(out, bytes) put_command(out, bytes, sizeof(bytes) - 1)

void escpos_begin(struct buf *out)
{
    PUT(out, "\x1b@");
}

void escpos_cut(struct buf *out)
{
    PUT(out, "\x1dVB\0");
}

void escpos_drawer(struct buf *out)
{
    PUT(out, "\x1bp\0\x19\xfa");
}

void escpos_drawer_now(struct buf *out)
{
    PUT(out, "\x10\x14\x01\0\x01");
}

/* Of the command or character that begins here; more than left: it is not whole. */
static size_t command_size(const uint8_t *at, size_t left)
{
    bool command = *at == 0x1b || *at == 0x1c || *at == 0x1d;
    if (!command && *at < 0x80)
        return 1;
    if (left < 2 || !command || *at == 0x1c || at[1] == '@')
        return 2;
    if (*at == 0x1d && at[1] == 'v')
        return left < 8 ? 8 : 8 + (at[4] + 256U * at[5]) * (at[6] + 256U * at[7]);
    return at[1] == 'p' ? 5 : at[1] == 'V' ? 4 : 3;
}

bool escpos_is_whole(struct bytes first)
{
    size_t at = 0;
    while (at < first.size)
        at += command_size(first.data + at, first.size - at);
    return at == first.size;
}

/* Bytes of the UTF-8 character that begins here, as far as it is whole. */
static size_t char_size(const char *text)
{
    uint8_t c = (uint8_t)*text;
    size_t size = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf8 ? 4 : 1;
    for (size_t i = 1; i < size; i++)
        if (((uint8_t)text[i] & 0xc0) != 0x80)
            return 1;
    return size;
}

/* Pound and yen have two bytes as wide characters only. */
static const char *as_gbk_has_it(const char *text, size_t *size)
{
    bool pound = *size == 2 && memcmp(text, "\u00a3", 2) == 0, yen = *size == 2 && memcmp(text, "\u00a5", 2) == 0;
    if (!pound && !yen)
        return text;
    *size = 3;
    return pound ? "\uffe1" : "\uffe5";
}

/* The two bytes of a character that is not ASCII. */
static void chinese(char two[2], iconv_t gb, const char *text, size_t size)
{
    char in[4], code[8], *from = in, *to = code;
    size_t left = sizeof code;
    text = as_gbk_has_it(text, &size);
    memcpy(in, text, size);
    two[0] = (char)0xa3, two[1] = (char)0xbf; /* a full-width question mark */
    if (gb == (iconv_t)-1)
        return;
    (void)iconv(gb, NULL, NULL, NULL, NULL);
    if (iconv(gb, &from, &size, &to, &left) != (size_t)-1 && to - code == 2)
        memcpy(two, code, 2);
}

static void put_text(struct buf *out, const char *utf8)
{
    iconv_t gb = (iconv_t)-1;
    bool is_chinese = false, opened = false;
    for (; *utf8; utf8 += char_size(utf8)) {
        uint8_t c = (uint8_t)*utf8;
        if (is_chinese != (c >= 0x80)) {
            is_chinese = c >= 0x80;
            if (is_chinese)
                PUT(out, "\x1c&");
            else
                PUT(out, "\x1c.");
        }
        if (!is_chinese) {
            buf_put_u8(out, c >= ' ' && c != 0x7f ? c : '?');
            continue;
        }
        char two[2];
        if (!opened)
            gb = iconv_open("GB18030", "UTF-8");
        opened = true;
        chinese(two, gb, utf8, char_size(utf8));
        buf_put(out, two, 2);
    }
    if (is_chinese)
        PUT(out, "\x1c.");
    if (gb != (iconv_t)-1)
        iconv_close(gb);
}

void escpos_line(struct buf *out, const char *utf8, uint32_t style)
{
    if (style & ESCPOS_CENTRED)
        PUT(out, "\x1b\x61\x01");
    if (style & ESCPOS_BOLD)
        PUT(out, "\x1b\x45\x01");
    if (style & ESCPOS_BIG)
        PUT(out, "\x1d\x21\x11");
    put_text(out, utf8);
    PUT(out, "\n");
    if (style & ESCPOS_BIG)
        PUT(out, "\x1d\x21\0");
    if (style & ESCPOS_BOLD)
        PUT(out, "\x1b\x45\0");
    if (style & ESCPOS_CENTRED)
        PUT(out, "\x1b\x61\0");
}

/* GS v 0: mode, bytes in a row, rows, then the rows from the top, most significant bit left. */
static void put_raster(struct buf *out, const QRcode *qr, int module)
{
    int dots = (qr->width + 2 * QR_QUIET) * module, bytes = (dots + 7) / 8;
    PUT(out, "\x1dv0\0");
    buf_put_le(out, (uint64_t)bytes, 2);
    buf_put_le(out, (uint64_t)dots, 2);
    for (int y = 0; y < dots; y++)
        for (int b = 0; b < bytes; b++) {
            uint8_t byte = 0;
            for (int bit = 0; bit < 8; bit++) {
                int column = (8 * b + bit) / module - QR_QUIET, row = y / module - QR_QUIET;
                bool black = column >= 0 && row >= 0 && column < qr->width && row < qr->width &&
                             (qr->data[row * qr->width + column] & 1);
                byte = (uint8_t)(byte << 1 | black);
            }
            buf_put_u8(out, byte);
        }
}

enum err escpos_qr(struct buf *out, const char *text, int module, struct errmsg *why)
{
    assert(module >= 1 && module <= 16);
    if (!*text || strlen(text) > QR_TEXT_MAX)
        return err_set(why, ERR_RANGE, "a QR code holds 1 to %d characters here", QR_TEXT_MAX);
    QRcode *qr = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);
    if (!qr)
        return err_set(why, ERR_RANGE, "the QR code of %s: %s", text, strerror(errno));
    PUT(out, "\x1b\x61\x01");
    put_raster(out, qr, module);
    PUT(out, "\x1b\x61\0");
    QRcode_free(qr);
    return OK;
}
