/* machine.c - see machine.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hw/machine.h"

#include <limits.h>
#include <stdio.h>
#include <sys/resource.h>
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

int machine_descriptors(int least)
{
    struct rlimit has;
    if (getrlimit(RLIMIT_NOFILE, &has))
        return INT_MAX; /* not known: let it try */
    rlim_t wanted = (rlim_t)least < has.rlim_max ? (rlim_t)least : has.rlim_max;
    struct rlimit more = {wanted, has.rlim_max};
    if (has.rlim_cur < wanted && setrlimit(RLIMIT_NOFILE, &more) == 0)
        has.rlim_cur = wanted;
    return has.rlim_cur < INT_MAX ? (int)has.rlim_cur : INT_MAX;
}
