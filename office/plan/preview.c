/* preview.c - see preview.h.  One pass over the log for each worker: what is of its members is posted in a shadow as it
 * was; from the first entry on that the draft could change, in a second one too.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/plan/preview.h"
#include "base/date.h"
#include "base/tr.h"
#include "db/store_office.h"
#include "office/plan/shadow.h"
#include "sync/wire.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MONTHS_MAX = 600, TIERS_MAX = 24, TOP = 10, MOVERS_MAX = 500, PATH_SIZE = 640 };

/* ---- what a worker adds up; written as it is into its file ---- */

struct affected {
    member_id member;
    char tier_before[TXN_NAME_SIZE], tier_after[TXN_NAME_SIZE];
    int64_t before, after; /* points left, less what is owed */
    int64_t earned_before, earned_after;
    int64_t sales; /* that differ */
};

struct month {
    int64_t earned_before, earned_after; /* less what refunds took back */
};

struct sums {
    int64_t last_position;
    int64_t members, left_out, sales, refunds, differing, skipped;
    int64_t left_before, left_after, owed_before, owed_after;
    int64_t rise, fall;
    int tier_count;
    char tiers[TIERS_MAX][TXN_NAME_SIZE];
    int64_t matrix[TIERS_MAX][TIERS_MAX]; /* [before][after] */
    int32_t first_month;                  /* year * 12 + month - 1; of months[0] */
    struct month months[MONTHS_MAX];
    struct affected top[TOP]; /* most affected first; member 0 = none */
    int32_t mover_count;
    struct affected movers[MOVERS_MAX];
    struct errmsg why; /* of an error: not "" */
};

/* ---- tables that are read along with the log: rows in the order of positions ---- */

enum { TABLE_COLUMNS = 6 };
struct table {
    int64_t (*rows)[TABLE_COLUMNS];
    int32_t count, cap, next;
};

static enum err load_table(struct store_office *store, const char *sql, struct table *t, struct errmsg *why)
{
    enum err e = OK;
    struct query q = query_text_of(store, sql);
    while (!e && query_row(&q)) {
        if (t->count == t->cap) {
            t->cap = t->cap ? 2 * t->cap : 256;
            void *more = realloc(t->rows, (size_t)t->cap * sizeof *t->rows);
            if (!more) {
                e = err_set(why, ERR_IO, "out of memory");
                break;
            }
            t->rows = more;
        }
        int columns = query_column_count(&q);
        for (int i = 0; i < TABLE_COLUMNS; i++)
            t->rows[t->count][i] = i < columns ? query_get_int(&q) : 0;
        t->count++;
    }
    enum err ended = query_done(&q, why);
    return e ? e : ended;
}

/* The row of this position, NULL = none.  Positions are asked for in order. */
static const int64_t *row_at(struct table *t, int64_t position)
{
    while (t->next < t->count && t->rows[t->next][0] < position)
        t->next++;
    return t->next < t->count && t->rows[t->next][0] == position ? t->rows[t->next] : NULL;
}

/* ---- a worker ---- */

struct pair {
    member_id member, group;
};

struct part {
    const struct preview_wanted *wanted;
    struct pair *pairs; /* by member, each once */
    int32_t pair_count, pair_cap;
    int number, of;
    struct store_office *store;
    struct pack *packs;
    struct shadow_pack *shadow_packs;
    int32_t pack_count;
    struct shadow *before, *after; /* after NULL: the same still */
    struct table members, refunded, waited, gifts, desk, late, intents;
    struct sums *sums;
    struct affected *by_member; /* as the shadow's index */
    int32_t by_member_cap;
    FILE *entries, *tiers;
    struct txn t, original, refund;
    preview_progress_fn *progress;
    void *arg;
};

/* Members between whom points went have to be in the same part: each is counted as the first of its group. */
static member_id group_of(const struct part *p, member_id member)
{
    int32_t low = 0, high = p->pair_count;
    while (low < high) {
        int32_t middle = (low + high) / 2;
        if (p->pairs[middle].member < member)
            low = middle + 1;
        else
            high = middle;
    }
    return low < p->pair_count && p->pairs[low].member == member ? p->pairs[low].group : member;
}

static bool is_ours(const struct part *p, member_id member)
{
    return member && (int)(group_of(p, member) % (member_id)p->of) == p->number;
}

static int tier_index(struct sums *s, const char *code)
{
    int i = 0;
    while (i < s->tier_count && strcmp(s->tiers[i], code) != 0)
        i++;
    if (i == TIERS_MAX)
        return TIERS_MAX - 1;
    if (i == s->tier_count)
        snprintf(s->tiers[s->tier_count++], TXN_NAME_SIZE, "%s", code);
    return i;
}

static enum err load_packs(struct part *p, struct errmsg *why)
{
    enum err e = OK;
    int32_t cap = 0;
    struct query q = query_text_of(p->store, "SELECT json, after_position FROM pack ORDER BY version");
    while (!e && query_row(&q)) {
        if (p->pack_count == cap) {
            cap = cap ? 2 * cap : 8;
            struct pack *packs = realloc(p->packs, (size_t)cap * sizeof *packs);
            p->packs = packs ? packs : p->packs;
            struct shadow_pack *of = realloc(p->shadow_packs, (size_t)cap * sizeof *of);
            p->shadow_packs = of ? of : p->shadow_packs;
            if (!packs || !of) {
                e = err_set(why, ERR_IO, "out of memory");
                break;
            }
        }
        struct bytes json = query_get_blob(&q);
        e = pack_read(&p->packs[p->pack_count], (const char *)json.data, json.size, "pack", why);
        p->shadow_packs[p->pack_count].after_position = query_get_int(&q);
        p->pack_count += !e;
    }
    enum err ended = query_done(&q, why);
    for (int32_t i = 0; i < p->pack_count; i++)
        p->shadow_packs[i].pack = &p->packs[i];
    return e ? e : ended;
}

