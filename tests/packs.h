/* packs.h - packs for tests, from files and from short JSON, bills from short text, points in lots.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TESTS_PACKS_H
#define PATRON_TESTS_PACKS_H

#include "rules/rules.h"

/* Reads a whole text file into memory that lives until the next call; *size without the final 0.
 * The test fails when it cannot. */
const char *packs_file(const char *path, size_t *size);

/* tests/data/packs/NAME.json.  The test fails when it is refused. */
void packs_load(struct pack *out, const char *name);

/* A pack of the shop in tests: version 1 from 2011-01-01, GBP, with these members of "earn" besides
 * the rate 1/100, and these members at the top.  Both are JSON members, comma-separated, or "". */
void packs_make(struct pack *out, const char *earn, const char *top);

/* Lines from a short text: "A 2 10.00, B/food 1 0.50": code, category, quantity, amount of the line.
 * Returns how many. */
int32_t packs_lines(struct txn_line *out, const char *text);

/* Sum of what is left. */
int64_t lots_left(const struct lot *lots, int32_t count);

#endif
