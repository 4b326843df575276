/* screen.h - the cashier's screen: keys and a view of the till in, at most one command out, and what is drawn.
 * Pure: whoever owns a terminal (screen_tty.c) brings keys, asks the till, and puts the canvas on glass.
 *
 *   screen_key(s, view, key)       --> effects: a command to be asked, a language to be used
 *   screen_answered(s, view, ...)  --> effects: the next one, when one leads to another
 *   screen_draw(s, view, canvas)
 *
 * What the bill is, who the member is, which step comes next: all that is the till's and is read from the view
 * at each drawing.  The screen itself only knows what is being typed, which page lies over the sale, and the
 * last sentence.  The keys that work are those of screen_keys, and the same list is drawn: a key that is not on
 * the screen does nothing.
 *
 * Sizes from 40x12 up.  Pages say what they have in rows with a rank; on a small screen the least important
 * rows are left out, the others stay.
 *
 * A scanner is a keyboard that types fast and ends with Enter: an article's code, a receipt's number, a member's
 * code ("P1...") are told apart by what they look like, never by the page only.  It scans whatever page is open:
 * where nothing is typed its text goes to the sale, and no letter or Enter of it chooses anything; where a price or
 * points are typed an article's code is refused.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_SCREEN_H
#define PATRON_TERMINAL_SCREEN_H

#include "terminal/ask.h"
#include "terminal/screen/canvas.h"
#include "terminal/view.h"

enum { SCREEN_ROWS_MIN = 12, SCREEN_COLUMNS_MIN = 40 };

/* ---- keys ---- */

enum key_kind {
    KEY_IS_TEXT, /* character */
    KEY_IS_ENTER,
    KEY_IS_ESCAPE,
    KEY_IS_TAB,
    KEY_IS_BACK,
    KEY_IS_UP,
    KEY_IS_DOWN,
    KEY_IS_F1, /* .. F10 follow */
    KEY_IS_F10 = KEY_IS_F1 + 9,
    KEY_KINDS
};

struct screen_key {
    enum key_kind kind;
    uint32_t character; /* KEY_IS_TEXT: Unicode */
    int64_t at_ms;      /* when it came, of the till's clock of ticks: scanners type fast */
};

/* What keys do.  Each is in the menu under its letter, and on the key row while it has one. */
enum action {
    ACT_NONE,
    ACT_ENTER, /* what Enter does here */
    ACT_BACK,  /* leave this page */
    ACT_NEXT,  /* next field */
    ACT_HELP,
    ACT_TOTAL,
    ACT_WHO,
    ACT_REDEEM,
    ACT_REWARD, /* one of the pack's rewards */
    ACT_COUPON,
    ACT_PAY,
    ACT_PARK,
    ACT_PARKED,
    ACT_REFUND,
    ACT_VOID,
    ACT_VOID_SURE, /* it was asked first */
    ACT_GIVE_UP,
    ACT_LINES,   /* take a line off the bill */
    ACT_APPROVE, /* a supervisor instead of the member's PIN */
    ACT_MENU,
    ACT_RATE_1,
    ACT_RATE_2,
    ACT_RATE_3,
    ACT_WHOLE,  /* refund: all that is left */
    ACT_AMOUNT, /* refund: money alone */
    ACT_DO,     /* refund: what was chosen */
    ACT_UP,
    ACT_DOWN,
    ACT_JOIN,
    ACT_PERSON,
    ACT_REPLACE,
    ACT_GRANT,
    ACT_REPRINT,
    ACT_UNPRINT,
    ACT_DRAWER,
    ACT_SHIFT,
    ACT_LANGUAGE,
    ACT_TRAIN,
    ACT_SYNC,
    ACT_LOGOUT,
    ACTIONS
};

struct screen_hint {
    enum key_kind key;
    enum action action;
    const char *label; /* translated */
};
enum { SCREEN_HINTS_MAX = 16 };

/* ---- state ---- */

