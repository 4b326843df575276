/* test_nexo.c - the cash register's services on a real till with a journal on disk and a virtual card: each once,
 * whatever is repeated, aborted, killed.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/crash.h"
#include "base/date.h"
#include "base/mbed.h"
#include "db/journal.h"
#include "hw/clock.h"
#include "hw/reader_sim.h"
#include "hw/vtag.h"
#include "sync/wire.h"
#include "terminal/nexo/nexo_inside.h"
#include "terminal/till.h"
#include "tests/cards.h"
#include "tests/faultvfs.h"
#include "tests/spoil.h"
#include "tests/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TERMINAL = 7, MEMBER = 12, PURSE = 1000, NOW = 1291192440 /* 2010-12-01T08:34 */ };

static const struct card_uid uid_a = {{4, 1, 2, 3, 4, 5, 6}}, uid_b = {{4, 9, 9, 9, 9, 9, 9}};

static const char pack_json[] =
    "{\"version\": 1, \"effective\": \"2010-01-01\", \"name\": \"Test\", \"currency\": \"EUR\",\n"
    "\"earn\": {\"rate\": \"1/100\", \"exclude_tenders\": [\"giftcard\"], \"bonuses\": [{\"name\": \"tea\", \"points\": 7, "
    "\"when\": {\"coupon\": \"TEA-*\"}}]},\n"
    "\"rewards\": [{\"code\": \"fiver\", \"kind\": \"money\", \"points\": 100, \"value\": 500}, {\"code\": \"tenth\", "
    "\"kind\": \"percent\", \"points\": 50, \"percent\": \"1/10\"}],\n"
    "\"tiers\": {\"metric\": \"spend\", \"window\": \"lifetime\", \"levels\": [\n"
    "  {\"code\": \"base\", \"name\": \"Base\", \"offline_per_tap\": 300, \"offline_per_day\": "
    "500}]},\n"
    "\"redeem\": {\"worth\": 1, \"min\": 10, \"step\": 10, \"max_share\": \"1/2\", "
    "\"offline_days\": 30},\n"
    "\"rebates\": [{\"name\": \"cake\", \"rate\": \"1/10\", \"when\": {\"sku\": \"2002\"}}],\n"
    "\"grants\": {\"per_gift\": 50, \"per_day\": 100, \"register\": true}}";

struct bench {
    struct vcard card, other;
    struct reader_sim reader;
    struct identity identity;
    struct journal *journal;
    struct till *till;
    struct nexo *nexo;
    struct nexo_config config;
    const struct kind_keys *kinds; /* of tags that are taken; NULL = none */
    char path[300];
};

/* ---- a till on a bench ---- */

static uint8_t pack_sig[MBED_SIGNATURE_MAX];
static size_t pack_sig_size;
static mbedtls_pk_context pack_key;

static void make_identity(struct identity *id)
{
    struct errmsg why = {""};
    memset(id, 0, sizeof *id);
    id->terminal = TERMINAL;
    snprintf(id->shop, sizeof id->shop, "berlin");
    id->card = cards_till_keys(1);
    if (!pack_sig_size) {
        uint8_t hash[MBED_HASH_SIZE];
        struct buf s = BUF_ON(pack_sig);
        assert_int_equal(mbed_init(&why), OK);
        assert_int_equal(mbed_key_make(&pack_key, &why), OK);
        mbed_sha256(hash, bytes_of(pack_json, strlen(pack_json)));
        assert_int_equal(mbed_sign(&s, &pack_key, hash, &why), OK);
        pack_sig_size = s.size;
    }
    id->pack_key = pack_key;
}

static void set_clock(const char *time)
{
    char path[300];
    snprintf(path, sizeof path, "%s/clock", test_scratch_dir());
    FILE *f = fopen(path, "w");
    fprintf(f, "%s\n", time);
    fclose(f);
    clock_use(path);
}

static void open_till(struct bench *b)
{
    struct errmsg why = {""};
    enum err e = journal_open(&b->journal, b->path, TERMINAL, &why);
    struct till_parts parts = {
        .identity = &b->identity, .reader = &b->reader.reader, .journal = b->journal, .kinds = b->kinds};
    if (!e)
        e = till_create(&b->till, &parts, &why);
    if (!e)
        e = nexo_create(&b->nexo, b->till, &b->config, &why);
    if (e)
        fail_msg("%s", why.text);
}

static void close_till(struct bench *b)
{
    till_destroy(b->till);
    nexo_destroy(b->nexo);
    journal_close(b->journal);
    b->till = NULL;
    b->nexo = NULL;
    b->journal = NULL;
}

static void make_card(struct vcard *card, const struct card_uid *uid, member_id member)
{
    struct card_office_keys keys = cards_keys(1);
    struct card_profile p = {.member = member,
                             .tier = "base",
                             .tier_valid_day = day_of_time(NOW),
                             .layout = CARD_LAYOUT};
    cards_issue(card, VCARD_EV2, uid, &keys, &p);
    if (member)
        cards_load(card, &keys, PURSE, (struct entry_id){0, 1}, NOW);
}

static struct bench *new_bench(void)
{
    static struct vcard made[2];
    static struct bench *b;
    uint8_t now[8];
    struct errmsg why = {""};
    if (!b) {
        b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        assert_true(b != MAP_FAILED);
        make_card(&made[0], &uid_a, MEMBER);
        make_card(&made[1], &uid_b, MEMBER + 1);
    }
    set_clock("2010-12-01T08:34");
    memset(b, 0, sizeof *b);
    b->card = made[0];
    b->other = made[1];
    b->config.wait_ms = 150;
    reader_sim_init(&b->reader);
    make_identity(&b->identity);
    snprintf(b->path, sizeof b->path, "%s/till.db", test_scratch_dir());
    open_till(b);
    put_le(now, NOW, sizeof now);
    assert_int_equal(journal_save(b->journal, "contact", bytes_of(now, sizeof now), &why), OK);
    if (packs_take(b->till, bytes_of(pack_json, strlen(pack_json)),
                   bytes_of(pack_sig, pack_sig_size), &why))
        fail_msg("%s", why.text);
    close_till(b);
    open_till(b);
    return b;
}

/* ---- a register ---- */

struct asked {
    struct nexo_call call; /* first */
    bool replied, empty;
    char refused[200];
    json_t *reply;
};

static void on_reply(struct nexo_call *c, const json_t *response)
{
    struct asked *a = (struct asked *)c;
    assert_false(a->replied);
    a->replied = true;
    a->empty = response == NULL;
    char *text = response ? nexo_json_write_create(response) : NULL;
    if (response) {
        struct errmsg why = {""};
        assert_non_null(text);
        a->reply = nexo_json_read(bytes_of(text, strlen(text)), &why);
        if (!a->reply)
            fail_msg("%s: %s", text, why.text);
    }
    free(text);
}

static void on_refuse(struct nexo_call *c, const char *sentence)
{
    struct asked *a = (struct asked *)c;
    assert_false(a->replied);
    a->replied = true;
    snprintf(a->refused, sizeof a->refused, "%s", sentence);
}

/* Sends category's request with this body, as the register sale_id, number service_id. */
static void send(struct bench *b, struct asked *a, const char *sale_id, const char *service_id,
                 const char *category, const char *body)
{
    struct errmsg why = {""};
    char *text = NULL;
    assert_true(
        asprintf(&text,
                 "{\"MessageHeader\":{\"ProtocolVersion\":\"3.0\",\"MessageClass\":\"Service\","
                 "\"MessageCategory\":\"%s\",\"MessageType\":\"Request\",\"ServiceID\":\"%s\","
                 "\"SaleID\":\"%s\",\"POIID\":\"P\"},\"%sRequest\":%s}",
                 category, service_id, sale_id, category, body) > 0);
    json_t *v = nexo_json_read(bytes_of(text, strlen(text)), &why);
    if (!v)
        fail_msg("%s: %s", text, why.text);
    *a = (struct asked){.call = {on_reply, on_refuse}};
    nexo_request(b->nexo, v, &a->call);
    json_decref(v);
    free(text);
}

static void turn(struct bench *b, int turns)
{
    while (turns--)
        (void)!till_turn(b->till, 1);
}

static void await(struct bench *b, struct asked *a)
{
    for (int i = 0; i < 5000 && !a->replied; i++)
        turn(b, 1);
    if (!a->replied)
        fail_msg("no reply");
}

static struct asked last; /* of ask, until the next */

static void ask(struct bench *b, const char *service_id, const char *category, const char *body)
{
    json_decref(last.reply);
    last.reply = NULL;
    send(b, &last, "ECR1", service_id, category, body);
    await(b, &last);
}

