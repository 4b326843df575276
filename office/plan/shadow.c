/* shadow.c - see shadow.h.  What books_facts.c reads from tables is read from arrays here, what books_post.c writes is
 * written to them; between the two stands the same ledger_post.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/plan/shadow.h"
#include "base/date.h"
#include "office/ledger/ledger_merge.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { TIER_NAMES_MAX = 64 };

/* What counted on a day; and what was earned on it, refunded or not, for the cap of a day. */
struct day_sum {
    int32_t day, bills, sales;
    int64_t spend, points, earned;
};

/* A lot that was given a later end, by hand or by a purchase. */
struct end_move {
    int32_t from_day, to_day;
};

/* A stamp card. */
struct stamp {
    char name[TXN_NAME_SIZE];
    int64_t collected, given;
};

struct shadow_member {
    member_id id, merged_into; /* 0 = it is one */
    char tier[TXN_NAME_SIZE], hand_tier[TXN_NAME_SIZE];
    int32_t hand_until_day;
    uint64_t tiers_ever; /* bit: index into names */
    int32_t short_since_day, last_day, enrolled_day;
    int32_t next_end; /* no lot with points ends before */
    /* The last run changed nothing, and no later one will while the window of the tier begins no later than
     * window_first (windows of a year: exactly on window_start). */
    bool settled;
    int32_t window_start, window_first;
    struct points owed;
    struct lot *lots; /* by day; those before dead have nothing left */
    int32_t lot_count, lot_cap, dead;
    struct day_sum *days;
    int32_t day_count, day_cap;
    struct end_move *ends;
    int32_t end_count, end_cap;
    struct stamp *stamps;
    int32_t stamp_count, stamp_cap;
};

/* A sale of which something will come back, or a gift. */
struct kept {
    struct entry_id id;
    member_id member; /* 0 = the place is free */
    int64_t position;
    int32_t lot_day, line_count, taken_count;
    char tier[TXN_NAME_SIZE];
    uint32_t pack_version;
    bool draft;
    struct points earned, redeemed, redeemed_back, uncovered, taken_back;
    struct ledger_before had;
    struct money counted, counted_back, given;
    int32_t *left;          /* line_count */
    struct lot_move *taken; /* by its redemption */
};

struct shadow {
    struct shadow_rules rules;
    bool whole;
    struct shadow_member *members;
    int32_t count, cap;
    int32_t *index; /* by id: open addresses, -1 = free */
    int32_t index_cap;
    struct kept *kept; /* by id: open addresses */
    int32_t kept_count, kept_cap;
    char names[TIER_NAMES_MAX][TXN_NAME_SIZE];
    int32_t name_count;
    int32_t run_day;
    const struct pack *run_pack; /* of the last run */

    struct ledger_facts facts;
    struct ledger_effects effects;
    struct lot lots[LOTS_MAX];
    struct ledger_moving moving;
    struct txn settle;
};

/* ---- memory ---- */

static bool grow(struct shadow *s, void *array, int32_t *cap, int32_t need, size_t size)
{
    void **at = array;
    if (need <= *cap)
        return true;
    int32_t more = *cap ? *cap + *cap / 2 : 4;
    if (more < need)
        more = need;
    void *bigger = realloc(*at, (size_t)more * size);
    if (!bigger) {
        s->whole = false;
        return false;
    }
    *at = bigger;
    *cap = more;
    return true;
}

static void *copy_of(const void *from, int32_t count, size_t size, bool *whole)
{
    if (count == 0)
        return NULL;
    void *to = malloc((size_t)count * size);
    if (to)
        memcpy(to, from, (size_t)count * size);
    else
        *whole = false;
    return to;
}

struct shadow *shadow_create(const struct shadow_rules *rules)
{
    struct shadow *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->rules = *rules;
    s->whole = true;
    s->run_day = INT32_MIN;
    return s;
}

struct shadow *shadow_copy(const struct shadow *from, const struct shadow_rules *rules)
{
    struct shadow *s = shadow_create(rules);
    if (!s)
        return NULL;
    bool whole = from->whole;
    s->count = s->cap = from->count;
    s->index_cap = from->index_cap;
    s->kept_count = from->kept_count;
    s->kept_cap = from->kept_cap;
    s->run_day = from->run_day;
    s->run_pack = from->run_pack;
    s->name_count = from->name_count;
    memcpy(s->names, from->names, sizeof s->names);
    s->members = copy_of(from->members, s->count, sizeof *s->members, &whole);
    s->index = copy_of(from->index, s->index_cap, sizeof *s->index, &whole);
    s->kept = copy_of(from->kept, s->kept_cap, sizeof *s->kept, &whole);
    for (int32_t i = 0; i < s->count && s->members; i++) {
        struct shadow_member *m = &s->members[i];
        m->lots = copy_of(m->lots, m->lot_cap = m->lot_count, sizeof *m->lots, &whole);
        m->days = copy_of(m->days, m->day_cap = m->day_count, sizeof *m->days, &whole);
        m->ends = copy_of(m->ends, m->end_cap = m->end_count, sizeof *m->ends, &whole);
        m->stamps = copy_of(m->stamps, m->stamp_cap = m->stamp_count, sizeof *m->stamps, &whole);
    }
    for (int32_t i = 0; i < s->kept_cap && s->kept; i++) {
        struct kept *k = &s->kept[i];
        k->left = copy_of(k->left, k->line_count, sizeof *k->left, &whole);
        k->taken = copy_of(k->taken, k->taken_count, sizeof *k->taken, &whole);
    }
    s->whole = whole;
    return s;
}

