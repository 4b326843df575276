/* faultvfs.c - see faultvfs.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/faultvfs.h"

#include "tests/test.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct faultvfs faultvfs;

/* What is on the platter, and what is still in the cache. */
struct change {
    struct change *next;
    int64_t offset;
    int size; /* -1 = truncate to offset */
    uint8_t data[];
};
struct image {
    struct image *next;
    char name[256];
    uint8_t *data;
    int64_t size;
    struct change *first, **last;
};
static struct image *images;

struct file {
    sqlite3_file base;
    struct image *image;
    sqlite3_file *real;
};

static void *must(void *p)
{
    if (!p)
        abort();
    return p;
}

static void apply(struct image *im, const struct change *c, int part)
{
    int64_t end = c->offset + part;
    if (c->size >= 0 && end > im->size) {
        im->data = must(realloc(im->data, (size_t)end));
        memset(im->data + im->size, 0, (size_t)(end - im->size));
        im->size = end;
    }
    if (c->size >= 0)
        memcpy(im->data + c->offset, c->data, (size_t)part);
    else if (c->offset < im->size)
        im->size = c->offset;
}

static void forget(struct image *im)
{
    while (im->first) {
        struct change *c = im->first;
        im->first = c->next;
        free(c);
    }
    im->last = &im->first;
}

static void remember(struct image *im, const void *data, int size, int64_t offset)
{
    if (!im || !faultvfs.remember)
        return;
    struct change *c = must(malloc(sizeof *c + (size_t)(size > 0 ? size : 0)));
    *c = (struct change){.offset = offset, .size = size};
    if (size > 0)
        memcpy(c->data, data, (size_t)size);
    *im->last = c;
    im->last = &c->next;
}

static struct image *image_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    for (struct image *im = images; im; im = im->next)
        if (strcmp(im->name, name) == 0)
            return im;
    struct image *im = must(calloc(1, sizeof *im));
    snprintf(im->name, sizeof im->name, "%s", name);
    im->last = &im->first;
    im->next = images;
    return images = im;
}

void faultvfs_cut(const char *dir)
{
    for (struct image *im = images; im; im = im->next) {
        for (struct change *c = im->first; c; c = c->next) {
            uint32_t fate = test_below(3);
            if (c->size < 0 ? fate > 0 : fate == 2)
                apply(im, c, c->size);
            else if (fate == 1 && c->size > 0)
                apply(im, c, (int)test_below((uint32_t)c->size));
        }
        forget(im);
        char path[512];
        snprintf(path, sizeof path, "%s/%s", dir, im->name);
        FILE *f = must(fopen(path, "w"));
        if (im->size && fwrite(im->data, (size_t)im->size, 1, f) != 1)
            abort();
        fclose(f);
    }
}

static bool fails(int64_t n, int64_t at)
{
    return at && (n == at || (faultvfs.fail_twice && n == at + 1) || (faultvfs.fail_for_ever && n > at));
}

static bool write_fails(void)
{
    faultvfs.writes++;
    if (faultvfs.kill_write == faultvfs.writes)
        kill(getpid(), SIGKILL);
    return fails(faultvfs.writes, faultvfs.fail_write);
}

#define REAL(f) (((struct file *)(f))->real)
#define CALL(f, method, ...) (REAL(f)->pMethods->method(REAL(f), __VA_ARGS__))

