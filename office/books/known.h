/* known.h - by what a member is known besides a full card: telephone number, tag, pass, member code.
 *
 * A thing's name is what is the same each time it is shown (cardproto/kind.h).  Its token, the digest of
 * name and means (base/lookup.h), is what the books keep and what a till sends in an entry when the line
 * was cut.  A telephone number itself stands with the person only, so that it can be erased.
 *
 * What a token says today it need not say tomorrow: who posts by it keeps the answer beside the entry.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_KNOWN_H
#define PATRON_OFFICE_KNOWN_H

#include "base/lookup.h"
#include "office/books/books.h"
#include "office/home.h"

enum {
    KNOWN_NAME_MAX = 64,
    KNOWN_AGAIN_S = 1800, /* what was shown at a Tap may be shown again by the same till for a Hold */
    KNOWN_SKEW_S = 10     /* from the display of a member code to the question that asks about it */
};

/* Whose token is it?  Errors: ERR_NOT_FOUND (nobody's). */
MUST_CHECK enum err books_member_of_token(struct books *b, const uint8_t token[TXN_TOKEN_SIZE],
                                          member_id *member, struct errmsg *why);

/* MEANS_SUN, _TAG, _UID, _PASS: name as in kind.h; MEANS_PHONE: as phone_normalise gives it.
 * What came with it in the last 30 days, before anybody was known by it, is the member's too (CLAIM).
 * Errors: ERR_EXISTS (it is another member's), ERR_NOT_FOUND (no such member). */
MUST_CHECK enum err known_bind(struct books *b, const struct known_keys *keys, enum txn_means means,
                               struct bytes name, member_id member, int64_t now_s, struct errmsg *why);
/* Errors: ERR_NOT_FOUND. */
MUST_CHECK enum err known_find(struct books *b, const struct known_keys *keys, enum txn_means means,
                               struct bytes name, member_id *member, struct errmsg *why);
MUST_CHECK enum err known_remove(struct books *b, const struct known_keys *keys, enum txn_means means,
                                 struct bytes name, struct errmsg *why);
/* The telephone number of a member, or its absence, after the person was changed. */
MUST_CHECK enum err known_set_phone(struct books *b, const struct known_keys *keys, member_id member,
                                    const char *phone, int64_t now_s, struct errmsg *why);
/* A telephone number with its country, in one spelling.  Errors: ERR_FORMAT. */
MUST_CHECK enum err known_phone(char out[PHONE_TEXT_SIZE], const char *text, struct errmsg *why);

/* Tags and passes, of a member or (0) of all.  Returning false ends the list. */
struct known_line {
    enum txn_means means;
    struct bytes name; /* borrowed */
    member_id member;
};
typedef bool known_fn(const struct known_line *line, void *arg);
MUST_CHECK enum err known_list(struct books *b, member_id member, known_fn *each, void *arg,
                               struct errmsg *why);

/* What was shown at a till, and who that is. */
struct known_shown {
    struct card_uid card; /* zeros = none */
    enum txn_means means; /* MEANS_NONE beside a card: a full one */
    struct bytes value;   /* what was shown: wire_tap.value */
    uint32_t terminal;
    int64_t now_s;        /* of head office's business clock */
    bool again;           /* it may be what this till showed a while ago: a Hold after its Tap */
};
struct known_who {
    enum txn_means means;
    member_id member;      /* 0: a full card of ours that is nobody's yet */
    struct card_view card; /* MEANS_CARD: the card; else zeros */
};
/* Once only: an NTAG 424's message is taken when its counter is above all seen, a member code when it was
 * never taken; both are then noted, in the transaction that must be open.
 * Errors: ERR_NOT_FOUND (nobody), ERR_FORMAT (not a thing of these means), ERR_MAC (not genuine),
 * ERR_EXISTS (shown before: a copy), ERR_RANGE (a code that is too old). */
MUST_CHECK enum err known_who(struct books *b, const struct home *home, const struct known_shown *in,
                              struct known_who *out, struct errmsg *why);

#endif
