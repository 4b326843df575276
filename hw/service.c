/* service.c - see service.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hw/service.h"

#include "hw/clock.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void say(const char *state)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    size_t size = path ? strlen(path) : 0;
    if (size == 0 || size >= sizeof a.sun_path)
        return;
    memcpy(a.sun_path, path, size);
    if (a.sun_path[0] == '@')
        a.sun_path[0] = 0; /* an abstract name */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    (void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&a,
                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size));
    close(fd);
}

void service_ready(void)
{
    say("READY=1");
}

int service_alive_ms(void)
{
    const char *watch = getenv("WATCHDOG_USEC");
    long long us = watch ? strtoll(watch, NULL, 10) : 0;
    return us >= 4000 && us / 4000 < INT32_MAX ? (int)(us / 4000) : INT32_MAX; /* four times in the time given */
}

void service_alive(void)
{
    static int64_t said_ms;
    int64_t now_ms = clock_tick_ms();
    int every_ms = service_alive_ms();
    if (every_ms == INT32_MAX || now_ms - said_ms < every_ms / 2)
        return;
    said_ms = now_ms;
    say("WATCHDOG=1");
}
