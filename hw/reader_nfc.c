/* reader_nfc.c - the real libnfc, in a child process: see reader.h.
 *
 * Why a child: libnfc calls abort() when the chip's status byte has bit 7 set, overruns a stack buffer when
 * it is given more than 262 bytes, and can block for longer than a till may.  A dead child costs one sale's
 * card; the till goes on.
 *
 *   till --ask--> child     ASK_ARM, ASK_EXCHANGE, ASK_RELEASE
 *   till <-tell-- child     TELL_UP, TELL_DOWN (with a sentence), TELL_CARD, TELL_ANSWER
 *
 * over one SEQPACKET socket pair, so that a message comes whole or not at all.  Each arm and each exchange has
 * a number, and what comes late with an older number is dropped.
 *
 * How the child looks for a card (one step at a time, so that it never stops listening to the till):
 *
 *   arm --fresh--> FIRST --card--> LYING --not present--> LEAVING --2 x none--> LOOK
 *     \              \--none--> LOOK   ^-------same card-----/ \--another card--> found
 *      \--else--> LOOK --card--> found: told to the till, then IDLE
 *
 * A card in ISO 14443-4 state does not answer a new search, and a halted one only some, so the field goes off
 * and on wherever a card must be seen anew; that also ends a card's session.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hw/reader.h"

#include "hw/child.h"
#include "hw/clock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <nfc/nfc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    GRACE_MS = 150,        /* the child's own time on top of an exchange's timeout */
    RESTART_MS = 100,      /* a child that died is started again after this ... */
    RESTART_MOST_MS = 2000, /* ... doubling up to this while it keeps dying */
    STEADY_MS = 5000,      /* one that lived this long starts the doubling anew */
    REOPEN_MS = 100,       /* likewise the device */
    REOPEN_MOST_MS = 2000,
    LOOK_PAUSE_MS = 5,     /* between two searches; a real chip takes 10 to 25 ms for one */
    LYING_PAUSE_MS = 40,   /* between two questions whether the old card is still there */
    LEAVING_PAUSE_MS = 25,
    FIELD_OFF_MS = 6,      /* ISO 14443-3: 5 ms without field reset a card, 5 ms after it it must listen */
    CHIP_COM_MS = 103,     /* the chip waits this long for a card: FWT of DESFire is 77 ms */
    CHIP_COMMAND_MS = 500,
    CONNSTRING_SIZE = 512
};

enum ask { ASK_ARM = 1, ASK_EXCHANGE, ASK_RELEASE };
struct ask_message {
    enum ask kind;
    uint32_t number;
    bool fresh;
    int timeout_ms;
    size_t size;
    uint8_t data[READER_FRAME_MAX];
};

enum tell { TELL_UP = 1, TELL_DOWN, TELL_CARD, TELL_ANSWER };
struct tell_message {
    enum tell kind;
    uint32_t number;
    enum err e;
    struct errmsg why;
    struct reader_card card;
    size_t size;
    uint8_t data[READER_FRAME_MAX + 2];
};

/* ================ the child ================ */

enum phase { IDLE, FIRST, LYING, LEAVING, LOOK };

struct child {
    int sock;
    const char *connstring;
    nfc_context *context;
    nfc_device *device; /* NULL = away */
    int lock;
    int64_t reopen_at_ms;
    int reopen_pause_ms;
    enum phase phase;
    int64_t step_at_ms;
    int absent;            /* searches in a row that found nothing */
    struct reader_card lying;
    struct reader_card card; /* the one the till was told of */
    uint32_t number;       /* of the last arm */
    bool selected;         /* the card the till was told of is ready for exchanges */
};

static const nfc_modulation type_a = {.nmt = NMT_ISO14443A, .nbr = NBR_106};

static void tell(struct child *c, const struct tell_message *m)
{
    if (send(c->sock, m, sizeof *m, MSG_NOSIGNAL) < 0 && errno != EAGAIN)
        _exit(0); /* the till is gone */
}

