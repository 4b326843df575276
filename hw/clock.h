/* clock.h - the two clocks.  clock_now_s is shop-local wall time and may jump; clock_tick_ms never goes back
 * and is for timers.  A simulated wall clock is a text file with one time in it ("2010-12-01T08:34"), read
 * anew at each call, so that several processes share it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_HW_CLOCK_H
#define PATRON_HW_CLOCK_H

#include <stdint.h>

/* path: file of a simulated clock; NULL or "" = the machine's.  Call once, at start. */
void clock_use(const char *path);
int64_t clock_now_s(void);
int64_t clock_tick_ms(void);
/* Names this start of the machine; "" when it cannot be known. */
void clock_boot(char out[40]);
/* Random bytes from the machine (getrandom). */
void clock_random(void *out, int size);

#endif
