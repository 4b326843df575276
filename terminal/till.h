/* till.h - the state of a running till, and what its files ask of each other.  Inside terminal/
 * only.
 *
 *   loop.c      poll, timers, facts, effects: feeds sale_step and carries out what it says
 *   tap.c       the card on the reader: identify, debit, settle, one exchange at a time
 *   known.c     what else may lie there: kinds of tag, passes; known without a full card
 *   people.c    who is at the till: logins, approvals, shifts, bills put aside
 *   questions.c what head office is asked for somebody who waits: holds, names, new cards
 *   uplink.c    head office: what is owed goes up, packs and hot list come down, taps, loads
 *   ask.c       what is asked becomes sale events, answers go back (ask.h)
 *   commands.c  commands and answers as text
 *   view.c      what a screen may show (view.h)
 *   packs.c     programme packs: kept, checked, chosen by day
 *   paper.c     receipts, the drawer, the printer (receipts.h: the queue; receipt.h: what is printed)
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_TILL_H
#define PATRON_TERMINAL_TILL_H

#include "base/lookup.h"
#include "cardproto/kind.h"
#include "sync/link.h"
#include "sync/outbox.h"
#include "terminal/ask.h"
#include "terminal/limits.h"
#include "terminal/loop.h"
#include "terminal/paper/receipts.h"
#include "terminal/sale/sale.h"
#include "terminal/view.h"

/* ---- who talks to the till ---- */

struct client {
    struct asker asker; /* first: a client is what its asker points to */
    bool used, person;
    bool readable; /* by poll */
    bool ended;    /* no more input */
    bool asked;    /* a person: show the prompt when there is nothing to wait for */
    int in_fd, out_fd;
    size_t in_size, out_size;
    char in[TILL_INPUT_MAX], out[TILL_OUTPUT_MAX];
};

/* ---- the card ---- */

enum job {
    JOB_NONE,
    JOB_IDENTIFY, /* any card: who is it */
    JOB_DEBIT,    /* the sale's card: debit it */
    JOB_SETTLE    /* the sale's card: what became of its INTENT */
};
enum job_at {
    AT_CARD,     /* waiting for a card */
    AT_WITNESS,  /* exchanging: an earlier INTENT in doubt of this card */
    AT_IDENTIFY, /* exchanging: identify, debit or settle */
    AT_DEBIT,
    AT_SETTLE,
    AT_TAP, /* waiting for head office: who is it, is something to be loaded */
    AT_LOAD /* head office talks to the card */
};

/* What a member is known by: as shown or typed, for head office's Tap and Hold. */
struct shown {
    enum txn_means means;
    member_id member;      /* as the thing itself says; 0 = head office knows */
    struct card_uid card;
    uint8_t token[TXN_TOKEN_SIZE]; /* zeros: the member is told, none is needed */
    uint8_t value[KIND_VALUE_MAX];
    size_t value_size;
};

struct tap {
    enum job job;
    enum job_at at;
    int64_t deadline_ms;     /* for a card to come; INT64_MAX = as long as it takes */
    struct reader_card card; /* the one taken */
    bool taken;
    bool session;        /* op is identified or settled and the card has not been let go */
    bool again;          /* the session was stale: started over once */
    bool fresh;          /* the next job begins with a card that comes, not with one that lies there */
    bool told_all;       /* the card that lies there has nothing more to say: wait for it anew */
    enum card_next next; /* what op wants */
    bool loaded;         /* head office has been asked at this tap */
    bool reader_away;    /* as last seen, for status */
    bool away_told;      /* somebody was told so */
    int64_t away_ms;     /* since when; 0 = it is there */
    int64_t left_ms;     /* when a card left before it was read, and nobody was told so; 0 = none did */
    int32_t amount;      /* JOB_DEBIT */
    struct entry_id entry;
    struct card_op op;
    struct kind_op kind;     /* AT_IDENTIFY: what it is; a full card's operation is op */
    bool asked;              /* AT_TAP, AT_LOAD: the question is out */
    int64_t ask_deadline_ms; /* AT_TAP, AT_LOAD: then go on without head office */
    bool known;              /* head office answered at this tap: */
    struct wire_tapped told; /* else what it told last, without names, at told_s (0 = never) */
    int64_t told_s;
    struct shown shown;
    bool second;             /* JOB_DEBIT: the card must be taken away first */
};

