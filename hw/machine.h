/* machine.h - what the machine has left: memory in use, room on a disk, file descriptors.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_HW_MACHINE_H
#define PATRON_HW_MACHINE_H

#include <stdint.h>

/* Bytes of this process in memory now; 0 = not known. */
int64_t machine_resident_bytes(void);
/* Bytes free to us on the disk that path is on; -1 = not known (errno says why). */
int64_t machine_disk_free(const char *path);
/* Asks the system for at least so many file descriptors; returns how many it allows. */
int machine_descriptors(int least);

#endif