/* "LoyaltyResponse.LoyaltyResult.0.CurrentBalance" of a reply, as text; "" = not there. */
static const char *at(const json_t *v, const char *path)
{
    static char room[4][600];
    static int turn_of;
    char name[100], *out = room[turn_of++ % 4];
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

#define is(path, expected)                                                                         \
    do {                                                                                           \
        const char *is_ = at(last.reply, path);                                                    \
        if (strcmp(is_, expected) != 0) {                                                          \
            char *all_ = last.reply ? nexo_json_write_create(last.reply) : NULL;                   \
            fail_msg("%s is '%s', not '%s', in %s", path, is_, expected, all_ ? all_ : "nothing"); \
        }                                                                                          \
    } while (0)

static void has(const char *path, const char *part)
{
    const char *text = at(last.reply, path);
    if (!strstr(text, part))
        fail_msg("'%s' is not in %s: '%s'", part, path, text);
}

static void error(const char *category, const char *condition)
{
    char path[100];
    snprintf(path, sizeof path, "%sResponse.Response.Result", category);
    is(path, *condition ? "Failure" : "Success");
    snprintf(path, sizeof path, "%sResponse.Response.ErrorCondition", category);
    is(path, condition);
}

#define SALE(id)                                                                                   \
    "\"SaleData\":{\"SaleTransactionID\":{\"TransactionID\":\"" id                                 \
    "\",\"TimeStamp\":\"2010-12-01T08:00:00Z\"}}"
#define ACQUIRE(handling)                                                                          \
    "{" SALE("T") ",\"CardAcquisitionTransaction\":{\"LoyaltyHandling\":\"" handling "\"}}"

static const char *acquire(struct bench *b, const char *service_id)
{
    static char id[60];
    reader_sim_present(&b->reader, &b->card.target);
    ask(b, service_id, "CardAcquisition", ACQUIRE("Required"));
    error("CardAcquisition", "");
    snprintf(id, sizeof id, "%s",
             at(last.reply, "CardAcquisitionResponse.POIData.POITransactionID.TransactionID"));
    return id;
}

static const char *loyalty(const char *type, const char *transaction, const char *reference,
                           const char *amount)
{
    static char text[2000];
    char who[200] = "", value[100] = "";
    if (reference && *reference)
        snprintf(who, sizeof who,
                 "\"CardAcquisitionReference\":{\"TransactionID\":\"%s\",\"TimeStamp\":\"x\"}",
                 reference);
    if (amount && *amount)
        snprintf(value, sizeof value, "%s\"LoyaltyAmount\":{%s}", *who ? "," : "", amount);
    snprintf(
        text, sizeof text,
        "{" SALE("T") ",\"LoyaltyTransaction\":{\"LoyaltyTransactionType\":\"%s\"%s%s}%s%s%s%s}",
        type, *transaction ? "," : "", transaction, *who || *value ? ",\"LoyaltyData\":[{" : "",
        who, value, *who || *value ? "}]" : "");
    return text;
}

static const char *refund(const char *type, const char *original, const char *more)
{
    char text[600];
    snprintf(text, sizeof text,
             "\"OriginalPOITransaction\":{\"POITransactionID\":{\"TransactionID\":\"%s\","
             "\"TimeStamp\":\"x\"}}%s",
             original, more);
    return loyalty(type, text, "", "");
}

static char kept_id[2][60];
static const char *transaction_id(int i)
{
    snprintf(kept_id[i], sizeof kept_id[0], "%s",
             at(last.reply, "LoyaltyResponse.POIData.POITransactionID.TransactionID"));
    return kept_id[i];
}

static uint32_t entries(struct bench *b)
{
    return journal_next_seq(b->journal) - 1;
}

/* ---- services at once ---- */

TEST(nexo, login_diagnosis_and_logout_are_answered)
{
    struct bench *b = new_bench();
    ask(b, "L1", "Login", "{\"DateTime\":\"x\",\"SaleSoftware\":{},\"OperatorLanguage\":\"de\"}");
    error("Login", "");
    is("LoginResponse.POISystemData.POITerminalData.POISerialNumber", "000007");
    is("MessageHeader.MessageType", "Response");
    is("MessageHeader.ServiceID", "L1");
    is("MessageHeader.ProtocolVersion", "3.0");
    ask(b, "D1", "Diagnosis", "{\"HostDiagnosisFlag\":true}");
    error("Diagnosis", "");
    is("DiagnosisResponse.LoggedSaleID.0", "ECR1");
    is("DiagnosisResponse.HostStatus.0.IsReachableFlag", "false");
    is("DiagnosisResponse.POIStatus.GlobalStatus", "OK");
    ask(b, "L2", "Logout", "{}");
    error("Logout", "");
    ask(b, "D2", "Diagnosis", "{}");
    is("DiagnosisResponse.LoggedSaleID.0", "");
    close_till(b);
}

TEST(nexo, what_is_not_offered_says_so_in_the_shape_of_its_category)
{
    struct bench *b = new_bench();
    ask(b, "1", "Payment", "{\"x\":1}");
    error("Payment", "UnavailableService");
    ask(b, "2", "StoredValue", "{}");
    error("StoredValue", "UnavailableService");
    ask(b, "3", "Display",
        "{\"DisplayOutput\":[{\"Device\":\"CustomerDisplay\",\"InfoQualify\":\"Display\","
        "\"OutputContent\":{\"OutputFormat\":\"Text\"}}]}");
    is("DisplayResponse.OutputResult.0.Response.ErrorCondition", "UnavailableDevice");
    ask(b, "4", "Print",
        "{\"PrintOutput\":{\"DocumentQualifier\":\"Voucher\",\"ResponseMode\":\"PrintEnd\","
        "\"OutputContent\":{\"OutputFormat\":\"Text\"}}}");
    is("PrintResponse.DocumentQualifier", "Voucher");
    error("Print", "UnavailableDevice");
    ask(b, "5", "Input",
        "{\"InputData\":{\"Device\":\"CustomerInput\",\"InfoQualify\":\"Input\",\"InputCommand\":"
        "\"GetConfirmation\"}}");
    is("InputResponse.InputResult.Response.ErrorCondition", "UnavailableDevice");
    ask(b, "6", "Admin", "{\"ServiceIdentification\":\"Dance\"}");
    error("Admin", "UnavailableService");
    ask(b, "7", "Loyalty", "{}");
    error("Loyalty", "MessageFormat");
    has("LoyaltyResponse.Response.AdditionalResponse",
        "errors=At+SaleToPOIRequest.LoyaltyRequest%2C+field+SaleData%3A+Missing");
    close_till(b);
}

TEST(nexo, services_wait_for_a_login_only_where_the_shop_wants_it)
{
    struct bench *b = new_bench();
    close_till(b);
    b->config.login = true;
    open_till(b);
    ask(b, "1", "CardAcquisition", ACQUIRE("Forbidden"));
    error("CardAcquisition", "LoggedOut");
    ask(b, "2", "Diagnosis", "{}");
    error("Diagnosis", "");
    ask(b, "3", "Login", "{\"DateTime\":\"x\",\"SaleSoftware\":{},\"OperatorLanguage\":\"de\"}");
    ask(b, "1", "CardAcquisition", ACQUIRE("Forbidden"));
    error("CardAcquisition", ""); /* it was not a decision */
    close_till(b);
    open_till(b); /* the login outlives the program */
    ask(b, "4", "CardAcquisition", ACQUIRE("Forbidden"));
    error("CardAcquisition", "");
    close_till(b);
}

/* ---- a card ---- */

TEST(nexo, a_card_is_acquired_and_named_by_its_member)
{
    struct bench *b = new_bench();
    assert_string_equal(acquire(b, "C1"), "T0007-N1");
    is("CardAcquisitionResponse.LoyaltyAccount.0.LoyaltyAccountID.LoyaltyID", "M12");
    is("CardAcquisitionResponse.LoyaltyAccount.0.LoyaltyAccountID.EntryMode.0", "Contactless");
    is("CardAcquisitionResponse.LoyaltyAccount.0.LoyaltyBrand", "Test");
    is("CardAcquisitionResponse.SaleData.SaleTransactionID.TransactionID", "T");
    has("CardAcquisitionResponse.Response.AdditionalResponse", "online=false");
    close_till(b);
}

TEST(nexo, how_a_card_is_asked_for_follows_loyalty_handling)
{
    struct bench *b = new_bench();
    static const struct {
        const char *handling, *error, *message;
    } rows[] = {{"Required", "Cancel", "No+card+came"},
                {"Proposed", "", "No+card+came"},
                {"Forbidden", "", "online=false"},
                {"Processed", "", "online=false"}};
    for (int i = 0; i < 4; i++) {
        char id[16], body[320];
        snprintf(id, sizeof id, "H%d", i);
        snprintf(body, sizeof body,
                 "{" SALE("T") ",\"CardAcquisitionTransaction\":{\"LoyaltyHandling\":\"%s\"}}",
                 rows[i].handling);
        ask(b, id, "CardAcquisition", body);
        error("CardAcquisition", rows[i].error);
        has("CardAcquisitionResponse.Response.AdditionalResponse", rows[i].message);
        is("CardAcquisitionResponse.LoyaltyAccount", "");
    }
    ask(b, "H9", "CardAcquisition",
        "{" SALE("T") ",\"CardAcquisitionTransaction\":{\"LoyaltyHandling\":\"Required\","
                      "\"ForceEntryMode\":[[\"ICC\"]]}}");
    error("CardAcquisition", "UnavailableDevice");
    close_till(b);
}

/* A register is told that the device is out of order only when it is. */
TEST(nexo, every_answer_of_a_sale_has_its_word_for_a_register)
{
    for (int a = SALE_OK + 1; a < SALE_ANSWERS; a++) {
        const char *code = sale_answer_code((enum sale_answer)a);
        if ((nexo_error_of_code(code) == NEXO_E_DEVICE_OUT) != (a == SALE_UNSAVED))
            fail_msg("%s is %s", code, nexo_error_text(nexo_error_of_code(code)));
    }
}

TEST(nexo, two_cards_at_once_are_an_invalid_card_and_who_only_proposed_one_goes_on)
{
    struct bench *b = new_bench();
    reader_sim_present(&b->reader, &b->card.target);
    reader_sim_add(&b->reader, &b->other.target);
    ask(b, "C1", "CardAcquisition", ACQUIRE("Required"));
    error("CardAcquisition", "InvalidCard");
    ask(b, "C2", "CardAcquisition", ACQUIRE("Proposed"));
    error("CardAcquisition", "");
    is("CardAcquisitionResponse.LoyaltyAccount", "");
    close_till(b);
}

TEST(nexo, only_the_programmes_own_brand_is_taken_where_the_shop_names_it)
{
#define OF_BRANDS(brands)                                                                                              \
    "{" SALE("T") ",\"CardAcquisitionTransaction\":{\"LoyaltyHandling\":\"Required\",\"AllowedLoyaltyBrand\":" brands "}}"
    struct bench *b = new_bench();
    reader_sim_present(&b->reader, &b->card.target);
    ask(b, "C1", "CardAcquisition", OF_BRANDS("[\"OTHER\"]")); /* it names none */
    error("CardAcquisition", "");
    is("CardAcquisitionResponse.LoyaltyAccount.0.LoyaltyBrand", "Test");
    close_till(b);
    b->config.brand = "SHOP";
    open_till(b);
    ask(b, "C2", "CardAcquisition", OF_BRANDS("[\"OTHER\",\"ANOTHER\"]"));
    error("CardAcquisition", "InvalidCard");
    ask(b, "C3", "CardAcquisition", OF_BRANDS("[\"OTHER\",\"SHOP\"]"));
    error("CardAcquisition", "");
    is("CardAcquisitionResponse.LoyaltyAccount.0.LoyaltyBrand", "SHOP");
    ask(b, "C4", "CardAcquisition", OF_BRANDS("\"SHOP\"")); /* alone where a list may be */
    error("CardAcquisition", "");
    ask(b, "C5", "CardAcquisition", OF_BRANDS("[]"));
    error("CardAcquisition", "");
    close_till(b);
}

TEST(nexo, an_abort_ends_the_wait_for_a_card_and_nothing_else)
{
    struct bench *b = new_bench();
    struct asked waits;
    b->config.wait_ms = 60000;
    close_till(b);
    open_till(b);
    send(b, &waits, "ECR1", "C1", "CardAcquisition", ACQUIRE("Required"));
    turn(b, 20);
    assert_false(waits.replied);
    ask(b, "A0", "Abort", "{\"AbortReason\":\"x\",\"MessageReference\":{\"ServiceID\":\"C9\"}}");
    assert_true(last.empty);
    ask(b, "A0", "Abort",
        "{\"AbortReason\":\"x\",\"MessageReference\":{\"SaleID\":\"ECR2\",\"ServiceID\":\"C1\"}}");
    ask(b, "A0", "Abort", /* of another terminal */
        "{\"AbortReason\":\"x\",\"MessageReference\":{\"POIID\":\"Q\",\"ServiceID\":\"C1\"}}");
    ask(b, "A0", "Abort", "{\"bad\":1}");
    assert_true(last.empty);
    turn(b, 5);
    assert_false(waits.replied);
    /* beside it: */
    ask(b, "D1", "Diagnosis", "{}");
    is("DiagnosisResponse.POIStatus.GlobalStatus", "Busy");
    ask(b, "L1", "Login", "{\"DateTime\":\"x\",\"SaleSoftware\":{},\"OperatorLanguage\":\"de\"}");
    error("Login", "");
    ask(b, "S1", "TransactionStatus", "{}");
    error("TransactionStatus", "InProgress");
    ask(b, "C1", "CardAcquisition", ACQUIRE("Required"));
    error("CardAcquisition", "InProgress");
    ask(b, "C1", "CardAcquisition", ACQUIRE("Proposed"));
    error("CardAcquisition", "NotAllowed");
    ask(b, "C2", "CardAcquisition", ACQUIRE("Required"));
    error("CardAcquisition", "Busy");
    ask(b, "A1", "Abort",
        "{\"AbortReason\":\"x\",\"MessageReference\":{\"MessageCategory\":\"CardAcquisition\","
        "\"ServiceID\":\"C1\"}}");
    assert_true(last.empty);
    assert_true(waits.replied);
    assert_string_equal(at(waits.reply, "CardAcquisitionResponse.Response.ErrorCondition"),
                        "Aborted");
    json_decref(waits.reply);
    /* the outcome is kept, and the door is free */
    ask(b, "S2", "TransactionStatus", "{\"MessageReference\":{\"ServiceID\":\"C1\"}}");
    is("TransactionStatusResponse.RepeatedMessageResponse.RepeatedResponseMessageBody."
       "CardAcquisitionResponse.Response.ErrorCondition",
       "Aborted");
    ask(b, "S3", "TransactionStatus", "{\"MessageReference\":{\"POIID\":\"P\",\"ServiceID\":\"C1\"}}");
    error("TransactionStatus", "");
    ask(b, "S4", "TransactionStatus", "{\"MessageReference\":{\"POIID\":\"Q\",\"ServiceID\":\"C1\"}}");
    error("TransactionStatus", "NotFound"); /* that number is another terminal's too */
    acquire(b, "C2"); /* Busy was no decision */
    close_till(b);
}

TEST(nexo, a_card_may_come_before_its_request)
{
    struct bench *b = new_bench();
    ask(b, "E1", "EnableService",
        "{\"TransactionAction\":\"StartTransaction\",\"ServicesEnabled\":[\"CardAcquisition\"]}");
    error("EnableService", "");
    reader_sim_present(&b->reader, &b->card.target);
    turn(b, 100);
    reader_sim_present(&b->reader, NULL);
    turn(b, 10);
    ask(b, "C1", "CardAcquisition", ACQUIRE("Required"));
    error("CardAcquisition", "");
    is("CardAcquisitionResponse.LoyaltyAccount.0.LoyaltyAccountID.LoyaltyID", "M12");
    /* The next customer's is asked for: nobody gets the points of the one before. */
    ask(b, "C2", "CardAcquisition", ACQUIRE("Required"));
    error("CardAcquisition", "Cancel");
    ask(b, "E2", "EnableService", "{\"TransactionAction\":\"StartTransaction\"}");
    error("EnableService", "");
    ask(b, "C3", "CardAcquisition", ACQUIRE("Required"));
    error("CardAcquisition", "Cancel");
    ask(b, "E3", "EnableService", "{\"TransactionAction\":\"StartTransaction\"}");
    reader_sim_present(&b->reader, &b->other.target);
    turn(b, 100);
    reader_sim_present(&b->reader, NULL);
    turn(b, 10);
    assert_int_equal(b->till->sale.member, MEMBER + 1);
    ask(b, "E4", "EnableService", "{\"TransactionAction\":\"AbortTransaction\"}");
    error("EnableService", "");
    assert_int_equal(b->till->sale.state, SALE_IDLE); /* who came ahead has left */
    ask(b, "C4", "CardAcquisition", ACQUIRE("Required"));
    error("CardAcquisition", "Cancel");
    close_till(b);
}

TEST(nexo, where_no_card_can_come_ahead_enable_service_says_so)
{
    struct bench *b = new_bench();
    struct txn_line line = {.sku = "MUG", .quantity = 1, .amount = money_of(500)};
    till_feed(b->till, (struct sale_event){.kind = SALE_LINE, .line = &line});
    ask(b, "E1", "EnableService", "{\"TransactionAction\":\"StartTransaction\"}");
    error("EnableService", "Busy");
    till_feed(b->till, (struct sale_event){.kind = SALE_CANCEL});
    b->till->reader = NULL;
    ask(b, "E2", "EnableService", "{\"TransactionAction\":\"StartTransaction\"}");
    error("EnableService", "UnavailableDevice");
    ask(b, "E3", "EnableService", "{\"TransactionAction\":\"AbortTransaction\"}");
    error("EnableService", "");
    close_till(b);
}

/* ---- award, refund ---- */

TEST(nexo, an_award_is_rated_by_the_programme_and_counts_once_whatever_is_repeated)
{
    struct bench *b = new_bench();
    const char *x = acquire(b, "C1");
    char award[2000];
    reader_sim_present(&b->reader, NULL);
    snprintf(award, sizeof award, "%s",
             loyalty("Award",
                     "\"Currency\":\"EUR\",\"TotalAmount\":12.4,\"SaleItem\":[{\"ItemID\":1,"
                     "\"ProductCode\":\"1001\","
                     "\"Quantity\":2,\"ItemAmount\":6.4},{\"ItemID\":2,\"ProductCode\":\"2002\","
                     "\"ItemAmount\":6}]",
                     x, ""));
    ask(b, "S1", "Loyalty", award);
    error("Loyalty", "");
    is("LoyaltyResponse.POIData.POITransactionID.TransactionID", "T0007-1");
    is("LoyaltyResponse.LoyaltyResult.0.LoyaltyAmount.Value", "12");
    is("LoyaltyResponse.LoyaltyResult.0.LoyaltyAmount.AmountValue", "12");
    is("LoyaltyResponse.LoyaltyResult.0.CurrentBalance", "1012");
    is("LoyaltyResponse.LoyaltyResult.0.LoyaltyAccount.LoyaltyAccountID.LoyaltyID", "M12");
    is("LoyaltyResponse.PaymentReceipt.0.OutputContent.OutputText.0.Text",
       "Points for this purchase: 12");
    is("LoyaltyResponse.PaymentReceipt.0.OutputContent.OutputText.1.Text", "Your points: 1012");
    has("LoyaltyResponse.Response.AdditionalResponse", "pointsAwarded=12");
    assert_int_equal(entries(b), 1);
    for (int i = 0; i < 3; i++) {
        ask(b, "S1", "Loyalty", award);
        error("Loyalty", "");
        is("LoyaltyResponse.POIData.POITransactionID.TransactionID", "T0007-1");
        is("LoyaltyResponse.LoyaltyResult.0.CurrentBalance", "1012");
        if (i == 1) {
            close_till(b);
            open_till(b);
        }
    }
    ask(b, "S1", "Loyalty", loyalty("Award", "\"TotalAmount\":12.41", x, ""));
    error("Loyalty", "NotAllowed");
    ask(b, "TS", "TransactionStatus",
        "{\"MessageReference\":{\"MessageCategory\":\"Loyalty\",\"ServiceID\":\"S1\"}}");
    error("TransactionStatus", "");
    is("TransactionStatusResponse.RepeatedMessageResponse.RepeatedResponseMessageBody."
       "LoyaltyResponse.POIData.POITransactionID.TransactionID",
       "T0007-1");
    is("TransactionStatusResponse.RepeatedMessageResponse.MessageHeader.ServiceID", "S1");
    ask(b, "TS", "TransactionStatus",
        "{\"MessageReference\":{\"MessageCategory\":\"Reversal\",\"ServiceID\":\"S1\"}}");
    error("TransactionStatus", "NotFound");
    ask(b, "TS", "TransactionStatus", "{}"); /* the last one */
    is("TransactionStatusResponse.MessageReference.ServiceID", "S1");
    ask(b, "TS", "TransactionStatus", "{\"MessageReference\":{\"ServiceID\":\"S9\"}}");
    error("TransactionStatus", "NotFound");
    assert_int_equal(entries(b), 1);
    /* After two days the key may come back with a new sale; the very same message counts never again. */
    set_clock("2010-12-04T08:34");
    ask(b, "T1", "TransactionStatus", "{\"MessageReference\":{\"ServiceID\":\"S1\"}}");
    error("TransactionStatus", "NotFound");
    ask(b, "S1", "Loyalty", award);
    error("Loyalty", "");
    is("LoyaltyResponse.POIData.POITransactionID.TransactionID", "T0007-1");
    assert_int_equal(entries(b), 1);
    set_clock("2011-12-04T08:34");
    ask(b, "S1", "Loyalty", award);
    is("LoyaltyResponse.POIData.POITransactionID.TransactionID", "T0007-1");
    assert_int_equal(entries(b), 1);
    close_till(b);
}

TEST(nexo, an_award_comes_back_in_parts_and_never_more_than_whole)
{
    struct bench *b = new_bench();
    const char *x = acquire(b, "C1");
    ask(b, "S1", "Loyalty", loyalty("Award", "\"TotalAmount\":30", x, ""));
    char z[60];
    snprintf(z, sizeof z, "%s", transaction_id(0));
    is("LoyaltyResponse.LoyaltyResult.0.LoyaltyAmount.Value", "30");
    ask(b, "R1", "Loyalty", refund("AwardRefund", z, ",\"TotalAmount\":10"));
    error("Loyalty", "");
    is("LoyaltyResponse.LoyaltyResult.0.LoyaltyAmount.Value", "10");
    is("LoyaltyResponse.POIData.POITransactionID.TransactionID", "T0007-2");
    ask(b, "R2", "Loyalty", refund("RedemptionRefund", z, ""));
    error("Loyalty", "NotAllowed");
    ask(b, "R3", "Loyalty",
        refund("AwardRefund", z, ",\"TotalAmount\":100")); /* never more than is left */
    error("Loyalty", "");
    is("LoyaltyResponse.LoyaltyResult.0.LoyaltyAmount.Value", "20");
    ask(b, "R4", "Loyalty", refund("AwardRefund", z, ""));
    error("Loyalty", "NotAllowed");
    is("LoyaltyResponse.Response.AdditionalResponse", "message=Already+undone");
    ask(b, "R4", "Loyalty", refund("AwardRefund", z, "")); /* kept */
    error("Loyalty", "NotAllowed");
    ask(b, "R5", "Reversal",
        "{\"OriginalPOITransaction\":{\"POITransactionID\":{\"TransactionID\":\"T0007-1\"}},"
        "\"ReversalReason\":\"CustCancel\"}");
    error("Reversal", "NotAllowed");
    ask(b, "R6", "Loyalty", refund("AwardRefund", "T0007-99", ""));
    error("Loyalty", "NotFound");
    ask(b, "R7", "Loyalty", refund("AwardRefund", "nonsense", ""));
    error("Loyalty", "NotFound");
    ask(b, "R8", "Loyalty", refund("AwardRefund", "T0007-2", "")); /* a refund */
    error("Loyalty", "NotAllowed");
    ask(b, "R9", "Loyalty", refund("AwardRefund", "T0008-1", ""));
    error("Loyalty", "NotFound");
    assert_int_equal(entries(b), 3);
    /* Another terminal's, by its amount: head office works out the points. */
    ask(b, "R10", "Loyalty", refund("AwardRefund", "T0008-1", ",\"TotalAmount\":5"));
    error("Loyalty", "");
    is("LoyaltyResponse.LoyaltyResult.0.LoyaltyAmount.Value", "0");
    ask(b, "R11", "Loyalty", refund("RedemptionRefund", "T0008-1", ",\"TotalAmount\":5"));
    error("Loyalty", "NotFound");
    assert_int_equal(entries(b), 4);
    close_till(b);
}

/* What is left over is what the rest of the goods earns: 4.90 of 9.80 takes 5 of 9 back, and however finely the goods
 * come back, all 9 have come back with the last of them and not before.  Part x points / total rounded up each time, would
 * have taken the ninth with 3.50 still bought. */
TEST(nexo, an_award_that_comes_back_in_crumbs_takes_back_what_the_rest_no_longer_earns)
{
    struct bench *b = new_bench();
    const char *x = acquire(b, "C1");
    char id[16];
    ask(b, "S1", "Loyalty", loyalty("Award", "\"TotalAmount\":9.8", x, ""));
    is("LoyaltyResponse.LoyaltyResult.0.LoyaltyAmount.Value", "9");
    ask(b, "R0", "Loyalty", refund("AwardRefund", "T0007-1", ",\"TotalAmount\":4.9"));
    is("LoyaltyResponse.LoyaltyResult.0.LoyaltyAmount.Value", "5");
    ask(b, "S2", "Loyalty", loyalty("Award", "\"TotalAmount\":9.8", x, ""));
    is("LoyaltyResponse.LoyaltyResult.0.LoyaltyAmount.Value", "9");
    int64_t back = 0;
    for (int i = 1; i <= 14; i++) { /* 0.70 each */
        snprintf(id, sizeof id, "R%d", i);
        ask(b, id, "Loyalty", refund("AwardRefund", "T0007-3", ",\"TotalAmount\":0.7"));
        error("Loyalty", "");
        back += atoi(at(last.reply, "LoyaltyResponse.LoyaltyResult.0.LoyaltyAmount.Value"));
        assert_int_equal(back, 9 - (980 - 70 * i) / 100);
    }
    assert_int_equal(back, 9);
    ask(b, "R15", "Loyalty", refund("AwardRefund", "T0007-3", ",\"TotalAmount\":0.7"));
    error("Loyalty", "NotAllowed");
    close_till(b);
}

TEST(nexo, what_is_taken_back_from_an_empty_purse_is_told_as_less_than_nothing)
{
    static const struct card_uid uid = {{4, 7, 7, 7, 7, 7, 7}};
    struct bench *b = new_bench();
    struct card_office_keys keys = cards_keys(1);
    struct card_profile p = {.member = MEMBER + 2, .tier = "base", .tier_valid_day = day_of_time(NOW), .layout = CARD_LAYOUT};
    struct errmsg why = {""};
    cards_issue(&b->other, VCARD_EV2, &uid, &keys, &p); /* nothing was ever loaded onto it */
    reader_sim_present(&b->reader, &b->other.target);
    ask(b, "S1", "Loyalty", loyalty("Award", "\"TotalAmount\":30", "", ""));
    is("LoyaltyResponse.LoyaltyResult.0.CurrentBalance", "30");
    assert_int_equal(journal_set_acked(b->journal, 1, &why), OK); /* head office has them, and the line is cut */
    ask(b, "C1", "CardAcquisition", ACQUIRE("Required"));
    error("CardAcquisition", "");
    ask(b, "R1", "Loyalty", refund("AwardRefund", "T0007-1", ""));
    error("Loyalty", "");
    is("LoyaltyResponse.LoyaltyResult.0.CurrentBalance", "0"); /* the schema knows none below */
    has("LoyaltyResponse.Response.AdditionalResponse", "balance=-30");
    close_till(b);
}

TEST(nexo, goods_named_by_their_items_come_back_as_these_goods)
{
    static struct txn e;
    static uint8_t room[JOURNAL_ENTRY_MAX];
    struct bench *b = new_bench();
    struct errmsg why = {""};
    struct buf entry = BUF_ON(room);
    const char *x = acquire(b, "C1");
    ask(b, "S1", "Loyalty",
        loyalty("Award", "\"TotalAmount\":30,\"SaleItem\":[{\"ItemID\":1,\"ProductCode\":\"MUG\",\"Quantity\":2,"
                "\"ItemAmount\":20},{\"ItemID\":2,\"ProductCode\":\"TEA\",\"ItemAmount\":10}]", x, ""));
    error("Loyalty", "");
    ask(b, "R1", "Loyalty",
        refund("AwardRefund", "T0007-1", ",\"TotalAmount\":10,\"SaleItem\":{\"ItemID\":1,\"ProductCode\":\"MUG\","
               "\"Quantity\":1,\"ItemAmount\":10}"));
    error("Loyalty", "");
    assert_int_equal(journal_get(b->journal, 2, &entry, &why), OK);
    assert_int_equal(wire_decode_txn(&e, buf_bytes(&entry), &why), OK);
    assert_int_equal(e.line_count, 1);
    assert_string_equal(e.lines[0].sku, "MUG");
    assert_int_equal(e.lines[0].quantity, 1);
    /* goods that were not sold here: it is their amount that comes back */
    ask(b, "R2", "Loyalty",
        refund("AwardRefund", "T0007-1", ",\"TotalAmount\":5,\"SaleItem\":[{\"ItemID\":1,\"ProductCode\":\"CUP\","
               "\"ItemAmount\":5}]"));
    error("Loyalty", "");
    is("LoyaltyResponse.LoyaltyResult.0.LoyaltyAmount.Value", "5");
    close_till(b);
}

/* The card was put away, and the sale before it is over: it is still that card, with its tier and its purse. */
TEST(nexo, an_acquired_card_earns_again_as_the_card_it_was)
{
    static struct txn e;
    static uint8_t room[JOURNAL_ENTRY_MAX];
    struct bench *b = new_bench();
    struct errmsg why = {""};
    struct buf entry = BUF_ON(room);
    const char *x = acquire(b, "C1");
    reader_sim_present(&b->reader, NULL);
    turn(b, 20);
    for (int i = 0; i < 2; i++) {
        char id[16];
        snprintf(id, sizeof id, "S%d", i);
        ask(b, id, "Loyalty", loyalty("Award", "\"TotalAmount\":30", x, ""));
        error("Loyalty", "");
        assert_int_equal(atoi(at(last.reply, "LoyaltyResponse.LoyaltyResult.0.CurrentBalance")), PURSE + 30 * (i + 1));
        entry.size = 0;
        assert_int_equal(journal_get(b->journal, (uint32_t)i + 1, &entry, &why), OK);
        assert_int_equal(wire_decode_txn(&e, buf_bytes(&entry), &why), OK);
        assert_int_equal(e.means, MEANS_CARD);
        assert_string_equal(e.tier, "base");
        assert_memory_equal(&e.card, &uid_a, sizeof uid_a);
    }
    close_till(b);
}

/* Somebody else at the till. */
static char other_code[16];

static void other_answered(struct till *t, struct asker *a, const struct answer *answer)
{
    (void)t, (void)a;
    snprintf(other_code, sizeof other_code, "%s", answer->code ? answer->code : "");
}

/* Off line nobody knows yet whose this tag is; what it earns it earns all the same. */
TEST(nexo, a_tag_of_somebody_unknown_here_earns_under_the_acquisition_that_named_it)
{
    static const struct kind_keys kinds = {.uids = true};
    static struct txn e;
    static uint8_t room[JOURNAL_ENTRY_MAX];
    struct bench *b = new_bench();
    struct buf entry = BUF_ON(room);
    struct errmsg why = {""};
    struct vtag tag;
    uint8_t token[TXN_TOKEN_SIZE] = {0};
    char x[60];
    close_till(b);
    b->kinds = &kinds;
    memset(b->identity.lookup_key, 0x5a, sizeof b->identity.lookup_key);
    open_till(b);
    vtag_init(&tag, VTAG_UID, uid_b.b, 7, 1);
    reader_sim_present(&b->reader, &tag.target);
    ask(b, "C1", "CardAcquisition", ACQUIRE("Required"));
    error("CardAcquisition", "");
    is("CardAcquisitionResponse.LoyaltyAccount.0.LoyaltyAccountID.LoyaltyID", "unknown");
    snprintf(x, sizeof x, "%s", at(last.reply, "CardAcquisitionResponse.POIData.POITransactionID.TransactionID"));
    reader_sim_present(&b->reader, NULL);
    turn(b, 20);
    struct asker cashier = {.answered = other_answered};
    till_join_asker(b->till, &cashier);
    /* The second time it is no longer the one at the till, the third time another unknown one is. */
    for (int i = 0; i < 3; i++) {
        char id[16];
        if (i == 2) {
            vtag_init(&tag, VTAG_UID, uid_a.b, 7, 1);
            reader_sim_present(&b->reader, &tag.target);
            till_ask(b->till, &cashier, &(struct command){.verb = VERB_TAP, .wait_ms = 5000});
            turn(b, 20);
            assert_int_equal(b->till->sale.state, SALE_IDENTIFIED);
            reader_sim_present(&b->reader, NULL);
            turn(b, 20);
        }
        snprintf(id, sizeof id, "S%d", i);
        ask(b, id, "Loyalty", loyalty("Award", "\"TotalAmount\":30", x, ""));
        error("Loyalty", "");
        entry.size = 0;
        assert_int_equal(journal_get(b->journal, (uint32_t)i + 1, &entry, &why), OK);
        assert_int_equal(wire_decode_txn(&e, buf_bytes(&entry), &why), OK);
        assert_int_equal(e.means, MEANS_UID);
        assert_int_equal(points_n(e.points), 30);
        lookup_token(token, b->identity.lookup_key, MEANS_UID, bytes_of(uid_b.b, 7));
        assert_memory_equal(e.token, token, sizeof token);
    }
    till_leave_asker(b->till, &cashier);
    /* Another tag is acquired: the first one's reference does not name that. */
    reader_sim_present(&b->reader, &tag.target);
    ask(b, "C2", "CardAcquisition", ACQUIRE("Required"));
    error("CardAcquisition", "");
    ask(b, "S3", "Loyalty", loyalty("Award", "\"TotalAmount\":30", x, ""));
    error("Loyalty", "NotFound");
    close_till(b);
}

TEST(nexo, a_rebate_takes_off_lines_and_is_undone_once)
{
    struct bench *b = new_bench();
    const char *x = acquire(b, "C1");
    ask(b, "B1", "Loyalty",
        loyalty("Rebate",
                "\"TotalAmount\":12.4,\"SaleItem\":[{\"ItemID\":1,\"ProductCode\":\"1001\","
                "\"ItemAmount\":6.4},"
                "{\"ItemID\":\"2\",\"ProductCode\":\"2002\",\"ItemAmount\":6}]",
                x, ""));
    error("Loyalty", "");
    /* Off the lines, and nothing besides: a register takes off both. */
    is("LoyaltyResponse.LoyaltyResult.0.Rebates.TotalRebate", "0");
    is("LoyaltyResponse.LoyaltyResult.0.Rebates.SaleItemRebate.1", "");
    is("LoyaltyResponse.LoyaltyResult.0.Rebates.SaleItemRebate.0.ProductCode", "2002");
    is("LoyaltyResponse.LoyaltyResult.0.Rebates.SaleItemRebate.0.ItemID", "2");
    is("LoyaltyResponse.LoyaltyResult.0.Rebates.SaleItemRebate.0.ItemAmount", "0.6");
    is("LoyaltyResponse.LoyaltyResult.0.Rebates.SaleItemRebate.0.RebateLabel", "cake");
    is("LoyaltyResponse.LoyaltyResult.0.CurrentBalance", "1000");
    const char *id = transaction_id(0);
    assert_string_equal(id, "T0007-N2");
    ask(b, "B2", "Loyalty", refund("AwardRefund", id, ""));
    error("Loyalty", "NotAllowed");
    ask(b, "B3", "Loyalty", refund("RebateRefund", "T0007-N1", ""));
    error("Loyalty", "NotAllowed"); /* an acquisition */
    ask(b, "B4", "Loyalty", refund("RebateRefund", id, ""));
    error("Loyalty", "");
    is("LoyaltyResponse.LoyaltyResult.0.Rebates.SaleItemRebate.0.ItemAmount", "0.6");
    is("LoyaltyResponse.LoyaltyResult.0.LoyaltyAccount.LoyaltyAccountID.LoyaltyID", "M12");
    is("LoyaltyResponse.LoyaltyResult.0.CurrentBalance", "");
    ask(b, "B5", "Loyalty", refund("RebateRefund", id, ""));
    error("Loyalty", "NotAllowed");
    ask(b, "B6", "Reversal",
        "{\"OriginalPOITransaction\":{\"POITransactionID\":{\"TransactionID\":\"T0007-N2\"}},"
        "\"ReversalReason\":\"CustCancel\"}");
    error("Reversal", "NotAllowed");
    ask(b, "B7", "Loyalty", refund("RebateRefund", "T0007-N77", ""));
    error("Loyalty", "NotFound");
    assert_int_equal(entries(b), 0);
    close_till(b);
}

TEST(nexo, totals_are_of_today_and_of_each_register)
{
    struct bench *b = new_bench();
    const char *x = acquire(b, "C1");
    ask(b, "S1", "Loyalty", loyalty("Award", "\"TotalAmount\":30", x, ""));
    ask(b, "S2", "Loyalty", loyalty("Award", "\"TotalAmount\":20", x, ""));
    ask(b, "R1", "Loyalty", refund("AwardRefund", "T0007-2", ""));
    error("Loyalty", "");
    ask(b, "G1", "GetTotals",
        "{\"TotalDetails\":[\"SaleID\"],\"TotalFilter\":{\"SaleID\":\"ECR1\"}}");
    error("GetTotals", "");
    is("GetTotalsResponse.POIReconciliationID", "2010-12-01");
    is("GetTotalsResponse.TransactionTotals.0.SaleID", "ECR1");
    is("GetTotalsResponse.TransactionTotals.0.LoyaltyTotals.0.TransactionType", "Award");
    is("GetTotalsResponse.TransactionTotals.0.LoyaltyTotals.0.TransactionCount", "2");
    is("GetTotalsResponse.TransactionTotals.0.LoyaltyTotals.0.TransactionAmount", "50");
    is("GetTotalsResponse.TransactionTotals.0.LoyaltyTotals.1.TransactionType", "ReverseAward");
    is("GetTotalsResponse.TransactionTotals.0.LoyaltyTotals.1.TransactionAmount", "20");
    ask(b, "G2", "GetTotals", "{\"TotalFilter\":{\"SaleID\":\"ECR2\"}}");
    is("GetTotalsResponse.TransactionTotals.0", "");
    set_clock("2010-12-02T08:34");
    ask(b, "G3", "GetTotals", "{}");
    is("GetTotalsResponse.TransactionTotals.0", "");
    close_till(b);
}

static void as_register(struct bench *b, const char *sale_id, const char *service_id, const char *category,
                        const char *body)
{
    json_decref(last.reply);
    last.reply = NULL;
    send(b, &last, sale_id, service_id, category, body);
    await(b, &last);
}

TEST(nexo, totals_of_registers_with_different_services_are_not_mixed)
{
    static const char rebate[] =
        "\"TotalAmount\":12.4,\"SaleItem\":[{\"ItemID\":1,\"ProductCode\":\"1001\",\"ItemAmount\":6.4},"
        "{\"ItemID\":2,\"ProductCode\":\"2002\",\"ItemAmount\":6}]";
    struct bench *b = new_bench();
    const char *x = acquire(b, "C1");
    ask(b, "S1", "Loyalty", loyalty("Award", "\"TotalAmount\":30", x, ""));
    ask(b, "S2", "Loyalty", loyalty("Rebate", rebate, x, ""));
    as_register(b, "ECR2", "C1", "CardAcquisition", ACQUIRE("Required")); /* counts nowhere */
    as_register(b, "ECR2", "S1", "Loyalty", loyalty("Redemption", "", x, "\"LoyaltyUnit\":\"Point\",\"Value\":200"));
    error("Loyalty", "");
    as_register(b, "ECR2", "S2", "Loyalty", loyalty("Award", "\"TotalAmount\":20", x, ""));
    for (int i = 0; i < 2; i++) {
        char id[16], text[60];
        snprintf(id, sizeof id, "B%d", i);
        as_register(b, "ECR2", id, "Loyalty", loyalty("Rebate", rebate, x, ""));
        error("Loyalty", "");
        snprintf(text, sizeof text, "%s", transaction_id(0));
        snprintf(id, sizeof id, "U%d", i);
        as_register(b, "ECR2", id, "Loyalty", refund("RebateRefund", text, ""));
        error("Loyalty", "");
    }
    ask(b, "G1", "GetTotals", "{\"TotalDetails\":[\"SaleID\"]}");
#define TOTAL(group, i, field) "GetTotalsResponse.TransactionTotals." #group ".LoyaltyTotals." #i "." field
#define GROUP(group, field) "GetTotalsResponse.TransactionTotals." #group "." field
    is(GROUP(0, "SaleID"), "ECR1");
    is(GROUP(0, "LoyaltyUnit"), "Point");
    is(TOTAL(0, 0, "TransactionAmount"), "30");
    is(TOTAL(0, 1, "TransactionType"), "");
    is(GROUP(1, "SaleID"), "ECR1");
    is(GROUP(1, "LoyaltyUnit"), "Monetary");
    is(TOTAL(1, 0, "TransactionAmount"), "0.6"); /* in units of the currency, as all amounts */
    is(GROUP(2, "SaleID"), "ECR2");
    is(TOTAL(2, 0, "TransactionAmount"), "20");
    is(TOTAL(2, 1, "TransactionType"), "Redemption");
    is(TOTAL(2, 1, "TransactionAmount"), "200");
    is(TOTAL(3, 0, "TransactionCount"), "2");
    is(TOTAL(3, 0, "TransactionAmount"), "1.2");
    is(TOTAL(3, 1, "TransactionType"), "ReverseRebate");
    is(TOTAL(3, 1, "TransactionCount"), "2");
    is(GROUP(4, "SaleID"), "");
    ask(b, "G2", "GetTotals", "{}"); /* all together */
    is(GROUP(0, "SaleID"), "");
    is(TOTAL(0, 0, "TransactionCount"), "2");
    is(TOTAL(0, 0, "TransactionAmount"), "50");
    is(TOTAL(1, 0, "TransactionAmount"), "1.8");
    ask(b, "G3", "GetTotals", "{\"TotalFilter\":{\"POIID\":\"P\",\"SaleID\":\"ECR1\"}}");
    is(GROUP(0, "SaleID"), "ECR1");
    ask(b, "G4", "GetTotals", "{\"TotalFilter\":{\"OperatorID\":\"anna\"}}");
    error("GetTotals", "UnavailableService"); /* rather than the totals of everybody */
    close_till(b);
}

TEST(nexo, a_bill_that_is_open_at_the_till_is_not_touched)
{
    struct bench *b = new_bench();
    const char *x = acquire(b, "C1");
    struct txn_line line = {.sku = "MUG", .quantity = 1, .amount = money_of(500)};
    till_feed(b->till, (struct sale_event){.kind = SALE_LINE, .line = &line});
    ask(b, "S1", "Loyalty", loyalty("Award", "\"TotalAmount\":30", x, ""));
    error("Loyalty", "Busy");
    ask(b, "S2", "CardAcquisition", ACQUIRE("Required"));
    error("CardAcquisition", "Busy");
    assert_int_equal(b->till->sale.t.line_count, 1);
    till_feed(b->till, (struct sale_event){.kind = SALE_CANCEL});
    ask(b, "S1", "Loyalty", loyalty("Award", "\"TotalAmount\":30", x, ""));
    error("Loyalty", "");
    close_till(b);
}

TEST(nexo, a_register_that_hung_up_finds_its_outcome)
{
    struct bench *b = new_bench();
    struct asked a;
    reader_sim_present(&b->reader, &b->card.target);
    send(b, &a, "ECR1", "S1", "Loyalty",
         loyalty("Award", "\"TotalAmount\":30", "", "")); /* waits for the card */
    nexo_gone(b->nexo, &a.call);
    turn(b, 300);
    assert_false(a.replied);
    assert_int_equal(entries(b), 1);
    ask(b, "S1", "Loyalty", loyalty("Award", "\"TotalAmount\":30", "", ""));
    error("Loyalty", "");
    is("LoyaltyResponse.POIData.POITransactionID.TransactionID", "T0007-1");
    assert_int_equal(entries(b), 1);
    close_till(b);
}

/* ---- redemption ---- */

static const char points_200[] = "\"LoyaltyUnit\":\"Point\",\"Value\":200";

TEST(nexo, a_redemption_takes_points_off_the_card_once_and_comes_back_once)
{
    struct bench *b = new_bench();
    const char *x = acquire(b, "C1");
    char redeem[1000];
    snprintf(redeem, sizeof redeem, "%s", loyalty("Redemption", "", x, points_200));
    ask(b, "S1", "Loyalty", redeem);
    error("Loyalty", "");
    is("LoyaltyResponse.LoyaltyResult.0.LoyaltyAmount.Value", "200");
    is("LoyaltyResponse.LoyaltyResult.0.Rebates.TotalRebate", "2");
    is("LoyaltyResponse.LoyaltyResult.0.Rebates.RebateLabel", "200 points");
    is("LoyaltyResponse.LoyaltyResult.0.CurrentBalance", "800");
    is("LoyaltyResponse.POIData.POITransactionID.TransactionID", "T0007-2");
    has("LoyaltyResponse.Response.AdditionalResponse", "pointsRedeemed=200");
    assert_int_equal(cards_purse(&b->card), 800);
    ask(b, "S1", "Loyalty", redeem);
    is("LoyaltyResponse.POIData.POITransactionID.TransactionID", "T0007-2");
    assert_int_equal(cards_purse(&b->card), 800);
    assert_int_equal(entries(b), 2);
    ask(b, "R1", "Loyalty", refund("AwardRefund", "T0007-2", ""));
    error("Loyalty", "NotAllowed");
    ask(b, "R2", "Reversal",
        "{\"OriginalPOITransaction\":{\"POITransactionID\":{\"TransactionID\":\"T0007-2\"}},"
        "\"ReversalReason\":\"Unable2Compl\",\"ReversedAmount\":100}");
    error("Reversal", "NotAllowed"); /* in part */
    ask(b, "R3", "Reversal",
        "{\"OriginalPOITransaction\":{\"POITransactionID\":{\"TransactionID\":\"T0007-2\"}},"
        "\"ReversalReason\":\"Unable2Compl\"}");
    error("Reversal", "");
    is("ReversalResponse.ReversedAmount", "200");
    is("ReversalResponse.POIData.POITransactionID.TransactionID", "T0007-3");
    is("ReversalResponse.OriginalPOITransaction.POITransactionID.TransactionID", "T0007-2");
    ask(b, "R4", "Loyalty", refund("RedemptionRefund", "T0007-2", ""));
    error("Loyalty", "NotAllowed");
    ask(b, "R5", "Loyalty", refund("RedemptionRefund", "T0007-1", "")); /* the INTENT */
    error("Loyalty", "NotAllowed");
    close_till(b);
}

/* The till's turns are those of the card: one exchange each. */
TEST(nexo, an_abort_at_any_moment_of_a_redemption_leaves_points_and_answer_in_accord)
{
    int done = 0, aborted = 0;
    bool over = false;
    for (int turns = 0; !over; turns++) {
        struct bench *b = new_bench();
        struct asked a;
        char x[60];
        b->config.wait_ms = 20000;
        snprintf(x, sizeof x, "%s", acquire(b, "C1"));
        send(b, &a, "ECR1", "S1", "Loyalty", loyalty("Redemption", "", x, points_200));
        for (int i = 0; i < turns && !a.replied; i++)
            turn(b, 1);
        over = a.replied;
        ask(b, "A1", "Abort", "{\"AbortReason\":\"x\",\"MessageReference\":{\"ServiceID\":\"S1\"}}");
        await(b, &a);
        const char *e = at(a.reply, "LoyaltyResponse.Response.ErrorCondition");
        if (*e && strcmp(e, "Aborted") != 0)
            fail_msg("aborted after %d turns: %s", turns, e);
        assert_int_equal(cards_purse(&b->card), *e ? PURSE : PURSE - 200);
        done += !*e;
        aborted += *e != 0;
        json_decref(a.reply);
        ask(b, "S1", "Loyalty", loyalty("Redemption", "", x, points_200));
        error("Loyalty", *e ? "Aborted" : "");
        assert_int_equal(cards_purse(&b->card), *e ? PURSE : PURSE - 200);
        assert_true(sale_is_idle(&b->till->sale) || b->till->sale.state == SALE_IDENTIFIED);
        close_till(b);
        test_remove_journal(b->path);
    }
    assert_true(done > 0 && aborted > 0);
    print_message("  %d times done, %d times aborted\n", done, aborted);
}

TEST(nexo, what_may_not_be_redeemed_is_refused_and_nothing_is_taken)
{
    struct bench *b = new_bench();
    static const struct {
        const char *amount, *error;
    } rows[] = {{"\"Value\":2000", "Refusal"},        /* more than there is */
                {"\"Value\":205", "Refusal"},         /* no step */
                {"\"Value\":400", "UnreachableHost"}, /* offline_per_tap is 300 */
                {"\"LoyaltyUnit\":\"Monetary\",\"Value\":0.05", "Refusal"}};
    const char *x = acquire(b, "C1");
    for (int i = 0; i < 4; i++) {
        char id[16];
        snprintf(id, sizeof id, "S%d", i);
        ask(b, id, "Loyalty", loyalty("Redemption", "", x, rows[i].amount));
        error("Loyalty", rows[i].error);
        if (strcmp(rows[i].error, "UnreachableHost") == 0) /* it was no decision */
            is("LoyaltyResponse.POIData", "");
    }
    assert_int_equal(journal_memo_next(b->journal), 5); /* the acquisition and three refusals */
    ask(b, "S8", "Loyalty",
        "{\"SaleData\":{\"SaleToPOIData\":\"reward=COFFEE\",\"SaleTransactionID\":{"
        "\"TransactionID\":\"T\",\"TimeStamp\":\"x\"}},"
        "\"LoyaltyTransaction\":{\"LoyaltyTransactionType\":\"Redemption\"}}");
    error("Loyalty", "Refusal");
    ask(b, "S9", "Loyalty",
        loyalty("Redemption", "", x, "\"LoyaltyUnit\":\"Monetary\",\"Value\":2.07"));
    error("Loyalty", "");
    is("LoyaltyResponse.LoyaltyResult.0.Rebates.TotalRebate", "2"); /* never more than was wanted */
    assert_int_equal(cards_purse(&b->card), 800);
    close_till(b);
}

static const char *with_words(const char *type, const char *words, const char *reference, const char *total)
{
    static char body[1200];
    snprintf(body, sizeof body,
             "{\"SaleData\":{\"SaleToPOIData\":\"%s\",\"SaleTransactionID\":{\"TransactionID\":\"T\",\"TimeStamp\":\"x\"}},"
             "\"LoyaltyTransaction\":{\"LoyaltyTransactionType\":\"%s\"%s},\"LoyaltyData\":[{\"CardAcquisitionReference\":{"
             "\"TransactionID\":\"%s\",\"TimeStamp\":\"x\"}}]}",
             words, type, total, reference);
    return body;
}

TEST(nexo, a_reward_that_pays_money_is_redeemed_and_coupons_and_tenders_reach_the_award)
{
    struct bench *b = new_bench();
    const char *x = acquire(b, "C1");
    ask(b, "S1", "Loyalty", with_words("Redemption", "reward=tenth", x, ""));
    error("Loyalty", "Refusal"); /* of what bill? */
    ask(b, "S2", "Loyalty", with_words("Redemption", "reward=fiver", x, ""));
    error("Loyalty", "");
    is("LoyaltyResponse.LoyaltyResult.0.Rebates.TotalRebate", "5");
    assert_int_equal(cards_purse(&b->card), 900);
    x = acquire(b, "C2");
    ask(b, "S3", "Loyalty",
        with_words("Award", "coupon=TEA-1&tender=giftcard:10.00&tender=cash:20.00", x, ",\"TotalAmount\":30"));
    error("Loyalty", "");
    is("LoyaltyResponse.LoyaltyResult.0.LoyaltyAmount.Value", "27");
    close_till(b);
}

TEST(nexo, a_redemption_waits_for_the_members_own_card)
{
    struct bench *b = new_bench();
    struct asked a;
    b->config.wait_ms = 20000;
    close_till(b);
    open_till(b);
    const char *x = acquire(b, "C1");
    reader_sim_present(&b->reader, NULL);
    turn(b, 20);
    send(b, &a, "ECR1", "S1", "Loyalty", loyalty("Redemption", "", x, points_200));
    turn(b, 50);
    assert_false(a.replied);
    reader_sim_present(&b->reader, &b->card.target);
    await(b, &a);
    assert_string_equal(at(a.reply, "LoyaltyResponse.Response.Result"), "Success");
    json_decref(a.reply);
    assert_int_equal(cards_purse(&b->card), 800);
    /* by number: the card is asked for, and another member's is no good */
    reader_sim_present(&b->reader, &b->other.target);
    ask(b, "S2", "Loyalty",
        "{" SALE("T") ",\"LoyaltyTransaction\":{\"LoyaltyTransactionType\":\"Redemption\"},"
                      "\"LoyaltyData\":[{\"LoyaltyAccountID\":"
                      "{\"IdentificationType\":\"AccountNumber\",\"LoyaltyID\":\"M12\"},"
                      "\"LoyaltyAmount\":{\"Value\":100}}]}");
    error("Loyalty", "InvalidCard");
    assert_int_equal(cards_purse(&b->other), PURSE);
    assert_int_equal(cards_purse(&b->card), 800);
    close_till(b);
    open_till(b); /* and nobody was acquired */
    ask(b, "S3", "Loyalty",
        "{" SALE("T") ",\"LoyaltyTransaction\":{\"LoyaltyTransactionType\":\"Redemption\"},"
                      "\"LoyaltyData\":[{\"LoyaltyAccountID\":"
                      "{\"IdentificationType\":\"AccountNumber\",\"LoyaltyID\":\"M12\"},"
                      "\"LoyaltyAmount\":{\"Value\":100}}]}");
    error("Loyalty", "InvalidCard");
    assert_int_equal(cards_purse(&b->other), PURSE);
    close_till(b);
}

/* The redemption S1, torn at the n-th exchange after the acquisition; then as the sentence says. */
TEST(nexo, a_redemption_torn_anywhere_ends_once_when_the_card_comes_back)
{
    int torn = 0, wrong = 0;
    for (int n = 1; n <= 12; n++)
        for (int acted = 0; acted < 2; acted++) {
            struct bench *b = new_bench();
            struct asked a;
            b->config.wait_ms = 20000;
            close_till(b);
            test_remove_journal(b->path);
            b = new_bench();
            close_till(b);
            b->config.wait_ms = 20000;
            open_till(b);
            const char *x = acquire(b, "C1");
            reader_sim_tear(&b->reader, n, acted, ERR_GONE);
            send(b, &a, "ECR1", "S1", "Loyalty", loyalty("Redemption", "", x, points_200));
            for (int i = 0; i < 400 && !a.replied; i++) {
                turn(b, 1);
                if (!b->reader.card && i % 20 == 9 && b->till->sale.state == SALE_DOUBT) {
                    reader_sim_present(&b->reader, &b->other.target); /* the wrong one: it is asked for again */
                    turn(b, 10);
                    reader_sim_present(&b->reader, NULL);
                    wrong++;
                } else if (!b->reader.card && i % 20 == 19) {
                    reader_sim_present(&b->reader, &b->card.target);
                    torn++;
                }
            }
            if (!a.replied)
                fail_msg("torn at %d: no reply", n);
            assert_string_equal(at(a.reply, "LoyaltyResponse.Response.Result"), "Success");
            json_decref(a.reply);
            assert_int_equal(cards_purse(&b->card), 800);
            ask(b, "S1", "Loyalty", loyalty("Redemption", "", x, points_200));
            error("Loyalty", "");
            assert_int_equal(cards_purse(&b->card), 800);
            close_till(b);
            test_remove_journal(b->path);
        }
    assert_true(torn > 4);
    assert_true(wrong > 0);
}

/* ---- killed ---- */

/* Sends this as S1 in a child that dies at its point-th crash point; false: it lived to the end. */
static bool dies_in(struct bench *b, int point, const char *category, const char *body)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct asked a;
        char number[16];
        open_till(b);
        snprintf(number, sizeof number, "%d", point);
        setenv("PATRON_CRASH", number, 1);
        crash_read();
        send(b, &a, "ECR1", "S1", category, body);
        for (int i = 0; i < 500 && !a.replied; i++)
            turn(b, 1);
        _exit(a.replied ? 0 : 3);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) {
        assert_int_equal(WTERMSIG(status), SIGKILL);
        return true;
    }
    assert_int_equal(WEXITSTATUS(status), 0);
    return false;
}

