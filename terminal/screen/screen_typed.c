/* screen_typed.c - see screen.h: the fields of each page, what may be typed into them, and what it means.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/screen/screen_inside.h"

#include "base/tr.h"

#include <string.h>

enum {
    CODE_LENGTH_MIN = 12,   /* a member's code is longer than any article's beginning with P1 */
    ARTICLE_DIGITS_MIN = 5, /* so many digits alone are an article's code, fewer are a price ... */
    WHOLE_PRICE_DIGITS = 2, /* ... and two more where money has no decimals */
    SCANNED_LENGTH_MIN = 4,
    BARCODE_DIGITS_MIN = 8, /* EAN-8; nobody types so many digits of a price as fast as that */
    SCANNED_CHARACTER_MS = 30 /* nobody types faster over a whole code */
};

/* ---- fields ---- */

static const struct {
    int count;
    struct field_kind field[SCREEN_FIELDS_MAX];
} fields[SCREEN_PAGES] = {
    [PAGE_SALE] = {1, {{TR_LATER("Price, qty x price, or scan"), TYPE_TEXT, 160}}},
    [PAGE_LOGIN] = {2,
                    {{TR_LATER("Your number"), TYPE_DIGITS, 9}, {TR_LATER("PIN"), TYPE_PIN, 12}}},
    [PAGE_PRICE] = {1, {{TR_LATER("Price, or qty x price"), TYPE_PRICE, 20}}},
    [PAGE_WHO] = {1, {{TR_LATER("Phone, M12 or code"), TYPE_TEXT, 160}}},
    [PAGE_PIN] = {1, {{TR_LATER("The member's PIN"), TYPE_PIN, 12}}},
    [PAGE_REDEEM] = {2,
                     {{TR_LATER("Points"), TYPE_POINTS, 9},
                      {TR_LATER("or money"), TYPE_MONEY, 12}}},
    [PAGE_COUPON] = {1, {{TR_LATER("Coupon code"), TYPE_TEXT, TXN_NAME_SIZE - 1}}},
    [PAGE_RECEIPT] = {1, {{TR_LATER("Receipt number"), TYPE_TEXT, ENTRY_TEXT_SIZE - 1}}},
    [PAGE_REFUND] = {1, {{TR_LATER("How many, or scan"), TYPE_TEXT, 40}}},
    [PAGE_AMOUNT] = {1, {{TR_LATER("Money given back"), TYPE_MONEY, 12}}},
    [PAGE_PERSON] = {3,
                     {{TR_LATER("Telephone"), TYPE_PHONE, 20},
                      {TR_LATER("Name"), TYPE_TEXT, WIRE_NAME_SIZE - 1},
                      {TR_LATER("Agrees (y)"), TYPE_YES, 1}}},
    [PAGE_GRANT] = {2,
                    {{TR_LATER("Points"), TYPE_POINTS, 9},
                     {TR_LATER("Reason"), TYPE_TEXT, TXN_REASON_SIZE - 1}}},
    [PAGE_APPROVE] = {2,
                      {{TR_LATER("Supervisor's number"), TYPE_DIGITS, 9},
                       {TR_LATER("PIN"), TYPE_PIN, 12}}},
};

static const struct field_kind line_field = {TR_LATER("Article and price"), TYPE_TEXT, 40};

/* Reasons that are chosen by a digit: what a goodwill entry says for ever, so in one language. */
static const char *const reasons[] = {"waited too long", "goods were faulty", "card did not work",
                                      "points were missing"};
static const char *const reasons_shown[] = {
    TR_LATER("waited too long"), TR_LATER("goods were faulty"), TR_LATER("card did not work"),
    TR_LATER("points were missing")};
enum { REASONS = sizeof reasons / sizeof reasons[0] };

const char *screen_reason(int i)
{
    return i >= 0 && i < REASONS ? tr(reasons_shown[i]) : NULL;
}

