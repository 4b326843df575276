/* display_main.c - patron-display: the member's screen, on a terminal of its own.  It shows what a till tells it
 * (display.h) and clears itself when the till falls silent.
 * SPDX-License-Identifier: Apache-2.0 */
#define NCURSES_WIDECHAR 1
#include "base/bytes.h"
#include "base/tr.h"
#include "hw/clock.h"
#include "terminal/display/display.h"
#include "terminal/display/display_state.h"

#include <errno.h>
#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <ncurses.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    EXIT_USAGE = 2,
    RETRY_MS = 500,
    TURN_MS = 500,
    SILENCE_MS = 2 * DISPLAY_BEAT_MS + 500,
    PIN_MAX = WIRE_PIN_SIZE - 1
};

struct show {
    const char *path;
    int fd; /* of the till; -1 = no line */
    int64_t retry_ms, heard_ms;
    size_t size;
    char in[DISPLAY_JSON_MAX];
    struct display_state state;
    char pin[PIN_MAX + 1];
    int digits;
    bool answered; /* the question that is shown */
    int terminal;  /* descriptor of the keys */
    struct canvas canvas;
};

static volatile sig_atomic_t asked_to_end;

static void on_signal(int number)
{
    (void)number;
    asked_to_end = 1;
}

/* ---- the till ---- */

static void forget_pin(struct show *s)
{
    bytes_wipe(s->pin, sizeof s->pin);
    s->digits = 0;
}

/* Nobody tells us anything: nothing of a member stays on the glass, or here. */
static void hang_up(struct show *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    s->retry_ms = clock_tick_ms() + RETRY_MS;
    s->size = 0;
    forget_pin(s);
    bytes_wipe(s->in, sizeof s->in);
    char language[sizeof s->state.language];
    memcpy(language, s->state.language, sizeof language);
    bytes_wipe(&s->state, sizeof s->state);
    memcpy(s->state.language, language, sizeof language);
    s->state.page = DISPLAY_NO_TILL;
}

static void call(struct show *s)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (s->fd >= 0 || clock_tick_ms() < s->retry_ms)
        return;
    s->retry_ms = clock_tick_ms() + RETRY_MS;
    memcpy(a.sun_path, s->path, strnlen(s->path, sizeof a.sun_path - 1));
    s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); /* a hung till lets nobody in */
    if (s->fd >= 0 && connect(s->fd, (struct sockaddr *)&a, sizeof a) != 0) {
        close(s->fd);
        s->fd = -1;
    }
    s->heard_ms = clock_tick_ms();
}

static void hear_line(struct show *s, const char *line)
{
    struct display_state next;
    if (display_decode(&next, line, NULL))
        return; /* a newer till's: what is shown stays until it falls silent or says something known */
    s->heard_ms = clock_tick_ms();
    if (next.ask != s->state.ask) {
        forget_pin(s);
        s->answered = false;
    }
    s->state = next;
    (void)tr_use(s->state.language);
}

static void hear(struct show *s)
{
    ssize_t n = recv(s->fd, s->in + s->size, sizeof s->in - 1 - s->size, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        hang_up(s);
        return;
    }
    s->size += (size_t)n;
    for (char *end; (end = memchr(s->in, '\n', s->size));) {
        size_t line = (size_t)(end - s->in);
        *end = 0;
        hear_line(s, s->in);
        memmove(s->in, end + 1, s->size - line - 1);
        s->size -= line + 1;
    }
    if (s->size == sizeof s->in - 1)
        hang_up(s); /* that is no till */
}

