/* close.c - see close.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/close/close.h"

#include "base/date.h"
#include "base/tr.h"
#include "office/books/books_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { COHORTS_MAX = 256 };

struct cohort {
    int32_t year;              /* 0 = without an end */
    struct points period;      /* bought in this period, less clawed back */
    struct points moved;       /* came from another cohort, or went there, in this period */
    struct points issued, redeemed, expired, left; /* since it began */
    struct money allocated, recognised;            /* at the period before, then at this one */
};

struct closing {
    struct books *b;
    const struct close_wanted *wanted;
    int64_t n, after, through;
    int32_t from_day;
    const struct pack *pack;
    struct accounting_roll roll;
    struct money sales, worth, liability_before, allocated, recognised, liability;
    int32_t cohort_count;
    struct cohort cohorts[COHORTS_MAX];
};

/* What of a posting is an inflow or outflow of the members' points; the day head office took it in. */
#define MOVED                                                                                      \
    "moved AS (SELECT min(max(e.received_s / 86400, ?1), ?2) AS day, e.time_s / 86400 < e.received_s / 86400 AS late,"    \
    "  CASE WHEN s.position IS NOT NULL THEN s.shop WHEN e.terminal > 0 THEN coalesce(t.shop, '') ELSE '' END AS shop," \
    "  iif(p.account = 'issued', -p.amount, 0) AS earned, iif(p.account = 'clawed', p.amount, 0) AS clawed," \
    "  iif(p.account = 'redeemed' AND p.amount > 0, p.amount, 0) AS redeemed,"                     \
    "  iif(p.account = 'redeemed' AND p.amount < 0, -p.amount, 0) AS returned,"                    \
    "  iif(p.account = 'expired', p.amount, 0) AS expired, iif(p.account = 'adjusted', -p.amount, 0) AS adjusted" \
    " FROM posting p JOIN entry e USING (position) LEFT JOIN sale s ON s.position = e.position"    \
    " LEFT JOIN terminal t ON t.terminal = e.terminal"                                             \
    " WHERE p.position > ?3 AND p.position <= ?4"                                                  \
    "  AND p.account IN ('issued', 'redeemed', 'expired', 'clawed', 'adjusted'))"

static void bind_window(struct query *q, const struct closing *c)
{
    query_int(q, c->from_day);
    query_int(q, c->wanted->to_day);
    query_int(q, c->after);
    query_int(q, c->through);
}

static enum err too_large(struct errmsg *why)
{
    return err_set(why, ERR_RANGE, tr("the sums of the period do not fit"));
}

enum err close_next_day(struct books *b, int32_t *day, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "SELECT coalesce((SELECT max(to_day) + 1 FROM period),"
                                             " (SELECT received_s / 86400 FROM entry ORDER BY position LIMIT 1))");
    *day = INT32_MAX;
    if (query_row(&q) && !query_is_null(&q))
        *day = (int32_t)query_get_int(&q);
    return query_done(&q, why);
}

enum err close_last_expected(struct books *b, int64_t *ppm, struct errmsg *why)
{
    struct query q = query_text_of(b->store, "SELECT expected_ppm FROM period ORDER BY n DESC LIMIT 1");
    *ppm = -1;
    if (query_row(&q))
        *ppm = query_get_int(&q);
    return query_done(&q, why);
}

/* ---- what is to be closed ---- */

static enum err find_window(struct closing *c, int64_t now_s, struct errmsg *why)
{
    char text[DAY_TEXT_SIZE];
    enum err e = close_next_day(c->b, &c->from_day, why);
    if (e)
        return e;
    day_text(text, c->wanted->to_day);
    if (c->from_day == INT32_MAX)
        return err_set(why, ERR_STATE, tr("there is nothing to close: the books have no entry yet"));
    if (c->wanted->to_day < c->from_day)
        return err_set(why, ERR_STATE, tr("%s is closed already, or before the first entry"), text);
    if (c->wanted->to_day >= day_of_time(now_s))
        return err_set(why, ERR_STATE, tr("%s is not over yet: close it from the next day on"), text);
    c->pack = books_pack_on(c->b, c->wanted->to_day);
    if (!c->pack)
        return err_set(why, ERR_STATE, tr("no rules were in force on %s"), text);
    struct query q = query_text_of(c->b->store, "SELECT coalesce(max(n), 0) + 1, coalesce(max(through_position), 0),"
                                                " coalesce((SELECT closing FROM period ORDER BY n DESC LIMIT 1), 0),"
                                                " coalesce((SELECT liability FROM period ORDER BY n DESC LIMIT 1), 0)"
                                                " FROM period");
    if (query_row(&q)) {
        c->n = query_get_int(&q);
        c->after = query_get_int(&q);
        c->roll.opening = points_of(query_get_int(&q));
        c->liability_before = money_of(query_get_int(&q));
    }
    if ((e = query_done(&q, why)))
        return e;
    q = query_text_of(c->b->store, "SELECT coalesce(max(position), ?1) FROM entry WHERE position > ?1"
                                   " AND received_s < (?2 + 1) * 86400");
    query_int(&q, c->after);
    query_int(&q, c->wanted->to_day);
    if (query_row(&q))
        c->through = query_get_int(&q);
    return query_done(&q, why);
}