const char *screen_reason_of(const char *typed)
{
    int chosen = typed[0] - '1';
    return !typed[1] && chosen >= 0 && chosen < REASONS ? reasons[chosen] : typed;
}

int screen_fields(const struct screen *s, const struct till_view *v, const struct field_kind **out)
{
    enum screen_page page = screen_page_now(s, v);
    *out = page == PAGE_REFUND && !screen_original(s, v) ? &line_field : fields[page].field;
    if (page == PAGE_SALE && !screen_takes_lines(v))
        return 0;
    return fields[page].count;
}

bool screen_takes_text(const struct screen *s, const struct till_view *v)
{
    const struct field_kind *kind;
    return screen_fields(s, v, &kind) > 0 || screen_page_now(s, v) == PAGE_MENU ||
           screen_page_now(s, v) == PAGE_PARKED;
}

static bool is_digit(uint32_t c)
{
    return c >= '0' && c <= '9';
}

static bool fits_field(enum field_type type, uint32_t c, bool empty)
{
    switch (type) {
    case TYPE_TEXT:
        return c >= ' ' && c != 0x7f && !(c == ' ' && empty);
    case TYPE_DIGITS:
    case TYPE_POINTS:
    case TYPE_PIN:
        return is_digit(c);
    case TYPE_MONEY:
        return is_digit(c) || c == '.' || c == ',';
    case TYPE_PRICE:
        return is_digit(c) || c == '.' || c == ',' || c == 'x' || c == 'X' || c == '*' || c == ' ';
    case TYPE_PHONE:
        return is_digit(c) || c == '+' || c == ' ' || c == '-';
    case TYPE_YES:
        return c == 'y' || c == 'Y' || c == 'n' || c == 'N';
    }
    return false;
}

static size_t encode(char out[4], uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)((0xf00 >> n & 0xff) | c);
    return n;
}

bool screen_type(struct screen *s, const struct till_view *v, const struct screen_key *key)
{
    const struct field_kind *kind;
    int count = screen_fields(s, v, &kind);
    char *field = s->field[s->focus], utf8[4];
    if (s->focus < count && !fits_field(kind[s->focus].type, key->character, !*field))
        s->misfit_ms = key->at_ms;
    if (s->focus >= count || key->character > 0x10ffff ||
        (key->character >= 0xd800 && key->character < 0xe000) ||
        !fits_field(kind[s->focus].type, key->character, !*field))
        return false;
    size_t used = strlen(field), n = encode(utf8, key->character);
    if (used + n > (size_t)kind[s->focus].most)
        return false;
    if (used == 0) {
        s->first_ms = key->at_ms;
        s->tapped = false;
        s->message[0] = 0;
    }
    s->last_ms = key->at_ms;
    memcpy(field + used, utf8, n);
    field[used + n] = 0;
    return true;
}

bool screen_rub_out(struct screen *s)
{
    char *field = s->field[s->focus];
    size_t used = strlen(field);
    if (used == 0)
        return false;
    for (uint8_t c = 0x80; used > 0 && (c & 0xc0) == 0x80; field[used] = 0)
        c = (uint8_t)field[--used];
    return true;
}

/* ---- what a text means ---- */

bool screen_read_number(int64_t *out, const char **text)
{
    const char *p = *text;
    int64_t n = 0;
    for (; is_digit((uint8_t)*p); p++) {
        if (n > 99999999)
            return false;
        n = 10 * n + (*p - '0');
    }
    if (p == *text)
        return false;
    *out = n;
    *text = p;
    return true;
}

/* "12", "12.5", "12,50": up to the pack's decimals. */
bool screen_read_money(struct money *out, const char **text, const struct pack *pack)
{
    int digits = pack ? pack->currency_digits : 2;
    int64_t minor;
    if (!screen_read_number(&minor, text))
        return false;
    bool point = (**text == '.' || **text == ',') && digits > 0;
    if (point)
        ++*text;
    for (int i = 0; i < digits; i++) {
        minor *= 10;
        if (point && is_digit((uint8_t) * *text))
            minor += *(*text)++ - '0';
        else
            point = false;
    }
    *out = money_of(minor);
    return true;
}

