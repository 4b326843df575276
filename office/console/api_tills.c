/* api_tills.c - tills, who works at them, and the dashboard: rows of the console's table (office/console/api.h).
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "base/mbed.h"
#include "base/tr.h"
#include "office/console/api.h"
#include "office/books/books_int.h"
#include "office/members/people.h"
#include "office/books/rows.h"
#include "office/tills.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- tills ---- */

static enum err till_of(const char *text, uint32_t *out, struct errmsg *why)
{
    char more;
    unsigned n;
    if (sscanf(*text == 'T' ? text + 1 : text, "%4u%c", &n, &more) != 1 || n < 1 || n > 9999)
        return err_set(why, ERR_FORMAT, tr("%.20s is no till: they are numbered T0001 to T9999"), text);
    *out = n;
    return OK;
}

static void put_till(json_t *object, const char *name, uint32_t terminal)
{
    char text[16];
    snprintf(text, sizeof text, "T%04" PRIu32, terminal);
    json_object_set_new(object, name, json_string(text));
}

static enum err number_of(struct api_call *c, const char *sql, int64_t first, int64_t second, int64_t *out,
                          struct errmsg *why)
{
    struct query q = query_text_of(c->office->books->store, sql);
    if (strchr(sql, '?'))
        query_int(&q, first);
    if (strstr(sql, "?2"))
        query_int(&q, second);
    *out = query_row(&q) ? query_get_int(&q) : 0;
    return query_done(&q, why);
}

static enum err wanted_now(struct api_call *c, struct till_wanted *out, struct errmsg *why)
{
    const struct pack *pack = books_pack_on(c->office->books, day_of_time(c->now_s));
    int64_t packs = 0, hot = 0;
    enum err e = number_of(c, "SELECT coalesce(max(version), 0) FROM pack", 0, 0, &packs, why);
    if (!e)
        e = number_of(c, "SELECT coalesce(max(version), 0) FROM hot", 0, 0, &hot, why);
    *out = (struct till_wanted){.now_s = c->now_s, .pack_version = (uint32_t)packs, .hot_version = (uint32_t)hot,
                                .skew_s = pack ? pack->clock_skew_s : 600};
    return e;
}

#define TILL_SHAPE                                                                                                  \
    "till:text! shop:text! state:text! last_entry:int! contact:time waiting:int! program:text! orders:[text]!"     \
    " locked:bool! reader:text! printer:text! receipts_waiting:int! journal:text! disk_free_mb:int entries:int!"   \
    " rules:int! rules_newest:int! hot_list:int! hot_list_newest:int! clock_off_s:int!"                             \
    " alarms:[code:text! bad:bool! text:text!]!"

struct fleet {
    struct till_wanted wanted;
    uint32_t only; /* 0 = all */
    json_t *rows;
};

static json_t *orders_json(uint32_t orders)
{
    json_t *list = json_array();
    if (orders & ORDER_UPLOAD)
        json_array_append_new(list, json_string("upload"));
    if (orders & ORDER_LOCKED)
        json_array_append_new(list, json_string("lock"));
    if (orders & ORDER_WIPE)
        json_array_append_new(list, json_string("wipe"));
    return list;
}

static const char *word(uint32_t n, const char *first, const char *second, const char *third)
{
    return n == 0 ? first : n == 1 ? second : third;
}

static json_t *alarms_json(const struct fleet_line *t, const struct till_wanted *wanted)
{
    struct till_alarm alarms[TILL_ALARMS_MAX];
    json_t *list = json_array();
    int n = till_alarms(t, wanted, alarms);
    for (int i = 0; i < n; i++)
        json_array_append_new(list, json_pack("{sssbso}", "code", alarms[i].code, "bad", (int)alarms[i].bad, "text",
                                              rows_text(alarms[i].text)));
    return list;
}

