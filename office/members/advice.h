/* advice.h - what a cashier should know of a member at the tap, and one sentence to say.  Pure.
 *
 * The sentence is to be said to the member, so it is in the member's language; of those that fit, the first:
 *
 *     birthday          from ADVICE_BIRTHDAY_DAYS before to as many after
 *     expiring          points end within ADVICE_EXPIRY_DAYS
 *     close to a tier   what is missing is at most a fifth of what the next tier needs
 *     at risk           no purchase for more than twice the member's own mean interval, and for more than
 *                       ADVICE_RISK_DAYS; with fewer than three days of purchases nobody can say
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_ADVICE_H
#define PATRON_OFFICE_ADVICE_H

#include "rules/rules.h"

#include <stdbool.h>

enum {
    ADVICE_BIRTHDAY_DAYS = 3,
    ADVICE_EXPIRY_DAYS = 30,
    ADVICE_RISK_DAYS = 30,
    ADVICE_TEXT_SIZE = 320
};

struct advice_facts {
    int32_t today;
    const char *tier;      /* held now */
    int64_t metric;        /* in the pack's window, to today */
    const char *birthday;  /* "MM-DD"; "" = not known */
    const char *language;  /* "zh"; anything else is English */
    struct points expiring; /* that end within ADVICE_EXPIRY_DAYS */
    int64_t visits;        /* days with a purchase */
    int32_t first_day, last_day; /* of them */
};
struct advice {
    bool birthday, at_risk;
    const struct pack_tier *next; /* into pack; NULL = the highest tier is held */
    int64_t missing;              /* of the metric to it, > 0; 0 without next */
    char suggestion[ADVICE_TEXT_SIZE]; /* "" = none */
};
void advice_of(const struct pack *pack, const struct advice_facts *facts, struct advice *out);

/* "MM-DD", a day that some year has? */
bool advice_is_birthday(const char *text);

#endif
