/* apis.h - the console's operations in this process: users of any role log in, ask, and get JSON.  Every answer is
 * held against its operation's shape.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TESTS_APIS_H
#define PATRON_TESTS_APIS_H

#include "office/console/api_serve.h"
#include "office/console/users.h"

struct apis {
    struct head_office office;
    struct home home;          /* keys alone, no folder */
    int64_t now_s, utc_s;
    /* who asks: apis_user, apis_member; "" = nobody */
    char session[LOGIN_TEXT_SIZE], token[LOGIN_TEXT_SIZE];
    uint32_t user;
    char request_id[40];       /* of the next change; "" = a new one each time */
    const char *language;
    /* of the last answer */
    int status;
    char code[48], text[320], field[96]; /* of an error */
    char *raw;                 /* as it came, for files */
    char file_name[64];
};

/* books are borrowed.  The time: 2011-03-01 09:00. */
void apis_begin(struct apis *a, struct books *books);
void apis_end(struct apis *a);
/* From now on it is a user of these roles, "u3" (made when there is none with them), or a member, or nobody. */
void apis_user(struct apis *a, unsigned roles);
void apis_member(struct apis *a, member_id member);
void apis_nobody(struct apis *a);
/* path may have a query, with %XX where needed; body: JSON, NULL = none.  A new reference, NULL when the answer is no
 * JSON. */
json_t *apis_ask(struct apis *a, const char *method, const char *path, const char *body);
/* The same; the test fails unless the status is this one.  No answer is kept. */
void apis_expect(struct apis *a, int status, const char *method, const char *path, const char *body);

#endif
