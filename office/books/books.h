/* books.h - the ledger as the office program and patronctl use it: entries in, balances and reasons out.
 * books.c carries facts between db/store_office (SQL) and ledger.c (the decisions, pure).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_BOOKS_H
#define PATRON_OFFICE_BOOKS_H

#include "base/bytes.h"
#include "base/txn.h"
#include "cardproto/card.h"
#include "rules/pack.h"
#include "rules/rules.h"
#include "sync/wire.h"

#include <stdio.h>

struct books;

/* Makes the database of a new programme.  Errors: ERR_EXISTS, ERR_IO. */
MUST_CHECK enum err books_create(const char *path, struct errmsg *why);
/* Opens the database of a programme; keys are used to check card evidence and stay with the caller.
 * Errors: ERR_NOT_FOUND, ERR_IO, ERR_CORRUPT. */
MUST_CHECK enum err books_open(struct books **out, const char *path, const struct card_office_keys *keys,
                               struct errmsg *why);
void books_close(struct books *b);
/* The books of a schema before: their log is posted again into tables of this one, which take their place, with
 * every other table of theirs; the old file stays beside it as PATH.old.  No other program may have them open.  *entries: how many; *differing:
 * members whose points are others now (a sale of a card that was somebody's later counts now).  keys as for
 * books_open.  Errors: ERR_STATE (they are of this schema), ERR_BUSY, ERR_EXISTS (PATH.old is there), ERR_IO,
 * ERR_CORRUPT; then nothing has changed. */
MUST_CHECK enum err books_upgrade(const char *path, const struct card_office_keys *keys, int64_t *entries,
                                  int64_t *differing, struct errmsg *why);

/* One database transaction around any number of posts: nothing of them lasts before books_commit. */
MUST_CHECK enum err books_begin(struct books *b, struct errmsg *why);
MUST_CHECK enum err books_commit(struct books *b, struct errmsg *why);
void books_rollback(struct books *b);

/* The disk is nearly full: every change is refused with ERR_FULL, by a sentence for people, until there is room
 * again.  Reading goes on. */
MUST_CHECK enum err books_refuse_changes(struct books *b, bool refuse, struct errmsg *why);

enum post_result {
    POST_NEW,      /* taken into the log and posted */
    POST_REPEATED, /* known already, same bytes: nothing done (I2) */
    POST_CONFLICT, /* the same id with other bytes: refused, noted for review */
    POST_GAP,      /* an earlier sequence number is missing: refused, send from books_next_seq */
};
/* entry: the txn's encoded bytes, as they arrived.  chain: hash after it.  An entry whose evidence or
 * rules do not hold is kept and noted for review, and posts nothing it may not.
 * Errors: ERR_IO, ERR_CORRUPT: the caller rolls back. */
MUST_CHECK enum err books_post(struct books *b, const struct txn *t, struct bytes entry,
                               int64_t received_s, enum post_result *result, struct errmsg *why);
/* Head office's own txn: id and encoding are made here; t->id is filled in.  On disk when it returns, unless
 * a transaction is open: then with that one.  Errors: those of txn_check;
 * for a LOAD_INTENT, ERR_STATE: of more than is held by now; ERR_EXISTS: the load number is another's. */
MUST_CHECK enum err books_post_own(struct books *b, struct txn *t, int64_t now_s, struct errmsg *why);

/* One more than the highest load number of all LOAD_INTENTs. */
MUST_CHECK enum err books_next_load(struct books *b, uint32_t *load, struct errmsg *why);

/* The day of the last RUN; INT32_MIN = there was none. */
MUST_CHECK enum err books_run_day(struct books *b, int32_t *day, struct errmsg *why);

/* What the next entry of a terminal must be, and the hash before it. */
MUST_CHECK enum err books_next_seq(struct books *b, uint32_t terminal, uint32_t *seq, uint8_t hash[32],
                                   struct errmsg *why);

struct member_view {
    member_id member;
    member_id merged_into;         /* 0 = it stands for itself; else all its points are that one's */
    char tier[TXN_NAME_SIZE];
    struct points held, on_cards, in_transit, reserved, owed;
    struct points pending;         /* earned, or of a replaced card, and not to be spent yet */
    int32_t enrolled_day;
    int32_t next_expiry_day;       /* DAY_NEVER = nothing expires */
    struct points next_expiry;
};
/* Errors: ERR_NOT_FOUND. */
MUST_CHECK enum err books_member(struct books *b, member_id member, struct member_view *out,
                                 struct errmsg *why);

