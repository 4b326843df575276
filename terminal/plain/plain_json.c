/* plain_json.c - see plain_json.h.  Read plain_read first.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/plain/plain_json.h"

#include "base/mbed.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *plain_what_text(enum plain_what what)
{
    switch (what) {
    case PLAIN_IDENTIFY:
        return "identify";
    case PLAIN_AWARD:
        return "award";
    case PLAIN_REDEEM:
        return "redeem";
    case PLAIN_REFUND:
        return "refund";
    }
    return "?";
}

/* ---- amounts ---- */

bool plain_money(struct money *out, const char *text, int32_t digits)
{
    static const int64_t tens[] = {1, 10, 100, 1000};
    static const char numerals[] = "0123456789";
    size_t before = strspn(text, numerals), after = 0;
    if (before < 1 || before > 9)
        return false;
    if (text[before] == '.') {
        after = strspn(text + before + 1, numerals);
        if (after < 1 || after > (size_t)digits || text[before + 1 + after])
            return false;
    } else if (text[before]) {
        return false;
    }
    int64_t minor = strtoll(text, NULL, 10) * tens[digits];
    if (after)
        minor += strtoll(text + before + 1, NULL, 10) * tens[(size_t)digits - after];
    *out = money_of(minor);
    return true;
}

const char *plain_money_text(char out[PLAIN_MONEY_SIZE], struct money m, int32_t digits)
{
    static const uint64_t tens[] = {1, 10, 100, 1000};
    int64_t minor = money_minor(m);
    uint64_t n = minor < 0 ? -(uint64_t)minor : (uint64_t)minor;
    if (digits > 0)
        snprintf(out, PLAIN_MONEY_SIZE, "%s%" PRIu64 ".%0*" PRIu64, minor < 0 ? "-" : "", n / tens[digits],
                 digits > 3 ? 3 : (int)digits, n % tens[digits]);
    else
        snprintf(out, PLAIN_MONEY_SIZE, "%" PRId64, minor);
    return out;
}

/* ---- the fields of a request: each takes what it knows; the first that does not fit is named ---- */

struct reading {
    json_t *object; /* what was taken is removed from it */
    const char *where;
    int32_t digits;
    struct errmsg *why;
    bool bad;
};

static void bad(struct reading *r, const char *name, const char *expected)
{
    if (!r->bad)
        (void)err_set(r->why, ERR_FORMAT, "%s%s: %s", r->where, name, expected);
    r->bad = true;
}

static bool has(const struct reading *r, const char *name)
{
    return json_object_get(r->object, name) != NULL;
}

/* A text of 1..size-1 bytes without control characters.  False: absent, or bad. */
static bool take_text(struct reading *r, const char *name, char *out, size_t size)
{
    const json_t *v = json_object_get(r->object, name);
    const char *text = json_string_value(v);
    if (!v)
        return false;
    bool good = text && *text && json_string_length(v) < size && strlen(text) == json_string_length(v);
    for (const char *p = text; good && *p; p++)
        good = (unsigned char)*p >= ' ' && *p != 127;
    if (good) {
        memset(out, 0, size);
        memcpy(out, text, strlen(text));
    } else {
        char expected[80];
        snprintf(expected, sizeof expected, "a text of 1 to %zu bytes is expected", size - 1);
        bad(r, name, expected);
    }
    (void)json_object_del(r->object, name);
    return good;
}

static bool take_whole(struct reading *r, const char *name, int64_t *out, int64_t least, int64_t most)
{
    const json_t *v = json_object_get(r->object, name);
    if (!v)
        return false;
    bool good = json_is_integer(v) && json_integer_value(v) >= least && json_integer_value(v) <= most;
    if (good) {
        *out = json_integer_value(v);
    } else {
        char expected[80];
        snprintf(expected, sizeof expected, "a whole number from %" PRId64 " to %" PRId64 " is expected",
                 least, most);
        bad(r, name, expected);
    }
    (void)json_object_del(r->object, name);
    return good;
}

static bool take_true(struct reading *r, const char *name)
{
    const json_t *v = json_object_get(r->object, name);
    bool good = json_is_true(v);
    if (v && !good)
        bad(r, name, "true, or leave it out");
    (void)json_object_del(r->object, name);
    return good;
}

static bool take_money(struct reading *r, const char *name, struct money *out, bool above_0)
{
    const json_t *v = json_object_get(r->object, name);
    const char *text = json_string_value(v);
    if (!v)
        return false;
    bool good = text && plain_money(out, text, r->digits) && (!above_0 || money_minor(*out) > 0);
    if (!good) {
        static const char *const examples[] = {"1240", "124.0", "12.40", "1.240"};
        char expected[120], behind[40] = "";
        if (r->digits)
            snprintf(behind, sizeof behind, ", a point and up to %d more", (int)r->digits);
        snprintf(expected, sizeof expected, "a text such as \"%s\" is expected%s: up to 9 digits%s", examples[r->digits],
                 above_0 ? ", above 0" : "", behind);
        bad(r, name, expected);
    }
    (void)json_object_del(r->object, name);
    return good;
}

