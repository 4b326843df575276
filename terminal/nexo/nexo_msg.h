/* nexo_msg.h - nexo messages as plain structs: a request read field by field, and the parts replies are made of.
 * Pure but for jansson's memory.  Field names, defaults and limits: docs/nexo.md.
 *
 * A request is read liberally (single values for lists, three spellings of an amount, unknown fields) and
 * refused exactly: the first bad field is named as nexo tills expect it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_NEXO_MSG_H
#define PATRON_TERMINAL_NEXO_MSG_H

#include "base/txn.h"
#include "terminal/nexo/nexo_json.h"

#define NEXO_SERVICE_LIST(X)                                                                       \
    X(LOGIN, "Login")                                                                              \
    X(LOGOUT, "Logout")                                                                            \
    X(DIAGNOSIS, "Diagnosis")                                                                      \
    X(CARD_ACQUISITION, "CardAcquisition")                                                         \
    X(BALANCE_INQUIRY, "BalanceInquiry")                                                           \
    X(LOYALTY, "Loyalty")                                                                          \
    X(REVERSAL, "Reversal")                                                                        \
    X(TRANSACTION_STATUS, "TransactionStatus")                                                     \
    X(ABORT, "Abort")                                                                              \
    X(DISPLAY, "Display")                                                                          \
    X(INPUT, "Input")                                                                              \
    X(PRINT, "Print")                                                                              \
    X(ENABLE_SERVICE, "EnableService")                                                             \
    X(GET_TOTALS, "GetTotals")                                                                     \
    X(ADMIN, "Admin")
#define NEXO_SERVICE_ENUM(name, text) NEXO_##name,
enum nexo_service { NEXO_SERVICE_LIST(NEXO_SERVICE_ENUM) NEXO_OTHER };
#undef NEXO_SERVICE_ENUM

#define NEXO_ERROR_LIST(X)                                                                         \
    X(MESSAGE_FORMAT, "MessageFormat")                                                             \
    X(NOT_FOUND, "NotFound")                                                                       \
    X(NOT_ALLOWED, "NotAllowed")                                                                   \
    X(REFUSAL, "Refusal")                                                                          \
    X(INVALID_CARD, "InvalidCard")                                                                 \
    X(CANCEL, "Cancel")                                                                            \
    X(ABORTED, "Aborted")                                                                          \
    X(BUSY, "Busy")                                                                                \
    X(IN_PROGRESS, "InProgress")                                                                   \
    X(UNAVAILABLE_SERVICE, "UnavailableService")                                                   \
    X(UNAVAILABLE_DEVICE, "UnavailableDevice")                                                     \
    X(DEVICE_OUT, "DeviceOut")                                                                     \
    X(UNREACHABLE_HOST, "UnreachableHost")                                                         \
    X(LOGGED_OUT, "LoggedOut")
#define NEXO_ERROR_ENUM(name, text) NEXO_E_##name,
enum nexo_error { NEXO_SUCCESS, NEXO_ERROR_LIST(NEXO_ERROR_ENUM) };
#undef NEXO_ERROR_ENUM
const char *nexo_error_text(enum nexo_error e); /* "" for SUCCESS */

enum nexo_handling {
    HANDLING_FORBIDDEN,
    HANDLING_PROCESSED,
    HANDLING_ALLOWED,
    HANDLING_PROPOSED,
    HANDLING_REQUIRED
};
enum nexo_loyalty {
    LOYALTY_AWARD,
    LOYALTY_REDEMPTION,
    LOYALTY_REBATE,
    LOYALTY_AWARD_REFUND,
    LOYALTY_REDEMPTION_REFUND,
    LOYALTY_REBATE_REFUND
};
extern const char *const nexo_loyalty_text[6]; /* "Award", ... */
enum nexo_identification { ID_NONE, ID_PAN, ID_TRACK2, ID_BARCODE, ID_ACCOUNT, ID_PHONE };

enum {
    NEXO_ID_SIZE = 48,    /* SaleID, POIID, transaction ids, with the final 0 */
    NEXO_TEXT_MAX = 1000, /* of any other text of a request, in bytes */
    NEXO_FAULT_SIZE = 240,
    NEXO_REWARD_SIZE = 32,
    NEXO_ECHO_MAX = 128,  /* longest text that is repeated to the sender */
    NEXO_OUTPUTS_MAX = 8, /* of a Display */
    NEXO_PRINT_LINES = 64,
    NEXO_RECEIPT_WIDTH = 42,
    NEXO_RECEIPT_LINES_MAX = 16,
};

/* Who it is about.  account ID_NONE and reference NULL: not said. */
struct nexo_who {
    enum nexo_identification account;
    const char *value;
    const json_t *entry_mode; /* as sent, NULL = not sent */
    const char *reference;    /* CardAcquisitionReference.TransactionID */
};

struct nexo_amount {
    bool given, monetary;
    struct points points; /* unless monetary */
    struct money money;
};

/* All pointers are into the message. */
struct nexo_request {
    enum nexo_service service;
    const json_t *header, *body;
    char category[40];
    char service_id[11], sale_id[NEXO_ID_SIZE], poi_id[NEXO_ID_SIZE];
    bool other_version; /* a ProtocolVersion we do not speak */
    bool faulty;
    bool nameless;               /* the fault is in the header: this message has no key */
    char fault[NEXO_FAULT_SIZE]; /* "At SaleToPOIRequest.LoyaltyRequest, field SaleData: Missing" */

