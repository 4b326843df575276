/* publish.h - a pack comes into force: checked against the one before, signed, kept; tills take it when they next
 * reach head office.  patronctl and the console do the same here.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_PUBLISH_H
#define PATRON_OFFICE_PUBLISH_H

#include "office/books/books.h"
#include "office/home.h"

/* A pack being looked at, with the text it came from.  Large: make it with pack_text_create. */
struct pack_text {
    struct pack pack;
    char json[PACK_JSON_MAX + 1];
    size_t size;
    uint8_t signature[MBED_SIGNATURE_MAX];
    size_t signature_size;
};
struct pack_text *pack_text_create(void); /* free() it; NULL = out of memory */

/* p->pack from p->json, and that its tiers fit on cards.  file: in messages only. */
MUST_CHECK enum err pack_text_read(struct pack_text *p, const char *file, struct errmsg *why);
/* The stored pack of this version; the oldest after this version; the newest.  Errors: ERR_NOT_FOUND. */
MUST_CHECK enum err pack_text_find(struct pack_text *p, struct books *books, uint32_t version, struct errmsg *why);
MUST_CHECK enum err pack_text_after(struct pack_text *p, struct books *books, uint32_t after, struct errmsg *why);
MUST_CHECK enum err pack_text_newest(struct pack_text *p, struct books *books, struct errmsg *why);
/* p->json with this version and effective day, all else as it is; read again. */
MUST_CHECK enum err pack_text_stamp(struct pack_text *p, uint32_t version, int32_t effective_day, struct errmsg *why);

/* I8: a pack comes into force from today on; it follows the one before in version and in day, in the same currency. */
MUST_CHECK enum err publish_check(const struct pack *next, const struct pack *last, int32_t today, struct errmsg *why);
/* Signs and keeps it.  Errors: ERR_CRYPTO, those of books_add_pack. */
MUST_CHECK enum err publish_store(struct pack_text *p, struct books *books, const mbedtls_pk_context *key,
                                  struct errmsg *why);

#endif
