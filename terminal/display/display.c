/* display.c - see display.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/display/display.h"

#include "base/tr.h"
#include "hw/clock.h"
#include "terminal/display/display_state.h"
#include "terminal/till.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { INPUT_MAX = 256 };

struct viewer {
    int fd; /* -1 = none */
    size_t size;
    char in[INPUT_MAX];
};

struct display {
    struct till_extra extra; /* first */
    struct till *till;
    int listener;
    char path[TILL_PATH_MAX];
    struct viewer viewers[DISPLAYS_MAX];

    struct till_view view;
    struct display_state view_state; /* of the view as if it had just changed */
    uint32_t times_known;            /* likewise */
    int64_t state_ms;                /* since when it is so */
    struct display_state state;      /* as it is shown: it clears itself */
    struct display_state next;       /* scratch */
    int64_t beat_ms;

    uint32_t ask; /* number of the last question */
    bool asking;
    display_answer *answered;
    void *arg;
    int64_t until_ms;            /* of the question or the text */
    struct display_state spoken; /* LINES, YES_NO, PIN; else IDLE: nothing is said */
    char line[DISPLAY_JSON_MAX];
};

static struct display *of(struct till_extra *x)
{
    return (struct display *)x; /* extra is its first member */
}

/* ---- questions ---- */

static void end_question(struct display *d, bool yes, const char *pin)
{
    d->asking = false;
    d->spoken.page = DISPLAY_IDLE;
    d->beat_ms = 0;
    d->answered(d->arg, yes, pin);
}

static void speak(struct display *d, enum display_page page, const char *const *lines, int count)
{
    struct display_state *s = &d->spoken;
    memset(s, 0, sizeof *s);
    s->page = page;
    for (int i = 0; i < count && i < DISPLAY_LINES_MAX; i++) {
        snprintf(s->lines[i], sizeof s->lines[i], "%s", lines[i]);
        s->line_count = i + 1;
    }
    d->beat_ms = 0;
}

bool display_is_there(const struct display *d)
{
    for (int i = 0; d && i < DISPLAYS_MAX; i++)
        if (d->viewers[i].fd >= 0)
            return true;
    return false;
}

bool display_ask(struct display *d, enum display_question kind, const char *const *lines, int count,
                 display_answer *answered, void *arg)
{
    if (!display_is_there(d) || d->asking)
        return false;
    speak(d, kind == DISPLAY_ASK_PIN ? DISPLAY_PIN : DISPLAY_YES_NO, lines, count);
    d->spoken.ask = ++d->ask;
    d->asking = true;
    d->answered = answered;
    d->arg = arg;
    d->until_ms = clock_tick_ms() + DISPLAY_ASK_MS;
    return true;
}

void display_unask(struct display *d)
{
    if (!d || !d->asking)
        return;
    d->asking = false;
    d->spoken.page = DISPLAY_IDLE;
    d->beat_ms = 0;
}

bool display_show(struct display *d, const char *const *lines, int count)
{
    if (!display_is_there(d) || d->asking)
        return false;
    speak(d, count > 0 ? DISPLAY_LINES : DISPLAY_IDLE, lines, count);
    d->until_ms = clock_tick_ms() + DISPLAY_LINES_MS;
    return true;
}

/* ---- what is shown ---- */

static void let_go(struct viewer *v)
{
    close(v->fd);
    bytes_wipe(v->in, sizeof v->in);
    v->fd = -1;
}

/* A state fits the socket's buffer many times over: one that cannot take it has not read for long. */
static void tell(struct display *d, struct viewer *v)
{
    size_t size = strlen(d->line);
    if (v->fd >= 0 && send(v->fd, d->line, size, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)size)
        let_go(v);
}

/* What is said goes before what the sale shows, in the language and with the head of that. */
static const struct display_state *wanted(struct display *d)
{
    if (d->spoken.page == DISPLAY_IDLE)
        return &d->state;
    memcpy(d->spoken.language, d->state.language, sizeof d->spoken.language);
    memcpy(d->spoken.programme, d->state.programme, sizeof d->spoken.programme);
    memcpy(d->spoken.shop, d->state.shop, sizeof d->spoken.shop);
    d->spoken.training = d->state.training;
    return &d->spoken;
}

static void look(struct display *d, int64_t now_ms)
{
    struct errmsg why;
    till_view(d->till, &d->view);
    if (!d->view.language[0])
        snprintf(d->view.language, sizeof d->view.language, "%s", tr_language());
    display_state_of(&d->next, &d->view, 0);
    bool again = d->view.times_known > d->times_known; /* the same member, perhaps long after */
    bool changed = !display_state_equal(&d->next, &d->view_state);
    d->times_known = d->view.times_known;
    if (changed || again) {
        d->view_state = d->next;
        d->state_ms = now_ms;
        if (d->spoken.page == DISPLAY_LINES)
            d->spoken.page = DISPLAY_IDLE;
    }
    display_state_of(&d->next, &d->view, (now_ms - d->state_ms) / 1000);
    changed = !display_state_equal(&d->next, &d->state);
    d->state = d->next;
    if (!changed && now_ms < d->beat_ms)
        return;
    d->beat_ms = now_ms + DISPLAY_BEAT_MS;
    if (display_encode(d->line, wanted(d), &why))
        return;
    for (int i = 0; i < DISPLAYS_MAX; i++)
        tell(d, &d->viewers[i]);
}

