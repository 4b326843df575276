/* receipt.c - see receipt.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/paper/receipt.h"

#include "base/date.h"
#include "base/tr.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- columns ---- */

/* Bytes of the character that begins here; a stray byte is a character of its own. */
static size_t char_size(const char *text)
{
    uint8_t c = (uint8_t)*text;
    size_t size = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf8 ? 4 : 1;
    for (size_t i = 1; i < size; i++)
        if (((uint8_t)text[i] & 0xc0) != 0x80)
            return 1;
    return size;
}

static int char_columns(const char *text)
{
    return (uint8_t)*text < 0x80 ? 1 : 2;
}

int receipt_columns(const char *text)
{
    int columns = 0;
    for (; *text; text += char_size(text))
        columns += char_columns(text);
    return columns;
}

/* Bytes of text that fit into so many columns. */
static size_t fitting(const char *text, int columns)
{
    size_t at = 0;
    while (text[at] && (columns -= char_columns(text + at)) >= 0)
        at += char_size(text + at);
    return at;
}

/* ---- lines ---- */

static void add(struct receipt *r, uint32_t style, const char *text, size_t size)
{
    assert(r->count < RECEIPT_LINES_MAX);
    assert(size < RECEIPT_LINE_SIZE);
    r->lines[r->count].style = style;
    memcpy(r->lines[r->count].text, text, size);
    r->lines[r->count++].text[size] = 0;
}

static void blank(struct receipt *r)
{
    add(r, 0, "", 0);
}

/* Left, and right at the edge; left is cut when both do not fit. */
static void put(struct receipt *r, uint32_t style, const char *left, const char *right)
{
    char line[RECEIPT_LINE_SIZE];
    int right_columns = receipt_columns(right);
    if (right_columns >= r->columns)
        right = "", right_columns = 0;
    size_t size = fitting(left, r->columns - right_columns - !!*right);
    memcpy(line, left, size);
    line[size] = 0;
    if (*right) {
        int gap = r->columns - right_columns - receipt_columns(line);
        snprintf(line + size, sizeof line - size, "%*s%s", gap, "", right);
    }
    add(r, style, line, strlen(line));
}

/* As many lines as it takes, broken at blanks and after Chinese characters, RECEIPT_LINES_MAX lines at most. */
static void put_wrapped(struct receipt *r, uint32_t style, const char *text, int lines)
{
    int columns = style & RECEIPT_BIG ? r->columns / 2 : r->columns;
    while (*text == ' ')
        text++;
    for (; *text && lines > 0; lines--) {
        size_t fits = fitting(text, columns), at = fits;
        if (text[fits]) { /* back to where it may be broken */
            while (at > 0 && text[at] != ' ' && !((uint8_t)text[at - 1] & 0x80))
                at--;
            if (at == 0)
                at = fits;
        }
        add(r, style, text, at);
        text += at;
        while (*text == ' ')
            text++;
    }
}

static void put_money(struct receipt *r, uint32_t style, const char *left, const struct pack *pack,
                      struct money m)
{
    char text[PACK_MONEY_SIZE];
    put(r, style, left, pack_money_text(text, pack, m));
}

static void put_points(struct receipt *r, const char *left, struct points points)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, points_n(points));
    put(r, 0, left, text);
}

/* ---- parts, from the top ---- */

static void put_training(struct receipt *r)
{
    put_wrapped(r, RECEIPT_BIG | RECEIPT_CENTRED, tr("TRAINING - NOT VALID"), 4);
}

static void put_head(struct receipt *r, const struct receipt_facts *f)
{
    const struct txn *t = f->txn;
    char id[ENTRY_TEXT_SIZE], time[TIME_TEXT_SIZE], number[16];
    if (f->training)
        put_training(r);
    if (f->copy)
        put_wrapped(r, RECEIPT_BIG | RECEIPT_CENTRED, tr("COPY"), 4);
    if (f->pack)
        put_wrapped(r, RECEIPT_BOLD | RECEIPT_CENTRED, f->pack->name, 2);
    time_text(time, t->time_s);
    time[10] = ' '; /* instead of the T */
    time[16] = 0;   /* without seconds */
    put(r, 0, t->shop, time);
    entry_text(id, t->id); /* of training: the next real sale gets it */
    put(r, 0, t->kind == TXN_REFUND ? tr("Refund") : tr("Receipt"), f->training ? "-" : id);
    if (t->cashier) {
        snprintf(number, sizeof number, "%" PRIu32, t->cashier);
        put(r, 0, tr("Cashier"), number);
    }
    blank(r);
}

