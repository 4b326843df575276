/* display_draw.c - a display_state on a canvas: rows in the middle of the screen, the most important ones kept when it
 * is small.  See display_state.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/display/display_state.h"

#include "base/tr.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { ROWS_MAX = 40, ROW_SIZE = 4 * CANVAS_COLUMNS_MAX + 1, PIN_SHOWN_MAX = 12 };

/* Rank 0 always stays; the highest goes first when there is no room. */
struct row {
    int rank;
    unsigned look;
    char text[ROW_SIZE];
};
struct page {
    int columns, count;
    struct row rows[ROWS_MAX];
};

static void add_row(struct page *p, int rank, unsigned look, const char *text, size_t size)
{
    if (p->count == ROWS_MAX || size >= ROW_SIZE)
        return;
    struct row *r = &p->rows[p->count++];
    r->rank = rank;
    r->look = look;
    memcpy(r->text, text, size);
    r->text[size] = 0;
}

static void gap(struct page *p, int rank)
{
    if (p->count > 0)
        add_row(p, rank, LOOK_PLAIN, "", 0);
}

static void add(struct page *p, int rank, unsigned look, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* As many rows as the text needs. */
static void add(struct page *p, int rank, unsigned look, const char *format, ...)
{
    char text[600];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (size_t at = 0, skip; text[at]; at += skip) {
        size_t size = text_row(text + at, p->columns, &skip);
        if (size == 0)
            return;
        add_row(p, rank, look, text + at, size);
        at += size;
    }
}

/* ---- pages ---- */

static void add_head(struct page *p, const struct display_state *s)
{
    if (s->programme[0])
        add(p, 3, LOOK_BOLD, "%s", s->programme);
    if (s->training)
        add(p, 0, LOOK_REVERSE, "%s", tr("Training: nothing counts."));
    gap(p, 5);
}

static void add_bill(struct page *p, const struct display_state *s)
{
    if (!s->total[0])
        return;
    gap(p, 5);
    add(p, 2, LOOK_PLAIN, tr("Total: %s"), s->total);
    if (s->redeems == 0)
        return;
    add(p, 1, LOOK_PLAIN, tr("%" PRId64 " points pay %s"), s->redeems, s->redeems_value);
    add(p, 1, LOOK_BOLD, tr("To pay: %s"), s->due);
}

static void add_points(struct page *p, const struct display_state *s)
{
    if (s->before < 0)
        return;
    add(p, 1, LOOK_BOLD, tr("Your points: %" PRId64), s->before);
    if (s->earns > 0)
        add(p, 2, LOOK_PLAIN, tr("This purchase earns: %" PRId64), s->earns);
    if (s->after != s->before)
        add(p, 1, LOOK_PLAIN, tr("Points after it: %" PRId64), s->after);
}

static void add_idle(struct page *p, const struct display_state *s)
{
    if (s->page == DISPLAY_BILL)
        add_bill(p, s);
    else
        add(p, 1, LOOK_PLAIN, "%s", tr("Welcome!"));
    gap(p, 5);
    add(p, 0, LOOK_PLAIN, "%s", tr("Please hold your member card to the reader."));
}

static void add_stamps(struct page *p, const struct display_state *s)
{
    if (!s->stamp[0])
        return;
    if (s->stamps_full)
        add(p, 1, LOOK_GOOD, tr("%s: your card is full, %" PRId64 " points!"), s->stamp, s->stamps_full);
    else
        add(p, 3, LOOK_PLAIN, tr("%s: %" PRId64 " of %" PRId64 " stamps"), s->stamp, s->stamps, s->stamps_every);
}

static void add_member(struct page *p, const struct display_state *s)
{
    if (s->name[0])
        add(p, 0, LOOK_BOLD, tr("Hello, %s!"), s->name);
    else
        add(p, 0, LOOK_BOLD, "%s", tr("Hello!"));
    if (s->tier[0])
        add(p, 3, LOOK_PLAIN, "%s", s->tier);
    gap(p, 5);
    add_points(p, s);
    add_stamps(p, s);
    add_bill(p, s);
}

static void add_confirm(struct page *p, const struct display_state *s)
{
    if (s->redeems > 0)
        add(p, 0, LOOK_BOLD, tr("Pay %s with %" PRId64 " points?"), s->redeems_value, s->redeems);
    gap(p, 5);
    add_points(p, s);
    if (s->due[0])
        add(p, 2, LOOK_PLAIN, tr("To pay: %s"), s->due);
    gap(p, 5);
    add(p, 0, LOOK_REVERSE, "%s",
        s->again ? tr("To confirm, take your card away and hold it there again.")
                 : tr("To confirm, hold your card to the reader."));
}

static void add_progress(struct page *p, const struct display_state *s)
{
    if (!s->next_tier[0])
        return;
    gap(p, 5);
    if (s->missing == 0) {
        add(p, 1, LOOK_GOOD, tr("You have reached %s!"), s->next_tier);
        return;
    }
    switch (s->metric) {
    case METRIC_SPEND:
        add(p, 1, LOOK_PLAIN, tr("Until %s: %s more"), s->next_tier, s->missing_value);
        break;
    case METRIC_POINTS:
        add(p, 1, LOOK_PLAIN, tr("Until %s: %" PRId64 " points more"), s->next_tier, s->missing);
        break;
    case METRIC_VISITS:
        add(p, 1, LOOK_PLAIN, tr("Until %s: %" PRId64 " visits more"), s->next_tier, s->missing);
        break;
    case METRIC_MIX:
        add(p, 1, LOOK_PLAIN, tr("Until %s: %" PRId64 " more"), s->next_tier, s->missing);
        break;
    }
}

static void add_thanks(struct page *p, const struct display_state *s)
{
    if (s->name[0])
        add(p, 0, LOOK_BOLD, tr("Thank you, %s!"), s->name);
    else
        add(p, 0, LOOK_BOLD, "%s", tr("Thank you!"));
    gap(p, 5);
    if (s->redeems > 0)
        add(p, 2, LOOK_PLAIN, tr("Redeemed: %" PRId64 " points"), s->redeems);
    if (s->earns > 0)
        add(p, 2, LOOK_PLAIN, tr("Earned: %" PRId64 " points"), s->earns);
    if (s->after >= 0)
        add(p, 1, LOOK_BOLD, tr("Your points now: %" PRId64), s->after);
    add_stamps(p, s);
    add_progress(p, s);
}

static void add_question(struct page *p, const struct display_state *s, int digits)
{
    char dots[4 * PIN_SHOWN_MAX + 1] = "";
    for (int i = 0; i < s->line_count; i++)
        add(p, i, LOOK_PLAIN, "%s", s->lines[i]);
    if (s->page == DISPLAY_LINES)
        return;
    gap(p, 5);
    if (s->page == DISPLAY_PIN) {
        for (int i = 0; i < digits && i < PIN_SHOWN_MAX; i++)
            strcat(dots, "* ");
        add(p, 0, LOOK_BOLD, tr("PIN: %s_"), dots);
        add(p, 0, LOOK_REVERSE, "%s", tr("Type your PIN, then Enter.  Esc: no"));
    } else {
        add(p, 0, LOOK_REVERSE, "%s", tr("Enter: yes   Esc: no"));
    }
}

/* ---- on the canvas ---- */

static void drop_until(struct page *p, int rows)
{
    for (int rank = 9; p->count > rows && rank > 0; rank--)
        for (int i = p->count - 1; i >= 0 && p->count > rows; i--)
            if (p->rows[i].rank == rank) {
                memmove(&p->rows[i], &p->rows[i + 1],
                        (size_t)(p->count - i - 1) * sizeof p->rows[0]);
                p->count--;
            }
}

void display_draw(const struct display_state *s, int digits, struct canvas *c)
{
    struct page p = {.columns = c->columns};
    canvas_clear(c, c->rows, c->columns);
    add_head(&p, s);
    switch (s->page) {
    case DISPLAY_IDLE:
    case DISPLAY_BILL:
        add_idle(&p, s);
        break;
    case DISPLAY_MEMBER:
        add_member(&p, s);
        break;
    case DISPLAY_CONFIRM:
        add_confirm(&p, s);
        break;
    case DISPLAY_THANKS:
        add_thanks(&p, s);
        break;
    case DISPLAY_LINES:
    case DISPLAY_YES_NO:
    case DISPLAY_PIN:
        add_question(&p, s, digits);
        break;
    case DISPLAY_NO_TILL:
    case DISPLAY_PAGES:
        add(&p, 0, LOOK_PLAIN, "%s", tr("Please wait."));
        break;
    }
    drop_until(&p, c->rows);
    int top = (c->rows - p.count) / 2;
    for (int i = 0; i < p.count && i < c->rows; i++) {
        int columns = text_columns(p.rows[i].text);
        canvas_put(c, (top > 0 ? top : 0) + i, (c->columns - columns) / 2, columns, p.rows[i].look,
                   p.rows[i].text);
    }
}
