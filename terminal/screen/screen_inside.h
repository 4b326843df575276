/* screen_inside.h - what the files of the screen say to each other, and to nobody else.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_SCREEN_INSIDE_H
#define PATRON_TERMINAL_SCREEN_INSIDE_H

#include "terminal/screen/screen.h"

enum field_type { TYPE_TEXT, TYPE_DIGITS, TYPE_POINTS, TYPE_MONEY, TYPE_PRICE, TYPE_PIN, TYPE_PHONE, TYPE_YES };
struct field_kind {
    const char *label; /* not translated yet */
    enum field_type type;
    int most; /* bytes */
};
enum { SCREEN_HELP_ROWS = 16 };

/* The page that shows: without a cashier the login lies over all others. */
enum screen_page screen_page_now(const struct screen *s, const struct till_view *v);
bool screen_shows_receipt(const struct screen *s,
                          const struct till_view *v); /* of the sale just done */
bool screen_is_idle(const struct screen *s, const struct till_view *v);
int screen_fields(const struct screen *s, const struct till_view *v, const struct field_kind **out);
const char *screen_menu_label(int i, enum action *action); /* NULL: no such row */
const char *screen_reason(int i);                          /* of a goodwill entry; NULL: no more */
const struct txn *screen_original(const struct screen *s, const struct till_view *v);
int32_t screen_back(const struct screen *s, int32_t row); /* so many of that line of the receipt come back */

enum meaning { MEANS_NOTHING, MEANS_LINE, MEANS_ARTICLE, MEANS_RECEIPT, MEANS_MEMBER_CODE };

/* screen.c: what the others need of its state. */
void screen_copy(char *out, size_t size, const char *text); /* cut when it does not fit */
void screen_say(struct screen *s, enum look look, const char *text);
void screen_clear(struct screen *s); /* the fields */
void screen_go(struct screen *s, enum screen_page page);
struct command *screen_begin(struct screen *s, enum verb verb); /* an empty one */
struct screen_effects screen_ask(struct screen *s, const struct command *c);
struct screen_effects screen_ask_plain(struct screen *s, enum verb verb);
/* The same, of what is typed on the sale page.  The field is free at once: what is typed or scanned before the answer
 * comes is the next thing; what was refused comes back when nothing is. */
struct screen_effects screen_ask_typed(struct screen *s, const struct command *c);

/* screen_enter.c */
struct screen_effects screen_enter(struct screen *s, const struct till_view *v);
struct screen_effects screen_complain(struct screen *s, const char *sentence);
struct screen_effects screen_refund(struct screen *s, enum action how, struct money money); /* ACT_WHOLE, ACT_DO, ACT_AMOUNT */

/* screen_keys.c */
bool screen_can(const struct screen *s, const struct till_view *v, enum action action);
int32_t screen_lines(const struct till_view *v);    /* of the bill that is worked on */
bool screen_takes_lines(const struct till_view *v); /* of a bill, now */
enum action screen_menu_action(const struct screen *s, const struct till_view *v, uint32_t letter); /* ACT_NONE: none */
/* The rewards that could be this member's now; out has room for PACK_REWARDS_MAX.  *unasked: others could, of which there
 * are only so many, were head office asked.  Returns how many. */
int screen_rewards(const struct till_view *v, const struct pack_reward **out, bool *unasked);

/* screen_typed.c.  False: nothing changed, or it is none; *text then stands where it stood. */
bool screen_type(struct screen *s, const struct till_view *v, const struct screen_key *key);
bool screen_rub_out(struct screen *s);
bool screen_read_number(int64_t *out, const char **text);
bool screen_read_money(struct money *out, const char **text, const struct pack *pack);
bool screen_read_price(struct txn_line *line, const char *text, const struct pack *pack);
/* What stands in the field of the sale page; line is filled as far as it says. */
enum meaning screen_meaning(const struct screen *s, const struct till_view *v,
                            struct txn_line *line);
/* Came the text in the field as from a scanner?  And is it an article's code, where an amount is wanted? */
bool screen_is_scanned(const struct screen *s);
bool screen_is_article_in(const struct screen *s, enum field_type type);
const char *screen_reason_of(const char *typed); /* a digit's, or what was typed */

#endif
