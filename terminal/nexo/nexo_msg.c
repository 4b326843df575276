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

enum {
    MICRO_DIGITS = 6,
    MODES_MAX = 8,
};

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
    else if (!nexo_decimal(out, s, digits))
        fault(p, name, "Out of range");
    else
        return true;
    return false;
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
        text(&id, "TransactionID", NEXO_ECHO_MAX, true);
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
    text(&original, "SaleID", NEXO_ECHO_MAX, false);
    text(&original, "POIID", NEXO_ECHO_MAX, false);
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
    text(p, "OperatorID", NEXO_TEXT_MAX, false);
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
    for (size_t i = 0; (v = nexo_json_element(list, i)) != NULL; i++) {
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
    const json_t *data = field(p, "LoyaltyData"), *first = nexo_json_element(data, 0);
    if (first && !json_is_object(first))
        fault(p, "LoyaltyData", "Not an object");
    if (nexo_json_element(data, 1) && json_is_array(data))
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
    r->reference = m.v;
    r->ref_category = text(&m, "MessageCategory", 40, false);
    r->ref_service_id = text(&m, "ServiceID", 10, false);
    r->ref_sale_id = text(&m, "SaleID", NEXO_ID_SIZE - 1, false);
    const char *poi_id = text(&m, "POIID", NEXO_TEXT_MAX, false);
    r->ref_elsewhere = poi_id && strcmp(poi_id, r->poi_id) != 0;
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
    for (size_t i = 0; (v = nexo_json_element(lines, i)) != NULL; i++) {
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
    for (size_t i = 0; (v = nexo_json_element(list, i)) != NULL; i++) {
        struct place o = at(p, "DisplayOutput", v);
        if (i == NEXO_OUTPUTS_MAX)
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
    if (json_array_size(json_object_get(json_object_get(out.v, "OutputContent"), "OutputText")) > NEXO_PRINT_LINES)
        fault(&out, "OutputContent", "Too many lines");
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

/* ---- a bill that adds up ---- */

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

/* ---- the same message? ---- */

bool nexo_digest(uint8_t out[32], const struct nexo_request *r, bool with_time)
{
    json_t *v = r->body ? nexo_json_canonical(r->body) : json_object();
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
