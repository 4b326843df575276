/* passes.c - see passes.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/passes.h"

#include "base/mbed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A private key that is one. */
static bool key_of(uint8_t out[MBED_P256_SIZE], const char *hex)
{
    uint8_t point[MBED_POINT_SIZE];
    size_t size;
    return hex_decode(out, MBED_P256_SIZE, &size, hex) == OK && size == MBED_P256_SIZE &&
           mbed_p256_public(point, out, NULL) == OK;
}

static bool number_of(uint8_t out[4], const char *text)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || n > UINT32_MAX)
        return false;
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(n >> (24 - 8 * i));
    return true;
}

/* NULL: good, else what is wrong. */
static const char *read_line(struct passes *p, char *line)
{
    char *words[5], *rest = NULL;
    int count = 0;
    line[strcspn(line, "#\r\n")] = 0;
    for (char *w = strtok_r(line, " \t", &rest); w && count < 5; w = strtok_r(NULL, " \t", &rest))
        words[count++] = w;
    if (count == 0)
        return NULL;
    if (count == 3 && strcmp(words[0], "apple") == 0) {
        if (p->has_apple)
            return "a second apple";
        mbed_sha256(p->apple.pass_hash, bytes_of(words[1], strlen(words[1])));
        p->apple.memory = &p->seen;
        p->has_apple = true;
        return key_of(p->apple.private_key, words[2]) ? NULL : "the key is no P-256 key of 64 hex digits";
    }
    if (count == 4 && strcmp(words[0], "google") == 0) {
        if (p->has_google)
            return "a second google";
        if (!number_of(p->google.collector, words[1]) || !number_of(p->google.key_version, words[2]))
            return "collector id and key version are numbers";
        p->has_google = true;
        return key_of(p->google.private_key, words[3]) ? NULL : "the key is no P-256 key of 64 hex digits";
    }
    return "a line is: apple PASS-TYPE KEY, or google COLLECTOR VERSION KEY";
}

enum err passes_read(struct passes *out, const char *path, struct errmsg *why)
{
    char line[300];
    struct stat st;
    enum err e = OK;
    memset(out, 0, sizeof *out);
    FILE *f = fopen(path, "re");
    if (!f)
        return err_set(why, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path, strerror(errno));
    if (fstat(fileno(f), &st) == 0 && (st.st_mode & 077))
        e = err_set(why, ERR_REFUSED, "%s can be read by others: chmod 600 it", path);
    for (int n = 1; !e && fgets(line, sizeof line, f); n++) {
        const char *wrong = strlen(line) == sizeof line - 1 ? "the line is too long" : read_line(out, line);
        if (wrong)
            e = err_set(why, ERR_FORMAT, "%s:%d: %s", path, n, wrong);
    }
    if (!e && ferror(f))
        e = err_set(why, ERR_IO, "%s: %s", path, strerror(errno));
    bytes_wipe(line, sizeof line);
    fclose(f);
    if (e)
        passes_finish(out);
    return e;
}

void passes_use(struct kind_keys *keys, const struct passes *p)
{
    keys->vas = p->has_apple ? &p->apple : NULL;
    keys->smart_tap = p->has_google ? &p->google : NULL;
}

void passes_finish(struct passes *p)
{
    bytes_wipe(p, sizeof *p);
}