/* What counts for the member's tier on this day, by the pack: now, and over the whole year before (0 unless its
 * window is a year). */
MUST_CHECK enum err books_metric(struct books *b, member_id member, const struct pack *pack, int32_t today,
                                 int64_t *now, int64_t *last_year, struct errmsg *why);

/* Who the number is now: itself, or the member it was merged into.  Errors: ERR_NOT_FOUND. */
MUST_CHECK enum err books_survivor(struct books *b, member_id member, member_id *out, struct errmsg *why);

struct card_view {
    struct card_uid uid;
    member_id member;              /* 0 = not bound */
    enum card_kind kind;
    enum card_status status;
    struct points purse;           /* by the ledger */
    struct entry_id open_intent;   /* oldest INTENT or LOAD_INTENT in doubt; seq 0 = none */
};
MUST_CHECK enum err books_card(struct books *b, const struct card_uid *uid, struct card_view *out,
                               struct errmsg *why);

/* ---- rewards of which there are only so many ---- */

/* The pieces of a reward, by the view piece: what is left is stock less gone. */
struct pieces {
    int64_t stock; /* put in so far; -1 = without end */
    int64_t gone;  /* set aside or given */
    int64_t had;   /* ... to this member */
};
MUST_CHECK enum err books_pieces(struct books *b, const struct pack_reward *reward, member_id member,
                                 struct pieces *out, struct errmsg *why);
/* Why there is none for this member: a phrase for people, "" = there is. */
const char *pieces_refusal(const struct pack_reward *reward, const struct pieces *pieces);

/* ---- points set aside for a sale without the card ---- */

/* The most that could be set aside: what is held and good on that day, not pending, less what is owed. */
MUST_CHECK enum err books_spendable(struct books *b, member_id member, int64_t now_s, struct points *out,
                                    struct errmsg *why);

struct hold_wanted {
    member_id member;
    struct points points; /* 0, known by a card: a piece of the reward, the card pays */
    enum txn_means means;
    bool factor;          /* the member's PIN was right, or a supervisor allowed it: rules_means_may */
    uint32_t approved_by; /* the supervisor; 0 = nobody */
    uint32_t terminal;    /* the till it is for */
    const char *name;     /* the till's own for it, not "" */
    const char *reward;   /* what for, by the pack's catalogue; NULL, "" = money off */
};
struct hold_view {
    struct entry_id entry;
    member_id member;
    struct points points;
    char reward[TXN_NAME_SIZE];
    int64_t until_s;
    bool open; /* neither redeemed nor let go */
};
/* The newest of this till and name.  Errors: ERR_NOT_FOUND. */
MUST_CHECK enum err books_hold_named(struct books *b, uint32_t terminal, const char *name,
                                     struct hold_view *out, struct errmsg *why);
/* Posts head office's HOLD, good for pack->hold_minutes.  The same terminal and name again give the same one
 * (I2).  On disk when it returns, unless a transaction is open: then with that one.  Errors, with the sentence
 * for the cashier: ERR_AUTH (by these means not so many points, or not without a PIN), ERR_REFUSED (the rules
 * say no, more than is there, none of the reward is left), ERR_STATE (no rules are in force; it was redeemed or let go before), ERR_NOT_FOUND (no such member), ERR_CONFLICT (the name is of
 * other points). */
MUST_CHECK enum err books_hold(struct books *b, const struct hold_wanted *wanted, int64_t now_s,
                               struct hold_view *out, struct errmsg *why);
/* Lets go what was set aside until before now and has not been redeemed: a RELEASE for each.  To be called
 * every minute or so.  *count: how many. */
MUST_CHECK enum err books_release_due(struct books *b, int64_t now_s, int32_t *count, struct errmsg *why);

/* What a load would have to do, given what the card itself just showed. */
struct load_plan {
    int32_t delta;
    struct card_profile profile;
    bool needed;                   /* delta or profile differ from what is on the card */
    char note[160];                /* for the log: what did not agree */
};
/* First settles what the reading proves about intents in doubt on this card (posting SETTLE or LOAD
 * txns of head office's own), then plans.  Call inside begin/commit.  A blocked card is planned to carry
 * the flag and gets no points; a replaced one is emptied.  Errors: ERR_NOT_FOUND (card not ours). */
MUST_CHECK enum err books_plan_load(struct books *b, const struct card_seen *seen, int64_t now_s,
                                    struct load_plan *out, struct errmsg *why);