/* The period's flows, and that they end where the ledger does. */
static enum err sum_up(struct closing *c, struct errmsg *why)
{
    int64_t ledger = 0;
    struct query q = query_text_of(c->b->store,
                                   "WITH " MOVED " SELECT coalesce(sum(earned), 0), coalesce(sum(clawed), 0),"
                                   " coalesce(sum(redeemed), 0), coalesce(sum(returned), 0),"
                                   " coalesce(sum(expired), 0), coalesce(sum(adjusted), 0) FROM moved");
    bind_window(&q, c);
    if (query_row(&q)) {
        c->roll.earned = points_of(query_get_int(&q));
        c->roll.clawed = points_of(query_get_int(&q));
        c->roll.redeemed = points_of(query_get_int(&q));
        c->roll.returned = points_of(query_get_int(&q));
        c->roll.expired = points_of(query_get_int(&q));
        c->roll.adjusted = points_of(query_get_int(&q));
    }
    enum err e = query_done(&q, why);
    if (e)
        return e;
    if (!accounting_close(&c->roll) || !accounting_value(c->roll.closing, c->pack->worth, &c->worth))
        return too_large(why);
    q = query_text_of(c->b->store, "SELECT -coalesce(sum(amount), 0) FROM posting WHERE position <= ?1"
                                   " AND account IN ('issued', 'redeemed', 'expired', 'clawed', 'adjusted')");
    query_int(&q, c->through);
    if (query_row(&q))
        ledger = query_get_int(&q);
    if ((e = query_done(&q, why)))
        return e;
    if (points_n(c->roll.closing) != ledger)
        return err_set(why, ERR_CORRUPT, tr("the periods add up to %" PRId64 " points, the ledger to %" PRId64
                       ": see patronctl ledger verify"), points_n(c->roll.closing), ledger);
    /* What was paid with points is no new price: it is the redemption of points that were paid for earlier. */
    q = query_text_of(c->b->store, "SELECT coalesce((SELECT sum(total - iif(redeemed > 0, redeemed_value, 0)) FROM sale"
                                   " WHERE member <> 0 AND position > ?1 AND position <= ?2), 0)"
                                   " - coalesce((SELECT sum(total - points_back * ?3 / ?4) FROM refund"
                                   " WHERE member <> 0 AND position > ?1 AND position <= ?2), 0)");
    query_int(&q, c->after);
    query_int(&q, c->through);
    query_int(&q, c->pack->worth.num);
    query_int(&q, c->pack->worth.den);
    if (query_row(&q))
        c->sales = money_of(query_get_int(&q));
    return query_done(&q, why);
}

/* ---- cohorts ---- */