void shadow_free(struct shadow *s)
{
    if (!s)
        return;
    for (int32_t i = 0; i < s->count && s->members; i++) {
        free(s->members[i].lots);
        free(s->members[i].days);
        free(s->members[i].ends);
        free(s->members[i].stamps);
    }
    for (int32_t i = 0; i < s->kept_cap && s->kept; i++) {
        free(s->kept[i].left);
        free(s->kept[i].taken);
    }
    free(s->members);
    free(s->index);
    free(s->kept);
    free(s);
}

bool shadow_is_whole(const struct shadow *s)
{
    return s->whole;
}

/* ---- members ---- */

static uint32_t mix(uint64_t x)
{
    x *= 0x9e3779b97f4a7c15u;
    return (uint32_t)(x >> 32);
}

static int32_t slot_of(const struct shadow *s, member_id id)
{
    int32_t i = (int32_t)(mix(id) & (uint32_t)(s->index_cap - 1));
    while (s->index[i] >= 0 && s->members[s->index[i]].id != id)
        i = (i + 1) & (s->index_cap - 1);
    return i;
}

int32_t shadow_find(const struct shadow *s, member_id member)
{
    return s->index_cap ? s->index[slot_of(s, member)] : -1;
}

static bool make_index(struct shadow *s)
{
    int32_t cap = s->index_cap ? 2 * s->index_cap : 1024;
    int32_t *index = malloc((size_t)cap * sizeof *index);
    if (!index) {
        s->whole = false;
        return false;
    }
    memset(index, -1, (size_t)cap * sizeof *index);
    free(s->index);
    s->index = index;
    s->index_cap = cap;
    for (int32_t i = 0; i < s->count; i++)
        s->index[slot_of(s, s->members[i].id)] = i;
    return true;
}

static uint64_t bit_of(struct shadow *s, const char *tier)
{
    int32_t i = 0;
    while (i < s->name_count && strcmp(s->names[i], tier) != 0)
        i++;
    if (i == TIER_NAMES_MAX)
        return 0;
    if (i == s->name_count) {
        memcpy(s->names[i], tier, strnlen(tier, TXN_NAME_SIZE - 1) + 1);
        s->name_count++;
    }
    return (uint64_t)1 << i;
}

static void add_member(struct shadow *s, member_id id, const char *tier, int32_t day)
{
    if ((2 * s->count >= s->index_cap && !make_index(s)) ||
        !grow(s, &s->members, &s->cap, s->count + 1, sizeof *s->members))
        return;
    struct shadow_member *m = &s->members[s->count];
    *m = (struct shadow_member){.id = id, .short_since_day = DAY_NEVER, .last_day = INT32_MIN, .enrolled_day = day, .next_end = DAY_NEVER};
    memcpy(m->tier, tier, strnlen(tier, sizeof m->tier - 1));
    m->tiers_ever = bit_of(s, tier);
    s->index[slot_of(s, id)] = s->count++;
}

/* Who it is now. */
static struct shadow_member *member_of(const struct shadow *s, member_id id)
{
    int32_t i = shadow_find(s, id);
    while (i >= 0 && s->members[i].merged_into)
        i = shadow_find(s, s->members[i].merged_into);
    return i < 0 ? NULL : &s->members[i];
}

static void move_lot(struct shadow *s, struct shadow_member *m, const struct lot_move *move)
{
    int32_t low = 0, high = m->lot_count;
    while (low < high) {
        int32_t middle = (low + high) / 2;
        if (m->lots[middle].expires_day < move->expires_day)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == m->lot_count || m->lots[low].expires_day != move->expires_day) {
        if (!grow(s, &m->lots, &m->lot_cap, m->lot_count + 1, sizeof *m->lots))
            return;
        memmove(&m->lots[low + 1], &m->lots[low], (size_t)(m->lot_count - low) * sizeof *m->lots);
        m->lots[low] = (struct lot){.expires_day = move->expires_day};
        m->lot_count++;
    }
    struct lot *lot = &m->lots[low];
    bool fits = points_add(&lot->left, lot->left, move->left) && points_add(&lot->expired, lot->expired, move->expired);
    assert(fits);
    if (low < m->dead)
        m->dead = low;
    if (points_n(lot->left) > 0 && lot->expires_day < m->next_end)
        m->next_end = lot->expires_day;
}

/* A day of the member; NULL = there is none, or no room for it. */
static struct day_sum *day_at(struct shadow *s, struct shadow_member *m, int32_t day, bool add)
{
    int32_t i = m->day_count;
    while (i > 0 && m->days[i - 1].day > day)
        i--;
    if (i > 0 && m->days[i - 1].day == day)
        return &m->days[i - 1];
    if (!add || !grow(s, &m->days, &m->day_cap, m->day_count + 1, sizeof *m->days))
        return NULL;
    memmove(&m->days[i + 1], &m->days[i], (size_t)(m->day_count - i) * sizeof *m->days);
    m->days[i] = (struct day_sum){.day = day};
    m->day_count++;
    return &m->days[i];
}

static struct tier_sums sum_days(const struct shadow_member *m, int32_t from_day, int32_t to_day)
{
    struct tier_sums sums = {0};
    for (int32_t i = m->day_count; i-- > 0 && m->days[i].day >= from_day;) {
        if (m->days[i].day > to_day)
            continue;
        sums.spend += m->days[i].spend;
        sums.points += m->days[i].points;
        sums.visits += m->days[i].bills > 0;
    }
    return sums;
}

