/* vcard_files.c - files of a virtual card, their access rights, the open transaction and its MAC.
 *
 * A backup, value or record file is never written in place: what a transaction wants goes to the file's
 * spare room and to v->pending, reading shows what was committed, and vc_commit carries all of it over
 * at once.  Standard files are written at once, as on the real card.
 *
 * The transaction MAC input (TMI) is not kept but goes straight into its CMAC: every part is padded to
 * whole blocks, so only the last block has to wait.
 *
 * Sources: data sheet extracts in NXP AN12343; where they are silent the choice is marked "our guess".
 * SPDX-License-Identifier: Apache-2.0 */
#include "hw/vcard_int.h"

#include <assert.h>
#include <string.h>

enum { FREE = 0xe, NEVER = 0xf, NOBODY = 0xff };
enum right { RIGHT_READ = 1, RIGHT_WRITE = 2, RIGHT_BOTH = 4, RIGHT_CHANGE = 8 };

/* --- finding and rights ------------------------------------------------------------------------- */

static struct vcard_file *find(struct vcard *v, uint8_t no)
{
    for (size_t i = 0; i < VCARD_FILES; i++) {
        struct vcard_file *f = &v->m.files[i];
        if (f->used && f->app == v->app && f->no == no)
            return f;
    }
    return NULL;
}

static struct vcard_file *find_type(struct vcard *v, enum vcard_file_type type)
{
    for (size_t i = 0; i < VCARD_FILES; i++) {
        struct vcard_file *f = &v->m.files[i];
        if (f->used && f->app == v->app && f->type == type)
            return f;
    }
    return NULL;
}

static struct vcard_pending *pending(struct vcard *v, const struct vcard_file *f)
{
    return &v->pending[f - v->m.files];
}

static uint8_t key_of(const struct vcard_file *f, enum right right)
{
    switch (right) {
    case RIGHT_READ:
        return f->access[1] >> 4;
    case RIGHT_WRITE:
        return f->access[1] & 15;
    case RIGHT_BOTH:
        return f->access[0] >> 4;
    case RIGHT_CHANGE:
        return f->access[0] & 15;
    }
    return NEVER;
}

/* May the session use the file by any of these rights?  mode: how its data then travels, which is the
 * file's own mode if a key gave the right, plain if it is free for all. */
static uint8_t allow(const struct vcard *v, const struct vcard_file *f, unsigned rights,
                     enum vc_mode *mode)
{
    static const enum right all[] = {RIGHT_READ, RIGHT_WRITE, RIGHT_BOTH, RIGHT_CHANGE};
    bool free_for_all = false, some_key = false;
    *mode = MODE_PLAIN;
    for (size_t i = 0; i < 4; i++) {
        if (!(rights & all[i]))
            continue;
        uint8_t key = key_of(f, all[i]);
        if (key < FREE && vc_logged_in(v, key)) {
            *mode = (f->option & 3) == 3 ? MODE_FULL : (f->option & 1) ? MODE_MAC : MODE_PLAIN;
            return ST_OK;
        }
        free_for_all |= key == FREE;
        some_key |= key < FREE;
    }
    return free_for_all ? ST_OK : some_key ? ST_AUTH : ST_PERMISSION;
}

/* Is this one of the second code set, whose answers go back in one piece? */
static bool iso_chained(uint8_t cmd)
{
    return cmd == 0xad || cmd == 0xab || cmd == 0x8d || cmd == 0x8b || cmd == 0xba;
}

/* --- transaction -------------------------------------------------------------------------------- */

static void tmac_keys(const struct vcard *v, const struct vcard_file *f, uint8_t mac[16],
                      uint8_t enc[16])
{
    uint8_t sv[16] = {0x5a, 0x00, 0x01, 0x00, 0x80};
    put_le(sv + 5, f->tmc + 1, 4); /* the counter this transaction would get */
    memcpy(sv + 9, v->m.uid.b, 7);
    memset(mac, 0, 16);
    memset(enc, 0, 16);
    vc_cmac(&f->tmac_key, mac, sv, 16);
    sv[0] = 0xa5;
    vc_cmac(&f->tmac_key, enc, sv, 16);
}

static void tmi_key(struct vcard *v)
{
    if (!v->tx.keyed)
        tmac_keys(v, find_type(v, VFILE_TMAC), v->tx.mac, v->tx.enc);
    v->tx.keyed = true;
}

