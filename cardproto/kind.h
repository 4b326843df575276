/* kind.h - what a member may hold to the reader: a table of kinds, one file each, tried in order.
 *
 *   kind_start --> kind_step(answer) --> CARD_SEND   send kind_frame(op), step again with the answer
 *                                    \-> CARD_DONE   op->seen: who it claims to be, and by what means
 *                                    \-> CARD_FAILED op->status, op->why
 *
 * The first kind whose recognise says yes begins.  When it ends with CARD_NOT_OURS the next one goes on, on
 * the same card in the same field; any other end is the end.  A full member card comes first and costs no
 * exchange more for that.  Nothing here writes to a card.
 *
 * To add a kind: one file that ends in a const struct kind_ops, its name in the list of kind.c, a section in
 * SPEC.md.  What it needs to remember between two answers is a member of the union in struct kind_op; a key or
 * a switch of its own is a field of struct kind_keys.  Nothing else knows the kinds by name.  A kind that asks
 * before it knows costs each one behind it an exchange: the commonest go first.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_CARDPROTO_KIND_H
#define PATRON_CARDPROTO_KIND_H

#include "base/txn.h"
#include "cardproto/card.h"

enum {
    KIND_FRAME_MAX = 262,
    KIND_ANSWER_MAX = 262,
    KIND_VALUE_MAX = 320,
    KIND_NAME_MAX = 64,
    KIND_RANDOM_SIZE = 96,  /* card: the first 32; Smart Tap: nonce, ephemeral key, session */
    KIND_MESSAGE_MAX = 256, /* of an NDEF message that could be ours */
    KIND_BUNDLE_MAX = 1536  /* of a Smart Tap answer */
};

/* What the reader knows before the first exchange. */
struct kind_facts {
    uint8_t uid[10], uid_size; /* 4, 7 or 10 */
    uint8_t atqa[2], sak;
    uint8_t ats[20], ats_size;
};
/* Made up anew at each tap: it names nobody (ISO 14443-3: 4 bytes that begin with 08). */
bool kind_random_uid(const struct kind_facts *f);

/* The wallet passes: off by default, they need contracts and keys of the phone makers. */
enum { VAS_SEEN_MAX = 64 };
struct vas_memory { /* of what was shown last: a pass has no number of its own, and can be copied */
    uint8_t x[VAS_SEEN_MAX][16];
    uint32_t next;
};
struct vas_keys {
    uint8_t pass_hash[32]; /* SHA-256 of the pass type identifier */
    uint8_t private_key[32];
    struct vas_memory *memory; /* NULL = copies are not noticed */
};
struct smart_tap_keys {
    uint8_t collector[4]; /* most significant byte first */
    uint8_t key_version[4];
    uint8_t private_key[32];
};

/* What this till can and may recognise; borrowed until the operation is over. */
struct kind_keys {
    const struct card_till_keys *card;
    const struct aes_key *sun_meta;         /* NULL = no NTAG 424 of ours */
    bool tags;                              /* NTAG21x with our NDEF record */
    bool uids;                              /* any tag with a UID of 7 bytes */
    bool short_uids;                        /* and with one of 4 that is not random */
    const struct vas_keys *vas;             /* NULL = off */
    const struct smart_tap_keys *smart_tap; /* NULL = off */
};

struct kind_seen {
    enum txn_means means;
    member_id member;    /* as the thing itself says; 0 = it does not, head office knows */
    struct card_uid uid; /* MEANS_CARD, _SUN, _TAG, _UID; zeros = none, or it is random or not of 7 bytes */
    uint8_t value[KIND_VALUE_MAX]; /* for head office's Tap: all it needs to check the claim */
    size_t value_size;
    uint8_t name[KIND_NAME_MAX]; /* the same at every tap: what lookup_token is made of */
    size_t name_size;
};
/*  means        uid  value                                  name
 *  MEANS_CARD   yes  none; op->card->seen has the rest      none
 *  MEANS_SUN    yes  the message of the tag (sun.h)         UID, 7 bytes
 *  MEANS_TAG    yes  "M12345"                               "M12345"
 *  MEANS_UID    7 b  UID, 4 or 7 bytes                      UID, 4 or 7 bytes
 *  MEANS_PASS   no   the pass's value, as its issuer set it the same */

struct kind_op;
struct kind_ops {
    const char *name;
    bool (*recognise)(const struct kind_facts *facts, const struct kind_keys *keys);
    /* CARD_SEND, CARD_DONE or CARD_FAILED, as kind_step; answer is empty at the first call. */
    enum card_next (*step)(struct kind_op *op, struct bytes answer);
};

struct kind_op {
    /* For the caller to read. */
    uint8_t frame[KIND_FRAME_MAX];
    size_t frame_size;
    struct kind_seen seen;
    enum card_status_word status;
    struct errmsg why;
    int32_t exchanges;

    /* kind.c's and the kinds' own. */
    struct kind_facts facts;
    const struct kind_keys *keys;
    struct card_op *card;
    int64_t utc_s;
    uint8_t random[KIND_RANDOM_SIZE];
    int32_t kind; /* in kind_table */
    int32_t at;   /* step of the kind, from 0 */
    union {
        struct kind_message { /* ntag424, ntag21x: an NDEF message on its way */
            uint8_t data[KIND_MESSAGE_MAX];
            size_t size, wanted;
        } message;
        struct kind_smart_tap {
            uint8_t device_nonce[32], reader_public[33], signature[80], session[8];
            uint8_t aes[16], hmac[32];
            size_t signature_size;
            uint8_t sequence;
            uint8_t bundle[KIND_BUNDLE_MAX];
            size_t bundle_size;
        } smart_tap;
    } u;
};

/* card: where a full card's operation lives; after CARD_DONE with MEANS_CARD it is as after
 * card_identify_start, its session open for a debit.  random: fresh.  utc_s: for passes that carry a time,
 * which is UTC.  keys and card must outlive op. */
void kind_start(struct kind_op *op, const struct kind_facts *facts, const struct kind_keys *keys,
                struct card_op *card, const uint8_t random[KIND_RANDOM_SIZE], int64_t utc_s);
MUST_CHECK enum card_next kind_step(struct kind_op *op, struct bytes answer);
static inline struct bytes kind_frame(const struct kind_op *op)
{
    return bytes_of(op->frame, op->frame_size);
}
/* Wipes what is secret; card is the caller's to finish. */
void kind_finish(struct kind_op *op);

/* ---- for the kinds ---- */

enum card_next kind_send(struct kind_op *op, const void *frame, size_t size);
/* CARD_FAILED; CARD_NOT_OURS lets the next kind try. */
enum card_next kind_fail(struct kind_op *op, enum card_status_word status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The data of an ISO 7816 answer that ends in 90 00.  False: another end, or too short. */
bool kind_ok(struct bytes answer, struct bytes *data);
/* CARD_DONE; value and name are the same when name is empty. */
enum card_next kind_done(struct kind_op *op, enum txn_means means, struct bytes value, struct bytes name);

#endif
