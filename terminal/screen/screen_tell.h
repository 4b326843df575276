/* screen_tell.h - how amounts, points, times and members are written on the cashier's screen.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_SCREEN_TELL_H
#define PATRON_TERMINAL_SCREEN_TELL_H

#include "base/date.h"
#include "terminal/screen/rows.h"
#include "terminal/screen/screen_inside.h"

enum { POINTS_SIZE = 48, CLOCK_SIZE = 8 };

/* Each writes into out and returns it, or a text of its own. */
const char *tell_money(char out[PACK_MONEY_SIZE], const struct till_view *v, struct money m);  /* "12.75 GBP" */
const char *tell_amount(char out[PACK_MONEY_SIZE], const struct till_view *v, struct money m); /* "12.75" */
const char *tell_points(char out[POINTS_SIZE], struct points p);
const char *tell_hour(char out[CLOCK_SIZE], int64_t time_s);
/* A time of today by its hour, an earlier one by its day. */
const char *tell_when(char out[TIME_TEXT_SIZE], const struct till_view *v, int64_t time_s);
const char *tell_tier(const struct till_view *v, const char *code);
const char *tell_who(char out[MEMBER_TEXT_SIZE], member_id member);
/* One more sentence behind those that are there. */
void tell_also(char *out, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* screen_sale.c: the sale as it is, idle, the receipt; screen_pages.c: what lies over it. */
void screen_sale_rows(struct rows *r, const struct screen *s, const struct till_view *v);
void screen_page_rows(struct rows *r, const struct screen *s, const struct till_view *v, int room);

#endif
