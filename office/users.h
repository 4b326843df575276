/* users.h - who works at the console: names, passwords, second factors, sessions.
 *
 *   password right --> code of the second factor, where one is needed --> password of one's own --> logged in
 *
 * Passwords are kept as argon2id (RFC 9106: 19 MiB, 2 passes, 1 lane; about 25 ms).  The second factor is TOTP
 * (RFC 6238: SHA-1, 30 s, six figures, one step to either side, each code once); controllers, approvers and admins
 * need it.  A session is 32 random bytes of which only SHA-256 is kept.
 * utc_s is the machine's time: a simulated business clock does not end sessions.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_USERS_H
#define PATRON_OFFICE_USERS_H

#include "office/api.h"

enum {
    LOGIN_TEXT_SIZE = 65,          /* 32 bytes as hex */
    LOGIN_IDLE_S = 30 * 60,
    LOGIN_LONGEST_S = 12 * 3600
};

/* What is still missing before anything else may be done. */
enum login_next { NEXT_NOTHING, NEXT_CODE, NEXT_ENROL, NEXT_PASSWORD };

struct login {
    struct api_user user;
    enum login_next next;
};

/* A new one; text: its secret, for the cookie.  user 0: of a member.  A transaction may be open. */
MUST_CHECK enum err login_begin(struct books *b, uint32_t user, member_id member, enum login_next next,
                                  const char *address, int64_t utc_s, char text[LOGIN_TEXT_SIZE],
                                  struct errmsg *why);
/* Whose it is, with the roles of now.  Errors: ERR_AUTH (there is none, or it has ended). */
MUST_CHECK enum err login_find(struct books *b, const char *text, int64_t utc_s, struct login *out,
                                 struct errmsg *why);
MUST_CHECK enum err login_end(struct books *b, const char *text, struct errmsg *why);
/* All of a user, or of a member, but this one (NULL = none is kept). */
MUST_CHECK enum err login_end_others(struct books *b, uint32_t user, member_id member, const char *kept,
                                       struct errmsg *why);
/* The token that every change of this session carries: made from its secret, so that nothing need be kept. */
void login_token(char out[LOGIN_TEXT_SIZE], const char *text);

#endif