/* The day that the lot of a day ends now: every point of it that was left moved with the others. */
static int32_t lot_now(const struct shadow_member *m, int32_t day)
{
    int32_t now = day;
    for (bool moved = true; moved;) {
        moved = false;
        for (int32_t i = 0; i < m->end_count; i++)
            if (m->ends[i].from_day == now && m->ends[i].to_day > now)
                now = m->ends[i].to_day, moved = true;
    }
    return now;
}

/* ---- rules ---- */

static bool is_draft(const struct shadow *s, int32_t day)
{
    return s->rules.draft && day >= s->rules.from_day;
}

static const struct pack *pack_of(const struct shadow *s, uint32_t version, int64_t position)
{
    for (int32_t i = 0; i < s->rules.count; i++)
        if (s->rules.packs[i].pack->version == version && s->rules.packs[i].after_position < position)
            return s->rules.packs[i].pack;
    return NULL;
}

static const struct pack *pack_on(const struct shadow *s, int32_t day, int64_t position)
{
    const struct pack *found = NULL;
    if (is_draft(s, day))
        return s->rules.draft;
    for (int32_t i = 0; i < s->rules.count; i++)
        if (s->rules.packs[i].pack->effective_day <= day && s->rules.packs[i].after_position < position)
            found = s->rules.packs[i].pack;
    return found;
}

/* ---- facts in ---- */

/* from_day DAY_NEVER: no lots at all. */
static void load_member(struct shadow *s, const struct shadow_member *m, member_id id, int32_t from_day)
{
    struct ledger_facts *in = &s->facts;
    in->member = (struct ledger_member){.id = id};
    in->lots = s->lots;
    in->lot_count = 0;
    in->today = INT32_MIN;
    if (!m)
        return;
    in->member.known = true;
    memcpy(in->member.tier, m->tier, sizeof m->tier);
    in->member.short_since_day = m->short_since_day;
    in->member.owed = m->owed;
    in->member.enrolled_day = m->enrolled_day;
    memcpy(in->member.hand_tier, m->hand_tier, sizeof m->hand_tier);
    in->member.hand_until_day = m->hand_until_day;
    in->today = m->last_day;
    if (from_day == DAY_NEVER)
        return;
    int32_t first = m->dead && from_day <= m->lots[m->dead - 1].expires_day ? 0 : m->dead;
    for (int32_t i = first; i < m->lot_count && in->lot_count < LOTS_MAX; i++)
        if (points_n(m->lots[i].left) > 0 || m->lots[i].expires_day >= from_day)
            s->lots[in->lot_count++] = m->lots[i];
}

static void load_metric(struct shadow *s, const struct shadow_member *m, int32_t day)
{
    struct ledger_facts *in = &s->facts;
    const struct pack *p = in->pack_now;
    in->sums = in->sums_last_year = (struct tier_sums){0};
    in->bills_on_day = 0;
    if (!p || p->tier_count < 2 || !m)
        return;
    int32_t start = rules_tier_window_start(p, m->enrolled_day, in->today);
    in->sums = sum_days(m, start, in->today);
    if (rules_tier_by_year(p))
        in->sums_last_year = sum_days(m, rules_tier_window_start(p, m->enrolled_day, start - 1), start - 1);
    in->bills_on_day = sum_days(m, day, day).visits;
}

static struct points earned_on(const struct shadow_member *m, int32_t from_day, int32_t to_day)
{
    int64_t sum = 0;
    for (int32_t i = m->day_count; i-- > 0 && m->days[i].day >= from_day;)
        if (m->days[i].day <= to_day)
            sum += m->days[i].earned;
    return points_of(sum);
}

static struct stamp *stamp_of(const struct shadow_member *m, const char *name)
{
    for (int32_t i = 0; i < m->stamp_count; i++)
        if (strcmp(m->stamps[i].name, name) == 0)
            return &m->stamps[i];
    return NULL;
}

/* What had been earned before this purchase.  What its till knew of that is not asked: it changes nothing that is
 * posted. */
static void load_before(struct shadow *s, const struct shadow_member *m, int32_t day)
{
    struct ledger_facts *in = &s->facts;
    const struct pack *p = in->pack;
    if (!p)
        return;
    if (points_n(p->cap_per_day) > 0)
        in->had.today = earned_on(m, day, day);
    if (points_n(p->cap_per_month) > 0) {
        struct date first = date_of_day(day);
        first.day = 1;
        struct date next = first.month == 12 ? (struct date){first.year + 1, 1, 1} : (struct date){first.year, first.month + 1, 1};
        in->had.month = earned_on(m, day_of_date(first), day_of_date(next) - 1);
    }
    in->had_here = in->had;
    in->had.stamp_count = p->stamp_count;
    for (int32_t i = 0; i < p->stamp_count; i++) {
        const struct stamp *stamp = stamp_of(m, p->stamps[i].name);
        struct txn_stamp *card = &in->had.stamps[i];
        *card = (struct txn_stamp){.collected = stamp ? stamp->collected : 0, .given = stamp ? stamp->given : 0};
        memcpy(card->name, p->stamps[i].name, sizeof card->name);
    }
}