static enum err load_cohorts(struct closing *c, struct errmsg *why)
{
    struct query q = query_text_of(
        c->b->store,
        "WITH m AS (SELECT iif(expires_day = 2147483647, 0,"
        "   CAST(strftime('%Y', expires_day * 86400, 'unixepoch') AS INTEGER)) AS year, position, cause, left, expired"
        "  FROM lot_move WHERE expires_day IS NOT NULL AND position <= ?2)"
        "SELECT m.year, sum(iif(position > ?1 AND cause IN ('earn', 'claw'), left + m.expired, 0)),"
        " sum(iif(position > ?1 AND cause NOT IN ('earn', 'claw', 'redeem', 'return', 'expire', 'adjust'),"
        "  left + m.expired, 0)),"
        " sum(iif(cause NOT IN ('redeem', 'return', 'expire', 'adjust'), left + m.expired, 0)),"
        " -sum(iif(cause IN ('redeem', 'return'), left + m.expired, 0)), sum(m.expired), sum(left),"
        " coalesce((SELECT allocated FROM period_cohort p WHERE p.period = ?3 - 1 AND p.year = m.year), 0),"
        " coalesce((SELECT recognised FROM period_cohort p WHERE p.period = ?3 - 1 AND p.year = m.year), 0)"
        " FROM m GROUP BY m.year ORDER BY m.year");
    query_int(&q, c->after);
    query_int(&q, c->through);
    query_int(&q, c->n);
    while (query_row(&q) && c->cohort_count < COHORTS_MAX) {
        struct cohort *k = &c->cohorts[c->cohort_count++];
        k->year = (int32_t)query_get_int(&q);
        k->period = points_of(query_get_int(&q));
        k->moved = points_of(query_get_int(&q));
        k->issued = points_of(query_get_int(&q));
        k->redeemed = points_of(query_get_int(&q));
        k->expired = points_of(query_get_int(&q));
        k->left = points_of(query_get_int(&q));
        k->allocated = money_of(query_get_int(&q));
        k->recognised = money_of(query_get_int(&q));
    }
    return query_done(&q, why);
}

/* amount x part / whole, toward zero; whole <> 0. */
static struct money part_of(struct money amount, int64_t part, int64_t whole)
{
    __extension__ typedef __int128 wide;
    return money_of((int64_t)((wide)money_minor(amount) * part / whole));
}

/* Points whose end was moved take with them the money that was not earned yet. */
static bool move_money(struct closing *c)
{
    struct money pool = money_of(0), given = money_of(0);
    int64_t gained = 0;
    struct cohort *last = NULL;
    for (int32_t i = 0; i < c->cohort_count; i++) {
        struct cohort *k = &c->cohorts[i];
        int64_t moved = points_n(k->moved), before = points_n(k->left) - moved;
        struct money open, gone;
        if (moved > 0) {
            gained += moved;
            last = k;
        }
        if (moved >= 0 || before <= 0)
            continue;
        if (!money_sub(&open, k->allocated, k->recognised))
            return false;
        gone = part_of(open, -moved < before ? -moved : before, before);
        if (!money_sub(&k->allocated, k->allocated, gone) || !money_add(&pool, pool, gone))
            return false;
    }
    for (int32_t i = 0; i < c->cohort_count; i++) {
        struct cohort *k = &c->cohorts[i];
        struct money share;
        if (points_n(k->moved) <= 0)
            continue;
        share = part_of(pool, points_n(k->moved), gained);
        if (k == last && !money_sub(&share, pool, given))
            return false;
        if (!money_add(&given, given, share) || !money_add(&k->allocated, k->allocated, share))
            return false;
    }
    return true;
}

/* The period's share of the prices, on the cohorts by what they were given for. */
static bool allocate(struct closing *c)
{
    struct points bought = points_of(0);
    struct money given = money_of(0), share;
    struct cohort *last = NULL;
    for (int32_t i = 0; i < c->cohort_count; i++) {
        if (!points_add(&bought, bought, c->cohorts[i].period))
            return false;
        if (points_n(c->cohorts[i].period) != 0)
            last = &c->cohorts[i];
    }
    if (!accounting_allocate(c->sales, bought, c->pack->worth, c->wanted->expected_ppm, &c->allocated))
        return false;
    if (points_n(bought) == 0)
        return true;
    for (struct cohort *k = c->cohorts; k <= last; k++) {
        share = part_of(c->allocated, points_n(k->period), points_n(bought));
        if (k == last && !money_sub(&share, c->allocated, given))
            return false;
        if (!money_add(&given, given, share) || !money_add(&k->allocated, k->allocated, share))
            return false;
    }
    return true;
}

static bool recognise(struct closing *c)
{
    for (int32_t i = 0; i < c->cohort_count; i++) {
        struct cohort *k = &c->cohorts[i];
        struct accounting_cohort a = {k->issued, k->redeemed, k->left, k->allocated};
        struct money now, more;
        if (!accounting_recognised(&a, c->wanted->expected_ppm, &now) || !money_sub(&more, now, k->recognised) ||
            !money_add(&c->recognised, c->recognised, more))
            return false;
        k->recognised = now;
    }
    return money_add(&c->liability, c->liability_before, c->allocated) &&
           money_sub(&c->liability, c->liability, c->recognised);
}

/* ---- into the tables ---- */

