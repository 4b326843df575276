/* registers.h - the cash registers that may use the plain door: a name, and the SHA-256 of a token that was shown
 * once.  Kept in the till's home as `registers`, 0600, one "NAME HASH" a line.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_REGISTERS_H
#define PATRON_TERMINAL_REGISTERS_H

#include "base/bytes.h"

enum { REGISTERS_MAX = 32, REGISTER_NAME_SIZE = 16, REGISTER_TOKEN_SIZE = 65 };

struct registers {
    int count;
    struct {
        char name[REGISTER_NAME_SIZE];
        uint8_t hash[32];
    } held[REGISTERS_MAX];
};

/* None when there is no file.  Errors: ERR_REFUSED (others may read it), ERR_CORRUPT, ERR_IO. */
MUST_CHECK enum err registers_load(struct registers *out, const char *home, struct errmsg *why);
/* Makes a token of 256 random bits, in hex; it is kept nowhere.  name: letters, digits, "-", "_".
 * Errors: also ERR_FORMAT (name), ERR_EXISTS, ERR_FULL. */
MUST_CHECK enum err registers_add(char token[REGISTER_TOKEN_SIZE], const char *home, const char *name,
                                  struct errmsg *why);
/* Errors: also ERR_NOT_FOUND. */
MUST_CHECK enum err registers_remove(const char *home, const char *name, struct errmsg *why);
/* Whose token is it; NULL = nobody's.  The same work whoever asks: a token of 256 bits needs no slow hash, and
 * comparing hashes in constant time tells nothing about any of them. */
const char *registers_find(const struct registers *r, const char *token);

#endif
