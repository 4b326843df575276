/* vcard.c - see vcard.h.  Frames and chaining, the commands on the card and its applications; logins are
 * in vcard_session.c, files in vcard_files.c.
 *
 *   frame -> unwrap -> [AF: go on gathering or sending] -> command table -> handler -> vc_reply -> frame
 *
 * Every error ends the login and the open transaction, which is what makes a terminal start over.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hw/vcard_int.h"

#include <assert.h>
#include <string.h>

enum { MORE = 0xaf };

/* Bytes of an answer in one frame, with AF for more: as recorded from an EV3, and all that fits. */
static uint32_t frame_data(const struct vcard *v)
{
    return v->m.kind == VCARD_EV3 ? 48 : 59;
}

static const char *const kind_names[VCARD_KINDS] = {"ev1", "ev2", "ev3"};

const char *vcard_kind_text(enum vcard_kind kind)
{
    return kind_names[kind];
}

enum err vcard_kind_parse(enum vcard_kind *out, const char *text)
{
    for (int k = 0; k < VCARD_KINDS; k++)
        if (strcmp(text, kind_names[k]) == 0) {
            *out = (enum vcard_kind)k;
            return OK;
        }
    return ERR_NOT_FOUND;
}

void vc_random(struct vcard *v, uint8_t *out, size_t size)
{
    if (v->random) {
        v->random(v->random_of, out, size);
        return;
    }
    for (size_t i = 0; i < size; i++) { /* splitmix64, a byte a step: enough for a card of no worth */
        uint64_t z = v->seed += 0x9e3779b97f4a7c15u;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        out[i] = (uint8_t)(z >> 56);
    }
}

void vc_drop_session(struct vcard *v)
{
    memset(&v->session, 0, sizeof v->session);
}

void vc_changed(struct vcard *v)
{
    v->changes++;
}

uint8_t vc_key_count(const struct vcard_app *a)
{
    return a->ks2 & 15;
}

static void new_shown_uid(struct vcard *v)
{
    vc_random(v, v->shown_uid, 4);
    v->shown_uid[0] = 0x08; /* ISO 14443-3: a random one */
}

static void format(struct vcard *v)
{
    memset(&v->m.apps[1], 0, sizeof v->m.apps - sizeof v->m.apps[0]);
    memset(v->m.files, 0, sizeof v->m.files);
    memset(v->m.bytes, 0, sizeof v->m.bytes);
    v->m.bytes_used = v->m.bytes_lost = 0;
}

/* --- on a reader -------------------------------------------------------------------------------- */

static struct vcard *of(struct vtarget *t)
{
    return (struct vcard *)t; /* target is its first member */
}

static void target_facts(const struct vtarget *t, struct vtarget_facts *out)
{
    const struct vcard *v = (const struct vcard *)t;
    *out = (struct vtarget_facts){.sak = VTARGET_14443_4, .ats_size = v->m.ats_size};
    out->uid_size = vcard_shown_uid(v, out->uid);
    out->atqa[0] = 0x03;
    out->atqa[1] = out->uid_size == 7 ? 0x44 : 0x04;
    memcpy(out->ats, v->m.ats, sizeof out->ats);
}

static bool target_exchange(struct vtarget *t, struct bytes frame, struct buf *out)
{
    return vcard_exchange(of(t), frame, out);
}

static void target_halt(struct vtarget *t)
{
    vcard_halt(of(t));
}

static void target_field_off(struct vtarget *t)
{
    vcard_field_off(of(t));
}

static const struct vtarget_ops target_ops = {target_facts, target_exchange, target_halt,
                                              target_field_off};

void vcard_init(struct vcard *v, enum vcard_kind kind, const struct card_uid *uid, uint64_t seed)
{
    static const uint8_t ats[] = {0x06, 0x75, 0x77, 0x81, 0x02, 0x80};
    memset(v, 0, sizeof *v);
    v->target.ops = &target_ops;
    v->m.kind = kind;
    v->m.uid = *uid;
    memcpy(v->m.ats, ats, sizeof ats);
    v->m.ats_size = sizeof ats;
    v->m.apps[0] = (struct vcard_app){.used = true, .ks1 = 0x0f, .ks2 = 1};
    v->seed = seed;
    new_shown_uid(v);
}