static void answer(struct show *s, bool yes)
{
    char line[80];
    if (s->state.page == DISPLAY_PIN && yes)
        snprintf(line, sizeof line, "{\"ask\":%u,\"pin\":\"%s\"}\n", s->state.ask, s->pin);
    else
        snprintf(line, sizeof line, "{\"ask\":%u,\"yes\":%s}\n", s->state.ask,
                 yes ? "true" : "false");
    if (send(s->fd, line, strlen(line), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        hang_up(s);
    bytes_wipe(line, sizeof line);
    forget_pin(s);
    s->answered = true;
}

/* ---- the member ---- */

static void take_key(struct show *s, wint_t key)
{
    bool asked = (s->state.page == DISPLAY_YES_NO || s->state.page == DISPLAY_PIN) && !s->answered;
    if (!asked)
        return;
    if (key == 27)
        answer(s, false);
    else if ((key == '\r' || key == '\n' || key == KEY_ENTER) &&
             (s->state.page == DISPLAY_YES_NO || s->digits > 0))
        answer(s, true);
    else if (s->state.page == DISPLAY_PIN && (key == 8 || key == 127 || key == KEY_BACKSPACE) &&
             s->digits > 0)
        s->pin[--s->digits] = 0;
    else if (s->state.page == DISPLAY_PIN && key >= '0' && key <= '9' && s->digits < PIN_MAX)
        s->pin[s->digits++] = (char)key;
}

static attr_t attributes(unsigned look)
{
    return (look & (LOOK_BOLD | LOOK_GOOD | LOOK_BAD) ? A_BOLD : A_NORMAL) |
           (look & LOOK_REVERSE ? A_REVERSE : A_NORMAL);
}

static void draw(struct show *s)
{
    int rows, columns;
    getmaxyx(stdscr, rows, columns);
    s->canvas.rows = rows > CANVAS_ROWS_MAX ? CANVAS_ROWS_MAX : rows;
    s->canvas.columns = columns > CANVAS_COLUMNS_MAX ? CANVAS_COLUMNS_MAX : columns;
    display_draw(&s->state, s->digits, &s->canvas);
    erase();
    for (int row = 0; row < s->canvas.rows; row++)
        for (int column = 0; column < s->canvas.columns; column++) {
            const struct cell *cell = canvas_at(&s->canvas, row, column);
            wchar_t text[2] = {(wchar_t)cell->character, 0};
            cchar_t c;
            if (!cell->character || !cell->taken)
                continue;
            setcchar(&c, text, attributes(cell->look), 0, NULL);
            mvadd_wch(row, column, &c);
        }
    refresh();
}

/* ---- the program ---- */

static int complain(const char *what, const char *about)
{
    fprintf(stderr, "patron-display: %s%s\n", what, about);
    return 1;
}

static bool open_terminal(struct show *s, const char *path)
{
    FILE *in = stdin, *out = stdout;
    const char *term = getenv("TERM");
    if (*path) {
        in = fopen(path, "re");
        out = fopen(path, "we");
        if (!in || !out)
            return false;
    }
    s->terminal = fileno(in);
    if (!isatty(s->terminal))
        return false;
    if (!setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        (void)setlocale(LC_CTYPE, "C.UTF-8");
    SCREEN *screen = newterm(term && *term ? term : "vt220", out, in);
    if (!screen)
        return false;
    set_term(screen);
    set_escdelay(25);
    raw();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    curs_set(0);
    return true;
}

static void run(struct show *s)
{
    hang_up(s);
    s->retry_ms = 0;
    while (!asked_to_end) {
        struct pollfd f[2] = {{s->terminal, POLLIN, 0}, {s->fd, POLLIN, 0}};
        wint_t key;
        if (poll(f, 2, s->fd < 0 ? RETRY_MS : TURN_MS) < 0 && errno != EINTR)
            break;
        if (f[0].revents & (POLLHUP | POLLERR | POLLNVAL))
            break;
        if (s->fd >= 0 && f[1].revents)
            hear(s);
        if (s->fd >= 0 && clock_tick_ms() - s->heard_ms > SILENCE_MS)
            hang_up(s);
        for (int result; (result = get_wch(&key)) != ERR;)
            take_key(s, key);
        call(s);
        draw(s);
    }
    hang_up(s);
}

static const char usage[] =
    "usage: patron-display --socket SOCKET [--tty DEVICE] [--language en|zh]\n"
    "\n"
    "The member's screen of a till: greeting, points before and after, a redemption to be "
    "confirmed, thanks.\n"
    "\n"
    "  --socket SOCKET     where the till listens (display.socket in its file, or its --display)\n"
    "  --tty DEVICE        terminal to show it on; else where the program was started\n"
    "  --language en|zh    until the till says which\n";

int main(int argc, char **argv)
{
    static struct show s;
    static const struct option longs[] = {{"socket", required_argument, NULL, 's'},
                                          {"tty", required_argument, NULL, 't'},
                                          {"language", required_argument, NULL, 'l'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    const char *tty = "";
    struct sockaddr_un limit;
    for (int c; (c = getopt_long(argc, argv, "h", longs, NULL)) != -1;)
        switch (c) {
        case 's':
            s.path = optarg;
            break;
        case 't':
            tty = optarg;
            break;
        case 'l':
            if (!tr_use(optarg))
                return complain("--language is en or zh", ""), EXIT_USAGE;
            snprintf(s.state.language, sizeof s.state.language, "%s", optarg);
            break;
        case 'h':
            fputs(usage, stdout);
            return 0;
        default:
            fputs(usage, stderr);
            return EXIT_USAGE;
        }
    if (!s.path || optind < argc || strlen(s.path) >= sizeof limit.sun_path) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    s.fd = -1;
    struct sigaction end = {.sa_handler = on_signal};
    sigaction(SIGINT, &end, NULL);
    sigaction(SIGTERM, &end, NULL);
    sigaction(SIGHUP, &end, NULL);
    if (!open_terminal(&s, tty))
        return complain("no terminal, or one that is not known (TERM): ",
                        *tty ? tty : "standard input");
    run(&s);
    endwin();
    return 0;
}
