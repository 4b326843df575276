/* message.h - the outbox: what head office wants to say to members, on its way to whoever carries it.
 *
 *     queue --> queued --take--> (being sent) --done--> sent
 *                  ^                  |
 *                  +-- failed <-------+  again after 1, 2, 4 ... minutes, at most a day; after
 *                                        MESSAGE_TRIES: given up (a person may try again)
 *     queue --> queued --export (CSV)--> sent
 *
 * A message is a template's name and values for it; the words are the carrier's (an SMS service, WeChat's template
 * messages) and so is the template.  Number or address is not in the outbox: it is looked up when the message goes
 * out, so that erasing a person erases it everywhere.  Secret values (a one-time code) leave the table when sent.
 *
 * Once: a message is known by its key (out_request_no).  Queued again with the same key it is the same message; the
 * carrier gets the key too, and is to drop what it knows.  That makes a sender that died harmless.
 *
 * Whoever says no to advertising gets none: marketing needs the member's consent to "messages", survey to
 * "research" (table consent, its newest row), and together they are at most `contact_most` in `contact_days` days (settings below).  What the member asked for, or what the programme
 * owes them (service, code), needs neither.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_MESSAGE_H
#define PATRON_OFFICE_MESSAGE_H

#include "office/books/books.h"

#include <jansson.h>

enum {
    MESSAGE_KEY_SIZE = 48,      /* with the final 0: letters, digits, - _ . */
    MESSAGE_TEMPLATE_SIZE = 32, /* likewise */
    MESSAGE_VALUES_SIZE = 1024, /* JSON, with the final 0 */
    MESSAGE_ADDRESS_SIZE = 256,
    MESSAGE_TRIES = 12,         /* together about a day and a half */
    MESSAGE_LEASE_S = 120,      /* a message taken by a sender is not taken by another for so long */
};

enum message_channel { MESSAGE_SMS, MESSAGE_EMAIL, MESSAGE_WECHAT, MESSAGE_WEBHOOK, MESSAGE_CHANNELS };
enum message_purpose { MESSAGE_SERVICE, MESSAGE_CODE, MESSAGE_MARKETING, MESSAGE_SURVEY, MESSAGE_PURPOSES };
enum message_state { MESSAGE_QUEUED, MESSAGE_SENT, MESSAGE_FAILED, MESSAGE_GIVEN_UP, MESSAGE_STATES };
const char *message_channel_text(enum message_channel c); /* "sms"; as in the database and in JSON */
const char *message_purpose_text(enum message_purpose p); /* "marketing" */
const char *message_state_text(enum message_state s);     /* "given up" */
/* False: no such. */
MUST_CHECK bool message_channel_parse(const char *text, enum message_channel *out);
MUST_CHECK bool message_purpose_parse(const char *text, enum message_purpose *out);

struct message_wanted {
    member_id member;             /* 0: WEBHOOK alone, of nobody */
    enum message_channel channel; /* WEBHOOK: an event for a system, without a number */
    enum message_purpose purpose;
    const char *template_name;    /* "login-code", "complaint-handled" */
    const char *language;         /* "en", "zh"; "" = the member's, else "en" */
    const json_t *values;         /* an object; borrowed; NULL = none.  No telephone number or name belongs here */
    const char *key;
};

/* What became of it. */
enum message_answer {
    MESSAGE_TAKEN,      /* queued */
    MESSAGE_KNOWN,      /* was queued before, by the same key: nothing done */
    MESSAGE_NO_CONSENT, /* the member did not agree to this purpose */
    MESSAGE_TOO_OFTEN,  /* contacted often enough */
    MESSAGE_NO_ADDRESS, /* no number, no address for this channel */
};
const char *message_answer_text(enum message_answer a);

/* In the caller's transaction or its own.  *id: of the message taken or known, else 0.  Errors: ERR_FORMAT, ERR_RANGE
 * (a field), ERR_NOT_FOUND (no such member), ERR_CONFLICT (the key is another message's). */
MUST_CHECK enum err message_queue(struct books *b, const struct message_wanted *wanted, int64_t now_s, int64_t *id,
                                  enum message_answer *answer, struct errmsg *why);
/* On which channel could the member be reached at all, best first: sms, wechat, email.  Errors: ERR_NOT_FOUND (on none). */
MUST_CHECK enum err message_best_channel(struct books *b, member_id member, enum message_channel *out,
                                         struct errmsg *why);

struct message_view {
    int64_t id, queued_s, changed_s, next_s; /* next_s: when it is tried (again); of queued and failed */
    member_id member;
    enum message_channel channel;
    enum message_purpose purpose;
    enum message_state state;
    int32_t tries;
    char key[MESSAGE_KEY_SIZE], template_name[MESSAGE_TEMPLATE_SIZE], language[8], values[MESSAGE_VALUES_SIZE];
    char error[160];     /* of the newest try; "" = none */
};
typedef bool message_fn(const struct message_view *m, void *arg);
/* Newest first, below the id `before` (0 = from the newest); state -1 = all; member 0 = all.  Secret values are shown
 * as {}. */
MUST_CHECK enum err message_list(struct books *b, int state, member_id member, int64_t before, int32_t most,
                                 message_fn *each, void *arg, struct errmsg *why);
MUST_CHECK enum err message_counts(struct books *b, int64_t counts[MESSAGE_STATES], struct errmsg *why);

/* ---- for a sender ---- */

/* The oldest that is due, now being tried: its address and body.  body is the JSON that a webhook gets, also the
 * line of an export: {"key","id","channel","to","template","language","purpose","values"}.  Errors: ERR_NOT_FOUND (nothing is due).  A member whose address has gone meanwhile is
 * given up here and the next one taken. */
MUST_CHECK enum err message_take(struct books *b, int64_t now_s, int64_t *id, json_t **body, struct errmsg *why);
/* What became of the try.  error NULL: sent.  Of a message that is sent already nothing changes. */
MUST_CHECK enum err message_done(struct books *b, int64_t id, int64_t now_s, const char *error, struct errmsg *why);
/* A person says: once more.  Errors: ERR_NOT_FOUND, ERR_STATE (it is not failed or given up). */
MUST_CHECK enum err message_again(struct books *b, int64_t id, int64_t now_s, struct errmsg *why);
/* All due messages of a channel as CSV with a header line (key, to, template, language, values), and they are sent.
 * One transaction, the caller's or its own.  out grows by malloc: the caller frees *text. */
MUST_CHECK enum err message_export(struct books *b, enum message_channel channel, int64_t now_s, char **text,
                                   int32_t *count, struct errmsg *why);
/* Pause before try n + 1 (n = tries made, from 1): 60 s, doubled each time, at most 14,400 s.  Pure. */
int64_t message_pause_s(int32_t tries);

/* ---- settings of this part, as text.  Names: contact_days (1..365, 7), contact_most (0..100, 2), message_url ("" =
 * none), audit_percent (0..100, 10), audit_seed (1), and those of referral.h.  Errors: ERR_NOT_FOUND (no such setting), ERR_FORMAT, ERR_RANGE. ---- */
MUST_CHECK enum err care_setting(struct books *b, const char *name, char *out, size_t size, struct errmsg *why);
MUST_CHECK enum err care_set_setting(struct books *b, const char *name, const char *value, struct errmsg *why);
/* https://..., or http:// to a loopback address.  Errors: ERR_FORMAT. */
MUST_CHECK enum err message_url_check(const char *url, struct errmsg *why);

#endif