static const struct pack *pack_at_end(const struct part *p)
{
    const struct pack *found = NULL;
    for (int32_t i = 0; i < p->pack_count; i++)
        if (!found || p->packs[i].effective_day <= p->wanted->to_day)
            found = &p->packs[i];
    return found;
}

static bool add_pair(struct part *p, member_id member, member_id group)
{
    int32_t i = p->pair_count;
    if (group_of(p, member) != member || member == group)
        return true;
    if (p->pair_count == p->pair_cap) {
        p->pair_cap = p->pair_cap ? 2 * p->pair_cap : 64;
        struct pair *more = realloc(p->pairs, (size_t)p->pair_cap * sizeof *more);
        if (!more)
            return false;
        p->pairs = more;
    }
    for (; i > 0 && p->pairs[i - 1].member > member; i--)
        p->pairs[i] = p->pairs[i - 1];
    p->pairs[i] = (struct pair){member, group};
    p->pair_count++;
    return true;
}

static enum err load_pairs(struct part *p, struct errmsg *why)
{
    enum err e = OK;
    struct query q = query_text_of(p->store, "SELECT bytes FROM entry WHERE terminal = 0 AND kind IN (25, 27) ORDER BY seq");
    while (!e && query_row(&q)) {
        if ((e = wire_decode_txn(&p->t, query_get_blob(&q), why)))
            break;
        member_id one = group_of(p, p->t.member), other = group_of(p, p->t.other);
        if (one == other)
            continue;
        for (int32_t i = 0; i < p->pair_count; i++)
            if (p->pairs[i].group == other)
                p->pairs[i].group = one;
        if (!add_pair(p, other, one))
            e = err_set(why, ERR_IO, "out of memory");
    }
    enum err ended = query_done(&q, why);
    return e ? e : ended;
}

static enum err load_tables(struct part *p, struct errmsg *why)
{
    struct {
        struct table *table;
        const char *sql;
    } const all[] = {
        {&p->members, "SELECT position, member FROM member ORDER BY position"},
        {&p->refunded, "SELECT DISTINCT sale_position FROM refund ORDER BY 1"},
        {&p->waited, "SELECT sale_position, position FROM refund WHERE position < sale_position ORDER BY 1, 2"},
        {&p->gifts, "SELECT position, owner, coalesce(sum(points) OVER (PARTITION BY terminal, day ORDER BY position"
                    " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) FROM gift ORDER BY position"},
        {&p->desk, "SELECT position, owner FROM desk ORDER BY position"},
        {&p->late, "SELECT s.redeem_position, s.terminal, s.seq, s.owner, s.redeemed, i.time_s FROM sale s"
                   " JOIN intent i ON i.sale_position = s.position AND i.load = 0"
                   " WHERE s.redeemed > 0 AND s.redeem_position > s.position ORDER BY 1, s.position"},
        {&p->intents, "SELECT sale_position, time_s FROM intent WHERE sale_position > 0 AND load = 0 ORDER BY 1"},
    };
    enum err e = load_packs(p, why);
    if (!e)
        e = load_pairs(p, why);
    for (size_t i = 0; i < sizeof all / sizeof *all && !e; i++)
        e = load_table(p->store, all[i].sql, all[i].table, why);
    return e;
}

static enum err load_entry(struct part *p, const char *sql, int64_t first, int64_t second, struct txn *t,
                           int64_t *received_s, struct errmsg *why)
{
    enum err e = OK;
    struct query q = query_text_of(p->store, sql);
    query_int(&q, first);
    if (second >= 0)
        query_int(&q, second);
    if (query_row(&q)) {
        e = wire_decode_txn(t, query_get_blob(&q), why);
        *received_s = query_get_int(&q);
    } else {
        e = err_set(why, ERR_CORRUPT, "an entry that others speak of is not there");
    }
    enum err ended = query_done(&q, why);
    return e ? e : ended;
}

/* ---- adding up ---- */

static struct affected *affected_of(struct part *p, member_id member)
{
    int32_t i = shadow_find(p->before, member);
    if (i < 0)
        return NULL;
    if (i >= p->by_member_cap) {
        int32_t cap = p->by_member_cap ? p->by_member_cap : 1024;
        while (cap <= i)
            cap *= 2;
        struct affected *more = realloc(p->by_member, (size_t)cap * sizeof *more);
        if (!more)
            return NULL;
        memset(more + p->by_member_cap, 0, (size_t)(cap - p->by_member_cap) * sizeof *more);
        p->by_member = more;
        p->by_member_cap = cap;
    }
    return &p->by_member[i];
}

static void put_quoted(FILE *f, const char *text)
{
    putc_unlocked('"', f);
    if (*text && strchr("=+-@", *text)) /* a spreadsheet would take it for a formula */
        putc_unlocked('\'', f);
    for (const char *c = text; *c; c++) {
        if (*c == '"')
            putc_unlocked('"', f);
        putc_unlocked(*c, f);
    }
    putc_unlocked('"', f);
}

