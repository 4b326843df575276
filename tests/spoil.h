/* spoil.h - every value of a JSON message spoilt in turn: missing, empty, huge, of another type.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TESTS_SPOIL_H
#define PATRON_TESTS_SPOIL_H

#include <jansson.h>

enum { SPOIL_KINDS = 9 };

/* whole has the value called name spoilt in the kind-th way. */
typedef void spoil_try(void *arg, json_t *whole, const char *name, int kind);

/* Every second kind for each value of whole, alternately the even and the odd ones; whole is as before afterwards.
 * Returns how many were tried. */
int spoil_each(json_t *whole, spoil_try *attempt, void *arg);

#endif