static void nothing_else(struct reading *r)
{
    void *first = json_object_iter(r->object);
    if (first)
        bad(r, json_object_iter_key(first), "this field is not known here");
}

/* Exactly one of the ways to say who it is. */
static void take_who(struct reading *r, struct plain_ask *out, bool card_when_none)
{
    static const struct {
        const char *name;
        enum txn_means means;
    } ways[] = {{"phone", MEANS_PHONE}, {"code", MEANS_CODE}, {"member", MEANS_REGISTER}};
    int count = 0;
    out->who = WHO_CARD;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        if (!has(r, ways[i].name))
            continue;
        count++;
        out->who = WHO_MEANS;
        out->means = ways[i].means;
        (void)take_text(r, ways[i].name, out->value, sizeof out->value);
    }
    if (has(r, "card")) {
        count++;
        out->who = WHO_CARD;
        (void)take_true(r, "card");
    }
    if (out->what != PLAIN_IDENTIFY && has(r, "id")) {
        count++;
        out->who = WHO_ID;
        (void)take_text(r, "id", out->id, sizeof out->id);
    }
    if (count > 1 || (count == 0 && !card_when_none))
        bad(r, "member", out->what == PLAIN_IDENTIFY
                             ? "one of card, phone, code and member says who it is"
                             : "one of id, card, phone, code and member says who it is");
}

static void take_lines(struct reading *r, struct plain_ask *out)
{
    json_t *lines = json_object_get(r->object, "lines"), *v;
    size_t i, count = json_array_size(lines);
    if (!lines)
        return;
    if (count < 1 || count > TXN_LINES_MAX) {
        bad(r, "lines", "a list of 1 to 512 lines is expected");
        return;
    }
    json_array_foreach (lines, i, v) {
        char where[32];
        struct txn_line *l = &out->lines[i];
        int64_t quantity = 1;
        snprintf(where, sizeof where, "lines[%zu].", i);
        struct reading one = {.object = v, .where = where, .digits = r->digits, .why = r->why, .bad = r->bad};
        if (!json_is_object(v)) {
            bad(&one, "", "an object is expected");
        } else {
            memset(l, 0, sizeof *l);
            if (!take_text(&one, "sku", l->sku, sizeof l->sku))
                bad(&one, "sku", "it is missing");
            (void)take_text(&one, "category", l->category, sizeof l->category);
            (void)take_whole(&one, "quantity", &quantity, 1, INT32_MAX);
            if (!take_money(&one, "amount", &l->amount, false))
                bad(&one, "amount", "it is missing");
            l->quantity = (int32_t)quantity;
            nothing_else(&one);
        }
        r->bad = one.bad;
    }
    out->line_count = (int32_t)count;
    (void)json_object_del(r->object, "lines");
}

static void take_coupons(struct reading *r, struct plain_ask *out)
{
    json_t *list = json_object_get(r->object, "coupons"), *v;
    size_t i, count = json_array_size(list);
    if (!list)
        return;
    if (count < 1 || count > TXN_COUPONS_MAX)
        bad(r, "coupons", "a list of 1 to 4 texts is expected");
    json_array_foreach (list, i, v) {
        size_t size = json_string_length(v);
        const char *text = json_string_value(v);
        bool good = text && size > 0 && size < TXN_NAME_SIZE;
        for (size_t k = 0; k < size && good; k++)
            good = text[k] > ' ' && text[k] < 127;
        if (!good)
            bad(r, "coupons", "each is a text of 1 to 15 letters and digits");
        else if (i < TXN_COUPONS_MAX)
            memcpy(out->coupons[i], text, size + 1);
    }
    out->coupon_count = count > TXN_COUPONS_MAX ? 0 : (int32_t)count;
    (void)json_object_del(r->object, "coupons");
}

static void take_tenders(struct reading *r, struct plain_ask *out)
{
    json_t *list = json_object_get(r->object, "tenders"), *v;
    size_t i, count = json_array_size(list);
    if (!list)
        return;
    if (count < 1 || count > TXN_TENDERS_MAX) {
        bad(r, "tenders", "a list of 1 to 6 ways of paying is expected");
        return;
    }
    json_array_foreach (list, i, v) {
        char where[32];
        struct txn_tender *t = &out->tenders[i];
        snprintf(where, sizeof where, "tenders[%zu].", i);
        struct reading one = {.object = v, .where = where, .digits = r->digits, .why = r->why, .bad = r->bad};
        if (!json_is_object(v)) {
            bad(&one, "", "an object is expected");
        } else {
            if (!take_text(&one, "code", t->code, sizeof t->code))
                bad(&one, "code", "it is missing");
            if (!take_money(&one, "amount", &t->amount, true))
                bad(&one, "amount", "it is missing");
            nothing_else(&one);
        }
        r->bad = one.bad;
    }
    out->tender_count = (int32_t)count;
    (void)json_object_del(r->object, "tenders");
}

