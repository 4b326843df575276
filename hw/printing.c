/* printing.c - see printing.h.
 *
 *   till --ask--> process     ASK_DOCUMENT, ASK_DRAWER
 *   till <-tell-- process     TELL_STATE, TELL_BEGUN, TELL_DONE, TELL_NO_DRAWER
 *
 * over one SEQPACKET socket pair, so that a message comes whole or not at all, and what the process said before it
 * died is still heard.
 *
 * A document: ESC @ first, alone, because it prints nothing: if the printer does not take it, nothing was begun.
 * Then TELL_BEGUN, then the rest in pieces, each from where the last one ended, and at the end the question how the
 * printer is.  No call waits longer than half a second, and a process that hangs in one all the same is ended by its
 * alarm.
 *
 * The drawer: by ESC p, in its turn, while the printer is well.  One that is off line would keep that and open the
 * drawer when nobody stands there any more; it gets the pulse that is executed at once (DLE DC4), and so does one that
 * does not take the rest of a document, between two commands of it.  Its five bytes are one packet, taken whole or not.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hw/printing.h"

#include "base/tr.h"
#include "hw/child.h"
#include "hw/clock.h"
#include "hw/escpos.h"
#include "hw/printer.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    STALLS_MOST = 5, /* in a row, without a byte taken */
    CLOSE_MS = 500,
    STEADY_MS =
        5000 /* a process that lived this long is started again without a pause when it dies */
};

/* All other times are parts of the patience with a stuck printer, so that a test can be in a hurry.  Usually: */
enum {
    HANG = 2,    /* times; 20 s: the process is ended when it sits in one call for so long */
    SLICE = 20,  /* 500 ms: of one transfer */
    STATUS = 10, /* 1 s: between two questions to a printer that has nothing to do */
    RESCAN =
        5, /* 2 s: between two attempts to open, whatever hotplug said; longest pause before a new process */
    PAUSE = 100 /* 100 ms: between two glances, and two attempts while it cannot print */
};

static int part_of(int stuck_ms, int fraction)
{
    int ms = stuck_ms / fraction;
    return ms > 5 ? ms : 5;
}

enum ask { ASK_DOCUMENT = 1, ASK_DRAWER };
struct ask_head {
    enum ask kind;
    int64_t asked_ms;
    size_t size;
};
struct ask_message {
    struct ask_head head;
    uint8_t data[PRINTING_DOCUMENT_MAX]; /* only so much of it is sent */
};

enum tell { TELL_STATE = 1, TELL_BEGUN, TELL_DONE, TELL_NO_DRAWER };
struct tell_message {
    enum tell kind;
    bool there;
    enum printing_fate fate;
    struct errmsg why; /* TELL_STATE: "" = well */
};

/* ================ the process ================ */

struct child {
    int sock, stuck_ms, slice_ms, pause_ms;
    unsigned hang_s;
    struct printer *printer;
    bool answers; /* it has told its status since it was opened */
    int64_t open_at_ms, status_at_ms;
    bool told, there; /* what the till was told last */
    struct errmsg trouble;
    struct printer_status status; /* as it answered last */
    struct ask_message ask;
};

static void tell(struct child *c, const struct tell_message *m)
{
    if (send(c->sock, m, sizeof *m, MSG_NOSIGNAL) < 0)
        _exit(0); /* the till is gone */
}

/* why "" = well */
static void tell_state(struct child *c, const struct errmsg *why)
{
    bool there = printer_is_open(c->printer);
    if (c->told && there == c->there && strcmp(why->text, c->trouble.text) == 0)
        return;
    c->told = true;
    c->there = there;
    c->trouble = *why;
    struct tell_message m = {.kind = TELL_STATE, .there = there, .why = *why};
    tell(c, &m);
}

static void lose_printer(struct child *c, const struct errmsg *why)
{
    printer_close(c->printer);
    c->open_at_ms = clock_tick_ms() + c->pause_ms;
    tell_state(c, why);
}

/* How it is; one that has told nothing since it was opened, or nonsense, is believed to be well. */
static enum err ask_status(struct child *c, bool midway, struct errmsg *why)
{
    enum err e = printer_status(c->printer, &c->status, midway, c->slice_ms, why);
    if (e == OK) {
        c->answers |= !midway;
        return printer_status_say(&c->status, why);
    }
    if (e != ERR_NO_DEVICE && (midway || !c->answers)) {
        why->text[0] = 0;
        return OK;
    }
    return e;
}

