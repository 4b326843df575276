/* cardsim_main.c - patron-cardsim: a PN532 reader on a pseudo-terminal with virtual cards, for any
 * program that uses libnfc, and a socket to move the cards about.
 *
 *   libnfc program --pty--> pn532_sim --> vcard, vtag (one file each in the card folder)
 *   test, demo, shell --control socket--> present, remove, tear ...
 *
 * Here is the line, the socket and the loop; the cards are in cardsim_cards.c, the commands in cardsim_commands.c.
 * One poll loop, no threads, no sleeping.  A card is saved before the answer to its commit goes
 * out, so what a terminal was told is in the file, as it would be on a card.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/mbed.h"
#include "hw/cardsim.h"
#include "hw/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

int64_t sim_now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void sim_complain(const char *format, ...)
{
    va_list args;
    fputs("patron-cardsim: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

/* --- trace ------------------------------------------------------------------------------------ */

static void trace_line(struct sim *s, const char *name, const char *what, struct bytes b)
{
    char text[2 * VCARD_ANSWER_MAX + 1];
    hex_encode(text, b.data, b.size);
    int64_t us = sim_now_us() - s->trace_start_us;
    fprintf(s->trace, "%6" PRId64 ".%03d %s %s %s\n", us / 1000, (int)(us % 1000), name, what,
            text);
}

static void on_exchange(void *of, const struct vtarget *v, struct bytes frame, struct bytes answer)
{
    struct sim *s = of;
    const struct card *c = sim_card_of(s, v);
    if (!s->trace || !c)
        return;
    trace_line(s, c->name, ">", frame);
    if (answer.size)
        trace_line(s, c->name, "<", answer);
    else
        fprintf(s->trace, "           %s : no answer\n", c->name);
    fflush(s->trace);
}

static void on_torn(void *of, const struct vtarget *v)
{
    struct sim *s = of;
    const struct card *c = sim_card_of(s, v);
    if (s->trace)
        fprintf(s->trace, "           %s : taken out of the field\n", c->name);
    sim_save_changed(s); /* before another reader may have it */
    sim_take_spot(s, sim_uid_of(c), F_UNLCK);
}

void sim_trace_stop(struct sim *s)
{
    if (s->trace && s->trace != stderr)
        fclose(s->trace);
    s->trace = NULL;
}

/* --- the line to the host --------------------------------------------------------------------- */

void sim_after_chip(struct sim *s, size_t bytes_in)
{
    sim_save_changed(s);
    if (!s->out.size)
        return;
    int64_t now = sim_now_us(), due = now;
    if (s->baud)
        due += (int64_t)(bytes_in + s->out.size) * 10 * 1000000 / s->baud;
    if (due > s->out_due_us)
        s->out_due_us = due;
}

static void flush_out(struct sim *s)
{
    if (!s->out.size || sim_now_us() < s->out_due_us)
        return;
    size_t sent = 0;
    while (sent < s->out.size) {
        ssize_t n = write(s->master, s->out.data + sent, s->out.size - sent);
        if (n <= 0)
            break; /* nobody reads: a serial line loses bytes then */
        sent += (size_t)n;
    }
    s->out.size = 0;
    s->out.full = false;
}

static void host_bytes(struct sim *s)
{
    uint8_t in[1024];
    ssize_t n = read(s->master, in, sizeof in);
    if (n <= 0)
        return;
    for (size_t i = 0; i < s->card_count; i++)
        if (s->cards[i]->is_tag && sim_lies_here(s, s->cards[i]))
            s->cards[i]->tag.utc_s = (int64_t)time(NULL);
    pn532_input(&s->chip, bytes_of(in, (size_t)n), sim_now_us() / 1000, &s->out);
    sim_after_chip(s, (size_t)n);
}

/* --- control socket --------------------------------------------------------------------------- */

static bool unix_address(struct sockaddr_un *a, const char *path)
{
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof a->sun_path) {
        sim_complain("the socket path %s is too long (%zu bytes at most)", path,
                 sizeof a->sun_path - 1);
        return false;
    }
    strcpy(a->sun_path, path);
    return true;
}

static void drop_client(struct client *c)
{
    close(c->fd);
    c->fd = -1;
    c->size = 0;
}

