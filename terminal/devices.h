/* devices.h - what hangs on this machine that a till can use, told to a person.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_DEVICES_H
#define PATRON_TERMINAL_DEVICES_H

#include <stdio.h>

/* One sentence a device on out: card readers and printers on the USB, with the option that names them; and
 * the reader of this connstring (NULL: none), which is opened to see if it answers, for at most 3 s. */
void devices_say(FILE *out, const char *reader);

#endif