/* position,entry,kind,member,day,shop,total,points before,after,tier before,after,pack before,after,why before,after */
static void put_entry(struct part *p, const struct shadow_entry *e, const struct shadow_result *b,
                      const struct shadow_result *a)
{
    char id[ENTRY_TEXT_SIZE], day[DAY_TEXT_SIZE];
    entry_text(id, e->t->id);
    day_text(day, day_of_time(e->t->time_s));
    fprintf(p->entries, "%" PRId64 ",%s,%s,M%" PRIu64 ",%s,", e->position, id,
            e->t->kind == TXN_SALE ? "sale" : "refund", b->posted ? b->member : a->member, day);
    put_quoted(p->entries, e->t->shop);
    fprintf(p->entries, ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%s,%s,%" PRIu32 ",%" PRIu32 ",",
            money_minor(e->t->total), points_n(b->points), points_n(a->points), b->tier, a->tier, b->pack_version,
            a->pack_version);
    put_quoted(p->entries, b->why);
    putc_unlocked(',', p->entries);
    put_quoted(p->entries, a->why);
    putc_unlocked('\n', p->entries);
}

static void add_up(struct part *p, const struct shadow_entry *e, const struct shadow_result *b,
                   const struct shadow_result *a)
{
    struct date d = date_of_day(day_of_time(e->t->time_s));
    int32_t month = d.year * 12 + d.month - 1;
    struct sums *s = p->sums;
    member_id member = b->posted ? b->member : a->member;
    if (!b->posted && !a->posted)
        return;
    if (p->wanted->hooks)
        p->wanted->hooks->entry(e->t, b, a, p->wanted->hooks->arg);
    *(e->t->kind == TXN_SALE ? &s->sales : &s->refunds) += 1;
    if (s->first_month == 0)
        s->first_month = month > 120 ? month - 120 : 0; /* a clock that was wrong may have said an earlier one */
    int32_t i = month - s->first_month;
    if (i >= 0 && i < MONTHS_MAX) {
        s->months[i].earned_before += points_n(b->points);
        s->months[i].earned_after += points_n(a->points);
    }
    struct affected *of = affected_of(p, member);
    if (of) {
        of->earned_before += points_n(b->points);
        of->earned_after += points_n(a->points);
        of->sales += points_cmp(a->points, b->points) != 0;
    }
    if (points_cmp(a->points, b->points) == 0)
        return;
    s->differing++;
    put_entry(p, e, b, a);
}

/* ---- one pass ---- */

static enum err post(struct part *p, struct shadow_entry *e)
{
    struct shadow_result b, a;
    shadow_post(p->before, e, &b);
    if (p->after)
        shadow_post(p->after, e, &a);
    else
        a = b;
    add_up(p, e, &b, &a);
    return OK;
}

static enum err post_refund(struct part *p, struct shadow_entry *e, struct errmsg *why)
{
    int64_t received_s = 0;
    if (!shadow_keeps(p->before, e->t->original))
        return OK;
    enum err bad = load_entry(p, "SELECT bytes, received_s FROM entry WHERE terminal = ? AND seq = ?",
                              e->t->original.terminal, e->t->original.seq, &p->original, &received_s, why);
    if (bad)
        return bad;
    e->original = &p->original;
    return p->original.kind == TXN_SALE ? post(p, e) : OK;
}

/* Refunds that had come before the sale that was posted just now. */
static enum err post_waited(struct part *p, int64_t sale, struct errmsg *why)
{
    enum err e = OK;
    while (!e && p->waited.next < p->waited.count && p->waited.rows[p->waited.next][0] <= sale) {
        int64_t of = p->waited.rows[p->waited.next][0], position = p->waited.rows[p->waited.next++][1];
        struct shadow_entry entry = {.t = &p->refund, .position = position};
        if (of != sale)
            continue;
        e = load_entry(p, "SELECT bytes, received_s FROM entry WHERE position = ?", position, -1, &p->refund,
                       &entry.received_s, why);
        if (!e && day_of_time(p->refund.time_s) <= p->wanted->to_day)
            e = post_refund(p, &entry, why);
    }
    return e;
}

/* Redemptions that were proved by the entry at this position. */
static void post_late(struct part *p, int64_t position)
{
    while (p->late.next < p->late.count && p->late.rows[p->late.next][0] <= position) {
        const int64_t *r = p->late.rows[p->late.next++];
        struct entry_id sale = {(uint32_t)r[1], (uint32_t)r[2]};
        if (!is_ours(p, (member_id)r[3]))
            continue;
        shadow_redeem(p->before, sale, (member_id)r[3], points_of(r[4]), r[5]);
        if (p->after)
            shadow_redeem(p->after, sale, (member_id)r[3], points_of(r[4]), r[5]);
    }
}

/* The draft counts from here on: a second shadow goes its own way. */
static enum err part_ways(struct part *p, int32_t day, struct errmsg *why)
{
    struct shadow_rules rules = {p->shadow_packs, p->pack_count, p->wanted->draft, p->wanted->from_day};
    if (p->after || day < p->wanted->from_day)
        return OK;
    p->after = shadow_copy(p->before, &rules);
    return p->after ? OK : err_set(why, ERR_IO, "out of memory");
}

struct log_row {
    int64_t position, time_s, received_s, redeemed, redeem_position;
    enum txn_kind kind;
    member_id member;
    struct bytes bytes;
};