static void tmi_put(struct vcard *v, const uint8_t *data, size_t size)
{
    struct vcard_key k = vc_aes(v->tx.mac);
    for (size_t i = 0; i < size; i++) {
        if (v->tx.fill == 16) {
            vc_cbc_encrypt(&k, v->tx.state, v->tx.block, 16);
            v->tx.fill = 0;
        }
        v->tx.block[v->tx.fill++] = data[i];
    }
    v->tx.any = true;
}

/* One command: its header and its data, each padded with zeros to whole blocks. */
static void tmi_add(struct vcard *v, const uint8_t *header, size_t header_size, const uint8_t *data,
                    size_t size)
{
    static const uint8_t zeros[16];
    if (!find_type(v, VFILE_TMAC))
        return;
    tmi_key(v);
    tmi_put(v, header, header_size);
    tmi_put(v, zeros, (16 - header_size % 16) % 16);
    tmi_put(v, data, size);
    tmi_put(v, zeros, (16 - size % 16) % 16);
}

static void tmi_finish(const struct vcard *v, uint8_t tmv[8])
{
    struct vcard_key k = vc_aes(v->tx.mac);
    uint8_t state[16];
    memcpy(state, v->tx.state, 16);
    vc_cmac(&k, state, v->tx.block, v->tx.fill);
    for (size_t i = 0; i < 8; i++)
        tmv[i] = state[2 * i + 1];
}

void vc_tx_abort(struct vcard *v)
{
    memset(v->pending, 0, sizeof v->pending);
    memset(&v->tx, 0, sizeof v->tx);
}

static void touch(struct vcard *v, const struct vcard_file *f)
{
    pending(v, f)->touched = true;
    v->tx.changed = true;
}

/* At its limit the transaction counter stops everything but reading it. */
static bool tmc_used_up(struct vcard *v)
{
    const struct vcard_file *f = find_type(v, VFILE_TMAC);
    return f && (f->tmc == UINT32_MAX || (f->tmc_limited && f->tmc >= f->tmc_limit));
}

/* --- layout of a file's room -------------------------------------------------------------------- */

static uint32_t slots(const struct vcard_file *f)
{
    return f->type == VFILE_LINEAR ? f->max + 1 : f->max; /* one is spare, for the transaction */
}

static uint8_t *slot(struct vcard *v, const struct vcard_file *f, uint32_t index)
{
    return v->m.bytes + f->at + (size_t)index % slots(f) * f->size;
}

static uint8_t *main_bytes(struct vcard *v, const struct vcard_file *f)
{
    return v->m.bytes + f->at;
}

static uint8_t *shadow_bytes(struct vcard *v, const struct vcard_file *f)
{
    return v->m.bytes + f->at + (f->type == VFILE_BACKUP ? f->size : 0);
}

/* The slot after the newest record: never a committed one. */
static uint32_t spare(const struct vcard_file *f)
{
    return (f->oldest + f->count) % slots(f);
}

const uint8_t *vcard_record(const struct vcard *v, const struct vcard_file *f, uint32_t index)
{
    if ((f->type != VFILE_LINEAR && f->type != VFILE_CYCLIC) || index >= f->count)
        return NULL;
    return v->m.bytes + f->at + (size_t)(f->oldest + f->count - 1 - index) % slots(f) * f->size;
}

const struct vcard_file *vcard_find_file(const struct vcard *v, const uint8_t aid[3], uint8_t no)
{
    for (size_t i = 0; i < VCARD_FILES; i++) {
        const struct vcard_file *f = &v->m.files[i];
        if (f->used && f->no == no && vc_aid_is(v->m.apps[f->app].aid, aid))
            return f;
    }
    return NULL;
}

/* --- making, deleting, describing --------------------------------------------------------------- */

static bool may_manage(const struct vcard *v)
{
    return v->m.apps[v->app].ks1 & 4 || vc_logged_in(v, 0);
}

static bool may_list(const struct vcard *v)
{
    return v->m.apps[v->app].ks1 & 2 || vc_logged_in(v, 0);
}

/* Rights name keys the application has, or free, or never. */
static bool access_ok(const struct vcard *v, const uint8_t access[2])
{
    uint8_t count = vc_key_count(&v->m.apps[v->app]);
    for (size_t i = 0; i < 4; i++) {
        uint8_t key = i & 1 ? access[i / 2] & 15 : access[i / 2] >> 4;
        if (key >= count && key < FREE)
            return false;
    }
    return true;
}

