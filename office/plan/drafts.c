/* drafts.c - see drafts.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/plan/drafts.h"
#include "base/tr.h"
#include "office/books/books_int.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static enum err check(const char *name, const char *text, struct errmsg *why)
{
    size_t length = strlen(name);
    json_t *n = json_string(name), *t = json_string(text); /* NULL when it is no UTF-8 */
    bool utf8 = n && t;
    json_decref(n);
    json_decref(t);
    if (!utf8)
        return err_set(why, ERR_FORMAT, tr("the text is no UTF-8"));
    if (length == 0 || length >= DRAFT_NAME_SIZE)
        return err_set(why, ERR_FORMAT, tr("a draft has a name of 1 to %d bytes"), DRAFT_NAME_SIZE - 1);
    if (strlen(text) > PACK_JSON_MAX)
        return err_set(why, ERR_FULL, tr("the text is longer than %d bytes"), PACK_JSON_MAX);
    return OK;
}

static enum err add_writer(struct books *b, int64_t id, uint32_t user, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "INSERT OR IGNORE INTO draft_writer (draft, user) VALUES (?, ?)");
    query_int(&q, id);
    query_int(&q, user);
    return query_run(&q, why);
}

enum err draft_add(struct books *b, const char *name, const char *text, uint32_t base_version, uint32_t user,
                   int64_t now_s, int64_t *id, struct errmsg *why)
{
    assert(store_office_is_open(b->store));
    enum err e = check(name, text, why);
    if (e)
        return e;
    struct query q = query_text_of(b->store, "INSERT INTO draft (name, revision, author, changed_by, base_version,"
                                             " text, created_s, changed_s) VALUES (?, 1, ?, ?, ?, ?, ?, ?)"
                                             " RETURNING id");
    query_text(&q, name);
    query_int(&q, user);
    query_int(&q, user);
    query_int(&q, base_version);
    query_text(&q, text);
    query_int(&q, now_s);
    query_int(&q, now_s);
    if (query_row(&q))
        *id = query_get_int(&q);
    e = query_done(&q, why);
    return e ? e : add_writer(b, *id, user, why);
}

/* It was not there in this revision: why? */
static enum err not_this(struct books *b, int64_t id, struct errmsg *why)
{
    bool there = false;
    struct query q = query_text_of(b->store, "SELECT 1 FROM draft WHERE id = ?");
    query_int(&q, id);
    there = query_row(&q);
    enum err e = query_done(&q, why);
    if (e)
        return e;
    return there ? err_set(why, ERR_CONFLICT,
                           tr("somebody saved this draft while you wrote: look at theirs before you save yours"))
                 : err_set(why, ERR_NOT_FOUND, tr("there is no such draft"));
}

enum err draft_save(struct books *b, int64_t id, int64_t revision, const char *name, const char *text, uint32_t user,
                    int64_t now_s, struct errmsg *why)
{
    bool saved = false;
    assert(store_office_is_open(b->store));
    enum err e = check(name, text, why);
    if (e)
        return e;
    struct query q = query_text_of(b->store, "UPDATE draft SET name = ?, text = ?, changed_by = ?,"
                                             " changed_s = max(?, created_s), revision = revision + 1"
                                             " WHERE id = ? AND revision = ? RETURNING id");
    query_text(&q, name);
    query_text(&q, text);
    query_int(&q, user);
    query_int(&q, now_s);
    query_int(&q, id);
    query_int(&q, revision);
    saved = query_row(&q);
    e = query_done(&q, why);
    if (e)
        return e;
    return saved ? add_writer(b, id, user, why) : not_this(b, id, why);
}

enum err draft_drop(struct books *b, int64_t id, int64_t revision, struct errmsg *why)
{
    assert(store_office_is_open(b->store));
    struct query q = query_text_of(b->store, "DELETE FROM draft WHERE id = ? AND revision = ? RETURNING id");
    query_int(&q, id);
    query_int(&q, revision);
    bool gone = query_row(&q);
    enum err e = query_done(&q, why);
    if (e)
        return e;
    if (!gone)
        return not_this(b, id, why);
    q = query_text_of(b->store, "DELETE FROM draft_writer WHERE draft = ?");
    query_int(&q, id);
    return query_run(&q, why);
}

#define COLUMNS "SELECT id, revision, name, author, changed_by, base_version, created_s, changed_s"

static void read_row(struct query *q, struct draft *d)
{
    d->id = query_get_int(q);
    d->revision = query_get_int(q);
    query_get_text(q, d->name, sizeof d->name);
    d->author = (uint32_t)query_get_int(q);
    d->changed_by = (uint32_t)query_get_int(q);
    d->base_version = (uint32_t)query_get_int(q);
    d->created_s = query_get_int(q);
    d->changed_s = query_get_int(q);
}

enum err draft_get(struct books *b, int64_t id, struct draft *out, struct errmsg *why)
{
    struct query q = query_text_of(b->store, COLUMNS ", text FROM draft WHERE id = ?");
    query_int(&q, id);
    bool found = query_row(&q);
    if (found) {
        read_row(&q, out);
        query_get_text(&q, out->text, sizeof out->text);
        out->size = strlen(out->text);
    }
    enum err e = query_done(&q, why);
    return !e && !found ? err_set(why, ERR_NOT_FOUND, tr("there is no such draft")) : e;
}

enum err draft_list(struct books *b, draft_fn *each, void *arg, struct errmsg *why)
{
    bool go_on = true;
    struct draft *d = calloc(1, sizeof *d);
    if (!d)
        return err_set(why, ERR_IO, "out of memory");
    struct query q = query_text_of(b->store, COLUMNS " FROM draft ORDER BY changed_s DESC, id DESC");
    while (go_on && query_row(&q)) {
        read_row(&q, d);
        go_on = each(d, arg);
    }
    free(d);
    return query_done(&q, why);
}

enum err draft_writers(struct books *b, int64_t id, draft_writer_fn *each, void *arg, struct errmsg *why)
{
    bool go_on = true;
    struct query q = query_text_of(b->store, "SELECT user FROM draft_writer WHERE draft = ? ORDER BY user");
    query_int(&q, id);
    while (go_on && query_row(&q))
        go_on = each((uint32_t)query_get_int(&q), arg);
    return query_done(&q, why);
}
