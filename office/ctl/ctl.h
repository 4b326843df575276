/* ctl.h - the inside of patronctl: a command is a row of a table and a function; what it found out
 * is a JSON document, shown as text for people or as it is with --json. office/ctl/patronctl_main.c
 * joins: it reads the arguments, opens the folder and calls.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_CTL_H
#define PATRON_OFFICE_CTL_H

#include "office/books/books.h"
#include "office/home.h"

#include <jansson.h>
#include <stdbool.h>

/* Exit codes. */
enum ctl_exit {
    CTL_OK = 0,
    CTL_REFUSED = 1, /* refused, failed, or checked and found wrong */
    CTL_USAGE = 2,
};

enum { CTL_OPTIONS_MAX = 12, CTL_POSITIONS_MAX = 4 };

struct ctl_option {
    const char *name;  /* "--shop" */
    const char *value; /* "CODE"; NULL = a switch */
    const char *text;
};

struct ctl;
struct ctl_command {
    const char *name;                           /* "till add" */
    const char *positions;                      /* "N", "OLD NEW", "[FILE]", "" */
    int least, most;                            /* how many of them */
    const char *summary;                        /* one line */
    struct ctl_option options[CTL_OPTIONS_MAX]; /* ended by a row of NULL */
    const char *text;                           /* more for --help, examples; lines end in \n */
    enum { CTL_NO_HOME, CTL_HOME } needs;
    enum ctl_exit (*run)(struct ctl *c);
};

struct ctl {
    const struct ctl_command *command;
    const char *positions[CTL_POSITIONS_MAX];
    int position_count;
    const char *values[CTL_OPTIONS_MAX]; /* as given; "" for a switch; NULL = not given */
    const char *dir;                     /* of the head-office folder */
    bool json;
    int64_t now_s;       /* business time at the start */
    struct home home;    /* CTL_HOME: open */
    struct books *books; /* CTL_HOME: open */
};

/* ---- for commands ---- */

/* What was given for an option, NULL = it was not.  Asserts that the command has it. */
const char *ctl_value(const struct ctl *c, const char *name);

/* A sentence on stderr: "patronctl: ..."; returns CTL_REFUSED. */
enum ctl_exit ctl_refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same for an error with its sentence, and what to do next ("" = nothing to say). */
enum ctl_exit ctl_fail(const struct errmsg *why, const char *next);
/* Wrong arguments: says how the command is used; returns CTL_USAGE. */
enum ctl_exit ctl_usage(const struct ctl *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Show a document and release it: scalars as "name value", arrays of objects as tables, texts as
 * they are. Keys are written with "_" for blanks. */
void ctl_show(const struct ctl *c, json_t *document);
/* Progress and remarks for people: to stdout, nothing with --json. */
void ctl_say(const struct ctl *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A whole file, at most size - 1 bytes, terminated; "-" = standard input. Errors: ERR_IO,
 * ERR_FULL. */
MUST_CHECK enum err ctl_read_file(const char *path, char *text, size_t size, size_t *length,
                                  struct errmsg *why);

/* Values as the documents have them; new references, never NULL. */
json_t *ctl_json_text(const char *text);          /* bytes that are no UTF-8 become "?" */
json_t *ctl_json_member(member_id member);        /* "M12", null for 0 */
json_t *ctl_json_uid(const struct card_uid *uid); /* null for zeros */
json_t *ctl_json_entry(struct entry_id id);
json_t *ctl_json_time(int64_t time_s); /* "2010-12-01T08:34:00" */
json_t *ctl_json_day(int32_t day);
json_t *ctl_json_points(struct points p);

json_t *ctl_json_money(const struct ctl *c, struct money m); /* "12.34 GBP", by the pack in force */

/* Arguments as values; on a slip they say it on stderr and return false. */
MUST_CHECK bool ctl_get_member(const struct ctl *c, const char *text, member_id *out);
MUST_CHECK bool ctl_get_uid(const struct ctl *c, const char *text, struct card_uid *out);
MUST_CHECK bool ctl_get_number(const struct ctl *c, const char *what, const char *text,
                               int64_t least, int64_t most, int64_t *out);

/* A text into a field of size bytes: it fits, is UTF-8, has no control characters. */
MUST_CHECK bool ctl_get_text(const struct ctl *c, const char *what, const char *text, char *field,
                             size_t size);

/* Head office's own txn, in a database transaction of its own. */
MUST_CHECK enum err ctl_post(struct ctl *c, struct txn *t, struct errmsg *why);

/* ---- what several commands do ---- */

/* A new member: entry and person in one database transaction. p: NULL = nameless; tier: NULL =
 * lowest. */
MUST_CHECK enum err ctl_enrol(struct ctl *c, const struct person *p, const char *tier,
                              member_id *member, struct errmsg *why);
/* A CARD entry: what became of a card.  replaces: NULL = none. */
MUST_CHECK enum err ctl_post_card(struct ctl *c, const struct card_uid *uid, enum card_kind kind,
                                  member_id member, enum card_status status,
                                  const struct card_uid *replaces, const char *reason,
                                  struct errmsg *why);
/* A card that is issued, active and nobody's.  Errors: ERR_NOT_FOUND, ERR_EXISTS, ERR_STATE. */
MUST_CHECK enum err ctl_free_card(struct ctl *c, const struct card_uid *uid, struct card_view *out,
                                  struct errmsg *why);
json_t *ctl_json_card(const struct card_view *v);

/* ---- the commands, one table for each file; ended by a row without a name ---- */
extern const struct ctl_command ctl_setup_commands[];  /* init, pack, till */
extern const struct ctl_command ctl_member_commands[]; /* member, points */
extern const struct ctl_command ctl_points_commands[]; /* points extend and ending, member tier */
extern const struct ctl_command ctl_people_commands[]; /* staff, tag, member pin and code */
extern const struct ctl_command ctl_card_commands[];   /* card */
extern const struct ctl_command ctl_care_commands[];   /* messages, care */
extern const struct ctl_command ctl_ledger_commands[]; /* run, ledger, books, review, export */
extern const struct ctl_command ctl_merge_commands[];  /* member merge, unmerge, points transfer, opening */
extern const struct ctl_command ctl_backup_commands[]; /* backup */
extern const struct ctl_command ctl_user_commands[];   /* user, audit */
extern const struct ctl_command ctl_job_commands[];    /* job */

#endif
