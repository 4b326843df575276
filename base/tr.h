/* tr.h - sentences for people, in the language that was chosen.
 *
 * The catalogues are gettext's (po/zh.po; xgettext, msgfmt --check), compiled into the program: a till finds them
 * wherever it starts.  The lookup is our own, because the C library's (since glibc 2.39) answers in English
 * under C.UTF-8, the one locale that a small till surely has.
 *
 * One language at a time for the whole program: that of the cashier who is logged in.  Nothing is decided by a
 * translated sentence, and none is written to a journal or sent.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_BASE_TR_H
#define PATRON_BASE_TR_H

#include <stdbool.h>

/* msgid in the language chosen, or msgid itself; static, never NULL. */
const char *tr(const char *msgid) __attribute__((format_arg(1)));

/* Marks a string for po/ where it stands in a table; tr() is called when it is shown. */
#define TR_LATER(msgid) msgid

/* "en" or "zh".  False: not known here, and it is English now. */
bool tr_use(const char *language);
const char *tr_language(void);

#endif
