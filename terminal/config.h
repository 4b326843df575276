/* config.h - how this till is set up: a file of sections and "key = value" lines, or the same by options of
 * the command line, which come on top of the file.  config.c has one row for each key: name, option, range,
 * and the sentence for --help.
 *
 *     [till]
 *     home = /var/lib/patron-terminal
 *     office = office.example:7443
 *     [screen]
 *     on = yes
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_CONFIG_H
#define PATRON_TERMINAL_CONFIG_H

#include "base/settings.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { CONFIG_TEXT_SIZE = SETTINGS_TEXT_SIZE };

struct config {
    /* [till] */
    char home[CONFIG_TEXT_SIZE];   /* its folder */
    char office[CONFIG_TEXT_SIZE]; /* HOST:PORT; "" = works alone */
    char clock[CONFIG_TEXT_SIZE];  /* file the time of day is read from; "" = the machine's */
    char language[8];              /* "en", "zh": until somebody logs in */
    char country[8];               /* "+49": of telephone numbers typed without one */
    /* [reader] */
    char reader[CONFIG_TEXT_SIZE]; /* connstring of libnfc; "" = first found; "none" */
    char passes[CONFIG_TEXT_SIZE]; /* file of the keys of wallet passes; "" = telephones are not asked */
    bool tags, uids, short_uids;   /* know members by NDEF tags; by any UID of 7 bytes; of 4 bytes */
    /* [printer] */
    char printer[CONFIG_TEXT_SIZE]; /* "usb", "usb:VID:PID"; "" = none */
    int64_t columns;               /* 32 (58 mm) or 48 (80 mm) */
    bool drawer;                   /* open it at each sale paid in money */
    /* [screen] */
    bool screen;
    char tty[CONFIG_TEXT_SIZE];    /* "" = where the program was started */
    /* [prompt] */
    bool prompt;
    /* [register]: commands as text on a unix socket */
    char control[CONFIG_TEXT_SIZE];
    /* [display]: for patron-display */
    char display[CONFIG_TEXT_SIZE]; /* unix socket */
    /* [http]: the plain door */
    char http[CONFIG_TEXT_SIZE];   /* HOST:PORT; "" = closed */
    char http_certificate[CONFIG_TEXT_SIZE], http_key[CONFIG_TEXT_SIZE]; /* "" = clear text */
    bool http_anywhere;            /* may listen elsewhere than on the loopback; needs a certificate */
    /* [nexo] */
    char nexo[CONFIG_TEXT_SIZE];   /* HOST:PORT; "" = closed */
    char nexo_certificate[CONFIG_TEXT_SIZE], nexo_key[CONFIG_TEXT_SIZE];
    char nexo_keys[CONFIG_TEXT_SIZE]; /* file of passphrases */
    int64_t nexo_wait_s;           /* for a card or a person */
    bool nexo_login;               /* services only after a Login */
    char nexo_brand[CONFIG_TEXT_SIZE]; /* the programme's name in replies; "" = the pack's */
    char nexo_poi[CONFIG_TEXT_SIZE];   /* POIID of this terminal; "" = any */
    /* [log] */
    char log[CONFIG_TEXT_SIZE];    /* file, added to; "" = none */
    /* [metrics] */
    char metrics[CONFIG_TEXT_SIZE]; /* unix socket */
};

void config_init(struct config *c); /* what holds when nothing is said */
/* Errors: ERR_NOT_FOUND, ERR_IO, ERR_FORMAT: "FILE:LINE: what is wrong, what is expected". */
MUST_CHECK enum err config_read(struct config *c, const char *path, struct errmsg *why);

/* Long options, one for each key that has one: names in order; value NULL for a switch.
 * Errors: ERR_NOT_FOUND (no such option), ERR_FORMAT. */
MUST_CHECK enum err config_option(struct config *c, const char *option, const char *value,
                                  struct errmsg *why);
/* The n-th option's name, and whether it takes a value; NULL after the last. */
const char *config_option_name(int n, bool *takes_value);
void config_help(FILE *out); /* all options, each with its sentence and its key in the file */
/* Does it hold together?  Errors: ERR_FORMAT with what to do. */
MUST_CHECK enum err config_check(const struct config *c, struct errmsg *why);

#endif