static bool dies_at(struct bench *b, int point, const char *reference)
{
    return dies_in(b, point, "Loyalty", loyalty("Redemption", "", reference, points_200));
}

TEST(nexo, a_till_killed_anywhere_in_any_other_service_has_done_it_once_when_the_request_comes_again)
{
    static const char by_original[] = "{\"OriginalPOITransaction\":{\"POITransactionID\":{\"TransactionID\":\"%s\"}},"
                                      "\"ReversalReason\":\"Unable2Compl\"}";
    enum { AWARD, PART, WHOLE, POINTS_BACK, REVERSAL, REBATE, ACQUISITION, ROWS };
    static const uint32_t effect[ROWS] = {1, 1, 1, 1, 1, 0, 0};
    int killed = 0;
    for (int row = 0; row < ROWS; row++) {
        const char *category = row == REVERSAL ? "Reversal" : row == ACQUISITION ? "CardAcquisition" : "Loyalty";
        bool lived = false;
        for (int point = 1; !lived; point++) {
            struct bench *b = new_bench();
            char x[60], body[2000], first[2000], *text;
            b->config.wait_ms = 20000;
            snprintf(x, sizeof x, "%s", acquire(b, "C1"));
            ask(b, "A0", "Loyalty", loyalty("Award", "\"TotalAmount\":30", x, "")); /* T0007-1 */
            ask(b, "D0", "Loyalty", loyalty("Redemption", "", x, points_200));       /* T0007-3 */
            assert_int_equal(entries(b), 3);
            if (row == REVERSAL)
                snprintf(body, sizeof body, by_original, "T0007-3");
            else
                snprintf(body, sizeof body, "%s",
                         row == AWARD         ? loyalty("Award", "\"TotalAmount\":20", x, "")
                         : row == PART        ? refund("AwardRefund", "T0007-1", ",\"TotalAmount\":10")
                         : row == WHOLE       ? refund("AwardRefund", "T0007-1", "")
                         : row == POINTS_BACK ? refund("RedemptionRefund", "T0007-3", "")
                         : row == REBATE      ? loyalty("Rebate", "\"TotalAmount\":6,\"SaleItem\":[{\"ItemID\":1,"
                                                                  "\"ProductCode\":\"2002\",\"ItemAmount\":6}]", x, "")
                                              : ACQUIRE("Required"));
            close_till(b);
            lived = !dies_in(b, point, category, body);
            killed += !lived;
            reader_sim_init(&b->reader); /* the machine comes up again, the card is on the counter */
            open_till(b);
            reader_sim_present(&b->reader, &b->card.target);
            ask(b, "TS", "TransactionStatus", "{\"MessageReference\":{\"ServiceID\":\"S1\"}}");
            const char *status = at(last.reply, "TransactionStatusResponse.Response.ErrorCondition");
            assert_true(!*status || strcmp(status, "NotFound") == 0);
            assert_int_equal(entries(b), 3 + (*status ? 0 : effect[row])); /* both are there or neither */
            ask(b, "S1", category, body);
            error(category, "");
            text = nexo_json_write_create(last.reply);
            snprintf(first, sizeof first, "%s", text);
            free(text);
            assert_int_equal(entries(b), 3 + effect[row]);
            ask(b, "S1", category, body);
            text = nexo_json_write_create(last.reply);
            assert_string_equal(text, first);
            free(text);
            assert_int_equal(entries(b), 3 + effect[row]);
            close_till(b);
            test_remove_journal(b->path);
        }
    }
    assert_true(killed >= 2 * ROWS);
}

