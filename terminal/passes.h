/* passes.h - the keys of wallet passes: a file that only this till's owner reads.
 *
 *     apple pass.com.example.loyalty KEY            pass type identifier, P-256 private key (64 hex digits)
 *     google 20180608 1 KEY                         collector id, key version, P-256 private key
 *
 * Each at most once; # begins a comment.  The keys come with the contracts of Apple and Google.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_PASSES_H
#define PATRON_TERMINAL_PASSES_H

#include "cardproto/kind.h"

struct passes {
    bool has_apple, has_google;
    struct vas_keys apple; /* its memory is below: do not copy this struct */
    struct smart_tap_keys google;
    struct vas_memory seen;
};

/* Errors: ERR_NOT_FOUND, ERR_IO, ERR_REFUSED (others may read it), ERR_FORMAT ("FILE:LINE: what is wrong"). */
MUST_CHECK enum err passes_read(struct passes *out, const char *path, struct errmsg *why);
/* Fills what of keys belongs to passes; they borrow from p. */
void passes_use(struct kind_keys *keys, const struct passes *p);
void passes_finish(struct passes *p); /* wipes */

#endif