/* ---- head office ---- */

enum question {
    ASKED_NOTHING,
    ASKED_SYNC,
    ASKED_TAP,
    ASKED_LOAD,
    ASKED_HOLD,
    ASKED_PERSON,
    ASKED_REPLACE
};

/* questions.c: one that somebody waits for. */
struct question_out {
    bool open, asked; /* asked: it is on the line */
    int64_t deadline_ms;
    struct wire_request request;
};

/* ---- who is at the till ---- */

struct people {
    bool staffed;         /* head office has named who works here */
    struct staff cashier; /* id 0 = nobody */
    bool gone;            /* head office has taken the cashier out: logged out after the sale in hand */
    struct view_shift shift;
    uint32_t shift_of, shift_seq; /* whose, and from which entry on; kept over a restart */
    const struct asker *approver; /* whose next command approved_by allows; NULL = nobody's */
    uint32_t approved_by;
    uint32_t badge; /* on the reader at badge_ms; 0 = none */
    int64_t badge_ms;
    int wrong; /* PINs, since the last right one */
    int64_t wait_until_ms;
    struct view_parked parked[VIEW_PARKED_MAX]; /* number 0 = empty */
    int32_t parked_last; /* number of the one put aside last */
};

struct uplink {
    struct link_config *config;
    struct link *link; /* NULL: no line at all */
    const char *address;
    enum question asked;
    bool up;
    bool told_down;      /* said once, not with every attempt */
    int64_t contact_s;   /* head office answered last; 0 = never */
    int64_t ahead_s;     /* of head office's clock, as last compared; 0 before that */
    int32_t contact_day; /* as saved */
    struct outbox outbox;
    struct wire_request request;
    uint8_t entries[WIRE_BATCH_BYTES + WIRE_ENTRY_MAX];
    uint8_t signature[MBED_SIGNATURE_MAX];
};

struct packs {
    int32_t count; /* newest first */
    struct pack held[TILL_PACKS_MAX];
    const struct pack *in_effect; /* of held; NULL = none yet */
    uint32_t newest;              /* version, 0 = none */
    struct pack then;             /* an older one, for a refund or a sale resumed */
    struct pack incoming;         /* being read */
    uint8_t json[PACK_JSON_MAX + 1];
};

/* Since the start, for whoever watches the machine. */
struct till_counts {
    uint64_t taps, exchanges, append_failures;
};

struct till {
    struct till_parts parts;
    struct journal *journal;
    struct reader *reader;
    bool quit;

    struct sale sale;
    struct sale_effects out;
    struct sale_facts facts;

    struct packs packs;
    uint32_t hot_version, staff_version;
    bool wiped;  /* its keys are gone by order: one more word to head office, and it ends */
    bool locked; /* by order of head office, also over a restart: nothing is sold with points until it says so */
    struct kind_keys kinds;
    struct people people;
    struct question_out question;
    struct shown by;     /* what the sale's member is known by */
    const char *pin;     /* of the redemption being asked for; NULL = none */
    bool replacing;      /* the next card is to replace the member's lost one */
    uint32_t replace_approved_by;
    bool training;
    const struct asker *trains; /* it is the lesson of this one alone, who is not the cashier: others wait; NULL = of all */
    uint32_t trained;    /* entries that were not written */
    int32_t latest_day;  /* no clock that is right stands before it; also over a restart */
    int32_t latest_saved;
    bool told_clock;     /* that it differs from head office's: said once */
    struct tap tap;
    struct uplink up;
    struct receipts *receipts; /* NULL = no printer */
    struct till_extra paper;
    struct display *display; /* NULL = no member's display */
    struct {
        struct asker *who; /* NULL = nobody */
        bool asked;        /* the member types a PIN */
        struct command command;
        char ref[TXN_REF_SIZE], reward[TXN_NAME_SIZE];
    } redeeming; /* a redemption without a PIN, in case that one is wanted */
    char boot[RECEIPT_BOOT_SIZE];

    int spare_fd; /* for till_accept */
    int listener;
    char socket_path[TILL_PATH_MAX];
    struct client clients[TILL_CLIENTS_MAX];
    struct asker *askers;  /* all that may ask; clients, screen, doors */
    struct asker *current; /* whose command is being carried out */
    struct asker *waiter;  /* whose tap or redeem waits for the card */
    struct till_extra *extras;