static void look_after(struct child *c)
{
    struct errmsg why = {""};
    int64_t now = clock_tick_ms();
    bool changed = printer_changed(c->printer);
    if (!printer_is_open(c->printer)) {
        if (!changed && now < c->open_at_ms)
            return;
        c->open_at_ms = now + part_of(c->stuck_ms, RESCAN);
        c->answers = false;
        c->status_at_ms = now;
        if (printer_open(c->printer, &why)) {
            tell_state(c, &why);
            return;
        }
    }
    if (now < c->status_at_ms)
        return;
    c->status_at_ms = now + (c->trouble.text[0] ? c->pause_ms : part_of(c->stuck_ms, STATUS));
    enum err e = ask_status(c, false, &why);
    if (e == ERR_NO_DEVICE || e == ERR_IO || e == ERR_FORMAT) /* nonsense: left over, or it no longer tells */
        lose_printer(c, &why);
    else
        tell_state(c, &why);
}

static void done(struct child *c, enum printing_fate fate, const struct errmsg *why)
{
    struct tell_message m = {.kind = TELL_DONE, .fate = fate};
    if (fate != PRINTING_PRINTED) /* the last word on why it cannot print comes first */
        m.why = *why;
    tell(c, &m);
}

static bool till_is_gone(const struct child *c)
{
    struct pollfd p = {.fd = c->sock};
    return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR));
}

static void wait_a_little(const struct child *c)
{
    (void)poll(NULL, 0, c->pause_ms);
}

/* ---- the drawer ---- */

static enum err pulse(struct child *c, bool now, struct errmsg *why)
{
    uint8_t bytes[8];
    struct buf b = BUF_ON(bytes);
    enum err e = OK;
    if (now)
        escpos_drawer_now(&b);
    else
        escpos_drawer(&b);
    for (size_t at = 0, taken = 0; e == OK && at < b.size; at += taken)
        e = printer_write(c->printer, bytes_of(bytes + at, b.size - at), &taken, c->slice_ms, why);
    return e;
}

static void open_drawer(struct child *c, const struct ask_head *asked)
{
    struct tell_message m = {.kind = TELL_NO_DRAWER};
    enum err e = OK;
    if (clock_tick_ms() - asked->asked_ms > PRINTING_DRAWER_MS)
        e = err_set(&m.why, ERR_TIMEOUT, TR_LATER("the printer was busy for too long"));
    else if (!printer_is_open(c->printer))
        e = err_set(&m.why, ERR_NO_DEVICE, "no USB receipt printer is attached");
    else
        e = ask_status(c, false, &m.why);
    const struct printer_status *s = &c->status;
    if (e == OK)
        e = pulse(c, false, &m.why);
    else if (e == ERR_REFUSED && (s->cover_open || s->paper_out || !s->failed)) /* in error it would not heed it */
        e = pulse(c, true, &m.why);
    if (e)
        tell(c, &m);
}

/* In the middle of a document no other document is asked for.  Does the till ask for the drawer? */
static bool hear_drawer(const struct child *c, struct ask_head *out)
{
    return recv(c->sock, out, sizeof *out, MSG_DONTWAIT) == sizeof *out;
}

/* While the printer does not take what follows after the first so many bytes; waits: for people, as it says. */
static void open_drawer_midway(struct child *c, size_t at, bool waits)
{
    struct ask_head asked;
    struct tell_message m = {.kind = TELL_NO_DRAWER};
    bool whole = escpos_is_whole(bytes_of(c->ask.data, at));
    if ((!whole && !waits) || !hear_drawer(c, &asked))
        return;
    enum err e;
    if (clock_tick_ms() - asked.asked_ms > PRINTING_DRAWER_MS)
        e = err_set(&m.why, ERR_TIMEOUT, TR_LATER("the printer was busy for too long"));
    else if (!whole)
        e = err_set(&m.why, ERR_REFUSED, TR_LATER("the printer stopped in the middle of a QR code: open the drawer with its key"));
    else
        e = pulse(c, true, &m.why);
    if (e)
        tell(c, &m);
}

/* ---- a document ---- */

