/* books_upgrade.c - books of the schema before: the log is the truth, so it is posted again (I7).
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/books_int.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum err run(struct books *b, const char *sql, struct errmsg *why)
{
    struct query q = query_text_of(b->store, sql);
    return query_run(&q, why);
}

/* What the log does not say. */
static enum err copy_rest(struct books *b, struct errmsg *why)
{
    static const char *const steps[] = {
        "INSERT INTO pack SELECT * FROM old.pack",
        "INSERT INTO conflict SELECT * FROM old.conflict",
        "INSERT INTO terminal (terminal, shop, revoked, code_hash, cert_hash, contact_s, waiting, program,"
        " signature) SELECT terminal, shop, revoked, code_hash, cert_hash, contact_s, waiting, program,"
        " signature FROM old.terminal",
        "INSERT INTO person (member, name, contact, note) SELECT member, name, contact, note FROM old.person",
    };
    enum err e = OK;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && !e; i++)
        e = run(b, steps[i], why);
    return e;
}

static enum err count_differing(struct books *b, int64_t *differing, struct errmsg *why)
{
    struct query q = query_text_of(
        b->store, "SELECT count(*) FROM old.member o LEFT JOIN member n USING (member)"
                  " WHERE (o.held, o.transit, o.owed) IS NOT (n.held, n.transit, n.owed)");
    if (query_row(&q))
        *differing = query_get_int(&q);
    return query_done(&q, why);
}

static enum err fill(struct books *b, struct store_office *old, const char *path, int64_t *entries,
                     int64_t *differing, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "ATTACH ? AS old");
    query_text(&q, path);
    enum err e = query_run(&q, why);
    if (!e)
        e = books_begin(b, why);
    if (e)
        return e;
    e = books_post_log(old, b, entries, why);
    if (!e)
        e = copy_rest(b, why);
    if (!e)
        e = count_differing(b, differing, why);
    if (!e)
        return books_commit(b, why);
    books_rollback(b);
    return e;
}

static enum err exchange(const char *path, const char *fresh, const char *kept, struct errmsg *why)
{
    struct stat s;
    char wal[1024];
    snprintf(wal, sizeof wal, "%s-wal", path);
    if (access(wal, F_OK) == 0)
        return err_set(why, ERR_BUSY, "another program has %s open: end it first", path);
    if (stat(path, &s) || chmod(fresh, s.st_mode & 0777) || link(path, kept) || rename(fresh, path))
        return err_set(why, errno == EEXIST ? ERR_EXISTS : ERR_IO, "%s to %s: %s", path, kept, strerror(errno));
    return OK;
}

enum err books_upgrade(const char *path, const struct card_office_keys *keys, int64_t *entries,
                       int64_t *differing, struct errmsg *why)
{
    struct store_office *old = NULL;
    struct books *b = NULL;
    char fresh[1024], kept[1024];
    *entries = *differing = 0;
    if (snprintf(fresh, sizeof fresh, "%s.new", path) >= (int)sizeof fresh - 8)
        return err_set(why, ERR_RANGE, "%s is too long a name", path);
    snprintf(kept, sizeof kept, "%s.old", path);
    enum err e = store_office_open_old(&old, path, why);
    if (e)
        return e;
    (void)unlink(fresh); /* of one that did not end */
    if (access(kept, F_OK) == 0)
        e = err_set(why, ERR_EXISTS, "%s is there: it was done before", kept);
    if (!e)
        e = store_office_create(fresh, why);
    if (!e)
        e = books_open_store(&b, fresh, keys, why);
    if (!e)
        e = fill(b, old, path, entries, differing, why);
    books_close(b);
    store_office_close(old);
    if (!e)
        e = exchange(path, fresh, kept, why);
    if (e)
        (void)unlink(fresh);
    return e;
}
