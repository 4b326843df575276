/* nexo_inside.h - what nexo.c and its parts share.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_NEXO_INSIDE_H
#define PATRON_TERMINAL_NEXO_INSIDE_H

#include "terminal/nexo/nexo.h"
#include "terminal/till.h"

#define NEXO_MEMOS "nexo" /* the door of its memos */
enum { NEXO_LOGINS_MAX = 16, NEXO_REF_SIZE = TXN_REF_SIZE, NEXO_MODE_SIZE = 24 };

struct nexo_login {
    char sale_id[NEXO_ID_SIZE]; /* "" = free */
    bool in, training;
};

/* What the till was asked last for a dialogue. */
enum nexo_step {
    NEXO_CARD,    /* VERB_TAP: any card */
    NEXO_NAMED,   /* VERB_IDENTIFY */
    NEXO_KNOWN,   /* who it is is settled; nothing is asked yet */
    NEXO_ENTERED, /* VERB_LINE or VERB_TOTAL of an award */
    NEXO_CLOSED,  /* VERB_TOTAL after lines */
    NEXO_DONE,    /* the verb that writes the entry */
    NEXO_SETTLED, /* VERB_TAP: the card of a redemption in doubt */
    NEXO_LOOKED,  /* VERB_RECEIPT: the original of a refund */
    NEXO_PERSON,  /* the member is asked yes or no */
};

/* The request that waits, or is being worked on. */
struct nexo_dialogue {
    bool on;
    struct nexo_call *call; /* NULL: the register is gone */
    json_t *message;
    struct nexo_request r;
    bool keeps;              /* its outcome becomes a memo */
    bool training, switched; /* switched: the till trains for this dialogue alone */
    bool aborted;
    uint8_t digest[32], whole[32];
    char ref[NEXO_REF_SIZE];
    uint32_t memo_id; /* of the memo that is open; 0 = none */
    enum nexo_step step;
    int64_t deadline_ms; /* for all waiting together */

    /* who it is about */
    enum txn_means means; /* NONE: whoever's card comes */
    char value[NEXO_TEXT_MAX + 1];
    member_id member; /* the card that comes must be this member's; 0 = any */
    char mode[NEXO_MODE_SIZE];
    bool tapped;     /* a card was asked for already */
    bool named;      /* by us, so that it is cleared afterwards */
    int64_t wanted;  /* points to be redeemed */
    int32_t coupons; /* entered so far */
    int64_t balance; /* told in reply */
    bool balance_known;
    int32_t entered; /* lines of the bill, so far */

    /* what is undone */
    enum nexo_loyalty undoes;
    struct entry_id original;
    uint32_t original_memo; /* of a rebate */

    /* the till's answer */
    bool answered, waited; /* waited: not at once */
    enum verb verb;
    char code[24]; /* "" = it was done */
    char say[400];
    char what[MEMO_NAME_SIZE]; /* of a success that has no entry */
    int64_t amount;
    enum nexo_error
        refusal; /* of a redemption that is cancelled after its INTENT; SUCCESS = none */
    char refusal_why[400];
    bool kept;     /* reply is a refusal that was written with its entry */
    json_t *reply; /* made with the entry, sent when it is on disk */
};

struct nexo {
    struct asker asker; /* first: what its asker points to */
    struct asker quiet; /* clears up; its answers are not read */
    struct asker ahead; /* the card that may come before its request */
    struct till *t;
    struct nexo_config config;
    struct till_extra extra;
    struct nexo_login logins[NEXO_LOGINS_MAX];

    bool came_ahead; /* EnableService: a card came, for the next CardAcquisition and for none after it */
    enum nexo_error not_ahead; /* why none is waited for */
    /* The card that was acquired last, to be used again by its reference. */
    struct {
        uint32_t memo;
        int64_t until_ms;
        enum txn_means means;
        member_id member;
        struct card_seen seen;
        int64_t total; /* all points, as told last */
        bool total_known;
        bool online;
    } acquired;

    struct nexo_dialogue d;
    struct nexo_request now;  /* of a message that is answered at once */
    struct nexo_request then; /* of one whose memo is completed */
    char *text;               /* of the reply that is being kept */
    uint8_t buffer[MEMO_REPLY_MAX];
    struct till_view view;
    struct rebate rebate;
};

/* nexo.c */
/* The reply, kept or not, to the dialogue's register; body as nexo_reply makes it, taken over. */
void nexo_finish(struct nexo *n, json_t *response, bool kept_already);
/* A failure, kept when it is a decision. */
void nexo_fail(struct nexo *n, enum nexo_error e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The reply of a failure to r; message "" = none. */
json_t *nexo_failure(const struct nexo_request *r, enum nexo_error e, const char *message);
/* The same to the dialogue's request, with the name it is kept under. */
json_t *nexo_refusal(struct nexo *n, enum nexo_error e, const char *message);
/* "T0007-N12" of the memo to come, or of this one. */
void nexo_memo_name(const struct nexo *n, char out[NEXO_ID_SIZE], uint32_t memo);
uint32_t nexo_memo_of(const struct nexo *n, const char *name); /* 0: it is none of ours */
const char *nexo_time(char out[40], int64_t time_s);
const struct pack *nexo_pack(const struct nexo *n); /* NULL: there is none yet */
const char *nexo_brand(const struct nexo *n);
int32_t nexo_digits(const struct nexo *n);
bool nexo_fill_memo(struct nexo *n, struct journal_memo *m, const char *what, json_t *response);

/* nexo_totals.c */
json_t *nexo_totals(struct nexo *n, const struct nexo_request *r); /* the reply to GetTotals */

/* nexo_sale.c */
void nexo_begin(struct nexo *n); /* the dialogue is filled; asks the till for the first thing */
void nexo_go_on(struct nexo *n); /* after an answer */
void nexo_answered(struct till *t, struct asker *a, const struct answer *answer);
bool nexo_on_entry(struct till *t, struct asker *a, const struct txn *entry,
                   struct journal_memo *memo);
/* The reply to r whose effect is this entry of the journal. */
json_t *nexo_reply_of(struct nexo *n, const struct nexo_request *r, const struct txn *e,
                      const char *mode);
const char *nexo_what_of(const struct txn *e);

#endif
