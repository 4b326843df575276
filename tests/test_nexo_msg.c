/* test_nexo_msg.c - nexo requests read field by field, the same message recognised, replies built.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/nexo/nexo_msg.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct nexo_programme shop = {"SHOP", "EUR", 2};
static struct nexo_request request; /* large */

static json_t *json_of(const char *text)
{
    struct errmsg why = {""};
    json_t *v = nexo_json_read(bytes_of(text, strlen(text)), &why);
    if (!v)
        fail_msg("%s: %s", text, why.text);
    return v;
}

/* The request of one category with this body, read into request; the caller frees what is returned. */
static json_t *read_as(const char *category, const char *body)
{
    char *text = malloc(strlen(body) + 400);
    sprintf(text,
            "{\"MessageHeader\":{\"MessageCategory\":\"%s\",\"MessageType\":\"Request\","
            "\"ServiceID\":\"1\","
            "\"SaleID\":\"E\",\"POIID\":\"P\"},\"%sRequest\":%s}",
            category, category, body);
    json_t *v = json_of(text);
    free(text);
    assert_true(nexo_read(&request, v, &shop));
    return v;
}

static void faults(const char *category, const char *body, const char *expected)
{
    json_t *v = read_as(category, body);
    if (strcmp(request.fault, expected) != 0)
        fail_msg("%s\n  said     \"%s\"\n  expected \"%s\"", body, request.fault, expected);
    assert_int_equal(request.faulty, *expected != 0);
    json_decref(v);
}

TEST(nexo_msg, decimals_are_exact_and_bounded)
{
    static const struct {
        const char *text;
        int digits;
        int64_t n; /* -1: refused */
    } rows[] = {
        {"12.4", 2, 1240},
        {"12.40", 2, 1240},
        {"0.1", 2, 10},
        {"0", 2, 0},
        {"0.00", 2, 0},
        {"1e1", 2, 1000},
        {"1.24E1", 2, 1240},
        {"1240e-2", 2, 1240},
        {"0.000e99", 2, 0},
        {"12.345", 2, -1},
        {"12.345", 3, 12345},
        {"12.3450", 3, 12345},
        {"-0.1", 2, -1},
        {"-0", 2, -1},
        {"99999999.99", 2, 9999999999},
        {"99999999.999999", 6, 99999999999999},
        {"100000000", 2, -1},
        {"1e8", 0, -1},
        {"1e400", 2, -1},
        {"1e-400", 2, -1},
        {"1e99999999999999999999", 2, -1},
        {"0e99999999999999999999", 2, 0},
        {"0.30000000000000004", 2, -1},
        {"200", 0, 200},
        {"200.0", 0, 200},
        {"200.5", 0, -1},
        {"00", 0, 0},
        {"1000000000000000000000000", 2, -1},
        {"0.0000000000000000000001e22", 2, 100},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t n = 77;
        bool good = nexo_decimal(&n, rows[i].text, rows[i].digits);
        if (good != (rows[i].n >= 0) || n != (good ? rows[i].n : 77))
            fail_msg("%s in %d digits: %d, %lld", rows[i].text, rows[i].digits, good, (long long)n);
    }
}

