/* wire.h - txns and frames as bytes: sync/link.proto by nanopb, which nobody else sees.  Pure, no
 * allocation.  A decoded request or answer borrows its struct bytes from the frame it came in.
 *
 * Whatever encodes here decodes here, to the same thing; decoding what we encoded and encoding that gives
 * the same bytes.  So an entry that a till could journal is one that head office can read.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_SYNC_WIRE_H
#define PATRON_SYNC_WIRE_H

#include "base/bytes.h"
#include "base/staff.h"
#include "base/txn.h"

enum {
    WIRE_FRAME_MAX = 65536,  /* without the 4 bytes of length */
    WIRE_ENTRY_MAX = 32768,  /* one encoded txn; the largest that txn_check lets through is below 31000 */
    WIRE_HASH_SIZE = 32,
    WIRE_BATCH_MAX = 64,     /* entries in one Sync, fewer when they are large */
    WIRE_BATCH_BYTES = 60000, /* of entries in one Sync, each with WIRE_PER_ENTRY: leaves room for the rest */
    WIRE_PER_ENTRY = 4,      /* tag and length of an entry inside a Sync, at most */
    WIRE_HOT_MAX = 500,
    WIRE_CODE_SIZE = 64,     /* texts, with the final 0 */
    WIRE_PROGRAM_SIZE = 32,
    WIRE_SENTENCE_SIZE = 320,
    WIRE_VALUE_MAX = 320,    /* what was shown: a code, a tag's message */
    WIRE_NAME_SIZE = STAFF_NAME_SIZE, /* of a person */
    WIRE_PHONE_SIZE = 24,    /* "+49301234567" */
    WIRE_PIN_SIZE = 12,
    WIRE_STAFF_MAX = 50,
    WIRE_LANGUAGE_SIZE = STAFF_LANGUAGE_SIZE
};

/* ---- entries ---- */

/* Checks (txn_check) and appends to out.  Errors: ERR_FORMAT, ERR_RANGE (t is not well formed), ERR_FULL
 * (more than out holds, or than WIRE_ENTRY_MAX). */
MUST_CHECK enum err wire_encode_txn(struct buf *out, const struct txn *t, struct errmsg *why);
/* Decodes and checks (txn_check).  Errors: ERR_FORMAT, ERR_RANGE; out is then undefined. */
MUST_CHECK enum err wire_decode_txn(struct txn *out, struct bytes entry, struct errmsg *why);
/* next = SHA-256(previous || entry).  next may be previous. */
void wire_chain(uint8_t next[WIRE_HASH_SIZE], const uint8_t previous[WIRE_HASH_SIZE], struct bytes entry);

/* ---- requests: what a till asks.  The numbers are those of the fields in link.proto. ---- */

enum wire_ask { ASK_ENROL = 2, ASK_SYNC = 3, ASK_TAP = 4, ASK_LOAD = 5, ASK_CARD_ANSWER = 6,
                ASK_HOLD = 7, ASK_PERSON = 8, ASK_REPLACE = 9 };

/* How the till is, for the fleet page: Health in link.proto. */
struct wire_health {
    uint32_t reader, printer, receipts_waiting, journal, disk_free_mb;
    uint32_t locked; /* HEALTH_... */
    uint32_t entries;
};
enum { HEALTH_OPEN, HEALTH_LOCKED, HEALTH_WIPED };

struct wire_enrol {
    char code[WIRE_CODE_SIZE]; /* one-time */
    struct bytes csr;          /* PKCS#10, DER */
};
struct wire_sync {
    uint32_t first_seq; /* of entries[0] */
    int32_t count;      /* 0..WIRE_BATCH_MAX */
    struct bytes entries[WIRE_BATCH_MAX];
    struct bytes hash;      /* WIRE_HASH_SIZE bytes, after the last entry; empty with no entries */
    struct bytes signature; /* of hash by the terminal's key, DER; empty with no entries */
    uint32_t pack_version, hot_version;
    char program[WIRE_PROGRAM_SIZE];
    int64_t clock_s;
    uint32_t waiting; /* entries still owed after these */
    uint32_t staff_version;
    struct wire_health health;
};
struct wire_tap {
    struct card_uid card; /* zeros = none */
    enum txn_means means;
    struct bytes value; /* what was shown, 0..WIRE_VALUE_MAX bytes */
};
struct wire_load {
    struct card_uid card;
    enum card_kind card_kind; /* CARD_EV1, CARD_EV2 */
};
struct wire_card_answer {
    struct bytes frame;
    bool lost; /* no answer came; frame is empty */
};
struct wire_hold {
    member_id member;
    struct points points; /* 0, with a card: a piece of the reward alone */
    enum txn_means means;
    char name[TXN_REF_SIZE];
    char pin[WIRE_PIN_SIZE]; /* wipe it after use */
    struct card_uid card;
    struct bytes value;
    uint32_t approved_by; /* the supervisor who knows this member; 0 = nobody */
    char reward[TXN_NAME_SIZE]; /* "" = money off */
};
struct wire_person {
    member_id member;
    char name[WIRE_NAME_SIZE], phone[WIRE_PHONE_SIZE];
    bool consent;
    uint32_t cashier;
};
struct wire_replace {
    member_id member;
    struct card_uid lost, card;
    enum card_kind card_kind;
    uint32_t cashier, approved_by;
};
struct wire_request {
    uint32_t number; /* the client's, from 1, one more each time; echoed in the answer */
    enum wire_ask ask;
    union {
        struct wire_enrol enrol;
        struct wire_sync sync;
        struct wire_tap tap;
        struct wire_load load;
        struct wire_card_answer card_answer;
        struct wire_hold hold;
        struct wire_person person;
        struct wire_replace replace;
    };
};

