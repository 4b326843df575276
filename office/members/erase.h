/* erase.h - a person is forgotten, the books stay whole.
 *
 * Points, cards and entries stay under their number.  What goes: the person, what they agreed to, tags, notes,
 * claims, messages, telephone number and PIN; and in what was typed about others, the words that name them.  The
 * reason of an entry is for ever: whoever types one is told to write no names (api_ledger.c's pages).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_ERASE_H
#define PATRON_OFFICE_ERASE_H

#include "office/books/books.h"

/* Takes the words that name a person out of a text: the whole name, the contact and the mail addresses in it, the
 * telephone number in whatever spelling; where the text names the member number, each part of the name too.  Letters
 * A-Z in either case, whole words.  Each becomes "**", so that the text gets no longer (names of one character are
 * left).  Pure.  True: something was taken out. */
MUST_CHECK bool erase_words(char *text, const struct person *p);

/* Writes to the list of erasures, then books_erase_person; not in a transaction.  cause: "asked", "retention".
 * Errors: ERR_NOT_FOUND (no such member), those of books_erase_person. */
MUST_CHECK enum err erase_person(struct books *b, member_id member, const char *cause, uint32_t user,
                                 int64_t now_s, struct errmsg *why);

/* For tests: every TEXT and BLOB column of the tables beside the ledger is named here, so that none is forgotten:
 * "table.column" with what happens to it, "goes", "is scrubbed", "stays".  NULL = not named. */
const char *erase_says(const char *table, const char *column);

#endif