/* points, money, all or reward; in the object itself. */
static void take_redeem(struct reading *r, struct plain_ask *out)
{
    int64_t points = 0;
    bool step = has(r, "step");
    int count = has(r, "points") + has(r, "money") + has(r, "all") + has(r, "reward");
    if (step && !has(r, "reward"))
        bad(r, "step", "only a reward has steps");
    (void)take_text(r, "reward", out->reward, sizeof out->reward);
    if (take_whole(r, "points", &points, 1, INT32_MAX))
        out->points = points_of(points);
    if (take_whole(r, "step", &points, 1, INT32_MAX))
        out->points = points_of(points);
    (void)take_money(r, "money", &out->money, true);
    out->all = take_true(r, "all");
    out->redeems = true;
    if (count != 1)
        bad(r, "points", "one of points, money, all and reward says what is redeemed");
}

static void take_award(struct reading *r, struct plain_ask *out)
{
    json_t *redeem = json_object_get(r->object, "redeem");
    take_who(r, out, false);
    if (has(r, "total") == has(r, "lines"))
        bad(r, "total", "either total or lines is expected");
    (void)take_money(r, "total", &out->total, true);
    take_lines(r, out);
    take_coupons(r, out);
    take_tenders(r, out);
    if (json_is_object(redeem)) {
        struct reading in = {
            .object = redeem, .where = "redeem.", .digits = r->digits, .why = r->why, .bad = r->bad};
        take_redeem(&in, out);
        nothing_else(&in);
        r->bad = in.bad;
    } else if (redeem) {
        bad(r, "redeem", "an object is expected");
    }
    (void)json_object_del(r->object, "redeem");
}

static void take_refund(struct reading *r, struct plain_ask *out)
{
    char receipt[ENTRY_TEXT_SIZE] = "";
    if (has(r, "all") + has(r, "lines") + has(r, "money") != 1)
        bad(r, "all", "one of all, lines and money says what comes back");
    if (!take_text(r, "receipt", receipt, sizeof receipt) || entry_parse(&out->receipt, receipt))
        bad(r, "receipt", "a receipt such as \"T0007-42\" is expected");
    out->all = take_true(r, "all");
    take_lines(r, out);
    (void)take_money(r, "money", &out->money, true);
}

enum err plain_read(struct plain_ask *out, enum plain_what what, struct bytes body, int32_t digits,
                    struct errmsg *why)
{
    json_error_t where;
    int64_t wait_s = PLAIN_WAIT_S;
    memset(out, 0, sizeof *out);
    out->what = what;
    json_t *v = body.size || what != PLAIN_IDENTIFY
                    ? json_loadb((const char *)body.data, body.size, JSON_REJECT_DUPLICATES, &where)
                    : json_object(); /* nothing said: a card */
    if (!v)
        return err_set(why, ERR_FORMAT, "the body is no JSON: line %d: %s", where.line, where.text);
    struct reading r = {.object = v, .where = "", .digits = digits, .why = why};
    if (!json_is_object(v)) {
        bad(&r, "", "a JSON object is expected");
    } else {
        if (what != PLAIN_IDENTIFY && !take_text(&r, "ref", out->ref, sizeof out->ref))
            bad(&r, "ref", "it is missing");
        (void)take_whole(&r, "wait_s", &wait_s, 1, PLAIN_WAIT_MOST_S);
        if (what == PLAIN_AWARD || what == PLAIN_REDEEM)
            (void)take_text(&r, "pin", out->pin, sizeof out->pin);
        if (what == PLAIN_IDENTIFY)
            take_who(&r, out, true);
        else if (what == PLAIN_AWARD)
            take_award(&r, out);
        else if (what == PLAIN_REFUND)
            take_refund(&r, out);
        if (what == PLAIN_REDEEM) {
            take_who(&r, out, false);
            take_redeem(&r, out);
        }
        nothing_else(&r);
    }
    out->wait_ms = wait_s * 1000;
    json_decref(v);
    return r.bad ? ERR_FORMAT : OK;
}

void plain_ask_wipe(struct plain_ask *ask)
{
    bytes_wipe(ask->pin, sizeof ask->pin);
}