/* ---- what is answered ---- */

static void hear_line(struct display *d, const char *line)
{
    json_t *root = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    const char *pin = json_string_value(json_object_get(root, "pin"));
    bool yes = json_is_true(json_object_get(root, "yes"));
    if (d->asking && json_integer_value(json_object_get(root, "ask")) == d->ask) {
        if (d->spoken.page != DISPLAY_PIN)
            end_question(d, yes, NULL);
        else
            end_question(d, pin != NULL, pin && strlen(pin) < WIRE_PIN_SIZE ? pin : NULL);
    }
    if (pin)
        bytes_wipe((char *)(uintptr_t)pin, strlen(pin)); /* jansson's copy, ours to end */
    json_decref(root);
}

static void hear(struct display *d, struct viewer *v)
{
    ssize_t n = recv(v->fd, v->in + v->size, sizeof v->in - 1 - v->size, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        let_go(v);
        return;
    }
    v->size += (size_t)n;
    v->in[v->size] = 0;
    for (char *end; v->fd >= 0 && (end = memchr(v->in, '\n', v->size));) {
        size_t line = (size_t)(end - v->in);
        *end = 0;
        hear_line(d, v->in);
        bytes_wipe(v->in, line);
        memmove(v->in, end + 1, v->size - line - 1);
        v->size -= line + 1;
    }
    if (v->size == sizeof v->in - 1) /* no answer is so long */
        let_go(v);
}

/* ---- the loop ---- */

static void accept_viewer(struct till *t, struct display *d)
{
    int fd = till_accept(t, d->listener);
    for (int i = 0; fd >= 0 && i < DISPLAYS_MAX; i++)
        if (d->viewers[i].fd < 0) {
            d->viewers[i] = (struct viewer){.fd = fd};
            d->beat_ms = 0;
            return;
        }
    if (fd >= 0)
        close(fd);
}

static int fds(struct till_extra *x, struct pollfd *f, int cap)
{
    struct display *d = of(x);
    if (cap < 1 + DISPLAYS_MAX)
        return 0;
    f[0] = (struct pollfd){d->listener, POLLIN, 0};
    for (int i = 0; i < DISPLAYS_MAX; i++)
        f[1 + i] = (struct pollfd){d->viewers[i].fd, POLLIN, 0};
    return 1 + DISPLAYS_MAX;
}

static int64_t due_ms(struct till_extra *x, int64_t now_ms)
{
    struct display *d = of(x);
    (void)now_ms;
    return display_is_there(d) ? d->beat_ms : INT64_MAX;
}

static void turn(struct till *t, struct till_extra *x, const struct pollfd *f, int count,
                 int64_t now_ms)
{
    struct display *d = of(x);
    (void)t;
    for (int i = 1; i < count; i++)
        if (f[i].revents && d->viewers[i - 1].fd == f[i].fd && f[i].fd >= 0)
            hear(d, &d->viewers[i - 1]);
    if (count > 0 && f[0].revents)
        accept_viewer(t, d);
    if (d->asking && (now_ms >= d->until_ms || !display_is_there(d)))
        end_question(d, false, NULL);
    if (d->spoken.page == DISPLAY_LINES && now_ms >= d->until_ms)
        d->spoken.page = DISPLAY_IDLE, d->beat_ms = 0;
    look(d, now_ms); /* also when nobody looks: whoever comes later is not shown what is over by then */
}

/* ---- opening ---- */

static enum err listen_at(struct display *d, const char *path, struct errmsg *why)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct stat st;
    if (strlen(path) >= sizeof a.sun_path)
        return err_set(why, ERR_RANGE, "%s: a socket's path has at most %zu characters", path,
                       sizeof a.sun_path - 1);
    strcpy(a.sun_path, path);
    d->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (d->listener < 0)
        return err_set(why, ERR_IO, "%s: %s", path, strerror(errno));
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
        unlink(path); /* left by a till that was killed: the lock says that none runs */
    mode_t old = umask(0177);
    bool good = bind(d->listener, (struct sockaddr *)&a, sizeof a) == 0 &&
                listen(d->listener, DISPLAYS_MAX) == 0;
    int error = errno;
    umask(old);
    if (!good)
        return err_set(why, ERR_IO, "%s: %s", path, strerror(error));
    snprintf(d->path, sizeof d->path, "%s", path);
    return OK;
}

enum err display_open(struct display **out, struct till *t, const char *path, struct errmsg *why)
{
    *out = NULL;
    struct display *d = calloc(1, sizeof *d);
    if (!d)
        return err_set(why, ERR_FULL, "no memory for the display");
    d->till = t;
    for (int i = 0; i < DISPLAYS_MAX; i++)
        d->viewers[i].fd = -1;
    enum err e = listen_at(d, path, why);
    if (e) {
        if (d->listener >= 0)
            close(d->listener);
        free(d);
        return e;
    }
    d->extra = (struct till_extra){.fds = fds, .due_ms = due_ms, .turn = turn};
    till_add_extra(t, &d->extra);
    t->display = d;
    *out = d;
    return OK;
}

void display_close(struct display *d)
{
    if (!d)
        return;
    for (int i = 0; i < DISPLAYS_MAX; i++)
        if (d->viewers[i].fd >= 0)
            let_go(&d->viewers[i]);
    close(d->listener);
    unlink(d->path);
    free(d);
}