static enum err post_row(struct part *p, const struct log_row *r, struct errmsg *why)
{
    int32_t day = day_of_time(r->time_s);
    struct shadow_entry entry = {.t = &p->t, .position = r->position, .received_s = r->received_s, .member = r->member};
    enum err e = OK;
    post_late(p, r->position);
    if (day > p->wanted->to_day) {
        p->sums->skipped++;
        return OK;
    }
    if (r->kind == TXN_MEMBER || r->kind == TXN_JOIN) {
        const int64_t *row = row_at(&p->members, r->position);
        entry.member = row ? (member_id)row[1] : 0;
    } else if (r->kind == TXN_GRANT) {
        const int64_t *row = row_at(&p->gifts, r->position);
        entry.member = row ? (member_id)row[1] : 0;
        entry.given = points_of(row ? row[2] : 0);
    }
    if (r->kind == TXN_REDEEM) {
        const int64_t *row = row_at(&p->desk, r->position);
        entry.member = row ? (member_id)row[1] : 0;
    }
    bool wanted = r->kind == TXN_SALE || r->kind == TXN_REDEEM || r->kind == TXN_MEMBER || r->kind == TXN_JOIN ? is_ours(p, entry.member)
                  : r->kind == TXN_GRANT ? entry.member == 0 || is_ours(p, entry.member)
                                         : r->kind == TXN_REFUND || r->kind == TXN_ADJUST || r->kind == TXN_RUN || r->kind == TXN_EXTEND ||
                                               r->kind == TXN_TIER || r->kind == TXN_OPENING ||
                                               r->kind == TXN_RETURN || r->kind == TXN_MERGE || r->kind == TXN_TRANSFER;
    if (!wanted)
        return OK;
    if ((e = wire_decode_txn(&p->t, r->bytes, why)))
        return err_add(why, ERR_CORRUPT, "entry at %" PRId64, r->position);
    if (r->kind == TXN_RUN && p->t.day > p->wanted->to_day) {
        p->sums->skipped++;
        return OK;
    }
    if ((e = part_ways(p, r->kind == TXN_RUN ? p->t.day : day, why)))
        return e;
    if (r->kind == TXN_RUN) {
        shadow_run(p->before, p->t.day, r->position);
        if (p->after)
            shadow_run(p->after, p->t.day, r->position);
        return OK;
    }
    if (r->kind == TXN_REFUND)
        return post_refund(p, &entry, why);
    if (r->kind == TXN_MERGE || r->kind == TXN_TRANSFER)
        return is_ours(p, p->t.member) ? post(p, &entry) : OK;
    if (r->kind == TXN_ADJUST || r->kind == TXN_EXTEND || r->kind == TXN_TIER || r->kind == TXN_OPENING) {
        entry.member = p->t.member;
        return is_ours(p, entry.member) ? post(p, &entry) : OK;
    }
    if (r->kind == TXN_SALE) {
        const int64_t *intent = row_at(&p->intents, r->position);
        entry.keep = row_at(&p->refunded, r->position) != NULL;
        entry.redeemed = r->redeemed > 0 && r->redeem_position == r->position;
        entry.redeemed_s = intent ? intent[1] : r->time_s;
        entry.keep |= r->redeemed > 0 && r->redeem_position > r->position;
    }
    e = post(p, &entry);
    return !e && r->kind == TXN_SALE ? post_waited(p, r->position, why) : e;
}

static enum err pass(struct part *p, struct errmsg *why)
{
    enum err e = OK;
    int64_t last = 0, count = 0;
    struct query q = query_text_of(p->store, "SELECT coalesce(max(position), 0) FROM entry");
    if (query_row(&q))
        last = query_get_int(&q);
    if ((e = query_done(&q, why)))
        return e;
    p->sums->last_position = last;
    q = query_text_of(p->store, "SELECT e.position, e.kind, e.time_s, e.received_s, e.bytes, s.owner, s.redeemed,"
                                " s.redeem_position FROM entry e LEFT JOIN sale s ON s.position = e.position"
                                " ORDER BY e.position");
    while (!e && query_row(&q)) {
        struct log_row r = {.position = query_get_int(&q)};
        r.kind = (enum txn_kind)query_get_int(&q);
        r.time_s = query_get_int(&q);
        r.received_s = query_get_int(&q);
        r.bytes = query_get_blob(&q);
        r.member = (member_id)query_get_int(&q);
        r.redeemed = query_get_int(&q);
        r.redeem_position = query_get_int(&q);
        e = post_row(p, &r, why);
        if (++count % 8192 == 0 && !e && p->progress && !p->progress((int)(count * 990 / (last + 1)), p->arg))
            e = err_set(why, ERR_STATE, tr("it was ended"));
    }
    enum err ended = query_done(&q, why);
    return e ? e : ended;
}

/* ---- what came of it ---- */

static bool more_affected(const struct affected *a, const struct affected *b)
{
    int64_t x = llabs(a->after - a->before), y = llabs(b->after - b->before);
    if (x != y)
        return x > y;
    bool moved = strcmp(a->tier_before, a->tier_after) != 0;
    if (moved != (strcmp(b->tier_before, b->tier_after) != 0))
        return moved;
    return b->member == 0 || a->member < b->member;
}

static void keep_top(struct affected top[TOP], const struct affected *a)
{
    int i = TOP;
    bool nothing = a->after == a->before && strcmp(a->tier_before, a->tier_after) == 0;
    while (i > 0 && !nothing && (top[i - 1].member == 0 || more_affected(a, &top[i - 1])))
        i--;
    if (i == TOP || nothing)
        return;
    memmove(&top[i + 1], &top[i], (size_t)(TOP - 1 - i) * sizeof *top);
    top[i] = *a;
}

