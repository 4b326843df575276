/* plain_json.h - what a register may ask at the plain door, read from JSON, and the answers as JSON: docs/openapi.json.
 * Amounts are decimal texts ("12.40") with at most the currency's digits, never binary fractions.  A field that
 * is not known is refused: a typing error must not become another sale.
 * Pure but for jansson's memory.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_PLAIN_JSON_H
#define PATRON_TERMINAL_PLAIN_JSON_H

#include "base/bytes.h"
#include "base/txn.h"

#include <jansson.h>

enum {
    PLAIN_VALUE_SIZE = 160,   /* a telephone number, a member code, with the final 0 */
    PLAIN_PIN_SIZE = 16,
    PLAIN_MONEY_SIZE = 48,
    PLAIN_WAIT_S = 30,        /* for a card or a person, when nothing is said */
    PLAIN_WAIT_MOST_S = 120
};

enum plain_what { PLAIN_IDENTIFY, PLAIN_AWARD, PLAIN_REDEEM, PLAIN_REFUND };
const char *plain_what_text(enum plain_what what); /* "identify", ... */

enum plain_who { WHO_CARD, WHO_ID, WHO_MEANS };

struct plain_ask {
    enum plain_what what;
    char ref[TXN_REF_SIZE]; /* "" = none: an identify */
    int64_t wait_ms;

    enum plain_who who;
    char id[TXN_NAME_SIZE]; /* WHO_ID: of an identify before */
    enum txn_means means;   /* WHO_MEANS: MEANS_PHONE, _CODE, _REGISTER, and its value */
    char value[PLAIN_VALUE_SIZE];
    char pin[PLAIN_PIN_SIZE]; /* "" = none; plain_ask_wipe */

    struct money total; /* AWARD without lines, else 0 */
    int32_t line_count; /* AWARD: the bill.  REFUND: what comes back */
    struct txn_line lines[TXN_LINES_MAX];

    int32_t coupon_count; /* AWARD */
    char coupons[TXN_COUPONS_MAX][TXN_NAME_SIZE];
    int32_t tender_count; /* AWARD: how the rest is paid */
    struct txn_tender tenders[TXN_TENDERS_MAX];

    bool redeems; /* AWARD, REDEEM: points (with a reward: of its step), or money, or all, or reward */
    char reward[TXN_NAME_SIZE];
    struct points points;
    struct money money;   /* REFUND: given back without goods */
    bool all;             /* REFUND: all that is left */
    struct entry_id receipt;
};

/* digits: of the currency, 0..3.  Errors: ERR_FORMAT, naming the field. */
MUST_CHECK enum err plain_read(struct plain_ask *out, enum plain_what what, struct bytes body, int32_t digits,
                               struct errmsg *why);
void plain_ask_wipe(struct plain_ask *ask);
/* Equal for requests that are the same: fields and values, text for text; their order, blanks, pin and wait_s do not
 * count.  The body was read by plain_read.  Errors: ERR_FULL (memory). */
MUST_CHECK enum err plain_digest(uint8_t digest[32], enum plain_what what, struct bytes body,
                                 struct errmsg *why);

/* "12.4" with 2 digits: 1240.  Digits, at most one point with 1..digits digits behind it; up to 9 before it. */
MUST_CHECK bool plain_money(struct money *out, const char *text, int32_t digits);
const char *plain_money_text(char out[PLAIN_MONEY_SIZE], struct money m, int32_t digits);
/* json_string, and "" for what is no UTF-8. */
json_t *plain_text(const char *text);
json_t *plain_money_json(struct money m, int32_t digits);
/* Compact; appended to out, v is decrefed.  False: no room. */
MUST_CHECK bool plain_write(struct buf *out, json_t *v);

/* {"error":{"code","message","next"}} appended; returns the HTTP status of code. */
int plain_error(struct buf *out, const char *code, const char *message);
/* The n-th code of the table and its status; NULL after the last. */
const char *plain_error_code(int n, int *status);

#endif