static bool add_till(const struct fleet_line *t, void *arg)
{
    struct fleet *f = arg;
    const struct wire_health *h = &t->health;
    if (f->only && t->terminal.terminal != f->only)
        return true;
    json_t *row = json_object();
    put_till(row, "till", t->terminal.terminal);
    json_object_set_new(row, "shop", rows_text(t->terminal.shop));
    json_object_set_new(row, "state", json_string(till_state(&t->terminal)));
    json_object_set_new(row, "last_entry", json_integer(t->last_seq));
    api_put_time(row, "contact", t->contact_s);
    json_object_set_new(row, "waiting", json_integer(t->waiting));
    json_object_set_new(row, "program", rows_text(t->program));
    json_object_set_new(row, "orders", orders_json(t->orders));
    json_object_set_new(row, "locked", json_boolean(h->locked == HEALTH_LOCKED));
    json_object_set_new(row, "reader", json_string(word(h->reader, "none", "there", "away")));
    json_object_set_new(row, "printer", json_string(word(h->printer, "none", "there", "away")));
    json_object_set_new(row, "receipts_waiting", json_integer(h->receipts_waiting));
    json_object_set_new(row, "journal", json_string(word(h->journal, "sound", "damaged", "disk full")));
    json_object_set_new(row, "disk_free_mb", h->disk_free_mb ? json_integer(h->disk_free_mb) : json_null());
    json_object_set_new(row, "entries", json_integer(h->entries));
    json_object_set_new(row, "rules", json_integer(t->pack_version));
    json_object_set_new(row, "rules_newest", json_integer(f->wanted.pack_version));
    json_object_set_new(row, "hot_list", json_integer(t->hot_version));
    json_object_set_new(row, "hot_list_newest", json_integer(f->wanted.hot_version));
    json_object_set_new(row, "clock_off_s", json_integer(t->skew_s));
    json_object_set_new(row, "alarms", alarms_json(t, &f->wanted));
    json_array_append_new(f->rows, row);
    return true;
}

static enum err list_tills(struct api_call *c, struct errmsg *why)
{
    struct fleet f = {.rows = json_array()};
    json_object_set_new(c->out, "rows", f.rows);
    enum err e = wanted_now(c, &f.wanted, why);
    return e ? e : books_terminals(c->office->books, add_till, &f, why);
}

static enum err show_till(struct api_call *c, struct errmsg *why)
{
    struct fleet f = {.rows = json_array()};
    enum err e = till_of(c->arg[0], &f.only, why);
    if (!e)
        e = wanted_now(c, &f.wanted, why);
    if (!e)
        e = books_terminals(c->office->books, add_till, &f, why);
    if (!e && json_array_size(f.rows) == 0)
        e = err_set(why, ERR_NOT_FOUND, tr("there is no till %s"), c->arg[0]);
    if (!e)
        json_object_update(c->out, json_array_get(f.rows, 0));
    json_decref(f.rows);
    return e;
}

static void put_code(struct api_call *c, const struct terminal_view *t, char code[CODE_TEXT_SIZE])
{
    put_till(c->out, "till", t->terminal);
    json_object_set_new(c->out, "shop", rows_text(t->shop));
    json_object_set_new(c->out, "code", json_string(code));
    bytes_wipe(code, CODE_TEXT_SIZE);
    snprintf(c->audit, sizeof c->audit, "T%04" PRIu32, t->terminal);
}

/* The code is shown once: so these two keep no answer to be asked for again (API_ALONE). */
static enum err add_till_op(struct api_call *c, struct errmsg *why)
{
    struct terminal_view t;
    char code[CODE_TEXT_SIZE];
    const char *shop = api_text(c->in, "shop");
    if (!*shop || strlen(shop) >= sizeof t.shop) {
        snprintf(c->field, sizeof c->field, "shop");
        return err_set(why, ERR_FORMAT, tr("a shop's code has 1 to %d bytes"), (int)sizeof t.shop - 1);
    }
    enum err e = till_add(c->office->books, c->office->home, shop, &t, code, why);
    if (!e)
        put_code(c, &t, code);
    return e;
}

static enum err recode_till(struct api_call *c, struct errmsg *why)
{
    struct terminal_view t;
    char code[CODE_TEXT_SIZE];
    uint32_t n;
    enum err e = till_of(c->arg[0], &n, why);
    if (!e)
        e = till_recode(c->office->books, c->office->home, n, &t, code, why);
    if (!e)
        put_code(c, &t, code);
    return e;
}

