/* vcard_store.c - see vcard_store.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hw/vcard_store.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char format_name[] = "patron-card 1";
static const char *const cipher_names[] = {"des", "3k3des", "aes"};
static const char *const type_names[] = {"std", "backup", "value", "linear", "cyclic", "tmac"};

/* --- out ---------------------------------------------------------------------------------------- */

static json_t *hex_of(const uint8_t *data, size_t size)
{
    char text[2 * VCARD_ROOM + 1];
    assert(size <= VCARD_ROOM);
    hex_encode(text, data, size);
    return json_string(text);
}

static json_t *key_out(const struct vcard_key *k)
{
    return json_pack("{s:s, s:i, s:o}", "cipher", cipher_names[k->type], "version", k->version, "key",
                     hex_of(k->b, k->type == VCARD_3K3DES ? 24 : 16));
}

static json_t *file_out(const struct vcard_memory *m, const struct vcard_file *f)
{
    json_t *o = json_pack("{s:i, s:s, s:i, s:o, s:i, s:i, s:i}", "no", f->no, "type",
                          type_names[f->type], "option", f->option, "access", hex_of(f->access, 2),
                          "fid", f->fid, "at", (int)f->at, "room", (int)f->room);
    json_t *more = NULL;
    switch ((enum vcard_file_type)f->type) {
    case VFILE_STD:
    case VFILE_BACKUP:
        more = json_pack("{s:i}", "size", (int)f->size);
        break;
    case VFILE_VALUE:
        more = json_pack("{s:i, s:i, s:i, s:i, s:i}", "lower", f->lower, "upper", f->upper, "value",
                         f->value, "limited", f->limited, "value_option", f->value_option);
        break;
    case VFILE_LINEAR:
    case VFILE_CYCLIC:
        more = json_pack("{s:i, s:i, s:i, s:i}", "size", (int)f->size, "max", (int)f->max, "count",
                         (int)f->count, "oldest", (int)f->oldest);
        break;
    case VFILE_TMAC:
        more = json_pack("{s:o, s:I, s:o, s:o, s:o}", "key", key_out(&f->tmac_key), "tmc",
                         (json_int_t)f->tmc, "tmv", hex_of(f->tmv, 8), "reader_id",
                         hex_of(f->reader_id, 16), "tmc_limit",
                         f->tmc_limited ? json_integer(f->tmc_limit) : json_null());
        break;
    }
    json_object_update(o, more);
    json_decref(more);
    if (f->type != VFILE_VALUE && f->type != VFILE_TMAC)
        json_object_set_new(o, "data", hex_of(m->bytes + f->at, f->room));
    return o;
}

static json_t *app_out(const struct vcard_memory *m, uint8_t index)
{
    const struct vcard_app *a = &m->apps[index];
    json_t *keys = json_array(), *files = json_array();
    for (int i = 0; i < (a->ks2 & 15) && i < VCARD_KEYS; i++)
        json_array_append_new(keys, key_out(&a->keys[i]));
    for (size_t i = 0; i < VCARD_FILES; i++)
        if (m->files[i].used && m->files[i].app == index)
            json_array_append_new(files, file_out(m, &m->files[i]));
    return json_pack("{s:o, s:i, s:i, s:i, s:o, s:o, s:o}", "aid", hex_of(a->aid, 3), "ks1", a->ks1,
                     "ks2", a->ks2, "fid", a->fid, "name", hex_of(a->name, a->name_size), "keys",
                     keys, "files", files);
}

enum err vcard_save(const struct vcard *v, const char *path, struct errmsg *why)
{
    const struct vcard_memory *m = &v->m;
    json_t *apps = json_array();
    for (uint8_t i = 0; i < VCARD_APPS; i++)
        if (m->apps[i].used)
            json_array_append_new(apps, app_out(m, i));
    json_t *root = json_pack(
        "{s:s, s:s, s:o, s:b, s:b, s:o, s:o, s:i, s:i, s:o}", "format", format_name, "kind",
        vcard_kind_text(m->kind), "uid", hex_of(m->uid.b, 7), "random_uid", m->random_uid,
        "format_off", m->format_off, "ats", hex_of(m->ats, m->ats_size), "default_key",
        key_out(&m->default_key), "used", (int)m->bytes_used, "lost", (int)m->bytes_lost,
        "applications", apps);
    char *temp = NULL;
    enum err e = OK;
    if (!root || asprintf(&temp, "%s.new", path) < 0)
        e = err_set(why, ERR_IO, "card file %s: no memory", path);
    else if (json_dump_file(root, temp, JSON_INDENT(1)) != 0)
        e = err_set(why, ERR_IO, "write card file %s: %s", temp, strerror(errno));
    if (e && temp)
        unlink(temp);
    /* Renaming over a file makes ext4 write the new one out at once, a millisecond a commit; so the old
     * one goes first, and vcard_load takes the new one if we die in between. */
    if (e == OK && ((unlink(path) != 0 && errno != ENOENT) ||
                    (rename(temp, path) != 0 && access(path, F_OK) != 0))) /* a loader did it for us */
        e = err_set(why, ERR_IO, "write card file %s: %s", path, strerror(errno));
    free(temp);
    json_decref(root);
    return e;
}

