/* settings.h - how a program is set up: a file of sections and "key = value" lines, or the same by options of the
 * command line, which come on top of the file.  A program has one row for each key: name, option, range, and
 * the sentence for --help.
 *
 *     [office]
 *     home = /var/lib/patron-office
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_BASE_SETTINGS_H
#define PATRON_BASE_SETTINGS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { SETTINGS_TEXT_SIZE = 192 }; /* one value, with the final 0: no longer than a line of the file may be */

enum setting_kind { SETTING_TEXT, SETTING_SWITCH, SETTING_NUMBER }; /* char[], bool, int64_t */

struct setting {
    const char *section, *name; /* in the file */
    const char *option;         /* on the command line; NULL = file only */
    const char *argument;       /* for help */
    enum setting_kind kind;
    size_t offset, size;        /* in the program's struct; TEXT: room, with the final 0 */
    int64_t least, most;        /* NUMBER */
    const char *help;
};

struct settings {
    const struct setting *rows;
    int count;
};

/* In all of these: values is the program's struct.
 * Errors: ERR_NOT_FOUND, ERR_IO, ERR_FORMAT: "FILE:LINE: what is wrong, what is expected". */
MUST_CHECK enum err settings_read(const struct settings *s, void *values, const char *path, struct errmsg *why);
/* value NULL for a switch.  Errors: ERR_NOT_FOUND (no such option), ERR_FORMAT. */
MUST_CHECK enum err settings_option(const struct settings *s, void *values, const char *option,
                                    const char *value, struct errmsg *why);
/* The n-th option's name, and whether it takes a value; NULL after the last. */
const char *settings_option_name(const struct settings *s, int n, bool *takes_value);
void settings_help(const struct settings *s, FILE *out); /* all keys, each with its sentence */

#endif
