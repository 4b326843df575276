/* machine.c - see machine.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hw/machine.h"

#include <stdio.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Pages in memory now: the second field of statm. */
int64_t machine_resident_bytes(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f)
        return 0;
    if (fscanf(f, "%*s %ld", &pages) != 1)
        pages = 0;
    fclose(f);
    return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

int64_t machine_disk_free(const char *path)
{
    struct statvfs fs;
    if (statvfs(path, &fs))
        return -1;
    return (int64_t)(fs.f_bavail * fs.f_frsize);
}