/* EXPIRY_ACTIVITY: a purchase that comes late is followed by others that moved its points on. */
static void load_active_end(struct shadow *s, const struct shadow_member *m, int32_t day)
{
    struct ledger_facts *in = &s->facts;
    const struct pack *pack = in->pack ? in->pack : in->pack_now;
    in->active_end = INT32_MIN;
    if (!pack || pack->expiry != EXPIRY_ACTIVITY || day >= in->today)
        return;
    int32_t end = rules_expiry_day(pack, day, m->enrolled_day);
    for (int32_t i = 0; i < m->day_count; i++) {
        if (m->days[i].day <= day || m->days[i].sales == 0)
            continue;
        if (m->days[i].day > end)
            return;
        in->active_end = end = rules_expiry_day(pack, m->days[i].day, m->enrolled_day);
    }
}

static void load_common(struct shadow *s, const struct txn *t, int64_t position, int64_t received_s)
{
    struct ledger_facts *in = &s->facts;
    int32_t day = day_of_time(t->time_s);
    in->t = t;
    in->received_s = received_s;
    in->clock_before_s = 0;
    in->pack = t->pack_version ? pack_of(s, t->pack_version, position) : NULL;
    in->pack_now = pack_on(s, day, position);
    in->run_day = s->run_day;
    in->card = in->other = (struct ledger_card){0};
    in->intent = in->before = (struct ledger_intent){0};
    in->hold = (struct ledger_hold){0};
    in->gift = (struct ledger_gift){0};
    in->named = in->counter_taken = in->unclaimed = in->original_is_other = in->tier_ever = false;
    in->evidence = EVIDENCE_NONE;
    in->evidence_before = (struct entry_id){0};
    in->original = NULL;
    in->sale.known = false;
    in->had_here = in->had = (struct ledger_before){0};
    in->given_today = points_of(0);
    in->next_member = 0;
    in->said = in->owner = t->member;
    in->vesting = in->of_card = (struct ledger_vesting){0};
    in->due = points_of(0);
}

/* ---- effects out ---- */

/* Later ends: the lots they were taken from, and the one that they are in now. */
static void write_ends(struct shadow *s, struct shadow_member *m, enum ledger_cause cause)
{
    const struct ledger_effects *out = &s->effects;
    int32_t to_day = INT32_MIN;
    for (int32_t i = 0; i < out->move_count; i++)
        if (out->moves[i].cause == cause && points_n(out->moves[i].lot.left) > 0)
            to_day = out->moves[i].lot.expires_day;
    for (int32_t i = 0; i < out->move_count && to_day > INT32_MIN; i++) {
        const struct lot_move *move = &out->moves[i].lot;
        if (out->moves[i].cause != cause || (points_n(move->left) >= 0 && points_n(move->expired) >= 0) ||
            !grow(s, &m->ends, &m->end_cap, m->end_count + 1, sizeof *m->ends))
            continue;
        m->ends[m->end_count++] = (struct end_move){move->expires_day, to_day};
    }
}

static void write_stamps(struct shadow *s, struct shadow_member *m)
{
    const struct ledger_effects *out = &s->effects;
    for (int32_t i = 0; out->stamped && i < out->stamped->stamp_count; i++) {
        const char *name = out->stamped->stamps[i].name;
        struct stamp *stamp = stamp_of(m, name);
        if (out->stamps[i].collected == 0)
            continue;
        if (!stamp) {
            if (!grow(s, &m->stamps, &m->stamp_cap, m->stamp_count + 1, sizeof *m->stamps))
                return;
            stamp = &m->stamps[m->stamp_count++];
            *stamp = (struct stamp){.collected = 0};
            memcpy(stamp->name, name, strnlen(name, sizeof stamp->name - 1));
        }
        stamp->collected += out->stamps[i].collected;
        stamp->given += out->stamps[i].given;
    }
}

static void write_member(struct shadow *s, struct shadow_member *m)
{
    const struct ledger_effects *out = &s->effects;
    write_stamps(s, m);
    write_ends(s, m, CAUSE_EXTEND);
    write_ends(s, m, CAUSE_ACTIVITY);
    if (out->hand_set) {
        memcpy(m->hand_tier, s->facts.member.hand_tier, sizeof m->hand_tier);
        m->hand_until_day = s->facts.member.hand_until_day;
    }
    m->settled = false;
    for (int32_t i = 0; i < out->move_count; i++) {
        const struct ledger_move *move = &out->moves[i];
        if (!move->debt) {
            move_lot(s, m, &move->lot);
            continue;
        }
        bool fits = points_add(&m->owed, m->owed, move->owed);
        assert(fits);
    }
    if (out->tier_set) {
        memcpy(m->tier, out->new_tier, sizeof m->tier);
        m->short_since_day = out->short_since_day;
    }
    if (out->tier_moved)
        m->tiers_ever |= bit_of(s, out->new_tier);
    if (out->metric.spend == 0 && out->metric.points == 0 && out->metric.bills == 0)
        return;
    struct day_sum *d = day_at(s, m, out->metric.day, true);
    if (!d)
        return;
    d->spend += out->metric.spend;
    d->points += out->metric.points;
    d->bills += (int32_t)out->metric.bills;
}

/* ---- sales, refunds, gifts that are spoken of later ---- */

static uint64_t key_of(struct entry_id id)
{
    return (uint64_t)id.terminal << 32 | id.seq;
}

static struct kept *place_of(const struct shadow *s, struct entry_id id)
{
    int32_t i = (int32_t)(mix(key_of(id)) & (uint32_t)(s->kept_cap - 1));
    while (s->kept[i].member && !entry_equal(s->kept[i].id, id))
        i = (i + 1) & (s->kept_cap - 1);
    return &s->kept[i];
}

