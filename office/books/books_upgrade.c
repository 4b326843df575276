/* books_upgrade.c - books of a schema before: the log is the truth, so it is posted again (I7).
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/books/books_int.h"

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

static bool follows_from_log(const char *table)
{
    for (size_t i = 0; i < books_derived_count; i++)
        if (strcmp(table, books_derived[i].table) == 0)
            return true;
    return strcmp(table, "entry") == 0;
}

/* The columns that a table has in both books.  A row that new books begin with gives way to the old one. */
static enum err copy_table(struct books *b, const char *table, struct errmsg *why)
{
    char columns[1600] = "", sql[3600];
    size_t used = 0;
    struct query q = query_text_of(b->store, "SELECT n.name FROM pragma_table_info(?1) n"
                                             " JOIN pragma_table_info(?1, 'old') o USING (name) ORDER BY n.cid");
    query_text(&q, table);
    while (query_row(&q) && used < sizeof columns) {
        char name[64];
        query_get_text(&q, name, sizeof name);
        used += (size_t)snprintf(columns + used, sizeof columns - used, "%s\"%s\"", used ? ", " : "", name);
    }
    enum err e = query_done(&q, why);
    if (e || used == 0)
        return e;
    if (used >= sizeof columns)
        return err_set(why, ERR_RANGE, "%s has too many columns", table);
    snprintf(sql, sizeof sql, "INSERT OR REPLACE INTO \"%s\" (%s) SELECT %s FROM old.\"%s\"", table, columns, columns, table);
    e = run(b, sql, why);
    return e ? err_add(why, e, "table %s", table) : OK;
}

/* What the log does not say: every table that both have and that is not derived, whoever keeps it. */
static enum err copy_rest(struct books *b, struct errmsg *why)
{
    char table[64];
    enum err e = OK;
    struct query q = query_text_of(b->store, "SELECT n.name FROM main.sqlite_schema n JOIN old.sqlite_schema o"
                                             " USING (type, name) WHERE type = 'table'"
                                             " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name");
    while (!e && query_row(&q)) {
        query_get_text(&q, table, sizeof table);
        if (!follows_from_log(table))
            e = copy_table(b, table, why);
    }
    enum err ended = query_done(&q, why);
    return e ? e : ended;
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
