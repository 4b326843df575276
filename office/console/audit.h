/* audit.h - the console's audit log: rows are only ever added (triggers of db/console.sql see to it), each with a
 * hash over the one before and itself, so that a row that was changed behind our back is found.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_AUDIT_H
#define PATRON_OFFICE_AUDIT_H

#include "office/books/books.h"

struct audit_line {
    int64_t id;            /* audit_add: not used */
    int64_t time_s;        /* business time */
    uint32_t user;         /* 0 = nobody, a member, or the command line */
    char name[32];
    member_id member;      /* who did it as a member; 0 = none */
    char operation[48];
    char target[96];       /* what stood in the path */
    member_id subject;     /* whose data was shown; 0 = nobody's */
    char result[32];       /* "done", or the code of the error */
    char text[200];
    char address[46];
};

/* In the transaction that is open, or one of its own. */
MUST_CHECK enum err audit_add(struct books *b, const struct audit_line *line, struct errmsg *why);

struct audit_filter {
    int32_t from_day, to_day;   /* both in; 0 and DAY_NEVER = all */
    uint32_t user;              /* 0 = all */
    member_id subject;          /* whose data was shown, or who is in target "M12"; 0 = all */
    const char *operation;      /* "" = all */
    bool looks_only;
    bool refused_only;
    int64_t before_id;          /* for the next page: rows older than this; 0 = from the newest on */
    int32_t limit;
};
typedef void audit_fn(const struct audit_line *line, void *arg);
/* Newest first. */
MUST_CHECK enum err audit_list(struct books *b, const struct audit_filter *f, audit_fn *each, void *arg,
                               struct errmsg *why);

/* Goes through the chain.  *rows: how many; *broken: id of the first row that is not as it was written, 0 = none;
 * head: hash of the newest row, to be noted elsewhere: a log cut off behind it is known by that alone. */
MUST_CHECK enum err audit_verify(struct books *b, int64_t *rows, int64_t *broken, uint8_t head[32],
                                 struct errmsg *why);

#endif