enum err plain_digest(uint8_t digest[32], enum plain_what what, struct bytes body, struct errmsg *why)
{
    json_t *v = json_loadb((const char *)body.data, body.size, 0, NULL);
    (void)json_object_del(v, "pin"); /* four digits would be found again from their digest */
    (void)json_object_del(v, "wait_s");
    char *text = v ? json_dumps(v, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(v);
    if (!text)
        return err_set(why, ERR_FULL, "no memory for a request");
    const char *name = plain_what_text(what);
    mbed_sha256_two(digest, bytes_of(name, strlen(name)), bytes_of(text, strlen(text)));
    free(text);
    return OK;
}

/* ---- answers ---- */

json_t *plain_text(const char *text)
{
    json_t *v = json_string(text);
    return v ? v : json_string("");
}

json_t *plain_money_json(struct money m, int32_t digits)
{
    char text[PLAIN_MONEY_SIZE];
    return json_string(plain_money_text(text, m, digits));
}

bool plain_write(struct buf *out, json_t *v)
{
    size_t room = out->cap - out->size;
    size_t size = v ? json_dumpb(v, (char *)out->data + out->size, room, JSON_COMPACT) : 0;
    json_decref(v);
    if (size == 0 || size > room)
        out->full = true;
    else
        out->size += size;
    return !out->full;
}

/* 400 the request is wrong; 404 there is no such thing; 409 something is in the way, or unfinished; 422 the till
 * or the programme says no, and why. */
static const struct {
    const char *code;
    int status;
    const char *next;
} errors[] = {
    {"FORMAT", 400, "Correct the request."},
    {"TOKEN", 401, "Send \"Authorization: Bearer TOKEN\"; patron-terminal register add NAME makes a token."},
    {"NOT_FOUND", 404, "Check the number, code, ref or amount."},
    {"PATH", 404, "See /v1/openapi.json."},
    {"METHOD", 405, "See /v1/openapi.json."},
    {"TOO_LARGE", 413, "Send at most 256 KiB."},
    {"BUSY", 409, "Wait until the till is free, then send it again."},
    {"CONFLICT", 409, "Use another ref."},
    {"DOUBT", 409, "Send the same request again and hold the same card there; if it is gone, the cashier gives up "
                   "at the till."},
    {"NO_ANSWER", 409, "Send the same request again; nothing is taken twice."},
    {"CANCELLED", 409, "Send it again if it is still wanted."},
    {"STATE", 409, "Look at /v1/status, then send it again."},
    {"TRAINING", 409, "End the training at the till, then send it again."},
    {"IDENTIFY", 409, "Identify the member again."},
    {"WRONG_CARD", 422, "Send it again and hold the right card there."},
    {"GONE", 422, "Send it again and hold the card there until it is answered."},
    {"TIMEOUT", 422, "Send it again and hold the card there."},
    {"BADGE", 422, "Send it again and hold the member's card there."},
    {"TWO_CARDS", 422, "Send it again with one card alone."},
    {"PHONE", 422, "Send it again with the member's card, or a code."},
    {"FOREIGN", 422, "Sell without points."},
    {"CARD", 422, "Send it again; if that does not help, sell without points."},
    {"UNBOUND", 422, "Enrol the card at the till, or sell without points."},
    {"BLOCKED", 422, "Sell without points."},
    {"NO_CARD", 422, "Use the member's card."},
    {"REFUSED", 422, "Do as the message says, or sell without points."},
    {"NEEDS_APPROVAL", 422, "Send it again with the member's pin, or let a supervisor do it at the till."},
    {"LOCKED", 422, "Sell without points until head office unlocks the till."},
    {"IO", 422, "Make room on the till's disk, then send it again."},
    {"CORRUPT", 422, "Call head office."},
    {"NO_LINE", 422, "Send it again when the till is on line."},
    {"NO_PACK", 422, "Wait until head office has sent the programme."},
    {"NO_DEVICE", 422, "Connect the card reader, or say who it is in another way."},
    {"EMPTY", 422, "Correct the bill."},
    {"RANGE", 422, "Correct the bill."},
    {"FULL", 422, "Send fewer lines."},
    {"OTHER", 422, "Look at the till."},
};
enum { ERRORS = sizeof errors / sizeof *errors };

const char *plain_error_code(int n, int *status)
{
    if (n < 0 || n >= ERRORS)
        return NULL;
    *status = errors[n].status;
    return errors[n].code;
}

int plain_error(struct buf *out, const char *code, const char *message)
{
    int i = 0;
    while (i < ERRORS - 1 && strcmp(errors[i].code, code) != 0)
        i++;
    json_t *text = plain_text(message);
    if (!plain_write(out, json_pack("{s:{s:s,s:o,s:s}}", "error", "code", errors[i].code, "message", text,
                                    "next", errors[i].next)))
        out->size = 0;
    return errors[i].status;
}