/* ---- answers ---- */

enum wire_say {
    SAY_REFUSED = 2,
    SAY_ENROLLED = 3,
    SAY_SYNCED = 4,
    SAY_TAPPED = 5,
    SAY_CARD_COMMAND = 6,
    SAY_LOADED = 7,
    SAY_HELD = 8,
    SAY_DONE = 9
};

struct wire_refused {
    enum err code; /* ERR_REFUSED for a number this program does not know */
    char sentence[WIRE_SENTENCE_SIZE];
};
struct wire_enrolled {
    uint32_t terminal;
    char shop[TXN_NAME_SIZE];
    struct bytes certificate, ca, pack_key; /* DER */
    uint8_t aid[3];
    uint8_t key_version;
    uint8_t k2[16]; /* wipe it after use, and the two keys below */
    struct bytes code_key;       /* DER */
    uint8_t lookup_key[16], sun_meta_key[16];
};
enum { ORDER_UPLOAD = 1, ORDER_LOCKED = 2, ORDER_WIPE = 4 };
struct wire_hot {
    struct card_uid card;
    enum card_status status;
};
struct wire_synced {
    uint32_t acked_seq; /* everything up to here is in the ledger, committed */
    bool has_pack;      /* one newer than the till's: the oldest such */
    uint32_t pack_version;
    struct bytes pack_json, pack_signature;
    uint32_t hot_version; /* after hot below */
    int32_t hot_count;    /* 0..WIRE_HOT_MAX */
    struct wire_hot hot[WIRE_HOT_MAX];
    int64_t clock_s;
    bool more; /* ask again at once */
    uint32_t staff_version; /* after staff below */
    int32_t staff_count;    /* 0..WIRE_STAFF_MAX */
    struct staff staff[WIRE_STAFF_MAX];
    uint32_t orders; /* ORDER_... */
};
enum { TAPPED_BIRTHDAY = 1, TAPPED_AT_RISK = 2, TAPPED_PIN = 4 };
struct wire_tapped {
    member_id member;
    char tier[TXN_NAME_SIZE];
    struct points held;  /* at head office, spendable after a load */
    struct points purse; /* by the ledger: on this card; known otherwise, on all cards of the member */
    enum card_status card_status;
    bool load_due; /* a load would change the card */
    struct points next_expiry;
    int32_t next_expiry_day; /* DAY_NEVER */
    bool known;              /* false: nobody, or the card is bound to nobody; the rest is then 0 */
    char name[WIRE_NAME_SIZE];       /* "" = anonymous */
    char next_tier[TXN_NAME_SIZE];   /* "" = the highest */
    int64_t missing;                 /* to it, in the pack's metric */
    struct points expiring;          /* that end within 30 days */
    uint32_t flags;                  /* TAPPED_... */
    char suggestion[WIRE_SENTENCE_SIZE];
    struct points spendable;         /* what a Hold could take now, without the card */
    char language[WIRE_LANGUAGE_SIZE];
    struct points pending;           /* at head office, and not to be spent yet */
    int32_t mark_count;
    char marks[TXN_MARKS_MAX][TXN_NAME_SIZE]; /* what rules may ask of the member now */
    int32_t stamp_count;
    struct txn_stamp stamps[TXN_STAMPS_MAX];  /* of the programme in force */
    int32_t enrolled_day;            /* 0 = not told */
    struct points moving;            /* EXPIRY_ACTIVITY: that end when those earned now end, once something is bought */
    struct points owed;              /* what is earned pays this first */
};
struct wire_held {
    uint32_t seq; /* of head office's HOLD */
    struct points points;
    int64_t until_s;
};
struct wire_done {
    member_id member;
    char sentence[WIRE_SENTENCE_SIZE];
};
struct wire_card_command {
    struct bytes frame;
    uint32_t timeout_ms;
};
struct wire_loaded {
    struct points change, purse;
    enum txn_commit commit; /* COMMIT_NONE = there was nothing to do */
    char tier[TXN_NAME_SIZE];
    char sentence[WIRE_SENTENCE_SIZE]; /* what happened, when it was not plain */
};
struct wire_answer {
    uint32_t number;
    enum wire_say say;
    union {
        struct wire_refused refused;
        struct wire_enrolled enrolled;
        struct wire_synced synced;
        struct wire_tapped tapped;
        struct wire_card_command card_command;
        struct wire_loaded loaded;
        struct wire_held held;
        struct wire_done done;
    };
};

/* Appended to out, without the 4 bytes of length.  Errors: ERR_FULL, out then as before; ERR_FORMAT. */
MUST_CHECK enum err wire_encode_request(struct buf *out, const struct wire_request *r,
                                        struct errmsg *why);
MUST_CHECK enum err wire_encode_answer(struct buf *out, const struct wire_answer *a, struct errmsg *why);
/* Errors: ERR_FORMAT (malformed, no ask or two, a text or list too long, sizes wrong); out is then
 * undefined.  frame must outlive out. */
MUST_CHECK enum err wire_decode_request(struct wire_request *out, struct bytes frame,
                                        struct errmsg *why);
MUST_CHECK enum err wire_decode_answer(struct wire_answer *out, struct bytes frame, struct errmsg *why);

#endif
