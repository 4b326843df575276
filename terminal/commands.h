/* commands.h - what a cash register, a test or a person says to the till, one command a line, and
 * what it answers: terminal/README.md has the list.  Inside terminal/ only.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_COMMANDS_H
#define PATRON_TERMINAL_COMMANDS_H

/* The commands, one a line, for --help and for a person who asks. */
extern const char commands_help[];

#endif