static int x_close(sqlite3_file *f)
{
    int rc = REAL(f)->pMethods ? REAL(f)->pMethods->xClose(REAL(f)) : SQLITE_OK;
    free(REAL(f));
    return rc;
}
static int x_read(sqlite3_file *f, void *to, int size, sqlite3_int64 offset)
{
    return CALL(f, xRead, to, size, offset);
}
static int x_write(sqlite3_file *f, const void *from, int size, sqlite3_int64 offset)
{
    if (write_fails())
        return SQLITE_FULL;
    remember(((struct file *)f)->image, from, size, offset);
    return CALL(f, xWrite, from, size, offset);
}
static int x_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    if (write_fails())
        return SQLITE_IOERR_TRUNCATE;
    remember(((struct file *)f)->image, NULL, -1, size);
    return CALL(f, xTruncate, size);
}
static int x_sync(sqlite3_file *f, int flags)
{
    faultvfs.syncs++;
    struct image *im = ((struct file *)f)->image;
    if (fails(faultvfs.syncs, faultvfs.fail_sync)) {
        if (im)
            forget(im); /* the kernel takes it for written: no later fsync brings it to the platter */
        return SQLITE_IOERR_FSYNC;
    }
    if (im) {
        for (struct change *c = im->first; c; c = c->next)
            apply(im, c, c->size);
        forget(im);
    }
    return CALL(f, xSync, flags);
}
static int x_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return CALL(f, xFileSize, size);
}
static int x_lock(sqlite3_file *f, int level)
{
    return CALL(f, xLock, level);
}
static int x_unlock(sqlite3_file *f, int level)
{
    return CALL(f, xUnlock, level);
}
static int x_reserved(sqlite3_file *f, int *out)
{
    return CALL(f, xCheckReservedLock, out);
}
static int x_control(sqlite3_file *f, int op, void *arg)
{
    return CALL(f, xFileControl, op, arg);
}
static int x_sector(sqlite3_file *f)
{
    return REAL(f)->pMethods->xSectorSize(REAL(f));
}
static int x_device(sqlite3_file *f)
{
    return REAL(f)->pMethods->xDeviceCharacteristics(REAL(f));
}
/* It is a file too, and makes itself longer. */
static int x_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    if (extend && faultvfs.fail_for_ever && fails(faultvfs.writes + 1, faultvfs.fail_write))
        return SQLITE_IOERR_SHMSIZE;
    return CALL(f, xShmMap, page, size, extend, out);
}
static int x_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return CALL(f, xShmLock, offset, n, flags);
}
static void x_shm_barrier(sqlite3_file *f)
{
    REAL(f)->pMethods->xShmBarrier(REAL(f));
}
static int x_shm_unmap(sqlite3_file *f, int del)
{
    return CALL(f, xShmUnmap, del);
}

static const sqlite3_io_methods methods = {
    2,       x_close, x_read,   x_write,    x_truncate, x_sync,   x_size,    x_lock,     x_unlock,
    x_reserved, x_control, x_sector, x_device, x_shm_map, x_shm_lock, x_shm_barrier, x_shm_unmap,
    NULL,    NULL};

static int x_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *out, int flags, int *out_flags)
{
    sqlite3_vfs *real = vfs->pAppData;
    struct file *f = (struct file *)out;
    f->base.pMethods = NULL;
    f->real = must(calloc(1, (size_t)real->szOsFile));
    f->image = name && faultvfs.remember ? image_of(name) : NULL;
    int rc = real->xOpen(real, name, f->real, flags, out_flags);
    if (rc == SQLITE_OK)
        f->base.pMethods = &methods;
    else
        free(f->real);
    return rc;
}

static int x_delete(sqlite3_vfs *vfs, const char *name, int sync_dir)
{
    sqlite3_vfs *real = vfs->pAppData;
    if (faultvfs.remember) {
        struct image *im = image_of(name);
        forget(im);
        im->size = 0;
    }
    return real->xDelete(real, name, sync_dir);
}

void faultvfs_use(void)
{
    static sqlite3_vfs vfs;
    if (!vfs.zName) {
        sqlite3_vfs *real = sqlite3_vfs_find(NULL);
        vfs = *real;
        vfs.zName = "patron-fault";
        vfs.szOsFile = sizeof(struct file);
        vfs.pAppData = real;
        vfs.xOpen = x_open;
        vfs.xDelete = x_delete;
        vfs.pNext = NULL;
        sqlite3_vfs_register(&vfs, 1);
    }
    while (images) {
        struct image *im = images;
        images = im->next;
        forget(im);
        free(im->data);
        free(im);
    }
    faultvfs = (struct faultvfs){0};
}
