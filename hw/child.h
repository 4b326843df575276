/* child.h - the end of a device's process of its own: a reader's, a printer's.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_HW_CHILD_H
#define PATRON_HW_CHILD_H

#include <stddef.h>
#include <sys/types.h>

/* End it, whatever it does, and wait for that; close our end of its socket (-1: closed already).  how:
 * "process was ended by signal 9 (Killed)" or "process ended".  Afterwards *child is 0, *sock is -1. */
void child_end(pid_t *child, int *sock, char *how, size_t size);

#endif