/* Which is the higher one?  By the draft's order; one that it does not have by the order of the rules before. */
static int rank_of(const struct pack *pack, const char *tier)
{
    for (int i = 0; pack && i < pack->tier_count; i++)
        if (strcmp(pack->tiers[i].code, tier) == 0)
            return i;
    return 0;
}

/* How the books themselves say that somebody stands, one after the other. */
struct real_books {
    struct query members, lots;
    bool lot;
    member_id lot_member;
};

static void next_lot(struct real_books *r)
{
    r->lot = query_row(&r->lots);
    if (r->lot)
        r->lot_member = (member_id)query_get_int(&r->lots);
}

/* Is the shadow of what was the same as the books?  Reads on to this member's lots. */
static bool is_same(struct part *p, struct real_books *r, member_id member, const char *tier, int64_t short_since,
                    int64_t owed)
{
    struct shadow_state s;
    bool same = true;
    int32_t i = shadow_find(p->before, member), k = 0;
    if (i >= 0)
        shadow_get(p->before, i, &s);
    while (r->lot && r->lot_member < member)
        next_lot(r);
    for (; r->lot && r->lot_member == member; next_lot(r)) {
        int64_t day = query_get_int(&r->lots), left = query_get_int(&r->lots), expired = query_get_int(&r->lots);
        while (i >= 0 && k < s.lot_count && points_n(s.lots[k].left) == 0 && points_n(s.lots[k].expired) == 0)
            k++;
        same &= i >= 0 && k < s.lot_count && s.lots[k].expires_day == day && points_n(s.lots[k].left) == left &&
                points_n(s.lots[k].expired) == expired;
        k++;
    }
    return same && i >= 0 && strcmp(s.tier, tier) == 0 && points_n(s.owed) == owed &&
           (int64_t)s.short_since_day == short_since;
}

static void compare_member(struct part *p, member_id member, bool same)
{
    struct sums *sums = p->sums;
    struct shadow_state b, a;
    struct affected *of = affected_of(p, member);
    int32_t i = shadow_find(p->before, member);
    sums->members++;
    if (!of || !same) {
        sums->left_out++;
        return;
    }
    shadow_get(p->before, i, &b);
    shadow_get(p->after ? p->after : p->before, i, &a);
    if (p->wanted->hooks)
        p->wanted->hooks->member(&b, &a, p->wanted->hooks->arg);
    of->member = member;
    memcpy(of->tier_before, b.tier, strnlen(b.tier, TXN_NAME_SIZE - 1) + 1);
    memcpy(of->tier_after, a.tier, strnlen(a.tier, TXN_NAME_SIZE - 1) + 1);
    of->before = points_n(b.left) - points_n(b.owed);
    of->after = points_n(a.left) - points_n(a.owed);
    sums->left_before += points_n(b.left);
    sums->left_after += points_n(a.left);
    sums->owed_before += points_n(b.owed);
    sums->owed_after += points_n(a.owed);
    sums->matrix[tier_index(sums, b.tier)][tier_index(sums, a.tier)]++;
    keep_top(sums->top, of);
    if (strcmp(b.tier, a.tier) == 0)
        return;
    const struct pack *order = p->wanted->draft;
    int up = rank_of(order, a.tier) - rank_of(order, b.tier);
    *(up >= 0 ? &sums->rise : &sums->fall) += 1;
    if (sums->mover_count < MOVERS_MAX)
        sums->movers[sums->mover_count++] = *of;
    fprintf(p->tiers, "M%" PRIu64 ",%s,%s,%s,%" PRId64 ",%" PRId64 "\n", member, b.tier, a.tier,
            up >= 0 ? "rises" : "falls", of->before, of->after);
}

static enum err compare(struct part *p, struct errmsg *why)
{
    struct real_books r = {.members = query_text_of(p->store, "SELECT member, tier, short_since_day, owed FROM member"
                                                              " ORDER BY member"),
                           .lots = query_text_of(p->store, "SELECT member, expires_day, left, expired FROM lot WHERE"
                                                           " left > 0 OR expired > 0 ORDER BY member, expires_day")};
    /* What was left out can only be compared where nothing was. */
    bool whole = p->sums->skipped == 0;
    next_lot(&r);
    while (query_row(&r.members)) {
        char tier[TXN_NAME_SIZE];
        member_id member = (member_id)query_get_int(&r.members);
        query_get_text(&r.members, tier, sizeof tier);
        int64_t short_since = query_get_int(&r.members), owed = query_get_int(&r.members);
        if (!is_ours(p, member) || (!whole && shadow_find(p->before, member) < 0))
            continue;
        compare_member(p, member, !whole || is_same(p, &r, member, tier, short_since, owed));
    }
    enum err e = query_done(&r.members, why), f = query_done(&r.lots, why);
    return e ? e : f;
}

static void out_path(char out[PATH_SIZE], const struct preview_wanted *wanted, const char *name, int number)
{
    if (number < 0)
        snprintf(out, PATH_SIZE, "%s/%s", wanted->dir, name);
    else
        snprintf(out, PATH_SIZE, "%s/%s.%d", wanted->dir, name, number);
}

static FILE *open_out(const struct preview_wanted *wanted, const char *name, int number, struct errmsg *why)
{
    char path[PATH_SIZE];
    out_path(path, wanted, name, number);
    FILE *f = fopen(path, "w");
    if (!f)
        (void)err_set(why, ERR_IO, "%s: %s", path, strerror(errno));
    else
        setvbuf(f, NULL, _IOFBF, 1 << 18);
    return f;
}

