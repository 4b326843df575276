/* api.h - what a browser may ask of head office: each operation is a row of a table.
 *
 *   request --> row by method and path --> who? --> may they? --> is it well formed? --> run --> audit, answer
 *
 * A row says all that can be said about an operation without running it: so the same table is the router, the check
 * of what comes in, the roles, the OpenAPI document (/api/openapi.json) and what the tests go through.
 *
 * Shapes (.in, .out, .query) are texts:  "member:int! name:text rows:[day:day points:points]"
 *     NAME:TYPE, ! = required; TYPE is int, points, money (minor units), day ("2026-11-22"), time
 *     ("2026-11-22T13:05:00"), text, bool, json (anything), {...} an object, [...] a list of objects, [text] of texts.
 * What comes in and is not in the shape is refused by name; tests hold every answer against .out.
 * A list is "rows" in .out: the same operation with ?format=csv answers with a file of it (points and minor units
 * as they are, a heading line of the names).  In a query numbers, days and bool (1, 0) are held to how they are written.
 *
 * A CHANGE needs the session's token (header X-CSRF-Token) and a Request-Id (16 to 64 letters, digits, -).  It is
 * one database transaction with its audit line and the answer: the same Request-Id by the same user, for the same
 * operation and body gives the same answer and does nothing; with another body 409 (I2, I3).
 *
 * Errors of run become: ERR_NOT_FOUND 404; ERR_FORMAT, ERR_RANGE 400; ERR_AUTH 403; ERR_EXISTS, ERR_CONFLICT,
 * ERR_STATE 409; ERR_REFUSED 422; ERR_BUSY 429; ERR_FULL 507; ERR_UNSUPPORTED 415; others 500.  The body is {"error":{"code":"not found",
 * "text":"a sentence for people", "field":"points"}}; nothing was done then.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_API_H
#define PATRON_OFFICE_API_H

#include "office/books/books.h"
#include "office/home.h"

#include <jansson.h>

/* Roles; a user has some of them. */
enum {
    ROLE_CLERK = 1,       /* members, cards, complaints */
    ROLE_MARKETER = 2,    /* campaigns, drafts of rules */
    ROLE_CONTROLLER = 4,  /* points, closing, reports */
    ROLE_APPROVER = 8,    /* says yes to what others wrote */
    ROLE_AUDITOR = 16,    /* sees all, changes nothing */
    ROLE_ADMIN = 32,      /* users, tills, configuration; no points */
    ROLE_STAFF = 63,      /* any of them */
    ROLE_MEMBER = 64,     /* a member, on the member page: sees and changes what is their own */
    ROLE_NOBODY = 128,    /* without a session: to log in */
};

enum api_what {
    API_READ,
    API_LOOK,   /* a READ of one person's data: noted, who looked at whom (api_looked) */
    API_CHANGE,
    API_ALONE,  /* a CHANGE that has its own transactions: no Request-Id is kept; its audit line is written after it,
                 * also when it failed */
};

struct api_user {
    uint32_t id;      /* > 0; 0 = nobody, or a member */
    char name[32];
    unsigned roles;   /* ROLE_... */
    char language[8]; /* "en", "zh" */
    member_id member; /* ROLE_MEMBER: who */
};

struct jobs; /* office/plan/jobs.h */
struct api_request; /* office/console/api_serve.h */

/* What operations work on; one, in main. */
struct head_office {
    struct home *home;
    struct books *books;
    struct jobs *jobs;
};

struct api_call {
    struct head_office *office;
    struct api_user user;
    int64_t now_s;        /* business time, as in entries */
    const struct api_request *request; /* for api_session.c: address, session, the machine's time */
    const char *arg[2];   /* what stood for {..} in the path, in order */
    const json_t *in;     /* body, as .in says; an object, empty for a READ */
    const json_t *query;  /* as .query says; an object of texts */
    json_t *out;          /* an object to be filled */
    /* Instead of out: a file to be saved (api_file).  type NULL = out is the answer. */
    const char *type;
    char file_name[64];
    void *file;
    size_t file_size;
    char audit[200];      /* what the audit line says besides: filled by run, no personal data */
    char field[48];       /* with an error: what of the input it is about; "" = nothing in particular */
    char session[72];     /* the browser's session from now on; "-" = none; "" = as it is */
    int looked_count;     /* api_looked */
    member_id looked[16];
};