TEST(nexo, a_till_killed_anywhere_in_a_redemption_ends_it_once_when_the_request_comes_again)
{
    bool lived = false;
    int in_doubt = 0, points = 0;
    for (int point = 1; !lived; point++) {
        struct bench *b = new_bench();
        char x[60];
        close_till(b);
        test_remove_journal(b->path);
        b = new_bench();
        b->config.wait_ms = 20000;
        snprintf(x, sizeof x, "%s", acquire(b, "C1"));
        close_till(b);
        reader_sim_present(&b->reader, &b->card.target);
        lived = !dies_at(b, point, x);
        points++;
        /* the machine comes up again, the card is on the counter */
        reader_sim_init(&b->reader);
        open_till(b);
        reader_sim_present(&b->reader, &b->card.target);
        ask(b, "TS", "TransactionStatus", "{\"MessageReference\":{\"ServiceID\":\"S1\"}}");
        in_doubt += strcmp(at(last.reply, "TransactionStatusResponse.Response.ErrorCondition"),
                           "InProgress") == 0;
        ask(b, "S1", "Loyalty", loyalty("Redemption", "", x, points_200));
        error("Loyalty", "");
        is("LoyaltyResponse.LoyaltyResult.0.LoyaltyAmount.Value", "200");
        is("LoyaltyResponse.LoyaltyResult.0.Rebates.TotalRebate", "2");
        assert_int_equal(cards_purse(&b->card), 800);
        char id[60];
        snprintf(id, sizeof id, "%s", transaction_id(0));
        ask(b, "S1", "Loyalty", loyalty("Redemption", "", x, points_200));
        is("LoyaltyResponse.POIData.POITransactionID.TransactionID", id);
        assert_int_equal(cards_purse(&b->card), 800);
        close_till(b);
        test_remove_journal(b->path);
    }
    assert_true(in_doubt >= 2);
    print_message("  killed at %d points, %d times in doubt\n", points - 1, in_doubt);
}

