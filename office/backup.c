/* backup.c - see backup.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/backup.h"

#include "base/mbed.h"
#include "office/books/books_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <mbedtls/md.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 4, NAME_MAX_ = 200, SUM_SIZE = 64 };
#define SUMS "SHA256SUMS"

/* A folder being copied into another. */
struct copy {
    const char *from, *to;
    FILE *sums; /* NULL: digests are compared by the caller */
    struct backup_report *report;
    struct errmsg *why;
};

static enum err failed(struct errmsg *why, const char *path)
{
    return err_set(why, errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO, "%s: %s", path, strerror(errno));
}

static enum err join(char out[HOME_PATH_MAX], const char *dir, const char *name, struct errmsg *why)
{
    int size = snprintf(out, HOME_PATH_MAX, "%s/%s", dir, name);
    return size > 0 && size < HOME_PATH_MAX ? OK : err_set(why, ERR_RANGE, "the path %s/%s is too long", dir, name);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static void remove_tree(const char *dir)
{
    (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static enum err sync_path(const char *path, struct errmsg *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return failed(why, path);
    enum err e = fsync(fd) ? failed(why, path) : OK;
    close(fd);
    return e;
}

/* SHA-256 of a file, as hex; to >= 0: its bytes are written there too. */
static enum err digest_file(const char *path, int to, char hex[SUM_SIZE + 1], int64_t *size, struct errmsg *why)
{
    enum { CHUNK = 65536 };
    mbedtls_md_context_t sha;
    uint8_t *bytes = malloc(CHUNK), hash[MBED_HASH_SIZE];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    enum err e = !bytes ? err_set(why, ERR_IO, "out of memory") : fd < 0 ? failed(why, path) : OK;
    mbedtls_md_init(&sha);
    if (!e && (mbedtls_md_setup(&sha, mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), 0) || mbedtls_md_starts(&sha)))
        e = err_set(why, ERR_CRYPTO, "no SHA-256");
    *size = 0;
    for (ssize_t n; !e && (n = read(fd, bytes, CHUNK)) != 0;) {
        if (n < 0) {
            e = failed(why, path);
            break;
        }
        *size += n;
        if (mbedtls_md_update(&sha, bytes, (size_t)n))
            e = err_set(why, ERR_CRYPTO, "no SHA-256");
        for (ssize_t at = 0, w; !e && to >= 0 && at < n; at += w)
            if ((w = write(to, bytes + at, (size_t)(n - at))) < 0) {
                e = failed(why, path);
                break;
            }
    }
    if (!e && mbedtls_md_finish(&sha, hash))
        e = err_set(why, ERR_CRYPTO, "no SHA-256");
    if (!e)
        hex_encode(hex, hash, sizeof hash);
    mbedtls_md_free(&sha);
    if (fd >= 0)
        close(fd);
    free(bytes);
    return e;
}

static enum err copy_file(struct copy *c, const char *name)
{
    char from[HOME_PATH_MAX], to[HOME_PATH_MAX], hex[SUM_SIZE + 1];
    int64_t size;
    enum err e = join(from, c->from, name, c->why);
    if (!e)
        e = join(to, c->to, name, c->why);
    if (e)
        return e;
    int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return failed(c->why, to);
    e = digest_file(from, fd, hex, &size, c->why);
    if (!e && fsync(fd))
        e = failed(c->why, to);
    if (close(fd) && !e)
        e = failed(c->why, to);
    if (!e && c->sums && fprintf(c->sums, "%s  %s\n", hex, name) < 0)
        e = failed(c->why, SUMS);
    if (e)
        return e;
    c->report->files++;
    c->report->bytes += size;
    return c->report->files > BACKUP_FILES_MAX
               ? err_set(c->why, ERR_RANGE, "%s has more than %d files", c->from, BACKUP_FILES_MAX)
               : OK;
}

/* The database is copied by SQLite; what it keeps beside it is of the moment. */
static bool is_left_out(const char *name)
{
    return strncmp(name, HOME_BOOKS, strlen(HOME_BOOKS)) == 0 || strcmp(name, SUMS) == 0;
}

static enum err copy_folder(struct copy *c, const char *below, int depth)
{
    char path[HOME_PATH_MAX], name[NAME_MAX_];
    enum err e = join(path, c->from, below, c->why);
    DIR *dir = e ? NULL : opendir(path);
    if (!dir)
        return e ? e : failed(c->why, path);
    for (struct dirent *d; !e && (errno = 0, d = readdir(dir));) {
        struct stat st;
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 || is_left_out(d->d_name))
            continue;
        int size = snprintf(name, sizeof name, "%s%s%s", below, *below ? "/" : "", d->d_name);
        if (size < 0 || size >= (int)sizeof name || depth > DEPTH_MAX) {
            e = err_set(c->why, ERR_RANGE, "%s/%s is too deep in the folder", c->from, name);
        } else if (!(e = join(path, c->from, name, c->why)) && lstat(path, &st)) {
            e = errno == ENOENT ? OK : failed(c->why, path); /* it was a file of the moment */
        } else if (!e && S_ISDIR(st.st_mode)) {
            if (!(e = join(path, c->to, name, c->why)))
                e = mkdir(path, 0700) ? failed(c->why, path) : copy_folder(c, name, depth + 1);
            if (!e)
                e = sync_path(path, c->why);
        } else if (!e && S_ISREG(st.st_mode)) {
            e = copy_file(c, name);
        }
    }
    closedir(dir);
    return e;
}

static enum err count_entries(struct books *b, struct backup_report *out, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "SELECT count(*), coalesce(max(received_s), 0) FROM entry");
    if (query_row(&q)) {
        out->entries = query_get_int(&q);
        out->newest_s = query_get_int(&q);
    }
    return query_done(&q, why);
}

