/* config.h - how head office is set up: a file of sections and "key = value" lines, or options on top of it.
 * config.c has one row for each key: name, option, range, and the sentence for --help.
 *
 *     [office]
 *     home = /var/lib/patron-office
 *     listen = 0.0.0.0:7443
 *     [console]
 *     listen = 0.0.0.0:8444
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_CONFIG_H
#define PATRON_OFFICE_CONFIG_H

#include "base/settings.h"

struct office_config {
    /* [office] */
    char home[SETTINGS_TEXT_SIZE];   /* its folder */
    char listen[SETTINGS_TEXT_SIZE]; /* for tills */
    char clock[SETTINGS_TEXT_SIZE];  /* file the business time is read from; "" = the machine's */
    int64_t least_free_mb;           /* of the disk the folder is on: below it nothing is written */
    int64_t stop_s;                  /* longest wait for card loads under way when it is to stop */
    /* [console] */
    char console[SETTINGS_TEXT_SIZE]; /* HOST:PORT; "" = none */
    char certificate[SETTINGS_TEXT_SIZE], key[SETTINGS_TEXT_SIZE]; /* PEM files; "" = one by head office's own CA */
    char name[SETTINGS_TEXT_SIZE];    /* the console's host name, as in browsers; "" = localhost */
    /* [metrics] */
    char metrics[SETTINGS_TEXT_SIZE]; /* HOST:PORT of /metrics and /health, in clear, this machine only; "" = none */
    /* [log] */
    char log[SETTINGS_TEXT_SIZE];     /* file, added to, opened anew on SIGHUP; "" = standard error */
    bool quiet;                       /* no log */
};

void office_config_init(struct office_config *c); /* what holds when nothing is said */
/* Errors of these three: settings.h. */
MUST_CHECK enum err office_config_read(struct office_config *c, const char *path, struct errmsg *why);
MUST_CHECK enum err office_config_option(struct office_config *c, const char *option, const char *value,
                                         struct errmsg *why);
const char *office_config_option_name(int n, bool *takes_value);
void office_config_help(FILE *out);
/* Does it hold together?  Errors: ERR_FORMAT with what to do. */
MUST_CHECK enum err office_config_check(const struct office_config *c, struct errmsg *why);

#endif