static enum err revoke_till(struct api_call *c, struct errmsg *why)
{
    struct terminal_view t;
    uint32_t n;
    enum err e = till_of(c->arg[0], &n, why);
    if (!e)
        e = till_revoke(c->office->books, n, &t, why);
    if (!e)
        put_till(c->out, "till", n);
    snprintf(c->audit, sizeof c->audit, "T%04" PRIu32 ": %.120s", e ? 0 : n, api_text(c->in, "reason"));
    return e;
}

static enum err order_till(struct api_call *c, struct errmsg *why)
{
    static const struct {
        const char *name;
        uint32_t set, clear;
    } orders[] = {{"upload", ORDER_UPLOAD, 0},
                  {"lock", ORDER_LOCKED, 0},
                  {"unlock", 0, ORDER_LOCKED | ORDER_WIPE},
                  {"wipe", ORDER_WIPE, 0}};
    const char *wanted = api_text(c->in, "order");
    struct terminal_view t;
    uint32_t n, now = 0;
    size_t i = 0;
    enum err e = till_of(c->arg[0], &n, why);
    while (i < sizeof orders / sizeof orders[0] && strcmp(orders[i].name, wanted) != 0)
        i++;
    if (!e && i == sizeof orders / sizeof orders[0]) {
        snprintf(c->field, sizeof c->field, "order");
        e = err_set(why, ERR_FORMAT, "%s", tr("an order is upload, lock, unlock or wipe"));
    }
    if (!e)
        e = till_order(c->office->books, n, orders[i].set, orders[i].clear, &t, &now, why);
    if (e)
        return e;
    put_till(c->out, "till", n);
    json_object_set_new(c->out, "orders", orders_json(now));
    snprintf(c->audit, sizeof c->audit, "T%04" PRIu32 " %s", n, orders[i].name);
    return OK;
}

/* ---- who works at the tills ---- */

#define STAFF_SHAPE "number:int! name:text! role:text! language:text! pin:bool! badge:text gift:points! gifts_a_day:points!"
#define STAFF_IN "name:text role:text language:text badge:text gift:points gifts_a_day:points"

static void put_staff(json_t *o, const struct staff *p)
{
    char uid[UID_TEXT_SIZE];
    json_object_set_new(o, "number", json_integer(p->id));
    json_object_set_new(o, "name", rows_text(p->name));
    json_object_set_new(o, "role", json_string(p->role == STAFF_SUPERVISOR ? "supervisor" : p->role == STAFF_CASHIER ? "cashier" : "gone"));
    json_object_set_new(o, "language", json_string(p->language));
    json_object_set_new(o, "pin", json_boolean(pin_is_set(&p->pin)));
    uid_text(uid, &p->badge);
    json_object_set_new(o, "badge", uid_is(&p->badge) ? json_string(uid) : json_null());
    api_put_points(o, "gift", p->grant_limit);
    api_put_points(o, "gifts_a_day", p->grant_day_limit);
}

static bool add_staff(const struct staff *p, void *arg)
{
    json_t *row = json_object();
    put_staff(row, p);
    json_array_append_new(arg, row);
    return true;
}

static enum err list_staff(struct api_call *c, struct errmsg *why)
{
    json_t *rows = json_array();
    json_object_set_new(c->out, "rows", rows);
    return people_staff_list(c->office->books, add_staff, rows, why);
}

static enum err fault(struct api_call *c, const char *field, const char *sentence, struct errmsg *why)
{
    snprintf(c->field, sizeof c->field, "%s", field);
    return err_set(why, ERR_FORMAT, "%s", sentence);
}

static enum err take_limit(struct api_call *c, const char *name, struct points *limit, struct errmsg *why)
{
    int64_t n = api_int(c->in, name, points_n(*limit));
    if (n < 0 || n > 1000000000)
        return fault(c, name, tr("a limit is 0 to 1,000,000,000 points"), why);
    *limit = points_of(n);
    return OK;
}