static void accept_client(struct sim *s)
{
    int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    for (int i = 0; i < CLIENTS_MAX; i++)
        if (s->clients[i].fd < 0) {
            s->clients[i] = (struct client){.fd = fd};
            return;
        }
    static const char full[] = "error too many clients\n";
    (void)!send(fd, full, sizeof full - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    close(fd);
}

/* The answer goes out whole: a client that asks reads.  One that does not for a second is dropped. */
static bool send_reply(struct client *c, const char *text, size_t size)
{
    size_t sent = 0;
    while (sent < size) {
        ssize_t n = send(c->fd, text + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN) {
            struct pollfd p = {.fd = c->fd, .events = POLLOUT};
            if (poll(&p, 1, 1000) <= 0)
                return false;
        } else if (n <= 0) {
            return false;
        } else {
            sent += (size_t)n;
        }
    }
    return true;
}

static void client_bytes(struct sim *s, struct client *c)
{
    ssize_t n = recv(c->fd, c->line + c->size, sizeof c->line - c->size, MSG_DONTWAIT);
    if (n <= 0) {
        if (n == 0 || errno != EAGAIN)
            drop_client(c);
        return;
    }
    c->size += (size_t)n;
    char *end;
    while (c->fd >= 0 && (end = memchr(c->line, '\n', c->size))) {
        size_t used = (size_t)(end - c->line) + 1;
        *end = 0;
        sim_command(s, c->line);
        s->reply[s->reply_size] = '\n';
        if (!send_reply(c, s->reply, s->reply_size + 1)) {
            drop_client(c);
            return;
        }
        c->size -= used;
        memmove(c->line, c->line + used, c->size);
    }
    if (c->fd >= 0 && c->size == sizeof c->line) {
        static const char long_line[] = "error the line is too long\n";
        send_reply(c, long_line, sizeof long_line - 1);
        drop_client(c);
    }
}

/* patron-cardsim --control PATH -- present CARD1: one command, its answer, 0 if it was ok. */
static int be_client(const char *path, char **words)
{
    struct sockaddr_un a;
    if (!unix_address(&a, path))
        return 2;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
        sim_complain("no simulator answers at %s: %s", path, strerror(errno));
        return 2;
    }
    FILE *f = fdopen(fd, "r+");
    if (!f)
        return 2;
    for (; *words; words++)
        fprintf(f, "%s%s", *words, words[1] ? " " : "\n");
    fflush(f);
    char *line = NULL;
    size_t room = 0;
    int exit_code = 2;
    if (getline(&line, &room, f) > 0) {
        fputs(line, stdout);
        exit_code = strncmp(line, "ok", 2) == 0 ? 0 : 1;
    } else {
        sim_complain("the simulator at %s closed the line", path);
    }
    free(line);
    fclose(f);
    return exit_code;
}

/* --- set up and clear away -------------------------------------------------------------------- */

