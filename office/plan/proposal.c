/* proposal.c - see proposal.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/plan/proposal.h"
#include "base/tr.h"
#include "office/books/books_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char *const states[] = {"open", "approved", "refused", "withdrawn", "done"};

const char *proposal_state_text(enum proposal_state state)
{
    return states[state];
}

static enum proposal_state state_of(const char *text)
{
    size_t i = 0;
    while (i < sizeof states / sizeof *states - 1 && strcmp(states[i], text) != 0)
        i++;
    return (enum proposal_state)i;
}

const struct proposal_kind *proposal_find_kind(const char *name)
{
    const struct proposal_kind *k = proposal_kinds;
    while (k->name && strcmp(k->name, name) != 0)
        k++;
    return k->name ? k : NULL;
}

void proposal_finish(struct proposal *p)
{
    json_decref(p->subject);
    p->subject = NULL;
}

/* ---- reading ---- */

#define COLUMNS                                                                                                        \
    "SELECT id, kind, subject, author, reason, created_s, state, coalesce(decided_by, 0), coalesce(decided_s, 0),"    \
    " remark, result FROM proposal"

static void read_row(struct query *q, struct proposal *p)
{
    char state[16];
    memset(p, 0, sizeof *p);
    p->id = query_get_int(q);
    query_get_text(q, p->kind, sizeof p->kind);
    struct bytes subject = query_get_blob(q);
    p->subject = json_loadb((const char *)subject.data, subject.size, JSON_ALLOW_NUL, NULL);
    p->author = (uint32_t)query_get_int(q);
    query_get_text(q, p->reason, sizeof p->reason);
    p->created_s = query_get_int(q);
    query_get_text(q, state, sizeof state);
    p->state = state_of(state);
    p->decided_by = (uint32_t)query_get_int(q);
    p->decided_s = query_get_int(q);
    query_get_text(q, p->remark, sizeof p->remark);
    query_get_text(q, p->result, sizeof p->result);
}

enum err proposal_get(struct books *b, int64_t id, struct proposal *p, struct errmsg *why)
{
    struct query q = query_text_of(b->store, COLUMNS " WHERE id = ?");
    memset(p, 0, sizeof *p);
    query_int(&q, id);
    bool found = query_row(&q);
    if (found)
        read_row(&q, p);
    enum err e = query_done(&q, why);
    if (!e && !found)
        return err_set(why, ERR_NOT_FOUND, tr("there is no such proposal"));
    if (!e && !p->subject)
        return err_set(why, ERR_CORRUPT, "the subject of proposal %lld cannot be read", (long long)id);
    return e;
}

enum err proposal_list(struct books *b, bool open_only, proposal_fn *each, void *arg, struct errmsg *why)
{
    bool go_on = true;
    struct query q = query_text_of(b->store, open_only ? COLUMNS " WHERE state = 'open' ORDER BY id DESC"
                                                       : COLUMNS " ORDER BY id DESC");
    while (go_on && query_row(&q)) {
        struct proposal p;
        read_row(&q, &p);
        go_on = each(&p, arg);
        proposal_finish(&p);
    }
    return query_done(&q, why);
}

/* ---- deciding ---- */

static enum err check_text(const char *what, const char *text, bool needed, struct errmsg *why)
{
    if (needed && !text[strspn(text, " \t\r\n")])
        return err_set(why, ERR_FORMAT, tr("say why: the %s is empty"), what);
    if (strlen(text) > 200)
        return err_set(why, ERR_RANGE, tr("the %s is longer than 200 bytes"), what);
    return OK;
}

