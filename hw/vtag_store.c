/* vtag_store.c - a virtual tag as a file: see vtag.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hw/vtag.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char format_name[] = "patron-tag 1";

static json_t *hex_of(const uint8_t *data, size_t size)
{
    char text[2 * VTAG_PAGES * VTAG_PAGE + 1];
    hex_encode(text, data, size);
    return json_string(text);
}

enum err vtag_save(const struct vtag *v, const char *path, struct errmsg *why)
{
    const struct vtag_memory *m = &v->m;
    json_t *o = json_pack("{s:s, s:s, s:o}", "format", format_name, "kind", vtag_kind_text(m->kind), "uid",
                          hex_of(m->uid, m->uid_size));
    if (m->kind == VTAG_NTAG213)
        json_object_set_new(o, "pages", hex_of(m->pages, sizeof m->pages));
    if (m->kind == VTAG_NTAG424) {
        json_t *more = json_pack("{s:o, s:o, s:i, s:s}", "meta", hex_of(m->meta.b, AES_KEY_SIZE), "file",
                                 hex_of(m->file.b, AES_KEY_SIZE), "counter", (int)m->counter, "url", m->url);
        json_object_update(o, more);
        json_decref(more);
    }
    if (m->kind == VTAG_PHONE) {
        json_t *more = json_pack("{s:o, s:o, s:s, s:b}", "reader_key", hex_of(m->reader_key, sizeof m->reader_key),
                                 "pass_hash", hex_of(m->pass_hash, sizeof m->pass_hash), "value", m->value,
                                 "locked", m->locked);
        json_object_update(o, more);
        json_decref(more);
    }
    char *temp = NULL;
    enum err e = OK;
    if (asprintf(&temp, "%s.new", path) < 0)
        temp = NULL;
    if (!o || !temp || json_dump_file(o, temp, JSON_INDENT(1)) != 0 || rename(temp, path) != 0)
        e = err_set(why, ERR_IO, "write %s: %s", path, strerror(errno));
    free(temp);
    json_decref(o);
    return e;
}

static bool hex_in(const json_t *o, const char *key, uint8_t *out, size_t size)
{
    const char *text = json_string_value(json_object_get(o, key));
    size_t got = 0;
    return text && hex_decode(out, size, &got, text) == OK && got == size;
}

static bool read_in(struct vtag *v, const json_t *o, uint64_t seed)
{
    const char *kind_text = json_string_value(json_object_get(o, "kind"));
    const char *uid_text = json_string_value(json_object_get(o, "uid"));
    enum vtag_kind kind;
    uint8_t uid[7];
    size_t size = 0;
    if (!kind_text || vtag_kind_parse(&kind, kind_text) || !uid_text ||
        hex_decode(uid, sizeof uid, &size, uid_text) || (size != 7 && (size != 4 || kind != VTAG_UID)))
        return false;
    vtag_init(v, kind, uid, (uint8_t)size, seed);
    if (kind == VTAG_NTAG213)
        return hex_in(o, "pages", v->m.pages, sizeof v->m.pages);
    if (kind == VTAG_NTAG424) {
        const char *url = json_string_value(json_object_get(o, "url"));
        struct aes_key meta, file;
        json_int_t counter = json_integer_value(json_object_get(o, "counter"));
        if (!url || counter < 0 || counter > 0xffffff || !hex_in(o, "meta", meta.b, sizeof meta.b) ||
            !hex_in(o, "file", file.b, sizeof file.b) || vtag_write_sun(v, &meta, &file, url))
            return false;
        v->m.counter = (uint32_t)counter;
    }
    if (kind == VTAG_PHONE) {
        const char *value = json_string_value(json_object_get(o, "value"));
        if (!value || !hex_in(o, "reader_key", v->m.reader_key, sizeof v->m.reader_key) ||
            vtag_write_pass(v, "", v->m.reader_key, value) ||
            !hex_in(o, "pass_hash", v->m.pass_hash, sizeof v->m.pass_hash))
            return false;
        v->m.locked = json_is_true(json_object_get(o, "locked"));
    }
    v->changes = 0;
    return true;
}

enum err vtag_load(struct vtag *v, const char *path, uint64_t seed, struct errmsg *why)
{
    json_error_t error;
    errno = 0;
    json_t *o = json_load_file(path, 0, &error);
    if (!o)
        return errno == ENOENT ? err_set(why, ERR_NOT_FOUND, "%s is not there", path)
                               : err_set(why, ERR_FORMAT, "%s: %s", path, error.text);
    const char *format = json_string_value(json_object_get(o, "format"));
    enum err e = OK;
    if (!format || strcmp(format, format_name) != 0)
        e = err_set(why, ERR_UNSUPPORTED, "%s is no tag", path);
    else if (!read_in(v, o, seed))
        e = err_set(why, ERR_FORMAT, "%s is damaged", path);
    json_decref(o);
    return e;
}
