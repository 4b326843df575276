/* registers.c - see registers.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/plain/registers.h"

#include "base/mbed.h"
#include "terminal/identity.h"

#include <stdio.h>
#include <string.h>

enum { LINE_MAX_SIZE = REGISTER_NAME_SIZE + 2 * MBED_HASH_SIZE + 2, FILE_MAX = REGISTERS_MAX * LINE_MAX_SIZE + 1 };
static const char file_name[] = "registers";

static bool is_name(const char *name)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t size = strlen(name);
    return size > 0 && size < REGISTER_NAME_SIZE && strspn(name, allowed) == size;
}

static bool read_one(struct registers *r, char *line)
{
    char *hash = line;
    const char *name = strsep(&hash, " ");
    size_t size = 0;
    if (r->count == REGISTERS_MAX || !hash || !is_name(name) ||
        hex_decode(r->held[r->count].hash, MBED_HASH_SIZE, &size, hash) || size != MBED_HASH_SIZE)
        return false;
    snprintf(r->held[r->count++].name, REGISTER_NAME_SIZE, "%s", name);
    return true;
}

enum err registers_load(struct registers *out, const char *home, struct errmsg *why)
{
    char text[FILE_MAX + 1], *rest = text;
    memset(out, 0, sizeof *out);
    enum err e = identity_read_file(text, sizeof text, home, file_name, why);
    if (e)
        return e == ERR_NOT_FOUND ? OK : e;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;)
        if (*line && !read_one(out, line)) {
            memset(out, 0, sizeof *out);
            return err_set(why, ERR_CORRUPT, "%s/%s: this is no \"NAME HASH\": %s", home, file_name, line);
        }
    return OK;
}

static enum err save(const struct registers *r, const char *home, struct errmsg *why)
{
    char text[FILE_MAX] = "";
    size_t size = 0;
    for (int i = 0; i < r->count; i++) {
        char hex[2 * MBED_HASH_SIZE + 1];
        hex_encode(hex, r->held[i].hash, MBED_HASH_SIZE);
        size += (size_t)snprintf(text + size, sizeof text - size, "%s %s\n", r->held[i].name, hex);
    }
    return identity_write_file(home, file_name, bytes_of(text, size), why);
}

static int index_of(const struct registers *r, const char *name)
{
    for (int i = 0; i < r->count; i++)
        if (strcmp(r->held[i].name, name) == 0)
            return i;
    return -1;
}

enum err registers_add(char token[REGISTER_TOKEN_SIZE], const char *home, const char *name,
                       struct errmsg *why)
{
    struct registers r;
    uint8_t raw[32];
    if (!is_name(name))
        return err_set(why, ERR_FORMAT, "a register's name has 1 to %d letters, digits, \"-\", \"_\"",
                       REGISTER_NAME_SIZE - 1);
    enum err e = registers_load(&r, home, why);
    if (e)
        return e;
    if (index_of(&r, name) >= 0)
        return err_set(why, ERR_EXISTS, "there is a register %s; remove it first to give it a new token",
                       name);
    if (r.count == REGISTERS_MAX)
        return err_set(why, ERR_FULL, "there are %d registers already", REGISTERS_MAX);
    if (mbed_random(NULL, raw, sizeof raw))
        return err_set(why, ERR_CRYPTO, "no random numbers");
    hex_encode(token, raw, sizeof raw);
    bytes_wipe(raw, sizeof raw);
    snprintf(r.held[r.count].name, REGISTER_NAME_SIZE, "%s", name);
    mbed_sha256(r.held[r.count].hash, bytes_of(token, strlen(token)));
    r.count++;
    return save(&r, home, why);
}

enum err registers_remove(const char *home, const char *name, struct errmsg *why)
{
    struct registers r;
    enum err e = registers_load(&r, home, why);
    int i = e ? -1 : index_of(&r, name);
    if (e)
        return e;
    if (i < 0)
        return err_set(why, ERR_NOT_FOUND, "there is no register %s", name);
    r.held[i] = r.held[--r.count];
    return save(&r, home, why);
}

const char *registers_find(const struct registers *r, const char *token)
{
    uint8_t hash[MBED_HASH_SIZE];
    int found = -1;
    mbed_sha256(hash, bytes_of(token, strlen(token)));
    for (int i = 0; i < REGISTERS_MAX; i++) {
        bool same = bytes_equal_const_time(hash, r->held[i].hash, sizeof hash);
        found = same && i < r->count ? i : found;
    }
    return found < 0 ? NULL : r->held[found].name;
}
