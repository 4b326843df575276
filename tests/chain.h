/* chain.h - a chain of shops of real programs, for the demo and the end-to-end tests: head office, tills, each
 * with a simulated reader and cards, each behind a line that can be cut.  See harness.h.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TESTS_CHAIN_H
#define PATRON_TESTS_CHAIN_H

#include "tests/harness.h"

enum { CHAIN_TILLS_MAX = 4 };

struct till {
    int number;               /* 1.. */
    bool cut;                 /* its line to head office */
    struct proc program, sim;
    struct control control;   /* of the till; closed after a kill */
    struct control cards;     /* of the simulated reader */
    struct relay relay;
    char *home, *clock, *link, *socket;
    const char *config;       /* file for --config; NULL = none */
};

struct chain {
    const char *bin;          /* folder of the programs */
    char *root;               /* everything lives here */
    char *log;                /* what every program said on standard error */
    struct proc office, desk_sim, desk; /* desk: patronctl card issue, waiting for orders */
    int desk_in;
    struct control desk_cards;
    int office_port;
    const char *office_config; /* file for --config; NULL = none */
    char *office_home, *office_clock;
    int till_count;
    struct till tills[CHAIN_TILLS_MAX];
};

/* A fresh chain in root (removed first): head office with this pack, set up and running. */
void chain_open(struct chain *c, const char *bin, const char *root, const char *pack, const char *time);
/* Ends every program. */
void chain_close(struct chain *c);

/* env: NULL, or "PATRON_CRASH=N". */
void chain_office_start(struct chain *c, const char *env);
void chain_office_clock(struct chain *c, const char *time);
/* patronctl --json ARGS...; standard output into out.  chain_ctl dies unless it ends with 0. */
void chain_ctl(struct chain *c, char *out, size_t size, const char *const args[]);
int chain_ctl_status(struct chain *c, char *out, size_t size, const char *const args[]);
/* A member of the JSON object in text; they die when it is not there. */
int64_t json_number_of(const char *text, const char *key);
void json_text_of(const char *text, const char *key, char *out, size_t size);

/* A till is added, enrolled, started, with a reader of its own. */
struct till *chain_add_till(struct chain *c, const char *shop);
void till_start(struct chain *c, struct till *t, const char *env);
void till_clock(struct till *t, const char *time);
void till_cut(struct till *t);
int till_restore(struct till *t); /* how often it was refused meanwhile */

/* A card of this kind ("ev1", "ev2") and name, issued to a fresh member at head office's desk, sent to the
 * shop of this till.  The desk is open from the first card until chain_desk_close. */
void chain_issue(struct chain *c, struct till *t, const char *kind, const char *name);
void chain_desk_close(struct chain *c);
/* A card goes to another shop. */
void chain_move_card(struct till *from, struct till *to, const char *name);
void card_put(struct till *t, const char *name);
void card_take(struct till *t);
/* The purse the card itself holds. */
int64_t card_purse(struct till *t, const char *name);

#endif