    const json_t *sale_transaction; /* SaleData.SaleTransactionID, to be echoed; NULL = none */
    /* SaleData.SaleToPOIData: "reward=CODE&coupon=CODE&tender=CODE:AMOUNT", the latter two as often as there are such */
    char reward[NEXO_REWARD_SIZE]; /* "" = none */
    int32_t coupon_count;
    char coupons[TXN_COUPONS_MAX][TXN_NAME_SIZE];
    int32_t tender_count;
    struct txn_tender tenders[TXN_TENDERS_MAX];

    /* Login */
    bool training;
    /* Diagnosis */
    bool host_diagnosis;
    /* CardAcquisition */
    enum nexo_handling handling;
    bool brand_given, brand_ours; /* AllowedLoyaltyBrand, against the brand given to nexo_read */
    bool entry_forced, entry_possible;
    /* BalanceInquiry, Loyalty */
    struct nexo_who who;
    /* Loyalty */
    enum nexo_loyalty loyalty;
    struct nexo_amount amount;
    bool total_given;
    struct money total;
    int32_t line_count;
    struct txn_line lines[TXN_LINES_MAX];
    struct {
        const json_t *id; /* ItemID; NULL = not sent */
        const char *code; /* ProductCode as sent; NULL */
    } items[TXN_LINES_MAX];
    /* refunds and Reversal */
    const char *original;         /* POITransactionID.TransactionID */
    bool reversed_given;
    int64_t reversed_micro;      /* ReversedAmount, in millionths of whatever was moved */
    const json_t *original_json; /* OriginalPOITransaction, to be echoed */
    /* TransactionStatus, Abort */
    const char *ref_category, *ref_service_id, *ref_sale_id; /* NULL = not said */
    bool ref_elsewhere; /* of another POIID than this message's */
    const json_t *reference;
    /* Display, Input, Print: what is shown, and how it is to be echoed */
    const json_t *outputs, *input, *print;
    /* EnableService */
    bool start; /* else AbortTransaction */
    /* GetTotals */
    bool per_sale_id;
    const char *filter_sale_id;
    bool other_filter; /* by what we do not tell apart */
    /* Admin */
    const char *identification; /* "" = not said */
};

/* What the programme calls itself and counts in. */
struct nexo_programme {
    const char *brand;    /* NULL = any */
    const char *currency; /* ISO 4217; NULL = not known yet */
    int32_t digits;       /* of its minor unit */
};

/* request: what is inside SaleToPOIRequest; must outlive out.  False: it cannot be answered as a message at
 * all (no header, no category).  Else out->faulty says whether the fault is to be answered. */
MUST_CHECK bool nexo_read(struct nexo_request *out, const json_t *request,
                          const struct nexo_programme *programme);

/* SHA-256 of category and body as JSON values: order of keys, white space and spelling of numbers do not
 * count; with_time false: nor does SaleData.SaleTransactionID.TimeStamp.  False: no memory. */
MUST_CHECK bool nexo_digest(uint8_t out[32], const struct nexo_request *r, bool with_time);

/* Makes the lines add up to the total: what the total is less (rebates, points) comes off all of them in
 * proportion, what it is more is a line of its own.  False: it cannot be. */
MUST_CHECK bool nexo_fit_total(struct nexo_request *r);

/* ---- what replies are made of; the caller owns what is returned, what is given is taken over ---- */

/* key=value for AdditionalResponse, form-encoded, "&" between; what does not fit is left out whole. */
struct nexo_form {
    char text[600];
    size_t size;
};
void nexo_form_add(struct nexo_form *f, const char *key, const char *value);
void nexo_form_add_int(struct nexo_form *f, const char *key, int64_t n);

json_t *nexo_response(enum nexo_error e, const struct nexo_form *additional); /* "Response" */
json_t *nexo_points_amount(struct points p);                                  /* "LoyaltyAmount" */
json_t *nexo_money_number(struct money m, int32_t digits);
json_t *nexo_transaction_id(const char *id, const char *time); /* "POITransactionID" */
/* entry_mode: as in a request, a single word or a list; support NULL = left out. */
json_t *nexo_account(const char *member, const json_t *entry_mode, const char *support,
                     const char *brand);
/* A customer's receipt; each line is cut to NEXO_RECEIPT_WIDTH characters. */
json_t *nexo_receipt(const char *const *lines, int count);
/* What a reply repeats of its request; SaleData may be NULL. */
json_t *nexo_header(const struct nexo_request *r);
json_t *nexo_sale_data(const struct nexo_request *r);
json_t *nexo_original(const struct nexo_request *r);
json_t *nexo_reference(const struct nexo_request *r);
/* The whole reply, what is inside SaleToPOIResponse: the request's header as a response, and body as
 * <Category>Response. */
json_t *nexo_reply(const struct nexo_request *r, json_t *body);
/* A reply that says no more than its result, in the shape of its category: Response sits inside the results
 * of Display and Input. */
json_t *nexo_plain(const struct nexo_request *r, enum nexo_error e,
                   const struct nexo_form *additional);
/* InputResult with what was entered: field_name "ConfirmedFlag", ...; NULL: nothing. */
json_t *nexo_input_reply(const struct nexo_request *r, enum nexo_error e,
                         const struct nexo_form *additional, const char *field_name, json_t *value);

#endif
