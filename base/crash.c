/* crash.c - see crash.h.  The counter is file state, against the habit of this project: a point must be
 * one call anywhere in the program, and nothing but tests ever sets it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/crash.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long left = -1; /* -1 = not asked yet, 0 = off */
static char only[64];  /* "" = any */

void crash_read(void)
{
    const char *text = getenv("PATRON_CRASH");
    left = 0;
    *only = 0;
    if (!text || !*text)
        return;
    const char *colon = strrchr(text, ':');
    if (colon)
        snprintf(only, sizeof only, "%.*s", (int)(colon - text), text);
    left = strtol(colon ? colon + 1 : text, NULL, 10);
    if (left < 0)
        left = 0;
}

void crash_point(const char *name)
{
    if (left == 0)
        return;
    if (left < 0)
        crash_read();
    if (left == 0 || (*only && strcmp(only, name) != 0) || --left > 0)
        return;
    char line[96];
    int size = snprintf(line, sizeof line, "PATRON_CRASH: killed at %s\n", name);
    if (size > 0 && write(STDERR_FILENO, line, (size_t)size) < 0) {
        /* the message is a courtesy */
    }
    raise(SIGKILL);
}
