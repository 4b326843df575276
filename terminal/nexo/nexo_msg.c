/* nexo_msg.c - see nexo_msg.h.  Read nexo_read first, then read_loyalty.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/nexo/nexo_msg.h"

#include "base/mbed.h"
#include "terminal/plain/plain_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEXO_TEXT(name, text) text,
static const char *const service_text[] = {NEXO_SERVICE_LIST(NEXO_TEXT)};
static const char *const error_text[] = {"", NEXO_ERROR_LIST(NEXO_TEXT)};
#undef NEXO_TEXT
const char *const nexo_loyalty_text[6] = {"Award",       "Redemption",       "Rebate",
                                          "AwardRefund", "RedemptionRefund", "RebateRefund"};
#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

const char *nexo_error_text(enum nexo_error e)
{
    return error_text[e];
}

/* ---- decimals ---- */

enum {
    WHOLE_DIGITS = 8, /* amounts go up to 99999999.999999 */
    MICRO_DIGITS = 6,
    ECHO_MAX = 128, /* longest text that is repeated to the sender */
    OUTPUTS_MAX = 8,
    MODES_MAX = 8,
};

/* A JSON number as digits * 10^exponent without zeros at either end; zero has no digits. */
struct decimal {
    bool negative;
    const char *digits; /* with a point among them */
    int count;          /* of digits, saturating at 1000 */
    int64_t exponent;   /* saturating */
    int skip;           /* digits before the first that is not 0 */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static struct decimal split(const char *text)
{
    struct decimal d = {.negative = *text == '-'};
    if (d.negative)
        text++;
    d.digits = text;
    int64_t point = 0;
    int seen = 0, last = 0; /* digits so far, and up to the last that is not 0 */
    bool behind = false;
    for (; is_digit(*text) || *text == '.'; text++) {
        if (*text == '.') {
            behind = true;
            continue;
        }
        seen++;
        point += !behind;
        if (*text != '0')
            last = seen;
        else if (!last)
            d.skip++;
    }
    d.count = last ? last - d.skip : 0;
    if (!last)
        return d;
    if (*text == 'e' || *text == 'E')
        d.exponent = strtoll(text + 1, NULL, 10);
    const int64_t far = INT64_C(1000000000000);
    d.exponent = d.exponent > far ? far : d.exponent < -far ? -far : d.exponent;
    d.exponent += point - last;
    return d;
}

/* Exactly, in 10^-scale; false: negative, too large, too fine. */
static bool scaled(int64_t *out, const char *text, int scale)
{
    struct decimal d = split(text);
    if (d.negative)
        return false;
    if (!d.count) {
        *out = 0;
        return true;
    }
    int64_t zeros = d.exponent + scale;
    if (zeros < 0 || d.count + zeros > WHOLE_DIGITS + scale)
        return false;
    int64_t n = 0;
    const char *at = d.digits;
    for (int i = -d.skip; i < d.count; at++) {
        if (*at == '.')
            continue;
        if (i++ >= 0)
            n = n * 10 + (*at - '0');
    }
    while (zeros-- > 0)
        n *= 10;
    *out = n;
    return true;
}

bool nexo_decimal(int64_t *out, const char *text, int32_t digits)
{
    return scaled(out, text, digits);
}

/* Spreads the total over the lines in proportion, telescoping: the sum is exact, no line is below 0. */
static bool spread(struct nexo_request *r, int64_t sum)
{
    int64_t before = 0, upto = 0, given = 0;
    for (int32_t i = 0; i < r->line_count; i++) {
        upto += money_minor(r->lines[i].amount);
        if (!ratio_floor(&given, upto, money_minor(r->total), sum))
            return false;
        r->lines[i].amount = money_of(given - before);
        before = given;
    }
    return true;
}

bool nexo_fit_total(struct nexo_request *r)
{
    int64_t sum = 0; /* 512 lines of 10^11 at most */
    for (int32_t i = 0; i < r->line_count; i++)
        sum += money_minor(r->lines[i].amount);
    int64_t more = r->total_given ? money_minor(r->total) - sum : 0;
    if (r->line_count == 0 || more == 0)
        return true;
    if (more < 0)
        return spread(r, sum);
    int32_t i = r->line_count < TXN_LINES_MAX ? r->line_count++ : TXN_LINES_MAX - 1;
    if (i == r->line_count - 1 && r->lines[i].quantity == 0)
        r->lines[i] = (struct txn_line){.sku = "OTHER", .quantity = 1};
    r->lines[i].amount = money_of(money_minor(r->lines[i].amount) + more);
    return true;
}

void nexo_decimal_text(char out[NEXO_DECIMAL_SIZE], int64_t minor, int32_t digits)
{
    int64_t unit = 1;
    for (int32_t i = 0; i < digits; i++)
        unit *= 10;
    const char *sign = minor < 0 ? "-" : "";
    uint64_t size = minor < 0 ? 0 - (uint64_t)minor : (uint64_t)minor;
    int used = snprintf(out, NEXO_DECIMAL_SIZE, "%s%" PRIu64, sign, size / (uint64_t)unit);
    uint64_t rest = size % (uint64_t)unit;
    if (!rest)
        return;
    used +=
        snprintf(out + used, (size_t)(NEXO_DECIMAL_SIZE - used), ".%0*" PRIu64, (int)digits, rest);
    while (out[used - 1] == '0')
        out[--used] = 0;
}

/* ---- reading, one field at a time ---- */

/* An object of the request, and how it is named in a fault. */
struct place {
    struct nexo_request *r;
    const json_t *v; /* NULL: it is not there, and all its fields are missing without a fault */
    char path[160];
};

static void fault(struct place *p, const char *name, const char *what)
{
    if (p->r->faulty)
        return;
    p->r->faulty = true;
    snprintf(p->r->fault, sizeof p->r->fault, "At %s, field %s: %s", p->path, name, what);
}

/* NULL: not there, or null. */
static const json_t *field(const struct place *p, const char *name)
{
    const json_t *v = json_object_get(p->v, name);
    return v && !json_is_null(v) ? v : NULL;
}

/* The same, and a fault when it is missing. */
static const json_t *need(struct place *p, const char *name)
{
    const json_t *v = field(p, name);
    if (!v && p->v)
        fault(p, name, "Missing");
    return v;
}

static struct place at(const struct place *p, const char *name, const json_t *v)
{
    struct place in = {.r = p->r, .v = v};
    snprintf(in.path, sizeof in.path, "%.100s.%.50s", p->path, name);
    return in;
}

static struct place object(struct place *p, const char *name, bool needed)
{
    const json_t *v = needed ? need(p, name) : field(p, name);
    if (v && !json_is_object(v)) {
        fault(p, name, "Not an object");
        v = NULL;
    }
    return at(p, name, v);
}

/* A text of 1 to max bytes; NULL: not there, or empty and not needed. */
static const char *text(struct place *p, const char *name, size_t max, bool needed)
{
    const json_t *v = needed ? need(p, name) : field(p, name);
    if (!v)
        return NULL;
    const char *s = nexo_json_string_text(v);
    if (!s)
        fault(p, name, "Not a text");
    else if (!*s && needed)
        fault(p, name, "Empty");
    else if (strlen(s) > max)
        fault(p, name, "Too long");
    return s && *s ? s : NULL;
}

static void copy_text(char *out, size_t size, const char *s)
{
    snprintf(out, size, "%s", s ? s : "");
}

static bool flag(struct place *p, const char *name)
{
    const json_t *v = field(p, name);
    if (v && !json_is_boolean(v))
        fault(p, name, "Not true or false");
    return json_is_true(v);
}

/* The index of its word; otherwise when it is not there. */
static int choice(struct place *p, const char *name, const char *const *words, int count,
                  bool needed, int otherwise)
{
    const char *s = text(p, name, NEXO_TEXT_MAX, needed);
    if (!s)
        return otherwise;
    for (int i = 0; i < count; i++)
        if (strcmp(words[i], s) == 0)
            return i;
    fault(p, name, "Unknown value");
    return otherwise;
}

static bool number(struct place *p, const char *name, int32_t digits, bool needed, int64_t *out)
{
    const json_t *v = needed ? need(p, name) : field(p, name);
    if (!v)
        return false;
    const char *s = nexo_json_number_text(v);
    if (!s)
        fault(p, name, "Not a number");
    else if (!scaled(out, s, digits))
        fault(p, name, "Out of range");
    else
        return true;
    return false;
}

/* A list may be a single value.  NULL at the end. */
static const json_t *element(const json_t *list, size_t i)
{
    if (!json_is_array(list))
        return i == 0 ? list : NULL;
    return json_array_get(list, i);
}

/* Words in lists of lists or alone: ForceEntryMode is one of each. */
static bool has_word(const json_t *v, const char *const *words, int depth)
{
    if (json_is_array(v)) {
        for (size_t i = 0; depth > 0 && i < json_array_size(v); i++)
            if (has_word(json_array_get(v, i), words, depth - 1))
                return true;
        return false;
    }
    const char *s = nexo_json_string_text(v);
    for (; s && *words; words++)
        if (strcmp(*words, s) == 0)
            return true;
    return false;
}

static bool only_words(const json_t *v, int depth)
{
    if (!json_is_array(v))
        return nexo_json_string_text(v) != NULL;
    for (size_t i = 0; i < json_array_size(v); i++)
        if (depth == 0 || !only_words(json_array_get(v, i), depth - 1))
            return false;
    return true;
}

/* A text or a list of texts. */
static const json_t *words(struct place *p, const char *name, bool needed)
{
    const json_t *v = needed ? need(p, name) : field(p, name);
    if (v && !only_words(v, 2)) {
        fault(p, name, "Not a list of texts");
        return NULL;
    }
    return v;
}

/* ---- parts that several requests have ---- */

static bool code_fits(char out[TXN_NAME_SIZE], const char *code, size_t size)
{
    if (size == 0 || size >= TXN_NAME_SIZE)
        return false;
    snprintf(out, TXN_NAME_SIZE, "%.*s", (int)size, code);
    return true;
}

/* One word of SaleToPOIData; what we do not know is not for us.  False: it does not fit. */
static bool read_word(struct nexo_request *r, const char *word, size_t size, int32_t digits)
{
    size_t key = strcspn(word, "=") + 1;
    if (key >= size)
        return true;
    const char *value = word + key;
    if (strncmp(word, "reward=", key) == 0)
        return code_fits(r->reward, value, size - key);
    if (strncmp(word, "coupon=", key) == 0)
        return r->coupon_count < TXN_COUPONS_MAX && code_fits(r->coupons[r->coupon_count++], value, size - key);
    if (strncmp(word, "tender=", key) != 0)
        return true;
    char amount[24];
    size_t code = strcspn(value, ":");
    if (r->tender_count == TXN_TENDERS_MAX || key + code + 1 >= size || size - key - code - 1 >= sizeof amount)
        return false;
    struct txn_tender *t = &r->tenders[r->tender_count++];
    snprintf(amount, sizeof amount, "%.*s", (int)(size - key - code - 1), value + code + 1);
    return code_fits(t->code, value, code) && plain_money(&t->amount, amount, digits) && money_minor(t->amount) > 0;
}

static void read_sale_data(struct place *p, int32_t digits, bool needed)
{
    struct nexo_request *r = p->r;
    struct place data = object(p, "SaleData", needed);
    struct place id = object(&data, "SaleTransactionID", needed);
    if (id.v) {
        text(&id, "TransactionID", ECHO_MAX, true);
        text(&id, "TimeStamp", 64, true);
        r->sale_transaction = id.v;
    }
    const char *more = text(&data, "SaleToPOIData", NEXO_TEXT_MAX, false);
    for (const char *word = more; word && *word; word += strcspn(word, "&"), word += *word == '&')
        if (!read_word(r, word, strcspn(word, "&"), digits))
            fault(&data, "SaleToPOIData", "No such reward, coupon or tender");
}

static bool modes_are_fine(const json_t *v)
{
    if (!json_is_array(v))
        return json_string_length(v) <= 20;
    for (size_t i = 0; i < json_array_size(v); i++)
        if (!json_is_string(json_array_get(v, i)) || json_string_length(json_array_get(v, i)) > 20)
            return false;
    return json_array_size(v) <= MODES_MAX;
}

static void read_who(struct place *p)
{
    static const char *const kinds[] = {"PAN", "ISOTrack2", "BarCode", "AccountNumber",
                                        "PhoneNumber"};
    struct nexo_who *w = &p->r->who;
    struct place account = object(p, "LoyaltyAccountID", false);
    if (account.v) {
        w->account = ID_PAN + (enum nexo_identification)choice(&account, "IdentificationType",
                                                               kinds, COUNT(kinds), true, 0);
        w->value = text(&account, "LoyaltyID", 200, true);
        w->entry_mode = words(&account, "EntryMode", false);
        if (!modes_are_fine(w->entry_mode))
            fault(&account, "EntryMode", "Too long");
        text(&account, "IdentificationSupport", 40, false);
        return;
    }
    struct place reference = object(p, "CardAcquisitionReference", false);
    w->reference = text(&reference, "TransactionID", NEXO_ID_SIZE - 1, reference.v != NULL);
    if (reference.v)
        text(&reference, "TimeStamp", 64, false);
}

static void read_currency(struct place *p, const struct nexo_programme *programme)
{
    const char *currency = text(p, "Currency", 3, false);
    if (currency && programme->currency && strcmp(currency, programme->currency) != 0)
        fault(p, "Currency", "Not the programme's currency");
}

static void read_amount(struct place *p, const struct nexo_programme *programme)
{
    static const char *const units[] = {"Point", "Monetary"};
    static const char *const spellings[] = {"Value", "AmountValue", "value"};
    struct nexo_amount *a = &p->r->amount;
    struct place in = object(p, "LoyaltyAmount", false);
    if (!in.v)
        return;
    a->given = true;
    a->monetary = choice(&in, "LoyaltyUnit", units, COUNT(units), false, 0) == 1;
    read_currency(&in, programme);
    int64_t n = 0, first = 0;
    bool found = false;
    for (int i = 0; i < COUNT(spellings); i++) {
        if (!number(&in, spellings[i], a->monetary ? programme->digits : 0, false, &n))
            continue;
        if (found && n != first)
            fault(&in, spellings[i], "Not the same as Value");
        first = n;
        found = true;
    }
    if (!found)
        fault(&in, "Value", "Missing");
    else if (first == 0)
        fault(&in, "Value", "Out of range");
    if (a->monetary)
        a->money = money_of(first);
    else
        a->points = points_of(first);
}

static void read_original(struct place *p, bool needed)
{
    struct nexo_request *r = p->r;
    struct place original = object(p, "OriginalPOITransaction", needed);
    struct place id = object(&original, "POITransactionID", needed);
    r->original = text(&id, "TransactionID", NEXO_ID_SIZE - 1, true);
    if (id.v)
        text(&id, "TimeStamp", 64, false);
    r->original_sale_id = text(&original, "SaleID", ECHO_MAX, false);
    text(&original, "POIID", ECHO_MAX, false);
    r->original_given = r->original != NULL;
    r->original_json = original.v;
}

/* ---- the requests ---- */

static void read_login(struct place *p)
{
    text(p, "DateTime", 64, true);
    struct place software = object(p, "SaleSoftware", true);
    text(&software, "ManufacturerID", NEXO_TEXT_MAX, false);
    text(&software, "ApplicationName", NEXO_TEXT_MAX, false);
    text(&software, "SoftwareVersion", NEXO_TEXT_MAX, false);
    text(&software, "CertificationCode", NEXO_TEXT_MAX, false);
    text(p, "OperatorLanguage", 40, true);
    text(p, "ShiftNumber", NEXO_TEXT_MAX, false);
    p->r->operator_id = text(p, "OperatorID", NEXO_TEXT_MAX, false);
    p->r->training = flag(p, "TrainingModeFlag");
}

static void read_acquisition(struct place *p, const struct nexo_programme *programme)
{
    static const char *const handlings[] = {"Forbidden", "Processed", "Allowed", "Proposed",
                                            "Required"};
    static const char *const ways[] = {"Contactless", "Mobile", "RFID", "Tapped", NULL};
    struct nexo_request *r = p->r;
    read_sale_data(p, programme->digits, true);
    struct place t = object(p, "CardAcquisitionTransaction", true);
    r->handling = (enum nexo_handling)choice(&t, "LoyaltyHandling", handlings, COUNT(handlings),
                                             false, HANDLING_ALLOWED);
    const json_t *brands = words(&t, "AllowedLoyaltyBrand", false);
    const char *const ours[] = {programme->brand, NULL};
    r->brand_given = brands && (!json_is_array(brands) || json_array_size(brands) > 0);
    r->brand_ours = !programme->brand || has_word(brands, ours, 2);
    const json_t *modes = words(&t, "ForceEntryMode", false);
    r->entry_forced = modes && (!json_is_array(modes) || json_array_size(modes) > 0);
    r->entry_possible = has_word(modes, ways, 2);
    r->total_given = number(&t, "TotalAmount", MICRO_DIGITS, false, &(int64_t){0});
    read_currency(&t, programme);
}

/* A code that does not fit keeps its beginning, for the rules, and gets a digest, to stay itself. */
static void fit_code(char out[TXN_SKU_SIZE], const char *code)
{
    uint8_t hash[MBED_HASH_SIZE];
    if (strcmp(code, "POINTS") == 0) { /* the till's own word (sale_is_alone) */
        copy_text(out, TXN_SKU_SIZE, "POINTS#");
        return;
    }
    if (strlen(code) < TXN_SKU_SIZE) {
        copy_text(out, TXN_SKU_SIZE, code);
        return;
    }
    mbed_sha256(hash, bytes_of(code, strlen(code)));
    size_t size = 10;
    while (size && ((unsigned char)code[size] & 0xc0) == 0x80)
        size--; /* not in the middle of a character */
    snprintf(out, TXN_SKU_SIZE, "%.*s#%02x%02x%02x%02x", (int)size, code, hash[0], hash[1], hash[2],
             hash[3]);
}

/* AdditionalProductInfo may say "category=WORD" among others. */
static void find_category(struct place *p, char out[TXN_NAME_SIZE])
{
    const char *info = text(p, "AdditionalProductInfo", NEXO_TEXT_MAX, false);
    const char *from = info ? strstr(info, "category=") : NULL;
    if (!from || (from > info && from[-1] != '&' && from[-1] != ';' && from[-1] != ' '))
        return;
    size_t size = strcspn(from + 9, "&; ");
    if (size >= TXN_NAME_SIZE)
        fault(p, "AdditionalProductInfo", "A category has up to 15 characters");
    else
        snprintf(out, TXN_NAME_SIZE, "%.*s", (int)size, from + 9);
}

static void read_item(struct place *p, int32_t i, const struct nexo_programme *programme)
{
    struct nexo_request *r = p->r;
    struct txn_line *l = &r->lines[i];
    int64_t n = 0;
    const json_t *id = field(p, "ItemID");
    if (id && !json_is_string(id)) /* a number is one, too (nexo_json.h) */
        fault(p, "ItemID", "Not a number");
    const char *code = text(p, "ProductCode", NEXO_TEXT_MAX, false);
    const char *ean = text(p, "EanUpc", NEXO_TEXT_MAX, !code);
    r->items[i].id = id;
    r->items[i].code = code;
    if (code || ean)
        fit_code(l->sku, code ? code : ean);
    find_category(p, l->category);
    if (number(p, "ItemAmount", programme->digits, true, &n))
        l->amount = money_of(n);
    number(p, "UnitPrice", MICRO_DIGITS, false, &n);
    l->quantity = 1;
    if (number(p, "Quantity", MICRO_DIGITS, false, &n)) {
        if (n == 0 || n > INT64_C(1000000) * 1000000)
            fault(p, "Quantity", "Out of range");
        else if (n % 1000000 == 0) /* what is weighed counts as one piece */
            l->quantity = (int32_t)(n / 1000000);
    }
}

static void read_items(struct place *p, const struct nexo_programme *programme)
{
    const json_t *list = field(p, "SaleItem"), *v;
    char name[40];
    for (size_t i = 0; (v = element(list, i)) != NULL; i++) {
        snprintf(name, sizeof name, "SaleItem[%zu]", i);
        if (i == TXN_LINES_MAX) {
            fault(p, "SaleItem", "Too many");
            return;
        }
        struct place item = at(p, name, v);
        if (!json_is_object(v)) {
            fault(p, name, "Not an object");
            return;
        }
        read_item(&item, (int32_t)i, programme);
        p->r->line_count = (int32_t)i + 1;
    }
}

static bool is_refund(enum nexo_loyalty l)
{
    return l == LOYALTY_AWARD_REFUND || l == LOYALTY_REDEMPTION_REFUND ||
           l == LOYALTY_REBATE_REFUND;
}

static void read_loyalty(struct place *p, const struct nexo_programme *programme)
{
    struct nexo_request *r = p->r;
    int64_t n;
    read_sale_data(p, programme->digits, true);
    struct place t = object(p, "LoyaltyTransaction", true);
    r->loyalty = (enum nexo_loyalty)choice(&t, "LoyaltyTransactionType", nexo_loyalty_text, 6, true,
                                           LOYALTY_AWARD);
    read_currency(&t, programme);
    const json_t *data = field(p, "LoyaltyData"), *first = element(data, 0);
    if (first && !json_is_object(first))
        fault(p, "LoyaltyData", "Not an object");
    if (element(data, 1) && json_is_array(data))
        fault(p, "LoyaltyData", "More than one member");
    struct place d = at(p, "LoyaltyData", json_is_object(first) ? first : NULL);
    read_who(&d);
    read_amount(&d, programme);
    bool needs_total =
        r->loyalty == LOYALTY_REBATE || (r->loyalty == LOYALTY_AWARD && !r->amount.given);
    r->total_given = number(&t, "TotalAmount", programme->digits, needs_total, &n);
    if (r->total_given)
        r->total = money_of(n);
    read_items(&t, programme);
    if (r->loyalty == LOYALTY_REBATE && !r->line_count)
        fault(&t, "SaleItem", "Missing");
    if (r->loyalty == LOYALTY_REDEMPTION && !r->amount.given && !*r->reward)
        fault(&d, "LoyaltyAmount", "Missing");
    if (r->loyalty == LOYALTY_AWARD && r->amount.given && r->amount.monetary)
        fault(&d, "LoyaltyAmount", "Not in points");
    read_original(&t, is_refund(r->loyalty));
}

static void read_reversal(struct place *p)
{
    static const char *const reasons[] = {"CustCancel", "MerchantCancel", "Malfunction",
                                          "Unable2Compl"};
    read_sale_data(p, 3, false);
    read_original(p, true);
    choice(p, "ReversalReason", reasons, COUNT(reasons), true, 0);
    p->r->reversed_given = number(p, "ReversedAmount", MICRO_DIGITS, false, &p->r->reversed_micro);
}

static void read_reference(struct place *p, bool needed)
{
    struct nexo_request *r = p->r;
    struct place m = object(p, "MessageReference", needed);
    r->reference_given = m.v != NULL;
    r->reference = m.v;
    r->ref_category = text(&m, "MessageCategory", 40, false);
    r->ref_service_id = text(&m, "ServiceID", 10, false);
    r->ref_sale_id = text(&m, "SaleID", NEXO_ID_SIZE - 1, false);
    text(&m, "POIID", NEXO_TEXT_MAX, false);
    text(&m, "DeviceID", NEXO_TEXT_MAX, false);
    if (p->r->service == NEXO_ABORT)
        text(p, "AbortReason", NEXO_TEXT_MAX, true);
}

static void read_enable(struct place *p)
{
    static const char *const actions[] = {"StartTransaction", "AbortTransaction"};
    p->r->start = choice(p, "TransactionAction", actions, COUNT(actions), true, 1) == 0;
    words(p, "ServicesEnabled", false);
}

static void read_totals(struct place *p)
{
    static const char *const sale_id[] = {"SaleID", NULL};
    p->r->per_sale_id = has_word(words(p, "TotalDetails", false), sale_id, 2);
    struct place f = object(p, "TotalFilter", false);
    p->r->filter_sale_id = text(&f, "SaleID", NEXO_ID_SIZE - 1, false);
    const char *poi = text(&f, "POIID", NEXO_ID_SIZE - 1, false);
    p->r->other_filter = (poi && strcmp(poi, p->r->poi_id) != 0) || field(&f, "OperatorID") ||
                         field(&f, "ShiftNumber") || field(&f, "TotalsGroupID");
}

/* An output has contents: text, or the like. */
static void check_output(struct place *p)
{
    static const char *const devices[] = {"CashierDisplay", "CustomerDisplay", "CashierInput",
                                          "CustomerInput"};
    choice(p, "Device", devices, COUNT(devices), true, 0);
    text(p, "InfoQualify", 40, true);
}

static void check_content(struct place *p)
{
    struct place content = object(p, "OutputContent", true);
    text(&content, "OutputFormat", 40, true);
    const json_t *lines = field(&content, "OutputText"), *v;
    for (size_t i = 0; (v = element(lines, i)) != NULL; i++) {
        struct place line = at(&content, "OutputText", v);
        if (!json_is_object(v))
            fault(&content, "OutputText", "Not an object");
        else
            text(&line, "Text", NEXO_TEXT_MAX, false);
    }
}

static void read_outputs(struct place *p, bool needed)
{
    const json_t *list = needed ? need(p, "DisplayOutput") : field(p, "DisplayOutput"), *v;
    p->r->outputs = list;
    for (size_t i = 0; (v = element(list, i)) != NULL; i++) {
        struct place o = at(p, "DisplayOutput", v);
        if (i == OUTPUTS_MAX)
            fault(p, "DisplayOutput", "Too many");
        if (!json_is_object(v)) {
            fault(p, "DisplayOutput", "Not an object");
            return;
        }
        check_output(&o);
        check_content(&o);
    }
}

static void read_input(struct place *p)
{
    static const char *const commands[] = {"GetConfirmation", "TextString",   "DigitString",
                                           "DecimalString",   "GetMenuEntry", "GetAnyKey",
                                           "GetFunctionKey",  "Password",     "SiteManager"};
    int64_t n;
    read_outputs(p, false);
    struct place in = object(p, "InputData", true);
    p->r->input = in.v;
    if (!in.v)
        return;
    check_output(&in);
    choice(&in, "InputCommand", commands, COUNT(commands), true, 0);
    number(&in, "MaxInputTime", 0, false, &n);
}

static void read_print(struct place *p)
{
    struct place out = object(p, "PrintOutput", true);
    p->r->print = out.v;
    if (!out.v)
        return;
    text(&out, "DocumentQualifier", 40, true);
    text(&out, "ResponseMode", 40, true);
    check_content(&out);
}

static void read_body(struct place *p, const struct nexo_programme *programme)
{
    const char *s;
    switch (p->r->service) {
    case NEXO_LOGIN:
        read_login(p);
        return;
    case NEXO_LOGOUT:
        flag(p, "MaintenanceAllowed");
        return;
    case NEXO_DIAGNOSIS:
        p->r->host_diagnosis = flag(p, "HostDiagnosisFlag");
        return;
    case NEXO_CARD_ACQUISITION:
        read_acquisition(p, programme);
        return;
    case NEXO_BALANCE_INQUIRY: {
        struct place req = object(p, "LoyaltyAccountReq", true);
        read_who(&req);
        if (req.v && !p->r->who.account && !p->r->who.reference)
            fault(&req, "LoyaltyAccountID", "Missing");
        return;
    }
    case NEXO_LOYALTY:
        read_loyalty(p, programme);
        return;
    case NEXO_REVERSAL:
        read_reversal(p);
        return;
    case NEXO_TRANSACTION_STATUS:
        read_reference(p, false);
        flag(p, "ReceiptReprintFlag");
        return;
    case NEXO_ABORT:
        read_reference(p, true);
        return;
    case NEXO_DISPLAY:
        read_outputs(p, true);
        return;
    case NEXO_INPUT:
        read_input(p);
        return;
    case NEXO_PRINT:
        read_print(p);
        return;
    case NEXO_ENABLE_SERVICE:
        read_enable(p);
        return;
    case NEXO_GET_TOTALS:
        read_totals(p);
        return;
    case NEXO_ADMIN:
        s = text(p, "ServiceIdentification", NEXO_TEXT_MAX, false);
        p->r->identification = s ? s : "";
        return;
    case NEXO_OTHER:
        return;
    }
}

static bool version_is_ours(const char *v)
{
    return !v || (strncmp(v, "3.", 2) == 0 && v[2]) || strcmp(v, "3") == 0;
}

static void read_header(struct place *p)
{
    static const char *const classes[] = {"Service", "Device"}; /* either will do for any category */
    struct nexo_request *r = p->r;
    const char *s = text(p, "MessageType", 40, true);
    if (s && strcmp(s, "Request") != 0)
        fault(p, "MessageType", "Unknown value");
    choice(p, "MessageClass", classes, COUNT(classes), false, 0);
    copy_text(r->service_id, sizeof r->service_id, text(p, "ServiceID", 10, true));
    copy_text(r->sale_id, sizeof r->sale_id, text(p, "SaleID", NEXO_ID_SIZE - 1, true));
    copy_text(r->poi_id, sizeof r->poi_id, text(p, "POIID", NEXO_ID_SIZE - 1, true));
    text(p, "DeviceID", NEXO_TEXT_MAX, false);
    r->other_version = !version_is_ours(text(p, "ProtocolVersion", 40, false));
}

bool nexo_read(struct nexo_request *out, const json_t *request,
               const struct nexo_programme *programme)
{
    char name[sizeof out->category + 8];
    memset(out, 0, sizeof *out);
    out->header = json_object_get(request, "MessageHeader");
    const char *category = nexo_json_string_text(json_object_get(out->header, "MessageCategory"));
    if (!category || !*category || strlen(category) >= sizeof out->category)
        return false;
    for (const char *c = category; *c; c++)
        if (!((*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z')))
            return false;
    copy_text(out->category, sizeof out->category, category);
    while (out->service < NEXO_OTHER && strcmp(service_text[out->service], category) != 0)
        out->service++;

    struct place whole = {.r = out, .v = request, .path = "SaleToPOIRequest"};
    struct place header = at(&whole, "MessageHeader", out->header);
    read_header(&header);
    out->nameless = out->faulty;
    if (out->other_version)
        return true; /* its body may be anything */
    snprintf(name, sizeof name, "%sRequest", category);
    struct place body = object(&whole, name, out->service != NEXO_OTHER);
    out->body = body.v;
    if (body.v && !out->faulty)
        read_body(&body, programme);
    return true;
}

/* ---- the same message? ---- */

static json_t *canonical(const json_t *v);

static json_t *canonical_object(const json_t *v)
{
    json_t *out = json_object(), *value;
    const char *key;
    json_object_foreach((json_t *)v, key,
                        value) if (json_object_set_new(out, key, canonical(value))) break;
    return out;
}

/* A copy in which equal numbers have equal text. */
static json_t *canonical(const json_t *v)
{
    const char *number_text = nexo_json_number_text(v);
    if (json_is_object(v))
        return canonical_object(v);
    if (json_is_array(v)) {
        json_t *out = json_array();
        for (size_t i = 0; i < json_array_size(v); i++)
            json_array_append_new(out, canonical(json_array_get(v, i)));
        return out;
    }
    if (!number_text)
        return json_copy((json_t *)v);
    struct decimal d = split(number_text);
    char *room = malloc((size_t)d.count + 32), *to = room;
    if (!room)
        return NULL;
    *to++ = 1; /* no string of the sender's begins like this (nexo_json.h) */
    *to++ = 'n';
    if (d.negative && d.count)
        *to++ = '-';
    const char *from = d.digits;
    for (int i = -d.skip; i < d.count; from++)
        if (*from != '.' && i++ >= 0)
            *to++ = *from;
    sprintf(to, "e%" PRId64, d.exponent);
    json_t *out = json_string(room);
    free(room);
    return out;
}

bool nexo_digest(uint8_t out[32], const struct nexo_request *r, bool with_time)
{
    json_t *v = r->body ? canonical(r->body) : json_object();
    if (!with_time)
        json_object_del(json_object_get(json_object_get(v, "SaleData"), "SaleTransactionID"),
                        "TimeStamp");
    char *text = v ? json_dumps(v, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(v);
    if (!text)
        return false;
    mbed_sha256_two(out, bytes_of(r->category, strlen(r->category) + 1),
                    bytes_of(text, strlen(text)));
    free(text);
    return true;
}

/* ---- replies ---- */

void nexo_form_add(struct nexo_form *f, const char *key, const char *value)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t start = f->size, size = start;
    char *to = f->text;
    const size_t cap = sizeof f->text - 4;
    size += (size_t)snprintf(to + size, cap - size, "%s%s=", size ? "&" : "", key);
    for (; *value && size < cap; value++) {
        char c = *value;
        if (c == ' ') {
            to[size++] = '+';
        } else if (is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                   strchr("-_.*", c)) {
            to[size++] = c;
        } else {
            to[size++] = '%';
            to[size++] = hex[(unsigned char)c >> 4];
            to[size++] = hex[(unsigned char)c & 15];
        }
    }
    f->size = *value || size >= cap ? start : size;
    f->text[f->size] = 0;
}

void nexo_form_add_int(struct nexo_form *f, const char *key, int64_t n)
{
    char number_text[24];
    snprintf(number_text, sizeof number_text, "%" PRId64, n);
    nexo_form_add(f, key, number_text);
}

json_t *nexo_response(enum nexo_error e, const struct nexo_form *additional)
{
    json_t *v = json_pack("{s:s}", "Result", e ? "Failure" : "Success");
    if (e)
        json_object_set_new(v, "ErrorCondition", json_string(nexo_error_text(e)));
    if (additional && additional->size)
        json_object_set_new(v, "AdditionalResponse", json_string(additional->text));
    return v;
}

json_t *nexo_points_amount(struct points p)
{
    return json_pack("{s:s,s:o,s:o}", "LoyaltyUnit", "Point", "Value",
                     nexo_json_integer(points_n(p)), "AmountValue", nexo_json_integer(points_n(p)));
}

json_t *nexo_money_number(struct money m, int32_t digits)
{
    char number_text[NEXO_DECIMAL_SIZE];
    nexo_decimal_text(number_text, money_minor(m), digits);
    return nexo_json_number(number_text);
}

json_t *nexo_transaction_id(const char *id, const char *time)
{
    return json_pack("{s:s,s:s}", "TransactionID", id, "TimeStamp", time);
}

json_t *nexo_account(const char *member, const json_t *entry_mode, const char *support,
                     const char *brand)
{
    json_t *id = json_object();
    json_object_set_new(id, "EntryMode",
                        !entry_mode                 ? json_pack("[s]", "Keyed")
                        : json_is_array(entry_mode) ? json_deep_copy(entry_mode)
                                                    : json_pack("[O]", entry_mode));
    json_object_set_new(id, "IdentificationType", json_string("AccountNumber"));
    if (support)
        json_object_set_new(id, "IdentificationSupport", json_string(support));
    json_object_set_new(id, "LoyaltyID", json_string(member));
    return json_pack("{s:o,s:s}", "LoyaltyAccountID", id, "LoyaltyBrand", brand);
}

/* The first width characters of UTF-8. */
static size_t cut(const char *s, int width)
{
    size_t size = 0;
    for (; s[size]; size++)
        if (((unsigned char)s[size] & 0xc0) != 0x80 && width-- == 0)
            break;
    return size;
}

json_t *nexo_receipt(const char *const *lines, int count)
{
    json_t *texts = json_array();
    for (int i = 0; i < count; i++) {
        json_t *line = json_stringn(lines[i], cut(lines[i], NEXO_RECEIPT_WIDTH));
        json_array_append_new(texts, json_pack("{s:o}", "Text", line));
    }
    return json_pack("[{s:s,s:{s:s,s:o}}]", "DocumentQualifier", "CustomerReceipt", "OutputContent",
                     "OutputFormat", "Text", "OutputText", texts);
}

/* What is repeated: these fields, if they are texts of a reasonable size.  from NULL: nothing. */
static json_t *same_texts(const json_t *from, const char *const *names)
{
    json_t *out = json_object();
    for (; *names; names++) {
        const char *s = nexo_json_string_text(json_object_get(from, *names));
        if (s && strlen(s) <= ECHO_MAX)
            json_object_set_new(out, *names, nexo_json_string(s));
    }
    return out;
}

static const char *const header_fields[] = {"ProtocolVersion", "MessageClass", "MessageCategory",
                                            "MessageType",     "ServiceID",    "DeviceID",
                                            "SaleID",          "POIID",        NULL};
static const char *const id_fields[] = {"TransactionID", "TimeStamp", NULL};

json_t *nexo_header(const struct nexo_request *r)
{
    return same_texts(r->header, header_fields);
}

json_t *nexo_sale_data(const struct nexo_request *r)
{
    return r->sale_transaction
               ? json_pack("{s:o}", "SaleTransactionID", same_texts(r->sale_transaction, id_fields))
               : NULL;
}

json_t *nexo_original(const struct nexo_request *r)
{
    static const char *const names[] = {"SaleID", "POIID", NULL};
    json_t *out = same_texts(r->original_json, names);
    json_object_set_new(
        out, "POITransactionID",
        same_texts(json_object_get(r->original_json, "POITransactionID"), id_fields));
    return out;
}

json_t *nexo_reference(const struct nexo_request *r)
{
    static const char *const names[] = {"MessageCategory", "ServiceID", "SaleID",
                                        "POIID",           "DeviceID",  NULL};
    return same_texts(r->reference, names);
}

json_t *nexo_reply(const struct nexo_request *r, json_t *body)
{
    char name[sizeof r->category + 10];
    snprintf(name, sizeof name, "%sResponse", r->category);
    json_t *header = nexo_header(r);
    json_object_set_new(header, "MessageType", json_string("Response"));
    return json_pack("{s:o,s:o}", "MessageHeader", header, name, body);
}

/* Device and InfoQualify as they were sent, and a Response. */
static json_t *echoed(const json_t *from, json_t *response)
{
    static const char *const names[] = {"Device", "InfoQualify", NULL};
    json_t *out = same_texts(from, names);
    json_object_set_new(out, "Response", response);
    return out;
}

static json_t *output_results(const struct nexo_request *r, enum nexo_error e,
                              const struct nexo_form *additional)
{
    json_t *results = json_array();
    size_t i = 0;
    do
        json_array_append_new(results,
                              echoed(element(r->outputs, i), nexo_response(e, additional)));
    while (++i < OUTPUTS_MAX && element(r->outputs, i));
    return results;
}

json_t *nexo_input_reply(const struct nexo_request *r, enum nexo_error e,
                         const struct nexo_form *additional, const char *field_name, json_t *value)
{
    static const char *const names[] = {"InputCommand", NULL};
    json_t *result = echoed(r->input, nexo_response(e, additional)),
           *input = same_texts(r->input, names);
    if (field_name)
        json_object_set_new(input, field_name, value);
    json_object_set_new(result, "Input", input);
    json_t *body = json_pack("{s:o}", "InputResult", result);
    if (r->outputs)
        json_object_set_new(body, "OutputResult",
                            echoed(element(r->outputs, 0), nexo_response(e, NULL)));
    return nexo_reply(r, body);
}

json_t *nexo_plain(const struct nexo_request *r, enum nexo_error e,
                   const struct nexo_form *additional)
{
    static const char *const document[] = {"DocumentQualifier", NULL};
    if (r->service == NEXO_INPUT)
        return nexo_input_reply(r, e, additional, NULL, NULL);
    json_t *body = r->service == NEXO_PRINT ? same_texts(r->print, document) : json_object();
    if (r->service == NEXO_DISPLAY)
        json_object_set_new(body, "OutputResult", output_results(r, e, additional));
    else
        json_object_set_new(body, "Response", nexo_response(e, additional));
    json_t *sale = nexo_sale_data(r);
    if (sale)
        json_object_set_new(body, "SaleData", sale);
    return nexo_reply(r, body);
}
