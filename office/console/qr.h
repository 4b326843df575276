/* qr.h - a text as a QR code that a page can show.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_QR_H
#define PATRON_OFFICE_QR_H

#include "base/err.h"

/* "data:image/svg+xml;base64,...", for the src of an image; malloc'd.  Errors: ERR_RANGE (the text is too long),
 * ERR_FULL. */
MUST_CHECK enum err qr_image(char **out, const char *text, struct errmsg *why);

#endif
