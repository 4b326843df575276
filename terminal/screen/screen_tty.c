/* screen_tty.c - see screen_tty.h.  Two askers: one for what the cashier asks, one for the card that an idle till
 * always waits for, so that a card laid down says who it is without a key.
 * SPDX-License-Identifier: Apache-2.0 */
#define NCURSES_WIDECHAR 1
#include "terminal/screen/screen_tty.h"

#include "base/tr.h"
#include "hw/clock.h"
#include "terminal/screen/screen.h"
#include "terminal/till.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <ncurses.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ncurses waits so long for what may follow an Escape; and the clock on the screen is looked at so often. */
enum { ESCAPE_MS = 25, LOOK_MS = 1000, COLOUR_GOOD = 1, COLOUR_BAD = 2 };

struct screen_tty {
    struct till_extra extra;
    struct asker asker; /* the cashier */
    struct asker card;  /* the card that is always waited for */
    struct till *till;
    FILE *in, *out; /* of a path; NULL: standard input and output */
    int fd;
    SCREEN *terminal;
    bool colours;
    bool due;                   /* something happened: draw */
    bool fresh;                 /* a card that lies there already has said what it has to say */
    const struct command *next; /* to be asked in the next turn; NULL = nothing */
    struct screen screen;
    struct till_view view;
    struct canvas now, shown;
};

/* ---- drawing ---- */

static attr_t attributes(const struct screen_tty *s, unsigned look)
{
    attr_t a = A_NORMAL;
    if (look & LOOK_BOLD)
        a |= A_BOLD;
    if (look & LOOK_REVERSE)
        a |= A_REVERSE;
    if (look & LOOK_DIM)
        a |= A_DIM;
    if (look & (LOOK_GOOD | LOOK_BAD))
        a |= A_BOLD;
    if (s->colours && look & LOOK_GOOD)
        a |= COLOR_PAIR(COLOUR_GOOD);
    if (s->colours && look & LOOK_BAD)
        a |= COLOR_PAIR(COLOUR_BAD);
    return a;
}

static bool same(const struct cell *a, const struct cell *b)
{
    return a->character == b->character && a->look == b->look;
}

static void put(const struct screen_tty *s, int row, int column, const struct cell *cell)
{
    wchar_t text[2] = {(wchar_t)cell->character, 0};
    cchar_t c;
    attr_t a = attributes(s, cell->look);
    setcchar(&c, text, a, (short)PAIR_NUMBER(a), NULL);
    mvadd_wch(row, column, &c);
}

/* Rows whose cells changed are put anew as a whole: half a wide character cannot be put alone. */
static void draw(struct screen_tty *s)
{
    int rows, columns;
    getmaxyx(stdscr, rows, columns);
    s->now.rows = rows > CANVAS_ROWS_MAX ? CANVAS_ROWS_MAX : rows;
    s->now.columns = columns > CANVAS_COLUMNS_MAX ? CANVAS_COLUMNS_MAX : columns;
    till_view(s->till, &s->view);
    if (s->now.rows < SCREEN_ROWS_MIN || s->now.columns < SCREEN_COLUMNS_MIN) {
        canvas_clear(&s->now, s->now.rows, s->now.columns);
        canvas_put(&s->now, 0, 0, s->now.columns, LOOK_PLAIN,
                   tr("Make this window 40 x 12 or larger."));
    } else {
        screen_draw(&s->screen, &s->view, &s->now);
    }
    bool all = s->shown.rows != s->now.rows || s->shown.columns != s->now.columns;
    if (all)
        erase();
    for (int row = 0; row < s->now.rows; row++) {
        bool changed = all;
        for (int column = 0; column < s->now.columns && !changed; column++)
            changed = !same(canvas_at(&s->now, row, column), canvas_at(&s->shown, row, column));
        for (int column = 0; changed && column < s->now.columns; column++)
            if (canvas_at(&s->now, row, column)->character)
                put(s, row, column, canvas_at(&s->now, row, column));
    }
    if (s->now.cursor_row >= 0) {
        int last = s->now.columns - 1;
        curs_set(1);
        move(s->now.cursor_row, s->now.cursor_column < last ? s->now.cursor_column : last);
    } else {
        curs_set(0);
    }
    refresh();
    memcpy(&s->shown, &s->now, sizeof s->shown);
    s->due = false;
}

/* ---- what the screen wants ---- */

static void carry_out(struct screen_tty *s, struct screen_effects effects)
{
    if (effects.language)
        (void)tr_use(effects.language);
    if (effects.ask)
        s->next = effects.ask;
    s->due = true;
}

static void answered(struct till *t, struct asker *a, const struct answer *answer)
{
    struct screen_tty *s = (struct screen_tty *)((char *)a - offsetof(struct screen_tty, asker));
    till_view(t, &s->view);
    carry_out(s, screen_answered(&s->screen, &s->view, answer));
}