TEST(nexo_msg, money_is_written_as_short_as_it_is_exact)
{
    char text[NEXO_DECIMAL_SIZE];
    static const struct {
        int64_t n;
        int digits;
        const char *text;
    } rows[] = {{1240, 2, "12.4"},  {1200, 2, "12"},
                {5, 2, "0.05"},     {0, 2, "0"},
                {7, 0, "7"},        {-1240, 2, "-12.4"},
                {1005, 3, "1.005"}, {INT64_MIN, 2, "-92233720368547758.08"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        nexo_decimal_text(text, rows[i].n, rows[i].digits);
        assert_string_equal(text, rows[i].text);
    }
}

TEST(nexo_msg, every_example_is_read_without_a_fault)
{
    char path[512], *line = NULL;
    size_t cap = 0;
    int count = 0, seen[NEXO_OTHER + 1] = {0};
    snprintf(path, sizeof path, "%s/nexo/requests.txt", test_data_dir());
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (getline(&line, &cap, f) > 0) {
        json_t *v = json_of(line);
        assert_true(nexo_read(&request, v, &shop));
        if (request.faulty)
            fail_msg("%s%s", line, request.fault);
        seen[request.service]++;
        count++;
        json_decref(v);
    }
    fclose(f);
    free(line);
    assert_true(count >= 20);
    for (int i = 0; i < NEXO_OTHER; i++)
        if (!seen[i])
            fail_msg("no example of service %d", i);
}

TEST(nexo_msg, a_loyalty_request_is_read_into_plain_numbers)
{
    json_t *v = read_as(
        "Loyalty",
        "{\"SaleData\":{\"SaleTransactionID\":{\"TransactionID\":\"T\",\"TimeStamp\":\"2026\"},"
        "\"SaleToPOIData\":\"reward=COFFEE&x=y&coupon=TEA-1&tender=giftcard:4.40&coupon=B&tender=cash:8\"},\"LoyaltyTransaction\":{"
        "\"LoyaltyTransactionType\":"
        "\"Award\",\"Currency\":\"EUR\",\"TotalAmount\":12.4,\"SaleItem\":[{\"ItemID\":1,"
        "\"ProductCode\":\"1001\",\"Quantity\":2,\"ItemAmount\":6.40,\"AdditionalProductInfo\":"
        "\"a=b;category=drinks\"},{\"EanUpc\":\"4006381333931\",\"Quantity\":0.732,\"ItemAmount\":"
        "6},"
        "{\"ProductCode\":\"a-code-of-more-than-19-bytes\",\"ItemAmount\":0}]},\"LoyaltyData\":"
        "{\"LoyaltyAccountID\":{\"EntryMode\":\"Keyed\",\"IdentificationType\":\"PhoneNumber\","
        "\"LoyaltyID\":\"+49\"},\"LoyaltyAmount\":{\"value\":20}}}");
    assert_string_equal(request.fault, "");
    assert_int_equal(request.loyalty, LOYALTY_AWARD);
    assert_int_equal(money_minor(request.total), 1240);
    assert_int_equal(request.line_count, 3);
    assert_string_equal(request.lines[0].sku, "1001");
    assert_string_equal(request.lines[0].category, "drinks");
    assert_int_equal(request.lines[0].quantity, 2);
    assert_int_equal(money_minor(request.lines[0].amount), 640);
    assert_string_equal(request.lines[1].sku, "4006381333931");
    assert_int_equal(request.lines[1].quantity, 1);
    assert_int_equal(strlen(request.lines[2].sku), TXN_SKU_SIZE - 1);
    assert_memory_equal(request.lines[2].sku, "a-code-of-#", 11);
    assert_int_equal(request.who.account, ID_PHONE);
    assert_string_equal(request.who.value, "+49");
    assert_true(request.amount.given && !request.amount.monetary);
    assert_int_equal(points_n(request.amount.points), 20);
    assert_string_equal(request.reward, "COFFEE");
    assert_int_equal(request.coupon_count, 2);
    assert_string_equal(request.coupons[0], "TEA-1");
    assert_string_equal(request.coupons[1], "B");
    assert_int_equal(request.tender_count, 2);
    assert_string_equal(request.tenders[0].code, "giftcard");
    assert_int_equal(money_minor(request.tenders[0].amount), 440);
    assert_int_equal(money_minor(request.tenders[1].amount), 800);
    json_decref(v);
}

TEST(nexo_msg, words_of_the_sale_that_do_not_fit_are_a_fault)
{
    static const struct {
        const char *words;
        bool good;
    } rows[] = {
        {"", true},           {"x", true},          {"reward", true},       {"reward=123456789012345", true},
        {"reward=1234567890123456", false},         {"coupon=123456789012345&", true},
        {"coupon=1234567890123456", false},         {"coupon=1&coupon=2&coupon=3&coupon=4", true},
        {"coupon=1&coupon=2&coupon=3&coupon=4&coupon=5", false},
        {"tender=cash", false}, {"tender=cash:", false}, {"tender=:5", false}, {"tender=cash:0", false},
        {"tender=cash:5.001", false}, {"tender=cash:-5", false}, {"tender=cash:5&tender=cash:5", true},
        {"tender=a:1&tender=b:1&tender=c:1&tender=d:1&tender=e:1&tender=f:1", true},
        {"tender=a:1&tender=b:1&tender=c:1&tender=d:1&tender=e:1&tender=f:1&tender=g:1", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char body[600];
        snprintf(body, sizeof body,
                 "{\"SaleData\":{\"SaleTransactionID\":{\"TransactionID\":\"T\",\"TimeStamp\":\"2026\"},"
                 "\"SaleToPOIData\":\"%s\"},\"LoyaltyTransaction\":{\"LoyaltyTransactionType\":\"Award\","
                 "\"TotalAmount\":12.4}}",
                 rows[i].words);
        json_t *v = read_as("Loyalty", body);
        if ((request.fault[0] == 0) != rows[i].good)
            fail_msg("%s: %s", rows[i].words, request.fault);
        json_decref(v);
    }
}

#define SALE  "\"SaleData\":{\"SaleTransactionID\":{\"TransactionID\":\"T\",\"TimeStamp\":\"2026\"}}"
#define AWARD "\"LoyaltyTransaction\":{\"LoyaltyTransactionType\":\"Award\",\"TotalAmount\":1"

TEST(nexo_msg, the_first_bad_field_is_named_with_its_place)
{
    static const struct {
        const char *category, *body, *fault;
    } rows[] = {
        {"Loyalty", "{" SALE ",\"LoyaltyTransaction\":{}}",
         "At SaleToPOIRequest.LoyaltyRequest.LoyaltyTransaction, field LoyaltyTransactionType: "
         "Missing"},
        {"Loyalty", "{}", "At SaleToPOIRequest.LoyaltyRequest, field SaleData: Missing"},
        {"Loyalty", "{\"SaleData\":{}}",
         "At SaleToPOIRequest.LoyaltyRequest.SaleData, field SaleTransactionID: Missing"},
        {"Loyalty", "[]", "At SaleToPOIRequest, field LoyaltyRequest: Not an object"},
        {"Loyalty", "null", "At SaleToPOIRequest, field LoyaltyRequest: Missing"},
        {"Loyalty", "{" SALE "," AWARD ",\"Currency\":\"USD\"}}",
         "At SaleToPOIRequest.LoyaltyRequest.LoyaltyTransaction, field Currency: Not the "
         "programme's currency"},
        {"Loyalty", "{" SALE ",\"LoyaltyTransaction\":{\"LoyaltyTransactionType\":\"Award\"}}",
         "At SaleToPOIRequest.LoyaltyRequest.LoyaltyTransaction, field TotalAmount: Missing"},
        {"Loyalty",
         "{" SALE
         ",\"LoyaltyTransaction\":{\"LoyaltyTransactionType\":\"Award\",\"TotalAmount\":-1}}",
         "At SaleToPOIRequest.LoyaltyRequest.LoyaltyTransaction, field TotalAmount: Out of range"},
        {"Loyalty",
         "{" SALE
         ",\"LoyaltyTransaction\":{\"LoyaltyTransactionType\":\"Award\",\"TotalAmount\":\"1\"}}",
         "At SaleToPOIRequest.LoyaltyRequest.LoyaltyTransaction, field TotalAmount: Not a number"},
        {"Loyalty",
         "{" SALE "," AWARD
         ",\"SaleItem\":[{\"ProductCode\":\"1\",\"ItemAmount\":1},{\"ProductCode\":\"2\"}]}}",
         "At SaleToPOIRequest.LoyaltyRequest.LoyaltyTransaction.SaleItem[1], field ItemAmount: "
         "Missing"},
        {"Loyalty", "{" SALE "," AWARD "},\"LoyaltyData\":{\"LoyaltyAmount\":{\"Value\":0}}}",
         "At SaleToPOIRequest.LoyaltyRequest.LoyaltyData.LoyaltyAmount, field Value: Out of range"},
        {"Loyalty",
         "{" SALE "," AWARD
         "},\"LoyaltyData\":{\"LoyaltyAmount\":{\"Value\":1,\"AmountValue\":2}}}",
         "At SaleToPOIRequest.LoyaltyRequest.LoyaltyData.LoyaltyAmount, field AmountValue: Not the "
         "same as Value"},
        {"Loyalty", "{" SALE "," AWARD "},\"LoyaltyData\":[{},{}]}",
         "At SaleToPOIRequest.LoyaltyRequest, field LoyaltyData: More than one member"},
        {"Loyalty",
         "{" SALE ",\"LoyaltyTransaction\":{\"LoyaltyTransactionType\":\"AwardRefund\"}}",
         "At SaleToPOIRequest.LoyaltyRequest.LoyaltyTransaction, field OriginalPOITransaction: "
         "Missing"},
        {"Loyalty",
         "{" SALE "," AWARD "},\"LoyaltyData\":{\"LoyaltyAccountID\":{\"LoyaltyID\":\"1\"}}}",
         "At SaleToPOIRequest.LoyaltyRequest.LoyaltyData.LoyaltyAccountID, field "
         "IdentificationType: Missing"},
        {"Loyalty", "{" SALE "," AWARD "},\"LoyaltyData\":{\"LoyaltyAmount\":{\"Value\":5}}}", ""},
        {"Reversal",
         "{\"OriginalPOITransaction\":{\"POITransactionID\":{\"TransactionID\":\"X\"}},"
         "\"ReversalReason\":\"Fun\"}",
         "At SaleToPOIRequest.ReversalRequest, field ReversalReason: Unknown value"},
        {"Login", "{\"DateTime\":\"x\",\"SaleSoftware\":{},\"OperatorLanguage\":\"\"}",
         "At SaleToPOIRequest.LoginRequest, field OperatorLanguage: Empty"},
        {"BalanceInquiry", "{\"LoyaltyAccountReq\":{}}",
         "At SaleToPOIRequest.BalanceInquiryRequest.LoyaltyAccountReq, field LoyaltyAccountID: "
         "Missing"},
        {"Input",
         "{\"InputData\":{\"Device\":\"CustomerInput\",\"InfoQualify\":\"Input\",\"InputCommand\":"
         "\"Dance\"}}",
         "At SaleToPOIRequest.InputRequest.InputData, field InputCommand: Unknown value"},
        {"Diagnosis", "{\"HostDiagnosisFlag\":1}",
         "At SaleToPOIRequest.DiagnosisRequest, field HostDiagnosisFlag: Not true or false"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        faults(rows[i].category, rows[i].body, rows[i].fault);
}

TEST(nexo_msg, a_header_is_checked_and_another_version_is_told_apart)
{
    static const struct {
        const char *header;
        bool readable, faulty, other;
    } rows[] = {
        {"{\"MessageCategory\":\"Logout\",\"MessageType\":\"Request\",\"ServiceID\":\"1\","
         "\"SaleID\":\"E\",\"POIID\":\"P\"}",
         true, false, false},
        {"{\"ProtocolVersion\":\"3.1\",\"MessageCategory\":\"Logout\",\"MessageType\":\"Request\","
         "\"ServiceID\":\"1\",\"SaleID\":\"E\",\"POIID\":\"P\"}",
         true, false, false},
        {"{\"ProtocolVersion\":\"2.0\",\"MessageCategory\":\"Logout\",\"MessageType\":\"Request\","
         "\"ServiceID\":\"1\",\"SaleID\":\"E\",\"POIID\":\"P\"}",
         true, false, true},
        {"{\"ProtocolVersion\":\"30\",\"MessageCategory\":\"Logout\",\"MessageType\":\"Request\","
         "\"ServiceID\":\"1\",\"SaleID\":\"E\",\"POIID\":\"P\"}",
         true, false, true},
        {"{\"MessageCategory\":\"Logout\",\"MessageType\":\"Response\",\"ServiceID\":\"1\","
         "\"SaleID\":\"E\",\"POIID\":\"P\"}",
         true, true, false},
        {"{\"MessageCategory\":\"Logout\",\"MessageType\":\"Request\",\"ServiceID\":"
         "\"12345678901\",\"SaleID\":\"E\",\"POIID\":\"P\"}",
         true, true, false},
        {"{\"MessageCategory\":\"Logout\",\"MessageType\":\"Request\",\"ServiceID\":\"\","
         "\"SaleID\":\"E\",\"POIID\":\"P\"}",
         true, true, false},
        {"{\"MessageCategory\":\"Logout\",\"MessageType\":\"Request\",\"ServiceID\":\"1\","
         "\"POIID\":\"P\"}",
         true, true, false},
        {"{\"MessageClass\":\"Device\",\"MessageCategory\":\"Logout\",\"MessageType\":\"Request\","
         "\"ServiceID\":\"1\",\"SaleID\":\"E\",\"POIID\":\"P\"}",
         true, false, false},
        {"{\"MessageClass\":\"Event\",\"MessageCategory\":\"Logout\",\"MessageType\":\"Request\","
         "\"ServiceID\":\"1\",\"SaleID\":\"E\",\"POIID\":\"P\"}",
         true, true, false},
        {"{\"MessageCategory\":7}", false, false, false},
        {"{\"MessageCategory\":\"Log out\"}", false, false, false},
        {"{}", false, false, false},
        {"[]", false, false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[400];
        snprintf(text, sizeof text, "{\"MessageHeader\":%s,\"LogoutRequest\":{}}", rows[i].header);
        json_t *v = json_of(text);
        assert_int_equal(nexo_read(&request, v, &shop), rows[i].readable);
        assert_int_equal(request.faulty, rows[i].faulty);
        assert_int_equal(request.nameless, rows[i].faulty);
        assert_int_equal(request.other_version, rows[i].other);
        json_decref(v);
    }
}

static bool same(const char *a, const char *b, bool with_time)
{
    uint8_t x[32], y[32];
    json_t *v = read_as("Loyalty", a);
    assert_true(nexo_digest(x, &request, with_time));
    json_decref(v);
    v = read_as("Loyalty", b);
    assert_true(nexo_digest(y, &request, with_time));
    json_decref(v);
    return memcmp(x, y, sizeof x) == 0;
}

TEST(nexo_msg, the_same_message_is_known_by_its_values_alone)
{
    static const char one[] =
        "{\"SaleData\":{\"SaleTransactionID\":{\"TransactionID\":\"T\",\"TimeStamp\":\"1\"}},"
        "\"a\":12.4,\"b\":[1,2,{\"c\":\"x\",\"d\":null}]}";
    assert_true(
        same(one,
             " { \"b\" : "
             "[1.0,2e0,{\"d\":null,\"c\":\"x\"}],\"a\":12.40,\n\"SaleData\":{\"SaleTransactionID\":"
             "{\"TimeStamp\":\"2\",\"TransactionID\":\"T\"}}}",
             false));
    assert_false(
        same(one,
             "{\"SaleData\":{\"SaleTransactionID\":{\"TransactionID\":\"T\",\"TimeStamp\":\"2\"}},"
             "\"a\":12.4,\"b\":[1,2,{\"c\":\"x\",\"d\":null}]}",
             true));
    assert_true(same(one, one, true));
    static const char *const others[] = {
        "{\"SaleData\":{\"SaleTransactionID\":{\"TransactionID\":\"U\",\"TimeStamp\":\"1\"}},\"a\":"
        "12.4,\"b\":[1,2,{\"c\":\"x\",\"d\":null}]}",
        "{\"SaleData\":{\"SaleTransactionID\":{\"TransactionID\":\"T\",\"TimeStamp\":\"1\"}},\"a\":"
        "\"12.4\",\"b\":[1,2,{\"c\":\"x\",\"d\":null}]}",
        "{\"SaleData\":{\"SaleTransactionID\":{\"TransactionID\":\"T\",\"TimeStamp\":\"1\"}},\"a\":"
        "12.41,\"b\":[1,2,{\"c\":\"x\",\"d\":null}]}",
        "{\"SaleData\":{\"SaleTransactionID\":{\"TransactionID\":\"T\",\"TimeStamp\":\"1\"}},\"a\":"
        "12.4,\"b\":[2,1,{\"c\":\"x\",\"d\":null}]}",
        "{\"SaleData\":{\"SaleTransactionID\":{\"TransactionID\":\"T\",\"TimeStamp\":\"1\"}},\"a\":"
        "12.4,\"b\":[1,2,{\"c\":\"x\"}]}",
        "{\"SaleData\":{\"SaleTransactionID\":{\"TransactionID\":\"T\",\"TimeStamp\":\"1\"}},\"a\":"
        "124e1,\"b\":[1,2,{\"c\":\"x\",\"d\":null}]}",
        "{\"SaleData\":{\"SaleTransactionID\":{\"TransactionID\":\"T\",\"TimeStamp\":\"1\"}},\"a\":"
        "\"\\u0001n124e-1\",\"b\":[1,2,{\"c\":\"x\",\"d\":null}]}",
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(same(one, others[i], false));
    /* the same body of another category is another message */
    uint8_t a[32], b[32];
    struct nexo_request r = {.category = "Loyalty"};
    assert_true(nexo_digest(a, &r, true));
    strcpy(r.category, "Admin");
    assert_true(nexo_digest(b, &r, true));
    assert_memory_not_equal(a, b, sizeof a);
}

TEST(nexo_msg, additional_response_is_form_encoded_and_never_cut_in_the_middle)
{
    struct nexo_form f = {0};
    nexo_form_add(&f, "message", "Already undone: 10 % & \xc3\xa4");
    nexo_form_add_int(&f, "balance", -30);
    assert_string_equal(f.text, "message=Already+undone%3A+10+%25+%26+%C3%A4&balance=-30");
    for (int i = 0; i < 100; i++)
        nexo_form_add(&f, "errors", "At SaleToPOIRequest, field X: Missing");
    assert_true(strlen(f.text) < sizeof f.text);
    assert_non_null(strstr(f.text, "Missing"));
    assert_string_equal(f.text + strlen(f.text) - 7, "Missing");
}

static void written(json_t *v, const char *expected)
{
    char *text = nexo_json_write_create(v);
    assert_string_equal(text, expected);
    free(text);
    json_decref(v);
}

TEST(nexo_msg, replies_have_the_shape_of_their_category)
{
#define HEAD(category)                                                                             \
    "{\"MessageHeader\":{\"MessageCategory\":\"" category "\",\"MessageType\":\"Response\","       \
    "\"ServiceID\":\"1\",\"SaleID\":\"E\",\"POIID\":\"P\"},\"" category "Response\":"
    json_t *v = read_as(
        "Display", "{\"DisplayOutput\":{\"Device\":\"CustomerDisplay\",\"InfoQualify\":\"Display\","
                   "\"OutputContent\":{\"OutputFormat\":\"Text\"}}}");
    written(
        nexo_plain(&request, NEXO_E_UNAVAILABLE_DEVICE, NULL),
        HEAD("Display") "{\"OutputResult\":[{\"Device\":\"CustomerDisplay\",\"InfoQualify\":"
                        "\"Display\",\"Response\":"
                        "{\"Result\":\"Failure\",\"ErrorCondition\":\"UnavailableDevice\"}}]}}");
    json_decref(v);
    v = read_as("Input", "{\"InputData\":{\"Device\":\"CustomerInput\",\"InfoQualify\":\"Input\","
                         "\"InputCommand\":\"GetConfirmation\"}}");
    written(nexo_input_reply(&request, NEXO_SUCCESS, NULL, "ConfirmedFlag", json_true()),
            HEAD("Input") "{\"InputResult\":{\"Device\":\"CustomerInput\",\"InfoQualify\":"
                          "\"Input\",\"Response\":"
                          "{\"Result\":\"Success\"},\"Input\":{\"InputCommand\":"
                          "\"GetConfirmation\",\"ConfirmedFlag\":true}}}}");
    json_decref(v);
    v = read_as("Print", "{\"PrintOutput\":{\"DocumentQualifier\":\"Voucher\",\"ResponseMode\":"
                         "\"PrintEnd\",\"OutputContent\":"
                         "{\"OutputFormat\":\"Text\"}}}");
    written(nexo_plain(&request, NEXO_E_UNAVAILABLE_DEVICE, NULL),
            HEAD("Print") "{\"DocumentQualifier\":\"Voucher\",\"Response\":{\"Result\":\"Failure\","
                          "\"ErrorCondition\":"
                          "\"UnavailableDevice\"}}}");
    json_decref(v);
    v = read_as("Payment", "{}");
    written(nexo_plain(&request, NEXO_E_UNAVAILABLE_SERVICE, NULL),
            HEAD("Payment") "{\"Response\":{\"Result\":\"Failure\",\"ErrorCondition\":"
                            "\"UnavailableService\"}}}");
    json_decref(v);
    written(nexo_points_amount(points_of(200)),
            "{\"LoyaltyUnit\":\"Point\",\"Value\":200,\"AmountValue\":200}");
    const char *const lines[] = {
        "Points 9", "\xe7\xa7\xaf\xe5\x88\x86 and a line of more than forty-two characters"};
    written(nexo_receipt(lines, 2), "[{\"DocumentQualifier\":\"CustomerReceipt\",\"OutputContent\":"
                                    "{\"OutputFormat\":\"Text\",\"OutputText\":"
                                    "[{\"Text\":\"Points 9\"},{\"Text\":\"\xe7\xa7\xaf\xe5\x88\x86 "
                                    "and a line of more than forty-two chara\"}]}}]");
}