static void tell_down(struct child *c, const char *what)
{
    struct tell_message m = {.kind = TELL_DOWN, .e = ERR_NO_DEVICE};
    err_set(&m.why, ERR_NO_DEVICE, "card reader %s: %s", *c->connstring ? c->connstring : "(any)", what);
    tell(c, &m);
}

static void close_device(struct child *c)
{
    if (c->device)
        nfc_close(c->device);
    c->device = NULL;
    c->selected = false;
    if (c->lock >= 0)
        close(c->lock);
    c->lock = -1;
}

/* The device failed: close it, say so, and open it anew, at first at once. */
static void device_failed(struct child *c, const char *what)
{
    close_device(c);
    tell_down(c, what);
    c->reopen_at_ms = clock_tick_ms();
    if (c->phase != IDLE)
        c->phase = c->phase == LOOK ? LOOK : FIRST;
}

/* libnfc lets two programs open one serial port.  The lock file's name is made from the real path of the
 * device, so that two symbolic links to it are one reader; it lies outside /dev. */
static bool take_lock(struct child *c, const char *connstring)
{
    char real[PATH_MAX], path[CONNSTRING_SIZE], name[300];
    const char *colon = strchr(connstring, ':'); /* "driver:path" or "driver:path:115200" */
    snprintf(path, sizeof path, "%s", colon ? colon + 1 : "");
    char *speed = strrchr(path, ':');
    if (speed && !realpath(path, real))
        *speed = 0;
    if (!realpath(path, real))
        snprintf(real, sizeof real, "%s", connstring);
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (const char *p = real; *p; p++)
        hash = (hash ^ (uint8_t)*p) * 0x100000001b3u;
    static const char *const dirs[] = {"/run/lock", "/tmp"};
    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
        snprintf(name, sizeof name, "%s/patron-reader-%016llx", dirs[i], (unsigned long long)hash);
        /* It stays when the program ends, and the next may be another user's: reading it is enough to
         * lock it, and a file that is there is not opened to create it (fs.protected_regular). */
        c->lock = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (c->lock < 0 && errno == ENOENT) {
            c->lock = open(name, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
            if (c->lock >= 0)
                (void)fchmod(c->lock, 0644); /* whatever the umask */
        }
        if (c->lock >= 0)
            return flock(c->lock, LOCK_EX | LOCK_NB) == 0;
    }
    return true; /* nowhere to put a lock: better a reader without */
}

static bool set_properties(nfc_device *d)
{
    return nfc_device_set_property_bool(d, NP_INFINITE_SELECT, false) >= 0 &&
           nfc_device_set_property_bool(d, NP_HANDLE_CRC, true) >= 0 &&
           nfc_device_set_property_bool(d, NP_EASY_FRAMING, true) >= 0 &&
           nfc_device_set_property_bool(d, NP_AUTO_ISO14443_4, true) >= 0 &&
           nfc_device_set_property_int(d, NP_TIMEOUT_COM, CHIP_COM_MS) >= 0 &&
           nfc_device_set_property_int(d, NP_TIMEOUT_COMMAND, CHIP_COMMAND_MS) >= 0;
}

static void open_device(struct child *c)
{
    const char *what = NULL;
    bool any = !*c->connstring;
    if (!any && !take_lock(c, c->connstring))
        what = "another program uses it";
    else if (!(c->device = nfc_open(c->context, any ? NULL : c->connstring)))
        what = "not there, or it does not answer";
    else if (any && !take_lock(c, nfc_device_get_connstring(c->device)))
        what = "another program uses it";
    else if (nfc_initiator_init(c->device) < 0 || !set_properties(c->device))
        what = "it could not be set up";
    if (what) {
        close_device(c);
        tell_down(c, what);
        c->reopen_at_ms = clock_tick_ms() + c->reopen_pause_ms;
        c->reopen_pause_ms *= 2;
        if (c->reopen_pause_ms > REOPEN_MOST_MS)
            c->reopen_pause_ms = REOPEN_MOST_MS;
        return;
    }
    c->reopen_pause_ms = REOPEN_MS;
    struct tell_message m = {.kind = TELL_UP};
    tell(c, &m);
}