static enum err close_out(FILE *f, enum err e, struct errmsg *why)
{
    bool bad = f && ferror(f);
    if (f && fclose(f))
        bad = true;
    return !e && bad ? err_set(why, ERR_IO, tr("the result could not be written: is the disk full?")) : e;
}

static enum err run_part(const struct preview_wanted *wanted, int number, int of, preview_progress_fn *progress,
                         void *arg, struct sums *sums, struct errmsg *why)
{
    struct part *p = calloc(1, sizeof *p);
    memset(sums, 0, sizeof *sums);
    if (!p)
        return err_set(why, ERR_IO, "out of memory");
    p->wanted = wanted;
    p->number = number;
    p->of = of;
    p->sums = sums;
    p->progress = progress;
    p->arg = arg;
    enum err e = store_office_open_snapshot(&p->store, wanted->books, why);
    if (!e)
        e = load_tables(p, why);
    struct shadow_rules rules = {p->shadow_packs, p->pack_count, NULL, 0};
    if (!e && (!(p->entries = open_out(wanted, "entries", number, why)) ||
               !(p->tiers = open_out(wanted, "tiers", number, why))))
        e = ERR_IO;
    if (!e && !(p->before = shadow_create(&rules)))
        e = err_set(why, ERR_IO, "out of memory");
    const struct pack *now = e ? NULL : pack_at_end(p);
    for (int i = 0; now && i < now->tier_count; i++)
        (void)tier_index(sums, now->tiers[i].code);
    for (int i = 0; i < wanted->draft->tier_count; i++)
        (void)tier_index(sums, wanted->draft->tiers[i].code);
    if (!e)
        e = pass(p, why);
    if (!e)
        e = compare(p, why);
    if (!e && (!shadow_is_whole(p->before) || (p->after && !shadow_is_whole(p->after))))
        e = err_set(why, ERR_IO, "out of memory");
    e = close_out(p->entries, e, why);
    e = close_out(p->tiers, e, why);
    shadow_free(p->before);
    shadow_free(p->after);
    store_office_close(p->store);
    struct table *all[] = {&p->members, &p->refunded, &p->waited, &p->gifts, &p->desk, &p->late, &p->intents};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]->rows);
    free(p->packs);
    free(p->pairs);
    free(p->shadow_packs);
    free(p->by_member);
    free(p);
    return e;
}

/* ---- workers ---- */

struct worker {
    pid_t pid;
    int pipe; /* a byte for each hundredth or so, then the sums */
    int done; /* thousandths */
    size_t got;
    struct sums sums;
};

struct to_parent {
    int fd, last;
};

static bool tell(int thousandths, void *arg)
{
    struct to_parent *to = arg;
    uint8_t step = (uint8_t)(thousandths / 10);
    if (step == to->last)
        return true;
    to->last = step;
    return write(to->fd, &step, 1) == 1;
}

enum { SUMS_FOLLOW = 255 };

static void work(const struct preview_wanted *wanted, int number, int fd)
{
    static struct sums sums;
    struct errmsg why = {""};
    struct to_parent to = {fd, -1};
    uint8_t follow = SUMS_FOLLOW;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (run_part(wanted, number, wanted->workers, tell, &to, &sums, &why))
        sums.why = why;
    bool ok = write(fd, &follow, 1) == 1;
    for (size_t sent = 0; ok && sent < sizeof sums;) {
        ssize_t n = write(fd, (const char *)&sums + sent, sizeof sums - sent);
        ok = n > 0;
        sent += ok ? (size_t)n : 0;
    }
    _exit(ok ? 0 : 1);
}

static enum err start_worker(const struct preview_wanted *wanted, int number, struct worker *w, struct errmsg *why)
{
    int ends[2];
    if (pipe(ends))
        return err_set(why, ERR_IO, "pipe: %s", strerror(errno));
    fflush(NULL);
    w->pid = fork();
    if (w->pid == 0) {
        close(ends[0]);
        work(wanted, number, ends[1]);
    }
    close(ends[1]);
    w->pipe = ends[0];
    return w->pid < 0 ? err_set(why, ERR_IO, "fork: %s", strerror(errno)) : OK;
}

/* False: it has said all it will. */
static bool hear(struct worker *w)
{
    uint8_t bytes[4096];
    if (w->done == 1000) {
        ssize_t n = read(w->pipe, (char *)&w->sums + w->got, sizeof w->sums - w->got);
        w->got += n > 0 ? (size_t)n : 0;
        return n > 0;
    }
    ssize_t n = read(w->pipe, bytes, 1);
    if (n <= 0)
        return false;
    w->done = bytes[0] == SUMS_FOLLOW ? 1000 : bytes[0] * 10;
    return true;
}

static enum err hear_all(struct worker *workers, int count, preview_progress_fn *progress, void *arg,
                         struct errmsg *why)
{
    for (;;) {
        struct pollfd fds[PREVIEW_WORKERS_MAX];
        int open = 0, done = 0;
        for (int i = 0; i < count; i++) {
            fds[i] = (struct pollfd){workers[i].pipe, POLLIN, 0};
            open += workers[i].pipe >= 0;
            done += workers[i].done;
        }
        if (open == 0)
            return OK;
        if (progress && !progress(done / count * 97 / 100, arg))
            return err_set(why, ERR_STATE, tr("it was ended"));
        if (poll(fds, (nfds_t)count, 500) < 0 && errno != EINTR)
            return err_set(why, ERR_IO, "poll: %s", strerror(errno));
        for (int i = 0; i < count; i++)
            if (fds[i].revents && !hear(&workers[i])) {
                close(workers[i].pipe);
                workers[i].pipe = -1;
            }
    }
}