/* --- in ----------------------------------------------------------------------------------------- */

/* The first thing found wrong; everything after it is skipped. */
struct in {
    struct errmsg *why;
    const char *path;
    bool bad;
};

static void wrong(struct in *in, const char *field, const char *what)
{
    if (!in->bad)
        err_set(in->why, ERR_FORMAT, "card file %s: field %s %s", in->path, field, what);
    in->bad = true;
}

static int64_t number(struct in *in, const json_t *o, const char *field, int64_t min, int64_t max)
{
    const json_t *v = json_object_get(o, field);
    int64_t n = json_integer_value(v);
    if (!json_is_integer(v) || n < min || n > max) {
        wrong(in, field, "is missing, no number or out of range");
        return min;
    }
    return n;
}

static size_t hex(struct in *in, const json_t *o, const char *field, uint8_t *out, size_t min,
                  size_t max)
{
    const char *text = json_string_value(json_object_get(o, field));
    size_t size = 0;
    if (!text || hex_decode(out, max, &size, text) != OK || size < min) {
        wrong(in, field, "is missing, no hex or of a wrong length");
        return min;
    }
    return size;
}

static uint8_t word(struct in *in, const json_t *o, const char *field, const char *const *words,
                    uint8_t count)
{
    const char *text = json_string_value(json_object_get(o, field));
    for (uint8_t i = 0; text && i < count; i++)
        if (strcmp(text, words[i]) == 0)
            return i;
    wrong(in, field, "is missing or has an unknown word");
    return 0;
}

static struct vcard_key key_in(struct in *in, const json_t *o)
{
    struct vcard_key k = {.type = word(in, o, "cipher", cipher_names, 3)};
    size_t size = k.type == VCARD_3K3DES ? 24 : 16;
    k.version = (uint8_t)number(in, o, "version", 0, 255);
    hex(in, o, "key", k.b, size, size);
    return k;
}

static void records_in(struct in *in, const json_t *o, struct vcard_file *f)
{
    f->size = (uint32_t)number(in, o, "size", 1, VCARD_ROOM);
    f->max = (uint32_t)number(in, o, "max", f->type == VFILE_CYCLIC ? 2 : 1, VCARD_ROOM);
    uint32_t slots = f->type == VFILE_LINEAR ? f->max + 1 : f->max;
    f->count = (uint32_t)number(in, o, "count", 0, slots - 1);
    f->oldest = (uint32_t)number(in, o, "oldest", 0, slots - 1);
    if ((uint64_t)slots * f->size > f->room)
        wrong(in, "room", "is too small for the records");
}

static void file_in(struct in *in, const json_t *o, uint8_t app, struct vcard_memory *m)
{
    struct vcard_file *f = NULL;
    for (size_t i = 0; i < VCARD_FILES && !f; i++)
        if (!m->files[i].used)
            f = &m->files[i];
    if (!f) {
        wrong(in, "files", "are too many");
        return;
    }
    f->used = true;
    f->app = app;
    f->no = (uint8_t)number(in, o, "no", 0, VCARD_FILE_NO - 1);
    f->type = word(in, o, "type", type_names, 6);
    f->option = (uint8_t)number(in, o, "option", 0, 255);
    hex(in, o, "access", f->access, 2, 2);
    f->fid = (uint16_t)number(in, o, "fid", 0, 65535);
    f->room = (uint32_t)number(in, o, "room", 0, VCARD_ROOM);
    f->at = (uint32_t)number(in, o, "at", 0, VCARD_ROOM - f->room);
    switch ((enum vcard_file_type)f->type) {
    case VFILE_STD:
    case VFILE_BACKUP:
        f->size = (uint32_t)number(in, o, "size", 1, f->room / (f->type == VFILE_BACKUP ? 2 : 1));
        break;
    case VFILE_VALUE:
        f->lower = (int32_t)number(in, o, "lower", INT32_MIN, INT32_MAX);
        f->upper = (int32_t)number(in, o, "upper", f->lower, INT32_MAX);
        f->value = (int32_t)number(in, o, "value", f->lower, f->upper);
        f->limited = (int32_t)number(in, o, "limited", 0, INT32_MAX);
        f->value_option = (uint8_t)number(in, o, "value_option", 0, 3);
        break;
    case VFILE_LINEAR:
    case VFILE_CYCLIC:
        records_in(in, o, f);
        break;
    case VFILE_TMAC:
        f->tmac_key = key_in(in, json_object_get(o, "key"));
        f->tmc = (uint32_t)number(in, o, "tmc", 0, UINT32_MAX);
        hex(in, o, "tmv", f->tmv, 8, 8);
        hex(in, o, "reader_id", f->reader_id, 16, 16);
        f->tmc_limited = json_is_integer(json_object_get(o, "tmc_limit"));
        if (f->tmc_limited)
            f->tmc_limit = (uint32_t)number(in, o, "tmc_limit", 0, UINT32_MAX);
        break;
    }
    if (f->type != VFILE_VALUE && f->type != VFILE_TMAC)
        hex(in, o, "data", m->bytes + f->at, f->room, f->room);
}

