/* some_txn.h - a well formed txn with every field its kind may have, drawn from test_random.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TESTS_SOME_TXN_H
#define PATRON_TESTS_SOME_TXN_H

#include "base/txn.h"

/* max_lines: most lines of a bill, 0..TXN_LINES_MAX.  terminal is ignored for head office's own kinds. */
void some_txn(struct txn *t, enum txn_kind kind, uint32_t terminal, uint32_t seq, int32_t max_lines);
/* Any kind a till makes. */
enum txn_kind some_till_kind(void);

#endif