static enum err run_workers(const struct preview_wanted *wanted, struct worker *workers, preview_progress_fn *progress,
                            void *arg, struct errmsg *why)
{
    enum err e = OK;
    for (int i = 0; i < wanted->workers; i++)
        workers[i].pipe = -1;
    for (int i = 0; i < wanted->workers && !e; i++)
        e = start_worker(wanted, i, &workers[i], why);
    if (!e)
        e = hear_all(workers, wanted->workers, progress, arg, why);
    for (int i = 0; i < wanted->workers; i++) {
        struct worker *w = &workers[i];
        if (w->pipe >= 0)
            close(w->pipe);
        if (w->pid > 0 && e)
            kill(w->pid, SIGKILL);
        if (w->pid > 0)
            (void)waitpid(w->pid, NULL, 0);
        if (!e && w->got != sizeof w->sums)
            e = err_set(why, ERR_IO, tr("a part of the preview ended before it was done"));
        if (!e && w->sums.why.text[0])
            e = err_set(why, ERR_IO, "%s", w->sums.why.text);
    }
    return e;
}

/* ---- together ---- */

static void merge_sums(struct sums *to, const struct sums *from)
{
    to->members += from->members;
    to->left_out += from->left_out;
    to->sales += from->sales;
    to->refunds += from->refunds;
    to->differing += from->differing;
    to->left_before += from->left_before;
    to->left_after += from->left_after;
    to->owed_before += from->owed_before;
    to->owed_after += from->owed_after;
    to->rise += from->rise;
    to->fall += from->fall;
    for (int i = 0; i < from->tier_count; i++)
        for (int k = 0; k < from->tier_count; k++)
            to->matrix[tier_index(to, from->tiers[i])][tier_index(to, from->tiers[k])] += from->matrix[i][k];
    if (from->first_month && (!to->first_month || from->first_month < to->first_month)) {
        int32_t by = to->first_month ? to->first_month - from->first_month : 0;
        for (int32_t i = MONTHS_MAX; i-- > 0;)
            to->months[i] = i >= by ? to->months[i - by] : (struct month){0, 0};
        to->first_month = from->first_month;
    }
    for (int32_t i = 0; i < MONTHS_MAX; i++) {
        int32_t at = from->first_month + i - to->first_month;
        if (at < 0 || at >= MONTHS_MAX)
            continue;
        to->months[at].earned_before += from->months[i].earned_before;
        to->months[at].earned_after += from->months[i].earned_after;
    }
    for (int i = 0; i < TOP && from->top[i].member; i++)
        keep_top(to->top, &from->top[i]);
    for (int32_t i = 0; i < from->mover_count && to->mover_count < MOVERS_MAX; i++)
        to->movers[to->mover_count++] = from->movers[i];
}

/* Lines of the parts that begin with a number, in the order of these numbers. */
static enum err merge_files(const struct preview_wanted *wanted, const char *part, const char *name,
                            const char *header, struct errmsg *why)
{
    int count = wanted->workers ? wanted->workers : 1;
    FILE *in[PREVIEW_WORKERS_MAX] = {NULL};
    char *line[PREVIEW_WORKERS_MAX] = {NULL};
    size_t size[PREVIEW_WORKERS_MAX] = {0};
    bool has[PREVIEW_WORKERS_MAX] = {false};
    char path[PATH_SIZE];
    enum err e = OK;
    FILE *out = open_out(wanted, name, -1, why);
    if (!out)
        return ERR_IO;
    fputs(header, out);
    for (int i = 0; i < count; i++) {
        out_path(path, wanted, part, i);
        in[i] = fopen(path, "r");
        if (!in[i])
            e = err_set(why, ERR_IO, "%s: %s", path, strerror(errno));
        has[i] = in[i] && getline(&line[i], &size[i], in[i]) > 0;
    }
    for (;;) {
        int first = -1;
        for (int i = 0; i < count; i++)
            if (has[i] && (first < 0 || strtoll(line[i] + (*line[i] == 'M'), NULL, 10) <
                                            strtoll(line[first] + (*line[first] == 'M'), NULL, 10)))
                first = i;
        if (first < 0)
            break;
        fputs(line[first], out);
        has[first] = getline(&line[first], &size[first], in[first]) > 0;
    }
    for (int i = 0; i < count; i++) {
        free(line[i]);
        if (in[i])
            fclose(in[i]);
        out_path(path, wanted, part, i);
        (void)unlink(path);
    }
    return close_out(out, e, why);
}

static json_t *both(int64_t before, int64_t after)
{
    return json_pack("{s:I, s:I}", "before", (json_int_t)before, "after", (json_int_t)after);
}

static json_t *affected_json(const struct affected *a)
{
    char member[24];
    snprintf(member, sizeof member, "M%" PRIu64, a->member);
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "member", member, "tier_before", a->tier_before,
                     "tier_after", a->tier_after, "points_before", (json_int_t)a->before, "points_after",
                     (json_int_t)a->after, "earned_before", (json_int_t)a->earned_before, "earned_after",
                     (json_int_t)a->earned_after, "sales", (json_int_t)a->sales);
}