static struct kept *find_kept(const struct shadow *s, struct entry_id id)
{
    struct kept *k = s->kept_cap ? place_of(s, id) : NULL;
    return k && k->member ? k : NULL;
}

static struct kept *keep(struct shadow *s, struct entry_id id, member_id member)
{
    if (2 * s->kept_count >= s->kept_cap) {
        int32_t old_cap = s->kept_cap, cap = old_cap ? 2 * old_cap : 256;
        struct kept *old = s->kept, *more = calloc((size_t)cap, sizeof *more);
        if (!more) {
            s->whole = false;
            return NULL;
        }
        s->kept = more;
        s->kept_cap = cap;
        for (int32_t i = 0; i < old_cap; i++)
            if (old[i].member)
                *place_of(s, old[i].id) = old[i];
        free(old);
    }
    struct kept *k = place_of(s, id);
    if (k->member)
        return k;
    *k = (struct kept){.id = id, .member = member};
    s->kept_count++;
    return k;
}

/* The lot moves of a redemption that was just posted. */
static void keep_taken(struct shadow *s, struct kept *k)
{
    const struct ledger_effects *out = &s->effects;
    if (!k || points_n(out->redeemed.points) == 0)
        return;
    k->redeemed = out->redeemed.points;
    k->taken = malloc(((size_t)out->move_count + 1) * sizeof *k->taken);
    if (!k->taken) {
        s->whole = false;
        return;
    }
    for (int32_t i = 0; i < out->move_count; i++) {
        const struct ledger_move *m = &out->moves[i];
        if (m->cause != CAUSE_REDEEM)
            continue;
        if (m->debt)
            k->uncovered = m->owed;
        else
            k->taken[k->taken_count++] = m->lot;
    }
}

static void keep_sale(struct shadow *s, const struct shadow_entry *e, bool draft)
{
    const struct ledger_effects *out = &s->effects;
    const struct txn *t = e->t;
    struct kept *k = keep(s, t->id, e->member);
    if (!k)
        return;
    k->position = e->position;
    k->draft = draft;
    k->lot_day = out->lot_day;
    memcpy(k->tier, out->tier, sizeof k->tier);
    k->pack_version = out->pack_version;
    k->earned = out->earned;
    k->counted = out->counted;
    k->had = s->facts.had;
    k->line_count = t->line_count;
    k->left = malloc(((size_t)t->line_count + 1) * sizeof *k->left);
    if (!k->left) {
        s->whole = false;
        return;
    }
    for (int32_t i = 0; i < t->line_count; i++)
        k->left[i] = t->lines[i].quantity;
    keep_taken(s, k);
}

/* ---- posting ---- */

/* So that the ledger comes to what the real books came to: proved, or not. */
static void load_redemption(struct shadow *s, const struct shadow_entry *e)
{
    struct ledger_facts *in = &s->facts;
    const struct txn *t = e->t;
    if (txn_is_held(t) && e->redeemed) {
        in->hold = (struct ledger_hold){.known = true, .id = t->original, .terminal = t->id.terminal, .member = t->member,
                                        .owner = t->member, .amount = t->redeemed, .means = t->means, .state = HOLD_OPEN};
        return;
    }
    in->evidence = EVIDENCE_BAD;
    if (t->commit == COMMIT_NONE || !e->redeemed)
        return;
    in->evidence = EVIDENCE_GOOD;
    in->intent = (struct ledger_intent){
        .known = true, .id = t->original, .name = t->original, .card = t->card, .amount = t->redeemed, .time_s = e->redeemed_s};
    in->card = (struct ledger_card){.known = true, .uid = t->card, .member = t->member, .owner = t->member,
                                    .kind = t->evidence.kind, .status = CARD_ACTIVE};
}

static void post_sale(struct shadow *s, const struct shadow_entry *e, struct shadow_result *out)
{
    struct ledger_facts *in = &s->facts;
    struct txn *t = e->t;
    struct shadow_member *m = member_of(s, e->member);
    int32_t day = day_of_time(t->time_s), from_day = day;
    bool draft = is_draft(s, day);
    char said[TXN_NAME_SIZE];
    uint32_t version = t->pack_version;
    member_id named = t->member;
    if (!m)
        return;
    memcpy(said, t->tier, sizeof said);
    if (draft) { /* as a till that has these rules would say it */
        memcpy(t->tier, pack_get_tier(s->rules.draft, m->tier)->code, sizeof t->tier);
        t->pack_version = s->rules.draft->version;
    }
    t->member = m->id;
    load_common(s, t, e->position, e->received_s);
    if (draft)
        in->pack = s->rules.draft;
    load_redemption(s, e);
    if (e->redeemed && t->commit != COMMIT_NONE && day_of_time(e->redeemed_s) < from_day)
        from_day = day_of_time(e->redeemed_s);
    load_member(s, m, m->id, from_day);
    if (day > in->today)
        in->today = day;
    load_active_end(s, m, day);
    in->tier_ever = (m->tiers_ever & bit_of(s, t->tier)) != 0;
    load_before(s, m, day);
    load_metric(s, m, day);
    ledger_post(in, &s->effects);
    write_member(s, m);
    if (day > m->last_day)
        m->last_day = day;
    struct day_sum *of_day = day_at(s, m, day, true);
    if (of_day) {
        of_day->earned += points_n(s->effects.earned);
        of_day->sales++;
    }
    if (e->keep)
        keep_sale(s, e, draft);
    memcpy(t->tier, said, sizeof said);
    t->pack_version = version;
    t->member = named;
    *out = (struct shadow_result){true, m->id, s->effects.earned, s->effects.counted, s->effects.pack_version, s->effects.tier,
                                  s->effects.why};
}