void vcard_halt(struct vcard *v)
{
    vc_drop_session(v);
    vc_tx_abort(v);
    memset(&v->auth, 0, sizeof v->auth);
    v->gathering = v->sending = false;
    v->app = 0;
}

void vcard_field_off(struct vcard *v)
{
    vcard_halt(v);
    new_shown_uid(v);
}

uint8_t vcard_shown_uid(const struct vcard *v, uint8_t out[7])
{
    if (v->m.random_uid) {
        memcpy(out, v->shown_uid, 4);
        return 4;
    }
    memcpy(out, v->m.uid.b, 7);
    return 7;
}

/* --- the card and its applications -------------------------------------------------------------- */

static bool picc_master(const struct vcard *v)
{
    return v->app == 0 && vc_logged_in(v, 0);
}

static uint8_t find_app(const struct vcard *v, const uint8_t aid[3])
{
    for (uint8_t i = 0; i < VCARD_APPS; i++)
        if (v->m.apps[i].used && vc_aid_is(v->m.apps[i].aid, aid))
            return i;
    return VCARD_APPS;
}

static void select_app(struct vcard *v, uint8_t index)
{
    vc_drop_session(v);
    vc_tx_abort(v);
    v->app = index;
}

static uint8_t select_application(struct vcard *v)
{
    if (v->in_size != 4) /* two at a time (EV2) are not known */
        return ST_LENGTH;
    uint8_t index = find_app(v, v->in + 1);
    if (index == VCARD_APPS)
        return ST_NO_APP;
    select_app(v, index);
    v->out_size = v->out_sent = 0;
    return ST_OK;
}

static uint8_t get_version(struct vcard *v)
{
    static const uint8_t types[VCARD_KINDS][14] = {
        {4, 1, 1, 0x01, 0, 0x1a, 5, 4, 1, 1, 0x01, 4, 0x1a, 5},
        {4, 1, 1, 0x12, 0, 0x1a, 5, 4, 1, 1, 0x02, 1, 0x1a, 5},
        {4, 1, 1, 0x33, 0, 0x1a, 5, 4, 1, 1, 0x03, 0, 0x1a, 5},
    };
    uint8_t status = vc_open(v, MODE_ADMIN, 0, 0);
    if (status)
        return status;
    uint8_t answer[28] = {0};
    memcpy(answer, types[v->m.kind], 14);
    if (!v->m.random_uid) /* a card with random identity does not tell it here either */
        memcpy(answer + 14, v->m.uid.b, 7);
    static const uint8_t made[] = {0xba, 0x53, 0x41, 0x30, 0x30, 0x40, 0x24};
    memcpy(answer + 21, made, sizeof made);
    v->cuts[0] = 7, v->cuts[1] = 14;
    v->cut_count = 2;
    return vc_reply(v, MODE_ADMIN, answer, sizeof answer, false);
}

static uint8_t may_list_apps(struct vcard *v)
{
    uint8_t status = vc_open(v, MODE_ADMIN, 0, 0);
    if (status)
        return status;
    if (v->app != 0)
        return ST_PERMISSION;
    return v->m.apps[0].ks1 & 2 || picc_master(v) ? ST_OK : ST_AUTH;
}

static uint8_t application_ids(struct vcard *v)
{
    uint8_t ids[3 * VCARD_APPS], status = may_list_apps(v);
    size_t n = 0;
    if (status)
        return status;
    for (size_t i = 1; i < VCARD_APPS; i++)
        if (v->m.apps[i].used) {
            memcpy(ids + n, v->m.apps[i].aid, 3);
            n += 3;
        }
    return vc_reply(v, MODE_ADMIN, ids, n, true);
}

