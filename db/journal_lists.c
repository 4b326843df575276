/* journal_lists.c - what is kept beside the entries: settings, what head office told, who works here, the hot
 * list.  See journal.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "db/journal_inside.h"

#include <assert.h>

/* ---- settings ---- */

enum err journal_load(struct journal *j, const char *name, struct buf *out, struct errmsg *why)
{
    empty(out);
    bind_text(j->st[LOAD], 1, name);
    enum err e = journal_row(j, LOAD, why, "reading a setting");
    if (e == ERR_NOT_FOUND)
        err_set(why, e, "there is no setting %s", name);
    if (!e) {
        struct bytes value = column_bytes(j->st[LOAD], 0);
        buf_put(out, value.data, value.size);
        if (out->full)
            e = err_set(why, ERR_FULL, "the setting %s is too large (%zu bytes)", name, value.size);
    }
    done(j, LOAD);
    return e;
}

enum err journal_save(struct journal *j, const char *name, struct bytes value, struct errmsg *why)
{
    bind_text(j->st[SAVE], 1, name);
    bind_bytes(j->st[SAVE], 2, value);
    return run(j, SAVE) ? OK : journal_failed(j, why, "saving a setting");
}

/* ---- what head office told ---- */

enum err journal_tell(struct journal *j, struct bytes shown, int64_t time_s, struct bytes value,
                      struct errmsg *why)
{
    journal_begin_unsynced(j);
    bind_bytes(j->st[TELL], 1, shown);
    sqlite3_bind_int64(j->st[TELL], 2, time_s);
    bind_bytes(j->st[TELL], 3, value);
    return journal_end_unsynced(j, run(j, TELL), why, "noting what head office told");
}

enum err journal_told(struct journal *j, struct bytes shown, int64_t *time_s, struct buf *out,
                      struct errmsg *why)
{
    empty(out);
    bind_bytes(j->st[TOLD], 1, shown);
    enum err e = journal_row(j, TOLD, why, "reading what head office told");
    if (e == ERR_NOT_FOUND)
        err_set(why, e, "head office told nothing of this");
    if (!e) {
        struct bytes value = column_bytes(j->st[TOLD], 1);
        *time_s = sqlite3_column_int64(j->st[TOLD], 0);
        buf_put(out, value.data, value.size);
        if (out->full)
            e = err_set(why, ERR_FULL, "what head office told is too large (%zu bytes)", value.size);
    }
    done(j, TOLD);
    return e;
}

/* ---- staff ---- */

uint32_t journal_staff_version(struct journal *j)
{
    uint8_t raw[4];
    struct buf b = BUF_ON(raw);
    struct errmsg why;
    return journal_load(j, "staff", &b, &why) == OK && b.size == sizeof raw
               ? (uint32_t)get_le(raw, sizeof raw)
               : 0;
}

static bool set_person(struct journal *j, const struct staff *p)
{
    enum statement s = p->role == STAFF_GONE ? STAFF_REMOVE : STAFF_SET;
    sqlite3_stmt *st = j->st[s];
    sqlite3_bind_int64(st, 1, p->id);
    if (s == STAFF_SET) {
        bind_text(st, 2, p->name);
        sqlite3_bind_int(st, 3, (int)p->role);
        bind_text(st, 4, p->language);
        bind_bytes(st, 5, bytes_of(p->pin.salt, sizeof p->pin.salt));
        bind_bytes(st, 6, bytes_of(p->pin.hash, sizeof p->pin.hash));
        bind_card(st, 7, &p->badge);
        sqlite3_bind_int64(st, 8, points_n(p->grant_limit));
        sqlite3_bind_int64(st, 9, points_n(p->grant_day_limit));
    }
    return run(j, s);
}

enum err journal_set_staff(struct journal *j, const struct staff *changes, int32_t count,
                           uint32_t version, struct errmsg *why)
{
    static const char what[] = "writing who works here";
    uint8_t raw[4];
    put_le(raw, version, sizeof raw);
    journal_begin_unsynced(j);
    bool good = run(j, BEGIN);
    for (int32_t i = 0; i < count && good; i++)
        good = set_person(j, &changes[i]);
    good = good && journal_save(j, "staff", bytes_of(raw, sizeof raw), why) == OK && run(j, COMMIT);
    enum err e = good ? OK : journal_failed(j, why, what);
    if (!good)
        (void)run(j, ROLLBACK);
    enum err ended = journal_end_unsynced(j, true, e ? NULL : why, what);
    return e ? e : ended;
}

int32_t journal_staff_count(struct journal *j)
{
    return (int32_t)journal_sum(j, STAFF_COUNT, 0);
}

static void column_fixed(void *out, size_t size, sqlite3_stmt *st, int column)
{
    struct bytes b = column_bytes(st, column);
    memset(out, 0, size);
    if (b.size == size)
        memcpy(out, b.data, size);
}

static enum err find_staff(struct journal *j, enum statement s, struct staff *out, struct errmsg *why)
{
    sqlite3_stmt *st = j->st[s];
    memset(out, 0, sizeof *out);
    enum err e = journal_row(j, s, why, "reading who works here");
    if (e == ERR_NOT_FOUND)
        err_set(why, e, "nobody of that number or badge works here");
    if (!e) {
        out->id = (uint32_t)sqlite3_column_int64(st, 0);
        (void)column_text(out->name, sizeof out->name, st, 1);
        out->role = (enum staff_role)sqlite3_column_int(st, 2);
        (void)column_text(out->language, sizeof out->language, st, 3);
        column_fixed(out->pin.salt, sizeof out->pin.salt, st, 4);
        column_fixed(out->pin.hash, sizeof out->pin.hash, st, 5);
        column_fixed(out->badge.b, sizeof out->badge.b, st, 6);
        out->grant_limit = points_of(sqlite3_column_int64(st, 7));
        out->grant_day_limit = points_of(sqlite3_column_int64(st, 8));
    }
    done(j, s);
    return e;
}

enum err journal_staff(struct journal *j, uint32_t id, struct staff *out, struct errmsg *why)
{
    sqlite3_bind_int64(j->st[STAFF], 1, id);
    return find_staff(j, STAFF, out, why);
}

enum err journal_staff_by_badge(struct journal *j, const struct card_uid *badge, struct staff *out,
                                struct errmsg *why)
{
    assert(uid_is(badge));
    bind_card(j->st[STAFF_BADGE], 1, badge);
    return find_staff(j, STAFF_BADGE, out, why);
}

/* ---- the hot list ---- */

enum card_status journal_card_status(struct journal *j, const struct card_uid *card)
{
    bind_card(j->st[STATUS], 1, card);
    enum err e = journal_row(j, STATUS, NULL, "reading the hot list");
    enum card_status status = e == ERR_NOT_FOUND ? CARD_ACTIVE : CARD_BLOCKED;
    if (!e)
        status = (enum card_status)sqlite3_column_int(j->st[STATUS], 0);
    done(j, STATUS);
    return status;
}

enum err journal_set_card_status(struct journal *j, const struct card_uid *card,
                                 enum card_status status, struct errmsg *why)
{
    assert(uid_is(card));
    enum statement s = status == CARD_ACTIVE ? CLEAR_STATUS : SET_STATUS;
    journal_begin_unsynced(j);
    bind_card(j->st[s], 1, card);
    if (s == SET_STATUS)
        sqlite3_bind_int(j->st[s], 2, (int)status);
    return journal_end_unsynced(j, run(j, s), why, "writing the hot list");
}