static void skip_blanks(const char **text)
{
    while (**text == ' ')
        ++*text;
}

/* "4.25" or "3 x 4.25", and nothing after it: quantity, and the amount of all. */
bool screen_read_price(struct txn_line *line, const char *text, const struct pack *pack)
{
    const char *p = text;
    int64_t quantity = 1;
    struct money each;
    skip_blanks(&p);
    const char *before = p;
    if (screen_read_number(&quantity, &p)) {
        skip_blanks(&p);
        if (*p == 'x' || *p == 'X' || *p == '*') {
            p++;
            skip_blanks(&p);
        } else {
            quantity = 1;
            p = before;
        }
    }
    if (!screen_read_money(&each, &p, pack))
        return false;
    skip_blanks(&p);
    if (*p || quantity < 1 || quantity > 9999)
        return false;
    line->quantity = (int32_t)quantity;
    line->amount = money_of(money_minor(each) * quantity);
    return true;
}

static bool is_article(const char *text, size_t size)
{
    if (size == 0 || size >= TXN_SKU_SIZE)
        return false;
    for (size_t i = 0; i < size; i++)
        if (text[i] <= ' ' || text[i] >= 0x7f)
            return false;
    return true;
}

bool screen_is_scanned(const struct screen *s)
{
    int64_t length = (int64_t)strlen(s->field[s->focus]);
    return length >= SCANNED_LENGTH_MIN &&
           s->last_ms - s->first_ms <= SCANNED_CHARACTER_MS * (length - 1);
}

static bool all_digits(const char *text)
{
    return *text && strspn(text, "0123456789") == strlen(text);
}

bool screen_is_article_in(const struct screen *s, enum field_type type)
{
    const char *text = s->field[s->focus];
    bool amount = type == TYPE_MONEY || type == TYPE_PRICE || type == TYPE_POINTS;
    bool barcode = strlen(text) >= BARCODE_DIGITS_MIN && all_digits(text) && screen_is_scanned(s);
    /* "85123A" leaves 85123 in the field, and "TEATIME" nothing: what is left of a code is no amount. */
    bool rest = s->misfit_ms && (!*text || (s->misfit_ms >= s->first_ms - SCREEN_HELD_MS &&
                                            s->misfit_ms <= s->last_ms + SCREEN_HELD_MS));
    return amount && (barcode || rest);
}

/* What stands in the field of the sale page; line is filled as far as it says. */
enum meaning screen_meaning(const struct screen *s, const struct till_view *v,
                            struct txn_line *line)
{
    const char *text = s->field[0], *blank = strchr(text, ' ');
    struct entry_id receipt;
    memset(line, 0, sizeof *line);
    line->quantity = 1;
    if (strncasecmp(text, "P1", 2) == 0 && strlen(text) >= CODE_LENGTH_MIN)
        return MEANS_MEMBER_CODE;
    if (*text == 'T' && entry_parse(&receipt, text) == OK)
        return MEANS_RECEIPT;
    size_t digits =
        ARTICLE_DIGITS_MIN + (v->pack && v->pack->currency_digits == 0 ? WHOLE_PRICE_DIGITS : 0);
    bool code = all_digits(text) && (strlen(text) >= digits || screen_is_scanned(s));
    if (!code && screen_read_price(line, text, v->pack)) {
        screen_copy(line->sku, sizeof line->sku, "ITEM");
        return MEANS_LINE;
    }
    size_t size = blank ? (size_t)(blank - text) : strlen(text);
    bool price_like = !code && strspn(text, "0123456789.,xX* ") == strlen(text); /* but none */
    if ((price_like && !blank) || !is_article(text, size))
        return MEANS_NOTHING;
    memcpy(line->sku, text, size);
    if (!blank)
        return MEANS_ARTICLE;
    return screen_read_price(line, blank, v->pack) ? MEANS_LINE : MEANS_NOTHING;
}