static void app_in(struct in *in, const json_t *o, uint8_t index, struct vcard_memory *m)
{
    struct vcard_app *a = &m->apps[index];
    a->used = true;
    hex(in, o, "aid", a->aid, 3, 3);
    a->ks1 = (uint8_t)number(in, o, "ks1", 0, 255);
    a->ks2 = (uint8_t)number(in, o, "ks2", 0, 255);
    a->fid = (uint16_t)number(in, o, "fid", 0, 65535);
    a->name_size = (uint8_t)hex(in, o, "name", a->name, 0, sizeof a->name);
    const json_t *keys = json_object_get(o, "keys");
    size_t count = json_array_size(keys), i;
    json_t *one;
    if (count != (a->ks2 & 15u) || count == 0 || count > VCARD_KEYS || a->ks2 >> 6 > VCARD_AES)
        wrong(in, "keys", "are not as many as ks2 says");
    else
        json_array_foreach(keys, i, one) {
            a->keys[i] = key_in(in, one);
            if (a->keys[i].type != a->ks2 >> 6)
                wrong(in, "cipher", "is not what ks2 says");
        }
    json_array_foreach(json_object_get(o, "files"), i, one) {
        file_in(in, one, index, m);
    }
}

/* A writer died between its last two steps: what it had written is whole. */
static bool take_new(const char *path)
{
    char *temp = NULL;
    bool taken = asprintf(&temp, "%s.new", path) >= 0 && rename(temp, path) == 0;
    free(temp);
    return taken;
}

enum err vcard_load(struct vcard *v, const char *path, uint64_t seed, struct errmsg *why)
{
    static const char *const kinds[] = {"ev1", "ev2", "ev3"};
    struct in in = {why, path, false};
    struct card_uid uid;
    json_error_t error;
    if (access(path, F_OK) != 0 && errno == ENOENT && !take_new(path))
        return err_set(why, ERR_NOT_FOUND, "there is no card file %s", path);
    json_t *root = json_load_file(path, 0, &error);
    if (!root)
        return err_set(why, ERR_FORMAT, "card file %s, line %d: %s", path, error.line, error.text);
    const char *format = json_string_value(json_object_get(root, "format"));
    if (!format || strcmp(format, format_name) != 0)
        wrong(&in, "format", "is not \"patron-card 1\"");
    hex(&in, root, "uid", uid.b, 7, 7);
    vcard_init(v, (enum vcard_kind)word(&in, root, "kind", kinds, VCARD_KINDS), &uid, seed);
    struct vcard_memory *m = &v->m;
    m->random_uid = json_is_true(json_object_get(root, "random_uid"));
    m->format_off = json_is_true(json_object_get(root, "format_off"));
    m->ats_size = (uint8_t)hex(&in, root, "ats", m->ats, 2, sizeof m->ats);
    m->default_key = key_in(&in, json_object_get(root, "default_key"));
    m->bytes_used = (uint32_t)number(&in, root, "used", 0, VCARD_ROOM);
    m->bytes_lost = (uint32_t)number(&in, root, "lost", 0, VCARD_ROOM - m->bytes_used);
    const json_t *apps = json_object_get(root, "applications");
    size_t i;
    json_t *one;
    if (json_array_size(apps) < 1 || json_array_size(apps) > VCARD_APPS)
        wrong(&in, "applications", "are none or too many");
    else
        json_array_foreach(apps, i, one) {
            app_in(&in, one, (uint8_t)i, m);
        }
    if (m->apps[0].aid[0] || m->apps[0].aid[1] || m->apps[0].aid[2])
        wrong(&in, "applications", "do not begin with the card itself");
    for (i = 0; i < VCARD_FILES; i++)
        if (m->files[i].used && m->files[i].at + m->files[i].room > m->bytes_used)
            wrong(&in, "used", "is less than the files take");
    json_decref(root);
    return in.bad ? ERR_FORMAT : OK;
}
