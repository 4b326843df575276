/* tills.h - the tills as head office runs them: let in, shut out, given orders; and what is wrong with one.
 * patronctl and the console do the same.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_TILLS_H
#define PATRON_OFFICE_TILLS_H

#include "office/books/books.h"
#include "office/home.h"
#include "sync/code.h"

/* Each in a transaction of the caller's or its own; *t is how it is afterwards. */

/* A new till of a shop, with the next number.  code: its one-time code, of which only a hash is kept: show and wipe
 * it.  Errors: ERR_FULL (all numbers are used). */
MUST_CHECK enum err till_add(struct books *b, const struct home *home, const char *shop, struct terminal_view *t,
                             char code[CODE_TEXT_SIZE], struct errmsg *why);
/* A new one-time code, for a till that keeps its journal.  Errors: ERR_NOT_FOUND, ERR_STATE (revoked). */
MUST_CHECK enum err till_recode(struct books *b, const struct home *home, uint32_t terminal,
                                struct terminal_view *t, char code[CODE_TEXT_SIZE], struct errmsg *why);
/* Shut out for good.  Errors: ERR_NOT_FOUND, ERR_STATE (it is). */
MUST_CHECK enum err till_revoke(struct books *b, uint32_t terminal, struct terminal_view *t, struct errmsg *why);
/* Orders (ORDER_... of sync/wire.h) put on and taken off; *orders: what it has now.  Errors: ERR_NOT_FOUND,
 * ERR_STATE (revoked: head office answers it no more). */
MUST_CHECK enum err till_order(struct books *b, uint32_t terminal, uint32_t set, uint32_t clear,
                               struct terminal_view *t, uint32_t *orders, struct errmsg *why);

/* ---- how it is ---- */

enum { TILL_SILENT_S = 3600, TILL_GONE_S = 86400, TILL_WAITING_MANY = 200, TILL_DISK_LOW_MB = 100 };

/* "revoked", "enrolled", "code given", "no code". */
const char *till_state(const struct terminal_view *t);

/* What every till should have by now. */
struct till_wanted {
    int64_t now_s;
    uint32_t pack_version, hot_version; /* the newest of head office */
    int32_t skew_s;                     /* a clock further off sends its entries to review */
};
struct till_alarm {
    const char *code; /* "silent", "journal", ...: for programs */
    bool bad;         /* somebody has to act now; else soon */
    char text[160];   /* what is wrong and what to do, in the language chosen (tr.h) */
};
enum { TILL_ALARMS_MAX = 14 };
/* What is wrong with it, the worst first.  None for one that is revoked or never came.  Pure but for tr(). */
int till_alarms(const struct fleet_line *t, const struct till_wanted *wanted, struct till_alarm out[TILL_ALARMS_MAX]);

#endif