/* What was given, into p. */
static enum err take_staff(struct api_call *c, struct staff *p, struct errmsg *why)
{
    const char *name = api_text(c->in, "name"), *role = api_text(c->in, "role"), *badge = api_text(c->in, "badge"),
               *language = api_text(c->in, "language");
    if (*name)
        snprintf(p->name, sizeof p->name, "%s", name);
    if (!*p->name || strlen(name) >= sizeof p->name)
        return fault(c, "name", tr("a name has 1 to 63 bytes"), why);
    if (*role)
        p->role = strcmp(role, "supervisor") == 0 ? STAFF_SUPERVISOR : strcmp(role, "cashier") == 0 ? STAFF_CASHIER : STAFF_GONE;
    if (p->role == STAFF_GONE)
        return fault(c, "role", tr("a role at the tills is cashier or supervisor"), why);
    if (json_object_get(c->in, "language")) {
        if (*language && strcmp(language, "en") != 0 && strcmp(language, "zh") != 0)
            return fault(c, "language", tr("a till speaks en or zh"), why);
        snprintf(p->language, sizeof p->language, "%s", language);
    }
    if (json_object_get(c->in, "badge")) {
        memset(&p->badge, 0, sizeof p->badge);
        if (*badge && uid_parse(&p->badge, badge))
            return fault(c, "badge", tr("a badge is a card's number: 14 hex digits"), why);
    }
    enum err e = take_limit(c, "gift", &p->grant_limit, why);
    return e ? e : take_limit(c, "gifts_a_day", &p->grant_day_limit, why);
}

static enum err save_staff(struct api_call *c, struct staff *p, struct errmsg *why)
{
    enum err e = people_save_staff(c->office->books, p, why);
    if (e == ERR_EXISTS)
        snprintf(c->field, sizeof c->field, "badge");
    if (e)
        return e;
    put_staff(c->out, p);
    snprintf(c->audit, sizeof c->audit, "staff %" PRIu32, p->id);
    return OK;
}

static enum err add_staff_op(struct api_call *c, struct errmsg *why)
{
    struct staff p = {.role = STAFF_CASHIER};
    enum err e = take_staff(c, &p, why);
    return e ? e : save_staff(c, &p, why);
}

static enum err get_staff(struct api_call *c, struct staff *p, struct errmsg *why)
{
    unsigned n;
    char more;
    if (sscanf(c->arg[0], "%9u%c", &n, &more) != 1 || n == 0)
        return err_set(why, ERR_FORMAT, tr("%.20s is no number of a person"), c->arg[0]);
    return people_staff(c->office->books, n, p, why);
}

static enum err change_staff(struct api_call *c, struct errmsg *why)
{
    struct staff p;
    enum err e = get_staff(c, &p, why);
    if (!e)
        e = take_staff(c, &p, why);
    return e ? e : save_staff(c, &p, why);
}

static enum err remove_staff(struct api_call *c, struct errmsg *why)
{
    struct staff p;
    enum err e = get_staff(c, &p, why);
    p.role = STAFF_GONE;
    return e ? e : save_staff(c, &p, why);
}

/* Its own transaction (API_ALONE), so that no digest of a short PIN is kept with the Request-Id. */
static enum err set_staff_pin(struct api_call *c, struct errmsg *why)
{
    struct staff p;
    uint8_t salt[PIN_SALT_SIZE];
    const char *pin = api_text(c->in, "pin");
    enum err e = get_staff(c, &p, why);
    if (e)
        return e;
    memset(&p.pin, 0, sizeof p.pin);
    if (*pin) {
        snprintf(c->field, sizeof c->field, "pin");
        if (mbed_random(NULL, salt, sizeof salt))
            e = err_set(why, ERR_CRYPTO, "no random numbers");
        if (!e)
            e = pin_make(&p.pin, pin, salt, why);
    }
    e = e ? e : save_staff(c, &p, why);
    bytes_wipe(&p, sizeof p);
    return e;
}

struct cashiers {
    struct api_call *c;
    json_t *rows;
};

