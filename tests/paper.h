/* paper.h - what a receipt printer would put on paper, read back from its bytes.  Strict: a command that
 * hw/escpos.c does not use fails the test.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TESTS_PAPER_H
#define PATRON_TESTS_PAPER_H

#include "base/bytes.h"

/* Lines of UTF-8, blanks at their ends taken off, into memory that lives until the next call.  Centred text
 * is moved to the middle of columns; "**" stands before bold text, "##" before big text; "[QR text]" is a code
 * that zbarimg could read; "=====" is the knife, "(drawer)" the drawer, "~" ends a line that was broken off. */
const char *paper_read(struct bytes printed, int columns);

#endif
