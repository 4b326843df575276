/* opening.h - opening balances: what members brought from the programme before, from a CSV file.
 *
 * The first line names the columns, in any order:
 *     member | card | phone   one of them: "M12", "04:01:02:...", "+44 113 4960000"
 *     points                  1 or more
 *     last_day                "2027-12-31"; "" = by the rules in force; "never"
 *     tier                    may be missing: a tier of the rules in force, "" = as it is
 *     reason                  may be missing: else "opening balance, " and the name of the file
 * Every line is checked and every fault said.  All lines are posted in one transaction, or none is; the same file is
 * taken once, whatever its name.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_OPENING_H
#define PATRON_OFFICE_OPENING_H

#include "office/books/books.h"
#include "office/home.h"

#include <jansson.h>

enum { OPENING_LINES_MAX = 200000, OPENING_FAULTS_MAX = 500 };

#define OPENING_SHAPE                                                                                              \
    "file:text! digest:text! lines:int! members:int! points:points! done:bool! faults:[line:int! text:text!]"

/* csv: UTF-8, comma or semicolon, quotes as usual.  dry_run: nothing is posted.  out: OPENING_SHAPE; with faults
 * nothing is posted and OK is returned, done is false.  In an open transaction.
 * Errors: ERR_EXISTS (the file was taken before: when, and by what name), ERR_FORMAT (no such columns), ERR_FULL. */
MUST_CHECK enum err opening_import(struct books *b, const struct known_keys *keys, const char *file, struct bytes csv,
                                   bool dry_run, uint32_t user, int64_t now_s, json_t *out, struct errmsg *why);

#define OPENING_FILE_SHAPE "file:text! lines:int! points:points! time:time! user:int!"
MUST_CHECK enum err opening_list(struct books *b, json_t *rows, struct errmsg *why);

#endif