static void pause_ms(int ms)
{
    struct timespec t = {.tv_nsec = ms * 1000000L};
    while (nanosleep(&t, &t) != 0 && errno == EINTR)
        ;
}

/* Off and on: every card forgets its session and answers a search again. */
static void reset_field(struct child *c)
{
    c->selected = false;
    if (nfc_device_set_property_bool(c->device, NP_ACTIVATE_FIELD, false) < 0) {
        device_failed(c, "it stopped answering");
        return;
    }
    pause_ms(FIELD_OFF_MS);
    if (nfc_device_set_property_bool(c->device, NP_ACTIVATE_FIELD, true) < 0)
        device_failed(c, "it stopped answering");
    else
        pause_ms(FIELD_OFF_MS);
}

/* One search.  1 = a card, selected; 0 = none; -1 = the device failed and is closed. */
static int search(struct child *c, struct reader_card *card)
{
    nfc_target t;
    int found = nfc_initiator_select_passive_target(c->device, type_a, NULL, 0, &t);
    if (found == NFC_ERFTRANS || found == NFC_ETGRELEASED || found == NFC_ECHIP)
        return 0; /* a card on the edge of the field */
    if (found < 0) {
        device_failed(c, found == NFC_ETIMEOUT ? "it does not answer" : "it is gone (unplugged?)");
        return -1;
    }
    if (found == 0)
        return 0;
    const nfc_iso14443a_info *a = &t.nti.nai;
    *card = (struct reader_card){.uid_size = (uint8_t)a->szUidLen, .sak = a->btSak};
    memcpy(card->uid.b, a->abtUid, a->szUidLen < 7 ? a->szUidLen : 7);
    memcpy(card->atqa, a->abtAtqa, 2);
    card->ats_size = (uint8_t)(a->szAtsLen < sizeof card->ats ? a->szAtsLen : sizeof card->ats);
    memcpy(card->ats, a->abtAts, card->ats_size);
    return 1;
}

static bool same_card(const struct reader_card *a, const struct reader_card *b)
{
    return a->uid_size == b->uid_size && uid_equal(&a->uid, &b->uid);
}

/* A phone, and some cards, make up another UID whenever the field was off (ISO 14443-3). */
static bool both_random(const struct reader_card *a, const struct reader_card *b)
{
    return a->uid_size == 4 && a->uid.b[0] == 0x08 && b->uid_size == 4 && b->uid.b[0] == 0x08;
}

/* A card was found.  Send it to sleep and search again: another one that answers now was there as well. */
static void found(struct child *c, struct reader_card *card)
{
    struct reader_card second;
    if (nfc_initiator_deselect_target(c->device) < 0) {
        reset_field(c);
        return; /* gone already; the search goes on */
    }
    int again = search(c, &second);
    bool was_off = again == 0;
    if (was_off) { /* the first one sleeps too deep for a search */
        reset_field(c);
        again = c->device ? search(c, &second) : -1;
    }
    if (again <= 0)
        return;
    if (was_off && both_random(card, &second))
        *card = second; /* two phones cannot be told from one here */
    card->several = !same_card(card, &second);
    if (card->several)
        reset_field(c);
    else
        c->selected = true;
    if (!c->device)
        return;
    c->phase = IDLE;
    c->card = *card;
    struct tell_message m = {.kind = TELL_CARD, .number = c->number, .card = *card};
    tell(c, &m);
}

