/* e2e_nexo.c - the nexo door with whole programs and the real client of a cash register (tests/nexo/register.js):
 * award, redemption, refund, reversal, lost replies, the line cut, the till killed in mid-redemption.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/mbed.h"
#include "terminal/nexo/nexo_json.h"
#include "tests/chain.h"
#include "tests/spoil.h"
#include "tests/test.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const char passphrase[] = "correct horse battery staple";

/* ---- a shop with a nexo door ---- */

static struct chain chain;
static struct till *till;
static char door[40];

static const char *bin_dir(void)
{
    const char *bin = getenv("PATRON_BIN");
    return bin ? bin : "build";
}

static int free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&a, size) || getsockname(fd, (struct sockaddr *)&a, &size))
        fail_msg("no port");
    close(fd);
    return ntohs(a.sin_port);
}

static void write_pem(const char *path, const char *label, const struct buf *der)
{
    uint8_t room[MBED_PEM_MAX];
    struct buf pem = BUF_ON(room);
    struct errmsg why;
    assert_int_equal(mbed_pem_write(&pem, label, buf_bytes(der), &why), OK);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fwrite(pem.data, 1, pem.size, f);
    fclose(f);
}

/* The shop's own authority, and a certificate with the name that the stock library insists on. */
static void make_certificates(const char *root)
{
    mbedtls_pk_context ca, key;
    uint8_t room[MBED_CERT_DER_MAX];
    struct errmsg why = {""};
    char path[400];
    static const char name[] = "LT-000001.test.terminal.adyen.com";
    assert_int_equal(mbed_init(&why), OK);
    assert_int_equal(mbed_key_make(&ca, &why), OK);
    assert_int_equal(mbed_key_make(&key, &why), OK);
    struct mbed_cert c = {.name = "Shop CA",
                          .issuer = "Shop CA",
                          .key = &ca,
                          .issuer_key = &ca,
                          .use = MBED_CA,
                          .from_s = time(NULL) - 86400,
                          .to_s = time(NULL) + 86400,
                          .serial = {1}};
    struct buf der = BUF_ON(room);
    assert_int_equal(mbed_cert_make(&der, &c, &why), OK);
    snprintf(path, sizeof path, "%s/ca.pem", root);
    write_pem(path, "CERTIFICATE", &der);
    c.name = name;
    c.key = &key;
    c.use = MBED_SERVER;
    c.serial[0] = 2;
    der.size = 0;
    assert_int_equal(mbed_cert_make(&der, &c, &why), OK);
    snprintf(path, sizeof path, "%s/door.pem", root);
    write_pem(path, "CERTIFICATE", &der);
    der.size = 0;
    assert_int_equal(mbed_key_write(&der, &key, &why), OK);
    snprintf(path, sizeof path, "%s/door.key", root);
    write_pem(path, "EC PRIVATE KEY", &der);
    mbedtls_pk_free(&ca);
    mbedtls_pk_free(&key);
}

static void write_config(const char *root, int wait_s)
{
    static char path[400];
    char text[1600], keys[400];
    snprintf(door, sizeof door, "127.0.0.1:%d", free_port());
    snprintf(keys, sizeof keys, "%s/nexo.keys", root);
    snprintf(text, sizeof text, "# tests only\nshopkey 1 %s\nshopkey 2 the next one\n", passphrase);
    write_file(keys, text);
    snprintf(path, sizeof path, "%s/till.conf", root);
    snprintf(text, sizeof text,
             "[nexo]\nlisten = %s\ncertificate = %s/door.pem\nkey = %s/door.key\nkeys = %s\nwait = "
             "%d\nbrand = SHOP\n",
             door, root, root, keys, wait_s);
    write_file(path, text);
    till->config = path;
}

static void restart(const char *env)
{
    control_close(&till->control);
    proc_end(&till->program, SIGTERM);
    till_start(&chain, till, env);
}

/* ---- the register: a program of its own, asked by lines ---- */

static struct proc program;
static int register_in, number;
enum { REPLIES_MAX = 64 };
static json_t *replies[REPLIES_MAX]; /* by number, until they are looked at */
static json_t *reply;                /* the last one looked at */

static void register_open(void)
{
    char *ca = path_of("%s/ca.pem", chain.root),
         *modules = path_of("%s/nexo/node_modules", bin_dir());
    char *full = realpath(modules, NULL);
    if (!full)
        fail_msg("%s is not there: make builds it with npm", modules);
    setenv("NODE_PATH", full, 1);
    proc_start_fed(&program, &register_in, chain.log,
                   ARGS("/usr/bin/env", "node", "tests/nexo/register.js", door, ca, passphrase));
    number = 0;
    free(ca);
    free(modules);
    free(full);
}

static void register_close(void)
{
    close(register_in);
    proc_end(&program, SIGTERM);
    json_decref(reply);
    reply = NULL;
    for (int i = 0; i < REPLIES_MAX; i++) {
        json_decref(replies[i]);
        replies[i] = NULL;
    }
}