/* The lots that a redemption was taken from, where they are now. */
static void load_taken(struct shadow *s, const struct shadow_member *m, const struct kept *k, int32_t *from_day)
{
    struct ledger_sale *sale = &s->facts.sale;
    sale->taken_count = k->taken_count;
    sale->uncovered = k->uncovered;
    for (int32_t i = 0; i < k->taken_count; i++) {
        sale->taken[i] = k->taken[i];
        sale->taken[i].expires_day = lot_now(m, k->taken[i].expires_day);
        if (sale->taken[i].expires_day < *from_day)
            *from_day = sale->taken[i].expires_day;
    }
}

static void post_refund(struct shadow *s, const struct shadow_entry *e, struct shadow_result *out)
{
    struct ledger_facts *in = &s->facts;
    struct ledger_sale *sale = &in->sale;
    const struct txn *t = e->t;
    struct kept *k = find_kept(s, t->original);
    struct shadow_member *m = k ? member_of(s, k->member) : NULL;
    int32_t day = day_of_time(t->time_s);
    if (!m || !e->original || !k->left)
        return;
    load_common(s, t, e->position, e->received_s);
    in->pack = k->draft ? s->rules.draft : pack_of(s, k->pack_version, INT64_MAX);
    in->original = e->original;
    sale->known = true;
    sale->position = k->position;
    sale->member = m->id;
    sale->lot_day = lot_now(m, k->lot_day);
    memcpy(sale->tier, k->tier, sizeof sale->tier);
    sale->earned = k->earned;
    sale->had_here = sale->had = k->had;
    sale->had_here.stamp_count = 0;
    sale->taken_back = k->taken_back;
    sale->counted = k->counted;
    sale->counted_back = k->counted_back;
    sale->redeemed = k->redeemed;
    sale->redeemed_back = k->redeemed_back;
    memcpy(sale->left, k->left, (size_t)k->line_count * sizeof *k->left);
    memcpy(sale->left_here, k->left, (size_t)k->line_count * sizeof *k->left);
    sale->given = sale->given_here = k->given;
    int32_t from_day = sale->lot_day < day ? sale->lot_day : day;
    load_taken(s, m, k, &from_day);
    load_member(s, m, m->id, from_day);
    in->last_sale_day = m->last_day;
    ledger_post(in, &s->effects);
    const struct ledger_effects *did = &s->effects;
    if (!did->refund)
        return;
    write_member(s, m);
    for (int32_t i = 0; i < did->return_count; i++)
        k->left[did->returns[i].line] -= did->returns[i].quantity;
    bool fits = money_add(&k->given, k->given, did->given) && money_add(&k->counted_back, k->counted_back, did->counted_back) &&
                points_add(&k->redeemed_back, k->redeemed_back, did->points_back) &&
                points_add(&k->taken_back, k->taken_back, did->clawed) && points_add(&k->taken_back, k->taken_back, did->let_go);
    assert(fits);
    *out = (struct shadow_result){true, m->id, points_of(-points_n(did->clawed)), money_of(-money_minor(did->counted_back)),
                                  k->pack_version, k->tier, did->why};
}

static void post_grant(struct shadow *s, const struct shadow_entry *e)
{
    struct ledger_facts *in = &s->facts;
    const struct txn *t = e->t;
    int32_t day = day_of_time(t->time_s);
    bool back = points_n(t->points) < 0;
    struct kept *k = back ? find_kept(s, t->original) : NULL;
    struct shadow_member *m = member_of(s, back ? (k ? k->member : 0) : e->member);
    if (!m)
        return;
    load_common(s, t, e->position, e->received_s);
    if (is_draft(s, day))
        in->pack = s->rules.draft;
    in->given_today = e->given;
    if (back) {
        in->original_is_other = true; /* it is there; who gave it does not matter */
        in->gift = (struct ledger_gift){.known = true, .position = k->position, .member = m->id, .owner = m->id,
                                        .points = k->earned, .taken_back = k->taken_back, .lot_day = lot_now(m, k->lot_day)};
    }
    load_member(s, m, m->id, back && in->gift.lot_day < day ? in->gift.lot_day : day);
    ledger_post(in, &s->effects);
    write_member(s, m);
    if (s->effects.gift && (k = keep(s, t->id, e->member))) {
        k->position = e->position;
        k->earned = t->points;
        k->lot_day = s->effects.lot_day;
    } else if (s->effects.gift_back && k) {
        bool fits = points_sub(&k->taken_back, k->taken_back, t->points);
        assert(fits);
    }
}

static void post_own(struct shadow *s, const struct shadow_entry *e)
{
    const struct txn *t = e->t;
    struct shadow_member *m = member_of(s, e->member);
    load_common(s, t, e->position, e->received_s);
    int32_t day = day_of_time(t->time_s);
    load_member(s, t->kind == TXN_JOIN ? NULL : m, m ? m->id : e->member, t->kind == TXN_EXTEND && t->from_day < day ? t->from_day : day);
    s->facts.next_member = e->member;
    ledger_post(&s->facts, &s->effects);
    if (s->effects.new_member)
        add_member(s, e->member, s->effects.new_tier, day_of_time(t->time_s));
    else if (m)
        write_member(s, m);
}