TEST(nexo, a_redemption_the_cashier_gave_up_is_answered_so_when_the_request_comes_again)
{
    struct bench *b = new_bench();
    char x[60];
    snprintf(x, sizeof x, "%s", acquire(b, "C1"));
    close_till(b);
    bool doubt = false;
    for (int point = 1; !doubt; point++) {
        assert_true(dies_at(b, point, x));
        reader_sim_init(&b->reader);
        open_till(b);
        doubt = b->till->sale.state == SALE_DOUBT;
        if (!doubt) {
            close_till(b);
            test_remove_journal(b->path);
            b = new_bench();
            snprintf(x, sizeof x, "%s", acquire(b, "C1"));
            close_till(b);
        }
    }
    /* other requests wait until it is settled */
    ask(b, "S2", "Loyalty", loyalty("Award", "\"TotalAmount\":30", x, ""));
    error("Loyalty", "Busy");
    reader_sim_present(&b->reader, &b->card.target);
    /* the cashier gives up: nothing was redeemed, as far as is told */
    till_feed(b->till, (struct sale_event){.kind = SALE_GIVE_UP});
    turn(b, 5);
    ask(b, "S1", "Loyalty", loyalty("Redemption", "", x, points_200));
    error("Loyalty", "Cancel");
    ask(b, "S2", "Loyalty", loyalty("Award", "\"TotalAmount\":30", x, ""));
    error("Loyalty", "");
    close_till(b);
}

