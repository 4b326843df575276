/* offices.h - head office in a folder of its own and in this process, for tests of what talks to it: keys,
 * books, the demo pack, a server on loopback that the test gives its turns.  Its clock is a file, at first
 * 2011-03-01 09:00.  Whatever fails here fails the test.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TESTS_OFFICES_H
#define PATRON_TESTS_OFFICES_H

#include "hw/vcard.h"
#include "office/server.h"
#include "sync/code.h"
#include "sync/link.h"

struct office {
    struct home home;
    struct books *books;
    struct pack pack;
    struct server *server;           /* NULL: not running */
    char address[LINK_ADDRESS_SIZE]; /* where it listens, or did last; "" = anywhere */
    char dir[256], clock_file[256];
};

/* The test fails with the sentence unless e is OK. */
void must(enum err e, const struct errmsg *why);

/* A fresh one, listening. */
void office_open(struct office *o);
void office_close(struct office *o);
/* Books and server alone, as when the program ends and is started again; it listens where it did. */
void office_stop(struct office *o);
void office_start(struct office *o);
/* Publishes a pack of this text, signed. */
void office_publish(struct office *o, const char *json);
void office_set_clock(struct office *o, const char *time);

/* What patronctl till add does: a code for this terminal number. */
void office_code(struct office *o, uint32_t terminal, char text[CODE_TEXT_SIZE], struct code *code);
/* A new member with this number, of the lowest tier, and a card for it. */
void office_new_card(struct office *o, struct vcard *card, enum vcard_kind kind,
                     const struct card_uid *uid, member_id member);
/* An entry of head office's own that says how it stands with a card. */
void office_post_card(struct office *o, const struct card_uid *card, enum card_kind kind,
                      member_id member, enum card_status status, const char *reason);
/* Points given or taken by hand. */
void office_adjust(struct office *o, member_id member, int64_t points);
struct member_view office_member(struct office *o, member_id member);

#endif
