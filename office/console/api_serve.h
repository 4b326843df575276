/* api_serve.h - one request to the table of operations (office/console/api.h): who, may they, is it well formed, run, answer.
 * Knows nothing of HTTP beyond names and numbers; office/console/console.c brings it there.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_API_SERVE_H
#define PATRON_OFFICE_API_SERVE_H

#include "office/console/api.h"

/* Borrowed; texts are "" when absent. */
struct api_request {
    const char *method, *path;
    json_t *query;             /* object of texts; "format" is taken out of it */
    struct bytes body;
    const char *body_type;     /* Content-Type */
    const char *session;       /* the cookie */
    const char *token;         /* X-CSRF-Token */
    const char *request_id;
    const char *language;      /* Accept-Language, for who is not logged in */
    const char *from;          /* address */
    int64_t now_s, utc_s;      /* business time; the machine's */
    bool strict;               /* an answer not in the shape is a fault: for tests */
};

struct api_reply {
    int status;
    const char *type;          /* static */
    char *body;                /* malloc'd: api_reply_finish */
    size_t size;
    char file_name[64];        /* to be saved under; "" = not */
    char session[72];          /* as struct api_call.session */
    int retry_after_s;         /* 429 */
    uint32_t user;             /* who it was; 0 = nobody or a member */
    const char *operation;     /* struct api_op.name; "" = none */
    char log[320];             /* what went wrong here, for the log alone; "" = nothing */
};

void api_serve(struct head_office *office, const struct api_request *r, struct api_reply *out);
void api_reply_finish(struct api_reply *r);

/* All operations in the order of their lists; NULL behind the last. */
const struct api_op *api_op_at(int i);
/* "clerk, controller" of a set of roles; for people and documents. */
void api_roles_text(char *out, size_t size, unsigned roles);
/* A set of roles from such a list.  Errors: ERR_FORMAT. */
MUST_CHECK enum err api_roles_parse(unsigned *out, const json_t *names, struct errmsg *why);
json_t *api_roles_json(unsigned roles);

#endif