/* A reward of head office's desk: what was set aside for it is there, or it would not have been written. */
static void post_desk(struct shadow *s, const struct shadow_entry *e)
{
    struct ledger_facts *in = &s->facts;
    struct ledger_sale *sale = &in->sale;
    const struct txn *t = e->t;
    bool back = t->kind == TXN_RETURN;
    struct kept *k = back ? find_kept(s, t->original) : NULL;
    struct shadow_member *m = member_of(s, back ? (k ? k->member : 0) : e->member);
    int32_t from_day = day_of_time(t->time_s);
    if (!m)
        return;
    load_common(s, t, e->position, e->received_s);
    if (!back) {
        in->said = in->owner = m->id;
        in->hold = (struct ledger_hold){.known = true, .id = t->original, .terminal = OFFICE_TERMINAL, .member = m->id,
                                        .owner = m->id, .amount = t->redeemed, .state = HOLD_OPEN};
    } else {
        load_taken(s, m, k, &from_day);
        sale->known = true;
        sale->member = sale->owner = m->id;
        sale->redeemed = k->redeemed;
        sale->redeemed_back = k->redeemed_back;
    }
    load_member(s, m, m->id, from_day);
    in->last_sale_day = m->last_day;
    ledger_post(in, &s->effects);
    write_member(s, m);
    if (s->effects.desk_taken && (k = keep(s, t->id, m->id))) {
        k->position = e->position;
        s->effects.redeemed.points = t->redeemed;
        keep_taken(s, k);
    } else if (s->effects.desk_back && k) {
        bool fits = points_add(&k->redeemed_back, k->redeemed_back, t->redeemed);
        assert(fits);
    }
}

/* ---- two members ---- */

static int64_t good_left(const struct shadow_member *m, int32_t day)
{
    int64_t sum = -points_n(m->owed);
    for (int32_t i = m->dead; i < m->lot_count; i++)
        sum += m->lots[i].expires_day >= day ? points_n(m->lots[i].left) : 0;
    return sum;
}

/* All that a member has in lots; where the points lie is not kept here. */
static void take_all(struct shadow *s, const struct shadow_member *m, int32_t day)
{
    struct ledger_moving *all = &s->moving;
    memset(all->place, 0, sizeof all->place);
    all->cause = CAUSE_MERGE;
    all->card_count = all->lot_count = 0;
    all->owed = m->owed;
    for (int32_t i = 0; i < m->lot_count && all->lot_count < LOTS_MAX; i++) {
        struct lot lot = m->lots[i];
        if (lot.expires_day < day - MOVING_EXPIRED_DAYS)
            lot.expired = points_of(0);
        if (points_n(lot.left) || points_n(lot.expired))
            all->lots[all->lot_count++] = lot;
    }
}

/* What came for a number follows it. */
static void join(struct shadow *s, struct shadow_member *into, struct shadow_member *from)
{
    for (int32_t i = 0; i < from->day_count; i++) {
        const struct day_sum *d = &from->days[i];
        struct day_sum *to = day_at(s, into, d->day, true);
        if (!to)
            return;
        to->spend += d->spend;
        to->points += d->points;
        to->earned += d->earned;
        to->bills += d->bills;
        to->sales += d->sales;
    }
    from->day_count = 0;
    for (int32_t i = 0; i < from->end_count; i++)
        if (grow(s, &into->ends, &into->end_cap, into->end_count + 1, sizeof *into->ends))
            into->ends[into->end_count++] = from->ends[i];
    for (int32_t i = 0; i < from->stamp_count; i++) {
        struct stamp *stamp = stamp_of(into, from->stamps[i].name);
        if (!stamp && grow(s, &into->stamps, &into->stamp_cap, into->stamp_count + 1, sizeof *into->stamps)) {
            stamp = &into->stamps[into->stamp_count++];
            *stamp = from->stamps[i];
        } else if (stamp) {
            stamp->collected += from->stamps[i].collected;
            stamp->given += from->stamps[i].given;
        }
    }
    into->tiers_ever |= from->tiers_ever;
    if (from->last_day > into->last_day)
        into->last_day = from->last_day;
    from->merged_into = into->id;
}

static void load_side(struct shadow *s, const struct shadow_member *m, int32_t day)
{
    int32_t from_day = s->moving.lot_count ? s->moving.lots[0].expires_day : day;
    load_member(s, m, m->id, from_day < day ? from_day : day);
    s->facts.owner = m->id;
}

/* It was possible in the books: a TRANSFER of more than there is by these rules is not made. */
static void post_pair(struct shadow *s, const struct shadow_entry *e)
{
    const struct txn *t = e->t;
    bool merge = t->kind == TXN_MERGE;
    int32_t day = day_of_time(t->time_s);
    struct shadow_member *giver = member_of(s, merge ? t->other : t->member);
    struct shadow_member *receiver = member_of(s, merge ? t->member : t->other);
    if (!giver || !receiver || giver == receiver || (!merge && good_left(giver, day) < points_n(t->points)))
        return;
    load_common(s, t, e->position, e->received_s);
    load_member(s, giver, giver->id, day);
    struct ledger_member of_giver = s->facts.member;
    if (merge)
        take_all(s, giver, day);
    else
        ledger_moving_transfer(s->lots, s->facts.lot_count, day, t->points, &s->moving);
    load_side(s, receiver, day);
    bool fits = ledger_move_in(&s->facts, &s->moving, merge ? &of_giver : NULL, &s->effects);
    if (!fits)
        return;
    write_member(s, receiver);
    load_side(s, giver, day);
    ledger_move_out(&s->facts, &s->moving, &s->effects);
    write_member(s, giver);
    if (merge)
        join(s, receiver, giver);
}

