/* profile.h - who a member is to head office: the person, what they agreed to, tags, notes, one view of all their
 * channels, what they have and why.
 *
 * The ledger knows numbers only (books.h).  What is here stands beside it in db/members.sql, and goes when the
 * person is erased (erase.h).  A change is made in a transaction of the caller's; each says who did it.
 * What is shown is filled into a JSON object: its fields are those of api_members.c's shapes.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_PROFILE_H
#define PATRON_OFFICE_PROFILE_H

#include "office/books/books.h"
#include "office/home.h"

#include <jansson.h>
#include <stdio.h>

enum {
    PROFILE_FOUND_MAX = 16,     /* members that one search shows */
    PROFILE_NOTE_MAX = 1000,    /* characters */
    PROFILE_TAG_MAX = 40,
    PROFILE_VERSION_MAX = 40,
    PROFILE_RETENTION_MAX = 1200 /* months */
};

enum profile_purpose {
    PURPOSE_NAME,     /* the name may be shown at tills: also person.consent_s */
    PURPOSE_MESSAGES, /* offers may be sent */
    PURPOSE_BIRTHDAY, /* the birthday is kept, and something comes of it */
    PURPOSE_RESEARCH, /* may be asked, and studied with others */
    PURPOSE_COUNT
};
const char *profile_purpose_name(enum profile_purpose purpose); /* "name", "messages", ... */
/* Errors: ERR_FORMAT. */
MUST_CHECK enum err profile_purpose_of(const char *text, enum profile_purpose *out, struct errmsg *why);

/* Who does something, where and when. */
struct profile_by {
    uint32_t user;       /* of the console; 0 = nobody of it */
    const char *channel; /* "till", "desk", "page", "import" */
    int64_t now_s;
};

/* A new member, in this tier ("" = the lowest), with what is said of the person.  Errors: ERR_STATE (no rules are in
 * force), ERR_NOT_FOUND (no such tier), those of profile_save. */
MUST_CHECK enum err profile_add(struct books *b, const struct known_keys *keys, const struct person *p,
                                const char *tier, const struct profile_by *by, member_id *out,
                                struct errmsg *why);
/* All the person's fields but consent_s, which profile_consent writes.  Errors: ERR_FORMAT (telephone, birthday,
 * language, or signs that cannot be shown), ERR_EXISTS (the telephone number is another's), ERR_STATE (a birthday
 * without consent to it), ERR_NOT_FOUND. */
MUST_CHECK enum err profile_save(struct books *b, const struct known_keys *keys, const struct person *p,
                                 const struct profile_by *by, struct errmsg *why);

/* Given or withdrawn, by this version of the text.  The same again adds nothing.  A birthday whose consent is
 * withdrawn is forgotten at once.  Errors: ERR_FORMAT (version "" or too long), ERR_NOT_FOUND. */
MUST_CHECK enum err profile_consent(struct books *b, member_id member, enum profile_purpose purpose, bool given,
                                    const char *version, const struct profile_by *by, struct errmsg *why);
/* Is it given now? */
MUST_CHECK enum err profile_may(struct books *b, member_id member, enum profile_purpose purpose, bool *given,
                                struct errmsg *why);

/* kind: "tag" or "interest".  Errors: ERR_FORMAT, ERR_NOT_FOUND (the member; to take away: the tag). */
MUST_CHECK enum err profile_tag(struct books *b, member_id member, const char *kind, const char *tag, bool put,
                                const struct profile_by *by, struct errmsg *why);
/* "person", "company", "reseller", "staff".  Errors: ERR_FORMAT, ERR_NOT_FOUND. */
MUST_CHECK enum err profile_set_type(struct books *b, member_id member, const char *type, struct errmsg *why);
/* Errors: ERR_FORMAT, ERR_NOT_FOUND. */
MUST_CHECK enum err profile_note(struct books *b, member_id member, const char *text, const struct profile_by *by,
                                 struct errmsg *why);

/* Members by number ("M12", "12"), card (its UID), telephone number, or a part of name or contact: at most
 * PROFILE_FOUND_MAX rows, those who bought last first.  *more: there are others.  Errors: ERR_FORMAT (fewer than
 * two characters). */
MUST_CHECK enum err profile_find(struct books *b, const struct known_keys *keys, const char *text, json_t *rows,
                                 bool *more, struct errmsg *why);

/* Everything of the member's own page at head office.  Errors: ERR_NOT_FOUND. */
MUST_CHECK enum err profile_show(struct books *b, member_id member, int32_t today, json_t *out, struct errmsg *why);
/* What happened, newest first, at most limit rows: points with their why, tier, consent, notes. */
MUST_CHECK enum err profile_timeline(struct books *b, member_id member, int32_t limit, json_t *rows,
                                     struct errmsg *why);
/* Parts of profile_show that the member page shows too. */
MUST_CHECK enum err profile_balance(struct books *b, member_id member, int32_t today, json_t *out,
                                    struct errmsg *why);
MUST_CHECK enum err profile_tier(struct books *b, member_id member, int32_t today, json_t *out, struct errmsg *why);
MUST_CHECK enum err profile_consents(struct books *b, member_id member, json_t *rows, struct errmsg *why);

/* All that is kept of a person, for themself. */
MUST_CHECK enum err profile_export(struct books *b, member_id member, int64_t now_s, json_t *out,
                                   struct errmsg *why);

/* The same as CSV: a line for each value, "purchases.3.lines.0.item,TEA".  What a spreadsheet would take for a formula
 * has a ' before it. */
void profile_csv(const json_t *all, FILE *out);

/* ---- how long persons are kept ---- */

/* Months without a purchase or a word; 0 = for ever.  Errors: ERR_RANGE. */
MUST_CHECK enum err profile_set_retention(struct books *b, int64_t months, struct errmsg *why);
MUST_CHECK enum err profile_retention(struct books *b, int64_t *months, struct errmsg *why);
/* Persons that were not heard of for so long, those first who are due longest; nobody when it is for ever.
 * last_day: of a purchase, consent, enrolment or visit of the member page.  Numbers only: to see who it is, one looks. */
MUST_CHECK enum err profile_due(struct books *b, int32_t today, int32_t limit, json_t *rows, struct errmsg *why);
/* Forgets those of members (texts, "M12") who are still due, each by erase_person; not in a transaction.  Long work: each
 * goes through all texts.  more(thousandths, arg) false: to end between two; NULL is fine.  *count: how many. */
MUST_CHECK enum err profile_erase_due(struct books *b, const json_t *members, uint32_t user, int64_t now_s,
                                      bool (*more)(int thousandths, void *arg), void *arg, int64_t *count,
                                      struct errmsg *why);

#endif
