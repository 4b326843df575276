/* screen_draw.c - see screen.h: what is around a page, and all of it put on the canvas.  The pages are rows
 * with a rank (rows.h), made in screen_sale.c and screen_pages.c.  Read screen_draw at the end first.
 *
 *   +--------------------------------------+
 *   | till, cashier     line, time         |  status
 *   | TRAINING                             |  only then
 *   |   body: rows of the page             |
 *   | sentence: what happened, what to do  |
 *   | Field: what is typed_                |
 *   | Enter Total  F3 Member  F8 Cancel .. |  the keys that work
 *   +--------------------------------------+
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/screen/screen_tell.h"

#include "base/tr.h"

#include <stdio.h>
#include <string.h>

/* ---- status ---- */

static void line_state(char *out, size_t size, const struct till_view *v, bool wide)
{
    char since[TIME_TEXT_SIZE];
    if (!v->has_line)
        snprintf(out, size, "%s", tr("no line"));
    else if (v->online && v->owed == 0)
        snprintf(out, size, "%s", tr("online"));
    else if (v->online)
        snprintf(out, size, tr("online, %u to send"), v->owed);
    else if (!wide)
        snprintf(out, size, tr("offline %u"), v->owed);
    else if (v->contact_s == 0)
        snprintf(out, size, tr("offline, never connected, %u to send"), v->owed);
    else
        snprintf(out, size, tr("offline since %s, %u to send"), tell_when(since, v, v->contact_s),
                 v->owed);
}

static void draw_status(const struct till_view *v, struct canvas *c)
{
    char left[160], state[96], state_time[128], clock[CLOCK_SIZE];
    bool wide = c->columns >= ROWS_WIDE;
    line_state(state, sizeof state, v, wide);
    snprintf(state_time, sizeof state_time, "%s%s %s ",
             v->reader == PART_AWAY ? tr("READER AWAY ") : "", state, tell_hour(clock, v->now_s));
    snprintf(left, sizeof left, wide ? " T%u %s  %s%s" : " T%u %s %s%s", v->terminal, v->shop,
             v->cashier_name, v->supervisor ? " *" : "");
    int taken = canvas_put_right(c, 0, 0, c->columns, LOOK_REVERSE, state_time);
    canvas_put(c, 0, 0, c->columns - taken - 1, LOOK_REVERSE, left);
    canvas_fill(c, 0, LOOK_REVERSE);
}

/* ---- putting it together ---- */

static const char *key_name(enum key_kind key)
{
    static const char *const f[] = {"F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8", "F9", "F10"};
    if (key >= KEY_IS_F1 && key <= KEY_IS_F10)
        return f[key - KEY_IS_F1];
    return key == KEY_IS_ENTER    ? "Enter"
           : key == KEY_IS_ESCAPE ? "Esc"
           : key == KEY_IS_TAB    ? "Tab"
           : key == KEY_IS_UP     ? tr("Up")
           : key == KEY_IS_DOWN   ? tr("Down")
                                  : "";
}

/* The key rows, laid out from the left; put NULL: only counted. */
static int key_rows(struct canvas *put, int top, int columns, const struct screen_hint *hints,
                    int count)
{
    int row = 0, column = 0, between = columns >= ROWS_WIDE ? 2 : 1;
    for (int i = 0; i < count; i++) {
        const char *key = key_name(hints[i].key);
        int width = text_columns(key) + 1 + text_columns(hints[i].label);
        if (column > 0 && column + width > columns) {
            row++;
            column = 0;
        }
        if (put) {
            int at =
                column + canvas_put(put, top + row, column, columns - column, LOOK_REVERSE, key);
            canvas_put(put, top + row, at + 1, columns - at - 1, LOOK_PLAIN, hints[i].label);
        }
        column += width + between;
    }
    return count ? row + 1 : 0;
}

static void put_field(struct canvas *c, int row, const struct screen *s,
                      const struct field_kind *kind, int i)
{
    char shown[SCREEN_FIELD_SIZE], label[120];
    snprintf(label, sizeof label, "%s: ", tr(kind->label));
    memcpy(shown, s->field[i], sizeof shown);
    if (kind->type == TYPE_PIN)
        memset(shown, '*', strlen(shown));
    int at =
        1 + canvas_put(c, row, 1, c->columns - 8, i == s->focus ? LOOK_BOLD : LOOK_PLAIN, label);
    int room = c->columns - at - 1;
    const char *text = shown; /* of a long one, the end */
    while (text_columns(text) > room) {
        size_t bytes;
        int width;
        text_next(text, &bytes, &width);
        text += bytes;
    }
    at += canvas_put(c, row, at, room, LOOK_PLAIN, text);
    if (i == s->focus) {
        c->cursor_row = row;
        c->cursor_column = at;
    }
}

void screen_draw(const struct screen *s, const struct till_view *v, struct canvas *c)
{
    struct screen_hint hints[SCREEN_HINTS_MAX];
    const struct field_kind *kind;
    struct rows rows = {.count = 0, .columns = c->columns - 2};
    canvas_clear(c, c->rows, c->columns);
    int top = 1, bottom = c->rows, count = screen_keys(s, v, hints),
        fields = screen_fields(s, v, &kind);

    draw_status(v, c);
    if (v->training) {
        canvas_put(c, 1, 1, c->columns - 1, LOOK_REVERSE | LOOK_BAD,
                   tr("*** TRAINING: nothing counts ***"));
        canvas_fill(c, 1, LOOK_REVERSE | LOOK_BAD);
        top = 2;
    }
    bottom -= key_rows(NULL, 0, c->columns, hints, count);
    key_rows(c, bottom, c->columns, hints, count);
    for (int i = fields - 1; i >= 0; i--)
        put_field(c, --bottom, s, &kind[i], i);

    struct rows message = {.count = 0, .columns = c->columns - 2};
    const char *text = *s->message                ? s->message
                       : s->busy == VERB_REPLACE  ? tr("Hold the new card to the reader.")
                       : s->busy == VERB_SYNC     ? tr("Talking to head office ...")
                       : s->busy == VERB_IDENTIFY ? tr("Asking head office ...")
                                                  : "";
    rows_prose(&message, 0, *s->message ? (unsigned)s->message_look : LOOK_BOLD, 0, text);
    int most = bottom - top - 3; /* something of the page stays */
    if (message.count > most)
        message.count = most;
    bottom -= message.count;
    rows_put(c, bottom, message.count, &message);

    screen_page_rows(&rows, s, v, bottom - top);
    rows_put(c, top, bottom - top, &rows);
}