/* Packs: signed text in, in the order of versions.  Errors: ERR_EXISTS, ERR_CONFLICT, ERR_FORMAT. */
MUST_CHECK enum err books_add_pack(struct books *b, const struct pack *pack, struct bytes json,
                                   struct bytes signature, struct errmsg *why);
/* The oldest pack with a version above this.  Text is copied into json and signature.
 * Errors: ERR_NOT_FOUND. */
MUST_CHECK enum err books_pack_after(struct books *b, uint32_t version, uint32_t *found,
                                     struct buf *json, struct buf *signature, struct errmsg *why);

/* Hot list: status changes after version, oldest first. */
struct hot_card {
    struct card_uid uid;
    enum card_status status;
};
MUST_CHECK enum err books_hot_since(struct books *b, uint32_t version, struct hot_card *out, int32_t cap,
                                    int32_t *count, uint32_t *new_version, struct errmsg *why);

/* Terminals. */
struct terminal_view {
    uint32_t terminal;
    char shop[TXN_NAME_SIZE];
    bool revoked;
    uint8_t code_hash[32];         /* SHA-256 of the one-time code; zeros = none open */
    uint8_t cert_hash[32];         /* SHA-256 of the certificate, zeros before enrolment */
};
MUST_CHECK enum err books_terminal(struct books *b, uint32_t terminal, struct terminal_view *out,
                                   struct errmsg *why);
MUST_CHECK enum err books_save_terminal(struct books *b, const struct terminal_view *t,
                                        struct errmsg *why);
/* Contact was made: for the fleet page.  Of ask: waiting, program, signature, versions, clock, health. */
MUST_CHECK enum err books_note_contact(struct books *b, uint32_t terminal, int64_t now_s,
                                       const struct wire_sync *ask, struct errmsg *why);
/* What a till is to do: bits ORDER_... of sync/wire.h. */
MUST_CHECK enum err books_orders(struct books *b, uint32_t terminal, uint32_t *orders,
                                 struct errmsg *why);
MUST_CHECK enum err books_set_orders(struct books *b, uint32_t terminal, uint32_t orders,
                                     struct errmsg *why);

/* ---- for people: statements, reviews, totals.  A callback that returns false ends the list. ---- */

/* One posting of a member, oldest first, and why. */
struct statement_line {
    struct entry_id entry;
    int64_t time_s, received_s;
    enum txn_kind kind;
    const char *account;           /* "held", "card", "redeemed", ... */
    struct card_uid card;          /* account "card"; else zeros */
    struct points amount;
    struct points total_after;     /* the member's points in all places after this entry */
    uint32_t pack_version;         /* 0 = no rule was asked */
    char why[RULES_WHY_SIZE + 80]; /* "20.00 GBP x 1/100 x 3/2 (double Friday) = 30" */
};
typedef bool books_statement_fn(const struct statement_line *line, void *arg);
/* Errors: ERR_NOT_FOUND. */
MUST_CHECK enum err books_statement(struct books *b, member_id member, books_statement_fn *each,
                                    void *arg, struct errmsg *why);

/* Something a person has to look at: an entry that did not hold, in part or whole. */
struct review_item {
    struct entry_id entry;
    int64_t time_s;
    member_id member;              /* 0 = none */
    const char *answer;            /* "the card's evidence does not hold" */
    const char *detail;
};
typedef bool books_review_fn(const struct review_item *item, void *arg);
MUST_CHECK enum err books_reviews(struct books *b, books_review_fn *each, void *arg,
                                  struct errmsg *why);

/* What had to be said of an entry, each with its detail: "a; b"; "" = nothing. */
MUST_CHECK enum err books_remark(struct books *b, struct entry_id entry, char *out, size_t size, struct errmsg *why);

typedef bool books_member_fn(const struct member_view *m, void *arg);
MUST_CHECK enum err books_members(struct books *b, books_member_fn *each, void *arg,
                                  struct errmsg *why);
/* Points of a member that end on a day, for reminders. */
struct ending_line {
    member_id member;
    int32_t day;          /* the last good one */
    struct points points; /* > 0 */
};
typedef bool books_ending_fn(const struct ending_line *line, void *arg);
/* What ends from from_day to to_day, first-ending first; of one day by member.  DAY_NEVER ends never. */
MUST_CHECK enum err books_ending(struct books *b, int32_t from_day, int32_t to_day, books_ending_fn *each, void *arg,
                                 struct errmsg *why);

typedef bool books_card_fn(const struct card_view *c, void *arg);
/* The cards of a member; 0 = all. */
MUST_CHECK enum err books_cards(struct books *b, member_id member, books_card_fn *each, void *arg,
                                struct errmsg *why);

