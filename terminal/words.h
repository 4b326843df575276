/* words.h - a command as a line of words into a struct command: the table of terminal/README.md.  Pure.
 * Inside terminal/ only.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_WORDS_H
#define PATRON_TERMINAL_WORDS_H

#include "terminal/ask.h"

enum { WORDS_MAX = 40, WORDS_TEXT_MAX = 512 };

/* Where the texts of a command live while it is carried out; wipe it afterwards: a PIN may be in it. */
struct words {
    int count;
    char *word[WORDS_MAX]; /* into the line */
    const char *ref, *wait, *pin; /* of ref=, wait=, pin=; not among word[] */
    char text[WORDS_TEXT_MAX];    /* words of free text, joined by blanks */
    struct txn_line line;
    struct txn_tender tenders[TXN_TENDERS_MAX];
};

/* line is cut into words.  back: room for returned lines, TILL_RETURNS_MAX of them.  Errors: ERR_NOT_FOUND (an
 * empty line; no words, no answer), ERR_FORMAT with how it is written. */
MUST_CHECK enum err words_read(struct words *w, struct command *out, char *line, struct txn_line *back,
                               struct errmsg *why);

#endif
