/* code.h - the one-time enrolment code: what head office prints and a person types into a new till.
 * It proves the till to head office (80 secret bits) and head office to the till (64 bits of the CA
 * certificate's SHA-256, so the till can pin the CA before it has it).  Pure.
 *
 *     0007-4QK9Z7-0HV3TB-...   terminal number, then 6 groups of 5 characters and a check one
 *
 * The alphabet is Crockford's: no I, L, O, U; small letters, I, L and O are read as what they look
 * like. Each group has its own check character, so that the person is told which group to look at
 * again. Bits of the 30 characters: secret 80, print 64, check of the number 5, version 1 (0).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_SYNC_CODE_H
#define PATRON_SYNC_CODE_H

#include "base/bytes.h"

#include <stdint.h>

enum {
    CODE_SECRET_SIZE = 10,
    CODE_PRINT_SIZE = 8,
    CODE_TEXT_SIZE = 48, /* 4 + 6 * 7 characters and the final 0 */
    CODE_HASH_SIZE = 32,
};

struct code {
    uint32_t terminal;                /* 1..9999 */
    uint8_t secret[CODE_SECRET_SIZE]; /* random */
    uint8_t print[CODE_PRINT_SIZE];   /* first bytes of SHA-256 of the CA certificate (DER) */
};

void code_text(char out[CODE_TEXT_SIZE], const struct code *code);
/* Blanks and dashes anywhere, either case. Errors: ERR_FORMAT with what to look at again in why;
 * out is then untouched. */
MUST_CHECK enum err code_parse(struct code *out, const char *text, struct errmsg *why);

/* What head office keeps instead of the code (struct terminal_view.code_hash): SHA-256 over
 * terminal and secret, so that however the code was typed the hash is the same. */
void code_hash(uint8_t out[CODE_HASH_SIZE], const struct code *code);

/* The print of a CA certificate, DER. */
void code_print(uint8_t out[CODE_PRINT_SIZE], struct bytes ca_der);
/* Till: is this the CA the code speaks of?  Ask before sending the code to anybody. */
MUST_CHECK bool code_is_of_ca(const struct code *code, struct bytes ca_der);

#endif