static uint8_t df_names(struct vcard *v)
{
    uint8_t names[21 * VCARD_APPS], status = may_list_apps(v);
    size_t n = 0;
    if (status)
        return status;
    for (size_t i = 1; i < VCARD_APPS; i++) {
        const struct vcard_app *a = &v->m.apps[i];
        if (!a->used || !a->name_size)
            continue;
        if (n)
            v->cuts[v->cut_count++] = (uint32_t)n; /* one application a frame */
        memcpy(names + n, a->aid, 3);
        put_le(names + n + 3, a->fid, 2);
        memcpy(names + n + 5, a->name, a->name_size);
        n += 5u + a->name_size;
    }
    return vc_reply(v, MODE_ADMIN, names, n, true);
}

static uint8_t get_key_settings(struct vcard *v)
{
    uint8_t status = vc_open(v, MODE_ADMIN, 0, 0);
    const struct vcard_app *a = &v->m.apps[v->app];
    if (status)
        return status;
    if (!(a->ks1 & 2) && !vc_logged_in(v, 0))
        return ST_AUTH;
    uint8_t answer[2] = {a->ks1, a->ks2};
    return vc_reply(v, MODE_ADMIN, answer, 2, false);
}

static uint8_t change_key_settings(struct vcard *v)
{
    struct vcard_app *a = &v->m.apps[v->app];
    if (!vc_logged_in(v, 0))
        return ST_AUTH;
    if (!(a->ks1 & 8))
        return ST_PERMISSION;
    uint8_t status = vc_open(v, MODE_FULL, 0, 1);
    if (status)
        return status;
    a->ks1 = v->data[0];
    vc_changed(v);
    return vc_reply(v, MODE_ADMIN, NULL, 0, false);
}

static uint8_t get_key_version(struct vcard *v)
{
    uint8_t status = vc_open(v, MODE_ADMIN, 1, 0);
    const struct vcard_app *a = &v->m.apps[v->app];
    if (status)
        return status;
    if (v->in[1] >= vc_key_count(a))
        return ST_NO_KEY;
    uint8_t version = vc_key_version(&a->keys[v->in[1]]);
    return vc_reply(v, MODE_ADMIN, &version, 1, false);
}

/* Who may change key n, by bits 7-4 of the key settings. */
static uint8_t may_change_key(const struct vcard *v, uint8_t n)
{
    const struct vcard_app *a = &v->m.apps[v->app];
    uint8_t rule = a->ks1 >> 4, by;
    if (v->session.kind == VSESSION_NONE)
        return ST_AUTH;
    if (n == 0) {
        if (!(a->ks1 & 1))
            return ST_PERMISSION;
        by = 0;
    } else if (rule == 15) {
        return ST_PERMISSION;
    } else if (rule == 14) {
        by = n;
    } else {
        by = n == rule ? 0 : rule;
    }
    return vc_logged_in(v, by) ? ST_OK : ST_AUTH;
}

