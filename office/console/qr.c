/* qr.c - see qr.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/console/qr.h"

#include <errno.h>
#include <mbedtls/base64.h>
#include <qrencode.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUIET = 4 /* modules of white around it, as the standard asks */ };

static void draw(FILE *f, const QRcode *qr)
{
    int size = qr->width + 2 * QUIET;
    fprintf(f, "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %d %d' shape-rendering='crispEdges'>"
               "<path fill='#fff' d='M0 0h%dv%dH0z'/><path d='", size, size, size, size);
    for (int y = 0; y < qr->width; y++)
        for (int x = 0; x < qr->width; x++)
            if (qr->data[y * qr->width + x] & 1)
                fprintf(f, "M%d %dh1v1h-1z", x + QUIET, y + QUIET);
    fputs("'/></svg>", f);
}

enum err qr_image(char **out, const char *text, struct errmsg *why)
{
    static const char head[] = "data:image/svg+xml;base64,";
    char *svg = NULL;
    size_t size = 0, written;
    *out = NULL;
    QRcode *qr = QRcode_encodeString(text, 0, QR_ECLEVEL_M, QR_MODE_8, 1);
    if (!qr)
        return err_set(why, errno == ERANGE ? ERR_RANGE : ERR_FULL, "QR code: %s", strerror(errno));
    FILE *f = open_memstream(&svg, &size);
    if (f)
        draw(f, qr);
    QRcode_free(qr);
    if (!f || fclose(f) != 0 || !(*out = malloc(sizeof head + 4 * (size / 3 + 1) + 1))) {
        free(svg);
        return err_set(why, ERR_FULL, "no memory for a QR code");
    }
    memcpy(*out, head, sizeof head);
    (void)mbedtls_base64_encode((unsigned char *)*out + sizeof head - 1, 4 * (size / 3 + 1) + 1, &written,
                                (const unsigned char *)svg, size);
    free(svg);
    return OK;
}