/* The rest of the document after what was taken of ESC @. */
static enum printing_fate write_rest(struct child *c, size_t at, struct errmsg *why)
{
    const struct ask_message *d = &c->ask;
    int64_t moved_ms = clock_tick_ms();
    int stalls = 0;
    for (size_t taken; at < d->head.size; at += taken) {
        alarm(c->hang_s);
        enum err e = printer_write(c->printer, bytes_of(d->data + at, d->head.size - at), &taken,
                                   c->slice_ms, why);
        if (taken > 0) {
            struct errmsg well = {""};
            moved_ms = clock_tick_ms();
            stalls = 0;
            tell_state(c, &well);
            if (e != ERR_NO_DEVICE)
                continue;
        }
        if (e == ERR_NO_DEVICE || till_is_gone(c) || (e == ERR_IO && ++stalls > STALLS_MOST))
            return PRINTING_UNKNOWN;
        if (e == ERR_TIMEOUT) {
            struct errmsg now = {""};
            enum err how = ask_status(c, true, &now);
            tell_state(c, &now);
            if (how == ERR_REFUSED)
                moved_ms = clock_tick_ms(); /* it says what is wrong: wait for people */
            open_drawer_midway(c, at, how == ERR_REFUSED);
        }
        if (clock_tick_ms() - moved_ms > c->stuck_ms)
            return PRINTING_UNKNOWN;
        wait_a_little(c);
    }
    return PRINTING_PRINTED;
}

/* All was taken: until it says that it is well, what it holds may still be lost. */
static enum printing_fate wait_until_well(struct child *c, struct errmsg *why)
{
    int64_t since_ms = clock_tick_ms();
    for (;;) {
        alarm(c->hang_s);
        why->text[0] = 0;
        enum err e = ask_status(c, false, why);
        if (e == OK)
            return PRINTING_PRINTED;
        if (e == ERR_REFUSED)
            since_ms = clock_tick_ms();
        if (e == ERR_NO_DEVICE || till_is_gone(c) || clock_tick_ms() - since_ms > c->stuck_ms)
            return PRINTING_UNKNOWN;
        tell_state(c, why);
        struct ask_head asked;
        if (e == ERR_REFUSED && hear_drawer(c, &asked))
            open_drawer(c, &asked);
        wait_a_little(c);
    }
}

static void print_document(struct child *c)
{
    struct errmsg why = {""};
    size_t taken = 0;
    enum err e = printer_is_open(c->printer)
                     ? ask_status(c, false, &why)
                     : err_set(&why, ERR_NO_DEVICE, "no USB receipt printer is attached");
    if (e == OK)
        e = printer_write(c->printer, bytes_of(c->ask.data, ESCPOS_BEGIN_SIZE), &taken, c->slice_ms,
                          &why);
    if (e) {
        if (e == ERR_NO_DEVICE)
            lose_printer(c, &why);
        else
            tell_state(c, &why);
        done(c, PRINTING_NOT_BEGUN, &why);
        return;
    }
    struct tell_message begun = {.kind = TELL_BEGUN};
    tell(c, &begun);
    enum printing_fate fate = write_rest(c, taken, &why);
    if (fate == PRINTING_PRINTED)
        fate = wait_until_well(c, &why);
    if (fate != PRINTING_PRINTED) {
        lose_printer(c, &why);
    } else {
        why.text[0] = 0;
        tell_state(c, &why);
    }
    done(c, fate, &why);
}

/* Never returns. */
static _Noreturn void child_run(int sock, const char *name, int stuck_ms)
{
    struct child *c = calloc(1, sizeof *c);
    struct errmsg why;
    if (!c || printer_create(&c->printer, name, &why))
        _exit(1);
    c->sock = sock;
    c->stuck_ms = stuck_ms;
    c->hang_s = (unsigned)(HANG * stuck_ms / 1000) + 1;
    c->slice_ms = part_of(stuck_ms, SLICE);
    c->pause_ms = part_of(stuck_ms, PAUSE);
    for (;;) {
        struct pollfd p = {.fd = sock, .events = POLLIN};
        alarm(c->hang_s);
        look_after(c);
        if (poll(&p, 1, c->pause_ms) <= 0)
            continue;
        ssize_t size = recv(sock, &c->ask, sizeof c->ask, 0);
        if (size == 0 || (size < 0 && errno != EINTR))
            break; /* the till let us go */
        if (size > 0 && c->ask.head.kind == ASK_DOCUMENT)
            print_document(c);
        else if (size > 0)
            open_drawer(c, &c->ask.head);
    }
    printer_destroy(c->printer);
    _exit(0);
}