/* Both folders are there; the sums are written last. */
static enum err fill(const struct home *home, struct books *books, const char *to, struct backup_report *out,
                     struct errmsg *why)
{
    char path[HOME_PATH_MAX], hex[SUM_SIZE + 1];
    int64_t size = 0;
    enum err e = join(path, to, SUMS, why);
    FILE *sums = e ? NULL : fopen(path, "wx");
    if (!sums)
        return e ? e : failed(why, path);
    struct copy c = {.from = home->dir, .to = to, .sums = sums, .report = out, .why = why};
    e = copy_folder(&c, "", 0);
    if (!e)
        e = join(path, to, HOME_BOOKS, why);
    if (!e)
        e = store_office_backup(books->store, path, why);
    if (!e && chmod(path, 0600))
        e = failed(why, path);
    if (!e)
        e = sync_path(path, why);
    if (!e)
        e = digest_file(path, -1, hex, &size, why);
    if (!e && fprintf(sums, "%s  %s\n", hex, HOME_BOOKS) < 0)
        e = failed(why, SUMS);
    if (!e && (fflush(sums) || fsync(fileno(sums))))
        e = failed(why, SUMS);
    if (fclose(sums) && !e)
        e = failed(why, SUMS);
    out->files++;
    out->bytes += size;
    return e ? e : sync_path(to, why);
}

/* "DIR.new", to be filled and moved to dir. */
static enum err begin_folder(char partial[HOME_PATH_MAX], const char *dir, struct errmsg *why)
{
    struct stat st;
    int size = snprintf(partial, HOME_PATH_MAX, "%s.new-XXXXXX", dir);
    if (size < 0 || size >= HOME_PATH_MAX)
        return err_set(why, ERR_RANGE, "the path of the folder is too long");
    if (lstat(dir, &st) == 0)
        return err_set(why, ERR_EXISTS, "%s is there already: give a folder that is not", dir);
    return mkdtemp(partial) ? OK : failed(why, partial);
}

static enum err end_folder(const char *partial, const char *dir, struct errmsg *why)
{
    char parent[HOME_PATH_MAX];
    snprintf(parent, sizeof parent, "%s", dir);
    char *slash = strrchr(parent, '/');
    if (slash && slash != parent)
        *slash = 0;
    if (rename(partial, dir))
        return errno == ENOTEMPTY || errno == EEXIST ? err_set(why, ERR_EXISTS, "%s is there already", dir)
                                                     : failed(why, dir);
    return sync_path(slash ? parent : ".", why);
}

enum err backup_make(const struct home *home, struct books *books, const char *dir, struct backup_report *out,
                     struct errmsg *why)
{
    char partial[HOME_PATH_MAX];
    memset(out, 0, sizeof *out);
    enum err e = begin_folder(partial, dir, why);
    if (e)
        return e;
    e = fill(home, books, partial, out, why);
    if (!e)
        e = count_entries(books, out, why);
    if (!e)
        e = end_folder(partial, dir, why);
    if (e)
        remove_tree(partial);
    return e;
}

/* ---- the drill ---- */