static uint8_t place(struct vcard *v, struct vcard_file *made)
{
    uint32_t room = (made->room + 31) / 32 * 32; /* memory goes in blocks of 32 bytes */
    if (find(v, made->no))
        return ST_DUPLICATE;
    if (room > VCARD_ROOM - v->m.bytes_used - v->m.bytes_lost)
        return ST_NO_MEMORY;
    for (size_t i = 0; i < VCARD_FILES; i++) {
        struct vcard_file *f = &v->m.files[i];
        if (f->used)
            continue;
        *f = *made;
        f->used = true;
        f->app = v->app;
        f->at = v->m.bytes_used;
        f->room = room;
        memset(v->m.bytes + f->at, 0, room);
        v->m.bytes_used += room;
        vc_changed(v);
        return vc_reply(v, MODE_ADMIN, NULL, 0, false);
    }
    return ST_NO_MEMORY;
}

static uint8_t common_header(const struct vcard *v, struct vcard_file *f, const uint8_t *p)
{
    f->option = p[0];
    memcpy(f->access, p + 1, 2);
    if (f->no >= VCARD_FILE_NO || (f->option & 3) == 2 || f->option & 0x7c || !access_ok(v, p + 1))
        return ST_PARAMETER;
    return ST_OK;
}

uint8_t vc_create_file(struct vcard *v)
{
    struct vcard_file f = {0};
    uint8_t status = vc_open(v, MODE_ADMIN, 0, -1);
    if (status)
        return status;
    if (v->app == 0)
        return ST_PERMISSION;
    if (!may_manage(v))
        return ST_AUTH;
    const uint8_t *p = v->data;
    static const struct {
        uint8_t cmd, type;
        uint8_t size; /* after file number and ISO id */
    } kinds[] = {{0xcd, VFILE_STD, 6},    {0xcb, VFILE_BACKUP, 6}, {0xcc, VFILE_VALUE, 16},
                 {0xc1, VFILE_LINEAR, 9}, {0xc0, VFILE_CYCLIC, 9}};
    size_t k = 0;
    while (kinds[k].cmd != v->in[0])
        k++;
    f.type = kinds[k].type;
    size_t fid_size = (v->m.apps[v->app].ks2 & 0x20) && f.type != VFILE_VALUE ? 2 : 0;
    if (v->data_size != 1 + fid_size + kinds[k].size)
        return ST_LENGTH;
    f.no = p[0];
    f.fid = fid_size ? (uint16_t)get_le(p + 1, 2) : 0;
    p += 1 + fid_size;
    status = common_header(v, &f, p);
    if (status)
        return status;
    p += 3;
    if (f.type == VFILE_VALUE) {
        f.lower = (int32_t)get_le(p, 4);
        f.upper = (int32_t)get_le(p + 4, 4);
        f.value = (int32_t)get_le(p + 8, 4);
        f.value_option = p[12];
        f.room = 32;
        if (f.lower > f.upper || f.value < f.lower || f.value > f.upper || f.value_option > 3)
            return ST_PARAMETER;
        return place(v, &f);
    }
    f.size = (uint32_t)get_le(p, 3);
    if (f.size == 0)
        return ST_PARAMETER;
    if (f.type == VFILE_LINEAR || f.type == VFILE_CYCLIC) {
        f.max = (uint32_t)get_le(p + 3, 3);
        if (f.max < (f.type == VFILE_CYCLIC ? 2u : 1u))
            return ST_PARAMETER;
        if ((uint64_t)slots(&f) * f.size > VCARD_ROOM)
            return ST_NO_MEMORY;
        f.room = slots(&f) * f.size;
    } else {
        if (f.size > VCARD_ROOM)
            return ST_NO_MEMORY;
        f.room = f.type == VFILE_BACKUP ? 2 * f.size : f.size;
    }
    if (f.room > VCARD_ROOM)
        return ST_NO_MEMORY;
    return place(v, &f);
}

uint8_t vc_create_tmac(struct vcard *v)
{
    struct vcard_file f = {.type = VFILE_TMAC, .room = 64};
    uint8_t status = vc_open(v, MODE_FULL, 5, 17);
    if (status)
        return status;
    const uint8_t *p = v->in + 1;
    if (v->app == 0)
        return ST_PERMISSION;
    if (!vc_logged_in(v, 0)) /* our guess: FULL needs a login, the master key's */
        return ST_AUTH;
    f.no = p[0];
    status = common_header(v, &f, p + 1);
    if (status)
        return status;
    if (key_of(&f, RIGHT_WRITE) != NEVER || (p[4] & 3) != 2)
        return ST_PARAMETER;
    if (find_type(v, VFILE_TMAC))
        return ST_DUPLICATE;
    f.tmac_key = vc_aes(v->data);
    f.tmac_key.version = v->data[16];
    return place(v, &f);
}

