/* identity.c - see identity.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONF_MAX = 8192 };

static enum err path_in(char out[IDENTITY_PATH_MAX], const char *dir, const char *name,
                        struct errmsg *why)
{
    int n = snprintf(out, IDENTITY_PATH_MAX, "%s/%s", dir, name);
    if (n < 0 || n >= IDENTITY_PATH_MAX)
        return err_set(why, ERR_RANGE, "the path %s is too long", dir);
    return OK;
}

enum err identity_write_file(const char *dir, const char *name, struct bytes data, struct errmsg *why)
{
    char path[IDENTITY_PATH_MAX], temp[IDENTITY_PATH_MAX + 8];
    enum err e = path_in(path, dir, name, why);
    if (e)
        return e;
    snprintf(temp, sizeof temp, "%s.new", path);
    int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(why, ERR_IO, "%s: %s", temp, strerror(errno));
    bool good = write(fd, data.data, data.size) == (ssize_t)data.size && fsync(fd) == 0;
    if (!good)
        e = err_set(why, ERR_IO, "%s: %s", temp, strerror(errno));
    close(fd);
    if (!e && rename(temp, path))
        e = err_set(why, ERR_IO, "%s: %s", path, strerror(errno));
    int folder = e ? -1 : open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0) {
        if (fsync(folder))
            e = err_set(why, ERR_IO, "%s: %s", dir, strerror(errno));
        close(folder);
    }
    return e;
}

enum err identity_read_file(char *data, size_t cap, const char *dir, const char *name,
                          struct errmsg *why)
{
    char path[IDENTITY_PATH_MAX];
    struct stat st;
    enum err e = path_in(path, dir, name, why);
    if (e)
        return e;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(why, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
                       strerror(errno));
    if (fstat(fd, &st) == 0 && (st.st_mode & 077)) {
        close(fd);
        return err_set(why, ERR_REFUSED, "%s can be read by others: chmod 600 it", path);
    }
    ssize_t n = read(fd, data, cap - 1);
    close(fd);
    if (n < 0 || (size_t)n == cap - 1)
        return err_set(why, n < 0 ? ERR_IO : ERR_CORRUPT, "%s: %s", path,
                       n < 0 ? strerror(errno) : "too long");
    data[n] = 0;
    return OK;
}

static const char *user_name(char out[24], uid_t uid)
{
    const struct passwd *p = getpwuid(uid);
    if (p)
        snprintf(out, 24, "%.23s", p->pw_name);
    else
        snprintf(out, 24, "%u", (unsigned)uid);
    return out;
}

/* Why path cannot be used, by errno, and what to do. */
static enum err unusable(const char *dir, const char *path, struct errmsg *why)
{
    char me[24], owner[24];
    struct stat st;
    int error = errno;
    if (error == EROFS)
        return err_set(why, ERR_IO, "%s can only be read: its disk is mounted read-only, as the system does when a disk fails; "
                       "look at the disk, then mount it for writing and start the till again", path);
    if ((error != EACCES && error != EPERM) || stat(path, &st))
        return err_set(why, ERR_IO, "%s: %s", path, strerror(error));
    user_name(me, geteuid());
    user_name(owner, st.st_uid);
    if (st.st_uid == geteuid())
        return err_set(why, ERR_IO, "%s may not be used by its own user %s: chmod -R u+rwX %s", path, me, dir);
    return err_set(why, ERR_IO, "%s belongs to the user %s, this is %s: start the till as %s, or, if %s is right, "
                   "chown -R %s %s", path, owner, me, owner, me, me, dir);
}

/* Everything that a till needs of its folder, before the first of it fails on its own. */
static enum err may_use(const char *dir, struct errmsg *why)
{
    static const struct {
        const char *name;
        int how;
    } all[] = {{".", R_OK | W_OK | X_OK}, {"lock", R_OK | W_OK},         {"till.conf", R_OK},
               {"key.pem", R_OK},         {"till.db", R_OK | W_OK},      {"till.db-wal", R_OK | W_OK},
               {"till.db-shm", R_OK | W_OK}, {"till.db.lock", R_OK | W_OK}};
    char path[IDENTITY_PATH_MAX];
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        enum err e = path_in(path, dir, all[i].name, why);
        if (e)
            return e;
        if (access(path, all[i].how) && errno != ENOENT)
            return unusable(dir, i ? path : dir, why);
    }
    return OK;
}

enum err identity_lock(int *lock_fd, const char *dir, struct errmsg *why)
{
    char path[IDENTITY_PATH_MAX];
    enum err e = path_in(path, dir, "lock", why);
    if (e)
        return e;
    if (mkdir(dir, 0700) && errno != EEXIST)
        return unusable(dir, dir, why);
    e = may_use(dir, why);
    if (e)
        return e;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(why, ERR_IO, "%s: %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        close(fd);
        return err_set(why, ERR_BUSY,
                       "another till runs in %s: end it, or give this one its own --home", dir);
    }
    *lock_fd = fd;
    return OK;
}