void shadow_post(struct shadow *s, const struct shadow_entry *e, struct shadow_result *out)
{
    memset(out, 0, sizeof *out);
    out->tier = out->why = "";
    switch (e->t->kind) {
    case TXN_SALE:
        post_sale(s, e, out);
        break;
    case TXN_REFUND:
        post_refund(s, e, out);
        break;
    case TXN_GRANT:
        post_grant(s, e);
        break;
    case TXN_ADJUST:
    case TXN_MEMBER:
    case TXN_JOIN:
    case TXN_EXTEND:
    case TXN_TIER:
    case TXN_OPENING:
        post_own(s, e);
        break;
    case TXN_INTENT:
    case TXN_CANCEL:
    case TXN_SETTLE:
    case TXN_RATING:
    case TXN_CARD:
    case TXN_LOAD_INTENT:
    case TXN_LOAD:
    case TXN_RUN:
    case TXN_HOLD:
    case TXN_RELEASE:
    case TXN_CLAIM:
    case TXN_UNMERGE:
    case TXN_RERATE:
        break;
    case TXN_REDEEM:
    case TXN_RETURN:
        post_desk(s, e);
        break;
    case TXN_MERGE:
    case TXN_TRANSFER:
        post_pair(s, e);
        break;
    }
}

bool shadow_keeps(const struct shadow *s, struct entry_id id)
{
    return find_kept(s, id) != NULL;
}

void shadow_redeem(struct shadow *s, struct entry_id sale, member_id member, struct points points, int64_t time_s)
{
    struct ledger_facts *in = &s->facts;
    struct txn *t = &s->settle;
    struct shadow_member *m = member_of(s, member);
    struct kept *k = find_kept(s, sale);
    if (!m)
        return;
    memset(t, 0, sizeof *t);
    t->kind = TXN_SETTLE;
    t->commit = COMMIT_DONE;
    t->time_s = time_s;
    t->member = member;
    t->redeemed = points;
    t->evidence.kind = CARD_EV2;
    load_common(s, t, 0, time_s);
    in->evidence = EVIDENCE_GOOD;
    in->intent = (struct ledger_intent){.known = true, .amount = points, .time_s = time_s, .outcome = OUTCOME_REWARDED};
    load_member(s, m, member, day_of_time(time_s));
    ledger_post(in, &s->effects);
    write_member(s, m);
    keep_taken(s, k);
}

/* Can the run of this day do anything to this member?  What would find the same and leave it the same need not be
 * asked: a review looks at what counted in a window, which changes when a day leaves it, or by an entry. */
static bool wants_run(const struct shadow_member *m, int32_t day, const struct pack *pack, int32_t start, bool anew)
{
    if (m->next_end < day || anew)
        return true;
    if (!pack || pack->tier_count < 2)
        return false;
    return !m->settled || start > m->window_first || (start != m->window_start && rules_tier_by_year(pack));
}

static void note_run(const struct shadow *s, struct shadow_member *m, int32_t day, const struct pack *pack, int32_t start)
{
    int32_t i = m->day_count;
    m->settled = pack && !s->effects.tier_set && m->short_since_day == DAY_NEVER && !*m->hand_tier &&
                 (i == 0 || m->days[i - 1].day <= day);
    while (i > 0 && m->days[i - 1].day >= start)
        i--;
    m->window_start = start;
    m->window_first = i < m->day_count ? m->days[i].day : DAY_NEVER;
}

static void skip_dead(struct shadow_member *m)
{
    m->next_end = DAY_NEVER;
    while (m->dead < m->lot_count && points_n(m->lots[m->dead].left) == 0)
        m->dead++;
    if (m->dead < m->lot_count)
        m->next_end = m->lots[m->dead].expires_day;
}

void shadow_run(struct shadow *s, int32_t day, int64_t position)
{
    struct ledger_facts *in = &s->facts;
    if (day <= s->run_day)
        return;
    const struct pack *pack = pack_on(s, day, position);
    int32_t start = pack ? rules_tier_window_start(pack, DAY_NEVER, day) : 0;
    bool anew = pack != s->run_pack;
    for (int32_t i = 0; i < s->count; i++) {
        struct shadow_member *m = &s->members[i];
        if (pack && pack->window == WINDOW_ANNIVERSARY)
            start = rules_tier_window_start(pack, m->enrolled_day, day);
        if (m->merged_into)
            continue;
        if (!wants_run(m, day, pack, start, anew))
            continue;
        in->pack_now = pack;
        load_member(s, m, m->id, m->next_end < day ? day : DAY_NEVER);
        in->today = day;
        in->owner = m->id;
        in->due = points_of(0);
        load_metric(s, m, day);
        ledger_run(in, day, &s->effects);
        write_member(s, m);
        skip_dead(m);
        note_run(s, m, day, pack, start);
    }
    s->run_day = day;
    s->run_pack = pack;
}

/* ---- how it stands ---- */

int32_t shadow_count(const struct shadow *s)
{
    return s->count;
}

void shadow_get(const struct shadow *s, int32_t index, struct shadow_state *out)
{
    const struct shadow_member *m = &s->members[index];
    int64_t left = 0;
    for (int32_t i = m->dead; i < m->lot_count; i++)
        left += points_n(m->lots[i].left);
    *out = (struct shadow_state){m->id,      m->tier,           m->short_since_day, points_of(left),
                                 m->owed,    m->lots,           m->lot_count};
}