static enum err write_period(struct closing *c, int64_t now_s, struct errmsg *why)
{
    const struct accounting_roll *r = &c->roll;
    struct query q = query_text_of(c->b->store,
                                   "INSERT INTO period VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                                   " ?, ?, ?, ?, ?, ?, ?)");
    const int64_t numbers[] = {c->n, c->from_day, c->wanted->to_day, c->after, c->through, c->pack->version,
                               c->pack->worth.num, c->pack->worth.den, c->wanted->expected_ppm, money_minor(c->sales),
                               points_n(r->opening), points_n(r->earned), points_n(r->clawed), points_n(r->redeemed),
                               points_n(r->returned), points_n(r->expired), points_n(r->adjusted),
                               points_n(r->closing), money_minor(c->worth), money_minor(c->liability_before),
                               money_minor(c->allocated), money_minor(c->recognised), money_minor(c->liability),
                               now_s, c->wanted->user};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        query_int(&q, numbers[i]);
    query_text(&q, c->wanted->remark);
    return query_run(&q, why);
}

static enum err write_days(struct closing *c, struct errmsg *why)
{
    struct query q = query_text_of(
        c->b->store,
        "WITH " MOVED ", d AS (SELECT day, shop, sum(earned) AS earned, sum(clawed) AS clawed,"
        "  sum(redeemed) AS redeemed, sum(returned) AS returned, sum(expired) AS expired, sum(adjusted) AS adjusted,"
        "  sum(earned - clawed - redeemed + returned - expired + adjusted) AS net, sum(late) AS late"
        "  FROM moved GROUP BY day, shop),"
        " o AS (SELECT d.*, coalesce((SELECT closing FROM period_day p WHERE p.shop = d.shop"
        "   ORDER BY p.period DESC, p.day DESC LIMIT 1), 0)"
        "  + sum(net) OVER (PARTITION BY shop ORDER BY day) - net AS opening FROM d)"
        "INSERT INTO period_day SELECT ?5, day, shop, opening, earned, clawed, redeemed, returned, expired, adjusted,"
        " opening + net, late FROM o");
    bind_window(&q, c);
    query_int(&q, c->n);
    return query_run(&q, why);
}