enum err identity_key(mbedtls_pk_context *key, const char *dir, struct errmsg *why)
{
    char text[MBED_PEM_MAX];
    uint8_t der[MBED_KEY_DER_MAX], pem[MBED_PEM_MAX];
    mbedtls_pk_init(key);
    enum err e = identity_read_file(text, sizeof text, dir, "key.pem", why);
    if (e == OK) {
        e = mbed_key_parse(key, bytes_of(text, strlen(text)), why);
        bytes_wipe(text, sizeof text);
        return e ? err_add(why, ERR_CORRUPT, "%s/key.pem", dir) : OK;
    }
    if (e != ERR_NOT_FOUND)
        return e;
    struct buf d = BUF_ON(der), p = BUF_ON(pem);
    e = mbed_key_make(key, why);
    if (!e)
        e = mbed_key_write(&d, key, why);
    if (!e)
        e = mbed_pem_write(&p, "EC PRIVATE KEY", buf_bytes(&d), why);
    if (!e)
        e = identity_write_file(dir, "key.pem", buf_bytes(&p), why);
    bytes_wipe(der, sizeof der);
    bytes_wipe(pem, sizeof pem);
    return e;
}

static void put_hex(char *conf, size_t cap, const char *word, const void *data, size_t size)
{
    char hex[2 * IDENTITY_DER_MAX + 1];
    size_t used = strlen(conf);
    hex_encode(hex, data, size);
    snprintf(conf + used, cap - used, "%s %s\n", word, hex);
    bytes_wipe(hex, sizeof hex);
}

enum err identity_save(const char *dir, const struct identity_given *g, struct errmsg *why)
{
    char conf[CONF_MAX], path[IDENTITY_PATH_MAX];
    enum err e = path_in(path, dir, "till.conf", why);
    if (e)
        return e;
    if (access(path, F_OK) == 0)
        return err_set(why, ERR_EXISTS, "%s is enrolled already; a new till needs its own --home",
                       dir);
    if (g->certificate.size > IDENTITY_DER_MAX || g->ca.size > IDENTITY_DER_MAX ||
        g->pack_key.size > IDENTITY_DER_MAX || g->code_key.size > IDENTITY_DER_MAX)
        return err_set(why, ERR_RANGE, "a certificate of head office is too long");
    snprintf(conf, sizeof conf, "terminal %u\nshop %s\nkey_version %u\n", g->terminal, g->shop,
             g->key_version);
    put_hex(conf, sizeof conf, "aid", g->aid, sizeof g->aid);
    put_hex(conf, sizeof conf, "k2", g->k2, sizeof g->k2);
    put_hex(conf, sizeof conf, "certificate", g->certificate.data, g->certificate.size);
    put_hex(conf, sizeof conf, "ca", g->ca.data, g->ca.size);
    put_hex(conf, sizeof conf, "pack_key", g->pack_key.data, g->pack_key.size);
    put_hex(conf, sizeof conf, "code_key", g->code_key.data, g->code_key.size);
    put_hex(conf, sizeof conf, "lookup_key", g->lookup_key, sizeof g->lookup_key);
    put_hex(conf, sizeof conf, "sun_meta_key", g->sun_meta_key, sizeof g->sun_meta_key);
    e = identity_write_file(dir, "till.conf", bytes_of(conf, strlen(conf)), why);
    bytes_wipe(conf, sizeof conf);
    return e;
}

/* The value of a word in till.conf, copied into out.  False when it is not there. */
static bool value_of(char *out, size_t cap, const char *conf, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = conf; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
        if (strncmp(p, word, n) == 0 && p[n] == ' ') {
            size_t size = strcspn(p + n + 1, "\n");
            if (size >= cap)
                return false;
            memcpy(out, p + n + 1, size);
            out[size] = 0;
            return true;
        }
    return false;
}

static bool hex_of(uint8_t *out, size_t cap, size_t *size, const char *conf, const char *word)
{
    char hex[2 * IDENTITY_DER_MAX + 1];
    bool good = value_of(hex, sizeof hex, conf, word) && hex_decode(out, cap, size, hex) == OK;
    bytes_wipe(hex, sizeof hex);
    return good;
}