uint8_t vc_delete_file(struct vcard *v)
{
    uint8_t status = vc_open(v, MODE_ADMIN, 1, 0);
    if (status)
        return status;
    if (!may_manage(v))
        return ST_AUTH;
    struct vcard_file *f = find(v, v->in[1]);
    if (!f)
        return ST_NO_FILE;
    if (f->at + f->room == v->m.bytes_used) { /* bytes of others are not moved */
        v->m.bytes_used -= f->room;
        v->m.bytes_lost += f->room;
    }
    memset(pending(v, f), 0, sizeof *pending(v, f));
    memset(f, 0, sizeof *f);
    vc_changed(v);
    return vc_reply(v, MODE_ADMIN, NULL, 0, false);
}

uint8_t vc_file_ids(struct vcard *v)
{
    uint8_t ids[VCARD_FILE_NO];
    size_t n = 0;
    uint8_t status = vc_open(v, MODE_ADMIN, 0, 0);
    if (status)
        return status;
    if (v->app == 0)
        return ST_PERMISSION;
    if (!may_list(v))
        return ST_AUTH;
    for (uint8_t no = 0; no < VCARD_FILE_NO; no++)
        if (find(v, no))
            ids[n++] = no;
    return vc_reply(v, MODE_ADMIN, ids, n, true);
}

uint8_t vc_iso_file_ids(struct vcard *v)
{
    uint8_t ids[2 * VCARD_FILE_NO];
    size_t n = 0;
    uint8_t status = vc_open(v, MODE_ADMIN, 0, 0);
    if (status)
        return status;
    if (v->app == 0 || !(v->m.apps[v->app].ks2 & 0x20))
        return ST_PERMISSION;
    if (!may_list(v))
        return ST_AUTH;
    for (uint8_t no = 0; no < VCARD_FILE_NO; no++) {
        const struct vcard_file *f = find(v, no);
        if (f && f->fid) {
            put_le(ids + n, f->fid, 2);
            n += 2;
        }
    }
    return vc_reply(v, MODE_ADMIN, ids, n, true);
}

uint8_t vc_get_file_settings(struct vcard *v)
{
    uint8_t room[32];
    struct buf b = BUF_ON(room);
    uint8_t status = vc_open(v, MODE_ADMIN, 1, 0);
    if (status)
        return status;
    if (!may_list(v))
        return ST_AUTH;
    const struct vcard_file *f = find(v, v->in[1]);
    if (!f)
        return ST_NO_FILE;
    buf_put_u8(&b, f->type);
    buf_put_u8(&b, f->option);
    buf_put(&b, f->access, 2);
    switch ((enum vcard_file_type)f->type) {
    case VFILE_STD:
    case VFILE_BACKUP:
        buf_put_le(&b, f->size, 3);
        break;
    case VFILE_VALUE:
        buf_put_le(&b, (uint32_t)f->lower, 4);
        buf_put_le(&b, (uint32_t)f->upper, 4);
        buf_put_le(&b, (uint32_t)f->limited, 4);
        buf_put_u8(&b, f->value_option);
        break;
    case VFILE_LINEAR:
    case VFILE_CYCLIC:
        buf_put_le(&b, f->size, 3);
        buf_put_le(&b, f->max, 3);
        buf_put_le(&b, f->count, 3);
        break;
    case VFILE_TMAC:
        buf_put_u8(&b, 2);
        buf_put_u8(&b, f->tmac_key.version);
        if (f->tmc_limited)
            buf_put_le(&b, f->tmc_limit, 4);
        break;
    }
    return vc_reply(v, MODE_ADMIN, room, b.size, false);
}

