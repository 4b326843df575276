/* ask.h - what may be asked of this till, and by whom: one list of commands for the cashier's screen, the
 * person at a prompt, a register's socket, and both HTTP doors.  All of them ask the same one sale.
 *
 *   till_ask(t, asker, command) --> at once or later, exactly once: asker->answered(t, asker, answer)
 *
 * Until it is answered the asker is busy and may ask nothing else but VERB_CANCEL or VERB_GIVE_UP: what it
 * waited for is then answered with STATE first.  What the answer is about is read from the till: till_view (view.h), answer->receipt.
 * Inside terminal/ only.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_ASK_H
#define PATRON_TERMINAL_ASK_H

#include "db/journal.h"
#include "terminal/sale/sale.h"

struct till;
struct asker;

/* A verb, and which fields of struct command it reads (ref and wait_ms are optional everywhere). */
enum verb {
    VERB_NONE,
    VERB_STATUS,
    VERB_TAP,       /* wait for a card and identify it; in doubt: settle with the card of the sale.  all: a card
                     * that lies there already has been seen, and counts only when it comes again */
    VERB_IDENTIFY,  /* means, value: who is it, without a card (code, telephone, member number) */
    VERB_LINE,      /* line; or, line NULL, number: of the line that is taken off the bill */
    VERB_COUPON,    /* value: the code of an e-coupon that was shown */
    VERB_TOTAL,     /* money above 0: instead of lines */
    VERB_REDEEM,    /* points, or money (the fewest that cover it), or all, or reward (and points: which step); pin; alone */
    VERB_PAY,       /* tenders: how the rest is paid, as far as it is known */
    VERB_GIVE_UP,
    VERB_CANCEL,
    VERB_RECEIPT,   /* receipt: look at it; view->receipt and left are its sale (answer NOT_FOUND: not of this till) */
    VERB_REFUND,    /* receipt; all, or back, or money */
    VERB_GRANT,     /* points, text (the reason); or receipt: the GRANT to be taken back */
    VERB_JOIN,      /* the unbound card tapped last becomes a new anonymous member's */
    VERB_PERSON,    /* value (telephone), text (name), all (consent): of the member identified */
    VERB_REPLACE,   /* the next card tapped takes the place of the identified member's lost one */
    VERB_RATE,      /* receipt, number 1..3 */
    VERB_LOGIN,     /* staff, pin; staff 0: the badge tapped last (TAP answers BADGE) */
    VERB_LOGOUT,
    VERB_APPROVE,   /* staff, pin, as LOGIN: a supervisor allows what this asker asks next, once */
    VERB_PARK,      /* put the open bill aside */
    VERB_RESUME,    /* number: of a bill put aside */
    VERB_TRAIN,     /* all: training mode on; else off */
    VERB_SHIFT,     /* totals since login */
    VERB_REPRINT,   /* receipt: again, marked COPY */
    VERB_UNPRINT, /* the receipts that wait */
    VERB_DRAWER,
    VERB_BILL,
    VERB_SYNC,
    VERB_ONLINE,
    VERB_SHOW,
    VERB_HELP,
    VERB_QUIT,
    VERBS
};

#define ASK_WAIT_ALWAYS INT64_MAX

/* All texts are borrowed for the call. */
struct command {
    enum verb verb;
    const char *ref;     /* NULL, "" = none */
    int64_t wait_ms;     /* 0 = the usual; ASK_WAIT_ALWAYS: gives way to others (answer code YIELD) */
    const struct txn_line *line;
    struct points points;
    struct money money;
    bool all;
    bool alone;          /* REDEEM: not part of a bill here; its value is the whole bill, and paid at once */
    struct entry_id receipt;
    struct txn_line *back;
    int32_t back_count;
    enum txn_means means;
    const char *value;
    const struct shown *shown; /* IDENTIFY: what the reader saw before (till.h), instead of means and value */
    const char *reward;  /* REDEEM: its code; NULL, "" = money off */
    const struct txn_tender *tenders;
    int32_t tender_count;
    const char *pin;     /* wiped by whoever owns it */
    const char *text;
    uint32_t staff;
    int32_t number;
};

/* Borrowed for the call.  Whoever is answered asks the next thing later, from its own turn. */
struct answer {
    enum verb verb;                     /* what was asked */
    const char *code;                   /* NULL = it was done; else the word of terminal/README.md */
    const char *say;                    /* a sentence for people, in the cashier's language; never NULL */
    const struct sale_receipt *receipt; /* what was closed by it, or was before; NULL = nothing */
};

/* Embedded in whoever asks. */
struct asker {
    enum verb busy;      /* what was asked and has no answer yet */
    bool person;         /* a cashier, who has to log in where somebody has to; else a register, a door */
    int64_t deadline_ms; /* of it; 0 = none */
    void (*answered)(struct till *t, struct asker *a, const struct answer *answer);
    /* Something that nobody asked for; NULL = does not want to know. */
    void (*told)(struct till *t, struct asker *a, const char *sentence);
    /* An entry of this asker's command is about to be written: fill memo with the reply that belongs to it,
     * to be kept in the same transaction (its time_s is filled in; an open one is completed by its id, which
     * journal_memo_find tells).  False: none.  NULL = never. */
    bool (*memo)(struct till *t, struct asker *a, const struct txn *entry, struct journal_memo *memo);
    struct asker *next;  /* the till's */
};

void till_join_asker(struct till *t, struct asker *a); /* from now on it may ask, and is told */
void till_leave_asker(struct till *t, struct asker *a); /* a debit that has begun goes on */
void till_ask(struct till *t, struct asker *a, const struct command *c);

/* For those who carry a verb out: the answer. */
void ask_fine(struct till *t, struct asker *a, const char *format, ...) __attribute__((format(printf, 3, 4)));
void ask_refuse(struct till *t, struct asker *a, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* What somebody waited for came to this end, without the sale; code NULL = good. */
void ask_wait_over(struct till *t, const char *code, const char *say);
/* VERB_REPLACE: the card that came. */
void ask_replace_with(struct till *t, const struct card_seen *seen);

/* For the loop: the sale has answered (t->out); deadlines. */
void ask_answered(struct till *t);
void ask_turn(struct till *t, int64_t now_ms);
int64_t ask_due_ms(const struct till *t);

#endif
