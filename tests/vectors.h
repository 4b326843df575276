/* vectors.h - reads the published byte vectors in tests/data/vectors (see the README there).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TESTS_VECTORS_H
#define PATRON_TESTS_VECTORS_H

#include "base/bytes.h"
#include "cardproto/cipher.h"

#include <jansson.h>
#include <stdbool.h>

enum { VECTOR_BYTES_MAX = 512 };

/* Calls check for every verified case of file whose op is op, and returns how many that were.  A failed
 * assertion inside names the case, as its id is printed first. */
int vectors_run(const char *file, const char *op, void (*check)(const json_t *c));
/* How many verified cases file has of any op. */
int vectors_count(const char *file);

/* A field of a case as bytes, kept in one of 16 buffers that are used in turn.  A field that is missing
 * fails the test; vector_has asks first. */
bool vector_has(const json_t *c, const char *field);
struct bytes vector_hex(const json_t *c, const char *field);
struct bytes vector_hex_or_empty(const json_t *c, const char *field);
struct aes_key vector_key(const json_t *c, const char *field);
uint8_t vector_u8(const json_t *c, const char *field); /* one byte of hex */
const char *vector_text(const json_t *c, const char *field); /* "" when missing */
bool vector_refused(const json_t *c); /* expect: false */

/* actual must be the bytes of expected; prints both when not. */
void vector_equal(struct bytes actual, struct bytes expected);

#endif