bool sim_open_pty(struct sim *s)
{
    struct termios raw;
    s->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (s->master < 0 || grantpt(s->master) != 0 || unlockpt(s->master) != 0) {
        sim_complain("open a pseudo-terminal: %s", strerror(errno));
        return false;
    }
    /* Held open, so that the line stays up while no libnfc program has it. */
    s->slave = open(ptsname(s->master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (s->slave < 0 || tcgetattr(s->slave, &raw) != 0) {
        sim_complain("open %s: %s", ptsname(s->master), strerror(errno));
        return false;
    }
    cfmakeraw(&raw);
    cfsetspeed(&raw, B115200);
    tcsetattr(s->slave, TCSANOW, &raw);
    return true;
}

/* One simulator a link: a lock beside it, which the kernel gives back when its owner dies. */
static bool take_place(struct sim *s)
{
    char *lock = NULL;
    if (strncmp(s->link, "/dev/", 5) == 0) {
        sim_complain("--link %s: not in /dev; choose a place of your own, as /tmp/nfc", s->link);
        return false;
    }
    if (asprintf(&lock, "%s.lock", s->link) < 0)
        return false;
    s->lock = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    bool held = s->lock >= 0 && flock(s->lock, LOCK_EX | LOCK_NB) == 0;
    if (s->lock < 0)
        sim_complain("lock %s: %s", lock, strerror(errno));
    else if (!held)
        sim_complain("another patron-cardsim runs at %s; end it (quit) or choose another --link",
                 s->link);
    free(lock);
    s->placed = held;
    return held;
}

bool sim_make_link(struct sim *s)
{
    char target[64], *temp = NULL;
    ssize_t n = readlink(s->link, target, sizeof target - 1);
    if (n < 0 && errno != ENOENT) {
        sim_complain("--link %s: there is something there that is no link of a simulator; it stays",
                 s->link);
        return false;
    }
    if (n >= 0) {
        target[n] = 0;
        if (strncmp(target, "/dev/pts/", 9) != 0) {
            sim_complain("--link %s: it points to %s, which is no simulator's; it stays", s->link,
                     target);
            return false;
        }
    }
    if (asprintf(&temp, "%s.new", s->link) < 0)
        return false;
    unlink(temp);
    s->linked = symlink(ptsname(s->master), temp) == 0 && rename(temp, s->link) == 0;
    if (!s->linked) {
        sim_complain("make link %s: %s", s->link, strerror(errno));
        unlink(temp);
    }
    free(temp);
    return s->linked;
}

static bool open_control(struct sim *s)
{
    struct sockaddr_un a;
    if (!unix_address(&a, s->control))
        return false;
    s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (connect(s->listener, (struct sockaddr *)&a, sizeof a) == 0) {
        sim_complain("--control %s: something answers there already", s->control);
        return false;
    }
    close(s->listener);
    s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct stat st;
    if (lstat(s->control, &st) == 0) {
        if (!S_ISSOCK(st.st_mode)) {
            sim_complain("--control %s: there is something there that is no socket; it stays",
                     s->control);
            return false;
        }
        unlink(s->control);
    }
    if (bind(s->listener, (struct sockaddr *)&a, sizeof a) != 0 || listen(s->listener, 8) != 0) {
        sim_complain("--control %s: %s", s->control, strerror(errno));
        return false;
    }
    s->listening = true;
    return true;
}

static bool catch_signals(struct sim *s)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    s->signals = signalfd(-1, &set, SFD_CLOEXEC);
    return s->signals >= 0;
}

static void finish(struct sim *s)
{
    if (s->linked)
        unlink(s->link);
    if (s->placed) {
        char *lock = NULL;
        if (asprintf(&lock, "%s.lock", s->link) >= 0)
            unlink(lock);
        free(lock);
    }
    if (s->listening)
        unlink(s->control);
    for (int i = 0; i < CLIENTS_MAX; i++)
        if (s->clients[i].fd >= 0)
            drop_client(&s->clients[i]);
    const int fds[] = {s->master, s->slave, s->listener, s->signals, s->lock, s->places};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    sim_trace_stop(s);
    for (size_t i = 0; i < s->card_count; i++)
        sim_free_card(s->cards[i]);
    free(s);
}

/* --- the loop --------------------------------------------------------------------------------- */

static int64_t next_due_us(const struct sim *s)
{
    int64_t due = INT64_MAX, chip = pn532_due_ms(&s->chip);
    if (chip != INT64_MAX)
        due = chip * 1000;
    if (s->out.size && s->out_due_us < due)
        due = s->out_due_us;
    return due;
}

static bool loop(struct sim *s)
{
    while (!s->quit) {
        struct pollfd p[3 + CLIENTS_MAX] = {
            {s->master, POLLIN, 0}, {s->listener, POLLIN, 0}, {s->signals, POLLIN, 0}};
        for (int i = 0; i < CLIENTS_MAX; i++)
            p[3 + i] = (struct pollfd){s->clients[i].fd, POLLIN, 0};
        int64_t due = next_due_us(s), left = due == INT64_MAX ? 0 : due - sim_now_us();
        if (left < 0)
            left = 0;
        struct timespec wait = {left / 1000000, left % 1000000 * 1000};
        int n = ppoll(p, 3 + CLIENTS_MAX, due == INT64_MAX ? NULL : &wait, NULL);
        if (n < 0 && errno != EINTR) {
            sim_complain("poll: %s", strerror(errno));
            return false;
        }
        if (n > 0 && p[2].revents)
            return true;
        if (n > 0 && p[0].revents)
            host_bytes(s);
        for (int i = 0; n > 0 && i < CLIENTS_MAX; i++)
            if (p[3 + i].revents)
                client_bytes(s, &s->clients[i]);
        if (n > 0 && p[1].revents)
            accept_client(s);
        int64_t chip = pn532_due_ms(&s->chip);
        if (chip != INT64_MAX && sim_now_us() / 1000 >= chip) {
            pn532_tick(&s->chip, sim_now_us() / 1000, &s->out);
            sim_after_chip(s, 0);
        }
        flush_out(s);
    }
    return true;
}

static const char usage[] =
    "Usage: patron-cardsim --link PATH --cards DIR [--control PATH]\n"
    "       patron-cardsim --control PATH -- COMMAND [WORD...]\n"
    "\n"
    "An NFC reader (PN532) without hardware, with virtual DESFire cards and tags.\n"
    "\n"
    "  --link PATH      keep a symbolic link to the reader's serial line there\n"
    "  --cards DIR      folder of the cards, one file NAME.card each; made if missing.  A card is "
    "read\n"
    "                   when it is presented: move its file to another reader's folder, or share "
    "one\n"
    "  --control PATH   unix socket that takes commands, one a line; answers begin with ok or "
    "error\n"
    "  -- COMMAND       send one command to the simulator at --control and print its answer\n"
    "\n"
    "Commands:\n"
    "  list [field]                        all cards, or those on the reader: "
    "NAME=KIND:UID:field|away\n"
    "  new ev1|ev2|ev3 UID|random [NAME]   a blank card from the factory\n"
    "  new uid UID|random [NAME]           a tag with nothing but its UID, of 7 bytes or 4\n"
    "  new random random [NAME]            one that shows another UID at every tap, as phones do\n"
    "  new ntag213 UID|random NAME [TEXT]  an NTAG213, its NDEF record that text (a word)\n"
    "  new ntag424 UID|random NAME META FILE [ADDRESS]\n"
    "                                      an NTAG 424 DNA that adds who it is, how often it was read\n"
    "                                      and a MAC to that address; its two keys in hex\n"
    "  new phone random NAME PASS-TYPE READER-KEY VALUE\n"
    "                                      a phone with a pass in an Apple wallet, for the reader whose public\n"
    "                                      key that is (compressed, in hex)\n"
    "  present NAME...                     lay cards on the reader\n"
    "  remove [NAME...]                    take them away; without a name, all\n"
    "  swap NAME OTHER                     take one away and lay the other there\n"
    "  delete NAME                         destroy a card and its file\n"
    "  tear before|after N                 pull the card before or after it acted on the N-th "
    "exchange\n"
    "                                      from now; it is then away until presented again\n"
    "  fault silent|checksum|status HEX    the reader goes dumb; damages its next answer; fails its next\n"
    "                                      exchange with that chip status (01 no answer, 80 ends libnfc)\n"
    "  fault sleep                         a deselected card stays unseen until the field was off\n"
    "  fault off                           well again\n"
    "  unplug, plug                        pull the reader's cable, put it back\n"
    "  show NAME [FILE]                    what is on a card, or in a file of it\n"
    "  lock NAME, unlock NAME              a phone wants its owner first, or no longer\n"
    "  rewind NAME N                       an NTAG 424 counts its readings from N again, as a copy would\n"
    "  trace on [FILE], trace off          write every exchange with a card to FILE or stderr\n"
    "  line BAUD, line off                 be as slow as a serial line of that speed\n"
    "  status, help, quit\n"
    "\n"
    "Any libnfc program takes it for a reader on a serial port:\n"
    "  export LIBNFC_AUTO_SCAN=false LIBNFC_DEFAULT_DEVICE=pn532_uart:PATH\n"
    "  nfc-list\n"
    "\n"
    "Example:\n"
    "  patron-cardsim --link /tmp/nfc --cards /tmp/cards --control /tmp/cards.sock &\n"
    "  patron-cardsim --control /tmp/cards.sock -- new ev2 random ALICE\n"
    "  patron-cardsim --control /tmp/cards.sock -- present ALICE\n"
    "  LIBNFC_AUTO_SCAN=false LIBNFC_DEFAULT_DEVICE=pn532_uart:/tmp/nfc nfc-list\n"
    "\n"
    "It prints a line that begins with ready, ends on quit, SIGTERM or SIGINT and removes link "
    "and\n"
    "socket.  Card files hold their keys in the clear: they are for tests.\n";

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"link", required_argument, NULL, 'l'},
        {"cards", required_argument, NULL, 'd'},
        {"control", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *link_path = NULL, *cards_dir = NULL, *control = NULL;
    int o;
    while ((o = getopt_long(argc, argv, "+h", options, NULL)) != -1) {
        switch (o) {
        case 'l':
            link_path = optarg;
            break;
        case 'd':
            cards_dir = optarg;
            break;
        case 'c':
            control = optarg;
            break;
        case 'h':
            fputs(usage, stdout);
            return 0;
        default:
            fputs("patron-cardsim: --help shows how to use it\n", stderr);
            return 2;
        }
    }
    if (control && optind < argc && !link_path && !cards_dir)
        return be_client(control, argv + optind);
    if (!link_path || !cards_dir || optind < argc) {
        sim_complain("--link and --cards are needed, or --control and a command; --help shows how");
        return 2;
    }
    struct sim *s = calloc(1, sizeof *s);
    if (!s)
        return 1;
    s->link = link_path, s->cards_dir = cards_dir, s->control = control;
    s->master = s->slave = s->listener = s->signals = s->lock = s->places = -1;
    s->out = (struct buf){.data = s->out_room, .cap = sizeof s->out_room};
    for (int i = 0; i < CLIENTS_MAX; i++)
        s->clients[i].fd = -1;
    pn532_init(&s->chip);
    s->chip.trace = on_exchange;
    s->chip.torn = on_torn;
    s->chip.of = s;
    struct errmsg why = {""};
    if (mbed_init(&why))
        sim_complain("%s", why.text);
    bool good = catch_signals(s) && take_place(s) && sim_open_cards(s) && sim_open_pty(s) &&
                (!control || open_control(s)) && sim_make_link(s);
    if (good) {
        printf("ready link=%s cards=%zu\n", s->link, s->card_count);
        fflush(stdout);
        good = loop(s);
    }
    finish(s);
    return good ? 0 : 1;
}
