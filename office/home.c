/* home.c - see home.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/home.h"

#include "office/ca.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 4096, NAME_ROOM = 64 /* the longest name below the folder, and ".new-XXXXXX" */ };

static const struct {
    const char *name;
    size_t at; /* of the key in struct home */
} key_files[] = {
    {"keys/ca.key", offsetof(struct home, ca_key)},
    {"keys/office.key", offsetof(struct home, office_key)},
    {"keys/pack.key", offsetof(struct home, pack_key)},
    {"keys/code.key", offsetof(struct home, code_key)},
};
enum { KEY_FILES = sizeof key_files / sizeof *key_files };

static mbedtls_pk_context *key_of(struct home *home, int i)
{
    return (mbedtls_pk_context *)(void *)((char *)home + key_files[i].at);
}

/* The class keys by name, for the file both ways. */
struct card_key {
    const char *name;
    struct aes_key *key;
};
enum { CARD_KEYS = 5 };
static void card_key_table(struct card_office_keys *k, struct card_key table[CARD_KEYS])
{
    table[0] = (struct card_key){"k0-master", &k->k0};
    table[1] = (struct card_key){"k1-read", &k->k1};
    table[2] = (struct card_key){"k2-till", &k->k2};
    table[3] = (struct card_key){"k3-credit", &k->k3};
    table[4] = (struct card_key){"tmac", &k->tmac};
}

static const struct {
    const char *name;
    size_t at; /* of the 16 bytes in struct known_keys */
} known_key_lines[] = {
    {"lookup", offsetof(struct known_keys, lookup)},
    {"sun-meta", offsetof(struct known_keys, sun_meta)},
    {"sun-file", offsetof(struct known_keys, sun_file)},
};
enum { KNOWN_KEYS = sizeof known_key_lines / sizeof *known_key_lines, KNOWN_KEY_SIZE = 16 };

static uint8_t *known_key(struct home *home, int i)
{
    return (uint8_t *)&home->known_keys + known_key_lines[i].at;
}

/* Every key pointer may be freed from here on. */
static enum err start(struct home *home, const char *dir, struct errmsg *why)
{
    memset(home, 0, sizeof *home);
    mbedtls_x509_crt_init(&home->ca);
    mbedtls_x509_crt_init(&home->office);
    for (int i = 0; i < KEY_FILES; i++)
        mbedtls_pk_init(key_of(home, i));
    size_t size = strlen(dir);
    while (size > 1 && dir[size - 1] == '/')
        size--;
    if (size == 0 || size > sizeof home->dir - NAME_ROOM)
        return err_set(why, ERR_RANGE, "the path of the head-office folder is too %s",
                       size ? "long" : "short");
    memcpy(home->dir, dir, size);
    return OK;
}

void home_path(const struct home *home, const char *name, char out[HOME_PATH_MAX])
{
    int size = snprintf(out, HOME_PATH_MAX, "%s/%s", home->dir, name);
    assert(size > 0);
    assert(size < HOME_PATH_MAX);
}

void home_till_keys(const struct home *home, struct card_till_keys *out)
{
    out->scheme = home->card_keys.scheme;
    out->k2 = home->card_keys.k2;
}

/* ---- reading ---- */

static enum err check_private(const char *path, const struct stat *st, const char *mode,
                              struct errmsg *why)
{
    if (st->st_mode & 077)
        return err_set(why, ERR_REFUSED,
                       "others than its owner may read %s (mode %04o): chmod %s %s", path,
                       (unsigned)st->st_mode & 07777, mode, path);
    return OK;
}