uint8_t vc_change_file_settings(struct vcard *v)
{
    if (v->in_size < 2)
        return ST_LENGTH;
    struct vcard_file *f = find(v, v->in[1]);
    if (!f)
        return ST_NO_FILE;
    enum vc_mode ignored;
    uint8_t status = allow(v, f, RIGHT_CHANGE, &ignored);
    if (status)
        return status;
    bool by_key = key_of(f, RIGHT_CHANGE) != FREE;
    bool limit = f->type == VFILE_TMAC;
    if (limit && by_key && v->session.kind == VSESSION_EV2) /* with or without a new limit */
        status = vc_open(v, MODE_FULL, 1, -1);
    else
        status = vc_open(v, by_key ? MODE_FULL : MODE_ADMIN, 1, 3);
    if (status)
        return status;
    struct vcard_file changed = *f;
    bool has_limit = v->data_size && v->data[0] & 0x20;
    if (v->data_size != (limit && has_limit ? 7u : 3u))
        return ST_LENGTH;
    uint8_t head[3];
    memcpy(head, v->data, 3);
    if (limit)
        head[0] &= (uint8_t)~0x20u;
    status = common_header(v, &changed, head);
    if (status)
        return status;
    if (limit) {
        if (key_of(&changed, RIGHT_WRITE) != NEVER)
            return ST_PARAMETER;
        changed.tmc_limited = has_limit;
        changed.tmc_limit = has_limit ? (uint32_t)get_le(v->data + 3, 4) : 0;
    }
    *f = changed;
    vc_changed(v);
    return vc_reply(v, MODE_ADMIN, NULL, 0, false);
}

/* --- data --------------------------------------------------------------------------------------- */

/* What the commands on data have in common: the file is there, of the right kind, and may be used. */
static uint8_t enter(struct vcard *v, unsigned types, unsigned rights, struct vcard_file **file,
                     enum vc_mode *mode)
{
    if (v->in_size < 2)
        return ST_LENGTH;
    struct vcard_file *f = find(v, v->in[1]);
    *file = f;
    if (!f)
        return ST_NO_FILE;
    if (!(types & 1u << f->type))
        return ST_PERMISSION;
    if (f->type == VFILE_VALUE && v->in[0] == 0x6c && f->value_option & 2) {
        *mode = MODE_PLAIN;
        enum vc_mode by_key;
        if (allow(v, f, rights, &by_key) == ST_OK)
            *mode = by_key;
        return tmc_used_up(v) ? ST_PERMISSION : ST_OK;
    }
    uint8_t status = allow(v, f, rights, mode);
    if (status == ST_OK && f->type != VFILE_TMAC && tmc_used_up(v))
        status = ST_PERMISSION;
    return status;
}

#define TYPES(a) (1u << (a))
#define DATA_FILES (TYPES(VFILE_STD) | TYPES(VFILE_BACKUP))
#define RECORD_FILES (TYPES(VFILE_LINEAR) | TYPES(VFILE_CYCLIC))

/* Bytes between the command and its data: file, then offset and length, or record, offset, length. */
static size_t write_header(uint8_t cmd)
{
    return cmd == 0xdb || cmd == 0xba ? 10 : 7;
}

size_t vc_write_need(const struct vcard *v)
{
    size_t header = write_header(v->in[0]);
    if (v->in_size < 1 + header)
        return 0;
    struct vcard_file *f = NULL;
    enum vc_mode mode = MODE_PLAIN;
    unsigned rights = header == 10 ? RIGHT_BOTH : RIGHT_WRITE | RIGHT_BOTH;
    size_t length = get_le(v->in + 1 + header - 3, 3);
    /* A command that will be refused is not waited for. */
    if (enter((struct vcard *)v, ~0u, rights, &f, &mode) || length > f->size || length == 0)
        return v->in_size;
    return 1 + header + vc_wire_size(v, mode, length);
}

/* ReadData answers and enters the TMI with the length that was meant; 0 = to the end. */
uint8_t vc_read_data(struct vcard *v)
{
    struct vcard_file *f;
    enum vc_mode mode;
    uint8_t status =
        enter(v, DATA_FILES | TYPES(VFILE_TMAC), RIGHT_READ | RIGHT_BOTH, &f, &mode);
    /* The reader-id key does not read the TMAC file. */
    if (status == ST_OK && f->type == VFILE_TMAC)
        status = allow(v, f, RIGHT_READ, &mode);
    if (status)
        return status;
    status = vc_open(v, mode == MODE_PLAIN ? MODE_PLAIN : MODE_ADMIN, 7, 0);
    if (status)
        return status;
    uint32_t size = f->type == VFILE_TMAC ? 12 : f->size;
    uint32_t offset = (uint32_t)get_le(v->in + 2, 3), length = (uint32_t)get_le(v->in + 5, 3);
    bool unknown = length == 0;
    if (offset >= size || length > size - offset)
        return ST_BOUNDARY;
    if (unknown)
        length = size - offset;
    if (iso_chained(v->in[0]))
        v->out_chunk = 240;
    if (f->type == VFILE_TMAC) {
        uint8_t tm[12];
        put_le(tm, f->tmc, 4);
        memcpy(tm + 4, f->tmv, 8);
        return vc_reply(v, mode, tm + offset, length, unknown);
    }
    uint8_t head[8];
    memcpy(head, v->in, 5);
    put_le(head + 5, length, 3);
    const uint8_t *data = main_bytes(v, f) + offset;
    tmi_add(v, head, 8, data, length);
    return vc_reply(v, mode, data, length, unknown);
}