static void put_items(struct receipt *r, const struct txn *t, const struct pack *pack)
{
    char text[RECEIPT_LINE_SIZE];
    int32_t shown = t->line_count < RECEIPT_ITEMS_MAX ? t->line_count : RECEIPT_ITEMS_MAX;
    for (int32_t i = 0; i < shown; i++) {
        snprintf(text, sizeof text, "%d %s", t->lines[i].quantity, t->lines[i].sku);
        put_money(r, 0, text, pack, t->lines[i].amount);
    }
    if (shown < t->line_count) {
        snprintf(text, sizeof text, tr("... and %d lines more"), t->line_count - shown);
        put(r, 0, text, "");
    }
    if (shown > 0)
        blank(r);
}

static void put_total(struct receipt *r, const struct txn *t, const struct pack *pack)
{
    struct sale_receipt s;
    bool back = t->kind == TXN_REFUND;
    sale_receipt_of(&s, t);
    put_money(r, RECEIPT_BOLD, back ? tr("Total back") : tr("Total"), pack, s.total);
    if (money_minor(s.by_points) == 0)
        return;
    put_money(r, 0, back ? tr("of it in points") : tr("paid with points"), pack, s.by_points);
    put_money(r, 0, back ? tr("in money") : tr("to pay"), pack, s.due);
}

/* Of a new member, or one whom head office has to find, the number is not known here yet. */
static bool is_members(const struct txn *t)
{
    static const uint8_t nobody[TXN_TOKEN_SIZE];
    return t->member || memcmp(t->token, nobody, sizeof nobody) != 0 || points_n(t->points) != 0 ||
           points_n(t->redeemed) != 0;
}

static void put_member(struct receipt *r, const struct receipt_facts *f)
{
    const struct txn *t = f->txn;
    bool back = t->kind == TXN_REFUND;
    char text[MEMBER_TEXT_SIZE], day[DAY_TEXT_SIZE], line[RECEIPT_LINE_SIZE];
    blank(r);
    if (t->member) {
        member_text(text, t->member);
        put(r, 0, tr("Member"), text);
    }
    if (points_n(t->redeemed) != 0)
        put_points(r, back ? tr("Points given back") : tr("Points redeemed"), t->redeemed);
    put_points(r, back ? tr("Points taken back") : tr("Points earned"), t->points);
    if (points_n(f->balance) >= 0)
        put_points(r, tr("Points balance"), f->balance);
    if (points_n(f->purse) >= 0 && points_n(f->purse) != points_n(f->balance))
        put_points(r, tr("of it on the card"), f->purse);
    if (points_n(f->expiring) > 0) {
        day_text(day, f->expiring_day);
        snprintf(line, sizeof line, tr("%" PRId64 " points end after %s"), points_n(f->expiring),
                 day);
        put_wrapped(r, 0, line, 3);
    }
    if (*f->why) {
        blank(r);
        put_wrapped(r, 0, f->why, 10);
    }
}

void receipt_of(struct receipt *r, const struct receipt_facts *f)
{
    char id[ENTRY_TEXT_SIZE];
    assert(f->columns == RECEIPT_NARROW || f->columns == RECEIPT_WIDE);
    r->columns = f->columns;
    r->count = 0;
    put_head(r, f);
    put_items(r, f->txn, f->pack);
    put_total(r, f->txn, f->pack);
    if (is_members(f->txn))
        put_member(r, f);
    else if (f->txn->kind == TXN_REFUND && f->txn->original.terminal != f->txn->id.terminal) {
        blank(r);
        put_wrapped(r, 0, tr("Points of the sale: worked out by head office."), 3);
    }
    blank(r);
    if (f->training) { /* also when the top is torn off */
        put_training(r);
        return;
    }
    entry_text(id, f->txn->id);
    add(r, RECEIPT_QR | RECEIPT_CENTRED, id, strlen(id));
}

void receipt_of_text(struct receipt *r, int columns, const char *const *lines, int count)
{
    r->columns = columns;
    r->count = 0;
    for (int i = 0; i < count && r->count < RECEIPT_LINES_MAX; i++)
        if (*lines[i])
            put_wrapped(r, 0, lines[i], RECEIPT_LINES_MAX - r->count);
        else
            blank(r);
}
