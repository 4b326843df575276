/* child.c - see child.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hw/child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void child_end(pid_t *child, int *sock, char *how, size_t size)
{
    int status = 0;
    if (*sock >= 0)
        close(*sock);
    *sock = -1;
    kill(*child, SIGKILL);
    while (waitpid(*child, &status, 0) < 0 && errno == EINTR)
        ;
    *child = 0;
    if (WIFSIGNALED(status))
        snprintf(how, size, "process was ended by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(how, size, "process ended");
}