struct fleet_line {
    struct terminal_view terminal;
    uint32_t last_seq;             /* newest entry head office has; 0 = none */
    int64_t contact_s;             /* 0 = never */
    uint32_t waiting;              /* entries it still had to send then */
    char program[32];
    uint32_t orders;
    struct wire_health health;     /* as it said then */
    uint32_t pack_version, hot_version, staff_version; /* what it had then; 0 = none */
    int64_t skew_s;                /* its clock less head office's */
};
typedef bool books_terminal_fn(const struct fleet_line *t, void *arg);
MUST_CHECK enum err books_terminals(struct books *b, books_terminal_fn *each, void *arg,
                                    struct errmsg *why);

/* The books in one page. */
struct books_totals {
    int64_t entries, terminals, members, cards;
    int64_t sales, refunds;        /* of members and of nobody */
    struct money sold, refunded;
    struct points earned, redeemed, returned, clawed, expired, adjusted;
    struct points held, on_cards, in_transit, reserved, pending, owed;
    struct points in_doubt;        /* amounts of the intents below, without sign */
    int64_t intents_in_doubt;
    int64_t waiting_refunds;       /* whose sale has not arrived; ratings and gifts taken back too */
    int64_t unclaimed;             /* sales and gifts of nobody yet */
    int64_t gifts, ratings;
    struct points given;           /* by tills, less what was taken back */
    int64_t reviews, conflicts;
    int64_t rated, rated_differing; /* I6 */
    int32_t tier_count;
    struct {
        char tier[TXN_NAME_SIZE];
        int64_t members;
    } tiers[PACK_TIERS_MAX + 1];
};
MUST_CHECK enum err books_totals(struct books *b, struct books_totals *out, struct errmsg *why);

/* What somebody did at the tills on these days (of event), ratings included that members gave the sales. */
struct cashier_line {
    uint32_t cashier; /* 0 = nobody: a cash register */
    int64_t sales, refunds, gifts, ratings;
    struct money sold, refunded;
    struct points given;    /* less what was taken back */
    int64_t rating_sum;     /* of ratings, 1 to 3 each */
    int64_t approved;       /* gifts, sales and refunds of others that this one allowed */
};
typedef bool books_cashier_fn(const struct cashier_line *line, void *arg);
MUST_CHECK enum err books_by_cashier(struct books *b, int32_t from_day, int32_t to_day,
                                     books_cashier_fn *each, void *arg, struct errmsg *why);

/* Every posting as CSV with a header line. */
MUST_CHECK enum err books_export(struct books *b, FILE *out, struct errmsg *why);

/* A person behind a member number.  Kept outside the log, so that it can be erased. */
struct person {
    member_id member;
    char name[64], contact[96], note[96];
    char phone[24];    /* as phone_normalise gives it; "" = none */
    char birthday[6];  /* "MM-DD"; "" = not said */
    char language[8];  /* "en", "zh"; "" = not said */
    int64_t consent_s; /* when the name was agreed to be shown at tills; 0 = not */
};
/* Errors: ERR_NOT_FOUND. */
MUST_CHECK enum err books_person(struct books *b, member_id member, struct person *out,
                                 struct errmsg *why);
MUST_CHECK enum err books_save_person(struct books *b, const struct person *p, struct errmsg *why);
/* And what the person was known by: telephone number, PIN.  Not in a transaction.  Afterwards the words are in no file of the database.  Errors: ERR_BUSY: they are
 * erased, but a reader that does not end keeps an older page: call it again. */
MUST_CHECK enum err books_erase_person(struct books *b, member_id member, struct errmsg *why);
/* The lowest member number never used. */
MUST_CHECK enum err books_next_member(struct books *b, member_id *out, struct errmsg *why);

/* The newest pack in force on a day; NULL = none.  Valid until the next books_begin or books_rollback. */
const struct pack *books_pack_on(const struct books *b, int32_t day);

/* Checks every invariant over the whole ledger.  Writes one line for each to out (a FILE).  broken: how
 * many do not hold; the first broken row is named.  Errors: ERR_IO, ERR_CORRUPT. */
MUST_CHECK enum err books_verify(struct books *b, FILE *out, int *broken, struct errmsg *why);
/* I7: posts the log again into an empty store and compares every derived row. */
MUST_CHECK enum err books_replay(struct books *b, FILE *out, int *broken, struct errmsg *why);

#endif