static bool add_cashier(const struct cashier_line *line, void *arg)
{
    struct cashiers *r = arg;
    struct staff p = {.name = ""};
    (void)!people_staff(r->c->office->books, line->cashier, &p, NULL); /* gone: the number is all there is */
    json_t *o = json_object();
    json_object_set_new(o, "number", json_integer(line->cashier));
    json_object_set_new(o, "name", rows_text(p.name));
    json_object_set_new(o, "sales", json_integer(line->sales));
    api_put_money(o, "sold", line->sold);
    json_object_set_new(o, "refunds", json_integer(line->refunds));
    api_put_money(o, "refunded", line->refunded);
    json_object_set_new(o, "gifts", json_integer(line->gifts));
    api_put_points(o, "given", line->given);
    json_object_set_new(o, "ratings", json_integer(line->ratings));
    json_object_set_new(o, "rating_sum", json_integer(line->rating_sum));
    json_object_set_new(o, "approved", json_integer(line->approved));
    json_array_append_new(r->rows, o);
    return true;
}

static enum err report_staff(struct api_call *c, struct errmsg *why)
{
    struct cashiers r = {c, json_array()};
    int32_t from = INT32_MIN, to = INT32_MAX;
    enum err e = OK;
    json_object_set_new(c->out, "rows", r.rows);
    if (*api_text(c->query, "from"))
        e = api_day(api_text(c->query, "from"), &from, why);
    if (!e && *api_text(c->query, "to"))
        e = api_day(api_text(c->query, "to"), &to, why);
    return e ? e : books_by_cashier(c->office->books, from, to, add_cashier, &r, why);
}

/* ---- the dashboard ---- */

/* The first entry received on a day or after it, by halves: they came in that order. */
static enum err first_position(struct api_call *c, int32_t day, int64_t *out, struct errmsg *why)
{
    int64_t low = 1, high = 0, received_s = 0;
    enum err e = number_of(c, "SELECT coalesce(max(position), 0) + 1 FROM entry", 0, 0, &high, why);
    while (!e && low < high) {
        int64_t middle = low + (high - low) / 2;
        e = number_of(c, "SELECT received_s FROM entry WHERE position = ?", middle, 0, &received_s, why);
        if (received_s < (int64_t)day * 86400)
            low = middle + 1;
        else
            high = middle;
    }
    *out = low;
    return e;
}

struct alarms_list {
    struct till_wanted wanted;
    json_t *rows;
};

static bool add_alarms(const struct fleet_line *t, void *arg)
{
    struct alarms_list *l = arg;
    struct till_alarm alarms[TILL_ALARMS_MAX];
    int n = till_alarms(t, &l->wanted, alarms);
    for (int i = 0; i < n; i++) {
        json_t *o = json_object();
        put_till(o, "till", t->terminal.terminal);
        json_object_set_new(o, "shop", rows_text(t->terminal.shop));
        json_object_set_new(o, "text", rows_text(alarms[i].text));
        json_object_set_new(o, "bad", json_boolean(alarms[i].bad));
        api_put_time(o, "since", t->contact_s);
        json_array_append_new(l->rows, o);
    }
    return true;
}

enum { DASHBOARD_DAYS = 30, ACTIVE_DAYS = 90 };

/* Points of each of the last days, by the day of the event; days without any are there with 0. */
static enum err put_days(struct api_call *c, int32_t today, int64_t since, struct errmsg *why)
{
    struct query q = query_text_of(
        c->office->books->store,
        "WITH RECURSIVE d (day) AS (VALUES (?1) UNION ALL SELECT day + 1 FROM d WHERE day < ?2),"
        " p AS (SELECT e.time_s / 86400 AS day, account, amount FROM posting JOIN entry e USING (position)"
        "       WHERE position >= ?3 AND account IN ('issued', 'redeemed', 'expired'))"
        " SELECT d.day, coalesce(-sum(amount) FILTER (WHERE account = 'issued'), 0),"
        " coalesce(sum(amount) FILTER (WHERE account = 'redeemed'), 0),"
        " coalesce(sum(amount) FILTER (WHERE account = 'expired'), 0)"
        " FROM d LEFT JOIN p USING (day) GROUP BY d.day ORDER BY d.day");
    json_t *rows = json_array();
    query_int(&q, today - DASHBOARD_DAYS + 1);
    query_int(&q, today);
    query_int(&q, since);
    json_object_set_new(c->out, "days", rows);
    return rows_of(&q, "day:day earned:points redeemed:points expired:points", rows, why);
}