/* The data is new key (^ old key) || [version] || checks.  A DES key's version is in its own bits. */
static uint8_t change_key(struct vcard *v)
{
    if (v->in_size < 2)
        return ST_LENGTH;
    struct vcard_app *a = &v->m.apps[v->app];
    uint8_t n = v->in[1], type = a->ks2 >> 6;
    if (v->app == 0) { /* the card's master key may change its cipher, told by the key number */
        type = n >> 6;
        n &= 0x3f;
    }
    if (n >= vc_key_count(a) || type > VCARD_AES)
        return ST_NO_KEY;
    uint8_t status = may_change_key(v, n);
    if (status)
        return status;
    bool own = vc_logged_in(v, n), legacy = v->session.kind == VSESSION_LEGACY;
    struct vcard_key key = {.type = type};
    size_t size = vc_key_size(&key);
    size_t keyed = size + (type == VCARD_AES); /* with the version */
    status = vc_open(v, MODE_FULL, 1, -1);
    if (status)
        return status;
    const uint8_t *d = v->data;
    memcpy(key.b, d, size);
    if (!own)
        for (size_t i = 0; i < size; i++)
            key.b[i] ^= a->keys[n].b[i];
    key.version = type == VCARD_AES ? d[size] : 0;
    if (v->session.kind == VSESSION_EV2) {
        if (v->data_size != keyed + (own ? 0 : 4))
            return ST_LENGTH;
        if (!own && get_le(d + keyed, 4) != vc_crc32(0xffffffffu, key.b, size))
            return ST_INTEGRITY;
    } else {
        size_t crc = legacy ? 2 : 4;
        if (v->data_size < keyed + crc * (own ? 1 : 2))
            return ST_LENGTH;
        uint64_t sum = legacy ? vc_crc16(d, keyed) : vc_crc32(0xffffffffu, v->in, 2 + keyed);
        uint64_t own_sum = legacy ? vc_crc16(key.b, size) : vc_crc32(0xffffffffu, key.b, size);
        if (get_le(d + keyed, crc) != sum || (!own && get_le(d + keyed + crc, crc) != own_sum))
            return ST_INTEGRITY;
    }
    a->keys[n] = key;
    if (v->app == 0)
        a->ks2 = (uint8_t)(1 | type << 6);
    vc_changed(v);
    if (own) { /* that login is over, and its answer carries no MAC */
        vc_drop_session(v);
        vc_tx_abort(v);
    }
    return vc_reply(v, MODE_ADMIN, NULL, 0, false);
}

static uint8_t create_application(struct vcard *v)
{
    uint8_t status = vc_open(v, MODE_ADMIN, 0, -1);
    if (status)
        return status;
    if (v->app != 0)
        return ST_PERMISSION;
    if (!(v->m.apps[0].ks1 & 4) && !picc_master(v))
        return ST_AUTH;
    struct vcard_app a = {.used = true};
    const uint8_t *p = v->data, *end = p + v->data_size;
    if (v->data_size < 5)
        return ST_LENGTH;
    memcpy(a.aid, p, 3);
    a.ks1 = p[3], a.ks2 = p[4];
    p += 5;
    if (a.ks2 & 0x10) {
        if (v->m.kind == VCARD_EV1)
            return ST_PARAMETER;
        if (p == end)
            return ST_LENGTH;
        if (*p++ & 1) /* several key sets: not modelled */
            return ST_PARAMETER;
    }
    if (p != end) {
        if (end - p < 2 || end - p > 18)
            return ST_LENGTH;
        a.fid = (uint16_t)get_le(p, 2);
        p += 2;
        a.name_size = (uint8_t)(end - p);
        memcpy(a.name, p, a.name_size);
    }
    uint8_t count = a.ks2 & 15, type = a.ks2 >> 6;
    if (count == 0 || count > VCARD_KEYS || type > VCARD_AES)
        return ST_PARAMETER;
    if (find_app(v, a.aid) != VCARD_APPS)
        return ST_DUPLICATE;
    for (uint8_t i = 0; i < count; i++) {
        a.keys[i].type = type;
        memcpy(a.keys[i].b, v->m.default_key.b, vc_key_size(&a.keys[i]));
        a.keys[i].version = v->m.default_key.version;
    }
    for (uint8_t i = 1; i < VCARD_APPS; i++) {
        if (v->m.apps[i].used)
            continue;
        v->m.apps[i] = a;
        vc_changed(v);
        return vc_reply(v, MODE_ADMIN, NULL, 0, false);
    }
    return ST_COUNT;
}

static uint8_t delete_application(struct vcard *v)
{
    uint8_t status = vc_open(v, MODE_ADMIN, 3, 0);
    if (status)
        return status;
    uint8_t index = find_app(v, v->in + 1);
    if (index == VCARD_APPS || index == 0)
        return ST_NO_APP;
    bool own_master = v->app == index && vc_logged_in(v, 0) && v->m.apps[0].ks1 & 4;
    if (!picc_master(v) && !own_master)
        return ST_AUTH;
    for (size_t i = 0; i < VCARD_FILES; i++)
        if (v->m.files[i].used && v->m.files[i].app == index)
            memset(&v->m.files[i], 0, sizeof v->m.files[i]); /* its bytes come back with FormatPICC */
    memset(&v->m.apps[index], 0, sizeof v->m.apps[index]);
    vc_changed(v);
    if (v->app == index)
        select_app(v, 0);
    return vc_reply(v, MODE_ADMIN, NULL, 0, false);
}