uint8_t vc_write_data(struct vcard *v)
{
    struct vcard_file *f;
    enum vc_mode mode;
    uint8_t status = enter(v, DATA_FILES, RIGHT_WRITE | RIGHT_BOTH, &f, &mode);
    if (status)
        return status;
    if (v->in_size < 8)
        return ST_LENGTH;
    uint32_t offset = (uint32_t)get_le(v->in + 2, 3), length = (uint32_t)get_le(v->in + 5, 3);
    if (length == 0)
        return ST_PARAMETER;
    if (offset >= f->size || length > f->size - offset)
        return ST_BOUNDARY;
    status = vc_open(v, mode, 7, (int32_t)length);
    if (status)
        return status;
    if (f->type == VFILE_BACKUP && !pending(v, f)->touched)
        memcpy(shadow_bytes(v, f), main_bytes(v, f), f->size);
    if (f->type == VFILE_BACKUP)
        touch(v, f);
    else
        vc_changed(v);
    memcpy(shadow_bytes(v, f) + offset, v->data, length);
    tmi_add(v, v->in, 8, v->data, length);
    return vc_reply(v, mode == MODE_PLAIN ? MODE_PLAIN : MODE_ADMIN, NULL, 0, false);
}

/* The committed value, not what the open transaction would make of it (our guess). */
uint8_t vc_get_value(struct vcard *v)
{
    struct vcard_file *f;
    enum vc_mode mode;
    uint8_t status = enter(v, TYPES(VFILE_VALUE), RIGHT_READ | RIGHT_WRITE | RIGHT_BOTH, &f, &mode);
    if (status)
        return status;
    status = vc_open(v, mode == MODE_PLAIN ? MODE_PLAIN : MODE_ADMIN, 1, 0);
    if (status)
        return status;
    uint8_t head[6], *value = head + 2;
    memcpy(head, v->in, 2);
    put_le(value, (uint32_t)f->value, 4);
    tmi_add(v, head, 6, NULL, 0);
    return vc_reply(v, mode, value, 4, false);
}

/* Credit, Debit, LimitedCredit: limits hold for the value as the transaction would leave it. */
uint8_t vc_change_value(struct vcard *v)
{
    uint8_t cmd = v->in[0];
    unsigned rights = cmd == 0x0c   ? RIGHT_BOTH
                      : cmd == 0x1c ? RIGHT_WRITE | RIGHT_BOTH
                                    : RIGHT_READ | RIGHT_WRITE | RIGHT_BOTH;
    struct vcard_file *f;
    enum vc_mode mode;
    uint8_t status = enter(v, TYPES(VFILE_VALUE), rights, &f, &mode);
    if (status)
        return status;
    if (cmd == 0x1c && !(f->value_option & 1))
        return ST_PERMISSION;
    status = vc_open(v, mode, 1, 4);
    if (status)
        return status;
    int64_t amount = (int32_t)get_le(v->data, 4);
    if (amount < 0)
        return ST_PARAMETER;
    struct vcard_pending *p = pending(v, f);
    int64_t now = f->value + p->change, after = cmd == 0xdc ? now - amount : now + amount;
    if (after < f->lower || after > f->upper)
        return ST_BOUNDARY;
    if (cmd == 0x1c && (p->limited_used || amount > f->limited))
        return ST_BOUNDARY;
    p->change = after - f->value;
    p->debits += cmd == 0xdc ? amount : 0;
    p->limited_used |= cmd == 0x1c;
    touch(v, f);
    uint8_t head[6];
    memcpy(head, v->in, 2);
    put_le(head + 2, (uint64_t)amount, 4);
    tmi_add(v, head, 6, NULL, 0);
    return vc_reply(v, mode == MODE_PLAIN ? MODE_PLAIN : MODE_ADMIN, NULL, 0, false);
}

