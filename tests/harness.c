/* harness.c - see harness.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PROCS_MAX = 64 };
static pid_t running[PROCS_MAX]; /* so that die() can end them */

static int64_t tick_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void note_started(pid_t pid)
{
    for (int i = 0; i < PROCS_MAX; i++)
        if (!running[i]) {
            running[i] = pid;
            return;
        }
    kill(pid, SIGKILL);
    die("harness: more than %d processes", PROCS_MAX);
}

static void note_ended(pid_t pid)
{
    for (int i = 0; i < PROCS_MAX; i++)
        if (running[i] == pid)
            running[i] = 0;
}

void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fflush(stdout);
    fprintf(stderr, "\n");
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    for (int i = 0; i < PROCS_MAX; i++)
        if (running[i])
            kill(running[i], SIGKILL);
    exit(2);
}

char *path_of(const char *format, ...)
{
    char *path;
    va_list args;
    va_start(args, format);
    if (vasprintf(&path, format, args) < 0)
        die("harness: no memory");
    va_end(args);
    return path;
}

void write_file(const char *path, const char *text)
{
    char *temp = path_of("%s.new", path);
    FILE *f = fopen(temp, "w");
    if (!f || fputs(text, f) < 0 || fclose(f) || rename(temp, path))
        die("harness: write %s: %s", path, strerror(errno));
    free(temp);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

void remove_tree(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* in: what becomes its standard input, -1 = nothing. */
static void start(struct proc *p, int in, const char *log, const char *env, const char *const argv[])
{
    int out[2];
    if (pipe2(out, O_CLOEXEC))
        die("harness: pipe: %s", strerror(errno));
    pid_t parent = getpid(), pid = fork();
    if (pid < 0)
        die("harness: fork: %s", strerror(errno));
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(127);
        int err = open(log, O_WRONLY | O_CREAT | O_APPEND, 0666);
        dup2(in >= 0 ? in : open("/dev/null", O_RDONLY), 0);
        dup2(out[1], 1);
        dup2(err, 2);
        if (env) {
            char *copy = strdup(env), *equals = copy ? strchr(copy, '=') : NULL;
            if (!equals)
                _exit(127);
            *equals = 0;
            setenv(copy, equals + 1, 1);
            free(copy);
        }
        execv(argv[0], (char *const *)(uintptr_t)argv);
        fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }
    close(out[1]);
    *p = (struct proc){pid, out[0]};
    note_started(pid);
}

void proc_start(struct proc *p, const char *log, const char *env, const char *const argv[])
{
    start(p, -1, log, env, argv);
}

void proc_start_fed(struct proc *p, int *in, const char *log, const char *const argv[])
{
    int pipe_in[2];
    if (pipe2(pipe_in, O_CLOEXEC))
        die("harness: pipe: %s", strerror(errno));
    start(p, pipe_in[0], log, NULL, argv);
    close(pipe_in[0]);
    *in = pipe_in[1];
}

void proc_line(struct proc *p, char *line, size_t size, int timeout_ms)
{
    size_t used = 0;
    int64_t end = tick_ms() + timeout_ms;
    while (used + 1 < size) {
        struct pollfd f = {p->out, POLLIN, 0};
        int64_t rest = end - tick_ms();
        if (rest <= 0 || poll(&f, 1, (int)rest) <= 0)
            die("harness: process %d said nothing in %d ms", (int)p->pid, timeout_ms);
        if (read(p->out, line + used, 1) != 1)
            die("harness: process %d ended before it said a line", (int)p->pid);
        if (line[used] == '\n')
            break;
        used++;
    }
    line[used] = 0;
}

static int reap(struct proc *p, int timeout_ms)
{
    int status = 0;
    int64_t end = tick_ms() + timeout_ms;
    while (waitpid(p->pid, &status, WNOHANG) == 0) {
        if (tick_ms() > end) {
            char path[64], comm[64] = "";
            snprintf(path, sizeof path, "/proc/%d/comm", (int)p->pid);
            FILE *f = fopen(path, "r");
            if (!f || !fgets(comm, sizeof comm, f))
                snprintf(comm, sizeof comm, "?");
            die("harness: process %d does not end: %s", (int)p->pid, comm);
        }
        poll(NULL, 0, 2);
    }
    note_ended(p->pid);
    if (p->out >= 0)
        close(p->out);
    *p = (struct proc){0, -1};
    return status;
}

int proc_end(struct proc *p, int signal)
{
    if (!p->pid)
        return 0;
    kill(p->pid, signal);
    return reap(p, 10000);
}

int proc_wait(struct proc *p, int timeout_ms)
{
    return p->pid ? reap(p, timeout_ms) : 0;
}

int run(const char *log, const char *input, char *out, size_t size, const char *const argv[])
{
    int in[2], result[2];
    if (pipe2(in, O_CLOEXEC) || pipe2(result, O_CLOEXEC))
        die("harness: pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid < 0)
        die("harness: fork: %s", strerror(errno));
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int err = open(log, O_WRONLY | O_CREAT | O_APPEND, 0666);
        dup2(in[0], 0);
        dup2(result[1], 1);
        dup2(err, 2);
        execv(argv[0], (char *const *)(uintptr_t)argv);
        fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }
    note_started(pid);
    close(in[0]);
    close(result[1]);
    if (input && write(in[1], input, strlen(input)) != (ssize_t)strlen(input))
        die("harness: %s takes no input", argv[0]);
    close(in[1]);
    size_t used = 0;
    char spill[4096];
    for (;;) {
        bool room = out && used + 1 < size;
        ssize_t n = read(result[0], room ? out + used : spill, room ? size - 1 - used : sizeof spill);
        if (n <= 0)
            break;
        if (room)
            used += (size_t)n;
    }
    if (out)
        out[used] = 0;
    close(result[0]);
    int status;
    waitpid(pid, &status, 0);
    note_ended(pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void control_open(struct control *c, const char *socket_path, int timeout_ms)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (strlen(socket_path) >= sizeof a.sun_path)
        die("harness: the path %s is too long for a socket", socket_path);
    memcpy(a.sun_path, socket_path, strlen(socket_path) + 1);
    int64_t end = tick_ms() + timeout_ms;
    c->used = 0;
    for (;;) {
        c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(c->fd, (struct sockaddr *)&a, sizeof a) == 0)
            return;
        close(c->fd);
        if (tick_ms() > end)
            die("harness: nobody listens on %s after %d ms", socket_path, timeout_ms);
        poll(NULL, 0, 5);
    }
}

void control_close(struct control *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

static void send_line(struct control *c, const char *format, va_list args)
{
    char line[8192];
    int n = vsnprintf(line, sizeof line - 1, format, args);
    if (n < 0 || (size_t)n >= sizeof line - 1)
        die("harness: a command is too long");
    line[n++] = '\n';
    for (int sent = 0; sent < n;) {
        ssize_t k = send(c->fd, line + sent, (size_t)(n - sent), MSG_NOSIGNAL);
        if (k <= 0)
            return; /* control_read tells */
        sent += (int)k;
    }
}

void control_send(struct control *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    send_line(c, format, args);
    va_end(args);
}

bool control_read(struct control *c, char *line, size_t size, int timeout_ms)
{
    int64_t end = tick_ms() + timeout_ms;
    for (;;) {
        char *newline = memchr(c->buffer, '\n', c->used);
        if (newline) {
            size_t length = (size_t)(newline - c->buffer);
            snprintf(line, size, "%.*s", (int)length, c->buffer);
            c->used -= length + 1;
            memmove(c->buffer, newline + 1, c->used);
            return true;
        }
        if (c->used == sizeof c->buffer)
            die("harness: an answer is too long: %.80s...", c->buffer);
        struct pollfd f = {c->fd, POLLIN, 0};
        int64_t rest = end - tick_ms();
        if (rest <= 0 || poll(&f, 1, (int)rest) == 0)
            die("harness: no answer in %d ms", timeout_ms);
        ssize_t n = read(c->fd, c->buffer + c->used, sizeof c->buffer - c->used);
        if (n <= 0)
            return false;
        c->used += (size_t)n;
    }
}

void control_ok(struct control *c, char *line, size_t size, const char *format, ...)
{
    char command[200];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    va_start(args, format);
    send_line(c, format, args);
    va_end(args);
    if (!control_read(c, line, size, 20000))
        die("harness: the other side went away at '%s'", command);
    if (strncmp(line, "ok", 2) != 0)
        die("harness: '%s' was answered '%s'", command, line);
}

bool answer_text(const char *line, const char *key, char *out, size_t size)
{
    size_t length = strlen(key);
    for (const char *p = line; (p = strchr(p, ' ')) != NULL;) {
        p++;
        if (strncmp(p, key, length) == 0 && p[length] == '=') {
            p += length + 1;
            snprintf(out, size, "%.*s", (int)strcspn(p, " "), p);
            return true;
        }
    }
    return false;
}

int64_t answer_number(const char *line, const char *key)
{
    char text[32], *end;
    if (!answer_text(line, key, text, sizeof text))
        die("harness: no %s= in '%s'", key, line);
    long long n = strtoll(text, &end, 10);
    if (end == text || *end)
        die("harness: %s=%s in '%s' is no number", key, text, line);
    return n;
}

/* ---- relay: a child process that pumps bytes until it is told not to ---- */

enum { RELAY_PAIRS = 8 };
enum relay_mode { RELAY_OPEN, RELAY_CUT, RELAY_HANG };

struct pair {
    int till, office; /* -1 = free */
};

static void pair_close(struct pair *p)
{
    struct linger reset = {1, 0}; /* a reset, as a pulled plug ends */
    if (p->till >= 0) {
        setsockopt(p->till, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(p->till);
    }
    if (p->office >= 0)
        close(p->office);
    *p = (struct pair){-1, -1};
}

static bool pump(int from, int to)
{
    char bytes[16384];
    ssize_t n = read(from, bytes, sizeof bytes);
    if (n <= 0)
        return false;
    for (ssize_t sent = 0; sent < n;) {
        ssize_t k = send(to, bytes + sent, (size_t)(n - sent), MSG_NOSIGNAL);
        if (k <= 0)
            return false;
        sent += k;
    }
    return true;
}

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

static void relay_accept(int listener, int port, struct pair *pairs)
{
    int till = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (till < 0)
        return;
    for (int i = 0; i < RELAY_PAIRS; i++)
        if (pairs[i].till < 0) {
            struct sockaddr_in a = loopback(port);
            pairs[i] = (struct pair){till, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
            if (connect(pairs[i].office, (struct sockaddr *)&a, sizeof a))
                pair_close(&pairs[i]);
            return;
        }
    close(till);
}

static void relay_run(int listener, int commands, int answers, int port)
{
    struct pair pairs[RELAY_PAIRS];
    for (int i = 0; i < RELAY_PAIRS; i++)
        pairs[i] = (struct pair){-1, -1};
    enum relay_mode mode = RELAY_OPEN;
    int refused = 0;
    for (;;) {
        struct pollfd f[2 + 2 * RELAY_PAIRS];
        f[0] = (struct pollfd){commands, POLLIN, 0};
        f[1] = (struct pollfd){mode == RELAY_HANG ? -1 : listener, POLLIN, 0};
        for (int i = 0; i < RELAY_PAIRS; i++) {
            f[2 + 2 * i] = (struct pollfd){mode == RELAY_OPEN ? pairs[i].till : -1, POLLIN, 0};
            f[3 + 2 * i] = (struct pollfd){mode == RELAY_OPEN ? pairs[i].office : -1, POLLIN, 0};
        }
        if (poll(f, 2 + 2 * RELAY_PAIRS, -1) < 0)
            continue;
        if (f[0].revents) {
            int command[2];
            if (read(commands, command, sizeof command) != (ssize_t)sizeof command)
                _exit(0);
            mode = (enum relay_mode)command[0];
            if (command[1])
                port = command[1];
            for (int i = 0; mode != RELAY_HANG && i < RELAY_PAIRS; i++)
                pair_close(&pairs[i]);
            if (write(answers, &refused, sizeof refused) != (ssize_t)sizeof refused)
                _exit(1);
            refused = 0;
            continue;
        }
        if (f[1].revents) {
            if (mode == RELAY_CUT) {
                struct pair p = {accept4(listener, NULL, NULL, SOCK_CLOEXEC), -1};
                pair_close(&p);
                refused++;
            } else {
                relay_accept(listener, port, pairs);
            }
        }
        for (int i = 0; i < RELAY_PAIRS; i++)
            if ((f[2 + 2 * i].revents && pairs[i].till >= 0 &&
                 !pump(pairs[i].till, pairs[i].office)) ||
                (f[3 + 2 * i].revents && pairs[i].office >= 0 &&
                 !pump(pairs[i].office, pairs[i].till)))
                pair_close(&pairs[i]);
    }
}

void relay_start(struct relay *r, int office_port)
{
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), commands[2], answers[2];
    struct sockaddr_in a = loopback(0);
    socklen_t size = sizeof a;
    if (bind(listener, (struct sockaddr *)&a, size) || listen(listener, 8) ||
        getsockname(listener, (struct sockaddr *)&a, &size) || pipe2(commands, O_CLOEXEC) ||
        pipe2(answers, O_CLOEXEC))
        die("harness: relay: %s", strerror(errno));
    pid_t pid = fork();
    if (pid < 0)
        die("harness: fork: %s", strerror(errno));
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(commands[1]);
        relay_run(listener, commands[0], answers[1], office_port);
    }
    close(listener);
    close(commands[0]);
    close(answers[1]);
    note_started(pid);
    *r = (struct relay){{pid, answers[0]}, commands[1], ntohs(a.sin_port)};
}

/* Returns how many connections were refused since it was told the last time. */
static int relay_tell(struct relay *r, enum relay_mode mode, int port)
{
    int command[2] = {(int)mode, port}, refused;
    if (write(r->command, command, sizeof command) != (ssize_t)sizeof command ||
        read(r->proc.out, &refused, sizeof refused) != (ssize_t)sizeof refused)
        die("harness: the relay is gone");
    return refused;
}

void relay_cut(struct relay *r)
{
    relay_tell(r, RELAY_CUT, 0);
}

void relay_hang(struct relay *r)
{
    relay_tell(r, RELAY_HANG, 0);
}

int relay_restore(struct relay *r)
{
    return relay_tell(r, RELAY_OPEN, 0);
}

void relay_target(struct relay *r, int office_port)
{
    relay_tell(r, RELAY_OPEN, office_port);
}

void relay_stop(struct relay *r)
{
    close(r->command);
    proc_end(&r->proc, SIGKILL);
}