static uint8_t format_picc(struct vcard *v)
{
    uint8_t status = vc_open(v, MODE_ADMIN, 0, 0);
    if (status)
        return status;
    if (!picc_master(v))
        return ST_AUTH;
    if (v->m.format_off)
        return ST_PERMISSION;
    format(v);
    vc_changed(v);
    return vc_reply(v, MODE_ADMIN, NULL, 0, false);
}

static uint8_t free_memory(struct vcard *v)
{
    uint8_t status = vc_open(v, MODE_ADMIN, 0, 0), answer[3];
    if (status)
        return status;
    put_le(answer, VCARD_ROOM - v->m.bytes_used - v->m.bytes_lost, 3);
    return vc_reply(v, MODE_ADMIN, answer, 3, false);
}

static uint8_t card_uid(struct vcard *v)
{
    if (v->session.kind == VSESSION_NONE)
        return ST_AUTH;
    uint8_t status = vc_open(v, MODE_ADMIN, 0, 0);
    if (status)
        return status;
    return vc_reply(v, MODE_FULL, v->m.uid.b, 7, false);
}

static uint8_t set_configuration(struct vcard *v)
{
    if (v->in_size < 2)
        return ST_LENGTH;
    if (!picc_master(v))
        return ST_AUTH;
    uint8_t option = v->in[1];
    static const int32_t sizes[] = {1, 25, -1};
    if (option > 2)
        return ST_PARAMETER;
    uint8_t status = vc_open(v, MODE_FULL, 1, sizes[option]);
    if (status)
        return status;
    const uint8_t *d = v->data;
    if (option == 0) { /* both can be switched on, never off */
        if (d[0] & ~3u)
            return ST_PARAMETER;
        v->m.format_off |= d[0] & 1;
        v->m.random_uid |= d[0] >> 1 & 1;
    } else if (option == 1) {
        v->m.default_key = (struct vcard_key){.version = d[24]};
        memcpy(v->m.default_key.b, d, 24);
    } else {
        if (v->data_size < 2 || v->data_size > VCARD_ATS_MAX || d[0] != v->data_size)
            return ST_LENGTH;
        memcpy(v->m.ats, d, v->data_size);
        v->m.ats_size = (uint8_t)v->data_size;
    }
    vc_changed(v);
    return vc_reply(v, MODE_ADMIN, NULL, 0, false);
}

/* --- commands ----------------------------------------------------------------------------------- */

struct command {
    uint8_t code;
    enum vcard_kind since;
    bool writes; /* its data may come in several frames */
    uint8_t (*run)(struct vcard *v);
};

