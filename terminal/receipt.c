/* receipt.c - see receipt.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/receipt.h"

#include "base/date.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* One line: left, and right at the edge; left is cut when both do not fit. */
static void put(struct receipt *r, const char *left, const char *right)
{
    int room = RECEIPT_COLUMNS - (int)strlen(right);
    assert(r->count < RECEIPT_LINES_MAX);
    char *line = r->text[r->count];
    r->lines[r->count++] = line;
    snprintf(line, RECEIPT_LINE_SIZE, "%-*.*s%s", room > 0 ? room : 0,
             room > 0 ? room - !!*right : 0, left, right);
}

static void put_money(struct receipt *r, const char *left, const struct pack *pack, struct money m)
{
    char text[PACK_MONEY_SIZE];
    put(r, left, pack_money_text(text, pack, m));
}

static void put_points(struct receipt *r, const char *left, int64_t n)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, n);
    put(r, left, text);
}

static void put_items(struct receipt *r, const struct txn *t, const struct pack *pack)
{
    char text[RECEIPT_LINE_SIZE];
    int32_t shown = t->line_count < RECEIPT_ITEMS_MAX ? t->line_count : RECEIPT_ITEMS_MAX;
    for (int32_t i = 0; i < shown; i++) {
        snprintf(text, sizeof text, "%d %s", t->lines[i].quantity, t->lines[i].sku);
        put_money(r, text, pack, t->lines[i].amount);
    }
    if (shown < t->line_count) {
        snprintf(text, sizeof text, "... and %d lines more", t->line_count - shown);
        put(r, text, "");
    }
}

void receipt_of(struct receipt *r, const struct txn *t, const struct pack *pack, int32_t purse)
{
    char id[ENTRY_TEXT_SIZE], day[DAY_TEXT_SIZE], member[MEMBER_TEXT_SIZE];
    bool back = t->kind == TXN_REFUND;
    struct sale_receipt s;
    sale_receipt_of(&s, t);
    entry_text(id, t->id);
    day_text(day, day_of_time(t->time_s));
    member_text(member, t->member);
    r->count = 0;
    put(r, pack ? pack->name : "", "");
    put(r, t->shop, day);
    put(r, back ? "Refund" : "Receipt", id);
    put(r, "", "");
    put_items(r, t, pack);
    put(r, "", "");
    put_money(r, back ? "Total back" : "Total", pack, s.total);
    if (money_minor(s.by_points) != 0) {
        put_money(r, back ? "of it in points" : "paid with points", pack, s.by_points);
        put_money(r, back ? "in money" : "to pay", pack, s.due);
    }
    if (t->member == 0)
        return;
    put(r, "", "");
    put(r, "Member", member);
    if (points_n(s.redeemed) != 0)
        put_points(r, back ? "Points given back" : "Points redeemed", points_n(s.redeemed));
    put_points(r, back ? "Points taken back" : "Points earned", points_n(s.earned));
    if (purse >= 0)
        put_points(r, "Points on the card", purse);
}
