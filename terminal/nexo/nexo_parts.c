/* nexo_parts.c - what replies are made of: see nexo_msg.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/nexo/nexo_msg.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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
        } else if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
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
        if (s && strlen(s) <= NEXO_ECHO_MAX)
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
                              echoed(nexo_json_element(r->outputs, i), nexo_response(e, additional)));
    while (++i < NEXO_OUTPUTS_MAX && nexo_json_element(r->outputs, i));
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
                            echoed(nexo_json_element(r->outputs, 0), nexo_response(e, NULL)));
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