static enum err put_sales(struct api_call *c, int32_t today, int64_t since, struct errmsg *why)
{
    struct query q = query_text_of(c->office->books->store,
                                   "SELECT count(*) FILTER (WHERE day = ?2), coalesce(sum(total) FILTER (WHERE day = ?2), 0),"
                                   " count(*), coalesce(sum(total), 0)"
                                   " FROM sale WHERE position >= ?3 AND day BETWEEN ?1 AND ?2");
    query_int(&q, today - DASHBOARD_DAYS + 1);
    query_int(&q, today);
    query_int(&q, since);
    return rows_one(&q, "sales_today:int sold_today:money sales_30:int sold_30:money", c->out, why);
}

static enum err put_tiers(struct api_call *c, const struct pack *pack, struct errmsg *why)
{
    json_t *rows = json_array();
    struct query q = query_text_of(c->office->books->store, "SELECT tier, count(*) FROM member GROUP BY tier ORDER BY 2 DESC, 1");
    json_object_set_new(c->out, "tiers", rows);
    enum err e = rows_of(&q, "name:text members:int", rows, why);
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
        for (int k = 0; pack && k < pack->tier_count; k++)
            if (strcmp(pack->tiers[k].code, json_string_value(json_object_get(row, "name"))) == 0)
                json_object_set_new(row, "name", rows_text(pack->tiers[k].name));
    return e;
}

static enum err put_outstanding(struct api_call *c, const struct pack *pack, struct errmsg *why)
{
    int64_t n = 0;
    /* what every member has, in all places, before what is owed is taken off: the rest of the lots */
    enum err e = number_of(c, "SELECT (SELECT coalesce(sum(held + transit + reserved + pending + owed), 0) FROM member)"
                              " + (SELECT coalesce(sum(purse), 0) FROM card)", 0, 0, &n, why);
    int64_t worth = 0;
    if (!e)
        api_put_points(c->out, "outstanding", points_of(n));
    json_object_set_new(c->out, "outstanding_worth", json_null());
    if (!e && pack && pack->worth.num && ratio_floor(&worth, n, pack->worth.num, pack->worth.den))
        api_put_money(c->out, "outstanding_worth", money_of(worth));
    return e;
}

/* Complaints that are not ended, and those of them past their time. */
static enum err put_complaints(struct api_call *c, struct errmsg *why)
{
    int64_t open = 0, late = 0;
    enum err e = number_of(c, "SELECT count(*) FROM complaint WHERE state IN ('received', 'recorded', 'passed on')", 0, 0, &open, why);
    if (!e)
        e = number_of(c, "SELECT count(*) FROM complaint WHERE state IN ('received', 'recorded', 'passed on') AND due_s < ?", c->now_s, 0, &late, why);
    json_object_set_new(c->out, "complaints_open", json_integer(open));
    json_object_set_new(c->out, "complaints_late", json_integer(late));
    return e;
}

static enum err dashboard(struct api_call *c, struct errmsg *why)
{
    const int32_t today = day_of_time(c->now_s);
    const struct pack *pack = books_pack_on(c->office->books, today);
    struct alarms_list alarms = {.rows = json_array()};
    int64_t since_30 = 0, since_90 = 0, n = 0;
    json_object_set_new(c->out, "alarms", alarms.rows);
    enum err e = first_position(c, today - DASHBOARD_DAYS, &since_30, why);
    if (!e)
        e = first_position(c, today - ACTIVE_DAYS, &since_90, why);
    if (!e)
        e = number_of(c, "SELECT count(*) FROM member", 0, 0, &n, why);
    json_object_set_new(c->out, "members", json_integer(n));
    if (!e)
        e = number_of(c, "SELECT count(DISTINCT member) FROM sale WHERE position >= ?1 AND day > ?2 AND member <> 0", since_90,
                      today - ACTIVE_DAYS, &n, why);
    json_object_set_new(c->out, "active_members", json_integer(n));
    if (!e)
        e = number_of(c, "SELECT count(*) FROM review r WHERE NOT EXISTS (SELECT 1 FROM review_done d"
                         " WHERE d.position = r.position AND d.n = r.n)", 0, 0, &n, why);
    json_object_set_new(c->out, "reviews", json_integer(n));
    if (!e)
        e = put_sales(c, today, since_30, why);
    if (!e)
        e = put_days(c, today, since_30, why);
    if (!e)
        e = put_tiers(c, pack, why);
    if (!e)
        e = put_outstanding(c, pack, why);
    if (!e)
        e = put_complaints(c, why);
    if (!e)
        e = wanted_now(c, &alarms.wanted, why);
    return e ? e : books_terminals(c->office->books, add_alarms, &alarms, why);
}

