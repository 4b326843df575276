/* printing.c - see printing.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hw/printing.h"

#include "hw/printer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* The new process: nothing of the till's but the lines.  What failed goes into the pipe. */
static _Noreturn void print(int out, const char *name, const char *const *lines, int count)
{
    struct errmsg why = {""};
    struct printer *p;
    sigset_t none;
    signal(SIGALRM, SIG_DFL);
    signal(SIGINT, SIG_IGN); /* Ctrl-C is the till's to answer */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setrlimit(RLIMIT_CORE,
              &(struct rlimit){0, 0}); /* keys may be in the memory we were forked from */
    alarm(PRINTING_MOST_S);
    if (out != 3 && dup2(out, 3) < 0)
        _exit(1);
    close_range(4, ~0U, 0);
    enum err e = printer_open(&p, name, &why);
    if (e == OK) {
        e = printer_receipt(p, lines, count, PRINTING_MS, &why);
        p->ops->close(p);
    }
    if (e && write(3, why.text, strlen(why.text)) < 0)
        _exit(1);
    _exit(0);
}

enum err printing_start(struct printing *p, const char *name, const char *const *lines, int count,
                        struct errmsg *why)
{
    int ends[2];
    if (p->child)
        return err_set(why, ERR_BUSY, "the last one is still being printed");
    if (pipe2(ends, O_CLOEXEC) != 0)
        return err_set(why, ERR_IO, "pipe: %s", strerror(errno));
    pid_t child = fork();
    if (child == 0)
        print(ends[1], name, lines, count);
    int error = errno;
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return err_set(why, ERR_IO, "starting the printer's process: %s", strerror(error));
    }
    p->child = child;
    p->fd = ends[0];
    return OK;
}

enum err printing_end(struct printing *p, struct errmsg *why)
{
    char text[sizeof why->text] = "";
    size_t used = 0;
    int status = 0;
    if (!p->child)
        return OK;
    for (ssize_t n = 1; n > 0 || (n < 0 && errno == EINTR);) {
        n = read(p->fd, text + used, sizeof text - 1 - used);
        used += n > 0 ? (size_t)n : 0;
    }
    while (waitpid(p->child, &status, 0) < 0 && errno == EINTR)
        ;
    close(p->fd);
    *p = PRINTING_NONE;
    if (used)
        return err_set(why, ERR_IO, "%s", text);
    if (WIFSIGNALED(status))
        return err_set(why, ERR_IO, "the printer hung (its process was ended by signal %d)",
                       WTERMSIG(status));
    return WEXITSTATUS(status) ? err_set(why, ERR_IO, "the printer's process failed") : OK;
}
