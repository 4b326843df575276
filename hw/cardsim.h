/* cardsim.h - what patron-cardsim is made of: its state, and what its three files have of each other.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_HW_CARDSIM_H
#define PATRON_HW_CARDSIM_H

#include "hw/pn532_sim.h"
#include "hw/vcard.h"
#include "hw/vtag.h"

#include <stdio.h>

enum {
    NAME_MAX_SIZE = 32,
    CARDS_MAX = 4096,
    CLIENTS_MAX = 16,
    LINE_SIZE = 1024,    /* a command */
    REPLY_SIZE = 262144, /* an answer: list of many cards, a file's bytes as hex */
    WORDS_MAX = PN532_FIELD_MAX + 2,
    OUT_SIZE = 8192 /* bytes on their way to the host */
};

struct card {
    char name[NAME_MAX_SIZE];
    char *path;
    bool is_tag; /* tag counts, else v */
    struct vcard v;
    struct vtag tag;
    uint32_t saved; /* its changes when the file was written or read */
};

struct client {
    int fd; /* -1 = free */
    char line[LINE_SIZE];
    size_t size;
};

struct sim {
    const char *link, *cards_dir, *control;
    int master, slave, listener, signals, lock;
    int places; /* file in the card folder whose byte UID is locked while that card is on a reader */
    bool placed, linked, listening, quit;
    struct pn532 chip;
    struct card *cards[CARDS_MAX]; /* sorted by name */
    size_t card_count;
    struct client clients[CLIENTS_MAX];
    char reply[REPLY_SIZE];
    size_t reply_size;
    FILE *trace; /* NULL = off */
    int64_t trace_start_us;
    uint32_t baud; /* 0 = as fast as the machine */
    int64_t out_due_us;
    uint8_t out_room[OUT_SIZE];
    struct buf out;
};

/* ---- cards: their files, and which lie on the reader (cardsim_cards.c) ---- */

uint64_t sim_random_seed(void);
struct card *sim_find_card(const struct sim *s, const char *name);
struct card *sim_card_of(const struct sim *s, const struct vtarget *t);
struct vtarget *sim_target_of(struct card *c);
/* What tells it from the others; a UID of 4 bytes is followed by zeros. */
struct card_uid sim_uid_of(const struct card *c);
const char *sim_kind_of(const struct card *c);
bool sim_name_ok(const char *name);
/* A card that is not in the list yet; NULL when there is no memory. */
struct card *sim_make_card(const struct sim *s, const char *name);
void sim_free_card(struct card *c);
void sim_add_card(struct sim *s, struct card *c);
void sim_forget_card(struct sim *s, struct card *c);
/* The card of that name as its file says now: files may be moved in and out of the folder while no
 * reader has the card, and several simulators may share a folder.  NULL with why. */
struct card *sim_fetch_card(struct sim *s, const char *name, struct errmsg *why);
/* Takes in cards whose files are new, and forgets those whose are gone. */
bool sim_scan_cards(struct sim *s, struct errmsg *why);
bool sim_open_cards(struct sim *s);
bool sim_lies_here(const struct sim *s, const struct card *c);
/* A card can lie on one reader only.  The kernel gives the place back when its simulator dies. */
bool sim_take_spot(struct sim *s, struct card_uid uid, short type);
void sim_take_away(struct sim *s, struct card *c);
bool sim_save_card(struct card *c, struct errmsg *why);
/* Only cards that lie on the reader can have changed, or one that was just torn away. */
void sim_save_changed(struct sim *s);

/* ---- commands (cardsim_commands.c) ---- */

/* One line; the answer is left in s->reply. */
void sim_command(struct sim *s, char *line);

/* ---- the line to the host (cardsim_main.c) ---- */

int64_t sim_now_us(void);
void sim_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* What the chip said goes out now, or when a line of that speed would have carried it. */
void sim_after_chip(struct sim *s, size_t bytes_in);
bool sim_open_pty(struct sim *s);
bool sim_make_link(struct sim *s);
void sim_trace_stop(struct sim *s);

#endif