/* ---- the rest ---- */

TEST(nexo, a_register_decides_points_only_where_the_programme_lets_it)
{
    struct bench *b = new_bench();
    const char *x = acquire(b, "C1");
    char grant[1000];
    snprintf(grant, sizeof grant, "%s", loyalty("Award", "", x, "\"AmountValue\":20"));
    ask(b, "S1", "Loyalty", grant);
    error("Loyalty", "");
    is("LoyaltyResponse.LoyaltyResult.0.LoyaltyAmount.Value", "20");
    is("LoyaltyResponse.LoyaltyResult.0.CurrentBalance", "1020");
    is("LoyaltyResponse.POIData.POITransactionID.TransactionID", "T0007-1");
    ask(b, "S1", "Loyalty", grant);
    is("LoyaltyResponse.POIData.POITransactionID.TransactionID", "T0007-1");
    ask(b, "S2", "Loyalty", loyalty("Award", "", x, "\"Value\":51")); /* per_gift */
    error("Loyalty", "Refusal");
    set_clock("2010-12-05T08:34");
    ask(b, "S1", "Loyalty", grant); /* played again after days */
    is("LoyaltyResponse.POIData.POITransactionID.TransactionID", "T0007-1");
    assert_int_equal(entries(b), 1);
    ask(b, "R1", "Loyalty", refund("AwardRefund", "T0007-1", ""));
    error("Loyalty", "");
    is("LoyaltyResponse.LoyaltyResult.0.LoyaltyAmount.Value", "20");
    ask(b, "R2", "Loyalty", refund("AwardRefund", "T0007-1", ""));
    error("Loyalty", "NotAllowed");
    close_till(b);
}