struct api_op {
    const char *method, *path; /* "/api/members/{member}/adjust" */
    const char *name;          /* of all operations: "adjust_points" */
    const char *text;          /* one sentence, for the document */
    unsigned roles;
    enum api_what what;
    const char *query, *in, *out; /* shapes; NULL = nothing */
    enum err (*run)(struct api_call *c, struct errmsg *why);
};

/* The operations of each part; they end with a row of zeros.  The Makefile gathers the list of lists from
 * office/console/api_*.c: an "const struct api_op api_NAME[] = {" at the beginning of a line is in it. */
extern const struct api_op api_session[];  /* api_session.c: log in and out, users, audit log */
extern const struct api_op api_tills[];    /* api_tills.c: tills, staff at tills, dashboard */
extern const struct api_op api_members[];  /* api_members.c: members, timeline, privacy */
extern const struct api_op api_cards[];    /* api_cards.c: cards, batches, hot list */
extern const struct api_op api_rewards[];  /* api_rewards.c: catalogue, vouchers, redemption and refund desk */
extern const struct api_op api_ledger[];   /* api_ledger.c: adjustments, merge, pools, extension, opening balances */
extern const struct api_op api_close[];    /* api_close.c: periods, liability, general ledger */
extern const struct api_op api_reviews[];  /* api_reviews.c: entries somebody has to look at */
extern const struct api_op api_rules[];    /* api_rules.c: rules, drafts, preview, publishing, roll-out */
extern const struct api_op api_proposals[];/* api_proposals.c: what waits for a second person */
extern const struct api_op api_jobs[];     /* api_jobs.c: long work */
extern const struct api_op api_care[];     /* api_care.c: complaints, feedback */
extern const struct api_op api_campaigns[];/* api_campaigns.c: segments, campaigns, coupons, outbox, referral */
extern const struct api_op api_mine[];     /* api_mine.c: the member page */

/* Helpers for run.  Text of a member, day ... in the path or query: ERR_FORMAT with the sentence. */
MUST_CHECK enum err api_member(const char *text, member_id *out, struct errmsg *why); /* "M12" or "12" */
MUST_CHECK enum err api_number(const char *text, int64_t most, int64_t *out, struct errmsg *why);     /* "12": 1..most */
MUST_CHECK enum err api_day(const char *text, int32_t *out, struct errmsg *why);      /* "2026-11-22" */
int64_t api_int(const json_t *in, const char *name, int64_t missing);
const char *api_text(const json_t *in, const char *name); /* "" when missing */
bool api_bool(const json_t *in, const char *name);
/* Into an object: whole points and minor units as JSON integers, days and times as text, DAY_NEVER and 0 times as
 * null. */
void api_put_points(json_t *object, const char *name, struct points p);
void api_put_money(json_t *object, const char *name, struct money m);
void api_put_day(json_t *object, const char *name, int32_t day);
void api_put_time(json_t *object, const char *name, int64_t time_s);
void api_put_member(json_t *object, const char *name, member_id member); /* "M12"; 0 = null */
void api_put_entry(json_t *object, const char *name, struct entry_id id); /* "T0007-12", head office: "HQ-12" */
/* The answer is a file: data is copied.  file_name "" = to be shown rather than saved.  Errors: ERR_FULL. */
MUST_CHECK enum err api_file(struct api_call *c, const char *type, const char *file_name, const void *data,
                             size_t size, struct errmsg *why);
/* Somebody's data was shown to the user of this call.  A LOOK with a member in its path that does not say so has
 * it noted all the same; a member who looks at their own has not. */
void api_looked(struct api_call *c, member_id member);

#endif