/* The new process: nothing of the till's but the socket. */
static _Noreturn void child_start(int sock, const char *name, int stuck_ms, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0);
    for (int s = 1; s < NSIG; s++)
        signal(s, SIG_DFL);
    signal(SIGINT, SIG_IGN); /* Ctrl-C is the till's to answer */
    signal(SIGPIPE, SIG_IGN);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setrlimit(RLIMIT_CORE,
              &(struct rlimit){0, 0}); /* keys may be in the memory we were forked from */
    int null = open("/dev/null", O_RDWR);
    if (dup2(null, 0) < 0 || dup2(null, 1) < 0)
        _exit(1);
    if (sock != 3 && dup2(sock, 3) < 0)
        _exit(1);
    close_range(4, ~0U, 0);
    fcntl(3, F_SETFD, FD_CLOEXEC);
    child_run(3, name, stuck_ms);
}

/* ================ the till's side ================ */

struct printing {
    char name[40];
    int stuck_ms;
    int events; /* epoll of sock and timer */
    int sock;   /* -1 = no process */
    int timer;  /* when to start the process again */
    pid_t child;
    int64_t started_ms;
    int restart_pause_ms;
    bool known, there, busy, begun; /* busy: with a document; begun: it said so */
    struct errmsg trouble;
    struct ask_message ask;
};

static void watch(struct printing *p, int fd)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};
    (void)epoll_ctl(p->events, EPOLL_CTL_ADD, fd, &ev);
}

static void set_timer(struct printing *p, int ms)
{
    struct itimerspec t = {.it_value = {ms / 1000, ms % 1000 * 1000000L}};
    (void)timerfd_settime(p->timer, 0, &t, NULL);
}

#define NOT_STARTED TR_LATER("the printer's process cannot be started")

static enum err start_child(struct printing *p, struct errmsg *why)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return err_set(why, ERR_IO, NOT_STARTED);
    pid_t parent = getpid();
    p->child = fork();
    if (p->child < 0) {
        p->child = 0;
        close(ends[0]);
        close(ends[1]);
        return err_set(why, ERR_IO, NOT_STARTED);
    }
    if (p->child == 0)
        child_start(ends[1], p->name, p->stuck_ms, parent);
    close(ends[1]);
    p->sock = ends[0];
    p->started_ms = clock_tick_ms();
    watch(p, p->sock);
    return OK;
}

static void reap(struct printing *p, struct errmsg *how)
{
    char text[100];
    child_end(&p->child, &p->sock, text, sizeof text);
    err_set(how, ERR_IO, TR_LATER("the printer's process ended and is started again"));
}

static void child_died(struct printing *p)
{
    reap(p, &p->trouble);
    p->there = false;
    if (clock_tick_ms() - p->started_ms > STEADY_MS)
        p->restart_pause_ms = part_of(p->stuck_ms, PAUSE);
    set_timer(p, p->restart_pause_ms);
    p->restart_pause_ms *= 2;
    if (p->restart_pause_ms > part_of(p->stuck_ms, RESCAN))
        p->restart_pause_ms = part_of(p->stuck_ms, RESCAN);
}

enum err printing_open(struct printing **out, const char *name, int stuck_ms, struct errmsg *why)
{
    *out = NULL;
    struct printing *p = calloc(1, sizeof *p);
    if (!p)
        return err_set(why, ERR_IO, "no memory for the printer");
    p->sock = -1;
    p->stuck_ms = stuck_ms;
    p->restart_pause_ms = part_of(p->stuck_ms, PAUSE);
    snprintf(p->name, sizeof p->name, "%s", name);
    p->events = epoll_create1(EPOLL_CLOEXEC);
    p->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    err_set(&p->trouble, ERR_NO_DEVICE, TR_LATER("the printer is being looked for"));
    enum err e = OK;
    if (!printer_is_name(name))
        e = err_set(why, ERR_FORMAT, "a printer is called usb or usb:VID:PID, not %s", name);
    else if (p->events < 0 || p->timer < 0)
        e = err_set(why, ERR_IO, "epoll: %s", strerror(errno));
    if (e == OK) {
        watch(p, p->timer);
        e = start_child(p, why);
    }
    if (e)
        printing_close(p);
    else
        *out = p;
    return e;
}