static const struct command commands[] = {
    {0x0a, VCARD_EV1, false, vc_auth_begin},
    {0x1a, VCARD_EV1, false, vc_auth_begin},
    {0xaa, VCARD_EV1, false, vc_auth_begin},
    {0x71, VCARD_EV2, false, vc_auth_begin},
    {0x77, VCARD_EV2, false, vc_auth_begin},
    {0x5a, VCARD_EV1, false, select_application},
    {0x60, VCARD_EV1, false, get_version},
    {0x6a, VCARD_EV1, false, application_ids},
    {0x6d, VCARD_EV1, false, df_names},
    {0x45, VCARD_EV1, false, get_key_settings},
    {0x54, VCARD_EV1, false, change_key_settings},
    {0x64, VCARD_EV1, false, get_key_version},
    {0xc4, VCARD_EV1, false, change_key},
    {0xca, VCARD_EV1, false, create_application},
    {0xda, VCARD_EV1, false, delete_application},
    {0xfc, VCARD_EV1, false, format_picc},
    {0x6e, VCARD_EV1, false, free_memory},
    {0x51, VCARD_EV1, false, card_uid},
    {0x5c, VCARD_EV1, false, set_configuration},
    {0x6f, VCARD_EV1, false, vc_file_ids},
    {0x61, VCARD_EV1, false, vc_iso_file_ids},
    {0xf5, VCARD_EV1, false, vc_get_file_settings},
    {0x5f, VCARD_EV1, false, vc_change_file_settings},
    {0xcd, VCARD_EV1, false, vc_create_file},
    {0xcb, VCARD_EV1, false, vc_create_file},
    {0xcc, VCARD_EV1, false, vc_create_file},
    {0xc1, VCARD_EV1, false, vc_create_file},
    {0xc0, VCARD_EV1, false, vc_create_file},
    {0xce, VCARD_EV2, false, vc_create_tmac},
    {0xdf, VCARD_EV1, false, vc_delete_file},
    {0xbd, VCARD_EV1, false, vc_read_data},
    {0xad, VCARD_EV2, false, vc_read_data},
    {0x3d, VCARD_EV1, true, vc_write_data},
    {0x8d, VCARD_EV2, true, vc_write_data},
    {0x6c, VCARD_EV1, false, vc_get_value},
    {0x0c, VCARD_EV1, false, vc_change_value},
    {0xdc, VCARD_EV1, false, vc_change_value},
    {0x1c, VCARD_EV1, false, vc_change_value},
    {0x3b, VCARD_EV1, true, vc_write_record},
    {0x8b, VCARD_EV2, true, vc_write_record},
    {0xdb, VCARD_EV2, true, vc_update_record},
    {0xba, VCARD_EV2, true, vc_update_record},
    {0xbb, VCARD_EV1, false, vc_read_records},
    {0xab, VCARD_EV2, false, vc_read_records},
    {0xeb, VCARD_EV1, false, vc_clear_records},
    {0xc7, VCARD_EV1, false, vc_commit},
    {0xa7, VCARD_EV1, false, vc_abort},
    {0xc8, VCARD_EV2, false, vc_commit_reader_id},
};

static const struct command *find_command(const struct vcard *v, uint8_t code)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (commands[i].code == code && v->m.kind >= commands[i].since)
            return &commands[i];
    return NULL;
}

static uint8_t run(struct vcard *v)
{
    const struct command *c = find_command(v, v->in[0]);
    if (!c)
        return ST_ILLEGAL;
    if (c->writes) {
        size_t need = vc_write_need(v);
        if (need == 0 || v->in_size < need) {
            v->gathering = true;
            v->out_size = v->out_sent = 0;
            return ST_MORE;
        }
        if (v->in_size > need)
            return ST_LENGTH;
    }
    v->out_chunk = frame_data(v);
    v->cut_count = 0;
    uint8_t status = c->run(v);
    assert(v->out_size <= sizeof v->out);
    return status;
}

/* The next frame of the answer, into size and *at. */
static uint8_t next_frame(struct vcard *v, size_t *at, size_t *size)
{
    uint32_t left = v->out_size - v->out_sent, n = left < v->out_chunk ? left : v->out_chunk;
    for (uint32_t i = 0; i < v->cut_count; i++)
        if (v->cuts[i] > v->out_sent && v->cuts[i] - v->out_sent < n)
            n = v->cuts[i] - v->out_sent;
    *at = v->out_sent;
    *size = n;
    v->out_sent += n;
    v->sending = v->out_sent < v->out_size;
    return v->sending ? ST_MORE : ST_OK;
}

