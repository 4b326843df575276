/* poll.h - the one wait of a program's loop.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_HW_POLL_H
#define PATRON_HW_POLL_H

#include <poll.h>
#include <signal.h>
#include <stdint.h>

/* Wait until one of the descriptors (fd -1 = none) is ready, a signal that mask lets in has come, or
 * until_ms of clock_tick_ms is reached.  mask: signals held back while the program works and let in here,
 * also when a descriptor is always ready; NULL = as it is.  Returns how many are ready; after a signal 0,
 * with every revents 0. */
int poll_until(struct pollfd *polls, int count, int64_t until_ms, const sigset_t *mask);

#endif