    struct till_counts counts;
    struct errmsg trouble; /* why the journal takes nothing; "" = it does */
    struct till_view view; /* scratch of whoever shows something */
    int64_t idle_ms;  /* next housekeeping */
    int64_t hurry_ms; /* next attempt to connect for a sync that is waited for */

    /* scratch, for one call at a time */
    uint8_t entry[JOURNAL_ENTRY_MAX];
    struct txn known, original, earlier;
    struct txn witness; /* tap.c: the INTENT in doubt that is being read off its card */
    bool looked_at; /* original and left are of the receipt that VERB_RECEIPT asked for last */
    int32_t left[TXN_LINES_MAX];
    struct money given; /* back without goods */
    struct txn_line back[TILL_RETURNS_MAX];
};

/* loop.c */
void till_feed(struct till *t, struct sale_event in);
/* Something that nobody asked for: to every person (as till_say), and to stderr, which is kept: it names no member. */
void till_tell(struct till *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Listen on a unix socket at path (made anew, 0600).  Errors: ERR_RANGE, ERR_IO. */
MUST_CHECK enum err till_unix_listen(int *out, const char *path, int backlog, struct errmsg *why);
/* accept4, not blocking; -1: nobody, or there is no descriptor for whom there is. */
int till_accept(struct till *t, int listener);
int64_t till_disk_free(const struct till *t); /* bytes, where the journal is; -1 = unknown */
/* Facts of now; about a card (zeros = none) or member (0 = none) from the journal and hot list. */
void till_facts(struct till *t);
void till_card_facts(struct till *t, const struct card_uid *uid, member_id member);
/* And what head office has told of it that may not be spent yet. */
void till_add_pending(struct till *t, bool told);
/* What head office has told of the member that the rules may ask for, pending points too.  Stamps only when it had all of
 * this till's sales: else one of them might fill the card again. */
void till_told_facts(struct till *t, bool told);
/* view.c: the stamp cards of the sale in hand; out has room for PACK_STAMPS_MAX.  Returns how many. */
int32_t till_stamps(const struct till *t, struct rules_stamp *out);
/* Decode a journalled entry into out.  Errors: as journal_get, ERR_CORRUPT. */
MUST_CHECK enum err till_read(struct txn *out, enum err found, struct buf *entry,
                              struct errmsg *why);

/* tap.c */
void tap_begin(struct till *t, enum job job, int64_t deadline_ms);
void tap_turn(struct till *t, int64_t now_ms);
void tap_commit(struct till *t); /* the INTENT is on disk */
void tap_end(struct till *t);    /* let the card go, wipe its keys */
bool tap_wants_card(const struct till *t); /* it waits for a card to come */
int64_t tap_due_ms(const struct till *t, int64_t now_ms);
void tap_answered(struct till *t, const struct wire_answer *a); /* to a Tap or Load */
void tap_offline(struct till *t);                               /* it will not be answered */

/* JOB_IDENTIFY without a reader: shown was typed. */
void tap_ask_typed(struct till *t);
void tap_ask_office(struct till *t); /* shown, or the card: who is it */
/* The job ends with this word: SALE_TAP_REFUSED or SALE_CARD_FAILED. */
void tap_refused(struct till *t, enum card_status_word word, bool several);

/* known.c */
/* A card or tag was taken: AT_IDENTIFY, with the first frame of the first kind that it could be. */
void known_begin(struct till *t);
/* It is no full card: kind.seen says what. */
void known_otherwise(struct till *t);
/* Into tap.shown.  Errors: ERR_FORMAT, ERR_MAC, ERR_RANGE: why. */
MUST_CHECK enum err known_typed(struct till *t, enum txn_means means, const char *text, struct errmsg *why);
/* A telephone number as head office keeps it; without a country it is this till's.  Errors: ERR_FORMAT. */
MUST_CHECK enum err till_phone(char out[PHONE_TEXT_SIZE], const struct till *t, const char *text,
                               struct errmsg *why);
void known_identified(struct till *t); /* tap.shown, with or without head office's answer */
/* tap.told, kept for the days without a line; and what was kept.  card NULL: of what is shown. */
void known_told(struct till *t, const struct card_uid *card);
bool known_remembered(struct till *t, const struct card_uid *card);

/* people.c */
void people_open(struct till *t);
void people_changed(struct till *t); /* head office changed who works here */
void people_settle(struct till *t);  /* between two sales */
void people_login(struct till *t, struct asker *a, const struct command *c);
void people_logout(struct till *t, struct asker *a);
void people_badge(struct till *t, const struct staff *who); /* it is on the reader */
void people_shift(struct till *t, struct asker *a);
void people_journalled(struct till *t, const struct txn *e);
void people_approve(struct till *t, struct asker *a, const struct command *c);
uint32_t people_take_approval(struct till *t, const struct asker *a); /* 0 = none */
void people_left(struct till *t, const struct asker *a);
/* Is it approved, or the cashier a supervisor, or nobody named at all?  False: refused with what. */
bool people_may(struct till *t, struct asker *a, uint32_t approved_by, const char *what);
void people_facts(struct till *t, struct sale_facts *f);
void people_grant_facts(struct till *t, struct sale_facts *f);
void people_park(struct till *t, struct asker *a);
void people_resume(struct till *t, struct asker *a, const struct command *c);

/* questions.c */
void question_put(struct till *t, const struct wire_request *r); /* t->waiter waits */
void question_hold(struct till *t);                              /* the sale asks for one */
void question_turn(struct till *t, int64_t now_ms);
int64_t question_due_ms(const struct till *t, int64_t now_ms);
void question_answered(struct till *t, const struct wire_answer *a);
void question_dropped(struct till *t); /* the line went down over it */
void question_forget(struct till *t);  /* nobody waits any more */

bool till_is_idle(const struct till *t); /* loop.c: no sale in hand, no card on the reader */
void till_damaged(struct till *t, const struct errmsg *why); /* loop.c: an entry of the journal is wrong */

/* uplink.c */
MUST_CHECK enum err uplink_open(struct till *t, struct errmsg *why);
void uplink_close(struct till *t);
void uplink_resume(struct till *t); /* the journal changed under it: what is owed, anew */
void uplink_turn(struct till *t, int64_t now_ms);
int64_t uplink_due_ms(const struct till *t);
bool uplink_is_up(const struct till *t);
MUST_CHECK bool uplink_ask(struct till *t, enum question q, struct wire_request *r,
                           int32_t timeout_ms);
void uplink_journalled(struct till *t, uint32_t seq);
/* A number kept as a setting, 0 = none; saving costs an fsync. */
int64_t uplink_load_number(struct till *t, const char *name);
void uplink_save_number(struct till *t, const char *name, int64_t value);
int32_t uplink_days_since_contact(const struct till *t, int64_t now_s);

/* packs.c */
void packs_open(struct till *t);
MUST_CHECK enum err packs_take(struct till *t, struct bytes json, struct bytes signature,
                               struct errmsg *why);
/* Choose by day; only while no sale is open (I6). */
void packs_choose(struct till *t, int32_t day);
/* A pack by its version: one of those held, or read into packs.then; NULL: it is not kept here. */
const struct pack *packs_find(struct till *t, uint32_t version);

/* paper.c: all do nothing, or say so, on a till without a printer */
MUST_CHECK enum err paper_open(struct till *t, struct errmsg *why);
void paper_close(struct till *t);
/* Around each append; queues the receipt of a SALE or REFUND in its transaction. */
void paper_before(struct till *t, const struct txn *txn);
void paper_after(struct till *t, const struct txn *txn);
void paper_train(struct till *t, const struct txn *txn); /* instead, in training */
void paper_paid(struct till *t, const struct sale_receipt *r); /* opens the drawer when it is to */
MUST_CHECK enum err paper_reprint(struct till *t, struct entry_id id, struct errmsg *why);
MUST_CHECK enum err paper_drop(struct till *t, uint32_t *count, struct errmsg *why);
MUST_CHECK enum err paper_drawer(struct till *t, struct errmsg *why);
void paper_view(const struct till *t, struct till_view *v);

/* commands.c */
void commands_open(struct till *t, struct client *c);
void commands_input(struct till *t, struct client *c);
void commands_output(struct till *t, struct client *c);
void commands_close(struct till *t, struct client *c);
int64_t commands_due_ms(const struct till *t);

#endif
