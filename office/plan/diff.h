/* diff.h - what differs between two texts, line by line: the longest common part stays, the rest went or came.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_DIFF_H
#define PATRON_OFFICE_DIFF_H

#include <jansson.h>

enum { DIFF_LINES_MAX = 4000 };

/* A list of {"sign": " ", "-" or "+", "before": line number or 0, "after": likewise, "text": the line}.  A new reference;
 * NULL = out of memory, or more than DIFF_LINES_MAX lines. */
json_t *diff_lines(const char *before, const char *after);

#endif