enum err proposal_add(struct head_office *o, const char *kind, const json_t *subject, uint32_t author, const char *reason,
                      int64_t now_s, int64_t *id, struct errmsg *why)
{
    const struct proposal_kind *k = proposal_find_kind(kind);
    assert(store_office_is_open(o->books->store));
    if (!k)
        return err_set(why, ERR_FORMAT, tr("nothing of this kind can be proposed"));
    enum err e = check_text(tr("reason"), reason, true, why);
    if (!e && k->check)
        e = k->check(o, subject, now_s, why);
    if (e)
        return e;
    char *text = json_dumps(subject, JSON_COMPACT | JSON_SORT_KEYS);
    if (!text)
        return err_set(why, ERR_FORMAT, "the subject is no JSON");
    struct query q = query_text_of(o->books->store, "INSERT INTO proposal (kind, subject, author, reason, created_s)"
                                                    " VALUES (?, ?, ?, ?, ?) RETURNING id");
    query_text(&q, kind);
    query_text(&q, text);
    query_int(&q, author);
    query_text(&q, reason);
    query_int(&q, now_s);
    if (query_row(&q))
        *id = query_get_int(&q);
    e = query_done(&q, why);
    free(text);
    return e;
}

enum err proposal_add_writer(struct head_office *o, int64_t id, uint32_t user, struct errmsg *why)
{
    struct query q =
        query_text_of(o->books->store, "INSERT OR IGNORE INTO proposal_writer (proposal, user) VALUES (?, ?)");
    query_int(&q, id);
    query_int(&q, user);
    return query_run(&q, why);
}

static enum err is_writer(struct books *b, int64_t id, uint32_t user, bool *out, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "SELECT 1 FROM proposal_writer WHERE proposal = ? AND user = ?");
    query_int(&q, id);
    query_int(&q, user);
    *out = query_row(&q);
    return query_done(&q, why);
}

static enum err set_state(struct books *b, int64_t id, enum proposal_state state, uint32_t user, const char *remark,
                          const char *result, int64_t now_s, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "UPDATE proposal SET state = ?, decided_by = ?, decided_s = ?, remark = ?,"
                                             " result = ? WHERE id = ?");
    query_text(&q, states[state]);
    query_int(&q, user);
    query_int(&q, now_s);
    query_text(&q, remark);
    query_text(&q, result);
    query_int(&q, id);
    return query_run(&q, why);
}

enum err proposal_decide(struct head_office *o, int64_t id, bool approve, uint32_t user, const char *remark, int64_t now_s,
                         struct errmsg *why)
{
    struct proposal p;
    char result[PROPOSAL_RESULT_SIZE] = "";
    bool wrote = false, done = true;
    assert(store_office_is_open(o->books->store));
    enum err e = proposal_get(o->books, id, &p, why);
    if (!e)
        e = check_text(tr("remark"), remark, !approve, why);
    if (!e && p.state != PROPOSAL_OPEN)
        e = err_set(why, ERR_STATE, tr("this was decided before: somebody was faster"));
    if (!e)
        e = is_writer(o->books, id, user, &wrote, why);
    if (!e && (p.author == user || wrote || user == 0))
        e = err_set(why, ERR_REFUSED, tr("nobody decides on what they wrote: ask a second person"));
    const struct proposal_kind *k = e ? NULL : proposal_find_kind(p.kind);
    if (!e && approve && !(k && k->carry_out))
        e = err_set(why, ERR_STATE, tr("this program cannot do what is proposed"));
    if (!e && approve)
        e = k->carry_out(o, &p, user, now_s, &done, result, why);
    if (!e)
        e = set_state(o->books, id, !approve ? PROPOSAL_REFUSED : done ? PROPOSAL_DONE : PROPOSAL_APPROVED, user,
                      remark, result, now_s, why);
    proposal_finish(&p);
    return e;
}

enum err proposal_withdraw(struct head_office *o, int64_t id, uint32_t user, int64_t now_s, struct errmsg *why)
{
    struct proposal p;
    enum err e = proposal_get(o->books, id, &p, why);
    if (!e && p.author != user)
        e = err_set(why, ERR_REFUSED, tr("only who proposed it takes it back"));
    if (!e && p.state != PROPOSAL_OPEN)
        e = err_set(why, ERR_STATE, tr("this was decided before: somebody was faster"));
    if (!e)
        e = set_state(o->books, id, PROPOSAL_WITHDRAWN, user, "", "", now_s, why);
    proposal_finish(&p);
    return e;
}

enum err proposal_done(struct books *b, int64_t id, const char *result, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "UPDATE proposal SET state = 'done', result = ?"
                                             " WHERE id = ? AND state = 'approved'");
    query_text(&q, result);
    query_int(&q, id);
    return query_run(&q, why);
}