static void card_answered(struct till *t, struct asker *a, const struct answer *answer)
{
    struct screen_tty *s = (struct screen_tty *)((char *)a - offsetof(struct screen_tty, card));
    s->fresh = !answer->code || strcmp(answer->code, "GONE") != 0;
    till_view(t, &s->view);
    carry_out(s, screen_answered(&s->screen, &s->view, answer));
}

static void told(struct till *t, struct asker *a, const char *sentence)
{
    (void)t;
    struct screen_tty *s = (struct screen_tty *)((char *)a - offsetof(struct screen_tty, asker));
    screen_told(&s->screen, sentence);
    s->due = true;
}

/* An idle till waits for a card, and so does a bill that has no member yet, and a sale in doubt.  A member who is
 * identified is not asked again: the session with the card goes on, and redeeming needs half the exchanges. */
static void wait_for_card(struct screen_tty *s)
{
    enum sale_want want = sale_wants(&s->till->sale);
    bool wanted =
        want == SALE_WANT_SETTLE ||
        (want == SALE_WANT_ANY && (s->view.means == MEANS_NONE || s->view.state == SALE_DONE));
    if (!wanted || s->card.busy != VERB_NONE || s->till->waiter || s->view.reader == PART_NONE)
        return;
    till_ask(s->till, &s->card,
             &(struct command){.verb = VERB_TAP, .wait_ms = ASK_WAIT_ALWAYS, .all = s->fresh});
}

/* ---- keys ---- */

static bool decode(struct screen_key *out, int result, wint_t key)
{
    static const struct {
        wint_t key;
        enum key_kind kind;
    } keys[] = {{KEY_ENTER, KEY_IS_ENTER}, {KEY_BACKSPACE, KEY_IS_BACK}, {KEY_DC, KEY_IS_BACK},
                {KEY_UP, KEY_IS_UP},       {KEY_DOWN, KEY_IS_DOWN},      {KEY_BTAB, KEY_IS_TAB}};
    if (result == KEY_CODE_YES) {
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
            if (keys[i].key == key) {
                out->kind = keys[i].kind;
                return true;
            }
        if (key < KEY_F(1) || key > KEY_F(10))
            return false;
        out->kind = (enum key_kind)(KEY_IS_F1 + (int)(key - KEY_F(1)));
        return true;
    }
    out->kind = key == '\r' || key == '\n' ? KEY_IS_ENTER
                : key == '\t'              ? KEY_IS_TAB
                : key == 27                ? KEY_IS_ESCAPE
                : key == 8 || key == 127   ? KEY_IS_BACK
                                           : KEY_IS_TEXT;
    out->character = (uint32_t)key;
    return out->kind != KEY_IS_TEXT || key >= ' ';
}

/* After an Escape: what no key of ours sends, but one of this keyboard (ESC [ or O, then up to a letter or ~).  All of
 * it goes, or its rest would be typed into the field.  False: it was the Escape key. */
static bool skip_foreign_key(void)
{
    wint_t key;
    int result = get_wch(&key);
    if (result == ERR)
        return false;
    if (result == KEY_CODE_YES) {
        (void)ungetch((int)key);
        return false;
    }
    if (key != '[' && key != 'O') {
        (void)unget_wch((wchar_t)key);
        return false;
    }
    do
        result = get_wch(&key);
    while (result == OK && !(key >= '@' && key <= '~'));
    return true;
}

static void take_keys(struct screen_tty *s)
{
    wint_t key;
    for (int result; !s->next && (result = get_wch(&key)) != ERR;) {
        struct screen_key k = {.at_ms = clock_tick_ms()};
        s->due = true;
        if (result == OK && key == 27 && skip_foreign_key())
            continue;
        if (!decode(&k, result, key)) /* such as a new size, which the drawing finds out itself */
            continue;
        till_view(s->till, &s->view);
        carry_out(s, screen_key(&s->screen, &s->view, k));
    }
}

static void ask_next(struct screen_tty *s)
{
    const struct command *c = s->next;
    bool may =
        s->asker.busy == VERB_NONE || (c && (c->verb == VERB_CANCEL || c->verb == VERB_GIVE_UP));
    if (!c || !may)
        return;
    s->next = NULL;
    till_ask(s->till, &s->asker, c);
}

/* ---- the loop ---- */

static int fds(struct till_extra *x, struct pollfd *f, int cap)
{
    const struct screen_tty *s = (const struct screen_tty *)x;
    if (cap < 1)
        return 0;
    f[0] = (struct pollfd){s->fd, POLLIN, 0};
    return 1;
}

static int64_t due_ms(struct till_extra *x, int64_t now_ms)
{
    const struct screen_tty *s = (const struct screen_tty *)x;
    return s->due || s->next ? now_ms : now_ms + (s->screen.held ? SCREEN_HELD_MS : LOOK_MS);
}