TEST(nexo, a_register_that_trains_leaves_no_trace)
{
    struct bench *b = new_bench();
    ask(b, "L1", "Login",
        "{\"DateTime\":\"x\",\"SaleSoftware\":{},\"OperatorLanguage\":\"de\",\"TrainingModeFlag\":"
        "true}");
    const char *x = acquire(b, "C1");
    ask(b, "S1", "Loyalty", loyalty("Award", "\"TotalAmount\":30", x, ""));
    error("Loyalty", "");
    is("LoyaltyResponse.LoyaltyResult.0.LoyaltyAmount.Value", "30");
    ask(b, "S2", "Loyalty", loyalty("Redemption", "", x, points_200));
    error("Loyalty", "");
    assert_int_equal(cards_purse(&b->card), PURSE);
    assert_int_equal(entries(b), 0);
    assert_int_equal(journal_memo_next(b->journal), 1);
    assert_false(b->till->training);
    close_till(b);
    open_till(b); /* it still trains after a restart */
    ask(b, "L3", "Logout", "{}"); /* services work without a login, and still leave no trace */
    x = acquire(b, "C2");
    ask(b, "S3", "Loyalty", loyalty("Award", "\"TotalAmount\":30", x, ""));
    error("Loyalty", "");
    assert_int_equal(entries(b), 0);
    /* the other register sells */
    struct asked a;
    send(b, &a, "ECR2", "S3", "Loyalty", loyalty("Award", "\"TotalAmount\":30", "", ""));
    await(b, &a);
    json_decref(a.reply);
    assert_int_equal(entries(b), 1);
    ask(b, "L2", "Login", "{\"DateTime\":\"x\",\"SaleSoftware\":{},\"OperatorLanguage\":\"de\"}");
    x = acquire(b, "C3");
    ask(b, "S4", "Loyalty", loyalty("Award", "\"TotalAmount\":30", x, ""));
    assert_int_equal(entries(b), 2);
    close_till(b);
}

/* A cashier who sells meanwhile would be told a receipt that is written nowhere. */
TEST(nexo, while_a_register_trains_nobody_else_sells_at_the_till)
{
    struct bench *b = new_bench();
    struct asker other = {.answered = other_answered};
    struct asked a;
    till_join_asker(b->till, &other);
    ask(b, "L1", "Login",
        "{\"DateTime\":\"x\",\"SaleSoftware\":{},\"OperatorLanguage\":\"de\",\"TrainingModeFlag\":true}");
    reader_sim_present(&b->reader, NULL);
    turn(b, 3);
    send(b, &a, "ECR1", "C1", "CardAcquisition", ACQUIRE("Required"));
    turn(b, 3);
    assert_true(b->till->training);
    till_ask(b->till, &other, &(struct command){.verb = VERB_TOTAL, .money = money_of(3000)});
    assert_string_equal(other_code, "BUSY");
    reader_sim_present(&b->reader, &b->card.target);
    await(b, &a);
    json_decref(a.reply);
    assert_false(b->till->training);
    till_ask(b->till, &other, &(struct command){.verb = VERB_TOTAL, .money = money_of(3000)});
    assert_string_equal(other_code, "");
    till_leave_asker(b->till, &other);
    close_till(b);
}

TEST(nexo, two_registers_use_the_same_numbers_without_meeting)
{
    struct bench *b = new_bench();
    struct asked a;
    const char *x = acquire(b, "C1");
    ask(b, "S1", "Loyalty", loyalty("Award", "\"TotalAmount\":30", x, ""));
    send(b, &a, "ECR2", "S1", "Loyalty", loyalty("Award", "\"TotalAmount\":20", x, ""));
    await(b, &a);
    assert_string_equal(at(a.reply, "LoyaltyResponse.POIData.POITransactionID.TransactionID"),
                        "T0007-2");
    assert_string_equal(at(a.reply, "LoyaltyResponse.LoyaltyResult.0.LoyaltyAmount.Value"), "20");
    json_decref(a.reply);
    close_till(b);
}

TEST(nexo, a_member_is_named_by_number_where_no_card_is_at_hand)
{
    struct bench *b = new_bench();
    static const char by[] = "{" SALE(
        "T") ",\"LoyaltyTransaction\":{\"LoyaltyTransactionType\":\"Award\",\"TotalAmount\":30},"
             "\"LoyaltyData\":[{\"LoyaltyAccountID\":{\"IdentificationType\":\"%s\",\"LoyaltyID\":"
             "\"%s\"}}]}";
    static const struct {
        const char *type, *id, *error, *member;
    } rows[] = {{"AccountNumber", "M12", "", "M12"},
                {"AccountNumber", "M-12", "", "M12"},
                {"PAN", "M12", "", "M12"},
                {"BarCode", "M12", "", "M12"},
                {"AccountNumber", "0", "NotFound", ""},
                {"AccountNumber", "M99999999999999999999999", "NotFound", ""},
                {"ISOTrack2", ";4111=99?", "InvalidCard", ""},
                {"BarCode", "123", "NotFound", ""},
                {"PhoneNumber", "+49 30 1234567", "", "unknown"},
                {"PhoneNumber", "no number", "NotFound", ""}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char id[16], body[600];
        snprintf(id, sizeof id, "S%zu", i);
        snprintf(body, sizeof body, by, rows[i].type, rows[i].id);
        ask(b, id, "Loyalty", body);
        error("Loyalty", rows[i].error);
        is("LoyaltyResponse.LoyaltyResult.0.LoyaltyAccount.LoyaltyAccountID.LoyaltyID",
           rows[i].member);
    }
    ask(b, "B1", "BalanceInquiry",
        "{\"LoyaltyAccountReq\":{\"LoyaltyAccountID\":{\"IdentificationType\":\"AccountNumber\","
        "\"LoyaltyID\":\"M12\"}}}");
    error("BalanceInquiry", "UnreachableHost");
    char body[300];
    snprintf(body, sizeof body,
             "{\"LoyaltyAccountReq\":{\"CardAcquisitionReference\":{\"TransactionID\":\"%s\","
             "\"TimeStamp\":\"x\"}}}",
             acquire(b, "C1"));
    ask(b, "B2", "BalanceInquiry", body);
    error("BalanceInquiry", "");
    is("BalanceInquiryResponse.LoyaltyAccountStatus.LoyaltyUnit", "Point");
    ask(b, "B3", "BalanceInquiry",
        "{\"LoyaltyAccountReq\":{\"CardAcquisitionReference\":{\"TransactionID\":\"T0007-N99\"}}}");
    error("BalanceInquiry", "NotFound");
    close_till(b);
}

TEST(nexo, items_are_made_to_add_up_to_what_was_paid)
{
    static const struct {
        const char *total, *items, *earned;
    } rows[] = {
        {"9.8",
         "{\"ProductCode\":\"1\",\"ItemAmount\":6.4},{\"ProductCode\":\"2\",\"ItemAmount\":6}",
         "9"},
        {"15", "{\"ProductCode\":\"1\",\"ItemAmount\":6.4}", "15"},
        {"0", "{\"ProductCode\":\"1\",\"ItemAmount\":6.4}", "0"},
        {"0", "", "0"},
        {"7", "{\"ProductCode\":\"POINTS\",\"ItemAmount\":7}", "7"}};
    struct bench *b = new_bench();
    const char *x = acquire(b, "C1");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char id[16], what[400];
        snprintf(id, sizeof id, "S%zu", i);
        snprintf(what, sizeof what, "\"TotalAmount\":%s%s%s%s", rows[i].total,
                 *rows[i].items ? ",\"SaleItem\":[" : "", rows[i].items, *rows[i].items ? "]" : "");
        ask(b, id, "Loyalty", loyalty("Award", what, x, ""));
        error("Loyalty", "");
        is("LoyaltyResponse.LoyaltyResult.0.LoyaltyAmount.Value", rows[i].earned);
    }
    close_till(b);
}

/* ---- devices ---- */

static struct {
    char shown[200];
    int asked, unasked;
    bool there;
} display;

static bool show(void *arg, const char *const *lines, int count)
{
    (void)arg;
    snprintf(display.shown, sizeof display.shown, "%s", count ? lines[0] : "");
    return display.there;
}

static bool confirm(void *arg, const char *const *lines, int count)
{
    display.asked++;
    return show(arg, lines, count);
}

static void unconfirm(void *arg)
{
    (void)arg;
    display.unasked++;
}

TEST(nexo, the_members_display_shows_and_asks_where_there_is_one)
{
    struct bench *b = new_bench();
    struct asked a;
    close_till(b);
    b->config.wait_ms = 20000;
    b->config.devices = (struct nexo_devices){
        .show = show, .confirm = confirm, .unconfirm = unconfirm, .print = show};
    open_till(b);
    memset(&display, 0, sizeof display);
    static const char text[] = "\"OutputContent\":{\"OutputFormat\":\"Text\",\"OutputText\":[{"
                               "\"Text\":\"Use 200 points?\"}]}";
    char body[600];
    for (int there = 0; there < 2; there++) {
        display.there = there;
        snprintf(
            body, sizeof body,
            "{\"DisplayOutput\":[{\"Device\":\"CustomerDisplay\",\"InfoQualify\":\"Display\",%s}]}",
            text);
        ask(b, "1", "Display", body);
        is("DisplayResponse.OutputResult.0.Response.ErrorCondition",
           there ? "" : "UnavailableDevice");
        snprintf(body, sizeof body,
                 "{\"PrintOutput\":{\"DocumentQualifier\":\"Voucher\",\"ResponseMode\":"
                 "\"PrintEnd\",%s}}",
                 text);
        ask(b, "2", "Print", body);
        is("PrintResponse.Response.ErrorCondition", there ? "" : "DeviceOut");
    }
    assert_string_equal(display.shown, "Use 200 points?");
    snprintf(body, sizeof body,
             "{\"DisplayOutput\":[{\"Device\":\"CashierDisplay\",\"InfoQualify\":\"Display\",%s},"
             "{\"Device\":\"CustomerDisplay\",\"InfoQualify\":\"Display\",%s}]}", text, text);
    ask(b, "3", "Display", body); /* a result each: one is not there, the other shows */
    is("DisplayResponse.OutputResult.0.Response.ErrorCondition", "UnavailableDevice");
    is("DisplayResponse.OutputResult.1.Response.Result", "Success");
    static char roll[4000] = "{\"PrintOutput\":{\"DocumentQualifier\":\"Voucher\",\"ResponseMode\":\"PrintEnd\","
                             "\"OutputContent\":{\"OutputFormat\":\"Text\",\"OutputText\":[";
    for (int i = 0; i <= NEXO_PRINT_LINES; i++)
        strcat(roll, i ? ",{\"Text\":\"x\"}" : "{\"Text\":\"x\"}");
    strcat(roll, "]}}}");
    ask(b, "4", "Print", roll); /* rather than the beginning of it */
    is("PrintResponse.Response.ErrorCondition", "MessageFormat");
    snprintf(body, sizeof body,
             "{\"DisplayOutput\":{\"Device\":\"CustomerDisplay\",\"InfoQualify\":\"Display\",%s},"
             "\"InputData\":{\"Device\":"
             "\"CustomerInput\",\"InfoQualify\":\"Input\",\"InputCommand\":\"GetConfirmation\","
             "\"MaxInputTime\":1}}",
             text);
    for (int yes = 0; yes < 2; yes++) {
        send(b, &a, "ECR1", "I1", "Input", body);
        turn(b, 5);
        assert_false(a.replied);
        nexo_confirmed(b->nexo, yes);
        assert_true(a.replied);
        assert_string_equal(at(a.reply, "InputResponse.InputResult.Input.ConfirmedFlag"),
                            yes ? "true" : "false");
        assert_string_equal(at(a.reply, "InputResponse.InputResult.Response.Result"), "Success");
        json_decref(a.reply);
    }
    send(b, &a, "ECR1", "I2", "Input", body);
    ask(b, "A1", "Abort", "{\"AbortReason\":\"x\",\"MessageReference\":{\"ServiceID\":\"I2\"}}");
    assert_string_equal(at(a.reply, "InputResponse.InputResult.Response.ErrorCondition"),
                        "Aborted");
    assert_int_equal(display.unasked, 1);
    json_decref(a.reply);
    ask(b, "I3", "Input", body); /* MaxInputTime */
    is("InputResponse.InputResult.Response.ErrorCondition", "Cancel");
    assert_int_equal(display.unasked, 2);
    close_till(b);
}

