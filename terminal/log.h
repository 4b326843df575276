/* log.h - what happened at this till, one event a line, for whoever keeps the machines:
 *
 *     2026-11-22T10:15:06 till=T0007 entry kind=sale seq=42 owed=1
 *
 * No names, no numbers of members, cards or telephones: a log is copied, mailed and kept.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_LOG_H
#define PATRON_TERMINAL_LOG_H

#include <stdint.h>
#include <stdio.h>

/* where NULL: nothing is logged. */
void log_to(FILE *where, uint32_t terminal);
/* what is one word; format gives key=value with blanks between, and quotes around values with blanks. */
void log_event(const char *what, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