static int command(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int command(const char *format, ...)
{
    static char text[300000];
    va_list args;
    va_start(args, format);
    int n = ++number, size = snprintf(text, sizeof text, "{\"n\":%d,", n);
    size += vsnprintf(text + size, sizeof text - (size_t)size - 3, format, args);
    va_end(args);
    strcat(text, "}\n");
    size_t all = strlen(text);
    if (write(register_in, text, all) != (ssize_t)all)
        fail_msg("the register is gone");
    return n;
}

/* The reply to command n; it stays until the next one is awaited. */
static json_t *await(int n)
{
    static char line[262144];
    while (!replies[n % REPLIES_MAX]) {
        proc_line(&program, line, sizeof line, 30000);
        struct errmsg why = {""};
        json_t *v = nexo_json_read(bytes_of(line, strlen(line)), &why);
        if (!v)
            fail_msg("the register says: %s", line);
        replies[atoi(nexo_json_number_text(json_object_get(v, "n"))) % REPLIES_MAX] = v;
    }
    json_decref(reply);
    reply = replies[n % REPLIES_MAX];
    replies[n % REPLIES_MAX] = NULL;
    return reply;
}

static int ask_later(const char *how, const char *sale_id, const char *service_id,
                     const char *category, const char *body)
{
    return command("\"%s\":{\"SaleToPOIRequest\":{\"MessageHeader\":{\"ProtocolVersion\":\"3.0\","
                   "\"MessageClass\":"
                   "\"Service\",\"MessageCategory\":\"%s\",\"MessageType\":\"Request\","
                   "\"ServiceID\":\"%s\",\"SaleID\":"
                   "\"%s\",\"POIID\":\"LT-000001\"},\"%sRequest\":%s}}",
                   how, category, service_id, sale_id, category, body);
}

static void ask(const char *service_id, const char *category, const char *body)
{
    await(ask_later("request", "ECR1", service_id, category, body));
}

/* "LoyaltyResponse.LoyaltyResult.0.CurrentBalance" of the reply, as text; "" = not there. */
static const char *at(const char *path)
{
    static char room[4][1000];
    static int turn;
    char name[100], *out = room[turn++ % 4];
    const json_t *v = json_object_get(reply, "reply");
    if (!v)
        v = reply;
    while (v && *path) {
        size_t size = strcspn(path, ".");
        snprintf(name, sizeof name, "%.*s", (int)size, path);
        path += size + (path[size] == '.');
        v = json_is_array(v) ? json_array_get(v, (size_t)atoi(name)) : json_object_get(v, name);
    }
    const char *text =
        nexo_json_number_text(v) ? nexo_json_number_text(v) : nexo_json_string_text(v);
    snprintf(out, sizeof room[0], "%s",
             text               ? text
             : json_is_true(v)  ? "true"
             : json_is_false(v) ? "false"
             : v                ? "{}"
                                : "");
    return out;
}

static void is(const char *path, const char *expected)
{
    const char *got = at(path);
    if (strcmp(got, expected) != 0) {
        char *all = nexo_json_write_create(reply);
        fail_msg("%s is '%s', not '%s', in %s", path, got, expected, all);
    }
}

static void has(const char *path, const char *part)
{
    if (!strstr(at(path), part)) {
        char *all = nexo_json_write_create(reply);
        fail_msg("'%s' is not in %s of %s", part, path, all);
    }
}

static void error(const char *category, const char *condition)
{
    char path[100];
    snprintf(path, sizeof path, "%sResponse.Response.ErrorCondition", category);
    is(path, condition);
    snprintf(path, sizeof path, "%sResponse.Response.Result", category);
    is(path, *condition ? "Failure" : "Success");
}

#define SALE(id)                                                                                   \
    "\"SaleData\":{\"SaleTransactionID\":{\"TransactionID\":\"" id                                 \
    "\",\"TimeStamp\":\"2026-11-22T10:15:00Z\"}}"
static const char acquire_body[] =
    "{" SALE("T-1") ",\"CardAcquisitionTransaction\":{\"LoyaltyHandling\":\"Required\","
                    "\"AllowedLoyaltyBrand\":[\"SHOP\"],\"TotalAmount\":12.4}}";

static const char *loyalty(const char *type, const char *transaction, const char *reference,
                           const char *amount)
{
    static char text[4000];
    char who[300] = "", value[200] = "";
    if (*reference)
        snprintf(who, sizeof who,
                 "\"CardAcquisitionReference\":{\"TransactionID\":\"%s\",\"TimeStamp\":\"2026-11-"
                 "22T10:15:06Z\"}",
                 reference);
    if (*amount)
        snprintf(value, sizeof value, "%s\"LoyaltyAmount\":{%s}", *who ? "," : "", amount);
    snprintf(text, sizeof text,
             "{" SALE("T-2") ",\"LoyaltyTransaction\":{\"LoyaltyTransactionType\":\"%s\"%s%s},"
                             "\"LoyaltyData\":[{%s%s}]}",
             type, *transaction ? "," : "", transaction, who, value);
    return text;
}

static const char *refund(const char *type, const char *original, const char *more)
{
    static char text[1000];
    snprintf(text, sizeof text,
             "{" SALE("T-3") ",\"LoyaltyTransaction\":{\"LoyaltyTransactionType\":\"%s\","
                             "\"Currency\":\"GBP\"%s,\"OriginalPOITransaction\":"
                             "{\"SaleID\":\"ECR1\",\"POIID\":\"LT-000001\",\"POITransactionID\":{"
                             "\"TransactionID\":\"%s\",\"TimeStamp\":\"2026-11-22T10:16:02Z\"}}}}",
             type, more, original);
    return text;
}

static void transaction_id(char out[60], const char *category)
{
    char path[100];
    snprintf(path, sizeof path, "%sResponse.POIData.POITransactionID.TransactionID", category);
    snprintf(out, 60, "%s", at(path));
}

static void acquire(char out[60], const char *service_id)
{
    ask(service_id, "CardAcquisition", acquire_body);
    error("CardAcquisition", "");
    transaction_id(out, "CardAcquisition");
}

/* ---- the shop ---- */

static void sync_till(void)
{
    char line[512];
    control_ok(&till->control, line, sizeof line, "sync 15000");
}

/* One till with a nexo door, one card, anna, with more than 5,000 points on it. */
static void open_shop(int wait_s)
{
    char *root = path_of("%s/c", test_scratch_dir()), line[512];
    chain_open(&chain, bin_dir(), root, "tests/data/packs/demo.json", "2011-03-01T09:00");
    make_certificates(root);
    till = chain_add_till(&chain, "UK");
    write_config(root, wait_s);
    restart(NULL);
    chain_issue(&chain, till, "ev2", "anna");
    chain_desk_close(&chain);
    sync_till();
    card_put(till, "anna");
    control_ok(&till->control, line, sizeof line, "tap 5000");
    control_ok(&till->control, line, sizeof line, "line 22745 1 2000000 goods");
    control_ok(&till->control, line, sizeof line, "total");
    control_ok(&till->control, line, sizeof line, "pay");
    sync_till();
    card_take(till);
    card_put(till, "anna");
    control_ok(&till->control, line, sizeof line, "tap 5000");
    control_ok(&till->control, line, sizeof line, "cancel");
    card_take(till);
    register_open();
    free(root);
}

/* The books add up, and hold this many points of anna's besides the card. */
static void close_shop(void)
{
    static char out[65536];
    sync_till();
    if (chain_ctl_status(&chain, out, sizeof out, ARGS("ledger", "verify")) ||
        strstr(out, "BROKEN"))
        fail_msg("ledger verify says:\n%s", out);
    chain_ctl(&chain, out, sizeof out, ARGS("books"));
    assert_int_equal(json_number_of(out, "intents_in_doubt"), 0);
    assert_int_equal(json_number_of(out, "points_on_cards"), card_purse(till, "anna"));
    register_close();
    chain_close(&chain);
}

/* Until the request that waits has arrived: connections overtake each other. */
static void wait_until_busy(void)
{
    for (int i = 0; i < 200; i++) {
        ask("D9", "Diagnosis", "{}");
        if (strcmp(at("DiagnosisResponse.POIStatus.GlobalStatus"), "Busy") == 0)
            return;
    }
    fail_msg("the door is not busy");
}

/* ---- the sequences ---- */

TEST(nexo, login_award_and_its_repetition_with_the_real_client)
{
    char x[60], z[60];
    open_shop(20);
    ask("L1", "Login",
        "{\"DateTime\":\"2026-11-22T08:00:00+01:00\",\"SaleSoftware\":{\"ManufacturerID\":\"ACME\","
        "\"ApplicationName\":\"Till\","
        "\"SoftwareVersion\":\"4.2\",\"CertificationCode\":\"0\"},\"OperatorLanguage\":\"de\","
        "\"OperatorID\":\"anna\"}");
    error("Login", "");
    ask("D1", "Diagnosis", "{\"HostDiagnosisFlag\":true}");
    is("DiagnosisResponse.HostStatus.0.IsReachableFlag", "true");
    is("DiagnosisResponse.LoggedSaleID.0", "ECR1");
    int waits = ask_later("request", "ECR1", "C1", "CardAcquisition", acquire_body);
    wait_until_busy();
    card_put(till, "anna");
    await(waits);
    error("CardAcquisition", "");
    is("CardAcquisitionResponse.LoyaltyAccount.0.LoyaltyBrand", "SHOP");
    is("CardAcquisitionResponse.LoyaltyAccount.0.LoyaltyAccountID.IdentificationType",
       "AccountNumber");
    is("CardAcquisitionResponse.LoyaltyAccount.0.LoyaltyAccountID.IdentificationSupport",
       "LoyaltyCard");
    transaction_id(x, "CardAcquisition");
    card_take(till); /* the member pays, and has put the card away */
    char award[4000];
    snprintf(award, sizeof award, "%s",
             loyalty("Award",
                     "\"Currency\":\"GBP\",\"TotalAmount\":12.4,\"SaleItem\":[{\"ItemID\":1,"
                     "\"ProductCode\":\"1001\",\"ProductLabel\":"
                     "\"Caf\xc3\xa9\",\"Quantity\":2,\"UnitPrice\":3.2,\"ItemAmount\":6.4},{"
                     "\"ItemID\":2,\"ProductCode\":\"2002\","
                     "\"ProductLabel\":\"Cake\",\"Quantity\":1,\"UnitPrice\":6,\"ItemAmount\":6}]",
                     x, ""));
    ask("S42", "Loyalty", award);
    error("Loyalty", "");
    transaction_id(z, "Loyalty");
    has("LoyaltyResponse.Response.AdditionalResponse", "online=true");
    assert_true(atoi(at("LoyaltyResponse.LoyaltyResult.0.LoyaltyAmount.Value")) >= 12);
    has("LoyaltyResponse.PaymentReceipt.0.OutputContent.OutputText.0.Text",
        "Points for this purchase");
    for (int i = 0; i < 3; i++) {
        ask("S42", "Loyalty", award);
        error("Loyalty", "");
        is("LoyaltyResponse.POIData.POITransactionID.TransactionID", z);
    }
    ask("S42", "Loyalty", loyalty("Award", "\"Currency\":\"GBP\",\"TotalAmount\":12.41", x, ""));
    error("Loyalty", "NotAllowed");
    ask("G1", "GetTotals", "{\"TotalDetails\":[\"SaleID\"],\"TotalFilter\":{\"SaleID\":\"ECR1\"}}");
    is("GetTotalsResponse.TransactionTotals.0.LoyaltyTotals.0.TransactionCount", "1");
    close_shop();
}

TEST(nexo, a_whole_redemption_and_what_is_undone_when_the_payment_fails)
{
    char x[60], y[60], rebate[60];
    static const char basket[] =
        "\"Currency\":\"GBP\",\"TotalAmount\":30,\"SaleItem\":[{\"ItemID\":1,\"ProductCode\":"
        "\"22423\",\"Quantity\":1,"
        "\"UnitPrice\":30,\"ItemAmount\":30,\"ProductLabel\":\"Cakestand\"}]";
    open_shop(20);
    card_put(till, "anna");
    acquire(x, "C1");
    int64_t purse = card_purse(till, "anna");
    ask("B1", "Loyalty", loyalty("Rebate", basket, x, ""));
    error("Loyalty", "");
    is("LoyaltyResponse.LoyaltyResult.0.Rebates.TotalRebate", "0");
    transaction_id(rebate, "Loyalty");
    char body[400];
    snprintf(body, sizeof body,
             "{\"LoyaltyAccountReq\":{\"CardAcquisitionReference\":{\"TransactionID\":\"%s\","
             "\"TimeStamp\":\"2026-11-22T10:15:06Z\"}}}",
             x);
    ask("Q1", "BalanceInquiry", body);
    error("BalanceInquiry", "");
    assert_int_equal(atoll(at("BalanceInquiryResponse.LoyaltyAccountStatus.CurrentBalance")),
                     purse);
    ask("I1", "Input",
        "{\"DisplayOutput\":{\"Device\":\"CustomerDisplay\",\"InfoQualify\":\"Display\","
        "\"OutputContent\":{\"OutputFormat\":\"Text\","
        "\"OutputText\":[{\"Text\":\"Use 200 "
        "points?\"}]}},\"InputData\":{\"Device\":\"CustomerInput\",\"InfoQualify\":\"Input\","
        "\"InputCommand\":\"GetConfirmation\",\"MaxInputTime\":30}}");
    is("InputResponse.InputResult.Response.ErrorCondition", "UnavailableDevice");
    ask("S1", "Loyalty", loyalty("Redemption", "", x, "\"LoyaltyUnit\":\"Point\",\"Value\":200"));
    error("Loyalty", "");
    transaction_id(y, "Loyalty");
    is("LoyaltyResponse.LoyaltyResult.0.Rebates.TotalRebate", "2");
    is("LoyaltyResponse.LoyaltyResult.0.LoyaltyAmount.Value", "200");
    assert_int_equal(card_purse(till, "anna"), purse - 200);
    ask("S2", "Loyalty", loyalty("Award", "\"Currency\":\"GBP\",\"TotalAmount\":28", x, ""));
    error("Loyalty", "");
    /* the payment fails: both come back, once */
    snprintf(body, sizeof body,
             "{\"OriginalPOITransaction\":{\"POITransactionID\":{\"TransactionID\":\"%s\","
             "\"TimeStamp\":\"2026-11-22T10:15:21Z\"}},\"ReversalReason\":\"Unable2Compl\"}",
             y);
    ask("R1", "Reversal", body);
    error("Reversal", "");
    is("ReversalResponse.ReversedAmount", "200");
    ask("R2", "Loyalty", refund("RebateRefund", rebate, ""));
    error("Loyalty", "");
    ask("R3", "Loyalty", refund("RedemptionRefund", y, ""));
    error("Loyalty", "NotAllowed");
    ask("R4", "Loyalty", refund("RebateRefund", rebate, ""));
    error("Loyalty", "NotAllowed");
    close_shop();
}

TEST(nexo, goods_come_back_in_parts)
{
    char x[60], z[60];
    open_shop(20);
    card_put(till, "anna");
    acquire(x, "C1");
    ask("S1", "Loyalty",
        loyalty("Award",
                "\"Currency\":\"GBP\",\"TotalAmount\":40,\"SaleItem\":[{\"ItemID\":1,"
                "\"ProductCode\":\"A\",\"Quantity\":2,\"UnitPrice\":10,\"ItemAmount\":20},"
                "{\"ItemID\":2,\"ProductCode\":\"B\",\"Quantity\":1,\"UnitPrice\":20,"
                "\"ItemAmount\":20}]",
                x, ""));
    error("Loyalty", "");
    transaction_id(z, "Loyalty");
    int earned = atoi(at("LoyaltyResponse.LoyaltyResult.0.LoyaltyAmount.Value")), back = 0;
    ask("R1", "Loyalty",
        refund("AwardRefund", z,
               ",\"TotalAmount\":10,\"SaleItem\":[{\"ItemID\":1,\"ProductCode\":\"A\",\"Quantity\":"
               "1,\"UnitPrice\":10,\"ItemAmount\":10}]"));
    error("Loyalty", "");
    back += atoi(at("LoyaltyResponse.LoyaltyResult.0.LoyaltyAmount.Value"));
    ask("R2", "Loyalty", refund("AwardRefund", z, ",\"TotalAmount\":7.77"));
    error("Loyalty", "");
    back += atoi(at("LoyaltyResponse.LoyaltyResult.0.LoyaltyAmount.Value"));
    ask("R3", "Loyalty", refund("AwardRefund", z, ""));
    error("Loyalty", "");
    back += atoi(at("LoyaltyResponse.LoyaltyResult.0.LoyaltyAmount.Value"));
    assert_int_equal(back, earned);
    int64_t left = atoll(at("LoyaltyResponse.LoyaltyResult.0.CurrentBalance"));
    assert_true(left > 0);
    ask("R4", "Loyalty", refund("AwardRefund", z, ""));
    error("Loyalty", "NotAllowed");
    has("LoyaltyResponse.Response.AdditionalResponse", "Already+undone");
    /* by number: head office knows who it is, and that there is no such member */
    static const char by[] = "{\"LoyaltyAccountReq\":{\"LoyaltyAccountID\":{\"EntryMode\":["
                             "\"Keyed\"],\"IdentificationType\":\"%s\","
                             "\"LoyaltyID\":\"%s\"}}}";
    char body[400];
    snprintf(body, sizeof body, by, "AccountNumber", "M1");
    ask("B1", "BalanceInquiry", body);
    error("BalanceInquiry", "");
    is("BalanceInquiryResponse.LoyaltyAccountStatus.LoyaltyAccount.LoyaltyAccountID.LoyaltyID",
       "M1");
    assert_int_equal(atoll(at("BalanceInquiryResponse.LoyaltyAccountStatus.CurrentBalance")), left);
    snprintf(body, sizeof body, by, "AccountNumber", "M999");
    ask("B2", "BalanceInquiry", body);
    error("BalanceInquiry", "NotFound");
    snprintf(body, sizeof body, by, "PhoneNumber", "+49301234567");
    ask("B3", "BalanceInquiry", body);
    error("BalanceInquiry", "NotFound");
    close_shop();
}

TEST(nexo, goods_sold_at_another_till_come_back_here_and_head_office_takes_the_points)
{
    static char out[65536];
    char line[512], z[60];
    open_shop(20);
    struct till *other = chain_add_till(&chain, "UK");
    control_ok(&other->control, line, sizeof line, "sync 15000");
    chain_move_card(till, other, "anna");
    card_put(other, "anna");
    control_ok(&other->control, line, sizeof line, "tap 5000");
    control_ok(&other->control, line, sizeof line, "line A 2 4000 goods");
    control_ok(&other->control, line, sizeof line, "total");
    control_ok(&other->control, line, sizeof line, "pay");
    control_ok(&other->control, line, sizeof line, "sync 15000");
    card_take(other);
    chain_move_card(other, till, "anna");
    snprintf(z, sizeof z, "T%04d-1", other->number);
    ask("R1", "Loyalty", refund("AwardRefund", z, "")); /* only its own till knows what the whole is */
    error("Loyalty", "NotFound");
    ask("R2", "Loyalty", refund("AwardRefund", z, ",\"TotalAmount\":20"));
    error("Loyalty", "");
    ask("R2", "Loyalty", refund("AwardRefund", z, ",\"TotalAmount\":20"));
    error("Loyalty", "");
    sync_till();
    chain_ctl(&chain, out, sizeof out, ARGS("books"));
    int64_t half = json_number_of(out, "points_clawed_back");
    assert_true(half > 0);
    ask("R3", "Loyalty", refund("AwardRefund", z, ",\"TotalAmount\":20"));
    error("Loyalty", "");
    ask("R4", "Loyalty", refund("AwardRefund", z, ",\"TotalAmount\":20")); /* more than was sold: nothing is left */
    sync_till();
    chain_ctl(&chain, out, sizeof out, ARGS("books"));
    assert_int_equal(json_number_of(out, "points_clawed_back"), 2 * half);
    close_shop();
}

TEST(nexo, a_lost_reply_is_found_again_and_counts_once)
{
    char x[60], z[60], award[4000];
    open_shop(20);
    card_put(till, "anna");
    acquire(x, "C1");
    snprintf(award, sizeof award, "%s",
             loyalty("Award", "\"Currency\":\"GBP\",\"TotalAmount\":25", x, ""));
    for (int ms = 0; ms < 40; ms += 8) {
        char id[16], status[200];
        snprintf(id, sizeof id, "S%d", ms);
        await(command("\"lose\":{\"SaleToPOIRequest\":{\"MessageHeader\":{\"ProtocolVersion\":\"3."
                      "0\",\"MessageClass\":\"Service\","
                      "\"MessageCategory\":\"Loyalty\",\"MessageType\":\"Request\",\"ServiceID\":"
                      "\"%s\",\"SaleID\":\"ECR1\",\"POIID\":"
                      "\"LT-000001\"},\"LoyaltyRequest\":%s}},\"ms\":%d",
                      id, award, ms));
        snprintf(status, sizeof status,
                 "{\"MessageReference\":{\"MessageCategory\":\"Loyalty\",\"SaleID\":\"ECR1\","
                 "\"POIID\":\"LT-000001\",\"ServiceID\":\"%s\"},\"ReceiptReprintFlag\":false}",
                 id);
        ask("T1", "TransactionStatus", status);
        const char *e = at("TransactionStatusResponse.Response.ErrorCondition");
        if (*e && strcmp(e, "NotFound") != 0 && strcmp(e, "InProgress") != 0)
            fail_msg("lost after %d ms: %s", ms, e);
        if (!*e)
            is("TransactionStatusResponse.RepeatedMessageResponse.RepeatedResponseMessageBody."
               "LoyaltyResponse.Response.Result",
               "Success");
        ask(id, "Loyalty", award);
        error("Loyalty", "");
        transaction_id(z, "Loyalty");
        ask(id, "Loyalty", award);
        is("LoyaltyResponse.POIData.POITransactionID.TransactionID", z);
    }
    ask("G1", "GetTotals", "{\"TotalFilter\":{\"SaleID\":\"ECR1\"}}");
    is("GetTotalsResponse.TransactionTotals.0.LoyaltyTotals.0.TransactionCount", "5");
    close_shop();
}

TEST(nexo, with_the_line_cut_awards_go_on_and_redemptions_within_the_limit)
{
    char x[60];
    open_shop(20);
    card_put(till, "anna");
    till_cut(till);
    char line[512];
    control_send(&till->control, "sync 500");
    (void)control_read(&till->control, line, sizeof line, 20000);
    acquire(x, "C1");
    has("CardAcquisitionResponse.Response.AdditionalResponse", "online=false");
    ask("S1", "Loyalty", loyalty("Award", "\"Currency\":\"GBP\",\"TotalAmount\":9.8", x, ""));
    error("Loyalty", "");
    has("LoyaltyResponse.Response.AdditionalResponse", "online=false");
    int64_t purse = card_purse(till, "anna");
    ask("S2", "Loyalty", loyalty("Redemption", "", x, "\"LoyaltyUnit\":\"Point\",\"Value\":5000"));
    error("Loyalty", "UnreachableHost");
    ask("S3", "Loyalty", loyalty("Redemption", "", x, "\"LoyaltyUnit\":\"Point\",\"Value\":200"));
    error("Loyalty", "");
    assert_int_equal(card_purse(till, "anna"), purse - 200);
    ask("S4", "Loyalty",
        loyalty("Redemption", "", x, "\"LoyaltyUnit\":\"Point\",\"Value\":900000"));
    error("Loyalty", "Refusal");
    till_restore(till);
    sync_till();
    acquire(x, "C2");
    has("CardAcquisitionResponse.Response.AdditionalResponse", "online=true");
    /* It was no decision.  So many points want the card to be held there a second time. */
    int second =
        ask_later("request", "ECR1", "S2", "Loyalty",
                  loyalty("Redemption", "", x, "\"LoyaltyUnit\":\"Point\",\"Value\":5000"));
    wait_until_busy();
    card_take(till);
    for (int i = 0; i < 30; i++) /* the reader sees that it is gone */
        ask("D1", "Diagnosis", "{}");
    card_put(till, "anna");
    await(second);
    error("Loyalty", "");
    close_shop();
}

TEST(nexo, a_till_killed_in_mid_redemption_takes_the_points_once_and_finds_its_reply)
{
    static const char *const points[] = {"before-commit:1", "after-commit:1", "before-sale:1",
                                         "after-sale:1"};
    for (int i = 0; i < 4; i++) {
        char x[60], env[60], redeem[4000];
        open_shop(20);
        card_put(till, "anna");
        acquire(x, "C1");
        snprintf(redeem, sizeof redeem, "%s",
                 loyalty("Redemption", "", x, "\"LoyaltyUnit\":\"Point\",\"Value\":200"));
        int64_t purse = card_purse(till, "anna");
        snprintf(env, sizeof env, "PATRON_CRASH=%s", points[i]);
        restart(env);
        int n = ask_later("request", "ECR1", "S1", "Loyalty", redeem);
        await(n);
        if (!*at("error"))
            fail_msg("%s: it answered", points[i]);
        assert_int_equal(proc_wait(&till->program, 10000) & 0x7f, SIGKILL);
        control_close(&till->control);
        card_take(till);
        till_start(&chain, till, NULL);
        ask("T1", "TransactionStatus",
            "{\"MessageReference\":{\"MessageCategory\":\"Loyalty\",\"ServiceID\":\"S1\"}}");
        if (i < 3)
            error("TransactionStatus", "InProgress");
        else
            error("TransactionStatus", "");
        card_put(till, "anna");
        ask("S1", "Loyalty", redeem);
        error("Loyalty", "");
        is("LoyaltyResponse.LoyaltyResult.0.LoyaltyAmount.Value", "200");
        assert_int_equal(card_purse(till, "anna"), purse - 200);
        ask("S1", "Loyalty", redeem);
        error("Loyalty", "");
        assert_int_equal(card_purse(till, "anna"), purse - 200);
        close_shop();
    }
}

static void wait_until_online(void)
{
    for (int i = 0; i < 200; i++) {
        ask("D1", "Diagnosis", "{}");
        if (strcmp(at("DiagnosisResponse.POIStatus.CommunicationOKFlag"), "true") == 0)
            return;
        usleep(50000);
    }
    fail_msg("the line does not come back");
}

/* Whoever shows the code of the member page has no points but those at head office. */
TEST(nexo, points_are_taken_once_from_head_office_though_the_line_hangs_and_is_cut_in_the_middle)
{
    static char out[65536];
    char code[200], body[1000], z[60], id[8];
    open_shop(20);
    ask("S1", "Loyalty",
        "{" SALE("T-1") ",\"LoyaltyTransaction\":{\"LoyaltyTransactionType\":\"Award\",\"TotalAmount\":900},"
        "\"LoyaltyData\":[{\"LoyaltyAccountID\":{\"IdentificationType\":\"AccountNumber\",\"LoyaltyID\":\"M1\"}}]}");
    error("Loyalty", "");
    sync_till();
    for (int hangs = 0; hangs < 3; hangs++) { /* not; before it is asked who that is; later */
        chain_ctl(&chain, out, sizeof out, ARGS("member", "code", "M1"));
        json_text_of(out, "code", code, sizeof code);
        snprintf(id, sizeof id, "H%d", hangs);
        snprintf(body, sizeof body,
                 "{" SALE("T-2") ",\"LoyaltyTransaction\":{\"LoyaltyTransactionType\":\"Redemption\"},"
                 "\"LoyaltyData\":[{\"LoyaltyAccountID\":{\"EntryMode\":[\"Scanned\"],\"IdentificationType\":"
                 "\"BarCode\",\"LoyaltyID\":\"%s\"},\"LoyaltyAmount\":{\"LoyaltyUnit\":\"Point\",\"Value\":100}}]}",
                 code);
        if (hangs == 1)
            relay_hang(&till->relay);
        int n = ask_later("request", "ECR1", id, "Loyalty", body);
        if (hangs == 1)
            wait_until_busy();
        if (hangs == 2)
            relay_hang(&till->relay);
        if (hangs)
            relay_cut(&till->relay);
        (void)relay_restore(&till->relay);
        await(n);
        if (strcmp(at("LoyaltyResponse.Response.ErrorCondition"), "UnreachableHost") == 0) {
            wait_until_online();
            ask(id, "Loyalty", body);
        }
        error("Loyalty", "");
        transaction_id(z, "Loyalty");
        is("LoyaltyResponse.LoyaltyResult.0.LoyaltyAmount.Value", "100");
        is("LoyaltyResponse.LoyaltyResult.0.Rebates.TotalRebate", "1");
        ask(id, "Loyalty", body);
        is("LoyaltyResponse.POIData.POITransactionID.TransactionID", z);
        wait_until_online();
        sync_till();
        chain_ctl(&chain, out, sizeof out, ARGS("books"));
        assert_int_equal(json_number_of(out, "points_redeemed"), 100 * (hangs + 1));
        assert_int_equal(json_number_of(out, "points_set_aside"), 0);
    }
    close_shop();
}

TEST(nexo, abort_busy_time_running_out_and_two_registers)
{
    char x[60];
    open_shop(2);
    int waits = ask_later("request", "ECR1", "C1", "CardAcquisition", acquire_body);
    wait_until_busy();
    int busy = ask_later("request", "ECR2", "C1", "CardAcquisition", acquire_body);
    await(busy);
    error("CardAcquisition", "Busy");
    ask("A1", "Abort",
        "{\"AbortReason\":\"MerchantAbort\",\"MessageReference\":{\"MessageCategory\":"
        "\"CardAcquisition\",\"SaleID\":\"ECR1\",\"ServiceID\":\"C1\"}}");
    is("reply", ""); /* an empty body */
    await(waits);
    error("CardAcquisition", "Aborted");
    ask("C2", "CardAcquisition", acquire_body); /* nobody comes within two seconds */
    error("CardAcquisition", "Cancel");
    char line[512];
    control_ok(&till->control, line, sizeof line, "line 22745 1 500 goods");
    ask("C3", "CardAcquisition", acquire_body);
    error("CardAcquisition", "Busy");
    control_ok(&till->control, line, sizeof line, "cancel");
    card_put(till, "anna");
    acquire(x, "C3");
    char award[4000];
    snprintf(award, sizeof award, "%s",
             loyalty("Award", "\"Currency\":\"GBP\",\"TotalAmount\":10", x, ""));
    int one = ask_later("request", "ECR1", "S1", "Loyalty", award);
    int two = ask_later("request", "ECR2", "S1", "Loyalty", award);
    await(one);
    error("Loyalty", "");
    char id[60];
    transaction_id(id, "Loyalty");
    await(two);
    error("Loyalty", "");
    assert_string_not_equal(at("LoyaltyResponse.POIData.POITransactionID.TransactionID"), id);
    close_shop();
}

TEST(nexo, a_wrong_passphrase_another_key_and_plain_nonsense_are_refused_at_the_door)
{
    open_shop(2);
    static const char message[] =
        "{\"SaleToPOIRequest\":{\"MessageHeader\":{\"ProtocolVersion\":\"3.0\",\"MessageClass\":"
        "\"Service\","
        "\"MessageCategory\":\"Diagnosis\",\"MessageType\":\"Request\",\"ServiceID\":\"D7\","
        "\"SaleID\":\"ECR1\","
        "\"POIID\":\"LT-000001\"},\"DiagnosisRequest\":{\"HostDiagnosisFlag\":true}}}";
    await(command("\"request\":%s,\"key\":{\"Passphrase\":\"wrong\"}", message));
    has("error", "Nexo Service: crypto error (9)");
    has("error", "\"ServiceID\":\"D7\"");
    await(command("\"request\":%s,\"key\":{\"KeyVersion\":7}", message));
    has("error", "crypto error (2)");
    await(command("\"request\":%s,\"key\":{\"KeyVersion\":2,\"Passphrase\":\"the next one\"}",
                  message));
    error("Diagnosis", ""); /* the other pair of a rotation */
    static const struct {
        const char *command;
        int status;
    } rows[] = {{"\"raw\":\"{}\"", 400},
                {"\"raw\":\"\"", 400},
                {"\"raw\":\"{\\\"SaleToPOIRequest\\\":{\\\"MessageHeader\\\":{}}}\"", 401},
                {"\"raw\":\"x\",\"path\":\"/nexo\"", 400},
                {"\"raw\":\"x\",\"path\":\"/other\"", 404},
                {"\"raw\":\"x\",\"path\":\"/nexo/more\"", 404},
                {"\"raw\":\"x\",\"method\":\"PUT\"", 405}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char status[12];
        await(command("%s", rows[i].command));
        snprintf(status, sizeof status, "%d", rows[i].status);
        is("status", status);
    }
    ask("D8", "Diagnosis", "{}");
    error("Diagnosis", "");
    close_shop();
}

/* ---- every field of every request, spoilt, through the real door ---- */

static int spoilt_count;

static void try_spoilt(void *arg, json_t *whole, const char *name, int kind)
{
    char id[11];
    json_t *header = json_object_get(whole, "MessageHeader");
    (void)arg;
    /* All of them go through the services in test_nexo; here some of each, for TLS and cards take their time. */
    if (spoilt_count++ % 25 || !json_is_object(header))
        return;
    snprintf(id, sizeof id, "k%u", (unsigned)spoilt_count % 100000);
    if (strcmp(name, "ServiceID") != 0)
        json_object_set_new(header, "ServiceID", json_string(id));
    char *text = nexo_json_write_create(whole);
    await(command("\"sealed\":{\"SaleToPOIRequest\":%s}", text));
    free(text);
    const char *s = nexo_json_number_text(json_object_get(reply, "status"));
    if (!s || (strcmp(s, "200") != 0 && strcmp(s, "400") != 0 && strcmp(s, "401") != 0))
        fail_msg("%s spoilt (%d): status %s", name, kind, s ? s : "none");
}

TEST(nexo, every_field_spoilt_through_the_real_door_is_answered_and_the_books_stand)
{
    char path[512], *line = NULL;
    size_t cap = 0;
    struct errmsg why = {""};
    open_shop(1);
    card_put(till, "anna");
    snprintf(path, sizeof path, "%s/nexo/requests.txt", test_data_dir());
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (getline(&line, &cap, f) > 0) {
        json_t *v = nexo_json_read(bytes_of(line, strlen(line)), &why);
        assert_non_null(v);
        (void)spoil_each(v, try_spoilt, NULL);
        json_decref(v);
    }
    fclose(f);
    free(line);
    assert_true(spoilt_count > 1000);
    ask("D1", "Diagnosis", "{}");
    error("Diagnosis", "");
    close_shop();
}