/* WriteRecord and UpdateRecord after their checks. */
static uint8_t put_record(struct vcard *v, struct vcard_file *f, enum vc_mode mode, size_t header,
                          const uint8_t *start)
{
    struct vcard_pending *p = pending(v, f);
    const uint8_t *at = v->in + header - 5; /* offset, length */
    uint32_t offset = (uint32_t)get_le(at, 3), length = (uint32_t)get_le(at + 3, 3);
    if (length == 0)
        return ST_PARAMETER;
    if (offset >= f->size || length > f->size - offset)
        return ST_BOUNDARY;
    uint8_t status = vc_open(v, mode, header, (int32_t)length);
    if (status)
        return status;
    uint8_t *record = slot(v, f, spare(f));
    if (!p->touched) {
        if (start)
            memcpy(record, start, f->size);
        else
            memset(record, 0, f->size);
    }
    memcpy(record + offset, v->data, length);
    touch(v, f);
    tmi_add(v, v->in, 1 + header, v->data, length);
    return vc_reply(v, mode == MODE_PLAIN ? MODE_PLAIN : MODE_ADMIN, NULL, 0, false);
}

/* The first write of a transaction begins a record of zeros, later ones change the same. */
uint8_t vc_write_record(struct vcard *v)
{
    struct vcard_file *f;
    enum vc_mode mode;
    uint8_t status = enter(v, RECORD_FILES, RIGHT_WRITE | RIGHT_BOTH, &f, &mode);
    if (status)
        return status;
    if (v->in_size < 8)
        return ST_LENGTH;
    struct vcard_pending *p = pending(v, f);
    if (p->cleared || p->update)
        return ST_PERMISSION; /* our guess at the code */
    if (f->type == VFILE_LINEAR && f->count == f->max)
        return ST_BOUNDARY;
    status = put_record(v, f, mode, 7, NULL);
    p->record |= p->touched;
    return status;
}

uint8_t vc_update_record(struct vcard *v)
{
    struct vcard_file *f;
    enum vc_mode mode;
    uint8_t status = enter(v, RECORD_FILES, RIGHT_BOTH, &f, &mode);
    if (status)
        return status;
    if (v->in_size < 11)
        return ST_LENGTH;
    struct vcard_pending *p = pending(v, f);
    uint32_t index = (uint32_t)get_le(v->in + 2, 3);
    if (p->cleared || p->record)
        return ST_PERMISSION;
    if (index >= f->count)
        return ST_BOUNDARY;
    uint32_t which = (f->oldest + f->count - 1 - index) % slots(f);
    if (p->update && which != p->update_slot)
        return ST_PERMISSION;
    status = put_record(v, f, mode, 10, slot(v, f, which));
    p->update |= p->touched;
    p->update_slot = which;
    return status;
}

/* Oldest first, from count records back to the one asked for; 0 is the newest. */
uint8_t vc_read_records(struct vcard *v)
{
    struct vcard_file *f;
    enum vc_mode mode;
    uint8_t status = enter(v, RECORD_FILES, RIGHT_READ | RIGHT_BOTH, &f, &mode);
    if (status)
        return status;
    status = vc_open(v, mode == MODE_PLAIN ? MODE_PLAIN : MODE_ADMIN, 7, 0);
    if (status)
        return status;
    uint32_t index = (uint32_t)get_le(v->in + 2, 3), count = (uint32_t)get_le(v->in + 5, 3);
    bool unknown = count == 0;
    if (index >= f->count || count > f->count - index)
        return ST_BOUNDARY;
    if (unknown)
        count = f->count - index;
    if (iso_chained(v->in[0]))
        v->out_chunk = 240;
    uint32_t size = 0;
    for (uint32_t i = 0; i < count; i++, size += f->size)
        memcpy(v->out + size, vcard_record(v, f, index + count - 1 - i), f->size);
    uint8_t head[8];
    memcpy(head, v->in, 5);
    put_le(head + 5, count, 3);
    tmi_add(v, head, 8, v->out, size);
    return vc_reply(v, mode, v->out, size, unknown);
}

uint8_t vc_clear_records(struct vcard *v)
{
    struct vcard_file *f;
    enum vc_mode mode;
    uint8_t status = enter(v, RECORD_FILES, RIGHT_BOTH | RIGHT_WRITE, &f, &mode);
    if (status)
        return status;
    status = vc_open(v, MODE_ADMIN, 1, 0);
    if (status)
        return status;
    pending(v, f)->cleared = true;
    touch(v, f);
    tmi_add(v, v->in, 2, NULL, 0);
    return vc_reply(v, MODE_ADMIN, NULL, 0, false);
}

