/* poll.c - see poll.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hw/poll.h"

#include "hw/clock.h"

#include <assert.h>
#include <errno.h>

int poll_until(struct pollfd *polls, int count, int64_t until_ms, const sigset_t *mask)
{
    int64_t now_ms = clock_tick_ms(), wait_ms = until_ms > now_ms ? until_ms - now_ms : 0;
    struct timespec wait = {.tv_sec = (time_t)(wait_ms / 1000), .tv_nsec = wait_ms % 1000 * 1000000};
    int ready = ppoll(polls, (nfds_t)count, &wait, mask);
    if (ready < 0) {
        assert(errno == EINTR || errno == ENOMEM);
        for (int i = 0; i < count; i++)
            polls[i].revents = 0;
        ready = 0;
    }
    if (mask) { /* ppoll lets no signal in while something is ready */
        sigset_t held;
        sigprocmask(SIG_SETMASK, mask, &held);
        sigprocmask(SIG_SETMASK, &held, NULL);
    }
    return ready;
}