/* One step of the drawing above; afterwards step_at_ms says when the next is due. */
static void look(struct child *c)
{
    struct reader_card card;
    int pause = LOOK_PAUSE_MS, n;
    switch (c->phase) {
    case IDLE:
        return;
    case FIRST:
        n = search(c, &card);
        if (n == 1)
            c->lying = card;
        if (n >= 0)
            c->phase = n ? LYING : LOOK;
        break;
    case LYING:
        pause = LYING_PAUSE_MS;
        n = nfc_initiator_target_is_present(c->device, NULL);
        if (n == NFC_EIO || n == NFC_ETIMEOUT) {
            device_failed(c, "it stopped answering");
        } else if (n != NFC_SUCCESS) {
            c->absent = 0;
            c->phase = LEAVING;
            reset_field(c); /* it may only have missed a word */
        }
        break;
    case LEAVING:
        pause = LEAVING_PAUSE_MS;
        n = search(c, &card);
        if (n == 1 && (same_card(&card, &c->lying) || both_random(&card, &c->lying)))
            c->phase = LYING;
        else if (n == 1)
            found(c, &card);
        else if (n == 0 && ++c->absent >= 2)
            c->phase = LOOK;
        break;
    case LOOK:
        if (search(c, &card) == 1)
            found(c, &card);
        break;
    }
    c->step_at_ms = clock_tick_ms() + pause;
}

static enum err exchange_error(int rc, struct errmsg *why)
{
    switch (rc) {
    case NFC_ETGRELEASED:
    case NFC_ERFTRANS:
    case NFC_ECHIP:
    case NFC_EINVARG: /* libnfc forgot the card */
        return err_set(why, ERR_GONE, "the card left the field");
    case NFC_ETIMEOUT:
    case NFC_EOPABORTED:
        return err_set(why, ERR_TIMEOUT, "the card reader did not answer in time");
    case NFC_EOVFLOW:
        return err_set(why, ERR_FULL, "the card's answer is longer than %d bytes", READER_FRAME_MAX);
    default:
        return err_set(why, ERR_NO_DEVICE, "the card reader failed (libnfc %d)", rc);
    }
}

/* A type 2 tag ended an exchange with an error.  When it is still there, that was its NAK. */
static bool tag_refused(struct child *c)
{
    struct reader_card again;
    if (c->card.sak & 0x20)
        return false;
    int found = search(c, &again);
    if (found == 0) {
        reset_field(c);
        found = c->device ? search(c, &again) : -1;
    }
    c->selected = found == 1 && same_card(&again, &c->card);
    return c->selected;
}

static void exchange(struct child *c, const struct ask_message *a)
{
    struct tell_message m = {.kind = TELL_ANSWER, .number = a->number};
    if (!c->device) {
        m.e = err_set(&m.why, ERR_NO_DEVICE, "the card reader is away");
    } else if (!c->selected) {
        m.e = err_set(&m.why, ERR_GONE, "no card is selected");
    } else {
        int n = nfc_initiator_transceive_bytes(c->device, a->data, a->size, m.data, sizeof m.data,
                                               a->timeout_ms);
        if (n >= 0)
            m.size = (size_t)n;
        else
            m.e = exchange_error(n, &m.why);
        if (m.e == ERR_GONE && tag_refused(c)) {
            m.e = OK;
            m.why.text[0] = 0;
            m.size = 1;
            m.data[0] = 0x00;
        }
    }
    tell(c, &m);
    if (m.e == ERR_NO_DEVICE && c->device)
        device_failed(c, "it stopped answering");
}

static void obey(struct child *c, const struct ask_message *a)
{
    switch (a->kind) {
    case ASK_ARM:
        c->number = a->number;
        c->phase = a->fresh ? FIRST : LOOK;
        c->step_at_ms = clock_tick_ms();
        if (c->device)
            reset_field(c);
        break;
    case ASK_EXCHANGE:
        exchange(c, a);
        break;
    case ASK_RELEASE:
        c->phase = IDLE;
        if (c->device)
            reset_field(c);
        break;
    }
}

