/* faultvfs.h - a disk for SQLite that counts, fails and loses power.  It sits on the machine's own VFS and
 * is its default once faultvfs_use was called, so the code under test knows nothing of it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_TESTS_FAULTVFS_H
#define PATRON_TESTS_FAULTVFS_H

#include <stdbool.h>
#include <stdint.h>

struct faultvfs {
    int64_t syncs;       /* fsyncs so far, of all files */
    int64_t writes;      /* writes and truncations so far */
    int64_t fail_write;  /* the write with this number fails, disk full; 0 = none */
    bool fail_for_ever;  /* and all after it */
    int64_t fail_sync;   /* likewise an fsync, with an I/O error */
    bool fail_twice;     /* and the next one */
    int64_t kill_write;  /* SIGKILL to oneself before the write with this number */
    bool remember;       /* keep what faultvfs_cut needs (files of a few MB at most) */
};
extern struct faultvfs faultvfs;

/* All counters to 0, no faults.  Call before a database is opened. */
void faultvfs_use(void);
/* What a power cut now would leave of every file seen since faultvfs_use with remember set, written into
 * dir under the same base names: all that was synced, and of what was written since then, each write in
 * turn whole, in part or not at all, by test_random. */
void faultvfs_cut(const char *dir);

#endif