static enum err write_cohorts(struct closing *c, struct errmsg *why)
{
    enum err e = OK;
    for (int32_t i = 0; i < c->cohort_count && !e; i++) {
        const struct cohort *k = &c->cohorts[i];
        struct query q = query_text_of(c->b->store, "INSERT INTO period_cohort VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
        query_int(&q, c->n);
        query_int(&q, k->year);
        query_int(&q, points_n(k->issued));
        query_int(&q, points_n(k->redeemed));
        query_int(&q, points_n(k->expired));
        query_int(&q, points_n(k->left));
        query_int(&q, money_minor(k->allocated));
        query_int(&q, money_minor(k->recognised));
        e = query_run(&q, why);
    }
    return e;
}

enum err close_period(struct books *b, const struct close_wanted *wanted, int64_t now_s, int64_t *period,
                      struct errmsg *why)
{
    struct closing c = {.b = b, .wanted = wanted};
    if (wanted->expected_ppm < 0 || wanted->expected_ppm > ACCOUNTING_PPM)
        return err_set(why, ERR_RANGE, tr("the part expected to be redeemed is 0 to 100 percent"));
    enum err e = find_window(&c, now_s, why);
    if (!e)
        e = sum_up(&c, why);
    if (!e)
        e = load_cohorts(&c, why);
    if (!e && (!move_money(&c) || !allocate(&c) || !recognise(&c)))
        e = too_large(why);
    if (!e)
        e = write_period(&c, now_s, why);
    if (!e)
        e = write_days(&c, why);
    if (!e)
        e = write_cohorts(&c, why);
    if (!e)
        *period = c.n;
    return e;
}

/* ---- the general ledger ---- */

struct gl_line {
    const char *text, *debit, *credit; /* names of accounts */
    struct money amount;
};

static enum err code_of(struct books *b, const char *name, char code[32], struct errmsg *why)
{
    struct query q = query_text_of(b->store, "SELECT code FROM gl_account WHERE name = ?");
    query_text(&q, name);
    if (query_row(&q))
        query_get_text(&q, code, 32);
    return query_done(&q, why);
}

/* One line for each side; below zero the sides change. */
static enum err write_line(struct books *b, const struct pack *pack, const char *date, int64_t period,
                           const struct gl_line *l, FILE *out, struct errmsg *why)
{
    bool back = money_minor(l->amount) < 0;
    const char *names[2] = {back ? l->credit : l->debit, back ? l->debit : l->credit};
    char amount[PACK_MONEY_SIZE];
    if (money_minor(l->amount) == 0)
        return OK;
    pack_amount_text(amount, pack, back ? money_of(-money_minor(l->amount)) : l->amount);
    for (int side = 0; side < 2; side++) {
        char code[32] = "";
        enum err e = code_of(b, names[side], code, why);
        if (e)
            return e;
        fprintf(out, "%s,P%" PRId64 ",%s,%s,%s,%s,%s,%s\n", date, period, code, names[side], side ? "" : amount,
                side ? amount : "", pack->currency, l->text);
    }
    return OK;
}

enum err close_journal(struct books *b, int64_t period, FILE *out, struct errmsg *why)
{
    char date[DAY_TEXT_SIZE] = "";
    struct money allocated = money_of(0), recognised = money_of(0);
    const struct pack *pack = NULL;
    bool found = false;
    struct query q = query_text_of(b->store, "SELECT to_day, pack_version, allocated, recognised FROM period WHERE n = ?");
    query_int(&q, period);
    if (query_row(&q)) {
        found = true;
        day_text(date, (int32_t)query_get_int(&q));
        pack = books_find_pack(b, (uint32_t)query_get_int(&q));
        allocated = money_of(query_get_int(&q));
        recognised = money_of(query_get_int(&q));
    }
    enum err e = query_done(&q, why);
    if (e)
        return e;
    if (!found || !pack)
        return err_set(why, ERR_NOT_FOUND, tr("no period %" PRId64 " is closed"), period);
    const struct gl_line lines[] = {
        {"share of the prices that belongs to points", "sales", "points liability", allocated},
        {"points redeemed and points that will not be", "points liability", "points revenue", recognised}};
    fputs("date,document,account,name,debit,credit,currency,text\n", out);
    for (size_t i = 0; i < sizeof lines / sizeof *lines && !e; i++)
        e = write_line(b, pack, date, period, &lines[i], out, why);
    return e;
}

/* ---- run-off ---- */

enum err close_runoff(struct books *b, struct runoff *out, int32_t *first_year, struct errmsg *why)
{
    memset(out, 0, sizeof *out);
    int32_t last_year = 0;
    *first_year = 0;
    /* Origin: the year in which the lot got its points; its lots are those that end in one year. */
    struct query q = query_text_of(
        b->store,
        "WITH m AS (SELECT iif(expires_day = 2147483647, 0,"
        "   CAST(strftime('%Y', expires_day * 86400, 'unixepoch') AS INTEGER)) AS ends,"
        "   CAST(strftime('%Y', e.received_s, 'unixepoch') AS INTEGER) AS year, cause, left + m.expired AS n"
        "  FROM lot_move m JOIN entry e USING (position) WHERE expires_day IS NOT NULL),"
        " origin AS (SELECT ends, min(year) AS first FROM m WHERE ends <> 0 GROUP BY ends)"
        "SELECT o.first, m.year, -sum(iif(cause IN ('redeem', 'return'), n, 0)), (SELECT max(year) FROM m)"
        " FROM m JOIN origin o USING (ends) GROUP BY o.first, m.year ORDER BY o.first, m.year");
    while (query_row(&q)) {
        int32_t origin = (int32_t)query_get_int(&q), year = (int32_t)query_get_int(&q);
        double redeemed = (double)query_get_int(&q);
        last_year = (int32_t)query_get_int(&q);
        if (!*first_year)
            *first_year = last_year - origin >= RUNOFF_YEARS_MAX ? last_year - RUNOFF_YEARS_MAX + 1 : origin;
        if (origin >= *first_year && year >= origin)
            out->redeemed[origin - *first_year][year - origin] += redeemed;
    }
    enum err e = query_done(&q, why);
    if (e)
        return e;
    out->years = *first_year ? last_year - *first_year + 1 : 0;
    if (out->years < 2)
        return err_set(why, ERR_STATE, tr("the books know fewer than two years of points that end: there is no run-off yet"));
    for (int i = 0; i < out->years; i++)
        for (int k = 1; k < out->years; k++)
            out->redeemed[i][k] += out->redeemed[i][k - 1];
    return runoff_estimate(out, why);
}