/* Never returns. */
static void child_run(int sock, const char *connstring)
{
    struct child c = {.sock = sock, .connstring = connstring, .lock = -1, .reopen_pause_ms = REOPEN_MS};
    setenv("LIBNFC_LOG_LEVEL", "0", 1);
    if (*connstring)
        setenv("LIBNFC_AUTO_SCAN", "false", 1);
    nfc_init(&c.context);
    if (!c.context)
        _exit(1);
    for (;;) {
        int64_t now = clock_tick_ms();
        int64_t due = c.device ? c.step_at_ms : c.reopen_at_ms;
        int wait = c.device && c.phase == IDLE ? -1 : due > now ? (int)(due - now) : 0;
        struct pollfd p = {.fd = sock, .events = POLLIN};
        if (poll(&p, 1, wait) > 0) {
            struct ask_message a;
            ssize_t size = recv(sock, &a, sizeof a, 0);
            if (size == 0 || (size < 0 && errno != EINTR))
                break; /* the till let us go */
            if (size == sizeof a)
                obey(&c, &a);
        } else if (!c.device) {
            open_device(&c);
        } else {
            look(&c);
        }
    }
    close_device(&c);
    nfc_exit(c.context);
    _exit(0);
}

/* The new process: nothing of the till's but the socket. */
static void child_start(int sock, const char *connstring, pid_t parent)
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
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* keys may be in the memory we were forked from */
    int null = open("/dev/null", O_RDWR);
    if (dup2(null, 0) < 0 || dup2(null, 1) < 0 || (!*connstring && dup2(null, 2) < 0))
        _exit(1); /* an automatic search complains on stderr each time */
    if (sock != 3 && dup2(sock, 3) < 0)
        _exit(1);
    close_range(4, ~0U, 0);
    fcntl(3, F_SETFD, FD_CLOEXEC);
    child_run(3, connstring);
}

/* ================ the till's side ================ */

struct reader_nfc {
    struct reader reader;
    char connstring[CONNSTRING_SIZE];
    int events; /* epoll of sock and timer: what fd() gives */
    int sock;   /* -1 = no child */
    int timer;  /* when to start the child again */
    pid_t child;
    int64_t started_ms;
    int restart_pause_ms;

    bool armed; /* looking: from arm until a card was found or let go */
    bool fresh, has_card, up;
    uint32_t number;
    struct reader_card card;
    struct errmsg down; /* why it is away */
};

static struct reader_nfc *of(struct reader *r)
{
    return (struct reader_nfc *)r; /* reader is its first member */
}

static void watch(struct reader_nfc *n, int fd)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};
    (void)epoll_ctl(n->events, EPOLL_CTL_ADD, fd, &ev);
}

static void set_timer(struct reader_nfc *n, int ms)
{
    struct itimerspec t = {.it_value = {ms / 1000, ms % 1000 * 1000000L}};
    (void)timerfd_settime(n->timer, 0, &t, NULL);
}

static bool ask(struct reader_nfc *n, const struct ask_message *m)
{
    return n->sock >= 0 && send(n->sock, m, sizeof *m, MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof *m;
}

static void ask_arm(struct reader_nfc *n)
{
    struct ask_message m = {.kind = ASK_ARM, .number = n->number, .fresh = n->fresh};
    (void)ask(n, &m); /* when it fails, the child is dying; its successor is asked again */
}

static enum err start_child(struct reader_nfc *n, struct errmsg *why)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return err_set(why, ERR_IO, "socketpair: %s", strerror(errno));
    pid_t parent = getpid();
    n->child = fork();
    if (n->child < 0) {
        close(ends[0]);
        close(ends[1]);
        return err_set(why, ERR_IO, "starting the reader's process: %s", strerror(errno));
    }
    if (n->child == 0)
        child_start(ends[1], n->connstring, parent);
    close(ends[1]);
    n->sock = ends[0];
    n->started_ms = clock_tick_ms();
    n->up = false;
    watch(n, n->sock);
    err_set(&n->down, ERR_NO_DEVICE, "card reader %s is being opened", n->connstring);
    if (n->armed)
        ask_arm(n);
    return OK;
}