/* ---- the rows ---- */

const struct api_op api_tills[] = {
    {"GET", "/api/dashboard", "dashboard", "How the programme does: members, sales, points of 30 days, alarms.", ROLE_STAFF,
     API_READ, NULL, NULL,
     "members:int! active_members:int! sales_today:int! sold_today:money! sales_30:int! sold_30:money! outstanding:points!"
     " outstanding_worth:money reviews:int! complaints_open:int! complaints_late:int!"
     " days:[day:day! earned:points! redeemed:points! expired:points!]! tiers:[name:text! members:int!]!"
     " alarms:[till:text! shop:text! text:text! bad:bool! since:time]!",
     dashboard},
    {"GET", "/api/tills", "list_tills", "The tills and how they are.", ROLE_STAFF, API_READ, NULL, NULL,
     "rows:[" TILL_SHAPE "]!", list_tills},
    {"GET", "/api/tills/{till}", "show_till", "One till.", ROLE_STAFF, API_READ, NULL, NULL, TILL_SHAPE, show_till},
    {"POST", "/api/tills", "add_till", "Let a new till in: its number, and a code that works once.", ROLE_ADMIN, API_ALONE,
     NULL, "shop:text!", "till:text! shop:text! code:text!", add_till_op},
    {"POST", "/api/tills/{till}/code", "recode_till", "A new one-time code, for a till that keeps its journal.", ROLE_ADMIN,
     API_ALONE, NULL, NULL, "till:text! shop:text! code:text!", recode_till},
    {"POST", "/api/tills/{till}/revoke", "revoke_till", "Shut a till out for good.", ROLE_ADMIN, API_CHANGE, NULL,
     "reason:text!", "till:text!", revoke_till},
    {"POST", "/api/tills/{till}/order", "order_till", "Have a till upload, lock, unlock or wipe itself when it next calls.",
     ROLE_ADMIN, API_CHANGE, NULL, "order:text!", "till:text! orders:[text]!", order_till},
    {"GET", "/api/staff", "list_staff", "Who works at the tills.", ROLE_STAFF, API_READ, NULL, NULL,
     "rows:[" STAFF_SHAPE "]!", list_staff},
    {"POST", "/api/staff", "add_staff", "Let a person work at the tills.", ROLE_ADMIN, API_CHANGE, NULL, STAFF_IN, STAFF_SHAPE,
     add_staff_op},
    {"POST", "/api/staff/{number}", "change_staff", "Change name, role, language, badge or limits; what is not named stays.",
     ROLE_ADMIN, API_CHANGE, NULL, STAFF_IN, STAFF_SHAPE, change_staff},
    {"POST", "/api/staff/{number}/pin", "set_staff_pin", "A new PIN; empty: none.", ROLE_ADMIN, API_ALONE, NULL, "pin:text!",
     STAFF_SHAPE, set_staff_pin},
    {"POST", "/api/staff/{number}/remove", "remove_staff", "Somebody works at the tills no more; the number stays in entries.",
     ROLE_ADMIN, API_CHANGE, NULL, NULL, STAFF_SHAPE, remove_staff},
    {"GET", "/api/staff/report", "report_staff", "What everybody did at the tills, and what members said of it.",
     ROLE_CONTROLLER | ROLE_AUDITOR | ROLE_ADMIN, API_READ, "from:day to:day", NULL,
     "rows:[number:int! name:text! sales:int! sold:money! refunds:int! refunded:money! gifts:int! given:points! ratings:int!"
     " rating_sum:int! approved:int!]!",
     report_staff},
    {0},
};