/* --- the end of a transaction ------------------------------------------------------------------- */

static void carry_over(struct vcard *v, struct vcard_file *f, const struct vcard_pending *p)
{
    switch ((enum vcard_file_type)f->type) {
    case VFILE_BACKUP:
        memcpy(main_bytes(v, f), shadow_bytes(v, f), f->size);
        break;
    case VFILE_VALUE:
        f->value = (int32_t)(f->value + p->change);
        if (p->debits)
            f->limited = (int32_t)(p->debits > INT32_MAX ? INT32_MAX : p->debits);
        else if (p->limited_used)
            f->limited = 0;
        break;
    case VFILE_LINEAR:
    case VFILE_CYCLIC:
        if (p->cleared) {
            f->count = f->oldest = 0;
        } else if (p->update) {
            memcpy(slot(v, f, p->update_slot), slot(v, f, spare(f)), f->size);
        } else {
            f->count++;
            if (f->count == slots(f)) { /* a full cyclic file: the oldest becomes the spare */
                f->oldest = (f->oldest + 1) % slots(f);
                f->count--;
            }
        }
        break;
    case VFILE_STD:
    case VFILE_TMAC:
        break;
    }
}

uint8_t vc_commit(struct vcard *v)
{
    struct vcard_file *t = find_type(v, VFILE_TMAC);
    uint8_t status = vc_open(v, MODE_ADMIN, 0, -1);
    if (status)
        return status;
    if (v->data_size > 1)
        return ST_LENGTH;
    bool answer = v->data_size == 1 && v->data[0] == 1;
    if (v->data_size == 1 && (v->data[0] > 1 || !t))
        return ST_PARAMETER;
    if (v->app == 0)
        return ST_PERMISSION;
    if (!v->tx.changed && !v->tx.any)
        return ST_NO_CHANGES;
    if (t && key_of(t, RIGHT_BOTH) != NEVER && !v->tx.reader_done)
        return ST_PERMISSION;
    for (size_t i = 0; i < VCARD_FILES; i++)
        if (v->pending[i].touched)
            carry_over(v, &v->m.files[i], &v->pending[i]);
    uint8_t tm[12];
    if (t) {
        tmi_key(v);
        tmi_finish(v, t->tmv);
        t->tmc++;
        if (v->tx.reader_done)
            memcpy(t->reader_id, v->tx.reader_id, 16);
        put_le(tm, t->tmc, 4);
        memcpy(tm + 4, t->tmv, 8);
    }
    vc_tx_abort(v); /* nothing is open any more */
    vc_changed(v);
    return vc_reply(v, MODE_ADMIN, tm, answer ? sizeof tm : 0, false);
}

uint8_t vc_abort(struct vcard *v)
{
    uint8_t status = vc_open(v, MODE_ADMIN, 0, 0);
    if (status)
        return status;
    if (!v->tx.changed && !v->tx.any)
        return ST_NO_CHANGES;
    vc_tx_abort(v);
    return vc_reply(v, MODE_ADMIN, NULL, 0, false);
}

/* The answer names the reader of the transaction before this one, under a key of this one. */
uint8_t vc_commit_reader_id(struct vcard *v)
{
    struct vcard_file *t = find_type(v, VFILE_TMAC);
    uint8_t status = vc_open(v, MODE_ADMIN, 0, 16);
    if (status)
        return status;
    if (!t || key_of(t, RIGHT_BOTH) == NEVER || v->tx.reader_done || tmc_used_up(v))
        return ST_PERMISSION;
    if (key_of(t, RIGHT_BOTH) != FREE && !vc_logged_in(v, key_of(t, RIGHT_BOTH)))
        return ST_AUTH;
    memcpy(v->tx.reader_id, v->data, 16);
    v->tx.reader_done = true;
    tmi_key(v);
    uint8_t part[33] = {0xc8}, iv[16] = {0};
    memcpy(part + 1, v->tx.reader_id, 16);
    if (v->session.kind == VSESSION_NONE) {
        tmi_add(v, part, 17, NULL, 0);
        return vc_reply(v, MODE_ADMIN, NULL, 0, false);
    }
    memcpy(part + 17, t->reader_id, 16);
    struct vcard_key k = vc_aes(v->tx.enc);
    vc_cbc_encrypt(&k, iv, part + 17, 16);
    tmi_add(v, part, 33, NULL, 0);
    return vc_reply(v, MODE_ADMIN, part + 17, 16, false);
}
