/* escpos.h - a document for a receipt printer, as ESC/POS bytes.  Asks no device for anything.
 *
 *   1b 40            initialise                1b 61 n          0 left, 1 centred
 *   1b 45 n          bold                      1d 21 n          11 twice as high and wide
 *   1c 26, 1c 2e     Chinese characters on, off (FS &, FS .)
 *   1d 76 30 00 ..   a raster picture (GS v 0) 1d 56 42 00      feed to the knife and cut
 *   1b 70 00 19 fa   pulse to the drawer on pin 2, 50 ms on, 500 ms off, in its turn
 *   10 14 01 00 01   the same at once (DLE DC4 fn 1), 100 ms on: also off line and with a full buffer, never as a part
 *                    of another command, of whose data it would become one; not while the printer is in error
 *
 * Text is GB18030: ASCII as it is, every other character as its two bytes between FS & and FS ., two columns
 * wide; that one choice serves both of our languages on printers with a Chinese font, and one without shows
 * ASCII right.  What has no two-byte code (GBK) prints as a full-width question mark.  Control characters print as
 * '?', so that no text can be a command.
 * Source: Epson's ESC/POS command reference; GB 18030-2005.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_HW_ESCPOS_H
#define PATRON_HW_ESCPOS_H

#include "base/bytes.h"

#include <stdbool.h>

enum { ESCPOS_BOLD = 1, ESCPOS_BIG = 2, ESCPOS_CENTRED = 4 };

enum { ESCPOS_BEGIN_SIZE = 2 }; /* bytes of escpos_begin: they print nothing */
void escpos_begin(struct buf *out);
/* One line.  What does not fit sets out->full, as ever. */
void escpos_line(struct buf *out, const char *utf8, uint32_t style);
/* text (1..100 bytes) as a QR code, error correction M, in the middle of the line; module: dots for each of its
 * squares (1..16).  Allocates while it works.  Errors: ERR_RANGE, out untouched. */
MUST_CHECK enum err escpos_qr(struct buf *out, const char *text, int module, struct errmsg *why);
void escpos_cut(struct buf *out);
void escpos_drawer(struct buf *out);
void escpos_drawer_now(struct buf *out);
/* Are the first bytes of a document, made of the above, nothing but whole commands and characters? */
bool escpos_is_whole(struct bytes first);

#endif
