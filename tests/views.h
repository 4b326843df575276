/* views.h - made-up moments of a till for tests of screens: what till_view would copy out, and what a cashier
 * did before.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TESTS_VIEWS_H
#define PATRON_TESTS_VIEWS_H

#include "terminal/screen/screen.h"

struct moment {
    const char *name;
    void (*make)(struct till_view *v, struct screen *s);
};
extern const struct moment moments[];
extern const int moment_count;

/* The view of this moment and the screen on it; what the view points to lives until the next call. */
void moment_make(const struct moment *m, struct till_view *v, struct screen *s);

#endif
