/* users.h - who works at the console: names, passwords, second factors, sessions.
 *
 *   password right --> code of the second factor, where one is needed --> password of one's own --> logged in
 *
 * Passwords are kept as argon2id (RFC 9106: 19 MiB, 2 passes, 1 lane; about 45 ms).  The second factor is TOTP
 * (RFC 6238: SHA-1, 30 s, six figures, one step to either side, each code once); controllers, approvers and admins
 * need it.  A session is 32 random bytes of which only SHA-256 is kept.
 * utc_s is the machine's time: a simulated business clock does not end sessions.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_USERS_H
#define PATRON_OFFICE_USERS_H

#include "office/console/api.h"
#include "office/console/totp.h"

enum {
    USERS_FACTOR_ROLES = ROLE_CONTROLLER | ROLE_APPROVER | ROLE_ADMIN, /* these need a second factor */
    USERS_TRIES_NAME = 5,            /* wrong ones in a row, then waiting: 1, 2, 4, 8, 15, 15 ... minutes */
    USERS_TRIES_FROM = 20,           /* the same of an address, whatever the names */
    USERS_WAIT_MOST_S = 15 * 60,
    USERS_TEMPORARY_S = 3 * 86400,   /* a password somebody else gave is good so long */
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


/* ---- logging in ---- */

/* The first step, or with code both.  Wrong name, wrong password, wrong code and a name that has to wait get the same
 * answer, after the same work.  Right: a session begins in text, out says what is missing for it; the session before,
 * kept by the browser ("" = none), ends.  Own transactions.  Errors: ERR_AUTH; ERR_BUSY (this address has to wait). */
MUST_CHECK enum err users_log_in(struct books *b, const char *name, const char *password, const char *code,
                                 const char *before, const char *address, int64_t utc_s, char text[LOGIN_TEXT_SIZE],
                                 struct login *out, struct errmsg *why);
/* The second step: text is replaced by a new session.  Errors: ERR_STATE (not the step that is missing), ERR_AUTH. */
MUST_CHECK enum err users_show_code(struct books *b, const char *code, const char *address, int64_t utc_s,
                                    char text[LOGIN_TEXT_SIZE], struct login *out, struct errmsg *why);
/* A secret for an authenticator program, kept but not yet used: its first code switches it on.  Errors: ERR_STATE
 * (there is one that is on), ERR_AUTH. */
MUST_CHECK enum err users_enrol(struct books *b, uint32_t user, uint8_t secret[TOTP_SECRET_SIZE], struct errmsg *why);
MUST_CHECK enum err users_enrol_code(struct books *b, const char *code, const char *address, int64_t utc_s,
                                     char text[LOGIN_TEXT_SIZE], struct login *out, struct errmsg *why);
/* A password of one's own; all other sessions of the user end.  Errors: ERR_AUTH (the old one is wrong), ERR_REFUSED
 * (the new one is too easy, or the old one again). */
MUST_CHECK enum err users_change_password(struct books *b, const char *old, const char *fresh, const char *programme,
                                          const char *address, int64_t utc_s, char text[LOGIN_TEXT_SIZE],
                                          struct login *out, struct errmsg *why);

/* ---- for admins ---- */

struct user_view {
    struct api_user user;
    bool active, factor, temporary;
    int64_t login_s;              /* utc; 0 = never */
    int64_t wait_until_s;         /* too many wrong ones: until then; 0 = does not wait */
};
typedef void users_fn(const struct user_view *v, void *arg);
/* user 0 = all.  Errors: ERR_NOT_FOUND (this one). */
MUST_CHECK enum err users_list(struct books *b, uint32_t user, int64_t utc_s, users_fn *each, void *arg,
                               struct errmsg *why);
/* made: a password to be handed over; changed by the user at the first login.  All of these join an open transaction,
 * or have their own.  Errors: ERR_FORMAT (name: 1 to 31 of letters, digits, ".-_@"), ERR_EXISTS. */
MUST_CHECK enum err users_add(struct books *b, const char *name, unsigned roles, const char *language, int64_t utc_s,
                              char made[20], uint32_t *id, struct errmsg *why);
/* Roles, language and whether they may come in; sessions end.  Errors: ERR_NOT_FOUND, ERR_REFUSED (there would be no
 * admin left). */
MUST_CHECK enum err users_set(struct books *b, uint32_t id, unsigned roles, const char *language, bool active,
                              struct errmsg *why);
/* Who has lost password or second factor: a new password, no second factor, no session, no waiting. */
MUST_CHECK enum err users_reset(struct books *b, uint32_t id, int64_t utc_s, char made[20], struct errmsg *why);
/* Errors: ERR_NOT_FOUND. */
MUST_CHECK enum err users_named(struct books *b, const char *name, uint32_t *id, struct errmsg *why);
/* A language of one's own. */
MUST_CHECK enum err users_set_language(struct books *b, uint32_t id, const char *language, struct errmsg *why);

#endif