void printing_close(struct printing *p)
{
    struct errmsg how;
    if (!p)
        return;
    if (p->sock >= 0) { /* it gives the printer back and goes; a hung one is not waited for */
        shutdown(p->sock, SHUT_WR);
        struct pollfd f = {.fd = p->sock, .events = POLLIN};
        int64_t left = CLOSE_MS, deadline = clock_tick_ms() + left;
        struct tell_message m;
        while (left > 0 && poll(&f, 1, (int)left) > 0 &&
               recv(p->sock, &m, sizeof m, MSG_DONTWAIT) > 0)
            left = deadline - clock_tick_ms();
    }
    if (p->child > 0)
        reap(p, &how);
    if (p->timer >= 0)
        close(p->timer);
    if (p->events >= 0)
        close(p->events);
    free(p);
}

int printing_fd(const struct printing *p)
{
    return p->events;
}

static enum printing_news ended(struct printing *p, struct printing_event *out,
                                enum printing_fate fate, const struct errmsg *why)
{
    p->busy = p->begun = false;
    out->fate = fate;
    out->why = *why;
    return PRINTING_DONE;
}

static enum printing_news hear(struct printing *p, const struct tell_message *m,
                               struct printing_event *out)
{
    switch (m->kind) {
    case TELL_STATE:
        p->known = true;
        p->there = m->there;
        p->trouble = m->why;
        return PRINTING_STATE;
    case TELL_BEGUN:
        p->begun = true;
        return PRINTING_NOTHING;
    case TELL_DONE:
        return ended(p, out, m->fate, &m->why);
    case TELL_NO_DRAWER:
        out->why = m->why;
        return PRINTING_NO_DRAWER;
    }
    return PRINTING_NOTHING;
}

enum printing_news printing_take(struct printing *p, struct printing_event *out)
{
    uint64_t expired;
    struct tell_message m;
    *out = (struct printing_event){PRINTING_PRINTED, {""}};
    if (p->sock < 0 && read(p->timer, &expired, sizeof expired) == sizeof expired &&
        start_child(p, &p->trouble))
        set_timer(p, part_of(p->stuck_ms, RESCAN));
    while (p->sock >= 0) {
        ssize_t size = recv(p->sock, &m, sizeof m, MSG_DONTWAIT);
        if (size == sizeof m) {
            enum printing_news news = hear(p, &m, out);
            if (news != PRINTING_NOTHING)
                return news;
        } else if (size >= 0 || (errno != EAGAIN && errno != EINTR)) {
            bool was_busy = p->busy, had_begun = p->begun;
            child_died(p);
            return was_busy ? ended(p, out, had_begun ? PRINTING_UNKNOWN : PRINTING_NOT_BEGUN,
                                    &p->trouble)
                            : PRINTING_STATE;
        } else if (errno == EAGAIN) {
            break;
        }
    }
    return PRINTING_NOTHING;
}

bool printing_is_busy(const struct printing *p)
{
    return p->busy;
}

const char *printing_trouble(const struct printing *p)
{
    return p->trouble.text;
}

bool printing_is_there(const struct printing *p)
{
    return p->there;
}

bool printing_is_looking(const struct printing *p)
{
    return !p->known;
}

pid_t printing_process(const struct printing *p)
{
    return p->child;
}

static enum err ask(struct printing *p, enum ask kind, struct bytes data, struct errmsg *why)
{
    p->ask.head = (struct ask_head){.kind = kind, .asked_ms = clock_tick_ms(), .size = data.size};
    if (data.size)
        memcpy(p->ask.data, data.data, data.size);
    size_t size = sizeof p->ask.head + data.size;
    if (send(p->sock, &p->ask, size, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)size)
        return err_set(why, ERR_NO_DEVICE, TR_LATER("the printer's process does not listen"));
    return OK;
}

enum err printing_send(struct printing *p, struct bytes document, struct errmsg *why)
{
    assert(document.size > ESCPOS_BEGIN_SIZE && document.size <= PRINTING_DOCUMENT_MAX);
    if (p->busy)
        return err_set(why, ERR_BUSY, TR_LATER("the printer is busy with another receipt"));
    if (p->trouble.text[0])
        return err_set(why, p->there ? ERR_REFUSED : ERR_NO_DEVICE, "%s", p->trouble.text);
    enum err e = ask(p, ASK_DOCUMENT, document, why);
    p->busy = e == OK;
    p->begun = false;
    return e;
}

enum err printing_drawer(struct printing *p, struct errmsg *why)
{
    if (!p->there)
        return err_set(why, ERR_NO_DEVICE, "%s", p->trouble.text);
    return ask(p, ASK_DRAWER, bytes_of(NULL, 0), why);
}
