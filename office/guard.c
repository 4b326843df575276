/* guard.c - see guard.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/guard.h"

#include "hw/clock.h"
#include "hw/machine.h"

#include <errno.h>
#include <string.h>

enum err guard_look(struct guard *g, struct errmsg *why)
{
    int64_t now = clock_tick_ms();
    if (now < g->next_ms)
        return OK;
    g->next_ms = now + GUARD_PAUSE_MS;
    int64_t left = machine_disk_free(g->dir);
    if (left < 0)
        return err_set(why, ERR_IO, "%s: %s", g->dir, strerror(errno));
    g->free_mb = left / (1024 * 1024);
    int64_t enough = g->refusing ? g->least_mb + g->least_mb / 4 : g->least_mb;
    bool refuse = g->free_mb < enough;
    if (refuse == g->refusing)
        return OK;
    enum err e = books_refuse_changes(g->books, refuse, why);
    if (!e)
        g->refusing = refuse;
    return e;
}
