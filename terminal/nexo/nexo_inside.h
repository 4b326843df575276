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
    bool unknown;    /* what was acquired, by which nobody is known here */
    int64_t wanted;  /* points to be redeemed */
    int32_t coupons; /* entered so far */
    int64_t balance; /* told in reply */
    bool balance_known;
    int32_t entered; /* lines of the bill, so far */

    /* what is undone */
    enum nexo_loyalty undoes;
    struct entry_id original;

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
        struct card_seen seen; /* a full card */
        struct shown shown;    /* anything else */
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

/* nexo_login.c */
struct nexo_login *nexo_login_of(struct nexo *n, const char *sale_id); /* NULL: it never logged in */
void nexo_load_logins(struct nexo *n);
void nexo_log_out(struct nexo *n, const char *sale_id);
json_t *nexo_login(struct nexo *n, const struct nexo_request *r);
json_t *nexo_diagnosis(struct nexo *n, const struct nexo_request *r);

/* nexo_devices.c */
json_t *nexo_display(struct nexo *n, const struct nexo_request *r);
json_t *nexo_print(struct nexo *n, const struct nexo_request *r);
void nexo_begin_input(struct nexo *n);

/* nexo_sale.c: the dialogue */
void nexo_begin(struct nexo *n); /* it is filled; asks the till for the first thing */
void nexo_go_on(struct nexo *n); /* after an answer */
void nexo_answered(struct till *t, struct asker *a, const struct answer *answer);
bool nexo_on_entry(struct till *t, struct asker *a, const struct txn *entry,
                   struct journal_memo *memo);
int64_t nexo_rest_ms(const struct nexo *n); /* of its waiting, at least 1 */
void nexo_ask(struct nexo *n, enum nexo_step step, const struct command *c);
void nexo_ask_for_card(struct nexo *n, enum nexo_step step, int64_t wait_ms);
enum nexo_error nexo_error_of(const struct nexo *n); /* of the till's answer */
enum nexo_error nexo_error_of_code(const char *code); /* as its word says alone */
/* What this dialogue put on the screen goes; the member that a register acquired stays. */
void nexo_clear_up(struct nexo *n);
/* The end of it, without success: cleared up, what is open is cancelled.  nexo_fail is for what asked nothing yet. */
void nexo_give_up(struct nexo *n, enum nexo_error e, const char *why);
void nexo_fail_as_answered(struct nexo *n);
void nexo_known(struct nexo *n); /* who it is is settled */

/* nexo_who.c */
bool nexo_resolve(struct nexo *n); /* whom the request names, if anybody; false: answered */
void nexo_find_member(struct nexo *n);
void nexo_begin_acquisition(struct nexo *n);
void nexo_acquired(struct nexo *n); /* a card came, or did not */
void nexo_finish_balance(struct nexo *n);

/* nexo_undo.c */
void nexo_begin_undo(struct nexo *n);
void nexo_look(struct nexo *n);
void nexo_refund(struct nexo *n); /* the original was looked up */

/* nexo_reply.c */
/* The reply to r whose effect is this entry of the journal. */
json_t *nexo_reply_of(const struct nexo *n, const struct nexo_request *r, const struct txn *e, const char *mode,
                      const int64_t *balance); /* NULL = not known any more */
const char *nexo_what_of(const struct txn *e);
int64_t nexo_moved(const struct txn *e); /* points, whichever way */
/* After this entry, which is being written. */
bool nexo_balance_after(struct nexo *n, const struct txn *e, int64_t *out);
bool nexo_balance_now(struct nexo *n, int64_t *out); /* of the member identified; false: it is not known here */
json_t *nexo_account_of(const struct nexo *n, member_id member, enum txn_means means, const char *mode);
json_t *nexo_poi_data(const char *id, int64_t time_s);

#endif
