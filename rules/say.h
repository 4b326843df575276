/* say.h - the one-line sentences for people that go with every answer.  Inside rules/ only.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_RULES_SAY_H
#define PATRON_RULES_SAY_H

#include "rules/pack.h"

enum { SAY_RATIO_SIZE = 48 };

struct say {
    char *out;
    size_t size, used;
    bool cut; /* something did not fit: nothing more is added, the end shows "..." */
};

/* out has size characters, more than 4; empty at first, always terminated. */
struct say say_on(char *out, size_t size);
/* Adds the whole phrase or nothing of it. */
void say(struct say *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Replaces the end if need be, so that the phrase (short) is surely there. */
void say_last(struct say *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* In lowest terms: "3/2", "2". */
const char *say_ratio(char out[SAY_RATIO_SIZE], struct ratio r);

#endif
