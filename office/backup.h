/* backup.h - a copy of the head-office folder, taken while head office works, and the drill that shows that the copy
 * is good.
 *
 *     BACKUP/            0700; made beside its place and moved there whole
 *     BACKUP/SHA256SUMS  "digest  name" of each file below: `sha256sum -c SHA256SUMS` reads it too
 *     BACKUP/...         the folder's files as in home.h; patron.db is SQLite's online copy of one moment
 *
 * A backup has all of head office's keys in it: it is to be guarded like the folder.
 *
 * What tills sent after the backup they send again by themselves once head office runs from the restored folder:
 * their journals keep every entry, and a till goes on from where head office's books end.  What head office itself
 * decided after it (adjustments, loads) is lost with the disk.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_OFFICE_BACKUP_H
#define PATRON_OFFICE_BACKUP_H

#include "office/books/books.h"
#include "office/home.h"

enum { BACKUP_FILES_MAX = 4096 };

struct backup_report {
    int32_t files;
    int64_t bytes;
    int64_t entries;      /* in the log */
    int64_t newest_s;     /* receive time of the newest entry; 0 = none */
    int broken;           /* invariants and derived rows that do not hold; drill and restore only */
};

/* The files of home into dir, which must not be there yet.  Errors: ERR_EXISTS, ERR_IO, ERR_FULL (disk), ERR_RANGE (more than
 * BACKUP_FILES_MAX files); then nothing is left. */
MUST_CHECK enum err backup_make(const struct home *home, struct books *books, const char *dir,
                                struct backup_report *out, struct errmsg *why);

/* The drill: copies the backup beside itself, compares every digest, opens it as head office would, verifies the
 * books and replays the log (a line each to say), and removes the copy.  Errors: ERR_NOT_FOUND (no backup), ERR_CORRUPT (a
 * file is not what was backed up), those of home_open and books_open. */
MUST_CHECK enum err backup_drill(const char *dir, FILE *say, struct backup_report *out, struct errmsg *why);

/* The same, and the copy becomes the folder to.  Errors: also ERR_EXISTS; with out->broken > 0 nothing is restored,
 * ERR_CORRUPT. */
MUST_CHECK enum err backup_restore(const char *dir, const char *to, FILE *say, struct backup_report *out,
                                   struct errmsg *why);

#endif