/* cmd and its parameters -> status; the answer's data is v->out[*at .. + *size). */
static uint8_t native(struct vcard *v, const uint8_t *frame, size_t frame_size, size_t *at,
                      size_t *size)
{
    bool login = v->auth.cmd, more = v->gathering || v->sending || login;
    uint8_t status;
    *at = *size = 0;
    if (frame[0] != MORE) {
        v->gathering = v->sending = false;
        v->auth.cmd = 0;
        if (more)
            return ST_ABORTED;
        memcpy(v->in, frame, frame_size);
        v->in_size = (uint32_t)frame_size;
        status = run(v);
    } else if (login) {
        status = vc_auth_finish(v, frame + 1, frame_size - 1);
        v->out_chunk = frame_data(v);
        v->cut_count = 0;
    } else if (v->gathering) {
        v->gathering = false;
        if (v->in_size + frame_size - 1 > sizeof v->in)
            return ST_LENGTH;
        memcpy(v->in + v->in_size, frame + 1, frame_size - 1);
        v->in_size += (uint32_t)(frame_size - 1);
        status = run(v);
    } else if (v->sending) {
        return frame_size == 1 ? next_frame(v, at, size) : ST_LENGTH;
    } else {
        return ST_ILLEGAL;
    }
    if (status == ST_OK)
        return next_frame(v, at, size);
    if (status == ST_MORE)
        *size = v->out_size;
    return status;
}

/* SELECT by name or id, the one ISO command: phones' readers and NDEF readers begin with it. */
static uint16_t iso_select(struct vcard *v, const uint8_t *f, size_t size)
{
    if (size < 5 || f[4] > size - 5)
        return 0x6700;
    const uint8_t *data = f + 5;
    vc_drop_session(v);
    vc_tx_abort(v);
    for (uint8_t i = 0; i < VCARD_APPS; i++) {
        const struct vcard_app *a = &v->m.apps[i];
        bool by_name = f[2] == 4 && i && a->name_size == f[4] && !memcmp(a->name, data, f[4]);
        bool by_fid = f[2] == 0 && f[4] == 2 &&
                      (i ? a->fid && a->fid == (data[0] << 8 | data[1])
                         : data[0] == 0x3f && data[1] == 0);
        if (a->used && (by_name || by_fid)) {
            v->app = i;
            return 0x9000;
        }
    }
    return 0x6a82;
}

static void fail(struct vcard *v)
{
    vc_drop_session(v);
    vc_tx_abort(v);
    v->gathering = v->sending = false;
    v->auth.cmd = 0;
}

bool vcard_exchange(struct vcard *v, struct bytes frame, struct buf *out)
{
    size_t limit = v->m.kind == VCARD_EV1 ? VCARD_FRAME : VCARD_FRAME_MAX;
    size_t at, size;
    const uint8_t *f = frame.data;
    out->size = 0;
    out->full = false;
    if (frame.size == 0 || frame.size > limit)
        return false;
    if (f[0] == 0x00 && frame.size >= 4) {
        uint16_t sw = f[1] == 0xa4 ? iso_select(v, f, frame.size) : 0x6d00;
        if (sw == 0x6d00)
            fail(v);
        buf_put_u8(out, (uint8_t)(sw >> 8));
        buf_put_u8(out, (uint8_t)sw);
        return !out->full;
    }
    if (f[0] == 0x90 && frame.size >= 5) {
        uint8_t body[VCARD_FRAME_MAX], status;
        size_t lc = frame.size > 5 ? f[4] : 0;
        if (f[2] || f[3] || (frame.size > 5 && frame.size != lc + 6) || (frame.size == 5 && f[4])) {
            status = ST_LENGTH;
            at = size = 0;
        } else {
            body[0] = f[1];
            memcpy(body + 1, f + 5, lc);
            status = native(v, body, lc + 1, &at, &size);
        }
        if (status != ST_OK && status != ST_MORE)
            fail(v);
        buf_put(out, v->out + at, size);
        buf_put_u8(out, 0x91);
        buf_put_u8(out, status);
    } else {
        uint8_t status = native(v, f, frame.size, &at, &size);
        if (status != ST_OK && status != ST_MORE)
            fail(v);
        buf_put_u8(out, status);
        buf_put(out, v->out + at, size);
    }
    return !out->full;
}