static enum err parse(struct identity *id, const char *conf, struct errmsg *why)
{
    char text[32];
    uint8_t der[IDENTITY_DER_MAX];
    size_t size;
    enum err e = OK;
    const char *missing = NULL;
    if (value_of(text, sizeof text, conf, "terminal"))
        id->terminal = (uint32_t)strtoul(text, NULL, 10);
    if (id->terminal < 1 || id->terminal > 9999)
        missing = "terminal";
    if (!value_of(id->shop, sizeof id->shop, conf, "shop"))
        missing = "shop";
    if (value_of(text, sizeof text, conf, "key_version"))
        id->card.scheme.key_version = (uint8_t)strtoul(text, NULL, 10);
    else
        missing = "key_version";
    if (!hex_of(id->card.scheme.aid, 3, &size, conf, "aid") || size != 3)
        missing = "aid";
    if (!hex_of(id->card.k2.b, AES_KEY_SIZE, &size, conf, "k2") || size != AES_KEY_SIZE)
        missing = "k2";
    if (!hex_of(der, sizeof der, &size, conf, "certificate"))
        missing = "certificate";
    else
        e = mbed_cert_parse(&id->certificate, bytes_of(der, size), why);
    if (!e && !hex_of(der, sizeof der, &size, conf, "ca"))
        missing = "ca";
    else if (!e)
        e = mbed_cert_parse(&id->ca, bytes_of(der, size), why);
    if (!e && !hex_of(der, sizeof der, &size, conf, "pack_key"))
        missing = "pack_key";
    else if (!e)
        e = mbed_public_parse(&id->pack_key, bytes_of(der, size), why);
    if (!e && !hex_of(der, sizeof der, &size, conf, "code_key"))
        missing = "code_key";
    else if (!e)
        e = mbed_public_parse(&id->code_key, bytes_of(der, size), why);
    if (!hex_of(id->lookup_key, sizeof id->lookup_key, &size, conf, "lookup_key") ||
        size != sizeof id->lookup_key)
        missing = "lookup_key";
    if (!hex_of(id->sun_meta_key, sizeof id->sun_meta_key, &size, conf, "sun_meta_key") ||
        size != sizeof id->sun_meta_key)
        missing = "sun_meta_key";
    if (missing)
        return err_set(why, ERR_CORRUPT, "%s is missing or malformed", missing);
    return e;
}

enum err identity_load(struct identity *id, const char *dir, struct errmsg *why)
{
    char conf[CONF_MAX];
    memset(id, 0, sizeof *id);
    mbedtls_x509_crt_init(&id->certificate);
    mbedtls_x509_crt_init(&id->ca);
    mbedtls_pk_init(&id->pack_key);
    mbedtls_pk_init(&id->code_key);
    mbedtls_pk_init(&id->key);
    enum err e = identity_read_file(conf, sizeof conf, dir, "till.conf", why);
    if (e == ERR_NOT_FOUND)
        return err_set(why, e,
                       "the till in %s is not enrolled: ask head office for a code, then "
                       "patron-terminal enrol --home %s --office HOST:PORT --code CODE",
                       dir, dir);
    if (!e) {
        e = parse(id, conf, why);
        if (e)
            err_add(why, e = ERR_CORRUPT, "%s/till.conf: enrol this till anew in an empty folder",
                    dir);
    }
    bytes_wipe(conf, sizeof conf);
    if (!e)
        e = identity_key(&id->key, dir, why);
    if (!e && !mbed_same_key(&id->certificate.pk, &id->key)) /* lost, or another's: the line would never come */
        e = err_set(why, ERR_CORRUPT,
                    "%s/key.pem is not the key of till.conf: remove till.conf, ask head office for a new code of till %u"
                    " (patronctl till recode %u), and enrol again",
                    dir, id->terminal, id->terminal);
    if (e)
        identity_finish(id);
    return e;
}

/* Overwritten first: what an unlinked file held stays on the disk for a while. */
static enum err wipe_file(const char *dir, const char *name, struct errmsg *why)
{
    static const uint8_t zeros[CONF_MAX];
    char path[IDENTITY_PATH_MAX];
    enum err e = path_in(path, dir, name, why);
    if (e)
        return e;
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? OK : err_set(why, ERR_IO, "%s: %s", path, strerror(errno));
    struct stat st;
    bool good = fstat(fd, &st) == 0;
    for (off_t done = 0; good && done < st.st_size; done += (off_t)sizeof zeros)
        good = write(fd, zeros, sizeof zeros) == (ssize_t)sizeof zeros;
    good = good && fsync(fd) == 0;
    close(fd);
    return unlink(path) == 0 && good ? OK : err_set(why, ERR_IO, "%s: %s", path, strerror(errno));
}

enum err identity_wipe(const char *dir, struct errmsg *why)
{
    enum err conf = wipe_file(dir, "till.conf", why), key = wipe_file(dir, "key.pem", why);
    return conf ? conf : key;
}

void identity_finish(struct identity *id)
{
    mbedtls_x509_crt_free(&id->certificate);
    mbedtls_x509_crt_free(&id->ca);
    mbedtls_pk_free(&id->pack_key);
    mbedtls_pk_free(&id->code_key);
    mbedtls_pk_free(&id->key);
    bytes_wipe(&id->card, sizeof id->card);
    bytes_wipe(id->lookup_key, sizeof id->lookup_key);
    bytes_wipe(id->sun_meta_key, sizeof id->sun_meta_key);
}
