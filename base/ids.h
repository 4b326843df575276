/* ids.h - who and what: terminals, entries, members, cards, and how each is written for people.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_BASE_IDS_H
#define PATRON_BASE_IDS_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* An entry is known by (terminal, seq): I2.  Terminal 0 is head office itself; terminals count from
 * 1, seq counts from 1 without gaps on each.  seq 0 = "no entry". */
struct entry_id {
    uint32_t terminal; /* 0..9999 */
    uint32_t seq;
};

#define OFFICE_TERMINAL 0u

/* The real 7-byte UID, as the anticollision gives it, never a random one. */
struct card_uid {
    uint8_t b[7];
};

/* Member number; 0 = nobody. */
typedef uint64_t member_id;

enum {
    ENTRY_TEXT_SIZE = 24, /* "T0007-123", head office "HQ-123"; on a card "load 123" */
    UID_TEXT_SIZE = 15,   /* "04a1b2c3d4e5f6" */
    MEMBER_TEXT_SIZE = 24 /* "M12345" */
};

static inline bool entry_is(struct entry_id id)
{
    return id.seq != 0;
}
static inline bool entry_equal(struct entry_id a, struct entry_id b)
{
    return a.terminal == b.terminal && a.seq == b.seq;
}
bool uid_is(const struct card_uid *uid); /* not all zeros */
bool uid_equal(const struct card_uid *a, const struct card_uid *b);

void entry_text(char out[ENTRY_TEXT_SIZE], struct entry_id id);
/* As a card names a commit (txn_commit_name): "T0007-123", head office's "load 123". */
void commit_name_text(char out[ENTRY_TEXT_SIZE], struct entry_id name);
void uid_text(char out[UID_TEXT_SIZE], const struct card_uid *uid);
void member_text(char out[MEMBER_TEXT_SIZE], member_id member);
/* Errors: ERR_FORMAT, out untouched. */
MUST_CHECK enum err entry_parse(struct entry_id *out, const char *text);
MUST_CHECK enum err uid_parse(struct card_uid *out, const char *text);
MUST_CHECK enum err member_parse(member_id *out, const char *text);

#endif