/* Every line of the sums is of a file that is there and the same; every file has a line. */
static enum err check_sums(const char *dir, int32_t files, struct errmsg *why)
{
    char path[HOME_PATH_MAX], line[SUM_SIZE + NAME_MAX_ + 4], hex[SUM_SIZE + 1];
    int32_t seen = 0;
    enum err e = join(path, dir, SUMS, why);
    FILE *sums = e ? NULL : fopen(path, "r");
    if (!sums)
        return e ? e : err_set(why, ERR_NOT_FOUND, "%s is no backup: it has no " SUMS, dir);
    while (!e && fgets(line, sizeof line, sums)) {
        char *end = strchr(line, '\n');
        int64_t size;
        if (!end || end - line < SUM_SIZE + 3 || strncmp(line + SUM_SIZE, "  ", 2) != 0 ||
            strstr(line, "..") || line[SUM_SIZE + 2] == '/') {
            e = err_set(why, ERR_CORRUPT, "%s/" SUMS ": line %d is no digest and name", dir, (int)seen + 1);
            break;
        }
        *end = 0;
        if ((e = join(path, dir, line + SUM_SIZE + 2, why)))
            break;
        seen++;
        e = digest_file(path, -1, hex, &size, why);
        if (!e && strncmp(hex, line, SUM_SIZE) != 0)
            e = err_set(why, ERR_CORRUPT, "%s is not what was backed up", line + SUM_SIZE + 2);
    }
    fclose(sums);
    if (!e && seen != files)
        e = err_set(why, ERR_CORRUPT, "%s has %d files, its " SUMS " says %d", dir, (int)files, (int)seen);
    return e;
}

static enum err try_copy(const char *dir, FILE *say, struct backup_report *out, struct errmsg *why)
{
    struct home home;
    struct books *books = NULL;
    char path[HOME_PATH_MAX];
    int broken = 0, differing = 0;
    enum err e = home_open(&home, dir, why);
    if (!e) {
        home_path(&home, HOME_BOOKS, path);
        e = books_open(&books, path, &home.card_keys, why);
    }
    if (!e)
        e = books_verify(books, say, &broken, why);
    if (!e)
        e = books_replay(books, say, &differing, why);
    if (!e)
        e = count_entries(books, out, why);
    out->broken = broken + differing;
    books_close(books);
    home_finish(&home);
    return e;
}

static enum err copy_back(const char *dir, const char *to, FILE *say, struct backup_report *out,
                          struct errmsg *why)
{
    char sums[HOME_PATH_MAX];
    struct copy c = {.from = dir, .to = to, .report = out, .why = why};
    struct stat st;
    enum err e = join(sums, dir, SUMS, why);
    if (!e && stat(sums, &st))
        e = err_set(why, ERR_NOT_FOUND, "%s is no backup: it has no " SUMS, dir);
    if (!e)
        e = copy_folder(&c, "", 0);
    if (!e)
        e = copy_file(&c, HOME_BOOKS);
    int32_t files = out->files;
    if (!e)
        e = copy_file(&c, SUMS);
    out->files = files;
    if (!e)
        e = check_sums(to, files, why);
    if (!e && (e = join(sums, to, SUMS, why)) == OK && unlink(sums))
        e = failed(why, sums);
    return e ? e : try_copy(to, say, out, why);
}

enum err backup_drill(const char *dir, FILE *say, struct backup_report *out, struct errmsg *why)
{
    char partial[HOME_PATH_MAX];
    memset(out, 0, sizeof *out);
    int size = snprintf(partial, sizeof partial, "%s.drill-XXXXXX", dir);
    if (size < 0 || size >= (int)sizeof partial)
        return err_set(why, ERR_RANGE, "the path of the folder is too long");
    if (!mkdtemp(partial))
        return failed(why, partial);
    enum err e = copy_back(dir, partial, say, out, why);
    remove_tree(partial);
    return e;
}

enum err backup_restore(const char *dir, const char *to, FILE *say, struct backup_report *out, struct errmsg *why)
{
    char partial[HOME_PATH_MAX];
    memset(out, 0, sizeof *out);
    enum err e = begin_folder(partial, to, why);
    if (e)
        return e;
    e = copy_back(dir, partial, say, out, why);
    if (!e && out->broken)
        e = err_set(why, ERR_CORRUPT, "the books in %s do not hold; nothing was restored", dir);
    if (!e)
        e = end_folder(partial, to, why);
    if (e)
        remove_tree(partial);
    return e;
}
