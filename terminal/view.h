/* view.h - all that a screen may show of a till, copied out at one moment.  The cashier's screen, the
 * member's display and the status of both doors are drawn from this and from nothing else.
 * Inside terminal/ only.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TERMINAL_VIEW_H
#define PATRON_TERMINAL_VIEW_H

#include "sync/wire.h"
#include "terminal/sale/sale.h"

enum { VIEW_PARKED_MAX = 8 };

enum view_part { PART_NONE, PART_THERE, PART_AWAY }; /* of a reader, a printer */

/* What a cashier did since login, for the shift report. */
struct view_shift {
    bool there;                /* VERB_SHIFT was answered */
    int64_t since_s;
    int32_t sales, refunds, grants, joins;
    struct money sold, by_points, given_back; /* sold: whole bills; by_points: of that, paid with points */
    struct points earned, redeemed, granted;
    int32_t ratings[3];
};

/* A bill put aside. */
struct view_parked {
    int32_t number; /* 1.. */
    member_id member;
    struct money total;
    int64_t time_s;
};

struct till_view {
    /* the till */
    uint32_t terminal;
    char shop[TXN_NAME_SIZE];
    int64_t now_s;
    bool has_line, online;
    int64_t contact_s;         /* head office answered last; 0 = never */
    uint32_t owed;             /* entries it has not got yet */
    enum view_part reader, printer; /* printer away: it cannot print now */
    char printer_trouble[WIRE_SENTENCE_SIZE]; /* why it cannot print now; "" = it can */
    uint32_t receipts_waiting;
    uint32_t pack_version;     /* in effect; 0 = none */
    const struct pack *pack;   /* NULL = none; for money_text.  Valid until the next turn */
    uint32_t cashier;          /* 0 = nobody */
    char cashier_name[WIRE_NAME_SIZE];
    char language[WIRE_LANGUAGE_SIZE]; /* the cashier's, "" = not said */
    bool supervisor, training, locked;
    bool staffed;              /* head office named who works here: somebody has to log in */
    struct view_shift shift;
    bool selling;              /* false: the journal takes nothing (disk full, damaged); trouble says why */
    char trouble[WIRE_SENTENCE_SIZE];

    /* the member */
    enum txn_means means;      /* MEANS_NONE = nobody is identified */
    member_id member;          /* 0 = known to head office only */
    uint32_t times_known;      /* in this sale; one more: tapped again */
    char name[WIRE_NAME_SIZE]; /* "" = anonymous, or not known here */
    char tier[TXN_NAME_SIZE];
    bool told;                 /* head office was asked at this tap: the six below are of now; else of told_s */
    int64_t told_s;            /* 0 = never, nothing is known */
    char next_tier[TXN_NAME_SIZE];
    int64_t missing;
    struct points expiring;
    uint32_t flags;            /* TAPPED_... */
    char suggestion[WIRE_SENTENCE_SIZE];
    char member_language[WIRE_LANGUAGE_SIZE]; /* the member's, "" = not said */
    struct points held;        /* at head office, not on the card */
    struct points spendable;   /* here and now, within the limits but for the bill's share */
    struct money spendable_value;
    const char *spendable_why; /* a sentence: what else than purse, least and step bounds that; NULL = nothing */
    struct points purse;       /* on the card */
    struct points on_cards;    /* known otherwise than by a card, and told: on the member's cards */
    struct points pending;     /* earned: head office has not got it, or it may not be spent yet */
    int32_t stamp_count;       /* of the programme, when somebody is known */
    struct rules_stamp stamps[PACK_STAMPS_MAX];

    /* the bill */
    enum sale_state state;
    const struct txn *bill;    /* lines and total; valid until the next turn */
    struct points earns;       /* as of the last total */
    struct money counted;      /* likewise: what counts for the next tier */
    char earns_why[RULES_WHY_SIZE];
    bool second_tap;           /* SALE_PREPARING: the card must be taken away and come again */
    struct redeem_offer offer;
    struct points redeemed;
    struct money redeemed_value, due;
    struct sale_receipt last;  /* SALE_DONE: what was confirmed */
    bool fresh_card;           /* the card tapped last is ours and nobody's: JOIN binds it */
    const struct txn *receipt; /* the SALE looked at by VERB_RECEIPT; NULL = none, or of another till */
    const int32_t *left;       /* quantity of each of its lines that has not come back */
    int32_t parked_count;
    struct view_parked parked[VIEW_PARKED_MAX];
};

struct till;
void till_view(struct till *t, struct till_view *out);

#endif