enum screen_page {
    PAGE_SALE, /* as the sale is: idle, member, bill, totalled, doubt, done ... */
    PAGE_LOGIN,
    PAGE_MENU,
    PAGE_HELP,
    PAGE_PRICE, /* of the article that was scanned */
    PAGE_LINES, /* which line is taken off the bill */
    PAGE_VOID,  /* is this bill really to be cancelled */
    PAGE_WHO,   /* a member without a card */
    PAGE_PIN,   /* the member's own */
    PAGE_REDEEM,
    PAGE_REWARDS, /* which reward */
    PAGE_COUPON,
    PAGE_PARKED,
    PAGE_RECEIPT, /* which receipt: refund, or reprint */
    PAGE_REFUND,  /* what of it comes back */
    PAGE_AMOUNT,  /* money given back without goods */
    PAGE_JOIN,
    PAGE_PERSON,
    PAGE_REPLACE,
    PAGE_GRANT,
    PAGE_APPROVE,
    PAGE_SHIFT,
    SCREEN_PAGES
};

enum { SCREEN_HELD_MS = 50 }; /* a scanner's next character comes sooner */
enum { SCREEN_FIELDS_MAX = 3, SCREEN_FIELD_SIZE = 161, SCREEN_BACK_MAX = 24 };

struct screen {
    enum screen_page page;
    char field[SCREEN_FIELDS_MAX][SCREEN_FIELD_SIZE];
    int focus;                 /* field being typed */
    int64_t first_ms, last_ms; /* when the text in the field came */
    int64_t misfit_ms;         /* when a character came that the field does not take; 0 = none did */
    uint32_t held;             /* a letter where nothing is typed: a choice, if no scan goes on with it; 0 = none */
    int64_t stray_ms;          /* when the last such letter came */
    int selected;              /* PAGE_REFUND, PAGE_LINES, PAGE_REWARDS, PAGE_HELP: row */
    char message[WIRE_SENTENCE_SIZE];
    enum look message_look;
    enum verb busy;            /* asked, no answer yet */
    struct entry_id dismissed; /* the receipt that was looked at: DONE shows as idle */
    struct entry_id rated;
    bool tapped; /* a card has just come: what it tells goes before the bill, until something is done */
    enum action receipt_for; /* PAGE_RECEIPT: ACT_REFUND, ACT_REPRINT */
    struct entry_id receipt; /* PAGE_REFUND: the one goods come back from */

    /* The last command, with all its texts: asked again after an approval or a PIN. */
    struct command command;
    struct command approval;
    struct txn_line line;
    struct txn_line back[SCREEN_BACK_MAX];
    int32_t back_row[SCREEN_BACK_MAX]; /* which line of the receipt each is; -1: of another till's */
    int32_t back_count;
    char typed[SCREEN_FIELD_SIZE]; /* on PAGE_SALE: what the question was made of, should it be refused */
    int64_t typed_first_ms, typed_last_ms;
    char value[SCREEN_FIELD_SIZE], text[SCREEN_FIELD_SIZE], pin[16];
    bool again; /* the command waits for an approval or PIN */
};

struct screen_effects {
    const struct command *ask; /* into the screen, valid until its next call; NULL = nothing */
    const char *language;      /* to be used from now on; NULL = as it is */
};

void screen_init(struct screen *s);

struct screen_effects screen_key(struct screen *s, const struct till_view *v,
                                 struct screen_key key);
/* A moment has passed without a key: now a held letter is a choice.  To be called at SCREEN_HELD_MS after it. */
struct screen_effects screen_tick(struct screen *s, const struct till_view *v, int64_t now_ms);
/* The command that was asked has its answer; view is of after it.  Also for the card that is always waited for: a
 * TAP that the cashier did not ask. */
struct screen_effects screen_answered(struct screen *s, const struct till_view *v,
                                      const struct answer *a);
/* Something that nobody asked for. */
void screen_told(struct screen *s, const char *sentence);

/* The keys that work now, in the order of the key row.  Returns how many. */
int screen_keys(const struct screen *s, const struct till_view *v,
                struct screen_hint out[SCREEN_HINTS_MAX]);
/* In the menu: the letter of an action, 0 when it is not possible now. */
char screen_menu_letter(const struct screen *s, const struct till_view *v, enum action action);
/* Is something to be typed here? */
bool screen_takes_text(const struct screen *s, const struct till_view *v);

void screen_draw(const struct screen *s, const struct till_view *v, struct canvas *c);

#endif
