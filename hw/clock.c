/* clock.c - see clock.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hw/clock.h"

#include "base/date.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static char simulated[512]; /* one clock for the process, as the machine has one */

void clock_use(const char *path)
{
    snprintf(simulated, sizeof simulated, "%s", path ? path : "");
}

static int64_t machine_now(void)
{
    time_t now = time(NULL);
    struct tm local;
    localtime_r(&now, &local);
    return (int64_t)now + local.tm_gmtoff;
}

int64_t clock_now_s(void)
{
    if (!*simulated)
        return machine_now();
    char text[TIME_TEXT_SIZE] = "";
    int64_t t;
    int fd = open(simulated, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    if (size > 0) {
        text[strcspn(text, "\n")] = 0;
        if (time_parse(&t, text) == OK)
            return t;
    }
    fprintf(stderr, "clock: %s holds no time like 2010-12-01T08:34; put one there\n", simulated);
    exit(2); /* a wrong time would be written into the books */
}

int64_t clock_tick_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void clock_boot(char out[40])
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, out, 39);
    if (fd >= 0)
        close(fd);
    out[size > 0 ? size : 0] = 0;
    out[strcspn(out, "\n")] = 0;
}

void clock_random(void *out, int size)
{
    if (getrandom(out, (size_t)size, 0) != size) {
        perror("getrandom");
        abort();
    }
}