/* A small file as terminated text. */
static enum err read_file(const struct home *home, const char *name, bool secret,
                          char text[FILE_MAX], struct errmsg *why)
{
    char path[HOME_PATH_MAX];
    struct stat st;
    home_path(home, name, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(why, errno == ENOENT ? ERR_CORRUPT : ERR_IO, "%s: %s", path,
                       strerror(errno));
    enum err e = fstat(fd, &st) ? err_set(why, ERR_IO, "%s: %s", path, strerror(errno)) : OK;
    if (!e && secret)
        e = check_private(path, &st, "600", why);
    if (!e) {
        ssize_t size = read(fd, text, FILE_MAX - 1);
        if (size < 0)
            e = err_set(why, ERR_IO, "%s: %s", path, strerror(errno));
        else if (size == 0 || size == FILE_MAX - 1)
            e = err_set(why, ERR_CORRUPT, "%s: %s", path, size ? "too long" : "empty");
        else
            text[size] = 0;
    }
    close(fd);
    return e;
}

static enum err read_card_keys(struct home *home, struct errmsg *why)
{
    char text[FILE_MAX], *rest = text, *line;
    unsigned aid, version;
    enum { AID = 1, VERSION = 2, ALL = (1 << (CARD_KEYS + 2)) - 1 };
    int seen = 0, number = 0;
    enum err e = read_file(home, "keys/card.keys", true, text, why);
    struct card_key table[CARD_KEYS];
    card_key_table(&home->card_keys, table);
    while (!e && (line = strsep(&rest, "\n"))) {
        char name[16], value[40], more;
        number++;
        if (*line == '#' || *line == 0)
            continue;
        int known = 0;
        if (sscanf(line, "%15s %39s %c", name, value, &more) == 2) {
            if (strcmp(name, "aid") == 0 && strlen(value) == 6 && sscanf(value, "%6x", &aid) == 1) {
                put_le(home->card_keys.scheme.aid, aid, 3);
                known = AID;
            } else if (strcmp(name, "key-version") == 0 && sscanf(value, "%3u", &version) == 1 &&
                       version <= 255) {
                home->card_keys.scheme.key_version = (uint8_t)version;
                known = VERSION;
            }
            for (int i = 0; i < CARD_KEYS; i++) {
                size_t size = 0;
                if (strcmp(name, table[i].name) == 0 &&
                    hex_decode(table[i].key->b, AES_KEY_SIZE, &size, value) == OK &&
                    size == AES_KEY_SIZE)
                    known = 4 << i;
            }
            bytes_wipe(value, sizeof value);
        }
        if (!known || seen & known)
            e = err_set(why, ERR_CORRUPT, "%s/keys/card.keys:%d: not a line of this file",
                        home->dir, number);
        seen |= known;
    }
    bytes_wipe(text, sizeof text);
    if (!e && seen != ALL)
        e = err_set(why, ERR_CORRUPT, "%s/keys/card.keys: a key is missing", home->dir);
    return e;
}

static enum err read_known_keys(struct home *home, struct errmsg *why)
{
    char text[FILE_MAX], *rest = text, *line;
    unsigned seen = 0;
    enum err e = read_file(home, "keys/known.keys", true, text, why);
    while (!e && (line = strsep(&rest, "\n"))) {
        char *value = strchr(line, ' ');
        if (*line == '#' || *line == 0)
            continue;
        if (value)
            *value++ = 0;
        int i = 0;
        while (i < KNOWN_KEYS && strcmp(line, known_key_lines[i].name) != 0)
            i++;
        size_t size = 0;
        if (i == KNOWN_KEYS || !value || seen & 1u << i ||
            hex_decode(known_key(home, i), KNOWN_KEY_SIZE, &size, value) != OK || size != KNOWN_KEY_SIZE)
            e = err_set(why, ERR_CORRUPT, "%s/keys/known.keys: not a line of this file", home->dir);
        else
            seen |= 1u << i;
    }
    bytes_wipe(text, sizeof text);
    if (!e && seen != (1u << KNOWN_KEYS) - 1)
        e = err_set(why, ERR_CORRUPT, "%s/keys/known.keys: a key is missing", home->dir);
    return e;
}

static enum err read_key(struct home *home, int i, struct errmsg *why)
{
    char text[FILE_MAX];
    enum err e = read_file(home, key_files[i].name, true, text, why);
    if (!e) {
        e = mbed_key_parse(key_of(home, i), bytes_of(text, strlen(text)), why);
        if (e)
            e = err_add(why, ERR_CORRUPT, "%s/%s", home->dir, key_files[i].name);
    }
    bytes_wipe(text, sizeof text);
    return e;
}

static enum err read_cert(struct home *home, const char *name, mbedtls_x509_crt *cert,
                          struct errmsg *why)
{
    char text[FILE_MAX];
    enum err e = read_file(home, name, false, text, why);
    if (!e) {
        e = mbed_cert_parse(cert, bytes_of(text, strlen(text)), why);
        if (e)
            e = err_add(why, ERR_CORRUPT, "%s/%s", home->dir, name);
    }
    return e;
}

/* Is this the certificate of this key? */
static enum err check_pair(const struct home *home, const mbedtls_x509_crt *cert,
                           const mbedtls_pk_context *key, const char *name, struct errmsg *why)
{
    uint8_t a[MBED_KEY_DER_MAX], b[MBED_KEY_DER_MAX];
    struct buf x = BUF_ON(a), y = BUF_ON(b);
    enum err e = mbed_public_write(&x, &cert->pk, why);
    if (!e)
        e = mbed_public_write(&y, key, why);
    if (!e && (x.size != y.size || memcmp(a, b, x.size) != 0))
        e = err_set(why, ERR_CORRUPT,
                    "%s/%s.crt is not the certificate of keys/%s.key: restore both "
                    "from the same backup",
                    home->dir, name, name);
    return e;
}

static enum err make_newer(struct home *home, struct errmsg *why);

enum err home_open(struct home *home, const char *dir, struct errmsg *why)
{
    char path[HOME_PATH_MAX];
    struct stat st, folder;
    enum err e = start(home, dir, why);
    if (!e)
        e = mbed_init(why);
    if (e)
        return e;
    home_path(home, "keys", path);
    if (stat(path, &st) || stat(home->dir, &folder))
        return errno == ENOENT || errno == ENOTDIR
                   ? err_set(why, ERR_NOT_FOUND, "there is no programme in %s", home->dir)
                   : err_set(why, ERR_IO, "%s: %s", path, strerror(errno));
    e = check_private(home->dir, &folder, "700", why); /* the ledger has people's names in it */
    if (!e)
        e = check_private(path, &st, "700", why);
    if (!e)
        e = make_newer(home, why);
    for (int i = 0; !e && i < KEY_FILES; i++)
        e = read_key(home, i, why);
    if (!e)
        e = read_card_keys(home, why);
    if (!e)
        e = read_known_keys(home, why);
    if (!e)
        e = read_cert(home, "ca.crt", &home->ca, why);
    if (!e)
        e = read_cert(home, "office.crt", &home->office, why);
    if (!e)
        e = check_pair(home, &home->ca, &home->ca_key, "ca", why);
    if (!e)
        e = check_pair(home, &home->office, &home->office_key, "office", why);
    return e;
}

/* ---- making ---- */

static enum err write_file(const struct home *home, const char *name, mode_t mode,
                           struct bytes data, struct errmsg *why)
{
    char path[HOME_PATH_MAX];
    home_path(home, name, path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        return err_set(why, ERR_IO, "%s: %s", path, strerror(errno));
    bool good = write(fd, data.data, data.size) == (ssize_t)data.size && fsync(fd) == 0;
    int saved = errno;
    if (close(fd) || !good)
        return err_set(why, ERR_IO, "write %s: %s", path, strerror(saved));
    return OK;
}

static enum err make_key(struct home *home, int i, struct errmsg *why)
{
    uint8_t der_room[MBED_KEY_DER_MAX], pem_room[MBED_PEM_MAX];
    struct buf der = BUF_ON(der_room), pem = BUF_ON(pem_room);
    enum err e = mbed_key_make(key_of(home, i), why);
    if (!e)
        e = mbed_key_write(&der, key_of(home, i), why);
    if (!e)
        e = mbed_pem_write(&pem, "EC PRIVATE KEY", buf_bytes(&der), why);
    if (!e)
        e = write_file(home, key_files[i].name, 0600, buf_bytes(&pem), why);
    bytes_wipe(der_room, sizeof der_room);
    bytes_wipe(pem_room, sizeof pem_room);
    return e;
}

static enum err make_card_keys(struct home *home, struct errmsg *why)
{
    static const uint8_t aid[3] = {0x54, 0x50, 0xf5}; /* F55054: "PT" in the range free to use */
    struct card_key table[CARD_KEYS];
    char text[FILE_MAX], hex[2 * AES_KEY_SIZE + 1];
    memcpy(home->card_keys.scheme.aid, aid, sizeof aid);
    home->card_keys.scheme.key_version = 1;
    card_key_table(&home->card_keys, table);
    int n = snprintf(
        text, sizeof text,
        "# The class keys of the member cards.  Never copy this file to a till: with it, "
        "points can be made.\n"
        "# Whoever loses it can issue no cards and load none: keep a backup in a safe.\n"
        "aid %06x\nkey-version %u\n",
        (unsigned)get_le(home->card_keys.scheme.aid, 3), home->card_keys.scheme.key_version);
    for (int i = 0; i < CARD_KEYS; i++) {
        if (mbed_random(NULL, table[i].key->b, AES_KEY_SIZE))
            return err_set(why, ERR_CRYPTO, "no random numbers");
        hex_encode(hex, table[i].key->b, AES_KEY_SIZE);
        n += snprintf(text + n, sizeof text - (size_t)n, "%s %s\n", table[i].name, hex);
    }
    enum err e = write_file(home, "keys/card.keys", 0600, bytes_of(text, (size_t)n), why);
    bytes_wipe(text, sizeof text);
    bytes_wipe(hex, sizeof hex);
    return e;
}

static enum err make_known_keys(struct home *home, struct errmsg *why)
{
    char text[FILE_MAX], hex[2 * KNOWN_KEY_SIZE + 1];
    int n = snprintf(text, sizeof text,
                     "# Keys of the ways to be known without a full card.  sun-file makes tags genuine:\n"
                     "# never copy it to a till.  Without lookup nobody is found by telephone or tag any more.\n");
    for (int i = 0; i < KNOWN_KEYS; i++) {
        if (mbed_random(NULL, known_key(home, i), KNOWN_KEY_SIZE))
            return err_set(why, ERR_CRYPTO, "no random numbers");
        hex_encode(hex, known_key(home, i), KNOWN_KEY_SIZE);
        n += snprintf(text + n, sizeof text - (size_t)n, "%s %s\n", known_key_lines[i].name, hex);
    }
    enum err e = write_file(home, "keys/known.keys", 0600, bytes_of(text, (size_t)n), why);
    bytes_wipe(text, sizeof text);
    bytes_wipe(hex, sizeof hex);
    return e;
}

static bool has_file(const struct home *home, const char *name)
{
    char path[HOME_PATH_MAX];
    home_path(home, name, path);
    return access(path, F_OK) == 0;
}

/* A folder of a program that knew neither codes nor tags. */
static enum err make_newer(struct home *home, struct errmsg *why)
{
    enum { CODE_KEY = KEY_FILES - 1 };
    enum err e = OK;
    if (!has_file(home, key_files[CODE_KEY].name)) {
        e = make_key(home, CODE_KEY, why);
        mbedtls_pk_free(key_of(home, CODE_KEY)); /* it is read with the others */
        mbedtls_pk_init(key_of(home, CODE_KEY));
    }
    if (!e && !has_file(home, "keys/known.keys"))
        e = make_known_keys(home, why);
    return e;
}

static enum err make_certs(struct home *home, int64_t now_s, struct errmsg *why)
{
    uint8_t ca_room[MBED_CERT_DER_MAX], office_room[MBED_CERT_DER_MAX], pem_room[FILE_MAX];
    struct buf ca = BUF_ON(ca_room), office = BUF_ON(office_room), pem = BUF_ON(pem_room);
    enum err e = ca_make_root(&ca, &home->ca_key, now_s, why);
    if (!e)
        e = mbed_cert_parse(&home->ca, buf_bytes(&ca), why);
    if (!e)
        e = ca_make_office(&office, &home->ca, &home->ca_key, &home->office_key, now_s, why);
    if (!e)
        e = mbed_pem_write(&pem, "CERTIFICATE", buf_bytes(&ca), why);
    if (!e)
        e = write_file(home, "ca.crt", 0644, buf_bytes(&pem), why);
    pem.size = 0;
    if (!e)
        e = mbed_pem_write(&pem, "CERTIFICATE", buf_bytes(&office), why);
    if (!e)
        e = mbed_pem_write(&pem, "CERTIFICATE", buf_bytes(&ca), why);
    if (!e)
        e = write_file(home, "office.crt", 0644, buf_bytes(&pem), why);
    if (!e)
        e = mbed_cert_parse(&home->office, buf_bytes(&pem), why);
    return e;
}

/* An empty folder is as good as none. */
static enum err check_free(const char *dir, struct errmsg *why)
{
    DIR *d = opendir(dir);
    int entries = 0;
    if (!d)
        return errno == ENOENT ? OK : err_set(why, ERR_EXISTS, "%s: %s", dir, strerror(errno));
    while (entries < 3 && readdir(d))
        entries++;
    closedir(d);
    return entries > 2 ? err_set(why, ERR_EXISTS, "%s is there and not empty", dir) : OK;
}

enum err home_create(struct home *home, const char *dir, int64_t now_s, struct errmsg *why)
{
    char keys[HOME_PATH_MAX], temporary[HOME_PATH_MAX];
    enum err e = start(home, dir, why);
    if (!e)
        e = mbed_init(why);
    if (e)
        return e;
    home_path(home, "keys", keys);
    if (access(keys, F_OK) == 0)
        return err_set(why, ERR_EXISTS, "there is a programme in %s already", home->dir);
    e = check_free(home->dir, why);
    if (e)
        return e;
    int size = snprintf(temporary, sizeof temporary, "%s.new-XXXXXX", home->dir);
    assert(size < HOME_PATH_MAX);
    if (!mkdtemp(temporary))
        return err_set(why, ERR_IO, "%s: %s", temporary, strerror(errno));
    memcpy(home->target, home->dir, sizeof home->target);
    memcpy(home->dir, temporary, sizeof home->dir);
    home_path(home, "keys", keys);
    if (mkdir(keys, 0700))
        return err_set(why, ERR_IO, "%s: %s", keys, strerror(errno));
    for (int i = 0; !e && i < KEY_FILES; i++)
        e = make_key(home, i, why);
    if (!e)
        e = make_card_keys(home, why);
    if (!e)
        e = make_known_keys(home, why);
    if (!e)
        e = make_certs(home, now_s, why);
    return e;
}

static enum err sync_dir(const char *path, struct errmsg *why)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd)) {
        enum err e = err_set(why, ERR_IO, "%s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return e;
    }
    close(fd);
    return OK;
}

enum err home_keep(struct home *home, struct errmsg *why)
{
    char path[HOME_PATH_MAX];
    assert(*home->target);
    home_path(home, "keys", path);
    enum err e = sync_dir(path, why);
    if (!e)
        e = sync_dir(home->dir, why);
    if (e)
        return e;
    if (rename(home->dir, home->target)) /* replaces nothing but an empty folder */
        return err_set(why, errno == ENOTEMPTY || errno == EEXIST ? ERR_EXISTS : ERR_IO, "%s: %s",
                       home->target, strerror(errno));
    memcpy(home->dir, home->target, sizeof home->dir);
    *home->target = 0;
    char *slash = strrchr(strcpy(path, home->dir), '/');
    if (slash == path)
        slash[1] = 0;
    else if (slash)
        *slash = 0;
    else
        strcpy(path, ".");
    return sync_dir(path, why);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

void home_finish(struct home *home)
{
    if (*home->target)
        nftw(home->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    mbedtls_x509_crt_free(&home->ca);
    mbedtls_x509_crt_free(&home->office);
    for (int i = 0; i < KEY_FILES; i++)
        mbedtls_pk_free(key_of(home, i));
    bytes_wipe(home, sizeof *home);
}
