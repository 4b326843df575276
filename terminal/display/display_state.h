/* display_state.h - what a member may see, at one moment: reduced from the view of a till, carried as a line of
 * JSON, drawn on a canvas.  Pure but for the memory that JSON takes.  Linked by the till and by patron-display.
 *
 * Before a card is tapped there is nothing in it of any member.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_DISPLAY_STATE_H
#define PATRON_TERMINAL_DISPLAY_STATE_H

#include "terminal/screen/canvas.h"
#include "terminal/view.h"

enum display_page {
    DISPLAY_IDLE,
    DISPLAY_BILL,    /* a total, nobody identified */
    DISPLAY_MEMBER,  /* who, points before and after */
    DISPLAY_CONFIRM, /* the card is wanted: to redeem, or again, as the second factor */
    DISPLAY_THANKS,
    DISPLAY_LINES,   /* a cash register's text */
    DISPLAY_YES_NO,  /* lines, and a question that Enter or Esc answers */
    DISPLAY_PIN,     /* the same, answered by a PIN */
    DISPLAY_NO_TILL, /* patron-display's own: nobody tells it anything */
    DISPLAY_PAGES
};

enum {
    DISPLAY_TEXT_SIZE = 64,
    DISPLAY_LINES_MAX = 8,
    DISPLAY_LINE_SIZE = 200,
    DISPLAY_JSON_MAX = 8192, /* of one state as a line, with the final newline */
    DISPLAY_THANKS_S = 15,   /* a thank-you stays so long ... */
    DISPLAY_MEMBER_S = 120   /* ... and a member's page so long when nothing happens */
};

struct display_state {
    enum display_page page;
    uint32_t ask; /* YES_NO, PIN: which question; 0 = none */
    bool training;
    char language[WIRE_LANGUAGE_SIZE];
    char shop[TXN_NAME_SIZE], programme[DISPLAY_TEXT_SIZE];
    char total[PACK_MONEY_SIZE]; /* money as people read it; "" = nothing to say, here and below */

    /* MEMBER, CONFIRM, THANKS */
    char name[WIRE_NAME_SIZE], tier[DISPLAY_TEXT_SIZE];
    int64_t before, after; /* points; -1 = not known */
    int64_t earns, redeems;
    char redeems_value[PACK_MONEY_SIZE], due[PACK_MONEY_SIZE];
    bool again; /* CONFIRM: the card is to be taken away first */
    char next_tier[DISPLAY_TEXT_SIZE];
    enum pack_metric metric;
    int64_t missing; /* to next_tier, in metric; 0 = reached by this sale */
    char missing_value[PACK_MONEY_SIZE];
    char stamp[TXN_NAME_SIZE]; /* the stamp card that this sale fills on, else the first; "" = none */
    int64_t stamps, stamps_every; /* on it with this sale, of how many */
    int64_t stamps_full;          /* points of the cards that this sale fills */

    /* LINES, YES_NO, PIN */
    int line_count;
    char lines[DISPLAY_LINES_MAX][DISPLAY_LINE_SIZE];
};

/* still_s: for how long the view has shown the same.  LINES, YES_NO and PIN are not the view's. */
void display_state_of(struct display_state *out, const struct till_view *v, int64_t still_s);
bool display_state_equal(const struct display_state *a, const struct display_state *b);

/* A line of JSON with its newline and a final 0.  Errors: ERR_FULL. */
MUST_CHECK enum err display_encode(char out[DISPLAY_JSON_MAX], const struct display_state *s,
                                   struct errmsg *why);
/* line: without its newline.  Errors: ERR_FORMAT, out is then undefined. */
MUST_CHECK enum err display_decode(struct display_state *out, const char *line, struct errmsg *why);

/* In the language in use (tr_use); rows and columns of c are set, at least 20 by 4.  digits: of the PIN typed so far. */
void display_draw(const struct display_state *s, int digits, struct canvas *c);

#endif