/* ---- every field of every request, spoilt ---- */

static int spoilt_count, refused_count;

/* Answered, never a crash, no effect of a refusal. */
static void try_spoilt(void *arg, json_t *whole, const char *name, int kind)
{
    struct bench *b = arg;
    struct asked a = {.call = {on_reply, on_refuse}};
    json_t *header = json_object_get(whole, "MessageHeader");
    uint32_t before = entries(b);
    char id[11]; /* a new message each, or it would be known already */
    snprintf(id, sizeof id, "k%d", spoilt_count++);
    if (json_is_object(header) && strcmp(name, "ServiceID") != 0)
        json_object_set_new(header, "ServiceID", json_string(id));
    nexo_request(b->nexo, whole, &a.call);
    for (int i = 0; i < 400 && !a.replied; i++)
        turn(b, 1);
    if (!a.replied)
        fail_msg("no reply when %s is spoilt (%d)", name, kind);
    json_t *body =
        json_object_iter_value(json_object_iter_next(a.reply, json_object_iter(a.reply)));
    const char *result = at(body, "Response.Result");
    if (!a.empty && !*a.refused && strcmp(result, "Success") != 0 && entries(b) != before)
        fail_msg("%s spoilt (%d): %s, and it counted", name, kind, result);
    refused_count += strcmp(result, "Failure") == 0 || *a.refused;
    json_decref(a.reply);
}

TEST(nexo, every_field_of_every_request_may_be_missing_huge_or_of_another_type)
{
    struct bench *b = new_bench();
    char path[512], *line = NULL;
    size_t cap = 0;
    struct errmsg why = {""};
    close_till(b);
    b->config.wait_ms = 1;
    open_till(b);
    snprintf(path, sizeof path, "%s/nexo/requests.txt", test_data_dir());
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (getline(&line, &cap, f) > 0) {
        json_t *v = nexo_json_read(bytes_of(line, strlen(line)), &why);
        assert_non_null(v);
        (void)spoil_each(v, try_spoilt, b);
        json_decref(v);
    }
    fclose(f);
    free(line);
    print_message("  %d requests, %d refused\n", spoilt_count, refused_count);
    assert_true(spoilt_count > 1000);
    assert_true(refused_count > spoilt_count / 2);
    ask(b, "D1", "Diagnosis", "{}");
    error("Diagnosis", "");
    uint32_t count = 0;
    assert_int_equal(journal_verify(b->journal, &count, &why), OK);
    close_till(b);
}

TEST(nexo, a_key_comes_back_after_two_days_with_a_new_sale)
{
    struct bench *b = new_bench();
    char award[1000], *stamp;
    const char *x = acquire(b, "C1");
    snprintf(award, sizeof award, "%s", loyalty("Award", "\"TotalAmount\":30", x, ""));
    ask(b, "S1", "Loyalty", award);
    is("LoyaltyResponse.POIData.POITransactionID.TransactionID", "T0007-1");
    stamp = strstr(award, "2010-12-01T08:00:00Z");
    assert_non_null(stamp);
    stamp[9] = '4'; /* the same sale again, by another stamp */
    ask(b, "S1", "Loyalty", award);
    is("LoyaltyResponse.POIData.POITransactionID.TransactionID", "T0007-1");
    set_clock("2010-12-04T08:34");
    ask(b, "S1", "Loyalty", award);
    error("Loyalty", "");
    is("LoyaltyResponse.POIData.POITransactionID.TransactionID", "T0007-2");
    assert_int_equal(entries(b), 2);
    close_till(b);
}

TEST(nexo, a_card_that_is_nobodys_is_enrolled_once)
{
    static struct vcard fresh;
    static const struct card_uid uid = {{4, 7, 7, 7, 7, 7, 7}};
    struct bench *b = new_bench();
    make_card(&fresh, &uid, 0);
    reader_sim_present(&b->reader, &fresh.target);
    ask(b, "C1", "CardAcquisition", ACQUIRE("Required"));
    error("CardAcquisition", "InvalidCard");
    ask(b, "E1", "Admin", "{\"ServiceIdentification\":\"Enrol,v1\"}");
    error("Admin", "");
    has("AdminResponse.Response.AdditionalResponse", "transaction=T0007-1");
    ask(b, "E1", "Admin", "{\"ServiceIdentification\":\"Enrol,v1\"}");
    has("AdminResponse.Response.AdditionalResponse", "transaction=T0007-1");
    assert_int_equal(entries(b), 1);
    reader_sim_present(&b->reader, &b->card.target);
    ask(b, "E2", "Admin", "{\"ServiceIdentification\":\"Enrol,v1\"}");
    error("Admin", "NotAllowed");
    assert_int_equal(entries(b), 1);
    close_till(b);
}

TEST(nexo, a_disk_that_is_full_confirms_nothing_and_the_same_message_works_when_there_is_room)
{
    struct bench *b = new_bench();
    close_till(b);
    faultvfs_use();
    open_till(b);
    char x[60];
    snprintf(x, sizeof x, "%s", acquire(b, "C1"));
    faultvfs.fail_write = faultvfs.writes + 1;
    faultvfs.fail_for_ever = true;
    ask(b, "S1", "Loyalty", loyalty("Award", "\"TotalAmount\":30", x, ""));
    error("Loyalty", "DeviceOut");
    ask(b, "S2", "CardAcquisition", ACQUIRE("Required"));
    error("CardAcquisition", "DeviceOut");
    ask(b, "S3", "Loyalty", loyalty("Redemption", "", x, points_200));
    error("Loyalty", "DeviceOut");
    assert_int_equal(entries(b), 0);
    assert_int_equal(cards_purse(&b->card), PURSE);
    faultvfs.fail_write = 0;
    faultvfs.fail_for_ever = false;
    till_feed(b->till, (struct sale_event){.kind = SALE_CANCEL});
    ask(b, "S1", "Loyalty", loyalty("Award", "\"TotalAmount\":30", x, ""));
    error("Loyalty", "");
    assert_int_equal(entries(b), 1);
    close_till(b);
}

TEST(nexo, another_terminals_messages_are_refused_where_this_one_has_a_name)
{
    struct bench *b = new_bench();
    close_till(b);
    b->config.poi_id = "LT-000007";
    open_till(b);
    ask(b, "D1", "Diagnosis", "{}");
    error("Diagnosis", "NotAllowed");
    close_till(b);
    b->config.poi_id = "P";
    open_till(b);
    ask(b, "D1", "Diagnosis", "{}");
    error("Diagnosis", "");
    close_till(b);
}

TEST(nexo, an_abort_in_doubt_gives_the_redemption_up)
{
    struct bench *b = new_bench();
    struct asked a;
    close_till(b);
    b->config.wait_ms = 20000;
    open_till(b);
    char x[60];
    bool doubt = false;
    snprintf(x, sizeof x, "%s", acquire(b, "C1"));
    for (int n = 1; n < 12 && !doubt; n++) {
        char id[16];
        snprintf(id, sizeof id, "S%d", n);
        reader_sim_present(&b->reader, &b->card.target);
        reader_sim_tear(&b->reader, n, true, ERR_GONE);
        send(b, &a, "ECR1", id, "Loyalty", loyalty("Redemption", "", x, points_200));
        turn(b, 60);
        doubt = b->till->sale.state == SALE_DOUBT;
        if (!a.replied && !doubt) {
            char abort[200];
            snprintf(abort, sizeof abort,
                     "{\"AbortReason\":\"x\",\"MessageReference\":{\"ServiceID\":\"%s\"}}", id);
            ask(b, "A1", "Abort", abort);
            assert_true(a.replied);
        }
        if (!doubt) {
            json_decref(a.reply);
            snprintf(x, sizeof x, "%s", acquire(b, n % 2 ? "C2" : "C3"));
        } else {
            char abort[200];
            snprintf(abort, sizeof abort,
                     "{\"AbortReason\":\"x\",\"MessageReference\":{\"ServiceID\":\"%s\"}}", id);
            ask(b, "A1", "Abort", abort);
            assert_true(a.replied);
            assert_string_equal(at(a.reply, "LoyaltyResponse.Response.ErrorCondition"), "Aborted");
            json_decref(a.reply);
            ask(b, id, "Loyalty", loyalty("Redemption", "", x, points_200));
            error("Loyalty", "Aborted"); /* kept */
        }
    }
    assert_true(doubt);
    close_till(b);
}

TEST(nexo, a_torn_redemption_whose_card_does_not_stay_is_refused_and_the_door_is_free)
{
    int cancelled = 0;
    for (int n = 1; n < 12; n++) {
        struct bench *b = new_bench();
        struct asked a;
        close_till(b);
        test_remove_journal(b->path);
        b = new_bench();
        close_till(b);
        b->config.wait_ms = 400;
        open_till(b);
        char x[60];
        snprintf(x, sizeof x, "%s", acquire(b, "C1"));
        reader_sim_tear(&b->reader, n, false, ERR_GONE); /* it did nothing */
        send(b, &a, "ECR1", "S1", "Loyalty", loyalty("Redemption", "", x, points_200));
        bool doubt = false;
        for (int i = 0; i < 1000 && !a.replied; i++) {
            turn(b, 1);
            if (b->till->sale.state == SALE_DOUBT &&
                !doubt) { /* it says that it was not debited ... */
                doubt = true;
                reader_sim_present(&b->reader, &b->card.target);
            } else if (doubt && b->till->sale.state == SALE_PREPARING) { /* ... and is taken away */
                reader_sim_present(&b->reader, NULL);
            }
        }
        assert_true(a.replied);
        const char *e = at(a.reply, "LoyaltyResponse.Response.ErrorCondition");
        if (doubt && *e) {
            assert_string_equal(e, "Cancel");
            cancelled++;
            assert_int_equal(cards_purse(&b->card), PURSE);
        }
        json_decref(a.reply);
        char error_before[60];
        snprintf(error_before, sizeof error_before, "%s", e);
        ask(b, "S1", "Loyalty", loyalty("Redemption", "", x, points_200));
        error("Loyalty", error_before); /* kept */
        ask(b, "S2", "Loyalty", loyalty("Award", "\"TotalAmount\":30", x, ""));
        error("Loyalty", "");
        close_till(b);
        test_remove_journal(b->path);
    }
    assert_true(cancelled > 0);
}