static void turn(struct till *t, struct till_extra *x, const struct pollfd *f, int count,
                 int64_t now_ms)
{
    struct screen_tty *s = (struct screen_tty *)x;
    (void)now_ms;
    if (count && f[0].revents & (POLLHUP | POLLERR | POLLNVAL)) {
        till_quit(t);
        return;
    }
    ask_next(s); /* before more keys: what they mean depends on its answer */
    take_keys(s);
    if (s->screen.held && !s->next) {
        till_view(t, &s->view);
        carry_out(s, screen_tick(&s->screen, &s->view, clock_tick_ms()));
    }
    ask_next(s);
    till_view(t, &s->view);
    wait_for_card(s);
    draw(s);
}

/* ---- opening ---- */

void screen_tty_keep_clear(const char *home)
{
    char path[512];
    if (!isatty(STDERR_FILENO) ||
        snprintf(path, sizeof path, "%s/stderr.log", home) >= (int)sizeof path)
        return;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    (void)dup2(fd, STDERR_FILENO);
    close(fd);
}

/* What function keys send, whatever TERM says of them: vt220 has no F5 at all, and programs on the other end of a
 * serial line send what they like. */
static void know_keys(void)
{
    static const struct {
        int first;
        const char *sends[5];
    } keys[] = {{1, {"\033OP", "\033OQ", "\033OR", "\033OS", "\033[15~"}},
                {1, {"\033[11~", "\033[12~", "\033[13~", "\033[14~", "\033[15~"}},
                {1, {"\033[[A", "\033[[B", "\033[[C", "\033[[D", "\033[[E"}},
                {6, {"\033[17~", "\033[18~", "\033[19~", "\033[20~", "\033[21~"}}};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        for (int k = 0; k < 5; k++)
            if (!key_defined(keys[i].sends[k]))
                (void)define_key(keys[i].sends[k], KEY_F(keys[i].first + k));
}

static enum err open_terminal(struct screen_tty *s, const char *path, struct errmsg *why)
{
    FILE *in = stdin, *out = stdout;
    const char *term = getenv("TERM");
    if (*path) {
        s->in = fopen(path, "re");
        s->out = fopen(path, "we");
        if (!s->in || !s->out)
            return err_set(why, ERR_IO, "%s: %s", path, strerror(errno));
        in = s->in;
        out = s->out;
    }
    s->fd = fileno(in);
    if (!isatty(s->fd) || !isatty(fileno(out)))
        return err_set(why, ERR_IO, "%s is no terminal", *path ? path : "standard input or output");
    if (!setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        (void)setlocale(
            LC_CTYPE, "C.UTF-8"); /* names and prices come in UTF-8 whatever the machine's locale */
    s->terminal = newterm(term && *term ? term : "vt220", out, in);
    if (!s->terminal)
        return err_set(why, ERR_IO, "the terminal %s is not known; set TERM",
                       term ? term : "vt220");
    set_term(s->terminal);
    set_escdelay(ESCAPE_MS);
    raw(); /* Ctrl-C and Ctrl-S of a cashier, or of a scanner, do nothing */
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    know_keys();
    nodelay(stdscr, TRUE);
    if (has_colors() && start_color() == OK && use_default_colors() == OK) {
        s->colours = true;
        init_pair(COLOUR_GOOD, COLOR_GREEN, -1);
        init_pair(COLOUR_BAD, COLOR_RED, -1);
    }
    return OK;
}

enum err screen_tty_open(struct screen_tty **out, struct till *t, const char *path,
                         struct errmsg *why)
{
    struct screen_tty *s = calloc(1, sizeof *s);
    *out = NULL;
    if (!s)
        return err_set(why, ERR_FULL, "no memory for the screen");
    enum err e = open_terminal(s, path, why);
    if (e) {
        if (s->in)
            fclose(s->in);
        if (s->out)
            fclose(s->out);
        free(s);
        return e;
    }
    s->till = t;
    s->extra = (struct till_extra){.fds = fds, .due_ms = due_ms, .turn = turn};
    s->asker.answered = answered;
    s->asker.told = told;
    s->asker.person = true;
    s->card.answered = card_answered;
    screen_init(&s->screen);
    till_join_asker(t, &s->asker);
    till_join_asker(t, &s->card);
    till_add_extra(t, &s->extra);
    s->due = true;
    *out = s;
    return OK;
}

void screen_tty_close(struct screen_tty *s)
{
    if (!s)
        return;
    endwin();
    delscreen(s->terminal);
    if (s->in)
        fclose(s->in);
    if (s->out)
        fclose(s->out);
    bytes_wipe(&s->screen, sizeof s->screen);
    free(s);
}