static json_t *months_json(const struct sums *s, const struct pack *now, const struct pack *draft)
{
    json_t *list = json_array();
    int32_t first = 0, last = MONTHS_MAX - 1;
    while (first < MONTHS_MAX && s->months[first].earned_before == 0 && s->months[first].earned_after == 0)
        first++;
    while (last >= first && s->months[last].earned_before == 0 && s->months[last].earned_after == 0)
        last--;
    for (int32_t i = first; i <= last; i++) {
        const struct month *m = &s->months[i];
        int32_t month = s->first_month + i;
        char name[16];
        snprintf(name, sizeof name, "%04d-%02d", (int)(month / 12), (int)(month % 12 + 1));
        json_array_append_new(
            list, json_pack("{s:s, s:I, s:I, s:I, s:I}", "month", name, "points_before", (json_int_t)m->earned_before,
                            "points_after", (json_int_t)m->earned_after, "cost_before",
                            (json_int_t)money_minor(rules_worth(now, points_of(m->earned_before))), "cost_after",
                            (json_int_t)money_minor(rules_worth(draft, points_of(m->earned_after)))));
    }
    return list;
}

static json_t *tiers_json(const struct sums *s, const struct pack *now, const struct pack *draft)
{
    json_t *list = json_array();
    for (int i = 0; i < s->tier_count; i++) {
        const struct pack_tier *t = pack_find_tier(draft, s->tiers[i]);
        t = t ? t : pack_find_tier(now, s->tiers[i]);
        json_t *row = json_array();
        for (int k = 0; k < s->tier_count; k++)
            json_array_append_new(row, json_integer(s->matrix[i][k]));
        json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "code", s->tiers[i], "name",
                                              t ? t->name : s->tiers[i], "to", row));
    }
    return list;
}

static json_t *result_json(const struct preview_wanted *wanted, const struct sums *s, const struct pack *now)
{
    char from[DAY_TEXT_SIZE], to[DAY_TEXT_SIZE];
    const struct pack *draft = wanted->draft;
    day_text(from, wanted->from_day);
    day_text(to, wanted->to_day);
    json_t *top = json_array(), *movers = json_array();
    for (int i = 0; i < TOP && s->top[i].member; i++)
        json_array_append_new(top, affected_json(&s->top[i]));
    for (int32_t i = 0; i < s->mover_count; i++)
        json_array_append_new(movers, affected_json(&s->movers[i]));
    return json_pack("{s:s, s:s, s:s, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
                     "from", from, "to", to, "currency", draft->currency, "currency_digits",
                     (int)draft->currency_digits, "members", (json_int_t)s->members, "left_out",
                     (json_int_t)s->left_out, "sales", (json_int_t)s->sales, "refunds", (json_int_t)s->refunds,
                     "differing", (json_int_t)s->differing, "rise", (json_int_t)s->rise, "fall", (json_int_t)s->fall,
                     "tiers", tiers_json(s, now, draft), "outstanding", both(s->left_before, s->left_after), "owed",
                     both(s->owed_before, s->owed_after), "liability",
                     both(money_minor(rules_worth(now, points_of(s->left_before))),
                          money_minor(rules_worth(draft, points_of(s->left_after)))),
                     "months", months_json(s, now, draft), "top", top, "movers", movers);
}

/* The pack in force on the last day, for what points are worth as it is. */
static enum err load_now(const struct preview_wanted *wanted, struct pack *out, struct errmsg *why)
{
    struct part *p = calloc(1, sizeof *p);
    if (!p)
        return err_set(why, ERR_IO, "out of memory");
    p->wanted = wanted;
    enum err e = store_office_open_snapshot(&p->store, wanted->books, why);
    if (!e)
        e = load_packs(p, why);
    const struct pack *now = e ? NULL : pack_at_end(p);
    if (!e && !now)
        e = err_set(why, ERR_STATE, tr("there are no rules yet"));
    if (!e)
        *out = *now;
    store_office_close(p->store);
    free(p->packs);
    free(p->shadow_packs);
    free(p);
    return e;
}

static const char ENTRIES_HEADER[] = "position,entry,kind,member,day,shop,total,points_before,points_after,tier_before,"
                                     "tier_after,rules_before,rules_after,why_before,why_after\n";
static const char TIERS_HEADER[] = "member,tier_before,tier_after,direction,points_before,points_after\n";

enum err preview_run(const struct preview_wanted *wanted, preview_progress_fn *progress, void *arg, json_t **out,
                     struct errmsg *why)
{
    int count = wanted->workers;
    struct worker *workers = calloc((size_t)count + 1, sizeof *workers);
    struct sums *sums = calloc(1, sizeof *sums);
    struct pack *now = calloc(1, sizeof *now);
    enum err e = workers && sums && now ? OK : err_set(why, ERR_IO, "out of memory");
    if (!e && count == 0)
        e = run_part(wanted, 0, 1, progress, arg, sums, why);
    else if (!e)
        e = run_workers(wanted, workers, progress, arg, why);
    for (int i = 0; i < count && !e; i++)
        merge_sums(sums, &workers[i].sums);
    if (!e)
        e = merge_files(wanted, "entries", "entries.csv", ENTRIES_HEADER, why);
    if (!e)
        e = merge_files(wanted, "tiers", "tiers.csv", TIERS_HEADER, why);
    if (!e)
        e = load_now(wanted, now, why);
    if (!e)
        *out = result_json(wanted, sums, now);
    free(workers);
    free(sums);
    free(now);
    return e;
}
