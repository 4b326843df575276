/* crash.h - numbered points at which a test can kill the program, as a power cut would.
 *
 * A test facility, compiled in always so that the program tested is the program shipped.  Without
 * PATRON_CRASH in the environment a point costs one comparison.
 *     PATRON_CRASH=7               die at the 7th point passed, whatever its name
 *     PATRON_CRASH=sale-written:2  die at the 2nd passing of that one
 * Dying is SIGKILL to oneself: no handler, no flush, no destructor runs.  To kill a run at every point,
 * count N up from 1 until a run ends whole.  SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_BASE_CRASH_H
#define PATRON_BASE_CRASH_H

/* name: lower-case words with hyphens, the same at each passing: "before-commit". */
void crash_point(const char *name);

/* Look at PATRON_CRASH again: a test that forks and sets it in the child. */
void crash_read(void);

#endif