static void restart(struct reader_nfc *n, const char *what)
{
    char how[100];
    child_end(&n->child, &n->sock, how, sizeof how);
    n->up = n->has_card = false;
    if (clock_tick_ms() - n->started_ms > STEADY_MS)
        n->restart_pause_ms = RESTART_MS;
    err_set(&n->down, ERR_NO_DEVICE, "card reader %s: its %s; it is started again", n->connstring,
            what ? what : how);
    set_timer(n, n->restart_pause_ms);
    n->restart_pause_ms *= 2;
    if (n->restart_pause_ms > RESTART_MOST_MS)
        n->restart_pause_ms = RESTART_MOST_MS;
}

static void hear(struct reader_nfc *n, const struct tell_message *m)
{
    switch (m->kind) {
    case TELL_UP:
        n->up = true;
        break;
    case TELL_DOWN:
        n->up = n->has_card = false;
        n->down = m->why;
        break;
    case TELL_CARD:
        if (n->armed && m->number == n->number) {
            n->card = m->card;
            n->has_card = true;
            n->armed = false;
        }
        break;
    case TELL_ANSWER:
        break; /* too late */
    }
}

/* One message; false when there is none.  A child that died is noticed here. */
static bool receive(struct reader_nfc *n, struct tell_message *m)
{
    if (n->sock < 0)
        return false;
    ssize_t size;
    do
        size = recv(n->sock, m, sizeof *m, MSG_DONTWAIT);
    while (size < 0 && errno == EINTR);
    if (size == sizeof *m)
        return true;
    if (size >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
        restart(n, NULL);
    return false;
}

static void pump(struct reader_nfc *n)
{
    uint64_t expired;
    if (n->sock < 0 && read(n->timer, &expired, sizeof expired) == sizeof expired &&
        start_child(n, &n->down) != OK)
        set_timer(n, RESTART_MOST_MS);
    struct tell_message m;
    while (receive(n, &m))
        hear(n, &m);
}

static int nfc_fd(struct reader *r)
{
    return of(r)->events;
}

static enum err nfc_arm(struct reader *r, bool fresh, struct errmsg *why)
{
    (void)why;
    struct reader_nfc *n = of(r);
    pump(n);
    n->has_card = false;
    n->armed = true;
    n->fresh = fresh;
    n->number++;
    ask_arm(n);
    return OK;
}

static enum err nfc_take(struct reader *r, struct reader_card *card, struct errmsg *why)
{
    struct reader_nfc *n = of(r);
    pump(n);
    if (n->has_card) {
        *card = n->card;
        return OK;
    }
    return n->up ? err_set(why, ERR_NO_CARD, "no card yet") : err_set(why, ERR_NO_DEVICE, "%s", n->down.text);
}

static enum err nfc_exchange(struct reader *r, struct bytes tx, struct buf *rx, int timeout_ms,
                             struct errmsg *why)
{
    struct reader_nfc *n = of(r);
    assert(timeout_ms > 0);
    rx->size = 0;
    rx->full = false;
    if (tx.size == 0 || tx.size > READER_FRAME_MAX)
        return err_set(why, ERR_RANGE, "a frame of %zu bytes is outside 1..%d", tx.size, READER_FRAME_MAX);
    pump(n);
    if (!n->has_card)
        return n->up ? err_set(why, ERR_STATE, "no card was taken")
                     : err_set(why, ERR_NO_DEVICE, "%s", n->down.text);
    struct ask_message a = {.kind = ASK_EXCHANGE, .number = ++n->number, .timeout_ms = timeout_ms};
    a.size = tx.size;
    memcpy(a.data, tx.data, tx.size);
    if (!ask(n, &a)) {
        restart(n, NULL);
        return err_set(why, ERR_NO_DEVICE, "%s", n->down.text);
    }
    int64_t deadline = clock_tick_ms() + timeout_ms + GRACE_MS;
    struct tell_message m;
    for (;;) {
        int64_t left = deadline - clock_tick_ms();
        struct pollfd p = {.fd = n->sock, .events = POLLIN};
        if (left <= 0) {
            restart(n, "process hung");
            return err_set(why, ERR_TIMEOUT, "%s", n->down.text);
        }
        if (poll(&p, 1, (int)left) <= 0)
            continue;
        if (!receive(n, &m)) {
            if (n->sock < 0)
                return err_set(why, ERR_NO_DEVICE, "%s", n->down.text);
        } else if (m.kind != TELL_ANSWER || m.number != a.number) {
            hear(n, &m);
        } else {
            break;
        }
    }
    if (m.e == ERR_NO_DEVICE) { /* the child says the same in a moment; who asks before that must know */
        n->up = n->has_card = false;
        n->down = m.why;
    }
    if (m.e)
        return err_set(why, m.e, "%s", m.why.text);
    if (m.size > READER_FRAME_MAX)
        return err_set(why, ERR_FULL, "the card's answer is longer than %d bytes", READER_FRAME_MAX);
    buf_put(rx, m.data, m.size);
    if (rx->full)
        return err_set(why, ERR_FULL, "the card's answer of %zu bytes is longer than expected", m.size);
    return OK;
}

static void nfc_release(struct reader *r)
{
    struct reader_nfc *n = of(r);
    pump(n);
    n->armed = n->has_card = false;
    struct ask_message m = {.kind = ASK_RELEASE};
    (void)ask(n, &m);
}

static void nfc_close_reader(struct reader *r)
{
    struct reader_nfc *n = of(r);
    if (n->sock >= 0) { /* it closes the device and goes; a hung one is not waited for */
        shutdown(n->sock, SHUT_WR);
        struct pollfd p = {.fd = n->sock, .events = POLLIN};
        int64_t deadline = clock_tick_ms() + 500;
        char rest[sizeof(struct tell_message)];
        while (clock_tick_ms() < deadline && poll(&p, 1, (int)(deadline - clock_tick_ms())) > 0 &&
               recv(n->sock, rest, sizeof rest, MSG_DONTWAIT) > 0)
            ;
    }
    if (n->child > 0) {
        char how[100];
        child_end(&n->child, &n->sock, how, sizeof how);
    }
    close(n->timer);
    close(n->events);
    free(n);
}

static const struct reader_ops nfc_ops = {.fd = nfc_fd,
                                          .arm = nfc_arm,
                                          .take = nfc_take,
                                          .exchange = nfc_exchange,
                                          .release = nfc_release,
                                          .close = nfc_close_reader,
                                          .name = "libnfc"};

enum err reader_nfc_open(struct reader **out, const char *connstring, struct errmsg *why)
{
    *out = NULL;
    struct reader_nfc *n = calloc(1, sizeof *n);
    if (!n)
        return err_set(why, ERR_IO, "no memory for the reader");
    if (strlen(connstring) >= sizeof n->connstring) {
        free(n);
        return err_set(why, ERR_IO, "the reader's name is too long");
    }
    strcpy(n->connstring, connstring);
    n->reader.ops = &nfc_ops;
    n->restart_pause_ms = RESTART_MS;
    n->sock = -1;
    n->events = epoll_create1(EPOLL_CLOEXEC);
    n->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    enum err e = n->events < 0 || n->timer < 0 ? err_set(why, ERR_IO, "epoll: %s", strerror(errno)) : OK;
    if (e == OK) {
        watch(n, n->timer);
        e = start_child(n, why);
    }
    if (e)
        nfc_close_reader(&n->reader);
    else
        *out = &n->reader;
    return e;
}
